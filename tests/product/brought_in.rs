//! What a merge brings in counts before it is made, and a way out leaves nothing behind that nobody finds again.

use rstest::rstest;
use serde_json::Value;

use crate::ready::{Break, LANE_A, LANE_B, MISSION, codes, dry_run, ready, shell};
use crate::support::{LOG, TestRepo, step_at};

fn first_remedy(repo: &TestRepo) -> String {
    let json = dry_run(repo, &["--json"]).json();
    json["blockers"][0]["remediation"].as_str().unwrap_or_else(|| panic!("{json:#}")).to_owned()
}

/// Work that was sent back on a branch of the merge is sent back.
#[rstest]
#[case::mission(MISSION)]
#[case::lane(LANE_B)]
fn a_rejection_that_the_merge_brings_in(#[case] branch: &str) {
    let repo = ready();
    repo.git(&["checkout", "--quiet", branch]);
    repo.write(LOG, repo.read(LOG) + &step_at("WP02", "approved", "in_progress", 9, ""));
    repo.commit_all("Sent back");
    repo.git(&["checkout", "--quiet", "main"]);
    assert_eq!(codes(&repo, &[]), ["event_log_behind"]);
    let command = first_remedy(&repo);
    assert_eq!(shell(&repo, &command).code, 0, "{command}");
    assert_eq!(codes(&repo, &[]), ["wp_not_approved"], "after {command}");
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

/// Line endings that git makes in the work tree are no other events.
#[test]
fn a_log_with_other_line_endings_is_the_same() {
    let repo = ready();
    repo.git(&["checkout", "--quiet", "-b", "topic"]);
    repo.git(&["config", "core.autocrlf", "true"]);
    repo.git(&["rm", "--quiet", "-r", "--cached", "kitty-specs"]);
    std::fs::remove_dir_all(repo.root().join("kitty-specs")).unwrap();
    repo.git(&["reset", "--quiet", "--hard"]);
    assert!(repo.read(LOG).contains("\r\n"));
    assert_eq!(codes(&repo, &[]), Vec::<String>::new());
}

/// The command keeps to the contract; the message tells what it would leave behind.
#[test]
fn a_mission_branch_that_is_gone_with_commits() {
    let repo = ready();
    repo.git(&["checkout", "--quiet", MISSION]);
    repo.write("fix.txt", "fix\n");
    repo.commit_all("Fix");
    let lost = repo.git(&["rev-parse", "HEAD"]);
    repo.git(&["checkout", "--quiet", "main"]);
    repo.git(&["branch", "-D", MISSION]);
    let json = dry_run(&repo, &["--json"]).json();
    let (message, tip) = (json["blockers"][0]["message"].as_str().unwrap(), repo.git(&["rev-parse", "main"]));
    assert!(message.contains(&format!("`git branch {MISSION} {}`", lost.trim())), "{message}");
    assert_eq!(json["remediation"], format!("git branch {MISSION} {}", tip.trim()));
}

/// A removed work tree takes its memory along, and leaves its commits.
#[test]
fn a_lane_that_went_on_in_a_work_tree_that_was_removed() {
    let repo = ready();
    repo.git(&["worktree", "add", "--quiet", ".worktrees/m-lane-a", LANE_A]);
    repo.write(".worktrees/m-lane-a/late.txt", "late\n");
    repo.git(&["-C", ".worktrees/m-lane-a", "add", "late.txt"]);
    repo.git(&["-C", ".worktrees/m-lane-a", "commit", "--quiet", "--message", "Late"]);
    let late = repo.git(&["rev-parse", LANE_A]);
    repo.git(&["worktree", "remove", ".worktrees/m-lane-a"]);
    repo.git(&["branch", "-D", LANE_A]);
    let command = first_remedy(&repo);
    assert_eq!(shell(&repo, &command).code, 0, "{command}");
    assert_eq!(repo.git(&["rev-parse", LANE_A]), late);
}

#[test]
fn commits_of_no_branch_are_kept_by_one() {
    let repo = ready();
    repo.git(&["worktree", "add", "--quiet", ".worktrees/m-lane-a", LANE_A]);
    let tree = repo.root().join(".worktrees/m-lane-a");
    let tree = tree.to_str().unwrap();
    repo.git(&["-C", tree, "checkout", "--quiet", "--detach"]);
    repo.git(&["-C", tree, "commit", "--quiet", "--allow-empty", "--message", "Detached"]);
    let left = repo.git(&["-C", tree, "rev-parse", "HEAD"]);
    let command = first_remedy(&repo);
    assert_eq!(shell(&repo, &command).code, 0, "{command}");
    assert!(repo.git(&["branch", "--contains", left.trim()]).contains("before-the-merge-"));
}

/// A planning-only manifest does not hide what is on the mission branch.
#[test]
fn commits_of_a_mission_that_only_plans() {
    let repo = ready();
    let planning = r#"{"version": 1, "mission_branch": "kitty/mission-m", "lanes": [{"lane_id": "lane-planning", "wp_ids": ["WP01", "WP02"], "depends_on_lanes": []}]}"#;
    repo.write("kitty-specs/m/lanes.json", planning);
    repo.commit_all("Lanes");
    repo.git(&["checkout", "--quiet", MISSION]);
    repo.write("n.txt", "new\n");
    repo.commit_all("New");
    repo.git(&["checkout", "--quiet", "main"]);
    let changes = dry_run(&repo, &["--json"]).json()["forecast"]["changes"].clone();
    let paths: Vec<_> =
        changes.as_array().unwrap().iter().map(|change| change["path"].as_str().unwrap()).collect();
    assert!(paths.contains(&"n.txt"), "{paths:?}");
}

#[rstest]
#[case::target(".git/refs/heads/main.lock")]
#[case::mission(".git/refs/heads/kitty/mission-m.lock")]
#[case::head(".git/HEAD.lock")]
#[case::packed(".git/packed-refs.lock")]
fn a_branch_that_cannot_move(#[case] lock: &str) {
    let repo = ready();
    repo.write(lock, "");
    assert_eq!(codes(&repo, &[]), ["ref_locked"]);
    let command = first_remedy(&repo);
    assert_eq!(shell(&repo, &command).code, 0, "{command}");
    assert_eq!(codes(&repo, &[]), Vec::<String>::new());
}

/// A way out that fails says so.
#[test]
fn giving_up_that_git_refuses() {
    let repo = ready();
    repo.git(&["checkout", "--quiet", "-b", "side"]);
    repo.write("shared.txt", repo.read("shared.txt").replace("one", "side"));
    repo.commit_all("Side");
    repo.write("late.txt", "of a later commit\n");
    repo.commit_all("Late");
    repo.git(&["checkout", "--quiet", "main"]);
    repo.write("shared.txt", repo.read("shared.txt").replace("one", "main"));
    repo.commit_all("Main");
    repo.git(&["checkout", "--quiet", "side"]);
    assert_ne!(shell(&repo, "git rebase main").code, 0, "it conflicts");
    repo.write("late.txt", "mine\n");
    let json = dry_run(&repo, &["--json"]).json();
    let found =
        json["blockers"].as_array().unwrap().iter().find(|one| one["code"] == "operation_in_progress");
    let command = found.unwrap()["remediation"].as_str().unwrap();
    let done = shell(&repo, command);
    assert!(done.code != 0 && done.stderr.contains("late.txt"), "{command}: {}", done.stderr);
    assert_eq!(repo.read("late.txt"), "mine\n");
}

/// What stands where the way out would go is left alone; a tag of the lane's name is not taken for it.
#[rstest]
#[case::taken(|repo: &TestRepo| drop(repo.write(".worktrees/m-lane-b/mine.txt", "mine\n")))]
#[case::tag(|repo: &TestRepo| drop(repo.git(&["tag", LANE_A, "main"])))]
fn lanes_that_conflict_in_odd_surroundings(#[case] make_it: Break) {
    let repo = ready();
    crate::ready::lane(&repo, LANE_B, ("one", "EINS"), "b.txt");
    make_it(&repo);
    let command = first_remedy(&repo);
    let done = shell(&repo, &command);
    assert!(done.stdout.contains("Automatic merge failed"), "{command}: {}{}", done.stdout, done.stderr);
}

/// Where a lane's commit has a work tree as a submodule, that is no file in the way.
#[test]
fn a_work_tree_that_a_lane_took_for_a_submodule() {
    let repo = ready();
    repo.git(&["worktree", "add", "--quiet", ".worktrees/m-lane-a", LANE_A]);
    let tip = repo.git(&["rev-parse", LANE_A]);
    repo.git(&["worktree", "add", "--quiet", ".worktrees/m-lane-b", LANE_B]);
    let entry = format!("160000,{},.worktrees/m-lane-a", tip.trim());
    repo.git(&["-C", ".worktrees/m-lane-b", "update-index", "--add", "--cacheinfo", &entry]);
    repo.git(&["-C", ".worktrees/m-lane-b", "commit", "--quiet", "--message", "By accident"]);
    let json = dry_run(&repo, &["--json"]).json();
    assert!(!json.to_string().contains("untracked_obstruction"), "{json:#}");
    assert_ne!(json["blockers"], Value::Null);
}

/// An approval that is in no commit does not clear a merge.
#[rstest]
#[case::untracked(&[])]
#[case::ignored(&["status.events.jsonl"])]
fn a_log_that_git_does_not_know(#[case] ignored: &[&str]) {
    let repo = ready();
    let log = repo.read(LOG);
    repo.git(&["rm", "--quiet", "--cached", LOG]);
    repo.git(&["commit", "--quiet", "--message", "Without"]);
    repo.write(".git/info/exclude", ignored.concat());
    repo.write(LOG, log);
    assert_eq!(codes(&repo, &[]), ["event_log_uncommitted"]);
    let command = first_remedy(&repo);
    assert_eq!(shell(&repo, &command).code, 0, "{command}");
    assert_eq!(codes(&repo, &[]), Vec::<String>::new());
}
