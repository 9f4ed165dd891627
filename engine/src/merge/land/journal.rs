//! What a landing set out to do, on disk before anything moves: who finds it there finishes it, or takes it back.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::LandError;
use crate::limits;
use crate::merge::bookkeeping::Done;
use crate::merge::scope::{Allowed, Strategy};
use crate::mission::MISSIONS_DIR;
use crate::mission::log::LOG;
use crate::repo::{Repo, RepoError};
use crate::shared::create_shared_dir;

/// Where landings keep their journals, below the common git directory.
pub(super) const LANDINGS: &str = "clearance/land";
/// The journal's name.
const JOURNAL: &str = "journal.json";
/// Version of the format. A journal of another version is not touched.
const VERSION: u32 = 1;

/// What every version of it has.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// A landing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    version: u32,
    /// The mission.
    pub mission: String,
    /// How it gets onto the target.
    pub strategy: Strategy,
    /// The plan.
    pub plan_id: String,
    /// The branch whose move makes the merge: before it nothing has happened, and after it everything is replayed.
    pub target: RefMove,
    /// Branches that move after it.
    pub others: Vec<RefMove>,
    /// Work trees that have one of these branches checked out.
    pub work_trees: Vec<HeldTree>,
    /// The number that the mission got.
    pub number: Option<u64>,
    /// The work packages that are done.
    pub done: Vec<Done>,
    /// Commits that a rebase made again.
    pub replayed: Vec<(String, String)>,
    /// Where it is pushed.
    pub push: Option<Push>,
    /// What is removed in the end.
    pub clean_up: CleanUp,
    /// What was asked for besides, for who goes on with it.
    pub asked: AskedFor,
    /// How far it got.
    pub stage: Stage,
    /// Whether it takes another one back.
    pub takes_back: bool,
}

/// Options of a merge that are taken over by who goes on with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedFor {
    /// Remove the branches.
    pub delete_branch: bool,
    /// Remove the work trees.
    pub remove_worktree: bool,
    /// Work packages that are let through.
    pub allowed: Vec<Allowed>,
}

/// How far a landing got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The target tells: it is where it was, or at the merge.
    Landing,
    /// Everything moved here; it was not pushed yet, or could not be.
    Unpushed,
}

/// A branch that moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefMove {
    /// The branch.
    pub branch: String,
    /// The commit that it is at.
    pub old: String,
    /// The commit that it goes to.
    pub new: String,
}

impl RefMove {
    /// Its name in full.
    #[must_use]
    pub fn name(&self) -> String {
        format!("refs/heads/{}", self.branch)
    }
}

/// A work tree that has a branch checked out which moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldTree {
    /// Its top.
    #[serde(with = "path")]
    pub root: PathBuf,
    /// The commit that is checked out.
    pub old: String,
    /// The commit that will be.
    pub new: String,
}

/// Where a merge is pushed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Push {
    /// The remote.
    pub remote: String,
    /// The branch there.
    pub branch: String,
    /// The commit that it was at when it was asked; `None` for a branch that is not there.
    pub lease: Option<String>,
}

/// What is removed when everything else is done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CleanUp {
    /// Branches, each with the commit that it must be at.
    pub branches: Vec<(String, String)>,
    /// Work trees, each with the branch that it has checked out.
    pub work_trees: Vec<RemovedTree>,
    /// The branch under which a tip is kept that the target does not have: its name in full, and the commit.
    pub backup: Option<(String, String)>,
    /// What stays, and why.
    pub kept: Vec<Kept>,
}

/// A work tree that is removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovedTree {
    /// Its top.
    #[serde(with = "path")]
    pub root: PathBuf,
    /// The branch that it has checked out.
    pub branch: String,
}

/// Something that stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// What.
    pub what: String,
    /// Why.
    pub why: String,
}

/// The directory of one landing.
#[derive(Debug)]
pub(super) struct LandDir {
    path: PathBuf,
}

impl LandDir {
    /// Makes an empty one.
    pub(super) fn make(common_dir: &Path, id: &str) -> Result<Self, LandError> {
        let path = common_dir.join(LANDINGS).join(id);
        create_shared_dir(&path).map_err(|source| LandError::io(&path, source))?;
        Ok(Self { path })
    }

    /// Those that are there, oldest first.
    pub(super) fn all(common_dir: &Path) -> Result<Vec<Self>, LandError> {
        let place = common_dir.join(LANDINGS);
        let entries = match place.read_dir() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(|source| LandError::io(&place, source))?,
        };
        // What else is there is none of ours.
        let landings = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        let mut found: Vec<_> = landings.map(|entry| Self { path: entry.path() }).collect();
        // Their names are ULIDs, which begin with the time.
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Puts a text into a file for a hook to read, and gives its path.
    pub(super) fn put(&self, name: &str, text: &str) -> Result<PathBuf, LandError> {
        let path = self.file(name);
        let written = File::create(&path).and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|source| LandError::io(&path, source))?;
        Ok(path)
    }

    /// The journal; `None` where it was never written: then nothing had begun.
    pub(super) fn journal(&self) -> Result<Option<Journal>, LandError> {
        const LARGEST: u64 = 64 << 20;
        let path = self.file(JOURNAL);
        let bytes = crate::source::read_bytes(JOURNAL, &path, LARGEST);
        let Some(bytes) = bytes.map_err(|error| self.unreadable(&error))? else {
            return Ok(None);
        };
        // Asked first: another version may have another form.
        let Versioned { version } =
            serde_json::from_slice(&bytes).map_err(|error| self.unreadable(&error))?;
        if version != VERSION {
            let why = format!("it is of version {version}, and this program knows version {VERSION}");
            return Err(self.unreadable(&why));
        }
        serde_json::from_slice(&bytes).map(Some).map_err(|error| self.unreadable(&error))
    }

    fn unreadable(&self, why: &dyn std::fmt::Display) -> LandError {
        LandError::Journal { directory: self.path.clone(), message: why.to_string() }
    }

    /// Writes the journal, durably and whole.
    pub(super) fn write(&self, journal: &Journal) -> Result<(), LandError> {
        let path = self.file(JOURNAL);
        let failed = |source| LandError::io(&path, source);
        let text = serde_json::to_vec_pretty(journal).map_err(|error| failed(error.into()))?;
        let beside = self.file("journal.tmp");
        let write = || -> io::Result<()> {
            let mut file = File::create(&beside)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&beside, &path)?;
            File::open(&self.path)?.sync_all()
        };
        write().map_err(failed)
    }

    /// Forgets the landing: the journal goes first, so that what is left without one never had any meaning.
    pub(super) fn remove(self) -> Result<(), LandError> {
        let failed = |source| LandError::io(&self.path, source);
        match fs::remove_file(self.file(JOURNAL)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(()),
        }
    }
}

impl Journal {
    /// The lines of the log that the merge recorded, as the branches have them that it moved.
    ///
    /// # Errors
    /// git cannot tell.
    pub fn recorded_lines(&self, repo: &Repo) -> Result<Vec<String>, RepoError> {
        let path = format!("{MISSIONS_DIR}/{}/{LOG}", self.mission);
        let mut lines: Vec<String> = Vec::new();
        for moved in [&self.target].into_iter().chain(&self.others) {
            let wanted: Vec<_> = self
                .done
                .iter()
                .filter(|done| !lines.iter().any(|line| line.contains(&done.event_id)))
                .collect();
            if wanted.is_empty() {
                break;
            }
            let log = repo.view().file_at(&moved.branch, &path, limits::STATUS_LOG)?.unwrap_or_default();
            let log = String::from_utf8_lossy(&log).into_owned();
            let recorded = log.lines().filter(|line| wanted.iter().any(|done| line.contains(&done.event_id)));
            lines.extend(recorded.map(str::to_owned));
        }
        Ok(lines)
    }

    /// A landing that is about to begin.
    pub(super) fn new(mission: &str, strategy: Strategy, plan_id: &str, target: RefMove) -> Self {
        Self {
            version: VERSION,
            mission: mission.to_owned(),
            strategy,
            plan_id: plan_id.to_owned(),
            target,
            others: Vec::new(),
            work_trees: Vec::new(),
            number: None,
            done: Vec::new(),
            replayed: Vec::new(),
            push: None,
            clean_up: CleanUp::default(),
            asked: AskedFor::default(),
            stage: Stage::Landing,
            takes_back: false,
        }
    }
}

/// A path as text, or as bytes where it is none.
mod path {
    use std::path::{Path, PathBuf};

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(PathBuf),
        Bytes(Vec<u8>),
    }

    pub(super) fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        match path.to_str() {
            Some(text) => text.serialize(serializer),
            None => path.as_os_str().as_encoded_bytes().serialize(serializer),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
        Ok(match Written::deserialize(deserializer)? {
            Written::Text(path) => path,
            Written::Bytes(bytes) => crate::repo::path_of_bytes(&bytes),
        })
    }
}
