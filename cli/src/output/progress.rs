//! What is being done, on one line of a terminal that is written anew; nothing where nobody watches.

use std::io::{self, Write};

use clearance_engine::merge::land::Step;
use clearance_engine::source::{harmless, without_secrets};

use crate::args::Global;
use crate::env::Env;

/// The line.
pub(crate) struct Line {
    shown: bool,
    columns: usize,
    dirty: bool,
}

impl Line {
    pub(crate) fn new(env: &Env, global: &Global) -> Self {
        let shown = env.shows_progress && !global.quiet;
        Self { shown, columns: env.columns, dirty: false }
    }

    pub(crate) fn show(&mut self, step: Step<'_>) {
        let text = match step {
            Step::Lane { branch, nth, of } => format!("merging {branch} ({nth} of {of})"),
            Step::Replay { commit } => format!("making {} again", &commit[..commit.len().min(12)]),
            Step::Target { branch } => format!("making the commit for {branch}"),
            Step::WorkTree { root } => format!("updating {}", root.display()),
            Step::Push { remote } => format!("pushing to {}", without_secrets(remote)),
            Step::CleanUp => "removing branches and work trees".to_owned(),
        };
        self.write(&text);
    }

    /// Shows a text of one line.
    pub(crate) fn write(&mut self, text: &str) {
        if !self.shown {
            return;
        }
        let text: String = harmless(text).chars().take(self.columns.saturating_sub(1)).collect();
        self.dirty = true;
        // Who cannot show it does without.
        let _ = write!(io::stderr().lock(), "\r\u{1b}[K{text}").and_then(|()| io::stderr().flush());
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.dirty {
            let _ = write!(io::stderr().lock(), "\r\u{1b}[K").and_then(|()| io::stderr().flush());
        }
    }
}

/// How many events are delivered, of how many.
#[cfg(feature = "sync")]
pub(crate) struct Counter(Line);

#[cfg(feature = "sync")]
impl Counter {
    pub(crate) fn new(env: &Env, global: &Global) -> Self {
        Self(Line::new(env, global))
    }

    pub(crate) fn show(&mut self, done: usize, of: usize) {
        self.0.write(&format!("delivering: {done} of {of}"));
    }
}
