//! The product as a process, in an environment that the test owns.

use std::path::Path;
use std::process::{Command, Output};

/// A finished process.
#[derive(Debug)]
pub struct Run {
    /// Its exit code.
    pub code: i32,
    /// What it said on standard output.
    pub stdout: String,
    /// What it said on standard error.
    pub stderr: String,
}

impl Run {
    /// Runs a command to its end.
    ///
    /// # Panics
    /// When it cannot be started, or is killed.
    pub fn of(command: &mut Command) -> Self {
        let Output { status, stdout, stderr } = command.output().expect("a started process");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8 output");
        Self { code: status.code().expect("an exit code"), stdout: text(stdout), stderr: text(stderr) }
    }

    /// Standard output as the one JSON value it must be.
    ///
    /// # Panics
    /// When it is not exactly one.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!("not one JSON value ({error}): {:?}\nstderr: {}", self.stdout, self.stderr)
        })
    }
}

/// The product's binary with nothing of the caller's environment: no HOME, no git configuration, a fixed clock and a
/// fixed width.
#[must_use]
pub fn clearance(binary: &Path, directory: &Path) -> Command {
    let mut command = Command::new(binary);
    command.current_dir(directory);
    scrub(&mut command);
    command.env("CLEARANCE_NOW", "2026-05-06T07:08:09.000001Z").env("NO_COLOR", "1").env("COLUMNS", "100");
    command
}

/// Takes the caller's environment away from a command, and gives it one that is the same everywhere.
#[expect(
    clippy::disallowed_methods,
    reason = "PATH is the one thing a test must take from outside: git is on it"
)]
pub fn scrub(command: &mut Command) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    command
        .env_clear()
        .env("PATH", path)
        .env("HOME", "/nonexistent")
        .env("LC_ALL", "C.UTF-8")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        // Not /dev/null: what writes there would put a file in the place of the device.
        .env("GIT_CONFIG_GLOBAL", "/nonexistent/gitconfig")
        .env("GIT_AUTHOR_DATE", "2026-01-02T03:04:05Z")
        .env("GIT_COMMITTER_DATE", "2026-01-02T03:04:05Z");
}
