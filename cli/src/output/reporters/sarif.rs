//! SARIF 2.1.0, as code scanning reads it: a small model of our own.
//!
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/sarif-v2.1.0-errata01-os.html>; what GitHub needs of it:
//! <https://docs.github.com/en/code-security/reference/code-scanning/sarif-files/sarif-support-for-code-scanning>

use std::borrow::Cow;
use std::collections::BTreeMap;

use clearance_engine::mission::MISSIONS_DIR;
use serde_json::{Value, json};

use super::telling::{Entry, Kind, Telling};
use crate::output::reports::escaped;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The version of the fingerprints, which is part of their name.
const FINGERPRINT: &str = "clearance/v1";

pub(super) fn render(telling: &Telling<'_>) -> String {
    let mut rules: BTreeMap<&str, &Entry<'_>> = BTreeMap::new();
    for entry in &telling.entries {
        rules.entry(entry.code).or_insert(entry);
    }
    let numbers: BTreeMap<&str, usize> = rules.keys().enumerate().map(|(nth, code)| (*code, nth)).collect();
    let results: Vec<Value> =
        telling.entries.iter().map(|entry| result(entry, numbers[entry.code], telling)).collect();
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "clearance",
                "version": env!("CLEARANCE_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.values().map(|entry| rule(entry)).collect::<Vec<_>>(),
            }},
            "automationDetails": { "id": category(telling) },
            "invocations": [invocation(telling)],
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    escaped(&format!("{log:#}\n"))
}

/// What tells the runs of one repository apart: the step, and the mission.
fn category(telling: &Telling<'_>) -> String {
    let stage = telling.stage.map(|stage| json!(stage));
    let stage = stage.as_ref().and_then(Value::as_str).unwrap_or("run");
    format!("clearance/{stage}/{}/", telling.mission.unwrap_or("repository"))
}

fn invocation(telling: &Telling<'_>) -> Value {
    let unanswered = telling.entries.iter().filter(|entry| entry.kind == Kind::Unanswered);
    let notifications: Vec<Value> = unanswered
        .map(|entry| {
            let text = format!("{}: {}", entry.check, entry.message);
            json!({ "level": "error", "message": { "text": text }, "associatedRule": { "id": entry.code } })
        })
        .collect();
    json!({
        "executionSuccessful": notifications.is_empty(),
        "exitCode": telling.exit_code,
        "exitCodeDescription": telling.verdict,
        "toolExecutionNotifications": notifications,
    })
}

fn rule(entry: &Entry<'_>) -> Value {
    json!({
        "id": entry.code,
        "shortDescription": { "text": format!("{} ({})", entry.code, entry.check) },
        "properties": { "tags": [entry.check] },
    })
}

fn result(entry: &Entry<'_>, rule: usize, telling: &Telling<'_>) -> Value {
    let level = match entry.kind {
        Kind::Blocker | Kind::Unanswered => "error",
        Kind::Warning => "warning",
        Kind::Note => "note",
    };
    let help = entry.help.map(|help| format!("\nTo get past it: {help}")).unwrap_or_default();
    let file = uri(&file_of(entry, telling));
    let mut physical = json!({ "artifactLocation": { "uri": file, "uriBaseId": "%SRCROOT%" } });
    if let Some(line) = entry.line {
        physical["region"] = region(entry, line);
    }
    let mut location = json!({ "physicalLocation": physical });
    if let Some(place) = entry.place {
        location["logicalLocations"] = json!([{ "fullyQualifiedName": place, "kind": "resource" }]);
    }
    let mut result = json!({
        "ruleId": entry.code,
        "ruleIndex": rule,
        "level": level,
        "message": { "text": format!("{}{help}", entry.message) },
        "locations": [location],
        "partialFingerprints": { FINGERPRINT: entry.fingerprint },
        "properties": { "check": entry.check, "item": entry.item, "remediation": entry.help },
    });
    if telling.compares {
        result["baselineState"] = if entry.known_at.is_some() { "unchanged" } else { "new" }.into();
    }
    if let Some(excepted) = entry.excepted() {
        let suppression = json!({ "kind": "external", "status": "accepted", "justification": excepted });
        result["suppressions"] = json!([suppression]);
    }
    result
}

fn region(entry: &Entry<'_>, line: usize) -> Value {
    let is_it = |name: &str, first: usize| Some(name) == entry.file && first == line;
    let mut excerpts = entry.excerpts.iter().filter(|excerpt| is_it(&excerpt.name, excerpt.line));
    match excerpts.find_map(|excerpt| excerpt.mark) {
        Some(mark) => {
            let end = mark.column + mark.length;
            json!({ "startLine": line, "startColumn": mark.column, "endColumn": end })
        }
        None => json!({ "startLine": line }),
    }
}

/// The file that an entry is shown at: readers of such reports take no entry without one. What is about a branch stands at the
/// manifest of the mission, and without a mission at a file that says how the repository is to be read.
pub(super) fn file_of<'a>(entry: &Entry<'a>, telling: &Telling<'_>) -> Cow<'a, str> {
    match (entry.file, telling.mission) {
        (Some(file), _) => file.into(),
        (None, Some(mission)) => format!("{MISSIONS_DIR}/{mission}/meta.json").into(),
        (None, None) => ".gitattributes".into(),
    }
}

/// A path as a relative reference (RFC 3986).
fn uri(path: &str) -> String {
    let mut out = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
