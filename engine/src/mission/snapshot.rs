//! `status.json`: the snapshot that is derived from the log. It can be made anew, so nothing is decided on it; it is
//! read to be shown, and to be compared with the log.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The snapshot of a mission.
#[derive(Debug, Clone, Deserialize)]
pub struct Snapshot {
    /// How many lane events it was made from.
    #[serde(default)]
    pub event_count: u64,
    /// The last of them.
    #[serde(default)]
    pub last_event_id: Option<String>,
    /// The work packages, by ID.
    #[serde(default)]
    pub work_packages: BTreeMap<String, WorkPackageState>,
}

/// The state of a work package in the snapshot.
#[derive(Debug, Clone, Deserialize)]
pub struct WorkPackageState {
    /// Its lane.
    pub lane: String,
    /// States of its tasks, where any was recorded.
    #[serde(default)]
    pub subtasks: BTreeMap<String, String>,
}
