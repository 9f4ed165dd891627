//! The pages of `docs/` that explain, as they are in the binary.

/// A page of Markdown.
#[derive(Debug)]
pub(super) struct Page {
    /// Below the root of the project, with `/`.
    pub(super) path: &'static str,
    text: &'static str,
}

macro_rules! pages {
    ($($path:literal),+ $(,)?) => {
        [$(Page { path: $path, text: include_str!(concat!("../../../", $path)) }),+]
    };
}

/// A page for each check, and for the file of waivers: what it looks at, and a section for each of its codes.
pub(super) const CHECKS: &[Page] = &pages![
    "docs/checks/clean-worktrees.md",
    "docs/checks/conflict-forecast.md",
    "docs/checks/git-state.md",
    "docs/checks/lane-branches.md",
    "docs/checks/mission-branch.md",
    "docs/checks/mission-manifests.md",
    "docs/checks/review-consistency.md",
    "docs/checks/rules-changed.md",
    "docs/checks/status-log.md",
    "docs/checks/target-sync.md",
    "docs/checks/waivers.md",
    "docs/checks/work-packages.md",
];

/// A section for each code that no check reports.
pub(super) const CODES: &[Page] = &pages![
    "docs/codes/program.md",
    "docs/codes/repository.md",
    "docs/codes/missions.md",
    "docs/codes/files.md",
    "docs/codes/tasks.md",
    "docs/codes/lanes.md",
    "docs/codes/landing.md",
    "docs/codes/rules.md",
    "docs/codes/hooks.md",
    "docs/codes/sync.md",
    "docs/codes/environments.md",
];

/// A section for each strategy.
pub(super) const STRATEGIES: &Page = &pages!["docs/strategies.md"][0];

/// Where exit codes are told.
pub(super) const EXIT_CODES: &str = "docs/exit-codes.md";

/// The section of a check's page that is of no code.
pub(super) const PARAMETERS: &str = "Parameters";

impl Page {
    /// The name of the file, without its ending.
    pub(super) fn name(&self) -> &'static str {
        let file = self.path.rsplit('/').next().unwrap_or(self.path);
        file.strip_suffix(".md").unwrap_or(file)
    }

    /// The sections, by their headings.
    pub(super) fn headings(&self) -> impl Iterator<Item = &'static str> {
        self.sections().map(|(heading, _)| heading)
    }

    /// What stands before the first section, without the title of the page.
    pub(super) fn introduction(&self) -> String {
        let introduction = self.text.split("\n## ").next().unwrap_or_default();
        let body = introduction.split_once('\n').map_or("", |(_, body)| body);
        self.rooted(body.trim())
    }

    /// What stands below a heading.
    pub(super) fn section(&self, heading: &str) -> Option<String> {
        let (_, body) = self.sections().find(|(found, _)| *found == heading)?;
        Some(self.rooted(body.trim()))
    }

    fn sections(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.text.split("\n## ").skip(1).map(|section| section.split_once('\n').unwrap_or((section, "")))
    }

    /// The text with its links as they are read from the root of the project: a terminal stands beside no page.
    fn rooted(&self, text: &str) -> String {
        let mut parts = text.split("](");
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            out.push_str("](");
            let (target, rest) = part.split_at(part.find(')').unwrap_or(0));
            out.push_str(&self.resolved(target));
            out.push_str(rest);
        }
        out
    }

    fn resolved(&self, target: &str) -> String {
        if target.is_empty() || target.contains("://") {
            return target.to_owned();
        }
        if target.starts_with('#') {
            return format!("{}{target}", self.path);
        }
        let mut steps: Vec<&str> = self.path.split('/').collect();
        steps.pop();
        for step in target.split('/') {
            match step {
                ".." => drop(steps.pop()),
                "." => {}
                step => steps.push(step),
            }
        }
        steps.join("/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("see [a](../landing.md#x).", "see [a](docs/landing.md#x).")]
    #[case("[a](other.md) and [b](#here)", "[a](docs/checks/other.md) and [b](docs/checks/p.md#here)")]
    #[case(
        "[a](https://example.invalid/b) [c](../../rules.d/README.md)",
        "[a](https://example.invalid/b) [c](rules.d/README.md)"
    )]
    #[case("no link ](", "no link ](")]
    fn links_start_at_the_root(#[case] text: &'static str, #[case] expected: &str) {
        let page = Page { path: "docs/checks/p.md", text };
        assert_eq!(page.rooted(text), expected);
    }
}
