//! Nothing that is not committed stands in the way of the merge, or would be lost by it.

mod obstruction;
mod way_out;

use std::path::{Path, PathBuf};

use clearance_engine::check::{Check, CheckContext, CheckError, CheckMeta, Findings, Guards, Needs, Stage};
use clearance_engine::merge::scope::MergeScope;
use clearance_engine::register_check;
use clearance_engine::repo::questions::{Dirty, Unreachable, holding};
use clearance_engine::repo::{Repo, RepoError, Worktree};
use clearance_engine::severity::Severity;
use clearance_engine::source::shell_quote;

use super::common::{at, blocker, git_in, main_is_known, shell_path, some_of, warning};
use obstruction::in_the_way;
use way_out::put_away;

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
            codes: &[
                "dirty_worktree",
                "dirty_lane_worktree",
                "hidden_change",
                "lane_worktree_on_other_branch",
                "lane_worktree_unreachable",
                "untracked_obstruction",
            ],
            stages: &[Stage::Merge],
            needs: Needs::Repository,
            guards: Guards::Step,
            params: &[],
        }
    }

    fn run(&self, context: CheckContext<'_>, findings: &mut Findings<'_>) -> Result<(), CheckError> {
        let repo = context.repo;
        main_is_known(repo)?;
        let Some(merge) = context.merge else {
            // Whatever is going to be merged, it is merged into one of these.
            let mut roots = vec![repo.root(), repo.caller_root()];
            roots.dedup();
            return look_into(context, roots.into_iter().map(|root| (root, false)), findings);
        };
        let trees = repo.view().worktrees()?;
        let lost = repo.unreachable_worktrees(&trees)?;
        unreachable(context, &lost, findings)?;
        let lanes = lane_trees(context, &trees, &lost, findings)?;
        let mut moving = moving(repo, merge, &trees);
        // As a lane's it is looked at more strictly.
        moving.retain(|root| !lanes.iter().any(|lane| lane.root == **root));
        let moving = moving.into_iter().map(|root| (root, false));
        let lanes = lanes.iter().map(|tree| (tree.root.as_path(), true));
        look_into(context, moving.chain(lanes), findings)?;
        in_the_way(context, &trees, findings)
    }
}

/// Looks into work trees, each with whether it is a lane's. Each costs as much as the others: they are looked at side by
/// side.
fn look_into<'a>(
    context: CheckContext<'_>,
    roots: impl Iterator<Item = (&'a Path, bool)>,
    findings: &mut Findings<'_>,
) -> Result<(), CheckError> {
    let repo = context.repo;
    let found: Vec<_> = std::thread::scope(|scope| {
        let looking: Vec<_> =
            roots.map(|(root, lane)| (root, lane, scope.spawn(move || look(repo, root, lane)))).collect();
        looking.into_iter().map(|(root, lane, thread)| (root, lane, thread.join())).collect()
    });
    for (root, is_lane, answer) in found {
        let (dirty, hidden) =
            answer.map_err(|_| CheckError::CouldNotLook("a thread ended without an answer".to_owned()))??;
        if !dirty.is_empty() {
            report(context, root, is_lane, &dirty, findings)?;
        }
        for path in hidden {
            let quoted = shell_path(&path);
            let path = path.to_string_lossy();
            let message = format!("{path} was changed, and git was told not to look at it");
            let command = format!(
                "{0} update-index --no-assume-unchanged -- {quoted} && {0} update-index --no-skip-worktree -- {quoted}",
                git_in(root)
            );
            findings.report(blocker("hidden_change", &*path, message, at(&*path), command))?;
        }
    }
    Ok(())
}

/// What is not committed in a work tree, and what git was told to hide of that.
fn look(repo: &Repo, root: &Path, untracked: bool) -> Result<(Vec<Dirty>, Vec<PathBuf>), RepoError> {
    Ok((repo.dirty(root, untracked, LOOKED_FOR)?, repo.hidden_changes(root)?))
}

/// The main work tree, and every other that has a branch checked out which is going to move.
fn moving<'a>(repo: &'a Repo, merge: &MergeScope, trees: &'a [Worktree]) -> Vec<&'a Path> {
    let mut roots = vec![repo.root()];
    let branches = [Some(&merge.target), merge.mission_branch.as_ref()];
    for branch in branches.into_iter().flatten() {
        roots.extend(holding(trees, branch).into_iter().map(PathBuf::as_path));
    }
    roots.sort_unstable();
    roots.dedup();
    roots
}

/// The work trees of lanes: those that have a lane's branch checked out, and those that stand where a lane's belongs.
fn lane_trees<'a>(
    context: CheckContext<'_>,
    trees: &'a [Worktree],
    lost: &[Unreachable],
    findings: &mut Findings<'_>,
) -> Result<Vec<&'a Worktree>, CheckError> {
    let (repo, merge, mission) = (context.repo, context.merge()?, context.mission()?);
    let mut found = Vec::new();
    for tree in trees.iter().filter(|tree| tree.root != repo.root()) {
        let holds = |branch: &Option<String>| branch.is_some() && *branch == tree.branch;
        if merge.lanes.iter().any(|lane| holds(&lane.branch)) {
            found.push(tree);
            continue;
        }
        let stands = merge.lanes.iter().find(|lane| merge.worktree_of(repo, mission, lane) == tree.root);
        let Some((lane, branch)) = stands.and_then(|lane| Some((lane, lane.branch.as_ref()?))) else {
            continue;
        };
        found.push(tree);
        let place = tree.root.display().to_string();
        let instead = tree.branch.as_deref().unwrap_or("a commit of no branch");
        let message = format!(
            "the work tree of {} has {instead} checked out, not {branch}: what was committed there is not merged",
            lane.lane_id
        );
        // A work tree that is gone still has its branch.
        let held = lost.iter().any(|gone| gone.prunable && gone.branch.as_ref() == Some(branch));
        let prune = if held { format!("{} worktree prune && ", git_in(repo.root())) } else { String::new() };
        let git = git_in(&tree.root);
        // Commits of no branch are kept by one: who leaves them has nothing that leads back.
        let keep = match tree.branch {
            Some(_) => String::new(),
            None => format!("{git} branch --force \"before-the-merge-$({git} rev-parse --short HEAD)\" && "),
        };
        let command = format!("{prune}{keep}{git} switch {}", shell_quote(branch));
        findings.report(blocker("lane_worktree_on_other_branch", &place, message, at(&place), command))?;
    }
    Ok(found)
}

/// Work trees of the merge that nobody can look into: on a disk that is not mounted, say. Work that was not committed
/// there would be left out.
fn unreachable(
    context: CheckContext<'_>,
    lost: &[Unreachable],
    findings: &mut Findings<'_>,
) -> Result<(), CheckError> {
    let (repo, merge, mission) = (context.repo, context.merge()?, context.mission()?);
    let branches = merge.branches();
    for tree in lost {
        let stands = merge.lanes.iter().any(|lane| merge.worktree_of(repo, mission, lane) == tree.root);
        if !stands && tree.branch.as_ref().is_none_or(|branch| !branches.contains(branch)) {
            continue;
        }
        let place = tree.root.display().to_string();
        let held = tree.branch.as_deref().unwrap_or("a commit of no branch");
        // Who lets git forget one that was only moved cannot bring it back.
        let moved = if tree.prunable {
            "; if it was moved, `git worktree repair NEW_PLACE` finds it again, and if it is gone, `git worktree prune` forgets it"
        } else {
            ""
        };
        let message = format!(
            "the work tree {place} of {held} cannot be looked into: what is not committed there would be left out{moved}"
        );
        let git = git_in(repo.root());
        let command = format!("{git} worktree list --porcelain");
        let mut fault = warning("lane_worktree_unreachable", &place, message, at(&place), Some(command));
        // Its files could not be brought along: when it comes back, it would show the merge taken back.
        let moves =
            |branch: &String| *branch == merge.target || merge.mission_branch.as_ref() == Some(branch);
        if tree.branch.as_ref().is_some_and(moves) {
            fault.severity = Severity::Blocker;
        }
        findings.report(fault)?;
    }
    Ok(())
}

fn report(
    context: CheckContext<'_>,
    root: &Path,
    is_lane: bool,
    dirty: &[Dirty],
    findings: &mut Findings<'_>,
) -> Result<(), CheckError> {
    let repo = context.repo;
    let names: Vec<_> =
        dirty.iter().map(|dirty| format!("{} ({})", dirty.path.display(), dirty.kind.as_str())).collect();
    let place = root.strip_prefix(repo.root()).ok().filter(|below| !below.as_os_str().is_empty());
    let place = place.map_or_else(|| root.display().to_string(), |below| below.display().to_string());
    let names = some_of(&names, NAMED);
    let (code, message, untracked) = if is_lane {
        let message =
            format!("{place} has work that is not committed, and would be left out of the merge: {names}");
        ("dirty_lane_worktree", message, " --include-untracked")
    } else {
        ("dirty_worktree", format!("{place} has changes that are not committed: {names}"), "")
    };
    let command = put_away(root, dirty, untracked, context.mission);
    let location = at(dirty[0].path.to_string_lossy());
    findings.report(blocker(code, &place, message, location, command))?;
    Ok(())
}
