//! What keeps an evaluation within its time and its memory.

use std::cell::Cell;
use std::panic::resume_unwind;
use std::time::{Duration, Instant};

/// The time that one evaluation has.
pub const TIME: Duration = Duration::from_millis(200);

/// The memory that one evaluation may fill with what it makes, in bytes.
pub const MEMORY: usize = 64 << 20;

/// The panic that ends an evaluation: an error could be overridden by what a loop goes on with.
pub(super) enum OutOf {
    Time,
    Memory,
}

/// Turns of a loop between two looks at the clock, which costs as much as a turn.
const TURNS: u32 = 32;

/// When an evaluation has to be over.
#[derive(Clone, Copy)]
struct Deadline {
    /// When to look closer.
    until: Instant,
    /// When it is over however little of the processor it had.
    last: Instant,
    /// The processor time of the thread when it was looked at first.
    worked: Option<Duration>,
}

thread_local! {
    static DEADLINE: Cell<Option<Deadline>> = const { Cell::new(None) };
    static TURN: Cell<u32> = const { Cell::new(0) };
    static LEFT: Cell<usize> = const { Cell::new(MEMORY) };
}

/// Begins the time and the memory of an evaluation on this thread.
pub(super) fn start() {
    let now = Instant::now();
    DEADLINE.set(Some(Deadline { until: now + TIME / 2, last: now + TIME * PATIENCE, worked: None }));
    TURN.set(0);
    LEFT.set(MEMORY);
}

/// Ends an evaluation that is out of time. Half of its time goes by the clock on the wall, which costs next to nothing to
/// look at. The other half is processor time: on a machine that is busy with something else, an evaluation has not had the
/// time that has gone by.
pub(super) fn look_at_clock() {
    let now = Instant::now();
    let Some(deadline) = DEADLINE.get().filter(|deadline| now > deadline.until) else { return };
    let began = deadline.worked.unwrap_or_else(worked);
    let left = (TIME / 2).checked_sub(worked().saturating_sub(began)).filter(|_| now <= deadline.last);
    let Some(left) = left else { resume_unwind(Box::new(OutOf::Time)) };
    DEADLINE.set(Some(Deadline { until: now + left, worked: Some(began), ..deadline }));
}

/// A turn of a loop.
pub(super) fn turn() {
    let turns = TURN.get() + 1;
    TURN.set(turns % TURNS);
    if turns == TURNS {
        look_at_clock();
    }
}

/// How many times longer than [`TIME`] an evaluation may take where others keep the processor busy.
const PATIENCE: u32 = 20;

/// The processor time of this thread.
#[cfg(unix)]
pub(crate) fn worked() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

#[cfg(not(unix))]
pub(crate) fn worked() -> Duration {
    Duration::MAX
}

/// Takes what a value weighs from what is left.
pub(super) fn spend(bytes: usize) {
    match LEFT.get().checked_sub(bytes) {
        Some(left) => LEFT.set(left),
        None => resume_unwind(Box::new(OutOf::Memory)),
    }
}
