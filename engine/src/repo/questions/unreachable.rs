//! Work trees that git has on record and that cannot be looked into.

use std::path::PathBuf;

use crate::repo::{Git, GitError, OnRecord, Repo, Worktree};

/// A work tree that git has on record, and that cannot be opened where it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreachable {
    /// Where it should be.
    pub root: PathBuf,
    /// The branch it has checked out.
    pub branch: Option<String>,
    /// Whether git would forget it: its directory is gone, and nobody said (`git worktree lock`) that it comes back.
    pub prunable: bool,
}

impl Repo {
    /// Those of the linked work trees on record that are not among the `reachable` ones.
    ///
    /// # Errors
    /// What git says.
    pub fn unreachable_worktrees(&self, reachable: &[Worktree]) -> Result<Vec<Unreachable>, GitError> {
        // Nearly always there is none, and nothing to ask.
        let on_record = self.common_dir().join("worktrees").read_dir().map_or(0, Iterator::count);
        let linked = reachable.iter().filter(|tree| tree.root != self.root()).count();
        if on_record <= linked {
            return Ok(Vec::new());
        }
        let is_reachable = |root: &PathBuf| {
            let root = root.canonicalize().unwrap_or_else(|_| root.clone());
            reachable.iter().any(|tree| tree.root == root)
        };
        // The first one is the main work tree, or a bare repository.
        let linked = Git::new(self.root()).worktrees_on_record()?.into_iter().skip(1);
        let lost = linked.filter(|tree| !is_reachable(&tree.root));
        Ok(lost
            .map(|OnRecord { root, branch, prunable, .. }| Unreachable { root, branch, prunable })
            .collect())
    }
}
