//! What would come of a merge: git's own answer, lane by lane and then on the target, in a throw-away object directory.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::own_files::OwnFiles;
use super::scope::{MergeScope, Strategy};
use crate::mission::Mission;
use crate::repo::conflict::{Conflict, Merged};
use crate::repo::gated::Gated;
use crate::repo::questions::holding;
use crate::repo::{Change, Git, GitError, Repo, RepoError, Scratch};

/// What would come of a merge.
#[derive(Debug)]
pub struct Forecast {
    /// One a lane that has a branch, in the order they merge.
    pub lanes: Vec<LaneForecast>,
    /// On the target.
    pub target: TargetForecast,
    /// What would change on the target.
    pub changes: Vec<Change>,
    /// What would change on the mission branch, where a work tree has it checked out.
    pub mission_changes: Vec<Change>,
    /// The mission's own files that conflict line by line: they are merged by what they mean.
    pub by_meaning: BTreeSet<String>,
    /// The files that the target would have, over those that it has; `None` where that is not known.
    pub gated: Option<Gated>,
    /// What identifies it: the commits it was computed from, and the tree it gives.
    pub plan_id: String,
}

/// What would come of merging a lane into the mission branch.
#[derive(Debug)]
pub struct LaneForecast {
    /// The lane.
    pub lane_id: String,
    /// Its branch.
    pub branch: String,
    /// What would come of it.
    pub outcome: LaneOutcome,
}

/// What would come of a lane.
#[derive(Debug)]
pub enum LaneOutcome {
    /// The mission branch has everything of it.
    AlreadyIn,
    /// It merges.
    Clean,
    /// It does not.
    Conflicts {
        /// Where.
        conflicts: Vec<Conflict>,
        /// The branches that it does not go together with: the mission branch, or lanes that merge before it.
        with: Vec<String>,
    },
    /// It has no branch.
    NoBranch,
}

/// What would come of the target.
#[derive(Debug)]
pub enum TargetForecast {
    /// The target has everything already.
    AlreadyIn,
    /// It merges.
    Clean {
        /// The tree that the target would have.
        tree: String,
    },
    /// It does not.
    Conflicts(Vec<Conflict>),
    /// There is nothing to ask for: a branch is missing.
    NotAsked,
}

/// Why there is no forecast.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForecastError {
    /// git failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The repository could not be asked.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// No throw-away object directory.
    #[error("no temporary directory: {0}")]
    Scratch(#[from] std::io::Error),
}

/// The commits a forecast is made of, for its id.
#[derive(Serialize)]
struct Inputs<'a> {
    target: (&'a str, &'a str),
    mission: (&'a str, &'a str),
    lanes: Vec<(&'a str, &'a str)>,
    strategy: Strategy,
    tree: &'a str,
}

impl Forecast {
    /// Computes it.
    ///
    /// # Errors
    /// [`ForecastError`].
    pub fn of(scope: &MergeScope, repo: &Repo, mission: &Mission) -> Result<Self, ForecastError> {
        let view = repo.view();
        let target = view.branch_tip(&scope.target)?;
        let branch = scope.mission_branch.as_deref();
        let tip = branch.map(|branch| view.branch_tip(branch)).transpose()?.flatten();
        let (Some(target), Some(branch), Some(tip)) = (target, branch, tip) else {
            return Ok(Self::nothing(scope, repo)?);
        };
        let mut scratch = repo.scratch(&target)?;
        let own = OwnFiles::of(mission);
        let (lanes, tips, merged) = in_turn(scope, repo, &mut scratch, &own, (branch, &tip))?;
        // A merge that was just made is in no history yet.
        let result = if merged == tip && view.is_ancestor(&tip, &target)? {
            TargetForecast::AlreadyIn
        } else {
            on_target(scope, &mut scratch, &own, &target, &merged)?
        };
        let tree = match &result {
            TargetForecast::Clean { tree } => tree.as_str(),
            _ => "",
        };
        let changes = if tree.is_empty() { Vec::new() } else { scratch.changes(&target, tree)? };
        let held = merged != tip && !holding(&view.worktrees()?, branch).is_empty();
        let mission_changes = if held { scratch.changes(&tip, &merged)? } else { Vec::new() };
        let inputs = Inputs {
            target: (&scope.target, &target),
            mission: (branch, &tip),
            lanes: lanes
                .iter()
                .map(|lane| lane.branch.as_str())
                .zip(tips.iter().map(String::as_str))
                .collect(),
            strategy: scope.options.strategy,
            tree,
        };
        let by_meaning = own.settled();
        let plan_id = id_of(&inputs);
        let conflicts = |lane: &LaneForecast| matches!(lane.outcome, LaneOutcome::Conflicts { .. });
        let gated = match &result {
            // Without a lane that conflicts, it is another merge.
            _ if lanes.iter().any(conflicts) => None,
            TargetForecast::Clean { tree } => Some(scratch.gated(&target, tree)),
            TargetForecast::AlreadyIn => Some(scratch.gated(&target, &format!("{target}^{{tree}}"))),
            TargetForecast::Conflicts(_) | TargetForecast::NotAsked => None,
        };
        Ok(Self { plan_id, gated, lanes, target: result, changes, by_meaning, mission_changes })
    }

    /// Where a branch is missing there is nothing to merge; the checks of the branches say so.
    fn nothing(scope: &MergeScope, repo: &Repo) -> Result<Self, RepoError> {
        let mut lanes = Vec::new();
        for lane in &scope.lanes {
            let Some(branch) = &lane.branch else { continue };
            if repo.view().branch_tip(branch)?.is_none() {
                let (lane_id, branch) = (lane.lane_id.clone(), branch.clone());
                lanes.push(LaneForecast { lane_id, branch, outcome: LaneOutcome::NoBranch });
            }
        }
        let (changes, mission_changes, plan_id) = (Vec::new(), Vec::new(), String::new());
        let (target, by_meaning) = (TargetForecast::NotAsked, BTreeSet::new());
        // Without a branch to merge, what is there stays.
        let tip = repo.view().branch_tip(&scope.target)?.filter(|_| scope.mission_branch.is_none());
        let scratch = tip.and_then(|tip| Some((repo.scratch(&tip).ok()?, tip)));
        let gated = scratch.map(|(scratch, tip)| scratch.gated(&tip, &format!("{tip}^{{tree}}")));
        Ok(Self { gated, lanes, target, changes, by_meaning, mission_changes, plan_id })
    }
}

/// The lanes, each merged into the mission branch as the ones before left it; their tips; and the commit that comes of it.
fn in_turn(
    scope: &MergeScope,
    repo: &Repo,
    scratch: &mut Scratch,
    own: &OwnFiles<'_>,
    (branch, tip): (&str, &str),
) -> Result<(Vec<LaneForecast>, Vec<String>, String), ForecastError> {
    let view = repo.view();
    let (mut lanes, mut tips) = (Vec::new(), Vec::new());
    let mut merged = tip.to_owned();
    // Merges that may be tried to find out which lanes conflict: with hundreds of both there are too many pairs.
    let mut budget = 500;
    let mut inside = vec![(branch.to_owned(), merged.clone())];
    for lane in &scope.lanes {
        let Some(lane_branch) = &lane.branch else { continue };
        let lane_tip = view.branch_tip(lane_branch)?;
        let outcome = match &lane_tip {
            None => LaneOutcome::NoBranch,
            Some(lane_tip) if view.is_ancestor(lane_tip, tip)? => LaneOutcome::AlreadyIn,
            Some(lane_tip) => {
                let merge = scratch.merge(None, &merged, lane_tip)?;
                let Merged { tree, conflicts } =
                    own.settle(scratch, merge, (&merged, branch), (lane_tip, lane_branch))?;
                if conflicts.is_empty() {
                    merged = scratch.commit(&tree, &[&merged, lane_tip])?;
                    inside.push((lane_branch.clone(), lane_tip.clone()));
                    LaneOutcome::Clean
                } else {
                    let with = opponents(scratch, own, &inside, lane_tip, &mut budget)?;
                    LaneOutcome::Conflicts { conflicts, with }
                }
            }
        };
        tips.push(lane_tip.unwrap_or_default());
        lanes.push(LaneForecast { lane_id: lane.lane_id.clone(), branch: lane_branch.clone(), outcome });
    }
    Ok((lanes, tips, merged))
}

/// Those of the branches `inside` that a lane conflicts with alone; all of them where it takes several.
fn opponents(
    scratch: &mut Scratch,
    own: &OwnFiles<'_>,
    inside: &[(String, String)],
    lane_tip: &str,
    budget: &mut usize,
) -> Result<Vec<String>, GitError> {
    const MOST: usize = 10;
    let mut with = Vec::new();
    for (branch, tip) in inside.iter().take(*budget) {
        *budget -= 1;
        if own.leaves(&scratch.merge(None, tip, lane_tip)?.conflicts) {
            with.push(branch.clone());
        }
    }
    if with.is_empty() {
        with.extend(inside.iter().take(MOST).map(|(branch, _)| branch.clone()));
    }
    Ok(with)
}

fn on_target(
    scope: &MergeScope,
    scratch: &mut Scratch,
    own: &OwnFiles<'_>,
    target: &str,
    tip: &str,
) -> Result<TargetForecast, GitError> {
    let branch = scope.mission_branch.as_deref().unwrap_or_default();
    if scope.options.strategy != Strategy::Rebase {
        let merge = scratch.merge(None, target, tip)?;
        let Merged { tree, conflicts } =
            own.settle(scratch, merge, (target, &scope.target), (tip, branch))?;
        return Ok(if conflicts.is_empty() {
            TargetForecast::Clean { tree }
        } else {
            TargetForecast::Conflicts(conflicts)
        });
    }
    let mut onto = target.to_owned();
    let mut tree = format!("{target}^{{tree}}");
    for (commit, parent) in scratch.commits(target, tip)? {
        let merged = scratch.merge(Some(&parent), &onto, &commit)?;
        let merged = own.settle(scratch, merged, (&onto, &scope.target), (&commit, branch))?;
        if !merged.conflicts.is_empty() {
            return Ok(TargetForecast::Conflicts(merged.conflicts));
        }
        onto = scratch.commit(&merged.tree, &[&onto])?;
        tree = merged.tree;
    }
    Ok(TargetForecast::Clean { tree })
}

/// A short name for what a forecast says.
fn id_of(inputs: &Inputs<'_>) -> String {
    let text = serde_json::to_vec(inputs).unwrap_or_else(|error| unreachable!("strings are JSON: {error}"));
    let hash = git2::Oid::hash_object(git2::ObjectType::Blob, &text);
    hash.map(|hash| hash.to_string()[..16].to_owned()).unwrap_or_default()
}

/// Paths that a change would write in a work tree where something else stands: what git does not know there.
///
/// # Errors
/// What git says.
pub fn obstructions(worktree: &Path, changes: &[Change]) -> Result<Vec<PathBuf>, GitError> {
    let added = changes.iter().filter(|change| change.letter == 'A');
    // A directory is where a submodule goes.
    let in_place = |change: &&Change| change.submodule && worktree.join(&change.path).is_dir();
    let added = added.filter(|change| !in_place(change)).map(|change| change.path.as_path());
    let standing: Vec<&Path> = added.filter_map(|path| in_the_way(worktree, path)).collect();
    // What git knows is not in the way: it is reported as changed where it is. Neither is an empty directory.
    Git::new(worktree).unknown(&standing)
}

/// What stands where a path would be written: the path itself, or a file where a directory is needed.
fn in_the_way<'a>(worktree: &Path, path: &'a Path) -> Option<&'a Path> {
    let mut above: Vec<_> = path.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty()).collect();
    above.reverse();
    for directory in above {
        match worktree.join(directory).symlink_metadata() {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return Some(directory),
            Err(_) => return None,
        }
    }
    worktree.join(path).symlink_metadata().is_ok().then_some(path)
}
