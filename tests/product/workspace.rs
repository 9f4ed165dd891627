//! What holds for every crate of the workspace.

use std::path::{Path, PathBuf};

use clearance_testkit::read;

/// What no crate may take back, wherever it stands.
const UNSAFE: [&str; 3] = ["allow(unsafe_code", "expect(unsafe_code", "warn(unsafe_code"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every file below the workspace with this name or ending; what is built and what git keeps is none of it.
fn files(ending: &str) -> Vec<PathBuf> {
    let (mut found, mut directories) = (Vec::new(), vec![root()]);
    while let Some(directory) = directories.pop() {
        for entry in directory.read_dir().unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                if name != "target" && !name.starts_with('.') {
                    directories.push(path);
                }
            } else if name.ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn text(path: &Path) -> String {
    read(path.parent().unwrap(), path.file_name().unwrap().to_str().unwrap())
}

/// `unsafe_code = "forbid"` is said once, and every crate takes it over: `forbid` cannot be taken back inside of one.
#[test]
fn unsafe_code_is_forbidden_in_every_crate() {
    let workspace: toml::Table = text(&root().join("Cargo.toml")).parse().unwrap();
    assert_eq!(workspace["workspace"]["lints"]["rust"]["unsafe_code"].as_str(), Some("forbid"));
    let members = workspace["workspace"]["members"].as_array().unwrap();
    let members: Vec<_> = members.iter().map(|member| root().join(member.as_str().unwrap())).collect();
    let mut crates = Vec::new();
    for manifest in files("Cargo.toml").iter().filter(|path| **path != root().join("Cargo.toml")) {
        let lints: toml::Table = text(manifest).parse().unwrap();
        // The search for faults is a workspace of its own, whose entry points are made by a macro of its library.
        if lints.contains_key("workspace") {
            continue;
        }
        let inherited = lints.get("lints").and_then(|lints| lints["workspace"].as_bool());
        assert_eq!(inherited, Some(true), "{}: [lints] workspace = true", manifest.display());
        crates.push(manifest.parent().unwrap().to_owned());
    }
    for member in members {
        assert!(crates.contains(&member), "{} is looked at", member.display());
    }
}

/// The one `unsafe` is that of the macro that registers: two checks of one id do not link. It is an attribute, which runs
/// nothing.
#[test]
fn the_registration_macro_alone_says_unsafe() {
    let own = Path::new(file!()).file_name().unwrap();
    let mut found = Vec::new();
    for path in files(".rs").iter().filter(|path| path.file_name() != Some(own)) {
        for (nth, line) in text(path).lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let says = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe trait", "unsafe extern", "unsafe("];
            if says.iter().chain(&UNSAFE).any(|word| code.contains(word)) {
                found.push(format!("{}:{}", path.strip_prefix(root()).unwrap().display(), nth + 1));
            }
        }
    }
    assert!(found.len() == 1 && found[0].starts_with("engine/src/registry.rs:"), "{found:#?}");
}
