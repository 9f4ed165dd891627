//! The packages of a contract-drift scenario, built for real: a contract, its consumer, and a candidate that drifted.

use std::path::{Path, PathBuf};
use std::process::Command;

use clearance_testkit::read;

use crate::nested_env_support::{Place, interpreter, uv};
use crate::support::Run;

impl Place {
    /// The product with git besides.
    pub(crate) fn command_with_git(&self) -> Command {
        let mut command = self.command();
        let path = command
            .get_envs()
            .find(|(name, _)| *name == "PATH")
            .and_then(|(_, value)| value)
            .unwrap()
            .to_owned();
        let git = self.path("../git");
        if !git.exists() {
            std::fs::create_dir(&git).unwrap();
            let found = Run::of(Command::new("sh").args(["-c", "command -v git"])).stdout;
            std::os::unix::fs::symlink(found.trim(), git.join("git")).unwrap();
        }
        command.env("PATH", std::env::join_paths(std::env::split_paths(&path).chain([git])).unwrap());
        command
    }
}

/// Who makes environments, builds and installs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tools {
    Uv,
    Stdlib,
}

/// The tests of the consumer, as its people run them.
pub(crate) const TESTS: [&str; 6] = ["python", "-m", "unittest", "discover", "-s", "contract"];

/// The sources of a package, with the backend that builds it.
pub(crate) fn sources(package: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("tests/python");
    let files: &[&str] = match package {
        "consumer" => {
            &["pyproject.toml", "src/contract_consumer/__init__.py", "contract/test_events_envelope.py"]
        }
        _ => &["pyproject.toml", "src/contract_events/__init__.py"],
    };
    let own = files.iter().map(|file| ((*file).to_owned(), read(&root.join(package), file)));
    own.chain([("wheel.py".to_owned(), read(&root, "wheel.py"))]).collect()
}

/// A place with the packages: `consumer` as sources, the released contract as a wheel in `links`, and the drifted one as a
/// wheel in `candidates`.
pub(crate) struct Packages {
    pub(crate) place: Place,
    pub(crate) tools: Tools,
}

impl Packages {
    /// With the tools; `None` where there are none.
    pub(crate) fn new(tools: Tools) -> Option<Self> {
        let place = match tools {
            Tools::Uv => Place::with_uv()?,
            Tools::Stdlib => Place::new(),
        };
        let packages = Self { place, tools };
        for package in ["events", "drifted", "consumer"] {
            packages.write(package, package, &[]);
        }
        packages.build("events", "links");
        packages.build("drifted", "candidates");
        Some(packages)
    }

    /// Writes the sources of a package into a directory, with other words in them.
    pub(crate) fn write(&self, package: &str, directory: &str, other: &[(&str, &str)]) {
        for (name, content) in sources(package) {
            let content = other.iter().fold(content, |content, (from, to)| content.replace(from, to));
            self.place.write(&format!("{directory}/{name}"), &content);
        }
    }

    /// Builds the wheel of a package, without a package index.
    pub(crate) fn build(&self, package: &str, into: &str) -> PathBuf {
        let (source, into) = (self.place.path(package), self.place.path(into));
        let mut command = match self.tools {
            Tools::Uv => {
                let mut command = Command::new(uv().unwrap());
                command.args(["build", "--wheel", "--offline", "--no-config", "--python"]);
                command.arg(interpreter()).arg("--out-dir").arg(&into);
                command
            }
            Tools::Stdlib => {
                let mut command = Command::new(interpreter());
                command.args(["-m", "pip", "wheel", "--no-deps", "--no-index", "--wheel-dir"]).arg(&into);
                command
            }
        };
        command.env("HOME", self.place.path("../home")).env("PIP_NO_CACHE_DIR", "1");
        let built = Run::of(command.arg(source));
        assert_eq!(built.code, 0, "{}", built.stderr);
        let version = read(&self.place.path(package), "pyproject.toml");
        let version = version
            .lines()
            .find_map(|line| line.strip_prefix("version = "))
            .unwrap()
            .trim_matches('"')
            .to_owned();
        into.join(format!("contract_events-{version}-py3-none-any.whl"))
    }

    /// `env drift` of the drifted candidate, in the consumer's directory, with more arguments and these tests.
    pub(crate) fn drift(&self, more: &[&str], tests: &[&str]) -> Run {
        self.drift_of("../candidates/contract_events-999.0.0-py3-none-any.whl", "999.0.0", more, tests)
    }

    /// The same of another candidate.
    pub(crate) fn drift_of(&self, candidate: &str, version: &str, more: &[&str], tests: &[&str]) -> Run {
        let python = interpreter().to_str().unwrap();
        let fixed =
            ["env", "drift", "--repo", "consumer", "--python", python, "--package", "contract-events"];
        let what = ["--candidate", candidate, "--candidate-version", version, "--sign", "event_id"];
        let from = ["--find-links", "../links", "--offline"];
        let arguments = [&fixed[..], &what, &from, more, &["--"], tests].concat();
        Run::of(self.place.command().args(arguments))
    }
}
