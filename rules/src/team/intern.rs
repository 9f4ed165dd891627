//! Texts that live as long as the process: the engine names strategies and places by such texts, and those of a team
//! come from files.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

static TEXTS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// The text, kept for good: once, however often it is asked for.
#[must_use]
pub fn intern(text: &str) -> &'static str {
    // A panic elsewhere leaves the set as whole as it was.
    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = texts.get(text) {
        return known;
    }
    let kept: &'static str = Box::leak(text.into());
    texts.insert(kept);
    kept
}

/// A list of one text, kept likewise.
pub(crate) fn only(text: &'static str) -> &'static [&'static str] {
    static LISTS: Mutex<BTreeSet<&'static [&'static str]>> = Mutex::new(BTreeSet::new());
    let mut lists = LISTS.lock().unwrap_or_else(PoisonError::into_inner);
    let list = [text];
    if let Some(known) = lists.get(&list[..]) {
        return known;
    }
    let kept: &'static [&'static str] = Box::leak(Box::new(list));
    lists.insert(kept);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_once() {
        let (one, two) = (intern("rules.d/a.yaml"), intern(&format!("rules.d/{}.yaml", 'a')));
        assert_eq!(one, "rules.d/a.yaml");
        assert!(std::ptr::eq(one, two));
        assert!(!std::ptr::eq(one, intern("rules.d/b.yaml")));
    }
}
