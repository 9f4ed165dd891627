//! Expressions in rules. This and the files below it are the only ones that name the CEL crate.
//!
//! The language is that of <https://cel.dev>. What this adds: integers are 64-bit and signed (the crate binds positive
//! JSON numbers as unsigned, and then `added + 1` has no overload), patterns are compiled once, a name that nothing has
//! is found before anything runs, and no evaluation goes on past its time (the crate has no limit of its own).

mod bind;
mod functions;
mod limits;
mod names;
mod simple;
mod value;
mod version;

use std::collections::BTreeSet;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use cel::common::ast::IdedExpr;
use cel::{Context, Env};

pub use functions::FUNCTIONS;
pub(crate) use functions::{compiled as pattern, matcher};
pub(crate) use limits::worked;
pub use limits::{MEMORY, TIME};
pub use names::DEEPEST;
pub use value::Value;

use super::quotes::Unquoted;
use super::types::{Names, Type};

/// Longest expression, in bytes.
pub const LONGEST: usize = 4 << 10;

/// Why an expression cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExpressionError {
    /// What is wrong.
    pub message: String,
    /// Where, in bytes of the expression.
    pub span: Range<usize>,
    /// What was probably meant.
    pub help: Option<String>,
}

/// Why an evaluation gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluationError {
    /// It took too long.
    #[error("`{expression}` took longer than {} ms", limit.as_millis())]
    TooLong {
        /// The expression.
        expression: String,
        /// The time it had.
        limit: Duration,
    },
    /// It made more than fits.
    #[error("`{expression}` makes more than {} MiB", limit >> 20)]
    TooLarge {
        /// The expression.
        expression: String,
        /// The memory it had, in bytes.
        limit: usize,
    },
    /// A value is not what the expression takes it for.
    #[error("`{expression}`: {message}")]
    Failed {
        /// The expression.
        expression: String,
        /// What does not fit.
        message: String,
    },
}

/// A compiled expression.
#[derive(Debug)]
pub struct Expression {
    source: String,
    tree: IdedExpr,
    gives: Type,
    uses: BTreeSet<String>,
}

static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(functions::environment()));

impl Expression {
    /// Compiles an expression in which only these names may occur.
    ///
    /// # Errors
    /// [`ExpressionError`] with the place in it.
    pub fn compile(source: &str, names: &Names) -> Result<Self, ExpressionError> {
        if source.len() > LONGEST {
            let message =
                format!("an expression may have {LONGEST} bytes, and this one has {}", source.len());
            return Err(ExpressionError { message, span: 0..source.len(), help: None });
        }
        if source.trim().is_empty() {
            return Err(ExpressionError {
                message: "there is no expression".to_owned(),
                span: 0..source.len(),
                help: None,
            });
        }
        too_nested(source)?;
        if let Some(simple) = simple::Path::of(source) {
            let (gives, uses) = names::check(source, simple.tree(), &|id| simple.place_of(id), names)?;
            let mut tree = simple.into_tree();
            bind::bind(&mut tree);
            return Ok(Self { source: source.to_owned(), tree, gives, uses });
        }
        let program = ENV.compile(source).map_err(|errors| syntax(source, &errors))?;
        let place_of =
            |id| program.source_info().offset_for(id).map(|(start, last)| (start as usize, last as usize));
        let (gives, uses) = names::check(source, program.expression(), &place_of, names)?;
        let mut tree = program.expression().clone();
        bind::bind(&mut tree);
        Ok(Self { source: source.to_owned(), tree, gives, uses })
    }

    /// The text.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What it gives, as far as that is known.
    #[must_use]
    pub fn gives(&self) -> &Type {
        &self.gives
    }

    /// The names that it looks at, of those it may.
    #[must_use]
    pub fn uses(&self) -> &BTreeSet<String> {
        &self.uses
    }

    /// Its value.
    ///
    /// # Errors
    /// [`EvaluationError`].
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, EvaluationError> {
        let expression = || self.source.clone();
        limits::start();
        let resolved = catch_unwind(AssertUnwindSafe(|| {
            let value = cel::Value::resolve_val(&self.tree, &scope.context)?;
            limits::look_at_clock();
            Ok(value.into_owned())
        }));
        match resolved {
            Ok(Ok(value)) => Ok(Value(value)),
            Ok(Err(error)) => {
                Err(EvaluationError::Failed { expression: expression(), message: value::in_words(&error) })
            }
            Err(panic) => match panic.downcast_ref::<limits::OutOf>() {
                Some(limits::OutOf::Time) => {
                    Err(EvaluationError::TooLong { expression: expression(), limit: TIME })
                }
                Some(limits::OutOf::Memory) => {
                    Err(EvaluationError::TooLarge { expression: expression(), limit: MEMORY })
                }
                None => resume_unwind(panic),
            },
        }
    }

    /// Whether it holds.
    ///
    /// # Errors
    /// [`EvaluationError`]; also where it gives neither `true` nor `false`.
    pub fn holds(&self, scope: &Scope<'_>) -> Result<bool, EvaluationError> {
        let value = self.evaluate(scope)?;
        value.as_bool().ok_or_else(|| {
            let message = format!("it gives a {}, and not true or false", value.kind());
            EvaluationError::Failed { expression: self.source.clone(), message }
        })
    }
}

/// The values of names. An inner scope sees those of the outer one.
pub struct Scope<'p> {
    context: Context<'p, 'static>,
}

impl Scope<'static> {
    /// A scope with these values.
    #[must_use]
    pub fn new<'v>(values: impl IntoIterator<Item = (&'v str, &'v Value)>) -> Self {
        let mut scope = Self { context: Context::with_env(Arc::clone(&ENV)) };
        values.into_iter().for_each(|(name, value)| scope.set(name, value.clone()));
        scope
    }
}

impl<'p> Scope<'p> {
    /// A scope inside this one.
    #[must_use]
    pub fn inner(&self) -> Scope<'_> {
        Scope { context: self.context.new_inner_scope() }
    }

    /// Gives a name a value.
    pub fn set(&mut self, name: &str, value: Value) {
        self.context.add_variable_as_val(name, value.0);
    }
}

/// Deepest nesting of brackets. The parser takes much of the stack for each.
const MOST_BRACKETS: usize = 24;

/// Most operators, dots and brackets. Each may be inside the one before it.
const MOST_OPERATORS: usize = 300;

/// Refuses what would take the stack of the process. What stands in quotes does not count.
fn too_nested(source: &str) -> Result<(), ExpressionError> {
    let (mut depth, mut operators) = (0_usize, 0_usize);
    for (at, character) in Unquoted::of(source) {
        match character {
            '(' | '[' | '{' => (depth, operators) = (depth + 1, operators + 1),
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            '!' | '-' | '+' | '*' | '/' | '%' | '?' | '.' | '&' | '|' | '<' | '>' | '=' => operators += 1,
            _ => {}
        }
        let message = if depth > MOST_BRACKETS {
            format!("brackets may stand {MOST_BRACKETS} deep in each other")
        } else if operators > MOST_OPERATORS {
            format!("an expression has at most {MOST_OPERATORS} operators, dots and brackets")
        } else {
            continue;
        };
        let help = Some("name a part of it under `let:`".to_owned());
        return Err(ExpressionError { message, span: at..at + 1, help });
    }
    Ok(())
}

/// What the parser did not expect, at the first place.
fn syntax(source: &str, errors: &cel::ParseErrors) -> ExpressionError {
    let Some(first) = errors.errors.first() else {
        return ExpressionError {
            message: "it is no expression".to_owned(),
            span: 0..source.len(),
            help: None,
        };
    };
    let (line, column) = first.pos;
    let line = usize::try_from(line).unwrap_or(1).max(1) - 1;
    let before: usize = source.split_inclusive('\n').take(line).map(str::len).sum();
    let column = usize::try_from(column).unwrap_or(1).max(1) - 1;
    // Columns are counted in characters.
    let in_line = source[before.min(source.len())..].char_indices().nth(column).map(|(at, _)| at);
    let at = in_line.map_or(source.len(), |at| (before + at).min(source.len()));
    let at = source.floor_char_boundary(at);
    let end = source.ceil_char_boundary((at + 1).min(source.len()));
    let assigns = source[at..].starts_with('=') && !source.contains("==") && !source.contains("!=");
    let help = assigns.then(|| "to compare, write `==`".to_owned());
    let message = first.msg.trim_start_matches("Syntax error: ").to_owned();
    // A list of every token that would do is no help.
    let message =
        if message.contains("ecursion limit") { "it is nested too deep".to_owned() } else { message };
    let message = message.split(" expecting ").next().unwrap_or_default().replace("'<EOF>'", "the end");
    ExpressionError { message, span: at..end, help }
}

#[cfg(test)]
mod tests;
