//! What stands where the merge would write.

use std::path::Path;

use clearance_engine::check::{CheckContext, CheckError, Findings};
use clearance_engine::merge::forecast::obstructions;
use clearance_engine::repo::Worktree;
use clearance_engine::repo::questions::holding;
use clearance_engine::source::shell_quote;

use crate::checks::common::{at, blocker, waits_for_branches};

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
            for path in obstructions(root, changes)? {
                let file = root.join(&path);
                let path = path.to_string_lossy();
                let message =
                    format!("{path} is not known to git here, and the merge would write a file of that name");
                let (from, to) = (file.to_string_lossy(), free_name(&file));
                let command = format!("mv -n {} {}", shell_quote(&from), shell_quote(&to));
                findings.report(blocker("untracked_obstruction", &*path, message, at(&*path), command))?;
            }
        }
    }
    Ok(())
}

/// A name beside a file that nothing has yet.
fn free_name(file: &Path) -> String {
    let name = file.to_string_lossy();
    let mut free = format!("{name}.mine");
    let mut nth = 2;
    while Path::new(&free).symlink_metadata().is_ok() {
        free = format!("{name}.mine{nth}");
        nth += 1;
    }
    free
}
