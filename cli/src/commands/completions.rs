//! `clearance completions`: what makes a shell complete the command line.

use super::Answer;
use crate::args::{CompletionsArgs, Global};
use crate::completion;
use crate::failure::Failure;

pub(super) fn run(args: &CompletionsArgs, global: &Global) -> Result<Answer, Failure> {
    match completion::registration(&args.shell) {
        Some(script) => Ok(Answer::words(script, global)),
        None => {
            let help = format!("the shells are: {}", completion::shells().join(", "));
            Err(Failure::usage("unknown_shell", format!("there is no completion for `{}`", args.shell), help))
        }
    }
}
