//! A merge that is complete here and not on its remote yet: it is pushed later, or taken back, and nobody's work is lost.

use rstest::rstest;
use serde_json::Value;

use crate::landed::{positions, work_tree_files};
use crate::push_support::{PUSH, assert_refused, back, git_directory, goes_away, pushable, remote_tip};
use crate::ready::{MISSION, beside, ready, with_another};
use crate::remotes::apart;
use crate::support::{LOG, Run, TestRepo, all, asked, assert_same, below, command, git};

/// A merge that could not be pushed because the remote is away.
fn away() -> (TestRepo, Value) {
    let repo = pushable();
    goes_away(&repo);
    let answer = asked(repo.root(), &PUSH);
    assert_refused(&repo, &answer);
    (repo, answer.1)
}

#[rstest]
#[case::resumed(&["merge", "--resume"])]
#[case::resumed_by_name(&["merge", "--resume", "--mission", "m"])]
#[case::said_again(&PUSH)]
#[case::said_again_without_push(&["merge", "--mission", "m"])]
fn a_remote_that_comes_back(#[case] again: &[&str]) {
    let (repo, first) = away();
    let (code, still) = asked(repo.root(), again);
    assert_eq!(
        (code, &still["push"]["outcome"], &still["commit"]),
        (1, &"refused".into(), &first["commit"]),
        "{still:#}"
    );
    back(&repo);
    let (code, answer) = asked(repo.root(), again);
    assert_eq!(
        (code, &answer["push"]["outcome"], &answer["resumed"]),
        (0, &"pushed".into(), &true.into()),
        "{answer:#}"
    );
    assert_eq!(
        (&answer["commit"], &answer["mission_number"]),
        (&first["commit"], &first["mission_number"]),
        "only pushed"
    );
    assert_eq!(first["commit"], remote_tip(&repo));
    assert_eq!(answer["removed"]["branches"].as_array().map(Vec::len), Some(3), "{answer:#}");
    let (code, answer) = asked(repo.root(), &["merge", "--resume"]);
    assert_eq!((code, &answer["outcome"]), (0, &"nothing_to_resume".into()));
}

#[rstest]
fn an_unpushed_merge_is_taken_back(#[values("squash", "merge", "rebase")] strategy: &str) {
    let repo = pushable();
    repo.git(&["worktree", "add", "--quiet", "../held", MISSION]);
    let before = (positions(&repo), work_tree_files(&repo), all(&beside(&repo, "held")));
    goes_away(&repo);
    assert_refused(&repo, &asked(repo.root(), &[&PUSH[..], &["--strategy", strategy]].concat()));
    assert_ne!(positions(&repo), before.0);
    let (code, answer) = asked(repo.root(), &["merge", "--abort"]);
    assert_eq!(
        (code, &answer["outcome"], &answer["missions"]),
        (0, &"taken_back".into(), &serde_json::json!(["m"])),
        "{answer:#}"
    );
    assert_eq!(positions(&repo), before.0);
    assert_same(&before.1, &work_tree_files(&repo), "the merge, taken back,");
    assert_same(&before.2, &all(&beside(&repo, "held")), "the merge, taken back,");
    let (code, answer) = asked(repo.root(), &["merge", "--abort"]);
    assert_eq!((code, &answer["outcome"]), (0, &"nothing_to_abort".into()), "{answer:#}");
    back(&repo);
    assert_eq!(asked(repo.root(), &PUSH).0, 0);
}

/// What somebody wrote since is not lost by taking a merge back.
#[test]
fn work_since_an_unpushed_merge_is_kept() {
    let (repo, answer) = away();
    repo.write("shared.txt", "mine\n");
    let before = (positions(&repo), work_tree_files(&repo));
    let (code, error) = asked(repo.root(), &["merge", "--abort"]);
    assert_eq!((code, &error["error"]), (1, &"work_tree_refused".into()), "{error:#}");
    assert_eq!(positions(&repo), before.0);
    assert_same(&before.1, &work_tree_files(&repo), "an abort that was refused");
    repo.git(&["checkout", "--quiet", "shared.txt"]);
    // A commit on top of the merge: taking back what is below would lose it, too.
    repo.write("mine.txt", "mine\n");
    repo.commit_all("Mine");
    let before = (positions(&repo), work_tree_files(&repo));
    for _ in 0..2 {
        let (code, error) = asked(repo.root(), &["merge", "--abort"]);
        assert_eq!((code, &error["error"]), (1, &"branch_moved".into()), "{error:#}");
        assert_eq!(positions(&repo), before.0);
        assert_same(&before.1, &work_tree_files(&repo), "an abort that was refused");
    }
    back(&repo);
    let (code, pushed) = asked(repo.root(), &["merge", "--resume"]);
    assert_eq!((code, &pushed["commit"]), (0, &answer["commit"]), "{pushed:#}");
    assert_eq!(answer["commit"], remote_tip(&repo), "the merge is pushed, what is on top is not");
}

/// Another mission is merged while one is not pushed: said aloud, and made.
#[test]
fn another_mission_while_one_is_not_pushed() {
    let repo = ready();
    with_another(&repo);
    apart(&repo, 0, 0);
    goes_away(&repo);
    let first = asked(repo.root(), &PUSH);
    assert_refused(&repo, &first);
    let second = Run::of(command(repo.root()).args(["merge", "--mission", "n"]));
    assert_eq!(second.code, 0, "{}", second.stderr);
    for needle in ["merge_not_pushed", "--resume --mission m", "--abort --mission m"] {
        assert!(second.stderr.contains(needle), "{needle} in {}", second.stderr);
    }
    let meta: Value = serde_json::from_str(&repo.read("kitty-specs/n/meta.json")).unwrap();
    assert_eq!(meta["mission_number"], 2);
    let before = (positions(&repo), work_tree_files(&repo));
    let (code, error) = asked(repo.root(), &["merge", "--abort", "--mission", "m"]);
    assert_eq!((code, &error["error"]), (1, &"branch_moved".into()), "{error:#}");
    assert_eq!(positions(&repo), before.0, "one is on top of it");
    assert_same(&before.1, &work_tree_files(&repo), "an abort that was refused");
    back(&repo);
    let (code, pushed) = asked(repo.root(), &["merge", "--resume", "--mission", "m"]);
    assert_eq!((code, &pushed["push"]["outcome"]), (0, &"pushed".into()), "{pushed:#}");
    assert_eq!(remote_tip(&repo), first.1["commit"]);
}

/// Both are pushed with the second one; what is left of the first then is only to be noted.
#[test]
fn another_mission_pushes_both() {
    let repo = ready();
    with_another(&repo);
    apart(&repo, 0, 0);
    goes_away(&repo);
    assert_refused(&repo, &asked(repo.root(), &PUSH));
    back(&repo);
    let (code, second) = asked(repo.root(), &["merge", "--mission", "n", "--push"]);
    assert_eq!((code, &second["push"]["outcome"]), (0, &"pushed".into()), "{second:#}");
    let tip = remote_tip(&repo);
    let (code, first) = asked(repo.root(), &["merge", "--resume"]);
    assert_eq!((code, &first["push"]["outcome"]), (0, &"pushed".into()), "{first:#}");
    assert_eq!(remote_tip(&repo), tip);
    assert_eq!(repo.git(&["branch", "--format=%(refname:short)"]), "main\n");
}

/// Killed wherever it is, taking back is taken up again, or what it was to take back is pushed.
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
#[rstest]
fn an_abort_that_is_killed(#[values(0, 1, 2)] part: usize) {
    use clearance_testkit::crash::{Blow, Crash, Ended, run};
    const STEP: usize = 9;
    let crashed = |at: usize| {
        let (repo, _) = away();
        let mut abort = command(repo.root());
        let ended =
            run(abort.args(["merge", "--abort"]), repo.outside(), Some(Crash { at, blow: Blow::Before }));
        match ended.unwrap() {
            Ended::Killed { call, .. } => Some((repo, format!("{at}: {call:?}"))),
            Ended::ByItself { .. } => None,
        }
    };
    let mut killed = 0;
    for at in (0..).map(|nth| 1 + (nth * 3 + part) * STEP) {
        let Some((repo, call)) = crashed(at) else { break };
        killed += 1;
        eprintln!("{call}");
        if killed % 2 == 0 {
            let again = asked(repo.root(), &["merge", "--abort"]);
            assert_eq!(again.0, 0, "{:#}", again.1);
            let tree = repo.git(&["rev-parse", "main^{tree}"]);
            assert_eq!(tree, repo.git(&["rev-parse", "origin/main^{tree}"]));
            assert_eq!(
                repo.git(&["rev-parse", MISSION]),
                repo.git(&["rev-parse", &format!("origin/{MISSION}")])
            );
            assert_eq!(repo.git(&["status", "--porcelain"]), "");
            assert!(!repo.root().join("a.txt").exists());
        }
        back(&repo);
        let (code, answer) = asked(repo.root(), &PUSH);
        assert_eq!(
            (code, &answer["push"]["outcome"], &answer["merged"]),
            (0, &"pushed".into(), &true.into()),
            "{answer:#}"
        );
        assert_eq!(remote_tip(&repo), repo.git(&["rev-parse", "main"]).trim());
        assert_eq!(git(&beside(&repo, "origin.git"), &["rev-list", "--count", "main"]), "3\n", "once");
        assert_eq!(repo.read(LOG).matches(r#""to_lane": "done""#).count(), 2);
        assert_eq!(repo.git(&["status", "--porcelain"]), "");
        assert_eq!(repo.git(&["branch", "--format=%(refname:short)"]), "main\n");
        let left = below(&git_directory(&repo).join("clearance/land"));
        assert_eq!(left.len(), 1, "{left:?}");
    }
    assert!(killed > 1, "{killed}");
}
