//! `clearance sync status`: what is queued, and why; every line names what it is taken from.

use clearance_engine::source::{harmless, without_secrets};
use clearance_sync::Clock;
use clearance_sync::credentials::Source;
use clearance_sync::settings::NamedBy;
use clearance_sync::status::{Probe, Status};
use serde_json::Value;

use super::{Answer, Place};
use crate::args::Global;
use crate::args::sync::SyncStatusArgs;
use crate::env::Env;
use crate::failure::Failure;
use crate::output::reports;

pub(super) fn run(
    args: &SyncStatusArgs,
    place: &Place,
    global: &Global,
    env: &Env,
) -> Result<Answer, Failure> {
    let how = (!args.offline, Clock::starting(env.stamp.now));
    let status =
        Status::of(&place.outbox, &place.settings, &env.sync(), how).map_err(Failure::undecided_by)?;
    let mut account = serde_json::to_value(&status).unwrap_or(Value::Null);
    account["command"] = "sync status".into();
    account["exit_code"] = 0.into();
    let stdout = if reports::json_on_stdout(global) {
        format!("{}\n", reports::shown(&account))
    } else if global.quiet {
        String::new()
    } else {
        text(&status)
    };
    Ok(Answer { reports: reports::files(&global.report, &account, None), ..Answer::text(stdout) })
}

fn text(status: &Status) -> String {
    let Status { queue, last_delivery, .. } = status;
    let mut lines = vec![("sync", switch(status.enabled).to_owned()), ("server", server(status))];
    lines.push(("team", status.team.clone().unwrap_or_else(|| "none ([sync] team)".to_owned())));
    lines.push(("token", token(status.token).to_owned()));
    let place = match queue.exists {
        true => format!("({})", queue.path.display()),
        false => format!("({}, which is not there)", queue.path.display()),
    };
    lines.push(("queued", format!("{} of at most {} events {place}", queue.events, queue.capacity)));
    if queue.events > 0 {
        lines.push(("  to send", queue.waiting.to_string()));
    }
    if queue.refused > 0 {
        let why = queue.refusal.as_deref().unwrap_or_default();
        lines.push((
            "  refused",
            format!("{} ({why}); to send them again: clearance sync now --all", queue.refused),
        ));
    }
    if queue.for_others > 0 {
        lines.push((
            "  for others",
            format!(
                "{} were queued for another server or team; to send them here: clearance sync now --all",
                queue.for_others
            ),
        ));
    }
    if let Some(oldest) = &queue.oldest {
        lines.push(("  oldest", format!("since {oldest}")));
    }
    if queue.found_no_room > 0 {
        lines.push((
            "  no room",
            format!(
                "{} events found no room, ever; they are in the logs of their missions",
                queue.found_no_room
            ),
        ));
    }
    if queue.unreadable > 0 {
        let aside = queue.path.with_file_name("unreadable.jsonl");
        lines.push(("  unreadable", format!("{} lines, set aside in {}", queue.unreadable, aside.display())));
    }
    lines.push((
        "delivered",
        match last_delivery {
            Some(last) => {
                format!("{} events ever, last at {} to {}", last.delivered_ever, last.at, last.server)
            }
            None => "never".to_owned(),
        },
    ));
    lines.push((
        "answer",
        match &status.answer {
            Probe::No { why } => format!("the server was not asked: {why}"),
            Probe::Answered { status, milliseconds } => {
                format!("just now it answered {status} in {milliseconds} ms (whether it takes events was not asked)")
            }
            Probe::Failed { why } => format!("just now: {why}"),
        },
    ));
    lines.iter().map(|(name, text)| format!("{name:<12} {}\n", harmless(&without_secrets(text)))).collect()
}

fn switch(enabled: bool) -> &'static str {
    if enabled { "on" } else { "off (CLEARANCE_SYNC=1 turns it on; until then nothing is queued or sent)" }
}

fn server(status: &Status) -> String {
    let Some(server) = &status.server else {
        return "none ([sync] server in .clearance/config or in your settings)".to_owned();
    };
    let named_by = match server.named_by {
        NamedBy::Environment => "CLEARANCE_SYNC_SERVER",
        NamedBy::User => "your settings",
        NamedBy::Repository => ".clearance/config, and your settings allow it",
    };
    format!("{} ({named_by})", server.url)
}

fn token(source: Option<Source>) -> &'static str {
    match source {
        None => "none",
        Some(Source::Environment) => "CLEARANCE_SYNC_TOKEN",
        Some(Source::Command) => "credential_command of your settings",
        Some(Source::Session) => "the session file",
    }
}
