//! What the retrospective of a mission came to, from the `retrospective.*` events of its log.

use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Event {
    event_name: String,
    #[serde(default)]
    at: Value,
    #[serde(default)]
    event_id: Value,
    #[serde(default)]
    payload: Value,
}

/// The `retrospective` entry of the snapshot; `None` when there are no such events.
pub(super) fn of(rows: &[&str]) -> Option<Value> {
    let mut events: Vec<Event> = rows.iter().filter_map(|row| serde_json::from_str(row).ok()).collect();
    events.sort_by_cached_key(|event| (event.at.to_string(), event.event_id.to_string()));
    if events.is_empty() {
        return None;
    }
    let named = |name: &str| events.iter().filter(|event| event.event_name == name).count();
    let last = |names: &[&str]| events.iter().rfind(|event| names.contains(&event.event_name.as_str()));
    let end = last(&["retrospective.completed", "retrospective.skipped", "retrospective.failed"]);
    let status = end.map_or("pending", |end| match end.event_name.as_str() {
        "retrospective.completed" => "completed",
        "retrospective.skipped" => "skipped",
        _ => "failed",
    });
    let record_path = end.and_then(|end| end.payload.get("record_path")).and_then(Value::as_str);
    let mode = last(&["retrospective.requested"]).and_then(|event| event.payload.get("mode"));
    let total = named("retrospective.proposal.generated");
    let applied = named("retrospective.proposal.applied");
    let rejected = named("retrospective.proposal.rejected");
    Some(json!({
        "status": status,
        "mode": mode,
        "record_path": record_path,
        "proposals_total": total,
        "proposals_applied": applied,
        "proposals_rejected": rejected,
        "proposals_pending": total.saturating_sub(applied + rejected),
    }))
}
