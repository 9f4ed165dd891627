//! `mark-status` for people.

use clearance_engine::report::{CommitAccount, ItemResult, MarkReport, Outcome, Write, WriteKind};

use clearance_engine::source::harmless;

use super::Problem;
use crate::args::Global;

/// The account on standard output.
pub(crate) fn render(report: &MarkReport, global: &Global) -> String {
    if global.quiet {
        return String::new();
    }
    let mut out = String::new();
    for result in &report.results {
        out.push_str(&line(result, report, global.verbose));
    }
    if report.dry_run {
        out.push_str(&format!("\n{}", report.diff));
    }
    out.push_str(&format!("\n{}\n", summary(report)));
    harmless(&out)
}

/// What needs attention: unresolved IDs, a failed commit, warnings.
pub(crate) fn problems(report: &MarkReport) -> Vec<Problem> {
    let unresolved = report.results.iter().filter(|result| !result.is_resolved()).map(|result| Problem {
        code: if result.outcome == Outcome::NotFound { "task_not_found" } else { "task_rejected" },
        message: result.message.clone(),
        help: result.help.clone(),
        severity: miette::Severity::Error,
        excerpts: Vec::new(),
    });
    unresolved.chain(commit_and_warnings(&report.commit, &report.warnings)).collect()
}

/// A commit that failed, and warnings: of every command that writes.
pub(super) fn commit_and_warnings(commit: &CommitAccount, warnings: &[String]) -> Vec<Problem> {
    let commit = match commit {
        CommitAccount::Failed { message, remediation } => Some(Problem {
            code: "commit_failed",
            message: format!("the files are written, but not committed: {message}"),
            help: Some(format!("when that is mended: {remediation}")),
            severity: miette::Severity::Error,
            excerpts: Vec::new(),
        }),
        _ => None,
    };
    commit.into_iter().chain(warnings.iter().map(|warning| Problem::warning(warning))).collect()
}

fn line(result: &ItemResult, report: &MarkReport, verbose: bool) -> String {
    let state = report.wanted.as_str();
    let what = match (result.outcome, report.dry_run) {
        (Outcome::Updated, false) => state.to_owned(),
        (Outcome::Updated, true) => format!("would be {state}"),
        (Outcome::AlreadySatisfied, _) => format!("already {state}"),
        (Outcome::NotFound, _) => "not found".to_owned(),
        (Outcome::Rejected, _) => "refused".to_owned(),
    };
    let mark = match result.outcome {
        Outcome::Updated => "+",
        Outcome::AlreadySatisfied => "=",
        Outcome::NotFound | Outcome::Rejected => "!",
    };
    let strategy = result.strategy.map(|strategy| strategy.id).unwrap_or_default();
    let places = result.places.iter().map(|place| match place.line {
        Some(line) => format!("{}:{line}", place.file),
        None => place.file.clone(),
    });
    let places: Vec<_> = places.collect();
    let shown = if verbose { places.len() } else { 1 };
    let more =
        if places.len() > shown { format!(" and {} more", places.len() - shown) } else { String::new() };
    let places = places.into_iter().take(shown).collect::<Vec<_>>().join(", ");
    let text = format!("{mark} {:<6} {what:<14} {strategy:<16} {places}{more}", result.id.as_str());
    format!("{}\n", text.trim_end())
}

fn summary(report: &MarkReport) -> String {
    let counted = [
        (report.count(Outcome::Updated), if report.dry_run { "would be updated" } else { "updated" }),
        (report.count(Outcome::AlreadySatisfied), "already so"),
        (report.count(Outcome::NotFound), "not found"),
        (report.count(Outcome::Rejected), "refused"),
    ];
    let counts: Vec<_> = counted
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let effects = effects(&report.writes, &report.commit, report.dry_run);
    format!("{}: {}.{effects}", report.mission, counts.join(", "))
}

/// What became of the files, in sentences.
pub(super) fn effects(writes: &[Write], commit: &CommitAccount, dry_run: bool) -> String {
    let mut out = String::new();
    for write in writes {
        let how = match (write.kind, dry_run) {
            (WriteKind::Replaced, false) => "Wrote",
            (WriteKind::Appended, false) => "Appended to",
            (WriteKind::Replaced, true) => "Would write",
            (WriteKind::Appended, true) => "Would append to",
        };
        out.push_str(&format!(" {how} {}.", write.file));
    }
    match commit {
        CommitAccount::Created { sha, branch, .. } => {
            out.push_str(&format!(" Committed {} on {branch}.", &sha[..sha.len().min(10)]));
        }
        CommitAccount::Unchanged => out.push_str(" Nothing to commit: the files are as in the last commit."),
        CommitAccount::Nothing => out.push_str(" Nothing was written, so nothing was committed."),
        CommitAccount::Planned { branch, .. } => out.push_str(&format!(" Would commit on {branch}.")),
        CommitAccount::Failed { .. } => out.push_str(" The commit failed."),
        CommitAccount::Off => {}
    }
    out
}
