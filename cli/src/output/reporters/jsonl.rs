//! JSON Lines: one object a line, for what reads as it comes. Each has its `type`.

use serde_json::{Value, json};

use super::telling::{Entry, Kind, Telling};
use crate::output::reports::escaped;

/// The schema of the first line; the others belong to it.
const SCHEMA: &str = "clearance.jsonl/v1";

pub(super) fn render(telling: &Telling<'_>) -> String {
    let head = json!({
        "type": "run",
        "schema": SCHEMA,
        "stage": telling.stage,
        "mission": telling.mission,
    });
    let entries = telling.entries.iter().map(entry);
    let checks = telling.checks.iter().map(|check| {
        json!({
            "type": "check",
            "id": check.id,
            "verdict": check.verdict(),
            "applicable": check.applicable,
            "milliseconds": (check.took.as_secs_f64() * 10_000.0).round() / 10.0,
        })
    });
    let end = json!({
        "type": "verdict",
        "verdict": telling.verdict,
        "exit_code": telling.exit_code,
        "blockers": telling.count(Kind::Blocker),
        "undecided": telling.count(Kind::Unanswered),
        "warnings": telling.count(Kind::Warning),
    });
    let all = [head].into_iter().chain(entries).chain(checks).chain([end]);
    all.map(|value: Value| escaped(&value.to_string()) + "\n").collect()
}

fn entry(entry: &Entry<'_>) -> Value {
    json!({
        "type": if entry.kind == Kind::Unanswered { "unanswered" } else { "finding" },
        "check": entry.check,
        "code": entry.code,
        "severity": entry.kind.in_words(),
        "item": entry.item,
        "message": entry.message,
        "remediation": entry.help,
        "file": entry.file,
        "line": entry.line,
        "place": entry.place,
        "waived": entry.waived,
        "known_at": entry.known_at,
        "fingerprint": entry.fingerprint,
    })
}
