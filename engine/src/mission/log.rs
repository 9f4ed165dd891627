//! `status.events.jsonl`, the canonical log, as rows. What they add up to is [`super::state`]'s question.
//!
//! A row of another kind is kept and passed over. A line that cannot be understood is an error with its place: what
//! it would have said is not known, so nothing is decided without it.

pub(super) mod row;

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;

use row::{Annotation, Row, Transition};

use super::artefact::ArtefactError;
use crate::limits;
use crate::source::Source;

/// The log's name in a mission's directory.
pub const LOG: &str = "status.events.jsonl";

/// The rows of a log that say something of work packages, each event once, in the order of the file.
#[derive(Debug, Default)]
pub(crate) struct Rows<'a> {
    /// With their 1-based lines.
    pub(crate) transitions: Vec<(Transition<'a>, usize)>,
    /// With their 1-based lines.
    pub(crate) annotations: Vec<(Annotation<'a>, usize)>,
    pub(crate) retrospective: Vec<&'a str>,
    pub(crate) facts: LogFacts,
    latest_text: Option<Cow<'a, str>>,
    newest_id: Option<Cow<'a, str>>,
}

/// Every event, by its id: its line, and its text.
type Seen<'a> = HashMap<Cow<'a, str>, (usize, &'a str)>;

/// What is to be known of a log besides what it says.
#[derive(Debug, Clone, Default)]
pub struct LogFacts {
    /// Where a half-written last line starts, if there is one. The next append sets it aside.
    pub torn_tail: Option<usize>,
    /// The newest time in it.
    pub latest: Option<Timestamp>,
    /// The stamp that sorts last as text, which is how the original compares.
    pub latest_text: Option<String>,
    /// The event id that sorts last; ids that are no ULIDs are left aside.
    pub newest_id: Option<String>,
    /// Events that have the id of another one, and say something else. The first in the file counts.
    pub conflicting: Vec<Conflict>,
    /// The first of them, as an error.
    pub contradiction: Option<Arc<ArtefactError>>,
    /// Lane events that are older than one of the same work package before them: 1-based line, and the work package.
    pub backwards: Vec<(usize, String)>,
    /// Rows of a kind that is not known here: 1-based line, and what it calls itself.
    pub unknown: Vec<(usize, String)>,
}

/// Two different events with one id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The id.
    pub event_id: String,
    /// 1-based lines: the one that counts, the one that does not.
    pub lines: (usize, usize),
    /// The work package that the second one is about.
    pub work_package: String,
}

impl<'a> Rows<'a> {
    /// Reads a log.
    ///
    /// # Errors
    /// [`ArtefactError::Broken`] at the first line that is not understood, a torn last line excepted: a crash while
    /// appending leaves one.
    pub(crate) fn parse(source: &'a Source) -> Result<Self, ArtefactError> {
        let mut rows = Self::default();
        let mut seen = Seen::new();
        let mut start = 0;
        for (nth, line) in source.text().split_inclusive('\n').enumerate() {
            let content = line.trim();
            if !content.is_empty() {
                let place = start + (line.len() - line.trim_start().len());
                match read(content) {
                    Ok(row) => rows.take(row, nth + 1, content, &mut seen),
                    Err(bad) if bad.torn && !line.ends_with('\n') && !is_marker(content) => {
                        rows.facts.torn_tail = Some(start);
                    }
                    Err(bad) => return Err(broken_line(source, place, content, &bad)),
                }
            }
            start += line.len();
        }
        rows.facts.latest_text = rows.latest_text.take().map(Cow::into_owned);
        rows.facts.newest_id = rows.newest_id.take().map(Cow::into_owned);
        rows.facts.backwards = backwards(&rows.transitions);
        let contradiction = rows.facts.conflicting.first().map(|conflict| contradicted(source, conflict));
        rows.facts.contradiction = contradiction.map(Arc::new);
        Ok(rows)
    }

    fn take(&mut self, row: Row<'a>, line: usize, content: &'a str, seen: &mut Seen<'a>) {
        let (event_id, wp_id, at, at_text) = match &row {
            Row::Transition(event) => (&event.event_id, &event.wp_id, event.at, &event.at_text),
            Row::Annotation(event) => (&event.event_id, &event.wp_id, event.at, &event.at_text),
            Row::Retrospective => return self.retrospective.push(content),
            Row::Typed => return,
            Row::Unknown(name) => return self.facts.unknown.push((line, name.clone())),
        };
        let facts = &mut self.facts;
        if let Some((first, text)) = seen.get(event_id.as_ref()) {
            if *text != content {
                facts.conflicting.push(Conflict {
                    event_id: event_id.as_ref().to_owned(),
                    lines: (*first, line),
                    work_package: wp_id.as_ref().to_owned(),
                });
            }
            return;
        }
        facts.latest = facts.latest.max(Some(at));
        keep_last(&mut self.latest_text, at_text.0.clone());
        if row::is_ulid(event_id.as_ref()) {
            keep_last(&mut self.newest_id, event_id.0.clone());
        }
        seen.insert(event_id.0.clone(), (line, content));
        match row {
            Row::Transition(event) => self.transitions.push((event, line)),
            Row::Annotation(event) => self.annotations.push((event, line)),
            _ => {}
        }
    }
}

fn keep_last<'a>(kept: &mut Option<Cow<'a, str>>, text: Cow<'a, str>) {
    if kept.as_ref().is_none_or(|kept| *kept < text) {
        *kept = Some(text);
    }
}

/// Whether a crash while appending may have left this as the last line of a log, which has no line ending. What the
/// reader takes for an event, or for somebody's mistake, is not.
#[must_use]
pub fn is_torn(tail: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(tail) else { return true };
    let content = text.trim();
    !content.is_empty() && !is_marker(content) && read(content).is_err_and(|bad| bad.torn)
}

fn read(line: &str) -> Result<Row<'_>, row::BadRow> {
    if line.len() > limits::EVENT {
        let message =
            format!("the line has {} MB; an event has at most {}", line.len() >> 20, limits::EVENT >> 20);
        // Not taken for torn: setting aside that much must be somebody's decision.
        return Err(row::BadRow { at: 0, message, torn: false });
    }
    row::read(line)
}

/// Where time goes backwards: a clock did, or two logs were merged.
fn backwards(transitions: &[(Transition<'_>, usize)]) -> Vec<(usize, String)> {
    let mut latest: HashMap<&str, Timestamp> = HashMap::new();
    let mut found = Vec::new();
    for (event, line) in transitions {
        let id = event.wp_id.as_ref();
        match latest.get_mut(id) {
            Some(latest) if *latest > event.at => found.push((*line, id.to_owned())),
            Some(latest) => *latest = event.at,
            None => {
                latest.insert(id, event.at);
            }
        }
    }
    found
}

/// Two events with one id: which of them counts cannot be told.
fn contradicted(source: &Source, conflict: &Conflict) -> ArtefactError {
    let Conflict { event_id, lines: (first, second), .. } = conflict;
    let at = source.offset_of(*second, 1);
    let message = format!("the event {event_id} is on line {first} already, and says something else there");
    let help = "nothing was changed; keep the one that is true, or give one of them an id of its own";
    ArtefactError::broken(source, at, message, help)
}

/// Whether git wrote the line, where two sides changed the log.
fn is_marker(content: &str) -> bool {
    ["<<<<<<< ", "=======", ">>>>>>> "].iter().any(|marker| content.starts_with(marker))
}

/// An error that points into a line; `place` is where its content starts.
fn broken_line(source: &Source, place: usize, content: &str, bad: &row::BadRow) -> ArtefactError {
    let joined = bad.message == "trailing characters" && content[bad.at..].starts_with('{');
    let (message, help) = if is_marker(content) {
        (
            "the log has git conflict markers".to_owned(),
            "keep the events of both sides, one a line, and remove the markers".to_owned(),
        )
    } else if joined {
        let help =
            format!("put a line ending between them, before column {}; nothing else is lost", bad.at + 1);
        ("two events are on one line".to_owned(), help)
    } else {
        let help = "nothing was changed; correct the line, or take the log's last committed state from git";
        (format!("not an event: {}", bad.message), help.to_owned())
    };
    ArtefactError::broken_at(source, label(place, content, bad), message, help)
}

/// The bytes to point at: one character.
fn label(place: usize, content: &str, bad: &row::BadRow) -> Range<usize> {
    let at = content.floor_char_boundary(bad.at);
    let length = content[at..].chars().next().map_or(1, char::len_utf8);
    place + at..place + at + length
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn event(id: &str, to: &str) -> String {
        format!(
            r#"{{"actor": "a", "at": "2026-01-01T00:00:01+00:00", "event_id": "{id}", "execution_mode": "worktree", "force": false, "from_lane": "planned", "to_lane": "{to}", "wp_id": "WP01"}}"#
        )
    }

    fn source(text: &str) -> Source {
        Source::new("status.events.jsonl", "x", text)
    }

    #[rstest]
    #[case::unclosed("{}\n{\"b\":\n{}\n", 2, "not an event: EOF")]
    #[case::marker("<<<<<<< HEAD\n{}\n", 1, "conflict markers")]
    #[case::separator("{}\n=======\n", 2, "conflict markers")]
    #[case::joined("{\"a\":1}{\"b\":2}\n", 1, "two events are on one line")]
    #[case::array("{}\n[]\n", 2, "not a JSON object")]
    #[case::lane(
        "\n{\"wp_id\":\"WP01\",\"to_lane\":\"x\",\"from_lane\":\"planned\",\"at\":\"2026-01-01T00:00:00Z\",\"event_id\":\"A\"}\n",
        2,
        "`x` is not a lane"
    )]
    fn broken_lines_have_a_place(#[case] text: &str, #[case] line: usize, #[case] message: &str) {
        let source = source(text);
        let error = Rows::parse(&source).unwrap_err();
        assert_eq!(error.place(), ("status.events.jsonl", Some(line)));
        assert!(error.to_string().contains(message), "{error}");
    }

    #[test]
    fn a_torn_last_line_is_told_and_a_whole_one_without_ending_is_read() {
        let torn = source("{}\n{\"b\"");
        assert_eq!(Rows::parse(&torn).unwrap().facts.torn_tail, Some(3));
        let whole = event("A", "claimed");
        let whole = source(&whole);
        let rows = Rows::parse(&whole).unwrap();
        assert_eq!((rows.transitions.len(), rows.facts.torn_tail), (1, None));
    }

    #[test]
    fn an_event_counts_once_and_a_contradiction_is_told() {
        let text = [event("A", "claimed"), event("A", "claimed"), event("A", "blocked")].join("\n");
        let source = source(&text);
        let rows = Rows::parse(&source).unwrap();
        assert_eq!((rows.transitions.len(), rows.transitions[0].0.to), (1, crate::lane::Lane::Claimed));
        assert_eq!(rows.facts.conflicting.len(), 1);
        assert_eq!(rows.facts.conflicting[0].lines, (1, 3));
    }

    #[test]
    fn a_line_that_is_too_long_is_not_parsed() {
        let text = format!("{{\"a\": \"{}\"}}\n", "x".repeat(limits::EVENT));
        let source = source(&text);
        assert!(Rows::parse(&source).unwrap_err().to_string().contains("at most"));
    }
}
