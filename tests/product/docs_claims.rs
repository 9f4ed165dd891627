//! What the documentation says of JSON and of limits, against the product.

use std::collections::BTreeSet;
use std::path::Path;

use clearance_engine::{id, limits, process};
use clearance_rules::team::{files, yaml};
use clearance_testkit::read;
use regex::Regex;
use serde_json::Value;

use crate::docs_pages::{pages, workspace};
use crate::docs_places::Place;
use crate::docs_words::ours;
use crate::support::{Run, below, command, valid};

/// The cells of the tables of a page, a row each.
fn rows(page: &str) -> Vec<Vec<String>> {
    let text = read(workspace(), page);
    let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix('|'));
    rows.map(|row| row.split(" |").map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// A cell of code without its backquotes.
fn code(cell: &str) -> Option<&str> {
    cell.strip_prefix('`')?.strip_suffix('`')
}

/// Every command of the table prints what the table says, and that is as its schema file has it.
#[test]
fn the_table_of_contracts_is_true() {
    let file = Regex::new(r"\(schemas/(.*)\)").unwrap();
    let mut asked = 0;
    for row in rows("docs/json.md") {
        let Some(line) = code(&row[0]).filter(|line| line.starts_with("clearance ")) else { continue };
        let place = Place::named(if line.contains(" move ") { "working" } else { "ready" });
        let words = ours(line).remove(0);
        let run = Run::of(command(&place.root).env("HOME", &place.home).args(&words[1..]));
        let value: Value =
            serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{line}: {error}: {run:?}"));
        assert_eq!(value["schema"].as_str(), code(&row[1]), "{line}: {value:#}");
        if let Some(schema) = row.get(2).and_then(|cell| file.captures(cell)) {
            valid(&schema[1], &value);
        }
        asked += 1;
    }
    assert!(asked >= 20, "{asked}");
}

/// A schema that is shipped, or a name that the product writes, is on the page.
#[test]
fn every_schema_is_on_the_page() {
    let page = read(workspace(), "docs/json.md");
    let missing =
        |names: BTreeSet<String>| names.into_iter().filter(|name| !page.contains(name)).collect::<Vec<_>>();
    let files = below(&workspace().join("docs/schemas")).into_iter().filter(|path| path.is_file());
    let files = files.map(|path| format!("(schemas/{})", path.file_name().unwrap().to_str().unwrap()));
    assert_eq!(missing(files.collect()), Vec::<String>::new());
    let name = Regex::new(r#""(clearance\.[a-z-]+/v\d+)""#).unwrap();
    let mut names = BTreeSet::new();
    for part in ["cli/src", "engine/src", "rules/src", "sync/src", "nested-env/src"] {
        for path in below(&workspace().join(part)).into_iter().filter(|path| is_product(path)) {
            let text = read(Path::new("/"), path.to_str().unwrap());
            names.extend(name.captures_iter(&text).map(|found| found[1].to_owned()));
        }
    }
    assert!(names.len() > 20, "{names:?}");
    // What fingerprints are made of is in no value.
    names.remove("clearance.fingerprint/v1");
    names.remove("clearance.rule/v2");
    assert_eq!(missing(names), Vec::<String>::new());
}

fn is_product(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs")
}

/// Every example is what it says that it is an example of.
#[test]
fn every_example_of_json_is_valid() {
    let mut examples = 0;
    for page in pages() {
        for block in page.blocks.iter().filter(|block| block.language == "json") {
            let comment = block.comment.as_deref().unwrap_or_default().trim();
            let schema = comment.strip_prefix("<!-- schema: ").and_then(|rest| rest.strip_suffix(" -->"));
            let schema =
                schema.unwrap_or_else(|| panic!("{}:{}: <!-- schema: FILE -->", page.name, block.line));
            let value = serde_json::from_str(&block.text).unwrap();
            // Of another program's file there is no schema here.
            if schema != "none" {
                valid(schema, &value);
            }
            examples += 1;
        }
    }
    assert!(examples >= 2, "{examples}");
}

/// Examples for YAML are YAML, and what jobs in them run is what the program takes.
#[test]
fn every_example_of_yaml_can_be_read() {
    let script = Regex::new(r"(?m)^\s*(?:- )?(?:- run: |run: |script: |- )(.*clearance .*)$").unwrap();
    let (mut examples, mut commands) = (0, 0);
    for page in pages() {
        for block in page.blocks.iter().filter(|block| block.language == "yaml") {
            let says =
                |document: &&str| document.lines().any(|line| !line.is_empty() && !line.starts_with('#'));
            for document in block.text.split("---\n").filter(says) {
                assert!(!clearance_testkit::yaml(document).is_null(), "{}:{}", page.name, block.line);
            }
            examples += 1;
            for line in script.captures_iter(&block.text) {
                commands += ours(&line[1]).len();
                let fault = crate::docs_words::fault(&line[1], crate::docs_words::Form::Typed);
                assert_eq!(fault, None, "{}:{}", page.name, block.line);
            }
        }
    }
    assert!(examples > 8 && commands >= 2, "{examples} {commands}");
}

/// A size, as the page has it.
fn size(bytes: u64) -> String {
    if bytes >= 2 << 20 { format!("{} MiB", bytes >> 20) } else { format!("{} KiB", bytes >> 10) }
}

#[test]
fn the_limits_are_those_of_the_product() {
    let sizes = [
        ("`tasks.md`", limits::TASKS_MD),
        ("`meta.json`, `lanes.json`, `status.json`, `.kittify/config.yaml`", limits::MANIFEST),
        ("a file of a work package", limits::WORK_PACKAGE),
        ("a status log", limits::STATUS_LOG),
        ("a line of it", limits::EVENT as u64),
        ("a rule", yaml::LONGEST),
        ("all of them together", files::MOST_BYTES as u64),
        ("what is kept of a program's output", process::OUTPUT_CAP as u64),
        #[cfg(feature = "sync")]
        ("a server's answer to a rule", clearance_sync::https::BODY as u64),
    ];
    let numbers = [
        ("files of work packages in a mission", limits::WORK_PACKAGES),
        ("IDs in a call", id::MAX_IDS),
        ("files in `rules.d/`", files::MOST),
        #[cfg(feature = "sync")]
        ("events in the queue, unless you say otherwise", clearance_sync::settings::CAPACITY),
    ];
    let rows: Vec<_> =
        rows("docs/security.md").into_iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    let sizes = sizes.into_iter().map(|(what, bytes)| (what.to_owned(), size(bytes)));
    let numbers = numbers.into_iter().map(|(what, number)| (what.to_owned(), number.to_string()));
    for row in sizes.chain(numbers) {
        assert!(rows.contains(&row), "{row:?}");
    }
    let page = read(workspace(), "docs/security.md");
    #[cfg(feature = "sync")]
    assert!(
        page.contains(&format!("follows at most {}, on the same host", clearance_sync::https::REDIRECTS))
    );
    assert!(page.contains("at most 400 characters"));
}

/// Each figure of the page has the command that measures it.
#[test]
fn every_part_of_performance_names_its_command() {
    let text = read(workspace(), "docs/performance.md");
    for part in text.split("\n## ").skip(1).filter(|part| part.contains("|---")) {
        let heading = part.lines().next().unwrap();
        assert!(part.contains("cargo bench ") || part.contains("tests/peers/compare.py"), "{heading}");
    }
}
