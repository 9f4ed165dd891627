//! What a user trusts, in a file of the user's own: no repository can write there.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clearance_engine::repo::Repo;
use clearance_engine::source::read_bytes;
use serde::{Deserialize, Serialize};

/// The schema of the file.
const SCHEMA: &str = "clearance.trust/v1";
/// Largest file that is read, in bytes.
const LARGEST: u64 = 4 << 20;

/// A user's grants, by repository.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Content {
    schema: String,
    #[serde(default)]
    repositories: BTreeMap<String, BTreeSet<String>>,
}

/// Why the user's grants cannot be read or written.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("{}: {why}", path.display())]
#[diagnostic(
    code(trust_unreadable),
    help("nothing is trusted as long as this is not mended; to begin anew, move the file away")
)]
pub struct StoreError {
    path: PathBuf,
    why: String,
}

impl Store {
    /// The grants in a file, which need not be there.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// What a repository is called here: its git directory, which all its work trees share, and where it came from. Another
    /// clone is another repository: somebody has to look at it there.
    #[must_use]
    pub fn repository(repo: &Repo) -> String {
        let url = repo.view().config("remote.origin.url").ok().flatten().unwrap_or_default();
        format!("{} {url}", repo.common_dir().display())
    }

    /// The grants for a repository.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn grants(&self, repository: &str) -> Result<BTreeSet<String>, StoreError> {
        Ok(self.read()?.repositories.remove(repository).unwrap_or_default())
    }

    /// Adds a grant; of a rule that was granted before, the older grant goes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn allow(&self, repository: &str, grant: &str) -> Result<(), StoreError> {
        self.change(|content| {
            let grants = content.repositories.entry(repository.to_owned()).or_default();
            grants.retain(|other| rule_of(other) != rule_of(grant));
            grants.insert(grant.to_owned());
            true
        })
        .map(drop)
    }

    /// Takes the grants of a rule back; tells whether there were any.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn revoke(&self, repository: &str, rule: &str) -> Result<bool, StoreError> {
        self.change(|content| {
            let Some(grants) = content.repositories.get_mut(repository) else { return false };
            let before = grants.len();
            grants.retain(|grant| rule_of(grant) != Some(rule));
            let changed = grants.len() < before;
            if grants.is_empty() {
                content.repositories.remove(repository);
            }
            changed
        })
    }

    fn change(&self, change: impl FnOnce(&mut Content) -> bool) -> Result<bool, StoreError> {
        let failed = |error: io::Error| self.error(error.to_string());
        let directory = self.path.parent().unwrap_or(Path::new("."));
        make_private(directory).map_err(failed)?;
        // One at a time: of two that change it, neither loses what the other one wrote.
        let lock = open_private(&self.path.with_extension("lock")).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let mut content = self.read()?;
        let changed = change(&mut content);
        if changed {
            SCHEMA.clone_into(&mut content.schema);
            let text =
                serde_json::to_string_pretty(&content).map_err(|error| self.error(error.to_string()))?;
            // Named by this process: what a killed one left is in nobody's way.
            let new = self.path.with_extension(format!("{}.new", std::process::id()));
            let written = open_private(&new).and_then(|mut file| {
                file.set_len(0)?;
                file.write_all(text.as_bytes())?;
                file.sync_all()
            });
            written.and_then(|()| std::fs::rename(&new, &self.path)).map_err(failed)?;
        }
        Ok(changed)
    }

    fn read(&self) -> Result<Content, StoreError> {
        let read = read_bytes("the trust store", &self.path, LARGEST)
            .map_err(|error| self.error(error.to_string()))?;
        let Some(bytes) = read else { return Ok(Content::default()) };
        let content: Content =
            serde_json::from_slice(&bytes).map_err(|error| self.error(error.to_string()))?;
        if content.schema != SCHEMA {
            return Err(self.error(format!("its schema is not {SCHEMA}")));
        }
        Ok(content)
    }

    fn error(&self, why: String) -> StoreError {
        StoreError { path: self.path.clone(), why }
    }
}

fn rule_of(grant: &str) -> Option<&str> {
    grant.split_once(':')?.1.split('@').next()
}

#[cfg(unix)]
fn make_private(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

#[cfg(not(unix))]
fn make_private(directory: &Path) -> io::Result<()> {
    std::fs::create_dir_all(directory)
}

fn open_private(path: &Path) -> io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
