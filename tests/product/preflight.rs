//! The gate: `check` and `merge --dry-run` on real repositories. Every blocker is found, with all others, and its command
//! ends it; nothing is changed by asking.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rstest::rstest;
use serde_json::Value;

use crate::support::{Run, TestRepo, below, command, run, step, step_at};

const LOG: &str = "kitty-specs/m/status.events.jsonl";
const MISSION: &str = "kitty/mission-m";
const LANE_A: &str = "kitty/mission-m-lane-a";
const LANE_B: &str = "kitty/mission-m-lane-b";

const LANES: &str = r#"{"version": 1, "mission_slug": "m", "mission_branch": "kitty/mission-m", "target_branch": "main", "lanes": [
  {"lane_id": "lane-b", "wp_ids": ["WP02"], "depends_on_lanes": ["lane-a"]},
  {"lane_id": "lane-a", "wp_ids": ["WP01"], "depends_on_lanes": []}
]}
"#;

fn approved(work_package: &str) -> String {
    let evidence = r#""evidence": {"review": {"reviewer": "r", "verdict": "approved", "reference": "x"}}"#;
    step(work_package, "in_review", "approved").replace("\"evidence\": null", evidence)
}

/// A mission with two lanes that are ready to merge, on branch `main`. Both touch one file, in different lines.
fn ready() -> TestRepo {
    let repo = TestRepo::new();
    repo.git(&["branch", "--move", "main"]);
    repo.write("shared.txt", "one\ntwo\nthree\nfour\nfive\nsix\nseven\n");
    repo.write("kitty-specs/m/meta.json", "{\"status_phase\": \"1\", \"target_branch\": \"main\"}\n");
    repo.write("kitty-specs/m/lanes.json", LANES);
    repo.write("kitty-specs/m/tasks.md", "- [x] T001 a\n");
    repo.write("kitty-specs/m/tasks/WP01-a.md", "---\nsubtasks: []\n---\n");
    repo.write("kitty-specs/m/tasks/WP02-b.md", "---\nsubtasks: []\n---\n");
    repo.write(LOG, approved("WP01") + &approved("WP02"));
    repo.commit_all("Mission");
    repo.git(&["branch", MISSION]);
    lane(&repo, LANE_A, ("one", "ONE"), "a.txt");
    lane(&repo, LANE_B, ("seven", "SEVEN"), "b.txt");
    repo
}

/// A branch that changes a line of the shared file, and adds a file.
fn lane(repo: &TestRepo, branch: &str, (from, to): (&str, &str), file: &str) {
    repo.git(&["checkout", "--quiet", "-B", branch, "main"]);
    repo.write("shared.txt", repo.read("shared.txt").replace(from, to));
    repo.write(file, "new\n");
    repo.commit_all(branch);
    repo.git(&["checkout", "--quiet", "main"]);
}

fn dry_run(repo: &TestRepo, more: &[&str]) -> Run {
    run(repo, &[&["merge", "--dry-run", "--mission", "m"], more].concat())
}

fn codes(repo: &TestRepo, more: &[&str]) -> Vec<String> {
    let run = dry_run(repo, &[more, &["--json"]].concat());
    let json = run.json();
    let blockers = json["blockers"].as_array().cloned().unwrap_or_default();
    assert_eq!(run.code, i32::from(!blockers.is_empty()), "{json:#}");
    assert_eq!(json["ready"], blockers.is_empty(), "{json:#}");
    blockers.iter().map(|blocker| blocker["code"].as_str().unwrap().to_owned()).collect()
}

/// Everything in a directory, with its content.
fn everything(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = below(directory).into_iter().filter(|path| path.is_file());
    files.map(|path| (path.display().to_string(), fs::read(&path).unwrap())).collect()
}

#[test]
fn a_mission_that_is_ready() {
    let repo = ready();
    let shown = dry_run(&repo, &["--json"]);
    assert_eq!((shown.code, shown.stderr.as_str()), (0, ""), "{}", shown.stdout);
    let json = shown.json();
    assert_eq!(
        (&json["ready"], &json["mission_slug"], &json["target_branch"]),
        (&true.into(), &"m".into(), &"main".into())
    );
    assert_eq!(
        (&json["strategy"], &json["mission_branch"], &json["push"]),
        (&"squash".into(), &MISSION.into(), &false.into())
    );
    assert_eq!((&json["delete_branch"], &json["remove_worktree"]), (&true.into(), &true.into()));
    assert_eq!(json["would_assign_mission_number"], 1);
    let lanes: Vec<_> =
        json["lanes"].as_array().unwrap().iter().map(|lane| lane["lane_id"].as_str().unwrap()).collect();
    assert_eq!(lanes, ["lane-a", "lane-b"], "a lane comes after those it depends on");
    let changes: Vec<_> = json["forecast"]["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["path"].as_str().unwrap())
        .collect();
    assert_eq!(changes, ["a.txt", "b.txt", "shared.txt"]);
    assert_eq!(
        json["plan"]["id"],
        dry_run(&repo, &["--json"]).json()["plan"]["id"],
        "the same plan has the same id"
    );
    let people = dry_run(&repo, &[]);
    assert!(
        people.stdout.ends_with("cleared: 10 checks of m found nothing in the way\n"),
        "{}",
        people.stdout
    );
}

/// The forecast is what git itself makes of the same merge.
#[rstest]
#[case("merge")]
#[case("squash")]
#[case("rebase")]
fn the_forecast_is_gits_own_result(#[case] strategy: &str) {
    let repo = ready();
    let tree = dry_run(&repo, &["--strategy", strategy, "--json"]).json()["forecast"]["tree"]
        .as_str()
        .unwrap()
        .to_owned();
    repo.git(&["checkout", "--quiet", "--detach", MISSION]);
    for lane in [LANE_A, LANE_B] {
        repo.git(&["merge", "--quiet", "--no-edit", lane]);
    }
    let lanes = repo.git(&["rev-parse", "HEAD"]).trim().to_owned();
    repo.git(&["checkout", "--quiet", "main"]);
    match strategy {
        "rebase" => repo.git(&["rebase", "--quiet", "main", &lanes]),
        _ => repo.git(&["merge", "--quiet", "--no-edit", &lanes]),
    };
    assert_eq!(repo.git(&["rev-parse", "HEAD^{tree}"]).trim(), tree);
}

#[test]
fn asking_changes_nothing_at_all() {
    let repo = ready();
    repo.git(&["worktree", "add", "--quiet", ".worktrees/m-lane-a", LANE_A]);
    repo.write("shared.txt", "dirty\n");
    let before = everything(repo.root());
    for arguments in [
        &["merge", "--dry-run", "--mission", "m"][..],
        &["merge", "--dry-run", "--mission", "m", "--json", "--push"],
        &["merge", "--dry-run", "--mission", "m", "--strategy", "rebase"],
        &["check", "--mission", "m"],
        &["check", "--mission", "m", "--stage", "commit"],
    ] {
        run(&repo, arguments);
        assert!(everything(repo.root()) == before, "{arguments:?} changed something");
    }
}

/// What makes a mission not ready, and the code for it.
type Break = fn(&TestRepo);

/// For each blocker: it is found, alone, and its own command ends it.
#[rstest]
#[case::missing_mission_branch("missing_mission_branch", |repo: &TestRepo| drop(repo.git(&["branch", "-D", MISSION])))]
#[case::branch_on_the_remote_only("missing_mission_branch", |repo: &TestRepo| {
    let tip = repo.git(&["rev-parse", MISSION]);
    repo.git(&["remote", "add", "origin", "."]);
    repo.git(&["update-ref", &format!("refs/remotes/origin/{MISSION}"), tip.trim()]);
    repo.git(&["branch", "-D", MISSION]);
})]
#[case::a_tag_is_no_branch("missing_mission_branch", |repo: &TestRepo| {
    repo.git(&["tag", MISSION, MISSION]);
    repo.git(&["branch", "-D", MISSION]);
})]
#[case::unstaged("dirty_worktree", |repo: &TestRepo| drop(repo.write("shared.txt", "mine\n")))]
#[case::staged("dirty_worktree", |repo: &TestRepo| {
    repo.write("staged.txt", "mine\n");
    repo.git(&["add", "staged.txt"]);
})]
#[case::untracked_in_the_way("untracked_obstruction", |repo: &TestRepo| drop(repo.write("a.txt", "mine\n")))]
#[case::ignored_in_the_way("untracked_obstruction", |repo: &TestRepo| {
    repo.write(".git/info/exclude", "a.txt\n");
    repo.write("a.txt", "mine\n");
})]
#[case::lane_worktree_changed("dirty_lane_worktree", |repo: &TestRepo| {
    repo.git(&["worktree", "add", "--quiet", ".worktrees/m-lane-a", LANE_A]);
    repo.write(".worktrees/m-lane-a/shared.txt", "mine\n");
})]
#[case::lane_worktree_new_file("dirty_lane_worktree", |repo: &TestRepo| {
    repo.git(&["worktree", "add", "--quiet", ".worktrees/m-lane-a", LANE_A]);
    repo.write(".worktrees/m-lane-a/new.txt", "mine\n");
})]
#[case::index_locked("index_locked", |repo: &TestRepo| drop(repo.write(".git/index.lock", "")))]
#[case::merge_under_way("merge_in_progress", |repo: &TestRepo| {
    repo.git(&["branch", "side"]);
    repo.git(&["commit", "--quiet", "--allow-empty", "--message", "x"]);
    repo.git(&["merge", "--quiet", "--no-commit", "--no-ff", "side", "-s", "ours"]);
    repo.write(".git/MERGE_HEAD", repo.git(&["rev-parse", LANE_A]));
})]
#[case::bisect_under_way("operation_in_progress", |repo: &TestRepo| drop(repo.git(&["bisect", "start"])))]
#[case::sparse("sparse_checkout", |repo: &TestRepo| drop(repo.git(&["sparse-checkout", "set", "--no-cone", "/*"])))]
fn a_blocker_is_found_and_its_command_ends_it(#[case] code: &str, #[case] break_it: Break) {
    let repo = ready();
    break_it(&repo);
    let json = dry_run(&repo, &["--json"]).json();
    assert_eq!(codes(&repo, &[]), [code], "{json:#}");
    assert_eq!(json["blocker"], code);
    let remediation = json["blockers"][0]["remediation"].as_str().unwrap();
    let mut shell = std::process::Command::new("sh");
    clearance_testkit::scrub(&mut shell);
    let done = Run::of(shell.current_dir(repo.root()).args(["-c", remediation]));
    assert_eq!(done.code, 0, "{remediation}: {}", done.stderr);
    assert_eq!(codes(&repo, &[]), Vec::<String>::new(), "after {remediation}");
}

/// Blockers whose way out needs a person.
#[rstest]
#[case::lane_branch_gone("missing_lane_branch", |repo: &TestRepo| drop(repo.git(&["branch", "-D", LANE_B])))]
#[case::target_gone("target_branch_missing", |repo: &TestRepo| {
    repo.git(&["checkout", "--quiet", "-b", "other"]);
    repo.git(&["branch", "-D", "main"]);
})]
#[case::not_approved("wp_not_approved", |repo: &TestRepo| {
    repo.write(LOG, approved("WP01") + &step("WP02", "planned", "claimed"));
    repo.commit_all("Log");
})]
#[case::no_log("event_log_missing", |repo: &TestRepo| {
    repo.git(&["rm", "--quiet", LOG]);
    repo.commit_all("No log");
})]
#[case::broken_log("event_log_invalid", |repo: &TestRepo| {
    repo.write(LOG, approved("WP01") + "<<<<<<< HEAD\n" + &approved("WP02"));
    repo.commit_all("Log");
})]
#[case::broken_lanes("lanes_invalid", |repo: &TestRepo| {
    repo.write("kitty-specs/m/lanes.json", "{\"lanes\": 5}");
    repo.commit_all("Lanes");
})]
#[case::lanes_in_a_circle("lanes_invalid", |repo: &TestRepo| {
    repo.write("kitty-specs/m/lanes.json", LANES.replace("\"depends_on_lanes\": []", "\"depends_on_lanes\": [\"lane-b\"]"));
    repo.commit_all("Lanes");
})]
#[case::meta_is_an_array("meta_invalid", |repo: &TestRepo| {
    repo.write("kitty-specs/m/meta.json", "[]");
    repo.commit_all("Meta");
})]
#[case::rejected_in_the_log("review_rejected", |repo: &TestRepo| {
    let rejected = step_at("WP02", "in_review", "approved", 2, r#", "review_result": {"reviewer": "r", "verdict": "changes_requested", "reference": "x"}"#);
    repo.write(LOG, approved("WP01") + &rejected);
    repo.commit_all("Log");
})]
#[case::rejected_in_the_last_file("review_rejected", |repo: &TestRepo| {
    repo.write(LOG, approved("WP01") + &step("WP02", "in_review", "approved"));
    repo.write("kitty-specs/m/tasks/WP02-b/review-cycle-9.md", "---\nverdict: approved\n---\n");
    repo.write("kitty-specs/m/tasks/WP02-b/review-cycle-10.md", "---\nverdict: rejected\n---\n");
    repo.commit_all("Review");
})]
#[case::lanes_conflict("lane_conflict", |repo: &TestRepo| lane(repo, LANE_B, ("one", "EINS"), "b.txt"))]
#[case::target_conflicts("target_conflict", |repo: &TestRepo| {
    repo.write("shared.txt", repo.read("shared.txt").replace("one", "eins"));
    repo.commit_all("Target");
})]
fn a_blocker_is_found(#[case] code: &str, #[case] break_it: Break) {
    let repo = ready();
    break_it(&repo);
    let found = codes(&repo, &[]);
    assert!(found.contains(&code.to_owned()), "{found:?}");
    let people = dry_run(&repo, &[]);
    assert!(
        people.stdout.contains(code) && people.stdout.lines().last().unwrap().starts_with("blocked: "),
        "{}",
        people.stdout
    );
    assert_eq!(people.code, 1);
}

#[test]
fn every_blocker_is_reported_at_once_and_the_first_is_named() {
    let repo = ready();
    repo.git(&["branch", "-D", MISSION]);
    repo.git(&["branch", "-D", LANE_B]);
    repo.write("shared.txt", "mine\n");
    repo.write(LOG, approved("WP01"));
    let json = dry_run(&repo, &["--json"]).json();
    assert_eq!(
        codes(&repo, &[]),
        ["dirty_worktree", "missing_mission_branch", "missing_lane_branch", "wp_not_approved"]
    );
    assert_eq!(json["expected_branch"], MISSION);
    let tip = repo.git(&["rev-parse", "main"]);
    assert_eq!(json["remediation"], format!("git branch {MISSION} {}", tip.trim()), "from the target's tip");
    assert!(json.get("forecast").is_none() && json.get("plan").is_none());
}

/// The command for a missing branch starts from the target, whatever is checked out, and names are quoted.
#[test]
fn the_branch_of_a_strange_name_comes_from_the_target() {
    let repo = ready();
    let strange = "kitty/it's $(touch pwned)";
    repo.write("kitty-specs/m/lanes.json", LANES.replace(MISSION, strange));
    repo.commit_all("Strange");
    repo.git(&["checkout", "--quiet", "-b", "elsewhere"]);
    repo.git(&["commit", "--quiet", "--allow-empty", "--message", "elsewhere"]);
    let json = dry_run(&repo, &["--json"]).json();
    assert_eq!(json["expected_branch"], strange);
    let command = json["remediation"].as_str().unwrap();
    if command.starts_with("git branch") {
        let mut shell = std::process::Command::new("sh");
        clearance_testkit::scrub(&mut shell);
        assert_eq!(Run::of(shell.current_dir(repo.root()).args(["-c", command])).code, 0, "{command}");
        assert_eq!(repo.git(&["rev-parse", strange]), repo.git(&["rev-parse", "main"]));
    }
    assert!(!repo.root().join("pwned").exists());
}

#[rstest]
#[case::behind(1, 0, "target_behind")]
#[case::diverged(1, 1, "target_diverged")]
#[case::ahead(0, 1, "")]
#[case::level(0, 0, "")]
fn the_target_against_its_remote(#[case] theirs: usize, #[case] ours: usize, #[case] code: &str) {
    let repo = ready();
    let bare = repo.outside().join("origin.git");
    repo.git(&["clone", "--quiet", "--bare", ".", bare.to_str().unwrap()]);
    repo.git(&["remote", "add", "origin", bare.to_str().unwrap()]);
    repo.git(&["fetch", "--quiet", "origin"]);
    repo.git(&["branch", "--quiet", "--set-upstream-to=origin/main", "main"]);
    for _ in 0..ours {
        repo.git(&["commit", "--quiet", "--allow-empty", "--message", "ours"]);
    }
    for _ in 0..theirs {
        let tree = repo.git(&["rev-parse", "main^{tree}"]);
        let commit = repo.git(&["commit-tree", tree.trim(), "-p", "origin/main", "-m", "theirs"]);
        repo.git(&["push", "--quiet", "origin", &format!("{}:refs/heads/main", commit.trim())]);
        repo.git(&["update-ref", "refs/remotes/origin/main", "refs/remotes/origin/main~0"]);
    }
    // What was fetched is looked at without a push, and only warned of.
    let warned = dry_run(&repo, &["--json"]).json();
    let warnings: Vec<_> =
        warned["warnings"].as_array().unwrap().iter().map(|found| found["code"].as_str().unwrap()).collect();
    assert_eq!(warnings, if code.is_empty() { vec![] } else { vec![code] }, "{warned:#}");
    assert_eq!(warned["ready"], true);
    let expected: Vec<String> = if code.is_empty() { vec![] } else { vec![code.to_owned()] };
    assert_eq!(codes(&repo, &["--push"]), expected);
    if theirs > 0 && ours == 0 {
        let command =
            dry_run(&repo, &["--push", "--json"]).json()["remediation"].as_str().unwrap().to_owned();
        let mut shell = std::process::Command::new("sh");
        clearance_testkit::scrub(&mut shell);
        assert_eq!(Run::of(shell.current_dir(repo.root()).args(["-c", &command])).code, 0, "{command}");
        assert_eq!(codes(&repo, &["--push"]), Vec::<String>::new());
    }
}

#[test]
fn a_remote_that_cannot_be_reached() {
    let repo = ready();
    repo.git(&["remote", "add", "origin", "/nonexistent/origin.git"]);
    assert_eq!(codes(&repo, &[]), Vec::<String>::new(), "a merge here does not need it");
    assert_eq!(codes(&repo, &["--push"]), ["remote_unreachable"]);
    let asked = dry_run(&repo, &["--fetch", "--json"]).json();
    assert_eq!(
        (&asked["ready"], &asked["warnings"][0]["code"]),
        (&true.into(), &"remote_unreachable".into())
    );
}

#[test]
fn review_files_without_front_matter_are_only_warned_of() {
    let repo = ready();
    repo.write("kitty-specs/m/tasks/WP01-a/review-cycle-1.md", "**Issue 1**: not yet\n");
    repo.write("kitty-specs/m/tasks/WP02-b/review-cycle-1.md", "---\nverdict: rejected\nreview_artifact_override_actor: op\nreview_artifact_override_reason: fine\n---\n");
    // The log says nothing of that review, so the file does.
    repo.write(LOG, approved("WP01") + &step("WP02", "in_review", "approved"));
    repo.commit_all("Reviews");
    let json = dry_run(&repo, &["--json"]).json();
    assert_eq!(
        (&json["ready"], &json["warnings"][0]["code"]),
        (&true.into(), &"review_schema_invalid".into())
    );
    assert_eq!(json["warnings"].as_array().unwrap().len(), 1);
}

#[test]
fn a_repository_without_missions_is_asked_about_itself() {
    let repo = TestRepo::new();
    let cleared = run(&repo, &["check", "--json"]);
    let json = cleared.json();
    assert_eq!((cleared.code, &json["verdict"]), (0, &"cleared".into()), "{json:#}");
    let applicable =
        json["checks"].as_array().unwrap().iter().filter(|check| check["applicable"] == true).count();
    assert_eq!(applicable, 1, "the others are listed as not applicable");
    let nothing = run(&repo, &["check", "--stage", "mark-status", "--json"]);
    assert_eq!((nothing.code, &nothing.json()["verdict"]), (4, &Value::Null));
    assert!(run(&repo, &["check", "--stage", "mark-status"]).stdout.starts_with("nothing was evaluated"));
}

/// A check that could not look is no pass.
#[test]
fn what_cannot_be_computed_is_undecided() {
    let repo = ready();
    // An object that the forecast needs is gone.
    let tree = repo.git(&["rev-parse", &format!("{LANE_A}^{{tree}}")]).trim().to_owned();
    fs::remove_file(repo.root().join(format!(".git/objects/{}/{}", &tree[..2], &tree[2..]))).unwrap();
    let run = dry_run(&repo, &["--json"]);
    let json = run.json();
    assert_eq!((run.code, &json["ready"]), (3, &false.into()), "{json:#}");
    let undecided: Vec<_> = json["undecided"]
        .as_array()
        .unwrap()
        .iter()
        .map(|failed| failed["check"].as_str().unwrap())
        .collect();
    assert!(undecided.contains(&"conflict-forecast"), "{undecided:?}");
    assert!(dry_run(&repo, &[]).stdout.contains("undecided: "));
}

#[rstest]
#[case::unknown_mission(&["merge", "--dry-run", "--mission", "nope"], 2, "mission_not_found")]
#[case::traversal(&["merge", "--dry-run", "--mission", "../m"], 2, "mission_handle_invalid")]
#[case::check_unknown(&["check", "--mission", "nope"], 2, "mission_not_found")]
#[case::no_dry_run(&["merge", "--mission", "m"], 2, "merge_not_available")]
#[case::bad_strategy(&["merge", "--dry-run", "--mission", "m", "--strategy", "theirs"], 2, "usage")]
#[case::bad_stage(&["check", "--stage", "release"], 2, "usage")]
fn bad_questions_are_one_value(#[case] arguments: &[&str], #[case] code: i32, #[case] error: &str) {
    let repo = ready();
    let asked = run(&repo, &[arguments, &["--json"]].concat());
    assert_eq!((asked.code, asked.json()["error"].as_str()), (code, Some(error)), "{}", asked.stdout);
}

#[test]
fn an_empty_repository_and_a_lane_worktree_are_answered() {
    let repo = ready();
    repo.git(&["worktree", "add", "--quiet", ".worktrees/m-lane-a", LANE_A]);
    let lane = repo.root().join(".worktrees/m-lane-a");
    let asked = Run::of(command(&lane).args(["merge", "--dry-run", "--json"]));
    assert_eq!((asked.code, &asked.json()["mission_slug"]), (0, &"m".into()), "{}", asked.stdout);
    let empty = TestRepo::new();
    empty.git(&["checkout", "--quiet", "--orphan", "unborn"]);
    empty.git(&["branch", "-D", "work"]);
    empty.write("kitty-specs/m/meta.json", "{}");
    let found = codes(&empty, &[]);
    assert!(
        found.contains(&"target_branch_missing".to_owned())
            && found.contains(&"missing_mission_branch".to_owned()),
        "{found:?}"
    );
}

/// What people read, in three forms; a pipe gets the plain one.
#[rstest]
#[case("plain")]
#[case("fancy")]
#[case("narrated")]
fn findings_in_words(#[case] form: &str) {
    let repo = ready();
    repo.git(&["branch", "-D", MISSION]);
    repo.write(LOG, approved("WP01"));
    repo.commit_all("Log");
    let shown = dry_run(&repo, &["--report", form]);
    assert_eq!(shown.code, 1);
    let tip = repo.git(&["rev-parse", "main"]);
    let text = shown.stdout.replace(tip.trim(), "TIP");
    insta::assert_snapshot!(form, text);
    assert_eq!(dry_run(&repo, &[]).stdout == shown.stdout, form == "plain");
}

/// A conflict of no single file is a conflict all the same.
#[test]
fn a_directory_that_was_split_is_a_conflict() {
    let repo = ready();
    for nth in 1..=6 {
        repo.write(&format!("x/f{nth}"), format!("{nth}\n").repeat(20));
    }
    repo.commit_all("Directory");
    repo.git(&["branch", "--force", MISSION, "main"]);
    repo.git(&["checkout", "--quiet", "-B", LANE_A, "main"]);
    repo.write("x/n7", "new\n");
    repo.write("x/n8", "new\n");
    repo.commit_all("Lane");
    repo.git(&["checkout", "--quiet", "-B", LANE_B, "main"]);
    repo.write("b.txt", "new\n");
    repo.commit_all("Lane");
    repo.git(&["checkout", "--quiet", "main"]);
    fs::create_dir(repo.root().join("y")).unwrap();
    fs::create_dir(repo.root().join("z")).unwrap();
    for (nth, to) in [(1, "y"), (2, "y"), (3, "y"), (4, "z"), (5, "z"), (6, "z")] {
        repo.git(&["mv", &format!("x/f{nth}"), &format!("{to}/f{nth}")]);
    }
    repo.commit_all("Split");
    let found = codes(&repo, &[]);
    assert!(found.contains(&"target_conflict".to_owned()), "{found:?}");
}

/// More ways to look ready without being so.
#[rstest]
#[case::no_lanes("lanes_invalid", |repo: &TestRepo| {
    repo.write("kitty-specs/m/lanes.json", "{\"version\": 1, \"lanes\": []}");
    repo.commit_all("Lanes");
})]
#[case::no_manifest("lanes_invalid", |repo: &TestRepo| {
    repo.git(&["rm", "--quiet", "kitty-specs/m/lanes.json"]);
    repo.commit_all("Lanes");
})]
#[case::no_meta("meta_invalid", |repo: &TestRepo| {
    repo.git(&["rm", "--quiet", "kitty-specs/m/meta.json"]);
    repo.commit_all("Meta");
})]
#[case::branch_is_target("mission_branch_is_target", |repo: &TestRepo| {
    repo.write("kitty-specs/m/lanes.json", LANES.replace("\"mission_branch\": \"kitty/mission-m\"", "\"mission_branch\": \"main\""));
    repo.commit_all("Lanes");
})]
#[case::no_file("wp_file_missing", |repo: &TestRepo| {
    repo.git(&["rm", "--quiet", "kitty-specs/m/tasks/WP02-b.md"]);
    repo.commit_all("File");
})]
#[case::lane_worktree_elsewhere("lane_worktree_on_other_branch", |repo: &TestRepo| {
    repo.git(&["worktree", "add", "--quiet", "--detach", ".worktrees/m-lane-a", LANE_A]);
})]
#[case::hidden_by_assume_unchanged("hidden_change", |repo: &TestRepo| {
    repo.git(&["update-index", "--assume-unchanged", "shared.txt"]);
    repo.write("shared.txt", "mine\n");
})]
#[case::hidden_by_skip_worktree("hidden_change", |repo: &TestRepo| {
    repo.git(&["update-index", "--skip-worktree", "shared.txt"]);
    repo.write("shared.txt", "mine\n");
})]
#[case::sequence_under_way("operation_in_progress", |repo: &TestRepo| {
    repo.write(".git/sequencer/todo", "pick 0000000 x\n");
})]
fn what_looks_ready_and_is_not(#[case] code: &str, #[case] break_it: Break) {
    let repo = ready();
    break_it(&repo);
    let found = codes(&repo, &[]);
    assert!(found.contains(&code.to_owned()), "{found:?}");
}

/// What is odd and does no harm blocks nothing.
#[rstest]
#[case::told_not_to_look_at_what_is_unchanged(|repo: &TestRepo| drop(repo.git(&["update-index", "--assume-unchanged", "shared.txt"])))]
#[case::empty_directory_in_the_way(|repo: &TestRepo| fs::create_dir(repo.root().join("a.txt")).unwrap())]
#[case::a_directory_becomes_a_file(|repo: &TestRepo| {
    repo.write("dir/file", "x\n");
    repo.commit_all("Directory");
    repo.git(&["branch", "--force", MISSION, "main"]);
    repo.git(&["checkout", "--quiet", "-B", LANE_A, "main"]);
    repo.git(&["rm", "--quiet", "-r", "dir"]);
    repo.write("dir", "a file\n");
    repo.commit_all("File");
    repo.git(&["checkout", "--quiet", "main"]);
})]
#[case::rebase_of_something_else(|repo: &TestRepo| {
    repo.git(&["worktree", "add", "--quiet", "-b", "other", ".worktrees/other"]);
    repo.write(".worktrees/other/x.txt", "x\n");
    let path = repo.git(&["-C", ".worktrees/other", "rev-parse", "--path-format=absolute", "--git-path", "CHERRY_PICK_HEAD"]);
    fs::copy(repo.root().join(".git/refs/heads/main"), path.trim()).unwrap();
})]
#[case::merged_before(|repo: &TestRepo| {
    repo.git(&["checkout", "--quiet", MISSION]);
    repo.git(&["merge", "--quiet", "--no-edit", LANE_A]);
    repo.git(&["checkout", "--quiet", "main"]);
})]
#[case::a_local_branch_followed(|repo: &TestRepo| {
    repo.git(&["branch", "dev"]);
    repo.git(&["branch", "--quiet", "--set-upstream-to=dev", "main"]);
})]
fn what_is_odd_and_does_no_harm(#[case] make_it: Break) {
    let repo = ready();
    make_it(&repo);
    assert_eq!(codes(&repo, &[]), Vec::<String>::new());
}

/// Without the mission branch nothing was merged for the forecast: that is no "no conflict".
#[test]
fn a_forecast_that_could_not_be_asked_waits() {
    let repo = ready();
    repo.git(&["branch", "-D", MISSION]);
    let checks = run(&repo, &["check", "--mission", "m", "--json"]).json()["checks"].clone();
    let forecast =
        checks.as_array().unwrap().iter().find(|check| check["id"] == "conflict-forecast").unwrap();
    assert_eq!((&forecast["verdict"], &forecast["waits_for"]), (&Value::Null, &"mission-branch".into()));
}

#[test]
fn a_broken_branch_hides_nothing_else() {
    let repo = ready();
    repo.write("shared.txt", "mine\n");
    let tip = repo.git(&["rev-parse", LANE_A]).trim().to_owned();
    fs::remove_file(repo.root().join(format!(".git/objects/{}/{}", &tip[..2], &tip[2..]))).unwrap();
    let asked = dry_run(&repo, &["--json"]);
    let json = asked.json();
    assert_eq!(asked.code, 3, "{json:#}");
    assert!(json["blockers"].to_string().contains("dirty_worktree"), "{json:#}");
    assert!(!json["undecided"].as_array().unwrap().is_empty());
}

#[test]
fn a_colon_in_the_path_of_the_repository() {
    let repo = ready();
    let odd = repo.outside().join("a:b");
    fs::rename(repo.root(), &odd).unwrap();
    let asked = Run::of(command(&odd).args(["merge", "--dry-run", "--mission", "m"]));
    fs::rename(&odd, repo.root()).unwrap();
    assert_eq!(asked.code, 0, "{}", asked.stdout);
}

/// Attributes are the target's, whatever is checked out where the question is asked.
#[test]
fn attributes_are_those_of_the_target() {
    let repo = ready();
    repo.write("shared.txt", repo.read("shared.txt").replace("one", "eins"));
    repo.commit_all("Target");
    repo.git(&["checkout", "--quiet", "-b", "union"]);
    repo.write(".gitattributes", "shared.txt merge=union\n");
    repo.commit_all("Attributes");
    assert_eq!(codes(&repo, &[]), ["target_conflict"]);
}

/// Commit by commit is not the same as all at once: here a commit conflicts that a later one takes back.
#[test]
fn each_strategy_is_forecast_by_its_own_way() {
    let repo = ready();
    repo.git(&["checkout", "--quiet", "-B", LANE_B, "main"]);
    for text in ["vier", "four"] {
        let now = repo.read("shared.txt");
        repo.write("shared.txt", now.replace(if text == "vier" { "four" } else { "vier" }, text));
        repo.commit_all(text);
    }
    repo.git(&["checkout", "--quiet", "main"]);
    repo.write("shared.txt", repo.read("shared.txt").replace("four", "quatre"));
    repo.commit_all("Target");
    assert_eq!(codes(&repo, &[]), Vec::<String>::new());
    assert_eq!(codes(&repo, &["--strategy", "rebase"]), ["target_conflict"]);
}

/// Machines read what the schemas say, on every path that has a verdict.
#[rstest]
#[case::ready(|_: &TestRepo| {})]
#[case::blocked(|repo: &TestRepo| {
    repo.git(&["branch", "-D", MISSION]);
    repo.write("shared.txt", "mine\n");
})]
#[case::warned(|repo: &TestRepo| {
    repo.write("kitty-specs/m/tasks/WP01-a/review-cycle-1.md", "no front matter\n");
    repo.commit_all("Review");
})]
#[case::undecided(|repo: &TestRepo| {
    let tip = repo.git(&["rev-parse", LANE_A]).trim().to_owned();
    fs::remove_file(repo.root().join(format!(".git/objects/{}/{}", &tip[..2], &tip[2..]))).unwrap();
})]
fn json_is_as_the_schemas_say(#[case] make_it: Break) {
    let repo = ready();
    make_it(&repo);
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/schemas");
    let valid = |schema: &str, value: &Value| {
        let schema: Value = serde_json::from_str(&clearance_testkit::read(&schemas, schema)).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let faults: Vec<_> =
            validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert_eq!(faults, Vec::<String>::new(), "{value:#}");
    };
    valid("clearance.merge-dry-run.v1.json", &dry_run(&repo, &["--json"]).json());
    valid("clearance.check.v1.json", &run(&repo, &["check", "--mission", "m", "--json"]).json());
    valid("clearance.check.v1.json", &dry_run(&repo, &["--report", "json"]).json());
    valid(
        "clearance.check.v1.json",
        &run(&TestRepo::new(), &["check", "--stage", "mark-status", "--json"]).json(),
    );
}

/// A remote that does not answer is given up on, with everything that was started for it.
#[cfg(unix)]
#[test]
fn a_remote_that_hangs() {
    use std::os::unix::fs::PermissionsExt;
    let repo = ready();
    repo.git(&["remote", "add", "origin", "ssh://nowhere.invalid/x.git"]);
    let script =
        clearance_testkit::write(repo.outside(), "ssh", "#!/bin/sh\necho $$ > \"$0.pid\"\nexec sleep 600\n");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let mut asked = command(repo.root());
    asked.env("GIT_SSH_COMMAND", &script).env("GIT_SSH_VARIANT", "simple");
    asked.args(["merge", "--dry-run", "--mission", "m", "--push", "--json", "--remote-timeout", "1"]);
    let answer = Run::of(&mut asked);
    let json = answer.json();
    assert_eq!((answer.code, &json["blocker"]), (1, &"remote_unreachable".into()), "{json:#}");
    assert!(json["blockers"][0]["message"].as_str().unwrap().contains("no answer within 1.0 s"), "{json:#}");
    let pid = clearance_testkit::read(repo.outside(), "ssh.pid");
    let state = fs::read_dir(format!("/proc/{}", pid.trim())).is_ok();
    // A killed process may still be on the list until somebody asks for its end; it must not be asleep.
    let asleep = state
        && clearance_testkit::read(Path::new("/proc"), &format!("{}/stat", pid.trim())).contains(") S ");
    assert!(!asleep, "process {pid} was left behind");
}

/// The review files of real missions are classified, none of them by a crash or a refusal to look.
#[test]
fn review_files_of_real_missions() {
    let Some(folder) = clearance_testkit::corpus() else { return };
    let mut warned = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let directory = entry.unwrap().path();
        let slug = directory.file_name().unwrap().to_str().unwrap().to_owned();
        let repo = TestRepo::new();
        for file in below(&directory).into_iter().filter(|path| path.is_file()) {
            let name = file.strip_prefix(&directory).unwrap().display().to_string();
            let text = fs::read(&file).unwrap();
            repo.write(&format!("kitty-specs/{slug}/{name}"), text);
        }
        let meta: Value = serde_json::from_str(&repo.read(&format!("kitty-specs/{slug}/meta.json"))).unwrap();
        if let Some(branch) = meta["coordination_branch"].as_str() {
            repo.git(&["branch", branch]);
        }
        let checked = run(&repo, &["check", "--stage", "commit", "--mission", &slug, "--json"]);
        let json = checked.json();
        assert!(matches!(checked.code, 0 | 1), "{slug}: {json:#}");
        warned += json["warnings"].as_u64().unwrap();
        assert_eq!(json["blockers"], 0, "all of them were approved in the end: {json:#}");
    }
    assert!(warned >= 4, "files without a verdict are warned of: {warned}");
}
