//! The five names that say why the delivery of events did not end well.

use std::fmt;

use serde::{Serialize, Serializer};

/// Why events stayed behind after local success. None of them makes a command fail: the events are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DiagnosticCode {
    /// The lock that delivery needs is held by somebody else: taking it (`fcntl`, `flock`) ran out of time.
    FinalSyncLockUnavailable,
    /// Another process holds the lock of the session and is refreshing it; this one must not do so at the same time.
    AuthRefreshInProgress,
    /// The WebSocket connection is not there, or was lost; events are queued.
    WebsocketOffline,
    /// What would have run the delivery is gone: the runtime was dropped, or the interpreter is shutting down.
    EventLoopUnavailable,
    /// The server refused, or could not be reached: 401, 403, 429, 5xx, no connection, or authentication that failed.
    ServerAuthFailure,
}

impl DiagnosticCode {
    /// All of them, in the order of the declaration.
    pub const ALL: [Self; 5] = [
        Self::FinalSyncLockUnavailable,
        Self::AuthRefreshInProgress,
        Self::WebsocketOffline,
        Self::EventLoopUnavailable,
        Self::ServerAuthFailure,
    ];

    /// The name that is printed. It never changes: scripts look for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FinalSyncLockUnavailable => "sync.final_sync_lock_unavailable",
            Self::AuthRefreshInProgress => "sync.auth_refresh_in_progress",
            Self::WebsocketOffline => "sync.websocket_offline",
            Self::EventLoopUnavailable => "sync.event_loop_unavailable",
            Self::ServerAuthFailure => "sync.server_auth_failure",
        }
    }
}

impl fmt::Display for DiagnosticCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for DiagnosticCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::DiagnosticCode;

    #[test]
    fn names_are_what_scripts_look_for() {
        let names = DiagnosticCode::ALL.map(DiagnosticCode::as_str);
        assert_eq!(
            names,
            [
                "sync.final_sync_lock_unavailable",
                "sync.auth_refresh_in_progress",
                "sync.websocket_offline",
                "sync.event_loop_unavailable",
                "sync.server_auth_failure",
            ]
        );
    }

    #[test]
    fn written_and_serialized_alike() {
        for code in DiagnosticCode::ALL {
            assert_eq!(code.to_string(), code.as_str());
            assert_eq!(serde_json::to_string(&code).unwrap(), format!("\"{code}\""));
        }
    }
}
