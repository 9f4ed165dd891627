//! `clearance sync classify`: a code for what other programs say.

use std::io::Write as _;
use std::process::Stdio;

use rstest::rstest;

use crate::support::{Run, Scratch, command};

fn classified(input: &[u8], more: &[&str]) -> Run {
    let place = Scratch::new();
    let mut classify = command(place.path());
    classify.args(["sync", "classify"]).args(more);
    classify.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = classify.spawn().unwrap();
    // Who refuses reads no further.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

#[test]
fn plain_lines() {
    let run = classified(b"lock unavailable\n\nWebSocket connected\n401 Unauthorized\r\n", &[]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    assert_eq!(
        run.stdout,
        "sync.final_sync_lock_unavailable\tlock unavailable\n-\tWebSocket connected\nsync.server_auth_failure\t401 Unauthorized\n"
    );
}

#[test]
fn a_value_a_line() {
    let run = classified(
        b"{\"text\": \"lock unavailable\\nand more\"}\n{\"text\": \"all is well\", \"code\": 1}",
        &["--json"],
    );
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let lines: Vec<serde_json::Value> =
        run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        lines,
        [
            serde_json::json!({"text": "lock unavailable\nand more", "code": "sync.final_sync_lock_unavailable"}),
            serde_json::json!({"text": "all is well", "code": null}),
        ]
    );
}

#[rstest]
#[case::no_json(b"lock unavailable\n" as &[u8], "line 1")]
#[case::no_text(b"{\"text\": \"a\"}\n{\"code\": null}\n", "line 2")]
#[case::not_unicode(b"{\"text\": \"a\"}\n\xff\xfe\n", "line 2")]
fn what_cannot_be_read(#[case] input: &[u8], #[case] named: &str) {
    let run = classified(input, &["--json"]);
    let json = run.json();
    assert_eq!((run.code, &json["error"]), (2, &"input_invalid".into()), "{json:#}");
    assert!(json["message"].as_str().unwrap().contains(named), "{json:#}");
}

#[test]
fn a_terminal_is_not_commanded() {
    let run = classified(b"\x1b[31mlock held\n", &[]);
    assert!(!run.stdout.contains('\u{1b}'), "{}", run.stdout);
}
