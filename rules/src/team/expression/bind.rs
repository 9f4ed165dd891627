//! What an expression becomes before it is evaluated: the limits are put into it, and calls of the crate's own give way to
//! calls of ours.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators};
use cel::common::types::CelString;

/// Names that no expression can be written with.
pub(super) const IN_TIME: &str = "@in_time";
pub(super) const TIMED: &str = "@timed";
pub(super) const SAME: &str = "@same";
pub(super) const OTHER: &str = "@other";
pub(super) const AMONG: &str = "@among";
pub(super) const KEPT: &str = "@kept";
pub(super) const ADDED: &str = "@added";
pub(super) const MATCHES: &str = "@matches";

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
