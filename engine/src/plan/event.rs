//! Events as they are appended to `status.events.jsonl`: what they say, their time, their id, their line.

use jiff::{Timestamp, ToSpan};
use serde::Serialize;
use serde_json::{Map, Value, json};
use ulid::Ulid;

use crate::id::TaskId;
use crate::lane::Lane;
use crate::limits;
use crate::mission::log::LogFacts;
use crate::transition::Review;

/// What an event needs from outside: the time and randomness.
#[derive(Debug, Clone, Copy)]
pub struct Stamp {
    /// The time of the call.
    pub now: Timestamp,
    /// Fresh random bits for event IDs.
    pub entropy: u128,
}

/// What is to be recorded.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// Something about a work package, in the lane where it is.
    Note {
        /// The work package.
        work_package: TaskId,
        /// Who notes it.
        actor: String,
        /// What.
        delta: Value,
    },
    /// A step from lane to lane.
    Step(Box<Step>),
}

/// A step from lane to lane, allowed and complete.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The work package.
    pub work_package: TaskId,
    /// Where it was.
    pub from: Lane,
    /// Where it goes.
    pub to: Lane,
    /// Who moves it.
    pub actor: String,
    /// Whether matrix and guards were passed over.
    pub force: bool,
    /// Why.
    pub reason: Option<String>,
    /// The review that asks for it.
    pub review_ref: Option<String>,
    /// The approval.
    pub evidence: Option<Review>,
    /// The outcome of the review that ends.
    pub review_result: Option<Review>,
    /// The file with the reviewer's words.
    pub feedback: Option<String>,
    /// `worktree` or `direct_repo`.
    pub execution_mode: String,
    /// What else is to be known of the step: the merge that made it.
    pub policy: Option<Value>,
}

/// An event as it is appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its ULID.
    pub id: String,
    /// The whole line, without its line ending.
    pub line: String,
}

/// The mission that events are about.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// Its directory's name.
    pub slug: &'a str,
    /// Its id, where known.
    pub mission_id: Option<&'a str>,
}

/// Why an event cannot be recorded. Nothing was written.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum EventError {
    /// It would be larger than what is read.
    #[error("the event would have {size} bytes; an event has at most {}", limits::EVENT)]
    #[diagnostic(
        code(event_too_large),
        help("nothing was changed; give a reference to a long text instead of the text")
    )]
    TooLarge {
        /// Its size.
        size: usize,
    },
    /// The log is at the end of time.
    #[error("the newest event of the log is of {latest}, and no event can be later")]
    #[diagnostic(code(no_later_time), help("nothing was changed; correct the time of that event by hand"))]
    NoLaterTime {
        /// Its stamp.
        latest: String,
    },
    /// A bug.
    #[error("an event could not be written as JSON: {0}")]
    #[diagnostic(code(bug))]
    Json(#[from] serde_json::Error),
}

/// The events of a call: times and IDs ascend, and come after everything in the log.
///
/// # Errors
/// [`EventError`].
pub fn events(
    records: &[Record],
    about: About<'_>,
    stamp: Stamp,
    log: &LogFacts,
) -> Result<Vec<Event>, EventError> {
    let too_late = || EventError::NoLaterTime { latest: log.latest_text.clone().unwrap_or_default() };
    let mut at = stamp.after(log).ok_or_else(too_late)?;
    let mut last = log.newest_id.as_deref().and_then(|id| Ulid::from_string(id).ok());
    // The top bit of the random part is left free, so that counting up within a call cannot overflow it.
    let entropy = stamp.entropy & ((1 << 79) - 1);
    let mut events = Vec::new();
    for record in records {
        let id = id_after(last, at, entropy);
        last = Some(id);
        let id = id.to_string();
        let line = python_json(&row(record, about, &id, &written(at)))?;
        if line.len() > limits::EVENT {
            return Err(EventError::TooLarge { size: line.len() });
        }
        events.push(Event { id, line });
        // A batch advances by a microsecond an event, so that order in time is order in the file.
        at = at.checked_add(1.microseconds()).map_err(|_| too_late())?;
    }
    Ok(events)
}

impl Stamp {
    /// A fresh ULID of this time.
    #[must_use]
    pub fn id(self) -> String {
        let milliseconds = u64::try_from(self.now.as_millisecond()).unwrap_or(0);
        Ulid::from_parts(milliseconds, self.entropy).to_string()
    }

    /// Fresh ULIDs of this time, ascending.
    pub fn ids(self, count: usize) -> impl Iterator<Item = String> {
        let milliseconds = u64::try_from(self.now.as_millisecond()).unwrap_or(0);
        // As for events of a log: the top bit is left free to count up into.
        let first = Ulid::from_parts(milliseconds, self.entropy & ((1 << 79) - 1));
        std::iter::successors(Some(first), |last| last.increment().ok()).take(count).map(|id| id.to_string())
    }

    /// A time that is later than every event of a log, in time and as text. The last event wins; one of a machine whose
    /// clock is behind would change nothing. The original compares stamps as text, so one with `Z` or another offset
    /// may have to be passed by a second, or by that offset.
    fn after(self, log: &LogFacts) -> Option<Timestamp> {
        let now = match log.latest {
            Some(latest) => latest.checked_add(1.microseconds()).ok()?.max(self.now),
            None => self.now,
        };
        let Some(text) = log.latest_text.as_deref().filter(|text| written(now).as_str() <= *text) else {
            return Some(now);
        };
        let second: Timestamp = format!("{}Z", text.get(..19)?).parse().ok()?;
        second.checked_add(1.second()).ok().map(|passed| passed.max(now))
    }
}

/// A fresh ID of this time; within one millisecond, one that sorts behind the last.
fn id_after(last: Option<Ulid>, at: Timestamp, entropy: u128) -> Ulid {
    let milliseconds = u64::try_from(at.as_millisecond()).unwrap_or(0);
    let fresh = Ulid::from_parts(milliseconds, entropy);
    let same_moment = last.filter(|last| last.timestamp_ms() == fresh.timestamp_ms());
    same_moment.filter(|last| *last >= fresh).and_then(|last| last.increment().ok()).unwrap_or(fresh)
}

/// A time as the original writes it: UTC, microseconds, `+00:00`.
#[must_use]
pub fn written(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string()
}

fn row(record: &Record, about: About<'_>, id: &str, at: &str) -> Value {
    match record {
        Record::Note { work_package, actor, delta } => json!({
            "actor": actor,
            "at": at,
            "delta": delta,
            "event_id": id,
            "kind": "annotation",
            "wp_id": work_package.as_str(),
        }),
        Record::Step(step) => Value::Object(step_row(step, about, id, at)),
    }
}

/// The fields of a lane event, as `status/models.py` 3.2.7 writes them: the first ones always, the others when they
/// say something.
fn step_row(step: &Step, about: About<'_>, id: &str, at: &str) -> Map<String, Value> {
    let mut row = Map::new();
    let mut put = |key: &str, value: Value| row.insert(key.to_owned(), value);
    put("actor", step.actor.as_str().into());
    put("at", at.into());
    put("event_id", id.into());
    put("evidence", step.evidence.as_ref().map(|review| json!({ "review": review })).into());
    put("execution_mode", step.execution_mode.as_str().into());
    put("force", step.force.into());
    put("from_lane", step.from.as_str().into());
    put("mission_slug", about.slug.into());
    put("policy_metadata", step.policy.clone().into());
    put("reason", step.reason.as_deref().into());
    put("review_ref", step.review_ref.as_deref().into());
    put("to_lane", step.to.as_str().into());
    put("wp_id", step.work_package.as_str().into());
    if let Some(mission_id) = about.mission_id {
        put("mission_id", mission_id.into());
    }
    if let Some(result) = &step.review_result {
        let mut result = json!(result);
        if let Some(feedback) = &step.feedback {
            result["feedback_path"] = feedback.as_str().into();
        }
        put("review_result", result);
    }
    if step.to == Lane::Canceled {
        put(
            "reason_source",
            if step.reason.as_ref().is_some_and(|reason| !reason.trim().is_empty()) {
                "operator"
            } else {
                "synthetic"
            }
            .into(),
        );
    }
    row
}

/// JSON as the original writes it: sorted keys, `", "` and `": "`, everything beyond ASCII escaped.
fn python_json(value: &Value) -> Result<String, serde_json::Error> {
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
    use rstest::rstest;

    const NOW: &str = "2026-11-22T16:45:41.542783Z";

    fn note(package: &str, task: &str) -> Record {
        Record::Note {
            work_package: TaskId::parse(package).unwrap(),
            actor: "user".to_owned(),
            delta: json!({ "subtasks": { task: "done" } }),
        }
    }

    fn made(records: &[Record], entropy: u128, log: &LogFacts) -> Vec<Event> {
        let stamp = Stamp { now: NOW.parse().unwrap(), entropy };
        events(records, About { slug: "edge-01KQW4DF", mission_id: Some("01KQ") }, stamp, log).unwrap()
    }

    #[test]
    fn notes_are_written_as_the_original_writes_them() {
        let events = made(&[note("WP01", "T001"), note("WP02", "T0é😀")], u128::MAX, &LogFacts::default());
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

    #[test]
    fn steps_are_written_as_the_original_writes_them() {
        let step = Step {
            work_package: TaskId::parse("WP01").unwrap(),
            from: Lane::Planned,
            to: Lane::Claimed,
            actor: "bob".to_owned(),
            force: false,
            reason: None,
            review_ref: None,
            evidence: None,
            review_result: None,
            feedback: None,
            execution_mode: "worktree".to_owned(),
            policy: None,
        };
        let event = made(&[Record::Step(Box::new(step))], 0, &LogFacts::default()).remove(0);
        // facts/mark-status.md, section 8.
        let expected = r#"{"actor": "bob", "at": "2026-11-22T16:45:41.542783+00:00", "event_id": "ID", "evidence": null, "execution_mode": "worktree", "force": false, "from_lane": "planned", "mission_id": "01KQ", "mission_slug": "edge-01KQW4DF", "policy_metadata": null, "reason": null, "review_ref": null, "to_lane": "claimed", "wp_id": "WP01"}"#;
        assert_eq!(event.line, expected.replace("ID", &event.id));
    }

    #[rstest]
    #[case::behind_the_clock("2026-11-22T16:45:41Z", "2026-11-22T16:45:41+00:00", "41.542783")]
    #[case::same_microsecond("2026-11-22T16:45:41.542783Z", "2026-11-22T16:45:41.542783+00:00", "41.542784")]
    #[case::ahead_of_the_clock("2026-11-22T17:00:00Z", "2026-11-22T17:00:00+00:00", "00.000001")]
    #[case::text_sorts_behind("2026-11-22T16:45:41Z", "2026-11-22T16:45:41Z", "42.000000")]
    #[case::later_as_text("2026-11-22T16:45:41.5Z", "2026-11-22T18:45:41.500000+02:00", "18:45:42.000000")]
    fn events_come_after_the_log(#[case] latest: &str, #[case] text: &str, #[case] at: &str) {
        let log = LogFacts {
            latest: Some(latest.parse().unwrap()),
            latest_text: Some(text.to_owned()),
            ..LogFacts::default()
        };
        let line = &made(&[note("WP01", "T001")], 1, &log)[0].line;
        assert!(line.contains(&format!("{at}+00:00")), "{line}");
    }

    #[test]
    fn ids_ascend_within_a_millisecond_whatever_the_random_bits() {
        let first = made(&[note("WP01", "T001")], u128::MAX, &LogFacts::default()).remove(0).id;
        let log = LogFacts { newest_id: Some(first.clone()), ..LogFacts::default() };
        let second = made(&[note("WP01", "T001")], 0, &log).remove(0).id;
        assert!(first < second && first[..10] == second[..10], "{first} {second}");
        let old =
            LogFacts { newest_id: Some("01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned()), ..LogFacts::default() };
        assert_ne!(made(&[note("WP01", "T001")], 0, &old)[0].id[..10], second[..9]);
    }
}
