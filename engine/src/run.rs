//! Preflight: every check looks, none hides another, and the verdict is the worst of them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::check::{CheckContext, CheckError, Findings, Stage};
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
    /// Whether there was anything for it to look at.
    pub applicable: bool,
    /// The check whose blocker must be mended before this one can look.
    pub waits_for: Option<&'static str>,
    /// How long it took.
    pub took: Duration,
}

impl CheckResult {
    /// Of a check that has found nothing so far.
    fn of(id: &'static str) -> Self {
        let (findings, took) = (Vec::new(), Duration::ZERO);
        Self { id, findings, failure: None, applicable: true, waits_for: None, took }
    }

    /// What this check alone concludes; `None` when there was nothing for it to look at.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        if !self.applicable {
            None
        } else if self.failure.is_some() {
            Some(Verdict::Undecided)
        } else if self.findings.iter().any(|finding| finding.severity() == Severity::Blocker) {
            Some(Verdict::Blocked)
        } else if self.waits_for.is_some() {
            None
        } else {
            Some(Verdict::Cleared)
        }
    }
}

/// Runs every check of a stage. A check that fails or panics is undecided, alone. They run side by side; the answers are
/// in the order of the checks.
#[must_use]
pub fn preflight(checks: &[&CheckEntry], stage: Stage, context: CheckContext<'_>) -> Vec<CheckResult> {
    let of_stage: Vec<_> = checks.iter().filter(|entry| entry.check.meta().stages.contains(&stage)).collect();
    let mut results: Vec<_> = std::thread::scope(|scope| {
        let running: Vec<_> =
            of_stage.iter().map(|entry| (entry.id, scope.spawn(|| run_one(entry, context)))).collect();
        running.into_iter().map(|(id, thread)| thread.join().unwrap_or_else(|_| lost(id))).collect()
    });
    no_idle_waiting(&mut results);
    results
}

/// Runs the checks of a stage one after the other, as far as the first that blocks or cannot look. The others are listed
/// as waiting for that one: what was not asked is no pass.
#[must_use]
pub fn preflight_fail_fast(
    checks: &[&CheckEntry],
    stage: Stage,
    context: CheckContext<'_>,
) -> Vec<CheckResult> {
    let mut results: Vec<CheckResult> = Vec::new();
    let mut stopped = None;
    for entry in checks.iter().filter(|entry| entry.check.meta().stages.contains(&stage)) {
        if stopped.is_some() {
            let applicable = context.has(entry.check.meta().needs);
            results.push(CheckResult { applicable, waits_for: stopped, ..CheckResult::of(entry.id) });
            continue;
        }
        let result = run_one(entry, context);
        if matches!(result.verdict(), Some(Verdict::Blocked | Verdict::Undecided)) {
            stopped = Some(result.id);
        }
        results.push(result);
    }
    if stopped.is_none() {
        no_idle_waiting(&mut results);
    }
    results
}

/// Who waits for a check that blocks nothing could simply not look.
fn no_idle_waiting(results: &mut [CheckResult]) {
    let blocking: Vec<_> = results
        .iter()
        .filter(|result| result.verdict() == Some(Verdict::Blocked))
        .map(|result| result.id)
        .collect();
    for result in results.iter_mut() {
        if let Some(id) = result.waits_for.take_if(|id| !blocking.contains(id)) {
            result.failure = Some(format!("it waits for {id}, which found nothing"));
        }
    }
}

/// The verdict of a run; `None` when nothing was evaluated, which is not a pass.
#[must_use]
pub fn verdict(results: &[CheckResult]) -> Option<Verdict> {
    results.iter().filter_map(CheckResult::verdict).max()
}

fn run_one(entry: &CheckEntry, context: CheckContext<'_>) -> CheckResult {
    let started = Instant::now();
    let meta = entry.check.meta();
    let mut result = CheckResult::of(entry.id);
    if !context.has(meta.needs) {
        return CheckResult { applicable: false, ..result };
    }
    let mut findings = Findings::new(meta);
    let outcome = catch_unwind(AssertUnwindSafe(|| entry.check.run(context, &mut findings)));
    result.failure = match outcome {
        Ok(Ok(())) => None,
        Ok(Err(CheckError::Waits(id))) => {
            result.waits_for = Some(id);
            None
        }
        Ok(Err(error)) => Some(in_words(&error)),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            Some(format!("a bug in the check: {}", text.unwrap_or_else(|| "it panicked".to_owned())))
        }
    };
    CheckResult { findings: findings.into_inner(), took: started.elapsed(), ..result }
}

/// An error together with the way out of it: who reads why a check could not look sees nothing else of it.
pub(crate) fn in_words(error: &dyn miette::Diagnostic) -> String {
    error.help().map_or_else(|| error.to_string(), |help| format!("{error}; {help}"))
}

/// A thread that is gone took its answer with it.
fn lost(id: &'static str) -> CheckResult {
    let failure = Some("a bug in the check: its thread ended without an answer".to_owned());
    CheckResult { failure, ..CheckResult::of(id) }
}
