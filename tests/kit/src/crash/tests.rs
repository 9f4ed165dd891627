use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::Barrier;
use std::thread;

use rstest::rstest;

use super::{Blow, Call, Crash, Ended, run};
use crate::{Scratch, scrub};

fn shell(directory: &Path, script: &str) -> Command {
    let mut command = Command::new("sh");
    scrub(&mut command);
    command.args(["-eu", "-c", script]).current_dir(directory);
    command
}

/// A test of this file as a program.
fn program(name: &str, directory: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    scrub(&mut command);
    command.args(["--exact", "--ignored", &format!("crash::tests::{name}")]).current_dir(directory);
    command
}

/// The calls of a command that ends by itself, and well.
fn calls(command: &Command, below: &Path) -> Vec<Call> {
    match run(command, below, None).unwrap() {
        Ended::ByItself { code: Some(0), calls, .. } => calls,
        ended => panic!("{ended:?}"),
    }
}

/// Kills a command at a call, and gives the call.
fn killed(command: &Command, below: &Path, at: usize, blow: Blow) -> Call {
    match run(command, below, Some(Crash { at, blow })).unwrap() {
        Ended::Killed { call, .. } => call,
        ended @ Ended::ByItself { .. } => panic!("not killed at {at}: {ended:?}"),
    }
}

fn told(command: &Command, below: &Path) -> (Option<i32>, String, String) {
    match run(command, below, None).unwrap() {
        Ended::ByItself { code, stdout, stderr, .. } => {
            (code, String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
        }
        ended @ Ended::Killed { .. } => panic!("{ended:?}"),
    }
}

/// What is there: directories, links, and files with what is in them.
fn tree(directory: &Path) -> String {
    fn walk(root: &Path, directory: &Path, into: &mut BTreeSet<String>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().display().to_string();
            if path.is_symlink() {
                into.insert(format!("{name}>{}", fs::read_link(&path).unwrap().display()));
            } else if path.is_dir() {
                into.insert(format!("{name}/"));
                walk(root, &path, into);
            } else {
                into.insert(format!("{name}={}", String::from_utf8(fs::read(&path).unwrap()).unwrap()));
            }
        }
    }
    let mut entries = BTreeSet::new();
    walk(directory, directory, &mut entries);
    Vec::from_iter(entries).join(" ")
}

/// The processes that work below a directory.
fn processes(directory: &Path) -> Vec<String> {
    let directory = directory.canonicalize().unwrap();
    let processes = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    let here =
        |process: &Path| fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(&directory));
    processes.filter(|process| here(process)).map(|process| process.display().to_string()).collect()
}

/// Every state that the script comes through, one call after the other.
const SCRIPT: &str = "
    mkdir d
    printf one > d/a
    mv d/a d/b
    printf two | tr a-z A-Z > c
    printf +- | cat | cat >> d/b
    ln -s c link
    : > d/b
    cd d
    printf in > ../../$NAME/d/b
    cd /
    rm -r $OLDPWD
";
const STATES: [&str; 15] = [
    "",
    "d/",
    "d/ d/a=",
    "d/ d/a=one",
    "d/ d/b=one",
    "c= d/ d/b=one",
    "c=TWO d/ d/b=one",
    // It is opened to be made.
    "c=TWO d/ d/b=one",
    "c=TWO d/ d/b=one+-",
    "c=TWO d/ d/b=one+- link>c",
    "c=TWO d/ d/b= link>c",
    // Emptied again.
    "c=TWO d/ d/b= link>c",
    "c=TWO d/ d/b=in link>c",
    "c=TWO d/ link>c",
    "c=TWO link>c",
];

#[test]
fn the_calls_before_are_made_and_no_later_one() {
    for (at, state) in (1..).zip(STATES) {
        for blow in [Blow::Before, Blow::Torn] {
            let scratch = Scratch::new();
            let mut command = shell(scratch.path(), SCRIPT);
            command.env("NAME", scratch.path().file_name().unwrap());
            let crash = Some(Crash { at, blow });
            let ended = run(&command, scratch.path(), crash).unwrap();
            let torn = match &ended {
                Ended::Killed { call, .. } => blow == Blow::Torn && call.tears(),
                Ended::ByItself { calls, .. } => {
                    assert_eq!((calls.len(), at), (STATES.len() - 1, STATES.len()), "{calls:?}");
                    false
                }
            };
            if !torn {
                assert_eq!(tree(scratch.path()), state, "{crash:?}: {ended:?}");
            }
            assert_eq!(processes(scratch.path()), [""; 0]);
        }
    }
}

#[test]
fn git_makes_the_same_number_of_calls_each_time() {
    let git = || {
        let scratch = Scratch::new();
        let script = "
            git init --quiet
            echo text > file
            git add file
            git -c user.name=T -c user.email=t@example.invalid commit --quiet --message Text
            git gc --quiet
        ";
        let calls = calls(&shell(scratch.path(), script), scratch.path());
        let renamed = |call: &&Call| call.name.starts_with("rename");
        assert!(calls.iter().filter(renamed).any(|call| call.paths[1].ends_with("index")), "{calls:?}");
        calls.len()
    };
    let count = git();
    assert!(count > 50, "{count}");
    assert_eq!([count; 2], [git(), git()]);
}

#[rstest]
#[case::half("printf 0123456789 > file", 2, "file=01234")]
#[case::rounded_down("printf 01234 > file", 2, "file=01")]
#[case::too_small("printf 0 > file", 2, "file=")]
#[case::no_write("printf 0 > file; mv file name", 3, "file=0")]
#[case::appended("printf 0123 > file; printf 4567 >> file", 4, "file=012345")]
fn a_torn_write_is_half_of_one(#[case] script: &str, #[case] at: usize, #[case] state: &str) {
    let scratch = Scratch::new();
    killed(&shell(scratch.path(), script), scratch.path(), at, Blow::Torn);
    assert_eq!(tree(scratch.path()), state);
}

#[test]
fn a_call_says_what_it_would_have_done() {
    let scratch = Scratch::new();
    let command = shell(scratch.path(), "mkdir d; printf 012 > d/file; mv d/file d/name");
    let said = |at| killed(&command, scratch.path(), at, Blow::Before).to_string();
    assert!(said(1).starts_with("mkdir"), "{}", said(1));
    fs::create_dir(scratch.path().join("d")).unwrap();
    let command = shell(scratch.path(), "printf 012 > d/file; mv d/file d/name");
    let said = |at| killed(&command, scratch.path(), at, Blow::Before).to_string();
    assert!(said(1).ends_with(" d/file"), "{}", said(1));
    assert_eq!(said(2), "write d/file (3 bytes)");
    assert!(said(3).ends_with(" d/file d/name"), "{}", said(3));
}

#[rstest]
#[case::of_a_script("sleep 1000 & (sleep 1000 & sleep 1000 &) ; echo > mark; wait")]
#[case::without_parents("(sleep 1000 &) ; (setsid sh -c 'sleep 1000 & wait' &) ; echo > mark; sleep 1000")]
#[case::that_heed_nothing("sh -c 'trap \"\" INT TERM HUP; sleep 1000' & echo > mark; wait")]
#[case::that_are_made(
    "sh -c 'while :; do /bin/true & done' & for n in 1 2 3 4 5 6 7 8 9; do /bin/true; done; echo > mark"
)]
#[case::that_spin("sh -c 'while :; do :; done' & sh -c 'while :; do /bin/true; done' & echo > mark; wait")]
fn nobody_is_left(#[case] script: &str) {
    let scratch = Scratch::new();
    let below = scratch.path().join("below");
    fs::create_dir(&below).unwrap();
    for _ in 0..5 {
        killed(&shell(&below, script), &below, 1, Blow::Before);
        assert_eq!(processes(&below), [""; 0]);
        assert_eq!(tree(&below), "");
    }
}

#[test]
fn what_is_elsewhere_does_not_count() {
    let scratch = Scratch::new();
    let below = scratch.path().join("below");
    fs::create_dir(&below).unwrap();
    let none = "
        echo > ../file
        mkdir ../belowest
        echo > /dev/null
        echo said
        echo said >&2
        echo | cat | cat > ../copy
        cat ../copy
        mv ../copy ../moved
        rm ../moved
    ";
    assert_eq!(calls(&shell(&below, none), &below), []);
    // The directory is the same by whatever way, and a link that is in it is not what it leads to.
    let some = "
        ln -s below ../way
        ln -s $PWD/../file link
        echo > link
        mv ../file moved
        cd ../way
        : > here
        cd /
        : > $OLDPWD/there
        exec 3> $OLDPWD/gone
        rm $OLDPWD/gone
        echo >&3
    ";
    let calls = calls(&shell(&below, some), &below);
    let paths = |call: &Call| call.paths.last().unwrap().display().to_string();
    assert_eq!(
        calls.iter().map(paths).collect::<Vec<_>>(),
        ["link", "moved", "here", "there", "gone", "gone"]
    );
    assert!(calls[1].paths[0].is_absolute());
}

#[test]
fn what_is_said_and_how_it_ends_comes_through() {
    let scratch = Scratch::new();
    let told = |script| told(&shell(scratch.path(), script), scratch.path());
    assert_eq!(told("echo out; echo err >&2; exit 7"), (Some(7), "out\n".to_owned(), "err\n".to_owned()));
    assert_eq!(told("cat; pwd -P").1, format!("{}\n", scratch.path().canonicalize().unwrap().display()));
    assert_eq!(told("echo first; kill -KILL $$"), (None, "first\n".to_owned(), String::new()));
    assert_eq!(told("exec /nonexistent/program").0, Some(127));
    let command = shell(scratch.path(), "echo out; echo err >&2; echo > file; echo never");
    match run(&command, scratch.path(), Some(Crash { at: 1, blow: Blow::Before })).unwrap() {
        Ended::Killed { stdout, stderr, .. } => {
            assert_eq!((&*stdout, &*stderr), (&b"out\n"[..], &b"err\n"[..]));
        }
        ended @ Ended::ByItself { .. } => panic!("{ended:?}"),
    }
}

#[test]
fn the_environment_is_what_the_command_was_given() {
    let scratch = Scratch::new();
    let mut command = Command::new("/usr/bin/env");
    command.env("B", "two words\nand a line").env("A", "=").env("-i", "").env_remove("PATH");
    assert_eq!(told(&command, scratch.path()).1, "-i=\nA==\nB=two words\nand a line\n");
}

#[test]
fn signals_arrive() {
    let scratch = Scratch::new();
    let script = "
        trap 'echo caught' TERM
        kill -TERM $$
        trap - TERM
        sleep 1000 & kill -TERM $!; wait $! || echo $?
        sleep 1000 & kill -KILL $!; wait $! || echo $?
        sh -c 'kill -STOP $$; echo on' & kill -CONT $!; wait $!
        sh -c 'kill -TSTP $$; echo on'
        yes | head -n 1
        (kill -SEGV $(sh -c 'echo $PPID')) || echo $?
    ";
    let told = told(&shell(scratch.path(), script), scratch.path());
    assert_eq!(told.1, "caught\n143\n137\non\non\ny\n139\n", "{told:?}");
    assert_eq!(told.0, Some(0));
}

#[test]
fn what_is_left_in_the_background_belongs_to_it() {
    let scratch = Scratch::new();
    let script = "setsid sh -c 'while kill -0 $0; do :; done 2>&-; echo > late' $$ & exit 3";
    match run(&shell(scratch.path(), script), scratch.path(), None).unwrap() {
        Ended::ByItself { code: Some(3), calls, .. } => assert_eq!(calls.len(), 2),
        ended => panic!("{ended:?}"),
    }
    assert_eq!(tree(scratch.path()), "late=\n");
}

#[test]
fn a_pipe_that_nobody_reads_yet_holds_nobody_up() {
    let script = "mkfifo pipe; (mkdir a; cat pipe > b) & echo text > pipe; wait";
    for at in 1.. {
        let scratch = Scratch::new();
        let crash = Some(Crash { at, blow: Blow::Torn });
        if let Ended::ByItself { calls, .. } =
            run(&shell(scratch.path(), script), scratch.path(), crash).unwrap()
        {
            assert_eq!(calls.len(), 4, "{calls:?}");
            break;
        }
    }
}

/// Eight threads that make ten directories each, and start a program for every other one.
#[test]
#[ignore = "a program of other tests"]
fn threads() {
    let start = Barrier::new(8);
    thread::scope(|scope| {
        for thread in 0..8 {
            let start = &start;
            scope.spawn(move || {
                start.wait();
                for index in 0..10 {
                    let name = format!("{thread}-{index}");
                    if index % 2 == 0 {
                        fs::create_dir(name).unwrap();
                    } else {
                        assert!(Command::new("mkdir").arg(name).status().unwrap().success());
                    }
                }
            });
        }
    });
}

#[test]
fn threads_do_not_outrun_the_crash() {
    for at in [1, 2, 3, 5, 8, 13, 21, 34, 55, 79, 80] {
        let scratch = Scratch::new();
        killed(&program("threads", scratch.path()), scratch.path(), at, Blow::Before);
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), at - 1);
        assert_eq!(processes(scratch.path()), [""; 0]);
    }
    let scratch = Scratch::new();
    assert_eq!(calls(&program("threads", scratch.path()), scratch.path()).len(), 80);
}

/// One of several threads becomes another program, while the others make and remove directories.
#[test]
#[ignore = "a program of other tests"]
fn thread_that_becomes_a_program() {
    let start = Barrier::new(4);
    let work = |name: String| {
        fs::create_dir(&name).unwrap();
        fs::remove_dir(&name).unwrap();
    };
    thread::scope(|scope| {
        for thread in 0..3 {
            let start = &start;
            scope.spawn(move || {
                work(thread.to_string());
                start.wait();
                while fs::exists(".").unwrap() {
                    work(thread.to_string());
                }
            });
        }
        scope.spawn(|| {
            start.wait();
            panic!("{}", Command::new("mkdir").arg("program").exec());
        });
    });
}

#[test]
fn a_thread_can_become_a_program() {
    for _ in 0..5 {
        let scratch = Scratch::new();
        let command = program("thread_that_becomes_a_program", scratch.path());
        let calls = calls(&command, scratch.path());
        assert_eq!(calls.last().unwrap().paths, [Path::new("program")]);
        fs::remove_dir(scratch.path().join("program")).unwrap();
        for at in 1..=7 {
            killed(&command, scratch.path(), at, Blow::Before);
            assert_eq!(processes(scratch.path()), [""; 0]);
            for left in fs::read_dir(scratch.path()).unwrap() {
                fs::remove_dir(left.unwrap().path()).unwrap();
            }
        }
    }
}

#[test]
fn runs_do_not_disturb_each_other() {
    thread::scope(|scope| {
        for thread in 0..10 {
            scope.spawn(move || {
                for at in 1..=5 {
                    let scratch = Scratch::new();
                    let script = format!("for n in 1 2 3; do echo {thread} > $n; (: &); done; exit {thread}");
                    let command = shell(scratch.path(), &script);
                    killed(&command, scratch.path(), at, Blow::Before);
                    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), at / 2, "at {at}");
                    assert_eq!(told(&command, scratch.path()).0, Some(thread));
                }
            });
        }
    });
}
