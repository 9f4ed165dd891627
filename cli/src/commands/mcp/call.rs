//! One call of a tool: a command line, run as from a shell, and what it printed as one value.

use std::ffi::{OsStr, OsString};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use clearance_engine::exit::ExitStatus;
use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::{Value, json};

use crate::args;
use crate::commands::Answer;
use crate::env::Env;
use crate::failure::Failure;
use crate::output::{Problem, reports, severity};

/// What a command line comes to. Nothing of an earlier call is kept: the repository, the time and the environment are read anew.
pub(super) fn made(repo: &Path, words: Vec<OsString>) -> CallToolResult {
    let line = [OsStr::new("clearance"), OsStr::new("--json"), OsStr::new("--repo"), repo.as_os_str()];
    let line: Vec<OsString> = line.into_iter().map(OsStr::to_owned).chain(words).collect();
    isolated(|| {
        let answered = crate::answer(&line, true, Env::read().map(Env::unwatched));
        let mut answer = answered.result?;
        // Here as at the end of a process: local success is told whatever becomes of it.
        let undelivered = answered.last.deliver();
        answer.problems.extend(
            undelivered.map(|line| Problem { code: "sync_diagnostic", ..Problem::warning(line.trim_end()) }),
        );
        told(&answer)
    })
}

/// A bug in one call is the failure of that call, and not the end of the server.
fn isolated(call: impl FnOnce() -> Result<CallToolResult, Failure>) -> CallToolResult {
    let result = catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| Err(Failure::bug(&*panic)));
    result.unwrap_or_else(|failure| refused(&failure))
}

/// A client has no `--help` to look at.
fn for_client(mut failure: Value) -> Value {
    let help = failure["help"].as_str().and_then(|help| help.strip_suffix(args::SEE_HELP));
    if let Some(help) = help {
        let tips = help.lines().filter(|line| !line.starts_with("Usage:"));
        let own = "nothing was done; tools/list says what each tool takes";
        failure["help"] = tips.chain([own]).collect::<Vec<_>>().join("\n").into();
    }
    failure
}

/// An answer, whatever it says: a gate that is closed is no failure of the one who looked.
fn told(answer: &Answer) -> Result<CallToolResult, Failure> {
    let said: Value = serde_json::from_str(&answer.stdout)
        .map_err(|error| Failure::bug(&format!("an answer that is no JSON: {error}")))?;
    let value = json!({
        "exit_code": answer.status.code(),
        "meaning": meaning(answer.status),
        "answer": said,
        "problems": answer.problems.iter().map(problem).collect::<Vec<_>>(),
    });
    Ok(result(value, false))
}

/// Why there is no answer, in the words of `clearance.error/v1`.
pub(super) fn refused(failure: &Failure) -> CallToolResult {
    result(for_client(failure.json()), true)
}

fn result(value: Value, is_error: bool) -> CallToolResult {
    // For who shows the text: what a terminal would obey is escaped there.
    let content = vec![ContentBlock::text(reports::shown(&value))];
    let mut result = if is_error { CallToolResult::error(content) } else { CallToolResult::success(content) };
    result.structured_content = Some(value);
    result
}

fn problem(problem: &Problem) -> Value {
    let Problem { code, message, help, .. } = problem;
    json!({ "code": code, "severity": severity(problem), "message": message, "help": help })
}

fn meaning(status: ExitStatus) -> &'static str {
    ExitStatus::TABLE.iter().find(|(other, _)| *other == status).map_or("", |(_, meaning)| meaning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_the_failure_of_its_call() {
        let result = isolated(|| panic!("a slip"));
        let said = result.structured_content.unwrap();
        assert_eq!(
            (result.is_error, &said["error"], &said["exit_code"]),
            (Some(true), &json!("bug"), &json!(101))
        );
        assert!(said["message"].as_str().unwrap().contains("a slip"));
    }

    #[test]
    fn what_is_shown_commands_no_terminal_and_says_the_same() {
        let value = json!({ "message": "a\u{9b}31mb\u{1b}[0m" });
        let result = result(value.clone(), false);
        let ContentBlock::Text(text) = &result.content[0] else { panic!("{result:?}") };
        assert!(!text.text.contains(['\u{9b}', '\u{1b}']), "{}", text.text);
        assert_eq!(serde_json::from_str::<Value>(&text.text).unwrap(), value);
    }
}
