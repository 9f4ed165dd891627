//! Logs that cannot be understood: a clear message with its place, the right exit code, and not a byte changed.

use std::fs;

use rstest::rstest;

use crate::support::{LOG, Run, SNAPSHOT, TestRepo, events, mark, run, run_without_privilege, step, step_at};

fn repo(log: &str) -> TestRepo {
    let repo = events("## WP01\n- [ ] T001 a\n", &[("WP01", "T001")]);
    repo.write(LOG, log);
    repo
}

/// Everything that reads or writes the mission.
fn every_command(repo: &TestRepo) -> Vec<(&'static str, Run)> {
    let mission = ["--mission", "m"];
    vec![
        ("status", run(repo, &[&["status"], &mission[..]].concat())),
        ("materialize", run(repo, &[&["status", "--materialize"], &mission[..]].concat())),
        ("move", run(repo, &[&["move", "WP01", "--to", "blocked"], &mission[..]].concat())),
        ("mark-status", mark(repo, "done", &["T001"])),
        ("mark-status of a lane", mark(repo, "done", &["WP01"])),
    ]
}

#[rstest]
#[case::conflict_markers(
    step("WP01", "genesis", "planned") + "<<<<<<< HEAD\n" + &step_at("WP01", "planned", "claimed", 2, "") + "=======\n>>>>>>> other\n",
    ":2", "conflict markers"
)]
#[case::two_on_one_line(
    step("WP01", "genesis", "planned").trim_end().to_owned() + &step_at("WP01", "planned", "claimed", 2, ""),
    ":1", "two events are on one line"
)]
#[case::two_on_the_last_line(
    (step("WP01", "genesis", "planned").trim_end().to_owned() + &step_at("WP01", "planned", "claimed", 2, "")).trim_end().to_owned(),
    ":1", "put a line ending between them"
)]
#[case::future_schema(
    step("WP01", "genesis", "planned") + &step_at("WP01", "planned", "claimed", 2, ", \"schema_version\": 9"),
    ":2", "written in schema 9"
)]
#[case::future_annotation(
    step("WP01", "genesis", "planned") + r#"{"actor":"u","at":"2026-01-01T00:00:09Z","delta":{},"event_id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","kind":"annotation","schema_version":"9.0","wp_id":"WP01"}
"#,
    ":2", "written in schema \"9.0\""
)]
#[case::unknown_lane(
    step("WP01", "genesis", "planned") + &step_at("WP01", "planned", "limbo", 2, ""),
    ":2", "`limbo` is not a lane"
)]
#[case::alias_in_the_log(step("WP01", "planned", "doing"), ":1", "`doing` is not a lane")]
#[case::no_time(step("WP01", "planned", "claimed").replace("2026-01-01", "2026-13-01"), ":1", "is not a time")]
#[case::not_text("{\"a\": 1}\n\u{0}\n".to_owned(), ":2", "not a JSON object")]
fn logs_that_cannot_be_understood(#[case] log: String, #[case] line: &str, #[case] needle: &str) {
    let repo = repo(&log);
    for (command, run) in every_command(&repo) {
        assert_eq!(run.code, 3, "{command}: {}", run.stdout);
        assert_eq!(run.stdout, "", "{command}");
        for needle in [needle, &format!("{LOG}{line}"), "help:"] {
            assert!(run.stderr.contains(needle), "{command}: {needle:?} in {}", run.stderr);
        }
        assert_eq!(repo.read(LOG), log, "{command}");
        assert!(!repo.root().join(SNAPSHOT).exists(), "{command}");
    }
}

/// The board shows what counts and names the contradiction; nothing is decided on it.
#[test]
fn duplicate_ids_with_different_content() {
    let log = step("WP01", "genesis", "planned") + &step("WP01", "genesis", "canceled");
    let repo = repo(&log);
    let board = run(&repo, &["status", "--mission", "m", "--json"]);
    assert_eq!(board.code, 0);
    let board = board.json();
    assert_eq!(board["work_packages"][0]["lane"], "planned", "the first one counts");
    assert_eq!(board["disagreements"][0]["code"], "events_with_one_id");
    assert_eq!(board["disagreements"][0]["places"][1]["line"], 2);
    for refused in
        [run(&repo, &["move", "WP01", "--to", "blocked", "--mission", "m"]), mark(&repo, "done", &["T001"])]
    {
        assert_eq!(refused.code, 3, "{}", refused.stdout);
        assert!(
            refused.stderr.contains("is on line 1 already, and says something else there"),
            "{}",
            refused.stderr
        );
    }
    assert_eq!(repo.read(LOG), log);
    // The same event twice, as a merge may leave it, is one event.
    let repo = self::repo(&step("WP01", "genesis", "planned").repeat(2));
    assert_eq!(run(&repo, &["move", "WP01", "--to", "blocked", "--mission", "m"]).code, 0);
}

#[test]
fn a_clock_that_goes_backwards() {
    let repo = repo(&step("WP01", "genesis", "planned").replace("2026-01-01", "2099-01-01"));
    let moved = run(&repo, &["move", "WP01", "--to", "claimed", "--mission", "m"]);
    assert_eq!(moved.code, 0, "{}", moved.stderr);
    assert!(moved.stderr.contains("later than this machine's clock"), "{}", moved.stderr);
    let board = run(&repo, &["status", "--mission", "m", "--json"]).json();
    assert_eq!(board["warnings"], serde_json::json!([]));
    assert_eq!(board["work_packages"][0]["lane"], "claimed", "the new event is the last one all the same");
    assert!(run(&repo, &["status", "--mission", "m"]).stdout.contains("in the future"));
}

/// The other way round: an event that was appended with an older time counts where its time is, and that is told.
#[test]
fn an_event_older_than_the_one_before_it() {
    let old = step_at("WP01", "claimed", "in_progress", 2, "").replace("2026", "2020");
    let repo = repo(&(step("WP01", "planned", "claimed") + &old));
    let board = run(&repo, &["status", "--mission", "m", "--json"]).json();
    assert_eq!(board["work_packages"][0]["lane"], "claimed");
    let warning = board["warnings"][0].as_str().unwrap();
    assert!(
        warning.contains(&format!("{LOG}:2")) && warning.contains("older than one before it"),
        "{warning}"
    );
    assert!(run(&repo, &["status", "--all"]).stderr.contains("a clock went backwards"));
}

#[test]
fn a_line_of_a_hundred_megabytes() {
    let log = format!("{{\"note\": \"{}\"}}\n", "x".repeat(100 << 20));
    let repo = repo(&(step("WP01", "genesis", "planned") + &log));
    let length = fs::metadata(repo.root().join(LOG)).unwrap().len();
    for (command, run) in every_command(&repo) {
        assert_eq!(run.code, 3, "{command}");
        assert!(run.stderr.contains(&format!("{LOG}:2")) && run.stderr.contains("at most 4"), "{command}");
        assert!(run.stderr.len() < 4000, "{command}: the line is not printed");
    }
    assert_eq!(fs::metadata(repo.root().join(LOG)).unwrap().len(), length);
}

#[test]
fn a_mission_without_its_directory() {
    let repo = repo("");
    fs::remove_dir_all(repo.root().join("kitty-specs/m")).unwrap();
    for (command, run) in every_command(&repo) {
        assert_eq!(run.code, 2, "{command}: {}", run.stdout);
        assert!(run.stderr.contains("no mission is called `m`"), "{command}: {}", run.stderr);
    }
    assert!(!repo.root().join("kitty-specs/m").exists());
    fs::remove_dir_all(repo.root().join("kitty-specs")).unwrap();
    assert!(every_command(&repo).iter().all(|(_, run)| run.code == 2));
}

#[cfg(unix)]
#[test]
fn a_directory_that_is_read_only() {
    use std::os::unix::fs::PermissionsExt;
    let repo = repo(&step("WP01", "genesis", "planned"));
    let directory = repo.root().join("kitty-specs/m");
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o555)).unwrap();
    let run = run_without_privilege(&repo);
    let before = repo.read(LOG);
    let looked = run(&["status", "--mission", "m"]);
    assert_eq!(looked.code, 0, "looking needs no more: {}", looked.stderr);
    for arguments in [
        &["move", "WP01", "--to", "blocked", "--mission", "m"][..],
        &["mark-status", "T001", "--status", "done", "--mission", "m"],
        &["status", "--materialize", "--mission", "m"],
    ] {
        let refused = run(arguments);
        assert_eq!(refused.code, 3, "{arguments:?}: {}{}", refused.stdout, refused.stderr);
        assert!(
            refused.stderr.contains("Permission denied") && refused.stderr.contains("status.json"),
            "{}",
            refused.stderr
        );
    }
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(repo.read(LOG), before, "the log is unchanged");
    assert!(!repo.root().join(SNAPSHOT).exists());
}

/// What the reader counts as an event must not be set aside as torn.
#[rstest]
#[case(r#", "policy_metadata": {"x": 1e999}"#)]
#[case(&format!(r#", "policy_metadata": {}1{}"#, "[".repeat(200), "]".repeat(200)))]
fn a_last_event_without_a_line_ending_is_kept(#[case] more: &str) {
    let odd = step_at("WP01", "planned", "claimed", 2, more).replace(", \"policy_metadata\": null", "");
    let repo = repo(&(step("WP01", "genesis", "planned") + odd.trim_end()));
    let moved = run(&repo, &["move", "WP01", "--to", "blocked", "--mission", "m"]);
    assert_eq!(moved.code, 0, "{}", moved.stderr);
    assert!(repo.read(LOG).contains(odd.trim_end()), "{}", repo.read(LOG));
    assert!(!repo.root().join(format!("{LOG}.torn")).exists());
}

/// Nothing is appended that could not be read again.
#[test]
fn an_event_that_would_be_too_large() {
    let log = step("WP01", "genesis", "planned");
    let repo = repo(&log);
    let mut arguments = vec!["move", "WP01", "--to", "claimed", "--mission", "m"];
    let long = "\u{1}".repeat(100_000);
    (0..9).for_each(|_| arguments.extend(["--tracker-ref", &long]));
    let refused = run(&repo, &arguments);
    assert_eq!(refused.code, 3, "{}", refused.stdout);
    assert!(refused.stderr.contains("an event has at most"), "{}", &refused.stderr[..200]);
    assert_eq!(repo.read(LOG), log);
}

#[test]
fn a_log_at_the_end_of_time() {
    let log = step("WP01", "genesis", "planned")
        .replace("2026-01-01T00:00:01.000000", "9999-12-30T22:00:00.999999");
    let repo = repo(&log);
    let refused = run(&repo, &["move", "WP01", "--to", "claimed", "--mission", "m"]);
    assert_eq!(refused.code, 3, "{}", refused.stdout);
    assert!(refused.stderr.contains("no event can be later"), "{}", refused.stderr);
    assert_eq!(repo.read(LOG), log);
}

#[cfg(unix)]
#[test]
fn a_pipe_in_place_of_the_snapshot_is_not_waited_for() {
    let repo = repo(&step("WP01", "genesis", "planned"));
    let pipe = repo.root().join(SNAPSHOT);
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|status| status.success()));
    let refused = run(&repo, &["move", "WP01", "--to", "claimed", "--mission", "m"]);
    assert_eq!(refused.code, 3, "{}", refused.stdout);
    assert!(refused.stderr.contains("not a regular file"), "{}", refused.stderr);
    assert_eq!(repo.read(LOG), step("WP01", "genesis", "planned"));
}
