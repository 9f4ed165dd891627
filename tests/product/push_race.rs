//! Two clones that merge and push at once: one wins, and the other one goes on from there.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Stdio;

use rstest::rstest;
use serde_json::Value;

use crate::landed::once;
use crate::push_support::{follow, remote_tip};
use crate::ready::{beside, done, named, ready, with_another};
use crate::remotes::apart;
use crate::support::{LOG, TestRepo, command, git};

/// Two clones with everything, whose merges wait for each other before they push.
fn two_clones() -> TestRepo {
    let repo = ready();
    with_another(&repo);
    apart(&repo, 0, 0);
    done(&repo, "mkfifo ../one ../other");
    for (name, meet) in [
        ("first", "echo > \"$0/one\"; read x < \"$0/other\""),
        ("second", "read x < \"$0/one\"; echo > \"$0/other\""),
    ] {
        let clone = format!(
            "git clone --quiet ../origin.git ../{name}\n{}\ncd ../{name}",
            named(&format!("../{name}"))
        );
        let branches = "for b in $(git for-each-ref --format='%(refname:lstrip=3)' refs/remotes/origin/kitty); do git branch --quiet --no-track $b origin/$b; done";
        done(&repo, &format!("{clone}\n{branches}"));
        let outside = repo.root().parent().unwrap().display().to_string();
        once(&beside(&repo, name).join(".git"), "pre-push", &meet.replace("$0", &outside));
    }
    repo
}

/// Runs both at once; who won, and who did not.
fn race(repo: &TestRepo, missions: [&str; 2]) -> [(PathBuf, Value); 2] {
    let started = ["first", "second"].into_iter().zip(missions).map(|(clone, mission)| {
        let place = beside(repo, clone);
        let mut merge = command(&place);
        merge.args(["merge", "--mission", mission, "--push", "--json"]);
        // Made at different times, the same merge is two commits.
        merge.env("GIT_COMMITTER_DATE", format!("2026-01-02T03:04:0{}Z", clone.len()));
        (place, merge.stdout(Stdio::piped()).spawn().unwrap())
    });
    let started: Vec<_> = started.collect();
    let mut ended: Vec<_> = started
        .into_iter()
        .map(|(place, child)| {
            let output = child.wait_with_output().unwrap();
            (output.status.code(), place, serde_json::from_slice::<Value>(&output.stdout).unwrap())
        })
        .collect();
    ended.sort_by_key(|(code, ..)| *code);
    let codes: Vec<_> = ended.iter().map(|(code, ..)| *code).collect();
    assert_eq!(codes, [Some(0), Some(1)], "{ended:#?}");
    let outcomes: Vec<_> = ended.iter().map(|(_, _, answer)| &answer["push"]["outcome"]).collect();
    assert_eq!(outcomes, ["pushed", "refused"], "{ended:#?}");
    let pair: Vec<_> = ended.into_iter().map(|(_, place, answer)| (place, answer)).collect();
    pair.try_into().unwrap()
}

#[rstest]
fn two_clones_that_push_at_once(#[values(1, 2, 3)] _round: usize) {
    let repo = two_clones();
    let [(_, won), (place, lost)] = race(&repo, ["m", "n"]);
    assert_eq!(remote_tip(&repo), won["commit"]);
    follow(&place, &lost);
    let origin = beside(&repo, "origin.git");
    git(&origin, &["merge-base", "--is-ancestor", won["commit"].as_str().unwrap(), "main"]);
    let number = |slug: &str| -> Value {
        let text = git(&origin, &["show", &format!("main:kitty-specs/{slug}/meta.json")]);
        serde_json::from_str::<Value>(&text).unwrap()["mission_number"].clone()
    };
    assert_eq!(number(won["mission_slug"].as_str().unwrap()), 1);
    assert_eq!(number(lost["mission_slug"].as_str().unwrap()), 2);
    let files = git(&origin, &["ls-tree", "--name-only", "main"]);
    for file in ["a.txt", "b.txt", "n-lane-a.txt", "n-lane-b.txt"] {
        assert!(files.lines().any(|line| line == file), "{file} in {files}");
    }
    assert_eq!(git(&place, &["status", "--porcelain"]), "");
}

/// The same merge made twice records the same events, once.
#[test]
fn two_clones_that_merge_the_same_mission() {
    let repo = two_clones();
    let [(_, won), (place, lost)] = race(&repo, ["m", "m"]);
    assert_eq!(won["done"], lost["done"], "the same events");
    follow(&place, &lost);
    let log = git(&beside(&repo, "origin.git"), &["show", &format!("main:{LOG}")]);
    let ids: Vec<Value> =
        log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["event_id"].clone()).collect();
    let unique: BTreeSet<_> = ids.iter().map(ToString::to_string).collect();
    assert_eq!(unique.len(), ids.len(), "{log}");
    assert_eq!(log.matches(r#""to_lane": "done""#).count(), 2, "{log}");
    git(
        &beside(&repo, "origin.git"),
        &["merge-base", "--is-ancestor", won["commit"].as_str().unwrap(), "main"],
    );
}
