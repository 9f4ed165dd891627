//! Rules of a team, beside reading them: `check` of a mission with 20 work packages and 500 events, against
//! `git cat-file --batch` of the same files.
//!
//! Quote ratios: both stand in the same group. Figures and growth are in docs/performance.md.

#![allow(missing_docs, reason = "criterion's macros write undocumented items")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use clearance_testkit::{TestRepo, clearance, scrub};
use criterion::{Criterion, criterion_group, criterion_main};

/// Whether the benches are only tried (`-- --test`), once and small.
fn tried_only() -> bool {
    std::env::args().any(|argument| argument == "--test")
}

const PACKAGES: usize = 20;
const EVENTS_EACH: usize = 25;

/// What teams ask: of each work package, of each requirement, of the log, of the change.
const CHECKS: [&str; 5] = [
    "check: { each: wps, as: wp, key: wp.id, at: 'wp.path#agent', min_items: 1, assert: wp.agent != \"\" }\nmessage: \"{{ wp.id }} has no owner\"\n",
    "check: { each: requirements, as: r, key: r.id, at: r.path, assert: 'wps.exists(w, r.id in w.requirements)' }\nmessage: \"{{ r.id }} is claimed by none\"\n",
    "let: { approvals: 'events.filter(e, e.to_lane == \"approved\")' }\ncheck: { each: wps, as: wp, key: wp.id, assert: 'approvals.exists(e, e.wp == wp.id && e.actor != \"\")' }\nmessage: \"{{ wp.id }} was approved by nobody\"\n",
    "let: { forced: 'events.filter(e, e.force && e.reason == \"\")' }\ncheck: { item: log, assert: forced.size() == 0 }\nmessage: \"{{ forced.size() }} forced moves without a reason\"\n",
    "check: { item: diff, assert: diff.added + diff.deleted <= 1500 }\nmessage: \"{{ diff.added }} lines\"\n",
];

const TESTS: &str = "tests:\n  - { name: one, given: { wps: [{ id: WP01, agent: x }] }, expect: { WP01: pass } }\n  - { name: other, given: { wps: [{ id: WP01 }] }, expect: { WP01: fail } }\n";

/// A mission that is ready, and so many rules on the target branch.
fn repository(rules: usize) -> TestRepo {
    let repo = TestRepo::new();
    repo.git(&["branch", "--move", "main"]);
    repo.write("kitty-specs/m/meta.json", r#"{"status_phase": "1", "target_branch": "main"}"#);
    let ids: Vec<_> = (1..=PACKAGES).map(|nth| format!("\"WP{nth:02}\"")).collect();
    let lane = format!(r#"{{"lane_id": "lane-a", "wp_ids": [{}], "depends_on_lanes": []}}"#, ids.join(", "));
    let lanes = format!(r#"{{"version": 1, "mission_branch": "kitty/mission-m", "lanes": [{lane}]}}"#);
    repo.write("kitty-specs/m/lanes.json", lanes);
    let (mut log, mut spec) = (String::new(), String::new());
    for nth in 1..=PACKAGES {
        let front = format!("agent: ada\nrequirement_refs: [FR-{nth:03}]\nsubtasks: []\n");
        let body = "A line of the work package.\n".repeat(60);
        repo.write(&format!("kitty-specs/m/tasks/WP{nth:02}-x.md"), format!("---\n{front}---\n{body}"));
        spec.push_str(&format!("- **FR-{nth:03}**: it works\n"));
        (0..EVENTS_EACH).for_each(|step| log.push_str(&event(nth, step)));
    }
    repo.write("kitty-specs/m/spec.md", spec);
    repo.write("kitty-specs/m/status.events.jsonl", log);
    for nth in 0..rules {
        let head = format!(
            "schema: clearance.rule/v1\nid: rule-{nth:04}\ntitle: Rule {nth}\nseverity: error\nstages: [merge]\n"
        );
        let text = head + CHECKS[nth % CHECKS.len()] + "remediation: mend it\n" + TESTS;
        repo.write(&format!("rules.d/r{nth:04}.yaml"), text);
    }
    repo.commit_all("Everything");
    repo.git(&["branch", "kitty/mission-m"]);
    repo.git(&["checkout", "--quiet", "-b", "kitty/mission-m-lane-a"]);
    repo.write("src/a.txt", "new\n".repeat(50));
    repo.commit_all("Lane");
    repo.git(&["checkout", "--quiet", "main"]);
    // As a repository is that was used for a while.
    repo.git(&["gc", "--quiet"]);
    repo
}

/// A step of a work package: to and fro, approved at last.
fn event(package: usize, step: usize) -> String {
    let lanes = ["genesis", "planned", "claimed", "in_progress"];
    let lane = |step: usize| match step {
        0..=3 => lanes[step],
        EVENTS_EACH => "approved",
        odd if odd % 2 == 1 => "in_review",
        _ => "in_progress",
    };
    let (from, to) = (lane(step), lane(step + 1));
    format!(
        r#"{{"actor": "ada", "at": "2026-01-01T{:02}:{:02}:00Z", "event_id": "01ARZ3NDEKTSV4RRFFQ6{:06}", "evidence": {{"review": {{"reviewer": "bob", "verdict": "approved", "reference": "x"}}}}, "execution_mode": "worktree", "force": true, "from_lane": "{from}", "reason": "x", "to_lane": "{to}", "wp_id": "WP{package:02}"}}"#,
        package,
        step,
        package * 100 + step
    ) + "\n"
}

fn check(root: &Path) {
    let mut command = clearance(Path::new(env!("CARGO_BIN_EXE_clearance")), root);
    command.args(["check", "--mission", "m", "--quiet"]).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status().expect("a started process");
    assert!(status.success(), "{status}");
}

/// The same files, as git reads them.
fn read(root: &Path, rules: usize) {
    let mut git = Command::new("git");
    scrub(&mut git);
    let git = git.args(["cat-file", "--batch"]).current_dir(root).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut git = git.spawn().expect("git");
    let names: String = (0..rules).map(|nth| format!("main:rules.d/r{nth:04}.yaml\n")).collect();
    git.stdin.take().expect("a pipe").write_all(names.as_bytes()).expect("git reads");
    assert!(git.wait().expect("git ends").success());
}

fn rules(criterion: &mut Criterion) {
    let sizes: &[usize] = if tried_only() { &[10] } else { &[0, 10, 50, 100, 300, 1_000] };
    for rules in sizes {
        let repo = repository(*rules);
        let mut group = criterion.benchmark_group(format!("{rules} rules"));
        group.sample_size(20);
        group.bench_function("git cat-file", |bencher| bencher.iter(|| read(repo.root(), *rules)));
        group.bench_function("check", |bencher| bencher.iter(|| check(repo.root())));
        group.finish();
    }
}

criterion_group!(benches, rules);
criterion_main!(benches);
