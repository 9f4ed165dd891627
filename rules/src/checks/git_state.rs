//! Nothing is under way in the repository that a merge would disturb, and git can make commits in it.

use std::path::{Path, PathBuf};

use clearance_engine::check::{Check, CheckContext, CheckError, CheckMeta, Findings, Guards, Needs, Stage};
use clearance_engine::merge::land::{Stage as Landing, at_work_now, interrupted};
use clearance_engine::register_check;
use clearance_engine::repo::{Git, Head, Repo, Worktree};
use clearance_engine::source::shell_quote;

use super::common::{at, blocker, git_in, main_is_known, warning};

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
                "merge_interrupted",
                "merge_not_pushed",
                "index_locked",
                "ref_locked",
                "detached_head",
                "sparse_checkout",
                "identity_missing",
                "shallow_clone",
            ],
            stages: &[Stage::Commit, Stage::Merge],
            needs: Needs::Repository,
            guards: Guards::Step,
            params: &[],
        }
    }

    fn run(&self, context: CheckContext<'_>, findings: &mut Findings<'_>) -> Result<(), CheckError> {
        let repo = context.repo;
        main_is_known(repo)?;
        let interrupted = landings(context, findings)?;
        for tree in taking_part(context)? {
            // Asked from a hook, the lock is that of the commit that asks, which may be the last step of a merge.
            if !(context.under_git && tree == repo.caller_root()) {
                operation(repo, &tree, findings)?;
                // An interrupted merge has locks of its own, which must not be removed by hand.
                if !interrupted {
                    locks(context, &tree, findings)?;
                }
            }
        }
        sparse(repo, findings)?;
        let here = if context.merge.is_some() { repo.root() } else { repo.caller_root() };
        if repo.at_worktree(here)?.view().head()? == Head::Detached {
            let message = "HEAD names no branch here: commits made on it are easily lost";
            let to = context.merge.map_or("BRANCH".to_owned(), |merge| shell_quote(&merge.target));
            let command = format!("{} switch {to}", git_in(here));
            findings.report(warning("detached_head", "HEAD", message, at("HEAD"), Some(command)))?;
        }
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
        identity(repo, findings)
    }
}

/// Merges of this tool that were interrupted, or are complete here and not at their remote. Says whether one is to be gone on
/// with.
fn landings(context: CheckContext<'_>, findings: &mut Findings<'_>) -> Result<bool, CheckError> {
    let mut is_interrupted = false;
    let journals = interrupted(context.repo).map_err(|error| CheckError::CouldNotLook(error.to_string()))?;
    for journal in journals {
        let (slug, target) = (shell_quote(&journal.mission), &journal.target.branch);
        let merge = format!("the merge of {} into {target}", journal.mission);
        let code = match journal.stage {
            Landing::Landing => "merge_interrupted",
            Landing::Unpushed => "merge_not_pushed",
        };
        let fault = match (journal.stage, at_work_now(context.repo)) {
            (Landing::Landing, None) => {
                let message = format!("{merge} was interrupted");
                blocker(code, target, message, at(target), "clearance merge --resume")
            }
            (Landing::Landing, Some(holder)) => {
                let message = format!("{merge} is being made by {holder}: wait for it");
                blocker(code, target, message, at(target), "clearance merge --resume --lock-timeout 600")
            }
            (Landing::Unpushed, _) => {
                let message = format!("{merge} is complete here, and was not pushed");
                let command = format!("clearance merge --resume --mission {slug}");
                warning(code, target, message, at(target), Some(command))
            }
        };
        is_interrupted |= journal.stage == Landing::Landing;
        findings.report(fault)?;
    }
    Ok(is_interrupted)
}

/// Where a shell puts what nobody wants to read.
const NULL: &str = "/dev/null";

/// The work trees that the step is about. Before a commit that is where the caller stands; before a merge, the main one
/// and those of its branches. What goes on in others does not matter.
fn taking_part(context: CheckContext<'_>) -> Result<Vec<PathBuf>, CheckError> {
    let repo = context.repo;
    let Some(merge) = context.merge else { return Ok(vec![repo.caller_root().to_owned()]) };
    let branches = merge.branches();
    let takes_part = |tree: &Worktree| {
        let branch = tree.branch.clone().or_else(|| Repo::branch_at_work(&tree.root));
        tree.root == repo.root() || branch.is_some_and(|branch| branches.contains(&branch))
    };
    Ok(repo.view().worktrees()?.into_iter().filter(takes_part).map(|tree| tree.root).collect())
}

fn operation(repo: &Repo, tree: &Path, findings: &mut Findings<'_>) -> Result<(), CheckError> {
    let Some(operation) = repo.operation_in(tree)? else { return Ok(()) };
    let code = if operation == "merge" { "merge_in_progress" } else { "operation_in_progress" };
    let place = tree.display().to_string();
    let git = git_in(tree);
    let (message, command) = match operation {
        "bisect" => (format!("a bisect is under way in {place}"), format!("{git} bisect reset")),
        _ => (
            format!(
                "a {operation} is under way in {place}: finish it ({git} {operation} --continue), or give it up"
            ),
            // What was resolved or staged until now is found again with git stash pop. There may be nothing, and the
            // stash itself ends some operations.
            format!(
                "{git} add --update && {git} stash push --message 'Before giving up: {operation}' && {}",
                abort(tree, &git, operation)
            ),
        ),
    };
    findings.report(blocker(code, &place, message, at(&place), command))?;
    Ok(())
}

/// Gives up what is under way, unless that ended with what was stashed.
fn abort(tree: &Path, git: &str, operation: &str) -> String {
    let marks: &[&str] = match operation {
        "merge" => &["MERGE_HEAD"],
        "cherry-pick" => &["CHERRY_PICK_HEAD", "sequencer"],
        "revert" => &["REVERT_HEAD", "sequencer"],
        // A stash ends neither a rebase nor an am.
        _ => return format!("{git} {operation} --abort"),
    };
    let Some(marks) = Repo::git_files(tree, marks) else { return format!("{git} {operation} --abort") };
    let gone = marks.iter().map(|mark| format!("test ! -e {}", shell_quote(&mark.to_string_lossy())));
    format!("{{ {{ {}; }} || {git} {operation} --abort; }}", gone.collect::<Vec<_>>().join(" && "))
}

/// Locks without which a commit or a merge cannot be recorded: of the index, of `HEAD`, and of branches that move.
fn locks(context: CheckContext<'_>, tree: &Path, findings: &mut Findings<'_>) -> Result<(), CheckError> {
    let moving = context.merge.map(|merge| [Some(&merge.target), merge.mission_branch.as_ref()]);
    let moving = moving.into_iter().flatten().flatten();
    let own = ["index.lock".to_owned(), "HEAD.lock".to_owned()];
    let shared = moving.map(|branch| format!("refs/heads/{branch}.lock"));
    let shared = shared.chain(["packed-refs.lock".to_owned()]);
    let own = Repo::git_files(tree, &own).unwrap_or_default();
    let shared = shared.map(|file| context.repo.common_dir().join(file));
    let is_main = tree == context.repo.root() || context.merge.is_none();
    let found =
        own.into_iter().chain(shared.filter(|_| is_main)).filter(|lock| lock.symlink_metadata().is_ok());
    for lock in found.collect::<std::collections::BTreeSet<_>>() {
        locked(tree, &lock, findings)?;
    }
    Ok(())
}

fn locked(tree: &Path, lock: &Path, findings: &mut Findings<'_>) -> Result<(), CheckError> {
    let name = lock.display().to_string();
    let is_index = lock.file_name().is_some_and(|name| name == "index.lock");
    let code = if is_index { "index_locked" } else { "ref_locked" };
    let (message, command) = match Repo::git_at_work(tree) {
        Some(pid) => (
            format!("a git command is at work in {} (process {pid}): wait for it", tree.display()),
            format!("while kill -0 {pid} 2> {NULL}; do sleep 1; done"),
        ),
        None => (
            format!("{name} is left from a git command that died; none is at work there now"),
            format!("rm -f {}", shell_quote(&name)),
        ),
    };
    findings.report(blocker(code, &name, message, at(&name), command))?;
    Ok(())
}

fn sparse(repo: &Repo, findings: &mut Findings<'_>) -> Result<(), CheckError> {
    // Lanes are sparse on purpose: they must not see the state of the mission.
    if is_true(repo.view().config("core.sparseCheckout")?.as_deref()) {
        let message =
            "the main work tree is a sparse checkout: files that it leaves out were lost in merges before";
        let command = format!("{} sparse-checkout disable", git_in(repo.root()));
        let place = repo.root().display().to_string();
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
    if git.run(&["var", "GIT_COMMITTER_IDENT"]).is_ok() {
        return Ok(());
    }
    // Outside of what git takes for a repository it knows nobody, and that is not what is wrong.
    git.run(&["rev-parse", "--git-dir"])?;
    let message = "git does not know who commits: a merge could not be recorded";
    let git = git_in(repo.root());
    let command = format!("{git} config user.name 'Your Name' && {git} config user.email you@example.com");
    let item = "user.name, user.email";
    findings.report(blocker("identity_missing", item, message, at(".git/config"), command))?;
    Ok(())
}
