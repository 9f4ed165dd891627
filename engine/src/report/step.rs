//! What `move` did, or refused.

use serde_json::{Value, json};

use super::{CommitAccount, Write};
use crate::id::WpId;
use crate::lane::Lane;
use crate::plan::event::Step;
use crate::plan::step::RefusedMove;

/// The schema of [`MoveReport::account`].
pub const MOVE_SCHEMA: &str = "clearance.move/v1";

/// The whole account of a `move` call, schema [`MOVE_SCHEMA`].
#[derive(Debug, Clone)]
pub struct MoveReport {
    /// The mission's directory name.
    pub mission: String,
    /// The work package.
    pub work_package: WpId,
    /// Where it was.
    pub from: Lane,
    /// Where it should go.
    pub to: Lane,
    /// Nothing was written, on request.
    pub dry_run: bool,
    /// The steps that were (or would be) recorded.
    pub steps: Vec<Step>,
    /// Why it may not move.
    pub refused: Option<Box<RefusedMove>>,
    /// What was (or would be) written.
    pub writes: Vec<Write>,
    /// IDs of the events that were (or would be) appended.
    pub event_ids: Vec<String>,
    /// The change as a diff.
    pub diff: String,
    /// What became of the commit.
    pub commit: CommitAccount,
    /// Things worth knowing that are no faults of the call.
    pub warnings: Vec<String>,
}

impl MoveReport {
    /// `moved`, `already_there` or `refused`.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        match (&self.refused, self.steps.is_empty()) {
            (Some(_), _) => "refused",
            (None, true) => "already_there",
            (None, false) => "moved",
        }
    }

    /// For machines.
    #[must_use]
    pub fn account(&self, exit_code: u8) -> Value {
        let steps =
            self.steps.iter().map(|step| json!({ "from": step.from, "to": step.to, "force": step.force }));
        let refusal = self.refused.as_ref().map(|refused| {
            let open = refused.open.iter().map(|(id, place)| {
                json!({
                    "id": id.as_ref().map(crate::id::TaskId::as_str),
                    "file": place.as_ref().map(|place| place.file.as_str()),
                    "line": place.as_ref().and_then(|place| place.line),
                })
            });
            json!({
                "code": refused.code(),
                "from": refused.from,
                "to": refused.to,
                "message": refused.message(&self.work_package),
                "open_tasks": open.collect::<Vec<_>>(),
                "next_command": refused.next,
            })
        });
        json!({
            "schema": MOVE_SCHEMA,
            "command": "move",
            "exit_code": exit_code,
            "mission": self.mission,
            "work_package": self.work_package.as_str(),
            "from": self.from,
            "to": self.to,
            "outcome": self.outcome(),
            "dry_run": self.dry_run,
            "steps": steps.collect::<Vec<_>>(),
            "refusal": refusal,
            "writes": self.writes,
            "event_ids": self.event_ids,
            "diff": self.diff,
            "commit": self.commit,
            "warnings": self.warnings,
        })
    }
}
