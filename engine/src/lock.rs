//! Locks between processes. That of a mission's state is `flock(2)` on the very file that the original tool locks, so that both exclude
//! each other. POSIX record locks (`fcntl.lockf`) would not.

use std::fs::{File, OpenOptions, TryLockError};
#[cfg(unix)]
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::shared::{create_shared_dir, share_as_parent};

/// A held lock; dropped, or with the process, it is free again.
#[derive(Debug)]
pub struct FileLock {
    file: File,
}

/// Why the lock was not obtained. Nothing was read or written.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum LockError {
    /// Somebody holds it.
    #[error("{} is held by {holder}, who is writing; waited {:.1} s for it", path.display(), waited.as_secs_f32())]
    #[diagnostic(
        code(mission_locked),
        help("run the command again when it is done, or wait longer: --lock-timeout SECONDS")
    )]
    Held {
        /// The lock file.
        path: PathBuf,
        /// Who: a process where the system tells.
        holder: String,
        /// For how long it was waited.
        waited: Duration,
    },
    /// The lock file cannot be used.
    #[error("cannot lock {}: {source}", path.display())]
    #[diagnostic(code(lock_failed), help("the git directory must be writable; nothing was changed"))]
    Io {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// The lock file of a mission's state, at the place where the original has it.
#[must_use]
pub fn of_mission(common_dir: &Path, slug: &str) -> PathBuf {
    common_dir.join("spec-kitty-locks").join(format!("{slug}.status.lock"))
}

impl FileLock {
    /// Takes a lock, waiting at most `deadline` for another holder. The empty file stays behind: removing it would
    /// let two processes hold "the" lock.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn acquire(path: &Path, deadline: Duration) -> Result<Self, LockError> {
        let failed = |source| LockError::Io { path: path.to_owned(), source };
        if let Some(directory) = path.parent() {
            create_shared_dir(directory).map_err(failed)?;
        }
        // Opening a pipe would wait for its other end.
        if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            return Err(failed(std::io::Error::other("it is no regular file")));
        }
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(failed)?;
        share_as_parent(path);
        let started = Instant::now();
        let mut pause = Duration::from_millis(1);
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { file }),
                Err(TryLockError::WouldBlock) if started.elapsed() < deadline => {
                    std::thread::sleep(pause.min(deadline.saturating_sub(started.elapsed())));
                    pause = (pause * 2).min(Duration::from_millis(40));
                }
                Err(TryLockError::WouldBlock) => {
                    let holder = named(&file, path);
                    return Err(LockError::Held { path: path.to_owned(), holder, waited: started.elapsed() });
                }
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
        }
    }
}

impl Drop for FileLock {
    /// Closing it would not do: a program that a hook left running may have it open too.
    fn drop(&mut self) {
        // Where that fails it is closed all the same.
        let _ = self.file.unlock();
    }
}

/// Who holds a lock, if anybody does. Nothing is written for that, not even the file of a lock that there never was.
#[must_use]
pub fn held_by(path: &Path) -> Option<String> {
    let file = File::open(path).ok()?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Some(named(&file, path)),
        // Closed again, it is free again.
        _ => None,
    }
}

#[cfg(unix)]
impl FileLock {
    /// Writes into the file who holds it, for people who look there. The lock itself is the kernel's.
    pub fn sign(&self) {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let line = format!("process {} on {host}\n", std::process::id());
        // It is a courtesy.
        let _ = self.file.set_len(0).and_then(|()| (&self.file).write_all(line.as_bytes()));
    }

    /// Whether programs that this process starts from now on hold the lock too, until they end.
    ///
    /// # Errors
    /// The system's.
    pub fn share(&self, share: bool) -> std::io::Result<()> {
        use rustix::io::FdFlags;
        let flags = if share { FdFlags::empty() } else { FdFlags::CLOEXEC };
        Ok(rustix::io::fcntl_setfd(&self.file, flags)?)
    }
}

#[cfg(not(unix))]
impl FileLock {
    /// Writes into the file who holds it, for people who look there. The lock itself is the kernel's.
    pub fn sign(&self) {
        let _ = self.file.set_len(0);
    }

    /// Whether programs that this process starts from now on hold the lock too: they cannot, here.
    ///
    /// # Errors
    /// None.
    pub fn share(&self, _share: bool) -> std::io::Result<()> {
        Ok(())
    }
}

/// Who holds a lock: by the kernel's word where it has one, else by what the holder wrote into the file.
fn named(file: &File, path: &Path) -> String {
    const LONGEST: u64 = 256;
    let signed = || {
        let text = crate::source::read_bytes("lock", path, LONGEST).ok()??;
        let text = crate::source::harmless(String::from_utf8_lossy(&text).trim());
        (!text.is_empty()).then_some(text)
    };
    holder(file).or_else(signed).unwrap_or_else(|| "another process".to_owned())
}

/// The process that holds a lock on this file, from `/proc/locks`.
#[cfg(target_os = "linux")]
fn holder(file: &File) -> Option<String> {
    use std::os::linux::fs::MetadataExt;
    let metadata = file.metadata().ok()?;
    let device = metadata.st_dev();
    // The kernel's split of a device number, as in makedev(3).
    let major = ((device >> 8) & 0xfff) | ((device >> 32) & !0xfff);
    let minor = (device & 0xff) | ((device >> 12) & !0xff);
    let wanted = format!("{major:02x}:{minor:02x}:{}", metadata.st_ino());
    // The list may skip an entry while others come and go, so one look is not enough.
    let pid = (0..4).find_map(|_| pid_in(&crate::source::read_virtual("/proc/locks")?, &wanted))?;
    let command = crate::source::read_virtual(&format!("/proc/{pid}/comm")).unwrap_or_default();
    let command: String = command.trim().chars().filter(|c| !c.is_control()).collect();
    Some(if command.is_empty() { format!("process {pid}") } else { format!("process {pid} ({command})") })
}

/// The process that `/proc/locks` names for a file: `1: FLOCK  ADVISORY  WRITE 1234 fe:00:5678 0 EOF`; a waiter has
/// `->` in the second column.
#[cfg(target_os = "linux")]
fn pid_in(locks: &str, file: &str) -> Option<String> {
    locks.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let held = words.nth(1) == Some("FLOCK");
        let pid = words.nth(2)?;
        (held && words.next() == Some(file)).then(|| pid.to_owned())
    })
}

#[cfg(not(target_os = "linux"))]
fn holder(_file: &File) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// A lock of another machine is in no list of this one.
    #[rstest]
    #[case("process 7 on elsewhere\n", "process 7 on elsewhere")]
    #[case("", "another process")]
    #[case("\u{1b}[31m", "\u{fffd}[31m")]
    fn who_holds_a_lock_may_only_be_in_the_file(#[case] text: &str, #[case] told: &str) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
        assert_eq!(named(file.as_file(), file.path()), told);
    }
}
