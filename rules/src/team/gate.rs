//! The rules of a team beside the built-in checks: which run, what is applied to their findings, what is only shown.

use clearance_engine::check::{Check, CheckContext, CheckError, CheckMeta, Findings, Stage};
use clearance_engine::item::Unanswered;
use clearance_engine::policy::{self, Policy};
use clearance_engine::repo::gated::Gated;
use clearance_engine::run::{CheckResult, no_idle_waiting, preflight, preflight_fail_fast};

use super::check::TeamCheck;
use super::files::{Files, RULES_DIR, is_of_rules};
use super::live_world::Session;
use super::load::RuleSet;
use super::rule::Rule;
use super::tune::Tune;
use super::waivers::META;
use super::yaml;

/// A built-in check, and what the team set of it.
struct Tuned<'a> {
    check: &'a dyn Check,
    tune: Option<&'a Tune>,
}

impl Check for Tuned<'_> {
    fn meta(&self) -> &CheckMeta {
        self.check.meta()
    }

    fn run(&self, context: CheckContext<'_>, findings: &mut Findings<'_>) -> Result<(), CheckError> {
        match self.tune {
            Some(tune) => self.check.run(CheckContext { params: &tune.params, ..context }, findings),
            None => self.check.run(context, findings),
        }
    }
}

/// What is asked.
pub struct Gate<'a> {
    /// The built-in checks, in their order.
    pub built_in: &'a [&'a dyn Check],
    /// The rules; why there are none, where they could not be read.
    pub rules: &'a Result<RuleSet, Unanswered>,
    /// The step.
    pub stage: Stage,
    /// Whether to stop at the first that blocks or cannot look.
    pub fail_fast: bool,
    /// Only this check or rule, where one is named.
    pub only: Option<&'a str>,
}

impl Gate<'_> {
    /// Asks all of them: one result a check and a rule, in the order they are reported.
    #[must_use]
    pub fn ask(&self, context: CheckContext<'_>, session: &Session<'_>) -> Vec<CheckResult> {
        let none = RuleSet::default();
        let set = self.rules.as_ref().unwrap_or(&none);
        let of_team: Vec<TeamCheck<'_>> =
            set.rules.iter().filter_map(|rule| TeamCheck::new(rule, session)).collect();
        let built_in = self.built_in.iter().copied();
        let built_in: Vec<Tuned<'_>> = built_in
            .map(|check| Tuned { check, tune: set.tune(check.meta().id) })
            .filter(|tuned| tuned.tune.is_none_or(|tune| !tune.off))
            .collect();
        let built_in = built_in.iter().map(|tuned| tuned as &dyn Check);
        let checks: Vec<&dyn Check> = built_in
            .chain(of_team.iter().map(|check| check as &dyn Check))
            .filter(|check| self.only.is_none_or(|only| only == check.meta().id))
            .collect();
        let (policy, meta_of) = (policy_of(set), |id: &str| self.meta_of(set, id));
        let mut results = if self.fail_fast {
            preflight_fail_fast(&checks, self.stage, context, &|result| {
                policy::apply(&policy, std::slice::from_mut(result), meta_of);
            })
        } else {
            preflight(&checks, self.stage, context)
        };
        if self.only.is_none() {
            results.extend(self.off(set));
        }
        self.apply(set, &mut results);
        no_idle_waiting(&mut results);
        if let Err(why) = self.rules {
            results.push(CheckResult::unanswered(RULES, why.clone()));
        }
        // Of one that is asked alone, only its own file: it may be the one that cannot be used.
        let one = self.only.and_then(|only| set.broken_one(only));
        let broken = set.broken.iter().filter(|broken| self.only.is_none() || one == Some(broken));
        results.extend(broken.map(|broken| CheckResult::unanswered(broken.file, broken.why.clone())));
        results
    }

    /// Checks and rules of this stage that do not run, because somebody said so.
    fn off(&self, set: &RuleSet) -> Vec<CheckResult> {
        let of_stage = |meta: &CheckMeta| meta.stages.contains(&self.stage);
        let off = |rule: &&Rule| rule.severity.is_none() && of_stage(&rule.meta);
        let rules = set
            .rules
            .iter()
            .filter(off)
            .map(|rule| CheckResult::skipped(rule.id(), format!("off in {}", rule.source.name())));
        let tunes = set.tunes.iter().filter(|tune| tune.off);
        let tunes = tunes.filter(|tune| {
            self.built_in.iter().any(|check| check.meta().id == tune.id && of_stage(check.meta()))
        });
        rules
            .chain(tunes.map(|tune| CheckResult::skipped(tune.id, format!("off in {}", tune.file))))
            .collect()
    }

    fn meta_of(&self, set: &RuleSet, id: &str) -> Option<CheckMeta> {
        let built_in = self.built_in.iter().map(|check| *check.meta()).find(|meta| meta.id == id);
        built_in.or_else(|| set.rule(id).map(|rule| rule.meta))
    }

    /// Applies what the team decided otherwise, and tells what of that did nothing.
    fn apply(&self, set: &RuleSet, results: &mut Vec<CheckResult>) {
        let (policy, meta_of) = (policy_of(set), |id: &str| self.meta_of(set, id));
        let idle = policy::apply(&policy, results, meta_of);
        let Some(waivers) = set.waivers.as_ref().filter(|_| self.only.is_none()) else { return };
        let mut findings = Findings::new(&META);
        let faults = waivers.faults.iter().cloned();
        let of_nothing = waivers.of_nothing(|id| meta_of(id).is_some());
        let mut failure = None;
        for fault in faults.chain(waivers.idle(&idle)).chain(of_nothing) {
            failure = findings.report(fault).err().or(failure);
        }
        let why = failure.map(|error| Unanswered::new(error.to_string()));
        results.push(CheckResult::told(META.id, findings, why));
    }

    /// Asks the rules as the change would have them, as far as they differ: what they say is only shown.
    #[must_use]
    pub fn ask_proposed(
        &self,
        context: CheckContext<'_>,
        session: &Session<'_>,
        proposed: &RuleSet,
    ) -> Vec<CheckResult> {
        let none = RuleSet::default();
        let set = self.rules.as_ref().unwrap_or(&none);
        let differs =
            |rule: &&Rule| set.rule(rule.id()).is_none_or(|known| known.source.text() != rule.source.text());
        let checks: Vec<TeamCheck<'_>> = proposed
            .rules
            .iter()
            .filter(differs)
            .filter_map(|rule| TeamCheck::new(rule, session).map(TeamCheck::proposed))
            .collect();
        let checks: Vec<&dyn Check> = checks.iter().map(|check| check as &dyn Check).collect();
        let mut results = preflight(&checks, self.stage, context);
        let broken = proposed.broken.iter();
        results.extend(broken.map(|broken| CheckResult::unanswered(broken.file, broken.why.clone())));
        results
    }
}

fn policy_of(set: &RuleSet) -> Policy {
    let severities = set.tunes.iter().filter_map(|tune| Some((tune.id.to_owned(), tune.severity?)));
    Policy {
        severities: severities.collect(),
        waivers: set.waivers.as_ref().map(|waivers| waivers.active.clone()).unwrap_or_default(),
    }
}

/// What the rules as a whole are called, where they cannot be read.
pub const RULES: &str = "rules";

/// The rules as a change would have them, where it changes any.
#[must_use]
pub fn proposed(gated: &Gated, built_in: &[CheckMeta]) -> Option<RuleSet> {
    let changes = gated.changes().ok()?;
    if !changes.iter().any(|change| is_of_rules(&change.path)) {
        return None;
    }
    let entries = gated.directory(RULES_DIR, yaml::LONGEST).ok()?;
    let files = Files::of(RULES_DIR, entries, None).ok()?;
    Some(RuleSet::of(&files.rules, built_in))
}
