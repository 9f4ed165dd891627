//! `clearance status --materialize` and `--recover`: the derived file made anew, a torn line set aside.

use std::time::Duration;

use clearance_engine::exit::ExitStatus;
use clearance_engine::lock::{self, FileLock};
use clearance_engine::mission::log::LOG;
use clearance_engine::mission::{Mission, handle};
use clearance_engine::plan::apply::{self, ApplyError};
use clearance_engine::repo::Repo;
use clearance_engine::source::harmless;
use clearance_engine::write::{self, Staging};
use serde_json::json;

use super::status::account;
use super::{Answer, target};
use crate::args::{Global, StatusArgs};
use crate::failure::Failure;
use crate::output::{Problem, reports};

/// The schema of the account.
const SCHEMA: &str = "clearance.status-files/v1";

/// What became of one mission's file.
struct Outcome {
    mission: String,
    /// The file that was written; `None` when nothing had to be.
    result: Result<Option<String>, Failure>,
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
    let outcomes = handle::names(repo.root())?.into_iter().map(|name| {
        let opened = Mission::open(repo.root(), &name).map_err(Failure::from);
        Outcome { result: opened.and_then(|mission| in_mission(mission, repo, args)), mission: name }
    });
    Ok(answer(&outcomes.collect::<Vec<_>>(), args, global))
}

fn in_mission(mission: Mission, repo: &Repo, args: &StatusArgs) -> Result<Option<String>, Failure> {
    let _lock = held(repo, &mission, args.lock_timeout)?;
    let mission = target::at_home(mission, repo)?;
    let path = mission.path_of(LOG)?;
    if !path.exists() {
        return Ok(None);
    }
    if args.recover {
        mission.state()?;
        let aside = write::set_torn_tail_aside(&mission.name_of(LOG), &path).map_err(ApplyError::from)?;
        return Ok(aside.map(|path| path.display().to_string()));
    }
    let staging = Staging::of(repo.common_dir(), mission.slug());
    Ok(apply::materialize(&mission, &staging)?.map(|write| write.file))
}

fn held(repo: &Repo, mission: &Mission, deadline: Duration) -> Result<FileLock, Failure> {
    Ok(FileLock::acquire(&lock::of_mission(repo.common_dir(), mission.slug()), deadline)?)
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
            Ok(file) => json!({ "mission": mission, "written": file }),
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
        })
    });
    let problems = if global.json { Vec::new() } else { problems.collect() };
    Answer { stdout, problems, reports: reports::files(global, &account), status }
}

fn text(outcomes: &[Outcome], args: &StatusArgs) -> String {
    let mut out = String::new();
    let mut idle = 0;
    for Outcome { mission, result } in outcomes {
        match result {
            Ok(Some(file)) if args.recover => {
                out.push_str(&format!("{mission}: set the torn last line aside in {file}\n"));
            }
            Ok(Some(file)) => out.push_str(&format!("{mission}: wrote {file}\n")),
            Ok(None) => idle += 1,
            Err(_) => {}
        }
    }
    let fine = if args.recover { "no torn line" } else { "status.json as the log has it" };
    if idle > 0 {
        let missions = if idle == 1 { "1 mission".to_owned() } else { format!("{idle} missions") };
        out.push_str(&format!("{missions}: {fine}\n"));
    }
    harmless(&out)
}
