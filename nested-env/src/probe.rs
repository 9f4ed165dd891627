//! A look at an environment by running its interpreter: a file that is there may still not run, or belong to another Python.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::runner::Runner;

/// What an environment is, as its interpreter says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// The interpreter.
    pub(crate) python: PathBuf,
    /// `3.11.2`
    pub(crate) version: String,
    /// The installation that it belongs to.
    pub(crate) base_prefix: PathBuf,
    /// Its pip, where it has one that starts.
    pub(crate) pip: Option<PathBuf>,
}

/// How long an interpreter may take to say what it is.
const LONGEST: Duration = Duration::from_secs(30);

/// Where the first word of the answer is looked for: what a `sitecustomize` prints stands before it.
const MARK: &str = "clearance-probe";

/// Paths in hex: they may hold line endings.
const SCRIPT: &str = "\
import sys
from importlib.machinery import PathFinder
def h(t): return t.encode('utf-8', 'surrogateescape').hex() or '-'
print('clearance-probe', '%d.%d.%d' % sys.version_info[:3], h(sys.prefix), h(sys.base_prefix), int(PathFinder.find_spec('pip') is not None))
";

/// Looks at an environment.
///
/// # Errors
/// What does not work, in a sentence.
pub(crate) fn look(environment: &Path, runner: &Runner<'_>) -> Result<Found, String> {
    let python = environment.join("bin/python");
    if !python.exists() {
        return Err("it ended with 0 and left no bin/python".to_owned());
    }
    let argv = [&*python.to_string_lossy(), "-I", "-c", SCRIPT].map(str::to_owned);
    let ended =
        runner.run_for(&argv, LONGEST).map_err(|error| format!("bin/python does not run: {error}"))?;
    let answer = ended.stdout.lines().filter_map(|line| line.strip_prefix(MARK)).next_back();
    let words: Vec<&str> = answer.unwrap_or_default().split_whitespace().collect();
    let [version, prefix, base_prefix, has_pip] = words[..] else {
        let last =
            crate::cause::last(&ended.stdout, &ended.stderr).unwrap_or_else(|| "it says nothing".to_owned());
        let code = ended.code.map_or_else(|| "no exit code".to_owned(), |code| format!("exit code {code}"));
        return Err(format!("bin/python does not run: {last} ({code})"));
    };
    let (prefix, base_prefix) = (PathBuf::from(text_of(prefix)), PathBuf::from(text_of(base_prefix)));
    let resolved = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if resolved(&prefix) != resolved(environment) {
        return Err(format!("bin/python belongs to another environment: its prefix is {}", prefix.display()));
    }
    if resolved(&base_prefix) == resolved(environment) {
        return Err("it is no environment of its own: its prefix is that of its Python".to_owned());
    }
    let pip = if has_pip == "1" { pip_of(environment, runner) } else { None };
    Ok(Found { python, version: version.to_owned(), base_prefix, pip })
}

/// A text that a script wrote in hex; `-` is an empty one.
pub(crate) fn text_of(hex: &str) -> String {
    let digit = |at: usize| hex.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let bytes: Vec<u8> = (0..hex.len()).step_by(2).map_while(digit).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The script of pip, where it starts. Its first line names the interpreter; with an odd path it may be one that no system
/// or shell can read, which shows when it is run.
fn pip_of(environment: &Path, runner: &Runner<'_>) -> Option<PathBuf> {
    /// The kernel reads no more of a first line; and `#!`, `bin/python3` and the line's end are in it too.
    const LONGEST: usize = 100;
    let pip = environment.join("bin/pip");
    if runner.resolve(&pip.to_string_lossy()).is_err() {
        return None;
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    let text = environment.to_string_lossy();
    if text.len() > LONGEST || !text.chars().all(plain) {
        let argv = [&*pip.to_string_lossy(), "--version"].map(str::to_owned);
        runner.succeed(&argv).ok()?;
    }
    Some(pip)
}
