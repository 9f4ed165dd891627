//! What is gated: the files that a step would leave, over those that are there. Asked of git, in a throw-away object
//! directory where the merge that made them lives.

use std::path::Path;

use tempfile::TempDir;

use super::checkout::{Checkout, checkout_in};
use super::directory::{self, Entry};
use super::scratch_dir::{self, Purpose};
use super::{Git, GitError, Repo, RepoError};

/// The files that a step would leave, and those that are there.
#[derive(Debug)]
pub struct Gated {
    /// What is there: a commit, or a tree.
    pub base: String,
    /// What would be there: a tree.
    pub tree: String,
    git: Git,
    _directory: TempDir,
}

/// A file that the step would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// Its path.
    pub path: String,
    /// `added`, `modified`, `deleted` or `type_changed`
    pub status: &'static str,
    /// Lines that would come; 0 of a binary file.
    pub added: u64,
    /// Lines that would go.
    pub deleted: u64,
}

/// Lines of a file: 1-based number and text.
pub type NumberedLines = Vec<(usize, String)>;

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

/// Most bytes of files that are looked at together.
pub const MOST: u64 = 256 << 20;
/// Largest file that is looked at, in bytes.
pub const LARGEST: u64 = 16 << 20;

impl Gated {
    pub(super) fn new(base: String, tree: String, git: Git, directory: TempDir) -> Self {
        Self { base, tree, git, _directory: directory }
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
        let nothing = EMPTY_TREES[usize::from(tree.len() > EMPTY_TREES[0].len())];
        let base = if head.0 == 0 { head.1.trim().to_owned() } else { nothing.to_owned() };
        Ok(Self::new(base, tree, git, directory))
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

    /// What a path is in a tree or a commit: of a file its bytes, of a directory the list of what is in it. `None` where
    /// there is nothing.
    ///
    /// # Errors
    /// [`GatedError`].
    pub fn content(&self, tree: &str, path: &str) -> Result<Option<Vec<u8>>, GatedError> {
        match self.entry(tree, path)? {
            Some((kind, object)) if kind == "blob" => self.blob(&object, path).map(Some),
            Some((kind, object)) if kind == "tree" => {
                Ok(Some(self.git.bytes(&["ls-tree", "-r", "-z", "--full-tree", &object])?))
            }
            _ => Ok(None),
        }
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
    pub fn changes(&self) -> Result<Vec<FileChange>, GatedError> {
        let form =
            ["diff-tree", "-r", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", "--raw", "--numstat"];
        let out = self.git.bytes(&[&form[..], &[&self.base, &self.tree]].concat())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut changes: Vec<FileChange> = Vec::new();
        let mut counted = 0;
        let mut fields = out.split(|byte| *byte == 0);
        while let Some(field) = fields.next().filter(|field| !field.is_empty()) {
            if field.starts_with(b":") {
                let Some(path) = fields.next() else { break };
                let status = match field.last() {
                    Some(b'A') => "added",
                    Some(b'D') => "deleted",
                    Some(b'T') => "type_changed",
                    _ => "modified",
                };
                changes.push(FileChange { path: text(path), status, added: 0, deleted: 0 });
                continue;
            }
            // `<added>TAB<deleted>TAB<path>`, in the order of the files above; `-` of a binary one.
            let line = text(field);
            let mut numbers = line.splitn(3, '\t').map(|number| number.parse().unwrap_or(0));
            if let Some(change) = changes.get_mut(counted) {
                (change.added, change.deleted) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
            }
            counted += 1;
        }
        Ok(changes)
    }

    /// The lines that would come, of the files whose paths are wanted; nothing of binary files.
    ///
    /// # Errors
    /// [`GatedError`].
    pub fn added_lines(
        &self,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<(String, NumberedLines)>, GatedError> {
        let form = ["-c", "core.quotePath=false", "diff-tree", "-r", "-p", "-U0", "--no-renames"];
        let plain = ["--no-ext-diff", "--no-textconv", "--no-color", "--src-prefix=a/", "--dst-prefix=b/"];
        let mut found = Vec::new();
        let changes = self.changes()?.into_iter();
        let wanted: Vec<FileChange> =
            changes.filter(|change| change.status != "deleted" && wanted(&change.path)).collect();
        let mut read = 0;
        // What is not wanted is not asked for.
        for chunk in wanted.chunks(200) {
            let mut arguments: Vec<&str> = vec!["--literal-pathspecs"];
            arguments.extend(form.iter().chain(&plain));
            arguments.extend([self.base.as_str(), self.tree.as_str(), "--"]);
            arguments.extend(chunk.iter().map(|change| change.path.as_str()));
            let out = self.git.bytes(&arguments)?;
            read += out.len() as u64;
            if read > MOST {
                return Err(GatedError::TooLarge { what: "the change".to_owned(), size: read, limit: MOST });
            }
            found.extend(added(&out, chunk));
        }
        Ok(found)
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
        let out = self.git.bytes(&["ls-tree", "-r", "-z", "--name-only", "--full-tree", &self.tree])?;
        let paths = out.split(|byte| *byte == 0).filter(|path| !path.is_empty());
        Ok(paths.map(|path| String::from_utf8_lossy(path).into_owned()).collect())
    }

    /// Files that would be there, with their lines; nothing of binary ones.
    ///
    /// # Errors
    /// [`GatedError`].
    pub fn lines_of(&self, paths: &[String]) -> Result<Vec<(String, NumberedLines)>, GatedError> {
        let names: Vec<String> = paths.iter().map(|path| format!("{}:{path}", self.tree)).collect();
        // A name is a line of what git is asked.
        let askable = |name: &&String| !name.contains('\n');
        let asked: Vec<&str> = names.iter().filter(askable).map(String::as_str).collect();
        let kept = paths.iter().filter(|path| !path.contains('\n'));
        let mut found = Vec::new();
        let mut read = 0;
        for (chunk, paths) in asked.chunks(500).zip(kept.collect::<Vec<_>>().chunks(500)) {
            for (content, path) in self.git.contents(chunk)?.into_iter().zip(paths) {
                // A submodule has no content here.
                let Ok(content) = content else { continue };
                read += content.len() as u64;
                if read > MOST {
                    return Err(GatedError::TooLarge {
                        what: "all files".to_owned(),
                        size: read,
                        limit: MOST,
                    });
                }
                if !is_binary(&content) {
                    let text = String::from_utf8_lossy(&content);
                    let lines = text.lines().enumerate().map(|(nth, line)| (nth + 1, line.to_owned()));
                    found.push(((*path).clone(), lines.collect()));
                }
            }
        }
        Ok(found)
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

/// As git tells it: a zero byte near the beginning.
fn is_binary(content: &[u8]) -> bool {
    const LOOKED_AT: usize = 8000;
    content.iter().take(LOOKED_AT).any(|byte| *byte == 0)
}

/// The lines that come, from a patch without context. Files are those of `changes`, in their order: names in a patch are
/// spelled in too many ways.
fn added(patch: &[u8], changes: &[FileChange]) -> Vec<(String, NumberedLines)> {
    let mut found: Vec<(String, NumberedLines)> = Vec::new();
    // What changes its type goes, and then comes.
    let twice = |change: &FileChange| change.status == "type_changed";
    let mut files =
        changes.iter().flat_map(|change| std::iter::repeat_n(&change.path, 1 + usize::from(twice(change))));
    let mut number = 0;
    let mut left = (0_usize, 0_usize);
    for line in patch.split(|byte| *byte == b'\n') {
        if left != (0, 0) {
            match line.first() {
                Some(b'+') => {
                    let text = String::from_utf8_lossy(&line[1..]);
                    let text = text.strip_suffix('\r').unwrap_or(&text).to_owned();
                    if let Some((_, lines)) = found.last_mut() {
                        lines.push((number, text));
                    }
                    number += 1;
                    left.1 = left.1.saturating_sub(1);
                }
                Some(b'-') => left.0 = left.0.saturating_sub(1),
                _ => {}
            }
        } else if line.starts_with(b"diff --git ") {
            if let Some(path) = files.next()
                && found.last().is_none_or(|(last, _)| last != path)
            {
                found.push((path.clone(), Vec::new()));
            }
        } else if let Some(hunk) = line.strip_prefix(b"@@ -") {
            // `@@ -<line>,<count> +<line>,<count> @@`
            let text = String::from_utf8_lossy(hunk);
            let mut sides = text.split(' ');
            let side = |side: Option<&str>| {
                let side = side.unwrap_or_default().trim_start_matches('+');
                let (line, count) = side.split_once(',').unwrap_or((side, "1"));
                (line.parse().unwrap_or(0), count.parse().unwrap_or(0))
            };
            let (_, gone): (usize, usize) = side(sides.next());
            let (start, come) = side(sides.next());
            (number, left) = (start, (gone, come));
        }
    }
    found
}
