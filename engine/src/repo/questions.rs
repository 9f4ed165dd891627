//! Questions whose answer is git's own: work-tree state, distances, merges. Asked of the git command, read-only.

mod hidden;
mod lost;
mod unreachable;

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::git::path_of_bytes;
use super::{Git, GitError, Repo};

pub use unreachable::Unreachable;

/// A path of a work tree that is not as it was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dirty {
    /// The path, relative to the work tree. Of a repository that is in it, with a slash at the end.
    pub path: PathBuf,
    /// How.
    pub kind: DirtyKind,
    /// What of a submodule is not as it was committed.
    pub submodule: Option<DirtySubmodule>,
}

/// How a submodule that was committed before is not as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirtySubmodule {
    /// Files in it were changed.
    pub content: bool,
    /// It is at another commit.
    pub commit: bool,
}

/// How a path is not as it was committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DirtyKind {
    /// In the middle of a merge.
    Conflicted,
    /// In the index.
    Staged,
    /// On disk.
    Unstaged,
    /// A new file that was announced (`git add --intent-to-add`), and is not in the index.
    Announced,
    /// Unknown to git, and not ignored.
    Untracked,
}

impl DirtyKind {
    /// A word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Conflicted => "conflicted",
            Self::Staged => "staged",
            Self::Unstaged => "changed",
            Self::Announced => "announced",
            Self::Untracked => "untracked",
        }
    }
}

/// How far a branch is from another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Distance {
    /// Commits that only it has.
    pub ahead: usize,
    /// Commits that only the other one has.
    pub behind: usize,
}

impl Repo {
    /// What of a work tree is not committed, at most `most` paths. Without `untracked` git looks at the files it knows
    /// only, which is several times faster.
    ///
    /// # Errors
    /// What git says.
    pub fn dirty(&self, worktree: &Path, untracked: bool, most: usize) -> Result<Vec<Dirty>, GitError> {
        let untracked = if untracked { "--untracked-files=all" } else { "--untracked-files=no" };
        let arguments = ["status", "--porcelain=v2", "--branch", "-z", "--no-renames", untracked];
        let out = Git::new(worktree).bytes(&arguments)?;
        // With the branch there is always something to say: silence is no answer, and above all not "clean".
        if out.is_empty() {
            let message = "it ended well and said nothing".to_owned();
            return Err(GitError::Failed { command: "status".to_owned(), message });
        }
        Ok(out.split(|byte| *byte == 0).filter_map(dirty_path).take(most).collect())
    }

    /// Whether a commit is here, and not only somewhere else.
    #[must_use]
    pub fn has_commit(&self, name: &str) -> bool {
        Git::new(self.root()).run(&["cat-file", "-e", &format!("{name}^{{commit}}")]).is_ok()
    }

    /// How far `one` is from `other`.
    ///
    /// # Errors
    /// What git says.
    pub fn distance(&self, one: &str, other: &str) -> Result<Distance, GitError> {
        let range = format!("{one}...{other}");
        let out = Git::new(self.root()).run(&["rev-list", "--left-right", "--count", &range, "--"])?;
        let mut counts = out.split_whitespace().filter_map(|count| count.parse().ok());
        Ok(Distance { ahead: counts.next().unwrap_or(0), behind: counts.next().unwrap_or(0) })
    }

    /// The remote and the branch that a local branch follows; `origin` and the same name where nothing is configured.
    #[must_use]
    pub fn followed(&self, branch: &str) -> (String, String) {
        let ask = |key: &str| self.view().config(&format!("branch.{branch}.{key}")).ok().flatten();
        // `.` is this repository: a branch that follows a local one is pushed as any other.
        let Some(remote) = ask("remote").filter(|remote| remote != ".") else {
            return ("origin".to_owned(), branch.to_owned());
        };
        let merge = ask("merge").and_then(|name| name.strip_prefix("refs/heads/").map(str::to_owned));
        (remote, merge.unwrap_or_else(|| branch.to_owned()))
    }

    /// Whether a remote of this name is configured.
    #[must_use]
    pub fn has_remote(&self, remote: &str) -> bool {
        self.view().config(&format!("remote.{remote}.url")).is_ok_and(|url| url.is_some())
    }

    /// The commit that a remote has at a branch now; `None` when it has no such branch. Nothing is fetched.
    ///
    /// # Errors
    /// The remote cannot be reached within the deadline, or refuses.
    pub fn remote_tip(
        &self,
        remote: &str,
        branch: &str,
        deadline: Duration,
    ) -> Result<Option<String>, GitError> {
        let reference = format!("refs/heads/{branch}");
        let git = Git::new(self.root());
        let out = git.run_within(&["ls-remote", "--quiet", "--", remote, &reference], deadline)?;
        Ok(out.split_whitespace().next().map(str::to_owned))
    }
}

/// One record of `git status --porcelain=v2 -z`.
fn dirty_path(record: &[u8]) -> Option<Dirty> {
    let of = |kind, fields: usize| {
        let path = record.splitn(fields, |byte| *byte == b' ').nth(fields - 1)?;
        let before = str::from_utf8(&record[..record.len() - path.len()]).ok()?;
        let submodule = before.split_once(' ').and_then(|(_, fields)| submodule(fields));
        Some(Dirty { path: path_of_bytes(path), kind, submodule })
    };
    match record {
        [b'?', b' ', ..] => of(DirtyKind::Untracked, 2),
        [b'u', b' ', ..] => of(DirtyKind::Conflicted, 11),
        [b'1', b' ', b'.', b'A', ..] => of(DirtyKind::Announced, 9),
        [b'1', b' ', b'.', ..] => of(DirtyKind::Unstaged, 9),
        [b'1', b' ', ..] => of(DirtyKind::Staged, 9),
        _ => None,
    }
}

/// The second field of a record is about a submodule where it starts with `S`: `.M SC.. ...`, see git-status(1).
fn submodule(fields: &str) -> Option<DirtySubmodule> {
    let (index_and_tree, rest) = fields.split_once(' ')?;
    let state = rest.split(' ').next()?.strip_prefix('S')?;
    let staged = !index_and_tree.starts_with('.');
    // What was added only now is put away with the index.
    let known = !index_and_tree.starts_with('A');
    let is = |flag: char| state.contains(flag);
    known.then(|| DirtySubmodule { content: is('M') || is('U'), commit: is('C') || staged })
}

/// The work trees that have a branch checked out.
#[must_use]
pub fn holding<'a>(trees: &'a [super::Worktree], branch: &str) -> Vec<&'a PathBuf> {
    trees.iter().filter(|tree| tree.branch.as_deref() == Some(branch)).map(|tree| &tree.root).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("? a b.txt", "a b.txt", DirtyKind::Untracked)]
    #[case("1 .M N... 100644 100644 100644 1 2 a b.txt", "a b.txt", DirtyKind::Unstaged)]
    #[case("1 A. N... 000000 100644 100644 1 2 new", "new", DirtyKind::Staged)]
    #[case("1 .A N... 000000 000000 100644 0 0 new", "new", DirtyKind::Announced)]
    #[case("? nested/", "nested/", DirtyKind::Untracked)]
    #[case("1 MM N... 100644 100644 100644 1 2 x", "x", DirtyKind::Staged)]
    #[case("u UU N... 100644 100644 100644 100644 1 2 3 both", "both", DirtyKind::Conflicted)]
    fn records_of_git_status(#[case] record: &str, #[case] path: &str, #[case] kind: DirtyKind) {
        let dirty = Dirty { path: path.into(), kind, submodule: None };
        assert_eq!(dirty_path(record.as_bytes()), Some(dirty));
    }

    #[rstest]
    #[case("1 .M SC.. 160000 160000 160000 1 2 sub", Some((false, true)))]
    #[case("1 .M S.MU 160000 160000 160000 1 2 sub", Some((true, false)))]
    #[case("1 M. S... 160000 160000 160000 1 2 sub", Some((false, true)))]
    #[case("1 A. S... 000000 160000 160000 1 2 sub", None)]
    fn submodules_of_git_status(#[case] record: &str, #[case] state: Option<(bool, bool)>) {
        let found = dirty_path(record.as_bytes()).unwrap().submodule;
        assert_eq!(found.map(|found| (found.content, found.commit)), state);
    }
}
