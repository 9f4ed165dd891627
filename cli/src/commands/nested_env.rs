//! `clearance env`: nested Python environments.

mod create;
mod drift;

use std::path::PathBuf;

use super::Answer;
use crate::args::Global;
use crate::args::nested_env::EnvCommand;
use crate::env::Env;
use crate::failure::Failure;

pub(crate) fn run(command: &EnvCommand, global: &Global, env: &Env) -> Result<Answer, Failure> {
    match command {
        EnvCommand::Create(args) => create::run(args, global, env),
        EnvCommand::Drift(args) => drift::run(args, global, env),
    }
}

/// The directory that paths are looked for from, and tools run in.
fn start(global: &Global, env: &Env) -> Result<PathBuf, Failure> {
    let start = match &global.repo {
        Some(repo) if repo.is_absolute() => repo.clone(),
        Some(repo) => env.directory()?.join(repo),
        None => env.directory()?.to_owned(),
    };
    if start.is_dir() {
        return Ok(start);
    }
    let message = format!("{} is not a directory", start.display());
    Err(Failure::usage("no_directory", message, "give an existing directory: --repo DIR"))
}
