//! Redirects: within the host they are followed, away from it they are refused, and the token stays.

use std::io::Write;

use clearance_testkit::server::{Authority, Server, answer};
use rstest::rstest;

use super::{TOKEN, ask, question, text};
use crate::https::{AskError, Question};

fn redirect(status: u16, to: &str) -> String {
    answer(&format!("{status} Over There"), &format!("Location: {to}\r\n"), "")
}

/// A server that answers the first requests with redirects to a place, and the next one as asked.
fn redirects(authority: &Authority, count: usize, status: u16, to: &'static str) -> Server {
    Server::start(authority, move |before, stream| {
        let text = if before < count { redirect(status, to) } else { answer("200 OK", "", "there") };
        let _ = stream.write_all(text.as_bytes());
    })
}

#[rstest]
fn within_the_host(
    #[values(301, 302, 303, 307, 308)] status: u16,
    #[values("/there?a=b", "there?a=b", "./there?a=b")] to: &'static str,
) {
    let authority = Authority::new();
    let server = redirects(&authority, 1, status, to);
    let reply = ask(&authority, &question(&server.url("/here"))).unwrap();
    assert_eq!((reply.status, text(&reply)), (200, "there"));
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests[1].starts_with("GET /there?a=b "), "{requests:?}");
    assert!(requests[1].contains(TOKEN), "the same host is asked with the same token");
}

#[test]
fn three_times_and_no_more() {
    let authority = Authority::new();
    let server = redirects(&authority, 3, 302, "/next");
    assert_eq!(ask(&authority, &question(&server.url("/"))).unwrap().status, 200);

    let server = redirects(&authority, 4, 302, "/next");
    let error = ask(&authority, &Question { retries: 5, ..question(&server.url("/")) }).unwrap_err();
    assert!(matches!(error, AskError::Redirects { limit: 3, .. }), "{error:?}");
    assert_eq!(server.requests().len(), 4);
}

/// Another port is another server; the name is the same or not.
#[rstest]
fn to_another_server(
    #[values(301, 302, 303, 307, 308)] status: u16,
    #[values("127.0.0.1", "localhost")] host: &str,
) {
    let authority = Authority::new();
    let other = Server::says(&authority, answer("200 OK", "", "mine now"));
    let to = format!("https://{host}:{}/there", other.address.port());
    let server = Server::says(&authority, redirect(status, &to));
    let error = ask(&authority, &Question { retries: 5, ..question(&server.url("/?q=hush")) }).unwrap_err();
    let AskError::Redirected { status: seen, to, .. } = &error else { panic!("{error:?}") };
    assert_eq!((*seen, to), (status, &format!("{host}:{}", other.address.port())));
    assert_eq!(other.requests(), [""; 0], "the other server was asked");
    assert_eq!(server.requests().len(), 1);
}

/// The same server under another name, or without its certificate, is another one too.
#[rstest]
#[case::another_name("https://localhost:{port}/")]
#[case::another_scheme("http://127.0.0.1:{port}/")]
#[case::a_user("https://somebody@127.0.0.1:{port}/")]
#[case::a_password("https://:hush@127.0.0.1:{port}/")]
#[case::no_scheme("//localhost:{port}/")]
#[case::backslashes("\\\\localhost:{port}\\")]
#[case::a_file("file:///etc/passwd")]
#[case::data("data:,hush")]
#[case::unreadable("https://[/")]
#[case::bytes("https://\u{e9}\u{1f600}/")]
#[case::the_token_in_the_host("https://secret0token.other.example/hush")]
#[case::the_token_in_another_case("https://SECRET0TOKEN.example/?hush")]
#[case::the_token_as_scheme("Secret0Token://other.example/")]
#[case::the_token_as_user("https://Secret0Token:Secret0Token@other.example/Secret0Token?Secret0Token")]
#[case::a_long_name("https://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example/")]
fn elsewhere(#[case] to: &'static str) {
    let authority = Authority::new();
    let server = Server::start(&authority, move |_, stream| {
        let to = to.replace("{port}", &stream.sock.local_addr().unwrap().port().to_string());
        let _ = stream.write_all(redirect(302, &to).as_bytes());
    });
    let error = ask(&authority, &Question { retries: 5, ..question(&server.url("/")) }).unwrap_err();
    assert!(matches!(error, AskError::Redirected { status: 302, .. }), "{error:?}");
    assert_eq!(server.requests().len(), 1, "it was asked again");
}

#[test]
fn a_second_redirect_may_not_leave_either() {
    let authority = Authority::new();
    let other = Server::says(&authority, answer("200 OK", "", "mine now"));
    let to = other.url("/there");
    let server = Server::start(&authority, move |before, stream| {
        let text = redirect(302, if before == 0 { "/next" } else { &to });
        let _ = stream.write_all(text.as_bytes());
    });
    let error = ask(&authority, &question(&server.url("/"))).unwrap_err();
    assert!(matches!(error, AskError::Redirected { .. }), "{error:?}");
    assert_eq!((server.requests().len(), other.requests().len()), (2, 0));
}

/// Who expects the redirect has the answer.
#[test]
fn an_expected_one_is_an_answer() {
    let authority = Authority::new();
    let server = Server::says(&authority, redirect(302, "https://other.example/"));
    let url = server.url("/");
    let question = Question { expect_status: &[200, 302], ..question(&url) };
    assert_eq!(ask(&authority, &question).unwrap().status, 302);
}

#[test]
fn without_a_place_it_is_an_answer() {
    let authority = Authority::new();
    let server = Server::says(&authority, answer("302 Found", "", ""));
    assert_eq!(ask(&authority, &question(&server.url("/"))).unwrap().status, 302);
}
