//! Pages that are generated from the product, and claims that are checked against it. `CLEARANCE_WRITE=1` writes
//! the pages anew.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use clearance_engine::exit::ExitStatus;
use clearance_engine::param::{Param, ParamValue};
use clearance_testkit::golden;

use crate::support::{TestRepo, run};

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

#[test]
fn the_command_reference_is_current() {
    let repo = TestRepo::new();
    let mut page = String::from("# Commands\n\nGenerated from `--help`.\n");
    for words in [
        &[][..],
        &["mark-status"],
        &["move"],
        &["status"],
        &["check"],
        &["merge"],
        &["explain"],
        &["sync"],
        &["sync", "status"],
        &["sync", "now"],
        &["sync", "classify"],
        &["rules"],
        &["rules", "list"],
        &["rules", "new"],
        &["rules", "test"],
        &["rules", "lint"],
        &["rules", "explain"],
        &["rules", "schema"],
        &["rules", "trust"],
        &["rules", "trust", "show"],
        &["rules", "trust", "allow"],
        &["rules", "trust", "revoke"],
        &["hooks"],
        &["hooks", "install"],
        &["hooks", "list"],
        &["hooks", "uninstall"],
        &["hooks", "run"],
        &["env"],
        &["env", "create"],
        &["env", "drift"],
        &["mcp"],
        &["demo"],
        &["completions"],
        &["man"],
    ] {
        let help = run(&repo, &[words, &["--help"]].concat()).stdout;
        let name = [&["clearance"], words].concat().join(" ");
        write!(page, "\n## {name}\n\n```text\n{}\n```\n", help.trim_end()).unwrap();
    }
    golden(&workspace().join("docs/cli.md"), &page);
}

#[test]
fn the_strategy_and_check_pages_are_current() {
    let registry = clearance::registry().unwrap();
    let page = clearance_testkit::read(workspace(), "docs/strategies.md");
    let mut headings = Vec::new();
    for (position, entry) in registry.strategies().iter().enumerate() {
        let meta = entry.strategy.meta();
        let format = serde_json::to_value(meta.format).unwrap().to_string().replace('"', "");
        let summary = meta.summary.replace('|', "\\|");
        let row = format!("| {} | `{}` | {summary} | `{format}` |\n", position + 1, entry.id);
        assert!(page.contains(&row), "docs/strategies.md: {row}");
        headings.push(entry.id);
    }
    let found: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(found, headings, "docs/strategies.md has a section for each, in their order");
    let mut page = String::from(
        "# Checks\n\nGenerated from the registry.\n\n| Check | Passes when | Codes |\n|---|---|---|\n",
    );
    for entry in registry.checks() {
        let meta = entry.check.meta();
        let (id, codes) = (entry.id, meta.codes.join("`, `"));
        writeln!(page, "| [`{id}`](checks/{id}.md) | {} | `{codes}` |", meta.summary).unwrap();
    }
    golden(&workspace().join("docs/checks.md"), &page);
}

/// The default of a parameter, as it is written in a file.
fn shown(param: &Param) -> String {
    match param.kind.default() {
        ParamValue::Switch(on) => format!("`{on}`"),
        ParamValue::Words(words) => format!("`[{}]`", words.join(", ")),
    }
}

/// Who reads a code looks it up there: what it means, and the way out.
#[test]
fn every_check_has_a_page_with_every_code() {
    let pages = workspace().join("docs/checks");
    let registry = clearance::registry().unwrap();
    let mut expected = Vec::new();
    // What is found in the file of waivers is told as by a check, and is looked up like one.
    let metas = registry.checks().iter().map(|entry| *entry.check.meta());
    for meta in metas.chain([clearance_rules::team::waivers::META]) {
        let name = format!("{}.md", meta.id);
        let page = clearance_testkit::read(&pages, &name);
        assert_eq!(page.lines().next(), Some(format!("# {}", meta.id).as_str()), "{name}");
        let codes: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        let (own, codes) = codes.split_at(usize::from(!meta.params.is_empty()));
        assert_eq!(codes, meta.codes, "{name}");
        assert!(own.iter().all(|heading| *heading == "Parameters"), "{name}: {own:?}");
        for param in meta.params {
            assert!(page.contains(&format!("| `{}` | {} |", param.name, shown(param))), "{name}: {param:?}");
        }
        expected.push(name);
    }
    let found = fs::read_dir(&pages).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut found: Vec<_> = found.collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected, "a page is of a check");
}

#[test]
fn the_exit_codes_are_current() {
    let mut page = String::from(
        "# Exit codes\n\nStable. Generated from `engine/src/exit.rs`.\n\n| Code | Meaning |\n|---|---|\n",
    );
    for (status, meaning) in ExitStatus::TABLE {
        writeln!(page, "| {} | {meaning} |", status.code()).unwrap();
    }
    golden(&workspace().join("docs/exit-codes.md"), &page);
    let readme = clearance_testkit::read(workspace(), "README.md");
    for (status, meaning) in ExitStatus::TABLE {
        assert!(readme.contains(&format!("| {} | {meaning} |", status.code())), "README: {meaning}");
    }
}

#[test]
fn readme_names_every_command() {
    let readme = clearance_testkit::read(workspace(), "README.md");
    for command in [
        "clearance mark-status",
        "clearance move",
        "clearance status",
        "clearance check",
        "clearance merge",
        "clearance explain",
        "clearance rules list",
        "clearance mcp",
        "clearance demo",
    ] {
        assert!(readme.contains(command), "{command}");
    }
}
