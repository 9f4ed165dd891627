//! Rules that run programs: nothing runs unless somebody who may decide that has looked at it, and what runs gets little.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rstest::rstest;

use crate::ready::MISSION;
use crate::rules_support::{blocking, commit_on, found, items, rule, unanswered, with_env};
use crate::support::{Run, TestRepo};

/// A mission with a rule that runs a script. The script leaves a mark outside of the repository.
pub(crate) struct Scene {
    pub(crate) repo: TestRepo,
}

const HASH: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

pub(crate) fn exec(argv: &str, more: &str) -> String {
    let text = format!(
        "check:\n  item: script\n  exec: {{ argv: {argv}, timeout: 60s, pass: [0], fail: [1, 7]{more} }}\n\
         message: 'it said {{{{ exec.exit }}}} {{{{ exec.stdout }}}}{{{{ exec.stderr }}}}'\nremediation: mend it\n"
    );
    rule("runs-it", &text)
}

impl Scene {
    /// A script, which is run by `sh`.
    pub(crate) fn new(script: &str) -> Self {
        Self::of(&exec("[sh, tools/check.sh, --config=tools/c.toml]", ""), script)
    }

    pub(crate) fn of(rule: &str, script: &str) -> Self {
        let repo = crate::ready::ready();
        let script = format!("echo ran >> '{}/mark'\n{script}\n", repo.outside().display());
        let files =
            [("rules.d/r.yaml", rule), ("tools/check.sh", script.as_str()), ("tools/c.toml", "a = 1\n")];
        crate::rules_support::write_all(&repo, &files);
        repo.commit_all("Rule");
        Self { repo }
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        let state = self.repo.outside().join("state");
        with_env(&self.repo, &[("XDG_STATE_HOME", state.to_str().unwrap())], arguments)
    }

    pub(crate) fn check(&self, more: &[&str]) -> Run {
        self.run(&[&["check", "--mission", "m", "--json"], more].concat())
    }

    /// The grant that the rule needs as it is now.
    pub(crate) fn grant(&self) -> String {
        let shown = self.run(&["rules", "trust", "show", "runs-it", "--mission", "m", "--json"]);
        let json = shown.json();
        let grant = json["rules"][0]["grant"].as_str().unwrap_or_else(|| panic!("{json:#}"));
        assert_eq!(grant.strip_prefix("exec:runs-it@sha256:").map(str::len), Some(64), "{grant}");
        grant.to_owned()
    }

    fn allow(&self) {
        let allowed = self.run(&["rules", "trust", "allow", "runs-it", "--mission", "m"]);
        assert_eq!(allowed.code, 0, "{}", allowed.stderr);
    }

    /// How often the script ran until now.
    pub(crate) fn ran(&self) -> usize {
        let mark = self.repo.outside().join("mark");
        if mark.exists() { clearance_testkit::read(self.repo.outside(), "mark").lines().count() } else { 0 }
    }

    fn refused(&self, more: &[&str]) {
        let before = self.ran();
        let asked = self.check(more);
        assert_eq!(
            (asked.code, asked.json()["verdict"].as_str()),
            (3, Some("undecided")),
            "{:#}",
            asked.json()
        );
        assert_eq!(items(&asked, "runs-it"), ["* untrusted"]);
        assert_eq!(unanswered(&asked, "runs-it")["code"], "untrusted");
        assert_eq!(self.ran(), before, "nothing may have run");
    }

    fn passes(&self, more: &[&str]) {
        let before = self.ran();
        let asked = self.check(more);
        assert_eq!(
            (asked.code, items(&asked, "runs-it")),
            (0, vec!["script pass".to_owned()]),
            "{:#}",
            asked.json()
        );
        assert_eq!(self.ran(), before + 1);
    }

    /// Runs it, trusted.
    pub(crate) fn trusted(&self, more: &[&str]) -> Run {
        self.check(&[&["--trust", &self.grant()], more].concat())
    }
}

#[test]
fn nothing_runs_that_nobody_trusts() {
    let scene = Scene::new("exit 0");
    scene.refused(&[]);
    scene.refused(&["--rules-from", "head"]);
    let dry = scene.run(&["merge", "--dry-run", "--mission", "m", "--json"]);
    assert_eq!((dry.code, &dry.json()["ready"], scene.ran()), (3, &false.into(), 0), "{:#}", dry.json());
    let people = scene.run(&["check", "--mission", "m"]);
    for told in
        ["error[untrusted]", "sh tools/check.sh", "clearance rules trust allow runs-it", &scene.grant()]
    {
        assert!(people.stdout.contains(told), "{told}: {}", people.stdout);
    }
    for command in [&["rules", "test"][..], &["rules", "lint"], &["rules", "list", "--capabilities"]] {
        scene.run(command);
    }
    scene.run(&["check", "--mission", "m", "--rule", "runs-it", "--trace"]);
    assert_eq!(scene.ran(), 0, "authoring runs nothing");
}

/// What cannot be told hides no blocker.
#[test]
fn an_untrusted_rule_hides_nothing() {
    let scene = Scene::new("exit 0");
    commit_on(&scene.repo, "main", &[("rules.d/z.yaml", &blocking())]);
    let asked = scene.check(&[]);
    assert_eq!((asked.code, found(&asked, "always-fails")), (3, vec!["* always-fails".to_owned()]));
}

#[test]
fn allow_and_revoke() {
    let scene = Scene::new("exit 0");
    let shown = |scene: &Scene| {
        let json = scene.run(&["rules", "trust", "show", "--mission", "m", "--json"]).json();
        (json["rules"][0]["id"].clone(), json["rules"][0]["trusted"].clone())
    };
    assert_eq!(shown(&scene), ("runs-it".into(), false.into()));
    let allowed = scene.run(&["rules", "trust", "allow", "runs-it", "--mission", "m"]);
    for told in ["runs sh tools/check.sh", "for at most 60s", "throw-away checkout", &scene.grant()] {
        assert!(allowed.code == 0 && allowed.stdout.contains(told), "{told}: {}", allowed.stdout);
    }
    assert_eq!((shown(&scene), scene.ran()), (("runs-it".into(), true.into()), 0), "to allow is not to run");
    scene.passes(&[]);
    let state = scene.repo.outside().join("state/clearance");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&state), mode(&state.join("trust.json"))), (0o700, 0o600));
    let revoked = scene.run(&["rules", "trust", "revoke", "runs-it"]);
    assert_eq!(revoked.code, 0, "{}", revoked.stderr);
    assert_eq!(shown(&scene), ("runs-it".into(), false.into()));
    scene.refused(&[]);
}

/// What was trusted is what was looked at: any other text needs another look, and the old one counts again for the old
/// text only.
#[rstest]
#[case::comment_in_the_rule(&[("rules.d/r.yaml", "# another\n")])]
#[case::argument(&[("rules.d/r.yaml", "ARGV")])]
#[case::script(&[("tools/check.sh", "# another\n")])]
#[case::file_behind_an_equals_sign(&[("tools/c.toml", "b = 2\n")])]
fn any_change_is_untrusted_again(
    #[case] changed: &[(&str, &str)],
    #[values("store", "--trust")] how: &str,
    #[values("main", MISSION)] branch: &str,
) {
    let scene = Scene::new("exit 0");
    let grant = scene.grant();
    let more: &[&str] = if how == "store" { &[] } else { &["--trust", &grant] };
    if how == "store" {
        scene.allow();
    }
    scene.passes(more);
    let (file, with) = changed[0];
    let before = scene.repo.read(file);
    let after = if with == "ARGV" { before.replace("--config", "--konfig") } else { before.clone() + with };
    // The mission branch began before the rule: it gets the files as the target has them first.
    scene.repo.git(&["checkout", "--quiet", branch]);
    scene.repo.git(&["merge", "--quiet", "--ff", "main"]);
    scene.repo.git(&["checkout", "--quiet", "main"]);
    commit_on(&scene.repo, branch, &[(file, &after)]);
    let of_the_rule = file.starts_with("rules.d");
    if of_the_rule && branch == MISSION {
        // The target's rule counts, which is as it was.
        scene.passes(more);
    } else {
        assert_ne!(scene.grant(), grant);
        scene.refused(more);
        commit_on(&scene.repo, branch, &[(file, &before)]);
        scene.passes(more);
    }
}

/// Nothing in a change can grant itself anything; the target's lock file can.
#[test]
fn the_lock_file_counts_on_the_target_only() {
    let scene = Scene::new("exit 0");
    let lock = format!("schema: clearance.trust-lock/v1\ntrust:\n  - {}\n", scene.grant());
    let file = [("rules.d/trust.lock", lock.as_str())];
    commit_on(&scene.repo, MISSION, &file);
    scene.refused(&[]);
    crate::rules_support::write_all(&scene.repo, &file);
    scene.refused(&[]);
    scene.refused(&["--rules-from", "head"]);
    scene.refused(&["--rules-from", "rules.d"]);
    scene.repo.git(&["add", "--all"]);
    scene.refused(&[]);
    commit_on(&scene.repo, "main", &[]);
    scene.passes(&[]);
    scene.repo.git(&["branch", "--force", MISSION, "main"]);
    let hash = lock.rsplit(':').next().unwrap().trim();
    commit_on(&scene.repo, "main", &[("rules.d/trust.lock", &lock.replace(hash, HASH))]);
    scene.refused(&[]);
}

#[rstest]
#[case::wrong_hash(&format!("exec:runs-it@sha256:{HASH}"), 3)]
#[case::another_rule(&format!("exec:runs-that@sha256:{HASH}"), 3)]
#[case::network("network:runs-it", 3)]
#[case::no_hash("exec:runs-it", 2)]
#[case::short("exec:runs-it@sha256:0123", 2)]
#[case::no_grant("runs-it", 2)]
fn another_grant_trusts_nothing(#[case] grant: &str, #[case] code: i32) {
    let scene = Scene::new("exit 0");
    let asked = scene.check(&["--trust", grant]);
    assert_eq!((asked.code, scene.ran()), (code, 0), "{}", asked.stdout);
}

#[test]
fn ci_trusts_nothing_by_itself() {
    let scene = Scene::new("exit 0");
    let asked = with_env(&scene.repo, &[("CI", "true")], &["check", "--mission", "m", "--json"]);
    assert_eq!((asked.code, items(&asked, "runs-it"), scene.ran()), (3, vec!["* untrusted".to_owned()], 0));
}

/// A grant is for one repository: another clone is looked at there.
#[test]
fn a_clone_is_another_repository_and_a_work_tree_is_not() {
    let scene = Scene::new("exit 0");
    scene.allow();
    let state = scene.repo.outside().join("state");
    let check = |place: &str| {
        let mut command = crate::support::command(&scene.repo.outside().join(place));
        Run::of(command.env("XDG_STATE_HOME", &state).args([
            "check",
            "--mission",
            "m",
            "--json",
            "--rule",
            "runs-it",
        ]))
    };
    scene.repo.git(&["worktree", "add", "--quiet", "--detach", "../tree", "main"]);
    scene.repo.git(&["clone", "--quiet", ".", "../clone"]);
    for branch in [MISSION, crate::ready::LANE_A, crate::ready::LANE_B] {
        scene.repo.git(&["-C", "../clone", "branch", "--quiet", branch, &format!("origin/{branch}")]);
    }
    assert_eq!(items(&check("tree"), "runs-it"), ["script pass"]);
    assert_eq!(items(&check("clone"), "runs-it"), ["* untrusted"]);
    assert_eq!(scene.ran(), 1);
}
