//! Work trees that git has on record and that cannot be looked into.

use std::path::PathBuf;

use crate::repo::command::path_of_bytes;
use crate::repo::{Git, GitError, Repo, Worktree};

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
        let bytes = Git::new(self.root()).bytes(&["worktree", "list", "--porcelain", "-z"])?;
        let fields: Vec<_> = bytes.split(|byte| *byte == 0).collect();
        // The first one is the main work tree, or a bare repository.
        let linked = fields.split(|field| field.is_empty()).skip(1).filter_map(unreachable_of);
        let is_reachable = |root: &PathBuf| {
            let root = root.canonicalize().unwrap_or_else(|_| root.clone());
            reachable.iter().any(|tree| tree.root == root)
        };
        Ok(linked.filter(|tree| !is_reachable(&tree.root)).collect())
    }
}

/// One entry of `git worktree list --porcelain`.
fn unreachable_of(entry: &[&[u8]]) -> Option<Unreachable> {
    let field = |name: &[u8]| entry.iter().find_map(|field| field.strip_prefix(name));
    let branch = field(b"branch refs/heads/").map(|name| String::from_utf8_lossy(name).into_owned());
    let root = path_of_bytes(field(b"worktree ")?);
    Some(Unreachable { root, branch, prunable: field(b"prunable").is_some() && field(b"locked").is_none() })
}
