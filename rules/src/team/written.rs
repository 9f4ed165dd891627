//! A rule as it is written: `schema: clearance.rule/v1`. What the words mean is decided in `rule.rs`.

use serde::Deserialize;

use schemars::JsonSchema;

use super::kinds::WrittenCheck;
use super::types::Type;
use super::yaml::{At, InOrder};

/// The schema of rule files.
pub const SCHEMA: &str = "clearance.rule/v1";

/// A file of `rules.d/`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WrittenRule {
    /// `clearance.rule/v1`
    pub schema: At<String>,
    /// Lower case, digits and dashes; unique among all checks.
    pub id: At<String>,
    /// The kind of its check, for who wants to say it at the top: a key below `check:`.
    #[serde(default)]
    pub kind: Option<At<String>>,
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
    /// Values with a type and a default.
    #[serde(default)]
    pub params: InOrder<At<serde_json::Value>>,
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
    /// Its own tests. Who only asks the rule does not read them: [`WrittenTests`].
    #[serde(default)]
    #[schemars(with = "Vec<WrittenTest>")]
    pub tests: serde::de::IgnoredAny,
}

/// The tests in the file of a rule, alone.
#[derive(Debug, Deserialize)]
pub struct WrittenTests {
    /// The tests.
    #[serde(default)]
    pub tests: Vec<At<WrittenTest>>,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
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

/// A value of a rule that may be set otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WrittenParam {
    /// `string`, `int`, `bool` or `list`.
    #[serde(rename = "type")]
    pub kind: ParamType,
    /// What it is unless it is set.
    pub default: serde_json::Value,
}

/// The type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
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

impl ParamType {
    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Int => "int",
            Self::Bool => "bool",
            Self::List => "list",
        }
    }

    /// Whether a value is of this type.
    #[must_use]
    pub fn fits(self, value: &serde_json::Value) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Int => value.is_i64(),
            Self::Bool => value.is_boolean(),
            Self::List => {
                value.as_array().is_some_and(|items| items.iter().all(serde_json::Value::is_string))
            }
        }
    }

    /// The type in expressions.
    #[must_use]
    pub fn of(self) -> Type {
        match self {
            Self::String => Type::Text,
            Self::Int => Type::Int,
            Self::Bool => Type::Bool,
            Self::List => Type::list(Type::Text),
        }
    }
}

/// A file of the commit that is gated.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WrittenData {
    /// Its path, with `{{ expression }}`.
    pub file: At<String>,
    /// Whether it may be missing: then it is `null`.
    #[serde(default)]
    pub optional: bool,
}

/// A test of a rule, in its own file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
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
    /// What the scenario comes to.
    #[serde(default)]
    pub drift: Option<StubbedDrift>,
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
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StubbedExec {
    /// Its exit code.
    pub exit: i32,
    /// What it prints.
    #[serde(default)]
    pub stdout: String,
}

/// What a server answers in a test.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StubbedHttp {
    /// The status.
    pub status: u16,
    /// The body.
    #[serde(default)]
    pub body: serde_json::Value,
}

/// What a contract-drift scenario comes to in a test.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StubbedDrift {
    /// Its outcome.
    pub outcome: StubbedOutcome,
    /// What a failure says; the first sign without it.
    #[serde(default)]
    pub line: Option<String>,
    /// The version that the consumer brought.
    #[serde(default)]
    pub baseline: Option<String>,
}

/// What a contract-drift scenario comes to in a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StubbedOutcome {
    /// The tests pass with the candidate.
    NoDrift,
    /// They fail with it, and a failure names a sign.
    DriftDetected,
    /// No environment can be made here.
    Skipped,
}

/// The result of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
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
    use crate::team::yaml::{read, read_without};
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

    /// What looks like the last section may be a text.
    #[rstest]
    #[case::in_quotes("title: 'of\ntests: all'\n")]
    #[case::in_braces("params: { a: { type: int,\ntests: 1 } }\n")]
    fn a_section_that_is_none_is_read(#[case] end: &str) {
        let source = source(&format!("{RULE}{end}"));
        let (all, some) = (read::<WrittenRule>(&source), read_without::<WrittenRule>(&source, "tests"));
        assert_eq!(format!("{all:?}"), format!("{some:?}"));
    }

    #[rstest]
    #[case::alias(format!("{RULE}title: &a x\ndocs: *a\n"))]
    #[case::deep(format!("{RULE}params: {}{}\n", "{a: ".repeat(100), "}".repeat(100)))]
    #[case::many(format!("{RULE}docs: [{}]\n", "x,".repeat(30_000)))]
    fn hostile_files_are_refused(#[case] text: String) {
        assert!(read::<WrittenRule>(&source(&text)).is_err());
    }
}
