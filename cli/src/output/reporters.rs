//! Reports that tell of findings, for machines and pages: one file each. All of them tell the same: [`Telling`].

pub(crate) mod telling;

mod escape;
mod github;
mod gitlab;
mod html;
mod jsonl;
mod junit;
mod markdown;
mod sarif;

use telling::Telling;

use crate::args::report::Format;

/// Text in which a runner of GitHub Actions obeys nothing: the word that ends that cannot be guessed.
pub(crate) fn not_obeyed(text: &str, word: u128) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!("::stop-commands::{word:032x}\n{text}::{word:032x}::\n")
    }
}

/// What is added to the summary of a step.
pub(crate) fn summary(telling: &Telling<'_>) -> String {
    markdown::render(telling)
}

/// A report; `None` of a format that is made elsewhere.
pub(crate) fn render(format: Format, telling: &Telling<'_>) -> Option<String> {
    match format {
        Format::Jsonl => Some(jsonl::render(telling)),
        Format::Sarif => Some(sarif::render(telling)),
        Format::Junit => Some(junit::render(telling)),
        Format::Github => Some(github::render(telling)),
        Format::Gitlab => Some(gitlab::render(telling)),
        Format::Markdown => Some(markdown::render(telling)),
        Format::Html => Some(html::render(telling)),
        Format::Json | Format::Form(_) => None,
    }
}
