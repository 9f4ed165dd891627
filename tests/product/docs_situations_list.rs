//! For each line that a page of a check shows: the situation in which the product says it, and what becomes of it.

use crate::docs_situations::Made::{As, By, With};
use crate::docs_situations::Then::{AsksAPerson, ItIsGone, ItStays};
use crate::docs_situations::{
    KILLED, KILLED_EARLIER, Way, approved_by_oneself, broken_on_a_branch, log, not_pushed, second_package,
    sent_back_on_a_lane, way, with,
};
use crate::ready::approved;
use crate::remotes::apart;
use crate::support::{LOG, step, step_at};

/// Every line but those.
pub(crate) const SITUATIONS: &[Way] = &[
    way("dirty_worktree", "git -C DIR stash push --message 'Before the merge'", As("unstaged"), ItIsGone),
    way(
        "dirty_worktree",
        "git -C DIR add --update && git -C DIR stash push --message 'Before the merge'",
        As("conflict_left_behind"),
        ItIsGone,
    ),
    way(
        "dirty_worktree",
        "git -C DIR add -- FILES && git -C DIR commit -m 'Record the state of MISSION' -- FILES",
        By("echo more >> kitty-specs/m/tasks.md"),
        ItIsGone,
    ),
    way(
        "dirty_worktree",
        "git -C DIR/SUB stash push --message 'Before the merge'",
        As("submodule_changed"),
        ItIsGone,
    ),
    way(
        "dirty_worktree",
        "git -C DIR/SUB branch --force \"before-the-merge-$(git -C DIR/SUB rev-parse --short HEAD)\"",
        As("submodule_at_another_commit"),
        ItIsGone,
    ),
    way("dirty_worktree", "git -C DIR restore --staged -- SUB", As("submodule_at_another_commit"), ItIsGone),
    way(
        "dirty_worktree",
        "git -C DIR submodule update --checkout -- SUB",
        As("submodule_at_another_commit"),
        ItIsGone,
    ),
    way(
        "dirty_lane_worktree",
        "git -C DIR stash push --include-untracked --message 'Before the merge'",
        As("lane_worktree_new_file"),
        ItIsGone,
    ),
    way(
        "hidden_change",
        "git -C DIR update-index --no-assume-unchanged -- FILE && git -C DIR update-index --no-skip-worktree -- FILE",
        As("hidden_by_skip_worktree"),
        ItIsGone,
    ),
    way(
        "lane_worktree_on_other_branch",
        "git -C DIR switch BRANCH",
        By("git worktree add --quiet -b other .worktrees/m-lane-a main"),
        ItIsGone,
    ),
    way(
        "lane_worktree_on_other_branch",
        "git -C DIR branch --force \"before-the-merge-$(git -C DIR rev-parse --short HEAD)\" && git -C DIR switch BRANCH",
        As("lane_worktree_elsewhere"),
        ItIsGone,
    ),
    way(
        "lane_worktree_on_other_branch",
        "git -C MAIN worktree prune && git -C DIR switch BRANCH",
        By(
            "git worktree add --quiet ../gone kitty/mission-m-lane-a && rm -r ../gone\ngit worktree add --quiet -b other .worktrees/m-lane-a main",
        ),
        ItIsGone,
    ),
    way(
        "lane_worktree_unreachable",
        "git -C DIR worktree list --porcelain",
        By("git worktree add --quiet ../gone kitty/mission-m-lane-a && rm -r ../gone"),
        ItStays,
    ),
    way("untracked_obstruction", "mv -n DIR/FILE DIR/FILE.mine", As("untracked_in_the_way"), ItIsGone),
    way(
        "lane_conflict",
        "git -C DIR worktree add --quiet DIR/.worktrees/MISSION-LANE BRANCH && git -C DIR/.worktrees/MISSION-LANE merge --no-edit refs/heads/OTHER",
        As("lanes_conflict"),
        AsksAPerson,
    ),
    way(
        "target_conflict",
        "git -C DIR worktree add --quiet DIR/.worktrees/MISSION-mission MISSION_BRANCH && git -C DIR/.worktrees/MISSION-mission merge --no-edit refs/heads/TARGET",
        As("target_conflicts"),
        ItIsGone,
    ),
    with(
        &["--strategy", "rebase"],
        way(
            "target_conflict",
            "clearance merge --dry-run --mission MISSION --target TARGET --strategy squash",
            As("target_conflicts"),
            AsksAPerson,
        ),
    ),
    way(
        "merge_in_progress",
        "git -C DIR add --update && git -C DIR stash push --message 'Before giving up: merge' && { { test ! -e DIR/.git/MERGE_HEAD; } || git -C DIR merge --abort; }",
        As("merge_under_way"),
        ItIsGone,
    ),
    way(
        "operation_in_progress",
        "git -C DIR add --update && git -C DIR stash push --message 'Before giving up: rebase' && git -C DIR rebase --abort",
        By(
            "sed -i.old s/one/eins/ shared.txt && rm shared.txt.old && git commit --quiet --all --message eins\n! git rebase --quiet main kitty/mission-m-lane-a 2> /dev/null",
        ),
        ItIsGone,
    ),
    way("operation_in_progress", "git -C DIR bisect reset", As("bisect_under_way"), ItIsGone),
    way("merge_interrupted", "clearance merge --resume", By(KILLED), ItIsGone),
    Way { said: false, ..way("merge_interrupted", "clearance merge --abort", By(KILLED_EARLIER), ItIsGone) },
    way("merge_not_pushed", "clearance merge --resume --mission MISSION", With(not_pushed), ItIsGone),
    way("index_locked", "rm -f DIR/.git/index.lock", As("index_locked"), ItIsGone),
    way("detached_head", "git -C DIR switch BRANCH", By("git checkout --quiet --detach"), ItIsGone),
    way("sparse_checkout", "git -C DIR sparse-checkout disable", As("sparse"), ItIsGone),
    way(
        "identity_missing",
        "git -C DIR config user.name 'Your Name' && git -C DIR config user.email you@example.com",
        By("git config --unset user.name; git config --unset user.email; git config user.useConfigOnly true"),
        ItIsGone,
    ),
    Way {
        place: "../shallow",
        ..way(
            "shallow_clone",
            "git -C DIR fetch --unshallow",
            By("git clone --quiet --no-local --depth 1 --no-single-branch . ../shallow"),
            ItIsGone,
        )
    },
    way(
        "missing_lane_branch",
        "git -C DIR branch --track BRANCH REMOTE/BRANCH",
        By(
            "git clone --quiet --bare . ../origin.git && git remote add origin ../origin.git && git fetch --quiet origin && git branch -D kitty/mission-m-lane-b",
        ),
        ItIsGone,
    ),
    way("missing_lane_branch", "git -C DIR branch BRANCH COMMIT", As("lane_branch_gone"), ItIsGone),
    way(
        "missing_lane_branch",
        "git -C DIR fsck --no-reflogs --lost-found",
        By("git branch -D kitty/mission-m-lane-b && git reflog expire --expire=all --all"),
        ItStays,
    ),
    way(
        "unlisted_lane_branch",
        "git -C DIR log --oneline TARGET..BRANCH",
        By(
            "git checkout --quiet -b kitty/mission-m-lane-c && git commit --quiet --allow-empty --message c && git checkout --quiet main",
        ),
        ItStays,
    ),
    way("missing_mission_branch", "git branch BRANCH COMMIT", As("missing_mission_branch"), ItIsGone),
    way(
        "missing_mission_branch",
        "git branch --move OTHER away-OTHER && git branch BRANCH COMMIT",
        By("git branch -D kitty/mission-m && git branch kitty/mission-m/x main"),
        ItIsGone,
    ),
    way(
        "missing_mission_branch",
        "git -C DIR branch --track BRANCH REMOTE/BRANCH",
        As("branch_on_the_remote_only"),
        ItIsGone,
    ),
    way(
        "lanes_invalid",
        "mv -n FILE FILE.away && git -C DIR checkout -- FILE",
        By("rm kitty-specs/m/lanes.json && mkdir kitty-specs/m/lanes.json"),
        ItIsGone,
    ),
    way(
        "meta_invalid",
        "${EDITOR:-vi} +LINE DIR/kitty-specs/MISSION/meta.json",
        By("printf '{\\n1\\n' > kitty-specs/m/meta.json"),
        ItStays,
    ),
    way(
        "lanes_invalid",
        "${EDITOR:-vi} +LINE DIR/kitty-specs/MISSION/lanes.json",
        By("printf '{\\n1\\n' > kitty-specs/m/lanes.json"),
        ItStays,
    ),
    way(
        "snapshot_invalid",
        "clearance status --materialize --mission MISSION",
        By("echo '{' > kitty-specs/m/status.json && git add . && git commit --quiet --message Snapshot"),
        ItIsGone,
    ),
    way(
        "review_rejected",
        "clearance move WPnn --to in_progress --mission MISSION --review-ref 'the last review'",
        As("rejected_in_the_log"),
        ItIsGone,
    ),
    way(
        "review_rejected",
        "clearance move WPnn --to in_progress --mission MISSION --force --actor NAME --reason 'its review asked for changes'",
        With(|repo| {
            let result =
                r#", "review_result": {"reviewer": "r", "verdict": "changes_requested", "reference": "x"}"#;
            log(repo, &(approved("WP01") + &step_at("WP02", "in_review", "done", 2, result)));
        }),
        ItIsGone,
    ),
    way(
        "review_schema_invalid",
        "${EDITOR:-vi} +LINE FILE",
        By(
            "mkdir kitty-specs/m/tasks/WP02-b && printf -- '---\\nVerdict: x\\n---\\n' > kitty-specs/m/tasks/WP02-b/review-cycle-1.md && git add . && git commit --quiet --message Review",
        ),
        ItStays,
    ),
    way(
        "review_schema_invalid",
        "mv -n FILE FILE.away && git -C DIR checkout -- FILE",
        By(
            "mkdir kitty-specs/m/tasks/WP02-b && cd kitty-specs/m/tasks/WP02-b && printf -- '---\\nverdict: approved\\n---\\n' > review-cycle-1.md && git add . && git commit --quiet --message Review && rm review-cycle-1.md && mkdir review-cycle-1.md",
        ),
        ItIsGone,
    ),
    way(
        "review_not_independent",
        "clearance move WPnn --to in_progress --mission MISSION --review-ref 'to be approved by somebody else'",
        With(|repo| approved_by_oneself(repo, "")),
        ItIsGone,
    ),
    way(
        "review_not_independent",
        "clearance move WPnn --to in_progress --mission MISSION --force --actor NAME --reason 'somebody else must approve it'",
        With(|repo| approved_by_oneself(repo, &step_at("WP01", "approved", "done", 7, ""))),
        ItIsGone,
    ),
    way("event_log_invalid", "${EDITOR:-vi} +LINE FILE", As("broken_log"), ItStays),
    way(
        "event_log_invalid",
        "git -C DIR worktree add --quiet WORKTREE BRANCH && ${EDITOR:-vi} +LINE WORKTREE/FILE",
        With(broken_on_a_branch),
        ItStays,
    ),
    way(
        "event_log_invalid",
        "mv -n FILE FILE.away && git -C DIR checkout -- FILE",
        By("rm kitty-specs/m/status.events.jsonl && mkdir kitty-specs/m/status.events.jsonl"),
        ItIsGone,
    ),
    way("event_log_missing", "git -C DIR log --all --oneline -- FILE", As("no_log"), ItStays),
    way(
        "event_log_behind",
        "git -C DIR switch TARGET",
        With(|repo| {
            repo.git(&["branch", "old"]);
            log(repo, &(repo.read(LOG) + &step_at("WP02", "approved", "in_progress", 9, "")));
            repo.git(&["checkout", "--quiet", "old"]);
        }),
        ItIsGone,
    ),
    way(
        "event_log_behind",
        "git -C DIR show refs/heads/BRANCH:LOG | grep --invert-match --line-regexp --fixed-strings --file=LOG >> LOG; git -C DIR commit --quiet -m 'Take over the events of BRANCH' -- LOG",
        With(sent_back_on_a_lane),
        ItIsGone,
    ),
    way(
        "event_log_uncommitted",
        "git -C DIR add --force -- status.events.jsonl && git -C DIR commit -m 'Record the state of the mission' -- status.events.jsonl",
        By(
            "git rm --quiet --cached kitty-specs/m/status.events.jsonl && git commit --quiet --message Without",
        ),
        ItIsGone,
    ),
    way(
        "event_log_not_merged",
        "git -C DIR log --oneline main kitty/mission-013 kitty/mission-013-lane-a kitty/mission-013-lane-b -- kitty-specs/013/status.events.jsonl",
        With(|repo| {
            log(repo, &(approved("WP01") + &step("WP02", "planned", "claimed")));
            repo.git(&["checkout", "--quiet", "-b", "apart"]);
            log(
                repo,
                &(approved("WP01")
                    + &step("WP02", "planned", "claimed")
                    + &step_at("WP02", "in_review", "approved", 5, "")),
            );
        }),
        ItStays,
    ),
    way(
        "event_log_torn",
        "clearance status --recover --mission MISSION",
        By("printf '{\"a' >> kitty-specs/m/status.events.jsonl && git commit --quiet --all --message Torn"),
        ItIsGone,
    ),
    way(
        "target_branch_missing",
        "git -C DIR branch --track TARGET REMOTE/TARGET",
        With(|repo| {
            apart(repo, 0, 0);
            repo.git(&["checkout", "--quiet", "-b", "other"]);
            repo.git(&["branch", "-D", "main"]);
        }),
        ItIsGone,
    ),
    way(
        "target_protected",
        "git -C DIR branch merge/MISSION TARGET && clearance merge --mission MISSION --target merge/MISSION",
        By(
            "mkdir .kittify && echo 'merge: { protected_branches: [main] }' > .kittify/config.yaml && git add . && git commit --quiet --message Settings && git branch --force kitty/mission-m",
        ),
        ItStays,
    ),
    with(
        &["--push"],
        way(
            "target_behind",
            "git -C DIR pull --ff-only REMOTE BRANCH",
            With(|repo| apart(repo, 1, 0)),
            ItIsGone,
        ),
    ),
    with(
        &["--push"],
        way(
            "target_behind",
            "git -C DIR fetch REMOTE BRANCH:TARGET",
            With(|repo| {
                apart(repo, 1, 0);
                repo.git(&["checkout", "--quiet", "-b", "other"]);
            }),
            ItIsGone,
        ),
    ),
    with(
        &["--push"],
        way(
            "target_diverged",
            "git -C DIR pull --no-rebase --no-edit REMOTE BRANCH",
            With(|repo| apart(repo, 1, 1)),
            ItIsGone,
        ),
    ),
    with(
        &["--push"],
        way(
            "target_diverged",
            "git -C DIR switch TARGET && git -C DIR pull --no-rebase --no-edit REMOTE BRANCH",
            With(|repo| {
                apart(repo, 1, 1);
                repo.git(&["checkout", "--quiet", "-b", "other"]);
            }),
            ItIsGone,
        ),
    ),
    with(
        &["--push"],
        way(
            "remote_unreachable",
            "git -C DIR ls-remote REMOTE",
            By("git remote add origin ../nowhere.git"),
            AsksAPerson,
        ),
    ),
    with(&["--push"], way("remote_unreachable", "git -C DIR remote add REMOTE URL", By("true"), ItStays)),
    way(
        "wp_not_approved",
        "clearance move WPnn --to planned --mission MISSION",
        With(|repo| log(repo, &approved("WP01"))),
        ItStays,
    ),
    way(
        "wp_not_approved",
        "clearance move WPnn --to claimed --mission MISSION --actor NAME",
        With(|repo| second_package(repo, &["genesis", "planned"])),
        ItStays,
    ),
    way(
        "wp_not_approved",
        "clearance move WPnn --to in_progress --mission MISSION",
        With(|repo| second_package(repo, &["planned", "claimed"])),
        ItStays,
    ),
    way(
        "wp_not_approved",
        "clearance move WPnn --to in_review --mission MISSION --actor NAME",
        With(|repo| second_package(repo, &["in_progress", "for_review"])),
        ItStays,
    ),
    way(
        "wp_not_approved",
        "clearance move WPnn --to approved --mission MISSION --reviewer NAME --evidence REFERENCE",
        With(|repo| second_package(repo, &["for_review", "in_review"])),
        ItIsGone,
    ),
    way(
        "wp_file_missing",
        "git -C DIR log --all --oneline -- 'kitty-specs/MISSION/tasks/WPnn-*'",
        As("no_file"),
        ItStays,
    ),
];
