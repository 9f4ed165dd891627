//! Finds names that nothing has, and loops that are too deep, before an expression runs.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;

use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SelectExpr};

use super::super::types::{Names, Type};
use super::functions::bad_pattern;
use super::{ExpressionError, FUNCTIONS};

/// Deepest nesting of `all`, `exists`, `map` and `filter`. With one more, a list of a thousand takes minutes.
pub const DEEPEST: usize = 2;

/// CEL's own functions that are built in here.
const STANDARD: [&str; 13] = [
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "string",
    "int",
    "uint",
    "double",
    "bytes",
    "bool",
    "type",
    "dyn",
];

/// Functions that are written behind a value and a dot, and nowhere else.
const METHODS: [&str; 4] = ["contains", "startsWith", "endsWith", "matches"];
/// Functions that are written with everything in brackets.
const PLAIN: [&str; 4] = ["sum", "days_between", "days_since", "semver"];

struct Checker<'a> {
    source: &'a str,
    /// The first and the last byte of a node.
    place_of: &'a dyn Fn(u64) -> Option<(usize, usize)>,
    outer: &'a Names,
    used: RefCell<BTreeSet<String>>,
}

/// What the expression gives, and the names it looks at, if every name in it is known.
pub(super) fn check(
    source: &str,
    tree: &IdedExpr,
    place_of: &dyn Fn(u64) -> Option<(usize, usize)>,
    names: &Names,
) -> Result<(Type, BTreeSet<String>), ExpressionError> {
    let checker = Checker { source, place_of, outer: names, used: RefCell::default() };
    let gives = checker.of(tree, names, 0)?;
    Ok((gives, checker.used.into_inner()))
}

/// How a function is written that is written otherwise here.
fn wrong_form(name: &str, behind_a_dot: bool) -> Option<String> {
    if METHODS.contains(&name) && !behind_a_dot {
        Some(format!("write `text.{name}(...)`"))
    } else if PLAIN.contains(&name) && behind_a_dot {
        Some(format!("write `{name}(...)`"))
    } else {
        None
    }
}

impl Checker<'_> {
    fn of(&self, tree: &IdedExpr, names: &Names, depth: usize) -> Result<Type, ExpressionError> {
        match &tree.expr {
            Expr::Literal(literal) => Ok(match literal {
                LiteralValue::Boolean(_) => Type::Bool,
                LiteralValue::Int(_) | LiteralValue::UInt(_) => Type::Int,
                LiteralValue::String(_) => Type::Text,
                _ => Type::Any,
            }),
            Expr::Ident(name) => {
                if self.outer.has(name) {
                    self.used.borrow_mut().insert(name.clone());
                }
                names.get(name).cloned().ok_or_else(|| {
                    let known = names.names();
                    self.unknown(tree.id, name, &format!("nothing here is called `{name}`"), known)
                })
            }
            Expr::Select(select) => self.field(tree.id, select, names, depth),
            Expr::Call(call) => self.call(tree.id, call, names, depth),
            Expr::List(list) => {
                let elements = list.elements.iter().map(|element| self.of(element, names, depth));
                let elements = elements.collect::<Result<Vec<_>, _>>()?;
                Ok(Type::list(elements.into_iter().next().unwrap_or(Type::Any)))
            }
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.of(&entry.key, names, depth)?;
                        self.of(&entry.value, names, depth)?;
                    }
                }
                Ok(Type::Any)
            }
            Expr::Comprehension(all) => self.loop_over(tree.id, all, names, depth + 1),
            Expr::Struct(_) | Expr::Unspecified => Ok(Type::Any),
        }
    }

    fn field(
        &self,
        id: u64,
        select: &SelectExpr,
        names: &Names,
        depth: usize,
    ) -> Result<Type, ExpressionError> {
        let operand = self.of(&select.operand, names, depth)?;
        let field = &select.field;
        let given = operand.field(field).ok_or_else(|| {
            self.unknown(id, field, &format!("there is no field `{field}` here"), operand.fields())
        })?;
        Ok(if select.test { Type::Bool } else { given })
    }

    fn call(&self, id: u64, call: &CallExpr, names: &Names, depth: usize) -> Result<Type, ExpressionError> {
        let target = call.target.as_ref().map(|target| self.of(target, names, depth)).transpose()?;
        let arguments =
            call.args.iter().map(|one| self.of(one, names, depth)).collect::<Result<Vec<_>, _>>()?;
        let name = call.func_name.as_str();
        if let Some((pattern, wrong)) =
            call.args.first().and_then(|pattern| Some((pattern, bad_pattern(name, pattern)?)))
        {
            return Err(ExpressionError { message: wrong, span: self.literal(pattern.id), help: None });
        }
        if let Some(help) = wrong_form(name, target.is_some()) {
            let message = format!("`{name}` is written otherwise");
            return Err(ExpressionError { message, span: self.span(id), help: Some(help) });
        }
        if name == "days_since" {
            self.used.borrow_mut().insert("now".to_owned());
        }
        let first = || target.iter().chain(&arguments).next().cloned().unwrap_or(Type::Any);
        Ok(match name {
            "_&&_" | "_||_" | "!_" | "_==_" | "_!=_" | "_<_" | "_<=_" | "_>_" | "_>=_" | "@in" => Type::Bool,
            "@not_strictly_false" | "contains" | "startsWith" | "endsWith" | "matches" | "glob" => Type::Bool,
            "size" | "sum" | "days_between" | "days_since" | "int" => Type::Int,
            "string" | "semver" => Type::Text,
            // Of a list to which something is added, the one that knows more.
            "_+_" if first() == Type::list(Type::Any) => arguments.get(1).cloned().unwrap_or(Type::Any),
            "_?_:_" => match (arguments.get(1), arguments.get(2)) {
                (Some(one), Some(other)) if *one == Type::list(Type::Any) => other.clone(),
                (Some(one), _) => one.clone(),
                _ => Type::Any,
            },
            "_[_]" => first().element(),
            operator if operator.starts_with(['_', '-', '@']) => first(),
            function if STANDARD.contains(&function) || FUNCTIONS.contains(&function) => Type::Any,
            function => {
                let known = STANDARD.into_iter().chain(FUNCTIONS);
                return Err(self.unknown(id, function, &format!("there is no function `{function}`"), known));
            }
        })
    }

    fn loop_over(
        &self,
        id: u64,
        all: &ComprehensionExpr,
        names: &Names,
        depth: usize,
    ) -> Result<Type, ExpressionError> {
        if depth > DEEPEST {
            let message =
                format!("loops (`all`, `exists`, `map`, `filter`) may stand {DEEPEST} deep in each other");
            let help = Some("name the inner list under `let:`".to_owned());
            return Err(ExpressionError { message, span: self.span(id), help });
        }
        let over = self.of(&all.iter_range, names, depth - 1)?;
        let mut inside = names.clone();
        inside.add(all.iter_var.clone(), over.element());
        all.iter_var2.iter().for_each(|name| inside.add(name.clone(), Type::Any));
        let begun = self.of(&all.accu_init, names, depth)?;
        inside.add(all.accu_var.clone(), begun);
        self.of(&all.loop_cond, &inside, depth)?;
        let gathered = self.of(&all.loop_step, &inside, depth)?;
        inside.add(all.accu_var.clone(), gathered);
        self.of(&all.result, &inside, depth)
    }

    /// Where a node was written.
    fn span(&self, id: u64) -> Range<usize> {
        let whole = 0..self.source.len();
        let Some((start, last)) = (self.place_of)(id) else { return whole };
        let start = self.source.floor_char_boundary(start);
        start..self.source.ceil_char_boundary((last + 1).min(self.source.len())).max(start)
    }

    /// Where a text was written, to its closing quote.
    fn literal(&self, id: u64) -> Range<usize> {
        let start = self.span(id).start;
        let rest = &self.source[start..];
        let open = rest.find(['"', '\'']).unwrap_or(0);
        let quote = rest[open..].chars().next().unwrap_or('"');
        let close = rest[open + 1..].find(quote).map_or(rest.len(), |close| open + 1 + close + 1);
        start..(start + close).min(self.source.len())
    }

    fn unknown<'k>(
        &self,
        id: u64,
        name: &str,
        message: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) -> ExpressionError {
        // A field is named behind the dot where its node begins, a function before the bracket where its does.
        let node = self.span(id).start;
        let before = || self.source[..node].rfind(name).filter(|_| self.source[node..].starts_with('('));
        let after = || self.source[node..].find(name).map(|at| node + at);
        let at = before().or_else(after).unwrap_or(node);
        let span = at..(at + name.len()).min(self.source.len()).max(at);
        let known: Vec<&str> = known.into_iter().filter(|known| !known.starts_with('@')).collect();
        let help = super::super::nearest(name, known.iter().copied())
            .map(|near| format!("did you mean `{near}`?"))
            .or_else(|| (!known.is_empty()).then(|| format!("there are: {}", known.join(", "))));
        ExpressionError { message: message.to_owned(), span, help }
    }
}
