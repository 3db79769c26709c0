//! Frames: what travels on the ordered stream.
//!
//! A byte with the high bit is a delta of which all is usual, and how many bytes follow. Any other frame is a length and so many
//! bytes: up to 125 in one byte, else 126 and two bytes, or 127 and four. The first byte says what it is: 64 and the bits of the
//! parts of its head that are present for a delta, otherwise one of the `KIND_…` numbers.

use smallvec::SmallVec;

use super::control::Control;
use super::keys::Meaning;
use super::parts::{put_at, read_at};
use super::values::{Types, put_inner, put_key, read_inner, read_key};
use super::varint::{Reader, put_i64, put_u64};
use crate::error::{Error, Result};
use crate::limits::{MAX_BATCH_OPS, MAX_FRAME_BYTES};
use crate::value::{
    Add, Anchor, Change, DictChange, ItemRef, Key, KeyType, ListChange, Mode, OwnOp, ScalarType, Value,
    ValueType,
};

/// A control message in the encoding of `control`.
pub(crate) const KIND_CONTROL: u8 = 0;
/// Batches that a writer asks for.
pub(crate) const KIND_BATCHES: u8 = 1;
/// How far a writer's own batches are durable.
pub(crate) const KIND_DURABLE: u8 = 2;
/// An observer has applied a snapshot, or, with the serial zero, the first delta after a resume in another epoch.
pub(crate) const KIND_CONFIRM: u8 = 3;

/// The hash of what an observer has at this place of the stream.
pub(crate) const KIND_HASH: u8 = 5;
/// Values of volatile properties.
pub(crate) const KIND_VOLATILE: u8 = 6;
/// One batch with an idempotency key.
pub(crate) const KIND_BATCH_ONCE: u8 = 4;

/// The whole head of a usual delta; the other bits are the length.
const USUAL_DELTA: u8 = 0x80;
const DELTA: u8 = 0x40;
const DELTA_CHANNEL: u8 = 1;
const DELTA_STEP: u8 = 2;
const DELTA_OWN: u8 = 4;

/// A change that a writer asks for, of one property.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Op {
    pub(crate) property: u16,
    pub(crate) change: Change,
}

/// The operations of a batch: nearly always one.
pub(crate) type Ops = SmallVec<[Op; 1]>;

/// Appends one frame whose body `write` appends.
pub(crate) fn put_frame(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    // Most bodies are short: leave one byte for the length, and move the body only when it takes more.
    let start = out.len();
    out.push(0);
    write(out);
    let length = out.len() - start - 1;
    debug_assert!(length <= MAX_FRAME_BYTES, "a frame of {length} bytes");
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < LENGTH_OF_TWO => out[start] = short,
        (_, Ok(length)) => {
            let [a, b] = length.to_le_bytes();
            out.splice(start..=start, [LENGTH_OF_TWO, a, b]);
        }
        _ => {
            let [a, b, c, d] = (length as u32).to_le_bytes();
            out.splice(start..=start, [LENGTH_OF_FOUR, a, b, c, d]);
        }
    }
}

/// Two bytes of length follow, or four; the lowest first.
const LENGTH_OF_TWO: u8 = 0x7e;
const LENGTH_OF_FOUR: u8 = 0x7f;

/// Appends a delta as a frame. `last_channel` is that of the delta before on this stream.
pub(crate) fn put_delta(out: &mut Vec<u8>, head: DeltaHead, last_channel: u64, body: &[u8]) {
    let is_usual = head == DeltaHead { channel: last_channel, step: 1, own: 0 };
    match u8::try_from(body.len()) {
        Ok(length) if is_usual && length < USUAL_DELTA => {
            out.push(USUAL_DELTA | length);
            out.extend_from_slice(body);
        }
        _ => put_frame(out, |out| {
            put_delta_head(out, head, last_channel);
            out.extend_from_slice(body);
        }),
    }
}

/// Appends a control message as a frame.
pub(crate) fn put_control<M: Control>(out: &mut Vec<u8>, message: &M) {
    put_frame(out, |out| {
        out.push(KIND_CONTROL);
        super::control::encode(message, out);
    });
}

/// The head of a delta: what is not said is the channel of the delta before, one version more, and no own batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DeltaHead {
    pub(crate) channel: u64,
    /// Versions from the delta or snapshot before to this one.
    pub(crate) step: u64,
    /// How many more of the receiver's own batches are decided by it.
    pub(crate) own: u64,
}

/// Appends the head of a delta inside a frame. `last_channel` is that of the delta before on this stream.
fn put_delta_head(out: &mut Vec<u8>, head: DeltaHead, last_channel: u64) {
    let mut flags = DELTA;
    flags |= if head.channel != last_channel { DELTA_CHANNEL } else { 0 };
    flags |= if head.step != 1 { DELTA_STEP } else { 0 };
    flags |= if head.own != 0 { DELTA_OWN } else { 0 };
    out.push(flags);
    for (flag, value) in [(DELTA_CHANNEL, head.channel), (DELTA_STEP, head.step), (DELTA_OWN, head.own)] {
        if flags & flag != 0 {
            put_u64(out, value);
        }
    }
}

/// A frame's first part.
pub(crate) enum Head {
    Delta(DeltaHead),
    Kind(u8),
}

/// Reads what a frame is; the reader is left at the rest.
pub(crate) fn read_head(reader: &mut Reader<'_>, last_channel: u64) -> Result<Head> {
    let bad = |reason: &str| Error::malformed("frame", reason);
    let first = reader.u8().ok_or_else(|| bad("is empty"))?;
    if first & USUAL_DELTA != 0 {
        if usize::from(first & !USUAL_DELTA) != reader.len() {
            return Err(bad("is a delta of another length"));
        }
        return Ok(Head::Delta(DeltaHead { channel: last_channel, step: 1, own: 0 }));
    }
    if first & DELTA == 0 {
        return Ok(Head::Kind(first));
    }
    if first & !(DELTA | DELTA_CHANNEL | DELTA_STEP | DELTA_OWN) != 0 {
        return Err(bad("has unknown delta flags"));
    }
    let mut part = |flag, default| match first & flag {
        0 => Ok(default),
        _ => reader.u64().ok_or_else(|| bad("ends inside a delta's head")),
    };
    Ok(Head::Delta(DeltaHead {
        channel: part(DELTA_CHANNEL, last_channel)?,
        step: part(DELTA_STEP, 1)?,
        own: part(DELTA_OWN, 0)?,
    }))
}

const OP_SET: u64 = 0;
/// A plain addition; of a bool, true.
const OP_ADD: u64 = 1;
/// A byte follows that says more.
const OP_EXTENDED: u64 = 2;
const OP_MORE: u64 = 4;

const ADD_GUARDED: u8 = 1;
const ADD_MIN: u8 = 2;
const ADD_MAX: u8 = 4;
const ADD_BOUNDED: u8 = 8;
/// In the place of an addition's flags: the value that the property must have follows.
const REQUIRE: u8 = 16;

const LIST_INSERT: u8 = 0;
const LIST_SET: u8 = 1;
const LIST_REMOVE: u8 = 2;
const LIST_MOVE: u8 = 3;
const LIST_CLEAR: u8 = 4;
const LIST_KINDS: u8 = 7;
const AT_FRONT: u8 = 0;
const AT_END: u8 = 8;
const AT_ITEM: u8 = 16;
const PLACES: u8 = 24;

const DICT_PUT: u8 = 0;
const DICT_REMOVE: u8 = 1;
const DICT_ADD: u8 = 2;
const DICT_CLEAR: u8 = 3;
const DICT_KINDS: u8 = 3;
/// The key is named by its number.
const DICT_NUMBER: u8 = 4;
/// The flags of a bounded addition follow in a byte.
const DICT_BOUNDED: u8 = 8;

/// Appends one batch inside a frame of batches. `base` is the version of the confirmed values, of which its list requests
/// speak; `number_of` gives the number of a dictionary's key where the master knows it.
pub(crate) fn put_batch(
    out: &mut Vec<u8>,
    batch: u64,
    ops: &[Op],
    base: u64,
    number_of: &impl Fn(u16, &Key) -> Option<u32>,
) {
    for (place, op) in ops.iter().enumerate() {
        let more = if place + 1 < ops.len() { OP_MORE } else { 0 };
        let kind = match &op.change {
            // A bool is set by the kind alone.
            Change::Set(Value::Bool(v)) => u64::from(*v),
            Change::Set(_) => OP_SET,
            Change::Add(add) if bounds_flags(add) == 0 => OP_ADD,
            _ => OP_EXTENDED,
        };
        put_u64(out, u64::from(op.property) << 3 | more | kind);
        match &op.change {
            Change::Set(Value::Bool(_)) => {}
            Change::Set(value) => put_inner(out, value),
            Change::Require(value) => {
                out.push(REQUIRE);
                put_inner(out, value);
            }
            Change::Add(add) => {
                if kind == OP_EXTENDED {
                    out.push(bounds_flags(add));
                }
                put_add(out, add);
            }
            Change::List(change) => put_list_change(out, batch, change, base),
            Change::Dict(change) => put_dict_change(out, change, |key| number_of(op.property, key)),
            Change::At(at) => put_at(out, batch, at, base, &|key| number_of(op.property, key)),
        }
    }
}

pub(super) fn bounds_flags(add: &Add) -> u8 {
    let (guarded, min, max) = match add {
        Add::Int { mode: Mode::Plain, .. } | Add::Float { mode: Mode::Plain, .. } => return 0,
        Add::Int { mode: mode @ (Mode::Clamp { min, max } | Mode::Guard { min, max }), .. } => {
            (matches!(mode, Mode::Guard { .. }), *min != i64::MIN, *max != i64::MAX)
        }
        Add::Float { mode: mode @ (Mode::Clamp { min, max } | Mode::Guard { min, max }), .. } => {
            (matches!(mode, Mode::Guard { .. }), *min != f64::NEG_INFINITY, *max != f64::INFINITY)
        }
    };
    let flag = |set, flag| if set { flag } else { 0 };
    ADD_BOUNDED | flag(guarded, ADD_GUARDED) | flag(min, ADD_MIN) | flag(max, ADD_MAX)
}

pub(super) fn put_add(out: &mut Vec<u8>, add: &Add) {
    let flags = bounds_flags(add);
    match add {
        Add::Int { amount, mode } => {
            put_i64(out, *amount);
            if let Mode::Clamp { min, max } | Mode::Guard { min, max } = mode {
                for (flag, bound) in [(ADD_MIN, min), (ADD_MAX, max)] {
                    if flags & flag != 0 {
                        put_i64(out, *bound);
                    }
                }
            }
        }
        Add::Float { amount, mode } => {
            out.extend_from_slice(&amount.to_bits().to_le_bytes());
            if let Mode::Clamp { min, max } | Mode::Guard { min, max } = mode {
                for (flag, bound) in [(ADD_MIN, min), (ADD_MAX, max)] {
                    if flags & flag != 0 {
                        out.extend_from_slice(&bound.to_bits().to_le_bytes());
                    }
                }
            }
        }
    }
}

pub(super) fn read_add(
    reader: &mut Reader<'_>,
    value_type: &ValueType,
    flags: u8,
) -> Result<Add, &'static str> {
    const CUT: &str = "ends inside an amount";
    let known = ADD_BOUNDED | ADD_GUARDED | ADD_MIN | ADD_MAX;
    if flags & !known != 0 || (flags != 0 && flags & ADD_BOUNDED == 0) {
        return Err("has an unknown addition");
    }
    fn mode<T: Copy>(flags: u8, min: T, max: T) -> Mode<T> {
        match flags & (ADD_BOUNDED | ADD_GUARDED) {
            0 => Mode::Plain,
            ADD_BOUNDED => Mode::Clamp { min, max },
            _ => Mode::Guard { min, max },
        }
    }
    let is = |wanted: fn(ScalarType) -> bool| value_type.scalar().is_some_and(wanted);
    let add = if is(ScalarType::is_integer) {
        let amount = reader.i64().ok_or(CUT)?;
        let mut bound = |flag, usual| match flags & flag {
            0 => Ok(usual),
            _ => reader.i64().ok_or(CUT),
        };
        let (min, max) = (bound(ADD_MIN, i64::MIN)?, bound(ADD_MAX, i64::MAX)?);
        Add::Int { amount, mode: mode(flags, min, max) }
    } else if is(ScalarType::is_float) {
        let mut float = || reader.fixed_u64().map(f64::from_bits).ok_or(CUT);
        let amount = float()?;
        let mut bound = |flag, usual| if flags & flag == 0 { Ok(usual) } else { float() };
        let (min, max) = (bound(ADD_MIN, f64::NEG_INFINITY)?, bound(ADD_MAX, f64::INFINITY)?);
        Add::Float { amount, mode: mode(flags, min, max) }
    } else {
        return Err("adds to something that is no number");
    };
    add.check().map_err(|_| "has bounds that no number is within")?;
    Ok(add)
}

fn put_list_change(out: &mut Vec<u8>, batch: u64, change: &ListChange, base: u64) {
    let anchor = |after: &Anchor| match after {
        Anchor::Front => AT_FRONT,
        Anchor::End => AT_END,
        Anchor::After(_) => AT_ITEM,
    };
    let put_anchor = |out: &mut Vec<u8>, after: &Anchor| {
        if let Anchor::After(item) = after {
            put_item(out, batch, item, base);
        }
    };
    match change {
        ListChange::Insert { after, value } => {
            out.push(LIST_INSERT | anchor(after));
            put_anchor(out, after);
            put_inner(out, value);
        }
        ListChange::Set { item, value } => {
            out.push(LIST_SET);
            put_item(out, batch, item, base);
            put_inner(out, value);
        }
        ListChange::Remove { item } => {
            out.push(LIST_REMOVE);
            put_item(out, batch, item, base);
        }
        ListChange::Move { item, after } => {
            out.push(LIST_MOVE | anchor(after));
            put_item(out, batch, item, base);
            put_anchor(out, after);
        }
        ListChange::Clear => out.push(LIST_CLEAR),
    }
}

/// Zero for an item that is gone. An odd number, for one that an operation of this writer inserted: how many batches ago,
/// then which operation of that batch. Else the place in the list of a version, and then the version.
fn put_item(out: &mut Vec<u8>, batch: u64, item: &ItemRef, base: u64) {
    match item {
        ItemRef::Gone => put_u64(out, 0),
        ItemRef::Own(own) => {
            put_u64(out, batch.saturating_sub(own.batch) << 1 | 1);
            put_u64(out, u64::from(own.op));
        }
        ItemRef::Base { index, .. } => {
            put_u64(out, (u64::from(*index) + 1) << 1);
            put_u64(out, base);
        }
    }
}

fn read_item(reader: &mut Reader<'_>, batch: u64) -> Result<ItemRef, &'static str> {
    const CUT: &str = "ends inside an item's place";
    let head = reader.u64().ok_or(CUT)?;
    if head == 0 {
        return Ok(ItemRef::Gone);
    }
    let second = reader.u64().ok_or(CUT)?;
    if head & 1 == 1 {
        let of = batch.checked_sub(head >> 1).filter(|of| *of > 0).ok_or("names a batch before the first")?;
        let op = u16::try_from(second).map_err(|_| "names an operation beyond any batch")?.into();
        return Ok(ItemRef::Own(OwnOp { batch: of, op }));
    }
    let index = u32::try_from((head >> 1) - 1).map_err(|_| "a place is beyond any list")?;
    Ok(ItemRef::Base { index, since: second })
}

fn read_list_change(
    reader: &mut Reader<'_>,
    batch: u64,
    item: &ValueType,
) -> Result<ListChange, &'static str> {
    let head = reader.u8().ok_or("ends inside an operation")?;
    let place = head & PLACES;
    let (inserts, moves) = (head & LIST_KINDS == LIST_INSERT, head & LIST_KINDS == LIST_MOVE);
    if head & !(LIST_KINDS | PLACES) != 0 || place == PLACES || (place != AT_FRONT && !inserts && !moves) {
        return Err("has an unknown operation of a list");
    }
    let anchor = |reader: &mut Reader<'_>| {
        Ok::<_, &'static str>(match place {
            AT_FRONT => Anchor::Front,
            AT_END => Anchor::End,
            _ => Anchor::After(read_item(reader, batch)?),
        })
    };
    Ok(match head & LIST_KINDS {
        LIST_INSERT => ListChange::Insert { after: anchor(reader)?, value: read_inner(reader, item)? },
        LIST_SET => ListChange::Set { item: read_item(reader, batch)?, value: read_inner(reader, item)? },
        LIST_REMOVE => ListChange::Remove { item: read_item(reader, batch)? },
        LIST_MOVE => ListChange::Move { item: read_item(reader, batch)?, after: anchor(reader)? },
        LIST_CLEAR => ListChange::Clear,
        _ => return Err("has an unknown operation of a list"),
    })
}

fn put_dict_change(out: &mut Vec<u8>, change: &DictChange, number_of: impl Fn(&Key) -> Option<u32>) {
    let (kind, key) = match change {
        DictChange::Put { key, .. } => (DICT_PUT, key),
        DictChange::Remove { key } => (DICT_REMOVE, key),
        DictChange::Add { key, .. } => (DICT_ADD, key),
        DictChange::Clear => return out.push(DICT_CLEAR),
        DictChange::Forgotten => return debug_assert!(false, "only the master forgets"),
    };
    let bounds = match change {
        DictChange::Add { add, .. } => bounds_flags(add),
        _ => 0,
    };
    let number = number_of(key);
    let numbered = if number.is_some() { DICT_NUMBER } else { 0 };
    out.push(kind | numbered | if bounds != 0 { DICT_BOUNDED } else { 0 });
    match number {
        Some(number) => put_u64(out, u64::from(number)),
        None => put_key(out, key),
    }
    match change {
        DictChange::Put { value, .. } => put_inner(out, value),
        DictChange::Add { add, .. } => {
            if bounds != 0 {
                out.push(bounds);
            }
            put_add(out, add);
        }
        _ => {}
    }
}

fn read_dict_change(
    reader: &mut Reader<'_>,
    key_type: KeyType,
    item: &ValueType,
    meaning: impl Fn(u32) -> Option<Meaning>,
) -> Result<DictChange, &'static str> {
    let head = reader.u8().ok_or("ends inside an operation")?;
    if head & !(DICT_KINDS | DICT_NUMBER | DICT_BOUNDED) != 0 {
        return Err("has an unknown operation of a dictionary");
    }
    let kind = head & DICT_KINDS;
    if kind == DICT_CLEAR {
        return (head == DICT_CLEAR).then_some(DictChange::Clear).ok_or("clears with a key");
    }
    if head & DICT_BOUNDED != 0 && kind != DICT_ADD {
        return Err("has bounds without an addition");
    }
    let key = if head & DICT_NUMBER != 0 {
        let number = reader.u64().and_then(|number| u32::try_from(number).ok());
        number.and_then(meaning).ok_or("a number that is no key's")?
    } else {
        Meaning::Key(read_key(reader, key_type)?)
    };
    let mut change = |key| {
        Ok::<_, &'static str>(match kind {
            DICT_PUT => DictChange::Put { key, value: read_inner(reader, item)? },
            DICT_REMOVE => DictChange::Remove { key },
            _ => {
                let flags = match head & DICT_BOUNDED {
                    0 => 0,
                    _ => reader.u8().filter(|flags| *flags != 0).ok_or("ends inside an addition")?,
                };
                DictChange::Add { key, add: read_add(reader, item, flags)? }
            }
        })
    };
    match key {
        Meaning::Key(key) => change(key),
        // What is asked of it has to be read all the same.
        Meaning::Forgotten => change(Key::Int(0)).map(|_| DictChange::Forgotten),
    }
}

/// Reads one batch. `meaning` tells what a number of a dictionary's key means.
pub(crate) fn read_batch(
    reader: &mut Reader<'_>,
    batch: u64,
    types: &(impl Types + ?Sized),
    meaning: &impl Fn(u16, u32) -> Option<Meaning>,
) -> Result<Ops> {
    let mut ops = Ops::new();
    loop {
        let (op, more) =
            read_op(reader, batch, types, meaning).map_err(|reason| Error::malformed("batch", reason))?;
        ops.push(op);
        if !more {
            return Ok(ops);
        }
        if ops.len() >= MAX_BATCH_OPS {
            return Err(Error::LimitReached { what: "operations in a batch", limit: MAX_BATCH_OPS });
        }
    }
}

fn read_op(
    reader: &mut Reader<'_>,
    batch: u64,
    types: &(impl Types + ?Sized),
    meaning: &impl Fn(u16, u32) -> Option<Meaning>,
) -> Result<(Op, bool), &'static str> {
    let head = reader.u64().ok_or("ends inside an operation")?;
    let value_type = types.type_of(head >> 3).ok_or("names an unknown property")?;
    let property = (head >> 3) as u16;
    let change = match (head & 3, value_type) {
        (kind @ (0 | 1), ValueType::Scalar(ScalarType::Bool)) => Change::Set(Value::Bool(kind == 1)),
        (OP_SET, ValueType::Scalar(_) | ValueType::Custom(_)) => Change::Set(read_inner(reader, value_type)?),
        (OP_ADD, ValueType::Scalar(_)) => Change::Add(read_add(reader, value_type, 0)?),
        (OP_EXTENDED, ValueType::Scalar(_) | ValueType::Custom(_)) => {
            match reader.u8().filter(|flags| *flags != 0).ok_or("ends inside an addition")? {
                REQUIRE => Change::Require(read_inner(reader, value_type)?),
                flags => Change::Add(read_add(reader, value_type, flags)?),
            }
        }
        (OP_EXTENDED, nested) if nested.is_nested() => {
            Change::At(Box::new(read_at(reader, batch, nested, &|number| meaning(property, number))?))
        }
        (OP_EXTENDED, ValueType::List(item)) => Change::List(read_list_change(reader, batch, item)?),
        (OP_EXTENDED, ValueType::Dict(key, item)) => {
            Change::Dict(read_dict_change(reader, *key, item, |number| meaning(property, number))?)
        }
        _ => return Err("has an unknown operation"),
    };
    Ok((Op { property, change }, head & OP_MORE != 0))
}

/// Puts frames together again from pieces of the stream.
#[derive(Debug, Default)]
pub(crate) struct FrameBuffer {
    bytes: Vec<u8>,
    read: usize,
}

impl FrameBuffer {
    /// Appends a piece of the stream.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.read > 0 {
            self.bytes.drain(..self.read);
            self.read = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The next frame that is complete, without its length; a usual delta with the byte that is both.
    pub(crate) fn next_frame(&mut self) -> Result<Option<&[u8]>> {
        let bytes = &self.bytes[self.read..];
        let Some(first) = bytes.first() else { return Ok(None) };
        let (head, length) = match (*first, bytes) {
            (first @ USUAL_DELTA.., _) => (0, 1 + usize::from(first & !USUAL_DELTA)),
            (LENGTH_OF_TWO, [_, a, b, ..]) => (3, usize::from(u16::from_le_bytes([*a, *b]))),
            (LENGTH_OF_FOUR, [_, a, b, c, d, ..]) => (5, u32::from_le_bytes([*a, *b, *c, *d]) as usize),
            (LENGTH_OF_TWO | LENGTH_OF_FOUR, _) => return Ok(None),
            (short, _) => (1, usize::from(short)),
        };
        if length > MAX_FRAME_BYTES {
            return Err(Error::malformed("frame", "is longer than the limit"));
        }
        if (head == 3 && length < usize::from(LENGTH_OF_TWO)) || (head == 5 && u16::try_from(length).is_ok())
        {
            return Err(Error::malformed("frame", "its length takes more bytes than it needs"));
        }
        if bytes.len() < head + length {
            return Ok(None);
        }
        let start = self.read + head;
        self.read = start + length;
        Ok(Some(&self.bytes[start..self.read]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Addition;

    #[test]
    fn frames_come_out_whole_however_the_stream_is_cut() {
        let bodies: Vec<Vec<u8>> =
            [0, 1, 125, 126, 127, 128, 20_000, 65_535, 65_536].iter().map(|n| vec![7; *n]).collect();
        let mut stream = Vec::new();
        for body in &bodies {
            put_frame(&mut stream, |out| out.extend_from_slice(body));
        }
        for piece in [1, 2, 3, 1000, stream.len()] {
            let mut buffer = FrameBuffer::default();
            let mut got = Vec::new();
            for chunk in stream.chunks(piece) {
                buffer.push(chunk);
                while let Some(frame) = buffer.next_frame().unwrap() {
                    got.push(frame.to_vec());
                }
            }
            assert_eq!(got, bodies);
        }
    }

    #[test]
    fn hostile_lengths_are_refused_before_anything_is_allocated() {
        for bytes in [
            &[0x7f, 0xff, 0xff, 0xff, 0xff][..],
            &[0x7f, 0, 0, 5, 0],
            &[0x7f, 0xff, 0xff, 0, 0],
            &[0x7e, 0x7d, 0],
        ] {
            let mut buffer = FrameBuffer::default();
            buffer.push(bytes);
            assert!(buffer.next_frame().is_err(), "{bytes:x?}");
        }
    }

    #[test]
    fn batches_round_trip_and_heads_say_only_what_is_unusual() {
        let types: Vec<ValueType> =
            ["i32", "bool", "string", "f64", "list<string>", "dict<string,i64>", "datetime"]
                .map(|name| ValueType::from_name(name).unwrap())
                .to_vec();
        let base = |index| ItemRef::Base { index, since: 300 };
        let own = ItemRef::Own(OwnOp { batch: 40, op: 3 });
        let changes = [
            (0, Change::Add(Addition::int(-5).0)),
            (0, Change::Add(Addition::int_clamped(80, ..=100).0)),
            (0, Change::Add(Addition::int_guarded(-30, 0..).0)),
            (0, Change::Add(Addition::int_guarded(1, -7..=7).0)),
            (1, Change::Set(Value::Bool(true))),
            (1, Change::Set(Value::Bool(false))),
            (2, Change::Set(Value::from("x"))),
            (3, Change::Add(Addition::float(0.5).0)),
            (3, Change::Add(Addition::float_clamped(0.5, -1.0..=f64::INFINITY).0)),
            (1, Change::Require(Value::Bool(true))),
            (2, Change::Require(Value::from("x"))),
            (4, Change::List(ListChange::Insert { after: Anchor::End, value: Value::from("a") })),
            (4, Change::List(ListChange::Insert { after: Anchor::Front, value: Value::from("b") })),
            (4, Change::List(ListChange::Insert { after: Anchor::After(base(0)), value: Value::from("c") })),
            (4, Change::List(ListChange::Set { item: own, value: Value::from("d") })),
            (4, Change::List(ListChange::Remove { item: ItemRef::Gone })),
            (4, Change::List(ListChange::Move { item: base(70_000), after: Anchor::After(own) })),
            (4, Change::List(ListChange::Clear)),
            (5, Change::Dict(DictChange::Put { key: Key::from("known"), value: Value::I64(7) })),
            (5, Change::Dict(DictChange::Put { key: Key::from("new"), value: Value::I64(7) })),
            (5, Change::Dict(DictChange::Remove { key: Key::from("known") })),
            (5, Change::Dict(DictChange::Add { key: Key::from("known"), add: Addition::int(2).0 })),
            (5, Change::Dict(DictChange::Add { key: Key::from("k"), add: Addition::int_guarded(2, ..9).0 })),
            (5, Change::Dict(DictChange::Clear)),
            (6, Change::Set(Value::DateTime(crate::DateTime::MAX))),
        ];
        let ops: Ops = changes.into_iter().map(|(property, change)| Op { property, change }).collect();
        let mut out = Vec::new();
        let number_of = |_: u16, key: &Key| (*key == Key::from("known")).then_some(9);
        put_batch(&mut out, 42, &ops, 300, &number_of);
        put_batch(&mut out, 43, &ops[..1], 300, &number_of);
        let meaning = |_: u16, number: u32| match number {
            9 => Some(Meaning::Key(Key::from("known"))),
            _ => None,
        };
        let mut reader = Reader::new(&out);
        assert_eq!(read_batch(&mut reader, 42, &types[..], &meaning).unwrap(), ops);
        assert_eq!(read_batch(&mut reader, 43, &types[..], &meaning).unwrap()[..], ops[..1]);
        assert!(reader.is_empty());
        for cut in 0..out.len() {
            // Cut between two operations it says that there is more.
            let mut reader = Reader::new(&out[..cut]);
            let first = read_batch(&mut reader, 42, &types[..], &meaning);
            assert!(first.is_err() || read_batch(&mut reader, 43, &types[..], &meaning).is_err(), "{cut}");
        }
        // A number that was given to nobody, and one whose key is forgotten.
        let nobody = |_: u16, _: u32| None;
        assert!(read_batch(&mut Reader::new(&out), 42, &types[..], &nobody).is_err());
        let forgotten = |_: u16, _: u32| Some(Meaning::Forgotten);
        let read = read_batch(&mut Reader::new(&out), 42, &types[..], &forgotten).unwrap();
        assert_eq!(read[18].change, Change::Dict(DictChange::Forgotten));
        assert_eq!(read[19], ops[19]);

        for (head, length) in
            [(DeltaHead { channel: 4, step: 1, own: 0 }, 4), (DeltaHead { channel: 300, step: 2, own: 1 }, 9)]
        {
            out.clear();
            put_delta(&mut out, head, 4, &[7; 3]);
            assert_eq!(out.len(), length);
            let mut buffer = FrameBuffer::default();
            buffer.push(&out);
            let mut reader = Reader::new(buffer.next_frame().unwrap().unwrap());
            let Ok(Head::Delta(got)) = read_head(&mut reader, 4) else { panic!("a delta") };
            assert_eq!((got, reader.rest()), (head, &[7; 3][..]));
        }
    }
}
