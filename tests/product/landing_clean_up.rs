//! What a merge removes, what it keeps, and how all of it is put back.

use std::fs;

use rstest::rstest;
use serde_json::{Value, json};

use crate::landed::{at, branches, is_sound, linked, merge, merged, refs, script, told, undo_of};
use crate::ready::{LANE_A, LANE_B, MISSION, done, ready, shell};
use crate::support::{Run, TestRepo, command};

const TREE_A: &str = ".worktrees/m-lane-a";
const TREE_B: &str = ".worktrees/m-lane-b";

/// A mission whose lanes have work trees, that git ignores.
fn with_trees() -> TestRepo {
    let repo = ready();
    repo.write(".git/info/exclude", "/.worktrees/\n*.local\nnode_modules/\n.venv/\ncache/\nbuild/\n");
    linked(&repo, TREE_A, LANE_A);
    linked(&repo, TREE_B, LANE_B);
    repo
}

fn kept_of(told: &Value, what: &str) -> String {
    let kept = told["kept"].as_array().unwrap();
    let one = kept.iter().find(|one| one["what"].as_str().unwrap().ends_with(what));
    one.unwrap_or_else(|| panic!("{what} is not kept: {told:#}"))["why"].as_str().unwrap().to_owned()
}

fn work_trees(repo: &TestRepo) -> usize {
    told(repo, &["worktree", "list"]).lines().count()
}

#[rstest]
fn work_trees_and_branches_are_removed(#[values("squash", "merge", "rebase")] strategy: &str) {
    let repo = with_trees();
    repo.git(&["config", &format!("branch.{LANE_A}.remote"), "origin"]);
    repo.git(&["config", &format!("branch.{MISSION}.description"), "words"]);
    repo.git(&["config", "branch.main.description", "stays"]);
    let told = merged(&repo, &["--strategy", strategy]);
    assert!(!repo.root().join(TREE_A).exists() && !repo.root().join(TREE_B).exists());
    assert_eq!((branches(&repo), work_trees(&repo)), (vec!["main".to_owned()], 1));
    let config = repo.read(".git/config");
    assert!(!config.contains("kitty/") && config.contains("stays"), "{config}");
    let root = |tree: &str| repo.root().join(tree).to_str().unwrap().to_owned();
    assert_eq!(told["removed"]["work_trees"], json!([root(TREE_A), root(TREE_B)]));
    // Whatever was deleted is in the history of something that stays.
    let backup = (strategy != "merge").then_some("refs/clearance/merged/kitty/mission-m");
    assert_eq!(told["removed"]["backup"].as_str(), backup);
    assert_eq!(
        refs(&repo).keys().cloned().collect::<Vec<_>>(),
        backup.into_iter().chain(["refs/heads/main"]).collect::<Vec<_>>()
    );
    let deleted = told["removed"]["branches"].as_array().unwrap();
    assert_eq!(deleted.len(), 3);
    for branch in deleted {
        let tip = branch["tip"].as_str().unwrap();
        let reached = repo.git(&["for-each-ref", "--contains", tip]);
        assert!(!reached.is_empty(), "{branch}");
    }
    is_sound(&repo, ".");
    // A backup goes when nobody needs it.
    if let Some(backup) = backup {
        repo.git(&["update-ref", "-d", backup]);
    }
}

/// Files that git ignores and nothing makes again are kept.
#[test]
fn ignored_files_of_work_trees_are_kept() {
    let repo = with_trees();
    let tree = |name: &str| format!("{TREE_A}/{name}");
    repo.write(&tree("secret.local"), "mine\n");
    repo.write(&tree("deep/er/notes.local"), "deep\n");
    repo.write(&tree("build/out"), "built\n");
    repo.write(&tree("node_modules/x/index.js"), "");
    repo.write(&tree("web/node_modules/y.js"), "");
    repo.write(&tree(".venv/pyvenv.cfg"), "");
    repo.write(&tree("cache/CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55");
    repo.write(&format!("{TREE_B}/n\u{f6}t \"it's\".local"), "odd\n");
    let kept = repo.root().join(".git/clearance/kept/m");
    fs::create_dir_all(kept.join("m-lane-a")).unwrap();
    fs::File::create(kept.join("m-lane-a/secret.local")).unwrap();
    let told = merged(&repo, &[]);
    let found = shell(&repo, "cd .git/clearance/kept/m && find . -type f | LC_ALL=C sort");
    let files = "./m-lane-a/build/out\n./m-lane-a/deep/er/notes.local\n./m-lane-a/secret.local\n./m-lane-a/secret.local-2\n./m-lane-b/n\u{f6}t \"it's\".local\n";
    assert_eq!(found.stdout, files, "one of that name was kept already");
    assert_eq!(clearance_testkit::read(&kept, "m-lane-a/secret.local-2"), "mine\n");
    assert_eq!(clearance_testkit::read(&kept, "m-lane-a/secret.local"), "");
    assert_eq!(told["removed"]["ignored_files"], json!([kept.join("m-lane-a"), kept.join("m-lane-b")]));
    assert!(!repo.root().join(TREE_A).exists() && !repo.root().join(TREE_B).exists());
    is_sound(&repo, ".");
}

/// Work trees in which something would be lost, and their branches, stay.
#[rstest]
#[case::locked("git worktree lock .worktrees/m-lane-a", "locked")]
#[case::late_file("", "late.txt is not committed in it")]
fn work_trees_that_stay(#[case] script_before: &str, #[case] why: &str) {
    let repo = with_trees();
    done(&repo, script_before);
    if why.starts_with("late") {
        // After everything was asked, and before anything is removed.
        script(&repo, ".git/hooks/post-merge", "echo late > .worktrees/m-lane-a/late.txt");
    }
    let told = merged(&repo, &[]);
    assert!(kept_of(&told, TREE_A).contains(why), "{told:#}");
    assert!(kept_of(&told, LANE_A).contains("checked out in a work tree that stays"));
    assert!(repo.root().join(TREE_A).join("a.txt").exists() && !repo.root().join(TREE_B).exists());
    assert_eq!(branches(&repo), [LANE_A, "main"]);
    assert_eq!(repo.git(&["-C", TREE_A, "branch", "--show-current"]).trim(), LANE_A);
}

/// Changes that come after the question: a tracked file, another branch, a commit.
#[rstest]
#[case::edited("echo late > .worktrees/m-lane-a/a.txt", TREE_A, "a.txt is not committed in it")]
#[case::staged(
    "cd .worktrees/m-lane-a; echo late > n; unset GIT_DIR GIT_INDEX_FILE; git add n",
    TREE_A,
    "n is not committed in it"
)]
#[case::hidden(
    "cd .worktrees/m-lane-a; git update-index --assume-unchanged a.txt; echo late > a.txt",
    TREE_A,
    "a.txt is not committed in it"
)]
#[case::switched("git -C .worktrees/m-lane-a switch --quiet -c elsewhere", TREE_A, "another branch")]
#[case::committed(
    "git -C .worktrees/m-lane-a commit --quiet --allow-empty --message late",
    LANE_A,
    "it has moved since it was merged"
)]
fn what_changes_while_a_merge_is_made(#[case] text: &str, #[case] what: &str, #[case] why: &str) {
    let repo = with_trees();
    script(&repo, ".git/hooks/post-merge", text);
    let told = merged(&repo, &[]);
    assert!(kept_of(&told, what).contains(why), "{told:#}");
    if what == TREE_A {
        assert!(repo.root().join(TREE_A).exists());
    } else {
        assert!(branches(&repo).contains(&LANE_A.to_owned()), "its late commit is not lost");
    }
}

/// Who stands in a work tree is not left without ground.
#[test]
fn the_work_tree_that_it_is_called_from_stays() {
    let repo = with_trees();
    let inside = repo.root().join(TREE_A).join("kitty-specs");
    let run = Run::of(command(&inside).args(["merge", "--mission", "m", "--json"]));
    let told = run.json();
    assert_eq!(run.code, 0, "{told:#}");
    assert!(kept_of(&told, TREE_A).contains("called from inside it"));
    assert!(inside.exists() && !repo.root().join(TREE_B).exists());
    assert_eq!(branches(&repo), [LANE_A, "main"]);
}

/// The main work tree is none that is removed, whatever it has checked out.
#[test]
fn the_main_work_tree_on_the_mission_branch() {
    let repo = ready();
    repo.git(&["checkout", "--quiet", MISSION]);
    let told = merged(&repo, &[]);
    assert!(kept_of(&told, "/repo").contains("main work tree"), "{told:#}");
    assert_eq!(branches(&repo), [MISSION, "main"]);
    assert_eq!(repo.read("a.txt"), "new\n", "it is brought along");
    is_sound(&repo, ".");
}

#[test]
fn a_work_tree_with_submodules_stays() {
    let repo = ready();
    done(
        &repo,
        "git init --quiet ../library && git -C ../library -c user.name=T -c user.email=t@example.invalid commit --quiet --allow-empty --message L",
    );
    for branch in [LANE_A, "main"] {
        repo.git(&["checkout", "--quiet", branch]);
    }
    repo.git(&["checkout", "--quiet", LANE_A]);
    done(&repo, "git -c protocol.file.allow=always submodule --quiet add ../library sub");
    repo.commit_all("Submodule");
    done(&repo, "git checkout --quiet main && rm -rf sub");
    repo.write(".git/info/exclude", "/.worktrees/\n");
    linked(&repo, TREE_A, LANE_A);
    let told = merged(&repo, &[]);
    assert!(kept_of(&told, TREE_A).contains("submodules"), "{told:#}");
    assert!(repo.root().join(TREE_A).exists());
    assert_eq!(branches(&repo), [LANE_A, "main"]);
}

#[rstest]
#[case::branches(&["--keep-branch"], "", true, false)]
#[case::work_trees(&["--keep-worktree"], "", true, true)]
#[case::both(&["--keep-branch", "--keep-worktree"], "", true, true)]
#[case::last_word(&["--keep-branch", "--keep-worktree", "--delete-branch", "--remove-worktree"], "", false, false)]
#[case::retained_branches(&["--delete-branch"], r#""retain_branches": true"#, true, false)]
#[case::retained_work_trees(&[], r#""retain_worktrees": true"#, true, true)]
#[case::not_retained(&[], r#""retain_branches": false, "retain_worktrees": false"#, false, false)]
#[case::in_words(&[], r#""retain_branches": "yes""#, true, false)]
#[case::in_numbers(&[], r#""retain_worktrees": 1"#, true, true)]
fn what_is_told_to_stay_stays(
    #[case] more: &[&str],
    #[case] said: &str,
    #[case] keeps_branches: bool,
    #[case] keeps_trees: bool,
) {
    let repo = with_trees();
    if !said.is_empty() {
        repo.write(
            "kitty-specs/m/meta.json",
            format!("{{{said}, \"status_phase\": \"1\", \"target_branch\": \"main\"}}\n"),
        );
        repo.commit_all("Stay");
    }
    let told = merged(&repo, more);
    assert_eq!(repo.root().join(TREE_A).exists(), keeps_trees, "{told:#}");
    assert_eq!(repo.root().join(TREE_B).exists(), keeps_trees);
    let all = [MISSION, LANE_A, LANE_B, "main"].map(str::to_owned);
    let mission_only = keeps_trees && !more.contains(&"--keep-branch") && !said.contains("branches");
    let expected = match (keeps_branches, mission_only) {
        (false, _) => vec!["main".to_owned()],
        (true, false) => all.to_vec(),
        // Those that the work trees have.
        (true, true) => vec![LANE_A.to_owned(), LANE_B.to_owned(), "main".to_owned()],
    };
    assert_eq!(branches(&repo), expected, "{told:#}");
    // A tip that a branch keeps needs no other name.
    let has_backup = refs(&repo).keys().any(|name| name.starts_with("refs/clearance"));
    assert_eq!(has_backup, expected.len() < all.len());
    is_sound(&repo, ".");
}

/// A backup that is there already is not overwritten.
#[test]
fn a_backup_of_an_earlier_merge_stays() {
    let repo = ready();
    const NAME: &str = "refs/clearance/merged/kitty/mission-m";
    repo.git(&["update-ref", NAME, "main"]);
    let before = at(&repo, "main");
    let told = merged(&repo, &[]);
    assert_eq!(told["removed"]["backup"], format!("{NAME}-2"));
    assert_eq!(
        (at(&repo, NAME), at(&repo, &format!("{NAME}-2"))),
        (before, told["refs"][1]["new"].as_str().unwrap().to_owned())
    );
}

/// Each command that the answer has puts back what it is for, from wherever it is pasted.
#[rstest]
fn every_undo_puts_things_back(
    #[values("squash", "merge", "rebase")] strategy: &str,
    #[values("main", "linked", "nowhere", "mission")] target: &str,
    #[values(&[], &["--keep-branch"])] more: &[&str],
) {
    let repo = ready();
    match target {
        "linked" => {
            repo.git(&["checkout", "--quiet", "-b", "other"]);
            linked(&repo, "../it's \"here\" $HOME", "main");
        }
        "nowhere" => drop(repo.git(&["checkout", "--quiet", "-b", "other"])),
        "mission" => drop(linked(&repo, "../mission", MISSION)),
        _ => {}
    }
    let before = refs(&repo);
    let told = merged(&repo, &[&["--strategy", strategy], more].concat());
    // Branches that were removed first: those that moved before that are put back farther.
    let moved: Vec<&str> =
        told["refs"].as_array().unwrap().iter().map(|one| one["ref"].as_str().unwrap()).collect();
    let removed = told["removed"]["branches"].as_array().unwrap();
    let is_moved =
        |one: &&Value| moved.contains(&format!("refs/heads/{}", one["branch"].as_str().unwrap()).as_str());
    let only_removed: Vec<Value> = removed.iter().filter(|one| !is_moved(one)).cloned().collect();
    for command in undo_of(&told["refs"]).into_iter().chain(undo_of(&Value::from(only_removed))) {
        done(&repo, &format!("cd /\n{command}"));
    }
    let mut after = refs(&repo);
    after.retain(|name, _| !name.starts_with("refs/clearance/"));
    assert_eq!(after, before, "{told:#}");
    for place in told["work_trees"].as_array().unwrap().iter().map(|place| place.as_str().unwrap()) {
        if fs::exists(place).unwrap() {
            assert_eq!(repo.git(&["-C", place, "status", "--porcelain"]), "", "{place}");
        }
    }
    // And it can be merged again.
    merged(&repo, &["--strategy", strategy]);
    is_sound(&repo, ".");
}

/// A command that puts a branch back refuses to lose what is not committed.
#[test]
fn an_undo_loses_nothing() {
    let repo = ready();
    let told = merged(&repo, &[]);
    repo.write("a.txt", "mine\n");
    let command = told["refs"][0]["undo"].as_str().unwrap();
    assert_ne!(shell(&repo, command).code, 0, "{command}");
    assert_eq!(
        (repo.read("a.txt"), at(&repo, "main")),
        ("mine\n".to_owned(), told["commit"].as_str().unwrap().to_owned())
    );
    repo.git(&["checkout", "--quiet", "a.txt"]);
    repo.git(&["checkout", "--quiet", "-b", "other"]);
    repo.git(&["update-ref", "refs/heads/main", "main^"]);
}

/// A branch that went on after the merge is not put back over.
#[test]
fn an_undo_of_a_branch_that_went_on() {
    let repo = ready();
    repo.git(&["checkout", "--quiet", "-b", "other"]);
    let told = merged(&repo, &[]);
    repo.git(&["checkout", "--quiet", "main"]);
    repo.git(&["commit", "--quiet", "--allow-empty", "--message", "On"]);
    repo.git(&["checkout", "--quiet", "other"]);
    let command = told["refs"][0]["undo"].as_str().unwrap();
    assert_ne!(shell(&repo, command).code, 0, "{command}");
    assert_eq!(told["refs"][0]["new"], at(&repo, "main^"));
}

/// The commands that the text has are those of the value.
#[test]
fn the_text_names_every_command() {
    let (one, other) = (ready(), ready());
    let text = merge(&one, &[]).stdout;
    let told = merged(&other, &[]);
    for command in undo_of(&told["refs"]).into_iter().chain(undo_of(&told["removed"]["branches"])) {
        let command = command.replace(other.root().to_str().unwrap(), one.root().to_str().unwrap());
        assert!(text.contains(&command), "{command} in {text}");
    }
}

/// A work tree in a directory whose name is no text is forgotten by git, too.
#[cfg(target_os = "linux")]
#[test]
fn a_work_tree_whose_name_is_no_text() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let repo = ready();
    let place = repo.outside().join(OsStr::from_bytes(b"tr\xffee"));
    let mut add = std::process::Command::new("git");
    clearance_testkit::scrub(&mut add);
    add.current_dir(repo.root()).args(["worktree", "add", "--quiet"]).arg(&place).arg(LANE_A);
    assert!(add.status().unwrap().success());
    clearance_testkit::write(&place, "x.local", "mine\n");
    repo.write(".git/info/exclude", "*.local\n");
    let told = merged(&repo, &[]);
    assert!(!place.exists(), "{told:#}");
    assert_eq!(fs::read_dir(repo.root().join(".git/worktrees")).map_or(0, Iterator::count), 0);
    let kept = repo.root().join(".git/clearance/kept/m").join(place.file_name().unwrap());
    assert_eq!(clearance_testkit::read(&kept, "x.local"), "mine\n");
    is_sound(&repo, ".");
}
