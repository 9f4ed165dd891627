//! What the tests of pushes have in common: a remote, what becomes of it, and the way on after a push that was refused.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::landed::once;
use crate::ready::{LANE_A, LANE_B, MISSION, beside, done, named, ready};
use crate::remotes::apart;
use crate::support::{Run, TestRepo, binary, git};

/// The merge that is pushed.
pub(crate) const PUSH: [&str; 4] = ["merge", "--mission", "m", "--push"];

/// A mission that is ready, and a remote that is level with it. Another clone of it, `../theirs`, has a mission of number 1
/// to push.
pub(crate) fn pushable() -> TestRepo {
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

/// What git keeps of the repository.
pub(crate) fn git_directory(repo: &TestRepo) -> PathBuf {
    repo.root().join(".git")
}

/// Somebody else pushes.
pub(crate) fn theirs(repo: &TestRepo) -> String {
    format!("git -C '{}' push --quiet origin main", beside(repo, "theirs").display())
}

/// The commit that the remote has as its target.
pub(crate) fn remote_tip(repo: &TestRepo) -> String {
    git(&beside(repo, "origin.git"), &["rev-parse", "main"]).trim().to_owned()
}

/// The remote is out of reach by the time of the push, until it is [`back`].
pub(crate) fn goes_away(repo: &TestRepo) {
    let origin = beside(repo, "origin.git");
    once(&git_directory(repo), "pre-merge-commit", &format!("mv '{0}' '{0}.away'", origin.display()));
}

/// It can be reached again.
pub(crate) fn back(repo: &TestRepo) {
    let origin = beside(repo, "origin.git");
    fs::rename(beside(repo, "origin.git.away"), origin).unwrap();
}

/// A command as a person would paste it, with the product on `PATH`.
pub(crate) fn paste(place: &Path, line: &str) -> Run {
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
pub(crate) fn follow(place: &Path, answer: &Value) {
    let lines = remediation(answer);
    assert!(!lines.is_empty(), "{answer:#}");
    for line in lines {
        let run = paste(place, line);
        assert_eq!(run.code, 0, "{line}: {}{}", run.stdout, run.stderr);
    }
}

/// Complete here, not pushed, nothing removed.
pub(crate) fn assert_refused(repo: &TestRepo, (code, answer): &(i32, Value)) {
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
