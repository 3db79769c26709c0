//! Schemas.

use std::sync::{Arc, Mutex};

use libc::c_char;

use super::handles::{Kind, Registry};
use super::result::{Failure, MstResult, Outcome, guard};
use super::text::{SizedStruct, init_options, put, put_text, read_options, read_text};
use crate::schema::{Property, Schema, SchemaBuilder, Visibility, Writers};
use crate::value::{Value, ValueType};

/// Collects the properties of a schema.
pub struct MstSchemaBuilder;

/// The properties of a profile: immutable, shared by the profiles made of it, usable from any thread.
pub struct MstSchema;

static BUILDERS: Registry<Mutex<SchemaBuilder>> = Registry::new(Kind::SchemaBuilder);
static SCHEMAS: Registry<Schema> = Registry::new(Kind::Schema);

/// The type of a property.
#[allow(non_camel_case_types)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum MstValueType {
    /// No value.
    MST_TYPE_NONE = 0,
    /// True or false, as 1 or 0.
    MST_TYPE_BOOL = 1,
    /// A 32-bit integer.
    MST_TYPE_I32 = 2,
    /// A 64-bit integer.
    MST_TYPE_I64 = 3,
    /// A 64-bit floating-point number.
    MST_TYPE_F64 = 4,
    /// Text.
    MST_TYPE_STRING = 5,
}

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

/// What may be said of a property beside its name and default. Zero is the usual.
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
    pub has_key: u16,
    /// See `has_key`.
    pub key: u16,
}

// SAFETY: integers alone, the first of them the size.
unsafe impl SizedStruct for MstPropertyOptions {
    const FIRST_SIZE: usize = 16;
}
const _: () = assert!(size_of::<MstPropertyOptions>() >= MstPropertyOptions::FIRST_SIZE);

/// What a schema says of a property.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct MstPropertyInfo {
    /// An `MstValueType`.
    pub value_type: i32,
    /// An `MstWriters`.
    pub writers: i32,
    /// An `MstVisibility`.
    pub visibility: i32,
    /// Its 16-bit key.
    pub key: u16,
    /// Zero.
    pub reserved: u16,
}

pub(super) fn schema_of(schema: *const MstSchema) -> Outcome<Arc<Schema>> {
    SCHEMAS.get(schema as usize)
}

impl From<ValueType> for MstValueType {
    fn from(value_type: ValueType) -> Self {
        match value_type {
            ValueType::Scalar(crate::ScalarType::Bool) => Self::MST_TYPE_BOOL,
            ValueType::Scalar(crate::ScalarType::I32) => Self::MST_TYPE_I32,
            ValueType::Scalar(crate::ScalarType::I64) => Self::MST_TYPE_I64,
            ValueType::Scalar(crate::ScalarType::F64) => Self::MST_TYPE_F64,
            ValueType::Scalar(crate::ScalarType::String) => Self::MST_TYPE_STRING,
            _ => Self::MST_TYPE_NONE,
        }
    }
}

/// Fills property options with their defaults. Any thread.
///
/// Returns `MST_OK`, or `MST_ERR_INVALID_ARGUMENT` for a null.
///
/// # Safety
/// `options` points to a writable struct, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_property_options_init(options: *mut MstPropertyOptions) -> MstResult {
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe { init_options("options", options) })
}

/// Makes a schema builder. Free it with `mst_schema_builder_free`. Any thread.
///
/// Returns `MST_OK`, or `MST_ERR_INVALID_ARGUMENT` for a null.
///
/// # Safety
/// `out_builder` points to a writable pointer, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_schema_builder_create(out_builder: *mut *mut MstSchemaBuilder) -> MstResult {
    guard(|| {
        super::text::check_out("out_builder", out_builder)?;
        let handle = BUILDERS.insert(Arc::new(Mutex::new(Schema::builder())));
        // SAFETY: the caller's promise, passed on.
        unsafe { put("out_builder", out_builder, handle as *mut MstSchemaBuilder) }
    })
}

/// Frees a schema builder. Null does nothing. Any thread.
///
/// Returns `MST_OK`, or `MST_ERR_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_schema_builder_free(builder: *mut MstSchemaBuilder) -> MstResult {
    guard(|| BUILDERS.remove(builder as usize).map(drop))
}

/// Adds a `bool` property; its default is true when `default_value` is not 0. `options` may be null. Names and keys are
/// checked by `mst_schema_builder_build`.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_INVALID_UTF8`, `MST_ERR_INVALID_ARGUMENT`, or
/// `MST_ERR_INVALID_STRUCT_SIZE`.
///
/// # Safety
/// `name` points to `name_len` readable bytes and `options` to as many as it says, or they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_schema_builder_add_bool(
    builder: *mut MstSchemaBuilder,
    name: *const c_char,
    name_len: u32,
    default_value: u8,
    options: *const MstPropertyOptions,
) -> MstResult {
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe { add(builder, name, name_len, Value::Bool(default_value != 0), options) })
}

/// Adds an `i32` property: see `mst_schema_builder_add_bool`.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_schema_builder_add_i32(
    builder: *mut MstSchemaBuilder,
    name: *const c_char,
    name_len: u32,
    default_value: i32,
    options: *const MstPropertyOptions,
) -> MstResult {
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe { add(builder, name, name_len, Value::I32(default_value), options) })
}

/// Adds an `i64` property: see `mst_schema_builder_add_bool`.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_schema_builder_add_i64(
    builder: *mut MstSchemaBuilder,
    name: *const c_char,
    name_len: u32,
    default_value: i64,
    options: *const MstPropertyOptions,
) -> MstResult {
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe { add(builder, name, name_len, Value::I64(default_value), options) })
}

/// Adds an `f64` property: see `mst_schema_builder_add_bool`.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_schema_builder_add_f64(
    builder: *mut MstSchemaBuilder,
    name: *const c_char,
    name_len: u32,
    default_value: f64,
    options: *const MstPropertyOptions,
) -> MstResult {
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe { add(builder, name, name_len, Value::F64(default_value), options) })
}

/// Adds a `string` property, whose default is the UTF-8 text of `default_len` bytes: see `mst_schema_builder_add_bool`.
///
/// # Safety
/// As there, and `default_value` points to `default_len` readable bytes, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_schema_builder_add_string(
    builder: *mut MstSchemaBuilder,
    name: *const c_char,
    name_len: u32,
    default_value: *const c_char,
    default_len: u32,
    options: *const MstPropertyOptions,
) -> MstResult {
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe {
        let default = Value::from(read_text("default_value", default_value, default_len)?);
        add(builder, name, name_len, default, options)
    })
}

/// # Safety
/// As `mst_schema_builder_add_bool`.
unsafe fn add(
    builder: *mut MstSchemaBuilder,
    name: *const c_char,
    name_len: u32,
    default: Value,
    options: *const MstPropertyOptions,
) -> Outcome {
    // SAFETY: the caller's promise, passed on.
    let name = unsafe { read_text("name", name, name_len)? };
    let mut property = Property::new(name, default);
    if !options.is_null() {
        // SAFETY: the caller's promise, passed on.
        let options = unsafe { read_options("options", options)? };
        property = property
            .writers(match options.writers {
                0 => Writers::Servers,
                1 => Writers::Owner,
                2 => Writers::Master,
                other => return Err(Failure::argument("writers", format!("{other} is no MstWriters"))),
            })
            .visibility(match options.visibility {
                0 => Visibility::Owner,
                1 => Visibility::Public,
                2 => Visibility::Servers,
                other => return Err(Failure::argument("visibility", format!("{other} is no MstVisibility"))),
            });
        property = match options.has_key {
            0 => property,
            1 => property.key(options.key),
            other => return Err(Failure::argument("has_key", format!("{other} is neither 0 nor 1"))),
        };
    }
    let builder = BUILDERS.get(builder as usize)?;
    super::lock(&builder)?.add(property);
    Ok(())
}

/// Checks what was added and makes a schema of it. The builder stays as it is. Free the schema with `mst_schema_free`.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_INVALID_ARGUMENT`, `MST_ERR_INVALID_NAME`,
/// `MST_ERR_DUPLICATE_NAME`, `MST_ERR_KEY_COLLISION` (the text names both), `MST_ERR_TOO_MANY_PROPERTIES`,
/// `MST_ERR_TOO_LONG`, or `MST_ERR_INVALID_TEXT`.
///
/// # Safety
/// `out_schema` points to a writable pointer, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_schema_builder_build(
    builder: *mut MstSchemaBuilder,
    out_schema: *mut *mut MstSchema,
) -> MstResult {
    guard(|| {
        super::text::check_out("out_schema", out_schema)?;
        let builder = BUILDERS.get(builder as usize)?;
        let schema = super::lock(&builder)?.clone().build()?;
        // SAFETY: the caller's promise, passed on.
        unsafe { put("out_schema", out_schema, SCHEMAS.insert(schema) as *mut MstSchema) }
    })
}

/// Reads a schema from JSON text: `{"properties":[{"name":"level","type":"i32","default":1}]}`. Free it with
/// `mst_schema_free`.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_ARGUMENT`, `MST_ERR_INVALID_UTF8`, `MST_ERR_INVALID_SCHEMA` (the text
/// says where), or what `mst_schema_builder_build` returns.
///
/// # Safety
/// `json` points to `json_len` readable bytes and `out_schema` to a writable pointer, or they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_schema_from_json(
    json: *const c_char,
    json_len: u32,
    out_schema: *mut *mut MstSchema,
) -> MstResult {
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe {
        super::text::check_out("out_schema", out_schema)?;
        let schema = Schema::from_json(read_text("json", json, json_len)?)?;
        put("out_schema", out_schema, SCHEMAS.insert(schema) as *mut MstSchema)
    })
}

/// Frees a schema handle. What was made of the schema goes on. Null does nothing. Any thread.
///
/// Returns `MST_OK`, or `MST_ERR_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_schema_free(schema: *mut MstSchema) -> MstResult {
    guard(|| SCHEMAS.remove(schema as usize).map(drop))
}

/// The number of properties. Their indexes go from 0, in the order of their declaration.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, or `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `out_count` points to a writable number, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_schema_property_count(
    schema: *const MstSchema,
    out_count: *mut u32,
) -> MstResult {
    guard(|| {
        let count = schema_of(schema)?.properties().len() as u32;
        // SAFETY: the caller's promise, passed on.
        unsafe { put("out_count", out_count, count) }
    })
}

/// The index of the property with this name. Look it up once and keep it.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_INVALID_UTF8`, `MST_ERR_INVALID_ARGUMENT`, or
/// `MST_ERR_UNKNOWN_PROPERTY`.
///
/// # Safety
/// `name` points to `name_len` readable bytes and `out_index` to a writable number, or they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_schema_find(
    schema: *const MstSchema,
    name: *const c_char,
    name_len: u32,
    out_index: *mut u32,
) -> MstResult {
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe {
        let index = schema_of(schema)?.index_of(read_text("name", name, name_len)?)?;
        put("out_index", out_index, u32::from(index.get()))
    })
}

/// The index of the property with this key.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_INVALID_ARGUMENT`, or `MST_ERR_UNKNOWN_PROPERTY`.
///
/// # Safety
/// `out_index` points to a writable number, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_schema_find_key(
    schema: *const MstSchema,
    key: u16,
    out_index: *mut u32,
) -> MstResult {
    guard(|| {
        let index = schema_of(schema)?.index_of_key(key)?;
        // SAFETY: the caller's promise, passed on.
        unsafe { put("out_index", out_index, u32::from(index.get())) }
    })
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

/// Type, rights and key of a property.
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
        let schema = schema_of(schema)?;
        let property = schema.property(schema.index(index)?);
        let info = MstPropertyInfo {
            value_type: MstValueType::from(property.value_type()) as i32,
            writers: match property.writers() {
                Writers::Servers => MstWriters::MST_WRITERS_SERVERS,
                Writers::Owner => MstWriters::MST_WRITERS_OWNER,
                Writers::Master => MstWriters::MST_WRITERS_MASTER,
            } as i32,
            visibility: match property.visibility() {
                Visibility::Owner => MstVisibility::MST_VISIBILITY_OWNER,
                Visibility::Public => MstVisibility::MST_VISIBILITY_PUBLIC,
                Visibility::Servers => MstVisibility::MST_VISIBILITY_SERVERS,
            } as i32,
            key: property.key(),
            reserved: 0,
        };
        // SAFETY: the caller's promise, passed on.
        unsafe { put("out_info", out_info, info) }
    })
}

/// A hash of all that two roles must agree on; equal schemas have equal ones.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, or `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `out_fingerprint` points to a writable number, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_schema_fingerprint(
    schema: *const MstSchema,
    out_fingerprint: *mut u64,
) -> MstResult {
    guard(|| {
        let fingerprint = schema_of(schema)?.fingerprint();
        // SAFETY: the caller's promise, passed on.
        unsafe { put("out_fingerprint", out_fingerprint, fingerprint) }
    })
}
