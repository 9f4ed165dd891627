//! `check --rule ID --trace`: what a rule looked at, for one item.

use std::fs;

use rstest::rstest;
use serde_json::{Value, json};

use crate::ready::ready;
use crate::rules_support::{of, rule};
use crate::support::run;

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
