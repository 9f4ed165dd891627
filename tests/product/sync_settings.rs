//! Who is believed in what: a repository never in where a token goes, and nobody in what cannot be right.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clearance_testkit::receiver::Receiver;
use rstest::rstest;

use crate::support::Run;
use crate::sync_support::{STEP, Synced, TOKEN, diagnostic};

const REPOSITORY: &str = ".clearance/config";
const SERVER: &str = "sync.server_auth_failure";

/// A step where no variable names a server.
fn step(synced: &Synced) -> Run {
    Run::of(synced.on(&STEP).env_remove("CLEARANCE_SYNC_SERVER"))
}

/// A question about sync where no variable names a server.
fn asked(synced: &Synced, question: &[&str]) -> Run {
    let run = Run::of(synced.on(question).env_remove("CLEARANCE_SYNC_SERVER"));
    assert!(!run.stdout.contains(TOKEN) && !run.stderr.contains(TOKEN), "{}{}", run.stdout, run.stderr);
    run
}

/// What the step says where settings are no good: the same as with sync off, and one line more.
fn complains(synced: &Synced) -> String {
    let run = step(synced);
    let off = Synced::unsynced();
    assert_eq!((run.code, &run.stdout), (off.code, &off.stdout));
    let (code, message) = diagnostic(&run);
    assert_eq!(code, SERVER, "{message}");
    message
}

/// What the questions say where settings are no good; all of them the same.
fn refuses(synced: &Synced, code: &str) -> serde_json::Value {
    let [status, now] = [&["sync", "status", "--json"][..], &["sync", "now", "--json"]].map(|question| {
        let run = asked(synced, question);
        assert_eq!((run.code, run.stderr.as_str()), (2, ""), "{}", run.stdout);
        run.json()
    });
    assert_eq!((&status["error"], &status["exit_code"]), (&code.into(), &2.into()), "{status:#}");
    assert_eq!((&status["message"], &status["help"]), (&now["message"], &now["help"]));
    status
}

/// A repository that names this server.
fn naming(server: &str, user: &str) -> Synced {
    let synced = Synced::at("unused");
    synced.repo.write(REPOSITORY, format!("[sync]\nserver = \"{server}\"\n"));
    synced.user(user);
    synced
}

/// A repository can name a server, and its user has to know it: by scheme, host and port.
#[rstest]
#[case::nobody_knows_it("", false)]
#[case::another_host("[sync]\nallowed_servers = [\"https://example.invalid\"]\n", false)]
#[case::another_name("[sync]\nallowed_servers = [\"http://localhost:PORT\"]\n", false)]
#[case::another_port("[sync]\nallowed_servers = [\"http://127.0.0.1:OTHER\"]\n", false)]
#[case::another_scheme("[sync]\nallowed_servers = [\"https://127.0.0.1:PORT\"]\n", false)]
#[case::another_port_of_the_users("[sync]\nserver = \"http://127.0.0.1:OTHER\"\n", false)]
#[case::allowed("[sync]\nallowed_servers = [\"https://example.invalid\", \"http://127.0.0.1:PORT\"]\n", true)]
#[case::allowed_with_a_slash("[sync]\nallowed_servers = [\"http://127.0.0.1:PORT/\"]\n", true)]
#[case::the_users_own("[sync]\nserver = \"http://127.0.0.1:PORT/its/own\"\n", true)]
fn a_server_of_the_repository(#[case] user: &str, #[case] allowed: bool) {
    let server = Receiver::takes();
    let port = server.address.port();
    let user = user.replace("PORT", &port.to_string()).replace("OTHER", &(port ^ 1).to_string());
    let synced = naming(&format!("{}/team", server.url()), &user);
    if allowed {
        let run = step(&synced);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""));
        let lines: Vec<_> = server.requests().into_iter().map(|request| request.line).collect();
        assert_eq!(lines, ["POST /team/api/v1/events/batch/"]);
        return;
    }
    let message = complains(&synced);
    assert!(message.contains("which you have not allowed"), "{message}");
    assert!(message.contains("not queued") && message.contains("clearance sync status"), "{message}");
    let told = refuses(&synced, "sync_server_not_allowed");
    // A session or a program of the user's is not even asked for a token.
    assert_eq!(server.requests().len(), 0);
    // What it tells to do is enough.
    let help = told["help"].as_str().unwrap();
    let (file, setting) = help.split_once("put it into ").unwrap().1.split_once(": [sync] ").unwrap();
    assert_eq!(PathBuf::from(file), synced.repo.outside().join("config/clearance/config"));
    synced.user(&format!("[sync]\n{setting}\n"));
    assert_eq!(step(&synced).stderr, "");
    assert_eq!(server.requests().len(), 1);
}

/// Whoever starts the command may name any server: that is no repository.
#[test]
fn a_server_of_the_environment() {
    let server = Receiver::takes();
    let synced = naming("https://example.invalid", "");
    let synced = Synced { server: server.url(), ..synced };
    assert_eq!(synced.step(&[]).stderr, "");
    assert_eq!(server.requests().len(), 1);
}

/// What cannot be right, and the words that say so.
#[rstest]
#[case::whose_program(
    "credential_command = [\"cat\", \"/etc/passwd\"]",
    "credential_command is read from the user"
)]
#[case::who_is_allowed("allowed_servers = [\"http://127.0.0.1:9\"]", "allowed_servers is read from the user")]
#[case::nothing_allowed("allowed_servers = []", "allowed_servers is read from the user")]
fn what_a_repository_may_not_say(#[case] setting: &str, #[case] words: &str) {
    let synced = Synced::at("unused");
    synced.repo.write(REPOSITORY, format!("[sync]\n{setting}\n"));
    synced.user("[sync]\nserver = \"http://127.0.0.1:9\"\n");
    assert!(complains(&synced).contains(words));
    let told = refuses(&synced, "sync_config_invalid");
    assert!(
        told["message"].as_str().unwrap().starts_with(&format!(".clearance/config: {words}")),
        "{told:#}"
    );
}

#[rstest]
#[case::http("server = \"http://example.invalid\"", "http is for this machine only")]
#[case::here_by_name("server = \"http://127.0.0.1.example.invalid\"", "http is for this machine only")]
#[case::another_scheme("server = \"ftp://example.invalid\"", "http is for this machine only")]
#[case::a_file("server = \"file:///etc/passwd\"", "http is for this machine only")]
#[case::no_address("server = \"example.invalid\"", "cannot be used")]
#[case::no_host("server = \"https://\"", "cannot be used")]
#[case::empty("server = \"\"", "cannot be used")]
#[case::a_user("server = \"https://ann:hush@example.invalid\"", "a user name or a password")]
#[case::a_user_nowhere("server = \"https://ann:hush@\"", "cannot be used")]
#[case::a_user_without_a_scheme("server = \"ann:hush@example.invalid\"", "http is for this machine only")]
#[case::a_user_in_a_list("server = [\"https://ann:hush@example.invalid\"]", "invalid type")]
#[case::a_user_of_a_format("format = \"https://ann:hush@example.invalid\"", "unknown variant")]
#[case::a_name("server = \"https://ann@example.invalid\"", "a user name or a password")]
#[case::a_query("server = \"https://example.invalid/?token=hush\"", "a question mark")]
#[case::a_place("server = \"https://example.invalid/#hush\"", "a question mark")]
#[case::unknown_key("sever = \"https://example.invalid\"", "unknown field `sever`")]
#[case::no_such_format("format = \"xml\"", "unknown variant `xml`")]
#[case::no_such_transport("transport = \"pigeon\"", "unknown variant `pigeon`")]
#[case::another_type("server = 7", "invalid type")]
#[case::broken("server = ", "line 2")]
#[case::twice("team = \"a\"\nteam = \"b\"", "duplicate key")]
#[case::no_time("deadline = 0", "deadline is a number of seconds")]
#[case::less_than_none("deadline = -1", "deadline is a number of seconds")]
#[case::for_ever("deadline = 1e9", "deadline is a number of seconds")]
#[case::without_an_end("deadline = inf", "deadline is a number of seconds")]
#[case::no_number("deadline = nan", "deadline is a number of seconds")]
#[case::no_room("max_events = 0", "max_events is a number from 1")]
#[case::too_much_room("max_events = 100001", "max_events is a number from 1")]
#[case::less_than_no_room("max_events = -1", "")]
#[case::no_program("credential_command = []", "credential_command is empty")]
fn what_cannot_be_right(
    #[case] setting: &str,
    #[case] words: &str,
    #[values(true, false)] of_the_user: bool,
) {
    let synced = Synced::at("unused");
    let text = format!("[sync]\n{setting}\n");
    if of_the_user {
        synced.user(&text);
    } else if setting.starts_with("credential") {
        return;
    } else {
        synced.repo.write(REPOSITORY, &text);
    }
    let off = Run::of(&mut synced.off(&[&STEP[..], &["--dry-run"]].concat()));
    assert_eq!((off.code, off.stderr.as_str()), (0, ""), "it is nobody's business where sync is off");
    let message = complains(&synced);
    assert!(message.contains(words), "{message}");
    let told = refuses(&synced, "sync_config_invalid");
    let file =
        if of_the_user { synced.repo.outside().join("config/clearance/config") } else { REPOSITORY.into() };
    let said = told["message"].as_str().unwrap();
    assert!(said.starts_with(&format!("{}: ", file.display())) && said.contains(words), "{told:#}");
    assert!(!told.to_string().contains("hush") && !message.contains("hush"), "{told:#}");
}

/// What is no file of settings.
#[cfg(unix)]
#[rstest]
#[case::outside(|at: &std::path::Path| std::os::unix::fs::symlink("../../outside", at).unwrap())]
#[case::large(|at: &std::path::Path| { clearance_testkit::write(at.parent().unwrap(), "config", "#".repeat(10 << 20)); })]
#[case::a_pipe(|at: &std::path::Path| assert!(std::process::Command::new("mkfifo").arg(at).status().unwrap().success()))]
#[case::a_directory(|at: &std::path::Path| std::fs::create_dir(at).unwrap())]
#[case::no_text(|at: &std::path::Path| { clearance_testkit::write(at.parent().unwrap(), "config", [0xff, 0xfe, 0]); })]
fn no_file_of_settings(#[case] make: fn(&std::path::Path)) {
    let server = Receiver::takes();
    let synced = Synced::with(&server);
    clearance_testkit::write(
        synced.repo.outside(),
        "outside",
        format!("[sync]\nserver = \"{}\"\n", server.url()),
    );
    let at = synced.repo.root().join(REPOSITORY);
    std::fs::create_dir(at.parent().unwrap()).unwrap();
    make(&at);
    let message = complains(&synced);
    assert!(message.contains(REPOSITORY), "{message}");
    let run = asked(&synced, &["sync", "status"]);
    assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{}", run.stderr);
    assert!(run.stderr.contains(REPOSITORY), "{}", run.stderr);
    assert_eq!(server.requests().len(), 0);
}

/// A user whose token is printed by a program.
fn printed_by(server: &Receiver, command: &str) -> Synced {
    let synced = Synced::with(server);
    synced.user(&format!("[sync]\ndeadline = 3\ncredential_command = {command}\n"));
    synced
}

fn step_as_printed(synced: &Synced) -> Run {
    Run::of(synced.on(&STEP).env_remove("CLEARANCE_SYNC_TOKEN"))
}

/// The first line of what a program prints is the token, whatever else it does.
#[rstest]
#[case::one_line(&["printf", "%s\n", TOKEN])]
#[case::no_line_ending(&["printf", "%s", TOKEN])]
#[case::of_another_system(&["printf", "%s\r\n", TOKEN])]
#[case::more_lines(&["printf", "%s\nmore\n", TOKEN])]
#[case::talkative(&["sh", "-c", "echo \"$0\"; echo hush >&2", TOKEN])]
#[case::leaves_somebody_behind(&["sh", "-c", "echo \"$0\"; sleep 100 2>/dev/null & echo $! >&2", TOKEN])]
#[case::no_shell(&["echo", TOKEN, ""])]
fn a_program_that_prints_a_token(#[case] command: &[&str]) {
    let server = Receiver::takes();
    let synced = printed_by(&server, &format!("{command:?}"));
    let before = Instant::now();
    let run = step_as_printed(&synced);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    assert!(before.elapsed() < Duration::from_secs(60), "nobody waits for what it left behind");
    let [request] = &server.requests()[..] else { panic!("one request") };
    assert_eq!(request.headers["authorization"], format!("Bearer {TOKEN}"));
}

#[rstest]
#[case::fails(&["sh", "-c", "echo s3cret; echo s3cret >&2; exit 3"], "failed (exit status: 3)")]
#[case::killed(&["sh", "-c", "echo s3cret; kill -9 $$"], "failed (signal: 9")]
#[case::says_nothing(&["true"], "printed nothing")]
#[case::blank(&["echo", " "], "printed nothing")]
#[case::blank_before(&["printf", "\ns3cret\n"], "printed nothing")]
#[case::no_text(&["printf", "\\377s3cret"], "printed what is no text")]
#[case::for_ever(&["sleep", "1000"], "did not end in time")]
#[case::not_there(&["/no/such/program", "s3cret"], "cannot be run")]
#[case::a_line_of_a_gigabyte(&["head", "-c", "1G", "/dev/zero"], "")]
#[case::a_gigabyte(&["sh", "-c", "yes s3cret | head -c 1G"], "")]
#[case::two_words(&["echo", "s3cret s3cret"], "cannot be sent")]
#[case::control(&["printf", "s3cret\\033[31m"], "cannot be sent")]
#[case::injected(&["printf", "s3cret\rX-Other: s3cret"], "cannot be sent")]
fn a_program_that_prints_none(#[case] command: &[&str], #[case] words: &str) {
    let server = Receiver::takes();
    let synced = printed_by(&server, &format!("{command:?}"));
    let run = step_as_printed(&synced);
    if run.stderr.is_empty() && words.is_empty() {
        // Its first line was one, and it did not mind that nobody read the rest.
        assert_eq!(server.requests()[0].headers["authorization"], "Bearer s3cret");
        return;
    }
    let (code, message) = diagnostic(&run);
    assert_eq!((run.code, code.as_str()), (0, SERVER), "{message}");
    assert!(message.contains(words) && !message.contains("s3cret"), "{message}");
    assert_eq!((server.requests().len(), synced.waiting()), (0, 1));
    let mut now = synced.on(&["sync", "now", "--json", "--deadline", "1"]);
    let run = Run::of(now.env_remove("CLEARANCE_SYNC_TOKEN"));
    assert_eq!((run.code, run.json()["outcome"].as_str()), (2, Some("refused")), "{}", run.stdout);
    assert!(!run.stdout.contains("s3cret") && !run.stderr.contains("s3cret"), "{}{}", run.stdout, run.stderr);
}

/// A program is run by itself, with its arguments as they stand.
#[test]
fn no_shell_is_between() {
    let server = Receiver::takes();
    let synced = printed_by(&server, "[\"echo\", \"t; touch x $(touch y) `touch z` > w\"]");
    let run = step_as_printed(&synced);
    assert!(diagnostic(&run).1.contains("cannot be sent"));
    let synced = printed_by(&server, "[\"echo t; touch x\"]");
    assert!(diagnostic(&step_as_printed(&synced)).1.contains("cannot be run"));
    for name in ["x", "y", "z", "w"] {
        assert!(!synced.repo.root().join(name).exists());
    }
    assert_eq!(server.requests().len(), 0);
}

/// A token that no header can carry is refused, and not shown.
#[rstest]
#[case::a_line_break("s3cret\nX-Other: s3cret")]
#[case::control("s3cret\u{1b}[31m")]
#[case::a_blank("s3cret s3cret")]
#[case::beyond_ascii("s3cr\u{e9}t-s3cret")]
fn a_token_that_cannot_be_sent(#[case] token: &str, #[values("http", "websocket")] transport: &str) {
    let server = Receiver::takes();
    let synced = Synced::with(&server);
    synced.user(&format!("[sync]\ntransport = \"{transport}\"\n"));
    for arguments in [&STEP[..], &["sync", "now"], &["sync", "now", "--json"]] {
        let run = Run::of(synced.on(arguments).env("CLEARANCE_SYNC_TOKEN", token));
        assert_eq!(run.code, if arguments[0] == "sync" { 2 } else { 0 }, "{}", run.stderr);
        let said = run.stdout + &run.stderr;
        assert!(said.contains("the token cannot be sent") && !said.contains("s3cret"), "{said}");
        assert!(!said.contains('\u{1b}'), "{said:?}");
    }
    assert_eq!((server.requests().len(), synced.waiting()), (0, 1));
}
