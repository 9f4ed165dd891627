//! The hooks that git runs for a merge, run as it runs them. See githooks(5).

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::LandError;
use super::journal::LandDir;
use crate::repo::{Git, GitError};

/// The hooks of a repository.
#[derive(Debug)]
pub(super) struct Hooks {
    /// Where they are.
    directory: PathBuf,
    /// Newer versions of git also have hooks in their configuration.
    configured: bool,
}

impl Hooks {
    /// `post-rewrite`, which is told on standard input what became of which commit.
    pub(super) fn rewritten(
        &self,
        replayed: &[(String, String)],
        git: &Git,
        directory: &LandDir,
    ) -> Result<(), LandError> {
        if !self.has("post-rewrite") || replayed.is_empty() {
            return Ok(());
        }
        let list: String = replayed.iter().map(|(old, new)| format!("{old} {new}\n")).collect();
        let file = directory.put("rewritten", &list)?;
        let mut input = OsString::from("--to-stdin=");
        input.push(&file);
        let words = ["hook", "run", "--ignore-missing"].map(OsStr::new);
        let rest = ["post-rewrite", "--", "rebase"].map(OsStr::new);
        git.run_hook(&[&words[..], &[&input], &rest].concat(), None)?;
        Ok(())
    }

    /// Those that run in a work tree: `core.hooksPath` may be a directory of that.
    pub(super) fn of(root: &Path) -> Result<Self, GitError> {
        let git = Git::new(root);
        let directory = git.path(&["--git-path", "hooks"])?;
        let asked = git.answer(&["config", "--get-regexp", r"^hook\..*\.command$"], &[0, 1])?;
        Ok(Self { directory, configured: asked.0 == 0 })
    }

    /// Whether there is such a hook: to run none costs a process.
    pub(super) fn has(&self, name: &str) -> bool {
        self.configured || self.directory.join(name).is_file()
    }

    /// Runs a hook, where there is one, in the work tree of `git`.
    ///
    /// # Errors
    /// [`LandError::Hook`]: it said no.
    pub(super) fn run(
        &self,
        name: &str,
        arguments: &[&OsStr],
        git: &Git,
        index: Option<&Path>,
    ) -> Result<(), LandError> {
        if !self.has(name) {
            return Ok(());
        }
        let words = ["hook", "run", "--ignore-missing", name, "--"].map(OsStr::new);
        let ran = git.run_hook(&[&words, arguments].concat(), index);
        ran.map_err(|error| match error {
            GitError::Failed { message, .. } => LandError::Hook { hook: name.to_owned(), message },
            other => other.into(),
        })
    }
}
