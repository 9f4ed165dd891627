//! Expressions in rules. This and the files below it are the only ones that name the CEL crate.
//!
//! The language is that of <https://cel.dev>. What this adds: integers are 64-bit and signed (the crate binds positive
//! JSON numbers as unsigned, and then `added + 1` has no overload), patterns are compiled once, a name that nothing has
//! is found before anything runs, and no evaluation goes on past its time (the crate has no limit of its own).

mod functions;
mod names;
mod value;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use cel::common::ast::IdedExpr;
use cel::{Context, Env};
use serde_json::Value as Json;

pub use functions::{FUNCTIONS, TIME};
pub use names::DEEPEST;

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
}

static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

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
        let program = ENV.compile(source).map_err(|errors| syntax(source, &errors))?;
        let gives = names::check(source, &program, names)?;
        let mut tree = program.expression().clone();
        functions::bind(&mut tree);
        Ok(Self { source: source.to_owned(), tree, gives })
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

    /// Its value.
    ///
    /// # Errors
    /// [`EvaluationError`].
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Json, EvaluationError> {
        let failed = |message| EvaluationError::Failed { expression: self.source.clone(), message };
        functions::start_clock();
        let resolved = catch_unwind(AssertUnwindSafe(|| scope.context.resolve(&self.tree)));
        match resolved {
            Ok(Ok(value)) => value::to_json(&value).map_err(failed),
            Ok(Err(error)) => Err(failed(value::in_words(&error))),
            Err(panic) if panic.is::<functions::OutOfTime>() => {
                Err(EvaluationError::TooLong { expression: self.source.clone(), limit: TIME })
            }
            Err(panic) => resume_unwind(panic),
        }
    }
}

/// The values of names. An inner scope sees those of the outer one.
pub struct Scope<'p> {
    context: Context<'p, 'static>,
}

impl Scope<'static> {
    /// A scope with the functions, and these values.
    #[must_use]
    pub fn new<'v>(values: impl IntoIterator<Item = (&'v str, &'v Json)>) -> Self {
        let mut context = Context::with_env(Arc::clone(&ENV));
        functions::add(&mut context);
        let mut scope = Self { context };
        values.into_iter().for_each(|(name, value)| scope.set(name, value));
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
    pub fn set(&mut self, name: &str, value: &Json) {
        self.context.add_variable_as_val(name, value::bound(value));
    }
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
    let at = (before + usize::try_from(column).unwrap_or(1).max(1) - 1).min(source.len());
    let at = source.floor_char_boundary(at);
    let end = source.ceil_char_boundary((at + 1).min(source.len()));
    let assigns = source[at..].starts_with("= ") || source[at..].starts_with('=');
    let help = assigns.then(|| "to compare, write `==`".to_owned());
    let message = first.msg.trim_start_matches("Syntax error: ").to_owned();
    // A list of every token that would do is no help.
    let message = message.split(" expecting ").next().unwrap_or_default().replace("'<EOF>'", "the end");
    ExpressionError { message, span: at..end, help }
}

#[cfg(test)]
mod tests;
