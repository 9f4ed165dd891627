//! Texts as interpreters, libraries and servers write them, and what they say about delivery.

use proptest::prelude::*;
use rstest::rstest;

use super::{LOOKED_AT, classify};
use crate::DiagnosticCode::{
    self, AuthRefreshInProgress, EventLoopUnavailable, FinalSyncLockUnavailable, ServerAuthFailure,
    WebsocketOffline,
};

#[rstest]
#[case("filelock._error.Timeout: The file lock '/srv/kim/.tool/session-store.lock' could not be acquired.")]
#[case("BlockingIOError: [Errno 11] Resource temporarily unavailable")]
#[case("sqlite3.OperationalError: database is locked")]
#[case("lock acquisition failed because the operation would block")]
#[case("OSError: [Errno 36] Resource deadlock avoided")]
#[case("Gave up waiting for the sync lock after 5.0 seconds")]
#[case("flock: timed out after 10s")]
#[case("The daemon lock is already held by PID 4711")]
#[case("LockTimeoutError: queue is in use")]
#[case("Unable to obtain an exclusive lock on the queue file")]
#[case("database table is locked: queue")]
#[case("queue.db is locked by another process")]
#[case("sqlite3.OperationalError: database schema is locked: main")]
#[case("Another instance holds the daemon lock")]
#[case("sync lock is owned by pid 4242")]
#[case("[WinError 33] another process has locked a portion of the file")]
#[case("flock(5, LOCK_EX|LOCK_NB) = -1 EWOULDBLOCK")]
fn a_lock(#[case] text: &str) {
    assert_eq!(classify(text), Some(FinalSyncLockUnavailable));
}

#[rstest]
#[case("Another process is already refreshing the access token")]
#[case("auth_refresh_in_progress: try again shortly")]
#[case("A token refresh is currently in flight in pid 812")]
#[case("The refresh token was already rotated by a concurrent process")]
#[case(r#"{"error":"refresh_replay_benign_retry"}"#)]
#[case("Session refresh already running elsewhere; skipping")]
#[case("Skipping refresh, session is being refreshed by pid 90")]
#[case("the refresh lock is taken by another process")]
fn a_refresh(#[case] text: &str) {
    assert_eq!(classify(text), Some(AuthRefreshInProgress));
}

#[rstest]
#[case(
    "websockets.exceptions.ConnectionClosedError: sent 1011 (internal error) keepalive ping timeout; no close frame received"
)]
#[case("WebSocket protocol error: Connection reset without closing handshake")]
#[case("websocket: close 1006 (abnormal closure): unexpected EOF")]
#[case("timed out during opening handshake of the WebSocket")]
#[case(
    "aiohttp.client_exceptions.WSServerHandshakeError: 502, message='Invalid response status', url='wss://sync.example/ws'"
)]
#[case("ConnectionClosedError: received 1012 (service restart); then sent 1012 (service restart)")]
#[case("The WebSocket connection went away; events are queued")]
#[case("ws offline, will reconnect in 30 s")]
#[case("Web socket is not connected")]
#[case("cannot reach wss://sync.example/events: giving up")]
#[case("WebSocket heartbeat missed 3 times")]
#[case("Handshake status 502 Bad Gateway on wss://x.example")]
#[case("Trying to work with closed connection")]
#[case("the web-socket dropped")]
fn a_web_socket(#[case] text: &str) {
    assert_eq!(classify(text), Some(WebsocketOffline));
}

#[rstest]
#[case("RuntimeError: Event loop is closed")]
#[case("RuntimeError: no running event loop")]
#[case("There is no current event loop in thread 'sync-worker'.")]
#[case("cannot schedule new futures after interpreter shutdown")]
#[case("can't create new thread at interpreter shutdown")]
#[case("ImportError: sys.meta_path is None, Python is likely shutting down")]
#[case("there is no reactor running, must be called from the context of a Tokio 1.x runtime")]
#[case("A Tokio 1.x context was found, but it is being shutdown.")]
#[case("task 31 was cancelled")]
#[case("Task was destroyed but it is pending!")]
#[case(
    "Fatal Python error: _enter_buffered_busy: could not acquire lock for <_io.BufferedWriter name='<stderr>'> at interpreter shutdown, possibly due to daemon threads"
)]
#[case("event\u{a0}loop is already closed")]
#[case("asyncio.run() cannot be called from a running event loop")]
#[case("dispatch task is gone: runtime dropped the dispatch task")]
#[case("JoinError::Cancelled(Id(7))")]
#[case("Cannot drop a runtime in a context where blocking is not allowed.")]
#[case("can't register atexit after shutdown")]
#[case("got Future <Future pending> attached to a different loop")]
fn an_event_loop(#[case] text: &str) {
    assert_eq!(classify(text), Some(EventLoopUnavailable));
}

#[rstest]
#[case(
    "HTTPSConnectionPool(host='sync.example', port=443): Max retries exceeded with url: /api/v1/events/ (Caused by NewConnectionError('<urllib3.connection.HTTPSConnection object at 0x7f>: Failed to establish a new connection: [Errno 111] Connection refused'))"
)]
#[case(
    "requests.exceptions.HTTPError: 503 Server Error: Service Unavailable for url: https://sync.example/api/"
)]
#[case("httpx.ConnectTimeout: timed out")]
#[case("HTTPSConnectionPool(host='sync.example', port=443): Read timed out. (read timeout=60)")]
#[case("Cannot connect to host sync.example:443 ssl:default [Name or service not known]")]
#[case("httpx.HTTPStatusError: Client error '401 Unauthorized' for url 'https://sync.example/'")]
#[case(
    "error sending request for url (https://sync.example/): error trying to connect: tcp connect error: Connection refused (os error 111)"
)]
#[case("dns error: failed to lookup address information: Temporary failure in name resolution")]
#[case(
    "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate (_ssl.c:1006)"
)]
#[case("invalid peer certificate: UnknownIssuer")]
#[case("('Connection aborted.', RemoteDisconnected('Remote end closed connection without response'))")]
#[case("Connection reset by peer (os error 104)")]
#[case(r#"{"detail":"Authentication credentials were not provided."}"#)]
#[case(r#"{"detail":"Given token not valid for any token type","code":"token_not_valid"}"#)]
#[case(r#"{"error":"invalid_grant","error_description":"Refresh token has expired"}"#)]
#[case(r#"{"message":"Too Many Requests","retry_after":30}"#)]
#[case(r#"{"status":403,"title":"Forbidden"}"#)]
#[case("<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>")]
#[case("Not authenticated. Run the login command first.")]
#[case("Your session has expired, please log in again")]
#[case("Network is unreachable (os error 101)")]
#[case("OSError: [Errno 113] No route to host")]
#[case("Rate limit exceeded, retry in 60 seconds")]
#[case("Service is shutting down for maintenance (HTTP 503)")]
#[case("The API key has been revoked")]
#[case("POST /oauth/token -> 401")]
#[case("aiohttp.client_exceptions.ServerDisconnectedError: Server disconnected")]
#[case("Signature has expired")]
#[case("Permission denied: your account has no access to this team (403)")]
#[case("The service is temporarily overloaded, please retry (503)")]
#[case("read ECONNRESET")]
#[case("no credentials found; run login")]
#[case("got 429 from the server, backing off")]
#[case("HTTP/1.1 500 Internal Server Error")]
#[case(
    "ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 407 Proxy Authentication Required'))"
)]
fn a_server(#[case] text: &str) {
    assert_eq!(classify(text), Some(ServerAuthFailure));
}

#[rstest]
#[case("")]
#[case(" \n\t")]
#[case("Synced: 401, Duplicates: 503, Failed: 0")]
#[case("WebSocket connection established")]
#[case("Web socket reconnected after 3 attempts")]
#[case("Lock acquired in 12 ms")]
#[case("Released the sync lock")]
#[case("Access token refreshed, valid for 3600 seconds")]
#[case("Logged in as kim@example.org")]
#[case("Event loop started")]
#[case("The shutdown was graceful, all threads have ended")]
#[case("Field 'lock_version' must be an integer")]
#[case(r#"{"event_id":"01J","status":"rejected","error":"Unknown event type"}"#)]
#[case("422 Unprocessable Entity: wp_id: String should match pattern")]
#[case("Blocked clocks are shown in rows while the news is offline")]
#[case("poetry.lock is unavailable in this directory")]
#[case("package-lock.json was held back: timeout of the linter")]
#[case("windows 11 offline installer")]
#[case("disk I/O error")]
#[case("No space left on device (os error 28)")]
#[case("database disk image is malformed")]
#[case("Refreshing the list of work packages")]
#[case("Queue is empty, nothing to sync.")]
#[case("Server responded with 200 OK")]
#[case("Delivered 12 events after a retry that succeeded (first answer: 503)")]
#[case("Done: no timeouts, no authentication errors")]
#[case("KeyError: 'author'")]
#[case("unexpected token '}' at line 3")]
#[case("Acquired daemon lock (timeout 10s)")]
#[case("yarn.lock is locked down by policy")]
#[case("received 503 work packages")]
#[case("Error: invalid value '500' for '--limit'")]
#[case("WebSocket closed normally (1000)")]
#[case("Response time 500 ms")]
#[case("received 1024 events, sent 1001 bytes")]
#[case("Authentication is not required here, no token needed")]
#[case("Permission denied (os error 13)")]
#[case("Your branch is offline-first")]
fn none_of_them(#[case] text: &str) {
    assert_eq!(classify(text), None);
}

#[test]
fn the_last_line_of_a_traceback() {
    let frames = "Traceback (most recent call last):\n  File \"/opt/tool/sync.py\", line 401, in flush\n    \
                  self.lock.acquire(timeout=5) and loop.closed\n    ~~~~^^^^^\n  File \"/opt/web.py\", line 5, in get\n    \
                  raise ConnectionError(timeout)\n";
    assert_eq!(classify(frames), None);
    let refused = format!("{frames}requests.exceptions.ConnectionError: [Errno 111] Connection refused\n");
    assert_eq!(classify(&refused), Some(ServerAuthFailure));
    assert_eq!(classify(&format!("{frames}KeyError: 'results'")), None);
}

#[test]
fn a_wrapped_line_of_a_log() {
    let text =
        "[12:00:00] WARNING  Final sync failed: the event\n                    loop is closed     sync.py:12";
    assert_eq!(classify(text), Some(EventLoopUnavailable));
}

#[test]
fn the_names_themselves() {
    for code in DiagnosticCode::ALL {
        if code != ServerAuthFailure {
            assert_eq!(classify(&format!("sync_diagnostic diagnostic_code={code}")), Some(code));
        }
    }
}

#[test]
fn both_ends_of_a_long_text() {
    let filler = "nothing to see here. ".repeat(LOOKED_AT / 10);
    assert!(filler.len() > LOOKED_AT);
    assert_eq!(classify(&format!("Event loop is closed. {filler}")), Some(EventLoopUnavailable));
    assert_eq!(classify(&format!("{filler} Event loop is closed")), Some(EventLoopUnavailable));
    assert_eq!(classify(&format!("{filler} Event loop is closed. {filler}")), None);
}

#[rstest]
#[case("a")]
#[case(" ")]
#[case(". ")]
#[case("a. ")]
#[case("\n")]
#[case("/")]
#[case(".lock")]
#[case("lock ")]
#[case("refresh session ")]
#[case("http status ")]
#[case("\u{130}")]
#[case("aA")]
#[case("://")]
fn hostile_lengths(#[case] piece: &str) {
    let text = piece.repeat(1_000_000 / piece.len());
    assert_eq!(classify(&text), None);
}

proptest! {
    #[test]
    fn any_text(text in any::<String>()) {
        let _ = classify(&text);
    }

    #[test]
    fn words_in_any_order(words in prop::collection::vec(WORDS, 0..30)) {
        let text = words.join(" ");
        prop_assert_eq!(classify(&text), classify(&text.to_uppercase()));
        prop_assert_eq!(classify(&text), classify(&text.replace(' ', "\u{a0}")));
        prop_assert_eq!(classify(&text), classify(&format!("  {text}\n")));
    }
}

/// Words of the rules, so that random texts meet them.
const WORDS: &str = "lock|held|timeout|refresh|another|process|event|loop|closed|websocket|offline|http|401|server|\
                     token|expired|not|connected|no|error|succeeded|\\. |;|\\[|\"|field|required|.";
