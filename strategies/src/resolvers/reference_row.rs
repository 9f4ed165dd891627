//! `T001 Define the contract`: a line that defines a task and has no box. It gets one.

use clearance_engine::edit::Change;
use clearance_engine::id::{TaskId, token_at};
use clearance_engine::mission::tasks::{Mention, TasksDoc};
use clearance_engine::register_strategy;
use clearance_engine::strategy::{Resolution, ResolveContext, ResolverStrategy, StrategyMeta, TaskState};

use super::common::{before_ornaments, bullet, goes_on_as_a_list, indent_end, is_task, mark, places};

register_strategy!("reference-row", ReferenceRow);

/// Puts a box before the ID of the first line that defines it.
pub struct ReferenceRow;

impl ResolverStrategy for ReferenceRow {
    fn meta(&self) -> &StrategyMeta {
        &StrategyMeta {
            id: "reference-row",
            summary: "a line that defines the task, without a box: `T001 Define the contract`",
            format: None,
            tracks: false,
        }
    }

    fn resolve(&self, id: &TaskId, wanted: TaskState, context: ResolveContext<'_>) -> Resolution {
        if !is_task(id) {
            return Resolution::NotMine;
        }
        match boxed(context.tasks, id, wanted) {
            Some((line, change)) => Resolution::of(places(context.tasks, [line]), vec![change]),
            None => Resolution::NotMine,
        }
    }
}

/// The first reference row of an ID, and the change that gives it a box; a heading gets a row below it instead.
pub(super) fn boxed(tasks: &TasksDoc, id: &TaskId, state: TaskState) -> Option<(usize, Change)> {
    if let Some(mention) = tasks.mentions(id).into_iter().find(|mention| heads(tasks, *mention)) {
        let text = format!("- [{}] {id}", mark(state));
        let last = tasks.heading_of(mention.line).map_or(mention.line, |heading| heading.end - 1);
        let change = Change::InsertLine { after: Some(last), text, id: id.clone(), gap: true };
        return Some((mention.line, change));
    }
    let mention = tasks.mentions(id).into_iter().find(|mention| defines(tasks, *mention))?;
    let (text, line) = (tasks.text(), tasks.lines()[mention.line]);
    let (at, with) = match bullet(text, line) {
        Some(bullet) => (bullet.end, format!("[{}] ", mark(state))),
        None => (indent_end(text, line), format!("- [{}] ", mark(state))),
    };
    Some((mention.line, Change::Replace { range: at..at, with }))
}

/// Whether the line is a heading of this task: `### T001 — Setup`.
fn heads(tasks: &TasksDoc, mention: Mention) -> bool {
    let (text, line) = (tasks.text(), tasks.lines()[mention.line]);
    let start = line.start + text[line.start..line.end].bytes().take_while(|b| *b == b'#').count();
    tasks.heading_of(mention.line).is_some()
        && !mention.in_range
        && before_ornaments(text, start, mention.start) == start
        && !goes_on_as_a_list(&text[mention.end..line.end])
}

/// Whether the line begins with the ID and goes on with what the task is.
fn defines(tasks: &TasksDoc, mention: Mention) -> bool {
    let relation = below_relation(tasks, mention.line);
    if mention.in_range
        || relation
        || tasks.heading_of(mention.line).is_some()
        || !begins_line(tasks, mention)
    {
        return false;
    }
    let (text, line) = (tasks.text(), tasks.lines()[mention.line]);
    let rest = &text[mention.end..line.end];
    if goes_on_as_prose(rest) {
        return false;
    }
    let rest = rest.trim_start_matches(['*', '_', '`', '~', ']', ')']);
    !goes_on_as_a_list(rest) && (bullet(text, line).is_some() || begins_block(tasks, mention.line))
}

/// Whether the list that a line is in stands below a label of another sense: `**Dependencies**:`, `## Risks`.
fn below_relation(tasks: &TasksDoc, line: usize) -> bool {
    const MOST_LINES: usize = 50;
    const WORDS: [&str; 6] = ["depend", "blocked", "blocks", "prerequisite", "requires", "risk"];
    let in_list = |line: &usize| {
        let text = tasks.line_text(*line);
        text.trim().is_empty()
            || text.starts_with([' ', '\t'])
            || bullet(tasks.text(), tasks.lines()[*line]).is_some()
    };
    if !in_list(&line) {
        return false;
    }
    let label = (line.saturating_sub(MOST_LINES)..line).rev().find(|above| !in_list(above));
    label.is_some_and(|label| {
        let text = tasks.line_text(label).to_lowercase();
        let is_label =
            tasks.heading_of(label).is_some() || text.trim_end().trim_end_matches(['*', '_']).ends_with(':');
        is_label && WORDS.iter().any(|word| text.contains(word))
    })
}

/// Whether only a bullet, tags and decoration stand before the mention.
fn begins_line(tasks: &TasksDoc, mention: Mention) -> bool {
    let (text, line) = (tasks.text(), tasks.lines()[mention.line]);
    let start = bullet(text, line).map_or_else(|| indent_end(text, line), |bullet| bullet.end);
    start <= mention.start && before_ornaments(text, start, mention.start) == start
}

/// `[T001]: url` defines a link; `T003 depends on T001` and `T001 must come first` are prose.
fn goes_on_as_prose(rest: &str) -> bool {
    const VERBS: [&str; 28] = [
        "depends", "depend", "requires", "blocks", "unblocks", "needs", "must", "is", "are", "can", "cannot",
        "should", "was", "were", "blocked", "waits", "merged", "done", "until", "||", "will", "has", "may",
        "before", "after", "comes", "then", "first",
    ];
    let word = rest.split_whitespace().next().unwrap_or_default();
    rest.starts_with("]:") || (rest.starts_with(' ') && VERBS.contains(&word))
}

/// Whether a line without a bullet starts a block of its own, or continues a run of such lines: a wrapped line of
/// prose may begin with an ID as well.
fn begins_block(tasks: &TasksDoc, line: usize) -> bool {
    let Some(above) = line.checked_sub(1) else { return true };
    let text = tasks.line_text(above);
    let trimmed = text.trim_start();
    trimmed.is_empty()
        || trimmed.starts_with(['#', '|'])
        || trimmed.trim_end().trim_end_matches(['*', '_']).ends_with(':')
        || bullet(tasks.text(), tasks.lines()[above])
            .is_some_and(|bullet| starts_with_id(&tasks.text()[bullet.end..]))
        || starts_with_id(trimmed)
}

fn starts_with_id(text: &str) -> bool {
    let text = ["[ ] ", "[x] ", "[X] "].iter().find_map(|tick| text.strip_prefix(tick)).unwrap_or(text);
    let text = text.trim_start_matches(['*', '`', '~', '[', '(']);
    token_at(text, 0).is_some_and(|token| is_task(&token.id(text)))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{done, pending};
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::plain("T001 Define the contract (WP01)", "- [x] T001 Define the contract (WP01)")]
    #[case::tagged("T001 [P] Define", "- [x] T001 [P] Define")]
    #[case::indented("  T001 Define", "  - [x] T001 Define")]
    #[case::bullet("- T001 Define", "- [x] T001 Define")]
    #[case::star("* T001: Define", "* [x] T001: Define")]
    #[case::numbered_bold("1. **T001 first**", "1. [x] **T001 first**")]
    #[case::bold("- **T001** — Define", "- [x] **T001** — Define")]
    #[case::after_others("T000 a\nT001 b", "T000 a\n- [x] T001 b")]
    #[case::after_label("Rows:\nT001 b", "Rows:\n- [x] T001 b")]
    #[case::heading("### T001 — Setup\n\ntext\n", "### T001 — Setup\n\n- [x] T001\n\ntext\n")]
    #[case::underlined_heading("T001 Setup\n====\n", "T001 Setup\n====\n\n- [x] T001\n")]
    #[case::first_of_two("T001 a\n\nT001 b", "- [x] T001 a\n\nT001 b")]
    fn rows_get_a_box(#[case] before: &str, #[case] after: &str) {
        assert_eq!(done(&ReferenceRow, before, "T001").as_deref(), Some(after));
        assert_eq!(pending(&ReferenceRow, before, "T001"), Some(after.replace("[x]", "[ ]")));
    }

    #[rstest]
    #[case("- T001 and T002 can proceed")]
    #[case("T001/T002 can be drafted")]
    #[case("T001, T002 first")]
    #[case("T001-T005 are the base")]
    #[case("T001 → T002")]
    #[case("[T001]: tasks/T001.md")]
    #[case("- T001 depends on T002")]
    #[case("T001 must come first")]
    #[case("**Dependencies**:\n- T001")]
    #[case("## Risks\n\n- T001: may slip")]
    #[case("- T001 blocked until T002")]
    #[case("- T001 was merged yesterday")]
    #[case("A line of prose that ends with\nT001 must come first")]
    #[case("After T001 comes T002")]
    #[case("| T001 | x |")]
    fn prose_is_left_alone(#[case] text: &str) {
        assert_eq!(done(&ReferenceRow, text, "T001"), None);
    }
}
