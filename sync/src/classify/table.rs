//! Finding the rule that a statement fits.

use regex::bytes::{RegexSet, RegexSetBuilder};

use super::rules::{RULES, Rule, Words};
use crate::code::DiagnosticCode;

/// The rules, with one automaton for all they ask for.
pub(super) struct Table {
    words: RegexSet,
    rules: Vec<Asked>,
}

/// A rule, with the numbers of its expressions in the set.
struct Asked {
    code: Option<DiagnosticCode>,
    needs: Vec<usize>,
    unless: Vec<usize>,
}

impl Table {
    pub(super) fn new() -> Self {
        let mut expressions = Vec::new();
        let mut number = |words: &Words| {
            expressions.push(expression(words));
            expressions.len() - 1
        };
        let mut asked = |rule: &Rule| Asked {
            code: rule.code,
            needs: rule.needs.iter().map(&mut number).collect(),
            unless: rule.unless.iter().map(&mut number).collect(),
        };
        let rules = RULES.iter().map(&mut asked).collect();
        // Of bytes: to know what a letter is in every language would take eight times as long to build.
        let words = RegexSetBuilder::new(expressions).unicode(false).build();
        let words = words.expect("rules are regular expressions, which every test sees");
        Self { words, rules }
    }

    /// The place of the first rule that a statement fits, with what it says.
    pub(super) fn first(&self, statement: &str) -> Option<(usize, Option<DiagnosticCode>)> {
        let has = self.words.matches(statement.as_bytes());
        let fits = |rule: &&Asked| {
            rule.needs.iter().all(|&words| has.matched(words))
                && !rule.unless.iter().any(|&words| has.matched(words))
        };
        let (place, rule) = self.rules.iter().enumerate().find(|(_, rule)| fits(rule))?;
        Some((place, rule.code))
    }
}

/// One of these, as whole words.
fn expression(words: &Words) -> String {
    let one = |words: &&str| {
        let (start, words) = words.strip_prefix('^').map_or((" ", *words), |words| ("^ ", words));
        let (end, words) = words.strip_suffix('$').map_or((" ", words), |words| (" $", words));
        format!("{start}(?:{words}){end}")
    };
    words.iter().map(one).collect::<Vec<_>>().join("|")
}
