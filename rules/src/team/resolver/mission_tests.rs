//! Resolvers in the stack, on missions on disk.

use clearance_engine::id::TaskId;
use clearance_engine::mission::Mission;
use clearance_engine::plan::apply::{Changes, apply};
use clearance_engine::plan::mark::{MarkPlan, Tense, plan};
use clearance_engine::registry::{Listed, Origin, OriginKind, Registry};
use clearance_engine::report::Outcome;
use clearance_engine::resolve::{Answer, resolve};
use clearance_engine::strategy::{ResolveContext, TaskState};
use clearance_engine::write::Staging;
use clearance_testkit::TestRepo;

use super::read;
use super::tests::{RULE, source};

const TASKS: &str = "kitty-specs/m/tasks.md";

/// A stack of resolvers alone, with these files.
fn stack(files: &[&str]) -> Registry {
    let none = || Listed { ids: &[], origin: Origin::built_in("none.rs", 1) };
    let registry = Registry::build(std::iter::empty(), std::iter::empty(), none(), none()).unwrap();
    registry.with_strategies(files.iter().map(|file| read(&source(file)).unwrap().entry())).unwrap()
}

fn mission(repo: &TestRepo) -> Mission {
    Mission::open(repo.root(), "m").unwrap()
}

fn planned(repo: &TestRepo, registry: &Registry, ids: &[&str], wanted: TaskState) -> MarkPlan {
    let ids: Vec<_> = ids.iter().map(|id| TaskId::parse(id).unwrap()).collect();
    plan(&mission(repo), &ids, wanted, registry.strategies(), Tense::Done).unwrap()
}

/// Marks as `mark-status` does, down to the file.
fn mark(repo: &TestRepo, registry: &Registry, ids: &[&str], wanted: TaskState) -> Vec<Outcome> {
    let plan = planned(repo, registry, ids, wanted);
    let staging = Staging::of(&repo.root().join(".git"), "m");
    apply(&mission(repo), Changes { tasks: plan.tasks.as_deref(), events: &[] }, &staging).unwrap();
    plan.results.iter().map(|result| result.outcome).collect()
}

#[test]
fn the_file_is_written_and_only_the_states_in_it() {
    let before = "\u{feff}# Tasks\r\n\r\nTODO T001 first  \r\n  WAIT\tT002 second\r\nDONE T003 é\n```\nTODO T001\n```\nTODO T001 again";
    let repo = TestRepo::with_tasks("m", before);
    let registry = stack(&[RULE]);
    let outcomes = mark(&repo, &registry, &["T001", "T002", "T003", "T009"], TaskState::Done);
    assert_eq!(outcomes, [Outcome::Updated, Outcome::Updated, Outcome::AlreadySatisfied, Outcome::NotFound]);
    let after = "\u{feff}# Tasks\r\n\r\nDONE T001 first  \r\n  DONE\tT002 second\r\nDONE T003 é\n```\nTODO T001\n```\nDONE T001 again";
    assert_eq!(repo.read(TASKS), after);
    let again = mark(&repo, &registry, &["T001"], TaskState::Done);
    assert_eq!((again.as_slice(), repo.read(TASKS).as_str()), (&[Outcome::AlreadySatisfied][..], after));
    mark(&repo, &registry, &["T001", "T002"], TaskState::Pending);
    assert_eq!(repo.read(TASKS), before.replace("WAIT", "TODO"));
}

#[test]
fn the_answer_names_the_resolver_its_places_and_no_format() {
    let repo = TestRepo::with_tasks("m", "x\nTODO T001 a\n\nDONE T001 b\n");
    let registry = stack(&[RULE]);
    let mission = mission(&repo);
    let context = ResolveContext { tasks: mission.tasks().unwrap(), mission: &mission };
    let answer = resolve(&TaskId::parse("T001").unwrap(), TaskState::Done, context, registry.strategies());
    let Answer::Known { by, at, changes } = answer else { panic!("{answer:?}") };
    assert_eq!((by.id, by.summary, by.format, by.tracks), ("todo-lines", "TODO and DONE lines", None, true));
    let places: Vec<_> = at.iter().map(|place| (place.file.as_str(), place.line)).collect();
    assert_eq!(places, [(TASKS, Some(2)), (TASKS, Some(4))]);
    assert_eq!(changes.len(), 1);
    let origin = registry.strategies()[0].origin;
    assert_eq!((origin.kind, origin.to_string().as_str()), (OriginKind::RulesD, "rules.d/x.yaml:3"));
}

#[test]
fn a_row_that_marking_would_hide_is_refused() {
    // `- T001: x` reads as YAML, and the text between the rules as front matter, where no row is.
    let rule = RULE.replace("TODO|DOING|WAIT|DONE|OK", r"\*|-").replace("[DONE, OK]", "'-'");
    let rule = rule.replace("[TODO, WAIT]", "'*'");
    let tests = rule.find("tests:").unwrap();
    let before = "---\n* T001 a\nk: v\n---\n";
    let repo = TestRepo::with_tasks("m", before);
    let registry = stack(&[&rule[..tests]]);
    assert_eq!(mark(&repo, &registry, &["T001"], TaskState::Done), [Outcome::Rejected]);
    assert_eq!(repo.read(TASKS), before);
}

#[test]
fn two_resolvers_do_not_fight_over_a_state() {
    let other =
        RULE.replace("todo-lines", "closed-lines").replace("|OK", "|CLOSED").replace("[DONE, OK]", "CLOSED");
    let other = &other[..other.find("tests:").unwrap()];
    let repo = TestRepo::with_tasks("m", "TODO T001 a\nCLOSED T001 b\n");
    let registry = stack(&[RULE, other]);
    assert_eq!(mark(&repo, &registry, &["T001"], TaskState::Done), [Outcome::Updated]);
    assert_eq!(repo.read(TASKS), "DONE T001 a\nCLOSED T001 b\n");
    assert_eq!(mark(&repo, &registry, &["T001"], TaskState::Pending), [Outcome::Updated]);
    assert_eq!(repo.read(TASKS), "TODO T001 a\nTODO T001 b\n");
}

#[test]
fn state_in_events_is_recorded_for_the_owner_and_no_row_is_written() {
    let before = "## WP01\n\nTODO T001 first\nDONE T002 second\n";
    let repo = TestRepo::with_tasks("m", before);
    repo.write("kitty-specs/m/meta.json", "{\"status_phase\": \"1\"}\n");
    let registry = stack(&[RULE]);
    let plan = planned(&repo, &registry, &["T001", "T002"], TaskState::Done);
    assert_eq!(plan.tasks, None);
    let told: Vec<_> = plan.results.iter().map(|result| (result.outcome, result.owners.join(","))).collect();
    // A row that says done is no record: what counts is the log.
    assert_eq!(told, [(Outcome::Updated, "WP01".to_owned()), (Outcome::Updated, "WP01".to_owned())]);
    assert_eq!(plan.records.len(), 1, "{:?}", plan.records);
    let pending = planned(&repo, &registry, &["T001", "T002"], TaskState::Pending);
    let told: Vec<_> = pending.results.iter().map(|result| result.outcome).collect();
    assert_eq!(told, [Outcome::AlreadySatisfied, Outcome::Updated]);
}

#[test]
fn an_id_is_taken_once() {
    let none = || Listed { ids: &[], origin: Origin::built_in("none.rs", 1) };
    let entries = [read(&source(RULE)).unwrap().entry(), read(&source(RULE)).unwrap().entry()];
    let registry = Registry::build(std::iter::empty(), std::iter::empty(), none(), none()).unwrap();
    let error = registry.with_strategies(entries).err().unwrap();
    assert_eq!(error.to_string(), "rules.d/x.yaml:3: the id `todo-lines` is taken by rules.d/x.yaml:3");
}
