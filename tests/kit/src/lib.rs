//! Builders of repositories and missions, a scrubbed process environment, and crashes.
//!
//! Depends on none of the product's crates, so that all of them can use it.

mod command;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub mod crash;
pub mod python;
#[cfg(feature = "server")]
pub mod receiver;
mod repo;
#[cfg(feature = "server")]
#[expect(clippy::missing_panics_doc, clippy::unwrap_used, reason = "a test whose server fails, fails")]
pub mod server;
#[cfg(feature = "server")]
pub mod websocket;

use std::fs;
use std::path::{Path, PathBuf};

pub use command::{Run, clearance, scrub};
pub use repo::TestRepo;

/// A directory that goes away with the value.
#[derive(Debug)]
pub struct Scratch {
    directory: tempfile::TempDir,
}

impl Scratch {
    /// An empty directory.
    ///
    /// # Panics
    /// When none can be made.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "making a directory is no default")]
    pub fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a temporary directory") }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file, its directories included, and gives its path.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        write(self.path(), name, content)
    }

    /// A file's text.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    pub fn read(&self, name: &str) -> String {
        read(self.path(), name)
    }
}

/// Writes a file below `root`, its directories included, and gives its path.
///
/// # Panics
/// When it cannot be written.
#[expect(clippy::disallowed_methods, reason = "tests set the scene; only the product must write atomically")]
pub fn write(root: &Path, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = root.join(name);
    fs::create_dir_all(path.parent().expect("a parent")).expect("its directories");
    fs::write(&path, content).expect("a written file");
    path
}

/// The text of a file below `root`.
///
/// # Panics
/// When it cannot be read.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "tests read what the product wrote")]
pub fn read(root: &Path, name: &str) -> String {
    fs::read_to_string(root.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// YAML as JSON, as an editor compares it with a schema.
///
/// # Panics
/// When it is none.
#[must_use]
pub fn yaml(text: &str) -> serde_json::Value {
    serde_yaml::from_str(text).expect("YAML")
}

/// The folder of real missions that the caller's environment names, if it names one.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the one way to tell tests of data that the project does not ship"
)]
pub fn corpus() -> Option<PathBuf> {
    std::env::var_os("CLEARANCE_CORPUS").filter(|folder| !folder.is_empty()).map(PathBuf::from)
}

/// The folder of repositories with a history of merges that the caller's environment names, if it names one.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the one way to tell tests of data that the project does not ship"
)]
pub fn history() -> Option<PathBuf> {
    std::env::var_os("CLEARANCE_HISTORY").filter(|folder| !folder.is_empty()).map(PathBuf::from)
}

/// Compares a generated page with the one in the repository; with `CLEARANCE_WRITE=1` writes it.
///
/// # Panics
/// When they differ.
#[expect(clippy::disallowed_methods, reason = "the one switch of generated pages")]
pub fn golden(path: &Path, now: &str) {
    if std::env::var_os("CLEARANCE_WRITE").is_some_and(|value| value == "1") {
        fs::write(path, now).expect("a written page");
    }
    let written = fs::read_to_string(path).unwrap_or_default();
    assert_eq!(written, now, "{} is not current: CLEARANCE_WRITE=1 cargo test docs", path.display());
}
