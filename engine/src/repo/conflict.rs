//! What two sides of a merge do to each other: paths in conflict, and the lines of both sides.

use std::time::Duration;

use similar::{Algorithm, ChangeTag, TextDiff};

/// What merging two commits gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The tree; with conflict markers where there are conflicts.
    pub tree: String,
    /// The paths in conflict.
    pub conflicts: Vec<Conflict>,
}

/// A path in conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The path.
    pub path: String,
    /// What git says of it: `CONFLICT (content): Merge conflict in a.txt`.
    pub message: String,
    /// The hunks of a text file that both sides have.
    pub hunks: Vec<Hunk>,
}

/// A part of a file that both sides changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunk {
    /// As the commit merged into has it.
    pub ours: Side,
    /// As the commit that is merged has it.
    pub theirs: Side,
}

/// Lines of one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// 1-based number of the first one in that side's file; where it has none, of the line that follows.
    pub line: usize,
    /// The lines; empty where the side deleted them.
    pub text: String,
}

/// The hunks of a merged text with markers, with the lines they have in the files of both sides.
pub(super) fn hunks(merged: &str, ours: &str, theirs: &str) -> Vec<Hunk> {
    let (our_text, our_chunks) = one_side(merged, true);
    let (their_text, their_chunks) = one_side(merged, false);
    let ours = placed(our_chunks, &our_text, ours);
    ours.into_iter().zip(placed(their_chunks, &their_text, theirs)).map(hunk).collect()
}

fn hunk((ours, theirs): (Side, Side)) -> Hunk {
    Hunk { ours, theirs }
}

/// The merged text with every conflict taken from one side, and those parts with their 0-based lines in it.
fn one_side(merged: &str, first: bool) -> (String, Vec<(usize, String)>) {
    // How git-merge(1) marks them; `|||||||` opens the base, with `merge.conflictStyle=diff3`.
    const MARKS: [(&str, State); 4] = [
        ("<<<<<<< ", State::Ours),
        ("||||||| ", State::Base),
        ("=======", State::Theirs),
        (">>>>>>> ", State::Both),
    ];
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        Both,
        Ours,
        Base,
        Theirs,
    }
    let (mut text, mut lines, mut chunks) = (String::new(), 0, Vec::new());
    let mut state = State::Both;
    for line in merged.split_inclusive('\n') {
        let mark = MARKS.iter().find(|(mark, next)| {
            let in_turn = match next {
                State::Ours => state == State::Both,
                State::Base => state == State::Ours,
                State::Theirs => matches!(state, State::Ours | State::Base),
                State::Both => state == State::Theirs,
            };
            in_turn && line.starts_with(mark) && (*next != State::Theirs || line.trim_end() == *mark)
        });
        if let Some((_, next)) = mark {
            state = *next;
            if state == State::Ours {
                chunks.push((lines, String::new()));
            }
            continue;
        }
        if state == State::Both || state == (if first { State::Ours } else { State::Theirs }) {
            text.push_str(line);
            lines += 1;
            if let Some((_, chunk)) = chunks.last_mut().filter(|_| state != State::Both) {
                chunk.push_str(line);
            }
        }
    }
    (text, chunks)
}

/// Parts of a text, with the lines they have in another one that is much the same.
fn placed(chunks: Vec<(usize, String)>, text: &str, other: &str) -> Vec<Side> {
    // A poor answer in time is better here than the best one.
    const LONGEST: Duration = Duration::from_millis(200);
    let diff = TextDiff::configure().algorithm(Algorithm::Myers).timeout(LONGEST).diff_lines(text, other);
    let mut line_in_other = Vec::new();
    let mut next = 0;
    for change in diff.iter_all_changes() {
        match change.tag() {
            ChangeTag::Insert => next += 1,
            tag => {
                line_in_other.push(next);
                next += usize::from(tag == ChangeTag::Equal);
            }
        }
    }
    let place = |line: usize| 1 + line_in_other.get(line).copied().unwrap_or(next);
    chunks.into_iter().map(|(line, text)| Side { line: place(line), text }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn side(line: usize, text: &str) -> Side {
        Side { line, text: text.to_owned() }
    }

    #[test]
    fn each_side_has_its_own_lines() {
        let ours = "a\nours\nb\nc\n";
        let theirs = "new\nnew\na\ntheirs\nb\nmore\nc\n";
        let merged = "new\nnew\na\n<<<<<<< x\nours\n=======\ntheirs\n>>>>>>> y\nb\nmore\nc\n";
        assert_eq!(
            hunks(merged, ours, theirs),
            [Hunk { ours: side(2, "ours\n"), theirs: side(4, "theirs\n") }]
        );
    }

    #[rstest]
    #[case::deleted(
        "a\n<<<<<<< x\n=======\nadded\n>>>>>>> y\nb\n",
        "a\nb\n",
        "a\nadded\nb\n",
        side(2, ""),
        side(2, "added\n")
    )]
    #[case::with_base(
        "<<<<<<< x\no\n||||||| z\nbase\n=======\nt\n>>>>>>> y\n",
        "o\n",
        "t\n",
        side(1, "o\n"),
        side(1, "t\n")
    )]
    #[case::ruler_in_the_text(
        "=======\n<<<<<<< x\no\n=======\nt\n=======\n>>>>>>> y\n",
        "=======\no\n",
        "=======\nt\n=======\n",
        side(2, "o\n"),
        side(2, "t\n=======\n")
    )]
    fn odd_hunks(
        #[case] merged: &str,
        #[case] ours: &str,
        #[case] theirs: &str,
        #[case] our: Side,
        #[case] their: Side,
    ) {
        assert_eq!(hunks(merged, ours, theirs), [Hunk { ours: our, theirs: their }]);
    }
}
