//! How an assertion came to its answer: the value of each part of it, for one item.

use clearance_engine::item::ItemOutcome;

use super::evaluate::{Answer, evaluate_before};
use super::expression::{Expression, Scope};
use super::quotes::Unquoted;
use super::rule::Rule;
use super::types::{Names, Type};
use super::world::World;

/// How one item was judged.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Trace {
    /// The item.
    pub item: String,
    /// What became of it.
    pub outcome: ItemOutcome,
    /// The values of `when`, of the names under `let:`, and of each part of the assertion.
    pub steps: Vec<Step>,
}

/// A part of an expression and its value.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Step {
    /// How deep it is in others.
    pub depth: usize,
    /// The part, as it is written.
    pub expression: String,
    /// Its value, or why it has none.
    pub value: Result<serde_json::Value, String>,
}

/// Asks a rule, and keeps how one item was judged: the one that is wanted, else the first that does not hold and is not
/// excepted, else the first that does not hold, else the first.
#[must_use]
pub fn trace(
    rule: &Rule,
    scope: Scope<'_>,
    world: &dyn World,
    wanted: Option<&str>,
    is_excepted: impl Fn(&str) -> bool,
) -> (Answer, Option<Trace>) {
    let weight = |key: &str, outcome| match outcome {
        ItemOutcome::Pass => 0,
        ItemOutcome::Fail if is_excepted(key) => 1,
        _ => 2,
    };
    let mut kept: Option<Trace> = None;
    let mut witness = |key: &str, outcome: ItemOutcome, scope: &Scope<'_>| {
        let better = match (&kept, wanted) {
            (_, Some(wanted)) => key == wanted,
            (None, None) => true,
            (Some(kept), None) => weight(key, outcome) > weight(&kept.item, kept.outcome),
        };
        if better {
            kept = Some(Trace { item: key.to_owned(), outcome, steps: steps(rule, scope) });
        }
    };
    let answer = evaluate_before(rule, scope, world, &mut witness);
    (answer, kept)
}

fn steps(rule: &Rule, scope: &Scope<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut add = |depth, name: &str, expression: &Expression| {
        let value =
            expression.evaluate(scope).map(|value| value.to_json()).map_err(|error| error.to_string());
        steps.push(Step { depth, expression: format!("{name}{}", expression.source()), value });
    };
    if let Some(when) = &rule.when {
        add(0, "when: ", when);
    }
    for (name, expression) in &rule.named {
        add(0, &format!("{name}: "), expression);
    }
    if let Some(assert) = &rule.asks.assert {
        add(0, "assert: ", assert);
        parts(assert.source(), 1, &names_of(rule), scope, &mut steps);
    }
    steps
}

/// Every name that the assertion may use. What they are was checked when the rule was read.
fn names_of(rule: &Rule) -> Names {
    let mut names = super::document::names();
    let own = rule.named.iter().map(|(name, _)| name.as_str());
    let own = own
        .chain(rule.data.iter().map(|data| data.name.as_str()))
        .chain(rule.asks.each.iter().map(|each| each.name.as_str()));
    let brought = rule.asks.kind.iter().flat_map(|kind| kind.names()).map(|(name, _)| name.to_owned());
    let all: Vec<String> = own.map(str::to_owned).chain(brought).chain(["params".to_owned()]).collect();
    all.into_iter().for_each(|name| names.add(name, Type::Any));
    names
}

/// Operators, from those that bind least to those that bind most.
const OPERATORS: [&[&str]; 5] =
    [&["?", ":"], &["||"], &["&&"], &["==", "!=", "<=", ">=", "<", ">", " in "], &["+", "-"]];

/// The parts of an expression, each with its value, the parts of parts below them.
fn parts(source: &str, depth: usize, names: &Names, scope: &Scope<'_>, steps: &mut Vec<Step>) {
    const DEEPEST: usize = 8;
    let Some(split) =
        OPERATORS.iter().map(|operators| pieces(source, operators)).find(|pieces| pieces.len() > 1)
    else {
        let inside = source.trim().strip_prefix('(').and_then(|inner| inner.strip_suffix(')'));
        let inside = inside.or_else(|| source.trim().strip_prefix('!'));
        if let Some(inside) = inside.filter(|_| depth < DEEPEST) {
            piece(inside, depth, names, scope, steps);
        }
        return;
    };
    if depth < DEEPEST {
        split.into_iter().for_each(|part| piece(part, depth, names, scope, steps));
    }
}

fn piece(part: &str, depth: usize, names: &Names, scope: &Scope<'_>, steps: &mut Vec<Step>) {
    let part = part.trim();
    let Ok(expression) = Expression::compile(part, names) else { return };
    // What is written out has itself for a value.
    if !expression.uses().is_empty() {
        let value =
            expression.evaluate(scope).map(|value| value.to_json()).map_err(|error| error.to_string());
        steps.push(Step { depth, expression: part.to_owned(), value });
    }
    parts(part, depth + 1, names, scope, steps);
}

/// A text cut at operators that stand in no bracket and no quote.
fn pieces<'s>(source: &'s str, operators: &[&str]) -> Vec<&'s str> {
    let mut pieces = Vec::new();
    let (mut depth, mut from, mut after) = (0_usize, 0, 0);
    for (at, character) in Unquoted::of(source) {
        match character {
            _ if at < after => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ if depth == 0 => {
                let here = operators.iter().find(|operator| source[at..].starts_with(**operator));
                let Some(operator) = here else { continue };
                after = at + operator.len();
                // A minus in front is no operator between two.
                if !source[from..at].trim().is_empty() {
                    pieces.push(&source[from..at]);
                    from = after;
                }
            }
            _ => {}
        }
    }
    pieces.push(&source[from..]);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("a && b || c", &["||"], &["a && b ", " c"])]
    #[case("f(a || b) || '||' == c", &["||"], &["f(a || b) ", " '||' == c"])]
    #[case(r#"x == "a\"||b""#, &["||"], &[r#"x == "a\"||b""#])]
    #[case("é || b", &["||"], &["é ", " b"])]
    fn texts_are_cut_at_operators(
        #[case] source: &str,
        #[case] operators: &[&str],
        #[case] expected: &[&str],
    ) {
        assert_eq!(pieces(source, operators), expected);
    }
}
