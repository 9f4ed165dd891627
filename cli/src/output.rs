//! The only place that prints.

pub(crate) mod board_text;
pub(crate) mod excerpts;
pub(crate) mod mark_text;
pub(crate) mod merge_text;
pub(crate) mod move_text;
pub(crate) mod preflight_text;
pub(crate) mod progress;
pub(crate) mod reporters;
pub(crate) mod reports;

use std::fmt;
use std::io::{self, Write};

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};

use clearance_engine::finding::Excerpt;
use clearance_engine::item::Unanswered;
use clearance_engine::source::harmless;

use crate::Wanted;
use crate::args::report::{Form, ReportRequest};
use crate::args::{Color, Global};
use crate::commands::Answer;
use crate::env::{Env, Pager};
use crate::failure::Failure;
use crate::output::reporters::telling::Telling;

/// How text is drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    color: bool,
    unicode: bool,
    width: usize,
    /// Columns of the terminal, for tables; text reads well in fewer.
    columns: usize,
    /// Whether the output goes to a terminal.
    terminal: bool,
}

impl Style {
    pub(crate) fn new(env: &Env, color: Color) -> Self {
        let color = match color {
            Color::Auto => env.color,
            Color::Always => true,
            Color::Never => false,
        };
        Self { color, unicode: env.unicode, width: env.width, columns: env.columns, terminal: env.terminal }
    }

    /// For when nothing is known of the terminal.
    pub(crate) fn plain() -> Self {
        Self { color: false, unicode: false, width: 100, columns: 100, terminal: false }
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

    /// How findings are told: as asked for, else by where they go.
    pub(crate) fn form(self, global: &Global) -> Form {
        let asked = global.report.iter().find_map(ReportRequest::form);
        asked.unwrap_or(if self.terminal { Form::Fancy } else { Form::Plain })
    }

    /// A finding in a form.
    pub(crate) fn told(self, problem: &Problem, form: Form) -> String {
        let problem = &self.wrapped(problem, form);
        match form {
            Form::Fancy => {
                let shown: String =
                    problem.excerpts.iter().map(|one| self.draw(&excerpts::Drawn::new(one))).collect();
                self.draw(problem) + &shown
            }
            Form::Plain => plain(problem),
            Form::Narrated => narrated(problem),
        }
    }

    /// A problem whose message fits the width: where it is drawn, and on a terminal. A pipe gets a line.
    fn wrapped(self, problem: &Problem, form: Form) -> Problem {
        /// What a theme puts before a message.
        const MARGIN: usize = 4;
        let message = match form {
            Form::Fancy => wrap(&problem.message, self.columns.min(WIDEST) - MARGIN, ["", ""]),
            Form::Plain if self.terminal => {
                let before = format!("{}[{}]: ", severity(problem), problem.code);
                let whole = wrap(&problem.message, self.columns.min(WIDEST), [&before, "    "]);
                whole.strip_prefix(&before).map_or_else(|| problem.message.clone(), str::to_owned)
            }
            Form::Plain | Form::Narrated => problem.message.clone(),
        };
        Problem { message, ..problem.clone() }
    }

    pub(crate) fn draw(self, diagnostic: &(dyn Diagnostic + 'static)) -> String {
        let mut out = String::new();
        let handler = GraphicalReportHandler::new_themed(self.theme())
            .with_width(self.width)
            .with_links(false)
            // A command that is offered must be one line, or it does not work when pasted.
            .with_wrap_lines(false)
            .with_context_lines(2);
        match handler.render_report(&mut out, &Harmless(diagnostic)) {
            Ok(()) => out,
            Err(_) => format!("error: {}\n", harmless(&diagnostic.to_string())),
        }
    }
}

/// Columns that are easily read.
const WIDEST: usize = 120;

/// Breaks at blanks only: a path, a branch or an option stays whole, however long it is.
fn wrap(text: &str, width: usize, [first, others]: [&str; 2]) -> String {
    let options = textwrap::Options::new(width)
        .initial_indent(first)
        .subsequent_indent(others)
        .break_words(false)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .wrap_algorithm(textwrap::WrapAlgorithm::FirstFit);
    textwrap::fill(text, options)
}

/// How grave it is, in a word.
pub(crate) fn severity(problem: &Problem) -> &'static str {
    match problem.severity {
        miette::Severity::Error => "error",
        miette::Severity::Warning => "warning",
        miette::Severity::Advice => "note",
    }
}

/// `error[code]: message`, and the help below it.
fn plain(problem: &Problem) -> String {
    let help = problem.help.as_ref().map(|help| format!("  help: {help}\n")).unwrap_or_default();
    let shown = excerpts::plain(&problem.excerpts);
    harmless(&format!("{}[{}]: {}\n{shown}{help}", severity(problem), problem.code, problem.message))
}

/// Sentences, one a line.
fn narrated(problem: &Problem) -> String {
    let kind = match problem.severity {
        miette::Severity::Error => "Blocker",
        miette::Severity::Warning => "Warning",
        miette::Severity::Advice => "Note",
    };
    let code = problem.code.replace('_', " ");
    let help = problem.help.as_ref().map(|help| format!("What to do, {help}\n")).unwrap_or_default();
    let told = excerpts::narrated(&problem.excerpts);
    harmless(&format!("{kind}, {code}. {}.\n{told}{help}", problem.message.trim_end_matches('.')))
}

/// Something that needs attention beside an answer.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Problem {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    pub(crate) severity: miette::Severity,
    /// What is there, where it helps to see it.
    pub(crate) excerpts: Vec<Excerpt>,
}

impl Problem {
    /// Something worth knowing.
    pub(crate) fn warning(message: &str) -> Self {
        let severity = miette::Severity::Warning;
        Self { code: "warning", message: message.to_owned(), help: None, severity, excerpts: Vec::new() }
    }

    /// A file of rules that cannot be used.
    pub(crate) fn unusable(why: &Unanswered) -> Self {
        Self {
            code: why.code,
            message: why.message.clone(),
            help: why.help.clone(),
            severity: miette::Severity::Error,
            excerpts: why.excerpts.clone(),
        }
    }
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
    if let Some((file, content)) = &answer.summary {
        reports::add(file, content)?;
    }
    let long = |pager: &&Pager| answer.stdout.lines().count() >= pager.rows;
    if !answer.pager.as_ref().filter(long).is_some_and(|pager| paged(&answer.stdout, pager)) {
        let mut stdout = io::stdout().lock();
        stdout.write_all(answer.stdout.as_bytes())?;
        stdout.flush()?;
    }
    let mut stderr = io::stderr().lock();
    for problem in &answer.problems {
        stderr.write_all(style.draw(problem).as_bytes())?;
    }
    Ok(())
}

/// Shows a text in a pager; whether there was one, and it says that it did.
fn paged(text: &str, pager: &Pager) -> bool {
    let Some((program, arguments)) = pager.argv.split_first() else { return false };
    let mut command = std::process::Command::new(program);
    command.args(arguments).stdin(std::process::Stdio::piped());
    // As git has it: what fits is only shown, colours stay, and the text stays on the screen. A setting of one's own comes first.
    if program == "less" && arguments.is_empty() {
        command.arg("-FRX");
    }
    let Ok(mut child) = command.spawn() else { return false };
    if let Some(mut input) = child.stdin.take() {
        // Who leaves it in the middle has read enough.
        let _ = input.write_all(text.as_bytes());
    }
    // Who is killed in the middle has shown enough too.
    child.wait().is_ok_and(|status| status.success() || status.code().is_none())
}

/// Shows a text in the place of the one before it: on a terminal there, and behind it where there is none.
pub(crate) fn screen(text: &str, style: &Style) -> io::Result<()> {
    /// Empties the screen, and what was scrolled out of it stays.
    const ANEW: &str = "\u{1b}[H\u{1b}[2J";
    let mut stdout = io::stdout().lock();
    let before = if style.terminal { ANEW } else { "" };
    let behind = if style.terminal { "" } else { "\n" };
    stdout.write_all(format!("{before}{text}{behind}").as_bytes())?;
    stdout.flush()
}

/// Prints why there is no answer: on standard error for people, on standard output as JSON for machines. Reports that
/// were asked for say so too: what an earlier run left there must not be taken for the answer.
pub(crate) fn failure(failure: &Failure, style: &Style, wanted: &Wanted) -> io::Result<()> {
    let value = failure.json();
    let facts = failure.facts();
    let telling =
        Telling::failed(failure.status().code(), &facts.code, &facts.message, facts.help.as_deref());
    for (file, content) in reports::files(&wanted.reports, &value, Some(&telling)) {
        // The failure may be that this very file cannot be written.
        let _ = reports::write_one(&file, &content);
    }
    if wanted.json {
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{}", reports::shown(&value))?;
        return stdout.flush();
    }
    let mut stdout = io::stdout().lock();
    stdout.write_all(reports::on_stdout(&wanted.reports, &telling).as_bytes())?;
    stdout.flush()?;
    io::stderr().lock().write_all(style.draw(failure.diagnostic()).as_bytes())
}

/// Says on standard error what cannot be said otherwise.
pub(crate) fn last_words(message: &str) {
    let _ = writeln!(io::stderr().lock(), "clearance: {}", harmless(message));
}

/// Says a line on standard error that is complete as it is.
pub(crate) fn final_line(line: &str) {
    // In one piece, so that lines of others do not come between; who cannot be told is not told.
    let _ = io::stderr().lock().write_all(line.as_bytes());
}

/// A diagnostic whose words cannot command a terminal. Text of the repository may hold such commands; only what the
/// theme adds may be one. (Source text is made harmless where it is handed out, in `Source::named`.)
struct Harmless<'a>(&'a (dyn Diagnostic + 'static));

impl fmt::Debug for Harmless<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Harmless<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&harmless(&self.0.to_string()))
    }
}

impl std::error::Error for Harmless<'_> {}

impl Diagnostic for Harmless<'_> {
    fn code(&self) -> Option<Box<dyn fmt::Display + '_>> {
        self.0.code()
    }

    fn severity(&self) -> Option<miette::Severity> {
        self.0.severity()
    }

    fn help(&self) -> Option<Box<dyn fmt::Display + '_>> {
        self.0.help().map(|help| Box::new(harmless(&help.to_string())) as _)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.0.source_code()
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = miette::LabeledSpan> + '_>> {
        self.0.labels()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_fit_the_width_and_commands_stay_a_line() {
        let command = "git -C /some/where/rather/deep switch main && git -C /some/where/rather/deep merge x";
        let help = Some(command.to_owned());
        let problem = Problem { help, ..Problem::warning("what is wrong here takes more than one line") };
        let style = Style { columns: 24, width: 40, ..Style::plain() };
        let on_terminal = Style { terminal: true, ..style }.told(&problem, Form::Plain);
        let lines = ["warning[warning]: what", "    is wrong here takes", "    more than one line"];
        assert_eq!(on_terminal, format!("{}\n  help: {command}\n", lines.join("\n")));
        assert_eq!(style.told(&problem, Form::Plain).lines().count(), 2, "a pipe gets a line");
        let one = Problem::warning("a/path/that/is/longer/than/the/width and more");
        let on_terminal = Style { terminal: true, ..style }.told(&one, Form::Plain);
        assert!(on_terminal.ends_with("width\n    and more\n"), "{on_terminal}");
        let drawn = style.told(&problem, Form::Fancy);
        assert!(drawn.contains(command), "{drawn}");
        assert!(drawn.lines().filter(|line| !line.contains(command)).all(|line| line.len() <= 24), "{drawn}");
    }
}
