//! What is known by a name: every check, strategy, code and exit code, as the pages of `docs/` tell it.
//!
//! The pages are the one source: they are in the binary, and a test holds them against the registry and the codes of the
//! product. Rules of a team are told by their files, where they are read.

mod pages;

use clearance_engine::exit::ExitStatus;
use clearance_engine::registry::Registry;

use pages::{CHECKS, CODES, EXIT_CODES, Page, STRATEGIES};

/// Something that has a name, and what a page says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Topic {
    /// What it is.
    pub(crate) kind: Kind,
    /// As it is written in reports.
    pub(crate) id: String,
    /// The check that reports it, where it is a code of one.
    pub(crate) check: Option<&'static str>,
    /// In one sentence.
    pub(crate) title: String,
    /// Markdown; its links start at the root of the project.
    pub(crate) text: String,
    /// The page that it is from.
    pub(crate) docs: String,
}

/// What a topic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A built-in check.
    Check,
    /// A way to find tasks.
    Strategy,
    /// What a finding, an error, a refusal or a note is called.
    Code,
    /// How the process ends.
    ExitCode,
}

impl Kind {
    /// Every kind, in the order in which topics are told.
    pub(crate) const ALL: [Self; 4] = [Self::Check, Self::Strategy, Self::Code, Self::ExitCode];

    /// For people, in the plural.
    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Check => "checks",
            Self::Strategy => "strategies",
            Self::Code => "codes",
            Self::ExitCode => "exit codes",
        }
    }

    /// For people.
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Strategy => "strategy",
            Self::Code => "code",
            Self::ExitCode => "exit code",
        }
    }

    /// For machines.
    pub(crate) fn name(self) -> String {
        self.in_words().replace(' ', "_")
    }
}

/// Everything that has a name in this build: checks with their codes, strategies, other codes, exit codes.
pub(crate) fn topics(registry: &Registry) -> Vec<Topic> {
    let checks = CHECKS.iter().flat_map(|page| of_check_page(page, registry));
    let strategies = registry.strategies().iter().map(|entry| {
        let meta = entry.strategy.meta();
        Topic {
            kind: Kind::Strategy,
            title: meta.summary.to_owned(),
            text: STRATEGIES.section(entry.id).unwrap_or_default(),
            ..STRATEGIES.topic(entry.id)
        }
    });
    let codes = CODES.iter().flat_map(|page| page.headings().map(|code| page.topic(code)));
    let exit_codes = ExitStatus::TABLE.into_iter().map(|(status, meaning)| Topic {
        kind: Kind::ExitCode,
        id: status.code().to_string(),
        check: None,
        title: meaning.to_owned(),
        text: meaning.to_owned(),
        docs: EXIT_CODES.to_owned(),
    });
    checks.chain(strategies).chain(codes).chain(exit_codes).collect()
}

/// A check, where the page is of one in the registry, and its codes. The file of waivers has codes, and is no check.
fn of_check_page(page: &'static Page, registry: &Registry) -> Vec<Topic> {
    let check = page.name();
    let meta = registry.checks().iter().map(|entry| entry.check.meta()).find(|meta| meta.id == check);
    let own = meta.map(|meta| Topic {
        kind: Kind::Check,
        id: check.to_owned(),
        check: None,
        title: meta.summary.to_owned(),
        text: page.introduction(),
        docs: page.path.to_owned(),
    });
    let codes = page.headings().filter(|heading| *heading != pages::PARAMETERS);
    let codes = codes.map(|code| Topic { check: Some(check), ..page.topic(code) });
    own.into_iter().chain(codes).collect()
}

impl Page {
    /// A code that has a section on this page.
    fn topic(&self, code: &str) -> Topic {
        let text = self.section(code).unwrap_or_default();
        Topic {
            kind: Kind::Code,
            id: code.to_owned(),
            check: None,
            title: first_sentence(&text),
            text,
            // Headings lose their dots where they become addresses.
            docs: format!("{}#{}", self.path, code.replace('.', "")),
        }
    }
}

/// The first sentence of a text that says what is the matter, on one line. Before it may stand how bad it is and where it is
/// told.
fn first_sentence(text: &str) -> String {
    const PLACES: [&str; 12] = [
        "Blocker",
        "Warning",
        "Note",
        "Error",
        "Refusal",
        "Told",
        "Disagreement",
        "Found by",
        "Outcome",
        "Code of",
        "Why a rule",
        "Two things",
    ];
    let paragraph = text.split("\n\n").next().unwrap_or_default().replace('\n', " ");
    let places = |sentence: &str| PLACES.iter().any(|word| sentence.starts_with(word));
    let says_what = |sentence: &'_ str| match sentence.split_once(": ") {
        Some((place, what)) if places(place) => Some(what.to_owned()),
        _ if places(sentence) => None,
        _ => Some(sentence.to_owned()),
    };
    let mut sentences = paragraph.split(". ").map(|sentence| sentence.trim_end_matches(['.', ':']));
    let first = sentences.clone().next().unwrap_or_default();
    sentences.find_map(says_what).unwrap_or_else(|| first.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("One thing. Another.", "One thing")]
    #[case("Blocker. A merge was\nbegun. More.", "A merge was begun")]
    #[case("Warning; a blocker with `--push`. It is gone.", "It is gone")]
    #[case("Outcome of a thing: it went well. More.", "it went well")]
    #[case("Blocker, one for each path.", "Blocker, one for each path")]
    #[case("Only this:\n\n```sh\n. x\n```", "Only this")]
    #[case("", "")]
    fn a_title_is_a_sentence(#[case] text: &str, #[case] title: &str) {
        assert_eq!(first_sentence(text), title);
    }

    #[test]
    fn every_topic_has_words() {
        for topic in topics(&crate::registry().unwrap()) {
            assert!(!topic.text.trim().is_empty() && !topic.title.trim().is_empty(), "{topic:?}");
        }
    }
}
