//! Missions whose log is on a branch of its own: the events go there, and that branch stays.

use std::fs;

use rstest::rstest;
use serde_json::Value;

use crate::landed::{at, branches, is_sound, linked, merge, merged, refs, told};
use crate::ready::{LANE_A, LANE_B, MISSION, approved, dry_run, ready};
use crate::support::{LOG, TestRepo, run};

const COORDINATION: &str = "kitty/mission-m-01KQW4DF";
const STATE: &str = "kitty-specs/m-01KQW4DF";
const TREE: &str = ".worktrees/m-01KQW4DF-coord";

/// A mission whose log is on this branch, and not on the target.
fn coordinated(branch: &str) -> TestRepo {
    let repo = ready();
    fs::remove_file(repo.root().join(LOG)).unwrap();
    let meta = format!(
        r#"{{"coordination_branch": "{branch}", "mission_id": "01KQW4DFAWRMK2PM22CHZYBJ26", "status_phase": "1", "target_branch": "main", "topology": "coord"}}"#
    );
    repo.write("kitty-specs/m/meta.json", meta + "\n");
    repo.write(".gitignore", ".worktrees/\n");
    repo.commit_all("Coordinated");
    for lane in [MISSION, LANE_A, LANE_B] {
        repo.git(&["checkout", "--quiet", lane]);
        repo.git(&["merge", "--quiet", "--no-edit", "main"]);
    }
    repo.git(&["checkout", "--quiet", "-B", branch, if branch == MISSION { MISSION } else { "main" }]);
    repo.write(&format!("{STATE}/status.events.jsonl"), approved("WP01") + &approved("WP02"));
    repo.commit_all("State");
    repo.git(&["checkout", "--quiet", "main"]);
    repo
}

fn lanes(repo: &TestRepo) -> Vec<Value> {
    let board = run(repo, &["status", "--mission", "m", "--json"]);
    assert_eq!(board.code, 0, "{}", board.stdout);
    board.json()["work_packages"].as_array().unwrap().iter().map(|one| one["lane"].clone()).collect()
}

#[rstest]
fn events_go_to_the_branch_of_the_state(
    #[values("squash", "merge", "rebase")] strategy: &str,
    #[values(COORDINATION, MISSION)] branch: &str,
    #[values(false, true)] checked_out: bool,
) {
    let repo = coordinated(branch);
    if checked_out {
        linked(&repo, TREE, branch);
    }
    let (main, state) = (at(&repo, "main"), at(&repo, branch));
    let log = repo.git(&["show", &format!("{branch}:{STATE}/status.events.jsonl")]);
    let shown = dry_run(&repo, &["--strategy", strategy, "--json"]).json();
    let account = merged(&repo, &["--strategy", strategy]);
    assert_eq!(shown["forecast"]["tree"], at(&repo, "main^{tree}"));
    // On the branch of the state there is one commit more, with the events and the snapshot.
    let files = told(&repo, &["show", "--format=%s", "--name-only", branch]);
    let subject = "Record WP01, WP02 of mission m as merged into main";
    assert_eq!(files, format!("{subject}\n\n{STATE}/status.events.jsonl\n{STATE}/status.json"));
    let before = at(&repo, &format!("{branch}^"));
    assert_eq!(before == state, branch != MISSION, "behind the lanes, where they come onto that branch");
    let now = repo.git(&["show", &format!("{branch}:{STATE}/status.events.jsonl")]);
    let events = now.strip_prefix(log.as_str()).expect("the log goes on");
    let done: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let steps: Vec<_> = done
        .iter()
        .map(|event| (event["wp_id"].as_str().unwrap(), event["to_lane"].as_str().unwrap()))
        .collect();
    assert_eq!(steps, [("WP01", "done"), ("WP02", "done")]);
    assert_eq!(lanes(&repo), ["done", "done"]);
    // On the target there are number and baseline.
    let meta: Value = serde_json::from_str(&repo.read("kitty-specs/m/meta.json")).unwrap();
    assert_eq!(
        (&meta["mission_number"], meta["baseline_merge_commit"].as_str()),
        (&1.into(), Some(main.as_str()))
    );
    assert!(!repo.root().join(LOG).exists(), "a second log would split the state");
    // Branch and work tree stay, and are as git would have them.
    assert_eq!(branches(&repo), [branch, "main"], "{account:#}");
    assert_eq!(repo.root().join(TREE).exists(), checked_out);
    if checked_out {
        is_sound(&repo, TREE);
        let snapshot = repo.read(&format!("{TREE}/{STATE}/status.json"));
        assert_eq!(run(&repo, &["status", "--mission", "m", "--materialize"]).code, 0);
        assert_eq!(repo.read(&format!("{TREE}/{STATE}/status.json")), snapshot);
    }
    is_sound(&repo, ".");
    // It is done once.
    let after = refs(&repo);
    let again = merge(&repo, &["--strategy", strategy]);
    assert_eq!((again.code, refs(&repo)), (0, after), "{}{}", again.stdout, again.stderr);
}
