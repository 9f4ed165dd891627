//! State on a coordination branch: read and written where the mission's topology says.

use clearance_testkit::{read, write};
use serde_json::Value;

use crate::support::{LOG, Run, TestRepo, events, mark, run, step, step_at};

const BRANCH: &str = "kitty/mission-m-01KQW4DF";
const TREE: &str = ".worktrees/m-01KQW4DF-coord";
const STATE: &str = "kitty-specs/m-01KQW4DF";

/// A mission `m` whose state is on the coordination branch: WP01 is claimed there.
fn coordinated() -> TestRepo {
    let repo = events("## WP01\n- [ ] T001 a\n", &[("WP01", "T001")]);
    repo.write(
        "kitty-specs/m/meta.json",
        format!(r#"{{"status_phase": "1", "topology": "coord", "coordination_branch": "{BRANCH}", "mission_id": "01KQW4DFAWRMK2PM22CHZYBJ26"}}"#),
    );
    repo.write(".gitignore", ".worktrees/\n");
    repo.commit_all("Mission");
    repo.git(&["checkout", "--quiet", "-b", BRANCH]);
    repo.write(&format!("{STATE}/status.events.jsonl"), step("WP01", "genesis", "claimed"));
    repo.commit_all("State");
    repo.git(&["checkout", "--quiet", "work"]);
    repo
}

fn with_worktree() -> TestRepo {
    let repo = coordinated();
    repo.git(&["worktree", "add", "--quiet", TREE, BRANCH]);
    repo
}

fn lane(repo: &TestRepo) -> Value {
    let run = run(repo, &["status", "--mission", "m", "--json"]);
    assert_eq!(run.code, 0, "{}", run.stdout);
    run.json()["work_packages"][0]["lane"].clone()
}

fn move_to(repo: &TestRepo, lane: &str, more: &[&str]) -> Run {
    run(repo, &[&["move", "WP01", "--to", lane, "--mission", "m"], more].concat())
}

#[test]
fn state_is_read_and_written_in_the_work_tree_of_the_branch() {
    let repo = with_worktree();
    assert_eq!(lane(&repo), "claimed");
    let moved = move_to(&repo, "in_progress", &["--auto-commit"]);
    assert_eq!(moved.code, 0, "{}", moved.stderr);
    assert!(moved.stdout.contains(&format!("{TREE}/{STATE}/status.events.jsonl")), "{}", moved.stdout);
    assert_eq!(lane(&repo), "in_progress");
    assert!(!repo.root().join(LOG).exists(), "no second log");
    assert_eq!(repo.git(&["status", "--porcelain"]), "", "the main work tree is as it was");
    assert_eq!(
        repo.git(&["log", "-1", "--format=%s", BRANCH]),
        "chore: Move WP01 to in_progress on spec m\n"
    );
    assert_eq!(
        repo.git(&["show", "--format=", "--name-only", BRANCH]),
        format!("{STATE}/status.events.jsonl\n{STATE}/status.json\n")
    );
    assert_eq!(repo.git(&["log", "-1", "--format=%s"]), "Mission\n", "nothing is committed here");
    // Tasks are recorded in the same log.
    assert_eq!(mark(&repo, "done", &["T001"]).code, 0);
    assert!(
        read(&repo.root().join(TREE), &format!("{STATE}/status.events.jsonl")).contains("\"T001\": \"done\"")
    );
}

#[test]
fn without_a_work_tree_the_branch_is_read_and_gets_one_to_be_written() {
    let repo = coordinated();
    assert_eq!(lane(&repo), "claimed");
    assert_eq!(move_to(&repo, "in_progress", &["--dry-run"]).code, 0);
    assert!(!repo.root().join(TREE).exists(), "looking makes none");
    let moved = move_to(&repo, "in_progress", &[]);
    assert_eq!(moved.code, 0, "{}", moved.stderr);
    assert!(repo.root().join(TREE).join(STATE).join("status.json").exists());
    assert_eq!(lane(&repo), "in_progress");
}

#[test]
fn a_missing_branch_is_an_error_that_names_the_repair() {
    let repo = coordinated();
    let tip = repo.git(&["rev-parse", BRANCH]);
    repo.git(&["branch", "-D", "--quiet", BRANCH]);
    for run in [
        run(&repo, &["status", "--mission", "m"]),
        move_to(&repo, "in_progress", &[]),
        mark(&repo, "done", &["T001"]),
    ] {
        assert_eq!(run.code, 3, "{}", run.stdout);
        for needle in ["coordination_branch_missing", BRANCH, "remove `coordination_branch`"] {
            assert!(run.stderr.contains(needle), "{needle} in {}", run.stderr);
        }
    }
    assert!(!repo.root().join(LOG).exists() && !repo.root().join(TREE).exists());
    // Where a remote has it, the command that makes it local is named.
    repo.git(&["update-ref", &format!("refs/remotes/origin/{BRANCH}"), tip.trim()]);
    repo.git(&["remote", "add", "origin", "."]);
    let command = format!("git branch --track {BRANCH} origin/{BRANCH}");
    let refused = run(&repo, &["status", "--mission", "m"]);
    assert!(refused.stderr.contains(&command), "{}", refused.stderr);
    repo.git(&command.split(' ').skip(1).collect::<Vec<_>>());
    assert_eq!(lane(&repo), "claimed");
}

#[test]
fn a_work_tree_on_another_branch_is_not_written_in() {
    let repo = with_worktree();
    repo.git(&["-C", TREE, "checkout", "--quiet", "-b", "elsewhere"]);
    let refused = move_to(&repo, "in_progress", &[]);
    assert_eq!(refused.code, 3, "{}", refused.stdout);
    assert!(
        refused.stderr.contains("has elsewhere") && refused.stderr.contains("git -C"),
        "{}",
        refused.stderr
    );
    repo.git(&["-C", TREE, "switch", "--quiet", BRANCH]);
    assert_eq!(move_to(&repo, "in_progress", &[]).code, 0);
}

#[test]
fn a_log_that_never_left_the_mission_stays_the_log() {
    let repo = with_worktree();
    std::fs::remove_dir_all(repo.root().join(TREE).join(STATE)).unwrap();
    repo.write(LOG, step_at("WP01", "genesis", "planned", 1, ""));
    assert_eq!(lane(&repo), "planned");
    assert_eq!(move_to(&repo, "claimed", &[]).code, 0);
    assert!(repo.read(LOG).contains("\"to_lane\": \"claimed\""));
    assert!(!repo.root().join(TREE).join(STATE).exists(), "a second log would split the state");
}

#[test]
fn a_flattened_mission_has_its_state_at_home() {
    let repo = with_worktree();
    let flat = repo.read("kitty-specs/m/meta.json").replace("\"coord\"", "\"single_branch\"");
    repo.write("kitty-specs/m/meta.json", flat);
    repo.write(LOG, step("WP01", "genesis", "planned"));
    assert_eq!(lane(&repo), "planned");
}

#[test]
fn from_a_lane_worktree_the_same_state_is_seen() {
    let repo = with_worktree();
    repo.git(&["worktree", "add", "--quiet", "-b", "lane-a", ".worktrees/lane-a"]);
    let lane = repo.root().join(".worktrees/lane-a");
    let moved = Run::of(crate::support::command(&lane).args([
        "move",
        "WP01",
        "--to",
        "in_progress",
        "--mission",
        "m",
    ]));
    assert_eq!(moved.code, 0, "{}", moved.stderr);
    assert_eq!(self::lane(&repo), "in_progress");
    assert!(!lane.join(LOG).exists());
}

#[test]
fn state_that_leads_out_of_its_work_tree_is_refused() {
    let repo = with_worktree();
    let outside = write(repo.outside(), "theirs.jsonl", step("WP01", "genesis", "done"));
    let log = repo.root().join(TREE).join(STATE).join("status.events.jsonl");
    std::fs::remove_file(&log).unwrap();
    std::os::unix::fs::symlink(&outside, &log).unwrap();
    let refused = move_to(&repo, "in_progress", &[]);
    assert_eq!(refused.code, 3, "{}", refused.stdout);
    assert!(refused.stderr.contains("outside of what clearance may touch"), "{}", refused.stderr);
    assert_eq!(read(repo.outside(), "theirs.jsonl"), step("WP01", "genesis", "done"));
}

#[test]
fn the_branch_checked_out_in_the_main_tree_is_where_the_state_is() {
    let repo = coordinated();
    repo.git(&["checkout", "--quiet", BRANCH]);
    assert_eq!(lane(&repo), "claimed");
    assert_eq!(move_to(&repo, "in_progress", &[]).code, 0);
    assert!(repo.read(&format!("{STATE}/status.events.jsonl")).contains("in_progress"));
    assert!(!repo.root().join(LOG).exists(), "a second log would split the state");
}

#[test]
fn what_is_refused_makes_no_work_tree() {
    let repo = coordinated();
    assert_eq!(move_to(&repo, "done", &[]).code, 1);
    assert_eq!(mark(&repo, "done", &["T099"]).code, 1);
    assert!(!repo.root().join(".worktrees").exists());
}

#[test]
fn something_in_the_place_of_the_work_tree_is_told_by_the_dry_run_too() {
    let repo = coordinated();
    repo.write(&format!("{TREE}/theirs.txt"), "theirs\n");
    for more in [&["--dry-run"][..], &[]] {
        let refused = move_to(&repo, "in_progress", more);
        assert_eq!(refused.code, 3, "{more:?}: {}", refused.stdout);
        assert!(
            refused.stderr.contains("something else is there") && refused.stderr.contains("mv "),
            "{}",
            refused.stderr
        );
    }
    std::fs::remove_dir_all(repo.root().join(TREE)).unwrap();
    repo.git(&["worktree", "add", "--quiet", TREE, BRANCH]);
    std::fs::remove_dir_all(repo.root().join(TREE)).unwrap();
    for more in [&["--dry-run"][..], &[]] {
        let refused = move_to(&repo, "in_progress", more);
        assert!(refused.stderr.contains("worktree prune"), "{more:?}: {}", refused.stderr);
    }
    repo.git(&["worktree", "prune"]);
    assert_eq!(move_to(&repo, "in_progress", &[]).code, 0);
}

#[test]
fn a_second_log_is_pointed_at() {
    let repo = with_worktree();
    repo.write(LOG, step("WP01", "genesis", "done"));
    let board = run(&repo, &["status", "--mission", "m", "--json"]).json();
    assert_eq!(board["work_packages"][0]["lane"], "claimed");
    assert!(
        board["warnings"][0].as_str().unwrap().contains(&format!("{LOG} is not read")),
        "{}",
        board["warnings"]
    );
}

#[test]
fn files_of_a_branch_that_is_not_checked_out_are_not_renewed_in_silence() {
    let repo = coordinated();
    for what in ["--materialize", "--recover"] {
        let refused = run(&repo, &["status", "--mission", "m", what]);
        assert_eq!(refused.code, 1, "{}", refused.stdout);
        assert!(refused.stderr.contains("git worktree add"), "{}", refused.stderr);
    }
}
