//! The settings as they are written: `[sync]` in the repository's `.clearance/config` and in the user's.

use std::path::Path;

use clearance_engine::mission::artefact::{ArtefactError, confined};
use clearance_engine::source::{Source, harmless, without_secrets};
use serde::Deserialize;

use super::{Format, SettingsError, Transport};

/// The file of a repository, below its work tree.
pub const REPOSITORY_FILE: &str = ".clearance/config";
/// The file of a user, below the directory of settings (`$XDG_CONFIG_HOME/clearance`).
pub const USER_FILE: &str = "config";

/// Largest that is read, in bytes: the parser's time grows faster than the file.
const LARGEST: u64 = 64 << 10;

#[derive(Deserialize, Default)]
struct File {
    #[serde(default)]
    sync: Written,
}

/// `[sync]` of one file.
#[derive(Deserialize, Default, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    pub(super) server: Option<String>,
    pub(super) team: Option<String>,
    pub(super) format: Option<Format>,
    pub(super) transport: Option<Transport>,
    /// In seconds.
    pub(super) deadline: Option<f64>,
    pub(super) max_events: Option<usize>,
    /// Of the user only.
    pub(super) credential_command: Option<Vec<String>>,
    /// Of the user only.
    pub(super) allowed_servers: Option<Vec<String>>,
}

impl Written {
    /// That of the repository: a file inside of it.
    pub(super) fn of_repository(root: &Path) -> Result<Self, SettingsError> {
        let Some(path) = confined(root, &root.join(REPOSITORY_FILE), REPOSITORY_FILE)? else {
            return Ok(Self::default());
        };
        let written = Self::read(REPOSITORY_FILE, &path)?;
        let only_user = [
            (written.credential_command.is_some(), "credential_command"),
            (written.allowed_servers.is_some(), "allowed_servers"),
        ];
        match only_user.iter().find(|(is_there, _)| *is_there) {
            None => Ok(written),
            Some((_, name)) => Err(SettingsError::Invalid {
                file: REPOSITORY_FILE.to_owned(),
                message: format!(
                    "{name} is read from the user's settings only, as it decides where a token goes"
                ),
            }),
        }
    }

    /// That of the user.
    pub(super) fn of_user(directory: Option<&Path>) -> Result<Self, SettingsError> {
        let Some(directory) = directory else { return Ok(Self::default()) };
        Self::read(&user_file(Some(directory)), &directory.join(USER_FILE))
    }

    fn read(name: &str, path: &Path) -> Result<Self, SettingsError> {
        let source = Source::read(name, path, LARGEST).map_err(ArtefactError::from)?;
        let Some(source) = source else { return Ok(Self::default()) };
        let file: File = toml::from_str(source.text()).map_err(|error| {
            let line = error.span().map(|span| format!("line {}: ", source.line_of(span.start)));
            let what = harmless(&without_secrets(&without_values(error.message())));
            let message = format!("{}{what}", line.unwrap_or_default());
            SettingsError::Invalid { file: name.to_owned(), message }
        })?;
        Ok(file.sync)
    }
}

/// The name of the user's file, for messages.
pub(super) fn user_file(directory: Option<&Path>) -> String {
    directory.map_or_else(
        || "~/.config/clearance/config".to_owned(),
        |directory| directory.join(USER_FILE).display().to_string(),
    )
}

/// A parser's message without what it quotes: a value may be a secret.
fn without_values(message: &str) -> String {
    let parts = message.split('"').enumerate();
    parts.map(|(nth, part)| if nth % 2 == 0 { part } else { "\"…\"" }).collect()
}
