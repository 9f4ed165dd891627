//! The lanes merge into the mission branch, and that onto the target, without a conflict: git's own answer.

use clearance_engine::check::{Check, CheckContext, CheckError, CheckMeta, Findings, Needs, Stage};
use clearance_engine::finding::{Excerpt, Location};
use clearance_engine::merge::forecast::{LaneOutcome, TargetForecast};
use clearance_engine::register_check;
use clearance_engine::repo::Repo;
use clearance_engine::repo::conflict::{Conflict, Side};
use clearance_engine::source::shell_quote;

use super::common::{blocker, git_in, waits_for_branches};

register_check!("conflict-forecast", ConflictForecast);

/// By content: lanes that touch one file without touching each other's lines are fine.
pub struct ConflictForecast;

impl Check for ConflictForecast {
    fn meta(&self) -> &CheckMeta {
        &CheckMeta {
            id: "conflict-forecast",
            summary: "the lanes and the target merge without a conflict",
            codes: &["lane_conflict", "target_conflict"],
            stages: &[Stage::Merge],
            needs: Needs::Merge,
        }
    }

    fn run(&self, context: CheckContext<'_>, findings: &mut Findings<'_>) -> Result<(), CheckError> {
        let (repo, merge, mission) = (context.repo, context.merge()?, context.mission()?);
        let forecast =
            merge.forecast(repo, mission).map_err(|error| CheckError::CouldNotLook(error.to_owned()))?;
        waits_for_branches(forecast, context)?;
        let mission_branch = merge.mission_branch.as_deref().unwrap_or_default();
        for lane in &forecast.lanes {
            let LaneOutcome::Conflicts(conflicts) = &lane.outcome else { continue };
            let command = by_hand(repo, &lane.branch, mission_branch);
            report("lane_conflict", (&lane.branch, mission_branch), conflicts, &command, findings)?;
        }
        if let TargetForecast::Conflicts(conflicts) = &forecast.target {
            let command = by_hand(repo, mission_branch, &merge.target);
            report("target_conflict", (mission_branch, &merge.target), conflicts, &command, findings)?;
        }
        Ok(())
    }
}

/// Brings into a branch what it will be merged into, where a person can resolve what differs.
fn by_hand(repo: &Repo, branch: &str, into: &str) -> String {
    let held = repo.view().worktrees().unwrap_or_default();
    let held = held.iter().find(|tree| tree.branch.as_deref() == Some(branch));
    match held {
        Some(tree) => format!("{} merge {}", git_in(&tree.root), shell_quote(into)),
        None => {
            let git = git_in(repo.root());
            format!("{git} switch {} && {git} merge {}", shell_quote(branch), shell_quote(into))
        }
    }
}

fn report(
    code: &'static str,
    (branch, into): (&str, &str),
    conflicts: &[Conflict],
    command: &str,
    findings: &mut Findings<'_>,
) -> Result<(), CheckError> {
    /// Hunks that are shown; the message says how many there are.
    const SHOWN: usize = 3;
    for conflict in conflicts {
        let path = &conflict.path;
        let hunks = match conflict.hunks.len() {
            0 | 1 => String::new(),
            many => format!(", in {many} places"),
        };
        let message = format!("{branch} does not merge into {into}: {}{hunks}", conflict.message);
        let line = conflict.hunks.first().map(|hunk| hunk.ours.line);
        let location = Location { name: path.clone(), line };
        let sides = conflict
            .hunks
            .iter()
            .take(SHOWN)
            .flat_map(|hunk| [side(into, path, &hunk.ours), side(branch, path, &hunk.theirs)]);
        findings.report(blocker(code, path, message, location, command).showing(sides))?;
    }
    Ok(())
}

fn side(branch: &str, path: &str, side: &Side) -> Excerpt {
    let label = if side.text.is_empty() { "has nothing here" } else { "has" };
    Excerpt::new(format!("{branch}:{path}"), side.line, &side.text, format!("{branch} {label}"))
}
