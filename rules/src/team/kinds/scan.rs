//! `scan`: text that must or must not occur in files.

use std::time::Duration;

use clearance_engine::finding::Location;
use clearance_engine::item::Unanswered;
use globset::{GlobSet, GlobSetBuilder};
use regex::Regex;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{Asked, Capability, Compiling, Hit, Kind, WrittenKind};
use crate::team::expression::{Expression, Scope, Value, matcher, pattern, worked};
use crate::team::types::Type;
use crate::team::world::{Lines, SeenFile, Unknown, World};
use crate::team::yaml::{At, OneOrMany, RuleError};

/// Findings of one rule that are told; more of them help nobody.
const MOST: usize = 1_000;

/// The processor time of one search.
const TIME: Duration = Duration::from_secs(30);
/// Lines after which the time is looked at; and how long a line is that is looked at alone, in bytes.
const LINES_A_LOOK: usize = 256;
const LONG: usize = 4096;

/// What stands for a text that must not be shown.
const REDACTED: &str = "[redacted]";

/// A search for text.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Scan")]
pub struct Written {
    /// Patterns of paths: `*` stays inside a directory, `**` does not.
    pub files: OneOrMany,
    /// Which lines are looked at.
    pub lines: Lines,
    /// What must not occur, as patterns of one line.
    #[serde(default)]
    pub forbid: OneOrMany,
    /// What must occur in each file, as patterns of one line.
    #[serde(default)]
    pub require: OneOrMany,
    /// Lines on which nothing is found.
    #[serde(default)]
    pub allow: OneOrMany,
    /// Whether what was found is kept out of every report.
    #[serde(default)]
    pub redact: bool,
}

#[derive(Debug)]
struct Scan {
    files: GlobSet,
    lines: Lines,
    forbid: Vec<Regex>,
    require: Vec<Regex>,
    allow: Vec<Regex>,
    redact: bool,
}

impl WrittenKind for Written {
    fn compile(&self, compiling: &Compiling<'_>) -> Result<Box<dyn Kind>, RuleError> {
        let whole = |value: &At<String>, why: String| compiling.error(&value.span, why, None);
        let regexes = |written: &OneOrMany| -> Result<Vec<Regex>, RuleError> {
            written.0.iter().map(|text| pattern(&text.value).map_err(|why| whole(text, why))).collect()
        };
        for pattern in self.forbid.0.iter().chain(&self.allow.0).chain(&self.require.0) {
            let regex = pattern_of(pattern).map_err(|why| whole(pattern, why))?;
            if regex.is_match("") {
                let help = "it is found on every line; to find a line with nothing on it, write `^$`";
                if pattern.value != "^$" {
                    return Err(compiling.error(
                        &pattern.span,
                        "this pattern is found in nothing",
                        Some(help),
                    ));
                }
            }
        }
        if self.files.0.is_empty() {
            let help = "`files: \"**\"` looks at all of them";
            return Err(compiling.error(compiling.check, "this looks at no file", Some(help)));
        }
        if let Some(never) =
            self.files.0.iter().find(|glob| glob.value.starts_with(['/', '!']) || glob.value.contains(".."))
        {
            let help = "paths begin at the top of the repository, without `/`; leave out what must not be looked at by a rule of its own";
            return Err(compiling.error(&never.span, "no path is ever like this", Some(help)));
        }
        let mut files = GlobSetBuilder::new();
        for glob in &self.files.0 {
            files.add(matcher(&glob.value).map_err(|why| whole(glob, why))?.glob().clone());
        }
        let nowhere = self.files.0.first().map_or(0..0, |glob| glob.span.clone());
        if self.forbid.0.is_empty() && self.require.0.is_empty() {
            let help = "add `forbid:` or `require:`";
            return Err(compiling.error(&nowhere, "this looks for nothing", Some(help)));
        }
        if self.lines == Lines::Added && !self.require.0.is_empty() {
            let help = "with `require:`, write `lines: changed-files` or `lines: all`";
            let at = &self.require.0[0].span;
            return Err(compiling.error(at, "nothing can be required of added lines alone", Some(help)));
        }
        Ok(Box::new(Scan {
            files: files.build().map_err(|error| compiling.error(&nowhere, error.to_string(), None))?,
            lines: self.lines,
            forbid: regexes(&self.forbid)?,
            require: regexes(&self.require)?,
            allow: regexes(&self.allow)?,
            redact: self.redact,
        }))
    }
}

impl Kind for Scan {
    fn capability(&self) -> Capability {
        Capability::Data
    }

    fn names(&self) -> Vec<(&'static str, Type)> {
        let fields =
            [("path", Type::Text), ("line", Type::Int), ("text", Type::Text), ("pattern", Type::Text)];
        vec![("match", Type::record(fields))]
    }

    fn answers(&self) -> bool {
        true
    }

    fn expressions(&self) -> Vec<&Expression> {
        Vec::new()
    }

    fn ask(&self, _: &Scope<'_>, world: &dyn World) -> Result<Asked, Unknown> {
        let files = world.lines(self.lines, &|path| self.files.is_match(path))?;
        let mut hits = Vec::new();
        let started = worked();
        for file in &files {
            self.look_at(file, &mut hits, started)?;
            let mut found = hits.iter().filter(|hit| !hit.holds);
            if let (Some(first), Some(_)) = (found.next(), found.nth(MOST - 1)) {
                let why = format!("more than {MOST} places do not hold: the first is {}", first.key);
                return Err(Unanswered::new(why).into());
            }
        }
        Ok(Asked::Items(hits))
    }
}

impl Scan {
    fn look_at(&self, file: &SeenFile, hits: &mut Vec<Hit>, started: Duration) -> Result<(), Unanswered> {
        let allowed = |text: &str| self.allow.iter().any(|allow| allow.is_match(text));
        let before = hits.len();
        for (number, text) in file.lines() {
            let is_time =
                (number % LINES_A_LOOK == 1 || text.len() > LONG) && worked().saturating_sub(started) > TIME;
            if is_time {
                let seconds = TIME.as_secs();
                return Err(Unanswered::new(format!(
                    "the search took longer than {seconds} s; it was in {}",
                    file.path
                )));
            }
            let found = self.forbid.iter().find_map(|forbid| Some((forbid, forbid.find(text)?)));
            let Some((forbid, found)) = found.filter(|_| !allowed(text)) else { continue };
            let shown = if self.redact { REDACTED } else { found.as_str() };
            hits.push(hit(&file.path, Some(number), shown, forbid, Some(text).filter(|_| !self.redact)));
        }
        for require in self.require.iter().filter(|_| !file.binary) {
            if !file.lines().any(|(_, text)| require.is_match(text)) {
                hits.push(hit(&file.path, None, "", require, None));
            }
        }
        if hits.len() == before {
            let (key, at) = (file.path.clone(), None);
            hits.push(Hit { key, holds: true, values: Vec::new(), at, line: None });
        }
        Ok(())
    }
}

fn pattern_of(written: &At<String>) -> Result<Regex, String> {
    pattern(&written.value)
}

fn hit(path: &str, line: Option<usize>, text: &str, pattern: &Regex, shown: Option<&str>) -> Hit {
    let key = line.map_or_else(|| path.to_owned(), |line| format!("{path}:{line}"));
    let found = json!({ "path": path, "line": line.unwrap_or(0), "text": text, "pattern": pattern.as_str() });
    Hit {
        key,
        holds: false,
        values: vec![("match", Value::from(&found))],
        at: Some(Location { name: path.to_owned(), line }),
        line: shown.map(str::to_owned),
    }
}
