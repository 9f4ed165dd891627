//! `tasks/WPnn-*/review-cycle-N.md`: what reviewers wrote down, one file a round. The front matter has the verdict.

use std::fs::DirEntry;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use serde::Deserialize;

use super::Mission;
use super::artefact::ArtefactError;
use super::work_package::id_of_file_name;
use crate::id::WpId;
use crate::limits;
use crate::source::{Source, SourceError};
use crate::yaml;

/// The newest round of reviews of a work package.
#[derive(Debug)]
pub struct ReviewCycle {
    /// The work package, by the name of the directory.
    pub work_package: WpId,
    /// The round.
    pub number: Round,
    /// The file, as named in messages.
    pub file: String,
    /// What it says.
    pub said: Said,
}

/// The number of a round, however long: how many digits it has, and those. Some are counted, others are times.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Round(usize, String);

impl Round {
    /// Of `10` or `007`; nothing else is one.
    fn parse(digits: &str) -> Option<Self> {
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let digits = digits.trim_start_matches('0');
        is_number.then(|| Self(digits.len(), digits.to_owned()))
    }

    /// Nobody can tell: it may be after all others.
    fn unknown() -> Self {
        Self(usize::MAX, String::new())
    }
}

/// What a review file says.
#[derive(Debug)]
pub enum Said {
    /// A verdict, and whether somebody overrode it with name and reason.
    Verdict {
        /// `approved`, `rejected`, `changes_requested` or another word.
        verdict: String,
        /// 1-based line of it.
        line: Option<usize>,
        /// Whether an override is recorded, complete.
        overridden: bool,
    },
    /// It has no front matter, or one without a verdict: 182 of 537 real files.
    Nothing,
    /// It, or its front matter, cannot be read; or there is a verdict in it that is not understood.
    Broken(Arc<ArtefactError>),
}

#[derive(Deserialize, Default)]
struct FrontMatter {
    #[serde(default)]
    verdict: Option<serde_json::Value>,
    #[serde(default)]
    review_artifact_override_actor: Option<serde_json::Value>,
    #[serde(default)]
    review_artifact_override_reason: Option<serde_json::Value>,
}

impl ReviewCycle {
    /// The newest round of every work package that has one, in the order of directories.
    ///
    /// # Errors
    /// When `tasks/` or a directory of a work package cannot be read.
    pub fn latest(mission: &Mission) -> Result<Vec<Self>, ArtefactError> {
        let failed = |source| SourceError::Io { name: mission.name_of("tasks"), source };
        let entries = match fs::read_dir(mission.path_of("tasks")?) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error).into()),
        };
        let mut found: Vec<Self> = Vec::new();
        for entry in entries.take(limits::WORK_PACKAGES) {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some(id) = WpId::parse(name.split('-').next().unwrap_or_default()).ok() else { continue };
            let directory = match directory_of(mission, &entry, &name) {
                Ok(Some(directory)) => directory,
                Ok(None) => continue,
                Err(error) => {
                    let (file, said) =
                        (mission.name_of(&format!("tasks/{name}")), Said::Broken(Arc::new(error)));
                    found.push(Self { work_package: id, number: Round::unknown(), file, said });
                    continue;
                }
            };
            // A round that cannot be looked at may be the one that sent the work back.
            let failed = |source| SourceError::Io { name: mission.name_of(&format!("tasks/{name}")), source };
            let Some((number, file)) = newest(&directory).map_err(failed)? else { continue };
            let file = format!("tasks/{name}/{file}");
            let said = read(mission, &file);
            found.push(Self { work_package: id, number, file: mission.name_of(&file), said });
        }
        // Two directories of one work package: the newest round of both counts.
        found.sort_by(|a, b| {
            (&a.work_package, &b.number, &a.file).cmp(&(&b.work_package, &a.number, &b.file))
        });
        found.dedup_by(|a, b| a.work_package == b.work_package);
        Ok(found)
    }
}

/// Where the reviews of a work package are: a directory, or a link to one inside of the repository.
fn directory_of(mission: &Mission, entry: &DirEntry, name: &str) -> Result<Option<PathBuf>, ArtefactError> {
    let Ok(kind) = entry.file_type() else { return Ok(None) };
    // The file of the work package itself is read elsewhere.
    if !kind.is_symlink() || id_of_file_name(name).is_some() {
        return Ok(kind.is_dir().then(|| entry.path()));
    }
    Ok(Some(mission.path_of(&format!("tasks/{name}"))?).filter(|path| path.is_dir()))
}

/// The file with the largest number: `review-cycle-10.md` comes after `review-cycle-9.md`.
fn newest(directory: &Path) -> io::Result<Option<(Round, String)>> {
    let mut newest = None;
    for entry in fs::read_dir(directory)?.take(limits::WORK_PACKAGES) {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let digits = name.strip_prefix("review-cycle-").and_then(|rest| rest.strip_suffix(".md"));
        newest = newest.max(digits.and_then(Round::parse).map(|number| (number, name)));
    }
    Ok(newest)
}

fn read(mission: &Mission, file: &str) -> Said {
    let broken = |error| Said::Broken(Arc::new(error));
    let read = mission
        .path_of(file)
        .and_then(|path| Ok(Source::read(&mission.name_of(file), &path, limits::WORK_PACKAGE)?));
    let source = match read {
        Ok(Some(source)) => source,
        Ok(None) => return Said::Nothing,
        Err(error) => return broken(error),
    };
    let Some(range) = front_matter(source.text()) else { return Said::Nothing };
    match yaml::read::<Option<FrontMatter>>(&source, range.clone()) {
        Ok(front) => said(&source, range, &front.unwrap_or_default()),
        Err(error) => broken(error),
    }
}

/// Where the front matter is, between two lines `---`. Editors leave a byte order mark, or blank lines, before it.
fn front_matter(text: &str) -> Option<Range<usize>> {
    let text_start = text.len() - text.trim_start_matches('\u{feff}').len();
    let mut start = text_start;
    for line in text[text_start..].split_inclusive('\n') {
        start += line.len();
        match line.trim_end() {
            "" => {}
            "---" => {
                // The line ending before counts: it may have nothing in it.
                let before = start - usize::from(line.ends_with('\n'));
                let end = text[before..].find("\n---").map_or(text.len(), |at| before + at + 1);
                return Some(start..end.max(start));
            }
            _ => return None,
        }
    }
    None
}

fn said(source: &Source, range: Range<usize>, front: &FrontMatter) -> Said {
    let word = |value: &Option<serde_json::Value>| {
        let word = value.as_ref()?.as_str()?.trim();
        (!word.is_empty()).then(|| word.to_owned())
    };
    let written = verdict_line(source.text(), range);
    match (word(&front.verdict), written) {
        (Some(verdict), written) => {
            let overridden = word(&front.review_artifact_override_actor).is_some()
                && word(&front.review_artifact_override_reason).is_some();
            let line = written.map(|at| source.line_of(at));
            Said::Verdict { verdict, line, overridden }
        }
        // What is there, and no word under that very name, may be a refusal.
        (None, Some(at)) => Said::Broken(Arc::new(ArtefactError::broken(
            source,
            at,
            "there is a verdict here that is not understood",
            "write it as one word, in small letters, at the start of a line: `verdict: approved` or `verdict: rejected`",
        ))),
        (None, None) => Said::Nothing,
    }
}

/// Where a verdict is written in front matter, in whatever letters and however deep. A name without a value says nothing.
fn verdict_line(text: &str, range: Range<usize>) -> Option<usize> {
    let mut at = range.start;
    let mut lines = text[range].split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        let (key, value) = line.split_once(':').unwrap_or_default();
        let key = key.trim_matches(|c: char| c.is_whitespace() || "\"'-?{".contains(c));
        // A list may begin on the next line.
        let mut goes_on = || {
            lines
                .peek()
                .is_some_and(|next| next.trim_start().starts_with('-') || next.starts_with([' ', '\t']))
        };
        let value = value.trim();
        let said = !value.starts_with('#') && !matches!(value, "" | "~" | "null" | "\"\"" | "''");
        if key.eq_ignore_ascii_case("verdict") && (said || goes_on()) {
            return Some(at);
        }
        at += line.len();
    }
    None
}
