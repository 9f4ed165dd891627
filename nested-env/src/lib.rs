//! Nested Python environments: made by `uv venv`, or by `python -m venv`, and not said to be made before their
//! interpreter has run. [`create()`] makes one; [`drift`] asks a question in one.
//!
//! Nothing here reads the process's own environment: the variables are given, and [`environment`] says which of them the
//! tools get.

pub mod attempt;
pub mod cause;
pub mod create;
pub mod drift;
pub mod environment;
pub mod interpreter;
pub mod limitation;
pub mod managed;
pub mod place;
pub mod probe;
mod runner;
mod stdlib;
mod uv;

pub use create::{CreateError, NestedEnv, Request, create};
