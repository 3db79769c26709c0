//! What a game does at a place within a property's value.

use std::sync::Arc;

use super::Profile;
use crate::error::{Error, Result};
use crate::schema::PropertyIndex;
use crate::value::{
    Addition, At, AtChange, Change, Gap, IntoPath, Key, Named, Origin, Path, PathStep, Step, Target, Value,
    ValueChange,
};

impl Profile {
    /// The value at a place within a property's value, as this process sees it; `None` when nothing is there.
    ///
    /// ```
    /// use mst_profiles::{Field, KeyType, Profile, Property, Record, RecordType, ScalarType, Schema};
    /// let quest = RecordType::new([Field::new("id", ""), Field::new("progress", 0)])?;
    /// let schema = Schema::builder().property(Property::list("quests", quest.clone())).build()?;
    /// let quests = schema.index_of("quests")?;
    /// let mut profile = Profile::new(schema);
    /// profile.list_push(quests, Record::new(&quest, [("id", "slay the dragon".into())])?)?;
    /// profile.add_at(quests, (0, "progress"), 3)?;
    /// assert_eq!(profile.get_at(quests, "[0].progress").and_then(|value| value.as_int()), Some(3));
    /// # Ok::<(), mst_profiles::Error>(())
    /// ```
    #[must_use]
    pub fn get_at(&self, property: PropertyIndex, path: impl IntoPath) -> Option<&Value> {
        let path = path.into_path(self.schema.property(property).value_type()).ok()?;
        path.find(self.get(property))
    }

    /// The same without this process's unconfirmed changes.
    #[must_use]
    pub fn confirmed_at(&self, property: PropertyIndex, path: impl IntoPath) -> Option<&Value> {
        let path = path.into_path(self.schema.property(property).value_type()).ok()?;
        path.find(self.confirmed(property))
    }

    /// Gives a field, an item or an entry another value; an entry that is not there is made. True when that changed what
    /// the profile shows. Of a record, list or dictionary what differs is changed, in one batch.
    ///
    /// # Errors
    /// [`Error::NoSuchPlace`] for a way that the property's type does not have, [`Error::IndexOutOfRange`],
    /// [`Error::NoSuchKey`]; else as [`set`](Self::set).
    pub fn set_at(
        &mut self,
        property: PropertyIndex,
        path: impl IntoPath,
        value: impl Into<Value>,
    ) -> Result<bool> {
        let path = self.path(property, path)?;
        let value = value.into();
        if path.is_empty() {
            return self.set(property, value);
        }
        self.writable(property)?;
        self.check_way(property, &path)?;
        let shown = path.find(self.get(property));
        if let Some(shown) = shown
            && value.value_type().has_parts()
            && value.is_of_same_type(shown)
        {
            let steps = differences(&path, shown, &value);
            return self.make_different(property, steps);
        }
        self.change_part(property, path, AtChange::Set(value))
    }

    /// Adds to the number of a field, an item or an entry; an entry that is not there counts as zero. True when that changed
    /// what the profile shows.
    ///
    /// # Errors
    /// As [`add`](Self::add) and [`set_at`](Self::set_at).
    pub fn add_at(
        &mut self,
        property: PropertyIndex,
        path: impl IntoPath,
        addition: impl Into<Addition>,
    ) -> Result<bool> {
        let path = self.path(property, path)?;
        let addition = addition.into();
        if path.is_empty() {
            return self.add(property, addition);
        }
        self.change_part(property, path, AtChange::Add(addition.0))
    }

    /// Inserts an item into the list at a place, so that it stands there at `index`.
    ///
    /// # Errors
    /// As [`set_at`](Self::set_at).
    pub fn insert_at(
        &mut self,
        property: PropertyIndex,
        path: impl IntoPath,
        index: u32,
        value: impl Into<Value>,
    ) -> Result<bool> {
        let path = self.path(property, path)?;
        self.insert_part(property, path, Some(index), value.into())
    }

    /// Appends an item to the list at a place.
    ///
    /// # Errors
    /// As [`set_at`](Self::set_at).
    pub fn push_at(
        &mut self,
        property: PropertyIndex,
        path: impl IntoPath,
        value: impl Into<Value>,
    ) -> Result<bool> {
        let path = self.path(property, path)?;
        self.insert_part(property, path, None, value.into())
    }

    /// Removes an item or an entry. False when there is no such entry.
    ///
    /// # Errors
    /// As [`set_at`](Self::set_at).
    pub fn remove_at(&mut self, property: PropertyIndex, path: impl IntoPath) -> Result<bool> {
        let path = self.path(property, path)?;
        self.change_part(property, path, AtChange::Remove)
    }

    /// Moves an item within its list, so that it stands at `to`.
    ///
    /// # Errors
    /// As [`set_at`](Self::set_at).
    pub fn move_at(&mut self, property: PropertyIndex, path: impl IntoPath, to: u32) -> Result<bool> {
        let path = self.path(property, path)?;
        if !self.schema.property(property).value_type().is_nested()
            && let [PathStep::Item(from)] = *path
        {
            return self.list_move(property, from, to);
        }
        self.check_way(property, &path)?;
        let Some((PathStep::Item(from), list)) = path.split_last() else {
            return Err(self.schema.property(property).wrong_type("an item of a list"));
        };
        let (from, list) = (*from, Path::from_steps(list));
        let last = self.count(property, &list) as u32 - 1;
        if to > last {
            return Err(self.no_item_at(property, &list, to));
        }
        // Its place is within what this process itself gave another value.
        let mut is_within = matches!(self.named(property, &path), Named::Within { .. });
        let gap = match to {
            0 => Gap::Front,
            _ if to == last => Gap::End,
            // The one before it when it has been taken out.
            _ => {
                match self.named(property, &list.clone().with(PathStep::Item(to - 1 + u32::from(from < to))))
                {
                    Named::Target(target) => Gap::After(target),
                    Named::Within { .. } => {
                        is_within = true;
                        Gap::Front
                    }
                    Named::Gone => Gap::After(Target { origin: Origin::Gone, path: list.clone() }),
                }
            }
        };
        if is_within {
            return self.change_within(property, &path, |value| {
                let Value::List(items) = value else { return };
                let mut moved: Vec<Value> = items.iter().cloned().collect();
                let item = moved.remove(from as usize);
                moved.insert(to as usize, item);
                if let Some(list) = crate::value::List::from_items(items.item_type(), moved) {
                    *value = Value::List(list);
                }
            });
        }
        self.change_part(property, path, AtChange::Move { gap })
    }

    /// Removes everything from the list or dictionary at a place, also what others put there meanwhile.
    ///
    /// # Errors
    /// As [`set_at`](Self::set_at).
    pub fn clear_at(&mut self, property: PropertyIndex, path: impl IntoPath) -> Result<bool> {
        let path = self.path(property, path)?;
        if path.is_empty() {
            return self.clear(property);
        }
        self.change_part(property, path, AtChange::Clear)
    }

    fn path(&self, property: PropertyIndex, path: impl IntoPath) -> Result<Path> {
        let info = self.schema.property(property);
        path.into_path(info.value_type())
            .map_err(|place| Error::NoSuchPlace { property: info.shared_name().clone(), place })
    }

    /// Checks that there is all that a way leads through, and at its end an item, if it leads to one.
    fn check_way(&self, property: PropertyIndex, path: &Path) -> Result<()> {
        let mut here = self.get(property);
        for (depth, step) in path.iter().enumerate() {
            let is_last = depth + 1 == path.len();
            let found = crate::value::find(std::slice::from_ref(step), here);
            here = match (found, step) {
                (Some(found), _) => found,
                (None, PathStep::Item(index)) => {
                    return Err(self.no_item_at(property, &Path::from_steps(&path[..depth]), *index));
                }
                (None, PathStep::Entry(_)) if is_last => return Ok(()),
                (None, step) => {
                    let property = self.place_name(property, &path[..depth]);
                    let key = match step {
                        PathStep::Entry(key) => key.to_string(),
                        other => other.to_string(),
                    };
                    return Err(Error::NoSuchKey { property, key });
                }
            };
        }
        Ok(())
    }

    fn place_name(&self, property: PropertyIndex, steps: &[PathStep]) -> Arc<str> {
        let name = self.schema.property(property).shared_name();
        if steps.is_empty() { name.clone() } else { Arc::from(format!("{name}{}", Path::from_steps(steps))) }
    }

    fn no_item_at(&self, property: PropertyIndex, list: &Path, index: u32) -> Error {
        let count = self.count(property, list);
        Error::IndexOutOfRange { property: self.place_name(property, list), index, count }
    }

    fn count(&self, property: PropertyIndex, list: &Path) -> usize {
        list.find(self.get(property)).and_then(Value::as_list).map_or(0, |list| list.len())
    }

    /// How pending operations name a place that is shown.
    fn named(&self, property: PropertyIndex, path: &Path) -> Named {
        match self.overlays.get(property.0) {
            Some(overlay) => overlay.target_of(path),
            None => Named::Target(Target::confirmed(path.clone())),
        }
    }

    pub(super) fn insert_part(
        &mut self,
        property: PropertyIndex,
        list: Path,
        index: Option<u32>,
        value: Value,
    ) -> Result<bool> {
        if !self.schema.property(property).value_type().is_nested() && list.is_empty() {
            return match index {
                Some(index) => self.list_insert(property, index, value),
                None => self.list_push(property, value),
            };
        }
        self.writable(property)?;
        self.check_way(property, &list)?;
        if list.find(self.get(property)).and_then(Value::as_list).is_none() {
            return Err(self.schema.property(property).wrong_type("a list"));
        }
        let count = self.count(property, &list) as u32;
        let index = index.unwrap_or(count);
        if index > count {
            return Err(self.no_item_at(property, &list, index));
        }
        let gap = match index {
            _ if index == count => Gap::End,
            0 => Gap::Front,
            _ => match self.named(property, &list.clone().with(PathStep::Item(index - 1))) {
                Named::Target(target) => Gap::After(target),
                Named::Within { .. } => {
                    let item = list.with(PathStep::Item(index - 1));
                    return self.change_within(property, &item, |within| {
                        let Value::List(items) = within else { return };
                        let mut all: Vec<Value> = items.iter().cloned().collect();
                        all.insert(index as usize, value.clone());
                        if let Some(list) = crate::value::List::from_items(items.item_type(), all) {
                            *within = Value::List(list);
                        }
                    });
                }
                Named::Gone => Gap::After(Target { origin: Origin::Gone, path: list.clone() }),
            },
        };
        self.change_part(property, list, AtChange::Insert { gap, value })
    }

    /// An item within what this process itself gave another value: nobody else has that, so its list is given anew.
    fn change_within(
        &mut self,
        property: PropertyIndex,
        item: &Path,
        change: impl FnOnce(&mut Value),
    ) -> Result<bool> {
        let list = Path::from_steps(item.split_last().map_or(&[], |(_, list)| list));
        let Some(shown) = list.find(self.get(property)) else { return Ok(false) };
        let mut value = shown.clone();
        change(&mut value);
        self.change_part(property, list, AtChange::Set(value))
    }

    /// Asks for a change at a place that is shown.
    pub(super) fn change_part(
        &mut self,
        property: PropertyIndex,
        path: Path,
        what: AtChange,
    ) -> Result<bool> {
        self.writable(property)?;
        self.check_way(property, &path)?;
        let info = self.schema.property(property);
        if !info.value_type().is_nested() {
            return self.change_flat(property, &path, what);
        }
        if let Some(add) = match &what {
            AtChange::Add(add) => Some(add),
            _ => None,
        } {
            add.check()?;
        }
        let target = match self.named(property, &path) {
            Named::Target(target) => target,
            Named::Gone => Target { origin: Origin::Gone, path },
            Named::Within { steps } => {
                let at = At { target: Target::confirmed(path.clone()), what };
                let shown = self.get(property);
                let step = Change::At(Box::new(at)).resolve(&info.slot(), shown, std::iter::empty())?;
                let within = Path::from_steps(&path[..steps]);
                let mut value = shown.clone();
                let changed = step.apply(&mut value).is_ok_and(|change| change.is_some());
                let Some(value) = within.find(&value).filter(|_| changed).cloned() else { return Ok(false) };
                return self.change_part(property, within, AtChange::Set(value));
            }
        };
        self.change(property, Change::At(Box::new(At { target, what })))
    }

    /// The same of a list or dictionary of values without parts.
    fn change_flat(&mut self, property: PropertyIndex, path: &Path, what: AtChange) -> Result<bool> {
        match (&**path, what) {
            ([], AtChange::Clear) => self.clear(property),
            ([PathStep::Item(index)], AtChange::Set(value)) => self.list_set(property, *index, value),
            ([PathStep::Item(index)], AtChange::Remove) => self.list_remove(property, *index),
            ([PathStep::Item(index)], AtChange::Add(add)) => {
                // What others do to the item meanwhile is lost, as with any item that is set.
                let info = self.schema.property(property);
                let slot = info.slot();
                let shown = path.find(self.get(property)).cloned();
                let sum = shown.map(|shown| add.apply(&shown, &slot.element(crate::schema::Part::Element)));
                match sum.transpose()? {
                    Some(sum) => self.list_set(property, *index, sum),
                    None => Ok(false),
                }
            }
            ([PathStep::Entry(key)], AtChange::Set(value)) => self.dict_put(property, key.clone(), value),
            ([PathStep::Entry(key)], AtChange::Remove) => self.dict_remove(property, key.clone()),
            ([PathStep::Entry(key)], AtChange::Add(add)) => {
                self.dict_add(property, key.clone(), Addition(add))
            }
            _ => Err(self.schema.property(property).wrong_type("something that has this")),
        }
    }

    /// Changes what differs, in one batch.
    pub(super) fn make_different(
        &mut self,
        property: PropertyIndex,
        mut steps: Vec<(Path, AtChange)>,
    ) -> Result<bool> {
        match steps.len() {
            0 => Ok(false),
            1 => {
                let (path, what) = steps.remove(0);
                self.make_one(property, path, what)
            }
            _ => self.in_batch(|profile| {
                for (path, what) in steps {
                    profile.make_one(property, path, what)?;
                }
                Ok(true)
            }),
        }
    }

    fn make_one(&mut self, property: PropertyIndex, path: Path, what: AtChange) -> Result<bool> {
        match (what, path.split_last()) {
            (AtChange::Insert { value, .. }, Some((PathStep::Item(index), list))) => {
                self.insert_part(property, Path::from_steps(list), Some(*index), value)
            }
            (what, _) => self.change_part(property, path, what),
        }
    }

    /// In a batch with an idempotency key, a step that does nothing where a change is meant.
    pub(super) fn idle_part(&self, property: PropertyIndex, at: &At, shown: &Value) -> Option<Step> {
        let history = self.overlays.get(property.0).map(|overlay| overlay.history());
        let path = at.target.position(history.into_iter().flatten())?;
        let what = match path.find(shown) {
            Some(value) => crate::value::PartChange::Value(value.clone()),
            None => crate::value::PartChange::Remove,
        };
        Some(Step::Part(Box::new(crate::value::PartEffect { path, what })))
    }
}

/// What turns one value into another of its type, at a place, as changes of its parts. The way of an insertion leads to where the
/// item stands then.
pub(super) fn differences(at: &Path, old: &Value, new: &Value) -> Vec<(Path, AtChange)> {
    let mut steps = Vec::new();
    ValueChange::between(old, new, |change| {
        let (path, change) = match change {
            ValueChange::At { path, change } => (*path, *change),
            change => (Path::root(), change),
        };
        let mut whole = at.clone();
        path.iter().for_each(|step| whole.push(step.clone()));
        let item = |index| whole.clone().with(PathStep::Item(index));
        let entry = |key: &Key| whole.clone().with(PathStep::Entry(key.clone()));
        steps.push(match change {
            ValueChange::Replaced { new, .. } => (whole, AtChange::Set(new)),
            ValueChange::FieldSet { field, new, .. } => {
                (whole.with(PathStep::Field(field)), AtChange::Set(new))
            }
            ValueChange::ItemSet { index, new, .. } => (item(index), AtChange::Set(new)),
            ValueChange::ItemInserted { index, value } => {
                (item(index), AtChange::Insert { gap: Gap::Front, value })
            }
            ValueChange::ItemRemoved { index, .. } => (item(index), AtChange::Remove),
            ValueChange::EntryPut { key, new, .. } => (entry(&key), AtChange::Set(new)),
            ValueChange::EntryRemoved { key, .. } => (entry(&key), AtChange::Remove),
            // No other way leads from one value to another.
            ValueChange::Cleared { .. } | ValueChange::ItemMoved { .. } | ValueChange::At { .. } => {
                (whole, AtChange::Clear)
            }
        });
    });
    steps
}
