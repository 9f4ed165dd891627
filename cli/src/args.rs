//! The command line, as clap reads it.

use std::path::PathBuf;
use std::time::Duration;

use clap::error::{ContextKind, ErrorKind};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clearance_engine::strategy::TaskState;

use crate::commands::Answer;
use crate::failure::Failure;

/// Is this repository cleared for the step, and if not, what exactly must be done?
#[derive(Debug, Parser)]
#[command(name = "clearance", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The table of `clearance_engine::exit::ExitStatus`; a test compares them.
const EXIT_CODES: &str = "\
Exit codes:
    0  cleared, or done
    1  blocked, nothing could be resolved, or a requested commit failed
    2  usage, configuration or unknown mission
    3  could not decide: something could not be read, locked or written
    4  nothing was evaluated
  101  a bug in clearance";

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Work on the repository that DIR is in, instead of the current directory's
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) repo: Option<PathBuf>,
    /// Print exactly one JSON value on standard output, errors included
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Write a report: `json`, or `json=FILE`. Repeatable
    #[arg(long, global = true, value_name = "FORMAT[=FILE]", value_parser = ReportRequest::parse)]
    pub(crate) report: Vec<ReportRequest>,
    /// Colour the output
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
    /// Print faults only
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Print where each thing was found
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// A report that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReportRequest {
    /// The file to write; `None` for standard output.
    pub(crate) file: Option<PathBuf>,
}

impl ReportRequest {
    /// The names under which standard output would be written a second time.
    const STDOUT: [&'static str; 4] = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            None if text == "json" => Ok(Self { file: None }),
            Some(("json", file)) if Self::STDOUT.contains(&file) => Ok(Self { file: None }),
            Some(("json", file)) if !file.is_empty() => Ok(Self { file: Some(file.into()) }),
            Some(("json", _)) => Err("a file name must follow `json=`".to_owned()),
            _ => Err("the formats are: json".to_owned()),
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Mark tasks as done or pending
    MarkStatus(MarkStatusArgs),
    /// Look at what is registered
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Build a small repository with missions in it, and run the main job on it
    Demo(DemoArgs),
    /// Names of the original tool, for scripts that use them
    #[command(subcommand, hide = true)]
    Agent(AgentCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Every check and every strategy of this build, with its origin
    List,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AgentCommand {
    /// Commands about tasks
    #[command(subcommand)]
    Tasks(AgentTasksCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum AgentTasksCommand {
    /// As `clearance mark-status`
    MarkStatus(MarkStatusArgs),
}

/// Mark tasks as done or pending.
#[derive(Debug, Args)]
pub(crate) struct MarkStatusArgs {
    /// Tasks: T001, lists (T001,T002), ranges (T001-T005), with a mission before them if you like (SLUG:T001)
    #[arg(required = true, value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// The state they get
    #[arg(long, value_name = "STATE")]
    pub(crate) status: StateArg,
    /// The mission: directory name, id, first 8 characters of it, name without number, or number. Without it, the
    /// one that the current branch or directory is about
    #[arg(long, value_name = "HANDLE", alias = "feature")]
    pub(crate) mission: Option<String>,
    /// Show what would change, as a diff, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Exit with 1 unless every task was found
    #[arg(long)]
    pub(crate) strict: bool,
    /// Commit the files this call writes, and no others [default: agents.auto_commit of .kittify/config.yaml]
    #[arg(long, overrides_with = "no_auto_commit")]
    pub(crate) auto_commit: bool,
    /// Do not commit
    #[arg(long, overrides_with = "auto_commit")]
    pub(crate) no_auto_commit: bool,
    /// How long to wait for another process that writes the mission
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) lock_timeout: Duration,
}

impl MarkStatusArgs {
    /// What the command line says about committing; `None` when it says nothing.
    pub(crate) fn commit(&self) -> Option<bool> {
        match (self.auto_commit, self.no_auto_commit) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        }
    }
}

/// Build a small repository and run the main job on it.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Where to build it; a new temporary directory when absent
    #[arg(value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateArg {
    /// Finished
    Done,
    /// Not finished
    Pending,
}

impl From<StateArg> for TaskState {
    fn from(state: StateArg) -> Self {
        match state {
            StateArg::Done => Self::Done,
            StateArg::Pending => Self::Pending,
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds, such as 2 or 0.5".to_owned())?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|duration| *duration <= Duration::from_secs(86_400))
        .ok_or_else(|| "between 0 and 86400 seconds".to_owned())
}

/// What clap could not accept: help and version are answers, everything else is a usage failure.
pub(crate) fn refused(error: &clap::Error, json: bool) -> Result<Answer, Failure> {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let text = error.to_string();
        let answer = if json { serde_json::json!({ "text": text }).to_string() + "\n" } else { text };
        return Ok(Answer::text(answer));
    }
    let rendered = error.to_string();
    let first = rendered.split("\n\n").next().unwrap_or(&rendered);
    let message = first.strip_prefix("error: ").unwrap_or(first).trim_end().to_owned();
    let usage =
        error.context().find(|(kind, _)| *kind == ContextKind::Usage).map(|(_, usage)| usage.to_string());
    let tips = rendered.lines().filter_map(|line| line.trim().strip_prefix("tip: "));
    let help: Vec<_> = tips.map(str::to_owned).chain(usage).chain(["see --help".to_owned()]).collect();
    Err(Failure::usage("usage", message, help.join("\n")))
}
