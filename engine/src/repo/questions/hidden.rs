//! What changed of files that git was told not to look at (assume-unchanged, skip-worktree).

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::Metadata;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::repo::git::path_of_bytes;
use crate::repo::{Git, GitError, Repo, RepoError};

/// As many paths as fit on any command line, however long they are.
const AT_ONCE: usize = 256;

/// A path that git was told not to look at, as it was committed, and what stands there now.
struct Overlooked {
    path: PathBuf,
    object: String,
    mode: String,
    /// `None` where a file stands in the place of a directory above it.
    now: Option<Metadata>,
}

impl Repo {
    /// Changed files that git was told not to look at: `git status` hides them, and a merge refuses or overwrites them.
    ///
    /// # Errors
    /// [`RepoError`].
    pub fn hidden_changes(&self, worktree: &Path) -> Result<Vec<PathBuf>, RepoError> {
        let here = self.at_worktree(worktree)?;
        let overlooked = here.view().overlooked()?;
        // Left out of a sparse checkout, it is not there at all.
        let standing: Vec<_> = overlooked
            .into_iter()
            .filter_map(|(path, object)| {
                let now = standing(&worktree.join(&path))?;
                Some((path, object, now))
            })
            .collect();
        if standing.is_empty() {
            return Ok(Vec::new());
        }
        let modes = here.view().config("core.filemode")?.is_none_or(|value| is_true(&value));
        let mut changed = Vec::new();
        for some in standing.chunks(AT_ONCE) {
            changed.extend(changed_of(worktree, with_modes(worktree, some)?, modes)?);
        }
        Ok(changed)
    }
}

/// What stands at a path; the outer `None` for nothing.
fn standing(path: &Path) -> Option<Option<Metadata>> {
    match path.symlink_metadata() {
        Ok(metadata) => Some(Some(metadata)),
        Err(error) if error.kind() == ErrorKind::NotADirectory => Some(None),
        Err(_) => None,
    }
}

fn is_true(value: &str) -> bool {
    !["false", "no", "off", "0", ""].iter().any(|no| value.trim().eq_ignore_ascii_case(no))
}

fn with_modes(
    worktree: &Path,
    some: &[(PathBuf, String, Option<Metadata>)],
) -> Result<Vec<Overlooked>, GitError> {
    let mut arguments: Vec<&OsStr> = ["ls-files", "--stage", "-z", "--"].map(OsStr::new).to_vec();
    arguments.extend(some.iter().map(|(path, ..)| path.as_os_str()));
    let out = Git::new(worktree).bytes(&arguments)?;
    // `100644 <object> 0<TAB><path>`
    let modes: BTreeMap<PathBuf, String> = out
        .split(|byte| *byte == 0)
        .filter_map(|record| {
            let tab = record.iter().position(|byte| *byte == b'\t')?;
            let mode = str::from_utf8(record.get(..6)?).ok()?;
            Some((path_of_bytes(&record[tab + 1..]), mode.to_owned()))
        })
        .collect();
    let overlooked = |(path, object, now): &(PathBuf, String, Option<Metadata>)| Overlooked {
        mode: modes.get(path).cloned().unwrap_or_default(),
        path: path.clone(),
        object: object.clone(),
        now: now.clone(),
    };
    Ok(some.iter().map(overlooked).collect())
}

/// Those that are not as they were committed. Links and modes are told here, the content of files by git, which knows
/// its filters.
fn changed_of(worktree: &Path, some: Vec<Overlooked>, modes: bool) -> Result<Vec<PathBuf>, GitError> {
    let mut changed = Vec::new();
    let mut hashed = Vec::new();
    for file in some {
        let differs = match (file.mode.as_str(), &file.now) {
            (_, None) => true,
            // A submodule is never in the way: git leaves it as it is.
            ("160000", Some(now)) => !now.is_dir(),
            ("120000", Some(now)) if now.is_symlink() => {
                let committed = Git::new(worktree).bytes(&["cat-file", "blob", &file.object])?;
                worktree.join(&file.path).read_link().ok() != Some(path_of_bytes(&committed))
            }
            // Where there are no links, they are kept as files.
            (mode, Some(now)) if now.is_file() => {
                let runs = mode == "100755";
                if modes && mode != "120000" && is_executable(now).is_some_and(|now| now != runs) {
                    true
                } else {
                    hashed.push((file.path, file.object));
                    continue;
                }
            }
            _ => true,
        };
        changed.extend(differs.then_some(file.path));
    }
    if !hashed.is_empty() {
        let mut arguments = vec![OsStr::new("hash-object"), OsStr::new("--")];
        arguments.extend(hashed.iter().map(|(path, _)| path.as_os_str()));
        let now = Git::new(worktree).run(&arguments)?;
        let differs = hashed.iter().zip(now.lines()).filter(|((_, object), now)| object != now);
        changed.extend(differs.map(|((path, _), _)| path.clone()));
    }
    Ok(changed)
}

/// Whether its owner may run it; `None` where files have no such mode.
#[cfg(unix)]
fn is_executable(metadata: &Metadata) -> Option<bool> {
    Some(std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o100 != 0)
}

#[cfg(not(unix))]
fn is_executable(_: &Metadata) -> Option<bool> {
    None
}
