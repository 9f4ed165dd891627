//! The gate: `check` and `merge --dry-run` on real repositories. Its verdicts and its three forms; nothing is changed by
//! asking.

use std::fs;

use clearance_engine::check::Stage;
use rstest::rstest;
use serde_json::Value;

use crate::ready::{LANE_A, MISSION, Made, approved, codes, dry_run, ready, shell};
use crate::support::{LOG, Run, TestRepo, command, everything, run, valid};

#[test]
fn a_mission_that_is_ready() {
    let repo = ready();
    let shown = dry_run(&repo, &["--json"]);
    assert_eq!((shown.code, shown.stderr.as_str()), (0, ""), "{}", shown.stdout);
    let json = shown.json();
    assert_eq!(
        (&json["ready"], &json["mission_slug"], &json["target_branch"]),
        (&true.into(), &"m".into(), &"main".into())
    );
    assert_eq!(
        (&json["strategy"], &json["mission_branch"], &json["push"]),
        (&"squash".into(), &MISSION.into(), &false.into())
    );
    assert_eq!((&json["delete_branch"], &json["remove_worktree"]), (&true.into(), &true.into()));
    assert_eq!(json["would_assign_mission_number"], 1);
    let lanes: Vec<_> =
        json["lanes"].as_array().unwrap().iter().map(|lane| lane["lane_id"].as_str().unwrap()).collect();
    assert_eq!(lanes, ["lane-a", "lane-b"], "a lane comes after those it depends on");
    let changes: Vec<_> = json["forecast"]["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["path"].as_str().unwrap())
        .collect();
    let own = ["meta.json", "status.events.jsonl", "status.json"].map(|file| format!("kitty-specs/m/{file}"));
    let own = own.each_ref().map(String::as_str);
    assert_eq!(changes, [&["a.txt", "b.txt"], &own[..], &["shared.txt"]].concat());
    assert_eq!(
        json["plan"]["id"],
        dry_run(&repo, &["--json"]).json()["plan"]["id"],
        "the same plan has the same id"
    );
    let people = dry_run(&repo, &[]);
    assert!(
        people.stdout.ends_with("cleared: 11 checks of m found nothing in the way\n"),
        "{}",
        people.stdout
    );
}

/// The strategy that a repository is used to, unless another one is named.
#[test]
fn the_strategy_of_the_repository() {
    let repo = ready();
    repo.write(".kittify/config.yaml", "merge:\n  strategy: rebase\n");
    repo.commit_all("Settings");
    assert_eq!(dry_run(&repo, &["--json"]).json()["strategy"], "rebase");
    assert_eq!(dry_run(&repo, &["--json", "--strategy", "merge"]).json()["strategy"], "merge");
    repo.write(".kittify/config.yaml", "merge:\n  strategy: theirs\n");
    repo.commit_all("No settings");
    let refused = dry_run(&repo, &["--json"]);
    assert_eq!((refused.code, refused.json()["line"].as_u64()), (2, Some(2)), "{}", refused.stdout);
}

/// A branch that work comes to another way is not merged into; a mission does not unprotect it.
#[test]
fn a_protected_target() {
    let repo = ready();
    repo.write(".kittify/config.yaml", "merge:\n  protected_branches: [\"release/*\", main]\n");
    repo.commit_all("Settings");
    repo.git(&["checkout", "--quiet", "-b", "other"]);
    repo.write(".kittify/config.yaml", "merge: {}\n");
    repo.commit_all("No settings");
    assert_eq!(codes(&repo, &[]), ["target_protected"]);
    let json = dry_run(&repo, &["--json"]).json();
    let command = json["blockers"][0]["remediation"].as_str().unwrap();
    let (make, merge) = command.split_once(" && clearance ").unwrap();
    assert_eq!(shell(&repo, make).code, 0);
    let merge: Vec<_> = merge.split(' ').chain(["--json"]).collect();
    let merged = run(&repo, &merge);
    assert_eq!((merged.code, &merged.json()["target_branch"]), (0, &"merge/m".into()), "{}", merged.stdout);
}

#[test]
fn asking_changes_nothing_at_all() {
    let repo = ready();
    repo.git(&["worktree", "add", "--quiet", ".worktrees/m-lane-a", LANE_A]);
    repo.write("shared.txt", "dirty\n");
    let before = everything(repo.root());
    for arguments in [
        &["merge", "--dry-run", "--mission", "m"][..],
        &["merge", "--dry-run", "--mission", "m", "--json", "--push"],
        &["merge", "--dry-run", "--mission", "m", "--strategy", "rebase"],
        &["check", "--mission", "m"],
        &["check", "--mission", "m", "--stage", "commit"],
    ] {
        run(&repo, arguments);
        assert!(everything(repo.root()) == before, "{arguments:?} changed something");
    }
}

#[test]
fn a_repository_without_missions_is_asked_about_itself() {
    let repo = TestRepo::new();
    let cleared = run(&repo, &["check", "--json"]);
    let json = cleared.json();
    assert_eq!((cleared.code, &json["verdict"]), (0, &"cleared".into()), "{json:#}");
    let applicable =
        json["checks"].as_array().unwrap().iter().filter(|check| check["applicable"] == true).count();
    assert_eq!(applicable, 2, "the others are listed as not applicable");
    let nothing = run(&repo, &["check", "--stage", "mark-status", "--json"]);
    assert_eq!((nothing.code, &nothing.json()["verdict"]), (4, &Value::Null));
    assert!(run(&repo, &["check", "--stage", "mark-status"]).stdout.starts_with("nothing was evaluated"));
}

/// One list: whoever asks about a merge gets the answers of the same checks, and of all that there are.
#[test]
fn a_merge_has_one_list_of_checks() {
    let repo = ready();
    let ids = |asked: Run| -> Vec<String> {
        let checks = asked.json()["checks"].as_array().unwrap().clone();
        checks.iter().map(|check| check["id"].as_str().unwrap().to_owned()).collect()
    };
    let registry = clearance::registry().unwrap();
    let gates_merges =
        |entry: &&&clearance_engine::registry::CheckEntry| entry.check.meta().stages.contains(&Stage::Merge);
    let registered: Vec<_> =
        registry.checks().iter().filter(gates_merges).map(|entry| entry.id.to_owned()).collect();
    assert_eq!(registered.len(), 11);
    assert_eq!(ids(run(&repo, &["check", "--stage", "merge", "--mission", "m", "--json"])), registered);
    assert_eq!(ids(dry_run(&repo, &["--report", "json"])), registered);
    assert_eq!(ids(dry_run(&repo, &["--report", "json", "--fail-fast"])), registered);
}

/// A check that could not look is no pass.
#[test]
fn what_cannot_be_computed_is_undecided() {
    let repo = ready();
    // An object that the forecast needs is gone.
    let tree = repo.git(&["rev-parse", &format!("{LANE_A}^{{tree}}")]).trim().to_owned();
    fs::remove_file(repo.root().join(format!(".git/objects/{}/{}", &tree[..2], &tree[2..]))).unwrap();
    let run = dry_run(&repo, &["--json"]);
    let json = run.json();
    assert_eq!((run.code, &json["ready"]), (3, &false.into()), "{json:#}");
    let undecided: Vec<_> = json["undecided"]
        .as_array()
        .unwrap()
        .iter()
        .map(|failed| failed["check"].as_str().unwrap())
        .collect();
    assert!(undecided.contains(&"conflict-forecast"), "{undecided:?}");
    assert!(dry_run(&repo, &[]).stdout.contains("undecided: "));
}

#[rstest]
#[case::unknown_mission(&["merge", "--dry-run", "--mission", "nope"], 2, "mission_not_found")]
#[case::traversal(&["merge", "--dry-run", "--mission", "../m"], 2, "mission_handle_invalid")]
#[case::check_unknown(&["check", "--mission", "nope"], 2, "mission_not_found")]
#[case::no_reason(&["merge", "--mission", "m", "--allow-unapproved", "WP01"], 2, "usage")]
#[case::another_plan(&["merge", "--mission", "m", "--plan", "0123456789abcdef"], 1, "plan_changed")]
#[case::bad_strategy(&["merge", "--dry-run", "--mission", "m", "--strategy", "theirs"], 2, "usage")]
#[case::bad_stage(&["check", "--stage", "release"], 2, "usage")]
fn bad_questions_are_one_value(#[case] arguments: &[&str], #[case] code: i32, #[case] error: &str) {
    let repo = ready();
    let asked = run(&repo, &[arguments, &["--json"]].concat());
    assert_eq!((asked.code, asked.json()["error"].as_str()), (code, Some(error)), "{}", asked.stdout);
}

#[test]
fn an_empty_repository_and_a_lane_worktree_are_answered() {
    let repo = ready();
    repo.git(&["worktree", "add", "--quiet", ".worktrees/m-lane-a", LANE_A]);
    let lane = repo.root().join(".worktrees/m-lane-a");
    let asked = Run::of(command(&lane).args(["merge", "--dry-run", "--json"]));
    assert_eq!((asked.code, &asked.json()["mission_slug"]), (0, &"m".into()), "{}", asked.stdout);
    let empty = TestRepo::new();
    empty.git(&["checkout", "--quiet", "--orphan", "unborn"]);
    empty.git(&["branch", "-D", "work"]);
    empty.write("kitty-specs/m/meta.json", "{}");
    let found = codes(&empty, &[]);
    assert!(
        found.contains(&"target_branch_missing".to_owned())
            && found.contains(&"missing_mission_branch".to_owned()),
        "{found:?}"
    );
}

/// What people read, in three forms; a pipe gets the plain one.
#[rstest]
#[case("plain")]
#[case("fancy")]
#[case("narrated")]
fn findings_in_words(#[case] form: &str) {
    let repo = ready();
    repo.git(&["branch", "-D", MISSION]);
    repo.write(LOG, approved("WP01"));
    repo.commit_all("Log");
    let shown = dry_run(&repo, &["--report", form]);
    assert_eq!(shown.code, 1);
    let tip = repo.git(&["rev-parse", "main"]);
    let text = shown.stdout.replace(tip.trim(), "TIP");
    insta::assert_snapshot!(form, text);
    assert_eq!(dry_run(&repo, &[]).stdout == shown.stdout, form == "plain");
}

#[test]
fn a_broken_branch_hides_nothing_else() {
    let repo = ready();
    repo.write("shared.txt", "mine\n");
    let tip = repo.git(&["rev-parse", LANE_A]).trim().to_owned();
    fs::remove_file(repo.root().join(format!(".git/objects/{}/{}", &tip[..2], &tip[2..]))).unwrap();
    let asked = dry_run(&repo, &["--json"]);
    let json = asked.json();
    assert_eq!(asked.code, 3, "{json:#}");
    assert!(json["blockers"].to_string().contains("dirty_worktree"), "{json:#}");
    assert!(!json["undecided"].as_array().unwrap().is_empty());
}

#[test]
fn a_colon_in_the_path_of_the_repository() {
    let repo = ready();
    let odd = repo.outside().join("a:b");
    fs::rename(repo.root(), &odd).unwrap();
    let asked = Run::of(command(&odd).args(["merge", "--dry-run", "--mission", "m"]));
    fs::rename(&odd, repo.root()).unwrap();
    assert_eq!(asked.code, 0, "{}", asked.stdout);
}

/// One of each kind of answer.
pub(crate) const ANSWERS: &[Made] = &[
    ("ready", |_: &TestRepo| {}),
    ("blocked", |repo: &TestRepo| {
        repo.git(&["branch", "-D", MISSION]);
        repo.write("shared.txt", "mine\n");
    }),
    ("warned", |repo: &TestRepo| {
        repo.write("kitty-specs/m/tasks/WP01-a/review-cycle-1.md", "no front matter\n");
        repo.commit_all("Review");
    }),
    ("undecided", |repo: &TestRepo| {
        let tip = repo.git(&["rev-parse", LANE_A]).trim().to_owned();
        fs::remove_file(repo.root().join(format!(".git/objects/{}/{}", &tip[..2], &tip[2..]))).unwrap();
    }),
];

/// Machines read what the schemas say, on every path that has a verdict.
#[test]
fn json_is_as_the_schemas_say() {
    for &(name, make_it) in ANSWERS {
        eprintln!("{name}");
        let repo = ready();
        make_it(&repo);
        valid("clearance.merge-dry-run.v1.json", &dry_run(&repo, &["--json"]).json());
        valid("clearance.check.v1.json", &run(&repo, &["check", "--mission", "m", "--json"]).json());
        valid("clearance.check.v1.json", &dry_run(&repo, &["--report", "json"]).json());
        valid(
            "clearance.check.v1.json",
            &run(&TestRepo::new(), &["check", "--stage", "mark-status", "--json"]).json(),
        );
    }
}
