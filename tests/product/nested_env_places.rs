//! Where an environment is made: targets that hold somebody's work, odd names, and directories and variables that lead astray.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;

use rstest::rstest;

use crate::nested_env_support::{Place, Tool, ended, interpreter, limited, works};
use crate::support::{Run, all, same_after};

/// A uv that must not be run where the place is refused.
const NOT_RUN: &str = "#!/bin/sh\n: > \"$HOME/ran\"\nexit 2\n";

/// Something that is taken for an environment.
fn environment(place: &Place, name: &str) {
    place.write(&format!("{name}/pyvenv.cfg"), "home = /usr/bin\n");
    place.write(&format!("{name}/bin/tool"), "a tool");
    place.write(&format!("{name}/.gitignore"), "*\n");
}

#[rstest]
#[case::a_directory_with_work(&["there"], "env_directory_taken")]
#[case::a_directory_with_a_hidden_file(&["hidden"], "env_directory_taken")]
#[case::an_environment_without_its_programs(&["no-bin"], "env_directory_taken")]
#[case::an_environment_that_names_no_python(&["no-home"], "env_directory_taken")]
#[case::an_environment_with_a_file_of_somebodys(&["with-notes"], "env_directory_taken")]
#[case::an_environment_with_an_ignore_file_of_somebodys(&["with-ignored"], "env_directory_taken")]
#[case::a_file(&["file"], "env_directory_taken")]
#[case::below_a_file(&["file/made"], "env_directory_taken")]
#[case::far_below_a_file(&["file/a/b/made"], "env_directory_taken")]
#[case::a_pipe(&["pipe"], "env_directory_taken")]
#[case::a_link_to_a_directory(&["link"], "env_directory_taken")]
#[case::with_a_slash(&["link/"], "env_directory_taken")]
#[case::a_link_to_an_empty_directory(&["link-to-empty"], "env_directory_taken")]
#[case::a_link_to_an_environment(&["link-to-env"], "env_directory_taken")]
#[case::a_link_that_leads_nowhere(&["dangling"], "env_directory_taken")]
#[case::below_a_link_that_leads_nowhere(&["dangling/made"], "env_directory_unusable")]
#[case::a_link_to_itself(&["loop"], "env_directory_taken")]
#[case::no_path(&[""], "usage")]
#[case::the_directory_above(&[".."], "env_directory_invalid")]
#[case::a_name_that_leads_up(&["empty/.."], "env_directory_invalid")]
#[case::the_root(&["/"], "env_directory_invalid")]
#[case::where_it_stands_with_work_in_it(&["."], "env_directory_taken")]
#[case::three_hundred_letters(&[&"x".repeat(300)], "env_directory_unusable")]
#[case::three_hundred_letters_on_the_way(&[&format!("a/{}/made", "x".repeat(300))], "env_directory_unusable")]
#[case::a_path_of_five_thousand(&[&"x/".repeat(2500)], "env_directory_unusable")]
#[case::not_utf_8(&[OsStr::from_bytes(b"a/caf\xe9")], "env_directory_invalid")]
#[case::below_what_is_not_utf_8(&[OsStr::from_bytes(b"caf\xe9/made")], "env_directory_invalid")]
#[case::a_name_like_an_option(&["-made"], "usage")]
fn a_place_that_is_refused<T: AsRef<OsStr>>(
    #[case] directory: &[T],
    #[case] error: &str,
    #[values(false, true)] clear: bool,
) {
    let place = Place::with("uv", NOT_RUN).and("python3", NOT_RUN);
    for (name, content) in [("there/notes.md", "mine"), ("hidden/.keep", ""), ("file", "mine")] {
        place.write(name, content);
    }
    for name in ["env", "with-notes", "with-ignored", "no-home"] {
        environment(&place, name);
    }
    place.write("with-notes/notes.md", "mine");
    place.write("with-ignored/.gitignore", "*.log\n");
    place.write("no-home/pyvenv.cfg", "version = 3.11\n");
    place.write("no-bin/pyvenv.cfg", "home = /usr/bin\n");
    fs::create_dir(place.path("empty")).unwrap();
    for (to, from) in [
        ("there", "link"),
        ("empty", "link-to-empty"),
        ("env", "link-to-env"),
        ("gone", "dangling"),
        ("loop", "loop"),
    ] {
        symlink(to, place.path(from)).unwrap();
    }
    assert!(Command::new("mkfifo").arg(place.path("pipe")).status().unwrap().success());
    let mut command = place.command();
    // A variable that makes uv delete what is there.
    command.env("UV_VENV_CLEAR", "1").args(["env", "create", "--json"]).arg(directory[0].as_ref());
    command.args(clear.then_some("--clear"));
    let run = same_after("refusing", || all(place.root()), || Run::of(&mut command));
    let told = run.json();
    // An environment that is one is refused for that, where it is not to be deleted; whatever else it has.
    let is_environment = directory[0].as_ref().to_str().is_some_and(|name| name.starts_with("with-"));
    let error = if is_environment && !clear { "env_exists" } else { error };
    let code = if error == "env_directory_unusable" { 3 } else { 2 };
    assert_eq!((run.code, &told["error"]), (code, &error.into()), "{told:#}");
}

#[test]
fn an_environment_is_deleted_where_that_is_asked_and_only_then() {
    let place = Place::with_quick_python();
    environment(&place, "made");
    let refused = |arguments: &[&str]| {
        let mut command = place.command();
        command.args(["env", "create", "made", "--json"]).args(arguments).env("UV_VENV_CLEAR", "1");
        let run = same_after("refusing", || all(place.root()), || Run::of(&mut command));
        assert_eq!((run.code, &run.json()["error"]), (2, &"env_exists".into()), "{}", run.stdout);
    };
    refused(&[]);
    // What leads out of it is not followed when it is deleted.
    place.write("theirs/notes.md", "mine");
    symlink(place.path("theirs"), place.path("made/lib64")).unwrap();
    symlink(place.path("theirs"), place.path("made/bin/theirs")).unwrap();
    let made = place.create_of_path(&["made", "--clear", "--json"]);
    works(&made.json(), "stdlib_venv");
    assert!(!place.path("made/bin/tool").exists() && place.path("theirs/notes.md").exists());
    refused(&[]);
}

#[rstest]
#[case::space("a b")]
#[case::unicode("ünï-环境-🐍")]
#[case::backslash("a\\b")]
#[case::quotes("a'b\"c")]
#[case::dollar("a$HOME b")]
#[case::backquote("a`id`b")]
#[case::line_ending("a\nb")]
#[case::escape("a\u{1b}[31mb")]
#[case::percent_and_star("%s*?~")]
#[case::hash_and_equals("# home = x")]
#[case::two_hundred_letters(&"x".repeat(200))]
#[case::with_a_slash("made/")]
#[case::with_a_dot("./made/.")]
#[case::where_it_stands(".")]
#[case::up_and_down("../work/made")]
#[case::up_from_what_is_not_there("new/../made")]
#[case::parents_that_are_not_there("a/b/c/made")]
#[case::below_a_link("link/made")]
#[case::like_an_option("-made")]
#[case::like_an_option_of_uv("--clear")]
#[case::search_path("a:b")]
fn an_odd_name(#[case] name: &str, #[values(Tool::Uv, Tool::Venv)] tool: Tool) {
    let Some(place) = Place::of(tool) else { return };
    let beside = place.root().join("beside");
    fs::create_dir(&beside).unwrap();
    if name.starts_with("link") {
        symlink(&beside, place.path("link")).unwrap();
    }
    let run = Run::of(tool.command(&place).args(["--json", "--", name]));
    if tool == Tool::Venv && name == "a:b" {
        let told = limited(&run);
        let cause = told["attempts"][1]["cause"].as_str().unwrap();
        assert!(cause.contains("it contains the PATH separator"), "{cause}");
        assert!(!place.path(name).exists());
        return;
    }
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{}", run.stdout);
    works(&run.json(), tool.method());
    let made = PathBuf::from(run.json()["venv_dir"].as_str().unwrap());
    assert_eq!(made, place.path(name).canonicalize().unwrap());
    assert_eq!(clearance_testkit::read(&made, ".gitignore").trim(), "*");
}

/// The scripts of venv name their interpreter in their first line, which some paths cannot stand in.
#[test]
fn a_pip_that_does_not_start_from_its_path_is_not_named() {
    let place = Place::with("python3", &format!("#!/bin/sh\nexec '{}' \"$@\"\n", interpreter().display()));
    let run = place.create_of_path(&["a 'b\" $c `d`"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(
        run.stdout.contains("made with stdlib venv") && run.stdout.contains("`python -m pip` does"),
        "{run:?}"
    );
}

/// What a directory, and the variables of somebody who works in it, do to other calls of uv and Python.
#[rstest]
fn a_directory_and_variables_that_lead_astray(
    #[values(Some(Tool::Uv), Some(Tool::Venv), None)] tool: Option<Tool>,
) {
    // Without a tool: the whole venv, with its pip.
    let place = match tool {
        Some(tool) => Place::of(tool),
        None => Some(Place::new()),
    };
    let Some(place) = place else { return };
    let hostile =
        format!("open({:?}, 'a').write(__file__)\n", place.root().join("imported").to_str().unwrap());
    for name in [
        "venv.py",
        "ensurepip/__init__.py",
        "sitecustomize.py",
        "usercustomize.py",
        "json.py",
        "pip.py",
        "encodings.py",
        "site.py",
        "path/sitecustomize.py",
        "path/venv/__init__.py",
        "path/ensurepip/__init__.py",
    ] {
        place.write(name, &hostile);
    }
    place.write("uv.toml", "this is = = no TOML");
    place.write(
        "pyproject.toml",
        "[project]\nname = \"x\"\nversion = \"1\"\nrequires-python = \">=3.99\"\n[tool.uv\n",
    );
    place.write(".python-version", "3.8\n");
    place.write("setup.cfg", "[install]\nprefix = /no/such\n");
    environment(&place, "other");
    let place = place.and("python", NOT_RUN);
    let mut command = match tool {
        Some(tool) => tool.command(&place),
        None => {
            let mut command = place.command();
            command.args(["env", "create", "--python"]).arg(interpreter());
            command
        }
    };
    let path = place.path("path").into_os_string();
    let variables: [(&str, &OsStr); 16] = [
        ("PYTHONPATH", &path),
        ("PYTHONHOME", OsStr::new("/nonexistent")),
        ("PYTHONSTARTUP", OsStr::new("sitecustomize.py")),
        ("PYTHONUSERBASE", &path),
        ("VIRTUAL_ENV", OsStr::new("other")),
        ("CONDA_PREFIX", OsStr::new("/no/such")),
        ("UV_PYTHON", OsStr::new("3.99")),
        ("UV_SYSTEM_PYTHON", OsStr::new("1")),
        ("UV_VENV_CLEAR", OsStr::new("1")),
        ("UV_VENV_SEED", OsStr::new("1")),
        ("UV_CONFIG_FILE", OsStr::new("uv.toml")),
        ("UV_PROJECT_ENVIRONMENT", OsStr::new("other")),
        ("UV_MANAGED_PYTHON", OsStr::new("1")),
        ("PIP_TARGET", &path),
        ("PIP_USER", OsStr::new("1")),
        ("PIP_REQUIRE_VIRTUALENV", OsStr::new("no")),
    ];
    let others = || {
        let mut found = all(&place.path(""));
        found.retain(|path, _| !path.starts_with(place.path("made")) && path != &place.path(""));
        found
    };
    let run = same_after("making one", others, || Run::of(command.envs(variables).args(["made", "--json"])));
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{}", run.stdout);
    works(&run.json(), tool.map_or("stdlib_venv", Tool::method));
    assert!(!place.root().join("imported").exists() && !place.root().join("home/ran").exists());
}

/// A program of the directory is not the one of PATH, whatever PATH says of `.`
#[test]
fn programs_of_the_directory_are_not_run() {
    let place = Place::with_quick_python();
    for name in ["uv", "python3", "python", "sh"] {
        place.write(name, NOT_RUN);
        fs::set_permissions(place.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = place.command();
    command.env("PATH", place.programs(&[PathBuf::from("."), PathBuf::from(""), PathBuf::from("../work")]));
    let run = Run::of(command.args(["env", "create", "made", "--json"]));
    works(&run.json(), "stdlib_venv");
    assert!(!place.root().join("home/ran").exists());
}

#[test]
fn a_cache_that_cannot_be_written_leaves_the_standard_library_its_turn() {
    let Some(place) = Place::with_uv_and_quick_python() else { return };
    place.write("file", "");
    for (variable, name) in [("HOME", "1"), ("UV_CACHE_DIR", "2"), ("XDG_CACHE_HOME", "3")] {
        let mut command = place.command();
        command.env(variable, place.path("file")).args(["env", "create", name, "--report", "json"]);
        let account = Run::of(&mut command).json();
        assert_eq!(
            (&account["outcome"], &account["method"]),
            (&"created".into(), &"stdlib_venv".into()),
            "{account:#}"
        );
        assert_eq!(ended(&account["attempts"][0]), "failed exit 2");
    }
}
