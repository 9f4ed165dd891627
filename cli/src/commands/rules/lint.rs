//! `clearance rules lint`: what is wrong with rules, and what is odd.

use clearance_engine::exit::ExitStatus;
use clearance_engine::registry::Registry;
use clearance_rules::team::lint::{Oddity, lint};
use clearance_rules::team::load::Broken;
use serde_json::json;

use super::{authored, broken_json};
use crate::args::Global;
use crate::args::rules::RulesLintArgs;
use crate::commands::Answer;
use crate::env::Env;
use crate::failure::Failure;
use crate::output::{Problem, Style, reports};

/// The schema of the JSON form.
const SCHEMA: &str = "clearance.rules-lint/v1";

pub(super) fn run(
    args: &RulesLintArgs,
    global: &Global,
    env: &Env,
    registry: &Registry,
) -> Result<Answer, Failure> {
    let (_, origin, mut set) = authored(args.rules_from.as_ref(), global, env, registry)?;
    let mut odd: Vec<Oddity> = Vec::new();
    for rule in &set.rules {
        match lint(rule) {
            Ok(found) => odd.extend(found),
            Err(error) => set.broken.push(Broken::test(rule, &error)),
        }
    }
    for resolver in &set.resolvers {
        odd.extend(clearance_rules::team::lint::lint_resolver(resolver));
    }
    let count = set.rules.len() + set.tunes.len() + set.resolvers.len();
    let nothing = count + set.broken.len() == 0;
    let status = match (nothing, odd.is_empty() && set.broken.is_empty()) {
        (true, _) => ExitStatus::NothingEvaluated,
        (_, true) => ExitStatus::Done,
        _ => ExitStatus::Blocked,
    };
    let value = json!({ "schema": SCHEMA, "command": "rules lint", "exit_code": status.code(), "rules": count, "broken": broken_json(&set), "findings": odd });
    let style = Style::new(env, global.color);
    let odd = odd.iter().map(|odd| Problem {
        code: odd.code,
        message: format!("{}:{}: {}", odd.file, odd.line, odd.message),
        help: Some(odd.help.clone()),
        severity: miette::Severity::Warning,
        excerpts: Vec::new(),
    });
    let problems: Vec<Problem> =
        set.broken.iter().map(|broken| Problem::unusable(&broken.why)).chain(odd).collect();
    let told: String = problems.iter().map(|problem| style.told(problem, style.form(global))).collect();
    let end = match (nothing, problems.len()) {
        (true, _) => format!("there are no rules in {}\n", origin.in_words()),
        (_, 0) => format!("{count} rules, nothing odd\n"),
        (_, 1) => format!("{count} rules can be asked, 1 thing to look at\n"),
        (_, many) => format!("{count} rules can be asked, {many} things to look at\n"),
    };
    let stdout =
        if reports::json_on_stdout(global) { format!("{}\n", reports::shown(&value)) } else { told + &end };
    Ok(Answer::of(stdout, status, &value, global))
}
