//! The only place that writes mission files. A file is replaced whole (temporary file, sync, rename) or appended to
//! (one write, sync); after a kill at any moment there is the old content or the new one.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::shared::create_shared_dir;

/// Why a file was not written. The old content is still there.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum WriteError {
    /// The system refused.
    #[error("cannot write {name}: {source}")]
    #[diagnostic(
        code(write_failed),
        help("the file is as it was; look at space (df .) and permissions (ls -ld)")
    )]
    Io {
        /// The file.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody else wrote it between our reading and our writing.
    #[error("{name} was changed by another program while this one worked")]
    #[diagnostic(code(changed_meanwhile), help("nothing was written; run the command again"))]
    Changed {
        /// The file.
        name: String,
    },
    /// What was appended cannot be read back.
    #[error("{name} does not hold what was just appended to it")]
    #[diagnostic(
        code(append_not_verified),
        help("another program writes this file without the mission's lock")
    )]
    NotVerified {
        /// The file.
        name: String,
    },
}

/// Where temporary files go: beside the mission's lock in the git directory, where no `git add` sees them. Only the
/// holder of the mission's lock may use it.
#[derive(Debug, Clone)]
pub struct Staging {
    directory: PathBuf,
}

impl Staging {
    /// The staging directory of a mission. What a killed process left there is removed.
    #[must_use]
    pub fn of(common_dir: &Path, slug: &str) -> Self {
        let directory = common_dir.join("clearance").join("staging").join(slug);
        for left in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
            // What cannot be removed does no harm: every temporary file has a fresh name.
            let _ = std::fs::remove_file(left.path());
        }
        Self { directory }
    }

    fn temporary(&self) -> io::Result<NamedTempFile> {
        create_shared_dir(&self.directory)?;
        NamedTempFile::new_in(&self.directory)
    }
}

/// Replaces the content of `path` (a real file, links already followed), keeping mode and owner, or makes the file.
/// `before` is what it was when it was read; `None` when there was none.
///
/// # Errors
/// [`WriteError`].
pub fn replace(
    name: &str,
    path: &Path,
    before: Option<&[u8]>,
    after: &str,
    staging: &Staging,
) -> Result<(), WriteError> {
    let failed = |source| WriteError::Io { name: name.to_owned(), source };
    may_write(name, path)?;
    let metadata = before.map(|_| path.metadata()).transpose().map_err(failed)?;
    let directory = path.parent().unwrap_or(Path::new("/"));
    let fill = |temporary: io::Result<NamedTempFile>| -> io::Result<NamedTempFile> {
        let mut temporary = temporary?;
        temporary.write_all(after.as_bytes())?;
        match &metadata {
            Some(metadata) => {
                keep_owner(temporary.as_file(), metadata);
                temporary.as_file().set_permissions(metadata.permissions())?;
            }
            None => temporary.as_file().set_permissions(usual_permissions(directory)?)?,
        }
        temporary.as_file().sync_all()?;
        Ok(temporary)
    };
    let staged = fill(staging.temporary()).map_err(failed)?;
    unchanged(name, path, before)?;
    if let Err(error) = staged.persist(path) {
        if error.error.kind() != io::ErrorKind::CrossesDevices {
            return Err(failed(error.error));
        }
        remove_leftovers(directory);
        let beside = tempfile::Builder::new().prefix(BESIDE.0).suffix(BESIDE.1).tempfile_in(directory);
        let beside = fill(beside).map_err(failed)?;
        unchanged(name, path, before)?;
        beside.persist(path).map_err(|error| failed(error.error))?;
    }
    sync_directory(directory).map_err(failed)
}

/// Prefix and suffix of a temporary file that must stand beside its target, on another file system than git's.
const BESIDE: (&str, &str) = (".clearance-", ".tmp");

/// Removes what a killed process left beside the target; the mission's lock is held, so nobody is using it.
fn remove_leftovers(directory: &Path) {
    for left in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = left.file_name();
        let own = name.to_str().is_some_and(|name| name.starts_with(BESIDE.0) && name.ends_with(BESIDE.1));
        if own && left.file_type().is_ok_and(|kind| kind.is_file()) {
            let _ = std::fs::remove_file(left.path());
        }
    }
}

/// Whether the file lets itself be written: a rename asks the directory for permission, not the file, and a file
/// that is read-only was meant so.
///
/// # Errors
/// [`WriteError::Io`].
pub fn may_write(name: &str, path: &Path) -> Result<(), WriteError> {
    // Looked at before it is opened: opening a pipe would wait for its other end.
    if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        let source = io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file");
        return Err(WriteError::Io { name: name.to_owned(), source });
    }
    match OpenOptions::new().write(true).open(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(WriteError::Io { name: name.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// Whether files of a directory let themselves be made and replaced.
///
/// # Errors
/// [`WriteError::Io`].
pub fn may_write_in(name: &str, directory: &Path) -> Result<(), WriteError> {
    #[cfg(unix)]
    if let Err(error) =
        rustix::fs::access(directory, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK)
        && error != rustix::io::Errno::NOENT
    {
        return Err(WriteError::Io { name: name.to_owned(), source: error.into() });
    }
    #[cfg(not(unix))]
    let _ = (name, directory);
    Ok(())
}

/// Looked at as late as can be: between this and the rename there is nothing.
fn unchanged(name: &str, path: &Path, before: Option<&[u8]>) -> Result<(), WriteError> {
    let Some(before) = before else {
        let is_there = path.symlink_metadata().is_ok();
        return if is_there { Err(WriteError::Changed { name: name.to_owned() }) } else { Ok(()) };
    };
    let mut now = Vec::with_capacity(before.len() + 1);
    File::open(path)
        .and_then(|file| file.take(before.len() as u64 + 1).read_to_end(&mut now))
        .map_err(|source| WriteError::Io { name: name.to_owned(), source })?;
    if now == before { Ok(()) } else { Err(WriteError::Changed { name: name.to_owned() }) }
}

/// Appends whole lines to a log in one write. A last line without a line ending is completed first; one that is torn
/// (a crash while appending) is set aside in `<path>.torn`. Call it with the mission's lock held.
///
/// # Errors
/// [`WriteError`]; what was half appended is taken back.
pub fn append(name: &str, path: &Path, lines: &str) -> Result<(), WriteError> {
    let failed = |source| WriteError::Io { name: name.to_owned(), source };
    let is_new = !path.exists();
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(failed)?;
    let missing_newline = matches!(heal_tail(&mut file, path).map_err(failed)?, Tail::WithoutEnding);
    let length = file.metadata().map_err(failed)?.len();
    let bytes = if missing_newline { format!("\n{lines}") } else { lines.to_owned() };
    if let Err(source) = file.write_all(bytes.as_bytes()).and_then(|()| file.sync_data()) {
        // No half line stays behind; if even that fails, the next append sets it aside.
        let _ = file.set_len(length);
        return Err(failed(source));
    }
    let mut back = vec![0; bytes.len()];
    file.seek(SeekFrom::Start(length)).and_then(|_| file.read_exact(&mut back)).map_err(failed)?;
    if back != bytes.as_bytes() {
        return Err(WriteError::NotVerified { name: name.to_owned() });
    }
    if is_new { sync_directory(path.parent().unwrap_or(Path::new("/"))).map_err(failed) } else { Ok(()) }
}

/// Sets a torn last line of a log aside, and says where; `None` when the log ends as it should. Call it with the
/// mission's lock held.
///
/// # Errors
/// [`WriteError`].
pub fn set_torn_tail_aside(name: &str, path: &Path) -> Result<Option<PathBuf>, WriteError> {
    let failed = |source| WriteError::Io { name: name.to_owned(), source };
    let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(failed)?;
    match heal_tail(&mut file, path).map_err(failed)? {
        Tail::SetAside(aside) => Ok(Some(aside)),
        Tail::Whole | Tail::WithoutEnding => Ok(None),
    }
}

/// How a log ended.
enum Tail {
    /// With a line ending, or empty.
    Whole,
    /// With a whole event that only lacks its line ending.
    WithoutEnding,
    /// With something that is no event; it is in this file now.
    SetAside(PathBuf),
}

/// Makes sure that the file ends with a whole line, or one that only lacks its line ending.
fn heal_tail(file: &mut File, path: &Path) -> io::Result<Tail> {
    let length = file.metadata()?.len();
    let tail = last_line(file, length)?;
    if tail.is_empty() {
        return Ok(Tail::Whole);
    }
    if !crate::mission::log::is_torn(&tail) {
        return Ok(Tail::WithoutEnding);
    }
    let (mut aside, aside_path) = new_file_beside(path)?;
    aside.write_all(&tail)?;
    aside.write_all(b"\n")?;
    aside.sync_all()?;
    file.set_len(length - tail.len() as u64)?;
    file.sync_all()?;
    Ok(Tail::SetAside(aside_path))
}

/// `<path>.torn`, or the first of `.torn-2`, `.torn-3` ... that is free. Only ever a new file: what stands there may
/// be a link that leads elsewhere.
fn new_file_beside(path: &Path) -> io::Result<(File, PathBuf)> {
    const MOST: u32 = 1000;
    let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
    for nth in 1..MOST {
        let mut name = path.as_os_str().to_owned();
        name.push(".torn");
        if nth > 1 {
            name.push(format!("-{nth}"));
        }
        match File::create_new(&name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
            other => return other.map(|file| (file, name.into())),
        }
    }
    Err(last)
}

/// The bytes behind the last line ending.
fn last_line(file: &mut File, length: u64) -> io::Result<Vec<u8>> {
    let mut block = 4096;
    loop {
        let from = length.saturating_sub(block);
        file.seek(SeekFrom::Start(from))?;
        let mut tail = Vec::new();
        Read::by_ref(file).take(length - from).read_to_end(&mut tail)?;
        if let Some(newline) = tail.iter().rposition(|b| *b == b'\n') {
            return Ok(tail.split_off(newline + 1));
        }
        if from == 0 {
            return Ok(tail);
        }
        block *= 8;
    }
}

/// What a new file in this directory gets: a temporary file is for its owner only. The umask cannot be asked without
/// setting it, so the directory is taken for an example.
#[cfg(unix)]
fn usual_permissions(directory: &Path) -> io::Result<Permissions> {
    use std::os::unix::fs::PermissionsExt;
    Ok(Permissions::from_mode(directory.metadata()?.permissions().mode() & 0o666))
}

#[cfg(not(unix))]
fn usual_permissions(directory: &Path) -> io::Result<Permissions> {
    directory.metadata().map(|metadata| metadata.permissions())
}

#[cfg(unix)]
fn keep_owner(file: &File, metadata: &std::fs::Metadata) {
    use std::os::unix::fs::{MetadataExt, fchown};
    if let Ok(own) = file.metadata()
        && (own.uid(), own.gid()) != (metadata.uid(), metadata.gid())
    {
        // Only root may give files away; everybody else keeps the file as his own, as editors do.
        let _ = fchown(file, Some(metadata.uid()), Some(metadata.gid()));
    }
}

#[cfg(not(unix))]
fn keep_owner(_file: &File, _metadata: &std::fs::Metadata) {}

/// Makes a rename or a new name durable. Where directories cannot be synced, the file system does it in order.
fn sync_directory(directory: &Path) -> io::Result<()> {
    match File::open(directory).and_then(|directory| directory.sync_all()) {
        Err(error)
            if !matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::PermissionDenied) =>
        {
            Err(error)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clearance_testkit::Scratch;
    use rstest::rstest;

    #[rstest]
    #[case::empty("", "{\"n\":1}\n", None)]
    #[case::whole("{\"a\":1}\n", "{\"a\":1}\n{\"n\":1}\n", None)]
    #[case::no_newline("{\"a\":1}", "{\"a\":1}\n{\"n\":1}\n", None)]
    #[case::torn("{\"a\":1}\n{\"b\":", "{\"a\":1}\n{\"n\":1}\n", Some("{\"b\":\n"))]
    fn appending_heals_the_tail(#[case] before: &str, #[case] after: &str, #[case] torn: Option<&str>) {
        let scratch = Scratch::new();
        let path = scratch.write("log", before);
        append("log", &path, "{\"n\":1}\n").unwrap();
        assert_eq!(scratch.read("log"), after);
        assert_eq!(path.with_extension("torn").exists(), torn.is_some());
        if let Some(torn) = torn {
            assert_eq!(scratch.read("log.torn"), torn);
        }
    }

    #[test]
    fn a_long_torn_line_is_set_aside_whole() {
        let scratch = Scratch::new();
        let torn = format!("{{\"b\":\"{}", "x".repeat(100_000));
        let path = scratch.write("log", format!("{{}}\n{torn}"));
        append("log", &path, "{}\n").unwrap();
        assert_eq!(scratch.read("log.torn"), format!("{torn}\n"));
        assert_eq!(scratch.read("log"), "{}\n{}\n");
    }

    #[test]
    fn a_file_that_changed_meanwhile_is_left_alone() {
        let scratch = Scratch::new();
        let path = scratch.write("tasks.md", "theirs");
        let error =
            replace("tasks.md", &path, Some(b"ours"), "new", &Staging::of(scratch.path(), "m")).unwrap_err();
        assert!(matches!(error, WriteError::Changed { .. }));
        assert_eq!(scratch.read("tasks.md"), "theirs");
    }

    #[test]
    fn staging_is_emptied_of_what_a_killed_process_left() {
        let scratch = Scratch::new();
        scratch.write("clearance/staging/m/.tmpAbc", "half");
        let _ = Staging::of(scratch.path(), "m");
        assert!(!scratch.path().join("clearance/staging/m/.tmpAbc").exists());
    }
}
