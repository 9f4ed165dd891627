//! `tasks/WPnn-*/review-cycle-N.md`: what reviewers wrote down, one file a round. The front matter has the verdict.

use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use serde::Deserialize;

use super::Mission;
use super::artefact::ArtefactError;
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
    pub number: u32,
    /// The file, as named in messages.
    pub file: String,
    /// What it says.
    pub said: Said,
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
    /// Its front matter cannot be read.
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
            let id = WpId::parse(name.split('-').next().unwrap_or_default()).ok();
            let Some(id) = id.filter(|_| entry.file_type().is_ok_and(|kind| kind.is_dir())) else { continue };
            // A round that cannot be looked at may be the one that sent the work back.
            let failed = |source| SourceError::Io { name: mission.name_of(&format!("tasks/{name}")), source };
            let Some((number, file)) = newest(&entry.path()).map_err(failed)? else { continue };
            let file = format!("tasks/{name}/{file}");
            let said = read(mission, &file);
            found.push(Self { work_package: id, number, file: mission.name_of(&file), said });
        }
        // Two directories of one work package: the newest round of both counts.
        found.sort_by(|a, b| (&a.work_package, b.number, &a.file).cmp(&(&b.work_package, a.number, &b.file)));
        found.dedup_by(|a, b| a.work_package == b.work_package);
        Ok(found)
    }
}

/// The file with the largest number: `review-cycle-10.md` comes after `review-cycle-9.md`.
fn newest(directory: &Path) -> io::Result<Option<(u32, String)>> {
    let mut newest = None;
    for entry in fs::read_dir(directory)?.take(limits::WORK_PACKAGES) {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let number =
            name.strip_prefix("review-cycle-").and_then(|rest| rest.strip_suffix(".md")?.parse().ok());
        newest = newest.max(number.map(|number: u32| (number, name)));
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
    let text = source.text();
    if text.lines().next().is_none_or(|line| line.trim_end() != "---") {
        return Said::Nothing;
    }
    let start = text.find('\n').map_or(text.len(), |at| at + 1);
    let end = text[start..].find("\n---").map_or(text.len(), |at| start + at + 1);
    let front: FrontMatter = match yaml::read::<Option<FrontMatter>>(&source, start..end) {
        Ok(front) => front.unwrap_or_default(),
        Err(error) => return broken(error),
    };
    let word = |value: &Option<serde_json::Value>| {
        value.as_ref().and_then(|value| {
            value.as_str().map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned)
        })
    };
    let Some(verdict) = word(&front.verdict) else { return Said::Nothing };
    let overridden = word(&front.review_artifact_override_actor).is_some()
        && word(&front.review_artifact_override_reason).is_some();
    let line = text[..end].lines().position(|line| line.starts_with("verdict:")).map(|nth| nth + 1);
    Said::Verdict { verdict, line, overridden }
}
