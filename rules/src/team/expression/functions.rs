//! Functions beyond CEL's own.

#![expect(clippy::needless_pass_by_value, reason = "the crate hands the arguments of a function over")]

use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::resume_unwind;

use cel::common::ast::{Expr, IdedExpr, LiteralValue};
use cel::common::types::{CelBool, CelInt, CelList, CelString, DYN_TYPE, LIST_TYPE, STRING_TYPE};
use cel::common::value::CowVal;
use cel::{Env, ExecutionError};
use globset::{GlobBuilder, GlobMatcher};
use regex::{Regex, RegexBuilder};

use super::bind::{ADDED, AMONG, IN_TIME, KEPT, MATCHES, OTHER, SAME, TIMED};
use super::limits::{OutOf, TIME, look_at_clock, spend, turn};
use super::value::{are_equal, weight};
use super::version;
use crate::team::search::{OutOfTime, Pattern};

/// What rules may call beyond CEL's own functions.
pub const FUNCTIONS: [&str; 5] = ["glob", "sum", "days_between", "days_since", "semver"];

/// Largest compiled pattern, in bytes.
const LARGEST_PATTERN: usize = 1 << 20;
/// Patterns that are made while an expression runs, and kept.
const KEPT_PATTERNS: usize = 64;

thread_local! {
    static PATTERNS: RefCell<HashMap<String, Result<Pattern, String>>> = RefCell::default();
    static GLOBS: RefCell<HashMap<String, Result<GlobMatcher, String>>> = RefCell::default();
}

/// What is wrong with a pattern that stands in an expression as it is; `None` where nothing is.
pub(super) fn bad_pattern(function: &str, pattern: &IdedExpr) -> Option<String> {
    let Expr::Literal(LiteralValue::String(pattern)) = &pattern.expr else { return None };
    match function {
        "matches" => compiled(pattern.inner()).err(),
        "glob" => matcher(pattern.inner()).err(),
        _ => None,
    }
}

/// CEL with the functions.
pub(super) fn environment() -> Env {
    let mut env = Env::stdlib();
    let added = [
        env.add_overload(IN_TIME, IN_TIME, vec![], in_time),
        env.add_overload(SAME, SAME, vec![DYN_TYPE, DYN_TYPE], same),
        env.add_overload(OTHER, OTHER, vec![DYN_TYPE, DYN_TYPE], other),
        env.add_overload(AMONG, AMONG, vec![DYN_TYPE, DYN_TYPE], among),
        env.add_overload(TIMED, TIMED, vec![DYN_TYPE], timed),
        env.add_overload(KEPT, KEPT, vec![DYN_TYPE], kept),
        env.add_overload(ADDED, ADDED, vec![DYN_TYPE, DYN_TYPE], added),
        env.add_member_overload(MATCHES, MATCHES, STRING_TYPE, vec![STRING_TYPE], matches),
        env.add_member_overload("glob", "glob", STRING_TYPE, vec![STRING_TYPE], glob),
        env.add_overload("glob", "glob_path", vec![STRING_TYPE, STRING_TYPE], glob),
        env.add_overload("sum", "sum", vec![LIST_TYPE], sum),
        env.add_overload("days_between", "days_between", vec![STRING_TYPE, STRING_TYPE], days_between),
        env.add_overload("semver", "semver", vec![STRING_TYPE], semver),
    ];
    debug_assert!(added.iter().all(Result::is_ok), "{added:?}");
    env
}

static YES: CelBool = CelBool::TRUE;

type Given<'b, 'v> = Vec<CowVal<'b, 'v>>;
type Gives<'b, 'v> = Result<CowVal<'b, 'v>, ExecutionError>;

fn failed(function: &str, message: impl ToString) -> ExecutionError {
    ExecutionError::function_error(function, message)
}

fn text<'a>(function: &str, given: &'a Given<'_, '_>, nth: usize) -> Result<&'a str, ExecutionError> {
    let text = given.get(nth).and_then(|value| value.downcast_ref::<CelString<'_>>());
    text.map(CelString::inner).ok_or_else(|| failed(function, "it takes text"))
}

fn yes<'b, 'v>(value: bool) -> Gives<'b, 'v> {
    Ok(CowVal::owned(CelBool::from(value)))
}

fn in_time<'b, 'v>(_: Given<'b, 'v>) -> Gives<'b, 'v> {
    turn();
    Ok(CowVal::Borrowed(&YES))
}

/// `one == other`
fn same<'b, 'v>(given: Given<'b, 'v>) -> Gives<'b, 'v> {
    let [one, other] = given.as_slice() else { return Err(failed("==", "it takes two values")) };
    look_at_clock();
    yes(are_equal(&**one, &**other))
}

/// `one != other`
fn other<'b, 'v>(given: Given<'b, 'v>) -> Gives<'b, 'v> {
    let [one, other] = given.as_slice() else { return Err(failed("!=", "it takes two values")) };
    look_at_clock();
    yes(!are_equal(&**one, &**other))
}

/// `one in all`
fn among<'b, 'v>(given: Given<'b, 'v>) -> Gives<'b, 'v> {
    let [one, all] = given.as_slice() else { return Err(failed("in", "it takes two values")) };
    look_at_clock();
    if let Some(list) = all.downcast_ref::<CelList<'_>>() {
        return yes(list.inner().iter().any(|element| are_equal(&**element, &**one)));
    }
    let container = all.as_container().ok_or_else(|| {
        let (one, all) = (one.get_type().name(), all.get_type().name());
        failed("in", format!("it does not take {one} and {all}"))
    })?;
    container.contains(&**one).and_then(yes)
}

/// Gives back what it is given, which may have taken long.
fn timed<'b, 'v>(mut given: Given<'b, 'v>) -> Gives<'b, 'v> {
    look_at_clock();
    given.pop().ok_or_else(|| failed(TIMED, "it takes a value"))
}

/// Gives back what it is given, which somebody is about to keep.
fn kept<'b, 'v>(mut given: Given<'b, 'v>) -> Gives<'b, 'v> {
    turn();
    let value = given.pop().ok_or_else(|| failed("+", "it takes a value"))?;
    spend(weight(&*value));
    Ok(value)
}

/// `one + other`
fn added<'b, 'v>(given: Given<'b, 'v>) -> Gives<'b, 'v> {
    let [one, other] = given.as_slice() else { return Err(failed("+", "it takes two values")) };
    look_at_clock();
    if one.downcast_ref::<CelInt>().is_none() {
        spend(weight(&**one) + weight(&**other));
    }
    let adder = one.as_adder().ok_or_else(|| {
        failed("+", format!("it does not take {} and {}", one.get_type().name(), other.get_type().name()))
    })?;
    adder.add(&**other).map(|sum| CowVal::Owned(sum.into_owned()))
}

/// `text.matches(pattern)`, as RE2 has it.
fn matches<'b, 'v>(given: Given<'b, 'v>) -> Gives<'b, 'v> {
    let (text, pattern) = (text("matches", &given, 0)?, text("matches", &given, 1)?);
    PATTERNS.with_borrow_mut(|known| {
        let made = |text: &str| compiled(text).map(Pattern::new);
        let pattern = remembered(known, pattern, made).map_err(|error| failed("matches", error))?;
        let found = pattern.is_in(text, TIME);
        found.map_or_else(|OutOfTime| resume_unwind(Box::new(OutOf::Time)), yes)
    })
}

/// `path.glob(pattern)`: `*` stays inside a directory, `**` does not.
fn glob<'b, 'v>(given: Given<'b, 'v>) -> Gives<'b, 'v> {
    let (path, pattern) = (text("glob", &given, 0)?, text("glob", &given, 1)?);
    GLOBS.with_borrow_mut(|known| {
        let glob = remembered(known, pattern, matcher).map_err(|error| failed("glob", error))?;
        yes(glob.is_match(path))
    })
}

/// What was made of a text, made once. An expression that makes texts makes many: they are not all kept.
fn remembered<'k, T>(
    known: &'k mut HashMap<String, Result<T, String>>,
    text: &str,
    make: impl FnOnce(&str) -> Result<T, String>,
) -> Result<&'k T, &'k String> {
    if !known.contains_key(text) {
        if known.len() >= KEPT_PATTERNS {
            known.clear();
        }
        known.insert(text.to_owned(), make(text));
    }
    known[text].as_ref()
}

/// A pattern of texts.
pub(crate) fn compiled(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern).size_limit(LARGEST_PATTERN).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "the pattern is too large".to_owned(),
        other => {
            let said = other.to_string();
            let last = said.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            if last.contains("look-around") {
                format!("{last}; leave out what must not match with `allow`, or with a second expression")
            } else {
                last
            }
        }
    })
}

/// A pattern of paths.
pub(crate) fn matcher(pattern: &str) -> Result<GlobMatcher, String> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|error| error.kind().to_string())
}

/// `sum(list)` of whole numbers.
fn sum<'b, 'v>(given: Given<'b, 'v>) -> Gives<'b, 'v> {
    let list = given.first().and_then(|list| list.downcast_ref::<CelList<'_>>());
    let list = list.ok_or_else(|| failed("sum", "it takes a list"))?;
    let sum = list.inner().iter().try_fold(0_i64, |sum, value| match value.downcast_ref::<CelInt>() {
        Some(number) => sum.checked_add(*number.inner()).ok_or_else(|| failed("sum", "it is too large")),
        None => Err(failed("sum", format!("a {} is no whole number", value.get_type().name()))),
    })?;
    Ok(CowVal::owned(CelInt::from(sum)))
}

/// `days_between(from, to)`: whole days between two times in RFC 3339.
fn days_between<'b, 'v>(given: Given<'b, 'v>) -> Gives<'b, 'v> {
    let at = |nth| -> Result<jiff::Timestamp, ExecutionError> {
        let written = text("days_between", &given, nth)?;
        written.parse().map_err(|error| failed("days_between", error))
    };
    Ok(CowVal::owned(CelInt::from(at(1)?.duration_since(at(0)?).as_secs() / 86_400)))
}

/// `semver(version)`: a text that is less than another one where the version comes before the other.
fn semver<'b, 'v>(given: Given<'b, 'v>) -> Gives<'b, 'v> {
    let written = text("semver", &given, 0)?;
    let key = version::sort_key(written)
        .ok_or_else(|| failed("semver", format!("`{}` is no version such as 1.2.3", written)))?;
    Ok(CowVal::owned(CelString::from(key)))
}
