//! `tasks.md`: marks are set and taken back, and nothing else changes.

use std::cell::LazyCell;
use std::io::Write as _;

use clearance_engine::id::{TaskId, tokens};
use clearance_engine::mission::Mission;
use clearance_engine::mission::tasks::TasksDoc;
use clearance_engine::plan::mark::{Tense, plan};
use clearance_engine::registry::Registry;
use clearance_engine::report::ItemResult;
use clearance_engine::strategy::TaskState;

/// How many of its tasks are marked.
const MOST: usize = 2;

/// A mission, and what marks in it.
struct Bench {
    place: tempfile::TempDir,
    registry: Registry,
}

thread_local! {
    static BENCH: LazyCell<Bench> = LazyCell::new(Bench::new);
}

/// Holds for every file.
pub fn hold(data: &[u8]) {
    let Some(source) = super::source("tasks.md", data) else { return };
    let text = source.text().to_owned();
    let doc = TasksDoc::parse(source);
    let ids: Vec<_> = doc.task_ids().into_iter().take(MOST).collect();
    BENCH.with(|bench| {
        for id in &ids {
            bench.there_and_back(&text, id);
        }
        bench.mark(&text, &ids, TaskState::Done);
    });
}

impl Bench {
    fn new() -> Self {
        let place = tempfile::tempdir().expect("a directory");
        let tasks = place.path().join("kitty-specs/m/tasks");
        std::fs::create_dir_all(&tasks).expect("a directory");
        written(&tasks.join("WP01-a.md"), "---\nwork_package_id: WP01\nsubtasks: [T001, T002]\n---\n");
        let registry = Registry::linked(clearance_rules::REQUIRED, clearance_strategies::ORDER);
        Self { place, registry: registry.expect("a registry") }
    }

    /// The text with marks, and which of the tasks have them then.
    fn mark(&self, text: &str, ids: &[TaskId], state: TaskState) -> (String, Vec<bool>) {
        let root = self.place.path().canonicalize().expect("a directory");
        written(&root.join("kitty-specs/m/tasks.md"), text);
        let mission = Mission::open(&root, "m").expect("a mission");
        let plan = plan(&mission, ids, state, self.registry.strategies(), Tense::Done);
        // Two strategies may want one place: it is refused, and nothing is changed.
        let Ok(plan) = plan else { return (text.to_owned(), vec![false; ids.len()]) };
        assert_eq!(plan.results.len(), ids.len());
        assert!(plan.records.is_empty(), "rows are the state here");
        let after = plan.tasks.unwrap_or_else(|| text.to_owned());
        assert_eq!(unnamed(&after), unnamed(text), "lines that name no task stay: {ids:?} of {text:?}");
        (after, plan.results.iter().map(ItemResult::is_resolved).collect())
    }

    /// A task that is marked twice is marked once; taken back and marked again, it is where it was.
    fn there_and_back(&self, text: &str, id: &TaskId) {
        let mark = |text: &str, state| {
            let (text, found) = self.mark(text, std::slice::from_ref(id), state);
            (text, found[0])
        };
        let (done, found) = mark(text, TaskState::Done);
        if !found {
            assert_eq!(done, text, "what is not found changes nothing");
            return;
        }
        assert_eq!(mark(&done, TaskState::Done), (done.clone(), true), "done twice: {id} of {text:?}");
        let (pending, still) = mark(&done, TaskState::Pending);
        assert!(still && pending != done, "pending shows: {id} of {text:?}");
        // A table may say `done` in a word of its own; the marks that are written from here on are ours.
        let (again, still) = mark(&pending, TaskState::Done);
        assert!(still, "{id} of {text:?}");
        assert_eq!(mark(&again, TaskState::Pending), (pending.clone(), true), "back again: {id} of {text:?}");
        assert_eq!(mark(&pending, TaskState::Done), (again, true), "done again: {id} of {text:?}");
    }
}

/// The lines that name no task and are not blank.
fn unnamed(text: &str) -> Vec<&str> {
    let lines = text.split(['\n', '\r']).map(str::trim_end);
    lines.filter(|line| !line.is_empty() && tokens(line, 0, line.len()).next().is_none()).collect()
}

/// For tests: nothing here needs to outlive a crash.
fn written(path: &std::path::Path, text: &str) {
    let file = std::fs::File::create(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).expect("a file is written");
}
