//! The final sync, as a command ends. What it recorded is queued while nobody else writes the mission, and delivered after the
//! command has said what it has to say. Whatever becomes of that, the command is what it is: only standard error has a line
//! more.

#[cfg(not(feature = "sync"))]
mod off;
#[cfg(feature = "sync")]
mod on;

use std::path::PathBuf;

#[cfg(not(feature = "sync"))]
pub(crate) use off::Last;
#[cfg(feature = "sync")]
pub(crate) use on::Last;

/// What a command recorded in a mission.
#[derive(Debug, Default)]
#[cfg_attr(not(feature = "sync"), expect(dead_code, reason = "nobody is told of it in this build"))]
pub(crate) struct Recorded {
    /// The top of the main work tree.
    pub(crate) root: PathBuf,
    /// The common git directory.
    pub(crate) common_dir: PathBuf,
    /// The mission.
    pub(crate) mission: String,
    /// Lines of its log.
    pub(crate) lines: Vec<String>,
    /// Tasks whose rows were marked, where the log has no events of tasks.
    pub(crate) tasks: Vec<Marked>,
}

/// A task whose row was marked.
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "sync"), expect(dead_code, reason = "nobody is told of it in this build"))]
pub(crate) struct Marked {
    pub(crate) task: String,
    /// The work package that it is of.
    pub(crate) work_package: Option<String>,
    /// What it is now.
    pub(crate) state: String,
}
