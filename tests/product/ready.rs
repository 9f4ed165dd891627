//! A mission that is ready to merge, for the tests of the gate to break.

use std::path::PathBuf;
use std::process::Command;

use crate::support::{LOG, Run, TestRepo, run, step};

pub(crate) const MISSION: &str = "kitty/mission-m";
pub(crate) const LANE_A: &str = "kitty/mission-m-lane-a";
pub(crate) const LANE_B: &str = "kitty/mission-m-lane-b";

pub(crate) const LANES: &str = r#"{"version": 1, "mission_slug": "m", "mission_branch": "kitty/mission-m", "target_branch": "main", "lanes": [
  {"lane_id": "lane-b", "wp_ids": ["WP02"], "depends_on_lanes": ["lane-a"]},
  {"lane_id": "lane-a", "wp_ids": ["WP01"], "depends_on_lanes": []}
]}
"#;

pub(crate) fn approved(work_package: &str) -> String {
    let evidence = r#""evidence": {"review": {"reviewer": "r", "verdict": "approved", "reference": "x"}}"#;
    step(work_package, "in_review", "approved").replace("\"evidence\": null", evidence)
}

/// A mission whose work packages are approved, committed on the branch that is checked out; its own branch starts there.
pub(crate) fn mission(repo: &TestRepo, lanes: &str, work_packages: &[&str]) {
    repo.write("shared.txt", "one\ntwo\nthree\nfour\nfive\nsix\nseven\n");
    repo.write("kitty-specs/m/meta.json", "{\"status_phase\": \"1\", \"target_branch\": \"main\"}\n");
    repo.write("kitty-specs/m/lanes.json", lanes);
    repo.write("kitty-specs/m/tasks.md", "- [x] T001 a\n");
    for name in work_packages {
        repo.write(&format!("kitty-specs/m/tasks/{name}.md"), "---\nsubtasks: []\n---\n");
    }
    let ids = work_packages.iter().map(|name| name.split_once('-').unwrap().0);
    repo.write(LOG, ids.map(approved).collect::<String>());
    repo.commit_all("Mission");
    repo.git(&["branch", MISSION]);
}

/// A mission with two lanes that are ready to merge, on branch `main`. Both touch one file, in different lines.
pub(crate) fn ready() -> TestRepo {
    let repo = TestRepo::new();
    repo.git(&["branch", "--move", "main"]);
    mission(&repo, LANES, &["WP01-a", "WP02-b"]);
    lane(&repo, LANE_A, ("one", "ONE"), "a.txt");
    lane(&repo, LANE_B, ("seven", "SEVEN"), "b.txt");
    repo
}

/// A second mission, `n`, in the same repository.
pub(crate) fn with_another(repo: &TestRepo) {
    let (m, n) = ("mission-m", "mission-n");
    for file in
        ["meta.json", "lanes.json", "tasks.md", "tasks/WP01-a.md", "tasks/WP02-b.md", "status.events.jsonl"]
    {
        let text = repo
            .read(&format!("kitty-specs/m/{file}"))
            .replace(m, n)
            .replace("_slug\": \"m\"", "_slug\": \"n\"");
        repo.write(&format!("kitty-specs/n/{file}"), text);
    }
    repo.commit_all("Another mission");
    repo.git(&["branch", "kitty/mission-n"]);
    for lane in ["lane-a", "lane-b"] {
        repo.git(&["checkout", "--quiet", "-b", &format!("kitty/mission-n-{lane}")]);
        repo.write(&format!("n-{lane}.txt"), "new\n");
        repo.commit_all(lane);
        repo.git(&["checkout", "--quiet", "main"]);
    }
}

/// A branch that changes a line of the shared file, and adds a file.
pub(crate) fn lane(repo: &TestRepo, branch: &str, (from, to): (&str, &str), file: &str) {
    repo.git(&["checkout", "--quiet", "-B", branch, "main"]);
    repo.write("shared.txt", repo.read("shared.txt").replace(from, to));
    repo.write(file, "new\n");
    repo.commit_all(branch);
    repo.git(&["checkout", "--quiet", "main"]);
}

pub(crate) fn dry_run(repo: &TestRepo, more: &[&str]) -> Run {
    run(repo, &[&["merge", "--dry-run", "--mission", "m"], more].concat())
}

pub(crate) fn codes(repo: &TestRepo, more: &[&str]) -> Vec<String> {
    let run = dry_run(repo, &[more, &["--json"]].concat());
    let json = run.json();
    let blockers = json["blockers"].as_array().cloned().unwrap_or_default();
    assert_eq!(run.code, i32::from(!blockers.is_empty()), "{json:#}");
    assert_eq!(json["ready"], blockers.is_empty(), "{json:#}");
    blockers.iter().map(|blocker| blocker["code"].as_str().unwrap().to_owned()).collect()
}

/// Something that is done to a mission that is ready.
pub(crate) type Break = fn(&TestRepo);
/// What makes it not ready: a name, and the code that is found.
pub(crate) type Broken = (&'static str, &'static str, Break);
/// What leaves it ready, or not: a name.
pub(crate) type Made = (&'static str, Break);

/// A command as a person would paste it, run at the top of the repository.
pub(crate) fn shell(repo: &TestRepo, command: &str) -> Run {
    let mut shell = Command::new("sh");
    clearance_testkit::scrub(&mut shell);
    Run::of(shell.current_dir(repo.root()).args(["-c", command]))
}

/// Commands that must succeed.
pub(crate) fn done(repo: &TestRepo, script: &str) {
    let run = shell(repo, &format!("set -e\n{script}"));
    assert_eq!(run.code, 0, "{script}: {}", run.stderr);
}

/// A directory beside the repository.
pub(crate) fn beside(repo: &TestRepo, name: &str) -> PathBuf {
    repo.root().with_file_name(name)
}

/// The same history in a repository that was made with other options.
pub(crate) fn made_with(repo: &TestRepo, options: &str) -> PathBuf {
    let init = format!("git init --quiet --initial-branch=none {options} ../made");
    let import =
        "git fast-export --all | git -C ../made fast-import --quiet && git -C ../made checkout --quiet main";
    done(repo, &format!("{init}\n{import}\n{}", named("../made")));
    beside(repo, "made")
}

/// Commits can be made there.
pub(crate) fn named(place: &str) -> String {
    format!("git -C {place} config user.name T && git -C {place} config user.email t@example.invalid")
}
