//! The target branch is there, and is where its remote has it.

use clearance_engine::check::{Check, CheckContext, CheckError, CheckMeta, Findings, Guards, Needs, Stage};
use clearance_engine::config::{CONFIG, Config};
use clearance_engine::finding::Fault;
use clearance_engine::limits;
use clearance_engine::merge::scope::MergeScope;
use clearance_engine::param::{Param, ParamKind};
use clearance_engine::register_check;
use clearance_engine::repo::Repo;
use clearance_engine::repo::questions::Distance;
use clearance_engine::severity::Severity;
use clearance_engine::source::{shell_quote, without_secrets};
use globset::GlobBuilder;
use std::sync::Arc;

use super::common::{at, blocker, git_in};

register_check!("target-sync", TargetSync);

/// Whether a target that is behind blocks also where nothing is pushed.
const STRICT: Param = Param {
    name: "strict",
    kind: ParamKind::Stricter,
    meaning: "a target that lacks commits of its remote, as it was fetched last, blocks also without --push",
};

/// Without a push, what was fetched last is looked at, and only warned of: a merge here does not depend on a remote.
pub struct TargetSync;

impl Check for TargetSync {
    fn meta(&self) -> &CheckMeta {
        &CheckMeta {
            id: "target-sync",
            summary: "the target branch exists, and has everything that its remote has",
            codes: &[
                "target_branch_missing",
                "target_protected",
                "target_behind",
                "target_diverged",
                "remote_unreachable",
            ],
            stages: &[Stage::Merge],
            needs: Needs::Merge,
            guards: Guards::Step,
            params: &[STRICT],
        }
    }

    fn run(&self, context: CheckContext<'_>, findings: &mut Findings<'_>) -> Result<(), CheckError> {
        let (repo, merge) = (context.repo, context.merge()?);
        let Some(tip) = repo.view().branch_tip(&merge.target)? else { return missing(repo, merge, findings) };
        protected(context, findings)?;
        let (remote, branch) = repo.followed(&merge.target);
        let asks = merge.options.push || merge.options.fetch;
        let answer = if asks { fresh(repo, merge, &remote, &branch, findings)? } else { Answer::None };
        let fetched = format!("{remote}/{branch}");
        let theirs = match answer {
            Answer::At(theirs) => theirs,
            Answer::NoSuchBranch => return Ok(()),
            Answer::None if repo.view().remote_branches(&branch)?.contains(&fetched) => {
                format!("refs/remotes/{fetched}")
            }
            Answer::None => return Ok(()),
        };
        let mut fault = if repo.has_commit(&theirs) {
            match repo.distance(&tip, &theirs)? {
                Distance { behind: 0, .. } => return Ok(()),
                Distance { ahead: 0, behind: count } => behind(repo, merge, &remote, &branch, Some(count))?,
                Distance { ahead, behind } => diverged(repo, merge, (&remote, &branch), (ahead, behind))?,
            }
        } else {
            // The remote has commits that were never fetched.
            behind(repo, merge, &remote, &branch, None)?
        };
        // Without a push it is only worth knowing, unless the team says otherwise.
        if !merge.options.push && !context.params.is_on(&STRICT) {
            fault.severity = Severity::Warning;
        }
        findings.report(fault)?;
        Ok(())
    }
}

/// Work comes onto a protected branch another way: by a pull request, mostly. The target itself says so; a mission must not
/// unprotect it.
fn protected(context: CheckContext<'_>, findings: &mut Findings<'_>) -> Result<(), CheckError> {
    let (repo, merge, mission) = (context.repo, context.merge()?, context.mission()?);
    let target = &merge.target;
    let Some(text) = repo.view().file_at(target, CONFIG, limits::MANIFEST)? else { return Ok(()) };
    let config = Config::of_text(&String::from_utf8_lossy(&text)).map_err(Arc::new)?;
    let matches = |pattern: &String| {
        GlobBuilder::new(pattern)
            .literal_separator(true)
            .build()
            .map(|glob| glob.compile_matcher().is_match(target))
    };
    for pattern in &config.protected_branches {
        let is_match = matches(pattern).map_err(|error| {
            CheckError::CouldNotLook(format!("merge.protected_branches of {CONFIG} on {target}: {error}"))
        })?;
        if !is_match {
            continue;
        }
        let message =
            format!("{target} is protected ({CONFIG} on it has `{pattern}`): nothing is merged into it here");
        let slug = shell_quote(mission.slug());
        let other = shell_quote(&format!("merge/{}", mission.slug()));
        let command = format!(
            "{} branch {other} {} && clearance merge --mission {slug} --target {other}",
            git_in(repo.root()),
            shell_quote(target)
        );
        findings.report(blocker("target_protected", target, message, at(target), command))?;
        break;
    }
    Ok(())
}

fn missing(repo: &Repo, merge: &MergeScope, findings: &mut Findings<'_>) -> Result<(), CheckError> {
    let target = &merge.target;
    let quoted = shell_quote(target);
    let command = match repo.view().remote_branches(target)?.first() {
        Some(remote) => format!("{} branch --track {quoted} {}", git_in(repo.root()), shell_quote(remote)),
        None => "name a branch that exists: --target BRANCH".to_owned(),
    };
    let message = format!("there is no branch {target} to merge into");
    findings.report(blocker("target_branch_missing", target, message, at(target), command))?;
    Ok(())
}

/// What a remote says of a branch.
enum Answer {
    /// The commit it is at.
    At(String),
    /// It has none of that name.
    NoSuchBranch,
    /// It was not asked, or does not say.
    None,
}

/// Where the remote has the branch now.
fn fresh(
    repo: &Repo,
    merge: &MergeScope,
    remote: &str,
    branch: &str,
    findings: &mut Findings<'_>,
) -> Result<Answer, CheckError> {
    // Instead of a name there may be an address, with a password in it.
    let shown = without_secrets(remote);
    let add = format!("{} remote add {} URL", git_in(repo.root()), shell_quote(&shown));
    let (message, command) = if repo.has_remote(remote) {
        match repo.remote_tip(remote, branch, merge.options.remote_deadline) {
            Ok(tip) => return Ok(tip.map_or(Answer::NoSuchBranch, Answer::At)),
            Err(error) => {
                let again = format!("{} ls-remote {}", git_in(repo.root()), shell_quote(&shown));
                (format!("{shown} cannot be asked where {branch} is: {error}"), again)
            }
        }
    } else {
        (format!("there is no remote {shown} to push to"), add)
    };
    let mut fault = blocker("remote_unreachable", &shown, message, at(&shown), command);
    // Who only wanted to know may merge without knowing.
    if !merge.options.push {
        fault.severity = Severity::Warning;
    }
    findings.report(fault)?;
    Ok(Answer::None)
}

fn behind(
    repo: &Repo,
    merge: &MergeScope,
    remote: &str,
    branch: &str,
    count: Option<usize>,
) -> Result<Fault, CheckError> {
    let target = &merge.target;
    let commits =
        count.map_or("commits that were not fetched yet".to_owned(), |count| format!("{count} commits more"));
    let message = format!("{target} is behind: {remote}/{branch} has {commits}");
    // Moves the branch forward only, and never a work tree that has it checked out against its will.
    let command = match repo.view().worktrees()?.iter().find(|tree| tree.branch.as_ref() == Some(target)) {
        Some(tree) => {
            format!("{} pull --ff-only {} {}", git_in(&tree.root), shell_quote(remote), shell_quote(branch))
        }
        None => {
            let pair = shell_quote(&format!("{branch}:{target}"));
            format!("{} fetch {} {pair}", git_in(repo.root()), shell_quote(remote))
        }
    };
    Ok(blocker("target_behind", target, message, at(target), command))
}

fn diverged(
    repo: &Repo,
    merge: &MergeScope,
    (remote, branch): (&str, &str),
    (ahead, behind): (usize, usize),
) -> Result<Fault, CheckError> {
    let target = &merge.target;
    let message =
        format!("{target} and {remote}/{branch} went different ways: {ahead} commits here, {behind} there");
    let pull = format!("pull --no-rebase --no-edit {} {}", shell_quote(remote), shell_quote(branch));
    let command = match repo.view().worktrees()?.iter().find(|tree| tree.branch.as_ref() == Some(target)) {
        Some(tree) => format!("{} {pull}", git_in(&tree.root)),
        None => {
            let git = git_in(repo.root());
            format!("{git} switch {} && {git} {pull}", shell_quote(target))
        }
    };
    Ok(blocker("target_diverged", target, message, at(target), command))
}
