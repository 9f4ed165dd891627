//! Annotations: what is noted of a work package without moving it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::WorkPackageState;
use crate::lane::Lane;
use crate::mission::log::row::{Annotation, timestamp};

/// Slots that the newest value replaces. An empty text replaces nothing.
const REPLACED: [&str; 9] = [
    "shell_pid",
    "shell_pid_created_at",
    "agent",
    "assignee",
    "role",
    "agent_profile",
    "agent_profile_version",
    "model",
    "provider",
];

/// Slots that are emptied when a claim is released.
const CLAIM: [&str; 3] = ["agent", "shell_pid", "shell_pid_created_at"];

#[derive(Deserialize)]
struct Delta {
    #[serde(default)]
    subtasks: Option<BTreeMap<String, String>>,
    #[serde(default)]
    note: Option<Value>,
    #[serde(default)]
    tracker_refs: Option<Vec<Value>>,
    #[serde(default)]
    tracker_refs_replace: Option<Vec<Value>>,
    #[serde(default)]
    review: Option<Override>,
    #[serde(default)]
    release_runtime_claim: Option<bool>,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

/// An arbiter's decision over a review.
#[derive(Deserialize)]
struct Override {
    at: String,
    actor: String,
    wp_id: String,
    reason: String,
}

/// Adds an annotation to a state.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn take(
    state: &mut WorkPackageState,
    annotation: &Annotation<'_>,
    line: usize,
) -> Result<(), String> {
    let delta: Delta = serde_json::from_str(annotation.delta.get()).map_err(|error| {
        let message = error.to_string();
        message.split(" at line ").next().unwrap_or(&message).to_owned()
    })?;
    if delta.release_runtime_claim == Some(true) {
        state.slots.extend(CLAIM.map(|slot| (slot, Value::Null)));
    }
    for slot in REPLACED {
        let Some(value) = delta.others.get(slot).filter(|value| !value.is_null() && **value != "") else {
            continue;
        };
        let value = if slot == "shell_pid" { number(value)? } else { value.clone() };
        state.slots.insert(slot, value);
    }
    if delta.subtasks.is_some() {
        // Says that there is such a list, which is kept where it can be asked.
        state.slots.insert("subtasks", Value::Null);
    }
    for (id, lane) in delta.subtasks.into_iter().flatten() {
        if Lane::in_file(&lane).is_none() {
            return Err(format!(
                "`{lane}` is not a state of a task (it is a lane's name, such as `done` or `planned`)"
            ));
        }
        state.subtask_lines.insert(id.clone(), line);
        state.subtasks.insert(id, lane);
    }
    if let Some(note) = delta.note {
        list(state, "notes").push(note);
    }
    if let Some(refs) = delta.tracker_refs_replace {
        list(state, "tracker_refs").clear();
        add_new(list(state, "tracker_refs"), refs);
    } else if let Some(refs) = delta.tracker_refs {
        add_new(list(state, "tracker_refs"), refs);
    }
    if let Some(Override { at, actor, wp_id, reason }) = delta.review {
        // A decision that was brought in from elsewhere is older than the line that has it, or newer.
        state.decided = Some((timestamp(&at).unwrap_or(annotation.at), line));
        let released = [&at, &actor, &wp_id, &reason].iter().all(|text| text.is_empty());
        let review = serde_json::json!({ "at": at, "actor": actor, "wp_id": wp_id, "reason": reason });
        state.slots.insert("review", if released { Value::Null } else { review });
    }
    Ok(())
}

fn list<'a>(state: &'a mut WorkPackageState, slot: &'static str) -> &'a mut Vec<Value> {
    let value = state.slots.entry(slot).or_insert_with(|| Value::Array(Vec::new()));
    if !value.is_array() {
        *value = Value::Array(Vec::new());
    }
    match value {
        Value::Array(list) => list,
        _ => unreachable!("it was just made a list"),
    }
}

fn add_new(list: &mut Vec<Value>, refs: Vec<Value>) {
    for reference in refs {
        if !list.contains(&reference) {
            list.push(reference);
        }
    }
}

/// A process number; older writers have it as text.
fn number(value: &Value) -> Result<Value, String> {
    match value {
        Value::Number(number) if number.is_i64() || number.is_u64() => Ok(value.clone()),
        Value::String(text) => text
            .trim()
            .parse::<i64>()
            .map(Into::into)
            .map_err(|_| format!("shell_pid `{text}` is not a number")),
        other => Err(format!("shell_pid {other} is not a number")),
    }
}
