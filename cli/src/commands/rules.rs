//! `clearance rules`: what a team that writes rules needs.

pub(super) mod explain;
mod lint;
mod list;
mod new;
mod schema;
mod test;
mod trust;

use clearance_engine::check::Stage;
use clearance_engine::registry::Registry;
use clearance_engine::repo::Repo;
use clearance_rules::team::files::{Origin, RULES_DIR};
use clearance_rules::team::load::{Broken, RuleSet};
use serde_json::{Value, json};

use super::{Answer, gate, target};
use crate::args::Global;
use crate::args::rules::{RulesCommand, RulesFrom, RulesQuestion};
use crate::env::Env;
use crate::failure::Failure;

pub(crate) fn run(
    command: &RulesCommand,
    global: &Global,
    env: &Env,
    registry: &Registry,
) -> Result<Answer, Failure> {
    match command {
        RulesCommand::List(args) => list::run(args, global, env, registry),
        RulesCommand::New(args) => new::run(args, global, env, registry),
        RulesCommand::Test(args) => test::run(args, global, env, registry),
        RulesCommand::Lint(args) => lint::run(args, global, env, registry),
        RulesCommand::Explain(args) => explain::run(args, global, env, registry),
        RulesCommand::Schema(args) => schema::run(args, global, registry),
        RulesCommand::Trust(command) => trust::run(command, global, env, registry),
    }
}

/// The rules that an author works on: those of the work tree, unless told otherwise.
pub(super) fn authored(
    from: Option<&RulesFrom>,
    global: &Global,
    env: &Env,
    registry: &Registry,
) -> Result<(Repo, Origin, RuleSet), Failure> {
    let repo = target::repository(global, env)?;
    let question = RulesQuestion {
        rules_from: Some(from.cloned().unwrap_or(RulesFrom::Head)),
        trust: Vec::new(),
        offline: true,
    };
    let main = gate::target(&repo, None, None, None)?;
    let (stage, target) = (Stage::Merge, main.as_deref());
    let asked = gate::Asked {
        repo: &repo,
        mission: None,
        merge: None,
        stage,
        only: None,
        target,
        named: None,
        baseline: None,
        message: None,
        push: None,
    };
    let nowhere =
        || Origin::Directory { path: repo.caller_root().join(RULES_DIR), name: RULES_DIR.to_owned() };
    let origin = gate::origin(asked, &question, env)?.unwrap_or_else(nowhere);
    let set = gate::load(&repo, Some(&origin), &gate::built_in(registry), env)
        .map_err(|why| gate::unreadable(&why))?;
    Ok((repo, origin, set))
}

/// Files that cannot be used, for machines.
fn broken_json(set: &RuleSet) -> Vec<Value> {
    let one = |Broken { file, why, .. }: &Broken| json!({ "file": file, "message": why.message, "help": why.help, "excerpts": why.excerpts });
    set.broken.iter().map(one).collect()
}
