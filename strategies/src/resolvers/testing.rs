//! One strategy on one text, for the tests of each.

use clearance_engine::edit;
use clearance_engine::id::TaskId;
use clearance_engine::mission::Mission;
use clearance_engine::strategy::{Resolution, ResolveContext, ResolverStrategy, TaskState};
use clearance_testkit::Scratch;

/// A mission on disk.
pub(super) struct TestMission {
    _scratch: Scratch,
    mission: Mission,
}

pub(super) fn mission(tasks: &str, work_packages: &[(&str, &str)]) -> TestMission {
    let scratch = Scratch::new();
    scratch.write("kitty-specs/m/tasks.md", tasks);
    for (name, content) in work_packages {
        scratch.write(&format!("kitty-specs/m/tasks/{name}"), content);
    }
    let root = scratch.path().canonicalize().unwrap();
    let mission = Mission::open(&root, "m").unwrap();
    TestMission { _scratch: scratch, mission }
}

pub(super) fn resolve(
    strategy: &dyn ResolverStrategy,
    text: &str,
    id: &str,
    wanted: TaskState,
) -> Resolution {
    resolve_in(&mission(text, &[]), strategy, id, wanted)
}

fn resolve_in(
    mission: &TestMission,
    strategy: &dyn ResolverStrategy,
    id: &str,
    wanted: TaskState,
) -> Resolution {
    let mission = &mission.mission;
    let context = ResolveContext { tasks: mission.tasks().unwrap(), mission };
    strategy.resolve(&TaskId::parse(id).unwrap(), wanted, context)
}

/// The text after marking; `None` when the strategy does not know the ID.
fn marked(
    mission: &TestMission,
    strategy: &dyn ResolverStrategy,
    id: &str,
    wanted: TaskState,
) -> Option<String> {
    let tasks = mission.mission.tasks().unwrap();
    match resolve_in(mission, strategy, id, wanted) {
        Resolution::Found { changes, .. } => Some(edit::apply(tasks, &changes).unwrap()),
        Resolution::Unchanged { .. } => Some(tasks.text().to_owned()),
        Resolution::Delegated(_) | Resolution::NotMine => None,
    }
}

pub(super) fn done(strategy: &dyn ResolverStrategy, text: &str, id: &str) -> Option<String> {
    marked(&mission(text, &[]), strategy, id, TaskState::Done)
}

pub(super) fn pending(strategy: &dyn ResolverStrategy, text: &str, id: &str) -> Option<String> {
    marked(&mission(text, &[]), strategy, id, TaskState::Pending)
}

pub(super) fn done_in(mission: &TestMission, strategy: &dyn ResolverStrategy, id: &str) -> Option<String> {
    marked(mission, strategy, id, TaskState::Done)
}
