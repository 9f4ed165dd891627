//! Pipe tables: the true header of every row, and the cells of a row, with escaped pipes kept whole.

use std::ops::Range;

use super::{Line, contains};

/// A table: its header's column names and the lines of its body.
#[derive(Debug)]
pub struct Table {
    /// Column names: lower-case, decoration (`**`, backquotes) removed.
    pub columns: Vec<String>,
    /// 0-based lines behind the delimiter row.
    pub body: Range<usize>,
}

/// The cells of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Byte range of each cell, the blanks around its content included.
    pub cells: Vec<Range<usize>>,
    /// Whether a pipe closes the last cell.
    pub closed: bool,
}

impl Row {
    /// Splits a line at its unescaped pipes. A line without one has no cells.
    pub(super) fn parse(text: &str, line: Line) -> Self {
        let bytes = &text.as_bytes()[..line.end];
        let mut pipes = Vec::new();
        let mut at = line.start;
        while at < bytes.len() {
            match bytes[at] {
                b'\\' => at += 1,
                b'|' => pipes.push(at),
                _ => {}
            }
            at += 1;
        }
        let blank = |range: Range<usize>| text[range].trim().is_empty();
        let (Some(&first), Some(&last)) = (pipes.first(), pipes.last()) else {
            return Self { cells: Vec::new(), closed: false };
        };
        // A table may start inside a list item.
        let bullet = text[line.start..first].trim().trim_end_matches(['.', ')']);
        let leading = bullet.is_empty()
            || matches!(bullet, "-" | "*" | "+")
            || bullet.len() <= 3
                && bullet.bytes().all(|b| b.is_ascii_digit())
                && text[..first].ends_with(' ');
        let closed = blank(last + 1..line.end) && (pipes.len() > 1 || !leading);
        let mut edges = pipes;
        if !leading {
            edges.insert(0, line.start.wrapping_sub(1));
        }
        if !closed {
            edges.push(line.end);
        }
        let cells = edges.windows(2).map(|pair| pair[0].wrapping_add(1)..pair[1]).collect();
        Self { cells, closed }
    }

    /// The content of a cell, without the blanks around it.
    #[must_use]
    pub fn content<'t>(&self, text: &'t str, column: usize) -> Option<&'t str> {
        self.cells.get(column).map(|cell| text[cell.clone()].trim())
    }
}

/// Every table. A table is a line with a pipe, a delimiter row right below, and the lines with a pipe after it.
pub(super) fn find(text: &str, lines: &[Line], excluded: &[Range<usize>]) -> Vec<Table> {
    let mut tables = Vec::new();
    let mut at = 1;
    while at < lines.len() {
        let (header, delimiter) = (lines[at - 1], lines[at]);
        if !is_delimiter(&text[delimiter.start..delimiter.end])
            || !has_pipe(text, header)
            || contains(excluded, delimiter.start)
        {
            at += 1;
            continue;
        }
        let rows = lines[at + 1..].iter().take_while(|line| has_pipe(text, **line)).count();
        let header = Row::parse(text, header);
        let columns =
            (0..header.cells.len()).filter_map(|column| header.content(text, column)).map(plain).collect();
        tables.push(Table { columns, body: at + 1..at + 1 + rows });
        at += rows + 1;
    }
    tables
}

fn has_pipe(text: &str, line: Line) -> bool {
    text.as_bytes()[line.start..line.end].contains(&b'|')
}

fn is_delimiter(line: &str) -> bool {
    let line = line.trim();
    let inner = line.strip_prefix('|').unwrap_or(line);
    let inner = inner.strip_suffix('|').unwrap_or(inner);
    line.contains('|')
        && inner.split('|').all(|cell| {
            let cell = cell.trim();
            let dashes = cell.strip_prefix(':').unwrap_or(cell);
            let dashes = dashes.strip_suffix(':').unwrap_or(dashes);
            !dashes.is_empty() && dashes.bytes().all(|b| b == b'-')
        })
}

/// A column name as it is compared: lower-case, without decoration.
fn plain(name: &str) -> String {
    name.trim_matches(['*', '_', '`', ' ', '~', ':']).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::super::split_lines;
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("| a | b |", &["a", "b"], true)]
    #[case("| a | b", &["a", "b"], false)]
    #[case("| a \\| c | b |", &["a \\| c", "b"], true)]
    #[case("| a \\\\| b |", &["a \\\\", "b"], true)]
    #[case("a | b", &["a", "b"], false)]
    #[case("a | b |", &["a", "b"], true)]
    #[case("  | a |  ", &["a"], true)]
    #[case("| a", &["a"], false)]
    #[case("|", &[""], false)]
    #[case("no table", &[], false)]
    #[case("| a | tail", &["a", "tail"], false)]
    fn cells(#[case] line: &str, #[case] expected: &[&str], #[case] closed: bool) {
        let row = Row::parse(line, split_lines(line)[0]);
        let found: Vec<_> = (0..row.cells.len()).filter_map(|column| row.content(line, column)).collect();
        assert_eq!((found.as_slice(), row.closed), (expected, closed));
    }

    #[test]
    fn every_row_has_the_header_of_its_own_table() {
        let text =
            "| ID | **Status** |\n|:--|--:|\n| T001 | a |\n| T002 | status |\n\n| X |\n|---|\n| T003 |\n";
        let tables = find(text, &split_lines(text), &[]);
        assert_eq!(tables.len(), 2);
        assert_eq!(
            (tables[0].columns.as_slice(), tables[0].body.clone()),
            (&["id".into(), "status".into()][..], 2..4)
        );
        assert_eq!((tables[1].columns.as_slice(), tables[1].body.clone()), (&["x".to_owned()][..], 7..8));
    }
}
