use clearance_engine::edit;
use clearance_engine::mission::tasks::TasksDoc;
use rstest::rstest;

use super::*;

pub(super) const RULE: &str = r#"schema: clearance.rule/v1
kind: resolver
id: todo-lines
title: TODO and DONE lines
resolver:
  pattern: '^\s*(?<state>TODO|DOING|WAIT|DONE|OK)\s+(?<id>T\d{3}(?:-\w+)?)\b'
  done: [DONE, OK]
  pending: [TODO, WAIT]
tests:
  - name: both states
    tasks: |
      TODO T001 first
      DONE T002 second
    expect: { T001: pending, T002: done, T009: missing }
    done: { T001: "DONE T001 first" }
    pending: { T002: "TODO T002 second" }
"#;

pub(super) fn source(text: &str) -> Source {
    Source::new("rules.d/x.yaml", "", text)
}

pub(super) fn doc(text: &str) -> TasksDoc {
    TasksDoc::parse(Source::new("tasks.md", "tasks.md", text))
}

/// What a changed rule is refused for: message, help, and the text that is pointed at.
fn refusal(from: &str, to: &str) -> (String, String, String) {
    assert!(RULE.contains(from), "{from:?}");
    let text = RULE.replace(from, to);
    let error = read(&source(&text)).expect_err(to);
    let label = miette::Diagnostic::labels(&error).unwrap().next().unwrap();
    let shown = miette::Diagnostic::source_code(&error).unwrap().read_span(label.inner(), 0, 0).unwrap();
    let (_, shown) = (shown.line(), String::from_utf8(shown.data().to_vec()).unwrap());
    (error.to_string(), error.help().unwrap_or_default().to_owned(), shown)
}

#[rstest]
#[case::schema(
    "rule/v1",
    "rule/v2",
    "no schema that is known",
    "write `clearance.rule/v1`",
    "clearance.rule/v2"
)]
#[case::kind("kind: resolver", "kind: resolvr", "unknown variant", "`resolver`", "resolvr")]
#[case::id("id: todo-lines", "id: Todo", "`Todo` is no id", "lower-case", "Todo")]
#[case::key("title:", "titel:", "unknown field `titel`", "`title`", "titel")]
#[case::inner_key("pending:", "pendng:", "unknown field `pendng`", "`pending`", "pendng")]
#[case::title("TODO and DONE lines", "\"a\\nb\"", "one line", "", "\"a\\nb\"")]
#[case::case_of_a_group("<id>", "<Id>", "no group `id`", "in place of `(?<Id>`", "Id")]
#[case::like_named_group("<id>", "<task_id>", "no group `id`", "in place of `(?<task_id>`", "task_id")]
#[case::near_group("<state>", "<status>", "no group `state`", "in place of `(?<status>`", "status")]
#[case::only_other_group("<id>", "<nr>", "no group `id`", "in place of `(?<nr>`", "nr")]
#[case::unnamed_group(
    r"(?<id>T\d{3}(?:-\w+)?)\b",
    "T1",
    "no group `id`",
    r"`(?<id>T\d+)`",
    r"^\s*(?<state>TODO|DOING|WAIT|DONE|OK)\s+T1"
)]
#[case::look_ahead(
    "(?<id>",
    "(?!x)(?<id>",
    "Rust's regex has no look-around",
    "match what stands there",
    "(?!"
)]
#[case::back_reference("(?<id>T", r"(?<id>T\1", "no back-references", "", r"\1")]
#[case::class("(?<id>T", "(?<id>T[z-a]", "invalid character class range", "", "z-a")]
#[case::property(r"\d{3}", r"\p{Nope}", "Unicode property not found", "", r"\p{Nope}")]
#[case::doubled_quote("'^", "'^(?:'')?[z-a]", "invalid character class range", "", "z-a")]
#[case::number("[DONE, OK]", "1", "expected a text or a list of texts", "", "done")]
#[case::truth("[DONE, OK]", "yes", "expected a text or a list of texts", "", "done")]
#[case::none("[DONE, OK]", "[]", "`done` has no text", "", "[")]
#[case::empty("[DONE, OK]", "[DONE, '']", "`done` is an empty text", "a state is seen", "''")]
#[case::code("[TODO, WAIT]", "[TODO, 'a`b']", "no backquote", "", "'a`b'")]
#[case::comment("[TODO, WAIT]", "[TODO, '<!--']", "no backquote, `<`", "", "'<!--'")]
#[case::line_ending("[TODO, WAIT]", "[TODO, \"a\\nb\"]", "control character", "", "\"a\\nb\"")]
#[case::misspelt("OK]", "DOEN]", "the group `state` cannot be `DOEN`", "must match every text", "DOEN")]
#[case::part("OK]", "DO]", "the group `state` cannot be `DO`", "the whole of it", "DO")]
#[case::both("OK]", "TODO]", "`TODO` is both done and pending", "", "TODO")]
#[case::expectation("T009: missing", "T009: gone", "unknown variant `gone`", "did you mean", "gone")]
#[case::no_task("T009: missing", "TOO9: missing", "`TOO9` is no task ID", "T001", "missing")]
#[case::work_package("T009: missing", "WP01: missing", "`WP01` is no task ID", "T001", "missing")]
fn mistakes_are_shown_where_they_are(
    #[case] from: &str,
    #[case] to: &str,
    #[case] message: &str,
    #[case] help: &str,
    #[case] at: &str,
) {
    let (said, helped, shown) = refusal(from, to);
    assert!(said.contains(message), "{said}");
    assert!(helped.contains(help), "{helped:?}");
    assert_eq!(shown, at);
}

#[test]
fn a_mistake_in_double_quotes_or_in_a_block_is_shown_too() {
    let pattern = RULE.lines().find(|line| line.contains("pattern:")).unwrap();
    let shown = |to: &str| {
        let (said, helped, shown) = refusal(pattern, to);
        (shown, said + &helped)
    };
    assert_eq!(shown(r#"  pattern: "\\s(?<state>é|TODO)\\s(?<id>T[z-a])""#).0, "z-a");
    assert_eq!(shown("  pattern: >-\n    (?<state>TODO) (?<id>T[z-a])").0, "z-a");
    assert_eq!(shown("  pattern: |-\n    a\n    [z-a]").0, "z-a");
    let (_, said) = shown(r#"  pattern: "\s(?<state>TODO)\s(?<id>T1)""#);
    assert!(said.contains("single quotes"), "{said}");
}

#[test]
fn patterns_have_limits() {
    let (long, _, _) = refusal("(?<id>", &format!("{}(?<id>", "x".repeat(LONGEST)));
    assert!(long.contains("a pattern may have 4096 bytes"), "{long}");
    let (large, help, _) = refusal(r"\d{3}", r"\w{100}");
    assert!(large.contains("size limit") && help.contains("smaller numbers"), "{large} {help}");
}

fn form() -> Form {
    read(&source(RULE)).unwrap().form
}

/// The text after marking; `None` where there is no row.
pub(super) fn marked(form: &Form, text: &str, id: &str, wanted: TaskState) -> Option<String> {
    let tasks = doc(text);
    let rows = rows(form, &TaskId::parse(id).unwrap(), &tasks);
    (!rows.is_empty()).then(|| edit::apply(&tasks, &form.changes(&rows, wanted)).unwrap())
}

#[rstest]
#[case::plain("TODO T001 a", "DONE T001 a")]
#[case::blanks("  TODO \t T001 a  ", "  DONE \t T001 a  ")]
#[case::crlf("TODO T001\r\nTODO T002\r\n", "DONE T001\r\nTODO T002\r\n")]
#[case::old_mac("TODO T001\rTODO T002", "DONE T001\rTODO T002")]
#[case::bom("\u{feff}TODO T001", "\u{feff}DONE T001")]
#[case::lower("TODO T001-ab a", "DONE T001-ab a")]
#[case::several("TODO T001 a\nx\nDONE T001 b\nTODO T001 c", "DONE T001 a\nx\nDONE T001 b\nDONE T001 c")]
#[case::wide("TODO T001 é\u{a0}ü", "DONE T001 é\u{a0}ü")]
#[case::in_the_middle_of_code("TODO T001 `x`", "DONE T001 `x`")]
#[case::details("<details>\nTODO T001\n</details>", "<details>\nDONE T001\n</details>")]
fn rows_are_marked_and_marked_back(#[case] before: &str, #[case] after: &str) {
    let form = form();
    assert_eq!(marked(&form, before, "T001", TaskState::Done).as_deref(), Some(after));
    assert_eq!(marked(&form, after, "T001", TaskState::Done).as_deref(), Some(after), "twice");
    let back = marked(&form, after, "T001", TaskState::Pending).unwrap();
    assert_eq!(back, before.replace("DONE", "TODO"));
    assert_eq!(marked(&form, &back, "T001", TaskState::Pending), Some(back.clone()), "twice");
}

#[test]
fn other_texts_of_the_same_state_stay() {
    let form = form();
    assert_eq!(marked(&form, "OK T001", "T001", TaskState::Done).as_deref(), Some("OK T001"));
    assert_eq!(marked(&form, "WAIT T001", "T001", TaskState::Pending).as_deref(), Some("WAIT T001"));
    assert_eq!(marked(&form, "OK T001", "t001", TaskState::Pending).as_deref(), Some("TODO T001"));
}

#[rstest]
#[case::other("TODO T002 a")]
#[case::prose("what T001 is TODO")]
#[case::suffixed("TODO T001b a")]
#[case::neither("DOING T001 a")]
#[case::lower_case_state("todo T001 a")]
#[case::range("TODO T001-T003 a")]
#[case::spelt_out_range("TODO T001..T003 a")]
#[case::fenced("```\nTODO T001\n```")]
#[case::quoted("> TODO T001")]
#[case::comment("<!--\nTODO T001\n-->")]
#[case::state_in_a_comment("x <!--\nTODO --> T001")]
#[case::code("`TODO T001`")]
#[case::front_matter("---\nk: v\n  TODO T001: x\n---\n")]
fn not_rows(#[case] text: &str) {
    // Not anchored, so that only what a document excludes keeps lines out.
    let loose = RULE.replace(r"'^\s*", r"'");
    for form in [form(), read(&source(&loose)).unwrap().form] {
        assert_eq!(marked(&form, text, "T001", TaskState::Done), None);
    }
}

#[test]
fn a_state_is_found_outside_of_comments_and_code_only() {
    let form = of(r"(?<state>TODO|DONE)\W+(?<id>T\d+)", "DONE", "TODO");
    for text in ["x <!-- TODO --> T001", "x <!-- a\nTODO --> T001 b", "`TODO` T001", "a `b\nTODO` T001"] {
        assert_eq!(marked(&form, text, "T001", TaskState::Done), None, "{text:?}");
    }
    let code = "TODO `T001`";
    assert_eq!(marked(&form, code, "T001", TaskState::Done).as_deref(), Some("DONE `T001`"));
}

/// A form with one text a state.
pub(super) fn of(pattern: &str, done: &str, pending: &str) -> Form {
    let at = |text: &str| At { value: text.to_owned(), span: 0..0 };
    let texts = |text: &str| At { value: OneOrMany(vec![at(text)]), span: 0..0 };
    let written = WrittenResolver { pattern: at(pattern), done: texts(done), pending: texts(pending) };
    Form::of(&source(""), &written).unwrap()
}

#[rstest]
#[case::stand_in("TODO T014-sig a", true)]
#[case::not_alone("TODO T014-sig a\nTODO T014-ver b", false)]
#[case::itself("TODO T014-sig a\nTODO T014 b", true)]
fn ids_are_compared_as_the_built_in_strategies_compare_them(#[case] text: &str, #[case] found: bool) {
    let after = marked(&form(), text, "t014", TaskState::Done);
    assert_eq!(after.is_some(), found);
    if let Some(after) = after {
        assert_eq!(after.matches("DONE").count(), 1, "{after}");
    }
}

/// What could not be marked back, or found again, is not marked: neither way.
#[rstest]
#[case::part_of_an_id(r"(?<state>TODO|DONE) (?<id>T\d{3})", "DONE", "TODO", "TODO T001-ab")]
#[case::no_id(r"(?<state>TODO|DONE)(?: (?<id>T\d{3}))?", "DONE", "TODO", "TODO x T001")]
#[case::no_state(r"(?:(?<state>TODO|DONE) )?(?<id>T\d{3})", "DONE", "TODO", "x T001")]
#[case::beside_the_id(r"(?<id>T\d{3})(?<state>!|x)", "x", "!", "T001! a")]
#[case::around_the_id(r"(?<state>(?<id>T001) \w+)", "T001 DONE", "T001 TODO", "T001 TODO")]
#[case::other_match_first(r"^x DONE|(?<state>TODO|DONE) (?<id>T\d{3})", "DONE", "TODO", "x TODO T001")]
#[case::back_to_another_match(r"^x TODO|(?<state>TODO|DONE) (?<id>T\d{3})", "DONE", "TODO", "x DONE T001")]
#[case::other_id_first(r"(?<state>TODO|DONE).*(?<id>T\d{3})", "DONE", "TODO", "TODO T001 T002")]
fn lines_that_would_not_be_found_again_are_left_alone(
    #[case] pattern: &str,
    #[case] done: &str,
    #[case] pending: &str,
    #[case] text: &str,
) {
    for id in ["T001", "T001-ab", "T001x"] {
        for wanted in [TaskState::Done, TaskState::Pending] {
            assert_eq!(marked(&of(pattern, done, pending), text, id, wanted), None, "{id}");
        }
    }
}

#[test]
fn half_an_id_is_told_from_a_line_that_does_not_match() {
    let form = of(r"(?<state>TODO|DONE) (?<id>T\d{3})", "DONE", "TODO");
    let miss = |text: &str| {
        let tasks = doc(text);
        row::row(&form, &tasks, tasks.mentions(&tasks.task_ids()[0])[0]).map_err(|miss| miss.to_string())
    };
    assert_eq!(
        miss("TODO T001-ab").unwrap_err(),
        "the group `id` is `T001`, and the task is named by `T001-ab`"
    );
    assert_eq!(miss("todo T001").unwrap_err(), "the pattern does not match");
    assert!(miss("TODO T001").is_ok());
}

#[test]
fn long_lines_are_passed_over() {
    let line = |length: usize| format!("TODO T001 {}", "x".repeat(length - 10));
    assert!(marked(&form(), &line(LONGEST_LINE), "T001", TaskState::Done).is_some());
    assert_eq!(marked(&form(), &line(LONGEST_LINE + 1), "T001", TaskState::Done), None);
}

fn differences(from: &str, to: &str) -> Vec<String> {
    assert!(RULE.contains(from), "{from:?}");
    let results = read(&source(&RULE.replace(from, to))).unwrap().run_tests();
    let [result] = results.try_into().unwrap();
    assert_eq!(result.name, "both states");
    result.differences
}

#[test]
fn tests_in_the_file_pass() {
    assert_eq!(differences("both states", "both states"), Vec::<String>::new());
}

#[rstest]
#[case::state("T002: done", "T002: pending", "T002 is done, not pending")]
#[case::found("T009: missing", "T002-x: done", "T002-x is missing, not done: no line names it")]
#[case::not_missing("T009: missing", "t001: missing", "t001 is pending, not missing")]
#[case::pattern(
    "TODO T001 first",
    "* T001 first",
    "T001 is missing, not pending: on line 1 the pattern does not match"
)]
#[case::spelling("TODO T001 first", "TODO T001b first", "no line names it")]
#[case::unknown("TODO T001 first", "DOING T001 first", "the state `DOING` is neither done nor pending")]
#[case::range("TODO T001 first", "TODO T001-T003 first", "the ID is part of a range")]
#[case::code("TODO T001 first", "`TODO T001 first`", "the pattern does not match")]
#[case::line(
    "\"DONE T001 first\"",
    "\"DONE T001\"",
    "T001 marked done is `DONE T001 first`, not `DONE T001`"
)]
#[case::line_back(
    "\"TODO T002 second\"",
    "\"T002\"",
    "T002 marked pending is `TODO T002 second`, not `T002`"
)]
#[case::not_markable(
    "done: { T001:",
    "done: { T007:",
    "T007 is missing, and cannot be marked: no line names it"
)]
fn tests_in_the_file_say_what_differs(#[case] from: &str, #[case] to: &str, #[case] said: &str) {
    let differences = differences(from, to);
    assert!(differences.iter().any(|difference| difference.contains(said)), "{differences:?}");
}

#[test]
fn every_test_of_the_file_runs() {
    let second = "  - name: none\n    tasks: x\n    expect: { T001: done }\n";
    let text = format!("{RULE}{second}");
    let results = read(&source(&text)).unwrap().run_tests();
    let told: Vec<_> =
        results.iter().map(|result| (result.name.as_str(), result.differences.is_empty())).collect();
    assert_eq!(told, [("both states", true), ("none", false)]);
    let line = text.lines().position(|line| line.contains("name: none")).unwrap() + 1;
    assert_eq!(results[1].line, line);
}

#[test]
fn the_example_of_the_documentation_works() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = clearance_testkit::read(root, "docs/rules/resolvers.md");
    let example = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let results = read(&source(example)).unwrap().run_tests();
    assert_eq!(results.len(), 1);
    assert_eq!(results[0].differences, Vec::<String>::new());
}
