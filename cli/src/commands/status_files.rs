//! `clearance status --materialize` and `--recover`: the derived file made anew, a torn line set aside.

use clearance_engine::exit::ExitStatus;
use clearance_engine::mission::home::{self, Home};
use clearance_engine::mission::log::LOG;
use clearance_engine::mission::{Mission, handle};
use clearance_engine::plan::apply::{self, ApplyError};
use clearance_engine::repo::Repo;
use clearance_engine::source::{harmless, shell_quote};
use clearance_engine::write::{self, Staging};
use serde_json::json;

use super::status::account;
use super::{Answer, target};
use crate::args::Global;
use crate::args::mission::StatusArgs;
use crate::failure::Failure;
use crate::output::{Problem, reports};

/// The schema of the account.
const SCHEMA: &str = "clearance.status-files/v1";

/// What became of one mission's file.
struct Outcome {
    mission: String,
    result: Result<Done, Failure>,
}

/// What was done.
enum Done {
    /// This file was written.
    Wrote(String),
    /// Nothing had to be.
    Idle,
    /// There is no log to do it with.
    NoLog,
}

pub(super) fn run(
    args: &StatusArgs,
    one: Option<Mission>,
    repo: &Repo,
    global: &Global,
) -> Result<Answer, Failure> {
    if let Some(mission) = one {
        // A single mission fails as every command on a single mission does.
        let slug = mission.slug().to_owned();
        let written = in_mission(mission, repo, args)?;
        return Ok(answer(&[Outcome { mission: slug, result: Ok(written) }], args, global));
    }
    if !args.all {
        let message = "which mission? None was named, and neither the branch nor the directory tells";
        return Err(Failure::usage(
            "mission_required",
            message,
            "name one: --mission M; or take all of them: --all",
        ));
    }
    let outcomes = handle::names(repo.root())?.into_iter().map(|name| {
        let opened = Mission::open(repo.root(), &name).map_err(Failure::from);
        Outcome { result: opened.and_then(|mission| in_mission(mission, repo, args)), mission: name }
    });
    let misnamed = handle::bad_names(repo.root())?
        .into_iter()
        .map(|bad| Outcome { mission: bad.shown.clone(), result: Err(Failure::undecided_by(bad)) });
    Ok(answer(&outcomes.chain(misnamed).collect::<Vec<_>>(), args, global))
}

fn in_mission(mission: Mission, repo: &Repo, args: &StatusArgs) -> Result<Done, Failure> {
    let _lock = target::lock(repo, &mission, args.lock_timeout)?;
    let home = home::find(&mission, repo.view())?;
    let mission = mission.at_home(&home, repo.view())?;
    if let Home::Branch { branch, worktree, .. } = &home {
        let message =
            format!("the state of {} is on {branch}, which no work tree has checked out", mission.slug());
        let quoted = shell_quote(&worktree.to_string_lossy());
        let help =
            format!("nothing was changed. Check it out: git worktree add {quoted} {}", shell_quote(branch));
        return Err(Failure::blocked("coordination_branch_not_checked_out", message, help));
    }
    let path = mission.path_of(LOG)?;
    if !path.exists() {
        return Ok(Done::NoLog);
    }
    mission.settled_state()?;
    let written = if args.recover {
        let aside = write::set_torn_tail_aside(&mission.name_of(LOG), &path).map_err(ApplyError::from)?;
        aside.map(|path| path.display().to_string())
    } else {
        let staging = Staging::of(repo.common_dir(), mission.slug());
        apply::materialize(&mission, &staging)?.map(|write| write.file)
    };
    Ok(written.map_or(Done::Idle, Done::Wrote))
}

fn answer(outcomes: &[Outcome], args: &StatusArgs, global: &Global) -> Answer {
    let failed = outcomes.iter().any(|outcome| outcome.result.is_err());
    let status = match (outcomes.is_empty(), failed) {
        (true, _) => ExitStatus::NothingEvaluated,
        (false, true) => ExitStatus::Undecided,
        (false, false) => ExitStatus::Done,
    };
    let values: Vec<_> = outcomes
        .iter()
        .map(|Outcome { mission, result }| match result {
            Ok(Done::Wrote(file)) => json!({ "mission": mission, "written": file }),
            Ok(Done::Idle | Done::NoLog) => json!({ "mission": mission, "written": null }),
            Err(failure) => json!({ "mission": mission, "error": failure.json() }),
        })
        .collect();
    let account = account(SCHEMA, status, json!({ "missions": values }));
    let stdout = if reports::json_on_stdout(global) {
        format!("{}\n", reports::shown(&account))
    } else if global.quiet {
        String::new()
    } else {
        text(outcomes, args)
    };
    let problems = outcomes.iter().filter_map(|Outcome { mission, result }| {
        let failure = result.as_ref().err()?;
        Some(Problem {
            code: "not_written",
            message: format!("{mission}: {}", failure.diagnostic()),
            help: failure.diagnostic().help().map(|help| help.to_string()),
            severity: miette::Severity::Error,
            excerpts: Vec::new(),
        })
    });
    let problems = if global.json { Vec::new() } else { problems.collect() };
    Answer { problems, ..Answer::of(stdout, status, &account, global) }
}

fn text(outcomes: &[Outcome], args: &StatusArgs) -> String {
    let mut out = String::new();
    let (mut idle, mut without) = (0, 0);
    for Outcome { mission, result } in outcomes {
        match result {
            Ok(Done::Wrote(file)) if args.recover => {
                out.push_str(&format!("{mission}: set the torn last line aside in {file}\n"));
            }
            Ok(Done::Wrote(file)) => out.push_str(&format!("{mission}: wrote {file}\n")),
            Ok(Done::Idle) => idle += 1,
            Ok(Done::NoLog) => without += 1,
            Err(_) => {}
        }
    }
    let fine = if args.recover { "no torn line" } else { "status.json is as the log has it" };
    for (count, what) in [(idle, fine), (without, "no log, so nothing to do")] {
        if count > 0 {
            let missions = if count == 1 { "1 mission".to_owned() } else { format!("{count} missions") };
            out.push_str(&format!("{missions}: {what}\n"));
        }
    }
    if outcomes.is_empty() {
        out.push_str("no missions\n");
    }
    harmless(&out)
}
