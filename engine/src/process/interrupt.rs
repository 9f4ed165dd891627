//! An end from outside while a program runs: Ctrl-C, a terminal that goes, a CI that cancels. The program has a group of its
//! own, which the terminal does not reach: it would go on when nobody waits for it any more. So it is ended first, who runs it
//! cleans up, and then this process ends as it would have.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag::{register_conditional_default, register_usize};
use signal_hook::low_level::emulate_default_handler;

/// What is known of signals.
struct Signals {
    /// Whether no program runs: then a signal does what it does to any process.
    idle: Arc<AtomicBool>,
    /// How many programs run.
    running: AtomicUsize,
    /// The signal that came while one ran.
    caught: Arc<AtomicUsize>,
}

static SIGNALS: OnceLock<Signals> = OnceLock::new();

fn signals() -> &'static Signals {
    SIGNALS.get_or_init(|| {
        let (idle, caught) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
        let ignored = ignored();
        for signal in [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !is_in(ignored, *signal)) {
            // Where it cannot be had, the signal does what it did. The first one registered is asked first.
            let number = usize::try_from(signal).unwrap_or_default();
            let _ = register_conditional_default(signal, Arc::clone(&idle))
                .and_then(|_| register_usize(signal, Arc::clone(&caught), number));
        }
        Signals { idle, running: AtomicUsize::new(0), caught }
    })
}

/// While this lives, a program runs.
pub(super) struct Running;

impl Running {
    pub(super) fn new() -> Self {
        let signals = signals();
        signals.running.fetch_add(1, Ordering::SeqCst);
        signals.idle.store(false, Ordering::SeqCst);
        Self
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let signals = signals();
        if signals.running.fetch_sub(1, Ordering::SeqCst) == 1 {
            signals.idle.store(true, Ordering::SeqCst);
        }
    }
}

/// Whether this process was told to end while a program ran.
pub(super) fn is_interrupted() -> bool {
    signals().caught.load(Ordering::SeqCst) != 0
}

/// Ends this process as it was told to while a program ran, where it was.
pub fn end_if_interrupted() {
    let caught = SIGNALS.get().map_or(0, |signals| signals.caught.load(Ordering::SeqCst));
    if let Ok(signal @ 1..) = i32::try_from(caught) {
        let _ = emulate_default_handler(signal);
    }
}

/// The signals that whoever started this process wanted ignored, as `nohup` does, as a mask. They stay so.
fn ignored() -> u64 {
    const LONGEST: u64 = 64 << 10;
    let read = crate::source::read_bytes("status", std::path::Path::new("/proc/self/status"), LONGEST);
    let status = String::from_utf8(read.ok().flatten().unwrap_or_default()).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // Not known: a terminal that goes is the one that is commonly ignored.
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(1 << (SIGHUP - 1))
}

fn is_in(mask: u64, signal: i32) -> bool {
    mask & (1 << (signal - 1)) != 0
}
