//! The command line, as clap reads it.

use std::path::PathBuf;
use std::time::Duration;

use clap::error::{ContextKind, ErrorKind};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clearance_engine::check::Stage;
use clearance_engine::merge::scope::Strategy;
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
    /// Write a report: `json`, or `json=FILE`; or choose how `check` and `merge` talk to people: `fancy` (the default on a
    /// terminal), `plain` (a line each, the default elsewhere), `narrated` (for screen readers). Repeatable
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
    /// How to talk to people, where it is that.
    pub(crate) form: Option<Form>,
}

/// How findings are told to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// With frames and colour.
    Fancy,
    /// A line each, as compilers do.
    Plain,
    /// In sentences, without drawings.
    Narrated,
}

impl ReportRequest {
    /// The names under which standard output would be written a second time.
    const STDOUT: [&'static str; 4] = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            None if text == "json" => Ok(Self { file: None, form: None }),
            None if text == "fancy" => Ok(Self { file: None, form: Some(Form::Fancy) }),
            None if text == "plain" => Ok(Self { file: None, form: Some(Form::Plain) }),
            None if text == "narrated" => Ok(Self { file: None, form: Some(Form::Narrated) }),
            Some(("json", file)) if Self::STDOUT.contains(&file) => Ok(Self { file: None, form: None }),
            Some(("json", file)) if !file.is_empty() => Ok(Self { file: Some(file.into()), form: None }),
            Some(("json", _)) => Err("a file name must follow `json=`".to_owned()),
            _ => Err("the formats are: json, json=FILE, fancy, plain, narrated".to_owned()),
        }
    }

    /// Whether it is a JSON value on standard output.
    pub(crate) fn is_json_on_stdout(&self) -> bool {
        self.file.is_none() && self.form.is_none()
    }
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
    /// Say whether a mission is cleared for its merge, and what would come of it
    Merge(MergeArgs),
    /// Write, test and trust the rules of a team; list what is registered
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
    /// Every check and strategy of this build, and the rules of the repository, with their origins
    List(RulesListArgs),
    /// Write a rule to begin with, which passes its own tests
    New(RulesNewArgs),
    /// Run the tests that rules bring; programs and servers are played
    Test(RulesTestArgs),
    /// Say what is wrong with rules, and what is odd
    Lint(RulesLintArgs),
    /// Say what a rule or a built-in check asks
    Explain(RulesExplainArgs),
    /// Print the JSON Schema of a rule, for editors
    Schema(RulesSchemaArgs),
    /// Decide which rules may run programs and ask servers
    #[command(subcommand)]
    Trust(RulesTrustCommand),
}

/// Where rules are read for their author.
const AUTHORED: &str =
    "Read rules.d/ in the work tree (`head`, the default), on the target branch (`base`), or in a directory";

#[derive(Debug, Args)]
pub(crate) struct RulesListArgs {
    #[arg(long, value_name = "base|head|DIR", value_parser = RulesFrom::parse, help = AUTHORED)]
    pub(crate) rules_from: Option<RulesFrom>,
    /// Show what each rule runs or asks
    #[arg(long)]
    pub(crate) capabilities: bool,
    /// Only what gates this step
    #[arg(long, value_name = "STAGE")]
    pub(crate) stage: Option<StageArg>,
}

#[derive(Debug, Args)]
pub(crate) struct RulesNewArgs {
    /// Lower-case letters and digits, joined by `-`
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// What it is to ask
    #[arg(long, value_name = "KIND", default_value = "each")]
    pub(crate) kind: NewKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum NewKind {
    /// Something about the whole
    Assert,
    /// Something about each item of a list
    Each,
    /// Text that must or must not occur
    Scan,
    /// A program whose exit code answers
    Exec,
    /// A server
    Http,
    /// A way to find tasks
    Resolver,
}

#[derive(Debug, Args)]
pub(crate) struct RulesTestArgs {
    /// Only tests whose name, or whose rule's id, has this in it
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Option<String>,
    #[arg(long, value_name = "base|head|DIR", value_parser = RulesFrom::parse, help = AUTHORED)]
    pub(crate) rules_from: Option<RulesFrom>,
}

#[derive(Debug, Args)]
pub(crate) struct RulesLintArgs {
    #[arg(long, value_name = "base|head|DIR", value_parser = RulesFrom::parse, help = AUTHORED)]
    pub(crate) rules_from: Option<RulesFrom>,
}

#[derive(Debug, Args)]
pub(crate) struct RulesExplainArgs {
    /// A rule or a built-in check
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    #[arg(long, value_name = "base|head|DIR", value_parser = RulesFrom::parse, help = AUTHORED)]
    pub(crate) rules_from: Option<RulesFrom>,
}

#[derive(Debug, Args)]
pub(crate) struct RulesSchemaArgs {
    /// Of which file
    #[arg(long, value_name = "FILE", default_value = "rule")]
    pub(crate) of: SchemaOf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    /// A rule
    Rule,
    /// waivers.yaml
    Waivers,
    /// trust.lock
    TrustLock,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RulesTrustCommand {
    /// What rules would run or ask, and whether they may
    Show(RulesTrustShowArgs),
    /// Let a rule run or ask what it says, until it changes
    Allow(RulesTrustArgs),
    /// Take that back
    Revoke(RulesTrustRevokeArgs),
}

/// Which rules are meant: those that a merge would ask.
#[derive(Debug, Args)]
pub(crate) struct RulesTrustPlace {
    /// The mission that would be merged: files that a command names are those that it would leave
    #[arg(long, value_name = "HANDLE")]
    pub(crate) mission: Option<String>,
    /// The branch to merge into
    #[arg(long, value_name = "BRANCH")]
    pub(crate) target: Option<String>,
    /// Read rules.d/ on the target branch (`base`, the default), in the work tree (`head`), or in a directory
    #[arg(long, value_name = "base|head|DIR", value_parser = RulesFrom::parse)]
    pub(crate) rules_from: Option<RulesFrom>,
}

#[derive(Debug, Args)]
pub(crate) struct RulesTrustShowArgs {
    /// A rule; without it, all that run a program or ask a server
    #[arg(value_name = "RULE")]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) place: RulesTrustPlace,
}

#[derive(Debug, Args)]
pub(crate) struct RulesTrustArgs {
    /// The rule
    #[arg(value_name = "RULE")]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) place: RulesTrustPlace,
}

#[derive(Debug, Args)]
pub(crate) struct RulesTrustRevokeArgs {
    /// The rule
    #[arg(value_name = "RULE")]
    pub(crate) id: String,
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

/// What every command takes that writes in a mission.
#[derive(Debug, Args)]
pub(crate) struct WriteArgs {
    /// The mission: directory name, id, first 8 characters of it, name without number, or number. Without it, the
    /// one that the current branch or directory is about
    #[arg(long, value_name = "HANDLE", alias = "feature")]
    pub(crate) mission: Option<String>,
    /// Show what would change, as a diff, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
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

/// Mark tasks as done or pending.
#[derive(Debug, Args)]
pub(crate) struct MarkStatusArgs {
    /// Tasks: T001, lists (T001,T002), ranges (T001-T005), with a mission before them if you like (SLUG:T001)
    #[arg(required = true, value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// The state they get
    #[arg(long, value_name = "STATE")]
    pub(crate) status: StateArg,
    /// Exit with 1 unless every task was found
    #[arg(long)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) write: WriteArgs,
}

impl WriteArgs {
    /// What the command line says about committing; `None` when it says nothing.
    pub(crate) fn commit(&self) -> Option<bool> {
        match (self.auto_commit, self.no_auto_commit) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        }
    }
}

/// Move a work package to another lane.
#[derive(Debug, Args)]
pub(crate) struct MoveArgs {
    /// The work package, with a mission before it if you like: WP01, SLUG:WP01
    #[arg(value_name = "WPnn")]
    pub(crate) work_package: String,
    /// planned, claimed, in_progress (or doing), for_review, in_review, approved, done, blocked, canceled
    #[arg(long, value_name = "LANE")]
    pub(crate) to: String,
    /// Who moves it [default: git's user.name]
    #[arg(long, value_name = "NAME", alias = "agent")]
    pub(crate) actor: Option<String>,
    /// Why
    #[arg(long, value_name = "WHY", alias = "note", alias = "done-override-reason")]
    pub(crate) reason: Option<String>,
    /// Who reviewed. Never guessed
    #[arg(long, value_name = "NAME")]
    pub(crate) reviewer: Option<String>,
    /// Where the approval can be read: a pull request, a commit, a file
    #[arg(long, value_name = "REFERENCE", alias = "approval-ref")]
    pub(crate) evidence: Option<String>,
    /// What the review said; follows from the lane where it must
    #[arg(long, value_name = "VERDICT", value_parser = ["approved", "changes_requested"])]
    pub(crate) verdict: Option<String>,
    /// Where a review that asks for changes can be read
    #[arg(long, value_name = "REFERENCE")]
    pub(crate) review_ref: Option<String>,
    /// The file with the reviewer's words; serves as --review-ref too
    #[arg(long, value_name = "FILE", alias = "review-feedback-file")]
    pub(crate) feedback: Option<PathBuf>,
    /// Pass over the rules. Needs --actor and --reason
    #[arg(long)]
    pub(crate) force: bool,
    /// Note who is to do the work
    #[arg(long, value_name = "NAME")]
    pub(crate) assignee: Option<String>,
    /// Note the process that does the work
    #[arg(long, value_name = "PID")]
    pub(crate) shell_pid: Option<u32>,
    /// Note the model that does the work
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// Note the agent profile that does the work
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Note a ticket elsewhere, such as '#1298'. Repeatable
    #[arg(long, value_name = "REFERENCE")]
    pub(crate) tracker_ref: Vec<String>,
    #[command(flatten)]
    pub(crate) write: WriteArgs,
}

/// Show where the work packages are.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// The mission; without it, the one that the current branch or directory is about, else all of them
    #[arg(long, value_name = "HANDLE", alias = "feature")]
    pub(crate) mission: Option<String>,
    /// Every mission, a line each, the last active first
    #[arg(long, conflicts_with = "mission")]
    pub(crate) all: bool,
    /// Write status.json anew where it is not what the log adds up to
    #[arg(long, conflicts_with = "recover")]
    pub(crate) materialize: bool,
    /// Set a half-written last line of the log aside, in a file beside it
    #[arg(long)]
    pub(crate) recover: bool,
    /// How long to wait for another process that writes the mission
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) lock_timeout: Duration,
}

/// Run every check of a step.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The mission; without it, the one that the current branch or directory is about
    #[arg(long, value_name = "HANDLE", alias = "feature")]
    pub(crate) mission: Option<String>,
    /// The step that is to be taken
    #[arg(long, value_name = "STAGE", default_value = "merge")]
    pub(crate) stage: StageArg,
    /// Run only this check or rule
    #[arg(long, value_name = "ID")]
    pub(crate) rule: Option<String>,
    /// Show the value of each part of the rule's expressions, for one item: that named by --item, else the first that does
    /// not hold
    #[arg(long, requires = "rule")]
    pub(crate) trace: bool,
    /// The item to trace
    #[arg(long, value_name = "KEY", requires = "trace")]
    pub(crate) item: Option<String>,
    #[command(flatten)]
    pub(crate) merge: MergeQuestion,
}

/// What a merge is asked about.
#[derive(Debug, Args)]
pub(crate) struct MergeQuestion {
    /// How the mission branch gets onto the target
    #[arg(long, value_name = "STRATEGY", default_value = "squash")]
    pub(crate) strategy: StrategyArg,
    /// The branch to merge into [default: meta.json, else the repository's default branch]
    #[arg(long, value_name = "BRANCH")]
    pub(crate) target: Option<String>,
    /// Ask as for a merge that is pushed: the remote must be reachable, and not ahead
    #[arg(long)]
    pub(crate) push: bool,
    /// Ask the remote where the target is; nothing is fetched
    #[arg(long)]
    pub(crate) fetch: bool,
    /// How long the remote may take to answer
    #[arg(long, value_name = "SECONDS", default_value = "15", value_parser = seconds)]
    pub(crate) remote_timeout: Duration,
    /// Stop at the first check that blocks or cannot look; the others are not run
    #[arg(long)]
    pub(crate) fail_fast: bool,
    #[command(flatten)]
    pub(crate) rules: RulesQuestion,
}

impl MergeQuestion {
    /// A merge into a branch, with the rules of a place.
    pub(crate) fn about(target: Option<String>, rules_from: Option<RulesFrom>) -> Self {
        Self {
            strategy: StrategyArg::Squash,
            target,
            push: false,
            fetch: false,
            remote_timeout: Duration::from_secs(15),
            fail_fast: false,
            rules: RulesQuestion { rules_from, trust: Vec::new(), offline: false },
        }
    }
}

/// Which rules of the team are asked, and what they may do.
#[derive(Debug, Args)]
pub(crate) struct RulesQuestion {
    /// Read rules.d/ on the target branch (`base`), in the work tree (`head`), or in a directory
    /// [default: base for a merge and where CI is set, else head]
    #[arg(long, value_name = "base|head|DIR", value_parser = RulesFrom::parse)]
    pub(crate) rules_from: Option<RulesFrom>,
    /// Trust a rule for this run: exec:RULE@sha256:HASH, network:RULE. Repeatable
    #[arg(long, value_name = "GRANT", value_parser = grant)]
    pub(crate) trust: Vec<String>,
    /// Ask no servers: rules that would are undecided
    #[arg(long)]
    pub(crate) offline: bool,
}

/// Where rules are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RulesFrom {
    /// As the target branch has them.
    Base,
    /// As the work tree has them.
    Head,
    /// In another directory.
    Directory(PathBuf),
}

impl RulesFrom {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "base" => Ok(Self::Base),
            "head" => Ok(Self::Head),
            "" => Err("base, head, or a directory".to_owned()),
            directory => Ok(Self::Directory(directory.into())),
        }
    }
}

fn grant(text: &str) -> Result<String, String> {
    clearance_rules::team::trust::check_grant(text).map(|()| text.to_owned())
}

/// Say whether a mission is cleared for its merge.
#[derive(Debug, Args)]
pub(crate) struct MergeArgs {
    /// The mission; without it, the one that the current branch or directory is about
    #[arg(long, value_name = "HANDLE", alias = "feature")]
    pub(crate) mission: Option<String>,
    /// Change nothing. Required: this version forecasts merges and does not make them
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) question: MergeQuestion,
    /// Keep the branches
    #[arg(long, overrides_with = "delete_branch")]
    pub(crate) keep_branch: bool,
    /// Delete the branches afterwards (the default)
    #[arg(long, overrides_with = "keep_branch")]
    pub(crate) delete_branch: bool,
    /// Keep the work trees
    #[arg(long, overrides_with = "remove_worktree")]
    pub(crate) keep_worktree: bool,
    /// Remove the work trees afterwards (the default)
    #[arg(long, overrides_with = "keep_worktree")]
    pub(crate) remove_worktree: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StageArg {
    /// Marking tasks
    MarkStatus,
    /// A commit
    Commit,
    /// A merge
    Merge,
}

impl From<StageArg> for Stage {
    fn from(stage: StageArg) -> Self {
        match stage {
            StageArg::MarkStatus => Self::MarkStatus,
            StageArg::Commit => Self::Commit,
            StageArg::Merge => Self::Merge,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StrategyArg {
    /// A merge commit
    Merge,
    /// One commit with everything
    Squash,
    /// Commit by commit on top of the target
    Rebase,
}

impl From<StrategyArg> for Strategy {
    fn from(strategy: StrategyArg) -> Self {
        match strategy {
            StrategyArg::Merge => Self::Merge,
            StrategyArg::Squash => Self::Squash,
            StrategyArg::Rebase => Self::Rebase,
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
