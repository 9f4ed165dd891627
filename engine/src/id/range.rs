//! Ranges of IDs, `T001-T005`, and how text joins their ends.

use super::token::{ends_word, run, token_at};
use super::{IdKind, TaskId, Token};

/// A run of plain IDs, `T001-T005`: same kind, same spelling width, both ends included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdRange {
    kind: IdKind,
    first: u32,
    last: u32,
    width: usize,
}

impl IdRange {
    /// The range between two IDs; none when they are unlike, suffixed or in the wrong order.
    #[must_use]
    pub fn between(first: &TaskId, last: &TaskId) -> Option<Self> {
        let plain = |id: &TaskId| id.text[id.kind.prefix().len()..].bytes().all(|b| b.is_ascii_digit());
        let width = first.text.len() - first.kind.prefix().len();
        (first.kind == last.kind && plain(first) && plain(last) && first.number <= last.number)
            .then_some(Self { kind: first.kind, first: first.number, last: last.number, width })
    }

    /// Whether the range, written out, has this ID.
    #[must_use]
    pub fn contains(&self, id: &TaskId) -> bool {
        id.kind == self.kind
            && (self.first..=self.last).contains(&id.number)
            && id.text.len() == self.kind.prefix().len() + decimal_width(id.number).max(self.width)
    }

    /// How many IDs it stands for.
    #[must_use]
    pub fn len(&self) -> usize {
        (self.last - self.first) as usize + 1
    }

    /// Never: a range has at least one ID.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The IDs, in order.
    pub fn ids(&self) -> impl Iterator<Item = TaskId> + '_ {
        (self.first..=self.last).map(|number| TaskId::numbered(self.kind, number, self.width))
    }
}

fn decimal_width(number: u32) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

/// The range that starts with `first`, and the offset behind it: `T001-T005`, `T001 to T005`, `T001-005`.
#[must_use]
pub fn range_from(text: &str, first: Token, to: usize) -> Option<(IdRange, usize)> {
    let second = range_joint(text, first.end, to)?;
    let id = first.id(text);
    if let Some(last) = token_at(text, second).filter(|last| last.end <= to) {
        return Some((IdRange::between(&id, &last.id(text))?, last.end));
    }
    // Bare digits, as many as the first ID has, and no blank before them: `T001 - 404 page` is a title.
    if text[first.end..second].contains([' ', '\t']) {
        return None;
    }
    let end = run(&text.as_bytes()[..to], second, u8::is_ascii_digit);
    let width = id.text.len() - id.kind.prefix().len();
    if end - second != width || !ends_word(text, end) {
        return None;
    }
    let last = TaskId::parse(&format!("{}{}", id.kind.prefix(), &text[second..end])).ok()?;
    Some((IdRange::between(&id, &last)?, end))
}

/// When the text after an ID joins it to a second one (`-`, `–`, `—`, `..`, `to`, `through`), the offset
/// where that second one starts. Decoration (`**`, backquotes) on either side is passed over.
#[must_use]
pub fn range_joint(text: &str, after: usize, to: usize) -> Option<usize> {
    let skip_decoration = |at: usize| run(&text.as_bytes()[..to], at, |b| matches!(b, b'*' | b'`' | b'~'));
    let skip_blanks = |at: usize| run(&text.as_bytes()[..to], at, |b| matches!(b, b' ' | b'\t'));
    let undecorated = skip_decoration(after);
    let at = skip_blanks(undecorated);
    let blank = at > undecorated;
    let rest = text.get(at..to)?;
    let joint = ["–", "‑", "-", "...", "..", "…"].into_iter().find(|joint| rest.starts_with(joint)).or_else(
        || {
            if blank {
                ["to ", "through "].into_iter().find(|joint| rest.starts_with(joint))
            } else {
                // An em dash between blanks is punctuation in prose; without them it joins.
                ["—"].into_iter().find(|joint| rest.starts_with(joint))
            }
        },
    )?;
    Some(skip_decoration(skip_blanks(at + joint.len())))
}

#[cfg(test)]
mod tests {
    use super::super::tokens;
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("T001-T005", true)]
    #[case("T001–T005", true)]
    #[case("T001 – T005", true)]
    #[case("T001..T005", true)]
    #[case("T001 to T005", true)]
    #[case("`T001`–`T005`", true)]
    #[case("T001—T005", true)]
    #[case("T001 — T005", false)]
    #[case("T001, T005", false)]
    #[case("T001 T005", false)]
    fn joints(#[case] text: &str, #[case] joined: bool) {
        let mut found = tokens(text, 0, text.len());
        let (first, second) = (found.next().unwrap(), found.next().unwrap());
        assert_eq!(range_joint(text, first.end, text.len()) == Some(second.start), joined);
    }

    #[test]
    fn a_range_has_its_own_spelling_only() {
        let range =
            IdRange::between(&TaskId::parse("T001").unwrap(), &TaskId::parse("T010").unwrap()).unwrap();
        assert!(range.contains(&TaskId::parse("T007").unwrap()));
        for other in ["T7", "T011", "T007b", "WP07", "T0007"] {
            assert!(!range.contains(&TaskId::parse(other).unwrap()), "{other}");
        }
    }
}
