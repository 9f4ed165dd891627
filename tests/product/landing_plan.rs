//! A merge makes the plan that was shown; work packages that are let through; the number of the mission; what it answers.

use rstest::rstest;
use serde_json::{Value, json};

use crate::landed::{at, by_two, changing_nothing, is_sound, linked, merge, merged, refs, refused, told};
use crate::ready::{Break, LANE_A, LANE_B, MISSION, approved, dry_run, ready};
use crate::support::{LOG, TestRepo, command, run, step, valid};

fn plan(repo: &TestRepo, more: &[&str]) -> String {
    dry_run(repo, &[more, &["--json"]].concat()).json()["plan"]["id"].as_str().unwrap().to_owned()
}

#[test]
fn the_plan_that_was_shown_is_made() {
    let repo = ready();
    let id = plan(&repo, &[]);
    assert_eq!(plan(&repo, &[]), id, "the same question has the same answer");
    // Another strategy, and nonsense, are other plans.
    for (named, more) in
        [(id.as_str(), &["--strategy", "merge"][..]), (&id, &["--keep-branch"]), ("0123456789abcdef", &[])]
    {
        let arguments = [&["--plan", named], more].concat();
        let told = changing_nothing(&repo, || refused(&repo, &arguments, "plan_changed"));
        assert!(told["message"].as_str().unwrap().contains(named), "{told:#}");
    }
    let told = merged(&repo, &["--plan", &id]);
    assert_eq!(told["plan"]["id"], id);
    is_sound(&repo, ".");
}

/// Whatever changes in between that the merge is made of ends it.
#[rstest]
#[case::target(|repo: &TestRepo| drop(repo.git(&["commit", "--quiet", "--allow-empty", "--message", "New"])))]
#[case::lane(|repo: &TestRepo| crate::ready::lane(repo, LANE_B, ("three", "3"), "b.txt"))]
#[case::mission(|repo: &TestRepo| {
    repo.git(&["checkout", "--quiet", MISSION]);
    repo.git(&["commit", "--quiet", "--allow-empty", "--message", "New"]);
    repo.git(&["checkout", "--quiet", "main"]);
})]
fn the_repository_changed_between(#[case] make_it: Break) {
    let repo = ready();
    let id = plan(&repo, &[]);
    make_it(&repo);
    changing_nothing(&repo, || refused(&repo, &["--plan", &id], "plan_changed"));
    let now = plan(&repo, &[]);
    assert_ne!(now, id);
    merged(&repo, &["--plan", &now]);
}

/// What is not merged does not matter.
#[test]
fn another_branch_changes_no_plan() {
    let repo = ready();
    let id = plan(&repo, &[]);
    repo.git(&["branch", "other"]);
    repo.git(&["tag", "v1"]);
    merged(&repo, &["--plan", &id]);
}

/// What blocks a dry run blocks the merge, in the same words, and nothing is changed.
#[rstest]
#[case::edited("dirty_worktree", |repo: &TestRepo| drop(repo.write("shared.txt", "mine\n")))]
#[case::staged("dirty_worktree", |repo: &TestRepo| { repo.write("new.txt", "mine\n"); repo.git(&["add", "new.txt"]); })]
#[case::in_the_way("untracked_obstruction", |repo: &TestRepo| drop(repo.write("a.txt", "mine\n")))]
#[case::ignored_in_the_way("untracked_obstruction", |repo: &TestRepo| { repo.write(".git/info/exclude", "a.txt\n"); repo.write("a.txt", "mine\n"); })]
#[case::conflict("lane_conflict", |repo: &TestRepo| crate::ready::lane(repo, LANE_B, ("one", "EINS"), "b.txt"))]
#[case::no_branch("missing_mission_branch", |repo: &TestRepo| drop(repo.git(&["branch", "-D", MISSION])))]
#[case::not_approved("wp_not_approved", |repo: &TestRepo| { repo.write(LOG, approved("WP01")); repo.commit_all("Log"); })]
#[case::dirty_lane("dirty_lane_worktree", |repo: &TestRepo| { linked(repo, "../lane", LANE_A); repo.write("../lane/x", "mine\n"); })]
#[case::locked("index_locked", |repo: &TestRepo| drop(repo.write(".git/index.lock", "")))]
fn what_blocks_changes_nothing(#[case] code: &str, #[case] make_it: Break) {
    let repo = ready();
    make_it(&repo);
    let shown = dry_run(&repo, &["--json"]).json();
    let told = changing_nothing(&repo, || refused(&repo, &[], code));
    assert_eq!(told, shown);
    assert!(told.get("merged").is_none());
    let (said, asked) = (merge(&repo, &[]), dry_run(&repo, &[]));
    assert_eq!((said.code, said.stdout), (asked.code, asked.stdout));
}

/// A work package that somebody lets through is recorded with his name and his reason, and without an approval.
#[rstest]
#[case::in_review(&step("WP02", "for_review", "in_review"), "in_review")]
#[case::in_progress(&step("WP02", "claimed", "in_progress"), "in_progress")]
#[case::without_an_event("", "genesis")]
fn a_work_package_that_is_let_through(
    #[case] log: &str,
    #[case] lane: &str,
    #[values("squash", "merge", "rebase")] strategy: &str,
) {
    let repo = ready();
    repo.write(LOG, approved("WP01") + log);
    repo.commit_all("Log");
    refused(&repo, &["--strategy", strategy], "wp_not_approved");
    let allow = ["--strategy", strategy, "--allow-unapproved", "WP02", "--reason", " hot fix,\n agreed "];
    let told = merged(&repo, &allow);
    assert_eq!(told["done"][1]["unapproved"], lane, "{told:#}");
    assert_eq!(told["done"][0].get("unapproved"), None);
    let log = repo.read(LOG);
    let event: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&event["wp_id"], &event["from_lane"], &event["to_lane"]),
        (&"WP02".into(), &lane.into(), &"done".into())
    );
    assert_eq!(
        (&event["force"], &event["actor"], &event["evidence"]),
        (&true.into(), &"Tester".into(), &Value::Null)
    );
    assert!(event["reason"].as_str().unwrap().contains("hot fix,\n agreed"), "{event:#}");
    let message =
        self::told(&repo, &["show", "--no-patch", "--format=%(trailers:key=Allowed-unapproved)", "main"]);
    assert_eq!(message, "Allowed-unapproved: WP02 by Tester: hot fix, agreed");
    let board = run(&repo, &["status", "--mission", "m", "--json"]);
    assert_eq!((board.code, &board.json()["work_packages"][1]["lane"]), (0, &"done".into()));
    is_sound(&repo, ".");
}

/// One that is let through needs a reason; one that is approved needs nobody to let it through.
#[test]
fn letting_through_needs_a_reason() {
    let repo = ready();
    for arguments in [
        &["--allow-unapproved", "WP02"][..],
        &["--reason", "x"],
        &["--allow-unapproved", "WP02", "--reason", " "],
        &["--allow-unapproved", "T001", "--reason", "x"],
    ] {
        let told = changing_nothing(&repo, || refused(&repo, arguments, "usage"));
        assert_eq!(told["exit_code"], 2);
    }
    let told = merged(&repo, &["--allow-unapproved", "WP02", "--reason", "to be sure"]);
    assert_eq!(told["done"][1].get("unapproved"), None, "it is approved");
    assert!(!repo.git(&["log", "-1", "--format=%B", "main"]).contains("Allowed"));
}

/// One more than the largest number on the target; what is elsewhere does not count.
#[rstest]
#[case::others(&[("kitty-specs/007-x", 7), ("kitty-specs/y", 12), ("kitty-specs/z", 3)], None, 13)]
#[case::own(&[("kitty-specs/007-x", 7)], Some(4), 4)]
fn the_number_of_the_mission(
    #[case] others: &[(&str, u64)],
    #[case] own: Option<u64>,
    #[case] expected: u64,
) {
    let repo = ready();
    for (directory, number) in others {
        repo.write(&format!("{directory}/meta.json"), format!("{{\"mission_number\": {number}}}\n"));
    }
    if let Some(own) = own {
        repo.write(
            "kitty-specs/m/meta.json",
            format!("{{\"mission_number\": {own}, \"target_branch\": \"main\"}}\n"),
        );
    }
    repo.commit_all("Numbers");
    repo.git(&["checkout", "--quiet", "-b", "elsewhere"]);
    repo.write("kitty-specs/w/meta.json", "{\"mission_number\": 99}\n");
    repo.commit_all("Elsewhere");
    repo.git(&["checkout", "--quiet", "main"]);
    let told = merged(&repo, &[]);
    let meta: Value = serde_json::from_str(&repo.read("kitty-specs/m/meta.json")).unwrap();
    assert_eq!(
        (meta["mission_number"].as_u64(), told["mission_number"].as_u64()),
        (Some(expected), own.is_none().then_some(expected))
    );
    let number = self::told(
        &repo,
        &["show", "--no-patch", "--format=%(trailers:key=Mission-number,valueonly)", "main"],
    );
    assert_eq!(number, if own.is_none() { expected.to_string() } else { String::new() });
}

/// Machines read what the schemas say: of a merge, one that is not cleared, and one that fails.
#[rstest]
fn json_is_as_the_schemas_say(#[values("squash", "merge", "rebase")] strategy: &str) {
    const MERGE: &str = "clearance.merge.v1.json";
    let repo = ready();
    linked(&repo, "../lane", LANE_A);
    repo.write("../lane/x", "");
    valid(
        "clearance.merge-dry-run.v1.json",
        &refused(&repo, &["--strategy", strategy], "dirty_lane_worktree"),
    );
    std::fs::remove_file(repo.outside().join("lane/x")).unwrap();
    valid("clearance.error.v1.json", &refused(&repo, &["--plan", "x"], "plan_changed"));
    valid("clearance.error.v1.json", &refused(&repo, &["--mission", "no"], "usage"));
    for (flag, outcome) in [("--resume", "nothing_to_resume"), ("--abort", "nothing_to_abort")] {
        let told = merge(&repo, &[flag, "--json"]).json();
        valid(MERGE, &told);
        assert_eq!((&told["outcome"], &told["merged"]), (&outcome.into(), &false.into()));
    }
    let told = merged(&repo, &["--strategy", strategy]);
    valid(MERGE, &told);
    for field in [
        "merged",
        "resumed",
        "mission_slug",
        "target_branch",
        "strategy",
        "plan",
        "commit",
        "mission_number",
        "done",
        "refs",
        "work_trees",
        "removed",
        "kept",
        "not_moved",
        "push",
        "exit_code",
    ] {
        assert!(told.get(field).is_some(), "{field}");
    }
    valid(MERGE, &merged(&repo, &["--strategy", strategy]));
    // The report of the same is the same value.
    let other = ready();
    let reported = merge(&other, &["--strategy", strategy, "--report", "json"]).json();
    valid(MERGE, &reported);
}

/// Every failure is one value on standard output, and words on standard error without `--json`.
#[rstest]
#[case::usage(&["--plan", "x", "--dry-run"], "usage", 2)]
#[case::two_ways(&["--resume", "--abort"], "usage", 2)]
#[case::strategy(&["--strategy", "octopus"], "usage", 2)]
#[case::plan(&["--plan", "0000"], "plan_changed", 1)]
#[case::lock(&["--lock-timeout", "no"], "usage", 2)]
fn failures_are_one_value(#[case] arguments: &[&str], #[case] error: &str, #[case] code: i32) {
    let repo = ready();
    let before = refs(&repo);
    let told = refused(&repo, arguments, error);
    assert_eq!(told["exit_code"], code, "{told:#}");
    let words = merge(&repo, arguments);
    assert_eq!((words.code, words.stdout.as_str(), words.stderr.is_empty()), (code, "", false));
    assert_eq!(refs(&repo), before);
}

#[test]
fn quiet_says_nothing() {
    let repo = ready();
    let run = merge(&repo, &["--quiet"]);
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (0, "", ""));
    assert_eq!(at(&repo, "main~1"), at(&repo, "main^"));
}

/// What people read of a merge.
#[rstest]
#[case("squash")]
#[case("merge")]
#[case("rebase")]
fn a_merge_in_words(#[case] strategy: &str) {
    let repo = by_two();
    repo.write(".git/info/exclude", "*.local\n");
    for (place, branch) in [("../one", LANE_A), ("../two", LANE_B)] {
        linked(&repo, place, branch);
    }
    repo.write("../one/my.local", "mine\n");
    repo.git(&["worktree", "lock", "../two"]);
    let run = merge(&repo, &["--strategy", strategy]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let outside = repo.root().parent().unwrap().to_str().unwrap();
    insta::with_settings!({filters => vec![(r"\b[0-9a-f]{40}\b", "COMMIT"), (r"\b[0-9a-f]{12}\b", "SHORT")]}, {
        insta::assert_snapshot!(strategy, run.stdout.replace(outside, "/PLACE"));
    });
}

/// Asked from anywhere in it: below the top, in a lane's work tree, by `--repo`.
#[test]
fn from_below_the_top() {
    let repo = ready();
    let below = repo.root().join("kitty-specs/m/tasks");
    let run = crate::support::Run::of(command(&below).args(["merge", "--json"]));
    assert_eq!((run.code, &run.json()["mission_slug"]), (0, &json!("m")), "{}", run.stderr);
    is_sound(&repo, ".");
    let other = ready();
    let root = other.root().to_str().unwrap();
    let run = crate::support::Run::of(command(other.outside()).args([
        "merge",
        "--mission",
        "m",
        "--json",
        "--repo",
        root,
    ]));
    assert_eq!(run.code, 0, "{}", run.stdout);
    is_sound(&other, ".");
}
