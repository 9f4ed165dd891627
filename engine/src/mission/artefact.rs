//! What can be wrong with a file of a mission, always with the place.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use miette::{NamedSource, SourceSpan};
use serde::de::DeserializeOwned;

use crate::source::{Source, SourceError};

/// A mission file that could not be used.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum ArtefactError {
    /// It could not be read as text.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Source(#[from] SourceError),
    /// It was read, and is not what it should be.
    #[error("{name}:{line}: {message}")]
    #[diagnostic(code(broken_artefact))]
    Broken {
        /// The file.
        name: String,
        /// 1-based line.
        line: usize,
        /// What is wrong.
        message: String,
        /// What to do about it.
        #[help]
        help: String,
        /// The text.
        #[source_code]
        source_code: NamedSource<Arc<str>>,
        /// The place.
        #[label("here")]
        at: SourceSpan,
    },
    /// It is not there.
    #[error("{name} does not exist")]
    #[diagnostic(code(missing_artefact), help("{help}"))]
    Missing {
        /// The file.
        name: String,
        /// Where it comes from.
        help: String,
    },
    /// A symbolic link leads out of the repository (for a mission: out of `kitty-specs/`), or nowhere.
    #[error("{name} leads to {}, outside of what clearance may touch", target.display())]
    #[diagnostic(
        code(path_escape),
        help(
            "clearance reads and writes inside the repository only, and missions are in kitty-specs/; replace the link by what it leads to"
        )
    )]
    Escapes {
        /// The path as it is named in the repository.
        name: String,
        /// Where it leads.
        target: PathBuf,
    },
}

impl ArtefactError {
    /// A broken file, at a byte offset.
    #[must_use]
    pub fn broken(
        source: &Source,
        offset: usize,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self::broken_at(source, offset..offset + 1, message, help)
    }

    /// A broken file, at a byte range.
    #[must_use]
    pub fn broken_at(
        source: &Source,
        range: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        // A parser that ran off the end means the last character.
        let last = source.text().trim_end().len().saturating_sub(1);
        let range = if range.start > last { last..last + 1 } else { range };
        let (source_code, at) = source.labelled(range.clone());
        Self::Broken {
            name: source.name().to_owned(),
            line: source.line_of(range.start),
            message: message.into(),
            help: help.into(),
            at,
            source_code,
        }
    }

    /// The file it is about and, where known, the 1-based line.
    #[must_use]
    pub fn place(&self) -> (&str, Option<usize>) {
        match self {
            Self::Broken { name, line, .. } | Self::Source(SourceError::NotUtf8 { name, line, .. }) => {
                (name, Some(*line))
            }
            Self::Missing { name, .. } | Self::Escapes { name, .. } => (name, None),
            Self::Source(
                SourceError::Io { name, .. }
                | SourceError::NotAFile { name }
                | SourceError::TooLarge { name, .. },
            ) => (name, None),
        }
    }
}

/// Reads a JSON file whose root is an object; `None` when it does not exist.
///
/// # Errors
/// [`ArtefactError`] with line and byte.
pub fn read_json<T: DeserializeOwned>(source: &Source) -> Result<T, ArtefactError> {
    let start = source.text().trim_start().len();
    let root = source.text().len() - start;
    if !source.text()[root..].starts_with('{') {
        let help = format!("{} must hold one JSON object: {{ ... }}", source.name());
        return Err(ArtefactError::broken(source, root, "the root is not a JSON object", help));
    }
    serde_json::from_str(source.text()).map_err(|error| {
        let at = source.offset_of(error.line(), error.column());
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or(&message).to_owned();
        let conflict = source.text().lines().any(|line| line.starts_with("<<<<<<< "));
        let help = if conflict {
            "the file has git conflict markers: resolve them first"
        } else {
            "correct the file; its last committed state: git show HEAD:FILE"
        };
        ArtefactError::broken(
            source,
            at,
            message,
            help.replace("FILE", &crate::source::shell_quote(source.name())),
        )
    })
}

/// Follows symbolic links and makes sure that the result is inside `root` (itself already resolved).
/// `Ok(None)` when nothing is there.
///
/// # Errors
/// [`ArtefactError::Escapes`], or the system's error.
pub fn confined(root: &Path, path: &Path, name: &str) -> Result<Option<PathBuf>, ArtefactError> {
    match path.canonicalize() {
        Ok(target) if target.starts_with(root) => Ok(Some(target)),
        Ok(target) => Err(ArtefactError::Escapes { name: name.to_owned(), target }),
        // A link that leads nowhere is not the same as nothing: writing through it would make a file elsewhere.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => match path.read_link() {
            Ok(target) => Err(ArtefactError::Escapes { name: name.to_owned(), target }),
            Err(_) => Ok(None),
        },
        Err(source) => Err(SourceError::Io { name: name.to_owned(), source }.into()),
    }
}
