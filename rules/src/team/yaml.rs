//! The only file of the rules that names a YAML crate: text into types, every value with its place, within limits.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::ops::Range;

use clearance_engine::source::Source;
use miette::{NamedSource, SourceSpan};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{DeserializeOwned, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::{Budget, Options, Spanned};

/// Longest file.
pub const LONGEST: u64 = 64 << 10;
/// Deepest nesting.
const DEEPEST: usize = 24;

/// A value and where it stands, in bytes of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Where it stands, quotes included.
    pub span: Range<usize>,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value, referenced, .. } = Spanned::deserialize(deserializer)?;
        let span = referenced.span();
        let start = span.byte_offset().map_or(0, |at| usize::try_from(at).unwrap_or(0));
        let length = span.byte_len().map_or(0, |length| usize::try_from(length).unwrap_or(0));
        Ok(Self { value, span: start..start + length })
    }
}

/// Names with values, in the order of the file; with the places of the names, where `K` keeps them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InOrder<V, K = String>(pub Vec<(K, V)>);

impl<V, K> Default for InOrder<V, K> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, V: Deserialize<'de>, K: Deserialize<'de>> Deserialize<'de> for InOrder<V, K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<V, K>(PhantomData<(V, K)>);

        impl<'de, V: Deserialize<'de>, K: Deserialize<'de>> Visitor<'de> for Entries<V, K> {
            type Value = InOrder<V, K>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("names with values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(InOrder(entries))
            }
        }

        deserializer.deserialize_map(Entries(PhantomData))
    }
}

/// One text, or several.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OneOrMany(pub Vec<At<String>>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let At { value, span } = At::deserialize(deserializer)?;
        Ok(Self(match value {
            Texts::One(value) => vec![At { value, span }],
            Texts::Many(texts) => texts,
        }))
    }
}

enum Texts {
    One(String),
    Many(Vec<At<String>>),
}

// By hand: an untagged enum would lose the places of the texts in a list.
impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Texts;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text or a list of texts: numbers, `yes` and `true` are texts in quotes only")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Texts, E> {
                Ok(Texts::One(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Texts, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = list.next_element()? {
                    texts.push(text);
                }
                Ok(Texts::Many(texts))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// A rule file that cannot be used, with the place.
#[derive(Debug, Clone, thiserror::Error, miette::Diagnostic)]
#[error("{name}:{line}: {message}")]
#[diagnostic(code(rule_invalid))]
pub struct RuleError {
    /// The file.
    pub name: String,
    /// 1-based.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    #[help]
    help: Option<String>,
    #[source_code]
    text: NamedSource<std::sync::Arc<str>>,
    #[label("here")]
    at: SourceSpan,
}

impl RuleError {
    /// An error at a place of a file.
    #[must_use]
    pub fn new(
        source: &Source,
        span: Range<usize>,
        message: impl Into<String>,
        help: Option<String>,
    ) -> Self {
        let line = source.line_of(span.start);
        let (text, at) = source.labelled(span);
        Self { name: source.name().to_owned(), line, message: message.into(), help, text, at }
    }

    /// What helps.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

impl<T: JsonSchema> JsonSchema for At<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl<V: JsonSchema, K> JsonSchema for InOrder<V, K> {
    fn schema_name() -> Cow<'static, str> {
        format!("Map_of_{}", V::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": generator.subschema_for::<V>() })
    }
}

impl JsonSchema for OneOrMany {
    fn schema_name() -> Cow<'static, str> {
        "OneOrMany".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] })
    }
}

/// Where a part of a text value stands in the file: quotes, escapes and the indentation of a block are passed over.
#[must_use]
pub fn place_in(source: &Source, value: &At<String>, part: Range<usize>) -> Range<usize> {
    let raw =
        &source.text()[value.span.start.min(source.text().len())..value.span.end.min(source.text().len())];
    if let Some(verbatim) = raw.find(&value.value).filter(|_| !value.value.is_empty()) {
        let start = value.span.start + verbatim;
        return start + part.start..start + part.end;
    }
    let is_block = raw.starts_with(['>', '|']);
    let mut at = if is_block { raw.find('\n').unwrap_or(0) } else { 0 };
    let mut start = None;
    let mut end = at;
    for (offset, character) in value.value.char_indices() {
        if offset >= part.end && start.is_some() {
            break;
        }
        // A line that is folded stands for a blank, and what comes between is YAML's own.
        let found = if character.is_whitespace() {
            raw[at..].find(char::is_whitespace)
        } else {
            raw[at..].find(character)
        };
        let Some(found) = found else { break };
        let here = at + found;
        if offset >= part.start && start.is_none() {
            start = Some(here);
        }
        end = here + raw[here..].chars().next().map_or(1, char::len_utf8);
        at = end;
    }
    let start = start.unwrap_or(end);
    value.span.start + start..value.span.start + end.max(start)
}

/// Reads a file.
///
/// # Errors
/// [`RuleError`] at the first place that does not fit.
pub fn read<T: DeserializeOwned>(source: &Source) -> Result<T, RuleError> {
    parse(source, source.text())
}

/// Reads a file of which the reader does not want one section, where that is the last: it takes longer than all others
/// together.
///
/// # Errors
/// As [`read`].
pub fn read_without<T: DeserializeOwned>(source: &Source, section: &str) -> Result<T, RuleError> {
    let before = before(source.text(), section);
    // Where the text before does not stand alone, the section is none, but a part of what stands before.
    before.and_then(|before| parse(source, before).ok()).map_or_else(|| read(source), Ok)
}

/// The text before a section, where nothing but its own lines follows. A line ends where all who read YAML see its end.
fn before<'t>(text: &'t str, section: &str) -> Option<&'t str> {
    let has_odd_line_ends = text.replace("\r\n", "").contains(['\r', '\u{85}', '\u{2028}', '\u{2029}']);
    let is_content = |line: &&str| !line.trim().is_empty() && !line.starts_with('#');
    let begins_with_name =
        text.lines().find(is_content).is_some_and(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
    if has_odd_line_ends || !begins_with_name {
        return None;
    }
    let begins = |line: &str| {
        let rest = line.strip_prefix(section).and_then(|rest| rest.strip_prefix(':'));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\r', '\n']))
    };
    let start = text.match_indices('\n').map(|(at, _)| at + 1).find(|at| begins(&text[*at..]))?;
    let is_inside = |line: &str| {
        line.trim().is_empty() || line.starts_with([' ', '#']) || line == "-" || line.starts_with("- ")
    };
    text[start..].lines().skip(1).all(is_inside).then(|| &text[..start])
}

fn parse<T: DeserializeOwned>(source: &Source, text: &str) -> Result<T, RuleError> {
    serde_saphyr::from_str_with_options(text, options()).map_err(|error| {
        let location = error.location();
        let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        // Where the text itself is at fault there is no offset; columns are counted in characters.
        let at = location.map_or(0, |at| match at.span().byte_offset() {
            Some(offset) => number(offset),
            None => in_line(source, number(at.line()), number(at.column())),
        });
        let at = at.min(source.text().len());
        let message = error.without_snippet().to_string();
        let message = message.split(" at line ").next().unwrap_or(&message).trim().to_owned();
        let help = unknown(&message).or_else(|| trap(source.text(), at));
        RuleError::new(source, word(source.text(), at), plain(&message), help)
    })
}

/// Reads YAML whose form is not known, within the same limits.
///
/// # Errors
/// What is wrong with it.
pub fn value(text: &str) -> Result<serde_json::Value, String> {
    serde_saphyr::from_str_with_options(text, options()).map_err(|error| error.without_snippet().to_string())
}

/// What the crate says, in words that are not its own.
fn plain(message: &str) -> String {
    const KNOWN: [(&str, &str); 12] = [
        ("Documents {", "a file has one rule: there is a second document behind `---`"),
        ("Aliases {", "aliases (`*name`) are not read in rules"),
        ("Anchors {", "anchors (`&name`) are not read in rules"),
        ("Depth {", "values are nested too deep"),
        ("Nodes {", "the file has too many values"),
        ("budget breached", "the file has more in it than is read of a rule"),
        ("unsupported tag", "a tag (`!name`) is not read in rules"),
        ("expected mapping start", "there should be names with values here"),
        ("expected struct", "there should be names with values here"),
        ("expected sequence", "there should be a list here"),
        ("untagged enum", "there should be a text or a list of texts here"),
        ("invalid u64", "there should be a whole number here"),
    ];
    let known = KNOWN.iter().find(|(said, _)| message.contains(said));
    let said = known.map_or(message, |(_, words)| words);
    said.split(", set DuplicateKeyPolicy").next().unwrap_or(said).to_owned()
}

/// Nothing that a rule needs is near these limits; a file that is made to eat memory is.
fn options() -> Options {
    let mut budget = Budget::default();
    budget.max_aliases = 0;
    budget.max_anchors = 0;
    budget.max_depth = DEEPEST;
    budget.max_documents = 1;
    budget.max_nodes = 10_000;
    let mut options = Options::default();
    options.budget = Some(budget);
    options.reject_unsupported_tags = true;
    options
}

/// The word at a place.
fn word(text: &str, at: usize) -> Range<usize> {
    let at = text.floor_char_boundary(at);
    let end = text[at..]
        .find(|c: char| c.is_whitespace() || ":,]}".contains(c))
        .map_or(text.len(), |length| at + length);
    at..end.max((at + 1).min(text.len()))
}

/// The byte of a 1-based line and column.
fn in_line(source: &Source, line: usize, column: usize) -> usize {
    let start = source.offset_of(line, 1);
    let rest = &source.text()[start..];
    start + rest.char_indices().nth(column.saturating_sub(1)).map_or(0, |(at, _)| at)
}

/// The nearest of the names that would have been taken: ``unknown field `x`, expected one of a, b``.
fn unknown(message: &str) -> Option<String> {
    let (unknown, expected) = message.strip_prefix("unknown ")?.split_once(", expected ")?;
    let name = unknown.rsplit('`').nth(1)?;
    let expected = expected.strip_prefix("one of ").unwrap_or(expected);
    let known: Vec<&str> = expected.split(", ").map(|known| known.trim_matches('`')).collect();
    let near = super::nearest(name, known.iter().copied());
    Some(match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are: {}", known.join(", ")),
    })
}

/// The usual traps of YAML, named when the line shows one.
pub(super) fn trap(text: &str, at: usize) -> Option<String> {
    let at = text.floor_char_boundary(at.min(text.len()));
    // The parser may complain on the line that follows.
    let lines: Vec<&str> = text[..at].lines().rev().take(2).chain(text[at..].lines().take(1)).collect();
    let whole =
        |line: &str| text.lines().find(|other| other.contains(line.trim()) && !line.trim().is_empty());
    let line = lines.iter().find_map(|line| whole(line)).unwrap_or_default();
    let value = line.split_once(": ").map(|(_, value)| value.trim())?;
    let plain = !value.starts_with(['"', '\'', '>', '|']);
    let named = if value.starts_with("{{") {
        "a value that begins with `{` is taken for names with values: put it in quotes"
    } else if value.starts_with('[') && !value.ends_with(']') && !value.contains(" #") {
        "a value that begins with `[` is taken for a list: put it in quotes, or write it as a block, `>-` and the value on the next line"
    } else if line.starts_with('\t') {
        "YAML is indented with blanks, never with tabs"
    } else if plain && !value.starts_with('{') && (value.contains(": ") || value.ends_with(':')) {
        "a value that has `: ` in it is taken for a name: write it as a block, `>-` and the value on the next line"
    } else if plain && value.contains(" #") {
        "what follows ` #` is a comment: write the value as a block, `>-` and the value on the next line"
    } else if value.starts_with('!') {
        "a value that begins with `!` is taken for a tag: put it in quotes, or in brackets"
    } else if value.len() > 1 && value.starts_with('"') && value.ends_with('"') && value.contains('\\') {
        "in double quotes `\\` begins an escape: put the value in single quotes, or write `\\\\`"
    } else if value.starts_with('"') && !value.trim_end_matches('"').ends_with(['\\']) && value.len() > 1 {
        "a value that begins with a quote ends with it: write it as a block, `>-` and the value on the next line"
    } else {
        return None;
    };
    Some(named.to_owned())
}

#[cfg(test)]
mod tests {
    use super::before;
    use rstest::rstest;

    #[rstest]
    #[case::last("a: 1\ntests:\n  - b\n", Some("a: 1\n"))]
    #[case::dashes_below("a: 1\ntests:\n- b: 1\n  c: 2\n\n# end\n- d\n", Some("a: 1\n"))]
    #[case::on_its_line("a: 1\ntests: [b]", Some("a: 1\n"))]
    #[case::line_ends_of_windows("a: 1\r\ntests:\r\n- b\r\n", Some("a: 1\r\n"))]
    #[case::another_behind("tests: []\na: 1\ntests:\n  - b\nc: 2\n", None)]
    #[case::twice("a: 1\ntests:\n- b\ntests:\n- c\n", None)]
    #[case::second_document("a: 1\ntests:\n- b\n---\n- c\n", None)]
    #[case::flow_over_lines("a: 1\ntests: [\nb\n]\n", None)]
    #[case::line_end_of_old("a: 1\ntests:\n- b\rc: 2\n", None)]
    #[case::line_end_of_unicode("a: 1\ntests:\n- b\u{85}c: 2\n", None)]
    #[case::in_braces("{a: 1}\ntests:\n- b\n", None)]
    #[case::a_word("a: 1\ntests:b\n", None)]
    #[case::behind_a_comment("# of a\n\na: 1\ntests: []\n", Some("# of a\n\na: 1\n"))]
    #[case::longer_name("a: 1\ntests_of: 2\n", None)]
    #[case::first("tests:\n- b\n", None)]
    fn a_section_is_left_out_where_it_is_the_last(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(before(text, "tests"), expected);
    }
}
