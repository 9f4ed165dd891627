//! A document that is written out, in the tests of a rule: what is left out is there and empty.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::names;
use crate::team::evaluate::Facts;
use crate::team::expression::Value;
use crate::team::types::Type;
use crate::team::world::Unknown;

/// A document that is written out.
#[derive(Debug)]
pub struct Given(BTreeMap<String, Value>);

impl Given {
    /// The document with these parts; everything else is empty.
    ///
    /// # Errors
    /// A field that the document does not have, as `wps[0].agnt`, with what was probably meant.
    pub fn of(given: &Map<String, Json>) -> Result<Self, Misfit> {
        let mut values = BTreeMap::new();
        for (name, of) in names().iter() {
            let value = filled(given.get(name), of, name)?;
            values.insert(name.to_owned(), Value::from(&value));
        }
        Ok(Self(values))
    }
}

impl Facts for Given {
    fn value(&self, name: &str) -> Result<Value, Unknown> {
        Ok(self.0.get(name).cloned().unwrap_or_else(|| Value::from(&Json::Null)))
    }
}

/// A part of a written document that the real one cannot have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// Where: `wps[0].agnt`.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What was probably meant.
    pub help: Option<String>,
}

/// A value with everything that its type has.
fn filled(given: Option<&Json>, of: &Type, path: &str) -> Result<Json, Misfit> {
    let misfit = |what: &str| {
        let message = format!("{path} is {what}, and not {}", of.in_words());
        Err(Misfit { path: path.to_owned(), message, help: None })
    };
    let Some(given) = given.filter(|given| !given.is_null()) else { return Ok(empty(of)) };
    match (of, given) {
        (Type::Any, given) => Ok(given.clone()),
        (Type::Bool, Json::Bool(_)) | (Type::Text, Json::String(_)) => Ok(given.clone()),
        (Type::Int, Json::Number(number)) if number.is_i64() => Ok(given.clone()),
        (Type::List(of), Json::Array(items)) => {
            let items = items.iter().enumerate();
            items.map(|(nth, item)| filled(Some(item), of, &format!("{path}[{nth}]"))).collect()
        }
        (Type::Record(fields), Json::Object(given)) => {
            if let Some(unknown) = given.keys().find(|name| !fields.contains_key(name.as_str())) {
                let near = crate::team::nearest(unknown, fields.keys().copied());
                let help = near.map(|near| format!("did you mean `{near}`?"));
                let help = help.or_else(|| {
                    Some(format!("there are: {}", fields.keys().copied().collect::<Vec<_>>().join(", ")))
                });
                let path = format!("{path}.{unknown}");
                let message = format!("the document has no `{path}`");
                return Err(Misfit { path, message, help });
            }
            let filled = fields.iter().map(|(name, of)| {
                Ok(((*name).to_owned(), filled(given.get(*name), of, &format!("{path}.{name}"))?))
            });
            filled.collect::<Result<Map<_, _>, _>>().map(Json::Object)
        }
        (_, Json::String(_)) => misfit("text"),
        (_, Json::Array(_)) => misfit("a list"),
        (_, Json::Object(_)) => misfit("a record"),
        (_, Json::Number(_)) => misfit("a number"),
        (_, Json::Bool(_)) => misfit("true or false"),
        (_, Json::Null) => misfit("nothing"),
    }
}

/// What stands for a value that is not known.
#[must_use]
pub fn empty(of: &Type) -> Json {
    match of {
        Type::Any => Json::Null,
        Type::Bool => json!(false),
        Type::Int => json!(0),
        Type::Text => json!(""),
        Type::List(_) => json!([]),
        Type::Record(fields) => {
            Json::Object(fields.iter().map(|(name, of)| ((*name).to_owned(), empty(of))).collect())
        }
    }
}
