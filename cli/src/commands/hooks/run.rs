//! What an installed hook asks.

use std::ffi::OsString;
use std::path::Path;

use clearance_engine::check::Stage;
use clearance_engine::exit::ExitStatus;
use clearance_engine::merge::land::{at_work_now, interrupted};
use clearance_engine::mission::handle;
use clearance_engine::registry::Registry;
use clearance_engine::repo::message::CommitMessage;
use clearance_engine::repo::{Git, OF_A_LANDING, Repo};
use clearance_engine::report::preflight::Preflight;
use clearance_engine::run::CheckResult;
use clearance_engine::severity::Verdict;
use clearance_engine::source::{harmless, shell_quote};
use serde_json::json;

use super::{account, answer, pushed};
use crate::args::Global;
use crate::args::gate::MergeQuestion;
use crate::args::hooks::{HookName, HooksRunArgs};
use crate::args::rules::RulesFrom;
use crate::commands::check::{message_in, mission_if_any, status_of};
use crate::commands::gate::{self, Asked, Push};
use crate::commands::{Answer, target};
use crate::env::Env;
use crate::failure::Failure;
use crate::output::{Style, preflight_text};

/// What was asked, and what was not.
#[derive(Default)]
struct Ran {
    /// What each is of, and what came of it.
    reports: Vec<(String, Preflight)>,
    /// What was let through unasked, and why.
    unasked: Vec<(String, String)>,
    /// What there is to know besides.
    notes: Vec<String>,
}

/// Who asks.
#[derive(Clone, Copy)]
struct Asker<'a> {
    repo: &'a Repo,
    env: &'a Env,
    registry: &'a Registry,
}

pub(super) fn run(
    args: &HooksRunArgs,
    global: &Global,
    env: &Env,
    registry: &Registry,
) -> Result<Answer, Failure> {
    let repo = target::repository(global, env)?;
    is_what_git_works_on(&repo, env)?;
    let asker = Asker { repo: &repo, env, registry };
    let first = args.arguments.first();
    let ran = if of_a_landing(&repo, env)? {
        Ran {
            unasked: vec![unasked("this merge", "`clearance merge` makes it, which has asked")],
            ..Ran::default()
        }
    } else {
        match args.hook {
            HookName::PreMergeCommit => before_merge(asker)?,
            HookName::CommitMsg => before_commit(asker, first.map(Path::new))?,
            HookName::PrePush => before_push(asker, first)?,
        }
    };
    Ok(told(args.hook, &ran, global, env))
}

fn unasked(of: &str, why: &str) -> (String, String) {
    (of.to_owned(), why.to_owned())
}

/// git may be told to work on another repository than the one that the work tree is of.
fn is_what_git_works_on(repo: &Repo, env: &Env) -> Result<(), Failure> {
    let Some(told) = variable(env, "GIT_DIR") else { return Ok(()) };
    let told = env.directory()?.join(told).canonicalize();
    let own = Git::new(repo.caller_root()).path(&["--git-dir"])?.canonicalize();
    match (told, own) {
        (Ok(told), Ok(own)) if told == own => Ok(()),
        (told, _) => {
            let told = told.map_or_else(|error| error.to_string(), |told| told.display().to_string());
            let place = repo.caller_root().display();
            let message = format!("git works on {told}, and {place} is a work tree of another repository");
            let help = "a work tree that does not know its repository cannot be looked at: make one that does, with git worktree add";
            Err(Failure::undecided_until("another_repository", message, help.to_owned()))
        }
    }
}

fn variable<'a>(env: &'a Env, name: &str) -> Option<&'a OsString> {
    env.variables.iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

/// Whether a merge of this program runs the hook. What a hook leaves running has the variable as well, and no merge.
fn of_a_landing(repo: &Repo, env: &Env) -> Result<bool, Failure> {
    if variable(env, OF_A_LANDING).is_none() {
        return Ok(false);
    }
    // Its commits are made before it keeps a journal, and it pushes after it is done with its locks.
    Ok(at_work_now(repo).is_some() || !interrupted(repo)?.is_empty())
}

/// What a merge would commit is asked by the rules of the target: those in the work tree are what is merged.
fn before_merge(asker: Asker<'_>) -> Result<Ran, Failure> {
    let report = of_commit(asker, Some(RulesFrom::Base), None)?;
    let notes = by_hand(asker).into_iter().collect();
    Ok(Ran { reports: vec![("this merge".to_owned(), report)], notes, ..Ran::default() })
}

/// A mission that is merged with git: nothing of what a merge of it must have was asked.
fn by_hand(Asker { repo, env, .. }: Asker<'_>) -> Option<String> {
    // git names what it merges in a variable for each commit.
    let merged = env.variables.iter().filter(|(name, _)| name.to_string_lossy().starts_with("GITHEAD_"));
    let onto = repo.caller_branch()?;
    let of_onto = |branch: &str| !branch.starts_with("kitty/mission-");
    merged.filter(|_| of_onto(onto)).find_map(|(_, branch)| {
        let mission = handle::infer(repo.root(), branch.to_str(), None).ok()?;
        let slug = mission.slug();
        Some(format!(
            "note: this merges the mission {slug} by hand: what its merge must have was not asked, and is not recorded. \
             To have both: git merge --abort, if it is not committed yet, then clearance merge --mission {}",
            shell_quote(slug)
        ))
    })
}

fn before_commit(asker: Asker<'_>, file: Option<&Path>) -> Result<Ran, Failure> {
    let Asker { repo, env, .. } = asker;
    let file = file.ok_or_else(|| {
        let help = "git names it: clearance hooks run commit-msg \"$@\"";
        Failure::usage("usage", "the file that the message is in is not named", help)
    })?;
    let message = message_in(file, Stage::Commit, repo, env)?;
    let is_merge = repo.operation_in(repo.caller_root())? == Some("merge")
        || env.variables.iter().any(|(name, _)| name.to_string_lossy().starts_with("GITHEAD_"));
    let report = of_commit(asker, is_merge.then_some(RulesFrom::Base), Some(&message))?;
    Ok(Ran { reports: vec![("this commit".to_owned(), report)], ..Ran::default() })
}

fn of_commit(
    Asker { repo, env, registry }: Asker<'_>,
    rules_from: Option<RulesFrom>,
    message: Option<&CommitMessage>,
) -> Result<Preflight, Failure> {
    let stage = Stage::Commit;
    let (mission, _) = mission_if_any(repo, None, stage)?;
    let target = gate::target(repo, mission.as_ref(), None, None)?;
    let asked = Asked {
        baseline: None,
        repo,
        mission: mission.as_ref(),
        merge: None,
        stage,
        only: None,
        target: target.as_deref(),
        named: None,
        message,
        push: None,
    };
    gate::ask(registry, asked, &MergeQuestion::about(None, rules_from), env)
}

/// The rules of the target are asked of what comes to each branch of the remote.
fn before_push(Asker { repo, env, registry }: Asker<'_>, remote: Option<&OsString>) -> Result<Ran, Failure> {
    let of_pre_commit = || variable(env, "PRE_COMMIT_REMOTE_NAME");
    let remote =
        remote.or_else(of_pre_commit).map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let target = gate::target(repo, None, None, None)?;
    let stage = Stage::Commit;
    let mut ran = Ran::default();
    for line in pushed::lines(&env.variables)? {
        let of = line.remote_ref.clone();
        if let Some(why) = line.unasked() {
            ran.unasked.push(unasked(&of, why));
            continue;
        }
        let report = match pushed::pushed(&line, &remote, target.as_deref(), repo)? {
            Err(why) => {
                let results = vec![CheckResult::unanswered("push", why)];
                Preflight { stage, mission: None, results, proposed: Vec::new(), baseline: None }
            }
            Ok(pushed) => {
                let to_target = target.as_deref() == Some(pushed.branch.as_str());
                let asked = Asked {
                    baseline: None,
                    repo,
                    mission: None,
                    merge: None,
                    stage,
                    only: None,
                    target: target.as_deref(),
                    named: None,
                    message: None,
                    push: Some(Push { pushed: &pushed, to_target }),
                };
                gate::ask(registry, asked, &MergeQuestion::about(None, Some(RulesFrom::Base)), env)?
            }
        };
        ran.reports.push((of, report));
    }
    if ran.reports.is_empty() && ran.unasked.is_empty() {
        ran.unasked.push(unasked("this push", "nothing is pushed: standard input names no reference"));
    }
    Ok(ran)
}

/// What is not known stops git as well as what blocks. Where nothing applies, git goes on, and is told so.
fn status(ran: &Ran) -> ExitStatus {
    let verdicts = || ran.reports.iter().map(|(_, report)| report.verdict());
    if verdicts().any(|verdict| verdict == Some(Verdict::Undecided)) {
        ExitStatus::Undecided
    } else if verdicts().any(|verdict| verdict == Some(Verdict::Blocked)) {
        ExitStatus::Blocked
    } else {
        ExitStatus::Done
    }
}

fn told(hook: HookName, ran: &Ran, global: &Global, env: &Env) -> Answer {
    let status = status(ran);
    let style = Style::new(env, global.color);
    let mut text = String::new();
    for (of, report) in &ran.reports {
        if hook == HookName::PrePush {
            text.push_str(&format!("{}:\n", harmless(of)));
        }
        text.push_str(&preflight_text::render(report, &style, global));
    }
    for (of, why) in &ran.unasked {
        text.push_str(&harmless(&format!("{of} was not asked about: {why}\n")));
    }
    for note in &ran.notes {
        text.push_str(&harmless(&format!("{note}\n")));
    }
    if status != ExitStatus::Done {
        text.push_str(&format!("to go on without being cleared: {}\n", hook.without()));
    }
    let runs = ran.reports.iter().map(
        |(of, report)| json!({ "of": of, "account": report.account(status_of(report.verdict()).code()) }),
    );
    let unasked = ran.unasked.iter().map(|(of, why)| json!({ "of": of, "why": why }));
    let more = json!({
        "hook": hook.as_str(),
        "runs": runs.collect::<Vec<_>>(),
        "not_asked": unasked.collect::<Vec<_>>(),
        "notes": ran.notes,
    });
    answer(text, status, &account("run", status, more), global)
}
