//! The questions of [`RepoView`], asked of the git command: for what libgit2 cannot read.

use std::path::{Path, PathBuf};

use super::directory::{self, Entry};
use super::git::path_of_bytes;
use super::{Found, Git, GitError, Head, RepoError, RepoView, Worktree, explained};

#[derive(Debug)]
struct CommandView(Git);

/// Finds the repository by asking git itself.
pub(super) fn discover(from: &Path) -> Result<Found, RepoError> {
    let here = Git::new(from);
    let caller_root = here.path(&["--show-toplevel"]).map_err(|error| not_found(from, error))?;
    let common_dir = here.path(&["--git-common-dir"])?;
    let main = main_work_tree(&here)?;
    let is_linked = || here.path(&["--git-dir"]).map(|own| own != common_dir);
    let is_bare = || here.run(&["config", "--type=bool", "core.bare"]).is_ok_and(|bare| bare == "true");
    let main_is_unknown = main.is_none() && is_linked()? && !is_bare();
    let root = main.unwrap_or_else(|| caller_root.clone());
    let view = Box::new(CommandView(Git::new(&root)));
    let caller_branch = CommandView(here).branch();
    Ok(Found { root, common_dir, caller_root, caller_branch, main_is_unknown, view })
}

/// A view whose `HEAD` is that of this work tree.
pub(super) fn view_at(root: &Path) -> Box<dyn RepoView + Send + Sync> {
    Box::new(CommandView(Git::new(root)))
}

fn not_found(from: &Path, error: GitError) -> RepoError {
    let path = from.to_owned();
    match error {
        GitError::Failed { message, .. } if message.contains("dubious ownership") => {
            RepoError::untrusted(from)
        }
        GitError::Failed { message, .. } if message.contains("work tree") => RepoError::Bare { path },
        GitError::Failed { message, .. } if message.contains("not a git repository") => {
            RepoError::not_found(from)
        }
        // A file `.git` that is none of git's.
        GitError::Failed { message, .. } if message.contains("gitfile") => RepoError::not_found(from),
        other => other.into(),
    }
}

/// The main work tree, when there is one: the first of the list, unless it is bare or only a git directory.
fn main_work_tree(git: &Git) -> Result<Option<PathBuf>, GitError> {
    let first = git.worktrees_on_record()?.into_iter().next();
    Ok(first.filter(|tree| !tree.bare && tree.root.join(".git").exists()).map(|tree| tree.root))
}

/// Object and path of one record of `git ls-files -v --stage -z`, if git was told not to look at it:
/// `h 100644 <object> 0<TAB><path>`.
fn overlooked_path(record: &[u8]) -> Option<(&str, PathBuf)> {
    let tab = record.iter().position(|byte| *byte == b'\t')?;
    let mut fields = str::from_utf8(&record[..tab]).ok()?.split(' ');
    let tag = fields.next()?;
    let told = tag == "S" || tag.starts_with(|c: char| c.is_ascii_lowercase());
    Some((fields.nth(1).filter(|_| told)?, path_of_bytes(&record[tab + 1..])))
}

impl CommandView {
    fn branch(&self) -> Option<String> {
        self.0.run(&["symbolic-ref", "--quiet", "--short", "HEAD"]).ok()
    }

    /// Where the git command runs, if that is a main work tree.
    fn own_main_work_tree(&self) -> Result<Option<PathBuf>, GitError> {
        let is_main = self.0.path(&["--git-dir"])? == self.0.path(&["--git-common-dir"])?;
        Ok(is_main.then(|| self.0.directory.clone()))
    }
}

impl RepoView for CommandView {
    fn head(&self) -> Result<Head, RepoError> {
        Ok(self.branch().map_or(Head::Detached, Head::Branch))
    }

    fn remote_default_branches(&self) -> Result<Vec<String>, RepoError> {
        // The name of a remote and of its default branch, one a line: `refs/remotes/origin/HEAD refs/remotes/origin/main`.
        let heads = self.0.run(&["for-each-ref", "--format=%(refname) %(symref)", "refs/remotes/*/HEAD"])?;
        let branch = |line: &str| {
            let (head, target) = line.split_once(' ')?;
            target.strip_prefix(head.strip_suffix("HEAD")?).map(str::to_owned)
        };
        Ok(heads.lines().filter_map(branch).collect())
    }

    fn operation_under_way(&self) -> Result<Option<&'static str>, RepoError> {
        const MARKS: [(&str, &str); 7] = [
            ("MERGE_HEAD", "merge"),
            ("rebase-merge", "rebase"),
            ("rebase-apply/applying", "am"),
            ("rebase-apply", "rebase"),
            ("CHERRY_PICK_HEAD", "cherry-pick"),
            ("REVERT_HEAD", "revert"),
            ("BISECT_LOG", "bisect"),
        ];
        for (file, name) in MARKS {
            if self.0.path(&["--git-path", file])?.exists() {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    fn worktrees(&self) -> Result<Vec<Worktree>, RepoError> {
        let mut found = Vec::new();
        for (nth, tree) in self.0.worktrees_on_record()?.into_iter().enumerate() {
            let root = Some(tree.root).filter(|_| !tree.bare).and_then(|root| root.canonicalize().ok());
            // For a separate git directory git lists that itself as the main work tree: it does not know the real one.
            // Who came from there does.
            let root = match root {
                Some(root) if nth == 0 && !root.join(".git").exists() => self.own_main_work_tree()?,
                known => known,
            };
            found.extend(root.map(|root| Worktree { root, branch: tree.branch.clone() }));
        }
        Ok(found)
    }

    fn branch_tip(&self, branch: &str) -> Result<Option<String>, RepoError> {
        // What git refuses as a name may be an expression all the same: `main~1`.
        if !super::is_branch_name(branch) {
            return Ok(None);
        }
        match self.0.bytes(&["rev-parse", "--verify", &format!("refs/heads/{branch}")]) {
            Ok(commit) => Ok(Some(String::from_utf8_lossy(&commit).trim_end().to_owned())),
            // A branch that cannot be read is not the same as none.
            Err(GitError::Failed { message, .. })
                if message.contains("Needed a single revision") && !message.contains("broken") =>
            {
                Ok(None)
            }
            Err(other) => Err(other.into()),
        }
    }

    fn branches(&self, prefix: &str) -> Result<Vec<String>, RepoError> {
        let all = self.0.run(&["for-each-ref", "--format=%(refname:strip=2)", "refs/heads/"])?;
        Ok(all.lines().filter(|name| name.starts_with(prefix)).map(str::to_owned).collect())
    }

    fn remote_branches(&self, branch: &str) -> Result<Vec<String>, RepoError> {
        let pattern = format!("refs/remotes/*/{branch}");
        Ok(self
            .0
            .run(&["for-each-ref", "--format=%(refname:short)", &pattern])?
            .lines()
            .map(str::to_owned)
            .collect())
    }

    fn overlooked(&self) -> Result<Vec<(PathBuf, String)>, RepoError> {
        let out = self.0.bytes(&["ls-files", "-v", "--stage", "-z"])?;
        let overlooked = out.split(|byte| *byte == 0).filter_map(overlooked_path);
        Ok(overlooked.map(|(blob, path)| (path, blob.to_owned())).collect())
    }

    fn is_ancestor(&self, one: &str, other: &str) -> Result<bool, RepoError> {
        Ok(self.0.answer(&["merge-base", "--is-ancestor", one, other], &[0, 1])?.0 == 0)
    }

    fn config(&self, key: &str) -> Result<Option<String>, RepoError> {
        let (code, value) = self.0.answer(&["config", "--get", key], &[0, 1])?;
        Ok((code == 0).then(|| value.trim_end_matches('\n').to_owned()))
    }

    fn file_id_at(&self, branch: &str, path: &str) -> Result<Option<String>, RepoError> {
        // Listed first: a file that cannot be read is not the same as none.
        if self.branch_tip(branch)?.is_none() {
            return Ok(None);
        }
        let listed = self.0.run(&["ls-tree", "-z", "--full-tree", &format!("refs/heads/{branch}"), path])?;
        // `100644 blob <object><TAB><path>`
        Ok(listed.split(['\t', ' ']).nth(2).map(str::to_owned))
    }

    fn file_at(&self, branch: &str, path: &str, limit: u64) -> Result<Option<Vec<u8>>, RepoError> {
        let Some(object) = self.file_id_at(branch, path)? else { return Ok(None) };
        let Ok(size) = self.0.run(&["cat-file", "-s", &object]) else {
            let message = format!("{path} on {branch} is the object {object}, which cannot be read");
            return Err(RepoError::Libgit(explained(message)));
        };
        let size = size.parse().unwrap_or(u64::MAX);
        if size > limit {
            let (path, branch) = (path.to_owned(), branch.to_owned());
            return Err(RepoError::TooLarge { path, branch, size, limit });
        }
        Ok(Some(self.0.bytes(&["cat-file", "blob", &object])?))
    }

    fn names_at_top(&self, commit: &str) -> Result<Vec<String>, RepoError> {
        let commit = format!("{commit}^{{commit}}");
        if self.0.answer(&["rev-parse", "--verify", "--quiet", &commit], &[0, 1])?.0 == 1 {
            return Ok(Vec::new());
        }
        let listed = self.0.run(&["ls-tree", "-z", "--full-tree", "--name-only", &commit])?;
        Ok(listed.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect())
    }

    fn directory_at(&self, commit: &str, path: &str, limit: u64) -> Result<Option<Vec<Entry>>, RepoError> {
        let named = commit.to_owned();
        let commit = format!("{commit}^{{commit}}");
        if self.0.answer(&["rev-parse", "--verify", "--quiet", &commit], &[0, 1])?.0 == 1 {
            return Ok(None);
        }
        let kind = self.0.run(&["ls-tree", "-z", "--full-tree", &commit, path])?;
        if kind.is_empty() {
            return Ok(None);
        }
        if !kind.starts_with("040000 tree") {
            return Err(RepoError::NotADirectory { path: path.to_owned(), commit: named });
        }
        let listed = self.0.bytes(&["ls-tree", "-z", "-l", "--full-tree", &format!("{commit}:{path}")])?;
        directory::listed(&listed, limit, |objects| self.0.contents(objects)).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("H 100644 abc 0\ta b", None)]
    #[case("h 100644 abc 0\ta b", Some(("abc", "a b")))]
    #[case("S 100755 abc 0\ta\tb", Some(("abc", "a\tb")))]
    fn records_of_git_ls_files(#[case] record: &str, #[case] hidden: Option<(&str, &str)>) {
        let hidden = hidden.map(|(object, path)| (object, PathBuf::from(path)));
        assert_eq!(overlooked_path(record.as_bytes()), hidden);
    }
}
