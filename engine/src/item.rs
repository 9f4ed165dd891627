//! What a check made of one item: a work package, a commit, a file, an answer of a server.

use serde::Serialize;

use crate::finding::Excerpt;

/// What became of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemOutcome {
    /// It holds.
    Pass,
    /// It does not; there is a finding.
    Fail,
    /// The check does not apply to it.
    Skip,
    /// It could not be told.
    Error,
    /// It was not asked: nobody trusts what would have to run.
    Untrusted,
    /// It does not hold, and a waiver excepts it; there is a finding that says so.
    Waived,
    /// It does not hold, and did not at the commit that is compared with; there is a finding that says so.
    Known,
}

/// One item and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ItemResult {
    /// What it is called, from run to run.
    pub key: String,
    /// What became of it.
    pub outcome: ItemOutcome,
    /// Why, where it is not plain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Why something could not be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unanswered {
    /// One of the codes below.
    pub code: &'static str,
    /// In a sentence.
    pub message: String,
    /// The way out.
    pub help: Option<String>,
    /// The lines it is about.
    pub excerpts: Vec<Excerpt>,
}

impl Unanswered {
    /// A check could not look.
    pub const COULD_NOT_LOOK: &'static str = "could_not_look";
    /// A rule cannot be used.
    pub const RULE_INVALID: &'static str = "rule_invalid";
    /// Nobody trusts what would have to run.
    pub const UNTRUSTED: &'static str = "untrusted";

    /// A check could not look.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { code: Self::COULD_NOT_LOOK, message: message.into(), help: None, excerpts: Vec::new() }
    }

    /// The reason together with the way out, in one line.
    #[must_use]
    pub fn in_words(&self) -> String {
        self.help.as_ref().map_or_else(|| self.message.clone(), |help| format!("{}; {help}", self.message))
    }
}
