//! The hooks at work: real `git commit`, `git merge` and `git push`, stopped by what blocks and by what is not known.
#![cfg(unix)]

use std::path::Path;

use rstest::rstest;

use crate::hooks_support::{git_with, head, hooked, install, no_bad, path, ready_git, with_path};
use crate::landed::{linked, told};
use crate::ready::{MISSION, beside, done, ready};
use crate::rules_support::{rule, stage, staged, write_all};
use crate::support::{Run, TestRepo, command, git, rows, valid};

/// Whether git went on, and moved the branch of a place.
fn goes_on(place: &Path, arguments: &[&str], expected: bool, why: &str) -> Run {
    let before = head(place);
    let run = git_with(place, arguments);
    assert_eq!(
        (run.code == 0, head(place) != before),
        (expected, expected),
        "{arguments:?}: {}{}",
        run.stdout,
        run.stderr
    );
    assert!(run.stderr.contains(why), "no `{why}` in: {}", run.stderr);
    run
}

/// The rule that forbids `BAD`, with nothing left of it.
const WEAKER: &str = "schema: clearance.rule/v1\nid: no-bad\ntitle: t\nseverity: error\nstages: [commit]\ncheck: { assert: 1 == 1 }\nmessage: m\nremediation: r\n";

#[rstest]
#[case::good(&["commit", "--message", "feat: it"], true, "cleared")]
#[case::message(&["commit", "--message", "wip"], false, "blocked: 1 blocker")]
#[case::past_it(&["commit", "--no-verify", "--message", "wip"], true, "")]
#[case::kept_comment(&["commit", "--message", "feat: it\n\n#1"], false, "blocked")]
#[case::stripped_comment(&["commit", "--edit", "--message", "feat: it\n\n#1"], true, "cleared")]
#[case::verbose(&["commit", "--edit", "--verbose", "--message", "feat: it"], true, "cleared")]
fn a_commit_and_its_message(#[case] arguments: &[&str], #[case] expected: bool, #[case] why: &str) {
    let repo = hooked();
    // `#` in what is shown of the change is none of the message.
    stage(&repo, &[("a.txt", "# fine\n")]);
    let run = goes_on(repo.root(), arguments, expected, why);
    assert_eq!(run.stderr.contains("git commit --no-verify"), !expected);
}

/// What is judged is what git is about to commit, wherever its index is, and not what is in the work tree.
#[rstest]
#[case::staged(&[], "good.txt", true)]
#[case::staged_bad(&[], "bad.txt", false)]
#[case::all(&["--all"], "good.txt", false)]
#[case::only_good(&["--only", "known-good.txt"], "bad.txt", true)]
#[case::only_bad(&["--only", "known-bad.txt"], "good.txt", false)]
#[case::include_good(&["--include", "known-good.txt"], "bad.txt", false)]
fn the_index_of_the_commit(
    #[case] options: &[&str],
    #[case] added: &str,
    #[case] expected: bool,
    #[values(false, true)] is_linked: bool,
) {
    let repo = hooked();
    write_all(&repo, &[("known-good.txt", "x\n"), ("known-bad.txt", "x\n")]);
    repo.git(&["add", "--all"]);
    repo.git(&["commit", "--quiet", "--no-verify", "--message", "docs: x"]);
    let place = if is_linked {
        repo.git(&["branch", "other"]);
        linked(&repo, "../linked", "other")
    } else {
        repo.root().to_owned()
    };
    let put = |name: &str, text: &str| clearance_testkit::write(&place, name, text);
    put("known-good.txt", "good\n");
    put("known-bad.txt", "BAD\n");
    put("good.txt", "good\n");
    put("bad.txt", "BAD\n");
    git(&place, &["add", added]);
    let arguments = [&["commit", "--message", "feat: it"], options].concat();
    goes_on(&place, &arguments, expected, if expected { "cleared" } else { "no-bad" });
}

/// From below the top of the work tree, and of a repository that git is led to.
#[test]
fn a_commit_from_elsewhere() {
    let repo = hooked();
    stage(&repo, &[("sub/a.txt", "BAD\n")]);
    goes_on(&repo.root().join("sub"), &["commit", "--message", "feat: it"], false, "no-bad");
    let git_dir = repo.root().join(".git");
    let place = repo.outside();
    let led = |place: &Path, work_tree: &Path| {
        Run::of(ready_git(place).env("GIT_DIR", &git_dir).env("GIT_WORK_TREE", work_tree).args([
            "commit",
            "--message",
            "feat: it",
        ]))
    };
    let here = led(place, repo.root());
    assert!(here.code != 0 && here.stderr.contains("no-bad"), "{}", here.stderr);
    // A work tree in which another repository would be found.
    let other = hooked();
    let there = led(other.root(), other.root());
    assert!(there.code != 0 && there.stderr.contains("another_repository"), "{}", there.stderr);
}

/// What is not known stops git as well.
#[test]
fn an_undecided_commit() {
    let repo = hooked();
    stage(&repo, &[("rules.d/broken.yaml", "schema: clearance.rule/v1\nid: [\n")]);
    goes_on(repo.root(), &["commit", "--message", "feat: it"], false, "undecided");
}

/// Where there is nothing to ask, git goes on, and nothing is said to be cleared.
#[test]
fn nothing_to_ask_before_a_push() {
    let repo = TestRepo::new();
    install(&repo);
    done(
        &repo,
        "git init --quiet --bare --initial-branch=main ../origin.git; git remote add origin ../origin.git",
    );
    let run = git_with(repo.root(), &["push", "origin", "work"]);
    assert!(
        run.code == 0 && run.stderr.contains("nothing was evaluated") && !run.stderr.contains("cleared"),
        "{}",
        run.stderr
    );
}

/// A branch whose merge needs a commit: `main` and `side` each have one of their own, and `side` adds a file.
fn to_merge(file: &str, text: &str) -> TestRepo {
    let repo = hooked();
    let commit = |message: &str| {
        repo.git(&["add", "--all"]);
        repo.git(&["commit", "--quiet", "--no-verify", "--message", message]);
    };
    repo.git(&["checkout", "--quiet", "-b", "side"]);
    repo.write(file, text);
    commit("feat: side");
    repo.git(&["checkout", "--quiet", "main"]);
    repo.write("own.txt", "x\n");
    commit("feat: own");
    repo
}

#[rstest]
#[case::good("a.txt", "good\n", &["--message", "feat: merge"], true, "cleared")]
#[case::bad("a.txt", "BAD\n", &["--message", "feat: merge"], false, "no-bad")]
#[case::message("a.txt", "good\n", &["--no-edit"], false, "typed-subject")]
#[case::past_it("a.txt", "BAD\n", &["--no-verify", "--no-edit"], true, "")]
// What is merged does not choose its judge.
#[case::weakens("rules.d/no-bad.yaml", WEAKER, &["--message", "feat: merge"], true, "cleared")]
fn a_merge(
    #[case] file: &str,
    #[case] text: &str,
    #[case] options: &[&str],
    #[case] expected: bool,
    #[case] why: &str,
) {
    let repo = to_merge(file, text);
    goes_on(repo.root(), &[&["merge", "--no-ff", "side"], options].concat(), expected, why);
}

#[test]
fn what_is_merged_does_not_choose_its_judge() {
    let repo = to_merge("bad.txt", "BAD\n");
    repo.git(&["checkout", "--quiet", "side"]);
    repo.git(&["rm", "--quiet", "rules.d/no-bad.yaml"]);
    repo.git(&["commit", "--quiet", "--no-verify", "--message", "feat: weaker"]);
    repo.git(&["checkout", "--quiet", "main"]);
    goes_on(repo.root(), &["merge", "--message", "feat: merge", "side"], false, "no-bad");
    // Nor where it is finished as a commit, for which git runs no pre-merge-commit.
    repo.git(&["merge", "--abort"]);
    repo.git(&["merge", "--no-commit", "--no-ff", "side"]);
    goes_on(repo.root(), &["commit", "--message", "feat: merge"], false, "no-bad");
}

/// A mission that is merged by hand: it can be, and the way that asks everything is told.
#[test]
fn a_mission_that_is_merged_with_git() {
    let repo = ready();
    install(&repo);
    repo.git(&["checkout", "--quiet", MISSION]);
    repo.write("more.txt", "x\n");
    repo.git(&["add", "--all"]);
    repo.git(&["commit", "--quiet", "--no-verify", "--message", "More"]);
    repo.git(&["checkout", "--quiet", "main"]);
    let run = goes_on(
        repo.root(),
        &["merge", "--no-ff", "--no-edit", MISSION],
        true,
        "clearance merge --mission m",
    );
    assert!(run.stderr.contains("by hand"), "{}", run.stderr);
}

/// A merge of clearance runs the hooks of git, which let it through: it has asked, and holds its locks.
#[rstest]
#[case("squash", &[])]
#[case("merge", &[])]
#[case("rebase", &[])]
#[case("merge", &["--push"])]
fn a_merge_of_clearance(#[case] strategy: &str, #[case] more: &[&str]) {
    let repo = ready();
    // Every hook would refuse, were it to ask.
    repo.write(
        "rules.d/never.yaml",
        rule("never", "stages: [commit]\ncheck: { assert: 1 == 2 }\nmessage: m\nremediation: r\n")
            .replace("stages: [commit, merge]\n", ""),
    );
    repo.commit_all("Rules");
    done(
        &repo,
        "git init --quiet --bare --initial-branch=main ../origin.git; git remote add origin ../origin.git; git push --quiet -u origin main",
    );
    install(&repo);
    let run = with_path(
        repo.root(),
        &[&["merge", "--mission", "m", "--strategy", strategy, "--json"], more].concat(),
    );
    let json = run.json();
    assert_eq!((run.code, json["merged"].as_bool()), (0, Some(true)), "{json:#}");
    if !more.is_empty() {
        assert_eq!(
            git(&beside(&repo, "origin.git"), &["rev-parse", "main"]),
            repo.git(&["rev-parse", "main"])
        );
    }
    // What was meant for that merge is of no use afterwards.
    stage(&repo, &[("later.txt", "x\n")]);
    let later =
        Run::of(ready_git(repo.root()).env("CLEARANCE_LANDING", "1").args(["commit", "--message", "x"]));
    assert!(later.code != 0 && later.stderr.contains("never"), "{}", later.stderr);
}

/// Commands that commit themselves run the hooks, too.
#[test]
fn a_commit_of_clearance() {
    let repo = rows("- [ ] T001 a\n");
    repo.write("rules.d/no-bad.yaml", no_bad());
    repo.commit_all("Mission");
    install(&repo);
    let mark = |id: &str| {
        with_path(repo.root(), &["mark-status", id, "--status", "done", "--mission", "m", "--auto-commit"])
    };
    let marked = mark("T001");
    assert_eq!(marked.code, 0, "{}{}", marked.stdout, marked.stderr);
    assert!(told(&repo, &["log", "-1", "--format=%s"]).contains("T001"));
}

/// A remote that has the branch `main` with rules, and hooks here.
fn to_push() -> TestRepo {
    let repo = hooked();
    done(
        &repo,
        "git init --quiet --bare --initial-branch=main ../origin.git; git remote add origin ../origin.git; git push --quiet --no-verify -u origin main",
    );
    repo
}

fn commit(repo: &TestRepo, file: &str, text: &str) {
    repo.write(file, text);
    repo.git(&["add", "--all"]);
    repo.git(&["commit", "--quiet", "--no-verify", "--message", "feat: x"]);
}

fn at_remote(repo: &TestRepo, branch: &str) -> Option<String> {
    let refs = git(&beside(repo, "origin.git"), &["for-each-ref", "--format=%(refname:short) %(objectname)"]);
    refs.lines().find_map(|line| line.strip_prefix(&format!("{branch} ")).map(str::to_owned))
}

#[rstest]
#[case::good(&[("a.txt", "good\n")], true)]
#[case::bad(&[("a.txt", "BAD\n")], false)]
// The last commit takes it back, and what is published has none of it in its files.
#[case::taken_back(&[("a.txt", "BAD\n"), ("a.txt", "good\n")], true)]
// A change of the rules does not judge itself.
#[case::weakens(&[("rules.d/no-bad.yaml", WEAKER), ("a.txt", "BAD\n")], false)]
fn a_push(#[case] commits: &[(&str, &str)], #[case] expected: bool, #[values("main", "side")] branch: &str) {
    let repo = to_push();
    if branch != "main" {
        repo.git(&["checkout", "--quiet", "-b", branch]);
    }
    for (file, text) in commits {
        commit(&repo, file, text);
    }
    // What is not committed is not pushed.
    repo.write("b.txt", "BAD\n");
    let before = at_remote(&repo, branch);
    let run = git_with(repo.root(), &["push", "origin", branch]);
    assert_eq!((run.code == 0, at_remote(&repo, branch) != before), (expected, expected), "{}", run.stderr);
    let why = if expected { "cleared" } else { "git push --no-verify" };
    assert!(run.stderr.contains(why), "{}", run.stderr);
    if !expected {
        assert_eq!(git_with(repo.root(), &["push", "--no-verify", "origin", branch]).code, 0);
    }
}

/// Rules about commits see those that the remote lacks, also those of the main line that were not pushed.
#[test]
fn the_commits_of_a_push() {
    let one = "check: { assert: 'commits.size() == 2 && commits.all(c, c.subject == \"feat: x\") && branch.name == \"topic\" && branch.target == \"main\"' }\nmessage: \"{{ commits.size() }}\"\nremediation: r\n";
    let repo = staged(&[("rules.d/two.yaml", &rule("two", one))]);
    repo.commit_all("Rules");
    done(
        &repo,
        "git init --quiet --bare --initial-branch=main ../origin.git; git remote add origin ../origin.git; git push --quiet -u origin main",
    );
    install(&repo);
    commit(&repo, "a", "1\n");
    repo.git(&["checkout", "--quiet", "-b", "here"]);
    commit(&repo, "b", "1\n");
    let run = git_with(repo.root(), &["push", "origin", "HEAD:refs/heads/topic"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    commit(&repo, "c", "1\n");
    let one_more = git_with(repo.root(), &["push", "origin", "HEAD:refs/heads/topic"]);
    assert!(one_more.code != 0 && one_more.stderr.contains("two"), "{}", one_more.stderr);
}

/// Several at once: each is asked about, and one that blocks stops all.
#[test]
fn several_branches() {
    let repo = to_push();
    commit(&repo, "a.txt", "good\n");
    repo.git(&["checkout", "--quiet", "-b", "side"]);
    commit(&repo, "b.txt", "BAD\n");
    repo.git(&["tag", "v1"]);
    let run = git_with(repo.root(), &["push", "origin", "main", "side", "v1"]);
    assert_ne!(run.code, 0);
    for words in [
        "refs/heads/main:\ncleared",
        "refs/heads/side:\n",
        "blocked",
        "refs/tags/v1 was not asked about: it is no branch",
    ] {
        assert!(run.stderr.contains(words), "no `{words}` in {}", run.stderr);
    }
    assert_eq!(at_remote(&repo, "side"), None);
}

/// Nothing is published by deleting it, by a tag, or where nothing is new.
#[rstest]
#[case(&["push", "origin", "--delete", "gone"], "it is deleted")]
#[case(&["push", "origin", "v1"], "it is no branch")]
#[case(&["push", "origin", "gone"], "")]
fn what_is_let_through(#[case] arguments: &[&str], #[case] why: &str) {
    let repo = to_push();
    commit(&repo, "a.txt", "BAD\n");
    done(&repo, "git tag v1; git branch gone; git push --quiet --no-verify origin gone");
    let run = git_with(repo.root(), arguments);
    assert!(run.code == 0 && run.stderr.contains(why), "{}", run.stderr);
}

/// The remote has what is not known here: what a forced push would do to it cannot be told.
#[test]
fn a_remote_that_went_on() {
    let repo = to_push();
    done(&repo, &format!("git clone --quiet ../origin.git ../theirs\n{}", crate::ready::named("../theirs")));
    done(
        &repo,
        "cd ../theirs; git commit --quiet --allow-empty -m 'feat: theirs'; git push --quiet origin main",
    );
    commit(&repo, "a.txt", "good\n");
    let before = at_remote(&repo, "main");
    let run = git_with(repo.root(), &["push", "--force", "origin", "main"]);
    assert!(
        run.code != 0 && run.stderr.contains("undecided") && run.stderr.contains("git fetch origin"),
        "{}",
        run.stderr
    );
    assert_eq!(at_remote(&repo, "main"), before);
    repo.git(&["fetch", "--quiet"]);
    assert_eq!(git_with(repo.root(), &["push", "--force", "origin", "main"]).code, 0);
}

/// The first push of all: nothing is there, so everything is new, and the branch has the only rules there are.
#[rstest]
#[case("good\n", true)]
#[case("BAD\n", false)]
fn the_first_push(#[case] text: &str, #[case] expected: bool) {
    let repo = hooked();
    commit(&repo, "a.txt", text);
    done(
        &repo,
        "git init --quiet --bare --initial-branch=main ../origin.git; git remote add origin ../origin.git",
    );
    let run = git_with(repo.root(), &["push", "origin", "main"]);
    assert_eq!(run.code == 0, expected, "{}", run.stderr);
}

/// Programs that run hooks for git read what git says themselves, and tell it in variables.
#[rstest]
#[case("BAD\n", 1)]
#[case("good\n", 0)]
fn as_pre_commit_tells_it(#[case] text: &str, #[case] code: i32) {
    let repo = to_push();
    let from = head(repo.root());
    commit(&repo, "a.txt", text);
    let to = head(repo.root());
    let mut hook = command(repo.root());
    hook.env("PRE_COMMIT_FROM_REF", from.trim()).env("PRE_COMMIT_TO_REF", to.trim());
    hook.env("PRE_COMMIT_REMOTE_BRANCH", "refs/heads/main").env("PRE_COMMIT_REMOTE_NAME", "origin");
    let run = Run::of(hook.args(["hooks", "run", "pre-push", "--json"]).stdin(std::process::Stdio::null()));
    assert_eq!(run.code, code, "{:#}", run.json());
    valid("clearance.hooks.v1.json", &run.json());
    assert_eq!(run.json()["runs"][0]["of"], "refs/heads/main");
}

/// Asked without git: what is said to machines, and what is wrong with what is given.
#[rstest]
#[case(&["pre-merge-commit"], 0, None)]
#[case(&["commit-msg", "message"], 1, None)]
#[case(&["commit-msg"], 2, Some("usage"))]
#[case(&["commit-msg", "nosuch"], 2, Some("no_message"))]
#[case(&["pre-push", "origin", "url"], 2, Some("bad_hook_input"))]
fn for_machines(#[case] arguments: &[&str], #[case] code: i32, #[case] error: Option<&str>) {
    let repo = hooked();
    repo.write("message", "wip\n");
    repo.write("input", "this is none\n");
    let input = std::fs::File::open(repo.root().join("input")).unwrap();
    let mut hook = command(repo.root());
    let run = Run::of(hook.env("PATH", path()).args(["hooks", "run", "--json"]).args(arguments).stdin(input));
    let json = run.json();
    assert_eq!((run.code, json["error"].as_str()), (code, error), "{json:#}");
    if error.is_none() {
        valid("clearance.hooks.v1.json", &json);
        valid("clearance.check.v1.json", &json["runs"][0]["account"]);
    }
}
