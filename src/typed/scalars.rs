//! Properties without parts.

use std::fmt;
use std::marker::PhantomData;
use std::ops::RangeBounds;

use super::{Number, Typed, read};
use crate::error::Result;
use crate::profile::Profile;
use crate::schema::PropertyIndex;

/// A property without parts, to be changed. Numbers can be added to.
pub struct ScalarMut<'p, T: ?Sized> {
    profile: &'p mut Profile,
    index: PropertyIndex,
    marker: PhantomData<fn(&T)>,
}

impl<'p, T: Typed + ?Sized> ScalarMut<'p, T> {
    pub(super) fn new(profile: &'p mut Profile, index: PropertyIndex) -> Self {
        Self { profile, index, marker: PhantomData }
    }

    /// The property's index in its schema, as events have it.
    #[must_use]
    pub fn index(&self) -> PropertyIndex {
        self.index
    }

    /// The value as this process sees it, its own unconfirmed changes included.
    #[must_use]
    pub fn get(&self) -> T::Ref<'_> {
        read::<T>(self.profile.get(self.index))
    }

    /// The value without this process's unconfirmed changes.
    #[must_use]
    pub fn confirmed(&self) -> T::Ref<'_> {
        read::<T>(self.profile.confirmed(self.index))
    }

    /// Whether a change of this process to it is unconfirmed.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.profile.is_pending(self.index)
    }

    /// Sets it; true when that changed what it shows.
    ///
    /// # Errors
    /// As [`Profile::set`].
    pub fn set(&mut self, value: T::Ref<'_>) -> Result<bool> {
        self.profile.set(self.index, T::write(value))
    }

    /// Lets the batch that is begun be refused unless it has this value when the master decides.
    ///
    /// # Errors
    /// As [`Profile::require`].
    pub fn require(&mut self, value: T::Ref<'_>) -> Result<()> {
        self.profile.require(self.index, T::write(value))
    }
}

impl<T: Number> ScalarMut<'_, T> {
    /// Adds to it; true when that changed what it shows. Additions of several writers all count.
    ///
    /// # Errors
    /// As [`Profile::add`].
    pub fn add(&mut self, amount: T) -> Result<bool> {
        self.profile.add(self.index, amount.plain())
    }

    /// Adds to it and brings the sum to the nearer bound: `add_clamped(80, ..=100)` is "heal 80, but not above 100".
    ///
    /// # Errors
    /// As [`Profile::add`].
    pub fn add_clamped(&mut self, amount: T, bounds: impl RangeBounds<T>) -> Result<bool> {
        self.profile.add(self.index, amount.clamped(bounds))
    }

    /// Adds to it if the sum is within the bounds, which the master decides by its own value.
    ///
    /// # Errors
    /// As [`Profile::add`].
    pub fn add_guarded(&mut self, amount: T, bounds: impl RangeBounds<T>) -> Result<bool> {
        self.profile.add(self.index, amount.guarded(bounds))
    }

    /// Subtracts from it if `least` or more is left, which the master decides by its own value: `subtract_guarded(30, 0)`
    /// is "take 30, but refuse below 0".
    ///
    /// # Errors
    /// As [`Profile::add`].
    pub fn subtract_guarded(&mut self, amount: T, least: T) -> Result<bool> {
        self.profile.add(self.index, amount.negated()?.guarded(least..))
    }
}

impl<T: ?Sized> fmt::Debug for ScalarMut<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.profile.get(self.index), f)
    }
}

/// A volatile property, to be set. It has no part in batches, and nothing can be added to it.
pub struct VolatileMut<'p, T: ?Sized>(ScalarMut<'p, T>);

impl<'p, T: Typed + ?Sized> VolatileMut<'p, T> {
    pub(super) fn new(profile: &'p mut Profile, index: PropertyIndex) -> Self {
        Self(ScalarMut::new(profile, index))
    }

    /// The property's index in its schema, as events have it.
    #[must_use]
    pub fn index(&self) -> PropertyIndex {
        self.0.index()
    }

    /// The value as this process sees it, its own unconfirmed changes included.
    #[must_use]
    pub fn get(&self) -> T::Ref<'_> {
        self.0.get()
    }

    /// The value without this process's unconfirmed changes.
    #[must_use]
    pub fn confirmed(&self) -> T::Ref<'_> {
        self.0.confirmed()
    }

    /// Whether a change of this process to it is unconfirmed.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.0.is_pending()
    }

    /// Sets it; true when that changed what it shows.
    ///
    /// # Errors
    /// As [`Profile::set`].
    pub fn set(&mut self, value: T::Ref<'_>) -> Result<bool> {
        self.0.set(value)
    }
}

impl<T: ?Sized> fmt::Debug for VolatileMut<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
