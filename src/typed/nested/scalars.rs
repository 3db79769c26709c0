//! Values without parts.

use std::fmt;
use std::marker::PhantomData;
use std::ops::RangeBounds;

use super::{Part, Place};
use crate::error::Result;
use crate::typed::{Number, Typed};
use crate::value::{self, Value, ValueType};

/// A value without parts, by the type that it is read as: see [`Typed`].
pub struct Scalar<T: ?Sized>(PhantomData<fn(&T)>);

impl<T: Typed + ?Sized> Part for Scalar<T> {
    type Owned = T::Owned;
    type Arg<'v> = T::Ref<'v>;
    type View<'p> = T::Ref<'p>;
    type Mut<'p> = ScalarMut<'p, T>;

    fn view(value: &Value) -> Option<T::Ref<'_>> {
        T::read(value)
    }

    fn read(value: &Value) -> Option<T::Owned> {
        T::read(value).map(T::own)
    }

    fn write(value: T::Ref<'_>, _: &ValueType) -> Option<Value> {
        Some(T::write(value))
    }

    fn write_owned(value: T::Owned, _: &ValueType) -> Option<Value> {
        Some(T::write(T::lend(&value)))
    }

    fn at(place: Place<'_>) -> ScalarMut<'_, T> {
        ScalarMut { place, marker: PhantomData }
    }
}

impl<T: ?Sized> fmt::Debug for Scalar<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scalar")
    }
}

/// A value without parts, to be changed. Numbers can be added to.
pub struct ScalarMut<'p, T: ?Sized> {
    place: Place<'p>,
    marker: PhantomData<fn(&T)>,
}

impl<'p, T: Typed + ?Sized> ScalarMut<'p, T> {
    /// The place.
    #[must_use]
    pub fn place(&self) -> &Place<'p> {
        &self.place
    }

    /// The value as this process sees it, its own unconfirmed changes included; `None` when nothing is there.
    #[must_use]
    pub fn get(&self) -> Option<T::Ref<'_>> {
        self.place.view::<Scalar<T>>()
    }

    /// The value without this process's unconfirmed changes; `None` when nothing is there.
    #[must_use]
    pub fn confirmed(&self) -> Option<T::Ref<'_>> {
        self.place.confirmed::<Scalar<T>>()
    }

    /// Sets it; true when that changed what it shows. An entry that is not there is made.
    ///
    /// # Errors
    /// As [`Profile::set_at`](crate::Profile::set_at).
    pub fn set(&mut self, value: T::Ref<'_>) -> Result<bool> {
        self.place.set::<Scalar<T>>(value)
    }
}

impl<T: Number> ScalarMut<'_, T> {
    /// Adds to it; true when that changed what it shows. Additions of several writers all count, and an entry that is not there
    /// counts as zero.
    ///
    /// # Errors
    /// As [`Profile::add_at`](crate::Profile::add_at).
    pub fn add(&mut self, amount: T) -> Result<bool> {
        self.place.add(amount.plain())
    }

    /// Adds to it and brings the sum to the nearer bound.
    ///
    /// # Errors
    /// As [`Profile::add_at`](crate::Profile::add_at).
    pub fn add_clamped(&mut self, amount: T, bounds: impl RangeBounds<T>) -> Result<bool> {
        self.place.add(amount.clamped(bounds))
    }

    /// Adds to it if the sum is within the bounds, which the master decides by its own value.
    ///
    /// # Errors
    /// As [`Profile::add_at`](crate::Profile::add_at).
    pub fn add_guarded(&mut self, amount: T, bounds: impl RangeBounds<T>) -> Result<bool> {
        self.place.add(amount.guarded(bounds))
    }

    /// Subtracts from it if `least` or more is left, which the master decides by its own value.
    ///
    /// # Errors
    /// As [`Profile::add_at`](crate::Profile::add_at).
    pub fn subtract_guarded(&mut self, amount: T, least: T) -> Result<bool> {
        self.place.add(amount.negated()?.guarded(least..))
    }
}

impl<T: ?Sized> fmt::Debug for ScalarMut<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.place.fmt(f)
    }
}

/// A value of a type of the game's own: bytes.
#[derive(Debug)]
pub enum Custom {}

impl Part for Custom {
    type Owned = Vec<u8>;
    type Arg<'v> = &'v [u8];
    type View<'p> = &'p [u8];
    type Mut<'p> = CustomMut<'p>;

    fn view(value: &Value) -> Option<&[u8]> {
        match value {
            Value::Custom(custom) => Some(custom.bytes()),
            _ => None,
        }
    }

    fn read(value: &Value) -> Option<Vec<u8>> {
        Self::view(value).map(<[u8]>::to_vec)
    }

    fn write(value: &[u8], of: &ValueType) -> Option<Value> {
        let ValueType::Custom(name) = of else { return None };
        Some(Value::Custom(value::Custom::shared(name.clone(), value.into())))
    }

    fn write_owned(value: Vec<u8>, of: &ValueType) -> Option<Value> {
        Self::write(&value, of)
    }

    fn at(place: Place<'_>) -> CustomMut<'_> {
        CustomMut(place)
    }
}

/// A value of a type of the game's own, to be changed.
#[derive(Debug)]
pub struct CustomMut<'p>(Place<'p>);

impl<'p> CustomMut<'p> {
    /// The place.
    #[must_use]
    pub fn place(&self) -> &Place<'p> {
        &self.0
    }

    /// The bytes as this process sees them; `None` when nothing is there.
    #[must_use]
    pub fn get(&self) -> Option<&[u8]> {
        self.0.view::<Custom>()
    }

    /// The bytes without this process's unconfirmed changes; `None` when nothing is there.
    #[must_use]
    pub fn confirmed(&self) -> Option<&[u8]> {
        self.0.confirmed::<Custom>()
    }

    /// Sets it; true when that changed what it shows. An entry that is not there is made.
    ///
    /// # Errors
    /// As [`Profile::set_at`](crate::Profile::set_at).
    pub fn set(&mut self, bytes: &[u8]) -> Result<bool> {
        self.0.set::<Custom>(bytes)
    }
}
