//! `scan`: text that must or must not occur in files.

use std::ops::Range;
use std::time::Duration;

use clearance_engine::finding::Location;
use clearance_engine::item::Unanswered;
use globset::{GlobSet, GlobSetBuilder};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{Asked, Capability, Compiling, Hit, Kind, WrittenKind};
use crate::team::expression::{Expression, Scope, Value, matcher, pattern};
use crate::team::search::{Clock, OutOfTime, Pattern};
use crate::team::types::Type;
use crate::team::world::{Lines, SeenFile, Unknown, World};
use crate::team::yaml::{At, OneOrMany, RuleError};

/// Findings of one rule that are told; more of them help nobody.
const MOST: usize = 1_000;

/// The processor time of one search.
const TIME: Duration = Duration::from_secs(30);

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
    forbid: Vec<Pattern>,
    require: Vec<Pattern>,
    allow: Vec<Pattern>,
    redact: bool,
}

impl WrittenKind for Written {
    fn compile(&self, compiling: &Compiling<'_>) -> Result<Box<dyn Kind>, RuleError> {
        let whole = |value: &At<String>, why: String| compiling.error(&value.span, why, None);
        let patterns = |written: &OneOrMany| -> Result<Vec<Pattern>, RuleError> {
            written.0.iter().map(|text| looked_for(compiling, text)).collect()
        };
        let (forbid, allow) = (patterns(&self.forbid)?, patterns(&self.allow)?);
        let require = patterns(&self.require)?;
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
            forbid,
            require,
            allow,
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

    fn is_about_files(&self) -> bool {
        // What is kept out of reports looks the same wherever it is found.
        !self.redact
    }

    fn expressions(&self) -> Vec<&Expression> {
        Vec::new()
    }

    fn ask(&self, _: &Scope<'_>, world: &dyn World) -> Result<Asked, Unknown> {
        let files = world.lines(self.lines, &|path| self.files.is_match(path))?;
        self.search(&files, &Clock::of(TIME))
    }
}

impl Scan {
    fn search(&self, files: &[SeenFile], clock: &Clock) -> Result<Asked, Unknown> {
        let mut hits = Vec::new();
        for (nth, file) in files.iter().enumerate() {
            self.look_at(file, &mut hits, clock).map_err(|OutOfTime| {
                let (seconds, left, path) = (TIME.as_secs(), files.len() - nth - 1, &file.path);
                let others = match left {
                    0 => String::new(),
                    1 => ", and another file not at all".to_owned(),
                    left => format!(", and {left} other files not at all"),
                };
                let why = format!("the search took longer than {seconds} s");
                Unanswered::new(format!("{why}: {path} was not looked at to its end{others}"))
            })?;
            let mut found = hits.iter().filter(|hit| !hit.holds);
            if let (Some(first), Some(_)) = (found.next(), found.nth(MOST - 1)) {
                let why = format!("more than {MOST} places do not hold: the first is {}", first.key);
                return Err(Unanswered::new(why).into());
            }
        }
        Ok(Asked::Items(hits))
    }

    fn look_at(&self, file: &SeenFile, hits: &mut Vec<Hit>, clock: &Clock) -> Result<(), OutOfTime> {
        let before = hits.len();
        for (number, text) in file.lines() {
            let Some((forbid, found)) = first(&self.forbid, text, clock)? else { continue };
            if first(&self.allow, text, clock)?.is_some() {
                continue;
            }
            let shown = if self.redact { REDACTED } else { &text[found] };
            hits.push(hit(&file.path, Some(number), shown, forbid, Some(text).filter(|_| !self.redact)));
        }
        for require in self.require.iter().filter(|_| !file.binary) {
            let mut there = false;
            for (_, text) in file.lines() {
                there = require.find(text, clock)?.is_some();
                if there {
                    break;
                }
            }
            if !there {
                hits.push(hit(&file.path, None, "", require, None));
            }
        }
        if hits.len() == before {
            let (key, at) = (file.path.clone(), None);
            hits.push(Hit { key, holds: true, values: Vec::new(), at, line: None, said: None });
        }
        Ok(())
    }
}

/// The first of the patterns that is found, and where.
fn first<'p>(
    patterns: &'p [Pattern],
    text: &str,
    clock: &Clock,
) -> Result<Option<(&'p Pattern, Range<usize>)>, OutOfTime> {
    for pattern in patterns {
        if let Some(found) = pattern.find(text, clock)? {
            return Ok(Some((pattern, found)));
        }
    }
    Ok(None)
}

/// A pattern, as it is written.
fn looked_for(compiling: &Compiling<'_>, written: &At<String>) -> Result<Pattern, RuleError> {
    let regex = pattern(&written.value).map_err(|why| compiling.error(&written.span, why, None))?;
    if regex.is_match("") && written.value != "^$" {
        let help = "it is found on every line; to find a line with nothing on it, write `^$`";
        return Err(compiling.error(&written.span, "this pattern is found in nothing", Some(help)));
    }
    Ok(Pattern::new(regex))
}

fn hit(path: &str, line: Option<usize>, text: &str, pattern: &Pattern, shown: Option<&str>) -> Hit {
    let key = line.map_or_else(|| path.to_owned(), |line| format!("{path}:{line}"));
    let found = json!({ "path": path, "line": line.unwrap_or(0), "text": text, "pattern": pattern.as_str() });
    Hit {
        key,
        holds: false,
        values: vec![("match", Value::from(&found))],
        at: Some(Location { name: path.to_owned(), line }),
        line: shown.map(str::to_owned),
        said: None,
    }
}
