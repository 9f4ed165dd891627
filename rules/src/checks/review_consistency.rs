//! What reviewers said last fits the lane: nothing that was sent back counts as approved.

use clearance_engine::check::{Check, CheckContext, CheckError, CheckMeta, Findings, Guards, Needs, Stage};
use clearance_engine::finding::{Excerpt, Location};
use clearance_engine::lane::Lane;
use clearance_engine::mission::Mission;
use clearance_engine::mission::review::{ReviewCycle, Said};
use clearance_engine::mission::state::{MissionState, WorkPackageState};
use clearance_engine::register_check;
use clearance_engine::source::shell_quote;
use clearance_engine::transition::{APPROVED, CHANGES_REQUESTED};

use super::common::{blocker, warning, way_out};

register_check!("review-consistency", ReviewConsistency);

/// The log speaks first: an outcome or an approval that is recorded there is the review. Where it says nothing, the file
/// of the newest round does.
pub struct ReviewConsistency;

impl Check for ReviewConsistency {
    fn meta(&self) -> &CheckMeta {
        &CheckMeta {
            id: "review-consistency",
            summary: "no approved work package was sent back by its last review",
            codes: &["review_rejected", "review_schema_invalid"],
            stages: &[Stage::Commit, Stage::Merge],
            needs: Needs::Mission,
            guards: Guards::Agreement,
            params: &[],
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
            findings.report(blocker("review_rejected", id, message, location, send_back(id, own, &slug)))?;
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
                        send_back(id, own, &shell_quote(mission.slug())),
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

fn send_back(id: &str, own: &WorkPackageState, slug: &str) -> String {
    match own.lane {
        Lane::Done => format!(
            "clearance move {id} --to in_progress --mission {slug} --force --actor NAME --reason 'its review asked for changes'"
        ),
        _ => format!("clearance move {id} --to in_progress --mission {slug} --review-ref 'the last review'"),
    }
}
