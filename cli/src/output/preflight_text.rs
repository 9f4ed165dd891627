//! A preflight for people: blockers first, the verdict last.

use clearance_engine::finding::{Finding, Waived};
use clearance_engine::item::Unanswered;
use clearance_engine::merge::forecast::{Forecast, LaneOutcome, TargetForecast};
use clearance_engine::merge::land::CleanUp;
use clearance_engine::merge::scope::MergeScope;
use clearance_engine::repo::Change;
use clearance_engine::report::preflight::Preflight;
use clearance_engine::severity::{Severity, Verdict};
use clearance_engine::source::{harmless, on_one_line};

use super::{Problem, Style, board_text};
use crate::args::Global;
use crate::args::report::Form;

/// The findings, the checks that could not look, and the verdict.
pub(crate) fn render(report: &Preflight, style: &Style, global: &Global) -> String {
    let mut out = String::new();
    let form = style.form(global);
    for (check, finding) in report.findings() {
        let quiet = global.quiet && finding.severity() != Severity::Blocker;
        let noted = finding.severity() == Severity::Note && finding.counts() && !global.verbose;
        let known = finding.known_at().is_some() && !global.verbose;
        if !quiet && !noted && !known {
            out.push_str(&style.told(&problem(check, finding), form));
        }
    }
    for problem in failures(report) {
        out.push_str(&style.told(&problem, form));
    }
    if !global.quiet {
        out.push_str(&proposed(report, style, form));
    }
    if global.verbose {
        out.push_str(&checks(report));
    }
    let left_out = if global.verbose { String::new() } else { not_asked(report) };
    out + &harmless(&format!("{}{left_out}\n", verdict(report)))
}

fn problem(check: &'static str, finding: &Finding) -> Problem {
    let place = place(finding);
    let label = if finding.severity() == Severity::Blocker { "to get past it" } else { "you may want to" };
    let help = finding.remediation().map(|command| format!("{label}: {command}"));
    Problem {
        code: finding.code(),
        message: format!("{}{place} [{check}]", board_text::one_line(finding.message())),
        help: finding.known_at().map(known).or_else(|| finding.waived().map(excepted)).or(help),
        excerpts: finding.excerpts().to_vec(),
        severity: match finding.severity() {
            _ if !finding.counts() => miette::Severity::Advice,
            Severity::Blocker => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
            Severity::Note => miette::Severity::Advice,
        },
    }
}

/// What the rules say that the change itself would bring. It does not count, and is told as a remark.
fn proposed(report: &Preflight, style: &Style, form: Form) -> String {
    let mut out = String::new();
    for result in &report.proposed {
        for finding in &result.findings {
            let told = problem(result.id, finding);
            let message = format!("proposed, and not counted: {}", told.message);
            out.push_str(&style.told(&Problem { message, severity: miette::Severity::Advice, ..told }, form));
        }
        for why in &result.unanswered {
            let message = format!("proposed, and not counted: {}", why.message);
            let told = Problem { message, severity: miette::Severity::Advice, ..Problem::unusable(why) };
            out.push_str(&style.told(&told, form));
        }
    }
    out
}

/// Why a finding does not count that is not new.
fn known(commit: &str) -> String {
    format!("it was there at {commit} already, and does not count")
}

/// Why a finding does not count.
pub(crate) fn excepted(waived: &Waived) -> String {
    let by = waived.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
    format!("waived until {}{by}: {}", waived.expires, board_text::one_line(&waived.reason))
}

/// Where a finding is, as far as its message does not say that.
fn place(finding: &Finding) -> String {
    let location = finding.location();
    let name = on_one_line(&location.name);
    let named = finding.message().contains(&name);
    match location.line {
        Some(line) if finding.message().contains(&format!("{name}:{line}")) => String::new(),
        Some(line) if named => format!(" (line {line})"),
        Some(line) => format!(" ({name}:{line})"),
        None if named => String::new(),
        None => format!(" ({name})"),
    }
}

/// Why checks could not look: once for all that say the same, and what follows from it at the end.
fn failures(report: &Preflight) -> Vec<Problem> {
    let mut reasons: Vec<(&Unanswered, Vec<&str>)> = Vec::new();
    for (check, why) in report.unanswered() {
        match reasons.iter_mut().find(|(known, _)| *known == why) {
            Some((_, checks)) if checks.contains(&check) => {}
            Some((_, checks)) => checks.push(check),
            None => reasons.push((why, vec![check])),
        }
    }
    let last = reasons.len().saturating_sub(1);
    let told = |(nth, (why, checks)): (usize, (&Unanswered, Vec<&str>))| {
        let end = (nth == last).then(|| "nothing is cleared as long as this is not known".to_owned());
        let message = match why.code {
            Unanswered::COULD_NOT_LOOK => format!("{} could not look: {}", listed(&checks), why.in_words()),
            _ => why.message.clone(),
        };
        let own = why.help.clone().filter(|_| why.code != Unanswered::COULD_NOT_LOOK);
        let help = match (own, end) {
            (Some(own), Some(end)) => Some(format!("{own}; {end}")),
            (own, end) => own.or(end),
        };
        Problem {
            code: why.code,
            message,
            help,
            severity: miette::Severity::Error,
            excerpts: why.excerpts.clone(),
        }
    };
    reasons.into_iter().enumerate().map(told).collect()
}

/// `one, two and three`
fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [before @ .., last] => format!("{} and {last}", before.join(", ")),
    }
}

/// Every check with what it concluded and how long it took.
fn checks(report: &Preflight) -> String {
    let mut out = String::from("\n");
    for result in &report.results {
        let concluded = match result.verdict() {
            None if result.waits_for.is_some() => "waits",
            None if result.skipped.is_some() => "skipped",
            None => "not applicable",
            Some(Verdict::Cleared) => "cleared",
            Some(Verdict::Blocked) => "blocked",
            Some(Verdict::Undecided) => "undecided",
        };
        out.push_str(&format!(
            "{:<20} {concluded:<14} {:>7.1} ms\n",
            result.id,
            result.took.as_secs_f64() * 1000.0
        ));
    }
    out
}

fn verdict(report: &Preflight) -> String {
    let looked = report.results.iter().filter(|result| result.applicable).count();
    let what = report.mission.clone().unwrap_or_else(|| "this repository".to_owned());
    let (blockers, warnings) = (report.count(Severity::Blocker), report.count(Severity::Warning));
    let waived = report.findings().iter().filter(|(_, finding)| finding.waived().is_some()).count();
    let mut warned =
        if warnings == 0 { String::new() } else { format!(", {} to look at", many(warnings, "warning")) };
    if waived > 0 {
        warned.push_str(&format!(", {waived} waived"));
    }
    if let Some(baseline) = &report.baseline {
        warned.push_str(&format!(", {} known at {}", report.known(), baseline.name));
    }
    match report.verdict() {
        None => format!("nothing was evaluated: no check applies to {what}"),
        Some(Verdict::Cleared) => {
            format!("cleared: {} of {what} found nothing in the way{warned}", many(looked, "check"))
        }
        Some(Verdict::Blocked) => {
            let waiting = report
                .results
                .iter()
                .filter(|result| result.waits_for.is_some() && result.verdict().is_none())
                .count();
            let waiting = match waiting {
                0 => String::new(),
                some => format!("; {} could not be asked yet", many(some, "check")),
            };
            format!("blocked: {} for {what}{warned}{waiting}", many(blockers, "blocker"))
        }
        Some(Verdict::Undecided) => {
            let failed = report.results.iter().filter(|result| !result.unanswered.is_empty()).count();
            let failed = many(failed, "check");
            format!(
                "undecided: {failed} of {what} could not look; {} known{warned}",
                many(blockers, "blocker")
            )
        }
    }
}

/// How many checks have nothing to look at; with `--verbose` they are listed.
fn not_asked(report: &Preflight) -> String {
    match report.results.iter().filter(|result| !result.applicable).count() {
        0 => String::new(),
        1 => " (1 does not apply)".to_owned(),
        some => format!(" ({some} do not apply)"),
    }
}

fn many(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Why a merge would change no file.
fn why_nothing(merge: &MergeScope) -> String {
    match &merge.mission_branch {
        Some(_) => format!("{} has everything already", merge.target),
        None => "no lane has a branch in this repository".to_owned(),
    }
}

/// What would be removed afterwards.
fn clean_up(clean_up: &CleanUp) -> String {
    let CleanUp { branches, work_trees, backup, kept } = clean_up;
    let mut out = String::new();
    let trees = work_trees.iter().map(|tree| tree.root.display().to_string());
    let removed: Vec<_> = trees.chain(branches.iter().map(|(branch, _)| branch.clone())).collect();
    if !removed.is_empty() {
        out.push_str(&format!("would be removed then: {}\n", removed.join(", ")));
    }
    if let Some((name, _)) = backup {
        out.push_str(&format!("their commits would be kept as {name}\n"));
    }
    out.extend(kept.iter().map(|kept| format!("{} would stay: {}\n", kept.what, kept.why)));
    out
}

/// What a merge would do.
pub(crate) fn plan(
    merge: &MergeScope,
    forecast: Option<&Forecast>,
    number: Option<u64>,
    global: &Global,
) -> String {
    let Some(forecast) = forecast.filter(|_| !global.quiet) else { return String::new() };
    let mut out = String::new();
    let mission_branch = merge.mission_branch.as_deref().unwrap_or("nothing");
    for lane in &forecast.lanes {
        let how = match lane.outcome {
            LaneOutcome::AlreadyIn => "is already in",
            LaneOutcome::NoBranch => "is gone, and its work packages are done: it would not be merged into",
            _ => "would be merged into",
        };
        out.push_str(&format!("{} {how} {mission_branch}\n", lane.branch));
    }
    let strategy = merge.options.strategy.participle();
    if forecast.moves.is_empty() && forecast.clean_up.is_empty() {
        out.push_str(&format!("nothing would change: {}\n", why_nothing(merge)));
        return harmless(&out);
    }
    let files = many(forecast.changes.len(), "file");
    out.push_str(&match forecast.target {
        TargetForecast::Clean { .. } if !forecast.changes.is_empty() => {
            format!("{mission_branch} would be {strategy} onto {}: {files} would change\n", merge.target)
        }
        _ if forecast.changes.is_empty() => format!("no file would change: {}\n", why_nothing(merge)),
        _ => format!("{}; that would be recorded: {files} would change\n", why_nothing(merge)),
    });
    if global.verbose {
        let line = |change: &Change| format!("  {} {}\n", change.letter, change.path.display());
        out.extend(forecast.changes.iter().map(line));
    }
    if let Some(number) = number {
        out.push_str(&format!("the mission would get the number {number}\n"));
    }
    let done: Vec<_> = forecast.recorded.done.iter().map(|done| done.work_package.as_str()).collect();
    if !done.is_empty() {
        out.push_str(&format!("done with it: {}\n", done.join(", ")));
    }
    out.push_str(&clean_up(&forecast.clean_up));
    out.push_str(&format!("plan {}: clearance merge --plan makes this one or none\n", forecast.plan_id));
    harmless(&out)
}
