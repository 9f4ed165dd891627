//! What git answered about what is gated, kept for the next who asks: many rules ask the same.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::lines::Content;
use super::{GatedError, MOST};

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

/// How much git says of a file, as far as that is known before it is asked, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    /// No less than this.
    pub(super) least: u64,
    /// About no more than this.
    pub(super) most: u64,
}

impl<K: Clone + Eq + Hash> Contents<K> {
    /// Gives `each` the content of every file, unless they have too much together. Those that are not known are read once for
    /// each key, some at once; one reads at a time, so that who comes next finds what the first one read. A file of which
    /// nothing is read is passed over.
    pub(super) fn each<F: Copy>(
        &self,
        what: &str,
        files: &[F],
        key: impl Fn(&F) -> &K,
        sizes: impl Fn(&[F]) -> Result<Vec<Size>, GatedError>,
        read: impl Fn(&[F]) -> Result<Vec<(K, Content)>, GatedError>,
        mut each: impl FnMut(F, Content) -> Result<(), GatedError>,
    ) -> Result<(), GatedError> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut once = HashSet::new();
        let mut unknown: Vec<&F> = Vec::new();
        for file in files {
            if !known.of.contains_key(key(file)) && once.insert(key(file)) {
                unknown.push(file);
            }
        }
        let asked: Vec<F> = unknown.iter().map(|file| **file).collect();
        let sizes = if asked.is_empty() { Vec::new() } else { sizes(&asked)? };
        let sized: HashMap<&K, Size> =
            unknown.iter().map(|file| key(file)).zip(sizes.iter().copied()).collect();
        let told = |file: &F| match known.of.get(key(file)) {
            Some(content) => content.told(),
            None => sized.get(key(file)).map_or(0, |size| size.least),
        };
        at_most(what, files.iter().map(told).sum())?;

        let mut new: HashMap<K, Content> = HashMap::new();
        let mut told = 0;
        for chunk in chunks(&sizes) {
            for (key, content) in read(&asked[chunk])? {
                told += content.told();
                new.insert(key, content);
            }
            at_most(what, told)?;
        }
        for file in files {
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
        Ok(())
    }
}

/// Says so where there is more than is looked at together.
pub(super) fn at_most(what: &str, size: u64) -> Result<(), GatedError> {
    if size > MOST {
        return Err(GatedError::TooLarge { what: what.to_owned(), size, limit: MOST });
    }
    Ok(())
}

/// Files that git is asked about at once: so many, of so many bytes. One that is larger is asked about alone.
const AT_ONCE: usize = 200;
const BYTES_AT_ONCE: u64 = 32 << 20;

fn chunks(sizes: &[Size]) -> Vec<Range<usize>> {
    let mut chunks: Vec<Range<usize>> = Vec::new();
    let mut bytes = 0;
    for (nth, size) in sizes.iter().enumerate() {
        bytes += size.most;
        match chunks.last_mut() {
            Some(last) if last.len() < AT_ONCE && bytes <= BYTES_AT_ONCE => last.end = nth + 1,
            _ => {
                bytes = size.most;
                chunks.push(nth..nth + 1);
            }
        }
    }
    chunks
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nothing(&[], &[])]
    #[case::small(&[1, 2, 3], &[3])]
    #[case::just_fits(&[16 << 20, 16 << 20, 1], &[2, 1])]
    #[case::large_ones(&[1, 40 << 20, 40 << 20, 1], &[1, 1, 1, 1])]
    #[case::many(&[0; 450], &[200, 200, 50])]
    fn what_is_asked_at_once_is_bounded(#[case] sizes: &[u64], #[case] lengths: &[usize]) {
        let sizes: Vec<Size> = sizes.iter().map(|most| Size { least: 0, most: *most }).collect();
        let chunks = chunks(&sizes);
        assert_eq!(chunks.iter().map(Range::len).collect::<Vec<_>>(), lengths);
        assert_eq!(chunks.into_iter().flatten().collect::<Vec<_>>(), (0..sizes.len()).collect::<Vec<_>>());
    }
}
