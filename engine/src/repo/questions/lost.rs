//! Branches that are gone, as far as git remembers them.

use crate::repo::{Git, Repo, RepoError};

impl Repo {
    /// The commit that a branch had when a work tree left it last, or came to it; or one that was made after that and that
    /// no branch has, where there is just one.
    ///
    /// # Errors
    /// [`RepoError`].
    pub fn last_commit_seen(&self, branch: &str) -> Result<Option<String>, RepoError> {
        let Some(seen) = self.seen_last(branch)? else { return Ok(None) };
        // Who removed a work tree took its memory along, and left its commits.
        let lost =
            Git::new(self.root()).run(&["fsck", "--no-reflogs", "--no-progress", "--connectivity-only"]);
        let lost = lost.unwrap_or_default();
        let dangling = lost.lines().filter_map(|line| line.strip_prefix("dangling commit "));
        let mut after = Vec::new();
        for commit in dangling {
            if self.view().is_ancestor(&seen, commit)? {
                after.push(commit.to_owned());
            }
        }
        Ok(Some(if let [only] = after.as_slice() { only.clone() } else { seen }))
    }

    fn seen_last(&self, branch: &str) -> Result<Option<String>, RepoError> {
        let (left, came) = (format!("checkout: moving from {branch} to "), format!(" to {branch}"));
        for tree in self.view().worktrees()? {
            // Help that cannot be had is none: the branch is missing all the same.
            let shown = Git::new(&tree.root).run(&["reflog", "show", "--format=%H %gs", "HEAD", "--"]);
            let shown = shown.unwrap_or_default();
            // The newest first; each with the commit that it led to.
            let steps: Vec<_> = shown.lines().filter_map(|line| line.split_once(' ')).collect();
            let known = steps.iter().enumerate().find_map(|(nth, (commit, step))| {
                if step.starts_with(&left) {
                    return steps.get(nth + 1).map(|(before, _)| *before);
                }
                (step.starts_with("checkout: moving from ") && step.ends_with(&came)).then_some(*commit)
            });
            // Of a branch that was taken away where it is checked out, everything is the last step.
            let held =
                steps.first().filter(|_| tree.branch.as_deref() == Some(branch)).map(|(commit, _)| *commit);
            if let Some(commit) = held.or(known).filter(|commit| self.has_commit(commit)) {
                return Ok(Some(commit.to_owned()));
            }
        }
        Ok(None)
    }
}
