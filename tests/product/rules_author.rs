//! What somebody who writes rules gets: a beginning, tests, a linter, explanations, a schema.

use std::fs;

use clearance_testkit::yaml;
use rstest::rstest;
use serde_json::json;

use crate::rules_support::{blocking, example, examples, passing, rule, staged, with_env};
use crate::support::{TestRepo, run, unchanged};

const KINDS: [&str; 6] = ["each", "assert", "scan", "exec", "http", "resolver"];

#[test]
fn what_new_writes_passes_its_tests_and_is_not_overwritten() {
    let repo = TestRepo::new();
    for kind in KINDS {
        let id = format!("my-{kind}");
        let made = run(&repo, &["rules", "new", &id, "--kind", kind, "--json"]);
        assert_eq!(
            (made.code, &made.json()["file"]),
            (0, &json!(format!("rules.d/{id}.yaml"))),
            "{}",
            made.stderr
        );
        let tested = run(&repo, &["rules", "test", "--json", "--filter", &id]);
        let json = tested.json();
        assert_eq!((tested.code, &json["failed"]), (0, &json!(0)), "{json:#}");
        assert!(json["passed"].as_i64().unwrap() > 0);
        let linted = run(&repo, &["rules", "lint"]);
        assert_eq!(linted.code, 0, "{}", linted.stdout);
        let again =
            unchanged(repo.root(), || run(&repo, &["rules", "new", &id, "--kind", "assert", "--json"]));
        assert_eq!((again.code, &again.json()["error"]), (2, &"rule_exists".into()));
    }
    assert_eq!(run(&repo, &["rules", "lint"]).stdout, "6 rules, nothing odd\n");
    assert_eq!(run(&repo, &["rules", "new", "by-default"]).code, 0);
    assert!(repo.read("rules.d/by-default.yaml").contains("  each: wps"), "each is the default");
}

#[rstest]
fn ids_that_are_none(
    #[values("ab", "Upper", "with_underscore", "a--b", "-ab", "1ab", "../up", "a/b", "a.b", "ää-ö")] id: &str,
) {
    let repo = TestRepo::new();
    let made = unchanged(repo.outside(), || run(&repo, &["rules", "new", "--json", "--", id]));
    assert_eq!((made.code, made.json()["exit_code"].as_i64()), (2, Some(2)), "{}", made.stdout);
}

/// Nothing is written through a link, into another place.
#[cfg(unix)]
#[test]
fn new_writes_into_the_repository_only() {
    let repo = TestRepo::new();
    fs::create_dir(repo.outside().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink("../elsewhere", repo.root().join("rules.d")).unwrap();
    assert_eq!(run(&repo, &["rules", "new", "my-rule"]).code, 2);
    assert_eq!(fs::read_dir(repo.outside().join("elsewhere")).unwrap().count(), 0);
}

/// A rule with tests of which one is wrong.
fn tested(expected: &str) -> String {
    rule(
        "no-long",
        &format!(
            "check: {{ each: tree.paths, as: p, key: p, assert: p.size() < 5, min_items: 0 }}\nmessage: '{{{{ p }}}} is long'\nremediation: r\ntests:\n  - name: short\n    given: {{ tree: {{ paths: [a] }} }}\n    expect: {{ a: pass }}\n  - name: long\n    given: {{ tree: {{ paths: [abcdef] }} }}\n    expect: {{ abcdef: {expected} }}\n    message: {{ abcdef: abcdef is long }}\n"
        ),
    )
}

#[test]
fn tests_that_pass_and_fail() {
    let repo = staged(&[("rules.d/r.yaml", &tested("fail"))]);
    let passed = run(&repo, &["rules", "test", "--verbose"]);
    assert_eq!(passed.code, 0);
    let expected = "ok     no-long: short  (rules.d/r.yaml:10)\nok     no-long: long  (rules.d/r.yaml:13)\n2 passed, 0 failed\n";
    assert_eq!(passed.stdout, expected);
    assert_eq!(run(&repo, &["rules", "test"]).stdout, "2 passed, 0 failed\n");

    repo.write("rules.d/r.yaml", tested("pass"));
    let failed = run(&repo, &["rules", "test"]);
    assert_eq!(failed.code, 1);
    assert!(failed.stdout.starts_with("FAILED no-long: long  (rules.d/r.yaml:13)\n"), "{}", failed.stdout);
    assert!(failed.stdout.ends_with("1 passed, 1 failed\n"), "{}", failed.stdout);
    let json = run(&repo, &["rules", "test", "--json"]).json();
    let difference = json["tests"][1]["differences"].to_string();
    for word in ["abcdef", "pass", "fail"] {
        assert!(difference.contains(word) && failed.stdout.contains(word), "{difference}: {}", failed.stdout);
    }
    for (filter, code, count) in [("short", 0, 1), ("no-long", 1, 2), ("nothing-such", 4, 0)] {
        let run = run(&repo, &["rules", "test", "--json", "--filter", filter]);
        assert_eq!((run.code, run.json()["tests"].as_array().unwrap().len()), (code, count), "{filter}");
    }
}

/// The tests of a rule say nothing of what it asks: whoever gates does not wait for them.
#[test]
fn tests_that_cannot_be_read() {
    let text = blocking() + "tests:\n  - { name: one, given: {}, expct: { \"*\": fail } }\n";
    let repo = staged(&[("rules.d/r.yaml", &text)]);
    let judged = run(&repo, &["check", "--stage", "commit", "--rules-from", "head", "--json"]);
    assert_eq!(judged.code, 1, "{}", judged.stdout);
    let asked =
        [(&["rules", "test"][..], 3), (&["rules", "lint"], 1), (&["rules", "explain", "always-fails"], 3)];
    for (asked, code) in asked {
        let told = run(&repo, asked);
        assert_eq!(told.code, code, "{asked:?}: {}", told.stdout);
        let said = told.stdout + &told.stderr;
        assert!(said.contains("rules.d/r.yaml:10") && said.contains("`expect`"), "{asked:?}: {said}");
    }
}

/// A test that leaves out what does not pass would hide it.
#[rstest]
#[case::unnamed_fault("expect: { a: pass }\n", 1)]
#[case::another_message("expect: { a: pass, abcdef: fail }\n    message: { abcdef: abcdef is lang }\n", 1)]
#[case::item_that_is_not_there("expect: { a: pass, abcdef: fail, b: pass }\n", 1)]
#[case::must_not_occur("expect: { abcdef: fail }\n    absent: [cdef]\n", 1)]
#[case::good("expect: { abcdef: fail }\n    absent: [zzz]\n", 0)]
#[case::as_a_whole("expect: { \"*\": fail, abcdef: fail }\n", 0)]
#[case::unknown_outcome("expect: { abcdef: failed }\n", 3)]
#[case::unknown_key("expect: { abcdef: fail }\n    masage: { abcdef: x }\n", 3)]
fn what_a_test_expects(#[case] expect: &str, #[case] code: i32) {
    let (head, _) = tested("fail")
        .split_once("  - name: short")
        .map(|(head, rest)| (head.to_owned(), rest.to_owned()))
        .unwrap();
    let text = format!("{head}  - name: t\n    given: {{ tree: {{ paths: [a, abcdef] }} }}\n    {expect}");
    let ran = run(&staged(&[("rules.d/r.yaml", &text)]), &["rules", "test"]);
    assert_eq!(ran.code, code, "{}", ran.stdout);
}

#[test]
fn tests_of_what_is_not_there_or_broken() {
    let none = TestRepo::new();
    assert_eq!((run(&none, &["rules", "test"]).code, run(&none, &["rules", "lint"]).code), (4, 4));
    assert_eq!(run(&staged(&[("rules.d/r.yaml", &passing("a-rule"))]), &["rules", "test"]).code, 4);
    let broken = staged(&[("rules.d/r.yaml", &tested("fail")), ("rules.d/s.yaml", "id: [\n")]);
    let ran = run(&broken, &["rules", "test", "--json"]);
    let json = ran.json();
    assert_eq!(
        (ran.code, &json["passed"], &json["broken"][0]["file"]),
        (3, &json!(2), &"rules.d/s.yaml".into())
    );
    assert_eq!(run(&broken, &["rules", "lint"]).code, 1);
}

#[rstest]
#[case::untested("rule_untested", |text: &str| text.split("tests:").next().unwrap().to_owned())]
#[case::only_passes("rule_untested", |text: &str| text.split("  - name: long").next().unwrap().to_owned())]
#[case::failing("test_fails", |text: &str| text.replace("abcdef: fail", "abcdef: pass"))]
#[case::always("dead_when", |text: &str| text.replace("check:", "when: 1 == 1\ncheck:"))]
#[case::never("dead_when", |text: &str| text.replace("check:", "when: 1 == 2\ncheck:"))]
#[case::unused_let("unused_name", |text: &str| text.replace("check:", "let: { other: tree.paths.size() }\ncheck:"))]
#[case::unused_parameter("unused_name", |text: &str| text.replace("check:", "params: { most: { type: int, default: 1 } }\ncheck:"))]
#[case::unused_data("unused_name", |text: &str| text.replace("check:", "data: { run: { file: a.json, optional: true } }\ncheck:"))]
#[case::no_way_out("no_remediation", |text: &str| text.replace("remediation: r\n", ""))]
#[case::vacuous("vacuous", |text: &str| text.replace(", min_items: 0", ""))]
#[case::vacuous_with_a_comment("vacuous", |text: &str| text.replace(", min_items: 0", "") + "# min_items: 0\n")]
fn lint_tells_what_is_odd(#[case] code: &str, #[case] change: fn(&str) -> String) {
    let good = tested("fail");
    let repo = staged(&[("rules.d/r.yaml", &good)]);
    assert_eq!(run(&repo, &["rules", "lint"]).code, 0);
    let text = change(&good);
    assert_ne!(text, good);
    repo.write("rules.d/r.yaml", text);
    let linted = run(&repo, &["rules", "lint", "--json"]);
    let json = linted.json();
    let findings = json["findings"].as_array().unwrap();
    assert_eq!(linted.code, 1, "{json:#}");
    assert!(findings.iter().any(|one| one["code"] == code && one["file"] == "rules.d/r.yaml"), "{json:#}");
    assert!(findings.iter().all(|one| one["line"].as_u64().unwrap() > 0 && one["help"] != ""), "{json:#}");
    assert!(run(&repo, &["rules", "lint"]).stdout.contains(code));
}

#[test]
fn explain_says_what_is_asked() {
    let repo =
        staged(&[("rules.d/r.yaml", &tested("fail")), ("rules.d/u.yaml", &example("60-uv-lock-check.yaml"))]);
    let json = run(&repo, &["rules", "explain", "no-long", "--json"]).json();
    assert_eq!(
        (&json["severity"], &json["capability"], &json["file"]),
        (&"error".into(), &"data".into(), &"rules.d/r.yaml".into())
    );
    assert_eq!((&json["looks_at"], &json["tests"]), (&json!(["tree"]), &json!(["short", "long"])));
    let text = run(&repo, &["rules", "explain", "no-long"]).stdout;
    assert!(text.contains("What no-long asks") && text.contains("p.size() < 5"), "{text}");
    let exec = run(&repo, &["rules", "explain", "uv-lock-check"]).stdout;
    assert!(exec.contains("uv lock --check --offline") && exec.contains("60s"), "{exec}");
    let built_in = run(&repo, &["rules", "explain", "work-packages"]);
    assert!(built_in.code == 0 && built_in.stdout.contains("wp_not_approved"), "{}", built_in.stdout);
    let unknown = run(&repo, &["rules", "explain", "no-lang", "--json"]);
    assert_eq!((unknown.code, &unknown.json()["error"]), (2, &"unknown_rule".into()));
    assert!(unknown.json()["help"].as_str().unwrap().contains("`no-long`"), "{}", unknown.stdout);
}

#[test]
fn list_shows_what_each_takes() {
    let repo = staged(&[
        ("rules.d/r.yaml", &blocking()),
        ("rules.d/u.yaml", &example("60-uv-lock-check.yaml")),
        ("rules.d/c.yaml", &example("61-ci-status.yaml")),
    ]);
    let json = run(&repo, &["rules", "list", "--capabilities", "--json"]).json();
    let of = |id: &str| {
        json["checks"].as_array().unwrap().iter().find(|check| check["id"] == id).cloned().unwrap_or_default()
    };
    let capability = |id: &str| of(id)["capability"].clone();
    assert_eq!(
        (capability("always-fails"), capability("uv-lock-check"), capability("ci-status")),
        ("data".into(), "exec".into(), "network".into())
    );
    assert_eq!(
        (capability("git-state"), of("git-state")["origin"]["kind"].clone()),
        ("data".into(), "built-in".into())
    );
    let takes = of("ci-status")["takes"].to_string();
    assert!(takes.contains("api.github.com") && takes.contains("GITHUB_TOKEN"), "{takes}");
    assert_eq!(
        of("always-fails")["origin"],
        json!({ "kind": "rules.d", "file": "rules.d/r.yaml", "line": 1 })
    );
    let text = run(&repo, &["rules", "list", "--capabilities"]).stdout;
    assert!(
        text.contains("exec: runs uv lock --check --offline") && text.contains("asks api.github.com"),
        "{text}"
    );
    let at_commit = run(&repo, &["rules", "list", "--stage", "commit", "--json"]).json();
    let ids: Vec<_> =
        at_commit["checks"].as_array().unwrap().iter().map(|check| check["id"].as_str().unwrap()).collect();
    assert!(
        ids.contains(&"always-fails") && !ids.contains(&"ci-status") && !ids.contains(&"conflict-forecast"),
        "{ids:?}"
    );
}

fn schema(of: &str) -> jsonschema::Validator {
    let printed = run(&TestRepo::new(), &["rules", "schema", "--of", of]);
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    jsonschema::validator_for(&printed.json()).unwrap()
}

#[test]
fn the_schema_knows_every_rule_of_this_repository() {
    let validator = schema("rule");
    let mut count = 0;
    for entry in fs::read_dir(examples()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !name.ends_with(".yaml") || name == "waivers.yaml" {
            continue;
        }
        let faults: Vec<_> = validator
            .iter_errors(&yaml(&example(&name)))
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert_eq!(faults, Vec::<String>::new(), "{name}");
        count += 1;
    }
    assert!(count >= 25, "{count}");
}

#[rstest]
fn the_schema_knows_what_new_writes(#[values(0, 1, 2, 3, 4, 5)] nth: usize) {
    let repo = TestRepo::new();
    run(&repo, &["rules", "new", "my-rule", "--kind", KINDS[nth]]);
    let faults: Vec<_> = schema("rule")
        .iter_errors(&yaml(&repo.read("rules.d/my-rule.yaml")))
        .map(|error| error.to_string())
        .collect();
    assert_eq!(faults, Vec::<String>::new());
}

#[rstest]
#[case::key("10-wp-has-owner.yaml", "severity:", "severty:")]
#[case::key_of_the_check("10-wp-has-owner.yaml", "min_items:", "min_item:")]
#[case::word("10-wp-has-owner.yaml", "severity: error", "severity: eror")]
#[case::stage("10-wp-has-owner.yaml", "[dry-run, merge]", "[dry-rum]")]
#[case::key_of_a_scan("51-no-secrets.yaml", "redact:", "redacted:")]
#[case::lines("51-no-secrets.yaml", "lines: added", "lines: new")]
#[case::key_of_exec("60-uv-lock-check.yaml", "    timeout:", "    timeut:")]
#[case::key_of_http("61-ci-status.yaml", "token_env:", "token:")]
#[case::key_of_a_test("10-wp-has-owner.yaml", "    given:", "    gven:")]
#[case::outcome("10-wp-has-owner.yaml", "WP01: pass }", "WP01: passes }")]
fn the_schema_rejects_what_is_misspelt(#[case] file: &str, #[case] from: &str, #[case] to: &str) {
    let text = example(file).replacen(from, to, 1);
    assert_ne!(text, example(file));
    assert!(!schema("rule").is_valid(&yaml(&text)), "{to}");
}

#[test]
fn the_other_files_have_schemas_too() {
    let waivers = yaml(
        "schema: clearance.waivers/v1\nwaivers: [{ rule: a, item: b, reason: c, expires: '2026-06-01' }]",
    );
    assert!(schema("waivers").is_valid(&waivers));
    assert!(!schema("waivers").is_valid(&yaml(
        "schema: clearance.waivers/v1\nwaivers: [{ rule: a, item: b, expires: '2026-06-01' }]"
    )));
    assert!(schema("trust-lock").is_valid(&yaml("schema: clearance.trust-lock/v1\ntrust: ['network:a']")));
    assert!(!schema("trust-lock").is_valid(&yaml("schema: clearance.trust-lock/v1\ntrusted: ['network:a']")));
}

#[rstest]
#[case(&["check", "--stage", "commit", "--rule", "always-fals"])]
#[case(&["check", "--stage", "commit", "--rule", "always-fals", "--trace"])]
#[case(&["rules", "trust", "show", "always-fals", "--rules-from", "head"])]
fn an_unknown_rule_is_answered_with_the_nearest(#[case] arguments: &[&str]) {
    let repo = staged(&[("rules.d/r.yaml", &blocking())]);
    let asked = with_env(&repo, &[], &[arguments, &["--json"]].concat());
    assert_eq!((asked.code, &asked.json()["error"]), (2, &"unknown_rule".into()), "{}", asked.stdout);
    assert!(asked.json()["help"].as_str().unwrap().contains("`always-fails`"), "{}", asked.stdout);
}
