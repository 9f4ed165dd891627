//! Why events were not delivered, and the code that says so. Nothing is lost by any of it: what is queued stays.

use std::time::Duration;

use clearance_engine::lock::LockError;

use crate::code::DiagnosticCode;
use crate::outbox::OutboxError;
use crate::settings::SettingsError;

/// Why events were not delivered.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum SyncError {
    /// Another process delivers.
    #[error("another process is delivering: {0}")]
    #[diagnostic(code(sync_locked), help("its events go with it; run the command again when it is done"))]
    Locked(LockError),
    /// Another process renews the session.
    #[error("another process is refreshing the session: {0}")]
    #[diagnostic(code(sync_refreshing), help("run the command again in a moment"))]
    Refreshing(LockError),
    /// There is no WebSocket.
    #[error("no WebSocket connection to {host}: {reason}")]
    #[diagnostic(
        code(sync_websocket_offline),
        help(
            "events stay queued; look whether the server can be reached, or set [sync] transport = \"http\""
        )
    )]
    WebSocket {
        /// Which host.
        host: String,
        /// What is wrong.
        reason: String,
        /// Whether another attempt would find the same.
        lasting: bool,
    },
    /// What runs the requests is gone.
    #[error("the runtime that delivers is gone: {0}")]
    #[diagnostic(code(sync_runtime_gone), help("events stay queued; run `clearance sync now`"))]
    RuntimeGone(String),
    /// There is no server.
    #[error("no server is configured")]
    #[diagnostic(
        code(sync_no_server),
        help(
            "write [sync] server = \"https://HOST\" into .clearance/config or your own settings (docs/sync.md)"
        )
    )]
    NoServer,
    /// There is no token.
    #[error("there is no token for {host}{reason}")]
    #[diagnostic(
        code(sync_logged_out),
        help(
            "set CLEARANCE_SYNC_TOKEN, or credential_command in your settings, or write a session file (docs/sync.md)"
        )
    )]
    LoggedOut {
        /// Which host.
        host: String,
        /// What was tried.
        reason: String,
    },
    /// The server said no.
    #[error("{host} answered {status}{said}")]
    #[diagnostic(code(sync_refused), help("{}", advice(*status)))]
    Status {
        /// Which host.
        host: String,
        /// The status.
        status: u16,
        /// What it said besides.
        said: String,
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// The server sends elsewhere, where nothing was sent.
    #[error("{host} answered {status} and leads elsewhere, where nothing was sent")]
    #[diagnostic(code(sync_redirected), help("if that is the right place, write it into the settings"))]
    Redirected {
        /// Which host.
        host: String,
        /// The status.
        status: u16,
    },
    /// No answer in time.
    #[error("no answer of {host} in time")]
    #[diagnostic(code(sync_timeout), help("look whether the server can be reached from here"))]
    Timeout {
        /// Which host.
        host: String,
    },
    /// No connection.
    #[error("no connection to {host}: {reason}")]
    #[diagnostic(
        code(sync_unreachable),
        help("look at the address, the network and the proxy (HTTPS_PROXY, NO_PROXY)")
    )]
    Unreachable {
        /// Which host.
        host: String,
        /// What the system said.
        reason: String,
    },
    /// No connection that can be trusted.
    #[error("no trusted connection to {host}: {reason}")]
    #[diagnostic(
        code(sync_tls),
        help("where a proxy signs certificates, name a file with its root certificate in SSL_CERT_FILE")
    )]
    Tls {
        /// Which host.
        host: String,
        /// What is wrong.
        reason: String,
    },
    /// What came is no answer.
    #[error("no answer of {host} that can be read: {reason}")]
    #[diagnostic(code(sync_unreadable), help("look at the address: something else may answer there"))]
    Unreadable {
        /// Which host.
        host: String,
        /// What is wrong.
        reason: String,
    },
    /// The session cannot be used.
    #[error("{0}")]
    #[diagnostic(code(sync_session_invalid), help("the session file is described in docs/sync.md"))]
    Session(String),
    /// Some events were not taken.
    #[error("{count} of the events were not taken{first}")]
    #[diagnostic(code(sync_partly), help("they stay queued; look at them with: clearance sync status"))]
    Partly {
        /// How many.
        count: usize,
        /// What was said of the first.
        first: String,
    },
    /// Some events are not wanted.
    #[error("{count} events were refused{first}")]
    #[diagnostic(
        code(sync_events_refused),
        help(
            "they are set aside; clearance sync status says why, and clearance sync now --all sends them again"
        )
    )]
    Refused {
        /// How many.
        count: usize,
        /// What was said of the first.
        first: String,
    },
    /// The outbox cannot be used.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Outbox(#[from] OutboxError),
    /// The outbox is full.
    #[error("the outbox is full: {refused} events were not queued")]
    #[diagnostic(
        code(outbox_full),
        help(
            "they are in the mission's log; deliver what is queued with `clearance sync now`, or raise [sync] max_events"
        )
    )]
    Full {
        /// How many found no room.
        refused: usize,
    },
    /// The settings cannot be used.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Settings(#[from] SettingsError),
}

fn advice(status: u16) -> &'static str {
    match status {
        401 => "the token is not valid there; log in again",
        403 => "that account may not send events there; look at the team",
        404 | 405 | 410 => "nothing takes events at that address; look at [sync] server and format",
        _ => "events stay queued; try again later with: clearance sync now",
    }
}

/// Whether a server that answers with this may answer something else in a moment.
pub(crate) fn passes(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500..=599)
}

impl SyncError {
    /// The code of the diagnostic, by what went wrong and not by its words.
    #[must_use]
    pub fn code(&self) -> DiagnosticCode {
        match self {
            // What cannot be locked or written here is local, and no server's fault.
            Self::Locked(_) | Self::Outbox(_) => DiagnosticCode::FinalSyncLockUnavailable,
            Self::Refreshing(_) => DiagnosticCode::AuthRefreshInProgress,
            Self::WebSocket { .. } => DiagnosticCode::WebsocketOffline,
            Self::RuntimeGone(_) => DiagnosticCode::EventLoopUnavailable,
            // By requirement the fifth is the server or the login, whatever is wrong with either.
            _ => DiagnosticCode::ServerAuthFailure,
        }
    }

    /// Whether another attempt may do better in a moment.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Status { status, .. } => passes(*status),
            Self::WebSocket { lasting, .. } => !lasting,
            Self::Timeout { .. }
            | Self::Unreachable { .. }
            | Self::Unreadable { .. }
            | Self::Partly { .. } => true,
            _ => false,
        }
    }

    /// Whether it was refused: by the server, or because what is configured cannot be right.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Status { .. } | Self::Redirected { .. } | Self::WebSocket { .. } => !self.may_pass(),
            Self::Refused { .. }
            | Self::LoggedOut { .. }
            | Self::NoServer
            | Self::Session(_)
            | Self::Settings(_) => true,
            _ => false,
        }
    }

    /// How long the server wants to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
