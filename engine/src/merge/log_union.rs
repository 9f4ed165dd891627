//! The status log of a mission that two branches wrote, merged by what it means: lines are only ever added to a log, so
//! the result has what either side has. git, which compares lines, would find a conflict at the end of the file.

use std::borrow::Cow;
use std::collections::HashMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// Two sides of a log that cannot both be true.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// One event, told in two ways.
    #[error(
        "the event {event_id} says different things: line {ours} on one side, line {theirs} on the other"
    )]
    Event {
        /// Its id.
        event_id: String,
        /// 1-based line of our side.
        ours: usize,
        /// 1-based line of their side.
        theirs: usize,
    },
    /// A side ends in the middle of a line: what it would have said is not known.
    #[error("line {line} of one side was cut off while it was written")]
    Torn {
        /// 1-based line.
        line: usize,
    },
}

/// The parts of a line that its place depends on.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, default)]
    event_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    at: Option<Cow<'a, str>>,
}

/// A line, and what it is told from others by: the id of its event, or itself.
struct Line<'a> {
    number: usize,
    text: &'a str,
    key: Cow<'a, str>,
    at: Option<Timestamp>,
}

/// Merges two sides of a log. Each side's lines keep their order; where both added some, the earlier event comes first.
///
/// # Errors
/// [`Contradiction`].
pub fn union(ours: &str, theirs: &str) -> Result<String, Contradiction> {
    let (ours, theirs) = (lines(ours)?, lines(theirs)?);
    // A log may tell one event in two ways already: what both sides have is no contradiction between them.
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    for (place, line) in ours.iter().enumerate() {
        places.entry(&line.key).or_default().push(place);
    }
    // Their own lines, each with the number of our lines that it comes after in any case.
    let (mut added, mut after) = (Vec::new(), 0);
    for line in &theirs {
        match places.get(&*line.key) {
            Some(places) => {
                let same = places.iter().find(|place| says_the_same(ours[**place].text, line.text));
                let Some(same) = same else {
                    let event_id = line.key.clone().into_owned();
                    let ours = ours[places[0]].number;
                    return Err(Contradiction::Event { event_id, ours, theirs: line.number });
                };
                after = after.max(same + 1);
            }
            None => added.push((after, line)),
        }
    }
    let mut merged = String::new();
    let mut put = |line: &Line<'_>| {
        merged.push_str(line.text);
        merged.push('\n');
    };
    let mut added = added.into_iter().peekable();
    for (place, own) in ours.iter().enumerate() {
        while let Some((_, line)) = added.next_if(|(after, line)| *after <= place && is_earlier(line, own)) {
            put(line);
        }
        put(own);
    }
    added.for_each(|(_, line)| put(line));
    Ok(merged)
}

/// A line without a time stays with the one before it.
fn is_earlier(one: &Line<'_>, other: &Line<'_>) -> bool {
    match (one.at, other.at) {
        (Some(one), Some(other)) => one < other,
        (None, _) => true,
        (Some(_), None) => false,
    }
}

fn says_the_same(one: &str, other: &str) -> bool {
    let value = |text: &str| serde_json::from_str::<Value>(text).ok();
    one == other || value(one).is_some_and(|one| Some(one) == value(other))
}

fn lines(text: &str) -> Result<Vec<Line<'_>>, Contradiction> {
    let is_whole = text.is_empty() || text.ends_with('\n');
    let count = text.lines().count();
    // However a line ends, it is the same line.
    let ends = text.lines().map(|line| line.trim_end_matches('\r'));
    let numbered = ends.enumerate().map(|(nth, line)| (nth + 1, line));
    let told = numbered.filter(|(_, line)| !line.trim().is_empty());
    told.map(|(number, text)| {
        let head = serde_json::from_str::<Head<'_>>(text).ok();
        if head.is_none() && number == count && !is_whole {
            return Err(Contradiction::Torn { line: number });
        }
        let (event_id, at) = head.map_or((None, None), |head| (head.event_id, head.at));
        let at = at.and_then(|at| at.parse().ok());
        Ok(Line { number, text, key: event_id.unwrap_or(Cow::Borrowed(text)), at })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// `a3` is the event `a` of the third second.
    fn log(events: &str) -> String {
        let line = |event: &str| {
            let (id, second) = event.split_at(1);
            format!("{{\"event_id\": \"{id}\", \"at\": \"2026-01-01T00:00:{second:0>2}Z\"}}\n")
        };
        events.split_whitespace().map(line).collect()
    }

    #[rstest]
    #[case::nothing("", "", "")]
    #[case::one_side("a1 b2", "", "a1 b2")]
    #[case::other_side("", "a1 b2", "a1 b2")]
    #[case::same("a1 b2", "a1 b2", "a1 b2")]
    #[case::both_added("a1 b2", "a1 c3", "a1 b2 c3")]
    #[case::by_time("a1 c3", "a1 b2", "a1 b2 c3")]
    #[case::in_turn("a1 c3 e5", "a1 b2 d4 f6", "a1 b2 c3 d4 e5 f6")]
    #[case::order_of_a_side_is_kept("a1 c5 b4", "a1 d3", "a1 d3 c5 b4")]
    #[case::never_before_what_it_follows("x9 a1", "x9 b2", "x9 a1 b2")]
    #[case::later_than_common("a1 b2 c9", "b2 d3", "a1 b2 d3 c9")]
    fn both_sides_are_kept(#[case] ours: &str, #[case] theirs: &str, #[case] expected: &str) {
        assert_eq!(union(&log(ours), &log(theirs)).unwrap(), log(expected));
    }

    #[test]
    fn what_is_no_event_is_kept_once() {
        let (ours, theirs) = ("note\n{\"kind\": \"x\"}\n", "note\n{\"kind\": \"y\"}\n\n");
        assert_eq!(union(ours, theirs).unwrap(), "note\n{\"kind\": \"y\"}\n{\"kind\": \"x\"}\n");
    }

    #[test]
    fn line_endings_are_no_part_of_a_line() {
        assert_eq!(union("note\r\r\n", "note\r\nnote\n").unwrap(), "note\n");
    }

    #[test]
    fn an_event_that_is_written_in_another_way_is_the_same() {
        let (ours, theirs) = ("{\"event_id\": \"a\", \"n\": 1}", "{\"n\":1,\"event_id\":\"a\"}\n");
        assert_eq!(union(ours, theirs).unwrap(), format!("{ours}\n"));
    }

    #[test]
    fn what_both_sides_tell_in_two_ways_is_no_contradiction_between_them() {
        let both = "{\"event_id\": \"a\", \"n\": 1}\n{\"event_id\": \"a\", \"n\": 2}\n";
        let theirs = format!("{both}{}", log("b2"));
        assert_eq!(union(both, &theirs).unwrap(), theirs);
        assert_eq!(union(&theirs, both).unwrap(), theirs);
    }

    #[rstest]
    #[case::told_in_two_ways("{\"event_id\": \"a\", \"n\": 1}\n", "\n{\"event_id\": \"a\", \"n\": 2}\n", Contradiction::Event { event_id: "a".to_owned(), ours: 1, theirs: 2 })]
    #[case::torn("{}\n{\"ev", "", Contradiction::Torn { line: 2 })]
    fn what_cannot_be_merged(#[case] ours: &str, #[case] theirs: &str, #[case] expected: Contradiction) {
        assert_eq!(union(ours, theirs), Err(expected));
    }

    proptest! {
        /// Every line of either side is there once, and each side is in its order; and a merge that is made again changes
        /// nothing.
        #[test]
        fn nothing_is_lost_or_doubled(shared in "([a-f][0-9] ){0,4}", ours in "([g-m][0-9] ){0,6}", theirs in "([n-z][0-9] ){0,6}") {
            let distinct = |text: &str| {
                let mut seen = std::collections::HashSet::new();
                text.split_whitespace().filter(|event| seen.insert(event.as_bytes()[0])).collect::<Vec<_>>().join(" ")
            };
            let (ours, theirs) = (distinct(&format!("{shared}{ours}")), distinct(&format!("{shared}{theirs}")));
            let merged = union(&log(&ours), &log(&theirs)).unwrap();
            for side in [&ours, &theirs] {
                let side = log(side);
                let own: Vec<_> = merged.lines().filter(|line| side.lines().any(|other| other == *line)).collect();
                prop_assert_eq!(own, side.lines().collect::<Vec<_>>());
            }
            let count = ours.split_whitespace().chain(theirs.split_whitespace()).collect::<std::collections::HashSet<_>>().len();
            prop_assert_eq!(merged.lines().count(), count);
            prop_assert_eq!(&union(&merged, &log(&theirs)).unwrap(), &merged);
            prop_assert_eq!(&union(&merged, &log(&ours)).unwrap(), &merged);
        }
    }
}
