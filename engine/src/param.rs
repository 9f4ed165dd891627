//! Parameters of checks: what a team may set otherwise besides the severity.

use std::collections::BTreeMap;

/// A parameter of a check; its facts, each stated once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Param {
    /// Lower case and `_`.
    pub name: &'static str,
    /// What may be set, and what holds where nothing is.
    pub kind: ParamKind,
    /// What it means, in one line.
    pub meaning: &'static str,
}

/// What a parameter may be, with its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParamKind {
    /// `true` makes the check ask more, and is never the default: so it fits every check, those that guard the step too.
    Stricter,
    /// Some of the words that are known.
    Words {
        /// Those that hold where nothing is set.
        default: &'static [&'static str],
        /// All that there are.
        known: &'static [&'static str],
    },
}

impl ParamKind {
    /// The type, as rules name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stricter => "bool",
            Self::Words { .. } => "list",
        }
    }

    /// What holds where nothing is set.
    #[must_use]
    pub fn default(self) -> ParamValue {
        match self {
            Self::Stricter => ParamValue::Switch(false),
            Self::Words { default, .. } => ParamValue::Words(default.to_vec()),
        }
    }
}

/// What a parameter is set to.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(untagged)]
pub enum ParamValue {
    /// On or off.
    Switch(bool),
    /// Words of those that the parameter knows.
    Words(Vec<&'static str>),
}

/// What a team set of one check, by the names of its parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParamValues(BTreeMap<&'static str, ParamValue>);

impl ParamValues {
    /// Nothing: every parameter has its default.
    pub const NONE: &'static Self = &Self(BTreeMap::new());

    /// Sets a parameter.
    pub fn set(&mut self, param: &Param, value: ParamValue) {
        self.0.insert(param.name, value);
    }

    /// What was set of a parameter.
    #[must_use]
    pub fn set_of(&self, param: &Param) -> Option<&ParamValue> {
        self.0.get(param.name)
    }

    /// Whether a [`ParamKind::Stricter`] is on.
    #[must_use]
    pub fn is_on(&self, param: &Param) -> bool {
        matches!(self.set_of(param), Some(ParamValue::Switch(true)))
    }

    /// The words of a [`ParamKind::Words`].
    #[must_use]
    pub fn words(&self, param: &Param) -> Vec<&'static str> {
        match self.set_of(param).cloned().unwrap_or_else(|| param.kind.default()) {
            ParamValue::Words(words) => words,
            ParamValue::Switch(_) => Vec::new(),
        }
    }
}
