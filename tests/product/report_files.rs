//! Where reports are written: over nothing that is not to be lost, and into nothing that is looked at.
#![cfg(unix)]

use std::process::{Command, Stdio};

use clearance_testkit::read;
use rstest::rstest;

use crate::ready::ready;
use crate::reports::{asked, everything};
use crate::support::{TestRepo, command, run, unchanged};

/// Runs a line of sh in a repository.
fn sh(repo: &TestRepo, line: &str) {
    assert!(
        Command::new("sh").args(["-c", line]).current_dir(repo.root()).status().unwrap().success(),
        "{line}"
    );
}

#[rstest]
#[case::the_same("true", "json=out", "sarif=out", "would take the place of the report out")]
#[case::another_way("mkdir d", "json=out", "sarif=d/../out", "would take the place of the report out")]
#[case::through_a_link("ln -s . d", "json=out", "sarif=d/out", "would take the place of the report out")]
#[case::that_is_there(
    "echo x > out; ln -s out o",
    "json=out",
    "sarif=o",
    "would take the place of the report out"
)]
#[case::a_hard_link(
    "echo x > out; ln out o",
    "json=ok",
    "sarif=o",
    "a file that has another name too (a hard link)"
)]
#[case::a_dangling_link("ln -s nothing o", "json=ok", "sarif=o", "a link that leads nowhere")]
#[case::a_rule("true", "json=ok", "sarif=rules.d/z.yaml", "the repository's own files")]
#[case::a_directory("mkdir d", "json=ok", "sarif=d", "cannot be written")]
#[case::no_directory("true", "json=ok", "sarif=d/out", "cannot be written")]
fn what_could_be_lost_is_refused(
    #[case] before: &str,
    #[case] first: &str,
    #[case] second: &str,
    #[case] why: &str,
) {
    let repo = everything();
    sh(&repo, before);
    let told = asked(&repo, &["--report", first, "--report", second]);
    assert_eq!((told.code, told.stdout.as_str()), (2, ""), "{}", told.stderr);
    assert!(told.stderr.contains("report_not_writable") && told.stderr.contains(why), "{}", told.stderr);
    assert!(!repo.root().join("nothing").exists() && !repo.root().join("rules.d/z.yaml").exists());
}

#[test]
fn a_hard_link_keeps_what_it_leads_to() {
    let repo = everything();
    sh(&repo, "echo mine > mine; ln mine out");
    let told = unchanged(repo.root(), || asked(&repo, &["--report", "json=out"]));
    assert_eq!(told.code, 2);
}

/// A device may be named twice: nothing is lost there.
#[test]
fn a_device_may_be_named_twice() {
    let repo = everything();
    let told = asked(&repo, &["--report", "json=/dev/null", "--report", "sarif=/dev/null"]);
    assert_eq!(told.code, 3, "{}", told.stderr);
}

/// The gate of a merge wants a clean work tree, and the file is in it only when it has looked.
#[test]
fn a_report_is_no_change_that_its_own_run_finds() {
    let repo = ready();
    let told = run(&repo, &["merge", "--dry-run", "--mission", "m", "--report", "markdown=out.md"]);
    assert_eq!(told.code, 0, "{}", told.stdout);
    assert!(!repo.read("out.md").contains("dirty_worktree"));
    let lane = run(&repo, &["check", "--stage", "commit", "--report", "json=new.json", "--json"]);
    assert!(!lane.stdout.contains("new.json") && repo.root().join("new.json").exists(), "{}", lane.stdout);
}

#[test]
fn a_pipe_that_nobody_reads_is_an_error_and_one_that_is_read_gets_all() {
    let repo = everything();
    let pipe = repo.outside().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let to_pipe = format!("json={}", pipe.display());
    let told = asked(&repo, &["--report", &to_pipe]);
    assert!(told.code == 3 && told.stderr.contains("nobody reads this pipe"), "{told:?}");
    // Opened here too, so that the reader is there when the command begins.
    let read_end = Command::new("cat").arg(&pipe).stdout(Stdio::piped()).spawn().unwrap();
    let mut opened = std::fs::OpenOptions::new();
    let kept = opened.write(true).open(&pipe).unwrap();
    let told = asked(&repo, &["--report", &to_pipe]);
    drop(kept);
    let got = read_end.wait_with_output().unwrap().stdout;
    assert_eq!(told.code, 3);
    let account: serde_json::Value = serde_json::from_slice(&got).unwrap();
    assert_eq!(account["exit_code"], 3, "{account:#}");
}

/// What a shell makes of `>(command)`.
#[test]
fn a_pipe_of_a_shell_is_written_to() {
    let repo = everything();
    let out = repo.outside().join("out");
    let product = command(repo.root());
    let line = r#"set -o pipefail; { "$1" check --stage commit --report json=/dev/fd/4 > /dev/null; } 4>&1 | cat > "$2""#;
    let mut bash = Command::new("bash");
    bash.args(["-c", line, "bash"]).arg(product.get_program()).arg(&out).current_dir(repo.root()).env_clear();
    bash.envs(product.get_envs().filter_map(|(name, value)| Some((name, value?))));
    assert_eq!(bash.status().unwrap().code(), Some(3));
    assert!(read(repo.outside(), "out").contains("clearance.check/v1"));
}

/// A file is looked at in a terminal as often as standard output is.
#[test]
fn json_in_a_file_is_escaped_and_says_the_same() {
    let repo = everything();
    crate::rules_support::stage(&repo, &[("turn\u{202e}ed.md", "EVIL")]);
    let told = asked(&repo, &["--json", "--report", "json=out.json"]);
    let written = repo.read("out.json");
    assert!(written.contains("\\u202e") && !written.contains('\u{202e}'), "{written}");
    let in_file: serde_json::Value = serde_json::from_str(&written).unwrap();
    assert_eq!(in_file["items"], told.json()["items"]);
}

/// Who reads a report by machine opens the file by its name; who reads it on a screen is not to be misled by it.
#[rstest]
#[case::sarif("sarif", "src/turn%E2%80%AEed.md")]
#[case::gitlab("gitlab", "src/turn\\u202eed.md")]
#[case::markdown("markdown", "src/turn\u{fffd}ed.md")]
#[case::junit("junit", "src/turn\u{fffd}ed.md")]
#[case::html("html", "src/turn\u{fffd}ed.md")]
#[case::text("", "src/turn\u{fffd}ed.md")]
fn a_name_that_turns_the_writing(#[case] format: &str, #[case] named: &str) {
    let repo = everything();
    crate::rules_support::stage(&repo, &[("src/turn\u{202e}ed.md", "EVIL")]);
    let args = if format.is_empty() { vec![] } else { vec!["--report", format] };
    let told = asked(&repo, &args);
    assert!(told.stdout.contains(named) && !told.stdout.contains('\u{202e}'), "{}", told.stdout);
}
