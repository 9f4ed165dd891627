//! Rules that ask servers, from the file to the verdict: against real servers on this machine.
#![cfg(feature = "sync")]

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use clearance_testkit::server::{Authority, Server, answer, hang};
use rstest::rstest;

use crate::rules_support::{items, of, ready_with, rule, staged, unanswered, with_env};
use crate::support::{Run, TestRepo};

/// A token that must be in no output.
const TOKEN: &str = "Secret0Token";

/// A rule that asks a server, in a repository that is about to commit something.
struct Scene {
    repo: TestRepo,
    authority: Authority,
    server: Server,
}

/// The rule, as it asks a server. `hush` is in no message.
fn asks(server: &Server, more: &str) -> String {
    let url = server.url("/runs/{{ params.run }}?q=hush");
    rule(
        "asks",
        &format!(
            "params: {{ run: {{ type: string, default: \"a/b c\" }} }}\ncheck:\n  item: ci\n  http: {{ get: \"{url}\", timeout: 30s, expect_status: [200], token_env: CI_TOKEN{more} }}\n  assert: body.state == \"green\"\nmessage: \"it is {{{{ body.state }}}}\"\nremediation: mend it\n"
        ),
    )
}

impl Scene {
    /// A server that gives its answers in turn, the last one for ever.
    fn new(answers: &[String], more: &str) -> Self {
        let authority = Authority::new();
        let answers = answers.to_vec();
        let server = Server::start(&authority, move |before, stream| {
            // The client leaves when it has read too much.
            let _ = stream.write_all(answers[before.min(answers.len() - 1)].as_bytes());
        });
        Self::of(authority, server, more)
    }

    fn of(authority: Authority, server: Server, more: &str) -> Self {
        Self { repo: staged(&[("rules.d/r.yaml", &asks(&server, more))]), authority, server }
    }

    fn run_with(&self, env: &[(&str, &str)], arguments: &[&str]) -> Run {
        let roots = clearance_testkit::write(self.repo.outside(), "root.pem", self.authority.pem());
        let fixed = [("SSL_CERT_FILE", roots.to_str().unwrap()), ("CI_TOKEN", TOKEN)];
        let run = with_env(&self.repo, &[&fixed, env].concat(), arguments);
        assert!(!run.stdout.contains(TOKEN) && !run.stderr.contains(TOKEN), "{run:?}");
        run
    }

    /// The check of a commit, with the rule trusted as it is.
    fn check_with(&self, env: &[(&str, &str)], more: &[&str]) -> Run {
        let grant = self.grant();
        self.run_with(env, &[&["check", "--stage", "commit", "--json", "--trust", &grant], more].concat())
    }

    fn check(&self) -> Run {
        self.check_with(&[], &[])
    }

    fn grant(&self) -> String {
        self.grant_with(&[])
    }

    fn grant_with(&self, more: &[&str]) -> String {
        let show = ["rules", "trust", "show", "asks", "--rules-from", "head", "--json"];
        let shown = self.run_with(&[], &[&show, more].concat());
        let json = shown.json();
        let grant = json["rules"][0]["grant"].as_str().unwrap_or_else(|| panic!("{json:#}")).to_owned();
        assert_eq!(grant.strip_prefix("network:asks@sha256:").map(str::len), Some(64), "{grant}");
        grant
    }

    /// Nobody connected: whoever does now is the first one.
    fn is_untouched(&self) {
        drop(TcpStream::connect(self.server.address).unwrap());
        let start = Instant::now();
        while self.server.connections() == 0 {
            assert!(start.elapsed() < Duration::from_secs(30), "the server accepts nothing");
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(self.server.connections(), 1);
    }
}

/// What could not be told, and nothing else than that; it names the host and no more of the address.
fn undecided(asked: &Run, outcome: &str, said: &str) {
    let json = asked.json();
    assert_eq!((asked.code, &json["verdict"]), (3, &"undecided".into()), "{json:#}");
    assert_eq!(items(asked, "asks"), [format!("* {outcome}")]);
    let why = unanswered(asked, "asks");
    let message =
        format!("{} {}", why["message"].as_str().unwrap(), why["help"].as_str().unwrap_or_default());
    assert!(message.contains(said), "{message}");
    assert!(!message.contains("hush"), "{message}");
}

fn json(body: &str) -> String {
    answer("200 OK", "Content-Type: application/json\r\n", body)
}

fn green() -> String {
    json(r#"{"state": "green"}"#)
}

fn status(line: &str) -> String {
    answer(line, "", "{\"state\": \"green\"}")
}

#[rstest]
#[case::holds("green", 0, "pass")]
#[case::does_not("red", 1, "fail")]
fn the_answer_is_looked_at(#[case] state: &str, #[case] code: i32, #[case] outcome: &str) {
    let scene = Scene::new(&[json(&format!("{{\"state\": \"{state}\"}}"))], "");
    let asked = scene.check();
    assert_eq!(
        (asked.code, items(&asked, "asks")),
        (code, vec![format!("ci {outcome}")]),
        "{:#}",
        asked.json()
    );
    if code == 1 {
        assert_eq!(of(&asked, "asks")["findings"][0]["message"], "it is red");
    }
    let requests = scene.server.requests();
    let (line, headers) = requests[0].split_once("\r\n").unwrap();
    assert_eq!((requests.len(), line), (1, "GET /runs/a/b%20c?q=hush HTTP/1.1"));
    let authorization = format!("authorization: bearer {}", TOKEN.to_lowercase());
    assert!(headers.to_lowercase().contains(&authorization), "{headers}");
}

/// Items of the answer are items of the rule.
#[test]
fn each_of_an_answer() {
    let scene =
        Scene::new(&[json(r#"{"runs": [{"n": "lint", "ok": true}, {"n": "test", "ok": false}]}"#)], "");
    let each = asks(&scene.server, "")
        .replace("  item: ci\n", "  each: body.runs\n  as: run\n  key: run.n\n  min_items: 1\n")
        .replace("body.state == \"green\"", "run.ok && status == 200")
        .replace("it is {{ body.state }}", "{{ run.n }} failed");
    scene.repo.write("rules.d/r.yaml", each);
    let asked = scene.check();
    assert_eq!(
        (asked.code, items(&asked, "asks")),
        (1, vec!["lint pass".to_owned(), "test fail".to_owned()])
    );
    assert_eq!(
        (of(&asked, "asks")["findings"][0]["message"].clone(), scene.server.requests().len()),
        ("test failed".into(), 1)
    );
}

/// A status that is not expected is no answer. What may pass is asked again, as often as the rule says and no more.
#[rstest]
#[case::not_found(&["404 Not Found"], ", retries: 2", 1, Some("404"))]
#[case::broken(&["500 Internal Server Error"], "", 1, Some("500"))]
#[case::stays_broken(&["500 Internal Server Error"], ", retries: 2", 3, Some("500"))]
#[case::comes_back(&["503 Service Unavailable", "429 Too Many Requests", "200 OK"], ", retries: 2", 3, None)]
#[case::comes_back_too_late(&["503 Service Unavailable", "503 Service Unavailable", "200 OK"], ", retries: 1", 2, Some("503"))]
fn other_statuses(
    #[case] lines: &[&str],
    #[case] more: &str,
    #[case] requests: usize,
    #[case] said: Option<&str>,
) {
    let answers: Vec<String> = lines.iter().map(|line| status(line)).collect();
    let scene = Scene::new(&answers, more);
    let asked = scene.check();
    match said {
        Some(said) => undecided(&asked, "error", &format!("answered {said}, not 200")),
        None => assert_eq!((asked.code, items(&asked, "asks")), (0, vec!["ci pass".to_owned()])),
    }
    assert_eq!(scene.server.requests().len(), requests);
}

/// One that is expected is an answer, and is asked for once.
#[test]
fn a_status_may_be_what_is_asked_about() {
    let scene = Scene::new(&[status("503 Service Unavailable")], ", retries: 3");
    let text = asks(&scene.server, ", retries: 3")
        .replace("[200]", "[200, 503]")
        .replace("body.state == \"green\"", "status == 200");
    scene.repo.write("rules.d/r.yaml", text);
    assert_eq!(
        (items(&scene.check(), "asks"), scene.server.requests().len()),
        (vec!["ci fail".to_owned()], 1)
    );
}

/// A question stays with its host. Within it, it is led on.
#[rstest]
#[case::port("https://127.0.0.1:1/x", "127.0.0.1:1")]
#[case::host("https://localhost:PORT/x", "localhost:PORT")]
#[case::scheme("http://127.0.0.1:PORT/x", "http://127.0.0.1:PORT")]
#[case::within("/other", "")]
fn redirects(#[case] to: &str, #[case] said: &str) {
    let authority = Authority::new();
    let to = to.to_owned();
    let server = Server::start(&authority, move |before, stream| {
        let port = stream.sock.local_addr().unwrap().port().to_string();
        let location = format!("Location: {}\r\n", to.replace("PORT", &port));
        let text = if before == 0 { answer("302 Found", &location, "") } else { green() };
        stream.write_all(text.as_bytes()).unwrap();
    });
    let port = server.address.port().to_string();
    let scene = Scene::of(authority, server, "");
    let asked = scene.check();
    if said.is_empty() {
        assert_eq!((asked.code, scene.server.requests().len()), (0, 2), "{:#}", asked.json());
        assert!(scene.server.requests()[1].starts_with("GET /other "));
    } else {
        undecided(&asked, "error", &format!("leads to {}", said.replace("PORT", &port)));
        assert_eq!(scene.server.requests().len(), 1);
    }
}

#[rstest]
#[case::too_large(json(&format!("{{\"state\": \"green\", \"more\": \"{}\"}}", "x".repeat(1 << 20))), "larger than 1048576 bytes")]
#[case::too_large_in_the_end(format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(2 << 20)), "larger than 1048576 bytes")]
#[case::too_large_by_its_own_word("HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n{}".to_owned(), "larger than 1048576 bytes")]
#[case::html(json("<p>please log in</p>"), "what is no JSON")]
#[case::nothing(json(""), "what is no JSON")]
#[case::two_values(json("{\"state\": \"green\"} {}"), "what is no JSON")]
#[case::other_fields(json("{\"status\": \"green\"}"), "state")]
#[case::no_http("SSH-2.0-OpenSSH\r\n\r\n".to_owned(), "no answer of 127.0.0.1")]
#[case::cut_off("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{\"state\": \"green\"}".to_owned(), "no answer of 127.0.0.1")]
fn answers_that_cannot_be_used(#[case] text: String, #[case] said: &str) {
    let scene = Scene::new(&[text], "");
    let asked = scene.check();
    if said == "state" {
        // The document was there, and the item could not be told.
        assert_eq!(
            (asked.code, items(&asked, "asks")),
            (3, vec!["ci error".to_owned()]),
            "{:#}",
            asked.json()
        );
    } else {
        undecided(&asked, "error", said);
    }
    assert_eq!(scene.server.requests().len(), 1);
}

#[test]
fn a_server_that_says_nothing_is_given_up_on() {
    let authority = Authority::new();
    let server = Server::start(&authority, |_, stream| hang(stream));
    let scene = Scene::of(authority, server, "");
    scene.repo.write("rules.d/r.yaml", asks(&scene.server, "").replace("30s", "1s"));
    let start = Instant::now();
    undecided(&scene.check(), "error", "no whole answer of 127.0.0.1");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

/// Nothing connects where nobody trusts the rule as it is, or where nothing may be asked, or without what it needs.
#[rstest]
#[case::nobody_trusts_it(&[], &[], "untrusted", "rules trust allow asks")]
#[case::offline(&["--trust", "GRANT", "--offline"], &[], "untrusted", "--offline forbids that")]
#[case::another_text(&["--trust", "OLD"], &[], "untrusted", "is not trusted")]
#[case::as_a_program(&["--trust", "EXEC"], &[], "untrusted", "is not trusted")]
#[case::another_rule(&["--trust", "network:ask"], &[], "untrusted", "is not trusted")]
#[case::no_token(&["--trust", "GRANT"], &[("CI_TOKEN", "")], "error", "CI_TOKEN")]
fn nothing_connects(
    #[case] more: &[&str],
    #[case] env: &[(&str, &str)],
    #[case] outcome: &str,
    #[case] said: &str,
) {
    let scene = Scene::new(&[green()], "");
    let old = scene.grant();
    scene.repo.write("rules.d/r.yaml", asks(&scene.server, ", retries: 1"));
    let grant = scene.grant();
    assert_ne!(old, grant);
    let more: Vec<String> = more
        .iter()
        .map(|word| {
            word.replace("GRANT", &grant)
                .replace("EXEC", &grant.replace("network:", "exec:"))
                .replace("OLD", &old)
        })
        .collect();
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    let asked = scene.run_with(env, &[&["check", "--stage", "commit", "--json"][..], &more].concat());
    undecided(&asked, outcome, said);
    let people = scene.run_with(env, &[&["check", "--stage", "commit"][..], &more].concat());
    assert_eq!(people.code, 3, "{}", people.stdout);
    for command in [
        &["rules", "test"][..],
        &["rules", "lint"],
        &["rules", "list", "--capabilities"],
        &["check", "--stage", "commit", "--rule", "asks", "--trace"],
    ] {
        scene.run_with(env, command);
    }
    scene.is_untouched();
}

/// A grant without a hash is of a server, whatever the rule asks it.
#[test]
fn a_grant_by_name() {
    let scene = Scene::new(&[green()], "");
    let asked = scene.run_with(&[], &["check", "--stage", "commit", "--json", "--trust", "network:asks"]);
    assert_eq!((asked.code, items(&asked, "asks")), (0, vec!["ci pass".to_owned()]), "{:#}", asked.json());
}

/// Who cannot show who they are gets no question, and no token.
#[rstest]
#[case::signed_by_nobody_known(&["localhost", "127.0.0.1"], false, "invalid peer certificate")]
#[case::of_another_host(&["good.example"], true, "not valid for name")]
fn wrong_certificates(#[case] hosts: &[&str], #[case] is_known: bool, #[case] said: &str) {
    let authority = Authority::of(hosts);
    let server = Server::says(&authority, green());
    let known = if is_known { authority } else { Authority::new() };
    let scene = Scene::of(known, server, ", retries: 2");
    let asked = scene.check();
    undecided(&asked, "error", said);
    let why = unanswered(&asked, "asks");
    assert!(
        why["message"].as_str().unwrap().contains("SSL_CERT_FILE")
            || why["help"].to_string().contains("SSL_CERT_FILE"),
        "{why:#}"
    );
    assert_eq!((scene.server.requests().len(), scene.server.connections()), (0, 1), "it is not tried again");
}

/// The system's roots do not know who signed for this machine.
#[test]
fn roots_are_those_that_are_named() {
    let scene = Scene::new(&[green()], "");
    undecided(&scene.check_with(&[("SSL_CERT_FILE", "/nowhere.pem")], &[]), "error", "root certificates");
    scene.is_untouched();
}

/// What a server knows of the token, it cannot bring into a report by an error.
#[test]
fn a_token_that_comes_back_is_not_told() {
    let authority = Authority::new();
    let location = format!("Location: https://{TOKEN}.example/{TOKEN}?{TOKEN}\r\n");
    let server = Server::says(&authority, answer("302 Found", &location, TOKEN));
    let scene = Scene::of(authority, server, "");
    // Every run looks for it.
    undecided(&scene.check(), "error", "leads to");
    let grant = scene.grant();
    for report in [&[][..], &["--verbose"], &["--report", "fancy"], &["--report", "narrated"]] {
        let all = [&["check", "--stage", "commit", "--trust", &grant], report].concat();
        assert_eq!(scene.run_with(&[], &all).code, 3, "{report:?}");
    }
}

/// A merge waits for the server like the check does.
#[rstest]
#[case("green", 0, true)]
#[case("red", 1, false)]
fn a_dry_run_asks_too(#[case] state: &str, #[case] code: i32, #[case] is_ready: bool) {
    let authority = Authority::new();
    let server = Server::says(&authority, json(&format!("{{\"state\": \"{state}\"}}")));
    let repo = ready_with(&[("rules.d/r.yaml", &asks(&server, ""))]);
    let scene = Scene { repo, authority, server };
    let merge = |more: &[&str]| {
        scene.run_with(&[], &[&["merge", "--dry-run", "--mission", "m", "--json"], more].concat())
    };
    let grant = scene.grant_with(&["--mission", "m"]);
    let asked = merge(&["--trust", &grant]);
    assert_eq!((asked.code, &asked.json()["ready"]), (code, &is_ready.into()), "{:#}", asked.json());
    assert_eq!((merge(&[]).code, scene.server.requests().len()), (3, 1));
}
