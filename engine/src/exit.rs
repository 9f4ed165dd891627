//! Exit codes: the one table that README, `--help` and CI recipes quote.

/// What a run tells its caller through the process exit code. The numbers are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitStatus {
    /// Cleared, or everything asked for is done.
    Done = 0,
    /// Blocked, nothing could be resolved, or a requested commit failed.
    Blocked = 1,
    /// The question itself is wrong: usage, configuration, unknown mission.
    Usage = 2,
    /// No answer: something could not be read, locked or written, or a rule is not trusted.
    Undecided = 3,
    /// Nothing was evaluated.
    NothingEvaluated = 4,
    /// A bug in clearance itself.
    Bug = 101,
}

impl ExitStatus {
    /// Every status with its meaning, in numeric order.
    pub const TABLE: [(Self, &'static str); 6] = [
        (Self::Done, "cleared, or done"),
        (Self::Blocked, "blocked, nothing could be resolved, or a requested commit failed"),
        (Self::Usage, "usage, configuration or unknown mission"),
        (
            Self::Undecided,
            "could not decide: something could not be read, locked or written, or a rule is not trusted",
        ),
        (Self::NothingEvaluated, "nothing was evaluated"),
        (Self::Bug, "a bug in clearance"),
    ];

    /// The number the process exits with.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }
}
