//! What holds for every line and for every pattern.

use std::sync::LazyLock;

use clearance_engine::edit;
use clearance_engine::mission::tasks::TasksDoc;
use proptest::prelude::*;

use super::tests::{RULE, doc, marked, of, source};
use super::*;

static FORM: LazyLock<Form> = LazyLock::new(|| read(&source(RULE)).unwrap().form);
static ODD: LazyLock<Form> = LazyLock::new(|| of(r"(?<state>.)(?<id>[Tt]\d+)", "x", "-"));

fn config(cases: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig { cases: default.cases.max(cases), failure_persistence: None, ..default }
}

/// Lines of every kind, over a few IDs, so that they collide. Every open state is the one that is written.
fn line() -> impl Strategy<Value = String> {
    let id = prop_oneof![Just("T001"), Just("T002"), Just("T001-ab"), Just("t001"), Just("T001-T003")];
    let state = prop_oneof![4 => Just("TODO"), 4 => Just("DONE"), 1 => Just("DOING"), 1 => Just("todo"), 1 => Just("TODOS")];
    let shape = prop_oneof![
        6 => Just("S I text"),
        4 => Just("\u{a0} S \t I é `x`  "),
        2 => Just("- S I text"),
        1 => Just("S S I and S I"),
        1 => Just("> S I"),
        1 => Just("`S` I"),
        1 => Just("<!-- S I"),
        1 => Just("x <!-- S --> I"),
        1 => Just("-->"),
        1 => Just("```"),
        1 => Just("## S I"),
        1 => Just("| S I | S |"),
        1 => Just(""),
    ];
    (shape, id, state).prop_map(|(shape, id, state)| shape.replace('S', state).replace('I', id))
}

fn document() -> impl Strategy<Value = String> {
    let ending = prop_oneof![4 => Just("\n"), 2 => Just("\r\n"), 1 => Just("\r")];
    let bom = prop_oneof![4 => Just(""), 1 => Just("\u{feff}")];
    let lines = proptest::collection::vec((line(), ending), 0..12);
    (bom, lines, any::<bool>()).prop_map(|(bom, lines, last)| {
        let mut text: String = lines.iter().map(|(line, ending)| format!("{line}{ending}")).collect();
        if !last {
            text.truncate(text.trim_end_matches(['\r', '\n']).len());
        }
        format!("{bom}{text}")
    })
}

/// Patterns with pieces that matter here, most of them valid.
fn pattern() -> impl Strategy<Value = String> {
    let state = [
        r"(?<state>TODO|DONE)",
        r"(?<state>TODO|DONE|)?",
        r"(?i:(?<state>TODO|DONE))",
        r"(?:(?<state>TODO|DONE).*)*",
    ];
    let id = [r"(?<id>T\d{3})", r"(?<id>[tT]\d{3}(?:-[a-z]+)?)", r"(?:(?<id>T\d+)[^x])*", r"(?<id>[^ ]+)"];
    let odd = || {
        proptest::sample::select(
            &["^", "$", ".", ".*?", ".*", r"\s+", r"\b", "|", "T", "DONE|", "[^-]", "("][..],
        )
    };
    let rarely = move |usual: &'static str| prop_oneof![5 => Just(usual), 1 => odd()];
    let groups = (proptest::sample::select(state.to_vec()), proptest::sample::select(id.to_vec()));
    let around = (rarely(""), rarely(r"\s+"), rarely(""), rarely(""));
    let pieces = (groups, around, 0..6).prop_map(|((state, id), (first, a, b, last), turned)| {
        let (one, other) = if turned == 0 { (id, state) } else { (state, id) };
        [first, one, a, b, other, last].concat()
    });
    prop_oneof![8 => pieces, 1 => any::<String>()]
}

fn compiled(pattern: &str) -> Option<Form> {
    let pattern = serde_json::to_string(pattern).unwrap();
    let text = format!(
        "schema: clearance.rule/v1\nkind: resolver\nid: x\ntitle: x\nresolver:\n  pattern: {pattern}\n  done: DONE\n  pending: TODO\n"
    );
    read(&source(&text)).ok().map(|resolver| resolver.form)
}

/// The text after marking, checked: between the states of the rows every byte is what it was, and every row reads as it
/// was marked.
fn checked(form: &Form, tasks: &TasksDoc, id: &TaskId, wanted: TaskState) -> Result<String, TestCaseError> {
    let found = rows(form, id, tasks);
    let text = edit::apply(tasks, &form.changes(&found, wanted)).unwrap();
    let mut expected = tasks.text().to_owned();
    for row in found.iter().rev() {
        expected.replace_range(row.state.clone(), form.text(wanted));
    }
    prop_assert_eq!(&text, &expected, "only the states change");
    let again = rows(form, id, &doc(&text));
    prop_assert_eq!(again.len(), found.len(), "{:?}", text);
    prop_assert!(again.iter().all(|row| row.is == wanted), "{text:?}");
    Ok(text)
}

proptest! {
    #![proptest_config(config(600))]

    #[test]
    fn done_and_pending_again_is_what_it_was(text in document()) {
        let form = &*FORM;
        for id in ["T001", "T002", "T001-ab"] {
            let open = marked(form, &text, id, TaskState::Pending).unwrap_or_else(|| text.clone());
            let done = marked(form, &open, id, TaskState::Done).unwrap_or_else(|| open.clone());
            let back = marked(form, &done, id, TaskState::Pending).unwrap_or_else(|| done.clone());
            prop_assert_eq!(back, open);
        }
    }

    #[test]
    fn nothing_but_states_changes(text in document(), pattern in pattern()) {
        let Some(form) = compiled(&pattern) else { return Ok(()) };
        let tasks = doc(&text);
        for id in tasks.task_ids() {
            for wanted in [TaskState::Done, TaskState::Pending] {
                checked(&form, &tasks, &id, wanted)?;
            }
        }
    }

    #[test]
    fn no_text_is_too_odd(text in any::<String>(), id in "[Tt][0-9]{1,3}", pattern in pattern()) {
        let odd = text.chars().map(|c| if c.is_ascii_digit() { format!("-{id}") } else { c.to_string() });
        let tasks = doc(&odd.collect::<String>());
        for form in [Some(&*ODD), compiled(&pattern).as_ref()].into_iter().flatten() {
            for id in tasks.task_ids() {
                checked(form, &tasks, &id, TaskState::Done)?;
            }
        }
    }
}
