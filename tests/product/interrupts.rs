//! Ctrl-C, a cancelled job, a terminal that goes: what runs for the product ends before it does, and nothing is left.
#![cfg(target_os = "linux")]

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rstest::rstest;

use crate::nested_env_support::Place;
use crate::support::{all, assert_same};

/// A stand-in that says its number, and that of a program that it starts, and then hangs.
const HANGS: &str = "#!/bin/sh\nsleep 600 &\necho $$ $! > \"$OUT\"\nwait\n";

/// The numbers that it says.
fn numbers(said: &Path) -> Vec<u32> {
    let mut line = String::new();
    BufReader::new(File::open(said).unwrap()).read_line(&mut line).unwrap();
    line.split_whitespace().map(|number| number.parse().unwrap()).collect()
}

fn signal(name: &str, process: u32) {
    assert!(Command::new("kill").args(["-s", name, &process.to_string()]).status().unwrap().success());
}

/// Whether a process runs; one that is gone and that nobody has asked for yet does not.
fn is_there(process: u32) -> bool {
    let status = std::fs::read(format!("/proc/{process}/status")).unwrap_or_default();
    let status = String::from_utf8_lossy(&status);
    status.lines().any(|line| line.starts_with("State:") && !line.contains('Z'))
}

/// A call that hangs in the tool that it runs, and the numbers of what it runs.
fn hanging(place: &Place, wrapper: &[&str]) -> (Child, Vec<u32>) {
    let said = place.path("../said");
    assert!(Command::new("mkfifo").arg(&said).status().unwrap().success());
    let own = place.command();
    let words: Vec<_> = wrapper.iter().map(|word| (*word).to_owned()).collect();
    let mut command = match words.split_first() {
        None => place.command(),
        Some((program, more)) => {
            let mut command = Command::new(program);
            command.args(more).arg(own.get_program()).current_dir(place.path(""));
            command.env_clear().envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
            command
        }
    };
    command.args(["env", "create", "a/b/made", "--json", "--timeout", "600"]).env("OUT", &said);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let numbers = numbers(&said);
    assert!(numbers.len() == 2 && numbers.iter().all(|number| is_there(*number)));
    (child, numbers)
}

#[rstest]
#[case("INT", 2)]
#[case("TERM", 15)]
#[case("HUP", 1)]
fn what_runs_is_ended_and_nothing_is_left(#[case] name: &str, #[case] number: i32) {
    let place = Place::with("uv", HANGS).and("python3", "#!/bin/sh\necho ran > ran\n");
    let before = all(&place.path(""));
    // Tests may be run by what ignores one of them, as nohup does.
    let (child, running) = hanging(&place, &["/usr/bin/env", "--default-signal=INT,TERM,HUP"]);
    signal(name, child.id());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.signal(), Some(number), "{output:?}");
    let still: Vec<_> = running.iter().filter(|process| is_there(**process)).collect();
    assert!(still.is_empty(), "{still:?} of {running:?}");
    // The next tool was not tried.
    assert_same(&before, &all(&place.path("")), "an interrupted call");
}

/// Who is told to stay when the terminal goes stays.
#[test]
fn a_signal_that_was_to_be_ignored_is_ignored() {
    let place = Place::with("uv", HANGS);
    let (mut child, running) = hanging(&place, &["/bin/sh", "-c", "trap '' HUP; exec \"$@\"", "sh"]);
    signal("HUP", child.id());
    assert!(child.try_wait().unwrap().is_none() && is_there(running[0]));
    signal("TERM", child.id());
    assert_eq!(child.wait().unwrap().signal(), Some(15));
}
