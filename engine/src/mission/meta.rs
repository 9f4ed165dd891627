//! `meta.json`: who the mission is, and where its state lives.

use serde::{Deserialize, Deserializer};

/// The parts of `meta.json` that decisions are taken on. Everything is optional: 17 of 412 real files lack
/// `status_phase`, older ones say `feature_*`, and a mission may have no file at all.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Meta {
    /// The 26-character ULID.
    #[serde(default)]
    pub mission_id: Option<String>,
    /// The slug as written at creation; the directory may have been renamed since.
    #[serde(default, alias = "feature_slug")]
    pub mission_slug: Option<String>,
    /// The number given at the merge.
    #[serde(default, alias = "feature_number", deserialize_with = "loose_number")]
    pub mission_number: Option<u32>,
    /// A human's name for it.
    #[serde(default)]
    pub friendly_name: Option<String>,
    /// The branch it merges into.
    #[serde(default)]
    pub target_branch: Option<String>,
    /// `single_branch`, `lanes`, `coord`, `lanes_with_coord`.
    #[serde(default)]
    pub topology: Option<String>,
    /// The branch that holds shared state, in the `coord` topologies.
    #[serde(default)]
    pub coordination_branch: Option<String>,
    /// Where state lives; see [`StatusPhase`].
    #[serde(default)]
    pub status_phase: StatusPhase,
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

impl<'de> Deserialize<'de> for StatusPhase {
    /// `"1"` and `1` are the same; text that is no number counts as absent, as in the original (`emit.py`, 3.2.7).
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let phase = Loose::deserialize(deserializer)?.number();
        Ok(if phase.is_some_and(|phase| phase >= 1) { Self::Events } else { Self::Rows })
    }
}

/// A scalar that real files write in several ways.
#[derive(Deserialize)]
#[serde(untagged)]
enum Loose {
    Number(i64),
    Text(String),
    Other(serde::de::IgnoredAny),
}

impl Loose {
    fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
            Self::Other(_) => None,
        }
    }
}

fn loose_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    Ok(Loose::deserialize(deserializer)?.number().and_then(|number| u32::try_from(number).ok()))
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
    #[case(r#"{"mission_number": null}"#, None)]
    #[case(r#"{"mission_number": ""}"#, None)]
    fn numbers(#[case] json: &str, #[case] number: Option<u32>) {
        assert_eq!(serde_json::from_str::<Meta>(json).unwrap().mission_number, number);
    }
}
