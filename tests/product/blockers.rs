//! What is in the way of a merge: every blocker is found, with all others, and its command ends it; what does no harm
//! blocks nothing.

use std::fs;

use serde_json::Value;

use crate::ready::{
    Broken, LANE_A, LANE_B, LANES, MISSION, Made, approved, codes, dry_run, lane, ready, shell,
};
use crate::support::{LOG, TestRepo, below, run, run_without_privilege, step, step_at};

/// What makes a mission not ready; the command that is named ends it.
pub(crate) const MENDED: &[Broken] = &[
    ("missing_mission_branch", "missing_mission_branch", |repo: &TestRepo| {
        drop(repo.git(&["branch", "-D", MISSION]));
    }),
    ("branch_on_the_remote_only", "missing_mission_branch", |repo: &TestRepo| {
        let tip = repo.git(&["rev-parse", MISSION]);
        repo.git(&["remote", "add", "origin", "."]);
        repo.git(&["update-ref", &format!("refs/remotes/origin/{MISSION}"), tip.trim()]);
        repo.git(&["branch", "-D", MISSION]);
    }),
    ("a_tag_is_no_branch", "missing_mission_branch", |repo: &TestRepo| {
        repo.git(&["tag", MISSION, MISSION]);
        repo.git(&["branch", "-D", MISSION]);
    }),
    ("unstaged", "dirty_worktree", |repo: &TestRepo| drop(repo.write("shared.txt", "mine\n"))),
    ("staged", "dirty_worktree", |repo: &TestRepo| {
        repo.write("staged.txt", "mine\n");
        repo.git(&["add", "staged.txt"]);
    }),
    ("untracked_in_the_way", "untracked_obstruction", |repo: &TestRepo| drop(repo.write("a.txt", "mine\n"))),
    ("ignored_in_the_way", "untracked_obstruction", |repo: &TestRepo| {
        repo.write(".git/info/exclude", "a.txt\n");
        repo.write("a.txt", "mine\n");
    }),
    ("lane_worktree_changed", "dirty_lane_worktree", |repo: &TestRepo| {
        repo.git(&["worktree", "add", "--quiet", ".worktrees/m-lane-a", LANE_A]);
        repo.write(".worktrees/m-lane-a/shared.txt", "mine\n");
    }),
    ("lane_worktree_new_file", "dirty_lane_worktree", |repo: &TestRepo| {
        repo.git(&["worktree", "add", "--quiet", ".worktrees/m-lane-a", LANE_A]);
        repo.write(".worktrees/m-lane-a/new.txt", "mine\n");
    }),
    ("a_name_for_it_is_taken", "untracked_obstruction", |repo: &TestRepo| {
        repo.write("a.txt", "mine\n");
        repo.write("a.txt.mine", "mine too\n");
    }),
    ("in_the_way_of_the_mission_branch", "untracked_obstruction", |repo: &TestRepo| {
        repo.git(&["worktree", "add", "--quiet", "../held", MISSION]);
        repo.write("../held/a.txt", "mine\n");
    }),
    ("submodule_at_another_commit", "dirty_worktree", |repo: &TestRepo| {
        with_submodule(repo);
        let who = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
        repo.git(
            &[&["-C", "sub"], &who[..], &["commit", "--quiet", "--allow-empty", "--message", "Other"]]
                .concat(),
        );
    }),
    ("submodule_changed", "dirty_worktree", |repo: &TestRepo| {
        with_submodule(repo);
        repo.write("sub/file", "mine\n");
    }),
    ("conflict_left_behind", "dirty_worktree", |repo: &TestRepo| {
        repo.git(&["checkout", "--quiet", "-b", "side"]);
        repo.write("shared.txt", "side\n");
        repo.commit_all("Side");
        repo.git(&["checkout", "--quiet", "main"]);
        repo.write("shared.txt", "stashed\n");
        repo.git(&["stash", "--quiet"]);
        repo.git(&["reset", "--quiet", "--hard", "side"]);
        assert_ne!(shell(repo, "git stash pop").code, 0);
        repo.git(&["branch", "--force", MISSION, "main"]);
        repo.git(&["branch", "--force", LANE_A, "main"]);
        repo.git(&["branch", "--force", LANE_B, "main"]);
    }),
    ("index_locked", "index_locked", |repo: &TestRepo| drop(repo.write(".git/index.lock", ""))),
    ("merge_under_way", "merge_in_progress", |repo: &TestRepo| {
        repo.git(&["branch", "side"]);
        repo.git(&["commit", "--quiet", "--allow-empty", "--message", "x"]);
        repo.git(&["merge", "--quiet", "--no-commit", "--no-ff", "side", "-s", "ours"]);
        repo.write(".git/MERGE_HEAD", repo.git(&["rev-parse", LANE_A]));
    }),
    ("bisect_under_way", "operation_in_progress", |repo: &TestRepo| drop(repo.git(&["bisect", "start"]))),
    ("sparse", "sparse_checkout", |repo: &TestRepo| {
        drop(repo.git(&["sparse-checkout", "set", "--no-cone", "/*"]));
    }),
];

/// For each blocker: it is found, alone, and its own command ends it.
#[test]
fn a_blocker_is_found_and_its_command_ends_it() {
    for &(name, code, break_it) in MENDED {
        eprintln!("{name}");
        let repo = ready();
        break_it(&repo);
        let json = dry_run(&repo, &["--json"]).json();
        assert_eq!(codes(&repo, &[]), [code], "{json:#}");
        assert_eq!(json["blocker"], code);
        let remediation = json["blockers"][0]["remediation"].as_str().unwrap();
        let done = shell(&repo, remediation);
        assert_eq!(done.code, 0, "{remediation}: {}", done.stderr);
        assert_eq!(codes(&repo, &[]), Vec::<String>::new(), "after {remediation}");
    }
}

fn with_submodule(repo: &TestRepo) {
    let other = TestRepo::new();
    other.write("file", "first\n");
    other.commit_all("File");
    let path = other.root().to_str().unwrap();
    repo.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", path, "sub"]);
    repo.commit_all("Submodule");
}

/// What makes a mission not ready; a person must see to it.
pub(crate) const FOR_PEOPLE: &[Broken] = &[
    ("lane_branch_gone", "missing_lane_branch", |repo: &TestRepo| drop(repo.git(&["branch", "-D", LANE_B]))),
    ("target_gone", "target_branch_missing", |repo: &TestRepo| {
        repo.git(&["checkout", "--quiet", "-b", "other"]);
        repo.git(&["branch", "-D", "main"]);
    }),
    ("not_approved", "wp_not_approved", |repo: &TestRepo| {
        repo.write(LOG, approved("WP01") + &step("WP02", "planned", "claimed"));
        repo.commit_all("Log");
    }),
    ("no_log", "event_log_missing", |repo: &TestRepo| {
        repo.git(&["rm", "--quiet", LOG]);
        repo.commit_all("No log");
    }),
    ("broken_log", "event_log_invalid", |repo: &TestRepo| {
        repo.write(LOG, approved("WP01") + "<<<<<<< HEAD\n" + &approved("WP02"));
        repo.commit_all("Log");
    }),
    ("broken_lanes", "lanes_invalid", |repo: &TestRepo| {
        repo.write("kitty-specs/m/lanes.json", "{\"lanes\": 5}");
        repo.commit_all("Lanes");
    }),
    ("lanes_in_a_circle", "lanes_invalid", |repo: &TestRepo| {
        repo.write(
            "kitty-specs/m/lanes.json",
            LANES.replace("\"depends_on_lanes\": []", "\"depends_on_lanes\": [\"lane-b\"]"),
        );
        repo.commit_all("Lanes");
    }),
    ("meta_is_an_array", "meta_invalid", |repo: &TestRepo| {
        repo.write("kitty-specs/m/meta.json", "[]");
        repo.commit_all("Meta");
    }),
    ("rejected_in_the_log", "review_rejected", |repo: &TestRepo| {
        let rejected = step_at(
            "WP02",
            "in_review",
            "approved",
            2,
            r#", "review_result": {"reviewer": "r", "verdict": "changes_requested", "reference": "x"}"#,
        );
        repo.write(LOG, approved("WP01") + &rejected);
        repo.commit_all("Log");
    }),
    ("rejected_in_the_last_file", "review_rejected", |repo: &TestRepo| {
        repo.write(LOG, approved("WP01") + &step("WP02", "in_review", "approved"));
        repo.write("kitty-specs/m/tasks/WP02-b/review-cycle-9.md", "---\nverdict: approved\n---\n");
        repo.write("kitty-specs/m/tasks/WP02-b/review-cycle-10.md", "---\nverdict: rejected\n---\n");
        repo.commit_all("Review");
    }),
    ("lanes_conflict", "lane_conflict", |repo: &TestRepo| lane(repo, LANE_B, ("one", "EINS"), "b.txt")),
    ("target_conflicts", "target_conflict", |repo: &TestRepo| {
        repo.write("shared.txt", repo.read("shared.txt").replace("one", "eins"));
        repo.commit_all("Target");
    }),
];

/// Blockers whose way out needs a person.
#[test]
fn a_blocker_is_found() {
    for &(name, code, break_it) in FOR_PEOPLE {
        eprintln!("{name}");
        let repo = ready();
        break_it(&repo);
        let found = codes(&repo, &[]);
        assert!(found.contains(&code.to_owned()), "{found:?}");
        let people = dry_run(&repo, &[]);
        assert!(
            people.stdout.contains(code) && people.stdout.lines().last().unwrap().starts_with("blocked: "),
            "{}",
            people.stdout
        );
        assert_eq!(people.code, 1);
    }
}

/// What reviewers said and we may not read is no approval.
#[cfg(unix)]
#[test]
fn reviews_that_cannot_be_read() {
    use std::os::unix::fs::PermissionsExt;
    let repo = ready();
    repo.write(LOG, approved("WP01") + &step("WP02", "in_review", "approved"));
    repo.write("kitty-specs/m/tasks/WP02-b/review-cycle-1.md", "---\nverdict: approved\n---\n");
    repo.commit_all("Review");
    let run = run_without_privilege(&repo);
    let asked = |mode| {
        let directory = repo.root().join("kitty-specs/m/tasks/WP02-b");
        fs::set_permissions(directory, fs::Permissions::from_mode(mode)).unwrap();
        run(&["check", "--stage", "commit", "--mission", "m"])
    };
    let (readable, unreadable, listed) = (asked(0o755), asked(0o000), asked(0o644));
    asked(0o755);
    assert_eq!(readable.code, 0, "{}", readable.stdout);
    for refused in [unreadable, listed] {
        assert_ne!(refused.code, 0, "{}", refused.stdout);
        assert!(refused.stdout.contains("kitty-specs/m/tasks/WP02-b"), "{}", refused.stdout);
    }
}

/// More of those.
pub(crate) const LOOKS_READY: &[Broken] = &[
    ("no_lanes", "lanes_invalid", |repo: &TestRepo| {
        repo.write("kitty-specs/m/lanes.json", "{\"version\": 1, \"lanes\": []}");
        repo.commit_all("Lanes");
    }),
    ("no_manifest", "lanes_invalid", |repo: &TestRepo| {
        repo.git(&["rm", "--quiet", "kitty-specs/m/lanes.json"]);
        repo.commit_all("Lanes");
    }),
    ("no_meta", "meta_invalid", |repo: &TestRepo| {
        repo.git(&["rm", "--quiet", "kitty-specs/m/meta.json"]);
        repo.commit_all("Meta");
    }),
    ("branch_is_target", "mission_branch_is_target", |repo: &TestRepo| {
        repo.write(
            "kitty-specs/m/lanes.json",
            LANES.replace("\"mission_branch\": \"kitty/mission-m\"", "\"mission_branch\": \"main\""),
        );
        repo.commit_all("Lanes");
    }),
    ("no_file", "wp_file_missing", |repo: &TestRepo| {
        repo.git(&["rm", "--quiet", "kitty-specs/m/tasks/WP02-b.md"]);
        repo.commit_all("File");
    }),
    ("lane_worktree_elsewhere", "lane_worktree_on_other_branch", |repo: &TestRepo| {
        repo.git(&["worktree", "add", "--quiet", "--detach", ".worktrees/m-lane-a", LANE_A]);
    }),
    ("hidden_by_assume_unchanged", "hidden_change", |repo: &TestRepo| {
        repo.git(&["update-index", "--assume-unchanged", "shared.txt"]);
        repo.write("shared.txt", "mine\n");
    }),
    ("hidden_by_skip_worktree", "hidden_change", |repo: &TestRepo| {
        repo.git(&["update-index", "--skip-worktree", "shared.txt"]);
        repo.write("shared.txt", "mine\n");
    }),
    ("sequence_under_way", "operation_in_progress", |repo: &TestRepo| {
        repo.write(".git/sequencer/todo", "pick 0000000 x\n");
    }),
];

/// More ways to look ready without being so.
#[test]
fn what_looks_ready_and_is_not() {
    for &(name, code, break_it) in LOOKS_READY {
        eprintln!("{name}");
        let repo = ready();
        break_it(&repo);
        let found = codes(&repo, &[]);
        assert!(found.contains(&code.to_owned()), "{found:?}");
    }
}

/// Among many files that git was told not to look at, the last one counts as the first does.
#[test]
fn the_changed_one_of_many_hidden_files() {
    let repo = ready();
    let name = |nth: u32| format!("hidden/{nth:04}.txt");
    (0..600).for_each(|nth| drop(repo.write(&name(nth), format!("{nth}\n"))));
    repo.commit_all("Many");
    repo.git(&["update-index", "--assume-unchanged", "--", "shared.txt"]);
    for nth in 0..600 {
        repo.git(&["update-index", "--assume-unchanged", "--", &name(nth)]);
    }
    assert_eq!(codes(&repo, &[]), Vec::<String>::new());
    repo.write(&name(599), "mine\n");
    assert_eq!(codes(&repo, &[]), ["hidden_change"]);
}

/// What is odd, and in nobody's way.
pub(crate) const HARMLESS: &[Made] = &[
    ("told_not_to_look_at_what_is_unchanged", |repo: &TestRepo| {
        drop(repo.git(&["update-index", "--assume-unchanged", "shared.txt"]));
    }),
    ("empty_directory_in_the_way", |repo: &TestRepo| fs::create_dir(repo.root().join("a.txt")).unwrap()),
    ("a_directory_becomes_a_file", |repo: &TestRepo| {
        repo.write("dir/file", "x\n");
        repo.commit_all("Directory");
        repo.git(&["branch", "--force", MISSION, "main"]);
        repo.git(&["checkout", "--quiet", "-B", LANE_A, "main"]);
        repo.git(&["rm", "--quiet", "-r", "dir"]);
        repo.write("dir", "a file\n");
        repo.commit_all("File");
        repo.git(&["checkout", "--quiet", "main"]);
    }),
    ("rebase_of_something_else", |repo: &TestRepo| {
        repo.git(&["worktree", "add", "--quiet", "-b", "other", ".worktrees/other"]);
        repo.write(".worktrees/other/x.txt", "x\n");
        let path = repo.git(&[
            "-C",
            ".worktrees/other",
            "rev-parse",
            "--path-format=absolute",
            "--git-path",
            "CHERRY_PICK_HEAD",
        ]);
        fs::copy(repo.root().join(".git/refs/heads/main"), path.trim()).unwrap();
    }),
    ("merged_before", |repo: &TestRepo| {
        repo.git(&["checkout", "--quiet", MISSION]);
        repo.git(&["merge", "--quiet", "--no-edit", LANE_A]);
        repo.git(&["checkout", "--quiet", "main"]);
    }),
    ("a_local_branch_followed", |repo: &TestRepo| {
        repo.git(&["branch", "dev"]);
        repo.git(&["branch", "--quiet", "--set-upstream-to=dev", "main"]);
    }),
];

/// What is odd and does no harm blocks nothing.
#[test]
fn what_is_odd_and_does_no_harm() {
    for &(name, make_it) in HARMLESS {
        eprintln!("{name}");
        let repo = ready();
        make_it(&repo);
        assert_eq!(codes(&repo, &[]), Vec::<String>::new());
    }
}

#[test]
fn every_blocker_is_reported_at_once_and_the_first_is_named() {
    let repo = ready();
    repo.git(&["branch", "-D", MISSION]);
    repo.git(&["branch", "-D", LANE_B]);
    repo.write("shared.txt", "mine\n");
    repo.write(LOG, approved("WP01"));
    let json = dry_run(&repo, &["--json"]).json();
    assert_eq!(
        codes(&repo, &[]),
        ["dirty_worktree", "missing_mission_branch", "missing_lane_branch", "wp_not_approved"]
    );
    assert_eq!(json["expected_branch"], MISSION);
    let tip = repo.git(&["rev-parse", "main"]);
    assert_eq!(json["remediation"], format!("git branch {MISSION} {}", tip.trim()), "from the target's tip");
    assert!(json.get("forecast").is_none() && json.get("plan").is_none());
}

/// The command for a missing branch starts from the target, whatever is checked out, and names are quoted.
#[test]
fn the_branch_of_a_strange_name_comes_from_the_target() {
    let repo = ready();
    let strange = "kitty/it's $(touch pwned)";
    repo.write("kitty-specs/m/lanes.json", LANES.replace(MISSION, strange));
    repo.commit_all("Strange");
    repo.git(&["checkout", "--quiet", "-b", "elsewhere"]);
    repo.git(&["commit", "--quiet", "--allow-empty", "--message", "elsewhere"]);
    let json = dry_run(&repo, &["--json"]).json();
    assert_eq!(json["expected_branch"], strange);
    let command = json["remediation"].as_str().unwrap();
    if command.starts_with("git branch") {
        assert_eq!(shell(&repo, command).code, 0, "{command}");
        assert_eq!(repo.git(&["rev-parse", strange]), repo.git(&["rev-parse", "main"]));
    }
    assert!(!repo.root().join("pwned").exists());
}

#[test]
fn review_files_without_front_matter_are_only_warned_of() {
    let repo = ready();
    repo.write("kitty-specs/m/tasks/WP01-a/review-cycle-1.md", "**Issue 1**: not yet\n");
    repo.write("kitty-specs/m/tasks/WP02-b/review-cycle-1.md", "---\nverdict: rejected\nreview_artifact_override_actor: op\nreview_artifact_override_reason: fine\n---\n");
    // The log says nothing of that review, so the file does.
    repo.write(LOG, approved("WP01") + &step("WP02", "in_review", "approved"));
    repo.commit_all("Reviews");
    let json = dry_run(&repo, &["--json"]).json();
    assert_eq!(
        (&json["ready"], &json["warnings"][0]["code"]),
        (&true.into(), &"review_schema_invalid".into())
    );
    assert_eq!(json["warnings"].as_array().unwrap().len(), 1);
}

/// The review files of real missions are classified, none of them by a crash or a refusal to look.
#[test]
fn review_files_of_real_missions() {
    let Some(folder) = clearance_testkit::corpus() else { return };
    let mut warned = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let directory = entry.unwrap().path();
        let slug = directory.file_name().unwrap().to_str().unwrap().to_owned();
        let repo = TestRepo::new();
        for file in below(&directory).into_iter().filter(|path| path.is_file()) {
            let name = file.strip_prefix(&directory).unwrap().display().to_string();
            let text = fs::read(&file).unwrap();
            repo.write(&format!("kitty-specs/{slug}/{name}"), text);
        }
        let meta: Value = serde_json::from_str(&repo.read(&format!("kitty-specs/{slug}/meta.json"))).unwrap();
        if let Some(branch) = meta["coordination_branch"].as_str() {
            repo.git(&["branch", branch]);
        }
        let checked = run(&repo, &["check", "--stage", "commit", "--mission", &slug, "--json"]);
        let json = checked.json();
        assert!(matches!(checked.code, 0 | 1), "{slug}: {json:#}");
        warned += json["warnings"].as_u64().unwrap();
        assert_eq!(json["blockers"], 0, "all of them were approved in the end: {json:#}");
    }
    assert!(warned >= 4, "files without a verdict are warned of: {warned}");
}
