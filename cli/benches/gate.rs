//! The gate, beside `git status --porcelain` of the same tree: `merge --dry-run` of a mission with two lanes.
//!
//! Quote ratios: both stand in the same group. Figures and growth are in docs/performance.md.

#![allow(missing_docs, reason = "criterion's macros write undocumented items")]

#[path = "support/missions.rs"]
mod missions;

use std::process::Command;

use clearance_engine::repo::Repo;
use clearance_testkit::{TestRepo, clearance, scrub};
use criterion::{Criterion, criterion_group, criterion_main};
use missions::{Size, USUAL, binary, repository, run, tried_only};

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
