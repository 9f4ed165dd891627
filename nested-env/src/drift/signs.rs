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

/// Whether test runners say that there was nothing to run, or that all of it was skipped. Not all of them end with a code of
/// their own then.
pub(super) fn no_test_ran(output: &str) -> bool {
    let lines = || output.lines().map(|line| line.trim_matches(['=', ' ']));
    let is_none = |line: &str| {
        line == "Ran 0 tests" || line.starts_with("Ran 0 tests in ") || line.starts_with("no tests ran")
    };
    // unittest says how many there were before it says how many of them it skipped.
    let mut ran = None;
    let skipped: Vec<bool> = lines()
        .filter_map(|line| {
            ran = number_between(line, "Ran ", " test").or(ran);
            let of_unittest = line
                .starts_with("OK")
                .then(|| ran.is_some() && number_between(line, "OK (skipped=", ")") == ran);
            of_unittest.or_else(|| all_skipped_of_pytest(line))
        })
        .collect();
    lines().any(is_none) || (!skipped.is_empty() && skipped.iter().all(|all| *all))
}

/// `Ran 12 tests in 0.1s`: 12
fn number_between(line: &str, before: &str, after: &str) -> Option<u32> {
    line.strip_prefix(before)?.split_once(after)?.0.parse().ok()
}

/// Of pytest's last line, `2 skipped, 1 warning in 0.03s`, whether it tells of nothing else; `None` of another line.
fn all_skipped_of_pytest(line: &str) -> Option<bool> {
    let (counts, took) = line.split_once(" in ")?;
    let is_time = took.split('s').next().is_some_and(|seconds| seconds.parse::<f32>().is_ok());
    let words: Option<Vec<&str>> = counts
        .split(", ")
        .map(|count| count.split_once(' ').filter(|(number, _)| number.parse::<u32>().is_ok()))
        .map(|count| count.map(|(_, word)| word))
        .collect();
    let words = words.filter(|_| is_time)?;
    Some(
        words.contains(&"skipped")
            && words.iter().all(|word| ["skipped", "deselected", "warning", "warnings"].contains(word)),
    )
}

/// A text without colours. What a terminal would obey is replaced in it already.
pub(super) fn without_colours(text: &str) -> String {
    const BEGINNING: &str = "\u{fffd}[";
    let mut parts = text.split(BEGINNING);
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('m') {
            Some((codes, rest)) if codes.chars().all(|c| c.is_ascii_digit() || c == ';') => {
                plain.push_str(rest);
            }
            _ => plain.extend([BEGINNING, part]),
        }
    }
    plain
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
    if let Some(test) = ["FAILED ", "ERROR "].iter().find_map(|word| line.strip_prefix(word)) {
        return in_summary(test);
    }
    if line.starts_with("not ok ") {
        return line.split_once(" - ").map(|(_, said)| said);
    }
    // The end of a traceback.
    let name = line.split(':').next().unwrap_or_default();
    is_exception(name).then_some(line)
}

/// pytest's summary: `file::test - what it said`. Lines of a log begin with the same words, and name no test; and the values that
/// a test is given are a part of its name: `file::test[one - two] - what it said`.
fn in_summary(test: &str) -> Option<&str> {
    let name = test.split(" - ").next()?;
    if name.starts_with(' ') || !(name.contains("::") || name.ends_with(".py")) {
        return None;
    }
    if !name.contains('[') {
        return test.split_once(" - ").map(|(_, said)| said);
    }
    test.split_once("] - ").map(|(_, said)| said)
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
    #[case::a_summary_of_a_file("ERROR tests/test_x.py - ImportError: event_id", true)]
    #[case::a_summary_with_values("FAILED tests/test_x.py::test_y[a - b] - KeyError: 'event_id'", true)]
    #[case::values_of_a_test("FAILED tests/test_x.py::test_y[a - event_id] - KeyError: 'other'", false)]
    #[case::values_alone("FAILED tests/test_x.py::test_y[a - event_id]", false)]
    #[case::a_log_of_pytest("ERROR    root:client.py:3 lost - event_id", false)]
    #[case::a_log_of_another("ERROR 12:04 client - event_id", false)]
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
    #[case("2 skipped in 0.01s\n", true)]
    #[case("===== 2 skipped, 3 deselected, 1 warning in 61.20s (0:01:01) =====\n", true)]
    #[case("===== 1 passed, 2 skipped in 0.01s =====\n", false)]
    #[case("1 skipped in 0.01s\n1 passed in 0.01s\n", false)]
    #[case("1 xfailed, 1 skipped in 0.01s\n", false)]
    #[case("Ran 2 tests in 0.000s\n\nOK (skipped=2)\n", true)]
    #[case("Ran 2 tests in 0.000s\n\nOK (skipped=1)\n", false)]
    #[case("Ran 2 tests in 0.000s\n\nOK\n", false)]
    #[case("Ran 1 test in 0.000s\n\nOK (skipped=1)\nRan 1 test in 0.000s\n\nOK\n", false)]
    #[case("2 skipped in all\n", false)]
    #[case("", false)]
    fn no_tests_are_told(#[case] output: &str, #[case] none: bool) {
        assert_eq!(no_test_ran(output), none);
    }

    #[test]
    fn colours_are_not_in_the_way() {
        let coloured =
            "\u{fffd}[1m\u{fffd}[31mE       KeyError: 'event_id'\u{fffd}[0m\n\u{fffd}[2J \u{fffd}]0;\n";
        let plain = without_colours(coloured);
        assert_eq!(plain, "E       KeyError: 'event_id'\n\u{fffd}[2J \u{fffd}]0;\n");
        assert!(find(&plain, &["event_id".to_owned()]).is_some());
    }

    #[test]
    fn an_empty_sign_is_in_nothing() {
        assert_eq!(find("KeyError: 'x'\n", &[String::new()]), None);
    }
}
