//! The files of `rules.d/`: as a branch has them, or a directory.

use std::path::{Path, PathBuf};

use clearance_engine::item::Unanswered;
use clearance_engine::merge::target::in_full;
use clearance_engine::repo::directory::{Entry, EntryKind};
use clearance_engine::repo::{Repo, is_branch_name};
use clearance_engine::source::{Source, read_bytes, shell_quote};

use super::document::live::told;
use super::yaml;

/// The directory that has the rules of a repository.
pub const RULES_DIR: &str = "rules.d";
/// Its file with exceptions.
pub const WAIVERS: &str = "waivers.yaml";
/// Its file with trusted hashes.
pub const LOCK: &str = "trust.lock";

/// Most files of rules.
pub const MOST: usize = 10_000;
/// Most bytes of all of them together.
pub const MOST_BYTES: usize = 32 << 20;

/// Whether a path is that of the rules, or of something in their place.
#[must_use]
pub fn is_of_rules(path: &str) -> bool {
    path.strip_prefix(RULES_DIR).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Where rules are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The tip of a branch, in git's objects: what is in the work tree does not count.
    Branch(String),
    /// A commit that a branch of a remote has.
    Commit {
        /// The commit.
        commit: String,
        /// The branch, as it is named in messages.
        name: String,
    },
    /// A directory: that of a work tree, or any other one.
    Directory {
        /// Where it is.
        path: PathBuf,
        /// As it is named in messages.
        name: String,
    },
}

impl Origin {
    /// In a sentence.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self {
            Self::Branch(name) | Self::Commit { name, .. } => format!("{RULES_DIR}/ on {name}"),
            Self::Directory { name, .. } => format!("{name}/"),
        }
    }
}

/// The files that were found.
#[derive(Debug, Default)]
pub struct Files {
    /// Those with rules, sorted by name: the text, or why there is none.
    pub rules: Vec<(String, Result<Source, Unanswered>)>,
    /// Exceptions.
    pub waivers: Option<Result<Source, Unanswered>>,
    /// Trusted hashes.
    pub lock: Option<Result<Source, Unanswered>>,
}

impl Files {
    /// Reads them.
    ///
    /// # Errors
    /// When the place as a whole cannot be read. That there is no directory is no error.
    pub fn read(repo: &Repo, origin: &Origin) -> Result<Self, Unanswered> {
        match origin {
            Origin::Branch(branch) => Self::of_commit(repo, &tip_of(repo, branch)?),
            Origin::Commit { commit, .. } if repo.has_commit(commit) => Self::of_commit(repo, commit),
            Origin::Commit { commit, name } => Err(Unanswered::new(format!(
                "the rules are those of {name}, whose commit {commit} is not here"
            ))),
            Origin::Directory { path, name } => Self::of(name, in_directory(path, name)?, Some(path)),
        }
    }

    fn of_commit(repo: &Repo, commit: &str) -> Result<Self, Unanswered> {
        let entries = repo.view().directory_at(commit, RULES_DIR, yaml::LONGEST);
        let entries = entries.map_err(|error| told(&error))?;
        if entries.is_none() {
            let names = repo.view().names_at_top(commit).map_err(|error| told(&error))?;
            spelled_otherwise(names)?;
        }
        Self::of(RULES_DIR, entries.unwrap_or_default(), None)
    }

    /// Those among the entries of a directory, which is `on_disk` where it is not one of git's objects.
    ///
    /// # Errors
    /// When there are too many.
    pub fn of(prefix: &str, entries: Vec<Entry>, on_disk: Option<&Path>) -> Result<Self, Unanswered> {
        let mut files = Self::default();
        let mut entries: Vec<Entry> = entries.into_iter().filter(|entry| is_read(&entry.name)).collect();
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        if entries.len() > MOST {
            return Err(Unanswered::new(format!(
                "{prefix}/ has {} files; at most {MOST} are read",
                entries.len()
            )));
        }
        let size = |entry: &Entry| match &entry.kind {
            EntryKind::File(bytes) => bytes.len(),
            _ => 0,
        };
        let bytes: usize = entries.iter().map(size).sum();
        if bytes > MOST_BYTES {
            let (have, most) = (bytes >> 20, MOST_BYTES >> 20);
            return Err(Unanswered::new(format!("{prefix}/ has {have} MiB; at most {most} MiB are read")));
        }
        for Entry { name, kind } in entries {
            let named = format!("{prefix}/{name}");
            let path = on_disk.map(|directory| directory.join(&name)).unwrap_or_default();
            let source = match meant(&name) {
                Some(special) => Err(misnamed(prefix, &name, special)),
                None => source(&named, path, kind),
            };
            match name.as_str() {
                WAIVERS => files.waivers = Some(source),
                LOCK => files.lock = Some(source),
                _ => files.rules.push((named, source)),
            }
        }
        Ok(files)
    }
}

/// Whether a branch, named in full, has rules, or something that may be meant for them.
#[must_use]
pub fn may_be_on(repo: &Repo, branch: &str) -> bool {
    match repo.view().directory_at(branch, RULES_DIR, 0) {
        Ok(None) => !repo.view().names_at_top(branch).is_ok_and(|names| spelled_otherwise(names).is_ok()),
        // What is there and is no directory is worth a look too.
        _ => true,
    }
}

/// Who writes the name in other letters wants rules, and would have none.
fn spelled_otherwise(names: impl IntoIterator<Item = String>) -> Result<(), Unanswered> {
    let other = names.into_iter().find(|name| name != RULES_DIR && name.eq_ignore_ascii_case(RULES_DIR));
    other.map_or(Ok(()), |name| {
        let help = Some(format!("git mv {} {RULES_DIR}", shell_quote(&name)));
        Err(Unanswered { help, ..Unanswered::new(format!("{name} is not read: name it {RULES_DIR}")) })
    })
}

fn tip_of(repo: &Repo, branch: &str) -> Result<String, Unanswered> {
    in_full(repo, branch).map_err(|error| told(&error))?.ok_or_else(|| {
        let why = format!(
            "the rules are those of {branch}, and there is no such branch, or several remotes have one"
        );
        let or_fetch = fetch(branch).map(|fetch| format!("; or fetch it: {fetch}")).unwrap_or_default();
        let help = format!("name the target: --target BRANCH{or_fetch}");
        Unanswered { help: Some(help), ..Unanswered::new(why) }
    })
}

/// The command that fetches a branch. A text that names none could be an option, or say where else to write.
pub(super) fn fetch(branch: &str) -> Option<String> {
    is_branch_name(branch).then(|| format!("git fetch origin {}", shell_quote(branch)))
}

/// Whether a name is that of a file that is read. What is hidden is somebody's own.
fn is_read(name: &str) -> bool {
    let is_yaml = [".yaml", ".yml"].iter().any(|end| name.to_lowercase().ends_with(end));
    (is_yaml || name == LOCK || meant(name).is_some()) && !name.starts_with('.')
}

/// The file that is no rule whose name somebody wrote otherwise: `waivers.yml`, `Trust.lock`.
fn meant(name: &str) -> Option<&'static str> {
    const OTHERWISE: [(&str, &str); 3] = [(WAIVERS, WAIVERS), ("waivers.yml", WAIVERS), (LOCK, LOCK)];
    let (_, meant) = OTHERWISE.into_iter().find(|(written, _)| name.eq_ignore_ascii_case(written))?;
    (name != meant).then_some(meant)
}

/// Whether a path is that of waivers or of trusted hashes under another name.
pub(super) fn is_misnamed(path: &str) -> bool {
    path.rsplit('/').next().and_then(meant).is_some()
}

fn misnamed(prefix: &str, name: &str, meant: &str) -> Unanswered {
    let why = invalid(format!("{prefix}/{name} is not read: the file must be called `{meant}`"));
    let from = shell_quote(&format!("{prefix}/{name}"));
    Unanswered { help: Some(format!("git mv {from} {prefix}/{meant}")), ..why }
}

fn source(named: &str, path: PathBuf, kind: EntryKind) -> Result<Source, Unanswered> {
    let broken = |what: String| Err(invalid(format!("{named} {what}")));
    let bytes = match kind {
        EntryKind::File(bytes) => bytes,
        EntryKind::TooLarge(size) => {
            return broken(format!("has {size} bytes; at most {} are read", yaml::LONGEST));
        }
        EntryKind::Link => return broken("is a symbolic link: rules are read from files only".to_owned()),
        EntryKind::Directory => return broken("is a directory: rules are read from files only".to_owned()),
    };
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source::new(named, path, text.trim_start_matches('\u{feff}'))),
        Err(error) => {
            let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
            broken(format!("is not UTF-8: line {line}"))
        }
    }
}

/// A rule that cannot be used.
pub(super) fn invalid(message: String) -> Unanswered {
    Unanswered { code: Unanswered::RULE_INVALID, ..Unanswered::new(message) }
}

fn in_directory(path: &Path, name: &str) -> Result<Vec<Entry>, Unanswered> {
    let failed = |error: std::io::Error| Unanswered::new(format!("cannot read {name}/: {error}"));
    match path.symlink_metadata() {
        Ok(metadata) if !metadata.is_dir() && name == RULES_DIR => {
            let help = Some("make it a directory of the repository: links are not followed".to_owned());
            return Err(Unanswered { help, ..Unanswered::new(format!("{name} is no directory")) });
        }
        _ => {}
    }
    let listed = match std::fs::read_dir(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let beside = path.parent().filter(|_| name == RULES_DIR).and_then(|top| top.read_dir().ok());
            let names = beside.into_iter().flatten().filter_map(Result::ok);
            spelled_otherwise(names.map(|entry| entry.file_name().to_string_lossy().into_owned()))?;
            return Ok(Vec::new());
        }
        other => other.map_err(failed)?,
    };
    let mut entries = Vec::new();
    for entry in listed.take(10 * MOST) {
        let entry = entry.map_err(failed)?;
        let file = entry.file_name().to_string_lossy().into_owned();
        if !is_read(&file) {
            continue;
        }
        let kind = entry.file_type().map_err(failed)?;
        let kind = if kind.is_symlink() {
            EntryKind::Link
        } else if !kind.is_file() {
            EntryKind::Directory
        } else {
            match read_bytes(&format!("{name}/{file}"), &entry.path(), yaml::LONGEST) {
                Ok(bytes) => EntryKind::File(bytes.unwrap_or_default()),
                Err(clearance_engine::source::SourceError::TooLarge { .. }) => {
                    EntryKind::TooLarge(entry.metadata().map_or(0, |metadata| metadata.len()))
                }
                Err(error) => return Err(told(&error)),
            }
        };
        entries.push(Entry { name: file, kind });
    }
    Ok(entries)
}
