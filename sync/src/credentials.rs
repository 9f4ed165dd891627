//! The token of a delivery: from the environment, from a program of the user's, or from the session file.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::Url;
use reqwest::header::HeaderValue;

use crate::error::SyncError;
use crate::http::{self, host};
use crate::https::{address::authorization, replaced};
use crate::session::Store;
use crate::settings::{Environment, Settings};

/// Most that a credential command may print.
const PRINTED: u64 = 64 << 10;
/// How long a credential command may take, at most; the deadline may be nearer.
const COMMAND: Duration = Duration::from_secs(10);

/// How long at least its line is waited for when it has ended: it is there.
const LINE: Duration = Duration::from_millis(100);

/// A token. It is shown nowhere.
#[derive(Clone)]
pub struct Token {
    text: String,
    /// The one that it took the place of: who knew that may say it, too.
    before: Option<String>,
}

impl Token {
    /// One that a server gave.
    #[must_use]
    pub fn given(text: String) -> Self {
        Self { text, before: None }
    }

    /// The header that carries it; marked so that nothing prints it.
    pub(crate) fn header(&self) -> Result<HeaderValue, SyncError> {
        authorization(&self.text).map_err(|error| SyncError::Session(error.to_string()))
    }

    /// What a server says, without this token.
    pub(crate) fn taken_out_of(&self, said: &str) -> String {
        let said = replaced(said, &self.text);
        self.before.iter().fold(said, |said, before| replaced(&said, before))
    }
}

/// Where a token comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// `CLEARANCE_SYNC_TOKEN`
    Environment,
    /// `credential_command` of the user's settings.
    Command,
    /// The session file.
    Session,
}

/// Which of them there is, without asking any.
#[must_use]
pub fn source(settings: &Settings, environment: &Environment) -> Option<Source> {
    let given = environment.token.as_ref().is_some_and(|token| !token.trim().is_empty());
    if given {
        return Some(Source::Environment);
    }
    if settings.credential_command.is_some() {
        return Some(Source::Command);
    }
    Store::of(environment).filter(Store::exists).map(|_| Source::Session)
}

/// The token for a server. One of a session that has run out is renewed first.
pub(crate) async fn token(
    url: &Url,
    settings: &Settings,
    environment: &Environment,
    http: &http::Http,
) -> Result<Token, SyncError> {
    let logged_out = |reason: &str| SyncError::LoggedOut { host: host(url), reason: reason.to_owned() };
    match source(settings, environment) {
        None => Err(logged_out("")),
        Some(Source::Environment) => {
            Ok(Token::given(environment.token.clone().unwrap_or_default().trim().to_owned()))
        }
        Some(Source::Command) => {
            let command = settings.credential_command.as_deref().unwrap_or_default();
            let time = http.end.saturating_duration_since(tokio::time::Instant::now()).min(COMMAND);
            let printed = run(command, url, &environment.variables, time)
                .map_err(|why| logged_out(&format!(": {why}")))?;
            Ok(Token::given(printed))
        }
        Some(Source::Session) => {
            let store = Store::of(environment).ok_or_else(|| logged_out(""))?;
            Ok(Token::given(store.token(url, http).await?))
        }
    }
}

/// Takes a newer token after a server refused one, if there is a newer one.
pub(crate) async fn renewed(
    refused: &Token,
    url: &Url,
    settings: &Settings,
    environment: &Environment,
    http: &http::Http,
) -> Result<Option<Token>, SyncError> {
    match (source(settings, environment), Store::of(environment)) {
        (Some(Source::Session), Some(store)) => {
            let renewed = store.renewed(&refused.text, url, http).await?;
            Ok(renewed.map(|text| Token { text, before: Some(refused.text.clone()) }))
        }
        _ => Ok(None),
    }
}

/// What a program prints on its first line. It is not run by a shell, and what it says on standard error is not shown: it may
/// be a secret.
fn run(
    command: &[String],
    url: &Url,
    variables: &[(OsString, OsString)],
    time: Duration,
) -> Result<String, String> {
    let [program, arguments @ ..] = command else { return Err("credential_command is empty".to_owned()) };
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .env("CLEARANCE_SYNC_SERVER", url.as_str())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("credential_command {program} cannot be run: {error}"))?;
    let out = child.stdout.take();
    let (first, line) = std::sync::mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let Some(out) = out else { return };
        let (mut out, mut line) = (BufReader::new(out.take(PRINTED)), Vec::new());
        let read = out.read_until(b'\n', &mut line);
        // Nobody waits any more where this cannot be sent.
        let _ = first.send(read.map(|_| line));
        // Who has more to say may say it.
        let _ = std::io::copy(&mut out, &mut std::io::sink());
    });
    let end = Instant::now() + time;
    let status = loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) => break status,
            None if Instant::now() >= end => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("credential_command {program} did not end in time"));
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    if !status.success() {
        return Err(format!("credential_command {program} failed ({status})"));
    }
    // What the program started may have its output open still: nobody waits for that to end.
    let printed = line.recv_timeout(end.saturating_duration_since(Instant::now()).max(LINE));
    let printed = printed.ok().and_then(Result::ok).unwrap_or_default();
    match str::from_utf8(&printed).map(str::trim) {
        Ok("") => Err(format!("credential_command {program} printed nothing")),
        Ok(_) if printed.len() as u64 == PRINTED => {
            Err(format!("credential_command {program} printed a line that is too long"))
        }
        Ok(token) => Ok(token.to_owned()),
        Err(_) => Err(format!("credential_command {program} printed what is no text")),
    }
}
