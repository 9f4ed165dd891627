//! Types of the document that rules look at: enough to find a misspelt name before anything runs.

use std::collections::BTreeMap;
use std::sync::Arc;

/// What an expression gives, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// Anything: files and answers that a rule brings in itself.
    Any,
    /// `true` or `false`.
    Bool,
    /// A 64-bit signed integer.
    Int,
    /// A string.
    Text,
    /// A list.
    List(Arc<Type>),
    /// A record with these fields and no others.
    Record(Arc<BTreeMap<&'static str, Type>>),
}

impl Type {
    /// A record.
    #[must_use]
    pub fn record(fields: impl IntoIterator<Item = (&'static str, Type)>) -> Self {
        Self::Record(Arc::new(fields.into_iter().collect()))
    }

    /// A list.
    #[must_use]
    pub fn list(of: Type) -> Self {
        Self::List(Arc::new(of))
    }

    /// In a sentence: `text`, `a list`.
    #[must_use]
    pub fn in_words(&self) -> &'static str {
        match self {
            Self::Any => "anything",
            Self::Bool => "true or false",
            Self::Int => "a number",
            Self::Text => "text",
            Self::List(_) => "a list",
            Self::Record(_) => "a record",
        }
    }

    /// The type of an element; anything where it is no list.
    #[must_use]
    pub fn element(&self) -> Self {
        match self {
            Self::List(of) => (**of).clone(),
            _ => Self::Any,
        }
    }

    /// The type of a field: `None` where a record has no such field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<Self> {
        match self {
            Self::Record(fields) => fields.get(name).cloned(),
            _ => Some(Self::Any),
        }
    }

    /// The names of its fields.
    pub fn fields(&self) -> impl Iterator<Item = &'static str> {
        let names: Vec<_> = match self {
            Self::Record(fields) => fields.keys().copied().collect(),
            _ => Vec::new(),
        };
        names.into_iter()
    }
}

/// The names that an expression may use, with their types. A copy shares what it was made with, so that one for the inside
/// of every loop costs little.
#[derive(Debug, Clone, Default)]
pub struct Names {
    given: Arc<BTreeMap<String, Type>>,
    added: Vec<(String, Type)>,
}

impl Names {
    /// The type of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Type> {
        let added = self.added.iter().rev().find(|(known, _)| known == name);
        added.map(|(_, of)| of).or_else(|| self.given.get(name))
    }

    /// Whether the name stands for something.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Adds a name; one that stands for something stands for this from now on.
    pub fn add(&mut self, name: impl Into<String>, of: Type) {
        self.added.push((name.into(), of));
    }

    /// Every name with its type.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Type)> {
        let added = self.added.iter().map(|(name, of)| (name.as_str(), of));
        self.given.iter().map(|(name, of)| (name.as_str(), of)).chain(added)
    }

    /// Every name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(name, _)| name)
    }
}

impl FromIterator<(String, Type)> for Names {
    fn from_iter<I: IntoIterator<Item = (String, Type)>>(names: I) -> Self {
        Self { given: Arc::new(names.into_iter().collect()), added: Vec::new() }
    }
}
