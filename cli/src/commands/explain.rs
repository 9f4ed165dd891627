//! `clearance explain`: what a word of a report means, and how to get past it.

use clearance_engine::registry::Registry;
use clearance_engine::source::harmless;
use clearance_rules::team::load::RuleSet;
use clearance_rules::team::nearest;
use serde_json::{Value, json};

use super::rules::{self, explain::told};
use super::{Answer, gate};
use crate::args::{ExplainArgs, Global};
use crate::env::Env;
use crate::explain::{self, Kind, Topic};
use crate::failure::Failure;
use crate::output::{Problem, reports};

/// The schema of the JSON form.
const SCHEMA: &str = "clearance.explain/v1";

pub(super) fn run(
    args: &ExplainArgs,
    global: &Global,
    env: &Env,
    registry: &Registry,
) -> Result<Answer, Failure> {
    let topics = explain::topics(registry);
    let Some(id) = args.id.as_deref() else {
        let all: Vec<_> = topics.iter().map(short).collect();
        return Ok(answer(&Value::Null, &all, &in_lines(&topics), global, env));
    };
    let found: Vec<_> = topics.iter().filter(|topic| topic.id == id).collect();
    // What a team set of a check is told with it; a code means the same everywhere.
    let asks_rules = found.is_empty() || found.iter().any(|topic| topic.kind == Kind::Check);
    let rules = asks_rules.then(|| rules::authored(None, global, env, registry));
    let (set, unread) = match rules {
        Some(Ok((_, _, set))) => (set, None),
        Some(Err(error)) => (RuleSet::default(), Some(error)),
        None => (RuleSet::default(), None),
    };
    let details = if asks_rules { told(id, &gate::built_in(registry), &set)? } else { None };
    if found.is_empty() && details.is_none() {
        if let Some(broken) = set.broken_one(id) {
            return Err(Failure::undecided("rule_invalid", broken.why.in_words()));
        }
        return Err(unknown(id, &topics, &set, unread.as_ref()));
    }
    let (facts, words) = details.unwrap_or_default();
    let mut accounts: Vec<_> = found.iter().map(|topic| account(topic, &facts)).collect();
    let mut text: Vec<_> = found.iter().map(|topic| in_words(topic, &words)).collect();
    if found.is_empty() {
        accounts.push(of_rule(id, &facts));
        text.push(words);
    }
    // A file that was to set something of a check, and cannot be used.
    let unusable = set.broken_one(id).map(|broken| Problem::unusable(&broken.why));
    let told = answer(&id.into(), &accounts, &text.join("\n"), global, env);
    Ok(Answer { problems: unusable.into_iter().collect(), ..told })
}

fn answer(id: &Value, topics: &[Value], text: &str, global: &Global, env: &Env) -> Answer {
    let value = json!({ "schema": SCHEMA, "id": id, "topics": topics });
    let is_json = reports::json_on_stdout(global);
    let stdout = if is_json { format!("{}\n", reports::shown(&value)) } else { harmless(text) };
    let pager = env.pager.clone().filter(|_| !is_json);
    Answer { reports: reports::files(&global.report, &value, None), pager, ..Answer::text(stdout) }
}

/// What it is, without its text.
fn short(topic: &Topic) -> Value {
    let Topic { kind, id, check, title, docs, .. } = topic;
    json!({ "kind": kind.name(), "id": id, "check": check, "title": title, "docs": docs })
}

fn in_lines(topics: &[Topic]) -> String {
    let of_kind = |kind: Kind| {
        let lines = topics.iter().filter(|topic| topic.kind == kind);
        let lines: String = lines.map(|topic| format!("  {:<34} {}\n", topic.id, topic.title)).collect();
        format!("{}\n{lines}", kind.plural())
    };
    Kind::ALL.map(of_kind).join("\n") + "\nRules of a repository: clearance rules list\n"
}

/// A topic for machines; of a check with what is set in `rules.d/`.
fn account(topic: &Topic, facts: &Value) -> Value {
    let mut account = short(topic);
    account["text"] = topic.text.clone().into();
    account["details"] = if topic.kind == Kind::Check { facts.clone() } else { Value::Null };
    account
}

fn of_rule(id: &str, facts: &Value) -> Value {
    let (title, file) = (&facts["title"], &facts["file"]);
    json!({ "kind": "rule", "id": id, "check": null, "title": title, "text": title, "docs": file, "details": facts })
}

/// A topic for people; `words` are those of a check.
fn in_words(topic: &Topic, words: &str) -> String {
    let Topic { id, title, text, docs, .. } = topic;
    match (topic.kind, topic.check) {
        (Kind::Check, _) => format!("{words}\n{text}\n"),
        (Kind::ExitCode, _) => format!("exit code {id}: {title}\n\n  docs  {docs}\n"),
        (kind, Some(check)) => {
            format!("{id}: a {} of {check}\n\n{text}\n\n  docs  {docs}\n", kind.in_words())
        }
        (kind, None) => format!("{id}: a {}\n\n{text}\n\n  docs  {docs}\n", kind.in_words()),
    }
}

fn unknown(id: &str, topics: &[Topic], set: &RuleSet, unread: Option<&Failure>) -> Failure {
    let own = set.rules.iter().map(|rule| -> &str { rule.id() });
    // A number that is no exit code is not like one.
    let words = topics.iter().filter(|topic| topic.kind != Kind::ExitCode).map(|topic| topic.id.as_str());
    let id_in_small = id.to_lowercase();
    let near = nearest(&id_in_small, words.chain(own));
    let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    let without =
        unread.map(|why| format!("; rules of a repository are not known here: {}", why.facts().message));
    let message = format!("nothing is called `{id}`{}", without.unwrap_or_default());
    Failure::usage("unknown_topic", message, format!("{near}all there are: clearance explain"))
}
