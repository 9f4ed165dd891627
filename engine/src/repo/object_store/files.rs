//! Single files of what is merged, read and put in the place of others. In process: asking git takes ten processes for a file
//! that is put in, which is for what libgit2 does not know.

use git2::build::TreeUpdateBuilder;
use git2::{ErrorCode, FileMode, Oid, Repository};
use jiff::Timestamp;

use super::ObjectStore;
use crate::limits;
use crate::repo::GitError;

impl ObjectStore {
    /// A file of a commit or tree, as text; `None` where there is none, or it is no text that is read.
    ///
    /// # Errors
    /// What git says.
    pub fn text(&self, tree_ish: &str, path: &str) -> Result<Option<String>, GitError> {
        if let Some(text) =
            self.in_process.as_ref().and_then(|in_process| text_in(in_process, tree_ish, path).ok())
        {
            return Ok(text);
        }
        let content = self.git.contents(&[&format!("{tree_ish}:{path}")])?.pop().and_then(Result::ok);
        Ok(content.and_then(|content| as_text(&content)))
    }

    /// A tree with another text in one of its files, which keeps its mode.
    ///
    /// # Errors
    /// What git says.
    pub fn with_file(&self, tree: &str, path: &str, text: &str) -> Result<String, GitError> {
        if let Some(tree) =
            self.in_process.as_ref().and_then(|in_process| with_file_in(in_process, tree, path, text).ok())
        {
            return Ok(tree);
        }
        let blob = self.written(&["hash-object", "-w", "--stdin"], text.as_bytes())?;
        self.with_object(tree, path, &blob)
    }

    /// The newest of the times that commits were made at.
    ///
    /// # Errors
    /// What git says.
    pub fn newest(&self, commits: &[&str]) -> Result<Timestamp, GitError> {
        let known = self.in_process.as_ref().and_then(|objects| newest_in(objects, commits).ok());
        let seconds = match known {
            Some(seconds) => seconds,
            None => {
                let form = ["rev-list", "--no-walk", "--no-commit-header", "--format=%ct"];
                let times = self.git.run(&[&form, commits].concat())?;
                times.lines().filter_map(|line| line.parse().ok()).max().unwrap_or(0)
            }
        };
        Ok(Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX))
    }

    /// `<mode> <type> <object>TAB<name>NUL`, see git-ls-tree(1), is what git-mktree(1) takes.
    fn with_object(&self, tree: &str, path: &str, blob: &str) -> Result<String, GitError> {
        let (name, below) = path.split_once('/').map_or((path, None), |(name, below)| (name, Some(below)));
        let listed = self.git.bytes(&["ls-tree", "-z", "--full-tree", tree])?;
        let (mut entries, mut found) = (Vec::with_capacity(listed.len() + path.len()), None);
        for entry in listed.split_inclusive(|byte| *byte == 0) {
            let named = entry.strip_suffix(b"\0").and_then(|entry| entry.strip_suffix(name.as_bytes()));
            match named.and_then(|facts| str::from_utf8(facts.strip_suffix(b"\t")?).ok()) {
                Some(facts) => found = Some(facts),
                None => entries.extend_from_slice(entry),
            }
        }
        let words: Option<Vec<&str>> = found.map(|facts| facts.split(' ').collect());
        let entry = match (words.as_deref(), below) {
            (Some([_, "tree", object]), Some(below)) => {
                format!("040000 tree {}", self.with_object(object, below, blob)?)
            }
            (Some([mode, "blob", _]), None) => format!("{mode} blob {blob}"),
            (None, None) => format!("100644 blob {blob}"),
            _ => {
                let message = format!("{path} is no file of {tree}");
                return Err(GitError::Failed { command: "mktree".to_owned(), message });
            }
        };
        entries.extend_from_slice(format!("{entry}\t{name}\0").as_bytes());
        // Contents that are elsewhere, in a partial clone or a submodule, are not asked for.
        self.written(&["mktree", "-z", "--missing"], &entries)
    }
}

fn newest_in(objects: &Repository, commits: &[&str]) -> Result<i64, git2::Error> {
    let time = |commit: &&str| Ok(objects.find_commit(Oid::from_str(commit)?)?.time().seconds());
    Ok(commits.iter().map(time).collect::<Result<Vec<_>, git2::Error>>()?.into_iter().max().unwrap_or(0))
}

/// In process. An error is no answer.
fn text_in(in_process: &Repository, tree_ish: &str, path: &str) -> Result<Option<String>, git2::Error> {
    let object = in_process.revparse_single(&format!("{tree_ish}:{path}"))?;
    Ok(object.as_blob().and_then(|blob| as_text(blob.content())))
}

fn with_file_in(in_process: &Repository, tree: &str, path: &str, text: &str) -> Result<String, git2::Error> {
    let tree = in_process.find_tree(Oid::from_str(tree)?)?;
    let mode = match tree.get_path(path.as_ref()).map(|entry| entry.filemode()) {
        Ok(mode) if mode == i32::from(FileMode::BlobExecutable) => FileMode::BlobExecutable,
        Ok(mode) if mode == i32::from(FileMode::Blob) => FileMode::Blob,
        Err(error) if error.code() == ErrorCode::NotFound => FileMode::Blob,
        // Whatever else it is, git knows.
        _ => return Err(git2::Error::from_str("no file")),
    };
    let blob = in_process.blob(text.as_bytes())?;
    Ok(TreeUpdateBuilder::new().upsert(path, blob, mode).create_updated(in_process, &tree)?.to_string())
}

fn as_text(content: &[u8]) -> Option<String> {
    let content = Some(content).filter(|content| content.len() as u64 <= limits::STATUS_LOG)?;
    str::from_utf8(content).ok().map(str::to_owned)
}
