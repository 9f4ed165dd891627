//! The names that a rule gives: parameters, files, expressions.

use std::ops::Range;

use clearance_engine::source::Source;
use serde_json::Value as Json;

use crate::team::expression::Expression;
use crate::team::intern::intern;
use crate::team::kinds::Compiling;
use crate::team::template::Template;
use crate::team::types::{Names, Type};
use crate::team::written::{WrittenData, WrittenParam, WrittenRule};
use crate::team::yaml::{At, InOrder, RuleError};

/// Most names under `let:`, `params:` and `data:` each.
const MOST_NAMES: usize = 64;

/// A file of what is gated, under a name.
#[derive(Debug)]
pub(in crate::team) struct DataFile {
    pub(in crate::team) name: String,
    pub(in crate::team) file: Template,
    pub(in crate::team) optional: bool,
}

/// Adds names, none of which may stand for something already.
pub(super) fn add(
    source: &Source,
    at: &Range<usize>,
    added: impl IntoIterator<Item = (String, Type)>,
    names: &mut Names,
) -> Result<(), RuleError> {
    for (name, of) in added {
        let is_name = !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            && !name.starts_with(|c: char| c.is_ascii_digit());
        if !is_name {
            let help = Some("lower-case letters, digits and `_`".to_owned());
            return Err(RuleError::new(source, at.clone(), format!("`{name}` is no name"), help));
        }
        if names.has(&name) {
            let help = Some("take another name".to_owned());
            return Err(RuleError::new(
                source,
                at.clone(),
                format!("`{name}` stands for something already"),
                help,
            ));
        }
        names.add(name, of);
    }
    Ok(())
}

fn few<T>(source: &Source, at: &Range<usize>, what: &str, names: &InOrder<T>) -> Result<(), RuleError> {
    if names.0.len() <= MOST_NAMES {
        return Ok(());
    }
    let message = format!("`{what}:` has {} names; at most {MOST_NAMES} are read", names.0.len());
    Err(RuleError::new(source, at.clone(), message, None))
}

pub(super) fn params(
    source: &Source,
    written: &WrittenRule,
    names: &mut Names,
) -> Result<Vec<(String, Json)>, RuleError> {
    let nowhere = written.id.span.clone();
    few(source, &nowhere, "params", &written.params)?;
    let mut params = Vec::new();
    let mut types = Vec::new();
    for (name, At { value, span }) in &written.params.0 {
        let param: WrittenParam = serde_json::from_value(value.clone()).map_err(|error| {
            let help =
                Some("write `{ type: int, default: 1 }`; types are string, int, bool, list".to_owned());
            RuleError::new(
                source,
                named_in(source, span, &error.to_string()),
                format!("`{name}`: {error}"),
                help,
            )
        })?;
        if !param.kind.fits(&param.default) {
            let message = format!("the default of `{name}` is not of type {}", param.kind.name());
            let at = named_in(
                source,
                span,
                &format!(
                    "`{}`",
                    param.default.as_str().map_or_else(|| param.default.to_string(), str::to_owned)
                ),
            );
            return Err(RuleError::new(source, at, message, None));
        }
        types.push((intern(name), param.kind.of()));
        params.push((name.clone(), param.default));
    }
    add(source, &nowhere, [("params".to_owned(), Type::record(types))], names)?;
    Ok(params)
}

/// Where the word in backquotes that an error begins with stands in a value; the whole value where it does not.
fn named_in(source: &Source, span: &Range<usize>, error: &str) -> Range<usize> {
    let word = error.split('`').nth(1).filter(|word| !word.is_empty());
    let raw = source.text().get(span.start..).unwrap_or_default();
    let line_end = raw.find('\n').unwrap_or(raw.len()).max(span.len().min(raw.len()));
    let found = word.and_then(|word| Some((raw[..line_end].find(word)?, word.len())));
    found.map_or_else(|| span.clone(), |(at, length)| span.start + at..span.start + at + length)
}

pub(super) fn data(
    source: &Source,
    written: &InOrder<At<WrittenData>>,
    names: &mut Names,
) -> Result<Vec<DataFile>, RuleError> {
    let nowhere = written.0.first().map_or(0..0, |(_, first)| first.span.clone());
    few(source, &nowhere, "data", written)?;
    let mut files = Vec::new();
    for (name, At { value, span }) in &written.0 {
        let file = Compiling { source, names, check: &(0..0) }.template(&value.file)?;
        files.push(DataFile { name: name.clone(), file, optional: value.optional });
        add(source, span, [(name.clone(), Type::Any)], names)?;
    }
    Ok(files)
}

pub(super) fn named(
    source: &Source,
    written: &InOrder<At<String>>,
    names: &mut Names,
) -> Result<Vec<(String, Expression)>, RuleError> {
    let nowhere = written.0.first().map_or(0..0, |(_, first)| first.span.clone());
    few(source, &nowhere, "let", written)?;
    let mut expressions = Vec::new();
    for (name, value) in &written.0 {
        let expression = Compiling { source, names, check: &(0..0) }.expression(value)?;
        add(source, &value.span, [(name.clone(), expression.gives().clone())], names)?;
        expressions.push((name.clone(), expression));
    }
    Ok(expressions)
}
