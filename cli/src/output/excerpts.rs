//! Lines of files, shown with a problem.

use std::fmt::{self, Write as _};

use clearance_engine::finding::Excerpt;
use clearance_engine::source::{harmless, on_one_line};
use miette::{
    Diagnostic, LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents,
};

/// Each with its place above its lines.
pub(super) fn plain(excerpts: &[Excerpt]) -> String {
    let mut out = String::new();
    for excerpt in excerpts {
        let _ = writeln!(out, "  --> {}:{} ({})", on_one_line(&excerpt.name), excerpt.line, excerpt.label);
        for (nth, line) in excerpt.text.lines().enumerate() {
            let _ = writeln!(out, "    | {line}");
            if let Some(mark) = excerpt.mark.filter(|_| nth == 0) {
                // A tab is as wide as the one above it.
                let before = line.chars().take(mark.column - 1).map(|c| if c == '\t' { c } else { ' ' });
                let _ = writeln!(out, "    | {}{}", before.collect::<String>(), "^".repeat(mark.length));
            }
        }
    }
    out
}

/// A sentence each.
pub(super) fn narrated(excerpts: &[Excerpt]) -> String {
    let told = |excerpt: &Excerpt| {
        let lines: Vec<_> = excerpt.text.lines().collect();
        let colon = if lines.is_empty() { "" } else { ": " };
        let name = on_one_line(&excerpt.name);
        format!("{name}, line {}, {}{colon}{}.\n", excerpt.line, excerpt.label, lines.join("; "))
    };
    excerpts.iter().map(told).collect()
}

/// An excerpt as miette draws it.
#[derive(Debug)]
pub(super) struct Drawn {
    name: String,
    /// 0-based.
    line: usize,
    text: String,
    label: String,
    /// What of the first line is marked, in bytes.
    marked: (usize, usize),
}

impl Drawn {
    pub(super) fn new(excerpt: &Excerpt) -> Self {
        let text = harmless(&excerpt.text);
        let first = text.lines().next().unwrap_or_default();
        let byte = |character: usize| first.char_indices().nth(character).map_or(first.len(), |(at, _)| at);
        let marked = excerpt.mark.map_or((0, first.len()), |mark| {
            let from = byte(mark.column - 1);
            (from, byte(mark.column - 1 + mark.length) - from)
        });
        Self {
            marked,
            name: on_one_line(&excerpt.name),
            line: excerpt.line.saturating_sub(1),
            text,
            label: harmless(&excerpt.label),
        }
    }
}

impl fmt::Display for Drawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)
    }
}

impl std::error::Error for Drawn {}

impl Diagnostic for Drawn {
    fn severity(&self) -> Option<miette::Severity> {
        Some(miette::Severity::Advice)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let (from, length) = self.marked;
        Some(Box::new(std::iter::once(LabeledSpan::new(None, from, length))))
    }
}

/// The excerpt is all there is: the text starts at its own line.
impl SourceCode for Drawn {
    fn read_span<'a>(
        &'a self,
        _span: &SourceSpan,
        _before: usize,
        _after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let whole = (0, self.text.len()).into();
        let lines = self.text.lines().count();
        let name = self.name.clone();
        Ok(Box::new(MietteSpanContents::new_named(name, self.text.as_bytes(), whole, self.line, 0, lines)))
    }
}
