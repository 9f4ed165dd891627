//! Where throw-away directories are made. They go when the process ends; one that was killed leaves its own, which the
//! next one takes away.

use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// What a directory is for: how its name begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Objects over those of a repository.
    Objects,
    /// The files of a commit.
    Checkout,
    /// What a scenario is played in.
    Scenario,
}

impl Purpose {
    const ALL: [Self; 3] = [Self::Objects, Self::Checkout, Self::Scenario];

    fn prefix(self) -> &'static str {
        match self {
            Self::Objects => "clearance-objects-",
            Self::Checkout => "clearance-checkout-",
            Self::Scenario => "clearance-scenario-",
        }
    }
}

/// Makes a directory in `place`, and removes those of processes that are gone.
///
/// # Errors
/// The system's.
pub fn make(place: &Path, purpose: Purpose) -> io::Result<TempDir> {
    #[cfg(unix)]
    left_behind(place).iter().for_each(|directory| remove(directory));
    // Its name says whose it is.
    let prefix = format!("{}{}-{}-", purpose.prefix(), world(), std::process::id());
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix);
    // What a repository has is not for everybody who may look into the directory of temporary files.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.tempdir_in(place)
}

/// Removes a directory, also where a program that ran in it took the right to write from a part of it.
pub fn remove(directory: &Path) {
    if std::fs::remove_dir_all(directory).is_err() {
        #[cfg(unix)]
        make_writable(directory);
        let _ = std::fs::remove_dir_all(directory);
    }
}

/// Gives the user back the right to write in a directory and those below it.
#[cfg(unix)]
pub(crate) fn make_writable(directory: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        let _ = std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o700));
        let entries = directory.read_dir().into_iter().flatten().flatten();
        // The type of an entry is that of a link itself, never of what it leads to.
        let inside = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        directories.extend(inside.map(|entry| entry.path()));
    }
}

#[cfg(not(unix))]
pub(crate) fn make_writable(_directory: &Path) {}

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
    let own = Purpose::ALL.iter().find_map(|purpose| name.strip_prefix(purpose.prefix()))?;
    let mut parts = own.split('-');
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
    use rstest::rstest;
    use std::os::unix::fs::PermissionsExt;

    #[rstest]
    fn only_what_a_process_that_is_gone_left_is_removed(
        #[values(Purpose::Objects, Purpose::Checkout, Purpose::Scenario)] purpose: Purpose,
    ) {
        let place = tempfile::tempdir().unwrap();
        let made = |name: String| {
            let directory = place.path().join(name);
            std::fs::create_dir_all(directory.join("below")).unwrap();
            directory
        };
        let mut gone = std::process::Command::new("true").spawn().unwrap();
        gone.wait().unwrap();
        let prefix = purpose.prefix();
        let left = made(format!("{prefix}{}-{}-a", world(), gone.id()));
        let kept = [
            made(format!("{prefix}{}-{}-b", world() + 1, gone.id())),
            made(format!("{prefix}{}-0-c", world())),
            made(format!("{prefix}abc")),
            made(format!("{prefix}{}-1-d", world())),
            made(format!("clearance-other-{}-{}-e", world(), gone.id())),
            made(format!("other-{}-{}-f", world(), gone.id())),
        ];
        assert_eq!(left_behind(place.path()), std::slice::from_ref(&left));
        let own = make(place.path(), Purpose::Objects).unwrap();
        assert!(own.path().is_dir() && !left.exists());
        assert!(kept.iter().all(|directory| directory.is_dir()));
    }

    #[test]
    fn what_a_program_took_the_right_to_write_from_is_given_it_back_links_are_not_followed() {
        let place = tempfile::tempdir().unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        let (below, elsewhere) = (place.path().join("own/a/b"), place.path().join("elsewhere"));
        std::fs::create_dir_all(&below).unwrap();
        std::fs::create_dir(&elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, below.join("link")).unwrap();
        let own = [below.clone(), place.path().join("own/a")];
        let close = || {
            for path in own.iter().chain([&elsewhere]) {
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o555)).unwrap();
            }
        };
        close();
        make_writable(&place.path().join("own"));
        assert_eq!((own.each_ref().map(|path| mode(path)), mode(&elsewhere)), ([0o700; 2], 0o555));
        close();
        remove(&place.path().join("own"));
        assert!(!place.path().join("own").exists() && elsewhere.is_dir());
    }
}
