//! A rule as a check like any other.

use clearance_engine::check::{Check, CheckContext, CheckError, CheckMeta, Findings};
use clearance_engine::finding::{Fault, Location};
use clearance_engine::item::{ItemOutcome, Unanswered};
use clearance_engine::severity::Severity;

use super::evaluate::{Answer, Item, WHOLE, evaluate, inside, params};
use super::expression::worked;
use super::kinds::Capability;
use super::live_world::{LiveWorld, RUN_TEXT, RUN_TIME, Session};
use super::rule::Rule;
use super::world::Unknown;

/// A rule, and what it is asked about.
pub struct TeamCheck<'a> {
    rule: &'a Rule,
    severity: Severity,
    session: &'a Session<'a>,
    proposed: bool,
}

impl<'a> TeamCheck<'a> {
    /// The check; `None` of a rule that is off.
    #[must_use]
    pub fn new(rule: &'a Rule, session: &'a Session<'a>) -> Option<Self> {
        Some(Self { rule, severity: rule.severity?, session, proposed: false })
    }

    /// The same for a rule that is only proposed: what would run a program or ask a server is not asked.
    #[must_use]
    pub fn proposed(self) -> Self {
        Self { proposed: true, ..self }
    }
}

impl Check for TeamCheck<'_> {
    fn meta(&self) -> &CheckMeta {
        &self.rule.meta
    }

    fn run(&self, _: CheckContext<'_>, findings: &mut Findings<'_>) -> Result<(), CheckError> {
        let rule = self.rule;
        if self.proposed && rule.capability() != Capability::Data {
            findings.skip("it is proposed, and would need trust");
            return Ok(());
        }
        if !self.session.has_time() {
            let why = format!(
                "the rules together took longer than {} s, and this one was not asked",
                RUN_TIME.as_secs()
            );
            findings.unanswered(WHOLE, ItemOutcome::Error, Unanswered::new(why));
            return Ok(());
        }
        let started = worked();
        let asked = self.ask(findings);
        self.session.spend(worked().saturating_sub(started));
        asked
    }
}

/// Why a rule about a message does not apply where there is none.
pub const NO_MESSAGE: &str = "it is about the message of a commit, and there is none here";

impl TeamCheck<'_> {
    fn ask(&self, findings: &mut Findings<'_>) -> Result<(), CheckError> {
        let rule = self.rule;
        if rule.is_about_a_message() && self.session.live().subject().message.is_none() {
            findings.skip(NO_MESSAGE);
            return Ok(());
        }
        let document = match self.session.document(&rule.uses) {
            Ok(document) => document,
            Err(Unknown::Waits(check)) => return Err(CheckError::Waits(check)),
            Err(Unknown::Unanswered(why)) => {
                findings.unanswered(WHOLE, ItemOutcome::Error, why);
                return Ok(());
            }
        };
        let scope = inside(&document, params(rule, &serde_json::Map::new()));
        match evaluate(rule, scope, &LiveWorld::new(self.session, rule)) {
            Answer::Skipped => findings.skip("its `when` does not hold"),
            Answer::Waits(check) => return Err(CheckError::Waits(check)),
            Answer::Items(items) if !self.session.has_room(items.iter().map(Item::text).sum()) => {
                let why = format!(
                    "the rules together say more than {} MiB, and what this one says is left out",
                    RUN_TEXT >> 20
                );
                findings.unanswered(WHOLE, ItemOutcome::Error, Unanswered::new(why));
            }
            Answer::Items(items) => {
                for item in items {
                    self.told(item, findings)?;
                }
            }
        }
        Ok(())
    }

    fn told(&self, item: Item, findings: &mut Findings<'_>) -> Result<(), CheckError> {
        let Item { key, outcome, message, remediation, location, excerpts } = item;
        match outcome {
            ItemOutcome::Fail | ItemOutcome::Waived => {
                let source = &self.rule.source;
                let location =
                    location.unwrap_or_else(|| Location { name: source.name().to_owned(), line: None });
                let fault = Fault {
                    code: self.rule.id(),
                    severity: self.severity,
                    item: key.clone(),
                    message,
                    location,
                    excerpts,
                    remediation,
                };
                findings.failed(key, fault)?;
            }
            ItemOutcome::Error | ItemOutcome::Untrusted => {
                let (code, message, help) = if outcome == ItemOutcome::Untrusted {
                    (Unanswered::UNTRUSTED, message, remediation)
                } else {
                    let of = if key == WHOLE { String::new() } else { format!("{key}: ") };
                    (Unanswered::COULD_NOT_LOOK, format!("{of}{message}"), None)
                };
                findings.unanswered(key, outcome, Unanswered { code, message, help, excerpts });
            }
            other if message.is_empty() => findings.item(key, other),
            other => findings.told(key, other, message),
        }
        Ok(())
    }
}
