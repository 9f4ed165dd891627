//! Answers, whole and broken: status, body, size, time, certificates.

use std::io::Write;
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use clearance_testkit::server::{Authority, Server, Stream, answer, hang};
use rstest::rstest;

use super::{TOKEN, ask, question, text};
use crate::https::{AskError, BODY, DEADLINE, Question};

#[test]
fn an_answer_and_what_was_asked() {
    let authority = Authority::new();
    let server =
        Server::says(&authority, answer("200 OK", "Content-Type: application/json\r\n", r#"{"ok":true}"#));
    let reply = ask(&authority, &question(&server.url("/state?of=it"))).unwrap();
    assert_eq!((reply.status, text(&reply)), (200, r#"{"ok":true}"#));

    let [request] = &server.requests()[..] else { panic!("{:?}", server.requests()) };
    assert!(request.starts_with("GET /state?of=it HTTP/1.1\r\n"), "{request}");
    let lower = request.to_lowercase();
    for header in [
        format!("authorization: bearer {}", TOKEN.to_lowercase()),
        "accept: application/json".to_owned(),
        "accept-encoding: identity".to_owned(),
        format!("user-agent: clearance/{}", env!("CARGO_PKG_VERSION")),
        format!("host: {}", server.address),
    ] {
        assert!(lower.contains(&format!("\r\n{header}\r\n")), "no {header} in {request}");
    }
    assert!(!lower.contains("\r\ncookie:") && !lower.contains("\r\nreferer:"), "{request}");
}

#[test]
fn without_a_token_there_is_no_header() {
    let authority = Authority::new();
    let server = Server::says(&authority, answer("200 OK", "", ""));
    ask(&authority, &Question { token: None, ..question(&server.url("/")) }).unwrap();
    assert!(!server.requests()[0].to_lowercase().contains("authorization"), "{:?}", server.requests());
}

#[rstest]
#[case("404 Not Found", 404)]
#[case("401 Unauthorized", 401)]
#[case("500 Internal Server Error", 500)]
#[case("304 Not Modified", 304)]
#[case("300 Multiple Choices", 300)]
fn every_status_is_an_answer(#[case] line: &str, #[case] status: u16) {
    let authority = Authority::new();
    let server = Server::says(&authority, answer(line, "", ""));
    assert_eq!(ask(&authority, &question(&server.url("/"))).unwrap().status, status);
}

/// What is sent compressed is not unpacked, so that a small answer stays a small one.
#[test]
fn nothing_is_decompressed() {
    let authority = Authority::new();
    let server =
        Server::says(&authority, answer("200 OK", "Content-Encoding: gzip\r\n", "\x1f not unpacked"));
    assert_eq!(text(&ask(&authority, &question(&server.url("/"))).unwrap()), "\x1f not unpacked");
}

#[rstest]
#[case::with_its_length("Content-Length: 1048576\r\n")]
#[case::without_a_length("")]
fn the_largest_body(#[case] headers: &'static str) {
    let authority = Authority::new();
    let server = Server::start(&authority, move |_, stream| send(stream, headers, BODY));
    assert_eq!(ask(&authority, &question(&server.url("/"))).unwrap().body.len(), BODY);
}

#[rstest]
#[case::with_its_length("Content-Length: 1048577\r\n", BODY + 1)]
#[case::without_a_length("", BODY + 1)]
#[case::without_an_end("", usize::MAX)]
#[case::announced_only("Content-Length: 1048577\r\n", 0)]
#[case::announced_beyond_belief("Content-Length: 9000000000000000000\r\n", 0)]
fn a_body_that_is_too_large(#[case] headers: &'static str, #[case] size: usize) {
    let authority = Authority::new();
    let server = Server::start(&authority, move |_, stream| {
        send(stream, headers, size);
        hang(stream);
    });
    let error = ask(&authority, &Question { retries: 5, ..question(&server.url("/?q=hush")) }).unwrap_err();
    assert!(matches!(error, AskError::TooLarge { limit: BODY, .. }), "{error:?}");
    assert_eq!(server.requests().len(), 1, "it will not be smaller the next time");
}

#[test]
fn chunks_are_counted_together() {
    let authority = Authority::new();
    let server = Server::start(&authority, |_, stream| {
        let mut sent = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        while sent.is_ok() {
            sent = stream.write_all(format!("1000\r\n{}\r\n", "x".repeat(0x1000)).as_bytes());
        }
    });
    let error = ask(&authority, &question(&server.url("/"))).unwrap_err();
    assert!(matches!(error, AskError::TooLarge { .. }), "{error:?}");
}

/// A body that ends before its announced length is no answer.
#[test]
fn a_body_that_is_cut() {
    let authority = Authority::new();
    let server = Server::says(&authority, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"ok\":true}");
    let error = ask(&authority, &question(&server.url("/"))).unwrap_err();
    assert!(matches!(error, AskError::Other { .. }), "{error:?}");
}

#[test]
fn what_is_not_http() {
    let authority = Authority::new();
    let server = Server::says(&authority, format!("220 {TOKEN} ready \x1b[31m\r\n\r\n"));
    let error = ask(&authority, &question(&server.url("/"))).unwrap_err();
    assert!(matches!(error, AskError::Other { .. }), "{error:?}");
}

#[rstest]
#[case::silent(|_, stream: &mut Stream| hang(stream))]
#[case::silent_after_the_head(|_, stream: &mut Stream| {
    send(stream, "Content-Length: 10\r\n", 0);
    hang(stream);
})]
#[case::a_byte_at_a_time(|_, stream: &mut Stream| {
    send(stream, "", 0);
    while stream.write_all(b"x").is_ok() && stream.flush().is_ok() {
        thread::sleep(Duration::from_millis(20));
    }
})]
fn the_deadline_ends_it(#[case] server: fn(usize, &mut Stream)) {
    let authority = Authority::new();
    let server = Server::start(&authority, server);
    let deadline = Duration::from_millis(400);
    let error =
        ask(&authority, &Question { deadline, retries: 5, ..question(&server.url("/")) }).unwrap_err();
    assert!(matches!(error, AskError::Timeout { after, .. } if after == deadline), "{error:?}");
}

#[test]
fn the_deadline_ends_a_handshake() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let deadline = Duration::from_millis(400);
    let error = ask(&Authority::new(), &Question { deadline, ..question(&url) }).unwrap_err();
    assert!(matches!(error, AskError::Timeout { after, .. } if after == deadline), "{error:?}");
}

/// A connection that does not come to stand is given up long before the deadline.
#[test]
fn a_handshake_has_a_time_of_its_own() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let error = ask(&Authority::new(), &Question { deadline: DEADLINE, ..question(&url) }).unwrap_err();
    assert!(matches!(error, AskError::Connect { .. }), "{error:?}");
}

#[test]
fn no_time_at_all() {
    let authority = Authority::new();
    let server = Server::start(&authority, |_, stream| hang(stream));
    let url = server.url("/");
    let question = Question { deadline: Duration::ZERO, ..question(&url) };
    assert!(matches!(ask(&authority, &question).unwrap_err(), AskError::Timeout { .. }));
}

#[test]
fn a_certificate_of_somebody_unknown() {
    let (authority, unknown) = (Authority::new(), Authority::new());
    proves_nothing(&authority, &Server::says(&unknown, answer("200 OK", "", "")));
}

#[test]
fn a_certificate_of_another_host() {
    let authority = Authority::of(&["other.example"]);
    proves_nothing(&authority, &Server::says(&authority, answer("200 OK", "", "")));
}

fn proves_nothing(trusted: &Authority, server: &Server) {
    let error = ask(trusted, &Question { retries: 5, ..question(&server.url("/")) }).unwrap_err();
    assert!(matches!(error, AskError::Tls { .. }), "{error:?}");
    assert_eq!(server.requests(), [""; 0], "nothing is asked before the server is known");
}

/// Sends a head and a body of a size, or until the client leaves.
fn send(stream: &mut Stream, headers: &str, size: usize) {
    let mut sent = stream.write_all(format!("HTTP/1.1 200 OK\r\n{headers}\r\n").as_bytes());
    let mut left = size;
    while left > 0 && sent.is_ok() {
        let part = left.min(0x4000);
        sent = stream.write_all(&vec![b'x'; part]);
        left -= part;
    }
    let _ = stream.flush();
}
