//! What a merge did: the account of `merge`, and how each part of it is taken back.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::merge::land::{AskedFor, Journal, Landed, Pushed, RefMove};
use crate::repo::questions::holding;
use crate::repo::{Repo, RepoError};
use crate::source::{shell_quote, without_secrets};

/// The schema of [`LandingReport::account`].
pub const MERGE_SCHEMA: &str = "clearance.merge/v1";

/// What a merge did.
#[derive(Debug)]
pub struct LandingReport {
    /// The merge.
    pub landed: Landed,
    /// Whether it is one that was interrupted before.
    pub resumed: bool,
    /// How each moved branch goes back, in the order of [`LandingReport::moves`].
    undo: Vec<String>,
    /// How each removed branch comes back, in the order of [`LandingReport::removed`].
    again: Vec<String>,
    /// How a refused push goes on.
    go_on: Vec<String>,
}

impl LandingReport {
    /// Of a merge that was just made.
    ///
    /// # Errors
    /// git cannot tell what is checked out where.
    pub fn of(landed: Landed, resumed: bool, repo: &Repo) -> Result<Self, RepoError> {
        let trees = repo.view().worktrees()?;
        let removed =
            |moved: &RefMove| landed.removed.branches.iter().any(|(branch, _)| *branch == moved.branch);
        let moves = moves(&landed.journal);
        let undo = moves.into_iter().map(|moved| {
            let held: Vec<&PathBuf> = holding(&trees, &moved.branch);
            match held.first() {
                _ if removed(moved) => made_again(repo, &moved.branch, &moved.old),
                // Goes back only where nothing that is not committed would be lost.
                Some(root) => format!("{} {}", git(root, "reset --keep"), moved.old),
                None => format!(
                    "{} -m 'Undo the merge' {} {} {}",
                    git(repo.root(), "update-ref"),
                    quoted(&moved.name()),
                    moved.old,
                    moved.new
                ),
            }
        });
        let undo = undo.collect();
        let again = landed.removed.branches.iter().map(|(branch, tip)| {
            // Where the merge moved it first, it comes back as it was before.
            let moved = self::moves(&landed.journal).into_iter().find(|moved| moved.branch == *branch);
            made_again(repo, branch, moved.map_or(tip, |moved| &moved.old))
        });
        let again = again.collect();
        let go_on = go_on(
            &landed,
            repo,
            &trees.iter().map(|tree| (tree.root.as_path(), tree.branch.as_deref())).collect::<Vec<_>>(),
        );
        Ok(Self { landed, resumed, undo, again, go_on })
    }

    /// The branches that moved, the target first, each with the command that puts it back.
    pub fn moves(&self) -> impl Iterator<Item = (&RefMove, &str)> {
        moves(&self.landed.journal).into_iter().zip(self.undo.iter().map(String::as_str))
    }

    /// The branches that were removed, each with the commit that it was at and the command that brings it back.
    pub fn removed(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        let branches = self.landed.removed.branches.iter().zip(&self.again);
        branches.map(|((branch, tip), again)| (branch.as_str(), tip.as_str(), again.as_str()))
    }

    /// The commands by which a push that was refused goes on; none otherwise.
    #[must_use]
    pub fn go_on(&self) -> &[String] {
        &self.go_on
    }

    /// Whether everything that was asked for is done.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !matches!(self.landed.pushed, Some(Pushed::Refused(_)))
    }

    /// The account, schema [`MERGE_SCHEMA`].
    #[must_use]
    pub fn account(&self, exit_code: u8) -> Value {
        let Landed { journal, pushed, removed, astray } = &self.landed;
        let refs: Vec<_> = self
            .moves()
            .map(|(moved, undo)| json!({ "ref": moved.name(), "old": moved.old, "new": moved.new, "undo": undo }))
            .collect();
        let push = journal.push.as_ref().map(|push| {
            let (outcome, message) = match pushed {
                Some(Pushed::Refused(message)) => ("refused", Some(message)),
                _ => ("pushed", None),
            };
            json!({ "remote": without_secrets(&push.remote), "branch": push.branch, "outcome": outcome, "message": message, "remediation": self.go_on })
        });
        json!({
            "schema": MERGE_SCHEMA,
            "command": "merge",
            "exit_code": exit_code,
            "merged": true,
            "resumed": self.resumed,
            "mission_slug": journal.mission,
            "target_branch": journal.target.branch,
            "strategy": journal.strategy,
            "plan": { "id": journal.plan_id },
            "commit": journal.target.new,
            "mission_number": journal.number,
            "done": journal.done,
            "refs": refs,
            "work_trees": journal.work_trees.iter().map(|tree| tree.root.to_string_lossy()).collect::<Vec<_>>(),
            "removed": self.removed_account(),
            "kept": removed.kept,
            "not_moved": astray.iter().map(RefMove::name).collect::<Vec<_>>(),
            "push": push,
        })
    }

    fn removed_account(&self) -> Value {
        let removed = &self.landed.removed;
        let branches =
            self.removed().map(|(branch, tip, undo)| json!({ "branch": branch, "tip": tip, "undo": undo }));
        json!({
            "branches": branches.collect::<Vec<_>>(),
            "work_trees": removed.work_trees.iter().map(|root| root.to_string_lossy()).collect::<Vec<_>>(),
            "backup": removed.backup.as_ref().map(|(name, _)| name),
            "ignored_files": removed.files.iter().map(|files| files.to_string_lossy()).collect::<Vec<_>>(),
        })
    }
}

/// The branches that a landing moved.
fn moves(journal: &Journal) -> Vec<&RefMove> {
    let all = [&journal.target].into_iter().chain(&journal.others);
    all.filter(|moved| moved.old != moved.new).collect()
}

/// The command that makes a removed branch again; where somebody did already, it refuses.
fn made_again(repo: &Repo, branch: &str, tip: &str) -> String {
    format!("{} {} {tip}", git(repo.root(), "branch"), quoted(branch))
}

/// The remote has something that the target lacks: the merge is taken back, and made again on top of it. A mission that is
/// merged on top of another one gets the next number.
fn go_on(landed: &Landed, repo: &Repo, trees: &[(&Path, Option<&str>)]) -> Vec<String> {
    let (Some(Pushed::Refused(_)), Some(push)) = (&landed.pushed, &landed.journal.push) else {
        return Vec::new();
    };
    let (slug, target) = (quoted(&landed.journal.mission), landed.journal.target.branch.as_str());
    let (remote, branch) = (quoted(&push.remote), quoted(&push.branch));
    let held = trees.iter().find(|(_, checked_out)| *checked_out == Some(target));
    let fetch = match held {
        Some((root, _)) => format!("{} {remote} {branch}", git(root, "pull --ff-only")),
        None => {
            format!("{} {remote} {}", git(repo.root(), "fetch"), quoted(&format!("{}:{target}", push.branch)))
        }
    };
    let strategy = landed.journal.strategy.as_str();
    let again = format!("clearance merge --mission {slug} --target {} --strategy {strategy}", quoted(target));
    vec![
        format!("clearance merge --abort --mission {slug}"),
        fetch,
        format!("{again}{} --push", options(&landed.journal.asked)),
    ]
}

/// The other options that a merge was made with.
fn options(asked: &AskedFor) -> String {
    let AskedFor { delete_branch, remove_worktree, allowed } = asked;
    let kept = [(delete_branch, " --keep-branch"), (remove_worktree, " --keep-worktree")];
    let kept = kept.into_iter().filter(|(remove, _)| !**remove).map(|(_, option)| option.to_owned());
    let through =
        allowed.iter().map(|one| format!(" --allow-unapproved {}", quoted(one.work_package.as_str())));
    let why = allowed.first().map(|one| format!(" --reason {}", quoted(&one.reason)));
    kept.chain(through).chain(why).collect()
}

fn git(root: &Path, command: &str) -> String {
    format!("git -C {} {command}", quoted(&root.to_string_lossy()))
}

fn quoted(text: &str) -> String {
    shell_quote(text)
}
