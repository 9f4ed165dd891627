//! What the status log adds up to: the lane of every work package, and what was noted of it.
//!
//! The rules are those of the original (`status/reducer.py`, 3.2.7), with one difference that is meant: events are
//! ordered by time, not by the text of their stamps, so that `Z`, other offsets and fractions compare as they should.

mod json;
mod notes;
mod retrospective;
mod reviews;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::artefact::ArtefactError;
use super::log::row::{Text, Transition};
use super::log::{LogFacts, Rows};
use crate::id::TaskId;
use crate::lane::Lane;
use crate::source::Source;
use crate::transition::{APPROVED, Review};

/// The value that stands for "not done" in a subtask annotation, as the original writes it.
pub const PENDING: &str = "planned";
/// The value that stands for "done".
pub const DONE: &str = "done";

/// The state of a mission, reduced from its log.
#[derive(Debug, Default)]
pub struct MissionState {
    /// Lane events, each counted once.
    pub event_count: usize,
    /// The newest lane event.
    pub last_event_id: Option<String>,
    /// Its stamp, as written.
    pub last_at: String,
    /// When the log was last added to, lanes or not.
    pub latest: Option<Timestamp>,
    /// The slug as the oldest lane event has it.
    pub mission_slug: String,
    /// By ID, as the log spells it.
    pub work_packages: BTreeMap<String, WorkPackageState>,
    /// What the retrospective came to, where there was one.
    retrospective: Option<Value>,
    /// About the log itself.
    pub log: LogFacts,
}

/// The state of one work package.
#[derive(Debug, Clone)]
pub struct WorkPackageState {
    /// Where it is.
    pub lane: Lane,
    /// Who put it there.
    pub actor: String,
    /// Since when it is there; `None` without lane events.
    pub since: Option<Timestamp>,
    /// The event that put it there.
    pub last_event_id: Option<String>,
    /// How often it was forced.
    pub force_count: u64,
    /// `worktree` or `direct_repo`: how its last event was made.
    pub execution_mode: Option<String>,
    /// The approval that brought it into `approved` or `done`, while it is there.
    pub approval: Option<Review>,
    /// Who took it to work on it, each once: who claimed it, for whom, and who went on with it. Not who sent it back.
    pub workers: Vec<String>,
    /// Who approved it, while it is in `approved` or `done`: the reviewer that the step names, else who took the step.
    approver: Option<String>,
    /// What was last said of its tasks, spelled as they were written: the original compares exactly.
    pub subtasks: BTreeMap<String, String>,
    /// The 1-based line of the event that put it there.
    pub line: Option<usize>,
    /// The 1-based lines of what was last said of its tasks.
    pub subtask_lines: BTreeMap<String, usize>,
    /// The stamp of its last event, as written.
    since_text: Option<String>,
    /// What else the snapshot tells of it.
    slots: BTreeMap<&'static str, Value>,
    /// When an arbiter decided last.
    decided: Option<Moment>,
    /// When something began that an earlier decision does not cover.
    superseded: Option<Moment>,
}

/// A time, and the 1-based line that has it.
type Moment = (Timestamp, usize);

impl WorkPackageState {
    /// Who holds it: the agent of the last claim, else who moved it last.
    #[must_use]
    pub fn holder(&self) -> &str {
        let named = ["assignee", "agent"].into_iter().find_map(|slot| self.slots.get(slot)?.as_str());
        named.filter(|name| !name.is_empty()).unwrap_or(&self.actor)
    }
}

impl MissionState {
    /// Reduces a log.
    ///
    /// # Errors
    /// [`ArtefactError::Broken`] at the first line that is not understood.
    pub fn reduce(source: &Source) -> Result<Self, ArtefactError> {
        let Rows { mut transitions, mut annotations, retrospective, facts, .. } = Rows::parse(source)?;
        transitions.sort_by(|(a, _), (b, _)| (a.at, a.event_id.as_ref()).cmp(&(b.at, b.event_id.as_ref())));
        annotations.sort_by(|(a, _), (b, _)| (a.at, a.event_id.as_ref()).cmp(&(b.at, b.event_id.as_ref())));
        let mut folding: BTreeMap<&str, Folding<'_>> = BTreeMap::new();
        for (event, line) in &transitions {
            match folding.get_mut(event.wp_id.as_ref()) {
                Some(state) => state.take(event, *line),
                None => {
                    folding.insert(event.wp_id.as_ref(), Folding::first(event, *line));
                }
            }
        }
        let mut work_packages: BTreeMap<String, WorkPackageState> =
            folding.into_iter().map(|(id, state)| (id.to_owned(), state.finish())).collect();
        for (annotation, line) in &annotations {
            let id = annotation.wp_id.as_ref();
            if !work_packages.contains_key(id) {
                work_packages.insert(id.to_owned(), only_noted(annotation.actor));
            }
            let Some(state) = work_packages.get_mut(id) else { continue };
            notes::take(state, annotation, *line).map_err(|message| broken_delta(source, *line, &message))?;
        }
        let last = transitions.last().map(|(event, _)| event);
        let slug = transitions.first().and_then(|(event, _)| event.mission_slug.as_ref());
        Ok(Self {
            event_count: transitions.len(),
            last_event_id: last.map(|event| event.event_id.as_ref().to_owned()),
            last_at: last.map(|event| event.at_text.as_ref().to_owned()).unwrap_or_default(),
            latest: facts.latest,
            mission_slug: slug.map(|slug| safe_slug(slug.as_ref())).unwrap_or_default(),
            work_packages,
            retrospective: retrospective::of(&retrospective),
            log: facts,
        })
    }

    /// The state of a work package; `None` when the log does not know it.
    #[must_use]
    pub fn of(&self, id: &TaskId) -> Option<&WorkPackageState> {
        self.work_packages.get(id.as_str()).or_else(|| {
            let mut others = self.work_packages.iter();
            others.find(|(name, _)| name.eq_ignore_ascii_case(id.key())).map(|(_, state)| state)
        })
    }

    /// The lane a work package is in: [`Lane::Genesis`] as long as it has no lane event.
    #[must_use]
    pub fn lane_of(&self, id: &TaskId) -> Lane {
        self.of(id).filter(|state| state.since.is_some()).map_or(Lane::Genesis, |state| state.lane)
    }

    /// What the log last said of a task in a work package: [`DONE`], [`PENDING`] or another lane's name. `spelling` is
    /// the task as the roster has it.
    #[must_use]
    pub fn subtask(&self, work_package: &TaskId, spelling: &str) -> Option<&str> {
        self.work_packages.get(work_package.as_str())?.subtasks.get(spelling).map(String::as_str)
    }

    /// The same, with the 1-based line of the log that says so.
    #[must_use]
    pub fn recorded(&self, work_package: &TaskId, spelling: &str) -> Option<(&str, usize)> {
        let state = self.work_packages.get(work_package.as_str())?;
        Some((state.subtasks.get(spelling)?, *state.subtask_lines.get(spelling)?))
    }

    /// How many work packages are in a lane.
    #[must_use]
    pub fn count(&self, lane: Lane) -> usize {
        self.work_packages.values().filter(|state| state.lane == lane).count()
    }
}

/// A work package while its lane events are gone through, oldest first.
struct Folding<'a> {
    last: &'a Transition<'a>,
    line: usize,
    force_count: u64,
    slots: BTreeMap<&'static str, Value>,
    workers: Vec<String>,
    approved_by: Option<&'a Transition<'a>>,
    in_review_since: Option<Moment>,
    superseded: Option<Moment>,
}

impl<'a> Folding<'a> {
    fn first(event: &'a Transition<'a>, line: usize) -> Self {
        let mut state = Self {
            last: event,
            line,
            force_count: 0,
            slots: BTreeMap::new(),
            workers: Vec::new(),
            approved_by: None,
            in_review_since: None,
            superseded: None,
        };
        state.enter(event, line);
        state
    }

    fn take(&mut self, event: &'a Transition<'a>, line: usize) {
        // Of two events of one moment, a reviewer's "back to work" wins over whatever went forward.
        if self.last.at == event.at && is_rollback(self.last) && !is_rollback(event) {
            return;
        }
        self.enter(event, line);
    }

    fn enter(&mut self, event: &'a Transition<'a>, line: usize) {
        self.last = event;
        self.line = line;
        self.force_count += u64::from(event.force);
        match (event.from, event.to) {
            (Lane::Approved, Lane::Done) if self.approved_by.is_some() => {}
            (_, Lane::Approved | Lane::Done) => self.approved_by = Some(event),
            _ => self.approved_by = None,
        }
        // From a review it is sent back by who reviewed it.
        let is_review = matches!(event.from, Lane::ForReview | Lane::InReview | Lane::Approved | Lane::Done);
        if matches!(event.to, Lane::Claimed | Lane::InProgress) && !is_review {
            self.worked(actor(event.actor));
        }
        if (event.from, event.to) == (Lane::Planned, Lane::Claimed) {
            self.claim(event);
        }
        self.supersede(event, (event.at, line));
        match event.review_result.and_then(review_result) {
            Some(result) => {
                self.slots.insert("review_result", result);
            }
            // A review that ends without an outcome leaves that on record.
            None if event.from == Lane::InReview => {
                self.slots.insert("review_result", Value::Null);
            }
            None => {}
        }
    }

    /// Who claims, and from which shell, is beside the event proper.
    fn claim(&mut self, event: &Transition<'_>) {
        let Some(Value::Object(policy)) =
            event.policy_metadata.and_then(|raw| serde_json::from_str(raw.get()).ok())
        else {
            return;
        };
        for slot in ["shell_pid", "shell_pid_created_at"] {
            if let Some(value) = policy.get(slot).filter(|value| !value.is_null()) {
                self.slots.insert(slot, value.clone());
            }
        }
        if let Some(agent) = policy.get("agent").filter(|agent| is_truthy(agent)) {
            self.slots.insert("agent", agent.clone());
            agent.as_str().into_iter().for_each(|agent| self.worked(agent.to_owned()));
        }
    }

    fn worked(&mut self, name: String) {
        if !self.workers.contains(&name) {
            self.workers.push(name);
        }
    }

    fn finish(mut self) -> WorkPackageState {
        let event = self.last;
        if event.to == Lane::Canceled {
            let text = |text: &Text<'_>| Value::String(text.as_ref().to_owned());
            self.slots.insert("cancellation_reason", event.reason.as_ref().map_or(Value::Null, text));
            self.slots.insert("reason_source", reason_source(event).into());
        }
        WorkPackageState {
            lane: event.to,
            actor: actor(event.actor),
            since: Some(event.at),
            last_event_id: Some(event.event_id.as_ref().to_owned()),
            force_count: self.force_count,
            execution_mode: Some(event.execution_mode.as_ref().to_owned()),
            approval: approval(event).filter(|_| matches!(event.to, Lane::Approved | Lane::Done)),
            workers: self.workers,
            approver: self.approved_by.map(|event| {
                let named = approval(event).map(|review| review.reviewer);
                named.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| actor(event.actor))
            }),
            subtasks: BTreeMap::new(),
            line: Some(self.line),
            subtask_lines: BTreeMap::new(),
            since_text: Some(event.at_text.as_ref().to_owned()),
            slots: self.slots,
            decided: None,
            superseded: self.superseded,
        }
    }
}

/// A reviewer sent it back to work. Older logs have it from `for_review`, with a reference to the review.
fn is_rollback(event: &Transition<'_>) -> bool {
    event.to == Lane::InProgress
        && (event.from == Lane::InReview || event.from == Lane::ForReview && event.review_ref.is_some())
}

/// Whether a cancellation was explained by a person, or its reason made up by the original.
fn reason_source(event: &Transition<'_>) -> String {
    const MADE_UP: [&str; 2] = ["Force move to ", "move-task: "];
    if let Some(source) = &event.reason_source {
        return source.as_ref().to_owned();
    }
    let reason = event.reason.as_ref().map(Text::as_ref).unwrap_or_default();
    let by_hand = !reason.trim().is_empty() && !MADE_UP.iter().any(|prefix| reason.starts_with(prefix));
    if by_hand { "operator" } else { "synthetic" }.to_owned()
}

/// The outcome of a review, with the fields that the snapshot has; nothing for `null` and `{}`.
fn review_result(raw: &RawValue) -> Option<Value> {
    let Value::Object(mut fields) = serde_json::from_str(raw.get()).ok()? else { return None };
    fields.retain(|key, value| {
        matches!(key.as_str(), "reviewer" | "verdict" | "reference")
            || key == "feedback_path" && !value.is_null()
    });
    (!fields.is_empty()).then_some(Value::Object(fields))
}

/// The approval that an event carries: its evidence, else the review's outcome.
fn approval(event: &Transition<'_>) -> Option<Review> {
    #[derive(Deserialize)]
    struct Evidence {
        review: Review,
    }
    let evidence = event.evidence.and_then(|raw| serde_json::from_str::<Evidence>(raw.get()).ok());
    let result = event.review_result.and_then(|raw| serde_json::from_str::<Review>(raw.get()).ok());
    evidence.map(|evidence| evidence.review).or(result).filter(|review| review.verdict == APPROVED)
}

/// The state of a work package that was noted and never moved.
fn only_noted(by: &RawValue) -> WorkPackageState {
    WorkPackageState {
        lane: Lane::Uninitialized,
        actor: actor(by),
        since: None,
        last_event_id: None,
        force_count: 0,
        execution_mode: None,
        approval: None,
        workers: Vec::new(),
        approver: None,
        subtasks: BTreeMap::new(),
        line: None,
        subtask_lines: BTreeMap::new(),
        since_text: None,
        slots: BTreeMap::new(),
        decided: None,
        superseded: None,
    }
}

/// Who acted, in a word: a binding of role, profile, tool and model is known by its tool.
fn actor(raw: &RawValue) -> String {
    match serde_json::from_str(raw.get()) {
        Ok(Value::String(name)) => name,
        Ok(Value::Object(binding)) => {
            let mut named = ["tool", "role"].into_iter().filter_map(|key| binding.get(key)?.as_str());
            named.find(|name| !name.is_empty()).unwrap_or_default().to_owned()
        }
        // As Python writes them.
        Ok(Value::Bool(true)) => "True".to_owned(),
        Ok(Value::Bool(false)) => "False".to_owned(),
        Ok(Value::Null) => "None".to_owned(),
        _ => raw.get().to_owned(),
    }
}

/// What counts as something in Python.
fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
        Value::Number(number) => number.as_f64() != Some(0.0),
    }
}

/// A slug of the log is text of the repository: only one that names a directory and nothing else is passed on.
fn safe_slug(slug: &str) -> String {
    let starts = slug.starts_with(|c: char| c.is_ascii_alphanumeric());
    let fine = starts && slug.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if fine && !slug.contains("..") { slug.to_owned() } else { String::new() }
}

fn broken_delta(source: &Source, line: usize, message: &str) -> ArtefactError {
    let start = source.offset_of(line, 1);
    let text = source.text()[start..].lines().next().unwrap_or_default();
    let at = start + text.find("\"delta\"").unwrap_or(0);
    let help = "nothing was changed; correct the line, or take the log's last committed state from git";
    ArtefactError::broken_at(source, at..at + 1, format!("not an annotation: {message}"), help)
}

#[cfg(test)]
mod tests;
