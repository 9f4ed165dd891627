//! `--baseline REF`: the commit whose findings do not count any more.

use clearance_engine::repo::{Git, Repo};
use clearance_engine::report::preflight::Baseline;

use crate::failure::Failure;

/// The commit that a name means. Its files are all that is looked at, so that a shallow clone will do that has just this one.
pub(super) fn resolve(name: &str, repo: &Repo) -> Result<Baseline, Failure> {
    let git = Git::new(repo.caller_root());
    let wanted = format!("{name}^{{commit}}");
    let question = ["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted];
    match git.answer(&question, &[0, 1, 128])? {
        // What starts with `^` is one that is left out.
        (0, commit) if !commit.starts_with('^') => {
            Ok(Baseline { name: name.to_owned(), commit: commit.trim().to_owned() })
        }
        _ => Err(missing(name, repo)),
    }
}

fn missing(name: &str, repo: &Repo) -> Failure {
    let is_shallow = repo.common_dir().join("shallow").exists();
    let message = format!("there is no commit `{name}` here to compare with");
    let (why, help) = if is_shallow {
        let help = "the one commit is enough: git fetch --depth=1 origin COMMIT, and name that commit; or the whole history: \
                    git fetch --unshallow";
        (", as this clone is shallow", help)
    } else {
        (
            "",
            "name a branch, a tag or a commit that git rev-parse knows; one of a remote: git fetch, then origin/BRANCH",
        )
    };
    Failure::usage("baseline_unknown", format!("{message}{why}"), help)
}
