//! `meta.json`: read, and written into as a merge does it.

use clearance_engine::merge::json_fields;
use clearance_engine::mission::artefact::read_json;
use clearance_engine::mission::meta::Meta;
use serde_json::{Value, json};

use super::lanes::laid_out;

/// Holds for every file.
pub fn hold(data: &[u8]) {
    let Some(source) = super::source("meta.json", data) else { return };
    let meta = laid_out(&source, read_json::<Meta>);
    if let Some(meta) = &meta {
        assert!(
            meta.target().is_none() || meta.target_branch.is_some() || meta.merge_target_branch.is_some()
        );
    }
    let number = json!(4711);
    let Ok(set) = json_fields::set(source.text(), "mission_number", &number) else { return };
    assert_eq!(
        json_fields::set(&set, "mission_number", &number).ok().as_ref(),
        Some(&set),
        "set twice is set once"
    );
    let (Ok(Value::Object(before)), Ok(Value::Object(after))) =
        (serde_json::from_str(source.text()), serde_json::from_str(&set))
    else {
        // Numbers that are too large for a value.
        return;
    };
    let others = |fields: serde_json::Map<String, Value>| {
        fields.into_iter().filter(|(name, _)| name != "mission_number").collect::<Vec<_>>()
    };
    assert_eq!(after.get("mission_number"), Some(&number));
    assert_eq!(others(after), others(before), "other fields stay");
    let set = super::source("meta.json", set.as_bytes()).expect("text");
    let after = laid_out(&set, read_json::<Meta>);
    assert_eq!(after.map(|meta| meta.mission_number), meta.map(|_| Some(4711)));
}
