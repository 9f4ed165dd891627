//! The lines of what is gated: those that would come, those of changed files, all of them.
//!
//! Attributes and zero bytes make git call a file binary, and say nothing of it. Here they do not: a change must not hide what
//! it brings.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::Arc;

use super::kept::{Size, at_most};
use super::{FileChange, Gated, GatedError, GitError};

/// Lines of a file: 1-based number and text.
pub type NumberedLines = Vec<(usize, String)>;

/// A file, with the lines of it that are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileLines {
    /// Its path, as it is shown.
    pub path: String,
    /// Whether it is no text, as git tells it by a zero byte near the beginning. Its lines are there all the same.
    pub binary: bool,
    lines: Looked,
}

/// The lines that are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Looked {
    /// All of a text, which others look at too.
    All(Arc<str>),
    /// These.
    Some(Arc<[(usize, String)]>),
}

impl FileLines {
    /// Some lines of a file.
    #[must_use]
    pub fn some(path: String, lines: NumberedLines) -> Self {
        Self { path, binary: false, lines: Looked::Some(lines.into()) }
    }

    /// 1-based number and text of each line.
    pub fn lines(&self) -> Box<dyn Iterator<Item = (usize, &str)> + '_> {
        match &self.lines {
            Looked::All(text) => Box::new(text.lines().enumerate().map(|(nth, line)| (nth + 1, line))),
            Looked::Some(lines) => Box::new(lines.iter().map(|(number, line)| (*number, line.as_str()))),
        }
    }
}

/// What was read of a file.
#[derive(Debug, Clone)]
pub(super) struct Content {
    lines: Looked,
    binary: bool,
    /// The bytes that git told it in.
    told: usize,
}

impl Content {
    fn all(bytes: &[u8]) -> Self {
        let text: Arc<str> = String::from_utf8_lossy(bytes).into();
        Self { told: text.len(), lines: Looked::All(text), binary: is_binary(bytes) }
    }

    /// How much git told, in bytes.
    pub(super) fn told(&self) -> u64 {
        self.told as u64
    }

    /// The memory that it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        match &self.lines {
            Looked::All(text) => text.len(),
            Looked::Some(lines) => {
                size_of_val(&**lines) + lines.iter().map(|(_, text)| text.len()).sum::<usize>()
            }
        }
    }
}

/// A file that would be there.
#[derive(Debug)]
pub(super) struct TreeFile {
    pub(super) path: String,
    object: String,
}

impl Gated {
    /// The lines that would come, of the files whose paths are wanted.
    ///
    /// # Errors
    /// [`GatedError`].
    pub fn added_lines(&self, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<FileLines>, GatedError> {
        let changes = self.changes()?;
        // What is not wanted is not asked for.
        let wanted: Vec<&FileChange> =
            changes.iter().filter(|change| change.status != "deleted" && wanted(&change.path)).collect();
        // Of what is new, all lines come: the object is read, once for all paths that it has.
        let (new, others): (Vec<&FileChange>, Vec<&FileChange>) =
            wanted.iter().partition(|change| change.status == "added" && !change.submodule);
        let mut found = Found::of("the change");
        let objects: Vec<(&String, &String)> =
            new.iter().map(|change| (&change.path, &change.object)).collect();
        self.objects(&objects, &mut found)?;
        self.added.each(
            found.what,
            &others,
            |change| &change.at,
            |unknown| self.patch_sizes(unknown),
            |unknown| Ok(added(&self.patch(unknown)?, unknown)),
            |change, content| found.add(&change.path, content),
        )?;
        // In the order of the changes.
        let mut files = found.files;
        let place: HashMap<&str, usize> =
            wanted.iter().enumerate().map(|(nth, change)| (change.path.as_str(), nth)).collect();
        files.sort_by_key(|file| place.get(file.path.as_str()));
        Ok(files)
    }

    /// How much a patch says of files: what goes and what comes, at most.
    fn patch_sizes(&self, changes: &[&FileChange]) -> Result<Vec<Size>, GatedError> {
        let objects: Vec<&str> =
            changes.iter().flat_map(|change| [change.old_object.as_str(), &change.object]).collect();
        let sizes = self.git.sizes(&objects)?;
        Ok(sizes.chunks(2).map(|two| Size { least: 0, most: two.iter().sum() }).collect())
    }

    /// The patch of files, without context.
    fn patch(&self, changes: &[&FileChange]) -> Result<Vec<u8>, GitError> {
        let form =
            ["diff-tree", "-r", "-p", "-U0", "--text", "--no-renames", "--no-ext-diff", "--no-textconv"];
        // Where a file takes the place of a directory, its path names what was in there too: what goes is left out.
        let plain = ["--diff-filter=d", "--no-color", "--src-prefix=a/", "--dst-prefix=b/"];
        let mut arguments: Vec<&OsStr> = vec!["--literal-pathspecs".as_ref()];
        arguments.extend(form.iter().chain(&plain).map(OsStr::new));
        arguments.extend([self.base.as_str(), self.tree.as_str(), "--"].map(OsStr::new));
        arguments.extend(changes.iter().map(|change| change.at.as_os_str()));
        self.git.bytes(&arguments)
    }

    /// The files that would be changed, and whose paths are wanted, with all their lines.
    ///
    /// # Errors
    /// [`GatedError`].
    pub fn changed_lines(&self, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<FileLines>, GatedError> {
        let changes = self.changes()?;
        let is_file = |change: &FileChange| change.status != "deleted" && !change.submodule;
        let left = changes.iter().filter(|change| is_file(change) && wanted(&change.path));
        let mut found = Found::of("the text of the changed files");
        self.objects(&left.map(|change| (&change.path, &change.object)).collect::<Vec<_>>(), &mut found)?;
        Ok(found.files)
    }

    /// All files that would be there, and whose paths are wanted, with all their lines.
    ///
    /// # Errors
    /// [`GatedError`].
    pub fn all_lines(&self, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<FileLines>, GatedError> {
        let files = self.files()?;
        let left = files.iter().filter(|file| wanted(&file.path));
        let mut found = Found::of("the text of the files");
        self.objects(&left.map(|file| (&file.path, &file.object)).collect::<Vec<_>>(), &mut found)?;
        Ok(found.files)
    }

    /// Adds all lines of files, each a path and an object.
    fn objects(&self, files: &[(&String, &String)], found: &mut Found) -> Result<(), GatedError> {
        let sizes = |unknown: &[(&String, &String)]| {
            let objects: Vec<&str> = unknown.iter().map(|(_, object)| object.as_str()).collect();
            Ok(self.git.sizes(&objects)?.into_iter().map(|size| Size { least: size, most: size }).collect())
        };
        let read = |unknown: &[(&String, &String)]| {
            let objects: Vec<&str> = unknown.iter().map(|(_, object)| object.as_str()).collect();
            let failed = |message| GitError::Failed { command: "cat-file".to_owned(), message };
            let contents = objects.iter().zip(self.git.contents(&objects)?);
            contents
                .map(|(object, content)| Ok(((*object).to_owned(), Content::all(&content.map_err(failed)?))))
                .collect()
        };
        let what = found.what;
        self.contents.each(
            what,
            files,
            |(_, object)| *object,
            sizes,
            read,
            |(path, _), content| found.add(path, content),
        )
    }

    /// All files that would be there. Submodules are none.
    pub(super) fn files(&self) -> Result<Arc<[TreeFile]>, GitError> {
        // `100644 blob <object><TAB><path>`
        let file = |row: &[u8]| {
            let tab = row.iter().position(|byte| *byte == b'\t')?;
            let facts = String::from_utf8_lossy(&row[..tab]).into_owned();
            let mut facts = facts.split(' ').skip(1);
            let (kind, object) = (facts.next()?, facts.next()?.to_owned());
            let path = String::from_utf8_lossy(&row[tab + 1..]).into_owned();
            (kind == "blob").then_some(TreeFile { path, object })
        };
        self.files.get(
            || self.git.bytes(&["ls-tree", "-r", "-z", "--full-tree", &self.tree]),
            |out| out.split(|byte| *byte == 0).filter_map(file).collect(),
        )
    }
}

/// Files that are looked at together.
struct Found {
    what: &'static str,
    files: Vec<FileLines>,
    told: u64,
}

impl Found {
    fn of(what: &'static str) -> Self {
        Self { what, files: Vec::new(), told: 0 }
    }

    fn add(&mut self, path: &str, Content { lines, binary, told }: Content) -> Result<(), GatedError> {
        self.told += told as u64;
        at_most(self.what, self.told)?;
        self.files.push(FileLines { path: path.to_owned(), binary, lines });
        Ok(())
    }
}

fn is_binary(content: &[u8]) -> bool {
    const LOOKED_AT: usize = 8000;
    content.iter().take(LOOKED_AT).any(|byte| *byte == 0)
}

/// The lines that come, from a patch without context. Files are those of `changes`, in their order: names in a patch are
/// spelled in too many ways.
fn added(patch: &[u8], changes: &[&FileChange]) -> Vec<(PathBuf, Content)> {
    let mut found: Vec<(&FileChange, NumberedLines, usize)> = Vec::new();
    // What changes its type goes, and then comes.
    let twice = |change: &FileChange| change.status == "type_changed";
    let mut files =
        changes.iter().flat_map(|change| std::iter::repeat_n(*change, 1 + usize::from(twice(change))));
    let mut number = 0;
    let mut left = (0_usize, 0_usize);
    for line in patch.split(|byte| *byte == b'\n') {
        if left != (0, 0) {
            match line.first() {
                Some(b'+') => {
                    let text = String::from_utf8_lossy(&line[1..]);
                    let text = text.strip_suffix('\r').unwrap_or(&text).to_owned();
                    if let Some((_, lines, _)) = found.last_mut() {
                        lines.push((number, text));
                    }
                    number += 1;
                    left.1 = left.1.saturating_sub(1);
                }
                Some(b'-') => left.0 = left.0.saturating_sub(1),
                _ => {}
            }
        } else if line.starts_with(b"diff --git ") {
            let Some(change) = files.next() else { continue };
            if found.last().is_none_or(|(last, ..)| last.at != change.at) {
                found.push((change, Vec::new(), 0));
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
        if let Some((.., told)) = found.last_mut() {
            *told += line.len() + 1;
        }
    }
    let content = |(change, lines, told): (&FileChange, NumberedLines, usize)| {
        (change.at.clone(), Content { lines: Looked::Some(lines.into()), binary: false, told })
    };
    found.into_iter().map(content).collect()
}
