//! Which variables the tools get, and which not: a virtual environment that is active, a `PYTHONHOME` or a `UV_PYTHON`
//! would make another environment than the one that is asked for.

use std::ffi::OsString;

/// What uv gets of its own variables: where its packages come from and are kept. The rest changes what `uv venv` does;
/// `UV_VENV_CLEAR`, for one, makes it delete what is there.
const OF_UV: [&str; 20] = [
    "UV_CACHE_DIR",
    "UV_CONCURRENT_BUILDS",
    "UV_CONCURRENT_DOWNLOADS",
    "UV_CONCURRENT_INSTALLS",
    "UV_DEFAULT_INDEX",
    "UV_EXCLUDE_NEWER",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_HTTP_TIMEOUT",
    "UV_INDEX",
    "UV_INDEX_STRATEGY",
    "UV_INDEX_URL",
    "UV_INSECURE_HOST",
    "UV_KEYRING_PROVIDER",
    "UV_LINK_MODE",
    "UV_NATIVE_TLS",
    "UV_NO_CACHE",
    "UV_OFFLINE",
    "UV_PYTHON_INSTALL_DIR",
    "UV_SYSTEM_CERTS",
];

/// What pip is not given: it would install elsewhere, or something else.
const NOT_OF_PIP: [&str; 9] = [
    "PIP_CONSTRAINT",
    "PIP_DRY_RUN",
    "PIP_NO_DEPS",
    "PIP_PREFIX",
    "PIP_PYTHON",
    "PIP_REQUIRE_VIRTUALENV",
    "PIP_ROOT",
    "PIP_TARGET",
    "PIP_USER",
];

/// What every tool is told besides.
const ADDED: [(&str, &str); 7] = [
    ("NO_COLOR", "1"),
    ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
    ("PIP_NO_INPUT", "1"),
    ("PIP_PROGRESS_BAR", "off"),
    // What builds or tests a project does not write into it.
    ("PYTHONDONTWRITEBYTECODE", "1"),
    ("UV_NO_PROGRESS", "1"),
    // A Python is never fetched: what was asked for is one that is here.
    ("UV_PYTHON_DOWNLOADS", "never"),
];

/// The environment of the tools.
#[must_use]
pub fn for_tools(all: &[(OsString, OsString)]) -> Vec<(OsString, OsString)> {
    let given = all.iter().filter(|(name, _)| name.to_str().is_some_and(|name| !leads_astray(name)));
    let added = ADDED.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    given.cloned().chain(added).collect()
}

/// Whether a variable changes what is made, or which Python makes it.
fn leads_astray(name: &str) -> bool {
    let added = ADDED.iter().any(|(known, _)| *known == name);
    let of_another = name.starts_with("PYTHON")
        || name.starts_with("VIRTUAL_ENV")
        || name.starts_with("CONDA_")
        // uv breaks the causes that it tells at a width that it is told.
        || ["__PYVENV_LAUNCHER__", "FORCE_COLOR", "CLICOLOR_FORCE", "COLUMNS"].contains(&name);
    let of_tool = if name.starts_with("UV_") { !OF_UV.contains(&name) } else { NOT_OF_PIP.contains(&name) };
    // An index of the user's own may have a name: UV_INDEX_<NAME>_USERNAME.
    let is_login =
        name.starts_with("UV_INDEX_") && (name.ends_with("_USERNAME") || name.ends_with("_PASSWORD"));
    added || of_another || (of_tool && !is_login)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("PATH", true)]
    #[case("HOME", true)]
    #[case("UV_CACHE_DIR", true)]
    #[case("UV_INDEX_MINE_PASSWORD", true)]
    #[case("PIP_INDEX_URL", true)]
    #[case("HTTPS_PROXY", true)]
    #[case("UV_VENV_CLEAR", false)]
    #[case("UV_PYTHON", false)]
    #[case("UV_SYSTEM_PYTHON", false)]
    #[case("UV_PYTHON_DOWNLOADS", false)]
    #[case("PYTHONHOME", false)]
    #[case("PYTHONPATH", false)]
    #[case("VIRTUAL_ENV", false)]
    #[case("CONDA_PREFIX", false)]
    #[case("PIP_TARGET", false)]
    #[case("FORCE_COLOR", false)]
    #[case("COLUMNS", false)]
    fn variables_that_change_what_is_made_are_left_out(#[case] name: &str, #[case] given: bool) {
        let all = [(OsString::from(name), OsString::from("theirs"))];
        assert_eq!(for_tools(&all).contains(&all[0]), given);
    }
}
