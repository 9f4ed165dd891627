//! What a rule answers of one item: its key, and texts that are neither endless nor something that a terminal would obey.

use std::collections::{HashMap, HashSet};

use clearance_engine::finding::{Excerpt, Location};
use clearance_engine::item::{ItemOutcome, Unanswered};
use clearance_engine::source::on_one_line;

/// What a rule as a whole is called among its items.
pub const WHOLE: &str = "*";

/// Longest key of an item, in characters.
const LONGEST_KEY: usize = 200;

/// Longest message, and remediation, of an item, in characters.
const LONGEST_TEXT: usize = 2_000;

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
    pub(super) fn new(key: impl Into<String>, outcome: ItemOutcome, message: impl Into<String>) -> Self {
        let (key, message) = (key.into(), message.into());
        Self { key, outcome, message, remediation: None, location: None, excerpts: Vec::new() }
    }

    /// How many bytes of text it has, about.
    #[must_use]
    pub fn text(&self) -> usize {
        const OTHERWISE: usize = 64;
        self.key.len() + self.message.len() + self.remediation.as_ref().map_or(0, String::len) + OTHERWISE
    }

    pub(super) fn unanswered(key: impl Into<String>, why: Unanswered) -> Self {
        if why.code == Unanswered::UNTRUSTED {
            let item = Self::new(key, ItemOutcome::Untrusted, why.message);
            return Self { remediation: why.help, ..item };
        }
        Self { excerpts: why.excerpts.clone(), ..Self::new(key, ItemOutcome::Error, why.in_words()) }
    }
}

/// Items of the same name are told apart by their order, so that none hides another.
#[derive(Default)]
pub(super) struct Keys {
    taken: HashSet<String>,
    /// By name, the number that the next item of that name is tried with.
    next: HashMap<String, usize>,
}

impl Keys {
    /// The key of an item of this name. What is said of the whole is no item.
    pub(super) fn of(&mut self, name: String) -> String {
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
pub(super) fn short(key: &str) -> String {
    let end = key.char_indices().nth(LONGEST_KEY).map_or(key.len(), |(at, _)| at);
    let key = on_one_line(&key[..end]);
    if key == WHOLE { format!("`{WHOLE}`") } else { key }
}

/// A text that is not endless.
pub(super) fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(LONGEST_TEXT) {
        text.truncate(end);
        text.push_str(" … (cut)");
    }
    text
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
        let many: HashSet<_> = (0..10_000).map(|_| of("same")).collect();
        assert_eq!(many.len(), 10_000);
    }
}
