//! What a game does to a profile: operations that are checked, shown at once, and recorded in batches.

use std::sync::Arc;
use std::time::Duration;

use super::batches::Batch;
use super::coalesce::{coalesce, track};
use super::parts::differences;
use super::{Cause, Profile, PropertyChanged, State};
use crate::error::{Error, Result};
use crate::json;
use crate::limits::{
    MAX_BATCH_BYTES, MAX_BATCH_OPS, MAX_IDEMPOTENCY_KEY_BYTES, MAX_PROFILE_BYTES, MAX_UNSENT_BYTES,
};
use crate::planted::{Bug, planted};
use crate::schema::{Merge, PropertyIndex, Relation, SyncClass};
use crate::value::{
    Add, Addition, Anchor, AtChange, Change, DictChange, DictEffect, ItemRef, Key, List, ListChange, OwnOp,
    Path, PathStep, ScalarType, Step, Value, ValueChange,
};
use crate::wire::frames::Op;

impl Profile {
    /// Sets a property. True when that changed what it shows; an equal value on a property with nothing pending is
    /// no change at all. A list or dictionary is changed element by element, in one batch. Of a number that merges by sum
    /// the difference to what is shown is added.
    ///
    /// # Errors
    /// [`Error::WrongType`]; what the property's limits refuse: [`Error::OutOfRange`], [`Error::TooLong`],
    /// [`Error::TooShort`], [`Error::TooMany`], [`Error::TooFew`], [`Error::PatternMismatch`], [`Error::NotFinite`],
    /// [`Error::NotMonotonic`]; [`Error::InvalidText`], [`Error::ProfileTooLarge`]; [`Error::Unavailable`] when too much
    /// waits for the master already, [`Error::LimitReached`] when it is too much for one batch; [`Error::NotLoaded`],
    /// [`Error::NotPermitted`], [`Error::Released`]. Nothing changed then.
    #[inline]
    pub fn set(&mut self, property: PropertyIndex, value: impl Into<Value>) -> Result<bool> {
        #[cfg(test)]
        super::tests::panic_if_planted();
        let value = value.into();
        match self.set_again(property, &value) {
            Some(changed) => Ok(changed),
            None => self.set_anew(property, value),
        }
    }

    fn set_anew(&mut self, property: PropertyIndex, value: Value) -> Result<bool> {
        let info = self.schema.property(property);
        self.writable(property)?;
        info.slot().check_type(&value)?;
        let shown = self.get(property);
        if info.value_type().has_parts() {
            info.slot().check(&value)?;
            return self.set_container(property, &value);
        }
        if info.merge() == Merge::Sum && self.state != State::Alone {
            if let (Some(before), Some(after)) = (shown.as_int(), value.as_int()) {
                let diff = after.checked_sub(before).ok_or_else(|| Error::Overflow {
                    property: info.shared_name().clone(),
                    value_type: shown.scalar_type().map_or("", ScalarType::name),
                    amount: format!("the difference of {after} and {before}"),
                })?;
                return self.add(property, diff);
            }
            if let (Some(before), Some(after)) = (shown.as_float(), value.as_float())
                && (after - before).is_finite()
            {
                return self.add(property, after - before);
            }
        }
        self.change(property, Change::Set(value))
    }

    /// Changes element by element what is not equal.
    fn set_container(&mut self, property: PropertyIndex, value: &Value) -> Result<bool> {
        if self.is_nested(property) {
            let steps = differences(&Path::root(), self.get(property), value);
            return self.make_different(property, steps);
        }
        let mut steps = Vec::new();
        ValueChange::between(self.get(property), value, |step| steps.push(step));
        if steps.is_empty() {
            return Ok(false);
        }
        let least = self.schema.property(property).limits().min_count.map_or(0, |least| least as usize);
        if let Value::Dict(dict) = self.get(property)
            && least > 0
        {
            steps = never_fewer(steps, dict.len(), least);
        }
        self.in_batch(|profile| {
            for step in steps {
                match step {
                    ValueChange::ItemSet { index, new, .. } => profile.list_set(property, index, new)?,
                    ValueChange::ItemRemoved { index, .. } => profile.list_remove(property, index)?,
                    ValueChange::ItemInserted { index, value } => {
                        profile.list_insert(property, index, value)?
                    }
                    ValueChange::EntryPut { key, new, .. } => profile.dict_put(property, key, new)?,
                    ValueChange::EntryRemoved { key, .. } => profile.dict_remove(property, key)?,
                    _ => profile.clear(property)?,
                };
            }
            Ok(true)
        })
    }

    /// Adds to an integer. True when that changed what it shows.
    ///
    /// # Errors
    /// [`Error::Overflow`] when the sum does not fit the property's type, else as [`set`](Self::set).
    pub fn add_int(&mut self, property: PropertyIndex, amount: i64) -> Result<bool> {
        self.add(property, amount)
    }

    /// Adds to a floating-point number. True when that changed what it shows. Amounts added between two flushes are
    /// summed first, here and at the master alike.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn add_float(&mut self, property: PropertyIndex, amount: f64) -> Result<bool> {
        self.add(property, amount)
    }

    /// Adds to a number, with what is to happen at bounds. True when that changed what it shows.
    ///
    /// A guarded addition is decided by the master's value, whatever this process sees: it is a batch of its own, and may be
    /// refused though it was possible here.
    ///
    /// # Errors
    /// [`Error::GuardFailed`], [`Error::Overflow`], [`Error::InvalidArgument`] for bounds that no number is within, else as
    /// [`set`](Self::set).
    pub fn add(&mut self, property: PropertyIndex, addition: impl Into<Addition>) -> Result<bool> {
        let Addition(add) = addition.into();
        match self.add_again(property, &add) {
            Some(changed) => Ok(changed),
            None => self.change(property, Change::Add(add)),
        }
    }

    /// Lets the batch that is begun be refused unless a property has this value when the master decides it, whatever this
    /// process sees: for what must not be done twice or on a wrong premise. The property must be one that this process may
    /// see, and a scalar, of a profile that this process may write to.
    ///
    /// # Errors
    /// [`Error::PreconditionFailed`] when it does not have the value here (but not in a batch with an idempotency key);
    /// [`Error::InvalidArgument`] outside of a batch, and for a volatile property; [`Error::WrongType`], [`Error::NotPermitted`], [`Error::LimitReached`], [`Error::Unavailable`].
    pub fn require(&mut self, property: PropertyIndex, value: impl Into<Value>) -> Result<()> {
        if !self.batches.in_bracket() {
            return Err(bracket_error("is not begun"));
        }
        let info = self.schema.property(property);
        if matches!(self.state, State::Live { .. }) && !info.is_at_master() {
            return Err(Error::NotAtMaster { property: info.shared_name().clone() });
        }
        if let State::Live { relation } = &self.state
            // Whoever may write nothing is refused whatever it asks.
            && (*relation == Relation::OtherClient || !info.visible_to(*relation))
        {
            return Err(Error::NotPermitted { who: relation.who(), property: info.shared_name().clone() });
        }
        if info.value_type().has_parts() {
            return Err(info.wrong_type("a scalar"));
        }
        if info.is_volatile() && self.state != State::Alone {
            let reason = format!("`{}` is volatile: it can't be part of a batch", info.name());
            return Err(Error::InvalidArgument { argument: "property", reason });
        }
        let change = Change::Require(value.into());
        let shown = self.get(property);
        let step = self.or_for_the_master(
            property,
            &change,
            shown,
            change.resolve(&info.slot(), shown, std::iter::empty()),
        )?;
        let interval = info.interval();
        self.record(property, change, &step, false)?;
        self.wait_for(interval);
        Ok(())
    }

    /// Appends an item to a list.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn list_push(&mut self, property: PropertyIndex, value: impl Into<Value>) -> Result<bool> {
        if self.is_nested(property) {
            return self.insert_part(property, Path::root(), None, value.into());
        }
        self.change(property, Change::List(ListChange::Insert { after: Anchor::End, value: value.into() }))
    }

    /// Inserts an item into a list, so that it stands at `index`.
    ///
    /// # Errors
    /// [`Error::IndexOutOfRange`], else as [`set`](Self::set).
    pub fn list_insert(
        &mut self,
        property: PropertyIndex,
        index: u32,
        value: impl Into<Value>,
    ) -> Result<bool> {
        if self.is_nested(property) {
            return self.insert_part(property, Path::root(), Some(index), value.into());
        }
        self.writable(property)?;
        let count = self.list(property)?.len();
        if index as usize > count {
            return Err(self.no_item(property, index));
        }
        let after = match index {
            _ if index as usize == count => Anchor::End,
            0 => Anchor::Front,
            _ => Anchor::After(self.item_at(property, index - 1)?),
        };
        self.change(property, Change::List(ListChange::Insert { after, value: value.into() }))
    }

    /// Gives an item of a list another value.
    ///
    /// # Errors
    /// [`Error::IndexOutOfRange`], else as [`set`](Self::set).
    pub fn list_set(&mut self, property: PropertyIndex, index: u32, value: impl Into<Value>) -> Result<bool> {
        if self.is_nested(property) {
            return self.set_at(property, (index,), value);
        }
        let item = self.item_at(property, index)?;
        self.change(property, Change::List(ListChange::Set { item, value: value.into() }))
    }

    /// Removes an item of a list.
    ///
    /// # Errors
    /// [`Error::IndexOutOfRange`], else as [`set`](Self::set).
    pub fn list_remove(&mut self, property: PropertyIndex, index: u32) -> Result<bool> {
        if self.is_nested(property) {
            return self.remove_at(property, (index,));
        }
        let item = self.item_at(property, index)?;
        self.change(property, Change::List(ListChange::Remove { item }))
    }

    /// Moves an item of a list, so that it stands at `to`.
    ///
    /// # Errors
    /// [`Error::IndexOutOfRange`], else as [`set`](Self::set).
    pub fn list_move(&mut self, property: PropertyIndex, from: u32, to: u32) -> Result<bool> {
        if self.is_nested(property) {
            return self.move_at(property, (from,), to);
        }
        let item = self.item_at(property, from)?;
        let last = self.list(property)?.len() as u32 - 1;
        if to > last {
            return Err(self.no_item(property, to));
        }
        let after = match to {
            0 => Anchor::Front,
            _ if to == last => Anchor::End,
            // The one before it when it has been taken out.
            _ => Anchor::After(self.item_at(property, to - 1 + u32::from(from < to))?),
        };
        self.change(property, Change::List(ListChange::Move { item, after }))
    }

    /// Gives a key of a dictionary a value.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn dict_put(
        &mut self,
        property: PropertyIndex,
        key: impl Into<Key>,
        value: impl Into<Value>,
    ) -> Result<bool> {
        let key = key.into();
        if self.is_nested(property) {
            return self.set_at(property, Path::root().with(PathStep::Entry(key)), value);
        }
        self.change(property, Change::Dict(DictChange::Put { key, value: value.into() }))
    }

    /// Removes a key of a dictionary. False when there is no such key.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn dict_remove(&mut self, property: PropertyIndex, key: impl Into<Key>) -> Result<bool> {
        let key = key.into();
        if self.is_nested(property) {
            return self.remove_at(property, Path::root().with(PathStep::Entry(key)));
        }
        self.change(property, Change::Dict(DictChange::Remove { key }))
    }

    /// Adds to the number of a key of a dictionary; a key that is not there counts as zero.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn dict_add(
        &mut self,
        property: PropertyIndex,
        key: impl Into<Key>,
        addition: impl Into<Addition>,
    ) -> Result<bool> {
        let Addition(add) = addition.into();
        if self.is_nested(property) {
            let path = Path::root().with(PathStep::Entry(key.into()));
            return self.add_at(property, path, Addition(add));
        }
        self.change(property, Change::Dict(DictChange::Add { key: key.into(), add }))
    }

    /// Removes everything from a list or a dictionary, also what others put there meanwhile.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn clear(&mut self, property: PropertyIndex) -> Result<bool> {
        self.writable(property)?;
        if self.is_nested(property) && self.schema.property(property).value_type().is_container() {
            return self.change_part(property, Path::root(), AtChange::Clear);
        }
        let change = match self.get(property) {
            Value::List(_) => Change::List(ListChange::Clear),
            Value::Dict(_) => Change::Dict(DictChange::Clear),
            _ => return Err(self.schema.property(property).wrong_type("a list or dictionary")),
        };
        self.change(property, change)
    }

    /// Makes several changes that are applied together or not at all: when the closure fails, what it changed is taken
    /// back; when the master refuses one of them, all of them are rolled back. See [`begin_batch`](Self::begin_batch).
    ///
    /// # Errors
    /// What the closure returns; [`Error::InvalidArgument`] inside another batch.
    pub fn batch<T>(&mut self, changes: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.begin_batch()?;
        self.end_batch(changes)
    }

    fn end_batch<T>(&mut self, changes: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let result = changes(self);
        match &result {
            Ok(_) => self.commit_batch()?,
            Err(_) => self.cancel_batch()?,
        }
        result
    }

    /// The same under an idempotency key, for what must be done once though the caller may crash and ask again: see
    /// [`begin_batch_once`](Self::begin_batch_once).
    ///
    /// ```no_run
    /// # fn example(profile: &mut mst_profiles::Profile, gold: mst_profiles::PropertyIndex) -> mst_profiles::Result<()> {
    /// profile.batch_once("payment-2041", |profile| profile.add(gold, 500))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`batch`](Self::batch) and [`begin_batch_once`](Self::begin_batch_once).
    pub fn batch_once<T>(&mut self, key: &str, changes: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.begin_batch_once(key)?;
        self.end_batch(changes)
    }

    /// The same, as part of a batch that may be begun already.
    pub(super) fn in_batch<T>(&mut self, changes: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.batches.in_bracket() { changes(self) } else { self.batch(changes) }
    }

    /// Begins a batch: all changes until [`commit_batch`](Self::commit_batch) are applied together or not at all, and
    /// nothing of them is sent before. They show at once. They don't coalesce with each other, nor with what was changed
    /// before or after.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] inside another batch; [`Error::NotLoaded`], [`Error::Released`].
    pub fn begin_batch(&mut self) -> Result<()> {
        match &self.state {
            State::Filling { user } => return Err(Error::NotLoaded { user: user.clone() }),
            State::Released => return Err(Error::Released),
            State::Alone | State::Live { .. } => {}
        }
        if self.batches.in_bracket() {
            return Err(bracket_error("is begun already"));
        }
        self.batches.begin(true);
        Ok(())
    }

    /// Begins a batch under an idempotency key, a payment's id for example. The profile remembers the key and the outcome for
    /// [`IDEMPOTENCY_EXPIRY`](crate::limits::IDEMPOTENCY_EXPIRY), in the database: whoever asks again under the same key,
    /// this process or another, gets that outcome, and nothing is done a second time. A batch that was applied before counts
    /// as applied, and [`Event::Repeated`](crate::Event::Repeated) tells; one that was refused is refused for the same reason
    /// (but one that was refused as unavailable or for a limit may be tried again). Clients' keys are others than those of
    /// game servers and the master, which have theirs in common.
    ///
    /// In such a batch a value that is required, and bounds and guards of additions, are for the master alone: what is not
    /// possible with the values that are here may look so because it was done already. It is no error, shows nothing, and is
    /// asked for all the same; so is what would change nothing. A batch in which nothing was asked for is none, and its key is
    /// not remembered.
    ///
    /// # Errors
    /// As [`begin_batch`](Self::begin_batch); [`Error::InvalidArgument`] for an empty key or one with U+0000, and for a profile
    /// that belongs to no endpoint; [`Error::TooLong`] for one longer than
    /// [`MAX_IDEMPOTENCY_KEY_BYTES`](crate::limits::MAX_IDEMPOTENCY_KEY_BYTES).
    pub fn begin_batch_once(&mut self, key: &str) -> Result<()> {
        check_idempotency_key(key)?;
        if self.state == State::Alone {
            let reason = "a profile that belongs to no endpoint keeps none".into();
            return Err(Error::InvalidArgument { argument: "key", reason });
        }
        self.begin_batch()?;
        if let Some(batch) = self.batches.bracket_mut() {
            batch.key = Some(Arc::from(key));
        }
        Ok(())
    }

    /// Ends a batch; it is sent with the next flush.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when none is begun.
    pub fn commit_batch(&mut self) -> Result<()> {
        if !self.batches.in_bracket() {
            return Err(bracket_error("is not begun"));
        }
        self.batches.commit_bracket();
        Ok(())
    }

    /// Ends a batch and takes back what was changed in it, with events whose cause is [`Cause::Rollback`].
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when none is begun.
    pub fn cancel_batch(&mut self) -> Result<()> {
        let batch = self.batches.cancel_bracket().ok_or_else(|| bracket_error("is not begun"))?;
        self.forget_ops(&batch);
        self.rebase(Cause::Rollback);
        Ok(())
    }

    /// Sets each property that is a member of this JSON object, in one batch (but volatile ones by themselves); all of them,
    /// or on an error none.
    ///
    /// # Errors
    /// [`Error::InvalidJson`], [`Error::UnknownProperty`], or what [`set`](Self::set) finds.
    pub fn apply_json(&mut self, text: &str) -> Result<()> {
        let values = json::profile_from_json(&self.schema, text)?;
        // What is volatile can't be part of the batch.
        let is_volatile = |(property, _): &(PropertyIndex, Value)| {
            self.schema.property(*property).is_volatile() && self.state != State::Alone
        };
        let (mut volatile, values): (Vec<_>, Vec<_>) = values.into_iter().partition(is_volatile);
        volatile.retain(|(property, value)| self.get(*property) != value);
        for (property, value) in &volatile {
            self.writable(*property)?;
            self.check_volatile(*property, &Change::Set(value.clone()))?;
        }
        self.in_batch(|profile| {
            values.into_iter().try_for_each(|(p, value)| profile.set(p, value).map(drop))
        })?;
        volatile.into_iter().try_for_each(|(property, value)| self.set(property, value).map(drop))
    }

    fn is_nested(&self, property: PropertyIndex) -> bool {
        self.schema.property(property).value_type().is_nested()
    }

    fn list(&self, property: PropertyIndex) -> Result<&List> {
        self.get(property).as_list().ok_or_else(|| self.schema.property(property).wrong_type("list"))
    }

    fn no_item(&self, property: PropertyIndex, index: u32) -> Error {
        let count = self.get(property).as_list().map_or(0, List::len);
        Error::IndexOutOfRange {
            property: self.schema.property(property).shared_name().clone(),
            index,
            count,
        }
    }

    /// The item that is shown at a place.
    fn item_at(&self, property: PropertyIndex, index: u32) -> Result<ItemRef> {
        self.writable(property)?;
        if index as usize >= self.list(property)?.len() {
            return Err(self.no_item(property, index));
        }
        let base = ItemRef::Base { index, since: 0 };
        Ok(self.overlays.get(property.0).map_or(base, |overlay| overlay.item_at(index)))
    }

    /// Checks a change, records it and shows it.
    pub(super) fn change(&mut self, property: PropertyIndex, mut change: Change) -> Result<bool> {
        self.writable(property)?;
        let info = self.schema.property(property);
        if info.is_volatile() && self.state != State::Alone {
            return self.set_volatile(property, &change);
        }
        let shown = &self.values[property.usize()];
        let overlay = self.overlays.get(property.0);
        if let Some(add) = change.addition() {
            add.check()?;
        }
        // An addition that becomes one with the one before it is made to what was there before that.
        let merged = match (&change, overlay) {
            (Change::Add(add), Some(overlay)) => {
                self.merged_addition(overlay.open, add, info.value_type().scalar())
            }
            _ => None,
        };
        let resolved = match (&merged, overlay) {
            (Some(add), Some(overlay)) => {
                let step = Change::Add(*add).resolve(&info.slot(), &overlay.base, std::iter::empty())?;
                if let Step::Value(sum) = &step {
                    // What may only grow does so also from what is shown.
                    info.slot().check_order(shown, sum)?;
                }
                Ok(step)
            }
            (_, Some(overlay)) => change.resolve(&info.slot(), shown, overlay.history()),
            (_, None) => change.resolve(&info.slot(), shown, std::iter::empty()),
        };
        let step = self.or_for_the_master(property, &change, shown, resolved)?;
        // What has bounds may do something to the master's value though it does nothing to this one.
        let relative = change.addition().is_some_and(|add| !add.is_plain());
        let is_idle = step.is_idle(shown) && !relative && (overlay.is_none() || is_nothing(&change));
        // Under a key it is to be known that this was asked for, also if it does nothing.
        if is_idle && !self.batches.in_keyed_bracket() {
            return Ok(false);
        }
        let growth = step.growth(shown);
        let size = self.size.saturating_add_signed(growth);
        if size > MAX_PROFILE_BYTES && growth > 0 {
            return Err(Error::ProfileTooLarge { property: info.shared_name().clone(), length: size });
        }
        let urgent = info.sync() == SyncClass::Immediate;
        let interval = info.interval();
        let merges = merged.is_some();
        if let Some(add) = merged {
            change = Change::Add(add);
        }
        self.record(property, change, &step, merges)?;
        self.urgent |= urgent;
        self.wait_for(interval);
        let shown = &mut self.values[property.usize()];
        let before = shown.size();
        // It was resolved for this value, so it fits.
        let Ok(changed) = step.apply(shown) else { return Ok(false) };
        self.size = self.size - before + shown.size();
        let Some(change) = changed else { return Ok(false) };
        self.events.push(PropertyChanged { property, cause: Cause::Local, change });
        Ok(true)
    }

    /// Something was recorded that may wait for a property's own interval, or else for the endpoint's.
    pub(super) fn wait_for(&mut self, interval: Option<Duration>) {
        match interval {
            None => self.wait.usual = true,
            Some(_) => self.wait.own = self.wait.own.into_iter().chain(interval).min(),
        }
    }

    /// In a batch with an idempotency key, what is not possible with the values that are here is no error: it may look so because
    /// it was done already, and only the master knows. It is asked for, and shows nothing here.
    fn or_for_the_master(
        &self,
        property: PropertyIndex,
        change: &Change,
        shown: &Value,
        resolved: Result<Step>,
    ) -> Result<Step> {
        let by_value = |error: &Error| {
            matches!(
                error,
                Error::PreconditionFailed { .. }
                    | Error::GuardFailed { .. }
                    | Error::Overflow { .. }
                    | Error::OutOfRange { .. }
                    | Error::NotMonotonic { .. }
            )
        };
        if !self.batches.in_keyed_bracket() || !resolved.as_ref().is_err_and(by_value) {
            return resolved;
        }
        match (change, shown) {
            (Change::Add(_) | Change::Require(_), _) => Ok(Step::Value(shown.clone())),
            (Change::At(at), _) if matches!(at.what, AtChange::Add(_)) => {
                self.idle_part(property, at, shown).map_or(resolved, Ok)
            }
            (Change::Dict(DictChange::Add { key, .. }), Value::Dict(dict)) => {
                let key = key.clone();
                Ok(Step::Dict(match dict.get(&key).cloned() {
                    Some(value) => DictEffect::Put { key, value },
                    None => DictEffect::Remove { key },
                }))
            }
            _ => resolved,
        }
    }

    /// The addition that stands for the last one of an open batch and another after it, if one can.
    fn merged_addition(&self, batch: u64, add: &Add, scalar: Option<ScalarType>) -> Option<Add> {
        match &self.batches.open(batch)?.ops.last()?.change {
            Change::Add(before) => before.then(add, scalar?),
            _ => None,
        }
    }

    /// Puts a change that was resolved for the shown value, and not yet made to it, among the pending ones. `merges` tells
    /// that it stands for the last one of the open batch too.
    fn record(&mut self, property: PropertyIndex, change: Change, step: &Step, merges: bool) -> Result<()> {
        let shown = &self.values[property.usize()];
        let bytes = change.size();
        // A batch of a stand-alone profile goes nowhere.
        if bytes > MAX_BATCH_BYTES && self.state != State::Alone {
            return Err(Error::LimitReached { what: "bytes in a batch", limit: MAX_BATCH_BYTES });
        }
        if self.batches.in_bracket() {
            return self.record_in_bracket(property, change, step);
        }
        let guarded = change.addition().is_some_and(Add::is_guarded);
        let full = self.batches.unsealed_bytes() + bytes > MAX_UNSENT_BYTES;
        let open = if guarded { 0 } else { self.overlays.get(property.0).map_or(0, |overlay| overlay.open) };
        if let Some(batch) = self.batches.open_mut(open) {
            let (ops_before, bytes_before) = (batch.ops.len(), batch.bytes);
            let is_part = !step.is_value();
            if is_part && bytes_before + bytes > MAX_BATCH_BYTES {
                return self.record_anew(property, change, step, false);
            }
            if is_part && full {
                return Err(too_much());
            }
            let overlay = self.overlays.over(property.0, shown);
            let base = || if is_part { Value::Bool(false) } else { shown.clone() };
            match coalesce(batch, &change, step, merges, &mut overlay.track) {
                Some(replaced) => {
                    batch.bytes = bytes_before - replaced + bytes;
                    if !merges {
                        overlay.base = base();
                    }
                }
                None if ops_before >= MAX_BATCH_OPS => {
                    return self.record_anew(property, change, step, false);
                }
                None if full => return Err(too_much()),
                None => {
                    let own = OwnOp { batch: batch.number, op: ops_before as u32 };
                    batch.ops.push(Op { property: property.0, change });
                    batch.bytes += bytes;
                    overlay.base = base();
                    track(&mut overlay.track, own, step);
                }
            }
            let (ops_after, bytes_after) = (batch.ops.len(), batch.bytes);
            overlay.pending = overlay.pending + ops_after as u32 - ops_before as u32;
            self.batches.resized(bytes_before, bytes_after);
            return Ok(());
        }
        self.record_anew(property, change, step, guarded)
    }

    /// Puts a change into the batch that the game has begun, where nothing coalesces.
    fn record_in_bracket(&mut self, property: PropertyIndex, change: Change, step: &Step) -> Result<()> {
        let bytes = change.size();
        if self.batches.unsealed_bytes() + bytes > MAX_UNSENT_BYTES {
            return Err(too_much());
        }
        let alone = self.state == State::Alone;
        let Some(batch) = self.batches.bracket_mut() else { return Err(bracket_error("is not begun")) };
        // A batch of a stand-alone profile goes nowhere.
        if !alone {
            for (what, count, limit) in [
                ("operations in a batch", batch.ops.len() + 1, MAX_BATCH_OPS),
                ("bytes in a batch", batch.bytes + bytes, MAX_BATCH_BYTES),
            ] {
                if count > limit {
                    return Err(Error::LimitReached { what, limit });
                }
            }
        }
        let own = OwnOp { batch: batch.number, op: batch.ops.len() as u32 };
        batch.ops.push(Op { property: property.0, change });
        batch.bytes += bytes;
        self.batches.resized(0, bytes);
        let overlay = self.overlays.over(property.0, &self.values[property.usize()]);
        if !planted(Bug::CoalescedAcrossBracket) {
            overlay.open = 0;
        }
        overlay.pending += 1;
        track(&mut overlay.track, own, step);
        Ok(())
    }

    /// Puts a change into a batch of its own, which takes further ones of the property unless it is closed.
    fn record_anew(
        &mut self,
        property: PropertyIndex,
        change: Change,
        step: &Step,
        closed: bool,
    ) -> Result<()> {
        let bytes = change.size();
        if self.batches.unsealed_bytes() + bytes > MAX_UNSENT_BYTES {
            return Err(too_much());
        }
        let shown = &self.values[property.usize()];
        let batch = self.batches.begin(false);
        let number = batch.number;
        batch.ops.push(Op { property: property.0, change });
        batch.bytes = bytes;
        self.batches.resized(0, bytes);
        let overlay = self.overlays.over(property.0, shown);
        overlay.pending += 1;
        overlay.open = if closed { 0 } else { number };
        overlay.base = if step.is_value() { shown.clone() } else { Value::Bool(false) };
        track(&mut overlay.track, OwnOp { batch: number, op: 0 }, step);
        Ok(())
    }

    /// The operations of a batch are pending no more; a rebase has to follow.
    pub(super) fn forget_ops(&mut self, batch: &Batch) {
        for op in &batch.ops {
            if let Some(overlay) = self.overlays.get_mut(op.property) {
                overlay.pending -= 1;
                self.touched.push(op.property);
            }
        }
    }
}

/// Orders the steps from one dictionary to another so that it never has fewer than `least` entries, as far as it can be.
fn never_fewer(steps: Vec<ValueChange>, mut count: usize, least: usize) -> Vec<ValueChange> {
    let (gone, put): (Vec<_>, Vec<_>) =
        steps.into_iter().partition(|step| matches!(step, ValueChange::EntryRemoved { .. }));
    let (mut gone, mut put) = (gone.into_iter(), put.into_iter());
    let mut steps = Vec::with_capacity(gone.len() + put.len());
    loop {
        let next = if count > least {
            gone.next().or_else(|| put.next())
        } else {
            put.next().or_else(|| gone.next())
        };
        match &next {
            Some(ValueChange::EntryRemoved { .. }) => count = count.saturating_sub(1),
            Some(ValueChange::EntryPut { old: None, .. }) => count += 1,
            _ => {}
        }
        match next {
            Some(step) => steps.push(step),
            None => return steps,
        }
    }
}

/// Whether a change does nothing to whatever it is made to.
fn is_nothing(change: &Change) -> bool {
    match change {
        Change::Add(add) => add.is_nothing(),
        // An entry that is not there would be made.
        _ => false,
    }
}

/// Checks what a writer names a batch by.
pub(crate) fn check_idempotency_key(key: &str) -> Result<()> {
    if key.len() > MAX_IDEMPOTENCY_KEY_BYTES {
        let what = "an idempotency key".into();
        return Err(Error::TooLong { what, length: key.len(), limit: MAX_IDEMPOTENCY_KEY_BYTES });
    }
    if key.is_empty() || key.contains('\0') {
        let reason = "is empty, or has U+0000 in it".into();
        return Err(Error::InvalidArgument { argument: "key", reason });
    }
    Ok(())
}

fn too_much() -> Error {
    Error::Unavailable { reason: "too many changes wait to be sent already".into() }
}

pub(super) fn bracket_error(reason: &str) -> Error {
    Error::InvalidArgument { argument: "batch", reason: reason.into() }
}
