//! Why a scenario has no verdict: whatever is neither drift nor its absence.

use std::path::PathBuf;

use crate::create::CreateError;
use crate::limitation::Limitation;

/// Why there is no verdict.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum DriftError {
    /// No environment can be made here.
    #[error("skipped: {0}")]
    #[diagnostic(code(environment_limitation), help("{}", .0.help()))]
    Skipped(Box<Limitation>),
    /// Its time was over before.
    #[error("the time of the scenario was over before there was an environment. {causes}")]
    #[diagnostic(
        code(drift_out_of_time),
        help("give it more time: its timeout is that of all steps together")
    )]
    OutOfTime {
        /// What became of each way to make one.
        causes: String,
    },
    /// There is no place for one.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Create(CreateError),
    /// No directory for it.
    #[error("cannot make a directory to play the scenario in: {0}")]
    #[diagnostic(code(drift_no_directory), help("TMPDIR names another place for it"))]
    Scratch(std::io::Error),
    /// A package cannot be installed.
    #[error("{what} cannot be installed: {cause}")]
    #[diagnostic(
        code(drift_install_failed),
        help("this says nothing of drift: make it installable; local wheels are found with `find_links`")
    )]
    Install {
        /// What.
        what: String,
        /// The installer's last word.
        cause: String,
    },
    /// The consumer did not bring the package.
    #[error("the consumer does not bring {package}, so that it cannot drift under it")]
    #[diagnostic(
        code(drift_package_missing),
        help("check the name of the package; what only the tests need is named in `with`")
    )]
    NotBrought {
        /// The package.
        package: String,
    },
    /// What is installed is not the candidate.
    #[error("{when}, {package} {found} is installed, and not the candidate {wanted}: the drift was erased")]
    #[diagnostic(code(drift_erased), help("{}", advice(*.during)))]
    Erased {
        /// The package.
        package: String,
        /// What is installed.
        found: String,
        /// What should be.
        wanted: String,
        /// When that was seen.
        when: &'static str,
        /// Whether the tests did it.
        during: bool,
    },
    /// The metadata could not be asked.
    #[error("which version of {package} is installed cannot be told: {cause}")]
    #[diagnostic(code(drift_metadata_unreadable))]
    Metadata {
        /// The package.
        package: String,
        /// Why.
        cause: String,
    },
    /// The tests import something else.
    #[error("{with}, the tests import {module} from {}, and not as it is installed", by.display())]
    #[diagnostic(
        code(drift_shadowed),
        help(
            "the directory that `python -m` runs in, those of the tests and what `pythonpath` names stand before what is installed: run the tests from another one, or move what has its name"
        )
    )]
    Shadowed {
        /// The module.
        module: String,
        /// What stands before it.
        by: PathBuf,
        /// With which version.
        with: &'static str,
    },
    /// The tests import nothing of the package.
    #[error("the tests pass {with}, and import nothing of {package}: they say nothing of it")]
    #[diagnostic(
        code(drift_not_imported),
        help(
            "they must run in the environment that was made for them, whose `python` and programs are first on PATH: `uv run` and `tox` make another one"
        )
    )]
    NotImported {
        /// The package.
        package: String,
        /// With which version.
        with: &'static str,
    },
    /// The tests' program is not of the environment.
    #[error("`{program}` is not in the environment: {} would test what is installed on this machine", found.display())]
    #[diagnostic(
        code(drift_program_outside),
        help("name the package that brings it in `with`, or run it with `python -m`")
    )]
    Outside {
        /// The program.
        program: String,
        /// What would run.
        found: PathBuf,
    },
    /// They fail without the candidate.
    #[error(
        "the tests fail with {package} {version} already, so that a failure says nothing of the candidate: {cause}"
    )]
    #[diagnostic(code(drift_baseline_fails), help("mend the tests first; what they need is named in `with`"))]
    Baseline {
        /// The package.
        package: String,
        /// The version that the consumer brought.
        version: String,
        /// The tests' last word.
        cause: String,
    },
    /// They fail, and no failure says why.
    #[error("the tests fail with the candidate (exit code {exit}), and no failure names {}: {cause}", signs.join(" or "))]
    #[diagnostic(
        code(drift_unclear),
        help("look at what they print; where it is the drift, name what they say in `signs`")
    )]
    Unclear {
        /// Their exit code.
        exit: i32,
        /// What was looked for.
        signs: Vec<String>,
        /// Their last word.
        cause: String,
    },
    /// They did not come to an end.
    #[error("the tests did not come to an end {with}: {cause}")]
    #[diagnostic(
        code(drift_tests_not_run),
        help("they must end by themselves, in time, and say with their exit code how they did")
    )]
    NotRun {
        /// With which version.
        with: &'static str,
        /// Why.
        cause: String,
    },
    /// There were none.
    #[error("no test was run {with}")]
    #[diagnostic(
        code(drift_no_tests),
        help("check what the command selects, and whether all of it is skipped")
    )]
    NoTests {
        /// With which version.
        with: &'static str,
    },
}

fn advice(during: bool) -> &'static str {
    if during {
        "the tests install packages themselves: the candidate must stay until they end"
    } else {
        "check the version that the candidate has, and that its own requirements do not bring another one"
    }
}
