//! What the tests of merges have in common: a merge, and what a repository is like before and after.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::ready::{LANE_A, LANE_B, ready, shell};
use crate::support::{Run, TestRepo, all, everything, run, same_after};

/// How a mission comes onto its target.
pub(crate) const STRATEGIES: [&str; 3] = ["squash", "merge", "rebase"];

/// `clearance merge` of the mission `m`.
pub(crate) fn merge(repo: &TestRepo, more: &[&str]) -> Run {
    run(repo, &[&["merge", "--mission", "m"], more].concat())
}

/// A merge that must be made, and its account.
pub(crate) fn merged(repo: &TestRepo, more: &[&str]) -> Value {
    let run = merge(repo, &[more, &["--json"]].concat());
    let json = run.json();
    assert_eq!((run.code, run.stderr.as_str(), &json["merged"]), (0, "", &true.into()), "{json:#}");
    json
}

/// A merge that must not be made for this reason, and what it says.
pub(crate) fn refused(repo: &TestRepo, more: &[&str], code: &str) -> Value {
    let run = merge(repo, &[more, &["--json"]].concat());
    let json = run.json();
    let told = json["error"].as_str().or_else(|| json["blocker"].as_str());
    assert_eq!((told, run.stderr.as_str()), (Some(code), ""), "{json:#}");
    assert!(
        run.code != 0 && json["exit_code"].as_i64().is_none_or(|told| told == i64::from(run.code)),
        "{json:#}"
    );
    json
}

/// The commit that a name leads to.
pub(crate) fn at(repo: &TestRepo, name: &str) -> String {
    repo.git(&["rev-parse", "--verify", name]).trim().to_owned()
}

/// What git prints, without the last line ending.
pub(crate) fn told(repo: &TestRepo, arguments: &[&str]) -> String {
    repo.git(arguments).trim_end().to_owned()
}

/// Every reference, and where it is.
pub(crate) fn refs(repo: &TestRepo) -> BTreeMap<String, String> {
    let lines = repo.git(&["for-each-ref", "--format=%(refname) %(objectname)"]);
    let pairs = lines.lines().map(|line| line.split_once(' ').unwrap());
    pairs.map(|(name, id)| (name.to_owned(), id.to_owned())).collect()
}

/// Every branch.
pub(crate) fn branches(repo: &TestRepo) -> Vec<String> {
    let names = repo.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads"]);
    names.lines().map(str::to_owned).collect()
}

/// What git has to say of the objects and of a work tree: nothing.
pub(crate) fn is_sound(repo: &TestRepo, place: &str) {
    sound(repo, place, "");
}

/// The same where objects may have been left that nothing leads to.
pub(crate) fn is_whole(repo: &TestRepo, place: &str) {
    sound(repo, place, "--no-dangling");
}

fn sound(repo: &TestRepo, place: &str, options: &str) {
    let said = shell(
        repo,
        &format!("cd {place} && git fsck --strict {options} 2>&1 && git status --porcelain 2>&1"),
    );
    assert_eq!((said.stdout.as_str(), said.code), ("", 0), "{place}");
    let left = shell(
        repo,
        &format!("ls -A \"$(git -C {place} rev-parse --git-common-dir)/clearance/land\" 2>/dev/null"),
    );
    assert_eq!(left.stdout, "", "a landing is forgotten when it is over");
}

/// References, where `HEAD` is, and what the index has.
pub(crate) fn positions(repo: &TestRepo) -> String {
    let refs = repo.git(&["for-each-ref"]);
    let head = shell(repo, "git symbolic-ref HEAD || git rev-parse HEAD").stdout;
    refs + &head + &repo.git(&["ls-files", "--stage"]) + &repo.git(&["status", "--porcelain"])
}

/// Everything in the work tree, without what git keeps.
pub(crate) fn work_tree_files(repo: &TestRepo) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let git = repo.root().join(".git");
    all(repo.root()).into_iter().filter(|(path, _)| !path.starts_with(&git)).collect()
}

/// Every file of and around a repository, but for the locks: those stay, free.
pub(crate) fn files(repo: &TestRepo) -> BTreeMap<PathBuf, Vec<u8>> {
    let is_lock = |path: &Path| {
        path.components()
            .any(|part| part.as_os_str() == "clearance" || part.as_os_str() == "spec-kitty-locks")
            && path.extension().is_some_and(|end| end == "lock")
    };
    everything(repo.outside()).into_iter().filter(|(path, _)| !is_lock(path)).collect()
}

/// Something that must not change a byte.
pub(crate) fn changing_nothing<T>(repo: &TestRepo, work: impl FnOnce() -> T) -> T {
    same_after("this", || files(repo), work)
}

/// The same, but for objects that nothing leads to: git leaves them behind as well where a hook refuses what it looked at.
pub(crate) fn changing_no_file<T>(repo: &TestRepo, work: impl FnOnce() -> T) -> T {
    let objects = repo.root().join(".git/objects");
    let look = || -> BTreeMap<_, _> {
        files(repo).into_iter().filter(|(path, _)| !path.starts_with(&objects)).collect()
    };
    same_after("this", look, work)
}

/// The same mission, of which Ann and Bo wrote a lane each.
pub(crate) fn by_two() -> TestRepo {
    let repo = ready();
    for (branch, name) in [(LANE_A, "Ann"), (LANE_B, "Bo")] {
        repo.git(&["checkout", "--quiet", branch]);
        let author = format!("--author={name} <{}@example.invalid>", name.to_lowercase());
        repo.git(&["commit", "--quiet", "--amend", "--no-edit", &author, "--date=2025-12-24T18:00:00+0100"]);
    }
    repo.git(&["checkout", "--quiet", "main"]);
    repo
}

/// Files for [`change_kind`].
pub(crate) fn to_change_kind(repo: &TestRepo) {
    repo.write("gone/old.txt", "to be removed\n");
    repo.write("directory/inside.txt", "a file comes in its place\n");
    repo.write("file", "a directory comes in its place\n");
}

/// A directory is gone, another one is a file now, and a file is a directory.
pub(crate) fn change_kind(repo: &TestRepo) {
    repo.git(&["rm", "--quiet", "-r", "gone", "directory", "file"]);
    repo.write("directory", "a file now\n");
    repo.write("file/in/it.txt", "a directory now\n");
}

/// Puts an executable file there.
pub(crate) fn script(repo: &TestRepo, name: &str, text: &str) -> PathBuf {
    executable(repo.root(), name, &format!("#!/bin/sh\n{text}\n"))
}

fn executable(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = clearance_testkit::write(directory, name, text);
    #[cfg(unix)]
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    path
}

/// A hook in a git directory, as a script.
pub(crate) fn hooked(directory: &Path, hook: &str, text: &str) {
    executable(directory, &format!("hooks/{hook}"), text);
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

/// A linked work tree with a branch.
pub(crate) fn linked(repo: &TestRepo, place: &str, branch: &str) -> PathBuf {
    repo.git(&["worktree", "add", "--quiet", place, branch]);
    repo.root().join(place).canonicalize().unwrap()
}

/// The commands that put back what an account names, as text.
pub(crate) fn undo_of(parts: &Value) -> Vec<String> {
    let text = |part: &Value| part["undo"].as_str().unwrap().to_owned();
    parts.as_array().unwrap().iter().map(text).collect()
}
