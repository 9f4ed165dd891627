//! Strategies: ways to find a task ID in a mission and to say how its state would change.

use crate::edit::Change;
use crate::id::{TaskId, WpId};
use crate::mission::Mission;
use crate::mission::tasks::TasksDoc;
use crate::mission::work_package::{Subtask, WorkPackage};

/// The state a task is asked to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskState {
    /// Finished.
    Done,
    /// Not finished.
    Pending,
}

impl TaskState {
    /// `done` or `pending`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Pending => "pending",
        }
    }
}

/// The formats of the `mark-status` contract (schema version 1). Other strategies have none there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// `- [ ] T001`
    Checkbox,
    /// `| T001 | ... |`
    PipeTable,
    /// `Subtasks: T001, T002`
    InlineSubtasks,
    /// `WP02`
    WpId,
}

/// The facts about a strategy, each stated once.
#[derive(Debug, Clone, Copy)]
pub struct StrategyMeta {
    /// Kebab-case, the same words as the file it is in.
    pub id: &'static str,
    /// What it recognises.
    pub summary: &'static str,
    /// Its name in the version 1 contract.
    pub format: Option<Format>,
    /// Whether the rows it finds *are* the task's state. Rows of several tracking strategies are kept in step: a
    /// task with a checkbox and a table row ends with both in the same state.
    pub tracks: bool,
}

/// What a strategy may look at.
#[derive(Debug, Clone, Copy)]
pub struct ResolveContext<'a> {
    /// `tasks.md`; empty when the mission has none.
    pub tasks: &'a TasksDoc,
    /// The mission, for its rosters.
    pub mission: &'a Mission,
}

impl<'a> ResolveContext<'a> {
    /// The work packages that list a task, in file order, with the entry of their roster.
    pub fn rostered(&self, id: &TaskId) -> impl Iterator<Item = (&'a WorkPackage, &'a Subtask)> + use<'a> {
        self.mission.work_packages().ok().into_iter().flat_map({
            let id = id.clone();
            move |packages| packages.listing(&id)
        })
    }
}

/// A place that was recognised, 0-based line of `tasks.md` or a line of another file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file, as named in messages.
    pub file: String,
    /// 1-based line, where it can be told.
    pub line: Option<usize>,
}

/// What a strategy makes of an ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// Found; these changes give it the wanted state.
    Found {
        /// Where it was recognised.
        at: Vec<Place>,
        /// The changes, never empty.
        changes: Vec<Change>,
    },
    /// Found, and every row of it has the wanted state.
    Unchanged {
        /// Where it was recognised.
        at: Vec<Place>,
    },
    /// The ID names a work package: its lane is not a row of a file.
    Delegated(WpId),
    /// Another strategy's business.
    NotMine,
}

impl Resolution {
    /// [`Resolution::Found`], [`Resolution::Unchanged`] when there is nothing to change, [`Resolution::NotMine`]
    /// when there is no place.
    #[must_use]
    pub fn of(at: Vec<Place>, changes: Vec<Change>) -> Self {
        match (at.is_empty(), changes.is_empty()) {
            (true, _) => Self::NotMine,
            (false, true) => Self::Unchanged { at },
            (false, false) => Self::Found { at, changes },
        }
    }
}

/// One way to find a task ID. Pure: it proposes changes and writes nothing.
pub trait ResolverStrategy: Send + Sync {
    /// Its facts.
    fn meta(&self) -> &StrategyMeta;

    /// Looks for `id`, and says how it would get the state `wanted`.
    fn resolve(&self, id: &TaskId, wanted: TaskState, context: ResolveContext<'_>) -> Resolution;
}
