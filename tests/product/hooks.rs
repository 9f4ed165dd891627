//! `clearance hooks install`, `list` and `uninstall`: nothing of anybody else's is ever touched.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use rstest::rstest;
use serde_json::Value;

use crate::hooks_support::{hooked, install};
use crate::landed::{linked, script};
use crate::support::{TestRepo, asked, everything, run, unchanged, valid};

const NAMES: [&str; 3] = ["pre-merge-commit", "commit-msg", "pre-push"];

/// `hook outcome` of each.
fn outcomes(told: &Value) -> Vec<String> {
    valid("clearance.hooks.v1.json", told);
    let hooks = told["hooks"].as_array().unwrap_or_else(|| panic!("no hooks: {told:#}"));
    hooks
        .iter()
        .map(|hook| format!("{} {}", hook["hook"].as_str().unwrap(), hook["outcome"].as_str().unwrap()))
        .collect()
}

fn each(outcome: &str) -> Vec<String> {
    NAMES.map(|name| format!("{name} {outcome}")).to_vec()
}

#[test]
fn installed_listed_and_removed() {
    let repo = TestRepo::new();
    let before = everything(repo.root());
    assert_eq!(outcomes(&asked(repo.root(), &["hooks", "list"]).1), each("none"));
    let (code, told) = asked(repo.root(), &["hooks", "install"]);
    assert_eq!((code, outcomes(&told)), (0, each("installed")));
    for hook in told["hooks"].as_array().unwrap() {
        let path = repo.root().join(hook["path"].as_str().unwrap());
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o755, "{path:?}");
        assert!(path.starts_with(repo.root().join(".git/hooks")));
    }
    let again = unchanged(repo.root(), || asked(repo.root(), &["hooks", "install"]));
    assert_eq!((again.0, outcomes(&again.1)), (0, each("already_installed")));
    let listed = unchanged(repo.root(), || asked(repo.root(), &["hooks", "list"]));
    assert_eq!(outcomes(&listed.1), each("installed"));
    let removed = asked(repo.root(), &["hooks", "uninstall"]);
    assert_eq!((removed.0, outcomes(&removed.1)), (0, each("removed")));
    assert_eq!(everything(repo.root()), before, "nothing is left");
    let nothing = asked(repo.root(), &["hooks", "uninstall"]);
    assert_eq!((nothing.0, outcomes(&nothing.1)), (0, each("none")));
}

#[test]
fn only_those_that_are_named() {
    let repo = TestRepo::new();
    let named = ["--hook", "pre-push", "--hook", "commit-msg"];
    let told = asked(repo.root(), &[&["hooks", "install"], &named[..]].concat()).1;
    assert_eq!(outcomes(&told), ["commit-msg installed", "pre-push installed"]);
    let told = asked(repo.root(), &["hooks", "uninstall", "--hook", "pre-push"]).1;
    assert_eq!(outcomes(&told), ["pre-push removed"]);
    let listed = asked(repo.root(), &["hooks", "list"]).1;
    assert_eq!(outcomes(&listed), ["pre-merge-commit none", "commit-msg installed", "pre-push none"]);
    assert_eq!(run(&repo, &["hooks", "install", "--hook", "pre-commit"]).code, 2);
}

/// What stands there stays, byte for byte; the other hooks are installed.
#[rstest]
#[case::a_hook(|repo: &TestRepo| { script(repo, ".git/hooks/commit-msg", "exit 0"); })]
#[case::not_executable(|repo: &TestRepo| { repo.write(".git/hooks/commit-msg", "#!/bin/sh\n"); })]
#[case::empty(|repo: &TestRepo| { repo.write(".git/hooks/commit-msg", ""); })]
#[case::no_text(|repo: &TestRepo| { repo.write(".git/hooks/commit-msg", b"\xff\n\xff\n\xff"); })]
#[case::long(|repo: &TestRepo| { repo.write(".git/hooks/commit-msg", "#".repeat(2 << 20)); })]
#[case::a_link(|repo: &TestRepo| { repo.write("hook", "#!/bin/sh\n"); symlink("../../hook", repo.root().join(".git/hooks/commit-msg")).unwrap(); })]
fn a_hook_that_is_there(#[case] put: fn(&TestRepo)) {
    let help = left_alone(put);
    assert!(help.contains("clearance hooks run commit-msg \"$@\""), "{help}");
}

/// What git cannot run has no end to write a line at.
#[rstest]
#[case::a_link_to_nowhere(|repo: &TestRepo| symlink("/nonexistent/hook", repo.root().join(".git/hooks/commit-msg")).unwrap())]
#[case::a_link_to_a_directory(|repo: &TestRepo| symlink("..", repo.root().join(".git/hooks/commit-msg")).unwrap())]
#[case::a_directory(|repo: &TestRepo| { repo.write(".git/hooks/commit-msg/x", ""); })]
fn what_is_in_the_place_of_a_hook(#[case] put: fn(&TestRepo)) {
    let help = left_alone(put);
    let repo = TestRepo::new();
    fs::create_dir_all(repo.root().join(".git/hooks")).unwrap();
    put(&repo);
    // The way out that it names, in this repository.
    let command = "cd .git/hooks && mv -n commit-msg commit-msg.old";
    assert!(help.starts_with("move it away first: mv -n ") && help.ends_with("commit-msg.old"), "{help}");
    assert_eq!(crate::ready::shell(&repo, command).code, 0);
    install(&repo);
}

/// What stands in the place of `commit-msg` stays; gives what there is to do about it.
fn left_alone(put: fn(&TestRepo)) -> String {
    let repo = TestRepo::new();
    fs::create_dir_all(repo.root().join(".git/hooks")).unwrap();
    put(&repo);
    let path = repo.root().join(".git/hooks/commit-msg");
    let link = fs::read_link(&path).ok();
    let before = everything(repo.outside());
    let (code, told) = asked(repo.root(), &["hooks", "install"]);
    assert_eq!(
        (code, outcomes(&told)),
        (
            1,
            vec![
                "pre-merge-commit installed".to_owned(),
                "commit-msg refused".to_owned(),
                "pre-push installed".to_owned()
            ]
        )
    );
    let help = told["hooks"][1]["help"].as_str().unwrap().to_owned();
    let listed = asked(repo.root(), &["hooks", "list"]).1;
    assert!(outcomes(&listed).contains(&"commit-msg foreign".to_owned()));
    let removed = asked(repo.root(), &["hooks", "uninstall"]);
    assert_eq!(
        (removed.0, outcomes(&removed.1)),
        (
            0,
            vec![
                "pre-merge-commit removed".to_owned(),
                "commit-msg foreign".to_owned(),
                "pre-push removed".to_owned()
            ]
        )
    );
    assert_eq!(asked(repo.root(), &["hooks", "uninstall", "--hook", "commit-msg"]).0, 1);
    assert_eq!((everything(repo.outside()), fs::read_link(&path).ok()), (before, link));
    help
}

/// One that was installed and then changed is somebody's work.
#[test]
fn a_hook_that_was_changed() {
    let repo = TestRepo::new();
    install(&repo);
    let own = repo.read(".git/hooks/pre-push");
    repo.write(".git/hooks/pre-push", format!("{own}# mine\n"));
    repo.write(".git/hooks/commit-msg", own);
    fs::set_permissions(repo.root().join(".git/hooks/pre-merge-commit"), fs::Permissions::from_mode(0o644))
        .unwrap();
    let listed = asked(repo.root(), &["hooks", "list"]).1;
    // What is told of itself is true of the one of another name; it is not what this version writes there.
    assert_eq!(
        outcomes(&listed),
        ["pre-merge-commit not_executable", "commit-msg other_version", "pre-push edited"]
    );
    let (code, told) = unchanged(repo.root(), || asked(repo.root(), &["hooks", "install"]));
    assert_eq!((code, outcomes(&told)), (1, each("refused")));
    let (code, told) = asked(repo.root(), &["hooks", "uninstall"]);
    assert_eq!(
        (code, outcomes(&told)),
        (
            1,
            vec![
                "pre-merge-commit removed".to_owned(),
                "commit-msg removed".to_owned(),
                "pre-push refused".to_owned()
            ]
        )
    );
    // The way out that it names.
    let help = told["hooks"][2]["help"].as_str().unwrap().split_once(": ").unwrap().1;
    assert_eq!(crate::ready::shell(&repo, help).code, 0, "{help}");
    assert_eq!(asked(repo.root(), &["hooks", "install"]).0, 0);
    assert!(repo.read(".git/hooks/pre-push.old").ends_with("# mine\n"));
}

/// Where hooks are not this repository's own, nothing is written; what to do by hand is said.
#[rstest]
#[case::shared("../shared", "hooks_shared")]
#[case::shared_and_not_there("/nonexistent/hooks", "hooks_shared")]
#[case::nowhere("/dev/null", "hooks_shared")]
#[case::in_the_work_tree(".githooks", "hooks_in_work_tree")]
fn hooks_elsewhere(#[case] path: &str, #[case] code: &str) {
    let repo = TestRepo::new();
    repo.git(&["config", "core.hooksPath", path]);
    let (exit, told) = unchanged(repo.outside(), || asked(repo.root(), &["hooks", "install"]));
    assert_eq!((exit, told["error"].as_str()), (1, Some(code)), "{told:#}");
    assert!(told["help"].as_str().unwrap().contains("clearance hooks run NAME \"$@\""), "{told:#}");
    if code == "hooks_shared" {
        let command = told["help"].as_str().unwrap().rsplit_once(": ").unwrap().1;
        assert_eq!(crate::ready::shell(&repo, command).code, 0, "{command}");
        install(&repo);
        assert!(repo.root().join(".git/hooks/pre-push").is_file());
    }
}

/// A link in the place of the directory leads to one that is shared.
#[rstest]
#[case("../shared", true)]
#[case("../nosuch", false)]
fn hooks_behind_a_link(#[case] to: &str, #[case] exists: bool) {
    let repo = TestRepo::new();
    let _ = fs::remove_dir_all(repo.root().join(".git/hooks"));
    if exists {
        fs::create_dir(repo.outside().join("shared")).unwrap();
    }
    symlink(repo.root().join(to), repo.root().join(".git/hooks")).unwrap();
    let (exit, told) = unchanged(repo.outside(), || asked(repo.root(), &["hooks", "install"]));
    assert_eq!((exit, told["error"].as_str()), (1, Some("hooks_shared")), "{told:#}");
    // The way out leads elsewhere than the link.
    let command = told["help"].as_str().unwrap().rsplit_once(": ").unwrap().1;
    assert_eq!(crate::ready::shell(&repo, command).code, 0, "{command}");
    install(&repo);
    assert!(repo.root().join(".git/own-hooks/pre-push").is_file());
}

/// A directory of its own inside the git directory is made where it is named, by a path that holds in every work tree.
#[test]
fn a_directory_inside_of_the_git_directory() {
    let repo = TestRepo::new();
    repo.git(&["branch", "other"]);
    let place = linked(&repo, "../linked", "other");
    repo.git(&["config", "core.hooksPath", ".git/own/hooks"]);
    let (exit, told) = unchanged(repo.root(), || asked(repo.root(), &["hooks", "install"]));
    assert_eq!((exit, told["error"].as_str()), (1, Some("hooks_path_relative")), "{told:#}");
    // In the linked one git finds none.
    for command in ["install", "list", "uninstall"] {
        let (exit, told) = asked(&place, &["hooks", command]);
        assert_eq!((exit, told["error"].as_str()), (3, Some("hooks_path_unusable")), "{told:#}");
        assert!(told["help"].as_str().unwrap().contains("git config core.hooksPath /"), "{told:#}");
    }
    let command = told["help"].as_str().unwrap().split_once(": ").unwrap().1;
    assert_eq!(crate::ready::shell(&repo, command).code, 0, "{command}");
    install(&repo);
    assert!(repo.root().join(".git/own/hooks/commit-msg").is_file());
    assert_eq!(outcomes(&asked(&place, &["hooks", "list"]).1), each("installed"));
}

/// Settings and files by which git finds no directory of hooks.
#[rstest]
#[case::empty("")]
#[case::below_a_file("/dev/null/hooks")]
fn a_path_that_can_be_none(#[case] path: &str) {
    let repo = TestRepo::new();
    repo.git(&["config", "core.hooksPath", path]);
    for command in ["install", "list"] {
        let (exit, told) = unchanged(repo.root(), || asked(repo.root(), &["hooks", command]));
        assert_eq!((exit, told["error"].as_str()), (3, Some("hooks_path_unusable")), "{told:#}");
    }
    repo.git(&["config", "--unset", "core.hooksPath"]);
    install(&repo);
}

#[test]
fn a_file_in_the_place_of_the_directory() {
    let repo = TestRepo::new();
    let _ = fs::remove_dir_all(repo.root().join(".git/hooks"));
    repo.write(".git/hooks", "x\n");
    assert_eq!(outcomes(&asked(repo.root(), &["hooks", "list"]).1), each("none"));
    let (exit, told) = unchanged(repo.root(), || asked(repo.root(), &["hooks", "install"]));
    assert_eq!((exit, told["error"].as_str()), (3, Some("not_written")), "{told:#}");
    let command = told["help"].as_str().unwrap().split_once(": ").unwrap().1;
    assert_eq!(crate::ready::shell(&repo, command).code, 0, "{command}");
    install(&repo);
    assert_eq!(repo.read(".git/hooks.old"), "x\n");
}

/// git is never told to write over what stands where a message should be.
#[test]
fn a_message_that_is_no_file() {
    let repo = hooked();
    let (exit, told) = asked(repo.root(), &["hooks", "run", "commit-msg", ".git"]);
    assert_eq!((exit, told["error"].as_str()), (2, Some("no_message")), "{told:#}");
    assert!(!told.to_string().contains("checkout"), "{told:#}");
}

#[rstest]
fn a_manager_of_hooks(
    #[values(".pre-commit-config.yaml", "lefthook.yml", ".husky/_/x", ".overcommit.yml")] file: &str,
) {
    let repo = TestRepo::new();
    repo.write(file, "");
    let (exit, told) = unchanged(repo.root(), || asked(repo.root(), &["hooks", "install"]));
    assert_eq!((exit, told["error"].as_str()), (1, Some("hook_manager")), "{told:#}");
    assert!(told["help"].as_str().unwrap().contains("clearance hooks run NAME"), "{told:#}");
}

/// Linked work trees have the hooks of their repository.
#[test]
fn from_a_linked_work_tree() {
    let repo = TestRepo::new();
    repo.git(&["branch", "other"]);
    let place = linked(&repo, "../linked", "other");
    let told = asked(&place, &["hooks", "install"]);
    assert_eq!((told.0, told.1["directory"].as_str()), (0, repo.root().join(".git/hooks").to_str()));
    assert_eq!(outcomes(&asked(repo.root(), &["hooks", "list"]).1), each("installed"));
}

/// Two that install at once, and one that is killed in between, leave whole files or none.
#[test]
fn installed_by_two_at_once() {
    for _ in 0..8 {
        let repo = TestRepo::new();
        let children: Vec<_> = (0..4)
            .map(|_| {
                crate::support::command(repo.root()).args(["hooks", "install", "--quiet"]).spawn().unwrap()
            })
            .collect();
        for mut child in children {
            assert!(child.wait().unwrap().success());
        }
        let mut files: Vec<_> = fs::read_dir(repo.root().join(".git/hooks"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.ends_with(".sample"))
            .collect();
        files.sort();
        assert_eq!(files, ["commit-msg", "pre-merge-commit", "pre-push"]);
    }
}

/// Without the tool nothing is asked, and so nothing is let through.
#[rstest]
fn clearance_is_not_there(#[values("pre-merge-commit", "commit-msg", "pre-push")] hook: &str) {
    let repo = hooked();
    let mut shell = std::process::Command::new("/bin/sh");
    let run = crate::support::Run::of(
        shell
            .env_clear()
            .env("PATH", "/nonexistent")
            .current_dir(repo.root())
            .arg(format!(".git/hooks/{hook}")),
    );
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    assert!(run.stderr.contains("not on PATH") && run.stderr.contains("--no-verify"), "{}", run.stderr);
    assert_eq!(run.stderr.lines().count(), 1);
}
