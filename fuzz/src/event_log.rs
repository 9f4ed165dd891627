//! The status log: read, reduced, shown, and merged with another one.

use std::collections::BTreeMap;

use clearance_engine::merge::log_union::union;
use clearance_engine::mission::artefact::{ArtefactError, read_json};
use clearance_engine::mission::log::is_torn;
use clearance_engine::mission::snapshot::Snapshot;
use clearance_engine::mission::state::MissionState;
use clearance_engine::source::Source;

const LOG: &str = "status.events.jsonl";

/// Holds for every log.
pub fn hold(data: &[u8]) {
    let source = match Source::of_log(LOG, LOG.as_ref(), data.to_vec()) {
        Ok(source) => source,
        Err(error) => return assert_eq!(ArtefactError::from(error).place().0, LOG),
    };
    let text = source.text();
    let state = match MissionState::reduce(&source) {
        Ok(state) => state,
        Err(error) => return super::is_placed(&error, &source),
    };
    is_shown(&state);
    let whole = match state.log.torn_tail {
        Some(at) => {
            assert!(is_torn(&text.as_bytes()[at..]), "{text:?}");
            &text[..at]
        }
        None => text,
    };
    let lanes = lanes(&state);
    assert_eq!(lanes, reduced(whole), "a torn line says nothing");
    assert_eq!(
        lanes,
        reduced(&format!("\n{whole}\n{{\"kind\": \"of another tool\"}}\n")),
        "nor does another kind"
    );
    assert_eq!(lanes, reduced(&format!("{whole}\n{whole}\n")), "an event counts once");
    // Of two events of one id, the first in the file counts; which of them is true is not known.
    if state.log.conflicting.is_empty() {
        let backwards: Vec<_> = whole.split('\n').rev().collect();
        assert_eq!(lanes, reduced(&backwards.join("\n")), "the order is that of time: {text:?}");
        merged(whole, &lanes);
    }
}

/// The snapshot is JSON, and says what the state says.
fn is_shown(state: &MissionState) {
    let shown = Source::new("status.json", "status.json", state.snapshot(None));
    let shown: Snapshot = read_json(&shown).expect("a snapshot is read");
    assert_eq!(shown.event_count, state.event_count as u64);
    assert_eq!(shown.last_event_id, state.last_event_id);
    let lanes = shown.work_packages.iter().map(|(id, package)| (id, package.lane.as_str()));
    assert!(lanes.eq(state.work_packages.iter().map(|(id, package)| (id, package.lane.as_str()))));
}

type Lanes = BTreeMap<String, String>;

/// What counts of a state, without the lines that it stands on.
fn lanes(state: &MissionState) -> Lanes {
    let all = state.work_packages.iter().map(|(id, package)| {
        let says =
            (package.lane, &package.actor, package.force_count, &package.last_event_id, &package.subtasks);
        (id.clone(), format!("{says:?}"))
    });
    all.collect()
}

fn reduced(text: &str) -> Lanes {
    lanes(&MissionState::reduce(&Source::new(LOG, LOG, text)).expect("a log that was read"))
}

/// A log that is merged with a part of itself, or with itself, says what it said.
fn merged(text: &str, before: &Lanes) {
    let part: String = text.split_inclusive('\n').step_by(2).collect();
    for (ours, theirs) in [(text, text), (text, ""), ("", text), (text, part.as_str()), (part.as_str(), text)]
    {
        let Ok(merged) = union(ours, theirs) else { continue };
        assert_eq!(&reduced(&merged), before, "{ours:?} and {theirs:?}");
        assert_eq!(
            union(&merged, theirs).as_ref(),
            Ok(&merged),
            "a merge that is made again changes nothing"
        );
    }
}
