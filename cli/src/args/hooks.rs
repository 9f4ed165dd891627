//! Arguments of `clearance hooks`.

use std::ffi::OsString;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub(crate) enum HooksCommand {
    /// Have git ask before merges, commits and pushes. A hook that is there is never overwritten
    Install(HooksArgs),
    /// Say which hooks are there, and whose they are
    List,
    /// Remove the hooks that `install` wrote, and no others
    Uninstall(HooksArgs),
    /// Ask what a hook asks; the files that `install` writes do nothing else
    Run(HooksRunArgs),
}

#[derive(Debug, Args)]
pub(crate) struct HooksArgs {
    /// Only this hook. Repeatable [default: all of them]
    #[arg(long, value_name = "NAME")]
    pub(crate) hook: Vec<HookName>,
}

#[derive(Debug, Args)]
pub(crate) struct HooksRunArgs {
    /// Which hook this is
    #[arg(value_name = "NAME")]
    pub(crate) hook: HookName,
    /// What git gives it: the file of the message; the name and the address of the remote
    #[arg(value_name = "ARGS", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) arguments: Vec<OsString>,
}

/// A hook of git that can be installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum HookName {
    /// Before a merge without conflicts is committed
    PreMergeCommit,
    /// Before a commit, with its message
    CommitMsg,
    /// Before commits go to a remote
    PrePush,
}

impl HookName {
    /// All of them, in the order that git comes to them.
    pub(crate) const ALL: [Self; 3] = [Self::PreMergeCommit, Self::CommitMsg, Self::PrePush];

    /// As git calls it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::PreMergeCommit => "pre-merge-commit",
            Self::CommitMsg => "commit-msg",
            Self::PrePush => "pre-push",
        }
    }

    /// The git command that passes over it.
    pub(crate) fn without(self) -> &'static str {
        match self {
            Self::PreMergeCommit => "git merge --no-verify",
            Self::CommitMsg => "git commit --no-verify",
            Self::PrePush => "git push --no-verify",
        }
    }
}
