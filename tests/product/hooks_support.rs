//! What the tests of hooks have in common: git, with the product on PATH as its users have it.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use crate::rules_support::{rule, staged};
use crate::support::{Run, TestRepo, asked, binary, command, in_git};

/// A PATH with the product on it.
pub(crate) fn path() -> OsString {
    let own = binary().parent().unwrap().as_os_str().to_owned();
    #[expect(clippy::disallowed_methods, reason = "git is on PATH, and hooks look for the product there")]
    let others = std::env::var_os("PATH").unwrap_or_default();
    [own, others].join(std::ffi::OsStr::new(":"))
}

/// git at a place, with the product on PATH. What a hook says goes to either output, as git has it for that hook.
pub(crate) fn git_with(place: &Path, arguments: &[&str]) -> Run {
    let run = Run::of(ready_git(place).args(arguments));
    Run { stderr: run.stdout.clone() + &run.stderr, ..run }
}

/// The same, ready to take arguments.
pub(crate) fn ready_git(place: &Path) -> Command {
    let mut git = in_git(place);
    // No editor: who is asked for a message takes what is there.
    git.env("PATH", path()).env("GIT_EDITOR", "true").env("CLEARANCE_NOW", "2026-05-06T07:08:09Z");
    git
}

/// The product with itself on PATH, as hooks that it causes to run need it.
pub(crate) fn with_path(place: &Path, arguments: &[&str]) -> Run {
    Run::of(command(place).env("PATH", path()).args(arguments))
}

/// Installs all hooks, which must succeed.
pub(crate) fn install(repo: &TestRepo) {
    let (code, told) = asked(repo.root(), &["hooks", "install"]);
    assert_eq!(code, 0, "{told:#}");
}

/// A rule that forbids `BAD` in what is added.
pub(crate) fn no_bad() -> String {
    rule(
        "no-bad",
        "check: { scan: { files: '**/*.txt', lines: added, forbid: BAD } }\nmessage: m\nremediation: r\n",
    )
}

/// A rule about the subject of a message.
pub(crate) fn typed_subject() -> String {
    let check = r##"check: { assert: 'commit.subject.matches("^(feat|fix|docs): ") && !commit.message.contains("#")' }"##;
    rule("typed-subject", &format!("{check}\nmessage: m\nremediation: reword it\n"))
}

/// A repository on branch `main` with both rules and every hook.
pub(crate) fn hooked() -> TestRepo {
    let repo = staged(&[("rules.d/no-bad.yaml", &no_bad()), ("rules.d/typed.yaml", &typed_subject())]);
    repo.commit_all("Rules");
    install(&repo);
    repo
}

/// The commit that is checked out at a place.
pub(crate) fn head(place: &Path) -> String {
    crate::support::git(place, &["rev-parse", "HEAD"])
}
