//! The domain's words and the machine that runs them. No printing, no network, no clock, no environment variables:
//! what a function needs from outside it is given.
//!
//! Start with [`mission`] (what a mission is), [`strategy`] and [`check`] (what plugs in), [`resolve`] and [`run`]
//! (what runs them), [`plan`] (what would change, and the one place that changes it).

// So that the registration macros work in crates that do not name inventory.
#[doc(hidden)]
pub use inventory;

pub mod board;
pub mod check;
pub mod config;
pub mod diff;
pub mod disagreement;
pub mod edit;
pub mod exit;
pub mod finding;
pub mod id;
pub mod item;
pub mod lane;
pub mod limits;
pub mod lock;
pub mod merge;
pub mod mission;
pub mod ownership;
pub mod param;
pub mod plan;
pub mod policy;
pub mod process;
pub mod progress;
pub mod registry;
pub mod repo;
pub mod report;
pub mod resolve;
pub mod run;
pub mod scratch_dir;
pub mod severity;
pub mod shared;
pub mod source;
pub mod strategy;
pub mod transition;
pub mod write;
mod yaml;
