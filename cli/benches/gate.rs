//! The gate, beside `git status --porcelain` of the same tree: `merge --dry-run` of a mission with two lanes.
//!
//! Quote ratios: both stand in the same group. Figures and growth are in docs/performance.md.

#![allow(missing_docs, reason = "criterion's macros write undocumented items")]

use std::path::Path;
use std::process::{Command, Stdio};

use clearance_testkit::{TestRepo, clearance, scrub};
use criterion::{Criterion, criterion_group, criterion_main};

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_clearance"))
}

/// Whether the benches are only tried (`-- --test`), once and small.
fn tried_only() -> bool {
    std::env::args().any(|argument| argument == "--test")
}

/// A repository of this many files, six in a directory, with a mission of this many lanes that are ready to merge.
fn repository(files: usize, lanes: usize) -> TestRepo {
    let repo = TestRepo::new();
    repo.git(&["branch", "--move", "main"]);
    for nth in 0..files {
        let path = format!("tree/d{:03}/e{:03}/f{nth}.txt", nth / 600, nth / 6 % 100);
        repo.write(&path, format!("file {nth}\n").repeat(5));
    }
    let all: Vec<_> = (0..lanes)
        .map(|nth| {
            format!(r#"{{"lane_id": "lane-{nth}", "wp_ids": ["WP{:02}"], "depends_on_lanes": []}}"#, nth + 1)
        })
        .collect();
    let lanes_json =
        format!(r#"{{"version": 1, "mission_branch": "kitty/mission-m", "lanes": [{}]}}"#, all.join(", "));
    repo.write("kitty-specs/m/lanes.json", lanes_json);
    repo.write("kitty-specs/m/meta.json", r#"{"status_phase": "1", "target_branch": "main"}"#);
    let mut log = String::new();
    for nth in 0..lanes {
        repo.write(&format!("kitty-specs/m/tasks/WP{:02}-x.md", nth + 1), "---\nsubtasks: []\n---\n");
        log.push_str(&format!(
            r#"{{"actor": "a", "at": "2026-01-01T00:00:00Z", "event_id": "01ARZ3NDEKTSV4RRFFQ69G{nth:04}", "evidence": null, "execution_mode": "worktree", "force": true, "from_lane": "genesis", "reason": "x", "to_lane": "done", "wp_id": "WP{:02}"}}"#,
            nth + 1
        ));
        log.push('\n');
    }
    repo.write("kitty-specs/m/status.events.jsonl", log);
    repo.commit_all("Everything");
    repo.git(&["branch", "kitty/mission-m"]);
    for nth in 0..lanes {
        repo.git(&["checkout", "--quiet", "-b", &format!("kitty/mission-m-lane-{nth}"), "main"]);
        repo.write(&format!("src/lane-{nth}.txt"), "new\n");
        repo.commit_all("Lane");
    }
    repo.git(&["checkout", "--quiet", "main"]);
    repo
}

fn run(command: &mut Command) {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("a started process");
    assert!(status.success(), "{command:?}: {status}");
}

fn gate(criterion: &mut Criterion, name: &str, files: usize, lanes: usize) {
    let repo = repository(files, lanes);
    let mut group = criterion.benchmark_group(name);
    group.sample_size(20);
    group.bench_function("git status --porcelain", |bencher| {
        bencher.iter(|| {
            let mut git = Command::new("git");
            scrub(&mut git);
            run(git.current_dir(repo.root()).args(["status", "--porcelain"]));
        });
    });
    group.bench_function("merge --dry-run", |bencher| {
        bencher.iter(|| run(clearance(binary(), repo.root()).args(["merge", "--dry-run", "--mission", "m"])));
    });
    group.bench_function("check --stage commit", |bencher| {
        bencher.iter(|| {
            run(clearance(binary(), repo.root()).args(["check", "--stage", "commit", "--mission", "m"]));
        });
    });
    group.finish();
}

fn sizes(criterion: &mut Criterion) {
    if tried_only() {
        return gate(criterion, "100 files", 100, 2);
    }
    gate(criterion, "1,000 files", 1_000, 2);
    gate(criterion, "18,000 files", 18_000, 2);
    gate(criterion, "100,000 files", 100_000, 2);
    gate(criterion, "1,000 files, 20 lanes", 1_000, 20);
}

criterion_group!(benches, sizes);
criterion_main!(benches);
