//! Which mission is meant: handles, qualifiers, the branch and the directory.

use rstest::rstest;

use crate::support::{Run, TestRepo, command, outcomes, run};

fn repo() -> TestRepo {
    let repo = TestRepo::new();
    for (name, id) in
        [("013-gamma", "01KN2371WSJ7573ZG5D21WP82S"), ("edge-01KQW4DF", "01KQW4DFAWRMK2PM22CHZYBJ26")]
    {
        repo.write(&format!("kitty-specs/{name}/meta.json"), format!("{{\"mission_id\": \"{id}\"}}"));
        repo.write(&format!("kitty-specs/{name}/tasks.md"), "- [ ] T001 a\n");
    }
    repo.commit_all("Missions");
    repo
}

fn marked(repo: &TestRepo) -> Vec<&'static str> {
    let names = ["013-gamma", "edge-01KQW4DF"];
    names
        .into_iter()
        .filter(|name| repo.read(&format!("kitty-specs/{name}/tasks.md")).contains("[x]"))
        .collect()
}

#[rstest]
#[case("013-gamma")]
#[case("gamma")]
#[case("013")]
#[case("13")]
#[case("01kn2371")]
#[case("01KN2371WSJ7573ZG5D21WP82S")]
#[case("kitty-specs/013-gamma/")]
fn handles_lead_to_one_mission(#[case] handle: &str) {
    let repo = repo();
    let run = run(&repo, &["mark-status", "T001", "--status", "done", "--mission", handle]);
    assert_eq!((run.code, marked(&repo)), (0, vec!["013-gamma"]), "{}", run.stderr);
}

#[test]
fn a_qualifier_names_the_mission_and_may_not_contradict() {
    let repo = repo();
    let first = run(&repo, &["mark-status", "gamma:T001", "--status", "done", "--json"]);
    assert_eq!((first.code, marked(&repo)), (0, vec!["013-gamma"]));
    assert_eq!(outcomes(&first)[0].0, "T001");
    let same = run(&repo, &["mark-status", "13/T001", "--status", "done", "--mission", "gamma", "--json"]);
    assert_eq!(outcomes(&same)[0].1, "already_satisfied");
    for words in [
        &["edge:T001", "gamma:T001"][..],
        &["edge/T001", "--mission", "013"],
        &["nope:T001", "--mission", "013"],
    ] {
        let refused = run(&repo, &[&["mark-status", "--status", "done"], words].concat());
        assert_eq!(refused.code, 2, "{words:?}");
    }
    assert_eq!(marked(&repo), ["013-gamma"], "a refused call marks nothing");
}

#[test]
fn the_branch_or_the_directory_tells() {
    let repo = repo();
    let at = |directory: &str| {
        Run::of(command(&repo.root().join(directory)).args(["mark-status", "T001", "--status", "done"]))
    };
    assert_eq!(at("").code, 2);
    assert_eq!(at("kitty-specs/013-gamma").code, 0);
    assert_eq!(marked(&repo), ["013-gamma"]);
    repo.git(&["switch", "--quiet", "--create", "kitty/mission-edge-01KQW4DF-lane-a"]);
    assert_eq!(at("").code, 0);
    assert_eq!(marked(&repo).len(), 2);
    let torn = at("kitty-specs/013-gamma");
    assert_eq!(torn.code, 2);
    assert!(torn.stderr.contains("the branch is of `edge-01KQW4DF`"), "{}", torn.stderr);
}

#[test]
fn from_a_linked_worktree_the_main_one_is_written() {
    let repo = repo();
    repo.git(&["worktree", "add", "--quiet", "-b", "kitty/mission-013-gamma-lane-b", "../lane"]);
    let lane = repo.outside().join("lane");
    let run = Run::of(command(&lane).args(["mark-status", "T001", "--status", "done"]));
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(marked(&repo), ["013-gamma"]);
    assert!(clearance_testkit::read(&lane, "kitty-specs/013-gamma/tasks.md").contains("[ ]"));
}

#[test]
fn a_reftable_repository_is_read_through_git() {
    let repo = TestRepo::new();
    let path = repo.outside().join("reftable");
    let made = Run::of(&mut git(&["init", "--quiet", "--ref-format=reftable", path.to_str().unwrap()]));
    if made.code != 0 {
        eprintln!("this git has no reftable support: {}", made.stderr);
        return;
    }
    clearance_testkit::write(&path, "kitty-specs/013-gamma/tasks.md", "- [ ] T001 a\n");
    Run::of(git(&["switch", "--quiet", "--create", "kitty/mission-013-gamma"]).current_dir(&path));
    let run = Run::of(command(&path).args(["mark-status", "T001", "--status", "done", "--auto-commit"]));
    assert_eq!(
        run.code, 1,
        "there is no identity here, so the commit must fail: {}{}",
        run.stdout, run.stderr
    );
    assert!(clearance_testkit::read(&path, "kitty-specs/013-gamma/tasks.md").contains("[x]"));
}

fn git(arguments: &[&str]) -> std::process::Command {
    let mut git = std::process::Command::new("git");
    clearance_testkit::scrub(&mut git);
    git.args(arguments);
    git
}

#[test]
fn a_hooks_environment_does_not_mislead() {
    let (repo, other) = (repo(), repo());
    let mut command = command(repo.root());
    command.env("GIT_DIR", other.root().join(".git")).env("GIT_INDEX_FILE", other.root().join("x"));
    let run = Run::of(command.args([
        "mark-status",
        "T001",
        "--status",
        "done",
        "--mission",
        "013",
        "--auto-commit",
    ]));
    assert_eq!((run.code, marked(&repo)), (0, vec!["013-gamma"]), "{}", run.stderr);
    assert_eq!(repo.git(&["log", "--format=%s", "-1"]).trim(), "chore: Mark T001 as done on spec 013-gamma");
}

#[test]
fn an_empty_handle_is_not_a_request_to_guess() {
    let repo = repo();
    repo.git(&["switch", "--quiet", "--create", "kitty/mission-013-gamma"]);
    let run = run(&repo, &["mark-status", "T001", "--status", "done", "--mission", ""]);
    assert_eq!((run.code, marked(&repo).len()), (2, 0), "{}", run.stdout);
}

#[test]
fn a_branch_that_could_be_of_several_missions_is_not_guessed() {
    let repo = repo();
    repo.write("kitty-specs/013-delta/tasks.md", "- [ ] T001 a\n");
    repo.git(&["switch", "--quiet", "--create", "kitty/mission-013"]);
    let below = repo.root().join("kitty-specs/013-gamma");
    let run = Run::of(command(&below).args(["mark-status", "T001", "--status", "done"]));
    assert_eq!((run.code, marked(&repo).len()), (2, 0), "{}", run.stdout);
    assert!(run.stderr.contains("013-delta, 013-gamma"), "{}", run.stderr);
}

#[cfg(unix)]
#[test]
fn an_alias_is_the_mission_it_leads_to_and_has_its_lock() {
    use std::os::unix::fs::symlink;
    let repo = repo();
    symlink("013-gamma", repo.root().join("kitty-specs/alias")).unwrap();
    let lock = repo.write(".git/spec-kitty-locks/013-gamma.status.lock", "");
    let file = std::fs::File::open(lock).unwrap();
    file.lock().unwrap();
    let arguments = ["mark-status", "T001", "--status", "done", "--mission", "alias", "--lock-timeout", "0"];
    assert_eq!(run(&repo, &arguments).code, 3, "one lock for both names");
    file.unlock().unwrap();
    assert_eq!((run(&repo, &arguments).code, marked(&repo)), (0, vec!["013-gamma"]));
    repo.write("other/tasks.md", "- [ ] T001 a\n");
    symlink("../other", repo.root().join("kitty-specs/out")).unwrap();
    let arguments = ["mark-status", "T001", "--status", "done", "--mission", "out"];
    assert_eq!(run(&repo, &arguments).code, 3, "a mission is in kitty-specs/");
    assert_eq!(repo.read("other/tasks.md"), "- [ ] T001 a\n");
}

#[test]
fn a_separate_git_directory_is_no_work_tree() {
    let place = crate::support::Scratch::new();
    let work = place.path().canonicalize().unwrap().join("w");
    let made = Run::of(git(&["init", "--quiet", "--separate-git-dir=s.git", "w"]).current_dir(place.path()));
    assert_eq!(made.code, 0, "{}", made.stderr);
    clearance_testkit::write(&work, "kitty-specs/m/tasks.md", "- [ ] T001 a\n");
    place.write("kitty-specs/m/tasks.md", "- [ ] T001 of somebody else\n");
    let run = Run::of(command(&work).args(["mark-status", "T001", "--status", "done", "--mission", "m"]));
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(clearance_testkit::read(&work, "kitty-specs/m/tasks.md"), "- [x] T001 a\n");
    assert_eq!(place.read("kitty-specs/m/tasks.md"), "- [ ] T001 of somebody else\n");
}

#[test]
fn a_sha_256_repository_is_read_through_git() {
    let place = crate::support::Scratch::new();
    let made = Run::of(git(&["init", "--quiet", "--object-format=sha256", "w"]).current_dir(place.path()));
    assert_eq!(made.code, 0, "{}", made.stderr);
    place.write("w/kitty-specs/m/tasks.md", "- [ ] T001 a\n");
    let arguments = ["mark-status", "T001", "--status", "done", "--mission", "m"];
    let run = Run::of(command(&place.path().join("w")).args(arguments));
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(place.read("w/kitty-specs/m/tasks.md"), "- [x] T001 a\n");
}
