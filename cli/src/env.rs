//! The only place that reads the environment, the working directory and the clock; each once.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clearance_engine::plan::event::Stamp;
use jiff::Timestamp;

use crate::failure::Failure;

/// The world, as the program found it.
#[derive(Debug)]
pub(crate) struct Env {
    directory: std::io::Result<PathBuf>,
    /// Time and randomness for events.
    pub(crate) stamp: Stamp,
    /// Whether standard output and standard error are terminals that show colour.
    pub(crate) color: bool,
    /// Whether standard output is a terminal.
    pub(crate) terminal: bool,
    /// Whether standard error is a terminal on which a line can be written anew.
    pub(crate) shows_progress: bool,
    /// Whether standard input is a terminal, at which somebody types.
    #[cfg_attr(not(feature = "mcp"), expect(dead_code, reason = "nobody else reads there"))]
    pub(crate) asks: bool,
    /// Columns of the terminal.
    pub(crate) columns: usize,
    /// What shows long text on a terminal, page by page.
    pub(crate) pager: Option<Pager>,
    /// Columns to wrap text at.
    pub(crate) width: usize,
    /// Whether the terminal shows more than ASCII.
    pub(crate) unicode: bool,
    /// `SPEC_KITTY_ALLOW_PROTECTED_BRANCH_COMMITS`
    pub(crate) allow_protected: bool,
    /// Whether git runs this, from a hook of a command that has the index locked.
    pub(crate) under_git: bool,
    /// The index that git works with while it runs this.
    pub(crate) index: Option<PathBuf>,
    /// Whether git asked somebody for a message in an editor: it says so to hooks by naming one that does nothing otherwise.
    pub(crate) edited: bool,
    /// Whether this runs unattended, where nobody can be asked.
    pub(crate) ci: bool,
    /// Where a user's programs keep what they remember: `XDG_STATE_HOME`.
    pub(crate) state_home: Option<PathBuf>,
    /// Whether a runner of GitHub Actions reads what this prints, and obeys commands in it: `GITHUB_ACTIONS`.
    pub(crate) obeyed: bool,
    /// The summary of a step of GitHub Actions: `GITHUB_STEP_SUMMARY`.
    pub(crate) step_summary: Option<PathBuf>,
    /// Every variable, for programs that rules run: they get the usual ones of these.
    pub(crate) variables: Vec<(OsString, OsString)>,
    /// This program, to run itself in the demo.
    pub(crate) program: Option<PathBuf>,
}

impl Env {
    pub(crate) fn read() -> Result<Self, Failure> {
        let terminal = std::io::stdout().is_terminal() && std::io::stderr().is_terminal();
        let dumb = variable("TERM").is_some_and(|term| term == "dumb");
        Ok(Self {
            directory: directory(),
            stamp: Stamp { now: now()?, entropy: entropy()? },
            color: terminal && !dumb && variable("NO_COLOR").is_none_or(|value| value.is_empty()),
            terminal: std::io::stdout().is_terminal() && !dumb,
            shows_progress: std::io::stderr().is_terminal() && !dumb,
            asks: std::io::stdin().is_terminal(),
            columns: columns(),
            pager: pager().filter(|_| std::io::stdout().is_terminal() && !dumb),
            width: columns().clamp(40, 120),
            unicode: unicode(),
            allow_protected: text("SPEC_KITTY_ALLOW_PROTECTED_BRANCH_COMMITS")
                .is_some_and(|value| ["1", "true", "yes"].contains(&value.to_lowercase().as_str())),
            under_git: variable("GIT_INDEX_FILE").is_some(),
            index: variable("GIT_INDEX_FILE").map(PathBuf::from),
            edited: variable("GIT_INDEX_FILE").is_some()
                && text("GIT_EDITOR").is_none_or(|editor| editor != ":"),
            ci: text("CI").is_some_and(|value| !["", "0", "false"].contains(&value.to_lowercase().as_str())),
            state_home: state_home(),
            obeyed: text("GITHUB_ACTIONS").is_some_and(|value| value == "true"),
            step_summary: variable("GITHUB_STEP_SUMMARY")
                .map(PathBuf::from)
                .filter(|path| path.is_absolute()),
            variables: variables(),
            program: std::env::current_exe().ok(),
        })
    }
}

impl Env {
    /// The same for who only takes the answer: nothing is drawn while it is sought.
    #[cfg(feature = "mcp")]
    pub(crate) fn unwatched(self) -> Self {
        Self { color: false, terminal: false, shows_progress: false, pager: None, ..self }
    }

    /// The working directory. It may be gone, which only matters to those who need it.
    pub(crate) fn directory(&self) -> Result<&Path, Failure> {
        self.directory.as_deref().map_err(|error| {
            let help = "it may have been removed; go to another one, or give --repo with a full path";
            Failure::usage("no_directory", format!("there is no current directory: {error}"), help)
        })
    }
}

#[cfg(feature = "sync")]
impl Env {
    /// What it says of the delivery of events. Only commands that recorded something, or are about that, ask.
    pub(crate) fn sync(&self) -> clearance_sync::settings::Environment {
        clearance_sync::settings::Environment {
            own_switch: text("CLEARANCE_SYNC"),
            switch: text("SPEC_KITTY_ENABLE_SAAS_SYNC"),
            server: text("CLEARANCE_SYNC_SERVER").or_else(|| text("SPEC_KITTY_SAAS_URL")),
            token: text("CLEARANCE_SYNC_TOKEN"),
            config_directory: base_directory("XDG_CONFIG_HOME", ".config").map(|home| home.join("clearance")),
            variables: self.variables.clone(),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
fn variables() -> Vec<(OsString, OsString)> {
    std::env::vars_os().collect()
}

/// Where a user's programs keep what they remember.
fn state_home() -> Option<PathBuf> {
    base_directory("XDG_STATE_HOME", ".local/state")
}

/// As the XDG base directory specification has it.
fn base_directory(name: &str, usual: &str) -> Option<PathBuf> {
    let absolute = |path: PathBuf| path.is_absolute().then_some(path);
    let named = variable(name).map(PathBuf::from).and_then(absolute);
    named.or_else(|| absolute(PathBuf::from(variable("HOME")?).join(usual)))
}

fn text(name: &str) -> Option<String> {
    variable(name)?.into_string().ok().map(|value| value.trim().to_owned())
}

/// The working directory, for who answers before the rest of the world is read.
pub(crate) fn here() -> std::io::Result<PathBuf> {
    directory()
}

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
fn directory() -> std::io::Result<PathBuf> {
    std::env::current_dir()
}

/// The time; `CLEARANCE_NOW` fixes it, for reproducible output.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
fn now() -> Result<Timestamp, Failure> {
    let Some(fixed) = text("CLEARANCE_NOW") else { return Ok(Timestamp::now()) };
    fixed.parse().map_err(|error| {
        let help = "give a time such as 2026-01-02T03:04:05Z, or unset the variable";
        Failure::usage("bad_environment", format!("CLEARANCE_NOW is not a time: {error}"), help)
    })
}

fn entropy() -> Result<u128, Failure> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map(|()| u128::from_le_bytes(bytes)).map_err(|error| {
        Failure::undecided("no_randomness", format!("the system gives no random bytes: {error}"))
    })
}

/// `COLUMNS`, else the terminal's width, else 100.
fn columns() -> usize {
    let told = text("COLUMNS").and_then(|columns| columns.parse().ok());
    let measured = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    told.or_else(measured).unwrap_or(100).clamp(20, 1000)
}

/// What shows text that is longer than the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pager {
    /// The program and its arguments.
    pub(crate) argv: Vec<String>,
    /// Lines of the terminal.
    pub(crate) rows: usize,
}

/// `CLEARANCE_PAGER`, else `PAGER`, else `less`; none where it is empty or `cat`, where it takes a shell to read it, and where
/// the height is not known.
fn pager() -> Option<Pager> {
    let told = text("LINES").and_then(|rows| rows.parse().ok());
    let measured = || terminal_size::terminal_size().map(|(_, height)| usize::from(height.0));
    let rows = told.or_else(measured).filter(|rows| *rows > 0)?;
    let named = text("CLEARANCE_PAGER").or_else(|| text("PAGER")).unwrap_or_else(|| "less".to_owned());
    // Blanks, quotes and backslashes mean what they mean to a shell; what would make it do more is not given to a program.
    let argv = shlex::split(&named).filter(|_| !named.contains(['|', '&', ';', '<', '>', '$', '`', '(']))?;
    let is_one = argv.first().is_some_and(|program| program != "cat");
    is_one.then_some(Pager { argv, rows })
}

/// The locale's character set, as setlocale(3) chooses it. An unset locale is taken for UTF-8: CI logs are.
fn unicode() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| text(name).filter(|value| !value.is_empty()));
    locale.is_none_or(|locale| locale.to_lowercase().replace('-', "").contains("utf8"))
}
