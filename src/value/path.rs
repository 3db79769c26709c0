//! Ways into a value with parts.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use smallvec::SmallVec;

use super::{Key, KeyType, Text, Value, ValueType};

/// A way from a property's value to a place within it: fields of records, items of lists, entries of dictionaries.
///
/// As text it is `[3].progress`, or `["main quest"].steps[0]`; the first dot may be left out, and so may the brackets of a key that
/// has only ASCII letters, digits and `_`, and does not begin with a digit.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(SmallVec<[PathStep; 2]>);

/// A step of a [`Path`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PathStep {
    /// A field of a record.
    Field(FieldStep),
    /// The item of a list at this place, from 0.
    Item(u32),
    /// The entry of a dictionary with this key.
    Entry(Key),
}

/// A field, by its place in the record's type and its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldStep {
    pub(crate) index: u16,
    pub(crate) name: Arc<str>,
}

impl FieldStep {
    /// The field's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Path {
    /// The value itself.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// The steps.
    #[must_use]
    pub fn steps(&self) -> &[PathStep] {
        &self.0
    }

    /// The way that a text says, into values of a type; `None` when there is none.
    #[must_use]
    pub fn parse(value_type: &ValueType, text: &str) -> Option<Self> {
        let mut path = Self::root();
        let (mut here, mut rest) = (value_type, text);
        while !rest.is_empty() {
            let (raw, after) = raw_step(rest, path.0.is_empty())?;
            let step = raw.resolve(here)?;
            here = step.type_within(here)?;
            path.0.push(step);
            rest = after;
        }
        Some(path)
    }

    /// The type of what is there, in values of a type.
    #[must_use]
    pub(crate) fn type_in<'t>(&self, value_type: &'t ValueType) -> Option<&'t ValueType> {
        self.0.iter().try_fold(value_type, |here, step| step.type_within(here))
    }

    /// The same way by the names of its fields, in values of another type; `None` when there is none.
    pub(crate) fn renamed_for(&self, value_type: &ValueType) -> Option<Self> {
        let mut here = value_type;
        let mut path = Self::root();
        for step in &self.0 {
            let step = match step {
                PathStep::Field(field) => RawStep::Name(Text::from(&*field.name)).resolve(here)?,
                other => other.clone(),
            };
            here = step.type_within(here)?;
            path.0.push(step);
        }
        Some(path)
    }

    /// What is there in a value.
    pub(crate) fn find<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        find(&self.0, value)
    }

    /// Whether one of the steps is an item of a list, which may move.
    pub(crate) fn has_items(&self) -> bool {
        self.0.iter().any(|step| matches!(step, PathStep::Item(_)))
    }

    /// An upper bound of its bytes on the network.
    pub(crate) fn size(&self) -> usize {
        let step = |step: &PathStep| match step {
            PathStep::Entry(key) => 10 + key.size(),
            _ => 6,
        };
        self.0.iter().map(step).sum()
    }

    pub(crate) fn with(mut self, step: PathStep) -> Self {
        self.0.push(step);
        self
    }

    pub(crate) fn from_steps(steps: &[PathStep]) -> Self {
        Self(steps.iter().cloned().collect())
    }

    pub(crate) fn pop(&mut self) -> Option<PathStep> {
        self.0.pop()
    }

    pub(crate) fn push(&mut self, step: PathStep) {
        self.0.push(step);
    }
}

impl Deref for Path {
    type Target = [PathStep];

    fn deref(&self) -> &[PathStep] {
        &self.0
    }
}

impl DerefMut for Path {
    fn deref_mut(&mut self) -> &mut [PathStep] {
        &mut self.0
    }
}

/// What some steps lead to.
pub(crate) fn find<'v>(steps: &[PathStep], value: &'v Value) -> Option<&'v Value> {
    steps.iter().try_fold(value, |here, step| match (step, here) {
        (PathStep::Field(field), Value::Record(record)) => record.values().get(usize::from(field.index)),
        (PathStep::Item(index), Value::List(list)) => list.get(*index as usize),
        (PathStep::Entry(key), Value::Dict(dict)) => dict.get(key),
        _ => None,
    })
}

impl PathStep {
    /// The type of what it leads to, from a value of a type.
    pub(crate) fn type_within<'t>(&self, value_type: &'t ValueType) -> Option<&'t ValueType> {
        match (self, value_type) {
            (Self::Field(field), ValueType::Record(record)) => {
                Some(record.fields().get(usize::from(field.index))?.value_type())
            }
            (Self::Item(_), ValueType::List(item)) => Some(item),
            (Self::Entry(key), ValueType::Dict(key_type, item)) => key.fits(*key_type).then_some(&**item),
            _ => None,
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|step| step.fmt(f))
    }
}

impl fmt::Display for PathStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(field) => write!(f, ".{}", field.name),
            Self::Item(index) => write!(f, "[{index}]"),
            Self::Entry(Key::Int(int)) => write!(f, "[{int}]"),
            Self::Entry(Key::Text(text)) => write!(f, "[{}]", serde_json::Value::from(text.as_str())),
        }
    }
}

/// A step before it is known what it leads into.
#[derive(Clone, Debug)]
pub enum RawStep {
    /// A field or a key.
    Name(Text),
    /// A place in a list or a key.
    Number(i64),
}

impl fmt::Display for RawStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "[{:?}]", name.as_str()),
            Self::Number(number) => write!(f, "[{number}]"),
        }
    }
}

impl From<&str> for RawStep {
    fn from(name: &str) -> Self {
        Self::Name(Text::from(name))
    }
}

impl From<i32> for RawStep {
    fn from(number: i32) -> Self {
        Self::Number(number.into())
    }
}

impl From<u32> for RawStep {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<i64> for RawStep {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl RawStep {
    fn resolve(self, here: &ValueType) -> Option<PathStep> {
        Some(match (here, self) {
            (ValueType::Record(record), Self::Name(name)) => {
                let (index, field) = record.field(&name)?;
                PathStep::Field(FieldStep { index: index as u16, name: field.shared_name().clone() })
            }
            (ValueType::List(_), Self::Number(number)) => PathStep::Item(u32::try_from(number).ok()?),
            (ValueType::Dict(KeyType::String, _), Self::Name(name)) => PathStep::Entry(Key::Text(name)),
            (ValueType::Dict(key_type, _), Self::Number(number)) => {
                PathStep::Entry(Some(Key::Int(number)).filter(|key| key.fits(*key_type))?)
            }
            _ => return None,
        })
    }
}

/// The first step of a text, and what comes after it.
fn raw_step(text: &str, is_first: bool) -> Option<(RawStep, &str)> {
    if let Some(inner) = text.strip_prefix('[') {
        if !inner.starts_with('"') {
            let (number, after) = inner.split_once(']')?;
            // One spelling a number.
            let parsed: i64 = number.parse().ok()?;
            return (parsed.to_string() == number).then_some((RawStep::Number(parsed), after));
        }
        let mut texts = serde_json::Deserializer::from_str(inner).into_iter::<String>();
        let key = texts.next()?.ok()?;
        let after = inner.get(texts.byte_offset()..)?.strip_prefix(']')?;
        return (!key.contains('\0')).then(|| (RawStep::Name(Text::from(key)), after));
    }
    let name = match text.strip_prefix('.') {
        Some(name) => name,
        None if is_first => text,
        None => return None,
    };
    let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len());
    let (word, after) = name.split_at(end);
    let is_name = word.starts_with(|c: char| !c.is_ascii_digit());
    is_name.then(|| (RawStep::from(word), after))
}

/// What says the way into a property's value: a [`Path`], a text, or one to four steps, each a number or a name, as in
/// `(3, "progress")`.
pub trait IntoPath {
    /// The way into values of a type.
    ///
    /// # Errors
    /// What was said, when there is no such way.
    fn into_path(self, value_type: &ValueType) -> Result<Path, String>;
}

impl IntoPath for Path {
    fn into_path(self, value_type: &ValueType) -> Result<Path, String> {
        if self.type_in(value_type).is_some() { Ok(self) } else { Err(self.to_string()) }
    }
}

impl IntoPath for &Path {
    fn into_path(self, value_type: &ValueType) -> Result<Path, String> {
        self.clone().into_path(value_type)
    }
}

impl IntoPath for &str {
    fn into_path(self, value_type: &ValueType) -> Result<Path, String> {
        Path::parse(value_type, self).ok_or_else(|| self.to_owned())
    }
}

fn from_raw<const N: usize>(steps: [RawStep; N], value_type: &ValueType) -> Result<Path, String> {
    let mut path = Path::root();
    let mut here = value_type;
    for raw in &steps {
        let step = raw.clone().resolve(here);
        let within = step.as_ref().and_then(|step| step.type_within(here));
        let (Some(step), Some(within)) = (step, within) else {
            return Err(steps.iter().map(ToString::to_string).collect());
        };
        here = within;
        path.push(step);
    }
    Ok(path)
}

macro_rules! tuples {
    ($(($($name:ident),+);)*) => {
        $(impl<$($name: Into<RawStep>),+> IntoPath for ($($name,)+) {
            fn into_path(self, value_type: &ValueType) -> Result<Path, String> {
                #[allow(non_snake_case)]
                let ($($name,)+) = self;
                from_raw([$($name.into()),+], value_type)
            }
        })*
    };
}

tuples! {
    (A);
    (A, B);
    (A, B, C);
    (A, B, C, D);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_are_read_as_they_are_written() {
        let value_type =
            ValueType::from_name("list<record{id:string,by:dict<string,dict<i32,list<i32>>>}>").unwrap();
        for (text, canonical) in [
            ("[3].id", "[3].id"),
            ("[0].by.main[-7][2]", r#"[0].by["main"][-7][2]"#),
            (r#"[0].by["a \"]\" é.b"]"#, r#"[0].by["a \"]\" é.b"]"#),
            ("", ""),
        ] {
            let path = Path::parse(&value_type, text).unwrap();
            assert_eq!(path.to_string(), canonical);
            assert_eq!(Path::parse(&value_type, canonical), Some(path.clone()));
            assert_eq!(path.renamed_for(&value_type), Some(path));
        }
        for wrong in [
            "3",
            "id",
            "[x]",
            "[3]id",
            "[3].no",
            "[-1]",
            "[4294967296]",
            "[03]",
            "[3",
            "[3].",
            "[3].by.7",
            "[3].by[\"a]",
            "[3].by[7]",
            "[3].id.x",
            "[3].by[\"a\\u0000\"]",
        ] {
            assert_eq!(Path::parse(&value_type, wrong), None, "{wrong}");
        }
        let record = ValueType::from_name("record{a:record{b:i32}}").unwrap();
        assert_eq!("a.b".into_path(&record), ("a", "b").into_path(&record));
        assert_eq!(("a", 1).into_path(&record), Err(r#"["a"][1]"#.into()));
        assert_eq!((3, "by", "k", 7).into_path(&value_type).unwrap().to_string(), r#"[3].by["k"][7]"#);
    }
}
