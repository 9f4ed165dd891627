//! `clearance check`: every check of a stage; changes nothing.

use clearance_engine::check::Stage;
use clearance_engine::config::Config;
use clearance_engine::exit::ExitStatus;
use clearance_engine::merge::scope::{MergeOptions, MergeScope};
use clearance_engine::mission::Mission;
use clearance_engine::mission::handle::{self, HandleError};
use clearance_engine::registry::Registry;
use clearance_engine::repo::Repo;
use clearance_engine::severity::Verdict;
use miette::Diagnostic as _;
use serde_json::Value;

use super::gate::{self, Asked};
use super::{Answer, target, trace};
use crate::args::Global;
use crate::args::gate::{CheckArgs, MergeQuestion};
use crate::env::Env;
use crate::failure::{self, Failure};
use crate::output::{Problem, Style, preflight_text, reports};

pub(crate) fn run(
    args: &CheckArgs,
    global: &Global,
    env: &Env,
    registry: &Registry,
) -> Result<Answer, Failure> {
    let repo = target::repository(global, env)?;
    let stage = args.stage.into();
    let (mission, unnamed) = mission_if_any(&repo, args.mission.as_deref(), stage)?;
    let merge = match (&mission, stage) {
        (Some(mission), Stage::Merge) => Some(scope(mission, &repo, options(&args.merge, &repo)?)?),
        _ => None,
    };
    let only = args.rule.as_deref();
    let named = args.merge.target.as_deref();
    let target = gate::target(&repo, mission.as_ref(), merge.as_ref(), named)?;
    let target = target.as_deref();
    let asked =
        Asked { repo: &repo, mission: mission.as_ref(), merge: merge.as_ref(), stage, only, target, named };
    if args.trace {
        return trace::run(args, asked, global, env, registry);
    }
    let report = gate::ask(registry, asked, &args.merge, env)?;
    let status = status_of(report.verdict());
    let account = if reports::wanted(global) { report.account(status.code()) } else { Value::Null };
    let stdout = if reports::json_on_stdout(global) {
        format!("{}\n", reports::shown(&account))
    } else {
        let style = Style::new(env, global.color);
        let note = unnamed.as_ref().filter(|_| !global.quiet);
        let note = note.map(|unnamed| style.told(unnamed, style.form(global))).unwrap_or_default();
        note + &preflight_text::render(&report, &style, global)
    };
    Ok(Answer::of(stdout, status, &account, global))
}

/// The mission that is meant. A repository without any is asked about itself; so is, before a commit, one where nothing
/// tells which: most commits are of no mission. What is not asked then is said.
pub(super) fn mission_if_any(
    repo: &Repo,
    named: Option<&str>,
    stage: Stage,
) -> Result<(Option<Mission>, Option<Problem>), Failure> {
    let mission = match named {
        Some(_) => target::mission(repo, named, &[])?,
        None => match handle::infer(repo.root(), repo.caller_branch(), repo.caller_below_root()) {
            Ok(mission) => mission,
            Err(HandleError::NotGiven { candidates, .. }) if candidates.is_empty() => {
                return Ok((None, None));
            }
            Err(error @ HandleError::NotGiven { .. }) if stage == Stage::Commit => {
                return Ok((None, Some(not_named(&error))));
            }
            Err(error) => return Err(error.into()),
        },
    };
    Ok((Some(target::at_home_if_told(mission, repo)?), None))
}

fn not_named(error: &HandleError) -> Problem {
    let why = match error {
        HandleError::NotGiven { why, .. } => why.as_str(),
        _ => "",
    };
    Problem {
        code: "no_mission_named",
        message: format!("the checks of missions do not apply: {why}"),
        help: error.help().map(|help| help.to_string()),
        severity: miette::Severity::Advice,
        excerpts: Vec::new(),
    }
}

/// What was asked of the merge; what happens afterwards is no part of a check.
pub(super) fn options(question: &MergeQuestion, repo: &Repo) -> Result<MergeOptions, Failure> {
    let strategy = match question.strategy {
        Some(named) => named.into(),
        None => Config::read(repo.root()).map_err(failure::configuration)?.strategy.unwrap_or_default(),
    };
    Ok(MergeOptions {
        target: question.target.clone(),
        strategy,
        push: question.push,
        fetch: question.fetch,
        remote_deadline: question.remote_timeout,
        ..MergeOptions::default()
    })
}

pub(super) fn scope(mission: &Mission, repo: &Repo, options: MergeOptions) -> Result<MergeScope, Failure> {
    Ok(MergeScope::of(mission, repo, options)?)
}

pub(super) fn status_of(verdict: Option<Verdict>) -> ExitStatus {
    match verdict {
        None => ExitStatus::NothingEvaluated,
        Some(Verdict::Cleared) => ExitStatus::Done,
        Some(Verdict::Blocked) => ExitStatus::Blocked,
        Some(Verdict::Undecided) => ExitStatus::Undecided,
    }
}
