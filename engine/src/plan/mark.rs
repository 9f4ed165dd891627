//! What `mark-status` would change: a pure function of the mission as it was read.

use std::collections::BTreeMap;

use crate::edit::{self, Change};
use crate::id::{IdError, MAX_IDS, TaskId};
use crate::mission::Mission;
use crate::mission::artefact::ArtefactError;
use crate::mission::meta::StatusPhase;
use crate::mission::status::{DONE, PENDING, SubtaskLog};
use crate::mission::tasks::TasksDoc;
use crate::ownership::{NoOwner, Owner, owners};
use crate::registry::StrategyEntry;
use crate::report::{ItemResult, Outcome};
use crate::resolve::{Answer, resolve};
use crate::source::Source;
use crate::strategy::{Format, Place, ResolveContext, StrategyMeta, TaskState};

use std::sync::Arc;

/// What a call of `mark-status` would do.
#[derive(Debug)]
pub struct MarkPlan {
    /// One a requested ID, in that order.
    pub results: Vec<ItemResult>,
    /// The new text of `tasks.md`, when it changes.
    pub tasks: Option<String>,
    /// Events to append, when completion is recorded as events.
    pub annotations: Vec<Annotation>,
}

/// Subtask states to record for one work package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// The work package.
    pub work_package: TaskId,
    /// Task, as its roster spells it, to state.
    pub subtasks: BTreeMap<String, &'static str>,
}

/// Why there is no plan. Nothing was written.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum PlanError {
    /// A file the plan needs is missing or broken.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Artefact(#[from] Arc<ArtefactError>),
    /// Two strategies want the same bytes.
    #[error(transparent)]
    #[diagnostic(
        code(overlapping_changes),
        help("mark these tasks one at a time, and report the file's layout")
    )]
    Overlap(#[from] edit::Overlap),
}

/// Whether the messages tell of a forecast or of what was done: the plan is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tense {
    /// The plan is applied: "Marked T001 as done".
    Done,
    /// The plan is shown: "Would mark T001 as done".
    Forecast,
}

impl Tense {
    fn mark(self) -> &'static str {
        match self {
            Self::Done => "Marked",
            Self::Forecast => "Would mark",
        }
    }
}

/// Plans the marking of `ids`.
///
/// # Errors
/// [`PlanError`] when an artefact that every ID depends on cannot be used.
pub fn plan(
    mission: &Mission,
    ids: &[TaskId],
    wanted: TaskState,
    stack: &[&'static StrategyEntry],
    tense: Tense,
) -> Result<MarkPlan, PlanError> {
    let phase = mission.meta()?.map(|meta| meta.status_phase).unwrap_or_default();
    let absent = TasksDoc::parse(Source::new(mission.name_of("tasks.md"), "", ""));
    let tasks = match mission.tasks() {
        // Events need no task list: rosters name the tasks too.
        Err(error) if phase == StatusPhase::Events && matches!(*error, ArtefactError::Missing { .. }) => {
            &absent
        }
        other => other?,
    };
    let log = match phase {
        StatusPhase::Rows => None,
        StatusPhase::Events => Some(mission.subtask_log()?),
    };
    let mut planner = Planner {
        context: ResolveContext { tasks, mission },
        wanted,
        tense,
        log,
        changes: vec![],
        events: vec![],
    };
    let mut results: Vec<_> =
        ids.iter().map(|id| planner.item(id, resolve(id, wanted, planner.context, stack))).collect();
    let Planner { context, changes, events, .. } = planner;
    let Settled { text, lost } = settle(context, changes, wanted, stack)?;
    for result in results.iter_mut().filter(|result| lost.contains(&result.id)) {
        *result = not_kept(result);
    }
    Ok(MarkPlan { results, tasks: text, annotations: events })
}

/// The new text, proven to say what the results say.
struct Settled {
    /// `None` when nothing changes.
    text: Option<String>,
    /// IDs whose changes would not have given them the wanted state, and were left out.
    lost: Vec<TaskId>,
}

/// What a strategy proposed for an ID.
struct Proposed {
    id: TaskId,
    changes: Vec<Change>,
    /// Nothing but marks are replaced by marks, which cannot change what else the text says.
    marks_only: bool,
}

/// Whether the strategy is one whose marks are known to be read back as they were meant.
fn is_built_in(by: &StrategyMeta) -> bool {
    matches!(by.format, Some(Format::Checkbox | Format::PipeTable))
}

/// Whether only characters of boxes, marks and cells are taken out and put in: none of them opens or closes code, a
/// comment, a quote or a heading.
fn are_marks(changes: &[Change], text: &str) -> bool {
    let mark = |text: &str| text.bytes().all(|b| matches!(b, b' ' | b'|' | b'[' | b']' | b'x' | b'X' | b'D'));
    changes.iter().all(|change| match change {
        Change::Replace { range, with } => mark(&text[range.clone()]) && mark(with),
        Change::InsertLine { .. } => false,
    })
}

/// Applies the changes and reads the result back: an ID is only "updated" when the new text says so. A row may turn
/// out not to count, for example inside a comment that is never closed; its changes are then left out. Where nothing but
/// marks change, the reading is left out: it is most of the time of a call.
fn settle(
    context: ResolveContext<'_>,
    mut changes: Vec<Proposed>,
    wanted: TaskState,
    stack: &[&'static StrategyEntry],
) -> Result<Settled, edit::Overlap> {
    let mut lost = Vec::new();
    let source = context.tasks.source();
    let marks_only = changes.iter().all(|proposed| proposed.marks_only);
    while !changes.is_empty() {
        let all: Vec<_> = changes.iter().flat_map(|proposed| proposed.changes.clone()).collect();
        let text = edit::apply(context.tasks, &all)?;
        // Tests read back every time, and so hold the built-in strategies to what is relied on here.
        if marks_only && !cfg!(debug_assertions) {
            return Ok(Settled { text: Some(text), lost });
        }
        let after = TasksDoc::parse(Source::new(source.name(), source.path(), text.as_str()));
        let after = ResolveContext { tasks: &after, ..context };
        let says_so = |id: &TaskId| {
            let answer = resolve(id, wanted, after, stack);
            matches!(answer, Answer::Known { by, changes, .. } if by.tracks && changes.is_empty())
        };
        let failing: Vec<_> =
            changes.iter().map(|proposed| &proposed.id).filter(|id| !says_so(id)).cloned().collect();
        if failing.is_empty() {
            return Ok(Settled { text: Some(text), lost });
        }
        debug_assert!(!marks_only, "marks alone must give {failing:?} the wanted state");
        changes.retain(|proposed| !failing.contains(&proposed.id));
        lost.extend(failing);
    }
    Ok(Settled { text: None, lost })
}

fn not_kept(result: &ItemResult) -> ItemResult {
    let id = &result.id;
    let message = format!(
        "{id} was recognised, but a row for it would not count where it belongs: it would stand in code, a comment or a quote."
    );
    let help = format!("add a row by hand: `- [ ] {id}`, outside of code, comments and quotes");
    let rejected = ItemResult::new(id, Outcome::Rejected, message).help(help).at(result.places.clone());
    match result.strategy {
        Some(strategy) => rejected.by(strategy),
        None => rejected,
    }
}

struct Planner<'a> {
    context: ResolveContext<'a>,
    wanted: TaskState,
    tense: Tense,
    /// The log, when completion is recorded there.
    log: Option<&'a SubtaskLog>,
    changes: Vec<Proposed>,
    events: Vec<Annotation>,
}

impl Planner<'_> {
    fn item(&mut self, id: &TaskId, answer: Answer) -> ItemResult {
        match answer {
            Answer::Nowhere => self.nowhere(id),
            Answer::WorkPackage { by, id: package } => self.work_package(id, package.as_str(), by),
            Answer::Known { by, at, changes } => match self.log {
                None => self.rows(id, by, at, changes),
                Some(log) => self.event(id, by, at, &changes, log),
            },
        }
    }

    /// The state is a row of `tasks.md`.
    fn rows(
        &mut self,
        id: &TaskId,
        by: &'static StrategyMeta,
        at: Vec<Place>,
        changes: Vec<Change>,
    ) -> ItemResult {
        let (state, mark) = (self.wanted.as_str(), self.tense.mark());
        let (outcome, message) = if changes.is_empty() {
            (Outcome::AlreadySatisfied, format!("{id} is {state} already."))
        } else if changes.iter().any(|change| matches!(change, Change::InsertLine { .. })) {
            (Outcome::Updated, format!("{mark} {id} as {state}, with a new row in tasks.md."))
        } else {
            (Outcome::Updated, format!("{mark} {id} as {state} in tasks.md."))
        };
        if !changes.is_empty() {
            let marks_only = is_built_in(by) && are_marks(&changes, self.context.tasks.text());
            self.changes.push(Proposed { id: id.clone(), changes, marks_only });
        }
        ItemResult::new(id, outcome, message).by(by).at(at)
    }

    /// The state is the last annotation of every owning work package.
    fn event(
        &mut self,
        id: &TaskId,
        by: &'static StrategyMeta,
        at: Vec<Place>,
        changes: &[Change],
        log: &SubtaskLog,
    ) -> ItemResult {
        let owners = match owners(id, &at, self.context) {
            Ok(owners) => owners,
            Err(error) => return self.no_owner(id, &error).by(by).at(at),
        };
        let row_agrees = by.tracks && changes.is_empty();
        let open: Vec<&Owner> = owners
            .iter()
            .filter(|owner| match (self.wanted, log.state(&owner.work_package, &owner.spelling)) {
                (TaskState::Done, state) => state != Some(DONE),
                (TaskState::Pending, Some(state)) => state == DONE,
                // Nothing recorded is not done; that is on disk only where a row says so.
                (TaskState::Pending, None) => !row_agrees,
            })
            .collect();
        let (state, mark) = (self.wanted.as_str(), self.tense.mark());
        let packages =
            owners.iter().map(|owner| owner.work_package.to_string()).collect::<Vec<_>>().join(", ");
        let (outcome, message) = if open.is_empty() {
            (Outcome::AlreadySatisfied, format!("{id} is {state} already ({packages})."))
        } else {
            (Outcome::Updated, format!("{mark} {id} as {state} for {packages} in status.events.jsonl."))
        };
        for owner in open {
            record(&mut self.events, owner, self.wanted);
        }
        let owners = owners.into_iter().map(|owner| owner.work_package.to_string()).collect();
        ItemResult::new(id, outcome, message).by(by).at(at).owned_by(owners)
    }

    fn no_owner(&self, id: &TaskId, error: &NoOwner) -> ItemResult {
        let help = match error {
            NoOwner::Unknown(_) | NoOwner::Ambiguous { .. } => {
                format!("add {id} to `subtasks:` in the front matter of the work package's file in tasks/")
            }
            NoOwner::NoSuchWorkPackage { named, .. } => {
                format!("create tasks/{named}-title.md with {id} in its `subtasks:`, or correct tasks.md")
            }
        };
        let broken = self.broken_rosters();
        let message = format!("{id} was recognised, but cannot be recorded: {error}.{broken}");
        ItemResult::new(id, Outcome::Rejected, message).help(help)
    }

    fn nowhere(&self, id: &TaskId) -> ItemResult {
        let broken = self.broken_rosters();
        let result = ItemResult::new(
            id,
            Outcome::NotFound,
            format!("{id} was not found in tasks.md or any roster.{broken}"),
        );
        let same_number =
            |other: &&TaskId| other.kind() == id.kind() && other.number() == id.number() && *other != id;
        let written = self.context.tasks.task_ids();
        let near: Vec<_> = written.iter().filter(same_number).map(ToString::to_string).collect();
        if near.is_empty() { result } else { result.help(format!("did you mean {}?", near.join(" or "))) }
    }

    /// A work package is not marked here: its state is its lane.
    fn work_package(&self, id: &TaskId, package: &str, by: &'static StrategyMeta) -> ItemResult {
        let packages =
            self.context.mission.work_packages().map(|found| found.readable.as_slice()).unwrap_or_default();
        let own = packages.iter().find(|candidate| candidate.id.as_str() == package);
        let tasks = own.map(|own| own.subtasks.iter().map(|subtask| subtask.id.as_str()).collect::<Vec<_>>());
        let help = match tasks {
            Some(tasks) if !tasks.is_empty() => format!("to mark its tasks, name them: {}", tasks.join(" ")),
            _ => "name tasks, such as T001; a work package's lane moves by a lane transition".to_owned(),
        };
        let message = format!(
            "{package} is a work package: its state is its lane in status.events.jsonl, which mark-status does not move. Nothing was changed for it."
        );
        ItemResult::new(id, Outcome::Rejected, message).by(by).help(help)
    }

    /// A roster that cannot be read may be the one that has the task: say so.
    fn broken_rosters(&self) -> String {
        match self.context.mission.work_packages() {
            Ok(packages) => packages.broken.iter().map(|error| format!(" (Not read: {error}.)")).collect(),
            Err(error) => format!(" (The rosters could not be read: {error}.)"),
        }
    }
}

fn record(events: &mut Vec<Annotation>, owner: &Owner, wanted: TaskState) {
    let state = match wanted {
        TaskState::Done => DONE,
        TaskState::Pending => PENDING,
    };
    let position =
        events.iter().position(|event| event.work_package == owner.work_package).unwrap_or_else(|| {
            events.push(Annotation { work_package: owner.work_package.clone(), subtasks: BTreeMap::new() });
            events.len() - 1
        });
    events[position].subtasks.insert(owner.spelling.clone(), state);
}

/// The IDs of a call, duplicates collapsed, in the order they were first named.
///
/// # Errors
/// [`IdError::TooMany`].
pub fn distinct(ids: Vec<TaskId>) -> Result<Vec<TaskId>, IdError> {
    let mut seen = std::collections::HashSet::new();
    let ids: Vec<_> = ids.into_iter().filter(|id| seen.insert(id.clone())).collect();
    match ids.get(MAX_IDS) {
        None => Ok(ids),
        Some(beyond) => Err(IdError::TooMany(beyond.to_string())),
    }
}
