//! What several checks need.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clearance_engine::check::{CheckContext, CheckError};
use clearance_engine::finding::{Fault, Location};
use clearance_engine::merge::forecast::{Forecast, TargetForecast};
use clearance_engine::mission::artefact::ArtefactError;
use clearance_engine::repo::Repo;
use clearance_engine::severity::Severity;
use clearance_engine::source::{SourceError, shell_quote};

/// A fault that blocks, with the command that ends it.
pub(super) fn blocker(
    code: &'static str,
    item: impl Into<String>,
    message: impl Into<String>,
    location: Location,
    remediation: impl Into<String>,
) -> Fault {
    let remediation = Some(remediation.into());
    Fault {
        code,
        severity: Severity::Blocker,
        item: item.into(),
        message: message.into(),
        location,
        excerpts: Vec::new(),
        remediation,
    }
}

/// A fault that is worth a look.
pub(super) fn warning(
    code: &'static str,
    item: impl Into<String>,
    message: impl Into<String>,
    location: Location,
    remediation: Option<String>,
) -> Fault {
    Fault {
        code,
        severity: Severity::Warning,
        item: item.into(),
        message: message.into(),
        location,
        excerpts: Vec::new(),
        remediation,
    }
}

/// A place without a line: a branch, a work tree, a file as a whole.
pub(super) fn at(name: impl Into<String>) -> Location {
    Location { name: name.into(), line: None }
}

/// A path as a shell must be given it. One that is not UTF-8 is spelled by the bytes, which a message could not show.
pub(super) fn shell_path(path: &Path) -> String {
    if let Some(text) = path.to_str() {
        return shell_quote(text);
    }
    let mut spelled = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b' ' => {
                spelled.push(char::from(*byte));
            }
            other => spelled.push_str(&format!("\\{other:03o}")),
        }
    }
    format!("\"$(printf '{spelled}')\"")
}

/// `git -C DIR`, so that a command works wherever it is pasted.
pub(super) fn git_in(directory: &Path) -> String {
    format!("git -C {}", shell_path(directory))
}

/// git cannot tell where the main work tree is, so nobody can look into it: no pass.
pub(super) fn main_is_known(repo: &Repo) -> Result<(), CheckError> {
    if !repo.main_is_unknown() {
        return Ok(());
    }
    Err(CheckError::CouldNotLook(format!(
        "the git directory {} is a separate one, and does not know where the main work tree is: ask from inside that one",
        repo.common_dir().display()
    )))
}

/// What to do about a file of a mission that cannot be used, by a command that may be pasted anywhere: the file is named
/// from the top of the work tree `root`. An editor helps only where text is wrong.
pub(super) fn way_out(root: &Path, error: &ArtefactError) -> String {
    let (name, line) = error.place();
    let file = shell_path(&root.join(name));
    match error {
        ArtefactError::Source(SourceError::Io { .. }) => format!("ls -ld {file}"),
        ArtefactError::Source(SourceError::NotAFile { .. }) | ArtefactError::Escapes { .. } => {
            let away = format!("mv -n {file} {file}.away");
            let git = git_in(root);
            // In another work tree the main one knows nothing of it.
            if name.starts_with(".worktrees/") { away } else { format!("{away} && {git} checkout -- {file}") }
        }
        _ => {
            let line = line.map(|line| format!("+{line} ")).unwrap_or_default();
            format!("${{EDITOR:-vi}} {line}{file}")
        }
    }
}

/// Where a branch is missing there is nothing to merge, and so nothing to forecast: the check that says so goes first.
pub(super) fn waits_for_branches(forecast: &Forecast, context: CheckContext<'_>) -> Result<(), CheckError> {
    let merge = context.merge()?;
    if !matches!(forecast.target, TargetForecast::NotAsked) || merge.mission_branch.is_none() {
        return Ok(());
    }
    let target = context.repo.view().branch_tip(&merge.target)?;
    Err(CheckError::Waits(if target.is_none() { "target-sync" } else { "mission-branch" }))
}

/// The first few of many, and how many more there are.
pub(super) fn some_of(names: &[String], most: usize) -> String {
    let shown = names.iter().take(most).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// The name, or with a number that is free.
pub(super) fn free_name(name: &Path) -> PathBuf {
    let mut free = name.to_owned();
    let mut nth = 2;
    while free.symlink_metadata().is_ok() {
        free = with_end(name, &nth.to_string());
        nth += 1;
    }
    free
}

/// A path with something behind its last name.
pub(super) fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name: OsString = path.into();
    name.push(end);
    name.into()
}
