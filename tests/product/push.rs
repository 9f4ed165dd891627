//! `merge --push`: the remote gets the merge, or the merge is complete here and the answer says how to go on. What somebody
//! else pushed is never lost.

use std::fs;

use rstest::rstest;
use serde_json::Value;

use crate::landed::{STRATEGIES, hooked, once};
use crate::push_support::{PUSH, assert_refused, follow, git_directory, paste, pushable, remote_tip, theirs};
use crate::ready::{LANE_A, LANE_B, MISSION, approved, beside, done, named, ready};
use crate::remotes::apart;
use crate::support::{LOG, Run, all, asked, assert_same, command, git, step};

#[rstest]
fn the_remote_gets_the_merge(#[values("squash", "merge", "rebase")] strategy: &str) {
    let repo = pushable();
    let more = ["--strategy", strategy];
    let (code, dry) = asked(repo.root(), &[&PUSH[..], &["--dry-run"], &more].concat());
    assert_eq!((code, &dry["ready"], &dry["push"]), (0, &true.into(), &true.into()), "{dry:#}");
    let (code, answer) = asked(repo.root(), &[&PUSH[..], &more].concat());
    assert_eq!((code, &answer["push"]["outcome"]), (0, &"pushed".into()), "{answer:#}");
    assert_eq!((&answer["push"]["remote"], &answer["push"]["branch"]), (&"origin".into(), &"main".into()));
    assert_eq!(answer["commit"], remote_tip(&repo));
    assert_eq!(
        repo.git(&["rev-parse", "origin/main"]).trim(),
        remote_tip(&repo),
        "what is known of the remote follows"
    );
    assert_eq!(answer["removed"]["branches"].as_array().map(Vec::len), Some(3));
}

/// A remote that somebody moves while the merge is made, at whatever moment, keeps what it got; the way on leads there.
#[rstest]
#[case::while_commits_are_made(".git", "pre-merge-commit", "squash")]
#[case::before_the_push(".git", "pre-push", "merge")]
#[case::while_the_remote_takes_it("../origin.git", "pre-receive", "rebase")]
#[case::at_the_last_moment("../origin.git", "update", "squash")]
fn a_remote_that_somebody_moves(#[case] place: &str, #[case] hook: &str, #[case] strategy: &str) {
    let repo = pushable();
    // Seen from the remote, it is moved from inside, past its own hooks.
    let moves = match place {
        ".git" => theirs(&repo),
        _ => {
            "git -c core.hooksPath=/dev/null -C \"$THERE\" fetch --quiet ../theirs main:main --update-head-ok"
                .replace("$THERE", beside(&repo, "origin.git").to_str().unwrap())
        }
    };
    once(&repo.root().join(place), hook, &moves);
    let answer = asked(repo.root(), &[&PUSH[..], &["--strategy", strategy]].concat());
    assert_refused(&repo, &answer);
    let tip = git(&beside(&repo, "theirs"), &["rev-parse", "main"]);
    assert_eq!(remote_tip(&repo), tip.trim(), "what they pushed is there");
    assert_eq!(answer.1["mission_number"], 1);
    follow(repo.root(), &answer.1);
    assert_eq!(remote_tip(&repo), repo.git(&["rev-parse", "main"]).trim());
    repo.git(&["merge-base", "--is-ancestor", tip.trim(), "main"]);
    let meta: Value = serde_json::from_str(&repo.read("kitty-specs/m/meta.json")).unwrap();
    assert_eq!(meta["mission_number"], 2);
    assert_eq!(repo.git(&["branch", "--format=%(refname:short)"]), "main\n");
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

/// Between the question and the merge the remote is asked once more: a lease on what this repository never saw would
/// overwrite it.
#[test]
fn a_remote_that_moves_between_question_and_merge() {
    let repo = pushable();
    let before = repo.git(&["rev-parse", "main"]);
    let script = format!(
        "#!/bin/sh\nif test -e '{0}/asked'; then {1}; fi\n: > '{0}/asked'\nexec git upload-pack \"$@\"\n",
        repo.outside().display(),
        theirs(&repo)
    );
    hooked(repo.outside(), "upload-pack", &script);
    let script = repo.outside().join("hooks/upload-pack");
    repo.git(&["config", "remote.origin.uploadpack", script.to_str().unwrap()]);
    let (code, answer) = asked(repo.root(), &PUSH);
    assert_eq!(remote_tip(&repo), git(&beside(&repo, "theirs"), &["rev-parse", "main"]).trim(), "{answer:#}");
    assert_eq!((code, &answer["error"]), (1, &"branch_moved".into()), "{answer:#}");
    assert_eq!(repo.git(&["rev-parse", "main"]), before);
    let (code, answer) = asked(repo.root(), &PUSH);
    assert_eq!((code, &answer["blocker"]), (1, &"target_behind".into()), "{answer:#}");
    assert_eq!(paste(repo.root(), answer["remediation"].as_str().unwrap()).code, 0);
    assert_eq!(asked(repo.root(), &PUSH).0, 0);
}

/// The options with which a merge was begun are those with which it goes on.
#[test]
fn the_way_on_keeps_the_options() {
    let repo = pushable();
    once(&git_directory(&repo), "pre-merge-commit", &theirs(&repo));
    let more = ["--keep-branch", "--keep-worktree", "--strategy", "merge"];
    let answer = asked(repo.root(), &[&PUSH[..], &more].concat());
    assert_refused(&repo, &answer);
    follow(repo.root(), &answer.1);
    for branch in [MISSION, LANE_A, LANE_B] {
        repo.git(&["rev-parse", "--verify", branch]);
    }
    assert_eq!(repo.git(&["rev-list", "--count", "--merges", "--first-parent", "main"]), "1\n");
}

/// The same with a work package that was let through.
#[test]
fn the_way_on_keeps_who_was_let_through() {
    let repo = ready();
    repo.write(LOG, approved("WP01") + &step("WP02", "claimed", "in_progress"));
    repo.commit_all("In progress");
    for branch in [MISSION, LANE_A, LANE_B] {
        done(&repo, &format!("git checkout -q {branch}; git merge -q --no-edit main; git checkout -q main"));
    }
    apart(&repo, 0, 0);
    done(
        &repo,
        &format!(
            "git clone -q ../origin.git ../theirs; {}; git -C ../theirs commit -q --allow-empty -m Theirs",
            named("../theirs")
        ),
    );
    once(&git_directory(&repo), "pre-merge-commit", &theirs(&repo));
    let more = ["--allow-unapproved", "WP02", "--reason", "it's $urgent"];
    let answer = asked(repo.root(), &[&PUSH[..], &more].concat());
    assert_refused(&repo, &answer);
    follow(repo.root(), &answer.1);
    assert!(repo.read(LOG).contains("it's $urgent"), "{}", repo.read(LOG));
}

/// A remote that takes no such push is quoted.
#[test]
fn a_protected_branch() {
    let repo = pushable();
    let words = "the branch is protected: open a pull request";
    hooked(&beside(&repo, "origin.git"), "pre-receive", &format!("#!/bin/sh\necho '{words}' >&2\nexit 1\n"));
    let answer = asked(repo.root(), &PUSH);
    assert_refused(&repo, &answer);
    assert!(answer.1["push"]["message"].as_str().unwrap().contains(words), "{:#}", answer.1);
    let people = Run::of(command(repo.root()).args(PUSH));
    assert_eq!(people.code, 1);
    assert!(
        people.stderr.contains("push_refused") && people.stderr.contains("protected"),
        "{}",
        people.stderr
    );
    assert!(people.stderr.contains("clearance merge --abort --mission m"), "{}", people.stderr);
}

/// A hook of one's own that refuses the push is quoted, too.
#[test]
fn a_hook_that_refuses_the_push() {
    let repo = pushable();
    hooked(&git_directory(&repo), "pre-push", "#!/bin/sh\necho 'not on a Friday' >&2\nexit 1\n");
    let answer = asked(repo.root(), &PUSH);
    assert_refused(&repo, &answer);
    assert!(answer.1["push"]["message"].as_str().unwrap().contains("not on a Friday"), "{:#}", answer.1);
    fs::remove_file(git_directory(&repo).join("hooks/pre-push")).unwrap();
    assert_eq!(asked(repo.root(), &["merge", "--resume"]).0, 0);
}

/// The question of a push and the push agree.
#[rstest]
#[case::behind(1, 0, false)]
#[case::diverged(1, 1, false)]
#[case::ahead(0, 1, true)]
#[case::level(0, 0, true)]
fn question_and_push_agree(#[case] theirs: usize, #[case] ours: usize, #[case] ready_to: bool) {
    for strategy in STRATEGIES {
        let repo = ready();
        apart(&repo, theirs, ours);
        let more = ["--strategy", strategy];
        let (code, dry) = asked(repo.root(), &[&PUSH[..], &["--dry-run"], &more].concat());
        assert_eq!((code == 0, &dry["ready"]), (ready_to, &ready_to.into()), "{dry:#}");
        let before = all(repo.outside());
        let (merged_code, merged) = asked(repo.root(), &[&PUSH[..], &more].concat());
        assert_eq!(merged_code, code, "{merged:#}");
        if ready_to {
            assert_eq!(merged["push"]["outcome"], "pushed", "{merged:#}");
            assert_eq!(remote_tip(&repo), merged["commit"]);
            assert_eq!(git(repo.root(), &["rev-parse", "main^{tree}"]).trim(), dry["forecast"]["tree"]);
        } else {
            assert_eq!(merged, dry);
            assert_same(&before, &all(repo.outside()), "a merge that is not cleared");
        }
    }
}
