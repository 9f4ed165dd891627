//! What `mark-status` would change: a pure function of the mission as it was read.

use std::collections::BTreeMap;

use crate::edit::{self, Change};
use crate::id::{IdError, IdKind, MAX_IDS, TaskId, WpId};
use crate::lane::Lane;
use crate::mission::Mission;
use crate::mission::artefact::ArtefactError;
use crate::mission::meta::StatusPhase;
use crate::mission::state::{DONE, MissionState, PENDING};
use crate::mission::tasks::TasksDoc;
use crate::ownership::{NoOwner, Owner, owners};
use crate::plan::event::{Record, Step};
use crate::plan::step::{self, Decision, MoveRequest};
use crate::progress::{self, Sources};
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
    /// What to append to the log.
    pub records: Vec<Record>,
}

/// Who marks, in the events: the original's word.
const ACTOR: &str = "user";

/// Subtask states to record for one work package.
struct Annotation {
    work_package: TaskId,
    /// Task, as its roster spells it, to state.
    subtasks: BTreeMap<String, &'static str>,
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
    let phase = mission.phase()?;
    // Events need no task list: rosters name the tasks too. Neither do lanes.
    let lanes_only = ids.iter().all(|id| id.kind() == IdKind::WorkPackage);
    let tasks = match phase {
        StatusPhase::Rows if !lanes_only => mission.tasks()?,
        _ => mission.tasks_or_none()?,
    };
    let lanes_asked = ids.iter().any(|id| id.kind() == IdKind::WorkPackage);
    let state = match phase {
        StatusPhase::Rows if !lanes_asked => &MissionState::default(),
        _ => mission.settled_state()?,
    };
    let mut planner = Planner {
        context: ResolveContext { tasks, mission },
        wanted,
        tense,
        phase,
        state,
        stack,
        changes: vec![],
        events: vec![],
        steps: vec![],
    };
    let mut results: Vec<_> =
        ids.iter().map(|id| planner.item(id, resolve(id, wanted, planner.context, stack))).collect();
    let Planner { context, changes, events, steps, .. } = planner;
    let Settled { text, lost } = settle(context, changes, wanted, stack)?;
    for result in results.iter_mut().filter(|result| lost.contains(&result.id)) {
        *result = not_kept(result);
    }
    let notes = events.into_iter().map(|Annotation { work_package, subtasks }| Record::Note {
        work_package,
        actor: ACTOR.to_owned(),
        delta: serde_json::json!({ "subtasks": subtasks }),
    });
    Ok(MarkPlan { results, tasks: text, records: notes.chain(steps).collect() })
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
fn is_proven(by: &StrategyMeta) -> bool {
    matches!(by.format, Some(Format::Checkbox | Format::PipeTable))
}

/// Whether every row that is kept in step is such a strategy's.
fn all_proven(stack: &[&'static StrategyEntry]) -> bool {
    stack.iter().map(|entry| entry.strategy.meta()).all(|meta| !meta.tracks || is_proven(meta))
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
    phase: StatusPhase,
    /// The log, reduced; empty when the call has no use for it.
    state: &'a MissionState,
    stack: &'a [&'static StrategyEntry],
    changes: Vec<Proposed>,
    events: Vec<Annotation>,
    steps: Vec<Record>,
}

impl Planner<'_> {
    fn item(&mut self, id: &TaskId, answer: Answer) -> ItemResult {
        match answer {
            Answer::Nowhere => self.nowhere(id),
            Answer::WorkPackage { by, id: package } => self.work_package(id, &package, by),
            Answer::Known { by, at, changes } => match self.phase {
                StatusPhase::Rows => self.rows(id, by, at, changes),
                StatusPhase::Events => self.event(id, by, at, &changes),
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
            let text = self.context.tasks.text();
            let marks_only = is_proven(by) && all_proven(self.stack) && are_marks(&changes, text);
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
    ) -> ItemResult {
        let owners = match owners(id, &at, self.context) {
            Ok(owners) => owners,
            Err(error) => return self.no_owner(id, &error).by(by).at(at),
        };
        let row_agrees = by.tracks && changes.is_empty();
        let open: Vec<&Owner> = owners
            .iter()
            .filter(|owner| match (self.wanted, self.state.subtask(&owner.work_package, &owner.spelling)) {
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

    /// A work package is done when its lane says so: one step, by the rules, and no task of it is touched.
    fn work_package(&mut self, id: &TaskId, package: &WpId, by: &'static StrategyMeta) -> ItemResult {
        let to = match self.wanted {
            TaskState::Done => Lane::Done,
            TaskState::Pending => Lane::Planned,
        };
        let Self { context, phase, state, stack, .. } = *self;
        if !progress::is_known(package.as_id(), context.mission, state) {
            let broken = self.broken_rosters();
            let message = format!("{package} is no work package of {}.{broken}", context.mission.slug());
            return ItemResult::new(id, Outcome::NotFound, message).by(by);
        }
        let request = MoveRequest::plain(package.clone(), to);
        match step::decide(&request, Sources { context, phase, state, stack }) {
            Decision::There => {
                let message = format!("{package} is in the lane {to} already.");
                ItemResult::new(id, Outcome::AlreadySatisfied, message).by(by)
            }
            Decision::Steps(steps) => {
                let from = state.lane_of(package.as_id());
                let moved = match self.tense {
                    Tense::Done => "Moved",
                    Tense::Forecast => "Would move",
                };
                let by_us = |step| Step { actor: ACTOR.to_owned(), ..step };
                self.steps.extend(steps.into_iter().map(|step| Record::Step(Box::new(by_us(step)))));
                let message = format!("{moved} {package} from {from} to {to} in status.events.jsonl.");
                ItemResult::new(id, Outcome::Updated, message).by(by)
            }
            Decision::Refused(refused) => {
                let tasks = self.own_tasks(package);
                let message = format!("{}{tasks}", refused.message(package));
                ItemResult::new(id, Outcome::Rejected, message).by(by).help(refused.next.clone())
            }
        }
    }

    /// Who names a work package to be marked may mean its tasks.
    fn own_tasks(&self, package: &WpId) -> String {
        let packages = self.context.mission.work_packages().map(|found| found.readable.as_slice());
        let mut own = packages.unwrap_or_default().iter().filter(|candidate| candidate.id == *package);
        let tasks: Vec<_> =
            own.next().into_iter().flat_map(|own| &own.subtasks).map(|task| task.id.as_str()).collect();
        if tasks.is_empty() {
            String::new()
        } else {
            format!(" (Its tasks are marked by name: {}.)", tasks.join(" "))
        }
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
