//! What is removed after a merge: branches whose commits are kept elsewhere, and work trees in which nothing would be lost.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::LandError;
use super::journal::{CleanUp, Kept, LandDir, RemovedTree};
use super::regenerable::is_regenerable;
use crate::merge::course::Start;
use crate::merge::scope::{MergeScope, Strategy};
use crate::repo::{Git, GitError, Repo, RepoError};

/// Where tips are kept that the target does not have.
const BACKUPS: &str = "refs/clearance/merged";
/// Where ignored files of removed work trees are kept, below the common git directory.
const KEPT_FILES: &str = "clearance/kept";

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// Branches, each with the commit that it was at.
    pub branches: Vec<(String, String)>,
    /// Work trees.
    pub work_trees: Vec<PathBuf>,
    /// The reference under which the mission's tip is kept.
    pub backup: Option<(String, String)>,
    /// What stays, and why.
    pub kept: Vec<Kept>,
    /// Where ignored files of work trees went.
    pub files: Vec<PathBuf>,
}

impl CleanUp {
    /// What a merge removes. `moved` is the commit that the mission branch goes to, where it moves: it has every lane.
    pub(in crate::merge) fn of(
        scope: &MergeScope,
        repo: &Repo,
        start: &Start,
        moved: Option<&str>,
    ) -> Result<Self, RepoError> {
        let mut plan = Self::default();
        let state = start.state.as_ref().map(|(branch, _)| branch);
        let lanes = scope.lanes.iter().filter_map(|lane| lane.branch.clone()).zip(&start.lanes);
        let lanes = lanes.filter_map(|(branch, tip)| Some((branch, tip.clone()?)));
        let own = start.mission.clone().map(|(branch, tip)| (branch, moved.map_or(tip, str::to_owned)));
        let branches: Vec<_> = lanes.chain(own).filter(|(branch, _)| *branch != scope.target).collect();
        let trees = repo.view().worktrees()?;
        let mut held = Vec::new();
        for tree in &trees {
            let Some((branch, _)) = branches.iter().find(|(branch, _)| tree.branch.as_ref() == Some(branch))
            else {
                continue;
            };
            let place = tree.root.display().to_string();
            let why = if !scope.options.remove_worktree {
                None
            } else if tree.root == repo.root() {
                Some("it is the main work tree")
            } else if Some(branch) == state {
                Some("the state of the mission is kept in it")
            } else if tree.root == repo.caller_root() {
                Some("this was called from inside it")
            } else {
                plan.work_trees.push(RemovedTree { root: tree.root.clone(), branch: branch.clone() });
                continue;
            };
            held.push(branch.clone());
            plan.kept.extend(why.map(|why| Kept { what: place, why: why.to_owned() }));
        }
        if !scope.options.delete_branch {
            return Ok(plan);
        }
        // A merge brings the commits themselves onto the target, other strategies what they changed.
        let own =
            start.mission.as_ref().and_then(|(own, _)| branches.iter().find(|(branch, _)| branch == own));
        let is_reached = |(_, tip): &(String, String)| -> Result<bool, RepoError> {
            Ok(scope.options.strategy == Strategy::Merge
                || moved.is_none() && repo.view().is_ancestor(tip, &start.target)?)
        };
        let backup = match own {
            Some(own) if !is_reached(own)? => Some(own.clone()),
            _ => None,
        };
        for (branch, tip) in branches {
            let why = if Some(&branch) == state {
                Some("the state of the mission is kept on it".to_owned())
            } else if held.contains(&branch) {
                Some("it is checked out in a work tree that stays".to_owned())
            } else {
                None
            };
            match why {
                Some(why) => plan.kept.push(Kept { what: branch, why }),
                None => plan.branches.push((branch, tip)),
            }
        }
        // A tip that a branch keeps needs no other name.
        plan.backup = backup
            .filter(|_| !plan.branches.is_empty())
            .map(|(branch, tip)| (format!("{BACKUPS}/{branch}"), tip));
        Ok(plan)
    }

    /// Whether nothing is removed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.branches.is_empty() && self.work_trees.is_empty()
    }

    /// Removes it. What turns out to have something that would be lost stays, and is named.
    pub(super) fn carry_out(
        &self,
        repo: &Repo,
        directory: &LandDir,
        slug: &str,
        target: &str,
    ) -> Result<Removed, LandError> {
        let mut removed = Removed { kept: self.kept.clone(), ..Removed::default() };
        let mut held = Vec::new();
        for (nth, tree) in self.work_trees.iter().enumerate() {
            let trash = directory.file(&format!("work-tree-{nth}"));
            match remove_tree(repo, tree, &trash, slug, &mut removed)? {
                None => removed.work_trees.push(tree.root.clone()),
                Some(why) => {
                    held.push(&tree.branch);
                    removed.kept.push(Kept { what: tree.root.display().to_string(), why });
                }
            }
        }
        let git = Git::new(repo.root());
        if let Some((name, tip)) = &self.backup {
            removed.backup = Some(back_up(&git, name, tip)?);
        }
        for (branch, tip) in &self.branches {
            let name = format!("refs/heads/{branch}");
            match git.ref_tip(&name)? {
                None => {}
                Some(_) if held.contains(&branch) => {
                    let why = "it is checked out in a work tree that stays".to_owned();
                    removed.kept.push(Kept { what: branch.clone(), why });
                    continue;
                }
                Some(now) if now != *tip => {
                    let why = "it has moved since it was merged".to_owned();
                    removed.kept.push(Kept { what: branch.clone(), why });
                    continue;
                }
                // The plan saw to that; a branch is deleted on what is so, not on what was planned.
                Some(_) if !self.is_kept(repo, tip, target)? => {
                    let why = "it has commits that nothing else leads to".to_owned();
                    removed.kept.push(Kept { what: branch.clone(), why });
                    continue;
                }
                Some(_) => {
                    git.delete_ref(&name, tip)?;
                    // As `git branch -d` does; that there is none is no fault.
                    let _ = git.run(&["config", "--local", "--remove-section", &format!("branch.{branch}")]);
                }
            }
            removed.branches.push((branch.clone(), tip.clone()));
        }
        Ok(removed)
    }

    /// Whether a commit is in the history of the target, or of the tip that is kept.
    fn is_kept(&self, repo: &Repo, tip: &str, target: &str) -> Result<bool, RepoError> {
        let view = repo.view();
        Ok(view.is_ancestor(tip, target)?
            || self.backup.as_ref().map_or(Ok(false), |(_, kept)| view.is_ancestor(tip, kept))?)
    }
}

/// Keeps a tip under a name; another one that is kept there already stays, and this one gets a number.
fn back_up(git: &Git, name: &str, tip: &str) -> Result<(String, String), LandError> {
    const NONE: &str = "";
    let mut free = name.to_owned();
    for nth in 2.. {
        match git.ref_tip(&free)? {
            Some(kept) if kept == tip => break,
            Some(_) => free = format!("{name}-{nth}"),
            None => {
                git.move_ref(&free, tip, NONE, "Kept by a merge")?;
                break;
            }
        }
    }
    Ok((free, tip.to_owned()))
}

/// Removes a work tree, or says why it stays. It is moved away first, so that it is there whole or not at all.
fn remove_tree(
    repo: &Repo,
    tree: &RemovedTree,
    trash: &Path,
    slug: &str,
    removed: &mut Removed,
) -> Result<Option<String>, LandError> {
    let root = &tree.root;
    let failed = |path: &Path, source| LandError::io(path, source);
    if root.symlink_metadata().is_ok() && trash.symlink_metadata().is_err() {
        if let Some(why) = unfit(repo, tree)? {
            return Ok(Some(why));
        }
        if let Err(error) = fs::rename(root, trash) {
            return Ok(Some(format!("it cannot be moved: {error}")));
        }
    }
    if trash.symlink_metadata().is_ok() {
        keep_ignored(repo, root, trash, slug, removed)?;
        fs::remove_dir_all(trash).map_err(|source| failed(trash, source))?;
    }
    // What git has on record of it.
    let words = ["worktree", "remove", "--"].map(OsStr::new);
    match Git::new(repo.root()).bytes(&[&words[..], &[root.as_os_str()]].concat()) {
        Err(GitError::Failed { message, .. }) if !message.contains("is not a working tree") => {
            Ok(Some(format!("git keeps it on record: {message}")))
        }
        Err(GitError::Failed { .. }) | Ok(_) => Ok(None),
        Err(other) => Err(other.into()),
    }
}

/// Why a work tree must stay: it has another branch by now, something that is not committed, or git was told to keep it.
fn unfit(repo: &Repo, tree: &RemovedTree) -> Result<Option<String>, LandError> {
    let trees = repo.view().worktrees()?;
    let Some(now) = trees.iter().find(|known| known.root == tree.root) else {
        return Ok(Some("git does not know it any more".to_owned()));
    };
    if now.branch.as_ref() != Some(&tree.branch) {
        return Ok(Some("it has another branch checked out by now".to_owned()));
    }
    let dirty = repo.dirty(&tree.root, true, 1)?;
    if let Some(first) = dirty.first() {
        return Ok(Some(format!(
            "{} is not committed in it ({})",
            first.path.display(),
            first.kind.as_str()
        )));
    }
    if let Some(first) = repo.hidden_changes(&tree.root)?.first() {
        return Ok(Some(format!(
            "{} is not committed in it (git was told not to look at it)",
            first.display()
        )));
    }
    let locked =
        Repo::git_files(&tree.root, &["locked"]).is_some_and(|files| files.iter().any(|file| file.exists()));
    if locked {
        return Ok(Some("it is locked (git worktree unlock)".to_owned()));
    }
    let has_submodules = tree.root.join(".gitmodules").exists();
    Ok(has_submodules.then(|| "it has submodules, whose own work git does not look into".to_owned()))
}

/// Moves ignored files that nothing makes again out of a work tree that is removed: settings, local data, notes.
fn keep_ignored(
    repo: &Repo,
    root: &Path,
    trash: &Path,
    slug: &str,
    removed: &mut Removed,
) -> Result<(), LandError> {
    let name = root.file_name().unwrap_or_default();
    let kept = repo.common_dir().join(KEPT_FILES).join(slug).join(name);
    let mut moved = false;
    for path in ignored(repo, root, trash)? {
        let from = trash.join(&path);
        if is_regenerable(&from) || from.symlink_metadata().is_err() {
            continue;
        }
        let to = free(&kept.join(&path));
        let to_directory = to.parent().unwrap_or(&kept);
        fs::create_dir_all(to_directory).map_err(|source| LandError::io(to_directory, source))?;
        fs::rename(&from, &to).map_err(|source| LandError::io(&to, source))?;
        moved = true;
    }
    if moved {
        removed.files.push(kept);
    }
    Ok(())
}

/// The ignored paths of a work tree that was moved away; directories that are ignored as a whole are one.
fn ignored(repo: &Repo, root: &Path, trash: &Path) -> Result<Vec<PathBuf>, LandError> {
    let Some(own) = admin_directory(repo, root) else { return Ok(Vec::new()) };
    let words = ["status", "--porcelain=v1", "-z", "--ignored=matching", "--untracked-files=all"];
    let option = |name: &str, path: &Path| {
        let mut option = OsString::from(name);
        option.push(path);
        option
    };
    let places = [option("--git-dir=", &own), option("--work-tree=", trash)];
    let told = Git::new(trash).bytes(&[&places[..], &words.map(OsString::from)].concat())?;
    let paths = told.split(|byte| *byte == 0).filter_map(|record| record.strip_prefix(b"!! "));
    Ok(paths.map(crate::repo::path_of_bytes).collect())
}

/// Where git has a linked work tree on record.
fn admin_directory(repo: &Repo, root: &Path) -> Option<PathBuf> {
    let entries = repo.common_dir().join("worktrees").read_dir().ok()?.flatten();
    let dot_git = root.join(".git");
    entries.map(|entry| entry.path()).find(|directory| {
        let text = crate::source::read_bytes("gitdir", &directory.join("gitdir"), 1 << 16).ok().flatten();
        text.is_some_and(|text| crate::repo::path_of_bytes(text.trim_ascii_end()) == dot_git)
    })
}

/// The path, or with a number that is free.
fn free(path: &Path) -> PathBuf {
    let mut free = path.to_owned();
    for nth in 2.. {
        if matches!(free.symlink_metadata(), Err(error) if error.kind() == io::ErrorKind::NotFound) {
            break;
        }
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!("-{nth}"));
        free = path.with_file_name(name);
    }
    free
}
