//! Commands of findings, pasted: each ends its blocker, at the first time and from anywhere, and loses nothing.

use std::fs;

use rstest::rstest;

use crate::ready::{Break, LANE_A, LANE_B, LANES, MISSION, Made, approved, codes, dry_run, ready, shell};
use crate::second_look::review;
use crate::support::{LOG, Run, TestRepo, step};

/// One blocker, whose command ends it and leaves nothing to be found.
fn ends(repo: &TestRepo, code: &str) -> String {
    let json = dry_run(repo, &["--json"]).json();
    assert_eq!(codes(repo, &[]), [code], "{json:#}");
    let command = json["remediation"].as_str().unwrap().to_owned();
    let done = shell(repo, &command);
    assert_eq!(done.code, 0, "{command}: {}", done.stderr);
    assert_eq!(codes(repo, &[]), Vec::<String>::new(), "after {command}");
    command
}

/// What was changed besides the state; whether it is stashed.
pub(crate) const STATE: &[(&str, Break, bool)] = &[
    ("alone", |_: &TestRepo| {}, false),
    (
        "with_a_file_that_was_announced",
        |repo: &TestRepo| {
            repo.write("kitty-specs/m/it's new.md", "x\n");
            repo.git(&["add", "--intent-to-add", "kitty-specs/m/it's new.md"]);
        },
        false,
    ),
    (
        "with_others",
        |repo: &TestRepo| {
            repo.write("shared.txt", "mine\n");
            repo.write("staged.txt", "mine\n");
            repo.git(&["add", "staged.txt"]);
        },
        true,
    ),
    (
        "with_one_that_was_deleted",
        |repo: &TestRepo| drop(repo.git(&["rm", "--quiet", "--force", "kitty-specs/m/tasks.md"])),
        true,
    ),
];

/// What the log says of approvals must not be put away with it.
#[test]
fn state_is_recorded_and_not_stashed() {
    for &(name, more, stashes) in STATE {
        eprintln!("{name}");
        let repo = ready();
        repo.write(LOG, approved("WP01") + &step("WP02", "in_progress", "in_review"));
        repo.commit_all("In review");
        repo.write(LOG, approved("WP01") + &approved("WP02"));
        repo.write("kitty-specs/m/tasks.md", "- [x] T001 b\n");
        more(&repo);
        ends(&repo, "dirty_worktree");
        assert!(repo.git(&["log", "--max-count=1", "--format=%s"]).starts_with("Record the state of m"));
        assert_eq!(!repo.git(&["stash", "list"]).is_empty(), stashes);
    }
}

/// Changes that a stash does not take: the code, and a file that must be there afterwards.
pub(crate) const UNSTASHED: &[(&str, &str, &str, Break)] = &[
    ("announced", "dirty_worktree", "", |repo: &TestRepo| {
        repo.write("new file.txt", "mine\n");
        repo.git(&["add", "--intent-to-add", "new file.txt"]);
    }),
    ("announced_in_a_lane", "dirty_lane_worktree", "", |repo: &TestRepo| {
        repo.git(&["worktree", "add", "--quiet", "../a", LANE_A]);
        repo.write("../a/new.txt", "mine\n");
        repo.git(&["-C", "../a", "add", "--intent-to-add", "new.txt"]);
    }),
    ("a_repository_inside", "dirty_lane_worktree", "a.nested/mine", |repo: &TestRepo| {
        repo.git(&["worktree", "add", "--quiet", "../a", LANE_A]);
        repo.write("../a/nested/mine", "mine\n");
        repo.git(&["init", "--quiet", "../a/nested"]);
    }),
    ("a_repository_and_more", "dirty_lane_worktree", "a.deep.nested/mine", |repo: &TestRepo| {
        repo.git(&["worktree", "add", "--quiet", "../a", LANE_A]);
        repo.write("../a/deep/nested/mine", "mine\n");
        repo.write("../a/other", "mine\n");
        repo.git(&["init", "--quiet", "../a/deep/nested"]);
    }),
    ("a_directory_for_a_file", "dirty_worktree", "repo/shared.txt.mine/mine", |repo: &TestRepo| {
        fs::remove_file(repo.root().join("shared.txt")).unwrap();
        repo.write("shared.txt/mine", "mine\n");
    }),
];

/// `git stash` refuses these, passes over them, or deletes them.
#[test]
fn what_a_stash_does_not_take() {
    for &(name, code, kept, make) in UNSTASHED {
        eprintln!("{name}");
        let repo = ready();
        make(&repo);
        ends(&repo, code);
        assert!(kept.is_empty() || repo.outside().join(kept).exists(), "{kept}");
    }
}

/// A lane that adds a file, as any other lane does.
#[expect(clippy::disallowed_methods, reason = "a test sets the scene, with names that are no text")]
fn adds(repo: &TestRepo, path: impl AsRef<std::path::Path>) {
    repo.git(&["checkout", "--quiet", LANE_A]);
    fs::write(repo.root().join(path), "new\n").unwrap();
    repo.commit_all("One more");
    repo.git(&["checkout", "--quiet", "main"]);
}

/// What stands where a merge writes, and where it is found afterwards.
pub(crate) const IN_THE_WAY: &[(&str, &str, Break)] = &[
    ("a_directory", "build.mine/deep/y", |repo: &TestRepo| {
        adds(repo, "build");
        repo.write("build/x", "mine\n");
        repo.write("build/deep/y", "mine\n");
    }),
    ("a_repository", "build.mine/x", |repo: &TestRepo| {
        adds(repo, "build");
        repo.write("build/x", "mine\n");
        repo.git(&["init", "--quiet", "build"]);
    }),
    ("one_file_among_those_that_git_knows", "build.x.mine", |repo: &TestRepo| {
        repo.write("build/known", "known\n");
        repo.commit_all("Directory");
        repo.git(&["branch", "--force", MISSION, "main"]);
        repo.git(&["checkout", "--quiet", "-B", LANE_A, "main"]);
        repo.git(&["rm", "--quiet", "-r", "build"]);
        adds(repo, "build");
        repo.write("build/x", "mine\n");
    }),
];

/// What stands where a merge writes goes out of the way at once, and as a whole.
#[test]
fn what_is_in_the_way_is_moved_as_a_whole() {
    for &(name, kept, make) in IN_THE_WAY {
        eprintln!("{name}");
        let repo = ready();
        make(&repo);
        ends(&repo, "untracked_obstruction");
        assert!(repo.root().join(kept).exists(), "{kept}");
        repo.git(&["merge", "--quiet", "--no-edit", LANE_A]);
    }
}

/// A name that is not UTF-8 cannot be shown, but can be spelled.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test sets the scene, with names that are no text")]
fn names_of_bytes_in_commands() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let name = OsStr::from_bytes(b"it's 100%\xe9 \\n.txt");
    let repo = ready();
    adds(&repo, name);
    fs::write(repo.root().join(name), "mine\n").unwrap();
    ends(&repo, "untracked_obstruction");
    let kept = OsStr::from_bytes(b"it's 100%\xe9 \\n.txt.mine");
    assert!(repo.root().join(kept).exists());
    repo.git(&["merge", "--quiet", "--no-edit", LANE_A]);
    let repo = ready();
    fs::write(repo.root().join(name), "one\n").unwrap();
    repo.commit_all("Name");
    fs::write(repo.root().join(name), "two\n").unwrap();
    ends(&repo, "dirty_worktree");
}

/// A command as it is pasted somewhere else.
fn elsewhere(repo: &TestRepo, command: &str) -> Run {
    shell(repo, &format!("mkdir -p ../somewhere && cd ../somewhere && export EDITOR=tail && {command}"))
}

/// A branch that is gone is brought back from where a work tree saw it last.
#[rstest]
#[case::left_here(|repo: &TestRepo| {
    let tip = repo.git(&["rev-parse", LANE_B]);
    repo.git(&["branch", "-D", LANE_B]);
    tip
})]
#[case::in_another_work_tree(|repo: &TestRepo| {
    repo.git(&["worktree", "add", "--quiet", "../b", LANE_B]);
    repo.git(&["-C", "../b", "commit", "--quiet", "--allow-empty", "--message", "More"]);
    repo.git(&["-C", "../b", "switch", "--quiet", "--detach", "main"]);
    let tip = repo.git(&["rev-parse", LANE_B]);
    repo.git(&["reflog", "expire", "--expire=all", "HEAD"]);
    repo.git(&["branch", "-D", LANE_B]);
    tip
})]
fn a_lane_branch_comes_back(#[case] lose: fn(&TestRepo) -> String) {
    let repo = ready();
    let tip = lose(&repo);
    let json = dry_run(&repo, &["--json"]).json();
    assert_eq!(codes(&repo, &[]), ["missing_lane_branch"]);
    let command = json["remediation"].as_str().unwrap();
    assert_eq!(elsewhere(&repo, command).code, 0, "{command}");
    assert_eq!(repo.git(&["rev-parse", LANE_B]), tip, "{command}");
}

#[test]
fn a_lane_branch_that_nothing_remembers() {
    let repo = ready();
    let tip = repo.git(&["rev-parse", LANE_B]);
    repo.git(&["branch", "-D", LANE_B]);
    repo.git(&["reflog", "expire", "--expire=all", "--all"]);
    let json = dry_run(&repo, &["--json"]).json();
    let listed = elsewhere(&repo, json["remediation"].as_str().unwrap());
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    assert!(listed.stdout.contains(tip.trim()), "{}", listed.stdout);
}

/// Files of the mission that are not what they should be.
pub(crate) const UNREADABLE: &[Made] = &[
    ("manifest", |repo: &TestRepo| drop(repo.write("kitty-specs/m/lanes.json", "{\"lanes\":\n 5}"))),
    ("two_lanes", |repo: &TestRepo| {
        drop(repo.write("kitty-specs/m/lanes.json", LANES.replace("lane-b", "lane-a")));
    }),
    ("no_manifest", |repo: &TestRepo| {
        repo.git(&["rm", "--quiet", "kitty-specs/m/lanes.json"]);
        fs::create_dir(repo.root().join("kitty-specs/m/lanes.json")).unwrap();
        repo.git(&["reset", "--quiet"]);
    }),
    ("no_file", |repo: &TestRepo| drop(repo.git(&["rm", "--quiet", "kitty-specs/m/tasks/WP02-b.md"]))),
    ("a_name_of_no_branch", |repo: &TestRepo| {
        drop(repo.write("kitty-specs/m/lanes.json", LANES.replace("lane-b", "lane..b")));
    }),
    ("review", |repo: &TestRepo| {
        repo.write(LOG, approved("WP01") + &step("WP02", "in_review", "approved"));
        review(repo, "WP02-b/review-cycle-1.md", "---\nverdict: [\n---\n");
    }),
];

/// Where a command is pasted makes no difference.
#[test]
fn commands_that_are_pasted_elsewhere() {
    for &(name, break_it) in UNREADABLE {
        eprintln!("{name}");
        let repo = ready();
        break_it(&repo);
        let json = dry_run(&repo, &["--json"]).json();
        let found = json["blockers"].as_array().unwrap();
        let commands = found.iter().filter(|found| found["code"] != "dirty_worktree");
        let commands: Vec<_> = commands.map(|found| found["remediation"].as_str().unwrap()).collect();
        assert!(!commands.is_empty(), "{json:#}");
        for command in commands {
            let done = elsewhere(&repo, command);
            assert_eq!(done.code, 0, "{command}: {}", done.stderr);
        }
    }
}

/// A work tree that is gone still has its branch, and git does not give it to another.
#[test]
fn a_branch_held_by_a_work_tree_that_is_gone() {
    let repo = ready();
    repo.git(&["worktree", "add", "--quiet", "../gone", LANE_A]);
    repo.git(&["worktree", "add", "--quiet", "--detach", ".worktrees/m-lane-a", LANE_A]);
    fs::remove_dir_all(repo.root().with_file_name("gone")).unwrap();
    let command = ends(&repo, "lane_worktree_on_other_branch");
    assert!(command.contains(" worktree prune && git -C "), "{command}");
}
