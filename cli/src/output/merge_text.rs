//! What a merge did, for people: every reference that moved, and how to put it back.

use clearance_engine::merge::land::{Landed, Pushed};
use clearance_engine::report::landing::LandingReport;
use clearance_engine::source::{harmless, shell_quote, without_secrets};

use super::Problem;
use crate::args::Global;

/// The account in words.
pub(crate) fn render(report: &LandingReport, global: &Global) -> String {
    if global.quiet {
        return String::new();
    }
    let Landed { journal, pushed, removed, .. } = &report.landed;
    let how = journal.strategy.participle();
    let mut out = if report.moves().next().is_none() {
        format!("nothing to merge: {} has everything of {} already\n", journal.target.branch, journal.mission)
    } else {
        let again = if report.resumed { ": an interrupted merge, finished now" } else { "" };
        format!("{} is {how} onto {}{again}\n", journal.mission, journal.target.branch)
    };
    for (moved, undo) in report.moves() {
        out.push_str(&format!("  {} {} -> {}\n", moved.branch, short(&moved.old), short(&moved.new)));
        out.push_str(&format!("    undo: {undo}\n"));
    }
    if let Some(number) = journal.number {
        out.push_str(&format!("the mission has the number {number} now\n"));
    }
    let done: Vec<_> = journal.done.iter().map(|done| done.work_package.as_str()).collect();
    if !done.is_empty() {
        out.push_str(&format!("done: {}\n", done.join(", ")));
    }
    if let (Some(push), Some(Pushed::Done)) = (&journal.push, pushed) {
        out.push_str(&format!("pushed to {}/{}\n", without_secrets(&push.remote), push.branch));
    }
    for root in &removed.work_trees {
        out.push_str(&format!("removed the work tree {}\n", root.display()));
    }
    for files in &removed.files {
        out.push_str(&format!("  its ignored files are kept in {}\n", files.display()));
    }
    for (branch, _, again) in report.removed() {
        out.push_str(&format!("removed {branch}; to have it back: {again}\n"));
    }
    if let Some((name, _)) = &removed.backup {
        out.push_str(&format!("the commits that were merged are kept as {name}\n"));
    }
    for kept in &removed.kept {
        out.push_str(&format!("{} stays: {}\n", kept.what, kept.why));
    }
    harmless(&out)
}

/// What needs attention.
pub(crate) fn problems(report: &LandingReport) -> Vec<Problem> {
    let Landed { journal, pushed, astray, .. } = &report.landed;
    let mut problems = Vec::new();
    for moved in astray {
        problems.push(Problem {
            code: "branch_moved",
            message: format!(
                "{} moved while the merge was made, and stays where it is; the merge would have it at {}",
                moved.branch, moved.new
            ),
            help: None,
            severity: miette::Severity::Warning,
            excerpts: Vec::new(),
        });
    }
    if let (Some(push), Some(Pushed::Refused(message))) = (&journal.push, pushed) {
        problems.push(Problem {
            code: "push_refused",
            message: format!(
                "merged here, and not pushed: {} does not take it: {message}",
                without_secrets(&push.remote)
            ),
            help: Some(format!(
                "if it only could not be reached: clearance merge --resume --mission {}\nif it has something new, one after the other:\n  {}",
                shell_quote(&journal.mission),
                report.go_on().join("\n  ")
            )),
            severity: miette::Severity::Error,
            excerpts: Vec::new(),
        });
    }
    problems
}

fn short(commit: &str) -> &str {
    &commit[..commit.len().min(12)]
}
