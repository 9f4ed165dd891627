//! Work packages between lanes: `move`, and `mark-status WPnn`.

use rstest::rstest;
use serde_json::Value;

use crate::support::{LOG, Run, SNAPSHOT, TASKS, TestRepo, events, mark, outcomes, run, step, step_at};

const TEXT: &str = "## WP01\n\n- [ ] T001 One\n- [ ] T002 Two\n\n## WP02\n\n- [x] WP02 all\n| Task | WP | Done |\n|---|---|---|\n| T003 | WP02 | [ ] |\n";

/// A mission with two work packages, WP01 in a lane.
fn repo_in(lane: &str) -> TestRepo {
    let repo = events(TEXT, &[("WP01", "T001, T002"), ("WP02", "T003")]);
    repo.write(LOG, step("WP01", "genesis", lane));
    repo
}

fn move_to(repo: &TestRepo, lane: &str, more: &[&str]) -> Run {
    run(repo, &[&["move", "WP01", "--to", lane, "--mission", "m"], more].concat())
}

fn log(repo: &TestRepo) -> Vec<Value> {
    repo.read(LOG).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn lane(repo: &TestRepo, work_package: &str) -> String {
    let snapshot: Value = serde_json::from_str(&repo.read(SNAPSHOT)).unwrap();
    snapshot["work_packages"][work_package]["lane"].as_str().unwrap().to_owned()
}

/// Every step of the matrix, with what it asks for, is taken, recorded and readable from the snapshot; without it the
/// step is refused, the refusal names the option, and not a byte changes.
#[rstest]
#[case("planned", "claimed", &["--actor", "bob"], "")]
#[case("planned", "blocked", &[], "")]
#[case("planned", "canceled", &["--reason", "dropped"], "")]
#[case("claimed", "in_progress", &[], "")]
#[case("in_progress", "approved", &["--reviewer", "rev", "--evidence", "PR#1"], "--reviewer NAME --evidence REFERENCE")]
#[case("in_progress", "planned", &["--reason", "wrong plan"], "--reason WHY")]
#[case("for_review", "in_review", &["--actor", "rev"], "")]
#[case("in_review", "approved", &["--reviewer", "rev", "--evidence", "PR#1"], "--reviewer NAME --evidence REFERENCE")]
#[case("in_review", "done", &["--reviewer", "rev", "--evidence", "PR#1"], "--reviewer NAME --evidence REFERENCE")]
#[case("in_review", "in_progress", &["--reviewer", "rev", "--review-ref", "review-1.md"], "--reviewer NAME --review-ref REFERENCE")]
#[case("in_review", "planned", &["--reviewer", "rev", "--review-ref", "review-1.md"], "--reviewer NAME --review-ref REFERENCE")]
#[case("in_review", "blocked", &["--reviewer", "rev", "--verdict", "changes_requested", "--evidence", "r"], "--verdict VERDICT")]
#[case("approved", "done", &["--reviewer", "rev", "--evidence", "PR#1"], "--reviewer NAME --evidence REFERENCE")]
#[case("approved", "in_progress", &["--review-ref", "review-2.md"], "--review-ref REFERENCE")]
#[case("approved", "planned", &["--review-ref", "review-2.md"], "--review-ref REFERENCE")]
#[case("blocked", "in_progress", &[], "")]
fn steps_ask_for_what_they_need(
    #[case] from: &str,
    #[case] to: &str,
    #[case] options: &[&str],
    #[case] asked: &str,
) {
    let repo = repo_in(from);
    let before = repo.read(LOG);
    if !asked.is_empty() {
        let refused = move_to(&repo, to, &[]);
        assert_eq!(refused.code, 1, "{}", refused.stdout);
        assert!(
            refused.stderr.contains(&format!("clearance move WP01 --to {to} --mission m")),
            "{}",
            refused.stderr
        );
        assert!(refused.stderr.contains(asked), "{}", refused.stderr);
        assert_eq!(repo.read(LOG), before, "nothing is written");
        assert!(!repo.root().join(SNAPSHOT).exists());
    }
    let moved = move_to(&repo, to, options);
    assert_eq!(moved.code, 0, "{}", moved.stderr);
    assert!(repo.read(LOG).starts_with(&before), "the log is only appended to");
    let event = log(&repo).pop().unwrap();
    assert_eq!((event["from_lane"].as_str(), event["to_lane"].as_str()), (Some(from), Some(to)));
    assert_eq!(event["force"], false);
    assert_eq!(lane(&repo, "WP01"), to);
    let again = move_to(&repo, to, options);
    assert_eq!((again.code, log(&repo).len()), (0, 2), "there already: {}", again.stdout);
}

#[test]
fn what_a_step_brought_along_is_in_its_event() {
    let repo = repo_in("in_review");
    move_to(&repo, "approved", &["--actor", "lead", "--reviewer", "rev", "--evidence", "PR#1"]);
    let event = log(&repo).pop().unwrap();
    let review = serde_json::json!({ "reviewer": "rev", "verdict": "approved", "reference": "PR#1" });
    assert_eq!((&event["evidence"]["review"], &event["review_result"]), (&review, &review));
    assert_eq!((event["actor"].as_str(), event["mission_slug"].as_str()), (Some("lead"), Some("m")));
    let repo = repo_in("in_review");
    repo.write("notes/review.md", "not yet\n");
    let sent_back = move_to(&repo, "in_progress", &["--reviewer", "rev", "--feedback", "notes/review.md"]);
    assert_eq!(sent_back.code, 0, "{}", sent_back.stderr);
    let event = log(&repo).pop().unwrap();
    assert_eq!(event["review_ref"], "notes/review.md");
    assert_eq!(
        event["review_result"],
        serde_json::json!({ "reviewer": "rev", "verdict": "changes_requested", "reference": "notes/review.md", "feedback_path": "notes/review.md" })
    );
    let missing = move_to(&repo, "planned", &["--reason", "x", "--feedback", "no/such.md"]);
    assert_eq!(missing.code, 2, "{}", missing.stderr);
}

#[test]
fn for_review_lists_the_open_tasks_with_their_places() {
    let repo = repo_in("in_progress");
    let refused = move_to(&repo, "for_review", &[]);
    assert_eq!(refused.code, 1);
    for needle in ["T001 (kitty-specs/m/tasks.md:3)", "T002 (kitty-specs/m/tasks.md:4)"] {
        assert!(refused.stderr.contains(needle), "{needle} in {}", refused.stderr);
    }
    assert!(!refused.stderr.contains("T003"), "that of another work package: {}", refused.stderr);
    assert!(refused.stderr.contains("clearance mark-status T001 T002 --status done --mission m"));
    let json = move_to(&repo, "for_review", &["--json"]).json();
    assert_eq!(json["refusal"]["open_tasks"][1]["line"], 4);
    assert_eq!((json["refusal"]["code"].as_str(), json["exit_code"].as_u64()), (Some("tasks_open"), Some(1)));
    assert_eq!(mark(&repo, "done", &["T001"]).code, 0);
    assert!(move_to(&repo, "for_review", &[]).stderr.contains("not all done: T002"));
    assert_eq!(mark(&repo, "done", &["T002"]).code, 0);
    assert_eq!(move_to(&repo, "for_review", &[]).code, 0);
}

/// Where completion is rows, an open box in the section counts, whatever it says; one in a code block is no box.
#[test]
fn open_boxes_without_an_id_count_where_rows_count() {
    let repo = repo_in("in_progress");
    repo.write("kitty-specs/m/meta.json", "{}");
    repo.write(TASKS, "## WP01\n\n- [x] T001 One\n- [x] T002 Two\n- [ ] and the docs\n```\n- [ ] sample\n```\n## WP02\n- [ ] T003 x\n");
    let refused = move_to(&repo, "for_review", &["--json"]).json();
    assert_eq!(
        refused["refusal"]["open_tasks"],
        serde_json::json!([{ "id": null, "file": TASKS, "line": 5 }])
    );
    repo.write(TASKS, repo.read(TASKS).replace("[ ] and", "[x] and"));
    assert_eq!(move_to(&repo, "for_review", &[]).code, 0);
}

#[test]
fn the_usual_way_is_gone_in_one_call_or_not_at_all() {
    let repo = repo_in("planned");
    let refused = move_to(&repo, "approved", &["--actor", "a", "--reviewer", "r", "--evidence", "PR#1"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("from in_progress to for_review"), "{}", refused.stderr);
    assert_eq!(log(&repo).len(), 1, "no step is taken where a later one is refused");
    mark(&repo, "done", &["T001", "T002"]);
    let moved =
        move_to(&repo, "approved", &["--actor", "a", "--reviewer", "r", "--evidence", "PR#1", "--json"])
            .json();
    let way: Vec<_> =
        moved["steps"].as_array().unwrap().iter().map(|step| step["to"].as_str().unwrap()).collect();
    assert_eq!(way, ["claimed", "in_progress", "for_review", "in_review", "approved"]);
    let rows = log(&repo);
    let stamps: Vec<_> =
        rows.iter().map(|row| (row["at"].as_str().unwrap(), row["event_id"].as_str().unwrap())).collect();
    assert!(stamps.is_sorted() && stamps.windows(2).all(|two| two[0].1 < two[1].1), "{stamps:?}");
    assert_eq!(lane(&repo, "WP01"), "approved");
}

#[rstest]
#[case(&["--force"])]
#[case(&["--force", "--actor", "boss"])]
#[case(&["--force", "--reason", "because"])]
#[case(&["--force", "--actor", " ", "--reason", "because"])]
fn force_says_who_and_why(#[case] options: &[&str]) {
    let repo = repo_in("done");
    let refused = move_to(&repo, "planned", options);
    assert_eq!((refused.code, log(&repo).len()), (1, 1), "{}", refused.stderr);
    assert!(refused.stderr.contains("--force --actor"), "{}", refused.stderr);
    let forced = move_to(&repo, "planned", &["--force", "--actor", "boss", "--reason", "reopened"]);
    assert_eq!(forced.code, 0, "{}", forced.stderr);
    let event = log(&repo).pop().unwrap();
    assert_eq!((&event["force"], &event["reason"]), (&Value::Bool(true), &"reopened".into()));
    let snapshot: Value = serde_json::from_str(&repo.read(SNAPSHOT)).unwrap();
    assert_eq!(snapshot["work_packages"]["WP01"]["force_count"], 1);
}

#[rstest]
#[case::unseeded("WP02", "claimed", &[], 1, "clearance move WP02 --to planned")]
#[case::terminal("WP01", "planned", &[], 1, "--force --actor Tester --reason WHY")]
#[case::genesis("WP01", "genesis", &["--force", "--actor", "a", "--reason", "b"], 1, "does not go from done to genesis")]
#[case::unknown_lane("WP01", "cancelled", &[], 2, "did you mean `canceled`?")]
#[case::unknown_package("WP77", "planned", &[], 1, "WP77 is no work package of m")]
#[case::a_task("T001", "done", &[], 2, "not one work package")]
#[case::two("WP01,WP02", "done", &[], 2, "not one work package")]
fn refusals_teach(
    #[case] id: &str,
    #[case] to: &str,
    #[case] options: &[&str],
    #[case] code: i32,
    #[case] needle: &str,
) {
    let repo = repo_in("done");
    let before = repo.read(LOG);
    let arguments = [&["move", id, "--to", to, "--mission", "m"], options].concat();
    let refused = run(&repo, &arguments);
    assert_eq!(refused.code, code, "{}", refused.stdout);
    assert!(refused.stderr.contains(needle), "{needle:?} in {}", refused.stderr);
    let json = run(&repo, &[&arguments[..], &["--json"]].concat());
    assert_eq!((json.code, json.stderr.as_str()), (code, ""));
    assert_eq!(json.json()["exit_code"], code);
    assert_eq!(repo.read(LOG), before);
}

#[test]
fn the_original_names_are_taken() {
    let repo = repo_in("planned");
    let arguments = [
        "agent",
        "tasks",
        "move-task",
        "m:WP01",
        "--to",
        "doing",
        "--agent",
        "claude",
        "--shell-pid",
        "42",
        "--assignee",
        "me",
        "--note",
        "go",
        "--tracker-ref",
        "#7",
        "--json",
    ];
    let moved = run(&repo, &arguments);
    assert_eq!(moved.code, 0, "{}", moved.stdout);
    let rows = log(&repo);
    assert_eq!(rows.len(), 4, "claimed, in_progress, and what was noted");
    assert_eq!(rows[2]["to_lane"], "in_progress");
    assert_eq!((&rows[2]["actor"], &rows[2]["reason"]), (&"claude".into(), &"go".into()));
    assert_eq!(
        rows[3]["delta"],
        serde_json::json!({ "assignee": "me", "shell_pid": 42, "tracker_refs": ["#7"] })
    );
    let snapshot: Value = serde_json::from_str(&repo.read(SNAPSHOT)).unwrap();
    assert_eq!(snapshot["work_packages"]["WP01"]["shell_pid"], 42);
}

#[test]
fn a_dry_run_shows_the_steps_and_changes_nothing() {
    let repo = repo_in("planned");
    let before = repo.read(LOG);
    let shown = move_to(&repo, "in_progress", &["--dry-run"]);
    assert_eq!(shown.code, 0);
    assert!(shown.stdout.contains("would go planned -> claimed -> in_progress"), "{}", shown.stdout);
    assert_eq!(shown.stdout.matches("\"to_lane\"").count(), 2, "{}", shown.stdout);
    assert_eq!(repo.read(LOG), before);
    assert!(!repo.root().join(SNAPSHOT).exists() && !repo.root().join(".git/spec-kitty-locks").exists());
}

#[test]
fn a_commit_has_the_log_and_the_snapshot_unless_that_is_ignored() {
    let repo = repo_in("planned");
    repo.commit_all("Mission");
    assert_eq!(move_to(&repo, "claimed", &["--auto-commit"]).code, 0);
    assert_eq!(
        repo.git(&["show", "--format=%s", "--name-only"]),
        format!("chore: Move WP01 to claimed on spec m\n\n{LOG}\n{SNAPSHOT}\n")
    );
    repo.write(".gitignore", "status.json\n");
    repo.git(&["rm", "--quiet", "--cached", SNAPSHOT]);
    repo.commit_all("Ignore");
    assert_eq!(move_to(&repo, "blocked", &["--auto-commit"]).code, 0);
    assert_eq!(repo.git(&["show", "--format=", "--name-only"]), format!("{LOG}\n"));
    assert_eq!(lane(&repo, "WP01"), "blocked");
}

/// `mark-status WP02` is one unforced step, and never a row.
#[test]
fn a_work_package_is_marked_by_its_lane() {
    let repo = repo_in("approved");
    let approval =
        r#", "evidence": {"review": {"reviewer": "rev", "verdict": "approved", "reference": "PR#1"}}"#;
    let approved = step_at("WP02", "in_review", "approved", 2, "").replace(", \"evidence\": null", approval);
    repo.write(LOG, step("WP01", "genesis", "planned") + &approved);
    let done = mark(&repo, "done", &["wp02", "--json"]);
    assert_eq!(outcomes(&done), [("WP02".into(), "updated".into(), "wp_id".into())]);
    let event = log(&repo).pop().unwrap();
    assert_eq!((event["from_lane"].as_str(), event["to_lane"].as_str()), (Some("approved"), Some("done")));
    assert_eq!(
        (&event["force"], &event["evidence"]["review"]["reference"]),
        (&Value::Bool(false), &"PR#1".into())
    );
    assert_eq!(lane(&repo, "WP02"), "done");
    assert_eq!(repo.read(TASKS), TEXT, "no row of it, in a table or a box, is touched");
    let again = mark(&repo, "done", &["WP02", "--json"]);
    assert_eq!(outcomes(&again), [("WP02".into(), "already_satisfied".into(), "wp_id".into())]);
    assert_eq!(log(&repo).len(), 3);
}

#[rstest]
#[case(
    "planned",
    "done",
    "WP01 is in planned: a work package does not go from planned to done. (Its tasks are marked by name: T001 T002.) clearance move WP01 --to claimed --mission m --actor NAME"
)]
#[case("approved", "done", "it needs an approval")]
#[case("in_progress", "pending", "only with a reason")]
#[case("done", "pending", "--force --actor NAME --reason WHY")]
fn a_refused_work_package_is_not_found_with_the_next_command(
    #[case] lane: &str,
    #[case] state: &str,
    #[case] needle: &str,
) {
    let repo = repo_in(lane);
    let before = repo.read(LOG);
    let refused = mark(&repo, state, &["WP01", "--json"]);
    assert_eq!(refused.code, 1);
    assert_eq!(outcomes(&refused), [("WP01".into(), "not_found".into(), "wp_id".into())]);
    let message = refused.json()["results"][0]["message"].as_str().unwrap().to_owned();
    assert!(message.contains(needle) && message.contains("clearance move WP01"), "{message}");
    assert_eq!((repo.read(LOG), repo.read(TASKS)), (before, TEXT.to_owned()));
    assert!(!repo.root().join(SNAPSHOT).exists());
}

#[test]
fn pending_seeds_a_work_package_that_has_no_lane() {
    let repo = repo_in("planned");
    let seeded = mark(&repo, "pending", &["WP02", "--json"]);
    assert_eq!(outcomes(&seeded), [("WP02".into(), "updated".into(), "wp_id".into())]);
    assert_eq!(lane(&repo, "WP02"), "planned");
}

/// The command that a refusal names is accepted once its capitals are filled in, whatever was given already.
#[rstest]
#[case("claimed", "approved", &["--reviewer", "al", "--evidence", "PR-2"])]
#[case("planned", "done", &[])]
#[case("for_review", "done", &["--reviewer=-x"])]
#[case("in_review", "in_progress", &["--evidence=--force"])]
#[case("done", "in_progress", &["--reason", "it's broken"])]
#[case("for_review", "planned", &[])]
#[case("blocked", "done", &[])]
fn the_next_command_is_accepted(#[case] from: &str, #[case] to: &str, #[case] options: &[&str]) {
    let repo = repo_in(from);
    mark(&repo, "done", &["T001", "T002"]);
    // Nobody is known by name.
    repo.git(&["config", "--unset", "user.name"]);
    let refused = move_to(&repo, to, &[options, &["--json"]].concat());
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    let next = refused.json()["refusal"]["next_command"].as_str().unwrap().to_owned();
    let filled = ["NAME", "WHY", "VERDICT", "REFERENCE"].iter().fold(next.clone(), |text, word| {
        text.replace(&format!(" {word}"), if *word == "VERDICT" { " approved" } else { " x" })
    });
    let mut shell = std::process::Command::new("sh");
    clearance_testkit::scrub(&mut shell);
    let binary = crate::support::binary().parent().unwrap().display().to_string();
    shell.current_dir(repo.root()).args(["-c", &format!("PATH='{binary}':$PATH {filled}")]);
    let accepted = Run::of(&mut shell);
    assert_eq!(accepted.code, 0, "{next}: {}", accepted.stderr);
}

#[test]
fn boxes_are_named_by_their_lines_and_count_whatever_they_mention() {
    let repo = repo_in("in_progress");
    repo.write("kitty-specs/m/meta.json", "{}");
    for text in [
        "write the docs",
        "check WP02 as well",
        "verify T001 in production",
        "T050-T052 range",
        "T003 of the other",
    ] {
        repo.write(TASKS, format!("## WP01\n\n- [x] T001 One\n- [x] T002 Two\n- [ ] {text}\n\n## WP02\n"));
        let refused = move_to(&repo, "for_review", &["--json"]);
        assert_eq!(refused.code, 1, "{text}");
        let json = refused.json();
        assert_eq!(json["refusal"]["open_tasks"][0]["line"], 5, "{text}");
        assert!(
            json["refusal"]["next_command"]
                .as_str()
                .unwrap()
                .starts_with("tick or remove the boxes of tasks.md, line 5")
        );
    }
}

#[test]
fn genesis_is_no_place_to_go_even_from_there() {
    let repo = repo_in("planned");
    let refused = run(&repo, &["move", "WP02", "--to", "genesis", "--mission", "m"]);
    assert_eq!(refused.code, 1, "{}", refused.stdout);
}

#[rstest]
#[case("in_review", "approved")]
#[case("in_progress", "approved")]
#[case("approved", "done")]
fn the_reviewer_is_never_guessed(#[case] from: &str, #[case] to: &str) {
    let repo = repo_in(from);
    let refused = move_to(&repo, to, &["--actor", "bob", "--evidence", "PR#1"]);
    assert_eq!((refused.code, log(&repo).len()), (1, 1), "{}", refused.stdout);
    assert!(refused.stderr.contains("--reviewer NAME --evidence 'PR#1'"), "{}", refused.stderr);
}
