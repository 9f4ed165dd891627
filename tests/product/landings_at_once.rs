//! Merges at the same time, and others at work in the repository: one after the other, or refused and nothing changed.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rstest::rstest;
use serde_json::Value;

use crate::landed::{once, positions, work_tree_files};
use crate::ready::{LANE_A, LANE_B, MISSION, done, ready, shell, with_another};
use crate::support::{Run, TestRepo, all, asked, assert_same, below, command};

const MERGE: [&str; 3] = ["merge", "--mission", "m"];

fn journals(repo: &TestRepo) -> Vec<PathBuf> {
    let land = repo.root().join(".git/clearance/land");
    if land.exists() { below(&land).into_iter().filter(|path| *path != land).collect() } else { Vec::new() }
}

#[rstest]
fn two_missions_at_once(#[values(1, 2, 3)] _round: usize) {
    let repo = ready();
    with_another(&repo);
    let started = ["m", "n"].map(|mission| {
        let mut merge = command(repo.root());
        merge.args(["merge", "--mission", mission, "--lock-timeout", "60", "--json"]);
        merge.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    });
    let mut numbers = started.map(|child| {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{said}");
        serde_json::from_str::<Value>(&said).unwrap()["mission_number"].as_u64().unwrap()
    });
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2]);
    let tracked = repo.git(&["ls-tree", "--name-only", "main"]);
    for file in ["a.txt", "b.txt", "n-lane-a.txt", "n-lane-b.txt"] {
        assert!(tracked.lines().any(|line| line == file), "{file} in {tracked}");
    }
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    assert_eq!(repo.git(&["branch", "--format=%(refname:short)"]), "main\n");
    assert_eq!(journals(&repo), Vec::<PathBuf>::new());
}

/// A process that holds the lock until it is told to end.
fn holder(repo: &TestRepo) -> Option<Child> {
    let lock = repo.write(".git/clearance/land.lock", "");
    let mut flock = Command::new("flock");
    flock.arg(&lock).args(["sh", "-c", "echo held; read line"]);
    let Ok(mut holder) = flock.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() else {
        eprintln!("flock(1) is not installed");
        return None;
    };
    holder.stdout.as_mut().unwrap().read_exact(&mut [0; 5]).unwrap();
    Some(holder)
}

#[test]
fn a_merge_under_way_is_waited_for_and_named() {
    let repo = ready();
    let Some(mut holder) = holder(&repo) else { return };
    let before = all(repo.root());
    for more in [&["--mission", "m"][..], &["--resume"], &["--abort"]] {
        let arguments = [&["merge", "--lock-timeout", "0.1"], more].concat();
        let (code, error) = asked(repo.root(), &arguments);
        assert_eq!((code, &error["error"]), (3, &"merge_locked".into()), "{error:#}");
        let message = error["message"].as_str().unwrap();
        if cfg!(target_os = "linux") {
            assert!(message.contains(&format!("process {}", holder.id())), "{message}");
        }
        assert_same(&before, &all(repo.root()), "a merge that waited in vain");
    }
    // Asking needs no lock.
    assert_eq!(asked(repo.root(), &["merge", "--dry-run", "--mission", "m"]).0, 0);
    let mut merge = command(repo.root());
    let waiting = merge.args(MERGE).args(["--lock-timeout", "60"]).stdout(Stdio::piped()).spawn().unwrap();
    holder.stdin.take().unwrap().write_all(b"\n").unwrap();
    holder.wait().unwrap();
    assert!(waiting.wait_with_output().unwrap().status.success());
}

/// Whoever looks into the lock of a merge at work reads whose it is, and the next merge says it: in whatever work tree
/// either is made.
#[rstest]
#[case::in_the_main_work_tree(".", "../linked")]
#[case::in_another_one("../linked", ".")]
fn a_merge_at_work_signs_its_lock(
    #[case] place: &str,
    #[case] other: &str,
    #[values(&["--mission", "m"], &["--resume"], &["--abort"])] more: &[&str],
) {
    let repo = ready();
    repo.git(&["worktree", "add", "--quiet", "-b", "other", "../linked"]);
    done(&repo, "mkfifo ../there ../go");
    // Opened to read and write, a pipe waits for nobody to open its other end.
    let pipe = |name| fs::File::options().read(true).write(true).open(repo.outside().join(name)).unwrap();
    let (mut there, mut go) = (pipe("there"), pipe("go"));
    let outside = repo.outside().display();
    let holds = format!("echo hook > '{outside}/there'; read line < '{outside}/go'");
    once(&repo.root().join(".git"), "pre-merge-commit", &holds);
    let mut merge = command(&repo.root().join(place));
    let merge = merge.args(MERGE).arg("--json").stdout(Stdio::piped()).spawn().unwrap();
    let id = merge.id();
    // A merge that never comes to its hook must not be waited for.
    let mut end = there.try_clone().unwrap();
    let ended = std::thread::spawn(move || {
        let output = merge.wait_with_output().unwrap();
        end.write_all(b"over\n").unwrap();
        output
    });
    let mut who = [0; 5];
    there.read_exact(&mut who).unwrap();
    assert_eq!(&who, b"hook\n");
    let signature = format!("process {id} on {}", shell(&repo, "uname -n").stdout);
    assert_eq!(repo.read(".git/clearance/land.lock"), signature);
    let before = all(repo.outside());
    let arguments = [&["merge", "--lock-timeout", "0"], more].concat();
    let (code, error) = asked(&repo.root().join(other), &arguments);
    assert_eq!((code, &error["error"]), (3, &"merge_locked".into()), "{error:#}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains(".git/clearance/land.lock is held by "), "{message}");
    if cfg!(target_os = "linux") {
        assert!(message.contains(&format!("process {id} (clearance)")), "{message}");
    }
    assert_same(&before, &all(repo.outside()), "a merge that was refused");
    assert_eq!(repo.read(".git/clearance/land.lock"), signature);
    go.write_all(b"go\n").unwrap();
    let output = ended.join().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn a_dead_owner_blocks_nobody() {
    let repo = ready();
    let Some(mut holder) = holder(&repo) else { return };
    holder.kill().unwrap();
    // Its child has the lock as well, until it reads that there is no more to read.
    drop(holder.stdin.take());
    holder.wait().unwrap();
    repo.write(".git/clearance/land.lock", "process 1 on elsewhere\n");
    assert_eq!(asked(repo.root(), &[&MERGE[..], &["--lock-timeout", "60"]].concat()).0, 0);
}

/// A lock of somebody else that comes when the question is answered.
#[rstest]
fn a_locked_index(#[values("squash", "merge", "rebase")] strategy: &str) {
    let repo = ready();
    once(
        &repo.root().join(".git"),
        "pre-merge-commit",
        &format!("echo theirs > '{}/.git/index.lock'", repo.root().display()),
    );
    let (refs, before) = (repo.git(&["for-each-ref"]), work_tree_files(&repo));
    let (code, error) = asked(repo.root(), &[&MERGE[..], &["--strategy", strategy]].concat());
    assert_eq!((code, &error["error"]), (1, &"index_locked".into()), "{error:#}");
    assert_eq!(repo.read(".git/index.lock"), "theirs\n", "it is not ours to remove");
    assert_eq!(repo.git(&["for-each-ref"]), refs);
    assert_same(&before, &work_tree_files(&repo), "a merge that was refused");
    assert_eq!(journals(&repo), Vec::<PathBuf>::new());
    fs::remove_file(repo.root().join(".git/index.lock")).unwrap();
    assert_eq!(asked(repo.root(), &MERGE).0, 0);
}

/// A second work tree whose index is locked: the first one is put back.
#[test]
fn a_locked_index_of_another_work_tree() {
    let repo = ready();
    repo.git(&["worktree", "add", "--quiet", "../held", MISSION]);
    once(
        &repo.root().join(".git"),
        "pre-merge-commit",
        &format!("echo theirs > '{}/.git/worktrees/held/index.lock'", repo.root().display()),
    );
    let (before, state) = (work_tree_files(&repo), positions(&repo));
    let (code, error) = asked(repo.root(), &MERGE);
    assert_eq!((code, &error["error"]), (1, &"index_locked".into()), "{error:#}");
    assert_eq!(positions(&repo), state);
    assert_same(&before, &work_tree_files(&repo), "a merge that was refused");
    assert_eq!(journals(&repo), Vec::<PathBuf>::new());
}

/// A branch that somebody moves between the question and the merge.
#[rstest]
#[case::the_target("refs/heads/main", "main")]
#[case::elsewhere("refs/heads/main", "other")]
fn a_target_that_somebody_moves(
    #[case] name: &str,
    #[case] here: &str,
    #[values("squash", "merge", "rebase")] strategy: &str,
) {
    let repo = ready();
    if here != "main" {
        repo.git(&["checkout", "--quiet", "-b", here]);
    }
    let moves = format!(
        "cd '{}'; git -c user.name=S -c user.email=s@example.invalid commit-tree -p main -m Theirs 'main^{{tree}}' > .git/theirs; git update-ref {name} $(cat .git/theirs)",
        repo.root().display()
    );
    once(&repo.root().join(".git"), "pre-merge-commit", &moves);
    let (index, before) = (repo.git(&["ls-files", "--stage"]), work_tree_files(&repo));
    let (code, error) = asked(repo.root(), &[&MERGE[..], &["--strategy", strategy]].concat());
    let name = error["error"].as_str().unwrap_or_default();
    assert!(code == 1 && ["branch_moved", "plan_changed"].contains(&name), "{code} {error:#}");
    assert_eq!(repo.git(&["rev-parse", "main"]), repo.read(".git/theirs"));
    assert_eq!(repo.git(&["ls-files", "--stage"]), index);
    assert_same(&before, &work_tree_files(&repo), "a merge that was refused");
    assert_eq!(journals(&repo), Vec::<PathBuf>::new());
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    let (code, answer) = asked(repo.root(), &[&MERGE[..], &["--strategy", strategy]].concat());
    assert_eq!(code, 0, "{answer:#}");
    repo.git(&["merge-base", "--is-ancestor", repo.read(".git/theirs").trim(), "main"]);
}

/// A lane that went on meanwhile stays; what was shown is merged.
#[test]
fn a_lane_that_somebody_moves() {
    let repo = ready();
    let moves = format!(
        "cd '{}'; git update-ref refs/heads/{LANE_B} $(git -c user.name=S -c user.email=s@example.invalid commit-tree -p {LANE_B} -m Late {LANE_B}^{{tree}})",
        repo.root().display()
    );
    once(&repo.root().join(".git"), "pre-merge-commit", &moves);
    let (code, answer) = asked(repo.root(), &MERGE);
    assert_eq!((code, &answer["merged"]), (0, &true.into()), "{answer:#}");
    assert!(answer["kept"].to_string().contains(LANE_B), "{answer:#}");
    assert_eq!(repo.git(&["log", "-1", "--format=%s", LANE_B]), "Late\n");
}

/// A file that somebody writes after the question was answered.
#[rstest]
#[case::changed("shared.txt")]
#[case::in_the_way("a.txt")]
fn a_file_that_somebody_writes(#[case] file: &str) {
    let repo = ready();
    once(
        &repo.root().join(".git"),
        "pre-merge-commit",
        &format!("echo mine > '{}/{file}'", repo.root().display()),
    );
    let state = (repo.git(&["for-each-ref"]), repo.git(&["ls-files", "--stage"]));
    let mut before = work_tree_files(&repo);
    let (code, error) = asked(repo.root(), &MERGE);
    assert_eq!((code, &error["error"]), (1, &"work_tree_refused".into()), "{error:#}");
    assert_eq!((repo.git(&["for-each-ref"]), repo.git(&["ls-files", "--stage"])), state);
    let mut after = work_tree_files(&repo);
    assert_eq!(after.remove(&repo.root().join(file)).unwrap().1, b"mine\n");
    before.remove(&repo.root().join(file));
    assert_same(&before, &after, "a merge that was refused");
    assert_eq!(journals(&repo), Vec::<PathBuf>::new());
    assert!(!repo.root().join(".git/index.lock").exists());
    fs::rename(repo.root().join(file), repo.outside().join("kept")).unwrap();
    done(&repo, "git checkout --quiet .");
    assert_eq!(asked(repo.root(), &MERGE).0, 0);
}

/// Neither takes a person's own merge for one of the product's.
#[rstest]
fn a_merge_of_ones_own(#[values("--abort", "--resume")] option: &str) {
    let repo = ready();
    repo.git(&["merge", "--quiet", "--no-commit", "--no-ff", LANE_A]);
    repo.write("shared.txt", "half resolved\n");
    let before = all(repo.outside());
    for _ in 0..2 {
        let (code, answer) = asked(repo.root(), &["merge", option]);
        let nothing = format!("nothing_to_{}", option.trim_start_matches('-'));
        assert_eq!((code, &answer["outcome"]), (0, &nothing.into()), "{answer:#}");
        assert_same(&before, &all(repo.outside()), option);
    }
}

/// A journal of a version to come is no business of this one.
#[rstest]
#[case::all_of_it(r#"{"version": 99}"#, "version 99")]
#[case::of_another_form(r#"{"version": 99, "mission": {"slug": "m"}, "target": []}"#, "version 99")]
#[case::torn(r#"{"version": 1, "miss"#, "journal.json")]
fn a_journal_of_another_version(#[case] text: &str, #[case] named: &str) {
    let repo = ready();
    let journal = repo.write(".git/clearance/land/01KDYAK3483A85XND6SXHQC2N2/journal.json", text);
    repo.write(".git/clearance/land/01KDYAK3483A85XND6SXHQC2N2/index-0", "theirs\n");
    let before = all(repo.outside());
    let theirs = || {
        below(&repo.root().join(".git/clearance/land"))
            .into_iter()
            .filter(|path| path.is_file())
            .map(|path| fs::read(path).unwrap())
            .collect::<Vec<_>>()
    };
    let kept = theirs();
    for arguments in [&MERGE[..], &["merge", "--abort"], &["merge", "--resume"]] {
        let (code, error) = asked(repo.root(), arguments);
        assert_eq!((code, &error["error"]), (3, &"recovery_blocked".into()), "{error:#}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(named) && message.contains(journal.to_str().unwrap()), "{message}");
        assert_same(&before, &all(repo.outside()), "a merge that was refused");
        assert_eq!(theirs(), kept);
    }
    assert_eq!(
        Run::of(command(repo.root()).args(["check", "--mission", "m"])).code,
        3,
        "what is not known is no pass"
    );
    for branch in [MISSION, LANE_A, LANE_B] {
        repo.git(&["rev-parse", "--verify", branch]);
    }
}
