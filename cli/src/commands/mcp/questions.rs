//! What may be asked of each tool: parameters with the names and the meaning of the command's options, and no others. What grants
//! something, writes elsewhere or leads out of the repository is no parameter.

use schemars::JsonSchema;
use serde::Deserialize;

use super::tools::{ASKS, Hints, LOOKS, Question, Told, Words};

/// Parameters of `check`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Check {
    /// The mission, by directory, id, name or number; the one that the current branch is about when absent
    mission: Option<String>,
    /// The step that is to be taken; `merge` when absent
    #[schemars(extend("enum" = ["mark-status", "commit", "merge", null]))]
    stage: Option<String>,
    /// Run only the check or rule with this id
    rule: Option<String>,
    /// How the mission branch gets onto the target; as configured when absent, else `squash`
    #[schemars(extend("enum" = ["merge", "squash", "rebase", null]))]
    strategy: Option<String>,
    /// The branch to merge into; that of meta.json when absent, else the repository's default branch
    target: Option<String>,
    /// Whether the target is to be pushed when it is merged: the remote must then be reachable, and not ahead
    #[serde(default)]
    push: bool,
    /// Ask the remote where the target is; nothing is fetched
    #[serde(default)]
    fetch: bool,
    /// Stop at the first check that blocks or cannot look
    #[serde(default)]
    fail_fast: bool,
}

impl Question for Check {
    const TOLD: Told = Told {
        name: "check",
        title: "Is the repository cleared?",
        about: "Runs every check and rule of a step (mark-status, commit, merge) and changes nothing. `answer.verdict` is \
        cleared, blocked or undecided; each finding has a code, a place and a remediation, which is a command that works when pasted.",
        hints: ASKS,
    };

    fn words(self) -> Words {
        Words::of(&["check"])
            .option("mission", self.mission.as_ref())
            .option("stage", self.stage.as_ref())
            .option("rule", self.rule.as_ref())
            .option("strategy", self.strategy.as_ref())
            .option("target", self.target.as_ref())
            .switch("push", self.push)
            .switch("fetch", self.fetch)
            .switch("fail-fast", self.fail_fast)
    }
}

/// Parameters of `merge_dry_run`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MergeDryRun {
    /// The mission, by directory, id, name or number; the one that the current branch is about when absent
    mission: Option<String>,
    /// How the mission branch gets onto the target; as configured when absent, else `squash`
    #[schemars(extend("enum" = ["merge", "squash", "rebase", null]))]
    strategy: Option<String>,
    /// The branch to merge into; that of meta.json when absent, else the repository's default branch
    target: Option<String>,
    /// Whether the target is to be pushed when it is merged: the remote must then be reachable, and not ahead
    #[serde(default)]
    push: bool,
    /// Ask the remote where the target is; nothing is fetched
    #[serde(default)]
    fetch: bool,
    /// The branches are to be kept
    #[serde(default)]
    keep_branch: bool,
    /// The work trees are to be kept
    #[serde(default)]
    keep_worktree: bool,
}

impl Question for MergeDryRun {
    const TOLD: Told = Told {
        name: "merge_dry_run",
        title: "What would a merge do?",
        about: "Says whether a mission is cleared for its merge, with all blockers, and what the merge would do: lanes, \
        conflicts, files, number. Changes nothing. There is no tool that merges: a person does, with `clearance merge`.",
        hints: ASKS,
    };

    fn words(self) -> Words {
        Words::of(&["merge", "--dry-run"])
            .option("mission", self.mission.as_ref())
            .option("strategy", self.strategy.as_ref())
            .option("target", self.target.as_ref())
            .switch("push", self.push)
            .switch("fetch", self.fetch)
            .switch("keep-branch", self.keep_branch)
            .switch("keep-worktree", self.keep_worktree)
    }
}

/// Parameters of `status`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Status {
    /// The mission, by directory, id, name or number; the one that the current branch is about when absent, else all of them
    mission: Option<String>,
    /// Every mission, in short, the last active first
    #[serde(default)]
    all: bool,
}

impl Question for Status {
    const TOLD: Told = Told {
        name: "status",
        title: "Where is the work?",
        about: "Tells where the work packages of a mission are, which tasks are open, and what does not agree; or every \
        mission in short. Changes nothing.",
        hints: LOOKS,
    };

    fn words(self) -> Words {
        Words::of(&["status"]).option("mission", self.mission.as_ref()).switch("all", self.all)
    }
}

/// Parameters of `mark_status`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MarkStatus {
    /// Tasks: T001, lists (T001,T002), ranges (T001-T005), work packages (WP02), with a mission before them if you like (SLUG:T001)
    #[schemars(length(min = 1))]
    ids: Vec<String>,
    /// The state they get
    #[schemars(extend("enum" = ["done", "pending"]))]
    status: String,
    /// The mission, by directory, id, name or number; the one that the current branch is about when absent
    mission: Option<String>,
    /// Say what would change, and change nothing
    #[serde(default)]
    dry_run: bool,
    /// Exit code 1 unless every task was found
    #[serde(default)]
    strict: bool,
    /// Whether the files that this writes are committed; as configured when absent
    auto_commit: Option<bool>,
}

impl Question for MarkStatus {
    const TOLD: Told = Told {
        name: "mark_status",
        title: "Mark tasks",
        about: "Marks tasks as done or pending, where they are recorded. `answer.results` tells for each ID whether it was \
        updated, already_satisfied or not_found, and why.",
        hints: Hints { reads_only: false, idempotent: true, open: true },
    };

    fn words(self) -> Words {
        Words::of(&["mark-status"])
            .option("status", Some(&self.status))
            .option("mission", self.mission.as_ref())
            .switch("dry-run", self.dry_run)
            .switch("strict", self.strict)
            .commit(self.auto_commit)
            .behind(self.ids)
    }
}

/// Parameters of `move`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Move {
    /// The work package, with a mission before it if you like: WP01, SLUG:WP01
    work_package: String,
    /// The lane: planned, claimed, in_progress, for_review, in_review, approved, done, blocked, canceled
    to: String,
    /// The mission, by directory, id, name or number; the one that the current branch is about when absent
    mission: Option<String>,
    /// Who moves it; git's user.name when absent
    actor: Option<String>,
    /// Why
    reason: Option<String>,
    /// Who reviewed. Never guessed
    reviewer: Option<String>,
    /// Where the approval can be read: a pull request, a commit, a file
    evidence: Option<String>,
    /// What the review said; follows from the lane where it must
    #[schemars(extend("enum" = ["approved", "changes_requested", null]))]
    verdict: Option<String>,
    /// Where a review that asks for changes can be read
    review_ref: Option<String>,
    /// Pass over the rules, which is recorded. Refused without `actor` and `reason`
    #[serde(default)]
    force: bool,
    /// Note who is to do the work
    assignee: Option<String>,
    /// Note the model that does the work
    model: Option<String>,
    /// Note the agent profile that does the work
    profile: Option<String>,
    /// Note tickets elsewhere, such as `#1298`
    #[serde(default)]
    tracker_ref: Vec<String>,
    /// Say what would change, and change nothing
    #[serde(default)]
    dry_run: bool,
    /// Whether the files that this writes are committed; as configured when absent
    auto_commit: Option<bool>,
}

impl Question for Move {
    const TOLD: Told = Told {
        name: "move",
        title: "Move a work package",
        about: "Moves a work package to another lane, by the rules. A refusal says what is missing, and the next step that is \
        allowed.",
        hints: Hints { reads_only: false, idempotent: false, open: true },
    };

    fn words(self) -> Words {
        Words::of(&["move"])
            .option("to", Some(&self.to))
            .option("mission", self.mission.as_ref())
            .option("actor", self.actor.as_ref())
            .option("reason", self.reason.as_ref())
            .option("reviewer", self.reviewer.as_ref())
            .option("evidence", self.evidence.as_ref())
            .option("verdict", self.verdict.as_ref())
            .option("review-ref", self.review_ref.as_ref())
            .option("assignee", self.assignee.as_ref())
            .option("model", self.model.as_ref())
            .option("profile", self.profile.as_ref())
            .options("tracker-ref", &self.tracker_ref)
            .switch("force", self.force)
            .switch("dry-run", self.dry_run)
            .commit(self.auto_commit)
            .behind([self.work_package])
    }
}

/// Parameters of `explain`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Explain {
    /// A check, a rule, a strategy, a code or an exit code; all of them in short when absent
    id: Option<String>,
}

impl Question for Explain {
    const TOLD: Told = Told {
        name: "explain",
        title: "What does a word mean?",
        about: "Tells what a check, rule, strategy, code or exit code means, and how to get past it. Changes nothing.",
        hints: LOOKS,
    };

    fn words(self) -> Words {
        Words::of(&["explain"]).behind(self.id)
    }
}

/// Parameters of `rules_list`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RulesList {
    /// Only what gates this step
    #[schemars(extend("enum" = ["mark-status", "commit", "merge", null]))]
    stage: Option<String>,
}

impl Question for RulesList {
    const TOLD: Told = Told {
        name: "rules_list",
        title: "Which checks and rules are there?",
        about: "Lists every check and strategy, and the rules of the repository, with what each asks. Changes nothing.",
        hints: LOOKS,
    };

    fn words(self) -> Words {
        Words::of(&["rules", "list"]).option("stage", self.stage.as_ref())
    }
}
