//! Nothing that is not committed stands in the way of the merge, or would be lost by it.

use std::path::Path;

use clearance_engine::check::{Check, CheckContext, CheckError, CheckMeta, Findings, Needs, Stage};
use clearance_engine::finding::Location;
use clearance_engine::merge::forecast::obstructions;
use clearance_engine::merge::scope::MergeScope;
use clearance_engine::mission::Mission;
use clearance_engine::register_check;
use clearance_engine::repo::questions::{Dirty, holding};
use clearance_engine::repo::{Repo, Worktree};
use clearance_engine::source::shell_quote;

use super::common::{at, blocker, git_in, some_of};

register_check!("clean-worktrees", CleanWorktrees);

/// Most paths that are named.
const NAMED: usize = 5;
/// Most paths that are looked for.
const LOOKED_FOR: usize = 1000;

/// The main work tree and those of branches that move must have no change of a known file; those of lanes, which are
/// removed afterwards, not even a new one.
pub struct CleanWorktrees;

impl Check for CleanWorktrees {
    fn meta(&self) -> &CheckMeta {
        &CheckMeta {
            id: "clean-worktrees",
            summary: "nothing uncommitted is in the way of the merge, or would be lost by it",
            codes: &["dirty_worktree", "dirty_lane_worktree", "untracked_obstruction"],
            stages: &[Stage::Merge],
            needs: Needs::Merge,
        }
    }

    fn run(&self, context: CheckContext<'_>, findings: &mut Findings<'_>) -> Result<(), CheckError> {
        let (repo, merge, mission) = (context.repo, context.merge()?, context.mission()?);
        let trees = repo.view().worktrees()?;
        let moving = moving(repo, merge, &trees);
        let lanes = lane_trees(merge, &trees);
        // Each work tree costs as much as the others: they are looked at side by side.
        let looks = moving
            .iter()
            .map(|root| (*root, false))
            .chain(lanes.iter().map(|tree| (tree.root.as_path(), true)));
        let found: Vec<_> = std::thread::scope(|scope| {
            let looking: Vec<_> = looks
                .map(|(root, lane)| (root, lane, scope.spawn(move || repo.dirty(root, lane, LOOKED_FOR))))
                .collect();
            looking.into_iter().map(|(root, lane, thread)| (root, lane, thread.join())).collect()
        });
        for (root, is_lane, answer) in found {
            let dirty = answer
                .map_err(|_| CheckError::CouldNotLook("a thread ended without an answer".to_owned()))??;
            if !dirty.is_empty() {
                report(root, is_lane, &dirty, repo, findings)?;
            }
        }
        in_the_way(repo, merge, mission, &trees, findings)
    }
}

/// The main work tree, and every other that has a branch checked out which is going to move.
fn moving<'a>(repo: &'a Repo, merge: &MergeScope, trees: &'a [Worktree]) -> Vec<&'a Path> {
    let mut roots = vec![repo.root()];
    let branches = [Some(&merge.target), merge.mission_branch.as_ref()];
    for branch in branches.into_iter().flatten() {
        roots.extend(holding(trees, branch).into_iter().map(std::path::PathBuf::as_path));
    }
    roots.sort_unstable();
    roots.dedup();
    roots
}

fn lane_trees<'a>(merge: &MergeScope, trees: &'a [Worktree]) -> Vec<&'a Worktree> {
    let is_lane = |branch: &str| merge.lanes.iter().any(|lane| lane.branch.as_deref() == Some(branch));
    trees.iter().filter(|tree| tree.branch.as_deref().is_some_and(is_lane)).collect()
}

fn report(
    root: &Path,
    is_lane: bool,
    dirty: &[Dirty],
    repo: &Repo,
    findings: &mut Findings<'_>,
) -> Result<(), CheckError> {
    let names: Vec<_> =
        dirty.iter().map(|dirty| format!("{} ({})", dirty.path, dirty.kind.as_str())).collect();
    let place = root.strip_prefix(repo.root()).ok().filter(|below| !below.as_os_str().is_empty());
    let place = place.map_or_else(|| root.display().to_string(), |below| below.display().to_string());
    let names = some_of(&names, NAMED);
    // Nothing is thrown away by it: git stash pop brings it back.
    let (code, message, untracked) = if is_lane {
        let message =
            format!("{place} has work that is not committed, and would be left out of the merge: {names}");
        ("dirty_lane_worktree", message, " --include-untracked")
    } else {
        ("dirty_worktree", format!("{place} has changes that are not committed: {names}"), "")
    };
    let command = format!("{} stash push{untracked} --message 'Before the merge'", git_in(root));
    let location = Location { name: dirty[0].path.clone(), line: None };
    findings.report(blocker(code, &place, message, location, command))?;
    Ok(())
}

/// Files that git does not know, where the merge would write one.
fn in_the_way(
    repo: &Repo,
    merge: &MergeScope,
    mission: &Mission,
    trees: &[Worktree],
    findings: &mut Findings<'_>,
) -> Result<(), CheckError> {
    let forecast =
        merge.forecast(repo, mission).map_err(|error| CheckError::CouldNotLook(error.to_owned()))?;
    for root in holding(trees, &merge.target) {
        for path in obstructions(repo, root, &forecast.changes)? {
            let message =
                format!("{path} is not known to git here, and the merge would write a file of that name");
            let file = shell_quote(&root.join(&path).to_string_lossy());
            let command = format!("mv {file} {file}.mine");
            findings.report(blocker("untracked_obstruction", &path, message, at(&path), command))?;
        }
    }
    Ok(())
}
