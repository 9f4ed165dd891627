//! The network, behind one blocking door: questions that rules ask servers, and the delivery of events after local
//! success. The only asynchronous code; no other crate sees that it is.

mod classify;
mod code;
pub mod https;

pub use classify::classify;
pub use code::DiagnosticCode;

/// What became of the delivery of events at the end of a command.
///
/// Of the delivery there is the door only: without a configuration it does nothing, and there is no configuration yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinalSync {
    /// Sync is not enabled, so nothing was queued and nothing was sent.
    Off,
}

/// Delivers what a command has queued. Never fails the command, never touches standard output.
#[must_use]
pub fn final_sync() -> FinalSync {
    FinalSync::Off
}

#[cfg(test)]
mod tests {
    #[test]
    fn off_is_off() {
        assert_eq!(super::final_sync(), super::FinalSync::Off);
    }
}
