//! What several strategies need: decoration around an ID, boxes before it, places for new rows.

use std::ops::Range;

use clearance_engine::edit::Change;
use clearance_engine::id::{IdKind, TaskId, range_joint, token_at};
use clearance_engine::mission::tasks::{Line, Mention, TasksDoc};
use clearance_engine::strategy::{Place, TaskState};

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

/// Where whatever may stand between a box and its ID begins: blanks, decoration, comments, tags such as `[P]` and
/// `(WP01)`, and the word "Task".
pub(super) fn before_ornaments(text: &str, from: usize, at: usize) -> usize {
    let mut start = at;
    loop {
        let rest = &text[from..start];
        let blank = rest.trim_end_matches([' ', '\t', '\u{a0}']);
        let plain = blank.trim_end_matches(['*', '_', '`', '~']);
        let bare =
            [tag_before(plain), comment_before(plain), word_before(plain)].into_iter().flatten().next();
        // A single opening bracket is a link's or a parenthesis' own: `[T001](x.md)`, `(T001)`.
        let opened = plain.strip_suffix(['[', '(']).filter(|_| start == at || plain.len() == rest.len());
        let shorter =
            bare.map_or_else(|| opened.map_or(plain.len(), str::len), |bare| plain.len() - bare.len());
        if shorter == rest.len() {
            return start;
        }
        start = from + shorter;
    }
}

/// `[P]`, `[US1]`, `(WP01)`: capital letters and digits, `[X]` and `[D]` excepted, which are states.
fn tag_before(text: &str) -> Option<&str> {
    let close = text.chars().next_back().filter(|c| matches!(c, ']' | ')'))?;
    let open = text.rfind(if close == ']' { '[' } else { '(' })?;
    let inner = &text[open + 1..text.len() - 1];
    let capital = inner.starts_with(|first: char| first.is_ascii_uppercase());
    let plain = inner.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-');
    (capital && plain && inner.len() <= 6 && inner != "X" && inner != "D").then(|| &text[open..])
}

fn comment_before(text: &str) -> Option<&str> {
    let open = text.ends_with("-->").then(|| text.rfind("<!--"))??;
    Some(&text[open..])
}

fn word_before(text: &str) -> Option<&str> {
    ["Task", "task", "TASK", "Subtask", "subtask", "<b>", "<strong>"].into_iter().find(|word| {
        let before = text.strip_suffix(word);
        before.is_some_and(|before| {
            before.is_empty() || before.ends_with([' ', '\t', ']', '*']) || word.starts_with('<')
        })
    })
}

/// The box of an ID: what is between its brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tick {
    pub(super) inside: Range<usize>,
    pub(super) state: TaskState,
}

/// The box that belongs to this mention: `[ ]` or `[x]` right before it, ornaments between them allowed. A box before
/// a range belongs to the whole range and so to none of its IDs.
pub(super) fn tick_of(tasks: &TasksDoc, mention: Mention) -> Option<Tick> {
    if mention.in_range {
        return None;
    }
    let (text, line) = (tasks.text(), tasks.lines()[mention.line]);
    let end = before_ornaments(text, line.start, mention.start);
    let tick = tick_ending_at(text, line, end)?;
    (!tasks.in_code_span(tick.inside.start)).then_some(tick)
}

/// A box whose closing bracket is the byte before `end`. `[]` is one without its blank.
fn tick_ending_at(text: &str, line: Line, end: usize) -> Option<Tick> {
    let before = text[line.start..end].strip_suffix(']')?;
    let (open, state) = [
        ("[ ", TaskState::Pending),
        ("[x", TaskState::Done),
        ("[X", TaskState::Done),
        ("[", TaskState::Pending),
    ]
    .into_iter()
    .find_map(|(box_, state)| Some((before.strip_suffix(box_)?, state)))?;
    // `arr[x] T001` is no box.
    let subscript = open.ends_with(|c: char| c.is_alphanumeric() || c == ']' || c == '_');
    (!subscript).then(|| Tick { inside: line.start + open.len() + 1..end - 1, state })
}

/// Whether what follows an ID makes the line one about several tasks: `T005 and T006 can proceed`, `T001, T002`,
/// `T006/T007`.
pub(super) fn goes_on_as_a_list(rest: &str) -> bool {
    let rest = rest.trim_start();
    let joins = |word: &&str| -> bool {
        rest.strip_prefix(*word)
            .is_some_and(|more| token_at(more.trim_start().trim_start_matches(['*', '`']), 0).is_some())
    };
    ["and ", "or ", "& ", "+ ", "+", ",", ";", "/", "→", "->", "through ", "to "].iter().any(joins)
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

/// A new tracking row: below `after`, behind the rows for smaller IDs that stand there already and what is nested
/// below them, so that rows come in ID order whatever the order of the calls.
pub(super) fn new_row(
    tasks: &TasksDoc,
    id: &TaskId,
    state: TaskState,
    after: usize,
    indent: &str,
    title: &str,
) -> Change {
    let mut last = after;
    while row_below(tasks, last, indent).is_some_and(|row| row < *id) {
        last = with_children(tasks, last + 1);
    }
    let text = format!("{indent}- [{}] {id}{}", mark(state), safe_title(title));
    Change::InsertLine { after: Some(last), text, id: id.clone(), gap: false }
}

/// The last line of what is nested below a line: the lines after it that are indented deeper.
pub(super) fn with_children(tasks: &TasksDoc, line: usize) -> usize {
    let depth = |line: usize| {
        let bounds = tasks.lines()[line];
        indent_end(tasks.text(), bounds) - bounds.start
    };
    let blank = |line: usize| tasks.line_text(line).trim().is_empty();
    let own = depth(line);
    let nested = (line + 1..tasks.lines().len()).take_while(|below| !blank(*below) && depth(*below) > own);
    nested.last().unwrap_or(line)
}

/// A title as it may stand behind an ID: one that would open a comment or code, or read as a range, is left out.
pub(super) fn safe_title(title: &str) -> String {
    let title = title.trim();
    let line = format!("T000 {title}");
    let range = range_joint(&line, 4, line.len()).is_some();
    let plain = !title.contains(['<', '`', '\\', '[']) && !title.chars().any(char::is_control);
    if title.is_empty() || range || !plain { String::new() } else { format!(" {title}") }
}

/// The ID of the checkbox row on the line below `line`, when it has exactly this indent.
fn row_below(tasks: &TasksDoc, line: usize, indent: &str) -> Option<TaskId> {
    let below = tasks.lines().get(line + 1)?;
    let rest = tasks.text()[below.start..below.end].strip_prefix(indent)?.strip_prefix("- [")?;
    let rest = rest.get(1..)?.strip_prefix("] ")?;
    let token = token_at(rest, 0)?;
    Some(token.id(rest))
}
