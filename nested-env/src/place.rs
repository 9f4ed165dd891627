//! Where an environment is made: nothing that is there is deleted, unless it is an environment and that was asked for; and
//! when it fails, only what this call made goes again.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use clearance_engine::scratch_dir::remove;
use clearance_engine::source::read_bytes;

/// What makes a directory an environment.
pub(crate) const CONFIG: &str = "pyvenv.cfg";

/// What environments have at their top: of venv, uv and virtualenv. Some packages put files into `share` and `etc`, but so do
/// people, where they made an environment of `~/.local`.
const PARTS: [&str; 10] =
    ["bin", "include", "lib", "lib64", "Scripts", "Include", "Lib", CONFIG, "CACHEDIR.TAG", ".lock"];

/// Makes git ignore the environment; uv and newer Pythons write one.
const IGNORE: &str = ".gitignore";

/// Why no environment is made at a place.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum PlaceError {
    /// No path, or one that ends in `..`.
    #[error("`{}` is no name for a directory", path.display())]
    #[diagnostic(
        code(env_directory_invalid),
        help("name the directory that the environment is to be made in: .venv, say")
    )]
    NoName {
        /// As it was given.
        path: PathBuf,
    },
    /// A path that cannot be told in JSON, nor written into the environment's files.
    #[error("the path {} is not UTF-8", path.display())]
    #[diagnostic(
        code(env_directory_invalid),
        help("environments hold their own path in text files: name a directory whose path is UTF-8")
    )]
    NotUtf8 {
        /// As it was given.
        path: PathBuf,
    },
    /// It is a link.
    #[error("{} is a link: what it leads to was not named, and is not touched", path.display())]
    #[diagnostic(code(env_directory_taken), help("name the directory itself, or another one"))]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// It, or a part of the way to it, is something else than a directory.
    #[error("{} is not a directory", path.display())]
    #[diagnostic(code(env_directory_taken), help("name another directory"))]
    NoDirectory {
        /// What is in the way.
        path: PathBuf,
    },
    /// It has something in it, and is no environment.
    #[error("{} is not empty, and is no Python environment: it has {found}", path.display())]
    #[diagnostic(
        code(env_directory_taken),
        help("nothing of it was touched, and --clear would not delete it either: name another directory")
    )]
    Taken {
        /// The directory.
        path: PathBuf,
        /// Some of what is in it.
        found: String,
    },
    /// It is an environment already.
    #[error("{} is a Python environment already", path.display())]
    #[diagnostic(code(env_exists), help("use it as it is, or make it anew: --clear deletes it first"))]
    Exists {
        /// The directory.
        path: PathBuf,
    },
    /// Another process makes one there.
    #[error("another process is making an environment in {}", path.display())]
    #[diagnostic(code(env_busy), help("wait for it, or name another directory"))]
    Busy {
        /// The directory.
        path: PathBuf,
    },
    /// What was to be deleted cannot be deleted.
    #[error("the environment {} cannot be deleted: {source}", path.display())]
    #[diagnostic(
        code(env_not_cleared),
        help("it may be half there: delete the rest by hand, or name another directory")
    )]
    NotCleared {
        /// The directory.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// It cannot be made or looked at.
    #[error("{}: {source}", path.display())]
    #[diagnostic(
        code(env_directory_unusable),
        help("no environment can be made there: name a directory that you may write to")
    )]
    Io {
        /// Which directory.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

impl PlaceError {
    /// Whether another call would be answered otherwise: it is for the caller to change what was asked.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        !matches!(self, Self::Busy { .. } | Self::NotCleared { .. } | Self::Io { .. })
    }
}

/// A directory that an environment is made in. It is empty once it is cleared, locked against another call, and goes again
/// unless it is kept.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
    /// Directories that were made on the way, from the top; the last one may be the place itself.
    made: Vec<PathBuf>,
    /// The environment that is there, and goes before another is made.
    old: Vec<OsString>,
    /// Whether what is in it is of this call: not before it was empty, and no more once it is kept.
    own: bool,
    _lock: Option<File>,
}

impl Place {
    /// Takes a place. `path` is absolute. An environment that is there and may be deleted is there still: whether another can
    /// be made may not be known yet.
    ///
    /// # Errors
    /// Nothing is touched then.
    pub(crate) fn take(path: &Path, clear: bool) -> Result<Self, PlaceError> {
        let (Some(name), Some(parent)) = (path.file_name(), path.parent()) else {
            return Err(PlaceError::NoName { path: path.to_owned() });
        };
        if path.to_str().is_none() {
            return Err(PlaceError::NotUtf8 { path: path.to_owned() });
        }
        // A call that fails takes away the directories that it made, which another may be about to use: that one begins again.
        const TRIES: usize = 16;
        let mut place = Self::enter(parent, name);
        for _ in 1..TRIES {
            match &place {
                Err(PlaceError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                _ => break,
            }
            place = Self::enter(parent, name);
        }
        let mut place = place?;
        place.old = entries(&place.path)?;
        if !place.old.is_empty() {
            may_be_deleted(&place.path, &place.old, clear)?;
        }
        place.own = place.old.is_empty();
        Ok(place)
    }

    /// Makes the directory, where it is not there, and locks it.
    fn enter(parent: &Path, name: &OsStr) -> Result<Self, PlaceError> {
        let mut place =
            Self { path: PathBuf::new(), made: Vec::new(), old: Vec::new(), own: false, _lock: None };
        place.make_parents(parent)?;
        // One spelling: tools read `..` behind a link otherwise than the system does.
        let parent = parent.canonicalize().map_err(|source| unusable(parent, source))?;
        place.path = parent.join(name);
        if place.path.to_str().is_none() {
            return Err(PlaceError::NotUtf8 { path: place.path.clone() });
        }
        let made = match fs::create_dir(&place.path) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
            Err(source) => return Err(unusable(&place.path, source)),
        };
        if !made {
            is_directory(&place.path)?;
        }
        // Not before it is locked is it this call's to take away: another that was faster may be at work in it.
        place._lock = lock(&place.path)?;
        place.made.extend(made.then(|| place.path.clone()));
        Ok(place)
    }

    /// Deletes the environment that is there. From then on what is in the directory is of this call.
    ///
    /// # Errors
    /// [`PlaceError::NotCleared`] where it cannot be deleted whole.
    pub(crate) fn clear(&mut self) -> Result<(), PlaceError> {
        let not_cleared = |source| PlaceError::NotCleared { path: self.path.clone(), source };
        // Its mark goes last: what is left half way is an environment still.
        let (mark, parts): (Vec<_>, Vec<_>) = self.old.iter().partition(|name| *name == CONFIG);
        for name in parts.into_iter().chain(mark) {
            let part = self.path.join(name);
            let facts = part.symlink_metadata().map_err(not_cleared)?;
            let removed = if facts.is_dir() { fs::remove_dir_all(&part) } else { fs::remove_file(&part) };
            removed.map_err(not_cleared)?;
        }
        self.old.clear();
        self.own = true;
        Ok(())
    }

    /// The directory: absolute, and UTF-8.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// As text, for a command line.
    pub(crate) fn text(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }

    fn make_parents(&mut self, parent: &Path) -> Result<(), PlaceError> {
        let missing: Vec<&Path> = parent.ancestors().take_while(|path| !path.exists()).collect();
        for path in missing.into_iter().rev() {
            match fs::create_dir(path) {
                Ok(()) => self.made.push(path.to_owned()),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(unusable(path, source)),
            }
        }
        Ok(())
    }

    /// Takes away what a tool left that failed. What is left then, and why.
    pub(crate) fn empty(&self) -> Option<String> {
        if !self.own {
            return None;
        }
        let made = self.made.last() == Some(&self.path);
        let found = entries(&self.path).unwrap_or_default();
        // In a directory that was there before, only what environments have: somebody else may have put a file there.
        found.iter().filter(|name| made || is_part(&self.path, name)).for_each(|name| {
            let path = self.path.join(name);
            let is_directory = path.symlink_metadata().is_ok_and(|facts| facts.is_dir());
            if is_directory { remove(&path) } else { drop(fs::remove_file(&path)) }
        });
        let left = entries(&self.path).unwrap_or_default();
        (!left.is_empty()).then(|| format!("{} still has {}", self.path.display(), listed(&left)))
    }

    /// Keeps what was made.
    pub(crate) fn keep(mut self) -> PathBuf {
        self.own = false;
        self.made.clear();
        // Git is not to see thousands of files; it is no loss where this cannot be written.
        let ignore = self.path.join(IGNORE);
        if let Ok(mut file) = File::options().write(true).create_new(true).open(ignore) {
            let _ = io::Write::write_all(&mut file, b"*\n");
        }
        std::mem::take(&mut self.path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.empty();
        // From below; one that is not empty stays.
        self.made.iter().rev().for_each(|path| drop(fs::remove_dir(path)));
    }
}

fn unusable(path: &Path, source: io::Error) -> PlaceError {
    if source.kind() == io::ErrorKind::NotADirectory {
        let file = path.ancestors().find(|path| path.exists() && !path.is_dir());
        return PlaceError::NoDirectory { path: file.unwrap_or(path).to_owned() };
    }
    PlaceError::Io { path: path.to_owned(), source }
}

fn is_directory(path: &Path) -> Result<(), PlaceError> {
    let facts = path.symlink_metadata().map_err(|source| unusable(path, source))?;
    match () {
        () if facts.is_symlink() => Err(PlaceError::Link { path: path.to_owned() }),
        () if facts.is_dir() => Ok(()),
        () => Err(PlaceError::NoDirectory { path: path.to_owned() }),
    }
}

/// A lock on the directory itself, which leaves no file in it. File systems that have none do without.
fn lock(path: &Path) -> Result<Option<File>, PlaceError> {
    let directory = match File::open(path) {
        Ok(directory) => directory,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(unusable(path, error)),
        Err(_) => return Ok(None),
    };
    match directory.try_lock() {
        // Who had it before may have taken it away, and another may have made it anew.
        Ok(()) if !is_at(&directory, path) => Err(unusable(path, io::ErrorKind::NotFound.into())),
        Ok(()) => Ok(Some(directory)),
        Err(TryLockError::WouldBlock) => Err(PlaceError::Busy { path: path.to_owned() }),
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

/// Whether an open directory is the one that is at a path now.
#[cfg(unix)]
fn is_at(directory: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |facts: fs::Metadata| (facts.dev(), facts.ino());
    directory.metadata().ok().map(id) == path.symlink_metadata().ok().map(id)
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

/// The names in a directory, in order.
fn entries(path: &Path) -> Result<Vec<OsString>, PlaceError> {
    let unusable = |source| unusable(path, source);
    let read = path.read_dir().map_err(unusable)?;
    let mut names =
        read.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>().map_err(unusable)?;
    names.sort_unstable();
    Ok(names)
}

fn listed(names: &[OsString]) -> String {
    const MOST: usize = 3;
    let shown: Vec<_> = names.iter().take(MOST).map(|name| name.to_string_lossy()).collect();
    let more = names.len().saturating_sub(MOST);
    shown.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() }
}

/// Whether what is in a directory may be deleted: where that is wanted, and it is an environment and nothing else besides.
fn may_be_deleted(path: &Path, found: &[OsString], clear: bool) -> Result<(), PlaceError> {
    let taken = |found: &[_]| Err(PlaceError::Taken { path: path.to_owned(), found: listed(found) });
    if !is_environment(path) {
        return taken(found);
    }
    if !clear {
        return Err(PlaceError::Exists { path: path.to_owned() });
    }
    let others: Vec<_> = found.iter().filter(|name| !is_part(path, name)).cloned().collect();
    if !others.is_empty() {
        return taken(&others);
    }
    Ok(())
}

/// Whether a directory is an environment: it says where its Python is, and has a place for programs.
fn is_environment(path: &Path) -> bool {
    home_of(path).is_some() && ["bin", "Scripts"].iter().any(|name| path.join(name).is_dir())
}

/// Where the Python of an environment is: `home` of its `pyvenv.cfg`.
pub(crate) fn home_of(environment: &Path) -> Option<PathBuf> {
    value_of(environment, "home").map(PathBuf::from)
}

/// A value of `pyvenv.cfg`: `key = value`, a line each.
pub(crate) fn value_of(environment: &Path, wanted: &str) -> Option<String> {
    const LONGEST: u64 = 64 << 10;
    let bytes = read_bytes(CONFIG, &environment.join(CONFIG), LONGEST).ok().flatten()?;
    let text = String::from_utf8(bytes).ok()?;
    let mut lines = text.lines().filter_map(|line| line.split_once('='));
    lines.find(|(key, _)| key.trim() == wanted).map(|(_, value)| value.trim().to_owned())
}

/// Whether an entry is one that environments have.
fn is_part(environment: &Path, name: &OsStr) -> bool {
    if name == IGNORE {
        // That of an environment ignores everything; another one is somebody's work.
        let bytes = read_bytes(IGNORE, &environment.join(IGNORE), 4096).ok().flatten().unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        return text
            .lines()
            .map(str::trim)
            .all(|line| line.is_empty() || line == "*" || line.starts_with('#'));
    }
    PARTS.iter().any(|part| name == *part)
}

#[cfg(all(test, unix))]
mod tests;
