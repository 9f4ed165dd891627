//! Delivery over a WebSocket: a token for the connection, the server's first word, then every event, each acknowledged. What is
//! not acknowledged stays queued. The steps are those of the original's client; docs/sync.md has the frames.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use crate::answer::Outcomes;
use crate::credentials::Token;
use crate::error::{SyncError, passes};
use crate::http::{Http, host};
use crate::https::client;
use crate::outbox::Queued;

/// Where a token for a connection is to be had.
const TOKEN: &str = "/api/v1/ws-token";
/// Largest frame that is read, in bytes.
const FRAME: usize = 1 << 20;

type Socket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

#[derive(Deserialize)]
struct Access {
    ws_token: String,
    ws_url: String,
}

/// A connection over which a server takes events.
pub(crate) struct Channel {
    socket: Socket,
    host: String,
    /// That of the user, and that of the connection.
    tokens: [Token; 2],
    end: Instant,
}

/// Why there is no connection, or none any more.
struct Down {
    reason: String,
    /// Whether another attempt would find the same.
    lasting: bool,
}

impl Down {
    fn now(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), lasting: false }
    }

    fn always(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), lasting: true }
    }

    fn at(self, host: &str) -> SyncError {
        let Self { reason, lasting } = self;
        SyncError::WebSocket { host: host.to_owned(), reason, lasting }
    }
}

impl From<Error> for Down {
    /// What the library's error means.
    fn from(error: Error) -> Self {
        match error {
            Error::Http(response) => {
                let status = response.status().as_u16();
                let reason = format!("the upgrade was answered with {status}");
                Self { reason, lasting: (300..500).contains(&status) && !passes(status) }
            }
            Error::Io(error) => Self::now(error.to_string()),
            other => Self::now(other.to_string()),
        }
    }
}

impl Channel {
    /// Opens a connection, and waits for its first word.
    pub(crate) async fn open(
        server: &Url,
        team: Option<&str>,
        token: &Token,
        http: &Http,
    ) -> Result<Self, SyncError> {
        let host = host(server);
        let Access { ws_token, ws_url } = access(server, team, &token.header()?, http).await?;
        let own = Token::given(ws_token);
        let opening = timeout_at(http.end, async {
            let mut socket = connect(server, &ws_url, &own).await?;
            // It is a snapshot; that it says something is what tells that it listens.
            next(&mut socket).await?;
            Ok(socket)
        });
        let opened = opening.await.unwrap_or_else(|_| Err(Down::now("it does not answer in time")));
        let socket = opened.map_err(|down| down.at(&host))?;
        Ok(Self { socket, host, tokens: [token.clone(), own], end: http.end })
    }

    /// Sends events, and waits until the server has said of each what became of it; and why it ended before that.
    pub(crate) async fn push(&mut self, batch: &[Queued]) -> (Outcomes, Option<SyncError>) {
        let mut outcomes = Outcomes::default();
        let talked = timeout_at(self.end, talk(&mut self.socket, batch, &mut outcomes)).await;
        let talked = talked.unwrap_or_else(|_| Err(Down::now("it does not acknowledge in time")));
        // A server knows the tokens, and what it says is shown.
        let outcomes = self.tokens.iter().fold(outcomes, Outcomes::without);
        (outcomes, talked.err().map(|down| down.at(&self.host)))
    }

    /// A polite end; what matters is done.
    pub(crate) async fn close(mut self) {
        let _ = timeout_at(self.end, self.socket.close(None)).await;
    }
}

async fn access(
    server: &Url,
    team: Option<&str>,
    authorization: &HeaderValue,
    http: &Http,
) -> Result<Access, SyncError> {
    let host = host(server);
    let unreadable = |reason: &str| SyncError::Unreadable { host: host.clone(), reason: reason.to_owned() };
    let at = server.join(TOKEN).map_err(|error| unreadable(&error.to_string()))?;
    let answer =
        http.json(&at, &json!({ "team_id": team }), authorization).await.map_err(|error| match error {
            // Who is not there has no WebSocket either.
            SyncError::Timeout { .. } | SyncError::Unreachable { .. } | SyncError::Unreadable { .. } => {
                Down::now(error.to_string()).at(&host)
            }
            other => other,
        })?;
    match answer.status {
        200..=299 => {
            serde_json::from_slice(&answer.body).map_err(|_| unreadable("it gives no token for a WebSocket"))
        }
        300..=399 => Err(SyncError::Redirected { host: host.clone(), status: answer.status }),
        status => Err(SyncError::Status {
            host: host.clone(),
            status,
            said: " for a WebSocket".to_owned(),
            retry_after: answer.retry_after,
        }),
    }
}

/// Opens the connection: to the host of the server only, and as safely.
async fn connect(server: &Url, at: &str, token: &Token) -> Result<Socket, Down> {
    let mut url =
        Url::parse(at).map_err(|error| Down::always(format!("its address cannot be read: {error}")))?;
    let scheme = if server.scheme() == "https" { "wss" } else { "ws" };
    if url.scheme() == server.scheme() {
        // The original's server may name the place as one of the web.
        let _ = url.set_scheme(scheme);
    }
    if url.scheme() != scheme || url.host_str() != server.host_str() {
        return Err(Down::always("its address is at another host, or less safe; nothing was sent there"));
    }
    let mut request = url.as_str().into_client_request()?;
    let token = token.header().map_err(|_| Down::always("its token cannot be sent"))?;
    request.headers_mut().insert(AUTHORIZATION, token);
    let connector = match scheme {
        "wss" => {
            let tls = client::roots_of_system().and_then(client::tls);
            Connector::Rustls(Arc::new(tls.map_err(Down::always)?))
        }
        _ => Connector::Plain,
    };
    let limits = WebSocketConfig::default().max_message_size(Some(FRAME)).max_frame_size(Some(FRAME));
    let (socket, _) = connect_async_tls_with_config(request, Some(limits), true, Some(connector)).await?;
    Ok(socket)
}

async fn talk(socket: &mut Socket, batch: &[Queued], outcomes: &mut Outcomes) -> Result<(), Down> {
    let mut waiting: HashSet<&str> = batch.iter().map(|queued| queued.id.as_str()).collect();
    // No more than a batch at once: a server that acknowledges while nobody reads would wait, and so would this.
    for one in batch {
        let frame = json!({ "type": "event", "event": one.event });
        socket.feed(Message::text(frame.to_string())).await?;
    }
    socket.flush().await?;
    while !waiting.is_empty() {
        let frame = next(socket).await?;
        let is_ack = frame["type"] == "ack";
        if let Some(id) = frame["event_id"].as_str().filter(|id| is_ack && waiting.remove(*id)) {
            outcomes.note(id.to_owned(), frame["status"].as_str().unwrap_or("success"), &frame);
        }
    }
    Ok(())
}

/// The next frame that says something. Pings are answered.
async fn next(socket: &mut Socket) -> Result<Value, Down> {
    loop {
        match socket.next().await {
            None => return Err(Down::now("it closed the connection")),
            Some(Err(error)) => return Err(error.into()),
            Some(Ok(Message::Text(text))) => {
                let frame: Value =
                    serde_json::from_str(&text).map_err(|_| Down::now("it sends what is no JSON"))?;
                if frame["type"] != "ping" {
                    return Ok(frame);
                }
                let pong = json!({ "type": "pong", "timestamp": frame["timestamp"] });
                socket.send(Message::text(pong.to_string())).await?;
            }
            Some(Ok(Message::Close(frame))) => {
                let why = frame.map(|frame| format!(" ({})", u16::from(frame.code))).unwrap_or_default();
                return Err(Down::now(format!("it closed the connection{why}")));
            }
            // The library answers pings of the protocol by itself.
            Some(Ok(_)) => {}
        }
    }
}
