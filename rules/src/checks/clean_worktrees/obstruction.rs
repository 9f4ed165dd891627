//! What stands where the merge would write.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clearance_engine::check::{CheckContext, CheckError, Findings};
use clearance_engine::merge::forecast::obstructions;
use clearance_engine::repo::questions::holding;
use clearance_engine::repo::{Change, Git, Worktree};

use super::way_out::beside;
use crate::checks::common::{at, blocker, git_in, shell_path, waits_for_branches};

/// Files that git does not know, where the merge would write one.
pub(super) fn in_the_way(
    context: CheckContext<'_>,
    trees: &[Worktree],
    findings: &mut Findings<'_>,
) -> Result<(), CheckError> {
    let (repo, merge, mission) = (context.repo, context.merge()?, context.mission()?);
    let forecast =
        merge.forecast(repo, mission).map_err(|error| CheckError::CouldNotLook(error.to_owned()))?;
    waits_for_branches(forecast, context)?;
    let mission_branch = merge.mission_branch.as_deref().unwrap_or_default();
    let written = [(merge.target.as_str(), &forecast.changes), (mission_branch, &forecast.mission_changes)];
    for (branch, changes) in written {
        for root in holding(trees, branch) {
            for obstruction in in_whole(root, changes, obstructions(root, changes)?)? {
                let (from, path) = (root.join(&obstruction.path), obstruction.path.to_string_lossy());
                let message =
                    format!("{path} is not known to git here, and the merge would write a file of that name");
                // git must know where a work tree goes.
                let mv = match from.join(".git").is_file() {
                    true => format!("{} worktree move", git_in(repo.root())),
                    false => "mv -n".to_owned(),
                };
                let command = format!("{mv} {} {}", shell_path(&from), shell_path(&obstruction.away(root)));
                findings.report(blocker("untracked_obstruction", &*path, message, at(&*path), command))?;
            }
        }
    }
    Ok(())
}

/// What must go elsewhere.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Obstruction {
    /// Relative to the work tree.
    path: PathBuf,
    /// The file that would stand where this is, or where a directory is that this is in.
    place: PathBuf,
}

impl Obstruction {
    /// Where it can go: beside the file that the merge writes, and never below it.
    fn away(&self, root: &Path) -> PathBuf {
        let mut name = OsString::from(root.join(&self.place));
        for part in self.path.strip_prefix(&self.place).into_iter().flat_map(Path::components) {
            name.push(".");
            name.push(part);
        }
        beside(Path::new(&name))
    }
}

/// A directory in the place of a file goes as a whole, where git knows nothing in it.
fn in_whole(
    root: &Path,
    changes: &[Change],
    paths: Vec<PathBuf>,
) -> Result<BTreeSet<Obstruction>, CheckError> {
    let mut found = BTreeSet::new();
    for path in paths {
        // git names a repository with a slash at the end.
        let path: PathBuf = path.components().collect();
        let is_place =
            |above: &&Path| changes.iter().any(|change| change.letter == 'A' && change.path == **above);
        let place = path.ancestors().skip(1).find(is_place).map(Path::to_owned);
        let Some(place) = place else {
            found.insert(Obstruction { place: path.clone(), path });
            continue;
        };
        let known = [OsStr::new("ls-files"), OsStr::new("-z"), OsStr::new("--"), place.as_os_str()];
        let path = if Git::new(root).run(&known)?.is_empty() { place.clone() } else { path };
        found.insert(Obstruction { path, place });
    }
    Ok(found)
}
