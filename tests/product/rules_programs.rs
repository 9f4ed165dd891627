//! What a trusted program of a rule gets, and what becomes of what it says.
#![cfg(unix)]

use std::fs;
use std::time::{Duration, Instant};

use rstest::rstest;

use crate::rules_support::{items, of, ready_with, rule, unanswered, with_env};
use crate::rules_trust::{Scene, exec};
use crate::support::{Run, unchanged};

#[rstest]
#[case::pass("exit 0", 0, "script pass")]
#[case::fail("exit 1", 1, "script fail")]
#[case::another_fail("exit 7", 1, "script fail")]
#[case::neither("exit 2", 3, "script error")]
#[case::signal("kill -KILL $$", 3, "script error")]
fn the_exit_code_is_the_answer(#[case] script: &str, #[case] code: i32, #[case] item: &str) {
    let scene = Scene::new(&format!("echo said; echo erred >&2; {script}"));
    let asked = scene.trusted(&[]);
    let told = items(&asked, "runs-it");
    assert_eq!((asked.code, scene.ran()), (code, 1), "{:#}", asked.json());
    let outcome = item.rsplit_once(' ').unwrap().1;
    assert!(told.len() == 1 && told[0].ends_with(outcome), "{told:?}");
    if code == 1 {
        let message = of(&asked, "runs-it")["findings"][0]["message"].as_str().unwrap().to_owned();
        assert!(
            message.starts_with("it said ") && message.contains("said") && message.contains("erred"),
            "{message}"
        );
    }
}

#[test]
fn a_program_that_is_not_there_is_undecided() {
    let scene = Scene::of(&exec("[no-such-program-here]", ""), "");
    let asked = scene.trusted(&[]);
    assert_eq!(asked.code, 3, "{:#}", asked.json());
    assert!(unanswered(&asked, "runs-it")["message"].as_str().unwrap().contains("no-such-program-here"));
}

#[test]
fn what_a_program_gets() {
    let script = r#"env | sort > "$OUT/env"; pwd > "$OUT/pwd"; cat > "$OUT/stdin"; ls -A > "$OUT/files"; echo x > new; git rev-parse --show-toplevel 2>&1 | tee "$OUT/git""#;
    let scene = Scene::of(&exec("[sh, tools/check.sh]", ", env: [OUT]"), script);
    let out = scene.repo.outside().join("out");
    fs::create_dir(&out).unwrap();
    let grant = scene.grant();
    let variables = [
        ("OUT", out.to_str().unwrap()),
        ("GITHUB_TOKEN", "secret-1"),
        ("AWS_SECRET_ACCESS_KEY", "secret-2"),
        ("LD_PRELOAD_NOT", "secret-3"),
        ("GIT_DIR_NOT", "secret-4"),
        ("LANG", "C.UTF-8"),
    ];
    let arguments = ["check", "--mission", "m", "--json", "--trust", &grant];
    let asked = unchanged(scene.repo.root(), || {
        let mut command = crate::support::command(scene.repo.root());
        command.envs(variables).args(arguments).stdin(std::process::Stdio::piped());
        Run::of(&mut command)
    });
    assert_eq!((asked.code, scene.ran()), (0, 1), "{:#}", asked.json());
    let got = |name: &str| clearance_testkit::read(&out, name);
    let env = got("env");
    assert!(!env.contains("secret-") && !env.contains("TOKEN") && !env.contains("CLEARANCE"), "{env}");
    assert!(env.contains("LANG=C.UTF-8\n") && env.contains("PATH=") && env.contains("OUT="), "{env}");
    assert_eq!(got("stdin"), "");
    let place = got("pwd");
    let place = std::path::Path::new(place.trim());
    assert!(
        place.is_absolute() && !place.starts_with(scene.repo.root()) && !place.exists(),
        "{place:?} is gone"
    );
    let files = got("files");
    for file in ["a.txt", "b.txt", "shared.txt", "tools"] {
        assert!(files.lines().any(|name| name == file), "of the forecast: {files}");
    }
    assert!(!got("git").contains(scene.repo.root().to_str().unwrap()), "{}", got("git"));
}

/// At the end of its time a program is ended with everything that it started.
#[test]
fn time_ends_a_program_and_its_children() {
    let scene = Scene::of(
        &exec("[sh, tools/check.sh]", ", env: [OUT]").replace("60s", "300ms"),
        "(echo begun; exec sleep 600) > \"$OUT/pipe\" &\nsleep 600",
    );
    let out = scene.repo.outside().to_owned();
    let made = std::process::Command::new("mkfifo").arg(out.join("pipe")).status().unwrap();
    assert!(made.success());
    let (send, gone) = std::sync::mpsc::channel();
    let pipe = out.join("pipe");
    std::thread::spawn(move || {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut fs::File::open(pipe).unwrap(), &mut text).unwrap();
        send.send(text)
    });
    let started = Instant::now();
    let grant = scene.grant();
    let asked = with_env(
        &scene.repo,
        &[("OUT", out.to_str().unwrap())],
        &["check", "--mission", "m", "--json", "--trust", &grant],
    );
    assert_eq!((asked.code, items(&asked, "runs-it").len()), (3, 1), "{:#}", asked.json());
    assert!(started.elapsed() < Duration::from_secs(60));
    // Whoever held the pipe is gone.
    assert_eq!(gone.recv_timeout(Duration::from_secs(60)).unwrap(), "begun\n");
}

#[test]
fn output_is_cut_and_harmless() {
    let scene = Scene::new("printf 'a\\033[31mb\\007\\n'; yes 0123456789 | head -c 3000000; exit 1");
    let asked = scene.trusted(&[]);
    assert_eq!(asked.code, 1);
    assert!(asked.stdout.len() < 1 << 20, "{} bytes", asked.stdout.len());
    let grant = scene.grant();
    let people = scene.run(&["check", "--mission", "m", "--trust", &grant]);
    assert_eq!(people.code, 1);
    let odd = |c: char| c.is_control() && c != '\n';
    assert!(!people.stdout.contains(odd) && !asked.stdout.contains("\\u001b"), "no escapes");
}

#[test]
fn a_server_is_not_asked_without_trust_nor_offline() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let text = format!(
        "check:\n  http: {{ get: 'https://127.0.0.1:{port}/x', timeout: 5s, expect_status: [200] }}\n  assert: body.ok\nmessage: m\nremediation: r\n"
    );
    let repo = ready_with(&[("rules.d/r.yaml", &rule("asks-it", &text))]);
    let check =
        |more: &[&str]| crate::rules_support::at_merge(&repo, &[&["--rule", "asks-it"], more].concat());
    for more in
        [&[][..], &["--offline"], &["--trust", "network:other"], &["--offline", "--trust", "network:asks-it"]]
    {
        let asked = check(more);
        assert_eq!(
            (asked.code, items(&asked, "asks-it")),
            (3, vec!["* untrusted".to_owned()]),
            "{:#}",
            asked.json()
        );
        assert!(listener.accept().is_err(), "{more:?}: nobody may have come");
    }
}
