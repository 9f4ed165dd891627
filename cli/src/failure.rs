//! Why a command gave no answer: the diagnostic, the exit status, and facts for machines. One mapping for all errors.

use std::any::Any;
use std::sync::Arc;

use clearance_engine::exit::ExitStatus;
use clearance_engine::id::IdError;
use clearance_engine::lane::UnknownLane;
use clearance_engine::lock::LockError;
use clearance_engine::merge::land::LandError;
use clearance_engine::merge::scope::ScopeError;
use clearance_engine::mission::artefact::ArtefactError;
use clearance_engine::mission::handle::HandleError;
use clearance_engine::mission::home::HomeError;
use clearance_engine::plan::apply::ApplyError;
use clearance_engine::plan::mark::PlanError;
use clearance_engine::registry::{IdTaken, RegistryError};
use clearance_engine::repo::commit::CommitRefusal;
use clearance_engine::repo::{GitError, RepoError};
use clearance_nested_env::CreateError;
use clearance_nested_env::drift::DriftError;
use miette::Diagnostic;
use serde_json::{Map, Value, json};

/// A command that could not answer.
#[derive(Debug)]
pub(crate) struct Failure {
    status: ExitStatus,
    diagnostic: Box<dyn Diagnostic + Send + Sync>,
    facts: Map<String, Value>,
}

/// What a failure is, in words.
pub(crate) struct FailureFacts {
    /// Stable.
    pub(crate) code: String,
    /// What is wrong.
    pub(crate) message: String,
    /// What to do.
    pub(crate) help: Option<String>,
}

/// A failure that has no error type of its own.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Plain {
    code: &'static str,
    message: String,
    help: Option<String>,
}

impl Diagnostic for Plain {
    fn code(&self) -> Option<Box<dyn std::fmt::Display + '_>> {
        Some(Box::new(self.code))
    }

    fn help(&self) -> Option<Box<dyn std::fmt::Display + '_>> {
        self.help.as_ref().map(|help| Box::new(help) as _)
    }
}

impl Failure {
    pub(crate) fn usage(code: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        let plain = Plain { code, message: message.into(), help: Some(help.into()) };
        Self::of(ExitStatus::Usage, plain)
    }

    pub(crate) fn blocked(code: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        let plain = Plain { code, message: message.into(), help: Some(help.into()) };
        Self::of(ExitStatus::Blocked, plain)
    }

    pub(crate) fn undecided(code: &'static str, message: impl Into<String>) -> Self {
        Self::of(ExitStatus::Undecided, Plain { code, message: message.into(), help: None })
    }

    /// What leaves the question open, and what to do about it.
    pub(crate) fn undecided_until(code: &'static str, message: String, help: String) -> Self {
        Self::of(ExitStatus::Undecided, Plain { code, message, help: Some(help) })
    }

    /// An error that leaves the question open.
    pub(crate) fn undecided_by(error: impl Diagnostic + Send + Sync + 'static) -> Self {
        Self::of(ExitStatus::Undecided, error)
    }

    /// Settings of sync that cannot be used are a configuration error, whatever is wrong with them.
    #[cfg(feature = "sync")]
    pub(crate) fn settings(error: clearance_sync::settings::SettingsError) -> Self {
        Self::of(ExitStatus::Usage, error)
    }

    /// A panic.
    pub(crate) fn bug(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        let help =
            "please report it with the command line; files are replaced whole, so none is half written";
        let plain = Plain {
            code: "bug",
            message: format!("a bug in clearance: {text}"),
            help: Some(help.to_owned()),
        };
        Self::of(ExitStatus::Bug, plain)
    }

    pub(crate) fn status(&self) -> ExitStatus {
        self.status
    }

    pub(crate) fn diagnostic(&self) -> &(dyn Diagnostic + 'static) {
        &*self.diagnostic
    }

    /// What it is, in words for reports.
    pub(crate) fn facts(&self) -> FailureFacts {
        let code = self.diagnostic.code().map_or_else(|| "failed".to_owned(), |code| code.to_string());
        let help = self.diagnostic.help().map(|help| help.to_string());
        FailureFacts { code, message: self.diagnostic.to_string(), help }
    }

    /// The failure as one JSON object: `error` is the stable code.
    pub(crate) fn json(&self) -> Value {
        let mut object = Map::new();
        let FailureFacts { code, message, help } = self.facts();
        object.insert("error".to_owned(), code.into());
        object.insert("message".to_owned(), message.into());
        object.insert("help".to_owned(), help.into());
        object.insert("exit_code".to_owned(), self.status.code().into());
        object.extend(self.facts.clone());
        Value::Object(object)
    }

    fn of(status: ExitStatus, diagnostic: impl Diagnostic + Send + Sync + 'static) -> Self {
        Self { status, diagnostic: Box::new(diagnostic), facts: Map::new() }
    }

    /// The same with facts for machines.
    pub(crate) fn with(mut self, facts: Value) -> Self {
        if let Value::Object(facts) = facts {
            self.facts.extend(facts);
        }
        self
    }
}

impl From<IdError> for Failure {
    fn from(error: IdError) -> Self {
        Self::of(ExitStatus::Usage, error)
    }
}

impl From<ScopeError> for Failure {
    fn from(error: ScopeError) -> Self {
        let facts = match &error {
            ScopeError::Number { file, .. } => json!({ "file": file, "line": null }),
            _ => Value::Null,
        };
        match error {
            ScopeError::Artefact(error) => error.into(),
            ScopeError::Repo(error) => error.into(),
            ScopeError::NoTarget => Self::of(ExitStatus::Usage, error),
            other => Self::of(ExitStatus::Undecided, other).with(facts),
        }
    }
}

impl From<LandError> for Failure {
    fn from(error: LandError) -> Self {
        match error {
            LandError::Git(error) => error.into(),
            LandError::Repo(error) => error.into(),
            LandError::Locked(_)
            | LandError::NoLock(_)
            | LandError::Journal { .. }
            | LandError::Forecast(_)
            | LandError::Io { .. } => Self::of(ExitStatus::Undecided, error),
            other => Self::of(ExitStatus::Blocked, other),
        }
    }
}

impl From<CreateError> for Failure {
    fn from(error: CreateError) -> Self {
        let status = match &error {
            CreateError::Place(error) if !error.is_usage() => ExitStatus::Undecided,
            CreateError::Place(_) | CreateError::Interpreter(_) => ExitStatus::Usage,
            _ => ExitStatus::Undecided,
        };
        Self::of(status, error)
    }
}

impl From<DriftError> for Failure {
    fn from(error: DriftError) -> Self {
        match error {
            DriftError::Create(error) => error.into(),
            other => Self::of(ExitStatus::Undecided, other),
        }
    }
}

impl From<UnknownLane> for Failure {
    fn from(error: UnknownLane) -> Self {
        Self::of(ExitStatus::Usage, error)
    }
}

impl From<HomeError> for Failure {
    fn from(error: HomeError) -> Self {
        match error {
            HomeError::Artefact(error) => error.into(),
            HomeError::Repo(error) => error.into(),
            HomeError::Git(error) => error.into(),
            other => Self::of(ExitStatus::Undecided, other),
        }
    }
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        Self::of(ExitStatus::Bug, error)
    }
}

impl From<IdTaken> for Failure {
    fn from(error: IdTaken) -> Self {
        let facts = json!({ "file": error.at.file, "line": error.at.line });
        Self::of(ExitStatus::Usage, error).with(facts)
    }
}

impl From<HandleError> for Failure {
    fn from(error: HandleError) -> Self {
        if let HandleError::Unusable(error) = error {
            return error.into();
        }
        let facts = json!({ "handle": error.handle(), "candidates": error.candidates() });
        Self::of(ExitStatus::Usage, error).with(facts)
    }
}

impl From<RepoError> for Failure {
    fn from(error: RepoError) -> Self {
        let status = match error {
            RepoError::Libgit(_) | RepoError::Unsupported { .. } | RepoError::Command(_) => {
                ExitStatus::Undecided
            }
            _ => ExitStatus::Usage,
        };
        Self::of(status, error)
    }
}

/// An artefact in shared hands; the diagnostic is passed through.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Shared(Arc<ArtefactError>);

impl Diagnostic for Shared {
    fn code(&self) -> Option<Box<dyn std::fmt::Display + '_>> {
        self.0.code()
    }
    fn help(&self) -> Option<Box<dyn std::fmt::Display + '_>> {
        self.0.help()
    }
    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.0.source_code()
    }
    fn labels(&self) -> Option<Box<dyn Iterator<Item = miette::LabeledSpan> + '_>> {
        self.0.labels()
    }
}

impl From<Arc<ArtefactError>> for Failure {
    fn from(error: Arc<ArtefactError>) -> Self {
        let (file, line) = error.place();
        let facts = json!({ "file": file, "line": line });
        let status = match *error {
            ArtefactError::Missing { .. } => ExitStatus::Blocked,
            _ => ExitStatus::Undecided,
        };
        Self::of(status, Shared(error)).with(facts)
    }
}

impl From<ArtefactError> for Failure {
    fn from(error: ArtefactError) -> Self {
        Arc::new(error).into()
    }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Artefact(error) => error.into(),
            other => Self::of(ExitStatus::Undecided, other),
        }
    }
}

impl From<LockError> for Failure {
    fn from(error: LockError) -> Self {
        Self::of(ExitStatus::Undecided, error)
    }
}

impl From<ApplyError> for Failure {
    fn from(error: ApplyError) -> Self {
        Self::of(ExitStatus::Undecided, error)
    }
}

impl From<CommitRefusal> for Failure {
    fn from(error: CommitRefusal) -> Self {
        match error {
            CommitRefusal::Repo(error) => error.into(),
            other => Self::of(ExitStatus::Blocked, other),
        }
    }
}

impl From<GitError> for Failure {
    fn from(error: GitError) -> Self {
        Self::of(ExitStatus::Undecided, error)
    }
}

/// A configuration file that is broken is a configuration error, whatever is wrong with it.
pub(crate) fn configuration(error: ArtefactError) -> Failure {
    Failure { status: ExitStatus::Usage, ..error.into() }
}
