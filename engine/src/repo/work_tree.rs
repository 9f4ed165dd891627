//! What is under way in one work tree, told from the files of its git directory. See gitrepository-layout(5).

use std::path::{Path, PathBuf};

use super::{Git, GitError, Repo, RepoError};
use crate::source::read_bytes;

/// What is read of a file that git keeps a name or a list in.
const MOST: u64 = 1 << 20;

impl Repo {
    /// Where files of these names are in the git directory of a work tree.
    #[must_use]
    pub fn git_files(worktree: &Path, names: &[impl AsRef<Path>]) -> Option<Vec<PathBuf>> {
        let directory = git_dir(worktree)?;
        Some(names.iter().map(|name| directory.join(name)).collect())
    }

    /// A git process that works in a work tree, by where it stands; only where the system tells (`/proc`).
    #[must_use]
    pub fn git_at_work(worktree: &Path) -> Option<u32> {
        let inside = |directory: &Path| {
            directory.starts_with(worktree) || git_dir(worktree).is_some_and(|own| directory.starts_with(own))
        };
        let at_work = |pid: &u32| {
            let process = Path::new("/proc").join(pid.to_string());
            let is_git = text(&process.join("comm")).is_some_and(|name| name.trim() == "git");
            is_git
                && !is_ours(*pid)
                && process.join("cwd").read_link().is_ok_and(|directory| inside(&directory))
        };
        let processes = std::fs::read_dir("/proc").ok()?.flatten();
        processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).find(at_work)
    }

    /// The merge, rebase, cherry-pick, revert, bisect or am that is under way in a work tree, also between two steps of it.
    ///
    /// # Errors
    /// [`RepoError`].
    pub fn operation_in(&self, worktree: &Path) -> Result<Option<&'static str>, RepoError> {
        let under_way = self.at_worktree(worktree)?.view().operation_under_way()?;
        Ok(under_way.or_else(|| sequence(worktree)))
    }

    /// The branch that a branch stands for, where it is only another name of it (git-symbolic-ref(1)).
    ///
    /// # Errors
    /// What git says.
    pub fn points_to(&self, branch: &str) -> Result<Option<String>, GitError> {
        /// There is no such branch, or it is one of its own.
        const NONE: i32 = 1;
        let name = format!("refs/heads/{branch}");
        let (_, out) = Git::new(self.root()).answer(&["symbolic-ref", "--quiet", &name], &[0, NONE, 128])?;
        Ok(out.trim().strip_prefix("refs/heads/").map(str::to_owned))
    }

    /// The branch that a rebase or a bisect in a work tree will come back to; meanwhile `HEAD` names none.
    #[must_use]
    pub fn branch_at_work(worktree: &Path) -> Option<String> {
        let directory = git_dir(worktree)?;
        let named = |file| Some(text(&directory.join(file))?.trim().to_owned());
        let rebased = named("rebase-merge/head-name").or_else(|| named("rebase-apply/head-name"));
        let branch = rebased.and_then(|name| name.strip_prefix("refs/heads/").map(str::to_owned));
        branch.or_else(|| named("BISECT_START"))
    }
}

/// Whether this process started another one, or one that started it.
fn is_ours(pid: u32) -> bool {
    let own = std::process::id();
    let mut pid = Some(pid);
    while let Some(one) = pid.filter(|one| *one > 1) {
        if one == own {
            return true;
        }
        // `PID (name) state PPID ...`: the name may have anything in it. See proc_pid_stat(5).
        let stat = text(&Path::new("/proc").join(one.to_string()).join("stat"));
        pid = stat.and_then(|stat| stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok());
    }
    false
}

/// Which sequence is under way: cherry-picks or reverts, between two of them.
fn sequence(worktree: &Path) -> Option<&'static str> {
    let sequencer = git_dir(worktree)?.join("sequencer");
    let todo = text(&sequencer.join("todo")).unwrap_or_default();
    if todo.starts_with("revert ") { Some("revert") } else { sequencer.exists().then_some("cherry-pick") }
}

/// The git directory of a work tree. A linked one has a file in its place: `gitdir: PATH`.
fn git_dir(worktree: &Path) -> Option<PathBuf> {
    let dot_git = worktree.join(".git");
    if dot_git.is_dir() {
        return Some(dot_git);
    }
    Some(worktree.join(text(&dot_git)?.strip_prefix("gitdir:")?.trim()))
}

fn text(path: &Path) -> Option<String> {
    String::from_utf8(read_bytes("git's own file", path, MOST).ok()??).ok()
}
