//! A rule as it is written: `schema: clearance.rule/v1`. What the words mean is decided in `rule.rs`.

use serde::Deserialize;

use super::yaml::{At, InOrder, OneOrMany};

/// The schema of rule files.
pub const SCHEMA: &str = "clearance.rule/v1";

/// A file of `rules.d/`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenRule {
    /// `clearance.rule/v1`
    pub schema: At<String>,
    /// Lower case, digits and dashes; unique among all checks.
    pub id: At<String>,
    /// What holds when it passes, in one line.
    #[serde(default)]
    pub title: Option<At<String>>,
    /// How bad it is when it does not.
    #[serde(default)]
    pub severity: Option<At<WrittenSeverity>>,
    /// The steps it gates.
    #[serde(default)]
    pub stages: Option<Vec<At<WrittenStage>>>,
    /// Where more is written about it.
    #[serde(default)]
    pub docs: Option<At<String>>,
    /// Whether it applies, as an expression.
    #[serde(default)]
    pub when: Option<At<String>>,
    /// Values that a repository may set otherwise.
    #[serde(default)]
    pub params: InOrder<At<WrittenParam>>,
    /// Named expressions, evaluated once, in this order.
    #[serde(default, rename = "let")]
    pub named: InOrder<At<String>>,
    /// Files of the commit that is gated, read as JSON, YAML or TOML.
    #[serde(default)]
    pub data: InOrder<At<WrittenData>>,
    /// What is checked: exactly one kind.
    #[serde(default)]
    pub check: Option<At<WrittenCheck>>,
    /// What is wrong, with `{{ expression }}`.
    #[serde(default)]
    pub message: Option<At<String>>,
    /// What ends it, likewise. Shown, never run.
    #[serde(default)]
    pub remediation: Option<At<String>>,
    /// Whether a waiver may except items.
    #[serde(default)]
    pub waivable: Option<At<bool>>,
    /// Its own tests.
    #[serde(default)]
    pub tests: Vec<At<WrittenTest>>,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WrittenSeverity {
    /// It blocks.
    Error,
    /// It is worth a look.
    Warning,
    /// It is worth knowing.
    Info,
    /// It does not run.
    Off,
}

/// A step. `dry-run` and `merge` are one: the same checks run for both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WrittenStage {
    /// The same as `merge`.
    DryRun,
    /// A merge.
    Merge,
    /// Marking tasks.
    MarkStatus,
    /// A commit.
    Commit,
}

/// A value that a repository may set otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenParam {
    /// `string`, `int`, `bool` or `list`.
    #[serde(rename = "type")]
    pub kind: ParamType,
    /// What it is unless it is set.
    pub default: serde_json::Value,
}

/// The type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParamType {
    /// Text.
    String,
    /// A whole number.
    Int,
    /// `true` or `false`.
    Bool,
    /// A list of texts.
    List,
}

/// A file of the commit that is gated.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenData {
    /// Its path, with `{{ expression }}`.
    pub file: At<String>,
    /// Whether it may be missing: then it is `null`.
    #[serde(default)]
    pub optional: bool,
}

/// What is checked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenCheck {
    /// A list: one result for each item.
    #[serde(default)]
    pub each: Option<At<String>>,
    /// The name of an item.
    #[serde(default, rename = "as")]
    pub name: Option<At<String>>,
    /// What an item is called in results, as an expression; stable from run to run.
    #[serde(default)]
    pub key: Option<At<String>>,
    /// Without `each`, what the one result is about, with `{{ expression }}`.
    #[serde(default)]
    pub item: Option<At<String>>,
    /// Where it is: an expression for a path, and behind `#` a field or `L<line>`.
    #[serde(default)]
    pub at: Option<At<String>>,
    /// Fewer items than this are a failure: nothing is no pass.
    #[serde(default)]
    pub min_items: Option<At<usize>>,
    /// What must hold, as an expression.
    #[serde(default)]
    pub assert: Option<At<String>>,
    /// A search for text.
    #[serde(default)]
    pub scan: Option<At<WrittenScan>>,
    /// A command.
    #[serde(default)]
    pub exec: Option<At<WrittenExec>>,
    /// A question to a server.
    #[serde(default)]
    pub http: Option<At<WrittenHttp>>,
}

/// A search for text.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenScan {
    /// Patterns of paths.
    pub files: Vec<At<String>>,
    /// Which lines are looked at.
    pub lines: ScanLines,
    /// What must not occur.
    #[serde(default)]
    pub forbid: OneOrMany,
    /// What must occur in each file.
    #[serde(default)]
    pub require: OneOrMany,
    /// Lines on which nothing is found.
    #[serde(default)]
    pub allow: OneOrMany,
    /// Whether what was found is kept out of every report.
    #[serde(default)]
    pub redact: bool,
}

/// Which lines are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScanLines {
    /// Those that the merge would add.
    Added,
    /// All of the files that it would change.
    ChangedFiles,
    /// All of all files.
    All,
}

/// A command.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenExec {
    /// The program and its arguments; no shell reads them.
    pub argv: Vec<At<String>>,
    /// `500ms`, `30s`, `2m`.
    pub timeout: At<String>,
    /// Variables of the environment that it is given besides the usual ones.
    #[serde(default)]
    pub env: Vec<At<String>>,
    /// Where it runs.
    #[serde(default)]
    pub cwd: ExecPlace,
    /// Exit codes that pass.
    pub pass: Vec<i32>,
    /// Exit codes that fail. Any other is no answer.
    pub fail: Vec<i32>,
}

/// Where a command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExecPlace {
    /// A checkout of what is gated, thrown away afterwards.
    #[default]
    Head,
    /// A checkout of the target.
    Base,
    /// The repository itself.
    Repo,
}

/// A question to a server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenHttp {
    /// The address; `{{ expression }}` behind the host only.
    pub get: At<String>,
    /// The variable of the environment that has the token for that host.
    #[serde(default)]
    pub token_env: Option<At<String>>,
    /// `10s`
    pub timeout: At<String>,
    /// How often it is asked again.
    #[serde(default)]
    pub retries: Option<At<u32>>,
    /// Statuses whose body is looked at. Any other is no answer.
    pub expect_status: Vec<u16>,
}

/// A test of a rule, in its own file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenTest {
    /// What it shows.
    pub name: At<String>,
    /// The document, or the parts of it that the rule looks at.
    #[serde(default)]
    pub given: serde_json::Map<String, serde_json::Value>,
    /// Parameters that are set otherwise.
    #[serde(default)]
    pub params: serde_json::Map<String, serde_json::Value>,
    /// Files for `scan`: lines that begin with `+` are added ones.
    #[serde(default)]
    pub files: InOrder<String>,
    /// What the command does.
    #[serde(default)]
    pub exec: Option<StubbedExec>,
    /// What the server answers.
    #[serde(default)]
    pub http: Option<StubbedHttp>,
    /// What is trusted in the test; without it everything is.
    #[serde(default)]
    pub trust: Option<Vec<String>>,
    /// Item and result; `*` is the rule as a whole.
    pub expect: InOrder<Expected>,
    /// Item and message.
    #[serde(default)]
    pub message: InOrder<String>,
    /// What must not occur in any output.
    #[serde(default)]
    pub absent: Vec<String>,
}

/// What a command does in a test.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StubbedExec {
    /// Its exit code.
    pub exit: i32,
    /// What it prints.
    #[serde(default)]
    pub stdout: String,
}

/// What a server answers in a test.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StubbedHttp {
    /// The status.
    pub status: u16,
    /// The body.
    #[serde(default)]
    pub body: serde_json::Value,
}

/// The result of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Expected {
    /// It holds.
    Pass,
    /// It does not.
    Fail,
    /// It does not apply.
    Skip,
    /// It could not be told.
    Error,
    /// It was not asked: nobody trusts it.
    Untrusted,
    /// It does not hold, and a waiver excepts it.
    Waived,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::team::yaml::read;
    use clearance_engine::source::Source;
    use rstest::rstest;

    const RULE: &str = "schema: clearance.rule/v1\nid: has-owner\nseverity: error\nstages: [merge]\ncheck:\n  each: wps\n  as: wp\n  key: wp.id\n  assert: wp.agent != \"\"\nmessage: \"{{ wp.id }} has no owner\"\n";

    fn source(text: &str) -> Source {
        Source::new("rules.d/x.yaml", "", text)
    }

    #[test]
    fn values_know_where_they_stand() {
        let rule: WrittenRule = read(&source(RULE)).unwrap();
        let check = rule.check.unwrap().value;
        let assert = check.assert.unwrap();
        assert_eq!((assert.value.as_str(), &RULE[assert.span]), ("wp.agent != \"\"", "wp.agent != \"\""));
        let message = rule.message.unwrap();
        assert_eq!(&RULE[message.span], "\"{{ wp.id }} has no owner\"");
    }

    #[rstest]
    #[case::misspelt_key("severity:", "sevrity:", 3, "did you mean `severity`?")]
    #[case::misspelt_word("severity: error", "severity: eror", 3, "did you mean `error`?")]
    #[case::colon("assert: wp.agent != \"\"", "assert: wp.a.matches(\"x: y\")", 9, "`: `")]
    #[case::comment("assert: wp.agent != \"\"", "assert: [wp.agent #x", 9, " #")]
    fn mistakes_have_a_place_and_help(
        #[case] from: &str,
        #[case] to: &str,
        #[case] line: usize,
        #[case] help: &str,
    ) {
        let text = RULE.replace(from, to);
        let error = read::<WrittenRule>(&source(&text)).unwrap_err();
        let helped = error.help().unwrap_or_default();
        assert!(helped.contains(help) && error.line == line, "{error}: {helped:?}");
    }

    #[rstest]
    #[case::alias(format!("{RULE}title: &a x\ndocs: *a\n"))]
    #[case::deep(format!("{RULE}params: {}{}\n", "{a: ".repeat(100), "}".repeat(100)))]
    #[case::many(format!("{RULE}docs: [{}]\n", "x,".repeat(30_000)))]
    fn hostile_files_are_refused(#[case] text: String) {
        assert!(read::<WrittenRule>(&source(&text)).is_err());
    }
}
