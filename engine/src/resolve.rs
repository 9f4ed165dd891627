//! IDs through the stack: the first strategy that knows an ID answers; tracking strategies after it keep their own
//! rows of that ID in step. Bytes that an earlier strategy changes are its own.

use crate::edit::Change;
use crate::id::{TaskId, WpId};
use crate::registry::StrategyEntry;
use crate::strategy::{Place, Resolution, ResolveContext, StrategyMeta, TaskState};

/// What the stack makes of an ID.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Recognised.
    Known {
        /// The strategy that was first.
        by: &'static StrategyMeta,
        /// Where: the places of that strategy first, then those of rows kept in step.
        at: Vec<Place>,
        /// What gives it the wanted state; empty when every row has it already.
        changes: Vec<Change>,
    },
    /// A work package.
    WorkPackage {
        /// The strategy that recognised it.
        by: &'static StrategyMeta,
        /// Which.
        id: WpId,
    },
    /// No strategy knows it.
    Nowhere,
}

/// Sends one ID through the stack.
#[must_use]
pub fn resolve(
    id: &TaskId,
    wanted: TaskState,
    context: ResolveContext<'_>,
    stack: &[&'static StrategyEntry],
) -> Answer {
    let mut answer = Answer::Nowhere;
    for entry in stack {
        let meta = entry.strategy.meta();
        match &mut answer {
            Answer::Nowhere => answer = first(meta, entry.strategy.resolve(id, wanted, context)),
            Answer::Known { at, changes, .. } if meta.tracks => {
                let (more, edits) = parts(entry.strategy.resolve(id, wanted, context));
                at.extend(more);
                let free = |edit: &Change| !changes.iter().any(|earlier| earlier.overlaps(edit));
                let edits: Vec<_> = edits.into_iter().filter(free).collect();
                changes.extend(edits);
            }
            Answer::Known { .. } => {}
            Answer::WorkPackage { .. } => break,
        }
    }
    answer
}

fn first(by: &'static StrategyMeta, resolution: Resolution) -> Answer {
    match resolution {
        Resolution::NotMine => Answer::Nowhere,
        Resolution::Delegated(id) => Answer::WorkPackage { by, id },
        found => {
            let (at, changes) = parts(found);
            Answer::Known { by, at, changes }
        }
    }
}

fn parts(resolution: Resolution) -> (Vec<Place>, Vec<Change>) {
    match resolution {
        Resolution::Found { at, changes } => (at, changes),
        Resolution::Unchanged { at } => (at, Vec::new()),
        Resolution::Delegated(_) | Resolution::NotMine => (Vec::new(), Vec::new()),
    }
}
