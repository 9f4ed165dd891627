//! Lines of files, shown with a problem.

use std::fmt::{self, Write as _};

use clearance_engine::finding::Excerpt;
use clearance_engine::source::harmless;
use miette::{
    Diagnostic, LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents,
};

/// Each with its place above its lines.
pub(super) fn plain(excerpts: &[Excerpt]) -> String {
    let mut out = String::new();
    for excerpt in excerpts {
        let _ = writeln!(out, "  --> {}:{} ({})", excerpt.name, excerpt.line, excerpt.label);
        for line in excerpt.text.lines() {
            let _ = writeln!(out, "    | {line}");
        }
    }
    out
}

/// A sentence each.
pub(super) fn narrated(excerpts: &[Excerpt]) -> String {
    let told = |excerpt: &Excerpt| {
        let lines: Vec<_> = excerpt.text.lines().collect();
        let colon = if lines.is_empty() { "" } else { ": " };
        format!("{}, line {}, {}{colon}{}.\n", excerpt.name, excerpt.line, excerpt.label, lines.join("; "))
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
}

impl Drawn {
    pub(super) fn new(excerpt: &Excerpt) -> Self {
        Self {
            name: harmless(&excerpt.name),
            line: excerpt.line.saturating_sub(1),
            text: harmless(&excerpt.text),
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
        let first = self.text.lines().next().unwrap_or_default().len();
        Some(Box::new(std::iter::once(LabeledSpan::new(None, 0, first))))
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
