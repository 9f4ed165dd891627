//! How the tools are run: their environment, where, and for how long.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clearance_engine::process::{self, Ended, Kept, Program, ProgramError};

use crate::attempt::{End, Outcome};
use crate::cause;
use crate::environment::for_tools;

/// What is kept of what a tool prints: its end, where it says what became of it.
const OUTPUT_CAP: usize = 64 << 10;

/// How tools are run.
#[derive(Debug, Clone)]
pub(crate) struct Runner<'a> {
    env: Vec<(OsString, OsString)>,
    directory: &'a Path,
    timeout: Duration,
    until: Option<Instant>,
}

impl<'a> Runner<'a> {
    /// Of these variables tools get what does not lead them astray. They run in `directory`, each for `timeout` at most.
    pub(crate) fn new(variables: &[(OsString, OsString)], directory: &'a Path, timeout: Duration) -> Self {
        Self { env: for_tools(variables), directory, timeout, until: None }
    }

    /// None of them after this instant, where there is one.
    pub(crate) fn until(self, until: Option<Instant>) -> Self {
        Self { until, ..self }
    }

    pub(crate) fn env(&self) -> &[(OsString, OsString)] {
        &self.env
    }

    /// The file that a name stands for.
    pub(crate) fn resolve(&self, name: &str) -> Result<PathBuf, ProgramError> {
        process::resolve(name, self.directory, &self.env)
    }

    /// Runs a tool to its end.
    pub(crate) fn run(&self, argv: &[String]) -> Result<Ended, ProgramError> {
        self.run_for(argv, self.timeout)
    }

    /// The same with a time of its own, where that is shorter.
    pub(crate) fn run_for(&self, argv: &[String], timeout: Duration) -> Result<Ended, ProgramError> {
        let left = self.until.map(|until| until.saturating_duration_since(Instant::now()));
        let timeout = timeout.min(self.timeout).min(left.unwrap_or(timeout));
        let (directory, env) = (self.directory, self.env.as_slice());
        process::run(&Program { argv, directory, env, timeout, output_cap: OUTPUT_CAP, kept: Kept::End })
    }

    /// Runs a tool that must end with 0; what it printed on standard output.
    ///
    /// # Errors
    /// The outcome of an attempt that is over with this.
    pub(crate) fn succeed(&self, argv: &[String]) -> Result<String, Outcome> {
        let started = Instant::now();
        let (end, stdout, stderr) = match self.run(argv) {
            Ok(Ended { code: Some(0), stdout, .. }) => return Ok(stdout),
            Ok(Ended { code: Some(code), stdout, stderr, .. }) => (End::Exit(code), stdout, stderr),
            Ok(Ended { signal, stdout, stderr, .. }) => {
                (End::Signal(signal.unwrap_or_default()), stdout, stderr)
            }
            Err(ProgramError::Timeout { stdout, stderr, .. }) => (End::Timeout, stdout, stderr),
            Err(error @ ProgramError::NotFound { .. }) => {
                return Err(Outcome::Absent { cause: error.to_string() });
            }
            Err(error) => return Err(Outcome::Failed { end: End::NotStarted, cause: error.to_string() }),
        };
        let cause = cause::told(end, started.elapsed(), &stdout, &stderr);
        Err(Outcome::Failed { end, cause })
    }
}
