//! Where the log of a mission is, seen from a merge.

use crate::merge::scope::MergeScope;
use crate::mission::home::{self, Home, HomeError};
use crate::mission::{MISSIONS_DIR, Mission};
use crate::repo::Repo;

/// Where the log of the mission is.
pub(super) enum LogPlace {
    /// In this directory of what is merged.
    Merged(String),
    /// In this directory of a branch of its own.
    Branch { branch: String, directory: String },
}

/// The branch that the log is on, where it is not merged with the rest.
pub(in crate::merge) fn state_branch(
    scope: &MergeScope,
    repo: &Repo,
    mission: &Mission,
) -> Result<Option<String>, HomeError> {
    Ok(match place(scope, repo, mission)? {
        LogPlace::Merged(_) => None,
        LogPlace::Branch { branch, .. } => Some(branch),
    })
}

pub(super) fn place(scope: &MergeScope, repo: &Repo, mission: &Mission) -> Result<LogPlace, HomeError> {
    let usual = LogPlace::Merged(format!("{MISSIONS_DIR}/{}", mission.slug()));
    let (branch, slug) = match home::find(mission, repo.view()) {
        // A manifest that is broken is a finding of its own.
        Ok(Home::Mission) | Err(HomeError::Artefact(_)) => return Ok(usual),
        Ok(Home::Branch { branch, slug, .. }) => (Some(branch), slug),
        Ok(Home::Worktree { root, slug }) => {
            let trees = repo.view().worktrees()?;
            let tree = trees.into_iter().find(|tree| tree.root == root);
            (tree.and_then(|tree| tree.branch), slug)
        }
        Err(other) => return Err(other),
    };
    let directory = format!("{MISSIONS_DIR}/{slug}");
    Ok(match branch {
        Some(branch) if branch != scope.target => LogPlace::Branch { branch, directory },
        _ => LogPlace::Merged(directory),
    })
}
