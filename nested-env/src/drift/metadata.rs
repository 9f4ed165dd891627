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
    /// The modules that it brings, by their first name.
    pub(super) modules: Vec<String>,
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
    files = [f.parts for f in found.files or ()]
    tops = {p[0] for p in files if len(p) > 1 and p[-1].endswith('.py')}
    tops |= {p[0][:-3] for p in files if len(p) == 1 and p[0].endswith('.py')}
    print('clearance-metadata', h(found.version), h(direct), h('/'.join(sorted(t for t in tops if t.isidentifier()))))
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
        [version, from, modules] => {
            let (version, from, modules) = (text_of(version), text_of(from), text_of(modules));
            let from = (!from.is_empty()).then(|| PathBuf::from(from));
            let modules = modules.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect();
            Ok(Some(Installed { version, from, modules }))
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
