//! Rules that teams write: YAML files in `rules.d/`, each a check like any other.

pub mod document;
pub mod expression;
pub mod process;
pub mod template;
pub mod types;
pub mod written;
pub mod yaml;

/// The name that was probably meant.
pub(crate) fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    const LIKE: f64 = 0.75;
    let close = known.into_iter().map(|known| (strsim::jaro_winkler(name, known), known));
    close.filter(|(like, _)| *like > LIKE).max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, known)| known)
}
