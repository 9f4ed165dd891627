//! `.kittify/config.yaml`: the repository's settings, as far as this tool follows them.

use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::limits;
use crate::merge::scope::Strategy;
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
    /// `merge.strategy`, as in the original.
    pub strategy: Option<Strategy>,
    /// `merge.protected_branches`: patterns of branches that nothing is merged into here, because it comes there another way.
    pub protected_branches: Vec<String>,
    /// `project`: who the repository is to a server.
    pub project: Project,
}

/// The project that a repository is of, as the original names it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Project {
    /// `project.uuid`
    #[serde(default)]
    pub uuid: Option<String>,
    /// `project.slug`
    #[serde(default)]
    pub slug: Option<String>,
}

#[derive(Deserialize, Default)]
struct Raw {
    #[serde(default)]
    agents: Option<RawAgents>,
    #[serde(default)]
    merge: Option<RawMerge>,
    #[serde(default)]
    project: Option<RawProject>,
}

/// Who the repository is matters to servers only: what is not understood of it stops nobody here.
#[derive(Deserialize)]
#[serde(untagged)]
enum RawProject {
    Named(Project),
    Other(IgnoredAny),
}

#[derive(Deserialize, Default)]
struct RawMerge {
    #[serde(default)]
    strategy: Option<Strategy>,
    #[serde(default)]
    protected_branches: Option<Vec<String>>,
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
        let source = Source::read(CONFIG, &path, limits::MANIFEST)?;
        source.map_or_else(|| Ok(Self::default()), |source| Self::parse(&source))
    }

    /// Reads the settings as a branch has them.
    ///
    /// # Errors
    /// [`ArtefactError`] with the place.
    pub fn of_text(text: &str) -> Result<Self, ArtefactError> {
        Self::parse(&Source::new(CONFIG, CONFIG, text))
    }

    fn parse(source: &Source) -> Result<Self, ArtefactError> {
        let raw: Option<Raw> = yaml::read(source, 0..source.text().len())?;
        let Raw { agents, merge, project } = raw.unwrap_or_default();
        let merge = merge.unwrap_or_default();
        Ok(Self {
            auto_commit: agents.and_then(|agents| agents.auto_commit).unwrap_or(false),
            strategy: merge.strategy,
            protected_branches: merge.protected_branches.unwrap_or_default(),
            project: match project {
                Some(RawProject::Named(project)) => project,
                Some(RawProject::Other(_)) | None => Project::default(),
            },
        })
    }
}
