//! Commits of the files that one call wrote, and of nothing else.

use std::path::Path;
use std::time::Duration;

use super::{Git, GitError, Head, Repo, RepoError};
use crate::lock;
use crate::source::shell_quote;

/// Branches that nobody commits to by accident, besides the default branches of remotes.
const PROTECTED: [&str; 2] = ["main", "master"];

/// How long a commit waits for other commits of this tool in the same repository.
const COMMIT_DEADLINE: Duration = Duration::from_secs(30);

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
        help("{}; or write without a commit: --no-auto-commit", way_out(operation))
    )]
    UnderWay {
        /// Which operation.
        operation: &'static str,
    },
    /// git ignores the file.
    #[error("{file} is ignored by git, so it cannot be committed, and nothing was written")]
    #[diagnostic(
        code(ignored_file),
        help(
            "see which rule says so: git check-ignore -v {}; or write without a commit: --no-auto-commit",
            shell_quote(file)
        )
    )]
    Ignored {
        /// The file.
        file: String,
    },
    /// git cannot tell.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Repo(#[from] RepoError),
}

fn way_out(operation: &str) -> String {
    match operation {
        "bisect" => "end it: git bisect reset".to_owned(),
        other => format!("finish it (git {other} --continue) or stop it (git {other} --abort)"),
    }
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
    let protected =
        PROTECTED.contains(&branch.as_str()) || repo.view().remote_default_branches()?.contains(&branch);
    if protected && !allow_protected { Err(CommitRefusal::Protected { branch }) } else { Ok(branch) }
}

/// Makes sure that git does not ignore the files (paths relative to the work tree) that are to be committed.
///
/// # Errors
/// [`CommitRefusal::Ignored`].
pub fn may_commit_files(repo: &Repo, files: &[String]) -> Result<(), CommitRefusal> {
    let git = Git::new(repo.root());
    // git answers with exit code 1 when it does not ignore the file; one that it tracks is never ignored. This
    // command takes names, and refuses to be told so.
    let ask =
        |file: &&String| git.run(&["--no-literal-pathspecs", "check-ignore", "--quiet", "--", file]).is_ok();
    let ignored = files.iter().find(ask);
    ignored.map_or(Ok(()), |file| Err(CommitRefusal::Ignored { file: file.clone() }))
}

/// Commits `files` (paths relative to the work tree) as they are on disk. What else is staged stays staged.
/// Gives the new commit's full hash; `None` when the files are as committed already.
///
/// # Errors
/// [`GitError`], a hook's refusal included; files that were not known to git are then unknown to it again.
pub fn commit_files(repo: &Repo, files: &[String], message: &str) -> Result<Option<String>, GitError> {
    // Missions have locks of their own; the index is one for all of them.
    let _lock =
        lock::FileLock::acquire(&repo.common_dir().join("clearance").join("commit.lock"), COMMIT_DEADLINE)
            .map_err(|error| GitError::Failed { command: "commit".to_owned(), message: error.to_string() })?;
    if files.iter().all(|file| is_committed(repo, file)) {
        return Ok(None);
    }
    let git = Git::new(repo.root());
    let with_files = |arguments: &[&'static str]| -> Vec<&str> {
        let words = arguments.iter().copied();
        words.chain(["--"]).chain(files.iter().map(String::as_str)).collect()
    };
    // A file that git does not know yet must be added before it can be committed by name.
    let unknown = git.run(&with_files(&["ls-files", "-z", "--others"]))?;
    let unknown: Vec<&str> = unknown.split_terminator('\0').collect();
    if !unknown.is_empty() {
        git.run(&[&["add", "--intent-to-add", "--"], unknown.as_slice()].concat())?;
    }
    let committed = patiently(|| {
        git.run(&[&["commit", "--quiet", "--message", message], with_files(&["--only"]).as_slice()].concat())
    });
    if let Err(error) = committed {
        if !unknown.is_empty() {
            git.run(&[&["rm", "--cached", "--quiet", "--"], unknown.as_slice()].concat())?;
        }
        return Err(error);
    }
    git.run(&["rev-parse", "HEAD"]).map(Some)
}

/// Whether the last commit has a file exactly as it is on disk. Content is compared: `git status` can be told not to
/// look (skip-worktree, assume-unchanged).
#[must_use]
pub fn is_committed(repo: &Repo, file: &str) -> bool {
    let git = Git::new(repo.root());
    let committed = git.run(&["rev-parse", "--verify", "--quiet", &format!("HEAD:{file}")]);
    let on_disk = git.run(&["hash-object", "--", file]);
    matches!((committed, on_disk), (Ok(committed), Ok(on_disk)) if committed == on_disk)
}

/// Tries again while another program holds git's index for a moment.
fn patiently(attempt: impl Fn() -> Result<String, GitError>) -> Result<String, GitError> {
    const ATTEMPTS: u32 = 8;
    let busy = |error: &GitError| matches!(error, GitError::Failed { message, .. } if message.contains("index.lock"));
    for nth in 1..ATTEMPTS {
        match attempt() {
            Err(error) if busy(&error) => std::thread::sleep(Duration::from_millis(20) * nth),
            other => return other,
        }
    }
    attempt()
}

/// The command that does by hand what [`commit_files`] could not, wherever it is pasted.
#[must_use]
pub fn by_hand(root: &Path, files: &[String], message: &str) -> String {
    let files = files.iter().map(|file| shell_quote(file)).collect::<Vec<_>>().join(" ");
    let git = format!("git -C {}", shell_quote(&root.to_string_lossy()));
    format!("{git} add -- {files} && {git} commit --only -m {} -- {files}", shell_quote(message))
}
