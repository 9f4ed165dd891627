//! Which Python an environment is made of.

use std::path::{Path, PathBuf};

use clearance_engine::process::ProgramError;

use crate::runner::Runner;
use crate::uv;

/// Names of interpreters, in the order that they are looked for.
const NAMES: [&str; 2] = ["python3", "python"];

/// Why there is no interpreter.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum InterpreterError {
    /// The one that was named is not there.
    #[error("no interpreter `{asked}`: {source}")]
    #[diagnostic(
        code(python_not_found),
        help("give --python the path of an interpreter, or leave it out: then it is `python3` of PATH")
    )]
    NotThere {
        /// As it was named.
        asked: String,
        /// Where it was looked for.
        source: ProgramError,
    },
}

/// The interpreter, as an absolute path: the one that is asked for, else the first on PATH, else one that uv knows. `None`
/// where there is none, and why.
///
/// # Errors
/// [`InterpreterError`] where one was asked for that is not there.
pub(crate) fn choose(
    asked: Option<&str>,
    uv: Option<&Path>,
    runner: &Runner<'_>,
) -> Result<Result<PathBuf, String>, InterpreterError> {
    if let Some(asked) = asked {
        let found = runner.resolve(asked);
        return found
            .map(Ok)
            .map_err(|source| InterpreterError::NotThere { asked: asked.to_owned(), source });
    }
    let mut why = String::new();
    for name in NAMES {
        match runner.resolve(name) {
            Ok(path) => return Ok(Ok(path)),
            Err(error) if why.is_empty() => why = error.to_string(),
            Err(_) => {}
        }
    }
    Ok(uv.and_then(|uv| uv::python(uv, runner)).ok_or(why))
}
