//! What the outbox has: the events of its file, without those that are settled.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::Queued;

/// What the file has.
#[derive(Default)]
pub(super) struct Content {
    pub(super) queued: Vec<Queued>,
    /// Where the last whole line ends.
    pub(super) whole: u64,
    /// Lines that are none of ours.
    pub(super) unreadable: Vec<Vec<u8>>,
    /// Whether something is settled that is in the file still.
    pub(super) is_settled: bool,
    /// How many of those are delivered.
    pub(super) delivered: u64,
    /// To whom and when the last of them were.
    pub(super) last_delivery: Option<(String, String)>,
}

impl Content {
    /// Leaves out what is delivered, and notes what is refused.
    pub(super) fn apply(&mut self, settled: &[Settled]) {
        self.is_settled = true;
        let delivered: HashSet<&str> =
            settled.iter().flat_map(|settled| &settled.delivered).map(String::as_str).collect();
        let refused: HashMap<&str, &str> = settled
            .iter()
            .flat_map(|settled| &settled.refused)
            .map(|(id, why)| (id.as_str(), why.as_str()))
            .collect();
        let before = self.queued.len();
        self.queued.retain(|queued| !delivered.contains(queued.id.as_str()));
        self.delivered = (before - self.queued.len()) as u64;
        for queued in &mut self.queued {
            if let Some(why) = refused.get(queued.id.as_str()) {
                queued.refused = Some((*why).to_owned());
            }
        }
        let last = settled.iter().rev().find(|settled| !settled.delivered.is_empty());
        self.last_delivery = last.map(|settled| (settled.server.clone(), settled.at.clone()));
    }
}

/// What became of events, as it is noted.
#[derive(Serialize, Deserialize)]
pub(super) struct Settled {
    pub(super) delivered: Vec<String>,
    pub(super) refused: Vec<(String, String)>,
    pub(super) server: String,
    pub(super) at: String,
}
