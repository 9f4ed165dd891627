//! A server that takes events over a WebSocket, on this machine: it gives a token for the connection, does what it is told to,
//! and counts what it took.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::frame::CloseFrame;
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Message, WebSocket};

use crate::receiver::{Request, read, say};

/// The token that it gives for a connection.
pub const WS_TOKEN: &str = "ws-t0ken-of-a-test";
/// Where its tokens are to be had.
const TOKEN: &str = "POST /api/v1/ws-token";
/// Where a session is renewed.
const RENEWAL: &str = "POST /oauth/token";
/// The token that a renewed session has.
pub const RENEWED: &str = "renewed-t0ken-of-a-test";

/// What it does with an attempt: a request for a token, and the connection that comes of it.
#[derive(Debug, Clone)]
pub struct Play {
    /// The status with which the request for a token is answered.
    pub token: u16,
    /// The address that is given with the token, if it is not this server's.
    pub at: Option<String>,
    /// The status with which the upgrade is answered; 101 accepts it.
    pub upgrade: u16,
    /// What is said first.
    pub first: Vec<Said>,
    /// Whether it pings before its first word and before it acknowledges, both ways, and waits for the answers. For one event.
    pub pings: bool,
    /// How many events are acknowledged.
    pub acks: usize,
    /// What is said of the events that are acknowledged.
    pub status: &'static str,
    /// What it does when the next event comes, or at once where none is to be acknowledged.
    pub then: Then,
}

/// What it says.
#[derive(Debug, Clone)]
pub enum Said {
    /// A text frame.
    Text(String),
    /// A binary frame.
    Binary(Vec<u8>),
    /// Bytes that may be no frame at all.
    Raw(Vec<u8>),
}

/// How it ends.
#[derive(Debug, Clone, Copy)]
pub enum Then {
    /// It goes on as before.
    Stay,
    /// The connection breaks.
    Cut,
    /// It closes the connection for a reason.
    Close(u16),
    /// It takes the event, and breaks the connection before it says so.
    TakeAndCut,
    /// It says nothing more, until the client leaves.
    Hang,
}

impl Play {
    /// Takes everything.
    #[must_use]
    pub fn takes() -> Self {
        Self {
            token: 200,
            at: None,
            upgrade: 101,
            first: vec![Said::Text(json!({ "type": "snapshot", "work_packages": [] }).to_string())],
            pings: false,
            acks: usize::MAX,
            status: "success",
            then: Then::Stay,
        }
    }

    /// Acknowledges so many events, and then does that.
    #[must_use]
    pub fn up_to(acks: usize, then: Then) -> Self {
        Self { acks, then, ..Self::takes() }
    }
}

/// A server that takes events over a WebSocket.
#[derive(Clone)]
pub struct Socket {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    tokens: Vec<Request>,
    upgrades: Vec<Request>,
    /// The ids of all events that came, in their order.
    came: Vec<String>,
    taken: BTreeMap<String, usize>,
    /// Answers to pings: of the protocol, and in JSON.
    pongs: (usize, usize),
}

impl Socket {
    /// Starts one; `play` is given the number of requests for a token before.
    ///
    /// # Panics
    /// When this machine lets nobody listen.
    pub fn start(play: impl Fn(usize) -> Play + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let socket = Self { address: listener.local_addr().expect("an address"), shared: Arc::default() };
        let (server, play) = (socket.clone(), Arc::new(play));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (server, play) = (server.clone(), Arc::clone(&play));
                // Who leaves too early shows in the counts.
                thread::spawn(move || server.serve(stream, &*play).is_some());
            }
        });
        socket
    }

    /// Its address, as settings name it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests for a token.
    #[must_use]
    pub fn tokens(&self) -> Vec<Request> {
        self.seen(|seen| seen.tokens.clone())
    }

    /// The requests for an upgrade.
    #[must_use]
    pub fn upgrades(&self) -> Vec<Request> {
        self.seen(|seen| seen.upgrades.clone())
    }

    /// The ids of all events that came, in their order.
    #[must_use]
    pub fn came(&self) -> Vec<String> {
        self.seen(|seen| seen.came.clone())
    }

    /// How often each event was taken.
    #[must_use]
    pub fn taken(&self) -> BTreeMap<String, usize> {
        self.seen(|seen| seen.taken.clone())
    }

    /// How often pings were answered: those of the protocol, and those in JSON.
    #[must_use]
    pub fn pongs(&self) -> (usize, usize) {
        self.seen(|seen| seen.pongs)
    }

    fn seen<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.shared.lock().expect("no panic"))
    }

    fn serve(&self, mut stream: TcpStream, play: &(impl Fn(usize) -> Play + ?Sized)) -> Option<()> {
        let request = read(&stream).ok()?;
        if request.line == TOKEN {
            let nth = self.seen(|seen| {
                seen.tokens.push(request);
                seen.tokens.len() - 1
            });
            let Play { token, at, .. } = play(nth);
            let at = at.unwrap_or_else(|| format!("ws://{}/ws", self.address));
            let access = json!({ "ws_token": WS_TOKEN, "ws_url": at, "expires_in": 60, "session_id": "one" });
            return say(&mut stream, token, "", &access.to_string()).ok();
        }
        if request.line == RENEWAL {
            let access = json!({ "access_token": RENEWED, "expires_in": 3600 });
            return say(&mut stream, 200, "", &access.to_string()).ok();
        }
        let nth = self.seen(|seen| {
            seen.upgrades.push(request.clone());
            seen.tokens.len().saturating_sub(1)
        });
        let play = play(nth);
        let key = request.headers.get("sec-websocket-key")?;
        if play.upgrade != 101 {
            return say(&mut stream, play.upgrade, "", "no").ok();
        }
        let accepted = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket";
        let key = derive_accept_key(key.as_bytes());
        write!(stream, "{accepted}\r\nSec-WebSocket-Accept: {key}\r\n\r\n").ok()?;
        for said in &play.first {
            if let Said::Raw(bytes) = said {
                stream.write_all(bytes).ok()?;
            }
        }
        // Frames of any size: it is not this side that is tried.
        let limits = WebSocketConfig::default().max_frame_size(None).max_message_size(None);
        self.talk(&mut WebSocket::from_raw_socket(stream, Role::Server, Some(limits)), &play)
    }

    fn talk(&self, socket: &mut WebSocket<TcpStream>, play: &Play) -> Option<()> {
        if play.pings {
            self.ping(socket)?;
        }
        for said in &play.first {
            match said {
                Said::Text(text) => socket.send(Message::text(text.clone())).ok()?,
                Said::Binary(bytes) => socket.send(Message::binary(bytes.clone())).ok()?,
                Said::Raw(_) => {}
            }
        }
        let mut acks = 0;
        if play.acks == 0 && self.end(socket, play.then, None)? {
            return Some(());
        }
        while let Some(id) = self.event(socket) {
            if acks == play.acks && self.end(socket, play.then, Some(&id))? {
                return Some(());
            }
            if play.pings {
                self.ping(socket)?;
            }
            let refused = ["rejected", "pending"].contains(&play.status);
            self.seen(|seen| *seen.taken.entry(id.clone()).or_default() += usize::from(!refused));
            let ack = json!({ "type": "ack", "event_id": id, "status": play.status });
            socket.send(Message::text(ack.to_string())).ok()?;
            acks += 1;
        }
        Some(())
    }

    /// Whether it was the end.
    fn end(&self, socket: &mut WebSocket<TcpStream>, then: Then, id: Option<&String>) -> Option<bool> {
        match then {
            // With an event that was not taken.
            Then::Stay => return Some(false),
            Then::Cut => {}
            Then::Close(code) => {
                let frame = CloseFrame { code: code.into(), reason: "enough".into() };
                socket.close(Some(frame)).ok()?;
                while socket.read().is_ok() {}
            }
            Then::TakeAndCut => {
                self.seen(|seen| *seen.taken.entry(id.cloned().unwrap_or_default()).or_default() += 1);
            }
            Then::Hang => while self.event(socket).is_some() {},
        }
        Some(true)
    }

    /// The id of the next event.
    fn event(&self, socket: &mut WebSocket<TcpStream>) -> Option<String> {
        loop {
            match socket.read().ok()? {
                Message::Text(text) => {
                    let frame: Value = serde_json::from_str(&text).ok()?;
                    let id = (frame["type"] == "event").then(|| frame["event"]["event_id"].as_str());
                    if let Some(id) = id.flatten().map(str::to_owned) {
                        self.seen(|seen| seen.came.push(id.clone()));
                        return Some(id);
                    }
                }
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }

    /// Pings both ways, and waits until both are answered. No event may come in between.
    fn ping(&self, socket: &mut WebSocket<TcpStream>) -> Option<()> {
        socket.send(Message::Ping(b"still there?".to_vec().into())).ok()?;
        let ping = json!({ "type": "ping", "timestamp": "now" });
        socket.send(Message::text(ping.to_string())).ok()?;
        let (mut one, mut other) = (false, false);
        while !(one && other) {
            match socket.read().ok()? {
                Message::Pong(said) => one = &said[..] == b"still there?",
                Message::Text(text) => {
                    let frame: Value = serde_json::from_str(&text).ok()?;
                    other = frame["type"] == "pong" && frame["timestamp"] == "now";
                }
                _ => {}
            }
        }
        self.seen(|seen| seen.pongs = (seen.pongs.0 + 1, seen.pongs.1 + 1));
        Some(())
    }
}
