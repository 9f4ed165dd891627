//! Whether a merge changes the rules that it is judged by.

use clearance_engine::check::{Check, CheckContext, CheckError, CheckMeta, Findings, Guards, Needs, Stage};
use clearance_engine::register_check;

use super::common::{at, waits_for_branches, warning};
use crate::team::files::is_of_rules;

register_check!("rules-changed", RulesChanged);

/// A change of the rules counts from the next merge on: this one is judged by those of the target.
pub struct RulesChanged;

impl Check for RulesChanged {
    fn meta(&self) -> &CheckMeta {
        &CheckMeta {
            id: "rules-changed",
            summary: "the merge leaves the rules of the repository as they are",
            codes: &["rules_changed"],
            stages: &[Stage::Merge],
            needs: Needs::Merge,
            guards: Guards::Step,
            params: &[],
        }
    }

    fn run(&self, context: CheckContext<'_>, findings: &mut Findings<'_>) -> Result<(), CheckError> {
        let (repo, merge, mission) = (context.repo, context.merge()?, context.mission()?);
        let forecast = merge.forecast(repo, mission);
        let forecast = forecast.map_err(|why| CheckError::CouldNotLook(why.to_owned()))?;
        waits_for_branches(forecast, context)?;
        if forecast.gated.is_none() {
            return Err(CheckError::Waits("conflict-forecast"));
        }
        for change in &forecast.changes {
            let path = change.path.to_string_lossy();
            if !is_of_rules(&path) {
                continue;
            }
            let how = match change.letter {
                'A' => "adds",
                'D' => "removes",
                _ => "changes",
            };
            let message = format!(
                "the merge {how} {path}: until it is on {}, the rules there decide, and what is proposed is only shown",
                merge.target
            );
            let look =
                "look at it as at a change of the gate itself: it decides from the next merge on".to_string();
            findings.report(warning(
                "rules_changed",
                path.as_ref(),
                message,
                at(path.as_ref()),
                Some(look),
            ))?;
        }
        Ok(())
    }
}
