//! Functions beyond CEL's own, and what keeps an evaluation within its time and its memory.

#![expect(clippy::needless_pass_by_value, reason = "the crate hands the arguments of a function over")]

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::panic::resume_unwind;
use std::time::{Duration, Instant};

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators};
use cel::common::types::{CelBool, CelInt, CelList, CelString, DYN_TYPE, LIST_TYPE, STRING_TYPE};
use cel::common::value::CowVal;
use cel::{Env, ExecutionError};
use globset::{GlobBuilder, GlobMatcher};
use regex::{Regex, RegexBuilder};

use super::value::{are_equal, weight};
use super::version;
use crate::team::search::{OutOfTime, Pattern};

/// The time that one evaluation has.
pub const TIME: Duration = Duration::from_millis(200);

/// The memory that one evaluation may fill with what it makes, in bytes.
pub const MEMORY: usize = 64 << 20;

/// What rules may call beyond CEL's own functions.
pub const FUNCTIONS: [&str; 5] = ["glob", "sum", "days_between", "days_since", "semver"];

/// Names that no expression can be written with.
const IN_TIME: &str = "@in_time";
const TIMED: &str = "@timed";
const SAME: &str = "@same";
const OTHER: &str = "@other";
const AMONG: &str = "@among";
const KEPT: &str = "@kept";
const ADDED: &str = "@added";
const MATCHES: &str = "@matches";

/// Largest compiled pattern, in bytes.
const LARGEST_PATTERN: usize = 1 << 20;
/// Patterns that are made while an expression runs, and kept.
const KEPT_PATTERNS: usize = 64;

/// The panic that ends an evaluation: an error could be overridden by what a loop goes on with.
pub(super) enum OutOf {
    Time,
    Memory,
}

/// Turns of a loop between two looks at the clock, which costs as much as a turn.
const TURNS: u32 = 32;

/// When an evaluation has to be over.
#[derive(Clone, Copy)]
struct Deadline {
    /// When to look closer.
    until: Instant,
    /// When it is over however little of the processor it had.
    last: Instant,
    /// The processor time of the thread when it was looked at first.
    worked: Option<Duration>,
}

thread_local! {
    static DEADLINE: Cell<Option<Deadline>> = const { Cell::new(None) };
    static TURN: Cell<u32> = const { Cell::new(0) };
    static LEFT: Cell<usize> = const { Cell::new(MEMORY) };
    static PATTERNS: RefCell<HashMap<String, Result<Pattern, String>>> = RefCell::default();
    static GLOBS: RefCell<HashMap<String, Result<GlobMatcher, String>>> = RefCell::default();
}

/// Begins the time and the memory of an evaluation on this thread.
pub(super) fn start() {
    let now = Instant::now();
    DEADLINE.set(Some(Deadline { until: now + TIME / 2, last: now + TIME * PATIENCE, worked: None }));
    TURN.set(0);
    LEFT.set(MEMORY);
}

/// Ends an evaluation that is out of time. Half of its time goes by the clock on the wall, which costs next to nothing to
/// look at. The other half is processor time: on a machine that is busy with something else, an evaluation has not had the
/// time that has gone by.
pub(super) fn look_at_clock() {
    let now = Instant::now();
    let Some(deadline) = DEADLINE.get().filter(|deadline| now > deadline.until) else { return };
    let began = deadline.worked.unwrap_or_else(worked);
    let left = (TIME / 2).checked_sub(worked().saturating_sub(began)).filter(|_| now <= deadline.last);
    let Some(left) = left else { resume_unwind(Box::new(OutOf::Time)) };
    DEADLINE.set(Some(Deadline { until: now + left, worked: Some(began), ..deadline }));
}

/// A turn of a loop.
fn turn() {
    let turns = TURN.get() + 1;
    TURN.set(turns % TURNS);
    if turns == TURNS {
        look_at_clock();
    }
}

/// How many times longer than [`TIME`] an evaluation may take where others keep the processor busy.
const PATIENCE: u32 = 20;

/// The processor time of this thread.
#[cfg(unix)]
pub(crate) fn worked() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

#[cfg(not(unix))]
pub(crate) fn worked() -> Duration {
    Duration::MAX
}

/// Takes what a value weighs from what is left.
fn spend(bytes: usize) {
    match LEFT.get().checked_sub(bytes) {
        Some(left) => LEFT.set(left),
        None => resume_unwind(Box::new(OutOf::Memory)),
    }
}

/// Puts the limits into every loop and everything that grows, and patterns that are compiled once in the place of CEL's
/// `matches`.
pub(super) fn bind(tree: &mut IdedExpr) {
    match &mut tree.expr {
        Expr::Call(call) => {
            let looks = may_take_long(call);
            call.target.iter_mut().for_each(|target| bind(target));
            call.args.iter_mut().for_each(bind);
            if call.func_name == "matches" {
                MATCHES.clone_into(&mut call.func_name);
            } else if call.func_name == operators::IN {
                AMONG.clone_into(&mut call.func_name);
            } else if call.func_name == operators::EQUALS && looks {
                SAME.clone_into(&mut call.func_name);
            } else if call.func_name == operators::NOT_EQUALS && looks {
                OTHER.clone_into(&mut call.func_name);
            } else if call.func_name == operators::ADD {
                ADDED.clone_into(&mut call.func_name);
            } else if call.func_name == "days_since" {
                "days_between".clone_into(&mut call.func_name);
                call.args.push(new(Expr::Ident("now".to_owned())));
            }
            if looks && ![SAME, OTHER, AMONG].contains(&call.func_name.as_str()) {
                let timed = std::mem::take(tree);
                *tree = called(TIMED, vec![timed]);
            }
        }
        Expr::Comprehension(all) => {
            bind(&mut all.iter_range);
            bind(&mut all.accu_init);
            bind(&mut all.result);
            if !gathers(&mut all.loop_step) {
                bind(&mut all.loop_cond);
                bind(&mut all.loop_step);
                within_time(&mut all.loop_cond);
            }
        }
        Expr::List(list) => list.elements.iter_mut().for_each(keep),
        Expr::Map(map) => {
            for entry in &mut map.entries {
                if let cel::common::ast::EntryExpr::MapEntry(entry) = &mut entry.expr {
                    bind(&mut entry.key);
                    keep(&mut entry.value);
                }
            }
        }
        Expr::Select(select) => {
            bind(&mut select.operand);
            if !select.test {
                select_by_name(tree);
            }
        }
        _ => {}
    }
}

/// Whether a call goes through all that it is given, however long that is: the clock is looked at behind it.
fn may_take_long(call: &CallExpr) -> bool {
    use operators as op;
    let is_literal = |arg: &IdedExpr| matches!(arg.expr, Expr::Literal(_));
    match call.func_name.as_str() {
        // It looks at it itself.
        op::ADD => false,
        op::CONDITIONAL | op::LOGICAL_AND | op::LOGICAL_OR | op::LOGICAL_NOT | op::NOT_STRICTLY_FALSE => {
            false
        }
        op::INDEX | op::OPT_INDEX | op::OPT_SELECT => false,
        op::NEGATE | op::SUBSTRACT | op::MULTIPLY | op::DIVIDE | op::MODULO => false,
        // What is compared with a literal is as long as that at most.
        op::EQUALS | op::NOT_EQUALS | op::LESS | op::LESS_EQUALS | op::GREATER | op::GREATER_EQUALS => {
            !call.args.iter().any(is_literal)
        }
        _ => true,
    }
}

/// `wp.agent` as `wp["agent"]`, which is the same here, and is looked up at once: names with dots in them, which the crate
/// would look for first, there are none.
fn select_by_name(tree: &mut IdedExpr) {
    let Expr::Select(select) = std::mem::take(&mut tree.expr) else { return };
    let name = new(Expr::Literal(LiteralValue::String(CelString::from(select.field))));
    let func_name = operators::INDEX.to_owned();
    tree.expr = Expr::Call(CallExpr { func_name, target: None, args: vec![*select.operand, name] });
}

/// The step of `map` and `filter`, in the shape that the crate appends in place: only inside it something may be put.
fn gathers(step: &mut IdedExpr) -> bool {
    let Expr::Call(call) = &mut step.expr else { return false };
    match (call.func_name.as_str(), call.args.as_mut_slice()) {
        (operators::CONDITIONAL, [condition, step, _]) => {
            let gathers = appends(step);
            if gathers {
                bind(condition);
                within_time(condition);
            }
            gathers
        }
        (operators::ADD, _) => appends(step),
        _ => false,
    }
}

/// `@result + [element]`, with the element kept within the limits.
fn appends(step: &mut IdedExpr) -> bool {
    let Expr::Call(call) = &mut step.expr else { return false };
    if call.func_name != operators::ADD {
        return false;
    }
    match call.args.as_mut_slice() {
        [IdedExpr { expr: Expr::Ident(name), .. }, IdedExpr { expr: Expr::List(list), .. }]
            if name.starts_with('@') =>
        {
            list.elements.iter_mut().for_each(keep);
            true
        }
        _ => false,
    }
}

fn keep(tree: &mut IdedExpr) {
    bind(tree);
    if !matches!(tree.expr, Expr::Literal(_)) {
        let kept = std::mem::take(tree);
        *tree = called(KEPT, vec![kept]);
    }
}

fn within_time(condition: &mut IdedExpr) {
    let given = std::mem::take(condition);
    *condition = called(operators::LOGICAL_AND, vec![called(IN_TIME, Vec::new()), given]);
}

fn called(function: &str, args: Vec<IdedExpr>) -> IdedExpr {
    new(Expr::Call(CallExpr { func_name: function.to_owned(), target: None, args }))
}

fn new(expr: Expr) -> IdedExpr {
    IdedExpr { id: 0, expr }
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
