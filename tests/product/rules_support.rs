//! What the tests of a team's rules have in common.

use std::path::PathBuf;

use serde_json::Value;

use crate::ready::ready;
use crate::support::{Run, TestRepo, command, run};

/// A rule that gates commits and merges: its id, and what stands below `stages:`.
pub(crate) fn rule(id: &str, rest: &str) -> String {
    format!(
        "schema: clearance.rule/v1\nid: {id}\ntitle: What {id} asks\nseverity: error\nstages: [commit, merge]\n{}",
        rest.trim_start_matches('\n')
    )
}

/// A rule that always finds something: the one that must not be hidden.
pub(crate) fn blocking() -> String {
    rule("always-fails", "check: { assert: 1 == 2 }\nmessage: it never holds\nremediation: give up\n")
}

/// A rule that never finds anything, of an id.
pub(crate) fn passing(id: &str) -> String {
    rule(id, "check: { assert: 1 == 1 }\nmessage: m\nremediation: r\n")
}

/// A repository without missions, with staged files.
pub(crate) fn staged(files: &[(&str, &str)]) -> TestRepo {
    let repo = TestRepo::new();
    repo.git(&["branch", "--move", "main"]);
    stage(&repo, files);
    repo
}

/// Writes files and stages everything.
pub(crate) fn stage(repo: &TestRepo, files: &[(&str, &str)]) {
    write_all(repo, files);
    repo.git(&["add", "--all"]);
}

/// A mission that is ready to merge, with more files on its target.
pub(crate) fn ready_with(files: &[(&str, &str)]) -> TestRepo {
    let repo = ready();
    write_all(&repo, files);
    repo.commit_all("Rules");
    repo
}

/// Files on a branch, in one commit, without leaving the branch that is checked out.
pub(crate) fn commit_on(repo: &TestRepo, branch: &str, files: &[(&str, &str)]) {
    repo.git(&["checkout", "--quiet", branch]);
    write_all(repo, files);
    repo.commit_all("Changes");
    repo.git(&["checkout", "--quiet", "main"]);
}

pub(crate) fn write_all(repo: &TestRepo, files: &[(&str, &str)]) {
    for (name, content) in files {
        repo.write(name, content);
    }
}

/// The check of a commit, for machines.
pub(crate) fn at_commit(repo: &TestRepo, more: &[&str]) -> Run {
    run(repo, &[&["check", "--stage", "commit", "--json"], more].concat())
}

/// The check of the merge of the mission `m`, for machines.
pub(crate) fn at_merge(repo: &TestRepo, more: &[&str]) -> Run {
    run(repo, &[&["check", "--mission", "m", "--json"], more].concat())
}

/// The product with other variables of the environment.
pub(crate) fn with_env(repo: &TestRepo, env: &[(&str, &str)], arguments: &[&str]) -> Run {
    Run::of(command(repo.root()).envs(env.iter().copied()).args(arguments))
}

/// What a run says of a check or rule; `null` where it says nothing.
pub(crate) fn of(run: &Run, id: &str) -> Value {
    among(&run.json()["checks"], id)
}

/// The same of the rules that a change proposes.
pub(crate) fn proposed(run: &Run, id: &str) -> Value {
    among(&run.json()["proposed"], id)
}

fn among(checks: &Value, id: &str) -> Value {
    let checks = checks.as_array().unwrap_or_else(|| panic!("no checks: {checks:#}"));
    checks.iter().find(|check| check["id"] == id).cloned().unwrap_or_default()
}

/// `item outcome` of every item of a rule.
pub(crate) fn items(run: &Run, id: &str) -> Vec<String> {
    let told = of(run, id);
    let items = told["items"].as_array().unwrap_or_else(|| panic!("no {id}: {:#}", run.json()));
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    items.iter().map(|item| format!("{} {}", word(&item["key"]), word(&item["outcome"]))).collect()
}

/// The first thing that a check could not tell.
pub(crate) fn unanswered(run: &Run, id: &str) -> Value {
    of(run, id)["unanswered"][0].clone()
}

/// `item code` of everything that a check or rule found, whoever said it.
pub(crate) fn found(run: &Run, id: &str) -> Vec<String> {
    let told = of(run, id);
    let findings = told["findings"].as_array().cloned().unwrap_or_default();
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    findings.iter().map(|one| format!("{} {}", word(&one["item"]), word(&one["code"]))).collect()
}

/// The rules of this repository, which are worked examples.
pub(crate) fn examples() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("rules.d")
}

/// One of them.
pub(crate) fn example(file: &str) -> String {
    clearance_testkit::read(&examples(), file)
}
