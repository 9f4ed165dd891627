//! Texts that live as long as the process. Ids and titles of rules are compared and passed around like those of built-in
//! checks, which are constants.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};

static KNOWN: LazyLock<Mutex<HashSet<&'static str>>> = LazyLock::new(Mutex::default);

/// The text, kept for as long as the process runs. The same text is kept once, so reading the same rules again takes no more.
pub(crate) fn intern(text: &str) -> &'static str {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(kept) = known.get(text) {
        return kept;
    }
    let kept: &'static str = Box::leak(text.into());
    known.insert(kept);
    kept
}

/// A list of one text, kept likewise.
pub(crate) fn only(text: &'static str) -> &'static [&'static str] {
    static LISTS: LazyLock<Mutex<HashSet<&'static [&'static str]>>> = LazyLock::new(Mutex::default);
    let mut known = LISTS.lock().unwrap_or_else(PoisonError::into_inner);
    let list = [text];
    if let Some(kept) = known.get(&list[..]) {
        return kept;
    }
    let kept: &'static [&'static str] = Box::leak(Box::new(list));
    known.insert(kept);
    kept
}
