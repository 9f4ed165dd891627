//! The status log can be read, whole.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use clearance_engine::check::{Check, CheckContext, CheckError, CheckMeta, Findings, Needs, Stage};
use clearance_engine::finding::{Excerpt, Location};
use clearance_engine::id::TaskId;
use clearance_engine::lane::Lane;
use clearance_engine::limits;
use clearance_engine::mission::artefact::ArtefactError;
use clearance_engine::mission::log::LOG;
use clearance_engine::mission::state::MissionState;
use clearance_engine::mission::{MISSIONS_DIR, Mission};
use clearance_engine::register_check;
use clearance_engine::repo::questions::holding;
use clearance_engine::repo::{Git, Repo};
use clearance_engine::source::{Source, read_bytes, shell_quote};

use super::common::{at, blocker, git_in, warning, way_out};

register_check!("status-log", StatusLog);

/// What the lanes are is decided on it.
pub struct StatusLog;

impl Check for StatusLog {
    fn meta(&self) -> &CheckMeta {
        &CheckMeta {
            id: "status-log",
            summary: "the mission has a status log, every line of it is understood, and none contradicts another",
            codes: &[
                "event_log_invalid",
                "event_log_missing",
                "event_log_behind",
                "event_log_uncommitted",
                "event_log_torn",
            ],
            stages: &[Stage::Commit, Stage::Merge],
            needs: Needs::Mission,
        }
    }

    fn run(&self, context: CheckContext<'_>, findings: &mut Findings<'_>) -> Result<(), CheckError> {
        let mission = context.mission()?;
        let slug = shell_quote(mission.slug());
        let name = mission.name_of(LOG);
        let state = match mission.settled_state() {
            Ok(state) => state,
            Err(error) => {
                let (file, line) = error.place();
                let location = Location { name: file.to_owned(), line };
                let command = edit(context.repo, mission, &error);
                let fault = blocker("event_log_invalid", file, error.to_string(), location, command);
                findings.report(fault.showing(Excerpt::of_error(&*error)))?;
                return Ok(());
            }
        };
        let missing = mission.path_of(LOG).is_ok_and(|path| !path.exists()) && state.event_count == 0;
        if missing && context.merge.is_some() {
            let message = format!("there is no {name}: nothing says that any work package is approved");
            let inside = name.rfind(MISSIONS_DIR).map_or(name.as_str(), |at| &name[at..]);
            let git = git_in(context.repo.root());
            let command = format!("{git} log --all --oneline -- {}", shell_quote(inside));
            findings.report(blocker("event_log_missing", LOG, message, at(&name), command))?;
        }
        behind(context, state, &name, findings)?;
        uncommitted(context, &name, findings)?;
        if state.log.torn_tail.is_some() {
            let message = format!("the last line of {name} was torn by a crash");
            let command = format!("clearance status --recover --mission {slug}");
            findings.report(warning("event_log_torn", LOG, message, at(&name), Some(command)))?;
        }
        Ok(())
    }
}

/// What the branches of the merge know of the mission and the log that is read here does not: it would come in with the
/// merge, and count only then.
fn behind(
    context: CheckContext<'_>,
    state: &MissionState,
    name: &str,
    findings: &mut Findings<'_>,
) -> Result<(), CheckError> {
    let (repo, mission) = (context.repo, context.mission()?);
    let Some(merge) = context.merge.filter(|_| name.starts_with(MISSIONS_DIR)) else { return Ok(()) };
    let view = repo.view();
    let path = mission.path_of(LOG).map_err(Arc::new)?;
    let ours = read_bytes(name, &path, limits::STATUS_LOG);
    let ours = ours.map_err(|error| Arc::new(ArtefactError::from(error)))?.unwrap_or_default();
    let known: BTreeSet<&[u8]> = lines_of(&ours).into_iter().collect();
    for branch in merge.branches() {
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
    }
    Ok(())
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
    let settled = |lane| matches!(lane, Lane::Approved | Lane::Done | Lane::Canceled);
    let undone = with_them.work_packages.iter().filter_map(|(id, own)| {
        let here = TaskId::parse(id).ok().map_or(Lane::Genesis, |id| state.lane_of(&id));
        let is_new = !state.work_packages.contains_key(id);
        (!settled(own.lane) && (settled(here) || is_new)).then(|| format!("{id} is in {}", own.lane))
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

/// An approval that is in no commit is seen by nobody else, and does not come along. A log of the main work tree that git
/// knows is a change there like any other; of one that git does not know, or that is elsewhere, nobody else speaks.
fn uncommitted(context: CheckContext<'_>, name: &str, findings: &mut Findings<'_>) -> Result<(), CheckError> {
    let path = context.mission()?.path_of(LOG).map_err(Arc::new)?;
    let Some(directory) = path.parent().filter(|_| context.merge.is_some() && path.is_file()) else {
        return Ok(());
    };
    let told = Git::new(directory).run(&["status", "--porcelain", "--ignored", "--", LOG])?;
    let unknown = told.starts_with("??") || told.starts_with("!!");
    if told.is_empty() || (!unknown && name.starts_with(MISSIONS_DIR)) {
        return Ok(());
    }
    let message = format!("{name} has events that are in no commit: nobody else sees them");
    let git = git_in(directory);
    let command =
        format!("{git} add --force -- {LOG} && {git} commit -m 'Record the state of the mission' -- {LOG}");
    findings.report(blocker("event_log_uncommitted", LOG, message, at(name), command))?;
    Ok(())
}

/// Adds the lines of a branch's log that are not here, and records them. Their order does not matter: events have a time.
fn taken_over(repo: &Repo, branch: &str, name: &str) -> String {
    let git = git_in(repo.root());
    let file = shell_quote(&repo.root().join(name).to_string_lossy());
    let theirs = shell_quote(&format!("refs/heads/{branch}:{name}"));
    let message = shell_quote(&format!("Take over the events of {branch}"));
    format!(
        "{git} show {theirs} | grep --invert-match --line-regexp --fixed-strings --file={file} >> {file}; {git} commit --quiet -m {message} -- {file}"
    )
}

/// Opens the line in an editor; of a branch that no work tree has checked out, in one that is made for it.
fn edit(repo: &Repo, mission: &Mission, error: &ArtefactError) -> String {
    let (file, line) = error.place();
    let editor = line.map_or("${EDITOR:-vi}".to_owned(), |line| format!("${{EDITOR:-vi}} +{line}"));
    let place = file.split_once(':').filter(|(_, inside)| inside.starts_with(MISSIONS_DIR));
    let path = mission.path_of(LOG).ok().map(|path| path.to_string_lossy().into_owned());
    let worktree = place.zip(path.as_deref()).and_then(|((branch, inside), path)| {
        let root = path.strip_suffix(inside)?.trim_end_matches('/');
        let (root, branch) = (shell_quote(root), shell_quote(branch));
        Some(format!(
            "{} worktree add --quiet {root} {branch} && {editor} {}",
            git_in(repo.root()),
            shell_quote(path)
        ))
    });
    worktree.unwrap_or_else(|| way_out(repo.root(), error))
}
