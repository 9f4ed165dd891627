//! What the gate says, and how: numbers that are not known, failures in one sentence, commands that work when pasted.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rstest::rstest;

use crate::ready::{LANE_A, LANE_B, MISSION, beside, done, dry_run, ready};
use crate::support::{Run, TestRepo, command, run, valid};

/// A mission on the target with a number of its own, in a directory whose name `printf` makes.
fn other_mission(repo: &TestRepo, directory: &str, meta: &str) {
    let place = format!("\"kitty-specs/$(printf '{directory}')\"");
    done(
        repo,
        &format!(
            "mkdir {place}; cat > {place}/meta.json <<'END'\n{meta}\nEND\ngit add .; git commit -qm other"
        ),
    );
}

#[rstest]
#[case::none("o", r#"{"mission_number": "pending"}"#, 1)]
#[case::null("o", r#"{"mission_number": null}"#, 1)]
#[case::past_32_bits("o", r#"{"mission_number": 4294967295}"#, 4_294_967_296)]
#[case::large("o", r#"{"mission_number": 99999999999}"#, 100_000_000_000)]
#[case::odd_name("o\\351", r#"{"mission_number": 7}"#, 8)]
fn the_next_number(#[case] directory: &str, #[case] meta: &str, #[case] next: u64) {
    let repo = ready();
    other_mission(&repo, directory, meta);
    let asked = dry_run(&repo, &["--json"]);
    assert_eq!(
        (asked.code, &asked.json()["would_assign_mission_number"]),
        (0, &next.into()),
        "{}",
        asked.stdout
    );
}

/// A number that cannot be read might be the largest: no guess. What blocks anyhow is said all the same.
#[rstest]
#[case::broken("{")]
#[case::largest(r#"{"mission_number": 18446744073709551615}"#)]
#[case::larger(r#"{"mission_number": 18446744073709551616}"#)]
#[case::text("{\"mission_number\": \"18446744073709551616\"}")]
fn a_number_that_is_not_known(#[case] meta: &str) {
    let repo = ready();
    other_mission(&repo, "o", meta);
    let json = dry_run(&repo, &["--json"]).json();
    assert_eq!(
        (&json["error"], &json["exit_code"]),
        (&"mission_number_unknown".into(), &3.into()),
        "{json:#}"
    );
    assert_eq!(json["file"], "kitty-specs/o/meta.json");
    repo.write("shared.txt", "mine\n");
    let blocked = dry_run(&repo, &["--json"]);
    assert_eq!(
        (blocked.code, &blocked.json()["blocker"]),
        (1, &"dirty_worktree".into()),
        "{}",
        blocked.stdout
    );
}

/// The way to a directory with a `git` that a script makes of the real one.
fn other_git(repo: &TestRepo, script: &str) -> PathBuf {
    let directory = beside(repo, "bin");
    done(
        repo,
        &format!(
            "mkdir ../bin; real=$(command -v git); printf '%s\\n' '#!/bin/sh' \"git=$real\" '{script}' > ../bin/git; chmod +x ../bin/git"
        ),
    );
    directory
}

fn asked_with(repo: &TestRepo, variable: &str, value: &Path) -> Run {
    Run::of(command(repo.root()).env(variable, value).args(["merge", "--dry-run", "--mission", "m"]))
}

/// One fault is told once, with the checks that it stopped, and with the way out.
#[rstest]
#[case::no_git("PATH", "/nonexistent", "cannot run git: ", "install git, or put it on PATH")]
#[case::no_place("TMPDIR", "/nonexistent", "no temporary file can be made in /nonexistent: ", "set TMPDIR")]
fn what_stops_several_checks(
    #[case] variable: &str,
    #[case] value: &str,
    #[case] why: &str,
    #[case] way: &str,
) {
    let repo = ready();
    let asked = asked_with(&repo, variable, Path::new(value));
    assert_eq!(asked.code, 3);
    for once in [why, way, "nothing is cleared as long as", " and rules-changed could not look: "] {
        assert_eq!(asked.stdout.matches(once).count(), 1, "{once}: {}", asked.stdout);
    }
    assert_eq!(asked.stdout.contains("cannot run git"), variable == "PATH", "{}", asked.stdout);
}

/// A git that does not know what it is asked for says its usage, which tells nobody that it is too old.
#[test]
fn a_git_that_is_too_old() {
    let repo = ready();
    let old = "case \"$*\" in version) echo git version 2.39.5; exit;; *--attr-source*) echo unknown option: --attr-source >&2; echo usage: git [--version] >&2; exit 129;; esac; exec $git \"$@\"";
    let directory = other_git(&repo, old);
    let asked = asked_with(&repo, "PATH", &directory);
    assert_eq!(asked.code, 3);
    let words = "`git merge-tree` failed: clearance needs git 2.41 or newer, and this one is 2.39.5: install";
    assert_eq!(asked.stdout.matches("needs git").count(), 1, "{}", asked.stdout);
    assert!(asked.stdout.contains(words), "{}", asked.stdout);
}

/// Whose environment names attributes of another commit gets the same answer, also where there is no such commit.
#[rstest]
#[case::another("odd")]
#[case::none("nowhere")]
fn attributes_of_the_environment_do_not_count(#[case] source: &str) {
    let repo = ready();
    let odd = "git checkout -qb odd; echo 'crlf.txt text' > .gitattributes; git add .; git commit -qm odd";
    done(&repo, "printf 'a\\r\\n' > crlf.txt; git add .; git commit -qm crlf");
    // git looks into a file that is not as old as it was.
    done(&repo, &format!("{odd}; git checkout -q main; touch -d 2020-01-01 crlf.txt"));
    let asked = asked_with(&repo, "GIT_ATTR_SOURCE", Path::new(source));
    assert_eq!(asked.code, 0, "{}", asked.stdout);
}

/// Most commits are of no mission: the repository is asked, and it is said what is not.
#[test]
fn a_commit_of_no_mission() {
    let repo = ready();
    let asked = run(&repo, &["check", "--stage", "commit"]);
    assert_eq!(asked.code, 0, "{}", asked.stdout);
    for words in ["note[no_mission_named]: the checks of missions do not apply: ", "name it: --mission m"] {
        assert!(asked.stdout.contains(words), "{}", asked.stdout);
    }
    let json = run(&repo, &["check", "--stage", "commit", "--json"]).json();
    let applicable = |check: &&serde_json::Value| check["applicable"] == true;
    assert_eq!(
        (&json["mission"], json["checks"].as_array().unwrap().iter().filter(applicable).count()),
        (&serde_json::Value::Null, 1)
    );
    repo.write(".git/index.lock", "");
    assert_eq!(run(&repo, &["check", "--stage", "commit"]).code, 1);
    assert_eq!(run(&repo, &["check"]).code, 2, "a merge is of a mission");
}

#[test]
fn nothing_to_merge_is_said_as_that() {
    let repo = ready();
    done(&repo, &format!("git merge -q --no-ff {MISSION} {LANE_A} {LANE_B}; git branch -f {MISSION}"));
    let asked = dry_run(&repo, &[]);
    assert_eq!(asked.code, 0, "{}", asked.stdout);
    assert!(
        asked
            .stdout
            .contains("\nmain has everything already; that would be recorded: 3 files would change\n"),
        "{}",
        asked.stdout
    );
    for odd in ["would be squashed", "0 files"] {
        assert!(!asked.stdout.contains(odd), "{odd}: {}", asked.stdout);
    }
}

#[test]
fn a_place_is_named_once() {
    let repo = ready();
    repo.write("shared.txt", repo.read("shared.txt").replace("one", "eins"));
    repo.commit_all("Target");
    let asked = dry_run(&repo, &[]);
    assert!(
        asked.stdout.contains("Merge conflict in shared.txt (line 1) [conflict-forecast]"),
        "{}",
        asked.stdout
    );
}

#[test]
fn checks_that_do_not_apply_are_counted() {
    let repo = TestRepo::new();
    let asked = run(&repo, &["check"]);
    assert!(asked.stdout.ends_with("found nothing in the way (9 do not apply)\n"), "{}", asked.stdout);
    assert!(!run(&repo, &["check", "--verbose"]).stdout.contains("do not apply"));
    assert!(!dry_run(&ready(), &[]).stdout.contains("apply"));
}

/// A command for a file whose name a terminal would obey does nothing when shown, and works when pasted.
#[rstest]
#[case("a\\033[2J\\033]0;x\\007b.txt")]
#[case("-\\033 %%s $HOME \\047 \\042 `x` \\134 \\342\\200\\256.txt")]
fn commands_for_names_that_a_terminal_would_obey(#[case] name: &str) {
    let repo = ready();
    let file = format!("\"$(printf -- '{name}')\"");
    done(
        &repo,
        &format!(
            "f={file}; echo a > \"$f\"; git add .; git commit -qm odd; git update-index --assume-unchanged -- \"$f\"; echo b > \"$f\""
        ),
    );
    let asked = dry_run(&repo, &[]);
    assert_eq!(asked.code, 1, "{}", asked.stdout);
    assert!(asked.stdout.contains("error[hidden_change]"), "{}", asked.stdout);
    assert!(!asked.stdout.chars().any(|c| c.is_control() && c != '\n'), "{:?}", asked.stdout);
    let command =
        asked.stdout.lines().find_map(|line| line.strip_prefix("  help: to get past it: ")).unwrap();
    done(&repo, command);
    assert!(dry_run(&repo, &[]).stdout.contains("error[dirty_worktree]"), "git looks again");
}

/// A report never takes the place of somebody's work; it does take that of an earlier report.
#[test]
fn a_report_does_not_overwrite_what_git_tracks() {
    let repo = ready();
    let before = repo.read("shared.txt");
    done(&repo, "ln -s shared.txt link.json");
    for file in ["shared.txt", "link.json"] {
        let asked = dry_run(&repo, &["--report", &format!("json={file}"), "--json"]);
        let json = asked.json();
        assert_eq!((asked.code, &json["error"]), (2, &"report_not_writable".into()), "{json:#}");
        assert!(json["message"].as_str().unwrap().ends_with("a file that git tracks"), "{json:#}");
    }
    let unknown = run(&repo, &["merge", "--dry-run", "--mission", "nope", "--report", "json=shared.txt"]);
    assert_eq!((unknown.code, repo.read("shared.txt") == before), (2, true), "neither does an error");
    for mission in ["m", "nope", "m"] {
        let asked = run(&repo, &["merge", "--dry-run", "--mission", mission, "--report", "json=report.json"]);
        done(&repo, "git add report.json; git commit -qm report");
        assert_eq!(asked.code, if mission == "m" { 0 } else { 2 }, "{}", asked.stderr);
    }
}

/// Machines read errors as the schema says.
#[rstest]
#[case::usage(&["check", "--frobnicate"])]
#[case::unknown(&["check", "--mission", "nope"])]
#[case::none_named(&["merge", "--dry-run"])]
#[case::no_repository(&["check", "--repo", "/"])]
#[case::broken(&["status", "--mission", "broken"])]
#[case::number(&["merge", "--dry-run", "--mission", "m"])]
fn errors_are_as_the_schema_says(#[case] question: &[&str]) {
    let repo = ready();
    other_mission(&repo, "broken", "{");
    let asked = run(&repo, &[question, &["--json"]].concat());
    let json = asked.json();
    valid("clearance.error.v1.json", &json);
    assert_eq!(json["exit_code"], asked.code, "{json:#}");
}

/// Drawn messages fit the terminal; a command must stay one line to be pasted.
#[rstest]
#[case(20)]
#[case(40)]
#[case(80)]
fn drawn_messages_fit(#[case] columns: usize) {
    let repo = ready();
    repo.git(&["branch", "-D", MISSION]);
    let mut asking = command(repo.root());
    asking.env("COLUMNS", columns.to_string());
    let asked = Run::of(asking.args(["check", "--mission", "m", "--report", "fancy"]));
    let lines: Vec<_> = asked.stdout.lines().filter(|line| line.contains(' ')).collect();
    let message: Vec<_> = lines.iter().take_while(|line| !line.contains("help: ")).collect();
    assert!(
        !message.is_empty() && message.iter().all(|line| line.chars().count() <= columns.max(24)),
        "{}",
        asked.stdout
    );
    assert_eq!(message.len() > 1, columns < 80, "{}", asked.stdout);
    assert!(asked.stdout.contains(&format!(": git branch {MISSION} ")), "{}", asked.stdout);
}

/// Who is killed cannot clean up; the next one does it.
#[test]
fn what_a_killed_process_left_is_removed() {
    let repo = ready();
    let killing = other_git(&repo, "case \"$*\" in *merge-tree*) kill -9 $PPID;; esac; exec $git \"$@\"");
    let place = beside(&repo, "temporary");
    fs::create_dir(&place).unwrap();
    let left = || fs::read_dir(&place).unwrap().count();
    let mut asking = command(repo.root());
    asking.env("TMPDIR", &place).args(["merge", "--dry-run", "--mission", "m"]);
    let killed = asking.env("PATH", &killing).stdout(Stdio::null()).status().unwrap();
    assert_eq!((killed.code(), left()), (None, 1));
    assert_eq!((asked_with(&repo, "TMPDIR", &place).code, left()), (0, 0));
}

/// A git that says nothing has not said that all is well.
#[cfg(unix)]
#[test]
fn a_git_that_says_nothing() {
    let repo = ready();
    repo.write("shared.txt", "mine\n");
    let real = crate::ready::shell(&repo, "command -v git").stdout;
    let silent = format!(
        "#!/bin/sh\nfor word; do [ \"$word\" = status ] && exit 0; done\nexec '{}' \"$@\"\n",
        real.trim()
    );
    let git = clearance_testkit::write(repo.outside(), "bin/git", silent);
    fs::set_permissions(&git, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", repo.outside().join("bin").display());
    let mut asked = command(repo.root());
    let asked = Run::of(asked.env("PATH", path).args(["merge", "--dry-run", "--mission", "m"]));
    assert_eq!(asked.code, 3, "{}", asked.stdout);
}
