//! What a finding is known by from run to run: not by its line, which moves with every edit above it, and not by its words,
//! which a new version may choose better.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::Finding;

/// The fingerprints of findings, in their order: 32 hexadecimal digits each, and no two the same.
///
/// A fingerprint is made of the check, the code, the item and the file. Where the item is a line of the file, its text stands
/// for its number. Of findings that are the same in all of these, the second is told from the first by its order.
pub fn fingerprints<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> Vec<String> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    findings
        .into_iter()
        .map(|finding| {
            let known_by = hash(finding, 0);
            let nth = seen.entry(known_by.clone()).or_default();
            *nth += 1;
            if *nth == 1 { known_by } else { hash(finding, *nth) }
        })
        .collect()
}

fn hash(finding: &Finding, nth: usize) -> String {
    let Finding { check, code, item, location, excerpts, .. } = finding;
    let own_line = location.line.map(|line| format!(":{line}"));
    let of_line = own_line.and_then(|line| item.strip_suffix(&line));
    let text = excerpts.first().filter(|_| of_line.is_some()).map_or("", |excerpt| excerpt.text.trim());
    let mut hash = Sha256::new();
    for part in ["clearance.fingerprint/v1", check, code, of_line.unwrap_or(item), &location.name, text] {
        // Lengths in front, so that no two of them run together into the same bytes.
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.update((nth as u64).to_le_bytes());
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{CheckMeta, Guards, Needs};
    use crate::finding::{Excerpt, Fault, Location};
    use crate::severity::Severity;

    const META: CheckMeta = CheckMeta {
        id: "demo",
        summary: "",
        codes: &["a", "b"],
        stages: &[],
        needs: Needs::Repository,
        guards: Guards::Step,
        params: &[],
    };

    fn finding(code: &'static str, item: &str, line: Option<usize>, text: &str, message: &str) -> Finding {
        let excerpts = vec![Excerpt::new("f.md", line.unwrap_or(1), text, "here")];
        let location = Location { name: "f.md".to_owned(), line };
        let fault = Fault {
            code,
            severity: Severity::Note,
            item: item.to_owned(),
            message: message.to_owned(),
            location,
            excerpts,
            remediation: None,
        };
        Finding::build(&META, fault).unwrap()
    }

    #[test]
    fn neither_a_line_nor_words_are_in_it() {
        let one = fingerprints([&finding("a", "WP01", Some(3), "x", "before")]);
        let moved = fingerprints([&finding("a", "WP01", Some(30), "y", "after")]);
        assert_eq!(one, moved);
        let line = fingerprints([&finding("a", "f.md:3", Some(3), "todo", "m")]);
        let moved = fingerprints([&finding("a", "f.md:30", Some(30), " todo ", "m")]);
        assert_eq!(line, moved);
        assert_ne!(line, fingerprints([&finding("a", "f.md:3", Some(3), "other", "m")]));
    }

    #[test]
    fn no_two_are_the_same() {
        let same = finding("a", "WP01", None, "x", "m");
        let others = [finding("b", "WP01", None, "x", "m"), finding("a", "WP02", None, "x", "m")];
        let all = fingerprints([&same, &same, &same, &others[0], &others[1]]);
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!((all.len(), different.len()), (5, 5));
        assert!(all.iter().all(|one| one.len() == 32));
    }
}
