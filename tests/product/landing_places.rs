//! A merge in every kind of repository and work tree: what comes is what git would check out, and what is a person's stays.

use std::fs;
use std::path::{Path, PathBuf};

use rstest::rstest;
use serde_json::Value;

use crate::landed::{
    at, change_kind, changing_nothing, is_sound, linked, merge, merged, refs, refused, script,
    to_change_kind, told,
};
use crate::ready::{LANE_A, LANE_B, MISSION, beside, done, dry_run, made_with, named, ready, shell};
use crate::support::{Run, TestRepo, command};

/// Makes another kind of repository of a plain one, and says where the merge is made.
type Make = fn(&TestRepo) -> PathBuf;

const ODD_NAME: &str = "-it's \"odd\" \u{e4}\u{1f600} $HOME;#";

fn cloned(repo: &TestRepo, options: &str) -> PathBuf {
    let branches = format!("for b in {MISSION} {LANE_A} {LANE_B}; do git branch --quiet $b origin/$b; done");
    done(
        repo,
        &format!("git clone --quiet {options} . ../clone\n{}\ncd ../clone\n{branches}", named("../clone")),
    );
    beside(repo, "clone")
}

fn here(repo: &TestRepo, script: &str) -> PathBuf {
    done(repo, script);
    repo.root().to_owned()
}

fn said(place: &Path, script: &str) -> String {
    let mut shell = std::process::Command::new("sh");
    clearance_testkit::scrub(&mut shell);
    let run = Run::of(shell.current_dir(place).args(["-c", script]));
    assert_eq!(run.code, 0, "{script}: {}", run.stderr);
    run.stdout.trim_end().to_owned()
}

#[rstest]
#[case::reftable(|repo: &TestRepo| made_with(repo, "--ref-format=reftable"))]
#[case::sha_256(|repo: &TestRepo| made_with(repo, "--object-format=sha256"))]
#[case::separate_git_directory(|repo: &TestRepo| made_with(repo, "--separate-git-dir=../made.git"))]
#[case::packed(|repo: &TestRepo| here(repo, "git pack-refs --all; git gc --quiet"))]
#[case::borrowed_objects(|repo: &TestRepo| cloned(repo, "--shared"))]
#[case::linked_worktree(|repo: &TestRepo| {
    done(repo, "git checkout --quiet -b other; git worktree add --quiet ../linked main");
    beside(repo, "linked")
})]
#[case::worktree_of_a_reftable(|repo: &TestRepo| {
    made_with(repo, "--ref-format=reftable");
    done(repo, "git -C ../made checkout --quiet -b other; git -C ../made worktree add --quiet ../linked main");
    beside(repo, "linked")
})]
#[case::worktree_of_a_bare_repository(|repo: &TestRepo| {
    done(repo, &format!("git clone --quiet --bare . ../bare.git\n{}", named("../bare.git")));
    done(repo, "git -C ../bare.git worktree add --quiet ../linked main");
    beside(repo, "linked")
})]
#[case::worktree_config(|repo: &TestRepo| here(repo, "git config extensions.worktreeConfig true; git config --worktree core.ignoreCase false"))]
#[case::index_of_version_4(|repo: &TestRepo| here(repo, "git update-index --index-version 4"))]
#[case::split_index(|repo: &TestRepo| here(repo, "git update-index --split-index"))]
#[case::untracked_cache(|repo: &TestRepo| here(repo, "git update-index --untracked-cache"))]
#[case::no_reflog(|repo: &TestRepo| here(repo, "git config core.logAllRefUpdates false"))]
#[case::odd_path(|repo: &TestRepo| {
    fs::rename(repo.root(), beside(repo, ODD_NAME)).unwrap();
    fs::create_dir(repo.root()).unwrap();
    beside(repo, ODD_NAME)
})]
fn every_kind_of_repository(#[case] make: Make, #[values("squash", "merge", "rebase")] strategy: &str) {
    let repo = ready();
    let place = make(&repo);
    let ask = |more: &[&str]| {
        let run = Run::of(
            command(&place).args(["merge", "--mission", "m", "--strategy", strategy, "--json"]).args(more),
        );
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{}", run.stdout);
        run.json()
    };
    let before = said(&place, "git for-each-ref refs/heads");
    let shown = ask(&["--dry-run"]);
    let told = ask(&[]);
    assert_eq!(shown["forecast"]["tree"], said(&place, "git rev-parse main^{tree}"));
    assert_eq!(said(&place, "git status --porcelain; git fsck 2>&1"), "");
    assert_eq!(said(&place, "cat a.txt b.txt"), "new\nnew");
    assert_eq!(said(&place, "git for-each-ref --format='%(refname:short)' refs/heads/kitty"), "");
    // And back.
    for one in told["refs"].as_array().unwrap() {
        said(&place, one["undo"].as_str().unwrap());
    }
    for one in told["removed"]["branches"].as_array().unwrap() {
        if one["branch"] != MISSION {
            said(&place, one["undo"].as_str().unwrap());
        }
    }
    assert_eq!(said(&place, "git for-each-ref refs/heads"), before);
    assert_eq!(said(&place, "git status --porcelain"), "");
}

/// Wherever the target is checked out its files come along, and nothing else moves.
#[rstest]
fn wherever_the_target_is_checked_out(
    #[values("main", "linked", "nowhere")] target: &str,
    #[values(false, true)] mission: bool,
) {
    let repo = ready();
    if target != "main" {
        repo.git(&["checkout", "--quiet", "-b", "other"]);
        repo.write("other.txt", "other\n");
        repo.commit_all("Other");
    }
    let place = (target == "linked").then(|| linked(&repo, "../linked", "main"));
    let own = mission.then(|| linked(&repo, "../mission", MISSION));
    let head = at(&repo, "HEAD");
    let told = merged(&repo, &["--keep-branch", "--keep-worktree"]);
    if target != "main" {
        assert_eq!((at(&repo, "HEAD"), repo.root().join("a.txt").exists()), (head, false));
    }
    let root = |place: &Path| place.to_str().unwrap().to_owned();
    let first = (target == "main").then(|| repo.root().to_owned()).or(place);
    let expected: Vec<String> = first.iter().chain(&own).map(|place| root(place)).collect();
    assert_eq!(told["work_trees"], Value::from(expected.clone()));
    for place in expected {
        is_sound(&repo, &format!("'{place}'"));
        assert_eq!(said(Path::new(&place), "cat a.txt b.txt"), "new\nnew");
        assert_eq!(
            said(Path::new(&place), "git reflog -1 --format=%gs").split(' ').take(3).collect::<Vec<_>>(),
            ["merge", "mission", if place.ends_with("mission") { "m" } else { "m:" }]
        );
    }
    is_sound(&repo, ".");
}

/// Every kind of file, and every change of kind.
#[rstest]
fn kinds_of_files(#[values("squash", "merge", "rebase")] strategy: &str) {
    let repo = ready();
    repo.write("gone.txt", "gone\n");
    repo.write("deep/only/gone.txt", "gone\n");
    to_change_kind(&repo);
    repo.write("tool", "echo\n");
    repo.write("text", "becomes a link\n");
    repo.write(".gitattributes", "*.crlf eol=crlf\n*.id ident\n");
    repo.write("ends.crlf", "one\r\n");
    repo.commit_all("Kinds");
    for branch in [MISSION, LANE_B] {
        repo.git(&["checkout", "--quiet", branch]);
        repo.git(&["merge", "--quiet", "--no-edit", "main"]);
    }
    repo.git(&["checkout", "--quiet", LANE_A]);
    repo.git(&["merge", "--quiet", "--no-edit", "main"]);
    change_kind(&repo);
    done(
        &repo,
        "rm -r gone.txt deep text
chmod +x tool; ln -s 'no where' text; ln -s directory to
printf 'one\\r\\ntwo\\r\\n' > ends.crlf; echo '$Id$' > x.id; : > empty; printf 'no end' > end
echo n > 'nöt ascii'; echo q > 'quo\"te'; printf '\\000\\377' > binary; echo t > 'tab	s'",
    );
    #[cfg(target_os = "linux")]
    done(&repo, "echo raw > \"$(printf 'raw\\377')\"");
    repo.commit_all("All kinds");
    repo.git(&["checkout", "--quiet", "main"]);
    repo.write("mine.txt", "mine\n");
    repo.write(".git/info/exclude", "*.local\n");
    repo.write("deep/only/mine.local", "mine\n");
    merged(&repo, &["--strategy", strategy]);
    assert_eq!(repo.git(&["status", "--porcelain"]), "?? mine.txt\n");
    assert_eq!(
        (repo.read("mine.txt"), repo.read("deep/only/mine.local")),
        ("mine\n".to_owned(), "mine\n".to_owned())
    );
    // What git itself checks out is the same, to the byte.
    repo.git(&["worktree", "add", "--quiet", "--detach", "../fresh", "main"]);
    let differ = shell(
        &repo,
        "diff --recursive --no-dereference --exclude=.git . ../fresh; find . -path ./.git -prune -o -type f -perm -u+x -print",
    );
    assert_eq!(differ.stdout, "Only in .: deep\nOnly in .: mine.txt\n./tool\n");
    assert_eq!(fs::read_link(repo.root().join("text")).unwrap(), Path::new("no where"));
    assert_eq!(repo.read("ends.crlf"), "one\r\ntwo\r\n");
}

/// A submodule that moves is left as `git merge` leaves it: its commit is recorded, its files are its own.
#[test]
fn a_submodule_that_moves() {
    let repo = ready();
    let commits = "for n in 1 2; do echo $n > f; git add f; git commit --quiet --message $n; done";
    done(
        &repo,
        &format!(
            "git init --quiet --initial-branch=main ../library\n{}\ncd ../library\n{commits}",
            named("../library")
        ),
    );
    done(
        &repo,
        "git -c protocol.file.allow=always submodule --quiet add ../library sub\ngit -C sub checkout --quiet main~1\ngit add sub",
    );
    repo.commit_all("Submodule");
    for branch in [MISSION, LANE_B, LANE_A] {
        done(&repo, &format!("git checkout --quiet {branch}; git merge --quiet --no-edit main"));
    }
    done(
        &repo,
        "git -C sub checkout --quiet main; git commit --quiet --all --message Moved; git checkout --quiet main; git submodule --quiet update",
    );
    let tree = dry_run(&repo, &["--json"]).json()["forecast"]["tree"].clone();
    merged(&repo, &[]);
    assert_eq!(
        (tree, at(&repo, "main:sub")),
        (at(&repo, "main^{tree}").into(), said(&repo.root().join("sub"), "git rev-parse main"))
    );
    assert_eq!(
        (repo.read("sub/f").as_str(), repo.git(&["status", "--porcelain"]).as_str()),
        ("1\n", " M sub\n")
    );
    repo.git(&["submodule", "--quiet", "update"]);
    is_sound(&repo, ".");
}

/// What is not committed when the merge is asked for is as it was afterwards; so is what is written while it is made.
#[rstest]
#[case::file("echo mine > a.txt", "a.txt", "work_tree_refused")]
#[case::edit("echo mine > shared.txt", "shared.txt", "work_tree_refused")]
#[case::directory("mkdir -p b.txt && echo mine > b.txt/x", "b.txt/x", "work_tree_refused")]
fn what_is_written_while_a_merge_is_made(
    #[case] text: &str,
    #[case] file: &str,
    #[case] code: &str,
    #[values("squash", "merge", "rebase")] strategy: &str,
) {
    let repo = ready();
    script(&repo, ".git/hooks/commit-msg", text);
    let before = refs(&repo);
    let told = refused(&repo, &["--strategy", strategy], code);
    assert!(told["message"].as_str().unwrap().contains(file.split('/').next().unwrap()), "{told:#}");
    assert_eq!((repo.read(file).as_str(), refs(&repo)), ("mine\n", before));
    let left = self::told(&repo, &["status", "--porcelain", "--untracked-files=all"]);
    assert_eq!(left.trim_start_matches(['?', 'M', ' ']), file);
    assert!(!repo.root().join(".git/index.lock").exists());
    assert_eq!(shell(&repo, "ls -A .git/clearance/land").stdout, "");
}

/// A lock of the index that comes meanwhile ends it, in the work tree of the mission branch as well.
#[rstest]
fn an_index_that_is_locked_meanwhile(#[values("main", "mission")] which: &str) {
    let repo = ready();
    linked(&repo, "../mission", MISSION);
    let lock = format!(
        "$(git -C {} rev-parse --absolute-git-dir)/index.lock",
        if which == "main" { "." } else { "../mission" }
    );
    script(&repo, ".git/hooks/commit-msg", &format!("unset GIT_INDEX_FILE GIT_DIR\n: > \"{lock}\""));
    let before = refs(&repo);
    refused(&repo, &[], "index_locked");
    assert_eq!(refs(&repo), before);
    fs::remove_file(repo.root().join(".git/hooks/commit-msg")).unwrap();
    done(&repo, &format!("rm \"{lock}\""));
    for place in [".", "../mission"] {
        assert_eq!(repo.git(&["-C", place, "status", "--porcelain"]), "", "{place} is as it was");
    }
    merged(&repo, &[]);
    is_sound(&repo, ".");
}

/// A merge that is made elsewhere is waited for, as long as one is told to.
#[test]
fn another_merge_holds_the_lock() {
    let repo = ready();
    let path = repo.write(".git/clearance/land.lock", "");
    let held = fs::File::options().write(true).open(path).unwrap();
    held.lock().unwrap();
    changing_nothing(&repo, || refused(&repo, &["--lock-timeout", "0"], "merge_locked"));
    drop(held);
    assert_eq!(merge(&repo, &["--lock-timeout", "0"]).code, 0);
}
