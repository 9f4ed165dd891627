//! The transition matrix: which lane follows which, and what each step asks for (`status/wp_state.py`, 3.2.7).

use serde::{Deserialize, Serialize};

use crate::lane::Lane::{self, *};

/// What a step asks for, unless it is forced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guard {
    /// Nothing.
    Open,
    /// Who does it.
    Actor,
    /// Where the work is done.
    Workspace,
    /// No open task, and something implemented.
    Finished,
    /// An approval: reviewer and reference.
    Evidence,
    /// Why.
    Reason,
    /// Which review asks for it.
    ReviewRef,
    /// The outcome of the review.
    Outcome,
    /// An outcome that approves.
    Approval,
}

use Guard::*;

/// Every step there is: from a lane, to a lane, on a condition.
const MATRIX: [(Lane, &[(Lane, Guard)]); 10] = [
    (Genesis, &[(Planned, Open), (Canceled, Open)]),
    (Planned, &[(Claimed, Actor), (Blocked, Open), (Canceled, Open)]),
    (Claimed, &[(InProgress, Workspace), (Blocked, Open), (Canceled, Open)]),
    (
        InProgress,
        &[(ForReview, Finished), (Approved, Evidence), (Planned, Reason), (Blocked, Open), (Canceled, Open)],
    ),
    (ForReview, &[(InReview, Actor), (Blocked, Open), (Canceled, Open)]),
    (
        InReview,
        &[
            (Approved, Approval),
            (Done, Approval),
            (InProgress, Outcome),
            (Planned, Outcome),
            (Blocked, Outcome),
            (Canceled, Outcome),
        ],
    ),
    (
        Approved,
        &[(Done, Evidence), (InProgress, ReviewRef), (Planned, ReviewRef), (Blocked, Open), (Canceled, Open)],
    ),
    (Blocked, &[(InProgress, Open), (Canceled, Open)]),
    (Done, &[]),
    (Canceled, &[]),
];

/// The verdict that lets a work package pass.
pub const APPROVED: &str = "approved";
/// The verdict that sends it back.
pub const CHANGES_REQUESTED: &str = "changes_requested";

/// What a review said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Who reviewed.
    pub reviewer: String,
    /// [`APPROVED`] or [`CHANGES_REQUESTED`].
    pub verdict: String,
    /// Where it can be read: a pull request, a file, a commit.
    pub reference: String,
}

/// What somebody brings along for a step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Who does it.
    pub actor: Option<String>,
    /// Where the work is done.
    pub workspace: Option<String>,
    /// Whether every task of the work package is done; `None` when nobody looked.
    pub tasks_done: Option<bool>,
    /// Whether anything was ever implemented; `None` when nobody looked.
    pub implemented: Option<bool>,
    /// Why.
    pub reason: Option<String>,
    /// The review that asks for it.
    pub review_ref: Option<String>,
    /// The approval.
    pub evidence: Option<Review>,
    /// The outcome of the review that ends.
    pub review_result: Option<Review>,
    /// Passes over matrix and guards; asks for actor and reason.
    pub force: bool,
}

/// Why a step is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No such step.
    #[error("a work package does not go from {from} to {to}")]
    NoSuchStep {
        /// Where it is.
        from: Lane,
        /// Where it should go.
        to: Lane,
    },
    /// Force without a name or a reason.
    #[error("a forced step must say who forces it and why")]
    ForceUnexplained,
    /// Nobody does it.
    #[error("it must be known who does it")]
    NoActor,
    /// Nowhere to work.
    #[error("it must be known where the work is done")]
    NoWorkspace,
    /// Tasks are open, or nobody looked.
    #[error("its tasks are not all done")]
    TasksOpen,
    /// Nothing was implemented, or nobody looked.
    #[error("nothing shows that it was ever worked on")]
    NotImplemented,
    /// No approval.
    #[error("it needs an approval: who reviewed, and where that can be read")]
    NoEvidence,
    /// No reason.
    #[error("it goes back to the start only with a reason")]
    NoReason,
    /// No review asks for it.
    #[error("an approved work package goes back only for a review that says so")]
    NoReviewRef,
    /// A review ends with an outcome.
    #[error("a review ends with an outcome: who reviewed, the verdict, and where it can be read")]
    NoReviewResult,
    /// Two references.
    #[error("the review reference is not that of the review's outcome")]
    ReferencesDiffer,
    /// Two reviews.
    #[error("the approval is not the review's outcome")]
    ReviewsDiffer,
}

/// Whether a work package may go from one lane to another.
///
/// # Errors
/// [`Refusal`]: the first thing that is missing.
pub fn check(from: Lane, to: Lane, with: &Credentials) -> Result<(), Refusal> {
    let no_such_step = Refusal::NoSuchStep { from, to };
    // Not even by force: neither is a place to be in. (The original lets force write `uninitialized`, which then
    // is on no board and cannot be left without force.)
    if matches!(to, Genesis | Uninitialized) {
        return Err(no_such_step);
    }
    if with.force {
        let explained = is_given(&with.actor) && is_given(&with.reason);
        return if explained { Ok(()) } else { Err(Refusal::ForceUnexplained) };
    }
    guard_of(from, to).map_or(Err(no_such_step), |guard| satisfied(guard, with))
}

/// Whether there is such a step at all, force aside.
#[must_use]
pub fn is_step(from: Lane, to: Lane) -> bool {
    guard_of(from, to).is_some()
}

/// The lanes that can follow a lane, force aside.
pub fn next(from: Lane) -> impl Iterator<Item = Lane> {
    let steps = MATRIX.iter().find(|(lane, _)| *lane == from).map_or(&[][..], |(_, steps)| steps);
    steps.iter().map(|(to, _)| *to)
}

fn guard_of(from: Lane, to: Lane) -> Option<Guard> {
    let (_, steps) = MATRIX.iter().find(|(lane, _)| *lane == from)?;
    steps.iter().find(|(lane, _)| *lane == to).map(|(_, guard)| *guard)
}

fn satisfied(guard: Guard, with: &Credentials) -> Result<(), Refusal> {
    let require = |satisfied: bool, refusal| if satisfied { Ok(()) } else { Err(refusal) };
    match guard {
        Open => Ok(()),
        Actor => require(is_given(&with.actor), Refusal::NoActor),
        Workspace => require(is_given(&with.workspace), Refusal::NoWorkspace),
        Finished => require(with.tasks_done == Some(true), Refusal::TasksOpen)
            .and_then(|()| require(with.implemented == Some(true), Refusal::NotImplemented)),
        Evidence => require(with.evidence.as_ref().is_some_and(approves), Refusal::NoEvidence),
        Reason => require(is_given(&with.reason), Refusal::NoReason),
        ReviewRef => require(is_given(&with.review_ref), Refusal::NoReviewRef),
        Outcome => outcome(with).map(|_| ()),
        Approval => {
            let result = outcome(with)?;
            require(approves(result), Refusal::NoEvidence)
        }
    }
}

/// The outcome of the review, complete and not contradicted by what else is said.
fn outcome(with: &Credentials) -> Result<&Review, Refusal> {
    let complete = |review: &&Review| {
        [&review.reviewer, &review.verdict, &review.reference].iter().all(|text| !text.trim().is_empty())
    };
    let result = with.review_result.as_ref().filter(complete).ok_or(Refusal::NoReviewResult)?;
    if with.review_ref.as_ref().is_some_and(|reference| *reference != result.reference) {
        return Err(Refusal::ReferencesDiffer);
    }
    if with.evidence.as_ref().is_some_and(|evidence| evidence != result) {
        return Err(Refusal::ReviewsDiffer);
    }
    Ok(result)
}

fn approves(review: &Review) -> bool {
    review.verdict == APPROVED
        && [&review.reviewer, &review.reference].iter().all(|text| !text.trim().is_empty())
}

pub(crate) fn is_given(text: &Option<String>) -> bool {
    text.as_deref().is_some_and(|text| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_29_steps_and_none_out_of_terminal_lanes() {
        let steps = |from: Lane| next(from).count();
        assert_eq!(Lane::ALL.into_iter().map(steps).sum::<usize>(), 29);
        assert_eq!((steps(Done), steps(Canceled), steps(Uninitialized)), (0, 0, 0));
        assert_eq!(next(Genesis).collect::<Vec<_>>(), [Planned, Canceled]);
    }

    #[test]
    fn force_leaves_a_terminal_lane_but_never_reaches_genesis() {
        let forced = |actor: &str, reason: &str| Credentials {
            actor: Some(actor.to_owned()),
            reason: Some(reason.to_owned()),
            force: true,
            ..Credentials::default()
        };
        assert_eq!(check(Done, Planned, &forced("a", "why")), Ok(()));
        assert_eq!(check(Done, Done, &forced("a", "why")), Ok(()));
        assert_eq!(check(Done, Planned, &forced("a", " ")), Err(Refusal::ForceUnexplained));
        assert_eq!(check(Planned, Claimed, &forced("", "why")), Err(Refusal::ForceUnexplained));
        for nowhere in [Genesis, Uninitialized] {
            let refused = check(Planned, nowhere, &forced("a", "why"));
            assert_eq!(refused, Err(Refusal::NoSuchStep { from: Planned, to: nowhere }));
        }
    }
}
