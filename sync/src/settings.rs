//! What sync is told to do: by the environment, the user and the repository, and which of them is believed in what.

mod file;

use std::path::PathBuf;
use std::time::Duration;

use clearance_engine::config::{Config, Project};
use clearance_engine::mission::artefact::ArtefactError;
use clearance_engine::source::{harmless, without_secrets};
use reqwest::Url;
use serde::{Deserialize, Serialize};

use file::Written;
pub use file::{REPOSITORY_FILE, USER_FILE};

/// How long the final sync may take, where nobody says.
pub const DEADLINE: Duration = Duration::from_secs(5);
/// Longest that may be asked for.
pub const LONGEST: Duration = Duration::from_secs(600);
/// How many events the outbox holds, where nobody says.
pub const CAPACITY: usize = 10_000;
/// Most that may be asked for.
pub const LARGEST: usize = 100_000;

/// What the environment says; see docs/sync.md for the variables.
#[derive(Clone, Default)]
pub struct Environment {
    /// `CLEARANCE_SYNC`: on or off, whatever the next one says.
    pub own_switch: Option<String>,
    /// `SPEC_KITTY_ENABLE_SAAS_SYNC`: on for 1, true, yes and on.
    pub switch: Option<String>,
    /// `CLEARANCE_SYNC_SERVER`, else `SPEC_KITTY_SAAS_URL`.
    pub server: Option<String>,
    /// `CLEARANCE_SYNC_TOKEN`.
    pub token: Option<String>,
    /// The directory of the user's settings: `$XDG_CONFIG_HOME/clearance`.
    pub config_directory: Option<PathBuf>,
    /// The environment that a credential command gets.
    pub variables: Vec<(std::ffi::OsString, std::ffi::OsString)>,
}

impl std::fmt::Debug for Environment {
    /// Without the token, and without variables that may hold others.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Environment")
            .field("enabled", &self.enabled())
            .field("server", &self.server)
            .field("token", &self.token.as_ref().map(|_| "…"))
            .field("config_directory", &self.config_directory)
            .finish_non_exhaustive()
    }
}

impl Environment {
    /// Whether sync is enabled. Nothing else enables it: no file of a repository can.
    #[must_use]
    pub fn enabled(&self) -> bool {
        let is_on = |value: &String| {
            ["1", "true", "yes", "on"].iter().any(|on| value.trim().eq_ignore_ascii_case(on))
        };
        let is_set = |value: &&String| !value.trim().is_empty();
        self.own_switch.as_ref().filter(is_set).or(self.switch.as_ref()).is_some_and(is_on)
    }
}

/// How events are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// In the original's batches.
    #[default]
    SpecKitty,
    /// As a CloudEvents 1.0 batch.
    Cloudevents,
}

/// By which way events go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// `POST` requests.
    #[default]
    Http,
    /// One WebSocket connection.
    Websocket,
}

/// Who named the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NamedBy {
    /// A variable of the environment.
    Environment,
    /// The user's settings.
    User,
    /// The settings of the repository, and the user allows that server.
    Repository,
}

/// Where events go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its address.
    pub url: Url,
    /// Who says so.
    pub named_by: NamedBy,
}

/// What sync is told to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where events go; `None` where nobody says.
    pub server: Option<Server>,
    /// The team that they are for.
    pub team: Option<String>,
    /// How they are told.
    pub format: Format,
    /// By which way they go.
    pub transport: Transport,
    /// How long the final sync may take.
    pub deadline: Duration,
    /// How many events the outbox holds.
    pub capacity: usize,
    /// The program that prints a token, with its arguments.
    pub credential_command: Option<Vec<String>>,
    /// The project, from `.kittify/config.yaml`.
    pub project: Project,
}

/// Why there are no settings. Nothing was queued or sent.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum SettingsError {
    /// A file cannot be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    File(#[from] ArtefactError),
    /// A file says something that nobody understands.
    #[error("{file}: {message}")]
    #[diagnostic(code(sync_config_invalid), help("the settings are described in docs/sync.md"))]
    Invalid {
        /// The file, or the variable.
        file: String,
        /// What is wrong.
        message: String,
    },
    /// A repository names a server that its user does not know.
    #[error(
        "{file} sends events to {server}, which you have not allowed: it would get what is in them, and your token"
    )]
    #[diagnostic(
        code(sync_server_not_allowed),
        help(
            "if that is your team's server, put it into {user_file}: [sync] allowed_servers = [\"{server}\"]"
        )
    )]
    NotAllowed {
        /// The file of the repository.
        file: String,
        /// The server.
        server: String,
        /// The file of the user.
        user_file: String,
    },
}

impl Settings {
    /// Reads the settings. The environment is believed before the user, and in what a repository is about the repository before
    /// the user; in where a token goes, never.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn read(root: &std::path::Path, environment: &Environment) -> Result<Self, SettingsError> {
        let of_repository = Written::of_repository(root)?;
        let of_user = Written::of_user(environment.config_directory.as_deref())?;
        let user_file = file::user_file(environment.config_directory.as_deref());
        let server = server(&of_repository, &of_user, environment, &user_file)?;
        let (repository, user) = (&of_repository, &of_user);
        let own = user.deadline.map(|seconds| within(seconds, &user_file)).transpose()?.unwrap_or(DEADLINE);
        let deadline = repository.deadline.map(|seconds| within(seconds, REPOSITORY_FILE)).transpose()?;
        let capacity = told(user.max_events, repository.max_events, &user_file);
        let capacity = capacity.map(|(most, file)| room(most, file)).transpose()?;
        let command = user.credential_command.as_ref();
        if command.is_some_and(|command| command.first().is_none_or(String::is_empty)) {
            let message = "credential_command is empty; write a program, and its arguments".to_owned();
            return Err(SettingsError::Invalid { file: user_file, message });
        }
        Ok(Self {
            server,
            team: repository.team.clone().or_else(|| user.team.clone()),
            format: repository.format.or(user.format).unwrap_or_default(),
            transport: repository.transport.or(user.transport).unwrap_or_default(),
            // A repository may take less of its user's time, and not more.
            deadline: deadline.map_or(own, |deadline| deadline.min(own)),
            capacity: capacity.unwrap_or(CAPACITY),
            credential_command: user.credential_command.clone(),
            project: Config::read(root)?.project,
        })
    }
}

/// The server, if it is one that the user has a say in.
fn server(
    repository: &Written,
    user: &Written,
    environment: &Environment,
    user_file: &str,
) -> Result<Option<Server>, SettingsError> {
    let named = |text: &str, file: &str, named_by| -> Result<Option<Server>, SettingsError> {
        Ok(Some(Server { url: address(text, file)?, named_by }))
    };
    if let Some(text) = environment.server.as_deref().filter(|text| !text.trim().is_empty()) {
        return named(text.trim(), "CLEARANCE_SYNC_SERVER", NamedBy::Environment);
    }
    let Some(text) = &repository.server else {
        let Some(text) = &user.server else { return Ok(None) };
        return named(text, user_file, NamedBy::User);
    };
    let url = address(text, REPOSITORY_FILE)?;
    let known = user.server.iter().chain(user.allowed_servers.iter().flatten());
    for known in known {
        // Scheme, host and port: what is behind them is the server's own.
        if address(known, user_file)?.origin() == url.origin() {
            return Ok(Some(Server { url, named_by: NamedBy::Repository }));
        }
    }
    Err(SettingsError::NotAllowed {
        file: REPOSITORY_FILE.to_owned(),
        server: harmless(&url.origin().ascii_serialization()),
        user_file: user_file.to_owned(),
    })
}

/// An address of a server: HTTPS, or HTTP on this machine.
fn address(text: &str, file: &str) -> Result<Url, SettingsError> {
    let invalid = |why: &str| {
        let message = format!("the server {} cannot be used: {why}", harmless(&shown(text)));
        SettingsError::Invalid { file: file.to_owned(), message }
    };
    let url = Url::parse(text).map_err(|error| invalid(&error.to_string()))?;
    let is_here = url.host_str().is_some_and(|host| ["localhost", "127.0.0.1", "[::1]"].contains(&host));
    match url.scheme() {
        "https" => {}
        "http" if is_here => {}
        _ => return Err(invalid("write it as https://HOST; http is for this machine only")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("it has a user name or a password in it; give a token instead"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(invalid("it has a question mark or # in it"));
    }
    Ok(url)
}

/// An address, and what is meant to be one, without what may be a password or a token.
fn shown(text: &str) -> String {
    let text = text.split('#').next().unwrap_or_default();
    match text.rsplit_once('@').filter(|_| !text.contains("://")) {
        Some((_, host)) => format!("***@{host}"),
        None => without_secrets(text),
    }
}

/// What a setting is, and which file says so.
fn told<T>(user: Option<T>, repository: Option<T>, user_file: &str) -> Option<(T, &str)> {
    user.map(|value| (value, user_file)).or(repository.map(|value| (value, REPOSITORY_FILE)))
}

fn within(seconds: f64, file: &str) -> Result<Duration, SettingsError> {
    let time = Duration::try_from_secs_f64(seconds).ok();
    time.filter(|time| !time.is_zero() && *time <= LONGEST).ok_or_else(|| {
        let longest = LONGEST.as_secs();
        let message =
            format!("deadline is a number of seconds, more than 0 and at most {longest}, and not {seconds}");
        SettingsError::Invalid { file: file.to_owned(), message }
    })
}

fn room(most: usize, file: &str) -> Result<usize, SettingsError> {
    if (1..=LARGEST).contains(&most) {
        return Ok(most);
    }
    let message = format!("max_events is a number from 1 to {LARGEST}, and not {most}");
    Err(SettingsError::Invalid { file: file.to_owned(), message })
}
