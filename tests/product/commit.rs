//! Auto-commit: only what this call wrote, refused before writing where it must be, told truthfully.

use rstest::rstest;

use crate::support::{LOG, Run, SNAPSHOT, TASKS, TestRepo, command, events, mark, rows, run};

fn committed(tasks: &str) -> TestRepo {
    let repo = rows(tasks);
    repo.commit_all("Tasks");
    repo
}

fn rich(repo: &TestRepo, arguments: &[&str]) -> (i32, serde_json::Value) {
    let run = mark(repo, "done", &[arguments, &["--report", "json"]].concat());
    (run.code, run.json())
}

#[test]
fn only_the_written_files_are_committed() {
    let repo = committed("- [ ] T001 a\n- [ ] T002 b\n");
    repo.write("staged.txt", "staged\n");
    repo.git(&["add", "staged.txt"]);
    repo.write("loose.txt", "loose\n");
    let (code, report) = rich(&repo, &["T001,T002", "--auto-commit"]);
    assert_eq!((code, report["commit"]["status"].as_str()), (0, Some("created")));
    assert_eq!(report["commit"]["sha"], repo.git(&["rev-parse", "HEAD"]).trim());
    assert_eq!(report["commit"]["branch"], "work");
    assert_eq!(repo.git(&["log", "-1", "--format=%s"]), "chore: Mark 2 subtasks as done on spec m\n");
    assert_eq!(repo.git(&["show", "--format=", "--name-only"]), format!("{TASKS}\n"));
    assert_eq!(repo.git(&["status", "--porcelain"]), "A  staged.txt\n?? loose.txt\n");
}

#[test]
fn a_file_that_git_does_not_know_yet_is_committed_too() {
    let repo = events("## WP01\n\n- [ ] T001 a\n", &[("WP01", "T001")]);
    let (code, report) = rich(&repo, &["T001", "--auto-commit"]);
    assert_eq!((code, report["commit"]["status"].as_str()), (0, Some("created")), "{report}");
    assert_eq!(repo.git(&["show", "--format=", "--name-only"]), format!("{LOG}\n{SNAPSHOT}\n"));
    assert_eq!(report["event_ids"].as_array().unwrap().len(), 1);
}

#[test]
fn nothing_written_is_nothing_committed() {
    let repo = committed("- [x] T001 a\n");
    let (code, report) = rich(&repo, &["T001", "--auto-commit"]);
    assert_eq!((code, report["commit"]["status"].as_str()), (0, Some("nothing")));
    assert_eq!(repo.git(&["rev-list", "--count", "HEAD"]), "2\n");
}

#[rstest]
#[case::absent(None, &[], "off")]
#[case::on(Some("agents:\n  auto_commit: true\n"), &[], "created")]
#[case::off(Some("agents:\n  auto_commit: false\n"), &[], "off")]
#[case::overruled(Some("agents:\n  auto_commit: true\n"), &["--no-auto-commit"], "off")]
#[case::asked_for(Some("agents: {}\n"), &["--auto-commit"], "created")]
#[case::other_settings(Some("other: 1\n"), &[], "off")]
#[case::empty(Some(""), &[], "off")]
fn the_default_comes_from_the_settings(
    #[case] config: Option<&str>,
    #[case] arguments: &[&str],
    #[case] status: &str,
) {
    let repo = committed("- [ ] T001 a\n");
    if let Some(config) = config {
        repo.write(".kittify/config.yaml", config);
    }
    let (code, report) = rich(&repo, &[&["T001"], arguments].concat());
    assert_eq!((code, report["commit"]["status"].as_str()), (0, Some(status)));
}

fn refused(repo: &TestRepo, code: &str) {
    let before = repo.read(TASKS);
    let run = mark(repo, "done", &["T001", "--auto-commit", "--json"]);
    assert_eq!((run.code, run.json()["error"].as_str()), (1, Some(code)), "{}", run.stdout);
    assert_eq!(repo.read(TASKS), before, "refused before writing");
    assert_eq!(mark(repo, "done", &["T001", "--auto-commit", "--dry-run"]).code, 1, "the forecast agrees");
    assert_eq!(mark(repo, "done", &["T001", "--no-auto-commit"]).code, 0, "without a commit it is fine");
}

#[rstest]
#[case("main")]
#[case("master")]
fn protected_branches_are_refused(#[case] branch: &str) {
    let repo = committed("- [ ] T001 a\n");
    repo.git(&["switch", "--quiet", "--create", branch]);
    refused(&repo, "protected_branch");
}

#[test]
fn the_default_branch_of_the_remote_is_protected() {
    let repo = committed("- [ ] T001 a\n");
    repo.git(&["switch", "--quiet", "--create", "trunk"]);
    repo.git(&["update-ref", "refs/remotes/origin/trunk", "HEAD"]);
    repo.git(&["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk"]);
    refused(&repo, "protected_branch");
}

#[test]
fn protection_can_be_waived_as_in_the_original() {
    let repo = committed("- [ ] T001 a\n");
    repo.git(&["switch", "--quiet", "--create", "main"]);
    let mut command = command(repo.root());
    command.env("SPEC_KITTY_ALLOW_PROTECTED_BRANCH_COMMITS", "Yes");
    let run =
        Run::of(command.args(["mark-status", "T001", "--status", "done", "--mission", "m", "--auto-commit"]));
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(repo.git(&["rev-list", "--count", "HEAD"]), "3\n");
}

#[test]
fn a_detached_head_is_refused() {
    let repo = committed("- [ ] T001 a\n");
    repo.git(&["checkout", "--quiet", "--detach"]);
    refused(&repo, "detached_head");
}

#[test]
fn a_merge_in_progress_is_refused() {
    let repo = committed("- [ ] T001 a\n");
    repo.git(&["switch", "--quiet", "--create", "other"]);
    repo.git(&["commit", "--quiet", "--allow-empty", "--message", "Other"]);
    repo.git(&["switch", "--quiet", "work"]);
    repo.git(&["merge", "--quiet", "--no-ff", "--no-commit", "other"]);
    refused(&repo, "operation_in_progress");
}

#[cfg(unix)]
#[test]
fn a_hook_that_refuses_is_told_and_the_index_is_as_it_was() {
    use std::os::unix::fs::PermissionsExt;
    for tracked in [true, false] {
        let repo = rows("- [ ] T001 a\n");
        if tracked {
            repo.commit_all("Tasks");
        }
        let hook = repo.write(".git/hooks/pre-commit", "#!/bin/sh\necho the hook says no >&2\nexit 1\n");
        std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
        let before = repo.git(&["status", "--porcelain"]);
        let run = mark(&repo, "done", &["T001", "--auto-commit", "--json", "--report", "json=r.json"]);
        assert_eq!(run.code, 1, "the exit code says so");
        assert_eq!(run.json()["summary"]["updated"], 1, "the row is on disk");
        assert!(run.stderr.contains("the hook says no") && run.stderr.contains(" add -- "), "{}", run.stderr);
        let report: serde_json::Value = serde_json::from_str(&repo.read("r.json")).unwrap();
        assert_eq!(report["commit"]["status"], "failed");
        std::fs::remove_file(repo.root().join("r.json")).unwrap();
        let after = repo.git(&["status", "--porcelain"]);
        assert_eq!(after, if tracked { format!(" M {TASKS}\n") } else { before });
        // The command that is offered does it, once the hook is gone.
        std::fs::remove_file(&hook).unwrap();
        let remedy = report["commit"]["remediation"].as_str().unwrap();
        let mut shell = std::process::Command::new("sh");
        clearance_testkit::scrub(&mut shell);
        assert_eq!(Run::of(shell.current_dir(repo.root()).args(["-c", remedy])).code, 0, "{remedy}");
        assert_eq!(repo.git(&["show", "--format=", "--name-only"]), format!("{TASKS}\n"));
    }
}

#[test]
fn a_dry_run_says_what_would_be_committed() {
    let repo = committed("- [ ] T001 a\n");
    let (code, report) = rich(&repo, &["T001", "--auto-commit", "--dry-run"]);
    assert_eq!((code, report["commit"]["status"].as_str()), (0, Some("planned")));
    assert_eq!(report["commit"]["branch"], "work");
    assert_eq!(repo.git(&["rev-list", "--count", "HEAD"]), "2\n");
}

#[test]
fn a_file_that_git_was_told_not_to_look_at_is_not_called_committed() {
    for flag in ["--skip-worktree", "--assume-unchanged"] {
        let repo = committed("- [ ] T001 a\n");
        repo.git(&["update-index", flag, TASKS]);
        let (_, report) = rich(&repo, &["T001", "--auto-commit"]);
        let committed = repo.git(&["show", &format!("HEAD:{TASKS}")]).contains("[x]");
        let said = report["commit"]["status"].as_str().unwrap();
        assert_eq!(said == "created", committed, "{flag}: {report}");
        assert_ne!(said, "unchanged", "{flag}");
    }
}

#[test]
fn what_an_earlier_call_could_not_commit_is_not_forgotten() {
    let repo = committed("- [ ] T001 a\n");
    assert_eq!(mark(&repo, "done", &["T001"]).code, 0);
    let again = mark(&repo, "done", &["T001", "--auto-commit"]);
    assert_eq!(again.code, 0);
    assert!(again.stderr.contains("changes that are not committed"), "{}", again.stderr);
}

#[test]
fn commits_of_several_missions_at_once_do_not_collide() {
    let repo = TestRepo::new();
    let missions: Vec<_> = (0..8).map(|number| format!("m{number}")).collect();
    for mission in &missions {
        repo.write(&format!("kitty-specs/{mission}/tasks.md"), "- [ ] T001 a\n");
    }
    repo.commit_all("Missions");
    let spawned = missions.iter().map(|mission| {
        let arguments =
            ["mark-status", "T001", "--status", "done", "--auto-commit", "--mission", mission.as_str()];
        command(repo.root()).args(arguments).stdout(std::process::Stdio::null()).spawn().unwrap()
    });
    for mut child in spawned.collect::<Vec<_>>() {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(repo.git(&["rev-list", "--count", "HEAD"]), "10\n");
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

#[test]
fn an_ignored_mission_is_told_not_skipped() {
    let repo = rows("- [ ] T001 a\n");
    repo.write(".gitignore", "kitty-specs\n");
    let run = run(&repo, &["mark-status", "T001", "--status", "done", "--mission", "m", "--auto-commit"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("is ignored by git"), "{}", run.stderr);
    assert_eq!(repo.read(TASKS), "- [ ] T001 a\n", "refused before writing");
}

#[cfg(unix)]
#[test]
fn what_a_hook_leaves_running_is_not_waited_for() {
    use std::os::unix::fs::PermissionsExt;
    let repo = committed("- [ ] T001 a\n");
    let hook = repo.write(".git/hooks/post-commit", "#!/bin/sh\nsleep 600 &\necho $! > .git/left\n");
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = command(repo.root());
    command.args(["mark-status", "T001", "--status", "done", "--mission", "m", "--auto-commit"]);
    // Its own standard streams are files too: the test must not wait for the hook's child either.
    let out = std::fs::File::create(repo.outside().join("out")).unwrap();
    let status = command.stdout(out.try_clone().unwrap()).stderr(out).status().unwrap();
    let left = repo.read(".git/left");
    let alive = std::process::Command::new("kill").arg(left.trim()).status().unwrap();
    assert!(status.success() && alive.success(), "the call ended, and the hook's child was still there");
}
