//! What every command goes through that writes in a mission: lock, plan, write, commit.

use std::path::Path;

use clearance_engine::config::Config;
use clearance_engine::diff;
use clearance_engine::lock::FileLock;
use clearance_engine::mission::Mission;
use clearance_engine::mission::home::{self, Home};
use clearance_engine::mission::log::LOG;
use clearance_engine::plan::apply::{self, ApplyError, Changes};
use clearance_engine::plan::event::{self, About, Event, Record};
use clearance_engine::repo::Repo;
use clearance_engine::repo::commit;
use clearance_engine::report::{CommitAccount, Write, WriteKind};
use clearance_engine::write::{self, Staging};
use jiff::SignedDuration;

use super::target;
use crate::args::Global;
use crate::args::mission::WriteArgs;
use crate::env::Env;
use crate::failure::{self, Failure};
use crate::final_sync::{self, Last, Marked};

/// How far ahead of our clock a log may be before that is remarked on.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// Files of one work tree, relative to its top.
type FilesOf<'a> = (&'a Repo, Vec<String>);

/// A mission that is going to be written in; its lock is held until the commit is made.
pub(super) struct Session {
    pub(super) repo: Repo,
    pub(super) mission: Mission,
    home: Home,
    dry_run: bool,
    /// The branch to commit to in the main work tree, when a commit is wanted.
    branch: Option<String>,
    /// The work tree of the state, when that is not the main one.
    state_repo: Option<Repo>,
    wants_diff: bool,
    _lock: Option<FileLock>,
}

/// What a session did, or would do.
pub(super) struct Recorded {
    pub(super) writes: Vec<Write>,
    pub(super) event_ids: Vec<String>,
    /// What is delivered in the end.
    pub(super) last: Last,
    pub(super) diff: String,
    pub(super) commit: CommitAccount,
    pub(super) warnings: Vec<String>,
}

impl Session {
    pub(super) fn open(
        args: &WriteArgs,
        qualifiers: &[String],
        global: &Global,
        env: &Env,
        needs_state: impl FnOnce(&Mission) -> Result<bool, Failure>,
    ) -> Result<Self, Failure> {
        let repo = target::repository(global, env)?;
        let mission = target::mission(&repo, args.mission.as_deref(), qualifiers)?;
        let wanted = match args.commit() {
            Some(wanted) => wanted,
            None => Config::read(repo.root()).map_err(failure::configuration)?.auto_commit,
        };
        // A dry run changes nothing, not even a lock file.
        let lock = match args.dry_run {
            true => None,
            false => Some(target::lock(&repo, &mission, args.lock_timeout)?),
        };
        // Where the log is does not matter to those who only write rows.
        let home = if needs_state(&mission)? { home::find(&mission, repo.view())? } else { Home::Mission };
        if let Home::Branch { branch, worktree, .. } = &home {
            home::may_make_worktree(&mission, branch, worktree)?;
        }
        let mission = mission.at_home(&home, repo.view())?;
        let state_repo = match mission.state_root() == repo.root() || !mission.state_root().exists() {
            true => None,
            false => Some(repo.at_worktree(mission.state_root())?),
        };
        // Refused before anything is planned: the answer does not depend on what would be written.
        let branch = match (wanted, &state_repo, &home) {
            (false, ..) => None,
            // A work tree that is made for it has it checked out, and nothing under way.
            (true, _, Home::Branch { branch, .. }) => Some(branch.clone()),
            (true, Some(state_repo), _) => Some(commit::may_commit(state_repo, env.allow_protected)?),
            (true, None, _) => Some(commit::may_commit(&repo, env.allow_protected)?),
        };
        let wants_diff = args.dry_run || !global.report.is_empty();
        Ok(Self { repo, mission, home, dry_run: args.dry_run, branch, state_repo, wants_diff, _lock: lock })
    }

    /// The same session, with a work tree made for a state that so far is only on a branch: now that there is something
    /// to write.
    fn settled(&mut self) -> Result<(), Failure> {
        let Home::Branch { branch, slug, worktree } = &self.home else { return Ok(()) };
        home::make_worktree(&self.mission, branch, worktree)?;
        let root = worktree.canonicalize().unwrap_or_else(|_| worktree.clone());
        self.state_repo = Some(self.repo.at_worktree(&root)?);
        self.home = Home::Worktree { root, slug: slug.clone() };
        let mission = Mission::open(self.repo.root(), self.mission.slug())?;
        self.mission = mission.at_home(&self.home, self.repo.view())?;
        Ok(())
    }

    /// Writes and commits, or says what would be.
    pub(super) fn record(
        &mut self,
        env: &Env,
        tasks: Option<&str>,
        (records, marked): (&[Record], Vec<Marked>),
        subject: &str,
    ) -> Result<Recorded, Failure> {
        if !records.is_empty() && !self.dry_run {
            self.settled()?;
        }
        let events = self.events(records, env)?;
        let changes = Changes { tasks, events: &events };
        let diff = if self.wants_diff { self.diff(changes) } else { String::new() };
        let planned = apply::planned(&self.mission, changes)?;
        let commits = self.commits(&planned)?;
        for write in &planned {
            write::may_write(&write.file, &write.path).map_err(ApplyError::from)?;
            if write.kind == WriteKind::Replaced || !write.path.exists() {
                let directory = write.path.parent().unwrap_or(Path::new("/"));
                write::may_write_in(&write.file, directory).map_err(ApplyError::from)?;
            }
        }
        let (writes, last) = if self.dry_run || planned.is_empty() {
            (planned, Last::default())
        } else {
            let writes = apply::apply(&self.mission, changes, &self.staging())?;
            (writes, self.queue(&events, marked, env))
        };
        let mut warnings = self.warnings(env);
        let commit = match &self.branch {
            None => CommitAccount::Off,
            Some(_) if self.dry_run => self.would_commit(&commits, subject),
            Some(_) => self.commit(&commits, subject, &mut warnings),
        };
        Ok(Recorded {
            writes,
            event_ids: events.into_iter().map(|event| event.id).collect(),
            last,
            diff,
            commit,
            warnings,
        })
    }

    /// Queues what is to be told of it: while nobody else writes here, so that it is told in the order of the log.
    fn queue(&self, events: &[Event], marked: Vec<Marked>, env: &Env) -> Last {
        let recorded = final_sync::Recorded {
            root: self.repo.root().to_owned(),
            common_dir: self.repo.common_dir().to_owned(),
            mission: self.mission.slug().to_owned(),
            lines: events.iter().map(|event| event.line.clone()).collect(),
            tasks: marked,
        };
        let mut last = Last::default();
        last.add(recorded, env);
        last
    }

    fn staging(&self) -> Staging {
        Staging::of(self.repo.common_dir(), self.mission.slug())
    }

    fn events(&self, records: &[Record], env: &Env) -> Result<Vec<Event>, Failure> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let meta = self.mission.meta()?;
        let about =
            About { slug: self.mission.slug(), mission_id: meta.and_then(|meta| meta.mission_id.as_deref()) };
        let log = &self.mission.settled_state()?.log;
        Ok(event::events(records, about, env.stamp, log).map_err(ApplyError::from)?)
    }

    /// The whole change as a diff; an append is shown as the lines it adds. The snapshot only follows.
    fn diff(&self, changes: Changes<'_>) -> String {
        let mut out = match (changes.tasks, self.mission.tasks()) {
            (Some(after), Ok(tasks)) => diff::unified(tasks.source().name(), tasks.text(), after),
            _ => String::new(),
        };
        if !changes.events.is_empty() {
            out.push_str(&format!("+++ b/{} (appended)\n", self.mission.name_of(LOG)));
            out.extend(changes.events.iter().map(|event| format!("+{}\n", event.line)));
        }
        out
    }

    /// What was met on the way and is no fault of this call.
    fn warnings(&self, env: &Env) -> Vec<String> {
        let Self { repo, mission, .. } = self;
        let elsewhere = repo.caller_is_elsewhere().then(|| {
            format!(
                "this is a linked worktree; missions are those of the main one, {}",
                repo.root().display()
            )
        });
        let unread = mission.unread().into_iter().map(|error| {
            format!(
                "not read, so tasks that only it lists are not known, and none is recorded for it: {error}"
            )
        });
        let name = mission.name_of(LOG);
        let log = mission.state_if_read().map(|state| &state.log);
        let torn = log.and_then(|log| log.torn_tail).map(|_| {
            format!(
                "the last line of {name} was torn by a crash; the next append sets it aside in {name}.torn"
            )
        });
        let unknown = log
            .and_then(|log| log.unknown.first())
            .map(|(line, what)| format!("{name}:{line}: passed over, its kind is not known here ({what})"));
        let unused = mission.unused_log().map(|other| format!("{other} is not read: the state is in {name}"));
        // Another process may well have written while this one waited for the lock.
        let ahead = log
            .and_then(|log| log.latest)
            .filter(|latest| latest.duration_since(env.stamp.now) > CLOCK_TOLERANCE);
        let ahead = ahead.map(|latest| {
            format!("the newest event of {name} is of {latest}, later than this machine's clock; new ones come right after it")
        });
        elsewhere.into_iter().chain(unread).chain(torn).chain(unknown).chain(unused).chain(ahead).collect()
    }

    /// The commits that the writes need: one a work tree.
    fn commits(&self, writes: &[Write]) -> Result<Vec<FilesOf<'_>>, Failure> {
        if self.branch.is_none() {
            return Ok(Vec::new());
        }
        let mut commits: Vec<FilesOf<'_>> = Vec::new();
        for repo in [Some(&self.repo), self.state_repo.as_ref()].into_iter().flatten() {
            let is_here = |write: &&Write| std::ptr::eq(self.repo_of(&write.path), repo);
            let mut files: Vec<_> =
                writes.iter().filter(is_here).map(|write| inside(repo, &write.path)).collect();
            // Some teams ignore the snapshot, because it is derived.
            files.retain(|file| {
                !file.ends_with("/status.json")
                    || commit::may_commit_files(repo, std::slice::from_ref(file)).is_ok()
            });
            if !files.is_empty() {
                commit::may_commit_files(repo, &files)?;
                commits.push((repo, files));
            }
        }
        Ok(commits)
    }

    fn repo_of(&self, path: &Path) -> &Repo {
        self.state_repo.as_ref().filter(|repo| path.starts_with(repo.root())).unwrap_or(&self.repo)
    }

    fn would_commit(&self, commits: &[FilesOf<'_>], subject: &str) -> CommitAccount {
        match &self.branch {
            Some(branch) if !commits.is_empty() => {
                CommitAccount::Planned { branch: branch.clone(), subject: subject.to_owned() }
            }
            _ => CommitAccount::Nothing,
        }
    }

    fn commit(&self, commits: &[FilesOf<'_>], subject: &str, warnings: &mut Vec<String>) -> CommitAccount {
        let mut account = CommitAccount::Nothing;
        if commits.is_empty() {
            warnings.extend(self.left_uncommitted());
        }
        for (repo, files) in commits {
            let made = match commit::commit_files(repo, files, subject) {
                Ok(Some(sha)) => {
                    let branch = self.branch.clone().unwrap_or_default();
                    CommitAccount::Created { sha, branch, subject: subject.to_owned() }
                }
                Ok(None) => CommitAccount::Unchanged,
                Err(error) => {
                    let remediation = commit::by_hand(repo.root(), files, subject);
                    CommitAccount::Failed { message: error.to_string(), remediation }
                }
            };
            // A failure is what must be told; otherwise the last one, which is that of the state.
            if !matches!(account, CommitAccount::Failed { .. }) {
                account = made;
            }
        }
        account
    }

    /// State that was written before and never committed, as after a hook that said no: this call has written nothing,
    /// so it commits nothing, but it must not sound as if all were well.
    fn left_uncommitted(&self) -> Vec<String> {
        let file = match self.mission.state_if_read() {
            Some(_) => LOG,
            None => "tasks.md",
        };
        let Ok(path) = self.mission.path_of(file) else { return Vec::new() };
        let repo = self.repo_of(&path);
        let file = inside(repo, &path);
        if !path.exists() || commit::is_committed(repo, &file) {
            return Vec::new();
        }
        let by_hand = commit::by_hand(repo.root(), std::slice::from_ref(&file), "chore: Record task status");
        vec![format!("{file} has changes that are not committed, made before this call: {by_hand}")]
    }
}

/// The file as git must be told of it: where it really is, relative to the work tree.
fn inside(repo: &Repo, path: &Path) -> String {
    path.strip_prefix(repo.root()).unwrap_or(path).to_string_lossy().into_owned()
}
