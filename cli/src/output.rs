//! The only place that prints.

pub(crate) mod mark_text;
pub(crate) mod reports;

use std::fmt;
use std::io::{self, Write};

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};

use crate::args::Color;
use crate::commands::Answer;
use crate::env::Env;
use crate::failure::Failure;

/// How text is drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    color: bool,
    unicode: bool,
    width: usize,
}

impl Style {
    pub(crate) fn new(env: &Env, color: Color) -> Self {
        let color = match color {
            Color::Auto => env.color,
            Color::Always => true,
            Color::Never => false,
        };
        Self { color, unicode: env.unicode, width: env.width }
    }

    /// For when nothing is known of the terminal.
    pub(crate) fn plain() -> Self {
        Self { color: false, unicode: false, width: 100 }
    }

    fn theme(self) -> GraphicalTheme {
        match (self.unicode, self.color) {
            (true, true) => GraphicalTheme::unicode(),
            (true, false) => GraphicalTheme::unicode_nocolor(),
            (false, true) => {
                GraphicalTheme { characters: miette::ThemeCharacters::ascii(), ..GraphicalTheme::unicode() }
            }
            (false, false) => {
                GraphicalTheme { characters: miette::ThemeCharacters::ascii(), ..GraphicalTheme::none() }
            }
        }
    }

    fn draw(self, diagnostic: &(dyn Diagnostic + 'static)) -> String {
        let mut out = String::new();
        let handler = GraphicalReportHandler::new_themed(self.theme())
            .with_width(self.width)
            .with_links(false)
            // A command that is offered must be one line, or it does not work when pasted.
            .with_wrap_lines(false)
            .with_context_lines(2);
        // Text of the repository may hold terminal commands; only what the theme adds may be one.
        match handler.render_report(&mut out, diagnostic) {
            Ok(()) => out,
            Err(_) => format!("error: {diagnostic}\n"),
        }
    }
}

/// Something that needs attention beside an answer.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Problem {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    pub(crate) severity: miette::Severity,
}

impl Diagnostic for Problem {
    fn code(&self) -> Option<Box<dyn fmt::Display + '_>> {
        Some(Box::new(self.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(self.severity)
    }

    fn help(&self) -> Option<Box<dyn fmt::Display + '_>> {
        self.help.as_ref().map(|help| Box::new(help) as _)
    }
}

/// Prints what a command has to say.
pub(crate) fn answer(answer: &Answer, style: &Style) -> io::Result<()> {
    reports::write(&answer.reports)?;
    let mut stdout = io::stdout().lock();
    stdout.write_all(answer.stdout.as_bytes())?;
    stdout.flush()?;
    let mut stderr = io::stderr().lock();
    for problem in &answer.problems {
        stderr.write_all(harmless(&style.draw(problem), style.color).as_bytes())?;
    }
    Ok(())
}

/// Prints why there is no answer: on standard error for people, on standard output as JSON for machines.
pub(crate) fn failure(failure: &Failure, style: &Style, json: bool) -> io::Result<()> {
    if json {
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{}", failure.json())?;
        return stdout.flush();
    }
    io::stderr().lock().write_all(harmless(&style.draw(failure.diagnostic()), style.color).as_bytes())
}

/// Control characters made visible, the line ending and (where we colour) our own colour sequences excepted.
pub(crate) fn harmless(text: &str, color: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if let Some(length) = color.then(|| color_sequence(rest)).flatten() {
            out.push_str(&rest[..length]);
            rest = &rest[length..];
            continue;
        }
        match character {
            '\n' | '\t' => out.push(character),
            control if control.is_control() => out.push('\u{fffd}'),
            plain => out.push(plain),
        }
        rest = &rest[character.len_utf8()..];
    }
    out
}

/// The length of a colour sequence (`ESC [ digits ; ... m`) at the start of the text.
fn color_sequence(text: &str) -> Option<usize> {
    let body = text.strip_prefix("\u{1b}[")?;
    let length = body.bytes().take_while(|b| b.is_ascii_digit() || *b == b';').count();
    (body.as_bytes().get(length) == Some(&b'm')).then_some(2 + length + 1)
}
