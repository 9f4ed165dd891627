//! Why a merge was not made, or not taken to its end.

use std::io;
use std::path::{Path, PathBuf};

use super::journal::RefMove;
use crate::lock::LockError;
use crate::merge::forecast::ForecastError;
use crate::repo::{GitError, RepoError};
use crate::source::shell_quote;

/// Why a merge was not made, or not taken to its end.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum LandError {
    /// Another merge is at work.
    #[error("another merge is being made in this repository: {0}")]
    #[diagnostic(code(merge_locked), help("nothing was changed; run the command again when it is done"))]
    Locked(LockError),
    /// The lock of merges cannot be used.
    #[error(transparent)]
    #[diagnostic(transparent)]
    NoLock(LockError),
    /// It is another merge than the one that was shown.
    #[error("the repository changed: the plan is {now} now, and not {shown}")]
    #[diagnostic(
        code(plan_changed),
        help("nothing was changed; look at the new plan with --dry-run, and run the merge with its id")
    )]
    PlanChanged {
        /// The plan that was shown.
        shown: String,
        /// The plan as it would be now.
        now: String,
    },
    /// git is at work in a work tree.
    #[error("{} is there: another git command is at work in the work tree", lock.display())]
    #[diagnostic(
        code(index_locked),
        help("nothing was changed; run the command again when it is done. If it died: rm {}", quoted(lock))
    )]
    IndexLocked {
        /// The lock.
        lock: PathBuf,
    },
    /// A work tree does not let itself be updated.
    #[error("the files of {} could not be brought to the merge: {message}", root.display())]
    #[diagnostic(
        code(work_tree_refused),
        help("nothing was changed; commit or move away what is in the way")
    )]
    WorkTree {
        /// Its top.
        root: PathBuf,
        /// What git says.
        message: String,
    },
    /// A branch is not where it was.
    #[error("{branch} moved while the merge was made: {message}")]
    #[diagnostic(code(branch_moved), help("nothing was changed; run the command again"))]
    Moved {
        /// The branch.
        branch: String,
        /// What git says.
        message: String,
    },
    /// A merge that is to be taken back is not the last thing that happened to a branch.
    #[error("the merge of {mission} cannot be taken back: {} is not at it any more ({})", moved.branch, moved.new)]
    #[diagnostic(
        code(branch_moved),
        help(
            "nothing was changed. What came since: git log {}..{}. Move that to another branch and run `clearance merge --abort` again; or push it all: clearance merge --resume",
            moved.new, quoted(Path::new(&moved.branch))
        )
    )]
    GoneOn {
        /// The mission.
        mission: String,
        /// The branch, and where the merge left it.
        moved: RefMove,
    },
    /// A hook said no.
    #[error("the hook {hook} refused the merge: {message}")]
    #[diagnostic(code(hook_refused), help("nothing was changed"))]
    Hook {
        /// Its name.
        hook: String,
        /// The last lines of what it said.
        message: String,
    },
    /// A commit could not be made.
    #[error("the commit could not be made: {message}")]
    #[diagnostic(
        code(commit_failed),
        help("nothing was changed; where commits are signed, see whether `git commit -S` works here")
    )]
    Commit {
        /// What git says.
        message: String,
    },
    /// After a crash something is as nobody left it.
    #[error("a merge that was interrupted cannot be taken back: {} is neither as it was nor as the merge has it", path.display())]
    #[diagnostic(
        code(recovery_blocked),
        help(
            "nothing was changed. Somebody wrote it after the interruption: keep it elsewhere (cp {0} {0}.mine), put it back with `git checkout-index --force -- FILE`, and run `clearance merge --resume`",
            quoted(path)
        )
    )]
    Edited {
        /// The file.
        path: PathBuf,
    },
    /// After a crash a branch is where nobody left it.
    #[error(
        "a merge of {mission} was interrupted, and {branch} is neither where it was ({old}) nor at the merge ({new}) now"
    )]
    #[diagnostic(
        code(recovery_blocked),
        help(
            "nothing was changed. If it belongs where it is: git update-ref -m 'Before the merge' {} {old}, then `clearance merge --abort`; what it has now stays in its reflog",
            shell_quote(&format!("refs/heads/{branch}"))
        )
    )]
    Astray {
        /// The mission.
        mission: String,
        /// The branch.
        branch: String,
        /// Where it was.
        old: String,
        /// Where the merge would have it.
        new: String,
    },
    /// What an interrupted merge set out to do cannot be read.
    #[error("a merge was interrupted, and its journal cannot be read: {}: {message}", directory.join("journal.json").display())]
    #[diagnostic(
        code(recovery_blocked),
        help(
            "nothing was changed. A newer version of clearance may have written it: finish the merge with that one. Else see that the branches are where they belong (git log -g) and that `git status` is well in every work tree, then forget it: rm -r {}",
            quoted(directory)
        )
    )]
    Journal {
        /// The directory of the landing.
        directory: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A lock that may be somebody's.
    #[error("{} is there, and it is not certain that nobody holds it", lock.display())]
    #[diagnostic(
        code(ref_locked),
        help("if no git command is at work: rm {}, then run the command again", quoted(lock))
    )]
    RefLocked {
        /// The lock.
        lock: PathBuf,
    },
    /// The system refused.
    #[error("{}: {source}", path.display())]
    #[diagnostic(
        code(merge_failed),
        help("run the command again when that is mended: it goes on where it was")
    )]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// The merge could not be computed.
    #[error(transparent)]
    #[diagnostic(code(merge_failed))]
    Forecast(#[from] ForecastError),
    /// git failed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Git(#[from] GitError),
    /// git cannot tell.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Repo(#[from] RepoError),
}

impl From<LockError> for LandError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Held { .. } => Self::Locked(error),
            LockError::Io { .. } => Self::NoLock(error),
        }
    }
}

impl LandError {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}

fn quoted(path: &Path) -> String {
    shell_quote(&path.to_string_lossy())
}
