//! What is sent of an event: the envelope of the original, made of a line of the status log.
//!
//! The form is that of spec-kitty's event envelope, version 3 (`docs/sync.md` lists the fields). Nothing of the machine or the
//! user is in it but what the log says: no host name, no path.

use clearance_engine::config::Project;
use serde_json::{Map, Value, json};

use crate::outbox::Event;

/// The version of the envelope.
const VERSION: &str = "3.0.0";

/// What an event is about, beside what its line says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About<'a> {
    /// The mission.
    pub mission: &'a str,
    /// The project.
    pub project: &'a Project,
    /// The team.
    pub team: Option<&'a str>,
    /// The call that made it: the same for all of its events.
    pub call: &'a str,
}

/// The event of a line of the log; `None` for a line that has no id: it could not be told apart from others.
#[must_use]
pub(crate) fn of_line(line: &str, about: About<'_>) -> Option<Event> {
    let Ok(Value::Object(row)) = serde_json::from_str::<Value>(line) else { return None };
    let id = row.get("event_id")?.as_str()?.to_owned();
    let at = row.get("at").cloned().unwrap_or_default();
    let work_package = row.get("wp_id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let is_step = row.contains_key("to_lane");
    let (kind, payload) = if is_step {
        ("WPStatusChanged", step(&row, about))
    } else {
        ("HistoryAdded", note(&row, &work_package, about))
    };
    Some(Event { envelope: envelope((&id, kind), &work_package, &at, payload, about), id })
}

/// The event of a task whose row was marked where the log has no events of tasks.
#[must_use]
pub(crate) fn of_task(
    id: &str,
    at: &str,
    (task, work_package): (&str, Option<&str>),
    state: &str,
    about: About<'_>,
) -> Event {
    let work_package = work_package.unwrap_or(task);
    let payload = json!({
        "author": "user",
        "entry_content": format!("Task {task} marked as {state}"),
        "entry_type": "note",
        "mission_slug": about.mission,
        "wp_id": work_package,
    });
    let envelope = envelope((id, "HistoryAdded"), work_package, &at.into(), payload, about);
    Event { id: id.to_owned(), envelope }
}

fn step(row: &Map<String, Value>, about: About<'_>) -> Value {
    const TOLD: [&str; 9] = [
        "wp_id",
        "from_lane",
        "to_lane",
        "actor",
        "force",
        "reason",
        "execution_mode",
        "review_ref",
        "evidence",
    ];
    let mut payload: Map<String, Value> =
        TOLD.iter().map(|key| ((*key).to_owned(), row.get(*key).cloned().unwrap_or_default())).collect();
    payload.insert("mission_slug".to_owned(), about.mission.into());
    if let Some(id) = row.get("mission_id") {
        payload.insert("mission_id".to_owned(), id.clone());
    }
    Value::Object(payload)
}

fn note(row: &Map<String, Value>, work_package: &str, about: About<'_>) -> Value {
    let delta = row.get("delta").cloned().unwrap_or_default();
    let told: Vec<String> = delta["subtasks"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(task, state)| format!("Task {task} marked as {}", state.as_str().unwrap_or("?")))
        .collect();
    json!({
        "author": row.get("actor").cloned().unwrap_or_default(),
        "delta": delta,
        "entry_content": told.join("; "),
        "entry_type": "note",
        "mission_slug": about.mission,
        "wp_id": work_package,
    })
}

fn envelope(
    (id, kind): (&str, &str),
    work_package: &str,
    at: &Value,
    payload: Value,
    about: About<'_>,
) -> Map<String, Value> {
    let mut envelope = Map::new();
    let mut put = |key: &str, value: Value| {
        envelope.insert(key.to_owned(), value);
    };
    put("aggregate_id", work_package.into());
    put("aggregate_type", "WorkPackage".into());
    put("build_id", about.call.into());
    put("causation_id", Value::Null);
    put("correlation_id", about.call.into());
    put("event_id", id.into());
    put("event_type", kind.into());
    put("payload", payload);
    put("project_slug", about.project.slug.clone().into());
    put("project_uuid", about.project.uuid.clone().into());
    put("schema_version", VERSION.into());
    put("team_slug", about.team.into());
    put("timestamp", at.clone());
    envelope
}
