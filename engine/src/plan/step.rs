//! What moving a work package would record: a pure function of the mission as it was read.

use crate::id::{TaskId, WpId};
use crate::lane::Lane;
use crate::mission::Mission;
use crate::mission::state::WorkPackageState;
use crate::plan::event::Step;
use crate::progress::{self, Sources};
use crate::source::shell_quote;
use crate::strategy::Place;
use crate::transition::{self, APPROVED, CHANGES_REQUESTED, Credentials, Refusal, Review, is_given};

/// A work package to be moved, and what somebody brings along for it.
#[derive(Debug, Clone)]
pub struct MoveRequest {
    /// Which.
    pub work_package: WpId,
    /// Where to.
    pub to: Lane,
    /// Who moves it.
    pub actor: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Who reviewed.
    pub reviewer: Option<String>,
    /// What the review said; taken from the lane when absent.
    pub verdict: Option<String>,
    /// Where the approval can be read.
    pub evidence: Option<String>,
    /// Where a review that asks for changes can be read.
    pub review_ref: Option<String>,
    /// The file with the reviewer's words.
    pub feedback: Option<String>,
    /// Pass over matrix and guards.
    pub force: bool,
    /// Go through the lanes between, each by its own rules.
    pub through: bool,
}

impl MoveRequest {
    /// A request that brings nothing along and takes one step.
    #[must_use]
    pub fn plain(work_package: WpId, to: Lane) -> Self {
        Self {
            work_package,
            to,
            actor: None,
            reason: None,
            reviewer: None,
            verdict: None,
            evidence: None,
            review_ref: None,
            feedback: None,
            force: false,
            through: false,
        }
    }
}

/// What would become of a request.
#[derive(Debug, Clone)]
pub enum Decision {
    /// It is there; nothing is to be recorded.
    There,
    /// These steps, all of them or none.
    Steps(Vec<Step>),
    /// It may not.
    Refused(Box<RefusedMove>),
}

/// Why a work package may not be moved, and how it can be.
#[derive(Debug, Clone)]
pub struct RefusedMove {
    /// Where it is.
    pub lane: Lane,
    /// The step that is refused.
    pub from: Lane,
    /// The step that is refused.
    pub to: Lane,
    /// Why.
    pub refusal: Refusal,
    /// Tasks that are open, where that is why: named ones, and boxes without a name.
    pub open: Vec<(Option<TaskId>, Option<Place>)>,
    /// The command that is allowed next. Words in capitals are to be filled in.
    pub next: String,
}

impl RefusedMove {
    /// The reason in a word, stable: for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.refusal {
            Refusal::NoSuchStep { .. } => "no_such_step",
            Refusal::ForceUnexplained => "force_unexplained",
            Refusal::NoActor => "actor_missing",
            Refusal::NoWorkspace => "workspace_missing",
            Refusal::TasksOpen => "tasks_open",
            Refusal::NotImplemented => "not_implemented",
            Refusal::NoEvidence => "evidence_missing",
            Refusal::NoReason => "reason_missing",
            Refusal::NoReviewRef => "review_ref_missing",
            Refusal::NoReviewResult => "review_result_missing",
            Refusal::ReferencesDiffer | Refusal::ReviewsDiffer => "reviews_differ",
        }
    }

    /// The reason as a sentence.
    #[must_use]
    pub fn message(&self, work_package: &WpId) -> String {
        let step = match &self.refusal {
            Refusal::NoSuchStep { .. } => format!("{work_package} is {}: {}", at(self.lane), self.refusal),
            refusal if self.lane == self.from => {
                format!("{work_package} cannot go from {} to {}: {refusal}", self.from, self.to)
            }
            refusal => format!(
                "{work_package} is {}; on its way, the step from {} to {} is refused: {refusal}",
                at(self.lane),
                self.from,
                self.to
            ),
        };
        if self.open.is_empty() { format!("{step}.") } else { format!("{step}: {}.", self.open_tasks()) }
    }

    fn open_tasks(&self) -> String {
        let one = |(id, place): &(Option<TaskId>, Option<Place>)| {
            let name = id.as_ref().map_or("an open box".to_owned(), ToString::to_string);
            let place = place.as_ref().map(|place| match place.line {
                Some(line) => format!(" ({}:{line})", place.file),
                None => format!(" ({})", place.file),
            });
            name + &place.unwrap_or_default()
        };
        self.open.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

fn at(lane: Lane) -> String {
    if lane == Lane::Genesis { "not in any lane yet".to_owned() } else { format!("in {lane}") }
}

/// Decides on a request.
#[must_use]
pub fn decide(request: &MoveRequest, sources: Sources<'_>) -> Decision {
    let id = request.work_package.as_id();
    let own = sources.state.of(id);
    let lane = sources.state.lane_of(id);
    if lane == request.to && lane != Lane::Genesis && !request.force {
        return Decision::There;
    }
    let way = way(lane, request);
    let open = match way.contains(&Lane::ForReview) && !request.force {
        true => progress::open_tasks(id, sources),
        false => Vec::new(),
    };
    let mut from = lane;
    let mut steps = Vec::new();
    for to in way {
        let credentials = credentials(request, from, to, own, open.is_empty(), sources);
        if let Err(refusal) = transition::check(from, to, &credentials) {
            let open = if refusal == Refusal::TasksOpen { open } else { Vec::new() };
            let next = next_command(request, lane, &refusal, &open, sources.context.mission);
            return Decision::Refused(Box::new(RefusedMove { lane, from, to, refusal, open, next }));
        }
        steps.push(step(request, from, to, credentials, own));
        from = to;
    }
    Decision::Steps(steps)
}

/// The lanes to go through, the last one included. Only the usual way forward is gone in several steps, and only where
/// there is no direct one.
fn way(from: Lane, request: &MoveRequest) -> Vec<Lane> {
    let on_way = |lane| Lane::WAY.iter().position(|on_way| *on_way == lane);
    match (on_way(from), on_way(request.to)) {
        (Some(start), Some(end))
            if request.through && !request.force && start < end && !transition::is_step(from, request.to) =>
        {
            Lane::WAY[start + 1..=end].to_vec()
        }
        _ => vec![request.to],
    }
}

/// What the request brings along for one step.
fn credentials(
    request: &MoveRequest,
    from: Lane,
    to: Lane,
    own: Option<&WorkPackageState>,
    tasks_done: bool,
    sources: Sources<'_>,
) -> Credentials {
    let passes = matches!(to, Lane::Approved | Lane::Done);
    let review = |verdict: &str, reference: Option<&String>| {
        let (reviewer, reference) = (request.reviewer.clone()?, reference?.clone());
        Some(Review { reviewer, verdict: verdict.to_owned(), reference })
    };
    let back = request.review_ref.as_ref().or(request.feedback.as_ref());
    // An approval on record is the approval that `done` asks for.
    let on_record = own.filter(|_| from == Lane::Approved).and_then(|own| own.approval.clone());
    let evidence = match passes {
        true => {
            review(request.verdict.as_deref().unwrap_or(APPROVED), request.evidence.as_ref()).or(on_record)
        }
        false => None,
    };
    let review_result = (from == Lane::InReview).then(|| {
        let implied = match to {
            Lane::Approved | Lane::Done => Some(APPROVED),
            Lane::InProgress | Lane::Planned => Some(CHANGES_REQUESTED),
            _ => None,
        };
        let verdict = request.verdict.as_deref().or(implied)?;
        let reference = if passes { request.evidence.as_ref() } else { back.or(request.evidence.as_ref()) };
        review(verdict, reference)
    });
    let review_result = review_result.flatten();
    let returns = matches!(to, Lane::InProgress | Lane::Planned);
    let review_ref = match &review_result {
        // Who asks for changes in a review is asked for them there; the original's server wants it said twice.
        Some(result) if returns => Some(result.reference.clone()),
        _ => back.filter(|_| returns).cloned(),
    };
    Credentials {
        actor: request.actor.clone(),
        // Work is done in the repository that is being looked at.
        workspace: Some(sources.context.mission.root().display().to_string()),
        tasks_done: (to == Lane::ForReview).then_some(tasks_done),
        implemented: Some(own.is_some_and(|own| own.since.is_some())),
        reason: request.reason.clone(),
        review_ref,
        evidence,
        review_result,
        force: request.force,
    }
}

fn step(
    request: &MoveRequest,
    from: Lane,
    to: Lane,
    credentials: Credentials,
    own: Option<&WorkPackageState>,
) -> Step {
    Step {
        work_package: request.work_package.as_id().clone(),
        from,
        to,
        actor: credentials.actor.unwrap_or_default(),
        force: credentials.force,
        reason: credentials.reason,
        review_ref: credentials.review_ref,
        evidence: credentials.evidence,
        feedback: request.feedback.clone().filter(|_| credentials.review_result.is_some()),
        review_result: credentials.review_result,
        execution_mode: own
            .and_then(|own| own.execution_mode.clone())
            .unwrap_or_else(|| "worktree".to_owned()),
        policy: None,
    }
}

/// The command that takes a work package from a lane toward the one that is asked for.
#[must_use]
pub fn next_step(request: &MoveRequest, lane: Lane, mission: &Mission) -> String {
    let refusal = Refusal::NoSuchStep { from: lane, to: request.to };
    next_command(request, lane, &refusal, &[], mission)
}

/// What gets the work package on, as a command: what is missing is named in capitals.
fn next_command(
    request: &MoveRequest,
    lane: Lane,
    refusal: &Refusal,
    open: &[(Option<TaskId>, Option<Place>)],
    mission: &Mission,
) -> String {
    let slug = shell_quote(mission.slug());
    let work_package = request.work_package.as_str();
    let command = |to: Lane, options: Vec<String>| {
        let options: String = options.iter().map(|option| format!(" {option}")).collect();
        format!("clearance move {work_package} --to {to} --mission {slug}{options}")
    };
    let on = |to: Lane| command(to, wanted(request, lane, to));
    let forced = || {
        let why = [given("--actor", &request.actor, "NAME"), given("--reason", &request.reason, "WHY")];
        command(request.to, ["--force".to_owned()].into_iter().chain(why).collect())
    };
    match refusal {
        Refusal::TasksOpen => {
            let ids: Vec<_> = open.iter().filter_map(|(id, _)| id.as_ref()).map(TaskId::as_str).collect();
            if ids.is_empty() {
                let boxes = open.iter().filter_map(|(_, place)| place.as_ref()?.line);
                let lines = boxes.map(|line| line.to_string()).collect::<Vec<_>>().join(", ");
                return format!(
                    "tick or remove the boxes of tasks.md, line {lines}; then {}",
                    on(request.to)
                );
            }
            format!("clearance mark-status {} --status done --mission {slug}", ids.join(" "))
        }
        Refusal::NoSuchStep { .. } => toward(lane, request.to).map_or_else(forced, on),
        Refusal::ForceUnexplained => forced(),
        _ => on(request.to),
    }
}

/// The options that the whole way asks for, as given or to be filled in.
fn wanted(request: &MoveRequest, from: Lane, to: Lane) -> Vec<String> {
    let mut from = from;
    let mut asked: Vec<&str> = Vec::new();
    for to in way(from, &MoveRequest { to, ..request.clone() }) {
        asked.extend(options_of(from, to));
        from = to;
    }
    let all = [
        ("--actor", &request.actor, "NAME"),
        ("--reason", &request.reason, "WHY"),
        ("--reviewer", &request.reviewer, "NAME"),
        ("--verdict", &request.verdict, "VERDICT"),
        ("--evidence", &request.evidence, "REFERENCE"),
        ("--review-ref", &request.review_ref, "REFERENCE"),
        ("--feedback", &request.feedback, "FILE"),
    ];
    let shown = all.into_iter().filter(|(option, value, _)| asked.contains(option) || is_given(value));
    shown.map(|(option, value, placeholder)| given(option, value, placeholder)).collect()
}

/// The options that one step asks for.
fn options_of(from: Lane, to: Lane) -> &'static [&'static str] {
    match (from, to) {
        (Lane::Planned, Lane::Claimed) | (Lane::ForReview, Lane::InReview) => &["--actor"],
        (Lane::InProgress, Lane::Planned) => &["--reason"],
        (Lane::InReview, Lane::InProgress | Lane::Planned) => &["--reviewer", "--review-ref"],
        (Lane::InReview, Lane::Blocked | Lane::Canceled) => &["--reviewer", "--verdict", "--evidence"],
        (_, Lane::Approved | Lane::Done) => &["--reviewer", "--evidence"],
        (Lane::Approved, Lane::InProgress | Lane::Planned) => &["--review-ref"],
        _ => &[],
    }
}

fn given(option: &str, value: &Option<String>, placeholder: &str) -> String {
    match value.as_deref().filter(|_| is_given(value)) {
        // A value that looks like an option must be joined to its own.
        Some(value) if value.starts_with('-') => format!("{option}={}", shell_quote(value)),
        Some(value) => format!("{option} {}", shell_quote(value)),
        None => format!("{option} {placeholder}"),
    }
}

/// The first lane of the shortest way.
fn toward(from: Lane, to: Lane) -> Option<Lane> {
    let mut seen = vec![from];
    let mut open: Vec<(Lane, Lane)> = transition::next(from).map(|first| (first, first)).collect();
    // Blocked and canceled are ways out, not ways.
    let is_way = |lane: Lane| lane == to || !matches!(lane, Lane::Blocked | Lane::Canceled);
    while !open.is_empty() {
        open.retain(|(lane, _)| is_way(*lane) && !seen.contains(lane));
        if let Some((_, first)) = open.iter().find(|(lane, _)| *lane == to) {
            return Some(*first);
        }
        seen.extend(open.iter().map(|(lane, _)| *lane));
        open = open
            .iter()
            .flat_map(|(lane, first)| transition::next(*lane).map(|next| (next, *first)))
            .collect();
    }
    None
}
