//! Files of what is gated, as values: JSON, YAML or TOML, by their names.

use clearance_engine::item::Unanswered;

use super::expression::Value;
use super::yaml;

/// Most values of a JSON file: the lock file of a large project has a tenth of them, and each takes a hundred bytes.
const MOST_VALUES: usize = 500_000;
/// Longest TOML file, in bytes.
const LONGEST_TOML: usize = 4 << 20;

/// Reads a file.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse(path: &str, text: &str) -> Result<Value, Unanswered> {
    let wrong = |error: String| Unanswered::new(format!("{path} cannot be read: {error}"));
    let parsed: serde_json::Value = match path.rsplit('.').next() {
        Some("json") if values_in(text) > MOST_VALUES => {
            return Err(wrong(format!("it has more than {MOST_VALUES} values")));
        }
        Some("json") => serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?,
        Some("yaml" | "yml") => yaml::value(text).map_err(wrong)?,
        Some("toml") if text.len() > LONGEST_TOML => {
            return Err(wrong(format!("it has more than {} MiB", LONGEST_TOML >> 20)));
        }
        Some("toml") => toml::from_str(text).map_err(|error| wrong(error.message().to_owned()))?,
        _ => return Err(wrong("its name ends neither in .json nor in .yaml or .toml".to_owned())),
    };
    Ok(Value::from(&parsed))
}

/// How many values a JSON text has; one that is no JSON may seem to have more.
fn values_in(json: &str) -> usize {
    let (mut values, mut quoted, mut escaped) = (1, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' | b'[' | b'{' if !quoted => values += 1,
            _ => {}
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("1", 1)]
    #[case(r#"["a,[{", 2]"#, 3)]
    #[case(r#"{"a\"": [1, 2], "b": {}}"#, 6)]
    fn values(#[case] json: &str, #[case] expected: usize) {
        assert_eq!(values_in(json), expected);
    }

    #[test]
    fn a_file_with_too_many_values_is_refused() {
        let json = |values: usize| format!("[{}0]", "0,".repeat(values));
        assert!(parse("a.json", &json(MOST_VALUES - 3)).is_ok());
        assert!(parse("a.json", &json(MOST_VALUES)).unwrap_err().message.contains("500000 values"));
        assert!(parse("a.toml", &"a = 1 # long\n".repeat(400_000)).is_err());
    }
}
