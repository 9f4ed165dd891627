//! The files of a commit in a directory that is thrown away: for programs that a rule runs.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::git::path_of_bytes;
use super::{Git, GitError, ObjectStore, Repo};
use crate::scratch_dir::{self, Purpose};

/// All files of a tree in a directory outside of the repository, which goes with the value.
///
/// - All of them: neither a sparse work tree nor `export-ignore` leaves any out.
/// - Modes, links and line endings are as in any checkout of this user. Links that lead outside are links that lead
///   outside: who reads through one reads what the user may read.
/// - Submodules are empty directories.
/// - Filters (git-lfs, git-crypt) are not run: a commit chooses which filter a file goes through, so it would choose what
///   is started here. Files that need one are as they are stored.
/// - No hook is run.
/// - There is no `.git`: a program that asks for history finds none.
#[derive(Debug)]
pub struct Checkout {
    directory: TempDir,
    files: PathBuf,
}

impl Checkout {
    /// The directory that the files are in, and nothing else.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.files
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        scratch_dir::remove(self.directory.path());
    }
}

impl Repo {
    /// Writes all files of a commit or tree into a new directory. The repository stays as it is: its index, refs, objects
    /// and the list of its work trees.
    ///
    /// # Errors
    /// What git says, also where it can write only some of the files; and no directory for temporary files outside of the
    /// repository.
    pub fn checkout(&self, tree_ish: &str) -> Result<Checkout, GitError> {
        // What a partial clone has to fetch for it goes there.
        self.throw_away(tree_ish).map_err(GitError::Temporary)?.checkout(tree_ish)
    }
}

impl ObjectStore {
    /// The same for what may be in the throw-away object directory only, the tree of a merge, say.
    ///
    /// # Errors
    /// As [`Repo::checkout`].
    pub fn checkout(&self, tree_ish: &str) -> Result<Checkout, GitError> {
        checkout_in(&tempfile::env::temp_dir(), &self.git, tree_ish)
    }
}

/// Settings under which a checkout starts nothing and writes nothing but itself. A path of hooks that is relative is one
/// in the files of the commit; an index that is split has a part in the git directory.
const ALONE: [&str; 4] = ["-c", "core.hooksPath=/dev/null", "-c", "core.splitIndex=false"];

/// The variable of the environment that has nothing in it: no command, and not required.
const NOTHING: &str = "CLEARANCE_NOTHING";

pub(super) fn checkout_in(place: &Path, git: &Git, tree_ish: &str) -> Result<Checkout, GitError> {
    if is_inside(place, &git.directory) {
        return Err(GitError::TemporaryInside(place.to_owned()));
    }
    let directory = scratch_dir::make(place, Purpose::Checkout).map_err(GitError::Temporary)?;
    let (files, index) = (directory.path().join("files"), directory.path().join("index"));
    std::fs::create_dir(&files).map_err(GitError::Temporary)?;
    let checkout = Checkout { directory, files };
    let mut arguments: Vec<OsString> = ALONE.map(OsString::from).to_vec();
    arguments.extend(without_filters(git)?);
    let read = ["read-tree", "--reset", "-u", "--no-sparse-checkout", "--no-recurse-submodules"];
    arguments.extend(read.map(OsString::from));
    arguments.extend(["--end-of-options", tree_ish].map(OsString::from));
    let (files, nothing) = (checkout.path().as_os_str(), OsStr::new(""));
    let environment = [("GIT_INDEX_FILE", index.as_os_str()), ("GIT_WORK_TREE", files), (NOTHING, nothing)];
    git.bytes_with(&arguments, &environment)?;
    Ok(checkout)
}

/// Whether a directory is in another one, whatever names lead there.
fn is_inside(directory: &Path, other: &Path) -> bool {
    let resolved = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    resolved(directory).starts_with(resolved(other))
}

/// Options that take its commands from every filter of the user's configuration.
fn without_filters(git: &Git) -> Result<Vec<OsString>, GitError> {
    let names = git.bytes(&["config", "--list", "--name-only", "-z"])?;
    let filters: BTreeSet<&[u8]> = names.split(|byte| *byte == 0).filter_map(filter_of).collect();
    let setting = |filter: &&[u8], key: &str| {
        // Behind `-c` a name would end at its first `=`; here the last one counts.
        let name =
            [b"--config-env=filter.", *filter, b".", key.as_bytes(), b"=", NOTHING.as_bytes()].concat();
        path_of_bytes(&name).into_os_string()
    };
    let keys = ["smudge", "process", "required"];
    Ok(filters.iter().flat_map(|filter| keys.map(|key| setting(filter, key))).collect())
}

/// The filter that a setting is of: `filter.<name>.<key>`. A name may have dots.
fn filter_of(setting: &[u8]) -> Option<&[u8]> {
    let rest = setting.strip_prefix(b"filter.")?;
    Some(&rest[..rest.iter().rposition(|byte| *byte == b'.')?])
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
