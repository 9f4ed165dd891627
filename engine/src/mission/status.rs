//! `status.events.jsonl`: the canonical log. Here: its rows, and what they say of subtasks.
//!
//! A row that is not understood is kept and passed over; a line that is not JSON is an error with its place.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::artefact::ArtefactError;
use crate::id::TaskId;
use crate::source::Source;

/// The value that stands for "not done" in a subtask annotation, as the original writes it.
pub const PENDING: &str = "planned";
/// The value that stands for "done".
pub const DONE: &str = "done";

/// The fields of a row that subtask state depends on.
#[derive(Deserialize, Default)]
struct Row<'a> {
    #[serde(borrow, default)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    event_type: Option<&'a RawValue>,
    #[serde(borrow, default)]
    wp_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    at: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    event_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    to_lane: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Delta {
    #[serde(default)]
    subtasks: Option<HashMap<String, serde_json::Value>>,
}

/// What the log says of subtasks and work packages.
#[derive(Debug, Default)]
pub struct SubtaskLog {
    states: HashMap<(String, String), String>,
    work_packages: BTreeSet<String>,
    torn_tail: Option<usize>,
    latest: Option<Timestamp>,
    latest_text: Option<String>,
}

impl SubtaskLog {
    /// Reduces a log. Annotations count in the order of (time, event id), the last one wins.
    ///
    /// # Errors
    /// [`ArtefactError::Broken`] at the first line that is not a JSON object, a torn last line excepted: a crash
    /// while appending leaves one, and the next append sets it aside.
    pub fn parse(source: &Source) -> Result<Self, ArtefactError> {
        let text = source.text();
        let mut log = Self::default();
        let mut annotations = Vec::new();
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let content = line.trim();
            if !content.is_empty() {
                match read_row(content) {
                    Ok(row) => log.take(row.unwrap_or_default(), &mut annotations),
                    Err(_) if !line.ends_with('\n') => log.torn_tail = Some(start),
                    Err(error) => return Err(broken_line(source, start, line, &error)),
                }
            }
            start += line.len();
        }
        annotations.sort_by(|a, b| (&a.time, &a.event_id).cmp(&(&b.time, &b.event_id)));
        for Annotation { work_package, delta, .. } in annotations {
            let Ok(Delta { subtasks: Some(subtasks) }) = serde_json::from_str(delta.get()) else { continue };
            for (id, value) in subtasks {
                let Some(value) = value.as_str() else { continue };
                // Spelled as they are: the original compares exactly, and what counts is what it reads back.
                log.states.insert((work_package.clone().into_owned(), id), value.to_owned());
            }
        }
        Ok(log)
    }

    /// What the log last said of a task in a work package: [`DONE`], [`PENDING`] or another lane name. `spelling` is
    /// the task as the roster has it.
    #[must_use]
    pub fn state(&self, work_package: &TaskId, spelling: &str) -> Option<&str> {
        let key = (work_package.as_str().to_owned(), spelling.to_owned());
        self.states.get(&key).map(String::as_str)
    }

    /// Whether the log has a lane transition of this work package.
    #[must_use]
    pub fn knows(&self, work_package: &TaskId) -> bool {
        self.work_packages.contains(work_package.key())
    }

    /// The time of the newest annotation.
    #[must_use]
    pub fn latest(&self) -> Option<Timestamp> {
        self.latest
    }

    /// The stamp that sorts last as text, which is how the original compares.
    #[must_use]
    pub fn latest_text(&self) -> Option<&str> {
        self.latest_text.as_deref()
    }

    /// Where a half-written last line starts, if there is one.
    #[must_use]
    pub fn torn_tail(&self) -> Option<usize> {
        self.torn_tail
    }

    fn take<'a>(&mut self, row: Row<'a>, annotations: &mut Vec<Annotation<'a>>) {
        let Some(work_package) = row.wp_id else { return };
        match (row.kind.as_deref(), row.delta) {
            (Some("annotation"), Some(delta)) => {
                // A stamp that cannot be read sorts first: it must not overrule one that can.
                let time: Option<Timestamp> = row.at.as_deref().and_then(|at| at.parse().ok());
                self.latest = self.latest.max(time);
                if time.is_some() && row.at.as_deref() > self.latest_text.as_deref() {
                    self.latest_text = row.at.map(Cow::into_owned);
                }
                let event_id = row.event_id.unwrap_or_default();
                annotations.push(Annotation { time, event_id, work_package, delta });
            }
            _ if row.event_type.is_none() && row.to_lane.is_some() => {
                self.work_packages.insert(work_package.to_ascii_uppercase());
            }
            _ => {}
        }
    }
}

/// A row, or `None` for a JSON object whose fields are not what a row has.
fn read_row(line: &str) -> Result<Option<Row<'_>>, serde_json::Error> {
    if !line.starts_with('{') {
        return Err(serde::de::Error::custom("the line is not a JSON object"));
    }
    match serde_json::from_str(line) {
        Ok(row) => Ok(Some(row)),
        Err(_) => serde_json::from_str::<HashMap<Cow<'_, str>, &RawValue>>(line).map(|_| None),
    }
}

struct Annotation<'a> {
    time: Option<Timestamp>,
    event_id: Cow<'a, str>,
    work_package: Cow<'a, str>,
    delta: &'a RawValue,
}

fn broken_line(source: &Source, start: usize, line: &str, error: &serde_json::Error) -> ArtefactError {
    let indent = line.len() - line.trim_start().len();
    let at = start + indent + error.column().saturating_sub(1).min(line.trim().len().saturating_sub(1));
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or(&message);
    let help = if line.starts_with("<<<<<<< ") || line.starts_with("=======") || line.starts_with(">>>>>>> ")
    {
        "the log has git conflict markers: keep the lines of both sides, remove the markers"
    } else {
        "nothing was changed; correct the line, or take the log's last committed state from git"
    };
    ArtefactError::broken(source, at, format!("not an event: {message}"), help)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn parse(text: &str) -> Result<SubtaskLog, ArtefactError> {
        SubtaskLog::parse(&Source::new("status.events.jsonl", "x", text))
    }

    fn note(at: &str, event: &str, state: &str) -> String {
        format!(
            r#"{{"actor":"u","at":"{at}","delta":{{"subtasks":{{"T001":"{state}"}}}},"event_id":"{event}","kind":"annotation","wp_id":"WP01"}}"#
        )
    }

    fn id(word: &str) -> TaskId {
        TaskId::parse(word).unwrap()
    }

    #[rstest]
    #[case::file_order("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", "planned")]
    #[case::out_of_order("2026-01-01T00:00:01Z", "2026-01-01T00:00:00Z", "done")]
    // As text, `+02:00` sorts behind and `Z` sorts behind a fraction; as time they do not.
    #[case::offset("2026-01-01T01:00:00+00:00", "2026-01-01T02:30:00+02:00", "done")]
    #[case::fraction("2026-01-01T00:00:00.500000+00:00", "2026-01-01T00:00:00Z", "done")]
    #[case::same_time("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "planned")]
    fn the_latest_annotation_wins(#[case] done_at: &str, #[case] pending_at: &str, #[case] state: &str) {
        let log =
            parse(&format!("{}\n{}\n", note(done_at, "A", DONE), note(pending_at, "B", PENDING))).unwrap();
        assert_eq!(log.state(&id("WP01"), "T001"), Some(state));
    }

    #[test]
    fn other_rows_are_passed_over() {
        let text = r#"{"event_type":"WPCreated","wp_id":"WP09","to_lane":"x"}
{"type":"RetrospectiveCaptured"}
{"kind":"from-the-future","wp_id":"WP01","delta":{"subtasks":{"T001":"done"}}}
{"kind":"annotation","wp_id":"WP01","delta":{"note":"x"},"at":"never"}
{"kind":"annotation","wp_id":7,"delta":null,"at":5}
{"wp_id":"WP01","from_lane":"planned","to_lane":"claimed","at":"2026-01-01T00:00:00Z"}

"#;
        let log = parse(text).unwrap();
        assert_eq!(log.state(&id("WP01"), "T001"), None);
        assert!(log.knows(&id("WP01")) && !log.knows(&id("WP09")));
    }

    #[rstest]
    #[case("{\"a\":1}\n{\"b\":\n{\"c\":1}\n", 2)]
    #[case("<<<<<<< HEAD\n{\"a\":1}\n", 1)]
    #[case("{\"a\":1}{\"b\":2}\n", 1)]
    #[case("[]\n", 1)]
    fn broken_lines_have_a_place(#[case] text: &str, #[case] line: usize) {
        assert_eq!(parse(text).unwrap_err().place(), ("status.events.jsonl", Some(line)));
    }

    #[test]
    fn a_torn_last_line_is_told() {
        assert_eq!(parse("{\"a\":1}\n{\"b\"").unwrap().torn_tail(), Some(8));
    }
}
