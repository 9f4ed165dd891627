//! JSON Schemas of the files in `rules.d/`, for editors: made from the types that read them.

use schemars::generate::SchemaSettings;
use serde_json::{Value as Json, json};

use super::trust::WrittenLock;
use super::waivers::WrittenWaivers;
use super::written::{self, WrittenRule};

/// The schema of a rule.
#[must_use]
pub fn rule() -> Json {
    let mut schema = of::<WrittenRule>("clearance rule");
    if let Some(fields) = schema["properties"].as_object_mut() {
        fields.insert("schema".to_owned(), json!({ "const": written::SCHEMA }));
        let pattern = "^[a-z][a-z0-9]*(-[a-z0-9]+)*$";
        fields.insert(
            "id".to_owned(),
            json!({ "type": "string", "pattern": pattern, "minLength": 3, "maxLength": 64 }),
        );
    }
    schema
}

/// The schema of `waivers.yaml`.
#[must_use]
pub fn waivers() -> Json {
    of::<WrittenWaivers>("clearance waivers")
}

/// The schema of `trust.lock`.
#[must_use]
pub fn trust_lock() -> Json {
    of::<WrittenLock>("clearance trust lock")
}

fn of<T: schemars::JsonSchema>(title: &str) -> Json {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<T>();
    schema.insert("title".to_owned(), title.into());
    schema.to_value()
}
