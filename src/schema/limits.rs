//! What values of a property must keep to, and the checks of it.

use std::fmt;

use regex_lite::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use crate::limits::MAX_PATTERN_MEMORY_BYTES;
use crate::value::{DateTime, KeyType, ScalarType, Value, ValueType};

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

/// Limits ready for use.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    limits: Limits,
    /// Whether there is one that has to be looked at.
    any: bool,
    value: Option<Regex>,
    key: Option<Regex>,
}

impl Rules {
    /// No limits.
    pub(super) const NONE: &'static Self = &Self {
        limits: Limits {
            min: None,
            max: None,
            min_length: None,
            max_length: None,
            pattern: None,
            finite: false,
            monotonic: false,
            min_count: None,
            max_count: None,
            max_key_length: None,
            key_pattern: None,
        },
        any: false,
        value: None,
        key: None,
    };

    /// What is no regular expression is left out.
    pub(crate) fn new(limits: Limits) -> Self {
        let compile = |pattern: &Option<String>| pattern.as_deref().and_then(|p| regex(p).ok());
        Self {
            any: limits != Self::NONE.limits,
            value: compile(&limits.pattern),
            key: compile(&limits.key_pattern),
            limits,
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn any(&self) -> bool {
        self.any
    }

    /// The regular expression of texts.
    pub(super) fn value_pattern(&self) -> Option<&Regex> {
        self.value.as_ref()
    }

    /// The regular expression of keys.
    pub(super) fn key_pattern(&self) -> Option<&Regex> {
        self.key.as_ref()
    }
}

/// A limit that does not go with the property, by its name in schema files, and why.
pub(crate) type LimitMistake = (&'static str, String);

impl Limits {
    /// Finds what is wrong with the limits of a property of this type.
    pub(crate) fn mistakes(&self, value_type: &ValueType) -> Vec<LimitMistake> {
        let mut mistakes = Vec::new();
        let element = value_type.element().scalar();
        let is = |wanted: fn(ScalarType) -> bool| element.is_some_and(wanted);
        let mut only_for = |given: bool, name, fits: bool, what: &str| {
            if given && !fits {
                mistakes.push((name, format!("is for {what}, not for {value_type}")));
            }
        };
        let ordered = is(|scalar| scalar.is_number() || scalar == ScalarType::DateTime);
        let text = is(|scalar| scalar == ScalarType::String);
        let measured = text || is(|scalar| scalar == ScalarType::Bytes);
        let container = value_type.is_container();
        let text_keys = matches!(value_type, ValueType::Dict(KeyType::String, _));
        only_for(self.min.is_some(), "min", ordered, "numbers and datetime");
        only_for(self.max.is_some(), "max", ordered, "numbers and datetime");
        only_for(self.min_length.is_some(), "min_length", measured, "string and bytes");
        only_for(self.max_length.is_some(), "max_length", measured, "string and bytes");
        only_for(self.pattern.is_some(), "pattern", text, "string");
        only_for(self.finite, "finite", is(ScalarType::has_floats), "types with floating-point numbers");
        only_for(self.monotonic, "monotonic", ordered && !container, "single numbers and datetime");
        only_for(self.min_count.is_some(), "min_count", container, "lists and dictionaries");
        only_for(self.max_count.is_some(), "max_count", container, "lists and dictionaries");
        only_for(self.max_key_length.is_some(), "max_key_length", text_keys, "dictionaries with string keys");
        only_for(self.key_pattern.is_some(), "key_pattern", text_keys, "dictionaries with string keys");
        for (name, bound) in [("min", self.min), ("max", self.max)] {
            if let Some((bound, scalar)) = bound.filter(|_| ordered).zip(element)
                && let Some(mistake) = bound_mistake(scalar, bound)
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
}

/// A regular expression that stays small: a few bytes could ask for megabytes.
fn regex(pattern: &str) -> Result<Regex, regex_lite::Error> {
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
pub(super) fn bound_for(element: ScalarType, bound: Number) -> Number {
    match element {
        ScalarType::F32 => Number::Float(f64::from(as_float(bound) as f32)),
        _ => bound,
    }
}

pub(super) fn compare(a: Number, b: Number) -> Option<std::cmp::Ordering> {
    match (a, b) {
        (Number::Int(a), Number::Int(b)) => Some(a.cmp(&b)),
        _ => as_float(a).partial_cmp(&as_float(b)),
    }
}

/// The value as a number that can be compared with bounds.
pub(super) fn number_of(value: &Value) -> Option<Number> {
    match value {
        Value::I32(v) => Some(Number::Int(i64::from(*v))),
        Value::I64(v) => Some(Number::Int(*v)),
        Value::F32(v) => Some(Number::Float(f64::from(*v))),
        Value::F64(v) => Some(Number::Float(*v)),
        Value::DateTime(v) => Some(Number::Int(v.unix_micros())),
        _ => None,
    }
}
