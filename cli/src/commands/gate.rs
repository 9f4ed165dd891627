//! Checks and rules, asked together: for a check by itself, a dry run and a merge there is no other list.

use clearance_engine::check::{Check, CheckContext, CheckError, CheckMeta, Findings, Stage};
use clearance_engine::item::Unanswered;
use clearance_engine::merge::scope::MergeScope;
use clearance_engine::merge::target::{in_full, main_line, said_otherwise};
use clearance_engine::mission::Mission;
use clearance_engine::mission::meta::Meta;
use clearance_engine::param::ParamValues;
use clearance_engine::registry::Registry;
use clearance_engine::repo::message::CommitMessage;
use clearance_engine::repo::{Git, Repo};
use clearance_engine::report::preflight::{Baseline, Preflight};
use clearance_engine::source::shell_quote;
use clearance_rules::team::document::live::{Live, Pushed, Subject};
use clearance_rules::team::files::{Origin, RULES_DIR, may_be_on};
use clearance_rules::team::gate::{self, Gate};
use clearance_rules::team::live_world::{Courier, Means, Session};
use clearance_rules::team::load::{self, RuleSet};
use clearance_rules::team::trust::Grants;
use clearance_rules::team::trust::store::Store;
#[cfg(feature = "sync")]
use clearance_rules::team::world::Reply;
use jiff::tz::TimeZone;

use crate::args::gate::MergeQuestion;
use crate::args::rules::{RulesFrom, RulesQuestion};
use crate::env::Env;
use crate::failure::Failure;
use crate::output::Problem;

/// What is asked about.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) repo: &'a Repo,
    pub(super) mission: Option<&'a Mission>,
    pub(super) merge: Option<&'a MergeScope>,
    pub(super) stage: Stage,
    /// Only this check or rule.
    pub(super) only: Option<&'a str>,
    /// The branch that work goes to, where it is known.
    pub(super) target: Option<&'a str>,
    /// The branch that was named on the command line.
    pub(super) named: Option<&'a str>,
    /// What is compared with, where only what is new counts.
    pub(super) baseline: Option<&'a Baseline>,
    /// The message of the commit that is about to be made, where it is known.
    pub(super) message: Option<&'a CommitMessage>,
    /// What is pushed, where the step is a push.
    pub(super) push: Option<Push<'a>>,
}

/// A push of commits to a branch.
#[derive(Clone, Copy)]
pub(super) struct Push<'a> {
    pub(super) pushed: &'a Pushed,
    /// Whether the branch is the target itself: its rules are those that it has at the remote.
    pub(super) to_target: bool,
}

/// A built-in check that is not asked: it looks at the work tree, which is not what is pushed. Its id stays known.
struct NotAsked(CheckMeta);

impl Check for NotAsked {
    fn meta(&self) -> &CheckMeta {
        &self.0
    }

    fn run(&self, _: CheckContext<'_>, _: &mut Findings<'_>) -> Result<(), CheckError> {
        unreachable!("it is of no stage")
    }
}

/// Every check and rule of a stage.
pub(super) fn ask(
    registry: &Registry,
    asked: Asked<'_>,
    question: &MergeQuestion,
    env: &Env,
) -> Result<Preflight, Failure> {
    let Asked { repo, mission, merge, stage, only, .. } = asked;
    let metas = built_in(registry);
    let Judges { origin, rules } = judges(asked, &question.rules, &metas, env)?;
    let now = env.stamp.now.to_string();
    let session = session(asked, &rules, &question.rules, env, &now)?;
    let context = CheckContext { repo, mission, merge, under_git: env.under_git, params: ParamValues::NONE };
    let idle: Vec<NotAsked> = metas.iter().map(|meta| NotAsked(CheckMeta { stages: &[], ..*meta })).collect();
    let checks: Vec<&dyn Check> = match asked.push {
        Some(_) => idle.iter().map(|check| check as &dyn Check).collect(),
        None => registry.checks().iter().map(|entry| entry.check).collect(),
    };
    let gate = Gate { built_in: &checks, rules: &rules, stage, fail_fast: question.fail_fast, only };
    let mut results = gate.ask(context, &session);
    if let Some(baseline) = asked.baseline {
        // What needs trust is not compared.
        let subject = Subject { at: Some(&baseline.commit), ..session.live().subject() };
        let means = Means { variables: &[], courier: None, offline: true };
        let then = Session::new(Live::new(subject), Grants::default(), means);
        clearance_rules::team::baseline::mark(&gate, context, &then, &baseline.commit, &mut results);
    }
    let shows_proposed = matches!(origin, Some(Origin::Branch(_))) && merge.is_some() && only.is_none();
    let gated = session.live().gated().ok().filter(|_| shows_proposed);
    let proposed = gated.and_then(|gated| gate::proposed(gated, &metas));
    let proposed =
        proposed.map(|proposed| gate.ask_proposed(context, &session, &proposed)).unwrap_or_default();
    let mission = mission.map(|mission| mission.slug().to_owned());
    Ok(Preflight { stage, mission, results, proposed, baseline: asked.baseline.cloned() })
}

/// The facts of the built-in checks.
pub(super) fn built_in(registry: &Registry) -> Vec<CheckMeta> {
    registry.checks().iter().map(|entry| *entry.check.meta()).collect()
}

/// The rules that count, and where they were read.
pub(super) struct Judges {
    pub(super) origin: Option<Origin>,
    /// Why there are none, where they are not known.
    pub(super) rules: Result<RuleSet, Unanswered>,
}

/// The rules that count for what is asked; the one that is named must be there.
pub(super) fn judges(
    asked: Asked<'_>,
    question: &RulesQuestion,
    built_in: &[CheckMeta],
    env: &Env,
) -> Result<Judges, Failure> {
    let origin = origin(asked, question, env)?;
    let rules = match no_judge(asked, origin.as_ref())? {
        Some(why) => Err(why),
        None => load(asked.repo, origin.as_ref(), built_in, env),
    };
    if let (Some(only), Ok(set)) = (asked.only, &rules) {
        known(only, built_in, set)?;
    }
    Ok(Judges { origin, rules })
}

/// The registry with the ways to find tasks that the repository has in `rules.d/`; and what is wrong with files that would
/// be one, which changes nothing about tasks that are found without them.
pub(super) fn with_resolvers(
    registry: &Registry,
    repo: &Repo,
    env: &Env,
) -> Result<(Registry, Vec<Problem>), Failure> {
    let main = if env.ci { main_line(repo)? } else { None };
    let asked = Asked {
        repo,
        mission: None,
        merge: None,
        stage: Stage::MarkStatus,
        only: None,
        target: main.as_deref(),
        named: None,
        baseline: None,
        message: None,
        push: None,
    };
    let question = RulesQuestion { rules_from: None, trust: Vec::new(), offline: false };
    let Some(origin) = origin(asked, &question, env)? else { return Ok((registry.clone(), Vec::new())) };
    match load::resolvers(repo, &origin) {
        Ok(mut set) => {
            let broken = set.broken.iter().map(|broken| Problem::unusable(&broken.why)).collect();
            Ok((registry.clone().with_strategies(set.take_strategies())?, broken))
        }
        Err(why) => Ok((registry.clone(), vec![Problem::unusable(&why)])),
    }
}

/// One run of rules: the document, what is trusted, and the means.
pub(super) fn session<'a>(
    asked: Asked<'a>,
    rules: &Result<RuleSet, Unanswered>,
    question: &RulesQuestion,
    env: &'a Env,
    now: &'a str,
) -> Result<Session<'a>, Failure> {
    let Asked { repo, mission, merge, stage, .. } = asked;
    let subject = Subject {
        repo,
        mission,
        merge,
        stage,
        target: asked.target,
        now,
        index: env.index.as_deref(),
        at: None,
        message: asked.message,
        pushed: asked.push.map(|push| push.pushed),
    };
    let mut grants = Grants::default();
    grants.add(question.trust.iter().cloned());
    let locked: Vec<String> = rules.iter().flat_map(|set| set.lock.grants()).collect();
    // A branch that nobody but the mission names could bring a lock of its own.
    let is_certain = || -> Result<bool, Failure> {
        Ok(asked.named.is_some() || asked.target.is_some() && main_line(repo)?.as_deref() == asked.target)
    };
    if !locked.is_empty() && is_certain()? {
        grants.add(locked);
    }
    if let Some(store) = store(env) {
        match store.grants(&Store::repository(repo)) {
            Ok(own) => grants.add(own),
            // What is not known is not trusted; rules that need no trust do not need this.
            Err(error) => grants.lacks(error.to_string()),
        }
    }
    let means = Means { variables: &env.variables, courier: courier(), offline: question.offline };
    Ok(Session::new(Live::new(subject), grants, means))
}

/// The way to servers; none in a build without `sync`.
#[cfg(feature = "sync")]
fn courier() -> Option<Courier<'static>> {
    use miette::Diagnostic as _;

    Some(&|request, token| {
        let question = clearance_sync::https::Question {
            url: &request.url,
            token,
            deadline: request.timeout,
            retries: request.retries,
            expect_status: &request.expect_status,
        };
        match clearance_sync::https::ask(&question) {
            Ok(reply) => Ok(Reply { status: reply.status, body: reply.body }),
            Err(error) => {
                Err(error.help().map_or_else(|| error.to_string(), |help| format!("{error}; {help}")))
            }
        }
    })
}

#[cfg(not(feature = "sync"))]
fn courier() -> Option<Courier<'static>> {
    None
}

/// The user's own grants.
pub(super) fn store(env: &Env) -> Option<Store> {
    Some(Store::at(env.state_home.as_ref()?.join("clearance").join("trust.json")))
}

/// The rules of a place; none where there is no place that could have any.
pub(super) fn load(
    repo: &Repo,
    origin: Option<&Origin>,
    built_in: &[CheckMeta],
    env: &Env,
) -> Result<RuleSet, Unanswered> {
    let today = env.stamp.now.to_zoned(TimeZone::UTC).date();
    origin.map_or_else(|| Ok(RuleSet::default()), |origin| RuleSet::load(repo, origin, built_in, today))
}

/// Rules that a command cannot do without.
pub(super) fn unreadable(why: &Unanswered) -> Failure {
    Failure::undecided("rules_unreadable", why.in_words())
}

/// Where the rules are read that count: a change must not weaken the gate that it has to pass.
pub(super) fn origin(
    asked: Asked<'_>,
    question: &RulesQuestion,
    env: &Env,
) -> Result<Option<Origin>, Failure> {
    // The branch that is pushed has other rules here already, where it changes them.
    if let Some(Push { pushed: Pushed { branch, base: Some(commit), .. }, to_target: true }) = asked.push {
        return Ok(Some(Origin::Commit { commit: commit.clone(), name: format!("{branch} at the remote") }));
    }
    let work_tree =
        || Origin::Directory { path: asked.repo.caller_root().join(RULES_DIR), name: RULES_DIR.to_owned() };
    Ok(match &question.rules_from {
        Some(RulesFrom::Directory(path)) => {
            let given = if path.is_absolute() { path.clone() } else { env.directory()?.join(path) };
            if !given.is_dir() {
                let message = format!("{} is no directory: there are no rules in it", path.display());
                let help = "give a directory with rules, or `base` or `head`";
                return Err(Failure::usage("no_rules", message, help));
            }
            Some(Origin::Directory {
                name: path.to_string_lossy().trim_end_matches('/').to_owned(),
                path: given,
            })
        }
        Some(RulesFrom::Head) => Some(work_tree()),
        None if asked.stage != Stage::Merge && !env.ci => Some(work_tree()),
        Some(RulesFrom::Base) | None => base(asked)?.map(Origin::Branch),
    })
}

/// The branch whose rules count. A repository without a commit has none; where a target is missing, the check of the target
/// says so.
fn base(asked: Asked<'_>) -> Result<Option<String>, Failure> {
    let Some(target) = asked.target.map(str::to_owned) else { return Ok(None) };
    let is_missing = in_full(asked.repo, &target)?.is_none();
    let unborn = asked.repo.caller_branch() == Some(target.as_str());
    Ok((!(is_missing && (asked.merge.is_some() || unborn))).then_some(target))
}

/// The branch that work goes to: that of the merge, the one that is named, the mission's, else the main line.
pub(super) fn target(
    repo: &Repo,
    mission: Option<&Mission>,
    merge: Option<&MergeScope>,
    named: Option<&str>,
) -> Result<Option<String>, Failure> {
    if let Some(target) = merge.map(|merge| merge.target.as_str()).or(named) {
        return Ok(Some(target.to_owned()));
    }
    match mission.and_then(|mission| mission.meta().ok().flatten()).and_then(Meta::target) {
        Some(said) => Ok(Some(said.to_owned())),
        None => Ok(main_line(repo)?),
    }
}

/// Why the rules of the target do not count, where they do not: a mission that says itself where it goes would choose its judge.
fn no_judge(asked: Asked<'_>, origin: Option<&Origin>) -> Result<Option<Unanswered>, Failure> {
    let Asked { repo, mission, named, .. } = asked;
    let (Some(Origin::Branch(target)), None) = (origin, named) else {
        let unknown = origin.is_none() && asked.target.is_none() && has_rules(repo)?;
        return Ok(unknown.then(|| Unanswered {
            help: Some("name it: --target BRANCH".to_owned()),
            ..Unanswered::new("it is not known whose rules count: nothing tells which branch this goes to")
        }));
    };
    let Some(mission) = mission else { return Ok(None) };
    Ok(said_otherwise(repo, mission, target)?.map(|(main, said)| Unanswered {
        help: Some(format!("if it goes to {target}: --target {}", shell_quote(target))),
        ..Unanswered::new(format!(
            "the mission says that it goes to {target}, and on {main} it says {said}: it is not known whose rules count"
        ))
    }))
}

/// Whether any branch has rules: where none has, it does not matter which of them counts.
fn has_rules(repo: &Repo) -> Result<bool, Failure> {
    let listed =
        Git::new(repo.root()).run(&["for-each-ref", "--format=%(refname)", "refs/heads", "refs/remotes"])?;
    Ok(listed.lines().any(|name| may_be_on(repo, name)))
}

/// A check or rule that is named must be there.
pub(super) fn known(only: &str, built_in: &[CheckMeta], set: &RuleSet) -> Result<(), Failure> {
    let ids = || {
        built_in.iter().map(|meta| meta.id).chain(set.rules.iter().map(clearance_rules::team::rule::Rule::id))
    };
    if ids().any(|id| id == only) || set.broken_one(only).is_some() {
        return Ok(());
    }
    let near = clearance_rules::team::nearest(only, ids());
    let help = near.map_or_else(
        || "clearance rules list".to_owned(),
        |near| format!("did you mean `{near}`? All of them: clearance rules list"),
    );
    Err(Failure::usage("unknown_rule", format!("there is no check or rule `{only}`"), help))
}
