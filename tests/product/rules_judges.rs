//! Nobody chooses the judge: whose rules count, and what is trusted, hangs on nothing that a change brings itself. Each of
//! these was a way to be cleared.
#![cfg(unix)]

use rstest::rstest;

use crate::ready::{MISSION, ready};
use crate::rules_support::{blocking, commit_on, found, of, passing, ready_with, rule, staged, write_all};
use crate::rules_trust::{Scene, exec};
use crate::support::{Run, TestRepo, command, run};

/// A rule that finds `BAD` in what is added.
fn no_bad() -> String {
    rule(
        "no-bad",
        "check: { scan: { files: '**', lines: added, forbid: BAD } }\nmessage: m\nremediation: r\n",
    )
}

/// A repository whose branch `feat` adds what the rule on the main line forbids, and weakens that rule.
fn weakened(main_line: &str) -> TestRepo {
    let repo = staged(&[("rules.d/r.yaml", &no_bad())]);
    repo.git(&["branch", "--move", main_line]);
    repo.commit_all("Rules");
    repo.git(&["checkout", "--quiet", "-b", "feat"]);
    repo.git(&["rm", "--quiet", "rules.d/r.yaml"]);
    repo.write("b.txt", "BAD\n");
    repo.commit_all("Feature");
    repo
}

/// Where a CI has fetched what it needs and no more.
#[rstest]
#[case::detached(&["checkout --quiet --detach origin/feat", "branch --quiet -D main"], 1)]
#[case::no_head_of_origin(&["checkout --quiet -B feat origin/feat", "branch --quiet -D main", "remote set-head origin --delete"], 1)]
#[case::no_main_line(&["checkout --quiet -B feat origin/feat", "branch --quiet -D main", "remote set-head origin --delete", "update-ref -d refs/remotes/origin/main"], 0)]
fn a_clone_is_judged_by_the_main_line(#[case] steps: &[&str], #[case] count: usize) {
    let repo = weakened("main");
    repo.git(&["checkout", "--quiet", "main"]);
    let clone = repo.outside().join("clone");
    repo.git(&["clone", "--quiet", ".", clone.to_str().unwrap()]);
    for step in steps {
        repo.git(&[&["-C", clone.to_str().unwrap()], &step.split(' ').collect::<Vec<_>>()[..]].concat());
    }
    let asked = Run::of(command(&clone).env("CI", "1").args(["check", "--json"]));
    // Without a main line there is no rule on any branch that is known, so there is none to miss.
    assert_eq!(found(&asked, "no-bad").len(), count, "{:#}", asked.json());
}

/// A main line of another name is not known; it can be told.
#[test]
fn what_is_checked_out_is_not_its_own_judge() {
    let repo = weakened("trunk");
    let codes = |arguments: &[&str]| run(&repo, &[&["check", "--json"], arguments].concat()).code;
    assert_eq!((codes(&[]), codes(&["--target", "trunk"]), codes(&["--target", "nosuch"])), (3, 1, 3));
}

/// Rules that nobody would read are no reason to ask for none, where it is not known whose count.
#[test]
fn a_directory_in_other_letters_is_not_nothing() {
    let repo = staged(&[("Rules.d/r.yaml", &no_bad())]);
    repo.git(&["branch", "--move", "trunk"]);
    repo.commit_all("Rules");
    repo.git(&["checkout", "--quiet", "-b", "feat"]);
    let asked = run(&repo, &["check", "--json"]);
    assert_eq!(asked.code, 3, "{:#}", asked.json());
    let told = of(&asked, "rules")["unanswered"][0]["message"].as_str().unwrap().to_owned();
    assert!(told.starts_with("it is not known whose rules count"), "{told}");
}

/// What a branch brings is not nothing because nobody knows where it began.
#[test]
fn a_branch_without_a_common_past_is_undecided() {
    let repo = weakened("main");
    repo.git(&["checkout", "--quiet", "--orphan", "alone"]);
    repo.commit_all("Alone");
    let asked = run(&repo, &["check", "--json"]);
    assert_eq!(
        (asked.code, &of(&asked, "no-bad")["verdict"]),
        (3, &"undecided".into()),
        "{:#}",
        asked.json()
    );
}

/// A mission that sends itself to a branch with rules of its own.
#[test]
fn a_mission_does_not_choose_its_target_against_the_main_line() {
    let repo = ready_with(&[("rules.d/r.yaml", &blocking())]);
    repo.git(&["branch", "lax"]);
    commit_on(&repo, "lax", &[("rules.d/r.yaml", &passing("always-fails"))]);
    let meta = repo.read("kitty-specs/m/meta.json");
    let ask = |more: &[&str]| run(&repo, &[&["check", "--mission", "m", "--json"], more].concat());
    assert_eq!(found(&ask(&[]), "always-fails"), ["* always-fails"]);
    let mut json: serde_json::Value = serde_json::from_str(&meta).unwrap();
    json["target_branch"] = "lax".into();
    commit_on(&repo, MISSION, &[("kitty-specs/m/meta.json", &json.to_string())]);
    repo.git(&["checkout", "--quiet", MISSION]);
    let told = ask(&[]);
    assert_eq!((told.code, &of(&told, "rules")["verdict"]), (3, &"undecided".into()), "{:#}", told.json());
    assert_eq!(found(&ask(&["--target", "main"]), "always-fails"), ["* always-fails"]);
}

/// However a command names a file, a change of that file is a change of what was trusted.
#[rstest]
#[case::link("tools/link.sh")]
#[case::linked_directory("linked/real.sh")]
#[case::dot("real/./real.sh")]
#[case::up("tools/../real/real.sh")]
#[case::blanks("-c, '. ./real/real.sh'")]
#[case::linked_in_a_directory("-c, 'for f in tools/*; do . ./$f; done', tools")]
fn a_file_that_is_named_otherwise_is_trusted_as_it_is(#[case] argument: &str) {
    let scene = Scene::of(&exec(&format!("[sh, {argument}]"), ""), "exit 0");
    let repo = &scene.repo;
    let script = |code: u8| format!("echo ran >> '{}/mark'; exit {code}\n", repo.outside().display());
    repo.write("real/real.sh", script(1));
    std::fs::remove_file(repo.root().join("tools/check.sh")).unwrap();
    std::os::unix::fs::symlink("../real/real.sh", repo.root().join("tools/link.sh")).unwrap();
    std::os::unix::fs::symlink("real", repo.root().join("linked")).unwrap();
    repo.commit_all("Links");
    assert_eq!(scene.run(&["rules", "trust", "allow", "runs-it", "--mission", "m"]).code, 0);
    let trusted = scene.check(&[]);
    assert_eq!(found(&trusted, "runs-it"), ["script runs-it"], "{:#}", trusted.json());
    repo.write("real/real.sh", script(0));
    repo.commit_all("Another script");
    let asked = scene.check(&[]);
    assert_eq!((asked.code, &of(&asked, "runs-it")["unanswered"][0]["code"]), (3, &"untrusted".into()));
}

/// What does not count stops nothing.
#[test]
fn a_waived_blocker_does_not_end_a_run_that_stops_at_the_first() {
    let waiver = "schema: clearance.waivers/v1\nwaivers:\n  - { rule: always-fails, item: '*', reason: 'agreed for this test', expires: 2099-01-01 }\n";
    let other = rule("really-fails", "check: { assert: 1 == 2 }\nmessage: m\nremediation: r\n");
    let repo = staged(&[
        ("rules.d/a.yaml", &blocking()),
        ("rules.d/b.yaml", &other),
        ("rules.d/waivers.yaml", waiver),
    ]);
    for more in [&[][..], &["--fail-fast"]] {
        let asked = run(&repo, &[&["check", "--stage", "commit", "--json"], more].concat());
        assert_eq!((asked.code, found(&asked, "really-fails").len()), (1, 1), "{more:?}");
    }
}

/// A rule that is only proposed shows nothing of what lies around in the work tree.
#[test]
fn no_rule_shows_what_is_not_in_the_change() {
    let leak = rule(
        "leaks",
        "check: { each: \"['.git/config', '.env']\", as: f, key: f, at: '{{ f }}#L1', assert: 1 == 2 }\nmessage: m\nremediation: r\n",
    );
    let repo = ready();
    commit_on(&repo, MISSION, &[("rules.d/leaks.yaml", &leak)]);
    repo.write(".env", "SECRET=hunter2\n");
    repo.git(&["config", "core.comment", "hunter2"]);
    let asked = run(&repo, &["check", "--mission", "m"]);
    assert!(asked.stdout.contains("proposed") && !asked.stdout.contains("hunter2"), "{}", asked.stdout);
    assert!(!run(&repo, &["check", "--mission", "m", "--json"]).stdout.contains("hunter2"));
}

/// A line of a report begins with what the product says, whatever a rule or a file name has in it.
#[test]
fn no_text_begins_a_line_of_its_own() {
    let injected = rule(
        "injects",
        "check: { scan: { files: '**', lines: all, forbid: '^BAD' } }\nmessage: \"a\\n::error::x {{ match.path }}\"\nremediation: \"b\\r\\n::warning::y\"\n",
    );
    let repo = staged(&[("rules.d/r.yaml", &injected)]);
    write_all(&repo, &[("x\n::error title=z::w", "BAD\n")]);
    repo.git(&["add", "--all"]);
    for form in ["plain", "narrated", "fancy"] {
        let asked = run(&repo, &["check", "--stage", "commit", "--report", form]);
        assert_eq!(asked.code, 1);
        assert!(!asked.stdout.lines().any(|line| line.trim_start().starts_with("::")), "{}", asked.stdout);
    }
}
