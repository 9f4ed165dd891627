//! Which work package a heading opens, and which lines belong to it.

use std::ops::Range;

use super::Line;
use crate::id::{IdKind, TaskId, WpId, tokens};

/// The sections of a document, in order, covering every line.
#[derive(Debug, Default)]
pub(super) struct Sections {
    sections: Vec<Section>,
    end: usize,
}

#[derive(Debug)]
struct Section {
    first_line: usize,
    /// The work packages in force here: those of the heading, else those of the heading it stands under.
    work_packages: Vec<TaskId>,
    /// Whether the heading itself names them.
    opens: bool,
}

impl Sections {
    pub(super) fn new(text: &str, lines: &[Line], headings: &[(u8, Range<usize>)]) -> Self {
        let mut sections = Vec::with_capacity(headings.len());
        let mut open: Vec<(u8, Vec<TaskId>)> = Vec::new();
        for (level, range) in headings {
            open.retain(|(outer, _)| outer < level);
            let named = heading_work_packages(&text[range.clone()]);
            let opens = !named.is_empty();
            let work_packages = if opens {
                named
            } else {
                open.last().map(|(_, inherited)| inherited.clone()).unwrap_or_default()
            };
            open.push((*level, work_packages.clone()));
            let first_line = lines.partition_point(|line| line.start <= range.start).saturating_sub(1);
            sections.push(Section { first_line, work_packages, opens });
        }
        Self { sections, end: lines.len() }
    }

    pub(super) fn work_packages_of(&self, line: usize) -> &[TaskId] {
        let after = self.sections.partition_point(|section| section.first_line <= line);
        self.sections[..after].last().map_or(&[], |section| &section.work_packages)
    }

    pub(super) fn lines_of(&self, work_package: &TaskId) -> Option<Range<usize>> {
        let own = |section: &Section| section.work_packages == std::slice::from_ref(work_package);
        let first = self.sections.iter().position(|section| section.opens && own(section))?;
        let rest = &self.sections[first + 1..];
        let next = rest.iter().find(|section| !own(section) || section.opens);
        Some(self.sections[first].first_line + 1..next.map_or(self.end, |section| section.first_line))
    }

    pub(super) fn owners(&self) -> impl Iterator<Item = &TaskId> {
        self.sections.iter().filter(|section| section.opens).flat_map(|section| &section.work_packages)
    }
}

/// The work packages that a heading is about: `WP02 — title`, `Work Package 2: title`, `Phase 4 / WP04`,
/// `WP01–WP02 (Foundation)`. `Depends on WP01` is about none.
#[must_use]
pub fn heading_work_packages(heading: &str) -> Vec<TaskId> {
    let mut found: Vec<TaskId> = Vec::new();
    let mut behind = 0;
    for token in tokens(heading, 0, heading.len()).filter(|token| token.kind == IdKind::WorkPackage) {
        let between = heading[behind..token.start].trim_end_matches(['*', '_', '`', '[', '(', ' ']);
        // The first one named is what the heading is about; more only as a list or range with it.
        let joined =
            found.is_empty() || between.chars().all(|c| " ,&+/-–—.".contains(c)) || between.trim() == "and";
        if !joined || names_relation(between) {
            break;
        }
        found.push(token.id(heading));
        behind = token.end;
    }
    if found.is_empty() {
        found.extend(
            spelled_out(&heading.to_ascii_lowercase())
                .and_then(|number| TaskId::parse(WpId::of_number(number).as_str()).ok()),
        );
    }
    found.dedup();
    found
}

/// Whether the last word before a work package makes it a relation of the heading rather than its subject.
#[must_use]
pub fn names_relation(before: &str) -> bool {
    const RELATIONS: [&str; 11] = [
        "on",
        "by",
        "after",
        "before",
        "needs",
        "requires",
        "from",
        "depends:",
        "dependencies:",
        "dependency:",
        "dependencies",
    ];
    let last = before.split_whitespace().next_back().unwrap_or_default().trim_matches(['*', '_']);
    RELATIONS.contains(&last.to_ascii_lowercase().as_str())
}

/// The number in `## Work Package 2 — title`.
fn spelled_out(lower: &str) -> Option<u32> {
    let start = lower.trim_start_matches(['#', ' ', '\t', '*']);
    let rest = start.strip_prefix("work package")?.trim_start();
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    (digits <= 4).then(|| rest[..digits].parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("## WP01 — Title", &["WP01"])]
    #[case("### Work Package WP02: Title", &["WP02"])]
    #[case("## Work Package 01 — Title", &["WP01"])]
    #[case("## Work Package 3: Title", &["WP03"])]
    #[case("## Phase 4 / WP04", &["WP04"])]
    #[case("### WP01–WP02 (Foundation)", &["WP01", "WP02"])]
    #[case("### Dependencies: WP01", &[])]
    #[case("### WP03 (depends on WP01)", &["WP03"])]
    #[case("## WP02 — Core (builds on WP01)", &["WP02"])]
    #[case("## Independent work: WP02", &["WP02"])]
    #[case("## Cleanup after release (WP02)", &["WP02"])]
    #[case("## Requires review: WP03", &["WP03"])]
    #[case("## Depends on WP01", &[])]
    #[case("## WP01, WP02 and WP03", &["WP01", "WP02", "WP03"])]
    #[case("## WP01 hands over to WP02", &["WP01"])]
    #[case("## Work Package Index", &[])]
    #[case("## Notes", &[])]
    fn headings_name_their_work_package(#[case] heading: &str, #[case] expected: &[&str]) {
        let found: Vec<_> = heading_work_packages(heading).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }
}
