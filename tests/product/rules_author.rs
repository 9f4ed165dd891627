//! What somebody who writes rules gets: a beginning, tests, a linter, explanations, a schema, a trace.

use std::fs;

use clearance_testkit::yaml;
use rstest::rstest;
use serde_json::{Value, json};

use crate::ready::ready;
use crate::rules_support::{blocking, example, examples, of, passing, rule, staged, with_env};
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

const OWNER: &str = "let: { names: 'wps.map(w, w.agent)' }\ncheck: { each: wps, as: wp, key: wp.id, min_items: 1, assert: 'wp.agent != \"\" && names.size() == 2' }\nmessage: '{{ wp.id }}'\nremediation: r\n";

#[test]
fn a_trace_shows_the_values_of_all_parts() {
    let repo = ready();
    repo.write("rules.d/r.yaml", rule("wp-owner", OWNER));
    repo.write("kitty-specs/m/tasks/WP02-b.md", "---\nsubtasks: []\nagent: ada\n---\n");
    repo.commit_all("An agent");
    let ask = |more: &[&str]| {
        let fixed = ["check", "--mission", "m", "--rules-from", "head", "--rule", "wp-owner", "--trace"];
        run(&repo, &[&fixed, more].concat())
    };
    let value = |json: &Value, expression: &str| {
        let steps = json["trace"]["steps"].as_array().unwrap().clone();
        let step =
            steps.iter().find(|step| step["expression"] == expression).unwrap_or_else(|| panic!("{json:#}"));
        step["value"].clone()
    };
    let first = ask(&["--json"]);
    let json = first.json();
    assert_eq!(
        (first.code, &json["trace"]["item"], &json["trace"]["outcome"]),
        (1, &"WP01".into(), &"fail".into())
    );
    assert_eq!(value(&json, "wp.agent"), "");
    assert_eq!(value(&json, "wp.agent != \"\""), false);
    let second = ask(&["--json", "--item", "WP02"]).json();
    assert_eq!((&second["trace"]["item"], &second["trace"]["outcome"]), (&"WP02".into(), &"pass".into()));
    assert_eq!((value(&second, "wp.agent"), value(&second, "names.size()")), ("ada".into(), 2.into()));
    assert!(
        second["trace"].to_string().contains("\"\",\"ada\""),
        "the values of `let` are shown: {second:#}"
    );
    let text = ask(&["--item", "WP02"]).stdout;
    assert!(text.starts_with("wp-owner, item WP02: pass\n") && text.contains("\"ada\""), "{text}");
}

/// What blocks is shown before what is excepted.
#[rstest]
#[case::the_first("WP01", "WP02", "fail")]
#[case::the_second("WP02", "WP01", "fail")]
#[case::neither("WP09", "WP01", "fail")]
fn a_trace_shows_what_blocks(#[case] excepted: &str, #[case] item: &str, #[case] outcome: &str) {
    let repo = ready();
    repo.write("rules.d/r.yaml", rule("wp-owner", &format!("{OWNER}waivable: true\n")));
    let waiver =
        format!("{{ rule: wp-owner, item: {excepted}, reason: it is an old one, expires: 2026-06-01 }}");
    repo.write("rules.d/waivers.yaml", format!("schema: clearance.waivers/v1\nwaivers: [{waiver}]\n"));
    repo.commit_all("Waiver");
    let fixed =
        ["check", "--mission", "m", "--rules-from", "head", "--rule", "wp-owner", "--trace", "--json"];
    let json = run(&repo, &fixed).json();
    assert_eq!(
        (&json["trace"]["item"], &json["trace"]["outcome"]),
        (&item.into(), &outcome.into()),
        "{json:#}"
    );
}

/// Alone, a rule waits for what nobody asks; beside all others, for what is in the way.
#[test]
fn a_rule_alone_says_what_is_not_asked() {
    let repo = ready();
    let text = "check: { assert: diff.files.size() < 100 }\nmessage: m\nremediation: r\n";
    repo.write("rules.d/r.yaml", rule("own-diff", text));
    repo.git(&["branch", "-D", crate::ready::MISSION]);
    let fixed = ["check", "--mission", "m", "--rules-from", "head", "--json"];
    let alone = run(&repo, &[&fixed[..], &["--rule", "own-diff"]].concat());
    let told = of(&alone, "own-diff")["unanswered"][0].clone();
    assert_eq!(alone.code, 3, "{:#}", alone.json());
    assert_eq!(told["message"], "it waits for conflict-forecast, which was not asked");
    assert!(told["help"].as_str().unwrap().contains("`clearance check`"), "{told:#}");
    let all = run(&repo, &fixed);
    assert_eq!((all.code, of(&all, "own-diff")["unanswered"].clone()), (1, json!([])), "{:#}", all.json());
}

/// A rule that waits for a check says for which.
#[rstest]
#[case::in_the_document("{ assert: diff.files.size() < 100 }")]
#[case::while_it_looks("{ scan: { files: ['**'], lines: all, forbid: xyzzy } }")]
fn a_trace_says_what_its_rule_waits_for(#[case] check: &str) {
    let repo = ready();
    let text = format!("check: {check}\nmessage: m\nremediation: r\n");
    repo.write("rules.d/r.yaml", rule("own-diff", &text));
    repo.git(&["branch", "-D", crate::ready::MISSION]);
    let fixed = ["check", "--mission", "m", "--rules-from", "head", "--rule", "own-diff"];
    let traced = run(&repo, &[&fixed[..], &["--trace", "--json"]].concat());
    let json = traced.json();
    let why = "can look once conflict-forecast finds nothing";
    assert_eq!((traced.code, &json["why"], &json["skipped"]), (3, &why.into(), &false.into()), "{json:#}");
    assert_eq!(run(&repo, &[&fixed[..], &["--trace"]].concat()).stdout, format!("own-diff {why}\n"));
}

/// Items of one name are told apart, in a trace too.
#[rstest]
#[case("same", "fail", "")]
#[case("same#2", "pass", "ada")]
fn a_trace_is_of_the_item_that_is_named(#[case] item: &str, #[case] outcome: &str, #[case] agent: &str) {
    let repo = ready();
    repo.write("rules.d/r.yaml", rule("wp-owner", &OWNER.replace("key: wp.id", "key: '\"same\"'")));
    repo.write("kitty-specs/m/tasks/WP02-b.md", "---\nsubtasks: []\nagent: ada\n---\n");
    repo.commit_all("An agent");
    let asked =
        ["check", "--mission", "m", "--rules-from", "head", "--rule", "wp-owner", "--trace", "--json"];
    let json = run(&repo, &[&asked[..], &["--item", item]].concat()).json();
    assert_eq!(
        (&json["trace"]["item"], &json["trace"]["outcome"]),
        (&item.into(), &outcome.into()),
        "{json:#}"
    );
    let steps = json["trace"]["steps"].as_array().unwrap();
    assert!(steps.iter().any(|step| step["expression"] == "wp.agent" && step["value"] == agent), "{json:#}");
}

/// A trace ends like the check that it explains: with its exit code, and with a word of why nothing was asked.
#[rstest]
#[case::off("severity: error", "severity: off", "m", 4, "it is off in rules.d/r.yaml")]
#[case::of_another_stage("[commit, merge]", "[commit]", "m", 4, "it is asked at commit, and this is merge")]
#[case::of_two_others(
    "[commit, merge]",
    "[commit, mark-status]",
    "m",
    4,
    "it is asked at mark-status, commit, and this is merge"
)]
#[case::skipped("check:", "when: 1 == 2\ncheck:", "m", 4, "its `when` does not hold")]
#[case::no_mission("", "", "", 4, "it is about a mission, and this is about none")]
#[case::warning("severity: error", "severity: warning", "m", 0, "")]
#[case::fails("", "", "m", 1, "")]
#[case::passes("wp.agent != \"\"", "wp.agent == \"\"", "m", 0, "")]
#[case::no_answer("wp.agent != \"\"", "wps[9].agent == \"\"", "m", 3, "")]
#[case::of_nothing("each: wps", "each: 'wps.filter(w, w.id == \"x\")'", "m", 1, "")]
fn a_trace_ends_like_its_check(
    #[case] from: &str,
    #[case] to: &str,
    #[case] mission: &str,
    #[case] code: i32,
    #[case] why: &str,
) {
    let repo = ready();
    let text = rule("wp-owner", OWNER).replacen(from, to, 1);
    repo.write("rules.d/r.yaml", text);
    if mission.is_empty() {
        fs::remove_dir_all(repo.root().join("kitty-specs")).unwrap();
    }
    let named: &[&str] = if mission.is_empty() { &[] } else { &["--mission", mission] };
    let fixed = [&["check", "--rules-from", "head", "--rule", "wp-owner"], named].concat();
    let (check, traced) = (run(&repo, &fixed), run(&repo, &[&fixed[..], &["--trace", "--json"]].concat()));
    assert_eq!((check.code, traced.code), (code, code), "{} {}", check.stdout, traced.stdout);
    let json = traced.json();
    assert_eq!((&json["exit_code"], &json["skipped"]), (&code.into(), &(code == 4).into()), "{json:#}");
    assert_eq!(json["why"].as_str().unwrap_or_default(), why);
    let people = run(&repo, &[&fixed[..], &["--trace"]].concat());
    assert_eq!(people.code, code);
    if code == 4 {
        assert_eq!(people.stdout, format!("wp-owner does not apply: {why}\n"));
    }
}

#[rstest]
#[case::near("WP03", OWNER, "did you mean `WP02`?")]
#[case::far("x", OWNER, "there are: WP01, WP02")]
#[case::none(
    "WP01",
    "check: { each: 'wps.filter(w, w.id == \"x\")', as: wp, key: wp.id, min_items: 0, assert: 'wp.id != \"\"' }\nmessage: m\n",
    "it has none"
)]
fn an_item_that_is_not_there(#[case] item: &str, #[case] text: &str, #[case] help: &str) {
    let repo = ready();
    repo.write("rules.d/r.yaml", rule("wp-owner", text));
    let fixed =
        ["check", "--mission", "m", "--rules-from", "head", "--rule", "wp-owner", "--trace", "--item"];
    let asked = run(&repo, &[&fixed, &[item, "--json"][..]].concat());
    let json = asked.json();
    assert_eq!((asked.code, &json["error"]), (2, &"unknown_item".into()), "{json:#}");
    assert!(json["help"].as_str().unwrap().starts_with(help), "{json:#}");
    assert!(json["message"].as_str().unwrap().contains(&format!("`{item}`")), "{json:#}");
}

/// Where nothing could be told, it is not known which items there are.
#[test]
fn an_item_of_a_rule_that_could_not_look() {
    let repo = ready();
    let text = rule("wp-owner", &OWNER.replace("wps.map(w, w.agent)", "[wps[9].agent]"));
    repo.write("rules.d/r.yaml", text);
    let fixed = ["check", "--mission", "m", "--rules-from", "head", "--rule", "wp-owner", "--trace"];
    let asked = run(&repo, &[&fixed, &["--item", "WP01", "--json"][..]].concat());
    assert_eq!(
        (asked.code, &asked.json()["items"][0]["outcome"]),
        (3, &"error".into()),
        "{:#}",
        asked.json()
    );
}

/// What is excepted is shown as that, and does not block; what must not be excepted is not.
#[rstest]
#[case("waivable: true\n", 0, "waived", "waived until 2026-06-01 by ada: it is an old one")]
#[case("waivable: false\n", 1, "fail", "fail")]
fn a_trace_knows_what_is_waived(
    #[case] waivable: &str,
    #[case] code: i32,
    #[case] outcome: &str,
    #[case] shown: &str,
) {
    let repo = ready();
    repo.write("kitty-specs/m/tasks/WP02-b.md", "---\nsubtasks: []\nagent: ada\n---\n");
    repo.write("rules.d/r.yaml", rule("wp-owner", &format!("{OWNER}{waivable}")));
    repo.write("rules.d/waivers.yaml", "schema: clearance.waivers/v1\nwaivers:\n  - { rule: wp-owner, item: WP01, reason: it is an old one, expires: 2026-06-01, by: ada }\n  - { rule: wp-owner, item: WP02, reason: it is an old one, expires: 2026-06-01 }\n");
    repo.commit_all("Waiver");
    let ask = |more: &[&str]| {
        let fixed = ["check", "--mission", "m", "--rules-from", "head", "--rule", "wp-owner"];
        run(&repo, &[&fixed, more].concat())
    };
    let traced = ask(&["--trace", "--json"]);
    let json = traced.json();
    assert_eq!((ask(&[]).code, traced.code), (code, code), "{json:#}");
    assert_eq!((&json["items"][0]["outcome"], &json["trace"]["outcome"]), (&outcome.into(), &outcome.into()));
    assert_eq!(json["items"][0]["waived"]["by"] == "ada", code == 0, "{json:#}");
    // What holds is not excepted.
    assert_eq!((&json["items"][1]["outcome"], &json["items"][1]["waived"]), (&"pass".into(), &Value::Null));
    let text = ask(&["--trace"]).stdout;
    assert!(text.starts_with(&format!("wp-owner, item WP01: {shown}\n")), "{text}");
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
