//! A rule as it is checked: every name known, every expression compiled, nothing left to find out when it runs.

mod each;
mod head;
mod names;
mod question;

use std::collections::BTreeSet;

use clearance_engine::check::{CheckMeta, Guards, Needs, Stage};
use clearance_engine::severity::Severity;
use clearance_engine::source::Source;
use serde_json::Value as Json;

use super::document;
use super::expression::Expression;
use super::intern::only;
use super::kinds::{Capability, Compiling, used};
use super::place::Place;
use super::template::Template;
use super::written::{WrittenRule, WrittenTest, WrittenTests};
use super::yaml::{At, RuleError};

use head::Head;
use question::{Question, boolean};

pub use each::Each;
pub use head::RESERVED;
pub(super) use head::{id, severity_of};
pub(super) use names::DataFile;

/// A rule as it is checked.
#[derive(Debug)]
pub struct Rule {
    /// Its facts, like those of a built-in check.
    pub meta: CheckMeta,
    /// How bad it is; `None` for a rule that is off.
    pub severity: Option<Severity>,
    /// Where more is written about it.
    pub docs: Option<String>,
    /// Whether a waiver may except items.
    pub waivable: bool,
    /// Its file.
    pub source: Source,
    /// Names of the document that it looks at.
    pub uses: BTreeSet<String>,
    pub(super) when: Option<Expression>,
    pub(super) params: Vec<(String, Json)>,
    pub(super) named: Vec<(String, Expression)>,
    pub(super) data: Vec<DataFile>,
    pub(super) asks: Question,
}

impl Rule {
    /// Checks a rule as it is written.
    ///
    /// # Errors
    /// [`RuleError`] at the first place that does not fit.
    pub fn of(source: &Source, written: &WrittenRule) -> Result<Self, RuleError> {
        let head = Head::of(source, written)?;
        let mut names = document::names();
        let params = names::params(source, written, &mut names)?;
        let when = written.when.as_ref();
        let when = when.map(|when| boolean(&Compiling { source, names: &names, check: &(0..0) }, when));
        let when = when.transpose()?;
        let data = names::data(source, &written.data, &mut names)?;
        let named = names::named(source, &written.named, &mut names)?;
        let asks = Question::of(source, &head, written, names)?;
        let waivable = written.waivable.as_ref().is_none_or(|waivable| waivable.value);
        let mut rule = Self {
            meta: meta(&head, waivable),
            severity: head.severity,
            docs: written.docs.as_ref().map(|docs| docs.value.clone()),
            waivable,
            source: source.clone(),
            uses: BTreeSet::new(),
            when,
            params,
            named,
            data,
            asks,
        };
        let document = document::names();
        rule.uses = used(rule.expressions()).into_iter().filter(|name| document.has(name)).collect();
        let of_mission = ["mission", "lanes", "wps", "requirements", "events"];
        if of_mission.iter().any(|name| rule.uses.contains(*name)) {
            rule.meta.needs = Needs::Mission;
        }
        Ok(rule)
    }

    /// Whether it looks at the message of the commit that is about to be made: without one it does not apply.
    #[must_use]
    pub fn is_about_a_message(&self) -> bool {
        self.uses.contains("commit")
    }

    /// What it takes besides data.
    #[must_use]
    pub fn capability(&self) -> Capability {
        self.asks.kind.as_ref().map_or(Capability::Data, |kind| kind.capability())
    }

    /// Whether it looks at files itself, and not at what a program or a server makes of them.
    #[must_use]
    pub(super) fn is_about_files(&self) -> bool {
        self.asks.kind.as_ref().is_none_or(|kind| kind.is_about_files())
    }

    /// What it is called.
    #[must_use]
    pub fn id(&self) -> &'static str {
        self.meta.id
    }

    /// Its own tests. They are read when somebody asks for them: most runs do not.
    ///
    /// # Errors
    /// [`RuleError`] at the first place that does not fit.
    pub fn tests(&self) -> Result<Vec<At<WrittenTest>>, RuleError> {
        Ok(super::yaml::read::<WrittenTests>(&self.source)?.tests)
    }

    /// What it asks, as it is written: `when`, `each`, `assert`.
    #[must_use]
    pub fn sources(&self) -> Vec<(String, String)> {
        let own = |name: &str, expression: &Expression| (name.to_owned(), expression.source().to_owned());
        let when = self.when.iter().map(|when| own("when", when));
        let named = self.named.iter().map(|(name, expression)| own(name, expression));
        let each = self.asks.each.iter().map(|each| own("each", &each.list));
        when.chain(named)
            .chain(each)
            .chain(self.asks.assert.iter().map(|assert| own("assert", assert)))
            .collect()
    }

    /// Every expression in it.
    pub(super) fn expressions(&self) -> Vec<&Expression> {
        let mut all: Vec<&Expression> = self.when.iter().chain(&self.asks.assert).collect();
        all.extend(self.named.iter().map(|(_, expression)| expression));
        all.extend(self.data.iter().flat_map(|data| data.file.expressions()));
        all.extend(self.asks.kind.iter().flat_map(|kind| kind.expressions()));
        all.extend(self.asks.each.iter().flat_map(|each| [&each.list, &each.key]));
        all.extend(self.asks.at.iter().flat_map(Place::expressions));
        all.extend(
            self.asks
                .item
                .iter()
                .chain([&self.asks.message])
                .chain(&self.asks.remediation)
                .flat_map(Template::expressions),
        );
        all
    }
}

fn meta(head: &Head, waivable: bool) -> CheckMeta {
    CheckMeta {
        id: head.id,
        summary: head.title,
        codes: only(head.id),
        stages: head.stages,
        needs: Needs::Repository,
        guards: if waivable { Guards::Agreement } else { Guards::Step },
        params: &[],
    }
}

/// The steps, as lists that live as long as the process.
const STAGES: [&[Stage]; 7] = [
    &[Stage::MarkStatus],
    &[Stage::Commit],
    &[Stage::Merge],
    &[Stage::MarkStatus, Stage::Commit],
    &[Stage::MarkStatus, Stage::Merge],
    &[Stage::Commit, Stage::Merge],
    &[Stage::MarkStatus, Stage::Commit, Stage::Merge],
];
