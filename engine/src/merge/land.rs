//! The landing of a merge: all of it or nothing, whenever the process is killed.
//!
//! Everything that the merge makes is in commits that nothing leads to until the target moves; that is one reference, moved
//! from the commit where it was. What is done before can be taken back, and what is left to do then can be done again: a
//! journal says what it is. The files of work trees are brought to the merge before that moment, behind a lock of their index.

mod build;
mod clean_up;
mod committer;
mod error;
mod hooks;
mod journal;
mod locks;
mod push;
mod recover;
mod regenerable;
mod removal;
mod work_tree;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::scope::{MergeScope, Strategy};
use crate::lock::FileLock;
use crate::mission::Mission;
use crate::repo::questions::holding;
use crate::repo::{Git, Repo};
use build::held_trees;
pub use clean_up::Removed;
pub use error::LandError;
use hooks::Hooks;
use journal::LandDir;
pub use journal::{AskedFor, CleanUp, HeldTree, Journal, Kept, Push, RefMove, RemovedTree, Stage};
pub use locks::at_work_now;
pub use push::Pushed;
pub use recover::{Interrupted, interrupted};
use work_tree::Barrier;

/// What is being done, for those who watch.
#[derive(Debug, Clone, Copy)]
pub enum Step<'a> {
    /// A lane comes into the mission branch.
    Lane {
        /// Its branch.
        branch: &'a str,
        /// The how-manieth it is.
        nth: usize,
        /// Of how many.
        of: usize,
    },
    /// A commit is made again on the target.
    Replay {
        /// Which.
        commit: &'a str,
    },
    /// The commit for the target.
    Target {
        /// The target.
        branch: &'a str,
    },
    /// The files of a work tree.
    WorkTree {
        /// Its top.
        root: &'a Path,
    },
    /// The push.
    Push {
        /// The remote.
        remote: &'a str,
    },
    /// Branches and work trees are removed.
    CleanUp,
}

/// A merge that is to be made.
pub struct Order<'a> {
    /// The repository.
    pub repo: &'a Repo,
    /// The mission.
    pub mission: &'a Mission,
    /// What is merged.
    pub scope: &'a MergeScope,
    /// The plan that was shown; what is made is that, or nothing.
    pub plan_id: &'a str,
    /// A fresh name for the landing, that sorts by time: a ULID.
    pub id: &'a str,
}

/// A merge that was made.
#[derive(Debug)]
pub struct Landed {
    /// What it set out to do, and did.
    pub journal: Journal,
    /// What became of the push, where one was asked for.
    pub pushed: Option<Pushed>,
    /// What was removed; nothing before a push that is still to come.
    pub removed: Removed,
    /// Branches that were not where they were left, and stayed where they are.
    pub astray: Vec<RefMove>,
}

/// What is done with landings: one process at a time.
pub struct Landings<'a> {
    repo: &'a Repo,
    lock: FileLock,
    tell: &'a mut dyn FnMut(Step<'_>),
}

impl<'a> Landings<'a> {
    /// Takes the lock.
    ///
    /// # Errors
    /// [`LandError::Locked`].
    pub fn open(
        repo: &'a Repo,
        deadline: Duration,
        tell: &'a mut dyn FnMut(Step<'_>),
    ) -> Result<Self, LandError> {
        Ok(Self { repo, lock: locks::take(repo, deadline)?, tell })
    }

    /// What was interrupted. A landing whose target had not moved is taken back.
    ///
    /// # Errors
    /// [`LandError`].
    pub fn recover(&self) -> Result<Vec<Interrupted>, LandError> {
        self.writing(|| recover::find(self.repo))
    }

    /// Forgets a landing that was taken back.
    ///
    /// # Errors
    /// [`LandError`].
    pub fn forget(&self, interrupted: Interrupted) -> Result<(), LandError> {
        interrupted.directory.remove()
    }

    /// Takes a landing to its end whose target has moved.
    ///
    /// # Errors
    /// [`LandError`].
    pub fn finish(&mut self, interrupted: Interrupted) -> Result<Landed, LandError> {
        self.roll_forward(interrupted.directory, interrupted.journal)
    }

    /// Takes back a landing that is complete here and was not pushed: every branch goes back to where it was.
    ///
    /// # Errors
    /// [`LandError`]: something has changed since.
    pub fn take_back(&mut self, interrupted: Interrupted, id: &str) -> Result<Journal, LandError> {
        let Interrupted { directory, journal, .. } = interrupted;
        let mut others = Vec::new();
        for (nth, moved) in [&journal.target].into_iter().chain(&journal.others).enumerate() {
            match self.repo.view().branch_tip(&moved.branch)? {
                Some(now) if now == moved.new => others.extend((nth > 0).then_some(moved)),
                // It never followed.
                Some(now) if nth > 0 && now == moved.old => {}
                _ => return Err(LandError::GoneOn { mission: journal.mission, moved: moved.clone() }),
            }
        }
        let back = |moved: &RefMove| RefMove {
            branch: moved.branch.clone(),
            old: moved.new.clone(),
            new: moved.old.clone(),
        };
        let mut reverse =
            Journal::new(&journal.mission, journal.strategy, &journal.plan_id, back(&journal.target));
        reverse.takes_back = true;
        reverse.others = others.into_iter().map(back).collect();
        reverse.work_trees = held_trees(self.repo, [&reverse.target].into_iter().chain(&reverse.others))?;
        let own = LandDir::make(self.repo.common_dir(), id)?;
        let own = self.move_over_or_back(own, &reverse)?;
        self.roll_forward(own, reverse)?;
        directory.remove()?;
        Ok(journal)
    }

    /// Makes a merge.
    ///
    /// # Errors
    /// [`LandError`]: nothing was changed.
    pub fn land(&mut self, order: &Order<'_>) -> Result<Landed, LandError> {
        let directory = LandDir::make(self.repo.common_dir(), order.id)?;
        let built = self.build(order, &directory);
        let journal = match built {
            Ok(journal) => journal,
            Err(error) => {
                directory.remove()?;
                return Err(error);
            }
        };
        let directory = self.move_over_or_back(directory, &journal)?;
        self.roll_forward(directory, journal)
    }

    /// Up to the moment at which the merge is made; where that is not reached, everything is as it was.
    fn move_over_or_back(&mut self, directory: LandDir, journal: &Journal) -> Result<LandDir, LandError> {
        let Err(error) = self.move_over(&directory, journal) else { return Ok(directory) };
        // What could not be taken back keeps its journal, and is what must be told.
        self.writing(|| recover::take_back(&directory, journal))?;
        directory.remove()?;
        Err(error)
    }

    /// Up to the moment at which the merge is made: work trees, then the target.
    fn move_over(&mut self, directory: &LandDir, journal: &Journal) -> Result<(), LandError> {
        directory.write(journal)?;
        for (nth, tree) in journal.work_trees.iter().enumerate() {
            (self.tell)(Step::WorkTree { root: &tree.root });
            let barrier = Barrier::of(directory, nth, tree)?;
            self.writing(|| barrier.raise())?;
        }
        let target = &journal.target;
        if target.new == target.old {
            return Ok(());
        }
        let git = Git::new(&self.at(&target.branch)?);
        let why = format!("merge mission {}: {}", journal.mission, journal.strategy.as_str());
        let moved = self.writing(|| Ok(git.move_ref(&target.name(), &target.new, &target.old, &why)))?;
        let Err(error) = moved else { return Ok(()) };
        // What git says last is not what it did last.
        if self.repo.view().branch_tip(&target.branch)?.as_deref() == Some(&target.new) {
            return Ok(());
        }
        Err(LandError::Moved { branch: target.branch.clone(), message: error.to_string() })
    }

    /// A work tree that has a branch checked out, so that its own log of `HEAD` tells of it; else the main one.
    fn at(&self, branch: &str) -> Result<PathBuf, LandError> {
        let trees = self.repo.view().worktrees()?;
        Ok(holding(&trees, branch).first().map_or(self.repo.root(), |root| root.as_path()).to_owned())
    }

    /// Everything after that moment. Done again, it does what is left.
    fn roll_forward(&mut self, directory: LandDir, mut journal: Journal) -> Result<Landed, LandError> {
        let mut astray = Vec::new();
        if journal.stage == Stage::Landing {
            for moved in &journal.others {
                if !self.writing(|| self.follow(moved, &journal))? {
                    astray.push(moved.clone());
                }
            }
            for (nth, tree) in journal.work_trees.iter().enumerate() {
                if tree.root.is_dir() {
                    let barrier = Barrier::of(&directory, nth, tree)?;
                    self.writing(|| barrier.settle())?;
                }
            }
            self.after(&journal, &directory)?;
        }
        let mut pushed = None;
        if let Some(push) = &journal.push {
            (self.tell)(Step::Push { remote: &push.remote });
            let became = push::push(self.repo, &journal, push)?;
            if let Pushed::Refused(_) = &became {
                journal.stage = Stage::Unpushed;
                directory.write(&journal)?;
                let removed = Removed::default();
                return Ok(Landed { journal, pushed: Some(became), removed, astray });
            }
            pushed = Some(became);
        }
        (self.tell)(Step::CleanUp);
        let slug = journal.mission.clone();
        let removed =
            self.writing(|| journal.clean_up.carry_out(self.repo, &directory, &slug, &journal.target.new))?;
        directory.remove()?;
        Ok(Landed { journal, pushed, removed, astray })
    }

    /// Moves a branch that follows the target; whether it is there then.
    fn follow(&self, moved: &RefMove, journal: &Journal) -> Result<bool, LandError> {
        match self.repo.view().branch_tip(&moved.branch)? {
            Some(now) if now == moved.old => {
                let git = Git::new(&self.at(&moved.branch)?);
                let why = format!("merge mission {} into {}", journal.mission, journal.target.branch);
                match git.move_ref(&moved.name(), &moved.new, &moved.old, &why) {
                    Ok(()) => Ok(true),
                    // Nothing leads to it after a crash: with time, or told to, git throws it away.
                    Err(_) if !git.has(&moved.new)? => Ok(false),
                    Err(error) => Err(error.into()),
                }
            }
            Some(now) => Ok(now == moved.new || self.repo.view().is_ancestor(&moved.new, &now)?),
            None => Ok(false),
        }
    }

    /// The hooks that run when it is done. What they say changes nothing any more.
    fn after(&self, journal: &Journal, directory: &LandDir) -> Result<(), LandError> {
        if journal.takes_back || journal.target.new == journal.target.old {
            return Ok(());
        }
        let root = self.at(&journal.target.branch)?;
        let (hooks, git) = (Hooks::of(&root)?, Git::new(&root));
        let _ = match journal.strategy {
            Strategy::Merge => hooks.run("post-merge", &[OsStr::new("0")], &git, None),
            Strategy::Squash => hooks
                .run("post-merge", &[OsStr::new("1")], &git, None)
                .and_then(|()| hooks.run("post-commit", &[], &git, None)),
            Strategy::Rebase => hooks.rewritten(&journal.replayed, &git, directory),
        };
        Ok(())
    }

    /// Does something whose git children hold the lock as well, so that it is not free while one of them still writes.
    /// Hooks are not among them: what they leave running may live long.
    fn writing<T>(&self, work: impl FnOnce() -> Result<T, LandError>) -> Result<T, LandError> {
        let share =
            |yes| self.lock.share(yes).map_err(|source| LandError::io(Path::new("land.lock"), source));
        share(true)?;
        let done = work();
        share(false)?;
        done
    }
}
