//! The contract-drift scenario, with real packages, real environments and real tools; no package index.

use rstest::rstest;
use serde_json::json;

use crate::drift_support::{Packages, TESTS, Tools};
use crate::nested_env_support::{Place, interpreter};
use crate::support::{Run, all, same_after, valid};

/// Fails where an answer is no failure of this code; its message.
fn no_verdict(run: &Run, code: &str) -> String {
    let told = run.json();
    assert_eq!((run.code, told["error"].as_str()), (3, Some(code)), "{told:#}");
    assert!(!run.stdout.contains("drift_detected") && !run.stdout.contains("no_drift"), "{}", run.stdout);
    told["message"].as_str().unwrap().to_owned()
}

/// Consumer first, candidate last: the second order of the three, and the right one.
#[rstest]
#[case::uv(Tools::Uv, "uv_venv")]
#[case::stdlib(Tools::Stdlib, "stdlib_venv")]
fn a_candidate_that_drops_a_field_is_noticed(#[case] tools: Tools, #[case] method: &str) {
    let Some(packages) = Packages::new(tools) else { return };
    let consumer = packages.place.path("consumer");
    let run = same_after("the scenario", || all(&consumer), || packages.drift(&["--json"], &TESTS));
    let told = run.json();
    valid("clearance.env-drift.v1.json", &told);
    assert_eq!((run.code, &told["outcome"]), (1, &json!("drift_detected")), "{told:#}\n{}", run.stderr);
    assert_eq!((&told["baseline_version"], &told["version"]), (&json!("1.4.0"), &json!("999.0.0")));
    assert_eq!(
        (&told["method"], &told["sign"], &told["tests_exit"]),
        (&json!(method), &json!("event_id"), &json!(1))
    );
    assert!(
        told["line"].as_str().unwrap().starts_with("AssertionError: 'event_id' not found in"),
        "{told:#}"
    );
    let steps: Vec<_> =
        told["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["environment", "consumer", "tests", "candidate", "tests with the candidate"]);
}

#[test]
fn what_is_expected_is_exit_code_0() {
    let Some(packages) = Packages::new(Tools::Uv) else { return };
    let run = packages.drift(&["--expect", "drift_detected"], &TESTS);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    assert!(
        run.stdout
            .starts_with("drift_detected: the tests fail with contract-events 999.0.0 in the place of 1.4.0")
    );
}

#[test]
fn a_candidate_that_keeps_the_contract_is_no_drift() {
    let Some(packages) = Packages::new(Tools::Uv) else { return };
    packages.write("events", "kept", &[("1.4.0", "2.0.0")]);
    let wheel = packages.build("kept", "candidates");
    let wheel = wheel.to_str().unwrap();
    let run = packages.drift_of(wheel, "2.0.0", &["--json"], &TESTS);
    assert_eq!((run.code, &run.json()["outcome"]), (0, &json!("no_drift")), "{}", run.stdout);
    let run = packages.drift_of(wheel, "2.0.0", &["--expect", "drift_detected"], &TESTS);
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (1, "no_drift: the tests pass with contract-events 2.0.0 in the place of 1.4.0\n")
    );
}

/// The first order of the three: the candidate, and then the consumer, whose requirements put the released version back. The
/// tests pass, on no drift at all.
#[rstest]
#[case::uv(Tools::Uv)]
#[case::stdlib(Tools::Stdlib)]
fn drift_that_the_resolver_erased_is_an_error(#[case] tools: Tools) {
    let Some(packages) = Packages::new(tools) else { return };
    let installs = match tools {
        Tools::Uv => "uv pip install -q --offline --no-config --find-links ../links --reinstall .",
        Tools::Stdlib => "python -m pip install -q --no-index --find-links ../links .",
    };
    let script = format!("{installs} && exec {}", TESTS.join(" "));
    // In their baseline the tests do the same, and nothing comes of it.
    let run = packages.drift(&["--json"], &["sh", "-c", &script]);
    let message = no_verdict(&run, "drift_erased");
    assert!(
        message.starts_with(
            "after the tests, contract-events 1.4.0 is installed, and not the candidate 999.0.0"
        ),
        "{message}"
    );
}

/// The third order of the three: the package is not there at all, and the names of files alone have the words that are looked for.
#[test]
fn a_package_that_is_not_installed_is_no_drift() {
    let Some(packages) = Packages::new(Tools::Uv) else { return };
    packages.write("consumer", "consumer", &[("\"contract-events<2\"", "")]);
    let run = packages.drift(&["--json", "--sign", "envelope"], &TESTS);
    assert_eq!(
        no_verdict(&run, "drift_package_missing"),
        "the consumer does not bring contract-events, so that it cannot drift under it"
    );
}

#[rstest]
#[case::candidate_that_is_not_there("../candidates/nothing-1.0-py3-none-any.whl", &[], "the candidate cannot be installed")]
#[case::candidate_of_no_index("contract-events==999.0.0", &[], "the candidate cannot be installed")]
#[case::consumer_that_is_not_there("", &["--consumer", "nothing-of-this-name==1.0"], "the consumer cannot be installed")]
#[case::what_the_tests_need("", &["--with", "nothing-of-this-name"], "the consumer cannot be installed")]
#[case::an_option("", &["--with", "--index-url=https://example.invalid"], "the consumer cannot be installed")]
fn what_cannot_be_installed_is_no_drift(#[case] candidate: &str, #[case] more: &[&str], #[case] said: &str) {
    let Some(packages) = Packages::new(Tools::Uv) else { return };
    let more = [&["--json"], more].concat();
    let run = match candidate {
        "" => packages.drift(&more, &TESTS),
        other => packages.drift_of(other, "999.0.0", &more, &TESTS),
    };
    if run.code == 2 {
        // Taken for an option of our own.
        assert_eq!(run.json()["error"], "usage");
        return;
    }
    let message = no_verdict(&run, "drift_install_failed");
    assert!(message.starts_with(said), "{message}");
}

/// Its version is that of the package that the consumer brought: only from where that was installed tells them apart.
#[test]
fn a_candidate_of_another_name_is_not_taken_for_the_package() {
    let Some(packages) = Packages::new(Tools::Uv) else { return };
    packages.write("drifted", "other", &[("contract-events", "contract-other"), ("999.0.0", "1.4.0")]);
    let message = no_verdict(&packages.drift_of("../other", "1.4.0", &["--json"], &TESTS), "drift_erased");
    assert!(message.starts_with("before the tests, contract-events 1.4.0 is installed"), "{message}");
}

#[test]
fn what_uv_is_told_where_the_tests_run_is_not_looked_at() {
    let Some(packages) = Packages::new(Tools::Uv) else { return };
    packages.place.write("consumer/uv.toml", "no toml at all [");
    let run = packages.drift(&["--json"], &TESTS);
    assert_eq!((run.code, &run.json()["outcome"]), (1, &json!("drift_detected")), "{}", run.stdout);
}

/// uv keeps what it built of a directory until its `pyproject.toml` changes.
#[test]
fn what_the_consumer_takes_from_beside_it_is_taken_as_it_is_now() {
    let Some(packages) = Packages::new(Tools::Uv) else { return };
    let sources = "[tool.uv.sources]\ncontract-events = { path = \"../events\" }\n\n[build-system]";
    packages.write("consumer", "consumer", &[("[build-system]", sources)]);
    let run = packages.drift(&["--json"], &TESTS);
    assert_eq!((run.code, &run.json()["outcome"]), (1, &json!("drift_detected")), "{}", run.stdout);
    packages.place.write(
        "events/src/contract_events/__init__.py",
        "def envelope(event_id, kind, payload):\n    return {}\n",
    );
    let message = no_verdict(&packages.drift(&["--json"], &TESTS), "drift_baseline_fails");
    assert!(message.contains("contract-events 1.4.0 already"), "{message}");
}

/// `build` is a package, and in many projects a directory.
#[test]
fn a_directory_that_is_no_project_is_not_taken_for_a_package_of_its_name() {
    let Some(packages) = Packages::new(Tools::Uv) else { return };
    packages.place.write("consumer/contract-events/notes.txt", "");
    let run = packages.drift(&["--json", "--with", "contract-events"], &TESTS);
    assert_eq!((run.code, &run.json()["outcome"]), (1, &json!("drift_detected")), "{}", run.stdout);
}

#[test]
fn a_candidate_may_have_extras_and_is_still_looked_for_where_it_is() {
    let Some(packages) = Packages::new(Tools::Uv) else { return };
    let run = packages.drift_of("../drifted[fast]", "999.0.0", &["--json"], &TESTS);
    assert_eq!((run.code, &run.json()["outcome"]), (1, &json!("drift_detected")), "{}", run.stdout);
}

#[test]
fn offline_no_address_is_asked() {
    let packages = Packages::new(Tools::Stdlib).unwrap();
    let candidate = "https://me:secret@127.0.0.1:1/contract_events-999.0.0-py3-none-any.whl";
    let message =
        no_verdict(&packages.drift_of(candidate, "999.0.0", &["--json"], &TESTS), "drift_install_failed");
    assert!(
        message.starts_with("https://***@127.0.0.1:1/contract_events")
            && message.contains("offline none is asked"),
        "{message}"
    );
}

/// An empty word would stand for the directory that it is looked for from.
#[rstest]
#[case("--consumer")]
#[case("--with")]
#[case("--find-links")]
fn empty_words_are_mistakes_of_usage(#[case] option: &str) {
    let packages = Packages::new(Tools::Stdlib).unwrap();
    let run = packages.drift(&["--json", option, " "], &TESTS);
    assert_eq!((run.code, &run.json()["error"]), (2, &json!("usage")), "{}", run.stdout);
}

#[test]
fn a_candidate_of_another_version_is_told_before_the_tests() {
    let Some(packages) = Packages::new(Tools::Uv) else { return };
    packages.write("drifted", "other", &[("999.0.0", "998.0.0")]);
    let wheel = packages.build("other", "candidates");
    let run = packages.drift_of(wheel.to_str().unwrap(), "999.0.0", &["--json"], &TESTS);
    let message = no_verdict(&run, "drift_erased");
    assert!(message.starts_with("before the tests, contract-events 998.0.0 from "), "{message}");
}

/// A candidate of the very version that is installed is another one all the same.
#[rstest]
#[case::uv(Tools::Uv)]
#[case::stdlib(Tools::Stdlib)]
fn a_candidate_of_the_same_version_is_installed(#[case] tools: Tools) {
    let Some(packages) = Packages::new(tools) else { return };
    packages.write("drifted", "same", &[("999.0.0", "1.4.0")]);
    let run = packages.drift_of("../same", "1.4.0", &["--json"], &TESTS);
    assert_eq!((run.code, &run.json()["outcome"]), (1, &json!("drift_detected")), "{}", run.stdout);
}

#[test]
fn tests_that_fail_anyway_say_nothing() {
    let Some(packages) = Packages::new(Tools::Uv) else { return };
    packages.write("consumer", "consumer", &[("{\"work_package\": \"WP01\"})", "{})")]);
    let message = no_verdict(&packages.drift(&["--json"], &TESTS), "drift_baseline_fails");
    assert!(
        message.contains("contract-events 1.4.0 already") && message.contains("AssertionError"),
        "{message}"
    );
}

#[test]
fn a_failure_that_names_no_sign_is_not_taken_for_drift() {
    let Some(packages) = Packages::new(Tools::Uv) else { return };
    // Its tests name the sign in their file and in their source; what fails says something else.
    packages.write(
        "consumer",
        "consumer",
        &[("self.assertIn(\"event_id\", done(\"WP01\"))", "self.assertEqual(4, len(done(\"event_id\")))")],
    );
    let message = no_verdict(&packages.drift(&["--json"], &TESTS), "drift_unclear");
    assert!(message.contains("no failure names event_id: AssertionError: 4 != 3"), "{message}");
}

/// A copy of the released package that stands before the candidate, in the ways that it does: the tests pass with it whatever
/// the candidate is.
#[rstest]
#[case::where_python_m_runs("contract_events", &TESTS)]
#[case::where_a_script_runs("contract_events", &["python", "-c", "import contract_consumer as c; c.done('1')['event_id']"])]
#[case::beside_the_tests("contract/contract_events", &TESTS)]
#[case::in_pythonpath("copy/contract_events", &["env", "PYTHONPATH=copy", "python", "-m", "unittest", "discover", "-s", "contract"])]
#[case::in_a_process_that_ends_at_once("copy/contract_events", &["env", "PYTHONPATH=copy", "python", "-c", "import os, contract_consumer as c; c.done('1')['event_id']; os._exit(0)"])]
fn a_copy_that_is_imported_in_the_place_of_the_candidate_is_told(#[case] copy: &str, #[case] tests: &[&str]) {
    let Some(packages) = Packages::new(Tools::Uv) else { return };
    let source = clearance_testkit::read(&packages.place.path("events"), "src/contract_events/__init__.py");
    packages.place.write(&format!("consumer/{copy}/__init__.py"), &source);
    let message = no_verdict(&packages.drift(&["--json"], tests), "drift_shadowed");
    assert!(
        message
            .starts_with("with the version that the consumer brings, the tests import contract_events from ")
            && message.contains("contract_events/__init__.py"),
        "{message}"
    );
}

/// Tests that run elsewhere, as with a runner that makes an environment of its own, pass whatever the candidate is.
#[rstest]
#[case::nothing(&["true"])]
#[case::another_python(&["sh", "-c", "PATH=${PATH#*:} exec python3 -c pass"])]
fn tests_that_import_nothing_of_the_package_say_nothing_of_it(#[case] tests: &[&str]) {
    let Some(packages) = Packages::new(Tools::Uv) else { return };
    let python = format!("#!/bin/sh\nexec '{}' \"$@\"\n", interpreter().display());
    let packages = Packages {
        place: packages.place.and("python3", &python).and("true", "#!/bin/sh\nexit 0\n"),
        ..packages
    };
    assert_eq!(
        no_verdict(&packages.drift(&["--json"], tests), "drift_not_imported"),
        "the tests pass with the version that the consumer brings, and import nothing of contract-events: \
         they say nothing of it"
    );
}

#[test]
fn tests_that_are_not_of_the_environment_are_refused() {
    let Some(packages) = Packages::new(Tools::Uv) else { return };
    let other = Packages { place: packages.place.and("pytest", "#!/usr/bin/python3\n"), ..packages };
    let message = no_verdict(&other.drift(&["--json"], &["pytest", "contract"]), "drift_program_outside");
    assert!(message.starts_with("`pytest` is not in the environment"), "{message}");
}

#[rstest]
#[case::none_selected(&["sh", "-c", "echo 'Ran 0 tests in 0.000s'"], "drift_no_tests", "no test was run with the version that the consumer brings")]
#[case::not_there(&["no-such-program"], "drift_tests_not_run", "`no-such-program` is in no directory of PATH")]
#[case::killed(&["sh", "-c", "kill -KILL $$"], "drift_tests_not_run", "ended by signal 9")]
#[case::hanging(&["sleep", "600"], "drift_tests_not_run", "had not ended after")]
fn tests_that_do_not_answer_are_no_answer(#[case] tests: &[&str], #[case] code: &str, #[case] said: &str) {
    let Some(packages) = Packages::new(Tools::Uv) else { return };
    // Enough for everything before them.
    let message = no_verdict(&packages.drift(&["--json", "--timeout", "20"], tests), code);
    assert!(message.contains(said), "{message}");
}

/// Tests that look first whether the candidate has what they need, and are skipped where it has not.
#[test]
fn tests_that_are_all_skipped_with_the_candidate_are_no_answer() {
    let Some(packages) = Packages::new(Tools::Uv) else { return };
    let skips = "import unittest\nfrom contract_consumer import done\n\n\nclass Envelope(unittest.TestCase):\n    def test_id(self):\n        \
                 if 'event_id' not in done('WP01'):\n            self.skipTest('no event_id')\n";
    packages.place.write("consumer/contract/test_events_envelope.py", skips);
    let message = no_verdict(&packages.drift(&["--json"], &TESTS), "drift_no_tests");
    assert_eq!(message, "no test was run with the candidate");
}

#[test]
fn where_there_can_be_no_environment_it_is_skipped() {
    let place = Place::with("uv", "#!/bin/sh\necho 'error: broken' >&2\nexit 2\n");
    let place = place.and("python3", "#!/bin/sh\nexit 1\n");
    let arguments = [
        "env",
        "drift",
        "--package",
        "p",
        "--candidate",
        "c",
        "--candidate-version",
        "1",
        "--sign",
        "s",
        "--json",
        "--",
        "t",
    ];
    let run = Run::of(place.command().args(arguments));
    valid("clearance.env-limitation.v1.json", &run.json());
    let message = no_verdict(&run, "environment_limitation");
    assert!(
        message.starts_with(
            "skipped: E2E environment limitation: could not create a nested Python environment."
        ),
        "{message}"
    );
    assert!(message.contains("broken (exit code 2)"), "{message}");
}

/// A uv that hangs has all of the time, and no more; that it is over says nothing of this machine.
#[test]
fn the_time_is_that_of_all_steps_and_its_end_is_no_limitation() {
    let packages = Packages::new(Tools::Stdlib).unwrap();
    let packages = Packages { place: packages.place.and("uv", "#!/bin/sh\nexec sleep 600\n"), ..packages };
    let started = std::time::Instant::now();
    let message = no_verdict(&packages.drift(&["--json", "--timeout", "4"], &TESTS), "drift_out_of_time");
    assert!(started.elapsed().as_secs_f32() < 7.5, "{:?}", started.elapsed());
    assert!(message.contains("uv venv failed: killed, as it had not ended after"), "{message}");
    assert!(!message.contains("E2E environment limitation"), "{message}");
}

#[test]
fn a_place_that_is_not_there_is_told_and_not_made() {
    let place = Place::new();
    for arguments in [
        &["env", "create", "made", "--repo", "nowhere", "--json"][..],
        &[
            "env",
            "drift",
            "--repo",
            "nowhere",
            "--json",
            "--package",
            "p",
            "--candidate",
            "c",
            "--candidate-version",
            "1",
            "--sign",
            "s",
            "--",
            "t",
        ],
    ] {
        let run = Run::of(place.command().args(arguments));
        assert_eq!((run.code, &run.json()["error"]), (2, &json!("no_directory")), "{}", run.stdout);
    }
    assert!(!place.path("nowhere").exists());
}

/// With the runner that most use, where the package index is reached.
#[test]
fn failures_of_pytest_are_read() {
    let Some(packages) = Packages::new(Tools::Uv) else { return };
    let uv = crate::nested_env_support::uv().unwrap();
    let mut fetch = std::process::Command::new(interpreter());
    fetch
        .args(["-m", "pip", "download", "--quiet", "--dest"])
        .arg(packages.place.path("links"))
        .arg("pytest");
    if !fetch.stdin(std::process::Stdio::null()).status().is_ok_and(|status| status.success()) {
        eprintln!("the package index is not reached: {} is not tried with pytest", uv.display());
        return;
    }
    let run = packages.drift(&["--json", "--with", "pytest"], &["pytest", "-q", "contract"]);
    let told = run.json();
    assert_eq!((run.code, &told["outcome"]), (1, &json!("drift_detected")), "{told:#}\n{}", run.stderr);
    assert!(told["line"].as_str().unwrap().starts_with("AssertionError: 'event_id' not found"), "{told:#}");
}
