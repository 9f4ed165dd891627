//! `uv venv`.

use std::path::{Path, PathBuf};

use crate::runner::Runner;

/// The name of the program.
pub(crate) const PROGRAM: &str = "uv";

/// The command that makes an environment. No configuration of the directory that it runs in is looked at, and the
/// interpreter is this one and not one like it.
pub(crate) fn argv(uv: &Path, python: &Path, directory: &str, seed: bool) -> Vec<String> {
    let python = python.to_string_lossy();
    let uv = uv.to_string_lossy();
    let mut argv = vec![&*uv, "venv", "--no-config", "--no-project", "--python", &python];
    argv.extend(seed.then_some("--seed"));
    argv.extend(["--", directory]);
    argv.into_iter().map(str::to_owned).collect()
}

/// Where uv keeps the Pythons that it manages; `None` where it does not say.
pub(crate) fn python_directory(uv: &Path, runner: &Runner<'_>) -> Option<PathBuf> {
    one_path(uv, &["python", "dir", "--no-config"], runner)
}

/// A Python that uv knows, for where there is none on PATH.
pub(crate) fn python(uv: &Path, runner: &Runner<'_>) -> Option<PathBuf> {
    one_path(uv, &["python", "find", "--no-config", "--no-project"], runner)
}

fn one_path(uv: &Path, question: &[&str], runner: &Runner<'_>) -> Option<PathBuf> {
    let uv = uv.to_string_lossy();
    let argv: Vec<String> = [&*uv].iter().chain(question).map(|word| (*word).to_owned()).collect();
    let answer = PathBuf::from(runner.succeed(&argv).ok()?.trim());
    answer.is_absolute().then_some(answer)
}
