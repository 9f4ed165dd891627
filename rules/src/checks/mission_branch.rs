//! The mission's branch is a branch of this repository.

use clearance_engine::check::{Check, CheckContext, CheckError, CheckMeta, Findings, Guards, Needs, Stage};
use clearance_engine::register_check;
use clearance_engine::repo::{Repo, RepoError, is_branch_name};
use clearance_engine::source::shell_quote;

use super::common::{at, blocker, git_in};

register_check!("mission-branch", MissionBranch);

/// A tag, a commit or a remote's branch of that name is not it.
pub struct MissionBranch;

impl Check for MissionBranch {
    fn meta(&self) -> &CheckMeta {
        &CheckMeta {
            id: "mission-branch",
            summary: "the mission's branch is a local branch",
            codes: &["missing_mission_branch", "mission_branch_is_target"],
            stages: &[Stage::Merge],
            needs: Needs::Merge,
            guards: Guards::Step,
            params: &[],
        }
    }

    fn run(&self, context: CheckContext<'_>, findings: &mut Findings<'_>) -> Result<(), CheckError> {
        let (repo, merge) = (context.repo, context.merge()?);
        let Some(branch) = &merge.mission_branch else { return Ok(()) };
        let lane = |name: &String| merge.lanes.iter().any(|lane| lane.branch.as_ref() == Some(name));
        let same = *branch == merge.target || repo.points_to(branch)?.as_ref() == Some(&merge.target);
        if same || lane(branch) || lane(&merge.target) {
            let message = match same {
                true => {
                    format!("{branch} is both the mission branch and the target: there is nothing to merge")
                }
                false if lane(branch) => {
                    format!("{branch} is both the mission branch and the branch of a lane")
                }
                false => format!("{} is both the target and the branch of a lane", merge.target),
            };
            let command = "name the branch to merge into: --target BRANCH".to_owned();
            findings.report(blocker("mission_branch_is_target", branch, message, at(branch), command))?;
            return Ok(());
        }
        if repo.view().branch_tip(branch)?.is_some() {
            return Ok(());
        }
        let quoted = shell_quote(branch);
        let (message, command) = if !is_branch_name(branch) {
            let message = format!("{branch} is not a name that git takes for a branch");
            (message, "correct `mission_branch` in the mission's lanes.json".to_owned())
        } else if let Some(remote) = repo.view().remote_branches(branch)?.first() {
            let message = format!("the mission branch {branch} is on {remote} only");
            (message, format!("{} branch --track {quoted} {}", git_in(repo.root()), shell_quote(remote)))
        } else {
            // From the target's tip: whatever is checked out has nothing to do with it.
            let create = match repo.view().branch_tip(&merge.target)? {
                Some(base) => format!("git branch {quoted} {base}"),
                None => format!(
                    "once there is a branch {0}: git branch {quoted} {1}",
                    merge.target,
                    shell_quote(&merge.target)
                ),
            };
            let others = in_its_place(repo, branch)?;
            if others.is_empty() {
                (
                    format!("the mission branch {branch} does not exist{}", remembered(context, branch)?),
                    create,
                )
            } else {
                let message = format!(
                    "the mission branch {branch} does not exist, and cannot beside {}: git keeps branches as it does files",
                    others.join(", ")
                );
                let away = |other: &String| {
                    format!("{} {}", shell_quote(other), shell_quote(&format!("away-{other}")))
                };
                let moves = others.iter().map(|other| format!("git branch --move {} && ", away(other)));
                let target_is_there = repo.view().branch_tip(&merge.target)?.is_some();
                if others.contains(&merge.target) || !target_is_there {
                    (message, "give the mission another `mission_branch` in its lanes.json".to_owned())
                } else {
                    (message, moves.collect::<String>() + &create)
                }
            }
        };
        findings.report(blocker("missing_mission_branch", branch, message, at(branch), command))?;
        Ok(())
    }
}

/// What git remembers of a branch that is gone, where the target does not have it: a new branch would be without it.
fn remembered(context: CheckContext<'_>, branch: &str) -> Result<String, CheckError> {
    let (repo, merge) = (context.repo, context.merge()?);
    let target = repo.view().branch_tip(&merge.target)?;
    let Some((seen, target)) = repo.last_commit_seen(branch)?.zip(target) else { return Ok(String::new()) };
    if repo.view().is_ancestor(&seen, &target)? {
        return Ok(String::new());
    }
    Ok(format!(
        "; git remembers commits of it that {} does not have: `git branch {} {seen}` brings them back",
        merge.target,
        shell_quote(branch)
    ))
}

/// Branches whose names would have to be directories for it, or are in one that it would have to be.
fn in_its_place(repo: &Repo, branch: &str) -> Result<Vec<String>, RepoError> {
    for (at, _) in branch.match_indices('/') {
        if repo.view().branch_tip(&branch[..at])?.is_some() {
            return Ok(vec![branch[..at].to_owned()]);
        }
    }
    repo.view().branches(&format!("{branch}/"))
}
