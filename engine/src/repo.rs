//! A git repository: the questions that a command or a check may ask, and where its files are.
//!
//! In process through libgit2; through the git command where libgit2 cannot (reftable refs).

mod checkout;
mod command;
pub mod commit;
pub mod conflict;
pub mod directory;
pub mod gated;
mod git;
mod index_flags;
mod libgit;
mod merge_tree;
pub mod message;
mod object_store;
pub mod questions;
mod recording;
mod work_tree;

use std::path::{Path, PathBuf};

pub use checkout::Checkout;
pub use git::{Git, GitError, OF_A_LANDING, redirects, without_redirection};
pub(crate) use git::{OnRecord, path_of_bytes};
pub use object_store::{Change, ObjectStore};
pub use recording::{Author, TreeChange, TreeSide};

/// Read-only questions about a repository. No method writes, so that a dry run cannot.
pub trait RepoView: std::fmt::Debug {
    /// What `HEAD` of the work tree `at` points to. A linked worktree has a `HEAD` of its own.
    ///
    /// # Errors
    /// When git cannot tell.
    fn head(&self) -> Result<Head, RepoError>;
    /// The branches that remotes call their default, as far as that was fetched.
    ///
    /// # Errors
    /// When git cannot tell.
    fn remote_default_branches(&self) -> Result<Vec<String>, RepoError>;
    /// The merge, rebase, cherry-pick, revert or bisect that is under way.
    ///
    /// # Errors
    /// When git cannot tell.
    fn operation_under_way(&self) -> Result<Option<&'static str>, RepoError>;
    /// Every work tree that is there, the main one first.
    ///
    /// # Errors
    /// When git cannot tell.
    fn worktrees(&self) -> Result<Vec<Worktree>, RepoError>;
    /// The commit of a local branch; `None` when there is no such branch.
    ///
    /// # Errors
    /// When git cannot tell.
    fn branch_tip(&self, branch: &str) -> Result<Option<String>, RepoError>;
    /// The local branches whose names start so, sorted.
    ///
    /// # Errors
    /// When git cannot tell.
    fn branches(&self, prefix: &str) -> Result<Vec<String>, RepoError>;
    /// Branches of remotes with this name, as `origin/name`, as far as they were fetched.
    ///
    /// # Errors
    /// When git cannot tell.
    fn remote_branches(&self, branch: &str) -> Result<Vec<String>, RepoError>;
    /// The files of the index of this work tree that git was told not to look at (assume-unchanged, skip-worktree), each
    /// with its blob.
    ///
    /// # Errors
    /// When git cannot tell.
    fn overlooked(&self) -> Result<Vec<(PathBuf, String)>, RepoError>;
    /// Whether the commit `one` is in the history of the commit `other`.
    ///
    /// # Errors
    /// When git cannot tell.
    fn is_ancestor(&self, one: &str, other: &str) -> Result<bool, RepoError>;
    /// A value of git's configuration, of all levels; `None` where it is not set.
    ///
    /// # Errors
    /// When git cannot tell.
    fn config(&self, key: &str) -> Result<Option<String>, RepoError>;
    /// What names the content of a file as a local branch has it: equal names have equal content.
    ///
    /// # Errors
    /// When git cannot tell.
    fn file_id_at(&self, branch: &str, path: &str) -> Result<Option<String>, RepoError>;
    /// The content of a file as a local branch has it; `None` when it has no such file.
    ///
    /// # Errors
    /// When git cannot tell, or the file is larger than `limit` bytes.
    fn file_at(&self, branch: &str, path: &str, limit: u64) -> Result<Option<Vec<u8>>, RepoError>;
    /// The names at the top of a commit, named in full (`refs/heads/main`); none when there is no such commit.
    ///
    /// # Errors
    /// When git cannot tell.
    fn names_at_top(&self, commit: &str) -> Result<Vec<String>, RepoError>;
    /// What is in a directory of a commit, named in full (`refs/heads/main`), with the content of files of at most `limit`
    /// bytes; `None` when there is no such commit or directory.
    ///
    /// # Errors
    /// When git cannot tell.
    fn directory_at(
        &self,
        commit: &str,
        path: &str,
        limit: u64,
    ) -> Result<Option<Vec<directory::Entry>>, RepoError>;
}

/// A work tree of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worktree {
    /// Its top, links resolved.
    pub root: PathBuf,
    /// The branch it has checked out; `None` for a commit.
    pub branch: Option<String>,
}

/// What `HEAD` points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Head {
    /// A branch, with or without commits.
    Branch(String),
    /// A commit.
    Detached,
}

/// A repository that was found, opened at its main work tree.
#[derive(Debug)]
pub struct Repo {
    root: PathBuf,
    common_dir: PathBuf,
    caller_root: PathBuf,
    /// The branch of the work tree that the caller stands in, which may be a linked one.
    caller_branch: Option<String>,
    /// The caller's directory inside that work tree.
    caller_below_root: Option<PathBuf>,
    main_is_unknown: bool,
    view: Box<dyn RepoView + Send + Sync>,
}

/// Where a repository is, as either back end found it.
struct Found {
    /// Top of the main work tree; missing missions are looked for there.
    root: PathBuf,
    /// The `.git` directory that all work trees share.
    common_dir: PathBuf,
    /// Top of the work tree the caller stands in.
    caller_root: PathBuf,
    caller_branch: Option<String>,
    /// There is a main work tree, and git cannot tell where.
    main_is_unknown: bool,
    view: Box<dyn RepoView + Send + Sync>,
}

impl Repo {
    /// Finds the repository that `from` is in. From a linked worktree the main work tree is taken, as the
    /// original tool does: missions have one home.
    ///
    /// # Errors
    /// [`RepoError`].
    pub fn discover(from: &Path) -> Result<Self, RepoError> {
        let from =
            from.canonicalize().map_err(|source| RepoError::NoDirectory { path: from.to_owned(), source })?;
        let found = match libgit::discover(&from) {
            Err(RepoError::Unsupported { .. }) => command::discover(&from)?,
            other => other?,
        };
        let below = from.strip_prefix(&found.caller_root).ok().map(Path::to_owned);
        Ok(Self {
            root: found.root,
            common_dir: found.common_dir,
            caller_branch: found.caller_branch,
            caller_below_root: below,
            caller_root: found.caller_root,
            main_is_unknown: found.main_is_unknown,
            view: found.view,
        })
    }

    /// The repository as it is seen from one of its linked work trees: commits are made on what that has checked out.
    ///
    /// # Errors
    /// [`RepoError`].
    pub fn at_worktree(&self, root: &Path) -> Result<Self, RepoError> {
        let view: Box<dyn RepoView + Send + Sync> = match libgit::view_at(root) {
            Err(RepoError::Unsupported { .. }) => command::view_at(root),
            other => other?,
        };
        Ok(Self {
            root: root.to_owned(),
            common_dir: self.common_dir.clone(),
            caller_root: self.caller_root.clone(),
            caller_branch: self.caller_branch.clone(),
            caller_below_root: self.caller_below_root.clone(),
            main_is_unknown: self.main_is_unknown,
            view,
        })
    }

    /// Top of the main work tree, links resolved.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The git directory that all work trees share.
    #[must_use]
    pub fn common_dir(&self) -> &Path {
        &self.common_dir
    }

    /// The questions.
    #[must_use]
    pub fn view(&self) -> &dyn RepoView {
        &*self.view
    }

    /// `user.name` of git's configuration.
    #[must_use]
    pub fn user_name(&self) -> Option<String> {
        let name = self.view.config("user.name").ok()??;
        (!name.trim().is_empty()).then(|| name.trim().to_owned())
    }

    /// The branch checked out where the caller stands.
    #[must_use]
    pub fn caller_branch(&self) -> Option<&str> {
        self.caller_branch.as_deref()
    }

    /// Top of the work tree that the caller stands in.
    #[must_use]
    pub fn caller_root(&self) -> &Path {
        &self.caller_root
    }

    /// Whether the caller stands in a linked worktree, whose files are not those that are worked on.
    #[must_use]
    pub fn caller_is_elsewhere(&self) -> bool {
        self.caller_root != self.root
    }

    /// Whether there is a main work tree that cannot be looked at: a separate git directory (`git init
    /// --separate-git-dir`) does not know where it is, and the caller stands in a linked one.
    #[must_use]
    pub fn main_is_unknown(&self) -> bool {
        self.main_is_unknown
    }

    /// The caller's directory, relative to the top of the work tree it is in.
    #[must_use]
    pub fn caller_below_root(&self) -> Option<&Path> {
        self.caller_below_root.as_deref()
    }
}

/// Whether git takes a name for a new branch.
#[must_use]
pub fn is_branch_name(name: &str) -> bool {
    git2::Branch::name_is_valid(name).unwrap_or(false)
}

/// What git said; where it lacks an object, with what that means.
fn explained(said: String) -> String {
    const LACKING: [&str; 9] = [
        ", which cannot be read",
        "object not found",
        "bad object",
        "bad tree object",
        "unable to read",
        "Could not read",
        "Not a valid commit name",
        "Not a valid object name",
        "missing blob",
    ];
    if !LACKING.iter().any(|words| said.contains(words)) {
        return said;
    }
    format!(
        "{said}\nA part of the history is missing from the repository, or may not be read: `git fsck --connectivity-only` lists what. To get it from a clone that has it: git fetch --refetch CLONE"
    )
}

/// The nearest `.git` at or above a directory, whatever it is.
fn dot_git_above(from: &Path) -> Option<PathBuf> {
    from.ancestors().map(|above| above.join(".git")).find(|path| path.symlink_metadata().is_ok())
}

/// Why a repository could not be asked.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum RepoError {
    /// The starting directory is not there.
    #[error("cannot enter {}: {source}", path.display())]
    #[diagnostic(code(no_directory), help("give an existing directory: --repo DIR"))]
    NoDirectory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// No repository here or above.
    #[error("{} is not in a git repository", path.display())]
    #[diagnostic(code(not_a_repository), help("go into one, or name it: --repo DIR"))]
    NotFound {
        /// Where the search began.
        path: PathBuf,
    },
    /// There is a `.git` here or above, and it is of no repository.
    #[error("{} is there, and cannot be used: {why}", path.display())]
    #[diagnostic(
        code(not_a_repository),
        help(
            "where it leads: head -n 1 {0}; what may be read: ls -ld {0}; for a work tree that was moved: git worktree repair, run in the main one",
            quoted(path)
        )
    )]
    Broken {
        /// The `.git`.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A bare repository has no work tree, so no missions.
    #[error("{} is a bare repository: it has no files to work on", path.display())]
    #[diagnostic(
        code(bare_repository),
        help("use a clone with a work tree: git clone {} work", quoted(path))
    )]
    Bare {
        /// The repository.
        path: PathBuf,
    },
    /// The repository belongs to somebody else.
    #[error("{} belongs to another user, so git does not trust it", path.display())]
    #[diagnostic(
        code(unsafe_directory),
        help("if you do: git config --global --add safe.directory {}", quoted(path))
    )]
    Untrusted {
        /// The directory.
        path: PathBuf,
    },
    /// libgit2 cannot read such a repository (reftable, SHA-256, a future format); the git command is asked instead.
    #[error("the repository uses a format that libgit2 does not read: {reason}")]
    #[diagnostic(code(unsupported_repository))]
    Unsupported {
        /// What it said.
        reason: String,
    },
    /// Something else stands where a directory should be.
    #[error("{path} is no directory at {commit}")]
    #[diagnostic(
        code(not_a_directory),
        help("make it a directory of the repository: links are not followed")
    )]
    NotADirectory {
        /// The path.
        path: String,
        /// The commit.
        commit: String,
    },
    /// A file of a commit is larger than anything that is read.
    #[error("{path} on {branch} has {size} bytes; at most {limit} are read")]
    #[diagnostic(code(too_large))]
    TooLarge {
        /// The file.
        path: String,
        /// The branch.
        branch: String,
        /// Its size.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// libgit2 failed.
    #[error("git could not answer: {0}")]
    #[diagnostic(code(git_failed), help("see what `git status` says here"))]
    Libgit(String),
    /// The git command failed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Command(#[from] GitError),
}

impl RepoError {
    /// No repository: none at all, or one that cannot be used.
    fn not_found(from: &Path) -> Self {
        let path = from.to_owned();
        let Some(dot_git) = dot_git_above(from) else { return Self::NotFound { path } };
        let why = match crate::source::read_bytes(".git", &dot_git, 4096) {
            Ok(Some(text)) => match String::from_utf8_lossy(&text).strip_prefix("gitdir:") {
                Some(to) => format!("it leads to {}, where no repository is", to.trim()),
                None => "it is a file, and does not say where the repository is".to_owned(),
            },
            _ => match dot_git.read_dir() {
                // git passes over a directory that is no repository.
                Ok(_) => return Self::NotFound { path },
                Err(error) => error.to_string(),
            },
        };
        Self::Broken { path: dot_git, why }
    }

    /// git trusts whole work trees: the top is named, wherever in it the question was asked.
    fn untrusted(from: &Path) -> Self {
        let top = dot_git_above(from).and_then(|dot_git| dot_git.parent().map(Path::to_owned));
        Self::Untrusted { path: top.unwrap_or_else(|| from.to_owned()) }
    }
}

fn quoted(path: &Path) -> String {
    crate::source::shell_quote(&path.to_string_lossy())
}
