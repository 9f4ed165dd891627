//! The gate in every kind of repository that git allows: the answer is that of the plain one, and asking changes nothing.

use std::fs;
use std::path::{Path, PathBuf};

use rstest::rstest;
use serde_json::Value;

use crate::ready::{
    LANE_A, LANE_B, MISSION, beside, codes, done, dry_run, lane, made_with, named, ready, shell,
};
use crate::support::{Run, TestRepo, command, unchanged};

/// Makes another kind of repository of a plain one, and says where the question is asked.
pub(crate) type Make = fn(&TestRepo) -> PathBuf;

const ODD_NAME: &str = "-it's \"odd\" \u{e4}\u{1f600} $HOME;#";

/// A clone that has every branch.
fn cloned(repo: &TestRepo, source: &str, options: &str, name: &str) -> PathBuf {
    let branches = format!("for b in {MISSION} {LANE_A} {LANE_B}; do git branch --quiet $b origin/$b; done");
    let clone =
        format!("git clone --quiet {options} \"{source}\" ../{name}\n{}", named(&format!("../{name}")));
    done(repo, &format!("{clone}\ncd ../{name}\n{branches}"));
    beside(repo, name)
}

/// Something done to the repository, which is asked at its top.
fn here(repo: &TestRepo, script: &str) -> PathBuf {
    done(repo, script);
    repo.root().to_owned()
}

fn partial_clone(repo: &TestRepo) -> PathBuf {
    done(repo, "git config uploadpack.allowFilter true; git config uploadpack.allowAnySHA1InWant true");
    cloned(repo, "file://$PWD", "--filter=blob:none", "partial")
}

fn as_submodule(repo: &TestRepo) -> PathBuf {
    done(
        repo,
        "git init --quiet ../super\ncd ../super\ngit -c protocol.file.allow=always submodule --quiet add ../repo sub",
    );
    let branches = format!("for b in {MISSION} {LANE_A} {LANE_B}; do git branch --quiet $b origin/$b; done");
    done(repo, &format!("cd ../super/sub\n{branches}\n{}", named(".")));
    beside(repo, "super/sub")
}

fn ask(place: &Path, arguments: &[&str]) -> (i32, Value) {
    let run = Run::of(command(place).args(arguments).arg("--json"));
    assert_eq!(run.stderr, "");
    (run.code, run.json())
}

const QUESTION: [&str; 4] = ["merge", "--dry-run", "--mission", "m"];

fn blockers(json: &Value) -> Vec<&str> {
    json["blockers"].as_array().unwrap().iter().map(|blocker| blocker["code"].as_str().unwrap()).collect()
}

/// Every kind of repository.
pub(crate) const KINDS: &[(&str, Make)] = &[
    ("reftable", |repo: &TestRepo| made_with(repo, "--ref-format=reftable")),
    ("sha_256", |repo: &TestRepo| made_with(repo, "--object-format=sha256")),
    ("separate_git_directory", |repo: &TestRepo| made_with(repo, "--separate-git-dir=../made.git")),
    ("separate_and_sha_256", |repo: &TestRepo| {
        made_with(repo, "--separate-git-dir=../made.git --object-format=sha256")
    }),
    ("packed", |repo: &TestRepo| here(repo, "git pack-refs --all; git gc --quiet")),
    ("linked_worktree", |repo: &TestRepo| {
        done(repo, "git checkout --quiet -b other; git worktree add --quiet ../linked main");
        beside(repo, "linked")
    }),
    ("lane_worktree", |repo: &TestRepo| {
        done(
            repo,
            &format!("git checkout --quiet -b other; git worktree add --quiet .worktrees/m-lane-a {LANE_A}"),
        );
        repo.root().join(".worktrees/m-lane-a")
    }),
    ("worktree_of_a_reftable", |repo: &TestRepo| {
        made_with(repo, "--ref-format=reftable");
        done(repo, "git -C ../made worktree add --quiet -b other ../linked main");
        beside(repo, "linked")
    }),
    ("worktree_of_a_bare_repository", |repo: &TestRepo| {
        done(repo, &format!("git clone --quiet --bare . ../bare.git\n{}", named("../bare.git")));
        done(repo, "git -C ../bare.git worktree add --quiet ../linked main");
        beside(repo, "linked")
    }),
    ("borrowed_objects", |repo: &TestRepo| cloned(repo, ".", "--shared", "shared")),
    ("borrowed_from_a_borrower", |repo: &TestRepo| {
        cloned(repo, ".", "--shared", "shared");
        cloned(repo, "../shared", "--shared", "again")
    }),
    ("partial_clone", partial_clone),
    ("submodule", as_submodule),
    ("commit_graph", |repo: &TestRepo| here(repo, "git commit-graph write --reachable")),
    ("broken_commit_graph", |repo: &TestRepo| {
        here(
            repo,
            "git commit-graph write --reachable; f=.git/objects/info/commit-graph; chmod u+w $f; head -c 40 $f > ../half; cat ../half > $f",
        )
    }),
    ("multi_pack_index", |repo: &TestRepo| {
        here(repo, "git repack --quiet -d --write-midx --write-bitmap-index -a")
    }),
    ("worktree_config", |repo: &TestRepo| {
        here(repo, "git config extensions.worktreeConfig true; git config --worktree core.ignoreCase false")
    }),
    ("index_of_version_4", |repo: &TestRepo| here(repo, "git update-index --index-version 4")),
    ("split_index", |repo: &TestRepo| here(repo, "git update-index --split-index")),
    ("untracked_cache", |repo: &TestRepo| here(repo, "git update-index --untracked-cache")),
    ("precious_objects", |repo: &TestRepo| {
        here(repo, "git config core.repositoryFormatVersion 1; git config extensions.preciousObjects true")
    }),
    ("odd_path", |repo: &TestRepo| {
        fs::rename(repo.root(), beside(repo, ODD_NAME)).unwrap();
        fs::create_dir(repo.root()).unwrap();
        beside(repo, ODD_NAME)
    }),
];

#[test]
fn every_kind_of_repository_has_the_plain_answer() {
    for &(name, make) in KINDS {
        eprintln!("{name}");
        for (conflict, code) in [(false, 0), (true, 1)] {
            let repo = ready();
            if conflict {
                lane(&repo, LANE_B, ("one", "EINS"), "b.txt");
            }
            let plain = dry_run(&repo, &["--json"]).json();
            let place = make(&repo);
            // What git would like to note in its index, it must not.
            let file = fs::File::options().append(true).open(place.join("shared.txt")).unwrap();
            file.set_modified(std::time::UNIX_EPOCH).unwrap();
            let (asked, checked) = unchanged(repo.outside(), || {
                (ask(&place, &QUESTION), ask(&place, &["check", "--mission", "m"]))
            });
            let json = &asked.1;
            assert_eq!((asked.0, checked.0, &json["ready"]), (code, code, &(!conflict).into()), "{json:#}");
            assert_eq!(json["forecast"]["changes"], plain["forecast"]["changes"], "{json:#}");
            assert_eq!(json["warnings"], plain["warnings"]);
            if conflict {
                assert_eq!(blockers(json), ["lane_conflict"], "{json:#}");
            }
        }
    }
}

/// What is in the way is seen although git itself does not know where the work tree of a separate git directory is.
#[rstest]
#[case::a_file("untracked_obstruction", "echo mine > a.txt")]
#[case::a_merge("merge_in_progress", "git rev-parse HEAD > \"$(git rev-parse --git-dir)/MERGE_HEAD\"")]
#[case::a_lock("index_locked", "touch \"$(git rev-parse --git-dir)/index.lock\"")]
fn a_separate_git_directory_hides_nothing(
    #[values("", "--object-format=sha256")] format: &str,
    #[case] code: &str,
    #[case] script: &str,
) {
    let repo = ready();
    let place = made_with(&repo, &format!("--separate-git-dir=../made.git {format}"));
    done(&repo, &format!("cd ../made\n{script}"));
    let (exit, json) = ask(&place, &QUESTION);
    assert_eq!((exit, blockers(&json)), (1, vec![code]), "{json:#}");
    done(&repo, json["remediation"].as_str().unwrap());
    assert_eq!(ask(&place, &QUESTION).0, 0);
    // From a linked work tree nobody can tell where the main one is, and so not what is in its way.
    done(&repo, "git -C ../made worktree add --quiet -b other ../linked main");
    let (exit, json) = ask(&beside(&repo, "linked"), &QUESTION);
    assert_eq!((exit, blockers(&json)), (3, vec![]), "{json:#}");
    assert!(json["undecided"].to_string().contains("ask from inside that one"), "{json:#}");
}

/// A command is pasted as it is told, whatever the repository's directory is called.
#[test]
fn commands_for_a_repository_of_an_odd_name() {
    let repo = ready();
    repo.write("shared.txt", "mine\n");
    let odd = beside(&repo, ODD_NAME);
    fs::rename(repo.root(), &odd).unwrap();
    fs::create_dir(repo.root()).unwrap();
    // From outside, where the name looks like an option.
    let arguments = [&QUESTION[..], &["--repo", "."]].concat();
    assert_eq!(ask(&odd, &arguments).0, 1);
    let from_outside = format!("--repo={ODD_NAME}");
    let (code, json) = ask(repo.outside(), &[&QUESTION[..], &[from_outside.as_str()]].concat());
    assert_eq!((code, blockers(&json)), (1, vec!["dirty_worktree"]));
    done(&repo, json["remediation"].as_str().unwrap());
    assert_eq!(ask(&odd, &QUESTION).0, 0);
}

#[test]
fn a_partial_clone_whose_remote_is_gone() {
    let repo = ready();
    let place = partial_clone(&repo);
    fs::rename(repo.root(), beside(&repo, "moved")).unwrap();
    let (code, json) = unchanged(&place, || ask(&place, &QUESTION));
    assert_eq!((code, &json["ready"]), (3, &false.into()), "{json:#}");
    assert!(json["undecided"].to_string().contains("promisor remote"), "{json:#}");
}

/// A mission in a repository that has a submodule with three commits, at the first of them.
fn with_submodule() -> TestRepo {
    let repo = ready();
    let commits = "for n in 1 2 3; do echo $n > f; git add f; git commit --quiet --message $n; done";
    let library = format!(
        "git init --quiet --initial-branch=main ../library\n{}\ncd ../library\n{commits}",
        named("../library")
    );
    done(&repo, &library);
    done(
        &repo,
        "git -c protocol.file.allow=always submodule --quiet add ../library sub\ngit -C sub checkout --quiet main~2\ngit add sub",
    );
    done(&repo, &named("sub"));
    repo.commit_all("Submodule");
    for branch in [MISSION, LANE_A, LANE_B] {
        let merge = format!("git checkout --quiet {branch}; git merge --quiet --no-edit main");
        done(&repo, &merge);
    }
    done(&repo, "git checkout --quiet main; git submodule --quiet update");
    assert_eq!(codes(&repo, &[]), Vec::<String>::new());
    repo
}

/// A changed submodule is a change; the command for it ends it and loses nothing.
#[rstest]
#[case::other_commit("git -C sub checkout --quiet main~1", "git -C sub rev-parse main~1")]
#[case::other_commit_staged("git -C sub checkout --quiet main~1; git add sub", "git -C sub rev-parse main~1")]
#[case::commit_of_its_own(
    "git -C sub commit --quiet --allow-empty --message mine",
    "git -C sub log --all --format=%s | grep -x mine"
)]
#[case::content("echo mine > sub/f", "git -C sub stash show -p | grep +mine")]
#[case::both(
    "git -C sub checkout --quiet main~1; echo mine > sub/f; echo mine > shared.txt",
    "git -C sub stash show -p | grep +mine"
)]
fn a_changed_submodule_is_a_change(#[case] script: &str, #[case] kept: &str) {
    let repo = with_submodule();
    done(&repo, script);
    let json = unchanged(repo.outside(), || dry_run(&repo, &["--json"]).json());
    assert_eq!(blockers(&json), ["dirty_worktree"], "{json:#}");
    done(&repo, json["remediation"].as_str().unwrap());
    assert_eq!(codes(&repo, &[]), Vec::<String>::new(), "{}", json["remediation"]);
    done(&repo, kept);
}

/// A mission that moves submodules merges as git merges it.
#[rstest]
#[case::one_lane(&[(LANE_A, "main")], true)]
#[case::one_after_the_other(&[(LANE_A, "main~1"), (LANE_B, "main")], true)]
#[case::apart(&[(LANE_A, "main"), (LANE_B, "side")], false)]
fn moved_submodules_merge_as_git_merges_them(#[case] moves: &[(&str, &str)], #[case] merges: bool) {
    let repo = with_submodule();
    done(&repo, "cd sub; git checkout --quiet -b side; git commit --quiet --allow-empty --message side");
    for (branch, to) in moves {
        let commit = format!("git -C sub checkout --quiet {to}; git commit --quiet --all --message {to}");
        done(&repo, &format!("git checkout --quiet {branch}; git submodule --quiet update\n{commit}"));
    }
    done(&repo, "git checkout --quiet main; git submodule --quiet update");
    let json = unchanged(repo.outside(), || dry_run(&repo, &["--json"]).json());
    let by_git = shell(
        &repo,
        &format!(
            "set -e; git checkout --quiet {MISSION}; git merge --no-edit {LANE_A}; git merge --no-edit {LANE_B}"
        ),
    );
    assert_eq!((by_git.code == 0, &json["ready"]), (merges, &merges.into()), "{json:#}");
    if merges {
        assert_eq!(json["forecast"]["merged_tree"], repo.git(&["rev-parse", "HEAD^{tree}"]).trim());
    } else {
        assert_eq!((blockers(&json), &json["blockers"][0]["item"]), (vec!["lane_conflict"], &"sub".into()));
    }
}

/// What a lane's work tree has in a submodule would be lost with it.
#[test]
fn a_changed_submodule_of_a_lane() {
    let repo = with_submodule();
    let add = format!("git worktree add --quiet .worktrees/m-lane-a {LANE_A}");
    let update = "git -C .worktrees/m-lane-a -c protocol.file.allow=always submodule --quiet update --init";
    done(&repo, &format!("{add}\n{update}\n{}", named(".worktrees/m-lane-a/sub")));
    repo.write(".worktrees/m-lane-a/sub/new.txt", "mine\n");
    let json = dry_run(&repo, &["--json"]).json();
    assert_eq!(blockers(&json), ["dirty_lane_worktree"], "{json:#}");
    done(&repo, json["remediation"].as_str().unwrap());
    assert_eq!(codes(&repo, &[]), Vec::<String>::new());
}
