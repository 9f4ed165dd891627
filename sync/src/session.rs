//! The session file: a login, with the token that renews it. One process renews at a time; the others take what it got.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clearance_engine::lock::{FileLock, LockError};
use clearance_engine::source::read_bytes;
use jiff::Timestamp;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::durable;
use crate::error::SyncError;
use crate::http::{Http, host};
use crate::settings::Environment;

/// The file, in the directory of the user's settings.
pub(crate) const SESSION_FILE: &str = "session.json";
/// The lock of those who renew it, beside it.
pub(crate) const REFRESH_LOCK: &str = "refresh.lock";
/// A token that runs out within this time has run out: the request takes some of it.
const BUFFER: Duration = Duration::from_secs(5);
/// Who asks for a new token, as the original says it.
const CLIENT: &str = "cli_native";

/// A session, as it is written.
#[derive(Clone, Serialize, Deserialize)]
struct Session {
    /// The server that it is a login of; its token goes to no other.
    server: String,
    access_token: String,
    #[serde(default)]
    access_token_expires_at: Option<Timestamp>,
    #[serde(default)]
    refresh_token: Option<String>,
    /// What else is in it stays.
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// Where the session is.
pub(crate) struct Store {
    path: PathBuf,
}

impl Store {
    pub(crate) fn of(environment: &Environment) -> Option<Self> {
        Some(Self { path: environment.config_directory.as_ref()?.join(SESSION_FILE) })
    }

    pub(crate) fn exists(&self) -> bool {
        self.path.exists()
    }

    /// The token for a server; renewed where it has run out.
    pub(crate) async fn token(&self, url: &Url, http: &Http) -> Result<String, SyncError> {
        let session = self.read(url)?;
        let until = session.access_token_expires_at;
        let has_run_out = until.is_some_and(|until| {
            until.duration_since(http.now()).try_into().unwrap_or(Duration::ZERO) <= BUFFER
        });
        if !has_run_out {
            return Ok(session.access_token);
        }
        self.renewed(&session.access_token, url, http).await?.ok_or_else(|| SyncError::LoggedOut {
            host: host(url),
            reason: ": the session has run out, and has nothing to renew it with".to_owned(),
        })
    }

    /// Another token than one that is no good: the one that another process got meanwhile, or a new one. `None` where there is
    /// nothing to renew with.
    pub(crate) async fn renewed(
        &self,
        bad: &str,
        url: &Url,
        http: &Http,
    ) -> Result<Option<String>, SyncError> {
        let time = http.end.saturating_duration_since(Instant::now());
        let lock = self.path.with_file_name(REFRESH_LOCK);
        let held = match FileLock::acquire(&lock, time) {
            Ok(held) => held,
            Err(error @ LockError::Held { .. }) => {
                // Who holds it may have got one all the same, and only not let go.
                let newer = self.read(url)?.access_token;
                return if newer == bad { Err(SyncError::Refreshing(error)) } else { Ok(Some(newer)) };
            }
            Err(error) => return Err(SyncError::Session(error.to_string())),
        };
        // Only known under the lock: who had it before may just have got one.
        let session = self.read(url)?;
        if session.access_token != bad {
            return Ok(Some(session.access_token));
        }
        let Some(refresh_token) = session.refresh_token.clone() else { return Ok(None) };
        let renewed = ask(url, &refresh_token, http).await?;
        let session = Session {
            access_token: renewed.access_token.clone(),
            access_token_expires_at: renewed.until,
            refresh_token: renewed.refresh_token.or(Some(refresh_token)),
            ..session
        };
        self.write(&session)?;
        drop(held);
        Ok(Some(renewed.access_token))
    }

    fn read(&self, url: &Url) -> Result<Session, SyncError> {
        let invalid = |why: String| SyncError::Session(format!("{}: {why}", self.path.display()));
        may_be_read(&self.path).map_err(&invalid)?;
        let bytes =
            read_bytes(SESSION_FILE, &self.path, 1 << 20).map_err(|error| invalid(error.to_string()))?;
        let bytes = bytes.ok_or_else(|| SyncError::LoggedOut {
            host: host(url),
            reason: ": the session file is gone".to_owned(),
        })?;
        // The parser's message may hold what it could not parse, which may be a token.
        let session: Session = serde_json::from_slice(&bytes).map_err(|error| {
            invalid(format!("line {}, column {}: it is no session", error.line(), error.column()))
        })?;
        let of = Url::parse(&session.server)
            .map_err(|error| invalid(format!("its server is no address: {error}")))?;
        if of.origin() != url.origin() {
            let reason = format!(": the session is one of {}, and goes nowhere else", host(&of));
            return Err(SyncError::LoggedOut { host: host(url), reason });
        }
        Ok(session)
    }

    /// In the place of the old one, whole, and for nobody else to read.
    fn write(&self, session: &Session) -> Result<(), SyncError> {
        let failed = |error: std::io::Error| SyncError::Session(format!("{}: {error}", self.path.display()));
        let text = serde_json::to_vec_pretty(session).map_err(|error| failed(error.into()))?;
        durable::replace(&self.path, &text).map_err(failed)
    }
}

/// A new token.
struct Renewed {
    access_token: String,
    refresh_token: Option<String>,
    until: Option<Timestamp>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    #[serde(default)]
    refresh_token: Option<String>,
    #[serde(default)]
    expires_in: Option<u32>,
}

/// `POST /oauth/token`, RFC 6749 section 6.
async fn ask(url: &Url, refresh_token: &str, http: &Http) -> Result<Renewed, SyncError> {
    let at = url.join("/oauth/token").map_err(|error| SyncError::Session(error.to_string()))?;
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh_token), ("client_id", CLIENT)];
    let asked = http.form(&at, &fields).await?;
    match asked.status {
        200..=299 => {
            let answer: TokenAnswer = serde_json::from_slice(&asked.body).map_err(|_| {
                SyncError::Unreadable { host: host(url), reason: "it gives no token".to_owned() }
            })?;
            let until = answer.expires_in.and_then(|seconds| {
                http.now().checked_add(jiff::SignedDuration::from_secs(i64::from(seconds))).ok()
            });
            Ok(Renewed { access_token: answer.access_token, refresh_token: answer.refresh_token, until })
        }
        300..=399 => Err(SyncError::Redirected { host: host(url), status: asked.status }),
        // What it says besides may hold the token.
        status => Err(SyncError::Status {
            host: host(url),
            status,
            said: ": the session cannot be renewed".to_owned(),
            retry_after: asked.retry_after,
        }),
    }
}

/// Whether nobody else can read the file.
#[cfg(unix)]
fn may_be_read(path: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    match path.metadata() {
        Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => Err(format!(
            "others can read it; chmod 600 {}",
            clearance_engine::source::shell_quote(&path.to_string_lossy())
        )),
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
fn may_be_read(_path: &Path) -> Result<(), String> {
    Ok(())
}
