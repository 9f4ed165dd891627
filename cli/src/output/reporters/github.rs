//! Annotations of GitHub Actions: workflow commands, which its runner reads from what a step prints.
//!
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>. GitHub shows ten of each kind a step;
//! the step summary (`markdown`) has all of them.

use super::escape::{workflow_data, workflow_property};
use super::telling::{Entry, Kind, Telling};

pub(super) fn render(telling: &Telling<'_>) -> String {
    // What was there already would hide what is new: ten are shown.
    telling.entries.iter().filter(|entry| entry.known_at.is_none()).map(annotation).collect()
}

fn annotation(entry: &Entry<'_>) -> String {
    let command = match entry.kind {
        _ if entry.waived.is_some() => "notice",
        Kind::Blocker | Kind::Unanswered => "error",
        Kind::Warning => "warning",
        Kind::Note => "notice",
    };
    let mut properties = Vec::new();
    if let Some(file) = entry.file {
        properties.push(format!("file={}", workflow_property(file)));
        properties.extend(entry.line.map(|line| format!("line={line}")));
    }
    properties.push(format!("title={}", workflow_property(entry.code)));
    let help = entry.excepted().or_else(|| entry.help.map(|help| format!("to get past it: {help}")));
    let help = help.map(|help| format!("\n{help}")).unwrap_or_default();
    let text = workflow_data(&format!("{} [{}]{help}", entry.message, entry.check));
    format!("::{command} {}::{text}\n", properties.join(","))
}
