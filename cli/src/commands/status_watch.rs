//! `clearance status --watch`: the board again, whenever it says something else. Ends when it is told to, or when nobody reads.

use std::io;
use std::time::Duration;

use clearance_engine::registry::Registry;

use super::{Answer, status};
use crate::args::Global;
use crate::args::mission::StatusArgs;
use crate::env::Env;
use crate::failure::Failure;
use crate::output::{self, Style};

/// How often a terminal is written anew though nothing changed: it tells how long ago things were.
const OFTEN: Duration = Duration::from_secs(60);

pub(super) fn run(
    (args, every): (&StatusArgs, Duration),
    global: &Global,
    env: &Env,
    registry: &Registry,
) -> Result<Answer, Failure> {
    if global.json || !global.report.is_empty() {
        let help = "leave it out, or ask without --watch as often as you like";
        return Err(Failure::usage("usage", "a board that is watched is no report", help));
    }
    let style = Style::new(env, global.color);
    // What cannot be shown at all is told at once; later it may be a file that is just being written.
    let mut known = status::once(args, global, env, registry)?.stdout;
    let mut shown = output::screen(&known, &style);
    let mut since = Duration::ZERO;
    while shown.is_ok() {
        std::thread::sleep(every);
        since += every;
        // As of the start, so that the time alone is no change.
        let now = told(args, global, env, registry, &style);
        if now != known || (env.terminal && since >= OFTEN) {
            let later =
                Env::read().map_or_else(|_| now.clone(), |env| told(args, global, &env, registry, &style));
            shown = output::screen(&later, &style);
            (known, since) = (now, Duration::ZERO);
        }
    }
    match shown {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::undecided("not_shown", format!("the board could not be printed: {error}")))
        }
        _ => Ok(Answer::text(String::new())),
    }
}

fn told(args: &StatusArgs, global: &Global, env: &Env, registry: &Registry, style: &Style) -> String {
    match status::once(args, global, env, registry) {
        Ok(answer) => answer.stdout,
        Err(failure) => style.draw(failure.diagnostic()),
    }
}
