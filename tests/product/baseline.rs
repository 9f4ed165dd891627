//! `check --baseline REF`: only what is new counts, and nothing new is taken for old.

use std::process::Command;

use rstest::rstest;
use serde_json::Value;

use crate::rules_support::{blocking, ready_with, rule, stage, staged};
use crate::support::{Run, TestRepo, command, run, valid};

/// No `TODO` in any file.
fn no_todo() -> String {
    rule(
        "no-todo",
        "check:\n  scan: { files: 'src/**', lines: all, forbid: TODO }\nmessage: \"{{ match.path }} has a TODO\"\nremediation: do it\n",
    )
}

/// A rule about each file of the tree, with a message of its own.
fn no_exe(message: &str) -> String {
    rule(
        "no-exe",
        &format!(
            "check:\n  each: tree.paths.filter(path, path.endsWith('.exe'))\n  as: path\n  key: path\n  assert: size(path) < 3\nmessage: \"{message}\"\nremediation: remove it\n"
        ),
    )
}

fn old() -> TestRepo {
    let repo = staged(&[
        ("rules.d/no-todo.yaml", &no_todo()),
        ("rules.d/no-exe.yaml", &no_exe("{{ path }} is a program")),
        ("src/a.rs", "fn a() {}\n// TODO one\n"),
        ("bin/old.exe", "x\n"),
    ]);
    repo.commit_all("Old");
    repo
}

fn asked(repo: &TestRepo, more: &[&str]) -> Run {
    run(repo, &[&["check", "--stage", "commit"], more].concat())
}

/// The items that block, and those that are known.
fn told(repo: &TestRepo, name: &str) -> (i32, Vec<String>, Vec<String>) {
    let said = asked(repo, &["--baseline", name, "--json"]);
    let account = said.json();
    valid("clearance.check.v1.json", &account);
    let findings = account["checks"].as_array().unwrap().iter();
    let findings: Vec<&Value> = findings.flat_map(|check| check["findings"].as_array().unwrap()).collect();
    let items = |is_known: bool| {
        let of_it = findings.iter().filter(|one| one["known_at"].is_string() == is_known);
        of_it.map(|one| one["item"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (new, known) = (items(false), items(true));
    assert_eq!(account["baseline"]["known"], known.len());
    assert_eq!(account["blockers"], new.len());
    (said.code, new, known)
}

#[test]
fn what_was_there_does_not_count_and_what_is_new_does() {
    let repo = old();
    assert_eq!(asked(&repo, &[]).code, 1);
    let known = ["src/a.rs:2", "bin/old.exe"].map(str::to_owned);
    let (code, new, mut found) = told(&repo, "HEAD");
    found.sort_unstable();
    let mut expected = known.to_vec();
    expected.sort_unstable();
    assert_eq!((code, new, found), (0, Vec::new(), expected));
    // The old line moves; another one comes, in the same file and in another; a program comes.
    let lines = "// TODO two\nfn a() {}\n\n// TODO one\n";
    stage(&repo, &[("src/a.rs", lines), ("src/b.rs", "// TODO one\n"), ("bin/new.exe", "x\n")]);
    let (code, mut new, mut found) = told(&repo, "HEAD");
    new.sort_unstable();
    found.sort_unstable();
    assert_eq!(code, 1);
    assert_eq!(new, ["bin/new.exe", "src/a.rs:1", "src/b.rs:1"]);
    assert_eq!(found, ["bin/old.exe", "src/a.rs:4"]);
}

/// One more of the same is new.
#[test]
fn a_second_one_of_the_same_words_counts() {
    let repo = old();
    stage(&repo, &[("src/a.rs", "// TODO one\n// TODO one\n")]);
    let (code, new, found) = told(&repo, "HEAD");
    assert_eq!((code, new.len(), found.iter().filter(|item| item.starts_with("src")).count()), (1, 1, 1));
}

/// A fault that got worse tells so in its message, and counts.
#[test]
fn what_is_told_in_other_words_counts() {
    let repo = staged(&[
        (
            "rules.d/long.yaml",
            &rule(
                "long",
                "check:\n  each: tree.paths.filter(path, path == 'a')\n  as: path\n  key: path\n  assert: size(tree.paths) < 2\nmessage: \"{{ size(tree.paths) }} files\"\nremediation: fewer\n",
            ),
        ),
        ("a", "a\n"),
    ]);
    repo.commit_all("Old");
    assert_eq!(told(&repo, "HEAD"), (0, Vec::new(), vec!["a".to_owned()]));
    stage(&repo, &[("b", "b\n")]);
    assert_eq!(told(&repo, "HEAD"), (1, vec!["a".to_owned()], Vec::new()));
}

/// What can hide a new fault behind an old one always counts.
#[rstest]
#[case::about_the_whole(&blocking())]
#[case::of_changes(&rule("no-change", "check:\n  each: diff.files\n  as: file\n  key: file.path\n  assert: 'false'\nmessage: m\nremediation: r\n"))]
#[case::kept_out_of_reports(&rule("secret", "check:\n  scan: { files: 'src/**', lines: all, forbid: TODO, redact: true }\nmessage: m\nremediation: r\n"))]
#[case::not_to_be_excepted(&no_todo().replace("severity: error", "severity: error\nwaivable: false"))]
fn what_cannot_be_told_apart_counts(#[case] text: &str) {
    let repo = staged(&[("rules.d/rule.yaml", text), ("src/a.rs", "// TODO one\n")]);
    repo.commit_all("Old");
    repo.git(&["commit", "--quiet", "--allow-empty", "--message", "Next"]);
    stage(&repo, &[("src/a.rs", "// TODO one\n// other\n")]);
    let plain = asked(&repo, &["--json"]).json();
    let (code, new, found) = told(&repo, "HEAD");
    assert_eq!((code, found), (1, Vec::new()), "{text}");
    assert_eq!(plain["blockers"], new.len(), "{text}");
    assert!(!new.is_empty(), "{text}");
}

/// What is built in guards the step, and is of now.
#[test]
fn a_fault_of_the_step_counts_at_a_merge() {
    let repo = ready_with(&[("rules.d/no-todo.yaml", &no_todo()), ("src/a.rs", "// TODO one\n")]);
    let merge = |more: &[&str]| run(&repo, &[&["check", "--mission", "m"], more].concat());
    assert_eq!(merge(&[]).code, 1);
    let cleared = merge(&["--baseline", "main"]);
    assert_eq!(cleared.code, 0, "{}{}", cleared.stdout, cleared.stderr);
    repo.write("kitty-specs/m/meta.json", "{");
    assert_eq!(merge(&["--baseline", "main"]).code, 1);
}

#[test]
fn people_and_reports_are_told_what_is_known() {
    let repo = old();
    stage(&repo, &[("src/b.rs", "// TODO two\n")]);
    let shown = asked(&repo, &["--baseline", "HEAD"]).stdout;
    assert!(shown.contains("src/b.rs") && !shown.contains("src/a.rs"), "{shown}");
    assert!(shown.contains("1 blocker") && shown.contains("2 known at HEAD"), "{shown}");
    let verbose = asked(&repo, &["--baseline", "HEAD", "--verbose"]).stdout;
    assert!(verbose.contains("src/a.rs") && verbose.contains("already, and does not count"), "{verbose}");
    let sarif = asked(&repo, &["--baseline", "HEAD", "--report", "sarif"]).json();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let states: Vec<_> = results
        .iter()
        .filter(|result| result["ruleId"] == "no-todo")
        .map(|result| result["baselineState"].as_str().unwrap())
        .collect();
    assert_eq!((states.len(), states.iter().filter(|state| **state == "new").count()), (2, 1), "{states:?}");
    let gitlab = asked(&repo, &["--baseline", "HEAD", "--report", "gitlab"]).json();
    let paths: Vec<_> =
        gitlab.as_array().unwrap().iter().map(|issue| issue["location"]["path"].to_string()).collect();
    assert_eq!(paths.iter().filter(|path| path.contains("src/")).collect::<Vec<_>>(), ["\"src/b.rs\""]);
    // Without a baseline nothing is said of one.
    assert!(!asked(&repo, &["--report", "sarif"]).stdout.contains("baselineState"));
    assert!(!asked(&repo, &["--json"]).stdout.contains("known_at"));
}

#[rstest]
#[case::unknown("nope")]
#[case::an_option("--all")]
#[case::a_range("HEAD..HEAD")]
#[case::a_file("HEAD:src/a.rs")]
#[case::left_out("^HEAD")]
#[case::nothing("")]
fn a_commit_that_is_not_there_is_a_usage_error(#[case] name: &str) {
    let repo = old();
    let said = asked(&repo, &[&format!("--baseline={name}"), "--json"]);
    assert_eq!((said.code, &said.json()["error"]), (2, &"baseline_unknown".into()), "{said:?}");
}

/// One commit is enough: its files are all that is looked at.
#[test]
fn a_shallow_clone_works_or_says_why_not() {
    let repo = old();
    let first = repo.git(&["rev-parse", "HEAD"]).trim().to_owned();
    repo.write("src/a.rs", "// TODO one\n// more\n");
    repo.commit_all("More");
    repo.git(&["config", "uploadpack.allowAnySHA1InWant", "true"]);
    let clone = repo.outside().join("clone");
    let origin = format!("file://{}", repo.root().display());
    let git = |place: &std::path::Path, words: &[&str]| {
        let done = Command::new("git").current_dir(place).args(words).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    };
    git(repo.outside(), &["clone", "--quiet", "--depth=1", &origin, clone.to_str().unwrap()]);
    let ask = |name: &str| {
        Run::of(command(&clone).args(["check", "--stage", "commit", "--baseline", name, "--json"]))
    };
    let missing = ask(&first);
    let error = missing.json();
    assert_eq!((missing.code, &error["error"]), (2, &"baseline_unknown".into()));
    let help = error["help"].as_str().unwrap();
    assert!(error["message"].as_str().unwrap().contains("shallow") && help.contains("--depth=1"), "{error}");
    assert_eq!(ask("HEAD").json()["baseline"]["known"], 2);
    git(&clone, &["fetch", "--quiet", "--depth=1", "origin", &first]);
    let compared = ask(&first);
    assert_eq!(compared.json()["baseline"]["known"], 2, "{}", compared.stdout);
}

/// What a team excepted stays excepted, and its rule is asked as it is now.
#[test]
fn the_rules_of_now_are_asked_about_the_files_of_then() {
    let repo = staged(&[("src/a.rs", "// TODO one\n")]);
    repo.commit_all("Without rules");
    stage(&repo, &[("rules.d/no-todo.yaml", &no_todo()), ("src/b.rs", "// TODO two\n")]);
    let (code, new, found) = told(&repo, "HEAD");
    assert_eq!((code, new, found), (1, vec!["src/b.rs:1".to_owned()], vec!["src/a.rs:1".to_owned()]));
}

#[test]
fn it_is_of_a_check_and_goes_with_no_other_question() {
    let repo = old();
    for words in [
        &["check", "--baseline", "HEAD", "--fail-fast"][..],
        &["check", "--baseline", "HEAD", "--rule", "no-todo", "--trace"],
        &["merge", "--dry-run", "--baseline", "HEAD"],
    ] {
        assert_eq!(run(&repo, words).code, 2, "{words:?}");
    }
}
