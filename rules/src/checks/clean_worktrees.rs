//! Nothing that is not committed stands in the way of the merge, or would be lost by it.

use std::path::{Path, PathBuf};

use clearance_engine::check::{Check, CheckContext, CheckError, CheckMeta, Findings, Needs, Stage};
use clearance_engine::finding::Location;
use clearance_engine::merge::forecast::obstructions;
use clearance_engine::merge::scope::MergeScope;
use clearance_engine::register_check;
use clearance_engine::repo::questions::{Dirty, DirtyKind, holding};
use clearance_engine::repo::{Repo, RepoError, Worktree};
use clearance_engine::source::shell_quote;

use super::common::{at, blocker, git_in, main_is_known, shell_path, some_of, waits_for_branches};

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
                "untracked_obstruction",
            ],
            stages: &[Stage::Merge],
            needs: Needs::Merge,
        }
    }

    fn run(&self, context: CheckContext<'_>, findings: &mut Findings<'_>) -> Result<(), CheckError> {
        let (repo, merge) = (context.repo, context.merge()?);
        main_is_known(repo)?;
        let trees = repo.view().worktrees()?;
        let lanes = lane_trees(context, &trees, findings)?;
        let mut moving = moving(repo, merge, &trees);
        // As a lane's it is looked at more strictly.
        moving.retain(|root| !lanes.iter().any(|lane| lane.root == **root));
        // Each work tree costs as much as the others: they are looked at side by side.
        let looks = moving
            .iter()
            .map(|root| (*root, false))
            .chain(lanes.iter().map(|tree| (tree.root.as_path(), true)));
        let found: Vec<_> = std::thread::scope(|scope| {
            let looking: Vec<_> =
                looks.map(|(root, lane)| (root, lane, scope.spawn(move || look(repo, root, lane)))).collect();
            looking.into_iter().map(|(root, lane, thread)| (root, lane, thread.join())).collect()
        });
        for (root, is_lane, answer) in found {
            let (dirty, hidden) = answer
                .map_err(|_| CheckError::CouldNotLook("a thread ended without an answer".to_owned()))??;
            if !dirty.is_empty() {
                report(root, is_lane, &dirty, repo, findings)?;
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
        in_the_way(context, &trees, findings)
    }
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
        let command = format!("{} switch {}", git_in(&tree.root), shell_quote(branch));
        findings.report(blocker("lane_worktree_on_other_branch", &place, message, at(&place), command))?;
    }
    Ok(found)
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
    let (code, message, untracked) = if is_lane {
        let message =
            format!("{place} has work that is not committed, and would be left out of the merge: {names}");
        ("dirty_lane_worktree", message, " --include-untracked")
    } else {
        ("dirty_worktree", format!("{place} has changes that are not committed: {names}"), "")
    };
    let command = put_away(root, dirty, untracked);
    let location = Location { name: dirty[0].path.clone(), line: None };
    findings.report(blocker(code, &place, message, location, command))?;
    Ok(())
}

/// Commands that put changes where they are found again. `git stash` passes over what is in submodules.
fn put_away(root: &Path, dirty: &[Dirty], untracked: &str) -> String {
    let stash = |root: &Path| format!("{} stash push{untracked} --message 'Before the merge'", git_in(root));
    let mut commands = Vec::new();
    // A file in conflict cannot be stashed; what stands in it can.
    if dirty.iter().any(|dirty| dirty.kind == DirtyKind::Conflicted) {
        commands.push(format!("{} add --update", git_in(root)));
    }
    if dirty.iter().any(|dirty| dirty.submodule.is_none()) {
        commands.push(stash(root));
    }
    for dirty in dirty {
        let Some(state) = dirty.submodule else { continue };
        let (inside, path) = (root.join(&dirty.path), shell_quote(&dirty.path));
        if state.content {
            commands.push(stash(&inside));
        }
        if state.commit {
            let (git, inside) = (git_in(root), git_in(&inside));
            // Its commit may be on no branch.
            commands.push(format!(
                "{inside} branch --force \"before-the-merge-$({inside} rev-parse --short HEAD)\""
            ));
            commands.push(format!("{git} restore --staged -- {path}"));
            commands.push(format!("{git} submodule update --checkout -- {path}"));
        }
    }
    commands.join(" && ")
}

/// Files that git does not know, where the merge would write one.
fn in_the_way(
    context: CheckContext<'_>,
    trees: &[Worktree],
    findings: &mut Findings<'_>,
) -> Result<(), CheckError> {
    let (repo, merge, mission) = (context.repo, context.merge()?, context.mission()?);
    let forecast =
        merge.forecast(repo, mission).map_err(|error| CheckError::CouldNotLook(error.to_owned()))?;
    waits_for_branches(forecast, context)?;
    let mission_branch = merge.mission_branch.as_deref().unwrap_or_default();
    let written = [(merge.target.as_str(), &forecast.changes), (mission_branch, &forecast.mission_changes)];
    for (branch, changes) in written {
        for root in holding(trees, branch) {
            for path in obstructions(root, changes)? {
                let file = root.join(&path);
                let path = path.to_string_lossy();
                let message =
                    format!("{path} is not known to git here, and the merge would write a file of that name");
                let (from, to) = (file.to_string_lossy(), free_name(&file));
                let command = format!("mv -n {} {}", shell_quote(&from), shell_quote(&to));
                findings.report(blocker("untracked_obstruction", &*path, message, at(&*path), command))?;
            }
        }
    }
    Ok(())
}

/// A name beside a file that nothing has yet.
fn free_name(file: &Path) -> String {
    let name = file.to_string_lossy();
    let mut free = format!("{name}.mine");
    let mut nth = 2;
    while Path::new(&free).symlink_metadata().is_ok() {
        free = format!("{name}.mine{nth}");
        nth += 1;
    }
    free
}
