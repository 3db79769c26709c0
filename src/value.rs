//! Typed values and the changes that can be made to them.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::limits::MAX_STRING_BYTES;

/// The type of a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum ValueType {
    /// True or false.
    Bool = 1,
    /// A 32-bit integer.
    I32 = 2,
    /// A 64-bit integer.
    I64 = 3,
    /// A 64-bit floating-point number; every bit pattern is a value of its own.
    F64 = 4,
    /// Unicode text without U+0000.
    String = 5,
}

impl ValueType {
    /// All types.
    pub const ALL: &'static [Self] = &[Self::Bool, Self::I32, Self::I64, Self::F64, Self::String];

    /// The name used in schema files and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F64 => "f64",
            Self::String => "string",
        }
    }

    /// The type with this number on the network.
    #[must_use]
    pub fn from_u8(number: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|t| *t as u8 == number)
    }

    /// The type with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|t| t.name() == name)
    }

    /// False, zero or the empty text.
    #[must_use]
    pub fn zero(self) -> Value {
        match self {
            Self::Bool => Value::Bool(false),
            Self::I32 => Value::I32(0),
            Self::I64 => Value::I64(0),
            Self::F64 => Value::F64(0.0),
            Self::String => Value::String(Arc::from("")),
        }
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A value of a property.
///
/// Two values are equal when they are the same type and the same bits: a NaN equals itself, and 0.0 is not −0.0.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Value {
    /// See [`ValueType::Bool`].
    Bool(bool),
    /// See [`ValueType::I32`].
    I32(i32),
    /// See [`ValueType::I64`].
    I64(i64),
    /// See [`ValueType::F64`].
    F64(f64),
    /// See [`ValueType::String`].
    String(Arc<str>),
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::I32(a), Self::I32(b)) => a == b,
            (Self::I64(a), Self::I64(b)) => a == b,
            (Self::F64(a), Self::F64(b)) => a.to_bits() == b.to_bits(),
            (Self::String(a), Self::String(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Value {}

impl Value {
    /// The value's type.
    #[must_use]
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::Bool(_) => ValueType::Bool,
            Self::I32(_) => ValueType::I32,
            Self::I64(_) => ValueType::I64,
            Self::F64(_) => ValueType::F64,
            Self::String(_) => ValueType::String,
        }
    }

    /// The value of either integer type.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::I32(v) => Some(i64::from(*v)),
            Self::I64(v) => Some(*v),
            _ => None,
        }
    }

    /// Bytes of text in it.
    #[must_use]
    pub(crate) fn text_bytes(&self) -> usize {
        match self {
            Self::String(s) => s.len(),
            _ => 0,
        }
    }

    /// The integer of this value's own type that `int` is, if it fits.
    #[must_use]
    pub(crate) fn int_of_type(value_type: ValueType, int: i64) -> Option<Self> {
        match value_type {
            ValueType::I32 => i32::try_from(int).ok().map(Self::I32),
            ValueType::I64 => Some(Self::I64(int)),
            _ => None,
        }
    }

    /// Checks what holds for every value of its type, whatever property it is for.
    pub(crate) fn check(&self, what: impl Fn() -> String) -> Result<()> {
        if let Self::String(text) = self {
            if text.len() > MAX_STRING_BYTES {
                return Err(Error::TooLong { what: what(), length: text.len(), limit: MAX_STRING_BYTES });
            }
            if text.as_bytes().contains(&0) {
                return Err(Error::InvalidText { what: what() });
            }
        }
        Ok(())
    }
}

impl From<bool> for Value {
    fn from(v: bool) -> Self {
        Self::Bool(v)
    }
}

impl From<i32> for Value {
    fn from(v: i32) -> Self {
        Self::I32(v)
    }
}

impl From<i64> for Value {
    fn from(v: i64) -> Self {
        Self::I64(v)
    }
}

impl From<f64> for Value {
    fn from(v: f64) -> Self {
        Self::F64(v)
    }
}

impl From<&str> for Value {
    fn from(v: &str) -> Self {
        Self::String(Arc::from(v))
    }
}

impl From<String> for Value {
    fn from(v: String) -> Self {
        Self::String(Arc::from(v))
    }
}

/// A change that a writer asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    /// The property becomes this value.
    Set(Value),
    /// This much is added to an integer; refused when the sum does not fit.
    AddInt(i64),
    /// This much is added to a floating-point number.
    AddFloat(f64),
}

/// What came out of a change, as observers and the journal are told it.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// The property is now this value.
    Value(Value),
    /// The integer is now greater by this, in wrapping 64-bit arithmetic.
    Diff(i64),
}

impl Effect {
    /// The value after the effect, on a property that has the value `base`.
    pub(crate) fn apply(&self, base: &Value) -> Option<Value> {
        match self {
            Self::Value(value) => (value.value_type() == base.value_type()).then(|| value.clone()),
            Self::Diff(diff) => Value::int_of_type(base.value_type(), base.as_int()?.wrapping_add(*diff)),
        }
    }
}

impl Change {
    /// The value that the change makes of `base`. `name` is for the error's text.
    pub(crate) fn apply(&self, base: &Value, name: &Arc<str>) -> Result<Value> {
        let wrong =
            |found| Error::WrongType { property: name.clone(), expected: base.value_type().name(), found };
        match self {
            Self::Set(value) if value.value_type() == base.value_type() => Ok(value.clone()),
            Self::Set(value) => Err(wrong(value.value_type().name())),
            Self::AddInt(amount) => {
                let int = base.as_int().ok_or_else(|| wrong("an integer to add to"))?;
                int.checked_add(*amount)
                    .and_then(|sum| Value::int_of_type(base.value_type(), sum))
                    .ok_or_else(|| Error::Overflow {
                        property: name.clone(),
                        value_type: base.value_type().name(),
                        amount: amount.to_string(),
                    })
            }
            Self::AddFloat(amount) => match base {
                Value::F64(float) => Ok(Value::F64(float + amount)),
                _ => Err(wrong("a floating-point number to add to")),
            },
        }
    }
}
