//! `--report FORMAT[=FILE]`.

mod place;

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clearance_engine::source::harmless;
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
    let files: Vec<_> = global.report.iter().filter_map(|report| report.file.as_ref()).collect();
    for (nth, file) in files.iter().enumerate() {
        if let Some((what, help)) = place::in_its_place(file) {
            return Err(refused(file, &format!("would take the place of {what}"), help));
        }
        place::can_be_written(file).map_err(|error| {
            refused(file, &format!("cannot be written: {error}"), "name a file in a directory that exists")
        })?;
        let same = |other: &&&PathBuf| {
            place::identity(other).is_some_and(|other| Some(other) == place::identity(file))
        };
        if let Some(other) = files[..nth].iter().find(same) {
            let what = format!("would take the place of the report {}", other.display());
            return Err(refused(file, &what, "name a file for each"));
        }
    }
    Ok(())
}

fn refused(file: &Path, what: &str, help: &str) -> Failure {
    let message = format!("the report {} {what}", file.display());
    Failure::usage("report_not_writable", message, format!("nothing was done; {help}"))
}

/// The report files that were asked for, with their content. A format that tells of findings is made of what is told.
pub(crate) fn files(
    reports: &[ReportRequest],
    value: &Value,
    telling: Option<&Telling<'_>>,
) -> Vec<(PathBuf, String)> {
    let content = |format: Format| match format {
        Format::Json => Some(escaped(&format!("{value:#}\n"))),
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

/// Writes one. A report is made anew by every run, so it needs no atomic replacement; it may be a pipe.
pub(crate) fn write_one(path: &Path, content: &str) -> io::Result<()> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    if place::in_its_place(path).is_some() {
        return Err(named(io::ErrorKind::PermissionDenied.into()));
    }
    place::open(path).and_then(|mut file| file.write_all(content.as_bytes())).map_err(named)
}

/// JSON for standard output, and for files that are looked at there: what a terminal would obey, and JSON allows in strings, is escaped.
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
