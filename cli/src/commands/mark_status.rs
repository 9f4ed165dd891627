//! `clearance mark-status`: IDs through the stack, one plan, one write, one commit if asked for.

use clearance_engine::config::Config;
use clearance_engine::diff;
use clearance_engine::exit::ExitStatus;
use clearance_engine::id::{TaskId, parse_argument};
use clearance_engine::lock::MissionLock;
use clearance_engine::mission::status::SubtaskLog;
use clearance_engine::mission::{Mission, handle};
use clearance_engine::plan::apply::{self, Event, LOG, Stamp};
use clearance_engine::plan::mark::{self, MarkPlan, Tense};
use clearance_engine::registry::Registry;
use clearance_engine::repo::Repo;
use clearance_engine::repo::commit;
use clearance_engine::report::{CommitAccount, MarkReport, Outcome, Write, WriteKind};
use clearance_engine::strategy::TaskState;
use clearance_engine::write::Staging;
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
    let repo = Repo::discover(global.repo.as_deref().unwrap_or(&env.directory))?;
    let mission = which_mission(&repo, args.mission.as_deref(), &qualifiers)?;
    let branch = commit_branch(&repo, args, env)?;
    // Held until the commit is made; a dry run changes nothing, not even a lock file.
    let _lock = match args.dry_run {
        true => None,
        false => Some(MissionLock::acquire(repo.common_dir(), mission.slug(), args.lock_timeout)?),
    };
    let tense = if args.dry_run { Tense::Forecast } else { Tense::Done };
    let wanted = args.status.into();
    let plan = mark::plan(&mission, &ids, wanted, registry.strategies(), tense)?;
    let latest = mission.subtask_log_if_read().and_then(SubtaskLog::latest);
    let events = apply::events(&plan.annotations, env.stamp.after(latest))?;
    let diff = if args.dry_run || !global.report.is_empty() {
        diff_of(&mission, &plan, &events)
    } else {
        String::new()
    };
    let writes = if args.dry_run {
        planned_writes(&mission, &plan, &events)
    } else if plan.tasks.is_none() && events.is_empty() {
        Vec::new()
    } else {
        apply::apply(&mission, &plan, &events, &Staging::of(repo.common_dir(), mission.slug()))?
    };
    let commit = match branch {
        Some(branch) if !args.dry_run => make_commit(&repo, &mission, &plan, wanted, &writes, branch),
        _ => CommitAccount::Off,
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
        warnings: warnings(&mission, env.stamp),
    };
    Ok(answer(&report, args.strict, global))
}

fn answer(report: &MarkReport, strict: bool, global: &Global) -> Answer {
    let status = exit_status(report, strict);
    let account = report.account(status.code());
    let stdout = if global.json {
        format!("{}\n", report.contract())
    } else if reports::json_on_stdout(global) {
        format!("{account}\n")
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
    let named = named.map(str::trim).filter(|handle| !handle.is_empty());
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

fn make_commit(
    repo: &Repo,
    mission: &Mission,
    plan: &MarkPlan,
    wanted: TaskState,
    writes: &[Write],
    branch: String,
) -> CommitAccount {
    if writes.is_empty() {
        return CommitAccount::Nothing;
    }
    let files: Vec<String> = writes.iter().map(|write| inside(repo, write)).collect();
    let updated = plan.results.iter().filter(|result| result.outcome == Outcome::Updated);
    let marked: Vec<_> = updated.map(|result| result.id.as_str()).collect();
    let what = match marked.as_slice() {
        [only] => (*only).to_owned(),
        several => format!("{} subtasks", several.len()),
    };
    let subject = format!("chore: Mark {what} as {} on spec {}", wanted.as_str(), mission.slug());
    match commit::commit_files(repo, &files, &subject) {
        Ok(Some(sha)) => CommitAccount::Created { sha, branch, subject },
        Ok(None) => CommitAccount::Unchanged,
        Err(error) => CommitAccount::Failed {
            message: error.to_string(),
            remediation: commit::by_hand(&files, &subject),
        },
    }
}

/// The file as git must be told of it: where it really is, relative to the work tree.
fn inside(repo: &Repo, write: &Write) -> String {
    let relative = write.path.strip_prefix(repo.root()).unwrap_or(&write.path);
    relative.to_string_lossy().into_owned()
}

fn planned_writes(mission: &Mission, plan: &MarkPlan, events: &[Event]) -> Vec<Write> {
    let write =
        |file: &str, kind| Write { file: mission.name_of(file), kind, path: mission.directory().join(file) };
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
fn warnings(mission: &Mission, stamp: Stamp) -> Vec<String> {
    let Some(log) = mission.subtask_log_if_read() else { return Vec::new() };
    let name = mission.name_of(LOG);
    let torn = log.torn_tail().map(|_| {
        format!("the last line of {name} was torn by a crash; the next append sets it aside in {name}.torn")
    });
    // Another process may well have written while this one waited for the lock.
    let ahead = log.latest().filter(|latest| latest.duration_since(stamp.now) > CLOCK_TOLERANCE).map(|latest| {
        format!("the newest event of {name} is of {latest}, later than this machine's clock; new ones come right after it")
    });
    torn.into_iter().chain(ahead).collect()
}
