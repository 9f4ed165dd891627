//! Arguments of `clearance sync`.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::seconds;

/// Deliver queued events; say what is queued, and why.
#[derive(Debug, Args)]
pub(crate) struct SyncArgs {
    #[command(subcommand)]
    pub(crate) command: SyncCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SyncCommand {
    /// Say what is queued and how things are, each with its evidence
    Status(SyncStatusArgs),
    /// Deliver what is queued
    Now(SyncNowArgs),
    /// Read messages of other programs on standard input, and say which diagnostic code each would get
    Classify,
}

#[derive(Debug, Args)]
pub(crate) struct SyncStatusArgs {
    /// Do not ask the server whether it is there
    #[arg(long)]
    pub(crate) offline: bool,
    /// As in the original, where it asks for more
    #[arg(long, hide = true)]
    pub(crate) check: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SyncNowArgs {
    /// How long it may take
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "60")]
    pub(crate) deadline: Duration,
    /// Also send what a server refused before, and what was queued for another server or team
    #[arg(long)]
    pub(crate) all: bool,
}
