//! What a word of a report means: everything that has a name can be looked up, and its page is where it says.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use clearance_testkit::{golden, read};
use regex::Regex;
use rstest::rstest;
use serde_json::Value;

use crate::rules_support::{passing, staged};
use crate::support::{Run, TestRepo, asked, below, command, run, valid};

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Where there is no repository.
fn elsewhere(words: &[&str]) -> Run {
    let empty = tempfile::tempdir().unwrap();
    Run::of(command(empty.path()).args(words))
}

fn all() -> Vec<Value> {
    let value = elsewhere(&["explain", "--json"]).json();
    valid("clearance.explain.v1.json", &value);
    value["topics"].as_array().unwrap().clone()
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_else(|| panic!("{key} of {value:#}")).to_owned()
}

/// Every name under which the sources tell of something, as far as it is written out there.
fn codes_in_sources() -> BTreeSet<(String, String)> {
    let told = Regex::new(
        r#"(?x) \#\[diagnostic\([^\]]*code\(([a-z_.]+)\)
            | Failure::(?:usage|blocked|undecided|undecided_until)\(\s*"([a-z_]+)"
            | \bcode:\s*"([a-z_]+)"
            | \bcode:\s*&'static\ str\ =\ "([a-z_]+)"
            | Disagreement::new\(\s*"([a-z_]+)"
            | Refusal::\w+(?:\s*\{\s*\.\.\s*\})?\s*=>\s*"([a-z_]+)"
            | const\ [A-Z_]+:\ &'static\ str\ =\ "([a-z_]+)"
            | Self::\w+\ =>\ "(sync\.[a-z_]+)" "#,
    )
    .unwrap();
    let mut found = BTreeSet::new();
    for crate_dir in ["engine", "nested-env", "rules", "strategies", "sync", "cli"] {
        let sources = below(&workspace().join(crate_dir).join("src"));
        for path in sources.iter().filter(|path| path.extension().is_some_and(|ending| ending == "rs")) {
            let source = String::from_utf8(fs::read(path).unwrap()).unwrap();
            let own = source.split("#[cfg(test)]\nmod tests").next().unwrap();
            for code in told.captures_iter(own).filter_map(|groups| groups.iter().skip(1).flatten().next()) {
                found.insert((code.as_str().to_owned(), path.display().to_string()));
            }
        }
    }
    found
}

#[test]
fn every_code_of_the_sources_is_explained() {
    let known: BTreeSet<_> = all().iter().map(|topic| text(topic, "id")).collect();
    let codes = codes_in_sources();
    assert!(codes.len() > 150, "the sources are written otherwise: {codes:?}");
    // What an error is called that has no name of its own; every one has.
    let none = ["failed"];
    let unknown: Vec<_> =
        codes.iter().filter(|(code, _)| !known.contains(code) && !none.contains(&code.as_str())).collect();
    assert!(unknown.is_empty(), "a section of docs/codes/ is missing for {unknown:#?}");
}

#[test]
fn every_check_and_strategy_and_exit_code_is_explained() {
    let topics = all();
    let of_kind = |kind: &str| -> Vec<String> {
        topics.iter().filter(|topic| topic["kind"] == kind).map(|topic| text(topic, "id")).collect()
    };
    let registry = clearance::registry().unwrap();
    let mut checks: Vec<_> = registry.checks().iter().map(|entry| entry.id).collect();
    checks.sort_unstable();
    assert_eq!(of_kind("check"), checks);
    let strategies: Vec<_> = registry.strategies().iter().map(|entry| entry.id).collect();
    assert_eq!(of_kind("strategy"), strategies);
    assert_eq!(of_kind("exit_code"), ["0", "1", "2", "3", "4", "101"]);
    for entry in registry.checks() {
        for code in entry.check.meta().codes {
            let is_told = |topic: &&Value| topic["id"] == *code && topic["check"] == entry.id;
            assert_eq!(topics.iter().filter(is_told).count(), 1, "{code}");
        }
    }
}

/// The pages are the source: what is on one is in the binary, word for word.
#[test]
fn every_section_of_every_page_is_shown() {
    let topics = all();
    let mut pages = vec!["docs/strategies.md".to_owned()];
    for directory in ["docs/checks", "docs/codes"] {
        let names = fs::read_dir(workspace().join(directory)).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        pages.extend(names.map(|name| format!("{directory}/{name}")));
    }
    let mut sections = 0;
    for page in &pages {
        let content = read(workspace(), page);
        for section in content.split("\n## ").skip(1).filter(|section| !section.starts_with("Parameters")) {
            let (id, body) = section.split_once('\n').unwrap();
            let docs = format!("{page}#{}", id.replace('.', ""));
            assert!(topics.iter().any(|topic| topic["id"] == id && topic["docs"] == docs.as_str()), "{docs}");
            // One line of it that has no link, which is told from the root.
            let line = body.lines().rfind(|line| !line.is_empty() && !line.contains("](")).unwrap();
            if sections % 16 == 0 {
                let shown = elsewhere(&["explain", id]).stdout;
                assert!(shown.contains(line) && shown.contains(&docs), "{docs}: {line}\n{shown}");
            }
            sections += 1;
        }
    }
    assert!(sections > 250, "{sections}");
    let with_sections = topics.iter().filter(|topic| text(topic, "docs").contains('#')).count();
    assert_eq!(with_sections, sections);
}

/// Who reads a report without the program looks a code up here.
#[test]
fn the_index_of_codes_is_current() {
    let mut codes: Vec<_> = all().into_iter().filter(|topic| topic["kind"] == "code").collect();
    codes.sort_by_key(|topic| (text(topic, "id"), text(topic, "docs")));
    let mut page = String::from(
        "# Codes\n\nWhat findings, errors, refusals and notes are called, in reports and in the texts for people. The same is told by \
         `clearance explain CODE`. Generated from the pages that it names.\n\n| Code | In short |\n|---|---|\n",
    );
    for topic in codes {
        let (id, docs, title) = (text(&topic, "id"), text(&topic, "docs"), text(&topic, "title"));
        let link = docs.strip_prefix("docs/").unwrap();
        writeln!(page, "| [`{id}`]({link}) | {} |", title.replace('|', "\\|")).unwrap();
    }
    golden(&workspace().join("docs/codes.md"), &page);
}

#[rstest]
#[case::check("git-state", &["check"])]
#[case::strategy("pipe-table", &["strategy"])]
#[case::code("merge_in_progress", &["code"])]
#[case::diagnostic("sync.websocket_offline", &["code"])]
#[case::exit_code("3", &["exit_code"])]
#[case::twice("detached_head", &["code", "code"])]
fn each_kind_is_explained_where_there_is_no_repository(#[case] id: &str, #[case] kinds: &[&str]) {
    let said = elsewhere(&["explain", id]);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{said:?}");
    let value = elsewhere(&["explain", id, "--json"]).json();
    valid("clearance.explain.v1.json", &value);
    let topics = value["topics"].as_array().unwrap();
    assert_eq!(topics.iter().map(|topic| text(topic, "kind")).collect::<Vec<_>>(), kinds);
    for topic in topics {
        assert!(said.stdout.contains(text(topic, "text").trim()), "{id}: {}", said.stdout);
    }
}

/// A rule of the repository is told as its file says; of a check, what the team set.
#[test]
fn rules_and_what_a_team_set_are_told() {
    let tuned = "schema: clearance.rule/v1\nid: work-packages\nseverity: warning\n";
    let repo = staged(&[("rules.d/own.yaml", &passing("own-rule")), ("rules.d/tuned.yaml", tuned)]);
    let (code, own) = asked(repo.root(), &["explain", "own-rule"]);
    valid("clearance.explain.v1.json", &own);
    assert_eq!((code, &own["topics"][0]["kind"]), (0, &"rule".into()));
    assert_eq!(own["topics"][0]["details"]["file"], "rules.d/own.yaml");
    let same = run(&repo, &["rules", "explain", "own-rule"]);
    assert_eq!(run(&repo, &["explain", "own-rule"]).stdout, same.stdout);
    let (_, check) = asked(repo.root(), &["explain", "work-packages"]);
    assert_eq!(check["topics"][0]["details"]["set"]["file"], "rules.d/tuned.yaml");
    assert!(run(&repo, &["explain", "work-packages"]).stdout.contains("rules.d/tuned.yaml"));
}

#[rstest]
#[case::mistyped("merge_in_progres", "did you mean `merge_in_progress`?")]
#[case::in_capitals("DIRTY_WORKTREE", "did you mean `dirty_worktree`?")]
#[case::a_number("001", "help: all there are: clearance explain")]
#[case::nothing_like_it("zzz", "clearance explain")]
#[case::own_rule("own-rul", "did you mean `own-rule`?")]
#[case::hostile("\u{1b}[31mred\n", "clearance explain")]
fn what_is_unknown_is_a_usage_error(#[case] id: &str, #[case] help: &str) {
    let repo = staged(&[("rules.d/own.yaml", &passing("own-rule"))]);
    let said = run(&repo, &["explain", id]);
    assert_eq!((said.code, said.stdout.as_str()), (2, ""));
    assert!(said.stderr.contains(help) && !said.stderr.contains('\u{1b}'), "{}", said.stderr);
    let value = run(&repo, &["explain", id, "--json"]).json();
    valid("clearance.error.v1.json", &value);
    assert_eq!(value["error"], "unknown_topic");
}

#[test]
fn a_rule_that_cannot_be_read_is_told_as_that() {
    let repo = staged(&[("rules.d/own.yaml", "id: own-rule\ncheck: [\n")]);
    let said = run(&repo, &["explain", "own-rule"]);
    assert_eq!(said.code, 3, "{said:?}");
    assert!(said.stderr.contains("rules.d/own.yaml"), "{}", said.stderr);
    // What is built in is explained all the same; what was to be set of it and is not, is said.
    assert_eq!(run(&repo, &["explain", "git-state"]).code, 0);
    repo.write("rules.d/tuned.yaml", "schema: clearance.rule/v1\nid: work-packages\nseverity: wrong\n");
    let tuned = run(&repo, &["explain", "work-packages"]);
    assert!(tuned.code == 0 && tuned.stderr.contains("rules.d/tuned.yaml"), "{}", tuned.stderr);
    let outside = elsewhere(&["explain", "own-rule"]);
    assert!(outside.stderr.contains("rules of a repository are not known here"), "{}", outside.stderr);
}

#[test]
fn an_index_lists_every_topic_on_a_line() {
    let said = elsewhere(&["explain"]);
    let lines = said.stdout.lines().filter(|line| line.starts_with("  ")).count();
    assert_eq!((said.code, lines), (0, all().len()));
}

#[test]
fn a_code_is_explained_as_every_command_tells_it() {
    let repo = TestRepo::new();
    let error = text(&run(&repo, &["check", "--mission", "nope", "--json"]).json(), "error");
    assert_eq!(run(&repo, &["explain", &error]).code, 0, "{error}");
}
