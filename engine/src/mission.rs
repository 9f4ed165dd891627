//! A mission: one directory `kitty-specs/<slug>/`. Each artefact is read once, on first use.

pub mod artefact;
pub mod handle;
pub mod home;
pub mod lanes;
pub mod log;
pub mod meta;
pub mod review;
pub mod snapshot;
pub mod state;
pub mod tasks;
pub mod work_package;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use artefact::{ArtefactError, confined, read_json};
use home::{Home, HomeError};
use lanes::Lanes;
use log::LOG;
use meta::{Meta, StatusPhase};
use snapshot::Snapshot;
use state::MissionState;
use tasks::TasksDoc;
use work_package::{Subtask, WorkPackage};

use crate::id::{TaskId, WpId};
use crate::limits;
use crate::repo::RepoView;
use crate::source::{Source, SourceError};

/// The directory that holds the missions of a repository.
pub const MISSIONS_DIR: &str = "kitty-specs";

/// The snapshot's name in a mission's directory.
pub const SNAPSHOT: &str = "status.json";

type Artefact<T> = OnceLock<Result<T, Arc<ArtefactError>>>;

/// A mission of a repository.
#[derive(Debug)]
pub struct Mission {
    slug: String,
    /// The work tree, symbolic links resolved.
    root: PathBuf,
    /// The mission's directory, symbolic links resolved.
    directory: PathBuf,
    /// Where its log and snapshot are, when that is elsewhere.
    elsewhere: Option<Elsewhere>,
    meta: Artefact<Option<Meta>>,
    lanes: Artefact<Option<Lanes>>,
    tasks: Artefact<TasksDoc>,
    no_tasks: OnceLock<TasksDoc>,
    work_packages: Artefact<WorkPackages>,
    state: Artefact<MissionState>,
    snapshot: Artefact<Option<Snapshot>>,
}

/// The log and the snapshot of a mission, when they are not in its directory.
#[derive(Debug)]
struct Elsewhere {
    /// Top of the work tree they are in.
    root: PathBuf,
    /// The mission's directory in that work tree.
    directory: PathBuf,
    /// That directory as it is named in messages.
    name: String,
    /// The log of a branch that is not checked out.
    log: Option<Source>,
}

/// The work-package files of a mission: those that could be read, and what was wrong with the others.
#[derive(Debug, Default)]
pub struct WorkPackages {
    /// In the order of their file names.
    pub readable: Vec<WorkPackage>,
    /// One error a file.
    pub broken: Vec<Arc<ArtefactError>>,
    /// Where each task is listed: a work package and an entry of its roster, the first one of each.
    listed: HashMap<TaskId, Vec<(usize, usize)>>,
}

impl WorkPackages {
    /// The work packages that list a task, in the order of their files, with the entry.
    pub fn listing<'a>(
        &'a self,
        id: &TaskId,
    ) -> impl Iterator<Item = (&'a WorkPackage, &'a Subtask)> + use<'a> {
        let at = self.listed.get(id).map(Vec::as_slice).unwrap_or_default();
        at.iter()
            .map(|(package, entry)| (&self.readable[*package], &self.readable[*package].subtasks[*entry]))
    }

    fn index(&mut self) {
        for (nth, package) in self.readable.iter().enumerate() {
            for (entry, subtask) in package.subtasks.iter().enumerate() {
                let places = self.listed.entry(subtask.id.clone()).or_default();
                if places.last().is_none_or(|(last, _)| *last != nth) {
                    places.push((nth, entry));
                }
            }
        }
    }
}

impl Mission {
    /// The mission `slug` of the work tree `root` (links resolved): a directory of `kitty-specs/` once links are
    /// followed.
    ///
    /// # Errors
    /// [`ArtefactError::Escapes`], or the system's error.
    pub fn open(root: &Path, slug: &str) -> Result<Self, ArtefactError> {
        let name = format!("{MISSIONS_DIR}/{slug}");
        let missing =
            || ArtefactError::Missing { name: name.clone(), help: "name an existing mission".to_owned() };
        let home = confined(root, &root.join(MISSIONS_DIR), MISSIONS_DIR)?.ok_or_else(missing)?;
        let directory = confined(&home, &home.join(slug), &name)?.ok_or_else(missing)?;
        // An alias is the mission it leads to: there is one lock for both names.
        let slug = match directory.file_name().and_then(|name| name.to_str()) {
            Some(slug) if directory.parent() == Some(&home) => slug.to_owned(),
            _ => return Err(ArtefactError::Escapes { name, target: directory }),
        };
        Ok(Self {
            slug,
            root: root.to_owned(),
            directory,
            elsewhere: None,
            meta: OnceLock::new(),
            lanes: OnceLock::new(),
            tasks: OnceLock::new(),
            no_tasks: OnceLock::new(),
            work_packages: OnceLock::new(),
            state: OnceLock::new(),
            snapshot: OnceLock::new(),
        })
    }

    /// The mission, with its state where it lives.
    ///
    /// # Errors
    /// [`HomeError`]: the state cannot be found.
    pub fn at_home(mut self, home: &Home, view: &dyn RepoView) -> Result<Self, HomeError> {
        match home {
            Home::Mission => {}
            Home::Worktree { root, slug } => {
                let inside = format!("{MISSIONS_DIR}/{slug}");
                let name = match root.strip_prefix(&self.root) {
                    Ok(below) => format!("{}/{inside}", below.display()),
                    Err(_) => format!("{}/{inside}", root.display()),
                };
                let directory = root.join(inside);
                self.elsewhere = Some(Elsewhere { root: root.clone(), directory, name, log: None });
            }
            Home::Branch { branch, slug, worktree } => {
                let inside = format!("{MISSIONS_DIR}/{slug}");
                let name = format!("{branch}:{inside}");
                let content = view.file_at(branch, &format!("{inside}/{LOG}"), limits::STATUS_LOG)?;
                let log_name = format!("{name}/{LOG}");
                let path = worktree.join(&inside);
                let log = Source::of_log(&log_name, &path.join(LOG), content.unwrap_or_default())
                    .map_err(|error| Arc::new(ArtefactError::from(error)))?;
                self.elsewhere =
                    Some(Elsewhere { root: worktree.clone(), directory: path, name, log: Some(log) });
            }
        }
        Ok(self)
    }

    /// The log in the mission's own directory, where that is not the one that counts.
    #[must_use]
    pub fn unused_log(&self) -> Option<String> {
        let is_there = self.elsewhere.is_some() && self.directory.join(LOG).exists();
        is_there.then(|| format!("{MISSIONS_DIR}/{}/{LOG}", self.slug))
    }

    /// Top of the work tree that the state is written in.
    #[must_use]
    pub fn state_root(&self) -> &Path {
        self.elsewhere.as_ref().map_or(&self.root, |elsewhere| &elsewhere.root)
    }

    /// The directory's name: what the mission is called everywhere.
    #[must_use]
    pub fn slug(&self) -> &str {
        &self.slug
    }

    /// The mission's directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The work tree the mission is in.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `kitty-specs/<slug>/<file>`, as files are named in messages.
    #[must_use]
    pub fn name_of(&self, file: &str) -> String {
        if let Some(elsewhere) = self.elsewhere_of(file) {
            return format!("{}/{file}", elsewhere.name);
        }
        format!("{MISSIONS_DIR}/{}/{file}", self.slug)
    }

    /// Where a file of the mission really is: links followed, inside the repository; the plain path when it does
    /// not exist yet.
    ///
    /// # Errors
    /// [`ArtefactError::Escapes`], or the system's error.
    pub fn path_of(&self, file: &str) -> Result<PathBuf, ArtefactError> {
        if let Some(elsewhere) = self.elsewhere_of(file) {
            let path = elsewhere.directory.join(file);
            return Ok(confined(&elsewhere.root, &path, &self.name_of(file))?.unwrap_or(path));
        }
        let path = self.directory.join(file);
        Ok(confined(&self.root, &path, &self.name_of(file))?.unwrap_or(path))
    }

    fn elsewhere_of(&self, file: &str) -> Option<&Elsewhere> {
        self.elsewhere.as_ref().filter(|_| matches!(file, LOG | SNAPSHOT))
    }

    /// `meta.json`; `None` when the mission has none.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn meta(&self) -> Result<Option<&Meta>, Arc<ArtefactError>> {
        read_once(&self.meta, || self.json("meta.json")).map(Option::as_ref)
    }

    /// `lanes.json`; `None` when the mission has none.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn lanes(&self) -> Result<Option<&Lanes>, Arc<ArtefactError>> {
        read_once(&self.lanes, || self.json("lanes.json")).map(Option::as_ref)
    }

    /// `tasks.md`.
    ///
    /// # Errors
    /// What is wrong with the file; [`ArtefactError::Missing`] when there is none.
    pub fn tasks(&self) -> Result<&TasksDoc, Arc<ArtefactError>> {
        read_once(&self.tasks, || {
            let source =
                self.source("tasks.md", limits::TASKS_MD)?.ok_or_else(|| ArtefactError::Missing {
                    name: self.name_of("tasks.md"),
                    help:
                        "the mission has no task list yet; write one, one row a task: `- [ ] T001 First task`"
                            .to_owned(),
                })?;
            Ok(TasksDoc::parse(source))
        })
    }

    /// `tasks.md`; an empty one where there is none.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn tasks_or_none(&self) -> Result<&TasksDoc, Arc<ArtefactError>> {
        match self.tasks() {
            Err(error) if matches!(*error, ArtefactError::Missing { .. }) => Ok(self
                .no_tasks
                .get_or_init(|| TasksDoc::parse(Source::new(self.name_of("tasks.md"), "", "")))),
            other => other,
        }
    }

    /// Where completion of tasks is recorded.
    ///
    /// # Errors
    /// What is wrong with `meta.json`.
    pub fn phase(&self) -> Result<StatusPhase, Arc<ArtefactError>> {
        Ok(self.meta()?.map(|meta| meta.status_phase).unwrap_or_default())
    }

    /// The work packages. A file that is broken does not hide the others.
    ///
    /// # Errors
    /// When the directory itself cannot be read.
    pub fn work_packages(&self) -> Result<&WorkPackages, Arc<ArtefactError>> {
        read_once(&self.work_packages, || self.read_work_packages())
    }

    /// What `status.events.jsonl` adds up to; empty when there is no log.
    ///
    /// # Errors
    /// What is wrong with the log.
    pub fn state(&self) -> Result<&MissionState, Arc<ArtefactError>> {
        read_once(&self.state, || self.read_state())
    }

    /// The same, for decisions: a log that contradicts itself decides nothing.
    ///
    /// # Errors
    /// What is wrong with the log; two different events with one id.
    pub fn settled_state(&self) -> Result<&MissionState, Arc<ArtefactError>> {
        let state = self.state()?;
        state.log.contradiction.as_ref().map_or(Ok(state), |error| Err(Arc::clone(error)))
    }

    /// The same, read anew: for after something was written.
    ///
    /// # Errors
    /// What is wrong with the log.
    pub fn read_state(&self) -> Result<MissionState, ArtefactError> {
        self.log()?.map_or_else(|| Ok(MissionState::default()), |source| MissionState::reduce(&source))
    }

    /// The status log, from where it lives; `None` when there is none.
    ///
    /// # Errors
    /// What the system says; what is wrong with the file.
    pub fn log(&self) -> Result<Option<Source>, ArtefactError> {
        if let Some(log) = self.elsewhere.as_ref().and_then(|elsewhere| elsewhere.log.as_ref()) {
            return Ok(Some(log.clone()));
        }
        Ok(Source::read_log(&self.name_of(LOG), &self.path_of(LOG)?, limits::STATUS_LOG)?)
    }

    /// `status.json`; `None` when the mission has none.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn snapshot(&self) -> Result<Option<&Snapshot>, Arc<ArtefactError>> {
        read_once(&self.snapshot, || self.json(SNAPSHOT)).map(Option::as_ref)
    }

    /// What the log says, if it was read already; reading it only for a remark is not worth it.
    #[must_use]
    pub fn state_if_read(&self) -> Option<&MissionState> {
        self.state.get()?.as_ref().ok()
    }

    /// What was wrong with files that were read on the way, besides those that made the call fail.
    #[must_use]
    pub fn unread(&self) -> Vec<Arc<ArtefactError>> {
        let packages = self.work_packages.get().map(|read| match read {
            Ok(packages) => packages.broken.clone(),
            Err(error) => vec![Arc::clone(error)],
        });
        let lanes = self.lanes.get().and_then(|read| read.as_ref().err()).cloned();
        packages.into_iter().flatten().chain(lanes).collect()
    }

    fn source(&self, file: &str, limit: u64) -> Result<Option<Source>, ArtefactError> {
        Ok(Source::read(&self.name_of(file), &self.path_of(file)?, limit)?)
    }

    fn json<T: serde::de::DeserializeOwned>(&self, file: &str) -> Result<Option<T>, ArtefactError> {
        self.source(file, limits::MANIFEST)?.as_ref().map(read_json).transpose()
    }

    fn read_work_packages(&self) -> Result<WorkPackages, ArtefactError> {
        let mut found = WorkPackages::default();
        for file in self.work_package_files()? {
            let file = format!("tasks/{file}");
            let read = self
                .source(&file, limits::WORK_PACKAGE)
                .and_then(|source| source.as_ref().map(WorkPackage::parse).transpose());
            match read {
                Ok(package) => found.readable.extend(package),
                Err(error) => found.broken.push(Arc::new(error)),
            }
        }
        found.index();
        Ok(found)
    }

    /// The work packages that have a file, by the names of the files.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn work_packages_by_name(&self) -> Result<Vec<WpId>, ArtefactError> {
        let mut ids: Vec<_> = self
            .work_package_files()?
            .iter()
            .filter_map(|name| work_package::id_of_file_name(name))
            .collect();
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    /// The names in `tasks/` that are work packages (`WPnn-*.md`), sorted.
    fn work_package_files(&self) -> Result<Vec<String>, ArtefactError> {
        let failed = |source| SourceError::Io { name: self.name_of("tasks"), source };
        let entries = match std::fs::read_dir(self.path_of("tasks")?) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error).into()),
        };
        let mut names = Vec::new();
        for entry in entries.take(limits::WORK_PACKAGES) {
            let name = entry.map_err(failed)?.file_name();
            names
                .extend(name.into_string().ok().filter(|name| work_package::id_of_file_name(name).is_some()));
        }
        names.sort_unstable();
        Ok(names)
    }
}

fn read_once<T>(
    cell: &Artefact<T>,
    read: impl FnOnce() -> Result<T, ArtefactError>,
) -> Result<&T, Arc<ArtefactError>> {
    cell.get_or_init(|| read().map_err(Arc::new)).as_ref().map_err(Arc::clone)
}
