//! Preflight: every check looks, none hides another, and the verdict is the worst of them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::check::{Check, CheckContext, CheckError, Findings, Stage};
use crate::finding::Finding;
use crate::item::{ItemResult, Unanswered};
use crate::severity::Verdict;

/// What one check answered.
#[derive(Debug)]
pub struct CheckResult {
    /// The check.
    pub id: &'static str,
    /// What it found.
    pub findings: Vec<Finding>,
    /// The items it looked at, where it tells them apart.
    pub items: Vec<ItemResult>,
    /// Why it could not look, at all or at some items.
    pub unanswered: Vec<Unanswered>,
    /// Whether there was anything for it to look at.
    pub applicable: bool,
    /// Why it does not apply, where that is decided here.
    pub skipped: Option<String>,
    /// The check whose blocker must be mended before this one can look.
    pub waits_for: Option<&'static str>,
    /// How long it took.
    pub took: Duration,
}

impl CheckResult {
    /// Of a check that has found nothing so far.
    #[must_use]
    pub fn of(id: &'static str) -> Self {
        Self {
            id,
            findings: Vec::new(),
            items: Vec::new(),
            unanswered: Vec::new(),
            applicable: true,
            skipped: None,
            waits_for: None,
            took: Duration::ZERO,
        }
    }

    /// Of a check that does not apply, and why.
    #[must_use]
    pub fn skipped(id: &'static str, why: impl Into<String>) -> Self {
        Self { applicable: false, skipped: Some(why.into()), ..Self::of(id) }
    }

    /// Of a check that could not look.
    #[must_use]
    pub fn unanswered(id: &'static str, why: Unanswered) -> Self {
        Self { unanswered: vec![why], ..Self::of(id) }
    }

    /// Of what was told otherwise than by a check that ran.
    #[must_use]
    pub fn told(id: &'static str, findings: Findings<'_>, why: Option<Unanswered>) -> Self {
        let told = findings.into_parts();
        let unanswered = why.into_iter().chain(told.unanswered).collect();
        Self { findings: told.found, items: told.items, unanswered, ..Self::of(id) }
    }

    /// Why it could not look, in one line.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        let first = self.unanswered.first()?.in_words();
        Some(match self.unanswered.len() - 1 {
            0 => first,
            1 => format!("{first}; and 1 more item"),
            more => format!("{first}; and {more} more items"),
        })
    }

    /// What this check alone concludes; `None` when there was nothing for it to look at.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        if !self.applicable {
            None
        } else if !self.unanswered.is_empty() {
            Some(Verdict::Undecided)
        } else if self.findings.iter().any(Finding::blocks) {
            Some(Verdict::Blocked)
        } else if self.waits_for.is_some() {
            None
        } else {
            Some(Verdict::Cleared)
        }
    }
}

/// Checks that run at once. Most wait for git, so they are more than there are processors.
const AT_ONCE: usize = 16;

/// The stack of a thread that may read or ask what a team wrote, in bytes: expressions nest, and the limits on that are meant
/// for people. What is not used costs nothing.
pub const STACK: usize = 64 << 20;

/// Runs every check of a stage. A check that fails or panics is undecided, alone. They run side by side; the answers are
/// in the order of the checks.
#[must_use]
pub fn preflight(checks: &[&dyn Check], stage: Stage, context: CheckContext<'_>) -> Vec<CheckResult> {
    let of_stage: Vec<_> = checks.iter().filter(|check| check.meta().stages.contains(&stage)).collect();
    let next = AtomicUsize::new(0);
    let in_turn = || {
        let mut answers = Vec::new();
        while let Some((nth, check)) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|nth| Some((nth, of_stage.get(nth)?)))
        {
            answers.push((nth, run_one(**check, context)));
        }
        answers
    };
    let mut results: Vec<_> = of_stage.iter().map(|_| None).collect();
    std::thread::scope(|scope| {
        let thread = || std::thread::Builder::new().stack_size(STACK);
        let threads: Vec<_> = (0..of_stage.len().min(AT_ONCE))
            .filter_map(|_| thread().spawn_scoped(scope, in_turn).ok())
            .collect();
        for (nth, result) in threads.into_iter().filter_map(|thread| thread.join().ok()).flatten() {
            results[nth] = Some(result);
        }
    });
    let ids = of_stage.iter().map(|check| check.meta().id);
    let mut results: Vec<_> =
        results.into_iter().zip(ids).map(|(result, id)| result.unwrap_or_else(|| lost(id))).collect();
    no_idle_waiting(&mut results);
    results
}

/// Runs the checks of a stage one after the other, as far as the first that blocks or cannot look. The others are listed
/// as waiting for that one: what was not asked is no pass.
#[must_use]
pub fn preflight_fail_fast(
    checks: &[&dyn Check],
    stage: Stage,
    context: CheckContext<'_>,
    settle: &dyn Fn(&mut CheckResult),
) -> Vec<CheckResult> {
    let mut results: Vec<CheckResult> = Vec::new();
    let mut stopped = None;
    for check in checks.iter().filter(|check| check.meta().stages.contains(&stage)) {
        if stopped.is_some() {
            let applicable = context.has(check.meta().needs);
            results.push(CheckResult { applicable, waits_for: stopped, ..CheckResult::of(check.meta().id) });
            continue;
        }
        let mut result = run_one(*check, context);
        // What a team decided otherwise decides here too: what does not count stops nothing.
        settle(&mut result);
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

/// Who waits for a check that neither blocks nor could not look, nor waits for one that does, could simply not look.
///
/// To be asked again once a policy was applied: a blocker that does not count any more is nothing to wait for.
pub fn no_idle_waiting(results: &mut [CheckResult]) {
    let stops =
        |result: &&CheckResult| matches!(result.verdict(), Some(Verdict::Blocked | Verdict::Undecided));
    let mut worth: Vec<_> = results.iter().filter(stops).map(|result| result.id).collect();
    loop {
        let is_worth = |result: &&CheckResult| result.waits_for.is_some_and(|id| worth.contains(&id));
        let more: Vec<_> = results
            .iter()
            .filter(is_worth)
            .map(|result| result.id)
            .filter(|id| !worth.contains(id))
            .collect();
        if more.is_empty() {
            break;
        }
        worth.extend(more);
    }
    let asked: Vec<_> = results.iter().map(|result| result.id).collect();
    for result in results.iter_mut() {
        if let Some(id) = result.waits_for.take_if(|id| !worth.contains(id)) {
            result.unanswered.push(idle(id, asked.contains(&id)));
        }
    }
}

fn idle(id: &str, asked: bool) -> Unanswered {
    if asked {
        return Unanswered::new(format!("it waits for {id}, which found nothing that counts"));
    }
    let help = "ask without `--rule`: `clearance check` tells what is in the way".to_owned();
    Unanswered { help: Some(help), ..Unanswered::new(format!("it waits for {id}, which was not asked")) }
}

/// The verdict of a run; `None` when nothing was evaluated, which is not a pass.
#[must_use]
pub fn verdict(results: &[CheckResult]) -> Option<Verdict> {
    results.iter().filter_map(CheckResult::verdict).max()
}

fn run_one(check: &dyn Check, context: CheckContext<'_>) -> CheckResult {
    let started = Instant::now();
    let meta = check.meta();
    let mut result = CheckResult::of(meta.id);
    if !context.has(meta.needs) {
        return CheckResult { applicable: false, ..result };
    }
    let mut findings = Findings::new(meta);
    let outcome = catch_unwind(AssertUnwindSafe(|| check.run(context, &mut findings)));
    let failure = match outcome {
        Ok(Ok(())) => None,
        Ok(Err(CheckError::Waits(id))) => {
            result.waits_for = Some(id);
            None
        }
        Ok(Err(error)) => Some(Unanswered::new(in_words(&error))),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            let text = text.unwrap_or_else(|| "it panicked".to_owned());
            Some(Unanswered::new(format!("a bug in the check: {text}")))
        }
    };
    let told = findings.into_parts();
    let unanswered = failure.into_iter().chain(told.unanswered).collect();
    let (findings, items, took) = (told.found, told.items, started.elapsed());
    let applicable = told.skipped.is_none();
    CheckResult { findings, items, unanswered, applicable, skipped: told.skipped, took, ..result }
}

/// An error together with the way out of it: who reads why a check could not look sees nothing else of it.
pub(crate) fn in_words(error: &dyn miette::Diagnostic) -> String {
    error.help().map_or_else(|| error.to_string(), |help| format!("{error}; {help}"))
}

/// A thread that is gone took its answer with it.
fn lost(id: &'static str) -> CheckResult {
    let why = "a bug in the check: its thread ended without an answer";
    CheckResult::unanswered(id, Unanswered::new(why))
}
