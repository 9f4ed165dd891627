//! Whether an index has files that git was told not to look at, told from its bytes. See gitformat-index(5).
//!
//! Asking git means reading every entry aloud; this takes a twentieth of that time, for an answer that is nearly always no.

/// Bit of the flags: assume-unchanged.
const ASSUME_VALID: u8 = 0x80;
/// Bit of the flags: extended ones follow.
const EXTENDED: u8 = 0x40;
/// Bit of the extended flags: skip-worktree.
const SKIP_WORKTREE: u8 = 0x40;

/// Whether any entry of an index with SHA-1 ids is assume-unchanged or skip-worktree. `None` for what only git can tell:
/// another version, an index that is split or sparse, one that is cut short.
pub(super) fn overlooks_any(index: &[u8]) -> Option<bool> {
    const HEADER: usize = 12;
    const CHECKSUM: usize = 20;
    let number = |at: usize| Some(u32::from_be_bytes(*index.get(at..at + 4)?.first_chunk()?));
    if index.get(..4)? != b"DIRC" {
        return None;
    }
    let version = number(4).filter(|version| (2..=4).contains(version))?;
    let mut at = HEADER;
    for _ in 0..number(8)? {
        let (told, next) = entry(index, at, version)?;
        if told {
            return Some(true);
        }
        at = next;
    }
    // Extensions that begin with a small letter change what the entries mean.
    while at + CHECKSUM < index.len() {
        if !index.get(at)?.is_ascii_uppercase() {
            return None;
        }
        at = at.checked_add(8)?.checked_add(usize::try_from(number(at + 4)?).ok()?)?;
    }
    (at + CHECKSUM == index.len()).then_some(false)
}

/// Whether git was told not to look at the entry at this place, and where the next one is.
fn entry(index: &[u8], start: usize, version: u32) -> Option<(bool, usize)> {
    /// Ten numbers of stat data, and the id.
    const BEFORE_FLAGS: usize = 40 + 20;
    let flags = *index.get(start + BEFORE_FLAGS)?;
    let mut at = start + BEFORE_FLAGS + 2;
    let mut told = flags & ASSUME_VALID != 0;
    if flags & EXTENDED != 0 {
        told |= *index.get(at)? & SKIP_WORKTREE != 0;
        at += 2;
    }
    if version == 4 {
        // How much of the last path is kept, in as many bytes as have their first bit set and one more.
        at += index.get(at..)?.iter().position(|byte| byte & 0x80 == 0)? + 1;
    }
    let end = at + index.get(at..)?.iter().position(|byte| *byte == 0)?;
    // Older versions fill up with 1 to 8 NULs.
    let next = if version == 4 { end + 1 } else { start + ((end - start) / 8 + 1) * 8 };
    Some((told, next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clearance_testkit::TestRepo;
    use rstest::rstest;

    fn index(repo: &TestRepo) -> Vec<u8> {
        std::fs::read(repo.root().join(".git/index")).unwrap()
    }

    fn of_version(version: &str) -> TestRepo {
        let repo = TestRepo::new();
        (0..20).for_each(|nth| drop(repo.write(&format!("{}/f", "x".repeat(nth + 1)), "a")));
        repo.git(&["add", "."]);
        repo.git(&["update-index", "--index-version", version]);
        repo
    }

    #[rstest]
    fn it_is_told_from_every_version(
        #[values("2", "3", "4")] version: &str,
        #[values("--assume-unchanged", "--skip-worktree")] how: &str,
    ) {
        let repo = of_version(version);
        assert_eq!(overlooks_any(&index(&repo)), Some(false));
        repo.git(&["update-index", how, "xxxxx/f"]);
        assert_eq!(overlooks_any(&index(&repo)), Some(true));
    }

    #[test]
    fn what_is_cut_or_split_is_left_to_git() {
        let repo = of_version("2");
        let whole = index(&repo);
        // A cut at the end of an extension looks like an end; git, which knows the checksum, has asked by then.
        let entries = whole.windows(4).position(|four| four == b"TREE").unwrap_or(whole.len() - 20);
        for length in 0..entries {
            assert_eq!(overlooks_any(&whole[..length]), None, "{length} of {} bytes", whole.len());
        }
        repo.git(&["update-index", "--split-index"]);
        assert_eq!(overlooks_any(&index(&repo)), None);
    }
}
