//! What the branches of a merge know of a mission, and the log that is read does not.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use clearance_engine::check::{CheckContext, CheckError, Findings};
use clearance_engine::id::TaskId;
use clearance_engine::lane::Lane;
use clearance_engine::limits;
use clearance_engine::mission::MISSIONS_DIR;
use clearance_engine::mission::artefact::ArtefactError;
use clearance_engine::mission::log::LOG;
use clearance_engine::mission::state::MissionState;
use clearance_engine::repo::questions::holding;
use clearance_engine::repo::{Git, Repo};
use clearance_engine::source::{Source, read_bytes, shell_quote};

use crate::checks::common::{at, blocker, git_in, shell_path};

/// What the branches of the merge know of the mission and the log that is read here does not: it would come in with the
/// merge, and count only then. Says whether there is anything.
pub(super) fn behind(
    context: CheckContext<'_>,
    state: &MissionState,
    name: &str,
    findings: &mut Findings<'_>,
) -> Result<bool, CheckError> {
    let (repo, mission) = (context.repo, context.mission()?);
    let Some(merge) = context.merge.filter(|_| name.starts_with(MISSIONS_DIR)) else { return Ok(false) };
    let view = repo.view();
    let path = mission.path_of(LOG).map_err(Arc::new)?;
    let ours = read_bytes(name, &path, limits::STATUS_LOG);
    let ours = ours.map_err(|error| Arc::new(ArtefactError::from(error)))?.unwrap_or_default();
    let known: BTreeSet<&[u8]> = lines_of(&ours).into_iter().collect();
    let mut is_behind = false;
    // Most branches have one and the same log.
    let mut seen = BTreeSet::new();
    for branch in merge.branches() {
        if view.file_id_at(&branch, name)?.is_none_or(|id| !seen.insert(id)) {
            continue;
        }
        let Some(theirs) = view.file_at(&branch, name, limits::STATUS_LOG)? else { continue };
        if theirs == ours {
            continue;
        }
        let mut unknown = lines_of(&theirs);
        unknown.retain(|line| !known.contains(line));
        if unknown.is_empty() {
            continue;
        }
        // What was there when they parted was taken out here since, and does not come back.
        let with =
            if branch == merge.target { "HEAD".to_owned() } else { format!("refs/heads/{}", merge.target) };
        let parted = before_they_parted(repo, &with, &branch, name);
        let parted: BTreeSet<&[u8]> = lines_of(&parted).into_iter().collect();
        unknown.retain(|line| !parted.contains(line));
        let Some(what) = undone(state, name, &ours, &unknown) else { continue };
        let message = format!(
            "{branch} has events of the mission that {name} does not have here, and with them {what}"
        );
        let elsewhere = holding(&view.worktrees()?, &branch).is_empty();
        let command = if branch == merge.target && elsewhere {
            format!("{} switch {}", git_in(repo.root()), shell_quote(&branch))
        } else {
            taken_over(repo, &branch, name)
        };
        findings.report(blocker("event_log_behind", LOG, message, at(name), command))?;
        is_behind = true;
    }
    Ok(is_behind)
}

/// What is approved here and would not be with more lines of the log; `None` where they undo nothing.
fn undone(state: &MissionState, name: &str, ours: &[u8], more: &[&[u8]]) -> Option<String> {
    if more.is_empty() {
        return None;
    }
    let all = [ours, b"\n", &more.join(&b"\n"[..]), b"\n"].concat();
    let read = Source::of_log(name, Path::new(name), all).map_err(ArtefactError::from);
    let with_them = match read.and_then(|source| MissionState::reduce(&source)) {
        Ok(with_them) => with_them,
        Err(error) => return Some(format!("it cannot be read: {error}")),
    };
    let undone = with_them.work_packages.iter().filter_map(|(id, own)| {
        let here = TaskId::parse(id).ok().map_or(Lane::Genesis, |id| state.lane_of(&id));
        let is_new = !state.work_packages.contains_key(id);
        (!own.lane.is_settled() && (here.is_settled() || is_new)).then(|| format!("{id} is in {}", own.lane))
    });
    let undone: Vec<_> = undone.collect();
    (!undone.is_empty()).then(|| undone.join(", "))
}

/// Lines, whatever they end with in a work tree.
fn lines_of(text: &[u8]) -> Vec<&[u8]> {
    text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()).collect()
}

/// A file as it was when two branches had it in common last; nothing where they never had.
fn before_they_parted(repo: &Repo, one: &str, branch: &str, name: &str) -> Vec<u8> {
    let git = Git::new(repo.root());
    let base = git.run(&["merge-base", one, &format!("refs/heads/{branch}")]);
    let file = base.and_then(|base| git.run(&["cat-file", "blob", &format!("{base}:{name}")]));
    file.unwrap_or_default().into_bytes()
}

/// Adds the lines of a branch's log that are not here, and records them. Their order does not matter: events have a time.
fn taken_over(repo: &Repo, branch: &str, name: &str) -> String {
    let git = git_in(repo.root());
    let file = shell_path(&repo.root().join(name));
    let theirs = shell_quote(&format!("refs/heads/{branch}:{name}"));
    let message = shell_quote(&format!("Take over the events of {branch}"));
    format!(
        "{git} show {theirs} | grep --invert-match --line-regexp --fixed-strings --file={file} >> {file}; {git} commit --quiet -m {message} -- {file}"
    )
}
