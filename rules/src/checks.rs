//! One file a check.

clearance_engine::plugin_modules!(
    clean_worktrees,
    conflict_forecast,
    git_state,
    lane_branches,
    mission_branch,
    mission_manifests,
    review_consistency,
    rules_changed,
    status_log,
    target_sync,
    work_packages
);

mod common;
