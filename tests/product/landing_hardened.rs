//! What a manifest, a link or a wrong moment could make a merge remove, and does not.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::landed::{branches, is_sound, linked, merged, refs, script};
use crate::ready::{LANE_A, LANE_B, LANES, MISSION, ready, shell};
use crate::support::{Run, command, run};

/// git has a work tree on record as it was named; that may be by a link.
#[test]
fn ignored_files_of_a_work_tree_that_is_known_by_a_link() {
    let repo = ready();
    repo.write(".git/info/exclude", "*.env\n.worktrees/\n");
    linked(&repo, ".worktrees/m-lane-a", LANE_A);
    repo.write(".worktrees/m-lane-a/secret.env", "precious\n");
    let real = repo.outside().join("real");
    fs::rename(repo.root(), &real).unwrap();
    std::os::unix::fs::symlink(&real, repo.root()).unwrap();
    merged(&repo, &[]);
    assert_eq!(repo.read(".git/clearance/kept/m/m-lane-a/secret.env"), "precious\n");
}

/// Somebody writes into the work tree of a lane between the look at it and its removal.
#[test]
fn a_file_that_is_written_in_the_last_moment() {
    let repo = ready();
    repo.write(".git/info/exclude", ".worktrees/\n");
    let tree = linked(&repo, ".worktrees/m-lane-a", LANE_A);
    let before = repo.git(&["rev-parse", "main"]);
    let real = shell(&repo, "command -v git").stdout;
    let text = format!(
        r#"'{0}' "$@"; code=$?
case "$*" in *m-lane-a*porcelain=v2*)
  test "$('{0}' -C '{1}' rev-parse main)" = {2} || echo mine > '{3}/unsaved.txt';; esac
exit $code"#,
        real.trim(),
        repo.root().display(),
        before.trim(),
        tree.display()
    );
    let bin = script(&repo, "../bin/git", &text);
    let path = shell(&repo, "echo \"$PATH\"").stdout;
    let path = format!("{}:{}", bin.parent().unwrap().display(), path.trim());
    let merge = Run::of(command(repo.root()).env("PATH", path).args(["merge", "--mission", "m", "--json"]));
    assert_eq!(merge.code, 0, "{}", merge.stdout);
    assert_eq!(repo.read(".worktrees/m-lane-a/unsaved.txt"), "mine\n");
    let kept = merge.json()["kept"].to_string();
    assert!(kept.contains("unsaved.txt") && kept.contains(LANE_A), "{kept}");
    assert_eq!(branches(&repo), [LANE_A, "main"]);
}

/// A manifest may name any branch. What is not named after the mission is merged and stays.
#[test]
fn branches_that_are_not_named_after_the_mission() {
    let repo = ready();
    for (old, new) in [(MISSION, "develop"), (LANE_A, "develop-lane-a"), (LANE_B, "develop-lane-b")] {
        repo.git(&["branch", "--move", old, new]);
    }
    repo.write("kitty-specs/m/lanes.json", LANES.replace(MISSION, "develop"));
    repo.write(".gitignore", ".worktrees/\n");
    repo.commit_all("Manifest");
    let tree = linked(&repo, ".worktrees/m-lane-a", "develop-lane-a");
    let told = merged(&repo, &[]);
    assert_eq!(branches(&repo), ["develop", "develop-lane-a", "develop-lane-b", "main"], "{told:#}");
    assert!(tree.is_dir());
    is_sound(&repo, ".");
}

/// The branches of another mission, whose name begins as this one's does.
#[test]
fn branches_of_another_mission() {
    let repo = ready();
    let other = "kitty/mission-m-two";
    repo.write("kitty-specs/m-two/meta.json", "{}\n");
    for (old, new) in [(MISSION, ""), (LANE_A, "-lane-a"), (LANE_B, "-lane-b")] {
        repo.git(&["branch", "--move", old, &format!("{other}{new}")]);
    }
    repo.write("kitty-specs/m/lanes.json", LANES.replace(MISSION, other));
    repo.commit_all("Manifest");
    let told = merged(&repo, &[]);
    assert_eq!(branches(&repo).len(), 4, "{told:#}");
}

/// A lane that only stands for another branch is not a name by which that may be removed.
#[test]
fn a_lane_that_stands_for_another_branch() {
    let repo = ready();
    repo.git(&["branch", "develop", LANE_A]);
    repo.git(&["branch", "--delete", "--force", LANE_A]);
    repo.git(&["symbolic-ref", &format!("refs/heads/{LANE_A}"), "refs/heads/develop"]);
    let told = merged(&repo, &[]);
    assert!(refs(&repo).contains_key("refs/heads/develop"), "{told:#}");
    is_sound(&repo, ".");
}

/// A name below which others are kept cannot be one itself.
#[test]
fn a_backup_whose_name_is_taken() {
    let repo = ready();
    repo.git(&["update-ref", "refs/clearance/merged/kitty/mission-m/old", "main"]);
    let told = merged(&repo, &[]);
    let name = told["removed"]["backup"].as_str().unwrap();
    assert!(refs(&repo).contains_key(name), "{told:#}");
    assert_eq!(branches(&repo), ["main"]);
}

/// Who stands in a work tree keeps it, also where the repository is named from there.
#[test]
fn a_work_tree_that_somebody_stands_in() {
    let repo = ready();
    repo.write(".git/info/exclude", ".worktrees/\n");
    let tree = linked(&repo, ".worktrees/m-lane-a", LANE_A);
    let mut merge = command(&tree);
    let merge = Run::of(merge.arg("--repo").arg(repo.root()).args(["merge", "--mission", "m", "--json"]));
    assert_eq!(merge.code, 0, "{}", merge.stdout);
    assert!(tree.is_dir() && merge.json()["kept"].to_string().contains("inside it"), "{}", merge.stdout);
}

/// An address that stands for a remote may have a password in it, which nobody needs to see.
#[test]
fn passwords_in_addresses_are_not_shown() {
    let repo = ready();
    repo.git(&["config", "branch.main.remote", "http://user:s3cr3t@127.0.0.1:1/x.git"]);
    repo.git(&["config", "branch.main.merge", "refs/heads/main"]);
    for arguments in
        [&["merge", "--mission", "m", "--push"][..], &["merge", "--mission", "m", "--push", "--json"]]
    {
        let refused = run(&repo, arguments);
        assert_eq!(refused.code, 1, "{}", refused.stdout);
        assert!(!(refused.stdout + &refused.stderr).contains("s3cr3t"));
    }
}

/// What somebody else left beside the landings is no landing.
#[test]
fn a_stray_file_among_the_landings() {
    let repo = ready();
    repo.write(".git/clearance/land/.DS_Store", "x");
    merged(&repo, &[]);
}

/// A hook that makes objects, and names them, makes them in the repository.
#[test]
fn what_a_hook_makes_stays() {
    let repo = ready();
    script(
        &repo,
        ".git/hooks/pre-commit",
        "git update-ref refs/heads/snap $(git commit-tree -p HEAD -m snap HEAD^{tree})\nexit 1",
    );
    let refused = run(&repo, &["merge", "--mission", "m", "--json"]);
    assert_eq!(refused.json()["error"], "hook_refused", "{}", refused.stdout);
    let snap = Run::of(Command::new("git").current_dir(repo.root()).args(["cat-file", "-t", "snap"]));
    assert_eq!(snap.stdout, "commit\n");
    assert!(Path::new(&repo.root().join(".git/refs/heads/snap")).exists());
}
