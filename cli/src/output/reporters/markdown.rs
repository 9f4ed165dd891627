//! Markdown: for a comment, a wiki, and the step summary of GitHub Actions.

use super::escape::{markdown, markdown_code};
use super::telling::{Entry, Telling, concluded};

/// Entries that are shown: nobody reads a page with more of them, and GitHub takes no more than 1 MiB.
const MOST: usize = 500;

pub(super) fn render(telling: &Telling<'_>) -> String {
    let mut out =
        format!("## {}: {}\n\n{}\n", markdown(telling.subject()), telling.verdict, telling.counts());
    if !telling.entries.is_empty() {
        out.push_str("\n| | What | Where | To get past it |\n|---|---|---|---|\n");
        out.extend(telling.entries.iter().take(MOST).map(row));
    }
    if telling.entries.len() > MOST {
        out.push_str(&format!("\n… and {} more.\n", telling.entries.len() - MOST));
    }
    if !telling.checks.is_empty() {
        out.push_str("\n<details><summary>Checks</summary>\n\n| Check | Concluded | ms |\n|---|---|---:|\n");
        for check in telling.checks {
            let concluded = markdown(&concluded(check));
            let millis = check.took.as_secs_f64() * 1000.0;
            out.push_str(&format!("| {} | {concluded} | {millis:.1} |\n", markdown(check.id)));
        }
        out.push_str("\n</details>\n");
    }
    out
}

fn row(entry: &Entry<'_>) -> String {
    let place = entry.place_in_words().map(|place| markdown_code(&place)).unwrap_or_default();
    let help = match entry.excepted() {
        Some(excepted) => markdown(&excepted),
        None => entry.help.map(markdown_code).unwrap_or_default(),
    };
    let what = format!("{}<br>{}", markdown(entry.message), markdown_code(entry.code));
    format!("| {} | {what} | {place} | {help} |\n", entry.kind_in_words())
}
