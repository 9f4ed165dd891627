//! `lanes.json`: the branches that work packages share.

use serde::{Deserialize, Deserializer};

/// The manifest of execution lanes, version 1.
#[derive(Debug, Clone, Deserialize)]
pub struct Lanes {
    /// The version of the format: 1.
    #[serde(default)]
    pub version: Option<serde_json::Value>,
    /// The branch that the lanes merge into.
    #[serde(default)]
    pub mission_branch: Option<String>,
    /// The branch that the mission merges into.
    #[serde(default)]
    pub target_branch: Option<String>,
    /// The slug; one old file says `feature_slug`.
    #[serde(default, alias = "feature_slug")]
    pub mission_slug: Option<String>,
    /// The lanes, in the order of the file.
    #[serde(default)]
    pub lanes: Vec<ExecutionLane>,
}

/// Work packages that share a branch and a worktree.
#[derive(Debug, Clone, Deserialize)]
pub struct ExecutionLane {
    /// `lane-a`
    pub lane_id: String,
    /// The work packages in it.
    #[serde(default)]
    pub wp_ids: Vec<String>,
    /// Another repository, where the lane is that of one. A blank name is none.
    #[serde(default, deserialize_with = "name_or_none")]
    pub target_repository: Option<String>,
    /// Lanes that must merge before this one.
    #[serde(default)]
    pub depends_on_lanes: Vec<String>,
}

fn name_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let name: Option<String> = Option::deserialize(deserializer)?;
    Ok(name.filter(|name| !name.trim().is_empty()))
}
