//! A rule and what it looks at: one answer an item. The same for a run and for the rule's own tests.

mod item;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use clearance_engine::finding::{Excerpt, Location};
use clearance_engine::item::{ItemOutcome, Unanswered};
use clearance_engine::source::on_one_line;
use serde_json::Value as Json;

use super::expression::{EvaluationError, MEMORY, Scope, Value, worked};
use super::kinds::{Asked, Hit};
use super::place;
use super::rule::{DataFile, Each, Rule};
use super::template::Template;
use super::world::{Unknown, World};
use item::{Keys, cut, short};

pub use item::{Item, WHOLE};

/// Most items of one rule.
pub const MOST_ITEMS: usize = 10_000;

/// The processor time that all items of one rule have together.
pub const RULE_TIME: Duration = Duration::from_secs(2);

/// Most text of all items of one rule, in bytes.
const MOST_TEXT: usize = 8 << 20;

/// Most memory that the files of one rule may take, in bytes.
const MOST_DATA: usize = 32 << 20;

/// What the document says, by name.
pub trait Facts {
    /// The value of a name of the document.
    ///
    /// # Errors
    /// Why it is not known.
    fn value(&self, name: &str) -> Result<Value, Unknown>;
}

/// What a rule answers.
#[derive(Debug)]
pub enum Answer {
    /// It does not apply.
    Skipped,
    /// It can be told once a fault is mended that this check reports.
    Waits(&'static str),
    /// Item by item.
    Items(Vec<Item>),
}

/// The parameters of a rule with what was set otherwise.
#[must_use]
pub fn params(rule: &Rule, set: &serde_json::Map<String, Json>) -> Value {
    let named =
        rule.params.iter().map(|(name, default)| (name.clone(), set.get(name).unwrap_or(default).clone()));
    Value::from(&Json::Object(named.collect()))
}

/// The scope of these parts of the document. What a rule's expressions begin with is inside it: [`inside`].
///
/// # Errors
/// Why a part of the document is not known.
pub fn document(uses: &BTreeSet<String>, facts: &dyn Facts) -> Result<Scope<'static>, Unknown> {
    let mut scope = Scope::new([]);
    for name in uses {
        scope.set(name, facts.value(name)?);
    }
    Ok(scope)
}

/// The scope that a rule's expressions begin with: the document and the parameters.
#[must_use]
pub fn inside<'d>(document: &'d Scope<'static>, params: Value) -> Scope<'d> {
    let mut scope = document.inner();
    scope.set("params", params);
    scope
}

/// Who sees each item that an assertion judges, with the names as they were.
pub type Witness<'w> = &'w mut dyn FnMut(&str, ItemOutcome, &Scope<'_>);

/// Asks a rule.
#[must_use]
pub fn evaluate(rule: &Rule, scope: Scope<'_>, world: &dyn World) -> Answer {
    evaluate_before(rule, scope, world, &mut |_, _, _| {})
}

/// Asks a rule before a witness.
#[must_use]
pub fn evaluate_before(rule: &Rule, mut scope: Scope<'_>, world: &dyn World, witness: Witness<'_>) -> Answer {
    let error =
        |error: EvaluationError| Answer::Items(vec![Item::new(WHOLE, ItemOutcome::Error, error.to_string())]);
    let unanswered = |why: Unknown| match why {
        Unknown::Waits(check) => Answer::Waits(check),
        Unknown::Unanswered(why) => Answer::Items(vec![Item::unanswered(WHOLE, why)]),
    };
    match rule.when.as_ref().map(|when| when.holds(&scope)) {
        Some(Ok(false)) => return Answer::Skipped,
        Some(Err(failed)) => return error(failed),
        _ => {}
    }
    let mut held = 0;
    for data in &rule.data {
        match read(data, &scope, world) {
            Ok(value) => {
                held += value.whole_weight();
                if held > MOST_DATA {
                    let why = format!("the files under `data:` take more than {} MiB", MOST_DATA >> 20);
                    return unanswered(Unanswered::new(why).into());
                }
                scope.set(&data.name, value);
            }
            Err(why) => return unanswered(why),
        }
    }
    let mut named = 0;
    for (name, expression) in &rule.named {
        match expression.evaluate(&scope) {
            Ok(value) => {
                named += value.weight();
                if named > MEMORY {
                    let why = format!("the values under `let:` have more than {} MiB", MEMORY >> 20);
                    return unanswered(Unanswered::new(why).into());
                }
                scope.set(name, value);
            }
            Err(failed) => return error(failed),
        }
    }
    let asked = match &rule.asks.kind {
        None => Asked::Values(Vec::new()),
        Some(kind) => match kind.ask(&scope, world) {
            Ok(asked) => asked,
            Err(why) => return unanswered(why),
        },
    };
    let mut keys = Keys::default();
    let mut items = match asked {
        Asked::Items(hits) => hits.into_iter().map(|hit| answered(rule, &scope, hit, &mut keys)).collect(),
        Asked::Values(values) => {
            values.into_iter().for_each(|(name, value)| scope.set(name, value));
            match &rule.asks.each {
                Some(each) => every(rule, each, &scope, world, witness),
                None => vec![one(rule, &scope, world, witness)],
            }
        }
    };
    let told = items.iter().filter(|item| item.outcome != ItemOutcome::Error).count();
    if let Some(needed) = rule.asks.min_items.filter(|needed| told < *needed && told == items.len()) {
        let message =
            format!("{}: there are {told} to look at, and at least {needed} are needed", rule.meta.summary);
        items.push(Item { remediation: Some(explain(rule)), ..Item::new(WHOLE, ItemOutcome::Fail, message) });
    }
    Answer::Items(items)
}

/// A file of what is gated, under its name.
fn read(data: &DataFile, scope: &Scope<'_>, world: &dyn World) -> Result<Value, Unknown> {
    let path = data.file.render(scope).map_err(|error| Unanswered::new(error.to_string()))?;
    match world.data(&data.name, &path)? {
        Some(value) => Ok(value),
        None if data.optional => Ok(Value::from(&Json::Null)),
        None => Err(Unanswered::new(format!("there is no {path}")).into()),
    }
}

fn every(rule: &Rule, each: &Each, scope: &Scope<'_>, world: &dyn World, witness: Witness<'_>) -> Vec<Item> {
    let failed = |message: String| vec![Item::new(WHOLE, ItemOutcome::Error, message)];
    let list = match each.list.evaluate(scope) {
        Ok(list) => list,
        Err(error) => return failed(error.to_string()),
    };
    let Some(elements) = list.elements() else {
        return failed(format!("`{}` gives a {}, and not a list", each.list.source(), list.kind()));
    };
    if elements.len() > MOST_ITEMS {
        let count = elements.len();
        return failed(format!(
            "`{}` has {count} items; at most {MOST_ITEMS} are looked at",
            each.list.source()
        ));
    }
    let (started, began) = (Instant::now(), worked());
    let count = elements.len();
    let (mut items, mut keys, mut text) = (Vec::with_capacity(count), Keys::default(), 0);
    for (nth, element) in elements.into_iter().enumerate() {
        let too_much = if started.elapsed() > RULE_TIME && worked().saturating_sub(began) > RULE_TIME {
            Some(format!("the rule took longer than {} s", RULE_TIME.as_secs()))
        } else {
            (text > MOST_TEXT).then(|| format!("the rule says more than {} MiB", MOST_TEXT >> 20))
        };
        if let Some(too_much) = too_much {
            let why = format!("{too_much}: {} items were not looked at", count - nth);
            items.push(Item::new(WHOLE, ItemOutcome::Error, why));
            break;
        }
        let mut inner = scope.inner();
        inner.set(&each.name, element);
        let item = match each.key.evaluate(&inner) {
            Ok(key) => {
                let item = judged(rule, keys.of(short(&key.in_words())), &inner, world);
                witness(&item.key, item.outcome, &inner);
                item
            }
            Err(error) => Item::new(WHOLE, ItemOutcome::Error, error.to_string()),
        };
        text += item.text();
        items.push(item);
    }
    items
}

fn one(rule: &Rule, scope: &Scope<'_>, world: &dyn World, witness: Witness<'_>) -> Item {
    match name(rule, scope) {
        Ok(key) => {
            let item = judged(rule, key, scope, world);
            witness(&item.key, item.outcome, scope);
            item
        }
        Err(error) => Item::new(WHOLE, ItemOutcome::Error, error.to_string()),
    }
}

/// What the one result of a rule is about.
fn name(rule: &Rule, scope: &Scope<'_>) -> Result<String, EvaluationError> {
    let name = rule.asks.item.as_ref().map(|item| item.render(scope)).transpose()?;
    Ok(name
        .map(|name| short(&name))
        .filter(|name| !name.trim().is_empty())
        .unwrap_or_else(|| WHOLE.to_owned()))
}

fn judged(rule: &Rule, key: String, scope: &Scope<'_>, world: &dyn World) -> Item {
    let Some(assert) = &rule.asks.assert else {
        return Item::new(key, ItemOutcome::Error, "there is nothing to assert");
    };
    match assert.holds(scope) {
        Ok(true) => Item::new(key, ItemOutcome::Pass, ""),
        Err(error) => Item::new(key, ItemOutcome::Error, error.to_string()),
        Ok(false) => {
            let (location, excerpt) = placed(rule, scope, world);
            let excerpts = excerpt.into_iter().collect();
            Item { location, excerpts, ..fault(rule, key, scope) }
        }
    }
}

/// An item that a kind answered itself.
fn answered(rule: &Rule, scope: &Scope<'_>, hit: Hit, keys: &mut Keys) -> Item {
    let mut inner = scope.inner();
    hit.values.into_iter().for_each(|(name, value)| inner.set(name, value));
    let key = match hit.key.is_empty() {
        false => short(&hit.key),
        true => match name(rule, &inner) {
            Ok(key) => key,
            Err(error) => return Item::new(WHOLE, ItemOutcome::Error, error.to_string()),
        },
    };
    let key = keys.of(key);
    if hit.holds {
        return Item::new(key, ItemOutcome::Pass, hit.said.as_deref().map(told).unwrap_or_default());
    }
    let excerpt =
        hit.at.as_ref().and_then(|at| Some(Excerpt::new(&at.name, at.line?, hit.line.as_ref()?, "here")));
    Item { location: hit.at, excerpts: excerpt.into_iter().collect(), ..fault(rule, key, &inner) }
}

/// A text as it is told: one line, and no endless one.
fn told(text: &str) -> String {
    on_one_line(&cut(text.to_owned()))
}

/// An item that does not hold, with its message and the way out.
fn fault(rule: &Rule, key: String, scope: &Scope<'_>) -> Item {
    let rendered = |template: &Template| match template.render(scope) {
        Ok(text) if !text.trim().is_empty() => told(&text),
        Ok(_) => format!("{}: {key}", rule.meta.summary),
        // What is wrong stays wrong, whatever is wrong with the words for it.
        Err(error) => format!("{}: {key} (its text cannot be made: {error})", rule.meta.summary),
    };
    let message = rendered(&rule.asks.message);
    let remediation = rule.asks.remediation.as_ref().map(rendered).or_else(|| Some(explain(rule)));
    Item { remediation, ..Item::new(key, ItemOutcome::Fail, message) }
}

fn explain(rule: &Rule) -> String {
    format!("clearance rules explain {}", rule.id())
}

/// Where the item is, with the line that is there.
fn placed(rule: &Rule, scope: &Scope<'_>, world: &dyn World) -> (Option<Location>, Option<Excerpt>) {
    let Some(Ok((path, part))) = rule.asks.at.as_ref().map(|at| at.of(scope)) else { return (None, None) };
    if path.trim().is_empty() {
        return (None, None);
    }
    // A place that cannot be shown is named all the same.
    let text = world.shown(&path);
    let (location, excerpt) = place::shown(&path, part.as_deref(), text.as_deref());
    (Some(location), excerpt)
}
