//! The schemas that editors complete and check rules with: current, valid, and of one mind with the product and with a validator
//! of somebody else.

use std::path::{Path, PathBuf};
use std::process::Command;

use clearance_testkit::{Scratch, TestRepo, golden, python, read, yaml};
use rstest::rstest;
use serde_json::Value;

use crate::rules_support::{blocking, examples, passing};
use crate::support::{Run, run};

/// What `rules schema` is asked for, and the file.
const SCHEMAS: [(&str, &str); 3] = [
    ("rule", "rule.schema.json"),
    ("waivers", "waivers.schema.json"),
    ("trust-lock", "trust-lock.schema.json"),
];

fn schemas() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/schemas")
}

fn schema(name: &str) -> Value {
    serde_json::from_str(&read(&schemas(), name)).unwrap()
}

/// Every rule of this repository, by its file.
fn rules() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(examples()).unwrap().map(|entry| entry.unwrap().path());
    let mut rules: Vec<PathBuf> = entries
        .filter(|path| path.extension().is_some_and(|end| end == "yaml") && !path.ends_with("waivers.yaml"))
        .collect();
    rules.sort();
    assert!(rules.len() > 20, "{rules:?}");
    rules
}

#[test]
fn the_schemas_are_current() {
    let repo = TestRepo::new();
    for (of, name) in SCHEMAS {
        let printed = run(&repo, &["rules", "schema", "--of", of]);
        assert_eq!((printed.code, printed.stderr.as_str()), (0, ""));
        golden(&schemas().join(name), &printed.stdout);
    }
}

/// Each says itself which dialect it is of, and is right by that.
#[test]
fn every_schema_is_one() {
    let files =
        std::fs::read_dir(schemas()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut count = 0;
    for name in files.filter(|name| name.ends_with(".json")) {
        let schema = schema(&name);
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{name}");
        let checked = jsonschema::meta::validate(&schema).map_err(|error| error.to_string());
        assert_eq!(checked, Ok(()), "{name}");
        count += 1;
    }
    assert!(count > SCHEMAS.len());
}

/// What the product takes, an editor does not mark; what it refuses, an editor marks where a schema can.
#[rstest]
#[case::waiver(
    "waivers",
    "schema: clearance.waivers/v1\nwaivers: [{rule: some-rule, item: a, reason: b, expires: 2026-12-15}]\n",
    true
)]
#[case::no_reason(
    "waivers",
    "schema: clearance.waivers/v1\nwaivers: [{rule: some-rule, item: a, expires: 2026-12-15}]\n",
    false
)]
#[case::rule("rule", &blocking(), true)]
#[case::misspelt("rule", &blocking().replace("severity", "severty"), false)]
#[case::bad_value("rule", &blocking().replace("severity: error", "severity: fatal"), false)]
#[case::bad_id("rule", &passing("Some_Rule"), false)]
#[case::built_in("rule", "schema: clearance.rule/v1\nid: target-sync\nparams: { strict: true }\n", true)]
#[case::built_in_misspelt(
    "rule",
    "schema: clearance.rule/v1\nid: target-sync\nparams: { strickt: true }\n",
    false
)]
fn an_editor_marks(#[case] of: &str, #[case] text: &str, #[case] expected: bool) {
    what_an_editor_marks(of, text, expected);
}

fn what_an_editor_marks(of: &str, text: &str, expected: bool) {
    let (_, name) = SCHEMAS.into_iter().find(|(known, _)| *known == of).unwrap();
    let validator = jsonschema::validator_for(&schema(name)).unwrap();
    assert_eq!(validator.is_valid(&yaml(text)), expected, "{text}");
    let repo = TestRepo::new();
    repo.write(if of == "waivers" { "rules.d/waivers.yaml" } else { "rules.d/r.yaml" }, text);
    let linted = run(&repo, &["rules", "lint"]);
    let said = linted.stdout + &linted.stderr;
    assert_eq!(!said.contains("error["), expected, "{said}");
}

/// What a rule cannot be without.
#[rstest]
fn what_is_left_out(#[values("schema", "id", "title", "severity", "stages", "check", "message")] key: &str) {
    let whole = passing("some-rule");
    let text: String =
        whole.split_inclusive('\n').filter(|line| !line.starts_with(&format!("{key}:"))).collect();
    what_an_editor_marks("rule", &whole, true);
    what_an_editor_marks("rule", &text, false);
}

#[test]
fn the_rules_of_this_repository() {
    let validator = jsonschema::validator_for(&schema("rule.schema.json")).unwrap();
    for path in rules() {
        let text = read(path.parent().unwrap(), path.file_name().unwrap().to_str().unwrap());
        let faults: Vec<String> =
            validator.iter_errors(&yaml(&text)).map(|fault| fault.to_string()).collect();
        assert_eq!(faults, Vec::<String>::new(), "{}", path.display());
    }
}

/// A validator of somebody else reads the schemas as this one does.
#[test]
fn another_validator() {
    let folder = python::installed(Path::new(env!("CARGO_TARGET_TMPDIR")), "check-jsonschema==0.39.0");
    let Some(folder) = folder else { return };
    let check = |arguments: &[&Path]| {
        let mut python = Command::new("python3");
        clearance_testkit::scrub(&mut python);
        python.env("PYTHONPATH", &folder).args(["-m", "check_jsonschema"]).args(arguments);
        Run::of(&mut python)
    };
    let files: Vec<PathBuf> = SCHEMAS.iter().map(|(_, name)| schemas().join(name)).collect();
    let all: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let are_schemas = check(&[&[Path::new("--check-metaschema")], &all[..]].concat());
    assert_eq!(are_schemas.code, 0, "{}{}", are_schemas.stdout, are_schemas.stderr);
    let rules = rules();
    let rules: Vec<&Path> = rules.iter().map(PathBuf::as_path).collect();
    let schemafile = [Path::new("--schemafile"), all[0]];
    let are_rules = check(&[&schemafile, &rules[..]].concat());
    assert_eq!(are_rules.code, 0, "{}{}", are_rules.stdout, are_rules.stderr);
    let scratch = Scratch::new();
    let misspelt = scratch.write("misspelt.yaml", blocking().replace("severity", "severty"));
    let is_none = check(&[&schemafile[..], &[&misspelt]].concat());
    assert!(is_none.code == 1 && is_none.stdout.contains("severty"), "{}{}", is_none.stdout, is_none.stderr);
}
