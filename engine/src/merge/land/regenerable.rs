//! Ignored directories whose content is made again by the tool that made it.

use std::path::Path;

/// Names that belong to caches of package managers and build tools.
const NAMES: [&str; 11] = [
    "node_modules",
    "__pycache__",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".tox",
    ".nox",
    ".gradle",
    ".next",
    ".turbo",
    ".parcel-cache",
];

/// Whether an ignored path needs no keeping: a directory that says so itself (<https://bford.info/cachedir/>), a virtual
/// environment of Python, a cache by its name; and compiled Python.
pub(super) fn is_regenerable(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if !path.is_dir() {
        return path.extension().is_some_and(|extension| extension == "pyc") || name == ".DS_Store";
    }
    NAMES.contains(&name) || path.join("CACHEDIR.TAG").is_file() || path.join("pyvenv.cfg").is_file()
}
