//! What the text of somebody else says about delivery. Errors of our own are classified by their type; this is for what
//! an interpreter, a library or a server has written, where there is nothing but the text.
//!
//! A text becomes statements of plain words ([`text`]), and each statement is held against a table of rules ([`rules`]).

mod rules;
mod table;
#[cfg(test)]
mod tests;
mod text;

use std::sync::LazyLock;

use crate::code::DiagnosticCode;
use table::Table;

/// How much of each end of a text is looked at, in bytes: a message says what it is about at its beginning, and a
/// traceback at its end.
const LOOKED_AT: usize = 8 * 1024;

static TABLE: LazyLock<Table> = LazyLock::new(Table::new);

/// Which of the five a text is about, if it is about one of them.
///
/// `None` for everything else: an answer that all went well, a server that did not like the content of an event, a
/// text that has one of the words by chance. Never ask it about an error whose type is known.
///
/// Case does not matter, nor which white space there is. Of a text longer than 16 KiB the first and the last 8 KiB are
/// looked at, so the time is limited by that, and linear below it.
#[must_use]
pub fn classify(text: &str) -> Option<DiagnosticCode> {
    let statements = text::statements(text, LOOKED_AT);
    let said = statements.iter().filter_map(|statement| match TABLE.first(statement)? {
        (place, Some(code)) => Some((place, code)),
        (_, None) => None,
    });
    // The most telling rule, wherever in the text it fits.
    said.min().map(|(_, code)| code)
}
