//! What a tool says of why it failed: the last cause that it names, in one line. Pure.
//!
//! Forms, each seen with the tool named: uv 0.13 `  cause: X`, uv 0.11 `  Caused by: X`, uv 0.7 `  ╰─▶ X`; venv
//! `Error: X`, on standard output with advice behind it where Debian's package is missing.

use std::time::Duration;

use clearance_engine::source::without_secrets;

use crate::attempt::End;

/// Longest cause, in characters.
const LONGEST: usize = 400;

/// How a tool ended, with its last word.
#[must_use]
pub fn told(end: End, after: Duration, stdout: &str, stderr: &str) -> String {
    let how = match end {
        End::Exit(code) => format!("exit code {code}"),
        End::Signal(signal) => format!("ended by signal {signal}"),
        End::Timeout => format!("killed, as it had not ended after {:.1} s", after.as_secs_f32()),
        End::NotStarted => "not started".to_owned(),
    };
    match last(stdout, stderr) {
        Some(cause) => format!("{cause} ({how})"),
        None => format!("{how}, without a word of why"),
    }
}

/// The last cause that a tool names.
#[must_use]
pub fn last(stdout: &str, stderr: &str) -> Option<String> {
    let found = marked(stderr)
        .or_else(|| no_ensurepip(stdout))
        .or_else(|| marked(stdout))
        .or_else(|| last_line(stderr))
        .or_else(|| last_line(stdout))?;
    let found = without_secrets(&found).to_string();
    let cut = found.char_indices().nth(LONGEST).map_or(found.len(), |(at, _)| at);
    Some(found[..cut].to_owned())
}

/// What stands behind the last mark of a cause, else of an error.
fn marked(text: &str) -> Option<String> {
    const CAUSES: [&str; 4] = ["cause:", "Caused by:", "╰─▶", "├─▶"];
    const ERRORS: [&str; 4] = ["error:", "Error:", "ERROR:", "×"];
    let lines: Vec<&str> = text.lines().collect();
    [&CAUSES, &ERRORS].into_iter().find_map(|marks| {
        let (nth, first) = lines.iter().enumerate().rev().find_map(|(nth, line)| {
            let behind = marks.iter().find_map(|mark| line.trim_start().strip_prefix(mark))?;
            Some((nth, behind))
        })?;
        // uv 0.7 breaks long lines, and goes on where the text begins.
        let wrapped = lines[nth].contains("─▶");
        let more = lines[nth + 1..].iter().take_while(|line| wrapped && line.starts_with("      "));
        let whole: Vec<&str> = [first].into_iter().chain(more.copied()).map(str::trim).collect();
        Some(whole.join(" ")).filter(|cause| !cause.is_empty())
    })
}

/// Debian's text of a Python that came without ensurepip: what is missing, and the package that has it.
fn no_ensurepip(text: &str) -> Option<String> {
    text.contains("ensurepip is not").then(|| {
        let package = text.lines().map(str::trim).find(|line| line.starts_with("apt"));
        let package = package.map(|command| format!(": {command}")).unwrap_or_default();
        format!("ensurepip is not available{package}")
    })
}

fn last_line(text: &str) -> Option<String> {
    // Behind its reason, a Python that dies says where it was.
    let is_where = |line: &str| line == "<no Python frame>" || line.starts_with("Current thread 0x");
    text.lines().rev().map(str::trim).find(|line| !line.is_empty() && !is_where(line)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const DEBIAN: &str = "The virtual environment was not created successfully because ensurepip is not\navailable.  On Debian/Ubuntu systems, you need to install the python3-venv\npackage using the following command.\n\n    apt install python3.11-venv\n\nYou may need to use sudo with that command.  After installing the python3-venv\npackage, recreate your virtual environment.\n\nFailing command: /e/bin/python3\n\n";

    #[rstest]
    #[case::uv(
        "",
        "Using CPython 3.11.2\nCreating virtual environment at: e\nerror: Failed to create virtual environment\n  cause: A directory already exists at: e\n\nhint: Use the `--clear` flag\n",
        Some("A directory already exists at: e")
    )]
    #[case::uv_chain(
        "",
        "error: a\n  cause: b\n  cause: Permission denied (os error 13)\n",
        Some("Permission denied (os error 13)")
    )]
    #[case::uv_0_11("", "error: Failed\n  Caused by: File exists at e\n", Some("File exists at e"))]
    #[case::uv_0_7(
        "",
        "  × Failed to create virtualenv\n  ╰─▶ failed to create directory\n      `/a/b`: No space left\n",
        Some("failed to create directory `/a/b`: No space left")
    )]
    #[case::uv_alone(
        "",
        "error: No interpreter found for Python 3.99\n",
        Some("No interpreter found for Python 3.99")
    )]
    #[case::venv(
        "",
        "Error: Command '['/e/bin/python3', '-m', 'ensurepip']' returned non-zero exit status 127.\n",
        Some("Command '['/e/bin/python3', '-m', 'ensurepip']' returned non-zero exit status 127.")
    )]
    #[case::venv_on_stdout(
        "Error: [Errno 30] Read-only file system: '/e'\n",
        "",
        Some("[Errno 30] Read-only file system: '/e'")
    )]
    #[case::debian(DEBIAN, "", Some("ensurepip is not available: apt install python3.11-venv"))]
    #[case::traceback(
        "",
        "Traceback (most recent call last):\n  File \"x\", line 1\nOSError: [Errno 28] No space\n",
        Some("OSError: [Errno 28] No space")
    )]
    #[case::no_library(
        "",
        "Fatal Python error: init_fs_encoding: failed to get the Python codec\nModuleNotFoundError: No module named 'encodings'\n\nCurrent thread 0x00007f0a2c2e5740 (most recent call first):\n  <no Python frame>\n",
        Some("ModuleNotFoundError: No module named 'encodings'")
    )]
    #[case::last_line("", "Using CPython 3.11.2\nwhatever happened\n\n", Some("whatever happened"))]
    #[case::only_stdout("one\ntwo\n", "\n", Some("two"))]
    #[case::an_empty_mark("", "error:\nafter\n", Some("after"))]
    #[case::nothing("\n", "", None)]
    fn the_last_cause_is_told(#[case] stdout: &str, #[case] stderr: &str, #[case] cause: Option<&str>) {
        assert_eq!(last(stdout, stderr).as_deref(), cause);
    }

    #[test]
    fn a_password_in_an_address_is_not_told_and_nothing_is_endless() {
        let told = last("", "error: cannot reach https://me:secret@index.test/simple\n").unwrap();
        assert!(!told.contains("secret") && told.contains("index.test"), "{told}");
        assert_eq!(last("", &"é".repeat(9000)).unwrap().chars().count(), LONGEST);
    }

    #[rstest]
    #[case(End::Exit(2), "no room", "no room (exit code 2)")]
    #[case(End::Signal(9), "", "ended by signal 9, without a word of why")]
    #[case(End::Timeout, "asking", "asking (killed, as it had not ended after 2.0 s)")]
    fn the_end_is_told_with_it(#[case] end: End, #[case] stderr: &str, #[case] expected: &str) {
        assert_eq!(told(end, Duration::from_secs(2), "", stderr), expected);
    }
}
