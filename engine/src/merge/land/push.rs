//! The push after a landing: the remote takes it only where its branch is still at the commit that was seen there.

use std::time::Duration;

use super::LandError;
use super::journal::{Journal, Push};
use crate::merge::scope::MergeScope;
use crate::repo::{Git, GitError, Repo};

/// What became of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushed {
    /// The remote has it.
    Done,
    /// It has not; this is what git says.
    Refused(String),
}

/// Where the target is pushed to, and what is there now.
///
/// # Errors
/// [`LandError::Moved`]: something is there that the target lacks. The question whether there is was answered before, and a
/// lease on what came since would overwrite it.
pub(super) fn ask(scope: &MergeScope, repo: &Repo, target: &str) -> Result<Option<Push>, LandError> {
    if !scope.options.push {
        return Ok(None);
    }
    let (remote, branch) = repo.followed(&scope.target);
    let lease = repo.remote_tip(&remote, &branch, scope.options.remote_deadline)?;
    let is_here = |tip: &String| -> Result<bool, LandError> {
        Ok(repo.has_commit(tip) && repo.view().is_ancestor(tip, target)?)
    };
    match &lease {
        Some(tip) if !is_here(tip)? => {
            let message = format!("it is at {tip} now, which is not in {}", scope.target);
            Err(LandError::Moved { branch: format!("{remote}/{branch}"), message })
        }
        _ => Ok(Some(Push { remote, branch, lease })),
    }
}

/// Pushes it. Hooks of git run as they always do.
pub(super) fn push(repo: &Repo, journal: &Journal, push: &Push) -> Result<Pushed, LandError> {
    /// Long enough for what a mission has; a remote that says nothing at all must not hold the others for good.
    const LONGEST: Duration = Duration::from_secs(30 * 60);
    const ASKED: Duration = Duration::from_secs(15);
    let Push { remote, branch, lease } = push;
    // Without a commit, the branch must not be there.
    let lease = format!("--force-with-lease=refs/heads/{branch}:{}", lease.as_deref().unwrap_or_default());
    let what = format!("{}:refs/heads/{branch}", journal.target.new);
    let command = ["push", "--atomic", "--porcelain", &lease, "--", remote, &what];
    match Git::new(repo.root()).run_within(&command, LONGEST) {
        Ok(_) => Ok(Pushed::Done),
        Err(GitError::Failed { message, .. }) => {
            // Somebody else may have pushed this very merge meanwhile, this program before it was killed for one.
            let there = repo.remote_tip(remote, branch, ASKED).ok().flatten();
            let has_it = match there.filter(|tip| repo.has_commit(tip)) {
                Some(tip) => repo.view().is_ancestor(&journal.target.new, &tip)?,
                None => false,
            };
            Ok(if has_it { Pushed::Done } else { Pushed::Refused(message) })
        }
        Err(other) => Err(other.into()),
    }
}
