//! `WP02`: a work package. Its state is a lane of the status log, so no file of tasks is touched for it.

use clearance_engine::id::{TaskId, WpId};
use clearance_engine::register_strategy;
use clearance_engine::strategy::{
    Format, Resolution, ResolveContext, ResolverStrategy, StrategyMeta, TaskState,
};

register_strategy!("wp-delegation", WpDelegation);

/// Takes every work-package ID, wherever it may also be written.
pub struct WpDelegation;

impl ResolverStrategy for WpDelegation {
    fn meta(&self) -> &StrategyMeta {
        &StrategyMeta {
            id: "wp-delegation",
            summary: "a work package, `WP02`: its lane, never a row",
            format: Some(Format::WpId),
            tracks: false,
        }
    }

    fn resolve(&self, id: &TaskId, _wanted: TaskState, _context: ResolveContext<'_>) -> Resolution {
        WpId::from_id(id.clone()).map_or(Resolution::NotMine, Resolution::Delegated)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::resolve;
    use super::*;

    #[test]
    fn work_packages_are_delegated_and_tasks_are_not() {
        let text = "- [ ] WP02 a\n| WP02 | b |\nSubtasks: WP02\n";
        let delegated = Resolution::Delegated(WpId::parse("WP02").unwrap());
        assert_eq!(resolve(&WpDelegation, text, "wp02", TaskState::Done), delegated);
        assert_eq!(resolve(&WpDelegation, text, "T002", TaskState::Done), Resolution::NotMine);
    }
}
