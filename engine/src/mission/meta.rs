//! `meta.json`: who the mission is, and where its state lives.

use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// The parts of `meta.json` that decisions are taken on. Everything is optional: 17 of 412 real files lack
/// `status_phase`, older ones say `feature_*`, and a mission may have no file at all. A name that is written as a
/// number is read as text; other surprises in a field that only describes are passed over.
#[derive(Debug, Clone, Default)]
pub struct Meta {
    /// The 26-character ULID.
    pub mission_id: Option<String>,
    /// The slug as written at creation; the directory may have been renamed since. Also `feature_slug`.
    pub mission_slug: Option<String>,
    /// The number given at the merge. Also `feature_number`.
    pub mission_number: Option<u64>,
    /// `software-dev`, `research`, `documentation`.
    pub mission_type: Option<String>,
    /// A human's name for it.
    pub friendly_name: Option<String>,
    /// The branch it merges into.
    pub target_branch: Option<String>,
    /// The branch it merges into, where that was decided later.
    pub merge_target_branch: Option<String>,
    /// `single_branch`, `lanes`, `coord`, `lanes_with_coord`.
    pub topology: Option<String>,
    /// The branch that holds shared state, in the `coord` topologies.
    pub coordination_branch: Option<String>,
    /// Where state lives; see [`StatusPhase`].
    pub status_phase: StatusPhase,
    /// The commit of the target that a merge of the mission began at, where there was one.
    pub baseline_merge_commit: Option<String>,
    /// Whether the branches are to stay after a merge. What is no boolean is taken for yes, as in the original.
    pub retain_branches: bool,
    /// Whether the work trees are to stay after a merge.
    pub retain_worktrees: bool,
}

impl<'de> Deserialize<'de> for Meta {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = serde_json::Map::deserialize(deserializer)?;
        let text = |names: &[&str]| names.iter().find_map(|name| scalar(fields.get(*name)?));
        // Another branch than the one that was meant is not a small thing.
        for name in ["merge_target_branch", "target_branch", "coordination_branch"] {
            let value = fields.get(name).filter(|value| !value.is_null());
            if value.is_some_and(|value| scalar(value).is_none()) {
                return Err(D::Error::custom(format!("{name} is no text")));
            }
        }
        let retained = |name| fields.get(name).is_some_and(|value| *value != false && !value.is_null());
        let number = |names: &[&str]| text(names).and_then(|number| number.trim().parse().ok());
        Ok(Self {
            mission_id: text(&["mission_id"]),
            mission_slug: text(&["mission_slug", "feature_slug"]),
            mission_number: number(&["mission_number", "feature_number"]),
            mission_type: text(&["mission_type"]),
            friendly_name: text(&["friendly_name"]),
            merge_target_branch: text(&["merge_target_branch"]),
            target_branch: text(&["target_branch"]),
            topology: text(&["topology"]),
            coordination_branch: text(&["coordination_branch"]),
            status_phase: StatusPhase::of(text(&["status_phase"]).as_deref()),
            baseline_merge_commit: text(&["baseline_merge_commit"]),
            retain_branches: retained("retain_branches"),
            retain_worktrees: retained("retain_worktrees"),
        })
    }
}

impl Meta {
    /// The branch that the mission merges into, as far as it says that.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        self.merge_target_branch.as_deref().or(self.target_branch.as_deref())
    }
}

fn scalar(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Where completion is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StatusPhase {
    /// `status_phase` absent, `0` or unreadable: rows in `tasks.md`.
    #[default]
    Rows,
    /// `status_phase` 1 and above: annotation events in `status.events.jsonl`; `tasks.md` is never written.
    Events,
}

impl StatusPhase {
    /// `"1"` and `1` are the same; text that is no number counts as absent, as in the original (`emit.py`, 3.2.7).
    fn of(text: Option<&str>) -> Self {
        let phase = text.and_then(|text| text.trim().parse::<i64>().ok());
        if phase.is_some_and(|phase| phase >= 1) { Self::Events } else { Self::Rows }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(r"{}", StatusPhase::Rows)]
    #[case(r#"{"status_phase": "0"}"#, StatusPhase::Rows)]
    #[case(r#"{"status_phase": 0}"#, StatusPhase::Rows)]
    #[case(r#"{"status_phase": null}"#, StatusPhase::Rows)]
    #[case(r#"{"status_phase": "later"}"#, StatusPhase::Rows)]
    #[case(r#"{"status_phase": "1"}"#, StatusPhase::Events)]
    #[case(r#"{"status_phase": 1}"#, StatusPhase::Events)]
    #[case(r#"{"status_phase": " 2 "}"#, StatusPhase::Events)]
    fn phases(#[case] json: &str, #[case] phase: StatusPhase) {
        assert_eq!(serde_json::from_str::<Meta>(json).unwrap().status_phase, phase);
    }

    #[rstest]
    #[case(r#"{"mission_number": 13}"#, Some(13))]
    #[case(r#"{"mission_number": "013"}"#, Some(13))]
    #[case(r#"{"feature_number": "013"}"#, Some(13))]
    #[case(r#"{"mission_number": 7, "feature_number": "013", "friendly_name": 5, "topology": []}"#, Some(7))]
    #[case(r#"{"mission_number": null}"#, None)]
    #[case(r#"{"mission_number": ""}"#, None)]
    fn numbers(#[case] json: &str, #[case] number: Option<u64>) {
        assert_eq!(serde_json::from_str::<Meta>(json).unwrap().mission_number, number);
    }

    #[rstest]
    #[case(r"{}", false)]
    #[case(r#"{"retain_branches": false}"#, false)]
    #[case(r#"{"retain_branches": null}"#, false)]
    #[case(r#"{"retain_branches": true}"#, true)]
    #[case(r#"{"retain_branches": "no"}"#, true)]
    #[case(r#"{"retain_branches": 0}"#, true)]
    fn retention(#[case] json: &str, #[case] retained: bool) {
        assert_eq!(serde_json::from_str::<Meta>(json).unwrap().retain_branches, retained);
    }
}
