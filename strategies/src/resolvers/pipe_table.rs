//! `| T001 | First task | WP01 |`: a table row whose ID cell has the ID and nothing else.

use std::ops::Range;

use clearance_engine::edit::Change;
use clearance_engine::id::TaskId;
use clearance_engine::mission::tasks::{Mention, Row, TasksDoc};
use clearance_engine::register_strategy;
use clearance_engine::strategy::{
    Format, Resolution, ResolveContext, ResolverStrategy, StrategyMeta, TaskState,
};

use super::common::{before_ornaments, goes_on_as_a_list, is_task, places, tick_of};

register_strategy!("pipe-table", PipeTable);

/// Columns that hold the row's own ID wherever they stand. Without one of these it is the first column's: a `Task`
/// column further right is what the row refers to.
const ID_COLUMNS: [&str; 6] = ["id", "task id", "subtask id", "t###", "task #", "subtask #"];
/// Columns whose cell is the row's state, the most telling name first.
const STATUS_COLUMNS: [&str; 12] = [
    "status",
    "state",
    "task status",
    "done",
    "done?",
    "complete",
    "completed",
    "complete?",
    "✓",
    "✔",
    "✅",
    "☑",
];
/// Columns that mean "may run in parallel". The original has written `[D]` and `[ ]` into them (673 real rows);
/// `[P]` in them is not a state and is never touched.
const PARALLEL_COLUMNS: [&str; 3] = ["parallel", "parallel?", "[p]"];

/// Sets the status cell of the ID's row, by the header that the row really has.
pub struct PipeTable;

impl ResolverStrategy for PipeTable {
    fn meta(&self) -> &StrategyMeta {
        &StrategyMeta {
            id: "pipe-table",
            summary: "a table row: `| T001 | First task | WP01 |`",
            format: Some(Format::PipeTable),
            tracks: true,
        }
    }

    fn resolve(&self, id: &TaskId, wanted: TaskState, context: ResolveContext<'_>) -> Resolution {
        if !is_task(id) {
            return Resolution::NotMine;
        }
        let tasks = context.tasks;
        let mentions = tasks.mentions(id).into_iter().filter(|mention| !mention.in_range);
        let rows: Vec<_> = mentions.filter(|mention| is_row_of(tasks, *mention)).collect();
        let changes = rows.iter().flat_map(|mention| changes(tasks, *mention, wanted)).collect();
        Resolution::of(places(tasks, rows.iter().map(|mention| mention.line)), changes)
    }
}

/// Whether the mention is the whole content of its row's ID cell, decoration aside.
fn is_row_of(tasks: &TasksDoc, mention: Mention) -> bool {
    let row = tasks.row(mention.line);
    let table = tasks.table_of(mention.line);
    if tasks.is_table_head(mention.line) {
        return false;
    }
    if table.is_none() && !tasks.line_text(mention.line).trim_start().starts_with('|') {
        return false;
    }
    let named = table.and_then(|table| column_named(&table.columns, &ID_COLUMNS));
    let Some(cell) = row.cells.get(named.unwrap_or(0)) else { return false };
    cell.contains(&mention.start) && is_subject(tasks.text(), cell, mention)
}

/// Whether a cell is about the mentioned ID: nothing stands before it, and no other ID joins it.
fn is_subject(text: &str, cell: &Range<usize>, mention: Mention) -> bool {
    let start = before_ornaments(text, cell.start, mention.start);
    let rest = text[mention.end..cell.end].trim_start_matches(['*', '_', '`', '~', ')', ']']);
    // The cell may have a box of its own, which the checkbox strategy ticks.
    let before = text[cell.start..start].trim();
    (before.is_empty() || is_box(before)) && !goes_on_as_a_list(rest)
}

fn is_box(text: &str) -> bool {
    matches!(text, "[ ]" | "[x]" | "[X]" | "[]")
}

/// The column with one of these names, the first name first.
fn column_named(columns: &[String], names: &[&str]) -> Option<usize> {
    names.iter().find_map(|name| columns.iter().position(|column| column == name))
}

/// What gives the row of the mention the wanted state.
fn changes(tasks: &TasksDoc, mention: Mention, wanted: TaskState) -> Vec<Change> {
    let line = mention.line;
    let row = tasks.row(line);
    let columns = tasks.table_of(line).map(|table| table.columns.as_slice()).unwrap_or_default();
    let text = tasks.text();
    let cells = match column_named(columns, &STATUS_COLUMNS) {
        Some(status) if status < row.cells.len() => vec![status],
        Some(status) => return vec![append(tasks, line, &row, status, wanted)],
        None => marked_cells(text, &row, columns),
    };
    // The checkbox strategy keeps a box before the ID, and that shows the state. A box elsewhere is somebody's text.
    if cells.is_empty() && tick_of(tasks, mention).is_some() {
        return Vec::new();
    }
    if cells.is_empty() {
        // A row that carries no mark is pending, but nothing on disk says so until the mark is there.
        return vec![append(tasks, line, &row, columns.len(), wanted)];
    }
    let wrong = cells.into_iter().filter(|cell| state_of(&text[row.cells[*cell].clone()]) != wanted);
    wrong.map(|cell| set(text, row.cells[cell].clone(), wanted)).collect()
}

/// The cells that hold a state mark where no column is called status: those beyond the header, and a mark that the
/// original put into a parallel column.
fn marked_cells(text: &str, row: &Row, columns: &[String]) -> Vec<usize> {
    let marks =
        |cell: usize, marks: &[&str]| row.content(text, cell).is_some_and(|content| marks.contains(&content));
    let parallel = column_named(columns, &PARALLEL_COLUMNS).filter(|cell| marks(*cell, &["[D]", "[ ]"]));
    let beyond = columns.len().max(1)..row.cells.len();
    parallel
        .into_iter()
        .chain(beyond.filter(|cell| marks(*cell, &["[D]", "[d]", "[x]", "[X]", "[ ]", "[]"])))
        .collect()
}

/// What a status cell says. What is not done is pending: `todo`, `in progress (Bob)` and nothing at all. A word for
/// done stands alone or before a date or a note: `Done (abc123)`; `Complete rewrite needed` is not done.
fn state_of(content: &str) -> TaskState {
    const TICKS: [&str; 6] = ["[d]", "[x]", "✓", "✔", "✅", "☑"];
    const WORDS: [&str; 6] = ["done", "complete", "completed", "finished", "yes", "x"];
    let plain = content.replace(['*', '_', '`', '~', '\u{fe0f}'], "").to_lowercase();
    let (first, rest) = plain.trim().split_once(char::is_whitespace).unwrap_or((plain.trim(), ""));
    let rest = rest.trim_start();
    let noted = rest.is_empty() || rest.starts_with('(') || rest.starts_with("20");
    let done = TICKS.contains(&first) || (WORDS.contains(&first.trim_end_matches(['.', '!', ','])) && noted);
    if done { TaskState::Done } else { TaskState::Pending }
}

/// The mark as the original writes and reads it in tables.
fn mark(state: TaskState) -> &'static str {
    match state {
        TaskState::Done => "[D]",
        TaskState::Pending => "[ ]",
    }
}

/// Puts the mark in the place of a cell's content; the blanks around it stay.
fn set(text: &str, cell: Range<usize>, wanted: TaskState) -> Change {
    let content = text[cell.clone()].trim();
    if content.is_empty() {
        return Change::Replace { range: cell, with: format!(" {} ", mark(wanted)) };
    }
    let start = cell.start + (text[cell.clone()].len() - text[cell].trim_start().len());
    Change::Replace { range: start..start + content.len(), with: mark(wanted).to_owned() }
}

/// Adds the mark as cell number `column` (counted from 0), with empty cells before it where the row is short: a mark
/// must not slip into a column that means something else.
fn append(tasks: &TasksDoc, line: usize, row: &Row, column: usize, wanted: TaskState) -> Change {
    let text = tasks.text();
    let content_end = {
        let line = tasks.lines()[line];
        line.start + text[line.start..line.end].trim_end().len()
    };
    let close = if row.closed { "" } else { " |" };
    let missing = " |".repeat(column.saturating_sub(row.cells.len()));
    let with = format!("{close}{missing} {} |", mark(wanted));
    Change::Replace { range: content_end..content_end, with }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{done, pending};
    use super::*;
    use rstest::rstest;

    const INDEX: &str = "| ID | Description | WP | Parallel |\n|---|---|---|---|\n";
    const STATUS: &str = "| ID | **Status** | Description |\n|---|---|---|\n";

    fn table(header: &str, rows: &str) -> String {
        format!("{header}{rows}")
    }

    #[rstest]
    #[case::parallel_flag("| T001 | a | WP01 | [P] |", "| T001 | a | WP01 | [P] | [D] |")]
    #[case::parallel_empty("| T001 | a | WP01 | |", "| T001 | a | WP01 | | [D] |")]
    #[case::parallel_text("| T001 | a | WP01 | [P] with T002 |", "| T001 | a | WP01 | [P] with T002 | [D] |")]
    #[case::marked_before("| T001 | a | WP01 | [P] | [ ] |", "| T001 | a | WP01 | [P] | [D] |")]
    #[case::mark_in_parallel("| T001 | a | WP01 | [ ] |", "| T001 | a | WP01 | [D] |")]
    #[case::escaped("| T001 | a \\| b | WP01 | |", "| T001 | a \\| b | WP01 | | [D] |")]
    #[case::unclosed("| T001 | keep me", "| T001 | keep me | | | [D] |")]
    #[case::unclosed_full("| T001 | a | WP01 | [P]", "| T001 | a | WP01 | [P] | [D] |")]
    #[case::trailing_blanks("| T001 | a | WP01 | |  ", "| T001 | a | WP01 | | [D] |  ")]
    #[case::bold("| **T001** | a | WP01 | |", "| **T001** | a | WP01 | | [D] |")]
    #[case::code("| `T001` | a | WP01 | |", "| `T001` | a | WP01 | | [D] |")]
    #[case::link("| [T001](a.md) | a | WP01 | |", "| [T001](a.md) | a | WP01 | | [D] |")]
    #[case::struck("| ~~T001~~ | a | WP01 | |", "| ~~T001~~ | a | WP01 | | [D] |")]
    #[case::no_outer_pipes("T001 | a | WP01 | x", "T001 | a | WP01 | x | [D] |")]
    fn rows_of_an_index(#[case] row: &str, #[case] after: &str) {
        // As the first row and as a later one: the header is the same.
        for above in ["", "| T000 | status | parallel | x |\n"] {
            let (before, after) =
                (table(INDEX, &format!("{above}{row}")), table(INDEX, &format!("{above}{after}")));
            assert_eq!(done(&PipeTable, &before, "T001").as_deref(), Some(after.as_str()));
            assert_eq!(done(&PipeTable, &after, "T001").as_deref(), Some(after.as_str()), "twice");
            let back = pending(&PipeTable, &after, "T001").unwrap();
            assert_eq!(done(&PipeTable, &back, "T001").as_deref(), Some(after.as_str()), "there and back");
        }
    }

    #[rstest]
    #[case("| T001 | todo | a |", "| T001 | [D] | a |")]
    #[case("| T001 |  | a |", "| T001 | [D] | a |")]
    #[case("| T001 || a |", "| T001 | [D] | a |")]
    #[case("| T001 | [ ] | a | b |", "| T001 | [D] | a | b |")]
    #[case("| T001 | in progress | a |", "| T001 | [D] | a |")]
    #[case("| T001 |", "| T001 | [D] |")]
    fn the_status_column_is_found_by_name(#[case] row: &str, #[case] after: &str) {
        for above in ["", "| T000 | done | x |\n"] {
            let before = table(STATUS, &format!("{above}{row}"));
            let after = table(STATUS, &format!("{above}{after}"));
            assert_eq!(done(&PipeTable, &before, "T001").as_deref(), Some(after.as_str()));
        }
    }

    #[rstest]
    #[case("done")]
    #[case("✅")]
    #[case("[x]")]
    #[case("**Done**")]
    #[case("✔️")]
    #[case("Done (abc123)")]
    #[case("✅ Done 2026-01-02 (abc123)")]
    fn words_for_done_are_left_alone(#[case] word: &str) {
        let text = table(STATUS, &format!("| T001 | {word} | a |"));
        assert_eq!(done(&PipeTable, &text, "T001").as_deref(), Some(text.as_str()));
    }

    #[rstest]
    #[case::work_package_column(INDEX, "| T009 | a | T001 | |")]
    #[case::needs_column("| ID | Needs |\n|---|---|\n", "| T009 | T001 |")]
    #[case::list_cell("| WP | Subtasks |\n|---|---|\n", "| WP01 | T001 |")]
    #[case::several(INDEX, "| T001, T002 | a | WP01 | |")]
    #[case::range(INDEX, "| T001-T003 | a | WP01 | |")]
    #[case::refers("| Requirement | Task | Status |\n|---|---|---|\n", "| FR-001 | T001 | Draft |")]
    #[case::coverage("| FR | Owning WP | Subtask(s) |\n|---|---|---|\n", "| FR-001 | WP01 | T001 |")]
    #[case::prose("", "use T001 | T002")]
    fn not_rows(#[case] header: &str, #[case] row: &str) {
        assert_eq!(done(&PipeTable, &table(header, row), "T001"), None);
    }

    #[rstest]
    #[case("| # | ID | Status |", "| 1 | T001 | todo |", "| 1 | T001 | [D] |")]
    #[case("| ID | Task | Status |", "| T001 | T002 first | todo |", "| T001 | T002 first | [D] |")]
    #[case("| ID | Progress | Status |", "| T001 | 50% | todo |", "| T001 | 50% | [D] |")]
    #[case("| ID | Task Status | X |", "| T001 | todo | y |", "| T001 | [D] | y |")]
    #[case("| ID | Status: | X |", "| T001 | todo | y |", "| T001 | [D] | y |")]
    #[case("| ID | Task | ✓ |", "| T001 | Setup | [ ] |", "| T001 | Setup | [D] |")]
    #[case("| Task | Status | X |", "| T001 Setup | todo | y |", "| T001 Setup | [D] | y |")]
    #[case("| ID | Task | Parallel |", "| T001 | Setup | [x] |", "| T001 | Setup | [x] | [D] |")]
    fn columns_are_told_apart_by_their_names(#[case] header: &str, #[case] row: &str, #[case] after: &str) {
        let header = format!("{header}\n|---|---|---|\n");
        let marked = done(&PipeTable, &table(&header, row), "T001");
        assert_eq!(marked, Some(table(&header, after)));
    }

    #[rstest]
    #[case("Complete rewrite needed")]
    #[case("Done: 0/5")]
    #[case("Yes, blocked")]
    #[case("x failed")]
    fn words_that_only_begin_like_done_are_not(#[case] word: &str) {
        let text = table(STATUS, &format!("| T001 | {word} | a |"));
        assert_eq!(done(&PipeTable, &text, "T001"), Some(text.replace(word, "[D]")));
        assert_eq!(pending(&PipeTable, &text, "T001"), Some(text.clone()));
    }

    #[test]
    fn a_box_in_the_id_cell_and_a_status_column_agree() {
        let text = table("| ID | T | Status |\n|---|---|---|\n", "| [ ] T001 | a | todo |");
        assert_eq!(done(&PipeTable, &text, "T001"), Some(text.replace("todo", "[D]")));
        let text = table("| ID | T |\n|---|---|\n", "| [x] T001 | a |");
        assert_eq!(done(&PipeTable, &text, "T001"), Some(text));
    }

    /// Nobody keeps such a box, so that it says nothing of the row.
    #[rstest]
    #[case("| T001 | [ ] a |")]
    #[case("| T001 | [x] a |")]
    #[case("| T001 | see [ ] and [x] | [x] b |")]
    fn a_box_behind_the_id_is_no_state(#[case] row: &str) {
        let text = table("| ID | T |\n|---|---|\n", row);
        let marked = done(&PipeTable, &text, "T001").unwrap();
        assert!(marked.ends_with("| [D] |"), "{marked}");
        assert_eq!(pending(&PipeTable, &marked, "T001"), Some(marked.replace("[D]", "[ ]")));
    }

    #[test]
    fn what_is_in_progress_is_pending_and_stays_as_it_is() {
        let text = table(STATUS, "| T001 | in progress (Bob) | a |");
        assert_eq!(pending(&PipeTable, &text, "T001").as_deref(), Some(text.as_str()));
    }

    #[test]
    fn a_header_is_no_row_and_a_table_may_stand_in_a_list() {
        assert_eq!(done(&PipeTable, "| T001 | T002 |\n|---|---|\n| a | b |", "T001"), None);
        let text = "- | ID | Status |\n  |---|---|\n  | T001 | todo |";
        assert_eq!(done(&PipeTable, text, "T001"), Some(text.replace("todo", "[D]")));
    }

    #[test]
    fn a_work_package_column_is_no_task() {
        assert_eq!(done(&PipeTable, &table(INDEX, "| T001 | a | WP01 | |"), "WP01"), None);
        assert_eq!(done(&PipeTable, "| WP01 | a |", "WP01"), None);
    }

    #[test]
    fn a_row_without_a_table_is_a_row() {
        assert_eq!(done(&PipeTable, "| T001 | a |", "T001").as_deref(), Some("| T001 | a | [D] |"));
    }
}
