//! `--report FORMAT[=FILE]`.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clearance_engine::repo::Git;
use clearance_engine::source::{harmless, read_bytes};
use serde_json::Value;

use crate::args::Global;
use crate::args::report::{Format, ReportRequest};
use crate::failure::Failure;
use crate::output::reporters;
use crate::output::reporters::telling::Telling;

/// Whether standard output must be one JSON value.
pub(crate) fn json_on_stdout(global: &Global) -> bool {
    global.json || global.report.iter().any(ReportRequest::is_json_on_stdout)
}

/// Whether anybody will read the account: for many rules it is long.
pub(crate) fn wanted(global: &Global) -> bool {
    json_on_stdout(global) || global.report.iter().any(|report| report.file.is_some())
}

/// Makes sure that every report can be written, before anything is done that it would tell of.
pub(crate) fn check(global: &Global) -> Result<(), Failure> {
    for file in global.report.iter().filter_map(|report| report.file.as_ref()) {
        if let Some((what, help)) = in_its_place(file) {
            let message = format!("the report {} would take the place of {what}", file.display());
            return Err(Failure::usage("report_not_writable", message, format!("nothing was done; {help}")));
        }
        OpenOptions::new().create(true).truncate(false).write(true).open(file).map_err(|error| {
            let message = format!("the report {} cannot be written: {error}", file.display());
            Failure::usage(
                "report_not_writable",
                message,
                "nothing was done; name a file in a directory that exists",
            )
        })?;
    }
    Ok(())
}

/// The report files that were asked for, with their content. A format that tells of findings is made of what is told.
pub(crate) fn files(
    reports: &[ReportRequest],
    value: &Value,
    telling: Option<&Telling<'_>>,
) -> Vec<(PathBuf, String)> {
    let content = |format: Format| match format {
        Format::Json => Some(format!("{value:#}\n")),
        other => telling.and_then(|telling| reporters::render(other, telling)),
    };
    let files = reports.iter().filter_map(|report| Some((report.file.clone()?, content(report.format)?)));
    files.collect()
}

/// What the reports say that go to standard output: one that takes it whole, or annotations.
pub(crate) fn on_stdout(reports: &[ReportRequest], telling: &Telling<'_>) -> String {
    let own = reports.iter().filter(|report| report.file.is_none());
    own.filter_map(|report| reporters::render(report.format, telling)).collect()
}

/// Whether annotations of a CI were asked for.
pub(crate) fn annotates(global: &Global) -> bool {
    global.report.iter().any(|report| report.format == Format::Github)
}

/// Whether a report takes standard output, so that nothing else is said there.
pub(crate) fn takes_stdout(global: &Global) -> bool {
    global.json || global.report.iter().any(ReportRequest::takes_stdout)
}

/// Writes them.
pub(crate) fn write(reports: &[(PathBuf, String)]) -> io::Result<()> {
    reports.iter().try_for_each(|(path, content)| write_one(path, content))
}

/// Adds to the summary of a step, which earlier parts of it may have written to.
pub(crate) fn add(path: &Path, content: &str) -> io::Result<()> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let opened = OpenOptions::new().append(true).create(true).open(path);
    opened.and_then(|mut file| file.write_all(content.as_bytes())).map_err(named)
}

/// What a report would overwrite that is not to be lost, and where it may be written instead.
fn in_its_place(file: &Path) -> Option<(&'static str, &'static str)> {
    if is_of_the_repository(file) {
        return Some(("the repository's own files", "name a file outside of kitty-specs/ and .git/"));
    }
    (!is_a_report(file) && is_tracked(file))
        .then_some(("a file that git tracks", "name one that is not there yet"))
}

/// Whether an earlier run wrote this file: an account, or why there is none.
fn is_a_report(file: &Path) -> bool {
    const MOST: u64 = 64 << 20;
    let name = file.to_string_lossy();
    let content = read_bytes(&name, file, MOST).ok().flatten();
    let Some(Value::Object(value)) = content.and_then(|content| serde_json::from_slice(&content).ok()) else {
        return false;
    };
    let schema = value.get("schema").and_then(Value::as_str);
    let is_failure = || ["error", "message", "help", "exit_code"].iter().all(|key| value.contains_key(*key));
    schema.is_some_and(|schema| schema.starts_with("clearance.")) || is_failure()
}

/// Whether git has a file on record. Outside of repositories it has none.
fn is_tracked(file: &Path) -> bool {
    let Ok(real) = file.canonicalize() else { return false };
    let (Some(parent), Some(name)) = (real.parent(), real.file_name()) else { return false };
    let question = ["ls-files", "--error-unmatch", "--"].map(OsStr::new);
    real.is_file() && Git::new(parent).run(&[&question[..], &[name]].concat()).is_ok()
}

/// Whether a path is inside a mission or a git directory, where a report would overwrite what it tells of.
fn is_of_the_repository(file: &Path) -> bool {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let real = parent.canonicalize().unwrap_or_else(|_| parent.to_owned());
    let target = file.canonicalize().unwrap_or_default();
    real.components()
        .chain(target.components())
        .any(|part| matches!(part.as_os_str().to_str(), Some("kitty-specs" | ".git")))
}

/// Writes one. A report is made anew by every run, so it needs no atomic replacement; it may be a pipe.
pub(crate) fn write_one(path: &Path, content: &str) -> io::Result<()> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    if in_its_place(path).is_some() {
        return Err(named(io::ErrorKind::PermissionDenied.into()));
    }
    File::create(path).and_then(|mut file| file.write_all(content.as_bytes())).map_err(named)
}

/// JSON for standard output: what a terminal would obey, and JSON allows in strings, is escaped.
pub(crate) fn shown(value: &Value) -> String {
    escaped(&value.to_string())
}

/// The same for JSON that is text already.
pub(crate) fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        if harmless(character.encode_utf8(&mut [0; 4])) == "\u{fffd}" && character != '\u{fffd}' {
            out.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            out.push(character);
        }
    }
    out
}
