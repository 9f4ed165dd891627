//! What is queued, and why: every line with the evidence that it is taken from.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use crate::credentials::{self, Source};
use crate::deliver;
use crate::http::{Clock, Http};
use crate::outbox::{Ledger, Outbox, OutboxError};
use crate::settings::{Environment, NamedBy, Settings};

/// The schema of [`Status`].
pub const SCHEMA: &str = "clearance.sync-status/v1";

/// How things are.
#[derive(Debug, Serialize)]
pub struct Status {
    /// [`SCHEMA`]
    pub schema: &'static str,
    /// Whether sync is enabled, by the environment.
    pub enabled: bool,
    /// The server; `None` where none is configured.
    pub server: Option<Where>,
    /// The team that events are for.
    pub team: Option<String>,
    /// Where a token would come from.
    pub token: Option<Source>,
    /// The outbox.
    pub queue: Queue,
    /// The last delivery.
    pub last_delivery: Option<LastDelivery>,
    /// What the server said just now.
    pub answer: Probe,
}

/// The server.
#[derive(Debug, Serialize)]
pub struct Where {
    /// Its address.
    pub url: String,
    /// Who names it.
    pub named_by: NamedBy,
}

/// What is in the outbox.
#[derive(Debug, Default, Serialize)]
pub struct Queue {
    /// Its file.
    pub path: PathBuf,
    /// Whether the file is there.
    pub exists: bool,
    /// How many events it has.
    pub events: usize,
    /// How many of them are for the server that is configured now, and will be sent.
    pub waiting: usize,
    /// How many of them a server refused.
    pub refused: usize,
    /// Why it refused the oldest of those.
    pub refusal: Option<String>,
    /// How many are for other servers or teams.
    pub for_others: usize,
    /// Since when the oldest waits.
    pub oldest: Option<String>,
    /// How many it holds at most.
    pub capacity: usize,
    /// How many found no room, ever.
    pub found_no_room: u64,
    /// How many lines of it nobody can read; they are set aside beside it.
    pub unreadable: usize,
}

/// The last delivery.
#[derive(Debug, Serialize)]
pub struct LastDelivery {
    /// When.
    pub at: String,
    /// To whom.
    pub server: String,
    /// How many events were delivered, ever.
    pub delivered_ever: u64,
}

/// What a server said when it was asked.
#[derive(Debug, Serialize)]
#[serde(tag = "asked", rename_all = "snake_case")]
pub enum Probe {
    /// It was not asked.
    No {
        /// Why not.
        why: &'static str,
    },
    /// It answered.
    Answered {
        /// With this status.
        status: u16,
        /// In so many milliseconds.
        milliseconds: u64,
    },
    /// It did not answer.
    Failed {
        /// Why.
        why: String,
    },
}

impl Status {
    /// Looks. The server is asked only where `ask` says so and sync is enabled.
    ///
    /// # Errors
    /// The outbox cannot be read.
    pub fn of(
        outbox: &Outbox,
        settings: &Settings,
        environment: &Environment,
        (ask, clock): (bool, Clock),
    ) -> Result<Self, OutboxError> {
        let Ledger { refused, delivered_at, delivered_to, delivered, .. } = outbox.ledger()?;
        let queued = outbox.read()?;
        let to = deliver::destination(settings).ok();
        let is_mine = |queued: &&crate::outbox::Queued| to.as_ref() == Some(&queued.to);
        let refusal = queued.iter().find_map(|queued| queued.refused.clone());
        let queue = Queue {
            path: outbox.file(),
            exists: outbox.file().exists(),
            events: queued.len(),
            waiting: queued.iter().filter(is_mine).filter(|queued| queued.refused.is_none()).count(),
            refused: queued.iter().filter(|queued| queued.refused.is_some()).count(),
            refusal,
            for_others: queued.iter().filter(|queued| !is_mine(queued)).count(),
            oldest: queued.first().map(|queued| queued.queued_at.clone()),
            capacity: settings.capacity,
            found_no_room: refused,
            unreadable: outbox.unreadable()?,
        };
        let server = settings
            .server
            .as_ref()
            .map(|server| Where { url: server.url.to_string(), named_by: server.named_by });
        let enabled = environment.enabled();
        let answer = match &settings.server {
            None => Probe::No { why: "no server is configured" },
            Some(_) if !enabled => Probe::No { why: "sync is off" },
            Some(_) if !ask => Probe::No { why: "it was not to be asked" },
            Some(server) => probe(&server.url, settings, clock),
        };
        Ok(Self {
            schema: SCHEMA,
            enabled,
            server,
            team: settings.team.clone(),
            token: credentials::source(settings, environment),
            queue,
            last_delivery: delivered_at.zip(delivered_to).map(|(at, server)| LastDelivery {
                at,
                server,
                delivered_ever: delivered,
            }),
            answer,
        })
    }
}

/// Asks the server whether it is there. No token is sent: that it answers says nothing of whether it would take it.
fn probe(url: &reqwest::Url, settings: &Settings, clock: Clock) -> Probe {
    let failed = |error: &dyn std::fmt::Display| Probe::Failed { why: error.to_string() };
    let started = Instant::now();
    let end = started + settings.deadline.min(Duration::from_secs(10));
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    let answer = runtime.block_on(async { Http::new(url, end, clock)?.get(url).await });
    runtime.shutdown_background();
    match answer {
        Ok(answer) => Probe::Answered {
            status: answer.status,
            milliseconds: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        },
        Err(error) => Probe::Failed { why: error.to_string() },
    }
}
