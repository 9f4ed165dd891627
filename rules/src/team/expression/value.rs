//! Values between JSON and CEL.

use std::collections::HashMap;

use cel::common::types::{CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString};
use cel::common::value::Val;
use cel::{ExecutionError, Value};
use serde_json::Value as Json;

/// A JSON value as CEL has it. Whole numbers are signed: `1` in an expression is.
pub(super) fn bound(json: &Json) -> Box<dyn Val> {
    match json {
        Json::Null => Box::new(CelNull),
        Json::Bool(value) => Box::new(CelBool::from(*value)),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Box::new(CelInt::from(whole)),
            None => Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN))),
        },
        Json::String(text) => Box::new(CelString::from(text.clone())),
        Json::Array(items) => Box::new(CelList::from(items.iter().map(bound).collect::<Vec<_>>())),
        Json::Object(fields) => {
            let fields: HashMap<CelMapKey<'static>, Box<dyn Val>> =
                fields.iter().map(|(name, value)| (CelMapKey::from(name.clone()), bound(value))).collect();
            Box::new(CelMap::from(fields))
        }
    }
}

/// A CEL value as JSON.
pub(super) fn to_json(value: &Value) -> Result<Json, String> {
    value.json().map_err(|_| format!("a value of type {} cannot be shown", value.type_of()))
}

/// What went wrong, without the crate's own notation for values.
pub(super) fn in_words(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(name) => format!("there is no `{name}`"),
        ExecutionError::NoSuchOverload(overload) => {
            let function = overload.function().trim_matches('_');
            format!("`{function}` does not take {}", overload.argument_types().join(" and "))
        }
        ExecutionError::UnsupportedBinaryOperator(operator, left, right) => {
            format!("`{operator}` does not take {} and {}", left.type_of(), right.type_of())
        }
        ExecutionError::IndexOutOfBounds(_) => "the list is shorter than that".to_owned(),
        ExecutionError::FunctionError { function, message } => format!("{function}: {message}"),
        other => {
            const LONGEST: usize = 200;
            other.to_string().chars().take(LONGEST).collect()
        }
    }
}
