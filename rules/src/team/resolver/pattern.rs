//! The pattern of a resolver: which part of a line is the ID, and which is the state.

use std::ops::Range;

use clearance_engine::id::tokens;
use clearance_engine::source::Source;
use regex::{Regex, RegexBuilder};
use regex_syntax::ast::{self, Span};
use regex_syntax::hir::{Hir, HirKind};

use crate::team::nearest;
use crate::team::yaml::{At, RuleError, place_in};

/// Longest pattern, in bytes.
pub const LONGEST: usize = 4 << 10;

/// Largest compiled pattern, in bytes.
const LARGEST: usize = 1 << 20;

/// The groups that a pattern must have, and how each is written.
const REQUIRED: [(&str, &str); 2] = [
    ("id", r"name the part that holds the ID: `(?<id>T\d+)`"),
    ("state", "name the part that holds the state: `(?<state>TODO|DONE)`"),
];

/// A pattern with the groups `id` and `state`.
#[derive(Debug)]
pub(super) struct Pattern {
    regex: Regex,
    /// What its group `state` matches, alone; `None` where that depends on what stands around it.
    state: Option<Regex>,
}

/// Where a pattern found an ID and its state, in bytes of the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Groups {
    pub(super) id: Range<usize>,
    pub(super) state: Range<usize>,
}

impl Pattern {
    pub(super) fn compile(source: &Source, written: &At<String>) -> Result<Self, RuleError> {
        let text = written.value.as_str();
        let refused = |message: String, at: Range<usize>, help: Option<&str>| {
            RuleError::new(source, place_in(source, written, at), message, help.map(str::to_owned))
        };
        if text.len() > LONGEST {
            let message = format!("a pattern may have {LONGEST} bytes, and this one has {}", text.len());
            return Err(refused(message, 0..text.len(), None));
        }
        let tree = regex_syntax::parse(text).map_err(|error| {
            let (message, span, help) = syntax(&error);
            refused(message, span.unwrap_or(0..text.len()), help)
        })?;
        let whole = RegexBuilder::new(text).size_limit(LARGEST).build();
        let regex = whole.map_err(|error| {
            let help = "repetitions of repetitions and of classes such as `\\w` make it so; write `{2,9}` with smaller numbers";
            refused(error.to_string(), 0..text.len(), Some(help))
        })?;
        for (name, example) in REQUIRED {
            has_group(&regex, name).map_err(|near| {
                let at = near.as_deref().and_then(|near| Some((text.find(&format!("<{near}>"))?, near)));
                let help = match &at {
                    Some((_, near)) => format!("did you mean `(?<{name}>` in place of `(?<{near}>`?"),
                    None => example.to_owned(),
                };
                let at = at.map_or(0..text.len(), |(start, near)| start + 1..start + 1 + near.len());
                refused(format!("the pattern has no group `{name}`"), at, Some(&help))
            })?;
        }
        Ok(Self { regex, state: group(&tree, "state").and_then(alone) })
    }

    /// Whether its group `state` can be this text, as far as can be told without a line.
    pub(super) fn may_say(&self, state: &str) -> bool {
        self.state.as_ref().is_none_or(|alone| alone.is_match(state))
    }

    /// The first match on a line that has both.
    pub(super) fn find(&self, line: &str) -> Option<Groups> {
        let found = self.regex.captures(line)?;
        let (id, state) = (found.name("id")?.range(), found.name("state")?.range());
        Some(Groups { id, state })
    }

    /// Whether the line with another state would be found again, with the same ID in the same place.
    pub(super) fn keeps(&self, line: &str, found: &Groups, state: &str) -> bool {
        let Groups { id, state: old } = found;
        if id.start < old.end && old.start < id.end {
            return false;
        }
        let mut written = line.to_owned();
        written.replace_range(old.clone(), state);
        let moved = if id.start >= old.end {
            id.start - old.len() + state.len()..id.end - old.len() + state.len()
        } else {
            id.clone()
        };
        let expected = Groups { id: moved.clone(), state: old.start..old.start + state.len() };
        // A state right beside the ID may make another word of it.
        let is_word = || {
            tokens(&written, 0, written.len())
                .any(|token| (token.start, token.end) == (moved.start, moved.end))
        };
        self.find(&written) == Some(expected) && is_word()
    }
}

/// What is wrong with a pattern, where, and what helps.
fn syntax(error: &regex_syntax::Error) -> (String, Option<Range<usize>>, Option<&'static str>) {
    let bytes = |span: &Span| span.start.offset..span.end.offset;
    match error {
        regex_syntax::Error::Parse(error) => {
            let (message, help) = match error.kind() {
                ast::ErrorKind::UnsupportedLookAround => (
                    "Rust's regex has no look-around: no `(?=`, `(?!`, `(?<=` and `(?<!`".to_owned(),
                    Some("match what stands there, outside of the groups `id` and `state`, or use `\\b`"),
                ),
                ast::ErrorKind::UnsupportedBackreference => {
                    ("Rust's regex has no back-references".to_owned(), None)
                }
                kind => (format!("no regular expression: {kind}"), None),
            };
            (message, Some(bytes(error.span())), help)
        }
        regex_syntax::Error::Translate(error) => {
            (format!("no regular expression: {}", error.kind()), Some(bytes(error.span())), None)
        }
        other => (format!("no regular expression: {other}"), None, None),
    }
}

/// Whether the pattern has a group of this name; the error is the name that was probably meant.
fn has_group(regex: &Regex, name: &str) -> Result<(), Option<String>> {
    let named: Vec<&str> = regex.capture_names().flatten().collect();
    if named.contains(&name) {
        return Ok(());
    }
    let mut others: Vec<&str> =
        named.into_iter().filter(|other| *other != "id" && *other != "state").collect();
    let like = others.iter().copied().find(|other| other.to_lowercase().contains(name));
    let near = like.or_else(|| nearest(name, others.iter().copied()));
    // A single other one is what was meant.
    let only = if others.len() == 1 { others.pop() } else { None };
    Err(near.or(only).map(str::to_owned))
}

/// What is inside a named group.
fn group<'h>(tree: &'h Hir, name: &str) -> Option<&'h Hir> {
    match tree.kind() {
        HirKind::Capture(capture) if capture.name.as_deref() == Some(name) => Some(&capture.sub),
        HirKind::Capture(capture) => group(&capture.sub, name),
        HirKind::Repetition(repetition) => group(&repetition.sub, name),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().find_map(|part| group(part, name))
        }
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => None,
    }
}

/// A pattern for a whole text, of a part of a pattern. One that looks at what stands around it has no meaning alone.
fn alone(part: &Hir) -> Option<Regex> {
    let looks = !part.properties().look_set().is_empty();
    let whole = RegexBuilder::new(&format!(r"\A(?:{part})\z")).size_limit(LARGEST).build();
    if looks { None } else { whole.ok() }
}
