//! The step that is gated: what would be merged, into what, and what would come of it.

pub mod forecast;
pub mod log_union;
pub mod number;
mod own_files;
pub mod scope;
pub mod target;
