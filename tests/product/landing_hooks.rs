//! Hooks and signatures of a merge: as git runs them, and what they refuse is not made.
#![cfg(unix)]

use std::fs;
use std::io::Write;
use std::process::Command;

use rstest::rstest;

use crate::landed::{
    changing_no_file, is_sound, is_whole, linked, merge, merged, refs, refused, script, told,
};
use crate::ready::{LANE_A, LANE_B, MISSION, ready, shell};
use crate::support::TestRepo;

const HOOKS: [&str; 10] = [
    "pre-commit",
    "pre-merge-commit",
    "prepare-commit-msg",
    "commit-msg",
    "pre-rebase",
    "post-merge",
    "post-commit",
    "post-rewrite",
    "post-checkout",
    "applypatch-msg",
];

/// Hooks that write down how they are called.
fn watched(repo: &TestRepo) {
    for hook in HOOKS {
        let text = r#"
name=$(basename "$0")
case $name in
    prepare-commit-msg|commit-msg) file=" $(head -1 "$1")"; shift; set -- MSG "$@";;
    post-rewrite) file=" $(cat | wc -l)";;
esac
staged=$(test -n "$GIT_INDEX_FILE" && git diff --cached --name-only -- '*.txt' | tr '\n' ' ')
echo "$name [$*]$file <$staged> $(basename "$PWD") $GIT_EDITOR$LC_ALL" >> "$(dirname "$0")/../../../calls"
"#;
        script(repo, &format!(".git/hooks/{hook}"), text);
    }
}

fn calls(repo: &TestRepo) -> Vec<String> {
    let calls = fs::read(repo.outside().join("repo/../calls")).unwrap_or_default();
    String::from_utf8(calls).unwrap().lines().map(str::to_owned).collect()
}

/// The hooks of a commit, in the order that git runs them.
fn of_commit(before: &str, source: &str, subject: &str, staged: &str) -> Vec<String> {
    let tail = format!("<{staged} > repo :C.UTF-8");
    vec![
        format!("{before} [] {tail}"),
        format!("prepare-commit-msg [MSG {source}] {subject} {tail}"),
        format!("commit-msg [MSG] {subject} {tail}"),
    ]
}

#[rstest]
#[case("squash", &[], &["post-merge [1] <> repo C.UTF-8", "post-commit [] <> repo C.UTF-8"])]
#[case("merge", &[], &["post-merge [0] <> repo C.UTF-8"])]
#[case("rebase", &["pre-rebase [main kitty/mission-m] <> repo C.UTF-8"], &["post-rewrite [rebase] 2 <> repo C.UTF-8"])]
fn hooks_run_as_in_git(#[case] strategy: &str, #[case] first: &[&str], #[case] last: &[&str]) {
    let repo = ready();
    watched(&repo);
    merged(&repo, &["--strategy", strategy]);
    let lane = |branch: &str| format!("Merge branch '{branch}' into {MISSION}");
    let mut expected: Vec<String> = first.iter().map(|&call| call.to_owned()).collect();
    expected.extend(of_commit("pre-merge-commit", "merge", &lane(LANE_A), "a.txt shared.txt"));
    expected.extend(of_commit("pre-merge-commit", "merge", &lane(LANE_B), "a.txt b.txt shared.txt"));
    expected.extend(match strategy {
        "squash" => of_commit("pre-commit", "squash", "Squash mission m into main", "a.txt b.txt shared.txt"),
        "merge" => {
            of_commit("pre-merge-commit", "merge", "Merge mission m into main", "a.txt b.txt shared.txt")
        }
        _ => of_commit(
            "pre-commit",
            "message",
            "Record the merge of mission m into main",
            "a.txt b.txt shared.txt",
        ),
    });
    expected.extend(last.iter().map(|&call| call.to_owned()));
    assert_eq!(calls(&repo), expected);
    is_sound(&repo, ".");
}

/// They run where the target is checked out, and their directory may be one of that work tree.
#[test]
fn hooks_of_the_work_tree_of_the_target() {
    let repo = ready();
    script(&repo, ".githooks/commit-msg", "pwd > ../where; echo Checked >> \"$1\"");
    repo.commit_all("Hooks");
    for branch in [MISSION, LANE_A, LANE_B] {
        repo.git(&["checkout", "--quiet", branch]);
        repo.git(&["merge", "--quiet", "--no-edit", "main"]);
    }
    repo.git(&["checkout", "--quiet", "-b", "other", "main~1"]);
    repo.git(&["config", "core.hooksPath", ".githooks"]);
    let place = linked(&repo, "../target", "main");
    merged(&repo, &[]);
    assert_eq!(clearance_testkit::read(repo.outside(), "where").trim(), place.to_str().unwrap());
    assert!(told(&repo, &["show", "--no-patch", "--format=%B", "main"]).ends_with("\nChecked"));
}

/// A refusal ends it, whichever commit it is of; nothing is left of the others.
#[rstest]
#[case("pre-merge-commit", "merge", "exit 1")]
#[case("pre-merge-commit", "squash", "git diff --cached --quiet -- b.txt")]
#[case("pre-merge-commit", "merge", "! git diff --cached --quiet -- kitty-specs && exit 1; exit 0")]
#[case("pre-commit", "squash", "exit 1")]
#[case("pre-commit", "rebase", "exit 1")]
#[case("commit-msg", "squash", "! grep -q '^Squash' \"$1\"")]
#[case("prepare-commit-msg", "merge", "exit 3")]
#[case("pre-rebase", "rebase", "exit 1")]
fn a_hook_that_refuses(#[case] hook: &str, #[case] strategy: &str, #[case] text: &str) {
    let repo = ready();
    linked(&repo, "../lane", LANE_A);
    repo.git(&["config", "core.hooksPath", "../hooks"]);
    script(&repo, &format!("../hooks/{hook}"), &format!("echo no milk today >&2\n{text}"));
    let json = changing_no_file(&repo, || refused(&repo, &["--strategy", strategy], "hook_refused"));
    let message = json["message"].as_str().unwrap();
    assert!(message.contains(hook) && message.contains("no milk today"), "{message}");
    is_whole(&repo, ".");
    // Without it the merge is made.
    repo.git(&["config", "--unset", "core.hooksPath"]);
    merged(&repo, &["--strategy", strategy]);
}

/// A hook that refuses in a strategy that does not ask it.
#[rstest]
#[case("pre-rebase", "squash")]
#[case("post-merge", "squash")]
#[case("post-commit", "squash")]
#[case("post-merge", "merge")]
#[case("post-rewrite", "rebase")]
#[case("pre-push", "merge")]
fn a_hook_that_cannot_refuse(#[case] hook: &str, #[case] strategy: &str) {
    let repo = ready();
    script(&repo, &format!(".git/hooks/{hook}"), "exit 1");
    merged(&repo, &["--strategy", strategy]);
    is_sound(&repo, ".");
}

/// What is committed is what was shown: a hook that adds to it ends the merge.
#[rstest]
#[case(
    "squash",
    "pre-commit",
    "echo formatted > shared.txt.new; git update-index --add --cacheinfo 100644,$(git hash-object -w shared.txt.new),a.txt; rm shared.txt.new"
)]
#[case("merge", "pre-merge-commit", "git rm --quiet --cached a.txt")]
fn a_hook_that_changes_what_is_committed(#[case] strategy: &str, #[case] hook: &str, #[case] text: &str) {
    let repo = ready();
    script(&repo, &format!(".git/hooks/{hook}"), text);
    let json = changing_no_file(&repo, || refused(&repo, &["--strategy", strategy], "hook_refused"));
    assert!(json["message"].as_str().unwrap().contains("changed what would be committed"), "{json:#}");
    is_whole(&repo, ".");
}

/// Hooks write into the message; what looks like a comment is none, as nobody edits it.
#[rstest]
#[case("squash", 1)]
#[case("merge", 1)]
#[case("rebase", 1)]
fn hooks_that_change_the_message(#[case] strategy: &str, #[case] commits: usize) {
    let repo = ready();
    script(
        &repo,
        ".git/hooks/prepare-commit-msg",
        "{ echo '#42 for release'; echo; cat \"$1\"; } > \"$1.new\"; mv \"$1.new\" \"$1\"",
    );
    script(&repo, ".git/hooks/commit-msg", "printf '\\n\\n\\nSeen-by: hook  \\n\\n' >> \"$1\"");
    merged(&repo, &["--strategy", strategy]);
    let text = told(&repo, &["log", "--first-parent", &format!("-{commits}"), "--format=%B", "main"]);
    assert!(text.starts_with("#42 for release\n\n") && text.ends_with("\n\nSeen-by: hook"), "{text}");
    is_sound(&repo, ".");
}

#[rstest]
fn a_hook_that_leaves_no_message(#[values("prepare-commit-msg", "commit-msg")] hook: &str) {
    let repo = ready();
    script(&repo, &format!(".git/hooks/{hook}"), ": > \"$1\"");
    changing_no_file(&repo, || refused(&repo, &[], "commit_failed"));
    is_whole(&repo, ".");
}

/// A file in the place of a hook that may not be run is none.
#[test]
fn a_hook_that_is_not_executable() {
    let repo = ready();
    repo.write(".git/hooks/pre-commit", "#!/bin/sh\nexit 1\n");
    merged(&repo, &[]);
    is_sound(&repo, ".");
}

/// What a hook leaves running holds nothing up, and no lock.
#[rstest]
fn a_hook_that_leaves_something_running(
    #[values("pre-commit", "commit-msg", "post-merge", "post-commit")] hook: &str,
) {
    let repo = ready();
    let pipe = repo.outside().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // It lives until the test writes into the pipe; one that opens it to read and write waits for nobody.
    let text = format!(
        "test -e ../left || {{ : > ../left; (read line < '{0}'; : ) > /dev/null 2>&1 & }}",
        pipe.display()
    );
    script(&repo, &format!(".git/hooks/{hook}"), &text);
    let mut held = fs::File::options().read(true).write(true).open(&pipe).unwrap();
    merged(&repo, &[]);
    assert!(repo.outside().join("left").exists(), "the hook ran");
    let again = merge(&repo, &["--lock-timeout", "0"]);
    held.write_all(b"go\n").unwrap();
    assert_eq!(again.code, 0, "{}", again.stderr);
    is_sound(&repo, ".");
}

/// A program that signs, and one that does not.
fn signs(repo: &TestRepo, ends: &str) {
    let text = format!(
        "{ends}\ncat > /dev/null\nprintf '\\n[GNUPG:] SIG_CREATED D 1 2 3 4 5\\n' >&2\nprintf -- '-----BEGIN PGP SIGNATURE-----\\n\\nfake\\n-----END PGP SIGNATURE-----\\n'"
    );
    let gpg = script(repo, "../gpg", &text);
    repo.git(&["config", "gpg.program", gpg.to_str().unwrap()]);
    repo.git(&["config", "commit.gpgSign", "true"]);
}

#[rstest]
#[case("squash", 3)]
#[case("merge", 3)]
#[case("rebase", 5)]
fn every_commit_is_signed(#[case] strategy: &str, #[case] commits: usize) {
    let repo = ready();
    signs(&repo, "");
    let before = told(&repo, &["rev-list", "--all"]);
    merged(&repo, &["--strategy", strategy]);
    let all = told(&repo, &["rev-list", "--all"]);
    let new: Vec<_> = all.lines().filter(|commit| !before.contains(commit)).collect();
    assert_eq!(new.len(), commits, "{strategy}");
    for commit in new {
        let text = repo.git(&["cat-file", "commit", commit]);
        assert!(text.contains("\ngpgsig -----BEGIN PGP SIGNATURE-----\n"), "{text}");
    }
    is_sound(&repo, ".");
}

#[rstest]
fn a_signature_that_cannot_be_made(#[values("squash", "merge", "rebase")] strategy: &str) {
    let repo = ready();
    signs(&repo, "echo no secret key >&2; exit 2");
    let before = refs(&repo);
    let json = changing_no_file(&repo, || refused(&repo, &["--strategy", strategy], "commit_failed"));
    assert_eq!(refs(&repo), before);
    assert!(json.to_string().contains("git commit -S"), "{json:#}");
    is_sound(&repo, ".");
    repo.git(&["config", "commit.gpgSign", "false"]);
    merged(&repo, &["--strategy", strategy]);
    assert!(!repo.git(&["cat-file", "commit", "main"]).contains("gpgsig"));
}

/// The target moves while a hook runs: nothing is made over it.
#[rstest]
fn a_target_that_moves_meanwhile(#[values("squash", "merge", "rebase")] strategy: &str) {
    let repo = ready();
    repo.git(&["checkout", "--quiet", "-b", "other"]);
    let text = "git update-ref refs/heads/main $(git -c user.name=X -c user.email=x@example.invalid commit-tree -p main -m Theirs main^{tree})";
    let hook = format!(
        "unset GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_INDEX_FILE\n{text}\nrm \"$0\""
    );
    script(&repo, ".git/hooks/commit-msg", &hook);
    let before = refs(&repo);
    refused(&repo, &["--strategy", strategy], "branch_moved");
    let mut after = refs(&repo);
    assert_eq!(
        told(&repo, &["show", "--no-patch", "--format=%s %P", "main"]),
        format!("Theirs {}", before["refs/heads/main"])
    );
    after.insert("refs/heads/main".to_owned(), before["refs/heads/main"].clone());
    assert_eq!(after, before);
    let left = shell(&repo, "git status --porcelain; ls -A .git/clearance/land");
    assert_eq!(left.stdout, "");
    merged(&repo, &["--strategy", strategy]);
}
