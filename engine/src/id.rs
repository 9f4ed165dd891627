//! Identifiers: what a task ID, a work-package ID and a range of them look like, in arguments and in text.
//!
//! Shapes are those that real missions use: `T001`, `T9`, `T0101`, `T014b`, `T060A`, `T014-sig`, `WP02`.
//! Two IDs are equal when they differ in ASCII case only; `T1` and `T001` are different IDs.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// Most IDs that one range or one call may expand to: far above the largest real mission (about 200), far
/// below what a typing mistake such as `T001-T999999` would ask for.
pub const MAX_IDS: usize = 2_000;

const MAX_DIGITS: usize = 6;
const MAX_SUFFIX_LETTERS: usize = 3;

/// Whether an ID names a task or a work package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IdKind {
    /// `T001`: a task, tracked by a row or by a subtask annotation.
    Task,
    /// `WP02`: a work package, tracked by its lane.
    WorkPackage,
}

impl IdKind {
    /// The letters every ID of this kind starts with.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Task => "T",
            Self::WorkPackage => "WP",
        }
    }
}

/// A task ID as product.md uses the word: `T001`, `T014b` or `WP02`. Holds nothing else.
///
/// The prefix is upper-case; the rest is kept as it was written.
#[derive(Debug, Clone)]
pub struct TaskId {
    text: String,
    key: String,
    kind: IdKind,
    number: u32,
}

impl TaskId {
    /// Reads one whole word as an ID.
    ///
    /// # Errors
    /// [`IdError::Empty`] or [`IdError::Malformed`], both naming the word.
    pub fn parse(word: &str) -> Result<Self, IdError> {
        let word = word.trim();
        if word.is_empty() {
            return Err(IdError::Empty);
        }
        match token_at(word, 0) {
            Some(token) if token.end == word.len() => Ok(token.id(word)),
            _ => Err(IdError::Malformed(word.to_owned())),
        }
    }

    /// The ID as it is shown and written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The form that equal IDs share (upper-case), for maps.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Task or work package.
    #[must_use]
    pub fn kind(&self) -> IdKind {
        self.kind
    }

    /// The number in the ID: 14 for `T014b`.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    fn from_parts(kind: IdKind, rest: &str, number: u32) -> Self {
        let text = format!("{}{rest}", kind.prefix());
        Self { key: text.to_ascii_uppercase(), text, kind, number }
    }

    fn numbered(kind: IdKind, number: u32, width: usize) -> Self {
        Self::from_parts(kind, &format!("{number:0width$}"), number)
    }
}

impl PartialEq for TaskId {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}
impl Eq for TaskId {}
impl Hash for TaskId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}
impl Ord for TaskId {
    /// Kind, then number, then text: `T9` before `T10`, `T014` before `T014b`.
    fn cmp(&self, other: &Self) -> Ordering {
        (self.kind, self.number, &self.key).cmp(&(other.kind, other.number, &other.key))
    }
}
impl PartialOrd for TaskId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A work-package ID: a [`TaskId`] whose kind is [`IdKind::WorkPackage`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WpId(TaskId);

impl WpId {
    /// Reads one whole word as a work-package ID.
    ///
    /// # Errors
    /// As [`TaskId::parse`]; a task ID is malformed here.
    pub fn parse(word: &str) -> Result<Self, IdError> {
        Self::from_id(TaskId::parse(word)?).map_err(|id| IdError::Malformed(id.text))
    }

    /// The ID as a work-package ID, or the ID back when it names a task.
    ///
    /// # Errors
    /// Gives the ID back.
    pub fn from_id(id: TaskId) -> Result<Self, TaskId> {
        if id.kind == IdKind::WorkPackage { Ok(Self(id)) } else { Err(id) }
    }

    /// `WP02`
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The form that equal IDs share, for maps.
    #[must_use]
    pub fn key(&self) -> &str {
        self.0.key()
    }

    /// The work package with this number, in the usual two-digit spelling.
    #[must_use]
    pub fn of_number(number: u32) -> Self {
        Self(TaskId::numbered(IdKind::WorkPackage, number, 2))
    }
}

impl From<WpId> for TaskId {
    fn from(id: WpId) -> Self {
        id.0
    }
}

impl fmt::Display for WpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a word is not an ID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum IdError {
    /// An empty or blank word.
    #[error("an empty task ID was given")]
    #[diagnostic(code(empty_id), help("name the tasks, for example `T001 T002`, `T001,T002` or `T001-T005`"))]
    Empty,
    /// A word that is no ID, no list and no range.
    #[error("`{0}` is not a task ID")]
    #[diagnostic(
        code(malformed_id),
        help(
            "IDs look like T001, T014b or WP02; ranges like T001-T005; a mission may stand before them: SLUG:T001"
        )
    )]
    Malformed(String),
    /// A range whose end comes before its start, or that joins unlike IDs.
    #[error("`{0}` is not a range")]
    #[diagnostic(
        code(malformed_range),
        help("a range joins two plain IDs of one kind, the smaller first: T001-T005")
    )]
    BadRange(String),
    /// More IDs than one call may name.
    #[error("`{0}` asks for more than {MAX_IDS} IDs")]
    #[diagnostic(code(too_many_ids), help("split the call; no real mission has that many tasks"))]
    TooMany(String),
}

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

fn run(bytes: &[u8], from: usize, accept: impl Fn(&u8) -> bool) -> usize {
    from + bytes[from..].iter().take_while(|b| accept(b)).count()
}

/// Whether a word ends here. Underscores that close an emphasis end it; `T001.1` is another ID than `T001`.
fn ends_word(text: &str, at: usize) -> bool {
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
    // Bare digits, as many as the first ID has.
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

/// One argument word, read: the mission it names (if any) and the IDs it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdArgument {
    /// `SLUG` of `SLUG:T001` or `SLUG/T001`.
    pub qualifier: Option<String>,
    /// The IDs, ranges written out.
    pub ids: Vec<TaskId>,
}

/// Reads one argument word: `T001`, `T001,T002`, `T001-T005`, `slug:T001`, `slug/WP02` and mixtures.
/// Words separated by blanks count as separate.
///
/// # Errors
/// Any [`IdError`]; nothing is guessed.
pub fn parse_argument(word: &str) -> Result<Vec<IdArgument>, IdError> {
    if word.trim().is_empty() {
        return Err(IdError::Empty);
    }
    // `T001 to T005`, given as one quoted word, is one piece; other blanks separate.
    let joined = word.replace(" to ", "..").replace(" - ", "..").replace(" – ", "..");
    let pieces = joined.split(',').flat_map(|piece| {
        let mut words = piece.split_whitespace().peekable();
        // `T001,,T002` has an empty piece, and that is an error rather than nothing.
        let empty = words.peek().is_none().then_some("");
        empty.into_iter().chain(words)
    });
    pieces.map(parse_piece).collect()
}

fn parse_piece(piece: &str) -> Result<IdArgument, IdError> {
    let (qualifier, body) = match piece.rsplit_once([':', '/']) {
        Some(("", _)) => return Err(IdError::Malformed(piece.to_owned())),
        Some((qualifier, body)) => (Some(qualifier.to_owned()), body),
        None => (None, piece),
    };
    let ids = parse_ids(body).map_err(|error| match error {
        IdError::Empty => IdError::Empty,
        IdError::Malformed(_) => IdError::Malformed(piece.to_owned()),
        IdError::BadRange(_) => IdError::BadRange(piece.to_owned()),
        IdError::TooMany(_) => IdError::TooMany(piece.to_owned()),
    })?;
    Ok(IdArgument { qualifier, ids })
}

fn parse_ids(body: &str) -> Result<Vec<TaskId>, IdError> {
    let whole = TaskId::parse(body);
    if matches!(whole, Ok(_) | Err(IdError::Empty)) {
        return whole.map(|id| vec![id]);
    }
    let malformed = || IdError::Malformed(body.to_owned());
    let first = token_at(body, 0).ok_or_else(malformed)?;
    range_joint(body, first.end, body.len()).ok_or_else(malformed)?;
    let bad_range = || IdError::BadRange(body.to_owned());
    let (range, _) =
        range_from(body, first, body.len()).filter(|(_, end)| *end == body.len()).ok_or_else(bad_range)?;
    if range.len() > MAX_IDS {
        return Err(IdError::TooMany(body.to_owned()));
    }
    Ok(range.ids().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn expanded(word: &str) -> Result<Vec<String>, IdError> {
        Ok(parse_argument(word)?.into_iter().flat_map(|a| a.ids).map(|id| id.to_string()).collect())
    }

    #[rstest]
    #[case("T001", &["T001"])]
    #[case(" t002 ", &["T002"])]
    #[case("wp02", &["WP02"])]
    #[case("T014b", &["T014b"])]
    #[case("T014-sig", &["T014-sig"])]
    #[case("T0nn", &[])]
    #[case("T001,T003", &["T001", "T003"])]
    #[case("T001, T003", &["T001", "T003"])]
    #[case("T001-T003", &["T001", "T002", "T003"])]
    #[case("T001–T003", &["T001", "T002", "T003"])]
    #[case("T001..T003", &["T001", "T002", "T003"])]
    #[case("T001 to T003", &["T001", "T002", "T003"])]
    #[case("T001-003", &["T001", "T002", "T003"])]
    #[case("T098-T101", &["T098", "T099", "T100", "T101"])]
    #[case("T9-T11", &["T9", "T10", "T11"])]
    #[case("WP01-WP02", &["WP01", "WP02"])]
    #[case("013-gamma:T001-T002", &["T001", "T002"])]
    fn arguments_expand(#[case] word: &str, #[case] ids: &[&str]) {
        if ids.is_empty() {
            assert!(expanded(word).is_ok(), "{word} is a real roster spelling");
        } else {
            assert_eq!(expanded(word).unwrap(), ids, "{word}");
        }
    }

    #[rstest]
    #[case("")]
    #[case("  ")]
    #[case("T001,")]
    #[case(",T001")]
    #[case("setup")]
    #[case("T")]
    #[case("001")]
    #[case("T001x_y")]
    #[case("/T001")]
    #[case("T003-T001")]
    #[case("T001-WP05")]
    #[case("T001b-T005")]
    #[case("T1-T999999")]
    #[case("T1234567")]
    #[case("T001é")]
    #[case("*")]
    fn nonsense_is_refused(#[case] word: &str) {
        assert!(expanded(word).is_err(), "{word:?} was accepted as {:?}", expanded(word));
    }

    #[test]
    fn qualifiers_are_kept() {
        let read = parse_argument("a-b:T001,c/T002,T003").unwrap();
        let qualifiers: Vec<_> = read.iter().map(|a| a.qualifier.as_deref()).collect();
        assert_eq!(qualifiers, [Some("a-b"), Some("c"), None]);
    }

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
