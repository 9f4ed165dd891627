//! The commands that install packages into an environment: uv's where uv made it, else those of its pip.

use std::path::{Path, PathBuf};

use crate::attempt::{Method, Outcome};
use crate::create::NestedEnv;

/// What is installed, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packages {
    /// What is installed first: a path, or a requirement (`name==1.2`).
    pub consumer: String,
    /// What the tests need besides, installed with it: paths or requirements.
    pub with: Vec<String>,
    /// The package that drifts, by its name.
    pub package: String,
    /// What is installed last: a wheel, an archive, a project's directory, or a requirement.
    pub candidate: String,
    /// The version that the candidate has.
    pub version: String,
    /// Directories with wheels and archives that are looked at first.
    pub find_links: Vec<String>,
    /// Whether no package index is asked.
    pub offline: bool,
}

impl Packages {
    /// The path that a word stands for; `None` of a requirement.
    pub(super) fn path(&self, directory: &Path, word: &str) -> Option<PathBuf> {
        let path = directory.join(word);
        path.exists().then(|| path.canonicalize().unwrap_or(path))
    }

    /// A word as installers take it: an absolute path, or the requirement as it is.
    fn word(&self, directory: &Path, word: &str) -> String {
        self.path(directory, word).map_or_else(|| word.to_owned(), |path| path.to_string_lossy().into_owned())
    }
}

/// Who installs.
pub(super) struct Installer<'a> {
    environment: &'a NestedEnv,
    packages: &'a Packages,
}

impl<'a> Installer<'a> {
    pub(super) fn new(environment: &'a NestedEnv, packages: &'a Packages) -> Self {
        Self { environment, packages }
    }

    /// The consumer, with what the tests need.
    pub(super) fn consumer(&self, directory: &Path) -> Vec<String> {
        let wanted = [&self.packages.consumer].into_iter().chain(&self.packages.with);
        let wanted: Vec<String> = wanted.map(|word| self.packages.word(directory, word)).collect();
        self.install(directory, &[], &wanted)
    }

    /// The candidate, whatever version of it is there: of the same version, too, it is another one. pip would put what it
    /// requires in anew with it, so that it is asked for the candidate alone first.
    pub(super) fn candidate(&self, directory: &Path) -> Vec<Vec<String>> {
        let candidate = [self.packages.word(directory, &self.packages.candidate)];
        match self.environment.method {
            Method::Uv => {
                vec![self.install(directory, &["--reinstall-package", &self.packages.package], &candidate)]
            }
            Method::Stdlib => vec![
                self.install(directory, &["--force-reinstall", "--no-deps"], &candidate),
                self.install(directory, &[], &candidate),
            ],
        }
    }

    fn install(&self, directory: &Path, options: &[&str], wanted: &[String]) -> Vec<String> {
        let python = self.environment.python.to_string_lossy();
        let mut argv: Vec<String> = match self.environment.method {
            Method::Uv => {
                let uv = self.environment.attempts.iter().rfind(|attempt| attempt.outcome == Outcome::Made);
                let uv = uv.and_then(|attempt| attempt.argv.first()).map_or("uv", String::as_str);
                [uv, "pip", "install", "--no-config", "--python", &python].map(str::to_owned).to_vec()
            }
            Method::Stdlib => [&*python, "-I", "-m", "pip", "install"].map(str::to_owned).to_vec(),
        };
        if self.packages.offline {
            argv.push("--no-index".to_owned());
            argv.extend((self.environment.method == Method::Uv).then(|| "--offline".to_owned()));
        }
        for links in &self.packages.find_links {
            argv.extend(["--find-links".to_owned(), self.packages.word(directory, links)]);
        }
        argv.extend(options.iter().map(|option| (*option).to_owned()));
        argv.push("--".to_owned());
        argv.extend(wanted.iter().cloned());
        argv
    }
}
