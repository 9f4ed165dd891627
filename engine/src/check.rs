//! Checks: read-only questions about the repository.

use crate::finding::{Fault, Finding, FindingError};
use crate::item::{ItemOutcome, ItemResult, Unanswered};
use crate::merge::scope::MergeScope;
use crate::mission::Mission;
use crate::mission::artefact::ArtefactError;
use crate::param::{Param, ParamValues};
use crate::repo::{GitError, Repo, RepoError};

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
    /// What must be there for it to have anything to look at.
    pub needs: Needs,
    /// Whose question it is: what a team may decide otherwise.
    pub guards: Guards,
    /// What a team may set besides the severity.
    pub params: &'static [Param],
}

/// What a check guards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Guards {
    /// The step itself, which cannot be done, or would lose something, as long as there is a blocker. Nobody can make less
    /// of it, and nothing of it is waived.
    Step,
    /// What a team agreed on: it may be another severity, and items may be excepted.
    Agreement,
}

/// What must be there for a check to have anything to look at. Without it the check is not applicable, and says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Needs {
    /// A repository.
    Repository,
    /// A mission.
    Mission,
    /// A merge of a mission.
    Merge,
}

/// What a check may look at.
#[derive(Clone, Copy)]
pub struct CheckContext<'a> {
    /// The repository.
    pub repo: &'a Repo,
    /// The mission, where the question is about one.
    pub mission: Option<&'a Mission>,
    /// The merge, where the step is one.
    pub merge: Option<&'a MergeScope>,
    /// Whether git runs this, from a hook: then the index is locked by the command that waits for the answer.
    pub under_git: bool,
    /// What a team set of the check that is asked.
    pub params: &'a ParamValues,
}

impl<'a> CheckContext<'a> {
    /// Whether what a check needs is there.
    #[must_use]
    pub fn has(&self, needs: Needs) -> bool {
        match needs {
            Needs::Repository => true,
            Needs::Mission => self.mission.is_some(),
            Needs::Merge => self.merge.is_some(),
        }
    }

    /// The mission.
    ///
    /// # Errors
    /// [`CheckError::CouldNotLook`] for a check that asked for one without saying that it needs one.
    pub fn mission(&self) -> Result<&'a Mission, CheckError> {
        self.mission.ok_or_else(|| CheckError::CouldNotLook("there is no mission to look at".to_owned()))
    }

    /// The merge.
    ///
    /// # Errors
    /// As [`CheckContext::mission`].
    pub fn merge(&self) -> Result<&'a MergeScope, CheckError> {
        self.merge.ok_or_else(|| CheckError::CouldNotLook("there is no merge to look at".to_owned()))
    }
}

/// A check could not look. The run is then undecided: an unanswered question is not a pass.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum CheckError {
    /// The check itself is wrong.
    #[error(transparent)]
    Finding(#[from] FindingError),
    /// Something could not be read.
    #[error("{0}")]
    CouldNotLook(String),
    /// It can look only once a fault is mended that another check reports. Where that one reports none, this one could
    /// not look.
    #[error("it can look once {0} finds nothing")]
    Waits(&'static str),
    /// git failed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Git(#[from] GitError),
    /// The repository could not be asked.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Repo(#[from] RepoError),
    /// A file could not be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Artefact(#[from] std::sync::Arc<ArtefactError>),
}

/// Takes the findings of one check.
pub struct Findings<'a> {
    meta: &'a CheckMeta,
    found: Vec<Finding>,
    items: Vec<ItemResult>,
    unanswered: Vec<Unanswered>,
    skipped: Option<String>,
}

impl<'a> Findings<'a> {
    /// An empty list for a check.
    #[must_use]
    pub fn new(meta: &'a CheckMeta) -> Self {
        Self { meta, found: Vec::new(), items: Vec::new(), unanswered: Vec::new(), skipped: None }
    }

    /// Adds a fault.
    ///
    /// # Errors
    /// When the fault could not be a finding of this check.
    pub fn report(&mut self, fault: Fault) -> Result<(), FindingError> {
        self.found.push(Finding::build(self.meta, fault)?);
        Ok(())
    }

    /// Tells what became of an item that there is no more to say of.
    pub fn item(&mut self, key: impl Into<String>, outcome: ItemOutcome) {
        self.items.push(ItemResult { key: key.into(), outcome, message: None });
    }

    /// The same, with something to say of it.
    pub fn told(&mut self, key: impl Into<String>, outcome: ItemOutcome, message: String) {
        self.items.push(ItemResult { key: key.into(), outcome, message: Some(message) });
    }

    /// Adds the fault of an item.
    ///
    /// # Errors
    /// As [`Findings::report`].
    pub fn failed(&mut self, key: impl Into<String>, fault: Fault) -> Result<(), FindingError> {
        self.item(key, ItemOutcome::Fail);
        self.report(fault)
    }

    /// Tells that nothing could be told of an item: the check is undecided, whatever else it found.
    pub fn unanswered(&mut self, key: impl Into<String>, outcome: ItemOutcome, why: Unanswered) {
        self.items.push(ItemResult { key: key.into(), outcome, message: Some(why.message.clone()) });
        self.unanswered.push(why);
    }

    /// Tells that the check does not apply here, and why. That is no pass.
    pub fn skip(&mut self, why: impl Into<String>) {
        self.skipped = Some(why.into());
    }

    /// What was told.
    #[must_use]
    pub(crate) fn into_parts(self) -> Told {
        Told { found: self.found, items: self.items, unanswered: self.unanswered, skipped: self.skipped }
    }
}

/// What a check told.
pub(crate) struct Told {
    pub(crate) found: Vec<Finding>,
    pub(crate) items: Vec<ItemResult>,
    pub(crate) unanswered: Vec<Unanswered>,
    pub(crate) skipped: Option<String>,
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
