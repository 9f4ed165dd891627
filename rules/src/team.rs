//! Rules that teams write: YAML files in `rules.d/`, each a check like any other.

pub mod baseline;
pub mod check;
pub mod document;
pub mod evaluate;
pub mod expression;
pub mod files;
pub mod gate;
pub mod inline_tests;
pub mod intern;
pub mod kinds;
pub mod lint;
pub mod live_world;
pub mod load;
pub mod needs;
pub mod resolver;
pub mod rule;
pub mod schema;
pub mod template;
pub mod trace;
pub mod trust;
pub mod tune;
pub mod types;
pub mod waivers;
pub mod world;
pub mod written;
pub mod yaml;

mod data;
mod place;
mod quotes;
mod search;
mod work_tree;

/// The name that was probably meant.
pub fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    const LIKE: f64 = 0.75;
    let close = known.into_iter().map(|known| (strsim::jaro_winkler(name, known), known));
    close.filter(|(like, _)| *like > LIKE).max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, known)| known)
}
