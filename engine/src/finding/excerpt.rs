//! Lines of a file, shown with a finding.

use std::ops::Range;

use miette::Diagnostic;
use serde::Serialize;

/// A few lines, where they are, and what is to be seen in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Excerpt {
    /// A file of the repository; `branch:file` where it is not the one in the work tree.
    pub name: String,
    /// 1-based number of the first line.
    pub line: usize,
    /// The lines; empty where there is nothing any more.
    pub text: String,
    /// What is to be seen: `kitty/mission-m has`.
    pub label: String,
    /// Which part of the first line, where it is not the whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
}

/// A part of a line, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Mark {
    /// 1-based.
    pub column: usize,
    /// At least 1.
    pub length: usize,
}

impl Excerpt {
    /// Lines of a text, the first few, long ones cut.
    #[must_use]
    pub fn new(name: impl Into<String>, line: usize, text: &str, label: impl Into<String>) -> Self {
        const LINES: usize = 6;
        const COLUMNS: usize = 160;
        let mut shown = Vec::new();
        let mut lines = text.lines();
        for line in lines.by_ref().take(LINES) {
            let end = line.char_indices().nth(COLUMNS).map(|(at, _)| at);
            shown.push(end.map_or_else(|| line.to_owned(), |end| format!("{}…", &line[..end])));
        }
        match lines.count() {
            0 => {}
            more => shown.push(format!("… {more} more")),
        }
        Self { name: name.into(), line, text: shown.join("\n"), label: label.into(), mark: None }
    }

    /// The line that an error points at, if it points at one.
    #[must_use]
    pub fn of_error(error: &dyn Diagnostic) -> Option<Self> {
        let label = error.labels()?.next()?;
        // With a line on either side: without, it would be what is labelled, and not the line that it is in.
        let around = error.source_code()?.read_span(label.inner(), 1, 1).ok()?;
        let text = String::from_utf8_lossy(around.data());
        let at = label.offset().checked_sub(around.span().offset())?.min(text.len());
        let at = text.floor_char_boundary(at);
        let before = text[..at].matches('\n').count();
        let line = text.lines().nth(before).unwrap_or_default();
        let from = at - text[..at].rfind('\n').map_or(0, |end| end + 1);
        let label_text = label.label().unwrap_or("here");
        let excerpt = Self::new(around.name()?, around.line() + 1 + before, line, label_text);
        Some(excerpt.marking(line, from..from + label.len()))
    }

    /// The same, with a part of its first line marked: bytes of `line`.
    #[must_use]
    fn marking(self, line: &str, part: Range<usize>) -> Self {
        let from = line.floor_char_boundary(part.start);
        let to = line.ceil_char_boundary(part.end.clamp(from, line.len()));
        let column = 1 + line[..from].chars().count();
        let length = line[from..to].chars().count().max(1);
        let shown = self.text.lines().next().unwrap_or_default().chars().count();
        let mark = (column <= shown).then(|| Mark { column, length: length.min(shown + 1 - column) });
        Self { mark, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;

    #[derive(Debug, thiserror::Error, Diagnostic)]
    #[error("wrong")]
    struct Wrong {
        #[source_code]
        text: miette::NamedSource<std::sync::Arc<str>>,
        #[label("this")]
        at: miette::SourceSpan,
    }

    #[test]
    fn an_error_shows_its_line() {
        let text = "{\n  \"a\": 1,\n  \"b\": x,\n  \"c\": 2\n}\n";
        let at = text.find('x').unwrap();
        let (text, at) = Source::new("f.json", "", text).labelled(at..at + 1);
        let shown = Excerpt::of_error(&Wrong { text, at }).unwrap();
        let mark = Some(Mark { column: 8, length: 1 });
        assert_eq!(shown, Excerpt { mark, ..Excerpt::new("f.json", 3, "  \"b\": x,", "this") });
    }

    #[test]
    fn much_text_is_cut() {
        let long = "é".repeat(200);
        let text = format!("{long}\n{}", "x\n".repeat(10));
        let shown = Excerpt::new("a", 1, &text, "").text;
        assert_eq!(shown.lines().count(), 7);
        assert!(
            shown.starts_with(&format!("{}…\n", "é".repeat(160))) && shown.ends_with("\n… 5 more"),
            "{shown}"
        );
    }
}
