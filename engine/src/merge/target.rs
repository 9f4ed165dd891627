//! The branch that work goes to, as far as it is certain. Whose rules count hangs on it, so it is never guessed from what happens
//! to be checked out.

use crate::mission::meta::Meta;
use crate::mission::{MISSIONS_DIR, Mission};
use crate::repo::directory::EntryKind;
use crate::repo::{Git, Repo, RepoError};

/// The repository's main line: what remotes call their default branch, else `main` or `master`, here or as `origin` has it, else
/// the only branch there is. `None` where nothing tells.
///
/// # Errors
/// What git says.
pub fn main_line(repo: &Repo) -> Result<Option<String>, RepoError> {
    let view = repo.view();
    let mut defaults = view.remote_default_branches()?;
    defaults.sort_unstable();
    defaults.dedup();
    if let [only] = defaults.as_slice() {
        return Ok(Some(only.clone()));
    }
    for usual in ["main", "master"] {
        let of_origin = format!("origin/{usual}");
        if view.branch_tip(usual)?.is_some() || view.remote_branches(usual)?.contains(&of_origin) {
            return Ok(Some(usual.to_owned()));
        }
    }
    let mut branches = view.branches("")?;
    let elsewhere = Git::new(repo.root()).run(&["for-each-ref", "--count=1", "refs/remotes"])?;
    Ok(branches.pop().filter(|_| branches.is_empty() && elsewhere.is_empty()))
}

/// A branch in full: the local one, else that of `origin`, else that of the only remote that has it. CI often has no local one.
///
/// # Errors
/// What git says.
pub fn in_full(repo: &Repo, branch: &str) -> Result<Option<String>, RepoError> {
    if repo.view().branch_tip(branch)?.is_some() {
        return Ok(Some(format!("refs/heads/{branch}")));
    }
    let remotes = repo.view().remote_branches(branch)?;
    let of_origin = format!("origin/{branch}");
    let only = if remotes.len() == 1 { remotes.first() } else { None };
    let found = remotes.iter().find(|remote| **remote == of_origin).or(only);
    Ok(found.map(|remote| format!("refs/remotes/{remote}")))
}

/// The commit of a branch, wherever it is.
///
/// # Errors
/// What git says.
pub fn commit_of(repo: &Repo, branch: &str) -> Result<Option<String>, RepoError> {
    let Some(name) = in_full(repo, branch)? else { return Ok(None) };
    let question = ["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")];
    let (code, commit) = Git::new(repo.root()).answer(&question, &[0, 1])?;
    Ok((code == 0).then(|| commit.trim().to_owned()))
}

/// Where the main line says that a mission goes, if it has that mission and says something else than `target`: a mission must
/// not choose who judges it.
///
/// # Errors
/// What git says.
pub fn said_otherwise(
    repo: &Repo,
    mission: &Mission,
    target: &str,
) -> Result<Option<(String, String)>, RepoError> {
    const LARGEST: u64 = 1 << 20;
    let Some(main) = main_line(repo)?.filter(|main| main != target) else { return Ok(None) };
    let Some(name) = in_full(repo, &main)? else { return Ok(None) };
    let home = format!("{MISSIONS_DIR}/{}", mission.slug());
    let entries = repo.view().directory_at(&name, &home, LARGEST)?.unwrap_or_default();
    let meta = entries.into_iter().find(|entry| entry.name == "meta.json");
    let Some(EntryKind::File(bytes)) = meta.map(|meta| meta.kind) else { return Ok(None) };
    let meta: Meta = serde_json::from_slice(&bytes).unwrap_or_default();
    let said = meta.target().unwrap_or(&main).to_owned();
    Ok((said != target).then_some((main, said)))
}
