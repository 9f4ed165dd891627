//! Only what is new: which findings of rules were there already at a commit.
//!
//! A rule is asked a second time, about the files of that commit. Only what can be known again from run to run is compared:
//! the lines that a scan finds, and items of the files that a rule tells in the same words. Everything else counts: what looks
//! at changes, commits, branches or servers is not about one commit; and one answer for all (of a program, of an assertion
//! about the whole) would hide a new fault behind an old one.

use std::collections::HashMap;

use clearance_engine::check::{Check, CheckContext, Guards};
use clearance_engine::finding::{Finding, fingerprints};
use clearance_engine::item::ItemOutcome;
use clearance_engine::run::{CheckResult, preflight};

use super::check::TeamCheck;
use super::evaluate::WHOLE;
use super::gate::Gate;
use super::live_world::Session;
use super::rule::Rule;

/// The parts of the document that are of the files of a commit.
const OF_FILES: [&str; 8] = ["mission", "lanes", "wps", "requirements", "events", "tree", "stage", "now"];

/// Marks what was there already. `then` is a session about the files of `commit`; what could not be told there is not known.
pub fn mark(
    gate: &Gate<'_>,
    context: CheckContext<'_>,
    then: &Session<'_>,
    commit: &str,
    results: &mut [CheckResult],
) {
    let Ok(set) = gate.rules else { return };
    let found = |rule: &&Rule| {
        let result = results.iter().find(|result| result.id == rule.id());
        result.is_some_and(|result| result.findings.iter().any(Finding::counts))
    };
    let compared: Vec<TeamCheck<'_>> = set
        .rules
        .iter()
        .filter(|rule| is_comparable(rule) && found(rule))
        .filter_map(|rule| TeamCheck::new(rule, then))
        .collect();
    let checks: Vec<&dyn Check> = compared.iter().map(|check| check as &dyn Check).collect();
    for earlier in preflight(&checks, gate.stage, context) {
        if let Some(now) = results.iter_mut().find(|result| result.id == earlier.id) {
            mark_one(&earlier, now, commit);
        }
    }
}

/// Whether a rule's findings can be known again at another commit.
fn is_comparable(rule: &Rule) -> bool {
    let of_files = rule.uses.iter().all(|name| OF_FILES.contains(&name.as_str()));
    rule.meta.guards == Guards::Agreement && of_files && rule.is_about_files()
}

fn mark_one(earlier: &CheckResult, now: &mut CheckResult, commit: &str) {
    if !earlier.unanswered.is_empty() {
        return;
    }
    let known: HashMap<String, &Finding> =
        fingerprints(&earlier.findings).into_iter().zip(&earlier.findings).collect();
    let known_by = fingerprints(&now.findings);
    for (finding, known_by) in now.findings.iter_mut().zip(known_by) {
        if finding.counts() && known.get(&known_by).is_some_and(|earlier| is_same(earlier, finding)) {
            let item = now
                .items
                .iter_mut()
                .find(|item| item.key == finding.item() && item.outcome == ItemOutcome::Fail);
            item.into_iter().for_each(|item| item.outcome = ItemOutcome::Known);
            *finding = finding.clone().known(commit);
        }
    }
}

/// Whether two findings with one fingerprint are the same fault. A line is known by its text; where that is not shown, nobody
/// can tell. Anything else must be told in the same words: a number that grew is new.
fn is_same(earlier: &Finding, now: &Finding) -> bool {
    match now.location().line {
        Some(line) if now.item().ends_with(&format!(":{line}")) => !now.excerpts().is_empty(),
        _ => now.item() != WHOLE && earlier.message() == now.message(),
    }
}
