//! Where Python fails, lies or is none, and which one is taken.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use rstest::rstest;
use serde_json::json;

use crate::nested_env_support::{
    Place, Tool, ended, interpreter, is, limited, makes_none, script, uv, works,
};
use crate::support::{Run, all, same_after};

/// Debian's text where python3-venv is not installed: on standard output, and the directory stays.
const DEBIAN: &str = "mkdir -p \"$4/bin\"; ln -s /bin/true \"$4/bin/python\"; echo 'home = /usr/bin' > \"$4/pyvenv.cfg\"
printf 'The virtual environment was not created successfully because ensurepip is not\\navailable.  On Debian/Ubuntu systems, you need to install the python3-venv\\npackage using the following command.\\n\\n    apt install python3.11-venv\\n\\nYou may need to use sudo with that command.  After installing the python3-venv\\npackage, recreate your virtual environment.\\n\\nFailing command: %s/bin/python3\\n\\n' \"$4\"; exit 1";

/// A venv that says of ensurepip only how it ended; what it made is asked again.
const NO_PIP: &str = "mkdir -p \"$4/bin\"; printf '#!/bin/sh\\necho \"SAYS\" >&2; exit STATUS\\n' > \"$4/bin/python\"; chmod +x \"$4/bin/python\"
echo \"Error: Command '['$4/bin/python3', '-m', 'ensurepip', '--upgrade', '--default-pip']' returned non-zero exit status STATUS.\" >&2; exit 1";

/// What CPython prints that does not find its library.
const NO_ENCODINGS: &str = "printf 'Python path configuration:\\n  PYTHONHOME = (not set)\\n  sys.path = [\\n    \\047/install/lib/python311.zip\\047,\\n  ]\\nFatal Python error: init_fs_encoding: failed to get the Python codec of the filesystem encoding\\nPython runtime state: core initialized\\nModuleNotFoundError: No module named \\047encodings\\047\\n\\nCurrent thread 0x00007f0a2c2e5740 (most recent call first):\\n  <no Python frame>\\n' >&2; exit 1";

#[rstest]
#[case::debian_without_ensurepip(
    DEBIAN,
    "failed exit 1",
    "ensurepip is not available: apt install python3.11-venv",
    "apt install python3.11-venv"
)]
#[case::pip_whose_interpreter_lacks_its_library(
    &NO_PIP.replace("SAYS", "python: error while loading shared libraries: libpython3.11.so.1.0: cannot open shared object file").replace("STATUS", "127"),
    "failed exit 1",
    "installing pip failed: python: error while loading shared libraries: libpython3.11.so.1.0: cannot open shared object file (exit code 127)",
    "install uv"
)]
#[case::ensurepip_hidden(&NO_PIP.replace("SAYS", "$0: No module named ensurepip").replace("STATUS", "1"), "failed exit 1", "No module named ensurepip (exit code 1)", "install uv")]
#[case::bundled_wheels_missing(
    &NO_PIP.replace("SAYS", "FileNotFoundError: [Errno 2] No such file or directory: pip-23.2.1-py3-none-any.whl").replace("STATUS", "1"),
    "failed exit 1",
    "pip-23.2.1-py3-none-any.whl (exit code 1)",
    "install uv"
)]
#[case::no_venv(
    "echo \"$0: No module named venv.__main__; 'venv' is a package and cannot be directly executed\" >&2; exit 1",
    "failed exit 1",
    "No module named venv.__main__;",
    "install uv"
)]
#[case::a_link_that_loses_its_library(
    NO_ENCODINGS,
    "failed exit 1",
    "ModuleNotFoundError: No module named 'encodings' (exit code 1)",
    "install uv"
)]
#[case::a_shim_without_a_version(
    "echo 'pyenv: python3: command not found' >&2; exit 127",
    "failed exit 127",
    "pyenv: python3: command not found",
    "install uv"
)]
#[case::no_room(
    "mkdir -p \"$4/lib\"; echo \"Error: [Errno 28] No space left on device: '$4/bin'\" >&2; exit 1",
    "failed exit 1",
    "[Errno 28] No space left on device",
    "make room"
)]
#[case::read_only(
    "echo \"Error: [Errno 30] Read-only file system: '$4'\"; exit 1",
    "failed exit 1",
    "[Errno 30]",
    "that you may write to"
)]
#[case::aborted_as_on_macos(
    "echo 'dyld[7]: Library not loaded: @executable_path/../lib/libpython3.11.dylib' >&2; kill -6 $$",
    "failed signal 6",
    "libpython3.11.dylib (ended by signal 6)",
    "install uv"
)]
#[case::a_copy_that_lacks_its_library(
    "mkdir -p \"$4/bin\"; printf '#!/bin/sh\\necho \"$0: error while loading shared libraries: libpython3.11.so.1.0\" >&2; exit 127\\n' > \"$4/bin/python\"; chmod +x \"$4/bin/python\"",
    "broken",
    "error while loading shared libraries: libpython3.11.so.1.0 (exit code 127)",
    "install uv"
)]
#[case::it_makes_nothing("exit 0", "broken", "left no bin/python", "install uv")]
fn python_that_makes_none(#[case] lines: &str, #[case] end: &str, #[case] cause: &str, #[case] help: &str) {
    let place = Place::with("python3", &script(lines));
    let told = makes_none(&place, &[]);
    is(&told["attempts"][0], "absent", "`uv` is in no directory of PATH");
    is(&told["attempts"][1], end, cause);
    assert!(told["help"].as_str().unwrap().contains(help), "{told:#}");
    fs::create_dir_all(place.path("a/made")).unwrap();
    makes_none(&place, &[]);
}

#[rstest]
#[case::a_name_that_is_not_there("nope", 2)]
#[case::a_version("3.11", 2)]
#[case::no_name("", 2)]
#[case::a_path_that_is_not_there("/no/such", 2)]
#[case::a_directory("there", 2)]
#[case::a_directory_with_a_path("./there", 2)]
#[case::not_executable("./text", 2)]
#[case::a_program_that_is_none("./program", 3)]
#[case::another_program("/bin/true", 3)]
fn an_interpreter_that_is_none(#[case] python: &str, #[case] code: i32) {
    let Some(place) = Place::with_uv() else { return };
    fs::create_dir(place.path("there")).unwrap();
    place.write("text", "no program\n");
    place.write("program", "no program\n");
    fs::set_permissions(place.path("program"), fs::Permissions::from_mode(0o755)).unwrap();
    let arguments = ["--python", python, "a/made", "--json"];
    let run = same_after("failing", || all(&place.path("")), || place.create_of_path(&arguments));
    let told = run.json();
    assert_eq!((run.code, run.stderr.as_str()), (code, ""), "{told:#}");
    match code {
        2 => assert_eq!(told["error"], "python_not_found"),
        _ => {
            limited(&run);
            assert!(ended(&told["attempts"][0]).starts_with("failed exit"), "{told:#}");
            let (end, cause) =
                if python == "/bin/true" { ("broken", "left no") } else { ("failed", "format") };
            is(&told["attempts"][1], end, cause);
        }
    }
}

#[rstest]
#[case::and_no_uv(None)]
#[case::and_uv_knows_none(Some(
    "echo 'error: No interpreter found in managed installations or search path' >&2; exit 2"
))]
fn no_interpreter_at_all(#[case] uv: Option<&str>) {
    let place = uv.map_or_else(Place::new, |lines| Place::with("uv", &script(lines)));
    let told = makes_none(&place, &[]);
    for attempt in told["attempts"].as_array().unwrap() {
        assert_eq!((ended(attempt), &attempt["argv"]), ("absent".to_owned(), &json!([])));
    }
    is(&told["attempts"][1], "absent", "`python3` is in no directory of PATH");
    // What is there is not deleted, as nothing comes in its place.
    place.write("a/made/pyvenv.cfg", "home = /usr/bin\n");
    place.write("a/made/bin/mine", "mine");
    makes_none(&place, &["--clear"]);
}

#[test]
fn a_python_that_only_uv_knows_is_found() {
    let Some(place) = Place::with_uv() else { return };
    let uv = uv().unwrap().display();
    fs::remove_file(place.root().join("bin/uv")).unwrap();
    let python = interpreter().display();
    let place = place
        .and("uv", &script(&format!("[ \"$2\" = find ] && echo '{python}' && exit 0\nexec '{uv}' \"$@\"")));
    works(&place.create_of_path(&["made", "--json"]).json(), "uv_venv");
}

#[rstest]
fn the_interpreter_of_the_environment_that_is_made_anew_gives_way_to_the_one_it_was_made_of(
    #[values(Tool::Uv, Tool::Venv)] tool: Tool,
    #[values(false, true)] named: bool,
) {
    let Some(place) = Place::of(tool) else { return };
    works(&Run::of(tool.command(&place).args(["made", "--json"])).json(), tool.method());
    let made = place.path("made");
    let home_is = |home: &Path| {
        let text = clearance_testkit::read(&made, "pyvenv.cfg");
        let lines = text.lines().map(|line| match line.split_once(" = ") {
            Some(("home", _)) => format!("home = {}\n", home.display()),
            _ => format!("{line}\n"),
        });
        clearance_testkit::write(&made, "pyvenv.cfg", lines.collect::<String>());
    };
    if tool == Tool::Venv {
        home_is(&place.root().join("bin"));
    }
    // As where it is active: its interpreter is the first on PATH.
    let mut command = place.command();
    command.env("PATH", place.programs(&[made.join("bin")])).env("VIRTUAL_ENV", &made);
    command.args(["env", "create", "made", "--clear", "--json"]);
    if named {
        command.args(["--python", "made/bin/python3"]);
    }
    let run = Run::of(&mut command);
    assert_eq!(run.code, 0, "{}", run.stdout);
    works(&run.json(), tool.method());
    // Where what it was made of is gone, it is kept.
    home_is(Path::new("/no/such"));
    let run = same_after("failing", || all(&made), || Run::of(&mut command));
    let told = limited(&run);
    is(&told["attempts"][1], "absent", "is in the environment that is to be deleted");
}

#[test]
fn a_path_of_the_tools_that_a_terminal_obeys_is_not_said_to_it() {
    let place = Place::with_quick_python();
    let odd = place.root().join("\u{1b}[31m");
    fs::create_dir(&odd).unwrap();
    assert!(Command::new("cp").arg(place.root().join("bin/python3")).arg(&odd).status().unwrap().success());
    clearance_testkit::write(&odd, "uv", "#!/no/such\n");
    fs::set_permissions(odd.join("uv"), fs::Permissions::from_mode(0o755)).unwrap();
    for arguments in
        [&["made"][..], &["made-2", "--verbose"], &["\u{1b}[32m"], &["made", "--clear", "--verbose"]]
    {
        let mut command = place.command();
        command.env("PATH", place.programs(std::slice::from_ref(&odd))).args(["env", "create"]);
        let run = Run::of(command.args(arguments));
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert!(run.stdout.contains("uv venv failed: cannot start"), "{}", run.stdout);
        assert!(!(run.stdout.clone() + &run.stderr).contains('\u{1b}'), "{run:?}");
    }
}
