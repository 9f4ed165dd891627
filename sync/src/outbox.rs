//! The outbox: events that are to be delivered, on disk until a server has them.
//!
//! One a repository: a file in its common git directory, so that every work tree has the same one, and logging out or in
//! changes nothing. A line is an event; lines are appended durably. What is settled is noted durably in a file beside, and taken
//! away in the end, by a new file in the place of the old one.
//! Every change is made under a lock, which is not held while a server is waited for.

mod content;
mod line;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clearance_engine::lock::{FileLock, LockError};
use clearance_engine::shared::share_as_parent;
use clearance_engine::source::read_bytes;
use serde::{Deserialize, Serialize};

use content::{Content, Settled};
pub use line::{Destination, Queued};

use crate::durable;

/// Where sync keeps its files, below the common git directory.
pub const PLACE: &str = "clearance/sync";
/// Largest outbox, in bytes.
pub const LARGEST: u64 = 256 << 20;
/// How long another process is waited for that writes the outbox. It takes milliseconds.
const WAIT: Duration = Duration::from_secs(2);

/// The outbox of a repository.
#[derive(Debug, Clone)]
pub struct Outbox {
    directory: PathBuf,
}

/// What became of events that were to be queued.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Added {
    /// How many are queued now that were not before.
    pub added: usize,
    /// How many were there already.
    pub known: usize,
    /// How many found no room.
    pub refused: usize,
}

/// What is known beside the events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// The last number given to an event.
    #[serde(default)]
    pub last: u64,
    /// A name for this clone that says nothing of machine or user.
    #[serde(default)]
    pub node: String,
    /// How many events found no room, ever.
    #[serde(default)]
    pub refused: u64,
    /// When a server took events last.
    #[serde(default)]
    pub delivered_at: Option<String>,
    /// Which server that was.
    #[serde(default)]
    pub delivered_to: Option<String>,
    /// How many events were delivered, ever.
    #[serde(default)]
    pub delivered: u64,
}

/// Why the outbox cannot be used. What is in it stays.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum OutboxError {
    /// Another process writes it.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Locked(#[from] LockError),
    /// The system refused.
    #[error("{}: {source}", path.display())]
    #[diagnostic(code(outbox_failed), help("the git directory must be writable, and its disk not full"))]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

impl Outbox {
    /// That of a repository.
    #[must_use]
    pub fn of(common_dir: &Path) -> Self {
        Self { directory: common_dir.join(PLACE) }
    }

    /// The file with the events.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.directory.join("outbox.jsonl")
    }

    /// The lock of those who deliver.
    #[must_use]
    pub fn delivery_lock(&self) -> PathBuf {
        self.directory.join("delivery.lock")
    }

    /// Queues events that are not queued yet, in their order. `node` names the clone if it has no name yet.
    ///
    /// # Errors
    /// [`OutboxError`]: none is queued.
    pub fn add(
        &self,
        events: Vec<Event>,
        to: &Destination,
        (capacity, now, node): (usize, &str, &str),
    ) -> Result<Added, OutboxError> {
        let _lock = self.lock()?;
        let Content { queued, whole, .. } = self.mended()?;
        let mut known: HashSet<String> = queued.iter().map(|queued| queued.id.clone()).collect();
        let mut ledger = self.ledger()?;
        if ledger.node.is_empty() {
            node.clone_into(&mut ledger.node);
        }
        ledger.last = ledger.last.max(queued.last().map_or(0, |queued| queued.number));
        let (mut added, mut lines) = (Added::default(), String::new());
        for mut event in events {
            if !known.insert(event.id.clone()) {
                added.known += 1;
            } else if queued.len() + added.added >= capacity || whole + lines.len() as u64 > LARGEST {
                known.remove(&event.id);
                added.refused += 1;
            } else {
                ledger.last += 1;
                event.stamp(ledger.last, &ledger.node);
                let queued = Queued {
                    number: ledger.last,
                    id: event.id,
                    to: to.clone(),
                    queued_at: now.to_owned(),
                    refused: None,
                    event: event.envelope,
                };
                lines.push_str(&queued.line());
                added.added += 1;
            }
        }
        ledger.refused += added.refused as u64;
        // First: a number that is skipped does no harm, one that is given twice might.
        if added.added + added.refused > 0 {
            self.write_ledger(&ledger)?;
        }
        self.append(&lines, whole)?;
        Ok(added)
    }

    /// The events, oldest first.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub fn read(&self) -> Result<Vec<Queued>, OutboxError> {
        Ok(self.content()?.queued)
    }

    /// Takes events away that a server has, and notes of others why it refused them. `to` is who has them.
    ///
    /// # Errors
    /// [`OutboxError`]: nothing is taken away, and they are delivered once more.
    pub fn settle(
        &self,
        delivered: &[String],
        refused: &[(String, String)],
        (to, now): (&Destination, &str),
    ) -> Result<(), OutboxError> {
        if delivered.is_empty() && refused.is_empty() {
            return Ok(());
        }
        let _lock = self.lock()?;
        let settled = Settled {
            delivered: delivered.to_vec(),
            refused: refused.to_vec(),
            server: to.server.clone(),
            at: now.to_owned(),
        };
        // An append, and not the whole file anew: a long queue goes in many requests.
        let path = self.settled_file();
        let write = || -> io::Result<()> {
            let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
            let mut line = serde_json::to_vec(&settled)?;
            // Behind a line that was cut off, one begins all the same.
            line.splice(0..0, [b'\n']);
            line.push(b'\n');
            file.write_all(&line)?;
            file.sync_data()
        };
        write().map_err(|source| failed(&path, source))?;
        share_as_parent(&path);
        Ok(())
    }

    /// Takes what is settled out of the file.
    ///
    /// # Errors
    /// [`OutboxError`]: it is taken out the next time.
    pub fn compact(&self) -> Result<(), OutboxError> {
        if self.settled_file().metadata().is_ok_and(|metadata| metadata.len() > 0) {
            let _lock = self.lock()?;
            self.mended()?;
        }
        Ok(())
    }

    fn settled_file(&self) -> PathBuf {
        self.directory.join("settled.jsonl")
    }

    /// What was settled since the file was written, in that order.
    fn settled(&self) -> Result<Vec<Settled>, OutboxError> {
        let path = self.settled_file();
        let bytes = read(&path, LARGEST)?.unwrap_or_default();
        // A line that was cut off was not acknowledged: what it is about is sent once more.
        let lines = bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
        Ok(lines.collect())
    }

    /// What is known beside the events.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub fn ledger(&self) -> Result<Ledger, OutboxError> {
        let path = self.directory.join("ledger.json");
        let bytes = read(&path, 1 << 16)?;
        // It only counts: what a crash of the disk left of it is not worth stopping for.
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
    }

    fn write_ledger(&self, ledger: &Ledger) -> Result<(), OutboxError> {
        let path = self.directory.join("ledger.json");
        let text = serde_json::to_vec_pretty(ledger).map_err(|error| failed(&path, error.into()))?;
        Self::replace(&path, &text)
    }

    fn lock(&self) -> Result<FileLock, OutboxError> {
        Ok(FileLock::acquire(&self.directory.join("outbox.lock"), WAIT)?)
    }

    /// What the file has. An append that was cut off was never acknowledged.
    fn content(&self) -> Result<Content, OutboxError> {
        // Before the file: another process may take it out of that at any moment, and then forgets it here.
        let settled = self.settled()?;
        let path = self.file();
        let bytes = read(&path, 2 * LARGEST)?.unwrap_or_default();
        let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let mut content = Content { whole: end as u64, ..Content::default() };
        for line in bytes[..end].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match serde_json::from_slice(line) {
                Ok(queued) => content.queued.push(queued),
                Err(_) => content.unreadable.push(line.to_vec()),
            }
        }
        if !settled.is_empty() {
            content.apply(&settled);
        }
        Ok(content)
    }

    /// The same under the lock. Lines that are none of ours go to a file of their own: they must not stop what comes behind
    /// them, and are not thrown away.
    fn mended(&self) -> Result<Content, OutboxError> {
        let mut content = self.content()?;
        if content.unreadable.is_empty() && !content.is_settled {
            return Ok(content);
        }
        let path = self.unreadable_file();
        let set_aside = || -> io::Result<()> {
            let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
            for line in &content.unreadable {
                file.write_all(&[line.as_slice(), b"\n"].concat())?;
            }
            file.sync_all()
        };
        if !content.unreadable.is_empty() {
            set_aside().map_err(|source| failed(&path, source))?;
        }
        let lines: String = content.queued.iter().map(Queued::line).collect();
        Self::replace(&self.file(), lines.as_bytes())?;
        if content.is_settled {
            if let Some((server, at)) = content.last_delivery.take() {
                let mut ledger = self.ledger()?;
                ledger.delivered += content.delivered;
                (ledger.delivered_to, ledger.delivered_at) = (Some(server), Some(at));
                self.write_ledger(&ledger)?;
            }
            // Last: what is in it is not in the file any more, and names nothing that comes later.
            Self::replace(&self.settled_file(), b"")?;
        }
        content.whole = lines.len() as u64;
        Ok(content)
    }

    /// Where lines are that nobody could read.
    #[must_use]
    pub fn unreadable_file(&self) -> PathBuf {
        self.directory.join("unreadable.jsonl")
    }

    /// How many lines there are that nobody can read, there and in the outbox.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub fn unreadable(&self) -> Result<usize, OutboxError> {
        let path = self.unreadable_file();
        let aside =
            read(&path, 2 * LARGEST)?.map_or(0, |bytes| bytes.iter().filter(|byte| **byte == b'\n').count());
        Ok(aside + self.content()?.unreadable.len())
    }

    /// Appends lines behind the last whole one, durably.
    fn append(&self, lines: &str, whole: u64) -> Result<(), OutboxError> {
        if lines.is_empty() {
            return Ok(());
        }
        let path = self.file();
        let is_new = !path.exists();
        let write = || -> io::Result<()> {
            let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(&path)?;
            file.set_len(whole)?;
            io::Seek::seek(&mut file, io::SeekFrom::End(0))?;
            file.write_all(lines.as_bytes())?;
            file.sync_data()?;
            if is_new { File::open(&self.directory)?.sync_all() } else { Ok(()) }
        };
        write().map_err(|source| failed(&path, source))?;
        share_as_parent(&path);
        Ok(())
    }

    /// Puts a file into the place of another, whole and durably, for whoever may write the repository.
    fn replace(path: &Path, bytes: &[u8]) -> Result<(), OutboxError> {
        durable::replace(path, bytes).map_err(|source| failed(path, source))?;
        share_as_parent(path);
        Ok(())
    }
}

fn failed(path: &Path, source: io::Error) -> OutboxError {
    OutboxError::Io { path: path.to_owned(), source }
}

fn read(path: &Path, most: u64) -> Result<Option<Vec<u8>>, OutboxError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    read_bytes(&name, path, most).map_err(|error| failed(path, io::Error::other(error.to_string())))
}

/// An event that is to be queued.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its ULID.
    pub id: String,
    /// What is sent of it.
    pub envelope: serde_json::Map<String, serde_json::Value>,
}

impl Event {
    /// Gives it the number that it has in this clone, which servers order by.
    fn stamp(&mut self, number: u64, node: &str) {
        self.envelope.insert("lamport_clock".to_owned(), number.into());
        self.envelope.insert("node_id".to_owned(), node.into());
    }
}
