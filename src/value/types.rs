//! The types of properties.

use std::fmt;
use std::sync::Arc;

use super::{DateTime, Dict, List, Value};

macro_rules! scalar_types {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal, $zero:expr;)*) => {
        /// A type without parts that can be changed by themselves.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum ScalarType { $($(#[$doc])* $name = $number,)* }

        impl ScalarType {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name used in schema files and messages.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// False, zero, nothing, or 1970-01-01.
            #[must_use]
            pub fn zero(self) -> Value {
                match self { $(Self::$name => $zero,)* }
            }
        }
    };
}

// The numbers are those of the network and of the C ABI; never renumbered.
scalar_types! {
    /// True or false.
    Bool = 1, "bool", Value::Bool(false);
    /// A 32-bit integer.
    I32 = 2, "i32", Value::I32(0);
    /// A 64-bit integer.
    I64 = 3, "i64", Value::I64(0);
    /// A 64-bit floating-point number; every bit pattern is a value of its own.
    F64 = 4, "f64", Value::F64(0.0);
    /// Unicode text without U+0000.
    String = 5, "string", Value::String(Arc::from(""));
    /// A 32-bit floating-point number; every bit pattern is a value of its own.
    F32 = 6, "f32", Value::F32(0.0);
    /// Bytes.
    Bytes = 7, "bytes", Value::Bytes(Arc::from([]));
    /// Two 32-bit floating-point numbers: x, y.
    Vector2 = 8, "vector2", Value::Vector2([0.0; 2]);
    /// Three 32-bit floating-point numbers: x, y, z.
    Vector3 = 9, "vector3", Value::Vector3([0.0; 3]);
    /// A rotation, as four 32-bit floating-point numbers: x, y, z, w. Its zero is the identity.
    Quaternion = 10, "quaternion", Value::Quaternion([0.0, 0.0, 0.0, 1.0]);
    /// Red, green, blue and alpha, 8 bits each. Its zero is opaque black.
    Color = 11, "color", Value::Color([0, 0, 0, 255]);
    /// A moment in UTC, in microseconds; the years 1 to 9999.
    DateTime = 12, "datetime", Value::DateTime(DateTime::UNIX_EPOCH);
    /// A 128-bit identifier.
    Uuid = 13, "uuid", Value::Uuid([0; 16]);
}

impl ScalarType {
    /// The type with this number.
    #[must_use]
    pub fn from_u8(number: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|t| *t as u8 == number)
    }

    /// The type with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|t| t.name() == name)
    }

    /// Whether it is an integer or a floating-point number, so that something can be added to it.
    #[must_use]
    pub fn is_number(self) -> bool {
        self.is_integer() || self.is_float()
    }

    /// Whether it is one of the integer types.
    #[must_use]
    pub fn is_integer(self) -> bool {
        matches!(self, Self::I32 | Self::I64)
    }

    /// Whether it is one of the floating-point types.
    #[must_use]
    pub fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64)
    }

    /// Whether a value of it has floating-point numbers.
    #[must_use]
    pub fn has_floats(self) -> bool {
        self.is_float() || matches!(self, Self::Vector2 | Self::Vector3 | Self::Quaternion)
    }
}

impl fmt::Display for ScalarType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The type of a dictionary's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[repr(u8)]
pub enum KeyType {
    /// Text, as of a `string`.
    String = 1,
    /// A 32-bit integer.
    I32 = 2,
    /// A 64-bit integer.
    I64 = 3,
}

impl KeyType {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::String, Self::I32, Self::I64];

    /// The name used in schema files and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::I32 => "i32",
            Self::I64 => "i64",
        }
    }

    /// The type with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|t| t.name() == name)
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The type of a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ValueType {
    /// One value without parts.
    Scalar(ScalarType),
    /// Items in an order.
    List(ScalarType),
    /// Values by key.
    Dict(KeyType, ScalarType),
}

impl ValueType {
    /// Every type that there is.
    pub fn all() -> impl Iterator<Item = Self> {
        let scalars = || ScalarType::ALL.iter().copied();
        let dicts = KeyType::ALL.iter().flat_map(move |key| scalars().map(|value| Self::Dict(*key, value)));
        scalars().map(Self::Scalar).chain(scalars().map(Self::List)).chain(dicts)
    }

    /// The name used in schema files and messages, such as `i32`, `list<string>` or `dict<string,i64>`.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Scalar(scalar) => scalar.name().into(),
            Self::List(item) => format!("list<{item}>"),
            Self::Dict(key, value) => format!("dict<{key},{value}>"),
        }
    }

    /// The type with this name; white space inside is allowed.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let arguments = |prefix| name.strip_prefix(prefix)?.trim_start().strip_prefix('<')?.strip_suffix('>');
        if let Some(item) = arguments("list") {
            return ScalarType::from_name(item.trim()).map(Self::List);
        }
        if let Some(arguments) = arguments("dict") {
            let (key, value) = arguments.split_once(',')?;
            return Some(Self::Dict(KeyType::from_name(key.trim())?, ScalarType::from_name(value.trim())?));
        }
        ScalarType::from_name(name).map(Self::Scalar)
    }

    /// Its number on the network: the shape in the high byte, the scalar type in the low one.
    #[must_use]
    pub(crate) fn code(self) -> u16 {
        match self {
            Self::Scalar(scalar) => scalar as u16,
            Self::List(item) => 0x100 | item as u16,
            Self::Dict(key, value) => (0x200 + ((key as u16 - 1) << 8)) | value as u16,
        }
    }

    /// The type with this number.
    #[must_use]
    pub(crate) fn from_code(code: u16) -> Option<Self> {
        let scalar = ScalarType::from_u8(code as u8)?;
        match code >> 8 {
            0 => Some(Self::Scalar(scalar)),
            1 => Some(Self::List(scalar)),
            shape => Some(Self::Dict(*KeyType::ALL.get(usize::from(shape) - 2)?, scalar)),
        }
    }

    /// The type of what is in it: of itself, of an item, of a value.
    #[must_use]
    pub fn element(self) -> ScalarType {
        match self {
            Self::Scalar(scalar) | Self::List(scalar) | Self::Dict(_, scalar) => scalar,
        }
    }

    /// Whether it has no parts.
    #[must_use]
    pub fn is_scalar(self) -> bool {
        matches!(self, Self::Scalar(_))
    }

    /// Whether it is a list or a dictionary.
    #[must_use]
    pub fn is_container(self) -> bool {
        !matches!(self, Self::Scalar(_))
    }

    /// The scalar's zero, or an empty container.
    #[must_use]
    pub fn zero(self) -> Value {
        match self {
            Self::Scalar(scalar) => scalar.zero(),
            Self::List(item) => Value::List(List::new(item)),
            Self::Dict(key, value) => Value::Dict(Dict::new(key, value)),
        }
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(scalar) => f.write_str(scalar.name()),
            Self::List(item) => write!(f, "list<{item}>"),
            Self::Dict(key, value) => write!(f, "dict<{key},{value}>"),
        }
    }
}

impl From<ScalarType> for ValueType {
    fn from(scalar: ScalarType) -> Self {
        Self::Scalar(scalar)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codes_are_found_again() {
        let mut codes = Vec::new();
        for value_type in ValueType::all() {
            assert_eq!(ValueType::from_name(&value_type.name()), Some(value_type));
            assert_eq!(value_type.to_string(), value_type.name());
            assert_eq!(ValueType::from_code(value_type.code()), Some(value_type));
            assert_eq!(value_type.zero().value_type(), value_type);
            codes.push(value_type.code());
        }
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), ValueType::all().count());
        assert_eq!(ValueType::from_name("dict< string , i32 >").unwrap().name(), "dict<string,i32>");
        for wrong in
            ["", "int", "list", "list<>", "list<list<i32>>", "dict<i32>", "dict<bool,i32>", "list<i32"]
        {
            assert_eq!(ValueType::from_name(wrong), None, "{wrong}");
        }
        for wrong in [0, 14, 0x100, 0x500 | 1, 0xffff] {
            assert_eq!(ValueType::from_code(wrong), None, "{wrong:#x}");
        }
    }
}
