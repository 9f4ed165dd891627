//! Retries: what may pass is asked again, a few times and in time.

use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clearance_testkit::server::{Authority, Server, answer, hang};
use rstest::rstest;

use super::{PATIENCE, ask, question};
use crate::https::{AskError, Question};

/// A server that gives the first requests one answer, and the others 200.
fn fails(authority: &Authority, count: usize, text: String) -> Server {
    Server::start(authority, move |before, stream| {
        let text = if before < count { text.clone() } else { answer("200 OK", "", "") };
        let _ = stream.write_all(text.as_bytes());
    })
}

#[rstest]
#[case::unavailable("503 Service Unavailable", "")]
#[case::broken("500 Internal Server Error", "")]
#[case::too_many("429 Too Many Requests", "")]
#[case::come_back_at_once("429 Too Many Requests", "Retry-After: 0\r\n")]
#[case::come_back_whenever("503 Service Unavailable", "Retry-After: whenever\r\n")]
fn what_may_pass(#[case] status: &str, #[case] headers: &str) {
    let authority = Authority::new();
    let server = fails(&authority, 2, answer(status, headers, ""));
    let reply = ask(&authority, &Question { retries: 2, ..question(&server.url("/")) }).unwrap();
    assert_eq!((reply.status, server.requests().len()), (200, 3));
}

/// The connection is taken and dropped without an answer.
#[test]
fn a_dropped_connection_may_pass() {
    let authority = Authority::new();
    let server = fails(&authority, 1, String::new());
    let reply = ask(&authority, &Question { retries: 1, ..question(&server.url("/")) }).unwrap();
    assert_eq!((reply.status, server.requests().len()), (200, 2));

    let server = fails(&authority, 1, String::new());
    let error = ask(&authority, &question(&server.url("/"))).unwrap_err();
    assert!(matches!(error, AskError::Other { .. }), "{error:?}");
    assert_eq!(server.requests().len(), 1, "nothing else retries");
}

/// A server that is silent once does not use up the time of the other attempts.
#[test]
fn silence_may_pass() {
    let authority = Authority::new();
    let server = Server::start(&authority, |before, stream| {
        if before == 0 {
            hang(stream);
        }
        let _ = stream.write_all(answer("200 OK", "", "").as_bytes());
    });
    let url = server.url("/");
    let question = Question { retries: 5, deadline: PATIENCE / 3, ..question(&url) };
    assert_eq!(ask(&authority, &question).unwrap().status, 200);
    assert_eq!(server.requests().len(), 2);
}

#[rstest]
#[case::as_asked(2, 3)]
#[case::none(0, 1)]
fn a_few_times_only(#[case] retries: u32, #[case] requests: usize) {
    let authority = Authority::new();
    let server = fails(&authority, usize::MAX, answer("503 Service Unavailable", "", ""));
    let reply = ask(&authority, &Question { retries, ..question(&server.url("/")) }).unwrap();
    assert_eq!((reply.status, server.requests().len()), (503, requests));
}

#[test]
fn never_more_than_five_times() {
    let authority = Authority::new();
    let server = fails(&authority, usize::MAX, answer("503 Service Unavailable", "", ""));
    let reply = ask(&authority, &Question { retries: u32::MAX, ..question(&server.url("/")) }).unwrap();
    assert_eq!((reply.status, server.requests().len()), (503, 6));
}

#[rstest]
#[case::expected("503 Service Unavailable", 503)]
#[case::not_found("404 Not Found", 404)]
#[case::forbidden("403 Forbidden", 403)]
fn an_answer_is_not_asked_for_again(#[case] line: &str, #[case] status: u16) {
    let authority = Authority::new();
    let server = fails(&authority, 1, answer(line, "", ""));
    let url = server.url("/");
    let question = Question { retries: 5, expect_status: &[200, 503], ..question(&url) };
    assert_eq!(ask(&authority, &question).unwrap().status, status);
    assert_eq!(server.requests().len(), 1);
}

/// Whoever is told to come back after the deadline has nothing to wait for.
#[rstest]
#[case::seconds("Retry-After: 3600\r\n")]
#[case::more_than_fit("Retry-After: 99999999999999999999999999\r\n")]
#[case::a_date("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 09:49:37 GMT\r\n")]
fn later_than_the_deadline(#[case] headers: &str, #[values(429, 503)] status: u16) {
    let authority = Authority::new();
    let server = fails(&authority, 1, answer(&format!("{status} Later"), headers, ""));
    let start = Instant::now();
    let reply = ask(&authority, &Question { retries: 5, ..question(&server.url("/")) }).unwrap();
    assert_eq!((reply.status, server.requests().len()), (status, 1));
    assert!(start.elapsed() < PATIENCE / 2, "it waited {:?}", start.elapsed());
}

/// The server's own clock says when; that of this machine may be years away.
#[rstest]
#[case::seconds("Retry-After: 1\r\n")]
#[case::a_date("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:49:38 GMT\r\n")]
fn the_server_says_how_long(#[case] headers: &str) {
    let authority = Authority::new();
    let server = fails(&authority, 1, answer("503 Later", headers, ""));
    let start = Instant::now();
    let reply = ask(&authority, &Question { retries: 1, ..question(&server.url("/")) }).unwrap();
    assert_eq!((reply.status, server.requests().len()), (200, 2));
    assert!(start.elapsed() >= Duration::from_secs(1), "it came back after {:?}", start.elapsed());
}

#[test]
fn nobody_there() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/?q=hush", listener.local_addr().unwrap());
    drop(listener);
    let error = ask(&Authority::new(), &Question { retries: 2, ..question(&url) }).unwrap_err();
    assert!(matches!(error, AskError::Connect { .. }), "{error:?}");
}

#[test]
fn a_connection_that_fails_is_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let attempts = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&attempts);
    thread::spawn(move || {
        for socket in listener.incoming() {
            // Counted before the client can see that it is closed.
            count.fetch_add(1, Ordering::SeqCst);
            drop(socket);
        }
    });
    let error = ask(&Authority::new(), &Question { retries: 2, ..question(&url) }).unwrap_err();
    assert!(matches!(error, AskError::Connect { .. }), "{error:?}");
    assert_eq!(attempts.load(Ordering::SeqCst), 3);
}
