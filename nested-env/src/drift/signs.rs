//! What a failure says. Pure.
//!
//! Only lines that tell of a failure count, and of these not the names of files and tests: `test_events_envelope.py` has
//! `envelope` in it whatever fails.

/// The first sign that a failure names, with the line.
pub(super) fn find(output: &str, signs: &[String]) -> Option<(String, String)> {
    failures(output).find_map(|line| {
        let sign = signs.iter().find(|sign| !sign.is_empty() && line.contains(sign.as_str()))?;
        Some((sign.clone(), line.to_owned()))
    })
}

/// The last thing that a failure says; else the last line that says anything.
pub(super) fn last_failure(output: &str) -> Option<String> {
    let last = || output.lines().rev().map(str::trim).find(|line| !line.is_empty());
    failures(output).last().or_else(last).map(str::to_owned)
}

/// Whether a test runner says that there was nothing to run. Not all of them end with a code of their own then.
pub(super) fn no_test_ran(output: &str) -> bool {
    let says = |line: &str| {
        let line = line.trim_matches(['=', ' ']);
        line == "Ran 0 tests" || line.starts_with("Ran 0 tests in ") || line.starts_with("no tests ran")
    };
    output.lines().any(says)
}

/// What the lines of failures say.
fn failures(output: &str) -> impl Iterator<Item = &str> {
    output.lines().filter_map(failure)
}

fn failure(line: &str) -> Option<&str> {
    // pytest: what an assertion or an error says.
    if let Some(said) = line.strip_prefix("E ") {
        return Some(said.trim());
    }
    let line = line.trim();
    // pytest's summary: `FAILED file::test - what it said`.
    if ["FAILED ", "ERROR "].iter().any(|word| line.starts_with(word)) {
        return line.split_once(" - ").map(|(_, said)| said);
    }
    if line.starts_with("not ok ") {
        return line.split_once(" - ").map(|(_, said)| said);
    }
    // The end of a traceback.
    let name = line.split(':').next().unwrap_or_default();
    is_exception(name).then_some(line)
}

/// `KeyError`, `events.errors.ContractViolation`
fn is_exception(name: &str) -> bool {
    const ENDS: [&str; 4] = ["Error", "Exception", "Failure", "Warning"];
    let is_word = |part: &str| {
        part.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_class = name.contains('.') && last.starts_with(char::is_uppercase);
    name.split('.').all(is_word) && (is_class || ENDS.iter().any(|end| last.ends_with(end)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::pytest("E       AssertionError: assert 'event_id' in {}", true)]
    #[case::pytest_summary("FAILED tests/test_x.py::test_y - KeyError: 'event_id'", true)]
    #[case::unittest("AssertionError: 'event_id' not found in {}", true)]
    #[case::key_error("KeyError: 'event_id'", true)]
    #[case::own_exception("events.errors.Missing: event_id", true)]
    #[case::tap("not ok 3 - event_id is there", true)]
    #[case::indented("    KeyError: 'event_id'", true)]
    #[case::a_file_name("FAILED tests/test_event_id.py::test_y - KeyError: 'other'", false)]
    #[case::a_file_name_alone("FAILED tests/test_event_id.py::test_y", false)]
    #[case::a_file_that_is_collected("tests/test_event_id.py F", false)]
    #[case::a_test_name("FAIL: test_event_id (contract.test_events.Envelope)", false)]
    #[case::a_source_line("    assert 'event_id' in envelope", false)]
    #[case::a_place("  File \"/x/test_event_id.py\", line 3, in test", false)]
    #[case::printed("event_id", false)]
    #[case::a_log_line("INFO: event_id", false)]
    #[case::another("KeyError: 'other'", false)]
    fn only_what_a_failure_says_counts(#[case] line: &str, #[case] found: bool) {
        let output = format!("collected 1 item\n{line}\n1 failed\n");
        assert_eq!(find(&output, &["event_id".to_owned()]).is_some(), found);
    }

    #[rstest]
    #[case("\nRan 0 tests in 0.000s\n\nOK\n", true)]
    #[case("Ran 10 tests in 0.000s\n", false)]
    #[case("===== no tests ran in 0.01s =====\n", true)]
    #[case("", false)]
    fn no_tests_are_told(#[case] output: &str, #[case] none: bool) {
        assert_eq!(no_test_ran(output), none);
    }

    #[test]
    fn an_empty_sign_is_in_nothing() {
        assert_eq!(find("KeyError: 'x'\n", &[String::new()]), None);
    }
}
