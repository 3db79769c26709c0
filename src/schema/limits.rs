//! What values of a property must keep to, and the checks of it.

use std::fmt;
use std::sync::Arc;

use regex_lite::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use super::PropertyInfo;
use crate::error::{Error, Result};
use crate::limits::{MAX_DICT_ENTRIES, MAX_LIST_ITEMS, MAX_PATTERN_MEMORY_BYTES};
use crate::value::{DateTime, Key, KeyType, ScalarType, Value, ValueType};

/// Limits of a property's values. Of a list or dictionary, those of numbers and texts hold for each item or value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Limits {
    /// The least number, or moment in microseconds since 1970.
    pub min: Option<Number>,
    /// The greatest.
    pub max: Option<Number>,
    /// The least length: of a text in Unicode characters, of `bytes` in bytes.
    pub min_length: Option<u32>,
    /// The greatest length.
    pub max_length: Option<u32>,
    /// A regular expression that must be found in a text; `^` and `$` anchor it.
    pub pattern: Option<String>,
    /// Whether floating-point numbers must be finite: neither NaN nor an infinity.
    pub finite: bool,
    /// Whether a number or moment may only grow.
    pub monotonic: bool,
    /// The least number of items or entries.
    pub min_count: Option<u32>,
    /// The greatest.
    pub max_count: Option<u32>,
    /// The greatest length of a text key, in Unicode characters.
    pub max_key_length: Option<u32>,
    /// A regular expression that must be found in a text key.
    pub key_pattern: Option<String>,
}

/// A bound of a range.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Number {
    /// For integers and moments.
    Int(i64),
    /// For floating-point numbers.
    Float(f64),
}

impl From<i32> for Number {
    fn from(int: i32) -> Self {
        Self::Int(i64::from(int))
    }
}

impl From<i64> for Number {
    fn from(int: i64) -> Self {
        Self::Int(int)
    }
}

impl From<f64> for Number {
    fn from(float: f64) -> Self {
        Self::Float(float)
    }
}

impl From<DateTime> for Number {
    fn from(moment: DateTime) -> Self {
        Self::Int(moment.unix_micros())
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(int) => int.fmt(f),
            Self::Float(float) => float.fmt(f),
        }
    }
}

/// The regular expressions of a property's limits, ready for use.
#[derive(Clone, Debug, Default)]
pub(super) struct Patterns {
    value: Option<Regex>,
    key: Option<Regex>,
}

/// A limit that does not go with the property, by its name in schema files, and why.
pub(super) type LimitMistake = (&'static str, String);

impl Limits {
    /// Finds what is wrong with the limits of a property of this type.
    pub(super) fn mistakes(&self, value_type: ValueType) -> Vec<LimitMistake> {
        let mut mistakes = Vec::new();
        let element = value_type.element();
        let mut only_for = |given: bool, name, fits: bool, what: &str| {
            if given && !fits {
                mistakes.push((name, format!("is for {what}, not for {value_type}")));
            }
        };
        let ordered = element.is_number() || element == ScalarType::DateTime;
        let text = element == ScalarType::String;
        let measured = text || element == ScalarType::Bytes;
        let container = value_type.is_container();
        let text_keys = matches!(value_type, ValueType::Dict(KeyType::String, _));
        only_for(self.min.is_some(), "min", ordered, "numbers and datetime");
        only_for(self.max.is_some(), "max", ordered, "numbers and datetime");
        only_for(self.min_length.is_some(), "min_length", measured, "string and bytes");
        only_for(self.max_length.is_some(), "max_length", measured, "string and bytes");
        only_for(self.pattern.is_some(), "pattern", text, "string");
        only_for(self.finite, "finite", element.has_floats(), "types with floating-point numbers");
        only_for(self.monotonic, "monotonic", ordered && !container, "single numbers and datetime");
        only_for(self.min_count.is_some(), "min_count", container, "lists and dictionaries");
        only_for(self.max_count.is_some(), "max_count", container, "lists and dictionaries");
        only_for(self.max_key_length.is_some(), "max_key_length", text_keys, "dictionaries with string keys");
        only_for(self.key_pattern.is_some(), "key_pattern", text_keys, "dictionaries with string keys");
        for (name, bound) in [("min", self.min), ("max", self.max)] {
            if let Some(bound) = bound.filter(|_| ordered)
                && let Some(mistake) = bound_mistake(element, bound)
            {
                mistakes.push((name, mistake));
            }
        }
        if let (Some(min), Some(max)) = (self.min, self.max)
            && compare(min, max).is_some_and(std::cmp::Ordering::is_gt)
        {
            mistakes.push(("min", format!("{min} is greater than the max, {max}")));
        }
        for (name, min, max) in
            [("min_length", self.min_length, self.max_length), ("min_count", self.min_count, self.max_count)]
        {
            if let (Some(min), Some(max)) = (min, max)
                && min > max
            {
                mistakes.push((name, format!("{min} is greater than {}, {max}", name.replace("min", "max"))));
            }
        }
        for (name, pattern) in [("pattern", &self.pattern), ("key_pattern", &self.key_pattern)] {
            if let Some(Err(error)) = pattern.as_deref().map(regex) {
                mistakes.push((name, error.to_string()));
            }
        }
        mistakes
    }

    /// The limits ready for use; what is no regular expression is left out.
    pub(super) fn compile(&self) -> Patterns {
        let compile = |pattern: &Option<String>| pattern.as_deref().and_then(|p| regex(p).ok());
        Patterns { value: compile(&self.pattern), key: compile(&self.key_pattern) }
    }
}

/// A regular expression that stays small: a few bytes could ask for megabytes.
fn regex(pattern: &str) -> std::result::Result<Regex, regex_lite::Error> {
    RegexBuilder::new(pattern).size_limit(MAX_PATTERN_MEMORY_BYTES).build()
}

fn bound_mistake(element: ScalarType, bound: Number) -> Option<String> {
    match (element, bound) {
        (ScalarType::F32 | ScalarType::F64, bound) => {
            as_float(bound).is_nan().then(|| "is not a number".into())
        }
        (ScalarType::DateTime, Number::Int(micros)) => {
            DateTime::checked(micros).is_none().then(|| format!("{micros} is no moment"))
        }
        (_, Number::Int(int)) => {
            Value::int_of_type(element, int).is_none().then(|| format!("{int} does not fit {element}"))
        }
        (_, Number::Float(float)) => Some(format!("{float} is no integer")),
    }
}

fn as_float(number: Number) -> f64 {
    match number {
        Number::Int(int) => int as f64,
        Number::Float(float) => float,
    }
}

/// The bound as a number of the type: 0.1 lets the 32-bit number pass that is nearest to it.
fn bound_for(element: ScalarType, bound: Number) -> Number {
    match element {
        ScalarType::F32 => Number::Float(f64::from(as_float(bound) as f32)),
        _ => bound,
    }
}

fn compare(a: Number, b: Number) -> Option<std::cmp::Ordering> {
    match (a, b) {
        (Number::Int(a), Number::Int(b)) => Some(a.cmp(&b)),
        _ => as_float(a).partial_cmp(&as_float(b)),
    }
}

/// The value as a number that can be compared with bounds.
fn number_of(value: &Value) -> Option<Number> {
    match value {
        Value::I32(v) => Some(Number::Int(i64::from(*v))),
        Value::I64(v) => Some(Number::Int(*v)),
        Value::F32(v) => Some(Number::Float(f64::from(*v))),
        Value::F64(v) => Some(Number::Float(*v)),
        Value::DateTime(v) => Some(Number::Int(v.unix_micros())),
        _ => None,
    }
}

impl PropertyInfo {
    fn quoted(&self) -> String {
        format!("property `{}`", self.name())
    }

    /// The error of using it as something else.
    pub(crate) fn wrong_type(&self, found: impl Into<String>) -> Error {
        let property = self.shared_name().clone();
        Error::WrongType { property, expected: self.value_type(), found: found.into() }
    }

    /// Checks that a value is of the property's type.
    pub(crate) fn check_type(&self, value: &Value) -> Result<()> {
        match value.value_type() == self.value_type() {
            true => Ok(()),
            false => Err(self.wrong_type(value.value_type().name())),
        }
    }

    /// Checks a whole value of the property's type.
    pub(crate) fn check(&self, value: &Value) -> Result<()> {
        match value {
            Value::List(list) => {
                self.check_count(list.len())?;
                list.iter().try_for_each(|item| self.check_element(item))
            }
            Value::Dict(dict) => {
                self.check_count(dict.len())?;
                dict.iter().try_for_each(|(key, value)| {
                    self.check_key(key)?;
                    self.check_element(value)
                })
            }
            scalar => self.check_element(scalar),
        }
    }

    /// Checks a scalar: the property's value, an item, or an entry's value.
    pub(crate) fn check_element(&self, value: &Value) -> Result<()> {
        let element = self.value_type().element();
        if value.value_type() != ValueType::Scalar(element) {
            let property = self.shared_name().clone();
            let (expected, found) = (ValueType::Scalar(element), value.value_type().name());
            return Err(Error::WrongType { property, expected, found });
        }
        value.check(|| self.quoted())?;
        if !self.has_limits {
            return Ok(());
        }
        let limits = self.limits();
        if limits.finite && !is_finite(value) {
            return Err(Error::NotFinite { property: self.shared_name().clone() });
        }
        if let Some(number) = number_of(value) {
            let bound = |bound: &Number| bound_for(element, *bound);
            // A NaN is in no range.
            let below =
                limits.min.filter(|min| compare(number, bound(min)).is_none_or(std::cmp::Ordering::is_lt));
            let above =
                limits.max.filter(|max| compare(number, bound(max)).is_none_or(std::cmp::Ordering::is_gt));
            if let Some((bound, side)) = below.map(|b| (b, "least")).or(above.map(|b| (b, "greatest"))) {
                let is_moment = element == ScalarType::DateTime;
                let shown = |number| match number {
                    Number::Int(micros) if is_moment => {
                        DateTime::checked(micros).map_or_else(String::new, |moment| moment.to_string())
                    }
                    number => number.to_string(),
                };
                return Err(Error::OutOfRange {
                    property: self.shared_name().clone(),
                    reason: format!("{} is out of range; the {side} is {}", shown(number), shown(bound)),
                });
            }
        }
        let (length, text) = match value {
            Value::String(text) => (text.len(), Some(text)),
            Value::Bytes(bytes) => (bytes.len(), None),
            _ => return Ok(()),
        };
        if limits.min_length.is_some() || limits.max_length.is_some() {
            // Characters are counted only where their number matters: there are at most as many as bytes.
            let length = text.map_or(length, |text| text.chars().count());
            self.check_length(length, limits.min_length, limits.max_length, || self.quoted())?;
        }
        if let Some((pattern, text)) = self.patterns.value.as_ref().zip(text)
            && !pattern.is_match(text)
        {
            let property = self.shared_name().clone();
            return Err(Error::PatternMismatch { property, pattern: pattern.as_str().into() });
        }
        Ok(())
    }

    fn check_length(
        &self,
        length: usize,
        min: Option<u32>,
        max: Option<u32>,
        what: impl Fn() -> String,
    ) -> Result<()> {
        if let Some(limit) = max.map(|max| max as usize).filter(|max| length > *max) {
            return Err(Error::TooLong { what: what(), length, limit });
        }
        if let Some(limit) = min.map(|min| min as usize).filter(|min| length < *min) {
            return Err(Error::TooShort { what: what(), length, limit });
        }
        Ok(())
    }

    /// Checks the number of items or entries.
    fn check_count(&self, count: usize) -> Result<()> {
        self.check_more(count)?;
        self.check_fewer(count)
    }

    /// Checks a number of items or entries that is greater than it was. What is against limits that the schema did not
    /// have then can be brought within them step by step.
    pub(crate) fn check_more(&self, count: usize) -> Result<()> {
        let most = match self.value_type() {
            ValueType::Dict(..) => MAX_DICT_ENTRIES,
            _ => MAX_LIST_ITEMS,
        };
        let limit = self.limits().max_count.map_or(most, |max| most.min(max as usize));
        if count > limit {
            return Err(Error::TooMany { what: self.quoted(), count, limit });
        }
        Ok(())
    }

    /// Checks a number of items or entries that is less than it was.
    pub(crate) fn check_fewer(&self, count: usize) -> Result<()> {
        if let Some(limit) = self.limits().min_count.map(|min| min as usize).filter(|min| count < *min) {
            return Err(Error::TooFew { what: self.quoted(), count, limit });
        }
        Ok(())
    }

    /// Checks a key of a dictionary.
    pub(crate) fn check_key(&self, key: &Key) -> Result<()> {
        let ValueType::Dict(key_type, _) = self.value_type() else { return Err(self.wrong_type("dict")) };
        if !key.fits(key_type) {
            return Err(self.wrong_type(format!("a dictionary with the key `{key}`")));
        }
        key.check(|| self.quoted())?;
        let Key::Text(text) = key else { return Ok(()) };
        let limits = self.limits();
        if limits.max_key_length.is_some() {
            let what = || format!("a key of {}", self.quoted());
            self.check_length(text.chars().count(), None, limits.max_key_length, what)?;
        }
        if let Some(pattern) = &self.patterns.key
            && !pattern.is_match(text)
        {
            let property = Arc::from(format!("{}` key `{text}", self.name()));
            return Err(Error::PatternMismatch { property, pattern: pattern.as_str().into() });
        }
        Ok(())
    }

    /// Checks that a value that may only grow does.
    pub(crate) fn check_order(&self, old: &Value, new: &Value) -> Result<()> {
        if !self.limits().monotonic {
            return Ok(());
        }
        let (Some(before), Some(after)) = (number_of(old), number_of(new)) else { return Ok(()) };
        match compare(before, after) {
            Some(order) if order.is_le() => Ok(()),
            _ => Err(Error::NotMonotonic {
                property: self.shared_name().clone(),
                reason: format!("from {before} to {after}"),
            }),
        }
    }
}

fn is_finite(value: &Value) -> bool {
    match value {
        Value::F32(v) => v.is_finite(),
        Value::F64(v) => v.is_finite(),
        Value::Vector2(v) => v.iter().all(|c| c.is_finite()),
        Value::Vector3(v) => v.iter().all(|c| c.is_finite()),
        Value::Quaternion(v) => v.iter().all(|c| c.is_finite()),
        _ => true,
    }
}
