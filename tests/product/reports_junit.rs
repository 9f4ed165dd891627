//! JUnit's XML, as CI servers read it.
#![cfg(unix)]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use clearance_testkit::python;
use rstest::rstest;

use crate::reports::{asked, everything, report};
use crate::rules_support::{passing, staged};
use crate::support::TestRepo;

#[test]
fn junit_counts_what_it_has() {
    let repo = everything();
    let xml = report(&repo, "junit");
    let report = quick_junit::Report::deserialize_from_str(&xml).unwrap();
    let suite = |name: &str| report.test_suites.iter().find(|suite| suite.name.as_str() == name).unwrap();
    let counts = |name: &str| (suite(name).tests, suite(name).failures, suite(name).errors);
    assert_eq!(counts("always-fails"), (1, 1, 0));
    assert_eq!(counts("runs-it"), (1, 0, 1));
    assert_eq!(counts("waived-one"), (1, 0, 0));
    assert_eq!(counts("no-evil").1, 0);
    assert_eq!(counts("in-order"), (1, 0, 0));
    assert_eq!((report.failures, report.errors), (1, 1));
    assert!(
        suite("no-evil")
            .test_cases
            .iter()
            .any(|case| case.system_out.as_ref().is_some_and(|out| out.as_str().contains("EVIL")))
    );
}

/// The faults that a second implementation finds with the schema of Jenkins; `None` where the package index is not reached.
fn faults(xml: &str) -> Option<String> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("tests");
    let library = python::installed(Path::new(env!("CARGO_TARGET_TMPDIR")), "xmlschema==4.3.2")?;
    let mut validator = Command::new("python3");
    clearance_testkit::scrub(&mut validator);
    validator.env("PYTHONPATH", library).env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONUTF8", "1");
    validator.arg(tests.join("python/junit_schema.py")).arg(tests.join("schemas/junit-10.xsd"));
    let mut child = validator.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(xml.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{xml}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[rstest]
#[case::of_every_kind(everything(), &[])]
#[case::all_in_order(staged(&[("rules.d/r.yaml", &passing("in-order"))]), &[])]
#[case::no_answer(everything(), &["--rule", "no-such-rule"])]
#[case::nothing_skipped(staged(&[("rules.d/r.yaml", &passing("in-order"))]), &["--rule", "in-order"])]
fn it_is_as_the_schema_of_jenkins_says(#[case] repo: TestRepo, #[case] more: &[&str]) {
    let xml = asked(&repo, &[&["--report", "junit"], more].concat()).stdout;
    let Some(found) = faults(&xml) else { return };
    assert_eq!(found, "", "{xml}");
    let broken = faults(&xml.replacen("<testsuites ", "<testsuites skipped=\"1\" ", 1)).unwrap();
    assert!(broken.contains("'skipped'"), "{broken}");
}
