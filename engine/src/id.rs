//! Identifiers: what a task ID, a work-package ID and a range of them look like, in arguments and in text.
//!
//! Shapes are those that real missions use: `T001`, `T9`, `T0101`, `T014b`, `T060A`, `T014-sig`, `WP02`.
//! Two IDs are equal when they differ in ASCII case only; `T1` and `T001` are different IDs.

mod argument;
mod range;
mod token;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

pub use argument::{IdArgument, parse_argument};
pub use range::{IdRange, range_from, range_joint};
pub use token::{Token, token_at, tokens};

/// Most IDs that one range or one call may expand to: far above the largest real mission (about 200), far
/// below what a typing mistake such as `T001-T999999` would ask for.
pub const MAX_IDS: usize = 2_000;

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

impl serde::Serialize for WpId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for WpId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

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

    /// The ID among others.
    #[must_use]
    pub fn as_id(&self) -> &TaskId {
        &self.0
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
