//! `clearance status`: the board of one mission, or every mission on a line. Reads only.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use clearance_engine::board::{Board, Summary};
use clearance_engine::exit::ExitStatus;
use clearance_engine::mission::Mission;
use clearance_engine::mission::handle::{self, HandleError};
use clearance_engine::progress::Sources;
use clearance_engine::registry::Registry;
use clearance_engine::repo::Repo;
use clearance_engine::source::shell_quote;
use clearance_engine::strategy::ResolveContext;
use serde_json::{Value, json};

use super::{Answer, gate, status_files, status_watch, target};
use crate::args::Global;
use crate::args::mission::StatusArgs;
use crate::env::Env;
use crate::failure::Failure;
use crate::output::board_text::Unread;
use crate::output::{Problem, Style, board_text, reports};

/// The schema of the account of one mission.
const SCHEMA: &str = "clearance.status/v1";
/// The schema of the account of every mission.
const ALL_SCHEMA: &str = "clearance.status-all/v1";

pub(crate) fn run(
    args: &StatusArgs,
    global: &Global,
    env: &Env,
    registry: &Registry,
) -> Result<Answer, Failure> {
    match args.watch {
        Some(every) => status_watch::run((args, every), global, env, registry),
        None => once(args, global, env, registry),
    }
}

pub(super) fn once(
    args: &StatusArgs,
    global: &Global,
    env: &Env,
    registry: &Registry,
) -> Result<Answer, Failure> {
    let repo = target::repository(global, env)?;
    let one = if args.all { None } else { one_mission(&repo, args)? };
    if args.materialize || args.recover {
        return status_files::run(args, one, &repo, global);
    }
    match one {
        Some(mission) => {
            let (registry, broken) = gate::with_resolvers(registry, &repo, env)?;
            let mut answer = board(&target::at_home(mission, &repo)?, global, env, &registry)?;
            answer.problems.extend(broken);
            Ok(Answer { pager: env.pager.clone(), ..answer })
        }
        None => Ok(Answer { pager: env.pager.clone(), ..all(&repo, global, env)? }),
    }
}

/// The mission that is meant; `None` when none is named and nothing tells.
fn one_mission(repo: &Repo, args: &StatusArgs) -> Result<Option<Mission>, Failure> {
    if args.mission.is_some() {
        return target::mission(repo, args.mission.as_deref(), &[]).map(Some);
    }
    match handle::infer(repo.root(), repo.caller_branch(), repo.caller_below_root()) {
        Ok(mission) => Ok(Some(mission)),
        Err(HandleError::NotGiven { candidates, .. }) if !candidates.is_empty() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn board(mission: &Mission, global: &Global, env: &Env, registry: &Registry) -> Result<Answer, Failure> {
    let context = ResolveContext { tasks: mission.tasks_or_none()?, mission };
    let (phase, state) = (mission.phase()?, mission.state()?);
    let board = Board::of(Sources { context, phase, state, stack: registry.strategies() });
    let account = account(SCHEMA, ExitStatus::Done, json!(board));
    let stdout = if reports::json_on_stdout(global) {
        format!("{}\n", reports::shown(&account))
    } else if global.quiet {
        String::new()
    } else {
        board_text::board(&board, env.stamp.now, &Style::new(env, global.color), global.verbose)
    };
    let warnings = if global.json { &[][..] } else { &board.warnings };
    Ok(Answer {
        problems: warnings.iter().map(|warning| Problem::warning(warning)).collect(),
        ..Answer::of(stdout, ExitStatus::Done, &account, global)
    })
}

fn all(repo: &Repo, global: &Global, env: &Env) -> Result<Answer, Failure> {
    let names = handle::names(repo.root())?;
    let mut missions = each(&names, |name| summary(repo, name));
    missions.extend(handle::bad_names(repo.root())?.into_iter().map(|bad| Err(unread(&bad.shown, &bad))));
    // The last active first; what could not be read before all, so that it is seen.
    missions
        .sort_by_key(|mission| mission.as_ref().ok().map(|summary| std::cmp::Reverse(summary.last_activity)));
    let unread = missions.iter().filter(|mission| mission.is_err()).count();
    let status = match (missions.len(), unread) {
        (0, _) => ExitStatus::NothingEvaluated,
        (_, 0) => ExitStatus::Done,
        _ => ExitStatus::Undecided,
    };
    let values = missions.iter().map(|mission| match mission {
        Ok(summary) => json!(summary),
        Err(Unread { mission, code, message, help }) => {
            json!({ "mission": mission, "error": code, "message": message, "help": help })
        }
    });
    let values: Vec<_> = values.collect();
    let account = account(ALL_SCHEMA, status, json!({ "missions": values, "unread": unread }));
    let stdout = if reports::json_on_stdout(global) {
        format!("{}\n", reports::shown(&account))
    } else if global.quiet {
        String::new()
    } else {
        board_text::summaries(&missions, env.stamp.now)
    };
    let problems = missions.iter().flat_map(|mission| match mission {
        Ok(summary) => summary.warnings.iter().map(|warning| Problem::warning(warning)).collect(),
        Err(unread) => vec![unreadable(unread)],
    });
    let problems = if global.json { Vec::new() } else { problems.collect() };
    Ok(Answer { problems, ..Answer::of(stdout, status, &account, global) })
}

fn unreadable(Unread { mission, message, help, .. }: &Unread) -> Problem {
    Problem {
        code: "mission_unreadable",
        message: format!("{mission}: {message}"),
        help: Some(
            help.clone()
                .unwrap_or_else(|| format!("see where: clearance status --mission {}", shell_quote(mission))),
        ),
        severity: miette::Severity::Error,
        excerpts: Vec::new(),
    }
}

fn summary(repo: &Repo, name: &str) -> Result<Summary, Unread> {
    let read = || -> Result<Summary, Failure> {
        let mission = target::at_home(Mission::open(repo.root(), name)?, repo)?;
        Ok(Summary::of(&mission)?)
    };
    read().map_err(|failure| unread(name, failure.diagnostic()))
}

fn unread(name: &str, why: &dyn miette::Diagnostic) -> Unread {
    Unread {
        mission: name.to_owned(),
        code: why.code().map_or_else(String::new, |code| code.to_string()),
        message: why.to_string(),
        help: why.help().map(|help| help.to_string()),
    }
}

/// Does the same for every name, on as many threads as there are processors; the answers are in the order of the names.
fn each<T: Send>(names: &[String], work: impl Fn(&str) -> T + Sync) -> Vec<T> {
    const MOST: usize = 8;
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MOST).min(names.len());
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(names.len()));
    let run = || {
        while let Some((nth, name)) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|nth| Some((nth, names.get(nth)?)))
        {
            let answer = work(name);
            done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((nth, answer));
        }
    };
    if threads <= 1 {
        run();
    } else {
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(run);
            }
        });
    }
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_by_key(|(nth, _)| *nth);
    done.into_iter().map(|(_, answer)| answer).collect()
}

/// The account for machines: the facts of `value` behind schema, command and exit code.
pub(super) fn account(schema: &str, status: ExitStatus, value: Value) -> Value {
    let mut account = json!({ "schema": schema, "command": "status", "exit_code": status.code() });
    if let (Value::Object(account), Value::Object(facts)) = (&mut account, value) {
        account.extend(facts);
    }
    account
}
