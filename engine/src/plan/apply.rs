//! Makes a plan so: the only caller of `write` for missions.

use std::sync::Arc;

use super::event::{Event, EventError};
use crate::mission::artefact::ArtefactError;
use crate::mission::log::LOG;
use crate::mission::{Mission, SNAPSHOT};
use crate::report::{Write, WriteKind};
use crate::write::{self, Staging, WriteError};

/// What is to be written.
#[derive(Debug, Clone, Copy, Default)]
pub struct Changes<'a> {
    /// The new text of `tasks.md`.
    pub tasks: Option<&'a str>,
    /// Events to append.
    pub events: &'a [Event],
}

/// Why a plan was not, or not wholly, carried out.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum ApplyError {
    /// A file leads somewhere it must not.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Artefact(#[from] Arc<ArtefactError>),
    /// A file was not written.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Write(#[from] WriteError),
    /// An event cannot be recorded.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Event(#[from] EventError),
}

impl From<ArtefactError> for ApplyError {
    fn from(error: ArtefactError) -> Self {
        Self::Artefact(Arc::new(error))
    }
}

/// The files that would be written. The snapshot follows the log.
///
/// # Errors
/// [`ArtefactError`]: a file leads somewhere it must not.
pub fn planned(mission: &Mission, changes: Changes<'_>) -> Result<Vec<Write>, ArtefactError> {
    let mut writes = Vec::new();
    let mut add = |file: &str, kind| -> Result<(), ArtefactError> {
        writes.push(Write { file: mission.name_of(file), kind, path: mission.path_of(file)? });
        Ok(())
    };
    if changes.tasks.is_some() {
        add("tasks.md", WriteKind::Replaced)?;
    }
    if !changes.events.is_empty() {
        add(LOG, WriteKind::Appended)?;
        add(SNAPSHOT, WriteKind::Replaced)?;
    }
    Ok(writes)
}

/// Writes what is to be written. Call it with the mission's lock held.
///
/// # Errors
/// [`ApplyError`].
pub fn apply(mission: &Mission, changes: Changes<'_>, staging: &Staging) -> Result<Vec<Write>, ApplyError> {
    let mut writes = Vec::new();
    for planned in planned(mission, changes)? {
        match planned.kind {
            WriteKind::Appended => {
                let lines: String = changes.events.iter().map(|event| format!("{}\n", event.line)).collect();
                write::append(&planned.file, &planned.path, &lines)?;
                writes.push(planned);
            }
            WriteKind::Replaced if planned.path.ends_with(SNAPSHOT) => {
                writes.extend(materialize(mission, staging)?);
            }
            WriteKind::Replaced => {
                if let (Some(after), Ok(tasks)) = (changes.tasks, mission.tasks()) {
                    let before = Some(tasks.text().as_bytes());
                    write::replace(&planned.file, &planned.path, before, after, staging)?;
                    writes.push(planned);
                }
            }
        }
    }
    Ok(writes)
}

/// Writes `status.json` as the log has it now, where it differs. Nothing is lost by that: it is only derived.
/// Call it with the mission's lock held.
///
/// # Errors
/// [`ApplyError`].
pub fn materialize(mission: &Mission, staging: &Staging) -> Result<Option<Write>, ApplyError> {
    let text = mission.read_state()?.snapshot(mission.meta()?);
    let (file, path) = (mission.name_of(SNAPSHOT), mission.path_of(SNAPSHOT)?);
    let before =
        crate::source::read_bytes(&file, &path, crate::limits::MANIFEST).map_err(ArtefactError::from)?;
    if before.as_deref() == Some(text.as_bytes()) {
        return Ok(None);
    }
    write::replace(&file, &path, before.as_deref(), &text, staging)?;
    Ok(Some(Write { file, kind: WriteKind::Replaced, path }))
}
