//! What every report tells: the verdict, each finding, each question without an answer, each check with its time.

use std::path::{Component, Path};

use clearance_engine::board::Board;
use clearance_engine::check::Stage;
use clearance_engine::finding::{Excerpt, Finding, Waived, fingerprints};
use clearance_engine::item::Unanswered;
use clearance_engine::report::preflight::Preflight;
use clearance_engine::run::CheckResult;
use clearance_engine::severity::{Severity, Verdict};
use clearance_engine::source::on_one_line;

/// A preflight, or why there is none, for reports.
pub(crate) struct Telling<'a> {
    /// `cleared`, `blocked`, `undecided`, `nothing evaluated`, `failed`
    pub(crate) verdict: &'static str,
    /// How the process ends.
    pub(crate) exit_code: u8,
    /// The step that is gated.
    pub(crate) stage: Option<Stage>,
    /// The mission, where there is one.
    pub(crate) mission: Option<&'a str>,
    /// What was found and what could not be told, blockers first.
    pub(crate) entries: Vec<Entry<'a>>,
    /// Every check.
    pub(crate) checks: &'a [CheckResult],
    /// The board of the mission, where a report shows it.
    pub(crate) board: Option<&'a Board>,
    /// Whether findings are compared with those of a commit.
    pub(crate) compares: bool,
}

/// One thing that is told.
pub(crate) struct Entry<'a> {
    /// Who says it: a check, a rule; `clearance` itself where it could not ask.
    pub(crate) check: &'a str,
    /// What it is, stable.
    pub(crate) code: &'a str,
    /// How bad it is.
    pub(crate) kind: Kind,
    /// What it is about.
    pub(crate) item: &'a str,
    /// What is wrong.
    pub(crate) message: &'a str,
    /// What to do.
    pub(crate) help: Option<&'a str>,
    /// The file of the repository that it points at, with `/`.
    pub(crate) file: Option<&'a str>,
    /// 1-based line of it.
    pub(crate) line: Option<usize>,
    /// What it points at otherwise: a branch, a work tree.
    pub(crate) place: Option<&'a str>,
    /// Why it does not count.
    pub(crate) waived: Option<&'a Waived>,
    /// The commit at which it was there already: it does not count either.
    pub(crate) known_at: Option<&'a str>,
    /// The lines.
    pub(crate) excerpts: &'a [Excerpt],
    /// What it is known by from run to run.
    pub(crate) fingerprint: String,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A finding that blocks.
    Blocker,
    /// A question without an answer: it blocks as well.
    Unanswered,
    /// A finding that is worth a look.
    Warning,
    /// A finding that is worth knowing.
    Note,
}

impl Kind {
    /// The worst first.
    pub(crate) const ALL: [Self; 4] = [Self::Blocker, Self::Unanswered, Self::Warning, Self::Note];

    /// As reports for people name it.
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Self::Blocker => "blocker",
            Self::Unanswered => "undecided",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

impl<'a> Telling<'a> {
    /// Of a preflight that ran. Which places are files is asked of the repository at `root`.
    pub(crate) fn of(report: &'a Preflight, exit_code: u8, root: &Path) -> Self {
        let findings = report.findings();
        let known_by = fingerprints(findings.iter().map(|(_, finding)| *finding));
        let found = findings.iter().zip(known_by);
        let mut entries: Vec<_> =
            found.map(|((_, finding), known_by)| entry(finding, known_by, root)).collect();
        // What could not be told blocks, and stands behind what blocks.
        let first = entries.iter().position(|entry| entry.kind != Kind::Blocker).unwrap_or(entries.len());
        let unanswered = report.results.iter().flat_map(|result| {
            result.unanswered.iter().enumerate().map(move |(nth, why)| open(result, why, nth))
        });
        entries.splice(first..first, unanswered.collect::<Vec<_>>());
        let (stage, mission) = (Some(report.stage), report.mission.as_deref());
        Self {
            verdict: in_words(report.verdict()),
            exit_code,
            stage,
            mission,
            entries,
            checks: &report.results,
            board: None,
            compares: report.baseline.is_some(),
        }
    }

    /// The same, with the board.
    pub(crate) fn with(self, board: Option<&'a Board>) -> Self {
        Self { board, ..self }
    }

    /// Of a run that gave no answer.
    pub(crate) fn failed(exit_code: u8, code: &'a str, message: &'a str, help: Option<&'a str>) -> Self {
        let fingerprint = format!("clearance/{code}");
        let failure = Entry { code, message, help, fingerprint, ..Entry::of_nothing("clearance") };
        Self {
            verdict: "failed",
            exit_code,
            stage: None,
            mission: None,
            entries: vec![failure],
            checks: &[],
            board: None,
            compares: false,
        }
    }

    /// How many entries of a kind count.
    pub(crate) fn count(&self, kind: Kind) -> usize {
        self.entries.iter().filter(|entry| entry.kind == kind && entry.counts()).count()
    }

    /// How many entries there are of each kind that has any: `2 × blocker, 1 × note`.
    pub(crate) fn counts(&self) -> String {
        let some = |kind: Kind| match self.count(kind) {
            0 => None,
            count => Some(format!("{count} × {}", kind.in_words())),
        };
        let told: Vec<_> = Kind::ALL.into_iter().filter_map(some).collect();
        if told.is_empty() { "nothing was found".to_owned() } else { told.join(", ") }
    }

    /// What it is about, in words.
    pub(crate) fn subject(&self) -> &str {
        self.mission.unwrap_or("this repository")
    }
}

/// What a check concluded, or why it concluded nothing.
pub(super) fn concluded(check: &CheckResult) -> String {
    match (check.verdict(), check.waits_for, &check.skipped) {
        (Some(verdict), _, _) => in_words(Some(verdict)).to_owned(),
        (None, Some(other), _) => format!("waits for {other}"),
        (None, None, Some(why)) => format!("skipped: {why}"),
        (None, None, None) => "does not apply".to_owned(),
    }
}

/// A verdict in a word or two.
fn in_words(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        None => "nothing evaluated",
        Some(Verdict::Cleared) => "cleared",
        Some(Verdict::Blocked) => "blocked",
        Some(Verdict::Undecided) => "undecided",
    }
}

impl<'a> Entry<'a> {
    /// Of a question of a check that has no answer.
    fn of_nothing(check: &'a str) -> Self {
        Self {
            check,
            code: "",
            kind: Kind::Unanswered,
            item: check,
            message: "",
            help: None,
            file: None,
            line: None,
            place: None,
            waived: None,
            known_at: None,
            excerpts: &[],
            fingerprint: String::new(),
        }
    }

    /// Where it is: a file with its line, a branch.
    pub(crate) fn place_in_words(&self) -> Option<String> {
        let place = on_one_line(self.file.or(self.place)?);
        Some(match self.line {
            Some(line) => format!("{place}:{line}"),
            None => place,
        })
    }

    /// Whether it counts.
    pub(crate) fn counts(&self) -> bool {
        self.waived.is_none() && self.known_at.is_none()
    }

    /// Why it does not count, in words.
    pub(crate) fn excepted(&self) -> Option<String> {
        if let Some(commit) = self.known_at {
            return Some(format!("it was there at {commit} already, and does not count"));
        }
        let waived = self.waived?;
        let by = waived.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        Some(format!("waived until {}{by}: {}", waived.expires, waived.reason))
    }

    /// What it is, or that it does not count.
    pub(crate) fn kind_in_words(&self) -> &'static str {
        match (self.known_at, self.waived) {
            (Some(_), _) => "known",
            (None, Some(_)) => "waived",
            (None, None) => self.kind.in_words(),
        }
    }
}

fn entry<'a>(finding: &'a Finding, fingerprint: String, root: &Path) -> Entry<'a> {
    let location = finding.location();
    let is_file = location.line.is_some() || is_file(root, &location.name);
    Entry {
        check: finding.check(),
        code: finding.code(),
        kind: match finding.severity() {
            Severity::Blocker => Kind::Blocker,
            Severity::Warning => Kind::Warning,
            Severity::Note => Kind::Note,
        },
        item: finding.item(),
        message: finding.message(),
        help: finding.remediation(),
        file: Some(location.name.as_str()).filter(|_| is_file),
        line: location.line,
        place: Some(location.name.as_str()).filter(|_| !is_file),
        waived: finding.waived(),
        known_at: finding.known_at(),
        excerpts: finding.excerpts(),
        fingerprint,
    }
}

fn open<'a>(result: &'a CheckResult, why: &'a Unanswered, nth: usize) -> Entry<'a> {
    let (check, code, message) = (result.id, why.code, why.message.as_str());
    let mut items = result.items.iter();
    let item = items.find(|item| item.message.as_deref() == Some(message)).map_or(check, |item| &item.key);
    let (help, excerpts) = (why.help.as_deref(), why.excerpts.as_slice());
    let fingerprint = format!("{check}/{code}/{nth}");
    Entry { code, item, message, help, excerpts, fingerprint, ..Entry::of_nothing(check) }
}

/// Whether a name is that of a file in the repository: a place may also be a branch.
fn is_file(root: &Path, name: &str) -> bool {
    let path = Path::new(name);
    let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
    inside && root.join(path).symlink_metadata().is_ok_and(|facts| !facts.is_dir())
}
