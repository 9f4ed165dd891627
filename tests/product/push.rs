//! `merge --push`: the remote gets the merge, or the merge is complete here and the answer says how to go on. What somebody
//! else pushed is never lost.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rstest::rstest;
use serde_json::Value;

use crate::landed::STRATEGIES;
use crate::ready::{LANE_A, LANE_B, MISSION, beside, done, named, ready, shell};
use crate::remotes::apart;
use crate::support::{LOG, Run, TestRepo, all, asked, assert_same, binary, command, git};

const PUSH: [&str; 4] = ["merge", "--mission", "m", "--push"];

/// A mission that is ready, and a remote that is level with it. Another clone of it, `../theirs`, has a mission of number 1
/// to push.
fn pushable() -> TestRepo {
    let repo = ready();
    apart(&repo, 0, 0);
    let number = "mkdir -p kitty-specs/other; echo '{\"mission_number\": 1}' > kitty-specs/other/meta.json";
    let commit = "git add --all; git commit --quiet --message Theirs";
    done(
        &repo,
        &format!(
            "git clone --quiet ../origin.git ../theirs\n{}\ncd ../theirs\n{number}\n{commit}",
            named("../theirs")
        ),
    );
    repo
}

/// A hook that does something once, with nothing of the environment that git gives it.
pub(crate) fn once(directory: &Path, hook: &str, script: &str) {
    let mark = directory.join("hooks").join(format!("{hook}.ran"));
    let mark = mark.display();
    let text = format!(
        "#!/bin/sh\ntest -e '{mark}' && exit 0\n: > '{mark}'\nexec env -i PATH=\"$PATH\" HOME=/nonexistent sh -e -c '{}'\n",
        script.replace('\'', "'\\''")
    );
    hooked(directory, hook, &text);
}

pub(crate) fn hooked(directory: &Path, hook: &str, text: &str) {
    let path = clearance_testkit::write(directory, &format!("hooks/{hook}"), text);
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn git_directory(repo: &TestRepo) -> std::path::PathBuf {
    repo.root().join(".git")
}

/// Somebody else pushes.
fn theirs(repo: &TestRepo) -> String {
    format!("git -C '{}' push --quiet origin main", beside(repo, "theirs").display())
}

fn remote_tip(repo: &TestRepo) -> String {
    git(&beside(repo, "origin.git"), &["rev-parse", "main"]).trim().to_owned()
}

/// A command as a person would paste it, with the product on `PATH`.
fn paste(place: &Path, line: &str) -> Run {
    let mut shell = Command::new("sh");
    clearance_testkit::scrub(&mut shell);
    let line = format!("PATH='{}':\"$PATH\"\n{line}", binary().parent().unwrap().display());
    Run::of(shell.current_dir(place).args(["-c", &line]))
}

/// The commands by which a refused push goes on.
fn remediation(answer: &Value) -> Vec<&str> {
    answer["push"]["remediation"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect()
}

/// Pastes them one after the other.
fn follow(place: &Path, answer: &Value) {
    let lines = remediation(answer);
    assert!(!lines.is_empty(), "{answer:#}");
    for line in lines {
        let run = paste(place, line);
        assert_eq!(run.code, 0, "{line}: {}{}", run.stdout, run.stderr);
    }
}

/// Complete here, not pushed, nothing removed.
fn assert_refused(repo: &TestRepo, (code, answer): &(i32, Value)) {
    assert_eq!(
        (*code, &answer["merged"], &answer["push"]["outcome"]),
        (1, &true.into(), &"refused".into()),
        "{answer:#}"
    );
    assert_eq!(repo.git(&["rev-parse", "main"]).trim(), answer["commit"]);
    assert_eq!(
        (&answer["removed"]["branches"], &answer["removed"]["work_trees"]),
        (&Value::Array(vec![]), &Value::Array(vec![]))
    );
    for branch in [MISSION, LANE_A, LANE_B] {
        repo.git(&["rev-parse", "--verify", &format!("refs/heads/{branch}")]);
    }
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    assert_ne!(answer["push"]["message"].as_str().unwrap_or_default(), "", "{answer:#}");
}

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

/// A merge that could not be pushed because the remote is away.
fn away() -> (TestRepo, Value) {
    let repo = pushable();
    let origin = beside(&repo, "origin.git");
    once(&git_directory(&repo), "pre-merge-commit", &format!("mv '{0}' '{0}.away'", origin.display()));
    let answer = asked(repo.root(), &PUSH);
    assert_refused(&repo, &answer);
    (repo, answer.1)
}

fn back(repo: &TestRepo) {
    let origin = beside(repo, "origin.git");
    fs::rename(beside(repo, "origin.git.away"), origin).unwrap();
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

/// References, where `HEAD` is, and what the index has.
pub(crate) fn positions(repo: &TestRepo) -> String {
    let refs = repo.git(&["for-each-ref"]);
    let head = shell(repo, "git symbolic-ref HEAD || git rev-parse HEAD").stdout;
    refs + &head + &repo.git(&["ls-files", "--stage"]) + &repo.git(&["status", "--porcelain"])
}

/// Everything in the work tree, without what git keeps.
pub(crate) fn files(repo: &TestRepo) -> std::collections::BTreeMap<std::path::PathBuf, (u32, Vec<u8>)> {
    let git = git_directory(repo);
    all(repo.root()).into_iter().filter(|(path, _)| !path.starts_with(&git)).collect()
}

#[rstest]
fn an_unpushed_merge_is_taken_back(#[values("squash", "merge", "rebase")] strategy: &str) {
    let repo = pushable();
    repo.git(&["worktree", "add", "--quiet", "../held", MISSION]);
    let origin = beside(&repo, "origin.git");
    let before = (positions(&repo), files(&repo), all(&beside(&repo, "held")));
    once(&git_directory(&repo), "pre-merge-commit", &format!("mv '{0}' '{0}.away'", origin.display()));
    assert_refused(&repo, &asked(repo.root(), &[&PUSH[..], &["--strategy", strategy]].concat()));
    assert_ne!(positions(&repo), before.0);
    let (code, answer) = asked(repo.root(), &["merge", "--abort"]);
    assert_eq!(
        (code, &answer["outcome"], &answer["missions"]),
        (0, &"taken_back".into(), &serde_json::json!(["m"])),
        "{answer:#}"
    );
    assert_eq!(positions(&repo), before.0);
    assert_same(&before.1, &files(&repo), "the merge, taken back,");
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
    let before = (positions(&repo), files(&repo));
    let (code, error) = asked(repo.root(), &["merge", "--abort"]);
    assert_eq!((code, &error["error"]), (1, &"work_tree_refused".into()), "{error:#}");
    assert_eq!(positions(&repo), before.0);
    assert_same(&before.1, &files(&repo), "an abort that was refused");
    repo.git(&["checkout", "--quiet", "shared.txt"]);
    // A commit on top of the merge: taking back what is below would lose it, too.
    repo.write("mine.txt", "mine\n");
    repo.commit_all("Mine");
    let before = (positions(&repo), files(&repo));
    for _ in 0..2 {
        let (code, error) = asked(repo.root(), &["merge", "--abort"]);
        assert_eq!((code, &error["error"]), (1, &"branch_moved".into()), "{error:#}");
        assert_eq!(positions(&repo), before.0);
        assert_same(&before.1, &files(&repo), "an abort that was refused");
    }
    back(&repo);
    let (code, pushed) = asked(repo.root(), &["merge", "--resume"]);
    assert_eq!((code, &pushed["commit"]), (0, &answer["commit"]), "{pushed:#}");
    assert_eq!(answer["commit"], remote_tip(&repo), "the merge is pushed, what is on top is not");
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
    repo.write(LOG, crate::ready::approved("WP01") + &crate::support::step("WP02", "claimed", "in_progress"));
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

/// A second mission, `n`, in the same repository.
pub(crate) fn with_another(repo: &TestRepo) {
    let (m, n) = ("mission-m", "mission-n");
    for file in
        ["meta.json", "lanes.json", "tasks.md", "tasks/WP01-a.md", "tasks/WP02-b.md", "status.events.jsonl"]
    {
        let text = repo
            .read(&format!("kitty-specs/m/{file}"))
            .replace(m, n)
            .replace("_slug\": \"m\"", "_slug\": \"n\"");
        repo.write(&format!("kitty-specs/n/{file}"), text);
    }
    repo.commit_all("Another mission");
    repo.git(&["branch", "kitty/mission-n"]);
    for lane in ["lane-a", "lane-b"] {
        repo.git(&["checkout", "--quiet", "-b", &format!("kitty/mission-n-{lane}")]);
        repo.write(&format!("n-{lane}.txt"), "new\n");
        repo.commit_all(lane);
        repo.git(&["checkout", "--quiet", "main"]);
    }
}

/// Another mission is merged while one is not pushed: said aloud, and made.
#[test]
fn another_mission_while_one_is_not_pushed() {
    let repo = ready();
    with_another(&repo);
    apart(&repo, 0, 0);
    let origin = beside(&repo, "origin.git");
    once(&git_directory(&repo), "pre-merge-commit", &format!("mv '{0}' '{0}.away'", origin.display()));
    let first = asked(repo.root(), &PUSH);
    assert_refused(&repo, &first);
    let second = Run::of(command(repo.root()).args(["merge", "--mission", "n"]));
    assert_eq!(second.code, 0, "{}", second.stderr);
    for needle in ["merge_not_pushed", "--resume --mission m", "--abort --mission m"] {
        assert!(second.stderr.contains(needle), "{needle} in {}", second.stderr);
    }
    let meta: Value = serde_json::from_str(&repo.read("kitty-specs/n/meta.json")).unwrap();
    assert_eq!(meta["mission_number"], 2);
    let before = (positions(&repo), files(&repo));
    let (code, error) = asked(repo.root(), &["merge", "--abort", "--mission", "m"]);
    assert_eq!((code, &error["error"]), (1, &"branch_moved".into()), "{error:#}");
    assert_eq!(positions(&repo), before.0, "one is on top of it");
    assert_same(&before.1, &files(&repo), "an abort that was refused");
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
    let origin = beside(&repo, "origin.git");
    once(&git_directory(&repo), "pre-merge-commit", &format!("mv '{0}' '{0}.away'", origin.display()));
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
fn race(repo: &TestRepo, missions: [&str; 2]) -> [(std::path::PathBuf, Value); 2] {
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
    let unique: std::collections::BTreeSet<_> = ids.iter().map(ToString::to_string).collect();
    assert_eq!(unique.len(), ids.len(), "{log}");
    assert_eq!(log.matches(r#""to_lane": "done""#).count(), 2, "{log}");
    git(
        &beside(&repo, "origin.git"),
        &["merge-base", "--is-ancestor", won["commit"].as_str().unwrap(), "main"],
    );
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
        let left = crate::support::below(&git_directory(&repo).join("clearance/land"));
        assert_eq!(left.len(), 1, "{left:?}");
    }
    assert!(killed > 1, "{killed}");
}
