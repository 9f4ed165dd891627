//! `http`: an answer of a server, for an assertion.

use std::time::Duration;

use clearance_engine::item::Unanswered;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value as Json;

use super::{Asked, Capability, Compiling, Kind, WrittenKind};
use crate::team::expression::{Expression, Scope, Value};
use crate::team::template::Template;
use crate::team::types::Type;
use crate::team::world::{Request, Unknown, World};
use crate::team::yaml::{At, RuleError};

/// Most retries.
const MOST_RETRIES: u32 = 5;

/// A question to a server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Http")]
pub struct Written {
    /// The address, `https://`; with `{{ expression }}` behind the host only.
    pub get: At<String>,
    /// The variable of the environment that has the token for that host.
    #[serde(default)]
    pub token_env: Option<At<String>>,
    /// `500ms`, `30s`, `2m`: how long it may take, with everything.
    pub timeout: At<String>,
    /// How often it is asked again, at most 5 times.
    #[serde(default)]
    pub retries: Option<At<u32>>,
    /// Statuses whose body is looked at. Any other is no answer.
    pub expect_status: Vec<u16>,
}

#[derive(Debug)]
struct Http {
    get: Template,
    host: String,
    token_env: Option<String>,
    timeout: Duration,
    retries: u32,
    expect_status: Vec<u16>,
}

impl WrittenKind for Written {
    fn compile(&self, compiling: &Compiling<'_>) -> Result<Box<dyn Kind>, RuleError> {
        let get = compiling.template(&self.get)?;
        let at = &self.get.span;
        let Some(rest) = get.fixed_beginning().strip_prefix("https://") else {
            let help = "the address begins with `https://` and a host";
            return Err(compiling.error(at, "servers are asked over HTTPS only", Some(help)));
        };
        let Some((host, _)) = rest.split_once('/') else {
            let help = "write the host and the `/` behind it out: a template must not choose who is asked";
            return Err(compiling.error(at, "the host is not fixed", Some(help)));
        };
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b);
        if host.is_empty() || !host.bytes().all(fits) {
            return Err(compiling.error(at, format!("`{host}` is no host"), None));
        }
        if let Some(retries) = self.retries.as_ref().filter(|retries| retries.value > MOST_RETRIES) {
            let message = format!("at most {MOST_RETRIES} retries");
            return Err(compiling.error(&retries.span, message, None));
        }
        if self.expect_status.is_empty() {
            return Err(compiling.error(at, "no status is an answer: name one in `expect_status:`", None));
        }
        Ok(Box::new(Http {
            host: host.to_owned(),
            get,
            token_env: self.token_env.as_ref().map(|name| name.value.clone()),
            timeout: compiling.duration(&self.timeout)?,
            retries: self.retries.as_ref().map_or(0, |retries| retries.value),
            expect_status: self.expect_status.clone(),
        }))
    }
}

impl Kind for Http {
    fn capability(&self) -> Capability {
        Capability::Network { host: self.host.clone(), token_env: self.token_env.clone() }
    }

    fn names(&self) -> Vec<(&'static str, Type)> {
        vec![("body", Type::Any), ("status", Type::Int)]
    }

    fn answers(&self) -> bool {
        false
    }

    fn expressions(&self) -> Vec<&Expression> {
        self.get.expressions().collect()
    }

    fn ask(&self, scope: &Scope<'_>, world: &dyn World) -> Result<Asked, Unknown> {
        let checked = |value: String| {
            if value.split('/').any(|part| part == "." || part == "..") {
                let why = format!("`{value}` would lead to another address of {}", self.host);
                return Err(Unknown::from(Unanswered::new(why)));
            }
            Ok(escaped(&value))
        };
        let request = Request {
            url: self.get.render_with(scope, checked)?,
            token_env: self.token_env.clone(),
            timeout: self.timeout,
            retries: self.retries,
            expect_status: self.expect_status.clone(),
        };
        let reply = world.ask(&request)?;
        if !self.expect_status.contains(&reply.status) {
            let wanted: Vec<_> = self.expect_status.iter().map(u16::to_string).collect();
            let why = format!("{} answered {}, not {}", self.host, reply.status, wanted.join(" or "));
            return Err(Unanswered::new(why).into());
        }
        let body: Json = serde_json::from_slice(&reply.body)
            .map_err(|error| Unanswered::new(format!("{} answered what is no JSON: {error}", self.host)))?;
        let status = Value::from(&Json::from(reply.status));
        Ok(Asked::Values(vec![("body", Value::from(&body)), ("status", status)]))
    }
}

/// A value as a part of a path: whatever would make it something else is escaped. A slash stays, for `owner/name`.
fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
