//! Exceptions from rules and checks: what they except, what they say, and what cannot be excepted.

use rstest::rstest;
use serde_json::{Value, json};

use crate::ready::{approved, dry_run};
use crate::rules_support::{
    at_commit, at_merge, blocking, found, items, of, passing, ready_with, rule, stage, staged, unanswered,
};
use crate::support::{LOG, Run, TestRepo, run, step, step_at};

/// The tests' clock is at 2026-05-06.
const WAIVER: &str =
    "{ rule: always-fails, item: '*', reason: the next release removes it, expires: 2026-06-01, by: ada }";

fn file(waivers: &[&str]) -> String {
    let rows: String = waivers.iter().map(|waiver| format!("  - {waiver}\n")).collect();
    format!("schema: clearance.waivers/v1\nwaivers:\n{rows}")
}

/// A repository with a rule that finds something, and with these exceptions.
fn waived(waivers: &[&str]) -> TestRepo {
    staged(&[("rules.d/r.yaml", &blocking()), ("rules.d/waivers.yaml", &file(waivers))])
}

#[test]
fn what_is_waived_does_not_block_and_is_shown() {
    let repo = waived(&[WAIVER]);
    let asked = at_commit(&repo, &[]);
    assert_eq!((asked.code, &asked.json()["blockers"]), (0, &json!(0)), "{:#}", asked.json());
    assert_eq!(items(&asked, "always-fails"), ["* waived"]);
    let terms = json!({ "reason": "the next release removes it", "expires": "2026-06-01", "by": "ada" });
    assert_eq!(of(&asked, "always-fails")["findings"][0]["waived"], terms);
    assert_eq!(found(&asked, "waivers"), Vec::<String>::new());
    for form in ["plain", "fancy", "narrated"] {
        let shown = run(&repo, &["check", "--stage", "commit", "--report", form]);
        let text = shown.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(shown.code, 0, "{text}");
        for told in
            ["it never holds", "waived until 2026-06-01 by ada: the next release removes it", "1 waived"]
        {
            assert!(text.contains(told), "{form}: {told}: {text}");
        }
    }
}

/// The contract of the dry run has the finding too: nobody is told that there was nothing.
#[test]
fn a_dry_run_is_ready_and_tells_of_it() {
    let repo = ready_with(&[("rules.d/r.yaml", &blocking()), ("rules.d/waivers.yaml", &file(&[WAIVER]))]);
    let dry = dry_run(&repo, &["--json"]);
    let json = dry.json();
    assert_eq!((dry.code, &json["ready"], &json["blockers"]), (0, &true.into(), &Value::Null), "{json:#}");
    assert!(json.to_string().contains("the next release removes it"), "{json:#}");
    assert!(dry_run(&repo, &[]).stdout.contains("waived until 2026-06-01"));
}

/// One item is excepted, and the next one blocks as before.
#[test]
fn one_item_is_one_item() {
    let each = rule(
        "no-long",
        "check: { each: tree.paths, as: p, key: p, assert: p.size() < 5 }\nmessage: '{{ p }}'\nremediation: r\n",
    );
    let waiver = "{ rule: no-long, item: long-1.txt, reason: it was always there, expires: 2026-06-01 }";
    let repo = staged(&[("long-1.txt", ""), ("long-2.txt", "")]);
    repo.write("rules.d/r.yaml", &each);
    repo.write("rules.d/waivers.yaml", file(&[waiver]));
    let told = || {
        let asked = at_commit(&repo, &[]);
        (asked.code, items(&asked, "no-long"))
    };
    assert_eq!(told(), (1, vec!["long-1.txt waived".to_owned(), "long-2.txt fail".to_owned()]));
    for pattern in ["'*'", "'long-*'", "long-1", "LONG-1.txt"] {
        repo.write("rules.d/waivers.yaml", file(&[&waiver.replace("long-1.txt", pattern)]));
        assert_eq!(
            told(),
            (1, vec!["long-1.txt fail".to_owned(), "long-2.txt fail".to_owned()]),
            "{pattern}"
        );
    }
}

/// Why the file cannot be used.
fn of_the_file(asked: &Run) -> Value {
    let checks = asked.json()["checks"].as_array().unwrap().clone();
    let mut told = checks.into_iter().filter(|check| check["id"] == "waivers");
    told.find_map(|check| check["unanswered"].get(0).cloned()).unwrap_or_default()
}

/// A waiver without one of its keys excepts nothing, and the verdict is open as long as it is there.
#[rstest]
#[case::no_rule("rule: always-fails, ", "")]
#[case::no_item("item: '*', ", "")]
#[case::no_reason("reason: the next release removes it, ", "")]
#[case::no_end(" expires: 2026-06-01,", "")]
#[case::empty_rule("always-fails", "''")]
#[case::empty_item("'*'", "' '")]
#[case::empty_reason("the next release removes it", "''")]
#[case::no_day("2026-06-01", "soon")]
#[case::no_such_day("2026-06-01", "2026-06-31")]
#[case::unknown_key("by: ada", "who: ada")]
fn a_waiver_has_all_its_parts(#[case] from: &str, #[case] to: &str) {
    let broken = WAIVER.replace(from, to);
    assert_ne!(broken, WAIVER);
    // The good one beside it does not count either: who reads half of a file may read the wrong half.
    let repo = waived(&[WAIVER, &broken]);
    let asked = at_commit(&repo, &[]);
    assert_eq!((asked.code, found(&asked, "always-fails").len()), (3, 1), "{:#}", asked.json());
    let told = of_the_file(&asked);
    assert_eq!(
        (&told["code"], &told["excerpts"][0]["line"]),
        (&"rule_invalid".into(), &4.into()),
        "{told:#}"
    );
    assert_eq!(items(&asked, "always-fails"), ["* fail"]);
}

#[rstest]
#[case::schema("schema: clearance.waivers/v2\nwaivers: []\n")]
#[case::no_schema("waivers: []\n")]
#[case::no_yaml("{")]
#[case::empty("")]
fn a_file_that_cannot_be_read_is_undecided(#[case] text: &str) {
    let repo = staged(&[("rules.d/r.yaml", &passing("a-rule")), ("rules.d/waivers.yaml", text)]);
    let asked = at_commit(&repo, &[]);
    let checks = asked.json()["checks"].as_array().unwrap().clone();
    let told = checks.iter().filter(|check| check["id"] == "waivers").map(|check| &check["verdict"]);
    assert_eq!(told.collect::<Vec<_>>(), ["undecided"], "it is told once, and did not pass");
    assert_eq!((asked.code, &of_the_file(&asked)["code"]), (3, &"rule_invalid".into()), "{:#}", asked.json());
}

/// What is told of a waiver, and whether it excepts; the last day counts.
#[rstest]
#[case::ended("2026-06-01", "2026-05-05", Some("waiver_expired"), 1)]
#[case::last_day("2026-06-01", "2026-05-06", None, 0)]
#[case::in_90_days("2026-06-01", "2026-08-04", None, 0)]
#[case::too_far("2026-06-01", "2026-08-05", Some("waiver_weak"), 0)]
#[case::says_little("the next release removes it", "it is so.", Some("waiver_weak"), 0)]
#[case::another_item("'*'", "x", Some("waiver_unused"), 1)]
#[case::another_rule("always-fails", "always-fail", Some("waiver_unused"), 1)]
fn what_is_told_of_waivers(
    #[case] from: &str,
    #[case] to: &str,
    #[case] code: Option<&str>,
    #[case] exit: i32,
) {
    let repo = waived(&[&WAIVER.replace(from, to)]);
    let asked = at_commit(&repo, &[]);
    assert_eq!((asked.code, found(&asked, "always-fails").len()), (exit, 1), "{:#}", asked.json());
    assert_eq!(items(&asked, "always-fails"), [if exit == 0 { "* waived" } else { "* fail" }]);
    let told = of(&asked, "waivers");
    let finding = &told["findings"][0];
    assert_eq!(finding["code"].as_str(), code, "{told:#}");
    if code.is_some() {
        assert_eq!(
            (&finding["severity"], &finding["location"]),
            (&"warning".into(), &json!({ "name": "rules.d/waivers.yaml", "line": 3 }))
        );
        assert!(run(&repo, &["check", "--stage", "commit"]).stdout.contains(code.unwrap()));
    }
}

#[test]
fn a_waiver_that_excepts_nothing_any_more() {
    let repo = waived(&[WAIVER]);
    stage(&repo, &[("rules.d/r.yaml", &passing("always-fails"))]);
    let asked = at_commit(&repo, &[]);
    assert_eq!((asked.code, found(&asked, "waivers")), (0, vec!["* waiver_unused".to_owned()]));
    // What could not look, or did not run, may still need it.
    stage(
        &repo,
        &[(
            "rules.d/r.yaml",
            &rule("always-fails", "when: 1 == 2\ncheck: { assert: 1 == 1 }\nmessage: m\nremediation: r\n"),
        )],
    );
    assert_eq!(found(&at_commit(&repo, &[]), "waivers"), Vec::<String>::new());
}

#[test]
fn a_rule_that_cannot_be_waived() {
    let repo = waived(&[WAIVER]);
    stage(&repo, &[("rules.d/r.yaml", &(blocking() + "waivable: false\n"))]);
    let asked = at_commit(&repo, &[]);
    assert_eq!((asked.code, items(&asked, "always-fails")), (1, vec!["* fail".to_owned()]));
    assert_eq!(found(&asked, "waivers"), ["* waiver_refused"]);
}

/// What made a mission not ready, the check and the item of it.
type Break = fn(&TestRepo);

fn not_approved(repo: &TestRepo) {
    repo.write(LOG, approved("WP01") + &step("WP02", "planned", "claimed"));
}

fn rejected(repo: &TestRepo) {
    let rejected = step_at(
        "WP02",
        "in_review",
        "approved",
        2,
        r#", "review_result": {"reviewer": "r", "verdict": "changes_requested", "reference": "x"}"#,
    );
    repo.write(LOG, approved("WP01") + &rejected);
}

/// The first finding of a check, waived.
fn waive(repo: &TestRepo, check: &str, commit: bool) -> String {
    let item = found(&at_merge(repo, &[]), check)[0].rsplit_once(' ').unwrap().0.to_owned();
    let text = file(&[&format!(
        "{{ rule: {check}, item: '{item}', reason: agreed upon on Monday, expires: 2026-06-01 }}"
    )]);
    repo.write("rules.d/waivers.yaml", text);
    if commit {
        repo.commit_all("Waiver");
    }
    item
}

/// What was agreed upon among people can be excepted by them.
#[rstest]
#[case("work-packages", not_approved)]
#[case("review-consistency", rejected)]
fn agreements_can_be_waived(#[case] check: &str, #[case] break_it: Break) {
    let repo = ready_with(&[("rules.d/r.yaml", &passing("a-rule"))]);
    break_it(&repo);
    repo.commit_all("Broken");
    assert_eq!(of(&at_merge(&repo, &[]), check)["verdict"], "blocked");
    waive(&repo, check, true);
    let asked = at_merge(&repo, &[]);
    let told = of(&asked, check);
    assert_eq!(
        (&told["verdict"], &told["findings"][0]["waived"]["expires"]),
        (&"cleared".into(), &"2026-06-01".into()),
        "{told:#}"
    );
    assert_eq!(found(&asked, "waivers"), Vec::<String>::new());
}

/// What guards the step itself cannot.
#[rstest]
#[case("clean-worktrees", |repo: &TestRepo| drop(repo.write("shared.txt", "mine\n")))]
#[case("mission-branch", |repo: &TestRepo| drop(repo.git(&["branch", "-D", crate::ready::MISSION])))]
#[case("conflict-forecast", |repo: &TestRepo| crate::ready::lane(repo, crate::ready::LANE_B, ("one", "EINS"), "b.txt"))]
fn guards_of_the_step_cannot_be_waived(#[case] check: &str, #[case] break_it: Break) {
    let repo = ready_with(&[("rules.d/r.yaml", &passing("a-rule"))]);
    break_it(&repo);
    // Of the work tree: what is changed there stays uncommitted.
    let item = waive(&repo, check, false);
    let asked = at_merge(&repo, &["--rules-from", "head"]);
    assert_eq!(of(&asked, check)["verdict"], "blocked", "{:#}", asked.json());
    assert_eq!(found(&asked, "waivers"), [format!("{item} waiver_refused")]);
}

fn tune(id: &str, severity: &str) -> String {
    format!("schema: clearance.rule/v1\nid: {id}\nseverity: {severity}\n")
}

#[rstest]
#[case("error", 1, "blocked", Some("blocker"))]
#[case("warning", 0, "cleared", Some("warning"))]
#[case("info", 0, "cleared", Some("note"))]
#[case("off", 0, "null", None)]
fn a_built_in_check_is_set_otherwise(
    #[case] word: &str,
    #[case] code: i32,
    #[case] verdict: &str,
    #[case] severity: Option<&str>,
) {
    let repo = ready_with(&[("rules.d/work-packages.yaml", &tune("work-packages", word))]);
    not_approved(&repo);
    repo.commit_all("Broken");
    let asked = at_merge(&repo, &[]);
    let told = of(&asked, "work-packages");
    assert_eq!(asked.code, code, "{:#}", asked.json());
    assert_eq!(
        (told["verdict"].as_str().unwrap_or("null"), told["findings"][0]["severity"].as_str()),
        (verdict, severity)
    );
    if severity.is_none() {
        assert_eq!(told["skipped"], "off in rules.d/work-packages.yaml");
    }
}

#[rstest]
fn less_cannot_be_made_of_guards_of_the_step(
    #[values("git-state", "mission-branch", "target-sync", "conflict-forecast")] id: &str,
    #[values("warning", "info", "off")] word: &str,
) {
    let repo = ready_with(&[("rules.d/t.yaml", &tune(id, word))]);
    let asked = at_merge(&repo, &[]);
    assert_eq!(asked.code, 3, "{:#}", asked.json());
    let told = unanswered(&asked, "rules.d/t.yaml");
    assert_eq!(
        (&told["code"], &told["excerpts"][0]["line"]),
        (&"rule_invalid".into(), &3.into()),
        "{told:#}"
    );
    assert_eq!(of(&asked, id)["verdict"], "cleared", "it is asked as before");
}

/// Who waits for a blocker that does not count any more has not looked: that is no pass.
#[rstest]
#[case::milder("warning")]
#[case::off("off")]
fn what_waits_for_a_check_that_was_made_milder_is_undecided(#[case] severity: &str) {
    let tune = format!("schema: clearance.rule/v1\nid: status-log\nseverity: {severity}\n");
    let repo = ready_with(&[("rules.d/t.yaml", &tune)]);
    repo.write("kitty-specs/m/status.events.jsonl", "no event\n");
    repo.commit_all("A log that is broken");
    let asked = at_merge(&repo, &[]);
    let waits = of(&asked, "work-packages");
    assert_eq!((asked.code, &waits["verdict"]), (3, &"undecided".into()), "{:#}", asked.json());
}
