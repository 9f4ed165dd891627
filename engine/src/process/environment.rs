//! Which variables of the environment a program is given.

use std::ffi::{OsStr, OsString};

use crate::repo::redirects;

use super::resolve::{PATH, absolute_entries};

/// What programs need to find their parts and to speak the user's language. Names, no patterns: whatever is not here, a
/// token above all, is given to a program only where its rule names it. `XDG_RUNTIME_DIR` has the sockets of agents.
const USUAL: [&str; 28] = [
    PATH,
    "HOME",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "TERM",
    "TZ",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_ADDRESS",
    "LC_COLLATE",
    "LC_CTYPE",
    "LC_IDENTIFICATION",
    "LC_MEASUREMENT",
    "LC_MESSAGES",
    "LC_MONETARY",
    "LC_NAME",
    "LC_NUMERIC",
    "LC_PAPER",
    "LC_TELEPHONE",
    "LC_TIME",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_DIRS",
    "XDG_CONFIG_HOME",
    "XDG_DATA_DIRS",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
];

/// The environment of a program: of `all`, the usual variables and those that the rule names. PATH is without entries that
/// would be looked for from where the program runs.
pub fn environment(
    all: impl Iterator<Item = (OsString, OsString)>,
    extra: &[String],
) -> Vec<(OsString, OsString)> {
    let is_given = |name: &str| {
        (USUAL.contains(&name) || extra.iter().any(|extra| extra == name)) && !is_never_given(name)
    };
    all.filter(|(name, _)| name.to_str().is_some_and(is_given))
        .map(
            |(name, value)| {
                if name == OsStr::new(PATH) { (name, without_relative(&value)) } else { (name, value) }
            },
        )
        .collect()
}

fn without_relative(path: &OsStr) -> OsString {
    // What came out of such a list goes into one.
    std::env::join_paths(absolute_entries(path)).unwrap_or_default()
}

/// Whether a program is not given this variable even where its rule names it: it would make the loader or git take other
/// files than the program was trusted with.
#[must_use]
pub fn is_never_given(name: &str) -> bool {
    const LEADING: [&str; 3] = ["LD_", "DYLD_", "GIT_CONFIG"];
    const GIT: [&str; 4] =
        ["GIT_EXEC_PATH", "GIT_TEMPLATE_DIR", "GIT_QUARANTINE_PATH", "GIT_DISCOVERY_ACROSS_FILESYSTEM"];
    redirects(name) || GIT.contains(&name) || LEADING.iter().any(|leading| name.starts_with(leading))
}
