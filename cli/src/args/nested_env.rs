//! Arguments of `clearance env`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::seconds;

#[derive(Debug, Subcommand)]
pub(crate) enum EnvCommand {
    /// Make a Python environment in a directory: with uv when it is on PATH, else with the standard library's venv
    Create(EnvCreateArgs),
}

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
