//! Typed values, what writers ask for, and what comes of it.

mod addition;
mod bare;
mod bytes;
mod change;
mod containers;
mod convert;
#[cfg(test)]
pub(crate) mod convert_tests;
mod custom;
mod datetime;
mod effect;
mod items;
mod part;
#[cfg(test)]
pub(crate) mod part_tests;
mod path;
mod record;
mod text;
mod tree;
mod types;

use std::fmt;
use std::sync::Arc;

pub use self::addition::Addition;
pub(crate) use self::addition::{Add, Mode};
pub(crate) use self::bare::Bare;
pub use self::bytes::Bytes;
pub(crate) use self::change::{Change, DictChange, ListChange, Step};
pub use self::containers::{Dict, Entries, Items, Key, List};
pub use self::convert::Conversion;
#[cfg(feature = "master")]
pub(crate) use self::convert::{Converted, convert, likely_type};
pub(crate) use self::custom::codec_of;
pub use self::custom::{Codec, Custom, register_codec};
pub use self::datetime::DateTime;
pub(crate) use self::effect::Misfit;
pub use self::effect::{DictEffect, Effect, ListEffect, ValueChange};
pub(crate) use self::items::{Anchor, Happened, Happening, ItemRef, Logged, OwnOp, Tracked};
pub(crate) use self::part::{At, AtChange, Gap, Named, Origin, PartChange, PartEffect, Target, target_of};
pub(crate) use self::path::find;
pub use self::path::{FieldStep, IntoPath, Path, PathStep, RawStep};
pub(crate) use self::record::check_type_name;
pub use self::record::{Field, FieldInfo, Record, RecordType};
pub use self::text::Text;
pub use self::types::{KeyType, ScalarType, ValueType};
pub(crate) use self::types::{SHAPES, TypeMistake, is_identifier};
use crate::error::{Error, Result};
use crate::limits::{MAX_DICT_ENTRIES, MAX_KEY_BYTES, MAX_LIST_ITEMS, MAX_STRING_BYTES};

/// A value of a property, or an element of one.
///
/// Two values are equal when they are the same type and the same bits: a NaN equals itself, and 0.0 is not −0.0.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Value {
    /// See [`ScalarType::Bool`].
    Bool(bool),
    /// See [`ScalarType::I32`].
    I32(i32),
    /// See [`ScalarType::I64`].
    I64(i64),
    /// See [`ScalarType::F32`].
    F32(f32),
    /// See [`ScalarType::F64`].
    F64(f64),
    /// See [`ScalarType::String`].
    String(Text),
    /// See [`ScalarType::Bytes`].
    Bytes(Bytes),
    /// See [`ScalarType::Vector2`].
    Vector2([f32; 2]),
    /// See [`ScalarType::Vector3`].
    Vector3([f32; 3]),
    /// See [`ScalarType::Quaternion`].
    Quaternion(Arc<[f32; 4]>),
    /// See [`ScalarType::Color`].
    Color([u8; 4]),
    /// See [`ScalarType::DateTime`].
    DateTime(DateTime),
    /// See [`ScalarType::Uuid`]; the bytes in the order of its text.
    Uuid(Arc<[u8; 16]>),
    /// See [`ValueType::Custom`].
    Custom(Custom),
    /// See [`ValueType::Record`].
    Record(Record),
    /// See [`ValueType::List`].
    List(List),
    /// See [`ValueType::Dict`].
    Dict(Dict),
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        fn same<const N: usize>(a: &[f32; N], b: &[f32; N]) -> bool {
            a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
        }
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::I32(a), Self::I32(b)) => a == b,
            (Self::I64(a), Self::I64(b)) => a == b,
            (Self::F32(a), Self::F32(b)) => a.to_bits() == b.to_bits(),
            (Self::F64(a), Self::F64(b)) => a.to_bits() == b.to_bits(),
            (Self::String(a), Self::String(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::Vector2(a), Self::Vector2(b)) => same(a, b),
            (Self::Vector3(a), Self::Vector3(b)) => same(a, b),
            (Self::Quaternion(a), Self::Quaternion(b)) => same(a, b),
            (Self::Color(a), Self::Color(b)) => a == b,
            (Self::DateTime(a), Self::DateTime(b)) => a == b,
            (Self::Uuid(a), Self::Uuid(b)) => a == b,
            (Self::Custom(a), Self::Custom(b)) => a == b,
            (Self::Record(a), Self::Record(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            (Self::Dict(a), Self::Dict(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Value {}

/// The value as JSON text, as in documents.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::json::value_to_json(self).fmt(f)
    }
}

impl Value {
    /// The value's type.
    #[must_use]
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::Custom(custom) => ValueType::Custom(custom.shared_type_name().clone()),
            Self::Record(record) => ValueType::Record(record.record_type().clone()),
            Self::List(list) => ValueType::List(list.shared_item_type().clone()),
            Self::Dict(dict) => ValueType::Dict(dict.key_type(), dict.shared_item_type().clone()),
            // Everything else is one.
            scalar => ValueType::Scalar(scalar.scalar_type().unwrap_or(ScalarType::Bool)),
        }
    }

    /// The scalar type, if it is a scalar.
    #[must_use]
    pub fn scalar_type(&self) -> Option<ScalarType> {
        Some(match self {
            Self::Bool(_) => ScalarType::Bool,
            Self::I32(_) => ScalarType::I32,
            Self::I64(_) => ScalarType::I64,
            Self::F32(_) => ScalarType::F32,
            Self::F64(_) => ScalarType::F64,
            Self::String(_) => ScalarType::String,
            Self::Bytes(_) => ScalarType::Bytes,
            Self::Vector2(_) => ScalarType::Vector2,
            Self::Vector3(_) => ScalarType::Vector3,
            Self::Quaternion(_) => ScalarType::Quaternion,
            Self::Color(_) => ScalarType::Color,
            Self::DateTime(_) => ScalarType::DateTime,
            Self::Uuid(_) => ScalarType::Uuid,
            Self::Custom(_) | Self::Record(_) | Self::List(_) | Self::Dict(_) => return None,
        })
    }

    /// Whether it is a value of a type.
    #[must_use]
    pub fn is_of(&self, value_type: &ValueType) -> bool {
        match (self, value_type) {
            (Self::Custom(custom), ValueType::Custom(name)) => custom.shared_type_name() == name,
            (Self::Record(record), ValueType::Record(of)) => record.record_type() == of,
            (Self::List(list), ValueType::List(item)) => list.item_type() == &**item,
            (Self::Dict(dict), ValueType::Dict(key, item)) => {
                dict.key_type() == *key && dict.item_type() == &**item
            }
            (scalar, ValueType::Scalar(of)) => scalar.scalar_type() == Some(*of),
            _ => false,
        }
    }

    /// Whether both have one type.
    pub(crate) fn is_of_same_type(&self, other: &Self) -> bool {
        match self.scalar_type() {
            Some(scalar) => other.scalar_type() == Some(scalar),
            None => self.is_of(&other.value_type()),
        }
    }

    /// Whether it takes no memory beside its own, so that all values of its type have one size.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(
            self,
            Self::Bool(_)
                | Self::I32(_)
                | Self::I64(_)
                | Self::F32(_)
                | Self::F64(_)
                | Self::Vector2(_)
                | Self::Vector3(_)
                | Self::Color(_)
                | Self::DateTime(_)
        )
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

    /// The value of either floating-point type.
    #[must_use]
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Self::F32(v) => Some(f64::from(*v)),
            Self::F64(v) => Some(*v),
            _ => None,
        }
    }

    /// The text of a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The values of a record.
    #[must_use]
    pub fn as_record(&self) -> Option<&Record> {
        match self {
            Self::Record(record) => Some(record),
            _ => None,
        }
    }

    /// The items of a list.
    #[must_use]
    pub fn as_list(&self) -> Option<&List> {
        match self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }

    /// The entries of a dictionary.
    #[must_use]
    pub fn as_dict(&self) -> Option<&Dict> {
        match self {
            Self::Dict(dict) => Some(dict),
            _ => None,
        }
    }

    /// An upper bound of its bytes on the network, and about what it takes in memory.
    #[must_use]
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Bool(_) => 1,
            Self::F32(_) | Self::Color(_) => 4,
            Self::I32(_) => 5,
            Self::F64(_) | Self::Vector2(_) => 8,
            Self::I64(_) | Self::DateTime(_) => 10,
            Self::Vector3(_) => 12,
            Self::Quaternion(_) | Self::Uuid(_) => 16,
            Self::String(text) => text.len() + 3,
            Self::Bytes(bytes) => bytes.len() + 3,
            Self::Custom(custom) => custom.bytes().len() + 3,
            Self::Record(record) => record.size() + 1,
            Self::List(list) => list.size() + 5,
            // The entries' ids on the network are counted with the keys.
            Self::Dict(dict) => dict.size() + 5 * dict.len() + 5,
        }
    }

    /// The integer of this type that `int` is, if it fits.
    #[must_use]
    pub(crate) fn int_of_type(scalar: ScalarType, int: i64) -> Option<Self> {
        match scalar {
            ScalarType::I32 => i32::try_from(int).ok().map(Self::I32),
            ScalarType::I64 => Some(Self::I64(int)),
            _ => None,
        }
    }

    /// Checks what holds for every value of its type, whatever property it is for.
    pub(crate) fn check(&self, what: impl Fn() -> String) -> Result<()> {
        self.check_all(&what)
    }

    fn check_all(&self, what: &dyn Fn() -> String) -> Result<()> {
        let too_long = |length| Err(Error::TooLong { what: what(), length, limit: MAX_STRING_BYTES });
        match self {
            Self::String(text) if text.len() > MAX_STRING_BYTES => too_long(text.len()),
            Self::Bytes(bytes) if bytes.len() > MAX_STRING_BYTES => too_long(bytes.len()),
            Self::String(text) if text.as_bytes().contains(&0) => Err(Error::InvalidText { what: what() }),
            Self::Custom(custom) if custom.bytes().len() > MAX_STRING_BYTES => too_long(custom.bytes().len()),
            Self::Custom(custom) => {
                custom.validate().map_err(|reason| Error::InvalidCustom { what: what(), reason })
            }
            Self::Record(record) => record.values().iter().try_for_each(|value| value.check_all(what)),
            Self::List(list) => {
                if list.len() > MAX_LIST_ITEMS {
                    return Err(Error::TooMany { what: what(), count: list.len(), limit: MAX_LIST_ITEMS });
                }
                list.iter().try_for_each(|item| item.check_all(what))
            }
            Self::Dict(dict) => {
                if dict.len() > MAX_DICT_ENTRIES {
                    return Err(Error::TooMany { what: what(), count: dict.len(), limit: MAX_DICT_ENTRIES });
                }
                dict.iter().try_for_each(|(key, value)| key.check(what).and_then(|()| value.check_all(what)))
            }
            _ => Ok(()),
        }
    }
}

impl Key {
    /// Checks what holds for every key, whatever property it is for.
    pub(crate) fn check(&self, what: impl Fn() -> String) -> Result<()> {
        match self {
            Self::Text(text) if text.len() > MAX_KEY_BYTES => {
                let what = format!("a key of {}", what());
                Err(Error::TooLong { what, length: text.len(), limit: MAX_KEY_BYTES })
            }
            Self::Text(text) if text.as_bytes().contains(&0) => {
                Err(Error::InvalidText { what: format!("a key of {}", what()) })
            }
            _ => Ok(()),
        }
    }
}

macro_rules! from {
    ($($from:ty => |$v:ident| $value:expr;)*) => {
        $(impl From<$from> for Value {
            fn from($v: $from) -> Self {
                $value
            }
        })*
    };
}

from! {
    bool => |v| Self::Bool(v);
    i32 => |v| Self::I32(v);
    i64 => |v| Self::I64(v);
    f32 => |v| Self::F32(v);
    f64 => |v| Self::F64(v);
    &str => |v| Self::String(Text::from(v));
    String => |v| Self::String(Text::from(v));
    Text => |v| Self::String(v);
    Vec<u8> => |v| Self::Bytes(Bytes::from(v));
    [f32; 2] => |v| Self::Vector2(v);
    [f32; 3] => |v| Self::Vector3(v);
    [f32; 4] => |v| Self::Quaternion(Arc::new(v));
    [u8; 16] => |v| Self::Uuid(Arc::new(v));
    Custom => |v| Self::Custom(v);
    Record => |v| Self::Record(v);
    DateTime => |v| Self::DateTime(v);
    List => |v| Self::List(v);
    Dict => |v| Self::Dict(v);
}
