//! Dictionaries of anything.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use super::{Part, Place, read, view};
use crate::error::Result;
use crate::typed::TypedKey;
use crate::value::{self, Key, PathStep, Value, ValueType};

/// A dictionary of such values.
pub struct Dict<K: ?Sized, P>(PhantomData<fn(&K, &P)>);

impl<K: TypedKey + ?Sized, P: Part> Part for Dict<K, P> {
    type Owned = BTreeMap<K::Owned, P::Owned>;
    type Arg<'v> = BTreeMap<K::Owned, P::Owned>;
    type View<'p> = DictView<'p, K, P>;
    type Mut<'p> = DictMut<'p, K, P>;

    fn view(value: &Value) -> Option<DictView<'_, K, P>> {
        value.as_dict().map(|entries| DictView { entries, marker: PhantomData })
    }

    fn read(value: &Value) -> Option<BTreeMap<K::Owned, P::Owned>> {
        let entries = value.as_dict()?.iter();
        entries.map(|(key, value)| Some((K::own(K::read(key)?), P::read(value)?))).collect()
    }

    fn write(value: BTreeMap<K::Owned, P::Owned>, of: &ValueType) -> Option<Value> {
        let ValueType::Dict(key_type, of) = of else { return None };
        let entries = value.into_iter();
        let entries = entries.map(|(key, value)| Some((K::write(K::lend(&key)), P::write_owned(value, of)?)));
        let entries: Vec<_> = entries.collect::<Option<_>>()?;
        value::Dict::of_entries(*key_type, of.clone(), entries).map(Value::Dict)
    }

    fn write_owned(value: BTreeMap<K::Owned, P::Owned>, of: &ValueType) -> Option<Value> {
        Self::write(value, of)
    }

    fn at(place: Place<'_>) -> DictMut<'_, K, P> {
        DictMut { place, marker: PhantomData }
    }
}

impl<K: ?Sized, P> fmt::Debug for Dict<K, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dict")
    }
}

/// A dictionary, to be read.
pub struct DictView<'p, K: ?Sized, P> {
    entries: &'p value::Dict,
    marker: PhantomData<fn(&K, &P)>,
}

impl<'p, K: TypedKey + ?Sized, P: Part> DictView<'p, K, P> {
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
    pub fn get(&self, key: K::Ref<'_>) -> Option<P::View<'p>> {
        self.entries.get(&K::write(key)).map(view::<P>)
    }

    /// Whether it has a key.
    #[must_use]
    pub fn contains(&self, key: K::Ref<'_>) -> bool {
        self.entries.get(&K::write(key)).is_some()
    }

    /// The entries, in the order of the keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (K::Ref<'p>, P::View<'p>)> + use<'p, K, P> {
        self.entries.iter().map(|(key, value)| (read_key::<K>(key), view::<P>(value)))
    }

    /// All entries, as values of their own.
    #[must_use]
    pub fn to_map(&self) -> BTreeMap<K::Owned, P::Owned> {
        self.entries.iter().map(|(key, value)| (K::own(read_key::<K>(key)), read::<P>(value))).collect()
    }
}

fn read_key<K: TypedKey + ?Sized>(key: &Key) -> K::Ref<'_> {
    K::read(key).unwrap_or_else(|| panic!("generated code reads the key `{key}` as {}", K::KEY))
}

impl<K: ?Sized, P> Clone for DictView<'_, K, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K: ?Sized, P> Copy for DictView<'_, K, P> {}

impl<K: ?Sized, P> fmt::Debug for DictView<'_, K, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entries.fmt(f)
    }
}

/// A dictionary, to be changed.
pub struct DictMut<'p, K: ?Sized, P> {
    place: Place<'p>,
    marker: PhantomData<fn(&K, &P)>,
}

impl<'p, K: TypedKey + ?Sized, P: Part> DictMut<'p, K, P> {
    /// The place of the dictionary.
    #[must_use]
    pub fn place(&self) -> &Place<'p> {
        &self.place
    }

    /// The dictionary as this process sees it, its own unconfirmed changes included; `None` when nothing is there.
    #[must_use]
    pub fn view(&self) -> Option<DictView<'_, K, P>> {
        self.place.view::<Dict<K, P>>()
    }

    /// The dictionary without this process's unconfirmed changes; `None` when nothing is there.
    #[must_use]
    pub fn confirmed(&self) -> Option<DictView<'_, K, P>> {
        self.place.confirmed::<Dict<K, P>>()
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.view().map_or(0, |dict| dict.len())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a key, to be read.
    #[must_use]
    pub fn get(&self, key: K::Ref<'_>) -> Option<P::View<'_>> {
        self.view()?.get(key)
    }

    /// Whether it has a key.
    #[must_use]
    pub fn contains(&self, key: K::Ref<'_>) -> bool {
        self.view().is_some_and(|dict| dict.contains(key))
    }

    /// The entries, in the order of the keys, to be read.
    pub fn iter(&self) -> impl Iterator<Item = (K::Ref<'_>, P::View<'_>)> {
        self.view().into_iter().flat_map(|dict| dict.iter())
    }

    /// The value of a key, to be changed. Setting it, or adding to it, makes an entry that is not there; a field of a record that is
    /// not there can't be changed.
    pub fn entry(&mut self, key: K::Ref<'_>) -> P::Mut<'_> {
        self.place.entry::<P>(K::write(key))
    }

    /// Gives a key a value. Of a record that is there what differs is changed, in one batch.
    ///
    /// # Errors
    /// As [`Profile::set_at`](crate::Profile::set_at).
    pub fn put(&mut self, key: K::Ref<'_>, value: P::Arg<'_>) -> Result<bool> {
        self.place.set_within::<P>(PathStep::Entry(K::write(key)), value)
    }

    /// Gives the whole dictionary another value: what differs is changed, in one batch.
    ///
    /// # Errors
    /// As [`Profile::set_at`](crate::Profile::set_at).
    pub fn set_all(&mut self, entries: BTreeMap<K::Owned, P::Owned>) -> Result<bool> {
        self.place.set::<Dict<K, P>>(entries)
    }

    /// Removes a key; false when there is no such key.
    ///
    /// # Errors
    /// As [`Profile::remove_at`](crate::Profile::remove_at).
    pub fn remove(&mut self, key: K::Ref<'_>) -> Result<bool> {
        self.place.remove(PathStep::Entry(K::write(key)))
    }

    /// Removes everything, also what others put there meanwhile.
    ///
    /// # Errors
    /// As [`Profile::clear_at`](crate::Profile::clear_at).
    pub fn clear(&mut self) -> Result<bool> {
        self.place.clear()
    }
}

impl<K: ?Sized, P> fmt::Debug for DictMut<'_, K, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.place.fmt(f)
    }
}
