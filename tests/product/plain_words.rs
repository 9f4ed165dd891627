//! What the gate says, and how: numbers that are not known, failures in one sentence, commands that work when pasted.

use rstest::rstest;

use crate::ready::{done, dry_run, ready};

/// A mission on the target with a number of its own, in a directory whose name `printf` makes.
fn other_mission(repo: &crate::support::TestRepo, directory: &str, meta: &str) {
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
