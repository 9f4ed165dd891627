//! Rules that cannot be used: each says where its mistake is, hides nothing else, and clears nothing.

use rstest::rstest;
use serde_json::json;

use crate::ready::made_with;
use crate::rules_support::{
    at_commit, at_merge, blocking, found, of, passing, ready_with, rule, stage, staged, unanswered,
};
use crate::support::{Run, TestRepo, command, run};

/// A rule to break: each line is on its own.
const GOOD: &str = r#"schema: clearance.rule/v1
id: the-rule
title: What holds
severity: error
stages: [commit]
when: stage != "merge"
params: { most: { type: int, default: 3 } }
let:
  long: tree.paths.filter(p, p.size() > params.most)
check:
  each: long
  as: path
  key: path
  min_items: 0
  assert: path.startsWith("rules.d")
message: "{{ path }} is long"
remediation: rename it
"#;

#[test]
fn the_rule_that_is_broken_below_is_good() {
    let asked = at_commit(&staged(&[("rules.d/r.yaml", GOOD)]), &[]);
    assert_eq!((asked.code, of(&asked, "the-rule")["items"][0]["outcome"].as_str()), (0, Some("pass")));
}

/// What is written instead of what; the word that is marked; what is said and what helps.
#[rstest]
#[case::key("severity:", "severty:", "severty", "severty", "`severity`")]
#[case::key_inside("min_items:", "min_item:", "min_item", "min_item", "`min_items`")]
#[case::key_of_a_parameter("type: int", "typ: int", "typ", "typ", "`type`")]
#[case::value("severity: error", "severity: eror", "eror", "eror", "`error`")]
#[case::stage("[commit]", "[comit]", "comit", "comit", "`commit`")]
#[case::type_of_a_parameter("type: int", "type: integer", "integer", "integer", "int")]
#[case::schema("rule/v1", "rule/v2", "clearance.rule/v2", "clearance.rule/v2", "clearance.rule/v1")]
#[case::field("tree.paths", "tree.pths", "pths", "pths", "`paths`")]
#[case::name("each: long", "each: lnog", "lnog", "lnog", "`long`")]
#[case::parameter("params.most", "params.mots", "mots", "mots", "`most`")]
#[case::function("startsWith", "startWith", "startWith", "startWith", "`startsWith`")]
#[case::in_a_template("{{ path }}", "{{ pat }}", "pat", "pat", "`path`")]
#[case::later_name("when: stage", "when: long", "long", "long", "")]
#[case::parenthesis("(\"rules.d\")", "(\"rules.d\"", "", "", "")]
#[case::no_boolean("when: stage != \"merge\"", "when: stage", "stage", "", "")]
#[case::default_of_another_type("default: 3", "default: three", "three", "", "")]
#[case::negative("min_items: 0", "min_items: -1", "-1", "", "")]
#[case::id("id: the-rule", "id: The_Rule", "The_Rule", "The_Rule", "")]
#[case::id_too_short("id: the-rule", "id: ab", "ab", "ab", "")]
#[case::no_stage("[commit]", "[]", "", "", "")]
fn a_mistake_is_pointed_at(
    #[case] from: &str,
    #[case] to: &str,
    #[case] marked: &str,
    #[case] said: &str,
    #[case] helped: &str,
) {
    let text = GOOD.replacen(from, to, 1);
    assert_ne!(text, GOOD);
    let repo = staged(&[("rules.d/r.yaml", &text)]);
    let asked = at_commit(&repo, &[]);
    assert_eq!((asked.code, asked.json()["verdict"].as_str()), (3, Some("undecided")), "{:#}", asked.json());
    let told = unanswered(&asked, "rules.d/r.yaml");
    assert_eq!(told["code"], "rule_invalid", "{:#}", asked.json());
    let message =
        format!("{} {}", told["message"].as_str().unwrap(), told["help"].as_str().unwrap_or_default());
    assert!(message.contains(said) && message.contains(helped), "{message}");
    let excerpt = &told["excerpts"][0];
    let number = usize::try_from(excerpt["line"].as_u64().unwrap()).unwrap();
    let line = text.lines().nth(number - 1).unwrap();
    assert_eq!((&excerpt["name"], &excerpt["text"]), (&"rules.d/r.yaml".into(), &line.into()), "{told:#}");
    assert!(told["message"].as_str().unwrap().contains(&format!("rules.d/r.yaml:{number}: ")), "{message}");
    if !marked.is_empty() {
        let column = line.find(marked).unwrap_or_else(|| panic!("{marked} is not on {line}")) + 1;
        assert_eq!(excerpt["mark"], json!({ "column": column, "length": marked.len() }), "{told:#}");
        let people = run(&repo, &["check", "--stage", "commit"]);
        let under = format!("    | {}{}\n", " ".repeat(column - 1), "^".repeat(marked.len()));
        assert!(people.stdout.contains(&format!("    | {line}\n{under}")), "{}", people.stdout);
    }
}

/// Columns are counted in characters, not in bytes.
#[test]
fn marks_count_characters() {
    let text = GOOD.replace("is long\"", "ist längér als {{ pathh }}\"");
    let asked = at_commit(&staged(&[("rules.d/r.yaml", &text)]), &[]);
    let excerpt = &unanswered(&asked, "rules.d/r.yaml")["excerpts"][0];
    let line = excerpt["text"].as_str().unwrap();
    let before = line.split("pathh").next().unwrap().chars().count();
    assert_eq!(excerpt["mark"], json!({ "column": before + 1, "length": 5 }), "{excerpt:#}");
}

/// The traps that everybody steps into once are named, with the way out.
#[rstest]
#[case::colon("assert: path.startsWith(\"rules.d\")", "assert: path.startsWith(\"a: b\")", "`: `", ">-")]
#[case::comment("assert: path.startsWith(\"rules.d\")", "assert: path.startsWith(\"a #b\")", " #", "")]
#[case::exclamation("assert: path.startsWith", "assert: !path.startsWith", "!", "")]
#[case::exclamation_and_blank(
    "assert: path.startsWith(\"rules.d\")",
    "assert: ! (path == \"a\")",
    "!",
    "quote"
)]
#[case::quoted_beginning("each: long", "each: \"a\" in long", "quote", "")]
#[case::braces("message: \"{{ path }} is long\"", "message: {{ path }} is long", "quote", "")]
#[case::brackets("each: long", "each: [1, 2].filter(n, n > 1)", "[", "")]
fn traps_of_yaml_are_named(#[case] from: &str, #[case] to: &str, #[case] said: &str, #[case] helped: &str) {
    let text = GOOD.replacen(from, to, 1);
    let asked = at_commit(&staged(&[("rules.d/r.yaml", &text), ("rules.d/z.yaml", &blocking())]), &[]);
    assert_eq!(asked.code, 3, "{:#}", asked.json());
    let told = unanswered(&asked, "rules.d/r.yaml");
    let line = told["excerpts"][0]["line"].as_u64().and_then(|line| usize::try_from(line).ok());
    let written = text.lines().position(|line| line.contains(to)).unwrap() + 1;
    let said_all = format!("{} {}", told["message"], told["help"]);
    assert!(said_all.contains(said) && said_all.contains(helped), "{said_all}");
    assert_eq!(line, Some(written), "{told:#}");
    assert_eq!(found(&asked, "always-fails"), ["* always-fails"]);
}

/// Broken in any way, a file hides no other, and nothing is cleared while it is there.
#[rstest]
#[case::empty("", "rules.d/a.yaml")]
#[case::no_yaml("{", "rules.d/a.yaml")]
#[case::a_list("- a\n- b\n", "rules.d/a.yaml")]
#[case::no_check(
    "schema: clearance.rule/v1\nid: abc\ntitle: t\nseverity: error\nstages: [commit]\nmessage: m\n",
    "rules.d/a.yaml"
)]
#[case::two_documents("---\nid: a\n---\nid: b\n", "rules.d/a.yaml")]
#[case::doubled_key("schema: clearance.rule/v1\nid: abc\nid: abd\n", "rules.d/a.yaml")]
#[case::control("schema: clearance.rule/v1\nid: \"a\u{1}c\"\n", "rules.d/a.yaml")]
fn a_broken_file_hides_nothing_and_clears_nothing(
    #[case] text: &str,
    #[case] name: &str,
    #[values(true, false)] blocked: bool,
) {
    let repo = staged(&[("rules.d/a.yaml", text), ("rules.d/good.yaml", &passing("good-one"))]);
    if blocked {
        stage(&repo, &[("rules.d/z.yaml", &blocking())]);
    }
    let asked = at_commit(&repo, &[]);
    let json = asked.json();
    assert_eq!((asked.code, &json["verdict"], &json["exit_code"]), (3, &"undecided".into(), &3.into()));
    assert_eq!(unanswered(&asked, name)["code"], "rule_invalid", "{json:#}");
    assert_eq!(of(&asked, "good-one")["verdict"], "cleared");
    assert_eq!(found(&asked, "always-fails").len(), usize::from(blocked));
    let people = run(&repo, &["check", "--stage", "commit"]);
    assert_eq!(people.code, 3);
    assert_eq!(people.stdout.contains("error[always-fails]: it never holds"), blocked, "{}", people.stdout);
    let last = people.stdout.lines().last().unwrap_or_default();
    assert!(last.starts_with("undecided: "), "{}", people.stdout);
}

/// The gate of a merge is no easier: neither dry run nor check are ready.
#[test]
fn a_merge_is_not_ready_as_long_as_a_rule_is_broken() {
    let repo = ready_with(&[("rules.d/r.yaml", &GOOD.replace("[commit]", "[merg]"))]);
    let dry = crate::ready::dry_run(&repo, &["--json"]);
    assert_eq!((dry.code, &dry.json()["ready"]), (3, &false.into()), "{:#}", dry.json());
    assert_eq!(at_merge(&repo, &[]).code, 3);
}

/// A file that cannot be told what steps it is for gates all of them.
#[rstest]
fn a_broken_rule_is_broken_at_every_step(#[values("commit", "merge", "mark-status")] stage: &str) {
    let repo = ready_with(&[("rules.d/r.yaml", &GOOD.replace("severity", "sverity"))]);
    let asked = run(&repo, &["check", "--mission", "m", "--stage", stage, "--json"]);
    assert_eq!((asked.code, &unanswered(&asked, "rules.d/r.yaml")["code"]), (3, &"rule_invalid".into()));
}

#[test]
fn two_rules_of_one_id() {
    let second = blocking().replace("always-fails", "same-id");
    let repo = staged(&[("rules.d/1.yaml", &passing("same-id")), ("rules.d/2.yaml", &second)]);
    let asked = at_commit(&repo, &[]);
    assert_eq!(asked.code, 3, "{:#}", asked.json());
    let told = unanswered(&asked, "rules.d/2.yaml");
    let message = told["message"].as_str().unwrap();
    assert!(message.contains("same-id") && message.contains("rules.d/1.yaml"), "{message}");
}

/// A rule cannot take the place of a built-in check.
#[rstest]
fn the_id_of_a_built_in_check(#[values("git-state", "work-packages", "mission-branch", "waivers")] id: &str) {
    let repo = staged(&[("rules.d/r.yaml", &passing(id))]);
    let asked = at_commit(&repo, &[]);
    assert_eq!(asked.code, 3, "{:#}", asked.json());
    let told = unanswered(&asked, "rules.d/r.yaml");
    assert!(told["message"].as_str().unwrap().contains(&format!("`{id}`")), "{told:#}");
}

/// A place that is no directory of files has no rules that anybody could have read.
#[cfg(unix)]
#[rstest]
#[case::a_file(|top: &std::path::Path| drop(clearance_testkit::write(top, "rules.d", "x")))]
#[case::a_link(|top: &std::path::Path| std::os::unix::fs::symlink("elsewhere", top.join("rules.d")).unwrap())]
#[case::a_linked_rule(|top: &std::path::Path| {
    std::fs::create_dir(top.join("rules.d")).unwrap();
    std::os::unix::fs::symlink("../elsewhere/r.yaml", top.join("rules.d/r.yaml")).unwrap();
})]
#[case::a_directory_for_a_rule(|top: &std::path::Path| drop(clearance_testkit::write(top, "rules.d/r.yaml/x", "x")))]
#[case::not_utf8(|top: &std::path::Path| drop(clearance_testkit::write(top, "rules.d/r.yaml", b"\xff")))]
fn rules_that_are_no_files_are_undecided(
    #[case] make: fn(&std::path::Path),
    #[values("commit", "merge")] stage: &str,
) {
    let repo = ready_with(&[("elsewhere/r.yaml", &passing("linked"))]);
    make(repo.root());
    repo.commit_all("No rules");
    let asked = run(&repo, &["check", "--mission", "m", "--stage", stage, "--json"]);
    assert_eq!((asked.code, &asked.json()["verdict"]), (3, &"undecided".into()), "{:#}", asked.json());
}

/// Who writes the directory in other letters has no rules, and is told so; where there is one, another is none.
#[rstest]
#[case::capital("Rules.d/r.yaml", true)]
#[case::capitals("RULES.D/r.yaml", true)]
#[case::a_file("Rules.D", true)]
#[case::below("sub/Rules.d/r.yaml", false)]
#[case::other_name("rules/r.yaml", false)]
fn a_directory_in_other_letters(
    #[case] name: &str,
    #[case] is_told: bool,
    #[values("commit", "merge")] stage: &str,
    #[values("", "--ref-format=reftable")] format: &str,
) {
    let asked = |repo: &TestRepo| {
        let made = made_with(repo, format);
        Run::of(command(&made).args(["check", "--mission", "m", "--stage", stage, "--json"]))
    };
    let repo = ready_with(&[(name, &blocking())]);
    let alone = asked(&repo);
    assert_eq!(alone.code, if is_told { 3 } else { 0 }, "{:#}", alone.json());
    if is_told {
        let top = name.split('/').next().unwrap();
        let why = unanswered(&alone, "rules");
        let said = (format!("{top} is not read: name it rules.d"), format!("git mv {top} rules.d"));
        assert_eq!((&why["message"], &why["help"]), (&said.0.into(), &said.1.into()));
    }
    let both = ready_with(&[(name, &blocking()), ("rules.d/r.yaml", &passing("a-rule"))]);
    assert_eq!(asked(&both).code, 0);
}

/// What is no rule has one name; under another one it is told of, and nothing else is.
#[rstest]
#[case::ending("waivers.yml", "waivers.yaml")]
#[case::capital("Waivers.yaml", "waivers.yaml")]
#[case::capitals("WAIVERS.YML", "waivers.yaml")]
#[case::lock("trust.LOCK", "trust.lock")]
#[case::lock_with_a_capital("Trust.lock", "trust.lock")]
fn waivers_under_another_name(
    #[case] name: &str,
    #[case] meant: &str,
    #[values("base", "head")] rules_from: &str,
) {
    let text = "schema: clearance.waivers/v1\nwaivers: []\n";
    let file = format!("rules.d/{name}");
    let repo = ready_with(&[(&file, text), ("rules.d/r.yaml", &passing("a-rule"))]);
    let asked = run(&repo, &["check", "--mission", "m", "--rules-from", rules_from, "--json"]);
    assert_eq!(asked.code, 3, "{:#}", asked.json());
    let why = unanswered(&asked, &file);
    let said = format!("{file} is not read: the file must be called `{meant}`");
    let help = format!("git mv {file} rules.d/{meant}");
    assert_eq!((&why["message"], &why["help"]), (&said.into(), &help.into()), "{why:#}");
    let marked = run(&repo, &["mark-status", "T001", "--status", "done", "--mission", "m"]);
    assert!(!marked.stderr.contains(name), "it is no way to find tasks: {}", marked.stderr);
}

/// Only files of `rules.d/` itself, with the ending of a rule, are rules.
#[rstest]
#[case("rules.d/r.yaml", true)]
#[case("rules.d/r.yml", true)]
#[case("rules.d/.r.yaml", false)]
#[case("rules.d/r.yaml.bak", false)]
#[case("rules.d/sub/r.yaml", false)]
#[case("rules.d/README.md", false)]
#[case("sub/rules.d/r.yaml", false)]
fn which_files_are_rules(#[case] name: &str, #[case] is_one: bool) {
    let asked = at_commit(&staged(&[(name, &blocking())]), &[]);
    assert_eq!(asked.code == 1, is_one, "{:#}", asked.json());
    assert_eq!(asked.code == 0, !is_one);
}

#[test]
fn nothing_of_a_rule_reaches_the_terminal() {
    let text = rule(
        "odd-words",
        "check: { assert: 1 == 2 }\nmessage: \"a\\e[31mb\\u202Ec\"\nremediation: \"\\ex\"\n",
    );
    let repo = staged(&[("rules.d/r.yaml", &text)]);
    for more in [&[][..], &["--report", "fancy"], &["--report", "narrated"]] {
        let shown = run(&repo, &[&["check", "--stage", "commit"], more].concat());
        assert_eq!(shown.code, 1);
        assert!(!shown.stdout.contains(['\u{1b}', '\u{202e}']), "{:?}", shown.stdout);
    }
}
