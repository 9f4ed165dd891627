//! Rules of a team: what a file may say, and what becomes of it in a check.

use rstest::rstest;
use serde_json::{Value, json};

use crate::ready::{LANE_A, LANE_B, MISSION};
use crate::rules_support::{
    at_commit, at_merge, commit_on, example, found, items, of, ready_with, rule, stage, staged, unanswered,
};
use crate::support::{TestRepo, run};

/// The examples that the format was agreed upon with, and what each says of a mission whose work packages nobody owns.
const EXAMPLES: [(&str, &str, &[&str]); 7] = [
    ("10-wp-has-owner.yaml", "wp-has-owner", &["WP01 fail", "WP02 fail"]),
    ("20-changelog-touched.yaml", "changelog-touched", &["CHANGELOG.md fail"]),
    ("30-commit-message.yaml", "commit-message", &["COMMIT fail", "COMMIT fail", "COMMIT fail"]),
    ("32-diff-size.yaml", "diff-size", &["diff pass"]),
    ("41-tests-evidence.yaml", "tests-evidence", &["HEAD fail"]),
    ("51-no-secrets.yaml", "no-secrets", &["a.txt pass", "b.txt pass", "shared.txt pass", "src/x.rs pass"]),
    ("61-ci-status.yaml", "ci-status", &["* untrusted"]),
];

#[test]
fn the_examples_load_and_their_tests_pass() {
    let texts: Vec<_> =
        EXAMPLES.iter().map(|(file, ..)| (format!("rules.d/{file}"), example(file))).collect();
    let files: Vec<_> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let repo = staged(&files);
    let tested = run(&repo, &["rules", "test", "--json"]);
    let json = tested.json();
    assert_eq!((tested.code, &json["failed"], &json["broken"]), (0, &json!(0), &json!([])), "{json:#}");
    for (_, id, _) in EXAMPLES {
        let tests = json["tests"].as_array().unwrap().iter().filter(|test| test["rule"] == id);
        assert!(tests.count() >= 1, "{id} has tests");
    }
    let linted = run(&repo, &["rules", "lint"]);
    assert_eq!((linted.code, linted.stdout.as_str()), (0, "7 rules, nothing odd\n"));
}

#[rstest]
fn the_examples_are_asked(#[values(0, 1, 2, 3, 4, 5, 6)] nth: usize) {
    let (file, id, expected) = EXAMPLES[nth];
    let repo = ready_with(&[(&format!("rules.d/{file}"), &example(file))]);
    commit_on(&repo, LANE_A, &[("src/x.rs", "fn x() {}\n")]);
    let asked = at_merge(&repo, &["--rule", id]);
    let head = repo.git(&["rev-parse", MISSION]);
    let commits = repo.git(&["log", "--format=%H", LANE_A, LANE_B, "^main"]);
    let named = |key: &str| match key {
        key if key == head.trim() => "HEAD".to_owned(),
        key if commits.lines().any(|commit| commit.starts_with(key)) => "COMMIT".to_owned(),
        key => key.to_owned(),
    };
    let told: Vec<_> = items(&asked, id)
        .iter()
        .map(|item| item.rsplit_once(' ').unwrap())
        // What the merge records of itself is among the files, too.
        .filter(|(key, _)| !key.starts_with("kitty-specs/m/"))
        .map(|(key, outcome)| format!("{} {outcome}", named(key)))
        .collect();
    assert_eq!(told, expected, "{:#}", asked.json());
    let word = |outcome: &str| told.iter().any(|item| item.ends_with(outcome));
    let severity = if example(file).contains("severity: error") { "blocked" } else { "cleared" };
    let verdict = if word("untrusted") {
        "undecided"
    } else if word("fail") {
        severity
    } else {
        "cleared"
    };
    assert_eq!(of(&asked, id)["verdict"], verdict);
}

/// What is looked for stands in a commit, in what is staged, and nowhere else.
fn scene() -> TestRepo {
    let repo = staged(&[("old.txt", "BAD 1\nfine\n"), ("other.txt", "BAD 1\n"), ("dir/deep.txt", "BAD 1\n")]);
    repo.commit_all("Before");
    stage(&repo, &[("old.txt", "BAD 1\nfine\nBAD 3\nBAD 4 allowed\n"), ("new.txt", "fine\n")]);
    repo.write("old.txt", "BAD in the work tree only\n");
    repo.write("untracked.txt", "BAD\n");
    repo
}

#[rstest]
#[case::holds("check: { assert: '\"old.txt\" in tree.paths' }", 0, &["* pass"])]
#[case::does_not("check: { assert: '!(\"old.txt\" in tree.paths)' }", 1, &["* fail"])]
#[case::named(r#"check: { item: "the {{ stage }}", assert: 'diff.added == 3' }"#, 0, &["the commit pass"])]
#[case::each("check: { each: diff.files, as: f, key: f.path, assert: f.status == 'added' }", 1, &["new.txt pass", "old.txt fail"])]
#[case::same_key("check: { each: diff.files, as: f, key: string(f.deleted), assert: f.added > 1 }", 1, &["0 fail", "0#2 pass"])]
#[case::too_few("check: { each: lanes_of, as: l, key: l, min_items: 1, assert: l != '' }\nlet: { lanes_of: 'commits.map(c, c.sha)' }", 1, &["* fail"])]
#[case::enough("check: { each: diff.files, as: f, key: f.path, min_items: 2, assert: f.added > 0 }", 0, &["new.txt pass", "old.txt pass"])]
#[case::added("check: { scan: { files: '*.txt', lines: added, forbid: BAD, allow: allowed$ } }", 1, &["new.txt pass", "old.txt:3 fail"])]
#[case::changed("check: { scan: { files: '*.txt', lines: changed-files, forbid: [WORSE, 'BAD \\d'] } }", 1, &["new.txt pass", "old.txt:1 fail", "old.txt:3 fail", "old.txt:4 fail"])]
#[case::all("check: { scan: { files: '**/*.txt', lines: all, forbid: 'BAD 1' } }", 1, &["dir/deep.txt:1 fail", "new.txt pass", "old.txt:1 fail", "other.txt:1 fail"])]
#[case::require("check: { scan: { files: ['*.txt'], lines: all, require: [BAD] } }", 1, &["new.txt fail", "old.txt pass", "other.txt pass"])]
#[case::no_file("check: { scan: { files: '*.rs', lines: all, forbid: BAD }, min_items: 1 }", 1, &["* fail"])]
fn kinds(#[case] check: &str, #[case] code: i32, #[case] expected: &[&str]) {
    let repo = scene();
    let text = rule("the-rule", &format!("{check}\nmessage: m\nremediation: r\n"));
    // The rule itself is in the work tree: neither tree nor diff have it.
    repo.write("rules.d/r.yaml", text);
    let asked = at_commit(&repo, &["--rule", "the-rule"]);
    assert_eq!((asked.code, items(&asked, "the-rule")), (code, words(expected)), "{:#}", asked.json());
    let failed: Vec<_> = expected.iter().filter_map(|item| item.strip_suffix(" fail")).collect();
    let findings: Vec<_> = failed.iter().map(|item| format!("{item} the-rule")).collect();
    assert_eq!(found(&asked, "the-rule"), findings);
}

/// A file in the place of a directory brings its own lines only, and every file after it keeps its own.
#[test]
fn lines_stay_with_their_files() {
    let repo = staged(&[("b/one", "old\n"), ("b/two", "old\n")]);
    repo.commit_all("A directory");
    std::fs::remove_dir_all(repo.root().join("b")).unwrap();
    stage(&repo, &[("b", "BAD\n"), ("c", "fine\nBAD\n"), ("d", "fine\n"), ("e", "BAD\n")]);
    let check = "check: { scan: { files: '**', lines: added, forbid: BAD } }\nmessage: m\nremediation: r\n";
    repo.write("rules.d/r.yaml", rule("the-rule", check));
    let asked = at_commit(&repo, &["--rule", "the-rule"]);
    assert_eq!(
        items(&asked, "the-rule"),
        ["b:1 fail", "c:2 fail", "d pass", "e:1 fail"],
        "{:#}",
        asked.json()
    );
}

fn words(expected: &[&str]) -> Vec<String> {
    expected.iter().map(|item| (*item).to_owned()).collect()
}

const OWNER: &str = "check: { each: wps, as: wp, key: wp.id, at: wp.path#agent, assert: 'wp.agent != \"\"' }
message: '{{ wp.id }} has no agent'
remediation: 'set `agent:` in {{ wp.path }}'
";

/// A finding points at the field that it is about, and says everything that the rule's author wrote.
#[test]
fn a_finding_points_at_the_field() {
    let repo = ready_with(&[("rules.d/r.yaml", &rule("wp-has-agent", OWNER))]);
    repo.write("kitty-specs/m/tasks/WP01-a.md", "---\nsubtasks: []\nagent: ada\n---\n");
    repo.write("kitty-specs/m/tasks/WP02-b.md", "---\nsubtasks: []\ntitle: Two\nagent: ''\n---\nagent: no\n");
    repo.commit_all("Agents");
    let asked = at_merge(&repo, &["--rule", "wp-has-agent"]);
    let finding = json!({
        "check": "wp-has-agent",
        "code": "wp-has-agent",
        "severity": "blocker",
        "item": "WP02",
        "message": "WP02 has no agent",
        "location": { "name": "kitty-specs/m/tasks/WP02-b.md", "line": 4 },
        "excerpts": [{ "name": "kitty-specs/m/tasks/WP02-b.md", "line": 4, "text": "agent: ''", "label": "here" }],
        "remediation": "set `agent:` in kitty-specs/m/tasks/WP02-b.md",
    });
    let told = of(&asked, "wp-has-agent");
    assert_eq!((asked.code, &told["findings"]), (1, &json!([finding])));
    assert_eq!(items(&asked, "wp-has-agent"), ["WP01 pass", "WP02 fail"]);
    let people = run(&repo, &["check", "--mission", "m", "--rule", "wp-has-agent"]);
    let head = "error[wp-has-agent]: WP02 has no agent (kitty-specs/m/tasks/WP02-b.md:4) [wp-has-agent]\n";
    assert!(people.stdout.starts_with(head) && people.stdout.contains("agent: ''"), "{}", people.stdout);
}

/// Work packages come by ID, whatever their files are called.
#[test]
fn items_keep_their_order_and_their_keys() {
    let repo = ready_with(&[("rules.d/r.yaml", &rule("wp-has-agent", OWNER))]);
    repo.write("kitty-specs/m/tasks/WP00-z.md", "---\nwork_package_id: WP03\nagent: eve\n---\n");
    repo.commit_all("One more");
    let told = items(&at_merge(&repo, &["--rule", "wp-has-agent"]), "wp-has-agent");
    assert_eq!(told, ["WP01 fail", "WP02 fail", "WP03 pass"]);
}

/// What was found is in no output at all, whoever reads it and wherever it goes.
#[rstest]
#[case::text(&[])]
#[case::json(&["--json"])]
#[case::narrated(&["--report", "narrated"])]
#[case::fancy(&["--report", "fancy"])]
#[case::verbose(&["--verbose"])]
#[case::file(&["--report", "json=../report.json"])]
#[case::trace(&["--rule", "no-keys", "--trace"])]
#[case::trace_of_an_item(&["--rule", "no-keys", "--trace", "--item", "a.py:1", "--json"])]
fn what_is_redacted_is_nowhere(#[case] more: &[&str]) {
    let secret = ["AKIA", "ABCDEFGHIJKLMNOP"].concat();
    let scan = "check: { scan: { files: '**', lines: added, redact: true, forbid: 'AKIA[0-9A-Z]{16}' } }
message: 'at {{ match.path }}:{{ match.line }}: {{ match.text }}'\nremediation: 'remove {{ match.text }}'\n";
    let repo =
        staged(&[("rules.d/r.yaml", &rule("no-keys", scan)), ("a.py", &format!("key = '{secret}'\n"))]);
    let asked = run(&repo, &[&["check", "--stage", "commit"], more].concat());
    assert_eq!(asked.code, 1, "{}", asked.stderr);
    let file = repo.root().join("../report.json");
    let report =
        if file.exists() { clearance_testkit::read(repo.outside(), "report.json") } else { String::new() };
    assert_eq!(report.is_empty(), !more.contains(&"json=../report.json"));
    for output in [&asked.stdout, &asked.stderr, &report] {
        assert!(!output.contains(&secret) && !output.contains("key = "), "{output}");
    }
    assert!(format!("{}{report}", asked.stdout).contains("a.py:1"), "{}", asked.stdout);
    assert!(more.contains(&"--trace") || asked.stdout.contains("[redacted]"), "{}", asked.stdout);
}

/// A rule that does not apply has not passed.
#[test]
fn skipped_is_not_passed() {
    let when = rule("sometimes", "when: tree.paths.size() > 100\ncheck: { assert: 1 == 2 }\nmessage: m\n");
    let repo = staged(&[("rules.d/r.yaml", &when)]);
    let asked = at_commit(&repo, &["--rule", "sometimes"]);
    let told = of(&asked, "sometimes");
    assert_eq!((asked.code, &asked.json()["verdict"]), (4, &Value::Null), "nothing was evaluated");
    assert_eq!((&told["verdict"], &told["items"]), (&Value::Null, &json!([])));
    assert_eq!(told["skipped"], "its `when` does not hold");
    repo.write("rules.d/r.yaml", when.replace("> 100", "> 0"));
    assert_eq!(at_commit(&repo, &["--rule", "sometimes"]).code, 1);
}

#[rstest]
#[case("error", 1, "blocked", Some("blocker"))]
#[case("warning", 0, "cleared", Some("warning"))]
#[case("info", 0, "cleared", Some("note"))]
#[case("off", 0, "cleared", None)]
fn severities(#[case] word: &str, #[case] code: i32, #[case] verdict: &str, #[case] told: Option<&str>) {
    let text = crate::rules_support::blocking().replace("severity: error", &format!("severity: {word}"));
    let repo = staged(&[("rules.d/r.yaml", &text)]);
    let asked = at_commit(&repo, &[]);
    assert_eq!((asked.code, &asked.json()["verdict"]), (code, &verdict.into()));
    let always = of(&asked, "always-fails");
    assert_eq!(always["findings"][0]["severity"].as_str(), told, "{always:#}");
    if told.is_none() {
        assert_eq!((&always["verdict"], &always["skipped"]), (&Value::Null, &"off in rules.d/r.yaml".into()));
    }
}

/// However mild a rule is: what it could not look at is not cleared.
#[test]
fn a_warning_that_could_not_look_is_undecided() {
    let text =
        rule("mild", "check: { item: x, assert: '[1][1] == 1' }\nmessage: m\n").replace("error", "warning");
    let asked = at_commit(&staged(&[("rules.d/r.yaml", &text)]), &[]);
    assert_eq!((asked.code, items(&asked, "mild")), (3, words(&["x error"])), "{:#}", asked.json());
    assert_eq!(unanswered(&asked, "mild")["code"], "could_not_look");
}

#[rstest]
#[case("[merge]", "merge", true)]
#[case("[dry-run]", "merge", true)]
#[case("[commit]", "merge", false)]
#[case("[merge]", "commit", false)]
#[case("[mark-status]", "mark-status", true)]
#[case("[commit, mark-status]", "commit", true)]
fn a_rule_gates_the_steps_that_it_names(#[case] stages: &str, #[case] stage: &str, #[case] asked: bool) {
    let text = crate::rules_support::blocking().replace("[commit, merge]", stages);
    let repo = ready_with(&[("rules.d/r.yaml", &text)]);
    let run = run(&repo, &["check", "--mission", "m", "--stage", stage, "--json"]);
    assert_eq!(of(&run, "always-fails")["verdict"] == "blocked", asked, "{:#}", run.json());
    assert_eq!(run.code == 1, asked);
}

/// Files under `data:` are those that the step would leave; what is only in the work tree does not count.
#[rstest]
#[case::json("d.json", "{\"answer\": 42}", "{\"answer\": 41}")]
#[case::yaml("d.yml", "answer: 42\n", "answer: 41\n")]
#[case::toml("d.toml", "answer = 42\n", "answer = 41\n")]
fn data_is_what_the_step_would_leave(#[case] name: &str, #[case] good: &str, #[case] bad: &str) {
    let text = rule(
        "the-answer",
        &format!(
            "data: {{ found: {{ file: '{name}' }} }}\ncheck: {{ item: '{{{{ found.answer }}}}', assert: found.answer == 42 }}\nmessage: m\nremediation: r\n"
        ),
    );
    let repo = staged(&[("rules.d/r.yaml", &text), (name, good)]);
    let told = || {
        let asked = at_commit(&repo, &["--rule", "the-answer"]);
        (asked.code, items(&asked, "the-answer"))
    };
    repo.write(name, bad);
    assert_eq!(told(), (0, words(&["42 pass"])), "staged, whatever the work tree has");
    repo.git(&["add", "--all"]);
    assert_eq!(told(), (1, words(&["41 fail"])));
    repo.git(&["rm", "--quiet", "--cached", "--force", name]);
    assert_eq!(told(), (3, words(&["* error"])), "in the work tree only: it is not there");
    repo.write(
        "rules.d/r.yaml",
        text.replace("' } }", "', optional: true } }")
            .replace("found.answer == 42", "found == null")
            .replace("'{{ found.answer }}'", "none"),
    );
    assert_eq!(told(), (0, words(&["none pass"])));
}

/// At the merge the files are those of the forecast: of the target, of the mission and of all lanes.
#[test]
fn data_at_the_merge_is_of_the_forecast() {
    let text = rule(
        "the-version",
        "data: { version: { file: v.json } }\ncheck: { item: '{{ version.of }}', assert: version.of == 'lane' }\nmessage: m\nremediation: r\n",
    );
    let repo = ready_with(&[("rules.d/r.yaml", &text), ("v.json", "{\"of\": \"target\"}")]);
    let told = || items(&at_merge(&repo, &["--rule", "the-version"]), "the-version");
    assert_eq!(told(), ["target fail"]);
    repo.git(&["rm", "--quiet", "v.json"]);
    repo.commit_all("Not here");
    commit_on(&repo, LANE_A, &[("v.json", "{\"of\": \"lane\"}")]);
    repo.write("v.json", "{\"of\": \"work tree\"}");
    assert_eq!(told(), ["lane pass"]);
}

#[rstest]
#[case("int", "3", "params.limit == 3")]
#[case("string", "'a b'", "params.limit == 'a b'")]
#[case("bool", "true", "params.limit")]
#[case("list", "[a, b]", "params.limit == ['a', 'b'] && 'b' in params.limit")]
fn parameters_have_their_defaults(#[case] of: &str, #[case] default: &str, #[case] assert: &str) {
    let text = format!(
        "params: {{ limit: {{ type: {of}, default: {default} }} }}\nwhen: \"{assert}\"\ncheck: {{ assert: \"{assert}\" }}\nmessage: m\n"
    );
    let asked =
        at_commit(&staged(&[("rules.d/r.yaml", &rule("the-limit", &text))]), &["--rule", "the-limit"]);
    assert_eq!((asked.code, items(&asked, "the-limit")), (0, words(&["* pass"])), "{:#}", asked.json());
}

/// Names and bytes that are unusual hide nothing from a search.
#[rstest]
#[case::not_utf8(|repo: &TestRepo| {
    use std::os::unix::ffi::OsStrExt;
    let name = std::ffi::OsStr::from_bytes(b"odd\xff.txt");
    std::fs::copy(repo.write("plain", "BAD\n"), repo.root().join(name)).unwrap();
    std::fs::remove_file(repo.root().join("plain")).unwrap();
})]
#[case::attribute(|repo: &TestRepo| {
    repo.write(".gitattributes", "*.txt binary\n");
    repo.write("a.txt", "BAD\n");
})]
#[case::quoted_name(|repo: &TestRepo| drop(repo.write("a \"b\"\té.txt", "BAD\n")))]
#[case::a_zero_byte(|repo: &TestRepo| drop(repo.write("a.txt", "zero \0\nBAD\n")))]
#[case::no_last_newline(|repo: &TestRepo| drop(repo.write("a.txt", "BAD")))]
#[case::carriage_returns(|repo: &TestRepo| drop(repo.write("a.txt", "fine\r\nBAD\r\n")))]
#[case::looks_like_a_diff(|repo: &TestRepo| drop(repo.write("a.txt", "--- a\n+++ b\n++BAD\n")))]
#[cfg(unix)]
fn nothing_is_hidden_from_a_search(
    #[case] write: fn(&TestRepo),
    #[values("added", "changed-files", "all")] lines: &str,
) {
    let text = format!(
        "check: {{ scan: {{ files: '**', lines: {lines}, forbid: BAD }} }}\nmessage: m\nremediation: r\n"
    );
    let repo = TestRepo::new();
    write(&repo);
    repo.git(&["add", "--all"]);
    repo.write("rules.d/r.yaml", rule("no-bad", &text));
    let asked = at_commit(&repo, &["--rule", "no-bad"]);
    assert_ne!(asked.code, 0, "{:#}", asked.json());
    assert_ne!(of(&asked, "no-bad")["verdict"], "cleared");
}
