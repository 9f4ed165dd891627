//! Which mission a command is about, and where its state lives.

use std::time::Duration;

use clearance_engine::lock::{self, FileLock};
use clearance_engine::mission::home::{self, HomeError};
use clearance_engine::mission::{Mission, handle};
use clearance_engine::repo::Repo;

use crate::args::Global;
use crate::env::Env;
use crate::failure::Failure;

/// The repository that is asked about.
pub(super) fn repository(global: &Global, env: &Env) -> Result<Repo, Failure> {
    Ok(match &global.repo {
        Some(directory) => Repo::discover(directory)?,
        None => Repo::discover(env.directory()?)?,
    })
}

/// The mission that is named, by `--mission` or before an ID; all names must mean the same one.
pub(super) fn mission(repo: &Repo, named: Option<&str>, qualifiers: &[String]) -> Result<Mission, Failure> {
    let mut handles = named.into_iter().chain(qualifiers.iter().map(String::as_str));
    let Some(first) = handles.next() else {
        return Ok(handle::infer(repo.root(), repo.caller_branch(), repo.caller_below_root())?);
    };
    let mission = handle::open(repo.root(), first)?;
    for other in handles {
        let meant = handle::open(repo.root(), other)?;
        if meant.slug() != mission.slug() {
            let message = format!("`{other}` names the mission {}, not {}", meant.slug(), mission.slug());
            let help = "one call is about one mission; nothing was changed. Split the call";
            return Err(Failure::usage("mission_mismatch", message, help));
        }
    }
    Ok(mission)
}

/// The lock of a mission, as every command holds it that writes there.
pub(super) fn lock(repo: &Repo, mission: &Mission, deadline: Duration) -> Result<FileLock, Failure> {
    Ok(FileLock::acquire(&lock::of_mission(repo.common_dir(), mission.slug()), deadline)?)
}

/// The mission with its state where it lives, to be read.
pub(super) fn at_home(mission: Mission, repo: &Repo) -> Result<Mission, Failure> {
    let home = home::find(&mission, repo.view())?;
    Ok(mission.at_home(&home, repo.view())?)
}

/// The same for the gate: a `meta.json` that cannot be read is a finding, not the end. The state is then looked for in the
/// mission's directory.
pub(super) fn at_home_if_told(mission: Mission, repo: &Repo) -> Result<Mission, Failure> {
    match home::find(&mission, repo.view()) {
        Err(HomeError::Artefact(_)) => Ok(mission),
        Err(other) => Err(other.into()),
        Ok(home) => Ok(mission.at_home(&home, repo.view())?),
    }
}
