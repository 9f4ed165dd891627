//! Whose rules count: a change cannot weaken the gate that it has to pass.

use rstest::rstest;
use serde_json::json;

use crate::ready::{LANE_A, LANE_B, MISSION, dry_run, lane};
use crate::rules_support::{
    at_merge, blocking, commit_on, found, items, of, passing, proposed, ready_with, rule, staged, with_env,
    write_all,
};
use crate::support::{Run, TestRepo, run};

/// A target whose rule finds something, and branches that have it.
fn gated() -> TestRepo {
    let repo = ready_with(&[("rules.d/r.yaml", &blocking())]);
    for branch in [MISSION, LANE_A, LANE_B] {
        repo.git(&["checkout", "--quiet", branch]);
        repo.git(&["merge", "--quiet", "--no-edit", "main"]);
    }
    repo.git(&["checkout", "--quiet", "main"]);
    repo
}

const WAIVER: &str = "schema: clearance.waivers/v1\nwaivers:\n  - { rule: always-fails, item: '*', reason: nobody needs it at all, expires: 2026-06-01 }\n";

/// What somebody who wants to get past a rule would do to it.
type Weaken = fn(&TestRepo);

fn weakened(severity: &str) -> String {
    blocking().replace("severity: error", &format!("severity: {severity}"))
}

#[rstest]
#[case::removed(|repo: &TestRepo| std::fs::remove_file(repo.root().join("rules.d/r.yaml")).unwrap())]
#[case::off(|repo: &TestRepo| drop(repo.write("rules.d/r.yaml", weakened("off"))))]
#[case::a_warning(|repo: &TestRepo| drop(repo.write("rules.d/r.yaml", weakened("warning"))))]
#[case::of_another_step(|repo: &TestRepo| drop(repo.write("rules.d/r.yaml", blocking().replace("[commit, merge]", "[mark-status]"))))]
#[case::passes(|repo: &TestRepo| drop(repo.write("rules.d/r.yaml", passing("always-fails"))))]
#[case::broken(|repo: &TestRepo| drop(repo.write("rules.d/r.yaml", "nothing: here\n")))]
#[case::waived(|repo: &TestRepo| drop(repo.write("rules.d/waivers.yaml", WAIVER)))]
fn a_change_does_not_weaken_its_gate(
    #[case] weaken: Weaken,
    #[values("mission", "lane", "work tree", "index")] place: &str,
    #[values("merge", "CI")] asked: &str,
) {
    let repo = gated();
    match place {
        "mission" | "lane" => {
            repo.git(&["checkout", "--quiet", if place == "lane" { LANE_A } else { MISSION }]);
            weaken(&repo);
            repo.commit_all("Weaker");
            repo.git(&["checkout", "--quiet", "main"]);
        }
        _ => weaken(&repo),
    }
    if place == "index" {
        repo.git(&["add", "--all"]);
    }
    let run = match asked {
        "merge" => at_merge(&repo, &[]),
        _ => with_env(&repo, &[("CI", "1")], &["check", "--mission", "m", "--stage", "commit", "--json"]),
    };
    assert_eq!(
        (run.code, found(&run, "always-fails")),
        (1, vec!["* always-fails".to_owned()]),
        "{:#}",
        run.json()
    );
    assert_eq!(of(&run, "always-fails")["findings"][0]["waived"], json!(null));
    let dry = dry_run(&repo, &["--json"]);
    assert_eq!((dry.code, &dry.json()["ready"]), (1, &false.into()));
    assert!(dry.json()["blockers"].to_string().contains("always-fails"));
}

/// The target itself decides, at once: there the same change counts.
#[test]
fn the_target_decides() {
    let repo = gated();
    commit_on(&repo, "main", &[("rules.d/waivers.yaml", WAIVER)]);
    assert_eq!(at_merge(&repo, &[]).code, 0);
    commit_on(&repo, "main", &[("rules.d/r.yaml", &weakened("off"))]);
    assert_eq!(found(&at_merge(&repo, &[]), "always-fails"), Vec::<String>::new());
    // The target that is asked about, not the one that is checked out.
    repo.git(&["branch", "release", "main~2"]);
    assert_eq!(found(&at_merge(&repo, &["--target", "release"]), "always-fails"), ["* always-fails"]);
}

#[test]
fn a_change_of_rules_is_told_and_its_version_is_only_shown() {
    let repo = gated();
    commit_on(&repo, "main", &[("rules.d/r.yaml", &passing("always-fails"))]);
    let proposes = [
        ("rules.d/new.yaml", blocking().replace("always-fails", "new-one")),
        ("rules.d/bad.yaml", "id: x\n".to_owned()),
    ];
    let proposes: Vec<_> = proposes.iter().map(|(name, text)| (*name, text.as_str())).collect();
    commit_on(&repo, MISSION, &proposes);
    let asked = at_merge(&repo, &[]);
    assert_eq!((asked.code, &asked.json()["verdict"]), (0, &"cleared".into()), "{:#}", asked.json());
    let told = of(&asked, "rules-changed");
    assert_eq!(
        (&told["findings"][0]["code"], &told["findings"][0]["severity"]),
        (&"rules_changed".into(), &"warning".into())
    );
    assert_eq!(of(&asked, "new-one"), json!(null), "it is no check of this merge");
    assert_eq!(proposed(&asked, "new-one")["findings"][0]["message"], "it never holds");
    assert_eq!(proposed(&asked, "rules.d/bad.yaml")["unanswered"][0]["code"], "rule_invalid");
    assert_eq!(proposed(&asked, "always-fails"), json!(null), "what is as on the target is not asked twice");
    let dry = dry_run(&repo, &["--json"]);
    assert_eq!((dry.code, &dry.json()["ready"]), (0, &true.into()));
    for shown in [run(&repo, &["check", "--mission", "m"]), dry_run(&repo, &[])] {
        assert_eq!(shown.code, 0);
        assert!(
            shown.stdout.contains("rules_changed") && shown.stdout.contains("new-one"),
            "{}",
            shown.stdout
        );
        assert!(shown.stdout.contains("proposed"), "{}", shown.stdout);
    }
    let none = at_merge(&gated(), &[]);
    assert_eq!((&none.json()["proposed"], found(&none, "rules-changed")), (&json!([]), Vec::new()));
}

#[rstest]
#[case::changed("rules.d/r.yaml", "always-fails")]
#[case::added("rules.d/more.yaml", "another-one")]
fn a_lane_proposes_too(#[case] file: &str, #[case] id: &str) {
    let repo = gated();
    let text = rule(id, "check: { item: lane, assert: 1 == 2 }\nmessage: of the lane\nremediation: r\n");
    commit_on(&repo, LANE_B, &[(file, &text)]);
    let asked = at_merge(&repo, &[]);
    assert_eq!(proposed(&asked, id)["findings"][0]["message"], "of the lane", "{:#}", asked.json());
    assert_eq!(found(&asked, "always-fails"), ["* always-fails"], "the target's own says what it said");
    assert_eq!(of(&asked, "rules-changed")["verdict"], "cleared", "a warning");
}

/// A proposed program is not run, whoever trusts it.
#[test]
fn a_proposed_program_is_not_run() {
    let repo = gated();
    commit_on(&repo, "main", &[("rules.d/r.yaml", &passing("always-fails"))]);
    let mark = repo.outside().join("mark");
    let argv = format!("[touch, '{}']", mark.display());
    let exec = |argv: &str| {
        rule(
            "runs-it",
            &format!(
                "check: {{ exec: {{ argv: {argv}, timeout: 9s, pass: [0], fail: [1] }} }}\nmessage: m\nremediation: r\n"
            ),
        )
    };
    commit_on(&repo, MISSION, &[("rules.d/x.yaml", &exec(&argv))]);
    write_all(&repo, &[("rules.d/x.yaml", &exec(&argv))]);
    let shown = run(
        &repo,
        &["rules", "trust", "show", "runs-it", "--mission", "m", "--rules-from", "head", "--json"],
    )
    .json();
    let grant = shown["rules"][0]["grant"].as_str().unwrap_or_else(|| panic!("{shown:#}"));
    std::fs::remove_file(repo.root().join("rules.d/x.yaml")).unwrap();
    let asked = at_merge(&repo, &["--trust", grant]);
    assert_eq!(asked.code, 0, "{:#}", asked.json());
    assert!(proposed(&asked, "runs-it")["skipped"].is_string(), "{:#}", asked.json());
    assert!(!mark.exists(), "it ran");
}

/// The step, the place that is named, CI; and whether the rule of the target, of the work tree or of the directory is asked.
#[rstest]
#[case(&["--stage", "merge"], None, "of-base")]
#[case(&["--stage", "merge", "--rules-from", "base"], None, "of-base")]
#[case(&["--stage", "merge", "--rules-from", "head"], None, "of-head")]
#[case(&["--stage", "merge", "--rules-from", "head"], Some("true"), "of-head")]
#[case(&["--stage", "merge", "--rules-from", "../other"], None, "of-directory")]
#[case(&["--stage", "commit"], None, "of-head")]
#[case(&["--stage", "commit"], Some(""), "of-head")]
#[case(&["--stage", "commit"], Some("0"), "of-head")]
#[case(&["--stage", "commit"], Some("false"), "of-head")]
#[case(&["--stage", "commit"], Some("true"), "of-base")]
#[case(&["--stage", "commit"], Some("woodpecker"), "of-base")]
#[case(&["--stage", "commit", "--rules-from", "head"], Some("1"), "of-head")]
#[case(&["--stage", "commit", "--rules-from", "base"], None, "of-base")]
#[case(&["--stage", "commit", "--rules-from", "../other"], Some("1"), "of-directory")]
#[case(&["--stage", "mark-status"], None, "of-head")]
#[case(&["--stage", "mark-status"], Some("1"), "of-base")]
fn where_rules_are_read(#[case] more: &[&str], #[case] ci: Option<&str>, #[case] expected: &str) {
    let text = |id: &str| passing(id).replace("[commit, merge]", "[commit, mark-status, merge]");
    let repo = ready_with(&[("rules.d/r.yaml", &text("of-base"))]);
    repo.write("rules.d/r.yaml", text("of-head"));
    clearance_testkit::write(repo.outside(), "other/r.yaml", text("of-directory"));
    repo.git(&["stash", "--quiet"]);
    repo.git(&["stash", "apply", "--quiet"]);
    let env: Vec<_> = ci.map(|ci| ("CI", ci)).into_iter().collect();
    let asked = with_env(&repo, &env, &[&["check", "--mission", "m", "--json"], more].concat());
    let told: Vec<_> =
        ["of-base", "of-head", "of-directory"].into_iter().filter(|id| !of(&asked, id).is_null()).collect();
    assert_eq!(told, [expected], "{:#}", asked.json());
    assert_eq!(items(&asked, expected), ["* pass"]);
}

/// Where no rules can be, nothing is cleared for want of them.
#[rstest]
#[case("nowhere")]
#[case("../nowhere")]
#[case("shared.txt")]
#[case("")]
fn a_directory_that_is_not_there(#[case] place: &str) {
    let repo = ready_with(&[("rules.d/r.yaml", &passing("a-rule"))]);
    let asked = at_merge(&repo, &["--rules-from", place]);
    assert_eq!((asked.code, asked.json()["exit_code"].as_i64()), (2, Some(2)), "{}", asked.stdout);
}

/// Before a commit, the rule is asked as it is in the work tree.
#[test]
fn before_a_commit_the_work_tree_counts() {
    let repo = staged(&[("rules.d/r.yaml", &passing("a-rule"))]);
    repo.commit_all("Rule");
    repo.write("rules.d/r.yaml", blocking());
    assert_eq!(run(&repo, &["check", "--stage", "commit"]).code, 1);
    assert_eq!(with_env(&repo, &[("CI", "true")], &["check", "--stage", "commit"]).code, 0);
}

/// A target that there is only as a remote's branch is read there.
#[test]
fn a_target_of_a_remote_has_rules_too() {
    let repo = staged(&[("rules.d/r.yaml", &blocking())]);
    repo.commit_all("Rule");
    repo.git(&["clone", "--quiet", ".", "../clone"]);
    let clone = repo.outside().join("clone");
    repo.git(&["-C", "../clone", "checkout", "--quiet", "-b", "topic"]);
    repo.git(&["-C", "../clone", "rm", "--quiet", "-r", "rules.d"]);
    repo.git(&["-C", "../clone", "branch", "--quiet", "-D", "main"]);
    let asked = Run::of(crate::support::command(&clone).args(["check", "--stage", "merge", "--json"]));
    assert_eq!(found(&asked, "always-fails"), ["* always-fails"], "{:#}", asked.json());
}

/// Where the result of the merge is not known yet because something blocks it, rules that look at it wait: the blocker is
/// told, and nothing else is in its way.
#[rstest]
#[case::diff("check: { assert: diff.added >= 0 }")]
#[case::tree("check: { assert: tree.paths.size() > 0 }")]
#[case::scan("check: { scan: { files: '**', lines: added, forbid: BAD } }")]
#[case::data("data: { d: { file: x.json, optional: true } }\ncheck: { assert: d == null }")]
fn rules_wait_for_what_blocks(
    #[case] check: &str,
    #[values("missing_mission_branch", "lane_conflict")] code: &str,
) {
    let repo = ready_with(&[(
        "rules.d/r.yaml",
        &rule("looks-at-it", &format!("{check}\nmessage: m\nremediation: r\n")),
    )]);
    match code {
        "lane_conflict" => lane(&repo, LANE_B, ("one", "EINS"), "b.txt"),
        _ => drop(repo.git(&["branch", "-D", MISSION])),
    }
    let dry = dry_run(&repo, &["--json"]);
    let json = dry.json();
    assert_eq!((dry.code, &json["blocker"]), (1, &code.into()), "{json:#}");
    let told = of(&at_merge(&repo, &[]), "looks-at-it");
    assert_eq!((&told["verdict"], &told["unanswered"]), (&json!(null), &json!([])), "{told:#}");
    assert!(told["waits_for"].is_string(), "{told:#}");
}
