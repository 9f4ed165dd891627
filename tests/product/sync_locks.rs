//! Other processes: one that delivers, one that renews the session. Locks are those of `fcntl.flock`, both ways.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use clearance_testkit::receiver::{Receiver, Reply};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::Run;
use crate::sync_support::{STEP, Synced, diagnostic};

/// A python3 process that holds `fcntl.flock` on a file until it is told to end.
struct Holder(Child);

impl Holder {
    fn of(path: &Path) -> Self {
        const HOLD: &str = "import fcntl, sys\nf = open(sys.argv[1], 'a')\nfcntl.flock(f, fcntl.LOCK_EX)\nprint('held', flush=True)\nsys.stdin.readline()\n";
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut python = Command::new("python3");
        clearance_testkit::scrub(&mut python);
        python.args(["-c", HOLD]).arg(path).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = python.spawn().expect("python3");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "held\n");
        Self(child)
    }

    fn end(mut self) {
        self.0.stdin.take().unwrap().write_all(b"\n").unwrap();
        self.0.wait().unwrap();
    }
}

/// Whether python3 can take `fcntl.flock` on a file without waiting.
fn is_free(path: &Path) -> bool {
    const TRY: &str = "import fcntl, sys\nf = open(sys.argv[1], 'a')\ntry:\n  fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)\nexcept BlockingIOError:\n  sys.exit(7)\n";
    let mut python = Command::new("python3");
    clearance_testkit::scrub(&mut python);
    match python.args(["-c", TRY]).arg(path).status().expect("python3").code() {
        Some(0) => true,
        Some(7) => false,
        other => panic!("{other:?}"),
    }
}

#[test]
fn another_process_delivers() {
    let server = Receiver::takes();
    let synced = Synced::with(&server);
    synced.user("[sync]\ndeadline = 0.2\n");
    let lock = synced.repo.root().join(".git/clearance/sync/delivery.lock");
    let holder = Holder::of(&lock);
    let off = Run::of(&mut Synced::at("http://127.0.0.1:9").off(&STEP));
    let run = synced.step(&[]);
    assert_eq!((run.code, &run.stdout), (off.code, &off.stdout));
    let (code, message) = diagnostic(&run);
    assert_eq!(code, "sync.final_sync_lock_unavailable", "{message}");
    if cfg!(target_os = "linux") {
        assert!(message.contains(&format!("process {}", holder.0.id())), "{message}");
    }
    assert_eq!((server.requests().len(), synced.waiting()), (0, 1));
    holder.end();
    assert_eq!(synced.now(&[]).0, 0);
    assert_eq!(server.taken().len(), 1);
}

/// The lock that is held here is one for python3 too, and free again afterwards.
#[test]
fn who_delivers_holds_the_lock() {
    let server = Receiver::says(Reply::Hang);
    let synced = Synced::with(&server);
    let lock = synced.repo.root().join(".git/clearance/sync/delivery.lock");
    let mut child = synced.step_command(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    server.wait_for(1);
    assert!(!is_free(&lock));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(is_free(&lock));
}

const NEW: &str = "n3w-t0ken";
const OLD: &str = "0ld-t0ken";
const RENEWS: &str = "r3newing-t0ken";

impl Synced {
    /// A session of the server instead of the token of the environment.
    fn session(&self, server: &str, until: &str) -> std::path::PathBuf {
        let session = json!({
            "server": server, "access_token": OLD, "refresh_token": RENEWS, "access_token_expires_at": until,
            "email": "ann@example.invalid",
        });
        self.put_session(&session)
    }

    fn put_session(&self, session: &Value) -> std::path::PathBuf {
        let path = clearance_testkit::write(
            self.repo.outside(),
            "config/clearance/session.json",
            session.to_string(),
        );
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        path
    }

    fn logged_in(&self, arguments: &[&str]) -> Command {
        let mut command = self.on(arguments);
        command.env_remove("CLEARANCE_SYNC_TOKEN");
        command
    }
}

fn shows_no_token(run: &Run) {
    for token in [NEW, OLD, RENEWS] {
        assert!(!run.stdout.contains(token) && !run.stderr.contains(token), "{} {}", run.stdout, run.stderr);
    }
}

/// A server that renews each token once, and takes events with the new one only.
fn renewing() -> Receiver {
    let used = std::sync::atomic::AtomicBool::new(false);
    Receiver::start(move |_, request| {
        if request.line.contains("/oauth/token") {
            let body = String::from_utf8_lossy(&request.body).into_owned();
            assert!(body.contains("grant_type=refresh_token") && body.contains(RENEWS), "{body}");
            let first = !used.swap(true, std::sync::atomic::Ordering::SeqCst);
            return match first {
                true => Reply::Status(
                    200,
                    "",
                    json!({"access_token": NEW, "refresh_token": "next", "expires_in": 3600}).to_string(),
                ),
                false => Reply::Status(
                    400,
                    "",
                    json!({"error": "invalid_grant", "error_description": RENEWS}).to_string(),
                ),
            };
        }
        match request.headers.get("authorization").map(String::as_str) {
            Some("Bearer n3w-t0ken") => Reply::Take,
            other => Reply::Status(401, "", json!({"detail": format!("{other:?}")}).to_string()),
        }
    })
}

const PAST: &str = "2020-01-01T00:00:00Z";
const FUTURE: &str = "2099-01-01T00:00:00Z";

#[rstest]
#[case::run_out(PAST)]
#[case::refused_all_the_same(FUTURE)]
fn a_session_is_renewed(#[case] until: &str) {
    let server = renewing();
    let synced = Synced::with(&server);
    let path = synced.session(&server.url(), until);
    let run = Run::of(&mut synced.logged_in(&STEP));
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    shows_no_token(&run);
    assert_eq!(server.taken().len(), 1);
    let session: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!((&session["access_token"], &session["refresh_token"]), (&NEW.into(), &"next".into()));
    assert_eq!(session["email"], "ann@example.invalid", "what else is in it stays");
    let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    // The new one is used from then on.
    let asked = server.requests().len();
    assert_eq!(Run::of(&mut synced.logged_in(&["sync", "now"])).code, 0);
    assert_eq!(server.requests().len(), asked);
}

/// A token that renews may be used once: processes at the same time take what the first one got.
#[test]
fn one_renews_for_all() {
    let server = renewing();
    let one = Synced::with(&server);
    one.session(&server.url(), PAST);
    let others: Vec<_> = (0..3).map(|_| Synced::with(&server)).collect();
    let config = one.repo.outside().join("config");
    let children: Vec<_> = [&one]
        .into_iter()
        .chain(&others)
        .map(|synced| {
            let mut step = synced.logged_in(&STEP);
            step.env("XDG_CONFIG_HOME", &config).stdout(Stdio::null()).stderr(Stdio::piped());
            step.spawn().unwrap()
        })
        .collect();
    for child in children {
        let ended = child.wait_with_output().unwrap();
        assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()), (Some(0), ""));
    }
    let renewals = server.requests().iter().filter(|request| request.line.contains("/oauth/token")).count();
    assert_eq!((renewals, server.taken().len()), (1, 4));
}

#[test]
fn another_process_renews() {
    let server = renewing();
    let synced = Synced::with(&server);
    synced.user("[sync]\ndeadline = 0.3\n");
    let session = synced.session(&server.url(), PAST);
    let holder = Holder::of(&session.with_file_name("refresh.lock"));
    let run = Run::of(&mut synced.logged_in(&STEP));
    assert_eq!(run.code, 0);
    shows_no_token(&run);
    let (code, message) = diagnostic(&run);
    assert_eq!(code, "sync.auth_refresh_in_progress", "{message}");
    assert_eq!((server.requests().len(), synced.waiting()), (0, 1));
    // It got a new one, and only has not let go of the lock.
    let renewed = json!({"server": server.url(), "access_token": NEW, "access_token_expires_at": FUTURE});
    synced.put_session(&renewed);
    let run = Run::of(&mut synced.logged_in(&["sync", "now"]));
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    assert_eq!((server.taken().len(), synced.waiting()), (1, 0));
    holder.end();
}

#[rstest]
#[case::of_another_server(json!({"server": "http://127.0.0.1:1", "access_token": OLD}), 0o600, "goes nowhere else")]
#[case::for_all_to_read(json!({"server": "SERVER", "access_token": OLD}), 0o644, "chmod 600")]
#[case::no_session(json!({"server": "SERVER", "access_token": [OLD]}), 0o600, "it is no session")]
#[case::no_json(json!("s"), 0o600, "it is no session")]
#[case::nothing_to_renew_with(json!({"server": "SERVER", "access_token": OLD, "access_token_expires_at": PAST}), 0o600, "has run out")]
#[case::cannot_be_sent(json!({"server": "SERVER", "access_token": "0ld-t0ken\nX: y"}), 0o600, "line break")]
#[case::used_up(json!({"server": "SERVER", "access_token": OLD, "access_token_expires_at": PAST, "refresh_token": "r3newing-t0ken"}), 0o600, "cannot be renewed")]
fn a_session_that_is_no_good(#[case] session: Value, #[case] mode: u32, #[case] why: &str) {
    let server = Receiver::says(Reply::Status(
        400,
        "",
        json!({"error": "invalid_grant", "error_description": RENEWS}).to_string(),
    ));
    let synced = Synced::with(&server);
    let session: Value = serde_json::from_str(&session.to_string().replace("SERVER", &server.url())).unwrap();
    let path = synced.put_session(&session);
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    let run = Run::of(&mut synced.logged_in(&STEP));
    assert_eq!(run.code, 0);
    shows_no_token(&run);
    let (code, message) = diagnostic(&run);
    assert_eq!(code, "sync.server_auth_failure");
    assert!(message.contains(why), "{message}");
    let events = server.requests().iter().filter(|request| request.line.contains("events")).count();
    assert_eq!((events, synced.waiting()), (0, 1));
    let run = Run::of(&mut synced.logged_in(&["sync", "now", "--json"]));
    shows_no_token(&run);
    assert_eq!((run.code, &run.json()["outcome"]), (2, &"refused".into()), "{}", run.stdout);
    assert_eq!(std::fs::read(&path).unwrap(), session.to_string().as_bytes());
}

#[test]
fn nobody_is_logged_in() {
    let server = Receiver::takes();
    let synced = Synced::with(&server);
    let run = Run::of(&mut synced.logged_in(&STEP));
    assert_eq!(run.code, 0);
    let (code, message) = diagnostic(&run);
    assert_eq!(code, "sync.server_auth_failure");
    assert!(message.contains("there is no token for"), "{message}");
    assert_eq!((server.requests().len(), synced.waiting()), (0, 1));
}
