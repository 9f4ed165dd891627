//! `- [ ] T001 First task`: a box right before the ID, at any bullet or in the middle of a line.

use clearance_engine::edit::Change;
use clearance_engine::id::TaskId;
use clearance_engine::register_strategy;
use clearance_engine::strategy::{
    Format, Resolution, ResolveContext, ResolverStrategy, StrategyMeta, TaskState,
};

use super::common::{is_task, mark, places, tick_of};

register_strategy!("checkbox", Checkbox);

/// Ticks the box of the ID itself; other boxes on the line are not touched.
pub struct Checkbox;

impl ResolverStrategy for Checkbox {
    fn meta(&self) -> &StrategyMeta {
        &StrategyMeta {
            id: "checkbox",
            summary: "a box before the ID: `- [ ] T001 First task`",
            format: Some(Format::Checkbox),
            tracks: true,
        }
    }

    fn resolve(&self, id: &TaskId, wanted: TaskState, context: ResolveContext<'_>) -> Resolution {
        if !is_task(id) {
            return Resolution::NotMine;
        }
        let tasks = context.tasks;
        let rows: Vec<_> = tasks
            .mentions(id)
            .into_iter()
            .filter_map(|mention| Some((mention.line, tick_of(tasks, mention)?)))
            .collect();
        let wrong = rows.iter().filter(|(_, tick)| tick.state != wanted);
        let changes = wrong
            .map(|(_, tick)| Change::Replace { range: tick.inside.clone(), with: mark(wanted).to_owned() });
        Resolution::of(places(tasks, rows.iter().map(|(line, _)| *line)), changes.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{done, pending};
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::plain("- [ ] T001 a", "- [x] T001 a")]
    #[case::nested("- a\n  - [ ] T001", "- a\n  - [x] T001")]
    #[case::tab("\t- [ ] T001", "\t- [x] T001")]
    #[case::tight("-[ ]T001 a", "-[x]T001 a")]
    #[case::wide("-   [ ]    T001", "-   [x]    T001")]
    #[case::star("* [ ] T001", "* [x] T001")]
    #[case::plus("+ [ ] T001", "+ [x] T001")]
    #[case::numbered("1. [ ] T001", "1. [x] T001")]
    #[case::numbered_bullet("1. - [ ] T001", "1. - [x] T001")]
    #[case::bold("- [ ] **T001**: a", "- [x] **T001**: a")]
    #[case::code("- [ ] `T001` a", "- [x] `T001` a")]
    #[case::struck("- [ ] ~~T001~~", "- [x] ~~T001~~")]
    #[case::link("- [ ] [T001](x.md)", "- [x] [T001](x.md)")]
    #[case::parentheses("- [ ] (T001) a", "- [x] (T001) a")]
    #[case::tagged("- [ ] [P] [US1] T001", "- [x] [P] [US1] T001")]
    #[case::bold_tag("- [ ] **[P]** T001", "- [x] **[P]** T001")]
    #[case::tag_in_bold("- [ ] **[P] T001**", "- [x] **[P] T001**")]
    #[case::package_first("- [ ] (WP01) T001", "- [x] (WP01) T001")]
    #[case::task_word("- [ ] Task T001: a", "- [x] Task T001: a")]
    #[case::comment("- [ ] <!-- x --> T001", "- [x] <!-- x --> T001")]
    #[case::html("- [ ] <b>T001</b>", "- [x] <b>T001</b>")]
    #[case::no_break_space("- [ ]\u{a0}T001", "- [x]\u{a0}T001")]
    #[case::underlined("- [ ] __T001__ a", "- [x] __T001__ a")]
    #[case::emphasised("- [ ] _T001_ a", "- [x] _T001_ a")]
    #[case::no_range("- [ ] T001 - T000 follow-up", "- [x] T001 - T000 follow-up")]
    #[case::middle("text - [ ] T001", "text - [x] T001")]
    #[case::lower("- [ ] t001", "- [x] t001")]
    #[case::twice("- [ ] T001\n\n- [ ] T001", "- [x] T001\n\n- [x] T001")]
    #[case::own_box(
        "- **Subtasks**: - [ ] T000 · - [ ] T001 · - [ ] T002",
        "- **Subtasks**: - [ ] T000 · - [x] T001 · - [ ] T002"
    )]
    #[case::boxed_list("Subtasks: [ ] T000 [ ] T001 [ ] T002", "Subtasks: [ ] T000 [x] T001 [ ] T002")]
    #[case::slash("- [ ] T001/T002 both", "- [x] T001/T002 both")]
    #[case::crlf("- [ ] T001 \r\nx", "- [x] T001 \r\nx")]
    #[case::bom("\u{feff}- [ ] T001", "\u{feff}- [x] T001")]
    fn ticks(#[case] before: &str, #[case] after: &str) {
        assert_eq!(done(&Checkbox, before, "T001").as_deref(), Some(after));
        assert_eq!(pending(&Checkbox, after, "T001").as_deref(), Some(before));
        assert_eq!(done(&Checkbox, after, "T001").as_deref(), Some(after));
    }

    #[test]
    fn a_box_without_its_blank_gets_it_back() {
        assert_eq!(done(&Checkbox, "- [] T001", "T001").as_deref(), Some("- [x] T001"));
        assert_eq!(pending(&Checkbox, "- [] T001", "T001").as_deref(), Some("- [] T001"));
    }

    #[test]
    fn a_capital_tick_is_a_tick() {
        assert_eq!(done(&Checkbox, "- [X] T001", "T001").as_deref(), Some("- [X] T001"));
        assert_eq!(pending(&Checkbox, "- [X] T001", "T001").as_deref(), Some("- [ ] T001"));
    }

    #[rstest]
    #[case::other("- [ ] T002", "T001")]
    #[case::suffixed("- [ ] T001b", "T001")]
    #[case::prose("- [ ] do what T001 needs", "T001")]
    #[case::second("- [ ] T002 after T001", "T001")]
    #[case::slash("- [ ] T001/T002", "T002")]
    #[case::numbered_part("- [ ] T001.1 a", "T001")]
    #[case::bare_range("- [ ] T001-005 all", "T001")]
    #[case::bare_range_inside("- [ ] T001-005 all", "T003")]
    #[case::two_suffixes("- [ ] T001-a x\n- [ ] T001-b y", "T001")]
    #[case::range("- [ ] T001-T003 all", "T001")]
    #[case::range_end("- [ ] T001-T003 all", "T003")]
    #[case::cancelled("- [-] T001", "T001")]
    #[case::parallel("- [P] T001", "T001")]
    #[case::subscript("arr[x] T001", "T001")]
    #[case::work_package("- [ ] WP01 a", "WP01")]
    #[case::code_span("write `- [ ] T001` so", "T001")]
    #[case::fenced("```\n- [ ] T001\n```", "T001")]
    fn not_rows(#[case] text: &str, #[case] id: &str) {
        assert_eq!(done(&Checkbox, text, id), None);
    }
}
