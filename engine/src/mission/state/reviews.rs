//! Who reviewed a work package, and how long the decision of an arbiter over a review counts.

use serde_json::Value;

use super::{Folding, Moment, WorkPackageState, approval, review_result};
use crate::lane::Lane;
use crate::mission::log::row::Transition;
use crate::transition::APPROVED;

impl WorkPackageState {
    /// The verdict of its last review, as the log has it.
    #[must_use]
    pub fn recorded_verdict(&self) -> Option<&str> {
        self.slots.get("review_result")?.get("verdict")?.as_str()
    }

    /// Whether an arbiter decided over its last review, with time, name and reason. The slot of the snapshot keeps a
    /// decision for good, as the original does; here it ends with the next round.
    #[must_use]
    pub fn is_overridden(&self) -> bool {
        self.arbiter().is_some()
    }

    fn arbiter(&self) -> Option<&str> {
        let decision = self.slots.get("review").filter(|_| !self.is_outlived())?;
        let text = |key| decision.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        ["at", "wp_id", "reason"].into_iter().all(|key| text(key).is_some()).then(|| text("actor"))?
    }

    /// Whether the review that an arbiter decided over is not the last one.
    fn is_outlived(&self) -> bool {
        let (Some((decided, line)), Some((mut at, other))) = (self.decided, self.superseded) else {
            return false;
        };
        // The original stamps decisions by the second: of one second, the order of lines tells.
        if decided.subsec_nanosecond() == 0 && at.as_second() == decided.as_second() {
            at = decided;
        }
        (at, other) > (decided, line)
    }

    /// Who answers for it, while it is in `approved` or `done`: an arbiter, else who approved it.
    #[must_use]
    pub fn approver(&self) -> Option<&str> {
        let approver = self.approver.as_deref()?;
        Some(self.arbiter().unwrap_or(approver))
    }
}

impl Folding<'_> {
    /// Ends what an arbiter decided before: by work, by a refusal, by a step out of the approval, or from the beginning of
    /// a review that has come to an end.
    pub(super) fn supersede(&mut self, event: &Transition<'_>, now: Moment) {
        let is_approved = |lane| matches!(lane, Lane::Approved | Lane::Done);
        let outcome = event.review_result.and_then(review_result);
        let refused =
            outcome.as_ref().is_some_and(|outcome| outcome.get("verdict") != Some(&APPROVED.into()));
        let to_work = matches!(event.to, Lane::Planned | Lane::Claimed | Lane::InProgress);
        if to_work || refused || is_approved(event.from) && !is_approved(event.to) {
            self.superseded = self.superseded.max(Some(now));
        }
        if matches!(event.to, Lane::ForReview | Lane::InReview) {
            self.in_review_since = Some(now);
        } else if let Some(since) = self.in_review_since.take() {
            // Approved from `for_review` without a word of a review, it is not reviewed.
            let reviewed = event.from == Lane::InReview || outcome.is_some() || approval(event).is_some();
            self.superseded = self.superseded.max(Some(since).filter(|_| reviewed));
        }
    }
}
