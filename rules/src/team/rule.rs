//! A rule as it is checked: every name known, every expression compiled, nothing left to find out when it runs.

mod each;
mod head;

use std::collections::BTreeSet;
use std::ops::Range;

use clearance_engine::check::{CheckMeta, Guards, Needs, Stage};
use clearance_engine::severity::Severity;
use clearance_engine::source::Source;
use serde_json::Value as Json;

use super::document;
use super::expression::Expression;
use super::intern::only;
use super::kinds::{Capability, Compiling, Kind, used};
use super::place::Place;
use super::template::Template;
use super::types::{Names, Type};
use super::written::{WrittenData, WrittenParam, WrittenRule, WrittenTest, WrittenTests};
use super::yaml::{At, InOrder, RuleError};

pub use each::Each;
pub use head::RESERVED;
pub(super) use head::{id, severity_of};

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
    pub(super) kind: Option<Box<dyn Kind>>,
    pub(super) each: Option<Each>,
    pub(super) item: Option<Template>,
    pub(super) at: Option<Place>,
    /// As it says; a 0 is written out by who means it.
    pub(super) min_items: Option<usize>,
    pub(super) assert: Option<Expression>,
    pub(super) message: Template,
    pub(super) remediation: Option<Template>,
}

/// A file of what is gated, under a name.
#[derive(Debug)]
pub(super) struct DataFile {
    pub(super) name: String,
    pub(super) file: Template,
    pub(super) optional: bool,
}

/// Most names under `let:`, `params:` and `data:` each.
const MOST_NAMES: usize = 64;

impl Rule {
    /// Checks a rule as it is written.
    ///
    /// # Errors
    /// [`RuleError`] at the first place that does not fit.
    pub fn of(source: &Source, written: &WrittenRule) -> Result<Self, RuleError> {
        let head = head::Head::of(source, written)?;
        let mut names = document::names();
        let document = names.clone();
        let params = params(source, written, &mut names)?;
        let when = written.when.as_ref();
        let when = when
            .map(|when| boolean(&Compiling { source, names: &names, check: &head.check_span }, when))
            .transpose()?;
        let data = data(source, &written.data, &mut names)?;
        let named = named(source, &written.named, &mut names)?;
        let Some(check) = &written.check else { return Err(head.missing(source, "check")) };
        let check = &check.value;
        let kind = kind(&Compiling { source, names: &names, check: &head.check_span }, check)?;
        if let Some(kind) = &kind {
            add(
                source,
                &head.check_span,
                kind.names().into_iter().map(|(name, of)| (name.to_owned(), of)),
                &mut names,
            )?;
        }
        let compiling = Compiling { source, names: &names, check: &head.check_span };
        let item = check.item.as_ref().map(|item| compiling.template(item)).transpose()?;
        let each = Each::of(&compiling, check)?;
        let mut inside = names.clone();
        if let Some(each) = &each {
            let at = check.name.as_ref().map_or(0..0, |name| name.span.clone());
            add(source, &at, [(each.name.clone(), each.list.gives().element())], &mut inside)?;
        }
        let compiling = Compiling { source, names: &inside, check: &head.check_span };
        let assert = check.assert.as_ref().map(|assert| boolean(&compiling, assert)).transpose()?;
        let at = check.at.as_ref().map(|at| Place::compile(at, &compiling)).transpose()?;
        let Some(message) = &written.message else { return Err(head.missing(source, "message")) };
        let message = compiling.template(message)?;
        let remediation = written.remediation.as_ref();
        let remediation = remediation.map(|text| compiling.template(text)).transpose()?;
        asks_something(source, &head.check_span, check, kind.as_deref(), assert.is_some())?;
        let mut rule = Self {
            meta: meta(&head),
            severity: head.severity,
            docs: written.docs.as_ref().map(|docs| docs.value.clone()),
            waivable: written.waivable.as_ref().is_none_or(|waivable| waivable.value),
            source: source.clone(),
            uses: BTreeSet::new(),
            when,
            params,
            named,
            data,
            kind,
            each,
            item,
            at,
            min_items: check.min_items.as_ref().map(|least| least.value),
            assert,
            message,
            remediation,
        };
        rule.meta.guards = if rule.waivable { Guards::Agreement } else { Guards::Step };
        rule.uses = used(rule.expressions()).into_iter().filter(|name| document.has(name)).collect();
        let of_mission = ["mission", "lanes", "wps", "requirements", "events"];
        if of_mission.iter().any(|name| rule.uses.contains(*name)) {
            rule.meta.needs = Needs::Mission;
        }
        Ok(rule)
    }

    /// What it takes besides data.
    #[must_use]
    pub fn capability(&self) -> Capability {
        self.kind.as_ref().map_or(Capability::Data, |kind| kind.capability())
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
        let each = self.each.iter().map(|each| own("each", &each.list));
        when.chain(named).chain(each).chain(self.assert.iter().map(|assert| own("assert", assert))).collect()
    }

    /// Every expression in it.
    pub(super) fn expressions(&self) -> Vec<&Expression> {
        let mut all: Vec<&Expression> = self.when.iter().chain(&self.assert).collect();
        all.extend(self.named.iter().map(|(_, expression)| expression));
        all.extend(self.data.iter().flat_map(|data| data.file.expressions()));
        all.extend(self.kind.iter().flat_map(|kind| kind.expressions()));
        all.extend(self.each.iter().flat_map(|each| [&each.list, &each.key]));
        all.extend(self.at.iter().flat_map(Place::expressions));
        all.extend(
            self.item.iter().chain([&self.message]).chain(&self.remediation).flat_map(Template::expressions),
        );
        all
    }
}

fn meta(head: &head::Head) -> CheckMeta {
    CheckMeta {
        id: head.id,
        summary: head.title,
        codes: only(head.id),
        stages: head.stages,
        needs: Needs::Repository,
        guards: Guards::Agreement,
    }
}

/// An expression that must give `true` or `false`.
fn boolean(compiling: &Compiling<'_>, written: &At<String>) -> Result<Expression, RuleError> {
    let expression = compiling.expression(written)?;
    match expression.gives() {
        Type::Bool | Type::Any => Ok(expression),
        other => {
            let message = format!("this gives {}, and not true or false", other.in_words());
            Err(compiling.error(&written.span, message, None))
        }
    }
}

/// Adds names, none of which may stand for something already.
fn add(
    source: &Source,
    at: &Range<usize>,
    added: impl IntoIterator<Item = (String, Type)>,
    names: &mut Names,
) -> Result<(), RuleError> {
    for (name, of) in added {
        let is_name = !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            && !name.starts_with(|c: char| c.is_ascii_digit());
        if !is_name {
            let help = Some("lower-case letters, digits and `_`".to_owned());
            return Err(RuleError::new(source, at.clone(), format!("`{name}` is no name"), help));
        }
        if names.has(&name) {
            let help = Some("take another name".to_owned());
            return Err(RuleError::new(
                source,
                at.clone(),
                format!("`{name}` stands for something already"),
                help,
            ));
        }
        names.add(name, of);
    }
    Ok(())
}

fn few<T>(source: &Source, at: &Range<usize>, what: &str, names: &InOrder<T>) -> Result<(), RuleError> {
    if names.0.len() <= MOST_NAMES {
        return Ok(());
    }
    let message = format!("`{what}:` has {} names; at most {MOST_NAMES} are read", names.0.len());
    Err(RuleError::new(source, at.clone(), message, None))
}

fn params(
    source: &Source,
    written: &WrittenRule,
    names: &mut Names,
) -> Result<Vec<(String, Json)>, RuleError> {
    let nowhere = written.id.span.clone();
    few(source, &nowhere, "params", &written.params)?;
    let mut params = Vec::new();
    let mut types = Vec::new();
    for (name, At { value, span }) in &written.params.0 {
        let param: WrittenParam = serde_json::from_value(value.clone()).map_err(|error| {
            let help =
                Some("write `{ type: int, default: 1 }`; types are string, int, bool, list".to_owned());
            RuleError::new(
                source,
                named_in(source, span, &error.to_string()),
                format!("`{name}`: {error}"),
                help,
            )
        })?;
        if !param.kind.fits(&param.default) {
            let message = format!("the default of `{name}` is not of type {}", param.kind.name());
            let at = named_in(
                source,
                span,
                &format!(
                    "`{}`",
                    param.default.as_str().map_or_else(|| param.default.to_string(), str::to_owned)
                ),
            );
            return Err(RuleError::new(source, at, message, None));
        }
        types.push((super::intern::intern(name), param.kind.of()));
        params.push((name.clone(), param.default));
    }
    add(source, &nowhere, [("params".to_owned(), Type::record(types))], names)?;
    Ok(params)
}

/// Where the word in backquotes that an error begins with stands in a value; the whole value where it does not.
fn named_in(source: &Source, span: &Range<usize>, error: &str) -> Range<usize> {
    let word = error.split('`').nth(1).filter(|word| !word.is_empty());
    let raw = source.text().get(span.start..).unwrap_or_default();
    let line_end = raw.find('\n').unwrap_or(raw.len()).max(span.len().min(raw.len()));
    let found = word.and_then(|word| Some((raw[..line_end].find(word)?, word.len())));
    found.map_or_else(|| span.clone(), |(at, length)| span.start + at..span.start + at + length)
}

fn data(
    source: &Source,
    written: &InOrder<At<WrittenData>>,
    names: &mut Names,
) -> Result<Vec<DataFile>, RuleError> {
    let nowhere = written.0.first().map_or(0..0, |(_, first)| first.span.clone());
    few(source, &nowhere, "data", written)?;
    let mut files = Vec::new();
    for (name, At { value, span }) in &written.0 {
        let file = Compiling { source, names, check: &(0..0) }.template(&value.file)?;
        files.push(DataFile { name: name.clone(), file, optional: value.optional });
        add(source, span, [(name.clone(), Type::Any)], names)?;
    }
    Ok(files)
}

fn named(
    source: &Source,
    written: &InOrder<At<String>>,
    names: &mut Names,
) -> Result<Vec<(String, Expression)>, RuleError> {
    let nowhere = written.0.first().map_or(0..0, |(_, first)| first.span.clone());
    few(source, &nowhere, "let", written)?;
    let mut expressions = Vec::new();
    for (name, value) in &written.0 {
        let expression = Compiling { source, names, check: &(0..0) }.expression(value)?;
        add(source, &value.span, [(name.clone(), expression.gives().clone())], names)?;
        expressions.push((name.clone(), expression));
    }
    Ok(expressions)
}

fn kind(
    compiling: &Compiling<'_>,
    check: &super::kinds::WrittenCheck,
) -> Result<Option<Box<dyn Kind>>, RuleError> {
    let kinds = check.kinds();
    if let [(one, _, _), (other, at, _), ..] = kinds.as_slice() {
        let message = format!("`{one}` and `{other}`: a rule has one of them");
        return Err(compiling.error(at, message, Some("write two rules")));
    }
    kinds.into_iter().next().map(|(_, _, written)| written.compile(compiling)).transpose()
}

/// A rule that asks nothing would always pass.
fn asks_something(
    source: &Source,
    at: &Range<usize>,
    check: &super::kinds::WrittenCheck,
    kind: Option<&dyn Kind>,
    asserts: bool,
) -> Result<(), RuleError> {
    let answers = kind.is_some_and(Kind::answers);
    let error = |at: &Range<usize>, message: &str, help: &str| {
        Err(RuleError::new(source, at.clone(), message, Some(help.to_owned())))
    };
    match (answers, asserts) {
        (true, true) => {
            let at = check.assert.as_ref().map_or(at, |assert| &assert.span);
            error(at, "`scan` and `exec` answer themselves: nothing is left to assert", "leave `assert` out")
        }
        (false, false) => error(at, "this checks nothing", "add `assert:`, `scan:` or `exec:`"),
        _ => match &check.each {
            Some(each) if answers => {
                error(&each.span, "`scan` and `exec` find their items themselves", "leave `each` out")
            }
            _ => Ok(()),
        },
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
