//! What a command did, whole, in a form that reporters print and machines read.

pub mod landing;
pub mod preflight;
pub mod step;

use std::path::PathBuf;

use serde::Serialize;

use crate::id::TaskId;
use crate::strategy::{Format, Place, StrategyMeta, TaskState};

/// What became of one requested ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It has the wanted state now, and that is on disk.
    Updated,
    /// It had the wanted state, on disk.
    AlreadySatisfied,
    /// No strategy knows it.
    NotFound,
    /// It was recognised, and nothing could be recorded.
    Rejected,
}

/// The account of one requested ID.
#[derive(Debug, Clone)]
pub struct ItemResult {
    /// The ID.
    pub id: TaskId,
    /// What became of it.
    pub outcome: Outcome,
    /// The strategy that recognised it.
    pub strategy: Option<&'static StrategyMeta>,
    /// One sentence or two.
    pub message: String,
    /// What to do next, where there is something.
    pub help: Option<String>,
    /// Where it was recognised.
    pub places: Vec<Place>,
    /// Work packages that own it, where that was asked.
    pub owners: Vec<String>,
}

impl ItemResult {
    /// A result without details.
    #[must_use]
    pub fn new(id: &TaskId, outcome: Outcome, message: String) -> Self {
        let id = id.clone();
        Self { id, outcome, strategy: None, message, help: None, places: Vec::new(), owners: Vec::new() }
    }

    /// Names the strategy.
    #[must_use]
    pub fn by(self, strategy: &'static StrategyMeta) -> Self {
        Self { strategy: Some(strategy), ..self }
    }

    /// Names the places.
    #[must_use]
    pub fn at(self, places: Vec<Place>) -> Self {
        Self { places, ..self }
    }

    /// Names the owners.
    #[must_use]
    pub fn owned_by(self, owners: Vec<String>) -> Self {
        Self { owners, ..self }
    }

    /// Says what to do next.
    #[must_use]
    pub fn help(self, help: String) -> Self {
        Self { help: Some(help), ..self }
    }

    /// Whether the state asked for is on disk.
    #[must_use]
    pub fn is_resolved(&self) -> bool {
        matches!(self.outcome, Outcome::Updated | Outcome::AlreadySatisfied)
    }

    fn format(&self) -> Option<Format> {
        self.strategy.and_then(|strategy| strategy.format)
    }
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Write {
    /// As it is named in the repository.
    pub file: String,
    /// How.
    pub kind: WriteKind,
    /// Where it really is, links followed.
    #[serde(skip)]
    pub path: PathBuf,
}

/// How a file was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteKind {
    /// Replaced whole.
    Replaced,
    /// Appended to.
    Appended,
}

/// What became of the commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum CommitAccount {
    /// None was asked for.
    Off,
    /// Nothing was written, so there was nothing to commit.
    Nothing,
    /// A dry run: this would be made.
    Planned {
        /// The branch it would be on.
        branch: String,
        /// The first line of its message.
        subject: String,
    },
    /// What was written was committed before, or is the same as the last commit.
    Unchanged,
    /// Made.
    Created {
        /// Its full hash.
        sha: String,
        /// The branch it is on.
        branch: String,
        /// The first line of its message.
        subject: String,
    },
    /// Refused by git or by a hook. The files are written.
    Failed {
        /// What git said.
        message: String,
        /// The command that does it by hand.
        remediation: String,
    },
}

/// The whole account of a `mark-status` call, schema `clearance.mark-status/v1`.
#[derive(Debug, Clone)]
pub struct MarkReport {
    /// The mission's directory name.
    pub mission: String,
    /// The state asked for.
    pub wanted: TaskState,
    /// Nothing was written, on request.
    pub dry_run: bool,
    /// One a requested ID.
    pub results: Vec<ItemResult>,
    /// What was (or would be) written.
    pub writes: Vec<Write>,
    /// IDs of the events that were (or would be) appended.
    pub event_ids: Vec<String>,
    /// The change as a unified diff.
    pub diff: String,
    /// What became of the commit.
    pub commit: CommitAccount,
    /// Things worth knowing that are no faults of the call.
    pub warnings: Vec<String>,
}

/// The names under which a report can be told apart from others.
pub const MARK_SCHEMA: &str = "clearance.mark-status/v1";

#[derive(Serialize)]
struct ContractItem<'a> {
    id: &'a str,
    outcome: Outcome,
    format: Option<Format>,
    message: String,
}

#[derive(Serialize)]
struct ContractSummary {
    updated: usize,
    already_satisfied: usize,
    not_found: usize,
}

#[derive(Serialize)]
struct Contract<'a> {
    results: Vec<ContractItem<'a>>,
    summary: ContractSummary,
}

impl MarkReport {
    /// How many results have this outcome.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> usize {
        self.results.iter().filter(|result| result.outcome == outcome).count()
    }

    /// The version 1 contract of `mark-status --json`: these keys, and no others.
    #[must_use]
    pub fn contract(&self) -> String {
        let results = self.results.iter().map(|result| ContractItem {
            id: result.id.as_str(),
            // The contract has three outcomes: what was refused was, for its readers, not found.
            outcome: if result.outcome == Outcome::Rejected { Outcome::NotFound } else { result.outcome },
            format: result.format(),
            message: match &result.help {
                Some(help) => format!("{} {help}", result.message),
                None => result.message.clone(),
            },
        });
        let summary = ContractSummary {
            updated: self.count(Outcome::Updated),
            already_satisfied: self.count(Outcome::AlreadySatisfied),
            not_found: self.count(Outcome::NotFound) + self.count(Outcome::Rejected),
        };
        serde_json::to_string(&Contract { results: results.collect(), summary })
            .unwrap_or_else(|error| unreachable!("strings and numbers are JSON: {error}"))
    }

    /// The rich account, schema [`MARK_SCHEMA`].
    #[must_use]
    pub fn account(&self, exit_code: u8) -> serde_json::Value {
        let results = self.results.iter().map(|result| {
            serde_json::json!({
                "id": result.id.as_str(),
                "outcome": result.outcome,
                "strategy": result.strategy.map(|strategy| strategy.id),
                "format": result.format(),
                "message": result.message,
                "help": result.help,
                "places": result.places.iter().map(|place| serde_json::json!({"file": place.file, "line": place.line})).collect::<Vec<_>>(),
                "work_packages": result.owners,
            })
        });
        serde_json::json!({
            "schema": MARK_SCHEMA,
            "command": "mark-status",
            "exit_code": exit_code,
            "mission": self.mission,
            "status": self.wanted,
            "dry_run": self.dry_run,
            "results": results.collect::<Vec<_>>(),
            "summary": {
                "updated": self.count(Outcome::Updated),
                "already_satisfied": self.count(Outcome::AlreadySatisfied),
                "not_found": self.count(Outcome::NotFound),
                "rejected": self.count(Outcome::Rejected),
            },
            "writes": self.writes,
            "event_ids": self.event_ids,
            "diff": self.diff,
            "commit": self.commit,
            "warnings": self.warnings,
        })
    }
}
