//! The gate, beside `git status --porcelain` of the same tree: `merge --dry-run` of a mission with two lanes.
//!
//! Quote ratios: both stand in the same group. Figures and growth are in docs/performance.md.

#![allow(missing_docs, reason = "criterion's macros write undocumented items")]

use std::path::Path;
use std::process::{Command, Stdio};

use clearance_engine::repo::Repo;
use clearance_testkit::{TestRepo, clearance, scrub};
use criterion::{Criterion, criterion_group, criterion_main};

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_clearance"))
}

/// Whether the benches are only tried (`-- --test`), once and small.
fn tried_only() -> bool {
    std::env::args().any(|argument| argument == "--test")
}

/// How large a repository is, with a mission in it that is ready to merge.
#[derive(Clone, Copy)]
struct Size {
    files: usize,
    lanes: usize,
    /// Of each lane.
    commits: usize,
    work_packages: usize,
}

/// What the others are measured against.
const USUAL: Size = Size { files: 1_000, lanes: 2, commits: 1, work_packages: 2 };

fn repository(size: Size) -> TestRepo {
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
            r#"{{"actor": "a", "at": "2026-01-01T00:00:00Z", "event_id": "01ARZ3NDEKTSV4RRFFQ69G{nth:04}", "evidence": null, "execution_mode": "worktree", "force": true, "from_lane": "genesis", "reason": "x", "to_lane": "done", "wp_id": "WP{nth:02}"}}"#
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

fn run(command: &mut Command) {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("a started process");
    assert!(status.success(), "{command:?}: {status}");
}

fn gate(criterion: &mut Criterion, name: &str, size: Size) {
    let repo = repository(size);
    let mut group = criterion.benchmark_group(name);
    group.sample_size(20);
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        scrub(&mut git);
        run(git.current_dir(repo.root()).args(arguments));
    };
    let ask = |arguments: &[&str]| {
        run(clearance(binary(), repo.root()).args(arguments).args(["--mission", "m"]));
    };
    group.bench_function("git status --porcelain", |bencher| {
        bencher.iter(|| git(&["status", "--porcelain"]));
    });
    group.bench_function("merge --dry-run", |bencher| bencher.iter(|| ask(&["merge", "--dry-run"])));
    group.bench_function("the clean check alone", |bencher| bencher.iter(|| clean(&repo)));
    group.bench_function("check --stage commit", |bencher| {
        bencher.iter(|| ask(&["check", "--stage", "commit"]));
    });
    group.finish();
}

/// What the check `clean-worktrees` asks of the main work tree.
fn clean(repo: &TestRepo) {
    const MOST: usize = 1_000;
    let opened = Repo::discover(repo.root()).expect("a repository");
    assert!(opened.dirty(opened.root(), false, MOST).expect("an answer").is_empty());
    assert!(opened.hidden_changes(opened.root()).expect("an answer").is_empty());
}

fn sizes(criterion: &mut Criterion) {
    if tried_only() {
        return gate(criterion, "100 files", Size { files: 100, ..USUAL });
    }
    for files in [1_000, 18_000, 100_000] {
        gate(criterion, &format!("{files} files"), Size { files, ..USUAL });
    }
    for lanes in [20, 200] {
        gate(criterion, &format!("{lanes} lanes"), Size { lanes, work_packages: lanes, ..USUAL });
    }
    gate(criterion, "50 work packages", Size { work_packages: 50, ..USUAL });
    gate(criterion, "500 commits a lane", Size { commits: 500, ..USUAL });
}

criterion_group!(benches, sizes);
criterion_main!(benches);
