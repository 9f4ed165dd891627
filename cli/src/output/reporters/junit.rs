//! JUnit's XML: a suite a check, a case an item. What blocks is a failure, what could not be told an error; a warning fails
//! nothing, and stands in the case's output.
//!
//! There is no standard. The schema that it is tested against is that of Jenkins: `tests/schemas/junit-10.xsd`.

use std::collections::HashSet;

use clearance_engine::item::ItemOutcome;
use clearance_engine::run::CheckResult;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::escape::xml;
use super::telling::{Entry, Kind, Telling, concluded};

pub(super) fn render(telling: &Telling<'_>) -> String {
    let mut report = Report::new("clearance");
    if telling.checks.is_empty() {
        let mut suite = TestSuite::new("clearance");
        suite.add_test_cases(telling.entries.iter().map(|entry| case(entry.code, &[entry])));
        report.add_test_suite(suite);
    }
    report.add_test_suites(telling.checks.iter().map(|check| suite(check, telling)));
    let xml =
        report.to_string().unwrap_or_else(|error| unreachable!("it is text that XML can write: {error}"));
    without_count_of_skipped(&xml)
}

/// The same, where the first element does not say how many were skipped: it has no such attribute, the suites have.
fn without_count_of_skipped(xml: &str) -> String {
    const BEFORE: &str = " skipped=\"";
    let attribute = |(before, from): (&str, &str)| Some(format!("{before}{}", from.split_once('"')?.1));
    xml.split_once(BEFORE).and_then(attribute).unwrap_or_else(|| xml.to_owned())
}

fn suite(check: &CheckResult, telling: &Telling<'_>) -> TestSuite {
    let mut suite = TestSuite::new(xml(check.id));
    suite.set_time(check.took);
    let said: Vec<&Entry<'_>> = telling.entries.iter().filter(|entry| entry.check == check.id).collect();
    let items = check.items.iter().map(|item| item.key.as_str());
    let mut seen = HashSet::new();
    for name in items.chain(said.iter().map(|entry| entry.item)).filter(|name| seen.insert(*name)) {
        let of_it: Vec<&Entry<'_>> = said.iter().copied().filter(|entry| entry.item == name).collect();
        let is_skipped = |outcome: ItemOutcome| outcome == ItemOutcome::Skip;
        let skipped = check.items.iter().any(|item| item.key == name && is_skipped(item.outcome));
        suite.add_test_case(if skipped { skip(name, None) } else { case(name, &of_it) });
    }
    if suite.test_cases.is_empty() {
        let why = concluded(check);
        let whole = if check.verdict().is_none() { skip(check.id, Some(&why)) } else { case(check.id, &[]) };
        suite.add_test_case(whole);
    }
    suite
}

fn skip(name: &str, why: Option<&str>) -> TestCase {
    let mut status = TestCaseStatus::skipped();
    if let Some(why) = why {
        status.set_message(xml(why));
    }
    TestCase::new(xml(name), status)
}

fn case(name: &str, entries: &[&Entry<'_>]) -> TestCase {
    let counts = |entry: &&&Entry<'_>| entry.counts();
    let worst = entries.iter().filter(counts).find_map(|entry| match entry.kind {
        Kind::Blocker => Some((*entry, NonSuccessKind::Failure)),
        Kind::Unanswered => Some((*entry, NonSuccessKind::Error)),
        Kind::Warning | Kind::Note => None,
    });
    let said: Vec<String> = entries.iter().map(|entry| in_words(entry)).collect();
    let said = xml(&said.join("\n"));
    let Some((entry, kind)) = worst else {
        let mut case = TestCase::new(xml(name), TestCaseStatus::success());
        if !said.is_empty() {
            case.set_system_out(said);
        }
        return case;
    };
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(xml(entry.message)).set_type(xml(entry.code)).set_description(said);
    TestCase::new(xml(name), status)
}

fn in_words(entry: &Entry<'_>) -> String {
    let place = entry.place_in_words().map(|place| format!(" ({place})")).unwrap_or_default();
    let help = entry.excepted().or_else(|| entry.help.map(|help| format!("to get past it: {help}")));
    let help = help.map(|help| format!("\n  {help}")).unwrap_or_default();
    format!("{}[{}]: {}{place}{help}", entry.kind_in_words(), entry.code, entry.message)
}
