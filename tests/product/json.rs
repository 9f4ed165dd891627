//! `--json`: exactly one JSON value on standard output, on every path.

use rstest::rstest;

use crate::support::{LOG, Run, TestRepo, command, mark, rows, run, step};

fn repo() -> TestRepo {
    let repo = rows("- [ ] T001 a\n- [x] T002 b\n");
    for other in ["012-alpha", "012-beta"] {
        repo.write(&format!("kitty-specs/{other}/tasks.md"), "- [ ] T001\n");
    }
    repo.write("kitty-specs/broken/meta.json", "[]");
    repo.write("kitty-specs/broken/tasks.md", "");
    repo
}

#[test]
fn the_contract_has_these_keys_in_this_order_and_no_others() {
    let run = mark(&repo(), "done", &["T001", "T002", "T404", "WP01", "--json"]);
    assert_eq!(
        run.stdout,
        "{\"results\":[\
         {\"id\":\"T001\",\"outcome\":\"updated\",\"format\":\"checkbox\",\"message\":\"Marked T001 as done in tasks.md.\"},\
         {\"id\":\"T002\",\"outcome\":\"already_satisfied\",\"format\":\"checkbox\",\"message\":\"T002 is done already.\"},\
         {\"id\":\"T404\",\"outcome\":\"not_found\",\"format\":null,\"message\":\"T404 was not found in tasks.md or any roster.\"},\
         {\"id\":\"WP01\",\"outcome\":\"not_found\",\"format\":\"wp_id\",\"message\":\"WP01 is no work package of m.\"}],\
         \"summary\":{\"updated\":1,\"already_satisfied\":1,\"not_found\":2}}\n"
    );
}

#[rstest]
#[case::no_ids(&["mark-status", "--status", "done"], 2, "usage")]
#[case::unknown_option(&["mark-status", "T001", "--frobnicate"], 2, "usage")]
#[case::unknown_command(&["frobnicate"], 2, "usage")]
#[case::nothing(&[], 2, "usage")]
#[case::bad_state(&["mark-status", "T001", "--status", "Done", "--mission", "m"], 2, "usage")]
#[case::empty_id(&["mark-status", "", "--status", "done", "--mission", "m"], 2, "empty_id")]
#[case::blank_id(&["mark-status", " ", "--status", "done", "--mission", "m"], 2, "empty_id")]
#[case::word(&["mark-status", "setup", "--status", "done", "--mission", "m"], 2, "malformed_id")]
#[case::bad_range(&["mark-status", "T005-T001", "--status", "done", "--mission", "m"], 2, "malformed_range")]
#[case::huge_range(&["mark-status", "T1-T9999", "--status", "done", "--mission", "m"], 2, "too_many_ids")]
#[case::no_mission(&["mark-status", "T001", "--status", "done"], 2, "mission_required")]
#[case::unknown_mission(&["mark-status", "T001", "--status", "done", "--mission", "nope"], 2, "mission_not_found")]
#[case::ambiguous(&["mark-status", "T001", "--status", "done", "--mission", "012"], 2, "mission_ambiguous")]
#[case::traversal(&["mark-status", "T001", "--status", "done", "--mission", "../m"], 2, "mission_handle_invalid")]
#[case::foreign(&["mark-status", "012-alpha:T001", "--status", "done", "--mission", "m"], 2, "mission_mismatch")]
#[case::broken_meta(&["mark-status", "T001", "--status", "done", "--mission", "broken"], 3, "broken_artefact")]
#[case::no_repository(&["mark-status", "T001", "--status", "done", "--repo", "/"], 2, "not_a_repository")]
#[case::no_directory(&["mark-status", "T001", "--status", "done", "--repo", "/no/such"], 2, "no_directory")]
#[case::protected(&["mark-status", "T001", "--status", "done", "--mission", "m", "--auto-commit"], 1, "detached_head")]
#[case::two_values(&["mark-status", "T001", "--status", "done", "--mission", "m", "--report", "json"], 2, "usage")]
fn failures_are_one_value(#[case] arguments: &[&str], #[case] code: i32, #[case] error: &str) {
    let repo = repo();
    repo.git(&["checkout", "--quiet", "--detach"]);
    let result = run(&repo, &[arguments, &["--json"]].concat());
    let json = result.json();
    assert_eq!((result.code, json["error"].as_str()), (code, Some(error)), "{json}");
    assert_eq!(json["exit_code"], code);
    assert!(json["message"].as_str().is_some_and(|message| !message.is_empty()), "{json}");
    assert_eq!(result.stderr, "", "errors are in the value");
    assert_eq!(repo.read("kitty-specs/m/tasks.md"), "- [ ] T001 a\n- [x] T002 b\n", "nothing is changed");
    let people = run(&repo, arguments);
    if !arguments.contains(&"--report") {
        assert_eq!((people.code, people.stdout.as_str()), (code, ""), "people get it on standard error");
        assert!(!people.stderr.is_empty());
    }
}

#[test]
fn help_and_version_are_values_too() {
    for arguments in
        [&["--help", "--json"][..], &["mark-status", "--json", "--help"], &["--version", "--json"]]
    {
        let run = run(&TestRepo::new(), arguments);
        assert_eq!(run.code, 0);
        assert!(run.json()["text"].as_str().unwrap().contains("clearance"));
    }
}

#[test]
fn errors_name_candidates_for_machines() {
    let repo = repo();
    let ambiguous =
        run(&repo, &["mark-status", "T001", "--status", "done", "--mission", "012", "--json"]).json();
    assert_eq!(ambiguous["candidates"], serde_json::json!(["012-alpha", "012-beta"]));
    let unknown =
        run(&repo, &["mark-status", "T001", "--status", "done", "--mission", "alpah", "--json"]).json();
    assert_eq!(
        (unknown["handle"].as_str(), &unknown["candidates"][0]),
        (Some("alpah"), &serde_json::json!("012-alpha"))
    );
}

#[test]
fn the_rich_account_goes_to_standard_output_or_to_a_file() {
    let repo = repo();
    let shown =
        run(&repo, &["mark-status", "T001", "--status", "done", "--mission", "m", "--report", "json"]).json();
    assert_eq!(shown["schema"], "clearance.mark-status/v1");
    assert_eq!(shown["results"][0]["places"][0]["line"], 1);
    assert_eq!(shown["writes"][0]["file"], "kitty-specs/m/tasks.md");
    assert!(shown["diff"].as_str().unwrap().contains("+- [x] T001 a"));
    assert_eq!(shown["commit"]["status"], "off");
    repo.write(LOG, step("WP09", "genesis", "claimed"));
    let run = mark(&repo, "pending", &["T001", "WP09", "--report", "json=out.json", "--json"]);
    assert_eq!(run.json()["summary"]["updated"], 1, "the contract stays on standard output");
    let rich: serde_json::Value = serde_json::from_str(&repo.read("out.json")).unwrap();
    assert_eq!(rich["results"][1]["outcome"], "rejected");
    assert_eq!(rich["summary"]["rejected"], 1);
}

#[test]
fn a_report_that_cannot_be_written_is_refused_before_anything_is_done() {
    let repo = repo();
    let run = mark(&repo, "done", &["T001", "--json", "--report", "json=/no/such/directory/x.json"]);
    assert_eq!((run.code, run.json()["error"].as_str()), (2, Some("report_not_writable")));
    assert!(repo.read("kitty-specs/m/tasks.md").starts_with("- [ ] T001"));
}

#[test]
fn the_original_command_names_work() {
    let repo = repo();
    let run = run(
        &repo,
        &[
            "agent",
            "tasks",
            "mark-status",
            "T001",
            "--status",
            "done",
            "--feature",
            "m",
            "--no-auto-commit",
            "--json",
        ],
    );
    assert_eq!((run.code, run.json()["summary"]["updated"].as_u64()), (0, Some(1)));
}

#[rstest]
#[case(&["rules", "list"], 0)]
#[case(&["mark-status", "T404", "--status", "done", "--mission", "m"], 1)]
#[case(&["mark-status", "T001", "--status", "done", "--mission", "nope", "--json"], 2)]
fn a_reader_that_went_away_changes_no_exit_code(#[case] arguments: &[&str], #[case] code: i32) {
    let repo = repo();
    // `false` never reads, so the pipe has no reader once it is gone.
    let mut gone = std::process::Command::new("false").stdin(std::process::Stdio::piped()).spawn().unwrap();
    let pipe = gone.stdin.take().unwrap();
    gone.wait().unwrap();
    let status = command(repo.root())
        .args(arguments)
        .stdout(pipe)
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(code));
}

#[test]
fn standard_output_is_never_written_twice() {
    let repo = repo();
    for report in ["json=/dev/stdout", "json=-", "json"] {
        let run = mark(&repo, "done", &["T001", "--json", "--report", report]);
        assert_eq!((run.code, run.json()["error"].as_str()), (2, Some("usage")), "{report}");
    }
    let run = mark(&repo, "done", &["T001", "--json=true"]);
    assert_eq!((run.code, run.json()["error"].as_str()), (2, Some("usage")));
}

#[test]
fn quiet_prints_faults_only_and_verbose_every_place() {
    let text = "- [ ] T001 a\n\n- [ ] T001 again\n";
    let quiet = mark(&rows(text), "done", &["T001", "--quiet"]);
    assert_eq!((quiet.code, quiet.stdout.as_str(), quiet.stderr.as_str()), (0, "", ""));
    let verbose = mark(&rows(text), "done", &["T001", "--verbose"]);
    assert!(verbose.stdout.contains("tasks.md:1, kitty-specs/m/tasks.md:3"), "{}", verbose.stdout);
}

#[test]
fn output_is_the_same_every_time() {
    let once = || {
        let repo = rows("- [ ] T001 a\n");
        let Run { stdout, stderr, .. } = mark(&repo, "done", &["T001", "T404", "--json"]);
        (stdout, stderr)
    };
    assert_eq!(once(), once());
}

#[test]
fn a_report_never_takes_the_place_of_a_mission_file() {
    let repo = repo();
    let before = repo.read("kitty-specs/m/tasks.md");
    for (arguments, code) in [(&["T001"][..], 2), (&["T001", "--dry-run"], 2), (&["setup"], 2)] {
        let run = mark(&repo, "done", &[arguments, &["--report", "json=kitty-specs/m/tasks.md"]].concat());
        assert_eq!(run.code, code, "{arguments:?}: {}", run.stderr);
        assert_eq!(repo.read("kitty-specs/m/tasks.md"), before);
    }
}
