use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use clearance_testkit::Scratch;
use rstest::rstest;

use super::*;

/// Longer than anything here takes, on any machine.
const LONG: Duration = Duration::from_secs(60);
/// A timeout that is meant to be over.
const SHORT: Duration = Duration::from_millis(300);

fn path() -> Vec<(OsString, OsString)> {
    vec![("PATH".into(), "/usr/bin:/bin".into())]
}

fn argv(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Runs a script by `sh`, in a directory of its own.
fn sh(place: &Scratch, script: &str, arguments: &[&str], timeout: Duration) -> Result<Ended, ProgramError> {
    let script = place.write("a script", script);
    let argv = argv(&[&["sh", script.to_str().unwrap()], arguments].concat());
    let directory = place.path().canonicalize().unwrap();
    run(&Program {
        argv: &argv,
        directory: &directory,
        env: &path(),
        timeout,
        output_cap: OUTPUT_CAP,
        kept: Kept::Beginning,
    })
}

fn ended(script: &str) -> Ended {
    sh(&Scratch::new(), script, &[], LONG).unwrap()
}

/// A pipe with a name, and word of when everybody who wrote into it is gone.
fn pipe(place: &Scratch) -> Receiver<()> {
    let path = place.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let (sender, gone) = channel();
    std::thread::spawn(move || {
        let _ = File::open(path).unwrap().read_to_end(&mut Vec::new());
        let _ = sender.send(());
    });
    gone
}

#[test]
fn an_end_is_told_with_what_was_printed() {
    let ended = ended("echo out; echo err >&2; exit 7");
    let (stdout, stderr) = ("out\n".to_owned(), "err\n".to_owned());
    assert_eq!(ended, Ended { code: Some(7), signal: None, stdout, stderr, cut: false });
}

#[rstest]
#[case("exit 0", Some(0), None)]
#[case("exit 255", Some(255), None)]
#[case("kill -TERM $$", None, Some(15))]
#[case("kill -KILL $$", None, Some(9))]
#[case("exec >/dev/null 2>&1; exit 3", Some(3), None)]
#[case("exec >&- 2>&- <&-; sleep 0.2; exit 4", Some(4), None)]
fn codes_and_signals(#[case] script: &str, #[case] code: Option<i32>, #[case] signal: Option<i32>) {
    let ended = ended(script);
    assert_eq!((ended.code, ended.signal), (code, signal));
}

#[test]
fn arguments_are_given_as_they_are() {
    let odd = [
        "a b",
        "",
        "'",
        "\"",
        "$(touch made)",
        "`touch made`",
        "*",
        "-n",
        "\\",
        "a\nb",
        "é",
        "; touch made",
        "$PATH",
    ];
    let place = Scratch::new();
    let ended = sh(&place, "printf '[%s]' \"$@\"", &odd, LONG).unwrap();
    assert_eq!(ended.stdout, odd.map(|word| format!("[{word}]")).concat());
    assert!(!place.path().join("made").exists());
}

#[test]
fn the_environment_is_the_one_that_is_given() {
    let place = Scratch::new();
    let mut env = path();
    env.extend([("A".into(), "two words".into()), ("B".into(), "".into()), ("A".into(), "last".into())]);
    let argv = argv(&["env"]);
    let program = Program {
        argv: &argv,
        directory: place.path(),
        env: &env,
        timeout: LONG,
        output_cap: 1000,
        kept: Kept::Beginning,
    };
    let mut lines: Vec<_> = run(&program).unwrap().stdout.lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, ["A=last", "B=", "PATH=/usr/bin:/bin"]);
}

#[test]
fn it_runs_where_it_is_told_without_input_in_a_group_of_its_own() {
    let place = Scratch::new();
    let ended = sh(&place, "cat; pwd -P; ps -o pgid= -p $$ | tr -d ' '; echo $$", &[], LONG).unwrap();
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert_eq!(Path::new(lines[0]), place.path().canonicalize().unwrap());
    assert_eq!((lines.len(), lines[1]), (3, lines[2]));
}

#[test]
fn what_it_started_is_killed_with_it_when_its_time_is_over() {
    let place = Scratch::new();
    let gone = pipe(&place);
    // One that waits, one that does not listen, and one of another one.
    let script = "exec 3>pipe
        sleep 60 &
        (trap '' TERM INT HUP; exec sleep 60) &
        sh -c 'sleep 60 & wait' &
        echo started; echo slow >&2; wait";
    let started = Instant::now();
    let error = sh(&place, script, &[], Duration::from_secs(2)).unwrap_err();
    assert!(started.elapsed() < LONG / 2, "{:?}", started.elapsed());
    gone.recv_timeout(LONG / 2).unwrap();
    let message = error.to_string();
    assert!(message.ends_with("sh had not ended after 2.0 s, and was stopped with all that it had started: give it more time, or less to do"), "{message}");
    let ProgramError::Timeout { stopped, stdout, stderr, .. } = error else { panic!("{error}") };
    assert_eq!((stopped, stdout.as_str(), stderr.as_str()), (true, "started\n", "slow\n"));
}

#[rstest]
#[case::that_waits("sleep 60")]
#[case::that_stopped_itself("kill -STOP $$")]
#[case::that_does_not_listen("trap '' TERM INT HUP QUIT; while :; do sleep 1; done")]
#[case::that_closed_its_outputs("exec >&- 2>&-; sleep 60")]
#[case::that_prints_for_ever("exec yes")]
fn a_program_is_stopped(#[case] script: &str) {
    let started = Instant::now();
    let error = sh(&Scratch::new(), script, &[], SHORT).unwrap_err();
    assert!(started.elapsed() < LONG / 2, "{:?}", started.elapsed());
    let ProgramError::Timeout { stopped, stdout, .. } = error else { panic!("{error}") };
    assert!(stopped && (stdout.is_empty() || stdout.len() == OUTPUT_CAP), "{}", stdout.len());
}

#[test]
fn what_it_leaves_behind_ends_with_it() {
    let place = Scratch::new();
    let gone = pipe(&place);
    let started = Instant::now();
    // They hold its outputs, too.
    let ended = sh(&place, "exec 3>pipe; sleep 60 & sleep 60 & echo done; exit 5", &[], LONG).unwrap();
    assert_eq!((ended.code, ended.stdout.as_str(), ended.cut), (Some(5), "done\n", false));
    gone.recv_timeout(LONG / 2).unwrap();
    assert!(started.elapsed() < LONG / 2, "{:?}", started.elapsed());
}

/// Out of the group, it is out of reach, and not waited for.
#[cfg(target_os = "linux")]
#[rstest]
#[case::silent("exec sleep 60", false)]
#[case::that_prints_for_ever("exec yes", true)]
fn one_that_went_away_with_the_outputs_does_not_keep_us_waiting(#[case] script: &str, #[case] cut: bool) {
    let place = Scratch::new();
    let script = format!(
        "setsid sh -c 'echo $$ >pid; {script}' & until test -s pid; do sleep 0.01; done; echo done >&2; exit 6"
    );
    let started = Instant::now();
    let ended = sh(&place, &script, &[], LONG).unwrap();
    assert!(started.elapsed() < LONG / 2, "{:?}", started.elapsed());
    let _ = Command::new("kill").args(["-KILL", place.read("pid").trim()]).output();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(6), "done\n"));
    assert!(!ended.cut || cut);
}

#[test]
fn both_outputs_are_read_and_the_beginning_of_each_is_kept() {
    let script = "head -c 3000000 /dev/zero | tr '\\0' a >&2; head -c 200000000 /dev/zero | tr '\\0' b; echo end; echo end >&2; exit 9";
    let ended = ended(script);
    assert_eq!((ended.code, ended.cut), (Some(9), true));
    assert_eq!((ended.stdout, ended.stderr), ("b".repeat(OUTPUT_CAP), "a".repeat(OUTPUT_CAP)));
}

#[rstest]
#[case::as_much_as_is_kept(Kept::Beginning, 5, "12345", false)]
#[case::more(Kept::Beginning, 4, "1234", true)]
#[case::nothing_kept(Kept::Beginning, 0, "", true)]
#[case::as_much_of_the_end(Kept::End, 5, "12345", false)]
#[case::the_end(Kept::End, 4, "2345", true)]
#[case::nothing_of_the_end(Kept::End, 0, "", true)]
fn what_is_cut_is_told(
    #[case] kept: Kept,
    #[case] output_cap: usize,
    #[case] stdout: &str,
    #[case] cut: bool,
) {
    let (place, argv) = (Scratch::new(), argv(&["printf", "12345"]));
    let program =
        Program { argv: &argv, directory: place.path(), env: &path(), timeout: LONG, output_cap, kept };
    let ended = run(&program).unwrap();
    assert_eq!((ended.stdout.as_str(), ended.cut), (stdout, cut));
}

#[test]
fn the_end_of_megabytes_is_kept() {
    let (place, argv) = (Scratch::new(), argv(&["sh", "-c", "yes 12345678 | head -c 9000000; printf end"]));
    let (output_cap, kept) = (10, Kept::End);
    let program =
        Program { argv: &argv, directory: place.path(), env: &path(), timeout: LONG, output_cap, kept };
    let ended = run(&program).unwrap();
    assert_eq!((ended.stdout.as_str(), ended.cut), ("345678\nend", true));
}

#[test]
fn what_a_terminal_would_obey_and_what_is_no_text_is_replaced() {
    let ended = ended(r"printf '\033]0;x\007\033[2Ja\0\377\303\050\342\200\256\r\n\tb'; printf '\033c' >&2");
    let out = "\u{fffd}]0;x\u{fffd}\u{fffd}[2Ja\u{fffd}\u{fffd}\u{fffd}(\u{fffd}\r\n\tb";
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), (out, "\u{fffd}c"));
}

#[test]
fn what_cannot_be_started_is_told_with_what_to_do() {
    let place = Scratch::new();
    let script = |name: &str, text: &str| {
        let path = place.write(name, text);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    script("plain", "touch made\n");
    script("no-reader", "#!/no/such/reader\n");
    let message = |words: &[&str], directory: &Path| {
        let argv = argv(words);
        let program = Program {
            argv: &argv,
            directory,
            env: &path(),
            timeout: LONG,
            output_cap: 9,
            kept: Kept::Beginning,
        };
        run(&program).unwrap_err().to_string()
    };
    let here = |words: &[&str]| message(words, place.path());
    assert_eq!(here(&[]), "`argv` is empty: its first word is the program to run");
    let missing = "`no-such-program` is in no directory of PATH (/usr/bin, /bin): install it, or put its directory on PATH";
    assert_eq!(here(&["no-such-program"]), missing);
    assert!(
        here(&["./plain"]).ends_with("begin with the program that reads it: `#!/bin/sh`, say"),
        "{}",
        here(&["./plain"])
    );
    assert!(!place.path().join("made").exists());
    assert!(here(&["./no-reader"]).ends_with("The program that its first line names (`#!`) is not there"));
    assert!(here(&["sh", "a\0b"]).starts_with("cannot start /"));
    for place in [Path::new("below"), &place.path().join("gone"), &place.path().join("plain")] {
        assert!(
            message(&["sh"], place).contains("is not the absolute path of a directory"),
            "{}",
            message(&["sh"], place)
        );
    }
}

/// Directories `one` and `two` of programs, one of which may not be executed.
fn programs() -> Scratch {
    let place = Scratch::new();
    for (name, mode) in [
        ("one/here", 0o755),
        ("one/closed", 0o644),
        ("two/here", 0o755),
        ("two/there", 0o755),
        ("two/closed", 0o755),
    ] {
        let path = place.write(name, "#!/bin/sh\n");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    std::fs::create_dir(place.path().join("one/there")).unwrap();
    symlink("../two/there", place.path().join("one/link")).unwrap();
    symlink("nowhere", place.path().join("one/dangling")).unwrap();
    place
}

#[rstest]
#[case::first_entry("here", "ONE:TWO", Ok("ONE/here"))]
#[case::in_order("here", "TWO:ONE", Ok("TWO/here"))]
#[case::no_directory("there", "ONE:TWO", Ok("TWO/there"))]
#[case::not_executable("closed", "ONE:TWO", Ok("TWO/closed"))]
#[case::only_one_that_is_not("closed", "ONE", Err("ONE/closed may not be executed"))]
#[case::a_link("link", "ONE", Ok("ONE/link"))]
#[case::a_dangling_link("dangling", "ONE", Err("`dangling` is in no directory of PATH (ONE)"))]
#[case::where_it_runs_is_no_entry(
    "here",
    ":.:./:one:../x/one:",
    Err("`here` is in no directory of PATH (which names none that is absolute)")
)]
#[case::relative_ones_are_passed_over("here", ".::one:TWO", Ok("TWO/here"))]
#[case::empty("", "ONE", Err("`` is in no"))]
#[case::here(".", "ONE", Err("`.` is in no"))]
#[case::above("..", "ONE", Err("`..` is in no"))]
#[case::from_where_it_runs("./here", "TWO", Ok("ONE/here"))]
#[case::below("../two//./there", "", Ok("ONE/../two/there"))]
#[case::absolute("TWO/there", "", Ok("TWO/there"))]
#[case::no_file("./nowhere", "ONE:TWO", Err("there is no file ONE/nowhere"))]
#[case::a_dangling_path("./dangling", "", Err("ONE/dangling may not be executed"))]
#[case::a_directory("./there", "ONE:TWO", Err("ONE/there may not be executed"))]
#[case::not_executable_path("./closed", "TWO", Err("ONE/closed may not be executed"))]
fn names_stand_for_files(#[case] name: &str, #[case] path: &str, #[case] expected: Result<&str, &str>) {
    let place = programs();
    let [one, two] = ["one", "two"].map(|name| place.path().join(name).to_str().unwrap().to_owned());
    let real = |text: &str| text.replace("ONE", &one).replace("TWO", &two);
    let env = [("PATH".into(), "/nowhere".into()), ("PATH".into(), real(path).into())];
    let found = resolve(&real(name), Path::new(&one), &env);
    match expected {
        Ok(expected) => assert_eq!(found.unwrap().to_str(), Some(real(expected).as_str())),
        Err(expected) => {
            let message = found.unwrap_err().to_string();
            assert!(message.starts_with(&real(expected)), "{message}");
        }
    }
}

#[test]
fn without_path_there_is_no_program() {
    assert!(matches!(resolve("sh", Path::new("/"), &[]), Err(ProgramError::NotFound { .. })));
    assert!(matches!(resolve("bin/sh", Path::new("tmp"), &[]), Err(ProgramError::NoDirectory { .. })));
}

/// What a program is given of variables of these names.
fn given<'a>(names: &[&'a str], extra: &[&str]) -> Vec<&'a str> {
    let all = names.iter().map(|name| (OsString::from(name), OsString::from("/value")));
    let given = environment(all, &argv(extra));
    names.iter().copied().filter(|name| given.contains(&(name.into(), "/value".into()))).collect()
}

#[test]
fn a_program_is_given_what_is_usual_and_what_its_rule_names() {
    let usual =
        ["PATH", "HOME", "LANG", "LC_ALL", "LC_TIME", "TZ", "TMPDIR", "TERM", "USER", "XDG_CACHE_HOME"];
    assert_eq!(given(&usual, &[]), usual);
    let others = [
        "GITHUB_TOKEN",
        "LC_GITHUB_TOKEN",
        "AWS_ACCESS_KEY_ID",
        "DB_PASSWORD",
        "SSH_AUTH_SOCK",
        "XDG_RUNTIME_DIR",
        "DATABASE_URL",
        "BASH_ENV",
        "BASH_FUNC_ls%%",
        "GIT_ASKPASS",
        "path",
    ];
    assert_eq!(given(&others, &[]), [""; 0]);
    assert_eq!(given(&others, &["*", "GITHUB_*", "github_token", ""]), [""; 0]);
    assert_eq!(given(&others, &["GITHUB_TOKEN", "GIT_ASKPASS", "NOT_SET"]), ["GITHUB_TOKEN", "GIT_ASKPASS"]);
}

#[test]
fn what_leads_elsewhere_is_given_to_none() {
    let leading = [
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "LD_AUDIT",
        "DYLD_INSERT_LIBRARIES",
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_NAMESPACE",
        "GIT_CONFIG_COUNT",
        "GIT_CONFIG_PARAMETERS",
        "GIT_CONFIG_GLOBAL",
        "GIT_EXEC_PATH",
    ];
    assert_eq!(given(&leading, &leading), [""; 0]);
    assert!(leading.iter().all(|name| is_never_given(name)) && !is_never_given("GITHUB_TOKEN"));
}

#[test]
fn path_is_given_without_what_depends_on_the_place_and_values_as_they_are() {
    use std::os::unix::ffi::OsStringExt;
    let bytes = || OsString::from_vec(b"\xff x".to_vec());
    let all = [("PATH".into(), ":/a:.:b/c::/d e:".into()), ("HOME".into(), bytes()), (bytes(), "x".into())];
    let expected = [("PATH".into(), OsString::from("/a:/d e")), ("HOME".into(), bytes())];
    assert_eq!(environment(all.into_iter(), &[]), expected);
}
