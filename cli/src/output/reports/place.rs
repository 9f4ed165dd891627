//! Where a report may be written: not over what is not to be lost, and not into what the command looks at.

use std::ffi::OsStr;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use clearance_engine::repo::Git;
use clearance_engine::source::read_bytes;
use serde_json::Value;

/// Directories whose files a command reads or keeps, in whatever repository.
const GUARDED: [&str; 3] = ["kitty-specs", "rules.d", ".git"];

/// What a report would overwrite that is not to be lost, and where it may be written instead.
pub(super) fn in_its_place(file: &Path) -> Option<(&'static str, &'static str)> {
    if is_of_the_repository(file) {
        let help = "name a file outside of kitty-specs/, rules.d/ and .git/";
        return Some(("the repository's own files", help));
    }
    if file.symlink_metadata().is_ok_and(|link| link.is_symlink() && leads_nowhere(file)) {
        return Some(("a link that leads nowhere", "name the file itself"));
    }
    if file.metadata().is_ok_and(|metadata| has_other_names(&metadata)) {
        return Some(("a file that has another name too (a hard link)", "name one that is not there yet"));
    }
    (!is_a_report(file) && is_tracked(file))
        .then_some(("a file that git tracks", "name one that is not there yet"))
}

/// Whether a report can be written, as far as that is known without writing: a file that was made for nothing would be a
/// change in the repository that is looked at.
pub(super) fn can_be_written(file: &Path) -> io::Result<()> {
    match file.metadata() {
        // A pipe is opened when there is something to say.
        Ok(metadata) if is_pipe(&metadata) => Ok(()),
        Ok(_) => OpenOptions::new().write(true).open(file).map(drop),
        Err(error) if error.kind() == io::ErrorKind::NotFound => may_be_made_in(parent(file)),
        Err(error) => Err(error),
    }
}

/// Opens a file to be written anew. A pipe that nobody reads is an error: to wait for a reader could be for ever.
#[cfg(unix)]
pub(super) fn open(file: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;

    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

    if !file.metadata().is_ok_and(|metadata| is_pipe(&metadata)) {
        return File::create(file);
    }
    let nonblock = OFlags::NONBLOCK.bits().cast_signed();
    let pipe = OpenOptions::new().write(true).custom_flags(nonblock).open(file).map_err(|error| {
        let nobody = error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error());
        if nobody { io::Error::new(error.kind(), "nobody reads this pipe") } else { error }
    })?;
    fcntl_setfl(&pipe, fcntl_getfl(&pipe)? - OFlags::NONBLOCK)?;
    Ok(pipe)
}

/// Opens a file to be written anew.
#[cfg(not(unix))]
pub(super) fn open(file: &Path) -> io::Result<File> {
    File::create(file)
}

/// What a path leads to, whatever it is called; `None` for what may be named twice, as a device.
pub(super) fn identity(file: &Path) -> Option<PathBuf> {
    if file.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return None;
    }
    file.canonicalize().ok().or_else(|| Some(parent(file).canonicalize().ok()?.join(file.file_name()?)))
}

fn parent(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn leads_nowhere(link: &Path) -> bool {
    link.metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

#[cfg(unix)]
fn may_be_made_in(directory: &Path) -> io::Result<()> {
    use rustix::fs::{Access, access};
    Ok(access(directory, Access::WRITE_OK | Access::EXEC_OK)?)
}

#[cfg(not(unix))]
fn may_be_made_in(directory: &Path) -> io::Result<()> {
    directory.metadata().map(drop)
}

#[cfg(unix)]
fn is_pipe(metadata: &Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_fifo(&metadata.file_type())
}

#[cfg(not(unix))]
fn is_pipe(_: &Metadata) -> bool {
    false
}

#[cfg(unix)]
fn has_other_names(metadata: &Metadata) -> bool {
    metadata.is_file() && std::os::unix::fs::MetadataExt::nlink(metadata) > 1
}

#[cfg(not(unix))]
fn has_other_names(_: &Metadata) -> bool {
    false
}

/// Whether an earlier run wrote this file: an account, or why there is none.
fn is_a_report(file: &Path) -> bool {
    const MOST: u64 = 64 << 20;
    let name = file.to_string_lossy();
    let content = read_bytes(&name, file, MOST).ok().flatten();
    let Some(Value::Object(value)) = content.and_then(|content| serde_json::from_slice(&content).ok()) else {
        return false;
    };
    let schema = value.get("schema").and_then(Value::as_str);
    let is_failure = || ["error", "message", "help", "exit_code"].iter().all(|key| value.contains_key(*key));
    schema.is_some_and(|schema| schema.starts_with("clearance.")) || is_failure()
}

/// Whether git has a file on record. Outside of repositories it has none.
fn is_tracked(file: &Path) -> bool {
    let Ok(real) = file.canonicalize() else { return false };
    let (Some(parent), Some(name)) = (real.parent(), real.file_name()) else { return false };
    let question = ["ls-files", "--error-unmatch", "--"].map(OsStr::new);
    real.is_file() && Git::new(parent).run(&[&question[..], &[name]].concat()).is_ok()
}

/// Whether a path is inside a mission, the rules or a git directory, where a report would overwrite what it tells of.
fn is_of_the_repository(file: &Path) -> bool {
    let directory = parent(file);
    let real = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
    let target = file.canonicalize().unwrap_or_default();
    let is_guarded = |part: &OsStr| GUARDED.iter().any(|guarded| part.eq_ignore_ascii_case(guarded));
    real.components().chain(target.components()).any(|part| is_guarded(part.as_os_str()))
}
