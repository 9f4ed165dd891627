//! The lanes merge into the mission branch, and that onto the target, without a conflict: git's own answer.

use clearance_engine::check::{Check, CheckContext, CheckError, CheckMeta, Findings, Guards, Needs, Stage};
use clearance_engine::finding::{Excerpt, Location};
use clearance_engine::merge::forecast::{LaneOutcome, TargetForecast};
use clearance_engine::merge::scope::Strategy;
use clearance_engine::register_check;
use clearance_engine::repo::conflict::{Conflict, Side};
use clearance_engine::repo::questions::holding;
use clearance_engine::source::shell_quote;

use super::common::{at, blocker, free_name, git_in, waits_for_branches};

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
            guards: Guards::Step,
            params: &[],
        }
    }

    fn run(&self, context: CheckContext<'_>, findings: &mut Findings<'_>) -> Result<(), CheckError> {
        let (repo, merge, mission) = (context.repo, context.merge()?, context.mission()?);
        let forecast =
            merge.forecast(repo, mission).map_err(|error| CheckError::CouldNotLook(error.to_owned()))?;
        waits_for_branches(forecast, context)?;
        let mission_branch = merge.mission_branch.as_deref().unwrap_or_default();
        for lane in &forecast.lanes {
            let LaneOutcome::Conflicts { conflicts, with } = &lane.outcome else { continue };
            let command = by_hand(context, &lane.branch, &lane.lane_id, with)?;
            let alone = if let [alone] = with.as_slice() { alone } else { mission_branch };
            report("lane_conflict", (&lane.branch, alone), conflicts, &command, findings)?;
        }
        if let TargetForecast::Conflicts(conflicts) = &forecast.target {
            let command = match merge.options.strategy {
                // Its old commits would be replayed, and conflict, all the same.
                Strategy::Rebase => {
                    let (slug, target) = (shell_quote(mission.slug()), shell_quote(&merge.target));
                    format!("clearance merge --dry-run --mission {slug} --target {target} --strategy squash")
                }
                Strategy::Merge | Strategy::Squash => {
                    by_hand(context, mission_branch, "mission", std::slice::from_ref(&merge.target))?
                }
            };
            report("target_conflict", (mission_branch, &merge.target), conflicts, &command, findings)?;
        }
        Ok(())
    }
}

/// Brings into a branch what it conflicts with, in a work tree of its own, where a person can resolve it: the main one
/// stays where it is.
fn by_hand(
    context: CheckContext<'_>,
    branch: &str,
    name: &str,
    others: &[String],
) -> Result<String, CheckError> {
    let (repo, mission) = (context.repo, context.mission()?);
    let trees = repo.view().worktrees()?;
    let held = holding(&trees, branch).first().map(|root| (*root).clone());
    let root = held.clone().unwrap_or_else(|| {
        free_name(&repo.root().join(".worktrees").join(format!("{}-{name}", mission.slug())))
    });
    let add = held.is_none().then(|| {
        let (root, branch) = (shell_quote(&root.to_string_lossy()), shell_quote(branch));
        format!("{} worktree add --quiet {root} {branch}", git_in(repo.root()))
    });
    let git = git_in(&root);
    // By its full name: a tag may have the short one too.
    let full = |other: &String| shell_quote(&format!("refs/heads/{other}"));
    let merges = others.iter().map(|other| format!("{git} merge --no-edit {}", full(other)));
    Ok(add.into_iter().chain(merges).collect::<Vec<_>>().join(" && "))
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
    /// Paths that are named one by one. Nobody reads more.
    const NAMED: usize = 100;
    for conflict in conflicts.iter().take(NAMED) {
        let path = &conflict.path;
        let hunks = match conflict.hunks.len() {
            0 | 1 => String::new(),
            many => format!(", in {many} places"),
        };
        let message = format!("{branch} does not merge into {into}: {}{hunks}", conflict.message);
        let line = conflict.hunks.first().map(|hunk| hunk.ours.line);
        let location = Location { name: path.clone(), line };
        let sides = conflict.hunks.iter().take(SHOWN).flat_map(|hunk| {
            [
                excerpt(into, path, &hunk.ours, "already there"),
                excerpt(branch, path, &hunk.theirs, "to be merged"),
            ]
        });
        findings.report(blocker(code, path, message, location, command).showing(sides))?;
    }
    if let Some(more) = conflicts.len().checked_sub(NAMED).filter(|more| *more > 0) {
        let message = format!("{branch} does not merge into {into}: conflicts in {more} more files");
        findings.report(blocker(code, branch, message, at(branch), command))?;
    }
    Ok(())
}

fn excerpt(branch: &str, path: &str, side: &Side, label: &str) -> Excerpt {
    let label = if side.text.is_empty() { "deleted" } else { label };
    Excerpt::new(format!("{branch}:{path}"), side.line, &side.text, label)
}
