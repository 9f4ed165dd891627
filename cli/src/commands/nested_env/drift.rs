//! `clearance env drift`: a contract-drift scenario, played once.

use clearance_engine::exit::ExitStatus;
use clearance_engine::source::harmless;
use clearance_nested_env::drift::{DriftError, Packages, Played, Scenario, Setting, Verdict, play};
use serde_json::{Value, json};

use super::super::Answer;
use crate::args::Global;
use crate::args::nested_env::{Drift, EnvDriftArgs};
use crate::env::Env;
use crate::failure::Failure;
use crate::output::{progress, reports};

/// The schema of what `--json` prints.
const SCHEMA: &str = "clearance.env-drift/v1";

pub(super) fn run(args: &EnvDriftArgs, global: &Global, env: &Env) -> Result<Answer, Failure> {
    let directory = super::start(global, env)?;
    let setting = Setting {
        directory: &directory,
        python: args.python.as_deref(),
        variables: &env.variables,
        timeout: args.timeout,
    };
    let mut line = progress::Line::new(env, global);
    let mut told = |step: &'static str| line.write(&format!("contract drift: {step}"));
    let played = play(&scenario(args), &setting, &mut told).map_err(|error| match error {
        DriftError::Skipped(limitation) => {
            super::create::skipped(&limitation, format!("skipped: {limitation}"), global)
        }
        other => other.into(),
    })?;
    let is_expected = matches!(
        (&played.verdict, args.expect),
        (Verdict::NoDrift, Drift::NoDrift) | (Verdict::DriftDetected { .. }, Drift::DriftDetected)
    );
    let status = if is_expected { ExitStatus::Done } else { ExitStatus::Blocked };
    let account = account(args, &played, status);
    let stdout = if reports::json_on_stdout(global) {
        format!("{}\n", reports::shown(&account))
    } else if global.quiet && is_expected {
        String::new()
    } else {
        text(args, &played, global.verbose)
    };
    Ok(Answer::of(stdout, status, &account, global))
}

fn scenario(args: &EnvDriftArgs) -> Scenario {
    Scenario {
        packages: Packages {
            consumer: args.consumer.clone(),
            with: args.with.clone(),
            package: args.package.clone(),
            candidate: args.candidate.clone(),
            version: args.candidate_version.clone(),
            find_links: args.find_links.clone(),
            offline: args.offline,
        },
        tests: args.tests.clone(),
        signs: args.sign.clone(),
    }
}

fn account(args: &EnvDriftArgs, played: &Played, status: ExitStatus) -> Value {
    let (sign, line) = match &played.verdict {
        Verdict::NoDrift => (None, None),
        Verdict::DriftDetected { sign, line } => (Some(sign), Some(line)),
    };
    let steps = played.steps.iter().map(
        |(name, took)| json!({ "step": name, "seconds": (took.as_secs_f64() * 1000.0).round() / 1000.0 }),
    );
    json!({
        "schema": SCHEMA,
        "command": "env drift",
        "exit_code": status.code(),
        "outcome": played.verdict.as_str(),
        "package": args.package,
        "version": args.candidate_version,
        "baseline_version": played.baseline,
        "method": played.method.as_str(),
        "tests_exit": played.exit,
        "sign": sign,
        "line": line,
        "steps": steps.collect::<Vec<_>>(),
    })
}

fn text(args: &EnvDriftArgs, played: &Played, verbose: bool) -> String {
    let what = format!("{} {} in the place of {}", args.package, args.candidate_version, played.baseline);
    let mut out = match &played.verdict {
        Verdict::NoDrift => format!("no_drift: the tests pass with {what}\n"),
        Verdict::DriftDetected { sign, line } => {
            format!("drift_detected: the tests fail with {what}; a failure names `{sign}`:\n  {line}\n")
        }
    };
    if verbose {
        for (name, took) in &played.steps {
            out.push_str(&format!("  {:>7.2} s  {name}\n", took.as_secs_f64()));
        }
        out.push_str(&format!("what the tests said with the candidate:\n{}\n", played.output.trim_end()));
    }
    harmless(&out)
}
