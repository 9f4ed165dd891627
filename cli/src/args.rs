//! The command line, as clap reads it.

pub(crate) mod gate;
pub(crate) mod hooks;
#[cfg(feature = "mcp")]
pub(crate) mod mcp;
pub(crate) mod mission;
pub(crate) mod nested_env;
pub(crate) mod report;
pub(crate) mod rules;
#[cfg(feature = "sync")]
pub(crate) mod sync;

use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

use crate::commands::Answer;
use crate::completion::topics;
use crate::failure::Failure;
use gate::{CheckArgs, MergeArgs};
use hooks::HooksCommand;
use mission::{MarkStatusArgs, MoveArgs, StatusArgs};
use nested_env::EnvCommand;
use report::ReportRequest;
use rules::RulesCommand;

/// Is this repository cleared for the step, and if not, what exactly must be done?
#[derive(Debug, Parser)]
#[command(name = "clearance", version = env!("CLEARANCE_VERSION"), max_term_width = 100, after_help = EXIT_CODES)]
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
    3  could not decide: something could not be read, locked or written, or a rule is not trusted
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
    /// Write a report, to FILE or to standard output: `json`, and of `check` and `merge` `jsonl`, `sarif`, `junit`, `github`,
    /// `gitlab`, `markdown`, `html`; or choose how these talk to people: `fancy` (the default on a terminal), `plain` (a line each,
    /// the default elsewhere), `narrated` (for screen readers). Repeatable
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

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Mark tasks as done or pending
    MarkStatus(MarkStatusArgs),
    /// Move a work package to another lane
    Move(MoveArgs),
    /// Show where the work packages of a mission are, or every mission on a line
    Status(StatusArgs),
    /// Run every check of a step; change nothing
    Check(CheckArgs),
    /// Merge a mission, all of it or nothing; or say whether it is cleared for that, and what would be done
    Merge(MergeArgs),
    /// Say what a check, a rule, a strategy or a code means, and how to get past it
    Explain(ExplainArgs),
    /// Write, test and trust the rules of a team; list what is registered
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Deliver queued events; say what is queued, and why
    #[cfg(feature = "sync")]
    Sync(sync::SyncArgs),
    /// Have git ask before merges, commits and pushes
    #[command(subcommand)]
    Hooks(HooksCommand),
    /// Make nested Python environments
    #[command(subcommand)]
    Env(EnvCommand),
    /// Serve agents, over the Model Context Protocol on standard input and output
    #[cfg(feature = "mcp")]
    Mcp(mcp::McpArgs),
    /// Build a small repository with missions in it, and run the main job on it
    Demo(DemoArgs),
    /// Print what makes a shell complete commands, missions and rules
    Completions(CompletionsArgs),
    /// Print the manual, for man(1)
    Man(ManArgs),
    /// Names of the original tool, for scripts that use them
    #[command(subcommand, hide = true)]
    Agent(AgentCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum AgentCommand {
    /// Commands about tasks
    #[command(subcommand)]
    Tasks(AgentTasksCommand),
}

#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one, for the length of the process")]
pub(crate) enum AgentTasksCommand {
    /// As `clearance mark-status`
    MarkStatus(MarkStatusArgs),
    /// As `clearance move`
    MoveTask(MoveArgs),
    /// As `clearance status`
    Status(StatusArgs),
}

/// Build a small repository and run the main job on it.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Where to build it; a new temporary directory when absent
    #[arg(value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
}

/// Print what makes a shell complete the command line.
#[derive(Debug, Args)]
#[command(after_help = COMPLETIONS)]
pub(crate) struct CompletionsArgs {
    /// bash, elvish, fish, powershell, zsh
    #[arg(value_name = "SHELL")]
    pub(crate) shell: String,
}

/// Say what something in a report means.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// A check, a rule, a strategy, a code or an exit code; without it, all of them on a line each
    #[arg(value_name = "ID", add = topics())]
    pub(crate) id: Option<String>,
}

const COMPLETIONS: &str = "\
In the file that the shell reads when it starts:
  bash        source <(clearance completions bash)
  zsh         source <(clearance completions zsh)
  fish        clearance completions fish | source
  elvish      eval (clearance completions elvish | slurp)
  powershell  clearance completions powershell | Out-String | Invoke-Expression";

/// Print the manual.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Write a page for each command into DIR, instead of the first one to standard output
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds, such as 2 or 0.5".to_owned())?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|duration| *duration <= Duration::from_secs(86_400))
        .ok_or_else(|| "between 0 and 86400 seconds".to_owned())
}

/// The command that a usage is of. In that of a mistake options that were given look like those that must be.
fn command_of(usage: &str) -> clap::Command {
    let mut command = Cli::command();
    command.build();
    let mut words = usage.split_whitespace().skip(1);
    while let Some(inner) = words.next().and_then(|word| command.find_subcommand(word)) {
        command = inner.clone();
    }
    command
}

fn shown(command: &clap::Command) -> String {
    command.clone().render_usage().to_string()
}

/// The end of the help of a usage failure.
pub(crate) const SEE_HELP: &str = "see --help";

/// What clap could not accept: help and version are answers, everything else is a usage failure.
pub(crate) fn refused(error: &clap::Error, json: bool) -> Result<Answer, Failure> {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let text = error.to_string();
        let answer = if json { serde_json::json!({ "text": text }).to_string() + "\n" } else { text };
        return Ok(Answer::text(answer));
    }
    let rendered = error.to_string();
    let usage = rendered.lines().find_map(|line| line.strip_prefix("Usage: "));
    let command = usage.map(command_of);
    let is_missing = matches!(
        error.kind(),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand
    );
    if let Some(command) = command.as_ref().filter(|command| is_missing && command.has_subcommands()) {
        let names: Vec<_> =
            command.get_subcommands().filter(|one| !one.is_hide_set()).map(clap::Command::get_name).collect();
        let help = format!("{}\nthere are: {}\n{SEE_HELP}", shown(command), names.join(", "));
        return Err(Failure::usage("usage", "a command is missing", help));
    }
    let first = rendered.split("\n\n").next().unwrap_or(&rendered);
    let message = first.strip_prefix("error: ").unwrap_or(first).trim_end().to_owned();
    let usage = command.as_ref().map(shown);
    let tips = rendered.lines().filter_map(|line| line.trim().strip_prefix("tip: "));
    let help: Vec<_> = tips.map(str::to_owned).chain(usage).chain([SEE_HELP.to_owned()]).collect();
    Err(Failure::usage("usage", message, help.join("\n")))
}
