//! Makes the commits of a merge as git makes them: with hooks, signed where that is configured.

use std::ffi::OsStr;
use std::path::PathBuf;

use super::hooks::Hooks;
use super::journal::LandDir;
use super::{LandError, Step};
use crate::limits;
use crate::merge::course::{Committer, Draft, What};
use crate::merge::forecast::ForecastError;
use crate::merge::message::{self, Told};
use crate::merge::scope::{MergeScope, Strategy};
use crate::repo::{Git, ObjectStore, Repo};
use crate::source::read_bytes;

/// Makes commits in the repository.
pub(super) struct Recorder<'a> {
    pub(super) git: Git,
    pub(super) scope: &'a MergeScope,
    pub(super) repo: &'a Repo,
    /// Commits that the repository has.
    pub(super) known: Vec<String>,
    pub(super) slug: &'a str,
    pub(super) hooks: &'a Hooks,
    pub(super) directory: &'a LandDir,
    /// Where hooks run: the work tree of the target, where it has one.
    pub(super) root: PathBuf,
    pub(super) sign: bool,
    pub(super) tell: &'a mut dyn FnMut(Step<'_>),
    /// Why a commit was not made, in more than the words of a forecast.
    pub(super) refused: Option<LandError>,
    pub(super) lanes: usize,
    pub(super) made: usize,
}

impl Committer for Recorder<'_> {
    fn commit(&mut self, store: &ObjectStore, draft: Draft<'_>) -> Result<String, ForecastError> {
        self.tell_of(draft.what);
        self.make(store, draft).map_err(|error| {
            self.refused = Some(error);
            ForecastError::Stopped
        })
    }
}

impl Recorder<'_> {
    fn tell_of(&mut self, what: What<'_>) {
        match what {
            What::Lane { branch, .. } => {
                self.made += 1;
                (self.tell)(Step::Lane { branch, nth: self.made, of: self.lanes });
            }
            What::Replayed(commit) => (self.tell)(Step::Replay { commit }),
            What::Mission { .. } | What::Record(_) => {
                (self.tell)(Step::Target { branch: &self.scope.target });
            }
            What::State(_) => {}
        }
    }

    fn make(&mut self, store: &ObjectStore, draft: Draft<'_>) -> Result<String, LandError> {
        let Draft { tree, parents, what } = draft;
        let (message, author) = match what {
            What::Replayed(commit) => {
                let (author, message) = self.git.author_and_message(commit)?;
                (message, Some(author))
            }
            _ => (self.message(draft)?, None),
        };
        let message = self.through_hooks(store, draft, message)?;
        let made = self.git.commit_tree(tree, parents, &message, author.as_ref(), self.sign);
        made.map_err(|error| LandError::Commit { message: error.to_string() })
    }

    fn message(&self, draft: Draft<'_>) -> Result<String, LandError> {
        let authors = match draft.what {
            // A merge has their commits; a squash names them.
            What::Mission { tip, .. } if self.scope.options.strategy == Strategy::Squash => {
                self.git.authors(draft.parents[0], tip)?
            }
            _ => Vec::new(),
        };
        Ok(message::of(draft.what, Told { scope: self.scope, slug: self.slug, authors: &authors }))
    }

    /// What the hooks make of a message, if they let the commit pass.
    fn through_hooks(
        &self,
        store: &ObjectStore,
        draft: Draft<'_>,
        message: String,
    ) -> Result<String, LandError> {
        let Draft { tree, parents, what } = draft;
        let (before, source) = match (what, self.scope.options.strategy) {
            // They were asked when it was made.
            (What::Replayed(_), _) => return Ok(message),
            (What::Lane { .. }, _) | (What::Mission { .. }, Strategy::Merge) => ("pre-merge-commit", "merge"),
            (What::Mission { .. }, _) => ("pre-commit", "squash"),
            (What::Record(_) | What::State(_), _) => ("pre-commit", "message"),
        };
        let asked = [before, "prepare-commit-msg", "commit-msg"];
        if !asked.iter().any(|hook| self.hooks.has(hook)) {
            return Ok(message);
        }
        // A hook makes objects of its own, and names them: it works in the repository itself.
        let known: Vec<_> = self.known.iter().map(String::as_str).collect();
        store.keep(self.repo, &[&[tree], parents].concat(), &known)?;
        let here = Git::new(&self.root);
        let index = self.directory.file("hook-index");
        here.run_with_index(&["read-tree", tree], &index)?;
        if self.hooks.has(before) {
            self.hooks.run(before, &[], &here, Some(&index))?;
            let now = here.run_with_index(&["write-tree"], &index)?;
            if now != tree {
                let message = "it changed what would be committed, which is not what was shown".to_owned();
                return Err(LandError::Hook { hook: before.to_owned(), message });
            }
        }
        let file = self.directory.put("COMMIT_MSG", &message)?;
        let arguments: [&OsStr; 2] = [file.as_os_str(), OsStr::new(source)];
        self.hooks.run("prepare-commit-msg", &arguments, &here, Some(&index))?;
        self.hooks.run("commit-msg", &arguments[..1], &here, Some(&index))?;
        let text = read_bytes("COMMIT_MSG", &file, limits::WORK_PACKAGE);
        let text = text.map_err(|error| LandError::Commit { message: error.to_string() })?;
        let text = text.map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default();
        let text = self.git.stripped(&text)?;
        if text.is_empty() {
            return Err(LandError::Commit { message: "a hook left no message".to_owned() });
        }
        Ok(text)
    }
}
