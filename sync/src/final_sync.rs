//! The final sync: at the end of a command that changed something, and never to its harm.

use clearance_engine::config::Project;
use clearance_engine::plan::event::written;

use crate::code::DiagnosticCode;
use crate::deliver::{self, Delivery, Order};
use crate::envelope::{self, About};
use crate::error::SyncError;
use crate::http::Clock;
use crate::outbox::{Event, Outbox};
use crate::settings::{Environment, Settings};
use crate::{diagnostic, outbox};

/// What a command recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// The work tree that has the settings.
    pub root: std::path::PathBuf,
    /// The common git directory.
    pub common_dir: std::path::PathBuf,
    /// The mission.
    pub mission: String,
    /// Lines of its log.
    pub lines: Vec<String>,
    /// Tasks whose rows were marked where the log has no events of tasks: id of the event, task, work package, state.
    pub tasks: Vec<MarkedTask>,
    /// A name for the call.
    pub call: String,
}

/// A task whose row was marked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkedTask {
    /// The id of its event: a ULID.
    pub event_id: String,
    /// The task.
    pub task: String,
    /// The work package that it is of.
    pub work_package: Option<String>,
    /// What it is now.
    pub state: String,
}

/// What is queued, so that it can be delivered.
#[derive(Debug)]
pub struct Pending {
    outbox: Outbox,
    settings: Settings,
    clock: Clock,
    full: Option<SyncError>,
}

/// What the final sync came to.
#[derive(Debug)]
pub struct FinalSync {
    /// The delivery.
    pub delivery: Delivery,
    /// The one line for standard error, where there is something to say.
    pub line: Option<String>,
}

/// Queues what a command recorded, where sync is on.
///
/// # Errors
/// [`SyncError`], with which the command is none the worse.
pub fn queue(changes: &Changes, environment: &Environment, clock: Clock) -> Result<Pending, SyncError> {
    let settings = Settings::read(&changes.root, environment)?;
    let destination = deliver::destination(&settings)?;
    let outbox = Outbox::of(&changes.common_dir);
    let now = clock.now().to_string();
    // As the log has it: that of the call.
    let at = written(clock.started());
    let events = events(changes, &settings.project, settings.team.as_deref(), &at);
    let capacity = (settings.capacity, now.as_str(), changes.call.as_str());
    let added = if events.is_empty() {
        outbox::Added::default()
    } else {
        outbox.add(events, &destination, capacity)?
    };
    let full = (added.refused > 0).then_some(SyncError::Full { refused: added.refused });
    Ok(Pending { outbox, settings, clock, full })
}

/// Delivers what is queued, within the deadline of the settings.
#[must_use]
pub fn final_sync(pending: Pending, environment: &Environment) -> FinalSync {
    let Pending { outbox, settings, clock, full } = pending;
    let order = Order {
        outbox: &outbox,
        settings: &settings,
        environment,
        deadline: settings.deadline,
        everything: false,
        clock,
    };
    let mut delivery = deliver::deliver(&order, &mut |_, _| {});
    // What found no room is worse than what waits.
    delivery.error = full.or(delivery.error);
    let line = delivery.error.as_ref().map(told);
    FinalSync { delivery, line }
}

/// The line for an error of a delivery.
fn told(error: &SyncError) -> String {
    let text = match error {
        SyncError::Full { .. } => format!("Final sync: {error}"),
        _ => format!(
            "Final sync failed after local command success. Queued events remain durable and will be retried. Detail: {error}"
        ),
    };
    diagnostic::line(error.code(), &text)
}

/// The line for an error that let nothing be queued.
#[must_use]
pub fn told_of_unqueued(error: &SyncError) -> String {
    let more = match error {
        SyncError::Settings(_) => "; clearance sync status says what to do",
        _ => "",
    };
    let text = format!(
        "Final sync failed after local command success. What the command recorded is in the mission's files, and not queued. Detail: {error}{more}"
    );
    diagnostic::line(error.code(), &text)
}

/// The line for a panic in here.
#[must_use]
pub fn told_of_a_bug() -> String {
    diagnostic::line(
        DiagnosticCode::EventLoopUnavailable,
        "Final sync ended by itself; queued events remain durable",
    )
}

fn events(changes: &Changes, project: &Project, team: Option<&str>, at: &str) -> Vec<Event> {
    let about = About { mission: &changes.mission, project, team, call: &changes.call };
    let of_lines = changes.lines.iter().filter_map(|line| envelope::of_line(line, about));
    let of_tasks = changes.tasks.iter().map(|marked| {
        let MarkedTask { event_id, task, work_package, state } = marked;
        envelope::of_task(event_id, at, (task, work_package.as_deref()), state, about)
    });
    of_lines.chain(of_tasks).collect()
}
