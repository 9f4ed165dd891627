//! Parameters of built-in checks, set by files of `rules.d/`.

use rstest::rstest;
use serde_json::{Value, json};

use crate::ready::{MISSION, approved, codes, dry_run, ready, shell};
use crate::remotes::apart;
use crate::rules_support::{at_merge, commit_on, of, ready_with, unanswered};
use crate::support::{LOG, TestRepo, run, step, step_at};

const STRICT: &str = "schema: clearance.rule/v1\nid: target-sync\nparams: { strict: true }\n";

/// The parameters of a check, as `rules explain` tells them.
fn explained(repo: &TestRepo, id: &str) -> Value {
    run(repo, &["rules", "explain", id, "--json"]).json()
}

#[rstest]
#[case::behind(1, 0, "target_behind")]
#[case::diverged(1, 1, "target_diverged")]
#[case::ahead(0, 1, "")]
#[case::level(0, 0, "")]
fn a_strict_target_sync_blocks_without_a_push(
    #[case] theirs: usize,
    #[case] ours: usize,
    #[case] code: &str,
    #[values(true, false)] strict: bool,
) {
    let text = STRICT.replace("true", &strict.to_string());
    let repo = ready_with(&[("rules.d/target-sync.yaml", &text)]);
    apart(&repo, theirs, ours);
    let blocks = strict && !code.is_empty();
    let expected: &[&str] = if blocks { &[code] } else { &[] };
    assert_eq!(codes(&repo, &[]), expected);
    let warnings = dry_run(&repo, &["--json"]).json()["warnings"].as_array().unwrap().len();
    assert_eq!(warnings, usize::from(!strict && !code.is_empty()));
    let asked = at_merge(&repo, &[]);
    assert_eq!((asked.code, of(&asked, "target-sync")["verdict"] == "blocked"), (i32::from(blocks), blocks));
}

/// A mission cannot bring them along: they are those of the target, like all rules.
#[test]
fn parameters_are_those_of_the_target() {
    let brought = ready();
    commit_on(&brought, MISSION, &[("rules.d/t.yaml", STRICT)]);
    apart(&brought, 1, 0);
    assert_eq!(codes(&brought, &[]), Vec::<String>::new());
    let repo = ready_with(&[("rules.d/t.yaml", STRICT)]);
    apart(&repo, 1, 0);
    // What is only in the work tree counts where it is asked for.
    repo.write("rules.d/t.yaml", STRICT.replace("true", "false"));
    let verdict = |more: &[&str]| of(&at_merge(&repo, more), "target-sync")["verdict"].clone();
    assert_eq!((verdict(&[]), verdict(&["--rules-from", "head"])), ("blocked".into(), "cleared".into()));
}

/// What is written instead of what; the line; what is marked there; what is said and what helps.
#[rstest]
#[case::name(
    "strict: true",
    "strct: true",
    3,
    "strct",
    "no parameter `strct`",
    "did you mean `strict`? there are: strict"
)]
#[case::other_name("strict: true", "xyz: true", 3, "xyz", "no parameter `xyz`", "there are: strict")]
#[case::twice("strict: true", "strict: true, strct: true", 3, "strct", "no parameter `strct`", "`strict`")]
#[case::text(
    "strict: true",
    "strict: 'true'",
    3,
    "'true'",
    "`strict` is true or false, and this is a text",
    "write `strict: true`"
)]
#[case::number("strict: true", "strict: 1", 3, "1", "and this is a number", "`strict: true`")]
#[case::nothing("strict: true", "strict: null", 3, "null", "and this is nothing", "`strict: true`")]
#[case::list("strict: true", "strict: [true]", 3, "", "and this is a list", "`strict: true`")]
#[case::as_in_a_rule(
    "strict: true",
    "strict: { type: bool, default: true }",
    3,
    "",
    "and this is a record",
    "`strict: true`"
)]
#[case::none_at_all(
    "params: { strict: true }",
    "params: {}",
    2,
    "target-sync",
    "sets nothing of `target-sync`",
    "params: strict"
)]
#[case::no_names("{ strict: true }", "true", 3, "true", "names with values", "")]
#[case::key_of_a_rule("params:", "stages: [merge]\nparams:", 3, "stages", "`stages`", "severity, params")]
#[case::misspelt_key("params:", "parms:", 3, "parms", "`parms`", "`params`")]
#[case::without_any(
    "target-sync",
    "git-state",
    3,
    "strict",
    "`git-state` has no parameter `strict`: it has none",
    ""
)]
#[case::no_check("target-sync", "target-snyc", 2, "target-snyc", "`target-snyc`", "`target-sync`")]
fn mistakes_are_pointed_at(
    #[case] from: &str,
    #[case] to: &str,
    #[case] line: usize,
    #[case] marked: &str,
    #[case] said: &str,
    #[case] helped: &str,
) {
    let text = STRICT.replacen(from, to, 1);
    assert_ne!(text, STRICT);
    pointed_at(&text, line, marked, said, helped);
}

fn pointed_at(text: &str, line: usize, marked: &str, said: &str, helped: &str) {
    let repo = ready_with(&[("rules.d/t.yaml", text)]);
    let asked = at_merge(&repo, &[]);
    let told = unanswered(&asked, "rules.d/t.yaml");
    assert_eq!((asked.code, &told["code"]), (3, &"rule_invalid".into()), "{:#}", asked.json());
    let (message, help) = (told["message"].as_str().unwrap(), told["help"].as_str().unwrap_or_default());
    assert!(message.contains(said), "{message}");
    assert!(help.contains(helped), "{help}");
    let excerpt = &told["excerpts"][0];
    assert_eq!(excerpt["line"], line, "{told:#}");
    if !marked.is_empty() {
        let column = text.lines().nth(line - 1).unwrap().find(marked).unwrap() + 1;
        assert_eq!(excerpt["mark"], json!({ "column": column, "length": marked.len() }), "{told:#}");
    }
}

const READY: &str = "schema: clearance.rule/v1\nid: work-packages\nparams: { ready: [done, canceled] }\n";

/// Which lanes count, what is asked for then, and the command that gets there.
#[rstest]
#[case::default("approved, done, canceled", "approved", "")]
#[case::more_than_an_approval("done, canceled", "approved", "WP02 is in approved, and is not done|--to done")]
#[case::order_does_not_matter("canceled, done", "approved", "WP02 is in approved, and is not done|--to done")]
#[case::before_an_approval("in_review, approved", "in_review", "")]
#[case::nearest_on_the_way(
    "done, in_review",
    "planned",
    "WP02 is in planned, and is not in_review|--to claimed"
)]
#[case::not_the_default("in_review", "done", "WP02 is in done, and is not in_review|--force")]
#[case::given_up("approved, done", "canceled", "WP02 is in canceled, and is not approved|--force")]
#[case::off_the_way("blocked", "approved", "WP02 is in approved, and is not blocked|--to blocked")]
fn the_lanes_that_are_ready(#[case] ready: &str, #[case] lane: &str, #[case] said: &str) {
    let text = READY.replace("done, canceled", ready);
    let repo = ready_with(&[("rules.d/w.yaml", &text)]);
    let first = ready.split(", ").next().unwrap();
    repo.write(LOG, step("WP01", "in_progress", first) + &step("WP02", "in_progress", lane));
    repo.commit_all("Lanes");
    let told = of(&at_merge(&repo, &["--rule", "work-packages"]), "work-packages");
    let findings = told["findings"].as_array().unwrap();
    let Some((message, command)) = said.split_once('|') else {
        assert_eq!((findings.len(), &told["verdict"]), (0, &"cleared".into()), "{told:#}");
        return;
    };
    assert_eq!((findings.len(), &findings[0]["message"]), (1, &message.into()), "{told:#}");
    let remediation = findings[0]["remediation"].as_str().unwrap();
    assert!(remediation.contains(command), "{remediation}");
}

/// A work package that has no lane is not ready, whatever is.
#[test]
fn no_lane_is_never_ready() {
    let all = "planned, claimed, in_progress, for_review, in_review, approved, done, blocked, canceled";
    let repo = ready_with(&[("rules.d/w.yaml", &READY.replace("done, canceled", all))]);
    repo.write(LOG, approved("WP01"));
    repo.commit_all("One");
    assert_eq!(codes(&repo, &[]), ["wp_not_approved"]);
    for lane in ["genesis", "uninitialized"] {
        let text = READY.replace("done", lane);
        pointed_at(
            &text,
            3,
            lane,
            &format!("`{lane}` is nothing that `ready` knows"),
            "there are: planned, claimed",
        );
    }
}

#[rstest]
#[case::word(
    "done",
    "doen",
    "doen",
    "`doen` is nothing that `ready` knows",
    "did you mean `done`? there are: planned"
)]
#[case::capitals("done", "Done", "Done", "`Done`", "`done`")]
#[case::number("done", "1", "1", "`ready` is a list of texts, and this is a number", "there are: planned")]
#[case::text(
    "[done, canceled]",
    "done",
    "done",
    "`ready` is a list of texts, and this is a text",
    "write `ready: [done]`"
)]
#[case::nothing(
    "[done, canceled]",
    "[]",
    "",
    "`ready` names at least one",
    "write `ready: [approved, done, canceled]`"
)]
#[case::yes(
    "[done, canceled]",
    "true",
    "true",
    "and this is true or false",
    "write `ready: [approved, done, canceled]`"
)]
fn mistakes_in_a_list_are_pointed_at(
    #[case] from: &str,
    #[case] to: &str,
    #[case] marked: &str,
    #[case] said: &str,
    #[case] helped: &str,
) {
    pointed_at(&READY.replacen(from, to, 1), 3, marked, said, helped);
}

const FOUR_EYES: &str = "schema: clearance.rule/v1\nid: review-consistency\nparams: { four_eyes: true }\n";

/// One step of WP01, by somebody.
fn by(actor: &str, from: &str, to: &str, second: u32, more: &str) -> String {
    step_at("WP01", from, to, second, more).replace("\"ann\"", &format!("\"{actor}\""))
}

/// The same with an approval that somebody signs.
fn signed(actor: &str, reviewer: &str, from: &str, to: &str, second: u32) -> String {
    let evidence = format!(
        r#""evidence": {{"review": {{"reviewer": "{reviewer}", "verdict": "approved", "reference": "x"}}}}"#
    );
    by(actor, from, to, second, "").replace("\"evidence\": null", &evidence)
}

fn claimed(actor: &str) -> String {
    by(actor, "planned", "claimed", 1, "")
}

/// What the check of reviews finds, once it could look.
fn reviews(repo: &TestRepo, more: &[&str]) -> Vec<Value> {
    let asked = at_merge(repo, &[&["--rule", "review-consistency"], more].concat());
    assert!([0, 1].contains(&asked.code), "{:#}", asked.json());
    of(&asked, "review-consistency")["findings"].as_array().unwrap().clone()
}

const ITSELF: &str = "WP01 was approved by ann, who worked on it";

#[rstest]
#[case::somebody_else(claimed("bob") + &signed("ann", "ann", "in_review", "approved", 5), "")]
#[case::the_same(claimed("ann") + &signed("ann", "ann", "in_review", "approved", 5), ITSELF)]
#[case::other_letters(claimed(" ANN") + &signed("x", "ann", "in_review", "approved", 5), ITSELF)]
#[case::who_signs_counts(claimed("bob") + &signed("bob", "ann", "in_review", "approved", 5), "")]
#[case::signs_for_another(claimed("ann") + &signed("bob", "ann", "in_review", "approved", 5), ITSELF)]
#[case::unsigned(claimed("ann") + &by("ann", "in_review", "approved", 5, ""), ITSELF)]
#[case::signed_by_nobody(claimed("ann") + &signed("ann", "", "in_review", "approved", 5), ITSELF)]
#[case::went_on_with_it(
    claimed("bob") + &by("ann", "claimed", "in_progress", 2, "") + &signed("ann", "ann", "in_review", "approved", 5),
    ITSELF
)]
#[case::the_agent_of_a_claim(
    claimed("bob").replace("\"policy_metadata\": null", "\"policy_metadata\": {\"agent\": \"ann\"}")
        + &signed("ann", "ann", "in_review", "approved", 5),
    ITSELF
)]
#[case::who_sends_back_may_approve(
    claimed("bob") + &by("ann", "in_review", "in_progress", 2, "") + &signed("ann", "ann", "in_review", "approved", 5),
    ""
)]
#[case::done_by_another(
    claimed("ann") + &signed("ann", "ann", "in_review", "approved", 5) + &signed("bot", "bot", "approved", "done", 6),
    ITSELF
)]
#[case::done_by_the_worker(
    claimed("bob") + &signed("ann", "ann", "in_review", "approved", 5) + &signed("bob", "bob", "approved", "done", 6),
    ""
)]
#[case::approved_again(
    claimed("ann") + &signed("ann", "ann", "in_review", "approved", 5) + &by("cy", "approved", "in_progress", 6, "")
        + &signed("cy", "cy", "in_review", "approved", 7),
    ""
)]
#[case::nobody_known(
    signed("ann", "ann", "in_review", "approved", 5),
    "WP01 was approved by ann, and nothing says that somebody else worked on it"
)]
#[case::no_approver_known(
    claimed("bob") + &by("", "in_review", "approved", 5, ""),
    "WP01 is in approved, and nothing says who approved it"
)]
#[case::not_approved(claimed("ann") + &by("ann", "claimed", "in_progress", 2, ""), "")]
fn four_eyes(#[case] log: String, #[case] said: &str) {
    let repo = ready_with(&[("rules.d/r.yaml", FOUR_EYES)]);
    repo.write(LOG, &log);
    repo.commit_all("Log");
    let found: Vec<_> =
        reviews(&repo, &[]).iter().map(|one| (one["code"].clone(), one["message"].clone())).collect();
    let expected = (json!("review_not_independent"), json!(said));
    assert_eq!(found, if said.is_empty() { vec![] } else { vec![expected] });
    repo.write("rules.d/r.yaml", FOUR_EYES.replace("true", "false"));
    assert_eq!(
        reviews(&repo, &["--rules-from", "head"]),
        Vec::<Value>::new(),
        "it is not asked for by default"
    );
}

/// What an arbiter decided over the review of WP01.
fn decided(arbiter: &str, second: u32) -> String {
    let at = format!("2026-01-01T00:00:{second:02}Z");
    format!(
        r#"{{"actor": "{arbiter}", "at": "{at}", "delta": {{"review": {{"at": "{at}", "actor": "{arbiter}", "wp_id": "WP01", "reason": "it is fine"}}}}, "event_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV", "kind": "annotation", "wp_id": "WP01"}}
"#
    )
}

/// An arbiter answers for what they decide; one who worked on it does not.
#[rstest]
#[case("cy", &[])]
#[case("ann", &["review_not_independent"])]
fn an_arbiter_is_one_more_pair_of_eyes(#[case] arbiter: &str, #[case] expected: &[&str]) {
    let repo = ready_with(&[("rules.d/r.yaml", FOUR_EYES)]);
    let log = claimed("ann") + &signed("ann", "ann", "in_review", "approved", 5) + &decided(arbiter, 9);
    repo.write(LOG, &log);
    repo.commit_all("Log");
    let told = reviews(&repo, &[]);
    let found: Vec<_> = told.iter().map(|one| one["code"].as_str().unwrap()).collect();
    assert_eq!(found, expected);
}

/// A decision is over one round: it does not speak for the work of the next one, nor for the review of it.
#[rstest]
#[case::approved_by_the_worker(signed("ann", "ann", "in_review", "approved", 9), &["review_not_independent"])]
#[case::refused_and_done_all_the_same(
    by("bob", "in_review", "in_progress", 9, "").replace("\"review_ref\": null", REFUSED)
        + &by("ann", "in_progress", "done", 10, "").replace("\"force\": false", "\"force\": true"),
    &["review_not_independent", "review_rejected"]
)]
#[case::approved_by_another(signed("bob", "bob", "in_review", "approved", 9), &[])]
fn a_decision_ends_with_its_round(#[case] then: String, #[case] expected: &[&str]) {
    let repo = ready_with(&[("rules.d/r.yaml", FOUR_EYES)]);
    let first = claimed("ann")
        + &by("ann", "in_progress", "for_review", 2, "")
        + &by("bob", "for_review", "in_review", 3, "")
        + &decided("cy", 4)
        + &signed("bob", "bob", "in_review", "approved", 5);
    let second = by("bob", "approved", "in_progress", 6, "")
        + &by("ann", "in_progress", "for_review", 7, "")
        + &by("bob", "for_review", "in_review", 8, "");
    repo.write(LOG, first + &second + &then);
    repo.commit_all("Log");
    let told = reviews(&repo, &[]);
    let mut found: Vec<_> = told.iter().map(|one| one["code"].as_str().unwrap()).collect();
    found.sort_unstable();
    assert_eq!(found, expected);
}

const REFUSED: &str = r#""review_ref": "r", "review_result": {"reviewer": "bob", "verdict": "changes_requested", "reference": "r"}"#;

/// The way out leads to an approval by somebody else.
#[rstest]
#[case("approved")]
#[case("done")]
fn the_way_out_of_an_approval_of_ones_own(#[case] lane: &str) {
    let repo = ready_with(&[("rules.d/r.yaml", FOUR_EYES)]);
    let of_both = claimed("ann") + &signed("ann", "ann", "in_review", lane, 5);
    repo.write(
        LOG,
        of_both.clone()
            + &of_both.replace("WP01", "WP02").replace("\"reviewer\": \"ann\"", "\"reviewer\": \"r\""),
    );
    repo.commit_all("Log");
    assert_eq!(codes(&repo, &[]), ["review_not_independent"]);
    let command = dry_run(&repo, &["--json"]).json()["remediation"].as_str().unwrap().replace("NAME", "bob");
    let binary = crate::support::binary().parent().unwrap().display().to_string();
    let pasted = shell(&repo, &format!("PATH='{binary}':$PATH {command}"));
    assert_eq!(pasted.code, 0, "{command}: {}", pasted.stderr);
    let again =
        ["move", "WP01", "--to", "approved", "--mission", "m", "--reviewer", "bob", "--evidence", "PR#1"];
    let moved = run(&repo, &again);
    assert_eq!(moved.code, 0, "{} {}", moved.stdout, moved.stderr);
    repo.commit_all("Approved");
    assert_eq!(codes(&repo, &[]), Vec::<String>::new());
}

/// A severity of what guards the step would do nothing: it is refused, and told what does something.
#[rstest]
#[case::milder("target-sync", "warning", "less cannot be made of it", "mend that instead")]
#[case::stricter(
    "target-sync",
    "error",
    "no severity is set of it",
    "write `params: { strict: true }` instead"
)]
#[case::nothing_to_set("git-state", "error", "no severity is set of it", "leave this out: what it finds")]
#[case::with_a_parameter(
    "target-sync\nparams: { strict: true }",
    "error",
    "no severity is set of it",
    "write `params: { strict: true }` instead"
)]
fn a_guard_of_the_step_has_no_severity(
    #[case] id: &str,
    #[case] severity: &str,
    #[case] said: &str,
    #[case] helped: &str,
) {
    let text = format!("schema: clearance.rule/v1\nid: {id}\nseverity: {severity}\n");
    pointed_at(&text, text.lines().count(), severity, said, helped);
}

#[rstest]
#[case("target-sync", "params: strict")]
#[case("git-state", "nothing of it can be set")]
#[case("status-log", "severity: error, warning, info or off")]
fn what_can_be_set_is_told(#[case] id: &str, #[case] helped: &str) {
    pointed_at(&format!("schema: clearance.rule/v1\nid: {id}\n"), 2, id, "this sets nothing of", helped);
}

#[test]
fn parameters_are_explained_and_listed() {
    let repo = TestRepo::new();
    let plain = explained(&repo, "target-sync");
    let param = &plain["params"][0];
    assert_eq!(
        (&param["name"], &param["type"], &param["default"], &param["value"], &param["file"]),
        (&"strict".into(), &"bool".into(), &false.into(), &Value::Null, &Value::Null)
    );
    assert_eq!((&plain["set"], explained(&repo, "git-state")["params"].clone()), (&Value::Null, json!([])));
    let text = run(&repo, &["rules", "explain", "target-sync"]).stdout;
    assert!(text.contains("strict = false (the default): a target that lacks commits"), "{text}");
    repo.write("rules.d/t.yaml", STRICT);
    repo.write("rules.d/u.yaml", "schema: clearance.rule/v1\nid: work-packages\nseverity: warning\n");
    let set = explained(&repo, "target-sync");
    assert_eq!(
        (&set["params"][0]["value"], &set["params"][0]["file"], &set["set"]),
        (&true.into(), &"rules.d/t.yaml".into(), &json!({ "file": "rules.d/t.yaml", "severity": null }))
    );
    assert_eq!(
        explained(&repo, "work-packages")["set"],
        json!({ "file": "rules.d/u.yaml", "severity": "warning" })
    );
    for command in [&["rules", "explain", "target-sync"][..], &["rules", "list", "--capabilities"]] {
        let text = run(&repo, command).stdout;
        assert!(text.contains("strict = true (rules.d/t.yaml; the default is false)"), "{text}");
    }
    let text = run(&repo, &["rules", "explain", "work-packages"]).stdout;
    assert!(text.contains("warning (rules.d/u.yaml)"), "{text}");
    let listed = run(&repo, &["rules", "list", "--capabilities", "--json"]).json();
    let of =
        |id: &str| listed["checks"].as_array().unwrap().iter().find(|one| one["id"] == id).unwrap().clone();
    assert_eq!(of("target-sync")["params"], set["params"]);
    assert_eq!(of("git-state")["params"], json!([]));
}

/// Editors tell what a file for a check may set.
#[rstest]
#[case::good("", "", true)]
#[case::severity("params:", "severity: error\nparams:", false)]
#[case::severity_of_an_agreement(
    "target-sync\nparams: { strict: true }",
    "status-log\nseverity: error",
    true
)]
#[case::name("strict:", "strct:", false)]
#[case::value("true", "'true'", false)]
#[case::as_in_a_rule("strict: true", "strict: { type: bool, default: true }", false)]
#[case::of_another_check("target-sync", "git-state", false)]
#[case::key_of_a_rule("params:", "stages: [merge]\nparams:", false)]
#[case::list("target-sync\nparams: { strict: true }", "work-packages\nparams: { ready: [done] }", true)]
#[case::word("target-sync\nparams: { strict: true }", "work-packages\nparams: { ready: [doen] }", false)]
fn the_schema_knows_them(#[case] from: &str, #[case] to: &str, #[case] good: bool) {
    let printed = run(&TestRepo::new(), &["rules", "schema"]).json();
    let validator = jsonschema::validator_for(&printed).unwrap();
    let text = STRICT.replacen(from, to, 1);
    assert_eq!(validator.is_valid(&clearance_testkit::yaml(&text)), good, "{text}");
}
