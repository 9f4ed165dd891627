//! The board: where the work packages of a mission are. And the line that sums a mission up.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use crate::disagreement::{Disagreement, disagreements};
use crate::id::{TaskId, WpId};
use crate::lane::Lane;
use crate::mission::log::LOG;
use crate::mission::meta::StatusPhase;
use crate::mission::state::MissionState;
use crate::mission::{Mission, SNAPSHOT};
use crate::progress::{Progress, Sources, WorkPackageProgress, files};
use crate::source::shell_quote;
use crate::strategy::Place;

/// A mission, looked at.
#[derive(Debug, Serialize)]
pub struct Board {
    /// The mission's directory name.
    pub mission: String,
    /// Its name for people.
    pub name: Option<String>,
    /// Where completion of tasks is recorded: `rows` of `tasks.md`, or `events` of the log.
    pub tasks_recorded_in: &'static str,
    /// The log, as named in messages.
    pub log: String,
    /// When the log was last added to.
    pub last_activity: Option<Timestamp>,
    /// How many work packages are in each lane.
    pub lanes: BTreeMap<&'static str, usize>,
    /// By lane, then by ID.
    pub work_packages: Vec<Card>,
    /// What artefacts say against each other.
    pub disagreements: Vec<Difference>,
    /// What could not be read, and what was passed over.
    pub warnings: Vec<String>,
}

/// A work package on the board.
#[derive(Debug, Serialize)]
pub struct Card {
    /// Its ID.
    pub id: String,
    /// Its title.
    pub title: Option<String>,
    /// Its lane; `genesis` when it has no lane event.
    pub lane: Lane,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Who has it.
    pub who: Option<String>,
    /// How many of its tasks are done.
    pub tasks_done: usize,
    /// How many it has.
    pub tasks_total: usize,
    /// Those that are not done.
    pub open_tasks: Vec<OpenTask>,
    /// How often it was moved by force.
    pub forced: u64,
    /// Work packages it depends on that are neither approved nor done.
    pub waits_for: Vec<String>,
}

/// A task that is not done.
#[derive(Debug, Serialize)]
pub struct OpenTask {
    /// The task; `None` for a box that names none.
    pub id: Option<String>,
    /// Where to look.
    #[serde(flatten)]
    pub place: Option<Where>,
}

/// A place, for machines.
#[derive(Debug, Serialize)]
pub struct Where {
    /// The file.
    pub file: String,
    /// 1-based line.
    pub line: Option<usize>,
}

impl From<&Place> for Where {
    fn from(place: &Place) -> Self {
        Self { file: place.file.clone(), line: place.line }
    }
}

/// A disagreement, for machines.
#[derive(Debug, Serialize)]
pub struct Difference {
    /// Its kind.
    pub code: &'static str,
    /// The task or work package.
    pub about: String,
    /// In one sentence.
    pub message: String,
    /// The places that differ.
    pub places: Vec<Where>,
    /// Whether it is as the format is meant, and only worth knowing.
    pub expected: bool,
}

impl From<Disagreement> for Difference {
    fn from(found: Disagreement) -> Self {
        let Disagreement { code, about, message, places, expected } = found;
        Self {
            code,
            about: about.to_string(),
            message,
            places: places.iter().map(Where::from).collect(),
            expected,
        }
    }
}

impl Board {
    /// Looks at a mission.
    #[must_use]
    pub fn of(sources: Sources<'_>) -> Self {
        let Sources { context, phase, state, .. } = sources;
        let mission = context.mission;
        let progress = Progress::of(sources);
        let mut found: Vec<_> = disagreements(&progress, sources).into_iter().map(Difference::from).collect();
        found.extend(about_log(mission, state));
        let mut cards: Vec<_> =
            progress.work_packages.iter().map(|(id, own)| card(id, own, sources)).collect();
        // By ID they are already.
        cards.sort_by_key(|card| column(card.lane));
        let mut lanes: BTreeMap<_, _> = Lane::SHOWN.into_iter().map(|lane| (lane.as_str(), 0)).collect();
        for card in &cards {
            *lanes.entry(card.lane.as_str()).or_default() += 1;
        }
        let unread = mission.unread().into_iter().map(|error| format!("not read: {error}"));
        let meta = mission.meta().ok().flatten();
        Self {
            mission: mission.slug().to_owned(),
            name: meta.and_then(|meta| meta.friendly_name.clone()),
            tasks_recorded_in: if phase == StatusPhase::Rows { "rows" } else { "events" },
            log: mission.name_of(LOG),
            last_activity: state.latest,
            lanes,
            work_packages: cards,
            disagreements: found,
            warnings: unread.chain(log_warnings(mission, state)).collect(),
        }
    }
}

/// What is worth knowing of a log besides what it says.
#[must_use]
pub fn log_warnings(mission: &Mission, state: &MissionState) -> Vec<String> {
    let name = mission.name_of(LOG);
    let mut warnings = Vec::new();
    if let Some(other) = mission.unused_log() {
        warnings.push(format!("{other} is not read: the state of this mission is in {name}"));
    }
    if state.log.torn_tail.is_some() {
        warnings.push(format!(
            "the last line of {name} was torn by a crash. It is not lost: the next append, or clearance status --recover --mission {}, sets it aside in {name}.torn",
            shell_quote(mission.slug())
        ));
    }
    if let Some((line, id)) = state.log.backwards.first() {
        let others = state.log.backwards.len() - 1;
        let more = if others == 0 { String::new() } else { format!(" (and {others} more such lines)") };
        warnings.push(format!(
            "{name}:{line}: this event of {id} is older than one before it{more}: a clock went backwards, or logs were merged. Events count in the order of their times"
        ));
    }
    if let Some(error) = &state.log.contradiction {
        warnings.push(format!("{error}. The first one is shown; nothing is decided on this log"));
    }
    if let Some((line, what)) = state.log.unknown.first() {
        let rows = state.log.unknown.len();
        let rows = if rows == 1 { "a row".to_owned() } else { format!("{rows} rows") };
        warnings.push(format!("{name}:{line}: {rows} of a kind that is not known here passed over ({what})"));
    }
    warnings
}

/// Where the log is against itself, or the snapshot behind it.
fn about_log(mission: &Mission, state: &MissionState) -> Vec<Difference> {
    let mut found: Vec<_> = state
        .log
        .conflicting
        .iter()
        .map(|conflict| {
            let (first, second) = conflict.lines;
            let at = |line| Where { file: mission.name_of(LOG), line: Some(line) };
            Difference {
                code: "events_with_one_id",
                about: conflict.work_package.clone(),
                message: format!(
                    "lines {first} and {second} are different events with the id {}; the first counts",
                    conflict.event_id
                ),
                places: vec![at(first), at(second)],
                expected: false,
            }
        })
        .collect();
    let difference = |message| Difference {
        code: "snapshot_behind_log",
        about: SNAPSHOT.to_owned(),
        message,
        places: vec![Where { file: mission.name_of(SNAPSHOT), line: None }],
        expected: false,
    };
    match mission.snapshot() {
        Ok(Some(snapshot)) => {
            let differs = |(id, own): (&String, &crate::mission::snapshot::WorkPackageState)| {
                let lane = state.work_packages.get(id).map_or("no lane", |own| own.lane.as_str());
                (lane != own.lane).then(|| format!("{id} is in {} there and in {lane} in the log", own.lane))
            };
            let lanes: Vec<_> = snapshot.work_packages.iter().filter_map(differs).collect();
            if !lanes.is_empty() {
                found.push(difference(format!(
                    "status.json is not what the log adds up to: {}",
                    lanes.join(", ")
                )));
            } else if snapshot.last_event_id != state.last_event_id {
                let (theirs, ours) = (snapshot.event_count, state.event_count);
                found.push(difference(format!(
                    "status.json was made from other events than the log has ({theirs} there, {ours} here)"
                )));
            }
        }
        Ok(None) => {}
        Err(error) => found.push(difference(error.to_string())),
    }
    found
}

fn card(id: &TaskId, own: &WorkPackageProgress, sources: Sources<'_>) -> Card {
    let state = sources.state.of(id);
    let named = own.open().map(|task| (Some(task.id.to_string()), task.place()));
    let unnamed = own.unnamed.iter().map(|place| (None, Some(place)));
    let open_tasks = named.chain(unnamed).map(|(id, place)| OpenTask { id, place: place.map(Where::from) });
    Card {
        id: id.to_string(),
        title: own.title.clone(),
        lane: sources.state.lane_of(id),
        since: state.and_then(|state| state.since),
        who: state.map(|state| state.holder().to_owned()).filter(|who| !who.is_empty()),
        tasks_done: own.done(),
        tasks_total: own.tasks.len() + own.unnamed.len(),
        open_tasks: open_tasks.collect(),
        forced: state.map_or(0, |state| state.force_count),
        waits_for: waits_for(id, sources),
    }
}

fn waits_for(id: &TaskId, sources: Sources<'_>) -> Vec<String> {
    let own = files(sources.context.mission).iter().find(|package| package.id.as_id() == id);
    let before = own.into_iter().flat_map(|package| &package.dependencies);
    let finished = |name: &&String| {
        let lane = TaskId::parse(name).map(|id| sources.state.lane_of(&id));
        matches!(lane, Ok(Lane::Approved | Lane::Done))
    };
    before.filter(|name| !finished(name)).cloned().collect()
}

/// The place of a lane from left to right; what has no lane comes first.
fn column(lane: Lane) -> usize {
    Lane::SHOWN.iter().position(|shown| *shown == lane).map_or(0, |nth| nth + 1)
}

/// A mission in a line.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// The mission's directory name.
    pub mission: String,
    /// Its name for people.
    pub name: Option<String>,
    /// How many work packages are in each lane.
    pub lanes: BTreeMap<&'static str, usize>,
    /// How many there are, in the log or with a file.
    pub work_packages: usize,
    /// When the log was last added to.
    pub last_activity: Option<Timestamp>,
    /// What is worth knowing of the log.
    pub warnings: Vec<String>,
}

impl Summary {
    /// Sums a mission up from its log and `meta.json`.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn of(mission: &Mission) -> Result<Self, std::sync::Arc<crate::mission::artefact::ArtefactError>> {
        let state = mission.state()?;
        let in_log = state.work_packages.keys().filter_map(|id| WpId::parse(id).ok());
        let known: BTreeSet<_> = in_log.chain(mission.work_packages_by_name()?).collect();
        let mut lanes: BTreeMap<_, _> = Lane::SHOWN.into_iter().map(|lane| (lane.as_str(), 0)).collect();
        for id in &known {
            *lanes.entry(state.lane_of(id.as_id()).as_str()).or_default() += 1;
        }
        Ok(Self {
            mission: mission.slug().to_owned(),
            name: mission.meta()?.and_then(|meta| meta.friendly_name.clone()),
            lanes,
            work_packages: known.len(),
            last_activity: state.latest,
            warnings: log_warnings(mission, state),
        })
    }
}
