//! `clearance mcp`: its tools are the commands, and nothing that a client asks makes them more than that.

use std::collections::BTreeSet;
use std::path::Path;

use rstest::rstest;
use serde_json::{Value, json};

use crate::mcp_support::{Session, without_time};
use crate::ready::{MISSION, ready};
use crate::support::{LOG, Run, TASKS, TestRepo, asked, command, events, in_git, rows, run, step};

fn tools(session: &mut Session) -> Vec<Value> {
    session.request("tools/list", &json!({}))["result"]["tools"].as_array().unwrap().clone()
}

/// The command of a tool.
fn words(tool: &str) -> &'static [&'static str] {
    match tool {
        "check" => &["check"],
        "merge_dry_run" => &["merge"],
        "status" => &["status"],
        "mark_status" => &["mark-status"],
        "move" => &["move"],
        "explain" => &["explain"],
        "rules_list" => &["rules", "list"],
        other => panic!("a tool that no test knows: {other}"),
    }
}

#[test]
fn a_tool_takes_what_its_command_takes_and_nothing_that_grants() {
    let repo = TestRepo::new();
    let mut session = Session::in_repo(&repo);
    let tools = tools(&mut session);
    let reading: BTreeSet<_> = tools
        .iter()
        .filter(|tool| tool["annotations"]["readOnlyHint"] == true)
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    assert_eq!(reading, BTreeSet::from(["check", "explain", "merge_dry_run", "rules_list", "status"]));
    for tool in &tools {
        assert_eq!(tool["annotations"]["destructiveHint"], false, "{tool:#}");
        let schema = &tool["inputSchema"];
        assert!(jsonschema::meta::is_valid(schema) && jsonschema::meta::is_valid(&tool["outputSchema"]));
        assert_eq!((&schema["type"], &schema["additionalProperties"]), (&json!("object"), &json!(false)));
        let help = run(&repo, &[words(tool["name"].as_str().unwrap()), &["--help"]].concat()).stdout;
        for (name, parameter) in schema["properties"].as_object().unwrap() {
            let description = parameter["description"].as_str().unwrap_or_default();
            assert!(!description.is_empty() && !description.contains('\n'), "{name}: {parameter:#}");
            let option = name.replace('_', "-");
            for never in
                ["trust", "repo", "report", "rules-from", "feedback", "allow", "resume", "abort", "plan"]
            {
                assert!(!option.contains(never), "{name}");
            }
            let is_positional = ["id", "ids", "work_package"].contains(&name.as_str());
            assert!(is_positional || help.contains(&format!("--{option}")), "{name}: {help}");
            // Each word that may be chosen is one that the command knows.
            for word in parameter["enum"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                assert!(help.contains(word), "{name} {word}: {help}");
            }
        }
    }
    assert_eq!(tools.len(), 7);
}

#[test]
fn the_page_names_what_each_tool_takes() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs");
    let page = clearance_testkit::read(&docs, "mcp.md");
    let repo = TestRepo::new();
    for tool in tools(&mut Session::in_repo(&repo)) {
        let row = format!("| `{}` |", tool["name"].as_str().unwrap());
        let row = page.lines().find(|line| line.starts_with(&row)).unwrap_or_else(|| panic!("{row}"));
        let parameters = tool["inputSchema"]["properties"].as_object().unwrap();
        let named: BTreeSet<_> = row.rsplit('|').nth(1).unwrap().split('`').skip(1).step_by(2).collect();
        assert_eq!(named, parameters.keys().map(String::as_str).collect(), "{row}");
        let required = tool["inputSchema"]["required"].as_array().map_or(0, Vec::len);
        assert_eq!(row.contains("must be given"), required > 0, "{row}");
    }
}

/// Something to look at: a mission that is ready, and one that is not.
fn two_missions() -> TestRepo {
    let repo = ready();
    repo.write("kitty-specs/other/tasks.md", "- [ ] T001 a\n- [x] T002 b\n");
    repo.commit_all("Another one");
    repo
}

#[rstest]
#[case::cleared("check", json!({ "mission": "m" }), &["check", "--mission", "m"], 0)]
#[case::blocked("check", json!({ "mission": "other" }), &["check", "--mission", "other"], 1)]
#[case::stage("check", json!({ "stage": "commit" }), &["check", "--stage", "commit"], 0)]
#[case::one_check("check", json!({ "mission": "m", "rule": "mission-branch", "strategy": "rebase", "target": "main" }),
    &["check", "--mission", "m", "--rule", "mission-branch", "--strategy", "rebase", "--target", "main"], 0)]
#[case::remote("check", json!({ "mission": "m", "push": true, "fetch": true, "fail_fast": true }),
    &["check", "--mission", "m", "--push", "--fetch", "--fail-fast"], 1)]
#[case::merge("merge_dry_run", json!({ "mission": "m" }), &["merge", "--dry-run", "--mission", "m"], 0)]
#[case::merge_kept("merge_dry_run", json!({ "mission": "m", "strategy": "merge", "keep_branch": true, "keep_worktree": true }),
    &["merge", "--dry-run", "--mission", "m", "--strategy", "merge", "--keep-branch", "--keep-worktree"], 0)]
#[case::no_merge("merge_dry_run", json!({ "mission": "other" }), &["merge", "--dry-run", "--mission", "other"], 1)]
#[case::board("status", json!({ "mission": "m" }), &["status", "--mission", "m"], 0)]
#[case::null_is_nothing("status", json!({ "mission": null }), &["status"], 0)]
#[case::boards("status", json!({ "all": true }), &["status", "--all"], 0)]
#[case::explained("explain", json!({ "id": "missing_mission_branch" }), &["explain", "missing_mission_branch"], 0)]
#[case::everything("explain", json!({}), &["explain"], 0)]
#[case::rules("rules_list", json!({}), &["rules", "list"], 0)]
#[case::rules_of_a_stage("rules_list", json!({ "stage": "commit" }), &["rules", "list", "--stage", "commit"], 0)]
fn looking_answers_as_the_command(
    #[case] tool: &str,
    #[case] arguments: Value,
    #[case] words: &[&str],
    #[case] code: i32,
) {
    let repo = two_missions();
    let called = Session::in_repo(&repo).call(tool, &arguments);
    let (expected, answer) = asked(repo.root(), words);
    assert_eq!((expected, called.is_error), (code, false), "{:#}", called.said);
    assert_eq!(
        (called.code(), without_time(&called.said["answer"])),
        (i64::from(code), without_time(&answer))
    );
    assert_eq!(called.said["problems"], json!([]));
}

/// A mission with events, in which WP01 is planned.
fn planned() -> TestRepo {
    let repo = events("- [ ] T001 a\n- [ ] T002 b\n", &[("WP01", "T001, T002")]);
    repo.write(LOG, step("WP01", "genesis", "planned"));
    repo.commit_all("Mission");
    repo
}

#[rstest]
#[case::marked("mark_status", json!({ "ids": ["T001", "T002,T009"], "status": "done", "mission": "m" }),
    &["mark-status", "T001", "T002,T009", "--status", "done", "--mission", "m"])]
#[case::strict("mark_status", json!({ "ids": ["T001", "T009"], "status": "done", "mission": "m", "strict": true }),
    &["mark-status", "T001", "T009", "--status", "done", "--mission", "m", "--strict"])]
#[case::nothing_found("mark_status", json!({ "ids": ["T009"], "status": "pending", "mission": "m" }),
    &["mark-status", "T009", "--status", "pending", "--mission", "m"])]
#[case::dry("mark_status", json!({ "ids": ["T001"], "status": "done", "mission": "m", "dry_run": true }),
    &["mark-status", "T001", "--status", "done", "--mission", "m", "--dry-run"])]
fn marking_writes_as_the_command(#[case] tool: &str, #[case] arguments: Value, #[case] words: &[&str]) {
    let [one, other] = [(); 2].map(|()| rows("- [ ] T001 a\n- [ ] T002 b\n"));
    let called = Session::in_repo(&one).call(tool, &arguments);
    let by_command = Run::of(command(other.root()).args(words).arg("--json"));
    assert_eq!((called.is_error, called.code()), (false, i64::from(by_command.code)));
    assert_eq!(called.said["answer"], by_command.json());
    assert_eq!(one.read(TASKS), other.read(TASKS));
    assert_eq!(
        one.read(TASKS).contains("[x] T001"),
        words.contains(&"done") && !words.contains(&"--dry-run")
    );
    // What stands on standard error of the command stands in the answer.
    let problems = called.said["problems"].as_array().unwrap();
    assert_eq!(problems.is_empty(), by_command.stderr.is_empty(), "{problems:?} {}", by_command.stderr);
    for problem in problems {
        assert!(by_command.stderr.contains(problem["message"].as_str().unwrap()), "{problem}");
    }
}

#[test]
fn moving_and_committing_writes_as_the_command() {
    let [one, other] = [(); 2].map(|()| planned());
    let arguments = json!({
        "work_package": "WP01", "to": "claimed", "mission": "m", "actor": "ann", "assignee": "ann", "model": "x",
        "tracker_ref": ["#1", "#2"], "auto_commit": true,
    });
    let called = Session::in_repo(&one).call("move", &arguments);
    let words = [
        "move",
        "WP01",
        "--to",
        "claimed",
        "--mission",
        "m",
        "--actor",
        "ann",
        "--assignee",
        "ann",
        "--model",
        "x",
    ];
    let more = ["--tracker-ref", "#1", "--tracker-ref", "#2", "--auto-commit"];
    let (code, answer) = asked(other.root(), &[&words[..], &more].concat());
    let blank = |value: &Value| {
        let mut value = value.clone();
        value["event_ids"] = json!(value["event_ids"].as_array().map(Vec::len));
        value["commit"]["sha"] = json!(value["commit"]["sha"].is_string());
        value
    };
    assert_eq!((called.is_error, called.code(), code), (false, 0, 0), "{:#}", called.said);
    assert_eq!(blank(&called.said["answer"]), blank(&answer));
    let log = |repo: &TestRepo| repo.git(&["log", "--format=%s", "--name-only"]);
    assert_eq!(log(&one), log(&other));
    assert_eq!((one.git(&["status", "--porcelain"]), one.read(LOG).lines().count()), (String::new(), 3));
}

#[test]
fn each_call_is_of_its_own_time_and_sees_what_changed() {
    let repo = planned();
    let mut command = command(repo.root());
    command.arg("mcp").env_remove("CLEARANCE_NOW");
    let mut session = Session::of(command);
    let mut step = |to: &str| {
        let called =
            session.call("move", &json!({ "work_package": "WP01", "to": to, "actor": "a", "mission": "m" }));
        assert_eq!((called.is_error, called.code()), (false, 0), "{:#}", called.said);
        called.said["answer"]["event_ids"].as_array().unwrap().clone()
    };
    let first = step("claimed");
    // Somebody else takes it back.
    let words = [
        "move",
        "WP01",
        "--to",
        "planned",
        "--mission",
        "m",
        "--force",
        "--actor",
        "bea",
        "--reason",
        "mistaken",
    ];
    assert_eq!(run(&repo, &words).code, 0);
    let second = step("claimed");
    let ids: BTreeSet<_> = first.iter().chain(&second).map(Value::to_string).collect();
    assert_eq!(ids.len(), first.len() + second.len());
    let moved: Vec<Value> = repo.read(LOG).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let times: BTreeSet<_> = moved.iter().map(|event| event["at"].to_string()).collect();
    assert_eq!((moved.len(), times.len()), (4, 4), "{times:?}");
}

#[test]
fn nothing_is_forced_without_a_name_and_a_reason() {
    let repo = planned();
    let mut session = Session::in_repo(&repo);
    let mut forced = |more: Value| {
        let mut arguments = json!({ "work_package": "WP01", "to": "done", "mission": "m", "force": true });
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        session.call("move", &arguments)
    };
    for more in [
        json!({}),
        json!({ "actor": "ann" }),
        json!({ "reason": "so" }),
        json!({ "actor": "ann", "reason": " " }),
    ] {
        let called = forced(more.clone());
        assert_eq!(called.code(), 1, "{more}: {:#}", called.said);
        assert_eq!(repo.read(LOG).lines().count(), 1, "{more}");
    }
    assert_eq!(forced(json!({ "actor": "ann", "reason": "--dry-run is agreed on" })).code(), 0);
    assert!(repo.read(LOG).contains("--dry-run is agreed on"));
}

/// Texts that could be taken for something else on the way to the command.
const HOSTILE: [&str; 12] = [
    "--force",
    "-h",
    "--help",
    "--version",
    "../..",
    "/etc/passwd",
    "",
    "a\nb",
    "nul\0nul",
    "--repo=/",
    "$(touch x)",
    "\u{1b}[2J\u{202e}",
];

#[rstest]
#[case::id("mark_status", "ids", json!({ "status": "done", "mission": "m" }))]
#[case::state("mark_status", "status", json!({ "ids": ["T001"], "mission": "m" }))]
#[case::mission("mark_status", "mission", json!({ "ids": ["T001"], "status": "done" }))]
#[case::moved("move", "work_package", json!({ "to": "done", "mission": "m" }))]
#[case::lane("move", "to", json!({ "work_package": "WP01", "mission": "m" }))]
#[case::verdict("move", "verdict", json!({ "work_package": "WP01", "to": "done", "mission": "m" }))]
#[case::explained("explain", "id", json!({}))]
#[case::stage("check", "stage", json!({ "mission": "m" }))]
#[case::rule("check", "rule", json!({ "mission": "m" }))]
#[case::target("check", "target", json!({ "mission": "m" }))]
#[case::strategy("merge_dry_run", "strategy", json!({ "mission": "m" }))]
#[case::dry("merge_dry_run", "mission", json!({}))]
#[case::board("status", "mission", json!({}))]
fn no_text_becomes_anything_else(#[case] tool: &str, #[case] parameter: &str, #[case] rest: Value) {
    let repo = ready();
    let refs =
        |repo: &TestRepo| repo.git(&["for-each-ref"]) + &repo.git(&["status", "--porcelain", "--ignored"]);
    let before = refs(&repo);
    let mut session = Session::in_repo(&repo);
    for text in HOSTILE {
        let mut arguments = rest.clone();
        arguments[parameter] = if parameter == "ids" { json!([text]) } else { json!(text) };
        let called = session.call(tool, &arguments);
        assert_ne!(called.code(), 0, "{text:?}: {:#}", called.said);
        assert_ne!(called.code(), 101, "{text:?}: {:#}", called.said);
        let shown = called.said.to_string();
        assert!(
            !shown.contains("Usage: clearance [OPTIONS]") && !shown.contains("root:"),
            "{text:?}: {shown}"
        );
    }
    assert_eq!(refs(&repo), before);
    assert_eq!(session.end(), (vec![], String::new(), Some(0)));
}

#[rstest]
#[case::text("mark_status", json!({ "ids": "T001", "status": "done" }), "`ids`: invalid type: string")]
#[case::number("mark_status", json!({ "ids": [1], "status": "done" }), "`ids`: invalid type: integer")]
#[case::state("mark_status", json!({ "ids": ["T001"], "status": true }), "`status`: invalid type: boolean")]
#[case::missing("mark_status", json!({ "ids": ["T001"] }), "missing field `status`")]
#[case::none("mark_status", json!({ "ids": [], "status": "done" }), "required arguments were not provided")]
#[case::switch("check", json!({ "push": "yes" }), "`push`: invalid type: string")]
#[case::unknown("check", json!({ "trust": ["exec:x"] }), "unknown field `trust`")]
#[case::elsewhere("status", json!({ "repo": "/" }), "unknown field `repo`")]
#[case::deep("status", json!({ "mission": { "a": [[[1]]] } }), "`mission`: invalid type: map")]
#[case::word("check", json!({ "stage": "release" }), "invalid value 'release'")]
fn what_is_wrong_with_a_question_is_said(
    #[case] tool: &str,
    #[case] arguments: Value,
    #[case] message: &str,
) {
    let repo = rows("- [ ] T001 a\n");
    let called = Session::in_repo(&repo).call(tool, &arguments);
    assert_eq!(
        (called.is_error, called.code(), &called.said["error"]),
        (true, 2, &json!("usage")),
        "{:#}",
        called.said
    );
    assert!(called.said["message"].as_str().unwrap().contains(message), "{:#}", called.said);
    assert!(called.said["help"].is_string());
    assert_eq!(repo.read(TASKS), "- [ ] T001 a\n");
}

#[test]
fn a_mission_or_repository_that_is_not_there_is_an_error_of_the_call() {
    let repo = rows("- [ ] T001 a\n");
    let mut session = Session::in_repo(&repo);
    let called = session.call("status", &json!({ "mission": "none" }));
    let (code, error) = asked(repo.root(), &["status", "--mission", "none"]);
    assert_eq!((called.is_error, called.code(), called.said), (true, i64::from(code), error));
    let mut nowhere = command(repo.outside());
    nowhere.arg("mcp");
    let mut session = Session::of(nowhere);
    let called = session.call("check", &json!({}));
    assert_eq!(
        (called.is_error, &called.said["error"]),
        (true, &json!("not_a_repository")),
        "{:#}",
        called.said
    );
}

/// The repository is that of the start, wherever that was said from.
#[test]
fn the_repository_is_chosen_when_the_server_starts() {
    let repo = rows("- [ ] T001 a\n");
    let mut beside = command(repo.outside());
    let name = repo.root().strip_prefix(repo.outside()).unwrap();
    beside.arg("mcp").arg("--repo").arg(name);
    let called = Session::of(beside).call("status", &json!({ "mission": "m" }));
    assert_eq!(called.said["answer"], asked(repo.root(), &["status", "--mission", "m"]).1);
}

/// Branches are still there after all the questions of this file.
#[test]
fn nothing_here_merges() {
    let repo = ready();
    let tip = repo.git(&["rev-parse", MISSION, "main"]);
    let mut session = Session::in_repo(&repo);
    assert_eq!(session.call("merge_dry_run", &json!({ "mission": "m" })).said["answer"]["ready"], true);
    for more in
        [json!({ "dry_run": false }), json!({ "push": true, "resume": true }), json!({ "abort": true })]
    {
        assert!(session.call("merge_dry_run", &more).is_error, "{more}");
    }
    assert_eq!(repo.git(&["rev-parse", MISSION, "main"]), tip);
    assert!(in_git(repo.root()).args(["fsck", "--unreachable"]).output().unwrap().stdout.is_empty());
}

/// A client has no `--help` to look at; it is told where the protocol says what a tool takes.
#[test]
fn a_wrong_question_is_answered_for_a_client() {
    let repo = rows("- [ ] T001 a\n");
    let said = Session::in_repo(&repo).call("status", &json!({ "all": true, "mission": "m" })).said;
    let help = said["help"].as_str().unwrap();
    assert!(said["exit_code"] == 2 && help.contains("tools/list"), "{said:#}");
    assert!(!help.contains("--help") && !help.contains("Usage:"), "{said:#}");
}
