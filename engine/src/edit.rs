//! Changes to a text, as data: strategies propose them, one function applies all of a call together.

use std::ops::Range;

use crate::id::TaskId;
use crate::mission::tasks::TasksDoc;

/// One change to `tasks.md`, in terms of the text as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Puts other text in the place of a byte range; an empty range inserts.
    Replace {
        /// The bytes to replace.
        range: Range<usize>,
        /// The new text, on one line.
        with: String,
    },
    /// Adds a line below another one.
    InsertLine {
        /// 0-based line to add below; `None` in a document without lines.
        after: Option<usize>,
        /// The line, without its line ending.
        text: String,
        /// The task it tracks: lines added at one place come in ID order, whatever the order of the call.
        id: TaskId,
        /// Whether a blank line must part it from the line above (prose would swallow it otherwise).
        gap: bool,
    },
}

impl Change {
    /// Whether another change wants some of the same bytes.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Replace { range: a, .. }, Self::Replace { range: b, .. }) => {
                a.start < b.end && b.start < a.end
            }
            _ => false,
        }
    }
}

/// Two changes of one call want the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("two changes overlap at line {line}")]
pub struct Overlap {
    /// 1-based line.
    pub line: usize,
}

/// The text with every change made. Bytes that no change names are kept as they are.
///
/// # Errors
/// [`Overlap`] when replacements overlap without being the same.
pub fn apply(doc: &TasksDoc, changes: &[Change]) -> Result<String, Overlap> {
    let mut splices = replacements(changes);
    splices.sort_by_key(|splice| (splice.0.start, splice.0.end));
    splices.dedup();
    // A new line belongs to the line above it: it comes before what is put at the start of the line below.
    // Only at the end of a text without a last line ending the line above must be whole first.
    let (open, closed): (Vec<_>, Vec<_>) = insertions(doc, changes)
        .into_iter()
        .partition(|(range, _)| range.start == doc.text().len() && !doc.text().ends_with(['\n', '\r']));
    splices.splice(0..0, closed);
    splices.extend(open);
    splices.sort_by_key(|splice| splice.0.start);
    let text = doc.text();
    let mut out =
        String::with_capacity(text.len() + splices.iter().map(|(_, with)| with.len()).sum::<usize>());
    let mut at = 0;
    for (range, with) in splices {
        if range.start < at {
            return Err(Overlap { line: doc.source().line_of(range.start) });
        }
        out.push_str(&text[at..range.start]);
        out.push_str(&with);
        at = range.end;
    }
    out.push_str(&text[at..]);
    Ok(out)
}

type Splice = (Range<usize>, String);

fn replacements(changes: &[Change]) -> Vec<Splice> {
    let replace = |change: &Change| match change {
        Change::Replace { range, with } => Some((range.clone(), with.clone())),
        Change::InsertLine { .. } => None,
    };
    changes.iter().filter_map(replace).collect()
}

fn insertions(doc: &TasksDoc, changes: &[Change]) -> Vec<Splice> {
    let mut lines: Vec<_> = changes
        .iter()
        .filter_map(|change| match change {
            Change::InsertLine { after, text, id, gap } => Some((*after, id, text, *gap)),
            Change::Replace { .. } => None,
        })
        .collect();
    lines.sort_by(|a, b| (a.0, a.1, a.2).cmp(&(b.0, b.1, b.2)));
    lines.dedup();
    lines.chunk_by(|a, b| a.0 == b.0).map(|group| insertion(doc, group)).collect()
}

fn insertion(doc: &TasksDoc, group: &[(Option<usize>, &TaskId, &String, bool)]) -> Splice {
    let gap = group.iter().any(|(.., gap)| *gap);
    let Some(after) = group[0].0 else {
        let lines: String = group.iter().map(|(_, _, text, _)| format!("{text}\n")).collect();
        return (doc.text().len()..doc.text().len(), lines);
    };
    let ending = doc.line_ending(after);
    let line = doc.lines()[after];
    let open = line.next == line.end;
    let mut with = String::new();
    if gap {
        with.push_str(ending);
    }
    for (_, _, text, _) in group {
        // On a last line without a line ending the new line keeps the document that way.
        if open { with.extend([ending, text]) } else { with.extend([text.as_str(), ending]) }
    }
    (line.next..line.next, with)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;
    use rstest::rstest;

    fn doc(text: &str) -> TasksDoc {
        TasksDoc::parse(Source::new("tasks.md", "tasks.md", text))
    }

    fn line(after: usize, id: &str, gap: bool) -> Change {
        let id = TaskId::parse(id).unwrap();
        Change::InsertLine { after: Some(after), text: format!("- [x] {id}"), id, gap }
    }

    #[rstest]
    #[case::unix("a\nb\n", "a\n- [x] T001\n- [x] T002\nb\n")]
    #[case::windows("a\r\nb\r\n", "a\r\n- [x] T001\r\n- [x] T002\r\nb\r\n")]
    #[case::old_mac("a\rb", "a\r- [x] T001\r- [x] T002\rb")]
    #[case::no_final_newline("a", "a\n- [x] T001\n- [x] T002")]
    fn lines_are_added_in_id_order(#[case] before: &str, #[case] after: &str) {
        let changes = [line(0, "T002", false), line(0, "T001", false)];
        assert_eq!(apply(&doc(before), &changes).unwrap(), after);
    }

    #[test]
    fn a_gap_is_one_blank_line() {
        let changes = [line(0, "T002", true), line(0, "T001", true)];
        assert_eq!(apply(&doc("prose\n"), &changes).unwrap(), "prose\n\n- [x] T001\n- [x] T002\n");
        assert_eq!(apply(&doc("prose"), &changes).unwrap(), "prose\n\n- [x] T001\n- [x] T002");
    }

    #[test]
    fn a_new_line_comes_before_a_change_at_the_start_of_the_next_one() {
        let boxed = Change::Replace { range: 2..2, with: "- [x] ".to_owned() };
        for changes in [[boxed.clone(), line(0, "T003", false)], [line(0, "T003", false), boxed]] {
            assert_eq!(apply(&doc("a\nT002 b\n"), &changes).unwrap(), "a\n- [x] T003\n- [x] T002 b\n");
        }
    }

    #[test]
    fn at_the_end_of_the_text_the_last_line_is_made_whole_first() {
        let append = Change::Replace { range: 3..3, with: " [D] |".to_owned() };
        for changes in [[append.clone(), line(0, "T003", true)], [line(0, "T003", true), append]] {
            assert_eq!(apply(&doc("| a"), &changes).unwrap(), "| a [D] |\n\n- [x] T003");
        }
    }

    #[test]
    fn overlapping_changes_are_refused_and_equal_ones_collapse() {
        let x = Change::Replace { range: 1..2, with: "x".to_owned() };
        let y = Change::Replace { range: 1..2, with: "y".to_owned() };
        assert_eq!(apply(&doc("[ ]"), &[x.clone(), x.clone()]).unwrap(), "[x]");
        assert_eq!(apply(&doc("[ ]"), &[x, y]), Err(Overlap { line: 1 }));
    }
}
