//! `clearance env`: nested Python environments.

mod create;

use super::Answer;
use crate::args::Global;
use crate::args::nested_env::EnvCommand;
use crate::env::Env;
use crate::failure::Failure;

pub(crate) fn run(command: &EnvCommand, global: &Global, env: &Env) -> Result<Answer, Failure> {
    match command {
        EnvCommand::Create(args) => create::run(args, global, env),
    }
}
