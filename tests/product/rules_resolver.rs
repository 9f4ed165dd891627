//! A team's own form of tasks, by a file of `rules.d/`: what is found, and exactly what is written.

use rstest::rstest;

use crate::support::{TASKS, TestRepo, mark, outcomes, rows, run};

const LINES: &str = r"schema: clearance.rule/v1
kind: resolver
id: open-lines
title: Lines that begin with OPEN or CLOSED
resolver:
  pattern: '^\s*(?<state>OPEN|WAIT|CLOSED|DONE)\s+(?<id>T\d{3}(?:-\w+)?)\b'
  done: [CLOSED, DONE]
  pending: [OPEN, WAIT]
tests:
  - name: both
    tasks: |
      OPEN T001 a
      DONE T002 b
    expect: { T001: pending, T002: done }
";

fn with(tasks: &str) -> TestRepo {
    let repo = rows(tasks);
    repo.write("rules.d/lines.yaml", LINES);
    repo
}

/// The bytes of the state, and no other: blanks, line endings and what stands behind stay as they are.
#[rstest]
#[case::plain("OPEN T001 a\n", "done", "CLOSED T001 a\n")]
#[case::another_word("\tWAIT  T001\ta  \n", "done", "\tCLOSED  T001\ta  \n")]
#[case::back("CLOSED T001 a\n", "pending", "OPEN T001 a\n")]
#[case::back_from_another_word("DONE T001 a\n", "pending", "OPEN T001 a\n")]
#[case::carriage_return("x\r\nOPEN T001 a\r\ny", "done", "x\r\nCLOSED T001 a\r\ny")]
#[case::mixed_endings("a\rb\nOPEN T001 a", "done", "a\rb\nCLOSED T001 a")]
#[case::byte_order_mark("\u{feff}# x\nOPEN T001 ä OPEN\n", "done", "\u{feff}# x\nCLOSED T001 ä OPEN\n")]
#[case::neighbours(
    "OPEN T001 a\nOPEN T002 b\nOPEN T001-db c\n",
    "done",
    "CLOSED T001 a\nOPEN T002 b\nOPEN T001-db c\n"
)]
#[case::all_rows_of_it(
    "OPEN T001 a\nCLOSED T001 b\n- [ ] T001 c\n",
    "done",
    "CLOSED T001 a\nCLOSED T001 b\n- [x] T001 c\n"
)]
#[case::not_in_code("```\nOPEN T001 a\n```\nOPEN T001 b\n", "done", "```\nOPEN T001 a\n```\nCLOSED T001 b\n")]
fn exactly_the_state_is_written(#[case] before: &str, #[case] state: &str, #[case] after: &str) {
    let repo = with(before);
    let marked = mark(&repo, state, &["T001", "--json", "--no-auto-commit"]);
    assert_eq!(marked.code, 0, "{}{}", marked.stdout, marked.stderr);
    assert_eq!(repo.read(TASKS), after);
    let format = if before.contains("[ ]") { "checkbox" } else { "null" };
    assert_eq!(outcomes(&marked), [("T001".to_owned(), "updated".to_owned(), format.to_owned())]);
    let again = mark(&repo, state, &["T001", "--json", "--no-auto-commit"]);
    assert_eq!(outcomes(&again)[0].1, "already_satisfied");
    assert_eq!(repo.read(TASKS), after);
}

/// The contract's keys are as they were, and the account names the rule.
#[test]
fn the_contract_has_no_format_for_it() {
    let repo = with("OPEN T001 a\n");
    let marked = mark(&repo, "done", &["T001", "T009", "--json", "--no-auto-commit", "--dry-run"]);
    let json = marked.json();
    let keys: Vec<_> = json["results"][0].as_object().unwrap().keys().cloned().collect();
    assert_eq!((marked.code, keys), (0, ["format", "id", "message", "outcome"].map(str::to_owned).to_vec()));
    assert!(json["results"][0]["format"].is_null());
    assert_eq!(json["results"][1]["outcome"], "not_found");
    assert_eq!(repo.read(TASKS), "OPEN T001 a\n", "a dry run writes nothing");
    let account = mark(&repo, "done", &["T001", "--report", "json", "--no-auto-commit"]).json();
    assert_eq!(account["results"][0]["strategy"], "open-lines");
}

/// The board counts such tasks, and the rule's tests are run with the others.
#[test]
fn boards_and_tests_know_it() {
    let repo = with("## WP01\n\nOPEN T001 a\nCLOSED T002 b\n");
    repo.write("kitty-specs/m/tasks/WP01-x.md", "---\nwork_package_id: WP01\nsubtasks: [T001, T002]\n---\n");
    let board = run(&repo, &["status", "--mission", "m", "--json"]).json();
    let one = &board["work_packages"][0];
    let told = [&one["open_tasks"][0]["id"], &one["tasks_done"], &one["tasks_total"]];
    assert_eq!(serde_json::json!(told), serde_json::json!(["T001", 1, 2]), "{board:#}");
    assert_eq!(run(&repo, &["rules", "test"]).stdout, "1 passed, 0 failed\n");
    assert!(run(&repo, &["rules", "list"]).stdout.contains("open-lines"));
    repo.write("rules.d/lines.yaml", LINES.replace("T002: done }", "T002: pending }"));
    assert_eq!(run(&repo, &["rules", "test"]).code, 1);
}

/// A resolver that cannot be used changes nothing about other forms, and is told of.
#[test]
fn a_broken_resolver_is_told_and_harms_nothing() {
    let repo = with("OPEN T001 a\n- [ ] T002 b\n");
    repo.write("rules.d/lines.yaml", LINES.replace("done:", "dnoe:"));
    let marked = mark(&repo, "done", &["T002", "--json", "--no-auto-commit"]);
    assert_eq!((marked.code, outcomes(&marked)[0].1.as_str()), (0, "updated"));
    assert!(marked.stderr.contains("rules.d/lines.yaml"), "{}", marked.stderr);
    let missing = mark(&repo, "done", &["T001", "--json", "--no-auto-commit"]);
    assert_eq!((missing.code, outcomes(&missing)[0].1.as_str()), (1, "not_found"));
    assert_eq!(repo.read(TASKS), "OPEN T001 a\n- [x] T002 b\n");
    assert_eq!(run(&repo, &["rules", "test"]).code, 3);
    assert_eq!(run(&repo, &["check", "--stage", "commit", "--mission", "m"]).code, 3);
}
