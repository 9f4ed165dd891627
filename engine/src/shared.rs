//! Files that every user of a shared repository can use: what a group or everybody may write in the directory above, they may
//! write in what is made there. See `core.sharedRepository` in git-config(1).

use std::io;
use std::path::Path;

/// Makes a directory and those above it that are missing.
///
/// # Errors
/// The system's.
pub fn create_shared_dir(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        create_shared_dir(parent)?;
    }
    match std::fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Err(_) => {}
        Ok(()) => share_as_parent(path),
    }
    Ok(())
}

/// Lets those write a file or directory who may write the directory it is in. That it is somebody else's is no fault: he
/// did the same.
#[cfg(unix)]
pub fn share_as_parent(path: &Path) {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;
    const GROUP: u32 = 0o020;
    const OTHERS: u32 = 0o002;
    const SET_GROUP: u32 = 0o2000;
    let mode = |path: &Path| path.symlink_metadata().map(|metadata| metadata.permissions().mode());
    let (Some(parent), Ok(own)) = (path.parent().and_then(|parent| mode(parent).ok()), mode(path)) else {
        return;
    };
    let is_directory = path.is_dir();
    let mut wanted = own;
    for (class, rights) in [(GROUP, 0o060), (OTHERS, 0o006)] {
        if parent & class != 0 {
            // Who may read a directory wants to look into it.
            wanted |= rights | if is_directory { class >> 1 } else { 0 };
        }
    }
    if is_directory {
        wanted |= parent & SET_GROUP;
    }
    if wanted != own {
        let _ = std::fs::set_permissions(path, Permissions::from_mode(wanted & 0o7777));
    }
}

/// Lets those write a file or directory who may write the directory it is in: here they can anyway.
#[cfg(not(unix))]
pub fn share_as_parent(_path: &Path) {}
