//! Commands that put what is not committed where it is found again.

use std::path::{Path, PathBuf};

use clearance_engine::mission::Mission;
use clearance_engine::mission::log::LOG;
use clearance_engine::repo::questions::{Dirty, DirtyKind};
use clearance_engine::source::shell_quote;

use crate::checks::common::{free_name, git_in, shell_path, with_end};

/// The commands for one work tree: the mission's own state is committed, since nothing is approved without it; the rest
/// is stashed.
pub(super) fn put_away(root: &Path, dirty: &[Dirty], untracked: &str, mission: Option<&Mission>) -> String {
    let git = git_in(root);
    let mut commands: Vec<_> = dirty.iter().filter_map(|dirty| moved(root, dirty)).collect();
    // A file in conflict cannot be stashed; what stands in it can.
    if dirty.iter().any(|dirty| dirty.kind == DirtyKind::Conflicted) {
        commands.push(format!("{git} add --update"));
    }
    let homes = mission.map(|mission| state_below(root, mission)).unwrap_or_default();
    let is_state = |dirty: &&Dirty| {
        let settled = matches!(dirty.kind, DirtyKind::Staged | DirtyKind::Unstaged | DirtyKind::Announced);
        let is_file = root.join(&dirty.path).is_file();
        settled && is_file && homes.iter().any(|home| dirty.path.starts_with(home))
    };
    let (state, others): (Vec<&Dirty>, Vec<&Dirty>) = dirty.iter().partition(is_state);
    if let Some(mission) = mission.filter(|_| !state.is_empty()) {
        let paths = paths_of(&state);
        let message = shell_quote(&format!("Record the state of {}", mission.slug()));
        commands.push(format!("{git} add -- {paths}"));
        commands.push(format!("{git} commit -m {message} -- {paths}"));
    }
    // A stash does not take what was only announced.
    let announced: Vec<_> =
        others.iter().filter(|dirty| dirty.kind == DirtyKind::Announced).copied().collect();
    if !announced.is_empty() {
        commands.push(format!("{git} add -- {}", paths_of(&announced)));
    }
    if others.iter().any(|dirty| dirty.submodule.is_none() && !is_nested(dirty)) {
        commands.push(stash(root, untracked));
    }
    for dirty in others {
        commands.extend(submodule(root, dirty, untracked));
    }
    commands.join(" && ")
}

fn stash(root: &Path, untracked: &str) -> String {
    format!("{} stash push{untracked} --message 'Before the merge'", git_in(root))
}

fn paths_of(dirty: &[&Dirty]) -> String {
    dirty.iter().map(|dirty| shell_path(&dirty.path)).collect::<Vec<_>>().join(" ")
}

/// Where the mission and its state are in a work tree, relative to that.
fn state_below(root: &Path, mission: &Mission) -> Vec<PathBuf> {
    let log = mission.path_of(LOG).ok();
    let homes = [Some(mission.directory()), log.as_deref().and_then(Path::parent)];
    homes.into_iter().flatten().filter_map(|home| Some(home.strip_prefix(root).ok()?.to_owned())).collect()
}

/// A repository that is inside of a work tree: git names it as a directory.
fn is_nested(dirty: &Dirty) -> bool {
    dirty.kind == DirtyKind::Untracked && dirty.path.as_os_str().as_encoded_bytes().ends_with(b"/")
}

/// What a stash passes over is moved beside the work tree; what it would delete, beside its place.
fn moved(root: &Path, dirty: &Dirty) -> Option<String> {
    let path: PathBuf = root.join(&dirty.path).components().collect();
    let to = if is_nested(dirty) {
        let mut name = root.file_name()?.to_owned();
        for part in dirty.path.components() {
            name.push(".");
            name.push(part.as_os_str());
        }
        free_name(&root.with_file_name(name))
    } else {
        let instead_of_a_file = dirty.submodule.is_none()
            && matches!(dirty.kind, DirtyKind::Staged | DirtyKind::Unstaged)
            && path.is_dir()
            && !path.join(".git").exists();
        instead_of_a_file.then(|| beside(&path))?
    };
    Some(format!("mv -n {} {}", shell_path(&path), shell_path(&to)))
}

/// A name beside a file that nothing has yet.
pub(super) fn beside(file: &Path) -> PathBuf {
    free_name(&with_end(file, ".mine"))
}

/// `git stash` passes over what is in submodules.
fn submodule(root: &Path, dirty: &Dirty, untracked: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let Some(state) = dirty.submodule else { return commands };
    let (inside, path) = (root.join(&dirty.path), shell_path(&dirty.path));
    if state.content {
        commands.push(stash(&inside, untracked));
    }
    if state.commit {
        let (git, inside) = (git_in(root), git_in(&inside));
        // Its commit may be on no branch.
        commands
            .push(format!("{inside} branch --force \"before-the-merge-$({inside} rev-parse --short HEAD)\""));
        commands.push(format!("{git} restore --staged -- {path}"));
        commands.push(format!("{git} submodule update --checkout -- {path}"));
    }
    commands
}
