//! What would come of a merge: git's own answer, lane by lane and then on the target, in a throw-away object directory.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::bookkeeping::{Bookkeeping, Recorded};
use super::course::{Committer, Course, Maker, Nameless, Start};
use super::land::CleanUp;
use super::number::mission_number;
use super::own_files::OwnFiles;
use super::scope::{Allowed, MergeOptions, MergeScope, ScopeError, Strategy};
use crate::mission::Mission;
use crate::mission::home::HomeError;
use crate::repo::conflict::Conflict;
use crate::repo::gated::Gated;
use crate::repo::questions::holding;
use crate::repo::{Change, Git, GitError, ObjectStore, Repo, RepoError};

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
    /// What the merge would record of itself; its tree is the target's in the end.
    pub recorded: Recorded,
    /// The number that a mission without one would get.
    pub next_number: Result<Option<u64>, ScopeError>,
    /// What identifies it: the commits that it is computed from, the options, and the trees that it gives.
    pub plan_id: String,
    /// The branches that would move.
    pub moves: Vec<Move>,
    /// What would be removed in the end.
    pub clean_up: CleanUp,
}

/// A branch that would move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Move {
    /// Its name in full.
    #[serde(rename = "ref")]
    pub name: String,
    /// The commit that it is at.
    pub old: String,
    /// The tree that it would have. The commit is made by the merge.
    pub tree: String,
    /// The work trees that have it checked out.
    pub work_trees: Vec<PathBuf>,
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

impl LaneForecast {
    /// Whether it does not merge.
    #[must_use]
    pub fn conflicts(&self) -> bool {
        matches!(self.outcome, LaneOutcome::Conflicts { .. })
    }
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
        /// What git makes of it, before anything is recorded in it.
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
    /// The log of the mission cannot be found.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// A commit was refused; who made it knows why.
    #[error("a commit was refused")]
    Stopped,
    /// No throw-away object directory.
    #[error("no temporary directory: {0}")]
    Scratch(#[from] std::io::Error),
}

/// What a plan is made of and what it gives, for its id.
#[derive(Serialize)]
struct Inputs<'a> {
    start: &'a Start,
    options: PlanOptions<'a>,
    tree: &'a str,
    state: Option<&'a str>,
    /// What is removed: branches, and work trees by the bytes of their paths.
    removed: (Vec<&'a str>, Vec<&'a [u8]>),
}

/// The options that change what is done.
#[derive(Serialize)]
struct PlanOptions<'a> {
    target: &'a str,
    strategy: Strategy,
    push: bool,
    delete_branch: bool,
    remove_worktree: bool,
    allowed: &'a [Allowed],
}

impl Forecast {
    /// Computes it.
    ///
    /// # Errors
    /// [`ForecastError`].
    pub fn of(scope: &MergeScope, repo: &Repo, mission: &Mission) -> Result<Self, ForecastError> {
        let Some(start) = Start::of(scope, repo, mission)? else { return Ok(Self::nothing(scope, repo)?) };
        let mut store = repo.throw_away(&start.target)?;
        let laid = lay(scope, repo, mission, &mut store, &start, &mut Nameless)?;
        Ok(Self::told(scope, (repo, mission), store, &start, laid)?)
    }

    fn told(
        scope: &MergeScope,
        (repo, mission): (&Repo, &Mission),
        store: ObjectStore,
        start: &Start,
        laid: Laid,
    ) -> Result<Self, RepoError> {
        let Laid { course, by_meaning, next_number } = laid;
        let moves = moves(scope, repo, &store, start, &course)?;
        let moved = start.mission.as_ref().zip(course.mission.as_deref());
        let moved = moved.and_then(|((_, old), new)| (old != new).then_some(new));
        let clean_up = CleanUp::of(scope, (repo, mission), start, moved)?;
        let plan_id = course.plan_id(scope, start, &clean_up);
        let Course { lanes, mission: merged, target, recorded, landed, .. } = course;
        let base = start.target.as_str();
        let changes = match landed {
            Some(_) => store.changes(base, &recorded.tree)?,
            None => Vec::new(),
        };
        let mission_changes = match start.mission.as_ref().zip(merged.as_ref()) {
            Some(((branch, tip), merged))
                if merged != tip && !holding(&repo.view().worktrees()?, branch).is_empty() =>
            {
                store.changes(tip, merged)?
            }
            _ => Vec::new(),
        };
        // Where something conflicts there is no tree.
        let gated = if recorded.tree.is_empty() { None } else { store.gated(base, &recorded.tree) };
        Ok(Self {
            plan_id,
            gated,
            lanes,
            target,
            changes,
            by_meaning,
            mission_changes,
            recorded,
            next_number,
            moves,
            clean_up,
        })
    }

    /// Whether a branch would move.
    #[must_use]
    pub(super) fn moves_branch(&self, branch: &str) -> bool {
        self.moves.iter().any(|moved| moved.name.strip_prefix("refs/heads/") == Some(branch))
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
        Ok(Self {
            gated: None,
            lanes,
            target: TargetForecast::NotAsked,
            changes: Vec::new(),
            by_meaning: BTreeSet::new(),
            mission_changes: Vec::new(),
            recorded: Recorded::default(),
            next_number: Ok(None),
            plan_id: String::new(),
            moves: Vec::new(),
            clean_up: CleanUp::default(),
        })
    }
}

/// The branches that a course moves, the target first.
fn moves(
    scope: &MergeScope,
    repo: &Repo,
    store: &ObjectStore,
    start: &Start,
    course: &Course,
) -> Result<Vec<Move>, RepoError> {
    let trees = repo.view().worktrees()?;
    let target = Some((scope.target.clone(), start.target.clone())).zip(course.landed.clone());
    let own = start.mission.clone().zip(course.mission.clone());
    let state = start.state.clone().zip(course.state.as_ref().map(|(_, commit)| commit.clone()));
    let moved = [target, own, state].into_iter().flatten().filter(|((_, old), new)| old != new);
    moved
        .map(|((branch, old), new)| {
            let work_trees = holding(&trees, &branch).into_iter().cloned().collect();
            Ok(Move { name: format!("refs/heads/{branch}"), old, tree: store.tree_of(&new)?, work_trees })
        })
        .collect()
}

/// What was computed of a merge.
pub(super) struct Laid {
    pub(super) course: Course,
    /// The mission's own files that conflicted line by line.
    pub(super) by_meaning: BTreeSet<String>,
    /// The number that a mission without one gets.
    pub(super) next_number: Result<Option<u64>, ScopeError>,
}

/// Computes a merge: for the forecast and for the merge itself.
pub(super) fn lay(
    scope: &MergeScope,
    repo: &Repo,
    mission: &Mission,
    store: &mut ObjectStore,
    start: &Start,
    committer: &mut dyn Committer,
) -> Result<Laid, ForecastError> {
    let own = OwnFiles::of(mission);
    let next_number = mission_number(mission, repo, &scope.target);
    let number = *next_number.as_ref().unwrap_or(&None);
    let newest = store.newest(&start.commits())?;
    let inputs = json_of(start);
    let bookkeeping = Bookkeeping::of(scope, repo, mission, number, (&start.target, newest, &inputs))?;
    let mut maker = Maker { scope, repo, own: &own, bookkeeping: &bookkeeping, committer };
    let course = maker.course(store, start)?;
    let by_meaning = own.settled();
    Ok(Laid { course, by_meaning, next_number })
}

impl Course {
    /// The id of the plan: the same for the same branches, options and results.
    pub(super) fn plan_id(&self, scope: &MergeScope, start: &Start, clean_up: &CleanUp) -> String {
        let options = &scope.options;
        let MergeOptions { strategy, push, delete_branch, remove_worktree, allowed, .. } = options;
        let options = PlanOptions {
            target: &scope.target,
            strategy: *strategy,
            push: *push,
            delete_branch: *delete_branch,
            remove_worktree: *remove_worktree,
            allowed,
        };
        let state = self.recorded.state.as_ref().map(|(_, tree)| tree.as_str());
        let branches = clean_up.branches.iter().map(|(branch, _)| branch.as_str()).collect();
        let trees = clean_up.work_trees.iter().map(|tree| tree.root.as_os_str().as_encoded_bytes()).collect();
        id_of(&Inputs { start, options, tree: &self.recorded.tree, state, removed: (branches, trees) })
    }
}

fn json_of(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_else(|error| unreachable!("strings are JSON: {error}"))
}

/// A short name for what a forecast says.
fn id_of(inputs: &Inputs<'_>) -> String {
    let text = json_of(inputs);
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
