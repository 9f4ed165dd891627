//! Every work package is approved.

use clearance_engine::check::{Check, CheckContext, CheckError, CheckMeta, Findings, Guards, Needs, Stage};
use clearance_engine::finding::Location;
use clearance_engine::id::WpId;
use clearance_engine::lane::Lane;
use clearance_engine::mission::log::LOG;
use clearance_engine::param::{Param, ParamKind};
use clearance_engine::plan::step::{MoveRequest, next_step};
use clearance_engine::register_check;
use clearance_engine::severity::Severity;
use clearance_engine::source::shell_quote;
use std::collections::BTreeSet;

use super::common::{at, blocker, git_in};

register_check!("work-packages", WorkPackages);

/// The lanes that nothing is left to do in before a merge.
const READY: Param = Param {
    name: "ready",
    kind: ParamKind::Words { default: &["approved", "done", "canceled"], known: &Lane::NAMES },
    meaning: "the lanes that a work package may be in when its mission is merged",
};

/// Approved or done; what was canceled is not asked for. A team may say otherwise.
pub struct WorkPackages;

impl Check for WorkPackages {
    fn meta(&self) -> &CheckMeta {
        &CheckMeta {
            id: "work-packages",
            summary: "every work package is approved or done, or canceled, unless the team says otherwise",
            codes: &["wp_not_approved", "wp_file_missing"],
            stages: &[Stage::Merge],
            needs: Needs::Mission,
            guards: Guards::Agreement,
            params: &[READY],
        }
    }

    fn run(&self, context: CheckContext<'_>, findings: &mut Findings<'_>) -> Result<(), CheckError> {
        let mission = context.mission()?;
        // A log that cannot be read is a finding of its own.
        let state = mission.state().map_err(|_| CheckError::Waits("status-log"))?;
        // Those of the manifest, those that have a file, and those that the log knows: no list may hide one.
        let named = mission.lanes().ok().flatten().map(|lanes| lanes.lanes.as_slice()).unwrap_or_default();
        let named = named.iter().flat_map(|lane| &lane.wp_ids).filter_map(|id| WpId::parse(id).ok());
        let files = mission.work_packages_by_name().map_err(std::sync::Arc::new)?;
        let files: BTreeSet<WpId> = files.into_iter().collect();
        let named: BTreeSet<WpId> = named.collect();
        let logged = state.work_packages.keys().filter_map(|id| WpId::parse(id).ok());
        let all: BTreeSet<WpId> = logged.chain(named.iter().cloned()).chain(files.iter().cloned()).collect();
        let ready = context.params.words(&READY);
        let goal = goal(&ready);
        for id in all {
            if named.contains(&id) && !files.contains(&id) {
                let name = mission.name_of("tasks");
                let message = format!("a lane has {id}, and there is no tasks/{id}-*.md");
                let command = format!(
                    "{} log --all --oneline -- {}",
                    git_in(mission.root()),
                    shell_quote(&format!("{name}/{id}-*"))
                );
                findings.report(blocker("wp_file_missing", id.as_str(), message, at(name), command))?;
            }
            let lane = state.lane_of(id.as_id());
            if ready.contains(&lane.as_str()) {
                continue;
            }
            let line = state.of(id.as_id()).and_then(|state| state.line);
            let location = Location { name: mission.name_of(LOG), line };
            let place =
                if lane == Lane::Genesis { "has no lane yet".to_owned() } else { format!("is in {lane}") };
            let command = next_step(&MoveRequest::plain(id.clone(), goal), lane, mission);
            let message = format!("{id} {place}, and is not {goal}");
            let mut fault = blocker("wp_not_approved", id.as_str(), message, location, command);
            let mut allowed = context.merge.iter().flat_map(|merge| &merge.options.allowed);
            // Who lets it through answers for it: that is recorded with the merge.
            if let Some(allowed) = allowed.find(|allowed| allowed.work_package == id) {
                fault.severity = Severity::Warning;
                fault.message =
                    format!("{}; {} lets it through: {}", fault.message, allowed.by, allowed.reason);
            }
            findings.report(fault)?;
        }
        Ok(())
    }
}

/// The lane to go to: the first that is ready on the way of a work package that nothing goes wrong with, else the first that
/// is named.
fn goal(ready: &[&str]) -> Lane {
    let named = ready.iter().filter_map(|name| Lane::in_file(name));
    Lane::WAY.into_iter().chain(named).find(|lane| ready.contains(&lane.as_str())).unwrap_or(Lane::Approved)
}
