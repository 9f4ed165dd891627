//! `clearance rules test`: the tests that rules bring.

use clearance_engine::exit::ExitStatus;
use clearance_engine::registry::Registry;
use clearance_rules::team::inline_tests;
use clearance_rules::team::load::unusable;
use serde_json::json;

use super::{authored, broken_json, problem};
use crate::args::{Global, RulesTestArgs};
use crate::commands::Answer;
use crate::env::Env;
use crate::failure::Failure;
use crate::output::{Style, reports};

/// The schema of the JSON form.
const SCHEMA: &str = "clearance.rules-test/v1";

pub(super) fn run(
    args: &RulesTestArgs,
    global: &Global,
    env: &Env,
    registry: &Registry,
) -> Result<Answer, Failure> {
    let (_, origin, mut set) = authored(args.rules_from.as_ref(), global, env, registry)?;
    let style = Style::new(env, global.color);
    let (mut text, mut rows) = (String::new(), Vec::new());
    let (mut passed, mut failed) = (0, 0);
    for rule in &set.rules {
        let is_wanted = |test: &str| {
            args.filter
                .as_ref()
                .is_none_or(|wanted| rule.id().contains(wanted.as_str()) || test.contains(wanted.as_str()))
        };
        let results = match inline_tests::run(rule) {
            Ok(results) => results,
            Err(error) => {
                set.broken.push((rule.id(), unusable(&error)));
                continue;
            }
        };
        for result in results.into_iter().filter(|result| is_wanted(&result.name)) {
            let passes = result.differences.is_empty();
            if passes {
                passed += 1;
            } else {
                failed += 1;
            }
            if !passes || global.verbose {
                let word = if passes { "ok" } else { "FAILED" };
                text.push_str(&format!(
                    "{word:<6} {}: {}  ({}:{})\n",
                    rule.id(),
                    result.name,
                    rule.source.name(),
                    result.line
                ));
                text.extend(result.differences.iter().map(|difference| format!("         {difference}\n")));
            }
            rows.push(json!({ "rule": rule.id(), "test": result.name, "file": rule.source.name(), "line": result.line, "passed": passes, "differences": result.differences }));
        }
    }
    // What cannot be read is told whatever is asked for: its tests might be those.
    let problems: Vec<_> = set.broken.iter().map(|(_, why)| problem(why)).collect();
    let status = match (failed, passed, problems.len()) {
        (_, _, 1..) => ExitStatus::Undecided,
        (1.., _, _) => ExitStatus::Blocked,
        (_, 0, _) => ExitStatus::NothingEvaluated,
        _ => ExitStatus::Done,
    };
    let value = json!({ "schema": SCHEMA, "command": "rules test", "exit_code": status.code(), "passed": passed, "failed": failed, "tests": rows, "broken": broken_json(&set) });
    text.push_str(&match status {
        ExitStatus::NothingEvaluated => format!("no test was run: there is none in {}\n", origin.in_words()),
        _ => format!(
            "{passed} passed, {failed} failed{}\n",
            match problems.len() {
                0 => String::new(),
                1 => "; 1 file cannot be used".to_owned(),
                many => format!("; {many} files cannot be used"),
            }
        ),
    });
    let told: String = problems.iter().map(|problem| style.told(problem, style.form(global))).collect();
    let stdout = if reports::json_on_stdout(global) {
        format!("{}\n", reports::shown(&value))
    } else {
        told + &clearance_engine::source::harmless(&text)
    };
    Ok(Answer { stdout, problems: Vec::new(), reports: reports::files(global, &value), status })
}
