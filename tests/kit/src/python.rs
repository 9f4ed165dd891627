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
#[expect(clippy::disallowed_methods, reason = "where uv is, is the machine's affair")]
pub fn uv(folder: &Path) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let runs = |uv: &Path| Command::new(uv).arg("--version").output().is_ok_and(|ran| ran.status.success());
    let on_path = std::env::split_paths(&path).map(|entry| entry.join("uv"));
    if let Some(uv) = on_path.into_iter().find(|uv| uv.is_absolute() && runs(uv)) {
        return Some(uv);
    }
    Some(installed(folder, UV)?.join("bin/uv")).filter(|uv| runs(uv))
}

/// A package with all that it needs, in a directory of `folder`, where it is installed from the package index once. Its programs
/// are in `bin`; what they import is found with `PYTHONPATH`. `None`, said on standard error, where the index is not to be
/// reached.
///
/// # Panics
/// When the folder cannot be written.
#[must_use]
#[expect(clippy::print_stderr, reason = "a test says what it leaves out")]
pub fn installed(folder: &Path, requirement: &str) -> Option<PathBuf> {
    let installed = folder.join(requirement);
    if installed.is_dir() {
        return Some(installed);
    }
    fs::create_dir_all(folder).expect("a folder for tools");
    // Beside its place, and moved there whole: another process may be doing the same.
    let beside = tempfile::tempdir_in(folder).expect("a folder for tools");
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"]);
    let done = pip.arg(beside.path()).arg(requirement).stdin(Stdio::null()).stdout(Stdio::null()).status();
    if !done.is_ok_and(|status| status.success()) {
        eprintln!("{requirement} is not to be had from the package index: what needs it is left out");
        return None;
    }
    let moved = fs::rename(beside.path(), &installed);
    assert!(moved.is_ok() || installed.is_dir(), "{moved:?}");
    Some(installed)
}
