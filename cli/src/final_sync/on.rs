//! What was recorded is queued, and delivered.

use std::panic::{AssertUnwindSafe, catch_unwind};

use clearance_engine::plan::event::Stamp;
use clearance_sync::settings::Environment;
use clearance_sync::{Changes, Clock, MarkedTask, Pending, SyncError};

use super::Recorded;
use crate::env::Env;

/// What is to be delivered when the command has said what it has to say.
#[derive(Debug, Default)]
pub(crate) struct Last {
    pending: Option<Pending>,
    error: Option<SyncError>,
    is_broken: bool,
    environment: Environment,
}

impl Last {
    /// Queues what was recorded; nothing where sync is off.
    pub(crate) fn add(&mut self, recorded: Recorded, env: &Env) {
        let is_nothing = recorded.lines.is_empty() && recorded.tasks.is_empty();
        let environment = env.sync();
        if is_nothing || !environment.enabled() {
            return;
        }
        let clock = Clock::starting(env.stamp.now);
        let changes = changes(recorded, env);
        let queued = catch_unwind(AssertUnwindSafe(|| clearance_sync::queue(&changes, &environment, clock)));
        match queued {
            // All of it is of one repository, which has one outbox.
            Ok(Ok(pending)) => self.pending = Some(pending),
            Ok(Err(error)) => self.error = Some(error),
            Err(_) => self.is_broken = true,
        }
        self.environment = environment;
    }

    /// Delivers it; the line that says what was not.
    pub(crate) fn deliver(self) -> Option<String> {
        let Self { pending, error, is_broken, environment } = self;
        // What could not be queued is worse than what could not be delivered.
        let unqueued = error.map(|error| clearance_sync::told_of_unqueued(&error));
        let deliver = |pending| clearance_sync::final_sync(pending, &environment).line;
        let undelivered = pending.map(|pending| catch_unwind(AssertUnwindSafe(|| deliver(pending))));
        match undelivered {
            _ if unqueued.is_some() => unqueued,
            Some(Err(_)) => Some(clearance_sync::told_of_a_bug()),
            _ if is_broken => Some(clearance_sync::told_of_a_bug()),
            Some(Ok(line)) => line,
            None => None,
        }
    }
}

fn changes(recorded: Recorded, env: &Env) -> Changes {
    // Each with an id of its own.
    let ids = env.stamp.ids(recorded.tasks.len());
    let tasks = recorded.tasks.into_iter().zip(ids).map(|(marked, event_id)| MarkedTask {
        event_id,
        task: marked.task,
        work_package: marked.work_package,
        state: marked.state,
    });
    Changes {
        root: recorded.root,
        common_dir: recorded.common_dir,
        mission: recorded.mission,
        lines: recorded.lines,
        tasks: tasks.collect(),
        // Of the same time, and no id of an event.
        call: Stamp { entropy: !env.stamp.entropy, ..env.stamp }.id(),
    }
}
