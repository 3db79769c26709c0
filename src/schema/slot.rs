//! A place of a property's value, and the checks of what may stand there.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use super::PropertyInfo;
use super::limits::{Number, Rules, bound_for, compare, number_of};
use crate::error::{Error, Result};
use crate::limits::{MAX_DICT_ENTRIES, MAX_LIST_ITEMS};
use crate::value::{DateTime, Key, ScalarType, Value, ValueType};

/// A place of a property's value, with its type and what holds there: the property itself, or something within it.
#[derive(Clone, Copy)]
pub(crate) struct Slot<'a> {
    property: &'a Arc<str>,
    value_type: &'a ValueType,
    rules: &'a Rules,
    within: Option<(&'a Slot<'a>, Part<'a>)>,
}

/// What a place is of the one that it is in.
#[derive(Clone, Copy)]
pub(crate) enum Part<'a> {
    Field(&'a str),
    Item(usize),
    Entry(&'a Key),
    /// Any item or entry.
    Element,
}

impl PropertyInfo {
    /// The property as a place.
    pub(crate) fn slot(&self) -> Slot<'_> {
        Slot {
            property: self.shared_name(),
            value_type: self.value_type(),
            rules: self.rules(),
            within: None,
        }
    }
}

impl Rules {
    /// Checks the default of something with these limits.
    pub(crate) fn check_default(&self, name: &Arc<str>, value_type: &ValueType, value: &Value) -> Result<()> {
        Slot { property: name, value_type, rules: self, within: None }.check(value)
    }
}

impl<'a> Slot<'a> {
    pub(crate) fn value_type(&self) -> &'a ValueType {
        self.value_type
    }

    /// The place within a record that has this number.
    pub(crate) fn field<'s>(&'s self, index: usize) -> Option<Slot<'s>>
    where
        'a: 's,
    {
        let field = self.value_type.record()?.fields().get(index)?;
        Some(Slot {
            property: self.property,
            value_type: field.value_type(),
            rules: field.rules(),
            within: Some((self, Part::Field(field.name()))),
        })
    }

    /// A place within a list or a dictionary. Limits of numbers and texts hold for each item or value.
    pub(crate) fn element<'s>(&'s self, part: Part<'s>) -> Slot<'s>
    where
        'a: 's,
    {
        let value_type = self.value_type.element();
        let rules = if value_type.has_parts() { Rules::NONE } else { self.rules };
        Slot { property: self.property, value_type, rules, within: Some((self, part)) }
    }

    /// The name of the property, and where within it.
    pub(crate) fn name(&self) -> Arc<str> {
        match self.within {
            // What is wrong with an item or entry that has no parts is said of its property.
            None => self.property.clone(),
            Some(_) => Arc::from(self.to_string()),
        }
    }

    fn quoted(&self) -> String {
        format!("property `{self}`")
    }

    /// The error of using it as something else.
    pub(crate) fn wrong_type(&self, found: impl Into<String>) -> Error {
        Error::WrongType { property: self.name(), expected: self.value_type.clone(), found: found.into() }
    }

    /// Checks that a value is of the place's type.
    pub(crate) fn check_type(&self, value: &Value) -> Result<()> {
        match value.is_of(self.value_type) {
            true => Ok(()),
            false => Err(self.wrong_type(value.value_type().name())),
        }
    }

    /// Checks a whole value for this place.
    pub(crate) fn check(&self, value: &Value) -> Result<()> {
        self.check_type(value)?;
        value.check(|| self.quoted())?;
        self.check_limits(value)
    }

    fn check_limits(&self, value: &Value) -> Result<()> {
        match value {
            Value::Record(record) => record.values().iter().enumerate().try_for_each(|(place, value)| {
                self.field(place).map_or(Ok(()), |field| field.check_limits(value))
            }),
            Value::List(list) => {
                self.check_count(list.len())?;
                if !self.rules.any() && !self.value_type.is_nested() {
                    return Ok(());
                }
                let mut items = list.iter().enumerate();
                items.try_for_each(|(place, item)| self.element(Part::Item(place)).check_limits(item))
            }
            Value::Dict(dict) => {
                self.check_count(dict.len())?;
                if !self.rules.any() && !self.value_type.is_nested() {
                    return Ok(());
                }
                dict.iter().try_for_each(|(key, value)| {
                    self.check_key_limits(key)?;
                    self.element(Part::Entry(key)).check_limits(value)
                })
            }
            scalar => self.check_scalar_limits(scalar),
        }
    }

    fn check_scalar_limits(&self, value: &Value) -> Result<()> {
        if !self.rules.any() {
            return Ok(());
        }
        let limits = self.rules.limits();
        if limits.finite && !is_finite(value) {
            return Err(Error::NotFinite { property: self.name() });
        }
        if let (Some(number), Some(scalar)) = (number_of(value), value.scalar_type()) {
            let bound = |bound: &Number| bound_for(scalar, *bound);
            // A NaN is in no range.
            let below = limits.min.filter(|min| compare(number, bound(min)).is_none_or(Ordering::is_lt));
            let above = limits.max.filter(|max| compare(number, bound(max)).is_none_or(Ordering::is_gt));
            if let Some((bound, side)) = below.map(|b| (b, "least")).or(above.map(|b| (b, "greatest"))) {
                let is_moment = scalar == ScalarType::DateTime;
                let shown = |number| match number {
                    Number::Int(micros) if is_moment => {
                        DateTime::checked(micros).map_or_else(String::new, |moment| moment.to_string())
                    }
                    number => number.to_string(),
                };
                return Err(Error::OutOfRange {
                    property: self.name(),
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
            check_length(length, limits.min_length, limits.max_length, || self.quoted())?;
        }
        if let Some((pattern, text)) = self.rules.value_pattern().zip(text)
            && !pattern.is_match(text)
        {
            return Err(Error::PatternMismatch { property: self.name(), pattern: pattern.as_str().into() });
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
        let most = match self.value_type {
            ValueType::Dict(..) => MAX_DICT_ENTRIES,
            _ => MAX_LIST_ITEMS,
        };
        let limit = self.rules.limits().max_count.map_or(most, |max| most.min(max as usize));
        if count > limit {
            return Err(Error::TooMany { what: self.quoted(), count, limit });
        }
        Ok(())
    }

    /// Checks a number of items or entries that is less than it was.
    pub(crate) fn check_fewer(&self, count: usize) -> Result<()> {
        let least = self.rules.limits().min_count.map(|min| min as usize);
        if let Some(limit) = least.filter(|min| count < *min) {
            return Err(Error::TooFew { what: self.quoted(), count, limit });
        }
        Ok(())
    }

    /// Checks a key of a dictionary.
    pub(crate) fn check_key(&self, key: &Key) -> Result<()> {
        let ValueType::Dict(key_type, _) = self.value_type else { return Err(self.wrong_type("dict")) };
        if !key.fits(*key_type) {
            return Err(self.wrong_type(format!("a dictionary with the key `{key}`")));
        }
        key.check(|| self.quoted())?;
        self.check_key_limits(key)
    }

    fn check_key_limits(&self, key: &Key) -> Result<()> {
        let Key::Text(text) = key else { return Ok(()) };
        let limits = self.rules.limits();
        if limits.max_key_length.is_some() {
            let what = || format!("a key of {}", self.quoted());
            check_length(text.chars().count(), None, limits.max_key_length, what)?;
        }
        if let Some(pattern) = self.rules.key_pattern()
            && !pattern.is_match(text)
        {
            let property = Arc::from(format!("{self}` key `{text}"));
            return Err(Error::PatternMismatch { property, pattern: pattern.as_str().into() });
        }
        Ok(())
    }

    /// Checks that a value that may only grow does.
    pub(crate) fn check_order(&self, old: &Value, new: &Value) -> Result<()> {
        if !self.rules.limits().monotonic {
            return Ok(());
        }
        let (Some(before), Some(after)) = (number_of(old), number_of(new)) else { return Ok(()) };
        match compare(before, after) {
            Some(order) if order.is_le() => Ok(()),
            _ => Err(Error::NotMonotonic {
                property: self.name(),
                reason: format!("from {before} to {after}"),
            }),
        }
    }
}

/// The property's name and the way from there, as in `quests[3].progress`. Items and entries that have no parts are not told
/// apart.
impl fmt::Display for Slot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((within, part)) = self.within else { return f.write_str(self.property) };
        within.fmt(f)?;
        if !self.value_type.has_parts() && !matches!(part, Part::Field(_)) {
            return Ok(());
        }
        match part {
            Part::Field(name) => write!(f, ".{name}"),
            Part::Item(index) => write!(f, "[{index}]"),
            Part::Entry(key @ Key::Int(_)) => write!(f, "[{key}]"),
            Part::Entry(Key::Text(text)) => write!(f, "[{:?}]", text.as_str()),
            Part::Element => f.write_str("[]"),
        }
    }
}

fn check_length(length: usize, min: Option<u32>, max: Option<u32>, what: impl Fn() -> String) -> Result<()> {
    if let Some(limit) = max.map(|max| max as usize).filter(|max| length > *max) {
        return Err(Error::TooLong { what: what(), length, limit });
    }
    if let Some(limit) = min.map(|min| min as usize).filter(|min| length < *min) {
        return Err(Error::TooShort { what: what(), length, limit });
    }
    Ok(())
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
