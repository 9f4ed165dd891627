//! `clearance rules list`: every check and strategy of this build, with its origin.

use clearance_engine::registry::{Origin, OriginKind, Registry};
use serde_json::{Value, json};

use super::Answer;
use crate::args::Global;
use crate::failure::Failure;
use crate::output::reports;

/// The schema of the JSON form.
const SCHEMA: &str = "clearance.rules-list/v1";

pub(crate) fn run(global: &Global, registry: &Registry) -> Result<Answer, Failure> {
    let value = json(registry);
    let stdout = if reports::json_on_stdout(global) {
        format!("{}\n", reports::shown(&value))
    } else {
        text(registry)
    };
    Ok(Answer { reports: reports::files(global, &value), ..Answer::text(stdout) })
}

fn json(registry: &Registry) -> Value {
    let origin = |origin: &Origin| json!({ "kind": origin.kind, "file": origin.file, "line": origin.line });
    let checks = registry.checks().iter().map(|entry| {
        let meta = entry.check.meta();
        json!({
            "id": entry.id,
            "summary": meta.summary,
            "codes": meta.codes,
            "stages": meta.stages,
            "origin": origin(&entry.origin),
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
        "checks": checks.collect::<Vec<_>>(),
        "strategies": strategies.collect::<Vec<_>>(),
    })
}

fn text(registry: &Registry) -> String {
    let mut out = String::from("Checks\n");
    for entry in registry.checks() {
        let meta = entry.check.meta();
        out.push_str(&format!("  {:<20} {}\n", entry.id, meta.summary));
        out.push_str(&format!("  {:<20} codes: {}\n", "", meta.codes.join(", ")));
        out.push_str(&format!("  {:<20} {}\n", "", told(entry.origin)));
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

#[cfg(test)]
mod tests {
    use super::*;
    use clearance_engine::source::Source;

    #[test]
    fn what_a_team_wrote_is_told_from_what_is_built_in() {
        let rule = "schema: clearance.rule/v1\nkind: resolver\nid: todo-lines\ntitle: TODO lines\n\
            resolver: { pattern: '(?<state>TODO|DONE) (?<id>T1)', done: DONE, pending: TODO }\n";
        let resolver =
            clearance_rules::team::resolver::read(&Source::new("rules.d/todo.yaml", "", rule)).unwrap();
        let registry = crate::registry().unwrap().with_strategies([resolver.entry()]).unwrap();
        let told = text(&registry);
        assert!(told.contains("  5 todo-lines         TODO lines\n"), "{told}");
        assert!(told.contains("                       rules.d, rules.d/todo.yaml:3\n"), "{told}");
        let origins = json(&registry)["strategies"].as_array().unwrap().clone();
        let kinds: Vec<_> = origins.iter().map(|entry| entry["origin"]["kind"].as_str().unwrap()).collect();
        let built_in = "built-in";
        assert_eq!(kinds, [built_in, built_in, built_in, built_in, "rules.d", built_in, built_in]);
    }
}
