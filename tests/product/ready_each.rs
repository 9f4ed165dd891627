//! Missions that are ready to merge, each in another way.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::ready::{LANE_A, LANE_B, MISSION, Made, approved, done};
use crate::support::{LOG, TestRepo, step_at};

/// Every way, under its name.
pub(crate) const READY: &[Made] = &[
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
