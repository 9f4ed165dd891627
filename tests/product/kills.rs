//! The merge killed at every system call that writes: whatever is left, the next run makes it complete or takes it back.
//!
//! `CLEARANCE_KILLS=all` tries every call; otherwise some of them are tried, others for each kind of repository.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use clearance_testkit::crash::{self, Blow, Call, Crash, Ended};
use rstest::rstest;
use serde_json::Value;

use crate::landed::{change_kind, to_change_kind};
use crate::ready::{LANE_A, LANE_B, lane, mission};
use crate::support::{Run, TestRepo, asked, below, command, everything, in_git};

const LANE_C: &str = "kitty/mission-m-lane-c";
const LANES: &str = r#"{"version": 1, "mission_slug": "m", "mission_branch": "kitty/mission-m", "target_branch": "main", "lanes": [
  {"lane_id": "lane-b", "wp_ids": ["WP02"], "depends_on_lanes": ["lane-a"]},
  {"lane_id": "lane-c", "wp_ids": ["WP03"], "depends_on_lanes": []},
  {"lane_id": "lane-a", "wp_ids": ["WP01"], "depends_on_lanes": []}
]}
"#;

/// A repository that is put back as it was before every kill: linked work trees know where they are.
struct Subject {
    repo: TestRepo,
    /// A copy of it.
    kept: PathBuf,
    strategy: &'static str,
}

/// What a merge must not depend on.
struct Kind {
    strategy: &'static str,
    /// How references are stored.
    refs: &'static str,
    /// What the main work tree has checked out.
    checked_out: &'static str,
}

impl Subject {
    fn of(kind: &Kind) -> Self {
        let repo = repository(kind.refs);
        repo.write(".gitignore", ".worktrees/\n*.ignored\n");
        to_change_kind(&repo);
        mission(&repo, LANES, &["WP01-a", "WP02-a", "WP03-a"]);
        lane(&repo, LANE_A, ("one", "ONE"), "a.txt");
        lane(&repo, LANE_B, ("seven", "SEVEN"), "deep/er/b.txt");
        lane(&repo, LANE_C, ("four", "FOUR"), "c.txt");
        repo.git(&["checkout", "--quiet", LANE_C]);
        change_kind(&repo);
        repo.commit_all("Remove");
        repo.git(&["checkout", "--quiet", "main"]);
        repo.write("target.txt", "the target went on\n");
        repo.commit_all("Target");
        repo.git(&["worktree", "add", "--quiet", ".worktrees/m-lane-a", LANE_A]);
        repo.write(".worktrees/m-lane-a/own.ignored", "settings\n");
        if kind.checked_out != "main" {
            repo.git(&["checkout", "--quiet", "-b", kind.checked_out]);
        }
        if kind.refs == "packed" {
            repo.git(&["pack-refs", "--all"]);
        }
        repo.write("untracked.txt", "mine\n");
        repo.write("mine.ignored", "mine too\n");
        let kept = repo.outside().join("kept");
        copy(repo.root(), &kept);
        Self { repo, kept, strategy: kind.strategy }
    }

    /// As before the merge.
    fn put_back(&self) {
        std::fs::remove_dir_all(self.repo.root()).unwrap();
        copy(&self.kept, self.repo.root());
    }

    fn merge(&self, more: &[&str]) -> Command {
        let mut merge = command(self.repo.root());
        merge.args(["merge", "--mission", "m", "--strategy", self.strategy, "--json"]).args(more);
        merge
    }

    /// Makes all of it, and says with which calls, and what comes of it.
    fn whole(&self) -> (Vec<Call>, State) {
        let whole = crash::run(&self.merge(&[]), self.repo.root(), None).unwrap();
        let Ended::ByItself { code: Some(0), calls, .. } = whole else { panic!("{whole:?}") };
        (calls, self.state())
    }

    fn kill(&self, at: usize, blow: Blow) -> Ended {
        crash::run(&self.merge(&[]), self.repo.root(), Some(Crash { at, blow })).unwrap()
    }

    /// Kills it so many calls behind the first one that is meant, or instead of that one; and says what would have come of
    /// it.
    fn killed_behind(&self, calls: usize, is_meant: impl Fn(&Call) -> bool) -> State {
        let (all, complete) = self.whole();
        let first = all.iter().position(is_meant).unwrap();
        self.put_back();
        let ended = self.kill(1 + first + calls, Blow::Before);
        assert!(matches!(ended, Ended::Killed { .. }), "{ended:?}");
        complete
    }

    /// The answer of the product there.
    fn asked(&self, arguments: &[&str]) -> (i32, Value) {
        asked(self.repo.root(), arguments)
    }

    /// The merge, asked for again, is made.
    fn is_made(&self, context: &str) {
        let run = Run::of(&mut self.merge(&[]));
        assert_eq!((run.code, &run.json()["merged"]), (0, &true.into()), "{context}: {}", run.stdout);
        self.is_sound(context);
    }

    /// Everything that a merge may change, and that must be as it should in the end.
    fn state(&self) -> State {
        let refs = self.repo.git(&["for-each-ref", "--format=%(refname) %(objectname)"]);
        let files = everything(self.repo.root());
        let files = files.into_iter().filter(|(path, _)| !path.starts_with(self.repo.root().join(".git")));
        State {
            refs: refs.lines().map(str::to_owned).collect(),
            files: files.collect(),
            status: self.repo.git(&["status", "--porcelain"]),
            trees: self.repo.git(&["worktree", "list", "--porcelain"]),
        }
    }

    /// What must hold whatever became of it.
    fn is_sound(&self, context: &str) {
        let fsck = Run::of(in_git(self.repo.root()).args(["fsck", "--no-dangling", "--no-progress"]));
        assert_eq!((fsck.code, fsck.stdout.as_str(), fsck.stderr.as_str()), (0, "", ""), "{context}");
        let own = ["land.lock", "m.status.lock"];
        let left = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name.ends_with(".lock") && !own.contains(&name.as_str())) || name.starts_with("mark-")
        };
        let left: Vec<_> = below(&self.repo.root().join(".git")).into_iter().filter(left).collect();
        assert!(left.is_empty(), "{context}: {left:?}");
        let landings = self.repo.root().join(".git/clearance/land");
        assert!(!landings.exists() || below(&landings).len() == 1, "{context}: {:?}", below(&landings));
        for (name, text) in [("untracked.txt", "mine\n"), ("mine.ignored", "mine too\n")] {
            assert_eq!(self.repo.read(name), text, "{context}");
        }
    }
}

/// What a repository is like.
#[derive(Debug, PartialEq, Eq)]
struct State {
    refs: Vec<String>,
    files: BTreeMap<PathBuf, Vec<u8>>,
    status: String,
    trees: String,
}

fn repository(refs: &str) -> TestRepo {
    let repo = TestRepo::new();
    if refs == "reftable" {
        std::fs::remove_dir_all(repo.root().join(".git")).unwrap();
        repo.git(&["init", "--quiet", "--initial-branch=main", "--ref-format=reftable"]);
        repo.git(&["config", "user.name", "Tester"]);
        repo.git(&["config", "user.email", "tester@example.invalid"]);
    } else {
        repo.git(&["branch", "--move", "main"]);
    }
    repo
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

/// A call that touches what has this name.
fn touches(name: &str) -> impl Fn(&Call) -> bool {
    move |call| call.paths.iter().any(|path| path.ends_with(name))
}

/// The calls to be killed at: all of them, or so many, others for each `seed`.
fn points(calls: usize, seed: usize) -> Vec<usize> {
    const SOME: usize = 12;
    #[expect(clippy::disallowed_methods, reason = "a switch for whoever has the time")]
    let all = std::env::var_os("CLEARANCE_KILLS").is_some();
    if all {
        return (1..=calls).collect();
    }
    let step = calls / SOME;
    (1..=calls).filter(|at| (at + seed * 7).is_multiple_of(step)).collect()
}

#[rstest]
#[case::squash(0, Kind { strategy: "squash", refs: "loose", checked_out: "main" })]
#[case::merge(1, Kind { strategy: "merge", refs: "loose", checked_out: "main" })]
#[case::rebase(2, Kind { strategy: "rebase", refs: "loose", checked_out: "main" })]
#[case::packed(3, Kind { strategy: "squash", refs: "packed", checked_out: "main" })]
#[case::reftable(4, Kind { strategy: "merge", refs: "reftable", checked_out: "main" })]
#[case::elsewhere(5, Kind { strategy: "squash", refs: "packed", checked_out: "other" })]
#[case::mission(6, Kind { strategy: "rebase", refs: "loose", checked_out: MISSION_SIDE })]
fn a_merge_that_is_killed(#[case] seed: usize, #[case] kind: Kind) {
    let subject = Subject::of(&kind);
    let before = subject.state();
    let (calls, complete) = subject.whole();
    subject.is_sound("not killed");
    let trial = Trial { subject: &subject, before: &before, complete: &complete, calls: calls.len() };
    for (nth, at) in points(calls.len(), seed).into_iter().enumerate() {
        trial.run(at, Blow::Before, nth);
        if calls[at - 1].tears() {
            trial.run(at, Blow::Torn, nth + 1);
        }
    }
}

/// Who asks after a crash is told how to go on, and not to remove the locks that the merge knows its files by.
#[test]
fn what_is_told_of_an_interrupted_merge() {
    let subject = Subject::of(&Kind { strategy: "rebase", refs: "loose", checked_out: "main" });
    // The second call after the lock is there.
    let complete =
        subject.killed_behind(2, |call| call.name.starts_with("link") && touches("index.lock")(call));
    let (code, json) = subject.asked(&["merge", "--dry-run", "--mission", "m"]);
    assert_eq!((code, &json["blocker"]), (1, &"merge_interrupted".into()), "{json:#}");
    assert_eq!(json["blockers"].as_array().map(Vec::len), Some(1), "{json:#}");
    assert_eq!(json["blockers"][0]["remediation"], "clearance merge --resume");
    // As it was begun, whatever the usual strategy is.
    let (code, json) = subject.asked(&["merge", "--resume"]);
    assert_eq!((code, &json["strategy"]), (0, &"rebase".into()), "{json:#}");
    assert_eq!(subject.state(), complete);
    for option in ["--resume", "--abort"] {
        let (code, json) = subject.asked(&["merge", option]);
        assert_eq!((code, &json["merged"]), (0, &false.into()), "{json:#}");
    }
}

/// git advises to remove a lock that is left: who does that loses nothing by it.
#[rstest]
#[case::before_the_merge_is_made("refs/heads/main.lock")]
#[case::after_it("refs/heads/kitty/mission-m.lock")]
fn a_lock_that_was_removed_by_hand(#[case] moves: &str) {
    let subject = Subject::of(&Kind { strategy: "squash", refs: "loose", checked_out: "main" });
    let complete = subject.killed_behind(0, touches(moves));
    std::fs::remove_file(subject.repo.root().join(".git/index.lock")).unwrap();
    subject.is_made("the lock was removed");
    assert_eq!(subject.state(), complete);
}

/// A target that went on after a crash has not got the merge: that is made on top.
#[test]
fn a_target_that_went_on_after_the_interruption() {
    let subject = Subject::of(&Kind { strategy: "squash", refs: "loose", checked_out: "other" });
    subject.killed_behind(0, touches("refs/heads/main.lock"));
    let on = subject.repo.git(&["commit-tree", "-p", "main", "-m", "On", "main^{tree}"]);
    subject.repo.git(&["update-ref", "refs/heads/main", on.trim()]);
    subject.is_made("the target went on");
    assert_eq!(subject.repo.git(&["rev-parse", "main^"]), on);
}

/// Somebody who writes a file after a crash does not lose it.
#[test]
fn a_file_that_is_written_after_the_interruption() {
    let subject = Subject::of(&Kind { strategy: "squash", refs: "loose", checked_out: "main" });
    let before = subject.state();
    // The files are those of the merge, and the target is not.
    subject.killed_behind(0, touches("refs/heads/main.lock"));
    assert_eq!(subject.repo.read("a.txt"), "new\n");
    subject.repo.write("a.txt", "new\nand mine\n");
    for option in ["--abort", "--resume"] {
        let (code, json) = subject.asked(&["merge", option]);
        assert_eq!((code, &json["error"]), (1, &"recovery_blocked".into()), "{json:#}");
        assert!(json["message"].as_str().unwrap().contains("a.txt"), "{json:#}");
        assert_eq!(subject.repo.read("a.txt"), "new\nand mine\n");
    }
    std::fs::remove_file(subject.repo.root().join("a.txt")).unwrap();
    let (code, json) = subject.asked(&["merge", "--abort"]);
    assert_eq!((code, &json["outcome"]), (0, &"taken_back".into()));
    subject.is_sound("aborted");
    assert_eq!(subject.state(), before);
}

/// A branch from which nothing is merged.
const MISSION_SIDE: &str = "side/of-the-mission";

struct Trial<'a> {
    subject: &'a Subject,
    before: &'a State,
    complete: &'a State,
    calls: usize,
}

impl Trial<'_> {
    /// Kills it at a call; every third one once more while it recovers; and then it is run again, or aborted first.
    fn run(&self, at: usize, blow: Blow, nth: usize) {
        let subject = self.subject;
        subject.put_back();
        let killed = subject.kill(at, blow);
        let Ended::Killed { call, .. } = &killed else { return };
        let mut context = format!("{} killed at {at} of {}, {call}", subject.strategy, self.calls);
        if nth % 3 == 1 {
            let again = 1 + (at * 31 + nth) % (self.calls / 2);
            if let Ended::Killed { call, .. } = subject.kill(again, blow) {
                context.push_str(&format!(", and again at {again}, {call}"));
            }
        }
        if nth % 2 == 1 && self.abort(&context) {
            return;
        }
        subject.is_made(&context);
        assert_eq!(subject.state(), *self.complete, "{context}");
    }

    /// Aborted, it is as before; or it was made already, and then it is finished. Whether it was.
    fn abort(&self, context: &str) -> bool {
        let run = Run::of(&mut self.subject.merge(&["--abort"]));
        let json = run.json();
        let state = self.subject.state();
        // Killed in its last steps, nothing is left to be finished.
        let expected = match (run.code, json["merged"].as_bool(), state == *self.complete) {
            (0, Some(false), false) => self.before,
            (0, Some(false), true) | (1, Some(true), _) => self.complete,
            _ => panic!("{context}: {}", run.stdout),
        };
        assert_eq!(state, *expected, "{context}: {}", run.stdout);
        self.subject.is_sound(context);
        state == *self.complete
    }
}
