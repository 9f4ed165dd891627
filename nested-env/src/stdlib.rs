//! `python -m venv`: by its command line, as `venv.create` copies the interpreter where the command line links it, and
//! one that finds its libraries beside itself does not run when it is copied.

use std::path::Path;

use crate::attempt::Outcome;
use crate::runner::Runner;

/// The command that makes an environment, with pip. Isolated: nothing in the directory that it runs in is imported.
pub(crate) fn argv(python: &Path, directory: &str) -> Vec<String> {
    let python = python.to_string_lossy().into_owned();
    [&python, "-I", "-m", "venv", directory].map(str::to_owned).to_vec()
}

/// What is behind a failure: venv says of the pip that it could not install only with which code that ended. What it left
/// is asked again, and says why.
pub(crate) fn cause_behind(outcome: Outcome, environment: &Path, runner: &Runner<'_>) -> Outcome {
    let Outcome::Failed { end, cause } = outcome else { return outcome };
    if !cause.contains("ensurepip") || !cause.contains("non-zero exit status") {
        return Outcome::Failed { end, cause };
    }
    let python = environment.join("bin/python").to_string_lossy().into_owned();
    let argv = [&python, "-I", "-m", "ensurepip", "--upgrade", "--default-pip"].map(str::to_owned);
    let cause = match runner.succeed(&argv) {
        Err(Outcome::Failed { cause: behind, .. }) => format!("installing pip failed: {behind}"),
        _ => cause,
    };
    Outcome::Failed { end, cause }
}
