//! The types of properties.

use std::fmt;
use std::sync::Arc;

use super::{Bytes, Custom, DateTime, Dict, Field, List, RecordType, Text, Value};
use crate::error::Error;
use crate::limits::{MAX_FIELD_NAME_BYTES, MAX_NESTING};

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
    String = 5, "string", Value::String(Text::default());
    /// A 32-bit floating-point number; every bit pattern is a value of its own.
    F32 = 6, "f32", Value::F32(0.0);
    /// Bytes.
    Bytes = 7, "bytes", Value::Bytes(Bytes::default());
    /// Two 32-bit floating-point numbers: x, y.
    Vector2 = 8, "vector2", Value::Vector2([0.0; 2]);
    /// Three 32-bit floating-point numbers: x, y, z.
    Vector3 = 9, "vector3", Value::Vector3([0.0; 3]);
    /// A rotation, as four 32-bit floating-point numbers: x, y, z, w. Its zero is the identity.
    Quaternion = 10, "quaternion", Value::Quaternion(Arc::new([0.0, 0.0, 0.0, 1.0]));
    /// Red, green, blue and alpha, 8 bits each. Its zero is opaque black.
    Color = 11, "color", Value::Color([0, 0, 0, 255]);
    /// A moment in UTC, in microseconds; the years 1 to 9999.
    DateTime = 12, "datetime", Value::DateTime(DateTime::UNIX_EPOCH);
    /// A 128-bit identifier.
    Uuid = 13, "uuid", Value::Uuid(Arc::new([0; 16]));
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

/// The type of a property, of a field, or of what is in a list or dictionary.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ValueType {
    /// One value without parts.
    Scalar(ScalarType),
    /// Bytes of which only the game knows what they are; with the name that a [`Codec`](super::Codec) is registered under, if
    /// there is one.
    Custom(Option<Arc<str>>),
    /// Values by name.
    Record(RecordType),
    /// Items in an order.
    List(Arc<ValueType>),
    /// Values by key.
    Dict(KeyType, Arc<ValueType>),
}

impl ValueType {
    /// Every type that has neither records nor lists and dictionaries within others, nor a name of the game's own.
    pub fn all() -> impl Iterator<Item = Self> {
        let scalars = || ScalarType::ALL.iter().copied();
        let dicts = KeyType::ALL.iter().flat_map(move |key| scalars().map(|value| Self::dict(*key, value)));
        scalars().map(Self::Scalar).chain(scalars().map(Self::list)).chain(dicts)
    }

    /// The type of lists of such items.
    #[must_use]
    pub fn list(item: impl Into<Self>) -> Self {
        Self::List(Arc::new(item.into()))
    }

    /// The type of dictionaries of such values.
    #[must_use]
    pub fn dict(key: KeyType, value: impl Into<Self>) -> Self {
        Self::Dict(key, Arc::new(value.into()))
    }

    /// The name used in schema files and messages, such as `i32`, `list<string>`, `dict<string,i64>` or
    /// `record{id:string,steps:list<i32>}`.
    #[must_use]
    pub fn name(&self) -> String {
        self.to_string()
    }

    /// The type with this name; white space inside is allowed. Fields of records have the zero of their type as default and no
    /// limits.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::from_name_with(name, |_| None).ok()
    }

    /// The same where further types have names of their own.
    pub(crate) fn from_name_with<'n>(
        name: &'n str,
        mut named: impl FnMut(&'n str) -> Option<Self>,
    ) -> Result<Self, TypeMistake<'n>> {
        let mut parser = Parser { rest: name, depth: 0, named: &mut named, mistake: None };
        match parser.value_type() {
            Some(value_type) if parser.rest.trim_start().is_empty() => Ok(value_type),
            _ => Err(parser.mistake.unwrap_or(TypeMistake::Syntax)),
        }
    }

    /// The name in which record types that have a name of their own are called by it, as in schema files: `list<quest>`.
    #[must_use]
    pub fn declared_name(&self) -> String {
        self.name_with(&|record| record.name().map(String::from))
    }

    /// The name in which some record types have one of their own.
    pub(crate) fn name_with(&self, named: &impl Fn(&RecordType) -> Option<String>) -> String {
        match self {
            Self::Record(record) => named(record).unwrap_or_else(|| {
                let fields = record.fields().iter();
                let fields = fields.map(|f| format!("{}:{}", f.name(), f.value_type().name_with(named)));
                format!("record{{{}}}", fields.collect::<Vec<_>>().join(","))
            }),
            Self::List(item) => format!("list<{}>", item.name_with(named)),
            Self::Dict(key, value) => format!("dict<{key},{}>", value.name_with(named)),
            other => other.name(),
        }
    }

    /// Its number on the network, if it is one of [`all`](Self::all): the shape in the high byte, the scalar type in the low
    /// one.
    #[must_use]
    pub(crate) fn code(&self) -> Option<u16> {
        Some(match self {
            Self::Scalar(scalar) => *scalar as u16,
            Self::List(item) => 0x100 | item.scalar()? as u16,
            Self::Dict(key, value) => (0x200 + ((*key as u16 - 1) << 8)) | value.scalar()? as u16,
            Self::Custom(_) | Self::Record(_) => return None,
        })
    }

    /// The type with this number.
    #[must_use]
    pub(crate) fn from_code(code: u16) -> Option<Self> {
        let scalar = ScalarType::from_u8(code as u8)?;
        match code >> 8 {
            0 => Some(Self::Scalar(scalar)),
            1 => Some(Self::list(scalar)),
            shape => Some(Self::dict(*KeyType::ALL.get(usize::from(shape) - 2)?, scalar)),
        }
    }

    /// The scalar type, if it is one.
    #[must_use]
    pub fn scalar(&self) -> Option<ScalarType> {
        match self {
            Self::Scalar(scalar) => Some(*scalar),
            _ => None,
        }
    }

    /// The record type, if it is one.
    #[must_use]
    pub fn record(&self) -> Option<&RecordType> {
        match self {
            Self::Record(record) => Some(record),
            _ => None,
        }
    }

    /// The type of what is in it: of an item, of a value; else of itself.
    #[must_use]
    pub fn element(&self) -> &Self {
        match self {
            Self::List(item) | Self::Dict(_, item) => item,
            other => other,
        }
    }

    /// Whether it is one of the scalar types.
    #[must_use]
    pub fn is_scalar(&self) -> bool {
        matches!(self, Self::Scalar(_))
    }

    /// Whether it is a list or a dictionary.
    #[must_use]
    pub fn is_container(&self) -> bool {
        matches!(self, Self::List(_) | Self::Dict(..))
    }

    /// Whether its values have parts that can be changed by themselves.
    #[must_use]
    pub fn has_parts(&self) -> bool {
        self.is_container() || matches!(self, Self::Record(_))
    }

    /// Whether something in it has parts of its own: then changes in it are told by their place.
    #[must_use]
    pub(crate) fn is_nested(&self) -> bool {
        match self {
            Self::Record(_) => true,
            Self::List(item) | Self::Dict(_, item) => item.has_parts(),
            Self::Scalar(_) | Self::Custom(_) => false,
        }
    }

    /// How many records, lists and dictionaries are within one another in it.
    #[must_use]
    pub fn depth(&self) -> usize {
        match self {
            Self::Scalar(_) | Self::Custom(_) => 0,
            Self::List(item) | Self::Dict(_, item) => 1 + item.depth(),
            Self::Record(record) => record.depth(),
        }
    }

    /// How many fields the records in it have.
    pub(super) fn total_fields(&self) -> usize {
        match self {
            Self::Scalar(_) | Self::Custom(_) => 0,
            Self::List(item) | Self::Dict(_, item) => item.total_fields(),
            Self::Record(record) => record.total_fields(),
        }
    }

    /// Whether all that was declared of records in it is the same.
    pub(crate) fn is_declared_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Record(a), Self::Record(b)) => a.is_declared_as(b),
            (Self::List(a), Self::List(b)) => a.is_declared_as(b),
            (Self::Dict(key, a), Self::Dict(of, b)) => key == of && a.is_declared_as(b),
            (a, b) => a == b,
        }
    }

    /// The scalar's zero, no bytes, a record of its fields' defaults, or an empty container.
    #[must_use]
    pub fn zero(&self) -> Value {
        match self {
            Self::Scalar(scalar) => scalar.zero(),
            Self::Custom(name) => Value::Custom(Custom::shared(name.clone(), Box::default())),
            Self::Record(record) => Value::Record(record.zero()),
            Self::List(item) => Value::List(List::of(item.clone())),
            Self::Dict(key, value) => Value::Dict(Dict::of(*key, value.clone())),
        }
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(scalar) => f.write_str(scalar.name()),
            Self::Custom(None) => f.write_str("custom"),
            Self::Custom(Some(name)) => write!(f, "custom<{name}>"),
            Self::Record(record) => record.fmt(f),
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

impl From<&Self> for ValueType {
    fn from(value_type: &Self) -> Self {
        value_type.clone()
    }
}

impl From<RecordType> for ValueType {
    fn from(record: RecordType) -> Self {
        Self::Record(record)
    }
}

/// Why a text is not the name of a type.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TypeMistake<'n> {
    /// No type is called so.
    Unknown(&'n str),
    /// Keys are of no such type.
    UnknownKey(&'n str),
    /// The fields of a record can't be those of one.
    Record(String),
    /// Too many types within one another.
    TooDeep,
    /// Something else.
    Syntax,
}

/// Reads names of types.
struct Parser<'n, 'f> {
    rest: &'n str,
    depth: usize,
    named: &'f mut dyn FnMut(&'n str) -> Option<ValueType>,
    /// The first.
    mistake: Option<TypeMistake<'n>>,
}

impl<'n> Parser<'n, '_> {
    fn value_type(&mut self) -> Option<ValueType> {
        // The names come from other peers, too.
        if self.depth > MAX_NESTING {
            return self.fail(TypeMistake::TooDeep);
        }
        self.depth += 1;
        let found = match self.word() {
            "list" => {
                self.expect('<')?;
                let item = self.value_type()?;
                self.expect('>')?;
                Some(ValueType::list(item))
            }
            "dict" => {
                self.expect('<')?;
                let word = self.word();
                let Some(key) = KeyType::from_name(word) else {
                    return self.fail(TypeMistake::UnknownKey(word));
                };
                self.expect(',')?;
                let value = self.value_type()?;
                self.expect('>')?;
                Some(ValueType::dict(key, value))
            }
            "custom" if self.expect('<').is_some() => {
                let name = Some(self.word()).filter(|name| is_identifier(name))?;
                self.expect('>')?;
                Some(ValueType::Custom(Some(Arc::from(name))))
            }
            "custom" => Some(ValueType::Custom(None)),
            "record" => self.record(),
            word => {
                let known = ScalarType::from_name(word).map(ValueType::Scalar);
                match known.or_else(|| (self.named)(word)) {
                    None if !word.is_empty() => self.fail(TypeMistake::Unknown(word)),
                    found => found,
                }
            }
        };
        self.depth -= 1;
        found
    }

    fn fail(&mut self, mistake: TypeMistake<'n>) -> Option<ValueType> {
        self.mistake.get_or_insert(mistake);
        None
    }

    fn record(&mut self) -> Option<ValueType> {
        self.expect('{')?;
        let mut fields = Vec::new();
        loop {
            let name = self.word();
            self.expect(':')?;
            fields.push(Field::new(name, self.value_type()?.zero()));
            if self.expect(',').is_none() {
                break;
            }
        }
        self.expect('}')?;
        match RecordType::of_zeros(fields) {
            Ok(record) => Some(ValueType::Record(record)),
            Err(Error::InvalidSchema { reason }) => self.fail(TypeMistake::Record(reason)),
            Err(error) => self.fail(TypeMistake::Record(error.to_string())),
        }
    }

    /// The letters, digits and `_` that come next.
    fn word(&mut self) -> &'n str {
        let rest = self.rest.trim_start();
        let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        let (word, rest) = rest.split_at(end);
        self.rest = rest;
        word
    }

    fn expect(&mut self, expected: char) -> Option<()> {
        self.rest = self.rest.trim_start().strip_prefix(expected)?;
        Some(())
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Whether it may be the name of a field or of a type: ASCII letters, digits and `_`, and not too many.
pub(crate) fn is_identifier(name: &str) -> bool {
    (1..=MAX_FIELD_NAME_BYTES).contains(&name.len()) && name.chars().all(is_word)
}

/// The words of types of several types.
pub(crate) const SHAPES: &[&str] = &["list", "dict", "record", "custom"];

/// Whether it means a type, or begins one, wherever types are written.
pub(super) fn is_built_in(name: &str) -> bool {
    ScalarType::from_name(name).is_some() || SHAPES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codes_are_found_again() {
        let mut codes = Vec::new();
        for value_type in ValueType::all() {
            assert_eq!(ValueType::from_name(&value_type.name()), Some(value_type.clone()));
            assert_eq!(value_type.to_string(), value_type.name());
            assert_eq!(ValueType::from_code(value_type.code().unwrap()), Some(value_type.clone()));
            assert_eq!(value_type.zero().value_type(), value_type);
            codes.push(value_type.code());
        }
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), ValueType::all().count());
        assert_eq!(ValueType::from_name("dict< string , i32 >").unwrap().name(), "dict<string,i32>");
        for nested in [
            "record{a:i32}",
            "list<record{id:string,steps:list<bool>,at:datetime}>",
            "dict<i64,dict<string,record{c:custom,d:custom<loadout>}>>",
            "custom<loadout>",
            "custom",
        ] {
            let value_type = ValueType::from_name(nested).unwrap();
            assert_eq!(value_type.name(), nested);
            assert_eq!(value_type.zero().value_type(), value_type);
            assert_eq!(value_type.code(), None);
            let spaced = nested.replace('<', " < ").replace('{', "{ ").replace(':', " :").replace(',', ", ");
            assert_eq!(ValueType::from_name(&spaced), Some(value_type), "{spaced}");
        }
        for wrong in [
            "",
            "int",
            "list",
            "list<>",
            "list<list<i32>",
            "dict<i32>",
            "dict<bool,i32>",
            "list<i32",
            "record{}",
            "record{a:i32,}",
            "record{a:i32,a:i32}",
            "record{:i32}",
            "record{a}",
            "custom<>",
            "i32 i32",
        ] {
            assert_eq!(ValueType::from_name(wrong), None, "{wrong}");
        }
        for wrong in [0, 14, 0x100, 0x500 | 1, 0xffff] {
            assert_eq!(ValueType::from_code(wrong), None, "{wrong:#x}");
        }
    }

    /// Hundreds of thousands of profiles are in memory at once.
    #[test]
    fn a_value_takes_sixteen_bytes() {
        assert_eq!((size_of::<Value>(), size_of::<crate::value::Key>()), (16, 16));
    }

    #[test]
    fn depth_has_a_limit() {
        let nested = |depth: usize| format!("{}i32{}", "list<".repeat(depth), ">".repeat(depth));
        let deepest = ValueType::from_name(&nested(MAX_NESTING)).unwrap();
        assert_eq!(deepest.depth(), MAX_NESTING);
        assert_eq!(ValueType::from_name(&nested(MAX_NESTING + 1)), None);
        assert_eq!(ValueType::from_name(&nested(100_000)), None);
    }
}
