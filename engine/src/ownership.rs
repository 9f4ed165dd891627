//! Which work package a task belongs to. The rosters decide; `tasks.md` is asked where no roster lists the task.

use std::collections::BTreeSet;

use crate::id::{IdKind, TaskId, tokens};
use crate::mission::Mission;
use crate::mission::tasks::{TasksDoc, names_relation};
use crate::strategy::{Place, ResolveContext};

/// Names of the column that says whose a row is, as the original reads them (`tasks_outline.py`, 3.2.7).
const OWNER_COLUMNS: [&str; 5] = ["wp", "work package", "work_package", "work package id", "work_package_id"];

/// A work package that owns a task, and how it spells the task: the original compares exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The work package.
    pub work_package: TaskId,
    /// The task, as the roster spells it.
    pub spelling: String,
}

/// Why no owner can be named.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoOwner {
    /// Nothing says whose the task is.
    #[error("no work package lists {0}")]
    Unknown(TaskId),
    /// `tasks.md` names a work package that does not exist.
    #[error("{task} belongs to {named}, and there is no such work package")]
    NoSuchWorkPackage {
        /// The task.
        task: TaskId,
        /// The work package that is named.
        named: TaskId,
    },
    /// Several are named.
    #[error("{task} could belong to several work packages ({named})")]
    Ambiguous {
        /// The task.
        task: TaskId,
        /// Those named, joined by commas.
        named: String,
    },
}

/// Every work package that owns a task: a task in two rosters belongs to both, and both gates look at it. `at` are the
/// places where the task itself was recognised; elsewhere it may only be mentioned, as what another one depends on.
///
/// # Errors
/// [`NoOwner`].
pub fn owners(id: &TaskId, at: &[Place], context: ResolveContext<'_>) -> Result<Vec<Owner>, NoOwner> {
    let mut rostered: Vec<_> = context
        .rostered(id)
        .map(|(package, subtask)| Owner {
            work_package: package.id.clone().into(),
            spelling: subtask.id.as_str().to_owned(),
        })
        .collect();
    // Two files of one work package are one owner.
    rostered.dedup_by(|a, b| a.work_package == b.work_package);
    if !rostered.is_empty() {
        return Ok(rostered);
    }
    let named = named_in_document(id, at, context.tasks)?;
    let known = known_work_packages(context);
    if let Some(unknown) = named.iter().find(|work_package| !known.contains(work_package)) {
        return Err(NoOwner::NoSuchWorkPackage { task: id.clone(), named: unknown.clone() });
    }
    Ok(named
        .into_iter()
        .map(|work_package| Owner { work_package, spelling: id.as_str().to_owned() })
        .collect())
}

/// What `tasks.md` says, strongest first: the owner column of a table, the section, the line itself.
pub(crate) fn named_in_document(id: &TaskId, at: &[Place], tasks: &TasksDoc) -> Result<Vec<TaskId>, NoOwner> {
    let here = at.iter().filter(|place| place.file == tasks.source().name());
    let lines: Vec<usize> = here.filter_map(|place| place.line?.checked_sub(1)).collect();
    let by_column: BTreeSet<_> = lines.iter().flat_map(|line| owner_column(tasks, *line)).collect();
    if !by_column.is_empty() {
        return Ok(by_column.into_iter().collect());
    }
    let one = |named: &[TaskId]| match named {
        [only] => Ok(vec![only.clone()]),
        several => {
            let named = several.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            Err(NoOwner::Ambiguous { task: id.clone(), named })
        }
    };
    let sections = lines.iter().map(|line| tasks.section_work_packages(*line));
    if let Some(section) = sections.into_iter().find(|section| !section.is_empty()) {
        return one(section);
    }
    let on_lines = lines.iter().map(|line| on_line(tasks, *line)).find(|named| !named.is_empty());
    on_lines.map_or_else(|| Err(NoOwner::Unknown(id.clone())), |named| one(&named))
}

/// The work packages that a row names: those in parentheses, `(WP02)`, else all.
fn on_line(tasks: &TasksDoc, line: usize) -> Vec<TaskId> {
    let text = tasks.line_text(line);
    let named = tokens(text, 0, text.len()).filter(|token| token.kind == IdKind::WorkPackage);
    // `(depends on WP02)` names another one.
    let tokens = named.filter(|token| !names_relation(&text[..token.start]));
    let (mut bracketed, mut all) = (BTreeSet::new(), BTreeSet::new());
    for token in tokens {
        if text[..token.start].ends_with('(') && text[token.end..].starts_with(')') {
            bracketed.insert(token.id(text));
        }
        all.insert(token.id(text));
    }
    if bracketed.is_empty() { all } else { bracketed }.into_iter().collect()
}

fn owner_column(tasks: &TasksDoc, line: usize) -> Vec<TaskId> {
    let column = tasks
        .table_of(line)
        .and_then(|table| table.columns.iter().position(|name| OWNER_COLUMNS.contains(&name.as_str())));
    let row = tasks.row(line);
    let Some(cell) = column.and_then(|column| row.cells.get(column)) else { return Vec::new() };
    tokens(tasks.text(), cell.start, cell.end)
        .filter(|token| token.kind == IdKind::WorkPackage)
        .map(|token| token.id(tasks.text()))
        .collect()
}

/// A work package exists when it has a file, a lane in the log, a lane manifest entry or a section.
fn known_work_packages(context: ResolveContext<'_>) -> KnownWorkPackages<'_> {
    let mission = context.mission;
    let files = mission.work_packages().map(|found| found.readable.as_slice()).unwrap_or_default();
    let lanes = mission.lanes().ok().flatten().map(|lanes| lanes.lanes.as_slice()).unwrap_or_default();
    let mut ids: BTreeSet<TaskId> = files.iter().map(|package| package.id.clone().into()).collect();
    ids.extend(lanes.iter().flat_map(|lane| &lane.wp_ids).filter_map(|id| TaskId::parse(id).ok()));
    ids.extend(context.tasks.section_owners().cloned());
    KnownWorkPackages { ids, mission }
}

struct KnownWorkPackages<'a> {
    ids: BTreeSet<TaskId>,
    mission: &'a Mission,
}

impl KnownWorkPackages<'_> {
    fn contains(&self, id: &TaskId) -> bool {
        self.ids.contains(id)
            || self.mission.state().is_ok_and(|state| state.of(id).is_some_and(|state| state.since.is_some()))
    }
}
