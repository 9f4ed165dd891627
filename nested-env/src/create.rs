//! Making an environment: uv when it is there, else the standard library's venv, else the reason of both.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::attempt::{Attempt, Method, Outcome};
use crate::interpreter::{self, InterpreterError};
use crate::limitation::Limitation;
use crate::managed::{self, Managed};
use crate::place::{Place, PlaceError};
use crate::probe::{self, Found};
use crate::runner::Runner;
use crate::{stdlib, uv};

/// What is to be made.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Where: an absolute path.
    pub directory: &'a Path,
    /// The interpreter that it is made of: a path, or a name on PATH. Without one, `python3` of PATH.
    pub python: Option<&'a str>,
    /// Whether an environment that is there is deleted first.
    pub clear: bool,
    /// Whether uv, too, is to put pip into it, which takes the network or a warm cache.
    pub seed: bool,
    /// The caller's variables; [`crate::environment`] says which of them the tools get.
    pub variables: &'a [(OsString, OsString)],
    /// Where the tools run: an absolute path.
    pub from: &'a Path,
    /// How long each tool may take.
    pub timeout: Duration,
    /// When all of them must have ended; `None` where each has its time.
    pub until: Option<Instant>,
}

/// An environment whose interpreter has run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NestedEnv {
    /// Where it is: an absolute path.
    pub venv_dir: PathBuf,
    /// Its interpreter.
    pub python: PathBuf,
    /// Its pip, where there is one: uv makes none unless it is asked for.
    pub pip: Option<PathBuf>,
    /// How it was made.
    pub method: Method,
    /// The version of its Python: `3.11.2`
    pub version: String,
    /// The installation that its Python belongs to.
    pub base_prefix: PathBuf,
    /// The interpreter that it was made of.
    pub interpreter: PathBuf,
    /// Every way that was tried, in order; the last one made it.
    pub attempts: Vec<Attempt>,
}

/// Why none was made.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum CreateError {
    /// Not there.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Place(#[from] PlaceError),
    /// Not of this interpreter.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Interpreter(#[from] InterpreterError),
    /// Not on this machine.
    #[error("{0}")]
    #[diagnostic(code(environment_limitation), help("{}", .0.help()))]
    Limitation(Box<Limitation>),
}

/// Makes an environment. What fails leaves nothing behind.
///
/// # Errors
/// [`CreateError`]: a place that cannot be taken, an interpreter that is not there, or no way that works.
pub fn create(request: &Request<'_>) -> Result<NestedEnv, CreateError> {
    let runner = Runner::new(request.variables, request.from, request.timeout).until(request.until);
    let uv = runner.resolve(uv::PROGRAM);
    let found_uv = uv.as_deref().ok();
    let interpreter = interpreter::choose(request.python, found_uv, &runner)?;
    let mut place = Place::take(request.directory, request.clear)?;
    let interpreter = interpreter.and_then(|python| interpreter::that_stays(python, place.path(), &runner));
    // Without one nothing is made: then what is there is not deleted for it either.
    if interpreter.is_ok() {
        place.clear()?;
    }
    let mut attempts = Vec::new();
    let mut left = None;
    for method in [Method::Uv, Method::Stdlib] {
        let started = Instant::now();
        let argv = match (&interpreter, &uv) {
            (Ok(python), Ok(uv)) if method == Method::Uv => {
                Ok(uv::argv(uv, python, &place.text(), request.seed))
            }
            (_, Err(error)) if method == Method::Uv => Err(error.to_string()),
            (Ok(python), _) => Ok(stdlib::argv(python, &place.text())),
            (Err(why), _) => Err(why.clone()),
        };
        let made = match &argv {
            Ok(argv) => make(method, argv, &place, &runner),
            Err(cause) => Err(Outcome::Absent { cause: cause.clone() }),
        };
        let attempt = |outcome| Attempt {
            method,
            argv: argv.clone().unwrap_or_default(),
            took: started.elapsed(),
            outcome,
        };
        match (made, &interpreter) {
            (Ok(found), Ok(interpreter)) => {
                attempts.push(attempt(Outcome::Made));
                return Ok(kept(place, method, found, interpreter.clone(), attempts));
            }
            (made, _) => attempts.extend(made.err().map(attempt)),
        }
        left = place.empty();
    }
    let managed = interpreter.ok().map(|python| managed::look(&python, None, found_uv, &runner));
    Err(CreateError::Limitation(Box::new(Limitation { attempts, managed, left })))
}

/// Makes one in one way.
fn make(method: Method, argv: &[String], place: &Place, runner: &Runner<'_>) -> Result<Found, Outcome> {
    match (runner.succeed(argv), method) {
        (Ok(_), _) => probe::look(place.path(), runner).map_err(|cause| Outcome::Broken { cause }),
        (Err(outcome), Method::Uv) => Err(outcome),
        (Err(outcome), Method::Stdlib) => Err(stdlib::cause_behind(outcome, place.path(), runner)),
    }
}

fn kept(
    place: Place,
    method: Method,
    found: Found,
    interpreter: PathBuf,
    attempts: Vec<Attempt>,
) -> NestedEnv {
    let Found { python, version, base_prefix, pip } = found;
    let venv_dir = place.keep();
    NestedEnv { venv_dir, python, pip, method, version, base_prefix, interpreter, attempts }
}

impl NestedEnv {
    /// Whether uv manages the Python of this environment. It takes a question to uv, so it is asked for by who shows it.
    #[must_use]
    pub fn managed(&self, request: &Request<'_>) -> Managed {
        let runner = Runner::new(request.variables, request.from, request.timeout).until(request.until);
        let uv = runner.resolve(uv::PROGRAM).ok();
        managed::look(&self.interpreter, Some(&self.base_prefix), uv.as_deref(), &runner)
    }
}
