//! Rules of kind `drift`: the contract-drift scenario in front of a merge.
#![cfg(unix)]

use rstest::rstest;
use serde_json::Value;

use crate::drift_support::{Packages, Tools, sources};
use crate::nested_env_support::interpreter;
use crate::rules_support::{items, of, ready_with, rule, unanswered};
use crate::support::{Run, TestRepo, run, unchanged};

/// A rule that plays the scenario, with more below `drift:`.
fn drift(more: &str) -> String {
    rule(
        "events-contract",
        &format!(
            "check:\n  item: \"{{{{ drift.package }}}} {{{{ drift.version }}}}\"\n  drift:\n    package: contract-events\n    \
             candidate: contracts/drifted\n    version: 999.0.0\n    consumer: consumer\n    signs: [event_id]\n    \
             tests: [python, -m, unittest, discover, -s, consumer/contract]\n    find_links: [wheels]\n    offline: true\n    \
             timeout: 10m\n{more}\
             message: \"{{{{ drift.outcome }}}}: {{{{ drift.line }}}}\"\nremediation: keep the envelope\n"
        ),
    )
}

/// A mission that is ready to merge, with the packages and the rule in its repository; and the programs to play it with.
struct Scene {
    repo: TestRepo,
    packages: Packages,
}

impl Scene {
    fn new(tools: Tools, rule: &str) -> Option<Self> {
        let mut packages = Packages::new(tools)?;
        // Rules name no interpreter: it is that of PATH.
        let python = format!("#!/bin/sh\nexec '{}' \"$@\"\n", interpreter().display());
        packages.place = packages.place.and("python3", &python);
        let repo = ready_with(&[("rules.d/drift.yaml", rule)]);
        for (package, directory) in [("drifted", "contracts/drifted"), ("consumer", "consumer")] {
            for (name, content) in sources(package) {
                repo.write(&format!("{directory}/{name}"), content);
            }
        }
        let wheel = "contract_events-1.4.0-py3-none-any.whl";
        repo.write(
            &format!("wheels/{wheel}"),
            std::fs::read(packages.place.path("links").join(wheel)).unwrap(),
        );
        repo.commit_all("A contract");
        Some(Self { repo, packages })
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let mut command = self.packages.place.command_with_git();
        command.current_dir(self.repo.root()).env("XDG_STATE_HOME", self.repo.outside().join("state"));
        Run::of(command.args(arguments))
    }

    fn check(&self, more: &[&str]) -> Run {
        self.run(&[&["check", "--mission", "m", "--json"], more].concat())
    }

    fn grant(&self) -> String {
        let shown =
            self.run(&["rules", "trust", "show", "events-contract", "--mission", "m", "--json"]).json();
        shown["rules"][0]["grant"].as_str().unwrap_or_else(|| panic!("{shown:#}")).to_owned()
    }
}

/// What is said of the one item, where it holds.
fn said(run: &Run) -> String {
    of(run, "events-contract")["items"][0]["message"].as_str().unwrap_or_default().to_owned()
}

#[rstest]
#[case::uv(Tools::Uv)]
#[case::stdlib(Tools::Stdlib)]
fn a_consumer_that_notices_passes_where_that_is_expected(#[case] tools: Tools) {
    let Some(scene) = Scene::new(tools, &drift("    expect: drift_detected\n")) else { return };
    let grant = scene.grant();
    let asked = unchanged(scene.repo.root(), || scene.check(&["--trust", &grant]));
    assert_eq!(
        (asked.code, items(&asked, "events-contract")),
        (0, vec!["contract-events 999.0.0 pass".to_owned()]),
        "{:#}",
        asked.json()
    );
    let said = said(&asked);
    assert!(said.starts_with("drift_detected: the tests fail with contract-events 999.0.0 in the place of 1.4.0: AssertionError"), "{said}");
}

#[test]
fn drift_blocks_where_none_is_expected() {
    let Some(scene) = Scene::new(Tools::Uv, &drift("")) else { return };
    let asked = scene.check(&["--trust", &scene.grant()]);
    assert_eq!(
        (asked.code, items(&asked, "events-contract")),
        (1, vec!["contract-events 999.0.0 fail".to_owned()]),
        "{:#}",
        asked.json()
    );
    let message = of(&asked, "events-contract")["findings"][0]["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("drift_detected: AssertionError: 'event_id' not found"), "{message}");
}

#[test]
fn it_runs_nothing_that_nobody_trusts_and_trust_is_of_the_candidate() {
    let Some(scene) = Scene::new(Tools::Uv, &drift("    expect: drift_detected\n")) else { return };
    let asked = scene.check(&[]);
    assert_eq!((asked.code, items(&asked, "events-contract")), (3, vec!["* untrusted".to_owned()]));
    let why = unanswered(&asked, "events-contract");
    assert!(
        why["message"]
            .as_str()
            .unwrap()
            .contains("installs consumer, contracts/drifted, and what these require, from found links only"),
        "{why:#}"
    );
    let grant = scene.grant();
    // What is judged changes with every commit; who judges may not.
    scene.repo.write("consumer/src/contract_consumer/more.py", "");
    scene.repo.commit_all("More of the consumer");
    assert_eq!(scene.grant(), grant);
    scene.repo.write("contracts/drifted/src/contract_events/more.py", "");
    scene.repo.commit_all("Another candidate");
    assert_ne!(scene.grant(), grant);
    assert_eq!(items(&scene.check(&["--trust", &grant]), "events-contract"), ["* untrusted"]);
}

#[rstest]
#[case::no_candidate(
    "candidate: contracts/drifted",
    "candidate: contracts/nothing",
    "the candidate cannot be installed"
)]
#[case::no_consumer(
    "consumer: consumer",
    "consumer: nothing-of-this-name",
    "the consumer cannot be installed"
)]
#[case::another_version("version: 999.0.0", "version: 998.0.0", "the drift was erased")]
#[case::another_sign("signs: [event_id]", "signs: [nothing]", "no failure names nothing")]
fn what_is_neither_drift_nor_its_absence_is_undecided(
    #[case] from: &str,
    #[case] to: &str,
    #[case] said: &str,
) {
    let rule = drift("    expect: drift_detected\n").replace(from, to);
    let Some(scene) = Scene::new(Tools::Uv, &rule) else { return };
    let asked = scene.check(&["--trust", &scene.grant()]);
    assert_eq!(
        (asked.code, items(&asked, "events-contract")),
        (3, vec!["* error".to_owned()]),
        "{:#}",
        asked.json()
    );
    let why = unanswered(&asked, "events-contract");
    assert!(why["message"].as_str().unwrap().contains(said), "{why:#}");
}

#[test]
fn where_there_can_be_no_environment_it_is_skipped_and_undecided() {
    let Some(mut scene) = Scene::new(Tools::Stdlib, &drift("    expect: drift_detected\n")) else { return };
    scene.packages.place =
        scene.packages.place.and("python3", "#!/bin/sh\necho 'Error: no venv here'; exit 1\n");
    let asked = scene.check(&["--trust", &scene.grant()]);
    assert_eq!((asked.code, items(&asked, "events-contract")), (3, vec!["* error".to_owned()]));
    let why = unanswered(&asked, "events-contract");
    let message = why["message"].as_str().unwrap();
    assert!(
        message
            .contains("skipped: E2E environment limitation: could not create a nested Python environment."),
        "{message}"
    );
    assert!(message.contains("no venv here (exit code 1)"), "{message}");
}

/// A file with mistakes: each told with its line.
#[rstest]
#[case::no_sign("signs: [event_id]", "signs: []", "there is no sign")]
#[case::no_tests(
    "tests: [python, -m, unittest, discover, -s, consumer/contract]",
    "tests: []",
    "no program in `tests`"
)]
#[case::an_option(
    "candidate: contracts/drifted",
    "candidate: --index-url=https://x.invalid",
    "no package and no path"
)]
#[case::a_loader("timeout: 10m", "timeout: 10m\n    env: [LD_PRELOAD]", "no program is given `LD_PRELOAD`")]
#[case::an_expectation("timeout: 10m", "timeout: 10m\n    expect: drift", "drift")]
#[case::another_kind("check:", "kind: exec\ncheck:", "its check has no `exec:`")]
#[case::no_time("timeout: 10m", "timeout: soon", "this is no time")]
fn mistakes_are_told_with_their_place(#[case] from: &str, #[case] to: &str, #[case] said: &str) {
    let repo = TestRepo::new();
    repo.write("rules.d/drift.yaml", drift("").replace(from, to));
    let linted = run(&repo, &["rules", "lint"]);
    assert_eq!(linted.code, 1, "{}{}", linted.stdout, linted.stderr);
    let told = format!("{}{}", linted.stdout, linted.stderr);
    assert!(told.contains(said) && told.contains("rules.d/drift.yaml:"), "{told}");
}

#[test]
fn its_own_tests_play_it() {
    let repo = TestRepo::new();
    let tests = "tests:\n  - name: noticed\n    drift: { outcome: drift_detected, line: \"KeyError: 'event_id'\" }\n    \
                 expect: { \"contract-events 999.0.0\": fail }\n    message: { \"contract-events 999.0.0\": \"drift_detected: KeyError: 'event_id'\" }\n  \
                 - name: kept\n    drift: { outcome: no_drift }\n    expect: { \"contract-events 999.0.0\": pass }\n  \
                 - name: no environment\n    drift: { outcome: skipped }\n    expect: { \"*\": error }\n  \
                 - name: nobody trusts it\n    trust: []\n    expect: { \"*\": untrusted }\n";
    // With its kind at the top, for who wants to see it there.
    repo.write("rules.d/drift.yaml", drift("").replace("check:", "kind: drift\ncheck:") + tests);
    let tested = run(&repo, &["rules", "test", "--json"]);
    assert_eq!(tested.code, 0, "{}", tested.stdout);
    assert_eq!(tested.json()["failed"].as_u64().or(Some(0)), Some(0));
    let outcome: &Value = &tested.json();
    assert!(outcome.to_string().contains("nobody trusts it"), "{outcome:#}");
}
