//! A finding: one fault that a check found, with its place and the way out of it.

mod excerpt;
mod fingerprint;

pub use excerpt::{Excerpt, Mark};
pub use fingerprint::fingerprints;
use serde::Serialize;

use crate::check::CheckMeta;
use crate::severity::Severity;

/// Where a finding points.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Location {
    /// A file inside the repository, or a branch name.
    pub name: String,
    /// 1-based line, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
}

/// One fault. Made by [`Finding::build`] only, which refuses impossible ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    check: &'static str,
    code: &'static str,
    severity: Severity,
    item: String,
    message: String,
    location: Location,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    excerpts: Vec<Excerpt>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remediation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waived: Option<Waived>,
    /// The commit at which it was there already.
    #[serde(skip_serializing_if = "Option::is_none")]
    known_at: Option<String>,
}

/// Why a finding does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waived {
    /// Why.
    pub reason: String,
    /// The last day on which it does not count, `2026-12-15`.
    pub expires: String,
    /// Who said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// A finding that must not exist: a mistake in the check that reports it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FindingError {
    /// The check does not declare this code.
    #[error("check `{check}` reports the code `{code}`, which it does not declare")]
    UndeclaredCode {
        /// The check.
        check: &'static str,
        /// The code.
        code: &'static str,
    },
    /// A blocker without a way out.
    #[error("check `{check}` blocks with `{code}` but does not say what to do")]
    BlockerWithoutRemediation {
        /// The check.
        check: &'static str,
        /// The code.
        code: &'static str,
    },
}

/// What a check knows of a fault.
#[derive(Debug, Clone)]
pub struct Fault {
    /// One of the check's declared codes.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What it is about: a work package, a file, a branch.
    pub item: String,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Where.
    pub location: Location,
    /// What is there, where it helps to see it.
    pub excerpts: Vec<Excerpt>,
    /// The command or the step that ends it.
    pub remediation: Option<String>,
}

impl Fault {
    /// The same, with what is there.
    #[must_use]
    pub fn showing(self, excerpts: impl IntoIterator<Item = Excerpt>) -> Self {
        Self { excerpts: excerpts.into_iter().collect(), ..self }
    }
}

impl Finding {
    /// Makes a finding of a fault.
    ///
    /// # Errors
    /// [`FindingError`]: an undeclared code, or a blocker without remediation.
    pub fn build(check: &CheckMeta, fault: Fault) -> Result<Self, FindingError> {
        let Fault { code, severity, item, message, location, excerpts, remediation } = fault;
        if !check.codes.contains(&code) {
            return Err(FindingError::UndeclaredCode { check: check.id, code });
        }
        if severity == Severity::Blocker && remediation.as_deref().is_none_or(|text| text.trim().is_empty()) {
            return Err(FindingError::BlockerWithoutRemediation { check: check.id, code });
        }
        let (check, waived, known_at) = (check.id, None, None);
        Ok(Self { check, code, severity, item, message, location, excerpts, remediation, waived, known_at })
    }

    /// The fault's code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// How bad it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// The same with another severity; a blocker only where it says what to do.
    #[must_use]
    pub(crate) fn of_severity(self, severity: Severity) -> Self {
        let severity = match (severity, &self.remediation) {
            (Severity::Blocker, None) => Severity::Warning,
            (other, _) => other,
        };
        Self { severity, ..self }
    }

    /// The same, excepted.
    #[must_use]
    pub(crate) fn waived_by(self, waived: Waived) -> Self {
        Self { waived: Some(waived), ..self }
    }

    /// Why it does not count, where it does not.
    #[must_use]
    pub fn waived(&self) -> Option<&Waived> {
        self.waived.as_ref()
    }

    /// The same, which was there already at a commit.
    #[must_use]
    pub fn known(self, commit: &str) -> Self {
        Self { known_at: Some(commit.to_owned()), ..self }
    }

    /// The commit at which it was there already, where somebody compared.
    #[must_use]
    pub fn known_at(&self) -> Option<&str> {
        self.known_at.as_deref()
    }

    /// Whether it counts: nobody excepted it, and it is new where only what is new is asked for.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.waived.is_none() && self.known_at.is_none()
    }

    /// Whether the step must not be taken as long as this stands.
    #[must_use]
    pub fn blocks(&self) -> bool {
        self.severity == Severity::Blocker && self.counts()
    }

    /// Where it is.
    #[must_use]
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// What is wrong, in a sentence.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The check that found it.
    #[must_use]
    pub fn check(&self) -> &'static str {
        self.check
    }

    /// What it is about.
    #[must_use]
    pub fn item(&self) -> &str {
        &self.item
    }

    /// What is there, where it helps to see it.
    #[must_use]
    pub fn excerpts(&self) -> &[Excerpt] {
        &self.excerpts
    }

    /// What ends it.
    #[must_use]
    pub fn remediation(&self) -> Option<&str> {
        self.remediation.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Guards, Needs};

    const META: CheckMeta = CheckMeta {
        id: "demo",
        summary: "",
        codes: &["known"],
        stages: &[],
        needs: Needs::Repository,
        guards: Guards::Step,
        params: &[],
    };

    fn fault(code: &'static str, severity: Severity, remediation: Option<&str>) -> Fault {
        let location = Location { name: "meta.json".to_owned(), line: None };
        let remediation = remediation.map(str::to_owned);
        let (item, message, excerpts) = (String::new(), String::new(), Vec::new());
        Fault { code, severity, item, message, location, excerpts, remediation }
    }

    #[test]
    fn impossible_findings_are_refused() {
        let undeclared = Finding::build(&META, fault("other", Severity::Note, None));
        assert_eq!(undeclared, Err(FindingError::UndeclaredCode { check: "demo", code: "other" }));
        for remediation in [None, Some(" ")] {
            let stuck = Finding::build(&META, fault("known", Severity::Blocker, remediation));
            assert_eq!(stuck, Err(FindingError::BlockerWithoutRemediation { check: "demo", code: "known" }));
        }
        assert!(Finding::build(&META, fault("known", Severity::Blocker, Some("git branch x"))).is_ok());
    }
}
