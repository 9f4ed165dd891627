//! The tests that a resolver brings along.

use clearance_engine::edit;
use clearance_engine::id::TaskId;
use clearance_engine::mission::tasks::TasksDoc;
use clearance_engine::source::Source;
use clearance_engine::strategy::TaskState;

use super::row::{row, rows};
use super::{At, ExpectedState, Form, InOrder, WrittenResolverTest};

/// What came of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TestResult {
    /// Its name.
    pub(super) name: String,
    /// Where its name stands, in bytes of the file.
    pub(super) span: std::ops::Range<usize>,
    /// What differed, one sentence a difference.
    pub(super) outcome: Result<(), Vec<String>>,
}

pub(super) fn run(form: &Form, test: &WrittenResolverTest) -> TestResult {
    let tasks = parsed(&test.tasks);
    let mut differences = Vec::new();
    for (task, At { value: expected, .. }) in &test.expect.0 {
        let state = known(task).and_then(|id| state(form, &id, &tasks));
        if state != meant(*expected) {
            let why = if state.is_none() { why_missing(form, task, &tasks) } else { String::new() };
            let message = format!("{task} is {}, not {}{why}", said(state), said(meant(*expected)));
            differences.push(message);
        }
    }
    for (wanted, lines) in [(TaskState::Done, &test.done), (TaskState::Pending, &test.pending)] {
        differences.extend(after_marking(form, &tasks, wanted, lines));
    }
    let outcome = if differences.is_empty() { Ok(()) } else { Err(differences) };
    TestResult { name: test.name.value.clone(), span: test.name.span.clone(), outcome }
}

/// What differs after each of the tasks was marked, alone.
fn after_marking(
    form: &Form,
    tasks: &TasksDoc,
    wanted: TaskState,
    lines: &InOrder<At<String>>,
) -> Vec<String> {
    let differs = |task: &String, expected: &String| -> Option<String> {
        let id = known(task)?;
        let rows = rows(form, &id, tasks);
        let Some(first) = rows.first() else {
            return Some(format!(
                "{task} is missing, and cannot be marked{}",
                why_missing(form, task, tasks)
            ));
        };
        let marked = edit::apply(tasks, &form.changes(&rows, wanted)).map_err(|error| error.to_string());
        let marked = match marked {
            Ok(text) => parsed(&text),
            Err(error) => return Some(format!("{task} cannot be marked: {error}")),
        };
        if state(form, &id, &marked) != Some(wanted) {
            return Some(format!("{task} was marked {}, and does not read so", wanted.as_str()));
        }
        let line = marked.line_text(first.line);
        (line != expected).then(|| format!("{task} marked {} is `{line}`, not `{expected}`", wanted.as_str()))
    };
    lines.0.iter().filter_map(|(task, line)| differs(task, &line.value)).collect()
}

fn parsed(text: &str) -> TasksDoc {
    TasksDoc::parse(Source::new("tasks.md", "tasks.md", text))
}

/// The ID; reading the file has made sure that it is one.
fn known(task: &str) -> Option<TaskId> {
    TaskId::parse(task).ok()
}

/// Done where every row is.
fn state(form: &Form, id: &TaskId, tasks: &TasksDoc) -> Option<TaskState> {
    let rows = rows(form, id, tasks);
    let open = rows.iter().any(|row| row.is == TaskState::Pending);
    (!rows.is_empty()).then_some(if open { TaskState::Pending } else { TaskState::Done })
}

fn meant(expected: ExpectedState) -> Option<TaskState> {
    match expected {
        ExpectedState::Done => Some(TaskState::Done),
        ExpectedState::Pending => Some(TaskState::Pending),
        ExpectedState::Missing => None,
    }
}

fn said(state: Option<TaskState>) -> &'static str {
    state.map_or("missing", TaskState::as_str)
}

/// Why the first line that names a task is no row of it.
fn why_missing(form: &Form, task: &str, tasks: &TasksDoc) -> String {
    let mentions = known(task).map(|id| tasks.mentions(&id)).unwrap_or_default();
    let why = |mention| row(form, tasks, mention).err();
    match mentions.first().map(|first| (first.line + 1, why(*first))) {
        Some((line, Some(miss))) => format!(": on line {line} {miss}"),
        _ => ": no line names it, code, comments and quotes aside".to_owned(),
    }
}
