//! The Python and the uv of this machine, for tests that use the real ones.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The version of uv that tests install where there is none.
const UV: &str = "uv==0.13.9";

/// The interpreter behind `python3` of PATH: the installation itself, no environment and no shim.
///
/// # Panics
/// When there is none: the tests of nested environments cannot do without.
#[must_use]
pub fn interpreter() -> PathBuf {
    let ask = "import sys; print(getattr(sys, '_base_executable', None) or sys.executable)";
    let output = Command::new("python3").args(["-I", "-c", ask]).output().expect("python3 on PATH");
    assert!(output.status.success(), "python3: {}", String::from_utf8_lossy(&output.stderr));
    PathBuf::from(String::from_utf8(output.stdout).expect("UTF-8").trim())
}

/// uv: of PATH, or else of `folder`, where it is installed from the package index once; `None`, said on standard error, where
/// that is not to be reached.
///
/// # Panics
/// When the folder cannot be written.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "where uv is, is the machine's affair; a test says what it leaves out"
)]
pub fn uv(folder: &Path) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let runs = |uv: &Path| Command::new(uv).arg("--version").output().is_ok_and(|ran| ran.status.success());
    let on_path = std::env::split_paths(&path).map(|entry| entry.join("uv"));
    let installed = folder.join(UV).join("bin/uv");
    if let Some(uv) = on_path.chain([installed.clone()]).find(|uv| uv.is_absolute() && runs(uv)) {
        return Some(uv);
    }
    fs::create_dir_all(folder).expect("a folder for tools");
    // Beside its place, and moved there whole: another process may be doing the same.
    let beside = tempfile::tempdir_in(folder).expect("a folder for tools");
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target"]);
    let done = pip.arg(beside.path()).arg(UV).stdin(Stdio::null()).stdout(Stdio::null()).status();
    if !done.is_ok_and(|status| status.success()) {
        eprintln!("uv is not on PATH, and the package index is not reached: what needs uv is left out");
        return None;
    }
    let moved = fs::rename(beside.path(), folder.join(UV));
    assert!(moved.is_ok() || installed.is_file(), "{moved:?}");
    runs(&installed).then_some(installed)
}
