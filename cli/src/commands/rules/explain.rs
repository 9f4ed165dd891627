//! `clearance rules explain`: what a rule or a built-in check asks, and how to get past it.

use clearance_engine::check::{CheckMeta, Guards};
use clearance_engine::item::Unanswered;
use clearance_engine::param::{Param, ParamValue};
use clearance_engine::registry::Registry;
use clearance_engine::severity::Severity;
use clearance_engine::source::harmless;
use clearance_rules::team::load::{RuleSet, unusable};
use clearance_rules::team::rule::Rule;
use clearance_rules::team::trust;
use clearance_rules::team::tune::Tune;
use serde_json::{Value, json};

use super::authored;
use crate::args::Global;
use crate::args::rules::RulesExplainArgs;
use crate::commands::{Answer, gate};
use crate::env::Env;
use crate::failure::Failure;
use crate::output::reports;

/// The schema of the JSON form.
const SCHEMA: &str = "clearance.rules-explain/v1";

pub(super) fn run(
    args: &RulesExplainArgs,
    global: &Global,
    env: &Env,
    registry: &Registry,
) -> Result<Answer, Failure> {
    let (_, _, set) = authored(args.rules_from.as_ref(), global, env, registry)?;
    let metas = gate::built_in(registry);
    gate::known(&args.id, &metas, &set)?;
    let Some((value, text)) = told(&args.id, &metas, &set)? else {
        let why = set.broken_one(&args.id).map(|broken| broken.why.in_words()).unwrap_or_default();
        return Err(Failure::undecided(Unanswered::RULE_INVALID, why));
    };
    let stdout = if reports::json_on_stdout(global) {
        format!("{}\n", reports::shown(&value))
    } else {
        harmless(&text)
    };
    Ok(Answer { reports: reports::files(&global.report, &value, None), ..Answer::text(stdout) })
}

/// What a rule or a built-in check is, for machines and for people; `None` where nothing usable has that name.
pub(in crate::commands) fn told(
    id: &str,
    built_in: &[CheckMeta],
    set: &RuleSet,
) -> Result<Option<(Value, String)>, Failure> {
    if let Some(rule) = set.rule(id) {
        let tests =
            rule.tests().map_err(|error| Failure::undecided("rule_invalid", unusable(&error).in_words()))?;
        let tests: Vec<_> = tests.into_iter().map(|test| test.value.name.value).collect();
        return Ok(Some((of_rule(rule, &tests), in_words(rule, &tests))));
    }
    let meta = built_in.iter().find(|meta| meta.id == id);
    Ok(meta.map(|meta| (of_check(meta, set.tune(meta.id)), check_in_words(meta, set.tune(meta.id)))))
}

fn of_rule(rule: &Rule, tests: &[String]) -> Value {
    json!({
        "schema": SCHEMA,
        "id": rule.id(),
        "title": rule.meta.summary,
        "severity": severity(rule.severity),
        "stages": rule.meta.stages,
        "capability": rule.capability().name(),
        "takes": trust::described(rule).into_iter().map(|(how, what)| format!("{how} {what}")).collect::<Vec<_>>(),
        "looks_at": rule.uses,
        "waivable": rule.waivable,
        "docs": rule.docs,
        "file": rule.source.name(),
        "expressions": rule.sources(),
        "tests": tests,
    })
}

fn severity(severity: Option<Severity>) -> &'static str {
    match severity {
        Some(Severity::Blocker) => "error",
        Some(Severity::Warning) => "warning",
        Some(Severity::Note) => "info",
        None => "off",
    }
}

fn stages(meta: &CheckMeta) -> String {
    let words = meta.stages.iter().map(|stage| json!(stage).as_str().unwrap_or_default().to_owned());
    words.collect::<Vec<_>>().join(", ")
}

fn in_words(rule: &Rule, tests: &[String]) -> String {
    let mut out = format!("{}: {}\n\n", rule.id(), rule.meta.summary);
    let mut row = |name: &str, value: &str| out.push_str(&format!("  {name:<11} {value}\n"));
    row("severity", severity(rule.severity));
    row("stages", &stages(&rule.meta));
    for (how, what) in trust::described(rule) {
        row(how, &what);
    }
    for (name, source) in rule.sources() {
        row(&name, &source);
    }
    row("waivable", if rule.waivable { "yes: rules.d/waivers.yaml" } else { "no" });
    if let Some(docs) = &rule.docs {
        row("docs", docs);
    }
    row("file", rule.source.name());
    row("tests", &if tests.is_empty() { "none".to_owned() } else { tests.join("; ") });
    out.push_str(&format!(
        "\nWhat it says now, part by part: clearance check --rule {} --trace --rules-from head\n",
        rule.id()
    ));
    out
}

fn of_check(meta: &CheckMeta, tune: Option<&Tune>) -> Value {
    json!({
        "schema": SCHEMA,
        "id": meta.id,
        "title": meta.summary,
        "stages": meta.stages,
        "capability": "data",
        "codes": meta.codes,
        "waivable": meta.guards == Guards::Agreement,
        "params": params(meta, tune),
        "set": tune.map(|tune| json!({ "file": tune.file, "severity": tuned_severity(tune) })),
        "docs": format!("docs/checks/{}.md", meta.id),
    })
}

/// The parameters of a check: what each means, its default, and what is set where.
pub(super) fn params(meta: &CheckMeta, tune: Option<&Tune>) -> Vec<Value> {
    let one = |param: &Param| {
        let set = tune.and_then(|tune| tune.params.set_of(param));
        let file = set.and(tune).map(|tune| &tune.file);
        json!({
            "name": param.name,
            "type": param.kind.name(),
            "meaning": param.meaning,
            "default": param.kind.default(),
            "value": set,
            "file": file,
        })
    };
    meta.params.iter().map(one).collect()
}

/// The same for people: `strict = true (rules.d/t.yaml; the default is false)`.
pub(super) fn param_in_words(param: &Param, tune: Option<&Tune>) -> String {
    let shown = |value: &ParamValue| match value {
        ParamValue::Switch(on) => on.to_string(),
        ParamValue::Words(words) => format!("[{}]", words.join(", ")),
    };
    let (name, default) = (param.name, shown(&param.kind.default()));
    match tune.and_then(|tune| Some((tune.params.set_of(param)?, &tune.file))) {
        Some((value, file)) => format!("{name} = {} ({file}; the default is {default})", shown(value)),
        None => format!("{name} = {default} (the default)"),
    }
}

fn tuned_severity(tune: &Tune) -> Option<&'static str> {
    (tune.off || tune.severity.is_some()).then(|| severity(tune.severity))
}

fn check_in_words(meta: &CheckMeta, tune: Option<&Tune>) -> String {
    let may = match meta.guards {
        Guards::Agreement => {
            "yes: a file in rules.d/ with its `id` and a `severity` or `params`; rules.d/waivers.yaml for items"
        }
        Guards::Step if meta.params.is_empty() => "no: it guards the step itself",
        Guards::Step => "stricter only: a file in rules.d/ with its `id` and `params`",
    };
    let mut out = format!("{}: {}\n\n", meta.id, meta.summary);
    let mut row = |name: &str, value: &str| out.push_str(&format!("  {name:<14} {value}\n"));
    row("stages", &stages(meta));
    row("codes", &meta.codes.join(", "));
    for param in meta.params {
        row("param", &format!("{}: {}", param_in_words(param, tune), param.meaning));
    }
    row("set otherwise", may);
    if let Some((tune, severity)) = tune.and_then(|tune| Some((tune, tuned_severity(tune)?))) {
        row("severity", &format!("{severity} ({})", tune.file));
    }
    row("docs", &format!("docs/checks/{}.md", meta.id));
    out
}
