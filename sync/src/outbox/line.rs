//! A line of the outbox.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// For whom an event was queued. Another account or another server is another destination: what was meant for one does not
/// go to the other.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Destination {
    /// The address of the server.
    pub server: String,
    /// The team.
    #[serde(default)]
    pub team: Option<String>,
}

/// A queued event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Queued {
    /// The how-manieth event of this clone it is.
    pub number: u64,
    /// Its ULID.
    pub id: String,
    /// For whom.
    pub to: Destination,
    /// Since when.
    pub queued_at: String,
    /// Why the server does not want it: sent again only when that is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// What is sent.
    pub event: Map<String, Value>,
}

impl Queued {
    /// The line, with its ending.
    pub(super) fn line(&self) -> String {
        // Numbers and texts only: there is nothing that could not be written.
        let mut line = serde_json::to_string(self).unwrap_or_default();
        line.push('\n');
        line
    }
}
