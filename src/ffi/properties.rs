//! What a schema says of its properties.

use std::ffi::c_void;
use std::sync::Arc;
use std::time::Duration;

use libc::c_char;

use super::result::{Failure, MstResult, Outcome, guard};
use super::schema::{MstSchema, schema_of};
use super::text::{SizedStruct, put, put_text, read_text};
use super::value::{MstKeyType, MstValue, MstValueType, Room, put_value};
use crate::error::ErrorCode;
use crate::schema::{
    Limits, Merge, Number, Property, PropertyIndex, PropertyInfo, Schema, SyncClass, Visibility, Writers,
};
use crate::value::{ScalarType, ValueType};

/// Who may write a property, beside the master.
#[allow(non_camel_case_types)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum MstWriters {
    /// Game servers.
    MST_WRITERS_SERVERS = 0,
    /// The profile's owner and game servers.
    MST_WRITERS_OWNER = 1,
    /// The master alone.
    MST_WRITERS_MASTER = 2,
}

/// Who may see a property, beside the master.
#[allow(non_camel_case_types)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum MstVisibility {
    /// The profile's owner and game servers.
    MST_VISIBILITY_OWNER = 0,
    /// Everybody who observes the profile.
    MST_VISIBILITY_PUBLIC = 1,
    /// Game servers alone.
    MST_VISIBILITY_SERVERS = 2,
}

/// How concurrent writes of a number merge.
#[allow(non_camel_case_types)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum MstMerge {
    /// The last one stands.
    MST_MERGE_LAST = 0,
    /// Setting a value sends the difference to what was shown, so that all writers' changes count.
    MST_MERGE_SUM = 1,
}

/// When changes of a property travel.
#[allow(non_camel_case_types)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum MstSync {
    /// With the next flush of the endpoint's, and then of the master's interval.
    MST_SYNC_INTERVAL = 0,
    /// At once, with all that was changed before.
    MST_SYNC_IMMEDIATE = 1,
    /// At each tick by datagram, and once more when it is quiet. For scalars of which only the latest value matters: never
    /// stored, no part of batches, and only set.
    MST_SYNC_VOLATILE = 2,
}

/// What values of a property must keep to; all zeros is no limit. Of a list or dictionary, those of numbers and texts hold
/// for each item or value. (Patterns are texts of their own.)
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct MstLimits {
    /// The least integer, or moment in microseconds since 1970 UTC: see `has_min`.
    pub min_int: i64,
    /// The greatest: see `has_max`.
    pub max_int: i64,
    /// The least floating-point number: see `has_min`.
    pub min_float: f64,
    /// The greatest: see `has_max`.
    pub max_float: f64,
    /// The least length: of a text in Unicode characters, of `bytes` in bytes.
    pub min_length: u32,
    /// The greatest length.
    pub max_length: u32,
    /// The least number of items or entries.
    pub min_count: u32,
    /// The greatest.
    pub max_count: u32,
    /// The greatest length of a text key, in Unicode characters.
    pub max_key_length: u32,
    /// 1 when `min_float` (of floating-point numbers) or `min_int` (of integers and moments) is a limit, else 0.
    pub has_min: u8,
    /// The same for `max_float` or `max_int`.
    pub has_max: u8,
    /// 1 when `min_length` is a limit, else 0.
    pub has_min_length: u8,
    /// 1 when `max_length` is a limit, else 0.
    pub has_max_length: u8,
    /// 1 when `min_count` is a limit, else 0.
    pub has_min_count: u8,
    /// 1 when `max_count` is a limit, else 0.
    pub has_max_count: u8,
    /// 1 when `max_key_length` is a limit, else 0.
    pub has_max_key_length: u8,
    /// 1 when floating-point numbers must be neither NaN nor an infinity, else 0.
    pub finite: u8,
    /// 1 when a number or moment may only grow, else 0.
    pub monotonic: u8,
    /// Zero.
    pub reserved: [u8; 3],
}

/// What may be said of a property beside its name and default. Zero is the usual. The texts are copied.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct MstPropertyOptions {
    /// Set by `mst_property_options_init`.
    pub struct_size: u32,
    /// An `MstWriters`.
    pub writers: i32,
    /// An `MstVisibility`.
    pub visibility: i32,
    /// 1 when `key` is the property's key, 0 when the hash of its name is.
    pub has_key: u8,
    /// 1 when it is not stored: it has its default again when the profile was out of the master's memory. Else 0.
    pub unsaved: u8,
    /// See `has_key`.
    pub key: u16,
    /// An `MstMerge`.
    pub merge: i32,
    /// An `MstSync`.
    pub sync: i32,
    /// Bytes of `pattern`.
    pub pattern_len: u32,
    /// Bytes of `key_pattern`.
    pub key_pattern_len: u32,
    /// Bytes of `description`.
    pub description_len: u32,
    /// Bytes of `aliases`.
    pub aliases_len: u32,
    /// A regular expression that must be found in a text; `^` and `$` anchor it. Of a list or dictionary, in each item or
    /// value. None when empty.
    pub pattern: *const c_char,
    /// The same for the text keys of a dictionary.
    pub key_pattern: *const c_char,
    /// What it is for.
    pub description: *const c_char,
    /// Names that it had before, separated by line feeds. Stored values under these are taken over.
    pub aliases: *const c_char,
    /// What its values must keep to.
    pub limits: MstLimits,
    /// How long its changes may wait, in milliseconds, up to the master and once more down to the observers, when that is not
    /// to be the endpoint's and the master's own interval; 0 when it is. An hour at most.
    pub interval_ms: u32,
    /// Zero.
    pub reserved: u32,
}

// SAFETY: integers, floating-point numbers and pointers alone, the first of them the size.
unsafe impl SizedStruct for MstPropertyOptions {
    const FIRST_SIZE: usize = 144;
}
const _: () = assert!(size_of::<MstPropertyOptions>() >= MstPropertyOptions::FIRST_SIZE);

/// What a schema says of a property.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct MstPropertyInfo {
    /// An `MstValueType`.
    pub value_type: i32,
    /// The `MstValueType` of what is in it: of itself, of an item of a list, of a value of a dictionary.
    pub element_type: i32,
    /// The `MstKeyType` of a dictionary's keys, else 0.
    pub key_type: i32,
    /// An `MstWriters`.
    pub writers: i32,
    /// An `MstVisibility`.
    pub visibility: i32,
    /// An `MstMerge`.
    pub merge: i32,
    /// An `MstSync`.
    pub sync: i32,
    /// How long its changes may wait, in milliseconds; 0 when that is the endpoint's and the master's own interval.
    pub interval_ms: u32,
    /// Its 16-bit key.
    pub key: u16,
    /// 1 when it is stored, else 0.
    pub saved: u8,
    /// Zero.
    pub reserved: [u8; 5],
    /// What its values must keep to.
    pub limits: MstLimits,
}

impl MstPropertyOptions {
    /// Declares of a property what these options say.
    ///
    /// # Safety
    /// The texts point to as many readable bytes as their lengths say, or are null.
    pub(super) unsafe fn declare(&self, property: Property, value_type: ValueType) -> Outcome<Property> {
        // SAFETY: the caller's promise, passed on.
        let (pattern, key_pattern, description, aliases) = unsafe {
            (
                read_text("pattern", self.pattern, self.pattern_len)?,
                read_text("key_pattern", self.key_pattern, self.key_pattern_len)?,
                read_text("description", self.description, self.description_len)?,
                read_text("aliases", self.aliases, self.aliases_len)?,
            )
        };
        let given = |text: &str| (!text.is_empty()).then(|| text.to_string());
        let mut limits = self.limits.read(&value_type)?;
        limits.pattern = given(pattern);
        limits.key_pattern = given(key_pattern);
        let mut property = property
            .writers(match self.writers {
                0 => Writers::Servers,
                1 => Writers::Owner,
                2 => Writers::Master,
                other => return Err(no_choice("writers", other, "MstWriters")),
            })
            .visibility(match self.visibility {
                0 => Visibility::Owner,
                1 => Visibility::Public,
                2 => Visibility::Servers,
                other => return Err(no_choice("visibility", other, "MstVisibility")),
            })
            .merge(match self.merge {
                0 => Merge::Last,
                1 => Merge::Sum,
                other => return Err(no_choice("merge", other, "MstMerge")),
            })
            .sync(match self.sync {
                0 => SyncClass::Interval,
                1 => SyncClass::Immediate,
                2 => SyncClass::Volatile,
                other => return Err(no_choice("sync", other, "MstSync")),
            })
            .interval(Duration::from_millis(self.interval_ms.into()))
            .saved(!flag("unsaved", self.unsaved)?)
            .limits(limits)
            .aliases(aliases.split('\n').filter(|alias| !alias.is_empty()));
        if flag("has_key", self.has_key)? {
            property = property.key(self.key);
        }
        Ok(if description.is_empty() { property } else { property.description(description) })
    }
}

/// Whether the numbers in values of a type have fractions.
fn is_float(value_type: &ValueType) -> bool {
    value_type.element().scalar().is_some_and(ScalarType::is_float)
}

fn no_choice(name: &'static str, given: i32, choices: &str) -> Failure {
    Failure::argument(name, format!("{given} is no {choices}"))
}

fn flag(name: &'static str, given: u8) -> Outcome<bool> {
    match given {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(Failure::argument(name, format!("{other} is neither 0 nor 1"))),
    }
}

impl MstLimits {
    /// The limits but for the patterns.
    fn read(&self, value_type: &ValueType) -> Outcome<Limits> {
        let number = |int, float| {
            if is_float(value_type) { Number::Float(float) } else { Number::Int(int) }
        };
        let given = |name, has, value: u32| Ok::<_, Failure>(flag(name, has)?.then_some(value));
        if self.reserved != [0; 3] {
            return Err(Failure::argument("reserved", "is not zero"));
        }
        Ok(Limits {
            min: flag("has_min", self.has_min)?.then(|| number(self.min_int, self.min_float)),
            max: flag("has_max", self.has_max)?.then(|| number(self.max_int, self.max_float)),
            min_length: given("has_min_length", self.has_min_length, self.min_length)?,
            max_length: given("has_max_length", self.has_max_length, self.max_length)?,
            min_count: given("has_min_count", self.has_min_count, self.min_count)?,
            max_count: given("has_max_count", self.has_max_count, self.max_count)?,
            max_key_length: given("has_max_key_length", self.has_max_key_length, self.max_key_length)?,
            finite: flag("finite", self.finite)?,
            monotonic: flag("monotonic", self.monotonic)?,
            ..Limits::default()
        })
    }

    fn of(info: &PropertyInfo) -> Self {
        let limits = info.limits();
        // A range of floating-point numbers may be said in integers.
        let numbers = |bound: Option<Number>| match bound {
            Some(Number::Int(int)) if is_float(info.value_type()) => (0, int as f64),
            Some(Number::Int(int)) => (int, 0.0),
            Some(Number::Float(float)) => (0, float),
            None => (0, 0.0),
        };
        let has = |limit: Option<u32>| u8::from(limit.is_some());
        let ((min_int, min_float), (max_int, max_float)) = (numbers(limits.min), numbers(limits.max));
        Self {
            min_int,
            max_int,
            min_float,
            max_float,
            min_length: limits.min_length.unwrap_or(0),
            max_length: limits.max_length.unwrap_or(0),
            min_count: limits.min_count.unwrap_or(0),
            max_count: limits.max_count.unwrap_or(0),
            max_key_length: limits.max_key_length.unwrap_or(0),
            has_min: u8::from(limits.min.is_some()),
            has_max: u8::from(limits.max.is_some()),
            has_min_length: has(limits.min_length),
            has_max_length: has(limits.max_length),
            has_min_count: has(limits.min_count),
            has_max_count: has(limits.max_count),
            has_max_key_length: has(limits.max_key_length),
            finite: u8::from(limits.finite),
            monotonic: u8::from(limits.monotonic),
            reserved: [0; 3],
        }
    }
}

impl MstPropertyInfo {
    fn of(info: &PropertyInfo) -> Self {
        let key_type = match info.value_type() {
            ValueType::Dict(key_type, _) => (*key_type).into(),
            _ => MstKeyType::MST_KEY_NONE,
        };
        Self {
            value_type: MstValueType::from(info.value_type()) as i32,
            element_type: MstValueType::from(info.value_type().element()) as i32,
            key_type: key_type as i32,
            writers: match info.writers() {
                Writers::Servers => MstWriters::MST_WRITERS_SERVERS,
                Writers::Owner => MstWriters::MST_WRITERS_OWNER,
                Writers::Master => MstWriters::MST_WRITERS_MASTER,
            } as i32,
            visibility: match info.visibility() {
                Visibility::Owner => MstVisibility::MST_VISIBILITY_OWNER,
                Visibility::Public => MstVisibility::MST_VISIBILITY_PUBLIC,
                Visibility::Servers => MstVisibility::MST_VISIBILITY_SERVERS,
            } as i32,
            merge: match info.merge() {
                Merge::Last => MstMerge::MST_MERGE_LAST,
                Merge::Sum => MstMerge::MST_MERGE_SUM,
            } as i32,
            sync: match info.sync() {
                SyncClass::Interval => MstSync::MST_SYNC_INTERVAL,
                SyncClass::Immediate => MstSync::MST_SYNC_IMMEDIATE,
                SyncClass::Volatile => MstSync::MST_SYNC_VOLATILE,
            } as i32,
            interval_ms: info.interval().map_or(0, |interval| interval.as_millis() as u32),
            key: info.key(),
            saved: u8::from(info.is_saved()),
            reserved: [0; 5],
            limits: MstLimits::of(info),
        }
    }
}

fn property(schema: *const MstSchema, index: u32) -> Outcome<(Arc<Schema>, PropertyIndex)> {
    let schema = schema_of(schema)?;
    let index = schema.index(index)?;
    Ok((schema, index))
}

/// The name of a property, as UTF-8 without a terminating zero.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, `MST_ERR_INVALID_ARGUMENT`, or
/// `MST_ERR_BUFFER_TOO_SMALL`, with the length needed in `out_len`.
///
/// # Safety
/// `buffer` points to `capacity` writable bytes and `out_len` to a writable number, or they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_schema_property_name(
    schema: *const MstSchema,
    index: u32,
    buffer: *mut c_char,
    capacity: u32,
    out_len: *mut u32,
) -> MstResult {
    guard(|| {
        let schema = schema_of(schema)?;
        let index = schema.index(index)?;
        // SAFETY: the caller's promise, passed on.
        unsafe { put_text(schema.property(index).name(), buffer, capacity, out_len) }
    })
}

/// The name of a property's type, such as `list<record{id:string,progress:i32}>`, as UTF-8 without a terminating zero.
///
/// Any thread. Returns what `mst_schema_property_name` does.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_schema_property_type(
    schema: *const MstSchema,
    index: u32,
    buffer: *mut c_char,
    capacity: u32,
    out_len: *mut u32,
) -> MstResult {
    guard(|| {
        let (schema, index) = property(schema, index)?;
        // SAFETY: the caller's promise, passed on.
        unsafe { put_text(&schema.property(index).value_type().name(), buffer, capacity, out_len) }
    })
}

/// Types, rights, merge, sync, key and limits of a property.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, or `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `out_info` points to a writable struct, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_schema_property_info(
    schema: *const MstSchema,
    index: u32,
    out_info: *mut MstPropertyInfo,
) -> MstResult {
    guard(|| {
        let (schema, index) = property(schema, index)?;
        let info = MstPropertyInfo::of(schema.property(index));
        // SAFETY: the caller's promise, passed on.
        unsafe { put("out_info", out_info, info) }
    })
}

/// The default of a property without parts. Its text, if it has one, goes into `buffer`; `out_len` gets the text's length
/// in bytes and may be null. Too small a buffer gives `MST_ERR_BUFFER_TOO_SMALL`, and the length needed in `out_len`.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, `MST_ERR_WRONG_TYPE` for a list or
/// dictionary, `MST_ERR_BUFFER_TOO_SMALL`, or `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `out_value` points to a writable struct, `buffer` to `capacity` writable bytes and `out_len` to a writable number, or
/// they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_schema_property_default(
    schema: *const MstSchema,
    index: u32,
    out_value: *mut MstValue,
    buffer: *mut c_void,
    capacity: u32,
    out_len: *mut u32,
) -> MstResult {
    guard(|| {
        let (schema, index) = property(schema, index)?;
        let info = schema.property(index);
        if info.value_type().has_parts() {
            return Err(info.wrong_type("a value without parts").into());
        }
        // SAFETY: the caller's promise, passed on.
        unsafe { put_value("out_value", out_value, Some(info.default()), Room { buffer, capacity, out_len }) }
    })
}

/// The regular expression that must be found in texts of a property, as UTF-8 without a terminating zero; empty when there
/// is none.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, `MST_ERR_INVALID_ARGUMENT`, or
/// `MST_ERR_BUFFER_TOO_SMALL`, with the length needed in `out_len`.
///
/// # Safety
/// `buffer` points to `capacity` writable bytes and `out_len` to a writable number, or they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_schema_property_pattern(
    schema: *const MstSchema,
    index: u32,
    buffer: *mut c_char,
    capacity: u32,
    out_len: *mut u32,
) -> MstResult {
    guard(|| {
        let (schema, index) = property(schema, index)?;
        let pattern = schema.property(index).limits().pattern.as_deref().unwrap_or_default();
        // SAFETY: the caller's promise, passed on.
        unsafe { put_text(pattern, buffer, capacity, out_len) }
    })
}

/// The regular expression that must be found in the text keys of a dictionary: see `mst_schema_property_pattern`.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_schema_property_key_pattern(
    schema: *const MstSchema,
    index: u32,
    buffer: *mut c_char,
    capacity: u32,
    out_len: *mut u32,
) -> MstResult {
    guard(|| {
        let (schema, index) = property(schema, index)?;
        let pattern = schema.property(index).limits().key_pattern.as_deref().unwrap_or_default();
        // SAFETY: the caller's promise, passed on.
        unsafe { put_text(pattern, buffer, capacity, out_len) }
    })
}

/// What a property is for; empty when nothing is said: see `mst_schema_property_pattern`.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_schema_property_description(
    schema: *const MstSchema,
    index: u32,
    buffer: *mut c_char,
    capacity: u32,
    out_len: *mut u32,
) -> MstResult {
    guard(|| {
        let (schema, index) = property(schema, index)?;
        let description = schema.property(index).description().unwrap_or_default();
        // SAFETY: the caller's promise, passed on.
        unsafe { put_text(description, buffer, capacity, out_len) }
    })
}

/// How many names a property had before.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, or `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `out_count` points to a writable number, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_schema_property_alias_count(
    schema: *const MstSchema,
    index: u32,
    out_count: *mut u32,
) -> MstResult {
    guard(|| {
        let (schema, index) = property(schema, index)?;
        let count = schema.property(index).aliases().count() as u32;
        // SAFETY: the caller's promise, passed on.
        unsafe { put("out_count", out_count, count) }
    })
}

/// One of the names that a property had before, by its place from 0: see `mst_schema_property_pattern`. Also returns
/// `MST_ERR_INDEX_OUT_OF_RANGE` when there is none at this place.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_schema_property_alias(
    schema: *const MstSchema,
    index: u32,
    alias: u32,
    buffer: *mut c_char,
    capacity: u32,
    out_len: *mut u32,
) -> MstResult {
    guard(|| {
        let (schema, index) = property(schema, index)?;
        let info = schema.property(index);
        let name = info.aliases().nth(alias as usize).ok_or_else(|| {
            let (name, count) = (info.name(), info.aliases().count());
            let text = format!("property `{name}` has no alias {alias}; it has {count}");
            Failure::new(ErrorCode::IndexOutOfRange, text)
        })?;
        // SAFETY: the caller's promise, passed on.
        unsafe { put_text(name, buffer, capacity, out_len) }
    })
}
