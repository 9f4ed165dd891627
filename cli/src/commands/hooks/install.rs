//! Installing hooks, and taking away those that were installed.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use clearance_engine::exit::ExitStatus;
use clearance_engine::source::{harmless, read_bytes, shell_quote};
use serde_json::json;

use super::place::{NotOurs, Place};
use super::script::{self, Whose};
use super::{account, answer};
use crate::args::Global;
use crate::args::hooks::HookName;
use crate::commands::{Answer, target};
use crate::env::Env;
use crate::failure::Failure;

/// What became of a hook, or what it is.
struct Told {
    hook: HookName,
    outcome: &'static str,
    message: String,
    help: Option<String>,
}

impl Told {
    fn new(hook: HookName, outcome: &'static str, message: impl Into<String>, help: Option<String>) -> Self {
        Self { hook, outcome, message: message.into(), help }
    }

    fn is_refused(&self) -> bool {
        self.outcome == REFUSED
    }
}

const REFUSED: &str = "refused";

/// What stands in the place of a hook.
enum Found {
    Nothing,
    Own {
        whose: Whose,
        runs: bool,
    },
    /// Somebody else's: what it is.
    Foreign(&'static str),
    /// Nothing that git could run: what it is.
    InTheWay(&'static str),
}

/// Writes the hooks that are not there; each by itself, so that one that is there keeps none of the others away.
pub(super) fn install(hooks: &[HookName], global: &Global, env: &Env) -> Result<Answer, Failure> {
    let place = Place::of(&target::repository(global, env)?)?;
    if let Some(NotOurs { code, message, help }) = place.not_ours {
        return Err(Failure::blocked(code, format!("{message}. Nothing was installed"), help));
    }
    fs::create_dir_all(&place.directory).map_err(|error| no_directory(&place.directory, &error))?;
    let told: Result<Vec<_>, _> = hooks.iter().map(|hook| install_one(*hook, &place.directory)).collect();
    Ok(said("install", &place.directory, &told?, global))
}

fn install_one(hook: HookName, directory: &Path) -> Result<Told, Failure> {
    let path = directory.join(hook.as_str());
    let found = match look(&path, hook)? {
        // Somebody may write one at this very moment: what decides is whether the name can be taken.
        Found::Nothing if write(directory, &path, &script::text(hook))? => {
            return Ok(Told::new(hook, "installed", "installed", None));
        }
        Found::Nothing => look(&path, hook)?,
        found => found,
    };
    let again =
        format!("clearance hooks uninstall --hook {0} && clearance hooks install --hook {0}", hook.as_str());
    Ok(match found {
        Found::Own { whose: Whose::Ours, runs: true } => {
            Told::new(hook, "already_installed", "installed already", None)
        }
        Found::Own { whose: Whose::Edited, .. } => {
            let message = "it was changed since it was installed, and is left as it is";
            Told::new(hook, REFUSED, message, Some(format!("move it away first: {}", moved(&path))))
        }
        Found::Own { whose: Whose::Ours, runs: false } => {
            let message = "it is there and may not be executed, so git passes over it";
            Told::new(hook, REFUSED, message, Some(format!("chmod +x {}", quoted(&path))))
        }
        Found::Own { .. } => Told::new(hook, REFUSED, "it is that of another version", Some(again)),
        Found::Foreign(what) => {
            let message = format!("{what} is there already, and is left as it is");
            let line = format!("have it run this as well: clearance hooks run {} \"$@\"", hook.as_str());
            Told::new(hook, REFUSED, message, Some(line))
        }
        Found::InTheWay(what) => {
            let message = format!("{what} is in its place, which git cannot run, and is left as it is");
            Told::new(hook, REFUSED, message, Some(format!("move it away first: {}", moved(&path))))
        }
        Found::Nothing => Told::new(hook, REFUSED, "it came and went while it was looked at", Some(again)),
    })
}

/// Says what is there.
pub(super) fn list(global: &Global, env: &Env) -> Result<Answer, Failure> {
    let place = Place::of(&target::repository(global, env)?)?;
    let one = |hook: &HookName| -> Result<Told, Failure> {
        let (outcome, message) = match look(&place.directory.join(hook.as_str()), *hook)? {
            Found::Nothing => ("none", "none"),
            Found::Own { runs: false, .. } => {
                ("not_executable", "installed, and git passes over it: it may not be executed")
            }
            Found::Own { whose: Whose::Ours, .. } => ("installed", "installed"),
            Found::Own { whose: Whose::Edited, .. } => ("edited", "installed, and changed since"),
            Found::Own { .. } => ("other_version", "installed by another version"),
            Found::Foreign(what) | Found::InTheWay(what) => ("foreign", what),
        };
        Ok(Told::new(*hook, outcome, message, None))
    };
    let told: Result<Vec<_>, _> = HookName::ALL.iter().map(one).collect();
    Ok(said("list", &place.directory, &told?, global))
}

/// Removes those that are exactly as they were installed.
pub(super) fn uninstall(
    hooks: &[HookName],
    named: bool,
    global: &Global,
    env: &Env,
) -> Result<Answer, Failure> {
    let place = Place::of(&target::repository(global, env)?)?;
    let one = |hook: &HookName| -> Result<Told, Failure> {
        let path = place.directory.join(hook.as_str());
        Ok(match look(&path, *hook)? {
            Found::Nothing => Told::new(*hook, "none", "none", None),
            Found::Own { whose: Whose::Edited, .. } => {
                let message = "it was changed since it was installed, and is left as it is";
                Told::new(*hook, REFUSED, message, Some(format!("move it away yourself: {}", moved(&path))))
            }
            Found::Own { .. } => {
                fs::remove_file(&path).map_err(|error| not_written(&path, &error))?;
                Told::new(*hook, "removed", "removed", None)
            }
            Found::Foreign(what) | Found::InTheWay(what) => {
                let outcome = if named { REFUSED } else { "foreign" };
                Told::new(
                    *hook,
                    outcome,
                    format!("{what}: not installed by clearance, and left as it is"),
                    None,
                )
            }
        })
    };
    let told: Result<Vec<_>, _> = hooks.iter().map(one).collect();
    Ok(said("uninstall", &place.directory, &told?, global))
}

fn look(path: &Path, hook: HookName) -> Result<Found, Failure> {
    let unreadable = |error: &dyn std::fmt::Display| {
        Failure::undecided("hook_unreadable", format!("{} cannot be looked at: {error}", path.display()))
    };
    let metadata = match path.symlink_metadata() {
        Ok(metadata) => metadata,
        // Where the directory is a file, such as /dev/null, there are no hooks.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Found::Nothing);
        }
        Err(error) => return Err(unreadable(&error)),
    };
    if metadata.is_symlink() {
        return Ok(if path.is_file() {
            Found::Foreign("a link")
        } else {
            Found::InTheWay("a link to no file")
        });
    }
    if metadata.is_dir() {
        return Ok(Found::InTheWay("a directory"));
    }
    if !metadata.is_file() {
        return Ok(Found::InTheWay("something that is no file"));
    }
    if metadata.len() > script::LONGEST {
        return Ok(Found::Foreign("another hook"));
    }
    let name = path.to_string_lossy();
    let content = read_bytes(&name, path, script::LONGEST).map_err(|error| unreadable(&error))?;
    Ok(match content.map(|content| Whose::of(&content, hook)) {
        None => Found::Nothing,
        Some(Whose::Foreign) => Found::Foreign("another hook"),
        Some(whose) => Found::Own { whose, runs: runs(&metadata) },
    })
}

#[cfg(unix)]
fn runs(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn runs(_: &fs::Metadata) -> bool {
    true
}

/// Writes a file whole or not at all, where nothing stands yet; whether it did.
fn write(directory: &Path, path: &Path, text: &str) -> Result<bool, Failure> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".clearance-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755));
    let file = builder.tempfile_in(directory).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        Ok(file)
    });
    match file.map_err(|error| not_written(path, &error))?.persist_noclobber(path) {
        Ok(_) => Ok(true),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(not_written(path, &error.error)),
    }
}

/// A file in the place of the directory is in the way; what else there is, the system knows.
fn no_directory(path: &Path, error: &io::Error) -> Failure {
    if !path.exists() || path.is_dir() {
        return not_written(path, error);
    }
    let message = format!("{} is no directory, so git finds no hooks there", path.display());
    Failure::undecided_until("not_written", message, format!("move it away first: {}", moved(path)))
}

fn not_written(path: &Path, error: &io::Error) -> Failure {
    let help = format!("look at its permissions: ls -ld {}", quoted(path.parent().unwrap_or(path)));
    Failure::undecided_until("not_written", format!("{}: {error}", path.display()), help)
}

fn quoted(path: &Path) -> String {
    shell_quote(&path.to_string_lossy())
}

/// The command that moves a file away without overwriting another one.
fn moved(path: &Path) -> String {
    format!("mv -n {} {}", quoted(path), quoted(&path.with_extension("old")))
}

fn said(command: &str, directory: &Path, told: &[Told], global: &Global) -> Answer {
    let refused = told.iter().any(Told::is_refused);
    let status = if refused { ExitStatus::Blocked } else { ExitStatus::Done };
    let hooks = told.iter().map(|told| {
        json!({
            "hook": told.hook.as_str(),
            "outcome": told.outcome,
            "path": directory.join(told.hook.as_str()).to_string_lossy(),
            "message": told.message,
            "help": told.help,
        })
    });
    let more = json!({ "directory": directory.to_string_lossy(), "hooks": hooks.collect::<Vec<_>>() });
    let mut text = String::new();
    for told in told.iter().filter(|told| !global.quiet || told.is_refused()) {
        text.push_str(&format!("{:<17} {}\n", told.hook.as_str(), told.message));
        if let Some(help) = &told.help {
            text.push_str(&format!("{:<17} {help}\n", ""));
        }
    }
    if !global.quiet {
        text.push_str(&format!("in {}\n", directory.display()));
    }
    answer(harmless(&text), status, &account(command, status, more), global)
}
