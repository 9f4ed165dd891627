//! What others leave behind that a merge must cope with: a journal nobody can read, objects thrown away, work trees deleted
//! by hand, programs that hooks started, files of another user.

use std::fs;

use rstest::rstest;

use crate::landed::{at, changing_nothing, is_sound, linked, merged, refused, script, told};
use crate::ready::{LANE_A, LANE_B, MISSION, done, ready, shell};
use crate::support::{command, run};

/// A hook that kills the merge when the target has moved.
const KILL: &str =
    "grep -q refs/heads/main && [ \"$1\" = committed ] && kill -9 $(cut -d' ' -f4 /proc/$PPID/stat); exit 0";

#[rstest]
#[case::empty("", "EOF")]
#[case::torn("{\"version\": 1, \"mission\": \"m", "EOF")]
#[case::newer("{\"version\": 99}", "version 99")]
fn a_journal_that_cannot_be_read(#[case] text: &str, #[case] why: &str) {
    let repo = ready();
    repo.write(".git/clearance/land/01ARZ3NDEKTSV4RRFFQ69G5FAV/journal.json", text);
    let error = changing_nothing(&repo, || refused(&repo, &[], "recovery_blocked"));
    assert_eq!(error["exit_code"], 3);
    assert!(error["message"].as_str().unwrap().contains(why), "{error:#}");
    let way_out = error["help"].as_str().unwrap().rsplit_once("rm -r ").unwrap().1;
    done(&repo, &format!("rm -r {way_out}"));
    merged(&repo, &[]);
    is_sound(&repo, ".");
}

/// The mission branch follows the target. Where its new commit was thrown away, it stays at the one that it had.
#[cfg(target_os = "linux")]
#[test]
fn objects_thrown_away_after_a_crash() {
    let repo = ready();
    let (before, main) = (at(&repo, MISSION), at(&repo, "main"));
    script(&repo, ".git/hooks/reference-transaction", KILL);
    let killed = command(repo.root()).args(["merge", "--mission", "m", "--keep-branch"]).output().unwrap();
    assert_eq!(killed.status.code(), None);
    fs::remove_file(repo.root().join(".git/hooks/reference-transaction")).unwrap();
    assert_ne!(at(&repo, "main"), main, "killed too early");
    done(&repo, "git reflog expire --expire=now --all; git prune --expire=now");
    let resumed = run(&repo, &["merge", "--resume", "--json"]).json();
    assert_eq!((&resumed["merged"], &resumed["resumed"]), (&true.into(), &true.into()), "{resumed:#}");
    assert_eq!(resumed["not_moved"], serde_json::json!([format!("refs/heads/{MISSION}")]));
    assert_eq!(at(&repo, MISSION), before);
    is_sound(&repo, ".");
}

#[test]
fn work_trees_that_somebody_deleted() {
    let repo = ready();
    for (place, branch) in [(".worktrees/a", LANE_A), (".worktrees/b", LANE_B)] {
        linked(&repo, place, branch);
    }
    done(&repo, "rm -r .worktrees/a .worktrees/b");
    merged(&repo, &[]);
    let known = told(&repo, &["worktree", "list", "--porcelain"]);
    assert!(!known.contains("worktrees/"), "{known}");
    is_sound(&repo, ".");
}

#[test]
fn settings_of_removed_branches_go_with_them() {
    let repo = ready();
    for branch in [LANE_A, "kitty/mission-m-lane-abc", "main"] {
        repo.git(&["config", &format!("branch.{branch}.description"), "what it is for"]);
    }
    merged(&repo, &[]);
    let kept = told(&repo, &["config", "--local", "--name-only", "--get-regexp", r"^branch\."]);
    assert_eq!(kept, "branch.kitty/mission-m-lane-abc.description\nbranch.main.description");
}

/// What a hook leaves running has the lock open, and does not hold it.
#[test]
fn a_program_that_a_hook_left_running() {
    let repo = ready();
    done(&repo, "mkfifo ../wait");
    let stay = "[ -e ../started ] || { touch ../started; (read line < ../wait) > /dev/null 2>&1 & }";
    script(&repo, ".git/hooks/reference-transaction", stay);
    let json = merged(&repo, &[]);
    assert_eq!(json["merged"], true);
    let again = run(&repo, &["merge", "--resume", "--lock-timeout", "0", "--json"]);
    done(&repo, "echo > ../wait");
    assert_eq!((again.code, &again.json()["outcome"]), (0, &"nothing_to_resume".into()), "{}", again.stdout);
}

#[cfg(unix)]
#[rstest]
#[case("group", 0o2070, 0o060)]
#[case("all", 0o2077, 0o066)]
#[case("umask", 0, 0)]
fn a_repository_of_several_users(#[case] shared: &str, #[case] directory: u32, #[case] file: u32) {
    use std::os::unix::fs::PermissionsExt;
    let repo = ready();
    done(&repo, &format!("git init --quiet --shared={shared}; [ {shared} = umask ] || chmod g+ws .git"));
    if shared == "all" {
        done(&repo, "chmod o+w .git");
    }
    script(
        &repo,
        ".git/hooks/pre-merge-commit",
        "cd \"$(git rev-parse --git-common-dir)\"; ls -d clearance/land/* > ../../land",
    );
    merged(&repo, &["--keep-branch"]);
    let mode = |name: &str| fs::metadata(repo.root().join(".git").join(name)).unwrap().permissions().mode();
    for name in ["clearance", "clearance/land"] {
        assert_eq!(mode(name) & 0o2077 & directory, directory, "{name}: {:o}", mode(name));
        assert!(directory != 0 || mode(name) & 0o2022 == 0, "{name}: {:o}", mode(name));
    }
    let lock = mode("clearance/land.lock");
    assert_eq!(lock & 0o066 & file, file, "{lock:o}");
    assert!(file != 0 || lock & 0o022 == 0, "{lock:o}");
}

/// A commit whose change the target has by now is left out, and one that never had any is not, as in `git rebase`.
#[test]
fn a_commit_that_became_empty() {
    let repo = ready();
    repo.git(&["checkout", "--quiet", MISSION]);
    repo.write("late.txt", "one\n");
    repo.commit_all("Late");
    repo.write("late.txt", "one\ntwo\n");
    repo.commit_all("Later");
    repo.git(&["commit", "--quiet", "--allow-empty", "-m", "Nothing, on purpose"]);
    repo.git(&["checkout", "--quiet", "main"]);
    // Other commits of the same content.
    repo.write("late.txt", "one\n");
    repo.write("other.txt", "other\n");
    repo.commit_all("Early and more");
    done(
        &repo,
        &format!(
            "git checkout --quiet -b by-git {MISSION}; git rebase --quiet main; git checkout --quiet main"
        ),
    );
    let by_git = told(&repo, &["log", "--format=%s", "main..by-git"]);
    assert_eq!(by_git, "Nothing, on purpose\nLater", "what git does");
    let before = at(&repo, "main");
    merged(&repo, &["--strategy", "rebase"]);
    let subjects = told(&repo, &["log", "--format=%s", &format!("{before}..main")]);
    assert!(subjects.contains("Nothing, on purpose") && subjects.contains("Later"), "{subjects}");
    assert!(!subjects.lines().any(|subject| subject == "Late"), "{subjects}");
    let empty = shell(
        &repo,
        &format!(
            "git log --format=%H {before}..main | while read c; do git diff --quiet $c~ $c && git log -1 --format=%s $c; done"
        ),
    );
    assert_eq!(empty.stdout, "Nothing, on purpose\n");
    is_sound(&repo, ".");
}
