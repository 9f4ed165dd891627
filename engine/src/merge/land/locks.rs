//! Locks of git: those that children of a landing left behind when they were killed, and the lock of the landing itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::LandError;
use super::journal::{Journal, RefMove};
use super::work_tree::git_file;
use crate::lock::{FileLock, held_by};
use crate::repo::Repo;

/// Takes the lock of landings. Children of this process hold it too, as long as they live: it is free when nobody writes
/// any more, however this process ended.
pub(super) fn take(repo: &Repo, deadline: Duration) -> Result<FileLock, LandError> {
    let path = place(repo);
    let lock = FileLock::acquire(&path, deadline)?;
    lock.sign();
    Ok(lock)
}

fn place(repo: &Repo) -> PathBuf {
    repo.common_dir().join("clearance").join("land.lock")
}

/// The process that makes a merge in the repository right now.
#[must_use]
pub fn at_work_now(repo: &Repo) -> Option<String> {
    held_by(&place(repo))
}

/// Removes locks of references that were left behind by children of a landing. The lock of landings is held, so none of
/// them lives; a lock that is older than the landing, or that a git command at work may hold, is not touched.
pub(super) fn remove_left(repo: &Repo, journal: &Journal, began: SystemTime) -> Result<(), LandError> {
    for lock in left(repo, journal)? {
        let Ok(metadata) = lock.symlink_metadata() else { continue };
        // Clocks of file systems tick coarsely.
        let is_younger = metadata.modified().is_ok_and(|at| at + Duration::from_millis(20) >= began);
        if !is_younger || at_work(repo)? {
            return Err(LandError::RefLocked { lock });
        }
        match fs::remove_file(&lock) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(LandError::io(&lock, error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Every lock that the git commands of a landing take, besides those of indexes.
fn left(repo: &Repo, journal: &Journal) -> Result<Vec<PathBuf>, LandError> {
    let common = repo.common_dir();
    // The second one is what the first one guards, half written.
    let names = ["packed-refs.lock", "packed-refs.new", "HEAD.lock", "config.lock"];
    let mut locks = names.map(|name| common.join(name)).to_vec();
    let moved = [&journal.target].into_iter().chain(&journal.others).map(RefMove::name);
    let deleted = journal.clean_up.branches.iter().map(|(branch, _)| format!("refs/heads/{branch}"));
    let backup = journal.clean_up.backup.iter().map(|(name, _)| name.clone());
    locks.extend(moved.chain(deleted).chain(backup).map(|name| common.join(format!("{name}.lock"))));
    for tree in &journal.work_trees {
        if tree.root.is_dir() {
            locks.push(git_file(&tree.root, "HEAD.lock")?);
        }
    }
    // Tables of references, which have one lock for all and one for each table that is packed together.
    let tables = common.join("reftable").read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
    locks.extend(tables.filter(|path| path.extension().is_some_and(|extension| extension == "lock")));
    locks.retain(|lock| lock.symlink_metadata().is_ok());
    Ok(locks)
}

/// Whether a git command may be at work in the repository.
fn at_work(repo: &Repo) -> Result<bool, LandError> {
    let trees = repo.view().worktrees()?;
    let places = trees.iter().map(|tree| tree.root.as_path()).chain([repo.common_dir()]);
    Ok(places.into_iter().any(|place: &Path| Repo::git_at_work(place).is_some()))
}
