//! Notes the commit that a released binary is made of. A build for work on it says none: it would be made anew for each.

use std::path::Path;
use std::process::Command;

#[expect(clippy::disallowed_methods, reason = "cargo talks to build scripts in variables")]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=CLEARANCE_COMMIT");
    let released = std::env::var_os("PROFILE").is_some_and(|profile| profile == "release");
    let told = std::env::var("CLEARANCE_COMMIT").ok().filter(|commit| !commit.is_empty());
    let commit = told.or_else(|| if released { of_git() } else { None });
    let version = env!("CARGO_PKG_VERSION");
    let whole = commit.map_or_else(|| version.to_owned(), |commit| format!("{version} ({commit})"));
    println!("cargo::rustc-env=CLEARANCE_VERSION={whole}");
}

/// The commit that is checked out, where this is built in its repository.
fn of_git() -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(root).args(arguments).output().ok()?;
        let said = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| said.trim().to_owned()).filter(|said| !said.is_empty())
    };
    // Unpacked in somebody else's repository, that one's commit says nothing.
    let top = git(&["rev-parse", "--show-toplevel"])?;
    if Path::new(&top).canonicalize().ok()? != root.canonicalize().ok()? {
        return None;
    }
    for file in ["HEAD", "logs/HEAD"] {
        let path = git(&["rev-parse", "--git-path", file])?;
        println!("cargo::rerun-if-changed={}", root.join(path).display());
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}
