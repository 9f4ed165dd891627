//! `tasks.md`: its lines, the IDs they mention, the tables and work-package sections they stand in.
//!
//! The document is read once, in time linear in its size. What a line *means* for an ID is not decided here:
//! that is the strategies' business. Text in fenced code, HTML comments and block quotes mentions nothing.

mod markdown;
mod section;
mod table;

use std::ops::Range;

use crate::id::{IdKind, IdRange, TaskId, Token, range_from, tokens};
use crate::source::Source;
pub use section::{heading_work_packages, names_relation};
pub use table::{Row, Table};

/// One line, as byte ranges of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// Offset of its first byte.
    pub start: usize,
    /// Offset behind its last byte, the line ending left out.
    pub end: usize,
    /// Offset of the next line; equal to `end` on a last line without a line ending.
    pub next: usize,
}

/// A place in the document that mentions an ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mention {
    /// 0-based line.
    pub line: usize,
    /// Byte range of the ID, or of the whole range that covers it.
    pub start: usize,
    /// End of that byte range.
    pub end: usize,
    /// Whether the ID is only covered, by a range such as `T001-T005`, or is one end of it.
    pub in_range: bool,
}

#[derive(Debug)]
struct RangeMention {
    line: usize,
    start: usize,
    end: usize,
    range: IdRange,
}

/// How many mentions of one ID on one line are looked at.
const MOST_ON_LINE: usize = 8;

/// A parsed `tasks.md`.
#[derive(Debug)]
pub struct TasksDoc {
    source: Source,
    lines: Vec<Line>,
    excluded: Vec<Range<usize>>,
    code_spans: Vec<Range<usize>>,
    /// Ordered by kind, number and position.
    mentions: Vec<(Token, Mention)>,
    ranges: Vec<RangeMention>,
    tables: Vec<Table>,
    headings: Vec<Range<usize>>,
    sections: section::Sections,
}

impl TasksDoc {
    /// Reads the structure of a document.
    #[must_use]
    pub fn parse(source: Source) -> Self {
        let text = source.text();
        let lines = split_lines(text);
        let markdown::Zones { excluded, code_spans, headings } = markdown::zones(text);
        let (mentions, ranges) = find_mentions(text, &lines, &excluded);
        let tables = table::find(text, &lines, &excluded);
        let line_at = |offset: usize| lines.partition_point(|line| line.start <= offset).saturating_sub(1);
        let heading_lines = |range: &Range<usize>| {
            let text = &text[range.clone()];
            line_at(range.start)..line_at(range.start + text.trim_end().len().saturating_sub(1)) + 1
        };
        let heading_lines = headings.iter().map(|(_, range)| heading_lines(range)).collect();
        let sections = section::Sections::new(text, &lines, &headings);
        Self {
            excluded,
            code_spans,
            mentions,
            ranges,
            tables,
            headings: heading_lines,
            sections,
            lines,
            source,
        }
    }

    /// The file.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        self.source.text()
    }

    /// Every line.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The text of a 0-based line, without its line ending.
    #[must_use]
    pub fn line_text(&self, line: usize) -> &str {
        let Line { start, end, .. } = self.lines[line];
        &self.text()[start..end]
    }

    /// The line ending of a line; on a last line without one, that of the document.
    #[must_use]
    pub fn line_ending(&self, line: usize) -> &str {
        let Line { end, next, .. } = self.lines[line];
        if next > end {
            return &self.text()[end..next];
        }
        self.lines
            .first()
            .map(|first| &self.text()[first.end..first.next])
            .filter(|e| !e.is_empty())
            .unwrap_or("\n")
    }

    /// Where an ID is mentioned, in the order of the text. `T014-sig` counts for `T014` only where nothing
    /// else in the document is called `T014`.
    #[must_use]
    pub fn mentions(&self, id: &TaskId) -> Vec<Mention> {
        let text = self.text();
        let key = |token: &Token| (token.kind, token.number);
        let wanted = (id.kind(), id.number());
        let from = self.mentions.partition_point(|(token, _)| key(token) < wanted);
        let same_number = self.mentions[from..].iter().take_while(|(token, _)| key(token) == wanted);
        let mut found: Vec<_> = same_number
            .clone()
            .filter(|(token, _)| token.spells(text, id))
            .map(|(_, mention)| *mention)
            .collect();
        if found.is_empty() {
            found = self.stand_in(id, same_number);
        }
        found.extend(self.ranges.iter().filter(|r| r.range.contains(id)).map(|r| Mention {
            line: r.line,
            start: r.start,
            end: r.end,
            in_range: true,
        }));
        found.sort_by_key(|mention| (mention.start, mention.end));
        // A line that says the same ID dozens of times is no row, and must not cost its length as often.
        let mut on_line = 0;
        let mut last = usize::MAX;
        found.retain(|mention| {
            on_line = if mention.line == last { on_line + 1 } else { 1 };
            last = mention.line;
            on_line <= MOST_ON_LINE
        });
        found
    }

    /// The mentions of `T014-sig` for `T014`, when there is one such ID only.
    fn stand_in<'a>(
        &self,
        id: &TaskId,
        same_number: impl Iterator<Item = &'a (Token, Mention)> + Clone,
    ) -> Vec<Mention> {
        let text = self.text();
        let based = same_number.filter(|(token, _)| token.base_spells(text, id));
        let mut spellings: Vec<_> = based.clone().map(|(token, _)| token.id(text)).collect();
        spellings.sort();
        spellings.dedup();
        if spellings.len() == 1 { based.map(|(_, mention)| *mention).collect() } else { Vec::new() }
    }

    /// Every task ID spelled out in the document, once each, in ID order.
    #[must_use]
    pub fn task_ids(&self) -> Vec<TaskId> {
        let mut ids: Vec<_> = self
            .mentions
            .iter()
            .filter(|(token, _)| token.kind == IdKind::Task)
            .map(|(token, _)| token.id(self.text()))
            .collect();
        ids.sort();
        ids.dedup();
        ids
    }

    /// The IDs on one line, left to right.
    #[must_use]
    pub fn ids_on_line(&self, line: usize) -> Vec<TaskId> {
        let Line { start, end, .. } = self.lines[line];
        tokens(self.text(), start, end).map(|token| token.id(self.text())).collect()
    }

    /// Whether this byte is inside an inline code span.
    #[must_use]
    pub fn in_code_span(&self, offset: usize) -> bool {
        contains(&self.code_spans, offset)
    }

    /// Whether a line is in fenced code, a comment or a quote, where nothing counts.
    #[must_use]
    pub fn is_excluded(&self, line: usize) -> bool {
        let Line { start, end, .. } = self.lines[line];
        let indent = self.text()[start..end].len() - self.text()[start..end].trim_start().len();
        self.is_excluded_at(start + indent)
    }

    /// Whether this byte is in fenced code, a comment or a quote, where nothing counts.
    #[must_use]
    pub fn is_excluded_at(&self, offset: usize) -> bool {
        contains(&self.excluded, offset)
    }

    /// The first line from `line` on below which a new line stands outside of every zone that does not count.
    #[must_use]
    pub fn insertion_line(&self, line: usize) -> usize {
        let Some(bounds) = self.lines.get(line) else { return line };
        let after = self.excluded.partition_point(|zone| zone.start < bounds.next);
        match self.excluded[..after].last() {
            Some(zone) if zone.end > bounds.next => {
                let last = self.lines.partition_point(|line| line.start < zone.end);
                last.saturating_sub(1).max(line)
            }
            _ => line,
        }
    }

    /// The lines of the heading that a line is part of; two for one that is underlined.
    #[must_use]
    pub fn heading_of(&self, line: usize) -> Option<Range<usize>> {
        let after = self.headings.partition_point(|heading| heading.start <= line);
        self.headings[..after].last().filter(|heading| heading.contains(&line)).cloned()
    }

    /// The table that a line is a body row of.
    #[must_use]
    pub fn table_of(&self, line: usize) -> Option<&Table> {
        let after = self.tables.partition_point(|table| table.body.start <= line);
        self.tables[..after].last().filter(|table| table.body.contains(&line))
    }

    /// The first line behind the table that a line is part of, its head included.
    #[must_use]
    pub fn table_end(&self, line: usize) -> Option<usize> {
        let after = self.tables.partition_point(|table| table.body.start <= line + 2);
        self.tables[..after].last().map(|table| table.body.end).filter(|end| line < *end)
    }

    /// Whether a line is the header or the delimiter row of a table.
    #[must_use]
    pub fn is_table_head(&self, line: usize) -> bool {
        self.table_end(line).is_some() && self.table_of(line).is_none()
    }

    /// The cells of a line, whether or not it stands in a table.
    #[must_use]
    pub fn row(&self, line: usize) -> Row {
        Row::parse(self.text(), self.lines[line])
    }

    /// The work packages whose section has this line, by the nearest headings above it.
    #[must_use]
    pub fn section_work_packages(&self, line: usize) -> &[TaskId] {
        self.sections.work_packages_of(line)
    }

    /// The lines of the section of a work package: the line behind its heading to the next section.
    #[must_use]
    pub fn section_lines(&self, work_package: &TaskId) -> Option<Range<usize>> {
        self.sections.lines_of(work_package)
    }

    /// Every work package that has a section of its own.
    pub fn section_owners(&self) -> impl Iterator<Item = &TaskId> {
        self.sections.owners()
    }
}

/// Line endings are `\n`, `\r\n` and a lone `\r`, as in CommonMark.
fn split_lines(text: &str) -> Vec<Line> {
    let bytes = text.as_bytes();
    let mut lines = Vec::with_capacity(text.len() / 60 + 1);
    // A byte-order mark is not part of the first line's text.
    let mut start = markdown::bom(text);
    while start < bytes.len() {
        let length = bytes[start..].iter().position(|b| matches!(b, b'\n' | b'\r'));
        let end = length.map_or(bytes.len(), |length| start + length);
        let ending = match (bytes.get(end), bytes.get(end + 1)) {
            (Some(b'\r'), Some(b'\n')) => 2,
            (Some(_), _) => 1,
            (None, _) => 0,
        };
        lines.push(Line { start, end, next: end + ending });
        start = end + ending;
    }
    lines
}

fn find_mentions(
    text: &str,
    lines: &[Line],
    excluded: &[Range<usize>],
) -> (Vec<(Token, Mention)>, Vec<RangeMention>) {
    let mut mentions = Vec::new();
    let mut ranges = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let mut covered_to = line.start;
        for token in tokens(text, line.start, line.end) {
            if contains(excluded, token.start) {
                continue;
            }
            let range = range_from(text, token, line.end);
            let in_range = token.start < covered_to || range.is_some();
            mentions.push((token, Mention { line: number, start: token.start, end: token.end, in_range }));
            if let Some((range, end)) = range {
                ranges.push(RangeMention { line: number, start: token.start, end, range });
                covered_to = end;
            }
        }
    }
    mentions.sort_unstable_by_key(|(token, _)| (token.kind, token.number, token.start));
    (mentions, ranges)
}

/// Whether a sorted list of disjoint ranges has this offset.
fn contains(ranges: &[Range<usize>], offset: usize) -> bool {
    let after = ranges.partition_point(|range| range.start <= offset);
    ranges[..after].last().is_some_and(|range| range.contains(&offset))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn doc(text: &str) -> TasksDoc {
        TasksDoc::parse(Source::new("tasks.md", "tasks.md", text))
    }

    fn lines_mentioning(text: &str, id: &str) -> Vec<usize> {
        let doc = doc(text);
        doc.mentions(&TaskId::parse(id).unwrap()).iter().map(|m| m.line + 1).collect()
    }

    #[rstest]
    #[case::fenced("```\n- [ ] T001\n```\n- [ ] T001", &[4])]
    #[case::tilde_fence_in_a_list("- a\n  ~~~md\n  - [ ] T001\n  ~~~\n- [ ] T001", &[5])]
    #[case::unclosed_fence("- [ ] T001\n```\n- [ ] T001", &[1])]
    #[case::comment("<!--\n- [ ] T001\n-->\n- [ ] T001", &[4])]
    #[case::comment_in_a_line("x <!-- T001 --> T001", &[1])]
    #[case::comment_in_details("<details>\n<!-- T001 -->\n- [ ] T001\n</details>", &[3])]
    #[case::comment_named_in_code("Write `<!--` first.\n\n- [ ] T001", &[3])]
    #[case::quoted("> - [ ] T001\n\n- [ ] T001", &[3])]
    #[case::html_block("<details>\n- [ ] T001\n</details>", &[2])]
    #[case::indented("- a\n\n\t- [ ] T001", &[3])]
    #[case::tab_at_the_margin("\t- [ ] T001", &[1])]
    #[case::bom_before_a_fence("\u{feff}```\n- [ ] T001\n```\n- [ ] T001", &[4])]
    #[case::old_mac("```\r- [ ] T001\r```\r- [ ] T001", &[4])]
    #[case::front_matter("---\nsubtasks: T001\n---\n- [ ] T001", &[4])]
    #[case::commented_front_matter("---\n# generated\nsubtasks: [T001]\n...\n- [ ] T001", &[5])]
    #[case::note_between_rules("---\nNote: read\n\n- [ ] T001\n\n---\n", &[4])]
    #[case::rules_are_no_front_matter("---\n- [ ] T001\n---\n", &[2])]
    fn zones_without_rows(#[case] text: &str, #[case] lines: &[usize]) {
        assert_eq!(lines_mentioning(text, "T001"), lines);
    }

    #[test]
    fn a_range_covers_the_ids_between() {
        assert_eq!(lines_mentioning("Subtasks: T001–T005\nT003 x", "T003"), [1, 2]);
        assert_eq!(lines_mentioning("Subtasks: T001–T005", "T006"), Vec::<usize>::new());
    }

    #[test]
    fn a_suffixed_id_stands_in_for_its_base_only_when_alone() {
        assert_eq!(lines_mentioning("- [ ] T014-sig a", "T014"), [1]);
        assert_eq!(lines_mentioning("- [ ] T014-sig a\n- [ ] T014 b", "T014"), [2]);
        assert_eq!(lines_mentioning("- [ ] T014-sig a\n- [ ] T014-ver b", "T014"), Vec::<usize>::new());
        assert_eq!(lines_mentioning("- [ ] T014b a", "T014"), Vec::<usize>::new());
    }

    #[rstest]
    #[case("a\nb\r\nc\rd", &["a", "b", "c", "d"])]
    #[case("", &[])]
    #[case("a\n\n", &["a", ""])]
    fn lines_split(#[case] text: &str, #[case] expected: &[&str]) {
        let doc = doc(text);
        let lines: Vec<_> = (0..doc.lines().len()).map(|line| doc.line_text(line)).collect();
        assert_eq!(lines, expected);
    }
}
