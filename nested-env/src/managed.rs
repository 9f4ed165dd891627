//! Whether uv manages a Python, by evidence: which installation it belongs to, and where uv keeps those that it manages.
//!
//! What does not tell: `uv` in a path may be a user's name or `louvre`, and inside an environment that uv made the path of
//! the interpreter says nothing. The markers of the original are asked only where there is no evidence.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::place::{home_of, value_of};
use crate::runner::Runner;
use crate::uv;

/// Whether uv manages a Python, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Managed {
    /// Whether it does.
    pub managed: bool,
    /// How that is known.
    pub evidence: String,
}

/// Looks at the Python behind an interpreter. `base` is the installation that it belongs to, where it has said so itself.
pub(crate) fn look(
    interpreter: &Path,
    base: Option<&Path>,
    uv: Option<&Path>,
    runner: &Runner<'_>,
) -> Managed {
    let environment = interpreter.parent().and_then(Path::parent);
    let made_by_uv = environment.and_then(|environment| value_of(environment, "uv"));
    let base = base.map(Path::to_owned).or_else(|| installation(interpreter, environment));
    let kept = uv.and_then(|uv| uv::python_directory(uv, runner)).or_else(|| usual_directory(runner.env()));
    judged(interpreter, base.as_deref(), kept.as_deref(), made_by_uv.as_deref(), uv.is_some())
}

/// The verdict on what was found. Pure, but for links, which are followed.
fn judged(
    interpreter: &Path,
    base: Option<&Path>,
    kept: Option<&Path>,
    made_by_uv: Option<&str>,
    has_uv: bool,
) -> Managed {
    let resolved = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let (Some(base), Some(kept)) = (base, kept) else { return by_markers(interpreter, has_uv) };
    let managed = resolved(base).starts_with(resolved(kept));
    let is = if managed { "is" } else { "is not" };
    let mut evidence =
        format!("its installation {} {is} in {}, where uv keeps Pythons", base.display(), kept.display());
    if let Some(version) = made_by_uv {
        evidence.push_str(&format!("; pyvenv.cfg: the environment it runs in was made by uv {version}"));
    }
    Managed { managed, evidence }
}

/// The heuristic of the original, for where nothing else is known.
fn by_markers(interpreter: &Path, has_uv: bool) -> Managed {
    const MARKERS: [&str; 3] = [".uv", "/uv/", "uv-managed"];
    let text = interpreter.to_string_lossy();
    let marker = MARKERS.iter().find(|marker| text.contains(**marker));
    let evidence = match marker {
        Some(marker) => format!("a guess: its path {text} has `{marker}` in it"),
        None => format!("a guess: its path {text} has nothing of uv in it"),
    };
    Managed { managed: has_uv && marker.is_some(), evidence }
}

/// The installation that an interpreter belongs to, without running it.
fn installation(interpreter: &Path, environment: Option<&Path>) -> Option<PathBuf> {
    let programs = match environment.and_then(home_of) {
        Some(home) => home,
        None => interpreter.canonicalize().ok()?.parent()?.to_owned(),
    };
    // What is in `bin` may be a link to where it is installed.
    let real = programs.join(interpreter.file_name()?).canonicalize().ok();
    let programs = real.and_then(|real| Some(real.parent()?.to_owned())).unwrap_or(programs);
    programs.parent().map(Path::to_owned)
}

/// Where uv keeps them when nobody says otherwise (uv's documentation, "Storage").
fn usual_directory(env: &[(OsString, OsString)]) -> Option<PathBuf> {
    let value =
        |name: &str| env.iter().rfind(|(known, _)| known == name).map(|(_, value)| PathBuf::from(value));
    let data = || value("XDG_DATA_HOME").or_else(|| Some(value("HOME")?.join(".local/share")));
    value("UV_PYTHON_INSTALL_DIR").or_else(|| Some(data()?.join("uv/python")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const KEPT: &str = "/data/me/.local/share/uv/python";

    #[rstest]
    #[case::managed("/data/me/.local/share/uv/python/cpython-3.12.4-linux-x86_64-gnu", None, true)]
    #[case::beside("/data/me/.local/share/uv/python-own", None, false)]
    #[case::system("/usr", None, false)]
    #[case::an_environment_of_uv_on_a_system_python("/usr", Some("0.13.9"), false)]
    #[case::a_name_with_uv("/data/louvre/uv/proj", None, false)]
    fn evidence_decides(#[case] base: &str, #[case] made: Option<&str>, #[case] managed: bool) {
        let seen =
            judged(Path::new("/x/.uv/bin/python"), Some(Path::new(base)), Some(Path::new(KEPT)), made, true);
        assert_eq!(seen.managed, managed, "{}", seen.evidence);
        assert!(
            seen.evidence.contains(KEPT) && seen.evidence.contains(made.unwrap_or("")),
            "{}",
            seen.evidence
        );
    }

    #[rstest]
    #[case("/root/.uv/bin/python", true, true)]
    #[case("/data/uv/python", true, true)]
    #[case("/opt/uv-managed/python", true, true)]
    #[case("/usr/bin/python3", true, false)]
    #[case("/root/.uv/bin/python", false, false)]
    fn without_evidence_the_markers_of_the_original_are_asked(
        #[case] path: &str,
        #[case] has_uv: bool,
        #[case] managed: bool,
    ) {
        let seen = judged(Path::new(path), None, Some(Path::new(KEPT)), None, has_uv);
        assert_eq!((seen.managed, seen.evidence.starts_with("a guess")), (managed, true));
    }

    #[rstest]
    #[case(&[("UV_PYTHON_INSTALL_DIR", "/p"), ("HOME", "/h")], Some("/p"))]
    #[case(&[("XDG_DATA_HOME", "/d"), ("HOME", "/h")], Some("/d/uv/python"))]
    #[case(&[("HOME", "/h")], Some("/h/.local/share/uv/python"))]
    #[case(&[], None)]
    fn the_usual_directory(#[case] env: &[(&str, &str)], #[case] expected: Option<&str>) {
        let env: Vec<_> = env.iter().map(|(name, value)| (name.into(), value.into())).collect();
        assert_eq!(usual_directory(&env), expected.map(PathBuf::from));
    }
}
