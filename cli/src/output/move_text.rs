//! `move` for people.

use clearance_engine::report::step::MoveReport;
use clearance_engine::source::harmless;

use super::{Problem, mark_text};
use crate::args::Global;

/// The account on standard output.
pub(crate) fn render(report: &MoveReport, global: &Global) -> String {
    if global.quiet || report.refused.is_some() {
        return String::new();
    }
    let MoveReport { work_package, from, to, mission, .. } = report;
    let mut out = if report.steps.is_empty() {
        format!("{work_package} is in {to} already ({mission}).")
    } else {
        let way: String = report.steps.iter().map(|step| format!(" -> {}", step.to)).collect();
        let forced = if report.steps.iter().any(|step| step.force) { ", by force" } else { "" };
        let would = if report.dry_run { "would go " } else { "" };
        format!("{work_package}: {would}{from}{way}{forced} ({mission}).")
    };
    out.push_str(&mark_text::effects(&report.writes, &report.commit, report.dry_run));
    if report.dry_run && !report.diff.is_empty() {
        out = format!("{}\n{out}", report.diff);
    }
    harmless(&format!("{out}\n"))
}

/// What needs attention: a refusal, a failed commit, warnings.
pub(crate) fn problems(report: &MoveReport) -> Vec<Problem> {
    let refused = report.refused.as_ref().map(|refused| Problem {
        code: refused.code(),
        message: refused.message(&report.work_package),
        help: Some(format!("nothing was changed. What is allowed next: {}", refused.next)),
        severity: miette::Severity::Error,
        excerpts: Vec::new(),
    });
    refused.into_iter().chain(mark_text::commit_and_warnings(&report.commit, &report.warnings)).collect()
}
