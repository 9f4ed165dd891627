//! Delivery over a WebSocket: what is acknowledged is delivered and the rest waits, whatever becomes of the connection.

use std::collections::BTreeMap;

use clearance_testkit::receiver::{Receiver, Reply};
use clearance_testkit::websocket::{Play, RENEWED, Said, Socket, Then, WS_TOKEN};
use rstest::rstest;
use serde_json::json;

use crate::support::Run;
use crate::sync_support::{STEP, Synced, TOKEN, diagnostic, logged};

const OFFLINE: &str = "sync.websocket_offline";
const SERVER: &str = "sync.server_auth_failure";
/// Long enough to come to the place where nothing happens any more.
const SHORT: &str = "deadline = 2.5\n";

/// A repository whose events go over a WebSocket.
fn synced(server: &str, more: &str) -> Synced {
    let synced = Synced::at(server);
    synced.user(&format!("[sync]\ntransport = \"websocket\"\n{more}"));
    synced
}

/// A server that does something so often, and then takes everything.
fn after(times: usize, play: Play) -> Socket {
    Socket::start(move |nth| if nth < times { play.clone() } else { Play::takes() })
}

fn once_each<'i>(ids: impl IntoIterator<Item = &'i String>) -> BTreeMap<String, usize> {
    ids.into_iter().map(|id| (id.clone(), 1)).collect()
}

#[test]
fn events_are_taken() {
    let server = Socket::start(|_| Play { pings: true, ..Play::takes() });
    let synced = synced(&server.url(), "team = \"blue\"\n");
    let run = synced.step(&[]);
    let off = Synced::unsynced();
    assert_eq!((run.code, run.stdout, run.stderr.as_str()), (off.code, off.stdout, ""));
    assert_eq!(server.taken(), once_each(&logged(&synced.repo)[2..]));
    assert_eq!(server.pongs(), (2, 2));
    let [asked] = &server.tokens()[..] else { panic!("asked once") };
    assert_eq!(asked.headers["authorization"], format!("Bearer {TOKEN}"));
    assert_eq!(asked.body, json!({ "team_id": "blue" }).to_string().as_bytes());
    let [upgrade] = &server.upgrades()[..] else { panic!("upgraded once") };
    assert_eq!(
        (upgrade.line.as_str(), &upgrade.headers["authorization"]),
        ("GET /ws", &format!("Bearer {WS_TOKEN}"))
    );
    assert_eq!(synced.waiting(), 0);
}

fn refuses(upgrade: u16) -> Play {
    Play { upgrade, ..Play::takes() }
}

fn says(first: Said) -> Play {
    Play { first: vec![first], ..Play::takes() }
}

fn silent(then: Then) -> Play {
    Play { first: Vec::new(), ..Play::up_to(0, then) }
}

fn token(token: u16) -> Play {
    Play { token, ..Play::takes() }
}

/// How often a token is asked for, and how often an upgrade.
#[rstest]
#[case::unauthorized(refuses(401), OFFLINE, (1, 1), "")]
#[case::forbidden(refuses(403), OFFLINE, (1, 1), "")]
#[case::not_there(refuses(404), OFFLINE, (1, 1), "")]
#[case::led_elsewhere(refuses(302), OFFLINE, (1, 1), "")]
#[case::too_many(refuses(429), OFFLINE, (3, 3), "")]
#[case::unavailable(refuses(503), OFFLINE, (3, 3), "")]
#[case::no_websocket(refuses(200), OFFLINE, (3, 3), "")]
#[case::cut(silent(Then::Cut), OFFLINE, (3, 3), "")]
#[case::closed(silent(Then::Close(1011)), OFFLINE, (3, 3), "")]
#[case::closed_in_order(silent(Then::Close(1000)), OFFLINE, (3, 3), "")]
#[case::closed_as_nobody_may(says(Said::Raw(vec![0x88, 2, 3, 0xee])), OFFLINE, (3, 3), "")]
#[case::garbage(says(Said::Raw(vec![0xff; 64])), OFFLINE, (3, 3), "")]
#[case::no_json(says(Said::Text("hello".to_owned())), OFFLINE, (3, 3), "")]
#[case::too_large(says(Said::Text(format!("{{\"type\": \"{}\"}}", "x".repeat(1 << 20)))), OFFLINE, (3, 3), "")]
#[case::cut_at_the_first(Play::up_to(0, Then::Cut), OFFLINE, (3, 3), "")]
#[case::no_snapshot(silent(Then::Hang), OFFLINE, (1, 1), SHORT)]
#[case::only_binary(Play { first: vec![Said::Binary(vec![1])], ..silent(Then::Hang) }, OFFLINE, (1, 1), SHORT)]
#[case::no_acknowledgement(Play::up_to(0, Then::Hang), OFFLINE, (1, 1), SHORT)]
#[case::no_token(token(401), SERVER, (1, 0), "")]
#[case::no_team(token(403), SERVER, (1, 0), "")]
#[case::no_such_place(token(404), SERVER, (1, 0), "")]
#[case::token_led_elsewhere(token(307), SERVER, (1, 0), "")]
#[case::no_token_now(token(500), SERVER, (3, 0), "")]
fn a_connection_that_fails(
    #[case] play: Play,
    #[case] expected: &str,
    #[case] (tokens, upgrades): (usize, usize),
    #[case] more: &str,
) {
    let server = after(tokens, play);
    let synced = synced(&server.url(), more);
    let run = synced.step(&[]);
    let off = Synced::unsynced();
    assert_eq!((run.code, &run.stdout), (off.code, &off.stdout));
    let (code, message) = diagnostic(&run);
    assert_eq!(code, expected, "{message}");
    assert!(!message.contains(WS_TOKEN), "{message}");
    assert_eq!((server.tokens().len(), server.upgrades().len()), (tokens, upgrades), "{message}");
    assert_eq!((server.taken(), synced.waiting()), (BTreeMap::new(), 1));
    recovers(&synced, &server);
}

/// What waits is delivered, and nothing a second time.
fn recovers(synced: &Synced, server: &Socket) {
    let (code, told) = synced.now(&[]);
    assert_eq!((code, &told["outcome"]), (0, &"delivered".into()), "{told:#}");
    assert_eq!((server.taken(), synced.waiting()), (once_each(&logged(&synced.repo)[2..]), 0));
}

/// The connection is made with the host of the server, as safely as with that, and with no other.
#[rstest]
#[case::another_host("ws://localhost:PORT/ws")]
#[case::by_its_user("ws://127.0.0.1:PORT@localhost:PORT/ws")]
#[case::another_scheme("wss://127.0.0.1:PORT/ws")]
#[case::of_the_web("https://127.0.0.1:PORT/ws")]
#[case::a_file("file:///etc/passwd")]
#[case::no_address("what is this")]
fn an_address_elsewhere(#[case] at: &str) {
    let other = Receiver::takes();
    let at = at.replace("PORT", &other.address.port().to_string());
    let server = after(1, Play { at: Some(at), ..Play::takes() });
    let synced = synced(&server.url(), "");
    let run = synced.step(&[]);
    assert_eq!(run.code, 0);
    assert_eq!(diagnostic(&run).0, OFFLINE);
    assert_eq!((server.tokens().len(), server.upgrades().len()), (1, 0), "it is not asked again");
    recovers(&synced, &server);
    assert_eq!(other.requests().len(), 0);
}

/// The original's server may give the address of the place as one of the web.
#[test]
fn an_address_of_the_web() {
    let server = Socket::start(|_| Play::takes());
    let at = Some(format!("{}/ws", server.url()));
    let front = Socket::start(move |_| Play { at: at.clone(), ..Play::takes() });
    let synced = synced(&front.url(), "");
    assert_eq!(synced.step(&[]).stderr, "");
    assert_eq!((server.taken().len(), front.upgrades().len(), synced.waiting()), (1, 0, 0));
}

#[test]
fn no_token_in_the_answer() {
    let server = Receiver::says(Reply::Status(200, "", "{\"ws_token\": 7}".to_owned()));
    let synced = synced(&server.url(), "");
    let (code, message) = diagnostic(&synced.step(&[]));
    assert_eq!((code.as_str(), server.requests().len(), synced.waiting()), (SERVER, 3, 1), "{message}");
}

/// What is acknowledged before the end is delivered: it is not sent again.
#[rstest]
#[case::cut(Then::Cut, "")]
#[case::closed(Then::Close(1011), "")]
#[case::silent(Then::Hang, SHORT)]
fn the_half_of_them(#[case] then: Then, #[case] more: &'static str) {
    let server = Socket::start(move |nth| match nth {
        0 => Play::up_to(3, then),
        1 | 2 if more.is_empty() => refuses(503),
        _ => Play::takes(),
    });
    let synced = synced(&server.url(), more);
    let mut ids = synced.fill(6, 0);
    let run = synced.step(&[]);
    assert_eq!(run.code, 0);
    let (code, message) = diagnostic(&run);
    assert_eq!(code, OFFLINE, "{message}");
    assert_eq!((server.taken(), synced.waiting()), (once_each(&ids[..3]), 4), "{message}");
    let (code, told) = synced.now(&[]);
    assert_eq!((code, &told["delivered"]), (0, &4.into()), "{told:#}");
    ids.extend(logged(&synced.repo).split_off(2));
    assert_eq!(server.taken(), once_each(&ids));
}

/// A server that took an event and could not say so gets it again, and knows it by its id.
#[test]
fn taken_and_not_said() {
    let server = after(1, Play::up_to(1, Then::TakeAndCut));
    let synced = synced(&server.url(), "");
    let mut ids = synced.fill(1, 0);
    let run = synced.step(&[]);
    assert_eq!((run.code, run.stderr.as_str(), synced.waiting()), (0, "", 0));
    let second = logged(&synced.repo).pop().unwrap();
    ids.extend([second.clone(), second]);
    assert_eq!(server.came(), ids);
}

/// What a server says of an event counts for that event.
#[rstest]
#[case::known("duplicate", 0, "delivered", (0, 0))]
#[case::undecided("pending", 0, "pending", (3, 0))]
#[case::a_moment("busy", 1, "partly", (3, 0))]
#[case::refused("rejected", 2, "refused", (0, 3))]
fn what_is_said_of_an_event(
    #[case] status: &'static str,
    #[case] code: i32,
    #[case] outcome: &str,
    #[case] (waiting, refused): (u64, u64),
) {
    let server = Socket::start(move |_| Play { status, ..Play::takes() });
    let synced = synced(&server.url(), "");
    synced.fill(3, 0);
    let (exit, told) = synced.now(&["--deadline", "0.9"]);
    assert_eq!((exit, &told["outcome"]), (code, &outcome.into()), "{told:#}");
    let queue = &synced.status()["queue"];
    assert_eq!((&queue["waiting"], &queue["refused"]), (&waiting.into(), &refused.into()), "{queue:#}");
}

/// Many go over one connection, in their order.
#[test]
fn many() {
    let server = Socket::start(|_| Play::takes());
    let synced = synced(&server.url(), "");
    let ids = synced.fill(2500, 300);
    let (code, told) = synced.now(&[]);
    assert_eq!((code, &told["delivered"]), (0, &2500.into()), "{told:#}");
    assert_eq!((server.upgrades().len(), server.came()), (1, ids));
}

/// A session whose token is no good any more is renewed, as where events go over HTTP.
#[cfg(unix)]
#[test]
fn a_session_is_renewed() {
    use std::os::unix::fs::PermissionsExt;
    let server = after(1, token(401));
    let synced = synced(&server.url(), "");
    let session = json!({ "server": server.url(), "access_token": TOKEN, "refresh_token": "again" });
    let path =
        clearance_testkit::write(synced.repo.outside(), "config/clearance/session.json", session.to_string());
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let run = Run::of(synced.on(&STEP).env_remove("CLEARANCE_SYNC_TOKEN"));
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let sent: Vec<_> = server.tokens().iter().map(|asked| asked.headers["authorization"].clone()).collect();
    assert_eq!(sent, [format!("Bearer {TOKEN}"), format!("Bearer {RENEWED}")]);
    assert_eq!(server.taken().len(), 1);
}
