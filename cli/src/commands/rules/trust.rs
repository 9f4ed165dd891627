//! `clearance rules trust`: what a rule would run or ask, and whether it may.

use clearance_engine::check::Stage;
use clearance_engine::item::Unanswered;
use clearance_engine::registry::Registry;
use clearance_engine::source::harmless;
use clearance_rules::team::live_world::Session;
use clearance_rules::team::load::RuleSet;
use clearance_rules::team::needs::needed_grant;
use clearance_rules::team::rule::Rule;
use clearance_rules::team::trust;
use clearance_rules::team::trust::store::Store;
use serde_json::{Value, json};

use crate::args::Global;
use crate::args::gate::MergeQuestion;
use crate::args::rules::RulesTrustCommand;
use crate::commands::gate::{self, Asked};
use crate::commands::{Answer, check, target};
use crate::env::Env;
use crate::failure::Failure;
use crate::output::reports;

/// The schema of the JSON form.
const SCHEMA: &str = "clearance.rules-trust/v1";

pub(super) fn run(
    command: &RulesTrustCommand,
    global: &Global,
    env: &Env,
    registry: &Registry,
) -> Result<Answer, Failure> {
    let (args, id) = match command {
        RulesTrustCommand::Show(args) => (&args.place, args.id.as_deref()),
        RulesTrustCommand::Allow(args) => (&args.place, Some(args.id.as_str())),
        RulesTrustCommand::Revoke(args) => return revoke(&args.id, global, env),
    };
    let repo = target::repository(global, env)?;
    let (mission, _) = check::mission_if_any(&repo, args.mission.as_deref(), Stage::Merge)?;
    let question = MergeQuestion::about(args.target.clone(), args.rules_from.clone());
    let merge = mission
        .as_ref()
        .map(|mission| check::scope(mission, &repo, check::options(&question, &repo)?))
        .transpose()?;
    let named = args.target.as_deref();
    let target = gate::target(&repo, mission.as_ref(), merge.as_ref(), named)?;
    let (stage, target) = (Stage::Merge, target.as_deref());
    let asked = Asked {
        repo: &repo,
        mission: mission.as_ref(),
        merge: merge.as_ref(),
        stage,
        only: id,
        target,
        named,
        baseline: None,
        message: None,
        push: None,
    };
    let metas = gate::built_in(registry);
    let gate::Judges { origin, rules } = gate::judges(asked, &question.rules, &metas, env)?;
    let set = rules.as_ref().map_err(gate::unreadable)?;
    let now = env.stamp.now.to_string();
    let session = gate::session(asked, &rules, &question.rules, env, &now)?;
    let place = origin.map_or_else(|| "nowhere".to_owned(), |origin| origin.in_words());
    match command {
        RulesTrustCommand::Allow(args) => {
            allow(&args.id, set, &session, &Store::repository(&repo), &place, global, env)
        }
        _ => Ok(show(id, set, &session, &place, global)),
    }
}

fn show(id: Option<&str>, set: &RuleSet, session: &Session<'_>, place: &str, global: &Global) -> Answer {
    let wanted = |rule: &&Rule| match id {
        Some(id) => rule.id() == id,
        None => rule.capability().name() != "data",
    };
    let rows: Vec<Value> = set.rules.iter().filter(wanted).map(|rule| row(rule, session)).collect();
    let value = json!({ "schema": SCHEMA, "command": "rules trust show", "exit_code": 0, "from": place, "rules": rows });
    let mut text = String::new();
    for row in &rows {
        text.push_str(&in_words(row));
    }
    if rows.is_empty() {
        text = format!("no rule in {place} runs a program or asks a server\n");
    }
    answer(&value, &text, global)
}

fn row(rule: &Rule, session: &Session<'_>) -> Value {
    let (grant, why) = match needed_grant(rule, session) {
        Ok(grant) => (grant, None),
        Err(why) => (None, Some(why.in_words())),
    };
    let trusted = grant.as_deref().map(|grant| session.trusts(grant));
    json!({
        "id": rule.id(),
        "file": rule.source.name(),
        "capability": rule.capability().name(),
        "takes": trust::described(rule).into_iter().map(|(how, what)| format!("{how} {what}")).collect::<Vec<_>>(),
        "grant": grant,
        "trusted": trusted,
        "not_known": why,
    })
}

fn in_words(row: &Value) -> String {
    let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let takes: Vec<_> = row["takes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let state = match (row["trusted"].as_bool(), row["not_known"].as_str()) {
        (Some(true), _) => "trusted".to_owned(),
        (Some(false), _) => "not trusted".to_owned(),
        (None, Some(why)) => format!("not known: {why}"),
        (None, None) => "it takes nothing that needs trust here".to_owned(),
    };
    let mut out = format!("{} ({}): {state}\n", text("id"), text("file"));
    out.extend(takes.iter().map(|line| format!("  {line}\n")));
    if !text("grant").is_empty() {
        out.push_str(&format!("  {}\n", text("grant")));
    }
    out
}

fn allow(
    id: &str,
    set: &RuleSet,
    session: &Session<'_>,
    repository: &str,
    place: &str,
    global: &Global,
    env: &Env,
) -> Result<Answer, Failure> {
    let rule = set.rule(id).ok_or_else(|| {
        let help =
            format!("clearance rules lint; the rules are those of {place}, and --rules-from names others");
        Failure::usage(Unanswered::RULE_INVALID, format!("{id} in {place} cannot be used"), help)
    })?;
    let needed = needed_grant(rule, session);
    let grant = needed.map_err(|why| Failure::undecided("not_known", why.in_words()))?;
    let Some(grant) = grant else {
        let help = "nothing was granted";
        return Err(Failure::usage(
            "nothing_to_trust",
            format!("{id} runs nothing and asks nobody here"),
            help,
        ));
    };
    let store = store(env)?;
    store.allow(repository, &grant).map_err(Failure::undecided_by)?;
    let mut row = row(rule, session);
    row["trusted"] = true.into();
    let value = json!({ "schema": SCHEMA, "command": "rules trust allow", "exit_code": 0, "from": place, "rules": [row] });
    let text = format!(
        "{}until its text changes, or a file that it names; to take it back: clearance rules trust revoke {id}\n",
        in_words(&row)
    );
    Ok(answer(&value, &text, global))
}

fn revoke(id: &str, global: &Global, env: &Env) -> Result<Answer, Failure> {
    let repo = target::repository(global, env)?;
    let was = store(env)?.revoke(&Store::repository(&repo), id).map_err(Failure::undecided_by)?;
    let value = json!({ "schema": SCHEMA, "command": "rules trust revoke", "exit_code": 0, "rules": [{ "id": id, "trusted": false, "was_trusted": was }] });
    let text =
        if was { format!("{id} is not trusted any more\n") } else { format!("{id} was not trusted\n") };
    Ok(answer(&value, &text, global))
}

fn store(env: &Env) -> Result<Store, Failure> {
    let help = "set HOME or XDG_STATE_HOME to a directory of your own";
    gate::store(env)
        .ok_or_else(|| Failure::usage("no_state_directory", "there is no place to keep trust in", help))
}

fn answer(value: &Value, text: &str, global: &Global) -> Answer {
    let stdout =
        if reports::json_on_stdout(global) { format!("{}\n", reports::shown(value)) } else { harmless(text) };
    Answer { reports: reports::files(&global.report, value, None), ..Answer::text(stdout) }
}
