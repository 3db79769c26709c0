//! Lists and dictionaries.

use std::fmt;
use std::marker::PhantomData;
use std::ops::RangeBounds;

use super::{Number, Typed, TypedKey, read};
use crate::error::Result;
use crate::profile::Profile;
use crate::schema::PropertyIndex;
use crate::value::{Dict, List, Value};

/// A list, to be read.
pub struct ListView<'p, T: ?Sized> {
    items: &'p List,
    marker: PhantomData<fn(&T)>,
}

impl<'p, T: Typed + ?Sized> ListView<'p, T> {
    pub(super) fn of(value: &'p Value) -> Self {
        let items = value
            .as_list()
            .unwrap_or_else(|| panic!("generated code reads {} as a list", value.value_type()));
        Self { items, marker: PhantomData }
    }

    /// How many items there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The item at a place, from 0.
    #[must_use]
    pub fn get(&self, place: u32) -> Option<T::Ref<'p>> {
        self.items.get(place as usize).map(read::<T>)
    }

    /// The items, in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = T::Ref<'p>> + use<'p, T> {
        self.items.iter().map(read::<T>)
    }
}

impl<T: ?Sized> Clone for ListView<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for ListView<'_, T> {}

impl<T: ?Sized> fmt::Debug for ListView<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.items.fmt(f)
    }
}

/// A list, to be changed. A place is that in the list which this process sees; the master finds the item wherever it
/// stands by then.
pub struct ListMut<'p, T: ?Sized> {
    profile: &'p mut Profile,
    index: PropertyIndex,
    marker: PhantomData<fn(&T)>,
}

impl<'p, T: Typed + ?Sized> ListMut<'p, T> {
    pub(super) fn new(profile: &'p mut Profile, index: PropertyIndex) -> Self {
        Self { profile, index, marker: PhantomData }
    }

    /// The property's index in its schema, as events have it.
    #[must_use]
    pub fn index(&self) -> PropertyIndex {
        self.index
    }

    /// The list as this process sees it, its own unconfirmed changes included.
    #[must_use]
    pub fn view(&self) -> ListView<'_, T> {
        ListView::of(self.profile.get(self.index))
    }

    /// The list without this process's unconfirmed changes.
    #[must_use]
    pub fn confirmed(&self) -> ListView<'_, T> {
        ListView::of(self.profile.confirmed(self.index))
    }

    /// Whether a change of this process to it is unconfirmed.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.profile.is_pending(self.index)
    }

    /// How many items there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.view().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.view().is_empty()
    }

    /// The item at a place, from 0.
    #[must_use]
    pub fn get(&self, place: u32) -> Option<T::Ref<'_>> {
        self.view().get(place)
    }

    /// The items, in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = T::Ref<'_>> {
        self.view().iter()
    }

    /// Appends an item.
    ///
    /// # Errors
    /// As [`Profile::list_push`].
    pub fn push(&mut self, value: T::Ref<'_>) -> Result<bool> {
        self.profile.list_push(self.index, T::write(value))
    }

    /// Inserts an item, so that it stands at `place`.
    ///
    /// # Errors
    /// As [`Profile::list_insert`].
    pub fn insert(&mut self, place: u32, value: T::Ref<'_>) -> Result<bool> {
        self.profile.list_insert(self.index, place, T::write(value))
    }

    /// Gives the item at a place another value.
    ///
    /// # Errors
    /// As [`Profile::list_set`].
    pub fn set(&mut self, place: u32, value: T::Ref<'_>) -> Result<bool> {
        self.profile.list_set(self.index, place, T::write(value))
    }

    /// Removes the item at a place.
    ///
    /// # Errors
    /// As [`Profile::list_remove`].
    pub fn remove(&mut self, place: u32) -> Result<bool> {
        self.profile.list_remove(self.index, place)
    }

    /// Moves the item at a place, so that it stands at `to`.
    ///
    /// # Errors
    /// As [`Profile::list_move`].
    pub fn move_item(&mut self, from: u32, to: u32) -> Result<bool> {
        self.profile.list_move(self.index, from, to)
    }

    /// Removes everything, also what others put there meanwhile.
    ///
    /// # Errors
    /// As [`Profile::clear`].
    pub fn clear(&mut self) -> Result<bool> {
        self.profile.clear(self.index)
    }
}

impl<T: ?Sized> fmt::Debug for ListMut<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.profile.get(self.index), f)
    }
}

/// A dictionary, to be read.
pub struct DictView<'p, K: ?Sized, T: ?Sized> {
    entries: &'p Dict,
    marker: PhantomData<fn(&K, &T)>,
}

impl<'p, K: TypedKey + ?Sized, T: Typed + ?Sized> DictView<'p, K, T> {
    pub(super) fn of(value: &'p Value) -> Self {
        let entries = value
            .as_dict()
            .unwrap_or_else(|| panic!("generated code reads {} as a dictionary", value.value_type()));
        Self { entries, marker: PhantomData }
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: K::Ref<'_>) -> Option<T::Ref<'p>> {
        self.entries.get(&K::write(key)).map(read::<T>)
    }

    /// Whether it has a key.
    #[must_use]
    pub fn contains(&self, key: K::Ref<'_>) -> bool {
        self.entries.get(&K::write(key)).is_some()
    }

    /// The entries, in the order of the keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (K::Ref<'p>, T::Ref<'p>)> + use<'p, K, T> {
        self.entries.iter().map(|(key, value)| {
            let key =
                K::read(key).unwrap_or_else(|| panic!("generated code reads the key `{key}` as {}", K::KEY));
            (key, read::<T>(value))
        })
    }
}

impl<K: ?Sized, T: ?Sized> Clone for DictView<'_, K, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K: ?Sized, T: ?Sized> Copy for DictView<'_, K, T> {}

impl<K: ?Sized, T: ?Sized> fmt::Debug for DictView<'_, K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entries.fmt(f)
    }
}

/// A dictionary, to be changed. Numbers in it can be added to.
pub struct DictMut<'p, K: ?Sized, T: ?Sized> {
    profile: &'p mut Profile,
    index: PropertyIndex,
    marker: PhantomData<fn(&K, &T)>,
}

impl<'p, K: TypedKey + ?Sized, T: Typed + ?Sized> DictMut<'p, K, T> {
    pub(super) fn new(profile: &'p mut Profile, index: PropertyIndex) -> Self {
        Self { profile, index, marker: PhantomData }
    }

    /// The property's index in its schema, as events have it.
    #[must_use]
    pub fn index(&self) -> PropertyIndex {
        self.index
    }

    /// The dictionary as this process sees it, its own unconfirmed changes included.
    #[must_use]
    pub fn view(&self) -> DictView<'_, K, T> {
        DictView::of(self.profile.get(self.index))
    }

    /// The dictionary without this process's unconfirmed changes.
    #[must_use]
    pub fn confirmed(&self) -> DictView<'_, K, T> {
        DictView::of(self.profile.confirmed(self.index))
    }

    /// Whether a change of this process to it is unconfirmed.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.profile.is_pending(self.index)
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.view().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.view().is_empty()
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: K::Ref<'_>) -> Option<T::Ref<'_>> {
        self.view().get(key)
    }

    /// Whether it has a key.
    #[must_use]
    pub fn contains(&self, key: K::Ref<'_>) -> bool {
        self.view().contains(key)
    }

    /// The entries, in the order of the keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (K::Ref<'_>, T::Ref<'_>)> {
        self.view().iter()
    }

    /// Gives a key a value.
    ///
    /// # Errors
    /// As [`Profile::dict_put`].
    pub fn put(&mut self, key: K::Ref<'_>, value: T::Ref<'_>) -> Result<bool> {
        self.profile.dict_put(self.index, K::write(key), T::write(value))
    }

    /// Removes a key; false when there is no such key.
    ///
    /// # Errors
    /// As [`Profile::dict_remove`].
    pub fn remove(&mut self, key: K::Ref<'_>) -> Result<bool> {
        self.profile.dict_remove(self.index, K::write(key))
    }

    /// Removes everything, also what others put there meanwhile.
    ///
    /// # Errors
    /// As [`Profile::clear`].
    pub fn clear(&mut self) -> Result<bool> {
        self.profile.clear(self.index)
    }
}

impl<K: TypedKey + ?Sized, T: Number> DictMut<'_, K, T> {
    /// Adds to the number of a key; a key that is not there counts as zero.
    ///
    /// # Errors
    /// As [`Profile::dict_add`].
    pub fn add(&mut self, key: K::Ref<'_>, amount: T) -> Result<bool> {
        self.profile.dict_add(self.index, K::write(key), amount.plain())
    }

    /// Adds to the number of a key and brings the sum to the nearer bound.
    ///
    /// # Errors
    /// As [`Profile::dict_add`].
    pub fn add_clamped(&mut self, key: K::Ref<'_>, amount: T, bounds: impl RangeBounds<T>) -> Result<bool> {
        self.profile.dict_add(self.index, K::write(key), amount.clamped(bounds))
    }

    /// Adds to the number of a key if the sum is within the bounds, which the master decides by its own value.
    ///
    /// # Errors
    /// As [`Profile::dict_add`].
    pub fn add_guarded(&mut self, key: K::Ref<'_>, amount: T, bounds: impl RangeBounds<T>) -> Result<bool> {
        self.profile.dict_add(self.index, K::write(key), amount.guarded(bounds))
    }

    /// Subtracts from the number of a key if `least` or more is left, which the master decides by its own value.
    ///
    /// # Errors
    /// As [`Profile::dict_add`].
    pub fn subtract_guarded(&mut self, key: K::Ref<'_>, amount: T, least: T) -> Result<bool> {
        self.profile.dict_add(self.index, K::write(key), amount.negated()?.guarded(least..))
    }
}

impl<K: ?Sized, T: ?Sized> fmt::Debug for DictMut<'_, K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.profile.get(self.index), f)
    }
}
