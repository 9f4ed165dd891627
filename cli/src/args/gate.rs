//! Arguments of the commands that gate a step: `check` and `merge`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use clearance_engine::check::Stage;
use clearance_engine::id::WpId;
use clearance_engine::merge::scope::Strategy;

use super::rules::{RulesFrom, RulesQuestion};
use super::seconds;
use crate::completion::{missions, rules};

/// Run every check of a step.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The mission; without it, the one that the current branch or directory is about
    #[arg(long, value_name = "HANDLE", alias = "feature", add = missions())]
    pub(crate) mission: Option<String>,
    /// The step that is to be taken
    #[arg(long, value_name = "STAGE", default_value = "merge")]
    pub(crate) stage: StageArg,
    /// Run only this check or rule
    #[arg(long, value_name = "ID", add = rules())]
    pub(crate) rule: Option<String>,
    /// Show the value of each part of the rule's expressions, for one item: that named by --item, else the first that does
    /// not hold
    #[arg(long, requires = "rule")]
    pub(crate) trace: bool,
    /// Count only what was not found at this commit already: of rules about files, which can be compared
    #[arg(long, value_name = "REF", conflicts_with_all = ["trace", "fail_fast"])]
    pub(crate) baseline: Option<String>,
    /// The item to trace
    #[arg(long, value_name = "KEY", requires = "trace")]
    pub(crate) item: Option<String>,
    /// The message of the commit, for rules that look at it; with --stage commit. In a hook it is read as git will clean it up
    #[arg(long, value_name = "FILE")]
    pub(crate) message: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) merge: MergeQuestion,
}

/// Merge a mission, if it is cleared for that.
#[derive(Debug, Args)]
pub(crate) struct MergeArgs {
    /// The mission; without it, the one that the current branch or directory is about
    #[arg(long, value_name = "HANDLE", alias = "feature", add = missions())]
    pub(crate) mission: Option<String>,
    /// Change nothing: say whether it is cleared, and what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Merge only if the plan is still the one with this id, as --dry-run shows it
    #[arg(long, value_name = "ID", conflicts_with = "dry_run")]
    pub(crate) plan: Option<String>,
    /// Go on with a merge that was interrupted, as it was begun
    #[arg(long, conflicts_with_all = ["dry_run", "plan", "abort"])]
    pub(crate) resume: bool,
    /// Take back a merge that was interrupted, or that could not be pushed
    #[arg(long, conflicts_with_all = ["dry_run", "plan"])]
    pub(crate) abort: bool,
    /// Let a work package through that is not approved; it is recorded with the reason
    #[arg(long, value_name = "WPnn", requires = "reason", value_parser = work_package)]
    pub(crate) allow_unapproved: Vec<WpId>,
    /// Why it is let through
    #[arg(long, value_name = "WHY", requires = "allow_unapproved", value_parser = reason)]
    pub(crate) reason: Option<String>,
    /// How long to wait for another merge in this repository, and for the mission
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(crate) lock_timeout: Duration,
    /// As in the original: nothing is asked here anyway
    #[arg(long, short = 'y', hide = true)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) question: MergeQuestion,
    /// Keep the branches
    #[arg(long, overrides_with = "delete_branch")]
    pub(crate) keep_branch: bool,
    /// Delete the branches afterwards (the default)
    #[arg(long, overrides_with = "keep_branch")]
    pub(crate) delete_branch: bool,
    /// Keep the work trees
    #[arg(long, overrides_with = "remove_worktree")]
    pub(crate) keep_worktree: bool,
    /// Remove the work trees afterwards (the default)
    #[arg(long, overrides_with = "keep_worktree")]
    pub(crate) remove_worktree: bool,
}

fn work_package(text: &str) -> Result<WpId, String> {
    WpId::parse(text).map_err(|_| "a work package, such as WP02".to_owned())
}

fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() { Err("a reason in words".to_owned()) } else { Ok(text.to_owned()) }
}

/// What a merge is asked about.
#[derive(Debug, Args)]
pub(crate) struct MergeQuestion {
    /// How the mission branch gets onto the target [default: merge.strategy of .kittify/config.yaml, else squash]
    #[arg(long, value_name = "STRATEGY")]
    pub(crate) strategy: Option<StrategyArg>,
    /// The branch to merge into [default: meta.json, else the repository's default branch]
    #[arg(long, value_name = "BRANCH")]
    pub(crate) target: Option<String>,
    /// Push the target when it is merged; the remote must be reachable, and not ahead
    #[arg(long)]
    pub(crate) push: bool,
    /// Ask the remote where the target is; nothing is fetched
    #[arg(long)]
    pub(crate) fetch: bool,
    /// How long the remote may take to answer
    #[arg(long, value_name = "SECONDS", default_value = "15", value_parser = seconds)]
    pub(crate) remote_timeout: Duration,
    /// Stop at the first check that blocks or cannot look; the others are not run
    #[arg(long)]
    pub(crate) fail_fast: bool,
    #[command(flatten)]
    pub(crate) rules: RulesQuestion,
}

impl MergeQuestion {
    /// A merge into a branch, with the rules of a place.
    pub(crate) fn about(target: Option<String>, rules_from: Option<RulesFrom>) -> Self {
        Self {
            strategy: None,
            target,
            push: false,
            fetch: false,
            remote_timeout: Duration::from_secs(15),
            fail_fast: false,
            rules: RulesQuestion { rules_from, trust: Vec::new(), offline: false },
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StageArg {
    /// Marking tasks
    MarkStatus,
    /// A commit
    Commit,
    /// A merge
    Merge,
}

impl From<StageArg> for Stage {
    fn from(stage: StageArg) -> Self {
        match stage {
            StageArg::MarkStatus => Self::MarkStatus,
            StageArg::Commit => Self::Commit,
            StageArg::Merge => Self::Merge,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StrategyArg {
    /// A merge commit
    Merge,
    /// One commit with everything
    Squash,
    /// Commit by commit on top of the target
    Rebase,
}

impl From<StrategyArg> for Strategy {
    fn from(strategy: StrategyArg) -> Self {
        match strategy {
            StrategyArg::Merge => Self::Merge,
            StrategyArg::Squash => Self::Squash,
            StrategyArg::Rebase => Self::Rebase,
        }
    }
}
