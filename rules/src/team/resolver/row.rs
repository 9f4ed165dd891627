//! Which lines of a task list are rows of a task.

use std::fmt;
use std::ops::Range;

use clearance_engine::id::{IdKind, TaskId};
use clearance_engine::mission::tasks::{Mention, TasksDoc};
use clearance_engine::strategy::TaskState;

use super::Form;

/// Longest line that is looked at, in bytes. The longest of real task lists has 1.2 KB.
pub const LONGEST_LINE: usize = 8 << 10;

/// A line that shows the state of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// 0-based.
    pub(super) line: usize,
    /// The state, in bytes of the document.
    pub(super) state: Range<usize>,
    /// What it means.
    pub(super) is: TaskState,
}

/// Why a line that names a task is no row of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Miss {
    /// It is too long to be looked at.
    TooLong,
    /// The ID is part of a range, which no single task owns.
    Range,
    /// The pattern does not match.
    NoMatch,
    /// The pattern's ID is another word than the one that names the task.
    OtherId {
        /// What the pattern takes for the ID.
        found: String,
        /// What names the task.
        named: String,
    },
    /// The state is in code or in a comment.
    Hidden,
    /// The state is in neither list.
    UnknownState(String),
    /// With this state the line would not be found again.
    NotKept(String),
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "the line has more than {LONGEST_LINE} bytes"),
            Self::Range => f.write_str("the ID is part of a range"),
            Self::NoMatch => f.write_str("the pattern does not match"),
            Self::OtherId { found, named } => {
                write!(f, "the group `id` is `{found}`, and the task is named by `{named}`")
            }
            Self::Hidden => f.write_str("the state is in code or in a comment"),
            Self::UnknownState(state) => write!(f, "the state `{state}` is neither done nor pending"),
            Self::NotKept(state) => {
                write!(f, "written with the state `{state}`, the line would not be found again")
            }
        }
    }
}

/// Whether an ID is a task's. Work packages are never rows: their state is a lane.
pub(super) fn is_task(id: &TaskId) -> bool {
    id.kind() == IdKind::Task
}

/// The rows of a task, in the order of the text.
pub(super) fn rows(form: &Form, id: &TaskId, tasks: &TasksDoc) -> Vec<Row> {
    let mentions = if is_task(id) { tasks.mentions(id) } else { Vec::new() };
    mentions.into_iter().filter_map(|mention| row(form, tasks, mention).ok()).collect()
}

/// The row that a mention of a task is in.
///
/// # Errors
/// [`Miss`].
pub(super) fn row(form: &Form, tasks: &TasksDoc, mention: Mention) -> Result<Row, Miss> {
    let (line, start) = (tasks.line_text(mention.line), tasks.lines()[mention.line].start);
    if line.len() > LONGEST_LINE {
        return Err(Miss::TooLong);
    }
    if mention.in_range {
        return Err(Miss::Range);
    }
    let found = form.pattern.find(line).ok_or(Miss::NoMatch)?;
    if (start + found.id.start, start + found.id.end) != (mention.start, mention.end) {
        let named = tasks.text()[mention.start..mention.end].to_owned();
        return Err(Miss::OtherId { found: line[found.id].to_owned(), named });
    }
    let state = start + found.state.start..start + found.state.end;
    let hidden = |offset| tasks.in_code_span(offset) || tasks.is_excluded_at(offset);
    if state.is_empty() || hidden(state.start) || hidden(state.end - 1) {
        return Err(Miss::Hidden);
    }
    let says = &line[found.state.clone()];
    let is = form.meaning(says).ok_or_else(|| Miss::UnknownState(says.to_owned()))?;
    // Both, whatever is wanted: what can be marked can be marked back.
    for state in [TaskState::Done, TaskState::Pending] {
        let text = form.text(state);
        if !form.pattern.keeps(line, &found, text) {
            return Err(Miss::NotKept(text.to_owned()));
        }
    }
    Ok(Row { line: mention.line, state, is })
}
