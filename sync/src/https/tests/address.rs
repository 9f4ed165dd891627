//! What is refused before anything is sent, and what errors tell.

use std::io::ErrorKind;
use std::net::TcpListener;

use clearance_testkit::server::Authority;
use proptest::prelude::*;
use rstest::rstest;

use super::{TOKEN, ask, question, tells_nothing};
use crate::https::error::Shown;
use crate::https::{AskError, Question, address};

/// A listener that shows whether anybody came: connections wait in its queue.
fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn nobody_came(listener: &TcpListener) {
    assert_eq!(listener.accept().map_err(|error| error.kind()).unwrap_err(), ErrorKind::WouldBlock);
}

#[rstest]
#[case("http://127.0.0.1:{port}/?q=hush")]
#[case("http://localhost:{port}/")]
#[case("HTTP://localhost:{port}/")]
#[case("ws://127.0.0.1:{port}/")]
#[case("ftp://127.0.0.1:{port}/")]
#[case("http://user:hush@127.0.0.1:{port}/")]
fn anything_but_https(#[case] url: &str) {
    let (listener, port) = listener();
    let url = url.replace("{port}", &port.to_string());
    let error = ask(&Authority::new(), &Question { retries: 5, ..question(&url) }).unwrap_err();
    assert!(matches!(error, AskError::NotHttps { .. }), "{error:?}");
    nobody_came(&listener);
}

#[rstest]
#[case::a_user("https://somebody@127.0.0.1:{port}/")]
#[case::a_password("https://:hush@127.0.0.1:{port}/")]
#[case::an_empty_user("https://@127.0.0.1:{port}/")]
#[case::another_host_before_it("https://good.example:443@127.0.0.1:{port}/")]
#[case::backslashes("https://127.0.0.1:{port}\\@good.example/")]
#[case::an_address_in_one_number("https://2130706433:{port}/")]
#[case::a_short_address("https://127.1:{port}/")]
#[case::escapes("https://%6cocalhost:{port}/")]
#[case::full_width("https://ｌocalhost:{port}/")]
#[case::no_slashes("https:127.0.0.1:{port}/")]
#[case::one_slash("https:/127.0.0.1:{port}/")]
#[case::three_slashes("https:///127.0.0.1:{port}/")]
#[case::other_slashes("https:\\\\127.0.0.1:{port}/")]
#[case::a_space_before(" https://127.0.0.1:{port}/")]
#[case::a_tab("https://127.0.\t0.1:{port}/")]
#[case::a_line_break("https://127.0.0.1:{port}/\r\nX: y")]
#[case::zeros("https://127.0.0.1:0{port}/")]
fn a_host_that_is_not_plain(#[case] url: &str) {
    let (listener, port) = listener();
    let url = url.replace("{port}", &port.to_string());
    let error = ask(&Authority::new(), &Question { retries: 5, ..question(&url) }).unwrap_err();
    assert!(matches!(error, AskError::BadUrl { .. }), "{error:?}");
    nobody_came(&listener);
}

#[rstest]
#[case("")]
#[case("/hush")]
#[case("https://")]
#[case("https://[hush/")]
#[case("https://good.example:hush/")]
#[case("Secret0Token")]
fn what_is_no_url(#[case] url: &str) {
    let error = ask(&Authority::new(), &question(url)).unwrap_err();
    assert!(matches!(error, AskError::BadUrl { .. }), "{error:?}");
}

#[rstest]
#[case("https://good.example")]
#[case("https://good.example/a?b=c#d")]
#[case("HTTPS://Good.Example:443/a b/é")]
#[case("https://good.example:8443?x")]
#[case("https://127.0.0.1/@somebody")]
#[case("https://[::1]:8443/")]
#[case("https://xn--mnchen-3ya.example/")]
fn what_may_be_asked(#[case] url: &str) {
    let read = address::read(url, Shown::without(None)).unwrap();
    assert_eq!(read.scheme(), "https");
}

#[rstest]
#[case::empty("")]
#[case::a_line_break_after_it("Secret0Token\n")]
#[case::a_space_in_it("Secret0Token Secret0Token")]
#[case::another_header("Secret0Token\r\nX: Secret0Token")]
#[case::beyond_ascii("Secret0Tokené")]
fn a_token_that_cannot_be_sent(#[case] token: &str) {
    let (listener, port) = listener();
    let url = format!("https://127.0.0.1:{port}/");
    let error = ask(&Authority::new(), &Question { token: Some(token), ..question(&url) }).unwrap_err();
    assert!(matches!(error, AskError::BadToken { .. }), "{error:?}");
    nobody_came(&listener);
}

#[test]
fn a_question_does_not_tell_its_secrets() {
    let asked = format!("{:?}", question("https://good.example/?q=hush"));
    assert!(!asked.contains(TOKEN) && !asked.contains("hush"), "{asked}");
}

/// Roots are not even looked for where nothing will be asked.
#[test]
fn no_roots() {
    let looked = std::cell::Cell::new(false);
    let ask = |url: &str| {
        let roots = || {
            looked.set(true);
            Err(format!("cannot read /etc/{TOKEN}"))
        };
        crate::https::ask_with(&question(url), roots, super::Proxies::None).unwrap_err()
    };
    assert!(matches!(ask("http://good.example/"), AskError::NotHttps { .. }));
    assert!(!looked.get());
    let error = ask("https://good.example/");
    assert!(matches!(error, AskError::Tls { .. }), "{error:?}");
    tells_nothing(&error);
}

proptest! {
    /// Whatever the token is a part of, no message tells it, and no host but the written one is asked.
    #[test]
    fn no_url_tells_the_token(
        before in r"(https?:/{0,3})?[a-z@:./?#\\\[\]% é]{0,12}", after in r"[a-zA-Z0-9@:./?#\\\[\]% \t]{0,12}"
    ) {
        let text = format!("{before}{TOKEN}{after}");
        match address::read(&text, Shown::without(Some(TOKEN))) {
            Err(error) => tells_nothing(&error),
            Ok(url) => {
                let rest = text["https://".len()..].to_lowercase();
                prop_assert!(rest.starts_with(url.host_str().unwrap()), "{text} is {url}");
                prop_assert_eq!((url.scheme(), url.username(), url.password()), ("https", "", None));
            }
        }
    }

    /// What servers and libraries say is shown without the token, on one line, and not at length.
    #[test]
    fn no_text_tells_the_token(token in "[!-~]{6,40}", words in prop::collection::vec("(?s).{0,40}", 1..8)) {
        let said = words.join(&token) + &token.to_uppercase();
        let shown = Shown::without(Some(&token)).text(&said);
        prop_assert!(!shown.to_ascii_lowercase().contains(&token.to_ascii_lowercase()), "{shown}");
        prop_assert!(!shown.contains(char::is_control) && shown.chars().count() <= 200, "{shown:?}");
    }
}
