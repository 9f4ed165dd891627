//! `clearance merge`: the question whether a mission is cleared for its merge, and the merge.

mod interrupted;
mod landing;

use clearance_engine::check::Stage;
use clearance_engine::merge::number::mission_number;
use clearance_engine::merge::scope::{Allowed, MergeOptions, MergeScope};
use clearance_engine::mission::Mission;
use clearance_engine::registry::Registry;
use clearance_engine::repo::Repo;
use clearance_engine::report::preflight::Preflight;
use clearance_engine::severity::Verdict;
use serde_json::Value;

use super::gate::{self, Asked};
use super::{Answer, check, target};
use crate::args::Global;
use crate::args::gate::MergeArgs;
use crate::env::Env;
use crate::failure::Failure;
use crate::output::reporters::telling::Telling;
use crate::output::{Style, preflight_text, reports};

pub(crate) fn run(
    args: &MergeArgs,
    global: &Global,
    env: &Env,
    registry: &Registry,
) -> Result<Answer, Failure> {
    let repo = target::repository(global, env)?;
    if args.abort {
        return interrupted::abort(args, &repo, global, env);
    }
    if !args.dry_run {
        return landing::run(args, &repo, global, env, registry);
    }
    let mission = target::mission(&repo, args.mission.as_deref(), &[])?;
    let question = Question::ask(mission, &repo, options(args, &repo, env)?, args, env, registry)?;
    question.answer(global, env, registry)
}

/// The question whether a mission is cleared, and its answer.
struct Question<'a> {
    repo: &'a Repo,
    mission: Mission,
    merge: MergeScope,
    report: Preflight,
    cleared: bool,
    number: Option<u64>,
}

impl<'a> Question<'a> {
    fn ask(
        mission: Mission,
        repo: &'a Repo,
        options: MergeOptions,
        args: &MergeArgs,
        env: &Env,
        registry: &Registry,
    ) -> Result<Self, Failure> {
        let mission = target::at_home_if_told(mission, repo)?;
        let merge = check::scope(&mission, repo, options)?;
        let (stage, only) = (Stage::Merge, None);
        let (target, named) = (Some(merge.target.as_str()), args.question.target.as_deref());
        let asked = Asked {
            repo,
            mission: Some(&mission),
            merge: Some(&merge),
            stage,
            only,
            target,
            named,
            baseline: None,
            message: None,
            push: None,
        };
        let report = gate::ask(registry, asked, &args.question, env)?;
        let cleared = report.verdict() == Some(Verdict::Cleared);
        let number = match merge.forecast(repo, &mission).map(|forecast| (forecast, &forecast.next_number)) {
            // What is assigned is what is recorded: on branches that have no manifest there is no place for a number.
            Ok((forecast, Ok(_))) if cleared => forecast.recorded.number,
            Ok((_, Ok(number))) => *number,
            Err(_) => None,
            // Without a target there is no number; the check of the target says so.
            Ok((_, Err(_))) if !cleared => None,
            // Asked again, for the error as such.
            Ok((_, Err(_))) => mission_number(&mission, repo, &merge.target)?,
        };
        Ok(Self { repo, mission, merge, report, cleared, number })
    }

    /// What a dry run says; and a merge that is not cleared.
    fn answer(&self, global: &Global, env: &Env, registry: &Registry) -> Result<Answer, Failure> {
        let Self { repo, mission, merge, report, cleared, number } = self;
        let forecast = cleared.then(|| merge.forecast(repo, mission).ok()).flatten();
        let status = check::status_of(report.verdict());
        let contract: Value = report.contract(merge, forecast, *number);
        let board = check::board_if_shown(Some(mission), global, registry);
        let telling = Telling::of(report, status.code(), repo.root()).with(board.as_ref());
        let text = if reports::json_on_stdout(global) {
            let value = if global.json { contract } else { report.account(status.code()) };
            format!("{}\n", reports::shown(&value))
        } else if reports::takes_stdout(global) {
            String::new()
        } else {
            let style = Style::new(env, global.color);
            preflight_text::plan(merge, forecast, *number, global)
                + &preflight_text::render(report, &style, global)
        };
        let account = if reports::wanted(global) { report.account(status.code()) } else { Value::Null };
        Ok(Answer::telling(text, status, &account, &telling, (global, env)))
    }
}

fn options(args: &MergeArgs, repo: &Repo, env: &Env) -> Result<MergeOptions, Failure> {
    let allowed = |work_package: &clearance_engine::id::WpId| Allowed {
        work_package: work_package.clone(),
        by: repo.user_name().unwrap_or_else(|| "unknown".to_owned()),
        reason: args.reason.clone().unwrap_or_default(),
    };
    Ok(MergeOptions {
        delete_branch: !args.keep_branch,
        remove_worktree: !args.keep_worktree,
        // With --repo it need not be inside the repository.
        standing: env.directory().ok().and_then(|directory| directory.canonicalize().ok()),
        allowed: args.allow_unapproved.iter().map(allowed).collect(),
        ..check::options(&args.question, repo)?
    })
}
