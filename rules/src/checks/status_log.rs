//! The status log can be read, whole.

mod behind;

use std::sync::Arc;

use clearance_engine::check::{Check, CheckContext, CheckError, CheckMeta, Findings, Guards, Needs, Stage};
use clearance_engine::finding::{Excerpt, Location};
use clearance_engine::merge::bookkeeping::Unrecorded;
use clearance_engine::mission::artefact::ArtefactError;
use clearance_engine::mission::log::LOG;
use clearance_engine::mission::{MISSIONS_DIR, Mission};
use clearance_engine::register_check;
use clearance_engine::repo::{Git, Repo};
use clearance_engine::source::shell_quote;

use super::common::{at, blocker, git_in, warning, way_out};
use behind::behind;

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
                "event_log_not_merged",
                "event_log_torn",
            ],
            stages: &[Stage::Commit, Stage::Merge],
            needs: Needs::Mission,
            guards: Guards::Agreement,
            params: &[],
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
        let is_behind = behind(context, state, &name, findings)?;
        // What is not committed is merged by nobody: once is enough to say so.
        if !uncommitted(context, &name, findings)? && !is_behind && !missing {
            not_merged(context, findings)?;
        }
        if state.log.torn_tail.is_some() {
            let message = format!("the last line of {name} was torn by a crash");
            let command = format!("clearance status --recover --mission {slug}");
            findings.report(warning("event_log_torn", LOG, message, at(&name), Some(command)))?;
        }
        Ok(())
    }
}

/// An approval that is in no commit is seen by nobody else, and does not come along. A log of the main work tree that git
/// knows is a change there like any other; of one that git does not know, or that is elsewhere, nobody else speaks.
/// Says whether there is one.
fn uncommitted(
    context: CheckContext<'_>,
    name: &str,
    findings: &mut Findings<'_>,
) -> Result<bool, CheckError> {
    let path = context.mission()?.path_of(LOG).map_err(Arc::new)?;
    let Some(directory) = path.parent().filter(|_| context.merge.is_some() && path.is_file()) else {
        return Ok(false);
    };
    let told = Git::new(directory).run(&["status", "--porcelain", "--ignored", "--", LOG])?;
    let unknown = told.starts_with("??") || told.starts_with("!!");
    if told.is_empty() || (!unknown && name.starts_with(MISSIONS_DIR)) {
        return Ok(!told.is_empty());
    }
    let message = format!("{name} has events that are in no commit: nobody else sees them");
    let git = git_in(directory);
    let command =
        format!("{git} add --force -- {LOG} && {git} commit -m 'Record the state of the mission' -- {LOG}");
    findings.report(blocker("event_log_uncommitted", LOG, message, at(name), command))?;
    Ok(true)
}

/// The merge records in the log that work packages are done: that must be the log on which they were judged.
fn not_merged(context: CheckContext<'_>, findings: &mut Findings<'_>) -> Result<(), CheckError> {
    let Some(merge) = context.merge else { return Ok(()) };
    // Why there is no forecast is said by the check that it is for.
    let Ok(forecast) = merge.forecast(context.repo, context.mission()?) else { return Ok(()) };
    let git = git_in(context.repo.root());
    for why in &forecast.recorded.missing {
        let (Unrecorded::NoLog { file } | Unrecorded::Broken { file, .. } | Unrecorded::Differs { file, .. }) =
            why;
        let item = match why {
            Unrecorded::Differs { work_package, .. } => work_package,
            _ => file,
        };
        let branches = merge.branches();
        let branches = branches.iter().map(|branch| shell_quote(branch)).collect::<Vec<_>>().join(" ");
        let command = format!("{git} log --oneline {branches} -- {}", shell_quote(file));
        findings.report(blocker("event_log_not_merged", item, why.to_string(), at(file), command))?;
    }
    Ok(())
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
