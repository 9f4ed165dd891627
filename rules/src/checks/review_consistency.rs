//! What reviewers said last fits the lane: nothing that was sent back counts as approved.

use clearance_engine::check::{Check, CheckContext, CheckError, CheckMeta, Findings, Guards, Needs, Stage};
use clearance_engine::finding::{Excerpt, Location};
use clearance_engine::lane::Lane;
use clearance_engine::mission::Mission;
use clearance_engine::mission::review::{ReviewCycle, Said};
use clearance_engine::mission::state::{MissionState, WorkPackageState};
use clearance_engine::param::{Param, ParamKind};
use clearance_engine::register_check;
use clearance_engine::source::shell_quote;
use clearance_engine::transition::{APPROVED, CHANGES_REQUESTED};

use super::common::{blocker, warning, way_out};

register_check!("review-consistency", ReviewConsistency);

/// Whether an approval must be somebody else's than the work.
const FOUR_EYES: Param = Param {
    name: "four_eyes",
    kind: ParamKind::Stricter,
    meaning: "an approval counts only from somebody who did not work on it, as the status log has it",
};

/// The log speaks first: an outcome or an approval that is recorded there is the review. Where it says nothing, the file
/// of the newest round does.
pub struct ReviewConsistency;

impl Check for ReviewConsistency {
    fn meta(&self) -> &CheckMeta {
        &CheckMeta {
            id: "review-consistency",
            summary: "no approved work package was sent back by its last review",
            codes: &["review_rejected", "review_schema_invalid", "review_not_independent"],
            stages: &[Stage::Commit, Stage::Merge],
            needs: Needs::Mission,
            guards: Guards::Agreement,
            params: &[FOUR_EYES],
        }
    }

    fn run(&self, context: CheckContext<'_>, findings: &mut Findings<'_>) -> Result<(), CheckError> {
        let mission = context.mission()?;
        // A log that cannot be read is a finding of its own.
        let state = mission.state().map_err(|_| CheckError::Waits("status-log"))?;
        let slug = shell_quote(mission.slug());
        for (id, own) in &state.work_packages {
            // An approval that came with the step is newer than the review before it.
            let settled = own.is_overridden() || own.approval.is_some();
            if !is_approved(own) || !own.recorded_verdict().is_some_and(sends_back) || settled {
                continue;
            }
            let location = Location { name: mission.name_of("status.events.jsonl"), line: own.line };
            let message = format!("{id} is in {}, and its last review asked for changes", own.lane);
            let command = send_back(id, own, &slug, &REJECTED);
            findings.report(blocker("review_rejected", id, message, location, command))?;
        }
        let approved = state.work_packages.iter().filter(|(_, own)| is_approved(own));
        for (id, own) in approved.filter(|_| context.params.is_on(&FOUR_EYES)) {
            let Some(message) = not_independent(id, own) else { continue };
            let location = Location { name: mission.name_of("status.events.jsonl"), line: own.line };
            let command = send_back(id, own, &slug, &NOT_INDEPENDENT);
            findings.report(blocker("review_not_independent", id, message, location, command))?;
        }
        for cycle in ReviewCycle::latest(mission).map_err(std::sync::Arc::new)? {
            self.about_file(&cycle, mission, state, findings)?;
        }
        Ok(())
    }
}

impl ReviewConsistency {
    fn about_file(
        &self,
        cycle: &ReviewCycle,
        mission: &Mission,
        state: &MissionState,
        findings: &mut Findings<'_>,
    ) -> Result<(), CheckError> {
        let id = cycle.work_package.as_str();
        let at = |line| Location { name: cycle.file.clone(), line };
        let own = state.of(cycle.work_package.as_id());
        // What the log has recorded of the review is newer than the file, or is what became of it.
        let spoken = own.is_some_and(|own| {
            own.recorded_verdict().is_some() || own.approval.is_some() || own.is_overridden()
        });
        match &cycle.said {
            Said::Verdict { verdict, line, overridden } => {
                let sent_back = !verdict.trim().eq_ignore_ascii_case(APPROVED);
                if let Some(own) = own.filter(|own| sent_back && !overridden && !spoken && is_approved(own)) {
                    let message = format!("{id} is in {}, and its last review file says {verdict}", own.lane);
                    findings.report(blocker(
                        "review_rejected",
                        id,
                        message,
                        at(*line),
                        send_back(id, own, &shell_quote(mission.slug()), &REJECTED),
                    ))?;
                }
            }
            Said::Nothing => {
                let message = format!("the last review file of {id} has no verdict in its front matter");
                let help =
                    "start it with `---`, `verdict: approved` or `verdict: rejected`, `---`".to_owned();
                findings.report(warning("review_schema_invalid", id, message, at(Some(1)), Some(help)))?;
            }
            Said::Broken(error) => {
                let (_, line) = error.place();
                let command = way_out(mission.root(), error);
                // What it says may be that the work was sent back.
                let decides = !spoken && own.is_some_and(is_approved);
                let fault = if decides {
                    blocker("review_schema_invalid", id, error.to_string(), at(line), command)
                } else {
                    warning("review_schema_invalid", id, error.to_string(), at(line), Some(command))
                };
                findings.report(fault.showing(Excerpt::of_error(&**error)))?;
            }
        }
        Ok(())
    }
}

/// Verdicts of the log by which work goes back. The original writes the first.
fn sends_back(verdict: &str) -> bool {
    [CHANGES_REQUESTED, "rejected"].iter().any(|word| verdict.trim().eq_ignore_ascii_case(word))
}

fn is_approved(own: &WorkPackageState) -> bool {
    matches!(own.lane, Lane::Approved | Lane::Done)
}

/// Why work goes back: what stands for the review, and the reason where it is forced.
struct Why {
    review: &'static str,
    reason: &'static str,
}

const REJECTED: Why = Why { review: "the last review", reason: "its review asked for changes" };
const NOT_INDEPENDENT: Why =
    Why { review: "to be approved by somebody else", reason: "somebody else must approve it" };

/// What is said of an approval that is not shown to be somebody else's.
fn not_independent(id: &str, own: &WorkPackageState) -> Option<String> {
    let approver = own.approver().unwrap_or_default().trim();
    let is_worker = |worker: &String| worker.trim().to_lowercase() == approver.to_lowercase();
    if approver.is_empty() {
        Some(format!("{id} is in {}, and nothing says who approved it", own.lane))
    } else if own.workers.is_empty() {
        Some(format!("{id} was approved by {approver}, and nothing says that somebody else worked on it"))
    } else if own.workers.iter().any(is_worker) {
        Some(format!("{id} was approved by {approver}, who worked on it"))
    } else {
        None
    }
}

fn send_back(id: &str, own: &WorkPackageState, slug: &str, why: &Why) -> String {
    let step = format!("clearance move {id} --to in_progress --mission {slug}");
    match own.lane {
        Lane::Done => format!("{step} --force --actor NAME --reason '{}'", why.reason),
        _ => format!("{step} --review-ref '{}'", why.review),
    }
}
