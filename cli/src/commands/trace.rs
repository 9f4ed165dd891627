//! `clearance check --rule ID --trace`: how a rule came to its answer for one item, part by part.

use std::collections::BTreeMap;

use clearance_engine::check::{Needs, Stage};
use clearance_engine::exit::ExitStatus;
use clearance_engine::finding::Waived;
use clearance_engine::item::{ItemOutcome, Unanswered};
use clearance_engine::policy::Waiver;
use clearance_engine::registry::Registry;
use clearance_engine::severity::Severity;
use clearance_engine::source::harmless;
use clearance_rules::team::check::NO_MESSAGE;
use clearance_rules::team::evaluate::{Answer as Asked, Item, WHOLE, inside, params};
use clearance_rules::team::live_world::LiveWorld;
use clearance_rules::team::load::RuleSet;
use clearance_rules::team::rule::Rule;
use clearance_rules::team::trace::{Trace, trace};
use clearance_rules::team::world::Unknown;
use serde_json::{Value, json};

use super::{Answer, gate};
use crate::args::Global;
use crate::args::gate::CheckArgs;
use crate::env::Env;
use crate::failure::Failure;
use crate::output::preflight_text::excepted;
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
    if let Some(why) = not_asked(rule, asked) {
        return Ok(told(rule, &Told::Not(why), None, global));
    }
    let now = env.stamp.now.to_string();
    let session = gate::session(asked, &rules, &args.merge.rules, env, &now)?;
    let document = match session.document(&rule.uses) {
        Ok(document) => document,
        Err(Unknown::Unanswered(why)) => return Err(Failure::undecided(why.code, why.in_words())),
        Err(Unknown::Waits(check)) => return Ok(told(rule, &Told::Waits(check), None, global)),
    };
    let scope = inside(&document, params(rule, &serde_json::Map::new()));
    let is_excepted = |key: &str| waivers(rule, set).any(|waiver| waiver.names(rule.id(), key));
    let world = LiveWorld::new(&session, rule);
    let (answer, mut traced) = trace(rule, scope, &world, args.item.as_deref(), is_excepted);
    let told_of = match answer {
        Asked::Skipped => Told::Not("its `when` does not hold".to_owned()),
        Asked::Waits(check) => Told::Waits(check),
        Asked::Items(mut items) => {
            if let Some(wanted) = &args.item {
                is_there(rule, &items, wanted)?;
            }
            let waived = waived(rule, set, &mut items);
            if let Some(traced) = traced.as_mut().filter(|traced| waived.contains_key(&traced.item)) {
                traced.outcome = ItemOutcome::Waived;
            }
            Told::Items(items, waived)
        }
    };
    Ok(told(rule, &told_of, traced.as_ref(), global))
}

/// What became of the rule.
enum Told {
    /// It was not asked, and why.
    Not(String),
    /// It can look once this check finds nothing.
    Waits(&'static str),
    /// Item by item, and the terms of those that are excepted.
    Items(Vec<Item>, BTreeMap<String, Waived>),
}

/// Why a rule is not asked, where `check` without a trace would not ask it either.
fn not_asked(rule: &Rule, asked: gate::Asked<'_>) -> Option<String> {
    let word = |stage: &Stage| json!(stage).as_str().unwrap_or_default().to_owned();
    let gates = |stage: &Stage| rule.meta.stages.contains(stage);
    if rule.severity.is_none() {
        Some(format!("it is off in {}", rule.source.name()))
    } else if !gates(&asked.stage) {
        let stages = rule.meta.stages.iter().map(word).collect::<Vec<_>>().join(", ");
        Some(format!("it is asked at {stages}, and this is {}", word(&asked.stage)))
    } else if rule.meta.needs == Needs::Mission && asked.mission.is_none() {
        Some("it is about a mission, and this is about none".to_owned())
    } else if rule.is_about_a_message() && asked.message.is_none() {
        Some(NO_MESSAGE.to_owned())
    } else {
        None
    }
}

/// An item that is named must be there; where nothing could be told, it may be.
fn is_there(rule: &Rule, items: &[Item], wanted: &str) -> Result<(), Failure> {
    let open = |item: &Item| {
        item.key == WHOLE && matches!(item.outcome, ItemOutcome::Error | ItemOutcome::Untrusted)
    };
    if items.iter().any(|item| item.key == wanted || open(item)) {
        return Ok(());
    }
    let keys = || items.iter().map(|item| item.key.as_str());
    let help = match (clearance_rules::team::nearest(wanted, keys()), items) {
        (_, []) => "it has none: there is nothing to look at".to_owned(),
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, _) => format!("there are: {}", short(&keys().collect::<Vec<_>>().join(", "))),
    };
    Err(Failure::usage("unknown_item", format!("{} has no item `{wanted}`", rule.id()), help))
}

fn waits(check: &str) -> String {
    format!("can look once {check} finds nothing")
}

/// The waivers that count for a rule, where it lets items be excepted.
fn waivers<'a>(rule: &Rule, set: &'a RuleSet) -> impl Iterator<Item = &'a Waiver> {
    set.waivers.iter().filter(|_| rule.waivable).flat_map(|waivers| &waivers.active)
}

/// Marks the items that a waiver excepts, and gives its terms.
fn waived(rule: &Rule, set: &RuleSet, items: &mut [Item]) -> BTreeMap<String, Waived> {
    let mut terms = BTreeMap::new();
    for waiver in waivers(rule, set) {
        let failed =
            |item: &&mut Item| item.outcome == ItemOutcome::Fail && waiver.names(rule.id(), &item.key);
        for item in items.iter_mut().filter(failed) {
            item.outcome = ItemOutcome::Waived;
            terms.insert(item.key.clone(), waiver.terms.clone());
        }
    }
    terms
}

fn told(rule: &Rule, told: &Told, traced: Option<&Trace>, global: &Global) -> Answer {
    let status = status(rule, told);
    let value = json(rule, told, traced, status);
    let stdout = if reports::json_on_stdout(global) {
        format!("{}\n", reports::shown(&value))
    } else {
        harmless(&text(rule, told, traced))
    };
    Answer::of(stdout, status, &value, global)
}

fn status(rule: &Rule, told: &Told) -> ExitStatus {
    let items = match told {
        Told::Items(items, _) => items,
        Told::Not(_) => return ExitStatus::NothingEvaluated,
        Told::Waits(_) => return ExitStatus::Undecided,
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

fn json(rule: &Rule, told: &Told, traced: Option<&Trace>, status: ExitStatus) -> Value {
    let (items, why): (Vec<Value>, _) = match told {
        Told::Not(why) => (Vec::new(), Some(why.clone())),
        Told::Waits(check) => (Vec::new(), Some(waits(check))),
        Told::Items(items, terms) => {
            let one = |item: &Item| json!({ "key": item.key, "outcome": item.outcome, "message": item.message, "waived": terms.get(&item.key) });
            (items.iter().map(one).collect(), None)
        }
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
        "skipped": matches!(told, Told::Not(_)),
        "why": why,
        "items": items,
        "trace": trace,
    })
}

fn text(rule: &Rule, told: &Told, traced: Option<&Trace>) -> String {
    let (items, terms) = match told {
        Told::Items(items, terms) => (items, terms),
        Told::Not(why) => return format!("{} does not apply: {why}\n", rule.id()),
        Told::Waits(check) => return format!("{} {}\n", rule.id(), waits(check)),
    };
    let until = |key: &str| terms.get(key).map(|terms| format!(", {}", excepted(terms))).unwrap_or_default();
    let Some(trace) = traced else {
        let keys: Vec<_> = items.iter().map(|item| item.key.as_str()).collect();
        let messages: String = items
            .iter()
            .filter(|item| !item.message.is_empty())
            .map(|item| format!("  {}: {}{}\n", item.key, item.message, until(&item.key)))
            .collect();
        return format!(
            "{}: nothing of it can be traced; items: {}\n{messages}",
            rule.id(),
            if keys.is_empty() { "none".to_owned() } else { keys.join(", ") }
        );
    };
    let word = match terms.get(&trace.item) {
        Some(terms) => excepted(terms),
        None => json!(trace.outcome).as_str().unwrap_or_default().to_owned(),
    };
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
