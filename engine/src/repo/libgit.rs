//! The questions of [`RepoView`], answered in process by libgit2.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use git2::{ErrorClass, ErrorCode, Repository, RepositoryState};

use super::{Found, Head, RepoError, RepoView};

struct LibGit(Mutex<Repository>);

impl std::fmt::Debug for LibGit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LibGit")
    }
}

pub(super) fn discover(from: &Path) -> Result<Found, RepoError> {
    let here = Repository::discover(from).map_err(|error| translate(from, &error))?;
    let bare = || RepoError::Bare { path: here.path().to_owned() };
    let caller_root = resolved(here.workdir().ok_or_else(bare)?);
    let common_dir = resolved(here.commondir());
    let caller_branch = branch_of(&here);
    let main = if here.is_worktree() { Repository::open(&common_dir).ok() } else { None };
    // A worktree of a bare repository is its own home: there is no main one.
    let main_root = main.as_ref().and_then(Repository::workdir).map(resolved);
    let (root, repository) = match (main_root, main) {
        (Some(root), Some(main)) => (root, main),
        _ => (caller_root.clone(), here),
    };
    Ok(Found { root, common_dir, caller_root, caller_branch, view: Box::new(LibGit(Mutex::new(repository))) })
}

impl LibGit {
    fn ask<T>(&self, question: impl FnOnce(&Repository) -> Result<T, git2::Error>) -> Result<T, RepoError> {
        let repository = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        question(&repository).map_err(|error| RepoError::Libgit(error.message().to_owned()))
    }
}

impl RepoView for LibGit {
    fn head(&self) -> Result<Head, RepoError> {
        self.ask(|repository| Ok(branch_of(repository).map_or(Head::Detached, Head::Branch)))
    }

    fn remote_default_branch(&self) -> Result<Option<String>, RepoError> {
        self.ask(|repository| match repository.find_reference("refs/remotes/origin/HEAD") {
            Ok(head) => Ok(head
                .symbolic_target()
                .ok()
                .flatten()
                .and_then(|target| target.strip_prefix("refs/remotes/origin/").map(str::to_owned))),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error),
        })
    }

    fn operation_under_way(&self) -> Result<Option<&'static str>, RepoError> {
        self.ask(|repository| {
            Ok(match repository.state() {
                RepositoryState::Clean => None,
                RepositoryState::Merge => Some("merge"),
                RepositoryState::Revert | RepositoryState::RevertSequence => Some("revert"),
                RepositoryState::CherryPick | RepositoryState::CherryPickSequence => Some("cherry-pick"),
                RepositoryState::Bisect => Some("bisect"),
                RepositoryState::Rebase
                | RepositoryState::RebaseInteractive
                | RepositoryState::RebaseMerge => Some("rebase"),
                RepositoryState::ApplyMailbox | RepositoryState::ApplyMailboxOrRebase => Some("am"),
            })
        })
    }
}

/// The branch `HEAD` names, also before its first commit.
fn branch_of(repository: &Repository) -> Option<String> {
    let head = repository.find_reference("HEAD").ok()?;
    let target = head.symbolic_target().ok().flatten()?;
    target.strip_prefix("refs/heads/").map(str::to_owned)
}

fn resolved(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn translate(from: &Path, error: &git2::Error) -> RepoError {
    match (error.code(), error.class()) {
        (ErrorCode::NotFound, _) => RepoError::NotFound { path: from.to_owned() },
        (ErrorCode::Owner, _) => RepoError::Untrusted { path: from.to_owned() },
        (_, ErrorClass::Repository) if error.message().contains("unsupported extension") => {
            RepoError::Unsupported { reason: error.message().to_owned() }
        }
        _ => RepoError::Libgit(error.message().to_owned()),
    }
}
