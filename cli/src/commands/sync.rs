//! `clearance sync`: what is queued, and its delivery.

mod classify;
mod now;
mod status;

use clearance_sync::outbox::Outbox;
use clearance_sync::settings::Settings;

use super::{Answer, target};
use crate::args::Global;
use crate::args::sync::{SyncArgs, SyncCommand};
use crate::env::Env;
use crate::failure::Failure;

pub(crate) fn run(args: &SyncArgs, global: &Global, env: &Env) -> Result<Answer, Failure> {
    match &args.command {
        SyncCommand::Status(args) => status::run(args, &Place::of(global, env)?, global, env),
        SyncCommand::Now(args) => now::run(args, &Place::of(global, env)?, global, env),
        SyncCommand::Classify => classify::run(global),
    }
}

/// The outbox of a repository, and what is to be done with it.
struct Place {
    outbox: Outbox,
    settings: Settings,
}

impl Place {
    fn of(global: &Global, env: &Env) -> Result<Self, Failure> {
        let repo = target::repository(global, env)?;
        let settings = Settings::read(repo.root(), &env.sync()).map_err(Failure::settings)?;
        Ok(Self { outbox: Outbox::of(repo.common_dir()), settings })
    }
}
