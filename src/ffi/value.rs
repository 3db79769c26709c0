//! Values and keys as plain structs.

use std::ffi::c_void;
use std::ptr;

use libc::c_char;

use super::result::{Failure, Outcome};
use super::text::{check_out, put_bytes, read_bytes, read_struct, read_text};
use crate::error::ErrorCode;
use crate::value::{Custom, DateTime, Key, KeyType, ScalarType, Value, ValueType};

/// The type of a property or of a value.
#[allow(non_camel_case_types)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum MstValueType {
    /// No value.
    MST_TYPE_NONE = 0,
    /// True or false, as 1 or 0.
    MST_TYPE_BOOL = 1,
    /// A 32-bit integer.
    MST_TYPE_I32 = 2,
    /// A 64-bit integer.
    MST_TYPE_I64 = 3,
    /// A 64-bit floating-point number.
    MST_TYPE_F64 = 4,
    /// Text.
    MST_TYPE_STRING = 5,
    /// A 32-bit floating-point number.
    MST_TYPE_F32 = 6,
    /// Bytes.
    MST_TYPE_BYTES = 7,
    /// Two 32-bit floating-point numbers.
    MST_TYPE_VECTOR2 = 8,
    /// Three 32-bit floating-point numbers.
    MST_TYPE_VECTOR3 = 9,
    /// A rotation, as four 32-bit floating-point numbers.
    MST_TYPE_QUATERNION = 10,
    /// Red, green, blue and alpha, 8 bits each.
    MST_TYPE_COLOR = 11,
    /// A moment in UTC, in microseconds; the years 1 to 9999.
    MST_TYPE_DATETIME = 12,
    /// A 128-bit identifier.
    MST_TYPE_UUID = 13,
    /// Items of one type, in an order.
    MST_TYPE_LIST = 64,
    /// Values of one type, by key.
    MST_TYPE_DICT = 65,
    /// Values of several types, by name.
    MST_TYPE_RECORD = 66,
    /// Bytes of which only the game knows what they are.
    MST_TYPE_CUSTOM = 67,
}

/// The type of a dictionary's keys.
#[allow(non_camel_case_types)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum MstKeyType {
    /// No key.
    MST_KEY_NONE = 0,
    /// Text.
    MST_KEY_STRING = 1,
    /// A 32-bit integer.
    MST_KEY_I32 = 2,
    /// A 64-bit integer.
    MST_KEY_I64 = 3,
}

/// A value of any type without parts. Fields that its type does not use are zero when the library writes them, and are not
/// looked at when it reads them.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct MstValue {
    /// An `MstValueType`.
    pub value_type: i32,
    /// Bytes of `text`.
    pub text_len: u32,
    /// A bool, as 1 or 0 (any other number is read as true); an integer; a datetime, in microseconds since 1970 UTC; a
    /// color, as `0xRRGGBBAA`. Of a list or dictionary, the number of its elements.
    pub int_value: i64,
    /// A floating-point number. An `f32` is widened when it is written, and rounded when it is read.
    pub float_value: f64,
    /// The first component of a vector or quaternion.
    pub x: f32,
    /// The second.
    pub y: f32,
    /// The third, but of a `vector2`.
    pub z: f32,
    /// The fourth, of a quaternion alone.
    pub w: f32,
    /// A uuid, in the order of its text.
    pub uuid: [u8; 16],
    /// The UTF-8 text of a string, or the bytes of `bytes` or of a value of the game's own; no terminating zero. When the library writes it, this is the
    /// buffer that the caller gave.
    pub text: *const c_char,
}

/// A key of a dictionary.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct MstKey {
    /// An `MstKeyType`. Where one is read, either integer type is good for a dictionary with integer keys.
    pub key_type: i32,
    /// Bytes of `text`.
    pub text_len: u32,
    /// An integer.
    pub int_value: i64,
    /// UTF-8 text without a terminating zero. When the library writes it, this is the buffer that the caller gave.
    pub text: *const c_char,
}

impl From<ScalarType> for MstValueType {
    fn from(scalar: ScalarType) -> Self {
        match scalar {
            ScalarType::Bool => Self::MST_TYPE_BOOL,
            ScalarType::I32 => Self::MST_TYPE_I32,
            ScalarType::I64 => Self::MST_TYPE_I64,
            ScalarType::F64 => Self::MST_TYPE_F64,
            ScalarType::String => Self::MST_TYPE_STRING,
            ScalarType::F32 => Self::MST_TYPE_F32,
            ScalarType::Bytes => Self::MST_TYPE_BYTES,
            ScalarType::Vector2 => Self::MST_TYPE_VECTOR2,
            ScalarType::Vector3 => Self::MST_TYPE_VECTOR3,
            ScalarType::Quaternion => Self::MST_TYPE_QUATERNION,
            ScalarType::Color => Self::MST_TYPE_COLOR,
            ScalarType::DateTime => Self::MST_TYPE_DATETIME,
            ScalarType::Uuid => Self::MST_TYPE_UUID,
        }
    }
}

impl From<&ValueType> for MstValueType {
    fn from(value_type: &ValueType) -> Self {
        match value_type {
            ValueType::Scalar(scalar) => (*scalar).into(),
            ValueType::Custom(_) => Self::MST_TYPE_CUSTOM,
            ValueType::Record(_) => Self::MST_TYPE_RECORD,
            ValueType::List(_) => Self::MST_TYPE_LIST,
            ValueType::Dict(..) => Self::MST_TYPE_DICT,
        }
    }
}

impl MstValueType {
    /// The type of a value.
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Custom(_) => Self::MST_TYPE_CUSTOM,
            Value::Record(_) => Self::MST_TYPE_RECORD,
            Value::List(_) => Self::MST_TYPE_LIST,
            Value::Dict(_) => Self::MST_TYPE_DICT,
            scalar => scalar.scalar_type().map_or(Self::MST_TYPE_NONE, Self::from),
        }
    }
}

impl From<KeyType> for MstKeyType {
    fn from(key_type: KeyType) -> Self {
        match key_type {
            KeyType::String => Self::MST_KEY_STRING,
            KeyType::I32 => Self::MST_KEY_I32,
            KeyType::I64 => Self::MST_KEY_I64,
        }
    }
}

/// The scalar type with this number.
pub(super) fn scalar_type(name: &'static str, number: i32) -> Outcome<ScalarType> {
    (u8::try_from(number).ok().and_then(ScalarType::from_u8)).ok_or_else(|| {
        Failure::argument(name, format!("{number} is no MstValueType of a value without parts"))
    })
}

/// The key type with this number.
pub(super) fn key_type(name: &'static str, number: i32) -> Outcome<KeyType> {
    (KeyType::ALL.iter().copied().find(|key_type| *key_type as i32 == number))
        .ok_or_else(|| Failure::argument(name, format!("{number} is no MstKeyType")))
}

/// The numbers of a value that fit an event and a plain struct: of a type that has none, zeros.
pub(super) fn numbers(value: &Value) -> (i64, f64) {
    match value {
        Value::Bool(v) => (i64::from(*v), 0.0),
        Value::I32(v) => (i64::from(*v), 0.0),
        Value::I64(v) => (*v, 0.0),
        Value::DateTime(v) => (v.unix_micros(), 0.0),
        Value::Color(v) => (i64::from(u32::from_be_bytes(*v)), 0.0),
        Value::F32(v) => (0, f64::from(*v)),
        Value::F64(v) => (0, *v),
        Value::List(list) => (list.len() as i64, 0.0),
        Value::Dict(dict) => (dict.len() as i64, 0.0),
        _ => (0, 0.0),
    }
}

impl MstValue {
    fn none() -> Self {
        Self {
            value_type: MstValueType::MST_TYPE_NONE as i32,
            text_len: 0,
            int_value: 0,
            float_value: 0.0,
            x: 0.0,
            y: 0.0,
            z: 0.0,
            w: 0.0,
            uuid: [0; 16],
            text: ptr::null(),
        }
    }

    /// A value but for its text.
    fn without_text(value: &Value) -> Self {
        let mut out = Self::none();
        out.value_type = MstValueType::of(value) as i32;
        (out.int_value, out.float_value) = numbers(value);
        let [x, y, z, w] = match value {
            Value::Vector2([x, y]) => [*x, *y, 0.0, 0.0],
            Value::Vector3([x, y, z]) => [*x, *y, *z, 0.0],
            Value::Quaternion(components) => **components,
            _ => [0.0; 4],
        };
        (out.x, out.y, out.z, out.w) = (x, y, z, w);
        if let Value::Uuid(uuid) = value {
            out.uuid = **uuid;
        }
        out
    }
}

/// The bytes of a value that do not fit a plain struct.
pub(super) fn bytes_of(value: &Value) -> &[u8] {
    match value {
        Value::String(text) => text.as_bytes(),
        Value::Bytes(bytes) => bytes,
        Value::Custom(custom) => custom.bytes(),
        _ => &[],
    }
}

/// The same of a key.
pub(super) fn bytes_of_key(key: &Key) -> &[u8] {
    match key {
        Key::Text(text) => text.as_bytes(),
        Key::Int(_) => &[],
    }
}

/// The caller's value.
///
/// # Safety
/// `value` points to a readable struct, and its text to as many readable bytes as it says, or they are null.
pub(super) unsafe fn read_value(name: &'static str, value: *const MstValue) -> Outcome<Value> {
    // SAFETY: the caller's promise, passed on.
    let given = unsafe { read_struct(name, value)? };
    let int = given.int_value;
    let out_of_range = |what: &str| {
        let text = format!("{name}: int_value {int} does not fit {what}");
        Failure::new(ErrorCode::OutOfRange, text)
    };
    if given.value_type == MstValueType::MST_TYPE_CUSTOM as i32 {
        // SAFETY: the caller's promise, passed on.
        let bytes = unsafe { read_bytes(name, given.text.cast(), given.text_len)? };
        return Ok(Value::Custom(Custom::new(None, bytes)));
    }
    Ok(match scalar_type("value_type", given.value_type)? {
        ScalarType::Bool => Value::Bool(int != 0),
        ScalarType::I32 => Value::I32(i32::try_from(int).map_err(|_| out_of_range("i32"))?),
        ScalarType::I64 => Value::I64(int),
        ScalarType::F32 => Value::F32(given.float_value as f32),
        ScalarType::F64 => Value::F64(given.float_value),
        // SAFETY: the caller's promise, passed on.
        ScalarType::String => Value::from(unsafe { read_text(name, given.text, given.text_len)? }),
        ScalarType::Bytes => {
            // SAFETY: the caller's promise, passed on.
            Value::from(unsafe { read_bytes(name, given.text.cast(), given.text_len)? }.to_vec())
        }
        ScalarType::Vector2 => Value::Vector2([given.x, given.y]),
        ScalarType::Vector3 => Value::Vector3([given.x, given.y, given.z]),
        ScalarType::Quaternion => Value::from([given.x, given.y, given.z, given.w]),
        ScalarType::Color => {
            Value::Color(u32::try_from(int).map_err(|_| out_of_range("0xRRGGBBAA"))?.to_be_bytes())
        }
        ScalarType::DateTime => Value::DateTime(DateTime::from_unix_micros(int)?),
        ScalarType::Uuid => Value::from(given.uuid),
    })
}

/// The caller's key.
///
/// # Safety
/// `key` points to a readable struct, and its text to as many readable bytes as it says, or they are null.
pub(super) unsafe fn read_key(name: &'static str, key: *const MstKey) -> Outcome<Key> {
    // SAFETY: the caller's promise, passed on.
    unsafe { key_of(name, read_struct(name, key)?) }
}

/// The same of a struct that was read.
///
/// # Safety
/// The struct's text points to as many readable bytes as it says, or is null.
pub(super) unsafe fn key_of(name: &'static str, given: MstKey) -> Outcome<Key> {
    Ok(match key_type("key_type", given.key_type)? {
        // SAFETY: the caller's promise, passed on.
        KeyType::String => Key::from(unsafe { read_text(name, given.text, given.text_len)? }),
        KeyType::I32 | KeyType::I64 => Key::Int(given.int_value),
    })
}

/// Where the caller wants text or bytes, and their number; either may be null.
#[derive(Clone, Copy)]
pub(super) struct Room {
    pub(super) buffer: *mut c_void,
    pub(super) capacity: u32,
    pub(super) out_len: *mut u32,
}

impl Room {
    /// Checks what can be checked before anything is written.
    pub(super) fn check(self) -> Outcome {
        if self.buffer.is_null() && self.capacity > 0 {
            let reason = format!("is null, with a capacity of {}", self.capacity);
            return Err(Failure::argument("buffer", reason));
        }
        if self.out_len.is_null() { Ok(()) } else { check_out("out_len", self.out_len) }
    }

    /// # Safety
    /// The room is as it says.
    unsafe fn put(self, bytes: &[u8]) -> Outcome<*const c_char> {
        let mut unwanted = 0;
        let out_len = if self.out_len.is_null() { &raw mut unwanted } else { self.out_len };
        // SAFETY: the caller's promise, passed on.
        unsafe { put_bytes(bytes, self.buffer.cast(), self.capacity, out_len)? };
        Ok(self.buffer.cast_const().cast())
    }
}

/// Gives the caller a value; one of no type when there is none. Nothing but the length is written when it does not fit.
///
/// # Safety
/// `out` points to a writable struct, or is null; the room is as it says.
pub(super) unsafe fn put_value(
    name: &'static str,
    out: *mut MstValue,
    value: Option<&Value>,
    room: Room,
) -> Outcome {
    check_out(name, out)?;
    room.check()?;
    let bytes = value.map_or(&[][..], bytes_of);
    // SAFETY: the caller's promise, passed on.
    let text = unsafe { room.put(bytes)? };
    let mut made = value.map_or_else(MstValue::none, MstValue::without_text);
    if matches!(value, Some(Value::String(_) | Value::Bytes(_) | Value::Custom(_))) {
        (made.text, made.text_len) = (text, bytes.len() as u32);
    }
    // SAFETY: not null and aligned, and the caller promises that it may be written.
    unsafe { out.write(made) };
    Ok(())
}

/// Gives the caller a key of a dictionary with such keys; one of no type when there is none. Nothing but the length is
/// written when it does not fit.
///
/// # Safety
/// As [`put_value`].
pub(super) unsafe fn put_key(
    name: &'static str,
    out: *mut MstKey,
    key: Option<(&Key, KeyType)>,
    room: Room,
) -> Outcome {
    check_out(name, out)?;
    room.check()?;
    let bytes = key.map_or(&[][..], |(key, _)| bytes_of_key(key));
    // SAFETY: the caller's promise, passed on.
    let text = unsafe { room.put(bytes)? };
    let key_type = key.map_or(MstKeyType::MST_KEY_NONE, |(_, key_type)| key_type.into()) as i32;
    let mut made = MstKey { key_type, text_len: 0, int_value: 0, text: ptr::null() };
    match key {
        Some((Key::Text(_), _)) => (made.text, made.text_len) = (text, bytes.len() as u32),
        Some((Key::Int(int), _)) => made.int_value = *int,
        None => {}
    }
    // SAFETY: not null and aligned, and the caller promises that it may be written.
    unsafe { out.write(made) };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_types_are_those_of_the_core() {
        for scalar in ScalarType::ALL {
            assert_eq!(MstValueType::from(*scalar) as i32, *scalar as i32);
        }
        for key in KeyType::ALL {
            assert_eq!(MstKeyType::from(*key) as i32, *key as i32);
        }
    }
}
