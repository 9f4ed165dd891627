//! Nothing is under way in the repository that a merge would disturb, and git can make commits in it.

use clearance_engine::check::{Check, CheckContext, CheckError, CheckMeta, Findings, Needs, Stage};
use clearance_engine::merge::scope::MergeScope;
use clearance_engine::register_check;
use clearance_engine::repo::{Git, Head, Repo, Worktree};
use clearance_engine::source::shell_quote;

use super::common::{at, blocker, git_in, warning};

register_check!("git-state", GitState);

/// Looks at every work tree for operations and locks, at the main one for what git itself must be able to do.
pub struct GitState;

impl Check for GitState {
    fn meta(&self) -> &CheckMeta {
        &CheckMeta {
            id: "git-state",
            summary: "no merge, rebase, cherry-pick, revert or bisect is under way, no index is locked, and commits can be made",
            codes: &[
                "merge_in_progress",
                "operation_in_progress",
                "index_locked",
                "detached_head",
                "sparse_checkout",
                "identity_missing",
                "shallow_clone",
            ],
            stages: &[Stage::Commit, Stage::Merge],
            needs: Needs::Repository,
        }
    }

    fn run(&self, context: CheckContext<'_>, findings: &mut Findings<'_>) -> Result<(), CheckError> {
        let repo = context.repo;
        let trees = repo.view().worktrees()?;
        // What goes on in a work tree that has no part in it does not matter.
        let branches = context.merge.map(MergeScope::branches).unwrap_or_default();
        let takes_part = |tree: &&Worktree| {
            tree.root == repo.root() || tree.branch.as_ref().is_none_or(|branch| branches.contains(branch))
        };
        for tree in trees.iter().filter(takes_part) {
            operation(repo, tree, findings)?;
            index_lock(tree, findings)?;
            sparse(repo, tree, findings)?;
        }
        if repo.view().head()? == Head::Detached {
            let message = "HEAD of the main work tree is no branch: commits made there are easily lost";
            let to = context.merge.map_or("BRANCH".to_owned(), |merge| shell_quote(&merge.target));
            let command = format!("{} switch {to}", git_in(repo.root()));
            findings.report(warning("detached_head", "HEAD", message, at("HEAD"), Some(command)))?;
        }
        identity(repo, findings)?;
        if repo.common_dir().join("shallow").exists() {
            let message =
                "the clone is shallow: what two branches have in common may lie beyond what was fetched";
            let command = format!("{} fetch --unshallow", git_in(repo.root()));
            let fault = match context.merge {
                Some(_) => blocker("shallow_clone", "history", message, at(".git/shallow"), command),
                None => warning("shallow_clone", "history", message, at(".git/shallow"), Some(command)),
            };
            findings.report(fault)?;
        }
        Ok(())
    }
}

fn operation(repo: &Repo, tree: &Worktree, findings: &mut Findings<'_>) -> Result<(), CheckError> {
    let sequence = || Repo::in_a_sequence(&tree.root).then_some("cherry-pick");
    let under_way = repo.at_worktree(&tree.root)?.view().operation_under_way()?;
    let Some(operation) = under_way.or_else(sequence) else { return Ok(()) };
    let code = if operation == "merge" { "merge_in_progress" } else { "operation_in_progress" };
    let place = tree.root.display().to_string();
    let git = git_in(&tree.root);
    let (message, command) = match operation {
        "bisect" => (format!("a bisect is under way in {place}"), format!("{git} bisect reset")),
        _ => (
            format!(
                "a {operation} is under way in {place}: finish it ({git} {operation} --continue), or give it up"
            ),
            format!("{git} {operation} --abort"),
        ),
    };
    findings.report(blocker(code, &place, message, at(&place), command))?;
    Ok(())
}

fn index_lock(tree: &Worktree, findings: &mut Findings<'_>) -> Result<(), CheckError> {
    let Some(lock) = Repo::index_lock(&tree.root) else { return Ok(()) };
    let name = lock.display().to_string();
    let message = format!("{name} says that a git command is writing there, or that one died while it did");
    let command = format!("rm -f {}", shell_quote(&name));
    findings.report(blocker("index_locked", &name, message, at(&name), command))?;
    Ok(())
}

fn sparse(repo: &Repo, tree: &Worktree, findings: &mut Findings<'_>) -> Result<(), CheckError> {
    // Lanes are sparse on purpose: they must not see the state of the mission.
    if tree.root == repo.root() && is_true(repo.view().config("core.sparseCheckout")?.as_deref()) {
        let message =
            "the main work tree is a sparse checkout: files that it leaves out were lost in merges before";
        let command = format!("{} sparse-checkout disable", git_in(&tree.root));
        let place = tree.root.display().to_string();
        findings.report(blocker("sparse_checkout", &place, message, at(&place), command))?;
    }
    Ok(())
}

/// A boolean as git-config(1) takes it.
fn is_true(value: Option<&str>) -> bool {
    value.is_some_and(|value| ["true", "yes", "on", "1"].contains(&value.to_lowercase().as_str()))
}

fn identity(repo: &Repo, findings: &mut Findings<'_>) -> Result<(), CheckError> {
    let git = Git::new(repo.root());
    if git.run(&["var", "GIT_COMMITTER_IDENT"]).is_err() {
        let message = "git does not know who commits: a merge could not be recorded";
        let git = git_in(repo.root());
        let command =
            format!("{git} config user.name 'Your Name' && {git} config user.email you@example.com");
        findings.report(blocker(
            "identity_missing",
            "user.name, user.email",
            message,
            at(".git/config"),
            command,
        ))?;
    }
    Ok(())
}
