//! The built-in checks: one file each under `checks/`.

use clearance_engine::listed;
use clearance_engine::registry::Listed;

pub mod checks;
pub mod team;

/// The checks that every build must have. A registry without one of them says nothing rather than "cleared".
/// In the order they are reported.
pub const REQUIRED: Listed = listed![
    "git-state",
    "clean-worktrees",
    "target-sync",
    "mission-branch",
    "lane-branches",
    "review-consistency",
    "work-packages",
    "status-log",
    "mission-manifests",
    "conflict-forecast",
    "rules-changed"
];
