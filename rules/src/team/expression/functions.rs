//! Functions beyond CEL's own, and the clock that every loop looks at.

#![expect(clippy::needless_pass_by_value, reason = "arguments come as CEL hands them over")]

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cel::common::ast::{CallExpr, Expr, IdedExpr};
use cel::extractors::This;
use cel::{Context, ExecutionError, Value};
use globset::{GlobBuilder, GlobMatcher};
use regex::{Regex, RegexBuilder};

/// The time that one evaluation has.
pub const TIME: Duration = Duration::from_millis(200);

/// What rules may call beyond CEL's own functions.
pub const FUNCTIONS: [&str; 3] = ["glob", "sum", "days_between"];

/// Names that no expression can be written with.
const IN_TIME: &str = "@in_time";
const MATCHES: &str = "@matches";

/// Largest compiled pattern, in bytes.
const LARGEST_PATTERN: usize = 1 << 20;

/// The panic that ends an evaluation: an error could be overridden by what a loop goes on with.
pub(super) struct OutOfTime;

thread_local! {
    static UNTIL: Cell<Option<Instant>> = const { Cell::new(None) };
    static PATTERNS: RefCell<HashMap<String, Result<Regex, String>>> = RefCell::default();
    static GLOBS: RefCell<HashMap<String, Result<GlobMatcher, String>>> = RefCell::default();
}

/// Begins the time of an evaluation on this thread.
pub(super) fn start_clock() {
    UNTIL.set(Some(Instant::now() + TIME));
}

fn in_time() -> bool {
    if UNTIL.get().is_some_and(|until| Instant::now() > until) {
        resume_unwind(Box::new(OutOfTime));
    }
    true
}

/// Puts the clock into every loop, and patterns that are compiled once in the place of CEL's `matches`.
pub(super) fn bind(tree: &mut IdedExpr) {
    match &mut tree.expr {
        Expr::Call(call) => {
            if call.func_name == "matches" {
                MATCHES.clone_into(&mut call.func_name);
            }
            call.target.iter_mut().for_each(|target| bind(target));
            call.args.iter_mut().for_each(bind);
        }
        Expr::Comprehension(all) => {
            for part in [&mut all.iter_range, &mut all.accu_init, &mut all.loop_cond, &mut all.loop_step] {
                bind(part);
            }
            bind(&mut all.result);
            let clock = CallExpr { func_name: IN_TIME.to_owned(), target: None, args: Vec::new() };
            let clock = IdedExpr { id: 0, expr: Expr::Call(clock) };
            let condition = std::mem::take(&mut all.loop_cond);
            let both = CallExpr { func_name: "_&&_".to_owned(), target: None, args: vec![clock, condition] };
            all.loop_cond = IdedExpr { id: 0, expr: Expr::Call(both) };
        }
        Expr::List(list) => list.elements.iter_mut().for_each(bind),
        Expr::Select(select) => bind(&mut select.operand),
        // What stands in a map or a message has no loop that is worth a clock of its own.
        _ => {}
    }
}

/// Makes the functions known.
pub(super) fn add(context: &mut Context<'_, '_>) {
    let added = [
        context.add_function(IN_TIME, in_time),
        context.add_function(MATCHES, matches),
        context.add_function("glob", glob),
        context.add_function("sum", sum),
        context.add_function("days_between", days_between),
    ];
    debug_assert!(added.iter().all(Result::is_ok), "{added:?}");
}

fn failed(function: &str, message: impl ToString) -> ExecutionError {
    ExecutionError::function_error(function, message)
}

/// `text.matches(pattern)`, as RE2 has it.
fn matches(This(text): This<Arc<String>>, pattern: Arc<String>) -> Result<bool, ExecutionError> {
    in_time();
    PATTERNS.with_borrow_mut(|known| {
        let compiled = known.entry(pattern.to_string()).or_insert_with(|| {
            let builder = RegexBuilder::new(&pattern).size_limit(LARGEST_PATTERN).build();
            builder.map_err(|error| error.to_string())
        });
        compiled.as_ref().map(|regex| regex.is_match(&text)).map_err(|error| failed("matches", error))
    })
}

/// `path.glob(pattern)`: `*` stays inside a directory, `**` does not.
fn glob(This(path): This<Arc<String>>, pattern: Arc<String>) -> Result<bool, ExecutionError> {
    in_time();
    GLOBS.with_borrow_mut(|known| {
        let compiled = known.entry(pattern.to_string()).or_insert_with(|| matcher(&pattern));
        compiled.as_ref().map(|glob| glob.is_match(path.as_str())).map_err(|error| failed("glob", error))
    })
}

/// A pattern of paths.
pub(crate) fn matcher(pattern: &str) -> Result<GlobMatcher, String> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|error| error.to_string())
}

/// `sum(list)` of whole numbers.
fn sum(list: Arc<Vec<Value>>) -> Result<i64, ExecutionError> {
    list.iter().try_fold(0_i64, |sum, value| match value {
        Value::Int(number) => sum.checked_add(*number).ok_or_else(|| failed("sum", "it is too large")),
        other => Err(failed("sum", format!("{} is no whole number", other.type_of()))),
    })
}

/// `days_between(from, to)`: whole days between two times in RFC 3339.
fn days_between(from: Arc<String>, to: Arc<String>) -> Result<i64, ExecutionError> {
    let parsed = |text: &str| text.parse::<jiff::Timestamp>().map_err(|error| failed("days_between", error));
    Ok(parsed(&to)?.duration_since(parsed(&from)?).as_secs() / 86_400)
}
