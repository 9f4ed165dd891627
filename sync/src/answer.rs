//! Answers: what a server says became of each event of a request. Pure: bytes in, outcomes out.

use std::collections::HashMap;

use serde_json::Value;

use crate::credentials::Token;
use crate::error::SyncError;
use crate::outbox::Queued;
use crate::settings::Format;

/// Most characters of what a server says that are kept.
const MOST: usize = 200;

/// What became of the events of a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// The server has them: it took them now, or had them already.
    pub delivered: Vec<String>,
    /// It does not want them, and why. Sent again, they would be refused again.
    pub refused: Vec<(String, String)>,
    /// It did not take them now, and why: they stay.
    pub kept: Vec<(String, String)>,
    /// It has them, and has not decided yet: they stay, and nothing is wrong.
    pub pending: Vec<String>,
}

impl Outcomes {
    /// Notes what is said of an event: a status, and beside it why.
    pub(crate) fn note(&mut self, id: String, status: &str, said: &Value) {
        let why = ["error_message", "error", "detail"].iter().find_map(|key| said[*key].as_str());
        let why = why.map_or_else(|| format!("status {status}"), str::to_owned);
        let is_of_content = is_of_content(&why);
        match status {
            "success" | "accepted" | "warning" | "duplicate" | "synced" | "created" => {
                self.delivered.push(id);
            }
            "queued" | "pending" => self.pending.push(id),
            "rejected" | "invalid" | "schema_mismatch" | "oversized_event" => self.refused.push((id, why)),
            _ if is_of_content => self.refused.push((id, why)),
            _ => self.kept.push((id, why)),
        }
    }

    /// The same without a token in the reasons, which are kept beside the events and shown: none is long.
    pub(crate) fn without(mut self, token: &Token) -> Self {
        for (_, why) in self.refused.iter_mut().chain(&mut self.kept) {
            *why = token.taken_out_of(why).chars().take(MOST).collect();
        }
        self
    }
}

/// What to do with a request that a server answered.
#[derive(Debug)]
pub enum Verdict {
    /// It is answered for.
    Done(Outcomes),
    /// It is too large: halved, it is sent again. One event alone that is too large is refused.
    TooLarge(String),
    /// Something in it is wrong, and nobody says what: halved, it is sent again. Of one event alone it is said only where the
    /// server takes others: else it may well be said of everything.
    Suspect {
        /// The status.
        status: u16,
        /// What it said besides.
        said: String,
    },
    /// Nothing of it was taken.
    Failed(SyncError),
}

/// What an answer means. `host` is for messages. A server knows the token, and what it says is shown: the token is taken out of
/// its words, and not out of what it means.
#[must_use]
pub fn judge(
    (host, token): (&str, &Token),
    (status, body): (u16, &[u8]),
    batch: &[Queued],
    format: Format,
    retry_after: Option<std::time::Duration>,
) -> Verdict {
    let said = said(body, token);
    match status {
        200..=299 => match (format, results(body)) {
            (_, Some(results)) => Verdict::Done(outcomes(batch, &results).without(token)),
            // A broker that takes a batch takes all of it, and has nothing to say.
            (Format::Cloudevents, None) => Verdict::Done(Outcomes {
                delivered: batch.iter().map(|queued| queued.id.clone()).collect(),
                ..Outcomes::default()
            }),
            (Format::SpecKitty, None) => Verdict::Failed(SyncError::Unreadable {
                host: host.to_owned(),
                reason: "it says of no event what became of it".to_owned(),
            }),
        },
        413 => Verdict::TooLarge(format!("too large{said}")),
        400 | 422 => match faults(body, batch) {
            Some(refused) => {
                let named = |id: &String| refused.iter().any(|(refused, _)| refused == id);
                let others = batch.iter().map(|queued| queued.id.clone()).filter(|id| !named(id));
                let kept = others.map(|id| (id, "refused with others".to_owned())).collect();
                Verdict::Done(Outcomes { refused, kept, ..Outcomes::default() }.without(token))
            }
            None => Verdict::Suspect { status, said },
        },
        300..=399 => Verdict::Failed(SyncError::Redirected { host: host.to_owned(), status }),
        _ => Verdict::Failed(SyncError::Status { host: host.to_owned(), status, said, retry_after }),
    }
}

/// `{"results": [{"event_id", "status", "error_message" | "error"}]}`
fn results(body: &[u8]) -> Option<Vec<Value>> {
    let value: Value = serde_json::from_slice(body).ok()?;
    match value.get("results")? {
        Value::Array(results) if !results.is_empty() => Some(results.clone()),
        _ => None,
    }
}

/// What is said of each event; one that nothing is said of is not delivered.
fn outcomes(batch: &[Queued], results: &[Value]) -> Outcomes {
    let by_id: HashMap<&str, &Value> =
        results.iter().filter_map(|result| Some((result["event_id"].as_str()?, result))).collect();
    let mut outcomes = Outcomes::default();
    for queued in batch {
        let id = queued.id.clone();
        let Some(result) = by_id.get(queued.id.as_str()) else {
            outcomes.kept.push((id, "the server did not say what became of it".to_owned()));
            continue;
        };
        outcomes.note(id, result["status"].as_str().unwrap_or("none"), result);
    }
    outcomes
}

/// Whether a fault is in the event itself, and not in who sends it or when.
fn is_of_content(why: &str) -> bool {
    const CONTENT: [&str; 7] =
        ["schema", "invalid", "required", "missing", "malformed", "oversized", "field"];
    const NOT: [&str; 15] = [
        "auth",
        "authentication",
        "authorization",
        "authorized",
        "unauthorized",
        "token",
        "tokens",
        "login",
        "credentials",
        "session",
        "permission",
        "later",
        "retry",
        "again",
        "temporarily",
    ];
    let why = why.to_lowercase();
    let words: Vec<_> = why.split(|c: char| !c.is_alphanumeric()).collect();
    let has = |of: &[&str]| words.iter().any(|word| of.contains(word));
    has(&CONTENT) && !has(&NOT)
}

/// The events that a refused request names, each with what is wrong: `details` as a list, or as the text of one.
fn faults(body: &[u8], batch: &[Queued]) -> Option<Vec<(String, String)>> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let details = match value.get("details")? {
        Value::String(text) => serde_json::from_str(text).ok()?,
        other => other.clone(),
    };
    let named = details.as_array()?.iter().filter_map(|detail| {
        let id = detail["event_id"].as_str()?;
        let why = ["detail", "error", "reason"].iter().find_map(|key| detail[*key].as_str())?;
        batch.iter().any(|queued| queued.id == id).then(|| (id.to_owned(), why.to_owned()))
    });
    let mut named: Vec<_> = named.collect();
    named.sort();
    named.dedup_by(|a, b| a.0 == b.0);
    (!named.is_empty()).then_some(named)
}

/// The beginning of what a server says beside a status, for a message.
fn said(body: &[u8], token: &Token) -> String {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let words = ["detail", "error_description", "error", "message", "reason"];
    let text = words.iter().find_map(|key| value[*key].as_str()).unwrap_or_default();
    // Before it is cut: the beginning of a token is no word either.
    let text = token.taken_out_of(text);
    let text: String = text.chars().take(MOST).collect();
    if text.trim().is_empty() { String::new() } else { format!(": {}", text.trim()) }
}
