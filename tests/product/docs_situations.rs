//! What a line of a page is said in: situations, and how those are made that take more than a command.

use crate::push_support::{PUSH, back, goes_away};
use crate::ready::{LANE_B, approved};
use crate::remotes::apart;
use crate::support::{LOG, TestRepo, run, step, step_at};

/// A line of a page, and when it is said.
pub(crate) struct Way {
    /// The line, as the page has it.
    pub(crate) line: &'static str,
    /// The code that it ends.
    pub(crate) code: &'static str,
    /// What is done to a mission that is ready.
    pub(crate) made: Made,
    /// Where it is asked, from the top of the repository.
    pub(crate) place: &'static str,
    /// Whether the product says it. Else it is what a page adds.
    pub(crate) said: bool,
    /// What it is asked with.
    pub(crate) more: &'static [&'static str],
    /// What comes of it.
    pub(crate) then: Then,
}

/// How a situation is made.
pub(crate) enum Made {
    /// As a situation of that name in `blockers.rs`.
    As(&'static str),
    /// By commands.
    By(&'static str),
    /// By a function.
    With(fn(&TestRepo)),
}

/// What comes of a pasted line.
#[derive(PartialEq, Eq)]
pub(crate) enum Then {
    /// It ends what was found.
    ItIsGone,
    /// It goes well, and shows something, or is one step of several.
    ItStays,
    /// It stops where a person must decide.
    AsksAPerson,
}

pub(crate) const fn way(code: &'static str, line: &'static str, made: Made, then: Then) -> Way {
    Way { line, code, made, place: "", said: true, more: &[], then }
}

pub(crate) const fn with(more: &'static [&'static str], way: Way) -> Way {
    Way { more, ..way }
}

pub(crate) fn log(repo: &TestRepo, lines: &str) {
    repo.write(LOG, lines);
    repo.commit_all("Log");
}

/// WP01 was approved by who worked on it, where the team wants two pairs of eyes.
pub(crate) fn approved_by_oneself(repo: &TestRepo, more: &str) {
    repo.write(
        "rules.d/r.yaml",
        "schema: clearance.rule/v1\nid: review-consistency\nparams: { four_eyes: true }\n",
    );
    let approval = approved("WP01").replace("\"reviewer\": \"r\"", "\"reviewer\": \"ann\"");
    let approval = approval.replace("00:00:01.", "00:00:05.").replace("WP0101", "WP0105");
    log(repo, &(step("WP01", "planned", "claimed") + &approval + more));
}

pub(crate) fn second_package(repo: &TestRepo, lanes: &[&str]) {
    let steps = lanes.windows(2).zip(1..).map(|(pair, second)| step_at("WP02", pair[0], pair[1], second, ""));
    log(repo, &(approved("WP01") + &steps.collect::<String>()));
}

/// The log is on a branch of its own, which nothing has checked out, and is broken.
pub(crate) fn broken_on_a_branch(repo: &TestRepo) {
    repo.write(
        "kitty-specs/m/meta.json",
        r#"{"status_phase": "1", "topology": "coord", "coordination_branch": "kitty/mission-m-coord", "mission_id": "01KQW4DFAWRMK2PM22CHZYBJ26", "target_branch": "main"}"#,
    );
    repo.git(&["rm", "--quiet", LOG]);
    repo.commit_all("State elsewhere");
    repo.git(&["checkout", "--quiet", "-b", "kitty/mission-m-coord"]);
    repo.write("kitty-specs/m-01KQW4DF/status.events.jsonl", "<<<<<<< HEAD\n");
    repo.commit_all("State");
    repo.git(&["checkout", "--quiet", "main"]);
}

/// A merge that is complete here, and that the remote did not take.
pub(crate) fn not_pushed(repo: &TestRepo) {
    apart(repo, 0, 0);
    goes_away(repo);
    assert_eq!(run(repo, &PUSH).code, 1);
    back(repo);
}

pub(crate) fn sent_back_on_a_lane(repo: &TestRepo) {
    repo.git(&["checkout", "--quiet", LANE_B]);
    repo.write(LOG, repo.read(LOG) + &step_at("WP02", "approved", "in_progress", 9, ""));
    repo.commit_all("Sent back");
    repo.git(&["checkout", "--quiet", "main"]);
}

/// Lines of pages that need what not every machine gives: the test that pastes or reads them.
pub(crate) const ELSEWHERE: [(&str, &str); 2] = [
    ("ls -ld FILE", "permissions hold for nobody as root: no_entry.rs, blockers.rs"),
    ("while kill -0 PID 2> /dev/null; do sleep 1; done", "a process that is at work: ways_out.rs"),
];

/// A merge that is killed when it has begun: by a hook, which ends who waits for it.
pub(crate) const KILLED: &str = "printf '#!/bin/sh\\nkill -9 $PPID $(ps -o ppid= -p $PPID)\\n' > .git/hooks/post-merge && chmod +x .git/hooks/post-merge
! clearance merge --mission m > /dev/null 2>&1; rm .git/hooks/post-merge";

/// The same, before the target has moved: the transaction in which it would is never ended.
pub(crate) const KILLED_EARLIER: &str = "printf '#!/bin/sh\\ntest \"$1\" = prepared && grep -q refs/heads/main && kill -9 $(ps -o ppid= -p $PPID) $PPID\\nexit 0\\n' > .git/hooks/reference-transaction
chmod +x .git/hooks/reference-transaction
! clearance merge --mission m > /dev/null 2>&1; rm -f .git/hooks/reference-transaction";
