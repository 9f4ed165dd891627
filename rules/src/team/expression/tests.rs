use std::time::Instant;

use rstest::rstest;
use serde_json::json;

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
    ];
    names.into_iter().map(|(name, of)| (name.to_owned(), of)).collect()
}

fn evaluated(source: &str) -> Result<Json, EvaluationError> {
    let document = json!({
        "wps": [{"id": "WP01", "agent": "a"}, {"id": "WP02", "agent": ""}],
        "wp": {"id": "WP01", "agent": "a"},
        "diff": {"files": [{"path": "src/a.py", "added": 10}, {"path": "docs/b/c.md", "added": 2}], "added": 12},
        "run": {"exit_code": 0, "at": "2026-01-03T00:00:00Z"},
        "big": (0..10_000).collect::<Vec<_>>(),
    });
    let document = document.as_object().unwrap();
    let scope = Scope::new(document.iter().map(|(name, value)| (name.as_str(), value)));
    Expression::compile(source, &names()).unwrap_or_else(|error| panic!("{error:?}")).evaluate(&scope)
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
fn values(#[case] source: &str, #[case] value: Json) {
    assert_eq!(evaluated(source), Ok(value));
}

#[rstest]
#[case::name("brnch == 'x'", "brnch", Some("there are: big, diff, run, wp, wps"))]
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
#[case::after_letters_of_two_bytes("'é' == brnch", "brnch", Some("there are: big, diff, run, wp, wps"))]
#[case::assignment("wp.agent = 'x'", "=", Some("to compare, write `==`"))]
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

#[test]
fn what_does_not_fit_is_said_in_words() {
    assert_eq!(evaluated("run.nope == 1").unwrap_err().to_string(), "`run.nope == 1`: there is no `nope`");
    let error = evaluated("wp.id + 1 == 'x'").unwrap_err().to_string();
    assert!(error.contains("does not take"), "{error}");
    assert!(evaluated("'x'.matches('(')").is_err());
}
