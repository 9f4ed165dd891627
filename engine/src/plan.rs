//! What a command would change, as data, and the one place that makes it so.

pub mod apply;
pub mod event;
pub mod mark;
pub mod step;
