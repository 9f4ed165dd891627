//! Where the artefacts of a mission tell different stories: rows against rows, rosters against `tasks.md`, the log
//! against both.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::TaskId;
use crate::lane::Lane;
use crate::mission::log::LOG;
use crate::mission::meta::StatusPhase;
use crate::mission::state::DONE;
use crate::mission::work_package::{WorkPackage, id_of_file_name};
use crate::progress::{Progress, Sources, TaskProgress, WorkPackageProgress, files};
use crate::strategy::Place;

/// What artefacts say against each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    /// Its kind, stable: for machines.
    pub code: &'static str,
    /// The task or the work package.
    pub about: TaskId,
    /// In one sentence.
    pub message: String,
    /// The places that differ.
    pub places: Vec<Place>,
    /// Whether it is as the format is meant, and only worth knowing.
    pub expected: bool,
}

impl Disagreement {
    fn new(code: &'static str, about: &TaskId, message: String, places: Vec<Place>) -> Self {
        Self { code, about: about.clone(), message, places, expected: false }
    }
}

/// Everything that artefacts say against each other, in the order of work packages and tasks.
#[must_use]
pub fn disagreements(progress: &Progress, sources: Sources<'_>) -> Vec<Disagreement> {
    let mut found = Vec::new();
    for (id, work_package) in &progress.work_packages {
        found.extend(about_lane(id, work_package, sources));
        found.extend(work_package.tasks.iter().flat_map(|task| about_task(id, task, sources)));
        found.extend(recorded_and_unknown(id, work_package, sources));
    }
    for package in files(sources.context.mission) {
        found.extend(about_file(package, progress));
    }
    for (task, why) in &progress.unowned {
        let message = format!("{} has a row and no owner: {why}", task.id);
        found.push(Disagreement::new("task_without_owner", &task.id, message, row_places(task)));
    }
    found.extend(two_files(sources));
    found.extend(two_owners(progress));
    found
}

fn log_place(sources: Sources<'_>, line: Option<usize>) -> Place {
    Place { file: sources.context.mission.name_of(LOG), line }
}

fn row_places(task: &TaskProgress) -> Vec<Place> {
    task.rows.iter().map(|(place, ..)| place.clone()).collect()
}

/// Whether the rows of a task say done where the log, which counts, does not: told once, and not again of the lane.
fn is_ahead_of_log(task: &TaskProgress, phase: StatusPhase) -> bool {
    phase == StatusPhase::Events
        && !task.rows.is_empty()
        && task.rows.iter().all(|row| row.2)
        && task.recorded.as_ref().is_none_or(|(lane, _)| lane != DONE)
}

fn about_lane(id: &TaskId, own: &WorkPackageProgress, sources: Sources<'_>) -> Vec<Disagreement> {
    let mission = sources.context.mission;
    let (lane, state) = (sources.state.lane_of(id), sources.state.of(id));
    let at = log_place(sources, state.and_then(|state| state.line));
    let mut found = Vec::new();
    let open: Vec<_> = own.open().filter(|task| !is_ahead_of_log(task, sources.phase)).collect();
    if matches!(lane, Lane::ForReview | Lane::InReview | Lane::Approved | Lane::Done) && !open.is_empty() {
        let names = open.iter().map(|task| task.id.to_string()).collect::<Vec<_>>().join(", ");
        let places = [at.clone()].into_iter().chain(open.iter().filter_map(|task| task.place().cloned()));
        let message = format!("{id} is in {lane}, and not done: {names}");
        found.push(Disagreement::new("lane_ahead_of_tasks", id, message, places.collect()));
    }
    let all_read = mission.work_packages().is_ok_and(|packages| packages.broken.is_empty());
    if own.file.is_none() && state.is_some() && all_read {
        let message = format!("the log knows {id}, and there is no tasks/{id}-*.md");
        found.push(Disagreement::new("work_package_without_file", id, message, vec![at]));
    }
    if lane == Lane::Genesis && !sources.state.work_packages.is_empty() {
        let file = own.file.clone().unwrap_or_else(|| mission.name_of("lanes.json"));
        let message = format!("{id} has no lane in the log, where others have one");
        let places = vec![Place { file, line: None }];
        found.push(Disagreement::new("work_package_without_lane", id, message, places));
    }
    found
}

fn about_task(work_package: &TaskId, task: &TaskProgress, sources: Sources<'_>) -> Vec<Disagreement> {
    let TaskProgress { id, rows, .. } = task;
    let mut found = Vec::new();
    let mut add = |code, message, places| found.push(Disagreement::new(code, id, message, places));
    let (any_done, any_open) = (rows.iter().any(|row| row.2), rows.iter().any(|row| !row.2));
    if any_done && any_open {
        let said = |done: bool| if done { "done" } else { "open" };
        let told = rows
            .iter()
            .map(|(place, by, done)| format!("{} on line {} ({by})", said(*done), place.line.unwrap_or(0)));
        let told = told.collect::<Vec<_>>().join(", ");
        add("rows_disagree", format!("{id} is {told}"), row_places(task));
    }
    let recorded = task.recorded.as_ref().map(|(lane, _)| lane.as_str());
    let with_log = || {
        let line = task.recorded.as_ref().map(|(_, line)| *line);
        row_places(task).into_iter().chain(line.map(|line| log_place(sources, Some(line)))).collect()
    };
    match (sources.phase, recorded) {
        (StatusPhase::Events, _) if is_ahead_of_log(task, sources.phase) => {
            let says = recorded.map_or("says nothing of it".to_owned(), |lane| format!("says {lane}"));
            let message = format!("{id} is done in its row; the log, which counts, {says} ({work_package})");
            add("row_ahead_of_log", message, with_log());
        }
        // Rows are not written once completion is recorded as events.
        (StatusPhase::Events, Some(DONE)) if any_open => {
            add("row_behind_log", format!("{id} is done in the log; its row was left open"), with_log());
        }
        (StatusPhase::Rows, Some(DONE)) if any_open => {
            add(
                "log_ahead_of_row",
                format!("{id} is done in the log; its row, which counts, is open"),
                with_log(),
            );
        }
        (StatusPhase::Rows, Some(lane)) if lane != DONE && any_done && !any_open => {
            add(
                "log_behind_row",
                format!("{id} is {lane} in the log; its row, which counts, is done"),
                with_log(),
            );
        }
        (StatusPhase::Rows, _) if !task.has_row => {
            let roster = task.roster.clone().into_iter().collect();
            add(
                "task_without_row",
                format!("{work_package} lists {id}, and tasks.md has no row for it"),
                roster,
            );
        }
        _ => {}
    }
    let named = || task.named_owners.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if task.roster.is_none() && lists_tasks(work_package, sources) {
        let message = format!("tasks.md gives {id} to {work_package}, whose roster does not list it");
        add("task_not_in_roster", message, row_places(task));
    } else if task.roster.is_some()
        && !task.named_owners.is_empty()
        && !task.named_owners.contains(work_package)
    {
        let message = format!("{id} is in the roster of {work_package}; tasks.md gives it to {}", named());
        let places = task.roster.iter().cloned().chain(task.named_at.clone()).collect();
        add("owners_differ", message, places);
    }
    for found in found.iter_mut().filter(|found| found.code == "row_behind_log") {
        found.expected = true;
    }
    found
}

/// What the log says of tasks that nothing else knows.
fn recorded_and_unknown(id: &TaskId, own: &WorkPackageProgress, sources: Sources<'_>) -> Vec<Disagreement> {
    let known: BTreeSet<&TaskId> = own.tasks.iter().map(|task| &task.id).collect();
    let recorded = sources.state.of(id).into_iter().flat_map(|state| &state.subtask_lines);
    let unknown = recorded.filter(|(task, _)| TaskId::parse(task).is_ok_and(|task| !known.contains(&task)));
    unknown
        .map(|(task, line)| {
            let message = format!("the log has {task} for {id}, and neither its roster nor tasks.md has it");
            Disagreement::new("recorded_task_unknown", id, message, vec![log_place(sources, Some(*line))])
        })
        .collect()
}

/// Whether a work package has a file that lists tasks.
fn lists_tasks(work_package: &TaskId, sources: Sources<'_>) -> bool {
    let mut own = files(sources.context.mission).iter();
    own.any(|package| package.id.as_id() == work_package && !package.subtasks.is_empty())
}

/// What is odd about a work package's file.
fn about_file(package: &WorkPackage, progress: &Progress) -> Vec<Disagreement> {
    let id = package.id.as_id();
    let at = |line| vec![Place { file: package.file.clone(), line }];
    let mut found = Vec::new();
    let name = package.file.rsplit('/').next().unwrap_or_default();
    if let Some(named) = id_of_file_name(name).filter(|named| *named != package.id) {
        let message = format!("the file is called {named}, and is that of {id}");
        found.push(Disagreement::new("file_name_differs", id, message, at(None)));
    }
    for name in &package.dependencies {
        let known = TaskId::parse(name).is_ok_and(|before| progress.work_packages.contains_key(&before));
        if !known {
            let message = format!("{id} depends on {name}, which is no work package here");
            found.push(Disagreement::new("dependency_unknown", id, message, at(None)));
        }
    }
    let mut seen = BTreeSet::new();
    for subtask in package.subtasks.iter().filter(|subtask| !seen.insert(&subtask.id)) {
        let message = format!("{id} lists {} twice", subtask.id);
        found.push(Disagreement::new("task_listed_twice", &subtask.id, message, at(subtask.line)));
    }
    found
}

fn two_files(sources: Sources<'_>) -> Vec<Disagreement> {
    let mut by_id: BTreeMap<&TaskId, Vec<&str>> = BTreeMap::new();
    for package in files(sources.context.mission) {
        by_id.entry(package.id.as_id()).or_default().push(&package.file);
    }
    let several = by_id.into_iter().filter(|(_, files)| files.len() > 1);
    several
        .map(|(id, files)| {
            let places = files.iter().map(|file| Place { file: (*file).to_owned(), line: None });
            let message = format!("{id} has {} files", files.len());
            Disagreement::new("work_package_with_two_files", id, message, places.collect())
        })
        .collect()
}

fn two_owners(progress: &Progress) -> Vec<Disagreement> {
    let mut owners: BTreeMap<&TaskId, Vec<(&TaskId, &TaskProgress)>> = BTreeMap::new();
    for (work_package, own) in &progress.work_packages {
        for task in &own.tasks {
            owners.entry(&task.id).or_default().push((work_package, task));
        }
    }
    let several = owners.into_iter().filter(|(_, owners)| owners.len() > 1);
    several
        .map(|(id, owners)| {
            let names = owners.iter().map(|(id, _)| id.to_string()).collect::<Vec<_>>().join(", ");
            let places = owners.iter().filter_map(|(_, task)| task.roster.clone()).collect();
            let message = format!("{id} belongs to several work packages: {names}");
            Disagreement::new("task_with_two_owners", id, message, places)
        })
        .collect()
}
