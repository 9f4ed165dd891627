//! Every way in which a delivery can fail: the command is none the worse, one line says so, nothing is lost, and after recovery
//! each event was taken once.

use std::time::Duration;

use clearance_testkit::receiver::{Receiver, Reply, Request};
use rstest::rstest;
use serde_json::json;

use crate::support::Run;
use crate::sync_support::{STEP, Synced, diagnostic, logged};

const SERVER: &str = "sync.server_auth_failure";

fn status(status: u16) -> Reply {
    Reply::Status(status, "", "{\"detail\": \"no\"}".to_owned())
}

/// What fails at first, and how often the server is asked.
#[rstest]
#[case::unauthorized(status(401), 1)]
#[case::forbidden(status(403), 1)]
#[case::not_found(status(404), 1)]
#[case::too_many(status(429), 3)]
#[case::server_error(status(500), 3)]
#[case::gateway(status(503), 3)]
#[case::request_timeout(status(408), 3)]
#[case::comes_back_later(Reply::Status(503, "Retry-After: 3600\r\n", String::new()), 1)]
#[case::redirect(Reply::Status(302, "Location: http://127.0.0.1:9/\r\n", String::new()), 1)]
#[case::lasting_redirect(Reply::Status(308, "Location: /elsewhere\r\n", String::new()), 1)]
#[case::cut(Reply::Cut, 3)]
#[case::garbage(Reply::Raw(b"\x00\xffnot HTTP at all\r\n\r\n".to_vec()), 3)]
#[case::cut_in_the_middle(Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{\"res".to_vec()), 3)]
#[case::no_results(Reply::Status(200, "", "{}".to_owned()), 3)]
#[case::empty_results(Reply::Status(200, "", "{\"results\": []}".to_owned()), 3)]
#[case::no_json(Reply::Status(200, "", "<html>".to_owned()), 3)]
#[case::of_others(Reply::Status(200, "", "{\"results\": [{\"event_id\": \"other\", \"status\": \"success\"}]}".to_owned()), 3)]
#[case::undecided(Reply::Status(202, "", "{\"results\": [{\"status\": \"success\"}, 7, null]}".to_owned()), 3)]
fn a_delivery_that_fails(#[case] reply: Reply, #[case] asked: usize) {
    let server = Receiver::start(move |nth, _| if nth < asked { reply.clone() } else { Reply::Take });
    let synced = Synced::with(&server);
    let without = Synced::at("http://127.0.0.1:9");
    let off = Run::of(&mut without.off(&STEP));
    let run = synced.step(&[]);
    assert_eq!((run.code, run.stdout.as_str()), (off.code, off.stdout.as_str()));
    assert_eq!(off.stderr, "");
    let (code, message) = diagnostic(&run);
    assert_eq!(code, SERVER, "{message}");
    assert_eq!(server.requests().len(), asked, "{message}");
    assert_eq!(synced.waiting(), 1);
    let (code, told) = synced.now(&[]);
    assert_eq!((code, &told["outcome"], &told["delivered"]), (0, &"delivered".into(), &1.into()), "{told:#}");
    assert_eq!(synced.waiting(), 0);
    let taken: Vec<_> = server.taken().into_iter().collect();
    assert_eq!(taken, [(logged(&synced.repo).pop().unwrap(), 1)]);
}

#[test]
fn nobody_listens() {
    let synced = Synced::at("http://127.0.0.1:9");
    let run = synced.step(&[]);
    assert_eq!(run.code, 0);
    let (code, message) = diagnostic(&run);
    assert_eq!(code, SERVER);
    assert!(message.contains("no connection to http://127.0.0.1:9"), "{message}");
    let (code, told) = synced.now(&["--deadline", "0.5"]);
    assert_eq!((code, &told["outcome"]), (3, &"unreachable".into()), "{told:#}");
    assert_eq!(synced.waiting(), 1);
}

/// A server that says nothing holds nobody up for longer than the deadline.
#[test]
fn a_server_that_hangs() {
    let server = Receiver::says(Reply::Hang);
    let synced = Synced::with(&server);
    synced.user("[sync]\ndeadline = 0.3\n");
    let run = synced.step(&[]);
    assert_eq!(run.code, 0);
    let (code, message) = diagnostic(&run);
    assert_eq!(code, SERVER);
    assert!(message.contains("in time"), "{message}");
    assert_eq!(server.requests().len(), 1);
    assert_eq!(synced.waiting(), 1);
}

/// A server that took events and could not say so is asked again: by their ids it knows that it has them.
#[test]
fn taken_and_not_said() {
    let server = Receiver::start(|nth, _| if nth == 0 { Reply::TakeAndCut } else { Reply::Take });
    let synced = Synced::with(&server);
    let run = synced.step(&[]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "the second attempt did it");
    let id = logged(&synced.repo).pop().unwrap();
    assert_eq!(
        server.requests().iter().map(Request::ids).collect::<Vec<_>>(),
        [[id.as_str()], [id.as_str()]]
    );
    assert_eq!(synced.waiting(), 0);
}

#[test]
fn a_server_that_comes_back_in_time() {
    let server = Receiver::start(|nth, _| match nth {
        0 => Reply::Status(503, "Retry-After: 2\r\n", String::new()),
        _ => Reply::Take,
    });
    let synced = Synced::with(&server);
    let before = std::time::Instant::now();
    let run = synced.step(&[]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    assert!(before.elapsed() >= Duration::from_secs(2), "it wanted two seconds");
    assert_eq!((server.requests().len(), synced.waiting()), (2, 0));
}

/// What a server says of each event counts for that event.
#[rstest]
#[case::not_yet(json!({"status": "pending"}), 0, "pending", 4, 0)]
#[case::not_allowed(json!({"status": "error", "error": "authentication required, try later"}), 1, "partly", 4, 0)]
#[case::other_words(json!({"status": "error", "error": "the microschema requiredness missed"}), 1, "partly", 4, 0)]
#[case::refused(json!({"status": "rejected", "error": "unknown mission"}), 1, "partly", 0, 4)]
#[case::by_its_words(json!({"status": "error", "error_message": "Field build_id is required"}), 1, "partly", 0, 4)]
#[case::a_moment(json!({"status": "error", "error_message": "database is busy"}), 1, "partly", 4, 0)]
#[case::known(json!({"status": "duplicate"}), 0, "delivered", 0, 0)]
fn some_of_them(
    #[case] said: serde_json::Value,
    #[case] code: i32,
    #[case] outcome: &str,
    #[case] waiting: u64,
    #[case] refused: u64,
) {
    let synced = filled(8);
    let server = Receiver::says(Reply::Half(said));
    let synced = Synced { server: server.url(), ..synced };
    let (exit, told) = synced.now(&["--all", "--deadline", "0.9"]);
    assert_eq!((exit, &told["outcome"]), (code, &outcome.into()), "{told:#}");
    assert_eq!(server.taken().values().filter(|times| **times != 1).count(), 0);
    let queue = &synced.status()["queue"];
    assert_eq!(
        (&queue["events"], &queue["refused"]),
        (&(waiting + refused).into(), &refused.into()),
        "{queue:#}"
    );
}

/// A mission with so many events queued, and nobody to take them.
fn filled(events: usize) -> Synced {
    let synced = Synced::at("http://127.0.0.1:9");
    synced.user("[sync]\ndeadline = 0.01\n");
    for nth in 0..events {
        let to = if nth.is_multiple_of(2) { "blocked" } else { "planned" };
        let step = ["move", "WP01", "--to", to, "--force", "--reason", "x", "--actor", "ann", "--mission=m"];
        assert_eq!(synced.run(&step).code, 0);
    }
    assert_eq!(synced.waiting(), events as u64);
    synced
}

/// Too much at once is divided, down to one event; what is too large alone is set aside and blocks nobody.
#[rstest]
#[case::too_large(413)]
#[case::something_is_wrong(400)]
fn divided(#[case] status: u16) {
    let synced = filled(7);
    let poison = logged(&synced.repo)[2 + 3].clone();
    let bad = poison.clone();
    let server = Receiver::start(move |_, request| match request.ids() {
        ids if ids.contains(&bad) || ids.len() > 4 => Reply::Status(status, "", String::new()),
        _ => Reply::Take,
    });
    let synced = Synced { server: server.url(), ..synced };
    let (code, told) = synced.now(&["--all"]);
    assert_eq!((code, &told["delivered"], &told["refused"]), (1, &6.into(), &1.into()), "{told:#}");
    assert!(server.taken().values().all(|times| *times == 1), "{:?}", server.taken());
    assert!(!server.taken().contains_key(&poison));
    let order: Vec<_> = server.requests().iter().flat_map(Request::ids).collect();
    let first_of = |id: &str| order.iter().position(|sent| sent == id);
    let logged = logged(&synced.repo);
    assert!(
        logged[2..].windows(2).all(|pair| first_of(&pair[0]) <= first_of(&pair[1])),
        "the oldest come first"
    );
    // A refused one is not sent again by itself, and does not stop later ones.
    let server = Receiver::takes();
    let synced = Synced { server: server.url(), ..synced };
    synced.user("");
    let run = synced.step(&[]);
    assert_eq!(run.stderr, "");
    assert_eq!(server.requests().len(), 1);
    assert!(!server.taken().contains_key(&poison));
    assert_eq!(synced.now(&["--all"]).0, 0);
    assert_eq!(server.taken().get(&poison), Some(&1));
}

/// Details of a refusal name the events that are at fault, in any order: the others wait, and go with the next attempt.
#[test]
fn named_in_a_refusal() {
    let synced = filled(4);
    let logged = logged(&synced.repo);
    let bad = [logged[4].clone(), logged[2].clone()];
    let named = bad.clone();
    let server = Receiver::start(move |_, request| {
        let ids = request.ids();
        let details: Vec<_> = named
            .iter()
            .filter(|id| ids.contains(id))
            .map(|id| json!({ "event_id": id, "reason": "no such mission" }))
            .collect();
        match details.is_empty() {
            true => Reply::Take,
            false => Reply::Status(400, "", json!({ "error": "bad", "details": details }).to_string()),
        }
    });
    let synced = Synced { server: server.url(), ..synced };
    let (_, told) = synced.now(&["--all"]);
    assert_eq!((&told["delivered"], &told["refused"]), (&2.into(), &2.into()), "{told:#}");
    let mut refused: Vec<_> = std::fs::read(synced.repo.root().join(".git/clearance/sync/outbox.jsonl"))
        .unwrap()
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice::<serde_json::Value>(line).unwrap())
        .map(|line| (line["id"].as_str().unwrap().to_owned(), line["refused"].clone()))
        .collect();
    refused.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(
        refused,
        [(logged[2].clone(), "no such mission".into()), (logged[4].clone(), "no such mission".into())]
    );
}

/// What a server says cannot command a terminal, end the line or be the token.
#[test]
fn hostile_words() {
    let detail = format!(
        "a\nsync_diagnostic fatal=true \u{1b}[31m {} {}",
        crate::sync_support::TOKEN,
        "x".repeat(5000)
    );
    let server = Receiver::says(Reply::Status(500, "", json!({ "detail": detail }).to_string()));
    let synced = Synced::with(&server);
    let run = synced.step(&[]);
    let (_, message) = diagnostic(&run);
    assert!(!run.stderr.contains('\u{1b}') && message.chars().count() < 500, "{message}");
}

/// Refused is not retried, and is told.
#[test]
fn refused_and_told() {
    let said = json!({"results": [{"event_id": "ID", "status": "rejected", "error": "no such mission"}]})
        .to_string();
    let server =
        Receiver::start(move |_, request| Reply::Status(200, "", said.replace("ID", &request.ids()[0])));
    let synced = Synced::with(&server);
    let run = synced.step(&[]);
    assert_eq!(run.code, 0);
    let (code, message) = diagnostic(&run);
    assert_eq!(code, SERVER);
    assert!(message.contains("1 events were refused") && message.contains("no such mission"), "{message}");
    assert_eq!(server.requests().len(), 1);
    let (code, told) = synced.now(&[]);
    assert_eq!((code, &told["outcome"], &told["held_back"]), (1, &"partly".into(), &1.into()), "{told:#}");
}

/// A server that refuses everything with no word of what is wrong: nothing is set aside for it.
#[test]
fn everything_is_refused() {
    let synced = filled(9);
    let server = Receiver::says(Reply::Status(400, "", "{\"error\": \"unknown team\"}".to_owned()));
    let synced = Synced { server: server.url(), ..synced };
    synced.user("");
    let (code, told) = synced.now(&["--all"]);
    assert_eq!((code, &told["outcome"], &told["refused"]), (2, &"refused".into(), &0.into()), "{told:#}");
    assert!(told["error"]["message"].as_str().unwrap().contains("unknown team"), "{told:#}");
    assert!(server.requests().len() < 12, "{}", server.requests().len());
    assert_eq!(synced.status()["queue"]["refused"], 0);
}

/// What a server says of an event is kept beside it: not as much as it likes.
#[test]
fn many_words() {
    let why = format!("schema {}", "A".repeat(4_000_000));
    let server = Receiver::start(move |_, request| {
        let said = json!({"results": [{"event_id": request.ids()[0], "status": "error", "error": why}]});
        Reply::Status(200, "", said.to_string())
    });
    let synced = Synced::with(&server);
    let run = synced.step(&[]);
    assert!(run.stderr.len() < 1000, "{}", run.stderr.len());
    let outbox = synced.repo.root().join(".git/clearance/sync/outbox.jsonl");
    assert!(outbox.metadata().unwrap().len() < 5000);
}

/// The beginning of a token is no word either.
#[test]
fn a_token_at_the_edge() {
    for length in [150, 180, 185, 190, 195, 199] {
        let text = format!("{}{}", "x".repeat(length), crate::sync_support::TOKEN);
        let server = Receiver::says(Reply::Status(403, "", json!({ "error": text }).to_string()));
        let run = Synced::with(&server).step(&[]);
        assert!(!run.stderr.contains("s3c"), "{}", run.stderr);
    }
}
