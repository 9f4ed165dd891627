//! The built-in checks: one file each under `checks/`.

pub mod checks;

/// The checks that every build must have. A registry without one of them says nothing rather than "cleared".
pub const REQUIRED: &[&str] = &["mission-manifests"];
