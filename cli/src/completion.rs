//! Completion in shells: the shell asks this program, so that missions and rules are those of the repository that one is in.
//! Shells put what they are offered on the command line as it stands, so names that a shell would read otherwise are left out.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::{Arg, Command, CommandFactory as _, ValueHint};
use clap_complete::engine::{PathCompleter, ValueCompleter as _};
use clap_complete::env::{CompleteEnv, Shells};
use clap_complete::{ArgValueCandidates, ArgValueCompleter, CompletionCandidate};
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
    let asked = CompleteEnv::with_factory(command).var(VARIABLE);
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
        offered(names)
    })
}

/// The checks of this build, and the rules of the repository.
pub(crate) fn rules() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let registry = crate::registry().ok();
        let checks =
            registry.iter().flat_map(|registry| registry.checks().iter().map(|entry| entry.id.to_owned()));
        offered(checks.chain(own_rules()))
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
        offered(ids)
    })
}

/// The command line, with files and directories completed here: clap would offer every name there is.
fn command() -> Command {
    with_safe_paths(Cli::command())
}

fn with_safe_paths(command: Command) -> Command {
    let is_path = |arg: &Arg| {
        matches!(arg.get_value_hint(), ValueHint::AnyPath | ValueHint::FilePath | ValueHint::DirPath)
    };
    command
        .mut_args(|arg| if is_path(&arg) { arg.add(ArgValueCompleter::new(paths)) } else { arg })
        .mut_subcommands(with_safe_paths)
}

/// The files and directories that what is typed could become.
fn paths(typed: &OsStr) -> Vec<CompletionCandidate> {
    // Whoever types it means the home directory; a directory that is called so is not it.
    let at_home = typed.as_encoded_bytes().starts_with(b"~/");
    let is_safe = |path: &CompletionCandidate| {
        let path = path.get_value().to_str();
        path.is_some_and(|path| is_safe(path.strip_prefix("~/").filter(|_| at_home).unwrap_or(path)))
    };
    PathCompleter::any().complete(typed).into_iter().filter(is_safe).collect()
}

fn offered(names: impl IntoIterator<Item = String>) -> Vec<CompletionCandidate> {
    names.into_iter().filter(|name| is_safe(name)).map(CompletionCandidate::new).collect()
}

/// Whether every shell takes a word for itself: nothing to expand, nothing to run, and no option.
fn is_safe(word: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/+@:".contains(&byte);
    !word.starts_with('-') && word.bytes().all(plain)
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
