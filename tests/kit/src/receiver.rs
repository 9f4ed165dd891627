//! A server that takes events, on this machine, without TLS: it answers as it is told, and counts what it took.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use flate2::read::GzDecoder;
use serde_json::{Value, json};

/// A request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its first line, without the version: `POST /path`.
    pub line: String,
    /// Its headers, with names in lower case.
    pub headers: BTreeMap<String, String>,
    /// Its body, decompressed.
    pub body: Vec<u8>,
}

impl Request {
    /// The ids of the events in it.
    ///
    /// # Panics
    /// When it has none.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        let value: Value = serde_json::from_slice(&self.body).expect("JSON");
        let events = value.get("events").unwrap_or(&value).as_array().expect("events").clone();
        let id =
            |event: &Value| event["event_id"].as_str().or_else(|| event["id"].as_str()).map(str::to_owned);
        events.iter().map(|event| id(event).expect("an id")).collect()
    }
}

/// What it does with a request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Takes every event, and says so.
    Take,
    /// Takes every event, and the connection breaks before it says so.
    TakeAndCut,
    /// Takes the events whose number in the request is even, and says of the others what is given.
    Half(Value),
    /// Answers with a status, headers (each with its line ending) and a body.
    Status(u16, &'static str, String),
    /// Sends these bytes, and nothing else.
    Raw(Vec<u8>),
    /// Closes the connection.
    Cut,
    /// Says nothing until the client leaves.
    Hang,
    /// Does the rest after so long.
    After(Duration, Box<Self>),
}

/// A server that takes events.
#[derive(Clone)]
pub struct Receiver {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<(Mutex<Seen>, Condvar)>,
}

#[derive(Default)]
struct Seen {
    requests: Vec<Request>,
    /// How often each event was taken.
    taken: BTreeMap<String, usize>,
}

impl Receiver {
    /// Starts one; `answer` is given the number of requests before.
    ///
    /// # Panics
    /// When this machine lets nobody listen.
    pub fn start(answer: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let receiver = Self { address: listener.local_addr().expect("an address"), shared: Arc::default() };
        let (shared, answer) = (Arc::clone(&receiver.shared), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (shared, answer) = (Arc::clone(&shared), Arc::clone(&answer));
                thread::spawn(move || {
                    let _ = serve(stream, &shared, &*answer);
                });
            }
        });
        receiver
    }

    /// One that takes everything.
    #[must_use]
    pub fn takes() -> Self {
        Self::start(|_, _| Reply::Take)
    }

    /// One that always answers the same.
    #[must_use]
    pub fn says(reply: Reply) -> Self {
        Self::start(move |_, _| reply.clone())
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was asked so far.
    ///
    /// # Panics
    /// After a panic in the server.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.0.lock().expect("no panic").requests.clone()
    }

    /// How often each event was taken.
    ///
    /// # Panics
    /// After a panic in the server.
    #[must_use]
    pub fn taken(&self) -> BTreeMap<String, usize> {
        self.shared.0.lock().expect("no panic").taken.clone()
    }

    /// Waits until so many requests came.
    ///
    /// # Panics
    /// When they do not come.
    pub fn wait_for(&self, requests: usize) {
        let (seen, changed) = &*self.shared;
        let guard = seen.lock().expect("no panic");
        let long = Duration::from_secs(60);
        let waited =
            changed.wait_timeout_while(guard, long, |seen| seen.requests.len() < requests).expect("no panic");
        assert!(!waited.1.timed_out(), "{requests} requests were to come");
    }
}

fn serve(
    mut stream: TcpStream,
    shared: &(Mutex<Seen>, Condvar),
    answer: &(impl Fn(usize, &Request) -> Reply + ?Sized),
) -> std::io::Result<()> {
    let request = read(&stream)?;
    let nth = {
        let mut seen = shared.0.lock().expect("no panic");
        seen.requests.push(request.clone());
        shared.1.notify_all();
        seen.requests.len() - 1
    };
    let mut reply = answer(nth, &request);
    while let Reply::After(time, then) = reply {
        thread::sleep(time);
        reply = *then;
    }
    let take = |wanted: &dyn Fn(usize) -> bool| {
        let mut seen = shared.0.lock().expect("no panic");
        for (_, id) in request.ids().into_iter().enumerate().filter(|(nth, _)| wanted(*nth)) {
            *seen.taken.entry(id).or_default() += 1;
        }
    };
    match reply {
        Reply::Take => {
            take(&|_| true);
            let results: Vec<_> =
                request.ids().into_iter().map(|id| json!({ "event_id": id, "status": "success" })).collect();
            say(&mut stream, 200, "", &json!({ "results": results }).to_string())
        }
        Reply::TakeAndCut => {
            take(&|_| true);
            Ok(())
        }
        Reply::Half(said) => {
            take(&|nth| nth.is_multiple_of(2));
            let results = request.ids().into_iter().enumerate().map(|(nth, id)| {
                let mut result =
                    if nth.is_multiple_of(2) { json!({ "status": "success" }) } else { said.clone() };
                result["event_id"] = id.into();
                result
            });
            say(&mut stream, 200, "", &json!({ "results": results.collect::<Vec<_>>() }).to_string())
        }
        Reply::Status(status, headers, body) => say(&mut stream, status, headers, &body),
        Reply::Raw(bytes) => stream.write_all(&bytes),
        Reply::Cut => Ok(()),
        Reply::Hang => {
            // Until the client leaves.
            let _ = stream.read(&mut [0; 64]);
            Ok(())
        }
        Reply::After(..) => unreachable!("it was waited for"),
    }
}

pub(crate) fn say(stream: &mut TcpStream, status: u16, headers: &str, body: &str) -> std::io::Result<()> {
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status} Said\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}"
    )
}

pub(crate) fn read(stream: &TcpStream) -> std::io::Result<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let line = line.trim_end().rsplit_once(' ').map_or(line.clone(), |(line, _)| line.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    if headers.get("content-encoding").is_some_and(|encoding| encoding == "gzip") {
        let mut plain = Vec::new();
        GzDecoder::new(body.as_slice()).read_to_end(&mut plain)?;
        body = plain;
    }
    Ok(Request { line, headers, body })
}
