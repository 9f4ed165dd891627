//! Status logs: reading and reducing, beside reading the same bytes; `status` over many missions, beside
//! `cat LOGS | wc -l` of the logs it reads.
//!
//! Quote ratios: both stand in the same group. Figures and growth are in docs/performance.md. The last group makes 1 GB
//! of logs in a temporary directory.

#![allow(clippy::print_stderr, reason = "a group that is left out is said")]
#![allow(missing_docs, reason = "criterion's macros write undocumented items")]

use std::path::Path;
use std::process::{Command, Stdio};

use clearance_engine::mission::state::MissionState;
use clearance_engine::source::Source;
use clearance_testkit::{Scratch, TestRepo, clearance, corpus, scrub};
use criterion::{
    BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_clearance"))
}

/// Whether the benches are only tried (`-- --test`), once and small.
fn tried_only() -> bool {
    std::env::args().any(|argument| argument == "--test")
}

/// A log of about this many bytes: of seven events five move one of twenty work packages, two mark a task.
fn log(bytes: usize, seed: usize) -> String {
    let mut out = String::new();
    let mut nth = seed * 10_000_000;
    while out.len() < bytes {
        nth += 1;
        let id = format!("01ARZ3NDEK{nth:016}");
        let at = format!(
            "2026-01-{:02}T{:02}:{:02}:{:02}.{:06}+00:00",
            1 + nth / 86_400 % 28,
            nth / 3600 % 24,
            nth / 60 % 60,
            nth % 60,
            nth % 1_000_000
        );
        let package = format!("WP{:02}", nth % 20);
        if nth % 7 < 2 {
            out.push_str(&format!(
                r#"{{"actor": "user", "at": "{at}", "delta": {{"subtasks": {{"T{:03}": "done"}}}}, "event_id": "{id}", "kind": "annotation", "wp_id": "{package}"}}"#,
                nth % 200
            ));
        } else {
            out.push_str(&format!(
                r#"{{"actor": "claude", "at": "{at}", "event_id": "{id}", "evidence": {{"review": {{"reference": "review-cycle-{nth}.md", "reviewer": "renata", "verdict": "approved"}}}}, "execution_mode": "worktree", "force": false, "from_lane": "in_progress", "mission_id": "01KQW4DFAWRMK2PM22CHZYBJ26", "mission_slug": "some-mission-01KQW4DF", "policy_metadata": null, "reason": "move-task: in_progress -> approved, after a look at everything that was asked for", "review_ref": null, "review_result": {{"reference": "review-cycle-{nth}.md", "reviewer": "renata", "verdict": "approved"}}, "to_lane": "approved", "wp_id": "{package}"}}"#
            ));
        }
        out.push('\n');
    }
    out
}

fn reducer(criterion: &mut Criterion) {
    let sizes = if tried_only() { &[1][..] } else { &[1, 10, 100] };
    for megabytes in sizes {
        let scratch = Scratch::new();
        let path = scratch.write("log", log(megabytes << 20, 0));
        let mut group = criterion.benchmark_group(format!("a log of {megabytes} MB"));
        group.sample_size(10);
        group.throughput(Throughput::Bytes(path.metadata().expect("a file").len()));
        let read = || Source::read_log("log", &path, 1 << 30).expect("readable").expect("there");
        group.bench_function("read", |bencher| bencher.iter(read));
        let source = read();
        group.bench_function("reduce", |bencher| {
            bencher.iter(|| MissionState::reduce(&source).expect("a log"));
        });
        group.finish();
    }
}

fn beside_cat(group: &mut BenchmarkGroup<'_, WallTime>, repo: &TestRepo) {
    group.bench_function("cat LOGS | wc -l", |bencher| {
        bencher.iter(|| {
            let mut shell = Command::new("sh");
            scrub(&mut shell);
            shell.current_dir(repo.root()).args(["-c", "cat kitty-specs/*/status.events.jsonl | wc -l"]);
            run(&mut shell);
        });
    });
    group.bench_function("status --all", |bencher| {
        bencher.iter(|| run(clearance(binary(), repo.root()).args(["status", "--all"])));
    });
}

fn run(command: &mut Command) {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("a started process");
    assert!(status.success(), "{command:?}: {status}");
}

fn synthetic(missions: usize, bytes: usize) -> TestRepo {
    let repo = TestRepo::new();
    for nth in 0..missions {
        repo.write(&format!("kitty-specs/m{nth:04}/status.events.jsonl"), log(bytes, nth));
        repo.write(&format!("kitty-specs/m{nth:04}/meta.json"), "{\"status_phase\": \"1\"}\n");
    }
    repo
}

/// Real missions, as many times as asked; their coordination branches were not kept with them.
fn real(times: usize) -> Option<TestRepo> {
    let folder = corpus()?;
    let repo = TestRepo::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let directory = entry.expect("an entry").path();
        let slug = directory.file_name().expect("a name").to_string_lossy().into_owned();
        for nth in 0..times {
            for file in
                ["meta.json", "status.events.jsonl"].into_iter().filter(|file| directory.join(file).is_file())
            {
                let text =
                    clearance_testkit::read(&directory, file).replace("\"coordination_branch\"", "\"was\"");
                let text =
                    text.replace("\"coord\"", "\"lanes\"").replace("\"lanes_with_coord\"", "\"lanes\"");
                repo.write(&format!("kitty-specs/{slug}-{nth}/{file}"), text);
            }
        }
    }
    Some(repo)
}

fn many_missions(criterion: &mut Criterion) {
    let of = |name: &str, repo: Option<TestRepo>, criterion: &mut Criterion| {
        let Some(repo) = repo else { return eprintln!("{name}: CLEARANCE_CORPUS is not set") };
        let mut group = criterion.benchmark_group(name);
        group.sample_size(10);
        beside_cat(&mut group, &repo);
        group.finish();
    };
    of("62 real missions", real(1), criterion);
    if tried_only() {
        return;
    }
    of("434 real missions", real(7), criterion);
    of("400 logs of 60 KB", Some(synthetic(400, 60 << 10)), criterion);
    of("400 logs, 1 GB", Some(synthetic(400, (1 << 30) / 400)), criterion);
}

/// The board of one mission, and a step, beside the smallest question that git answers.
fn one_mission(criterion: &mut Criterion) {
    let repo = TestRepo::with_tasks("m", "## WP01\n\n- [ ] T001 One\n- [ ] T002 Two\n");
    repo.write("kitty-specs/m/tasks/WP01-x.md", "---\nsubtasks: [T001, T002]\n---\n");
    repo.write("kitty-specs/m/status.events.jsonl", log(60 << 10, 0));
    let mut group = criterion.benchmark_group("one mission, a log of 60 KB");
    group.bench_function("git rev-parse HEAD", |bencher| {
        bencher.iter(|| {
            let mut git = Command::new("git");
            scrub(&mut git);
            run(git.current_dir(repo.root()).args(["rev-parse", "HEAD"]));
        });
    });
    group.bench_function("status", |bencher| {
        bencher.iter(|| run(clearance(binary(), repo.root()).args(["status", "--mission", "m"])));
    });
    let mut lanes = ["blocked", "in_progress"].into_iter().cycle();
    group.bench_function("move, writing", |bencher| {
        bencher.iter(|| {
            let lane = lanes.next().unwrap_or("blocked");
            run(clearance(binary(), repo.root()).args([
                "move",
                "WP01",
                "--to",
                lane,
                "--mission",
                "m",
                "--actor",
                "a",
            ]));
        });
    });
    group.finish();
}

criterion_group!(benches, one_mission, reducer, many_missions);
criterion_main!(benches);
