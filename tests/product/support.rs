//! How the tests run the product.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

pub(crate) use clearance_testkit::{Run, Scratch, TestRepo};

/// The product's binary.
pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_clearance"))
}

/// The product in a directory, ready to take arguments.
pub(crate) fn command(directory: &Path) -> Command {
    clearance_testkit::clearance(binary(), directory)
}

/// The product in a repository, run to its end.
pub(crate) fn run(repo: &TestRepo, arguments: &[&str]) -> Run {
    Run::of(command(repo.root()).args(arguments))
}

/// The product at a place, as a machine asks it.
pub(crate) fn asked(place: &Path, arguments: &[&str]) -> (i32, Value) {
    let run = Run::of(command(place).args(arguments).arg("--json"));
    assert_eq!(run.stderr, "");
    (run.code, run.json())
}

/// A value that must be as a schema of `docs/schemas` says.
pub(crate) fn valid(schema: &str, value: &Value) {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/schemas");
    let schema: Value = serde_json::from_str(&clearance_testkit::read(&schemas, schema)).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let faults: Vec<_> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert_eq!(faults, Vec::<String>::new(), "{value:#}");
}

/// The git command at a place, ready to take arguments.
pub(crate) fn in_git(place: &Path) -> Command {
    let mut command = Command::new("git");
    clearance_testkit::scrub(&mut command);
    command.current_dir(place);
    command
}

/// git, at a place.
pub(crate) fn git(place: &Path, arguments: &[&str]) -> String {
    let run = Run::of(in_git(place).args(arguments));
    assert_eq!(run.code, 0, "git {arguments:?}: {}", run.stderr);
    run.stdout
}

/// `mark-status` in the mission `m`.
pub(crate) fn mark(repo: &TestRepo, state: &str, arguments: &[&str]) -> Run {
    let fixed = ["mark-status", "--status", state, "--mission", "m"];
    run(repo, &[&fixed, arguments].concat())
}

/// `(id, outcome, format)` of every result of a `--json` run.
pub(crate) fn outcomes(run: &Run) -> Vec<(String, String, String)> {
    let json = run.json();
    let field = |result: &Value, name: &str| match &result[name] {
        Value::Null => "null".to_owned(),
        value => value.as_str().expect("a string").to_owned(),
    };
    let results = json["results"].as_array().unwrap_or_else(|| panic!("no results: {json}"));
    results.iter().map(|r| (field(r, "id"), field(r, "outcome"), field(r, "format"))).collect()
}

/// A mission `m` with these task rows, state kept in rows.
pub(crate) fn rows(tasks: &str) -> TestRepo {
    TestRepo::with_tasks("m", tasks)
}

/// The task list of the mission `m`.
pub(crate) const TASKS: &str = "kitty-specs/m/tasks.md";
/// The log of the mission `m`.
pub(crate) const LOG: &str = "kitty-specs/m/status.events.jsonl";

/// The snapshot of the mission `m`.
pub(crate) const SNAPSHOT: &str = "kitty-specs/m/status.json";

/// A mission `m` whose state is kept in events, with one work package a roster given.
pub(crate) fn events(tasks: &str, rosters: &[(&str, &str)]) -> TestRepo {
    let repo = rows(tasks);
    repo.write("kitty-specs/m/meta.json", "{\"status_phase\": \"1\"}\n");
    for (work_package, subtasks) in rosters {
        let front =
            format!("---\nwork_package_id: {work_package}\nsubtasks: [{subtasks}]\n---\n# {work_package}\n");
        repo.write(&format!("kitty-specs/m/tasks/{work_package}-x.md"), front);
    }
    repo
}

/// A line of the log: a work package that goes from lane to lane, in the first seconds of 2026.
pub(crate) fn step(work_package: &str, from: &str, to: &str) -> String {
    step_at(work_package, from, to, 1, "")
}

/// The same at a second of its own, with more fields (`, "reason": "why"`).
pub(crate) fn step_at(work_package: &str, from: &str, to: &str, second: u32, more: &str) -> String {
    format!(
        r#"{{"actor": "ann", "at": "2026-01-01T00:00:{second:02}.000000+00:00", "event_id": "01ARZ3NDEKTSV4RRFFQ69G{work_package}{second:02}", "evidence": null, "execution_mode": "worktree", "force": false, "from_lane": "{from}", "mission_slug": "m", "policy_metadata": null, "reason": null, "review_ref": null, "to_lane": "{to}", "wp_id": "{work_package}"{more}}}
"#
    )
}

/// A path and everything below it.
pub(crate) fn below(path: &Path) -> Vec<PathBuf> {
    let mut found = vec![path.to_owned()];
    if path.is_dir() && !path.is_symlink() {
        found.extend(std::fs::read_dir(path).unwrap().flat_map(|entry| below(&entry.unwrap().path())));
    }
    found
}

/// Every file in a directory, with its content.
pub(crate) fn everything(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = below(directory).into_iter().filter(|path| path.is_file());
    files.map(|path| (path.clone(), std::fs::read(&path).unwrap())).collect()
}

/// Everything in a directory: files with their content and mode, links with where they lead. Locks that stay behind empty
/// are left out.
#[cfg(unix)]
pub(crate) fn all(directory: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    use std::fs;
    use std::os::unix::fs::MetadataExt;
    const LOCKS: [&str; 2] = ["clearance", "spec-kitty-locks"];
    let is_lock = |path: &Path| {
        path.components().any(|part| LOCKS.iter().any(|name| part.as_os_str() == *name))
            && !path.ends_with("journal.json")
    };
    let facts = |path: PathBuf| {
        let metadata = path.symlink_metadata().unwrap();
        let content = match () {
            () if metadata.is_symlink() => {
                fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
            }
            () if metadata.is_file() => fs::read(&path).unwrap(),
            () => Vec::new(),
        };
        (path, (metadata.mode(), content))
    };
    below(directory).into_iter().filter(|path| !is_lock(path)).map(facts).collect()
}

/// Fails where two looks at a directory differ.
pub(crate) fn assert_same<T: PartialEq>(
    before: &BTreeMap<PathBuf, T>,
    after: &BTreeMap<PathBuf, T>,
    what: &str,
) {
    let paths: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let changed: Vec<_> = paths.into_iter().filter(|path| before.get(*path) != after.get(*path)).collect();
    assert!(changed.is_empty(), "{what} changed {changed:?}");
}

/// Does something after which a look at a directory must show what it showed before.
pub(crate) fn same_after<L: PartialEq, T>(
    what: &str,
    look: impl Fn() -> BTreeMap<PathBuf, L>,
    work: impl FnOnce() -> T,
) -> T {
    let before = look();
    let done = work();
    assert_same(&before, &look(), what);
    done
}

/// Asks a question that must not change a byte of a directory.
pub(crate) fn unchanged<T>(directory: &Path, question: impl FnOnce() -> T) -> T {
    same_after("asking", || everything(directory), question)
}

/// A copy of the product. Made by another process: a file that this one has open for writing, and its children with it,
/// cannot be run yet.
#[cfg(unix)]
pub(crate) fn copied(to: &Path) -> PathBuf {
    let product = to.join("clearance");
    assert!(Command::new("cp").arg(binary()).arg(&product).status().unwrap().success());
    product
}

/// Runs the product in a repository as somebody whom permissions hold for: root may read and write everywhere, so where
/// the tests are run as root the repository is given to somebody else.
#[cfg(unix)]
pub(crate) fn run_without_privilege(repo: &TestRepo) -> impl Fn(&[&str]) -> Run {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
    use std::os::unix::process::CommandExt;
    const NOBODY: u32 = 65_534;
    let is_root = fs::metadata(repo.root()).unwrap().uid() == 0;
    // Somebody else may not be let into the directory that the product was built in.
    let product = copied(repo.outside());
    if is_root {
        fs::set_permissions(repo.outside(), fs::Permissions::from_mode(0o755)).unwrap();
        for path in below(repo.outside()) {
            chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
    let root = repo.root().to_owned();
    move |arguments| {
        let mut command = clearance_testkit::clearance(&product, &root);
        if is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        Run::of(command.args(arguments))
    }
}
