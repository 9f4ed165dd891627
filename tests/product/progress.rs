//! What a merge is doing, on a terminal: every step on one line that is written anew, and nothing of it elsewhere.

use std::process::Command;

use rstest::rstest;

use crate::landed::{at, hooked, merge};
use crate::ready::{LANE_A, LANE_B, ready};
use crate::remotes::apart;
use crate::support::{Run, TestRepo, binary};

/// Back to the start of the line, and away with what stands there.
const ANEW: &str = "\r\u{1b}[K";
const MERGE: [&str; 3] = ["merge", "--mission", "m"];

/// Runs the product on a terminal, with the redirections of a shell: what is on the screen, as standard output.
fn on_a_terminal(
    repo: &TestRepo,
    redirected: &str,
    variables: &[(&str, &str)],
    arguments: &[&str],
) -> Option<Run> {
    if Command::new("script").arg("--version").output().is_err() {
        eprintln!("script(1) is not installed");
        return None;
    }
    let line = format!("exec '{}' {} {redirected}", binary().display(), arguments.join(" "));
    let mut script = Command::new("script");
    clearance_testkit::scrub(&mut script);
    script.env("NO_COLOR", "1").env("TERM", "xterm").env("COLUMNS", "1000");
    script.args(["-qec", &line, "/dev/null"]).current_dir(repo.root()).envs(variables.iter().copied());
    Some(Run::of(&mut script))
}

#[rstest]
fn every_step_is_shown(#[values("squash", "merge", "rebase")] strategy: &str) {
    let repo = ready();
    apart(&repo, 0, 0);
    let mut steps = vec![format!("merging {LANE_A} (1 of 2)"), format!("merging {LANE_B} (2 of 2)")];
    if strategy == "rebase" {
        steps.extend([LANE_A, LANE_B].map(|branch| format!("making {} again", &at(&repo, branch)[..12])));
    }
    steps.push("making the commit for main".to_owned());
    steps.push(format!("updating {}", repo.root().display()));
    steps.push("pushing to origin".to_owned());
    steps.push("removing branches and work trees".to_owned());
    // In the end the line is empty.
    steps.push(String::new());
    let arguments = [&MERGE[..], &["--push", "--strategy", strategy]].concat();
    let Some(run) = on_a_terminal(&repo, "> ../answer", &[], &arguments) else { return };
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(run.stdout, steps.iter().map(|step| format!("{ANEW}{step}")).collect::<String>());
    assert!(clearance_testkit::read(repo.outside(), "answer").starts_with("m is "));
}

/// The start of a line that was wrapped could not be gone back to.
#[test]
fn a_narrow_terminal() {
    let repo = ready();
    let Some(run) = on_a_terminal(&repo, "> ../answer", &[("COLUMNS", "25")], &MERGE) else { return };
    let lines: Vec<_> = run.stdout.split(ANEW).collect();
    assert_eq!(lines[1], &format!("merging {LANE_A}")[..24]);
    assert!(lines.iter().all(|line| line.len() < 25), "{lines:?}");
}

/// What is said in the end stands on a line of its own.
#[rstest]
#[case::made("exit 0", 0, "m is squashed onto main\r\n")]
#[case::refused("exit 1", 1, "hook_refused\r\n")]
fn the_line_makes_room(#[case] hook: &str, #[case] code: i32, #[case] said: &str) {
    let repo = ready();
    hooked(&repo.root().join(".git"), "commit-msg", &format!("#!/bin/sh\n{hook}\n"));
    let Some(run) = on_a_terminal(&repo, "", &[], &MERGE) else { return };
    let lines: Vec<_> = run.stdout.split(ANEW).collect();
    let last = lines.last().unwrap();
    assert!(run.code == code && lines.len() > 2 && last.starts_with(said), "{run:?}");
}

#[rstest]
#[case::standard_error_in_a_file("2> ../said", &[], &[])]
#[case::a_terminal_that_cannot_go_back("> ../said", &[("TERM", "dumb")], &[])]
#[case::quiet("> ../said", &[], &["--quiet"])]
#[case::nothing_to_do("> ../said", &[], &["--dry-run"])]
fn nothing_is_shown(#[case] redirected: &str, #[case] variables: &[(&str, &str)], #[case] more: &[&str]) {
    let repo = ready();
    let arguments = [&MERGE[..], more].concat();
    let Some(run) = on_a_terminal(&repo, redirected, variables, &arguments) else { return };
    assert_eq!(run.code, 0, "{run:?}");
    let all = run.stdout + &clearance_testkit::read(repo.outside(), "said");
    assert!(!all.contains(ANEW) && !all.contains("merging"), "{all:?}");
}

#[test]
fn no_terminal() {
    let run = merge(&ready(), &[]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    assert!(!run.stdout.contains(ANEW) && !run.stdout.contains("merging"), "{}", run.stdout);
}

#[test]
fn the_steps_of_a_scenario() {
    let fixed = ["env", "drift", "--python", "/bin/true", "--package", "p", "--candidate", "c"];
    let arguments = [&fixed[..], &["--candidate-version", "1", "--sign", "s", "--", "t"]].concat();
    let Some(run) = on_a_terminal(&ready(), "> ../answer", &[], &arguments) else { return };
    assert_eq!(run.code, 3, "{run:?}");
    let lines: Vec<_> = run.stdout.split(ANEW).collect();
    assert_eq!(lines[1], "contract drift: environment");
    assert!(lines[2].contains("skipped: E2E environment limitation"), "{run:?}");
}

/// A board that is longer than the terminal is read page by page; one that fits, or that nobody sees, is not.
#[rstest]
#[case::long("", &[("LINES", "3"), ("PAGER", "sed s/^/paged:/")], true)]
#[case::our_own_setting("", &[("LINES", "3"), ("PAGER", "false"), ("CLEARANCE_PAGER", "sed s/^/paged:/")], true)]
#[case::it_fits("", &[("LINES", "90"), ("PAGER", "sed s/^/paged:/")], false)]
#[case::switched_off("", &[("LINES", "3"), ("PAGER", "sed s/^/paged:/"), ("CLEARANCE_PAGER", "")], false)]
#[case::no_such_program("", &[("LINES", "3"), ("PAGER", "no-such-pager")], false)]
#[case::quoted("", &[("LINES", "3"), ("PAGER", "sed 's/^/paged: /' \"\"-")], true)]
#[case::open_quote("", &[("LINES", "3"), ("PAGER", "sed 's/^/paged:/")], false)]
#[case::a_pipe("", &[("LINES", "3"), ("PAGER", "sed s/^/paged:/ | cat")], false)]
#[case::it_starts_nothing("", &[("LINES", "3"), ("PAGER", "env no-such-pager")], false)]
#[case::it_fails("", &[("LINES", "3"), ("PAGER", "false")], false)]
#[case::in_a_file("> ../said", &[("LINES", "3"), ("PAGER", "sed s/^/paged:/")], false)]
fn a_long_board(#[case] redirected: &str, #[case] variables: &[(&str, &str)], #[case] paged: bool) {
    let repo = ready();
    let Some(run) = on_a_terminal(&repo, redirected, variables, &["status", "--mission", "m"]) else {
        return;
    };
    let all =
        if redirected.is_empty() { run.stdout } else { clearance_testkit::read(repo.outside(), "said") };
    assert!(all.contains("work packages done"), "{all}");
    assert_eq!(all.contains("paged:"), paged, "{all}");
}
