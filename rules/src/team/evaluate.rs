//! A rule and what it looks at: one answer an item. The same for a run and for the rule's own tests.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

use clearance_engine::finding::{Excerpt, Location};
use clearance_engine::item::{ItemOutcome, Unanswered};
use serde_json::Value as Json;

use super::expression::{EvaluationError, MEMORY, Scope, Value, worked};
use super::kinds::{Asked, Hit};
use super::place;
use super::rule::{DataFile, Each, Rule};
use super::template::Template;
use super::world::{Unknown, World};

/// What a rule as a whole is called among its items.
pub const WHOLE: &str = "*";

/// Most items of one rule.
pub const MOST_ITEMS: usize = 10_000;

/// The processor time that all items of one rule have together.
pub const RULE_TIME: Duration = Duration::from_secs(2);

/// Longest key of an item, in characters.
const LONGEST_KEY: usize = 200;

/// Longest message, and remediation, of an item, in characters.
const LONGEST_TEXT: usize = 2_000;

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

/// One item, answered.
#[derive(Debug)]
pub struct Item {
    /// What it is called.
    pub key: String,
    /// What became of it.
    pub outcome: ItemOutcome,
    /// What is wrong, or why it could not be told.
    pub message: String,
    /// What ends it.
    pub remediation: Option<String>,
    /// Where it is.
    pub location: Option<Location>,
    /// What is there.
    pub excerpts: Vec<Excerpt>,
}

impl Item {
    fn new(key: impl Into<String>, outcome: ItemOutcome, message: impl Into<String>) -> Self {
        let (key, message) = (key.into(), message.into());
        Self { key, outcome, message, remediation: None, location: None, excerpts: Vec::new() }
    }

    /// How many bytes of text it has, about.
    #[must_use]
    pub fn text(&self) -> usize {
        const OTHERWISE: usize = 64;
        self.key.len() + self.message.len() + self.remediation.as_ref().map_or(0, String::len) + OTHERWISE
    }

    fn unanswered(key: impl Into<String>, why: Unanswered) -> Self {
        if why.code == Unanswered::UNTRUSTED {
            let item = Self::new(key, ItemOutcome::Untrusted, why.message);
            return Self { remediation: why.help, ..item };
        }
        Self { excerpts: why.excerpts.clone(), ..Self::new(key, ItemOutcome::Error, why.in_words()) }
    }
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
    let asked = match &rule.kind {
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
            match &rule.each {
                Some(each) => every(rule, each, &scope, world, witness),
                None => vec![one(rule, &scope, world, witness)],
            }
        }
    };
    let told = items.iter().filter(|item| item.outcome != ItemOutcome::Error).count();
    if let Some(needed) = rule.min_items.filter(|needed| told < *needed && told == items.len()) {
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
    let name = rule.item.as_ref().map(|item| item.render(scope)).transpose()?;
    Ok(name
        .map(|name| short(&name))
        .filter(|name| !name.trim().is_empty())
        .unwrap_or_else(|| WHOLE.to_owned()))
}

fn judged(rule: &Rule, key: String, scope: &Scope<'_>, world: &dyn World) -> Item {
    let Some(assert) = &rule.assert else {
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
        return Item::new(key, ItemOutcome::Pass, "");
    }
    let at = hit.at.map(|at| Location { name: on_one_line(&at.name), ..at });
    let excerpt =
        at.as_ref().and_then(|at| Some(Excerpt::new(&at.name, at.line?, hit.line.as_ref()?, "here")));
    Item { location: at, excerpts: excerpt.into_iter().collect(), ..fault(rule, key, &inner) }
}

/// An item that does not hold, with its message and the way out.
fn fault(rule: &Rule, key: String, scope: &Scope<'_>) -> Item {
    let rendered = |template: &Template| match template.render(scope) {
        Ok(text) if !text.trim().is_empty() => on_one_line(&cut(text)),
        Ok(_) => format!("{}: {key}", rule.meta.summary),
        // What is wrong stays wrong, whatever is wrong with the words for it.
        Err(error) => format!("{}: {key} (its text cannot be made: {error})", rule.meta.summary),
    };
    let message = rendered(&rule.message);
    let remediation = rule.remediation.as_ref().map(rendered).or_else(|| Some(explain(rule)));
    Item { remediation, ..Item::new(key, ItemOutcome::Fail, message) }
}

fn explain(rule: &Rule) -> String {
    format!("clearance rules explain {}", rule.id())
}

/// Where the item is, with the line that is there.
fn placed(rule: &Rule, scope: &Scope<'_>, world: &dyn World) -> (Option<Location>, Option<Excerpt>) {
    let Some(Ok((path, part))) = rule.at.as_ref().map(|at| at.of(scope)) else { return (None, None) };
    if path.trim().is_empty() {
        return (None, None);
    }
    // A place that cannot be shown is named all the same.
    let text = world.shown(&path);
    let (location, excerpt) = place::shown(&on_one_line(&path), part.as_deref(), text.as_deref());
    (Some(location), excerpt)
}

/// Items of the same name are told apart by their order, so that none hides another.
#[derive(Default)]
struct Keys {
    taken: HashSet<String>,
    /// By name, the number that the next item of that name is tried with.
    next: HashMap<String, usize>,
}

impl Keys {
    /// The key of an item of this name. What is said of the whole is no item.
    fn of(&mut self, name: String) -> String {
        if name == WHOLE || self.taken.insert(name.clone()) {
            return name;
        }
        let next = self.next.entry(name.clone()).or_insert(2);
        loop {
            let key = format!("{name}#{next}");
            *next += 1;
            if self.taken.insert(key.clone()) {
                return key;
            }
        }
    }
}

/// A key that is neither endless nor something that a terminal would obey; and not the name of the whole.
fn short(key: &str) -> String {
    let end = key.char_indices().nth(LONGEST_KEY).map_or(key.len(), |(at, _)| at);
    let key = on_one_line(&key[..end]);
    if key == WHOLE { format!("`{WHOLE}`") } else { key }
}

/// A text that is not endless.
fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(LONGEST_TEXT) {
        text.truncate(end);
        text.push_str(" … (cut)");
    }
    text
}

/// A text that is one line wherever it is printed: a second one could be taken for something else.
fn on_one_line(text: &str) -> String {
    clearance_engine::source::harmless(text).replace(['\n', '\r', '\t'], " ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_of_one_name_have_a_key_each() {
        let mut keys = Keys::default();
        let mut of = |name: &str| keys.of(name.to_owned());
        assert_eq!(
            [of("a"), of("a#2"), of("a"), of("a"), of("b"), of(WHOLE), of(WHOLE)].join(" "),
            "a a#2 a#3 a#4 b * *"
        );
        let many: HashSet<_> = (0..MOST_ITEMS).map(|_| of("same")).collect();
        assert_eq!(many.len(), MOST_ITEMS);
    }
}
