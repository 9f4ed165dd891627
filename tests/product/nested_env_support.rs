//! What the tests of nested environments have in common: the real Python, the real uv, and a place that goes again.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use clearance_testkit::python;
use serde_json::Value;

use crate::support::{Run, Scratch, all, command, same_after, valid};

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
        for directory in ["bin", "home", "work", "system"] {
            fs::create_dir(root.join(directory)).unwrap();
        }
        link_the_system(&root.join("system"));
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

    /// A script that writes into the directory it is given does nothing where it is given none: tools are asked other questions too,
    /// and an empty word before `/bin` would be the system's.
    fn guarded(script: &str) -> String {
        let Some(rest) = script.strip_prefix("#!/bin/sh\n") else { return script.to_owned() };
        // One that asks itself what it is to do answers the other questions too.
        let asks = script.contains("= venv ]");
        let words = ["4", "7"].into_iter().filter(|word| !asks && script.contains(&format!("${word}")));
        let guards = words.map(|word| format!("case \"${{{word}-}}\" in /*/*) ;; *) exit 2 ;; esac\n"));
        format!("#!/bin/sh\n{}{rest}", guards.collect::<String>())
    }

    /// The same, for one more.
    pub(crate) fn and(self, program: &str, script: &str) -> Self {
        let path = self.scratch.write(&format!("bin/{program}"), Self::guarded(script));
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    /// With a Python whose venv is the real one without pip, which takes a moment where pip takes many seconds.
    pub(crate) fn with_quick_python() -> Self {
        Self::with("python3", &quick_python())
    }

    /// With both.
    pub(crate) fn with_uv_and_quick_python() -> Option<Self> {
        Some(Self::with_uv()?.and("python3", &quick_python()))
    }

    /// With the real uv, or with the quick Python and no uv; and the method that it makes them with.
    pub(crate) fn of(tool: Tool) -> Option<Self> {
        match tool {
            Tool::Uv => Self::with_uv(),
            Tool::Venv => Some(Self::with_quick_python()),
        }
    }

    /// Everything that belongs to it: programs, the home directory, and the one that the product is run in.
    pub(crate) fn root(&self) -> &Path {
        &self.root
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
        command.env("PATH", self.programs(&[])).env("HOME", self.root.join("home"));
        command
    }

    /// That PATH, with directories before its own.
    pub(crate) fn programs(&self, before: &[PathBuf]) -> OsString {
        std::env::join_paths([before, &[self.root.join("bin"), self.root.join("system")]].concat()).unwrap()
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

fn quick_python() -> String {
    let real = interpreter().display();
    format!(
        "#!/bin/sh\n[ \"$3\" = venv ] || exec '{real}' \"$@\"\nexec '{real}' \"$1\" \"$2\" venv --without-pip \"$4\"\n"
    )
}

/// The programs of the system that the product or a script may ask for, and no uv and no Python.
fn link_the_system(directory: &Path) {
    for program in [
        "sh", "sleep", "cat", "head", "yes", "tr", "mkdir", "rm", "ln", "env", "kill", "touch", "printf",
        "uname", "dirname", "basename", "readlink", "chmod", "cp",
    ] {
        let real = ["/usr/bin", "/bin"].map(|entry| Path::new(entry).join(program));
        if let Some(real) = real.iter().find(|path| path.exists()) {
            std::os::unix::fs::symlink(real, directory.join(program)).unwrap();
        }
    }
}

/// What makes environments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    /// The real uv, with the real Python.
    Uv,
    /// The standard library's venv of the quick Python; there is no uv.
    Venv,
}

impl Tool {
    /// `env create` with it.
    pub(crate) fn command(self, place: &Place) -> Command {
        let mut command = place.command();
        command.args(["env", "create"]);
        if self == Self::Uv {
            command.arg("--python").arg(interpreter());
        }
        command
    }

    pub(crate) fn method(self) -> &'static str {
        match self {
            Self::Uv => "uv_venv",
            Self::Venv => "stdlib_venv",
        }
    }
}

/// Fails where there is an environment that does not work.
pub(crate) fn works(value: &Value, method: &str) {
    valid("clearance.env.v1.json", value);
    assert_eq!(value["method"], method);
    let python = value["python"].as_str().unwrap();
    assert_eq!(asked(python, "import sys; print(sys.prefix)"), value["venv_dir"].as_str().unwrap());
    if let Some(pip) = value["pip"].as_str() {
        let said = Run::of(Command::new(pip).arg("--version"));
        assert!(said.stdout.starts_with("pip "), "{said:?}");
    }
}

/// What a run says that made none as the machine has no way to: one JSON value, and nothing besides.
pub(crate) fn limited(run: &Run) -> Value {
    let told = run.json();
    valid("clearance.env-limitation.v1.json", &told);
    assert_eq!((run.code, run.stderr.as_str()), (3, ""), "{told:#}");
    assert_eq!((&told["error"], &told["outcome"]), (&"environment_limitation".into(), &"skipped".into()));
    let reason = told["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("E2E environment limitation: could not create a nested Python environment.\n")
    );
    assert!(!reason.contains("It was not all taken away again"), "{reason}");
    told
}

/// How an attempt ended, in words: `failed exit 2`, `failed signal 9`, `failed timed out`, `failed` where nothing was started.
pub(crate) fn ended(attempt: &Value) -> String {
    let outcome = attempt["outcome"].as_str().unwrap();
    let exit = attempt["exit"].as_i64().map(|code| format!(" exit {code}"));
    let signal = attempt["signal"].as_i64().map(|signal| format!(" signal {signal}"));
    let late = (attempt["timed_out"] == true).then(|| " timed out".to_owned());
    [Some(outcome.to_owned()), exit, signal, late].into_iter().flatten().collect()
}

/// A script; `$7` of uv, `$4` of Python is the directory.
pub(crate) fn script(lines: &str) -> String {
    format!("#!/bin/sh\n{lines}\n")
}

/// What a call says that must make none, and leave nothing.
pub(crate) fn makes_none(place: &Place, arguments: &[&str]) -> Value {
    let arguments = [&["a/made", "--json"], arguments].concat();
    limited(&same_after("failing", || all(place.root()), || place.create_of_path(&arguments)))
}

/// Fails where an attempt did not end like that, for that reason.
pub(crate) fn is(attempt: &Value, end: &str, cause: &str) {
    assert_eq!(ended(attempt), end, "{attempt:#}");
    let told = attempt["cause"].as_str().unwrap();
    assert!(told.contains(cause), "not {cause:?}: {told:?}");
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
