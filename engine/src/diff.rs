//! Unified diffs of planned changes.

use similar::TextDiff;

/// The change from `before` to `after` as `git diff` would show it, three lines of context; empty when equal.
#[must_use]
pub fn unified(name: &str, before: &str, after: &str) -> String {
    if before == after {
        return String::new();
    }
    TextDiff::from_lines(before, after)
        .unified_diff()
        .context_radius(3)
        .header(&format!("a/{name}"), &format!("b/{name}"))
        .to_string()
}
