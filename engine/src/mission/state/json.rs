//! The state as `status.json`: indented by two, keys sorted, characters beyond ASCII as they are, a final newline.

use std::collections::BTreeMap;

use serde::ser::{Serialize, Serializer};
use serde_json::Value;

use super::{MissionState, WorkPackageState};
use crate::lane::Lane;
use crate::mission::meta::Meta;

#[derive(serde::Serialize)]
struct Snapshot<'a> {
    event_count: usize,
    last_event_id: Option<&'a str>,
    materialized_at: &'a str,
    mission_number: String,
    mission_slug: &'a str,
    mission_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    retrospective: Option<&'a Value>,
    summary: BTreeMap<&'static str, usize>,
    work_packages: &'a BTreeMap<String, WorkPackageState>,
}

impl MissionState {
    /// The whole text of `status.json`, byte for byte as the original writes it (`reducer.py`, 3.2.7). Number and type
    /// of the mission come from `meta.json`.
    #[must_use]
    pub fn snapshot(&self, meta: Option<&Meta>) -> String {
        let number = meta.and_then(|meta| meta.mission_number).or_else(|| number_in(&self.mission_slug));
        let snapshot = Snapshot {
            event_count: self.event_count,
            last_event_id: self.last_event_id.as_deref(),
            materialized_at: &self.last_at,
            mission_number: number.map(|number| number.to_string()).unwrap_or_default(),
            mission_slug: &self.mission_slug,
            mission_type: meta.and_then(|meta| meta.mission_type.as_deref()).unwrap_or_default().trim(),
            retrospective: self.retrospective.as_ref(),
            summary: Lane::SHOWN.into_iter().map(|lane| (lane.as_str(), self.count(lane))).collect(),
            work_packages: &self.work_packages,
        };
        let text = serde_json::to_string_pretty(&snapshot);
        text.unwrap_or_else(|error| unreachable!("strings and numbers are JSON: {error}")) + "\n"
    }
}

impl Serialize for WorkPackageState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields: BTreeMap<&str, Value> =
            self.slots.iter().map(|(slot, value)| (*slot, value.clone())).collect();
        fields.insert("actor", self.actor.clone().into());
        fields.insert("force_count", self.force_count.into());
        fields.insert("lane", self.lane.as_str().into());
        fields.insert("last_event_id", self.last_event_id.clone().into());
        fields.insert("last_transition_at", self.since_text.clone().into());
        if let Some(subtasks) = fields.get_mut("subtasks") {
            *subtasks =
                self.subtasks.iter().map(|(id, lane)| (id.clone(), Value::from(lane.as_str()))).collect();
        }
        fields.serialize(serializer)
    }
}

/// The number that old directory names begin with: `013-name`.
fn number_in(slug: &str) -> Option<u64> {
    let (digits, _) = slug.split_once('-')?;
    if digits.bytes().all(|b| b.is_ascii_digit()) { digits.parse::<u32>().ok().map(u64::from) } else { None }
}
