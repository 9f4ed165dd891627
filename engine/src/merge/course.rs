//! The course of a merge: every commit that it is made of, from the lanes to the target. One function, for the forecast as for the
//! merge itself; they differ in where the objects go, and in who makes the commits.

use serde::Serialize;

use super::bookkeeping::{Bookkeeping, Recorded, state_branch};
use super::forecast::{ForecastError, LaneForecast, LaneOutcome, TargetForecast};
use super::own_files::OwnFiles;
use super::scope::{MergeScope, Strategy};
use crate::mission::Mission;
use crate::repo::conflict::Merged;
use crate::repo::{GitError, ObjectStore, Repo};

/// Where a merge starts: the commits of its branches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Start {
    pub(super) target: String,
    /// Branch and commit; `None` where nothing but planning is recorded.
    pub(super) mission: Option<(String, String)>,
    /// Of each lane that has a branch: `None` where that is gone.
    pub(super) lanes: Vec<Option<String>>,
    /// Branch and commit that the log is on, where it has a branch of its own.
    pub(super) state: Option<(String, String)>,
}

impl Start {
    /// Where a merge starts; `None` where a branch is missing.
    pub(super) fn of(
        scope: &MergeScope,
        repo: &Repo,
        mission: &Mission,
    ) -> Result<Option<Self>, ForecastError> {
        let view = repo.view();
        let Some(target) = view.branch_tip(&scope.target)? else { return Ok(None) };
        let at = |branch: &str| -> Result<Option<(String, String)>, ForecastError> {
            Ok(view.branch_tip(branch)?.map(|tip| (branch.to_owned(), tip)))
        };
        let own = scope.mission_branch.as_deref().map(at).transpose()?;
        if own.as_ref().is_some_and(Option::is_none) {
            return Ok(None);
        }
        let branches = scope.lanes.iter().filter_map(|lane| lane.branch.as_deref());
        let lanes = branches.map(|branch| view.branch_tip(branch)).collect::<Result<_, _>>()?;
        let state = state_branch(scope, repo, mission)?;
        let state = state.as_deref().map(at).transpose()?.flatten();
        Ok(Some(Self { target, mission: own.flatten(), lanes, state }))
    }

    /// Whether the log is on the mission branch.
    fn has_state_with_mission(&self) -> bool {
        self.state
            .as_ref()
            .zip(self.mission.as_ref())
            .is_some_and(|((state, _), (mission, _))| state == mission)
    }

    /// The commits that it starts from.
    pub(super) fn commits(&self) -> Vec<&str> {
        let others = [&self.mission, &self.state].into_iter().flatten().map(|(_, tip)| tip);
        let lanes = self.lanes.iter().flatten();
        [&self.target].into_iter().chain(others).chain(lanes).map(String::as_str).collect()
    }
}

/// A commit that a merge is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draft<'a> {
    pub(super) tree: &'a str,
    pub(super) parents: &'a [&'a str],
    pub(super) what: What<'a>,
}

/// What a commit is.
#[derive(Debug, Clone, Copy)]
pub(super) enum What<'a> {
    /// A lane that comes into the mission branch.
    Lane { branch: &'a str, into: &'a str },
    /// The mission on the target.
    Mission { recorded: &'a Recorded, tip: &'a str },
    /// A commit of the mission branch, made again on the target.
    Replayed(&'a str),
    /// What a merge that brings no file records of itself; or, after a rebase, on top of it.
    Record(&'a Recorded),
    /// The same on the branch that the log is on.
    State(&'a Recorded),
}

/// Who makes the commits.
pub(super) trait Committer {
    /// Makes one, and gives its id.
    fn commit(&mut self, store: &ObjectStore, draft: Draft<'_>) -> Result<String, ForecastError>;
}

/// Makes commits that nobody will see.
pub(super) struct Nameless;

impl Committer for Nameless {
    fn commit(&mut self, store: &ObjectStore, draft: Draft<'_>) -> Result<String, ForecastError> {
        Ok(store.nameless_commit(draft.tree, draft.parents)?)
    }
}

/// What a merge is made of.
#[derive(Debug)]
pub(super) struct Course {
    pub(super) lanes: Vec<LaneForecast>,
    /// The mission branch with its lanes.
    pub(super) mission: Option<String>,
    pub(super) target: TargetForecast,
    pub(super) recorded: Recorded,
    /// The commit that the target gets, where it gets one.
    pub(super) landed: Option<String>,
    /// The branch that the log is on, and the commit that it gets.
    pub(super) state: Option<(String, String)>,
    /// Commits that were made again: what they were, and what they are.
    pub(super) replayed: Vec<(String, String)>,
}

/// All that a merge is computed with.
pub(super) struct Maker<'a> {
    pub(super) scope: &'a MergeScope,
    pub(super) repo: &'a Repo,
    pub(super) own: &'a OwnFiles<'a>,
    pub(super) bookkeeping: &'a Bookkeeping<'a>,
    pub(super) committer: &'a mut dyn Committer,
}

impl Maker<'_> {
    /// Computes the merge.
    pub(super) fn course(&mut self, store: &mut ObjectStore, start: &Start) -> Result<Course, ForecastError> {
        let view = self.repo.view();
        let (mut replayed, mut recorded) = (Vec::new(), Recorded::default());
        let (lanes, mission, target) = match &start.mission {
            None => (Vec::new(), None, TargetForecast::NotAsked),
            Some((branch, tip)) => {
                let (lanes, mut merged) = self.in_turn(store, start, branch, tip)?;
                // Behind the lanes, and before the target: there the log is that of the mission branch.
                if start.has_state_with_mission() && !lanes.iter().any(LaneForecast::conflicts) {
                    merged = self.state(store, &merged.clone(), &mut recorded)?.unwrap_or(merged);
                }
                // A merge that was just made is in no history yet.
                let target = if merged == *tip && view.is_ancestor(tip, &start.target)? {
                    TargetForecast::AlreadyIn
                } else {
                    self.on_target(store, &start.target, &merged, &mut replayed)?
                };
                (lanes, Some(merged), target)
            }
        };
        let is_stopped =
            lanes.iter().any(LaneForecast::conflicts) || matches!(target, TargetForecast::Conflicts(_));
        let course = Course { lanes, mission, target, recorded, landed: None, state: None, replayed };
        if is_stopped { Ok(course) } else { self.recorded(store, start, course) }
    }

    /// The commit with the events on the branch that the log is on, if there are any.
    fn state(
        &mut self,
        store: &ObjectStore,
        tip: &str,
        recorded: &mut Recorded,
    ) -> Result<Option<String>, ForecastError> {
        self.bookkeeping.enter_state(store, tip, recorded)?;
        let Some((_, tree)) = &recorded.state else { return Ok(None) };
        let draft = Draft { tree, parents: &[tip], what: What::State(recorded) };
        Ok(Some(self.committer.commit(store, draft)?))
    }

    /// The same with what the merge records of itself.
    fn recorded(
        &mut self,
        store: &ObjectStore,
        start: &Start,
        mut course: Course,
    ) -> Result<Course, ForecastError> {
        let rest = store.tree_of(&start.target)?;
        let content = match &course.target {
            TargetForecast::Clean { tree } => tree.clone(),
            _ => rest.clone(),
        };
        // A squash that changes no file was made before; a merge goes into the history all the same.
        let merges = matches!(course.target, TargetForecast::Clean { .. })
            && (content != rest || self.scope.options.strategy == Strategy::Merge);
        let mut recorded = std::mem::take(&mut course.recorded);
        self.bookkeeping.enter(store, &content, merges, &mut recorded)?;
        course.landed = self.landed(store, start, &course, (&content, merges), &recorded)?;
        // Where the mission branch has the log, they came with it.
        if let Some((branch, tip)) = start.state.as_ref().filter(|_| !start.has_state_with_mission()) {
            course.state = self.state(store, tip, &mut recorded)?.map(|commit| (branch.clone(), commit));
        }
        course.recorded = recorded;
        Ok(course)
    }

    /// The commit that the target gets.
    fn landed(
        &mut self,
        store: &ObjectStore,
        start: &Start,
        course: &Course,
        (content, merges): (&str, bool),
        recorded: &Recorded,
    ) -> Result<Option<String>, ForecastError> {
        let tree = recorded.tree.as_str();
        let target = start.target.as_str();
        let tip = course.mission.as_deref().unwrap_or(target);
        let what = What::Mission { recorded, tip };
        let draft = match (merges, self.scope.options.strategy) {
            (false, _) if content == tree => return Ok(None),
            (false, _) => Draft { tree, parents: &[target], what: What::Record(recorded) },
            (true, Strategy::Squash) => Draft { tree, parents: &[target], what },
            (true, Strategy::Merge) => {
                let draft = Draft { tree, parents: &[target, tip], what };
                return Ok(Some(self.committer.commit(store, draft)?));
            }
            (true, Strategy::Rebase) => {
                let onto = course.replayed.last().map_or(target, |(_, new)| new);
                if content == tree {
                    return Ok(Some(onto.to_owned()).filter(|onto| *onto != target));
                }
                let draft = Draft { tree, parents: &[onto], what: What::Record(recorded) };
                return Ok(Some(self.committer.commit(store, draft)?));
            }
        };
        Ok(Some(self.committer.commit(store, draft)?))
    }

    /// The lanes, each merged into the mission branch as the ones before left it, and the commit that comes of it.
    fn in_turn(
        &mut self,
        store: &mut ObjectStore,
        start: &Start,
        branch: &str,
        tip: &str,
    ) -> Result<(Vec<LaneForecast>, String), ForecastError> {
        let view = self.repo.view();
        let mut lanes = Vec::new();
        let mut merged = tip.to_owned();
        // Merges that may be tried to find out which lanes conflict: with hundreds of both there are too many pairs.
        let mut budget = 500;
        let mut inside = vec![(branch.to_owned(), merged.clone())];
        let with_branch = self.scope.lanes.iter().filter_map(|lane| Some((lane, lane.branch.as_ref()?)));
        for ((lane, lane_branch), lane_tip) in with_branch.zip(&start.lanes) {
            let outcome = match lane_tip {
                None => LaneOutcome::NoBranch,
                Some(lane_tip) if view.is_ancestor(lane_tip, tip)? => LaneOutcome::AlreadyIn,
                Some(lane_tip) => {
                    let merge = store.merge(None, &merged, lane_tip)?;
                    let Merged { tree, conflicts } =
                        self.own.settle(store, merge, (&merged, branch), (lane_tip, lane_branch))?;
                    if conflicts.is_empty() {
                        let what = What::Lane { branch: lane_branch, into: branch };
                        let draft = Draft { tree: &tree, parents: &[&merged, lane_tip], what };
                        merged = self.committer.commit(store, draft)?;
                        inside.push((lane_branch.clone(), lane_tip.clone()));
                        LaneOutcome::Clean
                    } else {
                        let with = self.opponents(store, &inside, lane_tip, &mut budget)?;
                        LaneOutcome::Conflicts { conflicts, with }
                    }
                }
            };
            lanes.push(LaneForecast { lane_id: lane.lane_id.clone(), branch: lane_branch.clone(), outcome });
        }
        Ok((lanes, merged))
    }

    /// Those of the branches `inside` that a lane conflicts with alone; all of them where it takes several.
    fn opponents(
        &self,
        store: &mut ObjectStore,
        inside: &[(String, String)],
        lane_tip: &str,
        budget: &mut usize,
    ) -> Result<Vec<String>, GitError> {
        const MOST: usize = 10;
        let mut with = Vec::new();
        for (branch, tip) in inside.iter().take(*budget) {
            *budget -= 1;
            if self.own.leaves(&store.merge(None, tip, lane_tip)?.conflicts) {
                with.push(branch.clone());
            }
        }
        if with.is_empty() {
            with.extend(inside.iter().take(MOST).map(|(branch, _)| branch.clone()));
        }
        Ok(with)
    }

    /// The mission branch on the target, as git would do it.
    fn on_target(
        &mut self,
        store: &mut ObjectStore,
        target: &str,
        tip: &str,
        replayed: &mut Vec<(String, String)>,
    ) -> Result<TargetForecast, ForecastError> {
        let branch = self.scope.mission_branch.as_deref().unwrap_or_default();
        if self.scope.options.strategy != Strategy::Rebase {
            let merge = store.merge(None, target, tip)?;
            let Merged { tree, conflicts } =
                self.own.settle(store, merge, (target, &self.scope.target), (tip, branch))?;
            return Ok(match conflicts.is_empty() {
                true => TargetForecast::Clean { tree },
                false => TargetForecast::Conflicts(conflicts),
            });
        }
        let mut onto = target.to_owned();
        let mut tree = store.tree_of(target)?;
        for (commit, parent) in store.commits(target, tip)? {
            let merge = store.merge(Some(&parent), &onto, &commit)?;
            let merge = self.own.settle(store, merge, (&onto, &self.scope.target), (&commit, branch))?;
            if !merge.conflicts.is_empty() {
                return Ok(TargetForecast::Conflicts(merge.conflicts));
            }
            // As git does: what came to change nothing is left out, and what never changed anything stays.
            if merge.tree == tree && store.tree_of(&commit)? != store.tree_of(&parent)? {
                continue;
            }
            let draft = Draft { tree: &merge.tree, parents: &[&onto], what: What::Replayed(&commit) };
            onto = self.committer.commit(store, draft)?;
            replayed.push((commit, onto.clone()));
            tree = merge.tree;
        }
        Ok(TargetForecast::Clean { tree })
    }
}
