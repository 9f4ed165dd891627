//! `clearance man`: the manual, as pages that man(1) shows.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use clearance_engine::source::{harmless, read_bytes};

use super::Answer;
use crate::args::{Cli, Global, ManArgs};
use crate::env::Env;
use crate::failure::Failure;

pub(super) fn run(args: &ManArgs, global: &Global, env: &Env) -> Result<Answer, Failure> {
    let Some(directory) = &args.out else {
        let mut page = Vec::new();
        let rendered = clap_mangen::Man::new(Cli::command()).render(&mut page);
        rendered.map_err(|error| Failure::undecided("not_written", error.to_string()))?;
        return Ok(Answer::words(String::from_utf8_lossy(&page).into_owned(), global));
    };
    let directory = env.directory()?.join(directory);
    let not_written =
        |error: io::Error| Failure::undecided("not_written", format!("{}: {error}", directory.display()));
    fs::create_dir_all(&directory).map_err(not_written)?;
    if let Some(path) = write(&directory).map_err(not_written)? {
        let message = format!("{} is no page of this manual, and is left as it is", path.display());
        let help = "nothing was written; move it away, or name another directory".to_owned();
        return Err(Failure::undecided_until("not_written", message, help));
    }
    let said = format!("man --local-file {}\n", directory.join("clearance.1").display());
    let said = if global.quiet { String::new() } else { harmless(&said) };
    Ok(Answer::words(said, global))
}

/// Writes the pages beside the directory's own files, and puts them in the place of those of another version. Gives what is in
/// the way, where something is: nothing is written then.
fn write(directory: &Path) -> io::Result<Option<PathBuf>> {
    let aside = tempfile::Builder::new().prefix(".clearance-").tempdir_in(directory)?;
    clap_mangen::generate_to(Cli::command(), aside.path())?;
    let pages: Vec<_> =
        fs::read_dir(aside.path())?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<_>>()?;
    for page in &pages {
        let place = directory.join(page);
        if !may_be_replaced(&place)? {
            return Ok(Some(place));
        }
    }
    for page in &pages {
        // A link that came in the meantime is replaced, and not followed.
        fs::rename(aside.path().join(page), directory.join(page))?;
    }
    Ok(None)
}

/// Whether nothing is at a place, or a page of this manual.
fn may_be_replaced(place: &Path) -> io::Result<bool> {
    const LONGEST: u64 = 1 << 20;
    match place.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
        Ok(metadata) if !metadata.is_file() => return Ok(false),
        Ok(_) => {}
    }
    let name = place.file_stem().unwrap_or_default().to_string_lossy();
    let Ok(Some(page)) = read_bytes(&name, place, LONGEST) else { return Ok(false) };
    let heading = format!(".TH {name} 1 ");
    Ok(String::from_utf8_lossy(&page).lines().any(|line| line.starts_with(&heading)))
}
