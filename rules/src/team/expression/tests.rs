use std::time::Instant;

use rstest::rstest;
use serde_json::{Value as Json, json};

use super::*;

fn names() -> Names {
    let package = Type::record([("id", Type::Text), ("agent", Type::Text)]);
    let file = Type::record([("path", Type::Text), ("added", Type::Int)]);
    let names = [
        ("wps", Type::list(package.clone())),
        ("wp", package),
        ("diff", Type::record([("files", Type::list(file)), ("added", Type::Int)])),
        ("run", Type::Any),
        ("big", Type::list(Type::Int)),
        ("long", Type::Text),
        ("now", Type::Text),
    ];
    names.into_iter().map(|(name, of)| (name.to_owned(), of)).collect()
}

fn evaluated(source: &str) -> Result<Json, EvaluationError> {
    let document = json!({
        "wps": [{"id": "WP01", "agent": "a"}, {"id": "WP02", "agent": ""}],
        "wp": {"id": "WP01", "agent": "a"},
        "diff": {"files": [{"path": "src/a.py", "added": 10}, {"path": "docs/b/c.md", "added": 2}], "added": 12},
        "run": {"exit_code": 0, "at": "2026-01-03T00:00:00Z"},
        "now": "2026-01-10T12:00:00Z",
        "long": "x".repeat(1 << 20),
        "big": (0..10_000).collect::<Vec<_>>(),
    });
    let document = document.as_object().unwrap();
    let values: Vec<_> = document.iter().map(|(name, value)| (name.as_str(), Value::from(value))).collect();
    let scope = Scope::new(values.iter().map(|(name, value)| (*name, value)));
    let expression = Expression::compile(source, &names()).unwrap_or_else(|error| panic!("{error:?}"));
    expression.evaluate(&scope).map(|value| value.to_json())
}

#[rstest]
#[case::signed("diff.added + 1 - 20", json!(-7))]
#[case::sum("sum(diff.files.map(f, f.added))", json!(12))]
#[case::glob(r#"diff.files.filter(f, f.path.glob("src/**")).size()"#, json!(1))]
#[case::star_stays_inside(r#""docs/b/c.md".glob("docs/*.md")"#, json!(false))]
#[case::pattern(r#"wps.all(w, w.id.matches("^WP[0-9]{2}$"))"#, json!(true))]
#[case::presence("has(wp.agent) && has(run.exit_code) && !has(run.nope)", json!(true))]
#[case::days(r#"days_between("2026-01-01T12:00:00Z", run.at)"#, json!(1))]
#[case::no_item("[].all(x, x == 1)", json!(true))]
#[case::list("wps.filter(w, w.agent == '').map(w, w.id)", json!(["WP02"]))]
#[case::records("wps.filter(w, w.agent == '')", json!([{"id": "WP02", "agent": ""}]))]
#[case::names_of_a_record("wp.exists(name, name == 'agent') && wp.all(name, name.size() > 1) && 'id' in wp", json!(true))]
#[case::record_and_map("wp == {'id': 'WP01', 'agent': 'a'} && wp == wps[0] && wp != wps[1]", json!(true))]
#[case::size_of_a_record("wp.size() + wps.size()", json!(4))]
#[case::lists_add("wps + [wp]", json!([{"id": "WP01", "agent": "a"}, {"id": "WP02", "agent": ""}, {"id": "WP01", "agent": "a"}]))]
#[case::texts_add("'a' + wp.id", json!("aWP01"))]
#[case::map_and_record("{'id': 'WP01', 'agent': 'a'} == wp && !({'id': 'WP01', 'agent': 'a'} != wp)", json!(true))]
#[case::map_and_other_record("{'id': 'WP01', 'agent': 'b'} == wp || {'id': 'WP01'} == wp", json!(false))]
#[case::list_of_maps("[{'id': 'WP01', 'agent': 'a'}, {'id': 'WP02', 'agent': ''}] == wps && wps == [{'id': 'WP01', 'agent': 'a'}, {'id': 'WP02', 'agent': ''}]", json!(true))]
#[case::map_in_a_map("{'w': {'id': 'WP01', 'agent': 'a'}} == {'w': wp} && {'w': wp} == {'w': {'id': 'WP01', 'agent': 'a'}}", json!(true))]
#[case::map_in_a_list("{'id': 'WP01', 'agent': 'a'} in wps && wp in [{'id': 'WP01', 'agent': 'a'}]", json!(true))]
#[case::lists_of_texts(r#"wps.map(w, w.id) == ["WP01", "WP02"] && ["WP01", "WP02"] == wps.map(w, w.id)"#, json!(true))]
#[case::versions(r#"semver("1.10.0") > semver("v1.9.3") && semver("1.0.0-rc.1") < semver("1.0.0")"#, json!(true))]
#[case::path("wp.agent", json!("a"))]
#[case::since(r#"days_since("2026-01-01T00:00:00Z")"#, json!(9))]
fn values(#[case] source: &str, #[case] value: Json) {
    assert_eq!(evaluated(source), Ok(value));
}

#[rstest]
#[case::name("brnch == 'x'", "brnch", Some("there are: big, diff, long, now, run, wp, wps"))]
#[case::near_name("wpz.size() > 0", "wpz", Some("did you mean `wp`?"))]
#[case::field("wp.agnt != ''", "agnt", Some("did you mean `agent`?"))]
#[case::field_in_a_loop("wps.all(w, w.agnt != '')", "agnt", Some("did you mean `agent`?"))]
#[case::field_of_what_was_filtered(
    "diff.files.filter(f, f.added > 0).map(f, f.pth)",
    "pth",
    Some("did you mean `path`?")
)]
#[case::tested_field("has(wp.agnt)", "agnt", Some("did you mean `agent`?"))]
#[case::function("siz(wps) > 0", "siz", Some("did you mean `size`?"))]
#[case::after_letters_of_two_bytes(
    "'é' == brnch",
    "brnch",
    Some("there are: big, diff, long, now, run, wp, wps")
)]
#[case::assignment("wp.agent = 'x'", "=", Some("to compare, write `==`"))]
#[case::simple_name("wpz", "wpz", Some("did you mean `wp`?"))]
#[case::simple_field("wp.agnt", "agnt", Some("did you mean `agent`?"))]
#[case::pattern("wp.id.matches('a(b')", "'a(b')", None)]
#[case::look_around(r#"wp.id.matches("(?!x)y")"#, "\"(?!x)y\"", None)]
#[case::glob("wp.id.glob('a[')", "'a[')", None)]
#[case::nothing("", "", None)]
#[case::form("startsWith(wp.id, 'x')", "", Some("write `text.startsWith(...)`"))]
#[case::other_form("wps.sum()", "", Some("write `sum(...)`"))]
#[case::too_deep(
    "wps.all(a, wps.all(b, wps.all(c, a == b)))",
    "(c,",
    Some("name the inner list under `let:`")
)]
fn mistakes(#[case] source: &str, #[case] at: &str, #[case] help: Option<&str>) {
    let error = Expression::compile(source, &names()).unwrap_err();
    assert!(source[error.span.start..].starts_with(at), "{error:?}");
    assert_eq!(error.help.as_deref(), help, "{error:?}");
}

#[test]
fn an_expression_has_an_end() {
    assert!(Expression::compile(&format!("'{}' == ''", "x".repeat(LONGEST)), &names()).is_err());
    let started = Instant::now();
    let endless = evaluated("big.all(a, big.all(b, a + b >= 0))");
    assert!(matches!(endless, Err(EvaluationError::TooLong { .. })), "{endless:?}");
    // An upper bound that even a busy machine keeps: without a clock it takes a minute.
    assert!(started.elapsed() < TIME * 50);
}

#[rstest]
#[case::gathered("big.map(a, long + 'x')")]
#[case::in_a_list("big.map(a, [long, long])")]
#[case::in_a_map("big.map(a, {'k': long})")]
#[case::doubled("[long + long].map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a)")]
#[case::written_out("[long, long, long, long, long, long, long, long].map(a, [a, a, a, a, a, a, a, a])")]
fn memory_has_an_end(#[case] source: &str) {
    let endless = evaluated(source);
    assert!(matches!(endless, Err(EvaluationError::TooLarge { .. })), "{:?}", endless.map(|_| "a value"));
}

/// Loops that gather are appended to in place: ten thousand elements are far from the limit of time.
#[test]
fn a_long_list_is_gathered_in_time() {
    assert_eq!(evaluated("big.filter(a, a >= 0).map(a, a + 1).size()"), Ok(json!(10_000)));
}

#[test]
fn what_does_not_fit_is_said_in_words() {
    assert_eq!(evaluated("run.nope == 1").unwrap_err().to_string(), "`run.nope == 1`: there is no `nope`");
    let error = evaluated("wp.id + 1 == 'x'").unwrap_err().to_string();
    assert!(error.contains("does not take"), "{error}");
    assert!(evaluated("'x'.matches('(' + wp.id)").is_err());
}

/// Each would take the stack of the process with it, or the patience of whoever waits.
#[rstest]
#[case::round(format!("{}true{}", "(".repeat(1000), ")".repeat(1000)))]
#[case::square(format!("{}1{} == 1", "[".repeat(1000), "]".repeat(1000)))]
#[case::not(format!("{}true", "!".repeat(3000)))]
#[case::minus(format!("{}1 == 1", "-".repeat(3000)))]
#[case::choices(format!("{}true", "true?true:".repeat(400)))]
#[case::sums(format!("{}1 == 1", "1+".repeat(2000)))]
#[case::indices(format!("run{} == 1", "[0]".repeat(1000)))]
#[case::fields(format!("run{} == 1", ".a".repeat(1500)))]
fn nesting_has_an_end(#[case] source: String) {
    let error = Expression::compile(&source, &names()).unwrap_err();
    assert!(error.message.contains(" at most ") || error.message.contains("deep"), "{error:?}");
}

#[test]
fn usual_nesting_is_fine() {
    let source = format!("{}wp.id == '(((((((((('{}", "(".repeat(8), ")".repeat(8));
    assert_eq!(evaluated(&source), Ok(json!(false)));
}
