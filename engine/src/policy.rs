//! What a team decided otherwise: severities and waivers. Applied once, to everything that was found.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::{CheckMeta, Guards};
use crate::finding::{Finding, Waived};
use crate::item::ItemOutcome;
use crate::run::CheckResult;
use crate::severity::Severity;

/// What a team decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// The severity of a check's findings, by its id.
    pub severities: BTreeMap<String, Severity>,
    /// Items that are excepted.
    pub waivers: Vec<Waiver>,
}

/// An item of a check that is excepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    /// The check.
    pub check: String,
    /// The item.
    pub item: String,
    /// Why, until when, by whom.
    pub terms: Waived,
}

impl Waiver {
    /// Whether it is of an item of a check, whatever came of it.
    #[must_use]
    pub fn names(&self, check: &str, item: &str) -> bool {
        self.check == check && self.item == item
    }
}

/// Why a waiver did nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Idle {
    /// Nothing was found that it excepts.
    Unused,
    /// What it excepts must not be excepted.
    Refused,
}

/// Applies a policy. `meta_of` tells the facts of a check. Gives the waivers that did nothing, by their place in the list;
/// those of checks that did not run, or could not look, are not among them.
pub fn apply(
    policy: &Policy,
    results: &mut [CheckResult],
    meta_of: impl Fn(&str) -> Option<CheckMeta>,
) -> Vec<(usize, Idle)> {
    let mut used = BTreeSet::new();
    let mut refused = BTreeSet::new();
    for result in results.iter_mut() {
        let agreed = meta_of(result.id).is_some_and(|meta| meta.guards == Guards::Agreement);
        let severity = policy.severities.get(result.id).filter(|_| agreed);
        let found = std::mem::take(&mut result.findings);
        for mut finding in found {
            if let Some(severity) = severity {
                finding = retuned(finding, *severity);
            }
            let waiver = policy.waivers.iter().position(|waiver| waiver.names(result.id, finding.item()));
            if let Some(nth) = waiver.filter(|_| !agreed) {
                refused.insert(nth);
            } else if let Some(nth) = waiver {
                used.insert(nth);
                let of_item = |item: &&mut crate::item::ItemResult| {
                    item.key == finding.item() && item.outcome == ItemOutcome::Fail
                };
                result.items.iter_mut().filter(of_item).for_each(|item| item.outcome = ItemOutcome::Waived);
                finding = finding.waived_by(policy.waivers[nth].terms.clone());
            }
            result.findings.push(finding);
        }
    }
    let looked = |waiver: &Waiver| {
        let answered = |result: &CheckResult| {
            result.applicable && result.unanswered.is_empty() && result.waits_for.is_none()
        };
        results.iter().any(|result| result.id == waiver.check && answered(result))
    };
    let idle = |(nth, waiver): (usize, &Waiver)| {
        if refused.contains(&nth) {
            Some((nth, Idle::Refused))
        } else {
            (!used.contains(&nth) && looked(waiver)).then_some((nth, Idle::Unused))
        }
    };
    policy.waivers.iter().enumerate().filter_map(idle).collect()
}

/// A check that is made milder has no finding that is worse; one that is made stricter blocks with everything that is worth
/// a look.
fn retuned(finding: Finding, severity: Severity) -> Finding {
    let now = match (finding.severity(), severity) {
        (Severity::Note, _) => Severity::Note,
        (_, wanted) => wanted,
    };
    finding.of_severity(now)
}
