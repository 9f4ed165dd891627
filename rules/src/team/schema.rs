//! JSON Schemas of the files in `rules.d/`, for editors: made from the types that read them.

use clearance_engine::check::CheckMeta;
use schemars::generate::SchemaSettings;
use serde_json::{Value as Json, json};

use super::resolver::WrittenResolverRule;
use super::trust::WrittenLock;
use super::tune::{WrittenTune, schema_of_params};
use super::waivers::WrittenWaivers;
use super::written::{self, WrittenRule};

/// The schema of a rule: of a check, of a built-in check set otherwise, or of a way to find tasks.
#[must_use]
pub fn rule(built_in: &[CheckMeta]) -> Json {
    let id = "https://clearance.invalid/schema/rule/v1";
    let resolver = with_schema_and_id(of::<WrittenResolverRule>("clearance resolver"));
    let mut rule = with_schema_and_id(of::<WrittenRule>("clearance rule"));
    let mut tune = with_schema_and_id(of::<WrittenTune>("clearance built-in check"));
    // One dispatch, and one set of definitions, so that an editor tells which of them is meant.
    let mut defs = serde_json::Map::new();
    for schema in [&resolver, &tune, &rule] {
        if let Some(own) = schema["$defs"].as_object() {
            defs.extend(own.clone());
        }
    }
    let dialect = rule["$schema"].clone();
    let plain = |mut schema: Json| {
        if let Some(fields) = schema.as_object_mut() {
            fields.remove("$defs");
            fields.remove("$schema");
        }
        schema
    };
    rule = plain(rule);
    // Its type reads files that set a built-in check, too.
    rule["required"] = json!(["schema", "id", "title", "severity", "stages", "check", "message"]);
    tune = plain(tune);
    let ids: Vec<&str> = built_in.iter().map(|meta| meta.id).collect();
    tune["allOf"] = schema_of_params(built_in).into();
    json!({
        "$schema": dialect,
        "$id": id,
        "title": "clearance rule",
        "if": { "properties": { "kind": { "const": "resolver" } }, "required": ["kind"] },
        "then": plain(resolver),
        "else": {
            "if": { "properties": { "id": { "enum": ids } }, "required": ["id"] },
            "then": tune,
            "else": rule,
        },
        "$defs": defs,
    })
}

fn with_schema_and_id(mut schema: Json) -> Json {
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
