//! What a merge is about: target, mission branch, lanes in the order they merge, and the options.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::forecast::{Forecast, ForecastError};
use super::target::main_line;
use crate::id::WpId;
use crate::lane::Lane;
use crate::limits;
use crate::mission::artefact::ArtefactError;
use crate::mission::lanes::Lanes;
use crate::mission::log::LOG;
use crate::mission::meta::Meta;
use crate::mission::state::MissionState;
use crate::mission::{MISSIONS_DIR, Mission};
use crate::repo::{GitError, Head, Repo, RepoError};
use crate::run::in_words;
use crate::source::Source;

/// How the mission branch gets onto the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// A merge commit.
    Merge,
    /// One commit with everything.
    #[default]
    Squash,
    /// Commit by commit on top of the target.
    Rebase,
}

impl Strategy {
    /// As it is named on the command line and in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Merge => "merge",
            Self::Squash => "squash",
            Self::Rebase => "rebase",
        }
    }

    /// What a mission is then.
    #[must_use]
    pub fn participle(self) -> &'static str {
        match self {
            Self::Merge => "merged",
            Self::Squash => "squashed",
            Self::Rebase => "rebased",
        }
    }
}

/// What was asked for.
#[derive(Debug, Clone, Default)]
pub struct MergeOptions {
    /// `--target`
    pub target: Option<String>,
    /// `--strategy`
    pub strategy: Strategy,
    /// Push when it is done.
    pub push: bool,
    /// Ask the remote where the target is, also without a push.
    pub fetch: bool,
    /// How long the remote may take to answer.
    pub remote_deadline: Duration,
    /// Remove the branches when it is done.
    pub delete_branch: bool,
    /// Remove the work trees when it is done.
    pub remove_worktree: bool,
    /// Where the caller stands: the work tree around it is not removed.
    pub standing: Option<PathBuf>,
    /// Work packages that somebody lets through though they are not approved.
    pub allowed: Vec<Allowed>,
}

/// A work package that is let through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowed {
    /// Which.
    pub work_package: WpId,
    /// Who lets it through.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// An execution lane, as it takes part in a merge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LaneBranch {
    /// `lane-a`
    pub lane_id: String,
    /// Its work packages.
    pub wp_ids: Vec<String>,
    /// Lanes that merge before it.
    pub depends_on_lanes: Vec<String>,
    /// Its branch; `None` for a lane that has none here.
    pub branch: Option<String>,
    /// Why it has none: `planning` work is done on the target, another `repository` has it.
    pub elsewhere: Option<String>,
}

impl LaneBranch {
    /// Whether its work is done in another repository.
    #[must_use]
    pub fn is_of_other_repository(&self) -> bool {
        self.elsewhere.as_ref().is_some_and(|place| place != PLANNING)
    }
}

/// Where the work of a planning lane is done: on the target itself.
const PLANNING: &str = "planning";

/// What a merge is about.
#[derive(Debug)]
pub struct MergeScope {
    /// The branch merged into.
    pub target: String,
    /// The branch that the lanes merge into first. `None` when there is nothing but planning lanes.
    pub mission_branch: Option<String>,
    /// In the order they merge: a lane after those it depends on.
    pub lanes: Vec<LaneBranch>,
    /// Lanes that depend on each other in a circle; they stand in the order of the file.
    pub circle: Vec<String>,
    /// The options.
    pub options: MergeOptions,
    forecast: OnceLock<Result<Forecast, String>>,
}

/// Why it cannot be told what would be merged.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum ScopeError {
    /// A manifest cannot be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Artefact(#[from] Arc<ArtefactError>),
    /// git cannot tell.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Repo(#[from] RepoError),
    /// Nothing names a target.
    #[error("it is not known which branch to merge into")]
    #[diagnostic(
        code(target_branch_unknown),
        help("name it: --target BRANCH, or add `target_branch` to meta.json")
    )]
    NoTarget,
    /// The number of a mission on the target is not known, so neither is the next one.
    #[error("the number that the mission would get is not known: {file} on {target}: {why}")]
    #[diagnostic(code(mission_number_unknown), help("correct {file}, and commit that on {target}"))]
    Number {
        /// The `meta.json`.
        file: String,
        /// The branch that has it.
        target: String,
        /// What is wrong with it.
        why: String,
    },
}

impl MergeScope {
    /// Reads what a merge of a mission is about.
    ///
    /// # Errors
    /// [`ScopeError`].
    pub fn of(mission: &Mission, repo: &Repo, mut options: MergeOptions) -> Result<Self, ScopeError> {
        // A manifest that is broken is a finding; the rest of the answer does not depend on it.
        let lanes = mission.lanes().ok().flatten();
        let said = mission.meta().ok().flatten().and_then(Meta::target);
        // Who said that they stay said it for good.
        if let Ok(Some(meta)) = mission.meta() {
            options.delete_branch &= !meta.retain_branches;
            options.remove_worktree &= !meta.retain_worktrees;
        }
        let target = match options.target.as_deref().or(said) {
            Some(target) => target.to_owned(),
            None => default_branch(repo)?.ok_or(ScopeError::NoTarget)?,
        };
        let usual = format!("kitty/mission-{}", mission.slug());
        let mission_branch = lanes
            .and_then(|lanes| lanes.mission_branch.clone())
            .filter(|name| !name.trim().is_empty())
            .unwrap_or_else(|| usual.clone());
        // One that cannot be read is told of by the checks.
        let is_there = repo.view().branch_tip(&mission_branch).map_or(true, |tip| tip.is_some());
        let is_merged = !is_there && is_merged(mission, repo, &target)?;
        let (lanes, circle) = match lanes.filter(|_| !is_merged) {
            Some(manifest) => in_order(manifest, &mission_branch, &usual, repo),
            None => (Vec::new(), Vec::new()),
        };
        let planning_only = !lanes.is_empty() && lanes.iter().all(|lane| lane.branch.is_none());
        // Where there is one all the same, what is on it is merged.
        let has_branch = is_there || !planning_only && !is_merged;
        let mission_branch = has_branch.then_some(mission_branch);
        Ok(Self { target, mission_branch, lanes, circle, options, forecast: OnceLock::new() })
    }

    /// What would come of the merge, computed once for all who ask, in a throw-away object directory.
    ///
    /// # Errors
    /// Why it could not be computed.
    pub fn forecast(&self, repo: &Repo, mission: &Mission) -> Result<&Forecast, &str> {
        let computed =
            self.forecast.get_or_init(|| Forecast::of(self, repo, mission).map_err(|error| why_none(&error)));
        computed.as_ref().map_err(String::as_str)
    }

    /// The first line of the message that the merge would have.
    #[must_use]
    pub fn subject(&self, slug: &str) -> String {
        let how = match self.options.strategy {
            Strategy::Squash => "Squash",
            Strategy::Merge | Strategy::Rebase => "Merge",
        };
        format!("{how} mission {slug} into {}", self.target)
    }

    /// Every branch that takes part.
    #[must_use]
    pub fn branches(&self) -> Vec<String> {
        let lanes = self.lanes.iter().filter_map(|lane| lane.branch.clone());
        [self.target.clone()].into_iter().chain(self.mission_branch.clone()).chain(lanes).collect()
    }

    /// Where a lane's work tree belongs.
    #[must_use]
    pub fn worktree_of(&self, repo: &Repo, mission: &Mission, lane: &LaneBranch) -> PathBuf {
        repo.root().join(".worktrees").join(format!("{}-{}", mission.slug(), lane.lane_id))
    }
}

/// Whether the mission was merged before, as the target itself has it, and nothing is left to merge: then its branches were
/// removed.
fn is_merged(mission: &Mission, repo: &Repo, target: &str) -> Result<bool, RepoError> {
    let read = |file: &str, limit| -> Result<Option<Vec<u8>>, RepoError> {
        let name = format!("{MISSIONS_DIR}/{}/{file}", mission.slug());
        repo.view().file_at(target, &name, limit)
    };
    let meta =
        read("meta.json", limits::MANIFEST)?.and_then(|text| serde_json::from_slice::<Meta>(&text).ok());
    if meta.is_none_or(|meta| meta.baseline_merge_commit.is_none()) {
        return Ok(false);
    }
    let log = match mission.state_root() == mission.root() {
        true => read(LOG, limits::STATUS_LOG)?.unwrap_or_default(),
        // On a branch of its own, which stays.
        false => match mission.log() {
            Ok(log) => log.map(|log| log.text().as_bytes().to_vec()).unwrap_or_default(),
            Err(_) => return Ok(false),
        },
    };
    let state = Source::of_log(LOG, Path::new(LOG), log).map_err(ArtefactError::from);
    let Ok(state) = state.and_then(|log| MissionState::reduce(&log)) else { return Ok(false) };
    let mut lanes = state.work_packages.values().map(|state| state.lane);
    Ok(state.event_count > 0 && lanes.all(|lane| matches!(lane, Lane::Done | Lane::Canceled)))
}

/// Why there is no forecast, and the way out, in the words that other checks have for it.
fn why_none(error: &ForecastError) -> String {
    match error {
        ForecastError::Git(error) => in_words(error),
        ForecastError::Repo(error) => in_words(error),
        ForecastError::Home(error) => in_words(error),
        stopped @ ForecastError::Stopped => stopped.to_string(),
        ForecastError::Scratch(error) => in_words(&GitError::Temporary(error.kind().into())),
    }
}

/// Where a mission goes that does not say so: onto the main line, else onto what is checked out.
fn default_branch(repo: &Repo) -> Result<Option<String>, RepoError> {
    if let Some(main) = main_line(repo)? {
        return Ok(Some(main));
    }
    Ok(match repo.view().head()? {
        Head::Branch(branch) => Some(branch),
        Head::Detached => None,
    })
}

/// The lanes, each after those it depends on, otherwise as the file has them; and those in a circle.
fn in_order(
    manifest: &Lanes,
    mission_branch: &str,
    usual: &str,
    repo: &Repo,
) -> (Vec<LaneBranch>, Vec<String>) {
    let mut waiting: Vec<_> = manifest.lanes.iter().collect();
    let all: BTreeSet<&str> = waiting.iter().map(|lane| lane.lane_id.as_str()).collect();
    let mut done: BTreeSet<&str> = BTreeSet::new();
    let mut order = Vec::with_capacity(waiting.len());
    let mut circle = Vec::new();
    while !waiting.is_empty() {
        let before = waiting.len();
        let mut still = Vec::new();
        for lane in waiting {
            // A lane that is not there cannot be waited for; the manifest check names it.
            let ready = |on: &String| !all.contains(on.as_str()) || done.contains(on.as_str());
            if lane.depends_on_lanes.iter().all(ready) {
                done.insert(&lane.lane_id);
                order.push(lane);
            } else {
                still.push(lane);
            }
        }
        if still.len() == before {
            circle = still.iter().map(|lane| lane.lane_id.clone()).collect();
            order.append(&mut still);
        }
        waiting = still;
    }
    let mut lanes = Vec::with_capacity(order.len());
    for lane in order {
        let elsewhere = match &lane.target_repository {
            Some(repository) => Some(format!("repository {repository}")),
            None if lane.lane_id == "lane-planning" => Some(PLANNING.to_owned()),
            None => None,
        };
        // Named after the mission branch; the original names them after the slug, whatever the manifest says.
        let names = [format!("{mission_branch}-{}", lane.lane_id), format!("{usual}-{}", lane.lane_id)];
        let mut branch = names[0].clone();
        // A branch that git cannot tell of is told of by the checks that need it.
        let is_there = |name: &str| repo.view().branch_tip(name).ok().flatten().is_some();
        if elsewhere.is_none() && names[0] != names[1] && !is_there(&names[0]) && is_there(&names[1]) {
            branch.clone_from(&names[1]);
        }
        lanes.push(LaneBranch {
            lane_id: lane.lane_id.clone(),
            wp_ids: lane.wp_ids.clone(),
            depends_on_lanes: lane.depends_on_lanes.clone(),
            branch: elsewhere.is_none().then_some(branch),
            elsewhere,
        });
    }
    (lanes, circle)
}
