//! From where the tests import the package. Its metadata says what is installed, and not what is imported: a test runner's
//! `pythonpath`, a copy beside the tests or a directory that `python -m` runs in stand before it, and tests that run in another
//! environment import nothing of it. So the environment's own Python notes it.

use std::path::{Path, PathBuf};

use crate::attempt::Outcome;
use crate::probe::text_of;
use crate::runner::Runner;

const SCRIPT: &str = include_str!("watch.py");

/// A watch that is set.
pub(super) struct Watch {
    record: PathBuf,
    /// How many modules are watched: of a package that has none nothing is told.
    modules: usize,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    /// The package, as it is installed.
    Own,
    /// Something else of the same name.
    Other {
        /// The module.
        module: String,
        /// From where it was imported.
        by: PathBuf,
    },
    /// Nothing of the package.
    Nothing,
}

impl Watch {
    /// Watches the modules that a package has now; what was seen before is forgotten. `record` is where it is noted.
    ///
    /// # Errors
    /// In a sentence.
    pub(super) fn set(
        python: &Path,
        package: &str,
        record: PathBuf,
        runner: &Runner<'_>,
    ) -> Result<Self, String> {
        let argv = [&*python.to_string_lossy(), "-I", "-c", SCRIPT, package, &record.to_string_lossy()];
        let said = runner
            .succeed(&argv.map(str::to_owned))
            .map_err(|outcome: Outcome| outcome.cause().unwrap_or_default().to_owned())?;
        let modules = said.lines().filter_map(|line| line.strip_prefix("clearance-watch ")).next_back();
        let modules = modules.and_then(|number| number.parse().ok()).ok_or("the interpreter does not say")?;
        match std::fs::remove_file(&record) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.to_string()),
            _ => Ok(Self { record, modules }),
        }
    }

    /// What was seen since it was set: something else before all.
    pub(super) fn seen(&self) -> Seen {
        const LARGEST: u64 = 16 << 20;
        let bytes = clearance_engine::source::read_bytes("what was imported", &self.record, LARGEST);
        let text = String::from_utf8_lossy(&bytes.ok().flatten().unwrap_or_default()).into_owned();
        let other = text.lines().find_map(|line| line.strip_prefix("other ")?.split_once(' '));
        match other {
            Some((module, by)) => Seen::Other { module: text_of(module), by: PathBuf::from(text_of(by)) },
            None if self.modules == 0 || text.lines().any(|line| line.starts_with("own ")) => Seen::Own,
            None => Seen::Nothing,
        }
    }
}
