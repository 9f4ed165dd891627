//! Bad input: a clear error, the right exit code, and nothing changed.

use std::fs;
use std::path::Path;

use crate::support::{LOG, Scratch, TASKS, TestRepo, events, mark, rows};

fn fails(repo: &TestRepo, code: i32, needles: &[&str]) {
    let before = snapshot(repo.root());
    let run = mark(repo, "done", &["T001"]);
    assert_eq!(run.code, code, "{}{}", run.stdout, run.stderr);
    for needle in needles {
        assert!(run.stderr.contains(needle), "{needle:?} in {}", run.stderr);
    }
    assert_eq!(snapshot(repo.root()), before, "nothing is changed");
    let json = mark(repo, "done", &["T001", "--json"]);
    assert_eq!(json.code, code);
    assert!(json.json().get("error").is_some(), "{}", json.stdout);
}

/// Every file of the missions, with its bytes.
fn snapshot(root: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![root.join("kitty-specs")];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            match fs::symlink_metadata(&path).unwrap().file_type() {
                kind if kind.is_dir() => open.push(path),
                kind if kind.is_file() => found.push((path.display().to_string(), fs::read(&path).unwrap())),
                _ => found.push((path.display().to_string(), Vec::new())),
            }
        }
    }
    found.sort();
    found
}

#[test]
fn text_that_is_not_utf_8() {
    let repo = TestRepo::with_tasks("m", b"- [ ] T001 a\n- [ ] T002 caf\xe9\n");
    fails(&repo, 3, &["tasks.md is not UTF-8", "0xe9", "line 2", "iconv"]);
    let utf16: Vec<u8> =
        [0xff, 0xfe].into_iter().chain("- [ ] T001".encode_utf16().flat_map(u16::to_le_bytes)).collect();
    fails(&TestRepo::with_tasks("m", utf16), 3, &["UTF-16"]);
}

#[test]
fn manifests_that_are_broken() {
    let repo = rows("- [ ] T001 a\n");
    repo.write("kitty-specs/m/meta.json", "{\n  \"status_phase\": \"1\",\n}\n");
    fails(&repo, 3, &["kitty-specs/m/meta.json:3", "trailing comma"]);
    repo.write("kitty-specs/m/meta.json", "[]");
    fails(&repo, 3, &["not a JSON object"]);
    repo.write("kitty-specs/m/meta.json", "<<<<<<< HEAD\n{}\n");
    fails(&repo, 3, &["meta.json:1"]);
    repo.write("kitty-specs/m/meta.json", "{\n<<<<<<< HEAD\n}\n");
    fails(&repo, 3, &["conflict markers"]);
}

#[test]
fn a_log_that_is_broken_in_the_middle() {
    let repo = events("- [ ] T001 a\n", &[("WP01", "T001")]);
    repo.write(LOG, "{\"a\": 1}\n{\"b\": \n{\"c\": 1}\n");
    fails(&repo, 3, &["status.events.jsonl:2", "not an event"]);
    repo.write(LOG, "{\"a\": 1}\n<<<<<<< HEAD\n{\"c\": 1}\n");
    fails(&repo, 3, &["status.events.jsonl:2", "conflict markers"]);
    repo.write(LOG, "{\"a\": 1}{\"b\": 2}\n{\"c\": 1}\n");
    fails(&repo, 3, &["status.events.jsonl:1"]);
    repo.write(LOG, b"{\"a\": \"\xff\"}\n");
    fails(&repo, 3, &["is not UTF-8"]);
}

#[test]
fn a_mission_without_tasks() {
    let repo = rows("");
    fs::remove_file(repo.root().join(TASKS)).unwrap();
    fails(&repo, 1, &["tasks.md does not exist"]);
}

#[test]
fn settings_that_are_broken() {
    let repo = rows("- [ ] T001 a\n");
    repo.write(".kittify/config.yaml", "agents:\n  auto_commit: [yes\n");
    fails(&repo, 2, &[".kittify/config.yaml:2"]);
}

#[cfg(unix)]
#[test]
fn what_is_no_file_or_leads_outside() {
    use std::os::unix::fs::symlink;
    let repo = rows("");
    let tasks = repo.root().join(TASKS);
    fs::remove_file(&tasks).unwrap();
    fs::create_dir(&tasks).unwrap();
    fails(&repo, 3, &["not a regular file"]);
    fs::remove_dir(&tasks).unwrap();
    let outside = Scratch::new();
    symlink(outside.write("tasks.md", "- [ ] T001 secret\n"), &tasks).unwrap();
    fails(&repo, 3, &["outside of what clearance may touch"]);
    assert_eq!(outside.read("tasks.md"), "- [ ] T001 secret\n");
    fs::remove_file(&tasks).unwrap();
    let pipe = std::process::Command::new("mkfifo").arg(&tasks).status();
    if pipe.is_ok_and(|status| status.success()) {
        fails(&repo, 3, &["not a regular file"]);
    }
}

/// Content of a repository must not make the tool write elsewhere.
#[cfg(unix)]
#[test]
fn links_of_the_log_lead_nowhere() {
    use std::os::unix::fs::symlink;
    let repo = events("- [ ] T001 a\n", &[("WP01", "T001")]);
    let outside = Scratch::new();
    symlink(outside.path().join("new"), repo.root().join(LOG)).unwrap();
    fails(&repo, 3, &["outside of what clearance may touch"]);
    assert!(!outside.path().join("new").exists());
    // A torn tail is set aside in a file of its own, never through a link that waits there.
    fs::remove_file(repo.root().join(LOG)).unwrap();
    repo.write(LOG, "{\"a\":1}\n[core] fsmonitor");
    let target = outside.write("config", "theirs\n");
    symlink(&target, repo.root().join(format!("{LOG}.torn"))).unwrap();
    assert_eq!(mark(&repo, "done", &["T001"]).code, 0);
    assert_eq!(outside.read("config"), "theirs\n");
    assert_eq!(repo.read(&format!("{LOG}.torn-2")), "[core] fsmonitor\n");
}

#[test]
fn a_log_torn_inside_a_character_is_healed_too() {
    let repo = events("- [ ] T001 a\n", &[("WP01", "T001")]);
    repo.write(LOG, b"{\"a\":1}\n{\"b\": \"caf\xc3");
    let run = mark(&repo, "done", &["T001"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(repo.read(LOG).lines().count(), 2);
    assert_eq!(fs::read(repo.root().join(format!("{LOG}.torn"))).unwrap(), b"{\"b\": \"caf\xc3\n");
}

#[test]
fn a_read_only_file_is_told_by_the_forecast_too() {
    let repo = rows("- [ ] T001 a\n");
    let path = repo.root().join(TASKS);
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).unwrap();
    if fs::OpenOptions::new().write(true).open(&path).is_ok() {
        return; // Root may write everything.
    }
    fails(&repo, 3, &["cannot write"]);
    assert_eq!(mark(&repo, "done", &["T001", "--dry-run"]).code, 3);
}

#[test]
fn a_failure_does_not_leave_an_earlier_report_standing() {
    let repo = rows("- [ ] T001 a\n");
    assert_eq!(mark(&repo, "done", &["T001", "--report", "json=r.json"]).code, 0);
    for arguments in [&["T001", "setup"][..], &["T001", "--bad-option"]] {
        assert_eq!(mark(&repo, "done", &[arguments, &["--report", "json=r.json"]].concat()).code, 2);
        let report: serde_json::Value = serde_json::from_str(&repo.read("r.json")).unwrap();
        assert_eq!(report["exit_code"], 2, "{report}");
    }
}

#[test]
fn a_file_that_is_too_large_is_refused_by_its_size() {
    let repo = rows("");
    let file = fs::OpenOptions::new().write(true).open(repo.root().join(TASKS)).unwrap();
    file.set_len((64 << 20) + 1).unwrap();
    let run = mark(&repo, "done", &["T001"]);
    assert_eq!(run.code, 3);
    assert!(run.stderr.contains("larger than 64 MiB"), "{}", run.stderr);
}

#[test]
fn terminal_commands_in_a_repository_are_not_passed_on() {
    let repo = rows("- [ ] T001 a\n");
    repo.write("kitty-specs/m/meta.json", "{\"status_phase\": \u{1b}]0;owned\u{7}}\n");
    let broken = mark(&repo, "done", &["T001", "--color", "always"]);
    assert_eq!(broken.code, 3);
    assert!(!broken.stderr.contains("\u{1b}]") && !broken.stderr.contains('\u{7}'), "{:?}", broken.stderr);
    repo.write("kitty-specs/m/meta.json", "{\"status_phase\": \u{1b}[8m \u{9b}2J \u{202e}}\n");
    let broken = mark(&repo, "done", &["T001", "--color", "always"]);
    assert!(
        !broken.stderr.contains("\u{1b}[8m") && !broken.stderr.contains(['\u{9b}', '\u{202e}']),
        "{:?}",
        broken.stderr
    );
    let repo = rows("- [ ] T001 \u{1b}[2Jboo\n");
    let shown = mark(&repo, "done", &["T001", "--dry-run"]);
    assert!(shown.stdout.contains("boo") && !shown.stdout.contains('\u{1b}'), "{:?}", shown.stdout);
}

#[test]
fn a_bug_would_be_told_as_one() {
    // The table of exit codes in `--help` is the one in the code.
    let help = crate::support::run(&TestRepo::new(), &["--help"]).stdout;
    for (status, meaning) in clearance_engine::exit::ExitStatus::TABLE {
        assert!(help.contains(&format!("{:>3}  {meaning}", status.code())), "{meaning} is not in --help");
    }
}
