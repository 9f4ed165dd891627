//! `clearance check --rule ID --trace`: how a rule came to its answer for one item, part by part.

use clearance_engine::exit::ExitStatus;
use clearance_engine::item::{ItemOutcome, Unanswered};
use clearance_engine::registry::Registry;
use clearance_engine::severity::Severity;
use clearance_engine::source::harmless;
use clearance_rules::team::evaluate::{Answer as Asked, inside, params};
use clearance_rules::team::live_world::LiveWorld;
use clearance_rules::team::rule::Rule;
use clearance_rules::team::trace::{Trace, trace};
use clearance_rules::team::world::Unknown;
use serde_json::{Value, json};

use super::{Answer, gate};
use crate::args::Global;
use crate::args::gate::CheckArgs;
use crate::env::Env;
use crate::failure::Failure;
use crate::output::reports;

/// The schema of the JSON form.
const SCHEMA: &str = "clearance.rule-trace/v1";

/// Longest value that is shown, in characters.
const LONGEST: usize = 100;

pub(super) fn run(
    args: &CheckArgs,
    asked: gate::Asked<'_>,
    global: &Global,
    env: &Env,
    registry: &Registry,
) -> Result<Answer, Failure> {
    let gate::Judges { rules, .. } = gate::judges(asked, &args.merge.rules, &gate::built_in(registry), env)?;
    let set = rules.as_ref().map_err(gate::unreadable)?;
    let id = args.rule.as_deref().unwrap_or_default();
    let Some(rule) = set.rule(id) else {
        return Err(match set.broken_one(id) {
            Some(broken) => Failure::undecided(Unanswered::RULE_INVALID, broken.why.in_words()),
            None => Failure::usage(
                "no_expressions",
                format!("{id} is built in, and has no expressions"),
                format!("clearance rules explain {id}"),
            ),
        });
    };
    let now = env.stamp.now.to_string();
    let session = gate::session(asked, &rules, &args.merge.rules, env, &now)?;
    let document = session.document(&rule.uses).map_err(|unknown| match unknown {
        Unknown::Unanswered(why) => Failure::undecided(why.code, why.in_words()),
        Unknown::Waits(check) => {
            Failure::undecided("waits", format!("{id} can look once {check} finds nothing"))
        }
    })?;
    let scope = inside(&document, params(rule, &serde_json::Map::new()));
    let (answer, traced) = trace(rule, scope, &LiveWorld::new(&session, rule), args.item.as_deref());
    let status = status(rule, &answer);
    let value = json(rule, &answer, traced.as_ref(), status);
    let stdout = if reports::json_on_stdout(global) {
        format!("{}\n", reports::shown(&value))
    } else {
        harmless(&text(rule, &answer, traced.as_ref(), args.item.as_deref()))
    };
    Ok(Answer { stdout, problems: Vec::new(), reports: reports::files(global, &value), status })
}

fn status(rule: &Rule, answer: &Asked) -> ExitStatus {
    let items = match answer {
        Asked::Items(items) => items,
        Asked::Skipped => return ExitStatus::NothingEvaluated,
        Asked::Waits(_) => return ExitStatus::Undecided,
    };
    let has = |outcomes: &[ItemOutcome]| items.iter().any(|item| outcomes.contains(&item.outcome));
    if has(&[ItemOutcome::Error, ItemOutcome::Untrusted]) {
        ExitStatus::Undecided
    } else if has(&[ItemOutcome::Fail]) && rule.severity == Some(Severity::Blocker) {
        ExitStatus::Blocked
    } else {
        ExitStatus::Done
    }
}

fn json(rule: &Rule, answer: &Asked, traced: Option<&Trace>, status: ExitStatus) -> Value {
    let items: Vec<Value> = match answer {
        Asked::Skipped | Asked::Waits(_) => Vec::new(),
        Asked::Items(items) => items
            .iter()
            .map(|item| json!({ "key": item.key, "outcome": item.outcome, "message": item.message }))
            .collect(),
    };
    let trace = traced.map(|trace| {
        let steps = trace.steps.iter().map(|step| match &step.value {
            Ok(value) => json!({ "depth": step.depth, "expression": step.expression, "value": value }),
            Err(error) => json!({ "depth": step.depth, "expression": step.expression, "error": error }),
        });
        json!({ "item": trace.item, "outcome": trace.outcome, "steps": steps.collect::<Vec<_>>() })
    });
    json!({
        "schema": SCHEMA,
        "command": "check",
        "exit_code": status.code(),
        "rule": rule.id(),
        "skipped": matches!(answer, Asked::Skipped),
        "items": items,
        "trace": trace,
    })
}

fn text(rule: &Rule, answer: &Asked, traced: Option<&Trace>, wanted: Option<&str>) -> String {
    let items = match answer {
        Asked::Items(items) => items,
        Asked::Skipped => return format!("{} does not apply: its `when` does not hold\n", rule.id()),
        Asked::Waits(check) => return format!("{} can look once {check} finds nothing\n", rule.id()),
    };
    let Some(trace) = traced else {
        let keys: Vec<_> = items.iter().map(|item| item.key.as_str()).collect();
        let missing = wanted.map(|wanted| format!("there is no item {wanted}; ")).unwrap_or_default();
        let messages: String = items
            .iter()
            .filter(|item| !item.message.is_empty())
            .map(|item| format!("  {}: {}\n", item.key, item.message))
            .collect();
        return format!(
            "{}: {missing}nothing of it can be traced; items: {}\n{messages}",
            rule.id(),
            if keys.is_empty() { "none".to_owned() } else { keys.join(", ") }
        );
    };
    let word = json!(trace.outcome).as_str().unwrap_or_default().to_owned();
    let mut out = format!("{}, item {}: {word}\n", rule.id(), trace.item);
    let width = trace
        .steps
        .iter()
        .map(|step| 2 * step.depth + step.expression.chars().count())
        .max()
        .unwrap_or(0)
        .min(70);
    for step in &trace.steps {
        let written = format!("{}{}", "  ".repeat(step.depth), step.expression.replace('\n', " "));
        let value = match &step.value {
            Ok(value) => short(&value.to_string()),
            Err(error) => format!("! {error}"),
        };
        out.push_str(&format!("  {written:<width$}  {value}\n"));
    }
    out
}

fn short(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
