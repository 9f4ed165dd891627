//! What holds for every text that is read from outside, one file a reader. Each `hold` takes any bytes and panics where
//! something does not hold: `cargo fuzz` looks for such bytes, and the usual tests try the corpus and changes of it
//! (`tests/product/any_text.rs`, which has these files as a module).

pub mod event_log;
pub mod front_matter;
pub mod ids;
pub mod lanes;
pub mod meta;
pub mod rules;
#[cfg(feature = "sync")]
pub mod sync_answer;
pub mod tasks;

use clearance_engine::mission::artefact::ArtefactError;
use clearance_engine::source::Source;

/// Bytes as a file of this name, where they are text.
fn source(name: &str, data: &[u8]) -> Option<Source> {
    Some(Source::new(name, name, std::str::from_utf8(data).ok()?))
}

/// An error about a file names it, and a line that it has.
fn is_placed(error: &ArtefactError, source: &Source) {
    let (name, line) = error.place();
    assert_eq!(name, source.name(), "{error}");
    has_line(source, line.expect("what is broken has a line"));
}

/// A text has this 1-based line; an empty one has one.
fn has_line(source: &Source, line: usize) {
    let count = source.text().bytes().filter(|byte| *byte == b'\n').count() + 1;
    assert!((1..=count).contains(&line), "line {line} of {count}: {:?}", source.text());
}
