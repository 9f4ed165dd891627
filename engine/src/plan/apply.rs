//! Makes a plan so: the only caller of `write` for missions.

use std::path::PathBuf;

use jiff::Timestamp;
use jiff::ToSpan;
use serde::Serialize;
use ulid::Ulid;

use super::mark::{Annotation, MarkPlan};
use crate::mission::Mission;
use crate::mission::artefact::ArtefactError;
use crate::mission::status::SubtaskLog;
use crate::report::{Write, WriteKind};
use crate::write::{self, Staging, WriteError};

/// The log of a mission.
pub const LOG: &str = "status.events.jsonl";

/// What an event needs from outside: the time and randomness.
#[derive(Debug, Clone, Copy)]
pub struct Stamp {
    /// The time of the call.
    pub now: Timestamp,
    /// Fresh random bits for event IDs.
    pub entropy: u128,
}

impl Stamp {
    /// A stamp that is later than every annotation of a log, in time and as text. The last annotation wins; an event
    /// of a machine whose clock is behind would change nothing. The original compares stamps as text, so one with
    /// `Z` or another offset may have to be passed by a second, or by that offset.
    #[must_use]
    pub fn after(self, log: &SubtaskLog) -> Self {
        let next = log.latest().and_then(|latest| latest.checked_add(1.microseconds()).ok());
        let now = next.map_or(self.now, |next| next.max(self.now));
        let behind = log.latest_text().filter(|text| written(now).as_str() <= *text);
        let passed = behind.and_then(|text| format!("{}Z", text.get(..19)?).parse::<Timestamp>().ok());
        let passed = passed.and_then(|second| second.checked_add(1.second()).ok());
        Self { now: passed.map_or(now, |passed| passed.max(now)), ..self }
    }
}

/// A time as the original writes it: UTC, microseconds, `+00:00`.
fn written(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string()
}

/// An event as it is appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its ULID.
    pub id: String,
    /// The whole line, without its line ending.
    pub line: String,
}

/// Why a plan was not, or not wholly, carried out.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum ApplyError {
    /// A file leads somewhere it must not.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Artefact(#[from] ArtefactError),
    /// A file was not written.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Write(#[from] WriteError),
    /// An event could not be put into words: a bug.
    #[error("an event could not be written as JSON: {0}")]
    #[diagnostic(code(bug))]
    Json(#[from] serde_json::Error),
}

/// The events of a plan, one a work package, IDs ascending within the call.
///
/// # Errors
/// [`ApplyError::Json`].
pub fn events(annotations: &[Annotation], stamp: Stamp) -> Result<Vec<Event>, ApplyError> {
    annotations.iter().enumerate().map(|(nth, annotation)| event(annotation, stamp, nth)).collect()
}

/// Writes what the plan says. Call it with the mission's lock held.
///
/// # Errors
/// [`ApplyError`].
pub fn apply(
    mission: &Mission,
    plan: &MarkPlan,
    events: &[Event],
    staging: &Staging,
) -> Result<Vec<Write>, ApplyError> {
    let mut writes = Vec::new();
    if let (Some(after), Ok(tasks)) = (&plan.tasks, mission.tasks()) {
        let path: PathBuf = mission.path_of("tasks.md")?;
        let name = tasks.source().name();
        write::replace(name, &path, tasks.text(), after, staging)?;
        writes.push(Write { file: name.to_owned(), kind: WriteKind::Replaced, path });
    }
    if !events.is_empty() {
        let path = mission.path_of(LOG)?;
        let name = mission.name_of(LOG);
        let lines: String = events.iter().map(|event| format!("{}\n", event.line)).collect();
        write::append(&name, &path, &lines)?;
        writes.push(Write { file: name, kind: WriteKind::Appended, path });
    }
    Ok(writes)
}

fn event(annotation: &Annotation, stamp: Stamp, nth: usize) -> Result<Event, ApplyError> {
    // A batch advances by a microsecond an event, so that order in time is order in the file.
    let at = stamp.now.checked_add((nth as i64).microseconds()).unwrap_or(stamp.now);
    let milliseconds = u64::try_from(at.as_millisecond()).unwrap_or(0);
    // The top bit of the random part is left free, so that counting up within a call cannot overflow it.
    let random = (stamp.entropy & ((1 << 79) - 1)) + nth as u128;
    let id = Ulid::from_parts(milliseconds, random).to_string();
    let row = serde_json::json!({
        "actor": "user",
        "at": written(at),
        "delta": { "subtasks": annotation.subtasks },
        "event_id": id,
        "kind": "annotation",
        "wp_id": annotation.work_package.as_str(),
    });
    Ok(Event { line: python_json(&row)?, id })
}

/// JSON as the original writes it: sorted keys, `", "` and `": "`, everything beyond ASCII escaped.
fn python_json(value: &serde_json::Value) -> Result<String, serde_json::Error> {
    let mut bytes = Vec::new();
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, PythonFormatter))?;
    Ok(ascii(&String::from_utf8_lossy(&bytes)))
}

fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() {
            out.push(character);
        } else {
            let mut units = [0; 2];
            out.extend(character.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    out
}

struct PythonFormatter;

impl serde_json::ser::Formatter for PythonFormatter {
    fn begin_array_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        writer.write_all(b": ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::TaskId;
    use std::collections::BTreeMap;

    #[test]
    fn events_are_written_as_the_original_writes_them() {
        let annotation = |package: &str, task: &str| Annotation {
            work_package: TaskId::parse(package).unwrap(),
            subtasks: BTreeMap::from([(task.to_owned(), "done")]),
        };
        let stamp = Stamp { now: "2026-11-22T16:45:41.542783Z".parse().unwrap(), entropy: u128::MAX };
        let events = events(&[annotation("WP01", "T001"), annotation("WP02", "T0é😀")], stamp).unwrap();
        assert_eq!(
            events[0].line,
            format!(
                r#"{{"actor": "user", "at": "2026-11-22T16:45:41.542783+00:00", "delta": {{"subtasks": {{"T001": "done"}}}}, "event_id": "{}", "kind": "annotation", "wp_id": "WP01"}}"#,
                events[0].id
            )
        );
        assert!(events[1].line.contains(r#""T0\u00e9\ud83d\ude00""#), "{}", events[1].line);
        assert!(events[1].line.contains("41.542784+00:00"), "{}", events[1].line);
        assert!(events[0].id < events[1].id && events[0].id.len() == 26);
    }
}
