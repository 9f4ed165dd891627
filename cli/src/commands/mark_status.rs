//! `clearance mark-status`: IDs through the stack, one plan, one write, one commit if asked for.

use std::path::Path;

use clearance_engine::config::Config;
use clearance_engine::diff;
use clearance_engine::exit::ExitStatus;
use clearance_engine::id::{TaskId, parse_argument};
use clearance_engine::lock::{self, FileLock};
use clearance_engine::mission::artefact::ArtefactError;
use clearance_engine::mission::status::SubtaskLog;
use clearance_engine::mission::{Mission, handle};
use clearance_engine::plan::apply::{self, ApplyError, Event, LOG, Stamp};
use clearance_engine::plan::mark::{self, MarkPlan, Tense};
use clearance_engine::registry::Registry;
use clearance_engine::repo::Repo;
use clearance_engine::repo::commit;
use clearance_engine::report::{CommitAccount, MarkReport, Outcome, Write, WriteKind};
use clearance_engine::strategy::TaskState;
use clearance_engine::write::{self, Staging};
use jiff::SignedDuration;

use super::Answer;
use crate::args::{Global, MarkStatusArgs};
use crate::env::Env;
use crate::failure::{self, Failure};
use crate::output::{mark_text, reports};

/// How far ahead of our clock a log may be before that is remarked on.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

pub(crate) fn run(
    args: &MarkStatusArgs,
    global: &Global,
    env: &Env,
    registry: &Registry,
) -> Result<Answer, Failure> {
    let Request { ids, qualifiers } = Request::read(&args.ids)?;
    let repo = match &global.repo {
        Some(directory) => Repo::discover(directory)?,
        None => Repo::discover(env.directory()?)?,
    };
    let mission = which_mission(&repo, args.mission.as_deref(), &qualifiers)?;
    let branch = commit_branch(&repo, args, env)?;
    // Held until the commit is made; a dry run changes nothing, not even a lock file.
    let _lock = match args.dry_run {
        true => None,
        false => {
            Some(FileLock::acquire(&lock::of_mission(repo.common_dir(), mission.slug()), args.lock_timeout)?)
        }
    };
    let tense = if args.dry_run { Tense::Forecast } else { Tense::Done };
    let wanted = args.status.into();
    let plan = mark::plan(&mission, &ids, wanted, registry.strategies(), tense)?;
    let stamp = mission.subtask_log_if_read().map_or(env.stamp, |log| env.stamp.after(log));
    let events = apply::events(&plan.annotations, stamp)?;
    let diff = if args.dry_run || !global.report.is_empty() {
        diff_of(&mission, &plan, &events)
    } else {
        String::new()
    };
    let planned = planned_writes(&mission, &plan, &events)?;
    let commit = branch.map(|branch| Commit::of(&repo, &plan, wanted, &planned, branch, &mission));
    may_write(&repo, &planned, commit.as_ref())?;
    let writes = if args.dry_run || planned.is_empty() {
        planned
    } else {
        apply::apply(&mission, &plan, &events, &Staging::of(repo.common_dir(), mission.slug()))?
    };
    let mut warnings = warnings(&repo, &mission, env.stamp);
    let commit = match commit {
        None => CommitAccount::Off,
        Some(commit) if args.dry_run => commit.planned(),
        Some(commit) => commit.make(&repo, &mission, &mut warnings),
    };
    let report = MarkReport {
        mission: mission.slug().to_owned(),
        wanted,
        dry_run: args.dry_run,
        results: plan.results,
        writes,
        event_ids: events.into_iter().map(|event| event.id).collect(),
        diff,
        commit,
        warnings,
    };
    Ok(answer(&report, args.strict, global))
}

fn answer(report: &MarkReport, strict: bool, global: &Global) -> Answer {
    let status = exit_status(report, strict);
    let account = report.account(status.code());
    let stdout = if global.json {
        format!("{}\n", reports::escaped(&report.contract()))
    } else if reports::json_on_stdout(global) {
        format!("{}\n", reports::shown(&account))
    } else {
        mark_text::render(report, global)
    };
    Answer {
        stdout,
        problems: mark_text::problems(report),
        reports: reports::files(global, &account),
        status,
    }
}

fn exit_status(report: &MarkReport, strict: bool) -> ExitStatus {
    let resolved = report.results.iter().filter(|result| result.is_resolved()).count();
    let enough = if strict { resolved == report.results.len() } else { resolved > 0 };
    match report.commit {
        CommitAccount::Failed { .. } => ExitStatus::Blocked,
        _ if enough => ExitStatus::Done,
        _ => ExitStatus::Blocked,
    }
}

/// What the words on the command line ask for.
struct Request {
    ids: Vec<TaskId>,
    qualifiers: Vec<String>,
}

impl Request {
    fn read(words: &[String]) -> Result<Self, Failure> {
        let mut request = Self { ids: Vec::new(), qualifiers: Vec::new() };
        for word in words {
            for argument in parse_argument(word)? {
                request.ids.extend(argument.ids);
                request.qualifiers.extend(argument.qualifier);
            }
        }
        request.ids = mark::distinct(request.ids)?;
        request.qualifiers.sort();
        request.qualifiers.dedup();
        Ok(request)
    }
}

/// The mission that is named, by `--mission` or before the IDs; all names must mean the same one.
fn which_mission(repo: &Repo, named: Option<&str>, qualifiers: &[String]) -> Result<Mission, Failure> {
    let mut handles = named.into_iter().chain(qualifiers.iter().map(String::as_str));
    let Some(first) = handles.next() else {
        return Ok(handle::infer(repo.root(), repo.caller_branch(), repo.caller_below_root())?);
    };
    let mission = handle::open(repo.root(), first)?;
    for other in handles {
        let meant = handle::open(repo.root(), other)?;
        if meant.slug() != mission.slug() {
            let message = format!("`{other}` names the mission {}, not {}", meant.slug(), mission.slug());
            let help = "one call marks tasks of one mission; nothing was changed. Split the call";
            return Err(Failure::usage("mission_mismatch", message, help));
        }
    }
    Ok(mission)
}

/// The branch to commit to, when a commit is wanted; refused before anything is written.
fn commit_branch(repo: &Repo, args: &MarkStatusArgs, env: &Env) -> Result<Option<String>, Failure> {
    let wanted = match args.commit() {
        Some(wanted) => wanted,
        None => Config::read(repo.root()).map_err(failure::configuration)?.auto_commit,
    };
    if wanted { Ok(Some(commit::may_commit(repo, env.allow_protected)?)) } else { Ok(None) }
}

/// The commit of what this call writes.
struct Commit {
    files: Vec<String>,
    subject: String,
    branch: String,
}

impl Commit {
    fn of(
        repo: &Repo,
        plan: &MarkPlan,
        wanted: TaskState,
        writes: &[Write],
        branch: String,
        mission: &Mission,
    ) -> Self {
        let updated = plan.results.iter().filter(|result| result.outcome == Outcome::Updated);
        let marked: Vec<_> = updated.map(|result| result.id.as_str()).collect();
        let what = match marked.as_slice() {
            [only] => (*only).to_owned(),
            several => format!("{} subtasks", several.len()),
        };
        let subject = format!("chore: Mark {what} as {} on spec {}", wanted.as_str(), mission.slug());
        Self { files: writes.iter().map(|write| inside(repo, &write.path)).collect(), subject, branch }
    }

    fn planned(self) -> CommitAccount {
        if self.files.is_empty() {
            CommitAccount::Nothing
        } else {
            CommitAccount::Planned { branch: self.branch, subject: self.subject }
        }
    }

    fn make(self, repo: &Repo, mission: &Mission, warnings: &mut Vec<String>) -> CommitAccount {
        let Self { files, subject, branch } = self;
        if files.is_empty() {
            warnings.extend(left_uncommitted(repo, mission));
            return CommitAccount::Nothing;
        }
        match commit::commit_files(repo, &files, &subject) {
            Ok(Some(sha)) => CommitAccount::Created { sha, branch, subject },
            Ok(None) => CommitAccount::Unchanged,
            Err(error) => {
                let remediation = commit::by_hand(repo.root(), &files, &subject);
                CommitAccount::Failed { message: error.to_string(), remediation }
            }
        }
    }
}

/// State that was written before and never committed, as after a hook that said no: this call has written nothing,
/// so it commits nothing, but it must not sound as if all were well.
fn left_uncommitted(repo: &Repo, mission: &Mission) -> Vec<String> {
    let file = match mission.subtask_log_if_read() {
        Some(_) => LOG,
        None => "tasks.md",
    };
    let Ok(path) = mission.path_of(file) else { return Vec::new() };
    let file = inside(repo, &path);
    if !path.exists() || commit::is_committed(repo, &file) {
        return Vec::new();
    }
    let by_hand = commit::by_hand(repo.root(), std::slice::from_ref(&file), "chore: Record task status");
    vec![format!("{file} has changes that are not committed, made before this call: {by_hand}")]
}

/// What would keep the plan from being carried out is said before anything is written, and by a dry run too.
fn may_write(repo: &Repo, writes: &[Write], commit: Option<&Commit>) -> Result<(), Failure> {
    for planned in writes {
        write::may_write(&planned.file, &planned.path).map_err(ApplyError::from)?;
    }
    commit.map_or(Ok(()), |commit| commit::may_commit_files(repo, &commit.files))?;
    Ok(())
}

/// The file as git must be told of it: where it really is, relative to the work tree.
fn inside(repo: &Repo, path: &Path) -> String {
    path.strip_prefix(repo.root()).unwrap_or(path).to_string_lossy().into_owned()
}

fn planned_writes(mission: &Mission, plan: &MarkPlan, events: &[Event]) -> Result<Vec<Write>, ArtefactError> {
    let write =
        |file: &str, kind| Ok(Write { file: mission.name_of(file), kind, path: mission.path_of(file)? });
    let tasks = plan.tasks.as_ref().map(|_| write("tasks.md", WriteKind::Replaced));
    let log = (!events.is_empty()).then(|| write(LOG, WriteKind::Appended));
    tasks.into_iter().chain(log).collect()
}

/// The whole change as a diff; an append is shown as the lines it adds.
fn diff_of(mission: &Mission, plan: &MarkPlan, events: &[Event]) -> String {
    let mut out = match (&plan.tasks, mission.tasks()) {
        (Some(after), Ok(tasks)) => diff::unified(tasks.source().name(), tasks.text(), after),
        _ => String::new(),
    };
    if !events.is_empty() {
        out.push_str(&format!("+++ b/{} (appended)\n", mission.name_of(LOG)));
        out.extend(events.iter().map(|event| format!("+{}\n", event.line)));
    }
    out
}

/// What was met on the way and is no fault of this call.
fn warnings(repo: &Repo, mission: &Mission, stamp: Stamp) -> Vec<String> {
    let elsewhere = repo.caller_is_elsewhere().then(|| {
        format!("this is a linked worktree; missions are those of the main one, {}", repo.root().display())
    });
    let unread = mission.unread().into_iter().map(|error| {
        format!("not read, so tasks that only it lists are not known, and none is recorded for it: {error}")
    });
    let name = mission.name_of(LOG);
    let log = mission.subtask_log_if_read();
    let torn = log.and_then(SubtaskLog::torn_tail).map(|_| {
        format!("the last line of {name} was torn by a crash; the next append sets it aside in {name}.torn")
    });
    // Another process may well have written while this one waited for the lock.
    let ahead =
        log.and_then(SubtaskLog::latest).filter(|latest| latest.duration_since(stamp.now) > CLOCK_TOLERANCE);
    let ahead = ahead.map(|latest| {
        format!("the newest annotation of {name} is of {latest}, later than this machine's clock; new ones come right after it")
    });
    elsewhere.into_iter().chain(unread).chain(torn).chain(ahead).collect()
}
