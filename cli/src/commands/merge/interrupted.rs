//! `clearance merge --abort`: takes back a merge that was interrupted before it was made, or that could not be pushed.

use clearance_engine::exit::ExitStatus;
use clearance_engine::merge::land::{Interrupted, Landings, Stage};
use clearance_engine::repo::Repo;
use clearance_engine::report::landing::{LandingReport, MERGE_SCHEMA};
use serde_json::json;

use super::landing::{self, nothing_to, said, told};
use super::{Answer, target};
use crate::args::Global;
use crate::args::gate::MergeArgs;
use crate::env::Env;
use crate::failure::Failure;
use crate::output::{Problem, progress};

pub(super) fn abort(args: &MergeArgs, repo: &Repo, global: &Global, env: &Env) -> Result<Answer, Failure> {
    let mut line = progress::Line::new(env, global);
    let mut tell = |step: clearance_engine::merge::land::Step<'_>| line.show(step);
    let mut landings = Landings::open(repo, args.lock_timeout, &mut tell)?;
    let named = args.mission.as_deref().map(|handle| target::mission(repo, Some(handle), &[])).transpose()?;
    let mut taken_back = Vec::new();
    for interrupted in landings.recover()? {
        if named.as_ref().is_some_and(|mission| mission.slug() != interrupted.journal.mission) {
            continue;
        }
        match interrupted {
            unpushed if unpushed.journal.stage == Stage::Unpushed => {
                taken_back.push(landings.take_back(unpushed, &env.stamp.id())?);
            }
            back @ Interrupted { landed: true, .. } if back.journal.takes_back => {
                taken_back.push(landings.finish(back)?.journal);
            }
            landed @ Interrupted { landed: true, .. } => {
                let report = LandingReport::of(landings.finish(landed)?, true, repo)?;
                let mut answer = told(&report, vec![too_late(&report)], global);
                answer.status = ExitStatus::Blocked;
                landing::tell_of(&report, repo, (env, &mut answer.last));
                return Ok(answer);
            }
            begun => {
                taken_back.push(begun.journal.clone());
                landings.forget(begun)?;
            }
        }
    }
    if taken_back.is_empty() {
        return Ok(nothing_to(global, "abort", Vec::new()));
    }
    let missions: Vec<_> = taken_back.iter().map(|journal| journal.mission.as_str()).collect();
    let account = json!({
        "schema": MERGE_SCHEMA,
        "command": "merge",
        "exit_code": 0,
        "merged": false,
        "outcome": "taken_back",
        "missions": missions,
    });
    let line = format!("taken back: the merge of {}; everything is as it was before\n", missions.join(", "));
    Ok(said(global, &account, &line, ExitStatus::Done, Vec::new()))
}

fn too_late(report: &LandingReport) -> Problem {
    let undo: Vec<_> = report.moves().map(|(_, undo)| undo.to_owned()).collect();
    Problem {
        code: "already_merged",
        message: "the merge was made before it was interrupted: it is finished now, and not taken back"
            .to_owned(),
        help: Some(format!("to undo it: {}", undo.join(" && "))),
        severity: miette::Severity::Error,
        excerpts: Vec::new(),
    }
}
