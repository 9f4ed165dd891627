//! The merge of a mission, beside the git commands that a person would use: a work tree for the mission branch, one `git merge` a
//! lane in it, then the mission onto the target, which is checked out.
//!
//! Quote ratios: both stand in the same group. Figures and growth are in docs/performance.md.

#![allow(missing_docs, reason = "criterion's macros write undocumented items")]

#[path = "support/missions.rs"]
mod missions;

use std::process::Command;

use clearance_testkit::{TestRepo, clearance, scrub};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use missions::{Size, USUAL, binary, repository, run, tried_only};

/// Runs git in a repository.
fn git(repo: &TestRepo, arguments: &[&str]) {
    let mut git = Command::new("git");
    scrub(&mut git);
    run(git.current_dir(repo.root()).args(arguments));
}

/// As before the merge.
fn put_back(repo: &TestRepo, refs: &str) {
    let now = repo.git(&["for-each-ref", "--format=delete %(refname)", "refs/clearance"]);
    let script =
        format!("printf '%s' '{refs}{now}' | git update-ref --stdin && git reset --quiet --hard main");
    let mut shell = Command::new("sh");
    scrub(&mut shell);
    run(shell.current_dir(repo.root()).args(["-c", &script]));
}

fn landing(criterion: &mut Criterion, size: Size) {
    let repo = repository(size);
    // A person's repository is packed now and then.
    repo.git(&["gc", "--quiet"]);
    let refs = repo.git(&["for-each-ref", "--format=update %(refname) %(objectname)", "refs/heads"]);
    let mut group = criterion.benchmark_group(format!("{} files, {} lanes", size.files, size.lanes));
    group.sample_size(10);
    group.bench_function("merge", |bencher| {
        bencher.iter_batched(
            || put_back(&repo, &refs),
            |()| run(clearance(binary(), repo.root()).args(["merge", "--mission", "m"])),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("git merge", |bencher| {
        bencher.iter_batched(
            || put_back(&repo, &refs),
            |()| {
                git(&repo, &["worktree", "add", "--quiet", "../mission", "kitty/mission-m"]);
                for nth in 0..size.lanes {
                    let lane = format!("kitty/mission-m-lane-{nth}");
                    git(&repo, &["-C", "../mission", "merge", "--quiet", "--no-ff", "--no-edit", &lane]);
                }
                git(&repo, &["merge", "--quiet", "--squash", "kitty/mission-m"]);
                git(&repo, &["commit", "--quiet", "--message", "Squash"]);
                git(&repo, &["worktree", "remove", "../mission"]);
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn sizes(criterion: &mut Criterion) {
    let approved = Size { state: "approved", ..USUAL };
    if tried_only() {
        return landing(criterion, Size { files: 100, ..approved });
    }
    for files in [1_000, 18_000, 100_000] {
        landing(criterion, Size { files, lanes: 8, work_packages: 8, ..approved });
    }
    for lanes in [1, 40] {
        landing(criterion, Size { lanes, work_packages: lanes, ..approved });
    }
}

criterion_group!(benches, sizes);
criterion_main!(benches);
