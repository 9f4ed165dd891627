//! `clearance status`: the board, what artefacts say against each other, every mission on a line, and its files.

use rstest::rstest;
use serde_json::Value;

use crate::support::{LOG, Run, SNAPSHOT, TASKS, TestRepo, command, events, mark, rows, run, step, step_at};

fn status(repo: &TestRepo, more: &[&str]) -> Run {
    run(repo, &[&["status", "--mission", "m"], more].concat())
}

/// A mission with work packages in several lanes.
fn project() -> TestRepo {
    let repo = events(
        "## WP01\n\n- [x] T001 One\n- [ ] T002 Two\n\n## WP02\n\n- [ ] T003 Three\n",
        &[("WP03", "T009")],
    );
    let file = |id: &str, title: &str, tasks: &str, more: &str| {
        let front = format!("---\nwork_package_id: {id}\ntitle: {title}\nsubtasks: [{tasks}]\n{more}---\n");
        repo.write(&format!("kitty-specs/m/tasks/{id}-x.md"), front);
    };
    file("WP01", "The first part", "T001, T002", "");
    file("WP02", "Everything else that has to be done", "T003", "dependencies: [WP01]\n");
    repo.write(LOG, step("WP01", "genesis", "in_progress") + &step_at("WP02", "genesis", "planned", 2, ""));
    repo
}

#[test]
fn the_board_has_a_column_a_lane() {
    insta::assert_snapshot!(status(&project(), &[]).stdout);
}

#[test]
fn a_narrow_board_has_one_lane_below_the_other() {
    let repo = project();
    let mut narrow = command(repo.root());
    narrow.env("COLUMNS", "60").env("LC_ALL", "C").args(["status", "--mission", "m"]);
    insta::assert_snapshot!(Run::of(&mut narrow).stdout);
}

#[test]
fn the_board_for_machines() {
    let repo = project();
    mark(&repo, "done", &["T001"]);
    let shown = status(&repo, &["--json"]);
    assert_eq!((shown.code, shown.stderr.as_str()), (0, ""));
    let board = shown.json();
    assert_eq!(board["schema"], "clearance.status/v1");
    assert_eq!(board["lanes"]["in_progress"], 1);
    let card = &board["work_packages"][1];
    assert_eq!((card["id"].as_str(), card["lane"].as_str()), (Some("WP02"), Some("planned")));
    assert_eq!(card["waits_for"], serde_json::json!(["WP01"]));
    let card = &board["work_packages"][2];
    assert_eq!(
        (&card["id"], &card["tasks_done"], &card["tasks_total"]),
        (&"WP01".into(), &1.into(), &2.into())
    );
    assert_eq!((&card["who"], &card["since"]), (&"ann".into(), &"2026-01-01T00:00:01Z".into()));
    assert_eq!(card["open_tasks"], serde_json::json!([{ "id": "T002", "file": TASKS, "line": 4 }]));
    assert_eq!(board["work_packages"][0]["lane"], "genesis", "what has no lane yet comes first");
}

#[rstest]
#[case::checkbox_and_table(
    "{}",
    "## WP01\n- [x] T001 a\n| Task | Done |\n|---|---|\n| T001 | [ ] |\n",
    "",
    "rows_disagree",
    &[2, 5]
)]
#[case::row_ahead_of_log("{\"status_phase\": 1}", "## WP01\n- [x] T001 a\n", "", "row_ahead_of_log", &[2])]
#[case::row_behind_log(
    "{\"status_phase\": 1}",
    "## WP01\n- [ ] T001 a\n",
    r#"{"actor":"u","at":"2026-01-01T00:00:09Z","delta":{"subtasks":{"T001":"done"}},"event_id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","kind":"annotation","wp_id":"WP01"}"#,
    "row_behind_log",
    &[2, 2]
)]
#[case::log_ahead_of_row(
    "{}",
    "## WP01\n- [ ] T001 a\n",
    r#"{"actor":"u","at":"2026-01-01T00:00:09Z","delta":{"subtasks":{"T001":"done"}},"event_id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","kind":"annotation","wp_id":"WP01"}"#,
    "log_ahead_of_row",
    &[2, 2]
)]
#[case::not_in_roster("{}", "## WP01\n- [ ] T001 a\n- [ ] T002 b\n", "", "task_not_in_roster", &[3])]
#[case::no_row("{}", "## WP01\nnothing\n", "", "task_without_row", &[3])]
#[case::no_owner("{}", "- [ ] T001 a\n- [ ] T005 b\n", "", "task_without_owner", &[2])]
#[case::log_behind_row(
    "{}",
    "## WP01\n- [x] T001 a\n",
    r#"{"actor":"u","at":"2026-01-01T00:00:09Z","delta":{"subtasks":{"T001":"planned"}},"event_id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","kind":"annotation","wp_id":"WP01"}"#,
    "log_behind_row",
    &[2, 2]
)]
#[case::unknown_to_all_but_the_log(
    "{}",
    "## WP01\n- [x] T001 a\n",
    r#"{"actor":"u","at":"2026-01-01T00:00:09Z","delta":{"subtasks":{"T777":"done"}},"event_id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","kind":"annotation","wp_id":"WP01"}"#,
    "recorded_task_unknown",
    &[2]
)]
fn disagreements_have_places(
    #[case] meta: &str,
    #[case] tasks: &str,
    #[case] more_log: &str,
    #[case] code: &str,
    #[case] lines: &[u64],
) {
    let repo = rows(tasks);
    repo.write("kitty-specs/m/meta.json", meta);
    repo.write("kitty-specs/m/tasks/WP01-x.md", "---\nsubtasks:\n- T001\n---\n");
    repo.write(LOG, step("WP01", "genesis", "planned") + more_log);
    let board = status(&repo, &["--json"]).json();
    let found = board["disagreements"].as_array().unwrap();
    let of_code: Vec<_> = found.iter().filter(|found| found["code"] == code).collect();
    assert_eq!(of_code.len(), 1, "{found:#?}");
    let places: Vec<_> = of_code[0]["places"]
        .as_array()
        .unwrap()
        .iter()
        .map(|place| place["line"].as_u64().unwrap())
        .collect();
    assert_eq!(places, lines);
    assert_eq!(of_code[0]["expected"], code == "row_behind_log");
    assert_eq!(found.len(), 1, "{found:#?}");
    let shown = status(&repo, &["--verbose"]).stdout;
    assert!(shown.contains(of_code[0]["message"].as_str().unwrap()), "{shown}");
}

#[test]
fn a_mission_that_agrees_with_itself_is_not_complained_about() {
    let repo = rows(
        "## WP01\n- [x] T001 a\n| Task | Status |\n|---|---|\n| T001 | done |\n\nT001 is mentioned here.\n",
    );
    repo.write("kitty-specs/m/tasks/WP01-x.md", "---\nsubtasks: [T001]\n---\n");
    repo.write(LOG, step("WP01", "genesis", "approved"));
    status(&repo, &["--materialize"]);
    let board = status(&repo, &["--json"]).json();
    assert_eq!(
        (&board["disagreements"], &board["warnings"]),
        (&serde_json::json!([]), &serde_json::json!([]))
    );
}

#[test]
fn lanes_ahead_of_tasks_and_stale_snapshots_are_named() {
    let repo = project();
    status(&repo, &["--materialize"]);
    repo.write(LOG, repo.read(LOG) + &step_at("WP01", "in_progress", "approved", 5, ""));
    let found = status(&repo, &["--json"]).json()["disagreements"].clone();
    let codes: Vec<_> =
        found.as_array().unwrap().iter().map(|found| found["code"].as_str().unwrap()).collect();
    assert!(codes.contains(&"lane_ahead_of_tasks") && codes.contains(&"snapshot_behind_log"), "{codes:?}");
    let materialized = status(&repo, &["--materialize", "--json"]).json();
    assert_eq!(materialized["missions"][0]["written"], SNAPSHOT);
    assert_eq!(status(&repo, &["--materialize", "--json"]).json()["missions"][0]["written"], Value::Null);
    assert!(!status(&repo, &[]).stdout.contains("status.json"));
}

#[test]
fn every_mission_on_a_line_the_last_active_first() {
    let repo = project();
    repo.write(
        "kitty-specs/old/status.events.jsonl",
        step("WP01", "genesis", "done").replace("2026", "2020"),
    );
    repo.write(
        "kitty-specs/new/status.events.jsonl",
        step("WP01", "genesis", "done").replace("01-01", "05-05"),
    );
    repo.write("kitty-specs/empty/tasks.md", "");
    let all = run(&repo, &["status", "--all"]);
    assert_eq!(all.code, 0, "{}", all.stderr);
    insta::assert_snapshot!(all.stdout);
    // Without a name, and nothing that tells which: all of them.
    assert_eq!(run(&repo, &["status"]).stdout, all.stdout);
    // One that cannot be read hides no other, and is no success.
    repo.write("kitty-specs/old/status.events.jsonl", "<<<<<<< HEAD\n");
    let some = run(&repo, &["status", "--all", "--json"]);
    let json = some.json();
    assert_eq!((some.code, &json["unread"]), (3, &1.into()));
    assert_eq!(json["missions"][0]["mission"], "old", "first, so that it is seen");
    assert_eq!(json["missions"].as_array().unwrap().len(), 4);
}

/// A mission whose name nobody can give is not one that is not there.
#[rstest]
#[case::a_terminal_would_obey("a\u{1b}[2Jb\nc", "a\u{fffd}[2Jb\u{fffd}c")]
#[case::a_path("a:b", "a:b")]
#[case::an_option("--all", "--all")]
fn missions_that_cannot_be_named(#[case] name: &str, #[case] shown: &str) {
    let repo = project();
    repo.write(&format!("kitty-specs/{name}/meta.json"), "{}");
    repo.write("kitty-specs/.hidden/meta.json", "{}");
    let some = run(&repo, &["status", "--all", "--json"]);
    let json = some.json();
    assert_eq!((some.code, &json["unread"]), (3, &1.into()), "{json:#}");
    let unread = &json["missions"][0];
    assert_eq!(
        (unread["mission"].as_str(), unread["error"].as_str()),
        (Some(shown), Some("mission_name_invalid"))
    );
    let told = run(&repo, &["status", "--all"]);
    assert!(told.code == 3 && told.stdout.contains(shown) && !told.stderr.contains('\u{1b}'), "{told:?}");
    assert_eq!(run(&repo, &["status", "--all", "--materialize"]).code, 3);
    // The way out that it names.
    let command = unread["help"].as_str().unwrap().split_once(": ").unwrap().1.replace("/NAME", "/named");
    assert_eq!(crate::ready::shell(&repo, &command).code, 0, "{command}");
    let all = run(&repo, &["status", "--all", "--json"]);
    assert_eq!((all.code, &all.json()["unread"]), (0, &0.into()));
}

#[test]
fn materialize_all_goes_on_behind_a_broken_mission() {
    let repo = project();
    repo.write("kitty-specs/a-broken/status.events.jsonl", "{\n");
    repo.write("kitty-specs/z-fine/status.events.jsonl", step("WP01", "genesis", "done"));
    let run = run(&repo, &["status", "--all", "--materialize"]);
    assert_eq!(run.code, 3, "{}", run.stdout);
    assert!(run.stderr.contains("a-broken/status.events.jsonl:1"), "{}", run.stderr);
    for written in ["kitty-specs/m/status.json", "kitty-specs/z-fine/status.json"] {
        assert!(run.stdout.contains(written), "{}", run.stdout);
        assert!(repo.root().join(written).exists());
    }
    assert!(!repo.root().join("kitty-specs/a-broken/status.json").exists());
}

#[rstest]
#[case::half(b"{\"actor\": \"a\", \"at\"" as &[u8])]
#[case::in_a_character(b"{\"reason\": \"caf\xc3")]
#[case::zeros(b"\0\0\0\0")]
fn recover_sets_a_torn_line_aside(#[case] tail: &[u8]) {
    let repo = project();
    let whole = repo.read(LOG);
    repo.write(LOG, [whole.as_bytes(), tail].concat());
    let before = status(&repo, &[]);
    assert_eq!(before.code, 0, "the rest is read: {}", before.stderr);
    assert!(before.stderr.contains("--recover"), "{}", before.stderr);
    let recovered = status(&repo, &["--recover"]);
    assert_eq!(recovered.code, 0, "{}", recovered.stderr);
    assert!(recovered.stdout.contains("status.events.jsonl.torn"), "{}", recovered.stdout);
    assert_eq!(repo.read(LOG), whole);
    let aside = std::fs::read(repo.root().join(format!("{LOG}.torn"))).unwrap();
    assert_eq!(aside, [tail, b"\n"].concat());
    assert_eq!(status(&repo, &[]).stderr, "");
    assert!(status(&repo, &["--recover"]).stdout.contains("no torn line"));
}

#[test]
fn looking_changes_nothing() {
    let repo = project();
    repo.commit_all("Mission");
    for arguments in
        [&["status", "--mission", "m"][..], &["status", "--all"], &["status", "--mission", "m", "--json"]]
    {
        assert_eq!(run(&repo, arguments).code, 0);
    }
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    assert!(!repo.root().join(".git/spec-kitty-locks").exists());
}

#[test]
fn no_missions_is_nothing_evaluated_or_a_question() {
    let repo = TestRepo::new();
    repo.write("kitty-specs/.keep", "");
    assert_eq!(run(&repo, &["status", "--all", "--json"]).code, 4);
    assert_eq!(run(&repo, &["status"]).code, 2);
}

#[test]
fn work_package_files_that_contradict_themselves_are_named() {
    let repo = rows("## WP01\n- [ ] T001 a\n");
    repo.write(
        "kitty-specs/m/tasks/WP01-x.md",
        "---\nsubtasks:\n- T001b\n- T001\n- T001\ndependencies: [WP77]\n---\n",
    );
    repo.write("kitty-specs/m/tasks/WP02-x.md", "---\nwork_package_id: WP01\nsubtasks: []\n---\n");
    let found = status(&repo, &["--json"]).json()["disagreements"].clone();
    let lines = |code: &str| -> Vec<Value> {
        let of_code = found.as_array().unwrap().iter().filter(|found| found["code"] == code);
        of_code
            .flat_map(|found| found["places"].as_array().unwrap().iter().map(|place| place["line"].clone()))
            .collect()
    };
    assert_eq!(lines("task_listed_twice"), [4], "{found:#?}");
    assert_eq!(lines("dependency_unknown").len(), 1);
    assert_eq!(lines("work_package_with_two_files").len(), 2);
    assert_eq!(lines("file_name_differs").len(), 1);
    // A file that cannot be read is not one that is missing.
    repo.write("kitty-specs/m/tasks/WP02-x.md", "---\ntitle: a: b\n---\n");
    repo.write(LOG, step("WP02", "genesis", "planned"));
    let board = status(&repo, &["--json"]).json();
    assert!(!board["disagreements"].to_string().contains("work_package_without_file"), "{board:#}");
    assert!(board["warnings"].to_string().contains("WP02-x.md"), "{board:#}");
}

#[test]
fn a_roster_and_tasks_md_that_name_different_owners() {
    let repo = rows("## WP02\n- [ ] T001 a\n");
    repo.write("kitty-specs/m/tasks/WP01-x.md", "---\nsubtasks:\n- T001\n---\n");
    repo.write("kitty-specs/m/tasks/WP02-x.md", "---\nsubtasks: []\n---\n");
    let found = status(&repo, &["--json"]).json()["disagreements"].clone();
    assert_eq!(found.as_array().unwrap().len(), 1, "{found:#}");
    assert_eq!(found[0]["code"], "owners_differ");
    assert_eq!(found[0]["places"][0]["file"], "kitty-specs/m/tasks/WP01-x.md");
    assert_eq!(found[0]["places"][1], serde_json::json!({ "file": TASKS, "line": 2 }));
}

/// A title is text of the repository: it must not look like lines of ours.
#[test]
fn titles_stay_in_their_line() {
    let repo = project();
    repo.write(
        "kitty-specs/m/tasks/WP01-x.md",
        "---\ntitle: \"open\\r  WP01 done\\nWP99 forged\\e[2J\"\nsubtasks: []\n---\n",
    );
    for width in ["30", "100"] {
        let mut narrow = command(repo.root());
        let shown = Run::of(narrow.env("COLUMNS", width).args(["status", "--mission", "m"])).stdout;
        assert!(
            !shown.contains(['\r', '\u{1b}']) && !shown.lines().any(|line| line.starts_with("WP99")),
            "{shown}"
        );
        let cards = shown.lines().filter(|line| line.contains("WP0") && !line.contains("open in"));
        let longest = cards.take(3).map(|line| line.chars().count()).max();
        assert!(longest <= Some(width.parse().unwrap()), "{shown}");
    }
}

#[test]
fn files_of_every_mission_are_renewed_on_request_only() {
    let repo = project();
    repo.write("kitty-specs/other/status.events.jsonl", step("WP01", "genesis", "done"));
    let refused = run(&repo, &["status", "--materialize"]);
    assert_eq!(refused.code, 2, "{}", refused.stdout);
    assert!(!repo.root().join(SNAPSHOT).exists());
}
