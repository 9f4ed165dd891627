//! Whole processes, as users start them, beside `git rev-parse HEAD` in the same repository and run.
//!
//! Quote ratios: both stand in the same group. Figures and growth are in docs/performance.md.

#![allow(missing_docs, reason = "criterion's macros write undocumented items")]

use std::path::Path;
use std::process::{Command, Stdio};

use clearance_testkit::{TestRepo, clearance, scrub};
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime};

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_clearance"))
}

/// A task list of about this many bytes in the common layout: an index table, then sections with checkbox rows and
/// prose. Returns it with the number of tasks.
fn tasks(bytes: usize) -> (String, usize) {
    const SECTION: usize = 10;
    let mut index = String::from("# Tasks\n\n| ID | Description | WP | Parallel |\n|---|---|---|---|\n");
    let mut body = String::new();
    let mut count = 0;
    while index.len() + body.len() < bytes {
        body.push_str(&format!(
            "\n## WP{:02} — Work\n\nWhat this package is about, in a line of prose.\n\n",
            count / SECTION + 1
        ));
        for _ in 0..SECTION {
            count += 1;
            let id = format!("T{count:03}");
            index.push_str(&format!(
                "| {id} | Do `thing` number {count} | WP{:02} | [P] |\n",
                count / SECTION + 1
            ));
            body.push_str(&format!(
                "- [ ] {id} Do `thing` number {count}, **carefully**, with all that it needs\n"
            ));
        }
    }
    (index + &body, count)
}

fn run(command: &mut Command) {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("a started process");
    assert!(status.success(), "{command:?}: {status}");
}

fn rev_parse(group: &mut BenchmarkGroup<'_, WallTime>, repo: &TestRepo) {
    group.bench_function("git rev-parse HEAD", |bencher| {
        bencher.iter(|| {
            let mut git = Command::new("git");
            scrub(&mut git);
            run(git.current_dir(repo.root()).args(["rev-parse", "HEAD"]));
        });
    });
}

/// `mark-status` that writes on every run: done and pending by turns.
fn mark(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    repo: &TestRepo,
    mission: &str,
    ids: &[String],
) {
    let mut states = ["done", "pending"].into_iter().cycle();
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            let state = states.next().unwrap_or("done");
            let mut command = clearance(binary(), repo.root());
            run(command
                .args(["mark-status", "--no-auto-commit", "--status", state, "--mission", mission])
                .args(ids));
        });
    });
}

fn ids(count: usize, of: usize) -> Vec<String> {
    (0..count).map(|nth| format!("T{:03}", 1 + nth * of / count)).collect()
}

fn start_up(criterion: &mut Criterion) {
    let repo = TestRepo::new();
    let mut group = criterion.benchmark_group("start-up");
    rev_parse(&mut group, &repo);
    group.bench_function("clearance --version", |bencher| {
        bencher.iter(|| run(clearance(binary(), repo.root()).arg("--version")));
    });
    group.bench_function("clearance rules list", |bencher| {
        bencher.iter(|| run(clearance(binary(), repo.root()).args(["rules", "list"])));
    });
    group.finish();
}

fn file_size(criterion: &mut Criterion) {
    for (name, bytes) in [("10 KB", 10_000), ("1 MB", 1_000_000), ("10 MB", 10_000_000)] {
        let (text, count) = tasks(bytes);
        let repo = TestRepo::with_tasks("m", text);
        let mut group = criterion.benchmark_group(format!("tasks.md of {name}"));
        group.sample_size(if bytes > 100_000 { 10 } else { 100 });
        rev_parse(&mut group, &repo);
        mark(&mut group, "mark-status, 1 ID", &repo, "m", &ids(1, count));
        mark(&mut group, "mark-status, 50 IDs", &repo, "m", &ids(50, count));
        group.finish();
    }
}

fn mission_count(criterion: &mut Criterion) {
    let (text, count) = tasks(10_000);
    for missions in [1, 400, 10_000] {
        let repo = TestRepo::new();
        for mission in 0..missions {
            let home = format!("kitty-specs/{mission:05}-mission");
            repo.write(
                &format!("{home}/meta.json"),
                format!("{{\"mission_id\": \"01KQW{mission:05}WRMK2PM22CHZYB26\"}}"),
            );
            repo.write(&format!("{home}/tasks.md"), &text);
        }
        let mut group = criterion.benchmark_group(format!("{missions} missions"));
        group.sample_size(30);
        rev_parse(&mut group, &repo);
        mark(&mut group, "by directory name", &repo, "00000-mission", &ids(1, count));
        if missions > 1 {
            mark(
                &mut group,
                "by full id, which reads every meta.json",
                &repo,
                "01KQW00000WRMK2PM22CHZYB26",
                &ids(1, count),
            );
        }
        group.finish();
    }
}

criterion_group!(benches, start_up, file_size, mission_count);
criterion_main!(benches);
