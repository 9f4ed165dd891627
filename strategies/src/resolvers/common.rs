//! What several strategies need: decoration around an ID, boxes before it, places for new rows.

use clearance_engine::edit::Change;
use clearance_engine::id::{IdKind, TaskId, range_joint};
use clearance_engine::mission::tasks::{Line, Mention, TasksDoc};
use clearance_engine::strategy::{Place, TaskState};

/// Characters that may stand between a marker and an ID without changing what the ID is: bold, code, struck, link,
/// parentheses.
const DECORATION: &[u8] = b"*_`~[(";

/// Whether an ID is a task's. Work packages are never rows: their state is a lane.
pub(super) fn is_task(id: &TaskId) -> bool {
    id.kind() == IdKind::Task
}

/// The place of a mention, for messages.
pub(super) fn place(tasks: &TasksDoc, line: usize) -> Place {
    Place { file: tasks.source().name().to_owned(), line: Some(line + 1) }
}

/// The places of several lines, each once, in order.
pub(super) fn places(tasks: &TasksDoc, lines: impl IntoIterator<Item = usize>) -> Vec<Place> {
    let mut lines: Vec<_> = lines.into_iter().collect();
    lines.sort_unstable();
    lines.dedup();
    lines.into_iter().map(|line| place(tasks, line)).collect()
}

/// Where the decoration before `at` begins, not before `from`: the first `*` of `**T001**`.
pub(super) fn before_decoration(text: &str, from: usize, at: usize) -> usize {
    let bytes = &text.as_bytes()[from..at];
    at - bytes.iter().rev().take_while(|b| DECORATION.contains(b)).count()
}

/// Where the blanks before `at` begin, not before `from`.
pub(super) fn before_blanks(text: &str, from: usize, at: usize) -> usize {
    let bytes = &text.as_bytes()[from..at];
    at - bytes.iter().rev().take_while(|b| matches!(b, b' ' | b'\t')).count()
}

/// Where tags such as `[P]` and `[US1]` before `at` begin, the blanks between them included.
pub(super) fn before_tags(text: &str, from: usize, at: usize) -> usize {
    let mut start = before_blanks(text, from, at);
    while let Some(tag) = tag_before(&text[from..start]) {
        start = before_blanks(text, from, start - tag.len());
    }
    start
}

/// `[P]`, `[US1]`: capital letters and digits, `[X]` excepted, which is a ticked box.
fn tag_before(text: &str) -> Option<&str> {
    let inner_end = text.strip_suffix(']')?.len();
    let open = text[..inner_end].rfind('[')?;
    let inner = &text[open + 1..inner_end];
    let capital = inner.starts_with(|first: char| first.is_ascii_uppercase());
    let plain = inner.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    (capital && plain && inner.len() <= 5 && inner != "X" && inner != "D").then(|| &text[open..])
}

/// The box of an ID: the byte between its brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tick {
    pub(super) at: usize,
    pub(super) state: TaskState,
}

/// The box that belongs to this mention: `[ ]` or `[x]` right before it, tags and decoration between them allowed.
/// A box before a range belongs to the whole range and so to none of its IDs.
pub(super) fn tick_of(tasks: &TasksDoc, mention: Mention) -> Option<Tick> {
    let (text, line) = (tasks.text(), tasks.lines()[mention.line]);
    if mention.in_range
        || range_joint(text, mention.end, line.end).is_some_and(|second| begins_id(text, second))
    {
        return None;
    }
    let undecorated = before_decoration(text, line.start, mention.start);
    let end = before_tags(text, line.start, undecorated);
    let tick = tick_ending_at(text, line, end)?;
    (!tasks.in_code_span(tick.at)).then_some(tick)
}

fn begins_id(text: &str, at: usize) -> bool {
    clearance_engine::id::token_at(text, at).is_some()
}

/// A box whose closing bracket is the byte before `end`.
fn tick_ending_at(text: &str, line: Line, end: usize) -> Option<Tick> {
    let bytes = text.as_bytes();
    let at = end.checked_sub(2).filter(|at| *at > line.start)?;
    let state = match (bytes[at - 1], bytes[at], bytes[end - 1]) {
        (b'[', b' ', b']') => TaskState::Pending,
        (b'[', b'x' | b'X', b']') => TaskState::Done,
        _ => return None,
    };
    // `arr[x] T001` is no box.
    let before = text[line.start..at - 1].chars().next_back();
    (!before.is_some_and(|c| c.is_alphanumeric() || c == ']' || c == '_')).then_some(Tick { at, state })
}

/// The mark of a box in this state.
pub(super) fn mark(state: TaskState) -> &'static str {
    match state {
        TaskState::Done => "x",
        TaskState::Pending => " ",
    }
}

/// The list marker at the start of a line: `- `, `* `, `+ `, `1. `, `2) `.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bullet {
    /// Offset of the marker: the line's indent ends here.
    pub(super) start: usize,
    /// Offset behind the marker and its blanks.
    pub(super) end: usize,
}

pub(super) fn bullet(text: &str, line: Line) -> Option<Bullet> {
    let bytes = &text.as_bytes()[..line.end];
    let start = indent_end(text, line);
    let digits = bytes[start..].iter().take_while(|b| b.is_ascii_digit()).count();
    let marker = match (bytes.get(start + digits)?, digits) {
        (b'-' | b'*' | b'+', 0) => start + 1,
        (b'.' | b')', 1..=9) => start + digits + 1,
        _ => return None,
    };
    let end = marker + bytes[marker..].iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    (end > marker).then_some(Bullet { start, end })
}

/// Offset of the first byte of a line that is no blank.
pub(super) fn indent_end(text: &str, line: Line) -> usize {
    let bytes = &text.as_bytes()[line.start..line.end];
    line.start + bytes.iter().take_while(|b| matches!(b, b' ' | b'\t')).count()
}

/// A new tracking row: below `after`, behind the rows for smaller IDs that stand there already, so that rows come
/// in ID order whatever the order of the calls.
pub(super) fn new_row(
    tasks: &TasksDoc,
    id: &TaskId,
    state: TaskState,
    after: usize,
    indent: &str,
    title: &str,
) -> Change {
    let mut last = after;
    while let Some(row) = row_below(tasks, last, indent).filter(|row| row < id) {
        last += 1;
        debug_assert!(row < *id);
    }
    let title = if title.is_empty() { String::new() } else { format!(" {title}") };
    let text = format!("{indent}- [{}] {id}{title}", mark(state));
    Change::InsertLine { after: Some(last), text, id: id.clone(), gap: false }
}

/// The ID of the checkbox row on the line below `line`, when it has exactly this indent.
fn row_below(tasks: &TasksDoc, line: usize, indent: &str) -> Option<TaskId> {
    let below = tasks.lines().get(line + 1)?;
    let rest = tasks.text()[below.start..below.end].strip_prefix(indent)?.strip_prefix("- [")?;
    let rest = rest.get(1..)?.strip_prefix("] ")?;
    let token = clearance_engine::id::token_at(rest, 0)?;
    Some(token.id(rest))
}
