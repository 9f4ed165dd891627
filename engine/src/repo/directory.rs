//! A directory as a branch has it, with the content of its files: for what must not be read from the work tree.

use git2::{ObjectType, Repository};

use super::{GitError, RepoError, explained};

/// A file or something else in a directory of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name in the directory.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
}

/// What stands in a directory of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// A file, with its content.
    File(Vec<u8>),
    /// A file larger than what was asked for, with its size in bytes.
    TooLarge(u64),
    /// A symbolic link.
    Link,
    /// A directory or a submodule.
    Directory,
}

const LINK: i32 = 0o120_000;

/// The entries of a directory of a commit, through libgit2. `None` where it is no directory.
pub(super) fn entries(
    repository: &Repository,
    tree: &git2::Tree<'_>,
    limit: u64,
) -> Result<Vec<Entry>, git2::Error> {
    let odb = repository.odb()?;
    let mut entries = Vec::with_capacity(tree.len());
    for entry in tree {
        let name = String::from_utf8_lossy(entry.name_bytes()).into_owned();
        let kind = match entry.kind() {
            Some(ObjectType::Blob) if entry.filemode() == LINK => EntryKind::Link,
            Some(ObjectType::Blob) => match odb.read_header(entry.id())?.0 as u64 {
                size if size > limit => EntryKind::TooLarge(size),
                _ => EntryKind::File(repository.find_blob(entry.id())?.content().to_vec()),
            },
            _ => EntryKind::Directory,
        };
        entries.push(Entry { name, kind });
    }
    Ok(entries)
}

/// The same through the git command: `listed` is what `git ls-tree -z -l` printed.
pub(super) fn listed(
    listed: &[u8],
    limit: u64,
    contents: impl FnOnce(&[&str]) -> Result<Vec<Result<Vec<u8>, String>>, GitError>,
) -> Result<Vec<Entry>, RepoError> {
    // `100644 blob <object> <size><TAB><path>NUL`
    let mut rows = Vec::new();
    for row in listed.split(|byte| *byte == 0).filter(|row| !row.is_empty()) {
        let row = String::from_utf8_lossy(row).into_owned();
        let Some((facts, path)) = row.split_once('\t') else { continue };
        let facts: Vec<String> = facts.split_whitespace().map(str::to_owned).collect();
        let name = path.to_owned();
        let [mode, kind, object, size] = facts.as_slice() else { continue };
        let size: u64 = size.parse().unwrap_or(0);
        rows.push((name, mode == "120000", kind == "blob", object.clone(), size));
    }
    let is_read = |row: &&(String, bool, bool, String, u64)| row.2 && !row.1 && row.4 <= limit;
    let wanted: Vec<&str> = rows.iter().filter(is_read).map(|row| row.3.as_str()).collect();
    let mut read = contents(&wanted)?.into_iter();
    let mut entries = Vec::with_capacity(rows.len());
    for (name, link, blob, object, size) in &rows {
        let kind = match (link, blob) {
            (true, _) => EntryKind::Link,
            (_, false) => EntryKind::Directory,
            _ if *size > limit => EntryKind::TooLarge(*size),
            _ => match read.next() {
                Some(Ok(content)) => EntryKind::File(content),
                Some(Err(why)) => return Err(RepoError::Libgit(why)),
                None => return Err(RepoError::Libgit(explained(format!("bad object {object}")))),
            },
        };
        entries.push(Entry { name: name.clone(), kind });
    }
    Ok(entries)
}
