//! Commands that put what is not committed where it is found again.

use std::path::Path;

use clearance_engine::repo::questions::{Dirty, DirtyKind};
use clearance_engine::source::shell_quote;

use crate::checks::common::git_in;

/// Commands that put changes where they are found again. `git stash` passes over what is in submodules.
pub(super) fn put_away(root: &Path, dirty: &[Dirty], untracked: &str) -> String {
    let stash = |root: &Path| format!("{} stash push{untracked} --message 'Before the merge'", git_in(root));
    let mut commands = Vec::new();
    // A file in conflict cannot be stashed; what stands in it can.
    if dirty.iter().any(|dirty| dirty.kind == DirtyKind::Conflicted) {
        commands.push(format!("{} add --update", git_in(root)));
    }
    if dirty.iter().any(|dirty| dirty.submodule.is_none()) {
        commands.push(stash(root));
    }
    for dirty in dirty {
        let Some(state) = dirty.submodule else { continue };
        let (inside, path) = (root.join(&dirty.path), shell_quote(&dirty.path));
        if state.content {
            commands.push(stash(&inside));
        }
        if state.commit {
            let (git, inside) = (git_in(root), git_in(&inside));
            // Its commit may be on no branch.
            commands.push(format!(
                "{inside} branch --force \"before-the-merge-$({inside} rev-parse --short HEAD)\""
            ));
            commands.push(format!("{git} restore --staged -- {path}"));
            commands.push(format!("{git} submodule update --checkout -- {path}"));
        }
    }
    commands.join(" && ")
}
