//! A work tree whose branch moves: its files are brought to the merge behind a lock of its index, which nobody but the landing that
//! holds it can take away. Until the branch has moved, everything can be taken back.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::LandError;
use super::journal::{HeldTree, LandDir};
use crate::repo::{Git, GitError, Repo, TreeChange};

/// A work tree of a landing.
pub(super) struct Barrier<'a> {
    tree: &'a HeldTree,
    git: Git,
    /// `index` of the work tree.
    index: PathBuf,
    /// `index.lock`: a hard link to the mark, by which it is known again.
    lock: PathBuf,
    /// In the directory of the landing.
    mark: PathBuf,
    /// The index that the work tree will have; also there.
    copy: PathBuf,
}

impl<'a> Barrier<'a> {
    /// The `nth` work tree of a landing.
    pub(super) fn of(directory: &LandDir, nth: usize, tree: &'a HeldTree) -> Result<Self, LandError> {
        let git = Git::new(&tree.root);
        let index = git_file(&tree.root, "index")?;
        let lock = index.with_file_name("index.lock");
        let (mark, copy) = (directory.file(&format!("mark-{nth}")), directory.file(&format!("index-{nth}")));
        Ok(Self { tree, git, index, lock, mark, copy })
    }

    /// Locks the index, and brings the files to the merge. What is not committed is not touched: then nothing is.
    pub(super) fn raise(&self) -> Result<(), LandError> {
        File::create(&self.mark).map_err(|source| LandError::io(&self.mark, source))?;
        match fs::hard_link(&self.mark, &self.lock) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.forget()?;
                return Err(LandError::IndexLocked { lock: self.lock.clone() });
            }
            other => other.map_err(|source| LandError::io(&self.lock, source))?,
        }
        copy_with_time(&self.index, &self.copy).map_err(|source| LandError::io(&self.copy, source))?;
        let refused = |error| match error {
            GitError::Failed { message, .. } => LandError::WorkTree { root: self.tree.root.clone(), message },
            other => LandError::from(other),
        };
        // Where git refuses, every file is still as it was: there is nothing to take back but the lock. What is in the way
        // is somebody's own, and must not be taken for a file that was half written.
        let ask = || self.git.may_update_files(&self.copy, &self.tree.old, &self.tree.new);
        // A file may be as it was committed and only look otherwise, after a copy or a touch. Who looks at all of them knows;
        // that takes its time, and is rarely needed.
        let refreshed = || self.git.run_with_index(&["update-index", "-q", "--refresh"], &self.copy).is_ok();
        if let Err(error) = ask().or_else(|error| if refreshed() { ask() } else { Err(error) }) {
            self.unlock()?;
            return Err(refused(error));
        }
        self.git.update_files(&self.copy, &self.tree.old, &self.tree.new).map_err(refused)
    }

    /// Makes the index that of the merge, and unlocks it. Done again, it does nothing.
    pub(super) fn settle(&self) -> Result<(), LandError> {
        // Without the copy it is the index of the merge already.
        let expected = if self.copy.exists() { &self.tree.old } else { &self.tree.new };
        if !self.holds(expected)? {
            return Ok(());
        }
        match fs::rename(&self.copy, &self.index) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(LandError::io(&self.index, error));
            }
            _ => {}
        }
        self.unlock()
    }

    /// Puts the files back as they were, and unlocks the index. Every file must be as it was, as the merge has it, or half
    /// written: otherwise nothing is changed.
    pub(super) fn take_back(&self) -> Result<(), LandError> {
        if !self.holds(&self.tree.old)? {
            return Ok(());
        }
        let changes = self.git.tree_changes(&self.tree.old, &self.tree.new)?;
        let mut wrong = Vec::new();
        for change in &changes {
            wrong.extend(self.look_at(change)?.then_some(change));
        }
        // What came goes first: it may stand where a directory was, or a file.
        for change in wrong.iter().filter(|change| change.old.is_none()) {
            self.remove(&change.path)?;
        }
        let back: Vec<&Path> =
            wrong.iter().filter(|change| change.old.is_some()).map(|change| change.path.as_path()).collect();
        if !back.is_empty() {
            self.git.checkout_files(&back)?;
        }
        self.refresh()?;
        self.unlock()
    }

    /// Lets git look at the files once more, which are the same and not as old: in a copy of the index, so that nobody killed here
    /// leaves a lock of git's. Whether it could note that does not matter.
    fn refresh(&self) -> Result<(), LandError> {
        copy_with_time(&self.index, &self.copy).map_err(|source| LandError::io(&self.copy, source))?;
        let refreshed = self.git.run_with_index(&["update-index", "-q", "--refresh"], &self.copy);
        match refreshed.map(|_| fs::rename(&self.copy, &self.index)) {
            Ok(Err(error)) if error.kind() != io::ErrorKind::NotFound => {
                Err(LandError::io(&self.index, error))
            }
            _ => Ok(()),
        }
    }

    /// Whether the index is locked by this landing, which is so until everything is in its place. A lock that somebody removed
    /// meanwhile, as git advises, is put back, unless he went on with the index: it must be that of `expected`.
    fn holds(&self, expected: &str) -> Result<bool, LandError> {
        if !self.mark.exists() {
            return Ok(false);
        }
        if self.is_ours() {
            return Ok(true);
        }
        if fs::hard_link(&self.mark, &self.lock).is_err() {
            return Err(LandError::IndexLocked { lock: self.lock.clone() });
        }
        let same = self.git.answer(&["diff-index", "--cached", "--quiet", expected, "--"], &[0, 1])?.0 == 0;
        if !same {
            fs::remove_file(&self.lock).map_err(|source| LandError::io(&self.lock, source))?;
            return Err(LandError::Edited { path: self.index.clone() });
        }
        Ok(true)
    }

    /// Whether the lock of the index is that of this landing: another name of the mark.
    fn is_ours(&self) -> bool {
        same_file(&self.mark, &self.lock)
    }

    fn unlock(&self) -> Result<(), LandError> {
        match fs::remove_file(&self.lock) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(LandError::io(&self.lock, error));
            }
            _ => {}
        }
        self.forget()
    }

    /// Nothing is left to be settled or taken back.
    fn forget(&self) -> Result<(), LandError> {
        match fs::remove_file(&self.mark) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(LandError::io(&self.mark, error)),
            _ => Ok(()),
        }
    }

    /// Whether a path is not as it was.
    fn look_at(&self, change: &TreeChange) -> Result<bool, LandError> {
        const SUBMODULE: &str = "160000";
        let path = self.tree.root.join(&change.path);
        let sides = [(&self.tree.old, &change.old), (&self.tree.new, &change.new)];
        let is_submodule =
            sides.iter().any(|(_, side)| side.as_ref().is_some_and(|side| side.mode == SUBMODULE));
        if is_submodule {
            return Ok(change.old.is_none() && path.symlink_metadata().is_ok());
        }
        let Some(here) = Content::of(&path)? else { return Ok(change.old.is_some()) };
        let mut is_known = false;
        for (nth, (commit, side)) in sides.into_iter().enumerate() {
            let Some(side) = side else { continue };
            let there = match side.mode.as_str() {
                "120000" => Content::Link(self.git.blob(&side.blob)?),
                mode => Content::File {
                    bytes: self.git.smudged(commit, &side.blob, &change.path)?,
                    executable: mode == "100755",
                },
            };
            if nth == 0 && here == there {
                return Ok(false);
            }
            is_known |= here.is_part_of(&there);
        }
        if matches!(here, Content::Directory) {
            // What is in it is looked at by itself: in the place of a file that was, it is what came; where a file was to
            // come, it is what was.
            return Ok(change.old.is_some());
        }
        if is_known {
            return Ok(true);
        }
        // A filter may write one content in more than one way: what it cleans to is what counts.
        let cleaned = self.git.cleaned(&change.path)?;
        match (&change.old, &change.new) {
            (Some(old), _) if old.blob == cleaned => Ok(false),
            (_, Some(new)) if new.blob == cleaned => Ok(true),
            _ => Err(LandError::Edited { path }),
        }
    }

    /// Removes a file that came, and the directories that it came with.
    fn remove(&self, path: &Path) -> Result<(), LandError> {
        let full = self.tree.root.join(path);
        let gone = match full.symlink_metadata() {
            Ok(metadata) if metadata.is_dir() => fs::remove_dir(&full),
            Ok(_) => fs::remove_file(&full),
            Err(error) => Err(error),
        };
        match gone {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(LandError::io(&full, error)),
            _ => {}
        }
        for above in path.ancestors().skip(1).take_while(|above| !above.as_os_str().is_empty()) {
            // One that is not empty was there before, or has more to be removed.
            if fs::remove_dir(self.tree.root.join(above)).is_err() {
                break;
            }
        }
        Ok(())
    }
}

/// A file of the git directory of a work tree.
pub(super) fn git_file(root: &Path, name: &str) -> Result<PathBuf, LandError> {
    let file = Repo::git_files(root, &[name]).and_then(|mut files| files.pop());
    file.ok_or_else(|| LandError::io(&root.join(".git"), io::ErrorKind::NotFound.into()))
}

/// What stands at a path.
#[derive(Debug, PartialEq, Eq)]
enum Content {
    File { bytes: Vec<u8>, executable: bool },
    Link(Vec<u8>),
    Directory,
}

impl Content {
    fn of(path: &Path) -> Result<Option<Self>, LandError> {
        let failed = |source| LandError::io(path, source);
        let metadata = match path.symlink_metadata() {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            other => other.map_err(failed)?,
        };
        if metadata.is_symlink() {
            let target = fs::read_link(path).map_err(failed)?;
            return Ok(Some(Self::Link(target.as_os_str().as_encoded_bytes().to_owned())));
        }
        if metadata.is_dir() {
            return Ok(Some(Self::Directory));
        }
        if !metadata.is_file() {
            return Err(LandError::Edited { path: path.to_owned() });
        }
        let mut bytes = Vec::new();
        File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)).map_err(failed)?;
        Ok(Some(Self::File { bytes, executable: is_executable(&metadata) }))
    }

    /// Whether it is this, or was cut off while it was written.
    fn is_part_of(&self, whole: &Self) -> bool {
        match (self, whole) {
            (Self::File { bytes, .. }, Self::File { bytes: whole, .. }) => whole.starts_with(bytes),
            (one, other) => one == other,
        }
    }
}

#[cfg(unix)]
fn is_executable(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o100 != 0
}

#[cfg(not(unix))]
fn is_executable(_metadata: &fs::Metadata) -> bool {
    false
}

/// A copy that is as old as the original: by that age git knows which files it must not trust to be unchanged.
fn copy_with_time(from: &Path, to: &Path) -> io::Result<()> {
    let modified = match from.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?.modified()?,
    };
    fs::copy(from, to)?;
    File::options().write(true).open(to)?.set_modified(modified)
}

#[cfg(unix)]
fn same_file(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |path: &Path| path.symlink_metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()));
    id(one).is_some_and(|one| id(other) == Some(one))
}

#[cfg(not(unix))]
fn same_file(one: &Path, other: &Path) -> bool {
    // Only a landing makes an empty lock and a mark.
    let empty = |path: &Path| path.metadata().is_ok_and(|metadata| metadata.len() == 0);
    empty(one) && empty(other)
}
