//! Arguments in, a verdict and an exit code out. Commands decide what to say; this file prints it.

mod args;
mod commands;
mod completion;
mod env;
mod explain;
mod failure;
mod final_sync;
mod output;

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use clearance_engine::exit::ExitStatus;
use clearance_engine::registry::{Registry, RegistryError};
use clearance_engine::run::STACK;

use args::Cli;
use args::report::ReportRequest;
use commands::Answer;
use env::Env;
use failure::Failure;
use final_sync::Last;
use output::Style;

/// The whole program.
#[must_use]
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if completion::answered(&arguments) {
        return ExitCode::SUCCESS;
    }
    // What teams write nests within limits that are meant for people; the usual stack is smaller than those.
    let status = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || run(&arguments));
        thread.map(|thread| thread.join().unwrap_or(ExitStatus::Bug))
    });
    let status = status.unwrap_or_else(|_| run(&arguments));
    #[cfg(unix)]
    clearance_engine::process::end_if_interrupted();
    ExitCode::from(status.code())
}

/// The registry of this build, proven complete against the facts of the plug-in crates.
///
/// # Errors
/// [`RegistryError`]: this build would give wrong answers.
pub fn registry() -> Result<Registry, RegistryError> {
    Registry::linked(clearance_rules::REQUIRED, clearance_strategies::ORDER)
}

/// The command line as it is read, for whoever compares something with it: the documentation, say.
#[must_use]
pub fn command_line() -> clap::Command {
    Cli::command()
}

fn run(arguments: &[OsString]) -> ExitStatus {
    // A bug is reported like every other failure, not as a stack trace in the middle of the output.
    std::panic::set_hook(Box::new(|_| {}));
    let wanted = Wanted::read(arguments);
    let result = catch_unwind(AssertUnwindSafe(|| answer(arguments, wanted.json, Env::read())));
    let Answered { style, result, last } = match result {
        Ok(answered) => answered,
        Err(panic) => Answered::failed(Failure::bug(&*panic)),
    };
    let (status, printed) = match result {
        Ok(answer) => (answer.status, output::answer(&answer, &style)),
        Err(failure) => (failure.status(), output::failure(&failure, &style, &wanted)),
    };
    // Local success is told by now.
    if let Some(line) = last.deliver() {
        output::final_line(&line);
    }
    match printed {
        Ok(()) => status,
        // A reader that went away (`| head`) changes nothing about the answer.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => status,
        Err(error) => {
            output::last_words(&format!("the answer could not be printed: {error}"));
            ExitStatus::Undecided
        }
    }
}

/// An answer, how it is shown, and what comes after it.
struct Answered {
    style: Style,
    result: Result<Answer, Failure>,
    last: Last,
}

impl Answered {
    fn failed(failure: Failure) -> Self {
        Self { style: Style::plain(), result: Err(failure), last: Last::default() }
    }
}

/// What a command line comes to; nothing is printed or delivered yet.
fn answer(arguments: &[OsString], json: bool, env: Result<Env, Failure>) -> Answered {
    let env = match env {
        Ok(env) => env,
        Err(failure) => return Answered::failed(failure),
    };
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let style = Style::new(&env, args::Color::Auto);
            return Answered { style, result: args::refused(&error, json), last: Last::default() };
        }
    };
    let style = Style::new(&env, cli.global.color);
    let mut result =
        registry().map_err(Failure::from).and_then(|registry| commands::run(&cli, &env, &registry));
    let last = result.as_mut().map(|answer| std::mem::take(&mut answer.last)).unwrap_or_default();
    Answered { style, result, last }
}

/// What the command line wants of the output, read before the arguments are understood: a usage error is JSON too.
struct Wanted {
    json: bool,
    reports: Vec<ReportRequest>,
}

impl Wanted {
    fn read(arguments: &[OsString]) -> Self {
        let words = arguments.iter().skip(1).take_while(|word| *word != "--");
        let words: Vec<_> = words.map(|word| word.to_string_lossy().into_owned()).collect();
        let separate = words.windows(2).filter(|pair| pair[0] == "--report").map(|pair| pair[1].as_str());
        let joined = words.iter().filter_map(|word| word.strip_prefix("--report="));
        let reports: Vec<_> =
            separate.chain(joined).filter_map(|text| ReportRequest::parse(text).ok()).collect();
        let json = words.iter().any(|word| word == "--json" || word.starts_with("--json="))
            || reports.iter().any(ReportRequest::is_json_on_stdout);
        Self { json, reports }
    }
}
