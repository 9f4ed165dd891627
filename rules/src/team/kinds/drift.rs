//! `drift`: whether a consumer's own tests notice another version of a package, in an environment that is thrown away.

use clearance_engine::item::Unanswered;
use clearance_nested_env::drift::{Packages, Played, Scenario, Verdict};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{Asked, Capability, Compiling, Hit, Kind, WrittenKind};
use crate::team::expression::{Expression, Scope, Value};
use crate::team::template::Template;
use crate::team::types::Type;
use crate::team::world::{Directory, DriftCall, Unknown, World};
use crate::team::yaml::{At, RuleError};

/// A contract-drift scenario.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Drift")]
pub struct Written {
    /// The package that drifts, by its name.
    pub package: At<String>,
    /// What is installed last: a path (wheel, archive, project) or a requirement, with `{{ expression }}`.
    pub candidate: At<String>,
    /// The version that the candidate has, with `{{ expression }}`.
    pub version: At<String>,
    /// What is installed first: a path or a requirement; `.` without it.
    #[serde(default)]
    pub consumer: Option<At<String>>,
    /// What the tests need besides: paths or requirements.
    #[serde(default)]
    pub with: Vec<At<String>>,
    /// Directories with wheels and archives, looked at first.
    #[serde(default)]
    pub find_links: Vec<At<String>>,
    /// Whether no package index is asked.
    #[serde(default)]
    pub offline: bool,
    /// The tests: a program and its arguments, with `{{ expression }}` in arguments. `python` is that of the environment.
    pub tests: Vec<At<String>>,
    /// What a failure names where the drift is its cause.
    pub signs: Vec<At<String>>,
    /// What passes.
    #[serde(default)]
    pub expect: Expected,
    /// How long all of it may take: `500ms`, `30s`, `20m`.
    pub timeout: At<String>,
    /// Variables of the environment that tools and tests are given besides the usual ones.
    #[serde(default)]
    pub env: Vec<At<String>>,
    /// Where the tests run, and paths begin.
    #[serde(default)]
    pub cwd: Directory,
}

/// What a scenario comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// The tests pass with the candidate.
    #[default]
    NoDrift,
    /// They fail with it, and a failure names a sign.
    DriftDetected,
}

#[derive(Debug)]
struct Drift {
    candidate: Template,
    version: Template,
    tests: Vec<Template>,
    call: DriftCall,
    written: Vec<String>,
    timeout: String,
    expect: Expected,
}

impl WrittenKind for Written {
    fn compile(&self, compiling: &Compiling<'_>) -> Result<Box<dyn Kind>, RuleError> {
        let texts = |all: &[At<String>]| all.iter().map(|one| one.value.clone()).collect::<Vec<_>>();
        let Some(program) = self.tests.first() else {
            return Err(compiling.error(&self.timeout.span, "there is no program in `tests`", None));
        };
        let tests = self.tests.iter().map(|word| compiling.template(word)).collect::<Result<Vec<_>, _>>()?;
        if !tests[0].is_fixed() || program.value.trim().is_empty() {
            let help = "only arguments may have `{{ }}`: what runs is what was trusted";
            return Err(compiling.error(&program.span, "the program itself must be fixed", Some(help)));
        }
        let signs = self.signs.iter().filter(|sign| !sign.value.trim().is_empty());
        if signs.count() == 0 {
            let help = "a failure that names none of them is no drift: signs: [event_id]";
            return Err(compiling.error(&self.package.span, "there is no sign in `signs`", Some(help)));
        }
        self.words_are_no_options(compiling)?;
        compiling.variables(&self.env)?;
        let consumer = self.consumer.as_ref().map_or_else(|| ".".to_owned(), |at| at.value.clone());
        let packages = Packages {
            consumer,
            with: texts(&self.with),
            package: self.package.value.clone(),
            candidate: String::new(),
            version: String::new(),
            find_links: texts(&self.find_links),
            offline: self.offline,
        };
        Ok(Box::new(Drift {
            candidate: compiling.template(&self.candidate)?,
            version: compiling.template(&self.version)?,
            tests,
            call: DriftCall {
                scenario: Scenario { packages, tests: Vec::new(), signs: texts(&self.signs) },
                directory: self.cwd,
                env: texts(&self.env),
                timeout: compiling.duration(&self.timeout)?,
            },
            written: [&self.candidate]
                .into_iter()
                .chain(&self.tests)
                .map(|word| word.value.clone())
                .collect(),
            timeout: self.timeout.value.clone(),
            expect: self.expect,
        }))
    }
}

impl Written {
    /// An installer would take a word that begins with `-` for an option.
    fn words_are_no_options(&self, compiling: &Compiling<'_>) -> Result<(), RuleError> {
        let words = [&self.package, &self.candidate].into_iter();
        let words = words.chain(&self.consumer).chain(&self.with).chain(&self.find_links);
        match words.into_iter().find(|word| is_no_package(&word.value)) {
            Some(word) => Err(compiling.error(&word.span, no_package(&word.value), None)),
            None => Ok(()),
        }
    }
}

fn is_no_package(word: &str) -> bool {
    word.starts_with('-') || word.trim().is_empty()
}

fn no_package(word: &str) -> String {
    format!("`{word}` is no package and no path")
}

impl Kind for Drift {
    fn capability(&self) -> Capability {
        let packages = &self.call.scenario.packages;
        let candidate = &self.written[0];
        let mut installs = vec![packages.consumer.clone()];
        installs.extend(packages.with.iter().cloned());
        installs.push(candidate.clone());
        let from = if packages.offline { "found links only" } else { "the package index" };
        installs.push(format!("and what these require, from {from}"));
        Capability::Exec {
            argv: self.written[1..].to_vec(),
            installs,
            env: self.call.env.clone(),
            cwd: self.call.directory.name(),
            timeout: self.timeout.clone(),
        }
    }

    fn names(&self) -> Vec<(&'static str, Type)> {
        let texts = ["outcome", "package", "version", "baseline", "method", "sign", "line", "output"];
        let fields = texts.map(|name| (name, Type::Text)).into_iter().chain([("exit", Type::Int)]);
        vec![("drift", Type::record(fields))]
    }

    fn answers(&self) -> bool {
        true
    }

    fn expressions(&self) -> Vec<&Expression> {
        let templates = [&self.candidate, &self.version].into_iter().chain(&self.tests);
        templates.flat_map(Template::expressions).collect()
    }

    fn ask(&self, scope: &Scope<'_>, world: &dyn World) -> Result<Asked, Unknown> {
        let mut call = self.call.clone();
        let packages = &mut call.scenario.packages;
        packages.candidate = self.candidate.render(scope)?;
        packages.version = self.version.render(scope)?;
        if is_no_package(&packages.candidate) {
            return Err(Unanswered::new(no_package(&packages.candidate)).into());
        }
        call.scenario.tests = self.tests.iter().map(|word| word.render(scope)).collect::<Result<_, _>>()?;
        let played = world.drift(&call)?;
        let holds = matches!(
            (&played.verdict, self.expect),
            (Verdict::NoDrift, Expected::NoDrift) | (Verdict::DriftDetected { .. }, Expected::DriftDetected)
        );
        let said = in_words(&call.scenario.packages, &played);
        let values = vec![("drift", value(&call.scenario.packages, &played))];
        Ok(Asked::Items(vec![Hit {
            key: String::new(),
            holds,
            values,
            at: None,
            line: None,
            said: Some(said),
        }]))
    }
}

fn value(packages: &Packages, played: &Played) -> Value {
    let (sign, line) = match &played.verdict {
        Verdict::NoDrift => ("", ""),
        Verdict::DriftDetected { sign, line } => (sign.as_str(), line.as_str()),
    };
    Value::from(&json!({
        "outcome": played.verdict.as_str(),
        "package": packages.package,
        "version": packages.version,
        "baseline": played.baseline,
        "method": played.method.as_str(),
        "sign": sign,
        "line": line,
        "output": played.output,
        "exit": played.exit,
    }))
}

fn in_words(packages: &Packages, played: &Played) -> String {
    let what = format!("{} {} in the place of {}", packages.package, packages.version, played.baseline);
    match &played.verdict {
        Verdict::NoDrift => format!("no_drift: the tests pass with {what}"),
        Verdict::DriftDetected { line, .. } => format!("drift_detected: the tests fail with {what}: {line}"),
    }
}
