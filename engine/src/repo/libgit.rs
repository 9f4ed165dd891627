//! The questions of [`RepoView`], answered in process by libgit2.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use std::ffi::OsStr;

use git2::{BranchType, ErrorCode, Oid, Repository, RepositoryOpenFlags, RepositoryState};

use crate::source::read_bytes;

use super::directory::{self, Entry};
use super::git::path_of_bytes;
use super::index_flags::overlooks_any;
use super::{Found, Head, RepoError, RepoView, Worktree, explained};

/// The search for a repository may go up to the root.
const NO_CEILING: [&OsStr; 0] = [];

struct LibGit(Mutex<Repository>);

impl std::fmt::Debug for LibGit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LibGit")
    }
}

pub(super) fn discover(from: &Path) -> Result<Found, RepoError> {
    // Not `discover`: it opens the git directory by its path and so loses a work tree that is elsewhere.
    let here = Repository::open_ext(from, RepositoryOpenFlags::empty(), NO_CEILING)
        .map_err(|error| translate(from, &error))?;
    let bare = || RepoError::Bare { path: here.path().to_owned() };
    let caller_root = resolved(here.workdir().ok_or_else(bare)?);
    let common_dir = resolved(here.commondir());
    let caller_branch = branch_of(&here);
    let main = if here.is_worktree() { main_work_tree(&common_dir) } else { None };
    let is_bare = here.config().and_then(|config| config.get_bool("core.bare")).unwrap_or(false);
    let main_is_unknown = here.is_worktree() && main.is_none() && !is_bare;
    // A worktree of a bare repository is its own home: there is no main one.
    let (root, repository) = main.unwrap_or_else(|| (caller_root.clone(), here));
    let view = Box::new(LibGit(Mutex::new(repository)));
    Ok(Found { root, common_dir, caller_root, caller_branch, main_is_unknown, view })
}

/// A view whose `HEAD` is that of this work tree.
pub(super) fn view_at(root: &Path) -> Result<Box<dyn RepoView + Send + Sync>, RepoError> {
    let repository = Repository::open_ext(root, RepositoryOpenFlags::NO_SEARCH, NO_CEILING)
        .map_err(|error| translate(root, &error))?;
    Ok(Box::new(LibGit(Mutex::new(repository))))
}

/// The main work tree of a git directory, if it has one that leads back to it. A separate git directory
/// (`git init --separate-git-dir`) does not know its work tree, and what libgit2 then takes for it is only its parent.
fn main_work_tree(common_dir: &Path) -> Option<(PathBuf, Repository)> {
    let by_git_dir = Repository::open(common_dir).ok()?;
    let root = resolved(by_git_dir.workdir()?);
    let flags = RepositoryOpenFlags::NO_SEARCH;
    let main = Repository::open_ext(&root, flags, NO_CEILING).ok()?;
    (resolved(main.commondir()) == common_dir).then_some((root, main))
}

impl LibGit {
    fn ask<T>(&self, question: impl FnOnce(&Repository) -> Result<T, git2::Error>) -> Result<T, RepoError> {
        let repository = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        question(&repository).map_err(|error| RepoError::Libgit(explained(error.message().to_owned())))
    }
}

impl RepoView for LibGit {
    fn head(&self) -> Result<Head, RepoError> {
        self.ask(|repository| Ok(branch_of(repository).map_or(Head::Detached, Head::Branch)))
    }

    fn remote_default_branches(&self) -> Result<Vec<String>, RepoError> {
        self.ask(|repository| {
            let mut branches = Vec::new();
            for head in repository.references_glob("refs/remotes/*/HEAD")? {
                let head = head?;
                let target = head.symbolic_target().ok().flatten();
                let remote = head.name().ok().and_then(|name| name.strip_suffix("HEAD"));
                let branch = target.zip(remote).and_then(|(target, remote)| target.strip_prefix(remote));
                branches.extend(branch.map(str::to_owned));
            }
            Ok(branches)
        })
    }

    fn operation_under_way(&self) -> Result<Option<&'static str>, RepoError> {
        self.ask(|repository| {
            Ok(match repository.state() {
                RepositoryState::Clean => None,
                RepositoryState::Merge => Some("merge"),
                RepositoryState::Revert | RepositoryState::RevertSequence => Some("revert"),
                RepositoryState::CherryPick | RepositoryState::CherryPickSequence => Some("cherry-pick"),
                RepositoryState::Bisect => Some("bisect"),
                RepositoryState::Rebase
                | RepositoryState::RebaseInteractive
                | RepositoryState::RebaseMerge => Some("rebase"),
                RepositoryState::ApplyMailbox | RepositoryState::ApplyMailboxOrRebase => Some("am"),
            })
        })
    }

    fn worktrees(&self) -> Result<Vec<Worktree>, RepoError> {
        self.ask(|repository| {
            let main = main_work_tree(&resolved(repository.commondir()));
            let main = main.map(|(root, main)| Worktree { root, branch: branch_of(&main) });
            // A separate git directory does not know its work tree; who came from there does.
            let own = repository.workdir().filter(|_| !repository.is_worktree());
            let own = own.map(|root| Worktree { root: resolved(root), branch: branch_of(repository) });
            let main = main.or(own);
            let mut found: Vec<_> = main.into_iter().collect();
            for name in repository.worktrees()?.iter_bytes() {
                let linked = match str::from_utf8(name) {
                    Ok(name) => repository
                        .find_worktree(name)
                        .and_then(|tree| Repository::open_from_worktree(&tree))
                        .ok(),
                    Err(_) => of_odd_name(repository, name),
                };
                // One whose directory is gone is no work tree.
                let Some(linked) = linked else { continue };
                if let Some(root) = linked.workdir() {
                    found.push(Worktree { root: resolved(root), branch: branch_of(&linked) });
                }
            }
            Ok(found)
        })
    }

    fn branch_tip(&self, branch: &str) -> Result<Option<String>, RepoError> {
        self.ask(|repository| {
            let found = if_found(repository.find_branch(branch, BranchType::Local)).map_err(|error| {
                git2::Error::from_str(&format!("the branch {branch} cannot be read: {}", error.message()))
            });
            let Some(found) = found? else { return Ok(None) };
            match found.get().peel_to_commit() {
                Ok(commit) => Ok(Some(commit.id().to_string())),
                // libgit2 says only that it could not.
                Err(_) => Err(git2::Error::from_str(&format!(
                    "the branch {branch} is at commit {}, which cannot be read",
                    found.get().target().map(|commit| commit.to_string()).unwrap_or_default()
                ))),
            }
        })
    }

    fn branches(&self, prefix: &str) -> Result<Vec<String>, RepoError> {
        self.ask(|repository| {
            let mut found = Vec::new();
            for branch in repository.branches(Some(BranchType::Local))? {
                let (branch, _) = branch?;
                found.extend(branch.name()?.filter(|name| name.starts_with(prefix)).map(str::to_owned));
            }
            found.sort();
            Ok(found)
        })
    }

    fn remote_branches(&self, branch: &str) -> Result<Vec<String>, RepoError> {
        self.ask(|repository| {
            let mut found = Vec::new();
            for remote in repository.remotes()?.iter().flatten().flatten() {
                let name = format!("{remote}/{branch}");
                if if_found(repository.find_branch(&name, BranchType::Remote))?.is_some() {
                    found.push(name);
                }
            }
            Ok(found)
        })
    }

    fn overlooked(&self) -> Result<Vec<(PathBuf, String)>, RepoError> {
        /// A larger index is read by git alone.
        const MOST: u64 = 256 << 20;
        let (index, root) = self.ask(|repository| {
            Ok((repository.path().join("index"), repository.workdir().map(Path::to_owned)))
        })?;
        let Some(root) = root else { return Ok(Vec::new()) };
        let bytes = read_bytes("index", &index, MOST).ok().flatten();
        match bytes.as_deref().and_then(overlooks_any) {
            Some(false) => Ok(Vec::new()),
            _ => super::command::view_at(&root).overlooked(),
        }
    }

    fn is_ancestor(&self, one: &str, other: &str) -> Result<bool, RepoError> {
        self.ask(|repository| {
            let (one, other) = (Oid::from_str(one)?, Oid::from_str(other)?);
            Ok(one == other || repository.graph_descendant_of(other, one)?)
        })
    }

    fn config(&self, key: &str) -> Result<Option<String>, RepoError> {
        self.ask(|repository| if_found(repository.config()?.snapshot()?.get_string(key)))
    }

    fn file_id_at(&self, branch: &str, path: &str) -> Result<Option<String>, RepoError> {
        self.ask(|repository| Ok(entry_at(repository, branch, path)?.map(|id| id.to_string())))
    }

    fn file_at(&self, branch: &str, path: &str, limit: u64) -> Result<Option<Vec<u8>>, RepoError> {
        let size =
            |size| RepoError::TooLarge { path: path.to_owned(), branch: branch.to_owned(), size, limit };
        let content = self.ask(|repository| {
            let Some(id) = entry_at(repository, branch, path)? else { return Ok(None) };
            let (bytes, _) = repository.odb()?.read_header(id)?;
            if bytes as u64 > limit {
                return Ok(Some(Err(bytes as u64)));
            }
            Ok(Some(Ok(repository.find_blob(id)?.content().to_vec())))
        })?;
        content.transpose().map_err(size)
    }

    fn names_at_top(&self, commit: &str) -> Result<Vec<String>, RepoError> {
        self.ask(|repository| {
            let Some(found) = if_found(repository.revparse_single(commit))? else { return Ok(Vec::new()) };
            let tree = found.peel_to_tree()?;
            Ok(tree.iter().map(|entry| String::from_utf8_lossy(entry.name_bytes()).into_owned()).collect())
        })
    }

    fn directory_at(&self, commit: &str, path: &str, limit: u64) -> Result<Option<Vec<Entry>>, RepoError> {
        let entries = self.ask(|repository| {
            let Some(found) = if_found(repository.revparse_single(commit))? else { return Ok(None) };
            let tree = found.peel_to_tree()?;
            let Some(entry) = if_found(tree.get_path(Path::new(path)))? else { return Ok(None) };
            let object = entry.to_object(repository)?;
            Ok(Some(object.as_tree().map(|tree| directory::entries(repository, tree, limit)).transpose()?))
        })?;
        let (path, commit) = (path.to_owned(), commit.to_owned());
        entries.map(|entries| entries.ok_or(RepoError::NotADirectory { path, commit })).transpose()
    }
}

/// What a local branch has at a path.
fn entry_at(repository: &Repository, branch: &str, path: &str) -> Result<Option<Oid>, git2::Error> {
    let Some(found) = if_found(repository.find_branch(branch, BranchType::Local))? else { return Ok(None) };
    let tree = found.get().peel_to_tree()?;
    Ok(if_found(tree.get_path(Path::new(path)))?.map(|entry| entry.id()))
}

/// An answer, or `None` when there is nothing of that name.
fn if_found<T>(answer: Result<T, git2::Error>) -> Result<Option<T>, git2::Error> {
    match answer {
        Err(error) if matches!(error.code(), ErrorCode::NotFound | ErrorCode::InvalidSpec) => Ok(None),
        other => other.map(Some),
    }
}

/// The branch `HEAD` names, also before its first commit.
fn branch_of(repository: &Repository) -> Option<String> {
    let head = repository.find_reference("HEAD").ok()?;
    let target = head.symbolic_target().ok().flatten()?;
    target.strip_prefix("refs/heads/").map(str::to_owned)
}

/// A linked work tree whose name is no text: libgit2 is not to be asked for it by name.
fn of_odd_name(repository: &Repository, name: &[u8]) -> Option<Repository> {
    let own = repository.commondir().join("worktrees").join(path_of_bytes(name));
    let text = read_bytes("gitdir", &own.join("gitdir"), 1 << 16).ok()??;
    Repository::open(path_of_bytes(text.trim_ascii_end()).parent()?).ok()
}

fn resolved(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn translate(from: &Path, error: &git2::Error) -> RepoError {
    match (error.code(), error.class()) {
        (ErrorCode::NotFound, _) => RepoError::not_found(from),
        (ErrorCode::Owner, _) => RepoError::untrusted(from),
        // Whatever else libgit2 has against a repository, git itself may know better.
        _ => RepoError::Unsupported { reason: error.message().to_owned() },
    }
}
