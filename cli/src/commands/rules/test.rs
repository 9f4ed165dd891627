//! `clearance rules test`: the tests that rules bring.

use clearance_engine::exit::ExitStatus;
use clearance_engine::registry::Registry;
use clearance_engine::source::harmless;
use clearance_rules::team::inline_tests::{self, TestOutcome};
use clearance_rules::team::load::{Broken, RuleSet};
use serde_json::{Value, json};

use super::{authored, broken_json};
use crate::args::Global;
use crate::args::rules::RulesTestArgs;
use crate::commands::Answer;
use crate::env::Env;
use crate::failure::Failure;
use crate::output::{Problem, Style, reports};

/// The schema of the JSON form.
const SCHEMA: &str = "clearance.rules-test/v1";

/// A test that ran.
struct Ran {
    rule: &'static str,
    file: String,
    test: TestOutcome,
}

impl Ran {
    fn passed(&self) -> bool {
        self.test.differences.is_empty()
    }
}

pub(super) fn run(
    args: &RulesTestArgs,
    global: &Global,
    env: &Env,
    registry: &Registry,
) -> Result<Answer, Failure> {
    let (_, origin, mut set) = authored(args.rules_from.as_ref(), global, env, registry)?;
    let mut ran = run_all(&mut set);
    if let Some(wanted) = &args.filter {
        ran.retain(|ran| ran.rule.contains(wanted.as_str()) || ran.test.name.contains(wanted.as_str()));
    }
    // What cannot be read is told whatever is asked for: its tests might be those.
    let failed = ran.iter().filter(|ran| !ran.passed()).count();
    let status = match (set.broken.len(), failed, ran.len()) {
        (1.., _, _) => ExitStatus::Undecided,
        (_, 1.., _) => ExitStatus::Blocked,
        (_, _, 0) => ExitStatus::NothingEvaluated,
        _ => ExitStatus::Done,
    };
    let value = json!({
        "schema": SCHEMA,
        "command": "rules test",
        "exit_code": status.code(),
        "passed": ran.len() - failed,
        "failed": failed,
        "tests": ran.iter().map(row).collect::<Vec<_>>(),
        "broken": broken_json(&set),
    });
    let stdout = if reports::json_on_stdout(global) {
        format!("{}\n", reports::shown(&value))
    } else {
        let style = Style::new(env, global.color);
        let told = |why| style.told(&Problem::unusable(why), style.form(global));
        let broken: String = set.broken.iter().map(|broken| told(&broken.why)).collect();
        let end = match status {
            ExitStatus::NothingEvaluated => {
                format!("no test was run: there is none in {}\n", origin.in_words())
            }
            _ => summary(ran.len() - failed, failed, set.broken.len()),
        };
        broken + &harmless(&(lines(&ran, global.verbose) + &end))
    };
    Ok(Answer::of(stdout, status, &value, global))
}

/// Every test of every rule. A rule whose tests cannot be run is added to those that cannot be used.
fn run_all(set: &mut RuleSet) -> Vec<Ran> {
    let mut ran = Vec::new();
    let mut broken = Vec::new();
    for rule in &set.rules {
        match inline_tests::run(rule) {
            Ok(tests) => {
                let file = rule.source.name();
                ran.extend(tests.into_iter().map(|test| Ran {
                    rule: rule.id(),
                    file: file.to_owned(),
                    test,
                }));
            }
            Err(error) => broken.push(Broken::test(rule, &error)),
        }
    }
    for resolver in &set.resolvers {
        let file = resolver.origin().file;
        let tests = resolver.run_tests().into_iter();
        ran.extend(tests.map(|test| Ran { rule: resolver.id(), file: file.to_owned(), test }));
    }
    set.broken.extend(broken);
    ran
}

fn row(ran: &Ran) -> Value {
    let Ran { rule, file, test } = ran;
    json!({ "rule": rule, "test": test.name, "file": file, "line": test.line, "passed": ran.passed(), "differences": test.differences })
}

/// Those that fail; with `--verbose` all of them.
fn lines(ran: &[Ran], verbose: bool) -> String {
    let mut out = String::new();
    for ran in ran.iter().filter(|ran| verbose || !ran.passed()) {
        let word = if ran.passed() { "ok" } else { "FAILED" };
        let Ran { rule, file, test } = ran;
        out.push_str(&format!("{word:<6} {rule}: {}  ({file}:{})\n", test.name, test.line));
        out.extend(test.differences.iter().map(|difference| format!("         {difference}\n")));
    }
    out
}

fn summary(passed: usize, failed: usize, broken: usize) -> String {
    let broken = match broken {
        0 => String::new(),
        1 => "; 1 file cannot be used".to_owned(),
        many => format!("; {many} files cannot be used"),
    };
    format!("{passed} passed, {failed} failed{broken}\n")
}
