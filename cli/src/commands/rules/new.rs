//! `clearance rules new`: a rule to begin with, which passes its own tests.

use std::io::Write as _;

use clearance_engine::registry::{Registry, is_kebab_case};
use clearance_rules::team::rule::RESERVED;
use serde_json::json;

use crate::args::Global;
use crate::args::rules::{NewKind, RulesNewArgs};
use crate::commands::{Answer, target};
use crate::env::Env;
use crate::failure::Failure;
use crate::output::reports;

/// What a rule of each kind begins with; `ID` stands for its id.
const ASSERT: &str = include_str!("new/assert.yaml");
const EACH: &str = include_str!("new/each.yaml");
const SCAN: &str = include_str!("new/scan.yaml");
const EXEC: &str = include_str!("new/exec.yaml");
const HTTP: &str = include_str!("new/http.yaml");
const DRIFT: &str = include_str!("new/drift.yaml");
const RESOLVER: &str = include_str!("new/resolver.yaml");

pub(super) fn run(
    args: &RulesNewArgs,
    global: &Global,
    env: &Env,
    registry: &Registry,
) -> Result<Answer, Failure> {
    let id = &args.id;
    if !is_kebab_case(id)
        || !(3..=64).contains(&id.len())
        || !id.starts_with(|c: char| c.is_ascii_lowercase())
    {
        let help = "3 to 64 lower-case letters and digits, joined by `-`: wp-has-owner";
        return Err(Failure::usage("bad_rule_id", format!("`{id}` is no id for a rule"), help));
    }
    let taken = registry
        .checks()
        .iter()
        .map(|entry| entry.id)
        .chain(registry.strategies().iter().map(|entry| entry.id));
    if taken.chain(RESERVED).any(|taken| taken == id) {
        let help = "take another id; those that are taken: clearance rules list";
        return Err(Failure::usage("rule_exists", format!("`{id}` is taken"), help));
    }
    let repo = target::repository(global, env)?;
    let directory = repo.caller_root().join("rules.d");
    let name = format!("rules.d/{id}.yaml");
    let template = match args.kind {
        NewKind::Assert => ASSERT,
        NewKind::Each => EACH,
        NewKind::Scan => SCAN,
        NewKind::Exec => EXEC,
        NewKind::Http => HTTP,
        NewKind::Drift => DRIFT,
        NewKind::Resolver => RESOLVER,
    };
    let path = directory.join(format!("{id}.yaml"));
    // A link that leads elsewhere is not followed: nothing is written outside the repository.
    let led_away = directory.canonicalize().is_ok_and(|real| !real.starts_with(repo.caller_root()));
    if led_away {
        return Err(Failure::usage(
            "rules_elsewhere",
            "rules.d leads out of the repository",
            "make it a directory of the repository",
        ));
    }
    let written = std::fs::create_dir_all(&directory)
        .and_then(|()| std::fs::OpenOptions::new().write(true).create_new(true).open(&path))
        .and_then(|mut file| file.write_all(template.replace("ID", id).as_bytes()));
    match written {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let help = "take another id, or edit that file";
            return Err(Failure::usage("rule_exists", format!("{name} is there already"), help));
        }
        Err(error) => return Err(Failure::undecided("not_written", format!("{name}: {error}"))),
    }
    let value =
        json!({ "schema": "clearance.rules-new/v1", "command": "rules new", "exit_code": 0, "file": name });
    let next = "write what it asks, then: clearance rules test, clearance rules lint, clearance check --rules-from head";
    let stdout = if reports::json_on_stdout(global) {
        format!("{}\n", reports::shown(&value))
    } else {
        format!("{name}\n{next}\n")
    };
    Ok(Answer { reports: reports::files(&global.report, &value, None), ..Answer::text(stdout) })
}
