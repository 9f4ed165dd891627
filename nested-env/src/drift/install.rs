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
    /// The path that a word stands for, without extras behind it; `None` of a requirement.
    pub(super) fn path(&self, directory: &Path, word: &str) -> Option<PathBuf> {
        let (path, _) = split(directory, word);
        let path = directory.join(path);
        // A directory may have the name of a package, as `build` has: then it is a project, or not meant.
        let is_meant = || {
            word.contains('/')
                || !word.starts_with(|c: char| c.is_alphanumeric())
                || !path.is_dir()
                || ["pyproject.toml", "setup.py"].iter().any(|file| path.join(file).exists())
        };
        (path.exists() && is_meant()).then(|| path.canonicalize().unwrap_or(path))
    }

    /// A word as installers take it: an absolute path, or the requirement as it is.
    fn word(&self, directory: &Path, word: &str) -> String {
        let (_, extras) = split(directory, word);
        self.path(directory, word)
            .map_or_else(|| word.to_owned(), |path| path.to_string_lossy().into_owned() + extras)
    }

    /// An address among what is installed, where none is to be asked: installers ask it though they ask no index.
    pub(super) fn address(&self) -> Option<&str> {
        let words = [&self.consumer, &self.candidate].into_iter().chain(&self.with).chain(&self.find_links);
        let is_address =
            |word: &&String| word.match_indices("://").any(|(at, _)| !word[..at].ends_with("file"));
        words.filter(|_| self.offline).find(is_address).map(String::as_str)
    }
}

/// A path, and the extras behind it: `dist/project[fast]`.
fn split<'a>(directory: &Path, word: &'a str) -> (&'a str, &'a str) {
    match word.rfind('[') {
        Some(at) if word.ends_with(']') && !directory.join(word).exists() => word.split_at(at),
        _ => (word, ""),
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

    /// The consumer, with what the tests need. uv keeps what it built of a directory that `tool.uv.sources` names, and builds it
    /// anew where it is to install it anew: what is tested is what is there.
    pub(super) fn consumer(&self, directory: &Path) -> Vec<String> {
        let wanted = [&self.packages.consumer].into_iter().chain(&self.packages.with);
        let wanted: Vec<String> = wanted.map(|word| self.packages.word(directory, word)).collect();
        let options: &[&str] = if self.environment.method == Method::Uv { &["--reinstall"] } else { &[] };
        self.install(directory, options, &wanted)
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
            // Never a name: it is a directory, or an address.
            let path = directory.join(links);
            let links = if path.exists() { path.to_string_lossy().into_owned() } else { links.clone() };
            argv.extend(["--find-links".to_owned(), links]);
        }
        argv.extend(options.iter().map(|option| (*option).to_owned()));
        argv.push("--".to_owned());
        argv.extend(wanted.iter().cloned());
        argv
    }
}
