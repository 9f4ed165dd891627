//! Texts with `{{ expression }}` in them: messages, remediations, names of items.

use std::ops::Range;

use super::expression::{EvaluationError, Expression, ExpressionError, Scope};
use super::quotes::Unquoted;
use super::types::Names;

/// A text with expressions in it.
#[derive(Debug)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Text(String),
    Value(Expression),
}

impl Template {
    /// Compiles a text in whose expressions only these names may occur.
    ///
    /// # Errors
    /// [`ExpressionError`] with the place in the text.
    pub fn compile(text: &str, names: &Names) -> Result<Self, ExpressionError> {
        let mut parts = Vec::new();
        let mut at = 0;
        while let Some(open) = text[at..].find("{{").map(|open| at + open) {
            let inside = open + "{{".len();
            let Some(length) = end_of(&text[inside..]) else {
                let message = "`{{` is not closed by `}}`".to_owned();
                return Err(ExpressionError { message, span: open..inside, help: None });
            };
            parts.push(Part::Text(text[at..open].to_owned()));
            parts.push(Part::Value(within(text, inside..inside + length, names)?));
            at = inside + length + "}}".len();
        }
        parts.push(Part::Text(text[at..].to_owned()));
        parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
        Ok(Self { parts })
    }

    /// The expressions in it.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.parts.iter().filter_map(|part| match part {
            Part::Value(expression) => Some(expression),
            Part::Text(_) => None,
        })
    }

    /// Whether it has no expression.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Text(_)))
    }

    /// The text up to the first expression.
    #[must_use]
    pub fn fixed_beginning(&self) -> &str {
        match self.parts.first() {
            Some(Part::Text(text)) => text,
            _ => "",
        }
    }

    /// The text with its values.
    ///
    /// # Errors
    /// [`EvaluationError`].
    pub fn render(&self, scope: &Scope<'_>) -> Result<String, EvaluationError> {
        self.render_with(scope, Ok)
    }

    /// The text with its values, each changed to what may stand there.
    ///
    /// # Errors
    /// [`EvaluationError`]; a text of more than 64 KiB is none. Or what `change` says of a value that must not stand there.
    pub fn render_with<E: From<EvaluationError>>(
        &self,
        scope: &Scope<'_>,
        change: impl Fn(String) -> Result<String, E>,
    ) -> Result<String, E> {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Value(expression) => {
                    let value = expression.evaluate(scope)?;
                    if value.whole_weight() + out.len() > LONGEST {
                        let expression = expression.source().to_owned();
                        let message = format!("it makes a text of more than {} KiB", LONGEST >> 10);
                        return Err(EvaluationError::Failed { expression, message }.into());
                    }
                    out.push_str(&change(value.in_words())?);
                }
            }
        }
        Ok(out)
    }
}

/// Longest text, in bytes.
const LONGEST: usize = 64 << 10;

/// Where the expression at the beginning of a text ends: at `}}` outside of quotes and of brackets of its own.
fn end_of(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut unquoted = Unquoted::of(text);
    for (at, character) in unquoted.by_ref() {
        match character {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            '}' if text[at..].starts_with("}}") => return Some(at),
            _ => {}
        }
    }
    // A quote that is not closed is the expression's own mistake, and is told there.
    if unquoted.is_open() { text.find("}}") } else { None }
}

/// Compiles the expression at a place of a text; its errors point into the text.
fn within(text: &str, place: Range<usize>, names: &Names) -> Result<Expression, ExpressionError> {
    let raw = &text[place.clone()];
    let blanks = raw.len() - raw.trim_start().len();
    let start = place.start + blanks;
    Expression::compile(raw.trim(), names)
        .map_err(|error| ExpressionError { span: start + error.span.start..start + error.span.end, ..error })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::team::expression::Value;
    use crate::team::types::Type;
    use serde_json::json;

    fn names() -> Names {
        [("wp".to_owned(), Type::record([("id", Type::Text), ("tags", Type::list(Type::Text))]))]
            .into_iter()
            .collect()
    }

    #[test]
    fn values_stand_in_their_places() {
        let wp = json!({"id": "WP01", "tags": ["a", "b"]});
        let scope = Scope::new([("wp", &Value::from(&wp))]);
        let said = |text| Template::compile(text, &names()).unwrap().render(&scope).unwrap();
        assert_eq!(said("{{ wp.id }} has {{wp.tags}} and {{ 1 + 1 }}."), "WP01 has a, b and 2.");
        assert_eq!(said("no value } here {"), "no value } here {");
        assert_eq!(said("{{ \"}}\" }}, {{ {'a': {'b': 1}}['a']['b'] }}"), "}}, 1");
        assert_eq!(said(""), "");
    }

    #[test]
    fn mistakes_are_placed_in_the_whole_text() {
        let text = "é {{ wp.id }} {{ wp.nope }}";
        let error = Template::compile(text, &names()).unwrap_err();
        assert_eq!(&text[error.span], "nope");
        assert!(Template::compile("{{ wp.id", &names()).is_err());
    }
}
