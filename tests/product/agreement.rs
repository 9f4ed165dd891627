//! `merge --dry-run` and `merge` agree: what is called ready is merged, to the tree that was named; what is not, is not, and
//! not a byte of the repository is another.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use rstest::rstest;
use serde_json::Value;

use crate::blockers::{FOR_PEOPLE, HARMLESS, LOOKS_READY, MENDED};
use crate::no_entry::{MANIFEST, NO_MANIFEST};
use crate::pasted::{IN_THE_WAY, STATE, UNREADABLE, UNSTASHED};
use crate::places::KINDS;
use crate::preflight::ANSWERS;
use crate::ready::{LANE_A, LANE_B, LANES, MISSION, Made, approved, done, lane, ready};
use crate::second_look::{HIDDEN, REVIEWS, with_links};
use crate::support::{LOG, Run, TestRepo, assert_same, below, command, step, step_at};
use crate::ways_out::log_on_both_sides;

pub(crate) const STRATEGIES: [&str; 3] = ["squash", "merge", "rebase"];

/// Everything in a directory: files with their content and mode, links with where they lead. Locks that stay behind empty
/// are left out.
pub(crate) fn all(directory: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    const LOCKS: [&str; 2] = ["clearance", "spec-kitty-locks"];
    let is_lock = |path: &Path| {
        path.components().any(|part| LOCKS.iter().any(|name| part.as_os_str() == *name))
            && !path.ends_with("journal.json")
    };
    let facts = |path: PathBuf| {
        let metadata = path.symlink_metadata().unwrap();
        let content = match () {
            () if metadata.is_symlink() => {
                fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
            }
            () if metadata.is_file() => fs::read(&path).unwrap(),
            () => Vec::new(),
        };
        (path, (metadata.mode(), content))
    };
    below(directory).into_iter().filter(|path| !is_lock(path)).map(facts).collect()
}

fn in_git(place: &Path) -> Command {
    let mut command = Command::new("git");
    clearance_testkit::scrub(&mut command);
    command.current_dir(place);
    command
}

/// git, at a place.
pub(crate) fn git(place: &Path, arguments: &[&str]) -> String {
    let run = Run::of(in_git(place).args(arguments));
    assert_eq!(run.code, 0, "git {arguments:?}: {}", run.stderr);
    run.stdout
}

/// The product at a place, as a machine asks it.
pub(crate) fn asked(place: &Path, arguments: &[&str]) -> (i32, Value) {
    let run = Run::of(command(place).args(arguments).arg("--json"));
    assert_eq!(run.stderr, "");
    (run.code, run.json())
}

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

fn on(repo: &TestRepo, branch: &str, work: impl Fn(&TestRepo)) {
    repo.git(&["checkout", "--quiet", branch]);
    work(repo);
    repo.commit_all("Work");
    repo.git(&["checkout", "--quiet", "main"]);
}

/// Branches that start again where the target is.
fn again(repo: &TestRepo) {
    for branch in [MISSION, LANE_A, LANE_B] {
        repo.git(&["branch", "--force", branch, "main"]);
    }
}

fn executable(repo: &TestRepo, file: &str) {
    fs::set_permissions(repo.root().join(file), fs::Permissions::from_mode(0o755)).unwrap();
}

/// Missions that are ready, each in another way.
const READY: &[Made] = &[
    ("plain", |_| {}),
    ("target_ahead", |repo| {
        repo.write("main.txt", "new\n");
        repo.write("shared.txt", repo.read("shared.txt").replace("four", "FOUR"));
        repo.commit_all("Ahead");
    }),
    ("lanes_in_already", |repo| {
        done(
            repo,
            &format!(
                "git checkout -q {MISSION}; git merge -q --no-edit {LANE_A}; git merge -q --no-edit {LANE_B}"
            ),
        );
        done(repo, "git checkout -q main");
    }),
    ("all_in_already", |repo| {
        done(
            repo,
            &format!(
                "git checkout -q {MISSION}; git merge -q --no-edit {LANE_A}; git merge -q --no-edit {LANE_B}"
            ),
        );
        done(repo, &format!("git checkout -q main; git merge -q --no-edit {MISSION}"));
    }),
    ("squashed_already", |repo| {
        done(
            repo,
            &format!(
                "git checkout -q {MISSION}; git merge -q --no-edit {LANE_A}; git merge -q --no-edit {LANE_B}"
            ),
        );
        done(
            repo,
            &format!("git checkout -q main; git merge -q --squash {MISSION}; git commit -q -m Squashed"),
        );
    }),
    ("nothing_on_any_branch", again),
    ("commits_of_no_file", |repo| {
        again(repo);
        for branch in [MISSION, LANE_A, LANE_B] {
            done(
                repo,
                &format!(
                    "git checkout -q {branch}; git commit -q --allow-empty -m Empty; git checkout -q main"
                ),
            );
        }
    }),
    ("a_file_renamed", |repo| {
        on(repo, LANE_A, |repo| drop(repo.git(&["mv", "shared.txt", "renamed.txt"])));
        repo.write("shared.txt", repo.read("shared.txt").replace("four", "FOUR"));
        repo.commit_all("Changed where it was");
    }),
    ("a_directory_renamed", |repo| {
        (1..5).for_each(|nth| drop(repo.write(&format!("dir/f{nth}"), format!("{nth}\n").repeat(9))));
        repo.commit_all("Directory");
        again(repo);
        on(repo, LANE_A, |repo| drop(repo.git(&["mv", "dir", "moved"])));
        on(repo, LANE_B, |repo| drop(repo.write("dir/f1", "changed\n".to_owned() + &"1\n".repeat(8))));
    }),
    ("modes_and_links", |repo| {
        on(repo, LANE_A, |repo| {
            executable(repo, "a.txt");
            executable(repo, "shared.txt");
            symlink("shared.txt", repo.root().join("link")).unwrap();
        });
    }),
    ("merges_in_a_lane", |repo| {
        done(
            repo,
            &format!(
                "git checkout -q {LANE_A}; git checkout -q -b side; echo x > side.txt; git add side.txt; git commit -q -m Side"
            ),
        );
        done(
            repo,
            &format!(
                "git checkout -q {LANE_A}; git merge -q --no-ff --no-edit side; git branch -q -D side; git checkout -q main"
            ),
        );
    }),
    ("planning_only", |repo| {
        repo.write("kitty-specs/m/lanes.json", PLANNING);
        repo.commit_all("Lanes");
    }),
    ("planning_only_and_no_branch", |repo| {
        repo.write(
            "kitty-specs/m/lanes.json",
            PLANNING.replace(r#""mission_branch": "kitty/mission-m", "#, ""),
        );
        repo.commit_all("Lanes");
        repo.git(&["branch", "-D", MISSION]);
    }),
    ("planning_with_commits", |repo| {
        repo.write("kitty-specs/m/lanes.json", PLANNING);
        repo.commit_all("Lanes");
        on(repo, MISSION, |repo| drop(repo.write("n.txt", "new\n")));
    }),
    ("detached", |repo| drop(repo.git(&["checkout", "--quiet", "--detach"]))),
    ("another_branch", |repo| drop(repo.git(&["checkout", "--quiet", "-b", "other"]))),
    ("another_branch_with_more", |repo| {
        repo.git(&["checkout", "--quiet", "-b", "other"]);
        repo.write("a.txt", "of this branch\n");
        repo.commit_all("Other");
    }),
    ("mission_branch_elsewhere", |repo| drop(repo.git(&["worktree", "add", "--quiet", "../held", MISSION]))),
    ("mission_branch_here", |repo| drop(repo.git(&["checkout", "--quiet", MISSION]))),
    ("lanes_in_work_trees", |repo| {
        repo.write(".git/info/exclude", ".worktrees/\n*.log\n");
        for (place, branch) in [(".worktrees/m-lane-a", LANE_A), (".worktrees/m-lane-b", LANE_B)] {
            repo.git(&["worktree", "add", "--quiet", place, branch]);
            repo.write(&format!("{place}/debug.log"), "ignored\n");
        }
    }),
    ("target_and_mission_branch_elsewhere", |repo| {
        repo.git(&["checkout", "--quiet", "-b", "other"]);
        repo.git(&["worktree", "add", "--quiet", "../target", "main"]);
        repo.git(&["worktree", "add", "--quiet", "../held", MISSION]);
    }),
    ("new_files_in_nobodys_way", |repo| {
        repo.write("mine.txt", "mine\n");
        repo.write("dir/mine.txt", "mine\n");
    }),
    ("line_endings", |repo| {
        repo.write(".gitattributes", "*.txt text eol=crlf\n");
        repo.commit_all("Attributes");
        repo.git(&["rm", "--quiet", "--cached", "-r", "."]);
        repo.git(&["reset", "--quiet", "--hard"]);
    }),
    ("attributes_of_the_merge", |repo| {
        repo.write(".gitattributes", "shared.txt merge=union\n");
        repo.commit_all("Attributes");
        on(repo, LANE_B, |repo| drop(repo.write("shared.txt", "eins\n")));
    }),
    ("a_snapshot_that_git_knows", |repo| {
        repo.write("kitty-specs/m/status.json", "{}\n");
        repo.commit_all("Snapshot");
    }),
    ("a_snapshot_that_is_ignored", |repo| {
        repo.write(".gitignore", "status.json\n");
        repo.commit_all("Ignored");
        repo.write("kitty-specs/m/status.json", "{}\n");
    }),
    ("a_snapshot_that_git_does_not_know", |repo| drop(repo.write("kitty-specs/m/status.json", "{}\n"))),
    ("a_number_that_is_there", |repo| {
        repo.write(
            "kitty-specs/m/meta.json",
            "{\"status_phase\": \"1\", \"target_branch\": \"main\", \"mission_number\": 7}\n",
        );
        repo.write("kitty-specs/other/meta.json", "{\"mission_number\": \"041\"}\n");
        repo.commit_all("Numbers");
    }),
    ("another_one_with_a_number", |repo| {
        repo.write("kitty-specs/other/meta.json", "{\"mission_number\": 41}\n");
        repo.commit_all("Numbers");
    }),
    ("a_manifest_in_an_odd_form", |repo| {
        repo.write(
            "kitty-specs/m/meta.json",
            "{\r\n\t\"status_phase\" :\"1\",\r\n\t\"target_branch\":\"main\", \"x\": 1.0e5}",
        );
        repo.commit_all("Manifest");
    }),
    ("done_already", |repo| {
        let done = |wp| step_at(wp, "approved", "done", 5, "");
        repo.write(LOG, approved("WP01") + &approved("WP02") + &done("WP01") + &done("WP02"));
        repo.commit_all("Done");
    }),
    ("a_log_that_ends_in_no_line", |repo| {
        repo.write(LOG, (approved("WP01") + &approved("WP02")).trim_end());
        repo.commit_all("Log");
    }),
    ("hooks_that_let_everything_pass", |repo| {
        for hook in [
            "pre-commit",
            "pre-merge-commit",
            "prepare-commit-msg",
            "commit-msg",
            "post-merge",
            "post-commit",
            "pre-rebase",
            "post-rewrite",
            "reference-transaction",
        ] {
            repo.write(&format!(".git/hooks/{hook}"), "#!/bin/sh\nexit 0\n");
            executable(repo, &format!(".git/hooks/{hook}"));
        }
    }),
    ("a_directory_for_a_file", |repo| {
        repo.write("thing", "a file\n");
        repo.write("other/thing", "in a directory\n");
        repo.commit_all("Things");
        again(repo);
        on(repo, LANE_A, |repo| {
            repo.git(&["rm", "--quiet", "-r", "thing", "other"]);
            repo.write("thing/one", "now in a directory\n");
            repo.write("other", "now a file\n");
        });
    }),
];

const PLANNING: &str = r#"{"version": 1, "mission_branch": "kitty/mission-m", "lanes": [{"lane_id": "lane-planning", "wp_ids": ["WP01", "WP02"], "depends_on_lanes": []}]}
"#;

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
