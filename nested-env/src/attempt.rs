//! A way to make an environment, and what became of it.

use std::time::Duration;

/// A way to make an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `uv venv`
    Uv,
    /// `python -m venv`
    Stdlib,
}

impl Method {
    /// Its name in results: `uv_venv`, `stdlib_venv`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Uv => "uv_venv",
            Self::Stdlib => "stdlib_venv",
        }
    }

    /// Its name in sentences.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Uv => "uv venv",
            Self::Stdlib => "stdlib venv",
        }
    }
}

/// One way that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Which.
    pub method: Method,
    /// What was run; nothing where the tool is not there.
    pub argv: Vec<String>,
    /// How long it took, with the look at what it made.
    pub took: Duration,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// An environment whose interpreter runs.
    Made,
    /// There is no such tool.
    Absent {
        /// Where it was looked for.
        cause: String,
    },
    /// The tool made none.
    Failed {
        /// How it ended.
        end: End,
        /// Its last word on why.
        cause: String,
    },
    /// The tool says that it made one, and it does not work.
    Broken {
        /// What does not work.
        cause: String,
    },
}

/// How a tool ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With this exit code.
    Exit(i32),
    /// By this signal.
    Signal(i32),
    /// It was killed when its time was over.
    Timeout,
    /// The system did not start it.
    NotStarted,
}

impl Outcome {
    /// The word for it in results.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Absent { .. } => "absent",
            Self::Failed { .. } => "failed",
            Self::Broken { .. } => "broken",
        }
    }

    /// Why there is no environment.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        match self {
            Self::Made => None,
            Self::Absent { cause } | Self::Failed { cause, .. } | Self::Broken { cause } => Some(cause),
        }
    }

    /// How the tool ended, where it failed.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        match self {
            Self::Failed { end, .. } => Some(*end),
            _ => None,
        }
    }
}
