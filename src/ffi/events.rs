//! Events as plain structs.

use super::profile::MstProfile;
use super::schema::MstValueType;
use crate::profile::{Cause, PropertyChanged};
use crate::schema::Schema;
use crate::value::Value;

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
    /// A property of `profile` changed; `cause` says why, and the old and the new value are there for numbers.
    MST_EVENT_PROPERTY_CHANGED = 7,
    /// Batches of `profile` up to `number` are decided: applied, or refused as told before.
    MST_EVENT_APPLIED = 8,
    /// Batches of `profile` up to `number` are decided for good: in the database, committed and synced, or refused as told
    /// before.
    MST_EVENT_DURABLE = 9,
    /// Batch `number` of `profile` was refused and is taken back; `code`, the property and the text say why.
    MST_EVENT_REFUSED = 10,
    /// A crash of the master took back what was applied to `profile` after batch `number`; it is sent again.
    MST_EVENT_TAKEN_BACK = 11,
    /// `profile` was let go. Its handle still has to be freed.
    MST_EVENT_PROFILE_RELEASED = 12,
    /// `number` events, of whatever type, were dropped because nobody polled; read values and states anew.
    MST_EVENT_OVERFLOW = 13,
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
    /// A change of this process was refused and taken back.
    MST_CAUSE_ROLLBACK = 2,
    /// The profile was loaded.
    MST_CAUSE_LOAD = 3,
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
    /// An `MstValueType`, for the four values that follow.
    pub value_type: u8,
    /// An `MstCause`.
    pub cause: u8,
    /// The value before, of a bool or an integer.
    pub old_int: i64,
    /// The value after, of a bool or an integer.
    pub new_int: i64,
    /// The value before, of a floating-point number.
    pub old_float: f64,
    /// The value after, of a floating-point number.
    pub new_float: f64,
}

impl MstEvent {
    pub(super) fn new(event_type: MstEventType) -> Self {
        Self {
            event_type: event_type as i32,
            code: 0,
            profile: std::ptr::null_mut(),
            number: 0,
            property_index: u32::MAX,
            property_key: 0,
            value_type: MstValueType::MST_TYPE_NONE as i32 as u8,
            cause: 0,
            old_int: 0,
            new_int: 0,
            old_float: 0.0,
            new_float: 0.0,
        }
    }

    pub(super) fn changed(schema: &Schema, change: &PropertyChanged) -> Self {
        let mut event = Self::new(MstEventType::MST_EVENT_PROPERTY_CHANGED);
        let property = schema.property(change.property);
        event.property_index = u32::from(change.property.get());
        event.property_key = property.key();
        event.value_type = MstValueType::from(property.value_type()) as i32 as u8;
        event.cause = match change.cause {
            Cause::Local => MstCause::MST_CAUSE_LOCAL,
            Cause::Remote => MstCause::MST_CAUSE_REMOTE,
            Cause::Rollback => MstCause::MST_CAUSE_ROLLBACK,
            Cause::Load => MstCause::MST_CAUSE_LOAD,
        } as i32 as u8;
        (event.old_int, event.old_float) = change.old_value().map_or((0, 0.0), numbers);
        (event.new_int, event.new_float) = change.new_value().map_or((0, 0.0), numbers);
        event
    }
}

fn numbers(value: &Value) -> (i64, f64) {
    match value {
        Value::Bool(v) => (i64::from(*v), 0.0),
        Value::I32(v) => (i64::from(*v), 0.0),
        Value::I64(v) => (*v, 0.0),
        Value::F64(v) => (0, *v),
        _ => (0, 0.0),
    }
}
