//! State kept in events: `tasks.md` stays byte-identical, completion is an appended annotation.

use rstest::rstest;
use serde_json::Value;

use crate::support::{LOG, TASKS, TestRepo, events, mark, outcomes};

const TEXT: &str = "## WP01\n\n- [ ] T001 One\n- [x] T002 Two\n\n## WP02\n\n- [ ] T003 Three\n";

fn two_packages() -> TestRepo {
    events(TEXT, &[("WP01", "T001, T002"), ("WP02", "T003")])
}

fn log(repo: &TestRepo) -> Vec<Value> {
    repo.read(LOG).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn completion_is_one_annotation_an_owner_and_tasks_md_is_not_touched() {
    let repo = two_packages();
    let run = mark(&repo, "done", &["T003", "T001", "T002", "--json"]);
    assert_eq!(run.code, 0);
    assert!(outcomes(&run).iter().all(|(_, outcome, format)| outcome == "updated" && format == "checkbox"));
    assert_eq!(repo.read(TASKS), TEXT);
    let text = repo.read(LOG);
    let first = text.lines().next().unwrap();
    // Byte for byte what the original (3.2.7) writes: sorted keys, its separators, its time format, its actor.
    assert!(
        first.starts_with(
            r#"{"actor": "user", "at": "2026-05-06T07:08:09.000001+00:00", "delta": {"subtasks": {"T003": "done"}}, "event_id": ""#
        ) && first.ends_with(r#"", "kind": "annotation", "wp_id": "WP02"}"#),
        "{first}"
    );
    let rows = log(&repo);
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[1]["delta"]["subtasks"], serde_json::json!({"T001": "done", "T002": "done"}));
    assert_eq!(rows[1]["wp_id"], "WP01");
    assert!(rows[0]["event_id"].as_str() < rows[1]["event_id"].as_str());
}

#[test]
fn already_satisfied_is_what_the_log_says() {
    let repo = two_packages();
    mark(&repo, "done", &["T001"]);
    let before = repo.read(LOG);
    let again = mark(&repo, "done", &["T001", "--json"]);
    assert_eq!(outcomes(&again), [("T001".into(), "already_satisfied".into(), "checkbox".into())]);
    assert_eq!(repo.read(LOG), before);
    // The row of T002 is ticked, but the log is what counts, and it says nothing yet.
    assert_eq!(outcomes(&mark(&repo, "done", &["T002", "--json"]))[0].1, "updated");
    mark(&repo, "pending", &["T001"]);
    assert_eq!(log(&repo).last().unwrap()["delta"]["subtasks"]["T001"], "planned");
    assert_eq!(outcomes(&mark(&repo, "pending", &["T001", "--json"]))[0].1, "already_satisfied");
    // Never recorded, and its row is open: that is on disk.
    assert_eq!(outcomes(&mark(&repo, "pending", &["T003", "--json"]))[0].1, "already_satisfied");
}

#[test]
fn one_bad_owner_does_not_fail_the_others() {
    let text =
        format!("{TEXT}\n## Loose ends\n\n- [ ] T900 nobody's\n\n| ID | WP |\n|---|---|\n| T901 | WP77 |\n");
    let repo = events(&text, &[("WP01", "T001")]);
    let run = mark(&repo, "done", &["T900", "T001", "T901", "--json"]);
    assert_eq!(run.code, 0);
    let found: Vec<_> = outcomes(&run).into_iter().map(|(_, outcome, _)| outcome).collect();
    assert_eq!(found, ["not_found", "updated", "not_found"]);
    let json = run.json();
    let message = |n: usize| json["results"][n]["message"].as_str().unwrap().to_owned();
    assert!(message(0).contains("no work package lists T900"), "{}", message(0));
    assert!(message(2).contains("WP77") && message(2).contains("no such work package"), "{}", message(2));
    assert_eq!(log(&repo).len(), 1);
}

#[rstest]
#[case::roster_beats_heading("## WP01\n\n- [ ] T001 a\n", &[("WP01", "T009"), ("WP09", "T001")], &["WP09"])]
#[case::two_rosters("- [ ] T001 a\n", &[("WP01", "T001"), ("WP02", "T001")], &["WP01", "WP02"])]
#[case::heading("## WP02 - x\n\n- [ ] T001 a\n", &[("WP02", "T009")], &["WP02"])]
#[case::odd_heading("## Phase 4 / WP02\n\n- [ ] T001 a\n", &[("WP02", "T009")], &["WP02"])]
#[case::numbered_heading("## Work Package 2 — x\n\n- [ ] T001 a\n", &[("WP02", "T009")], &["WP02"])]
#[case::column("| ID | Work Package |\n|---|---|\n| T000 | WP01 |\n| T001 | WP02 |\n", &[("WP02", "T009")], &["WP02"])]
#[case::on_the_line("- [ ] T001 a (WP02)\n", &[("WP02", "T009")], &["WP02"])]
#[case::row_not_mention("| ID | Task | WP |\n|---|---|---|\n| T001 | a | WP02 |\n| T002 | after T001 | WP01 |\n", &[("WP01", "T009"), ("WP02", "T008")], &["WP02"])]
#[case::prepared_elsewhere("## WP01\n\n- [ ] T008 prepare for T001\n\n## WP02\n\n- [ ] T001 x\n", &[("WP01", "T008"), ("WP02", "T009")], &["WP02"])]
#[case::in_parentheses("- [ ] T001 after WP01 is done (WP02)\n", &[("WP01", "T008"), ("WP02", "T009")], &["WP02"])]
#[case::roster_only("nothing\n", &[("WP02", "T001")], &["WP02"])]
fn owners(#[case] text: &str, #[case] rosters: &[(&str, &str)], #[case] expected: &[&str]) {
    let repo = events(text, rosters);
    let run = mark(&repo, "done", &["T001"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let owners: Vec<_> = log(&repo).iter().map(|row| row["wp_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(owners, expected);
}

#[test]
fn the_roster_spelling_is_what_is_recorded() {
    // The original compares subtask names exactly.
    let repo = events("- [ ] T014B a\n", &[("WP01", "T014b")]);
    mark(&repo, "done", &["t014B"]);
    assert_eq!(log(&repo)[0]["delta"]["subtasks"], serde_json::json!({"T014b": "done"}));
}

#[test]
fn a_broken_roster_hides_no_other_and_is_named_where_it_matters() {
    let repo = two_packages();
    repo.write("kitty-specs/m/tasks/WP03-x.md", "---\nsubtasks: [T004\n---\n");
    let run = mark(&repo, "done", &["T001", "T004", "--json"]);
    assert_eq!(run.code, 0);
    let found = outcomes(&run);
    assert_eq!((found[0].1.as_str(), found[1].1.as_str()), ("updated", "not_found"));
    let message = run.json()["results"][1]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("tasks/WP03-x.md:2"), "{message}");
}

#[test]
fn a_file_that_could_not_be_read_is_named_though_the_call_succeeds() {
    let repo = two_packages();
    repo.write("kitty-specs/m/tasks/WP03-x.md", "---\nsubtasks: [T001\n---\n");
    let run = mark(&repo, "done", &["T001"]);
    assert_eq!(run.code, 0);
    assert!(
        run.stderr.contains("tasks/WP03-x.md:2") && run.stderr.contains("none is recorded for it"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_mission_without_tasks_md_still_has_rosters() {
    let repo = two_packages();
    std::fs::remove_file(repo.root().join(TASKS)).unwrap();
    assert_eq!(mark(&repo, "done", &["T001"]).code, 0);
    assert!(!repo.root().join(TASKS).exists());
}

#[rstest]
#[case::newline_missing("{\"wp_id\":\"WP01\"}", "{\"wp_id\":\"WP01\"}\n", None)]
#[case::torn("{\"wp_id\":\"WP01\"}\n{\"wp_i", "{\"wp_id\":\"WP01\"}\n", Some("{\"wp_i\n"))]
fn the_tail_of_a_crash_is_healed(#[case] before: &str, #[case] kept: &str, #[case] torn: Option<&str>) {
    let repo = two_packages();
    repo.write(LOG, before);
    let run = mark(&repo, "done", &["T001"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let text = repo.read(LOG);
    assert!(text.starts_with(kept) && text.lines().count() == 2, "{text}");
    let aside = format!("{LOG}.torn");
    assert_eq!(repo.root().join(&aside).exists(), torn.is_some());
    if let Some(torn) = torn {
        assert_eq!(repo.read(&aside), torn);
        assert!(run.stderr.contains("torn by a crash"), "{}", run.stderr);
    }
}

#[test]
fn a_log_from_the_future_does_not_swallow_the_change() {
    let repo = two_packages();
    let row = r#"{"actor":"user","at":"2099-01-01T00:00:00Z","delta":{"subtasks":{"T001":"done"}},"event_id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","kind":"annotation","wp_id":"WP01"}"#;
    repo.write(LOG, format!("{row}\n"));
    let run = mark(&repo, "pending", &["T001"]);
    assert!(run.stderr.contains("machine's clock"), "{}", run.stderr);
    assert_eq!(log(&repo)[1]["at"], "2099-01-01T00:00:01.000000+00:00");
    assert_eq!(outcomes(&mark(&repo, "pending", &["T001", "--json"]))[0].1, "already_satisfied");
}

#[test]
fn a_dry_run_shows_the_events_and_appends_none() {
    let repo = two_packages();
    let run = mark(&repo, "done", &["T001", "--dry-run"]);
    assert_eq!(run.code, 0);
    assert!(run.stdout.contains(r#"+{"actor": "user""#), "{}", run.stdout);
    assert!(!repo.root().join(LOG).exists());
}

/// The original (3.2.7) compares stamps as text: `...00.000001+00:00` comes before `...00Z`, and an offset of two hours
/// sorts two hours late. What is written must be last for both.
#[rstest]
#[case("2026-12-30T22:00:00Z")]
#[case("2026-12-30T22:00:00+02:00")]
#[case("2026-12-30T22:00:00.500000+00:00")]
fn the_new_event_is_the_last_one_as_text_too(#[case] at: &str) {
    let repo = two_packages();
    let row = format!(
        r#"{{"actor":"user","at":"{at}","delta":{{"subtasks":{{"T001":"planned"}}}},"event_id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","kind":"annotation","wp_id":"WP01"}}"#
    );
    repo.write(LOG, format!("{row}\n"));
    assert_eq!(mark(&repo, "done", &["T001"]).code, 0);
    let written = log(&repo)[1]["at"].as_str().unwrap().to_owned();
    assert!(written.as_str() > at, "{written} sorts before {at}");
    assert_eq!(outcomes(&mark(&repo, "done", &["T001", "--json"]))[0].1, "already_satisfied");
}

#[test]
fn a_dependency_named_on_the_line_is_not_the_owner() {
    let repo = events("- [ ] T001 a (depends on WP02)\n", &[("WP02", "T009")]);
    let run = mark(&repo, "done", &["T001", "--json"]);
    assert_eq!((run.code, outcomes(&run)[0].1.as_str()), (1, "not_found"));
    assert!(!repo.root().join(LOG).exists());
}
