//! Arguments in, a verdict and an exit code out. Commands decide what to say; this file prints it.

mod args;
mod commands;
mod env;
mod failure;
mod output;

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser as _;
use clearance_engine::exit::ExitStatus;
use clearance_engine::registry::{Registry, RegistryError};

use args::Cli;
use commands::Answer;
use env::Env;
use failure::Failure;
use output::Style;

/// The whole program.
#[must_use]
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    ExitCode::from(run(&arguments).code())
}

/// The registry of this build, proven complete against the facts of the plug-in crates.
///
/// # Errors
/// [`RegistryError`]: this build would give wrong answers.
pub fn registry() -> Result<Registry, RegistryError> {
    Registry::linked(clearance_rules::REQUIRED, clearance_strategies::ORDER)
}

fn run(arguments: &[OsString]) -> ExitStatus {
    // A bug is reported like every other failure, not as a stack trace in the middle of the output.
    std::panic::set_hook(Box::new(|_| {}));
    let json = wants_json(arguments);
    let result = catch_unwind(AssertUnwindSafe(|| answer(arguments, json)));
    let (style, result) = match result {
        Ok(answered) => answered,
        Err(panic) => (Style::plain(), Err(Failure::bug(&*panic))),
    };
    let printed = match result {
        Ok(answer) => output::answer(&answer, &style).map(|()| answer.status),
        Err(failure) => output::failure(&failure, &style, json).map(|()| failure.status()),
    };
    // A reader that went away (`| head`) is no fault; anything else that keeps us from answering is.
    printed.unwrap_or_else(|error| match error.kind() {
        std::io::ErrorKind::BrokenPipe => ExitStatus::Done,
        _ => ExitStatus::Undecided,
    })
}

fn answer(arguments: &[OsString], json: bool) -> (Style, Result<Answer, Failure>) {
    let env = match Env::read() {
        Ok(env) => env,
        Err(failure) => return (Style::plain(), Err(failure)),
    };
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return (Style::new(&env, args::Color::Auto), args::refused(&error, json)),
    };
    let style = Style::new(&env, cli.global.color);
    let result = registry().map_err(Failure::from).and_then(|registry| commands::run(&cli, &env, &registry));
    #[cfg(feature = "sync")]
    let _ = clearance_sync::final_sync();
    (style, result)
}

/// Whether standard output must be JSON, read before the arguments are understood: a usage error is JSON too.
fn wants_json(arguments: &[OsString]) -> bool {
    let words: Vec<_> = arguments.iter().skip(1).take_while(|word| *word != "--").collect();
    let report = words.windows(2).any(|pair| pair[0] == "--report" && pair[1] == "json");
    report || words.iter().any(|word| *word == "--json" || *word == "--report=json")
}
