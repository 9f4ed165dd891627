//! Programs that are not ours, of a rule say: no shell, no input, an environment and a time of its own, and an end to what it prints.
//!
//! It is no sandbox: the program may read, write and connect to whatever the user may. Whether it is run at all is a
//! question of trust, which is asked before, about the file that [`resolve`] names. Who then gives that file as the name
//! runs what was asked about.

mod environment;
#[cfg(unix)]
mod interrupt;
mod resolve;
#[cfg(unix)]
mod running;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use environment::{environment, is_never_given};
#[cfg(unix)]
pub use interrupt::end_if_interrupted;
pub use resolve::resolve;

/// What is kept of standard output, and of standard error.
pub const OUTPUT_CAP: usize = 64 << 10;

/// A program to run.
#[derive(Debug, Clone, Copy)]
pub struct Program<'a> {
    /// Its name, which [`resolve`] makes a file of, and its arguments, which it is given as they are.
    pub argv: &'a [String],
    /// Where it runs: an absolute path.
    pub directory: &'a Path,
    /// Its whole environment; see [`environment`].
    pub env: &'a [(OsString, OsString)],
    /// How long it may take. Then it is killed, with all of its process group.
    pub timeout: Duration,
    /// How many bytes are kept of each output. It may print more, which is read and forgotten.
    pub output_cap: usize,
    /// Which ones.
    pub kept: Kept,
}

/// Which part of a long output is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// What came first.
    Beginning,
    /// What came last, where a program says what became of it.
    End,
}

/// A program that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code.
    pub code: Option<i32>,
    /// What ended it instead.
    pub signal: Option<i32>,
    /// What it printed, without what a terminal would obey.
    pub stdout: String,
    /// What it printed on standard error, likewise.
    pub stderr: String,
    /// Whether it printed more than was kept.
    pub cut: bool,
}

/// Why a program gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProgramError {
    /// There is no name.
    #[error("`argv` is empty: its first word is the program to run")]
    NoName,
    /// No directory of PATH has it.
    #[error(
        "`{name}` is in no directory of PATH ({}): install it, or put its directory on PATH",
        listed(searched)
    )]
    NotFound {
        /// The name.
        name: String,
        /// Where it was looked for.
        searched: Vec<PathBuf>,
    },
    /// A name that is a path leads nowhere.
    #[error("there is no file {}: a program with a `/` in its name is looked for from where it runs, not on PATH", path.display())]
    NoFile {
        /// Where it would be.
        path: PathBuf,
    },
    /// What the name leads to is no program.
    #[error("{} may not be executed: a program is a file with that right (`chmod +x`, and in a repository `git update-index --chmod=+x`)", path.display())]
    NotExecutable {
        /// Where it leads.
        path: PathBuf,
    },
    /// There is no place to run it.
    #[error("{} is not the absolute path of a directory, so that nothing can run there", path.display())]
    NoDirectory {
        /// The place.
        path: PathBuf,
    },
    /// The system did not start it.
    #[error("cannot start {}: {source}{}", program.display(), hint(source))]
    Spawn {
        /// The file.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It was started, and cannot be watched.
    #[error("cannot tell how {} ended: {source}", program.display())]
    Lost {
        /// The file.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It took too long.
    #[error("{} had not ended after {:.1} s, and {}: give it more time, or less to do", program.display(), after.as_secs_f32(), fate(*stopped))]
    Timeout {
        /// The file.
        program: PathBuf,
        /// The time it had.
        after: Duration,
        /// Whether it ended when it was killed; one that runs as somebody else does not.
        stopped: bool,
        /// What it printed until then.
        stdout: String,
        /// What it printed on standard error.
        stderr: String,
    },
    /// This process was told to end.
    #[error("{} was stopped: this was interrupted", program.display())]
    Interrupted {
        /// The file.
        program: PathBuf,
    },
    /// Not on this system.
    #[error("programs are run on Unix only")]
    Unsupported,
}

fn listed(searched: &[PathBuf]) -> String {
    let all: Vec<_> = searched.iter().map(|directory| directory.display().to_string()).collect();
    if all.is_empty() { "which names none that is absolute".to_owned() } else { all.join(", ") }
}

fn fate(stopped: bool) -> &'static str {
    if stopped { "was stopped with all that it had started" } else { "cannot be stopped" }
}

fn hint(error: &io::Error) -> &'static str {
    /// `ENOEXEC`, which has no kind of its own.
    const NO_FORMAT: i32 = 8;
    match error.kind() {
        // It is there itself.
        io::ErrorKind::NotFound => ". The program that its first line names (`#!`) is not there",
        _ if error.raw_os_error() == Some(NO_FORMAT) => {
            ". It is for another machine, or a script that does not begin with the program that reads it: `#!/bin/sh`, say"
        }
        _ => "",
    }
}

/// Runs a program to its end. What it started in its process group ends with it.
///
/// # Errors
/// [`ProgramError`]. Whatever it printed and however it ended is no error.
#[cfg(unix)]
pub fn run(program: &Program<'_>) -> Result<Ended, ProgramError> {
    running::run(program)
}

/// Runs no program: what it starts could not be ended with it.
///
/// # Errors
/// Always.
#[cfg(not(unix))]
pub fn run(_: &Program<'_>) -> Result<Ended, ProgramError> {
    Err(ProgramError::Unsupported)
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
