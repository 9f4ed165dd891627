//! `clearance move`: a work package to another lane, by the rules.

use std::path::Path;

use clearance_engine::exit::ExitStatus;
use clearance_engine::id::{TaskId, WpId, parse_argument};
use clearance_engine::lane::Lane;
use clearance_engine::plan::event::Record;
use clearance_engine::plan::step::{self, Decision, MoveRequest};
use clearance_engine::progress::{self, Sources};
use clearance_engine::registry::Registry;
use clearance_engine::report::CommitAccount;
use clearance_engine::report::step::MoveReport;
use clearance_engine::source::shell_quote;
use clearance_engine::strategy::ResolveContext;
use serde_json::{Map, Value};

use super::writing::Session;
use super::{Answer, gate};
use crate::args::Global;
use crate::args::mission::MoveArgs;
use crate::env::Env;
use crate::failure::Failure;
use crate::output::{move_text, reports};

pub(crate) fn run(
    args: &MoveArgs,
    global: &Global,
    env: &Env,
    registry: &Registry,
) -> Result<Answer, Failure> {
    let (work_package, qualifiers) = which(&args.work_package)?;
    let to = Lane::parse(&args.to)?;
    let mut session = Session::open(&args.write, &qualifiers, global, env, |_| Ok(true))?;
    let mission = &session.mission;
    let state = mission.settled_state()?;
    if !progress::is_known(work_package.as_id(), mission, state) {
        return Err(unknown(&work_package, &session));
    }
    let context = ResolveContext { tasks: mission.tasks_or_none()?, mission };
    let (registry, broken) = gate::with_resolvers(registry, &session.repo, env)?;
    let sources = Sources { context, phase: mission.phase()?, state, stack: registry.strategies() };
    let request = request(args, work_package, to, &session)?;
    let from = state.lane_of(request.work_package.as_id());
    let (steps, refused) = match step::decide(&request, sources) {
        Decision::There => (Vec::new(), None),
        Decision::Steps(steps) => (steps, None),
        Decision::Refused(refused) => (Vec::new(), Some(refused)),
    };
    let mut records: Vec<_> = steps.iter().cloned().map(|step| Record::Step(Box::new(step))).collect();
    // What is noted beside is noted with the step or not at all.
    records.extend(note(args, &request).filter(|_| refused.is_none()));
    let subject = format!("chore: Move {} to {to} on spec {}", request.work_package, mission.slug());
    let slug = mission.slug().to_owned();
    let recorded = session.record(env, None, (&records, Vec::new()), &subject)?;
    let report = MoveReport {
        mission: slug,
        work_package: request.work_package,
        from,
        to,
        dry_run: args.write.dry_run,
        steps,
        refused,
        writes: recorded.writes,
        event_ids: recorded.event_ids,
        diff: recorded.diff,
        commit: recorded.commit,
        warnings: recorded.warnings,
    };
    let mut answer = answer(&report, global);
    answer.problems.extend(broken);
    answer.last = recorded.last;
    Ok(answer)
}

fn answer(report: &MoveReport, global: &Global) -> Answer {
    let status = match (&report.refused, &report.commit) {
        (Some(_), _) | (None, CommitAccount::Failed { .. }) => ExitStatus::Blocked,
        _ => ExitStatus::Done,
    };
    let account = report.account(status.code());
    let stdout = if reports::json_on_stdout(global) {
        format!("{}\n", reports::shown(&account))
    } else {
        move_text::render(report, global)
    };
    // One value says it all: a machine reads it once.
    let problems = if global.json { Vec::new() } else { move_text::problems(report) };
    Answer { problems, ..Answer::of(stdout, status, &account, global) }
}

/// One work package, and the mission that may stand before it.
fn which(word: &str) -> Result<(WpId, Vec<String>), Failure> {
    let arguments = parse_argument(word)?;
    let ids: Vec<&TaskId> = arguments.iter().flat_map(|argument| &argument.ids).collect();
    let one = match ids.as_slice() {
        [only] => WpId::from_id((*only).clone()).ok(),
        _ => None,
    };
    let Some(id) = one else {
        let message = format!("`{word}` is not one work package");
        return Err(Failure::usage(
            "malformed_id",
            message,
            "name one, such as WP01; tasks have no lane: see mark-status",
        ));
    };
    Ok((id, arguments.into_iter().filter_map(|argument| argument.qualifier).collect()))
}

fn unknown(work_package: &WpId, session: &Session) -> Failure {
    let slug = session.mission.slug();
    let unread = session.mission.unread().into_iter().map(|error| format!(" (Not read: {error}.)"));
    let message = format!("{work_package} is no work package of {slug}.{}", unread.collect::<String>());
    let help = format!(
        "see which there are: clearance status --mission {}; a new one starts as tasks/{work_package}-title.md",
        shell_quote(slug)
    );
    Failure::blocked("work_package_not_found", message, help)
}

fn request(args: &MoveArgs, work_package: WpId, to: Lane, session: &Session) -> Result<MoveRequest, Failure> {
    let feedback = args.feedback.as_deref().map(|file| feedback(file, session)).transpose()?;
    // A step that passes over the rules must say by name who takes it.
    let actor =
        if args.force { args.actor.clone() } else { args.actor.clone().or_else(|| session.repo.user_name()) };
    Ok(MoveRequest {
        work_package,
        to,
        actor,
        reason: args.reason.clone().filter(|reason| !reason.trim().is_empty()),
        reviewer: args.reviewer.clone(),
        verdict: args.verdict.clone(),
        evidence: args.evidence.clone(),
        review_ref: args.review_ref.clone(),
        feedback,
        force: args.force,
        through: true,
    })
}

/// A feedback file must be there: a reference that leads nowhere is none. Named from the top of the work tree.
fn feedback(file: &Path, session: &Session) -> Result<String, Failure> {
    let real = file.canonicalize().map_err(|error| {
        let help = "name the file with the reviewer's words, or give its reference: --review-ref";
        Failure::usage(
            "feedback_not_found",
            format!("the feedback {} cannot be read: {error}", file.display()),
            help,
        )
    })?;
    Ok(real.strip_prefix(session.repo.root()).unwrap_or(&real).to_string_lossy().into_owned())
}

/// What is noted of the work package besides its lane.
fn note(args: &MoveArgs, request: &MoveRequest) -> Option<Record> {
    let mut delta = Map::new();
    let texts = [("assignee", &args.assignee), ("model", &args.model), ("agent_profile", &args.profile)];
    for (key, text) in texts {
        delta.extend(text.iter().map(|text| (key.to_owned(), Value::from(text.as_str()))));
    }
    delta.extend(args.shell_pid.map(|pid| ("shell_pid".to_owned(), pid.into())));
    if !args.tracker_ref.is_empty() {
        delta.insert("tracker_refs".to_owned(), args.tracker_ref.clone().into());
    }
    (!delta.is_empty()).then(|| Record::Note {
        work_package: request.work_package.as_id().clone(),
        actor: request.actor.clone().unwrap_or_else(|| "user".to_owned()),
        delta: Value::Object(delta),
    })
}
