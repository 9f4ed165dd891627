//! Every lane that has work in this repository has its branch.

use clearance_engine::check::{Check, CheckContext, CheckError, CheckMeta, Findings, Guards, Needs, Stage};
use clearance_engine::finding::Fault;
use clearance_engine::id::TaskId;
use clearance_engine::lane::Lane;
use clearance_engine::merge::scope::LaneBranch;
use clearance_engine::register_check;
use clearance_engine::repo::is_branch_name;
use clearance_engine::severity::Severity;
use clearance_engine::source::shell_quote;

use std::collections::BTreeSet;

use super::common::{at, blocker, git_in, shell_path, warning};

register_check!("lane-branches", LaneBranches);

/// Planning lanes have none, and those of other repositories are not here.
pub struct LaneBranches;

impl Check for LaneBranches {
    fn meta(&self) -> &CheckMeta {
        &CheckMeta {
            id: "lane-branches",
            summary: "every lane of this repository has its branch",
            codes: &["missing_lane_branch", "lane_elsewhere", "unlisted_lane_branch"],
            stages: &[Stage::Merge],
            needs: Needs::Merge,
            guards: Guards::Step,
            params: &[],
        }
    }

    fn run(&self, context: CheckContext<'_>, findings: &mut Findings<'_>) -> Result<(), CheckError> {
        let (repo, merge, mission) = (context.repo, context.merge()?, context.mission()?);
        for lane in &merge.lanes {
            let Some(branch) = &lane.branch else {
                findings.report(elsewhere(lane))?;
                continue;
            };
            if repo.view().branch_tip(branch)?.is_some() {
                continue;
            }
            let finished = |id: &String| {
                let lane = TaskId::parse(id).ok().map(|id| mission.state().map(|state| state.lane_of(&id)));
                matches!(lane, Some(Ok(Lane::Done | Lane::Canceled)))
            };
            let (why, command) = brought_back(context, branch)?;
            let message =
                format!("{} ({}) has no branch {branch}{why}", lane.lane_id, lane.wp_ids.join(", "));
            let mut fault = blocker("missing_lane_branch", &lane.lane_id, message, at(branch), command);
            // What is done was merged before, and its branch removed.
            if !lane.wp_ids.is_empty() && lane.wp_ids.iter().all(finished) {
                fault.severity = Severity::Note;
            }
            findings.report(fault)?;
        }
        unlisted(context, findings)
    }
}

/// Where a branch can come from: what to say of that, and the command.
fn brought_back(context: CheckContext<'_>, branch: &str) -> Result<(String, String), CheckError> {
    let (repo, mission) = (context.repo, context.mission()?);
    let (git, quoted) = (git_in(repo.root()), shell_quote(branch));
    if !is_branch_name(branch) {
        let file = shell_path(&mission.directory().join("lanes.json"));
        let why = ", and git takes no such name for one: its `lane_id` must be another".to_owned();
        return Ok((why, format!("${{EDITOR:-vi}} {file}")));
    }
    if let Some(remote) = repo.view().remote_branches(branch)?.first() {
        return Ok((String::new(), format!("{git} branch --track {quoted} {}", shell_quote(remote))));
    }
    Ok(match repo.last_commit_seen(branch)? {
        Some(commit) => {
            let seen = &commit[..commit.len().min(12)];
            let why = format!(
                "; the last commit that git remembers of it is {seen}; what a removed work tree made after it is not remembered: `{git} fsck --no-reflogs` lists commits that no branch has"
            );
            (why, format!("{git} branch {quoted} {commit}"))
        }
        None => {
            let why = "; its last commit may be among the dangling ones, which git keeps for a while: `git branch` makes it again from there";
            (why.to_owned(), format!("{git} fsck --no-reflogs --lost-found"))
        }
    })
}

/// Branches that are named as this mission's lanes are and that no lane has: what is on them would be left out.
fn unlisted(context: CheckContext<'_>, findings: &mut Findings<'_>) -> Result<(), CheckError> {
    let (view, merge, mission) = (context.repo.view(), context.merge()?, context.mission()?);
    let listed: BTreeSet<String> = merge.branches().into_iter().collect();
    // Where the manifest names no lane at all, its own check says so.
    if merge.lanes.is_empty() {
        return Ok(());
    }
    let usual = format!("kitty/mission-{}", mission.slug());
    let named: BTreeSet<&str> = [usual.as_str()].into_iter().chain(merge.mission_branch.as_deref()).collect();
    for base in named {
        for branch in view.branches(&format!("{base}-lane-"))? {
            if listed.contains(&branch) {
                continue;
            }
            let tip = view.branch_tip(&branch)?;
            let inside = |other: &String| -> Result<bool, CheckError> {
                let pair = tip.clone().zip(view.branch_tip(other)?);
                Ok(pair.map(|(tip, other)| view.is_ancestor(&tip, &other)).transpose()?.unwrap_or(false))
            };
            let merged = listed.iter().map(inside).collect::<Result<Vec<_>, _>>()?.contains(&true);
            if merged {
                continue;
            }
            let message =
                format!("{branch} has commits, and lanes.json has no lane with it: they would be left out");
            let git = git_in(context.repo.root());
            let (target, quoted) = (shell_quote(&merge.target), shell_quote(&branch));
            let command = format!("{git} log --oneline {target}..{quoted}");
            findings.report(warning("unlisted_lane_branch", &branch, message, at(&branch), Some(command)))?;
        }
    }
    Ok(())
}

fn elsewhere(lane: &LaneBranch) -> Fault {
    let whose = lane.elsewhere.as_deref().unwrap_or_default();
    // Planning is never merged; what another repository has must not be forgotten there.
    let severity = if whose == "planning" { Severity::Note } else { Severity::Warning };
    Fault {
        code: "lane_elsewhere",
        severity,
        item: lane.lane_id.clone(),
        message: format!("{} ({}) is not merged here: {whose}", lane.lane_id, lane.wp_ids.join(", ")),
        location: at("lanes.json"),
        excerpts: Vec::new(),
        remediation: None,
    }
}
