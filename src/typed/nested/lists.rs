//! Lists of anything.

use std::fmt;
use std::marker::PhantomData;

use super::{Part, Place, read, view};
use crate::error::Result;
use crate::value::{self, PathStep, Value, ValueType};

/// A list of such items.
pub struct List<P>(PhantomData<fn(&P)>);

impl<P: Part> Part for List<P> {
    type Owned = Vec<P::Owned>;
    type Arg<'v> = Vec<P::Owned>;
    type View<'p> = ListView<'p, P>;
    type Mut<'p> = ListMut<'p, P>;

    fn view(value: &Value) -> Option<ListView<'_, P>> {
        value.as_list().map(|items| ListView { items, marker: PhantomData })
    }

    fn read(value: &Value) -> Option<Vec<P::Owned>> {
        value.as_list()?.iter().map(P::read).collect()
    }

    fn write(value: Vec<P::Owned>, of: &ValueType) -> Option<Value> {
        let ValueType::List(item) = of else { return None };
        let items = value.into_iter().map(|value| P::write_owned(value, item)).collect::<Option<_>>()?;
        value::List::of_items(item.clone(), items).map(Value::List)
    }

    fn write_owned(value: Vec<P::Owned>, of: &ValueType) -> Option<Value> {
        Self::write(value, of)
    }

    fn at(place: Place<'_>) -> ListMut<'_, P> {
        ListMut { place, marker: PhantomData }
    }
}

impl<P> fmt::Debug for List<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("List")
    }
}

/// A list, to be read.
pub struct ListView<'p, P> {
    items: &'p value::List,
    marker: PhantomData<fn(&P)>,
}

impl<'p, P: Part> ListView<'p, P> {
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
    pub fn get(&self, place: u32) -> Option<P::View<'p>> {
        self.items.get(place as usize).map(view::<P>)
    }

    /// The items, in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = P::View<'p>> + use<'p, P> {
        self.items.iter().map(view::<P>)
    }

    /// All items, as values of their own.
    #[must_use]
    pub fn to_vec(&self) -> Vec<P::Owned> {
        self.items.iter().map(read::<P>).collect()
    }
}

impl<P> Clone for ListView<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for ListView<'_, P> {}

impl<P> fmt::Debug for ListView<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.items.fmt(f)
    }
}

/// A list, to be changed. A place is that in the list which this process sees; the master finds the item wherever it
/// stands by then.
pub struct ListMut<'p, P> {
    place: Place<'p>,
    marker: PhantomData<fn(&P)>,
}

impl<'p, P: Part> ListMut<'p, P> {
    /// The place of the list.
    #[must_use]
    pub fn place(&self) -> &Place<'p> {
        &self.place
    }

    /// The list as this process sees it, its own unconfirmed changes included; `None` when nothing is there.
    #[must_use]
    pub fn view(&self) -> Option<ListView<'_, P>> {
        self.place.view::<List<P>>()
    }

    /// The list without this process's unconfirmed changes; `None` when nothing is there.
    #[must_use]
    pub fn confirmed(&self) -> Option<ListView<'_, P>> {
        self.place.confirmed::<List<P>>()
    }

    /// How many items there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.view().map_or(0, |list| list.len())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The item at a place, from 0, to be read.
    #[must_use]
    pub fn get(&self, place: u32) -> Option<P::View<'_>> {
        self.view()?.get(place)
    }

    /// The items, in their order, to be read.
    pub fn iter(&self) -> impl Iterator<Item = P::View<'_>> {
        self.view().into_iter().flat_map(|list| list.iter())
    }

    /// The item at a place, from 0, to be changed.
    pub fn at(&mut self, place: u32) -> P::Mut<'_> {
        self.place.item::<P>(place)
    }

    /// Appends an item.
    ///
    /// # Errors
    /// As [`Profile::push_at`](crate::Profile::push_at).
    pub fn push(&mut self, value: P::Arg<'_>) -> Result<bool> {
        self.place.insert::<P>(None, value)
    }

    /// Inserts an item, so that it stands at `place`.
    ///
    /// # Errors
    /// As [`Profile::insert_at`](crate::Profile::insert_at).
    pub fn insert(&mut self, place: u32, value: P::Arg<'_>) -> Result<bool> {
        self.place.insert::<P>(Some(place), value)
    }

    /// Gives the item at a place another value. Of a record what differs is changed, in one batch.
    ///
    /// # Errors
    /// As [`Profile::set_at`](crate::Profile::set_at).
    pub fn set(&mut self, place: u32, value: P::Arg<'_>) -> Result<bool> {
        self.place.set_within::<P>(PathStep::Item(place), value)
    }

    /// Gives the whole list another value: what differs is changed, in one batch.
    ///
    /// # Errors
    /// As [`Profile::set_at`](crate::Profile::set_at).
    pub fn set_all(&mut self, items: Vec<P::Owned>) -> Result<bool> {
        self.place.set::<List<P>>(items)
    }

    /// Removes the item at a place.
    ///
    /// # Errors
    /// As [`Profile::remove_at`](crate::Profile::remove_at).
    pub fn remove(&mut self, place: u32) -> Result<bool> {
        self.place.remove(PathStep::Item(place))
    }

    /// Moves the item at a place, so that it stands at `to`.
    ///
    /// # Errors
    /// As [`Profile::move_at`](crate::Profile::move_at).
    pub fn move_item(&mut self, from: u32, to: u32) -> Result<bool> {
        self.place.move_item(from, to)
    }

    /// Removes everything, also what others put there meanwhile.
    ///
    /// # Errors
    /// As [`Profile::clear_at`](crate::Profile::clear_at).
    pub fn clear(&mut self) -> Result<bool> {
        self.place.clear()
    }
}

impl<P> fmt::Debug for ListMut<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.place.fmt(f)
    }
}
