//! Contract drift: does a consumer's own test suite notice another version of a package that it is built on?
//!
//! The consumer is installed first and the candidate last: the other way round the consumer's requirements put the released
//! version back, and the tests pass on no drift at all. Which version is installed is asked of the metadata before and after
//! the tests, never of what they print; and they must pass before the candidate comes, as what fails anyway says nothing of it.
//! From where they import it is watched: a copy that stands before it would pass whatever the candidate is.

mod error;
mod install;
mod metadata;
mod signs;
mod watch;

use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use clearance_engine::process::{self, Ended, Kept, Program};
use clearance_engine::scratch_dir::{self, Purpose};
use clearance_engine::source::without_secrets;
use tempfile::TempDir;

pub use error::DriftError;
use install::Installer;
pub use install::Packages;
use metadata::Installed;
use watch::{Seen, Watch};

use crate::attempt::{Method, Outcome};
use crate::create::{CreateError, NestedEnv, Request, create};
use crate::environment::for_tools;
use crate::runner::Runner;

/// What is kept of what the tests print: the end, where the failures are summed up.
const OUTPUT_CAP: usize = 1 << 20;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// What is installed, and from where.
    pub packages: Packages,
    /// The tests of the consumer: a program and its arguments. `python` is that of the environment.
    pub tests: Vec<String>,
    /// What a failure of the tests names where the drift is its cause.
    pub signs: Vec<String>,
}

/// Where and with what it is played.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// Where the tests run, and paths begin: an absolute path.
    pub directory: &'a Path,
    /// The interpreter that the environment is made of. Without one, `python3` of PATH.
    pub python: Option<&'a str>,
    /// The variables that tools and tests get.
    pub variables: &'a [(OsString, OsString)],
    /// How long all of it may take.
    pub timeout: Duration,
}

/// What the tests said of the candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// They pass with it.
    NoDrift,
    /// They fail, and a failure names a sign.
    DriftDetected {
        /// The sign.
        sign: String,
        /// The line that names it.
        line: String,
    },
}

impl Verdict {
    /// `no_drift`, `drift_detected`
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::NoDrift => "no_drift",
            Self::DriftDetected { .. } => "drift_detected",
        }
    }
}

/// A scenario that was played to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Played {
    /// What came of it.
    pub verdict: Verdict,
    /// How the environment was made.
    pub method: Method,
    /// The version that the consumer brought.
    pub baseline: String,
    /// The exit code of the tests with the candidate.
    pub exit: i32,
    /// What they printed, standard output first.
    pub output: String,
    /// The steps, each with how long it took.
    pub steps: Vec<(&'static str, Duration)>,
}

/// Plays a scenario, and tells each step as it begins.
///
/// # Errors
/// [`DriftError`]: whatever is neither drift nor its absence.
pub fn play(
    scenario: &Scenario,
    setting: &Setting<'_>,
    told: &mut dyn FnMut(&'static str),
) -> Result<Played, DriftError> {
    let place =
        scratch_dir::make(&tempfile::env::temp_dir(), Purpose::Scenario).map_err(DriftError::Scratch)?;
    let place = Gone(place);
    Stage { scenario, setting, started: Instant::now(), steps: Vec::new(), told }
        .play(&place.0.path().join("env"))
}

/// A directory that goes, also where a program took the right to write from a part of it.
struct Gone(TempDir);

impl Drop for Gone {
    fn drop(&mut self) {
        scratch_dir::remove(self.0.path());
    }
}

/// A scenario while it is played.
struct Stage<'a> {
    scenario: &'a Scenario,
    setting: &'a Setting<'a>,
    started: Instant,
    steps: Vec<(&'static str, Duration)>,
    told: &'a mut dyn FnMut(&'static str),
}

/// With which version the tests run.
const BASELINE: &str = "with the version that the consumer brings";
const CANDIDATE: &str = "with the candidate";

impl Stage<'_> {
    fn play(mut self, directory: &Path) -> Result<Played, DriftError> {
        let packages = &self.scenario.packages;
        if let Some(address) = packages.address() {
            return Err(DriftError::Install {
                what: without_secrets(address),
                cause: "it is asked of a server, and offline none is asked".to_owned(),
            });
        }
        let environment = self.step("environment", |stage| stage.environment(directory))?;
        let installer = Installer::new(&environment, packages);
        self.step("consumer", |stage| {
            stage.install(&installer.consumer(stage.setting.directory), "the consumer")
        })?;
        let Some(before) = self.installed(&environment)? else {
            return Err(DriftError::NotBrought { package: packages.package.clone() });
        };
        let tested = self.step("tests", |stage| stage.test(&environment, BASELINE))?;
        if tested.exit != 0 {
            let (package, version) = (packages.package.clone(), before.version.clone());
            return Err(DriftError::Baseline { package, version, cause: tested.last_word() });
        }
        self.step("candidate", |stage| {
            let commands = installer.candidate(stage.setting.directory);
            commands.iter().try_for_each(|argv| stage.install(argv, "the candidate"))
        })?;
        self.is_candidate(&environment, "before the tests", false)?;
        let tested = self.step("tests with the candidate", |stage| stage.test(&environment, CANDIDATE))?;
        self.is_candidate(&environment, "after the tests", true)?;
        let verdict = self.verdict(&tested)?;
        let Tested { exit, output } = tested;
        Ok(Played {
            verdict,
            method: environment.method,
            baseline: before.version,
            exit,
            output,
            steps: self.steps,
        })
    }

    fn step<T>(
        &mut self,
        name: &'static str,
        work: impl FnOnce(&Self) -> Result<T, DriftError>,
    ) -> Result<T, DriftError> {
        (self.told)(name);
        let started = Instant::now();
        let done = work(self);
        self.steps.push((name, started.elapsed()));
        done
    }

    /// What is left of the time.
    fn left(&self) -> Duration {
        self.setting.timeout.saturating_sub(self.started.elapsed())
    }

    fn runner(&self) -> Runner<'_> {
        Runner::new(self.setting.variables, self.setting.directory, self.left())
    }

    fn environment(&self, directory: &Path) -> Result<NestedEnv, DriftError> {
        let request = Request {
            directory,
            python: self.setting.python,
            clear: false,
            seed: false,
            variables: self.setting.variables,
            from: self.setting.directory,
            timeout: self.left(),
            until: self.started.checked_add(self.setting.timeout),
        };
        create(&request).map_err(|error| match error {
            // It is no limitation of the machine then.
            CreateError::Limitation(limitation) if self.left().is_zero() => {
                DriftError::OutOfTime { causes: limitation.causes() }
            }
            CreateError::Limitation(limitation) => DriftError::Skipped(limitation),
            other => DriftError::Create(other),
        })
    }

    fn install(&self, argv: &[String], what: &str) -> Result<(), DriftError> {
        let ran = self.runner().succeed(argv).map(drop);
        ran.map_err(|outcome: Outcome| {
            let cause = outcome.cause().unwrap_or_default().to_owned();
            DriftError::Install { what: what.to_owned(), cause }
        })
    }

    fn installed(&self, environment: &NestedEnv) -> Result<Option<Installed>, DriftError> {
        let package = &self.scenario.packages.package;
        metadata::ask(&environment.python, package, &self.runner())
            .map_err(|cause| DriftError::Metadata { package: package.clone(), cause })
    }

    /// Fails where something else than the candidate is installed.
    fn is_candidate(
        &self,
        environment: &NestedEnv,
        when: &'static str,
        during: bool,
    ) -> Result<(), DriftError> {
        let packages = &self.scenario.packages;
        let found = self.installed(environment)?;
        let candidate = packages.path(self.setting.directory, &packages.candidate);
        let is_it = |found: &Installed| {
            found.version == packages.version
                && candidate.as_ref().is_none_or(|candidate| found.is_from(candidate))
        };
        if found.as_ref().is_some_and(is_it) {
            return Ok(());
        }
        let found = found.map_or_else(|| "in no version".to_owned(), |found| found.in_words());
        let (package, wanted) = (packages.package.clone(), packages.version.clone());
        Err(DriftError::Erased { package, found, wanted, when, during })
    }

    /// Runs the tests, and fails where they are not about what is installed.
    fn test(&self, environment: &NestedEnv, with: &'static str) -> Result<Tested, DriftError> {
        let package = &self.scenario.packages.package;
        let record = environment.venv_dir.with_file_name("imported");
        let watch = Watch::set(&environment.python, package, record, &self.runner())
            .map_err(|cause| DriftError::Metadata { package: package.clone(), cause })?;
        let tested = self.run_tests(environment, with)?;
        match watch.seen() {
            Seen::Own => Ok(tested),
            Seen::Other { module, by } => Err(DriftError::Shadowed { module, by, with }),
            // What fails may do so before it imports anything.
            Seen::Nothing if tested.exit != 0 => Ok(tested),
            Seen::Nothing => Err(DriftError::NotImported { package: package.clone(), with }),
        }
    }

    fn run_tests(&self, environment: &NestedEnv, with: &'static str) -> Result<Tested, DriftError> {
        let not_run = |cause: String| DriftError::NotRun { with, cause };
        let env = for_tests(self.setting.variables, &environment.venv_dir);
        let (argv, directory) = (self.scenario.tests.as_slice(), self.setting.directory);
        let name = argv.first().map(String::as_str).unwrap_or_default();
        let file = process::resolve(name, directory, &env).map_err(|error| not_run(error.to_string()))?;
        if !file.starts_with(&environment.venv_dir) && is_of_python(&file) {
            return Err(DriftError::Outside { program: name.to_owned(), found: file });
        }
        let (timeout, kept) = (self.left(), Kept::End);
        let ran =
            process::run(&Program { argv, directory, env: &env, timeout, output_cap: OUTPUT_CAP, kept });
        let Ended { code, signal, stdout, stderr, .. } = ran.map_err(|error| not_run(error.to_string()))?;
        let Some(exit) = code else {
            return Err(not_run(format!("they were ended by signal {}", signal.unwrap_or_default())));
        };
        let tested = Tested { exit, output: signs::without_colours(&format!("{stdout}{stderr}")) };
        if signs::no_test_ran(&tested.output) { Err(DriftError::NoTests { with }) } else { Ok(tested) }
    }

    fn verdict(&self, tested: &Tested) -> Result<Verdict, DriftError> {
        if tested.exit == 0 {
            return Ok(Verdict::NoDrift);
        }
        let signs = &self.scenario.signs;
        match signs::find(&tested.output, signs) {
            Some((sign, line)) => Ok(Verdict::DriftDetected { sign, line }),
            None => {
                let (exit, signs) = (tested.exit, signs.clone());
                Err(DriftError::Unclear { exit, signs, cause: tested.last_word() })
            }
        }
    }
}

/// Tests that came to an end.
struct Tested {
    exit: i32,
    output: String,
}

impl Tested {
    /// The last failure that they name, or how they ended.
    fn last_word(&self) -> String {
        signs::last_failure(&self.output).unwrap_or_else(|| format!("exit code {}", self.exit))
    }
}

/// The environment of the tests: that of the tools, with the environment's programs before all others.
fn for_tests(variables: &[(OsString, OsString)], environment: &Path) -> Vec<(OsString, OsString)> {
    let mut env = for_tools(variables);
    let path =
        env.iter().rfind(|(name, _)| name == "PATH").map(|(_, value)| value.clone()).unwrap_or_default();
    let entries = [environment.join("bin")].into_iter().chain(std::env::split_paths(&path));
    env.push(("PATH".into(), std::env::join_paths(entries).unwrap_or(path)));
    env.push(("VIRTUAL_ENV".into(), environment.into()));
    env
}

/// Whether a program is a Python, or a script that a certain one reads: outside of the environment it tests something else. What
/// `env` looks for is that of the environment.
fn is_of_python(file: &Path) -> bool {
    const FIRST_LINE: u64 = 256;
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let first = || {
        let mut beginning = Vec::new();
        let read = std::fs::File::open(file).map(|file| std::io::Read::take(file, FIRST_LINE));
        let _ = read.and_then(|mut file| std::io::Read::read_to_end(&mut file, &mut beginning));
        let line = beginning.split(|byte| *byte == b'\n').next().unwrap_or_default().to_vec();
        String::from_utf8_lossy(&line).into_owned()
    };
    name.starts_with("python")
        || Some(first())
            .is_some_and(|line| line.starts_with("#!") && line.contains("python") && !line.contains("/env "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clearance_testkit::Scratch;
    use rstest::rstest;

    #[rstest]
    #[case("pytest", "#!/usr/bin/python3\n", true)]
    #[case("check", "#!/usr/bin/env python\n", false)]
    #[case("python3", "", true)]
    #[case("check.sh", "#!/bin/sh\npython\n", false)]
    fn programs_of_another_python_are_told_from_others(
        #[case] name: &str,
        #[case] text: &str,
        #[case] is: bool,
    ) {
        let place = Scratch::new();
        assert_eq!(is_of_python(&place.write(name, text)), is);
    }
}
