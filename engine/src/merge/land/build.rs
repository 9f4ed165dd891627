//! The commits of a merge, made, and what is to move to them.

use std::ffi::OsStr;
use std::path::Path;

use super::committer::Recorder;
use super::hooks::Hooks;
use super::journal::{AskedFor, CleanUp, HeldTree, Journal, LandDir, Push, RefMove};
use super::{LandError, Landings, Order, push};
use crate::merge::course::{Course, Start};
use crate::merge::forecast::{ForecastError, Laid, lay};
use crate::merge::scope::{MergeOptions, Strategy};
use crate::repo::questions::holding;
use crate::repo::{Git, Repo};

impl Landings<'_> {
    /// Makes every commit, and says what is to move.
    pub(super) fn build(&mut self, order: &Order<'_>, directory: &LandDir) -> Result<Journal, LandError> {
        let Order { repo, mission, scope, plan_id, .. } = *order;
        let changed = |now: String| LandError::PlanChanged { shown: plan_id.to_owned(), now };
        let Some(start) = Start::of(scope, repo, mission)? else {
            return Err(changed("none: a branch is gone".to_owned()));
        };
        let push = push::ask(scope, repo, &start.target)?;
        let place = directory.file("objects");
        let mut store =
            repo.store_in(&place, &start.target).map_err(|source| LandError::io(&place, source))?;
        let trees = repo.view().worktrees()?;
        let root =
            holding(&trees, &scope.target).first().map_or(repo.root(), |root| root.as_path()).to_owned();
        let hooks = Hooks::of(&root)?;
        self.before_rebase(&hooks, order, &root)?;
        let mut recorder = Recorder {
            git: store.git().clone(),
            scope,
            repo,
            known: start.commits().into_iter().map(str::to_owned).collect(),
            slug: mission.slug(),
            hooks: &hooks,
            directory,
            root,
            sign: repo.signs()?,
            tell: &mut *self.tell,
            refused: None,
            lanes: start.lanes.iter().flatten().count(),
            made: 0,
        };
        let laid = lay(scope, repo, mission, &mut store, &start, &mut recorder);
        let Laid { course, .. } = match laid {
            Err(ForecastError::Stopped) => {
                let refused = recorder.refused.take();
                return Err(refused.unwrap_or(LandError::Forecast(ForecastError::Stopped)));
            }
            other => other?,
        };
        let moved = start.mission.as_ref().zip(course.mission.as_deref());
        let moved = moved.and_then(|((_, old), new)| (old != new).then_some(new));
        let clean_up = CleanUp::of(scope, (repo, mission), &start, moved)?;
        let now = course.plan_id(scope, &start, &clean_up);
        if now != *plan_id || !course.recorded.missing.is_empty() {
            return Err(changed(now));
        }
        let mut journal = journal(order, &start, course, push)?;
        journal.clean_up = clean_up;
        let new = [&journal.target].into_iter().chain(&journal.others).map(|moved| moved.new.as_str());
        store.keep(repo, &new.collect::<Vec<_>>(), &start.commits())?;
        Ok(journal)
    }

    fn before_rebase(&self, hooks: &Hooks, order: &Order<'_>, root: &Path) -> Result<(), LandError> {
        let Order { repo, mission, scope, .. } = *order;
        let moves = scope.forecast(repo, mission).is_ok_and(|forecast| forecast.moves_branch(&scope.target));
        if scope.options.strategy != Strategy::Rebase || !moves {
            return Ok(());
        }
        let branches = [Some(&scope.target), scope.mission_branch.as_ref()];
        let arguments: Vec<&OsStr> = branches.into_iter().flatten().map(OsStr::new).collect();
        hooks.run("pre-rebase", &arguments, &Git::new(root), None)
    }
}

/// What is to move, and what is removed then.
fn journal(
    order: &Order<'_>,
    start: &Start,
    course: Course,
    push: Option<Push>,
) -> Result<Journal, LandError> {
    let Order { repo, mission, scope, plan_id, .. } = *order;
    let new = course.landed.clone().unwrap_or_else(|| start.target.clone());
    let target = RefMove { branch: scope.target.clone(), old: start.target.clone(), new };
    let mut journal = Journal::new(mission.slug(), scope.options.strategy, plan_id, target);
    let moves = |from: &Option<(String, String)>, to: Option<&String>| {
        let ((branch, old), new) = from.clone().zip(to.cloned())?;
        (old != new).then_some(RefMove { branch, old, new })
    };
    let own = moves(&start.mission, course.mission.as_ref());
    let state = moves(&start.state, course.state.as_ref().map(|(_, commit)| commit));
    journal.others = own.into_iter().chain(state).collect();
    journal.work_trees = held_trees(repo, [&journal.target].into_iter().chain(&journal.others))?;
    journal.number = course.recorded.number;
    journal.done = course.recorded.done;
    journal.replayed = course.replayed;
    journal.push = push;
    let MergeOptions { delete_branch, remove_worktree, allowed, .. } = scope.options.clone();
    journal.asked = AskedFor { delete_branch, remove_worktree, allowed };
    Ok(journal)
}

/// The work trees that have a branch checked out which moves.
pub(super) fn held_trees<'m>(
    repo: &Repo,
    moves: impl Iterator<Item = &'m RefMove>,
) -> Result<Vec<HeldTree>, LandError> {
    let trees = repo.view().worktrees()?;
    let held = moves.filter(|moved| moved.old != moved.new).flat_map(|moved| {
        holding(&trees, &moved.branch).into_iter().map(|root| HeldTree {
            root: root.clone(),
            old: moved.old.clone(),
            new: moved.new.clone(),
        })
    });
    Ok(held.collect())
}
