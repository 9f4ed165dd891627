//! Questions whose answer is git's own: work-tree state, distances, merges. Asked of the git command, read-only.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::{Git, GitError, Repo};

/// A path of a work tree that is not as it was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dirty {
    /// The path, relative to the work tree.
    pub path: String,
    /// How.
    pub kind: DirtyKind,
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

/// A throw-away object directory over the repository's: what is computed in it is gone with it, and the repository's own
/// stays as it is.
#[derive(Debug)]
pub struct Scratch {
    _directory: TempDir,
    git: Git,
}

/// What merging two commits gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The tree; with conflict markers where there are conflicts.
    pub tree: String,
    /// The paths in conflict.
    pub conflicts: Vec<Conflict>,
}

/// A path in conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The path.
    pub path: String,
    /// What git says of it: `CONFLICT (content): Merge conflict in a.txt`.
    pub message: String,
    /// The hunks of a text file: 1-based first lines of `<<<<<<<` in the merged text, and the text of both sides.
    pub hunks: Vec<Hunk>,
}

/// A part of a file that both sides changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunk {
    /// 1-based line of the marker in the merged text.
    pub line: usize,
    /// What our side has.
    pub ours: String,
    /// What their side has.
    pub theirs: String,
}

impl Repo {
    /// What of a work tree is not committed, at most `most` paths. Without `untracked` git looks at the files it knows
    /// only, which is several times faster.
    ///
    /// # Errors
    /// What git says.
    pub fn dirty(&self, worktree: &Path, untracked: bool, most: usize) -> Result<Vec<Dirty>, GitError> {
        let untracked = if untracked { "--untracked-files=all" } else { "--untracked-files=no" };
        let arguments = ["status", "--porcelain=v2", "-z", "--no-renames", untracked];
        let out = Git::new(worktree).run(&arguments)?;
        Ok(out.split_terminator('\0').filter_map(dirty_path).take(most).collect())
    }

    /// Changed files that git was told not to look at (assume-unchanged, skip-worktree): `git status` hides them, and a
    /// merge refuses or overwrites them.
    ///
    /// # Errors
    /// What git says.
    pub fn hidden_changes(&self, worktree: &Path) -> Result<Vec<String>, GitError> {
        // As many as fit on any command line, however long their paths are.
        const AT_ONCE: usize = 256;
        let git = Git::new(worktree);
        let out = git.run(&["ls-files", "-v", "--stage", "-z"])?;
        let hidden = |record| {
            let (object, path) = hidden_path(record)?;
            // Left out of a sparse checkout, it is not there at all.
            let is_file = worktree.join(path).symlink_metadata().is_ok_and(|metadata| metadata.is_file());
            is_file.then_some((object, path))
        };
        let hidden: Vec<_> = out.split_terminator('\0').filter_map(hidden).collect();
        let mut changed = Vec::new();
        for some in hidden.chunks(AT_ONCE) {
            let mut arguments = vec!["hash-object", "--"];
            arguments.extend(some.iter().map(|(_, path)| *path));
            let hashed = git.run(&arguments)?;
            let differs = some.iter().zip(hashed.lines()).filter(|((object, _), now)| object != now);
            changed.extend(differs.map(|((_, path), _)| (*path).to_owned()));
        }
        Ok(changed)
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

    /// A throw-away object directory.
    ///
    /// # Errors
    /// The system's.
    pub fn scratch(&self) -> std::io::Result<Scratch> {
        let directory = tempfile::Builder::new().prefix("clearance-objects-").tempdir()?;
        let git = Git::new(self.root()).with_objects(directory.path(), &self.common_dir().join("objects"));
        Ok(Scratch { _directory: directory, git })
    }
}

/// Object and path of one record of `git ls-files -v --stage -z`, if git was told not to look at it:
/// `h 100644 <object> 0<TAB><path>`.
fn hidden_path(record: &str) -> Option<(&str, &str)> {
    let (fields, path) = record.split_once('\t')?;
    let mut fields = fields.split(' ');
    let tag = fields.next()?;
    let told = tag == "S" || tag.starts_with(|c: char| c.is_ascii_lowercase());
    Some((fields.nth(1).filter(|_| told)?, path))
}

/// One record of `git status --porcelain=v2 -z`.
fn dirty_path(record: &str) -> Option<Dirty> {
    let (kind, rest) = record.split_once(' ')?;
    let of = |kind, fields: usize| {
        let path = rest.splitn(fields, ' ').nth(fields - 1)?;
        Some(Dirty { path: path.to_owned(), kind })
    };
    match kind {
        "?" => Some(Dirty { path: rest.to_owned(), kind: DirtyKind::Untracked }),
        "u" => of(DirtyKind::Conflicted, 10),
        "1" if rest.starts_with('.') => of(DirtyKind::Unstaged, 8),
        "1" => of(DirtyKind::Staged, 8),
        _ => None,
    }
}

impl Scratch {
    /// Merges two commits as `git merge` would, attributes taken from `attributes` (a commit): wherever this runs, the
    /// answer is that of the target.
    ///
    /// # Errors
    /// What git says.
    pub fn merge(&self, ours: &str, theirs: &str, attributes: &str) -> Result<Merged, GitError> {
        self.merge_tree(&[ours, theirs], attributes)
    }

    /// Merges with a base of one's own choice: applies what led from `base` to `theirs` onto `ours`.
    ///
    /// # Errors
    /// What git says.
    pub fn merge_from(
        &self,
        base: &str,
        ours: &str,
        theirs: &str,
        attributes: &str,
    ) -> Result<Merged, GitError> {
        self.merge_tree(&[&format!("--merge-base={base}"), ours, theirs], attributes)
    }

    fn merge_tree(&self, what: &[&str], attributes: &str) -> Result<Merged, GitError> {
        let attributes = format!("--attr-source={attributes}");
        let fixed = [&attributes, "merge-tree", "--write-tree", "-z", "--name-only", "--messages"];
        let (code, out) = self.git.answer(&[&fixed, what].concat(), &[0, 1])?;
        let mut fields = out.split('\0');
        let tree = fields.next().unwrap_or_default().to_owned();
        if code == 0 {
            return Ok(Merged { tree, conflicts: Vec::new() });
        }
        let mut paths: Vec<&str> = fields.by_ref().take_while(|path| !path.is_empty()).collect();
        let messages = messages(fields);
        // Some conflicts are of no single file: a directory that was split, say.
        paths.extend(messages.keys().map(String::as_str));
        paths.sort_unstable();
        paths.dedup();
        let conflict = |path: &&str| Conflict {
            path: (*path).to_owned(),
            message: messages.get(*path).cloned().unwrap_or_else(|| format!("CONFLICT in {path}")),
            hunks: self.file(&tree, path).map(|text| hunks(&text)).unwrap_or_default(),
        };
        let mut conflicts: Vec<_> = paths.iter().map(conflict).collect();
        if conflicts.is_empty() {
            let message = "git says that it conflicts, and not where".to_owned();
            conflicts.push(Conflict { path: ".".to_owned(), message, hunks: Vec::new() });
        }
        Ok(Merged { conflicts, tree })
    }

    /// A text file of a tree, if it is not too large to be looked at.
    fn file(&self, tree: &str, path: &str) -> Option<String> {
        const MOST: u64 = 4 << 20;
        let object = format!("{tree}:{path}");
        let size: u64 = self.git.run(&["cat-file", "-s", &object]).ok()?.parse().ok()?;
        if size > MOST { None } else { self.git.run(&["cat-file", "blob", &object]).ok() }
    }

    /// A commit of a tree, for merging on.
    ///
    /// # Errors
    /// What git says.
    pub fn commit(&self, tree: &str, parents: &[&str]) -> Result<String, GitError> {
        let identity =
            ["-c", "user.name=clearance", "-c", "user.email=clearance@invalid", "-c", "commit.gpgSign=false"];
        let mut arguments = [&identity[..], &["commit-tree", tree, "-m", "forecast"]].concat();
        parents.iter().for_each(|parent| arguments.extend(["-p", parent]));
        self.git.run(&arguments)
    }

    /// The paths that differ between two trees or commits, with a letter: `A` added, `D` deleted, `M` changed, `T` of
    /// another type.
    ///
    /// # Errors
    /// What git says.
    pub fn changes(&self, from: &str, to: &str) -> Result<Vec<(char, String)>, GitError> {
        let out = self.git.run(&["diff-tree", "-r", "-z", "--no-renames", "--name-status", from, to])?;
        let mut fields = out.split_terminator('\0');
        let mut changes = Vec::new();
        while let (Some(letter), Some(path)) = (fields.next(), fields.next()) {
            changes.push((letter.chars().next().unwrap_or('M'), path.to_owned()));
        }
        Ok(changes)
    }

    /// The commits of `tip` that `base` does not have, oldest first, merges left out.
    ///
    /// # Errors
    /// What git says.
    pub fn commits(&self, base: &str, tip: &str) -> Result<Vec<String>, GitError> {
        let range = format!("{base}..{tip}");
        let out = self.git.run(&["rev-list", "--reverse", "--no-merges", "--topo-order", &range, "--"])?;
        Ok(out.lines().map(str::to_owned).collect())
    }
}

/// The last word of git on each path: `<count>NUL<path>NUL...<type>NUL<message>NUL`.
fn messages<'a>(mut fields: impl Iterator<Item = &'a str>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    while let Some(count) = fields.next().and_then(|count| count.trim().parse::<usize>().ok()) {
        let paths: Vec<&str> = fields.by_ref().take(count).collect();
        let (Some(kind), Some(message)) = (fields.next(), fields.next()) else { break };
        if kind.starts_with("CONFLICT") && paths.is_empty() {
            found.insert(".".to_owned(), message.trim().to_owned());
        } else if kind.starts_with("CONFLICT") {
            found.extend(paths.iter().map(|path| ((*path).to_owned(), message.trim().to_owned())));
        }
    }
    found
}

fn hunks(text: &str) -> Vec<Hunk> {
    let mut hunks = Vec::new();
    let mut open: Option<(Hunk, bool)> = None;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        match &mut open {
            None if line.starts_with("<<<<<<< ") => {
                open = Some((Hunk { line: number + 1, ours: String::new(), theirs: String::new() }, true));
            }
            None => {}
            Some((_, first)) if *first && line.trim_end() == "=======" => *first = false,
            Some((hunk, false)) if line.starts_with(">>>>>>> ") => {
                hunks.push(hunk.clone());
                open = None;
            }
            Some((hunk, true)) => hunk.ours.push_str(line),
            Some((hunk, false)) => hunk.theirs.push_str(line),
        }
    }
    hunks
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
    #[case("1 MM N... 100644 100644 100644 1 2 x", "x", DirtyKind::Staged)]
    #[case("u UU N... 100644 100644 100644 100644 1 2 3 both", "both", DirtyKind::Conflicted)]
    fn records_of_git_status(#[case] record: &str, #[case] path: &str, #[case] kind: DirtyKind) {
        assert_eq!(dirty_path(record), Some(Dirty { path: path.to_owned(), kind }));
    }

    #[rstest]
    #[case("H 100644 abc 0\ta b", None)]
    #[case("h 100644 abc 0\ta b", Some(("abc", "a b")))]
    #[case("S 100755 abc 0\ta\tb", Some(("abc", "a\tb")))]
    fn records_of_git_ls_files(#[case] record: &str, #[case] hidden: Option<(&str, &str)>) {
        assert_eq!(hidden_path(record), hidden);
    }

    #[test]
    fn hunks_have_lines_and_both_sides() {
        let text =
            "a\n<<<<<<< x\nours\n=======\ntheirs\n>>>>>>> y\nb\n<<<<<<< x\n=======\nadded\n>>>>>>> y\n";
        let found = hunks(text);
        assert_eq!(found.iter().map(|hunk| hunk.line).collect::<Vec<_>>(), [2, 8]);
        assert_eq!((found[0].ours.as_str(), found[1].theirs.as_str()), ("ours\n", "added\n"));
    }
}
