//! Where uv or Python is missing, fails, hangs or lies: what `clearance env create` says then, and that nothing is left. Each
//! case is one that was seen; stand-ins print what the tool was seen to print.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use rstest::rstest;

use crate::nested_env_support::{Place, interpreter, is, makes_none, script, works};
use crate::support::Scratch;

/// A Python that has no venv: the shortest end of every attempt.
const NO_VENV: &str = "#!/bin/sh\necho \"$0: No module named venv\" >&2\nexit 1\n";

#[rstest]
#[case::absent(|place: Place| place, "absent", "`uv` is in no directory of PATH")]
#[case::a_directory(|place: Place| { fs::create_dir(place.root().join("bin/uv")).unwrap(); place }, "absent", "`uv` is in no directory")]
#[case::a_link_that_leads_nowhere(|place: Place| { symlink("gone", place.root().join("bin/uv")).unwrap(); place }, "absent", "`uv` is in no directory")]
#[case::not_executable(
    |place: Place| {
        let place = place.and("uv", "#!/bin/sh\nexit 0\n");
        fs::set_permissions(place.root().join("bin/uv"), fs::Permissions::from_mode(0o644)).unwrap();
        place
    },
    "absent",
    "may not be executed"
)]
#[case::its_first_line_names_no_program(|place: Place| place.and("uv", "#!/no/such/python\n"), "failed", "first line names (`#!`) is not there")]
#[case::no_program(|place: Place| place.and("uv", "uv\n"), "failed", "Exec format error")]
fn uv_that_does_not_start(#[case] with: fn(Place) -> Place, #[case] end: &str, #[case] cause: &str) {
    let place = with(Place::with("python3", NO_VENV));
    let told = makes_none(&place, &[]);
    is(&told["attempts"][0], end, cause);
    is(&told["attempts"][1], "failed exit 1", "No module named venv");
    // What starts with nothing does not keep the standard library from its turn.
    let place = with(Place::with_quick_python());
    let made = place.create_of_path(&["made", "--json"]);
    works(&made.json(), "stdlib_venv");
}

#[rstest]
#[case::uv_0_13(
    "printf 'Using CPython 3.11.2\\nCreating virtual environment at: e\\nerror: Failed to create virtual environment\\n  cause: A directory already exists at: e\\n\\nhint: Use the `--clear` flag\\n' >&2; exit 2",
    "failed exit 2",
    "A directory already exists at: e (exit code 2)"
)]
#[case::uv_0_11(
    "printf 'error: Failed to create virtual environment\\n  Caused by: Permission denied (os error 13)\\n' >&2; exit 2",
    "failed exit 2",
    "Permission denied (os error 13) (exit code 2)"
)]
#[case::uv_0_7(
    "printf '  × Failed to create virtualenv\\n  ╰─▶ failed to create directory `e`: File\\n      exists (os error 17)\\n' >&2; exit 1",
    "failed exit 1",
    "failed to create directory `e`: File exists (os error 17) (exit code 1)"
)]
#[case::no_word("exit 2", "failed exit 2", "exit code 2, without a word of why")]
#[case::no_word_and_outputs_closed("exec >&- 2>&-; exit 2", "failed exit 2", "without a word of why")]
#[case::killed("kill -9 $$", "failed signal 9", "ended by signal 9")]
#[case::its_file_was_too_large("mkdir -p \"$7/bin\"; kill -25 $$", "failed signal 25", "ended by signal 25")]
#[case::it_says_three_megabytes(
    "head -c 3000000 /dev/zero | tr '\\0' x >&2; printf '\\n  cause: at last\\n' >&2; exit 2",
    "failed exit 2",
    "at last (exit code 2)"
)]
#[case::three_megabytes_on_both(
    "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2; printf '\\n  cause: at last\\n' >&2; exit 2",
    "failed exit 2",
    "at last (exit code 2)"
)]
#[case::not_utf_8("printf 'error: caf\\351 \\377\\n' >&2; exit 2", "failed exit 2", "caf\u{fffd} \u{fffd} (")]
#[case::it_speaks_to_the_terminal(
    "printf 'error: \\033[31mred\\033]0;title\\007\\r\\n' >&2; exit 2",
    "failed exit 2",
    "\u{fffd}[31mred\u{fffd}]0;title\u{fffd}"
)]
#[case::a_password_in_what_it_says(
    "echo 'error: cannot reach https://me:geheim@index.test/simple?token=geheim' >&2; exit 2",
    "failed exit 2",
    "https://***@index.test/simple?***"
)]
#[case::it_makes_nothing("exit 0", "broken", "left no bin/python")]
#[case::it_makes_it_elsewhere("mkdir -p \"$7/lib\"; exit 0", "broken", "left no bin/python")]
#[case::it_takes_the_directory_away("rm -r \"$7\"; exit 0", "broken", "left no bin/python")]
#[case::its_python_leads_nowhere(
    "mkdir \"$7/bin\"; ln -s /no/such \"$7/bin/python\"",
    "broken",
    "left no bin/python"
)]
#[case::its_python_is_a_directory("mkdir -p \"$7/bin/python\"", "broken", "may not be executed")]
#[case::its_python_may_not_be_executed(
    "mkdir \"$7/bin\"; echo x > \"$7/bin/python\"",
    "broken",
    "may not be executed"
)]
#[case::its_python_is_cut_off(
    "mkdir \"$7/bin\"; echo x > \"$7/bin/python\"; chmod +x \"$7/bin/python\"",
    "broken",
    "Exec format error"
)]
#[case::its_python_lacks_its_library(
    "mkdir \"$7/bin\"; printf '#!/bin/sh\\necho \"$0: error while loading shared libraries: libpython3.11.so.1.0: cannot open shared object file: No such file or directory\" >&2; exit 127\\n' > \"$7/bin/python\"; chmod +x \"$7/bin/python\"",
    "broken",
    "libpython3.11.so.1.0: cannot open shared object file: No such file or directory (exit code 127)"
)]
#[case::its_python_says_nothing(
    "mkdir \"$7/bin\"; ln -s /bin/true \"$7/bin/python\"",
    "broken",
    "it says nothing (exit code 0)"
)]
#[case::its_python_is_of_another_installation(
    "mkdir \"$7/bin\"; ln -s REAL \"$7/bin/python\"",
    "broken",
    "another environment"
)]
fn uv_that_makes_none(#[case] lines: &str, #[case] end: &str, #[case] cause: &str) {
    let real = interpreter().to_str().unwrap();
    let place =
        Place::with("uv", &script(&lines.replace("REAL", &format!("'{real}'")))).and("python3", NO_VENV);
    let told = makes_none(&place, &[]);
    is(&told["attempts"][0], end, cause);
    assert!(!told.to_string().contains("geheim"), "{told:#}");
    // People are told the same, and their terminal is not told anything.
    let run = place.create_of_path(&["a/made"]);
    let said = run.stdout + &run.stderr;
    assert!(run.code == 3 && said.contains("E2E environment limitation"), "{said}");
    assert!(!said.contains(['\u{1b}', '\u{7}', '\r']) && !said.contains("geheim"), "{said:?}");
    // In a directory that is there, it is cleaned up as well.
    fs::create_dir_all(place.path("a/made")).unwrap();
    if !lines.contains("rm -r") {
        makes_none(&place, &[]);
    }
}

#[rstest]
#[case::uv("echo $$ > PID; exec sleep 600", NO_VENV, 0, "failed timed out")]
#[case::what_uv_started("sleep 600 & echo $! > PID; wait", NO_VENV, 0, "failed timed out")]
#[case::what_uv_left("sleep 600 > /dev/null 2>&1 & echo $! > PID; exit 2", NO_VENV, 0, "failed exit 2")]
#[case::what_python_started("exit 2", "#!/bin/sh\nsleep 600 & echo $! > PID; wait\n", 1, "failed timed out")]
#[case::the_python_that_uv_made(
    "mkdir \"$7/bin\"; printf '#!/bin/sh\\nsleep 600 & echo $! > PID; wait\\n' > \"$7/bin/python\"; chmod +x \"$7/bin/python\"",
    NO_VENV,
    0,
    "broken"
)]
fn what_hangs_is_ended_with_all_that_it_started(
    #[case] uv: &str,
    #[case] python: &str,
    #[case] attempt: usize,
    #[case] end: &str,
) {
    let place = Place::new();
    let beside = Scratch::new();
    let pid = beside.write("pid", "");
    let noted = |text: &str| text.replace("PID", pid.to_str().unwrap());
    let place = place.and("uv", &noted(&script(uv))).and("python3", &noted(python));
    let told = makes_none(&place, &["--timeout", "1"]);
    let cause = if end == "failed exit 2" { "exit code 2" } else { "had not ended after 1.0 s" };
    is(&told["attempts"][attempt], end, cause);
    let pid = beside.read("pid");
    assert!(!pid.is_empty(), "the stand-in did not come so far");
    // Whom nobody asks for its end stays on the list, dead; one that was killed may still be ending. None is asleep.
    let stat = fs::read(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    assert!(!String::from_utf8_lossy(&stat).contains(") S "), "process {pid} was left behind");
}
