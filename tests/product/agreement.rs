//! `merge --dry-run` and `merge` agree: what is called ready is merged, to the tree that was named; what is not, is not, and
//! not a byte of the repository is another.

use std::fs;
use std::path::{Path, PathBuf};

use rstest::rstest;

use crate::blockers::{FOR_PEOPLE, HARMLESS, LOOKS_READY, MENDED};
use crate::landed::STRATEGIES;
use crate::no_entry::{MANIFEST, NO_MANIFEST};
use crate::pasted::{IN_THE_WAY, STATE, UNREADABLE, UNSTASHED};
use crate::places::KINDS;
use crate::preflight::ANSWERS;
use crate::ready::{LANE_B, LANES, approved, done, lane, ready};
use crate::ready_each::READY;
use crate::second_look::{HIDDEN, REVIEWS, with_links};
use crate::support::{LOG, Run, TestRepo, all, asked, assert_same, below, git, in_git, step, step_at};
use crate::ways_out::log_on_both_sides;

/// Asks, and merges: whether both say yes.
fn agree(outside: &Path, place: &Path, strategy: &str) -> bool {
    let options = ["--mission", "m", "--strategy", strategy];
    let before = all(outside);
    let (code, dry) = asked(place, &[&["merge", "--dry-run"], &options[..]].concat());
    assert_same(&before, &all(outside), "asking");
    let clean = |place: &Path| git(place, &["status", "--porcelain", "--ignore-submodules=all"]);
    let status = (dry["ready"] == true).then(|| clean(place));
    let (merge_code, merged) = asked(place, &[&["merge"], &options[..]].concat());
    assert_eq!(merge_code, code, "{merged:#}\n{dry:#}");
    if dry["ready"] != true {
        assert_ne!(code, 0, "{dry:#}");
        assert_eq!(merged, dry, "a merge that is not cleared says what a dry run says");
        assert_same(&before, &all(outside), "a merge that is not cleared");
        return false;
    }
    assert_eq!((code, &merged["merged"]), (0, &true.into()), "{merged:#}");
    let target = merged["target_branch"].as_str().unwrap();
    let tip = git(place, &["rev-parse", &format!("refs/heads/{target}")]);
    let tree = git(place, &["rev-parse", &format!("refs/heads/{target}^{{tree}}")]);
    assert_eq!(
        (tip.trim(), tree.trim()),
        (merged["commit"].as_str().unwrap(), dry["forecast"]["tree"].as_str().unwrap())
    );
    assert_eq!(merged["plan"]["id"], dry["plan"]["id"]);
    assert_eq!(merged["mission_number"], dry["would_assign_mission_number"], "{merged:#}");
    assert_eq!(Some(clean(place)), status, "nothing is changed that was not, and nothing that was is not");
    let left = |path: &PathBuf| {
        path.ends_with("journal.json")
            || path.extension().is_some_and(|extension| extension == "lock")
                && !path.ends_with("land.lock")
                && !path.to_string_lossy().ends_with("m.status.lock")
    };
    let left: Vec<_> = below(outside).into_iter().filter(left).collect();
    assert_eq!(left, Vec::<PathBuf>::new());
    git(place, &["-c", "core.commitGraph=false", "fsck", "--no-progress", "--connectivity-only"]);
    // Wherever the log is, it says that everything is done.
    for branch in [target, "kitty/coord"] {
        let text = Run::of(in_git(place).args(["show", &format!("refs/heads/{branch}:{LOG}")]));
        let is_done = |wp: &str| {
            text.stdout.lines().any(|line| line.contains(wp) && line.contains(r#""to_lane": "done""#))
        };
        assert!(text.code != 0 || is_done("WP01") && is_done("WP02"), "{branch}: {}", text.stdout);
    }
    true
}

/// What is not ready stays as it is, whatever the strategy.
fn never(repo: &TestRepo) {
    for strategy in STRATEGIES {
        assert!(!agree(repo.outside(), repo.root(), strategy), "{strategy}");
    }
}

/// What one strategy may be ready for and another not.
fn each(name: &str, make: impl Fn() -> TestRepo, expected: Option<bool>) {
    for strategy in STRATEGIES {
        eprintln!("{name} {strategy}");
        let repo = make();
        let ready = agree(repo.outside(), repo.root(), strategy);
        assert!(expected.is_none_or(|expected| expected == ready), "ready: {ready}");
    }
}

fn made(make: impl Fn(&TestRepo)) -> TestRepo {
    let repo = ready();
    make(&repo);
    repo
}

#[test]
fn blockers_that_a_command_ends() {
    for &(name, _, break_it) in MENDED {
        eprintln!("{name}");
        never(&made(break_it));
    }
}

#[test]
fn blockers_for_people() {
    for &(name, _, break_it) in FOR_PEOPLE.iter().chain(LOOKS_READY) {
        eprintln!("{name}");
        never(&made(break_it));
    }
}

#[test]
fn blockers_that_were_overlooked_once() {
    for &(name, change) in HIDDEN {
        eprintln!("{name}");
        let repo = with_links();
        change(&repo);
        never(&repo);
    }
    for &(name, _, review) in REVIEWS {
        eprintln!("{name}");
        let repo = ready();
        repo.write(LOG, approved("WP01") + &step("WP02", "in_review", "approved"));
        review(&repo);
        repo.commit_all("Review");
        never(&repo);
    }
}

#[test]
fn blockers_with_odd_files() {
    let of_pasted = UNSTASHED.iter().map(|&(name, _, _, make)| (name, make));
    let in_the_way = IN_THE_WAY.iter().map(|&(name, _, make)| (name, make));
    for (name, make) in of_pasted.chain(in_the_way).chain(UNREADABLE.iter().copied()) {
        eprintln!("{name}");
        never(&made(make));
    }
    for &(name, make, _) in NO_MANIFEST {
        eprintln!("{name}");
        let repo = ready();
        fs::remove_file(repo.root().join(MANIFEST)).unwrap();
        make(&repo);
        never(&repo);
    }
    for &(name, more, _) in STATE {
        eprintln!("{name}");
        let repo = ready();
        repo.write("kitty-specs/m/tasks.md", "- [x] T001 b\n");
        more(&repo);
        never(&repo);
    }
}

#[test]
fn one_of_each_answer() {
    for &(name, make) in ANSWERS {
        each(name, || made(make), None);
    }
}

#[test]
fn what_is_odd_and_does_no_harm() {
    for &(name, make) in HARMLESS {
        each(name, || made(make), Some(true));
    }
}

/// Every kind of repository, where a merge is made as in the plain one.
#[rstest]
fn every_kind_of_repository(#[values(0, 1)] part: usize) {
    for (nth, &(name, make)) in KINDS.iter().enumerate().filter(|(nth, _)| nth % 2 == part) {
        let strategy = STRATEGIES[nth % 3];
        eprintln!("{name} {strategy}");
        let repo = ready();
        let place = make(&repo);
        assert!(agree(repo.outside(), &place, strategy));
        let repo = ready();
        lane(&repo, LANE_B, ("one", "EINS"), "b.txt");
        let place = make(&repo);
        assert!(!agree(repo.outside(), &place, strategy));
    }
}

#[rstest]
fn what_is_ready_is_merged(#[values(0, 1, 2, 3)] part: usize) {
    for (_, &(name, make)) in READY.iter().enumerate().filter(|(nth, _)| nth % 4 == part) {
        each(name, || made(make), Some(true));
    }
}

/// The mission's own files, where both sides went on with them.
#[test]
fn own_files_by_their_meaning() {
    let done = |wp, second| step_at(wp, "approved", "done", second, "");
    each("by meaning", || log_on_both_sides(&done("WP02", 4), &done("WP01", 3)), Some(true));
    let contradiction = done("WP01", 3).replace("\"ann\"", "\"bob\"");
    each("a contradiction", || log_on_both_sides(&done("WP01", 3), &contradiction), Some(false));
}

/// The state on a branch of its own, which gets the events beside the target.
#[rstest]
#[case::nowhere("git status -s")]
#[case::in_a_work_tree("git worktree add -q .worktrees/m-coord kitty/coord")]
fn state_on_a_branch_of_its_own(#[case] more: &str) {
    let coordinated = || {
        let repo = ready();
        let log = repo.read(LOG);
        repo.git(&["rm", "--quiet", LOG]);
        repo.write(".gitignore", ".worktrees/\n");
        repo.write("kitty-specs/m/meta.json", r#"{"status_phase": "1", "target_branch": "main", "topology": "coord", "coordination_branch": "kitty/coord"}"#);
        repo.commit_all("Coordinated");
        repo.git(&["checkout", "--quiet", "-b", "kitty/coord"]);
        repo.write(LOG, log);
        repo.commit_all("State");
        repo.git(&["checkout", "--quiet", "main"]);
        done(&repo, more);
        repo
    };
    each("coordinated", coordinated, Some(true));
    let mismatch = || {
        let repo = coordinated();
        repo.write("kitty-specs/m/lanes.json", LANES.replace("WP02", "WP03"));
        repo.commit_all("Lanes");
        repo
    };
    each("of another work package", mismatch, Some(false));
}
