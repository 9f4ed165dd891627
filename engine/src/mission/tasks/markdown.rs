//! The parts of a Markdown text that decide whether a line counts: code, comments, quotes and headings.

use std::borrow::Cow;
use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag};

/// Byte ranges of a text, each list sorted and disjoint.
#[derive(Debug, Default)]
pub(super) struct Zones {
    /// Fenced code, HTML comments and block quotes.
    pub(super) excluded: Vec<Range<usize>>,
    /// Inline code.
    pub(super) code_spans: Vec<Range<usize>>,
    /// Headings with their level, 1 to 6.
    pub(super) headings: Vec<(u8, Range<usize>)>,
}

/// Finds the zones as CommonMark with GitHub's tables has them. Indented code is *not* excluded: in task lists
/// it is nearly always a list that was indented too far, and the original tool reads it.
pub(super) fn zones(text: &str) -> Zones {
    let mut zones = Zones::default();
    let bom = bom(text);
    let body = with_plain_newlines(&text[bom..]);
    for (event, range) in Parser::new_ext(&body, Options::ENABLE_TABLES).into_offset_iter() {
        let range = range.start + bom..range.end + bom;
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_)) | Tag::BlockQuote(_)) => {
                zones.excluded.push(range);
            }
            Event::Start(Tag::HtmlBlock) => comments(text, range, &mut zones.excluded),
            Event::InlineHtml(html) if html.starts_with("<!--") => zones.excluded.push(range),
            Event::Code(_) => zones.code_spans.push(range),
            Event::Start(Tag::Heading { level, .. }) => zones.headings.push((level_number(level), range)),
            _ => {}
        }
    }
    zones.excluded.extend(front_matter(&body).map(|range| range.start + bom..range.end + bom));
    zones.excluded = merged(zones.excluded);
    zones
}

/// The length of a byte-order mark.
pub(super) fn bom(text: &str) -> usize {
    if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 }
}

/// Lone carriage returns as newlines, byte for byte: CommonMark calls both a line ending, the parser only one.
fn with_plain_newlines(text: &str) -> Cow<'_, str> {
    let mut rest = text;
    let lone = loop {
        match rest.split_once('\r') {
            None => break false,
            Some((_, after)) if !after.starts_with('\n') => break true,
            Some((_, after)) => rest = after,
        }
    };
    if !lone {
        return Cow::Borrowed(text);
    }
    let mut characters = text.chars().peekable();
    let mut out = String::with_capacity(text.len());
    while let Some(character) = characters.next() {
        let plain = character == '\r' && characters.peek() != Some(&'\n');
        out.push(if plain { '\n' } else { character });
    }
    Cow::Owned(out)
}

/// YAML before the text: from a first line `---` to a line `---` or `...`, with a key in it and nothing that is
/// Markdown. Text between two rules is none.
fn front_matter(text: &str) -> Option<Range<usize>> {
    const MOST_LINES: usize = 1000;
    let mut lines = text.split_inclusive('\n').take(MOST_LINES);
    let mut end = lines.next().filter(|line| line.trim_end() == "---")?.len();
    let mut keys = 0;
    for line in lines {
        end += line.len();
        let plain = line.trim();
        if matches!(line.trim_end(), "---" | "...") {
            return (keys > 0).then_some(0..end);
        }
        let key = plain.split_once(':').filter(|(_, value)| value.is_empty() || value.starts_with(' '));
        let is_key =
            key.is_some_and(|(key, _)| !key.contains(' ') && !key.is_empty() && !key.starts_with('-'));
        keys += usize::from(is_key);
        let yaml = is_key
            || plain.is_empty()
            || plain.starts_with('#')
            || line.starts_with([' ', '\t'])
            || (plain.starts_with("- ") && !plain.starts_with("- ["));
        if !yaml {
            return None;
        }
    }
    None
}

/// The comments inside an HTML block: the block itself may hold rows, as `<details>` often does.
fn comments(text: &str, block: Range<usize>, out: &mut Vec<Range<usize>>) {
    let mut at = block.start;
    while let Some(open) = text[at..block.end].find("<!--").map(|open| at + open) {
        let close = text[open..block.end].find("-->").map_or(block.end, |close| open + close + 3);
        out.push(open..close);
        at = close;
    }
}

fn merged(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

fn level_number(level: HeadingLevel) -> u8 {
    level as u8
}
