//! Whatever stands in the files that are read: an answer or an error, one JSON value, no bug, and nothing changed.
//!
//! `PROPTEST_CASES=5000 cargo test --test product -- any_input` looks for longer.
#![cfg(unix)]

use clearance_testkit::read;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::ready::ready;
use crate::rules_support::{passing, rule, write_all};
use crate::support::{Run, TestRepo, command, everything};

/// Files that are read, each with one way to ask about it.
const READ: [(&str, &[&str]); 12] = [
    ("kitty-specs/m/tasks.md", &["mark-status", "T001", "--status", "done", "--mission", "m", "--dry-run"]),
    ("kitty-specs/m/tasks.md", &["status", "--mission", "m"]),
    ("kitty-specs/m/status.events.jsonl", &["status", "--mission", "m"]),
    ("kitty-specs/m/status.events.jsonl", &["move", "WP01", "--to", "done", "--mission", "m", "--dry-run"]),
    ("kitty-specs/m/status.json", &["status", "--mission", "m"]),
    ("kitty-specs/m/meta.json", &["merge", "--dry-run", "--mission", "m"]),
    ("kitty-specs/m/lanes.json", &["check", "--mission", "m"]),
    ("kitty-specs/m/tasks/WP01-a.md", &["check", "--mission", "m"]),
    ("rules.d/own.yaml", &["check", "--mission", "m", "--rules-from", "head"]),
    ("rules.d/scan.yaml", &["rules", "lint"]),
    ("rules.d/waivers.yaml", &["check", "--mission", "m", "--rules-from", "head"]),
    (".kittify/config.yaml", &["merge", "--dry-run", "--mission", "m"]),
];

/// Words that mean something in one of them.
const WORDS: [&str; 24] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "\n",
    "\r\n",
    "---\n",
    "| ",
    "- [ ] T001 ",
    "- [x] ",
    "```\n",
    "<!--",
    "null",
    "-1",
    "18446744073709551616",
    "\u{feff}",
    "\u{202e}",
    "\u{0}",
    "{{ ",
    " }}",
    "&a *a",
];

/// A change of a text: a part of it goes, and something comes in its place.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    at: Index,
    length: usize,
    comes: Vec<u8>,
}

pub(crate) fn change() -> impl Strategy<Value = Change> {
    let comes = prop_oneof![
        4 => proptest::sample::select(&WORDS[..]).prop_map(|word| word.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..8),
        1 => Just(Vec::new()),
        1 => Just("[".repeat(3_000).into_bytes()),
    ];
    (any::<Index>(), 0..40_usize, comes).prop_map(|(at, length, comes)| Change { at, length, comes })
}

pub(crate) fn changed(mut text: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for Change { at, length, comes } in changes {
        let start = at.index(text.len() + 1);
        let end = (start + length).min(text.len());
        text.splice(start..end, comes.iter().copied());
    }
    text
}

fn repository() -> TestRepo {
    let repo = ready();
    let scan = rule(
        "scan",
        "check:\n  scan: { files: '**', lines: all, forbid: 'EVIL.*' }\nmessage: '{{ match.text }}'\nremediation: r\n",
    );
    let waivers = "schema: clearance.waivers/v1\nwaivers:\n  - { rule: own, item: '*', reason: the next release removes it, expires: 2026-06-01, by: ada }\n";
    write_all(
        &repo,
        &[
            ("rules.d/own.yaml", &passing("own")),
            ("rules.d/scan.yaml", &scan),
            ("rules.d/waivers.yaml", waivers),
            (".kittify/config.yaml", "merge:\n  strategy: squash\n  protected_branches: [release]\n"),
        ],
    );
    assert_eq!(Run::of(command(repo.root()).args(["status", "--mission", "m", "--materialize"])).code, 0);
    repo.commit_all("Everything that is read");
    repo
}

/// The product, asked for JSON.
fn asked(repo: &TestRepo, question: &[&str]) -> Run {
    Run::of(command(repo.root()).args(question).arg("--json"))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, max_shrink_iters: 60, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_is_read_is_a_bug(
        which in proptest::sample::select(&READ[..]),
        changes in proptest::collection::vec(change(), 1..4),
    ) {
        thread_local!(static REPO: TestRepo = repository());
        REPO.with(|repo| {
            let (file, question) = which;
            let path = repo.root().join(file);
            let before = std::fs::read(&path).unwrap();
            repo.write(file, changed(before.clone(), &changes));
            let files = everything(&repo.root().join("kitty-specs"));
            let run = asked(repo, question);
            let same = everything(&repo.root().join("kitty-specs")) == files;
            let one_value = serde_json::from_str::<serde_json::Value>(&run.stdout).is_ok();
            repo.write(file, before);
            prop_assert!((0..=4).contains(&run.code), "{question:?}: {run:?}");
            prop_assert!(one_value && same, "{question:?}: {run:?}");
            Ok(())
        })?;
    }
}

#[test]
fn every_file_is_there() {
    let repo = repository();
    for (file, question) in READ {
        assert!(!read(repo.root(), file).is_empty());
        let run = asked(&repo, question);
        assert!(run.code < 4, "{question:?}: {run:?}");
    }
}
