//! `clearance sync now`: delivers what is queued, while one waits.

use clearance_engine::exit::ExitStatus;
use clearance_sync::deliver::{Delivery, Order, deliver};
use clearance_sync::{Clock, SyncError};
use miette::Diagnostic as _;
use serde_json::{Value, json};

use super::{Answer, Place};
use crate::args::Global;
use crate::args::sync::SyncNowArgs;
use crate::env::Env;
use crate::failure::Failure;
use crate::output::{Problem, progress, reports};

/// The schema of what `--json` prints.
const SCHEMA: &str = "clearance.sync-now/v1";

pub(super) fn run(args: &SyncNowArgs, place: &Place, global: &Global, env: &Env) -> Result<Answer, Failure> {
    let environment = env.sync();
    let delivery = match environment.enabled() {
        false => None,
        true => {
            let mut line = progress::Counter::new(env, global);
            let order = Order {
                outbox: &place.outbox,
                settings: &place.settings,
                environment: &environment,
                deadline: args.deadline,
                everything: args.all,
                clock: Clock::starting(env.stamp.now),
            };
            Some(deliver(&order, &mut |done, of| line.show(done, of)))
        }
    };
    let (outcome, status) = outcome(delivery.as_ref());
    let delivery = delivery.unwrap_or_default();
    let account = account(&delivery, outcome, status);
    let stdout = if reports::json_on_stdout(global) {
        format!("{}\n", reports::shown(&account))
    } else if global.quiet {
        String::new()
    } else {
        text(&delivery, outcome)
    };
    let problem = delivery.error.as_ref().filter(|_| !global.json).map(problem);
    Ok(Answer { problems: problem.into_iter().collect(), ..Answer::of(stdout, status, &account, global) })
}

/// What it came to, and the exit code that says so.
fn outcome(delivery: Option<&Delivery>) -> (&'static str, ExitStatus) {
    let Some(delivery) = delivery else { return ("off", ExitStatus::NothingEvaluated) };
    let partly = delivery.delivered > 0 || matches!(delivery.error, Some(SyncError::Partly { .. }));
    match &delivery.error {
        // What waits for --all is not delivered.
        None if delivery.held_back > 0 => ("partly", ExitStatus::Blocked),
        // The server has them, and says more later.
        None if delivery.waiting > 0 => ("pending", ExitStatus::Done),
        None => ("delivered", ExitStatus::Done),
        Some(_) if partly => ("partly", ExitStatus::Blocked),
        Some(error) if error.is_refusal() => ("refused", ExitStatus::Usage),
        Some(_) => ("unreachable", ExitStatus::Undecided),
    }
}

fn account(delivery: &Delivery, outcome: &str, status: ExitStatus) -> Value {
    let error = delivery.error.as_ref().map(|error| {
        json!({
            "code": error.code(),
            "message": error.to_string(),
            "remediation": error.help().map(|help| help.to_string()),
        })
    });
    json!({
        "schema": SCHEMA,
        "command": "sync now",
        "exit_code": status.code(),
        "outcome": outcome,
        "delivered": delivery.delivered,
        "refused": delivery.refused,
        "waiting": delivery.waiting,
        "held_back": delivery.held_back,
        "error": error,
    })
}

fn text(delivery: &Delivery, outcome: &str) -> String {
    match outcome {
        "off" => "sync is off: nothing was sent (CLEARANCE_SYNC=1 turns it on)\n".to_owned(),
        "delivered" if delivery.delivered == 0 && delivery.held_back == 0 => "nothing is queued\n".to_owned(),
        _ => {
            let held_back = match delivery.held_back {
                0 => String::new(),
                some => format!(", {some} held back (clearance sync status says why)"),
            };
            let refused = match delivery.refused {
                0 => String::new(),
                refused => format!(", {refused} refused (clearance sync status says why)"),
            };
            format!("{} delivered{refused}, {} waiting{held_back}\n", delivery.delivered, delivery.waiting)
        }
    }
}

fn problem(error: &SyncError) -> Problem {
    Problem {
        code: "sync_not_delivered",
        message: error.to_string(),
        help: error.help().map(|help| help.to_string()),
        severity: miette::Severity::Error,
        excerpts: Vec::new(),
    }
}
