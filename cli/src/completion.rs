//! Completion in shells: the shell asks this program, so that missions and rules are those of the repository that one is in.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::env::{CompleteEnv, Shells};
use clap_complete::{ArgValueCandidates, CompletionCandidate};
use clearance_engine::mission::handle;
use clearance_engine::repo::Repo;
use clearance_engine::source::read_bytes;
use clearance_rules::team::files::RULES_DIR;

use crate::args::Cli;
use crate::env::here;
use crate::explain;

/// The variable by which a shell asks.
const VARIABLE: &str = "CLEARANCE_COMPLETE";

/// Answers a shell that asks what could stand on the command line; whether one asked.
pub(crate) fn answered(arguments: &[OsString]) -> bool {
    let place = here().ok();
    let asked = CompleteEnv::with_factory(Cli::command).var(VARIABLE);
    // Who cannot be answered gets no candidates, and no message in the middle of a command line.
    asked.try_complete(arguments.iter().cloned(), place.as_deref()).unwrap_or(true)
}

/// The names of the shells that can ask.
pub(crate) fn shells() -> Vec<&'static str> {
    Shells::builtins().names().collect()
}

/// What makes a shell ask; `None` of a shell that cannot.
pub(crate) fn registration(shell: &str) -> Option<String> {
    let shells = Shells::builtins();
    let mut script = Vec::new();
    let name = "clearance";
    shells.completer(shell)?.write_registration(VARIABLE, name, name, name, &mut script).ok()?;
    String::from_utf8(script).ok()
}

/// The missions of the repository.
pub(crate) fn missions() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let names = repository().and_then(|repo| handle::names(repo.root()).ok()).unwrap_or_default();
        names.into_iter().map(CompletionCandidate::new).collect()
    })
}

/// The checks of this build, and the rules of the repository.
pub(crate) fn rules() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let registry = crate::registry().ok();
        let checks =
            registry.iter().flat_map(|registry| registry.checks().iter().map(|entry| entry.id.to_owned()));
        checks.chain(own_rules()).map(CompletionCandidate::new).collect()
    })
}

/// Everything that can be explained.
pub(crate) fn topics() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let registry = crate::registry().ok();
        let topics = registry.iter().flat_map(explain::topics).map(|topic| topic.id);
        let mut ids: Vec<String> = topics.chain(own_rules()).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter().map(CompletionCandidate::new).collect()
    })
}

/// The rules of the repository.
fn own_rules() -> Vec<String> {
    repository().map(|repo| written_in(&repo.caller_root().join(RULES_DIR))).unwrap_or_default()
}

fn repository() -> Option<Repo> {
    Repo::discover(&here().ok()?).ok()
}

/// The ids in files of rules, as they are written: a rule with a mistake in it is asked for too.
fn written_in(directory: &Path) -> Vec<String> {
    const LONGEST: u64 = 64 << 10;
    let entries = directory.read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
    let yaml = entries.filter(|path| path.extension() == Some(OsStr::new("yaml")));
    let id_of = |path: std::path::PathBuf| {
        let text = String::from_utf8(read_bytes("rule", &path, LONGEST).ok()??).ok()?;
        let id = text.lines().find_map(|line| line.strip_prefix("id:"))?;
        Some(id.split('#').next().unwrap_or_default().trim().to_owned())
    };
    let mut ids: Vec<String> = yaml.filter_map(id_of).filter(|id| !id.is_empty()).collect();
    ids.sort_unstable();
    ids
}
