//! What the tests of nested environments have in common: the real Python, the real uv, and a place that goes again.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use clearance_testkit::python;
use serde_json::Value;

use crate::support::{Run, Scratch, command};

/// The real interpreter.
pub(crate) fn interpreter() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(python::interpreter)
}

/// The real uv, where this machine has one or can install it.
pub(crate) fn uv() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOUND.get_or_init(|| python::uv(Path::new(env!("CARGO_TARGET_TMPDIR")))).as_deref()
}

/// A place to make environments in, with programs of its own before those of the system.
pub(crate) struct Place {
    scratch: Scratch,
    root: PathBuf,
}

impl Place {
    pub(crate) fn new() -> Self {
        let scratch = Scratch::new();
        let root = scratch.path().canonicalize().unwrap();
        for directory in ["bin", "home", "work"] {
            fs::create_dir(root.join(directory)).unwrap();
        }
        Self { scratch, root }
    }

    /// With the real uv; `None` where there is none.
    pub(crate) fn with_uv() -> Option<Self> {
        let place = Self::new();
        std::os::unix::fs::symlink(uv()?, place.root.join("bin/uv")).unwrap();
        Some(place)
    }

    /// With a script in the place of a program.
    pub(crate) fn with(program: &str, script: &str) -> Self {
        Self::new().and(program, script)
    }

    /// The same, for one more.
    pub(crate) fn and(self, program: &str, script: &str) -> Self {
        let path = self.scratch.write(&format!("bin/{program}"), script);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    /// A path in the directory that the product is run in.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join("work").join(name)
    }

    /// Writes a file in that directory.
    pub(crate) fn write(&self, name: &str, content: &str) {
        self.scratch.write(&format!("work/{name}"), content);
    }

    /// The product in that directory. Its PATH has the programs of this place, and those of the system without its uv.
    pub(crate) fn command(&self) -> Command {
        let mut command = command(&self.root.join("work"));
        let path: OsString = std::env::join_paths([self.root.join("bin"), self.system()]).unwrap();
        command.env("PATH", path).env("HOME", self.root.join("home"));
        command
    }

    /// The programs of the system that the product or a script may ask for, and no uv and no Python.
    fn system(&self) -> PathBuf {
        let directory = self.root.join("system");
        if !directory.exists() {
            fs::create_dir(&directory).unwrap();
            for program in [
                "sh", "sleep", "cat", "head", "yes", "tr", "mkdir", "rm", "ln", "env", "kill", "touch",
                "printf", "uname", "dirname", "basename", "readlink", "chmod", "cp",
            ] {
                let real = ["/usr/bin", "/bin"].map(|entry| Path::new(entry).join(program));
                if let Some(real) = real.iter().find(|path| path.exists()) {
                    std::os::unix::fs::symlink(real, directory.join(program)).unwrap();
                }
            }
        }
        directory
    }

    /// `env create`, of the real interpreter.
    pub(crate) fn create(&self, arguments: &[&str]) -> Run {
        let python = interpreter().to_str().unwrap();
        Run::of(self.command().args(["env", "create", "--python", python]).args(arguments))
    }

    /// `env create` without an interpreter that is named.
    pub(crate) fn create_of_path(&self, arguments: &[&str]) -> Run {
        Run::of(self.command().args(["env", "create"]).args(arguments))
    }
}

/// The attempts that a run tells of: `method outcome`, each with its cause.
pub(crate) fn attempts(value: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let attempts = value["attempts"].as_array().unwrap_or_else(|| panic!("no attempts: {value:#}"));
    attempts
        .iter()
        .map(|one| (format!("{} {}", text(&one["method"]), text(&one["outcome"])), text(&one["cause"])))
        .collect()
}

/// What an interpreter says to a script.
pub(crate) fn asked(python: &str, script: &str) -> String {
    let run = Run::of(Command::new(python).args(["-I", "-c", script]).env_clear());
    assert_eq!(run.code, 0, "{}", run.stderr);
    run.stdout.trim().to_owned()
}
