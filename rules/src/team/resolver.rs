//! Resolvers of teams: `kind: resolver`, a pattern that says how a line of `tasks.md` shows a task and its state.
//!
//! A line is one row: its first match counts. What is written is the state, byte for byte in its place, and nothing else.
//! A line that would not be found again with another state is no row, whatever state it has now.

mod pattern;
mod row;
mod trial;

use clearance_engine::edit::Change;
use clearance_engine::id::TaskId;
use clearance_engine::registry::{Origin, StrategyEntry, is_kebab_case};
use clearance_engine::source::Source;
use clearance_engine::strategy::{
    Place, Resolution, ResolveContext, ResolverStrategy, StrategyMeta, TaskState,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::inline_tests::TestOutcome;
use super::intern::intern;
use super::written::SCHEMA;
use super::yaml::{self, At, InOrder, OneOrMany, RuleError};
use pattern::Pattern;
use row::{Row, rows};

pub use pattern::LONGEST;
pub use row::LONGEST_LINE;
use trial::TestResult;

/// A file of `rules.d/` with `kind: resolver`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WrittenResolverRule {
    /// `clearance.rule/v1`
    pub schema: At<String>,
    /// `resolver`
    pub kind: At<ResolverKind>,
    /// Lower case, digits and dashes; unique among all checks and strategies.
    pub id: At<String>,
    /// What it recognises, in one line.
    pub title: At<String>,
    /// Where more is written about it.
    #[serde(default)]
    pub docs: Option<At<String>>,
    /// The pattern and the states.
    pub resolver: WrittenResolver,
    /// Its own tests.
    #[serde(default)]
    pub tests: Vec<WrittenResolverTest>,
}

/// The kind of a rule that is a resolver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ResolverKind {
    /// A way to find tasks and to say how their state would change.
    Resolver,
}

/// How a line shows a task.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WrittenResolver {
    /// A regular expression over one line, with the groups `id` and `state`.
    pub pattern: At<String>,
    /// How a finished state looks. The first is what is written.
    pub done: At<OneOrMany>,
    /// How an open state looks. The first is what is written.
    pub pending: At<OneOrMany>,
}

/// A test of a resolver, in its own file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WrittenResolverTest {
    /// What it shows.
    pub name: At<String>,
    /// The task list.
    pub tasks: String,
    /// Task and state.
    pub expect: InOrder<At<ExpectedState>>,
    /// Task and its line, after it was marked done.
    #[serde(default)]
    pub done: InOrder<At<String>>,
    /// Task and its line, after it was marked pending.
    #[serde(default)]
    pub pending: InOrder<At<String>>,
}

/// What a resolver makes of a task in a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExpectedState {
    /// Every row of it is done.
    Done,
    /// A row of it is open.
    Pending,
    /// It has no row.
    Missing,
}

/// A strategy that a team wrote.
#[derive(Debug)]
pub struct Resolver {
    meta: StrategyMeta,
    origin: Origin,
    docs: Option<String>,
    form: Form,
    tests: Vec<WrittenResolverTest>,
    source: Source,
}

/// What a row looks like.
#[derive(Debug)]
struct Form {
    pattern: Pattern,
    done: Vec<String>,
    pending: Vec<String>,
}

/// Reads the file of a resolver.
///
/// # Errors
/// [`RuleError`] at the first place that does not fit.
pub fn read(source: &Source) -> Result<Resolver, RuleError> {
    Resolver::of(source, yaml::read(source)?)
}

impl Resolver {
    /// The resolver that a file describes.
    ///
    /// # Errors
    /// [`RuleError`] at the first place that does not fit.
    pub fn of(source: &Source, written: WrittenResolverRule) -> Result<Self, RuleError> {
        let WrittenResolverRule { schema, kind: _, id, title, docs, resolver, tests } = written;
        if schema.value != SCHEMA {
            let message = format!("`{}` is no schema that is known", schema.value);
            return Err(RuleError::new(source, schema.span, message, Some(format!("write `{SCHEMA}`"))));
        }
        if !is_kebab_case(&id.value) {
            let message = format!("`{}` is no id", id.value);
            let help = "an id is lower-case words and digits joined by hyphens: `todo-lines`";
            return Err(RuleError::new(source, id.span, message, Some(help.to_owned())));
        }
        if title.value.trim().is_empty() || title.value.contains(char::is_control) {
            let message = "a title is one line that says what is recognised";
            return Err(RuleError::new(source, title.span, message, None));
        }
        let form = Form::of(source, &resolver)?;
        for (task, at) in tests.iter().flat_map(WrittenResolverTest::tasks_named) {
            TaskId::parse(task).ok().filter(row::is_task).ok_or_else(|| {
                let help = "tasks look like T001, T014b or T014-sig";
                let message = format!("`{task}` is no task ID");
                RuleError::new(source, at, message, Some(help.to_owned()))
            })?;
        }
        let line = u32::try_from(source.line_of(id.span.start)).unwrap_or(u32::MAX);
        Ok(Self {
            meta: StrategyMeta {
                id: intern(&id.value),
                summary: intern(&title.value),
                format: None,
                tracks: true,
            },
            origin: Origin::rules_d(intern(source.name()), line),
            docs: docs.map(|docs| docs.value),
            form,
            tests,
            source: source.clone(),
        })
    }

    /// What it is called.
    #[must_use]
    pub fn id(&self) -> &'static str {
        self.meta.id
    }

    /// Where more is written about it.
    #[must_use]
    pub fn docs(&self) -> Option<&str> {
        self.docs.as_deref()
    }

    /// Where it is written.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// The resolver as a member of the stack. It stays for the life of the process: load a file once.
    #[must_use]
    pub fn entry(self) -> &'static StrategyEntry {
        let (id, origin) = (self.meta.id, self.origin);
        Box::leak(Box::new(StrategyEntry { id, strategy: Box::leak(Box::new(self)), origin }))
    }

    /// Runs the tests of its file, in their order: this resolver alone, on each test's task list.
    #[must_use]
    pub fn run_tests(&self) -> Vec<TestOutcome> {
        let run = |test: &WrittenResolverTest| {
            let TestResult { name, span, outcome } = trial::run(&self.form, test);
            let line = self.source.line_of(span.start);
            TestOutcome { name, line, differences: outcome.err().unwrap_or_default() }
        };
        self.tests.iter().map(run).collect()
    }
}

impl WrittenResolverTest {
    /// Every task it names, with the place of what is said of it.
    fn tasks_named(&self) -> impl Iterator<Item = (&str, std::ops::Range<usize>)> {
        let expected = self.expect.0.iter().map(|(task, at)| (task.as_str(), at.span.clone()));
        let lines = self.done.0.iter().chain(&self.pending.0);
        expected.chain(lines.map(|(task, at)| (task.as_str(), at.span.clone())))
    }
}

impl Form {
    fn of(source: &Source, written: &WrittenResolver) -> Result<Self, RuleError> {
        let WrittenResolver { pattern, done, pending } = written;
        let pattern = Pattern::compile(source, pattern)?;
        let texts = [("done", done), ("pending", pending)];
        for (name, texts) in texts {
            if texts.value.0.is_empty() {
                let message = format!("`{name}` has no text");
                return Err(RuleError::new(source, texts.span.clone(), message, None));
            }
            for text in &texts.value.0 {
                check_text(source, name, text, &pattern)?;
            }
        }
        if let Some(both) =
            pending.value.0.iter().find(|text| done.value.0.iter().any(|other| other.value == text.value))
        {
            let message = format!("`{}` is both done and pending", both.value);
            return Err(RuleError::new(source, both.span.clone(), message, None));
        }
        let [done, pending] =
            texts.map(|(_, texts)| texts.value.0.iter().map(|text| text.value.clone()).collect());
        Ok(Self { pattern, done, pending })
    }

    /// What a state means.
    fn meaning(&self, state: &str) -> Option<TaskState> {
        let says = |texts: &[String]| texts.iter().any(|text| text == state);
        if says(&self.done) {
            Some(TaskState::Done)
        } else {
            says(&self.pending).then_some(TaskState::Pending)
        }
    }

    /// What is written for a state.
    fn text(&self, state: TaskState) -> &str {
        match state {
            TaskState::Done => &self.done[0],
            TaskState::Pending => &self.pending[0],
        }
    }

    /// What gives a task the wanted state.
    fn changes(&self, rows: &[Row], wanted: TaskState) -> Vec<Change> {
        let wrong = rows.iter().filter(|row| row.is != wanted);
        wrong
            .map(|row| Change::Replace { range: row.state.clone(), with: self.text(wanted).to_owned() })
            .collect()
    }
}

/// Whether a text may be a state: visible, on one line, opening neither code nor a comment, and one that the pattern finds.
fn check_text(source: &Source, name: &str, text: &At<String>, pattern: &Pattern) -> Result<(), RuleError> {
    let value = text.value.as_str();
    let (message, help) = if value.is_empty() {
        let help = "a state is seen in the file; a blank in quotes, `' '`, is one";
        (format!("`{name}` is an empty text"), Some(help))
    } else if value.contains(['`', '<', '\\']) || value.contains(char::is_control) {
        let help = "code, comments and line endings would change what other lines mean";
        (format!("`{name}` may have no backquote, `<`, `\\` or control character"), Some(help))
    } else if !pattern.may_say(value) {
        let help = "the group `state` must match every text of `done` and `pending`, and the whole of it";
        (format!("the group `state` cannot be `{value}`"), Some(help))
    } else {
        return Ok(());
    };
    Err(RuleError::new(source, text.span.clone(), message, help.map(str::to_owned)))
}

impl ResolverStrategy for Resolver {
    fn meta(&self) -> &StrategyMeta {
        &self.meta
    }

    fn resolve(&self, id: &TaskId, wanted: TaskState, context: ResolveContext<'_>) -> Resolution {
        let rows = rows(&self.form, id, context.tasks);
        let name = context.tasks.source().name();
        let at = rows.iter().map(|row| Place { file: name.to_owned(), line: Some(row.line + 1) });
        Resolution::of(at.collect(), self.form.changes(&rows, wanted))
    }
}

#[cfg(test)]
mod mission_tests;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
