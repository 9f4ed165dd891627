//! Resolvers of teams among the built-in strategies: who is asked when, and what a task with several rows becomes.

use clearance_engine::id::TaskId;
use clearance_engine::mission::Mission;
use clearance_engine::mission::meta::StatusPhase;
use clearance_engine::plan::mark::{MarkPlan, Tense, plan};
use clearance_engine::progress::{Progress, Sources};
use clearance_engine::registry::Registry;
use clearance_engine::report::{CommitAccount, MarkReport, Outcome};
use clearance_engine::source::Source;
use clearance_engine::strategy::{ResolveContext, TaskState};
use clearance_rules::team::resolver::read;
use clearance_testkit::TestRepo;

use crate::support::rows;

fn registry(pattern: &str, done: &str, pending: &str) -> Registry {
    let text = format!(
        "schema: clearance.rule/v1\nkind: resolver\nid: team-lines\ntitle: lines of the team\n\
         resolver:\n  pattern: '{pattern}'\n  done: '{done}'\n  pending: '{pending}'\n"
    );
    let resolver = read(&Source::new("rules.d/lines.yaml", "", text)).unwrap();
    clearance::registry().unwrap().with_strategies([resolver.entry()]).unwrap()
}

fn todo() -> Registry {
    registry(r"(?<state>TODO|DONE)\s+(?<id>T\d+)", "DONE", "TODO")
}

fn marked(repo: &TestRepo, registry: &Registry, wanted: TaskState) -> MarkPlan {
    let mission = Mission::open(repo.root(), "m").unwrap();
    plan(&mission, &[TaskId::parse("T001").unwrap()], wanted, registry.strategies(), Tense::Done).unwrap()
}

/// The text after T001 was marked done, and which strategy answered.
fn done(repo: &TestRepo, registry: &Registry) -> (Option<String>, &'static str) {
    let plan = marked(repo, registry, TaskState::Done);
    (plan.tasks, plan.results[0].strategy.map_or("none", |by| by.id))
}

#[test]
fn what_a_team_tracks_comes_before_what_only_names_a_task() {
    let ids: Vec<_> = todo().strategies().iter().map(|entry| entry.id).collect();
    let expected = [
        "checkbox",
        "pipe-table",
        "inline-subtasks",
        "wp-delegation",
        "team-lines",
        "authored-roster",
        "reference-row",
    ];
    assert_eq!(ids, expected);
}

#[test]
fn a_task_in_a_roster_gets_no_second_row() {
    let repo = rows("## WP01\n\nTODO T001 first\n");
    repo.write("kitty-specs/m/tasks/WP01-x.md", "---\nwork_package_id: WP01\nsubtasks: [T001]\n---\n");
    let (text, by) = done(&repo, &todo());
    assert_eq!((text.as_deref(), by), (Some("## WP01\n\nDONE T001 first\n"), "team-lines"));
}

#[test]
fn a_line_of_the_team_gets_no_box() {
    let repo = rows("T001 (open) first\n");
    let (text, by) = done(&repo, &registry(r"^(?<id>T\d+) \((?<state>\w+)\)", "closed", "open"));
    assert_eq!((text.as_deref(), by), (Some("T001 (closed) first\n"), "team-lines"));
}

#[test]
fn rows_of_all_forms_are_kept_in_step() {
    let repo = rows("- [ ] T001 a\n\nTODO T001 b\n\n| T001 | c | [ ] |\n");
    let (text, by) = done(&repo, &todo());
    assert_eq!(
        (text.as_deref(), by),
        (Some("- [x] T001 a\n\nDONE T001 b\n\n| T001 | c | [D] |\n"), "checkbox")
    );
}

#[test]
fn the_list_of_the_contract_comes_first() {
    let repo = rows("Subtasks: T001\n\nTODO T001 b\n");
    let (text, by) = done(&repo, &todo());
    assert_eq!(
        (text.as_deref(), by),
        (Some("Subtasks: T001\n- [x] T001\n\nDONE T001 b\n"), "inline-subtasks")
    );
}

/// The box is the checkbox strategy's; a team that means other marks by it does not make the call fail.
#[test]
fn bytes_of_a_built_in_strategy_are_its_own() {
    let repo = rows("- [ ] T001 a\n- [ ] T002 b\n");
    let registry = registry(r"- \[(?<state>.)\] (?<id>T\d+)", "D", " ");
    let (text, by) = done(&repo, &registry);
    assert_eq!((text.as_deref(), by), (Some("- [x] T001 a\n- [ ] T002 b\n"), "checkbox"));
    let repo = rows("- [D] T001 a\n");
    let plan = marked(&repo, &registry, TaskState::Pending);
    assert_eq!(plan.tasks.as_deref(), Some("- [ ] T001 a\n"));
}

/// Even where everything that is written looks like marks, the new text is read back: a bar makes a table row here.
#[test]
fn what_is_written_for_a_team_is_read_back() {
    let repo = rows("- [ ] T001 a\n\nx T001 b\n");
    let plan = marked(&repo, &registry(r"^(?<state>[x|]) (?<id>T\d+)", "|", "x"), TaskState::Done);
    assert_eq!((plan.tasks, plan.results[0].outcome), (None, Outcome::Rejected));
}

#[test]
fn the_contract_has_no_format_for_it_and_the_account_its_id() {
    let repo = rows("TODO T001 a\n");
    let plan = marked(&repo, &todo(), TaskState::Done);
    assert_eq!(plan.results[0].outcome, Outcome::Updated);
    let report = MarkReport {
        mission: "m".to_owned(),
        wanted: TaskState::Done,
        dry_run: false,
        results: plan.results,
        writes: Vec::new(),
        event_ids: Vec::new(),
        diff: String::new(),
        commit: CommitAccount::Off,
        warnings: Vec::new(),
    };
    assert_eq!(
        report.contract(),
        r#"{"results":[{"id":"T001","outcome":"updated","format":null,"message":"Marked T001 as done in tasks.md."}],"summary":{"updated":1,"already_satisfied":0,"not_found":0}}"#
    );
    let account = report.account(0);
    assert_eq!(account["results"][0]["strategy"], "team-lines");
    assert_eq!(account["results"][0]["format"], serde_json::Value::Null);
}

#[test]
fn progress_and_disagreements_know_the_rows() {
    let repo = rows("## WP01\n\nTODO T001 a\nDONE T002 b\n- [x] T001 c\n");
    repo.write("kitty-specs/m/tasks/WP01-x.md", "---\nwork_package_id: WP01\nsubtasks: [T001, T002]\n---\n");
    let mission = Mission::open(repo.root(), "m").unwrap();
    let (registry, state) = (todo(), clearance_engine::mission::state::MissionState::default());
    let context = ResolveContext { tasks: mission.tasks().unwrap(), mission: &mission };
    let sources = Sources { context, phase: StatusPhase::Rows, state: &state, stack: registry.strategies() };
    let progress = Progress::of(sources);
    let own = progress.work_packages.values().next().unwrap();
    let told: Vec<_> = own.tasks.iter().map(|task| (task.id.as_str(), task.done)).collect();
    assert_eq!(told, [("T001", false), ("T002", true)]);
    let found = clearance_engine::disagreement::disagreements(&progress, sources);
    let told: Vec<_> = found.iter().map(|one| (one.code, one.message.as_str())).collect();
    assert_eq!(told, [("rows_disagree", "T001 is open on line 3 (team-lines), done on line 5 (checkbox)")]);
}
