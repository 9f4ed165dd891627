//! Requests: how many events one has, and what is in it.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, Value, json};

use crate::outbox::Queued;
use crate::settings::Format;

/// Most events of a request, as the original has it.
pub(crate) const MOST: usize = 1000;
/// Most bytes of a request before it is compressed: nine tenths of 256 KiB, as the original reckons where a server says nothing.
pub(crate) const BUDGET: usize = 235_929;

/// A request: its body, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Body {
    /// The body.
    pub bytes: Vec<u8>,
    /// `Content-Type`
    pub kind: &'static str,
    /// `Content-Encoding`, where it has one.
    pub encoding: Option<&'static str>,
}

/// Divides events into requests: as many as fit, at least one each, in their order.
#[must_use]
pub(crate) fn batches(queued: &[Queued], format: Format) -> Vec<&[Queued]> {
    let (open, close) = brackets(format);
    let around = open.len() + close.len();
    let (mut batches, mut start, mut size) = (Vec::new(), 0, around);
    for (nth, one) in queued.iter().enumerate() {
        // With the comma behind it.
        let length = text(one, format).len() + 1;
        if nth > start && (nth - start == MOST || size + length > BUDGET) {
            batches.push(&queued[start..nth]);
            (start, size) = (nth, around);
        }
        size += length;
    }
    if start < queued.len() {
        batches.push(&queued[start..]);
    }
    batches
}

/// The body of a request.
///
/// # Errors
/// None that memory does not make.
pub(crate) fn body(queued: &[Queued], format: Format) -> std::io::Result<Body> {
    let (open, close) = brackets(format);
    let events: Vec<_> = queued.iter().map(|one| text(one, format)).collect();
    let plain = format!("{open}{}{close}", events.join(","));
    match format {
        Format::SpecKitty => {
            let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
            gzip.write_all(plain.as_bytes())?;
            Ok(Body { bytes: gzip.finish()?, kind: "application/json", encoding: Some("gzip") })
        }
        // Brokers of this form need not know compression.
        Format::Cloudevents => {
            Ok(Body { bytes: plain.into_bytes(), kind: "application/cloudevents-batch+json", encoding: None })
        }
    }
}

/// What is around the events of a request.
fn brackets(format: Format) -> (&'static str, &'static str) {
    match format {
        Format::SpecKitty => ("{\"events\":[", "]}"),
        Format::Cloudevents => ("[", "]"),
    }
}

/// An event as it is sent.
fn text(one: &Queued, format: Format) -> String {
    match format {
        // Of texts and numbers: there is nothing that could not be written.
        Format::SpecKitty => serde_json::to_string(&one.event).unwrap_or_default(),
        Format::Cloudevents => cloud_event(&one.event).to_string(),
    }
}

/// An envelope as a CloudEvent, version 1.0 (`cloudevents.io`, JSON event format): the attributes that routers look at, and the
/// whole envelope as its data.
fn cloud_event(event: &Map<String, Value>) -> Value {
    let text = |key: &str| event.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    // Nothing else may stand in a URN.
    let project = text("project_uuid").filter(|uuid| is_uuid(uuid)).map(|uuid| format!("urn:uuid:{uuid}"));
    let source = project.or_else(|| text("node_id").map(|node| format!("urn:clearance:{node}")));
    let mission =
        event.get("payload").and_then(|payload| payload["mission_slug"].as_str()).unwrap_or_default();
    let mut cloud = json!({
        "specversion": "1.0",
        "id": text("event_id"),
        "source": source.unwrap_or_else(|| "urn:clearance".to_owned()),
        "type": format!("clearance.{}", text("event_type").unwrap_or("Event")),
        "subject": format!("{mission}/{}", text("aggregate_id").unwrap_or_default()),
        "datacontenttype": "application/json",
        "data": event,
    });
    // Names of extensions have no underscore; attributes without a value are left out.
    if let Some(time) = text("timestamp") {
        cloud["time"] = time.into();
    }
    if let Some(team) = text("team_slug") {
        cloud["team"] = team.into();
    }
    cloud
}

/// Groups of 8, 4, 4, 4 and 12 hexadecimal digits.
fn is_uuid(text: &str) -> bool {
    let groups =
        text.split('-').map(|group| (group.len(), group.bytes().all(|byte| byte.is_ascii_hexdigit())));
    groups.eq([8, 4, 4, 4, 12].map(|length| (length, true)))
}
