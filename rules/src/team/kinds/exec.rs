//! `exec`: a program whose exit code answers.

use std::collections::BTreeMap;

use clearance_engine::item::Unanswered;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{Asked, Capability, Compiling, Hit, Kind, WrittenKind};
use crate::team::expression::{Expression, Scope, Value};
use crate::team::template::Template;
use crate::team::types::Type;
use crate::team::world::{Call, Directory, Unknown, World};
use crate::team::yaml::{At, RuleError};

/// A command.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Exec")]
pub struct Written {
    /// The program and its arguments, with `{{ expression }}` in arguments; no shell reads them.
    pub argv: Vec<At<String>>,
    /// `500ms`, `30s`, `2m`.
    pub timeout: At<String>,
    /// Variables of the environment that it is given besides the usual ones.
    #[serde(default)]
    pub env: Vec<At<String>>,
    /// Where it runs.
    #[serde(default)]
    pub cwd: Directory,
    /// Exit codes that pass.
    pub pass: Vec<i32>,
    /// Exit codes that fail. Any other is no answer.
    pub fail: Vec<i32>,
}

#[derive(Debug)]
struct Exec {
    written: Vec<String>,
    argv: Vec<Template>,
    call: Call,
    timeout: String,
    outcomes: BTreeMap<i32, bool>,
}

impl WrittenKind for Written {
    fn compile(&self, compiling: &Compiling<'_>) -> Result<Box<dyn Kind>, RuleError> {
        let Some(program) = self.argv.first() else {
            return Err(compiling.error(&self.timeout.span, "there is no program in `argv`", None));
        };
        let argv = self.argv.iter().map(|word| compiling.template(word)).collect::<Result<Vec<_>, _>>()?;
        if !argv[0].is_fixed() || program.value.trim().is_empty() {
            let help = "only arguments may have `{{ }}`: what runs is what was trusted";
            return Err(compiling.error(&program.span, "the program itself must be fixed", Some(help)));
        }
        compiling.variables(&self.env)?;
        let mut outcomes: BTreeMap<i32, bool> = self.pass.iter().map(|code| (*code, true)).collect();
        if let Some(both) = self.fail.iter().find(|code| outcomes.insert(**code, false) == Some(true)) {
            let message = format!("the exit code {both} cannot both pass and fail");
            return Err(compiling.error(&program.span, message, None));
        }
        if self.pass.is_empty() {
            return Err(compiling.error(&program.span, "no exit code passes: name one in `pass:`", None));
        }
        Ok(Box::new(Exec {
            written: self.argv.iter().map(|word| word.value.clone()).collect(),
            argv,
            call: Call {
                argv: Vec::new(),
                directory: self.cwd,
                env: self.env.iter().map(|name| name.value.clone()).collect(),
                timeout: compiling.duration(&self.timeout)?,
            },
            timeout: self.timeout.value.clone(),
            outcomes,
        }))
    }
}

impl Kind for Exec {
    fn capability(&self) -> Capability {
        Capability::Exec {
            argv: self.written.clone(),
            installs: Vec::new(),
            env: self.call.env.clone(),
            cwd: self.call.directory.name(),
            timeout: self.timeout.clone(),
        }
    }

    fn names(&self) -> Vec<(&'static str, Type)> {
        let fields = [("exit", Type::Int), ("stdout", Type::Text), ("stderr", Type::Text)];
        vec![("exec", Type::record(fields))]
    }

    fn answers(&self) -> bool {
        true
    }

    fn expressions(&self) -> Vec<&Expression> {
        self.argv.iter().flat_map(Template::expressions).collect()
    }

    fn ask(&self, scope: &Scope<'_>, world: &dyn World) -> Result<Asked, Unknown> {
        let argv = self.argv.iter().map(|word| word.render(scope)).collect::<Result<Vec<_>, _>>()?;
        let program = argv.first().cloned().unwrap_or_default();
        let ended = world.run(&Call { argv, ..self.call.clone() })?;
        let said = || {
            let last = ended.stderr.lines().chain(ended.stdout.lines()).rfind(|line| !line.trim().is_empty());
            last.map(|line| format!(": {}", line.trim())).unwrap_or_default()
        };
        let Some(code) = ended.code else {
            let signal = ended.signal.map_or_else(String::new, |signal| format!(" {signal}"));
            return Err(Unanswered::new(format!("{program} was ended by signal{signal}{}", said())).into());
        };
        let Some(holds) = self.outcomes.get(&code).copied() else {
            let why = format!("{program} ended with {code}, which is neither `pass` nor `fail`{}", said());
            return Err(Unanswered::new(why).into());
        };
        let result = json!({ "exit": code, "stdout": ended.stdout, "stderr": ended.stderr });
        let values = vec![("exec", Value::from(&result))];
        Ok(Asked::Items(vec![Hit { key: String::new(), holds, values, at: None, line: None, said: None }]))
    }
}
