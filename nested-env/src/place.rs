//! Where an environment is made: nothing that is there is deleted, unless it is an environment and that was asked for; and
//! when it fails, only what this call made goes again.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use clearance_engine::scratch_dir::remove;
use clearance_engine::source::read_bytes;

/// What makes a directory an environment.
pub(crate) const CONFIG: &str = "pyvenv.cfg";

/// What environments have at their top: of venv, uv and virtualenv, and of packages that put files there.
const PARTS: [&str; 13] = [
    "bin",
    "include",
    "lib",
    "lib64",
    "share",
    "etc",
    "man",
    "Scripts",
    "Include",
    "Lib",
    CONFIG,
    "CACHEDIR.TAG",
    ".lock",
];

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

/// A directory that an environment is made in. It is empty, locked against another call, and goes again unless it is kept.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
    /// Directories that were made on the way, from the top; the last one may be the place itself.
    made: Vec<PathBuf>,
    /// Whether what is in it is of this call: not before it was found empty, and no more once it is kept.
    own: bool,
    _lock: Option<File>,
}

impl Place {
    /// Takes a place. `path` is absolute.
    ///
    /// # Errors
    /// Nothing is touched then, except an environment that could not be deleted whole.
    pub(crate) fn take(path: &Path, clear: bool) -> Result<Self, PlaceError> {
        let (Some(name), Some(parent)) = (path.file_name(), path.parent()) else {
            return Err(PlaceError::NoName { path: path.to_owned() });
        };
        if path.to_str().is_none() {
            return Err(PlaceError::NotUtf8 { path: path.to_owned() });
        }
        let mut place = Self { path: PathBuf::new(), made: Vec::new(), own: false, _lock: None };
        place.make_parents(parent)?;
        // One spelling: tools read `..` behind a link otherwise than the system does.
        let parent = parent.canonicalize().map_err(|source| unusable(parent, source))?;
        place.path = parent.join(name);
        if place.path.to_str().is_none() {
            return Err(PlaceError::NotUtf8 { path: place.path.clone() });
        }
        match fs::create_dir(&place.path) {
            Ok(()) => place.made.push(place.path.clone()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => is_directory(&place.path)?,
            Err(source) => return Err(unusable(&place.path, source)),
        }
        place._lock = lock(&place.path)?;
        let found = entries(&place.path)?;
        if !found.is_empty() {
            clear_environment(&place.path, &found, clear)?;
        }
        place.own = true;
        Ok(place)
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
        if self.own {
            self.empty();
        }
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
    let Ok(directory) = File::open(path) else { return Ok(None) };
    match directory.try_lock() {
        Ok(()) => Ok(Some(directory)),
        Err(TryLockError::WouldBlock) => Err(PlaceError::Busy { path: path.to_owned() }),
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

/// The names in a directory, in order.
fn entries(path: &Path) -> Result<Vec<std::ffi::OsString>, PlaceError> {
    let unusable = |source| unusable(path, source);
    let read = path.read_dir().map_err(unusable)?;
    let mut names =
        read.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>().map_err(unusable)?;
    names.sort_unstable();
    Ok(names)
}

fn listed(names: &[std::ffi::OsString]) -> String {
    const MOST: usize = 3;
    let shown: Vec<_> = names.iter().take(MOST).map(|name| name.to_string_lossy()).collect();
    let more = names.len().saturating_sub(MOST);
    shown.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() }
}

/// Deletes an environment, where that is wanted and it is nothing else besides.
fn clear_environment(path: &Path, found: &[std::ffi::OsString], clear: bool) -> Result<(), PlaceError> {
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
    let not_cleared = |source| PlaceError::NotCleared { path: path.to_owned(), source };
    // Its mark goes last: what is left half way is an environment still.
    let (mark, parts): (Vec<_>, Vec<_>) = found.iter().partition(|name| *name == CONFIG);
    for name in parts.into_iter().chain(mark) {
        let part = path.join(name);
        let facts = part.symlink_metadata().map_err(not_cleared)?;
        let removed = if facts.is_dir() { fs::remove_dir_all(&part) } else { fs::remove_file(&part) };
        removed.map_err(not_cleared)?;
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
fn is_part(environment: &Path, name: &std::ffi::OsStr) -> bool {
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
