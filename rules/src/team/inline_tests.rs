//! The tests that a rule brings: a document that is written out, and what becomes of each item. Programs and servers are
//! played by what the test says of them.

use std::collections::BTreeMap;

use clearance_engine::item::{ItemOutcome, Unanswered};
use clearance_nested_env::attempt::Method;
use clearance_nested_env::drift::{Played, Verdict};
use clearance_nested_env::limitation;
use serde_json::{Map, Value as Json};

use super::document::given::Given;
use super::evaluate::{Answer, Item, WHOLE, document, evaluate, inside, params};
use super::expression::Value;
use super::kinds::Capability;
use super::rule::Rule;
use super::world::{Call, DriftCall, Ended, Lines, Reply, Request, SeenFile, Unknown, World};
use super::written::{Expected, StubbedOutcome, WrittenTest};
use super::yaml::{At, RuleError};

/// What became of a test.
#[derive(Debug)]
pub struct TestOutcome {
    /// Its name.
    pub name: String,
    /// 1-based line of the file.
    pub line: usize,
    /// What is not as expected; nothing where it passes.
    pub differences: Vec<String>,
}

/// Runs the tests of a rule.
///
/// # Errors
/// [`RuleError`] for a test that cannot be run: it gives the document a field that it does not have, say.
pub fn run(rule: &Rule) -> Result<Vec<TestOutcome>, RuleError> {
    rule.tests()?.iter().map(|test| run_one(rule, test)).collect()
}

fn run_one(rule: &Rule, test: &At<WrittenTest>) -> Result<TestOutcome, RuleError> {
    let At { value: test, span } = test;
    let given = given(rule, test).map_err(|(message, help)| {
        let message = format!("the test `{}`: {message}", test.name.value);
        RuleError::new(&rule.source, span.clone(), message, help)
    })?;
    let answer = match untrusted(rule, test) {
        true => Answer::Items(vec![played(ItemOutcome::Untrusted)]),
        false => match document(&rule.uses, &given) {
            Ok(document) => evaluate(rule, inside(&document, params(rule, &test.params)), &Stage(test)),
            Err(_) => Answer::Items(vec![played(ItemOutcome::Error)]),
        },
    };
    let line = rule.source.line_of(test.name.span.start);
    Ok(TestOutcome { name: test.name.value.clone(), line, differences: differences(test, &answer) })
}

fn played(outcome: ItemOutcome) -> Item {
    let (key, message, excerpts) = (WHOLE.to_owned(), String::new(), Vec::new());
    Item { key, outcome, message, remediation: None, location: None, excerpts }
}

type Wrong = (String, Option<String>);

/// The document of a test, checked: a field that does not exist would make a test pass that tests nothing.
fn given(rule: &Rule, test: &WrittenTest) -> Result<Given, Wrong> {
    let data: Vec<&str> = rule.data.iter().map(|data| data.name.as_str()).collect();
    let names = super::document::names();
    let known = || names.names().chain(data.iter().copied());
    for name in test.given.keys() {
        if !known().any(|known| known == name) {
            let near = super::nearest(name, known()).map(|near| format!("did you mean `{near}`?"));
            return Err((format!("the document has no `{name}`"), near));
        }
    }
    for (name, value) in &test.params {
        let Some((_, default)) = rule.params.iter().find(|(known, _)| known == name) else {
            return Err((format!("the rule has no parameter `{name}`"), None));
        };
        if std::mem::discriminant(default) != std::mem::discriminant(value) {
            return Err((format!("the parameter `{name}` is of another type"), None));
        }
    }
    let document: Map<String, Json> = test
        .given
        .iter()
        .filter(|(name, _)| names.has(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    Given::of(&document).map_err(|misfit| (misfit.message, misfit.help))
}

/// Whether the test says that nobody trusts the rule.
fn untrusted(rule: &Rule, test: &WrittenTest) -> bool {
    let capability = rule.capability();
    let trusts = |given: &String| {
        given == capability.name() || *given == format!("{}:{}", capability.name(), rule.id())
    };
    capability != Capability::Data && test.trust.as_ref().is_some_and(|trusted| !trusted.iter().any(trusts))
}

fn differences(test: &WrittenTest, answer: &Answer) -> Vec<String> {
    let mut wrong = Vec::new();
    let none = Vec::new();
    let items = match answer {
        Answer::Skipped | Answer::Waits(_) => &none,
        Answer::Items(items) => items,
    };
    let skipped = matches!(answer, Answer::Skipped);
    let mut expected: BTreeMap<&str, Expected> = BTreeMap::new();
    for (key, wanted) in &test.expect.0 {
        expected.insert(key, *wanted);
        let is = if key == WHOLE { whole(skipped, items) } else { found(skipped, items, key) };
        match is {
            Some((is, _)) if is == outcome(*wanted) => {}
            Some((is, why)) => {
                wrong.push(format!("{key} is {}, expected {}{why}", word(is), word(outcome(*wanted))));
            }
            None => wrong.push(format!("there is no item {key}; there are: {}", keys(items))),
        }
    }
    let unexpected =
        |item: &&Item| item.outcome != ItemOutcome::Pass && !expected.contains_key(item.key.as_str());
    wrong.extend(
        items.iter().filter(unexpected).map(|item| {
            format!("{} is {}, and is not expected{}", item.key, word(item.outcome), because(item))
        }),
    );
    for (key, wanted) in &test.message.0 {
        match items.iter().find(|item| item.key == *key) {
            Some(item) if item.message == *wanted => {}
            Some(item) => {
                wrong.push(format!("the message of {key} is `{}`, expected `{wanted}`", item.message));
            }
            None => wrong.push(format!("there is no message of {key}")),
        }
    }
    for secret in &test.absent {
        if items.iter().any(|item| shows(item, secret)) {
            wrong.push("a text of `absent:` is shown".to_owned());
        }
    }
    wrong
}

/// What became of the rule as a whole: of the item `*` where there is one, else the worst of all items.
fn whole(skipped: bool, items: &[Item]) -> Option<(ItemOutcome, String)> {
    if skipped {
        return Some((ItemOutcome::Skip, String::new()));
    }
    let named = items.iter().find(|item| item.key == WHOLE);
    let worst = [ItemOutcome::Error, ItemOutcome::Untrusted, ItemOutcome::Fail];
    let worst = worst.into_iter().find_map(|outcome| items.iter().find(|item| item.outcome == outcome));
    Some(named.or(worst).map_or((ItemOutcome::Pass, String::new()), |item| (item.outcome, because(item))))
}

fn found(skipped: bool, items: &[Item], key: &str) -> Option<(ItemOutcome, String)> {
    if skipped {
        return Some((ItemOutcome::Skip, String::new()));
    }
    items.iter().find(|item| item.key == key).map(|item| (item.outcome, because(item)))
}

fn because(item: &Item) -> String {
    if item.message.is_empty() { String::new() } else { format!(": {}", item.message) }
}

fn keys(items: &[Item]) -> String {
    let keys: Vec<_> = items.iter().map(|item| item.key.as_str()).collect();
    if keys.is_empty() { "none".to_owned() } else { keys.join(", ") }
}

fn shows(item: &Item, text: &str) -> bool {
    let excerpts = item.excerpts.iter().flat_map(|excerpt| [&excerpt.text, &excerpt.name, &excerpt.label]);
    let texts = [Some(&item.key), Some(&item.message), item.remediation.as_ref()];
    texts.into_iter().flatten().chain(excerpts).any(|shown| shown.contains(text))
}

fn outcome(expected: Expected) -> ItemOutcome {
    match expected {
        Expected::Pass => ItemOutcome::Pass,
        Expected::Fail => ItemOutcome::Fail,
        Expected::Skip => ItemOutcome::Skip,
        Expected::Error => ItemOutcome::Error,
        Expected::Untrusted => ItemOutcome::Untrusted,
        Expected::Waived => ItemOutcome::Waived,
    }
}

fn word(outcome: ItemOutcome) -> &'static str {
    match outcome {
        ItemOutcome::Pass => "pass",
        ItemOutcome::Fail => "fail",
        ItemOutcome::Skip => "skip",
        ItemOutcome::Error => "error",
        ItemOutcome::Untrusted => "untrusted",
        ItemOutcome::Waived => "waived",
        ItemOutcome::Known => "known",
    }
}

/// The world as a test plays it.
struct Stage<'a>(&'a WrittenTest);

impl World for Stage<'_> {
    fn lines(&self, which: Lines, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<SeenFile>, Unknown> {
        let seen = |(path, text): &(String, String)| {
            let added = which == Lines::Added;
            // Only of a change some lines go and others come; a file as it is has all of them.
            let there = text.lines().filter(|line| !(added && line.starts_with('-'))).enumerate();
            let lines = there
                .filter(|(_, line)| !added || line.starts_with('+'))
                .map(|(nth, line)| (nth + 1, if added { line[1..].to_owned() } else { line.to_owned() }));
            SeenFile::some(path.clone(), lines.collect())
        };
        Ok(self.0.files.0.iter().filter(|(path, _)| wanted(path)).map(seen).collect())
    }

    fn file(&self, path: &str) -> Result<Option<String>, Unknown> {
        Ok(self.0.files.0.iter().find(|(known, _)| known == path).map(|(_, text)| text.clone()))
    }

    fn data(&self, name: &str, path: &str) -> Result<Option<Value>, Unknown> {
        match self.0.given.get(name) {
            Some(Json::Null) => Ok(None),
            Some(value) => Ok(Some(Value::from(value))),
            None => Ok(self.file(path)?.map(|text| super::data::parse(path, &text)).transpose()?),
        }
    }

    fn run(&self, _: &Call) -> Result<Ended, Unknown> {
        let Some(stub) = &self.0.exec else {
            return Err(Unanswered::new(
                "the test does not say what the command does: add `exec: { exit: 0 }`",
            )
            .into());
        };
        let (stdout, stderr) = (stub.stdout.clone(), String::new());
        Ok(Ended { code: Some(stub.exit), signal: None, stdout, stderr, cut: false })
    }

    fn drift(&self, call: &DriftCall) -> Result<Played, Unknown> {
        let Some(stub) = &self.0.drift else {
            return Err(Unanswered::new(
                "the test does not say what the scenario comes to: add `drift: { outcome: no_drift }`",
            )
            .into());
        };
        let sign = call.scenario.signs.first().cloned().unwrap_or_default();
        let line = stub.line.clone().unwrap_or_else(|| sign.clone());
        let verdict = match stub.outcome {
            StubbedOutcome::NoDrift => Verdict::NoDrift,
            StubbedOutcome::DriftDetected => Verdict::DriftDetected { sign, line: line.clone() },
            StubbedOutcome::Skipped => {
                return Err(Unanswered::new(format!("skipped: {}", limitation::BEGINNING)).into());
            }
        };
        let exit = i32::from(verdict != Verdict::NoDrift);
        let baseline = stub.baseline.clone().unwrap_or_else(|| "1.0.0".to_owned());
        Ok(Played { verdict, method: Method::Uv, baseline, exit, output: line, steps: Vec::new() })
    }

    fn ask(&self, _: &Request) -> Result<Reply, Unknown> {
        let Some(stub) = &self.0.http else {
            return Err(Unanswered::new(
                "the test does not say what the server answers: add `http: { status: 200 }`",
            )
            .into());
        };
        Ok(Reply { status: stub.status, body: stub.body.to_string().into_bytes() })
    }
}
