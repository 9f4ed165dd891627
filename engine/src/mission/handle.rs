//! Mission handles: from what a person types to one directory of `kitty-specs/`, or to a helpful refusal.

use std::ffi::OsString;
use std::path::Path;

use super::artefact::{ArtefactError, confined, read_json};
use super::meta::Meta;
use super::{MISSIONS_DIR, Mission};
use crate::limits;
use crate::source::{Source, SourceError, harmless, shell_quote};

/// Why a handle does not lead to one mission.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum HandleError {
    /// Nothing matches.
    #[error("no mission is called `{handle}`")]
    #[diagnostic(code(mission_not_found), help("{}", near_help(near)))]
    Unknown {
        /// What was asked for.
        handle: String,
        /// Names that look like it, best first.
        near: Vec<String>,
    },
    /// Several missions match.
    #[error("`{handle}` could mean {} missions: {}", candidates.len(), listed(candidates))]
    #[diagnostic(code(mission_ambiguous), help("give the directory name, for example --mission {}", shell_quote(&candidates[0])))]
    Ambiguous {
        /// What was asked for.
        handle: String,
        /// The directory names that match, sorted.
        candidates: Vec<String>,
    },
    /// Not a name at all: a path, or something that leaves `kitty-specs/`.
    #[error("`{0}` is not a mission handle")]
    #[diagnostic(
        code(mission_handle_invalid),
        help(
            "a handle is a directory name of {MISSIONS_DIR}/, an id, the first 8 characters of one, a name without its number, or a number; it never leads elsewhere"
        )
    )]
    Invalid(String),
    /// None was given, and neither the branch nor the directory tells.
    #[error("which mission? {why}")]
    #[diagnostic(code(mission_required), help("{}", required_help(candidates)))]
    NotGiven {
        /// Why none could be inferred.
        why: String,
        /// Missions there are.
        candidates: Vec<String>,
    },
    /// The mission's directory cannot be used.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Unusable(#[from] ArtefactError),
}

/// A directory among the missions whose name none can have.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("`{shown}` in {MISSIONS_DIR}/ cannot be a mission: its name would break a line, a path or a command")]
#[diagnostic(code(mission_name_invalid), help("give it another name{how}"))]
pub struct BadName {
    /// The name, made harmless.
    pub shown: String,
    how: String,
}

impl HandleError {
    /// Names to choose from: near ones, or those that match.
    #[must_use]
    pub fn candidates(&self) -> &[String] {
        match self {
            Self::Unknown { near, .. } => near,
            Self::Ambiguous { candidates, .. } | Self::NotGiven { candidates, .. } => candidates,
            Self::Invalid(_) | Self::Unusable(_) => &[],
        }
    }

    /// The handle that was given, if one was.
    #[must_use]
    pub fn handle(&self) -> Option<&str> {
        match self {
            Self::Unknown { handle, .. } | Self::Ambiguous { handle, .. } | Self::Invalid(handle) => {
                Some(handle)
            }
            Self::NotGiven { .. } | Self::Unusable(_) => None,
        }
    }
}

fn listed(names: &[String]) -> String {
    const SHOWN: usize = 10;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(SHOWN) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}

fn near_help(near: &[String]) -> String {
    if near.is_empty() {
        format!("look at the names: ls {MISSIONS_DIR}")
    } else {
        let near: Vec<_> = near.iter().map(|name| shell_quote(name)).collect();
        format!("did you mean {}?", near.join(" or "))
    }
}

fn required_help(candidates: &[String]) -> String {
    match candidates {
        [] => format!("this repository has no missions: {MISSIONS_DIR}/ is empty or absent"),
        [only] => format!("name it: --mission {}", shell_quote(only)),
        several => {
            let quoted: Vec<_> = several.iter().map(|name| shell_quote(name)).collect();
            format!("name one: --mission {}", listed(&quoted))
        }
    }
}

/// Opens the mission that a handle means. `root` is the work tree, links resolved.
///
/// # Errors
/// [`HandleError`].
pub fn open(root: &Path, handle: &str) -> Result<Mission, HandleError> {
    let name = clean(handle)?;
    Ok(Mission::open(root, &slug_of(root, name)?)?)
}

/// Opens the mission that the current branch or directory is about, when both do not disagree.
///
/// # Errors
/// [`HandleError::NotGiven`] when nothing tells.
pub fn infer(root: &Path, branch: Option<&str>, below_root: Option<&Path>) -> Result<Mission, HandleError> {
    let by_directory = below_root.and_then(of_directory);
    let by_branch = branch.map_or(Ok(None), |branch| of_branch(root, branch))?;
    let why = match (by_branch, by_directory) {
        (Some(slug), None) | (None, Some(slug)) => return open(root, &slug),
        (Some(one), Some(other)) if one == other => return open(root, &one),
        (Some(one), Some(other)) => format!("the branch is of `{one}`, the directory is in `{other}`"),
        (None, None) => "--mission was not given, and neither the branch nor the directory tells".to_owned(),
    };
    Err(HandleError::NotGiven { why, candidates: names(root)? })
}

/// `kitty-specs/<slug>/...` below the work tree.
fn of_directory(below_root: &Path) -> Option<String> {
    let mut parts = below_root.components().map(|part| part.as_os_str().to_str());
    (parts.next()?? == MISSIONS_DIR).then(|| parts.next()?.map(str::to_owned)).flatten()
}

/// `kitty/mission-<slug>` and its lanes, `kitty/mission-<slug>-lane-<x>`. A branch that could be of several missions is
/// an error; one that is of none says nothing.
fn of_branch(root: &Path, branch: &str) -> Result<Option<String>, HandleError> {
    let Some(slug) = branch.strip_prefix("kitty/mission-") else { return Ok(None) };
    let without_lane = slug.rfind("-lane-").map(|at| &slug[..at]);
    for slug in [Some(slug), without_lane].into_iter().flatten() {
        match clean(slug).and_then(|name| slug_of(root, name)) {
            Ok(slug) => return Ok(Some(slug)),
            Err(HandleError::Unknown { .. } | HandleError::Invalid(_)) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(None)
}

/// The directory name that a clean handle means. The common case costs one look-up, however many missions there are.
fn slug_of(root: &Path, name: &str) -> Result<String, HandleError> {
    if root.join(MISSIONS_DIR).join(name).is_dir() { Ok(name.to_owned()) } else { search(root, name) }
}

/// Every mission's directory name, sorted.
///
/// # Errors
/// The system's error; no `kitty-specs/` is no error.
pub fn names(root: &Path) -> Result<Vec<String>, ArtefactError> {
    let names = directories(root)?.into_iter().filter_map(|name| name.into_string().ok());
    Ok(names.filter(|name| is_name(name)).collect())
}

/// What stands among the missions under a name that none can have, and is not hidden either, sorted: in a list of all of them
/// nobody would miss it.
///
/// # Errors
/// As of [`names`].
pub fn bad_names(root: &Path) -> Result<Vec<BadName>, ArtefactError> {
    let bad =
        |name: &OsString| !name.to_str().is_some_and(is_name) && !name.as_encoded_bytes().starts_with(b".");
    let told = |name: OsString| {
        let lossy = name.to_string_lossy();
        let shown: String = lossy.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        let how = name.to_str().map_or(", in UTF-8".to_owned(), |name| {
            let path = shell_quote(&format!("{MISSIONS_DIR}/{name}"));
            format!(": mv -n {path} {MISSIONS_DIR}/NAME")
        });
        BadName { shown: harmless(&shown), how }
    };
    Ok(directories(root)?.into_iter().filter(bad).map(told).collect())
}

/// The names of the directories of `kitty-specs/`, sorted.
fn directories(root: &Path) -> Result<Vec<OsString>, ArtefactError> {
    let failed = |source| SourceError::Io { name: MISSIONS_DIR.to_owned(), source };
    let Some(directory) = confined(root, &root.join(MISSIONS_DIR), MISSIONS_DIR)? else {
        return Ok(Vec::new());
    };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // A link may be a mission too; whether it leads inside is checked when it is opened.
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir() || kind.is_symlink());
        names.extend(is_directory.then(|| entry.file_name()));
    }
    names.sort_unstable();
    Ok(names)
}

/// The handle as a name: blanks, a closing `/` and a leading `kitty-specs/` (shell completion adds them) removed.
fn clean(handle: &str) -> Result<&str, HandleError> {
    let name = handle.trim();
    let name = name.strip_prefix("./").unwrap_or(name);
    let name = name.strip_prefix(MISSIONS_DIR).and_then(|rest| rest.strip_prefix('/')).unwrap_or(name);
    let name = name.strip_suffix('/').unwrap_or(name);
    if is_name(name) { Ok(name) } else { Err(HandleError::Invalid(handle.to_owned())) }
}

/// Whether a directory may be called so: nothing hidden, nothing that looks like an option or a path, nothing that
/// would break a line or a terminal.
fn is_name(name: &str) -> bool {
    let whole = !name.is_empty() && !name.starts_with(['.', '-']);
    whole && name.chars().all(|c| !matches!(c, '/' | '\\' | ':') && !c.is_control())
}

/// What a mission is known by, besides its directory name.
struct Identity {
    name: String,
    id: Option<String>,
    number: Option<u64>,
}

fn search(root: &Path, handle: &str) -> Result<String, HandleError> {
    let names = names(root)?;
    let by_name: Vec<_> =
        names.iter().filter(|name| short_names(name).any(|short| short == handle)).collect();
    let may_be_id =
        (handle.len() == 26 || handle.len() == 8) && handle.bytes().all(|b| b.is_ascii_alphanumeric());
    let number = handle.parse::<u64>().ok().filter(|_| handle.bytes().all(|b| b.is_ascii_digit()));
    let mut matching: Vec<String> = Vec::new();
    if may_be_id || number.is_some() {
        let identities: Vec<_> = names.iter().map(|name| identity(root, name)).collect();
        if may_be_id {
            let wanted = handle.to_ascii_uppercase();
            let has = |one: &&Identity| one.id.as_ref().is_some_and(|id| id.starts_with(&wanted));
            matching = identities.iter().filter(has).map(|one| one.name.clone()).collect();
        }
        if matching.is_empty() && by_name.is_empty() {
            let has = |one: &&Identity| number.is_some() && one.number == number;
            matching = identities.iter().filter(has).map(|one| one.name.clone()).collect();
        }
    }
    if matching.is_empty() {
        matching = by_name.into_iter().cloned().collect();
    }
    match matching.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(HandleError::Unknown { handle: handle.to_owned(), near: near(handle, &names) }),
        _ => Err(HandleError::Ambiguous { handle: handle.to_owned(), candidates: matching }),
    }
}

/// `013-gamma` is `gamma`, `edge-01KQW4DF` is `edge`, `013-gamma-01KQW4DF` is `gamma-01KQW4DF` and `gamma` too.
fn short_names(name: &str) -> impl Iterator<Item = &str> {
    let unnumbered = name.split_once('-').filter(|(number, _)| is_number(number)).map(|(_, rest)| rest);
    [unnumbered, strip_id(name), unnumbered.and_then(strip_id)].into_iter().flatten()
}

fn strip_id(name: &str) -> Option<&str> {
    let (rest, tail) = name.rsplit_once('-')?;
    let is_id = tail.len() == 8
        && tail.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        && tail.starts_with(|first: char| first.is_ascii_digit());
    is_id.then_some(rest)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Reads the identity of a mission. A manifest that cannot be read identifies nothing: the name still does.
fn identity(root: &Path, name: &str) -> Identity {
    let directory = root.join(MISSIONS_DIR).join(name);
    let meta: Option<Meta> = confined(root, &directory.join("meta.json"), name)
        .ok()
        .flatten()
        .and_then(|path| Source::read(name, &path, limits::MANIFEST).ok().flatten())
        .and_then(|source| read_json(&source).ok());
    let prefix = name.split_once('-').map(|(number, _)| number).filter(|number| is_number(number));
    let number = prefix.and_then(|number| number.parse().ok());
    Identity {
        name: name.to_owned(),
        id: meta.as_ref().and_then(|meta| meta.mission_id.as_deref()).map(str::to_ascii_uppercase),
        number: number.or_else(|| meta.and_then(|meta| meta.mission_number)),
    }
}

/// Up to three names that look like the handle, best first.
fn near(handle: &str, names: &[String]) -> Vec<String> {
    let handle = handle.to_lowercase();
    let score = |name: &String| {
        let lower = name.to_lowercase();
        let short = short_names(&lower).last().unwrap_or(&lower).to_owned();
        let contains = if lower.contains(&handle) { 0.9 } else { 0.0 };
        [&lower, &short].iter().map(|name| strsim::jaro_winkler(&handle, name)).fold(contains, f64::max)
    };
    let mut scored: Vec<_> =
        names.iter().map(|name| (score(name), name)).filter(|(score, _)| *score > 0.8).collect();
    scored.sort_by(|(a, one), (b, other)| b.total_cmp(a).then_with(|| one.cmp(other)));
    scored.into_iter().take(3).map(|(_, name)| name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clearance_testkit::Scratch;
    use rstest::rstest;

    fn missions() -> Scratch {
        let scratch = Scratch::new();
        for (name, meta) in [
            ("013-gamma", r#"{"mission_id": "01KN2371WSJ7573ZG5D21WP82S"}"#),
            ("012-alpha", r#"{"mission_id": "01KN2371WNZX28ME4MN97B67PS"}"#),
            ("012-beta", "{}"),
            ("edge-01KQW4DF", r#"{"mission_id": "01KQW4DFAWRMK2PM22CHZYBJ26", "mission_number": 115}"#),
            ("broken", "[]"),
        ] {
            scratch.write(&format!("kitty-specs/{name}/meta.json"), meta);
        }
        scratch
    }

    fn slug(handle: &str) -> Result<String, HandleError> {
        let scratch = missions();
        open(&scratch.path().canonicalize().unwrap(), handle).map(|mission| mission.slug().to_owned())
    }

    #[rstest]
    #[case("013-gamma", "013-gamma")]
    #[case(" 013-gamma ", "013-gamma")]
    #[case("013-gamma/", "013-gamma")]
    #[case("kitty-specs/013-gamma/", "013-gamma")]
    #[case("gamma", "013-gamma")]
    #[case("013", "013-gamma")]
    #[case("13", "013-gamma")]
    #[case("115", "edge-01KQW4DF")]
    #[case("edge", "edge-01KQW4DF")]
    #[case("01KQW4DF", "edge-01KQW4DF")]
    #[case("01kqw4df", "edge-01KQW4DF")]
    #[case("01KN2371WSJ7573ZG5D21WP82S", "013-gamma")]
    #[case("01kn2371wsj7573zg5d21wp82s", "013-gamma")]
    #[case("broken", "broken")]
    fn handles(#[case] handle: &str, #[case] expected: &str) {
        assert_eq!(slug(handle).unwrap(), expected);
    }

    #[rstest]
    #[case("")]
    #[case("..")]
    #[case("../kitty-specs/013-gamma")]
    #[case("013-gamma/../../etc")]
    #[case("/etc")]
    #[case("a\\b")]
    #[case("-x")]
    #[case("a\u{0}b")]
    fn handles_stay_inside(#[case] handle: &str) {
        assert!(matches!(slug(handle), Err(HandleError::Invalid(_))), "{handle}");
    }

    #[test]
    fn ambiguous_handles_list_their_candidates() {
        for handle in ["12", "01KN2371"] {
            let error = slug(handle).unwrap_err();
            assert!(matches!(error, HandleError::Ambiguous { .. }), "{error}");
            assert_eq!(error.candidates().len(), 2, "{handle}");
        }
    }

    #[test]
    fn unknown_handles_name_near_ones() {
        let error = slug("gama").unwrap_err();
        assert_eq!(error.candidates(), ["013-gamma"]);
        assert!(slug("zzzzzz").unwrap_err().candidates().is_empty());
    }

    #[rstest]
    #[case(Some("kitty/mission-013-gamma"), None, Some("013-gamma"))]
    #[case(Some("kitty/mission-013-gamma-lane-a"), None, Some("013-gamma"))]
    #[case(Some("kitty/mission-gamma"), None, Some("013-gamma"))]
    #[case(Some("main"), Some("kitty-specs/012-beta/tasks"), Some("012-beta"))]
    #[case(Some("kitty/mission-012-beta"), Some("kitty-specs/012-beta"), Some("012-beta"))]
    #[case(Some("kitty/mission-013-gamma"), Some("kitty-specs/012-beta"), None)]
    #[case(Some("main"), Some("src"), None)]
    #[case(None, None, None)]
    fn inferred(#[case] branch: Option<&str>, #[case] below: Option<&str>, #[case] expected: Option<&str>) {
        let scratch = missions();
        let mission = infer(&scratch.path().canonicalize().unwrap(), branch, below.map(Path::new));
        assert_eq!(mission.ok().map(|mission| mission.slug().to_owned()).as_deref(), expected);
    }

    #[cfg(unix)]
    #[test]
    fn a_linked_mission_stays_inside() {
        let (scratch, outside) = (missions(), Scratch::new());
        std::os::unix::fs::symlink(outside.path(), scratch.path().join("kitty-specs/link")).unwrap();
        let error = open(&scratch.path().canonicalize().unwrap(), "link").unwrap_err();
        assert!(matches!(error, HandleError::Unusable(ArtefactError::Escapes { .. })), "{error}");
    }
}
