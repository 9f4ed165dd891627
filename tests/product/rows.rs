//! State kept in rows of `tasks.md`: what the stack as a whole does with real layouts.

use rstest::rstest;

use crate::support::{TASKS, mark, outcomes, rows, run};

fn after(tasks: &str, state: &str, ids: &[&str]) -> String {
    let repo = rows(tasks);
    let run = mark(&repo, state, ids);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    repo.read(TASKS)
}

const BOTH: &str = "\
| ID | Description | WP | Parallel |
|----|-------------|----|----------|
| T001 | One | WP01 | [P] |
| T002 | Two | WP01 | |

## WP01

- [ ] T001 One
- [ ] T002 Two
";

#[test]
fn a_checkbox_and_a_table_row_end_in_the_same_state() {
    let done = after(BOTH, "done", &["T002"]);
    let expected = BOTH
        .replace("| T002 | Two | WP01 | |", "| T002 | Two | WP01 | | [D] |")
        .replace("[ ] T002", "[x] T002");
    assert_eq!(done, expected);
    let pending = after(&done, "pending", &["T002"]);
    assert_eq!(pending, expected.replace("[D]", "[ ]").replace("[x] T002", "[ ] T002"));
    // They disagree: one of them is put right, and the answer is not "already so".
    let repo = rows(&BOTH.replace("[ ] T002", "[x] T002"));
    let run = mark(&repo, "done", &["T002", "--json"]);
    assert_eq!(outcomes(&run), [("T002".into(), "updated".into(), "checkbox".into())]);
    assert!(repo.read(TASKS).contains("| T002 | Two | WP01 | | [D] |"));
}

#[test]
fn every_format_of_one_file_in_one_call() {
    let tasks = "\
| ID | Status | Note |
|---|---|---|
| T001 | todo | a \\| b |
| T002 | todo | keep me

- [ ] **T003** bold
* [X] `T004` code
1. [ ] [T005](x.md) link
- **Subtasks:** T006..T008

```
- [ ] T003 in a fence
| T001 | todo | in a fence |
```
<!-- - [ ] T003 in a comment -->
> - [ ] T003 quoted
";
    let expected = tasks
        .replace("| T001 | todo | a", "| T001 | [D] | a")
        .replace("| T002 | todo | keep me", "| T002 | [D] | keep me")
        .replace("- [ ] **T003** bold", "- [x] **T003** bold")
        .replace("1. [ ] [T005]", "1. [x] [T005]")
        .replace("T006..T008\n", "T006..T008\n  - [x] T007\n")
        .replace("| T001 | [D] | in a fence", "| T001 | todo | in a fence");
    let repo = rows(tasks);
    let run = mark(&repo, "done", &["T007", "T005,T001", "T002-T004", "T001", "--json"]);
    let row = |id: &str, outcome: &str, format: &str| (id.to_owned(), outcome.to_owned(), format.to_owned());
    assert_eq!(
        outcomes(&run),
        [
            row("T007", "updated", "inline_subtasks"),
            row("T005", "updated", "checkbox"),
            row("T001", "updated", "pipe_table"),
            row("T002", "updated", "pipe_table"),
            row("T003", "updated", "checkbox"),
            row("T004", "already_satisfied", "checkbox"),
        ]
    );
    assert_eq!(repo.read(TASKS), expected);
}

#[rstest]
#[case::in_a_table(BOTH)]
#[case::in_a_checkbox("- [ ] WP01 Cart\n- [ ] T001 One (WP01)\n")]
#[case::in_a_list("Subtasks: WP01, T001\n")]
fn a_work_package_is_refused_and_its_tasks_are_left_alone(#[case] tasks: &str) {
    let repo = rows(tasks);
    repo.write("kitty-specs/m/tasks/WP01-x.md", "---\nwork_package_id: WP01\nsubtasks: [T001, T002]\n---\n");
    let run = mark(&repo, "done", &["wp01", "--json"]);
    assert_eq!(run.code, 1);
    assert_eq!(outcomes(&run), [("WP01".into(), "not_found".into(), "wp_id".into())]);
    let message = run.json()["results"][0]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("lane") && message.contains("T001 T002"), "{message}");
    assert_eq!(repo.read(TASKS), tasks);
}

#[test]
fn rosters_and_reference_rows_come_last_and_have_no_contract_format() {
    let repo = rows("## WP01\n\nT001 First (WP01)\nT002 Second\n");
    repo.write("kitty-specs/m/tasks/WP01-x.md", "---\nwork_package_id: WP01\nsubtasks: [T001, T003]\n---\n");
    let result = mark(&repo, "done", &["T001", "T002", "T003", "--json"]);
    assert!(outcomes(&result).iter().all(|(_, outcome, format)| outcome == "updated" && format == "null"));
    let text = repo.read(TASKS);
    for row in ["- [x] T001 First (WP01)\n", "- [x] T002 Second\n", "- [x] T003"] {
        assert!(text.contains(row), "{row:?} in {text}");
    }
    let rich =
        run(&repo, &["mark-status", "T001", "--status", "done", "--mission", "m", "--report", "json"]).json();
    assert_eq!(rich["results"][0]["strategy"], "checkbox", "a row that was made is a row");
}

#[test]
fn partial_success_is_success_unless_strict() {
    for (arguments, code) in [
        (&["T001", "T404"][..], 0),
        (&["T001", "T404", "--strict"], 1),
        (&["T404"], 1),
        (&["T001", "--strict"], 0),
    ] {
        let repo = rows("- [ ] T001 a\n");
        let result = mark(&repo, "done", &[arguments, &["--json"]].concat());
        assert_eq!(result.code, code, "{arguments:?}");
        assert_eq!(
            repo.read(TASKS).contains("[x]"),
            arguments[0] == "T001",
            "{arguments:?}: what resolves is done"
        );
    }
}

#[test]
fn a_near_id_is_suggested() {
    let repo = rows("- [ ] T001 a\n- [ ] T001b a\n");
    let run = mark(&repo, "done", &["T1"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("did you mean T001 or T001b?"), "{}", run.stderr);
}

#[rstest]
#[case::unclosed_comment("Subtasks: T001 <!--\nnote\n-->\n")]
#[case::comment_to_the_end("<!--\n")]
#[case::comment_in_a_block("<details>\nSubtasks: T001 <!--\nnote -->\n</details>\n")]
fn a_row_that_would_not_count_is_never_called_updated(#[case] tasks: &str) {
    let repo = rows(tasks);
    repo.write("kitty-specs/m/tasks/WP01-x.md", "---\nwork_package_id: WP01\nsubtasks: [T001]\n---\n");
    let run = mark(&repo, "done", &["T001", "--json"]);
    let (_, outcome, _) = outcomes(&run).remove(0);
    let again = outcomes(&mark(&repo, "done", &["T001", "--json"])).remove(0).1;
    let truthful = (outcome == "updated" && again == "already_satisfied")
        || (outcome == "not_found" && again == outcome);
    assert!(truthful, "{outcome}, then {again}: {}", repo.read(TASKS));
    assert_eq!(repo.read(TASKS) == tasks, outcome == "not_found");
}

/// A roster whose titles would change what a new row means.
#[test]
fn titles_of_rosters_do_no_harm() {
    let repo = rows("## WP01\n\ntext\n");
    let front = "---\nsubtasks:\n- {id: T001, title: to T005 migration}\n- {id: T002, title: 'a <!-- b'}\n- {id: T003, title: Plain}\n---\n";
    repo.write("kitty-specs/m/tasks/WP01-x.md", front);
    assert_eq!(mark(&repo, "done", &["T001-T003", "--strict"]).code, 0);
    let text = repo.read(TASKS);
    assert!(text.ends_with("\n- [x] T001\n- [x] T002\n- [x] T003 Plain\n"), "{text}");
    let again = mark(&repo, "done", &["T001-T003", "--json"]);
    assert!(
        outcomes(&again).iter().all(|(_, outcome, _)| outcome == "already_satisfied"),
        "{}",
        again.stdout
    );
}

#[test]
fn a_new_row_and_a_boxed_row_at_one_place_do_not_mix() {
    let repo = rows("## WP01\n- [ ] T001 a\nT002 b\n");
    repo.write("kitty-specs/m/tasks/WP01-x.md", "---\nsubtasks: [T001, T002, T003]\n---\n");
    assert_eq!(mark(&repo, "done", &["T002", "T003"]).code, 0);
    assert_eq!(repo.read(TASKS), "## WP01\n- [ ] T001 a\n- [x] T003\n- [x] T002 b\n");
}
