//! A landing that was interrupted: finished where the target has moved, taken back where it has not.

use std::time::SystemTime;

use super::journal::{Journal, LandDir, Stage};
use super::work_tree::Barrier;
use super::{LandError, locks};
use crate::repo::Repo;

/// A landing that was found.
#[derive(Debug)]
pub struct Interrupted {
    pub(super) directory: LandDir,
    /// What it set out to do.
    pub journal: Journal,
    /// Whether the merge is made, so that the rest is to be done.
    pub landed: bool,
}

/// What an interrupted landing is like, for those who only look. Nothing is changed.
///
/// # Errors
/// A journal cannot be read.
pub fn interrupted(repo: &Repo) -> Result<Vec<Journal>, LandError> {
    let journals = LandDir::all(repo.common_dir())?.into_iter().map(|directory| directory.journal());
    Ok(journals.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// Finds the landings that were interrupted, the lock of landings held. Those that came to nothing are taken back, and what
/// never began is removed.
pub(super) fn find(repo: &Repo) -> Result<Vec<Interrupted>, LandError> {
    let mut found = Vec::new();
    for directory in LandDir::all(repo.common_dir())? {
        let Some(journal) = directory.journal()? else {
            directory.remove()?;
            continue;
        };
        locks::remove_left(repo, &journal, directory.began()?)?;
        match whereabouts(repo, &journal)? {
            Whereabouts::Landed => found.push(Interrupted { directory, journal, landed: true }),
            // It is complete here; that somebody took it back by hand is his affair.
            Whereabouts::Before | Whereabouts::Elsewhere if journal.stage == Stage::Unpushed => {
                directory.remove()?;
            }
            Whereabouts::Before => {
                take_back(&directory, &journal)?;
                // The landing that it was to take back is still there, and says what can be done.
                if journal.takes_back {
                    directory.remove()?;
                    continue;
                }
                found.push(Interrupted { directory, journal, landed: false });
            }
            Whereabouts::Elsewhere => {
                let (mission, target) = (journal.mission, journal.target);
                return Err(LandError::Astray {
                    mission,
                    branch: target.branch,
                    old: target.old,
                    new: target.new,
                });
            }
        }
    }
    Ok(found)
}

/// Where the target is, seen from a landing.
enum Whereabouts {
    /// Where it was, or gone on from there.
    Before,
    /// At the merge, or behind it.
    Landed,
    /// Somewhere else.
    Elsewhere,
}

fn whereabouts(repo: &Repo, journal: &Journal) -> Result<Whereabouts, LandError> {
    let target = &journal.target;
    let Some(now) = repo.view().branch_tip(&target.branch)? else { return Ok(Whereabouts::Elsewhere) };
    // Asked first: a landing that takes another one back goes to a commit that it comes from.
    let is_before = now == target.old && target.old != target.new;
    if is_before || journal.takes_back && repo.view().is_ancestor(&target.old, &now)? {
        return Ok(Whereabouts::Before);
    }
    if now == target.new || repo.view().is_ancestor(&target.new, &now)? {
        return Ok(Whereabouts::Landed);
    }
    // Where it went on without the merge, that was never made.
    let never = others_stayed(repo, journal)?;
    Ok(if never { Whereabouts::Before } else { Whereabouts::Elsewhere })
}

/// Whether no branch moved that follows the target.
fn others_stayed(repo: &Repo, journal: &Journal) -> Result<bool, LandError> {
    for moved in &journal.others {
        if repo.view().branch_tip(&moved.branch)?.as_ref() == Some(&moved.new) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Puts every work tree back as it was.
pub(super) fn take_back(directory: &LandDir, journal: &Journal) -> Result<(), LandError> {
    for (nth, tree) in journal.work_trees.iter().enumerate() {
        if tree.root.is_dir() {
            Barrier::of(directory, nth, tree)?.take_back()?;
        }
    }
    Ok(())
}

impl LandDir {
    /// When the landing began, by the clock of the file system.
    fn began(&self) -> Result<SystemTime, LandError> {
        let path = self.file("journal.json");
        path.metadata()
            .and_then(|metadata| metadata.modified())
            .map_err(|source| LandError::io(&path, source))
    }
}
