//! A file that sets a built-in check otherwise: its severity, its parameters, and nothing else.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use clearance_engine::check::{CheckMeta, Guards};
use clearance_engine::param::{Param, ParamKind, ParamValue, ParamValues};
use clearance_engine::severity::Severity;
use clearance_engine::source::Source;
use schemars::JsonSchema;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::{Value as Json, json};

use super::rule::severity_of;
use super::written::WrittenSeverity;
use super::yaml::{self, At, InOrder, RuleError};

/// A built-in check that is set otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tune {
    /// The check.
    pub id: &'static str,
    /// Whether it does not run.
    pub off: bool,
    /// How bad its findings are, where that is set.
    pub severity: Option<Severity>,
    /// Its parameters that are set.
    pub params: ParamValues,
    /// The file that says so.
    pub file: String,
}

/// The file as it is written.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WrittenTune {
    /// `clearance.rule/v1`
    pub schema: At<String>,
    /// A built-in check.
    pub id: At<String>,
    /// How bad it is when it finds something.
    #[serde(default)]
    pub severity: Option<At<WrittenSeverity>>,
    /// Values of its parameters.
    #[serde(default)]
    #[schemars(with = "serde_json::Map<String, Json>")]
    pub params: WrittenValues,
}

/// Names with plain values, each with its place.
pub type WrittenValues = InOrder<At<Plain>, At<String>>;

/// A value as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plain {
    /// `true` or `false`.
    Bool(bool),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<At<Plain>>),
    /// What no parameter is, in words.
    Other(&'static str),
}

impl Plain {
    fn in_words(&self) -> &'static str {
        match self {
            Self::Bool(_) => "true or false",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Other(words) => words,
        }
    }
}

/// Reads a file that sets the built-in check `meta` otherwise.
///
/// # Errors
/// [`RuleError`] at the first place that does not fit.
pub(super) fn read(source: &Source, meta: &CheckMeta) -> Result<Tune, RuleError> {
    let written: WrittenTune = yaml::read(source)?;
    let id = meta.id;
    if written.severity.is_none() && written.params.0.is_empty() {
        let help = match (meta.guards, meta.params) {
            (Guards::Step, []) => "it guards the step itself, and nothing of it can be set".to_owned(),
            (Guards::Step, params) => format!("params: {}", names(params)),
            (Guards::Agreement, []) => "severity: error, warning, info or off".to_owned(),
            (Guards::Agreement, params) => {
                format!("severity: error, warning, info or off; params: {}", names(params))
            }
        };
        let at = written.id.span;
        return Err(RuleError::new(source, at, format!("this sets nothing of `{id}`"), Some(help)));
    }
    let severity = written.severity.as_ref().map(|severity| severity_of(severity.value));
    if let (Some(written), Guards::Step) = (&written.severity, meta.guards) {
        let (said, help) = if severity == Some(Some(Severity::Blocker)) {
            ("no severity is set of it", stricter(meta.params))
        } else {
            let help = "what it finds makes the step impossible, or loses something: mend that instead";
            ("less cannot be made of it", help.to_owned())
        };
        let message = format!("`{id}` guards the step itself: {said}");
        return Err(RuleError::new(source, written.span.clone(), message, Some(help)));
    }
    let params = values(source, meta, &written.params)?;
    let file = source.name().to_owned();
    Ok(Tune { id, off: severity == Some(None), severity: severity.flatten(), params, file })
}

/// How a check that guards the step is made stricter, as its severity does not do that.
fn stricter(params: &[Param]) -> String {
    let switches = params.iter().filter(|param| param.kind == ParamKind::Stricter);
    let on: Vec<_> = switches.map(|param| format!("{}: true", param.name)).collect();
    match on.join(", ") {
        none if none.is_empty() => {
            "leave this out: what it finds in the way of the step blocks already".to_owned()
        }
        on => format!("to make it stricter, write `params: {{ {on} }}` instead"),
    }
}

fn values(source: &Source, meta: &CheckMeta, written: &WrittenValues) -> Result<ParamValues, RuleError> {
    let error = |at: &Range<usize>, message: String, help: Option<String>| {
        RuleError::new(source, at.clone(), message, help)
    };
    let mut values = ParamValues::default();
    for (At { value: name, span }, value) in &written.0 {
        let Some(param) = meta.params.iter().find(|param| param.name == name) else {
            let message = format!("`{}` has no parameter `{name}`", meta.id);
            if meta.params.is_empty() {
                return Err(error(span, format!("{message}: it has none"), None));
            }
            let near = super::nearest(name, meta.params.iter().map(|param| param.name));
            let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
            return Err(error(span, message, Some(format!("{near}there are: {}", names(meta.params)))));
        };
        let set = match (param.kind, &value.value) {
            (ParamKind::Stricter, Plain::Bool(on)) => ParamValue::Switch(*on),
            (ParamKind::Stricter, other) => {
                let message = format!("`{name}` is true or false, and this is {}", other.in_words());
                return Err(error(&value.span, message, Some(format!("write `{name}: true`"))));
            }
            (ParamKind::Words { known, .. }, Plain::List(words)) if !words.is_empty() => {
                let word = |word| one_of(source, name, word, known);
                ParamValue::Words(words.iter().map(word).collect::<Result<_, _>>()?)
            }
            (ParamKind::Words { known, default }, other) => {
                let message = match other {
                    Plain::List(_) => format!("`{name}` names at least one"),
                    other => format!("`{name}` is a list of texts, and this is {}", other.in_words()),
                };
                let example = match other {
                    Plain::Text(word) if known.contains(&word.as_str()) => word.clone(),
                    _ => default.join(", "),
                };
                return Err(error(&value.span, message, Some(format!("write `{name}: [{example}]`"))));
            }
        };
        values.set(param, set);
    }
    Ok(values)
}

fn one_of(
    source: &Source,
    name: &str,
    At { value, span }: &At<Plain>,
    known: &'static [&'static str],
) -> Result<&'static str, RuleError> {
    let error = |message: String, help: String| RuleError::new(source, span.clone(), message, Some(help));
    let all = known.join(", ");
    let Plain::Text(word) = value else {
        let message = format!("`{name}` is a list of texts, and this is {}", value.in_words());
        return Err(error(message, format!("there are: {all}")));
    };
    known.iter().copied().find(|known| known == word).ok_or_else(|| {
        let near = super::nearest(word, known.iter().copied());
        let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        error(format!("`{word}` is nothing that `{name}` knows"), format!("{near}there are: {all}"))
    })
}

fn names(params: &[Param]) -> String {
    params.iter().map(|param| param.name).collect::<Vec<_>>().join(", ")
}

/// The JSON Schema of files that set a check otherwise: what each takes.
pub(super) fn schema_of_params(metas: &[CheckMeta]) -> Vec<Json> {
    let of = |meta: &CheckMeta| {
        let params: BTreeMap<_, _> = meta.params.iter().map(|param| (param.name, schema_of(param))).collect();
        let mut fields = json!({
            "params": { "type": "object", "properties": params, "additionalProperties": false },
        });
        if meta.guards == Guards::Step {
            fields["severity"] = false.into();
        }
        json!({
            "if": { "properties": { "id": { "const": meta.id } }, "required": ["id"] },
            "then": { "properties": fields },
        })
    };
    metas.iter().map(of).collect()
}

fn schema_of(param: &Param) -> Json {
    let (meaning, default) = (param.meaning, param.kind.default());
    match param.kind {
        ParamKind::Stricter => json!({ "type": "boolean", "default": default, "description": meaning }),
        ParamKind::Words { known, .. } => {
            let items = json!({ "enum": known });
            json!({ "type": "array", "minItems": 1, "items": items, "default": default, "description": meaning })
        }
    }
}

// By hand: an untagged enum would lose the places of the values in a list.
impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Plain;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Plain, E> {
                Ok(Plain::Bool(value))
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Plain, E> {
                Ok(Plain::Text(value.to_owned()))
            }

            fn visit_i64<E: de::Error>(self, _: i64) -> Result<Plain, E> {
                Ok(Plain::Other("a number"))
            }

            fn visit_u64<E: de::Error>(self, _: u64) -> Result<Plain, E> {
                Ok(Plain::Other("a number"))
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Plain, E> {
                Ok(Plain::Other("a number"))
            }

            fn visit_unit<E: de::Error>(self) -> Result<Plain, E> {
                Ok(Plain::Other("nothing"))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Plain, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = list.next_element()? {
                    values.push(value);
                }
                Ok(Plain::List(values))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Plain, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Plain::Other("a record"))
            }
        }

        deserializer.deserialize_any(Any)
    }
}
