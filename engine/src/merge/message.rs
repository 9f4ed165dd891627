//! The messages of the commits that a merge makes.

use super::bookkeeping::{Done, Recorded};
use super::course::What;
use super::scope::{MergeScope, Strategy};
use crate::source::harmless;

/// What a message tells besides the merge itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) scope: &'a MergeScope,
    /// The mission.
    pub(super) slug: &'a str,
    /// Who wrote what is squashed, as `Name <address>`, besides who merges.
    pub(super) authors: &'a [String],
}

/// The message of a commit that is not made again.
pub(super) fn of(what: What<'_>, told: Told<'_>) -> String {
    let Told { scope, slug, .. } = told;
    match what {
        // In git's own words, by which other tools know a merge.
        What::Lane { branch, into } => format!("Merge branch '{branch}' into {into}\n"),
        What::Mission { recorded, tip } => {
            // After a squash nothing else leads there.
            let tip = Some(tip).filter(|_| scope.options.strategy == Strategy::Squash);
            format!("{}\n\n{}", scope.subject(slug), trailers(told, recorded, tip))
        }
        What::Record(recorded) => {
            format!(
                "Record the merge of mission {slug} into {}\n\n{}",
                scope.target,
                trailers(told, recorded, None)
            )
        }
        What::State(recorded) => {
            let done: Vec<_> = recorded.done.iter().map(|done| done.work_package.as_str()).collect();
            format!("Record {} of mission {slug} as merged into {}\n", done.join(", "), scope.target)
        }
        What::Replayed(_) => String::new(),
    }
}

/// As git-interpret-trailers(1) reads them.
fn trailers(told: Told<'_>, recorded: &Recorded, tip: Option<&str>) -> String {
    let Told { scope, slug, authors } = told;
    let mut trailers = vec![("Mission", slug.to_owned())];
    trailers.extend(recorded.number.map(|number| ("Mission-number", number.to_string())));
    trailers.extend(tip.map(|tip| ("Mission-tip", tip.to_owned())));
    for Done { work_package, unapproved, .. } in &recorded.done {
        trailers.push(("Work-package", work_package.clone()));
        let allowed = scope.options.allowed.iter();
        let allowed =
            allowed.filter(|allowed| unapproved.is_some() && allowed.work_package.as_str() == work_package);
        trailers.extend(allowed.map(|allowed| {
            let reason = allowed.reason.split_whitespace().collect::<Vec<_>>().join(" ");
            ("Allowed-unapproved", harmless(&format!("{work_package} by {}: {reason}", allowed.by)))
        }));
    }
    trailers.extend(authors.iter().map(|author| ("Co-authored-by", author.clone())));
    trailers.iter().map(|(key, value)| format!("{key}: {value}\n")).collect()
}
