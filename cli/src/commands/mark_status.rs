//! `clearance mark-status`: IDs through the stack, one plan, one write, one commit if asked for.

use clearance_engine::exit::ExitStatus;
use clearance_engine::id::{IdKind, TaskId, parse_argument};
use clearance_engine::mission::Mission;
use clearance_engine::mission::meta::StatusPhase;
use clearance_engine::plan::mark::{self, MarkPlan, Tense};
use clearance_engine::registry::Registry;
use clearance_engine::report::{CommitAccount, MarkReport, Outcome};
use clearance_engine::strategy::TaskState;

use super::writing::Session;
use super::{Answer, gate};
use crate::args::Global;
use crate::args::mission::MarkStatusArgs;
use crate::env::Env;
use crate::failure::Failure;
use crate::final_sync::Marked;
use crate::output::{mark_text, reports};

pub(crate) fn run(
    args: &MarkStatusArgs,
    global: &Global,
    env: &Env,
    registry: &Registry,
) -> Result<Answer, Failure> {
    let Request { ids, qualifiers } = Request::read(&args.ids)?;
    let lanes = ids.iter().any(|id| id.kind() == IdKind::WorkPackage);
    let needs_state = |mission: &Mission| Ok(lanes || mission.phase()? == StatusPhase::Events);
    let mut session = Session::open(&args.write, &qualifiers, global, env, needs_state)?;
    let dry_run = args.write.dry_run;
    let tense = if dry_run { Tense::Forecast } else { Tense::Done };
    let wanted = args.status.into();
    let (registry, broken) = gate::with_resolvers(registry, &session.repo, env)?;
    let plan = mark::plan(&session.mission, &ids, wanted, registry.strategies(), tense)?;
    let subject = subject(&plan, wanted, session.mission.slug());
    let recorded =
        session.record(env, plan.tasks.as_deref(), (&plan.records, marked(&plan, wanted)), &subject)?;
    let report = MarkReport {
        mission: session.mission.slug().to_owned(),
        wanted,
        dry_run,
        results: plan.results,
        writes: recorded.writes,
        event_ids: recorded.event_ids,
        diff: recorded.diff,
        commit: recorded.commit,
        warnings: recorded.warnings,
    };
    let mut answer = answer(&report, args.strict, global);
    answer.problems.extend(broken);
    answer.last = recorded.last;
    Ok(answer)
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
    Answer { problems: mark_text::problems(report), ..Answer::of(stdout, status, &account, global) }
}

/// Tasks whose rows say something else then, where no event tells of it.
fn marked(plan: &MarkPlan, wanted: TaskState) -> Vec<Marked> {
    if !plan.records.is_empty() {
        return Vec::new();
    }
    let updated = plan.results.iter().filter(|result| result.outcome == Outcome::Updated);
    let marked = updated.map(|result| Marked {
        task: result.id.to_string(),
        work_package: result.owners.first().cloned(),
        state: wanted.as_str().to_owned(),
    });
    marked.collect()
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

/// The first line of the commit's message.
fn subject(plan: &MarkPlan, wanted: TaskState, slug: &str) -> String {
    let updated = plan.results.iter().filter(|result| result.outcome == Outcome::Updated);
    let marked: Vec<_> = updated.map(|result| result.id.as_str()).collect();
    let what = match marked.as_slice() {
        [only] => (*only).to_owned(),
        several => format!("{} subtasks", several.len()),
    };
    format!("chore: Mark {what} as {} on spec {slug}", wanted.as_str())
}
