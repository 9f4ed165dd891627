//! `clearance env create`: an environment, or why there is none here.

use std::path::Path;

use clearance_engine::exit::ExitStatus;
use clearance_engine::source::harmless;
use clearance_nested_env::attempt::{Attempt, End, Method};
use clearance_nested_env::limitation::Limitation;
use clearance_nested_env::managed::Managed;
use clearance_nested_env::{CreateError, NestedEnv, Request, create};
use serde_json::{Value, json};

use super::super::Answer;
use crate::args::Global;
use crate::args::nested_env::EnvCreateArgs;
use crate::env::Env;
use crate::failure::Failure;
use crate::output::reports;

/// The schema of the account; `--json` prints less.
const SCHEMA: &str = "clearance.env-create/v1";

/// The code of the skip.
const CODE: &str = "environment_limitation";

pub(super) fn run(args: &EnvCreateArgs, global: &Global, env: &Env) -> Result<Answer, Failure> {
    let from = super::start(global, env)?;
    let directory = from.join(&args.directory);
    let request = Request {
        directory: &directory,
        python: args.python.as_deref(),
        clear: args.clear,
        seed: args.seed,
        variables: &env.variables,
        from: &from,
        timeout: args.timeout,
        until: None,
    };
    if args.directory.as_os_str().is_empty() {
        let help = "name the directory that the environment is to be made in: .venv, say";
        return Err(Failure::usage("env_directory_invalid", "no path is no directory", help));
    }
    let made = create(&request).map_err(|error| failed(error, global))?;
    // It takes a question to uv: only who shows it asks.
    let shown = global.verbose || global.report.iter().any(|report| report.form().is_none());
    let managed = shown.then(|| made.managed(&request));
    let account = account(&made, managed.as_ref());
    let stdout = if global.json {
        format!("{}\n", reports::shown(&contract(&made)))
    } else if reports::json_on_stdout(global) {
        format!("{}\n", reports::shown(&account))
    } else if global.quiet {
        String::new()
    } else {
        text(&made, managed.as_ref().filter(|_| global.verbose), args.seed)
    };
    Ok(Answer::of(stdout, ExitStatus::Done, &account, global))
}

/// What `--json` prints: the contract, and nothing else.
fn contract(made: &NestedEnv) -> Value {
    json!({ "venv_dir": made.venv_dir, "python": made.python, "pip": made.pip, "method": made.method.as_str() })
}

fn account(made: &NestedEnv, managed: Option<&Managed>) -> Value {
    json!({
        "schema": SCHEMA,
        "command": "env create",
        "exit_code": ExitStatus::Done.code(),
        "outcome": "created",
        "venv_dir": made.venv_dir,
        "python": made.python,
        "pip": made.pip,
        "method": made.method.as_str(),
        "python_version": made.version,
        "interpreter": made.interpreter,
        "base_prefix": made.base_prefix,
        "uv_managed": managed.map(uv_managed),
        "attempts": made.attempts.iter().map(attempt).collect::<Vec<_>>(),
    })
}

fn uv_managed(managed: &Managed) -> Value {
    json!({ "managed": managed.managed, "evidence": managed.evidence })
}

fn attempt(attempt: &Attempt) -> Value {
    let end = attempt.outcome.end();
    let exit = end.and_then(|end| if let End::Exit(code) = end { Some(code) } else { None });
    let signal = end.and_then(|end| if let End::Signal(signal) = end { Some(signal) } else { None });
    json!({
        "method": attempt.method.as_str(),
        "argv": attempt.argv,
        "outcome": attempt.outcome.as_str(),
        "exit": exit,
        "signal": signal,
        "timed_out": end == Some(End::Timeout),
        "cause": attempt.outcome.cause(),
        "seconds": (attempt.took.as_secs_f64() * 1000.0).round() / 1000.0,
    })
}

fn failed(error: CreateError, global: &Global) -> Failure {
    match error {
        CreateError::Limitation(limitation) => skipped(&limitation, limitation.to_string(), global),
        other => other.into(),
    }
}

/// A skip, told in these words.
pub(super) fn skipped(limitation: &Limitation, message: String, global: &Global) -> Failure {
    let managed = limitation.managed.as_ref().filter(|_| global.verbose);
    let evidence = managed.map(|managed| format!("\n{}", in_words(managed))).unwrap_or_default();
    let help = limitation.help() + &evidence;
    Failure::undecided_until(CODE, message, help).with(limited(limitation))
}

/// What machines are told of a limitation besides the reason.
fn limited(limitation: &Limitation) -> Value {
    json!({
        "outcome": "skipped",
        "reason": limitation.to_string(),
        "uv_managed": limitation.managed.as_ref().map(uv_managed),
        "attempts": limitation.attempts.iter().map(attempt).collect::<Vec<_>>(),
    })
}

fn in_words(managed: &Managed) -> String {
    let is = if managed.managed { "uv manages its Python" } else { "uv does not manage its Python" };
    format!("{is}: {}", managed.evidence)
}

fn text(made: &NestedEnv, managed: Option<&Managed>, seed: bool) -> String {
    let shown = |path: &Path| harmless(&path.display().to_string());
    let tool = made.method.in_words();
    let took = made.attempts.last().map_or(0.0, |attempt| attempt.took.as_secs_f64());
    let mut out = format!("made with {tool} in {took:.2} s: {}\n", shown(&made.venv_dir));
    out.push_str(&format!("  python  {} ({})\n", shown(&made.python), made.version));
    match &made.pip {
        Some(pip) => out.push_str(&format!("  pip     {}\n", shown(pip))),
        None if seed || made.method == Method::Stdlib => {
            out.push_str("  pip     none that starts from this path; `python -m pip` does\n");
        }
        None => out.push_str(
            "  pip     none: uv makes none unless --seed is given; `uv pip install --python` needs none\n",
        ),
    }
    for attempt in made.attempts.iter().filter(|attempt| attempt.outcome.cause().is_some()) {
        let cause = harmless(attempt.outcome.cause().unwrap_or_default());
        out.push_str(&format!("  {} {}: {cause}\n", attempt.method.in_words(), attempt.outcome.as_str()));
    }
    if let Some(managed) = managed {
        for attempt in &made.attempts {
            out.push_str(&format!("  ran     {}\n", harmless(&attempt.argv.join(" "))));
        }
        out.push_str(&format!("  {}\n", harmless(&in_words(managed))));
    }
    out
}
