//! `lanes.json` and `status.json`: what they say does not hang on how they are laid out.

use std::fmt::Debug;

use clearance_engine::mission::artefact::{ArtefactError, read_json};
use clearance_engine::mission::lanes::Lanes;
use clearance_engine::mission::snapshot::Snapshot;
use clearance_engine::source::Source;

/// Holds for every file.
pub fn hold(data: &[u8]) {
    if let Some(source) = super::source("lanes.json", data) {
        if let Some(lanes) = laid_out(&source, read_json::<Lanes>) {
            let blank = |name: &Option<String>| name.as_ref().is_some_and(|name| name.trim().is_empty());
            assert!(!lanes.lanes.iter().any(|lane| blank(&lane.target_repository)), "a blank name is none");
        }
        laid_out(&source, read_json::<Snapshot>);
    }
}

/// What a file says, if it is read: the same in every layout, and with fields that nobody knows.
/// `read` reads it.
pub(super) fn laid_out<T: Debug>(
    source: &Source,
    read: fn(&Source) -> Result<T, ArtefactError>,
) -> Option<T> {
    let said = match read(source) {
        Ok(said) => said,
        Err(error) => {
            super::is_placed(&error, source);
            return None;
        }
    };
    // Numbers that are too large for a value may stand where nobody looks.
    let Ok(mut value) = serde_json::from_str::<serde_json::Value>(source.text()) else { return Some(said) };
    // The last digit of a fraction may be another one when it is read again.
    if serde_json::from_str::<serde_json::Value>(&value.to_string()).ok().as_ref() != Some(&value) {
        return Some(said);
    }
    value["\u{0}nobody knows"] = serde_json::json!([{ "lanes": 1 }]);
    for text in [value.to_string(), format!("\n\t{value:#}\r\n")] {
        let again = read(&Source::new(source.name(), source.path(), text)).expect("another layout");
        assert_eq!(format!("{again:?}"), format!("{said:?}"));
    }
    Some(said)
}
