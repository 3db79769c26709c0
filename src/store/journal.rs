//! Journal rows as bytes, for engines that store bytes.
//!
//! What a batch did is one entry a property, up to the end of the blob: the number of the property's name as
//! a varint, a tag, and what the tag asks for. The tag tells the type, so that a row can be read without the
//! schema it was written under: a journal outlives schemas. Names are numbers because they repeat in every
//! row; the engine keeps the list of names. Scalars are as on the network.
//!
//! The refused batches of a row are pairs: the number as a varint, the code as a zigzag varint. After a zero, which is no
//! batch's number, comes what became of a batch with an idempotency key: the code, zero if it was applied, and the key.

use std::sync::Arc;

use super::KeyedOutcome;
use crate::error::{Error, ErrorCode, Result};
use crate::limits::MAX_NESTING;
use crate::value::{
    DictEffect, Effect, FieldStep, Key, KeyType, ListEffect, PartChange, PartEffect, Path, PathStep,
    ScalarType, Value, ValueType,
};
use crate::wire::values::{put_inner, put_key, put_text, read_inner, read_key, read_text};
use crate::wire::varint::{Reader, put_i64, put_u64};

// Never renumbered: they are in databases.
const TAG_FALSE: u8 = 0;
const TAG_TRUE: u8 = 1;
const TAG_I32: u8 = 2;
const TAG_I64: u8 = 3;
const TAG_F64: u8 = 4;
const TAG_STRING: u8 = 5;
const TAG_DIFF: u8 = 6;
const TAG_F32: u8 = 7;
const TAG_BYTES: u8 = 8;
const TAG_VECTOR2: u8 = 9;
const TAG_VECTOR3: u8 = 10;
const TAG_QUATERNION: u8 = 11;
const TAG_COLOR: u8 = 12;
const TAG_DATETIME: u8 = 13;
const TAG_UUID: u8 = 14;
const TAG_LIST: u8 = 15;
const TAG_DICT: u8 = 16;
const TAG_LIST_STEPS: u8 = 17;
const TAG_DICT_STEPS: u8 = 18;
/// A value of a type that follows.
const TAG_NAMED_TYPE: u8 = 19;

/// Steps within a value with parts in parts: the count, then of each the way and what was done there.
const TAG_PARTS: u8 = 20;

const WAY_FIELD: u8 = 0;
const WAY_ITEM: u8 = 1;
const WAY_TEXT: u8 = 2;
const WAY_INT: u8 = 3;

/// In the place of a scalar type: the number of a type's name follows.
const NAMED_TYPE: u8 = 255;

const STEP_SET: u8 = 0;
const STEP_INSERT: u8 = 1;
const STEP_REMOVE: u8 = 2;
const STEP_MOVE: u8 = 3;
const STEP_CLEAR: u8 = 4;
const STEP_PUT: u8 = 5;
const STEP_DIFF: u8 = 6;

/// Appends what a batch did, with the names by number, which `number_of` gives.
pub(crate) fn encode_effects<E>(
    effects: &[(Arc<str>, Effect)],
    mut number_of: impl FnMut(&Arc<str>) -> Result<u32, E>,
    out: &mut Vec<u8>,
) -> Result<(), E> {
    for (name, effect) in effects {
        put_u64(out, u64::from(number_of(name)?));
        encode_effect(effect, &mut number_of, out)?;
    }
    Ok(())
}

fn encode_effect<E>(
    effect: &Effect,
    number_of: &mut impl FnMut(&Arc<str>) -> Result<u32, E>,
    out: &mut Vec<u8>,
) -> Result<(), E> {
    match effect {
        Effect::Parts(steps) => {
            out.push(TAG_PARTS);
            put_u64(out, steps.len() as u64);
            for step in steps {
                encode_part(step, number_of, out)?;
            }
        }
        Effect::Value(value) => return encode_value(value, number_of, out),
        Effect::Diff(v) => {
            out.push(TAG_DIFF);
            put_i64(out, *v);
        }
        Effect::List(steps) => {
            // The type of the items is that of any value there is; a list of no values needs none.
            let item = steps.iter().find_map(|step| match step {
                ListEffect::Set { value, .. } | ListEffect::Insert { value, .. } => Some(value.value_type()),
                _ => None,
            });
            out.push(TAG_LIST_STEPS);
            encode_type(item.as_ref(), number_of, out)?;
            put_u64(out, steps.len() as u64);
            steps.iter().for_each(|step| encode_list_step(step, out));
        }
        Effect::Dict(steps) => {
            let value = steps.iter().find_map(|step| match step {
                DictEffect::Put { value, .. } => Some(value.value_type()),
                _ => None,
            });
            let text = steps.iter().any(|step| {
                matches!(
                    step,
                    DictEffect::Put { key: Key::Text(_), .. }
                        | DictEffect::Diff { key: Key::Text(_), .. }
                        | DictEffect::Remove { key: Key::Text(_) }
                )
            });
            out.push(TAG_DICT_STEPS);
            out.push(if text { KeyType::String } else { KeyType::I64 } as u8);
            encode_type(value.as_ref(), number_of, out)?;
            put_u64(out, steps.len() as u64);
            steps.iter().for_each(|step| encode_dict_step(step, out));
        }
    }
    Ok(())
}

/// The length of the way and each step of it, fields by the numbers of their names; then what was done, with the type of a
/// value before it.
fn encode_part<E>(
    step: &PartEffect,
    number_of: &mut impl FnMut(&Arc<str>) -> Result<u32, E>,
    out: &mut Vec<u8>,
) -> Result<(), E> {
    put_u64(out, step.path.len() as u64);
    for way in step.path.iter() {
        match way {
            PathStep::Field(field) => {
                out.push(WAY_FIELD);
                put_u64(out, u64::from(number_of(&field.name)?));
            }
            PathStep::Item(index) => {
                out.push(WAY_ITEM);
                put_u64(out, u64::from(*index));
            }
            PathStep::Entry(key) => {
                out.push(if matches!(key, Key::Text(_)) { WAY_TEXT } else { WAY_INT });
                put_key(out, key);
            }
        }
    }
    match &step.what {
        PartChange::Value(value) | PartChange::Insert(value) => {
            out.push(if matches!(step.what, PartChange::Insert(_)) { STEP_INSERT } else { STEP_SET });
            encode_type(Some(&value.value_type()), number_of, out)?;
            put_inner(out, value);
        }
        PartChange::Diff(diff) => {
            out.push(STEP_DIFF);
            put_i64(out, *diff);
        }
        PartChange::Remove => out.push(STEP_REMOVE),
        PartChange::Move(to) => {
            out.push(STEP_MOVE);
            put_u64(out, u64::from(*to));
        }
        PartChange::Clear => out.push(STEP_CLEAR),
    }
    Ok(())
}

fn decode_part<F: FnMut(u32) -> Option<Arc<str>>>(
    reader: &mut Reader<'_>,
    resolve: &mut Resolve<F>,
) -> Result<PartEffect, String> {
    const CUT: &str = "a step within a value is cut or over-long";
    let length = reader.u64().filter(|length| *length <= MAX_NESTING as u64).ok_or("a way is too long")?;
    let mut path = Path::root();
    for _ in 0..length {
        path.push(match reader.u8().ok_or(CUT)? {
            WAY_FIELD => {
                let number = reader.u64().ok_or(CUT)?;
                let name = u32::try_from(number).ok().and_then(|number| resolve.name(number));
                let name = name.ok_or_else(|| format!("no field's name has the number {number}"))?;
                // Where that is in its record, the schema says.
                PathStep::Field(FieldStep { index: u16::MAX, name })
            }
            WAY_ITEM => PathStep::Item(reader.u64().and_then(|index| u32::try_from(index).ok()).ok_or(CUT)?),
            WAY_TEXT => PathStep::Entry(read_key(reader, KeyType::String)?),
            WAY_INT => PathStep::Entry(read_key(reader, KeyType::I64)?),
            kind => return Err(format!("unknown step {kind} of a way")),
        });
    }
    let what = match reader.u8().ok_or(CUT)? {
        kind @ (STEP_SET | STEP_INSERT) => {
            let value_type = value_type(reader, resolve)?;
            let value = read_inner(reader, &value_type)?;
            if kind == STEP_INSERT { PartChange::Insert(value) } else { PartChange::Value(value) }
        }
        STEP_DIFF => PartChange::Diff(reader.i64().ok_or(CUT)?),
        STEP_REMOVE => PartChange::Remove,
        STEP_MOVE => PartChange::Move(reader.u64().and_then(|place| u32::try_from(place).ok()).ok_or(CUT)?),
        STEP_CLEAR => PartChange::Clear,
        kind => return Err(format!("unknown step {kind} within a value")),
    };
    Ok(PartEffect { path, what })
}

/// The number of a scalar type, zero for none; any other type by its name, which is numbered as names of properties are.
fn encode_type<E>(
    value_type: Option<&ValueType>,
    number_of: &mut impl FnMut(&Arc<str>) -> Result<u32, E>,
    out: &mut Vec<u8>,
) -> Result<(), E> {
    match value_type.map(|value_type| (value_type, value_type.scalar())) {
        None => out.push(0),
        Some((_, Some(scalar))) => out.push(scalar as u8),
        Some((value_type, None)) => {
            out.push(NAMED_TYPE);
            put_u64(out, u64::from(number_of(&Arc::from(value_type.name()))?));
        }
    }
    Ok(())
}

fn encode_value<E>(
    value: &Value,
    number_of: &mut impl FnMut(&Arc<str>) -> Result<u32, E>,
    out: &mut Vec<u8>,
) -> Result<(), E> {
    out.push(match value {
        // The tag says all.
        Value::Bool(v) => {
            out.push(if *v { TAG_TRUE } else { TAG_FALSE });
            return Ok(());
        }
        Value::I32(_) => TAG_I32,
        Value::I64(_) => TAG_I64,
        Value::F32(_) => TAG_F32,
        Value::F64(_) => TAG_F64,
        Value::String(_) => TAG_STRING,
        Value::Bytes(_) => TAG_BYTES,
        Value::Vector2(_) => TAG_VECTOR2,
        Value::Vector3(_) => TAG_VECTOR3,
        Value::Quaternion(_) => TAG_QUATERNION,
        Value::Color(_) => TAG_COLOR,
        Value::DateTime(_) => TAG_DATETIME,
        Value::Uuid(_) => TAG_UUID,
        Value::List(list) => {
            out.push(TAG_LIST);
            encode_type(Some(list.item_type()), number_of, out)?;
            put_inner(out, value);
            return Ok(());
        }
        Value::Dict(dict) => {
            out.extend_from_slice(&[TAG_DICT, dict.key_type() as u8]);
            encode_type(Some(dict.item_type()), number_of, out)?;
            put_inner(out, value);
            return Ok(());
        }
        Value::Custom(_) | Value::Record(_) => {
            out.push(TAG_NAMED_TYPE);
            encode_type(Some(&value.value_type()), number_of, out)?;
            put_inner(out, value);
            return Ok(());
        }
    });
    put_inner(out, value);
    Ok(())
}

fn encode_list_step(step: &ListEffect, out: &mut Vec<u8>) {
    match step {
        ListEffect::Set { index, value } => {
            out.push(STEP_SET);
            put_u64(out, u64::from(*index));
            put_inner(out, value);
        }
        ListEffect::Insert { index, value } => {
            out.push(STEP_INSERT);
            put_u64(out, u64::from(*index));
            put_inner(out, value);
        }
        ListEffect::Remove { index } => {
            out.push(STEP_REMOVE);
            put_u64(out, u64::from(*index));
        }
        ListEffect::Move { from, to } => {
            out.push(STEP_MOVE);
            put_u64(out, u64::from(*from));
            put_u64(out, u64::from(*to));
        }
        ListEffect::Clear => out.push(STEP_CLEAR),
    }
}

fn encode_dict_step(step: &DictEffect, out: &mut Vec<u8>) {
    match step {
        DictEffect::Put { key, value } => {
            out.push(STEP_PUT);
            put_key(out, key);
            put_inner(out, value);
        }
        DictEffect::Diff { key, diff } => {
            out.push(STEP_DIFF);
            put_key(out, key);
            put_i64(out, *diff);
        }
        DictEffect::Remove { key } => {
            out.push(STEP_REMOVE);
            put_key(out, key);
        }
        DictEffect::Clear => out.push(STEP_CLEAR),
    }
}

/// Reads what [`encode_effects`] wrote. `resolve` tells the name that has a number.
///
/// Memory grows with what has been read, never with what a length claims: an entry takes at least two bytes
/// here and some tens in memory.
pub(crate) fn decode_effects(
    bytes: &[u8],
    resolve: impl FnMut(u32) -> Option<Arc<str>>,
) -> Result<Vec<(Arc<str>, Effect)>> {
    let mut reader = Reader::new(bytes);
    let mut resolve = Resolve { name: resolve, types: Vec::new() };
    let mut effects = Vec::new();
    while !reader.is_empty() {
        let entry = decode_entry(&mut reader, &mut resolve)
            .map_err(|reason| malformed(format!("entry {}: {reason}", effects.len())))?;
        effects.push(entry);
    }
    Ok(effects)
}

/// Appends the refused batches of a row, and the outcomes of those with keys.
pub(crate) fn encode_refused(refused: &[(u64, ErrorCode)], outcomes: &[KeyedOutcome], out: &mut Vec<u8>) {
    for (number, code) in refused {
        put_u64(out, *number);
        put_i64(out, i64::from(*code as i32));
    }
    for outcome in outcomes {
        put_u64(out, 0);
        put_i64(out, outcome.refused.map_or(0, |code| i64::from(code as i32)));
        put_text(out, &outcome.key);
    }
}

/// Numbers of refused batches, with the codes.
type Refused = Vec<(u64, ErrorCode)>;

/// Reads what [`encode_refused`] wrote.
pub(crate) fn decode_refused(bytes: &[u8]) -> Result<(Refused, Vec<KeyedOutcome>)> {
    let mut reader = Reader::new(bytes);
    let (mut refused, mut outcomes) = (Vec::new(), Vec::new());
    while !reader.is_empty() {
        let number = reader.u64().ok_or_else(|| malformed("a refused number is cut or over-long"))?;
        let code = reader.i64().ok_or_else(|| malformed("a refusal's code is cut or over-long"))?;
        let known = i32::try_from(code).ok().and_then(ErrorCode::from_i32);
        if number == 0 {
            if known.is_none() && code != 0 {
                return Err(malformed(format!("{code} is no error code that this version knows")));
            }
            let key =
                read_text(&mut reader, usize::MAX).map_err(|reason| malformed(format!("a key {reason}")))?;
            outcomes.push(KeyedOutcome { key: Arc::from(key), refused: known });
            continue;
        }
        let known =
            known.ok_or_else(|| malformed(format!("{code} is no error code that this version knows")))?;
        refused.push((number, known));
    }
    Ok((refused, outcomes))
}

fn decode_entry<F: FnMut(u32) -> Option<Arc<str>>>(
    reader: &mut Reader<'_>,
    resolve: &mut Resolve<F>,
) -> Result<(Arc<str>, Effect), String> {
    let number = reader.u64().ok_or("the name's number is cut or over-long")?;
    let name = u32::try_from(number)
        .ok()
        .and_then(|number| resolve.name(number))
        .ok_or_else(|| format!("no property name has the number {number}"))?;
    let tag = reader.u8().ok_or("the tag is missing")?;
    let scalar = match tag {
        TAG_FALSE | TAG_TRUE => return Ok((name, Effect::Value(Value::Bool(tag == TAG_TRUE)))),
        TAG_I32 => ScalarType::I32,
        TAG_I64 => ScalarType::I64,
        TAG_F32 => ScalarType::F32,
        TAG_F64 => ScalarType::F64,
        TAG_STRING => ScalarType::String,
        TAG_BYTES => ScalarType::Bytes,
        TAG_VECTOR2 => ScalarType::Vector2,
        TAG_VECTOR3 => ScalarType::Vector3,
        TAG_QUATERNION => ScalarType::Quaternion,
        TAG_COLOR => ScalarType::Color,
        TAG_DATETIME => ScalarType::DateTime,
        TAG_UUID => ScalarType::Uuid,
        TAG_DIFF => {
            let diff = reader.i64().ok_or("the integer is cut or over-long")?;
            return Ok((name, Effect::Diff(diff)));
        }
        TAG_LIST => {
            let item = value_type(reader, resolve)?;
            return Ok((name, Effect::Value(read_inner(reader, &ValueType::list(item))?)));
        }
        TAG_DICT => {
            let (key_type, item) = (key_type(reader)?, value_type(reader, resolve)?);
            return Ok((name, Effect::Value(read_inner(reader, &ValueType::dict(key_type, item))?)));
        }
        TAG_NAMED_TYPE => {
            let value_type = value_type(reader, resolve)?;
            return Ok((name, Effect::Value(read_inner(reader, &value_type)?)));
        }
        TAG_PARTS => {
            let count = reader.u64().ok_or("the count is cut or over-long")?;
            let mut steps = Vec::new();
            for _ in 0..count {
                steps.push(decode_part(reader, resolve)?);
            }
            return Ok((name, Effect::Parts(steps)));
        }
        TAG_LIST_STEPS => {
            let item = optional_type(reader, resolve)?;
            let step = |reader: &mut Reader<'_>| decode_list_step(reader, item.as_ref());
            return Ok((name, Effect::List(decode_many(reader, step)?.into())));
        }
        TAG_DICT_STEPS => {
            let (key_type, value) = (key_type(reader)?, optional_type(reader, resolve)?);
            let step = |reader: &mut Reader<'_>| decode_dict_step(reader, key_type, value.as_ref());
            return Ok((name, Effect::Dict(decode_many(reader, step)?.into())));
        }
        tag => return Err(format!("unknown tag {tag}")),
    };
    Ok((name, Effect::Value(read_inner(reader, &scalar.into())?)))
}

fn decode_many<T>(
    reader: &mut Reader<'_>,
    read: impl Fn(&mut Reader<'_>) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let count = reader.u64().ok_or("the count is cut or over-long")?;
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(read(reader)?);
    }
    Ok(all)
}

/// What numbers stand for.
struct Resolve<F> {
    name: F,
    /// Types that were named already: each is read from its name once, and values of it share it.
    types: Vec<(u32, ValueType)>,
}

impl<F: FnMut(u32) -> Option<Arc<str>>> Resolve<F> {
    fn name(&mut self, number: u32) -> Option<Arc<str>> {
        (self.name)(number)
    }

    fn value_type(&mut self, number: u64) -> Result<ValueType, String> {
        let known = self.types.iter().find(|(known, _)| u64::from(*known) == number);
        if let Some((_, value_type)) = known {
            return Ok(value_type.clone());
        }
        let of = u32::try_from(number).ok();
        let named = of.and_then(|of| Some((of, self.name(of)?)));
        let (of, name) = named.ok_or_else(|| format!("no name has the number {number}"))?;
        let value_type = ValueType::from_name(&name).ok_or_else(|| format!("`{name}` is no type"))?;
        self.types.push((of, value_type.clone()));
        Ok(value_type)
    }
}

fn value_type<F: FnMut(u32) -> Option<Arc<str>>>(
    reader: &mut Reader<'_>,
    resolve: &mut Resolve<F>,
) -> Result<ValueType, String> {
    optional_type(reader, resolve)?.ok_or_else(|| "the type is missing".into())
}

fn optional_type<F: FnMut(u32) -> Option<Arc<str>>>(
    reader: &mut Reader<'_>,
    resolve: &mut Resolve<F>,
) -> Result<Option<ValueType>, String> {
    match reader.u8().ok_or("the type is missing")? {
        0 => Ok(None),
        NAMED_TYPE => {
            let number = reader.u64().ok_or("the number of a type's name is cut or over-long")?;
            resolve.value_type(number).map(Some)
        }
        number => ScalarType::from_u8(number)
            .map(|scalar| Some(scalar.into()))
            .ok_or_else(|| format!("unknown type {number}")),
    }
}

fn key_type(reader: &mut Reader<'_>) -> Result<KeyType, String> {
    let number = reader.u8().ok_or("the keys' type is missing")?;
    let found = KeyType::ALL.iter().copied().find(|key_type| *key_type as u8 == number);
    found.ok_or_else(|| format!("unknown type {number} of keys"))
}

fn decode_list_step(reader: &mut Reader<'_>, item: Option<&ValueType>) -> Result<ListEffect, String> {
    let kind = reader.u8().ok_or("a step is missing")?;
    let place = |reader: &mut Reader<'_>| {
        reader.u64().and_then(|place| u32::try_from(place).ok()).ok_or("a place is cut or too great")
    };
    let value = |reader: &mut Reader<'_>| read_inner(reader, item.ok_or("the items' type is missing")?);
    Ok(match kind {
        STEP_SET => ListEffect::Set { index: place(reader)?, value: value(reader)? },
        STEP_INSERT => ListEffect::Insert { index: place(reader)?, value: value(reader)? },
        STEP_REMOVE => ListEffect::Remove { index: place(reader)? },
        STEP_MOVE => ListEffect::Move { from: place(reader)?, to: place(reader)? },
        STEP_CLEAR => ListEffect::Clear,
        kind => return Err(format!("unknown step {kind} of a list")),
    })
}

fn decode_dict_step(
    reader: &mut Reader<'_>,
    key_type: KeyType,
    value: Option<&ValueType>,
) -> Result<DictEffect, String> {
    let kind = reader.u8().ok_or("a step is missing")?;
    if kind == STEP_CLEAR {
        return Ok(DictEffect::Clear);
    }
    let key = read_key(reader, key_type)?;
    Ok(match kind {
        STEP_PUT => {
            DictEffect::Put { key, value: read_inner(reader, value.ok_or("the values' type is missing")?)? }
        }
        STEP_DIFF => DictEffect::Diff { key, diff: reader.i64().ok_or("a difference is cut or over-long")? },
        STEP_REMOVE => DictEffect::Remove { key },
        kind => return Err(format!("unknown step {kind} of a dictionary")),
    })
}

fn malformed(reason: impl Into<String>) -> Error {
    Error::malformed("journal row", reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::Random;
    use crate::value::{Custom, Dict, List, Record};
    use smallvec::smallvec;

    /// Types that are named by number like properties.
    const TYPES: [&str; 3] = ["record{id:string,n:i32}", "list<record{id:string,n:i32}>", "custom<loadout>"];

    fn name(number: u32) -> Option<Arc<str>> {
        match TYPES.get((number as usize).wrapping_sub(500)) {
            Some(name) => Some(Arc::from(*name)),
            None => (number < 1000).then(|| Arc::from(format!("p{number}"))),
        }
    }

    fn number_of(name: &Arc<str>) -> Result<u32, ()> {
        let place = TYPES.iter().position(|known| **known == **name);
        Ok(place.map_or_else(|| name[1..].parse().unwrap(), |place| 500 + place as u32))
    }

    /// A record of the first of the types.
    fn record(n: i32) -> Value {
        let record_type = ValueType::from_name(TYPES[0]).unwrap().record().unwrap().clone();
        Record::new(&record_type, [("id", "q".into()), ("n", n.into())]).unwrap().into()
    }

    fn value(value: Value) -> Effect {
        Effect::Value(value)
    }

    /// Every step of a way, and everything that may be done there.
    fn parts() -> Vec<PartEffect> {
        let field = PathStep::Field(FieldStep { index: u16::MAX, name: name(7).unwrap() });
        let way = || Path::root().with(PathStep::Item(300)).with(field.clone());
        let entry = |key| way().with(PathStep::Entry(key));
        let step = |path, what| PartEffect { path, what };
        vec![
            step(way(), PartChange::Value(Value::I32(-1))),
            step(entry(Key::from("k")), PartChange::Value(record(5))),
            step(entry(Key::Int(-7)), PartChange::Diff(-300)),
            step(way().with(PathStep::Item(0)), PartChange::Insert(record(6))),
            step(way().with(PathStep::Item(1)), PartChange::Move(70_000)),
            step(entry(Key::from("")), PartChange::Remove),
            step(Path::root(), PartChange::Clear),
        ]
    }

    fn samples() -> Vec<(u32, Effect)> {
        vec![
            (0, value(Value::Bool(false))),
            (1, value(Value::Bool(true))),
            (2, value(Value::I32(i32::MIN))),
            (3, value(Value::I32(i32::MAX))),
            (127, value(Value::I64(i64::MIN))),
            (128, value(Value::I64(i64::MAX))),
            (6, value(Value::F64(-0.0))),
            (7, value(Value::F64(f64::from_bits(0x7ff8_dead_beef_0001)))),
            (8, value(Value::from(""))),
            (9, value(Value::from("Zoë 🎲"))),
            (12, value(Value::F32(-0.0))),
            (13, value(Value::from(vec![0, 1, 255]))),
            (14, value(Value::Vector2([1.0, 2.0]))),
            (15, value(Value::Vector3([1.0, 2.0, f32::NAN]))),
            (16, value(Value::from([1.0_f32, 2.0, 3.0, 4.0]))),
            (17, value(Value::Color([1, 2, 3, 4]))),
            (18, value(Value::DateTime(crate::DateTime::MAX))),
            (19, value(Value::from([7_u8; 16]))),
            (20, value(Value::List(List::from_items(ScalarType::I32, vec![Value::I32(5)]).unwrap()))),
            (
                21,
                value(Value::Dict(
                    Dict::from_entries(KeyType::I32, ScalarType::Bool, [(Key::Int(-1), Value::Bool(true))])
                        .unwrap(),
                )),
            ),
            (
                22,
                Effect::List(smallvec![
                    ListEffect::Insert { index: 300, value: Value::from("a") },
                    ListEffect::Set { index: 0, value: Value::from("b") },
                    ListEffect::Remove { index: 1 },
                    ListEffect::Move { from: 0, to: 70_000 },
                    ListEffect::Clear,
                ]),
            ),
            (23, Effect::List(smallvec![ListEffect::Remove { index: 1 }])),
            (
                24,
                Effect::Dict(smallvec![
                    DictEffect::Put { key: Key::from("a"), value: Value::I64(5) },
                    DictEffect::Diff { key: Key::from("b"), diff: -5 },
                    DictEffect::Remove { key: Key::from("c") },
                    DictEffect::Clear,
                ]),
            ),
            (25, Effect::Dict(smallvec![DictEffect::Put { key: Key::Int(-7), value: Value::from("x") }])),
            (26, value(record(1))),
            (27, value(Value::from(List::from_items(record(0).value_type(), vec![record(2)]).unwrap()))),
            (28, value(Value::from(Custom::new(Some("loadout"), [1, 2, 3])))),
            (29, Effect::List(smallvec![ListEffect::Insert { index: 0, value: record(3) }])),
            (30, Effect::Dict(smallvec![DictEffect::Put { key: Key::from("a"), value: record(4) }])),
            (31, Effect::Parts(parts())),
            (999, Effect::Diff(-1)),
            (11, Effect::Diff(i64::MIN)),
        ]
    }

    fn encode(effects: &[(u32, Effect)]) -> Vec<u8> {
        let mut out = Vec::new();
        let named: Vec<_> = effects.iter().map(|(n, e)| (name(*n).unwrap(), e.clone())).collect();
        encode_effects(&named, number_of, &mut out).unwrap();
        out
    }

    #[test]
    fn effects_come_back_as_they_went() {
        assert_eq!(decode_effects(&[], name).unwrap(), vec![]);
        let expected: Vec<_> = samples().into_iter().map(|(n, e)| (name(n).unwrap(), e)).collect();
        assert_eq!(decode_effects(&encode(&samples()), name).unwrap(), expected);
    }

    /// The bytes that are in databases already.
    #[test]
    fn golden_bytes() {
        let check = |number, effect: Effect, expected: &[u8]| {
            assert_eq!(encode(&[(number, effect.clone())]), expected);
            assert_eq!(decode_effects(expected, name).unwrap(), [(name(number).unwrap(), effect)]);
        };
        check(1, value(Value::Bool(false)), &[1, 0]);
        check(1, value(Value::Bool(true)), &[1, 1]);
        check(300, value(Value::I32(-2)), &[0xac, 2, 2, 3]);
        check(1, value(Value::I64(64)), &[1, 3, 0x80, 1]);
        check(1, value(Value::F64(1.0)), &[1, 4, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
        check(1, value(Value::from("ab")), &[1, 5, 2, b'a', b'b']);
        check(1, Effect::Diff(5), &[1, 6, 10]);
        check(1, value(Value::F32(1.0)), &[1, 7, 0, 0, 0x80, 0x3f]);
        check(1, value(Value::from(vec![9])), &[1, 8, 1, 9]);
        check(1, value(Value::Vector2([1.0, 0.0])), &[1, 9, 0, 0, 0x80, 0x3f, 0, 0, 0, 0]);
        check(1, value(Value::Color([1, 2, 3, 4])), &[1, 12, 1, 2, 3, 4]);
        check(1, value(Value::DateTime(crate::DateTime::UNIX_EPOCH)), &[1, 13, 0]);
        let item = |index, value| ListEffect::Insert { index, value: Value::I32(value) };
        check(1, Effect::List(smallvec![item(2, 3), ListEffect::Clear]), &[1, 17, 2, 2, 1, 2, 6, 4]);
        let put = DictEffect::Put { key: Key::from("k"), value: Value::Bool(true) };
        check(1, Effect::Dict(smallvec![put]), &[1, 18, 1, 1, 1, 5, 1, b'k', 1]);
        check(1, value(record(-1)), &[1, 19, 255, 0xf4, 3, 1, b'q', 1]);
        let mut out = Vec::new();
        let outcome = |key: &str, refused| KeyedOutcome { key: Arc::from(key), refused };
        encode_refused(
            &[(7, ErrorCode::InvalidArgument), (300, ErrorCode::StoreOpen)],
            &[outcome("s:p", None), outcome("c:", Some(ErrorCode::InvalidHandle))],
            &mut out,
        );
        assert_eq!(out, [7, 1, 0xac, 2, 0xb1, 9, 0, 0, 3, b's', b':', b'p', 0, 3, 2, b'c', b':']);
    }

    #[test]
    fn malformed_bytes_are_refused() {
        let check = |bytes: &[u8], reason: &str| {
            let error = decode_effects(bytes, name).unwrap_err();
            assert_eq!(error.code(), ErrorCode::Malformed);
            assert!(error.to_string().contains(reason), "{bytes:?}: {error}");
        };
        check(&[1], "tag is missing");
        check(&[1, 21], "unknown tag 21");
        check(&[1, 19, 255, 1], "`p1` is no type");
        check(&[1, 19, 255, 0xe8, 7], "no name has the number 1000");
        check(&[1, 19, 255, 0xf4, 3, 0, 0xff, 0xff, 0xff, 0xff, 0x1f], "does not fit i32");
        check(&[0x81, 0, 0], "over-long");
        check(&[0xe8, 7, 0], "no property name has the number 1000");
        check(&[0xff, 0xff, 0xff, 0xff, 0x7f, 0], "no property name has the number 34359738367");
        check(&[1, 2, 0xff, 0xff, 0xff, 0xff, 0x1f], "does not fit i32");
        check(&[1, 3, 0x80], "ends inside");
        check(&[1, 3, 0x80, 0], "ends inside");
        check(&[1, 4, 0, 0, 0, 0, 0, 0, 0], "ends inside");
        check(&[1, 5, 3, b'a', b'b'], "ends inside");
        check(&[1, 5, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], "longer than its limit");
        check(&[1, 15, 0, 0], "the type is missing");
        check(&[1, 15, 99, 0], "unknown type 99");
        check(&[1, 16, 9, 1, 0], "unknown type 9 of keys");
        check(&[1, 17, 0, 1, 1, 0, 5], "the items' type is missing");
        check(&[1, 17, 2, 0xff, 0xff, 3], "step is missing");
        check(&[1, 17, 2, 1, 9], "unknown step 9 of a list");
        check(&[1, 18, 1, 2, 1, 9, 0], "unknown step 9 of a dictionary");
        check(&[1, 5, 2, 0xc3, 0x28], "not UTF-8");
        check(&[1, 5, 1, 0], "U+0000");
        check(&[1, 0, 1], "entry 1");
        for bytes in [
            &[7][..],
            &[7, 0x81, 0],
            &[7, 0],
            &[0x87, 0, 1],
            &[7, 0xff, 0xff, 0xff, 0xff, 0x7f],
            &[0, 0],
            &[0, 0, 2, b's'],
            &[0, 2, 0],
            &[0, 0, 1, 0],
        ] {
            assert_eq!(decode_refused(bytes).unwrap_err().code(), ErrorCode::Malformed, "{bytes:?}");
        }
    }

    #[test]
    fn every_error_code_comes_back() {
        let refused: Vec<_> =
            ErrorCode::ALL.iter().enumerate().map(|(i, c)| ((u64::MAX >> (i % 64)).max(1), *c)).collect();
        let mut out = Vec::new();
        let outcomes: Vec<_> = ErrorCode::ALL
            .iter()
            .map(|code| KeyedOutcome { key: Arc::from(code.name()), refused: Some(*code) })
            .chain([KeyedOutcome { key: Arc::from("s:applied"), refused: None }])
            .collect();
        encode_refused(&refused, &outcomes, &mut out);
        assert_eq!(decode_refused(&out).unwrap(), (refused, outcomes));
    }

    #[test]
    fn any_bytes_are_a_value_or_an_error() {
        let mut random = Random::new();
        let good = encode(&samples());
        for cut in 0..good.len() {
            let _ = decode_effects(&good[..cut], name);
        }
        for _ in 0..20_000 {
            let mut bytes = good.clone();
            for _ in 0..=random.below(4) {
                let at = random.below(bytes.len() + 1);
                match random.below(3) {
                    0 if at < bytes.len() => bytes[at] = random.below(256) as u8,
                    1 if at < bytes.len() => drop(bytes.remove(at)),
                    _ => bytes.insert(at, random.below(256) as u8),
                }
            }
            let _ = decode_refused(&bytes);
            // What can be read is written back as what is read as the same.
            if let Ok(effects) = decode_effects(&bytes, name) {
                let numbered: Vec<_> =
                    effects.iter().map(|(n, e)| (number_of(n).unwrap(), e.clone())).collect();
                assert_eq!(decode_effects(&encode(&numbered), name).unwrap(), effects);
            }
        }
    }
}
