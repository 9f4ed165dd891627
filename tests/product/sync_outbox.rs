//! The outbox: off writes nothing, on keeps everything, whoever else is at work and whatever is killed.

use std::fs;
use std::process::Stdio;

use clearance_testkit::receiver::{Receiver, Reply, Request};
use rstest::rstest;

use crate::support::{Run, below, everything};
use crate::sync_support::{STEP, Synced, diagnostic, logged};

/// Another step.
const OTHER: [&str; 10] =
    ["move", "WP02", "--to", "blocked", "--force", "--reason", "waits", "--actor", "ann", "--mission=m"];

/// Off is silent, asks nobody and leaves no file.
#[rstest]
#[case::by_default(&[], false)]
#[case::zero(&[("CLEARANCE_SYNC", "0")], false)]
#[case::empty(&[("CLEARANCE_SYNC", "")], false)]
#[case::another_word(&[("CLEARANCE_SYNC", "enabled")], false)]
#[case::ours_decides(&[("CLEARANCE_SYNC", "off"), ("SPEC_KITTY_ENABLE_SAAS_SYNC", "1")], false)]
#[case::on(&[("CLEARANCE_SYNC", "1")], true)]
#[case::yes(&[("SPEC_KITTY_ENABLE_SAAS_SYNC", " YES ")], true)]
#[case::true_(&[("SPEC_KITTY_ENABLE_SAAS_SYNC", "true")], true)]
#[case::as_the_original(&[("SPEC_KITTY_ENABLE_SAAS_SYNC", "On")], true)]
#[case::the_original_y(&[("SPEC_KITTY_ENABLE_SAAS_SYNC", "2")], false)]
fn what_turns_it_on(#[case] variables: &[(&str, &str)], #[case] on: bool) {
    let server = Receiver::takes();
    let synced = Synced::with(&server);
    // What a repository says of itself turns nothing on.
    synced.repo.write(".clearance/config", format!("[sync]\nserver = \"{}\"\n", server.url()));
    synced.user(&format!("[sync]\nallowed_servers = [\"{}\"]\n", server.url()));
    let mut step = synced.off(&STEP);
    step.envs(variables.iter().copied()).env("CLEARANCE_SYNC_TOKEN", "t");
    let run = Run::of(&mut step);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    assert_eq!(server.requests().len(), usize::from(on));
    assert_eq!(synced.repo.root().join(".git/clearance/sync").exists(), on);
}

/// Nothing is written beside what the command is for.
#[test]
fn off_writes_nothing() {
    let [one, other] = [Synced::at("http://127.0.0.1:9"), Synced::at("http://127.0.0.1:9")];
    let run = Run::of(&mut one.off(&STEP));
    assert_eq!(run.code, 0);
    let names = |synced: &Synced| -> Vec<_> {
        let root = synced.repo.outside().to_owned();
        below(&root).into_iter().map(|path| path.strip_prefix(&root).unwrap().to_owned()).collect()
    };
    let written: Vec<_> = names(&one).into_iter().filter(|path| !names(&other).contains(path)).collect();
    assert!(written.iter().all(|path| !path.to_string_lossy().contains("sync")), "{written:?}");
    for question in [&["sync", "status"][..], &["sync", "now"], &["sync", "status", "--json"]] {
        let before = everything(one.repo.outside());
        let run = Run::of(&mut one.off(question));
        assert_eq!(
            (run.code, run.stderr.as_str()),
            (if question[1] == "now" { 4 } else { 0 }, ""),
            "{question:?}"
        );
        assert!(run.stdout.contains("off") || run.stdout.contains("\"enabled\":false"), "{}", run.stdout);
        assert_eq!(everything(one.repo.outside()), before);
    }
}

/// Many processes at once: every event is queued once, and none is lost or doubled when they deliver.
#[test]
fn at_once() {
    let synced = Synced::at("http://127.0.0.1:9");
    synced.user("[sync]\ndeadline = 0.01\n");
    let children: Vec<_> = (0..8)
        .map(|nth| {
            let package = format!("WP0{}", 1 + nth % 2);
            let mut step = synced.on(&[
                "move",
                &package,
                "--to",
                if nth < 4 { "blocked" } else { "planned" },
                "--force",
            ]);
            step.args(["--reason", "x", "--actor", "ann", "--mission=m", "--lock-timeout", "60"]);
            step.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let recorded = logged(&synced.repo).split_off(2);
    assert_eq!(synced.waiting(), recorded.len() as u64);
    let server = Receiver::takes();
    let synced = Synced { server: server.url(), ..synced };
    let children: Vec<_> = (0..3)
        .map(|_| {
            synced.on(&["sync", "now", "--all"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let mut ids = recorded;
    ids.sort();
    assert_eq!(
        server.taken().into_iter().collect::<Vec<_>>(),
        ids.into_iter().map(|id| (id, 1)).collect::<Vec<_>>()
    );
    assert_eq!(synced.waiting(), 0);
}

/// A process that is killed while a server is silent has queued what it recorded.
#[test]
fn killed_while_it_delivers() {
    let server = Receiver::says(Reply::Hang);
    let synced = Synced::with(&server);
    let mut child = synced.step_command(&[]).stdout(Stdio::null()).spawn().unwrap();
    server.wait_for(1);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(synced.waiting(), 1);
    let server = Receiver::takes();
    let synced = Synced { server: server.url(), ..synced };
    assert_eq!(synced.now(&["--all"]).0, 0);
    assert_eq!(server.taken().into_keys().collect::<Vec<_>>(), logged(&synced.repo).split_off(2));
}

/// An append that was cut off was never acknowledged: what is whole stays, and the next one goes behind that.
#[test]
fn a_torn_line() {
    let synced = Synced::at("http://127.0.0.1:9");
    synced.user("[sync]\ndeadline = 0.01\n");
    synced.step(&[]);
    let path = synced.repo.root().join(".git/clearance/sync/outbox.jsonl");
    let whole = fs::read(&path).unwrap();
    clearance_testkit::write(
        synced.repo.root(),
        ".git/clearance/sync/outbox.jsonl",
        [&whole[..], b"{\"number\": 2, \"id"].concat(),
    );
    assert_eq!(synced.waiting(), 1);
    assert_eq!(Run::of(&mut synced.on(&OTHER)).code, 0);
    assert!(fs::read(&path).unwrap().starts_with(&whole));
    assert_eq!(synced.waiting(), logged(&synced.repo).len() as u64 - 2);
}

/// A line in the middle that is none of ours stops nothing, and is not thrown away.
#[test]
fn a_broken_line() {
    let synced = Synced::at("http://127.0.0.1:9");
    synced.user("[sync]\ndeadline = 0.01\n");
    synced.step(&[]);
    let path = synced.repo.root().join(".git/clearance/sync/outbox.jsonl");
    let broken = [b"what is this\n".to_vec(), fs::read(&path).unwrap()].concat();
    clearance_testkit::write(synced.repo.root(), ".git/clearance/sync/outbox.jsonl", &broken);
    let queue = &synced.status()["queue"];
    assert_eq!((&queue["events"], &queue["unreadable"]), (&1.into(), &1.into()), "{queue:#}");
    assert_eq!(fs::read(&path).unwrap(), broken, "who only asks changes nothing");
    assert_eq!(Run::of(&mut synced.on(&OTHER)).code, 0);
    let queue = &synced.status()["queue"];
    assert_eq!((&queue["events"], &queue["unreadable"]), (&2.into(), &1.into()), "{queue:#}");
    assert_eq!(synced.repo.read(".git/clearance/sync/unreadable.jsonl"), "what is this\n");
    let run = synced.run(&["sync", "status", "--offline"]);
    assert!(run.stdout.contains("unreadable.jsonl"), "{}", run.stdout);
}

/// An outbox that cannot be used is told of, and what could not be queued is not said to be.
#[rstest]
#[case::a_directory("mkdir -p .git/clearance/sync/outbox.jsonl")]
#[case::a_pipe("mkdir -p .git/clearance/sync; mkfifo .git/clearance/sync/outbox.jsonl")]
#[case::a_lock_that_is_a_pipe("mkdir -p .git/clearance/sync; mkfifo .git/clearance/sync/outbox.lock")]
#[case::no_directory(": > .git/clearance/sync || mkdir .git/clearance; : > .git/clearance/sync")]
fn an_outbox_that_cannot_be_used(#[case] script: &str) {
    let server = Receiver::takes();
    let synced = Synced::with(&server);
    crate::ready::done(&synced.repo, &format!("mkdir -p .git/clearance; {script}"));
    let run = synced.step(&[]);
    assert_eq!(run.code, 0);
    let (code, message) = diagnostic(&run);
    assert_eq!(code, "sync.final_sync_lock_unavailable", "it is local: {message}");
    assert!(message.contains("not queued") && !message.contains("remain durable"), "{message}");
    assert_eq!(server.requests().len(), 0);
}

/// Where sync is on and there is nobody to tell, that is said.
#[test]
fn on_without_a_server() {
    let synced = Synced::at("");
    let run = synced.step(&[]);
    assert_eq!(run.code, 0);
    let (_, message) = diagnostic(&run);
    assert!(message.contains("no server is configured") && message.contains("not queued"), "{message}");
    assert!(!synced.repo.root().join(".git/clearance/sync").exists());
}

/// Events go in the order of the log, whoever wrote them when.
#[test]
fn in_the_order_of_the_log() {
    let synced = Synced::at("http://127.0.0.1:9");
    synced.user("[sync]\ndeadline = 0.01\n");
    let children: Vec<_> = (0..8)
        .map(|nth| {
            let (to, who) = (if nth % 2 == 0 { "blocked" } else { "planned" }, format!("ann{nth}"));
            let mut step =
                synced.on(&["move", "WP01", "--to", to, "--force", "--reason", "x", "--mission=m"]);
            step.args(["--actor", &who, "--lock-timeout", "60"]).stdout(Stdio::null()).stderr(Stdio::null());
            step.spawn().unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let server = Receiver::takes();
    let synced = Synced { server: server.url(), ..synced };
    assert_eq!(synced.now(&["--all"]).0, 0);
    let sent: Vec<_> = server.requests().iter().flat_map(Request::ids).collect();
    assert_eq!(sent, logged(&synced.repo).split_off(2));
}

/// What the server answers when it is asked whether it is there, and that it is not.
#[test]
fn whether_it_is_there() {
    let server = Receiver::says(Reply::Status(404, "", String::new()));
    let synced = Synced::with(&server);
    let status = synced.run(&["sync", "status", "--json"]).json();
    assert_eq!((&status["answer"]["asked"], &status["answer"]["status"]), (&"answered".into(), &404.into()));
    assert!(!server.requests()[0].headers.contains_key("authorization"), "no token is sent for that");
    let synced = Synced { server: "http://127.0.0.1:9".to_owned(), ..synced };
    let run = synced.run(&["sync", "status"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    assert!(run.stdout.contains("just now: no connection to http://127.0.0.1:9"), "{}", run.stdout);
}

/// In a repository that several users share, each of them can queue and deliver.
#[cfg(unix)]
#[test]
fn of_several_users() {
    use std::os::unix::fs::PermissionsExt;
    let server = Receiver::takes();
    let synced = Synced::with(&server);
    crate::ready::done(&synced.repo, "git init --quiet --shared=group; chmod g+ws .git");
    assert_eq!(synced.step(&[]).stderr, "");
    assert_eq!(server.taken().len(), 1);
    let place = synced.repo.root().join(".git/clearance/sync");
    for file in ["outbox.jsonl", "outbox.lock", "delivery.lock", "ledger.json", "settled.jsonl"] {
        let mode = place.join(file).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o060, 0o060, "{file}: {mode:o}");
    }
}

/// What finds no room is told, and what is queued stays.
#[test]
fn a_full_outbox() {
    let synced = Synced::at("http://127.0.0.1:9");
    synced.user("[sync]\ndeadline = 0.01\nmax_events = 1\n");
    synced.step(&[]);
    let run = Run::of(&mut synced.on(&OTHER));
    assert_eq!(run.code, 0);
    let (_, message) = diagnostic(&run);
    assert!(message.contains("the outbox is full: 1 events were not queued"), "{message}");
    let queue = &synced.status()["queue"];
    assert_eq!((&queue["events"], &queue["found_no_room"]), (&1.into(), &1.into()), "{queue:#}");
}

/// Logging out, or in as somebody else, loses nothing; what was queued for one team is not sent to another by itself.
#[test]
fn another_account() {
    let synced = Synced::at("http://127.0.0.1:9");
    synced.user("[sync]\nteam = \"one\"\ndeadline = 0.01\n");
    synced.step(&[]);
    let server = Receiver::takes();
    let synced = Synced { server: server.url(), ..synced };
    synced.user("[sync]\nteam = \"two\"\n");
    let mut logged_out = synced.on(&["sync", "now", "--json"]);
    let run = Run::of(logged_out.env_remove("CLEARANCE_SYNC_TOKEN"));
    assert_eq!(
        (&run.json()["delivered"], &run.json()["held_back"]),
        (&0.into(), &1.into()),
        "{}",
        run.stdout
    );
    let queue = &synced.status()["queue"];
    assert_eq!(
        (&queue["events"], &queue["waiting"], &queue["for_others"]),
        (&1.into(), &0.into(), &1.into())
    );
    assert_eq!(server.requests().len(), 0);
    assert_eq!(synced.now(&["--all"]).0, 0);
    assert_eq!(server.taken().len(), 1);
}
