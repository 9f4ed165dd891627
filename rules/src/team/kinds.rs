//! The kinds of checks that a rule may have: one file each, and one word in the list below.
//!
//! A rule without a kind is an assertion about the document. A kind asks for something else first, and either answers
//! itself, item by item, or brings in values that an assertion looks at.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::ops::Range;

use clearance_engine::finding::Location;
use clearance_engine::process::is_never_given;
use clearance_engine::source::Source;
use schemars::JsonSchema;
use serde::Deserialize;

use super::expression::{Expression, ExpressionError, Scope, Value};
use super::template::Template;
use super::types::{Names, Type};
use super::world::{Unknown, World};
use super::yaml::{At, RuleError, place_in};

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident),+ $(,)?) => {
        $(pub mod $kind;)+

        /// What is checked.
        #[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct WrittenCheck {
            /// A list, as an expression: one result for each item.
            #[serde(default)]
            pub each: Option<At<String>>,
            /// The name of an item in expressions.
            #[serde(default, rename = "as")]
            pub name: Option<At<String>>,
            /// What an item is called in results, as an expression; stable from run to run.
            #[serde(default)]
            pub key: Option<At<String>>,
            /// Without `each`, what the one result is about, with `{{ expression }}`.
            #[serde(default)]
            pub item: Option<At<String>>,
            /// Where it is: an expression for a path, or a text with `{{ expression }}`; behind `#` a field of the front
            /// matter or `L<line>`.
            #[serde(default)]
            pub at: Option<At<String>>,
            /// Fewer items than this are a failure: nothing is no pass.
            #[serde(default)]
            pub min_items: Option<At<usize>>,
            /// What must hold, as an expression.
            #[serde(default)]
            pub assert: Option<At<String>>,
            $($(#[doc = $doc])+ #[serde(default)] pub $kind: Option<At<$kind::Written>>,)+
        }

        impl WrittenCheck {
            /// The kinds that are given, with their names and places.
            pub(super) fn kinds(&self) -> Vec<(&'static str, Range<usize>, &dyn WrittenKind)> {
                let mut given: Vec<(&'static str, Range<usize>, &dyn WrittenKind)> = Vec::new();
                $(if let Some(written) = &self.$kind {
                    given.push((stringify!($kind), written.span.clone(), &written.value));
                })+
                given
            }
        }
    };
}

kinds!(
    /// A search for text.
    scan,
    /// A command.
    exec,
    /// A question to a server.
    http,
    /// A contract-drift scenario.
    drift,
);

/// A kind as it is written.
pub(super) trait WrittenKind {
    /// Checks what is written.
    ///
    /// # Errors
    /// [`RuleError`] at the place.
    fn compile(&self, compiling: &Compiling<'_>) -> Result<Box<dyn Kind>, RuleError>;
}

/// A kind as it is checked.
pub(super) trait Kind: Debug + Send + Sync {
    /// What it takes.
    fn capability(&self) -> Capability;

    /// The names that it brings in.
    fn names(&self) -> Vec<(&'static str, Type)>;

    /// Whether it answers itself, and needs no assertion.
    fn answers(&self) -> bool;

    /// Whether what it finds is in files, and is known again by their text.
    fn is_about_files(&self) -> bool {
        false
    }

    /// The expressions in it.
    fn expressions(&self) -> Vec<&Expression>;

    /// Asks.
    ///
    /// # Errors
    /// Why there is no answer.
    fn ask(&self, scope: &Scope<'_>, world: &dyn World) -> Result<Asked, Unknown>;
}

/// What a rule takes besides data. Derived from its kind, never declared, so that nobody can understate it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Capability {
    /// Nothing.
    Data,
    /// It runs a program.
    Exec {
        /// The program and its arguments.
        argv: Vec<String>,
        /// Packages that are installed for it first, from the repository or from an index.
        installs: Vec<String>,
        /// Variables of the environment that it is given besides the usual ones.
        env: Vec<String>,
        /// Where it runs.
        cwd: &'static str,
        /// How long it may run.
        timeout: String,
    },
    /// It asks a server.
    Network {
        /// The host.
        host: String,
        /// The variable of the environment that has the token.
        token_env: Option<String>,
    },
}

impl Capability {
    /// `data`, `exec`, `network`
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Exec { .. } => "exec",
            Self::Network { .. } => "network",
        }
    }
}

/// What a kind found out.
#[derive(Debug)]
pub(super) enum Asked {
    /// Values for the assertion.
    Values(Vec<(&'static str, Value)>),
    /// Items, answered.
    Items(Vec<Hit>),
}

/// An item that a kind answered itself.
#[derive(Debug)]
pub(super) struct Hit {
    /// What it is called.
    pub(super) key: String,
    /// Whether it holds.
    pub(super) holds: bool,
    /// What the message may say of it.
    pub(super) values: Vec<(&'static str, Value)>,
    /// Where it is.
    pub(super) at: Option<Location>,
    /// The line, where it may be shown.
    pub(super) line: Option<String>,
    /// What there is to say of it also where it holds.
    pub(super) said: Option<String>,
}

/// What a rule is checked against.
#[derive(Clone, Copy)]
pub(super) struct Compiling<'a> {
    /// The file.
    pub(super) source: &'a Source,
    /// The names that expressions may use here.
    pub(super) names: &'a Names,
    /// Where the check as a whole stands.
    pub(super) check: &'a Range<usize>,
}

impl Compiling<'_> {
    /// An error at a place.
    pub(super) fn error(
        &self,
        at: &Range<usize>,
        message: impl Into<String>,
        help: Option<&str>,
    ) -> RuleError {
        RuleError::new(self.source, at.clone(), message, help.map(str::to_owned))
    }

    /// An error in the text of a value.
    pub(super) fn error_in(&self, value: &At<String>, error: ExpressionError) -> RuleError {
        // What YAML cut off is told as that.
        let line = self.source.text()[value.span.end..].lines().next().unwrap_or_default();
        let cut = line.trim_start().starts_with('#') && line.starts_with(' ');
        let trap = || {
            "what follows ` #` is a comment: write the value as a block, `>-` and the value on the next line"
                .to_owned()
        };
        let help = if cut { Some(error.help.unwrap_or_else(trap)) } else { error.help };
        RuleError::new(self.source, place_in(self.source, value, error.span), error.message, help)
    }

    /// YAML takes what begins with `!` for a tag, and leaves it out: of a negation, its opposite would stay.
    fn untagged(&self, value: &At<String>) -> Result<(), RuleError> {
        let before = self.source.text().get(..value.span.start).unwrap_or_default();
        let word = before.trim_end_matches([' ', '\t']).rsplit([' ', '\t', '\n', ':', ',', '{', '[']).next();
        if !word.is_some_and(|word| word.starts_with('!')) {
            return Ok(());
        }
        let help = "a value that begins with `!` is taken for a tag: put it in quotes, or in brackets";
        let start = value.span.start - before.len().saturating_sub(before.rfind('!').unwrap_or(0));
        Err(self.error(&(start..value.span.end), "a tag stands before the value", Some(help)))
    }

    pub(super) fn expression(&self, value: &At<String>) -> Result<Expression, RuleError> {
        self.untagged(value)?;
        Expression::compile(&value.value, self.names).map_err(|error| self.error_in(value, error))
    }

    pub(super) fn template(&self, value: &At<String>) -> Result<Template, RuleError> {
        self.untagged(value)?;
        Template::compile(&value.value, self.names).map_err(|error| self.error_in(value, error))
    }

    /// Variables that a program is to be given: names, and none that changes what runs.
    pub(super) fn variables(&self, names: &[At<String>]) -> Result<(), RuleError> {
        for name in names {
            let fits = name.value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if !fits || name.value.is_empty() {
                return Err(self.error(&name.span, "this is no name of a variable", None));
            }
            if is_never_given(&name.value) {
                let help = "it would change what runs, or which repository git works on";
                let message = format!("no program is given `{}`", name.value);
                return Err(self.error(&name.span, message, Some(help)));
            }
        }
        Ok(())
    }

    /// A duration: `500ms`, `30s`, `2m`.
    pub(super) fn duration(&self, value: &At<String>) -> Result<std::time::Duration, RuleError> {
        let text = value.value.trim();
        let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let millis = match unit {
            "ms" => Some(1),
            "s" => Some(1_000),
            "m" => Some(60_000),
            _ => None,
        };
        let millis =
            number.parse::<u64>().ok().zip(millis).and_then(|(number, unit)| number.checked_mul(unit));
        const LONGEST: u64 = 60 * 60_000;
        match millis {
            Some(millis @ 1..=LONGEST) => Ok(std::time::Duration::from_millis(millis)),
            Some(_) => Err(self.error(&value.span, "a time is between 1 ms and 60 minutes", None)),
            None => Err(self.error(&value.span, "this is no time", Some("write `500ms`, `30s` or `2m`"))),
        }
    }
}

/// The names that expressions look at.
pub(super) fn used<'e>(expressions: impl IntoIterator<Item = &'e Expression>) -> BTreeSet<String> {
    expressions.into_iter().flat_map(|expression| expression.uses().iter().cloned()).collect()
}
