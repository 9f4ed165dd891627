//! Which mission a command is about, and where its state lives.

use clearance_engine::mission::home;
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

/// The mission with its state where it lives, to be read.
pub(super) fn at_home(mission: Mission, repo: &Repo) -> Result<Mission, Failure> {
    let home = home::find(&mission, repo.view())?;
    Ok(mission.at_home(&home, repo.view())?)
}
