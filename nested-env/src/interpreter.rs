//! Which Python an environment is made of.

use std::path::{Path, PathBuf};

use clearance_engine::process::ProgramError;

use crate::place::home_of;
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

/// An interpreter that is still there when an environment is deleted. One that is in it, as where that environment is active,
/// gives way to the one that the environment was made of.
///
/// # Errors
/// Why there is none.
pub(crate) fn that_stays(
    python: PathBuf,
    environment: &Path,
    runner: &Runner<'_>,
) -> Result<PathBuf, String> {
    let goes = |python: &Path| {
        let programs = python.parent().and_then(|programs| programs.canonicalize().ok());
        programs.is_some_and(|programs| programs.starts_with(environment))
    };
    if !goes(&python) {
        return Ok(python);
    }
    let home = home_of(environment);
    let own = python.file_name().map(|name| name.to_string_lossy().into_owned());
    let names = own.iter().map(String::as_str).chain(NAMES);
    let found = home.iter().flat_map(|home| names.clone().map(|name| home.join(name)));
    found
        .filter_map(|python| runner.resolve(&python.to_string_lossy()).ok())
        .find(|python| !goes(python))
        .ok_or_else(|| {
            let python = python.display();
            format!(
                "{python} is in the environment that is to be deleted, and what it was made of is not there"
            )
        })
}
