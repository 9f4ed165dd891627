//! Files that are there whole, or as they were, whatever happens.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

/// Puts a file into the place of another, or where none is, durably. It can be read by whom the old one could; a new one is
/// its owner's alone.
///
/// # Errors
/// The system's: the old one is there.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    let mut beside = tempfile::NamedTempFile::new_in(directory)?;
    beside.write_all(bytes)?;
    if let Ok(metadata) = path.metadata() {
        fs::set_permissions(beside.path(), metadata.permissions())?;
    }
    beside.as_file().sync_all()?;
    beside.persist(path).map_err(|error| error.error)?;
    File::open(directory)?.sync_all()
}
