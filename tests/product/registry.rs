//! The registry: complete, ordered, and refused when it is not.

use std::fs;
use std::path::Path;

use clearance_engine::check::{Check, CheckContext, CheckError, CheckMeta, Findings, Guards, Needs};
use clearance_engine::id::TaskId;
use clearance_engine::param::ParamKind;
use clearance_engine::registry::{CheckEntry, Listed, Origin, Registry, StrategyEntry};
use clearance_engine::strategy::{Resolution, ResolveContext, ResolverStrategy, StrategyMeta, TaskState};

use crate::support::{Scratch, TestRepo, command, run};
use clearance_testkit::Run;

struct Named(CheckMeta);

impl Check for Named {
    fn meta(&self) -> &CheckMeta {
        &self.0
    }
    fn run(&self, _: CheckContext<'_>, _: &mut Findings<'_>) -> Result<(), CheckError> {
        Ok(())
    }
}

struct Step(StrategyMeta);

impl ResolverStrategy for Step {
    fn meta(&self) -> &StrategyMeta {
        &self.0
    }
    fn resolve(&self, _: &TaskId, _: TaskState, _: ResolveContext<'_>) -> Resolution {
        Resolution::NotMine
    }
}

const fn check(id: &'static str) -> Named {
    Named(CheckMeta {
        id,
        summary: "",
        codes: &[],
        stages: &[],
        needs: Needs::Repository,
        guards: Guards::Step,
        params: &[],
    })
}
const fn step(id: &'static str) -> Step {
    Step(StrategyMeta { id, summary: "", format: None, tracks: false })
}

static ALPHA: Named = check("alpha");
static BETA: Named = check("beta");
static ONE: Step = step("one");
static TWO: Step = step("two");

const fn origin(line: u32) -> Origin {
    Origin::built_in("x.rs", line)
}
static ALPHA_AT_1: CheckEntry = CheckEntry { id: "alpha", check: &ALPHA, origin: origin(1) };
static ALPHA_AT_2: CheckEntry = CheckEntry { id: "alpha", check: &ALPHA, origin: origin(2) };
static BETA_AT_3: CheckEntry = CheckEntry { id: "beta", check: &BETA, origin: origin(3) };
static MISNAMED: CheckEntry = CheckEntry { id: "gamma", check: &BETA, origin: origin(4) };
static ONE_AT_5: StrategyEntry = StrategyEntry { id: "one", strategy: &ONE, origin: origin(5) };
static TWO_AT_6: StrategyEntry = StrategyEntry { id: "two", strategy: &TWO, origin: origin(6) };

fn refusal(
    checks: &[&'static CheckEntry],
    strategies: &[&'static StrategyEntry],
    required: &'static [&'static str],
    order: &'static [&'static str],
) -> String {
    let required = Listed { ids: required, origin: Origin::built_in("required.rs", 10) };
    let order = Listed { ids: order, origin: Origin::built_in("order.rs", 20) };
    let built = Registry::build(checks.iter().copied(), strategies.iter().copied(), required, order);
    built.err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn whatever_is_missing_doubled_or_unplaced_is_refused() {
    let both: &[&'static StrategyEntry] = &[&ONE_AT_5, &TWO_AT_6];
    let missing = refusal(&[&ALPHA_AT_1], both, &["alpha", "beta"], &["one", "two"]);
    assert!(missing.contains("`beta` is listed at required.rs:10 but not registered"), "{missing}");
    let doubled = refusal(&[&ALPHA_AT_2, &ALPHA_AT_1], both, &[], &["one", "two"]);
    assert!(doubled.contains("registered twice: at x.rs:1 and at x.rs:2"), "{doubled}");
    let misnamed = refusal(&[&MISNAMED], both, &[], &["one", "two"]);
    assert!(misnamed.contains("x.rs:4 but calls itself `beta`"), "{misnamed}");
    let unplaced = refusal(&[], both, &[], &["one"]);
    assert!(
        unplaced.contains("`two` is registered at x.rs:6 but has no place in the order at order.rs:20"),
        "{unplaced}"
    );
    let absent = refusal(&[], &[&ONE_AT_5], &[], &["one", "two"]);
    assert!(absent.contains("`two` is listed at order.rs:20 but not registered"), "{absent}");
    let twice = refusal(&[], both, &[], &["one", "two", "one"]);
    assert!(twice.contains("`one` is listed twice at order.rs:20"), "{twice}");
    let empty = refusal(&[], &[], &["alpha"], &["one"]);
    assert!(
        empty.contains("`alpha` is listed at required.rs:10 but not registered"),
        "an empty registry: {empty}"
    );
    assert_eq!(refusal(&[&BETA_AT_3, &ALPHA_AT_1], both, &["alpha"], &["two", "one"]), "");
}

#[test]
fn ids_of_teams_are_free_ones() {
    static OF_A_TEAM: StrategyEntry =
        StrategyEntry { id: "one", strategy: &ONE, origin: Origin::rules_d("rules.d/one.yaml", 3) };
    let registry = |ids: &'static [&'static str]| {
        let required = Listed { ids: &["alpha"], origin: origin(10) };
        let order = Listed { ids, origin: origin(20) };
        let built_in = [&ONE_AT_5, &TWO_AT_6].into_iter().filter(|entry| ids.contains(&entry.id));
        Registry::build([&ALPHA_AT_1].into_iter(), built_in, required, order).unwrap()
    };
    let ids = |registry: &Registry| registry.strategies().iter().map(|entry| entry.id).collect::<Vec<_>>();
    assert_eq!(ids(&registry(&["two"]).with_strategies([&OF_A_TEAM]).unwrap()), ["one", "two"]);
    let taken = registry(&["one"]).with_strategies([&OF_A_TEAM]).err().unwrap();
    assert_eq!(taken.to_string(), "rules.d/one.yaml:3: the id `one` is taken by x.rs:5");
    let twice = registry(&["two"]).with_strategies([&OF_A_TEAM, &OF_A_TEAM]).err().unwrap();
    assert_eq!((twice.at, twice.by), (OF_A_TEAM.origin, OF_A_TEAM.origin));
    static A_CHECKS: Step = step("alpha");
    static AS_A_CHECK: StrategyEntry =
        StrategyEntry { id: "alpha", strategy: &A_CHECKS, origin: Origin::rules_d("rules.d/alpha.yaml", 3) };
    let taken = registry(&["one"]).with_strategies([&AS_A_CHECK]).err().unwrap();
    assert_eq!((taken.id, taken.by), ("alpha", origin(1)));
}

#[test]
fn the_order_of_strategies_is_the_order_written() {
    let registry = clearance::registry().unwrap();
    let ids: Vec<_> = registry.strategies().iter().map(|entry| entry.id).collect();
    assert_eq!(ids, clearance_strategies::ORDER.ids);
    assert_eq!(
        ids[..4],
        ["checkbox", "pipe-table", "inline-subtasks", "wp-delegation"],
        "the contract's order"
    );
}

/// Nobody can make less of what guards the step: its parameters only ever make it ask more.
#[test]
fn guards_of_the_step_can_only_be_made_stricter() {
    for entry in clearance::registry().unwrap().checks() {
        let meta = entry.check.meta();
        let stricter = meta.params.iter().all(|param| param.kind == ParamKind::Stricter);
        assert!(stricter || meta.guards == Guards::Agreement, "{}: {:?}", meta.id, meta.params);
    }
}

/// A file that nobody declares, or a module that forgets to register, is found here.
#[test]
fn folder_modules_and_registrations_agree() {
    let registry = clearance::registry().unwrap();
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let on_disk = |folder: &str, helpers: &[&str]| -> Vec<String> {
        let files = fs::read_dir(workspace.join(folder)).unwrap().map(|entry| entry.unwrap().file_name());
        let mut stems: Vec<_> =
            files.filter_map(|name| Some(name.to_str()?.strip_suffix(".rs")?.to_owned())).collect();
        stems.retain(|stem| !helpers.contains(&stem.as_str()));
        stems.sort();
        stems
    };
    let sorted = |ids: Vec<String>| {
        let mut ids: Vec<_> = ids.into_iter().map(|id| id.replace('-', "_")).collect();
        ids.sort();
        ids
    };
    let strategies = sorted(registry.strategies().iter().map(|entry| entry.id.to_owned()).collect());
    assert_eq!(on_disk("strategies/src/resolvers", &["common", "testing"]), strategies);
    assert_eq!(clearance_strategies::resolvers::MODULES, strategies);
    let checks = sorted(registry.checks().iter().map(|entry| entry.id.to_owned()).collect());
    assert_eq!(on_disk("rules/src/checks", &["common"]), checks);
    assert_eq!(clearance_rules::checks::MODULES, checks);
    assert_eq!(sorted(clearance_rules::REQUIRED.ids.iter().map(|id| (*id).to_owned()).collect()), checks);
}

#[test]
fn rules_list_shows_everything_with_its_origin() {
    let nowhere = Scratch::new();
    let text = Run::of(command(nowhere.path()).args(["rules", "list"]));
    assert_eq!((text.code, text.stderr.as_str()), (0, ""));
    let repo = TestRepo::new();
    let json = run(&repo, &["rules", "list", "--json"]).json();
    assert_eq!(json["schema"], "clearance.rules-list/v1");
    let registry = clearance::registry().unwrap();
    let ids = |list: &str| -> Vec<String> {
        json[list].as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids("strategies"), clearance_strategies::ORDER.ids);
    assert_eq!(ids("checks"), registry.checks().iter().map(|entry| entry.id).collect::<Vec<_>>());
    for id in ids("strategies").iter().chain(&ids("checks")) {
        assert!(text.stdout.contains(id.as_str()), "{id} is missing in the text");
        let file = format!("{}.rs:", id.replace('-', "_"));
        assert!(text.stdout.contains(&file), "the origin of {id} is missing in the text");
    }
    for entry in json["strategies"].as_array().unwrap().iter().chain(json["checks"].as_array().unwrap()) {
        assert!(entry["origin"]["line"].as_u64().is_some_and(|line| line > 0), "{entry}");
    }
    insta::with_settings!({filters => vec![(r#""line": \d+"#, r#""line": "[LINE]""#)]}, {
        insta::assert_snapshot!("rules_list", serde_json::to_string_pretty(&json).unwrap());
    });
}
