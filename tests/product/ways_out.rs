//! Ways out that take a person's hand, walked to their end; and steps that are asked about from odd places.

use std::fs;
use std::process::Command;

use rstest::rstest;
use serde_json::Value;

use crate::ready::{LANE_A, LANE_B, LANES, MISSION, approved, codes, dry_run, lane, ready, shell};
use crate::support::{LOG, Run, TestRepo, binary, command, run, step};

fn first_remedy(repo: &TestRepo, more: &[&str]) -> String {
    let json = dry_run(repo, &[more, &["--json"]].concat()).json();
    json["blockers"][0]["remediation"].as_str().unwrap_or_else(|| panic!("{json:#}")).to_owned()
}

/// Takes one side of a conflict and records it, as a person would after looking.
fn resolve(repo: &TestRepo, tree: &str) {
    repo.git(&["-C", tree, "checkout", "--quiet", "--theirs", "shared.txt"]);
    repo.git(&["-C", tree, "commit", "--quiet", "--all", "--message", "Resolve"]);
    assert_eq!(repo.git(&["branch", "--show-current"]), "main\n", "the main work tree stays where it is");
}

/// The way out leads to the lane that conflicts, not to the mission branch, which knows nothing of it yet.
#[test]
fn lanes_that_conflict_with_each_other() {
    let repo = ready();
    lane(&repo, LANE_B, ("one", "EINS"), "b.txt");
    let json = dry_run(&repo, &["--json"]).json();
    let excerpts: Vec<_> = json["blockers"][0]["excerpts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|excerpt| {
            (
                excerpt["name"].as_str().unwrap(),
                excerpt["line"].as_u64().unwrap(),
                excerpt["text"].as_str().unwrap(),
            )
        })
        .collect();
    let (a, b) = (format!("{LANE_A}:shared.txt"), format!("{LANE_B}:shared.txt"));
    assert_eq!(excerpts, [(a.as_str(), 1, "ONE"), (b.as_str(), 1, "EINS")]);
    let command = first_remedy(&repo, &[]);
    assert_ne!(shell(&repo, &command).code, 0, "a person has to look at it: {command}");
    resolve(&repo, ".worktrees/m-lane-b");
    assert_eq!(codes(&repo, &[]), Vec::<String>::new(), "after {command}");
}

#[test]
fn a_target_that_conflicts() {
    let repo = ready();
    repo.write("shared.txt", repo.read("shared.txt").replace("one", "eins"));
    repo.commit_all("Target");
    let command = first_remedy(&repo, &[]);
    // The mission branch has no lane yet: what conflicts is on the lane.
    assert_eq!(shell(&repo, &command).code, 0, "{command}");
    assert_eq!(
        codes(&repo, &[]),
        ["lane_conflict"],
        "the lane is what conflicts now, and can be mended there"
    );
    let command = first_remedy(&repo, &[]);
    assert_ne!(shell(&repo, &command).code, 0, "{command}");
    resolve(&repo, ".worktrees/m-lane-a");
    assert_eq!(codes(&repo, &[]), Vec::<String>::new(), "after {command}");
}

/// Old commits are replayed whatever is merged: the way out is another strategy.
#[test]
fn a_rebase_that_conflicts_is_sent_to_another_strategy() {
    let repo = ready();
    repo.write("shared.txt", repo.read("shared.txt").replace("one", "eins"));
    repo.commit_all("Target");
    let command = first_remedy(&repo, &["--strategy", "rebase"]);
    assert!(command.starts_with("clearance merge ") && command.ends_with(" --strategy squash"), "{command}");
}

#[test]
fn between_two_reverts() {
    let repo = ready();
    repo.write("shared.txt", "changed\n");
    repo.commit_all("One");
    repo.write("shared.txt", "again\n");
    repo.commit_all("Two");
    repo.git(&["branch", "--force", MISSION, "main"]);
    repo.git(&["branch", "--force", LANE_A, "main"]);
    repo.git(&["branch", "--force", LANE_B, "main"]);
    assert_ne!(shell(&repo, "git revert --no-edit HEAD~1 HEAD").code, 0, "it conflicts");
    shell(&repo, "git add shared.txt && git commit --quiet --no-edit");
    let json = dry_run(&repo, &["--json"]).json();
    assert!(json["blockers"][0]["message"].as_str().unwrap().contains("a revert is under way"), "{json:#}");
    let command = first_remedy(&repo, &[]);
    assert_eq!(shell(&repo, &command).code, 0, "{command}");
    assert_eq!(codes(&repo, &[]), Vec::<String>::new());
}

/// A rebase of a lane has its work tree on no branch for a while; one of something else does not matter.
#[rstest]
#[case(LANE_A, &["operation_in_progress"])]
#[case("other", &[])]
fn a_bisect_in_another_work_tree(#[case] branch: &str, #[case] found: &[&str]) {
    let repo = ready();
    repo.git(&["branch", "other"]);
    repo.git(&["worktree", "add", "--quiet", "../elsewhere", branch]);
    repo.git(&["-C", "../elsewhere", "bisect", "start"]);
    repo.git(&["-C", "../elsewhere", "checkout", "--quiet", "--detach"]);
    assert_eq!(codes(&repo, &[]), found);
}

/// Before a commit the work tree counts where it is made.
#[test]
fn a_commit_is_gated_where_it_is_made() {
    let repo = ready();
    repo.git(&["worktree", "add", "--quiet", "../linked", "-b", "linked"]);
    let linked = repo.outside().join("linked");

    let asked = || Run::of(command(&linked).args(["check", "--stage", "commit", "--mission", "m", "--json"]));
    assert_eq!(asked().code, 0, "{}", asked().stdout);
    repo.git(&["-C", linked.to_str().unwrap(), "bisect", "start"]);
    assert_eq!(asked().code, 1, "{}", asked().stdout);
    repo.git(&["-C", linked.to_str().unwrap(), "bisect", "reset"]);
    repo.git(&["bisect", "start"]);
    assert_eq!(asked().code, 0, "what goes on elsewhere does not matter: {}", asked().stdout);
}

/// In a hook the index is locked by the very commit that asks.
#[test]
fn a_commit_that_asks_from_its_hook() {
    let repo = ready();
    let hook = format!("#!/bin/sh\nexec '{}' check --stage commit --mission m\n", binary().display());
    let path = repo.write(".git/hooks/pre-commit", hook);
    #[cfg(unix)]
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    repo.write("shared.txt", "changed\n");
    let committed = shell(&repo, "git commit --quiet --all --message Hooked");
    assert_eq!(committed.code, 0, "{}{}", committed.stdout, committed.stderr);
    // The last step of a merge is a commit too.
    repo.git(&["merge", "--quiet", "--no-commit", "--no-ff", "--strategy", "ours", LANE_A]);
    let concluded = shell(&repo, "git -c core.editor=true merge --continue");
    assert_eq!(concluded.code, 0, "{}{}", concluded.stdout, concluded.stderr);
    repo.write(".git/index.lock", "");
    let asked = run(&repo, &["check", "--stage", "commit", "--mission", "m", "--json"]);
    assert!(
        asked.stdout.contains("index_locked"),
        "without git around it, a lock is in the way: {}",
        asked.stdout
    );
}

#[test]
fn branches_of_lanes_that_the_manifest_does_not_name() {
    let repo = ready();
    lane(&repo, "kitty/mission-m-lane-z", ("three", "THREE"), "z.txt");
    repo.git(&["branch", "kitty/mission-m-lane-y", LANE_A]);
    let json = dry_run(&repo, &["--json"]).json();
    let warned: Vec<_> = json["warnings"].as_array().unwrap().iter().map(|found| &found["item"]).collect();
    assert_eq!((json["ready"].as_bool(), warned), (Some(true), vec![&Value::from("kitty/mission-m-lane-z")]));
    repo.write("kitty-specs/m/lanes.json", LANES.replace("\"lane-b\"", "\"lane-z\""));
    repo.commit_all("Lanes");
    assert!(codes(&repo, &[]).is_empty());
}

#[test]
fn a_work_package_that_only_the_log_knows() {
    let repo = ready();
    repo.write(LOG, approved("WP01") + &approved("WP02") + &step("WP07", "planned", "claimed"));
    repo.commit_all("Log");
    assert_eq!(codes(&repo, &[]), ["wp_not_approved"]);
}

#[rstest]
#[case("rejected", &["review_rejected"])]
#[case(" Changes_Requested", &["review_rejected"])]
#[case("approved", &[])]
fn verdicts_of_the_log(#[case] verdict: &str, #[case] found: &[&str]) {
    let repo = ready();
    let result =
        format!(r#", "review_result": {{"reviewer": "r", "verdict": "{verdict}", "reference": "x"}}"#);
    repo.write(LOG, approved("WP01") + &crate::support::step_at("WP02", "in_review", "approved", 2, &result));
    repo.commit_all("Log");
    assert_eq!(codes(&repo, &[]), found);
}

/// The first blocker ends it; what was not asked is listed, and is no pass.
#[test]
fn fail_fast_stops_at_the_first_blocker() {
    let repo = ready();
    repo.write("shared.txt", "mine\n");
    repo.git(&["branch", "-D", MISSION]);
    assert_eq!(codes(&repo, &["--fail-fast"]), ["dirty_worktree"]);
    let checked = run(&repo, &["check", "--mission", "m", "--fail-fast", "--json"]).json();
    let waits = |id: &str| {
        let checks = checked["checks"].as_array().unwrap();
        checks.iter().find(|check| check["id"] == id).unwrap()["waits_for"].clone()
    };
    assert_eq!((waits("git-state"), waits("mission-branch")), (Value::Null, "clean-worktrees".into()));
    let shown = dry_run(&repo, &["--fail-fast"]).stdout;
    assert!(shown.ends_with("blocked: 1 blocker for m; 9 checks could not be asked yet\n"), "{shown}");
    let cleared = ready();
    assert_eq!(dry_run(&cleared, &["--fail-fast"]).code, 0);
}

#[test]
fn a_branch_that_the_remote_deleted_is_not_behind() {
    let repo = ready();
    let remote = TestRepo::new();
    repo.git(&["remote", "add", "origin", remote.root().to_str().unwrap()]);
    repo.git(&["commit", "--quiet", "--allow-empty", "--message", "More"]);
    repo.git(&["update-ref", "refs/remotes/origin/main", "HEAD"]);
    repo.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    assert_eq!(codes(&repo, &["--push"]), Vec::<String>::new());
}

/// A log that is only on the coordination branch gets a work tree to be mended in.
#[test]
fn a_broken_log_on_a_branch_can_be_mended() {
    let repo = ready();
    let meta = r#"{"status_phase": "1", "topology": "coord", "target_branch": "main", "coordination_branch": "coord", "mission_id": "01KQW4DFAWRMK2PM22CHZYBJ26"}"#;
    repo.write("kitty-specs/m/meta.json", meta);
    repo.commit_all("Meta");
    repo.git(&["checkout", "--quiet", "-b", "coord"]);
    repo.write("kitty-specs/m-01KQW4DF/status.events.jsonl", "{broken\n\n");
    repo.commit_all("State");
    repo.git(&["checkout", "--quiet", "main"]);
    let json = run(&repo, &["check", "--mission", "m", "--json"]).json();
    let log = json["checks"].as_array().unwrap().iter().find(|check| check["id"] == "status-log").unwrap();
    let command = log["findings"][0]["remediation"].as_str().unwrap_or_else(|| panic!("{json:#}"));
    let mut shell = Command::new("sh");
    clearance_testkit::scrub(&mut shell);
    let done = Run::of(shell.current_dir(repo.root()).env("EDITOR", "tail").args(["-c", command]));
    assert_eq!(done.code, 0, "{command}: {}", done.stderr);
    assert!(done.stdout.ends_with("{broken\n\n"), "{command}: {}", done.stdout);
}

/// Giving up what is under way loses nothing that was resolved, or added, until then.
#[rstest]
#[case::merge("merge")]
#[case::cherry_pick("cherry-pick")]
fn giving_up_keeps_what_was_resolved(#[case] operation: &str) {
    let repo = ready();
    repo.git(&["checkout", "--quiet", "-b", "side"]);
    repo.write("shared.txt", repo.read("shared.txt").replace("one", "side"));
    repo.commit_all("Side");
    repo.git(&["checkout", "--quiet", "main"]);
    repo.write("shared.txt", repo.read("shared.txt").replace("one", "main"));
    repo.commit_all("Main");
    for branch in [MISSION, LANE_A, LANE_B] {
        repo.git(&["branch", "--force", branch, "main"]);
    }
    assert_ne!(shell(&repo, &format!("git {operation} side")).code, 0, "it conflicts");
    repo.write("shared.txt", "resolved by hand\n");
    repo.write("notes.txt", "why\n");
    repo.git(&["add", "shared.txt", "notes.txt"]);
    let command = first_remedy(&repo, &[]);
    assert_eq!(shell(&repo, &command).code, 0, "{command}");
    assert_eq!(codes(&repo, &[]), Vec::<String>::new(), "after {command}");
    repo.git(&["stash", "pop", "--quiet"]);
    assert_eq!(
        (repo.read("shared.txt"), repo.read("notes.txt")),
        ("resolved by hand\n".into(), "why\n".into())
    );
}

/// The lock of a living command is not taken away from it.
#[cfg(target_os = "linux")]
#[test]
fn a_lock_of_a_command_at_work() {
    let repo = ready();
    let mut git = Command::new("git");
    clearance_testkit::scrub(&mut git);
    let mut git = git
        .current_dir(repo.root())
        .args(["cat-file", "--batch"])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    repo.write(".git/index.lock", "");
    let busy = dry_run(&repo, &["--json"]).json();
    drop(git.stdin.take());
    git.wait().unwrap();
    let at_work = format!("(process {})", git.id());
    assert!(busy["blockers"][0]["message"].as_str().unwrap().contains(&at_work), "{busy:#}");
    assert!(!busy["blockers"][0]["remediation"].as_str().unwrap().contains("rm "), "{busy:#}");
    let command = first_remedy(&repo, &[]);
    assert!(command.starts_with("rm -f "), "{command}");
}

/// What was decided on the target counts, whatever is checked out.
#[test]
fn a_log_that_is_older_than_that_of_the_target() {
    let repo = ready();
    repo.git(&["branch", "old"]);
    repo.write(LOG, repo.read(LOG) + &crate::support::step_at("WP02", "approved", "in_progress", 9, ""));
    repo.commit_all("Sent back");
    assert_eq!(codes(&repo, &[]), ["wp_not_approved"]);
    repo.git(&["checkout", "--quiet", "old"]);
    assert_eq!(codes(&repo, &[]), ["event_log_behind"]);
    let command = first_remedy(&repo, &[]);
    assert_eq!(shell(&repo, &command).code, 0, "{command}");
    assert_eq!(codes(&repo, &[]), ["wp_not_approved"]);
}

#[rstest]
#[case::another_name_of_the_target(&["symbolic-ref", "refs/heads/kitty/mission-m", "refs/heads/main"], &[])]
#[case::a_lane_as_the_target(&["status"], &["--target", LANE_A])]
fn a_mission_branch_that_is_something_else(#[case] git: &[&str], #[case] more: &[&str]) {
    let repo = ready();
    repo.git(git);
    let found = codes(&repo, more);
    assert!(found.contains(&"mission_branch_is_target".to_owned()), "{found:?}");
}

const SNAPSHOT: &str = "kitty-specs/m/status.json";

/// A mission of which the lane and the target went on with the log.
pub(crate) fn log_on_both_sides(ours: &str, theirs: &str) -> TestRepo {
    let repo = ready();
    let done = |wp| format!("'\"to_lane\": \"done\", \"wp_id\": \"{wp}\"'");
    let scan = format!(
        "files: '{LOG}', lines: all, require: [{}, {}], forbid: '^<<<<<<<'",
        done("WP01"),
        done("WP02")
    );
    let rule = format!(
        "schema: clearance.rule/v1\nid: both-done\ntitle: Both are done\nseverity: error\nstages: [merge]\ncheck: {{ scan: {{ {scan} }} }}\nmessage: m\nremediation: r\n"
    );
    repo.write("rules.d/r.yaml", rule);
    repo.commit_all("Rule");
    repo.git(&["checkout", "--quiet", LANE_A]);
    repo.write(LOG, repo.read(LOG) + theirs);
    repo.write(SNAPSHOT, "{\"event_count\": 1}\n");
    repo.commit_all("Lane");
    repo.git(&["checkout", "--quiet", "main"]);
    repo.write(LOG, repo.read(LOG) + ours);
    repo.write(SNAPSHOT, "{\"event_count\": 2}\n");
    repo.commit_all("Main");
    repo
}

/// Line by line the log may conflict; it is merged by what it means, and what rules see has the events of both sides.
#[rstest]
fn a_log_that_both_sides_went_on_with(#[values("squash", "merge", "rebase")] strategy: &str) {
    let step = |wp, second| crate::support::step_at(wp, "approved", "done", second, "");
    let repo = log_on_both_sides(&step("WP02", 4), &step("WP01", 3));
    let json = dry_run(&repo, &["--json", "--strategy", strategy]).json();
    assert_eq!(json["ready"], true, "{json:#}");
    assert_eq!(json["forecast"]["merged_by_meaning"], serde_json::json!([LOG, SNAPSHOT]));
    assert_eq!(json["forecast"]["tree"].as_str().map(str::len), Some(40), "{json:#}");
    let changed = json["forecast"]["changes"].as_array().unwrap();
    assert!(changed.iter().any(|change| change["path"] == LOG), "{json:#}");
}

/// One event cannot say two things: a person has to look.
#[test]
fn a_log_that_contradicts_itself() {
    let step = crate::support::step_at("WP01", "approved", "done", 3, "");
    let repo = log_on_both_sides(&step, &step.replace("\"ann\"", "\"bob\""));
    let json = dry_run(&repo, &["--json"]).json();
    let blocker =
        json["blockers"].as_array().unwrap().iter().find(|blocker| blocker["code"] == "target_conflict");
    let blocker = blocker.unwrap_or_else(|| panic!("{json:#}"));
    assert!(blocker["message"].as_str().unwrap().contains("says different things"), "{blocker:#}");
}

/// As in `git rebase`: what the target has by another commit is not replayed, and a first commit is.
#[test]
fn a_rebase_replays_what_git_would() {
    let repo = ready();
    repo.git(&["cherry-pick", LANE_A]);
    repo.write("shared.txt", repo.read("shared.txt").replace("ONE", "ONE AND MORE"));
    repo.commit_all("More");
    repo.git(&["checkout", "--quiet", "--orphan", "other"]);
    repo.git(&["rm", "--quiet", "-r", "--force", "."]);
    repo.write("other.txt", "of another history\n");
    repo.commit_all("Root");
    repo.git(&["checkout", "--quiet", LANE_B]);
    repo.git(&["merge", "--quiet", "--no-edit", "--allow-unrelated-histories", "other"]);
    repo.git(&["checkout", "--quiet", "main"]);
    let json = dry_run(&repo, &["--json", "--strategy", "rebase"]).json();
    let paths: Vec<_> = json["forecast"]["changes"]
        .as_array()
        .unwrap_or_else(|| panic!("{json:#}"))
        .iter()
        .map(|change| change["path"].as_str().unwrap())
        .filter(|path| !path.starts_with("kitty-specs/m/"))
        .collect();
    assert_eq!(paths, ["b.txt", "other.txt", "shared.txt"]);
}

/// As many conflicts as nobody reads are counted, not told.
#[test]
fn very_many_conflicts() {
    let repo = ready();
    for (branch, text) in [(LANE_A, "a\n"), (LANE_B, "b\n")] {
        repo.git(&["checkout", "--quiet", branch]);
        (0..150).for_each(|nth| drop(repo.write(&format!("many/{nth:03}"), text)));
        repo.commit_all("Many");
    }
    repo.git(&["checkout", "--quiet", "main"]);
    let found = dry_run(&repo, &["--json"]).json();
    let blockers = found["blockers"].as_array().unwrap();
    assert_eq!(blockers.len(), 101);
    assert!(
        blockers[100]["message"].as_str().unwrap().ends_with("conflicts in 50 more files"),
        "{:#}",
        blockers[100]
    );
}
