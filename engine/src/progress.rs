//! How far the tasks of a mission are, as each artefact tells it: rows of `tasks.md`, rosters, the log.

use std::collections::{BTreeMap, BTreeSet};

use crate::edit::Change;
use crate::id::TaskId;
use crate::mission::Mission;
use crate::mission::meta::StatusPhase;
use crate::mission::state::{DONE, MissionState};
use crate::mission::tasks::TasksDoc;
use crate::ownership::{NoOwner, named_in_document, owners};
use crate::registry::StrategyEntry;
use crate::resolve::{Answer, resolve};
use crate::strategy::{Place, Resolution, ResolveContext, TaskState};

/// The tasks of a mission, and who they belong to.
#[derive(Debug, Default)]
pub struct Progress {
    /// Every work package that has a file, a lane or an entry in `lanes.json`, by ID.
    pub work_packages: BTreeMap<TaskId, WorkPackageProgress>,
    /// Tasks with a row and no owner, and why they have none.
    pub unowned: Vec<(TaskProgress, NoOwner)>,
}

/// The tasks of a work package.
#[derive(Debug, Clone, Default)]
pub struct WorkPackageProgress {
    /// Its title.
    pub title: Option<String>,
    /// Its file; `None` when only another artefact names it.
    pub file: Option<String>,
    /// Its tasks.
    pub tasks: Vec<TaskProgress>,
    /// Open boxes in its section that are no row of a task of it.
    pub unnamed: Vec<Place>,
}

/// A task, as each artefact tells of it.
#[derive(Debug, Clone)]
pub struct TaskProgress {
    /// The task.
    pub id: TaskId,
    /// Whether it is done, where completion is recorded.
    pub done: bool,
    /// Its rows in `tasks.md`, and whether each says done.
    pub rows: Vec<(Place, &'static str, bool)>,
    /// Whether it has a row at all; one without a mark says nothing of its state.
    pub has_row: bool,
    /// Where its roster lists it.
    pub roster: Option<Place>,
    /// What the log last said of it, and on which line.
    pub recorded: Option<(String, usize)>,
    /// The work packages that `tasks.md` gives it to, whatever the rosters say.
    pub named_owners: Vec<TaskId>,
    /// Where it does.
    pub named_at: Option<Place>,
}

impl TaskProgress {
    /// Where a person would look: a row, else the roster.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        self.rows.first().map(|(place, ..)| place).or(self.roster.as_ref())
    }

    fn lines(&self) -> impl Iterator<Item = usize> + '_ {
        self.rows.iter().filter_map(|(place, ..)| place.line)
    }
}

impl WorkPackageProgress {
    /// How many of its tasks are done.
    #[must_use]
    pub fn done(&self) -> usize {
        self.tasks.iter().filter(|task| task.done).count()
    }

    /// The tasks that are not done.
    pub fn open(&self) -> impl Iterator<Item = &TaskProgress> {
        self.tasks.iter().filter(|task| !task.done)
    }
}

/// What artefacts a mission's progress is read from.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// `tasks.md` and the mission.
    pub context: ResolveContext<'a>,
    /// Where completion is recorded.
    pub phase: StatusPhase,
    /// The log, reduced.
    pub state: &'a MissionState,
    /// The strategies, in order.
    pub stack: &'a [&'static StrategyEntry],
}

impl Progress {
    /// Looks at every task that a roster or a row names.
    #[must_use]
    pub fn of(sources: Sources<'_>) -> Self {
        let Sources { context, state, .. } = sources;
        let mut progress = Self { work_packages: known(context.mission, state), unowned: Vec::new() };
        let mut ids: BTreeSet<TaskId> = context.tasks.task_ids().into_iter().collect();
        for package in files(context.mission) {
            ids.extend(package.subtasks.iter().map(|subtask| subtask.id.clone()));
        }
        for id in &ids {
            progress.add(id, sources);
        }
        if sources.phase == StatusPhase::Rows {
            progress.add_unnamed(context.tasks);
        }
        progress
    }

    fn add(&mut self, id: &TaskId, sources: Sources<'_>) {
        let Sources { context, phase, state, stack } = sources;
        let (places, open, has_row) = match resolve(id, TaskState::Done, context, stack) {
            Answer::Known { by, at, changes } => (at, !changes.is_empty() || !by.tracks, by.tracks),
            Answer::WorkPackage { .. } => return,
            Answer::Nowhere => (Vec::new(), true, false),
        };
        let rows = rows(id, context, stack);
        // What only mentions a task gives it to nobody.
        let at: Vec<_> = rows.iter().map(|(place, ..)| place.clone()).collect();
        let named_owners = named_in_document(id, &at, context.tasks).unwrap_or_default();
        let task = TaskProgress {
            id: id.clone(),
            done: !open,
            named_at: at.into_iter().next().filter(|_| !named_owners.is_empty()),
            rows,
            has_row,
            roster: None,
            recorded: None,
            named_owners,
        };
        match owners(id, &places, context) {
            Ok(owners) => {
                for owner in owners {
                    let recorded = state.recorded(&owner.work_package, &owner.spelling);
                    let done = match phase {
                        StatusPhase::Rows => !open,
                        StatusPhase::Events => recorded.is_some_and(|(lane, _)| lane == DONE),
                    };
                    let recorded = recorded.map(|(lane, line)| (lane.to_owned(), line));
                    let roster = roster_place(context, &owner.work_package, id);
                    let task = TaskProgress { done, roster, recorded, ..task.clone() };
                    self.work_packages.entry(owner.work_package).or_default().tasks.push(task);
                }
            }
            // What is only mentioned somewhere is no task of the mission.
            Err(_) if task.rows.is_empty() => {}
            Err(why) => self.unowned.push((task, why)),
        }
    }

    /// The original counts every open box of a work package's section, whatever it says; those of its own tasks are
    /// counted already.
    fn add_unnamed(&mut self, tasks: &TasksDoc) {
        let counted = |own: &WorkPackageProgress| own.tasks.iter().flat_map(TaskProgress::lines).collect();
        let counted: BTreeMap<TaskId, BTreeSet<usize>> =
            self.work_packages.iter().map(|(id, own)| (id.clone(), counted(own))).collect();
        for line in 0..tasks.lines().len() {
            let [work_package] = tasks.section_work_packages(line) else { continue };
            if !is_open_box(tasks.line_text(line)) || tasks.is_excluded(line) {
                continue;
            }
            let place = Place { file: tasks.source().name().to_owned(), line: Some(line + 1) };
            let own = self.work_packages.entry(work_package.clone()).or_default();
            if !counted.get(work_package).is_some_and(|lines| lines.contains(&(line + 1))) {
                own.unnamed.push(place);
            }
        }
    }
}

/// The tasks of one work package that are not done.
#[must_use]
pub fn open_tasks(work_package: &TaskId, sources: Sources<'_>) -> Vec<(Option<TaskId>, Option<Place>)> {
    let progress = Progress::of(sources);
    let Some(own) = progress.work_packages.get(work_package) else { return Vec::new() };
    let named = own.open().map(|task| (Some(task.id.clone()), task.place().cloned()));
    named.chain(own.unnamed.iter().map(|place| (None, Some(place.clone())))).collect()
}

/// Whether any artefact knows a work package.
#[must_use]
pub fn is_known(work_package: &TaskId, mission: &Mission, state: &MissionState) -> bool {
    known(mission, state).contains_key(work_package)
}

pub(crate) fn files(mission: &Mission) -> &[crate::mission::work_package::WorkPackage] {
    mission.work_packages().map(|found| found.readable.as_slice()).unwrap_or_default()
}

fn known(mission: &Mission, state: &MissionState) -> BTreeMap<TaskId, WorkPackageProgress> {
    let mut known: BTreeMap<TaskId, WorkPackageProgress> = BTreeMap::new();
    for package in files(mission) {
        let entry = known.entry(package.id.clone().into()).or_default();
        entry.title = entry.title.take().or_else(|| package.title.clone());
        entry.file.get_or_insert_with(|| package.file.clone());
    }
    let lanes = mission.lanes().ok().flatten().map(|lanes| lanes.lanes.as_slice()).unwrap_or_default();
    let named = lanes.iter().flat_map(|lane| &lane.wp_ids).chain(state.work_packages.keys());
    for id in named.filter_map(|id| TaskId::parse(id).ok()) {
        known.entry(id).or_default();
    }
    known
}

fn roster_place(context: ResolveContext<'_>, work_package: &TaskId, id: &TaskId) -> Option<Place> {
    let mut listing = context.rostered(id);
    let (package, entry) = listing.find(|(package, _)| package.id.as_id() == work_package)?;
    Some(Place { file: package.file.clone(), line: entry.line })
}

/// The rows that track a task, each with its own state: a row that would change to be done is open, and the reverse.
fn rows(
    id: &TaskId,
    context: ResolveContext<'_>,
    stack: &[&'static StrategyEntry],
) -> Vec<(Place, &'static str, bool)> {
    let mut rows = Vec::new();
    for entry in stack.iter().filter(|entry| entry.strategy.meta().tracks) {
        let changed = |wanted| match entry.strategy.resolve(id, wanted, context) {
            Resolution::Found { changes, .. } => lines_of(&changes, context.tasks),
            _ => BTreeSet::new(),
        };
        let (not_done, not_open) = (changed(TaskState::Done), changed(TaskState::Pending));
        // A row that would change either way has no mark yet: it says nothing.
        let open = not_done.difference(&not_open).map(|line| (*line, false));
        let done = not_open.difference(&not_done).map(|line| (*line, true));
        let name = context.tasks.source().name();
        let place = |line| Place { file: name.to_owned(), line: Some(line) };
        rows.extend(open.chain(done).map(|(line, done)| (place(line), entry.id, done)));
    }
    rows.sort();
    rows
}

fn lines_of(changes: &[Change], tasks: &TasksDoc) -> BTreeSet<usize> {
    let line = |change: &Change| match change {
        Change::Replace { range, .. } => {
            Some(tasks.lines().partition_point(|line| line.start <= range.start))
        }
        Change::InsertLine { .. } => None,
    };
    changes.iter().filter_map(line).collect()
}

/// `- [ ] anything`
fn is_open_box(line: &str) -> bool {
    let inside = line.trim_start().strip_prefix('-').and_then(|rest| rest.trim_start().strip_prefix('['));
    inside
        .and_then(|rest| rest.trim_start().strip_prefix(']'))
        .is_some_and(|rest| rest.starts_with([' ', '\t']))
}
