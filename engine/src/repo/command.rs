//! The git command: for what libgit2 cannot read, and for everything that writes (hooks and signing are git's).

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::{Found, Head, RepoError, RepoView};

/// Variables that would make a git child look at another repository than the one it is told to; a hook's
/// environment has them.
const REDIRECTING: [&str; 7] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_PREFIX",
];

/// The git command in one directory.
#[derive(Debug, Clone)]
pub struct Git {
    directory: PathBuf,
}

/// A git command that failed.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum GitError {
    /// git could not be started.
    #[error("cannot run git: {0}")]
    #[diagnostic(code(git_not_found), help("install git, or put it on PATH"))]
    Start(std::io::Error),
    /// git said no.
    #[error("`git {command}` failed: {message}")]
    #[diagnostic(code(git_failed))]
    Failed {
        /// Which git command.
        command: String,
        /// The last lines of what it said.
        message: String,
    },
}

impl Git {
    /// The git command, run in `directory`.
    #[must_use]
    pub fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// Runs git and gives what it printed, without the last line ending.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn run<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Result<String, GitError> {
        let output = self.output(arguments)?;
        if output.status.success() {
            let text = String::from_utf8_lossy(&output.stdout);
            Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
        } else {
            Err(GitError::Failed { command: described(arguments), message: last_words(&output) })
        }
    }

    fn output<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Result<Output, GitError> {
        let mut command = Command::new("git");
        for variable in REDIRECTING {
            command.env_remove(variable);
        }
        command.arg("-C").arg(&self.directory).args(arguments).env("GIT_TERMINAL_PROMPT", "0");
        command.stdin(Stdio::null()).output().map_err(GitError::Start)
    }
}

/// The subcommand; the rest is paths and messages.
fn described<A: AsRef<OsStr>>(arguments: &[A]) -> String {
    arguments.first().map(|word| word.as_ref().to_string_lossy().into_owned()).unwrap_or_default()
}

/// What git, or a hook it ran, said: the last lines, control characters removed.
fn last_words(output: &Output) -> String {
    const LINES: usize = 12;
    let said = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<_> = said.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let lines = &lines[lines.len().saturating_sub(LINES)..];
    let text: String = lines.join("\n").chars().filter(|c| !c.is_control() || *c == '\n').collect();
    if text.is_empty() { format!("{}", output.status) } else { text }
}

#[derive(Debug)]
struct CommandView(Git);

/// Finds the repository by asking git itself.
pub(super) fn discover(from: &Path) -> Result<Found, RepoError> {
    let here = Git::new(from);
    let answer = here.run(&["rev-parse", "--path-format=absolute", "--show-toplevel", "--git-common-dir"]);
    let answer = answer.map_err(|error| match error {
        GitError::Failed { message, .. } if message.contains("work tree") => {
            RepoError::Bare { path: from.to_owned() }
        }
        GitError::Failed { .. } => RepoError::NotFound { path: from.to_owned() },
        other => other.into(),
    })?;
    let (caller_root, common_dir) = answer.split_once('\n').unwrap_or((&answer, ""));
    let (caller_root, common_dir) = (PathBuf::from(caller_root), PathBuf::from(common_dir));
    let first = here.run(&["worktree", "list", "--porcelain"])?;
    let main = first.split("\n\n").next().unwrap_or_default();
    let root = main
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("worktree "))
        .filter(|_| !main.lines().any(|line| line == "bare"))
        .map_or_else(|| caller_root.clone(), PathBuf::from);
    let view = CommandView(Git::new(&root));
    let caller_branch = CommandView(here).branch();
    Ok(Found { root, common_dir, caller_root, caller_branch, view: Box::new(view) })
}

impl CommandView {
    fn branch(&self) -> Option<String> {
        self.0.run(&["symbolic-ref", "--quiet", "--short", "HEAD"]).ok()
    }
}

impl RepoView for CommandView {
    fn head(&self) -> Result<Head, RepoError> {
        Ok(self.branch().map_or(Head::Detached, Head::Branch))
    }

    fn remote_default_branch(&self) -> Result<Option<String>, RepoError> {
        let target = self.0.run(&["symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD"]).ok();
        Ok(target.and_then(|target| target.strip_prefix("origin/").map(str::to_owned)))
    }

    fn operation_under_way(&self) -> Result<Option<&'static str>, RepoError> {
        const MARKS: [(&str, &str); 6] = [
            ("MERGE_HEAD", "merge"),
            ("rebase-merge", "rebase"),
            ("rebase-apply", "rebase"),
            ("CHERRY_PICK_HEAD", "cherry-pick"),
            ("REVERT_HEAD", "revert"),
            ("BISECT_LOG", "bisect"),
        ];
        for (file, name) in MARKS {
            let path = self.0.run(&["rev-parse", "--path-format=absolute", "--git-path", file])?;
            if Path::new(&path).exists() {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }
}
