//! Where an item is: `wp.path#agent`, `{{ mission.dir }}/evidence/tests.json`, `c.path#L{{ c.line }}`.

use std::ops::Range;

use clearance_engine::finding::{Excerpt, Location};

use super::expression::{EvaluationError, Expression, Scope};
use super::kinds::Compiling;
use super::template::Template;
use super::yaml::{At, RuleError};

/// Where an item is, as a rule says it.
#[derive(Debug)]
pub(super) struct Place {
    path: Path,
    part: Option<Template>,
}

#[derive(Debug)]
enum Path {
    Value(Expression),
    Text(Template),
}

impl Place {
    /// Checks what is written: an expression for a path, or a text with `{{ expression }}`; behind `#` a field or `L<line>`.
    pub(super) fn compile(written: &At<String>, compiling: &Compiling<'_>) -> Result<Self, RuleError> {
        let text = &written.value;
        let cut = text.rfind('#');
        let in_text = |part: Range<usize>| At { value: text[part].to_owned(), span: written.span.clone() };
        let path = in_text(0..cut.unwrap_or(text.len()));
        let part = cut.map(|cut| in_text(cut + 1..text.len()));
        let path = if path.value.contains("{{") {
            Path::Text(compiling.template(&path)?)
        } else {
            Path::Value(compiling.expression(&path)?)
        };
        Ok(Self { path, part: part.map(|part| compiling.template(&part)).transpose()? })
    }

    pub(super) fn expressions(&self) -> Vec<&Expression> {
        let path: Vec<&Expression> = match &self.path {
            Path::Value(expression) => vec![expression],
            Path::Text(template) => template.expressions().collect(),
        };
        path.into_iter().chain(self.part.iter().flat_map(Template::expressions)).collect()
    }

    /// The path and the part of it.
    pub(super) fn of(&self, scope: &Scope<'_>) -> Result<(String, Option<String>), EvaluationError> {
        let path = match &self.path {
            Path::Value(expression) => expression.evaluate(scope)?.in_words(),
            Path::Text(template) => template.render(scope)?,
        };
        Ok((path, self.part.as_ref().map(|part| part.render(scope)).transpose()?))
    }
}

/// The line of a part of a text: `L12`, or a field of the front matter.
pub(super) fn line_of(text: &str, part: &str) -> Option<usize> {
    if let Some(line) = part.strip_prefix('L').and_then(|line| line.parse::<usize>().ok()) {
        return (1..=text.lines().count()).contains(&line).then_some(line);
    }
    let field = |line: &str| line.strip_prefix(part).is_some_and(|rest| rest.trim_start().starts_with(':'));
    let front = text.trim_start_matches('\u{feff}').lines().enumerate().skip(1);
    front
        .take_while(|(_, line)| line.trim_end() != "---")
        .find(|(_, line)| field(line))
        .map(|(nth, _)| nth + 1)
}

/// The location, and the line that is there.
pub(super) fn shown(path: &str, part: Option<&str>, text: Option<&str>) -> (Location, Option<Excerpt>) {
    let line = text.zip(part).and_then(|(text, part)| line_of(text, part));
    let excerpt = text.zip(line).and_then(|(text, line)| {
        let shown = text.lines().nth(line - 1)?;
        Some(Excerpt::new(path, line, shown, "here"))
    });
    (Location { name: path.to_owned(), line }, excerpt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const FILE: &str = "---\nid: WP01\nagent: \"\"\n---\n# Body\nagent: in the body\n";

    #[rstest]
    #[case("agent", Some(3))]
    #[case("id", Some(2))]
    #[case("age", None)]
    #[case("owner", None)]
    #[case("L5", Some(5))]
    #[case("L99", None)]
    #[case("L0", None)]
    fn parts_have_lines(#[case] part: &str, #[case] line: Option<usize>) {
        assert_eq!(line_of(FILE, part), line);
    }
}
