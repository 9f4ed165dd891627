//! One line of `status.events.jsonl`: which kind of row it is, and what it says (`status/models.py`, 3.2.7).

use std::borrow::Cow;
use std::collections::HashMap;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::lane::Lane;

/// Text of a row, borrowed where it has no escapes.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

impl AsRef<str> for Text<'_> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// A row.
#[derive(Debug)]
pub(crate) enum Row<'a> {
    /// A work package changed lanes.
    Transition(Transition<'a>),
    /// Something was noted of a work package, in the lane where it is.
    Annotation(Annotation<'a>),
    /// A retrospective event, which the snapshot tells of.
    Retrospective,
    /// Another event of the original; nothing of it concerns lanes.
    Typed,
    /// A kind that is not known here.
    Unknown(String),
}

/// A lane event.
#[derive(Debug)]
pub(crate) struct Transition<'a> {
    pub(crate) at: Timestamp,
    pub(crate) at_text: Text<'a>,
    pub(crate) event_id: Text<'a>,
    pub(crate) wp_id: Text<'a>,
    pub(crate) from: Lane,
    pub(crate) to: Lane,
    pub(crate) actor: &'a RawValue,
    pub(crate) force: bool,
    pub(crate) execution_mode: Text<'a>,
    pub(crate) mission_slug: Option<Text<'a>>,
    pub(crate) reason: Option<Text<'a>>,
    pub(crate) reason_source: Option<Text<'a>>,
    pub(crate) review_ref: Option<Text<'a>>,
    pub(crate) review_result: Option<&'a RawValue>,
    pub(crate) evidence: Option<&'a RawValue>,
    pub(crate) policy_metadata: Option<&'a RawValue>,
}

/// An annotation: `kind: annotation`.
#[derive(Debug)]
pub(crate) struct Annotation<'a> {
    pub(crate) at: Timestamp,
    pub(crate) at_text: Text<'a>,
    pub(crate) event_id: Text<'a>,
    pub(crate) wp_id: Text<'a>,
    pub(crate) actor: &'a RawValue,
    pub(crate) delta: &'a RawValue,
}

/// What is wrong with a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadRow {
    /// Byte of the line that it is about.
    pub(crate) at: usize,
    /// In words.
    pub(crate) message: String,
    /// Whether a crash while writing may have left this, as the last line.
    pub(crate) torn: bool,
}

#[derive(Deserialize, Default)]
struct Fields<'a> {
    #[serde(borrow, default)]
    kind: Option<Text<'a>>,
    #[serde(borrow, default)]
    event_type: Option<&'a RawValue>,
    #[serde(borrow, default)]
    event_name: Option<Text<'a>>,
    #[serde(borrow, default, rename = "type")]
    envelope: Option<Text<'a>>,
    #[serde(borrow, default)]
    schema_version: Option<&'a RawValue>,
    #[serde(borrow, default)]
    event_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    wp_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    at: Option<Text<'a>>,
    #[serde(borrow, default)]
    actor: Option<&'a RawValue>,
    #[serde(borrow, default)]
    from_lane: Option<Text<'a>>,
    #[serde(borrow, default)]
    to_lane: Option<Text<'a>>,
    #[serde(default)]
    force: Option<bool>,
    #[serde(borrow, default)]
    execution_mode: Option<Text<'a>>,
    #[serde(borrow, default)]
    mission_slug: Option<Text<'a>>,
    #[serde(borrow, default)]
    feature_slug: Option<Text<'a>>,
    #[serde(borrow, default)]
    reason: Option<Text<'a>>,
    #[serde(borrow, default)]
    reason_source: Option<Text<'a>>,
    #[serde(borrow, default)]
    review_ref: Option<Text<'a>>,
    #[serde(borrow, default)]
    review_result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    evidence: Option<&'a RawValue>,
    #[serde(borrow, default)]
    policy_metadata: Option<&'a RawValue>,
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
}

/// Reads a line that is not blank.
pub(crate) fn read(line: &str) -> Result<Row<'_>, BadRow> {
    if !line.starts_with('{') {
        return Err(BadRow { at: 0, message: "the line is not a JSON object".to_owned(), torn: true });
    }
    match serde_json::from_str::<Fields<'_>>(line) {
        Ok(fields) => classify(line, fields),
        Err(error) => other_shape(line, &error),
    }
}

fn classify<'a>(line: &str, fields: Fields<'a>) -> Result<Row<'a>, BadRow> {
    if let Some(kind) = &fields.kind {
        return match kind.as_ref() {
            "annotation" => known_schema(line, &fields).and_then(|()| annotation(line, fields)),
            unknown => Ok(Row::Unknown(format!("kind {unknown:?}"))),
        };
    }
    if fields.event_name.as_ref().is_some_and(|name| name.as_ref().starts_with("retrospective.")) {
        return Ok(Row::Retrospective);
    }
    if fields.event_type.is_some() {
        return Ok(Row::Typed);
    }
    if let Some(envelope) = &fields.envelope {
        return Ok(match envelope.as_ref() {
            "RetrospectiveCaptured" | "RetrospectiveCaptureFailed" | "RetrospectiveSkipped" => Row::Typed,
            unknown => Row::Unknown(format!("type {unknown:?}")),
        });
    }
    // What moves no work package is some other event; what may move one must be understood.
    if fields.from_lane.is_none() && fields.to_lane.is_none() {
        return Ok(Row::Unknown("a row without lanes".to_owned()));
    }
    known_schema(line, &fields)?;
    transition(line, fields)
}

/// These rows have no schema number as they are known here; one that has is of a later make.
fn known_schema(line: &str, fields: &Fields<'_>) -> Result<(), BadRow> {
    let Some(version) = fields.schema_version else { return Ok(()) };
    let message =
        format!("the event is written in schema {version}, which this version of clearance does not know");
    Err(bad(line, "schema_version", message))
}

/// A line that is no row as it is known: broken JSON, or JSON whose fields have other types.
fn other_shape<'a>(line: &'a str, error: &serde_json::Error) -> Result<Row<'a>, BadRow> {
    let (at, message) = described(line, error);
    let fields: HashMap<Cow<'_, str>, &RawValue> = serde_json::from_str(line).map_err(|error| {
        let (at, message) = described(line, &error);
        // What stands behind a whole event is another one: no crash leaves that.
        let torn = message != "trailing characters";
        BadRow { at, message, torn }
    })?;
    let typed = fields.contains_key("event_type") && !fields.contains_key("kind");
    if typed { Ok(Row::Typed) } else { Err(BadRow { at, message, torn: false }) }
}

fn described(line: &str, error: &serde_json::Error) -> (usize, String) {
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or(&message).to_owned();
    (error.column().saturating_sub(1).min(line.len().saturating_sub(1)), message)
}

fn transition<'a>(line: &str, fields: Fields<'a>) -> Result<Row<'a>, BadRow> {
    let missing = |field: &'static str| BadRow {
        at: 0,
        message: format!("a lane event without `{field}`"),
        torn: false,
    };
    let from = fields.from_lane.ok_or_else(|| missing("from_lane"))?;
    let to = fields.to_lane.ok_or_else(|| missing("to_lane"))?;
    let at_text = fields.at.ok_or_else(|| missing("at"))?;
    Ok(Row::Transition(Transition {
        at: time(line, &at_text)?,
        at_text,
        event_id: fields.event_id.ok_or_else(|| missing("event_id"))?,
        wp_id: fields.wp_id.ok_or_else(|| missing("wp_id"))?,
        from: lane(line, "from_lane", &from)?,
        to: lane(line, "to_lane", &to)?,
        actor: fields.actor.ok_or_else(|| missing("actor"))?,
        force: fields.force.ok_or_else(|| missing("force"))?,
        execution_mode: fields.execution_mode.ok_or_else(|| missing("execution_mode"))?,
        mission_slug: fields.mission_slug.filter(|slug| !slug.as_ref().is_empty()).or(fields.feature_slug),
        reason: fields.reason,
        reason_source: fields.reason_source,
        review_ref: fields.review_ref,
        review_result: fields.review_result,
        evidence: fields.evidence,
        policy_metadata: fields.policy_metadata,
    }))
}

fn annotation<'a>(line: &str, fields: Fields<'a>) -> Result<Row<'a>, BadRow> {
    let missing = |field: &'static str| BadRow {
        at: 0,
        message: format!("an annotation without `{field}`"),
        torn: false,
    };
    let event_id = fields.event_id.ok_or_else(|| missing("event_id"))?;
    if !is_ulid(event_id.as_ref()) {
        let message =
            format!("`{}` is not an event id (26 characters of Crockford's base 32)", event_id.as_ref());
        return Err(bad(line, "event_id", message));
    }
    let at_text = fields.at.ok_or_else(|| missing("at"))?;
    Ok(Row::Annotation(Annotation {
        at: time(line, &at_text)?,
        at_text,
        event_id,
        wp_id: fields.wp_id.ok_or_else(|| missing("wp_id"))?,
        actor: fields.actor.ok_or_else(|| missing("actor"))?,
        delta: fields.delta.ok_or_else(|| missing("delta"))?,
    }))
}

/// 26 characters of Crockford's base 32: digits and capitals without I, L, O and U.
pub(super) fn is_ulid(text: &str) -> bool {
    text.len() == 26
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || b.is_ascii_uppercase() && !matches!(b, b'I' | b'L' | b'O' | b'U'))
}

fn lane(line: &str, field: &str, name: &Text<'_>) -> Result<Lane, BadRow> {
    Lane::in_file(name.as_ref()).ok_or_else(|| bad(line, field, format!("`{}` is not a lane", name.as_ref())))
}

fn time(line: &str, text: &Text<'_>) -> Result<Timestamp, BadRow> {
    let text = text.as_ref();
    timestamp(text).ok_or_else(|| bad(line, "at", format!("`{text}` is not a time")))
}

/// A stamp: RFC 3339, and without offset UTC, as Python's `isoformat` writes naive times.
pub(crate) fn timestamp(text: &str) -> Option<Timestamp> {
    let naive = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    text.parse().ok().or_else(naive)
}

/// A fault in the value of a field.
pub(super) fn bad(line: &str, field: &str, message: String) -> BadRow {
    let key = format!("\"{field}\"");
    let behind = line.find(&key).map(|at| at + key.len());
    let value = behind.and_then(|at| Some(at + line[at..].find(|c: char| c != ':' && c != ' ')?));
    BadRow { at: value.unwrap_or(0), message, torn: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const LANE: &str = r#"{"actor": "a", "at": "2026-01-01T00:00:01+00:00", "event_id": "E", "evidence": null, "execution_mode": "worktree", "force": false, "from_lane": "planned", "mission_slug": "m", "to_lane": "claimed", "wp_id": "WP01"}"#;
    const NOTE: &str = r#"{"actor": "a", "at": "2026-01-01T00:00:01+00:00", "delta": {}, "event_id": "01ARZ3NDEKTSV4RRFFQ69G5F01", "kind": "annotation", "wp_id": "WP01"}"#;

    fn kind(line: &str) -> &'static str {
        match read(line) {
            Ok(Row::Transition(_)) => "transition",
            Ok(Row::Annotation(_)) => "annotation",
            Ok(Row::Retrospective) => "retrospective",
            Ok(Row::Typed) => "typed",
            Ok(Row::Unknown(_)) => "unknown",
            Err(_) => "bad",
        }
    }

    #[rstest]
    #[case(LANE, "transition")]
    #[case(NOTE, "annotation")]
    #[case(r#"{"event_type": "WPCreated", "wp_id": 7, "to_lane": "x"}"#, "typed")]
    #[case(r#"{"type": "RetrospectiveCaptured", "at": "never"}"#, "typed")]
    #[case(r#"{"event_name": "retrospective.completed"}"#, "retrospective")]
    #[case(r#"{"kind": "from-the-future", "to_lane": "x"}"#, "unknown")]
    #[case(r#"{"type": "Later"}"#, "unknown")]
    #[case(r#"{"anything": 1}"#, "unknown")]
    #[case(r#"{"wp_id": "WP01", "to_lane": "done"}"#, "bad")]
    #[case("[1]", "bad")]
    fn kinds_of_rows(#[case] line: &str, #[case] expected: &str) {
        assert_eq!(kind(line), expected);
    }

    #[rstest]
    #[case(LANE, "\"claimed\"", "\"doing\"", "`doing` is not a lane")]
    #[case(LANE, "\"planned\"", "\"Planned\"", "`Planned` is not a lane")]
    #[case(LANE, "\"2026-01-01T00:00:01+00:00\"", "\"never\"", "`never` is not a time")]
    #[case(LANE, "false", "\"no\"", "invalid type: string \"no\", expected a boolean")]
    #[case(LANE, "{\"actor\"", "{\"schema_version\": 9, \"actor\"", "written in schema 9")]
    #[case(LANE, ", \"force\": false", "", "without `force`")]
    #[case(NOTE, "01ARZ3NDEKTSV4RRFFQ69G5F01", "01ARZ3NDEKTSV4RRFFQ69G5FI1", "not an event id")]
    #[case(NOTE, ", \"delta\": {}", "", "without `delta`")]
    fn faults_are_named(#[case] line: &str, #[case] from: &str, #[case] to: &str, #[case] message: &str) {
        let line = line.replace(from, to);
        let bad = read(&line).unwrap_err();
        assert!(bad.message.contains(message) && !bad.torn, "{bad:?}");
    }

    #[test]
    fn a_fault_points_at_its_value() {
        let line = LANE.replace("claimed", "doing");
        assert!(line[read(&line).unwrap_err().at..].starts_with("\"doing\""));
    }

    #[test]
    fn a_naive_stamp_is_utc() {
        let line = LANE.replace("+00:00", "");
        let Row::Transition(event) = read(&line).unwrap() else { panic!("a transition") };
        assert_eq!(event.at, "2026-01-01T00:00:01Z".parse().unwrap());
    }
}
