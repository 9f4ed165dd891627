//! Merges, trees and commits that no branch has yet: made in an object directory of their own over the repository's, where
//! they leave no trace. What is to stay is taken over.

mod files;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use git2::{ObjectType, Repository, RepositoryInitOptions};
use tempfile::TempDir;

use super::conflict::{Conflict, Merged, hunks};
use super::gated::Gated;
use super::merge_tree::{Answer, MergeTree, once};
use super::{Git, GitError, Repo};
use crate::scratch_dir::{self, Purpose};

/// Where objects are made. What is made here is gone with the directory, and the repository stays as it is.
pub struct ObjectStore {
    /// `None` where the directory is somebody else's to remove.
    directory: Option<TempDir>,
    pub(super) git: Git,
    /// The commit whose attributes count.
    attributes: String,
    merges: Merges,
    /// The same directory, for work that is done in process. `None` where libgit2 does not know the kind of object id.
    in_process: Option<Repository>,
    /// Whether contents may be elsewhere, to be fetched when they are needed.
    partial: bool,
}

/// Paths in conflict whose lines are looked at. Nobody reads more, and each costs three files.
const LOOKED_INTO: usize = 100;

/// A path that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// `A` added, `D` deleted, `M` changed, `T` of another type.
    pub letter: char,
    /// The path, whatever bytes it is made of.
    pub path: PathBuf,
    /// Whether it is a submodule now: nothing is written there but a directory.
    pub submodule: bool,
}

enum Merges {
    NotAskedYet,
    Running(Box<MergeTree>),
    /// A process for each: this git does not answer as it goes.
    OneByOne,
}

impl Repo {
    /// A throw-away object directory for merges as they are on the commit `attributes`, wherever this runs: the
    /// attributes of paths are read there.
    ///
    /// # Errors
    /// The system's.
    pub fn throw_away(&self, attributes: &str) -> io::Result<ObjectStore> {
        let directory = scratch_dir::make(&tempfile::env::temp_dir(), Purpose::Objects)?;
        let mut store = self.store_in(directory.path(), attributes)?;
        store.directory = Some(directory);
        Ok(store)
    }

    /// The same in a directory of one's own, for merges that are going to be recorded: [`ObjectStore::keep`].
    ///
    /// # Errors
    /// The system's.
    pub fn store_in(&self, directory: &Path, attributes: &str) -> io::Result<ObjectStore> {
        let mut options = RepositoryInitOptions::new();
        options.bare(true).external_template(false);
        let in_process = Repository::init_opts(directory, &options).ok().filter(|_| is_sha1(attributes));
        let objects = directory.join("objects");
        std::fs::create_dir_all(&objects)?;
        let shared = self.common_dir().join("objects");
        let git = Git::new(self.root()).with_objects(&objects, &shared);
        if let Some(objects) = in_process.as_ref().and_then(|in_process| in_process.odb().ok()) {
            // What cannot be read by this way is asked of git.
            let _ = objects.add_disk_alternate(&shared.to_string_lossy());
        }
        let partial = self.view().config("extensions.partialClone").is_ok_and(|remote| remote.is_some());
        let (attributes, merges) = (attributes.to_owned(), Merges::NotAskedYet);
        Ok(ObjectStore { directory: None, git, attributes, merges, in_process, partial })
    }
}

/// Whether an id is of the kind that libgit2 knows.
fn is_sha1(id: &str) -> bool {
    const DIGITS: usize = 40;
    id.len() == DIGITS
}

impl ObjectStore {
    /// What a merge made in a throw-away directory, over what is there: the commit `base`. Nothing more is merged in it.
    #[must_use]
    pub fn gated(self, base: &str, tree: &str) -> Option<Gated> {
        Some(Gated::new(base.to_owned(), tree.to_owned(), self.git, self.directory?))
    }

    /// Merges two commits as `git merge` would. With a base of one's own choice, applies what led from `base` to
    /// `theirs` onto `ours`.
    ///
    /// # Errors
    /// What git says.
    pub fn merge(&mut self, base: Option<&str>, ours: &str, theirs: &str) -> Result<Merged, GitError> {
        let answer = self.ask(base, ours, theirs)?;
        let conflicts = if answer.clean { Vec::new() } else { self.conflicts(&answer)? };
        Ok(Merged { tree: answer.tree, conflicts })
    }

    fn ask(&mut self, base: Option<&str>, ours: &str, theirs: &str) -> Result<Answer, GitError> {
        if matches!(self.merges, Merges::NotAskedYet) {
            let started = MergeTree::start(&self.git, &self.attributes)?;
            self.merges = started.map_or(Merges::OneByOne, |merges| Merges::Running(Box::new(merges)));
        }
        let Merges::Running(merges) = &mut self.merges else {
            return once(&self.git, &self.attributes, base, ours, theirs);
        };
        let answer = merges.merge(base, ours, theirs);
        if answer.is_err() {
            // It is gone; the next question starts anew.
            self.merges = Merges::NotAskedYet;
        }
        answer
    }

    fn conflicts(&self, answer: &Answer) -> Result<Vec<Conflict>, GitError> {
        // Some conflicts are of no single file: a directory that was split, say.
        let paths: BTreeSet<&String> = answer.paths.keys().chain(answer.messages.keys()).collect();
        let seen: BTreeSet<&String> = paths.iter().copied().take(LOOKED_INTO).collect();
        let blobs = |path: &String| {
            let [_, ours, theirs] = answer.paths.get(path)?;
            Some([format!("{}:{path}", answer.tree), ours.clone()?, theirs.clone()?])
        };
        let both: Vec<_> = seen.iter().filter_map(|path| Some((*path, blobs(path)?))).collect();
        let texts = self.texts(&both.iter().flat_map(|(_, three)| three.clone()).collect::<Vec<_>>())?;
        let hunks_of = |path: &String| {
            let nth = both.iter().position(|(other, _)| *other == path)?;
            match &texts[3 * nth..3 * nth + 3] {
                [Some(merged), Some(ours), Some(theirs)] => Some(hunks(merged, ours, theirs)),
                _ => None,
            }
        };
        let conflict = |path: &String| Conflict {
            path: path.clone(),
            message: answer.messages.get(path).cloned().unwrap_or_else(|| format!("CONFLICT in {path}")),
            hunks: hunks_of(path).unwrap_or_default(),
        };
        let mut conflicts: Vec<_> = paths.iter().map(|path| conflict(path)).collect();
        if conflicts.is_empty() {
            let message = "git says that it conflicts, and not where".to_owned();
            conflicts.push(Conflict { path: ".".to_owned(), message, hunks: Vec::new() });
        }
        Ok(conflicts)
    }

    /// The content of objects that are text and not too large to be looked at.
    fn texts(&self, objects: &[String]) -> Result<Vec<Option<String>>, GitError> {
        const MOST: usize = 4 << 20;
        // A name is a line.
        let names: Vec<_> = objects.iter().map(|name| if name.contains('\n') { "" } else { name }).collect();
        let text = |content: Result<Vec<u8>, String>| {
            let content = content.ok().filter(|content| content.len() <= MOST)?;
            String::from_utf8(content).ok()
        };
        Ok(self.git.contents(&names)?.into_iter().map(text).collect())
    }

    /// The tree that an expression names.
    ///
    /// # Errors
    /// What git says.
    pub fn tree_of(&self, name: &str) -> Result<String, GitError> {
        let known = self.in_process.as_ref().and_then(|objects| objects.revparse_single(name).ok());
        if let Some(tree) = known.and_then(|object| object.peel(ObjectType::Tree).ok()) {
            return Ok(tree.id().to_string());
        }
        self.git.run(&["rev-parse", "--verify", &format!("{name}^{{tree}}")])
    }

    /// The git command that sees these objects, and makes new ones among them.
    #[must_use]
    pub fn git(&self) -> &Git {
        &self.git
    }

    /// Puts into the repository what leads from commits that it has to new ones, and nothing else; durably, which git sees to
    /// with packs only by itself.
    ///
    /// # Errors
    /// What git says.
    pub fn keep(&self, repo: &Repo, new: &[&str], known: &[&str]) -> Result<(), GitError> {
        const DURABLE: [&str; 4] = ["-c", "core.fsync=loose-object,pack", "-c", "core.fsyncMethod=batch"];
        let new = new.iter().map(|commit| format!("{commit}\n"));
        let known = known.iter().map(|commit| format!("^{commit}\n"));
        let wanted: String = new.chain(known).collect();
        let pack = self.git.run_with_input(&["pack-objects", "--revs", "--stdout", "-q"], wanted)?;
        let unpack = [&DURABLE[..], &["unpack-objects", "-q"]].concat();
        Git::new(repo.root()).run_with_input(&unpack, pack).map(drop)
    }

    /// The id of what git wrote of an input.
    pub(super) fn written(&self, arguments: &[&str], input: &[u8]) -> Result<String, GitError> {
        let id = self.git.run_with_input(arguments, input)?;
        Ok(String::from_utf8_lossy(&id).trim_end().to_owned())
    }

    /// A commit of a tree, to merge on with. The same commit has the same id, whenever and by whom it is made.
    ///
    /// # Errors
    /// What git says.
    pub fn nameless_commit(&self, tree: &str, parents: &[&str]) -> Result<String, GitError> {
        // The first day of 2100: git looks for what two commits have in common from the newest to the oldest, and takes a
        // detour through the whole history where a child is older than its parents.
        const WHO: &str = "clearance <clearance@invalid> 4102444800 +0000";
        let parents: String = parents.iter().map(|parent| format!("parent {parent}\n")).collect();
        let commit = format!("tree {tree}\n{parents}author {WHO}\ncommitter {WHO}\n\nforecast\n");
        if let Some(in_process) = &self.in_process {
            let written =
                in_process.odb().and_then(|objects| objects.write(ObjectType::Commit, commit.as_bytes()));
            return written.map(|id| id.to_string()).map_err(|error| GitError::Failed {
                command: "commit-tree".to_owned(),
                message: error.message().to_owned(),
            });
        }
        self.written(&["hash-object", "-w", "-t", "commit", "--stdin"], commit.as_bytes())
    }

    /// The paths that differ between two trees or commits.
    ///
    /// # Errors
    /// What git says; and that a file cannot be written which the second one has, because its content is not here.
    /// (A partial clone fetches it then.)
    pub fn changes(&self, from: &str, to: &str) -> Result<Vec<Change>, GitError> {
        const SUBMODULE: &str = "160000";
        let (mut changes, mut blobs) = (Vec::new(), Vec::new());
        for change in self.git.tree_changes(from, to)? {
            // The first digits of a mode are the type. See git-diff-tree(1).
            let letter = match (&change.old, &change.new) {
                (None, _) => 'A',
                (_, None) => 'D',
                (Some(old), Some(new)) if old.mode[..2] != new.mode[..2] => 'T',
                _ => 'M',
            };
            let submodule = change.new.as_ref().is_some_and(|new| new.mode == SUBMODULE);
            blobs.extend(change.new.filter(|_| !submodule).map(|new| (new.blob, changes.len())));
            changes.push(Change { letter, path: change.path, submodule });
        }
        if !self.partial {
            self.are_here(&blobs, &changes)?;
        }
        Ok(changes)
    }

    /// Merging takes the blobs of one side by their ids; only who writes the files would find one missing.
    fn are_here(&self, blobs: &[(String, usize)], changes: &[Change]) -> Result<(), GitError> {
        if blobs.is_empty() {
            return Ok(());
        }
        let names: String = blobs.iter().map(|(blob, _)| format!("{blob}\n")).collect();
        let out =
            self.git.run_with_input(&["cat-file", "--batch-check=%(objecttype)", "--buffer"], &names)?;
        let out = String::from_utf8_lossy(&out);
        let missing = blobs.iter().zip(out.lines()).find(|(_, said)| *said != "blob");
        match missing {
            None => Ok(()),
            Some(((blob, nth), _)) => {
                let path = changes[*nth].path.display();
                let message = super::explained(format!("missing blob {blob}: the content of {path}"));
                Err(GitError::Failed { command: "cat-file".to_owned(), message })
            }
        }
    }

    /// The commits of `tip` that `base` does not have, oldest first, each with its parent. As in `git rebase`, merges
    /// are left out, and so is what `base` has by another commit of the same change.
    ///
    /// # Errors
    /// What git says.
    pub fn commits(&self, base: &str, tip: &str) -> Result<Vec<(String, String)>, GitError> {
        let range = format!("{base}...{tip}");
        let replayed = ["--reverse", "--no-merges", "--topo-order", "--right-only", "--cherry-pick"];
        let form = ["rev-list", "--no-commit-header", "--format=%H %P"];
        let out = self.git.run(&[&form, &replayed[..], &[&range, "--"]].concat())?;
        let with_parent = |line: &str| match line.split_once(' ') {
            Some((commit, parent)) if !parent.is_empty() => Ok((commit.to_owned(), parent.to_owned())),
            // A first commit changes nothing into all that it has.
            _ => Ok((line.trim().to_owned(), self.nothing()?)),
        };
        out.lines().map(with_parent).collect()
    }

    /// A commit without a file.
    fn nothing(&self) -> Result<String, GitError> {
        self.nameless_commit(&self.written(&["hash-object", "-w", "-t", "tree", "--stdin"], b"")?, &[])
    }
}
