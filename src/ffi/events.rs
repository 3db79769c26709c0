//! Events as plain structs.

use std::ptr;

use super::profile::MstProfile;
use super::result::{Failure, Outcome};
use super::value::{MstKey, MstKeyType, MstValue, MstValueType, Room, numbers, put_key, put_value};
use crate::error::Error;
use crate::profile::{Cause, PropertyChanged};
use crate::schema::Schema;
use crate::value::{Key, KeyType, PathStep, Value, ValueChange, ValueType};

/// What an event tells.
#[allow(non_camel_case_types)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum MstEventType {
    /// There is no event.
    MST_EVENT_NONE = 0,
    /// The master said welcome.
    MST_EVENT_CONNECTED = 1,
    /// The connection ended or an attempt failed; the next begins in `number` milliseconds. `code` and the text say why.
    MST_EVENT_DISCONNECTED = 2,
    /// The master will not have this peer; no attempt follows. `code` and the text say why.
    MST_EVENT_FAILED = 3,
    /// `profile` has its values.
    MST_EVENT_PROFILE_LOADED = 4,
    /// `profile` goes on after a reconnect; `number` is 1 when all of it travelled again, 0 when only what changed did.
    MST_EVENT_PROFILE_RESUMED = 5,
    /// `profile` can't be loaded; `code` and the text say why. One that never was loaded is released by that.
    MST_EVENT_OPEN_FAILED = 6,
    /// A property of `profile`, or an element of it, changed; `cause` says why and `change` how. The old and the new value
    /// are there for numbers; `mst_endpoint_event_value` gives them for every type.
    MST_EVENT_PROPERTY_CHANGED = 7,
    /// Batches of `profile` up to `number` are decided: applied, or refused as told before.
    MST_EVENT_APPLIED = 8,
    /// Batches of `profile` up to `number` are decided for good: in the database, committed and synced, or refused as told
    /// before.
    MST_EVENT_DURABLE = 9,
    /// Batch `number` of `profile` was refused and is taken back; `code`, the property and the text say why. The number is 0
    /// for a value of a volatile property.
    MST_EVENT_REFUSED = 10,
    /// A crash of the master took back what was applied to `profile` after batch `number`; it is sent again.
    MST_EVENT_TAKEN_BACK = 11,
    /// `profile` was let go. Its handle still has to be freed.
    MST_EVENT_PROFILE_RELEASED = 12,
    /// `number` events, of whatever type, were dropped because nobody polled; read values and states anew.
    MST_EVENT_OVERFLOW = 13,
    /// Batch `number` of `profile` was applied before, under the same idempotency key, and was not applied again. It counts as
    /// applied.
    MST_EVENT_REPEATED = 14,
    /// What this process had of `profile` was not what the master had. All of it is sent anew; `MST_EVENT_PROFILE_RESUMED`
    /// follows.
    MST_EVENT_DIVERGED = 15,
    /// Question `number` was answered: with `MST_OK` in `code` the text is JSON, else it says why there is no answer.
    MST_EVENT_ANSWER = 16,
}

/// Why a value changed.
#[allow(non_camel_case_types)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum MstCause {
    /// This process changed it.
    MST_CAUSE_LOCAL = 0,
    /// Somebody else changed it, or the master decided differently.
    MST_CAUSE_REMOTE = 1,
    /// A change of this process was refused, or its batch cancelled, and is taken back.
    MST_CAUSE_ROLLBACK = 2,
    /// The profile was loaded.
    MST_CAUSE_LOAD = 3,
}

/// How a property changed.
#[allow(non_camel_case_types)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum MstChange {
    /// It did not.
    MST_CHANGE_NONE = 0,
    /// The whole value is another one.
    MST_CHANGE_REPLACED = 1,
    /// The item of a list at `item_index` is another one.
    MST_CHANGE_ITEM_SET = 2,
    /// An item was inserted into a list, and stands at `item_index`.
    MST_CHANGE_ITEM_INSERTED = 3,
    /// The item that stood at `item_index` was removed from a list.
    MST_CHANGE_ITEM_REMOVED = 4,
    /// The item of a list that stood at `item_index` stands at `to_index`.
    MST_CHANGE_ITEM_MOVED = 5,
    /// A key of a dictionary has a value now (`has_old` is 0), or another one.
    MST_CHANGE_ENTRY_PUT = 6,
    /// A key was removed from a dictionary.
    MST_CHANGE_ENTRY_REMOVED = 7,
    /// Everything was removed from a list or dictionary; `old_int` says how many there were.
    MST_CHANGE_CLEARED = 8,
    /// A field of a record has another value. `mst_endpoint_event_path` and `mst_profile_event_path` give the way to it.
    MST_CHANGE_FIELD_SET = 9,
}

/// Something that happened. Fields that an event does not use are zero.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct MstEvent {
    /// An `MstEventType`.
    pub event_type: i32,
    /// An `MstResult`.
    pub code: i32,
    /// The profile, as the handle that its maker got; null where there is none, or it was freed.
    pub profile: *mut MstProfile,
    /// A batch's number, or what the event's type says.
    pub number: u64,
    /// The property's index in its schema; `UINT32_MAX` where there is none.
    pub property_index: u32,
    /// The property's key.
    pub property_key: u16,
    /// An `MstValueType`, of the value before and after: of a list or dictionary that of the element that changed, or of
    /// itself when all of it did.
    pub value_type: u8,
    /// An `MstCause`.
    pub cause: u8,
    /// The value before, of a bool, an integer, a datetime or a color (as in `MstValue`).
    pub old_int: i64,
    /// The value after, of the same.
    pub new_int: i64,
    /// The value before, of a floating-point number.
    pub old_float: f64,
    /// The value after, of the same.
    pub new_float: f64,
    /// The key of the entry that changed, if it is an integer; a text is given by `mst_endpoint_event_key`.
    pub key_int: i64,
    /// The place of the item that changed, from 0.
    pub item_index: u32,
    /// The place of the item that moved, from 0.
    pub to_index: u32,
    /// An `MstChange`.
    pub change: u8,
    /// The `MstKeyType` of the entry that changed.
    pub key_type: u8,
    /// 1 when there is a value before, else 0.
    pub has_old: u8,
    /// 1 when there is a value after, else 0.
    pub has_new: u8,
    /// 1 when a field changed, or something within an item, an entry or a field: `mst_endpoint_event_path` and
    /// `mst_profile_event_path` give the way to it.
    pub is_within: u8,
    /// Zero.
    pub reserved: [u8; 3],
}

impl MstEvent {
    pub(super) fn new(event_type: MstEventType) -> Self {
        Self {
            event_type: event_type as i32,
            code: 0,
            profile: ptr::null_mut(),
            number: 0,
            property_index: u32::MAX,
            property_key: 0,
            value_type: MstValueType::MST_TYPE_NONE as i32 as u8,
            cause: 0,
            old_int: 0,
            new_int: 0,
            old_float: 0.0,
            new_float: 0.0,
            key_int: 0,
            item_index: 0,
            to_index: 0,
            change: MstChange::MST_CHANGE_NONE as i32 as u8,
            key_type: MstKeyType::MST_KEY_NONE as i32 as u8,
            has_old: 0,
            has_new: 0,
            is_within: 0,
            reserved: [0; 3],
        }
    }

    pub(super) fn changed(schema: &Schema, changed: &PropertyChanged) -> Self {
        let mut event = Self::new(MstEventType::MST_EVENT_PROPERTY_CHANGED);
        let property = schema.property(changed.property);
        event.property_index = u32::from(changed.property.get());
        event.property_key = property.key();
        event.cause = match changed.cause {
            Cause::Local => MstCause::MST_CAUSE_LOCAL,
            Cause::Remote => MstCause::MST_CAUSE_REMOTE,
            Cause::Rollback => MstCause::MST_CAUSE_ROLLBACK,
            Cause::Load => MstCause::MST_CAUSE_LOAD,
        } as i32 as u8;
        let told = innermost(&changed.change);
        let (change, item_index, to_index) = match told {
            ValueChange::FieldSet { .. } => (MstChange::MST_CHANGE_FIELD_SET, 0, 0),
            ValueChange::Replaced { .. } => (MstChange::MST_CHANGE_REPLACED, 0, 0),
            ValueChange::ItemSet { index, .. } => (MstChange::MST_CHANGE_ITEM_SET, *index, 0),
            ValueChange::ItemInserted { index, .. } => (MstChange::MST_CHANGE_ITEM_INSERTED, *index, 0),
            ValueChange::ItemRemoved { index, .. } => (MstChange::MST_CHANGE_ITEM_REMOVED, *index, 0),
            ValueChange::ItemMoved { from, to } => (MstChange::MST_CHANGE_ITEM_MOVED, *from, *to),
            ValueChange::EntryPut { .. } => (MstChange::MST_CHANGE_ENTRY_PUT, 0, 0),
            ValueChange::EntryRemoved { .. } => (MstChange::MST_CHANGE_ENTRY_REMOVED, 0, 0),
            ValueChange::Cleared { .. } | ValueChange::At { .. } => (MstChange::MST_CHANGE_CLEARED, 0, 0),
        };
        event.change = change as i32 as u8;
        (event.item_index, event.to_index) = (item_index, to_index);
        let (old, new) = (old_value(told), new_value(told));
        (event.old_int, event.old_float) = old.map_or((0, 0.0), numbers);
        (event.new_int, event.new_float) = new.map_or((0, 0.0), numbers);
        (event.has_old, event.has_new) = (u8::from(old.is_some()), u8::from(new.is_some()));
        if let Some(value) = new.or(old) {
            event.value_type = MstValueType::of(value) as i32 as u8;
        }
        event.is_within = u8::from(is_within(&changed.change));
        if let Some((key, key_type)) = key(told).zip(key_type(&changed.change, property.value_type())) {
            event.key_type = MstKeyType::from(key_type) as i32 as u8;
            if let Key::Int(int) = key {
                event.key_int = *int;
            }
        }
        event
    }
}

/// What changed, wherever within the property.
fn innermost(change: &ValueChange) -> &ValueChange {
    match change {
        ValueChange::At { change, .. } => innermost(change),
        change => change,
    }
}

/// Whether something within the property changed that is no item and no entry of its own.
fn is_within(change: &ValueChange) -> bool {
    matches!(change, ValueChange::At { .. } | ValueChange::FieldSet { .. })
}

/// The type of the keys of the dictionary that changed.
fn key_type(change: &ValueChange, value_type: &ValueType) -> Option<KeyType> {
    let dict = match change {
        ValueChange::At { path, .. } => path.type_in(value_type)?,
        _ => value_type,
    };
    match dict {
        ValueType::Dict(key_type, _) => Some(*key_type),
        _ => None,
    }
}

/// The way from the property's value to what changed, as text: to the field, item or entry, or to the list or dictionary that was
/// cleared.
fn path_text(change: &ValueChange) -> String {
    match change {
        ValueChange::At { path, change } => format!("{path}{}", path_text(change)),
        ValueChange::FieldSet { field, .. } => format!(".{}", field.name()),
        ValueChange::ItemSet { index, .. }
        | ValueChange::ItemInserted { index, .. }
        | ValueChange::ItemRemoved { index, .. }
        | ValueChange::ItemMoved { from: index, .. } => PathStep::Item(*index).to_string(),
        ValueChange::EntryPut { key, .. } | ValueChange::EntryRemoved { key, .. } => {
            PathStep::Entry(key.clone()).to_string()
        }
        ValueChange::Replaced { .. } | ValueChange::Cleared { .. } => String::new(),
    }
}

fn old_value(change: &ValueChange) -> Option<&Value> {
    match change {
        ValueChange::Replaced { old, .. }
        | ValueChange::ItemSet { old, .. }
        | ValueChange::FieldSet { old, .. }
        | ValueChange::ItemRemoved { value: old, .. }
        | ValueChange::EntryPut { old: Some(old), .. }
        | ValueChange::EntryRemoved { old, .. }
        | ValueChange::Cleared { old } => Some(old),
        ValueChange::At { change, .. } => old_value(change),
        ValueChange::ItemInserted { .. } | ValueChange::ItemMoved { .. } | ValueChange::EntryPut { .. } => {
            None
        }
    }
}

fn new_value(change: &ValueChange) -> Option<&Value> {
    match change {
        ValueChange::Replaced { new, .. }
        | ValueChange::ItemSet { new, .. }
        | ValueChange::FieldSet { new, .. }
        | ValueChange::ItemInserted { value: new, .. }
        | ValueChange::EntryPut { new, .. } => Some(new),
        ValueChange::At { change, .. } => new_value(change),
        ValueChange::ItemRemoved { .. }
        | ValueChange::ItemMoved { .. }
        | ValueChange::EntryRemoved { .. }
        | ValueChange::Cleared { .. } => None,
    }
}

fn key(change: &ValueChange) -> Option<&Key> {
    match change {
        ValueChange::EntryPut { key, .. } | ValueChange::EntryRemoved { key, .. } => Some(key),
        ValueChange::At { change, .. } => key(change),
        _ => None,
    }
}

/// What belongs to the event that was told last and does not fit its struct.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    pub(super) change: Option<(PropertyChanged, ValueType)>,
    pub(super) error: Option<Error>,
    /// What the master said to a question.
    pub(super) answer: Option<String>,
}

impl Told {
    pub(super) fn changed(schema: &Schema, changed: PropertyChanged) -> Self {
        let value_type = schema.property(changed.property).value_type().clone();
        Self { change: Some((changed, value_type)), ..Self::default() }
    }

    /// Why something failed, or the new value of type string.
    pub(super) fn text(&self) -> String {
        if let Some(answer) = &self.answer {
            return answer.clone();
        }
        let new = self.change.as_ref().and_then(|(changed, _)| new_value(&changed.change));
        match (&self.error, new) {
            (Some(error), _) => error.to_string(),
            (None, Some(Value::String(text))) => text.to_string(),
            _ => String::new(),
        }
    }

    /// The way to what changed, as text.
    pub(super) fn path(&self) -> String {
        self.change.as_ref().map_or_else(String::new, |(changed, _)| path_text(&changed.change))
    }

    /// Gives the caller the value before (0) or after (1).
    ///
    /// # Safety
    /// As [`put_value`].
    pub(super) unsafe fn put_value(&self, which: u32, out: *mut MstValue, room: Room) -> Outcome {
        let change = self.change.as_ref().map(|(changed, _)| &changed.change);
        let value = match which {
            0 => change.and_then(old_value),
            1 => change.and_then(new_value),
            other => {
                return Err(Failure::argument("which", format!("{other} is neither 0 (old) nor 1 (new)")));
            }
        };
        // SAFETY: the caller's promise, passed on.
        unsafe { put_value("out_value", out, value, room) }
    }

    /// Gives the caller the key.
    ///
    /// # Safety
    /// As [`put_key`].
    pub(super) unsafe fn put_key(&self, out: *mut MstKey, room: Room) -> Outcome {
        let told = self.change.as_ref().and_then(|(changed, value_type)| {
            Some((key(&changed.change)?, key_type(&changed.change, value_type)?))
        });
        // SAFETY: the caller's promise, passed on.
        unsafe { put_key("out_key", out, told, room) }
    }
}
