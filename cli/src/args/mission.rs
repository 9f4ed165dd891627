//! Arguments of the commands that show a mission or write in it: `mark-status`, `move` and `status`.

use std::path::PathBuf;
use std::time::Duration;

use crate::completion::missions;
use clap::{Args, ValueEnum};
use clearance_engine::strategy::TaskState;

use super::seconds;

/// What every command takes that writes in a mission.
#[derive(Debug, Args)]
pub(crate) struct WriteArgs {
    /// The mission: directory name, id, first 8 characters of it, name without number, or number. Without it, the
    /// one that the current branch or directory is about
    #[arg(long, value_name = "HANDLE", alias = "feature", add = missions())]
    pub(crate) mission: Option<String>,
    /// Show what would change, as a diff, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Commit the files this call writes, and no others [default: agents.auto_commit of .kittify/config.yaml]
    #[arg(long, overrides_with = "no_auto_commit")]
    pub(crate) auto_commit: bool,
    /// Do not commit
    #[arg(long, overrides_with = "auto_commit")]
    pub(crate) no_auto_commit: bool,
    /// How long to wait for another process that writes the mission
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) lock_timeout: Duration,
}

/// Mark tasks as done or pending.
#[derive(Debug, Args)]
pub(crate) struct MarkStatusArgs {
    /// Tasks: T001, lists (T001,T002), ranges (T001-T005), with a mission before them if you like (SLUG:T001)
    #[arg(required = true, value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// The state they get
    #[arg(long, value_name = "STATE")]
    pub(crate) status: StateArg,
    /// Exit with 1 unless every task was found
    #[arg(long)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) write: WriteArgs,
}

impl WriteArgs {
    /// What the command line says about committing; `None` when it says nothing.
    pub(crate) fn commit(&self) -> Option<bool> {
        match (self.auto_commit, self.no_auto_commit) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        }
    }
}

/// Move a work package to another lane.
#[derive(Debug, Args)]
pub(crate) struct MoveArgs {
    /// The work package, with a mission before it if you like: WP01, SLUG:WP01
    #[arg(value_name = "WPnn")]
    pub(crate) work_package: String,
    /// planned, claimed, in_progress (or doing), for_review, in_review, approved, done, blocked, canceled
    #[arg(long, value_name = "LANE")]
    pub(crate) to: String,
    /// Who moves it [default: git's user.name]
    #[arg(long, value_name = "NAME", alias = "agent")]
    pub(crate) actor: Option<String>,
    /// Why
    #[arg(long, value_name = "WHY", alias = "note", alias = "done-override-reason")]
    pub(crate) reason: Option<String>,
    /// Who reviewed. Never guessed
    #[arg(long, value_name = "NAME")]
    pub(crate) reviewer: Option<String>,
    /// Where the approval can be read: a pull request, a commit, a file
    #[arg(long, value_name = "REFERENCE", alias = "approval-ref")]
    pub(crate) evidence: Option<String>,
    /// What the review said; follows from the lane where it must
    #[arg(long, value_name = "VERDICT", value_parser = ["approved", "changes_requested"])]
    pub(crate) verdict: Option<String>,
    /// Where a review that asks for changes can be read
    #[arg(long, value_name = "REFERENCE")]
    pub(crate) review_ref: Option<String>,
    /// The file with the reviewer's words; serves as --review-ref too
    #[arg(long, value_name = "FILE", alias = "review-feedback-file")]
    pub(crate) feedback: Option<PathBuf>,
    /// Pass over the rules. Needs --actor and --reason
    #[arg(long)]
    pub(crate) force: bool,
    /// Note who is to do the work
    #[arg(long, value_name = "NAME")]
    pub(crate) assignee: Option<String>,
    /// Note the process that does the work
    #[arg(long, value_name = "PID")]
    pub(crate) shell_pid: Option<u32>,
    /// Note the model that does the work
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// Note the agent profile that does the work
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Note a ticket elsewhere, such as '#1298'. Repeatable
    #[arg(long, value_name = "REFERENCE")]
    pub(crate) tracker_ref: Vec<String>,
    #[command(flatten)]
    pub(crate) write: WriteArgs,
}

/// Show where the work packages are.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// The mission; without it, the one that the current branch or directory is about, else all of them
    #[arg(long, value_name = "HANDLE", alias = "feature", add = missions())]
    pub(crate) mission: Option<String>,
    /// Every mission, a line each, the last active first
    #[arg(long, conflicts_with = "mission")]
    pub(crate) all: bool,
    /// Show it again whenever it changes, looking every few SECONDS
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "1", require_equals = true,
        value_parser = watching, conflicts_with_all = ["materialize", "recover"])]
    pub(crate) watch: Option<Duration>,
    /// Write status.json anew where it is not what the log adds up to
    #[arg(long, conflicts_with = "recover")]
    pub(crate) materialize: bool,
    /// Set a half-written last line of the log aside, in a file beside it
    #[arg(long)]
    pub(crate) recover: bool,
    /// How long to wait for another process that writes the mission
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) lock_timeout: Duration,
}

/// Looking without a pause would keep a processor busy.
fn watching(text: &str) -> Result<Duration, String> {
    const SHORTEST: Duration = Duration::from_millis(50);
    seconds(text).map(|every| every.max(SHORTEST))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateArg {
    /// Finished
    Done,
    /// Not finished
    Pending,
}

impl From<StateArg> for TaskState {
    fn from(state: StateArg) -> Self {
        match state {
            StateArg::Done => Self::Done,
            StateArg::Pending => Self::Pending,
        }
    }
}
