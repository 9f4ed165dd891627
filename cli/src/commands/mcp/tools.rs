//! The tools, each a command: how clients are told of them, and how a question becomes a command line.

use std::ffi::OsString;
use std::sync::Arc;

use rmcp::handler::server::common::schema_for_input;
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::questions::{Check, Explain, MarkStatus, MergeDryRun, Move, RulesList, Status};
use crate::failure::Failure;

/// The tools, in the order in which they are shown.
pub(super) const TOOLS: &[Definition] = &[
    definition::<Check>(),
    definition::<MergeDryRun>(),
    definition::<Status>(),
    definition::<MarkStatus>(),
    definition::<Move>(),
    definition::<Explain>(),
    definition::<RulesList>(),
];

/// A tool.
pub(super) struct Definition {
    pub(super) told: Told,
    schema: fn() -> Arc<JsonObject>,
    /// The command and its arguments, or what is wrong with the question.
    pub(super) words: fn(JsonObject) -> Result<Vec<OsString>, Failure>,
}

/// The tool of this name.
pub(super) fn named(name: &str) -> Option<&'static Definition> {
    TOOLS.iter().find(|tool| tool.told.name == name)
}

impl Definition {
    /// As clients are told of it.
    pub(super) fn tool(&self) -> Tool {
        let Told { name, title, about, hints } = &self.told;
        let hints = ToolAnnotations::with_title(*title)
            .read_only(hints.reads_only)
            .destructive(false)
            .idempotent(hints.idempotent)
            .open_world(hints.open);
        Tool::new(*name, *about, (self.schema)())
            .with_title(*title)
            .with_annotations(hints)
            .with_raw_output_schema(Arc::new(output()))
    }
}

/// What clients are told of a tool.
pub(super) struct Told {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    pub(super) hints: Hints,
}

/// What a client may tell people of a tool before it is called.
pub(super) struct Hints {
    pub(super) reads_only: bool,
    pub(super) idempotent: bool,
    /// Whether others than the repository may be asked or told.
    pub(super) open: bool,
}

pub(super) const LOOKS: Hints = Hints { reads_only: true, idempotent: true, open: false };
pub(super) const ASKS: Hints = Hints { open: true, ..LOOKS };

/// A question to a tool.
pub(super) trait Question: DeserializeOwned + JsonSchema + 'static {
    const TOLD: Told;

    fn words(self) -> Words;
}

const fn definition<Q: Question>() -> Definition {
    Definition {
        told: Q::TOLD,
        schema: || schema_for_input::<Q>().unwrap_or_default(),
        words: |arguments| read::<Q>(arguments).map(|question| question.words().0),
    }
}

fn read<Q: Question>(arguments: JsonObject) -> Result<Q, Failure> {
    let value = Value::Object(arguments);
    Q::deserialize(&value).map_err(|error| {
        let error = error.to_string();
        let place = at_fault::<Q>(&value, &error).map(|name| format!("`{name}`: ")).unwrap_or_default();
        let schema = schema_for_input::<Q>().unwrap_or_default();
        let names = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
        let names: Vec<_> = names.map(|(name, _)| name.as_str()).collect();
        let help = format!("nothing was done; {} takes {}", Q::TOLD.name, names.join(", "));
        Failure::usage("usage", format!("{place}{error}"), help)
    })
}

/// The parameter that is not as it must be: without it there is another error, or none.
fn at_fault<'a, Q: Question>(value: &'a Value, error: &str) -> Option<&'a str> {
    const MOST: usize = 32;
    let without = |name: &str| {
        let rest = value.as_object()?.iter().filter(|(other, _)| *other != name);
        let rest: JsonObject = rest.map(|(name, value)| (name.clone(), value.clone())).collect();
        Q::deserialize(Value::Object(rest)).err()
    };
    // A name that is not known is in the error already.
    let names = value.as_object()?.keys().filter(|_| !error.starts_with("unknown field")).take(MOST);
    let mut names = names.filter(|name| without(name).is_none_or(|other| other.to_string() != error));
    names.next().map(String::as_str)
}

/// Words of a command line, made so that no value can be taken for an option.
pub(super) struct Words(Vec<OsString>);

impl Words {
    pub(super) fn of(command: &[&str]) -> Self {
        Self(command.iter().map(OsString::from).collect())
    }

    pub(super) fn option(mut self, name: &str, value: Option<&String>) -> Self {
        self.0.extend(value.map(|value| format!("--{name}={value}").into()));
        self
    }

    pub(super) fn options(self, name: &str, values: &[String]) -> Self {
        values.iter().fold(self, |words, value| words.option(name, Some(value)))
    }

    pub(super) fn switch(mut self, name: &str, on: bool) -> Self {
        self.0.extend(on.then(|| format!("--{name}").into()));
        self
    }

    /// What stands alone, behind the mark after which nothing is an option.
    pub(super) fn behind(mut self, values: impl IntoIterator<Item = String>) -> Self {
        self.0.push("--".into());
        self.0.extend(values.into_iter().map(OsString::from));
        self
    }

    pub(super) fn commit(self, wanted: Option<bool>) -> Self {
        self.switch("auto-commit", wanted == Some(true)).switch("no-auto-commit", wanted == Some(false))
    }
}

/// What every tool answers, when it answers.
fn output() -> JsonObject {
    let problem = json!({
        "type": "object",
        "required": ["code", "severity", "message", "help"],
        "properties": {
            "code": { "type": "string" },
            "severity": { "enum": ["error", "warning", "note"] },
            "message": { "type": "string" },
            "help": { "type": ["string", "null"] },
        },
    });
    let schema = json!({
        "type": "object",
        "required": ["exit_code", "meaning", "answer", "problems"],
        "properties": {
            "exit_code": { "enum": [0, 1, 2, 3, 4], "description": "What the command would exit with; only 0 is cleared or done." },
            "meaning": { "type": "string", "description": "What the exit code means." },
            "answer": { "type": "object", "description": "What the command prints with --json." },
            "problems": { "type": "array", "items": problem, "description": "What the command prints on standard error." },
        },
    });
    match schema {
        Value::Object(schema) => schema,
        _ => JsonObject::new(),
    }
}
