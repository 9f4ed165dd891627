//! Files of what is gated, as values: JSON, YAML or TOML, by their names.

use clearance_engine::item::Unanswered;

use super::expression::Value;
use super::yaml;

/// Reads a file.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse(path: &str, text: &str) -> Result<Value, Unanswered> {
    let wrong = |error: String| Unanswered::new(format!("{path} cannot be read: {error}"));
    let parsed: serde_json::Value = match path.rsplit('.').next() {
        Some("json") => serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?,
        Some("yaml" | "yml") => yaml::value(text).map_err(wrong)?,
        Some("toml") => toml::from_str(text).map_err(|error| wrong(error.message().to_owned()))?,
        _ => return Err(wrong("its name ends neither in .json nor in .yaml or .toml".to_owned())),
    };
    Ok(Value::from(&parsed))
}
