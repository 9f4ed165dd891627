//! Commits of the files that one call wrote, and of nothing else.

use super::{Git, GitError, Head, Repo, RepoError};
use crate::source::shell_quote;

/// Branches that nobody commits to by accident, besides the remote's default branch.
const PROTECTED: [&str; 2] = ["main", "master"];

/// Why a commit cannot be made here. Said before anything is written.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum CommitRefusal {
    /// The branch is protected.
    #[error(
        "`{branch}` is a protected branch: nothing is committed to it automatically, and nothing was written"
    )]
    #[diagnostic(
        code(protected_branch),
        help("work on the mission's branch, or write without a commit: --no-auto-commit")
    )]
    Protected {
        /// The branch.
        branch: String,
    },
    /// `HEAD` is no branch.
    #[error("HEAD is detached: a commit made here would be lost, so nothing was written")]
    #[diagnostic(code(detached_head), help("git switch BRANCH, or write without a commit: --no-auto-commit"))]
    Detached,
    /// git is in the middle of something.
    #[error("a {operation} is in progress: git cannot commit single files now, so nothing was written")]
    #[diagnostic(
        code(operation_in_progress),
        help(
            "finish it (git {operation} --continue) or stop it (git {operation} --abort), or give --no-auto-commit"
        )
    )]
    UnderWay {
        /// Which operation.
        operation: &'static str,
    },
    /// git cannot tell.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Repo(#[from] RepoError),
}

/// The branch that a commit would go to.
///
/// # Errors
/// [`CommitRefusal`].
pub fn may_commit(repo: &Repo, allow_protected: bool) -> Result<String, CommitRefusal> {
    let Head::Branch(branch) = repo.view().head()? else { return Err(CommitRefusal::Detached) };
    if let Some(operation) = repo.view().operation_under_way()? {
        return Err(CommitRefusal::UnderWay { operation });
    }
    let protected = PROTECTED.contains(&branch.as_str())
        || repo.view().remote_default_branch()?.as_deref() == Some(&*branch);
    if protected && !allow_protected { Err(CommitRefusal::Protected { branch }) } else { Ok(branch) }
}

/// Commits `files` (paths relative to the work tree) as they are on disk. What else is staged stays staged.
/// Gives the new commit's full hash; `None` when the files are as committed already.
///
/// # Errors
/// [`GitError`], a hook's refusal included; files that were not known to git are then untracked again.
pub fn commit_files(repo: &Repo, files: &[String], message: &str) -> Result<Option<String>, GitError> {
    let git = Git::new(repo.root());
    let with_files = |arguments: &[&str]| -> Vec<String> {
        let literal = files.iter().map(|file| format!(":(top,literal){file}"));
        arguments.iter().map(|word| (*word).to_owned()).chain(["--".to_owned()]).chain(literal).collect()
    };
    if git.run(&with_files(&["status", "--porcelain", "--ignored", "--untracked-files=all"]))?.is_empty() {
        return Ok(None);
    }
    // A file that git does not know yet must be added before it can be committed by name.
    let unknown = git.run(&with_files(&["ls-files", "-z", "--others"]))?;
    let unknown: Vec<&str> = unknown.split_terminator('\0').collect();
    if !unknown.is_empty() {
        git.run(&[&["add", "--intent-to-add", "--"], unknown.as_slice()].concat())?;
    }
    let committed = git.run(&with_files(&["commit", "--quiet", "--message", message, "--only"]));
    if let Err(error) = committed {
        if !unknown.is_empty() {
            git.run(&[&["rm", "--cached", "--quiet", "--"], unknown.as_slice()].concat())?;
        }
        return Err(error);
    }
    git.run(&["rev-parse", "HEAD"]).map(Some)
}

/// The command that does by hand what [`commit_files`] could not.
#[must_use]
pub fn by_hand(files: &[String], message: &str) -> String {
    let files = files.iter().map(|file| shell_quote(file)).collect::<Vec<_>>().join(" ");
    format!("git add -- {files} && git commit --only -m {} -- {files}", shell_quote(message))
}
