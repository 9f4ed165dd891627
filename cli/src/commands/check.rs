//! `clearance check`: every check of a stage; changes nothing.

use std::path::Path;

use clearance_engine::board::Board;
use clearance_engine::check::Stage;
use clearance_engine::config::Config;
use clearance_engine::exit::ExitStatus;
use clearance_engine::merge::scope::{MergeOptions, MergeScope};
use clearance_engine::mission::Mission;
use clearance_engine::mission::handle::{self, HandleError};
use clearance_engine::progress::Sources;
use clearance_engine::registry::Registry;
use clearance_engine::repo::message::{self, CommitMessage};
use clearance_engine::repo::{Git, Repo};
use clearance_engine::severity::Verdict;
use clearance_engine::source::{Source, SourceError};
use clearance_engine::strategy::ResolveContext;
use miette::Diagnostic as _;
use serde_json::Value;

use super::gate::{self, Asked};
use super::{Answer, baseline, target, trace};
use crate::args::Global;
use crate::args::gate::{CheckArgs, MergeQuestion};
use crate::args::report::Format;
use crate::env::Env;
use crate::failure::{self, Failure};
use crate::output::reporters::telling::Telling;
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
    let baseline = args.baseline.as_deref().map(|name| baseline::resolve(name, &repo)).transpose()?;
    let message = args.message.as_deref().map(|file| message_in(file, stage, &repo, env)).transpose()?;
    let asked = Asked {
        repo: &repo,
        mission: mission.as_ref(),
        merge: merge.as_ref(),
        stage,
        only,
        target,
        named,
        baseline: baseline.as_ref(),
        message: message.as_ref(),
        push: None,
    };
    if args.trace {
        return trace::run(args, asked, global, env, registry);
    }
    let report = gate::ask(registry, asked, &args.merge, env)?;
    let status = status_of(report.verdict());
    let account = if reports::wanted(global) { report.account(status.code()) } else { Value::Null };
    let board = board_if_shown(mission.as_ref(), global, registry);
    let telling = Telling::of(&report, status.code(), repo.root()).with(board.as_ref());
    let text = if reports::json_on_stdout(global) {
        format!("{}\n", reports::shown(&account))
    } else if reports::takes_stdout(global) {
        String::new()
    } else {
        let style = Style::new(env, global.color);
        let note = unnamed.as_ref().filter(|_| !global.quiet);
        let note = note.map(|unnamed| style.told(unnamed, style.form(global))).unwrap_or_default();
        note + &preflight_text::render(&report, &style, global)
    };
    Ok(Answer::telling(text, status, &account, &telling, (global, env)))
}

/// The message of a commit that is about to be made, as git will record it.
pub(super) fn message_in(
    file: &Path,
    stage: Stage,
    repo: &Repo,
    env: &Env,
) -> Result<CommitMessage, Failure> {
    if stage != Stage::Commit {
        let message = "only a commit has a message before it is made";
        return Err(Failure::usage("usage", message, "add: --stage commit"));
    }
    let path = env.directory()?.join(file);
    let name = file.to_string_lossy();
    let no_message = |what: String| {
        let help = "give the file that the message is in, such as .git/COMMIT_EDITMSG";
        Failure::usage("no_message", what, help)
    };
    let source = match Source::read(&name, &path, message::LONGEST) {
        Ok(source) => source.ok_or_else(|| no_message(format!("there is no file {name}")))?,
        Err(SourceError::NotAFile { .. }) => {
            return Err(no_message(format!("{name} is no file, so no message is in it")));
        }
        Err(error) => return Err(Failure::undecided_by(error)),
    };
    Ok(CommitMessage::of(&Git::new(repo.caller_root()), source.text(), env.edited)?)
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

/// The board of a mission, where a report shows it. What cannot be read of it the checks tell.
pub(super) fn board_if_shown(
    mission: Option<&Mission>,
    global: &Global,
    registry: &Registry,
) -> Option<Board> {
    let shown = global.report.iter().any(|report| report.format == Format::Html);
    let mission = mission.filter(|_| shown)?;
    let context = ResolveContext { tasks: mission.tasks_or_none().ok()?, mission };
    let (phase, state) = (mission.phase().ok()?, mission.state().ok()?);
    Some(Board::of(Sources { context, phase, state, stack: registry.strategies() }))
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
