//! Sets fields of a JSON object and leaves every other byte as it is: a manifest is also written by people.

use std::fmt;
use std::ops::Range;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// A text with a field of its object set: the value is replaced where the field is; a new field goes where the names are
/// in order, as the original writes them, and is laid out like its neighbours.
///
/// # Errors
/// The text is no JSON object.
pub fn set(text: &str, name: &str, value: &Value) -> serde_json::Result<String> {
    let Fields(fields) = serde_json::from_str(text)?;
    let place = |raw: &RawValue| -> Range<usize> {
        let start = raw.get().as_ptr().addr() - text.as_ptr().addr();
        start..start + raw.get().len()
    };
    // Of a name that stands there twice, the last one counts.
    if let Some((_, raw)) = fields.iter().rfind(|(known, _)| known == name) {
        let Range { start, end } = place(raw);
        return Ok(format!("{}{value}{}", &text[..start], &text[end..]));
    }
    let field = format!("{}: {value}", Value::from(name));
    let open = text.find('{').map_or(0, |at| at + 1);
    let Some((_, first)) = fields.first() else {
        return Ok(format!("{}{field}{}", &text[..open], &text[open..]));
    };
    // From the bracket, or the value before, to the name: a comma, blanks, a line ending.
    let space = |before: usize, raw: &RawValue| {
        let between = &text[before..place(raw).start];
        between.find('"').map_or("", |name| between[..name].trim_start_matches([',', ' ', '\t']))
    };
    let indent = space(open, first);
    let before = fields.iter().rfind(|(known, _)| known.as_str() < name);
    Ok(match before {
        Some((_, raw)) => {
            let end = place(raw).end;
            let gap = if indent.is_empty() { " " } else { indent };
            format!("{},{gap}{field}{}", &text[..end], &text[end..])
        }
        None => {
            let gap = if indent.is_empty() { " " } else { "" };
            let start = open + text[open..].find('"').unwrap_or_default();
            format!("{}{field},{gap}{indent}{}", &text[..start], &text[start..])
        }
    })
}

/// The fields of an object, in its order.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::replaced("{\n  \"m\": null,\n  \"z\": 1\n}\n", "{\n  \"m\": 7,\n  \"z\": 1\n}\n")]
    #[case::last("{\n  \"a\": 1\n}\n", "{\n  \"a\": 1,\n  \"m\": 7\n}\n")]
    #[case::between(
        "{\n  \"a\": {\"m\": 0},\n  \"z\": 1\n}",
        "{\n  \"a\": {\"m\": 0},\n  \"m\": 7,\n  \"z\": 1\n}"
    )]
    #[case::first("{\n\t\"z\": 1\n}", "{\n\t\"m\": 7,\n\t\"z\": 1\n}")]
    #[case::on_one_line("{\"a\": 1, \"z\": 2}", "{\"a\": 1, \"m\": 7, \"z\": 2}")]
    #[case::first_on_one_line("{\"z\": 2}", "{\"m\": 7, \"z\": 2}")]
    #[case::empty("{}", "{\"m\": 7}")]
    #[case::line_ends_of_windows("{\r\n  \"a\": 1\r\n}\r\n", "{\r\n  \"a\": 1,\r\n  \"m\": 7\r\n}\r\n")]
    #[case::twice("{\"m\": 1, \"m\": 2}", "{\"m\": 1, \"m\": 7}")]
    #[case::in_no_order("{\"z\": 1, \"a\": 2}", "{\"z\": 1, \"a\": 2, \"m\": 7}")]
    fn other_bytes_stay(#[case] before: &str, #[case] after: &str) {
        assert_eq!(set(before, "m", &json!(7)).unwrap(), after);
    }

    #[rstest]
    fn what_is_no_object(#[values("", "[]", "{", "{} {}", "null")] text: &str) {
        assert!(set(text, "m", &json!(7)).is_err());
    }

    proptest! {
        /// However it is laid out, the object has the field, and everything else as before.
        #[test]
        fn only_the_field_changes(
            mut fields in proptest::collection::btree_map("[a-z]{1,3}", 0..9_i32, 0..6),
            name in "[a-z]{1,3}",
            pretty: bool,
        ) {
            let form = if pretty { serde_json::to_string_pretty } else { serde_json::to_string };
            let text = set(&form(&fields).unwrap(), &name, &json!(7)).unwrap();
            fields.insert(name, 7);
            prop_assert_eq!(serde_json::from_str::<std::collections::BTreeMap<String, i32>>(&text).unwrap(), fields.clone());
            // What is in order, and laid out as the original does it, stays so.
            if pretty && fields.len() > 1 {
                prop_assert_eq!(text, serde_json::to_string_pretty(&fields).unwrap());
            }
        }
    }
}
