//! What git answered about what is gated, kept for the next who asks: many rules ask the same.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use super::GatedError;
use super::lines::Content;

/// Most bytes of one kind that are kept. What has more is asked for anew.
const KEPT: usize = 64 << 20;

/// A list, once git told it. Who asks meanwhile waits for that; what failed is asked again.
#[derive(Debug)]
pub(super) struct KeptList<T>(Mutex<Option<Arc<[T]>>>);

impl<T> Default for KeptList<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> KeptList<T> {
    /// The list; `ask` gives git's answer, which `read` reads.
    pub(super) fn get<E>(
        &self,
        ask: impl FnOnce() -> Result<Vec<u8>, E>,
        read: impl FnOnce(&[u8]) -> Vec<T>,
    ) -> Result<Arc<[T]>, E> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*known {
            return Ok(Arc::clone(known));
        }
        let answer = ask()?;
        let list: Arc<[T]> = read(&answer).into();
        if answer.len() <= KEPT {
            *known = Some(Arc::clone(&list));
        }
        Ok(list)
    }
}

/// What was read of files, by what tells them apart.
#[derive(Debug)]
pub(super) struct Contents<K>(Mutex<Known<K>>);

#[derive(Debug)]
struct Known<K> {
    of: HashMap<K, Content>,
    bytes: usize,
}

impl<K> Default for Contents<K> {
    fn default() -> Self {
        Self(Mutex::new(Known { of: HashMap::new(), bytes: 0 }))
    }
}

impl<K: Clone + Eq + Hash> Contents<K> {
    /// Gives `each` the content of every file. Those that are not known are read, some at once; one reads at a time, so that
    /// who comes next finds what the first one read. A file of which nothing is read is passed over.
    pub(super) fn each<F: Copy>(
        &self,
        files: &[F],
        key: impl Fn(&F) -> &K,
        read: impl Fn(&[F]) -> Result<Vec<(K, Content)>, GatedError>,
        mut each: impl FnMut(F, Content) -> Result<(), GatedError>,
    ) -> Result<(), GatedError> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in files.chunks(AT_ONCE) {
            let unknown: Vec<F> =
                chunk.iter().copied().filter(|file| !known.of.contains_key(key(file))).collect();
            let new: HashMap<K, Content> =
                if unknown.is_empty() { HashMap::new() } else { read(&unknown)?.into_iter().collect() };
            for file in chunk {
                let content = known.of.get(key(file)).or_else(|| new.get(key(file)));
                let Some(content) = content else { continue };
                each(*file, content.clone())?;
            }
            for (key, content) in new {
                let bytes = content.bytes();
                if known.bytes + bytes <= KEPT {
                    known.bytes += bytes;
                    known.of.insert(key, content);
                }
            }
        }
        Ok(())
    }
}

/// Files that git is asked about at once.
const AT_ONCE: usize = 200;
