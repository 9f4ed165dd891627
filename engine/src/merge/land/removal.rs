//! The removal of a work tree. It is moved away first, looked at where nobody writes it any more, and put back if anything
//! would be lost.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::LandError;
use super::clean_up::Removed;
use super::journal::{Kept, RemovedTree};
use super::regenerable::is_regenerable;
use crate::repo::{Git, GitError, Repo, path_of_bytes};
use crate::scratch_dir::make_writable;

/// Where ignored files of removed work trees are kept, below the common git directory.
const KEPT_FILES: &str = "clearance/kept";
/// Where goes what cannot be deleted, so that it does not stand in the way of the next merge.
const LEFT: &str = "clearance/left";

/// Removes a work tree, or says why it stays. `trash` is where it is moved to: under that name it may go back, with `.gone`
/// behind it there is nothing in it that would be lost.
pub(super) fn remove_tree(
    repo: &Repo,
    tree: &RemovedTree,
    trash: &Path,
    slug: &str,
    removed: &mut Removed,
) -> Result<Option<String>, LandError> {
    let root = &tree.root;
    let gone = trash.with_extension("gone");
    let is_there = |path: &Path| path.symlink_metadata().is_ok();
    if !is_there(&gone) {
        if !is_there(trash) && is_there(root) {
            if let Some(why) = unfit(repo, tree)? {
                return Ok(Some(why));
            }
            if let Err(error) = fs::rename(root, trash) {
                return Ok(Some(format!("it cannot be moved: {error}")));
            }
        }
        if is_there(trash) {
            if let Some(why) = emptied(repo, root, trash, slug, removed)? {
                // Where it stood there is nothing, unless somebody made something there since.
                fs::rename(trash, root).map_err(|source| LandError::io(trash, source))?;
                return Ok(Some(why));
            }
            fs::rename(trash, &gone).map_err(|source| LandError::io(trash, source))?;
        }
    }
    if is_there(&gone) {
        delete(repo, &gone, removed)?;
    }
    // What git has on record of it.
    let words = ["worktree", "remove", "--"].map(OsStr::new);
    match Git::new(repo.root()).bytes(&[&words[..], &[root.as_os_str()]].concat()) {
        Err(GitError::Failed { message, .. }) if !message.contains("is not a working tree") => {
            Ok(Some(format!("git keeps it on record: {message}")))
        }
        Err(GitError::Failed { .. }) | Ok(_) => Ok(None),
        Err(other) => Err(other.into()),
    }
}

/// Why a work tree must stay: it has another branch by now, something that is not committed, or git was told to keep it.
fn unfit(repo: &Repo, tree: &RemovedTree) -> Result<Option<String>, LandError> {
    let trees = repo.view().worktrees()?;
    let Some(now) = trees.iter().find(|known| known.root == tree.root) else {
        return Ok(Some("git does not know it any more".to_owned()));
    };
    if now.branch.as_ref() != Some(&tree.branch) {
        return Ok(Some("it has another branch checked out by now".to_owned()));
    }
    let dirty = repo.dirty(&tree.root, true, 1)?;
    if let Some(first) = dirty.first() {
        return Ok(Some(format!(
            "{} is not committed in it ({})",
            first.path.display(),
            first.kind.as_str()
        )));
    }
    if let Some(first) = repo.hidden_changes(&tree.root)?.first() {
        return Ok(Some(format!(
            "{} is not committed in it (git was told not to look at it)",
            first.display()
        )));
    }
    let locked =
        Repo::git_files(&tree.root, &["locked"]).is_some_and(|files| files.iter().any(|file| file.exists()));
    if locked {
        return Ok(Some("it is locked (git worktree unlock)".to_owned()));
    }
    let has_submodules = tree.root.join(".gitmodules").exists();
    Ok(has_submodules.then(|| "it has submodules, whose own work git does not look into".to_owned()))
}

/// Moves ignored files that nothing makes again out of a work tree that was moved away: settings, local data, notes. Says why
/// it must go back: something is not committed in it after all, or cannot be told.
fn emptied(
    repo: &Repo,
    root: &Path,
    trash: &Path,
    slug: &str,
    removed: &mut Removed,
) -> Result<Option<String>, LandError> {
    let Some(own) = admin_directory(root, trash) else {
        return Ok(Some("git does not know it any more".to_owned()));
    };
    let words =
        ["status", "--porcelain=v1", "-z", "--no-renames", "--ignored=matching", "--untracked-files=all"];
    let option = |name: &str, path: &Path| {
        let mut option = OsString::from(name);
        option.push(path);
        option
    };
    let places = [option("--git-dir=", &own), option("--work-tree=", trash)];
    let told = Git::new(trash).bytes(&[&places[..], &words.map(OsString::from)].concat())?;
    let (mut ignored, name) = (Vec::new(), root.file_name().unwrap_or_default());
    for record in told.split(|byte| *byte == 0).filter(|record| record.len() > 3) {
        let path = path_of_bytes(&record[3..]);
        if !record.starts_with(b"!! ") {
            return Ok(Some(format!("{} is not committed in it", path.display())));
        }
        ignored.push(path);
    }
    let kept = repo.common_dir().join(KEPT_FILES).join(slug).join(name);
    let mut moved = false;
    for path in ignored {
        let from = trash.join(&path);
        if is_regenerable(&from) {
            continue;
        }
        if let Err(error) = move_out(&from, &free(&kept.join(&path))) {
            return Ok(Some(format!("{} cannot be kept: {error}", path.display())));
        }
        moved = true;
    }
    if moved {
        removed.files.push(kept);
    }
    Ok(None)
}

/// A directory lets itself be moved only by who may write it.
fn move_out(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to.parent().unwrap_or(to))?;
    fs::rename(from, to).or_else(|_| {
        make_writable(from);
        fs::rename(from, to)
    })
}

/// Deletes what nothing of would be lost. What does not let itself be deleted goes aside, and is named.
fn delete(repo: &Repo, gone: &Path, removed: &mut Removed) -> Result<(), LandError> {
    let deleted = fs::remove_dir_all(gone).or_else(|_| {
        make_writable(gone);
        fs::remove_dir_all(gone)
    });
    let Err(error) = deleted else { return Ok(()) };
    let aside = free(&repo.common_dir().join(LEFT).join(gone.file_name().unwrap_or_default()));
    let failed = |source| LandError::io(&aside, source);
    fs::create_dir_all(aside.parent().unwrap_or(&aside)).map_err(failed)?;
    fs::rename(gone, &aside).map_err(failed)?;
    let why = format!("it is what is left of a removed work tree, and cannot be deleted: {error}");
    removed.kept.push(Kept { what: aside.display().to_string(), why });
    Ok(())
}

/// Where git has a linked work tree on record, as the work tree itself says; `None` where it has not. A path that is not
/// absolute starts at the place where the work tree was.
fn admin_directory(root: &Path, trash: &Path) -> Option<PathBuf> {
    const LARGEST: u64 = 1 << 16;
    let text = crate::source::read_bytes(".git", &trash.join(".git"), LARGEST).ok().flatten()?;
    let named = path_of_bytes(text.strip_prefix(b"gitdir:")?.trim_ascii());
    Some(root.join(named)).filter(|directory| directory.join("HEAD").is_file())
}

/// The path, or with a number that is free.
fn free(path: &Path) -> PathBuf {
    let mut free = path.to_owned();
    for nth in 2.. {
        if matches!(free.symlink_metadata(), Err(error) if error.kind() == io::ErrorKind::NotFound) {
            break;
        }
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!("-{nth}"));
        free = path.with_file_name(name);
    }
    free
}
