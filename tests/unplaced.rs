//! A strategy that registers without a place in the order stops the program at start-up, naming file and line.

use clearance_engine::id::TaskId;
use clearance_engine::register_strategy;
use clearance_engine::strategy::{Resolution, ResolveContext, ResolverStrategy, StrategyMeta, TaskState};

register_strategy!("stray", Stray);

struct Stray;

impl ResolverStrategy for Stray {
    fn meta(&self) -> &StrategyMeta {
        &StrategyMeta { id: "stray", summary: "registered, not placed", format: None, tracks: false }
    }

    fn resolve(&self, _: &TaskId, _: TaskState, _: ResolveContext<'_>) -> Resolution {
        Resolution::NotMine
    }
}

#[test]
fn an_unplaced_strategy_is_a_start_up_error() {
    let error = clearance::registry().err().expect("a registry that is not complete");
    assert_eq!(error.id, "stray");
    assert!(error.fault.contains("unplaced.rs:7"), "{error}");
}
