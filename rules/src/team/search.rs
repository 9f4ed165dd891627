//! A pattern that is looked for in one line, within a time, however long the line is and whatever the pattern does to it.
//!
//! A search of the crate `regex` cannot be interrupted, and takes as long as the pattern is large, times the line: a short
//! pattern such as `a[ab]{400}c` takes seconds for each MiB. What may take long is therefore done step by step.

use std::cell::Cell;
use std::ops::Range;
use std::sync::OnceLock;
use std::time::Duration;

use regex::Regex;
use regex_automata::hybrid;
use regex_automata::nfa::thompson::{Compiler, Config, NFA, State, WhichCaptures};
use regex_automata::util::primitives::StateID;

use super::expression::worked;

/// Longest line that is searched without a look at the size of the pattern, in bytes.
const LONG: usize = 4 << 10;
/// Most bytes of a line times bytes of a compiled pattern that are searched in one go: at most about a second.
const IN_ONE_GO: usize = 2 << 30;
/// How often the table of states that came up may be full before it is given up: it is what makes long lines fast, and
/// helps nothing where nearly every byte leads to a state that was never there.
const FULL: usize = 16;
/// Work between two looks at the clock: bytes that were searched, or states that were visited.
const A_LOOK: usize = 4 << 10;
/// Work of a search besides the bytes.
const A_SEARCH: usize = 16;

/// The time of all searches of a rule together.
#[derive(Debug)]
pub(super) struct Clock {
    began: Duration,
    limit: Duration,
    since: Cell<usize>,
}

/// The time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OutOfTime;

impl Clock {
    /// Begins a time, of which the processor's counts.
    pub(super) fn of(limit: Duration) -> Self {
        Self { began: worked(), limit, since: Cell::new(0) }
    }

    fn work(&self, amount: usize) -> Result<(), OutOfTime> {
        let since = self.since.get().saturating_add(amount);
        self.since.set(since);
        if since < A_LOOK {
            return Ok(());
        }
        self.since.set(0);
        if worked().saturating_sub(self.began) > self.limit { Err(OutOfTime) } else { Ok(()) }
    }
}

/// A pattern of one line.
#[derive(Debug)]
pub(super) struct Pattern {
    regex: Regex,
    /// What long lines are searched with, once there is one.
    steps: OnceLock<Option<Steps>>,
}

impl Pattern {
    pub(super) fn new(regex: Regex) -> Self {
        Self { regex, steps: OnceLock::new() }
    }

    /// The pattern as it is written.
    pub(super) fn as_str(&self) -> &str {
        self.regex.as_str()
    }

    /// Whether it is found in a text, within a time.
    ///
    /// # Errors
    /// Where the time is over before the text is.
    pub(super) fn is_in(&self, text: &str, limit: Duration) -> Result<bool, OutOfTime> {
        if text.len() <= LONG {
            return Ok(self.regex.is_match(text));
        }
        self.find(text, &Clock::of(limit)).map(|found| found.is_some())
    }

    /// The first place in a line.
    ///
    /// # Errors
    /// Where the time is over before the line is.
    pub(super) fn find(&self, text: &str, clock: &Clock) -> Result<Option<Range<usize>>, OutOfTime> {
        clock.work(text.len() + A_SEARCH)?;
        let steps = if text.len() > LONG {
            self.steps.get_or_init(|| Steps::of(self.as_str())).as_ref()
        } else {
            None
        };
        match steps {
            Some(steps) if text.len().saturating_mul(steps.nfa.memory_usage()) > IN_ONE_GO => {
                steps.find(text, clock)
            }
            _ => Ok(self.regex.find(text).map(|found| found.range())),
        }
    }
}

/// A pattern that can be searched for step by step.
#[derive(Debug)]
struct Steps {
    nfa: NFA,
    table: Option<hybrid::regex::Regex>,
}

impl Steps {
    fn of(pattern: &str) -> Option<Self> {
        let plain = Config::new().which_captures(WhichCaptures::None);
        let nfa = Compiler::new().configure(plain).build(pattern).ok()?;
        let kept = hybrid::dfa::Config::new()
            .unicode_word_boundary(true)
            .skip_cache_capacity_check(true)
            .minimum_cache_clear_count(Some(FULL));
        let table = hybrid::regex::Builder::new().dfa(kept).build(pattern).ok();
        Some(Self { nfa, table })
    }

    fn find(&self, text: &str, clock: &Clock) -> Result<Option<Range<usize>>, OutOfTime> {
        if let Some(table) = &self.table {
            // It is no answer where it was given up, or where a word has other letters than those of ASCII.
            if let Ok(found) = table.try_search(&mut table.create_cache(), &text.into()) {
                return Ok(found.map(|found| found.range()));
            }
        }
        self.walk(text, clock)
    }

    /// Goes through the line byte by byte, with all states that the pattern may be in, the one that is preferred first.
    fn walk(&self, text: &str, clock: &Clock) -> Result<Option<Range<usize>>, OutOfTime> {
        let bytes = text.as_bytes();
        let count = self.nfa.states().len();
        let (mut now, mut next) = (Threads::of(count), Threads::of(count));
        let mut found = None;
        for at in 0..=bytes.len() {
            if found.is_none() && (at == 0 || !self.nfa.is_always_start_anchored()) {
                clock.work(now.add(&self.nfa, self.nfa.start_anchored(), at, bytes, at))?;
            } else if now.list.is_empty() {
                break;
            }
            for (state, start) in now.list.drain(..) {
                let to = match (self.nfa.state(state), bytes.get(at)) {
                    (State::Match { .. }, _) if start != at || text.is_char_boundary(at) => {
                        found = Some(start..at);
                        break;
                    }
                    (State::ByteRange { trans }, Some(byte)) if trans.matches_byte(*byte) => Some(trans.next),
                    (State::Sparse(sparse), Some(byte)) => sparse.matches_byte(*byte),
                    (State::Dense(dense), Some(byte)) => dense.matches_byte(*byte),
                    _ => None,
                };
                let visited = to.map_or(0, |to| next.add(&self.nfa, to, start, bytes, at + 1));
                clock.work(1 + visited)?;
            }
            std::mem::swap(&mut now, &mut next);
        }
        Ok(found)
    }
}

/// The states that a pattern is in at one place of a line, each with the place where it began.
struct Threads {
    list: Vec<(StateID, usize)>,
    /// By state, one more than the place where it was entered last.
    entered: Vec<usize>,
    open: Vec<StateID>,
}

impl Threads {
    fn of(count: usize) -> Self {
        Self { list: Vec::new(), entered: vec![0; count], open: Vec::new() }
    }

    /// Adds a state and all to which it leads without a byte; how many were visited.
    fn add(&mut self, nfa: &NFA, state: StateID, start: usize, bytes: &[u8], at: usize) -> usize {
        let mut visited = 0;
        self.open.push(state);
        while let Some(state) = self.open.pop() {
            visited += 1;
            if std::mem::replace(&mut self.entered[state.as_usize()], at + 1) == at + 1 {
                continue;
            }
            match nfa.state(state) {
                State::Look { look, next } => {
                    if nfa.look_matcher().matches(*look, bytes, at) {
                        self.open.push(*next);
                    }
                }
                State::Union { alternates } => self.open.extend(alternates.iter().rev()),
                State::BinaryUnion { alt1, alt2 } => self.open.extend([*alt2, *alt1]),
                State::Capture { next, .. } => self.open.push(*next),
                State::Fail => {}
                _ => self.list.push((state, start)),
            }
        }
        visited
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn pattern(written: &str) -> Pattern {
        Pattern::new(Regex::new(written).unwrap())
    }

    fn steps(written: &str) -> Steps {
        Steps::of(written).unwrap()
    }

    /// Letters that lead to a new state with nearly every byte.
    fn letters(count: usize) -> String {
        let next = |state: &mut u32, ()| {
            *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Some(if *state >> 31 == 0 { 'a' } else { 'b' })
        };
        std::iter::repeat_n((), count).scan(7, next).collect()
    }

    /// Step by step, the place is the one that a search in one go finds.
    #[rstest]
    #[case::first_of_two("a|ab|b")]
    #[case::longer_first("ab|a")]
    #[case::lazy("a+?b??")]
    #[case::greedy("a+b*")]
    #[case::counted("a[ab]{2,4}b")]
    #[case::begins("^a+")]
    #[case::ends("b+$")]
    #[case::nothing_on_it("^$")]
    #[case::lines("(?m)^b")]
    #[case::words(r"\b[aé]+\b")]
    #[case::between_words(r"b\B")]
    #[case::ascii_words(r"(?-u:\b)b")]
    #[case::empty_at_words(r"\b")]
    #[case::letters(r"\w{2}\W")]
    #[case::any(".b.")]
    #[case::other_letters("[é日]+a?")]
    #[case::groups("(?:(a)|(b)){2}é")]
    #[case::letter_case("(?i)É|ſ")]
    #[case::never(r"[^\s\S]")]
    fn steps_find_what_a_search_finds(#[case] written: &str) {
        let (steps, regex) = (steps(written), Regex::new(written).unwrap());
        proptest!(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() }, |(text in "[abéÉsſ日 -]{0,12}")| {
            let there = regex.find(&text).map(|found| found.range());
            prop_assert_eq!(steps.walk(&text, &Clock::of(HOUR)).unwrap(), there.clone());
            prop_assert_eq!(steps.find(&text, &Clock::of(HOUR)).unwrap(), there);
        });
    }

    /// What comes late in a long line is found, with a pattern that is fast and with one that is not.
    #[rstest]
    #[case::fast(r"[\w.]{20}@[\w.]{10}", 64)]
    #[case::with_other_letters(r"\b[\w.]{20,100}@[\w.]{10}", 16)]
    #[case::slow("a[ab]{90}@b", 8)]
    fn the_end_of_a_long_line_is_looked_at(#[case] written: &str, #[case] kib: usize) {
        let before = format!("é {}", letters(kib << 10));
        let text = format!("{before} {}@bababababa", "a".repeat(100));
        let pattern = pattern(written);
        let clock = Clock::of(HOUR);
        assert_eq!(
            pattern.find(&text, &clock),
            Ok(Regex::new(written).unwrap().find(&text).map(|f| f.range()))
        );
        assert_eq!(pattern.find(&before, &clock), Ok(None));
        let steps = steps(written);
        assert!(steps.find(&text, &clock).unwrap().is_some_and(|found| found.end > before.len()));
        assert_eq!(steps.find(&before, &clock), Ok(None));
    }

    /// However long it would take, a search is over with its time.
    #[rstest]
    #[case::one_line(8 << 20, 1)]
    #[case::many_lines(500, 100_000_000)]
    fn a_search_ends_with_its_time(#[case] length: usize, #[case] times: usize) {
        let (pattern, text) = (pattern("a[ab]{400}[cd]"), letters(length));
        let (started, clock) = (Instant::now(), Clock::of(Duration::from_millis(100)));
        assert!((0..times).any(|_| pattern.find(&text, &clock) == Err(OutOfTime)));
        assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    }
}
