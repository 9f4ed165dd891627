//! Where the hooks of a repository are, and whether they are its own.

use std::path::{Path, PathBuf};

use clearance_engine::repo::{Git, Repo};
use clearance_engine::source::shell_quote;

use crate::failure::Failure;

/// The directory that git runs hooks from.
pub(super) struct Place {
    /// As git names it.
    pub(super) directory: PathBuf,
    /// Why nothing is written there, with what to do instead.
    pub(super) not_ours: Option<NotOurs>,
}

/// Why nothing is written into a directory of hooks.
pub(super) struct NotOurs {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) help: String,
}

/// Files by which programs that manage hooks are known.
const MANAGERS: [(&str, &str); 14] = [
    (".pre-commit-config.yaml", "pre-commit"),
    (".pre-commit-config.yml", "prek"),
    ("prek.toml", "prek"),
    ("lefthook.yml", "lefthook"),
    ("lefthook.yaml", "lefthook"),
    ("lefthook.toml", "lefthook"),
    ("lefthook.json", "lefthook"),
    (".lefthook.yml", "lefthook"),
    (".lefthook.yaml", "lefthook"),
    (".lefthook.toml", "lefthook"),
    (".lefthook.json", "lefthook"),
    (".husky", "husky"),
    (".overcommit.yml", "overcommit"),
    (".cargo-husky", "cargo-husky"),
];

/// What a hook that is somebody else's is to run.
const BY_HAND: &str = "clearance hooks run NAME \"$@\"";

impl Place {
    /// Where git runs hooks from in the work tree of the caller.
    pub(super) fn of(repo: &Repo) -> Result<Self, Failure> {
        let git = Git::new(repo.caller_root());
        let (code, set) = git.answer(&["config", "--type=path", "--get", "core.hooksPath"], &[0, 1])?;
        let set = (code == 0).then(|| set.trim_end_matches('\n'));
        if set == Some("") {
            return Err(unusable("core.hooksPath is empty, so git finds no hooks".to_owned()));
        }
        let directory = git.path(&["--git-path", "hooks"]).map_err(|error| match set {
            Some(set) if Path::new(set).is_relative() => unusable(format!(
                "core.hooksPath is {set}, which git looks for from the top of each work tree, and none can be at that place in this one: its hooks do not run here"
            )),
            Some(set) => unusable(format!("core.hooksPath is {set}, where no directory can be")),
            None => error.into(),
        })?;
        let not_ours = elsewhere(repo, &directory)
            .or_else(|| set.and_then(|set| relative(set, &directory)))
            .or_else(|| managed(repo.caller_root()));
        Ok(Self { directory, not_ours })
    }
}

/// Nothing can be said of hooks where git cannot say in which directory they are.
fn unusable(message: String) -> Failure {
    let help = "name a directory by its whole path: git config core.hooksPath /PATH; or take the setting away, where git config --show-origin core.hooksPath finds it: the hooks are those in .git/hooks then";
    Failure::undecided_until("hooks_path_unusable", message, help.to_owned())
}

/// git looks for a relative directory from the top of each work tree, and the git directory is below one of them only.
fn relative(set: &str, directory: &Path) -> Option<NotOurs> {
    let whole = shell_quote(&directory.to_string_lossy());
    Path::new(set).is_relative().then(|| NotOurs {
        code: "hooks_path_relative",
        message: format!(
            "core.hooksPath is {set}, which is another place in each work tree: in linked ones its hooks would not run"
        ),
        help: format!("name it by its whole path: git config core.hooksPath {whole}"),
    })
}

/// Hooks outside of the git directory are shared with others, or are files of the project.
fn elsewhere(repo: &Repo, directory: &Path) -> Option<NotOurs> {
    let git = repo.common_dir().canonicalize().unwrap_or_else(|_| repo.common_dir().to_owned());
    let real = real(directory);
    if real.as_ref().is_some_and(|real| real.starts_with(&git)) {
        return None;
    }
    let shown = directory.display();
    let is_inside =
        |real: &PathBuf| [repo.root(), repo.caller_root()].iter().any(|root| real.starts_with(root));
    let help = |more: &str| format!("write this line into the hook yourself: {BY_HAND}{more}");
    Some(if real.as_ref().is_some_and(is_inside) {
        NotOurs {
            code: "hooks_in_work_tree",
            message: format!(
                "git runs hooks from {shown}, which is in the work tree: a file there would be a change of the project"
            ),
            help: help(", and commit it"),
        }
    } else {
        // Where the usual name leads elsewhere, another one is needed.
        let usual = git.join("hooks");
        let is_own = self::real(&usual).is_some_and(|real| real.starts_with(&git));
        let own = if is_own { usual } else { git.join("own-hooks") };
        let own = shell_quote(&own.to_string_lossy());
        NotOurs {
            code: "hooks_shared",
            message: format!(
                "git runs hooks from {shown}, which is not of this repository: others may use it as well"
            ),
            help: help(&format!(
                "; or give this repository hooks of its own, instead of those: git config core.hooksPath {own}"
            )),
        }
    })
}

/// Where a path leads when everything in it that is there is followed; `None` where a link leads nowhere.
fn real(path: &Path) -> Option<PathBuf> {
    match path.canonicalize() {
        Ok(real) => Some(real),
        Err(_) if path.is_symlink() => None,
        Err(_) => Some(real(path.parent()?)?.join(path.file_name()?)),
    }
}

/// A program that manages hooks would take them for its own, or move them away.
fn managed(root: &Path) -> Option<NotOurs> {
    let (file, manager) =
        MANAGERS.into_iter().find(|(file, _)| root.join(file).symlink_metadata().is_ok())?;
    Some(NotOurs {
        code: "hook_manager",
        message: format!("{manager} manages the hooks here: {file} is in the work tree"),
        help: format!("have {manager} run this at the hook NAME: {BY_HAND}; docs/integrations.md shows how"),
    })
}
