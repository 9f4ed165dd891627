//! What is gated: the files that a step would leave, over those that are there. Asked of git, in a throw-away object
//! directory where the merge that made them lives.

mod kept;
mod lines;
mod nodes;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use kept::{Contents, KeptList};
use lines::TreeFile;
pub use lines::{FileLines, NumberedLines};
pub use nodes::{Node, Tree};

use super::checkout::{Checkout, checkout_in};
use super::directory::{self, Entry};
use super::git::path_of_bytes;
use super::{Git, GitError, Repo, RepoError};
use crate::scratch_dir::{self, Purpose};

/// The files that a step would leave, and those that are there.
#[derive(Debug)]
pub struct Gated {
    /// What is there: a commit, or a tree.
    pub base: String,
    /// What would be there: a tree.
    pub tree: String,
    git: Git,
    changes: KeptList<FileChange>,
    files: KeptList<TreeFile>,
    /// The lines that would come, by path, of files that are there already.
    added: Contents<PathBuf>,
    /// All lines, by object.
    contents: Contents<String>,
    _directory: TempDir,
}

/// A file that the step would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// Its path, as it is shown.
    pub path: String,
    /// Its path, whatever bytes it is made of.
    pub at: PathBuf,
    /// The object that is there.
    old_object: String,
    /// The object that would be there.
    object: String,
    /// Whether it would be a submodule, which has no lines.
    submodule: bool,
    /// `added`, `modified`, `deleted` or `type_changed`
    pub status: &'static str,
    /// Lines that would come; 0 of a binary file.
    pub added: u64,
    /// Lines that would go.
    pub deleted: u64,
}

/// Why the files cannot be looked at.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum GatedError {
    /// git failed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Git(#[from] GitError),
    /// More than is read at once.
    #[error("{what} has {size} bytes; at most {limit} are read")]
    #[diagnostic(code(too_large))]
    TooLarge {
        /// What.
        what: String,
        /// Its size.
        size: u64,
        /// The limit.
        limit: u64,
    },
}

/// The tree of nothing, as git knows it without having it, in repositories with SHA-1 and with SHA-256.
const EMPTY_TREES: [&str; 2] = [
    "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
];

/// The tree of nothing, in a repository that names an object so.
fn nothing_like(object: &str) -> &'static str {
    EMPTY_TREES[usize::from(object.len() > EMPTY_TREES[0].len())]
}

/// Most bytes of files that are looked at together.
pub const MOST: u64 = 256 << 20;
/// Largest file that is looked at, in bytes.
pub const LARGEST: u64 = 16 << 20;

impl Gated {
    pub(super) fn new(base: String, tree: String, git: Git, directory: TempDir) -> Self {
        let (changes, files) = (KeptList::default(), KeptList::default());
        let (added, contents) = (Contents::default(), Contents::default());
        Self { base, tree, git, changes, files, added, contents, _directory: directory }
    }

    /// What would be committed: what is staged, over the last commit. `index` is the one that git works with, where it is
    /// not the usual one.
    ///
    /// # Errors
    /// What git says: nothing can be committed in the middle of a conflict.
    pub fn staged(repo: &Repo, index: Option<&Path>) -> Result<Self, GatedError> {
        let directory =
            scratch_dir::make(&tempfile::env::temp_dir(), Purpose::Objects).map_err(GitError::Temporary)?;
        let objects = directory.path().join("objects");
        std::fs::create_dir_all(&objects).map_err(GitError::Temporary)?;
        let git = Git::new(repo.caller_root()).with_objects(&objects, &repo.common_dir().join("objects"));
        let usual =
            || git.run(&["rev-parse", "--path-format=absolute", "--git-path", "index"]).map(Into::into);
        let index = index.map_or_else(usual, |index| Ok(repo.caller_root().join(index)))?;
        // A copy: git notes in an index what it learnt from it.
        let copy = directory.path().join("index");
        match std::fs::copy(&index, &copy) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(GitError::Temporary(error).into());
            }
            _ => {}
        }
        let tree = git.run_with_index(&["write-tree"], &copy)?;
        let head = git.answer(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"], &[0, 1])?;
        let base = if head.0 == 0 { head.1.trim().to_owned() } else { nothing_like(&tree).to_owned() };
        Ok(Self::new(base, tree, git, directory))
    }

    /// The same where nothing is there yet: every file of the commit is new.
    ///
    /// # Errors
    /// Where no temporary directory can be made.
    pub fn from_nothing(repo: &Repo, head: &str) -> Result<Self, GatedError> {
        Self::committed(repo, nothing_like(head), head)
    }

    /// What a branch would bring: the commit `head`, over the commit where it left its target.
    ///
    /// # Errors
    /// Where no temporary directory can be made.
    pub fn committed(repo: &Repo, base: &str, head: &str) -> Result<Self, GatedError> {
        let directory =
            scratch_dir::make(&tempfile::env::temp_dir(), Purpose::Objects).map_err(GitError::Temporary)?;
        Ok(Self::new(base.to_owned(), format!("{head}^{{tree}}"), Git::new(repo.root()), directory))
    }

    /// All files of a commit, over nothing: each of them would be new.
    ///
    /// # Errors
    /// As [`Gated::committed`].
    pub fn whole(repo: &Repo, commit: &str) -> Result<Self, GatedError> {
        let nothing = EMPTY_TREES[usize::from(commit.len() > EMPTY_TREES[0].len())];
        Self::committed(repo, nothing, commit)
    }

    /// All files of a tree or commit, in a directory that is thrown away.
    ///
    /// # Errors
    /// As [`Repo::checkout`].
    pub fn checkout(&self, tree_ish: &str) -> Result<Checkout, GitError> {
        checkout_in(&tempfile::env::temp_dir(), &self.git, tree_ish)
    }

    /// The files that would change, with how many lines.
    ///
    /// # Errors
    /// [`GatedError`].
    pub fn changes(&self) -> Result<Arc<[FileChange]>, GatedError> {
        // Attributes are those of what is there: a change must not make itself look small.
        let attributes = format!("--attr-source={}", self.base);
        let form =
            ["diff-tree", "-r", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", "--raw", "--numstat"];
        let ends = ["--no-abbrev", &self.base, &self.tree];
        let ask = || self.git.bytes(&[&[attributes.as_str()], &form[..], &ends].concat());
        Ok(self.changes.get(ask, changes)?)
    }

    /// What would be in several directories, by its path, with the content of files of at most `limit` bytes. A directory that
    /// there is not has nothing in it.
    ///
    /// # Errors
    /// [`RepoError`].
    pub fn files_in(&self, directories: &[String], limit: u64) -> Result<Vec<Entry>, RepoError> {
        let inside: Vec<String> = directories.iter().map(|directory| format!("{directory}/")).collect();
        let mut arguments =
            vec!["--literal-pathspecs", "ls-tree", "-z", "-l", "--full-tree", &self.tree, "--"];
        arguments.extend(inside.iter().map(String::as_str));
        let listed = self.git.bytes(&arguments)?;
        directory::listed(&listed, limit, |objects| self.git.contents(objects))
    }

    /// What would be in a directory, with the content of files of at most `limit` bytes.
    ///
    /// # Errors
    /// [`RepoError`].
    pub fn directory(&self, path: &str, limit: u64) -> Result<Vec<Entry>, RepoError> {
        let kind = self.git.run(&["ls-tree", "-z", "--full-tree", &self.tree, path])?;
        if !kind.starts_with("040000 tree") {
            return Ok(Vec::new());
        }
        let inside = format!("{}:{path}", self.tree);
        let listed = self.git.bytes(&["ls-tree", "-z", "-l", "--full-tree", &inside])?;
        directory::listed(&listed, limit, |objects| self.git.contents(objects))
    }

    /// The paths of all files that would be there.
    ///
    /// # Errors
    /// [`GatedError`].
    pub fn paths(&self) -> Result<Vec<String>, GatedError> {
        Ok(self.files()?.iter().map(|file| file.path.clone()).collect())
    }

    /// A file that would be there; `None` where there is none.
    ///
    /// # Errors
    /// [`GatedError`].
    pub fn file(&self, path: &str) -> Result<Option<Vec<u8>>, GatedError> {
        match self.entry(&self.tree, path)? {
            Some((kind, object)) if kind == "blob" => self.blob(&object, path).map(Some),
            _ => Ok(None),
        }
    }

    /// What stands at a path, as a kind and an object. Listed, not asked for: what cannot be read is not the same as nothing.
    fn entry(&self, tree: &str, path: &str) -> Result<Option<(String, String)>, GitError> {
        let listed =
            self.git.run(&["--literal-pathspecs", "ls-tree", "-z", "--full-tree", tree, "--", path])?;
        // `100644 blob <object><TAB><path>`
        let mut facts = listed.split(['\t', ' ']).skip(1).map(str::to_owned);
        Ok(facts.next().zip(facts.next()))
    }

    fn blob(&self, object: &str, path: &str) -> Result<Vec<u8>, GatedError> {
        let size = self.git.run(&["cat-file", "-s", object])?.parse().unwrap_or(u64::MAX);
        if size > LARGEST {
            return Err(GatedError::TooLarge { what: path.to_owned(), size, limit: LARGEST });
        }
        Ok(self.git.bytes(&["cat-file", "blob", object])?)
    }
}

/// What `git diff-tree --raw --numstat -z` tells.
fn changes(out: &[u8]) -> Vec<FileChange> {
    let mut changes: Vec<FileChange> = Vec::new();
    let mut counted = 0;
    let mut fields = out.split(|byte| *byte == 0);
    while let Some(field) = fields.next().filter(|field| !field.is_empty()) {
        if field.starts_with(b":") {
            let Some(path) = fields.next() else { break };
            changes.push(FileChange::of(field, path));
            continue;
        }
        // `<added>TAB<deleted>TAB<path>`, in the order of the files above; `-` of a binary one.
        let mut numbers = field.splitn(3, |byte| *byte == b'\t');
        let mut number =
            || numbers.next().and_then(|number| str::from_utf8(number).ok()?.parse().ok()).unwrap_or(0);
        if let Some(change) = changes.get_mut(counted) {
            (change.added, change.deleted) = (number(), number());
        }
        counted += 1;
    }
    changes
}

impl FileChange {
    /// `:<mode> <mode> <object> <object> <letter>`, and the path.
    fn of(facts: &[u8], path: &[u8]) -> Self {
        let facts = String::from_utf8_lossy(facts).into_owned();
        let status = match facts.chars().last() {
            Some('A') => "added",
            Some('D') => "deleted",
            Some('T') => "type_changed",
            _ => "modified",
        };
        let submodule = facts.split(' ').nth(1) == Some(Node::SUBMODULE);
        let object = |nth| facts.split(' ').nth(nth).unwrap_or_default().to_owned();
        let (old_object, object) = (object(2), object(3));
        let shown = String::from_utf8_lossy(path).into_owned();
        let at = path_of_bytes(path);
        Self { path: shown, at, old_object, object, submodule, status, added: 0, deleted: 0 }
    }
}
