//! The lines of what is gated: those that would come, those of changed files, all of them.
//!
//! Attributes and zero bytes make git call a file binary, and say nothing of it. Here they do not: a change must not hide what
//! it brings.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::sync::{Arc, PoisonError};

use super::{FileChange, Gated, GatedError, GitError, MOST};

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
    Some(NumberedLines),
}

impl FileLines {
    /// Some lines of a file.
    #[must_use]
    pub fn some(path: String, lines: NumberedLines) -> Self {
        Self { path, binary: false, lines: Looked::Some(lines) }
    }

    /// 1-based number and text of each line.
    pub fn lines(&self) -> Box<dyn Iterator<Item = (usize, &str)> + '_> {
        match &self.lines {
            Looked::All(text) => Box::new(text.lines().enumerate().map(|(nth, line)| (nth + 1, line))),
            Looked::Some(lines) => Box::new(lines.iter().map(|(number, line)| (*number, line.as_str()))),
        }
    }
}

/// What was read of files, for the next who asks: rules often look at the same ones.
#[derive(Debug, Default)]
pub(super) struct Contents {
    known: HashMap<String, (Arc<str>, bool)>,
    bytes: usize,
}

/// Most bytes that are kept.
const KEPT: usize = 64 << 20;

/// A file that would be there.
pub(super) struct TreeFile {
    pub(super) path: String,
    object: String,
}

/// Files whose lines are asked for at once.
const AT_ONCE: usize = 200;

impl Gated {
    /// The lines that would come, of the files whose paths are wanted.
    ///
    /// # Errors
    /// [`GatedError`].
    pub fn added_lines(&self, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<FileLines>, GatedError> {
        let form =
            ["diff-tree", "-r", "-p", "-U0", "--text", "--no-renames", "--no-ext-diff", "--no-textconv"];
        // Where a file takes the place of a directory, its path names what was in there too: what goes is left out.
        let plain = ["--diff-filter=d", "--no-color", "--src-prefix=a/", "--dst-prefix=b/"];
        let changes = self.changes()?.into_iter();
        let changes: Vec<FileChange> =
            changes.filter(|change| change.status != "deleted" && wanted(&change.path)).collect();
        let mut found = Vec::new();
        let mut read = 0;
        // What is not wanted is not asked for.
        for chunk in changes.chunks(AT_ONCE) {
            let mut arguments: Vec<&OsStr> = vec!["--literal-pathspecs".as_ref()];
            arguments.extend(form.iter().chain(&plain).map(OsStr::new));
            arguments.extend([self.base.as_str(), self.tree.as_str(), "--"].map(OsStr::new));
            arguments.extend(chunk.iter().map(|change| change.at.as_os_str()));
            let out = self.git.bytes(&arguments)?;
            read += out.len() as u64;
            if read > MOST {
                return Err(GatedError::TooLarge { what: "the change".to_owned(), size: read, limit: MOST });
            }
            found.extend(added(&out, chunk));
        }
        Ok(found)
    }

    /// The files that would be changed, and whose paths are wanted, with all their lines.
    ///
    /// # Errors
    /// [`GatedError`].
    pub fn changed_lines(&self, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<FileLines>, GatedError> {
        let changes = self.changes()?.into_iter();
        let is_file = |change: &FileChange| change.status != "deleted" && !change.submodule;
        let left = changes.filter(|change| is_file(change) && wanted(&change.path));
        let files = left.map(|FileChange { path, object, .. }| TreeFile { path, object }).collect::<Vec<_>>();
        self.lines_of(&files)
    }

    /// All files that would be there, and whose paths are wanted, with all their lines.
    ///
    /// # Errors
    /// [`GatedError`].
    pub fn all_lines(&self, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<FileLines>, GatedError> {
        let files = self.files()?.into_iter();
        self.lines_of(&files.filter(|file| wanted(&file.path)).collect::<Vec<_>>())
    }

    fn lines_of(&self, files: &[TreeFile]) -> Result<Vec<FileLines>, GatedError> {
        let mut found = Vec::with_capacity(files.len());
        let mut read = 0;
        // One reads at a time: who comes next finds what the first one read.
        let mut contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in files.chunks(AT_ONCE) {
            let unknown = chunk.iter().filter(|file| !contents.known.contains_key(&file.object));
            let objects: Vec<&str> = unknown.map(|file| file.object.as_str()).collect();
            let mut new: HashMap<&str, (Arc<str>, bool)> = HashMap::new();
            for (object, content) in objects.iter().zip(self.git.contents(&objects)?) {
                let content = content
                    .map_err(|message| GitError::Failed { command: "cat-file".to_owned(), message })?;
                let text = String::from_utf8_lossy(&content).into();
                new.insert(object, (text, is_binary(&content)));
            }
            for file in chunk {
                let known = contents.known.get(&file.object).or_else(|| new.get(file.object.as_str()));
                let Some((text, binary)) = known.cloned() else { continue };
                read += text.len() as u64;
                if read > MOST {
                    return Err(GatedError::TooLarge {
                        what: "all files".to_owned(),
                        size: read,
                        limit: MOST,
                    });
                }
                found.push(FileLines { path: file.path.clone(), binary, lines: Looked::All(text) });
            }
            for (object, content) in new {
                if contents.bytes + content.0.len() <= KEPT {
                    contents.bytes += content.0.len();
                    contents.known.insert(object.to_owned(), content);
                }
            }
        }
        Ok(found)
    }

    /// All files that would be there. Submodules are none.
    pub(super) fn files(&self) -> Result<Vec<TreeFile>, GitError> {
        let out = self.git.bytes(&["ls-tree", "-r", "-z", "--full-tree", &self.tree])?;
        // `100644 blob <object><TAB><path>`
        let file = |row: &[u8]| {
            let tab = row.iter().position(|byte| *byte == b'\t')?;
            let facts = String::from_utf8_lossy(&row[..tab]).into_owned();
            let mut facts = facts.split(' ').skip(1);
            let (kind, object) = (facts.next()?, facts.next()?.to_owned());
            let path = String::from_utf8_lossy(&row[tab + 1..]).into_owned();
            (kind == "blob").then_some(TreeFile { path, object })
        };
        Ok(out.split(|byte| *byte == 0).filter_map(file).collect())
    }
}

fn is_binary(content: &[u8]) -> bool {
    const LOOKED_AT: usize = 8000;
    content.iter().take(LOOKED_AT).any(|byte| *byte == 0)
}

/// The lines that come, from a patch without context. Files are those of `changes`, in their order: names in a patch are
/// spelled in too many ways.
fn added(patch: &[u8], changes: &[FileChange]) -> Vec<FileLines> {
    let mut found: Vec<FileLines> = Vec::new();
    // What changes its type goes, and then comes.
    let twice = |change: &FileChange| change.status == "type_changed";
    let mut files =
        changes.iter().flat_map(|change| std::iter::repeat_n(change, 1 + usize::from(twice(change))));
    let mut last: Option<&FileChange> = None;
    let mut number = 0;
    let mut left = (0_usize, 0_usize);
    for line in patch.split(|byte| *byte == b'\n') {
        if left != (0, 0) {
            match line.first() {
                Some(b'+') => {
                    let text = String::from_utf8_lossy(&line[1..]);
                    let text = text.strip_suffix('\r').unwrap_or(&text).to_owned();
                    if let Some(FileLines { lines: Looked::Some(lines), .. }) = found.last_mut() {
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
            if last.is_none_or(|last| last.at != change.at) {
                found.push(FileLines::some(change.path.clone(), Vec::new()));
            }
            last = Some(change);
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
