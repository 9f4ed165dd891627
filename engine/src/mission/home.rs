//! Where the state of a mission lives: in its own directory, or, in the `coord` topologies, on the coordination branch,
//! in a work tree of its own (`coordination/surface_resolver.py`, 3.2.7).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::artefact::ArtefactError;
use super::log::LOG;
use super::meta::Meta;
use super::{MISSIONS_DIR, Mission};
use crate::limits;
use crate::repo::{GitError, RepoError, RepoView, Worktree};
use crate::source::shell_quote;

/// Where the log and the snapshot of a mission are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Home {
    /// In the mission's directory.
    Mission,
    /// In the work tree that has the coordination branch checked out.
    Worktree {
        /// Its top.
        root: PathBuf,
        /// The name of the mission's directory there.
        slug: String,
    },
    /// On the coordination branch, which no work tree has checked out: it can be read.
    Branch {
        /// The branch.
        branch: String,
        /// The name of the mission's directory there.
        slug: String,
        /// Where its work tree belongs.
        worktree: PathBuf,
    },
}

/// Why the state of a mission cannot be found.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum HomeError {
    /// `meta.json` names a branch that is not there.
    #[error("the state of {mission} is kept on the branch {branch}, and there is no such branch")]
    #[diagnostic(code(coordination_branch_missing), help("{}", repair(branch, remotes, mission)))]
    BranchMissing {
        /// The mission.
        mission: String,
        /// The branch.
        branch: String,
        /// Remote branches with its name.
        remotes: Vec<String>,
    },
    /// Its work tree has another branch checked out.
    #[error(
        "the work tree {} keeps the state of {mission} and should have {branch} checked out, but has {}",
        root.display(), found.as_deref().unwrap_or("no branch")
    )]
    #[diagnostic(
        code(coordination_worktree_on_other_branch),
        help("nothing was changed; look at what was being done there, then: git -C {} switch {}", shell_quote(&root.to_string_lossy()), shell_quote(branch))
    )]
    OtherBranch {
        /// The mission.
        mission: String,
        /// The work tree.
        root: PathBuf,
        /// The branch it should have.
        branch: String,
        /// The one it has.
        found: Option<String>,
    },
    /// A coordination topology without a branch.
    #[error(
        "meta.json of {mission} says that its state is kept on a coordination branch, and does not name the branch"
    )]
    #[diagnostic(
        code(coordination_branch_unnamed),
        help(
            "add `coordination_branch` to kitty-specs/{mission}/meta.json, or set `topology` to lanes or single_branch"
        )
    )]
    Unnamed {
        /// The mission.
        mission: String,
    },
    /// Its work tree cannot be made where it belongs.
    #[error("the state of {mission} is on {branch}, and its work tree {} cannot be made: {why}", worktree.display())]
    #[diagnostic(code(coordination_worktree_blocked), help("nothing was changed. {help}"))]
    Blocked {
        /// The mission.
        mission: String,
        /// The branch.
        branch: String,
        /// Where the work tree belongs.
        worktree: PathBuf,
        /// What is in the way.
        why: String,
        /// What to do about it.
        help: String,
    },
    /// `meta.json` cannot be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Artefact(#[from] Arc<ArtefactError>),
    /// git cannot tell.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Repo(#[from] RepoError),
    /// git cannot tell.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Git(#[from] GitError),
}

fn repair(branch: &str, remotes: &[String], mission: &str) -> String {
    let quoted = shell_quote(branch);
    match remotes.first() {
        Some(remote) => format!(
            "it was fetched; make it a local one: git branch --track {quoted} {}",
            shell_quote(remote)
        ),
        None => format!(
            "nothing was changed. If it was deleted, its last commit is kept for a while: git fsck --no-reflogs lists it as a dangling commit (git show COMMIT --stat tells which), and git branch {quoted} COMMIT brings it back. If it is not wanted any more, remove `coordination_branch` and `topology` from kitty-specs/{mission}/meta.json: the state is then that of the mission's own directory"
        ),
    }
}

/// Finds where the state of a mission lives.
///
/// # Errors
/// [`HomeError`].
pub fn find(mission: &Mission, view: &dyn RepoView) -> Result<Home, HomeError> {
    let Some((meta, branch)) = coordination_branch(mission)? else { return Ok(Home::Mission) };
    let trees = view.worktrees()?;
    let names = directory_names(mission.slug(), meta);
    let usual = mission.root().join(".worktrees").join(format!("{}-coord", names[0]));
    let Some(root) = checked_out(&trees, &branch) else {
        if let Some(other) =
            usual.canonicalize().ok().and_then(|root| trees.iter().find(|tree| tree.root == root))
        {
            let (mission, root, found) =
                (mission.slug().to_owned(), other.root.clone(), other.branch.clone());
            return Err(HomeError::OtherBranch { mission, root, branch, found });
        }
        if view.branch_tip(&branch)?.is_none() {
            let remotes = view.remote_branches(&branch)?;
            return Err(HomeError::BranchMissing { mission: mission.slug().to_owned(), branch, remotes });
        }
        for slug in &names {
            if view.file_at(&branch, &format!("{MISSIONS_DIR}/{slug}/{LOG}"), limits::STATUS_LOG)?.is_some() {
                return Ok(Home::Branch { branch, slug: slug.clone(), worktree: usual });
            }
        }
        return Ok(without_log(mission, Home::Branch { branch, slug: names[0].clone(), worktree: usual }));
    };
    let has = |slug: &&String| root.join(MISSIONS_DIR).join(slug).join(LOG).exists();
    match names.iter().find(has) {
        Some(slug) if root == mission.root() && slug == mission.slug() => Ok(Home::Mission),
        Some(slug) => Ok(Home::Worktree { root, slug: slug.clone() }),
        None => Ok(without_log(mission, Home::Worktree { root, slug: names[0].clone() })),
    }
}

/// The coordination branch has no log yet: where the mission's directory has one, that is the state; a second log would
/// split it.
fn without_log(mission: &Mission, home: Home) -> Home {
    if mission.directory().join(LOG).exists() { Home::Mission } else { home }
}

/// The branch that the state is on, if it is on one.
fn coordination_branch(mission: &Mission) -> Result<Option<(&Meta, String)>, HomeError> {
    let Some(meta) = mission.meta()? else { return Ok(None) };
    let named = meta.coordination_branch.clone().filter(|name| !name.trim().is_empty());
    match (meta.topology.as_deref(), named) {
        (Some("coord" | "lanes_with_coord"), None) => {
            Err(HomeError::Unnamed { mission: mission.slug().to_owned() })
        }
        (Some("coord" | "lanes_with_coord") | None, Some(branch)) => Ok(Some((meta, branch))),
        // What the mission was once; it is flat now.
        _ => Ok(None),
    }
}

/// The names that the mission's directory may have on the coordination branch: with the first eight characters of the
/// mission's id, and as it is called here.
fn directory_names(slug: &str, meta: &Meta) -> Vec<String> {
    let short = meta.mission_id.as_deref().and_then(|id| id.get(..8));
    match short {
        Some(short) if !slug.ends_with(&format!("-{short}")) => {
            vec![format!("{slug}-{short}"), slug.to_owned()]
        }
        _ => vec![slug.to_owned()],
    }
}

fn checked_out(trees: &[Worktree], branch: &str) -> Option<PathBuf> {
    trees.iter().find(|tree| tree.branch.as_deref() == Some(branch)).map(|tree| tree.root.clone())
}

/// Whether the work tree of a coordination branch can be made: nothing is in its place, and git does not take it for
/// one that was there before.
///
/// # Errors
/// [`HomeError::Blocked`].
pub fn may_make_worktree(mission: &Mission, branch: &str, worktree: &Path) -> Result<(), HomeError> {
    let blocked = |why: String, help: String| HomeError::Blocked {
        mission: mission.slug().to_owned(),
        branch: branch.to_owned(),
        worktree: worktree.to_owned(),
        why,
        help,
    };
    let quoted = |path: &Path| shell_quote(&path.to_string_lossy());
    if worktree.symlink_metadata().is_ok() {
        let help = format!("Look at what it is, and move it away: mv {0} {0}.away", quoted(worktree));
        return Err(blocked("something else is there".to_owned(), help));
    }
    let parent = worktree.parent().unwrap_or(worktree);
    if parent.canonicalize().is_ok_and(|real| !real.starts_with(mission.root())) {
        let help = format!("Replace the link {} by a directory", quoted(parent));
        return Err(blocked(format!("{} leads out of the repository", parent.display()), help));
    }
    for tree in crate::repo::Git::new(mission.root()).worktrees_on_record()? {
        let (path, held_by) = (tree.root, tree.branch);
        if (path == worktree || held_by.as_deref() == Some(branch)) && !path.exists() {
            let help = format!("If it is gone for good: git -C {} worktree prune", quoted(mission.root()));
            return Err(blocked(
                format!("git still has {} on record, which is not there", path.display()),
                help,
            ));
        }
    }
    Ok(())
}

/// Makes the work tree of a coordination branch, so that its state can be written.
///
/// # Errors
/// [`HomeError::Blocked`], or what git has against it.
pub fn make_worktree(mission: &Mission, branch: &str, worktree: &Path) -> Result<(), HomeError> {
    may_make_worktree(mission, branch, worktree)?;
    let path = worktree.to_string_lossy();
    crate::repo::Git::new(mission.root()).run(&["worktree", "add", "--quiet", &path, branch])?;
    Ok(())
}
