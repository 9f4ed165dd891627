//! The only file that names a YAML crate: reads YAML text into types, with errors that point at the line.

use serde::de::DeserializeOwned;

use crate::mission::artefact::ArtefactError;
use crate::source::Source;

/// Reads the YAML in `source.text()[range]`; errors point into the whole file.
///
/// # Errors
/// [`ArtefactError::Broken`] with the place the parser gave.
pub(crate) fn read<T: DeserializeOwned>(
    source: &Source,
    range: std::ops::Range<usize>,
) -> Result<T, ArtefactError> {
    serde_yaml::from_str(&source.text()[range.clone()]).map_err(|error| {
        // A parser that ran off the end of the YAML means its last line, not the text behind it.
        let last = range.start + source.text()[range.clone()].trim_end().len().saturating_sub(1);
        let at = error.location().map_or(range.start, |place| (range.start + place.index()).min(last));
        // The parser counts characters, and the last one may be of several bytes.
        let at = source.text().floor_char_boundary(at);
        let message = error.to_string();
        // The parser's own "at line 3 column 5" counts from the start of the front matter; ours counts in the file.
        let message = message.split(" at line ").next().unwrap_or(&message).to_owned();
        ArtefactError::broken(source, at, message, hint(source, at))
    })
}

/// The usual traps, named when the line shows one.
fn hint(source: &Source, at: usize) -> &'static str {
    let text = source.text();
    let start = text[..at.min(text.len())].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    if line.starts_with('\t') || line.contains("\t-") {
        "YAML is indented with blanks, never with tabs"
    } else if line.matches(": ").count() > 1 {
        "a value that has `: ` in it must stand in quotes"
    } else {
        "correct the line; the rest of the mission was read"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// The place of an error is one in the text, whatever letters are there.
    #[rstest]
    #[case("a: 1\n  \u{202e}")]
    #[case("a: é: ü")]
    #[case("- [é")]
    #[case("é: {\n\nü")]
    fn errors_have_a_place_between_letters(#[case] text: &str) {
        let source = Source::new("x.yaml", "", text);
        let read = read::<std::collections::BTreeMap<String, u8>>(&source, 0..text.len());
        assert!(read.is_err());
    }
}
