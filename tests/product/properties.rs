//! Properties that hold for every document: nothing but the rows of the requested tasks changes, and marking twice
//! is marking once.

use clearance_engine::id::TaskId;
use clearance_engine::mission::Mission;
use clearance_engine::plan::mark::{Tense, plan};
use clearance_engine::strategy::TaskState;
use proptest::prelude::*;

use crate::support::Scratch;

/// Lines of every form, over a few IDs, so that they collide.
fn line() -> impl Strategy<Value = String> {
    let id = prop_oneof![Just("T001"), Just("T002"), Just("T003"), Just("T002b"), Just("WP01")];
    let shape = prop_oneof![
        Just("- [ ] {} text"),
        Just("- [x] **{}**: text"),
        Just("* [X] `{}`"),
        Just("  - [ ] [{}](x.md) [P]"),
        Just("1. {} text"),
        Just("{} Define it"),
        Just("| {} | text | WP01 | [P] |"),
        Just("| {} | a \\| b"),
        Just("| {} | text | WP01 | | [D] |"),
        Just("| ID | Status | WP |\n|---|---|---|\n| {} | todo | WP01 |\n"),
        Just("**Subtasks**: {}, T003"),
        Just("- **Subtasks:** T001–{}"),
        Just("Subtasks: [ ] {} [x] T003"),
        Just("## {} — heading"),
        Just("prose about {} and `- [ ] {}`"),
        Just("> - [ ] {}"),
        Just("<!-- {}"),
        Just("-->"),
        Just("```"),
        Just(""),
        Just("\t- [ ] {}"),
        Just("| ID | Description | WP | Parallel |\n|---|---|---|---|"),
    ];
    (shape, id).prop_map(|(shape, id)| shape.replace("{}", id))
}

fn document() -> impl Strategy<Value = String> {
    let ending = prop_oneof![Just("\n"), Just("\r\n")];
    (proptest::collection::vec(line(), 0..14), ending, any::<bool>()).prop_map(|(lines, ending, last)| {
        let text = lines.join("\n").replace('\n', ending);
        if last { text + ending } else { text }
    })
}

/// The text after marking, and whether the state asked for is then on disk.
fn marked(place: &Scratch, text: &str, id: &TaskId, state: TaskState) -> (String, bool) {
    place.write("kitty-specs/m/tasks.md", text);
    let mission = Mission::open(&place.path().canonicalize().unwrap(), "m").unwrap();
    let registry = clearance::registry().unwrap();
    let plan = plan(&mission, std::slice::from_ref(id), state, registry.strategies(), Tense::Done).unwrap();
    (plan.tasks.unwrap_or_else(|| text.to_owned()), plan.results[0].is_resolved())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(800), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn marking_is_idempotent_and_reversible(text in document()) {
        let place = Scratch::new();
        let id = TaskId::parse("T002").unwrap();
        let (done, found) = marked(&place, &text, &id, TaskState::Done);
        let (twice, _) = marked(&place, &done, &id, TaskState::Done);
        prop_assert_eq!(&twice, &done, "done twice");
        let (pending, still) = marked(&place, &done, &id, TaskState::Pending);
        prop_assert_eq!(found, still, "what is found stays found");
        prop_assert_eq!(found, pending != done, "pending shows");
        let (again, _) = marked(&place, &pending, &id, TaskState::Done);
        // A capital tick is left alone while it is right, and is written small when it comes back.
        prop_assert_eq!(again.replace("[X]", "[x]"), done.replace("[X]", "[x]"), "done, pending, done");
    }

    #[test]
    fn nothing_else_changes(text in document()) {
        let place = Scratch::new();
        let id = TaskId::parse("T002").unwrap();
        for state in [TaskState::Done, TaskState::Pending] {
            let (after, _) = marked(&place, &text, &id, state);
            let mut old = text.split_inclusive('\n').peekable();
            for line in after.split_inclusive('\n') {
                if old.peek().is_some_and(|old| old.trim_end() == line.trim_end()) {
                    old.next();
                    continue;
                }
                prop_assert!(line.trim().is_empty() || line.contains("T002") || line.contains("T003") && line.contains("Subtasks"), "{line:?} in {after:?}");
                // Either a line that was there, with its own words, or a new row.
                let bare = |line: &str| line.replace(['|', ' ', '-', '\r', '\n'], "").replace("[]", "").replace("[x]", "").replace("[X]", "").replace("[D]", "").replace("todo", "");
                if old.peek().is_some_and(|old| bare(old) == bare(line)) {
                    old.next();
                } else {
                    prop_assert!(line.trim().is_empty() || line.trim_start().starts_with("- ["), "{line:?} in {after:?}");
                }
            }
            prop_assert_eq!(old.next(), None, "a line was lost: {:?}", after);
            // Other tasks keep their state.
            for other in ["T001", "T003", "T002b"] {
                let other = TaskId::parse(other).unwrap();
                let (before_other, found) = marked(&place, &text, &other, TaskState::Done);
                let (after_other, still) = marked(&place, &after, &other, TaskState::Done);
                // A new row may make the line below it one that defines a task; it may not hide one.
                prop_assert!(!found || still, "{other} of {after:?}");
                if found {
                    prop_assert_eq!(before_other == text, after_other == after, "{} of {:?}", other, after);
                }
            }
        }
    }
}
