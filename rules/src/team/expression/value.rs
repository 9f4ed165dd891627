//! Values of expressions, and between JSON and CEL.

use std::any::Any;
use std::sync::Arc;

use cel::ExecutionError;
use cel::common::traits::{Container, Indexer, Iterable, Iterator as CelIterator, Sizer};
use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelNull, CelString, CelUInt, MAP_TYPE, Type,
};
use cel::common::value::{CowVal, StaticVal, Val};
use serde_json::Value as Json;

/// What an expression looks at, or gives. Records are shared: a copy of a long list of them is cheap.
#[derive(Debug, Clone)]
pub struct Value(pub(super) Box<dyn Val>);

impl Value {
    /// `true` or `false`, if it is one of them.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        self.0.downcast_ref::<CelBool>().map(|value| *value.inner())
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        self.0.downcast_ref::<CelString>().map(CelString::inner)
    }

    /// The elements, if it is a list.
    #[must_use]
    pub fn elements(&self) -> Option<Vec<Self>> {
        let list = self.0.downcast_ref::<CelList>()?;
        Some(list.inner().iter().map(|element| Self(element.clone())).collect())
    }

    /// As it stands in a sentence: a text as it is, a list with commas.
    #[must_use]
    pub fn in_words(&self) -> String {
        in_words_of(&to_json(&*self.0))
    }

    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> Json {
        to_json(&*self.0)
    }

    /// About how many bytes it has of its own.
    #[must_use]
    pub fn weight(&self) -> usize {
        weight(&*self.0)
    }

    /// About how many bytes it has with all that it shares.
    #[must_use]
    pub fn whole_weight(&self) -> usize {
        weighed(&*self.0, true)
    }

    /// What kind of value it is.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.0.get_type().name()
    }
}

impl From<&Json> for Value {
    fn from(json: &Json) -> Self {
        Self(bound(json))
    }
}

fn in_words_of(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Array(items) => items.iter().map(in_words_of).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// A map with names for keys, shared by all who look at it.
#[derive(Debug, Clone)]
struct Record(Arc<Fields>);

#[derive(Debug)]
struct Fields {
    /// In the order of the names.
    values: Vec<Box<dyn Val>>,
    /// As values, for loops over the names. There are few: a look at each is faster than a hash.
    names: Vec<CelString<'static>>,
}

impl Record {
    fn of(fields: &serde_json::Map<String, Json>) -> Self {
        let mut fields: Vec<_> = fields.iter().collect();
        fields.sort_by_key(|(name, _)| *name);
        let values = fields.iter().map(|(_, value)| bound(value)).collect();
        let names = fields.iter().map(|(name, _)| CelString::from((*name).clone())).collect();
        Self(Arc::new(Fields { values, names }))
    }

    fn field(&self, name: &str) -> Option<&(dyn Val + 'static)> {
        const FEW: usize = 24;
        let names = &self.0.names;
        let place = match names.len() {
            0..=FEW => names.iter().position(|known| known.inner() == name),
            _ => names.binary_search_by(|known| known.inner().cmp(name)).ok(),
        };
        place.map(|place| &*self.0.values[place])
    }

    fn is_equal_to(&self, other: &Self) -> bool {
        let mut both = self.iter().zip(other.iter());
        self.0.names.len() == other.0.names.len()
            && both.all(|((name, one), (its_name, its))| name == its_name && are_equal(one, its))
    }

    fn is_equal_to_map(&self, map: &CelMap<'_>) -> bool {
        let mut fields = map.inner().iter();
        self.0.names.len() == map.inner().len()
            && fields.all(|(key, its)| self.find(key.inner()).is_some_and(|own| are_equal(own, &**its)))
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &(dyn Val + 'static))> {
        self.0.names.iter().map(CelString::inner).zip(self.0.values.iter().map(|value| &**value))
    }

    fn find(&self, key: &dyn Val) -> Option<&(dyn Val + 'static)> {
        let name = key.downcast_ref::<CelString<'_>>()?;
        self.field(name.inner())
    }
}

impl Val for Record {
    fn get_type(&self) -> &Type {
        &MAP_TYPE
    }

    fn cel_type() -> &'static Type {
        &MAP_TYPE
    }

    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_iterable<'b, 'v>(&'b self) -> Option<&'b (dyn Iterable + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_sizer(&self) -> Option<&dyn Sizer> {
        Some(self)
    }

    fn equals(&self, other: &dyn Val) -> bool {
        are_equal(self, other)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Record {}

impl Container for Record {
    fn contains(&self, key: &dyn Val) -> Result<bool, ExecutionError> {
        Ok(self.find(key).is_some())
    }
}

impl Indexer for Record {
    fn get<'b, 'v>(&'b self, key: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let missing = || {
            let name = key.downcast_ref::<CelString>().map_or("such key", |name| name.inner());
            ExecutionError::no_such_key(name)
        };
        self.find(key).map(CowVal::Borrowed).ok_or_else(missing)
    }

    fn steal<'v>(self: Box<Self>, key: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.get(key).map(CowVal::into_owned)
    }
}

impl Iterable for Record {
    fn iter<'b, 'v>(&'b self) -> Box<dyn CelIterator<'b, 'v> + 'b>
    where
        Self: 'v,
    {
        Box::new(NameIterator(self.0.names.iter()))
    }
}

struct NameIterator<'b>(std::slice::Iter<'b, CelString<'static>>);

impl<'b, 'v> CelIterator<'b, 'v> for NameIterator<'b> {
    fn next(&mut self) -> Option<&'b (dyn Val + 'v)> {
        self.0.next().map(|name| name as &dyn Val)
    }
}

impl Sizer for Record {
    fn size(&self) -> CelInt {
        i64::try_from(self.0.names.len()).unwrap_or(i64::MAX).into()
    }
}

/// A JSON value as CEL has it. Whole numbers are signed: `1` in an expression is.
pub(super) fn bound(json: &Json) -> Box<dyn Val> {
    match json {
        Json::Null => Box::new(CelNull),
        Json::Bool(value) => Box::new(CelBool::from(*value)),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Box::new(CelInt::from(whole)),
            None => Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN))),
        },
        Json::String(text) => Box::new(CelString::from(text.clone())),
        Json::Array(items) => Box::new(CelList::from(items.iter().map(bound).collect::<Vec<_>>())),
        Json::Object(fields) => Box::new(Record::of(fields)),
    }
}

/// Whether two values are equal, whichever of them an expression has made: the crate's maps and lists know nothing of
/// records, and would call an equal one another.
pub(super) fn are_equal(one: &dyn Val, other: &dyn Val) -> bool {
    if let (Some(one), Some(other)) = (one.downcast_ref::<CelList<'_>>(), other.downcast_ref::<CelList<'_>>())
    {
        let (one, other) = (one.inner(), other.inner());
        return one.len() == other.len()
            && one.iter().zip(other).all(|(one, other)| are_equal(&**one, &**other));
    }
    match (one.downcast_ref::<Record>(), other.downcast_ref::<Record>()) {
        (Some(one), Some(other)) => one.is_equal_to(other),
        (Some(record), None) => other.downcast_ref().is_some_and(|map| record.is_equal_to_map(map)),
        (None, Some(record)) => one.downcast_ref().is_some_and(|map| record.is_equal_to_map(map)),
        (None, None) => match (one.downcast_ref::<CelMap<'_>>(), other.downcast_ref::<CelMap<'_>>()) {
            (Some(one), Some(other)) => {
                let same = |(key, value)| other.inner().get(key).is_some_and(|its| are_equal(value, &**its));
                one.inner().len() == other.inner().len()
                    && one.inner().iter().map(|(key, value)| (key, &**value)).all(same)
            }
            _ => one.equals(other),
        },
    }
}

/// A CEL value as JSON. What JSON has no form for is shown as text.
fn to_json(value: &dyn Val) -> Json {
    if let Some(text) = value.downcast_ref::<CelString<'_>>() {
        Json::from(text.inner())
    } else if let Some(flag) = value.downcast_ref::<CelBool>() {
        Json::from(*flag.inner())
    } else if let Some(number) = value.downcast_ref::<CelInt>() {
        Json::from(*number.inner())
    } else if let Some(number) = value.downcast_ref::<CelUInt>() {
        Json::from(*number.inner())
    } else if let Some(number) = value.downcast_ref::<CelDouble>() {
        Json::from(*number.inner())
    } else if value.downcast_ref::<CelNull>().is_some() {
        Json::Null
    } else if let Some(list) = value.downcast_ref::<CelList<'_>>() {
        list.inner().iter().map(|element| to_json(&**element)).collect()
    } else if let Some(record) = value.downcast_ref::<Record>() {
        let fields = record.iter().map(|(name, value)| (name.to_owned(), to_json(value)));
        Json::Object(fields.collect())
    } else if let Some(map) = value.downcast_ref::<CelMap<'_>>() {
        let fields =
            map.inner().iter().map(|(key, value)| (in_words_of(&to_json(key.inner())), to_json(&**value)));
        Json::Object(fields.collect())
    } else {
        Json::from(value.get_type().name())
    }
}

/// About how many bytes a value holds of its own: what is shared counts once, where it was made.
pub(super) fn weight(value: &dyn Val) -> usize {
    weighed(value, false)
}

fn weighed(value: &dyn Val, with_shared: bool) -> usize {
    const ELEMENT: usize = 32;
    let weighed = |value: &dyn Val| weighed(value, with_shared);
    let inside: usize = if let Some(text) = value.downcast_ref::<CelString<'_>>() {
        text.inner().len()
    } else if let Some(list) = value.downcast_ref::<CelList<'_>>() {
        list.inner().iter().map(|element| weighed(&**element)).sum()
    } else if let Some(map) = value.downcast_ref::<CelMap<'_>>() {
        map.inner().iter().map(|(key, value)| weighed(key.inner()) + weighed(&**value)).sum()
    } else if let Some(record) = value.downcast_ref::<Record>().filter(|_| with_shared) {
        record.iter().map(|(name, value)| ELEMENT + name.len() + weighed(value)).sum()
    } else {
        0
    };
    ELEMENT + inside
}

/// What went wrong, without the crate's own notation for values.
pub(super) fn in_words(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(name) => format!("there is no `{name}`"),
        ExecutionError::NoSuchOverload(overload) => {
            let function = overload.function().trim_matches('_');
            format!("`{function}` does not take {}", overload.argument_types().join(" and "))
        }
        ExecutionError::UnsupportedBinaryOperator(operator, left, right) => {
            format!("`{operator}` does not take {} and {}", left.type_of(), right.type_of())
        }
        ExecutionError::IndexOutOfBounds(_) => "the list is shorter than that".to_owned(),
        ExecutionError::FunctionError { function, message } => format!("{function}: {message}"),
        other => {
            const LONGEST: usize = 200;
            other.to_string().chars().take(LONGEST).collect()
        }
    }
}
