//! Rules of teams, waivers and the lock of trust: used, or refused with a place in the file.

use std::sync::LazyLock;

use clearance_engine::check::CheckMeta;
use clearance_engine::registry::{Registry, is_kebab_case};
use clearance_engine::source::Source;
use clearance_rules::team::lint::lint;
use clearance_rules::team::load::RuleSet;
use clearance_rules::team::trust::{Lock, described};
use clearance_rules::team::waivers::{Waivers, WrittenWaivers};
use clearance_rules::team::yaml::{self, RuleError};

const FILE: &str = "rules.d/own.yaml";

/// The facts of the built-in checks, which a file may set otherwise.
static BUILT_IN: LazyLock<Vec<CheckMeta>> = LazyLock::new(|| {
    let registry = Registry::linked(clearance_rules::REQUIRED, clearance_strategies::ORDER);
    registry.expect("a registry").checks().iter().map(|entry| *entry.check.meta()).collect()
});

/// Holds for every file.
pub fn hold(data: &[u8]) {
    let Some(source) = super::source(FILE, data) else { return };
    let set = RuleSet::of(&[(FILE.to_owned(), Ok(source.clone()))], &BUILT_IN);
    let counts = [set.rules.len(), set.tunes.len(), set.resolvers.len(), set.broken.len()];
    assert_eq!(counts.iter().sum::<usize>(), 1, "a file is one thing: {counts:?} of {:?}", source.text());
    for broken in &set.broken {
        // `a bug: …` has no place.
        let place = broken.why.message.strip_prefix(FILE).and_then(|rest| rest.strip_prefix(':'));
        let line = place.and_then(|rest| rest.split(':').next()?.parse().ok());
        super::has_line(&source, line.unwrap_or_else(|| panic!("no place: {}", broken.why.message)));
    }
    for rule in &set.rules {
        assert!(is_kebab_case(rule.id()), "{:?}", rule.id());
        let _ = (rule.sources(), described(rule));
        // It runs the rule's own tests, so that the rule is asked as well.
        match lint(rule) {
            Ok(odd) => odd.iter().for_each(|odd| super::has_line(&source, odd.line)),
            Err(error) => is_placed(&error, &source),
        }
    }
    exceptions(&source);
}

/// The other two files of `rules.d/`.
fn exceptions(source: &Source) {
    let waivers = yaml::read::<WrittenWaivers>(source)
        .and_then(|written| Waivers::of(source, &written, jiff::civil::date(2026, 1, 1)));
    let errors = [waivers.err(), Lock::read(source).err()];
    errors.iter().flatten().for_each(|error| is_placed(error, source));
}

fn is_placed(error: &RuleError, source: &Source) {
    assert_eq!(error.name, source.name());
    super::has_line(source, error.line);
}
