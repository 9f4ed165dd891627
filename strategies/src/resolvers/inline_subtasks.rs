//! `**Subtasks**: T001, T003-T005`: a list behind a label. It names tasks and cannot show their state, so a tracking
//! row is added below it.

use clearance_engine::edit::Change;
use clearance_engine::id::{TaskId, range_from, token_at};
use clearance_engine::mission::tasks::{Mention, TasksDoc};
use clearance_engine::register_strategy;
use clearance_engine::strategy::{
    Format, Resolution, ResolveContext, ResolverStrategy, StrategyMeta, TaskState,
};

use super::common::{bullet, indent_end, is_task, mark, new_row, places};

register_strategy!("inline-subtasks", InlineSubtasks);

/// How many lines a list may run over.
const MOST_LINES: usize = 50;

/// How long a note in parentheses behind an ID may be.
const LONGEST_NOTE: usize = 80;

/// Adds a checkbox row below the list.
pub struct InlineSubtasks;

impl ResolverStrategy for InlineSubtasks {
    fn meta(&self) -> &StrategyMeta {
        &StrategyMeta {
            id: "inline-subtasks",
            summary: "a list behind a label: `Subtasks: T001, T003-T005`",
            format: Some(Format::InlineSubtasks),
            tracks: false,
        }
    }

    fn resolve(&self, id: &TaskId, wanted: TaskState, context: ResolveContext<'_>) -> Resolution {
        if !is_task(id) {
            return Resolution::NotMine;
        }
        let tasks = context.tasks;
        let Some((label, mention)) =
            tasks.mentions(id).into_iter().find_map(|mention| Some((label_line(tasks, mention)?, mention)))
        else {
            return Resolution::NotMine;
        };
        Resolution::of(places(tasks, [mention.line]), vec![row_below(tasks, id, wanted, label, mention.line)])
    }
}

/// The new row: below the list, or below the table that the list is a cell of.
fn row_below(tasks: &TasksDoc, id: &TaskId, wanted: TaskState, label: usize, line: usize) -> Change {
    if let Some(end) = tasks.table_end(line) {
        let text = format!("- [{}] {id}", mark(wanted));
        return Change::InsertLine { after: Some(end - 1), text, id: id.clone(), gap: true };
    }
    if let Some(heading) = tasks.heading_of(line) {
        let text = format!("- [{}] {id}", mark(wanted));
        return Change::InsertLine { after: Some(heading.end - 1), text, id: id.clone(), gap: true };
    }
    let last = tasks.insertion_line(last_line(tasks, line));
    new_row(tasks, id, wanted, last, &row_indent(tasks, label), "")
}

/// The line whose label starts the list that this mention is in.
fn label_line(tasks: &TasksDoc, mention: Mention) -> Option<usize> {
    let text = tasks.text();
    for line in (mention.line.saturating_sub(MOST_LINES)..=mention.line).rev() {
        let bounds = tasks.lines()[line];
        let own = line == mention.line;
        let before = if own { mention.start } else { bounds.end };
        if let Some(list) = label_end(text, bounds.start, before) {
            return (only_list(text, list, before) && !tasks.in_code_span(list - 1)).then_some(line);
        }
        // Without a label a line can only be more of a list that began above, and is nothing else.
        let more = only_list(text, indent_end(text, bounds), bounds.end) && bullet(text, bounds).is_none();
        if !more || tasks.ids_on_line(line).is_empty() {
            return None;
        }
    }
    None
}

/// The offset behind the last label in `text[from..to]`: `Subtasks:`, `**Subtasks**:`, `**Included Subtasks:**`,
/// `Subtasks (3):`, or `Subtasks` at the start of a line and right before an ID.
fn label_end(text: &str, from: usize, to: usize) -> Option<usize> {
    const WORD: &str = "subtasks";
    let lower = text[from..to].to_ascii_lowercase();
    let at = lower.rfind(WORD)?;
    // `mysubtasks` and `subtasksX` are other words; `my-subtasks` is not.
    let whole = !lower[..at].ends_with(char::is_alphanumeric);
    let rest = &lower[at + WORD.len()..];
    let mut end = rest.trim_start_matches(['*', '_', ' ']);
    if let Some(count) = end.strip_prefix('(') {
        end = count.split_once(')').map(|(_, behind)| behind)?.trim_start_matches(['*', '_', ' ']);
    }
    if let Some(list) = end.strip_prefix(':') {
        return whole.then(|| to - list.trim_start_matches(['*', '_', ' ']).len());
    }
    // Without a colon only the place tells a label (`- Subtasks T002-T006`) from prose.
    let before = lower[..at].trim().trim_end_matches("included").trim();
    let first = before.chars().all(|c| matches!(c, '-' | '*' | '+' | '_' | ' '));
    let parted = rest.starts_with([' ', '*', '_']) && (end.is_empty() || token_at(end, 0).is_some());
    (whole && first && parted).then(|| to - end.len())
}

/// Whether `text[from..to]` is nothing but IDs, ranges and what parts them.
fn only_list(text: &str, from: usize, to: usize) -> bool {
    let mut at = from;
    while at < to {
        if let Some(token) = token_at(text, at).filter(|token| token.end <= to) {
            at = range_from(text, token, to).map_or(token.end, |(_, end)| end);
        } else if let Some(width) = separator(&text[at..to]) {
            at += width;
        } else {
            return false;
        }
    }
    true
}

/// The width of what may stand between the IDs of a list.
fn separator(rest: &str) -> Option<usize> {
    const WORDS: [&str; 5] = ["and ", "und ", "to ", "or ", "through "];
    let first = rest.chars().next()?;
    // A word on a task, `T001 (setup), T002 (core)`, and a box of one.
    if first == '(' && token_at(&rest[1..], 0).is_none() {
        return rest.find(')').filter(|end| *end <= LONGEST_NOTE).map(|end| end + 1);
    }
    if rest.starts_with("[x]") || rest.starts_with("[X]") {
        return Some(3);
    }
    if " \t,;*_`~[]()·•&+/-–—.".contains(first) || first == '\u{a0}' {
        return Some(first.len_utf8());
    }
    WORDS.iter().find(|word| rest.starts_with(**word)).map(|word| word.len())
}

/// The last line of the list: lines below that are nothing but list belong to it.
fn last_line(tasks: &TasksDoc, line: usize) -> usize {
    let text = tasks.text();
    let more = (line + 1..tasks.lines().len()).take(MOST_LINES).take_while(|below| {
        let bounds = tasks.lines()[*below];
        let list =
            only_list(text, indent_end(text, bounds), bounds.end) && !tasks.ids_on_line(*below).is_empty();
        list && bullet(text, bounds).is_none() && !tasks.is_excluded(*below)
    });
    line + more.count()
}

/// Below a bullet the row becomes its child; else it stands at the margin of the label.
fn row_indent(tasks: &TasksDoc, label: usize) -> String {
    let (text, line) = (tasks.text(), tasks.lines()[label]);
    match bullet(text, line) {
        Some(bullet) => {
            let indent = &text[line.start..bullet.start];
            format!("{indent}{}", " ".repeat((bullet.end - bullet.start).min(4)))
        }
        None => text[line.start..indent_end(text, line)].to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::done;
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::plain("Subtasks: T001, T002")]
    #[case::bold("**Subtasks**: T001, T002")]
    #[case::colon_inside("**Subtasks:** T001, T002")]
    #[case::included("**Included subtasks**: T001, T002")]
    #[case::underlined("_Subtasks_: T001, T002")]
    #[case::counted("Subtasks (2): T001, T002")]
    #[case::no_colon("Subtasks T001-T003")]
    #[case::in_a_line("Goal X. **Subtasks**: T001, T002. More.")]
    #[case::lower("my-subtasks: T001")]
    #[case::hyphen("Subtasks: T000-T002")]
    #[case::en_dash("Subtasks: T000–T002")]
    #[case::dots("Subtasks: T000..T002")]
    #[case::words("Subtasks: T000 to T002")]
    #[case::mixed("Subtasks: T007, T000-T002, T009")]
    #[case::blanks("Subtasks: T000 T001 T002")]
    #[case::semicolons("Subtasks: T000; T001")]
    #[case::and("Subtasks: T000 and T001")]
    #[case::code("Subtasks: `T001`, T002")]
    #[case::bold_ids("Subtasks: **T001**, **T002**")]
    #[case::no_box("Subtasks: T000 · T001")]
    #[case::noted("Subtasks: T000 (setup), T001 (core)")]
    #[case::bare_end("Subtasks: T000-002")]
    #[case::after_a_done_one("Subtasks: [x] T000, T001")]
    fn lists(#[case] line: &str) {
        let expected = format!("{line}\n- [x] T001\nafter\n");
        assert_eq!(done(&InlineSubtasks, &format!("{line}\nafter\n"), "T001"), Some(expected));
    }

    #[test]
    fn a_list_may_run_over_lines() {
        let text = "**Subtasks**:\nT000,\nT001, T002\n\nafter\n";
        let after = "**Subtasks**:\nT000,\nT001, T002\n- [x] T001\n\nafter\n";
        assert_eq!(done(&InlineSubtasks, text, "T001").as_deref(), Some(after));
        assert_eq!(done(&InlineSubtasks, text, "T000").unwrap().lines().nth(3), Some("- [x] T000"));
    }

    #[test]
    fn below_a_bullet_the_row_is_its_child() {
        let after = "  - **Subtasks**: T001\n    - [x] T001\n";
        assert_eq!(done(&InlineSubtasks, "  - **Subtasks**: T001\n", "T001").as_deref(), Some(after));
    }

    #[test]
    fn a_row_does_not_split_what_it_follows() {
        let table = "| WP | Tasks |\n|---|---|\n| WP01 | Subtasks: T001 |\n| WP02 | x |\n";
        assert_eq!(done(&InlineSubtasks, table, "T001"), Some(format!("{table}\n- [x] T001\n")));
        let nested = "1. Package\n   Subtasks: T001\n2. Next\n";
        let after = "1. Package\n   Subtasks: T001\n   - [x] T001\n2. Next\n";
        assert_eq!(done(&InlineSubtasks, nested, "T001").as_deref(), Some(after));
        let fenced = "Subtasks: T001, T002\n~~~\ncode\n~~~\n";
        let after = "Subtasks: T001, T002\n- [x] T001\n~~~\ncode\n~~~\n";
        assert_eq!(done(&InlineSubtasks, fenced, "T001").as_deref(), Some(after));
    }

    #[test]
    fn an_underlined_label_stays_a_heading() {
        let after = "Subtasks: T001\n---\n\n- [x] T001\n";
        assert_eq!(done(&InlineSubtasks, "Subtasks: T001\n---\n", "T001").as_deref(), Some(after));
    }

    #[test]
    fn rows_come_in_id_order() {
        let text = "Subtasks: T001-T009\n- [ ] T002\n- [x] T005\n- [ ] T020\n";
        let rows: Vec<_> = ["T001", "T004", "T007"]
            .iter()
            .map(|id| {
                done(&InlineSubtasks, text, id)
                    .unwrap()
                    .lines()
                    .position(|line| line == format!("- [x] {id}"))
            })
            .collect();
        assert_eq!(rows, [Some(1), Some(2), Some(3)]);
    }

    #[rstest]
    #[case("T001 and its subtasks: see below")]
    #[case("The subtasks of T001")]
    #[case("Subtasks: see T001")]
    #[case("Mysubtasks: T001")]
    #[case("> Subtasks: T001")]
    #[case("The subtasks T001 and T002 run in parallel")]
    #[case("Write `Subtasks: T001` so")]
    #[case("**Subtasks**:\n- T001 Setup\n- T002 Core")]
    #[case("**Subtasks**:\n- T001\n- T002")]
    #[case("Subtasks: T002\n\nT001 Define")]
    #[case("Subtasks: T002\nThen T001")]
    fn not_lists(#[case] text: &str) {
        assert_eq!(done(&InlineSubtasks, text, "T001"), None);
    }
}
