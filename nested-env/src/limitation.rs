//! What is said where no environment can be made here: a limitation of the machine, and no answer to what was to be asked.

use std::fmt;

use crate::attempt::{Attempt, End, Method, Outcome};
use crate::managed::Managed;

/// How every reason begins. Scripts may look for it.
pub const BEGINNING: &str = "E2E environment limitation: could not create a nested Python environment.";

/// How every reason ends.
const END: &str = "To run this scenario, ensure a standard CPython installation is on PATH.";

/// No way worked: each with its cause. Its text is the reason of a skip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limitation {
    /// Every way that was tried, in order.
    pub attempts: Vec<Attempt>,
    /// Whether uv manages the Python that it was tried with; not known where there is none.
    pub managed: Option<Managed>,
    /// What could not be taken away again.
    pub left: Option<String>,
}

impl fmt::Display for Limitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = self.left.as_ref().map(|left| format!(" It was not all taken away again: {left}."));
        write!(f, "{BEGINNING}\n{}{}\n{END}", self.causes(), left.unwrap_or_default())
    }
}

impl Limitation {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        let advice = self.attempts.iter().rev().find_map(|attempt| match attempt.outcome.end() {
            Some(End::Timeout) => Some("give the tools more time: --timeout SECONDS".to_owned()),
            _ => advice(attempt.outcome.cause()?),
        });
        advice.unwrap_or_else(|| {
            "install uv (`pip install uv`), or a CPython with venv and pip; --python names another interpreter".to_owned()
        })
    }

    /// What became of each way, in sentences.
    #[must_use]
    pub fn causes(&self) -> String {
        let told: Vec<String> = self.attempts.iter().map(|attempt| self.told(attempt) + ".").collect();
        told.join(" ")
    }

    fn told(&self, attempt: &Attempt) -> String {
        let method = attempt.method.in_words();
        let cause = attempt.outcome.cause().unwrap_or_default().trim_end_matches('.');
        let on_uv =
            attempt.method == Method::Stdlib && self.managed.as_ref().is_some_and(|managed| managed.managed);
        let on_uv = if on_uv { " on uv-managed Python" } else { "" };
        match &attempt.outcome {
            Outcome::Absent { .. } => format!("{method} unavailable{on_uv}: {cause}"),
            Outcome::Broken { .. } => format!("{method} made one that does not work{on_uv}: {cause}"),
            Outcome::Failed { .. } | Outcome::Made => format!("{method} failed{on_uv}: {cause}"),
        }
    }
}

/// What ends a cause that many have.
fn advice(cause: &str) -> Option<String> {
    let has = |text: &str| cause.contains(text);
    match () {
        () if has("apt install") => {
            let command = &cause[cause.find("apt install")?..];
            Some(command.split(" (").next().unwrap_or(command).trim().to_owned())
        }
        () if has("No space left") => {
            Some("make room on the disk, or name a directory on another one".to_owned())
        }
        () if has("Read-only file system") || has("Permission denied") => {
            Some("name a directory that you may write to; uv's own is $UV_CACHE_DIR".to_owned())
        }
        () => None,
    }
}
