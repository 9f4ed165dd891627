//! `clearance hooks`: git asks before merges, commits and pushes.

mod install;
mod place;
mod pushed;
mod run;
mod script;

use clearance_engine::exit::ExitStatus;
use clearance_engine::registry::Registry;
use serde_json::{Value, json};

use super::Answer;
use crate::args::Global;
use crate::args::hooks::{HookName, HooksCommand};
use crate::env::Env;
use crate::failure::Failure;
use crate::output::reports;

/// The schema of what each of them says to machines.
const SCHEMA: &str = "clearance.hooks/v1";

pub(crate) fn run(
    command: &HooksCommand,
    global: &Global,
    env: &Env,
    registry: &Registry,
) -> Result<Answer, Failure> {
    match command {
        HooksCommand::Install(args) => install::install(&chosen(&args.hook), global, env),
        HooksCommand::List => install::list(global, env),
        HooksCommand::Uninstall(args) => {
            install::uninstall(&chosen(&args.hook), !args.hook.is_empty(), global, env)
        }
        HooksCommand::Run(args) => run::run(args, global, env, registry),
    }
}

fn chosen(named: &[HookName]) -> Vec<HookName> {
    HookName::ALL.into_iter().filter(|hook| named.is_empty() || named.contains(hook)).collect()
}

/// What every one of them says to machines: `more` is its own.
fn account(command: &str, status: ExitStatus, more: Value) -> Value {
    let mut value =
        json!({ "schema": SCHEMA, "command": format!("hooks {command}"), "exit_code": status.code() });
    if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
        value.extend(more);
    }
    value
}

/// An answer in words, or as JSON.
fn answer(text: String, status: ExitStatus, account: &Value, global: &Global) -> Answer {
    let stdout = if reports::json_on_stdout(global) {
        format!("{}\n", reports::shown(account))
    } else if reports::takes_stdout(global) {
        String::new()
    } else {
        text
    };
    Answer::of(stdout, status, account, global)
}
