//! IDs in running text.

use super::{IdKind, TaskId};

const MAX_DIGITS: usize = 6;
const MAX_SUFFIX_LETTERS: usize = 3;

/// An ID found in running text: where it stands and what it says, without a copy of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset behind the last byte.
    pub end: usize,
    /// Offset behind the ID without its `-suffix`; the same as `end` when there is none.
    pub base_end: usize,
    /// Task or work package.
    pub kind: IdKind,
    /// The number in it.
    pub number: u32,
}

impl Token {
    /// The ID, copied out of the text it was found in.
    #[must_use]
    pub fn id(&self, text: &str) -> TaskId {
        let rest = &text[self.start + self.kind.prefix().len()..self.end];
        TaskId::from_parts(self.kind, rest, self.number)
    }

    /// Whether this token of `text` spells `id`.
    #[must_use]
    pub fn spells(&self, text: &str, id: &TaskId) -> bool {
        text[self.start..self.end].eq_ignore_ascii_case(&id.key)
    }

    /// Whether the token without its `-suffix` spells `id` (`T014` for `T014-sig`).
    #[must_use]
    pub fn base_spells(&self, text: &str, id: &TaskId) -> bool {
        text[self.start..self.base_end].eq_ignore_ascii_case(&id.key)
    }
}

/// The ID that starts exactly at byte `at` of `text` and ends at a word boundary.
#[must_use]
pub fn token_at(text: &str, at: usize) -> Option<Token> {
    let bytes = text.as_bytes();
    let (kind, letters) = match bytes.get(at)? {
        b'T' | b't' => (IdKind::Task, 1),
        b'W' | b'w' if matches!(bytes.get(at + 1), Some(b'P' | b'p')) => (IdKind::WorkPackage, 2),
        _ => return None,
    };
    let digits_from = at + letters;
    let digits_to = run(bytes, digits_from, u8::is_ascii_digit);
    if digits_to == digits_from || digits_to - digits_from > MAX_DIGITS {
        return None;
    }
    let base_end = match kind {
        IdKind::Task => run(bytes, digits_to, u8::is_ascii_alphabetic),
        IdKind::WorkPackage => digits_to,
    };
    if base_end - digits_to > MAX_SUFFIX_LETTERS || !ends_word(text, base_end) {
        return None;
    }
    let end =
        if kind == IdKind::Task { hyphen_suffix(text, base_end, digits_to - digits_from) } else { base_end };
    let number = text[digits_from..digits_to].parse().ok()?;
    Some(Token { start: at, end, base_end, kind, number })
}

/// Every ID in `text[from..to]`, left to right.
pub fn tokens(text: &str, from: usize, to: usize) -> impl Iterator<Item = Token> + '_ {
    let bytes = text.as_bytes();
    let mut at = from;
    std::iter::from_fn(move || {
        while at < to {
            let starts = matches!(bytes[at], b'T' | b't' | b'W' | b'w') && starts_word(text, at);
            if starts && let Some(token) = token_at(text, at).filter(|token| token.end <= to) {
                at = token.end;
                return Some(token);
            }
            at += 1;
        }
        None
    })
}

/// `-sig` in `T014-sig`: words joined by hyphens. `T001-T005` and `T001-005` have none: those are ranges.
fn hyphen_suffix(text: &str, from: usize, width: usize) -> usize {
    let bytes = text.as_bytes();
    let mut end = from;
    while bytes.get(end) == Some(&b'-') {
        let to = run(bytes, end + 1, u8::is_ascii_alphanumeric);
        let digits = bytes[end + 1..to].iter().all(u8::is_ascii_digit);
        let range_end = digits && to - end - 1 == width && end == from;
        if to == end + 1 || range_end || !ends_word(text, to) || token_at(text, end + 1).is_some() {
            break;
        }
        end = to;
    }
    end
}

pub(super) fn run(bytes: &[u8], from: usize, accept: impl Fn(&u8) -> bool) -> usize {
    from + bytes[from..].iter().take_while(|b| accept(b)).count()
}

/// Whether a word ends here. Underscores that close an emphasis end it; `T001.1` is another ID than `T001`.
pub(super) fn ends_word(text: &str, at: usize) -> bool {
    let mut rest = text[at..].chars();
    match rest.next() {
        None => true,
        Some('_') => rest.find(|c| *c != '_').is_none_or(|c| !c.is_alphanumeric()),
        Some('.') => !rest.next().is_some_and(|c| c.is_ascii_digit()),
        Some(c) => !c.is_alphanumeric(),
    }
}

/// Whether a word may start here. Underscores that open an emphasis do not belong to it.
fn starts_word(text: &str, at: usize) -> bool {
    let before = text[..at].chars().rev().find(|c| *c != '_');
    before.is_none_or(|c| !c.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("x T001 y", &["T001"])]
    #[case("xT001", &[])]
    #[case("2026-05-05T16:28", &[])]
    #[case("T001_x T001é T002.", &["T002"])]
    #[case("(T007), `T008`, **T009**", &["T007", "T008", "T009"])]
    #[case("T001-T003", &["T001", "T003"])]
    #[case("T006/T007", &["T006", "T007"])]
    #[case("__T001__ _T002_ _T003x_", &["T001", "T002", "T003x"])]
    #[case("T001.1 T002. T003..T004", &["T002", "T003", "T004"])]
    #[case("T001-1 T001-A T001-005", &["T001-1", "T001-A", "T001"])]
    fn tokens_stop_at_words(#[case] text: &str, #[case] ids: &[&str]) {
        let found: Vec<_> = tokens(text, 0, text.len()).map(|t| t.id(text).to_string()).collect();
        assert_eq!(found, ids);
    }
}
