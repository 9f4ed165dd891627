//! The target against its remote: behind, diverged, out of reach, silent.

use std::fs;
use std::path::Path;

use rstest::rstest;

use crate::ready::{codes, dry_run, ready, shell};
use crate::support::{Run, TestRepo, command};

/// A remote of the repository, with commits on `main` that only it has, or that only the repository has.
pub(crate) fn apart(repo: &TestRepo, theirs: usize, ours: usize) {
    let bare = repo.outside().join("origin.git");
    repo.git(&["clone", "--quiet", "--bare", ".", bare.to_str().unwrap()]);
    repo.git(&["remote", "add", "origin", bare.to_str().unwrap()]);
    repo.git(&["fetch", "--quiet", "origin"]);
    repo.git(&["branch", "--quiet", "--set-upstream-to=origin/main", "main"]);
    for _ in 0..ours {
        repo.git(&["commit", "--quiet", "--allow-empty", "--message", "ours"]);
    }
    for _ in 0..theirs {
        let tree = repo.git(&["rev-parse", "main^{tree}"]);
        let commit = repo.git(&["commit-tree", tree.trim(), "-p", "origin/main", "-m", "theirs"]);
        repo.git(&["push", "--quiet", "origin", &format!("{}:refs/heads/main", commit.trim())]);
        repo.git(&["update-ref", "refs/remotes/origin/main", "refs/remotes/origin/main~0"]);
    }
}

#[rstest]
#[case::behind(1, 0, "target_behind")]
#[case::diverged(1, 1, "target_diverged")]
#[case::ahead(0, 1, "")]
#[case::level(0, 0, "")]
fn the_target_against_its_remote(#[case] theirs: usize, #[case] ours: usize, #[case] code: &str) {
    let repo = ready();
    apart(&repo, theirs, ours);
    // What was fetched is looked at without a push, and only warned of.
    let warned = dry_run(&repo, &["--json"]).json();
    let warnings: Vec<_> =
        warned["warnings"].as_array().unwrap().iter().map(|found| found["code"].as_str().unwrap()).collect();
    assert_eq!(warnings, if code.is_empty() { vec![] } else { vec![code] }, "{warned:#}");
    assert_eq!(warned["ready"], true);
    let expected: Vec<String> = if code.is_empty() { vec![] } else { vec![code.to_owned()] };
    assert_eq!(codes(&repo, &["--push"]), expected);
    if theirs > 0 && ours == 0 {
        let command =
            dry_run(&repo, &["--push", "--json"]).json()["remediation"].as_str().unwrap().to_owned();
        assert_eq!(shell(&repo, &command).code, 0, "{command}");
        assert_eq!(codes(&repo, &["--push"]), Vec::<String>::new());
    }
}

#[test]
fn a_remote_that_cannot_be_reached() {
    let repo = ready();
    repo.git(&["remote", "add", "origin", "/nonexistent/origin.git"]);
    assert_eq!(codes(&repo, &[]), Vec::<String>::new(), "a merge here does not need it");
    assert_eq!(codes(&repo, &["--push"]), ["remote_unreachable"]);
    let asked = dry_run(&repo, &["--fetch", "--json"]).json();
    assert_eq!(
        (&asked["ready"], &asked["warnings"][0]["code"]),
        (&true.into(), &"remote_unreachable".into())
    );
}

/// A remote that does not answer is given up on, with everything that was started for it.
#[cfg(unix)]
#[test]
fn a_remote_that_hangs() {
    use std::os::unix::fs::PermissionsExt;
    let repo = ready();
    repo.git(&["remote", "add", "origin", "ssh://nowhere.invalid/x.git"]);
    let script =
        clearance_testkit::write(repo.outside(), "ssh", "#!/bin/sh\necho $$ > \"$0.pid\"\nexec sleep 600\n");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let mut asked = command(repo.root());
    asked.env("GIT_SSH_COMMAND", &script).env("GIT_SSH_VARIANT", "simple");
    asked.args(["merge", "--dry-run", "--mission", "m", "--push", "--json", "--remote-timeout", "1"]);
    let answer = Run::of(&mut asked);
    let json = answer.json();
    assert_eq!((answer.code, &json["blocker"]), (1, &"remote_unreachable".into()), "{json:#}");
    assert!(json["blockers"][0]["message"].as_str().unwrap().contains("no answer within 1.0 s"), "{json:#}");
    let pid = clearance_testkit::read(repo.outside(), "ssh.pid");
    let state = fs::read_dir(format!("/proc/{}", pid.trim())).is_ok();
    // A killed process may still be on the list until somebody asks for its end; it must not be asleep.
    let asleep = state
        && clearance_testkit::read(Path::new("/proc"), &format!("{}/stat", pid.trim())).contains(") S ");
    assert!(!asleep, "process {pid} was left behind");
}
