//! The step that is gated: what would be merged, into what, and what would come of it.

pub mod bookkeeping;
mod course;
pub mod forecast;
pub mod json_fields;
pub mod land;
pub mod log_union;
mod message;
pub mod number;
mod own_files;
pub mod scope;
pub mod target;
