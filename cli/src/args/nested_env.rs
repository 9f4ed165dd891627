//! Arguments of `clearance env`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::seconds;

#[derive(Debug, Subcommand)]
pub(crate) enum EnvCommand {
    /// Make a Python environment in a directory: with uv when it is on PATH, else with the standard library's venv
    Create(EnvCreateArgs),
    /// Ask whether a consumer's own tests notice another version of a package, in an environment that is thrown away
    #[command(after_help = DRIFT_EXAMPLE)]
    Drift(EnvDriftArgs),
}

const DRIFT_EXAMPLE: &str = "\
Example:
  clearance env drift --package events --candidate dist/events-999.0.0-py3-none-any.whl \\
      --candidate-version 999.0.0 --sign event_id --with pytest -- python -m pytest tests/contract";

#[derive(Debug, Args)]
pub(crate) struct EnvCreateArgs {
    /// Where to make it: a directory that is not there yet, or an empty one
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    /// The interpreter to make it of: a path, or a name on PATH [default: python3]
    #[arg(long, value_name = "PATH")]
    pub(crate) python: Option<String>,
    /// Delete the environment that is there first. Nothing else is ever deleted
    #[arg(long)]
    pub(crate) clear: bool,
    /// Have uv put pip into it, too; that takes the network, or a warm cache
    #[arg(long)]
    pub(crate) seed: bool,
    /// How long each tool may take
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "300")]
    pub(crate) timeout: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct EnvDriftArgs {
    /// The package that drifts, by its name
    #[arg(long, value_parser = word, value_name = "NAME")]
    pub(crate) package: String,
    /// What is installed last: a wheel, an archive, a project's directory, or a requirement
    #[arg(long, value_parser = word, value_name = "WHAT")]
    pub(crate) candidate: String,
    /// The version that the candidate has, as its metadata must say before and after the tests
    #[arg(long, value_parser = word, value_name = "VERSION")]
    pub(crate) candidate_version: String,
    /// What a failure of the tests names where the drift is its cause. Repeatable
    #[arg(long, value_parser = word, value_name = "TEXT", required = true)]
    pub(crate) sign: Vec<String>,
    /// What is installed first: a project's directory, a wheel, or a requirement
    #[arg(long, value_parser = word, value_name = "WHAT", default_value = ".")]
    pub(crate) consumer: String,
    /// What the tests need besides, installed with the consumer. Repeatable
    #[arg(long, value_parser = word, value_name = "WHAT")]
    pub(crate) with: Vec<String>,
    /// A directory with wheels and archives, looked at first. Repeatable
    #[arg(long, value_parser = word, value_name = "DIR")]
    pub(crate) find_links: Vec<String>,
    /// Ask no package index
    #[arg(long)]
    pub(crate) offline: bool,
    /// The interpreter of the environment: a path, or a name on PATH [default: python3]
    #[arg(long, value_name = "PATH")]
    pub(crate) python: Option<String>,
    /// What is in order; anything else is exit code 1
    #[arg(long, value_name = "OUTCOME", default_value = "no_drift")]
    pub(crate) expect: Drift,
    /// How long all of it may take
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "1800")]
    pub(crate) timeout: Duration,
    /// The tests of the consumer: a program and its arguments; `python` is that of the environment
    #[arg(last = true, required = true, value_name = "TESTS")]
    pub(crate) tests: Vec<String>,
}

/// An empty one would stand for the directory itself.
fn word(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("it is empty".to_owned()) } else { Ok(text.to_owned()) }
}

/// What a scenario comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Drift {
    /// The tests pass with the candidate
    NoDrift,
    /// They fail with it, and a failure names a sign
    DriftDetected,
}
