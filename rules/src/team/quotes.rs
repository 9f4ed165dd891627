//! Texts with expressions in them, without what stands in quotes there: brackets and operators in a quote are none.

use std::str::CharIndices;

/// The characters of a text that are neither quotes nor in quotes, each with its place in bytes.
pub(super) struct Unquoted<'s> {
    characters: CharIndices<'s>,
    quote: Option<char>,
}

impl<'s> Unquoted<'s> {
    pub(super) fn of(text: &'s str) -> Self {
        Self { characters: text.char_indices(), quote: None }
    }

    /// Whether a quote was opened and is not closed so far.
    pub(super) fn is_open(&self) -> bool {
        self.quote.is_some()
    }
}

impl Iterator for Unquoted<'_> {
    type Item = (usize, char);

    fn next(&mut self) -> Option<(usize, char)> {
        loop {
            let (at, character) = self.characters.next()?;
            match (self.quote, character) {
                (None, '"' | '\'') => self.quote = Some(character),
                (None, _) => return Some((at, character)),
                // Whatever is escaped closes nothing.
                (Some(_), '\\') => drop(self.characters.next()),
                (Some(open), _) if open == character => self.quote = None,
                (Some(_), _) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("a + b", "a + b", false)]
    #[case(r#"é"(\"}}"(''"#, "é(", false)]
    #[case(r#"a 'it"s' b"#, "a  b", false)]
    #[case(r#"a "b"#, "a ", true)]
    #[case(r#"a "b\"#, "a ", true)]
    fn what_is_quoted_is_left_out(#[case] text: &str, #[case] left: &str, #[case] open: bool) {
        let mut unquoted = Unquoted::of(text);
        let kept: String = unquoted.by_ref().map(|(_, character)| character).collect();
        assert_eq!((kept.as_str(), unquoted.is_open()), (left, open));
        assert!(Unquoted::of(text).all(|(at, character)| text[at..].starts_with(character)));
    }
}
