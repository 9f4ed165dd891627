//! What a preflight concluded: of `check`, and of `merge --dry-run`.

use serde_json::{Map, Value, json};

use crate::check::Stage;
use crate::finding::Finding;
use crate::item::Unanswered;
use crate::merge::forecast::{Forecast, LaneOutcome, TargetForecast};
use crate::merge::land::CleanUp;
use crate::merge::scope::MergeScope;
use crate::run::{CheckResult, verdict};
use crate::severity::{Severity, Verdict};

/// The schema of [`Preflight::account`].
pub const CHECK_SCHEMA: &str = "clearance.check/v1";

/// A preflight that ran.
#[derive(Debug)]
pub struct Preflight {
    /// The step that is gated.
    pub stage: Stage,
    /// The mission, where there is one.
    pub mission: Option<String>,
    /// One a check, in the order of the registry.
    pub results: Vec<CheckResult>,
    /// What the rules say that the change itself would bring: shown, and not counted.
    pub proposed: Vec<CheckResult>,
    /// What is compared with, where only what is new counts.
    pub baseline: Option<Baseline>,
}

/// A commit whose findings do not count any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baseline {
    /// As it was named.
    pub name: String,
    /// Its object.
    pub commit: String,
}

impl Preflight {
    /// What it concluded; `None` when nothing was evaluated.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        verdict(&self.results)
    }

    /// Every finding, with its check, blockers first.
    #[must_use]
    pub fn findings(&self) -> Vec<(&'static str, &Finding)> {
        let mut all: Vec<_> = self
            .results
            .iter()
            .flat_map(|result| result.findings.iter().map(|finding| (result.id, finding)))
            .collect();
        all.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.severity()));
        all
    }

    /// What could not be told, with the check.
    pub fn unanswered(&self) -> impl Iterator<Item = (&'static str, &Unanswered)> {
        self.results.iter().flat_map(|result| result.unanswered.iter().map(|why| (result.id, why)))
    }

    /// How many findings of a severity count: those that are waived, or known, do not.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.of(severity).len()
    }

    fn of(&self, severity: Severity) -> Vec<Value> {
        let counts = |finding: &Finding| finding.severity() == severity && finding.counts();
        let of_it = self.findings().into_iter().filter(|(_, finding)| counts(finding));
        of_it.map(|(_, finding)| json!(finding)).collect()
    }

    /// The rich account, schema [`CHECK_SCHEMA`].
    #[must_use]
    pub fn account(&self, exit_code: u8) -> Value {
        let mut account = json!({
            "schema": CHECK_SCHEMA,
            "command": "check",
            "exit_code": exit_code,
            "stage": self.stage,
            "mission": self.mission,
            "verdict": self.verdict(),
            "blockers": self.of(Severity::Blocker).len(),
            "warnings": self.of(Severity::Warning).len(),
            "checks": self.results.iter().map(of_check).collect::<Vec<_>>(),
            "proposed": self.proposed.iter().map(of_check).collect::<Vec<_>>(),
        });
        if let Some(baseline) = &self.baseline {
            account["baseline"] =
                json!({ "name": baseline.name, "commit": baseline.commit, "known": self.known() });
        }
        account
    }

    /// How many findings were there already at the commit that is compared with.
    #[must_use]
    pub fn known(&self) -> usize {
        self.findings().iter().filter(|(_, finding)| finding.known_at().is_some()).count()
    }

    /// The contract of `merge --dry-run --json`.
    #[must_use]
    pub fn contract(&self, merge: &MergeScope, forecast: Option<&Forecast>, number: Option<u64>) -> Value {
        let ready = self.verdict() == Some(Verdict::Cleared);
        let blockers = self.of(Severity::Blocker);
        let mut out = Map::new();
        let mut put = |key: &str, value: Value| out.insert(key.to_owned(), value);
        put("ready", ready.into());
        if !ready {
            put("blocker", blockers.first().map_or(Value::Null, |first| first["code"].clone()));
            put("blockers", blockers.clone().into());
            let undecided: Vec<_> = self
                .unanswered()
                .map(|(check, why)| json!({ "check": check, "message": why.in_words() }))
                .collect();
            put("undecided", undecided.into());
            if let Some(missing) = blockers.iter().find(|blocker| blocker["code"] == "missing_mission_branch")
            {
                put("expected_branch", missing["item"].clone());
                put("remediation", missing["remediation"].clone());
            } else if let Some(first) = blockers.first() {
                put("remediation", first["remediation"].clone());
            }
        }
        put("warnings", self.of(Severity::Warning).into());
        let waived: Vec<_> = self
            .findings()
            .into_iter()
            .filter(|(_, finding)| finding.waived().is_some())
            .map(|(_, finding)| json!(finding))
            .collect();
        if !waived.is_empty() {
            put("waived", waived.into());
        }
        put("mission_slug", self.mission.clone().into());
        put("target_branch", merge.target.as_str().into());
        put("strategy", json!(merge.options.strategy));
        put("mission_branch", merge.mission_branch.clone().into());
        put("lanes", json!(merge.lanes));
        put("would_assign_mission_number", number.into());
        put("delete_branch", merge.options.delete_branch.into());
        put("remove_worktree", merge.options.remove_worktree.into());
        put("push", merge.options.push.into());
        if let Some(forecast) = forecast.filter(|_| ready) {
            put("plan", plan_of(forecast));
            put("forecast", forecast_of(forecast));
        }
        Value::Object(out)
    }
}

fn of_check(result: &CheckResult) -> Value {
    json!({
        "id": result.id,
        "verdict": result.verdict(),
        "applicable": result.applicable,
        "waits_for": result.waits_for,
        "skipped": result.skipped,
        "failure": result.failure(),
        "unanswered": result.unanswered.iter().map(unanswered).collect::<Vec<_>>(),
        "items": result.items,
        "findings": result.findings,
        "milliseconds": millis(result),
    })
}

fn unanswered(why: &Unanswered) -> Value {
    json!({ "code": why.code, "message": why.message, "help": why.help, "excerpts": why.excerpts })
}

fn millis(result: &CheckResult) -> f64 {
    (result.took.as_secs_f64() * 10_000.0).round() / 10.0
}

fn plan_of(forecast: &Forecast) -> Value {
    let CleanUp { branches, work_trees, backup, kept } = &forecast.clean_up;
    let branches = branches.iter().map(|(branch, _)| branch.as_str()).collect::<Vec<_>>();
    let work_trees = work_trees.iter().map(|tree| tree.root.to_string_lossy()).collect::<Vec<_>>();
    json!({
        "id": forecast.plan_id,
        "refs": forecast.moves,
        "clean_up": {
            "branches": branches,
            "work_trees": work_trees,
            "backup": backup.as_ref().map(|(name, _)| name),
            "kept": kept,
        },
    })
}

fn forecast_of(forecast: &Forecast) -> Value {
    let lanes = forecast.lanes.iter().map(|lane| {
        let outcome = match &lane.outcome {
            LaneOutcome::AlreadyIn => "already_in",
            LaneOutcome::Clean => "merges",
            LaneOutcome::Conflicts { .. } => "conflicts",
            LaneOutcome::NoBranch => "no_branch",
        };
        json!({ "lane_id": lane.lane_id, "branch": lane.branch, "outcome": outcome })
    });
    let (target, merged) = match &forecast.target {
        TargetForecast::AlreadyIn => ("already_in", None),
        TargetForecast::Clean { tree } => ("merges", Some(tree)),
        TargetForecast::Conflicts(_) => ("conflicts", None),
        TargetForecast::NotAsked => ("nothing_to_merge", None),
    };
    let changes = forecast
        .changes
        .iter()
        .map(|change| json!({ "change": change.letter.to_string(), "path": change.path.to_string_lossy() }));
    json!({
        "lanes": lanes.collect::<Vec<_>>(),
        "target": target,
        "tree": forecast.recorded.tree,
        "merged_tree": merged,
        "mission_number": forecast.recorded.number,
        "done": forecast.recorded.done,
        "merged_by_meaning": forecast.by_meaning,
        "changes": changes.collect::<Vec<_>>(),
    })
}
