//! `clearance mcp` as a real client talks to it: the official SDK for Python, from the package index.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use rstest::rstest;
use serde_json::{Value, json};

use crate::mcp_support::{Called, without_time};
use crate::ready::ready;
use crate::support::{Run, TASKS, TestRepo, asked, binary, command, rows};

/// The SDK, installed once; `None` where the package index is not reached.
fn sdk() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<std::path::PathBuf>> = OnceLock::new();
    let installed =
        || clearance_testkit::python::installed(Path::new(env!("CARGO_TARGET_TMPDIR")), "mcp==2.3.0");
    FOUND.get_or_init(installed).as_deref()
}

/// What a session came to, in which these calls were made one after the other.
fn session(repo: &TestRepo, mode: &str, calls: &Value) -> Option<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("tests/python/mcp_client.py");
    let own = command(repo.root());
    let text = |value: &std::ffi::OsStr| value.to_str().unwrap().to_owned();
    let env: serde_json::Map<_, _> =
        own.get_envs().filter_map(|(name, value)| Some((text(name), json!(text(value?))))).collect();
    let asked = json!({
        "command": binary(), "args": ["mcp", "--repo", repo.root()], "env": env, "cwd": "/", "mode": mode, "calls": calls,
    });
    let mut python = Command::new("python3");
    clearance_testkit::scrub(&mut python);
    python.env("PYTHONPATH", sdk()?).env("PYTHONDONTWRITEBYTECODE", "1").arg(script);
    python.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = python.spawn().unwrap();
    child.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[rstest]
#[case::with_a_handshake("legacy", "2025-11-25")]
#[case::without("auto", "2026-07-28")]
fn it_looks_as_the_command_does(#[case] mode: &str, #[case] version: &str) {
    let repo = ready();
    repo.write("kitty-specs/other/tasks.md", "- [ ] T001 a\n");
    repo.commit_all("Another one");
    let calls = json!([
        ["check", { "mission": "m" }],
        ["check", { "mission": "other" }],
        ["merge_dry_run", { "mission": "m" }],
        ["status", { "mission": "m" }],
        ["explain", { "id": "missing_mission_branch" }],
        ["explain", { "id": "nothing-of-that-name" }],
        ["rules_list", { "stage": "commit" }],
        ["status", { "mission": "none" }],
        ["status", { "all": 5 }],
    ]);
    let Some(session) = session(&repo, mode, &calls) else { return };
    assert_eq!((&session["version"], &session["server"]["name"]), (&json!(version), &json!("clearance")));
    let names: Vec<_> = session["tools"].as_array().unwrap().iter().map(|tool| &tool["name"]).collect();
    assert_eq!(names, ["check", "merge_dry_run", "status", "mark_status", "move", "explain", "rules_list"]);
    let commands: [&[&str]; 8] = [
        &["check", "--mission", "m"],
        &["check", "--mission", "other"],
        &["merge", "--dry-run", "--mission", "m"],
        &["status", "--mission", "m"],
        &["explain", "missing_mission_branch"],
        &["explain", "nothing-of-that-name"],
        &["rules", "list", "--stage", "commit"],
        &["status", "--mission", "none"],
    ];
    let called: Vec<_> = session["results"].as_array().unwrap().iter().map(Called::of_result).collect();
    for (called, words) in called.iter().zip(commands) {
        let (code, answer) = asked(repo.root(), words);
        let said = if called.is_error { &called.said } else { &called.said["answer"] };
        assert_eq!(
            (called.code(), without_time(said)),
            (i64::from(code), without_time(&answer)),
            "{words:?}"
        );
    }
    let codes: Vec<_> = called.iter().map(|called| (called.is_error, called.code())).collect();
    assert_eq!(
        codes,
        [
            (false, 0),
            (false, 1),
            (false, 0),
            (false, 0),
            (false, 0),
            (true, 2),
            (false, 0),
            (true, 2),
            (true, 2)
        ]
    );
}

#[rstest]
fn it_writes_as_the_command_does(#[values("legacy", "auto")] mode: &str) {
    let [one, other] = [(); 2].map(|()| rows("- [ ] T001 a\n- [ ] T002 b\n"));
    let calls = json!([
        ["mark_status", { "ids": ["T001", "T009"], "status": "done", "mission": "m" }],
        ["mark_status", { "ids": ["T001"], "status": "done", "mission": "m" }],
        ["move", { "work_package": "WP01", "to": "claimed", "mission": "m" }],
    ]);
    let Some(session) = session(&one, mode, &calls) else { return };
    let called: Vec<_> = session["results"].as_array().unwrap().iter().map(Called::of_result).collect();
    let by_command =
        |words: &[&str]| Run::of(command(other.root()).args(words).args(["--mission", "m", "--json"]));
    for (called, words) in called.iter().zip([
        &["mark-status", "T001", "T009", "--status", "done"][..],
        &["mark-status", "T001", "--status", "done"],
        &["move", "WP01", "--to", "claimed"],
    ]) {
        let run = by_command(words);
        let said = if called.is_error { &called.said } else { &called.said["answer"] };
        assert_eq!((called.code(), said), (i64::from(run.code), &run.json()), "{words:?}");
    }
    assert_eq!(one.read(TASKS), other.read(TASKS));
    assert_eq!(one.read(TASKS), "- [x] T001 a\n- [ ] T002 b\n");
}
