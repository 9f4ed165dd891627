//! Repositories with a mission in them, as large as is asked for, and processes that must succeed.

use std::path::Path;
use std::process::{Command, Stdio};

use clearance_testkit::TestRepo;

/// The product.
pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_clearance"))
}

/// Whether the benches are only tried (`-- --test`), once and small.
pub(crate) fn tried_only() -> bool {
    std::env::args().any(|argument| argument == "--test")
}

/// How large a repository is, with a mission in it that is ready to merge.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    /// Of the tree.
    pub(crate) files: usize,
    /// Of the mission.
    pub(crate) lanes: usize,
    /// Of each lane.
    pub(crate) commits: usize,
    /// Of the mission.
    pub(crate) work_packages: usize,
    /// The lane of the board that they are in.
    pub(crate) state: &'static str,
}

/// What the others are measured against.
pub(crate) const USUAL: Size = Size { files: 1_000, lanes: 2, commits: 1, work_packages: 2, state: "done" };

/// A repository of this size, on its target.
pub(crate) fn repository(size: Size) -> TestRepo {
    let repo = TestRepo::new();
    repo.git(&["branch", "--move", "main"]);
    // Six files in a directory.
    for nth in 0..size.files {
        let path = format!("tree/d{:03}/e{:03}/f{nth}.txt", nth / 600, nth / 6 % 100);
        repo.write(&path, format!("file {nth}\n").repeat(5));
    }
    let all: Vec<_> = (0..size.lanes).map(|nth| lane(size, nth)).collect();
    let lanes_json =
        format!(r#"{{"version": 1, "mission_branch": "kitty/mission-m", "lanes": [{}]}}"#, all.join(", "));
    repo.write("kitty-specs/m/lanes.json", lanes_json);
    repo.write("kitty-specs/m/meta.json", r#"{"status_phase": "1", "target_branch": "main"}"#);
    let mut log = String::new();
    for nth in 1..=size.work_packages {
        repo.write(&format!("kitty-specs/m/tasks/WP{nth:02}-x.md"), "---\nsubtasks: []\n---\n");
        log.push_str(&format!(
            r#"{{"actor": "a", "at": "2026-01-01T00:00:00Z", "event_id": "01ARZ3NDEKTSV4RRFFQ69G{nth:04}", "evidence": null, "execution_mode": "worktree", "force": true, "from_lane": "genesis", "reason": "x", "to_lane": "{}", "wp_id": "WP{nth:02}"}}"#,
            size.state
        ));
        log.push('\n');
    }
    repo.write("kitty-specs/m/status.events.jsonl", log);
    repo.commit_all("Everything");
    repo.git(&["branch", "kitty/mission-m"]);
    for nth in 0..size.lanes {
        repo.git(&["checkout", "--quiet", "-b", &format!("kitty/mission-m-lane-{nth}"), "main"]);
        for commit in 0..size.commits {
            repo.write(&format!("src/lane-{nth}.txt"), format!("{commit}\n"));
            repo.commit_all("Lane");
        }
    }
    repo.git(&["checkout", "--quiet", "main"]);
    repo
}

/// The entry of `lanes.json`; the work packages are dealt out in turn.
fn lane(size: Size, nth: usize) -> String {
    let own = (1..=size.work_packages).filter(|package| (package - 1) % size.lanes == nth);
    let own: Vec<_> = own.map(|package| format!("\"WP{package:02}\"")).collect();
    format!(r#"{{"lane_id": "lane-{nth}", "wp_ids": [{}], "depends_on_lanes": []}}"#, own.join(", "))
}

/// Runs a command, which must succeed.
pub(crate) fn run(command: &mut Command) {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("a started process");
    assert!(status.success(), "{command:?}: {status}");
}
