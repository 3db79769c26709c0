//! The decoders that need nothing but bytes and types.

use std::sync::Arc;

use super::game;
use crate::error::Result;
use crate::json::{profile_from_json, profile_to_json};
use crate::profile::{Cause, Profile};
use crate::schema::{Relation, Schema};
use crate::store::{decode_effects, decode_refused};
use crate::value::{Key, KeyType, ValueType};
use crate::wire::compress::expand;
use crate::wire::control::{COMPRESSED, Down, Up, decode, relation_of};
use crate::wire::delta::read_delta;
use crate::wire::frames::{
    FrameBuffer, Head, KIND_BATCH_ONCE, KIND_BATCHES, KIND_CONTROL, KIND_VOLATILE, read_batch, read_head,
};
use crate::wire::keys::{KnownKeys, Meaning, ReadKeys, WrittenOut};
use crate::wire::values::{read_snapshot, read_text};
use crate::wire::varint::Reader;
use crate::wire::volatile::read_volatile;

/// Numbers that stand for keys here; others are nobody's.
const NUMBERS: u32 = 4096;

/// Knows a key for every number, so that a delta can be read without what was told before it.
struct EveryKey(Vec<Key>);

impl EveryKey {
    fn of(schema: &Schema) -> Self {
        let is_text = |of: &ValueType| matches!(of, ValueType::Dict(KeyType::String, _));
        let types = schema.properties().iter().map(|p| p.value_type());
        Self(types.map(|of| if is_text(of) { Key::from("gold") } else { Key::Int(7) }).collect())
    }
}

impl ReadKeys for EveryKey {
    const NUMBERED: bool = true;

    fn key(&self, property: u16, number: u32) -> Option<&Key> {
        self.0.get(usize::from(property)).filter(|_| number < NUMBERS)
    }

    fn learn(&mut self, _: u16, _: u32, _: &Key) {}

    fn removed(&mut self, _: u16, _: &Key) {}

    fn forget(&mut self, _: u16) {}
}

pub(super) fn frames(schema: &Schema, bytes: &[u8]) -> bool {
    let read = || {
        let mut buffer = FrameBuffer::default();
        buffer.push(bytes);
        let mut last_channel = 0;
        while let Some(frame) = buffer.next_frame()? {
            let mut reader = Reader::new(frame);
            let good = match read_head(&mut reader, last_channel)? {
                Head::Delta(head) => {
                    last_channel = head.channel;
                    delta(schema, reader.rest())
                }
                Head::Kind(KIND_CONTROL) => control(reader.rest()),
                Head::Kind(KIND_VOLATILE) => volatile(schema, reader.rest()),
                Head::Kind(KIND_BATCHES) => batches(schema, reader, false)?,
                Head::Kind(KIND_BATCH_ONCE) => batches(schema, reader, true)?,
                // The other kinds are a few numbers, which the machines read.
                Head::Kind(_) => true,
            };
            if !good {
                return Ok(false);
            }
        }
        Ok::<_, crate::Error>(true)
    };
    read().unwrap_or(false)
}

fn batches(schema: &Schema, mut reader: Reader<'_>, once: bool) -> Result<bool> {
    let (Some(_), Some(mut number)) = (reader.u64(), reader.u64()) else { return Ok(false) };
    if once && read_text(&mut reader, crate::limits::MAX_IDEMPOTENCY_KEY_BYTES).is_err() {
        return Ok(false);
    }
    let keys = EveryKey::of(schema);
    let meaning = |property, number| match number % 3 {
        0 => Some(Meaning::Forgotten),
        _ => keys.key(property, number).cloned().map(Meaning::Key),
    };
    while !reader.is_empty() {
        read_batch(&mut reader, number, schema, &meaning)?;
        number = number.wrapping_add(1);
    }
    Ok(true)
}

pub(super) fn delta(schema: &Schema, bytes: &[u8]) -> bool {
    let told = read_delta(Reader::new(bytes), schema, &mut KnownKeys::default(), &mut Vec::new());
    let written = read_delta(Reader::new(bytes), schema, &mut WrittenOut, &mut Vec::new());
    let every = read_delta(Reader::new(bytes), schema, &mut EveryKey::of(schema), &mut Vec::new());
    told.is_ok() || written.is_ok() || every.is_ok()
}

pub(super) fn snapshot(schema: &Arc<Schema>, bytes: &[u8]) -> bool {
    let sent = sent_snapshot(schema, Reader::new(bytes)).unwrap_or(false);
    let bare = read_snapshot(Reader::new(bytes), &**schema, &mut WrittenOut).is_ok();
    let alone = Profile::new(schema.clone()).apply_snapshot(bytes).is_ok();
    sent || bare || alone
}

/// A snapshot as it is on the network; `None` when it ends inside its head.
fn sent_snapshot(schema: &Schema, mut reader: Reader<'_>) -> Option<bool> {
    // Channel, serial, epoch, version, own.
    reader.u64()?;
    reader.u64()?;
    reader.fixed_u64()?;
    reader.u64()?;
    reader.u64()?;
    let relation = reader.u8()?;
    relation_of(relation & !COMPRESSED)?;
    let keys = &mut KnownKeys::default();
    if relation & COMPRESSED == 0 {
        return Some(read_snapshot(reader, schema, keys).is_ok());
    }
    let plain = expand(&mut reader).ok()?;
    Some(read_snapshot(Reader::new(&plain), schema, keys).is_ok())
}

pub(super) fn control(bytes: &[u8]) -> bool {
    let up = decode::<Up>(bytes).is_ok();
    let down = decode::<Down>(bytes).is_ok();
    up || down
}

pub(super) fn volatile(schema: &Schema, bytes: &[u8]) -> bool {
    [false, true].map(|down| read_volatile(Reader::new(bytes), down, schema, |_, _| ()).is_ok()) != [false; 2]
}

pub(super) fn profile_json(schema: &Arc<Schema>, bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Ok(values) = profile_from_json(schema, &text) else { return false };
    // What was read can be written.
    profile_to_json(schema, |index| values.iter().find(|(i, _)| *i == index).map(|(_, value)| value));
    drop(values);
    let _ = Profile::new(schema.clone()).apply_json(&text);
    true
}

pub(super) fn schema(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let mistakes = Schema::check_json(&text).len();
    let read = Schema::from_json(&text).is_ok();
    assert_eq!(read, mistakes == 0, "a file is read exactly when it has no mistakes");
    read
}

/// The names that rows of a profile have by number: those of properties, and of the types and fields in them.
pub(super) fn journal_names(schema: &Schema) -> Vec<Arc<str>> {
    fn within(value_type: &ValueType, names: &mut Vec<Arc<str>>) {
        if value_type.scalar().is_none() {
            names.push(Arc::from(value_type.name()));
        }
        for field in value_type.record().into_iter().flat_map(|record| record.fields()) {
            names.push(Arc::from(field.name()));
            within(field.value_type(), names);
        }
        if value_type.is_container() {
            within(value_type.element(), names);
        }
    }
    let mut names: Vec<_> = schema.properties().iter().map(|property| Arc::from(property.name())).collect();
    schema.properties().iter().for_each(|property| within(property.value_type(), &mut names));
    names
}

pub(super) fn journal(schema: &Schema, bytes: &[u8]) -> bool {
    let names = journal_names(schema);
    let effects = decode_effects(bytes, |number| names.get(number as usize).cloned()).is_ok();
    let refused = decode_refused(bytes).is_ok();
    effects || refused
}

/// A profile of a connected peer with changes that are pending, and one without an endpoint.
pub(super) struct Live {
    attached: Profile,
    alone: Profile,
    keys: EveryKey,
}

impl Live {
    pub(super) fn new(schema: &Arc<Schema>) -> Self {
        let mut attached = Profile::filling(schema.clone(), "ann".into());
        let values = schema.properties().iter().map(|p| Some(p.default().clone())).collect();
        attached.load(Relation::Server, values, 0, Cause::Load).unwrap();
        let mut alone = Profile::new(schema.clone());
        for index in schema.indexes() {
            let (place, name) = (index.get() as u8, schema.property(index).value_type().name());
            // Lists and dictionaries, and a few others.
            if name.contains('<') || place % 8 == 1 {
                game::act(&mut attached, &[game::JSON, place, place]);
            }
            if name.starts_with("list") {
                game::act(&mut attached, &[game::REMOVE, place, 0]);
                game::act(&mut alone, &[game::JSON, place, place]);
            }
            if schema.property(index).value_type().has_parts() {
                game::act(&mut attached, &[game::SET_AT, place, 9, place]);
                game::act(&mut attached, &[game::REMOVE_AT, place, 0, 1]);
            }
        }
        attached.seal();
        Self { attached, alone, keys: EveryKey::of(schema) }
    }

    pub(super) fn apply(&mut self, bytes: &[u8]) -> bool {
        let Self { attached, alone, keys } = self;
        let before = [attached.snapshot(), alone.snapshot()];
        let mut entries = Vec::new();
        let schema = attached.schema().clone();
        let read = read_delta(Reader::new(bytes), &*schema, keys, &mut entries);
        let own = attached.applied_through();
        let applied = read.and_then(|()| attached.apply_effects(&entries, own)).is_ok();
        while attached.pop_change().is_some() {}
        let stamp = (schema.fingerprint() as u16).to_le_bytes();
        let applied_alone = alone.apply_delta(&[&[0xd1, stamp[0], stamp[1]], bytes].concat()).is_ok();
        while alone.next_event().is_some() {}
        assert!(applied || attached.snapshot() == before[0], "whole, or not at all");
        assert!(applied_alone || alone.snapshot() == before[1], "whole, or not at all, alone");
        applied || applied_alone
    }
}
