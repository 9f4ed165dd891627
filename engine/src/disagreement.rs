//! Where the artefacts of a mission tell different stories: rows against rows, rosters against `tasks.md`, the log
//! against both.

use std::collections::BTreeMap;

use crate::id::TaskId;
use crate::lane::Lane;
use crate::mission::Mission;
use crate::mission::log::LOG;
use crate::mission::meta::StatusPhase;
use crate::mission::state::DONE;
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

/// Everything that artefacts say against each other, in the order of work packages and tasks.
#[must_use]
pub fn disagreements(progress: &Progress, sources: Sources<'_>) -> Vec<Disagreement> {
    let mut found = Vec::new();
    for (id, work_package) in &progress.work_packages {
        found.extend(about_lane(id, work_package, sources));
        found.extend(work_package.tasks.iter().flat_map(|task| about_task(id, task, sources)));
    }
    for task in &progress.unowned {
        let places: Vec<_> = task.rows.iter().map(|(place, ..)| place.clone()).collect();
        let message = format!("{} has a row, and no work package lists it", task.id);
        found.push(Disagreement {
            code: "task_without_owner",
            about: task.id.clone(),
            message,
            places,
            expected: false,
        });
    }
    found.extend(two_owners(progress));
    found
}

fn about_lane(id: &TaskId, work_package: &WorkPackageProgress, sources: Sources<'_>) -> Vec<Disagreement> {
    let lane = sources.state.lane_of(id);
    let log = || Place { file: sources.context.mission.name_of(LOG), line: None };
    let file = work_package.file.clone().map(|file| Place { file, line: None });
    let mut found = Vec::new();
    let mut add = |code, message, places| {
        found.push(Disagreement { code, about: id.clone(), message, places, expected: false });
    };
    let open: Vec<_> = work_package.open().collect();
    if matches!(lane, Lane::ForReview | Lane::InReview | Lane::Approved | Lane::Done) && !open.is_empty() {
        let names = open.iter().map(|task| task.id.to_string()).collect::<Vec<_>>().join(", ");
        let places = open.iter().filter_map(|task| task.place().cloned()).collect();
        add("lane_ahead_of_tasks", format!("{id} is in {lane}, and {names} not done"), places);
    }
    if work_package.file.is_none() && sources.state.of(id).is_some() {
        add(
            "work_package_without_file",
            format!("the log knows {id}, and there is no tasks/{id}-*.md"),
            vec![log()],
        );
    }
    if lane == Lane::Genesis && !sources.state.work_packages.is_empty() {
        let message = format!("{id} has no lane in the log, where others have one");
        add("work_package_without_lane", message, file.into_iter().collect());
    }
    found
}

fn about_task(work_package: &TaskId, task: &TaskProgress, sources: Sources<'_>) -> Vec<Disagreement> {
    let TaskProgress { id, rows, .. } = task;
    let mut found = Vec::new();
    let mut add = |code, message, places, expected| {
        found.push(Disagreement { code, about: id.clone(), message, places, expected });
    };
    let said = |done: bool| if done { "done" } else { "open" };
    let places = || rows.iter().map(|(place, ..)| place.clone()).collect::<Vec<_>>();
    if rows.iter().any(|row| row.2) && rows.iter().any(|row| !row.2) {
        let told: Vec<_> = rows
            .iter()
            .map(|(place, by, done)| format!("{} on line {} ({by})", said(*done), place.line.unwrap_or(0)))
            .collect();
        add("rows_disagree", format!("{id} is {}", told.join(", ")), places(), false);
    }
    let recorded = task.recorded.as_deref();
    let all_done = !rows.is_empty() && rows.iter().all(|row| row.2);
    let any_open = rows.iter().any(|row| !row.2);
    match sources.phase {
        StatusPhase::Events if all_done && recorded != Some(DONE) => {
            let recorded = recorded.map_or("says nothing of it".to_owned(), |lane| format!("says {lane}"));
            add(
                "row_ahead_of_log",
                format!("the row of {id} says done, and the log, which counts, {recorded} ({work_package})"),
                places(),
                false,
            );
        }
        // Rows are not written once completion is recorded as events.
        StatusPhase::Events if any_open && recorded == Some(DONE) => {
            add(
                "row_behind_log",
                format!("{id} is done in the log, and its row was left open"),
                places(),
                true,
            );
        }
        StatusPhase::Rows if any_open && recorded == Some(DONE) => {
            add(
                "log_ahead_of_row",
                format!("the log says that {id} is done, and its row, which counts, says open"),
                places(),
                false,
            );
        }
        StatusPhase::Rows if rows.is_empty() => {
            let roster = task.roster.clone().into_iter().collect();
            add(
                "task_without_row",
                format!("{work_package} lists {id}, and tasks.md has no row for it"),
                roster,
                false,
            );
        }
        _ => {}
    }
    if task.roster.is_none() && roster_of(sources.context.mission, work_package) {
        add(
            "task_not_in_roster",
            format!("tasks.md gives {id} to {work_package}, whose roster does not list it"),
            places(),
            false,
        );
    }
    found
}

/// Whether a work package has a file that lists tasks.
fn roster_of(mission: &Mission, work_package: &TaskId) -> bool {
    files(mission)
        .iter()
        .any(|package| TaskId::from(package.id.clone()) == *work_package && !package.subtasks.is_empty())
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
            let names = owners.iter().map(|(id, _)| id.to_string()).collect::<Vec<_>>().join(" and ");
            let places = owners.iter().filter_map(|(_, task)| task.roster.clone()).collect();
            let message = format!("{id} is in the rosters of {names}");
            Disagreement { code: "task_with_two_owners", about: id.clone(), message, places, expected: false }
        })
        .collect()
}
