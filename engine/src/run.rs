//! Preflight: every check looks, none hides another, and the verdict is the worst of them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::check::{CheckContext, Findings, Stage};
use crate::finding::Finding;
use crate::registry::CheckEntry;
use crate::severity::{Severity, Verdict};

/// What one check answered.
#[derive(Debug)]
pub struct CheckResult {
    /// The check.
    pub id: &'static str,
    /// What it found.
    pub findings: Vec<Finding>,
    /// Why it could not look, if it could not.
    pub failure: Option<String>,
}

impl CheckResult {
    /// What this check alone concludes.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.failure.is_some() {
            Verdict::Undecided
        } else if self.findings.iter().any(|finding| finding.severity() == Severity::Blocker) {
            Verdict::Blocked
        } else {
            Verdict::Cleared
        }
    }
}

/// Runs every check of a stage, in the order given. A check that fails or panics is undecided, alone.
#[must_use]
pub fn preflight(checks: &[&CheckEntry], stage: Stage, context: CheckContext<'_>) -> Vec<CheckResult> {
    let of_stage = checks.iter().filter(|entry| entry.check.meta().stages.contains(&stage));
    of_stage.map(|entry| run_one(entry, context)).collect()
}

/// The verdict of a run; `None` when nothing was evaluated, which is not a pass.
#[must_use]
pub fn verdict(results: &[CheckResult]) -> Option<Verdict> {
    results.iter().map(CheckResult::verdict).max()
}

fn run_one(entry: &CheckEntry, context: CheckContext<'_>) -> CheckResult {
    let mut findings = Findings::new(entry.check.meta());
    let outcome = catch_unwind(AssertUnwindSafe(|| entry.check.run(context, &mut findings)));
    let failure = match outcome {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            Some(format!("a bug in the check: {}", text.unwrap_or_else(|| "it panicked".to_owned())))
        }
    };
    CheckResult { id: entry.id, findings: findings.into_inner(), failure }
}
