//! Arguments of `clearance rules`, and those of other commands that say whose rules count.

use std::path::PathBuf;

use crate::completion::{missions, rules};
use clap::{Args, Subcommand, ValueEnum};

use super::gate::StageArg;

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
    /// A contract-drift scenario
    Drift,
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
    #[arg(value_name = "ID", add = rules())]
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
    #[arg(long, value_name = "HANDLE", add = missions())]
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
    #[arg(value_name = "RULE", add = rules())]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) place: RulesTrustPlace,
}

#[derive(Debug, Args)]
pub(crate) struct RulesTrustArgs {
    /// The rule
    #[arg(value_name = "RULE", add = rules())]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) place: RulesTrustPlace,
}

#[derive(Debug, Args)]
pub(crate) struct RulesTrustRevokeArgs {
    /// The rule
    #[arg(value_name = "RULE", add = rules())]
    pub(crate) id: String,
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
