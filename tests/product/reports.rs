//! Reports: the same findings in every format, each as its readers need it, and none a channel for what a repository says.
#![cfg(unix)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use clearance_testkit::read;
use rstest::rstest;
use serde_json::Value;

use crate::rules_support::{blocking, passing, rule, stage, staged};
use crate::support::{Run, TestRepo, command, run, valid};

/// A line that would be a command, markup or a link in one channel or the other.
const HOSTILE: &str = "EVIL ::set-output name=a::b%0A ##[add-path]x | <script>alert(1)</script> [x](http://e.invalid) @team **b** `c` ]]> \u{1b}[31m";

/// The name of a file that is as bad.
const ODD: &str = "we|ird <b>, a:1%.md";

/// Something of every kind: a blocker, a warning, what is waived, what nobody trusts, and what is in order.
pub(crate) fn everything() -> TestRepo {
    let scan = rule(
        "no-evil",
        "check:\n  scan: { files: '**', lines: added, forbid: 'EVIL.*' }\nmessage: '{{ match.text }}'\nremediation: 'remove `it` | now'\n",
    )
    .replace("severity: error", "severity: warning");
    let untrusted = rule(
        "runs-it",
        "check:\n  exec: { argv: ['true'], timeout: 1s, pass: [0], fail: [1] }\nmessage: m\nremediation: r\n",
    );
    let waived = blocking().replace("always-fails", "waived-one");
    let waivers = "schema: clearance.waivers/v1\nwaivers:\n  - { rule: waived-one, item: '*', reason: the next release removes it, expires: 2026-06-01, by: ada }\n";
    let repo = staged(&[
        ("rules.d/a.yaml", &blocking()),
        ("rules.d/b.yaml", &scan),
        ("rules.d/c.yaml", &untrusted),
        ("rules.d/d.yaml", &waived),
        ("rules.d/e.yaml", &passing("in-order")),
        ("rules.d/waivers.yaml", waivers),
    ]);
    repo.commit_all("Rules");
    stage(&repo, &[(ODD, HOSTILE)]);
    repo
}

pub(crate) fn asked(repo: &TestRepo, more: &[&str]) -> Run {
    run(repo, &[&["check", "--stage", "commit"], more].concat())
}

/// A report on standard output.
pub(crate) fn report(repo: &TestRepo, format: &str) -> String {
    let run = asked(repo, &["--report", format]);
    assert_eq!((run.code, run.stderr.as_str()), (3, ""), "{format}: {}", run.stdout);
    run.stdout
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Fails where a value is not as the schema of another says.
fn valid_sarif(value: &Value) {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("tests/schemas");
    // One of its patterns has a bracket that only JavaScript takes as it stands.
    let schema = json(&read(&schemas, "sarif-2.1.0.json").replace("{2}]?$", "{2}\\\\]?$"));
    let validator = jsonschema::validator_for(&schema).unwrap();
    let faults: Vec<_> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert_eq!(faults, Vec::<String>::new(), "{value:#}");
}

#[test]
fn several_in_one_run_and_the_text_for_people_besides() {
    let repo = everything();
    let out = |name: &str| format!("{}={}", name, repo.outside().join(name).display());
    let formats = ["json", "jsonl", "sarif", "junit", "github", "gitlab", "markdown", "html"];
    let wanted: Vec<String> =
        formats.iter().flat_map(|format| ["--report".to_owned(), out(format)]).collect();
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    let plain = asked(&repo, &[]);
    let run = asked(&repo, &wanted);
    assert_eq!((run.code, &run.stdout, &run.stderr), (plain.code, &plain.stdout, &plain.stderr));
    for format in formats {
        let written = read(repo.outside(), format);
        // What takes time differs.
        assert!(
            written.contains("it never holds") && written.contains("always-fails"),
            "{format}: {written}"
        );
        assert!(!written.contains('\u{1b}'), "{format}");
    }
}

#[rstest]
#[case("json")]
#[case("jsonl")]
#[case("sarif")]
#[case("junit")]
#[case("github")]
#[case("gitlab")]
#[case("markdown")]
#[case("html")]
#[case("plain")]
#[case("narrated")]
#[case("fancy")]
fn the_verdict_never_depends_on_the_format(#[case] format: &str) {
    let blocked = staged(&[("rules.d/r.yaml", &blocking())]);
    let cleared = staged(&[("rules.d/r.yaml", &passing("in-order"))]);
    let none = TestRepo::new();
    none.git(&["checkout", "--quiet", "--orphan", "empty"]);
    for (repo, code) in [(&everything(), 3), (&blocked, 1), (&cleared, 0)] {
        assert_eq!(asked(repo, &["--report", format]).code, code, "{format}");
    }
    assert_eq!(asked(&cleared, &["--report", format, "--rule", "no-such-rule"]).code, 2, "{format}");
}

#[test]
fn sarif_is_valid_and_has_what_code_scanning_needs() {
    let repo = everything();
    let log = json(&report(&repo, "sarif"));
    valid_sarif(&log);
    let run = &log["runs"][0];
    let results = run["results"].as_array().unwrap();
    let told: Vec<_> =
        results.iter().map(|one| (one["ruleId"].as_str().unwrap(), one["level"].as_str().unwrap())).collect();
    assert_eq!(
        told,
        [("always-fails", "error"), ("waived-one", "error"), ("untrusted", "error"), ("no-evil", "warning")]
    );
    for one in results {
        let place = &one["locations"][0]["physicalLocation"]["artifactLocation"];
        assert!(place["uri"].is_string() && place["uriBaseId"] == "%SRCROOT%", "{one:#}");
        let rule = &run["tool"]["driver"]["rules"][one["ruleIndex"].as_u64().unwrap() as usize];
        assert_eq!(rule["id"], one["ruleId"]);
    }
    assert_eq!(
        results[1]["suppressions"][0]["justification"],
        "waived until 2026-06-01 by ada: the next release removes it"
    );
    assert_eq!(
        results[3]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
        "we%7Cird%20%3Cb%3E%2C%20a%3A1%25.md"
    );
    assert_eq!(
        (&run["invocations"][0]["executionSuccessful"], &run["invocations"][0]["exitCode"]),
        (&false.into(), &3.into())
    );
    valid_sarif(&json(
        &asked(&staged(&[("rules.d/r.yaml", &passing("in-order"))]), &["--report", "sarif"]).stdout,
    ));
}

#[test]
fn fingerprints_are_unique_and_do_not_move_with_lines() {
    let repo = everything();
    let fingerprints = || -> Vec<String> {
        let log = json(&report(&repo, "sarif"));
        let results = log["runs"][0]["results"].as_array().unwrap().clone();
        results
            .iter()
            .map(|one| one["partialFingerprints"]["clearance/v1"].as_str().unwrap().to_owned())
            .collect()
    };
    let before = fingerprints();
    assert_eq!(before.iter().collect::<BTreeSet<_>>().len(), before.len());
    stage(&repo, &[(ODD, &format!("one\ntwo\n{HOSTILE}"))]);
    assert_eq!(fingerprints(), before);
    stage(&repo, &[(ODD, &format!("{HOSTILE}\n{HOSTILE}\n"))]);
    let twice = fingerprints();
    assert_eq!(
        (twice.len(), twice.iter().collect::<BTreeSet<_>>().len()),
        (before.len() + 1, before.len() + 1)
    );
    assert!(before.iter().all(|one| twice.contains(one)));
}

#[test]
fn annotations_obey_nothing_of_the_repository() {
    let repo = everything();
    let summary = repo.outside().join("summary.md");
    clearance_testkit::write(repo.outside(), "summary.md", "before\n");
    let mut run = command(repo.root());
    run.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", &summary);
    let said = Run::of(run.args(["check", "--stage", "commit", "--report", "github"]));
    assert_eq!((said.code, said.stderr.as_str()), (3, ""));
    let lines: Vec<&str> = said.stdout.lines().collect();
    // Between the two nothing is obeyed; who writes a rule cannot know the word.
    let word = lines[0].strip_prefix("::stop-commands::").unwrap();
    let end = lines.iter().position(|line| *line == format!("::{word}::")).unwrap();
    assert!(word.len() == 32 && lines[1..end].iter().any(|line| line.contains("it never holds")));
    let told = &lines[end + 1..];
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(
        told.iter().all(|line| ["::error ", "::warning ", "::notice "]
            .iter()
            .any(|command| line.starts_with(command)))
    );
    let evil = told.iter().find(|line| line.contains("EVIL")).unwrap();
    assert!(
        evil.starts_with(
            "::warning file=we|ird <b>%2C a%3A1%25.md,line=1,title=no-evil::EVIL ::set-output name=a::b%250A"
        ),
        "{evil}"
    );
    let summary = read(repo.outside(), "summary.md");
    assert!(summary.starts_with("before\n## this repository: undecided\n"), "{summary}");
}

#[test]
fn gitlab_has_a_list_of_what_counts() {
    let repo = everything();
    let list = json(&report(&repo, "gitlab"));
    let issues = list.as_array().unwrap();
    let told: Vec<_> = issues
        .iter()
        .map(|one| (one["check_name"].as_str().unwrap(), one["severity"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [("always-fails", "blocker"), ("untrusted", "critical"), ("no-evil", "minor")]);
    for one in issues {
        assert!(
            one["description"].is_string()
                && one["fingerprint"].is_string()
                && one["location"]["path"].is_string(),
            "{one:#}"
        );
        assert!(one["location"]["lines"]["begin"].as_u64().unwrap() >= 1);
    }
}

#[test]
fn markdown_and_html_show_what_a_repository_says_and_nothing_of_it_is_markup() {
    let repo = everything();
    let markdown = report(&repo, "markdown");
    let rows: Vec<_> = markdown.lines().filter(|line| line.starts_with("| ")).collect();
    let evil = rows.iter().find(|row| row.contains("EVIL")).unwrap();
    assert!(
        evil.contains("&#60;script&#62;") && evil.contains("&#64;team") && evil.contains("\\*\\*b\\*\\*"),
        "{evil}"
    );
    assert!(!markdown.contains("<script") && !markdown.contains("](http"), "{markdown}");
    let html = report(&repo, "html");
    assert!(
        html.contains("EVIL ::set-output") && html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"),
        "{html}"
    );
    for forbidden in ["<script", "http://e.invalid\"", "src=", "href=", "@import", "url("] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
    assert!(html.contains("default-src 'none'"));
}

#[test]
fn json_lines_are_a_value_each() {
    let repo = everything();
    let lines: Vec<Value> = report(&repo, "jsonl").lines().map(json).collect();
    lines.iter().for_each(|line| valid("clearance.jsonl.v1.json", line));
    let types: Vec<_> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!((types[0], *types.last().unwrap()), ("run", "verdict"));
    assert_eq!(types.iter().filter(|kind| **kind == "finding").count(), 3);
    assert_eq!(types.iter().filter(|kind| **kind == "unanswered").count(), 1);
    assert_eq!(
        (&lines[0]["schema"], &lines.last().unwrap()["exit_code"]),
        (&"clearance.jsonl/v1".into(), &3.into())
    );
}

/// What an earlier run left must not be taken for the answer.
#[rstest]
#[case("sarif")]
#[case("junit")]
#[case("github")]
#[case("gitlab")]
#[case("markdown")]
#[case("html")]
#[case("jsonl")]
fn a_run_without_an_answer_says_so_in_its_reports(#[case] format: &str) {
    let repo = everything();
    let file = repo.outside().join("report");
    let wanted = format!("{format}={}", file.display());
    let failed = asked(&repo, &["--report", &wanted, "--rule", "no-such-rule"]);
    let written = read(repo.outside(), "report");
    assert_eq!(failed.code, 2);
    assert!(written.contains("no-such-rule"), "{written}");
    if format == "sarif" {
        valid_sarif(&json(&written));
    }
}

#[rstest]
#[case::two_on_stdout(&["--report", "sarif", "--report", "junit"], "only one report fits")]
#[case::json_and_another(&["--json", "--report", "sarif"], "only one report fits")]
#[case::unknown(&["--report", "xml"], "the formats are: json, jsonl, sarif")]
#[case::mistyped(&["--report", "sarfi"], "did you mean `sarif`?")]
#[case::no_name(&["--report", "sarif="], "a file name must follow")]
#[case::a_form_in_a_file(&["--report", "plain=x"], "no file")]
fn what_cannot_be_is_refused(#[case] arguments: &[&str], #[case] said: &str) {
    let run = asked(&TestRepo::new(), arguments);
    assert!(run.code == 2 && (run.stderr.clone() + &run.stdout).contains(said), "{run:?}");
}

#[test]
fn other_commands_have_no_findings_to_tell_of() {
    let repo = TestRepo::with_tasks("m", "- [ ] T001 x\n");
    let marked = run(
        &repo,
        &["mark-status", "T001", "--status", "done", "--mission", "m", "--report", "junit=../x.xml"],
    );
    assert!(marked.code == 2 && marked.stderr.contains("`junit` tells of findings"), "{marked:?}");
    assert!(repo.read("kitty-specs/m/tasks.md").starts_with("- [ ]"));
}

/// In the browser that people read it in: it is laid out, it loads nothing, and it runs nothing.
#[test]
fn the_page_is_read_in_a_browser() {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let Some(browser) = names.iter().find(|name| Command::new(name).arg("--version").output().is_ok()) else {
        eprintln!("there is no Chromium on PATH: the page is not looked at");
        return;
    };
    let repo = everything();
    asked(&repo, &["--report", &format!("html={}", repo.outside().join("page.html").display())]);
    let (page, picture) = (repo.outside().join("page.html"), repo.outside().join("page.png"));
    let look = |more: &[&str]| {
        let mut command = Command::new(browser);
        command.args(["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1000,700"]);
        command.arg(format!("--user-data-dir={}", repo.outside().join("profile").display()));
        let said =
            command.env("HOME", repo.outside()).args(more).arg(format!("file://{}", page.display())).output();
        let said = said.unwrap();
        assert!(said.status.success(), "{said:?}");
        String::from_utf8_lossy(&said.stdout).into_owned()
    };
    let seen = look(&["--dump-dom"]);
    assert!(seen.contains("<strong>undecided</strong>") && seen.contains("EVIL ::set-output"), "{seen}");
    assert!(!seen.contains("<script"), "{seen}");
    look(&[&format!("--screenshot={}", picture.display())]);
    let picture = std::fs::read(picture).unwrap();
    let number = |at: usize| u32::from_be_bytes(picture[at..at + 4].try_into().unwrap());
    assert_eq!((&picture[1..4], number(16), number(20)), (&b"PNG"[..], 1000, 700));
    // A page that is not laid out is one colour.
    assert!(picture.len() > 10_000, "{} bytes", picture.len());
}
