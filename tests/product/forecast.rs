//! The forecast of `merge --dry-run`: what git itself would make of the merge, whatever is checked out.

use std::fs;

use rstest::rstest;
use serde_json::Value;

use crate::ready::{LANE_A, LANE_B, MISSION, codes, dry_run, ready};
use crate::support::run;

/// The forecast is what git itself makes of the same merge.
#[rstest]
#[case("merge")]
#[case("squash")]
#[case("rebase")]
fn the_forecast_is_gits_own_result(#[case] strategy: &str) {
    let repo = ready();
    let tree = dry_run(&repo, &["--strategy", strategy, "--json"]).json()["forecast"]["merged_tree"]
        .as_str()
        .unwrap()
        .to_owned();
    repo.git(&["checkout", "--quiet", "--detach", MISSION]);
    for lane in [LANE_A, LANE_B] {
        repo.git(&["merge", "--quiet", "--no-edit", lane]);
    }
    let lanes = repo.git(&["rev-parse", "HEAD"]).trim().to_owned();
    repo.git(&["checkout", "--quiet", "main"]);
    match strategy {
        "rebase" => repo.git(&["rebase", "--quiet", "main", &lanes]),
        _ => repo.git(&["merge", "--quiet", "--no-edit", &lanes]),
    };
    assert_eq!(repo.git(&["rev-parse", "HEAD^{tree}"]).trim(), tree);
}

/// A conflict of no single file is a conflict all the same.
#[test]
fn a_directory_that_was_split_is_a_conflict() {
    let repo = ready();
    for nth in 1..=6 {
        repo.write(&format!("x/f{nth}"), format!("{nth}\n").repeat(20));
    }
    repo.commit_all("Directory");
    repo.git(&["branch", "--force", MISSION, "main"]);
    repo.git(&["checkout", "--quiet", "-B", LANE_A, "main"]);
    repo.write("x/n7", "new\n");
    repo.write("x/n8", "new\n");
    repo.commit_all("Lane");
    repo.git(&["checkout", "--quiet", "-B", LANE_B, "main"]);
    repo.write("b.txt", "new\n");
    repo.commit_all("Lane");
    repo.git(&["checkout", "--quiet", "main"]);
    fs::create_dir(repo.root().join("y")).unwrap();
    fs::create_dir(repo.root().join("z")).unwrap();
    for (nth, to) in [(1, "y"), (2, "y"), (3, "y"), (4, "z"), (5, "z"), (6, "z")] {
        repo.git(&["mv", &format!("x/f{nth}"), &format!("{to}/f{nth}")]);
    }
    repo.commit_all("Split");
    let found = codes(&repo, &[]);
    assert!(found.contains(&"target_conflict".to_owned()), "{found:?}");
}

/// Attributes are the target's, whatever is checked out where the question is asked.
#[test]
fn attributes_are_those_of_the_target() {
    let repo = ready();
    repo.write("shared.txt", repo.read("shared.txt").replace("one", "eins"));
    repo.commit_all("Target");
    repo.git(&["checkout", "--quiet", "-b", "union"]);
    repo.write(".gitattributes", "shared.txt merge=union\n");
    repo.commit_all("Attributes");
    assert_eq!(codes(&repo, &[]), ["target_conflict"]);
}

/// Commit by commit is not the same as all at once: here a commit conflicts that a later one takes back.
#[test]
fn each_strategy_is_forecast_by_its_own_way() {
    let repo = ready();
    repo.git(&["checkout", "--quiet", "-B", LANE_B, "main"]);
    for text in ["vier", "four"] {
        let now = repo.read("shared.txt");
        repo.write("shared.txt", now.replace(if text == "vier" { "four" } else { "vier" }, text));
        repo.commit_all(text);
    }
    repo.git(&["checkout", "--quiet", "main"]);
    repo.write("shared.txt", repo.read("shared.txt").replace("four", "quatre"));
    repo.commit_all("Target");
    assert_eq!(codes(&repo, &[]), Vec::<String>::new());
    assert_eq!(codes(&repo, &["--strategy", "rebase"]), ["target_conflict"]);
}

/// Without the mission branch nothing was merged for the forecast: that is no "no conflict".
#[test]
fn a_forecast_that_could_not_be_asked_waits() {
    let repo = ready();
    repo.git(&["branch", "-D", MISSION]);
    let checks = run(&repo, &["check", "--mission", "m", "--json"]).json()["checks"].clone();
    let forecast =
        checks.as_array().unwrap().iter().find(|check| check["id"] == "conflict-forecast").unwrap();
    assert_eq!((&forecast["verdict"], &forecast["waits_for"]), (&Value::Null, &"mission-branch".into()));
}
