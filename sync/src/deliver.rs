//! A delivery: what is queued goes to the server, and what the server has leaves the outbox.

use std::collections::HashSet;
use std::time::Duration;

use clearance_engine::lock::FileLock;
use reqwest::Url;
use reqwest::header::HeaderValue;
use tokio::time::{Instant, sleep};

use crate::answer::{Outcomes, Verdict, judge};
use crate::credentials::{self, Token};
use crate::error::SyncError;
use crate::http::{Clock, Http, host};
use crate::outbox::{Destination, Outbox, OutboxError, Queued};
use crate::settings::{Environment, Format, Settings, Transport};
use crate::websocket::Channel;
use crate::wire;

/// Where the original takes batches.
const BATCHES: &str = "api/v1/events/batch/";
/// Attempts of the final sync.
pub const ATTEMPTS: u32 = 3;
/// The pause between them.
pub const PAUSE: Duration = Duration::from_secs(1);

/// The status of a token that is no good.
const UNAUTHORIZED: u16 = 401;

/// What is to be delivered, and how long it may take.
pub struct Order<'a> {
    /// The outbox.
    pub outbox: &'a Outbox,
    /// What sync is told to do.
    pub settings: &'a Settings,
    /// The token, and who may give one.
    pub environment: &'a Environment,
    /// For everything, waiting for locks included.
    pub deadline: Duration,
    /// Whether also that is sent which a server refused before, or which was queued for another one.
    pub everything: bool,
    /// The time.
    pub clock: Clock,
}

/// What a delivery came to.
#[derive(Debug, Default)]
pub struct Delivery {
    /// How many events the server has now.
    pub delivered: usize,
    /// How many it refused.
    pub refused: usize,
    /// How many wait that were meant for this server.
    pub waiting: usize,
    /// How many are not sent: a server refused them before, or they are for another one.
    pub held_back: usize,
    /// Why not all were delivered.
    pub error: Option<SyncError>,
}

/// Who watches.
pub type Watch<'w> = &'w mut dyn FnMut(usize, usize);

/// Delivers, in at most [`ATTEMPTS`] attempts.
///
/// # Panics
/// Inside a tokio runtime, which nothing here needs.
pub fn deliver(order: &Order<'_>, watch: Watch<'_>) -> Delivery {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return Delivery {
                error: Some(SyncError::RuntimeGone(error.to_string())),
                ..Delivery::default()
            };
        }
    };
    let delivery = runtime.block_on(attempts(order, watch));
    // A name that is still being looked up cannot be interrupted; the deadline holds all the same.
    runtime.shutdown_background();
    delivery
}

async fn attempts(order: &Order<'_>, watch: Watch<'_>) -> Delivery {
    let end = Instant::now() + order.deadline;
    let mut delivery = Delivery::default();
    let destination = match destination(order.settings) {
        Ok(destination) => destination,
        Err(error) => return Delivery { error: Some(error), ..delivery },
    };
    let mut refused = HashSet::new();
    let _lock = match FileLock::acquire(&order.outbox.delivery_lock(), order.deadline) {
        Ok(lock) => lock,
        Err(error) => {
            // What waits is told all the same.
            let waits = Pass::of(order, end, &destination, &mut delivery, &mut refused).queued();
            let error = waits.map_or_else(SyncError::from, |_| SyncError::Locked(error));
            return Delivery { error: Some(error), ..delivery };
        }
    };
    for attempt in 1.. {
        let mut pass = Pass::of(order, end, &destination, &mut delivery, &mut refused);
        let error = pass.run(watch).await.err();
        let wait = error
            .as_ref()
            .filter(|error| error.may_pass() && attempt < ATTEMPTS)
            .map(|error| error.retry_after().unwrap_or_default().max(PAUSE));
        delivery.error = error;
        match wait {
            // Whoever is told to come back later than the deadline has been answered.
            Some(wait) if wait < end.saturating_duration_since(Instant::now()) => sleep(wait).await,
            _ => break,
        }
    }
    if let Err(error) = order.outbox.compact() {
        delivery.error.get_or_insert(error.into());
    }
    delivery
}

/// The server that events are for, and their team.
///
/// # Errors
/// [`SyncError::NoServer`].
pub fn destination(settings: &Settings) -> Result<Destination, SyncError> {
    let server = settings.server.as_ref().ok_or(SyncError::NoServer)?;
    Ok(Destination { server: server.url.to_string(), team: settings.team.clone() })
}

/// Where batches go: the original's place below the server, or the server's address itself for a broker.
///
/// # Errors
/// An address that nothing can be put behind.
pub fn address(server: &Url, format: Format) -> Result<Url, SyncError> {
    match format {
        Format::Cloudevents => Ok(server.clone()),
        Format::SpecKitty => {
            let mut base = server.clone();
            if !base.path().ends_with('/') {
                let path = format!("{}/", base.path());
                base.set_path(&path);
            }
            base.join(BATCHES)
                .map_err(|error| SyncError::Unreachable { host: host(server), reason: error.to_string() })
        }
    }
}

/// One attempt at everything that is queued.
struct Pass<'a> {
    order: &'a Order<'a>,
    end: Instant,
    destination: &'a Destination,
    delivery: &'a mut Delivery,
    /// What was refused in this delivery: it is not sent a second time in it.
    refused: &'a mut HashSet<String>,
    first_refusal: Option<(String, String)>,
}

impl<'a> Pass<'a> {
    fn of(
        order: &'a Order<'a>,
        end: Instant,
        destination: &'a Destination,
        delivery: &'a mut Delivery,
        refused: &'a mut HashSet<String>,
    ) -> Self {
        Self { order, end, destination, delivery, refused, first_refusal: None }
    }

    async fn run(&mut self, watch: Watch<'_>) -> Result<(), SyncError> {
        let queued = self.queued()?;
        let Some(server) = &self.order.settings.server else { return Err(SyncError::NoServer) };
        if queued.is_empty() {
            return Ok(());
        }
        let http = Http::new(&server.url, self.end, self.order.clock)?;
        let Order { settings, environment, .. } = *self.order;
        let token = credentials::token(&server.url, settings, environment, &http).await?;
        if settings.transport == Transport::Websocket {
            return self.push(&queued, (&server.url, token), (&http, watch)).await;
        }
        let url = address(&server.url, settings.format)?;
        let mut sender = Sender { http, token, url, settings, environment };
        self.send(&queued, &mut sender, watch).await
    }

    /// Over requests, in batches and parts of them, oldest first.
    async fn send(
        &mut self,
        queued: &[Queued],
        sender: &mut Sender<'_>,
        watch: Watch<'_>,
    ) -> Result<(), SyncError> {
        let (mut kept, mut suspects) = (Vec::new(), Suspects::default());
        for batch in wire::batches(queued, self.order.settings.format) {
            let mut parts = vec![batch];
            while let Some(part) = parts.pop() {
                match (sender.send(part).await?, part) {
                    (Verdict::Done(outcomes), _) => {
                        suspects.others_pass |= !outcomes.delivered.is_empty();
                        kept.extend(self.settle(outcomes)?);
                    }
                    (Verdict::Failed(error), _) => return Err(error),
                    (Verdict::TooLarge(why), [only]) => {
                        let refused = vec![(only.id.clone(), why)];
                        kept.extend(self.settle(Outcomes { refused, ..Outcomes::default() })?);
                    }
                    (Verdict::Suspect { status, said }, [only]) => suspects.add(&only.id, status, said),
                    (Verdict::TooLarge(_) | Verdict::Suspect { .. }, several) => {
                        let (front, back) = several.split_at(several.len() / 2);
                        parts.extend([back, front]);
                    }
                }
                if suspects.is_everything() {
                    return Err(suspects.error(&host(&sender.url)));
                }
                watch(queued.len() - self.delivery.waiting, queued.len());
            }
        }
        if !suspects.found.is_empty() && !suspects.others_pass {
            return Err(suspects.error(&host(&sender.url)));
        }
        let refused = suspects.found;
        kept.extend(self.settle(Outcomes { refused, ..Outcomes::default() })?);
        self.summary(&kept)
    }

    /// The same over one WebSocket.
    async fn push(
        &mut self,
        queued: &[Queued],
        (server, token): (&Url, Token),
        (http, watch): (&Http, Watch<'_>),
    ) -> Result<(), SyncError> {
        let Order { settings, environment, .. } = *self.order;
        let team = settings.team.as_deref();
        let mut channel = match Channel::open(server, team, &token, http).await {
            Err(SyncError::Status { status: UNAUTHORIZED, host, said, retry_after }) => {
                let renewed = credentials::renewed(&token, server, settings, environment, http).await?;
                let Some(token) = renewed else {
                    return Err(SyncError::Status { status: UNAUTHORIZED, host, said, retry_after });
                };
                Channel::open(server, team, &token, http).await?
            }
            opened => opened?,
        };
        let mut kept = Vec::new();
        for batch in wire::batches(queued, Format::SpecKitty) {
            // What was acknowledged is delivered, whatever became of the connection then.
            let (outcomes, error) = channel.push(batch).await;
            kept.extend(self.settle(outcomes)?);
            watch(queued.len() - self.delivery.waiting, queued.len());
            if let Some(error) = error {
                return Err(error);
            }
        }
        channel.close().await;
        self.summary(&kept)
    }

    /// What waits for this destination.
    fn queued(&mut self) -> Result<Vec<Queued>, OutboxError> {
        let mut queued = self.order.outbox.read()?;
        let all = queued.len();
        if !self.order.everything {
            queued.retain(|queued| queued.to == *self.destination && queued.refused.is_none());
        }
        queued.retain(|queued| !self.refused.contains(&queued.id));
        self.delivery.waiting = queued.len();
        self.delivery.held_back = all.saturating_sub(queued.len() + self.refused.len());
        Ok(queued)
    }

    /// Notes what became of events, and gives those that stay.
    fn settle(&mut self, outcomes: Outcomes) -> Result<Vec<(String, String)>, OutboxError> {
        let Outcomes { delivered, refused, kept, pending: _ } = outcomes;
        let now = self.order.clock.now().to_string();
        self.order.outbox.settle(&delivered, &refused, (self.destination, &now))?;
        self.delivery.delivered += delivered.len();
        self.delivery.waiting = self.delivery.waiting.saturating_sub(delivered.len() + refused.len());
        if self.first_refusal.is_none() {
            self.first_refusal = refused.first().cloned();
        }
        self.refused.extend(refused.into_iter().map(|(id, _)| id));
        self.delivery.refused = self.refused.len();
        Ok(kept)
    }

    /// Whether all were taken, or are still being looked at.
    fn summary(&self, kept: &[(String, String)]) -> Result<(), SyncError> {
        match (kept.first(), &self.first_refusal) {
            (Some((id, why)), _) => {
                Err(SyncError::Partly { count: kept.len(), first: format!(": {id}: {why}") })
            }
            (None, Some((id, why))) => {
                Err(SyncError::Refused { count: self.refused.len(), first: format!(": {id}: {why}") })
            }
            (None, None) => Ok(()),
        }
    }
}

/// Events that a server refuses without saying what is wrong with them.
#[derive(Default)]
struct Suspects {
    found: Vec<(String, String)>,
    status: u16,
    said: String,
    /// Whether it takes others.
    others_pass: bool,
}

impl Suspects {
    /// So many in a row, and none that passes: it is not them.
    const MANY: usize = 3;

    fn add(&mut self, id: &str, status: u16, said: String) {
        self.found.push((id.to_owned(), format!("answered {status}{said}")));
        (self.status, self.said) = (status, said);
    }

    fn is_everything(&self) -> bool {
        self.found.len() >= Self::MANY && !self.others_pass
    }

    fn error(self, host: &str) -> SyncError {
        let Self { status, said, .. } = self;
        SyncError::Status { host: host.to_owned(), status, said, retry_after: None }
    }
}

/// Who sends, with a token that is renewed once.
struct Sender<'a> {
    http: Http,
    token: Token,
    url: Url,
    settings: &'a Settings,
    environment: &'a Environment,
}

impl Sender<'_> {
    async fn send(&mut self, batch: &[Queued]) -> Result<Verdict, SyncError> {
        let host = host(&self.url);
        let body = wire::body(batch, self.settings.format)
            .map_err(|error| SyncError::Unreadable { host: host.clone(), reason: error.to_string() })?;
        let team = self.settings.team.as_deref();
        let header: HeaderValue = self.token.header()?;
        let mut answer = self.http.post(&self.url, &body, (Some(&header), team)).await?;
        if answer.status == UNAUTHORIZED {
            let renewed =
                credentials::renewed(&self.token, &self.url, self.settings, self.environment, &self.http);
            if let Some(token) = renewed.await? {
                self.token = token;
                let header = self.token.header()?;
                answer = self.http.post(&self.url, &body, (Some(&header), team)).await?;
            }
        }
        let (of, said) = ((host.as_str(), &self.token), (answer.status, answer.body.as_slice()));
        Ok(judge(of, said, batch, self.settings.format, answer.retry_after))
    }
}
