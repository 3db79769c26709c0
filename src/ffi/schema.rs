//! Schemas.

use std::sync::{Arc, Mutex};

use libc::c_char;

use super::handles::{Kind, Registry};
use super::properties::MstPropertyOptions;
use super::result::{Failure, MstResult, Outcome, guard};
use super::text::{check_out, init_options, put, read_options, read_text};
use super::value::{MstValue, MstValueType, key_type, read_value, scalar_type};
use crate::error::Error;
use crate::json::value_from_json;
use crate::schema::{Property, Schema, SchemaBuilder};
use crate::value::{Value, ValueType};

/// Collects the properties of a schema.
pub struct MstSchemaBuilder;

/// The properties of a profile: immutable, shared by the profiles made of it, usable from any thread.
pub struct MstSchema;

static BUILDERS: Registry<Mutex<SchemaBuilder>> = Registry::new(Kind::SchemaBuilder);
static SCHEMAS: Registry<Schema> = Registry::new(Kind::Schema);

pub(super) fn schema_of(schema: *const MstSchema) -> Outcome<Arc<Schema>> {
    SCHEMAS.get(schema as usize)
}

/// A handle of a schema, to be freed with `mst_schema_free`.
pub(super) fn handle_of(schema: Arc<Schema>) -> *mut MstSchema {
    SCHEMAS.insert(schema) as *mut MstSchema
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
        check_out("out_builder", out_builder)?;
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

/// Adds a `bool` property; its default is true when `default_value` is not 0. `options` may be null; they and all texts
/// are copied. Names, keys, limits and whether the default keeps to them are checked by `mst_schema_builder_build`.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_INVALID_UTF8`, `MST_ERR_INVALID_ARGUMENT`, or
/// `MST_ERR_INVALID_STRUCT_SIZE`.
///
/// # Safety
/// `name` points to `name_len` readable bytes, `options` to as many as it says and its texts to as many as their lengths
/// say, or they are null.
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

/// Adds a property of any type without parts, whose default is `default_value`: see `mst_schema_builder_add_bool`. Also
/// returns `MST_ERR_OUT_OF_RANGE` for a number that does not fit its own type.
///
/// # Safety
/// As there; `default_value` points to a readable struct and its text to as many readable bytes as it says, or they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_schema_builder_add_value(
    builder: *mut MstSchemaBuilder,
    name: *const c_char,
    name_len: u32,
    default_value: *const MstValue,
    options: *const MstPropertyOptions,
) -> MstResult {
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe {
        let default = read_value("default_value", default_value)?;
        add(builder, name, name_len, default, options)
    })
}

/// Adds a list, at first empty, whose items have this `MstValueType`: see `mst_schema_builder_add_bool`.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_schema_builder_add_list(
    builder: *mut MstSchemaBuilder,
    name: *const c_char,
    name_len: u32,
    item_type: i32,
    options: *const MstPropertyOptions,
) -> MstResult {
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe {
        let list = ValueType::list(scalar_type("item_type", item_type)?);
        add(builder, name, name_len, list.zero(), options)
    })
}

/// Adds a dictionary, at first empty, whose keys have this `MstKeyType` and whose values this `MstValueType`: see
/// `mst_schema_builder_add_bool`.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_schema_builder_add_dict(
    builder: *mut MstSchemaBuilder,
    name: *const c_char,
    name_len: u32,
    dict_key_type: i32,
    item_type: i32,
    options: *const MstPropertyOptions,
) -> MstResult {
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe {
        let keys = key_type("dict_key_type", dict_key_type)?;
        let dict = ValueType::dict(keys, scalar_type("item_type", item_type)?);
        add(builder, name, name_len, dict.zero(), options)
    })
}

/// Adds a property of any type, given by its name in UTF-8 of `type_len` bytes: `i64`, `list<string>`, `dict<string,i32>`,
/// `record{id:string,steps:list<i32>}`, `list<record{…}>`, `custom<loadout>`, and so on within one another. `default_json` is its default
/// as JSON text of `default_len` bytes; without any it is false, zero, nothing, or a record of such. Else as
/// `mst_schema_builder_add_bool`. Also returns `MST_ERR_INVALID_JSON`.
///
/// # Safety
/// As there; `type_name` points to `type_len` and `default_json` to `default_len` readable bytes, or they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_schema_builder_add_type(
    builder: *mut MstSchemaBuilder,
    name: *const c_char,
    name_len: u32,
    type_name: *const c_char,
    type_len: u32,
    default_json: *const c_char,
    default_len: u32,
    options: *const MstPropertyOptions,
) -> MstResult {
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe {
        let type_name = read_text("type_name", type_name, type_len)?;
        let value_type = ValueType::from_name(type_name)
            .ok_or_else(|| Failure::argument("type_name", format!("`{type_name}` is no type")))?;
        let default = match read_text("default_json", default_json, default_len)? {
            "" => value_type.zero(),
            text => {
                let invalid = |reason| Error::InvalidJson { reason: format!("default_json: {reason}") };
                let json = serde_json::from_str(text).map_err(|error| invalid(error.to_string()))?;
                value_from_json(&value_type, &json).map_err(invalid)?
            }
        };
        add(builder, name, name_len, default, options)
    })
}

/// Adds a property that is known by its key and its type alone, for a view: a client or game server whose schema has one
/// is told all names, limits and rights by the master, and sees of each profile what its schema names. Such a schema is no
/// good for a master. Until it was told, the property's name is `#` and its key; `mst_schema_of_profile` gives the names
/// after that. `value_type` is an `MstValueType`. Of a list or dictionary, `item_type` is that of its items or values, and
/// `dict_key_type` the `MstKeyType` of a dictionary's keys; else they are 0.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, or `MST_ERR_INVALID_ARGUMENT`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_schema_builder_add_by_key(
    builder: *mut MstSchemaBuilder,
    key: u16,
    value_type: i32,
    item_type: i32,
    dict_key_type: i32,
) -> MstResult {
    guard(|| {
        const LIST: i32 = MstValueType::MST_TYPE_LIST as i32;
        const DICT: i32 = MstValueType::MST_TYPE_DICT as i32;
        let no_part = |name, number| match number {
            0 => Ok(()),
            other => Err(Failure::argument(name, format!("is {other}, and this type has no such part"))),
        };
        let value_type = match value_type {
            LIST => {
                no_part("dict_key_type", dict_key_type)?;
                ValueType::list(scalar_type("item_type", item_type)?)
            }
            DICT => {
                let keys = key_type("dict_key_type", dict_key_type)?;
                ValueType::dict(keys, scalar_type("item_type", item_type)?)
            }
            scalar => {
                no_part("dict_key_type", dict_key_type)?;
                no_part("item_type", item_type)?;
                ValueType::Scalar(scalar_type("value_type", scalar)?)
            }
        };
        let builder = BUILDERS.get(builder as usize)?;
        super::lock(&builder)?.add(Property::with_key(key, value_type.zero()));
        Ok(())
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
    let value_type = default.value_type();
    let mut property = Property::new(name, default);
    if !options.is_null() {
        // SAFETY: the caller's promise, passed on.
        property = unsafe { read_options("options", options)?.declare(property, value_type)? };
    }
    let builder = BUILDERS.get(builder as usize)?;
    super::lock(&builder)?.add(property);
    Ok(())
}

/// Checks what was added and makes a schema of it. The builder stays as it is. Free the schema with `mst_schema_free`.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_INVALID_ARGUMENT`, `MST_ERR_INVALID_NAME`,
/// `MST_ERR_DUPLICATE_NAME`, `MST_ERR_KEY_COLLISION` (the text names both), `MST_ERR_TOO_MANY_PROPERTIES`,
/// `MST_ERR_INVALID_SCHEMA` for limits that do not go with the property, that are no regular expression, or that the default
/// does not keep to, `MST_ERR_TOO_LONG`, or `MST_ERR_INVALID_TEXT`.
///
/// # Safety
/// `out_schema` points to a writable pointer, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_schema_builder_build(
    builder: *mut MstSchemaBuilder,
    out_schema: *mut *mut MstSchema,
) -> MstResult {
    guard(|| {
        check_out("out_schema", out_schema)?;
        let builder = BUILDERS.get(builder as usize)?;
        let schema = super::lock(&builder)?.clone().build()?;
        // SAFETY: the caller's promise, passed on.
        unsafe { put("out_schema", out_schema, handle_of(schema)) }
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
        check_out("out_schema", out_schema)?;
        let schema = Schema::from_json(read_text("json", json, json_len)?)?;
        put("out_schema", out_schema, handle_of(schema))
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
