//! The files of a mission that the tool itself writes, where two branches wrote them: merged by what they mean, never by
//! lines. Nobody but the tool could resolve a conflict in them.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::log_union::union;
use crate::mission::log::LOG;
use crate::mission::meta::Meta;
use crate::mission::state::MissionState;
use crate::mission::{MISSIONS_DIR, Mission, SNAPSHOT};
use crate::repo::conflict::{Conflict, Merged};
use crate::repo::{GitError, ObjectStore};
use crate::source::Source;

/// The log and the snapshot of a mission.
pub(super) struct OwnFiles<'m> {
    log: String,
    snapshot: String,
    meta: Option<&'m Meta>,
    /// Those that were in conflict and are not.
    settled: RefCell<BTreeSet<String>>,
}

/// A side of a merge: the commit, and the branch that it stands for.
pub(super) type Side<'a> = (&'a str, &'a str);

impl<'m> OwnFiles<'m> {
    pub(super) fn of(mission: &'m Mission) -> Self {
        let home = |file: &str| format!("{MISSIONS_DIR}/{}/{file}", mission.slug());
        let meta = mission.meta().ok().flatten();
        Self { log: home(LOG), snapshot: home(SNAPSHOT), meta, settled: RefCell::default() }
    }

    fn is_own(&self, conflict: &Conflict) -> bool {
        conflict.path == self.log || conflict.path == self.snapshot
    }

    /// Whether there is a conflict in a file of people.
    pub(super) fn leaves(&self, conflicts: &[Conflict]) -> bool {
        conflicts.iter().any(|conflict| !self.is_own(conflict))
    }

    /// What a merge gives with these files settled: what is still in conflict is for people. Conflicts name branches, not
    /// commits.
    pub(super) fn settle(
        &self,
        store: &ObjectStore,
        merged: Merged,
        ours: Side<'_>,
        theirs: Side<'_>,
    ) -> Result<Merged, GitError> {
        let Merged { mut tree, conflicts } = merged;
        let (mut own, mut others): (Vec<_>, Vec<_>) =
            conflicts.into_iter().partition(|conflict| self.is_own(conflict));
        // The snapshot follows the log.
        own.sort_by_key(|conflict| conflict.path == self.snapshot);
        for mut conflict in own {
            let text = match conflict.path == self.log {
                true => self.merged_log(store, ours.0, theirs.0)?,
                false => self.snapshot_of(store, &tree)?,
            };
            match text {
                Ok(text) => {
                    tree = store.with_file(&tree, &conflict.path, &text)?;
                    self.settled.borrow_mut().insert(conflict.path);
                }
                Err(why) => {
                    conflict.message = format!("{}: {why}", conflict.message);
                    others.push(conflict);
                }
            }
        }
        for conflict in &mut others {
            for (commit, name) in [ours, theirs] {
                conflict.message = conflict.message.replace(commit, name);
            }
        }
        Ok(Merged { tree, conflicts: others })
    }

    /// Those that were settled.
    pub(super) fn settled(&self) -> BTreeSet<String> {
        self.settled.borrow().clone()
    }

    fn merged_log(
        &self,
        store: &ObjectStore,
        ours: &str,
        theirs: &str,
    ) -> Result<Result<String, String>, GitError> {
        let (ours, theirs) = (store.text(ours, &self.log)?, store.text(theirs, &self.log)?);
        Ok(match (ours, theirs) {
            (Some(ours), Some(theirs)) => union(&ours, &theirs).map_err(|why| why.to_string()),
            _ => Err("one side has no such log".to_owned()),
        })
    }

    fn snapshot_of(&self, store: &ObjectStore, tree: &str) -> Result<Result<String, String>, GitError> {
        let Some(log) = store.text(tree, &self.log)? else {
            return Ok(Err("there is no log that it follows".to_owned()));
        };
        let state = MissionState::reduce(&Source::new(&self.log, "", log));
        Ok(state.map(|state| state.snapshot(self.meta)).map_err(|why| why.to_string()))
    }
}
