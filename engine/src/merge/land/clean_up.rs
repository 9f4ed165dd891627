//! What is removed after a merge: branches whose commits are kept elsewhere, and work trees in which nothing would be lost.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::LandError;
use super::journal::{CleanUp, Kept, LandDir, RemovedTree};
use super::removal::remove_tree;
use crate::merge::course::Start;
use crate::merge::scope::{MergeScope, Strategy};
use crate::mission::{Mission, handle};
use crate::repo::{Git, Repo, RepoError};

/// Where tips are kept that the target does not have.
const BACKUPS: &str = "refs/clearance/merged";

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
        (repo, mission): (&Repo, &Mission),
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
        let names = Names::of(repo, mission.slug());
        let mut held = Vec::new();
        for tree in &trees {
            let Some((branch, _)) = branches.iter().find(|(branch, _)| tree.branch.as_ref() == Some(branch))
            else {
                continue;
            };
            let place = tree.root.display().to_string();
            let why = if !scope.options.remove_worktree {
                None
            } else if !names.is_own(branch) {
                Some(FOREIGN)
            } else if tree.root == repo.root() {
                Some("it is the main work tree")
            } else if Some(branch) == state {
                Some("the state of the mission is kept in it")
            } else if tree.root == repo.caller_root()
                || scope.options.standing.as_ref().is_some_and(|place| place.starts_with(&tree.root))
            {
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
                Some("the state of the mission is kept on it")
            } else if held.contains(&branch) {
                Some(HELD)
            } else {
                (!names.is_own(&branch)).then_some(FOREIGN)
            };
            match why {
                Some(why) => plan.kept.push(Kept { what: branch, why: why.to_owned() }),
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
        if self.branches.is_empty() {
            return Ok(removed);
        }
        self.forget_lost_trees(&git)?;
        if let Some((name, tip)) = &self.backup {
            removed.backup = back_up(&git, name, tip)?;
            if removed.backup.is_none() {
                let why = format!("its tip cannot be kept as {name}");
                removed.kept.extend(
                    self.branches.iter().map(|(branch, _)| Kept { what: branch.clone(), why: why.clone() }),
                );
                return Ok(removed);
            }
        }
        let (_, configured) =
            git.answer(&["config", "--local", "--name-only", "--get-regexp", r"^branch\."], &[0, 1])?;
        for (branch, tip) in &self.branches {
            let there = repo.view().branch_tip(branch)?;
            let why = match &there {
                Some(_) if held.contains(&branch) => Some(HELD),
                Some(now) => self.why_it_stays(repo, (branch, tip), now, target)?,
                None => None,
            };
            if let Some(why) = why {
                removed.kept.push(Kept { what: branch.clone(), why: why.to_owned() });
                continue;
            }
            if there.is_some() {
                git.delete_ref(&format!("refs/heads/{branch}"), tip)?;
                // As `git branch -d` does.
                let section = format!("branch.{branch}");
                if configured.lines().any(|key| key.rsplit_once('.').is_some_and(|(of, _)| of == section)) {
                    let _ = git.run(&["config", "--local", "--remove-section", &section]);
                }
            }
            removed.branches.push((branch.clone(), tip.clone()));
        }
        Ok(removed)
    }

    /// Lets git forget work trees of removed branches whose directories somebody deleted: a record of a branch that is gone
    /// is a fault to `git fsck`. Where the directory above is gone too, they may be on a disk that comes back.
    fn forget_lost_trees(&self, git: &Git) -> Result<(), LandError> {
        let is_removed = |branch: &String| self.branches.iter().any(|(removed, _)| removed == branch);
        for tree in git.worktrees_on_record()? {
            let is_lost = tree.prunable && tree.root.parent().is_some_and(Path::is_dir);
            if is_lost && tree.branch.as_ref().is_some_and(is_removed) {
                // It is in nobody's way if git keeps it.
                let words = ["worktree", "remove", "--"].map(OsStr::new);
                let _ = git.bytes(&[&words[..], &[tree.root.as_os_str()]].concat());
            }
        }
        Ok(())
    }

    /// Why a branch that was to be removed must not be. The plan saw to that; a branch is deleted on what is so, not on what was
    /// planned.
    fn why_it_stays(
        &self,
        repo: &Repo,
        (branch, tip): (&str, &str),
        now: &str,
        target: &str,
    ) -> Result<Option<&'static str>, LandError> {
        Ok(if now != tip {
            Some("it has moved since it was merged")
        } else if !self.is_kept(repo, tip, target)? {
            Some("it has commits that nothing else leads to")
        } else if repo.points_to(branch)?.is_some() {
            Some("it only stands for another branch")
        } else {
            None
        })
    }

    /// Whether a commit is in the history of the target, or of the tip that is kept.
    fn is_kept(&self, repo: &Repo, tip: &str, target: &str) -> Result<bool, RepoError> {
        let view = repo.view();
        Ok(view.is_ancestor(tip, target)?
            || self.backup.as_ref().map_or(Ok(false), |(_, kept)| view.is_ancestor(tip, kept))?)
    }
}

/// Keeps a tip under a name; another one that is kept there already stays, and this one gets a number. So it does where a name
/// cannot be, because it would have to be a directory of others, or is in one. `None` where no name can be.
fn back_up(git: &Git, name: &str, tip: &str) -> Result<Option<(String, String)>, LandError> {
    const NONE: &str = "";
    const TRIED: u32 = 100;
    // A name that is in a directory of nothing else.
    let flat = format!(
        "{BACKUPS}-flat/{}",
        name.strip_prefix(BACKUPS).unwrap_or(name).trim_matches('/').replace('/', "-")
    );
    let (mut base, mut free) = (name, name.to_owned());
    for nth in 2..TRIED {
        match git.ref_tip(&free)? {
            Some(kept) if kept == tip => return Ok(Some((free, tip.to_owned()))),
            Some(_) => {}
            None if git.move_ref(&free, tip, NONE, "Kept by a merge").is_ok() => {
                return Ok(Some((free, tip.to_owned())));
            }
            None if base == name => {
                base = &flat;
                free.clone_from(&flat);
                continue;
            }
            None => {}
        }
        free = format!("{base}-{nth}");
    }
    Ok(None)
}

/// Why a branch stays that a work tree has.
const HELD: &str = "it is checked out in a work tree that stays";
/// Why a branch stays that is not named after the mission.
const FOREIGN: &str = "it is not named after the mission";

/// The names that branches of a mission have. A manifest may name any branch: what it names otherwise is merged, and not
/// removed.
struct Names {
    own: String,
    others: Vec<String>,
}

impl Names {
    fn of(repo: &Repo, slug: &str) -> Self {
        let name = |slug: &str| format!("kitty/mission-{slug}");
        let all = handle::names(repo.root()).unwrap_or_default();
        let others = all.iter().filter(|other| *other != slug).map(|other| name(other)).collect();
        Self { own: name(slug), others }
    }

    fn is_own(&self, branch: &str) -> bool {
        // The name itself, or that with something behind it: the beginning of the mission's id, a lane.
        let is_of = |name: &String| {
            branch.strip_prefix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        // Of two missions that could have it, it is that of the longer name.
        is_of(&self.own) && !self.others.iter().any(|other| other.len() > self.own.len() && is_of(other))
    }
}
