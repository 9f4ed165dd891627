//! GitLab's code quality report: a list in the form of Code Climate's issues.
//!
//! <https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format>

use serde_json::{Value, json};

use super::sarif::file_of;
use super::telling::{Entry, Kind, Telling};
use crate::output::reports::escaped;

pub(super) fn render(telling: &Telling<'_>) -> String {
    let counts = telling.entries.iter().filter(|entry| entry.counts());
    let issues: Vec<Value> = counts.map(|entry| issue(entry, telling)).collect();
    escaped(&format!("{:#}\n", Value::from(issues)))
}

fn issue(entry: &Entry<'_>, telling: &Telling<'_>) -> Value {
    let severity = match entry.kind {
        Kind::Blocker => "blocker",
        Kind::Unanswered => "critical",
        Kind::Warning => "minor",
        Kind::Note => "info",
    };
    let help = entry.help.map(|help| format!(" To get past it: {help}")).unwrap_or_default();
    json!({
        "description": format!("{}{help}", entry.message),
        "check_name": entry.code,
        "fingerprint": entry.fingerprint,
        "severity": severity,
        // Every issue needs a file.
        "location": { "path": file_of(entry, telling), "lines": { "begin": entry.line.unwrap_or(1) } },
    })
}
