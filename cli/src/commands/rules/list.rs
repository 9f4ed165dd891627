//! `clearance rules list`: every check and strategy of this build, and the rules of the repository, with their origins.

use clearance_engine::check::Stage;
use clearance_engine::registry::{Origin, OriginKind, Registry};
use clearance_engine::source::harmless;
use clearance_rules::team::load::RuleSet;
use clearance_rules::team::rule::Rule;
use clearance_rules::team::trust;
use serde_json::{Value, json};

use super::explain::{param_in_words, params};
use super::{authored, broken_json};
use crate::args::Global;
use crate::args::rules::RulesListArgs;
use crate::commands::Answer;
use crate::env::Env;
use crate::failure::Failure;
use crate::output::{Problem, reports};

/// The schema of the JSON form.
const SCHEMA: &str = "clearance.rules-list/v1";

pub(super) fn run(
    args: &RulesListArgs,
    global: &Global,
    env: &Env,
    registry: &Registry,
) -> Result<Answer, Failure> {
    // What is built in can be listed anywhere.
    let mut set = match authored(args.rules_from.as_ref(), global, env, registry) {
        Ok((_, _, set)) => set,
        Err(_) if args.rules_from.is_none() && global.repo.is_none() => RuleSet::default(),
        Err(failure) => return Err(failure),
    };
    let stage = args.stage.map(Stage::from);
    let of_stage = |stages: &[Stage]| stage.is_none_or(|stage| stages.contains(&stage));
    let registry = &registry.clone().with_strategies(set.take_strategies())?;
    let value = json(registry, &set, &of_stage);
    let stdout = if reports::json_on_stdout(global) {
        format!("{}\n", reports::shown(&value))
    } else {
        harmless(&text(registry, &set, args.capabilities, &of_stage))
    };
    let problems = set.broken.iter().map(|broken| Problem::unusable(&broken.why)).collect();
    Ok(Answer { problems, reports: reports::files(&global.report, &value, None), ..Answer::text(stdout) })
}

fn json(registry: &Registry, set: &RuleSet, of_stage: &dyn Fn(&[Stage]) -> bool) -> Value {
    let origin = |origin: &Origin| json!({ "kind": origin.kind, "file": origin.file, "line": origin.line });
    let checks = registry.checks().iter().filter(|entry| of_stage(entry.check.meta().stages)).map(|entry| {
        let meta = entry.check.meta();
        json!({
            "id": entry.id,
            "summary": meta.summary,
            "codes": meta.codes,
            "stages": meta.stages,
            "guards": meta.guards,
            "capability": "data",
            "params": params(meta, set.tune(meta.id)),
            "origin": origin(&entry.origin),
        })
    });
    let rules = set.rules.iter().filter(|rule| of_stage(rule.meta.stages)).map(|rule| {
        json!({
            "id": rule.id(),
            "summary": rule.meta.summary,
            "codes": rule.meta.codes,
            "stages": rule.meta.stages,
            "guards": rule.meta.guards,
            "capability": rule.capability().name(),
            "takes": takes(rule),
            "origin": { "kind": "rules.d", "file": rule.source.name(), "line": 1 },
        })
    });
    let strategies = registry.strategies().iter().enumerate().map(|(position, entry)| {
        let meta = entry.strategy.meta();
        json!({
            "position": position + 1,
            "id": entry.id,
            "summary": meta.summary,
            "format": meta.format,
            "origin": origin(&entry.origin),
        })
    });
    json!({
        "schema": SCHEMA,
        "checks": checks.chain(rules).collect::<Vec<_>>(),
        "strategies": strategies.collect::<Vec<_>>(),
        "broken": broken_json(set),
    })
}

fn takes(rule: &Rule) -> Vec<String> {
    trust::described(rule).into_iter().map(|(how, what)| format!("{how} {what}")).collect()
}

fn text(
    registry: &Registry,
    set: &RuleSet,
    capabilities: bool,
    of_stage: &dyn Fn(&[Stage]) -> bool,
) -> String {
    let mut out = String::from("Checks\n");
    for entry in registry.checks().iter().filter(|entry| of_stage(entry.check.meta().stages)) {
        let meta = entry.check.meta();
        out.push_str(&format!("  {:<20} {}\n", entry.id, meta.summary));
        out.push_str(&format!("  {:<20} codes: {}\n", "", meta.codes.join(", ")));
        for param in meta.params.iter().filter(|_| capabilities) {
            out.push_str(&format!("  {:<20} param: {}\n", "", param_in_words(param, set.tune(meta.id))));
        }
        out.push_str(&format!("  {:<20} {}\n", "", told(entry.origin)));
    }
    let rules: Vec<&Rule> = set.rules.iter().filter(|rule| of_stage(rule.meta.stages)).collect();
    if !rules.is_empty() {
        out.push_str("\nRules of this repository\n");
    }
    for rule in rules {
        out.push_str(&format!("  {:<20} {}\n", rule.id(), rule.meta.summary));
        if capabilities {
            out.push_str(&format!("  {:<20} {}: {}\n", "", rule.capability().name(), takes(rule).join(", ")));
        }
        out.push_str(&format!("  {:<20} {}\n", "", rule.source.name()));
    }
    out.push_str("\nStrategies, in the order they are asked\n");
    for (position, entry) in registry.strategies().iter().enumerate() {
        let meta = entry.strategy.meta();
        out.push_str(&format!("  {} {:<18} {}\n", position + 1, entry.id, meta.summary));
        out.push_str(&format!("    {:<18} {}\n", "", told(entry.origin)));
    }
    out
}

fn told(origin: Origin) -> String {
    match origin.kind {
        OriginKind::BuiltIn => format!("built in, {origin}"),
        OriginKind::RulesD => format!("rules.d, {origin}"),
    }
}
