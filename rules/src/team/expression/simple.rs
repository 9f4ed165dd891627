//! `wp.path`: most expressions of a rule are a name and its fields. They are read here, in a hundredth of the time that the
//! parser takes.

use cel::common::ast::{Expr, IdedExpr, SelectExpr};

/// Words of the language that are no names: <https://github.com/google/cel-spec/blob/master/doc/langdef.md>.
const RESERVED: [&str; 24] = [
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
    "__not_strictly_false__",
    "has",
    "type",
];

/// A name and its fields.
pub(super) struct Path {
    tree: IdedExpr,
    /// First and last byte of each node; the node's id is its place here.
    places: Vec<(usize, usize)>,
}

impl Path {
    /// Reads it; `None` for every other expression.
    pub(super) fn of(source: &str) -> Option<Self> {
        let mut places = Vec::new();
        let mut tree: Option<IdedExpr> = None;
        let mut at = 0;
        for word in source.split('.') {
            if !is_name(word) {
                return None;
            }
            let end = at + word.len();
            // A field's node begins at its dot.
            places.push((at.saturating_sub(1), end.saturating_sub(1)));
            let id = u64::try_from(places.len() - 1).unwrap_or_default();
            let expr = match tree.take() {
                None => Expr::Ident(word.to_owned()),
                Some(operand) => Expr::Select(SelectExpr {
                    operand: Box::new(operand),
                    field: word.to_owned(),
                    test: false,
                }),
            };
            tree = Some(IdedExpr { id, expr });
            at = end + 1;
        }
        Some(Self { tree: tree?, places })
    }

    pub(super) fn tree(&self) -> &IdedExpr {
        &self.tree
    }

    pub(super) fn into_tree(self) -> IdedExpr {
        self.tree
    }

    pub(super) fn place_of(&self, id: u64) -> Option<(usize, usize)> {
        self.places.get(usize::try_from(id).ok()?).copied()
    }
}

fn is_name(word: &str) -> bool {
    let mut bytes = word.bytes();
    let starts = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    starts && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_') && !RESERVED.contains(&word)
}
