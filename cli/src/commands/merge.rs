//! `clearance merge --dry-run`: whether the mission is cleared for its merge, and what would come of it. Reads only.

use clearance_engine::check::Stage;
use clearance_engine::merge::number::mission_number;
use clearance_engine::merge::scope::{MergeOptions, ScopeError};
use clearance_engine::registry::Registry;
use clearance_engine::severity::Verdict;
use serde_json::Value;

use super::gate::{self, Asked};
use super::{Answer, check, target};
use crate::args::Global;
use crate::args::gate::MergeArgs;
use crate::env::Env;
use crate::failure::Failure;
use crate::output::{Style, preflight_text, reports};

pub(crate) fn run(
    args: &MergeArgs,
    global: &Global,
    env: &Env,
    registry: &Registry,
) -> Result<Answer, Failure> {
    if !args.dry_run {
        let help = "see what would happen: --dry-run; to merge, follow its plan with git";
        return Err(Failure::usage(
            "merge_not_available",
            "this version forecasts merges and does not make them",
            help,
        ));
    }
    let repo = target::repository(global, env)?;
    let mission = target::mission(&repo, args.mission.as_deref(), &[])?;
    let mission = target::at_home_if_told(mission, &repo)?;
    let merge = check::scope(&mission, &repo, options(args))?;
    let (stage, only) = (Stage::Merge, None);
    let (target, named) = (Some(merge.target.as_str()), args.question.target.as_deref());
    let asked =
        Asked { repo: &repo, mission: Some(&mission), merge: Some(&merge), stage, only, target, named };
    let report = gate::ask(registry, asked, &args.question, env)?;
    let cleared = report.verdict() == Some(Verdict::Cleared);
    let forecast = cleared.then(|| merge.forecast(&repo, &mission).ok()).flatten();
    let number = match mission_number(&mission, &repo, &merge.target) {
        Ok(number) => number,
        // Without a target there is no number; the check of the target says so.
        Err(ScopeError::Repo(_) | ScopeError::Artefact(_) | ScopeError::Number { .. }) if !cleared => None,
        Err(ScopeError::Artefact(error)) => return Err(error.into()),
        Err(unknown @ ScopeError::Number { .. }) => return Err(unknown.into()),
        Err(other) => return Err(Failure::undecided("mission_number_unknown", other.to_string())),
    };
    let status = check::status_of(report.verdict());
    let contract: Value = report.contract(&merge, forecast, number);
    let stdout = if reports::json_on_stdout(global) {
        let value = if global.json { contract } else { report.account(status.code()) };
        format!("{}\n", reports::shown(&value))
    } else {
        let style = Style::new(env, global.color);
        preflight_text::plan(&merge, forecast.filter(|_| cleared), number, global)
            + &preflight_text::render(&report, &style, global)
    };
    let account = if reports::wanted(global) { report.account(status.code()) } else { Value::Null };
    Ok(Answer { stdout, problems: Vec::new(), reports: reports::files(global, &account), status })
}

fn options(args: &MergeArgs) -> MergeOptions {
    MergeOptions {
        delete_branch: !args.keep_branch,
        remove_worktree: !args.keep_worktree,
        ..check::options(&args.question)
    }
}
