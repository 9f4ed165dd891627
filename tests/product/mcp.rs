//! `clearance mcp`: what is on its pipes is the protocol, whatever a client sends.

use std::collections::BTreeSet;
use std::io::Write;

use rstest::rstest;
use serde_json::{Value, json};

use crate::mcp_support::{Called, Session, VERSION};
use crate::support::{TASKS, TestRepo, asked, command, rows, run};

#[rstest]
#[case::oldest("2024-11-05", "2024-11-05")]
#[case::structured("2025-06-18", "2025-06-18")]
#[case::newest(VERSION, VERSION)]
#[case::without_a_handshake("2026-07-28", VERSION)]
#[case::unknown("1999-01-01", VERSION)]
#[case::no_version("newest", VERSION)]
fn versions_are_agreed_on(#[case] wanted: &str, #[case] agreed: &str) {
    let repo = TestRepo::new();
    let mut command = command(repo.root());
    command.arg("mcp");
    let mut session = Session::silent(command);
    let said = session.begin(wanted);
    assert_eq!(said["protocolVersion"], agreed, "{said:#}");
    assert_eq!(said["serverInfo"]["name"], "clearance");
    let version = run(&repo, &["--version"]).stdout;
    assert!(version.contains(said["serverInfo"]["version"].as_str().unwrap()), "{version}");
    assert!(said["instructions"].as_str().unwrap().contains("`check`"));
    assert_eq!(session.request("ping", &json!({}))["result"], json!({}));
    assert_eq!(session.end(), (vec![], String::new(), Some(0)));
}

/// A session of the newest version has no handshake: each request says what it is of.
#[test]
fn a_request_may_stand_alone() {
    let repo = rows("- [ ] T001 a\n");
    let mut command = command(repo.root());
    command.arg("mcp");
    let mut session = Session::silent(command);
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let params = json!({ "name": "status", "arguments": { "mission": "m" }, "_meta": meta });
    let answer = session.request("tools/call", &params);
    assert_eq!(Called::of(&answer).said["answer"], asked(repo.root(), &["status", "--mission", "m"]).1);
}

#[test]
fn messages_that_are_wrong_are_survived() {
    let repo = rows("- [ ] T001 a\n");
    let mut session = Session::in_repo(&repo);
    for nothing in [
        "",
        "no JSON",
        "{\"jsonrpc\": \"2.0\", \"id\": 1",
        "\u{0}\u{1}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"$/other\"}",
    ] {
        session.line(nothing);
        assert_eq!(session.request("ping", &json!({}))["result"], json!({}), "{nothing:?}");
    }
    // Who asks with an id waits for an answer with it, and only who asks.
    for (line, id, code) in [
        (json!({ "jsonrpc": "2.0", "id": 90, "method": "tools/call", "params": [] }), json!(90), -32602),
        (json!({ "jsonrpc": "2.0", "id": "x", "method": "ping", "params": [] }), json!("x"), -32602),
        (json!({ "jsonrpc": "2.0", "id": 91, "method": "no/such", "params": "x" }), json!(91), -32602),
        (json!({ "jsonrpc": "1.0", "id": 92, "method": "ping" }), json!(92), -32600),
        (json!({ "jsonrpc": "2.0", "id": 93, "result": {}, "error": {} }), Value::Null, -32600),
    ] {
        session.line(&line.to_string());
        let answer = session.next();
        assert_eq!((&answer["id"], answer["error"]["code"].as_i64()), (&id, Some(code)), "{line}: {answer}");
    }
    session.line(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": [] }).to_string());
    session.input.as_mut().unwrap().write_all(b"\xff\xfe\n").unwrap();
    for no_message in ["[1, 2]", "7", "{}", "{\"jsonrpc\":\"1.0\",\"id\":3,\"method\":\"ping\"}"] {
        session.line(no_message);
        assert_eq!(session.next()["error"]["code"], -32600, "{no_message}");
    }
    let code = |answer: &Value| answer["error"]["code"].as_i64();
    assert_eq!(code(&session.request("no/such", &json!({}))), Some(-32601));
    assert_eq!(
        code(&session.request("resources/read", &json!({ "uri": "file:///etc/passwd" }))),
        Some(-32601)
    );
    for params in [json!({ "name": 5 }), json!({ "name": "status", "arguments": [] }), json!({})] {
        let answer = session.request("tools/call", &params);
        assert_eq!(code(&answer), Some(-32602), "{params}: {answer}");
    }
    let unknown = session.request("tools/call", &json!({ "name": "merge", "arguments": {} }));
    assert_eq!(code(&unknown), Some(-32602));
    assert!(unknown["error"]["message"].as_str().unwrap().contains("merge_dry_run"), "{unknown}");
    // An answer to a question that nobody asked, and the end of a call that there is not.
    session.line(&json!({ "jsonrpc": "2.0", "id": 77, "result": {} }).to_string());
    let gone =
        json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 999 } });
    session.line(&gone.to_string());
    assert_eq!(session.call("status", &json!({ "mission": "m" })).code(), 0);
    assert_eq!(session.end(), (vec![], String::new(), Some(0)));
}

/// A client that never ends its line does not take the memory.
#[cfg(target_os = "linux")]
#[test]
fn a_line_that_is_too_long_is_passed_over() {
    const MIB: usize = 1 << 20;
    let repo = TestRepo::new();
    let mut session = Session::in_repo(&repo);
    let peak = |session: &Session| {
        let status = std::fs::read(format!("/proc/{}/status", session.child.id())).unwrap();
        let status = String::from_utf8(status).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() / 1024
    };
    session.line(
        &json!({ "jsonrpc": "2.0", "id": "big", "method": "ping", "params": { "x": "x".repeat(3 * MIB) } })
            .to_string(),
    );
    assert_eq!(session.next()["id"], "big");
    let before = peak(&session);
    let input = session.input.as_mut().unwrap();
    input
        .write_all(b"{\"jsonrpc\":\"2.0\",\"id\":\"long\",\"method\":\"ping\",\"params\":{\"x\":\"")
        .unwrap();
    for _ in 0..96 {
        input.write_all(&vec![b'x'; MIB]).unwrap();
    }
    session.line("\"}}");
    assert_eq!(session.request("ping", &json!({}))["result"], json!({}));
    assert!(peak(&session) < before + 32, "{before} MiB, then {}", peak(&session));
    let (said, complaints, code) = session.end();
    assert_eq!((said, complaints, code), (vec![], String::new(), Some(0)));
}

#[test]
fn it_ends_with_its_input_and_what_was_asked_is_done() {
    let repo = rows("- [ ] T001 a\n- [ ] T002 b\n");
    let mut session = Session::in_repo(&repo);
    let first =
        session.begin_call("mark_status", &json!({ "ids": ["T001"], "status": "done", "mission": "m" }));
    let second =
        session.begin_call("mark_status", &json!({ "ids": ["T002"], "status": "done", "mission": "m" }));
    // In the middle of a message.
    session.input.as_mut().unwrap().write_all(b"{\"jsonrpc\":\"2.0\",").unwrap();
    let (said, complaints, code) = session.end();
    assert_eq!((complaints.as_str(), code), ("", Some(0)));
    let answered: BTreeSet<_> = said.iter().map(|answer| answer["id"].as_u64().unwrap()).collect();
    assert_eq!(answered, BTreeSet::from([first, second]));
    assert!(said.iter().all(|answer| Called::of(answer).code() == 0), "{said:#?}");
    assert_eq!(repo.read(TASKS), "- [x] T001 a\n- [x] T002 b\n");
}

#[rstest]
#[case::nothing("", 0, "")]
#[case::a_notification("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n", 2, "not_mcp")]
#[case::an_answer("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n", 2, "not_mcp")]
fn a_session_that_does_not_begin(#[case] input: &str, #[case] code: i32, #[case] complaint: &str) {
    let repo = TestRepo::new();
    let mut command = command(repo.root());
    command.arg("mcp");
    let mut session = Session::silent(command);
    session.input.as_mut().unwrap().write_all(input.as_bytes()).unwrap();
    let (said, complaints, ended) = session.end();
    assert_eq!((said, ended), (vec![], Some(code)));
    assert!(
        complaints.starts_with(complaint) && complaints.is_empty() == complaint.is_empty(),
        "{complaints}"
    );
}

/// Who does not talk the protocol is told so at once, and not when the input ends.
#[test]
fn a_stranger_is_not_waited_for() {
    let repo = TestRepo::new();
    let mut command = command(repo.root());
    command.arg("mcp");
    let mut session = Session::silent(command);
    session.line("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
    assert_eq!(session.child.wait().unwrap().code(), Some(2));
}

#[test]
fn standard_output_is_of_the_protocol_alone() {
    let repo = rows("- [ ] T001 a\n");
    repo.commit_all("Mission");
    // A hook reads what there is to read, and says something everywhere.
    let hook = repo.write(".git/hooks/pre-commit", "#!/bin/sh\ncat > ../read\necho out\necho err >&2\n");
    assert!(std::process::Command::new("chmod").arg("+x").arg(&hook).status().unwrap().success());
    let mut session = Session::in_repo(&repo);
    let arguments = json!({ "ids": ["T001"], "status": "done", "mission": "m", "auto_commit": true });
    session.begin_call("mark_status", &arguments);
    let ping = session.ask("ping", &json!({}));
    let mut answers = [session.next(), session.next()];
    answers.sort_by_key(|answer| answer["id"].as_u64());
    assert_eq!((Called::of(&answers[0]).code(), &answers[1]["id"]), (0, &json!(ping)));
    assert_eq!(session.end(), (vec![], String::new(), Some(0)));
    assert_eq!(repo.git(&["log", "-1", "--format=%s"]).trim(), "chore: Mark T001 as done on spec m");
    assert_eq!(
        clearance_testkit::read(repo.outside(), "read"),
        "",
        "the hook has read what was meant for the server"
    );
    for words in [&["mcp", "--json"][..], &["mcp", "--report", "json"]] {
        let run = run(&repo, words);
        assert_eq!((run.code, &run.json()["error"]), (2, &json!("usage")));
    }
}
