//! Frames: what travels on the ordered stream.
//!
//! A frame is a varint length and so many bytes. The first byte says what it is: the high bit marks a delta, whose
//! low bits say which parts of its head are present; otherwise it is one of the `KIND_…` numbers.

use smallvec::SmallVec;

use super::control::Control;
use super::values::{Types, put_value, read_value};
use super::varint::{Reader, len_u64, put_i64, put_u64};
use crate::error::{Error, Result};
use crate::limits::{MAX_BATCH_OPS, MAX_FRAME_BYTES};
use crate::value::{Change, Value, ValueType};

/// A control message in the encoding of `control`.
pub(crate) const KIND_CONTROL: u8 = 0;
/// Batches that a writer asks for.
pub(crate) const KIND_BATCHES: u8 = 1;
/// How far a writer's own batches are durable.
pub(crate) const KIND_DURABLE: u8 = 2;
/// An observer has applied a snapshot.
pub(crate) const KIND_CONFIRM: u8 = 3;

const DELTA: u8 = 0x80;
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
    // Most bodies are shorter than 128 bytes: leave one byte for the length, and move the body only when it takes more.
    let start = out.len();
    out.push(0);
    write(out);
    let length = out.len() - start - 1;
    debug_assert!(length <= MAX_FRAME_BYTES, "a frame of {length} bytes");
    if length < 0x80 {
        out[start] = length as u8;
        return;
    }
    let mut head = Vec::with_capacity(5);
    put_u64(&mut head, length as u64);
    out.splice(start..=start, head);
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
pub(crate) fn put_delta_head(out: &mut Vec<u8>, head: DeltaHead, last_channel: u64) {
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
const OP_ADD: u64 = 1;
const OP_MORE: u64 = 4;

/// Appends one batch inside a frame of batches.
pub(crate) fn put_batch(out: &mut Vec<u8>, ops: &[Op]) {
    for (place, op) in ops.iter().enumerate() {
        let more = if place + 1 < ops.len() { OP_MORE } else { 0 };
        let kind = match &op.change {
            // A bool is set by the kind alone.
            Change::Set(Value::Bool(v)) => u64::from(*v),
            Change::Set(_) => OP_SET,
            Change::AddInt(_) | Change::AddFloat(_) => OP_ADD,
        };
        put_u64(out, u64::from(op.property) << 3 | more | kind);
        match &op.change {
            Change::Set(Value::Bool(_)) => {}
            Change::Set(value) => put_value(out, value),
            Change::AddInt(amount) => put_i64(out, *amount),
            Change::AddFloat(amount) => out.extend_from_slice(&amount.to_bits().to_le_bytes()),
        }
    }
}

/// Reads one batch.
pub(crate) fn read_batch(reader: &mut Reader<'_>, types: &(impl Types + ?Sized)) -> Result<Ops> {
    let mut ops = Ops::new();
    loop {
        let (op, more) = read_op(reader, types).map_err(|reason| Error::malformed("batch", reason))?;
        ops.push(op);
        if !more {
            return Ok(ops);
        }
        if ops.len() >= MAX_BATCH_OPS {
            return Err(Error::LimitReached { what: "operations in a batch", limit: MAX_BATCH_OPS });
        }
    }
}

fn read_op(reader: &mut Reader<'_>, types: &(impl Types + ?Sized)) -> Result<(Op, bool), &'static str> {
    let head = reader.u64().ok_or("ends inside an operation")?;
    let value_type = types.type_of(head >> 3).ok_or("names an unknown property")?;
    let change = match (head & 3, value_type) {
        (kind @ (0 | 1), ValueType::Bool) => Change::Set(Value::Bool(kind == 1)),
        (OP_SET, _) => Change::Set(read_value(reader, value_type)?),
        (OP_ADD, ValueType::I32 | ValueType::I64) => {
            Change::AddInt(reader.i64().ok_or("ends inside an amount")?)
        }
        (OP_ADD, ValueType::F64) => {
            Change::AddFloat(f64::from_bits(reader.fixed_u64().ok_or("ends inside an amount")?))
        }
        (OP_ADD, ValueType::String) => return Err("adds to a text"),
        _ => return Err("has an unknown operation"),
    };
    Ok((Op { property: (head >> 3) as u16, change }, head & OP_MORE != 0))
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

    /// The body of the next frame that is complete.
    pub(crate) fn next_frame(&mut self) -> Result<Option<&[u8]>> {
        let mut reader = Reader::new(&self.bytes[self.read..]);
        let Some(length) = reader.u64() else {
            // A length has at most four bytes; what is no length by then never becomes one.
            return match self.bytes.len() - self.read < len_u64(MAX_FRAME_BYTES as u64) {
                true => Ok(None),
                false => Err(Error::malformed("frame", "its length is not a number")),
            };
        };
        let length = usize::try_from(length).ok().filter(|n| *n <= MAX_FRAME_BYTES);
        let length = length.ok_or_else(|| Error::malformed("frame", "is longer than the limit"))?;
        if reader.len() < length {
            return Ok(None);
        }
        let start = self.bytes.len() - reader.len();
        self.read = start + length;
        Ok(Some(&self.bytes[start..self.read]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_whole_however_the_stream_is_cut() {
        let bodies: Vec<Vec<u8>> = [0, 1, 127, 128, 20_000].iter().map(|n| vec![7; *n]).collect();
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
        for bytes in [&[0xff, 0xff, 0xff, 0xff, 0xff][..], &[0x80, 0x80, 0x80, 0x80], &[0xff, 0xff, 0x7f]] {
            let mut buffer = FrameBuffer::default();
            buffer.push(bytes);
            assert!(buffer.next_frame().is_err(), "{bytes:x?}");
        }
    }

    #[test]
    fn batches_round_trip_and_heads_say_only_what_is_unusual() {
        let types = &[ValueType::I32, ValueType::Bool, ValueType::String, ValueType::F64][..];
        let ops: Ops = [
            Op { property: 0, change: Change::AddInt(-5) },
            Op { property: 1, change: Change::Set(Value::Bool(true)) },
            Op { property: 2, change: Change::Set(Value::from("x")) },
            Op { property: 3, change: Change::AddFloat(0.5) },
        ]
        .into_iter()
        .collect();
        let mut out = Vec::new();
        put_batch(&mut out, &ops);
        put_batch(&mut out, &ops[..1]);
        let mut reader = Reader::new(&out);
        assert_eq!(read_batch(&mut reader, types).unwrap(), ops);
        assert_eq!(read_batch(&mut reader, types).unwrap()[..], ops[..1]);
        assert!(reader.is_empty());

        for (head, length) in
            [(DeltaHead { channel: 4, step: 1, own: 0 }, 1), (DeltaHead { channel: 300, step: 2, own: 1 }, 5)]
        {
            out.clear();
            put_delta_head(&mut out, head, 4);
            assert_eq!(out.len(), length);
            let Ok(Head::Delta(got)) = read_head(&mut Reader::new(&out), 4) else { panic!("a delta") };
            assert_eq!(got, head);
        }
    }
}
