//! Which version of a package is installed, as its metadata says: never as a program prints.

use std::path::{Path, PathBuf};

use crate::attempt::Outcome;
use crate::probe::text_of;
use crate::runner::Runner;

/// A package that is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Installed {
    pub(super) version: String,
    /// Where it was installed from, where that was no index (PEP 610).
    from: Option<PathBuf>,
}

/// Fields in hex, as texts of packages may hold anything.
const SCRIPT: &str = "\
import json, sys
from importlib import metadata
from urllib.parse import unquote, urlparse
def h(t): return t.encode('utf-8', 'surrogateescape').hex() or '-'
try:
    found = metadata.distribution(sys.argv[1])
except metadata.PackageNotFoundError:
    print('clearance-metadata absent')
else:
    direct = json.loads(found.read_text('direct_url.json') or '{}').get('url', '')
    direct = unquote(urlparse(direct).path) if direct.startswith('file:') else ''
    print('clearance-metadata', h(found.version), h(direct))
";

/// Asks an interpreter for a package; `None` where it is not installed.
///
/// # Errors
/// In a sentence.
pub(super) fn ask(python: &Path, package: &str, runner: &Runner<'_>) -> Result<Option<Installed>, String> {
    let argv = [&*python.to_string_lossy(), "-I", "-c", SCRIPT, package].map(str::to_owned);
    let said =
        runner.succeed(&argv).map_err(|outcome: Outcome| outcome.cause().unwrap_or_default().to_owned())?;
    let answer = said.lines().filter_map(|line| line.strip_prefix("clearance-metadata ")).next_back();
    let words: Vec<&str> = answer.unwrap_or_default().split(' ').collect();
    match words[..] {
        ["absent"] => Ok(None),
        [version, from] => {
            let (version, from) = (text_of(version), text_of(from));
            Ok(Some(Installed { version, from: (!from.is_empty()).then(|| PathBuf::from(from)) }))
        }
        _ => Err("the interpreter does not say".to_owned()),
    }
}

impl Installed {
    /// Whether it was installed from this path.
    pub(super) fn is_from(&self, path: &Path) -> bool {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        self.from.as_ref().is_some_and(|from| real(from) == real(path))
    }

    /// Its version, and where it is from.
    pub(super) fn in_words(&self) -> String {
        match &self.from {
            Some(from) => format!("{} from {}", self.version, from.display()),
            None => self.version.clone(),
        }
    }
}
