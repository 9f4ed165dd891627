//! What is odd about a rule that can be asked: what its author would want to know before others find out.

use clearance_engine::severity::Severity;

use super::expression::{Expression, Scope};
use super::inline_tests;
use super::kinds::used;
use super::resolver::Resolver;
use super::rule::Rule;
use super::written::Expected;
use super::yaml::RuleError;

/// Something odd.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Oddity {
    /// `rule_untested`, `dead_when`, `unused_name`, `test_fails`, `no_remediation`, `vacuous`, `rule_invalid`
    pub code: &'static str,
    /// The file.
    pub file: String,
    /// 1-based line.
    pub line: usize,
    /// What is odd.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

/// What is odd about a rule.
///
/// # Errors
/// [`RuleError`] for a test that cannot be run.
pub fn lint(rule: &Rule) -> Result<Vec<Oddity>, RuleError> {
    let mut found = Vec::new();
    let mut add = |code, line: usize, message: String, help: &str| {
        let (file, help) = (rule.source.name().to_owned(), help.to_owned());
        found.push(Oddity { code, file, line, message, help });
    };
    let id = rule.id();
    let id_line = line_of(rule, "id:");
    let tests = rule.tests()?;
    for (wanted, name) in [(Expected::Pass, "passes"), (Expected::Fail, "fails")] {
        let has =
            tests.iter().any(|test| test.value.expect.0.iter().any(|(_, expected)| *expected == wanted));
        if !has {
            let help = "add it under `tests:`; run them with `clearance rules test`";
            add("rule_untested", id_line, format!("no test of {id} shows an item that {name}"), help);
        }
    }
    for test in inline_tests::run(rule)? {
        if !test.differences.is_empty() {
            let help = "correct the rule or the test; `clearance rules test` shows all of it";
            add(
                "test_fails",
                test.line,
                format!("the test `{}` of {id} fails: {}", test.name, test.differences[0]),
                help,
            );
        }
    }
    if let Some(when) = rule.when.as_ref().filter(|when| is_constant(when)) {
        let always =
            when.holds(&Scope::new([])).map_or_else(|error| error.to_string(), |holds| holds.to_string());
        let help = "leave `when` out, or use `severity: off`";
        add(
            "dead_when",
            line_of(rule, "when:"),
            format!("`when` of {id} is always {always}: it looks at nothing"),
            help,
        );
    } else if rule.when.is_some() && !tests.is_empty() {
        let skip = |test: &super::written::WrittenTest| {
            test.expect.0.iter().all(|(_, expected)| *expected == Expected::Skip)
        };
        if tests.iter().all(|test| skip(&test.value)) {
            let help = "add a test in which it holds";
            add("dead_when", line_of(rule, "when:"), format!("`when` of {id} holds in no test"), help);
        }
    }
    let looked_at = used(rule.expressions());
    let named = rule.named.iter().map(|(name, _)| (name, "let"));
    for (name, section) in named.chain(rule.data.iter().map(|data| (&data.name, "data"))) {
        if !looked_at.contains(name) {
            let line = line_of(rule, &format!("{name}:"));
            add(
                "unused_name",
                line,
                format!("`{name}` under `{section}:` of {id} is used nowhere"),
                "leave it out",
            );
        }
    }
    let texts: Vec<&str> = rule.expressions().into_iter().map(Expression::source).collect();
    for (name, _) in &rule.params {
        if !texts.iter().any(|text| text.contains(&format!("params.{name}")) || text.contains("params[")) {
            let line = line_of(rule, &format!("{name}:"));
            add(
                "unused_name",
                line,
                format!("the parameter `{name}` of {id} is used nowhere"),
                "leave it out",
            );
        }
    }
    if rule.severity == Some(Severity::Blocker) && rule.asks.remediation.is_none() {
        let help = "add `remediation:`, the command or the step that ends it";
        add("no_remediation", id_line, format!("{id} blocks and does not say what to do"), help);
    }
    if rule.asks.each.is_some()
        && rule.asks.min_items.is_none()
        && rule.severity == Some(Severity::Blocker)
        && rule.when.is_none()
    {
        let help = "`min_items: 1` makes an empty list a failure; `min_items: 0` says that it is meant";
        add("vacuous", id_line, format!("{id} passes where there is nothing to look at"), help);
    }
    Ok(found)
}

/// What is odd about a way to find tasks.
#[must_use]
pub fn lint_resolver(resolver: &Resolver) -> Vec<Oddity> {
    let tests = resolver.run_tests();
    let origin = resolver.origin();
    let odd = |code, line, message: String, help: &str| Oddity {
        code,
        file: origin.file.to_owned(),
        line,
        message,
        help: help.to_owned(),
    };
    if tests.is_empty() {
        let line = usize::try_from(origin.line).unwrap_or(1);
        let help = "add one under `tests:`; run them with `clearance rules test`";
        return vec![odd("rule_untested", line, format!("{} has no test", resolver.id()), help)];
    }
    let failing = tests.into_iter().filter(|test| !test.differences.is_empty());
    failing
        .map(|test| {
            let message =
                format!("the test `{}` of {} fails: {}", test.name, resolver.id(), test.differences[0]);
            odd(
                "test_fails",
                test.line,
                message,
                "correct the rule or the test; `clearance rules test` shows all of it",
            )
        })
        .collect()
}

fn is_constant(expression: &Expression) -> bool {
    expression.uses().is_empty()
}

/// The line that has a key, else the first.
fn line_of(rule: &Rule, key: &str) -> usize {
    let has = |line: &str| line.trim_start_matches(['-', ' ', '{']).starts_with(key);
    rule.source.text().lines().position(has).map_or(1, |nth| nth + 1)
}
