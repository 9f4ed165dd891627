//! The merge itself: the question first, then exactly the plan that answers it.

use clearance_engine::exit::ExitStatus;
use clearance_engine::merge::land::{AskedFor, Interrupted, Journal, LandError, Landings, Order, Stage};
use clearance_engine::merge::scope::MergeOptions;
use clearance_engine::mission::Mission;
use clearance_engine::registry::Registry;
use clearance_engine::repo::Repo;
use clearance_engine::report::landing::LandingReport;
use serde_json::Value;

use super::{Answer, Question, options, target};
use crate::args::Global;
use crate::args::gate::MergeArgs;
use crate::env::Env;
use crate::failure::Failure;
use crate::final_sync::{Last, Recorded};
use crate::output::{Problem, merge_text, progress, reports};

pub(super) fn run(
    args: &MergeArgs,
    repo: &Repo,
    global: &Global,
    env: &Env,
    registry: &Registry,
) -> Result<Answer, Failure> {
    let mut line = progress::Line::new(env, global);
    let mut tell = |step: clearance_engine::merge::land::Step<'_>| line.show(step);
    let mut landings = Landings::open(repo, args.lock_timeout, &mut tell)?;
    let named = match (&args.mission, args.resume) {
        (None, true) => None,
        _ => Some(target::mission(repo, args.mission.as_deref(), &[])?),
    };
    // What is finished on the way is told, too, whatever this call comes to.
    let (mut begun, mut problems, mut last) = (None, Vec::new(), Last::default());
    for interrupted in landings.recover()? {
        let is_meant = named.as_ref().is_none_or(|mission| mission.slug() == interrupted.journal.mission);
        match interrupted {
            // Another mission's merge is complete here; whether it is to be pushed is not for this call to say.
            waiting if !is_meant && waiting.journal.stage == Stage::Unpushed => {
                problems.push(unpushed(&waiting.journal));
            }
            // It took another one back, and that is done then.
            back @ Interrupted { landed: true, .. } if back.journal.takes_back => {
                landings.finish(back)?;
            }
            landed @ Interrupted { landed: true, .. } => {
                let report = LandingReport::of(landings.finish(landed)?, true, repo)?;
                tell_of(&report, repo, (env, &mut last));
                if is_meant {
                    return Ok(Answer { last, ..told(&report, problems, global) });
                }
                problems.push(finished(&report));
            }
            taken_back => {
                begun = Some(taken_back.journal.clone()).filter(|_| is_meant).or(begun);
                landings.forget(taken_back)?;
            }
        }
    }
    let journal = begun.filter(|_| args.resume);
    if args.resume && journal.is_none() {
        return Ok(Answer { last, ..nothing_to(global, "resume", problems) });
    }
    let mission = match (&journal, named) {
        (Some(journal), _) => Mission::open(repo.root(), &journal.mission)?,
        (None, Some(mission)) => mission,
        (None, None) => return Ok(Answer { last, ..nothing_to(global, "resume", problems) }),
    };
    let _lock = target::lock(repo, &mission, args.lock_timeout)?;
    // Read anew: it may have been written while this waited.
    let mission = Mission::open(repo.root(), mission.slug())?;
    let options = options(args, repo, env)?;
    let options = match journal {
        Some(journal) => as_begun(&journal, &options),
        None => options,
    };
    let question = Question::ask(mission, repo, options, args, env, registry)?;
    let Some(plan_id) = cleared(&question, args)? else {
        let mut answer = question.answer(global, env, registry)?;
        answer.problems.extend(problems);
        answer.last = last;
        return Ok(answer);
    };
    let id = env.stamp.id();
    let order =
        Order { repo, mission: &question.mission, scope: &question.merge, plan_id: &plan_id, id: &id };
    let landed = landings.land(&order)?;
    drop(landings);
    let report = LandingReport::of(landed, false, repo)?;
    tell_of(&report, repo, (env, &mut last));
    Ok(Answer { last, ..told(&report, problems, global) })
}

/// The plan, if the mission is cleared for it and it is the one that was named.
fn cleared(question: &Question<'_>, args: &MergeArgs) -> Result<Option<String>, Failure> {
    let forecast =
        question.merge.forecast(question.repo, &question.mission).ok().filter(|_| question.cleared);
    let Some(forecast) = forecast else { return Ok(None) };
    let now = forecast.plan_id.clone();
    match &args.plan {
        Some(shown) if *shown != now => Err(LandError::PlanChanged { shown: shown.clone(), now }.into()),
        _ => Ok(Some(now)),
    }
}

/// The options of a merge that was interrupted: it goes on as it was begun.
fn as_begun(journal: &Journal, options: &MergeOptions) -> MergeOptions {
    let AskedFor { delete_branch, remove_worktree, allowed } = journal.asked.clone();
    MergeOptions {
        target: Some(journal.target.branch.clone()),
        strategy: journal.strategy,
        push: journal.push.is_some(),
        delete_branch,
        remove_worktree,
        allowed,
        ..options.clone()
    }
}

/// What a merge did.
pub(super) fn told(report: &LandingReport, mut problems: Vec<Problem>, global: &Global) -> Answer {
    let status = if report.is_complete() { ExitStatus::Done } else { ExitStatus::Blocked };
    let mut account = report.account(status.code());
    let warnings = problems.iter().map(|problem| {
        serde_json::json!({ "code": problem.code, "message": problem.message, "remediation": problem.help })
    });
    account["warnings"] = warnings.collect();
    let stdout = if reports::json_on_stdout(global) {
        format!("{}\n", reports::shown(&account))
    } else {
        merge_text::render(report, global)
    };
    problems.extend(merge_text::problems(report));
    // One value says it all: a machine reads it once.
    let problems = if global.json { Vec::new() } else { problems };
    Answer { problems, ..Answer::of(stdout, status, &account, global) }
}

/// Queues the lines that it recorded, read where they are now. What is not pushed yet may still be taken back.
pub(super) fn tell_of(report: &LandingReport, repo: &Repo, (env, last): (&Env, &mut Last)) {
    let journal = &report.landed.journal;
    if !report.is_complete() {
        return;
    }
    let recorded = Recorded {
        root: repo.root().to_owned(),
        common_dir: repo.common_dir().to_owned(),
        mission: journal.mission.clone(),
        lines: journal.recorded_lines(repo).unwrap_or_default(),
        tasks: Vec::new(),
    };
    last.add(recorded, env);
}

/// Where nothing was interrupted.
pub(super) fn nothing_to(global: &Global, what: &str, problems: Vec<Problem>) -> Answer {
    let account = serde_json::json!({
        "schema": clearance_engine::report::landing::MERGE_SCHEMA,
        "command": "merge",
        "exit_code": 0,
        "merged": false,
        "outcome": format!("nothing_to_{what}"),
    });
    said(
        global,
        &account,
        &format!("nothing to {what}: no merge was interrupted\n"),
        ExitStatus::Done,
        problems,
    )
}

/// An account, or a line for people.
pub(super) fn said(
    global: &Global,
    account: &Value,
    line: &str,
    status: ExitStatus,
    problems: Vec<Problem>,
) -> Answer {
    let stdout = match () {
        () if reports::json_on_stdout(global) => format!("{}\n", reports::shown(account)),
        () if global.quiet => String::new(),
        () => line.to_owned(),
    };
    let problems = if global.json { Vec::new() } else { problems };
    Answer { problems, ..Answer::of(stdout, status, account, global) }
}

fn unpushed(journal: &Journal) -> Problem {
    Problem {
        code: "merge_not_pushed",
        message: format!(
            "the merge of {} into {} is complete here and was not pushed",
            journal.mission, journal.target.branch
        ),
        help: Some(format!(
            "push it: clearance merge --resume --mission {0}; or take it back: clearance merge --abort --mission {0}",
            clearance_engine::source::shell_quote(&journal.mission)
        )),
        severity: miette::Severity::Warning,
        excerpts: Vec::new(),
    }
}

fn finished(report: &LandingReport) -> Problem {
    let journal = &report.landed.journal;
    Problem {
        code: "merge_finished",
        message: format!(
            "a merge of {} into {} was interrupted after it was made, and is finished now",
            journal.mission, journal.target.branch
        ),
        help: None,
        severity: miette::Severity::Advice,
        excerpts: Vec::new(),
    }
}
