//! Where throw-away object directories are made. They go when the process ends; one that was killed leaves its own, which
//! the next one takes away.

use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

const PREFIX: &str = "clearance-objects-";

/// Makes a directory, and removes those of processes that are gone.
///
/// # Errors
/// The system's.
pub(super) fn make() -> io::Result<TempDir> {
    let place = tempfile::env::temp_dir();
    #[cfg(unix)]
    left_behind(&place).iter().for_each(|directory| drop(std::fs::remove_dir_all(directory)));
    make_in(&place)
}

/// Its name says whose it is.
fn make_in(place: &Path) -> io::Result<TempDir> {
    let prefix = format!("{PREFIX}{}-{}-", world(), std::process::id());
    tempfile::Builder::new().prefix(&prefix).tempdir_in(place)
}

/// Which processes a process number is one of: containers count their own, and may share this directory.
#[cfg(target_os = "linux")]
fn world() -> u64 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self/ns/pid").map_or(0, |world| world.ino())
}

#[cfg(not(target_os = "linux"))]
fn world() -> u64 {
    0
}

/// Directories of the same user whose process is gone. What cannot be told is left alone.
#[cfg(unix)]
fn left_behind(place: &Path) -> Vec<PathBuf> {
    use std::os::unix::fs::MetadataExt;
    let me = rustix::process::geteuid().as_raw();
    let Ok(entries) = place.read_dir() else { return Vec::new() };
    let is_left = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let mine = || path.symlink_metadata().is_ok_and(|facts| facts.is_dir() && facts.uid() == me);
        process_of(name).is_some_and(is_gone) && mine()
    };
    entries.flatten().map(|entry| entry.path()).filter(is_left).collect()
}

/// The process that made a directory of this name, if it is one that can be asked for.
#[cfg(unix)]
fn process_of(name: &str) -> Option<rustix::process::Pid> {
    let mut parts = name.strip_prefix(PREFIX)?.split('-');
    parts.next().filter(|number| *number == world().to_string())?;
    rustix::process::Pid::from_raw(parts.next()?.parse().ok().filter(|number| *number > 0)?)
}

#[cfg(unix)]
fn is_gone(process: rustix::process::Pid) -> bool {
    rustix::process::test_kill_process(process) == Err(rustix::io::Errno::SRCH)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_process_that_is_gone_left_is_removed() {
        let place = tempfile::tempdir().unwrap();
        let make = |name: String| std::fs::create_dir(place.path().join(name)).unwrap();
        let mut gone = std::process::Command::new("true").spawn().unwrap();
        gone.wait().unwrap();
        let left = format!("{PREFIX}{}-{}-a", world(), gone.id());
        make(left.clone());
        make(format!("{PREFIX}{}-{}-b", world() + 1, gone.id()));
        make(format!("{PREFIX}{}-0-c", world()));
        make(format!("{PREFIX}abc"));
        make(format!("{PREFIX}{}-1-d", world()));
        let own = make_in(place.path()).unwrap();
        assert_eq!(left_behind(place.path()), [place.path().join(left)]);
        assert!(own.path().is_dir());
    }
}
