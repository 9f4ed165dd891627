//! The work packages that are done with a merge, and the step that says so.

use serde_json::json;

use super::Bookkeeping;
use crate::id::{TaskId, WpId};
use crate::lane::Lane;
use crate::merge::scope::Allowed;
use crate::mission::state::{MissionState, WorkPackageState};
use crate::plan::event::Step;
use crate::transition::{self, APPROVED, Credentials, Review};

/// Who records that a work package is done when it is merged, as the original writes it.
const ACTOR: &str = "merge";

impl Bookkeeping<'_> {
    /// The work packages that are done with the merge: those that are approved, and those that somebody lets through.
    /// What another repository has is done there.
    pub(super) fn candidates<'s>(
        &'s self,
        judged: &'s MissionState,
    ) -> impl Iterator<Item = (TaskId, Option<&'s Allowed>)> {
        let elsewhere = |id: &WpId| {
            self.scope.lanes.iter().any(|lane| {
                lane.is_of_other_repository()
                    && lane.wp_ids.iter().any(|own| WpId::parse(own).is_ok_and(|own| own == *id))
            })
        };
        let allowed = &self.scope.options.allowed;
        let logged = judged.work_packages.keys().filter_map(|id| WpId::parse(id).ok());
        let unknown = allowed.iter().map(|allowed| allowed.work_package.clone());
        let unknown = unknown.filter(|id| judged.of(id.as_id()).is_none());
        logged.chain(unknown).filter(move |id| !elsewhere(id)).filter_map(move |id| {
            let lane = judged.lane_of(id.as_id());
            let allowed = allowed.iter().find(|allowed| allowed.work_package == id);
            let goes = match lane {
                Lane::Approved => true,
                Lane::Done | Lane::Canceled => false,
                _ => allowed.is_some(),
            };
            goes.then(|| (id.as_id().clone(), allowed.filter(|_| lane != Lane::Approved)))
        })
    }

    /// As the original records it (`merge/done_bookkeeping.py`, 3.2.7). Who lets through what is not approved forces the
    /// step in his own name, and no approval is made up for it.
    pub(super) fn step(
        &self,
        id: &TaskId,
        from: Lane,
        state: Option<&WorkPackageState>,
        allowed: Option<&Allowed>,
    ) -> Step {
        let target = &self.scope.target;
        let merged = format!("Merged {id} into {target}");
        let phase = json!({ "merge_phase": "lane_integrated", "target_branch": target });
        let mut step = Step {
            work_package: id.clone(),
            from,
            to: Lane::Done,
            actor: ACTOR.to_owned(),
            force: false,
            reason: Some(merged),
            review_ref: None,
            evidence: Some(approval(id, state)),
            review_result: None,
            feedback: None,
            execution_mode: state
                .and_then(|state| state.execution_mode.clone())
                .unwrap_or_else(|| "worktree".to_owned()),
            policy: Some(phase),
        };
        if let Some(allowed) = allowed {
            step.actor.clone_from(&allowed.by);
            step.reason =
                step.reason.map(|merged| format!("{merged} without an approval: {}", allowed.reason));
            step.force = true;
            step.evidence = None;
            step.policy = step.policy.map(|mut phase| {
                phase["allowed_unapproved"] = json!({ "by": allowed.by, "reason": allowed.reason });
                phase
            });
        }
        debug_assert!(
            transition::check(
                from,
                Lane::Done,
                &Credentials {
                    actor: Some(step.actor.clone()),
                    reason: step.reason.clone(),
                    evidence: step.evidence.clone(),
                    force: step.force,
                    ..Credentials::default()
                }
            )
            .is_ok(),
            "an approval is all that the step asks for"
        );
        step
    }
}

/// The approval on record; where a step was forced there is none, and what the original writes then is written.
fn approval(id: &TaskId, state: Option<&WorkPackageState>) -> Review {
    let is_signed =
        |review: &Review| !review.reviewer.trim().is_empty() && !review.reference.trim().is_empty();
    let on_record = state.and_then(|state| state.approval.clone()).filter(is_signed);
    let approver = state.and_then(WorkPackageState::approver).filter(|name| !name.trim().is_empty());
    on_record.unwrap_or_else(|| Review {
        reviewer: approver.unwrap_or(ACTOR).to_owned(),
        verdict: APPROVED.to_owned(),
        reference: format!("lane-approved:{id}"),
    })
}
