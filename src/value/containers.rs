//! Lists and dictionaries. A copy shares what did not change since.

use std::fmt;
use std::sync::Arc;

use super::tree::{self, Tree};
use super::{KeyType, Text, Value, ValueType};

/// Items of one type, in an order.
#[derive(Clone)]
pub struct List(Arc<ListContents>);

#[derive(Clone)]
struct ListContents {
    item: Arc<ValueType>,
    items: Tree<Value>,
    /// The sum of the items' sizes.
    size: usize,
}

impl List {
    /// An empty list.
    #[must_use]
    pub fn new(item: impl Into<ValueType>) -> Self {
        Self::of(Arc::new(item.into()))
    }

    pub(crate) fn of(item: Arc<ValueType>) -> Self {
        Self(Arc::new(ListContents { item, items: Tree::new(), size: 0 }))
    }

    /// A list of these items; `None` when one is of another type.
    #[must_use]
    pub fn from_items(item: impl Into<ValueType>, items: Vec<Value>) -> Option<Self> {
        Self::of_items(Arc::new(item.into()), items)
    }

    pub(crate) fn of_items(item: Arc<ValueType>, items: Vec<Value>) -> Option<Self> {
        let fits = items.iter().all(|value| value.is_of(&item));
        let size = items.iter().map(Value::size).sum();
        fits.then(|| Self(Arc::new(ListContents { item, items: Tree::from_vec(items), size })))
    }

    /// The type of its items.
    #[must_use]
    pub fn item_type(&self) -> &ValueType {
        &self.0.item
    }

    pub(crate) fn shared_item_type(&self) -> &Arc<ValueType> {
        &self.0.item
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.items.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.items.is_empty()
    }

    /// The item at a place, from 0.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&Value> {
        self.0.items.get(index)
    }

    /// The items, in their order.
    pub fn iter(&self) -> Items<'_> {
        Items(self.0.items.iter())
    }

    /// How many items at the beginning are equal, and of the others how many at the end. Takes time by what differs.
    pub(super) fn common(&self, other: &Self) -> (usize, usize) {
        let (a, b) = (&self.0.items, &other.0.items);
        let start = a.common_prefix(b, |a, b| a == b);
        let most = a.len().min(b.len()) - start;
        (start, a.common_suffix(b, most, |a, b| a == b))
    }

    /// The items from a place on.
    pub(super) fn iter_from(&self, index: usize) -> Items<'_> {
        Items(self.0.items.iter_from(index))
    }

    pub(crate) fn size(&self) -> usize {
        self.0.size
    }

    // What follows is called with places that are there, and with values of the item's type.

    pub(super) fn set(&mut self, index: usize, value: Value) -> Value {
        let contents = Arc::make_mut(&mut self.0);
        let size = value.size();
        let old = contents.items.set(index, value);
        contents.size = contents.size - old.size() + size;
        old
    }

    pub(super) fn insert(&mut self, index: usize, value: Value) {
        let contents = Arc::make_mut(&mut self.0);
        contents.size += value.size();
        contents.items.insert(index, value);
    }

    pub(super) fn remove(&mut self, index: usize) -> Value {
        let contents = Arc::make_mut(&mut self.0);
        let removed = contents.items.remove(index);
        contents.size -= removed.size();
        removed
    }

    pub(crate) fn modify<R>(&mut self, index: usize, change: impl FnOnce(&mut Value) -> R) -> R {
        let contents = Arc::make_mut(&mut self.0);
        let size = &mut contents.size;
        contents.items.modify(index, |item| {
            let before = item.size();
            let result = change(item);
            *size = *size - before + item.size();
            result
        })
    }

    /// Moves an item, so that it stands at `to` afterwards.
    pub(super) fn relocate(&mut self, from: usize, to: usize) {
        Arc::make_mut(&mut self.0).items.relocate(from, to);
    }

    pub(super) fn clear(&mut self) {
        let contents = Arc::make_mut(&mut self.0);
        (contents.items, contents.size) = (Tree::new(), 0);
    }
}

impl PartialEq for List {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.0.item == other.0.item && self.0.items == other.0.items)
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for &'a List {
    type Item = &'a Value;
    type IntoIter = Items<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// A key of a dictionary.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Key {
    /// Of either integer type.
    Int(i64),
    /// Text without U+0000.
    Text(Text),
}

impl Key {
    /// Whether it may be a key of this type.
    #[must_use]
    pub fn fits(&self, key_type: KeyType) -> bool {
        match (self, key_type) {
            (Self::Text(_), KeyType::String) | (Self::Int(_), KeyType::I64) => true,
            (Self::Int(int), KeyType::I32) => i32::try_from(*int).is_ok(),
            _ => false,
        }
    }

    /// An upper bound of its bytes on the network.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Int(_) => 10,
            Self::Text(text) => text.len() + 3,
        }
    }

    /// The key of this type that a text is: itself, or the integer in canonical decimal digits.
    #[must_use]
    pub fn from_text(key_type: KeyType, text: &str) -> Option<Self> {
        let key = match key_type {
            KeyType::String => return (!text.contains('\0')).then(|| Self::from(text)),
            KeyType::I32 | KeyType::I64 => Self::Int(text.parse().ok()?),
        };
        (key.fits(key_type) && key.to_string() == text).then_some(key)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(int) => int.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::Text(Text::from(text))
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        Self::Text(Text::from(text))
    }
}

impl From<i64> for Key {
    fn from(int: i64) -> Self {
        Self::Int(int)
    }
}

impl From<i32> for Key {
    fn from(int: i32) -> Self {
        Self::Int(i64::from(int))
    }
}

/// Values of one type by keys of one type, in the order of the keys.
#[derive(Clone)]
pub struct Dict(Arc<DictContents>);

#[derive(Clone)]
struct DictContents {
    key: KeyType,
    value: Arc<ValueType>,
    /// In the order of the keys.
    entries: Tree<(Key, Value)>,
    /// The sum of the sizes of keys and values.
    size: usize,
}

impl Dict {
    /// An empty dictionary.
    #[must_use]
    pub fn new(key: KeyType, value: impl Into<ValueType>) -> Self {
        Self::of(key, Arc::new(value.into()))
    }

    pub(crate) fn of(key: KeyType, value: Arc<ValueType>) -> Self {
        Self(Arc::new(DictContents { key, value, entries: Tree::new(), size: 0 }))
    }

    /// A dictionary of these entries, of which later ones win; `None` when a key or a value is of another type.
    #[must_use]
    pub fn from_entries(
        key: KeyType,
        value: impl Into<ValueType>,
        entries: impl IntoIterator<Item = (Key, Value)>,
    ) -> Option<Self> {
        Self::of_entries(key, Arc::new(value.into()), entries)
    }

    pub(crate) fn of_entries(
        key: KeyType,
        value: Arc<ValueType>,
        entries: impl IntoIterator<Item = (Key, Value)>,
    ) -> Option<Self> {
        let mut entries: Vec<(Key, Value)> = entries.into_iter().collect();
        // Later ones come first, and then are those that stay.
        entries.reverse();
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        entries.dedup_by(|(later, _), (first, _)| later == first);
        let fits = entries.iter().all(|(k, v)| k.fits(key) && v.is_of(&value));
        let size = entries.iter().map(|(k, v)| k.size() + v.size()).sum();
        let entries = Tree::from_vec(entries);
        fits.then(|| Self(Arc::new(DictContents { key, value, entries, size })))
    }

    /// The type of its keys.
    #[must_use]
    pub fn key_type(&self) -> KeyType {
        self.0.key
    }

    /// The type of its values.
    #[must_use]
    pub fn item_type(&self) -> &ValueType {
        &self.0.value
    }

    pub(crate) fn shared_item_type(&self) -> &Arc<ValueType> {
        &self.0.value
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.entries.is_empty()
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<&Value> {
        let (place, is_there) = self.find(key);
        let (_, value) = self.0.entries.get(place).filter(|_| is_there)?;
        Some(value)
    }

    /// Where a key is or would be, and whether it is there.
    fn find(&self, key: &Key) -> (usize, bool) {
        let place = self.0.entries.partition_point(|(other, _)| other < key);
        (place, self.0.entries.get(place).is_some_and(|(other, _)| other == key))
    }

    /// The entries, in the order of the keys.
    pub fn iter(&self) -> Entries<'_> {
        Entries(self.0.entries.iter())
    }

    /// How many entries at the beginning are equal, and of the others how many at the end. Takes time by what differs.
    pub(super) fn common(&self, other: &Self) -> (usize, usize) {
        let (a, b) = (&self.0.entries, &other.0.entries);
        let start = a.common_prefix(b, |a, b| a == b);
        let most = a.len().min(b.len()) - start;
        (start, a.common_suffix(b, most, |a, b| a == b))
    }

    /// The entries from a place on.
    pub(super) fn iter_from(&self, index: usize) -> Entries<'_> {
        Entries(self.0.entries.iter_from(index))
    }

    /// The entry that follows a key, whether that is there or not, in the order of the keys; the first after `None`.
    pub(crate) fn after(&self, key: Option<&Key>) -> Option<(&Key, &Value)> {
        let place = key.map_or(0, |key| self.0.entries.partition_point(|(other, _)| other <= key));
        self.0.entries.get(place).map(|(key, value)| (key, value))
    }

    pub(crate) fn size(&self) -> usize {
        self.0.size
    }

    // What follows is called with keys and values of its types.

    /// Gives a key a value, unless it has it; `None` then, else what it had before.
    pub(super) fn put_other(&mut self, key: &Key, value: &Value) -> Option<Option<Value>> {
        let (place, is_there) = self.find(key);
        if is_there && self.0.entries.get(place).is_some_and(|(_, old)| old == value) {
            return None;
        }
        Some(self.put_at(place, is_there, key, value.clone()))
    }

    pub(super) fn put(&mut self, key: &Key, value: Value) -> Option<Value> {
        let (place, is_there) = self.find(key);
        self.put_at(place, is_there, key, value)
    }

    fn put_at(&mut self, place: usize, is_there: bool, key: &Key, value: Value) -> Option<Value> {
        let contents = Arc::make_mut(&mut self.0);
        contents.size += value.size();
        if is_there {
            let old = contents.entries.modify(place, |(_, old)| std::mem::replace(old, value));
            contents.size -= old.size();
            return Some(old);
        }
        contents.size += key.size();
        contents.entries.insert(place, (key.clone(), value));
        None
    }

    /// Changes the value of a key, if that is there.
    pub(crate) fn modify<R>(&mut self, key: &Key, change: impl FnOnce(&mut Value) -> R) -> Option<R> {
        let (place, is_there) = self.find(key);
        if !is_there {
            return None;
        }
        let contents = Arc::make_mut(&mut self.0);
        let size = &mut contents.size;
        Some(contents.entries.modify(place, |(_, value)| {
            let before = value.size();
            let result = change(value);
            *size = *size - before + value.size();
            result
        }))
    }

    pub(super) fn remove(&mut self, key: &Key) -> Option<Value> {
        let (place, is_there) = self.find(key);
        if !is_there {
            return None;
        }
        let contents = Arc::make_mut(&mut self.0);
        let (_, old) = contents.entries.remove(place);
        contents.size -= key.size() + old.size();
        Some(old)
    }

    pub(super) fn clear(&mut self) {
        let contents = Arc::make_mut(&mut self.0);
        (contents.entries, contents.size) = (Tree::new(), 0);
    }
}

impl PartialEq for Dict {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || ((self.0.key, &self.0.value) == (other.0.key, &other.0.value)
                && self.0.entries == other.0.entries)
    }
}

impl fmt::Debug for Dict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for &'a Dict {
    type Item = (&'a Key, &'a Value);
    type IntoIter = Entries<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The items of a list, in their order.
#[derive(Clone)]
pub struct Items<'a>(tree::Iter<'a, Value>);

impl<'a> Iterator for Items<'a> {
    type Item = &'a Value;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl DoubleEndedIterator for Items<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back()
    }
}

impl ExactSizeIterator for Items<'_> {}

/// The entries of a dictionary, in the order of their keys.
#[derive(Clone)]
pub struct Entries<'a>(tree::Iter<'a, (Key, Value)>);

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a Key, &'a Value);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(key, value)| (key, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl DoubleEndedIterator for Entries<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(|(key, value)| (key, value))
    }
}

impl ExactSizeIterator for Entries<'_> {}
