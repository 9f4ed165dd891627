//! `.kittify/config.yaml`: the repository's settings, as far as this tool follows them.

use std::path::Path;

use serde::Deserialize;

use crate::limits;
use crate::mission::artefact::{ArtefactError, confined};
use crate::source::Source;
use crate::yaml;

/// The file, below the work tree.
pub const CONFIG: &str = ".kittify/config.yaml";

/// The settings of a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// `agents.auto_commit`; off when absent.
    pub auto_commit: bool,
}

#[derive(Deserialize, Default)]
struct Raw {
    #[serde(default)]
    agents: Option<RawAgents>,
}

#[derive(Deserialize, Default)]
struct RawAgents {
    #[serde(default)]
    auto_commit: Option<bool>,
}

impl Config {
    /// Reads the settings; defaults when there is no file.
    ///
    /// # Errors
    /// [`ArtefactError`] with the place.
    pub fn read(root: &Path) -> Result<Self, ArtefactError> {
        let Some(path) = confined(root, &root.join(CONFIG), CONFIG)? else { return Ok(Self::default()) };
        let Some(source) = Source::read(CONFIG, &path, limits::MANIFEST)? else { return Ok(Self::default()) };
        let raw: Option<Raw> = yaml::read(&source, 0..source.text().len())?;
        let auto_commit = raw.and_then(|raw| raw.agents).and_then(|agents| agents.auto_commit);
        Ok(Self { auto_commit: auto_commit.unwrap_or(false) })
    }
}
