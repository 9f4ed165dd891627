//! What rules look at besides the document: files, programs, servers. In the tests of a rule, something else answers.

use std::time::Duration;

use clearance_engine::item::Unanswered;
use clearance_nested_env::drift::{Played, Scenario};

use super::data;
use super::expression::{EvaluationError, Value};

/// Why something is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unknown {
    /// It is known once a fault is mended that this check reports.
    Waits(&'static str),
    /// It could not be told.
    Unanswered(Unanswered),
}

impl From<Unanswered> for Unknown {
    fn from(why: Unanswered) -> Self {
        Self::Unanswered(why)
    }
}

impl From<EvaluationError> for Unknown {
    fn from(error: EvaluationError) -> Self {
        Unanswered::new(error.to_string()).into()
    }
}

/// A file, with the lines that are looked at; of one that is no text nothing is required.
pub use clearance_engine::repo::gated::FileLines as SeenFile;

/// Which lines of which files are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Lines {
    /// Those that the step would add.
    Added,
    /// All of the files that it would change.
    ChangedFiles,
    /// All of all files.
    All,
}

/// Where a program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Directory {
    /// A checkout of what is gated, thrown away afterwards.
    #[default]
    Head,
    /// A checkout of the target, thrown away afterwards.
    Base,
    /// The repository itself.
    Repo,
}

impl Directory {
    /// As rules write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Base => "base",
            Self::Repo => "repo",
        }
    }
}

/// A program to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Where.
    pub directory: Directory,
    /// Variables of the environment that it is given besides the usual ones.
    pub env: Vec<String>,
    /// How long it may run.
    pub timeout: Duration,
}

pub use clearance_engine::process::Ended;

/// A contract-drift scenario to play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriftCall {
    /// What is installed and tested.
    pub scenario: Scenario,
    /// Where.
    pub directory: Directory,
    /// Variables of the environment that tools and tests are given besides the usual ones.
    pub env: Vec<String>,
    /// How long all of it may take.
    pub timeout: Duration,
}

/// A question to a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The address.
    pub url: String,
    /// The variable of the environment that has the token.
    pub token_env: Option<String>,
    /// How long it may take, with everything.
    pub timeout: Duration,
    /// How often it is asked again.
    pub retries: u32,
    /// The statuses that are an answer.
    pub expect_status: Vec<u16>,
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// What rules look at besides the document.
pub trait World: Sync {
    /// The files whose paths are wanted, with the lines that are looked at.
    ///
    /// # Errors
    /// Why they cannot be read.
    fn lines(&self, which: Lines, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<SeenFile>, Unknown>;

    /// A file of what is gated; `None` where there is none.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn file(&self, path: &str) -> Result<Option<String>, Unknown>;

    /// A file that an item points at, to show a line of it.
    fn shown(&self, path: &str) -> Option<String> {
        self.file(path).ok().flatten()
    }

    /// A file of what is gated, as a value, for the name that a rule has for it; `None` where there is none.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn data(&self, _name: &str, path: &str) -> Result<Option<Value>, Unknown> {
        Ok(self.file(path)?.map(|text| data::parse(path, &text)).transpose()?)
    }

    /// Runs a program.
    ///
    /// # Errors
    /// Why it did not run to its end.
    fn run(&self, call: &Call) -> Result<Ended, Unknown>;

    /// Plays a contract-drift scenario.
    ///
    /// # Errors
    /// Why it has no outcome.
    fn drift(&self, call: &DriftCall) -> Result<Played, Unknown>;

    /// Asks a server.
    ///
    /// # Errors
    /// Why it did not answer.
    fn ask(&self, request: &Request) -> Result<Reply, Unknown>;
}
