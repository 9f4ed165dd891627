//! `clearance mcp` and what takes long or wants trust: programs of rules, several calls at once, an end from outside, sync.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::process::Command;

use serde_json::{Value, json};

use crate::mcp_support::{Called, Lines, Session};
use crate::rules_trust::Scene;
use crate::support::command;

/// A server over a repository with a rule that runs a program.
fn session(scene: &Scene) -> Session {
    let mut command = command(scene.repo.root());
    command.arg("mcp").env("XDG_STATE_HOME", scene.repo.outside().join("state"));
    Session::of(command)
}

fn check() -> Value {
    json!({ "mission": "m" })
}

#[test]
fn a_program_runs_when_somebody_has_trusted_it_and_not_before() {
    let scene = Scene::new("exit 0");
    let mut session = session(&scene);
    let called = session.call("check", &check());
    assert_eq!((called.is_error, called.code(), scene.ran()), (false, 3, 0), "{:#}", called.said);
    let by_command = scene.check(&[]);
    assert_eq!((by_command.code, scene.ran()), (3, 0));
    assert_eq!(called.said["answer"]["verdict"], "undecided");
    assert_eq!(called.said["answer"]["verdict"], by_command.json()["verdict"]);
    // No parameter grants it.
    let grant = scene.grant();
    for more in [json!({ "trust": [grant] }), json!({ "rule": format!("runs-it --trust={grant}") })] {
        let mut arguments = check();
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_ne!(session.call("check", &arguments).code(), 0);
    }
    assert_eq!(scene.ran(), 0);
    // A person does, elsewhere; the server that runs already sees it.
    assert_eq!(scene.run(&["rules", "trust", "allow", "runs-it", "--mission", "m"]).code, 0);
    let called = session.call("check", &check());
    assert_eq!((called.code(), scene.ran()), (0, 1), "{:#}", called.said);
}

/// A rule whose program says that it runs, and goes on when it is told to.
struct Hanging {
    scene: Scene,
    runs: Lines,
    go: File,
}

impl Hanging {
    fn new() -> Self {
        let scene = Scene::new("exit 0");
        // Opened to be read and written, so that no pipe ends while a program is on its way.
        let pipe = |name: &str| {
            let path = scene.repo.outside().join(name);
            assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
            (path.display().to_string(), File::options().read(true).write(true).open(&path).unwrap())
        };
        let ((runs_at, runs), (go_at, go)) = (pipe("runs"), pipe("go"));
        let mark = scene.repo.outside().join("mark");
        let script = format!(
            "echo ran >> '{}'\necho $$ > '{runs_at}'\nread line < '{go_at}'\nexit 0\n",
            mark.display()
        );
        scene.repo.write("tools/check.sh", script);
        scene.repo.commit_all("It hangs");
        assert_eq!(scene.run(&["rules", "trust", "allow", "runs-it", "--mission", "m"]).code, 0);
        Self { scene, runs: Lines::of(runs), go }
    }

    /// Waits until one more program runs; its number.
    fn one_runs(&mut self) -> u32 {
        self.runs.next().unwrap().trim().parse().unwrap()
    }

    fn go_on(&mut self) {
        self.go.write_all(b"go\n").unwrap();
    }
}

#[test]
fn a_call_that_takes_long_stops_no_other_one() {
    let mut hanging = Hanging::new();
    let mut session = session(&hanging.scene);
    let long = session.begin_call("check", &check());
    hanging.one_runs();
    assert_eq!(session.call("status", &json!({ "mission": "m" })).code(), 0);
    assert_eq!(session.request("ping", &json!({}))["result"], json!({}));
    hanging.go_on();
    let answer = session.next();
    assert_eq!((&answer["id"], Called::of(&answer).code()), (&json!(long), 0));
}

#[test]
fn a_call_that_is_cancelled_is_not_answered() {
    let mut hanging = Hanging::new();
    let mut session = session(&hanging.scene);
    let long = session.begin_call("check", &check());
    hanging.one_runs();
    let params = json!({ "requestId": long, "reason": "enough" });
    session.line(
        &json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params }).to_string(),
    );
    assert_eq!(session.request("ping", &json!({}))["result"], json!({}));
    hanging.go_on();
    let (said, complaints, code) = session.end();
    assert_eq!((said, complaints.as_str(), code), (vec![], "", Some(0)));
}

/// A client cannot make it start programs or keep questions without end.
#[test]
fn there_is_an_end_to_what_runs_and_waits() {
    const AT_ONCE: usize = 4;
    const MOST: usize = 32;
    let mut hanging = Hanging::new();
    let mut session = session(&hanging.scene);
    let running: Vec<_> = (0..AT_ONCE).map(|_| session.begin_call("check", &check())).collect();
    for _ in 0..AT_ONCE {
        hanging.one_runs();
    }
    let waiting: Vec<_> = (AT_ONCE..MOST).map(|_| session.begin_call("check", &check())).collect();
    let called = session.call("check", &check());
    assert_eq!(
        (called.is_error, called.code(), &called.said["error"]),
        (true, 3, &json!("busy")),
        "{:#}",
        called.said
    );
    for id in &waiting {
        let params = json!({ "requestId": id });
        session.line(
            &json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params }).to_string(),
        );
    }
    assert_eq!(session.request("ping", &json!({}))["result"], json!({}));
    for _ in 0..AT_ONCE {
        hanging.go_on();
    }
    let answered: BTreeSet<_> = running.iter().map(|_| session.next()["id"].as_u64().unwrap()).collect();
    assert_eq!(answered, running.into_iter().collect());
    assert_eq!(hanging.scene.ran(), AT_ONCE, "what was cancelled before it began has not begun");
    assert_eq!(session.end(), (vec![], String::new(), Some(0)));
}

#[test]
fn an_end_from_outside_ends_what_runs_too() {
    use std::os::unix::process::ExitStatusExt;
    let mut hanging = Hanging::new();
    for runs in [false, true] {
        let mut session = session(&hanging.scene);
        let program = runs.then(|| {
            session.begin_call("check", &check());
            hanging.one_runs()
        });
        let server = session.child.id().to_string();
        assert!(Command::new("kill").args(["-s", "TERM", &server]).status().unwrap().success());
        assert_eq!(session.child.wait().unwrap().signal(), Some(15));
        if let Some(program) = program {
            let status = fs::read(format!("/proc/{program}/status")).unwrap_or_default();
            let status = String::from_utf8_lossy(&status);
            assert!(
                !status.lines().any(|line| line.starts_with("State:") && !line.contains('Z')),
                "{status}"
            );
        }
    }
}

#[cfg(feature = "sync")]
mod synced {
    use clearance_testkit::receiver::{Receiver, Reply};
    use serde_json::json;

    use crate::mcp_support::Session;
    use crate::sync_support::{Synced, logged};

    #[test]
    fn what_is_recorded_is_delivered_as_after_the_command() {
        let server = Receiver::start(|_, _| Reply::Take);
        let synced = Synced::with(&server);
        let mut session = Session::of(synced.on(&["mcp"]));
        let arguments = json!({ "work_package": "WP01", "to": "in_progress", "mission": "m", "force": true, "actor": "a", "reason": "b" });
        let called = session.call("move", &arguments);
        assert_eq!((called.code(), &called.said["problems"]), (0, &json!([])), "{:#}", called.said);
        let taken: Vec<_> = server.taken().into_keys().collect();
        assert_eq!(taken, [logged(&synced.repo).pop().unwrap()]);
    }

    /// Each call says its own; a process of the command would have said one, too.
    #[test]
    fn what_could_not_be_delivered_is_said_in_every_answer() {
        let synced = Synced::at("http://127.0.0.1:9");
        let mut session = Session::of(synced.on(&["mcp"]));
        for to in ["in_progress", "planned"] {
            let arguments = json!({ "work_package": "WP01", "to": to, "mission": "m", "force": true, "actor": "a", "reason": "b" });
            let called = session.call("move", &arguments);
            assert_eq!((called.is_error, called.code()), (false, 0), "{:#}", called.said);
            let problems = called.said["problems"].as_array().unwrap();
            let [problem] = problems.as_slice() else { panic!("{problems:#?}") };
            assert_eq!(
                (&problem["code"], &problem["severity"]),
                (&json!("sync_diagnostic"), &json!("warning"))
            );
            assert!(problem["message"].as_str().unwrap().contains("diagnostic_code=sync."), "{problem}");
        }
        assert_eq!(synced.waiting(), 2);
        assert_eq!(session.end(), (vec![], String::new(), Some(0)));
    }
}
