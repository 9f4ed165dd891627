//! How bad a finding is, and what a run concluded.

use serde::Serialize;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Note,
    /// Worth a look; does not block.
    Warning,
    /// Blocks the step.
    Blocker,
}

/// What a run concluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing stands in the way.
    Cleared,
    /// Something must be done first.
    Blocked,
    /// A check could not look.
    Undecided,
}
