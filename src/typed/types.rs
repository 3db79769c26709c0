//! What values and keys are in Rust.

use std::ops::{Bound, RangeBounds};

use crate::error::{Error, Result};
use crate::value::{Addition, DateTime, Key, KeyType, ScalarType, Value};

/// A type of properties, items and values, named by the Rust type that it is read as: `i64`, `str`, `[u8]` for bytes,
/// `[f32; 3]` for a vector, `[u8; 4]` for a color, `[u8; 16]` for a uuid.
pub trait Typed {
    /// How it is read and given.
    type Ref<'v>;

    /// How it is kept, as in a record that is a value: `String` for `str`.
    type Owned;

    /// Its type in schemas.
    const SCALAR: ScalarType;

    /// Keeps what was read.
    fn own(value: Self::Ref<'_>) -> Self::Owned;

    /// Gives what is kept.
    fn lend(value: &Self::Owned) -> Self::Ref<'_>;

    /// Reads a value; `None` when it is of another type.
    fn read(value: &Value) -> Option<Self::Ref<'_>>;

    /// The value that it is.
    fn write(value: Self::Ref<'_>) -> Value;
}

macro_rules! typed {
    ($($type:ty, $ref:ty, $owned:ty, $scalar:ident, |$value:ident| $read:expr, $lend:expr, $write:expr;)*) => {
        $(impl Typed for $type {
            type Ref<'v> = $ref;
            type Owned = $owned;
            const SCALAR: ScalarType = ScalarType::$scalar;

            fn own(value: Self::Ref<'_>) -> $owned {
                value.to_owned()
            }

            fn lend($value: &$owned) -> Self::Ref<'_> {
                $lend
            }

            fn read(value: &Value) -> Option<Self::Ref<'_>> {
                match value {
                    Value::$scalar($value) => Some($read),
                    _ => None,
                }
            }

            fn write($value: Self::Ref<'_>) -> Value {
                $write
            }
        })*
    };
}

typed! {
    bool, bool, bool, Bool, |v| *v, *v, Value::Bool(v);
    i32, i32, i32, I32, |v| *v, *v, Value::I32(v);
    i64, i64, i64, I64, |v| *v, *v, Value::I64(v);
    f32, f32, f32, F32, |v| *v, *v, Value::F32(v);
    f64, f64, f64, F64, |v| *v, *v, Value::F64(v);
    str, &'v str, String, String, |v| v, v, Value::String(v.into());
    [u8], &'v [u8], Vec<u8>, Bytes, |v| v, v, Value::Bytes(v.into());
    [f32; 2], [f32; 2], [f32; 2], Vector2, |v| *v, *v, Value::Vector2(v);
    [f32; 3], [f32; 3], [f32; 3], Vector3, |v| *v, *v, Value::Vector3(v);
    [f32; 4], [f32; 4], [f32; 4], Quaternion, |v| **v, *v, Value::from(v);
    [u8; 4], [u8; 4], [u8; 4], Color, |v| *v, *v, Value::Color(v);
    DateTime, DateTime, DateTime, DateTime, |v| *v, *v, Value::DateTime(v);
    [u8; 16], [u8; 16], [u8; 16], Uuid, |v| **v, *v, Value::from(v);
}

/// A type of keys of dictionaries: `str`, `i32` or `i64`.
pub trait TypedKey {
    /// How it is read and given.
    type Ref<'v>;

    /// How it is kept: `String` for `str`.
    type Owned: Ord;

    /// Its type in schemas.
    const KEY: KeyType;

    /// Keeps what was read.
    fn own(key: Self::Ref<'_>) -> Self::Owned;

    /// Gives what is kept.
    fn lend(key: &Self::Owned) -> Self::Ref<'_>;

    /// Reads a key; `None` when it is of another type.
    fn read(key: &Key) -> Option<Self::Ref<'_>>;

    /// The key that it is.
    fn write(key: Self::Ref<'_>) -> Key;
}

impl TypedKey for str {
    type Ref<'v> = &'v str;
    type Owned = String;
    const KEY: KeyType = KeyType::String;

    fn own(key: &str) -> String {
        key.to_owned()
    }

    fn lend(key: &String) -> &str {
        key
    }

    fn read(key: &Key) -> Option<&str> {
        match key {
            Key::Text(text) => Some(text),
            Key::Int(_) => None,
        }
    }

    fn write(key: &str) -> Key {
        Key::from(key)
    }
}

impl TypedKey for i32 {
    type Ref<'v> = i32;
    type Owned = i32;
    const KEY: KeyType = KeyType::I32;

    fn own(key: i32) -> i32 {
        key
    }

    fn lend(key: &i32) -> i32 {
        *key
    }

    fn read(key: &Key) -> Option<i32> {
        match key {
            Key::Int(int) => i32::try_from(*int).ok(),
            Key::Text(_) => None,
        }
    }

    fn write(key: i32) -> Key {
        Key::from(key)
    }
}

impl TypedKey for i64 {
    type Ref<'v> = i64;
    type Owned = i64;
    const KEY: KeyType = KeyType::I64;

    fn own(key: i64) -> i64 {
        key
    }

    fn lend(key: &i64) -> i64 {
        *key
    }

    fn read(key: &Key) -> Option<i64> {
        match key {
            Key::Int(int) => Some(*int),
            Key::Text(_) => None,
        }
    }

    fn write(key: i64) -> Key {
        Key::from(key)
    }
}

/// A type that can be added to: `i32`, `i64`, `f32` or `f64`.
pub trait Number: for<'v> Typed<Ref<'v> = Self> + Sized {
    /// Adds, and refuses a sum that does not fit.
    fn plain(self) -> Addition;

    /// Adds, and brings the sum to the nearer bound.
    fn clamped(self, bounds: impl RangeBounds<Self>) -> Addition;

    /// Adds, and refuses a sum that is not within the bounds.
    fn guarded(self, bounds: impl RangeBounds<Self>) -> Addition;

    /// Its negative.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when it has none.
    fn negated(self) -> Result<Self>;
}

macro_rules! integer {
    ($($type:ty)*) => {
        $(impl Number for $type {
            fn plain(self) -> Addition {
                Addition::int(i64::from(self))
            }

            fn clamped(self, bounds: impl RangeBounds<Self>) -> Addition {
                Addition::int_clamped(i64::from(self), widened(&bounds))
            }

            fn guarded(self, bounds: impl RangeBounds<Self>) -> Addition {
                Addition::int_guarded(i64::from(self), widened(&bounds))
            }

            fn negated(self) -> Result<Self> {
                let reason = || format!("{self} has no negative");
                self.checked_neg().ok_or_else(|| Error::InvalidArgument { argument: "amount", reason: reason() })
            }
        })*
    };
}

integer! { i32 i64 }

macro_rules! float {
    ($($type:ty)*) => {
        $(impl Number for $type {
            fn plain(self) -> Addition {
                Addition::float(f64::from(self))
            }

            fn clamped(self, bounds: impl RangeBounds<Self>) -> Addition {
                let (min, max) = inclusive(&bounds);
                Addition::float_clamped(f64::from(self), min..=max)
            }

            fn guarded(self, bounds: impl RangeBounds<Self>) -> Addition {
                let (min, max) = inclusive(&bounds);
                Addition::float_guarded(f64::from(self), min..=max)
            }

            fn negated(self) -> Result<Self> {
                Ok(-self)
            }
        })*
    };
}

float! { f32 f64 }

fn widened<T: Copy + Into<i64>>(bounds: &impl RangeBounds<T>) -> (Bound<i64>, Bound<i64>) {
    (bounds.start_bound().map(|bound| (*bound).into()), bounds.end_bound().map(|bound| (*bound).into()))
}

fn inclusive<T: Copy + Into<f64>>(bounds: &impl RangeBounds<T>) -> (f64, f64) {
    let min = match bounds.start_bound() {
        Bound::Included(min) => (*min).into(),
        Bound::Excluded(min) => (*min).into().next_up(),
        Bound::Unbounded => f64::NEG_INFINITY,
    };
    let max = match bounds.end_bound() {
        Bound::Included(max) => (*max).into(),
        Bound::Excluded(max) => (*max).into().next_down(),
        Bound::Unbounded => f64::INFINITY,
    };
    (min, max)
}
