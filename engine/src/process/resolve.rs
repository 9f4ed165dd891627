//! Which file a program's name stands for.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::ProgramError;

/// The variable that names the directories of programs.
pub(super) const PATH: &str = "PATH";

/// The file that would be run for a name: from `directory` where the name has a `/`, and otherwise from the first directory
/// of PATH in `env` that has such a program. Entries of PATH that are not absolute do not count: what they lead to
/// depends on where the program runs. Links are not resolved.
///
/// # Errors
/// [`ProgramError::NotFound`], [`ProgramError::NoFile`], [`ProgramError::NotExecutable`]; and
/// [`ProgramError::NoDirectory`] where `directory` is not absolute.
pub fn resolve(name: &str, directory: &Path, env: &[(OsString, OsString)]) -> Result<PathBuf, ProgramError> {
    if !directory.is_absolute() {
        return Err(ProgramError::NoDirectory { path: directory.to_owned() });
    }
    if name.contains('/') {
        // In one spelling, without `.` and doubled `/`.
        let path: PathBuf = directory.join(name).components().collect();
        return match path.symlink_metadata() {
            _ if is_program(&path) => Ok(path),
            Ok(_) => Err(ProgramError::NotExecutable { path }),
            Err(_) => Err(ProgramError::NoFile { path }),
        };
    }
    // The last one counts, as it does for the program.
    let path = env.iter().rfind(|(variable, _)| variable == PATH).map(|(_, value)| value.as_os_str());
    let searched = absolute_entries(path.unwrap_or_default());
    let candidates: Vec<_> = searched.iter().map(|entry| entry.join(name)).collect();
    if let Some(found) = candidates.iter().find(|candidate| is_program(candidate)) {
        return Ok(found.clone());
    }
    match candidates.into_iter().find(|candidate| candidate.is_file()) {
        Some(path) => Err(ProgramError::NotExecutable { path }),
        None => Err(ProgramError::NotFound { name: name.to_owned(), searched }),
    }
}

/// The entries of PATH that lead to one place from everywhere.
pub(super) fn absolute_entries(path: &OsStr) -> Vec<PathBuf> {
    std::env::split_paths(path).filter(|entry| entry.is_absolute()).collect()
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}
