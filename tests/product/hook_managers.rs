//! pre-commit and prek, the real ones, with the manifest of this repository.
#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::Command;

use clearance_testkit::python;
use rstest::rstest;

use crate::hooks_support::{no_bad, path, ready_git, typed_subject};
use crate::ready::done;
use crate::rules_support::{stage, staged};
use crate::support::{Run, Scratch, TestRepo, git};

const MANIFEST: &str = ".pre-commit-hooks.yaml";

/// A manager of hooks: what is installed, and the command.
#[derive(Debug, Clone, Copy)]
enum Manager {
    PreCommit,
    Prek,
}

impl Manager {
    fn installed(self) -> Option<PathBuf> {
        let requirement = match self {
            Self::PreCommit => "pre-commit==4.7.0",
            Self::Prek => "prek==0.5.10",
        };
        python::installed(Path::new(env!("CARGO_TARGET_TMPDIR")), requirement)
    }

    /// It, ready to take arguments.
    fn command(self, folder: &Path, home: &Path) -> Command {
        let mut command = match self {
            Self::PreCommit => Command::new("python3"),
            Self::Prek => Command::new(folder.join("bin/prek")),
        };
        clearance_testkit::scrub(&mut command);
        self.equip(&mut command, folder, home);
        if matches!(self, Self::PreCommit) {
            command.args(["-m", "pre_commit"]);
        }
        command
    }

    /// Gives a command what the manager needs when git runs it.
    fn equip(self, command: &mut Command, folder: &Path, home: &Path) {
        command.env("PATH", path()).env("HOME", home).env("PRE_COMMIT_HOME", home).env("PREK_HOME", home);
        if matches!(self, Self::PreCommit) {
            command.env("PYTHONPATH", folder);
        }
    }
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// A repository of hooks, as people name one: with the manifest of this one.
fn hook_repository() -> TestRepo {
    let repo = TestRepo::new();
    repo.write(MANIFEST, clearance_testkit::read(workspace(), MANIFEST));
    repo.commit_all("Hooks");
    repo
}

/// A configuration with every hook of the manifest.
fn configuration(hooks: &TestRepo) -> String {
    let manifest = clearance_testkit::yaml(&clearance_testkit::read(workspace(), MANIFEST));
    let ids = manifest
        .as_array()
        .unwrap()
        .iter()
        .map(|hook| format!("      - id: {}\n", hook["id"].as_str().unwrap()));
    let (ids, rev) = (ids.collect::<String>(), git(hooks.root(), &["rev-parse", "HEAD"]));
    format!(
        "default_install_hook_types: [pre-commit, pre-merge-commit, commit-msg, pre-push]\nrepos:\n  - repo: {}\n    rev: {}    hooks:\n{ids}",
        hooks.root().display(),
        rev,
    )
}

#[rstest]
fn the_manifest_is_valid(#[values(Manager::PreCommit, Manager::Prek)] manager: Manager) {
    let Some(folder) = manager.installed() else { return };
    let home = Scratch::new();
    let mut command = manager.command(&folder, home.path());
    let run = Run::of(command.current_dir(workspace()).args(["validate-manifest", MANIFEST]));
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
}

#[rstest]
fn a_manager_asks(#[values(Manager::PreCommit, Manager::Prek)] manager: Manager) {
    let Some(folder) = manager.installed() else { return };
    let (home, hooks) = (Scratch::new(), hook_repository());
    let repo = staged(&[
        ("rules.d/no-bad.yaml", &no_bad()),
        ("rules.d/typed.yaml", &typed_subject()),
        (".pre-commit-config.yaml", &configuration(&hooks)),
    ]);
    repo.commit_all("Rules");
    done(
        &repo,
        "git init --quiet --bare --initial-branch=main ../origin.git; git remote add origin ../origin.git; git push --quiet -u origin main",
    );
    let run = Run::of(manager.command(&folder, home.path()).current_dir(repo.root()).arg("install"));
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let git = |arguments: &[&str]| {
        let mut git = ready_git(repo.root());
        manager.equip(&mut git, &folder, home.path());
        let run = Run::of(git.args(arguments));
        (run.code == 0, run.stdout + &run.stderr)
    };
    let expect = |arguments: &[&str], goes_on: bool, words: &str| {
        let (went_on, said) = git(arguments);
        assert_eq!(went_on, goes_on, "{arguments:?}: {said}");
        assert!(said.contains(words), "no `{words}` in {said}");
    };
    stage(&repo, &[("a.txt", "BAD\n")]);
    expect(&["commit", "--message", "feat: it"], false, "no-bad");
    stage(&repo, &[("a.txt", "good\n")]);
    expect(&["commit", "--message", "wip"], false, "typed-subject");
    expect(&["commit", "--message", "feat: it"], true, "");
    expect(&["push", "origin", "main"], true, "");
    stage(&repo, &[("rules.d/odd.yaml", "schema: clearance.rule/v1\nid: [\n")]);
    expect(&["commit", "--message", "feat: odd"], false, "rules.d/odd.yaml");
    repo.git(&["rm", "--quiet", "--force", "rules.d/odd.yaml"]);
    stage(&repo, &[("b.txt", "BAD\n")]);
    expect(&["commit", "--no-verify", "--message", "feat: bad"], true, "");
    expect(&["push", "origin", "main"], false, "no-bad");
    repo.git(&["checkout", "--quiet", "-b", "side", "HEAD~1"]);
    stage(&repo, &[("c.txt", "good\n")]);
    expect(&["commit", "--message", "feat: side"], true, "");
    expect(&["merge", "--no-ff", "--message", "feat: merge", "main"], false, "no-bad");
}
