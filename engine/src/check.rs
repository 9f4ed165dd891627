//! Checks: read-only questions about the repository.

use crate::finding::{Fault, Finding, FindingError};
use crate::mission::Mission;
use crate::repo::RepoView;

/// The step being gated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Marking tasks.
    MarkStatus,
    /// A commit.
    Commit,
    /// A merge, forecast or real.
    Merge,
}

/// The facts about a check, each stated once.
#[derive(Debug, Clone, Copy)]
pub struct CheckMeta {
    /// Kebab-case, the same words as the file it is in.
    pub id: &'static str,
    /// What holds when it finds nothing.
    pub summary: &'static str,
    /// Every code it may report.
    pub codes: &'static [&'static str],
    /// The steps it gates.
    pub stages: &'static [Stage],
}

/// What a check may look at.
#[derive(Clone, Copy)]
pub struct CheckContext<'a> {
    /// The repository.
    pub repo: &'a dyn RepoView,
    /// The mission.
    pub mission: &'a Mission,
}

/// A check could not look. The run is then undecided: an unanswered question is not a pass.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The check itself is wrong.
    #[error(transparent)]
    Finding(#[from] FindingError),
    /// Something could not be read.
    #[error("{0}")]
    CouldNotLook(String),
}

/// Takes the findings of one check.
pub struct Findings<'a> {
    meta: &'a CheckMeta,
    found: Vec<Finding>,
}

impl<'a> Findings<'a> {
    /// An empty list for a check.
    #[must_use]
    pub fn new(meta: &'a CheckMeta) -> Self {
        Self { meta, found: Vec::new() }
    }

    /// Adds a fault.
    ///
    /// # Errors
    /// When the fault could not be a finding of this check.
    pub fn report(&mut self, fault: Fault) -> Result<(), FindingError> {
        self.found.push(Finding::build(self.meta, fault)?);
        Ok(())
    }

    /// What was found.
    #[must_use]
    pub fn into_inner(self) -> Vec<Finding> {
        self.found
    }
}

/// A read-only question about the repository.
pub trait Check: Send + Sync {
    /// Its facts.
    fn meta(&self) -> &CheckMeta;

    /// Looks, and reports every fault.
    ///
    /// # Errors
    /// [`CheckError`] when it could not look.
    fn run(&self, context: CheckContext<'_>, findings: &mut Findings<'_>) -> Result<(), CheckError>;
}
