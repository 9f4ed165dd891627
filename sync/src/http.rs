//! A request with a body, and its answer: no redirects, no retries, everything bounded. Whoever calls decides what it means.

use std::error::Error;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response, Url};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

use crate::error::SyncError;
use crate::https::{address, causes, client, retry_after};
use crate::wire::Body;

/// Most bytes of an answer that are read.
const ANSWER: usize = 8 << 20;

/// A client for one server.
pub(crate) struct Http {
    client: Client,
    /// When everything must be over.
    pub(crate) end: Instant,
    clock: Clock,
    /// Where requests run.
    runtime: Handle,
}

/// The time of the caller, going on from the moment at which it was given.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    at: Timestamp,
    since: Instant,
}

impl Clock {
    /// A clock that shows this time now.
    #[must_use]
    pub fn starting(at: Timestamp) -> Self {
        Self { at, since: Instant::now() }
    }

    /// The time at which it was started.
    pub(crate) fn started(&self) -> Timestamp {
        self.at
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.at
            .checked_add(SignedDuration::try_from(self.since.elapsed()).unwrap_or_default())
            .unwrap_or(self.at)
    }
}

/// What a server said.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    pub(crate) retry_after: Option<Duration>,
}

/// The server, as messages name it: no path, no user.
pub(crate) fn host(url: &Url) -> String {
    let place = address::authority(url);
    if url.scheme() == "https" { place } else { format!("{}://{place}", url.scheme()) }
}

impl Http {
    /// A client for a server, with roots and proxies of the system.
    pub(crate) fn new(url: &Url, end: Instant, clock: Clock) -> Result<Self, SyncError> {
        let host = host(url);
        let is_here = url.scheme() == "http";
        // HTTP is for this machine, where there is nothing to trust and no proxy between.
        let roots = if is_here { Ok(rustls::RootCertStore::empty()) } else { client::roots_of_system() };
        let roots = roots.map_err(|reason| SyncError::Tls { host: host.clone(), reason })?;
        let (proxies, scheme) = match is_here {
            true => (client::Proxies::None, client::Schemes::Both),
            false => (client::Proxies::Environment, client::Schemes::Https),
        };
        let silence = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let client = client::build(roots, (proxies, scheme), silence)
            .map_err(|reason| SyncError::Unreachable { host, reason })?;
        Ok(Self { client, end, clock, runtime: Handle::current() })
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Sends events.
    pub(crate) async fn post(
        &self,
        url: &Url,
        body: &Body,
        (authorization, team): (Option<&HeaderValue>, Option<&str>),
    ) -> Result<Answer, SyncError> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(body.kind));
        if let Some(encoding) = body.encoding {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        if let Some(team) = team.and_then(|team| HeaderValue::from_str(team).ok()) {
            headers.insert(HeaderName::from_static("x-team-slug"), team);
        }
        if let Some(authorization) = authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        self.send(url, self.client.post(url.clone()).headers(headers).body(body.bytes.clone())).await
    }

    /// Sends a form: for a new token.
    pub(crate) async fn form(&self, url: &Url, fields: &[(&str, &str)]) -> Result<Answer, SyncError> {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        self.send(url, self.client.post(url.clone()).header(CONTENT_TYPE, kind).body(form.finish())).await
    }

    /// Sends a value.
    pub(crate) async fn json(
        &self,
        url: &Url,
        value: &serde_json::Value,
        authorization: &HeaderValue,
    ) -> Result<Answer, SyncError> {
        let kind = HeaderValue::from_static("application/json");
        let request = self.client.post(url.clone()).header(CONTENT_TYPE, kind);
        self.send(url, request.header(AUTHORIZATION, authorization.clone()).body(value.to_string())).await
    }

    /// Asks whether the server is there.
    pub(crate) async fn get(&self, url: &Url) -> Result<Answer, SyncError> {
        self.send(url, self.client.get(url.clone())).await
    }

    async fn send(&self, url: &Url, request: reqwest::RequestBuilder) -> Result<Answer, SyncError> {
        let (at, end) = (url.clone(), self.end);
        let exchange = async move {
            let response = request.send().await.map_err(|error| failed(&at, error))?;
            read(&at, response).await
        };
        let exchange = self.runtime.spawn(timeout_at(end, exchange));
        // That a task has no end of its own means that what runs it was shut down, or broke.
        let ended = exchange.await.map_err(|error| SyncError::RuntimeGone(error.to_string()))?;
        ended.unwrap_or_else(|_| Err(SyncError::Timeout { host: host(url) }))
    }
}

async fn read(url: &Url, mut response: Response) -> Result<Answer, SyncError> {
    let status = response.status().as_u16();
    let retry_after = retry_after(response.headers());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failed(url, error))? {
        if chunk.len() > ANSWER - body.len() {
            let reason = format!("it is larger than {ANSWER} bytes");
            return Err(SyncError::Unreadable { host: host(url), reason });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, body, retry_after })
}

/// What the client's error means, by its type. Its own text holds the URL; its causes do not.
fn failed(url: &Url, error: reqwest::Error) -> SyncError {
    let host = host(url);
    let error = error.without_url();
    let reason = causes(&error).last().map(ToString::to_string).unwrap_or_default();
    if causes(&error).any(<dyn Error>::is::<rustls::Error>) {
        SyncError::Tls { host, reason }
    } else if error.is_timeout() {
        SyncError::Timeout { host }
    } else if error.is_connect() {
        SyncError::Unreachable { host, reason }
    } else {
        SyncError::Unreadable { host, reason }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::code::DiagnosticCode;

    /// A runtime that is shut down while a request is made.
    #[test]
    fn a_runtime_that_was_shut_down() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let start = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (gone, alive) = (start(), start());
        let http = gone.block_on(async {
            let end = Instant::now() + Duration::from_secs(60);
            Http::new(&url, end, Clock::starting(Timestamp::UNIX_EPOCH)).unwrap()
        });
        drop(gone);
        let error = alive.block_on(http.get(&url)).err().unwrap();
        assert!(matches!(error, SyncError::RuntimeGone(_)), "{error}");
        assert_eq!(error.code(), DiagnosticCode::EventLoopUnavailable);
        assert!(!error.may_pass());
    }
}
