//! Types of the document that rules look at: enough to find a misspelt name before anything runs.

use std::collections::BTreeMap;

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
    List(Box<Type>),
    /// A record with these fields and no others.
    Record(BTreeMap<&'static str, Type>),
}

impl Type {
    /// A record.
    #[must_use]
    pub fn record(fields: impl IntoIterator<Item = (&'static str, Type)>) -> Self {
        Self::Record(fields.into_iter().collect())
    }

    /// A list.
    #[must_use]
    pub fn list(of: Type) -> Self {
        Self::List(Box::new(of))
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

/// The names that an expression may use, with their types.
pub type Names = BTreeMap<String, Type>;
