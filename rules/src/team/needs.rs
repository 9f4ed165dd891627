//! What a rule would run or ask, found out without running or asking it.

use std::sync::Mutex;

use clearance_engine::item::Unanswered;
use clearance_nested_env::drift::Played;
use serde_json::Map;

use super::evaluate::{Answer, evaluate, inside, params};
use super::live_world::{LiveWorld, Session};
use super::rule::Rule;
use super::world::{Call, DriftCall, Ended, Lines, Reply, Request, SeenFile, Unknown, World};

/// The grant that a rule needs here and now; `None` where it would take nothing.
///
/// # Errors
/// Why it is not known.
pub fn needed_grant(rule: &Rule, session: &Session<'_>) -> Result<Option<String>, Unanswered> {
    let document = session.document(&rule.uses).map_err(in_words)?;
    let scope = inside(&document, params(rule, &Map::new()));
    let probe = Probe { world: LiveWorld::new(session, rule), needed: Mutex::default() };
    let answer = evaluate(rule, scope, &probe);
    let needed = probe.needed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    match (needed, answer) {
        (Some(needed), _) => needed.map(Some),
        (None, Answer::Skipped) if rule.capability().name() != "data" => {
            Err(Unanswered::new("its `when` does not hold here, so what it would take is not known"))
        }
        (None, Answer::Waits(check)) => Err(in_words(Unknown::Waits(check))),
        (None, Answer::Items(items)) if rule.capability().name() != "data" => {
            let why = items.into_iter().map(|item| item.message).find(|message| !message.is_empty());
            Err(Unanswered::new(why.unwrap_or_else(|| "it did not come to that".to_owned())))
        }
        (None, _) => Ok(None),
    }
}

fn in_words(unknown: Unknown) -> Unanswered {
    match unknown {
        Unknown::Unanswered(why) => why,
        Unknown::Waits(check) => Unanswered::new(format!("it is known once {check} finds nothing")),
    }
}

/// The real world, in which nothing is run and nobody is asked.
struct Probe<'a> {
    world: LiveWorld<'a>,
    needed: Mutex<Option<Result<String, Unanswered>>>,
}

impl Probe<'_> {
    fn note(&self, grant: Result<String, Unanswered>) -> Unanswered {
        *self.needed.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(grant);
        Unanswered::new("it is only asked what it needs")
    }
}

impl World for Probe<'_> {
    fn lines(&self, which: Lines, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<SeenFile>, Unknown> {
        self.world.lines(which, wanted)
    }

    fn file(&self, path: &str) -> Result<Option<String>, Unknown> {
        self.world.file(path)
    }

    fn run(&self, call: &Call) -> Result<Ended, Unknown> {
        Err(self.note(self.world.grant_for(call).map_err(in_words)).into())
    }

    fn drift(&self, call: &DriftCall) -> Result<Played, Unknown> {
        Err(self.note(self.world.grant_to_play(call).map_err(in_words)).into())
    }

    fn ask(&self, _: &Request) -> Result<Reply, Unknown> {
        Err(self.note(Ok(self.world.grant_to_ask())).into())
    }
}
