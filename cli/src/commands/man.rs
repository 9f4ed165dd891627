//! `clearance man`: the manual, as pages that man(1) shows.

use clap::CommandFactory as _;
use clearance_engine::source::harmless;

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
    let written = std::fs::create_dir_all(&directory)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), &directory));
    written
        .map_err(|error| Failure::undecided("not_written", format!("{}: {error}", directory.display())))?;
    let said = format!("man --local-file {}\n", directory.join("clearance.1").display());
    let said = if global.quiet { String::new() } else { harmless(&said) };
    Ok(Answer::words(said, global))
}
