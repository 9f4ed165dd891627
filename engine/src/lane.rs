//! Lanes: where a work package is on its way from planned to done.

use std::fmt;

use serde::{Serialize, Serializer};

/// A lane of a work package, as `status.events.jsonl` names it (`status/models.py`, 3.2.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Created and not yet seeded: where a work package without lane events is. Never a target.
    Genesis,
    /// What a snapshot says of a work package that has annotations and no lane events. Never in a transition.
    Uninitialized,
    /// Ready to be taken.
    Planned,
    /// Taken by somebody.
    Claimed,
    /// Being worked on.
    InProgress,
    /// Waiting for a reviewer.
    ForReview,
    /// Being reviewed.
    InReview,
    /// The review is passed; not yet merged.
    Approved,
    /// Finished. Terminal.
    Done,
    /// Waiting for something outside.
    Blocked,
    /// Given up. Terminal.
    Canceled,
}

/// A word that names no lane.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("`{word}` is not a lane")]
#[diagnostic(code(unknown_lane), help("{}", lanes_like(word)))]
pub struct UnknownLane {
    /// The word.
    pub word: String,
}

impl Lane {
    /// Whether nothing is left to do for a merge: approved, done, or not wanted any more.
    #[must_use]
    pub fn is_settled(self) -> bool {
        matches!(self, Self::Approved | Self::Done | Self::Canceled)
    }

    /// Every lane.
    pub const ALL: [Self; 11] = [
        Self::Genesis,
        Self::Uninitialized,
        Self::Planned,
        Self::Claimed,
        Self::InProgress,
        Self::ForReview,
        Self::InReview,
        Self::Approved,
        Self::Done,
        Self::Blocked,
        Self::Canceled,
    ];

    /// The lanes a board shows and a snapshot counts, from left to right.
    pub const SHOWN: [Self; 9] = [
        Self::Planned,
        Self::Claimed,
        Self::InProgress,
        Self::ForReview,
        Self::InReview,
        Self::Approved,
        Self::Done,
        Self::Blocked,
        Self::Canceled,
    ];

    /// The names of [`Lane::SHOWN`].
    pub const NAMES: [&'static str; 9] = {
        let mut names = [""; 9];
        let mut nth = 0;
        while nth < names.len() {
            names[nth] = Self::SHOWN[nth].as_str();
            nth += 1;
        }
        names
    };

    /// The way of a work package that nothing goes wrong with.
    pub const WAY: [Self; 7] = [
        Self::Planned,
        Self::Claimed,
        Self::InProgress,
        Self::ForReview,
        Self::InReview,
        Self::Approved,
        Self::Done,
    ];

    /// The lane's name in files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Genesis => "genesis",
            Self::Uninitialized => "uninitialized",
            Self::Planned => "planned",
            Self::Claimed => "claimed",
            Self::InProgress => "in_progress",
            Self::ForReview => "for_review",
            Self::InReview => "in_review",
            Self::Approved => "approved",
            Self::Done => "done",
            Self::Blocked => "blocked",
            Self::Canceled => "canceled",
        }
    }

    /// A lane as files name it: exactly. The alias `doing` is for people, and an error in a log.
    #[must_use]
    pub fn in_file(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|lane| lane.as_str() == name)
    }

    /// A lane as people type it: spaces around and case do not matter, `doing` is `in_progress`.
    ///
    /// # Errors
    /// [`UnknownLane`].
    pub fn parse(word: &str) -> Result<Self, UnknownLane> {
        let name = word.trim().to_lowercase();
        let name = if name == "doing" { "in_progress" } else { &name };
        Self::in_file(name).ok_or_else(|| UnknownLane { word: word.trim().to_owned() })
    }

    /// Whether a work package here is finished with: only force takes it out again.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Done | Self::Canceled)
    }
}

fn lanes_like(word: &str) -> String {
    let names = Lane::SHOWN.map(Lane::as_str);
    let near = names.into_iter().find(|name| strsim::jaro_winkler(name, &word.to_lowercase()) > 0.85);
    let list = names.join(", ");
    match near {
        Some(near) => format!("did you mean `{near}`? The lanes are: {list}"),
        None => format!("the lanes are: {list} (`doing` is in_progress)"),
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Lane {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(" DOING ", Some(Lane::InProgress))]
    #[case("In_Review", Some(Lane::InReview))]
    #[case("done", Some(Lane::Done))]
    #[case("cancelled", None)]
    #[case("pending", None)]
    #[case("", None)]
    fn lanes_as_people_type_them(#[case] word: &str, #[case] lane: Option<Lane>) {
        assert_eq!(Lane::parse(word).ok(), lane);
    }

    #[test]
    fn a_near_miss_is_helped() {
        let help = miette::Diagnostic::help(&Lane::parse("cancelled").unwrap_err()).unwrap().to_string();
        assert!(help.starts_with("did you mean `canceled`?"), "{help}");
        assert_eq!(Lane::in_file("doing"), None);
    }
}
