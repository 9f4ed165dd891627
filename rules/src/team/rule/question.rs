//! What a rule asks, and what it says where that does not hold.

use std::ops::Range;

use clearance_engine::source::Source;

use super::Each;
use super::head::Head;
use super::names::add;
use crate::team::expression::Expression;
use crate::team::kinds::{Compiling, Kind, WrittenCheck};
use crate::team::place::Place;
use crate::team::template::Template;
use crate::team::types::{Names, Type};
use crate::team::written::WrittenRule;
use crate::team::yaml::{At, RuleError};

/// What a rule asks.
#[derive(Debug)]
pub(in crate::team) struct Question {
    pub(in crate::team) kind: Option<Box<dyn Kind>>,
    pub(in crate::team) each: Option<Each>,
    pub(in crate::team) item: Option<Template>,
    pub(in crate::team) at: Option<Place>,
    /// As it says; a 0 is written out by who means it.
    pub(in crate::team) min_items: Option<usize>,
    pub(in crate::team) assert: Option<Expression>,
    pub(in crate::team) message: Template,
    pub(in crate::team) remediation: Option<Template>,
}

impl Question {
    /// `names` are those of the document, and those that the rule gives.
    pub(super) fn of(
        source: &Source,
        head: &Head,
        written: &WrittenRule,
        mut names: Names,
    ) -> Result<Self, RuleError> {
        let Some(At { value: check, span }) = &written.check else {
            return Err(head.missing(source, "check"));
        };
        let kind = kind(&Compiling { source, names: &names, check: span }, check, written.kind.as_ref())?;
        let brought = kind.iter().flat_map(|kind| kind.names()).map(|(name, of)| (name.to_owned(), of));
        add(source, span, brought, &mut names)?;
        let compiling = Compiling { source, names: &names, check: span };
        let item = check.item.as_ref().map(|item| compiling.template(item)).transpose()?;
        let each = Each::of(&compiling, check)?;
        let mut inside = names.clone();
        if let (Some(each), Some(name)) = (&each, &check.name) {
            add(source, &name.span, [(each.name.clone(), each.list.gives().element())], &mut inside)?;
        }
        let compiling = Compiling { names: &inside, ..compiling };
        let assert = check.assert.as_ref().map(|assert| boolean(&compiling, assert)).transpose()?;
        let at = check.at.as_ref().map(|at| Place::compile(at, &compiling)).transpose()?;
        let Some(message) = &written.message else { return Err(head.missing(source, "message")) };
        let message = compiling.template(message)?;
        let remediation = written.remediation.as_ref();
        let remediation = remediation.map(|text| compiling.template(text)).transpose()?;
        asks_something(source, span, check, kind.as_deref(), assert.is_some())?;
        let min_items = check.min_items.as_ref().map(|least| least.value);
        Ok(Self { kind, each, item, at, min_items, assert, message, remediation })
    }
}

/// An expression that must give `true` or `false`.
pub(super) fn boolean(compiling: &Compiling<'_>, written: &At<String>) -> Result<Expression, RuleError> {
    let expression = compiling.expression(written)?;
    match expression.gives() {
        Type::Bool | Type::Any => Ok(expression),
        other => {
            let message = format!("this gives {}, and not true or false", other.in_words());
            Err(compiling.error(&written.span, message, None))
        }
    }
}

fn kind(
    compiling: &Compiling<'_>,
    check: &WrittenCheck,
    said: Option<&At<String>>,
) -> Result<Option<Box<dyn Kind>>, RuleError> {
    let kinds = check.kinds();
    if let Some(said) = said.filter(|said| kinds.iter().all(|(kind, _, _)| *kind != said.value)) {
        let message =
            format!("the rule is said to be of kind `{0}`, and its check has no `{0}:`", said.value);
        return Err(compiling.error(
            &said.span,
            message,
            Some("`kind` may be left out: the key below `check:` says it"),
        ));
    }
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
    check: &WrittenCheck,
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
            error(
                at,
                "`scan`, `exec` and `drift` answer themselves: nothing is left to assert",
                "leave `assert` out",
            )
        }
        (false, false) => error(at, "this checks nothing", "add `assert:`, `scan:`, `exec:` or `drift:`"),
        _ => match &check.each {
            Some(each) if answers => error(
                &each.span,
                "`scan`, `exec` and `drift` find their items themselves",
                "leave `each` out",
            ),
            _ => Ok(()),
        },
    }
}
