//! Who a rule is: id, title, severity, stages.

use std::ops::Range;

use clearance_engine::check::Stage;
use clearance_engine::registry::is_kebab_case;
use clearance_engine::severity::Severity;
use clearance_engine::source::Source;

use super::STAGES;
use crate::team::intern::intern;
use crate::team::written::{SCHEMA, WrittenRule, WrittenSeverity, WrittenStage};
use crate::team::yaml::{At, RuleError};

/// Longest id and title, in bytes.
const LONGEST_ID: usize = 64;
const LONGEST_TITLE: usize = 120;

/// Who a rule is.
pub(super) struct Head {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) severity: Option<Severity>,
    pub(super) stages: &'static [Stage],
    id_span: Range<usize>,
}

impl Head {
    pub(super) fn of(source: &Source, written: &WrittenRule) -> Result<Self, RuleError> {
        let id = id(source, written)?;
        let missing = |what: &str| missing(source, &written.id.span, what);
        let title = written.title.as_ref().ok_or_else(|| missing("title"))?;
        if title.value.trim().is_empty() || title.value.len() > LONGEST_TITLE {
            let message = format!("a title has 1 to {LONGEST_TITLE} letters");
            return Err(RuleError::new(source, title.span.clone(), message, None));
        }
        let severity = written.severity.as_ref().ok_or_else(|| missing("severity"))?;
        let stages = written.stages.as_ref().ok_or_else(|| missing("stages"))?;
        Ok(Self {
            id,
            title: intern(&title.value),
            severity: severity_of(severity.value),
            stages: stages_of(source, &written.id.span, stages)?,
            id_span: written.id.span.clone(),
        })
    }

    /// An error for a key that is not there.
    pub(super) fn missing(&self, source: &Source, what: &str) -> RuleError {
        missing(source, &self.id_span, what)
    }
}

/// The id of a rule, checked.
pub(in crate::team) fn id(source: &Source, written: &WrittenRule) -> Result<&'static str, RuleError> {
    if written.schema.value != SCHEMA {
        let message = format!("the schema `{}` is not known here", written.schema.value);
        let help = Some(format!("write `schema: {SCHEMA}`"));
        return Err(RuleError::new(source, written.schema.span.clone(), message, help));
    }
    let At { value: id, span } = &written.id;
    let begins = id.starts_with(|c: char| c.is_ascii_lowercase());
    if !begins || id.len() < 3 || id.len() > LONGEST_ID || !is_kebab_case(id) {
        let message = format!("`{id}` is no id");
        let help =
            Some(format!("3 to {LONGEST_ID} lower-case letters and digits, joined by `-`: wp-has-owner"));
        return Err(RuleError::new(source, span.clone(), message, help));
    }
    if RESERVED.contains(&id.as_str()) {
        let help = Some("take another id".to_owned());
        return Err(RuleError::new(
            source,
            span.clone(),
            format!("`{id}` means something else in reports"),
            help,
        ));
    }
    Ok(intern(id))
}

/// Words that reports have for something else.
pub const RESERVED: [&str; 3] = ["rules", "waivers", "trust-lock"];

/// How bad it is; `None` for off.
pub(in crate::team) fn severity_of(written: WrittenSeverity) -> Option<Severity> {
    match written {
        WrittenSeverity::Error => Some(Severity::Blocker),
        WrittenSeverity::Warning => Some(Severity::Warning),
        WrittenSeverity::Info => Some(Severity::Note),
        WrittenSeverity::Off => None,
    }
}

fn missing(source: &Source, at: &Range<usize>, what: &str) -> RuleError {
    let help = match what {
        "title" => "title: what holds when it passes, in one line",
        "severity" => "severity: error, warning, info or off",
        "stages" => "stages: [merge], also commit and mark-status",
        "message" => "message: what is wrong, such as \"{{ wp.id }} has no owner\"",
        _ => "check: with `assert:`, `scan:`, `exec:`, `http:` or `drift:`",
    };
    RuleError::new(source, at.clone(), format!("the rule has no `{what}`"), Some(format!("add `{help}`")))
}

fn stages_of(
    source: &Source,
    at: &Range<usize>,
    written: &[At<WrittenStage>],
) -> Result<&'static [Stage], RuleError> {
    let mut stages: Vec<Stage> = written
        .iter()
        .map(|stage| match stage.value {
            // A dry run asks what the merge will ask.
            WrittenStage::DryRun | WrittenStage::Merge => Stage::Merge,
            WrittenStage::MarkStatus => Stage::MarkStatus,
            WrittenStage::Commit => Stage::Commit,
        })
        .collect();
    let place = |stage: &Stage| match stage {
        Stage::MarkStatus => 0,
        Stage::Commit => 1,
        Stage::Merge => 2,
    };
    stages.sort_by_key(place);
    stages.dedup();
    STAGES.into_iter().find(|known| *known == stages.as_slice()).ok_or_else(|| {
        let help = Some("`stages: [merge]`; or `severity: off`, if it is to rest".to_owned());
        RuleError::new(source, at.clone(), "a rule that gates no stage never runs", help)
    })
}
