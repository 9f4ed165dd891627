//! How much is read of anything: repository content is hostile until trusted, so every read has a cap.

/// Largest `tasks.md` that is read, in bytes. The largest real one has 70 KB.
pub const TASKS_MD: u64 = 64 << 20;
/// Largest JSON manifest or configuration file that is read, in bytes.
pub const MANIFEST: u64 = 8 << 20;
/// Largest work-package file that is read, in bytes.
pub const WORK_PACKAGE: u64 = 8 << 20;
/// Largest status log that is read, in bytes. The largest real one has 1.5 MB.
pub const STATUS_LOG: u64 = 1 << 30;
/// Longest line of a status log, in bytes. The longest real one has 0.6 MB.
pub const EVENT: usize = 4 << 20;
/// Most work-package files of one mission. The largest real mission has 24.
pub const WORK_PACKAGES: usize = 10_000;
