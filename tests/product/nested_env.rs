//! `clearance env create` with the real uv and the real Python.

use std::fs;

use serde_json::{Value, json};

use crate::nested_env_support::{Place, attempts, interpreter, uv, works};
use crate::support::{Run, all, same_after, valid};

#[test]
fn uv_makes_it_where_it_is_on_path_and_makes_no_pip() {
    let Some(place) = Place::with_uv() else { return };
    let run = place.create(&["made", "--json"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    works(&run.json(), "uv_venv");
    assert_eq!(run.json()["pip"], Value::Null);
    assert_eq!(run.json()["venv_dir"], place.path("made").to_str().unwrap());
}

#[test]
fn without_uv_the_standard_library_makes_it_with_pip() {
    let place = Place::new();
    let run = place.create(&["made", "--json"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    works(&run.json(), "stdlib_venv");
    assert_eq!(run.json()["pip"], place.path("made/bin/pip").to_str().unwrap());
    assert_eq!(clearance_testkit::read(&place.path("made"), ".gitignore"), "*\n");
}

#[test]
fn where_uv_fails_the_standard_library_is_asked_and_the_account_has_both() {
    let place = Place::with("uv", "#!/bin/sh\necho 'error: no' >&2\necho '  cause: not today' >&2\nexit 2\n");
    let run = place.create(&["made", "--report", "json"]);
    let account = run.json();
    valid("clearance.env-create.v1.json", &account);
    assert_eq!((run.code, &account["outcome"]), (0, &json!("created")));
    let told = attempts(&account);
    assert_eq!(told[0], ("uv_venv failed".to_owned(), "not today (exit code 2)".to_owned()));
    assert_eq!(told[1], ("stdlib_venv made".to_owned(), String::new()));
}

#[test]
fn where_neither_works_it_is_a_limitation_and_nothing_is_left() {
    let place = Place::with("uv", "#!/bin/sh\nmkdir -p \"$7/bin\"; echo '  cause: no room' >&2; exit 2\n");
    let place = place.and("python3", "#!/bin/sh\necho 'Error: no venv here'; exit 1\n");
    let run =
        same_after("failing", || all(&place.path("")), || place.create_of_path(&["a/b/made", "--json"]));
    let told = run.json();
    valid("clearance.env-limitation.v1.json", &told);
    assert_eq!((run.code, &told["outcome"], &told["exit_code"]), (3, &json!("skipped"), &json!(3)));
    let reason = told["reason"].as_str().unwrap();
    assert_eq!(
        reason,
        "E2E environment limitation: could not create a nested Python environment.\n\
         uv venv failed: no room (exit code 2). stdlib venv failed: no venv here (exit code 1).\n\
         To run this scenario, ensure a standard CPython installation is on PATH."
    );
    assert_eq!(
        (told["error"].as_str(), told["message"].as_str()),
        (Some("environment_limitation"), Some(reason))
    );
}

#[test]
fn nothing_that_is_there_is_deleted_but_an_environment_where_that_is_asked() {
    let Some(place) = Place::with_uv() else { return };
    assert_eq!(place.create(&["made"]).code, 0);
    let kept = |arguments: &[&str], code: &str| {
        let run = same_after("refusing", || all(&place.path("")), || place.create(arguments));
        assert_eq!((run.code, run.json()["error"].as_str()), (2, Some(code)), "{}", run.stdout);
    };
    kept(&["made", "--json"], "env_exists");
    place.write("made/lib/marker", "");
    let cleared = place.create(&["made", "--clear", "--json"]);
    works(&cleared.json(), "uv_venv");
    assert!(!place.path("made/lib/marker").exists());
    // Whose environment has somebody's work in it, keeps it.
    place.write("made/share/notes.md", "mine");
    kept(&["made", "--clear", "--json"], "env_directory_taken");
    fs::remove_dir_all(place.path("made/share")).unwrap();
    place.write("made/notes.md", "mine");
    kept(&["made", "--clear", "--json"], "env_directory_taken");
    fs::create_dir(place.path("work")).unwrap();
    place.write("work/notes.md", "mine");
    kept(&["work", "--clear", "--json"], "env_directory_taken");
    std::os::unix::fs::symlink(place.path("made"), place.path("link")).unwrap();
    kept(&["link", "--clear", "--json"], "env_directory_taken");
}

#[test]
fn uv_puts_pip_into_it_where_that_is_asked() {
    // Seeding takes the package index: where that is not reached, the limitation says so.
    let Some(place) = Place::with_uv() else { return };
    let run = place.create(&["made", "--seed", "--json"]);
    let value = run.json();
    match run.code {
        0 => works(&value, value["method"].as_str().unwrap()),
        _ => panic!("{value:#}"),
    }
    assert!(value["pip"].is_string(), "{value:#}");
}

#[test]
fn whether_uv_manages_the_python_is_shown_with_its_evidence() {
    let Some(place) = Place::with_uv() else { return };
    let kept = interpreter().ancestors().nth(2).unwrap();
    let told = |variable: &str| {
        let mut command = place.command();
        let python = interpreter().to_str().unwrap();
        let name = format!("made-{}", variable.len());
        command.args(["env", "create", "--python", python, "--verbose", &name]);
        Run::of(command.env("UV_PYTHON_INSTALL_DIR", variable)).stdout
    };
    let managed = told(kept.to_str().unwrap());
    assert!(
        managed.contains("uv manages its Python: its installation")
            && managed.contains(kept.to_str().unwrap()),
        "{managed}"
    );
    let other = told("/no/such/place");
    assert!(other.contains("uv does not manage its Python") && other.contains("/no/such/place"), "{other}");
    assert!(uv().is_some());
}
