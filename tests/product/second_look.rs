//! What once looked ready and was not: every case here was called ready.

use std::fs;
use std::os::unix::fs::symlink;

use rstest::rstest;

use crate::ready::{
    Broken, LANE_A, LANE_B, LANES, MISSION, Made, approved, codes, done, dry_run, ready, shell,
};
use crate::support::{LOG, Run, TestRepo, run, step};

/// Changes of [`with_links`] that git was told not to look at.
pub(crate) const HIDDEN: &[Made] = &[
    ("a_link_that_leads_elsewhere", |repo: &TestRepo| {
        told(repo, "--assume-unchanged", "link");
        fs::remove_file(repo.root().join("link")).unwrap();
        symlink("elsewhere", repo.root().join("link")).unwrap();
    }),
    ("a_link_that_is_a_file_now", |repo: &TestRepo| {
        told(repo, "--skip-worktree", "link");
        fs::remove_file(repo.root().join("link")).unwrap();
        repo.write("link", "mine\n");
    }),
    ("a_file_that_may_be_run_now", |repo: &TestRepo| {
        told(repo, "--assume-unchanged", "shared.txt");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(repo.root().join("shared.txt"), mode).unwrap();
    }),
    ("a_file_that_is_a_directory_now", |repo: &TestRepo| {
        told(repo, "--skip-worktree", "shared.txt");
        fs::remove_file(repo.root().join("shared.txt")).unwrap();
        repo.write("shared.txt/mine", "mine\n");
    }),
    ("a_file_that_is_a_link_now", |repo: &TestRepo| {
        told(repo, "--skip-worktree", "shared.txt");
        fs::rename(repo.root().join("shared.txt"), repo.root().join("moved")).unwrap();
        symlink("moved", repo.root().join("shared.txt")).unwrap();
    }),
    ("a_directory_that_is_a_file_now", |repo: &TestRepo| {
        told(repo, "--skip-worktree", "dir/file");
        fs::remove_dir_all(repo.root().join("dir")).unwrap();
        repo.write("dir", "mine\n");
    }),
];

/// A mission that is ready, with a link and a directory.
pub(crate) fn with_links() -> TestRepo {
    let repo = ready();
    symlink("shared.txt", repo.root().join("link")).unwrap();
    repo.write("dir/file", "x\n");
    repo.commit_all("Link");
    repo
}

/// Git was told not to look at these; each of them makes a merge abort.
#[test]
fn changes_that_git_was_told_not_to_see() {
    for &(name, change) in HIDDEN {
        eprintln!("{name}");
        let repo = with_links();
        change(&repo);
        assert_eq!(codes(&repo, &[]), ["hidden_change"]);
        let json = dry_run(&repo, &["--json"]).json();
        let command = json["remediation"].as_str().unwrap();
        assert_eq!(shell(&repo, command).code, 0, "{command}");
        assert_eq!(codes(&repo, &[]), ["dirty_worktree"], "after {command}");
    }
}

fn told(repo: &TestRepo, how: &str, path: &str) {
    repo.git(&["update-index", how, "--", path]);
}

#[rstest]
#[case("--assume-unchanged")]
#[case("--skip-worktree")]
fn what_git_does_not_look_at_and_is_as_it_was(#[case] how: &str) {
    let repo = ready();
    symlink("shared.txt", repo.root().join("link")).unwrap();
    repo.write("run.sh", "true\n");
    fs::set_permissions(repo.root().join("run.sh"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    repo.commit_all("Link");
    told(&repo, how, "link");
    told(&repo, how, "run.sh");
    told(&repo, how, "shared.txt");
    fs::remove_file(repo.root().join("shared.txt")).unwrap();
    assert_eq!(codes(&repo, &[]), Vec::<String>::new());
    repo.git(&["config", "core.fileMode", "false"]);
    fs::set_permissions(repo.root().join("run.sh"), std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .unwrap();
    assert_eq!(codes(&repo, &[]), Vec::<String>::new(), "modes do not count here");
}

/// Work that no review was asked for would merge.
#[rstest]
#[case(r#"["WP-02", "bogus"]"#, &["lane-b has \"WP-02\"", "lane-b has \"bogus\""])]
#[case(r#"["WP01", ""]"#, &["lane-b has \"\""])]
#[case("[]", &["lane-b names no work package"])]
fn lanes_whose_work_packages_are_none(#[case] ids: &str, #[case] said: &[&str]) {
    let repo = ready();
    repo.write("kitty-specs/m/lanes.json", LANES.replace(r#"["WP02"]"#, ids));
    repo.commit_all("Lanes");
    let json = dry_run(&repo, &["--json"]).json();
    let found: Vec<_> = json["blockers"].as_array().unwrap().iter().collect();
    assert_eq!(found.len(), said.len(), "{json:#}");
    for (found, said) in found.iter().zip(said) {
        let message = found["message"].as_str().unwrap();
        assert!(found["code"] == "lanes_invalid" && message.contains(said), "{message}");
    }
}

#[test]
fn lanes_without_work_packages_that_hold_nothing() {
    let repo = ready();
    let planning = r#"{"lane_id": "lane-planning", "wp_ids": []}, {"lane_id": "lane-c", "wp_ids": []}]"#;
    repo.write("kitty-specs/m/lanes.json", LANES.replace("\n]", &format!(", {planning}")));
    repo.commit_all("Lanes");
    repo.git(&["branch", "kitty/mission-m-lane-c", "main"]);
    assert_eq!(codes(&repo, &[]), Vec::<String>::new());
}

/// No real manifest of lanes is taken for a broken one.
#[test]
fn lanes_of_real_missions() {
    let Some(folder) = clearance_testkit::corpus() else { return };
    for entry in fs::read_dir(folder).unwrap() {
        let directory = entry.unwrap().path();
        let slug = directory.file_name().unwrap().to_str().unwrap().to_owned();
        let repo = TestRepo::new();
        for file in ["meta.json", "lanes.json"].iter().filter(|file| directory.join(file).exists()) {
            repo.write(&format!("kitty-specs/{slug}/{file}"), fs::read(directory.join(file)).unwrap());
        }
        let said = run(&repo, &["check", "--stage", "mark-status", "--mission", &slug, "--json"]).stdout;
        assert!(!said.contains("lanes_invalid"), "{said}");
    }
}

/// Reviews of a work package whose approval the log does not tell more of.
pub(crate) const REVIEWS: &[Broken] = &[
    ("a_time_for_a_number", "review_rejected", |repo: &TestRepo| {
        review(repo, "WP02-b/review-cycle-3.md", "---\nverdict: approved\n---\n");
        review(repo, "WP02-b/review-cycle-20260101120000.md", "---\nverdict: rejected\n---\n");
    }),
    ("more_digits_than_any_number_has", "review_rejected", |repo: &TestRepo| {
        review(repo, "WP02-b/review-cycle-20260101120000.md", "---\nverdict: approved\n---\n");
        review(repo, &format!("WP02-b/review-cycle-{}.md", "9".repeat(60)), "---\nverdict: rejected\n---\n");
    }),
    ("a_link_to_a_directory", "review_rejected", |repo: &TestRepo| {
        repo.write("reviews/review-cycle-1.md", "---\nverdict: rejected\n---\n");
        symlink("../../../reviews", repo.root().join("kitty-specs/m/tasks/WP02-b")).unwrap();
    }),
    ("a_link_that_leads_out", "review_schema_invalid", |repo: &TestRepo| {
        clearance_testkit::write(
            repo.outside(),
            "reviews/review-cycle-1.md",
            "---\nverdict: rejected\n---\n",
        );
        symlink("../../../../reviews", repo.root().join("kitty-specs/m/tasks/WP02-b")).unwrap();
    }),
    ("a_byte_order_mark", "review_rejected", |repo: &TestRepo| {
        review(repo, "WP02-b/review-cycle-1.md", "\u{feff}---\nverdict: rejected\n---\n");
    }),
    ("blank_lines", "review_rejected", |repo: &TestRepo| {
        review(repo, "WP02-b/review-cycle-1.md", "\n \r\n---\r\nverdict: rejected\r\n---\r\n");
    }),
    ("capitals", "review_schema_invalid", |repo: &TestRepo| {
        review(repo, "WP02-b/review-cycle-1.md", "---\nVerdict: rejected\n---\n");
    }),
    ("a_list", "review_schema_invalid", |repo: &TestRepo| {
        review(repo, "WP02-b/review-cycle-1.md", "---\nverdict: [rejected]\n---\n");
    }),
    ("a_list_below", "review_schema_invalid", |repo: &TestRepo| {
        review(repo, "WP02-b/review-cycle-1.md", "---\nverdict:\n- rejected\n---\n");
    }),
    ("below_another", "review_schema_invalid", |repo: &TestRepo| {
        review(repo, "WP02-b/review-cycle-1.md", "---\nreview:\n  verdict: rejected\n---\n");
    }),
];

/// What a reviewer wrote is read, wherever it is; what is not understood is no approval.
#[test]
fn reviews_in_other_spellings() {
    for &(name, code, review) in REVIEWS {
        eprintln!("{name}");
        let repo = ready();
        repo.write(LOG, approved("WP01") + &step("WP02", "in_review", "approved"));
        review(&repo);
        repo.commit_all("Review");
        assert_eq!(codes(&repo, &[]), [code]);
        // The log knows better.
        repo.write(LOG, approved("WP01") + &approved("WP02"));
        repo.commit_all("Approved");
        assert_eq!(codes(&repo, &[]), Vec::<String>::new());
    }
}

pub(crate) fn review(repo: &TestRepo, file: &str, text: &str) {
    repo.write(&format!("kitty-specs/m/tasks/{file}"), text);
}

#[rstest]
#[case("---\n---\nverdict: rejected, some say\n")]
#[case("---\nverdict:\nother: x\n---\n")]
#[case("---\nverdict: # to come\n---\n")]
fn reviews_without_a_verdict(#[case] text: &str) {
    let repo = ready();
    repo.write(LOG, approved("WP01") + &step("WP02", "in_review", "approved"));
    review(&repo, "WP02-b/review-cycle-1.md", text);
    repo.commit_all("Review");
    let json = dry_run(&repo, &["--json"]).json();
    assert_eq!(
        (&json["ready"], &json["warnings"][0]["code"]),
        (&true.into(), &"review_schema_invalid".into()),
        "{json:#}"
    );
}

/// Without missions nothing is known of what will be merged; what is not committed is in the way of anything.
#[test]
fn a_repository_without_missions() {
    let repo = TestRepo::new();
    repo.write("f.txt", "one\n");
    repo.commit_all("File");
    let asked = |stage: &str| run(&repo, &["check", "--stage", stage, "--json"]);
    assert_eq!(asked("merge").code, 0);
    repo.write("new.txt", "one\n");
    assert_eq!(asked("merge").code, 0, "a new file is in nobody's way");
    repo.write("f.txt", "two\n");
    let (merge, commit) = (asked("merge"), asked("commit"));
    assert_eq!((merge.code, commit.code), (1, 0), "{}", merge.stdout);
    let json = merge.json();
    let found = json["checks"].as_array().unwrap().iter().find(|check| check["verdict"] == "blocked");
    let found = found.unwrap()["findings"][0].clone();
    assert_eq!(found["code"], "dirty_worktree", "{found:#}");
    assert_eq!(shell(&repo, found["remediation"].as_str().unwrap()).code, 0);
    assert_eq!(asked("merge").code, 0);
    repo.git(&["worktree", "add", "--quiet", "../linked"]);
    repo.write("../linked/f.txt", "three\n");
    assert_eq!(asked("merge").code, 0, "that of somebody else");
    let mut there = crate::support::command(&repo.root().with_file_name("linked"));
    assert_eq!(Run::of(there.args(["check"])).code, 1);
}

/// What is not committed on a disk that is not there cannot be seen.
#[rstest]
#[case::locked("../away", &["worktree", "lock", "../away"], "worktree list --porcelain")]
#[case::only_gone("../away", &["status"], "worktree list --porcelain")]
#[case::in_its_place(".worktrees/m-lane-a", &["worktree", "lock", ".worktrees/m-lane-a"], "worktree list --porcelain")]
fn a_work_tree_that_cannot_be_reached(#[case] place: &str, #[case] lock: &[&str], #[case] command: &str) {
    let repo = ready();
    repo.git(&["worktree", "add", "--quiet", place, LANE_A]);
    repo.write(&format!("{place}/work.txt"), "mine\n");
    assert_eq!(codes(&repo, &[]), ["dirty_lane_worktree"]);
    repo.git(lock);
    fs::rename(repo.root().join(place), repo.outside().join("unmounted")).unwrap();
    let json = dry_run(&repo, &["--json"]).json();
    let warned = &json["warnings"][0];
    assert_eq!(warned["code"], "lane_worktree_unreachable", "{json:#}");
    let remedy = warned["remediation"].as_str().unwrap();
    assert!(remedy.starts_with("git -C /") && remedy.ends_with(command), "{remedy}");
    assert_eq!(shell(&repo, remedy).code, 0);
    // Forgetting it is for a person to decide: one that was only moved could not be brought back.
    let named = warned["message"].as_str().unwrap().contains("worktree repair");
    assert_eq!(named, lock == ["status"], "{json:#}");
}

/// The files of a branch that moves could not be brought along.
#[rstest]
#[case::target("main")]
#[case::mission(MISSION)]
fn a_branch_that_moves_in_a_work_tree_that_cannot_be_reached(#[case] branch: &str) {
    let repo = ready();
    repo.git(&["checkout", "--quiet", "-b", "other"]);
    repo.git(&["worktree", "add", "--quiet", "../away", branch]);
    fs::rename(repo.root().with_file_name("away"), repo.outside().join("unmounted")).unwrap();
    assert_eq!(codes(&repo, &[]), ["lane_worktree_unreachable"]);
    let merged = run(&repo, &["merge", "--mission", "m"]);
    assert_eq!(merged.code, 1, "{}", merged.stdout);
    done(&repo, "mv ../unmounted ../away");
    assert_eq!(codes(&repo, &[]), Vec::<String>::new());
}

#[test]
fn a_work_tree_of_something_else_that_cannot_be_reached() {
    let repo = ready();
    repo.git(&["worktree", "add", "--quiet", "-b", "other", "../away"]);
    fs::remove_dir_all(repo.root().with_file_name("away")).unwrap();
    let json = dry_run(&repo, &["--json"]).json();
    assert_eq!(json["warnings"].as_array().map(Vec::len), Some(0), "{json:#}");
}

/// A blank name is no other repository; a real one is said aloud.
#[rstest]
#[case("\"\"", "missing_lane_branch")]
#[case("\" \"", "missing_lane_branch")]
#[case("\"other\"", "lane_elsewhere")]
fn lanes_of_other_repositories(#[case] repository: &str, #[case] code: &str) {
    let repo = ready();
    let with = format!(r#""lane_id": "lane-b", "target_repository": {repository}"#);
    repo.write("kitty-specs/m/lanes.json", LANES.replace(r#""lane_id": "lane-b""#, &with));
    repo.commit_all("Lanes");
    repo.git(&["branch", "-D", LANE_B]);
    let json = dry_run(&repo, &["--json"]).json();
    let found = if code == "lane_elsewhere" { &json["warnings"] } else { &json["blockers"] };
    assert_eq!(found[0]["code"], code, "{json:#}");
}
