//! The commands, one file each: `XArgs` in `args.rs`, `run` here.

mod baseline;
mod check;
mod completions;
mod demo;
mod explain;
mod gate;
mod hooks;
mod man;
mod mark_status;
#[cfg(feature = "mcp")]
mod mcp;
mod merge;
mod move_lane;
mod nested_env;
mod rules;
mod status;
mod status_files;
mod status_watch;
#[cfg(feature = "sync")]
mod sync;
mod target;
mod trace;
mod writing;

use std::path::PathBuf;

use clearance_engine::exit::ExitStatus;
use clearance_engine::registry::Registry;
use serde_json::Value;

use crate::args::{AgentCommand, AgentTasksCommand, Cli, Command, Global};
use crate::env::{Env, Pager};
use crate::failure::Failure;
use crate::final_sync::Last;
use crate::output::reporters::telling::Telling;
use crate::output::{Problem, reporters, reports};

/// What a command has to say.
#[derive(Debug)]
pub(crate) struct Answer {
    /// For standard output.
    pub(crate) stdout: String,
    /// For standard error: what needs attention.
    pub(crate) problems: Vec<Problem>,
    /// Reports to write to files.
    pub(crate) reports: Vec<(PathBuf, String)>,
    /// What shows it where it is long.
    pub(crate) pager: Option<Pager>,
    /// What is added to the summary of a step of a CI.
    pub(crate) summary: Option<(PathBuf, String)>,
    /// How the process ends.
    pub(crate) status: ExitStatus,
    /// What is delivered when all that is said.
    pub(crate) last: Last,
}

impl Answer {
    /// An answer with an account of it, for the reports that were asked for.
    pub(crate) fn of(stdout: String, status: ExitStatus, account: &Value, global: &Global) -> Self {
        Self { status, reports: reports::files(&global.report, account, None), ..Self::text(stdout) }
    }

    /// The same of a gate, which has findings to tell of. `text` is for people.
    pub(crate) fn telling(
        text: String,
        status: ExitStatus,
        account: &Value,
        telling: &Telling<'_>,
        (global, env): (&Global, &Env),
    ) -> Self {
        let said = reports::on_stdout(&global.report, telling);
        let text = match env.obeyed && reports::annotates(global) && !global.json {
            true => reporters::not_obeyed(&text, env.stamp.entropy),
            false => text,
        };
        let summary = env.step_summary.clone().filter(|_| reports::annotates(global));
        Self {
            status,
            reports: reports::files(&global.report, account, Some(telling)),
            summary: summary.map(|file| (file, reporters::summary(telling))),
            ..Self::text(if global.json { text } else { text + &said })
        }
    }

    /// Text that is no account of anything; a machine gets it as one JSON value.
    pub(crate) fn words(text: String, global: &Global) -> Self {
        if !reports::json_on_stdout(global) {
            return Self::text(text);
        }
        let value = serde_json::json!({ "text": text });
        Self { reports: reports::files(&global.report, &value, None), ..Self::text(format!("{value}\n")) }
    }

    /// Text, and nothing else to say.
    pub(crate) fn text(stdout: String) -> Self {
        Self {
            stdout,
            problems: Vec::new(),
            reports: Vec::new(),
            pager: None,
            summary: None,
            status: ExitStatus::Done,
            last: Last::default(),
        }
    }
}

pub(crate) fn run(cli: &Cli, env: &Env, registry: &Registry) -> Result<Answer, Failure> {
    let global = &cli.global;
    let on_stdout = global.report.iter().filter(|report| report.takes_stdout()).count();
    if on_stdout + usize::from(global.json) > 1 {
        let json = global.report.iter().all(|report| !report.takes_stdout() || report.is_json_on_stdout());
        let message = if json {
            "only one JSON value fits on standard output"
        } else {
            "only one report fits on standard output"
        };
        return Err(Failure::usage("usage", message, "write the others to files: --report FORMAT=FILE"));
    }
    let is_gate = matches!(cli.command, Command::Check(_) | Command::Merge(_));
    if let Some(report) = global.report.iter().find(|report| report.format.tells_findings() && !is_gate) {
        let message =
            format!("`{}` tells of findings, which only `check` and `merge` have", report.format.name());
        return Err(Failure::usage("usage", message, "this command has: --report json"));
    }
    reports::check(global)?;
    match &cli.command {
        Command::MarkStatus(args)
        | Command::Agent(AgentCommand::Tasks(AgentTasksCommand::MarkStatus(args))) => {
            mark_status::run(args, global, env, registry)
        }
        Command::Move(args) | Command::Agent(AgentCommand::Tasks(AgentTasksCommand::MoveTask(args))) => {
            move_lane::run(args, global, env, registry)
        }
        Command::Status(args) | Command::Agent(AgentCommand::Tasks(AgentTasksCommand::Status(args))) => {
            status::run(args, global, env, registry)
        }
        Command::Check(args) => check::run(args, global, env, registry),
        Command::Merge(args) => merge::run(args, global, env, registry),
        Command::Rules(command) => rules::run(command, global, env, registry),
        #[cfg(feature = "sync")]
        Command::Sync(args) => sync::run(args, global, env),
        Command::Hooks(command) => hooks::run(command, global, env, registry),
        #[cfg(feature = "mcp")]
        Command::Mcp(args) => mcp::run(*args, global, env),
        Command::Env(command) => nested_env::run(command, global, env),
        Command::Explain(args) => explain::run(args, global, env, registry),
        Command::Completions(args) => completions::run(args, global),
        Command::Man(args) => man::run(args, global, env),
        Command::Demo(args) => demo::run(args, global, env),
    }
}
