//! `subtasks: [T001]` in the front matter of `tasks/WPnn-*.md`: the work package's own list of its tasks. It names
//! them and cannot show their state, so the task gets a tracking row in `tasks.md`.

use std::ops::Range;

use clearance_engine::edit::Change;
use clearance_engine::id::TaskId;
use clearance_engine::mission::tasks::TasksDoc;
use clearance_engine::mission::work_package::{Subtask, WorkPackage};
use clearance_engine::register_strategy;
use clearance_engine::strategy::{
    Place, Resolution, ResolveContext, ResolverStrategy, StrategyMeta, TaskState,
};

use super::common::{bullet, is_task, mark, new_row, safe_title, with_children};
use super::reference_row;

register_strategy!("authored-roster", AuthoredRoster);

/// Gives the task a row: a box on the line that defines it, else a new row in its work package's section.
pub struct AuthoredRoster;

impl ResolverStrategy for AuthoredRoster {
    fn meta(&self) -> &StrategyMeta {
        &StrategyMeta {
            id: "authored-roster",
            summary: "a work package's front matter: `subtasks: [T001, T002]`",
            format: None,
            tracks: false,
        }
    }

    fn resolve(&self, id: &TaskId, wanted: TaskState, context: ResolveContext<'_>) -> Resolution {
        if !is_task(id) {
            return Resolution::NotMine;
        }
        let listing: Vec<_> = context.rostered(id).collect();
        let Some(first) = listing.first() else { return Resolution::NotMine };
        let at =
            listing.iter().map(|(package, entry)| Place { file: package.file.clone(), line: entry.line });
        let at = at.collect();
        let change = reference_row::boxed(context.tasks, id, wanted).map_or_else(
            || row_in_section(context.tasks, id, wanted, first.0, first.1),
            |(_, change)| change,
        );
        Resolution::of(at, vec![change])
    }
}

/// A new row behind the last checkbox row of the work package's section, else at the end of the section, else at the
/// end of the document, where it names its work package.
fn row_in_section(
    tasks: &TasksDoc,
    id: &TaskId,
    state: TaskState,
    package: &WorkPackage,
    entry: &Subtask,
) -> Change {
    let title = entry.title.as_deref().unwrap_or_default();
    let section = tasks.section_lines(&package.id.clone().into());
    let lines = section.clone().unwrap_or(0..tasks.lines().len());
    let last_row = lines.clone().rfind(|line| is_task_row(tasks, *line));
    if let (Some(last), true) = (last_row, section.is_some()) {
        let (text, line) = (tasks.text(), tasks.lines()[last]);
        let indent = bullet(text, line).map_or("", |bullet| &text[line.start..bullet.start]);
        let last = tasks.insertion_line(with_children(tasks, last));
        return new_row(tasks, id, state, last, indent, title);
    }
    let last = last_content(tasks, lines);
    let after = last.or_else(|| section.as_ref().map(|section| section.start - 1));
    let after = after.or_else(|| tasks.lines().len().checked_sub(1)).map(|line| tasks.insertion_line(line));
    let owner = if section.is_some() { String::new() } else { format!(" ({})", package.id) };
    let text = format!("- [{}] {id}{}{owner}", mark(state), safe_title(title));
    let continues = after.is_some_and(|line| is_task_row(tasks, line));
    Change::InsertLine { after, text, id: id.clone(), gap: !continues && after.is_some() }
}

/// The last line of the section's content, a block of code or a comment included; where such a block is never closed,
/// the last line before it.
fn last_content(tasks: &TasksDoc, lines: Range<usize>) -> Option<usize> {
    let content = |line: &usize| !is_blank(tasks, *line) && !is_rule(tasks, *line);
    let last = lines.clone().rev().find(content)?;
    let text = tasks.line_text(last).trim();
    let closed = text.starts_with(['`', '~', '>']) || text.contains("-->");
    if !tasks.is_excluded(last) || closed {
        return Some(last);
    }
    lines.rev().find(|line| content(line) && !tasks.is_excluded(*line))
}

fn is_blank(tasks: &TasksDoc, line: usize) -> bool {
    tasks.line_text(line).trim().is_empty()
}

/// A rule (`---`) that parts this section from the next. Right below text the same characters make a heading.
fn is_rule(tasks: &TasksDoc, line: usize) -> bool {
    let text = tasks.line_text(line).trim();
    let drawn = ['-', '*', '_'].iter().any(|mark| text.chars().all(|c| c == *mark || c == ' '));
    drawn && line.checked_sub(1).is_none_or(|above| is_blank(tasks, above))
}

/// `- [ ] T001 ...`
fn is_task_row(tasks: &TasksDoc, line: usize) -> bool {
    let (text, bounds) = (tasks.text(), tasks.lines()[line]);
    let Some(bullet) = bullet(text, bounds) else { return false };
    let rest = &text[bullet.end..bounds.end];
    let ticked = ["[ ] ", "[x] ", "[X] "].iter().any(|tick| rest.starts_with(tick));
    ticked && !tasks.is_excluded(line) && tasks.ids_on_line(line).first().is_some_and(is_task)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{done_in, mission};
    use super::*;
    use rstest::rstest;

    const ROSTER: &str = "---\nwork_package_id: WP02\nsubtasks:\n- T001\n- id: T002\n  title: Second\n---\n";

    #[rstest]
    #[case::after_rows(
        "## WP02\n\n- [ ] T000 a\n\ntext\n\n## WP03\n",
        "## WP02\n\n- [ ] T000 a\n- [x] T001\n\ntext\n\n## WP03\n"
    )]
    #[case::after_prose("## WP02\n\ntext\n\n## WP03\n", "## WP02\n\ntext\n\n- [x] T001\n\n## WP03\n")]
    #[case::empty_section("## WP02\n## WP03\n", "## WP02\n\n- [x] T001\n## WP03\n")]
    #[case::no_section("# Tasks\n", "# Tasks\n\n- [x] T001 (WP02)\n")]
    #[case::before_the_children_end(
        "## WP02\n\n- [ ] T000 a\n  - detail\n",
        "## WP02\n\n- [ ] T000 a\n  - detail\n- [x] T001\n"
    )]
    #[case::before_a_rule(
        "## WP02\n\ntext\n\n---\n\n## WP03\n",
        "## WP02\n\ntext\n\n- [x] T001\n\n---\n\n## WP03\n"
    )]
    #[case::not_in_an_indented_fence(
        "## WP02\n\n- Build it:\n  ```sh\n  make all\n  ```\n\n## WP03\n",
        "## WP02\n\n- Build it:\n  ```sh\n  make all\n  ```\n\n- [x] T001\n\n## WP03\n"
    )]
    #[case::not_in_a_split_comment(
        "## WP02\n\ntext <!-- hidden\nmore -->\n",
        "## WP02\n\ntext <!-- hidden\nmore -->\n\n- [x] T001\n"
    )]
    #[case::below_front_matter("---\ntitle: x\n---\n", "---\ntitle: x\n---\n\n- [x] T001 (WP02)\n")]
    #[case::bom_only("\u{feff}", "\u{feff}- [x] T001 (WP02)\n")]
    #[case::comment_only("<!-- x -->\r\n", "<!-- x -->\r\n\r\n- [x] T001 (WP02)\r\n")]
    #[case::not_in_a_comment(
        "## WP02\n\n<!-- Format:\n- [ ] T000 Example\n-->\n\nText.\n",
        "## WP02\n\n<!-- Format:\n- [ ] T000 Example\n-->\n\nText.\n\n- [x] T001\n"
    )]
    #[case::defined("## WP02\n\nT001 Define\n", "## WP02\n\n- [x] T001 Define\n")]
    #[case::empty("", "- [x] T001 (WP02)\n")]
    fn a_rostered_task_gets_a_row(#[case] before: &str, #[case] after: &str) {
        let mission = mission(before, &[("WP02-x.md", ROSTER)]);
        assert_eq!(done_in(&mission, &AuthoredRoster, "T001").as_deref(), Some(after));
    }

    #[test]
    fn the_title_of_the_roster_goes_along() {
        let mission = mission("## WP02\n", &[("WP02-x.md", ROSTER)]);
        assert_eq!(
            done_in(&mission, &AuthoredRoster, "T002").as_deref(),
            Some("## WP02\n\n- [x] T002 Second\n")
        );
    }

    #[test]
    fn others_are_not_mine() {
        let mission = mission("T009 x\n", &[("WP02-x.md", ROSTER)]);
        assert_eq!(done_in(&mission, &AuthoredRoster, "T009"), None);
    }
}
