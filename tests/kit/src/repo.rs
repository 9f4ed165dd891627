//! A real git repository with missions in it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{Run, scrub};
use crate::{Scratch, read, write};

/// A git repository in a directory of its own, on branch `work`, with a first commit.
#[derive(Debug)]
pub struct TestRepo {
    scratch: Scratch,
    root: PathBuf,
}

impl TestRepo {
    /// An empty repository with one commit.
    ///
    /// # Panics
    /// When git cannot make it.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "running git is no default")]
    pub fn new() -> Self {
        let scratch = Scratch::new();
        let root = scratch.path().canonicalize().expect("a path").join("repo");
        std::fs::create_dir(&root).expect("a directory");
        let repo = Self { scratch, root };
        repo.git(&["init", "--quiet", "--initial-branch=work"]);
        repo.git(&["config", "user.name", "Tester"]);
        repo.git(&["config", "user.email", "tester@example.invalid"]);
        repo.git(&["commit", "--quiet", "--allow-empty", "--message", "Start"]);
        repo
    }

    /// A repository with one mission: a `tasks.md` and a `meta.json` (`{}`: state is kept in rows).
    #[must_use]
    pub fn with_tasks(slug: &str, tasks: impl AsRef<[u8]>) -> Self {
        let repo = Self::new();
        repo.write(&format!("kitty-specs/{slug}/meta.json"), "{}\n");
        repo.write(&format!("kitty-specs/{slug}/tasks.md"), tasks);
        repo
    }

    /// Top of the work tree, links resolved.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The directory the repository is in, for things beside it.
    #[must_use]
    pub fn outside(&self) -> &Path {
        self.scratch.path()
    }

    /// Writes a file of the work tree.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        write(&self.root, name, content)
    }

    /// The text of a file of the work tree.
    #[must_use]
    pub fn read(&self, name: &str) -> String {
        read(&self.root, name)
    }

    /// Runs git, which must succeed, and gives what it printed.
    ///
    /// # Panics
    /// When it fails.
    pub fn git(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("git");
        scrub(&mut command);
        let run = Run::of(command.current_dir(&self.root).args(arguments));
        assert_eq!(run.code, 0, "git {arguments:?}: {}", run.stderr);
        run.stdout
    }

    /// Commits everything.
    pub fn commit_all(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
    }
}
